//! An emulated DU with a real clock.

use super::super::generator::Generator;
use super::super::plan::{Plan, PlanError};
use super::Part;
use super::report::PeerReport;
use super::uplink::Uplink;
use crate::config::Config;
use crate::ran::Instant;

/// One DU: the `Generator` with everybody else silent, and counters of the uplink that comes.
pub(super) struct Du {
    generator: Generator,
    uplink: Uplink,
    next: Option<Instant>,
    bytes: Vec<u8>,
}

impl Du {
    /// The DU at position `du` of the configuration.
    pub(super) fn new(config: &Config, du: usize, plan: &Plan) -> Result<Self, PlanError> {
        let mut plan = plan.clone();
        plan.open_loop = false;
        for (other, silenced) in plan.dus.iter_mut().enumerate() {
            if other != du {
                silenced.lives.clear();
            }
        }
        Ok(Self {
            generator: Generator::new(config, plan)?,
            uplink: Uplink::new(config, du),
            next: None,
            bytes: Vec::new(),
        })
    }
}

impl Part for Du {
    fn next_at(&mut self) -> Option<Instant> {
        if self.next.is_none() {
            let frame = self.generator.next_frame()?;
            self.bytes.clear();
            self.bytes.extend_from_slice(frame.bytes);
            self.next = Some(frame.at);
        }
        self.next
    }

    fn pop(&mut self) -> Option<&[u8]> {
        self.next_at()?;
        self.next = None;
        Some(&self.bytes)
    }

    fn hear(&mut self, _at: Instant, frame: &[u8], _original_len: usize) {
        self.uplink.hear(frame);
    }

    fn settle(&mut self, _now: Instant) {}

    fn tell(&self, report: &mut PeerReport) {
        report.uplink = self.uplink.report();
    }
}
