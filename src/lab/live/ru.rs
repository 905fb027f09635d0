//! An emulated RU with a real clock.

use super::super::plan::{Plan, PlanError};
use super::super::radio_unit::RadioUnit;
use super::Part;
use super::air::Air;
use super::report::PeerReport;
use crate::config::Config;
use crate::ran::{CellId, Instant};

/// One RU: `RadioUnit` answers and counts, `Air` watches its downlink.
pub(super) struct Ru {
    radio: RadioUnit,
    air: Vec<Air>,
    bytes: Vec<u8>,
}

impl Ru {
    /// The RU at position `ru` of the configuration.
    pub(super) fn new(config: &Config, ru: usize, plan: &Plan) -> Result<Self, PlanError> {
        let dus = config.dus.iter().map(|du| du.peer.name.clone());
        let dus: Vec<String> = dus.collect();
        let cells = config.cells.iter().enumerate();
        let own = cells.filter(|(_, cell)| cell.ru == Some(ru));
        Ok(Self {
            radio: RadioUnit::new(config, ru, plan)?,
            air: own
                .map(|(id, cell)| Air::new(CellId(id as u16), &cell.name, dus.clone()))
                .collect(),
            bytes: Vec::new(),
        })
    }
}

impl Part for Ru {
    fn next_at(&mut self) -> Option<Instant> {
        self.radio.next_at()
    }

    fn pop(&mut self) -> Option<&[u8]> {
        let frame = self.radio.pop()?;
        self.bytes.clear();
        self.bytes.extend_from_slice(frame.bytes);
        Some(&self.bytes)
    }

    fn hear(&mut self, at: Instant, frame: &[u8], original_len: usize) {
        self.settle(at);
        self.radio.receive(at, frame, original_len);
    }

    fn settle(&mut self, now: Instant) {
        for air in &mut self.air {
            air.settle(&self.radio, now);
        }
    }

    fn tell(&self, report: &mut PeerReport) {
        report.radio = Some(self.radio.report());
        report.air = self.air.iter().map(|air| air.report().clone()).collect();
    }
}
