//! An emulated L2 or PHY with a real clock: the slots of all PHYs of a cell are those of GPS time.

use super::super::fapi::{Cable, FapiCast, FapiEnd, L2, L2Plan, Phy, PhyPlan, Traffic};
use super::super::plan::Plan;
use super::Part;
use super::report::PeerReport;
use crate::config::Config;
use crate::ran::Instant;
use std::collections::VecDeque;

/// An L2 or a PHY on its wire.
pub(super) struct FapiPart<E> {
    end: E,
    cable: Cable,
    datagrams: Vec<Vec<u8>>,
    ready: VecDeque<Vec<u8>>,
    /// When the frames that are ready were due.
    due: Instant,
    frame: Vec<u8>,
}

/// What an L2 and a PHY have in common.
pub(super) trait FapiPeer {
    /// A datagram came.
    fn receive(&mut self, now: Instant, datagram: &[u8]);
    /// When it has something to send.
    fn next_at(&self) -> Instant;
    /// Appends what it sends until `now`.
    fn tick(&mut self, now: Instant, out: &mut Vec<Vec<u8>>);
    /// What it noticed.
    fn tell(&self, report: &mut PeerReport);
}

/// The L2 or PHY called `name`, of the first cell that has it; what it is goes to `report`.
pub(super) fn part(
    config: &Config,
    plan: &Plan,
    name: &str,
    report: &mut PeerReport,
) -> Option<Box<dyn Part>> {
    for (cell, tdd) in plan.tdd.iter().enumerate() {
        let Some(cast) = FapiCast::of(config, cell) else {
            continue;
        };
        let numerology = cast.clock.numerology();
        if cast.l2.peer.name == name {
            report.kind = "l2".to_owned();
            let traffic = Traffic {
                tdd: tdd.clone(),
                block: ONE_FRAME,
                ..Traffic::new(plan.seed)
            };
            let l2 = L2Plan {
                terms: cast.l2.terms,
                traffic,
                ..L2Plan::oai(numerology, plan.seed)
            };
            return boxed(L2::new(l2), &cast.l2);
        }
        if let Some(end) = cast.phys.iter().find(|end| end.peer.name == name) {
            report.kind = "phy".to_owned();
            let first = cast.clock.slot_at(plan.start).offset(1);
            let phy = PhyPlan {
                terms: end.terms,
                first: first.offset(i64::from(end.slot_offset)),
                ahead: cast.ahead,
                pipeline: cast.pipeline,
                ..PhyPlan::oai(numerology, cast.clock.air(first, 0), plan.seed)
            };
            return boxed(Phy::new(phy), end);
        }
    }
    None
}

fn boxed<E: FapiPeer + 'static>(end: E, wire: &FapiEnd) -> Option<Box<dyn Part>> {
    Some(Box::new(FapiPart {
        end,
        cable: Cable::new(&wire.peer, wire.mtu)?,
        datagrams: Vec::new(),
        ready: VecDeque::new(),
        due: Instant(0),
        frame: Vec::new(),
    }))
}

impl<E: FapiPeer> Part for FapiPart<E> {
    fn next_at(&mut self) -> Option<Instant> {
        let at = match self.ready.is_empty() {
            true => self.end.next_at(),
            false => self.due,
        };
        (at != Instant::NEVER).then_some(at)
    }

    fn pop(&mut self) -> Option<&[u8]> {
        if self.ready.is_empty() {
            self.due = self.end.next_at();
            self.datagrams.clear();
            self.end.tick(self.due, &mut self.datagrams);
            let frames = self.datagrams.iter();
            self.ready
                .extend(frames.flat_map(|datagram| self.cable.pack(datagram)));
        }
        self.frame = self.ready.pop_front()?;
        Some(&self.frame)
    }

    fn hear(&mut self, at: Instant, frame: &[u8], _original_len: usize) {
        if let Some(datagram) = self.cable.unpack(frame) {
            self.end.receive(at, &datagram);
        }
    }

    fn settle(&mut self, _now: Instant) {}

    fn tell(&self, report: &mut PeerReport) {
        report.refused = self.cable.report();
        self.end.tell(report);
    }
}

impl FapiPeer for L2 {
    fn receive(&mut self, now: Instant, datagram: &[u8]) {
        self.receive(now, datagram);
    }

    fn next_at(&self) -> Instant {
        self.next_at()
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        self.tick(now, out);
    }

    fn tell(&self, report: &mut PeerReport) {
        report.l2 = Some(self.report());
    }
}

impl FapiPeer for Phy {
    fn receive(&mut self, now: Instant, datagram: &[u8]) {
        self.receive(now, datagram);
    }

    fn next_at(&self) -> Instant {
        self.next_at()
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        self.tick(now, out);
    }

    fn tell(&self, report: &mut PeerReport) {
        report.phy = Some(self.report());
    }
}

/// Bytes of a transport block of which three fit one frame.
const ONE_FRAME: u32 = 400;
