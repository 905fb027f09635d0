//! An emulated L2 or PHY with a real clock: the slots of all PHYs of a cell are those of GPS time.

use super::super::fapi::{
    Cable, FapiCast, FapiEnd, L2, L2Plan, P5Role, P5Terms, Phy, PhyPlan, Traffic,
};
use super::super::plan::Plan;
use super::p5::Talk;
use super::peer::PeerError;
use super::report::PeerReport;
use super::{Part, now};
use crate::config::Config;
use crate::config::model::{P5, Transport};
use crate::ran::Instant;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddrV4};

/// An L2 or a PHY on its wire.
pub(super) struct FapiPart<E> {
    end: E,
    cable: Cable,
    /// None where P5 does not cross the box: a PHY runs as soon as it is there.
    p5: Option<Talk>,
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
    /// P5 says whether it runs.
    fn run(&mut self, now: Instant, runs: bool);
    /// What it noticed.
    fn tell(&self, report: &mut PeerReport);
}

/// The L2 or PHY called `name`, of the first cell that has it; what it is goes to `report`.
pub(super) fn part(
    config: &Config,
    plan: &Plan,
    name: &str,
    report: &mut PeerReport,
) -> Result<Option<Box<dyn Part>>, PeerError> {
    for (cell, tdd) in plan.tdd.iter().enumerate() {
        let Some(cast) = FapiCast::of(config, cell) else {
            continue;
        };
        let numerology = cast.clock.numerology();
        let fapi = config.cells.get(cell).and_then(|cell| cell.fapi.as_ref());
        let p5 = fapi.and_then(|fapi| fapi.p5);
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
                patience: cast.ahead + cast.pipeline + PATIENCE,
                ..L2Plan::oai(numerology, plan.seed)
            };
            return boxed(L2::new(l2), &cast.l2, P5Role::L2, p5);
        }
        if let Some(end) = cast.phys.iter().find(|end| end.peer.name == name) {
            report.kind = "phy".to_owned();
            let first = cast.clock.slot_at(plan.start).offset(1);
            let phy = PhyPlan {
                terms: end.terms,
                first: first.offset(i64::from(end.slot_offset)),
                ahead: cast.ahead,
                pipeline: cast.pipeline.min(ANSWERS_AFTER),
                ..PhyPlan::oai(numerology, cast.clock.air(first, 0), plan.seed)
            };
            return boxed(Phy::new(phy), end, P5Role::Phy, p5);
        }
    }
    Ok(None)
}

fn boxed<E: FapiPeer + 'static>(
    mut end: E,
    wire: &FapiEnd,
    role: P5Role,
    p5: Option<P5>,
) -> Result<Option<Box<dyn Part>>, PeerError> {
    let (Some(terms), Some(cable)) = (terms(wire), Cable::new(&wire.peer, wire.mtu)) else {
        return Ok(None);
    };
    let talk =
        p5.map(|p5| Talk::begin(role, terms, &p5).map_err(|error| PeerError::P5(p5.l2, error)));
    let talk = talk.transpose()?;
    if talk.is_some() {
        end.run(now(), false);
    }
    Ok(Some(Box::new(FapiPart {
        end,
        cable,
        p5: talk,
        datagrams: Vec::new(),
        ready: VecDeque::new(),
        due: Instant(0),
        frame: Vec::new(),
    })))
}

/// What it knows of P5; `None` unless P7 is UDP over IPv4.
fn terms(wire: &FapiEnd) -> Option<P5Terms> {
    match wire.peer.transport {
        Transport::Udp {
            peer: IpAddr::V4(own),
            facing: IpAddr::V4(facing),
            peer_port,
            facing_port,
        } => Some(P5Terms {
            phy: wire.terms.phy,
            own: SocketAddrV4::new(own, peer_port),
            facing: SocketAddrV4::new(facing, facing_port),
        }),
        _ => None,
    }
}

impl<E: FapiPeer> Part for FapiPart<E> {
    fn next_at(&mut self) -> Option<Instant> {
        if let Some(p5) = &self.p5 {
            self.end.run(now(), p5.runs());
        }
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
        report.p5 = self.p5.as_ref().map(Talk::report);
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

    /// Without SLOT.indications it has nothing to say.
    fn run(&mut self, _now: Instant, _runs: bool) {}

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

    fn run(&mut self, now: Instant, runs: bool) {
        match (self.is_alive(), runs) {
            (false, true) => self.restart(now),
            (true, false) => self.kill(),
            _ => {}
        }
    }

    fn tell(&self, report: &mut PeerReport) {
        report.phy = Some(self.report());
    }
}

/// Slots that an answer may be late before it counts as missing: hosts that stall lose time, not answers.
const PATIENCE: u32 = 100;
/// Slots until a PHY answers; what a configuration allows beyond them is for hosts that stall.
const ANSWERS_AFTER: u32 = 4;
/// Bytes of a transport block of which three fit one frame.
const ONE_FRAME: u32 = 400;
