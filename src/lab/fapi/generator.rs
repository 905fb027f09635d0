//! Frames of an L2 and its PHYs in the order of their time, as they reach the box: for captures.
//!
//! Open loop. The L2 is told every slot by a clock without fault, as a box would; each PHY is given, unseen, what
//! the box would give it: all requests of the slots that it owns, NULL ones for the others. At a chosen slot
//! the second PHY takes the work over, so that its answers are in its capture from there on; the first may die.

use super::cable::Cable;
use super::contents::Contents;
use super::datagram::{Terms, Voice};
use super::l2::{L2, L2Plan};
use super::log::Requests;
use super::phy::{Phy, PhyPlan, PhyReport};
use super::requests::requests;
use super::traffic::{Traffic, Work};
use crate::config::model::Peer;
use crate::ran::{Duration, Instant, Numerology, PortId, SlotClock, SlotCount, SlotPoint};
use serde::Serialize;
use std::collections::VecDeque;

/// One L2 or PHY on the wire.
#[derive(Clone, Debug)]
pub struct FapiEnd {
    /// Addresses.
    pub peer: Peer,
    /// MTU of its port, bytes.
    pub mtu: u16,
    /// How it writes.
    pub terms: Terms,
    /// Slots by which it counts ahead of the L2; 0 for the L2.
    pub slot_offset: i32,
}

/// Who is there.
#[derive(Clone, Debug)]
pub struct FapiCast {
    /// The L2.
    pub l2: FapiEnd,
    /// The PHYs: first the one that has the work, then the one that takes it over.
    pub phys: Vec<FapiEnd>,
    /// When slots of the L2 are on air.
    pub clock: SlotClock,
    /// Slots from the one on air to the one that is indicated.
    pub ahead: u32,
    /// Slots from the one on air to its answers.
    pub pipeline: u32,
}

/// What is played.
#[derive(Clone, PartialEq, Debug)]
pub struct FapiPlan {
    /// Slots on air from here on.
    pub start: Instant,
    /// Slots on air before `start + duration`.
    pub duration: Duration,
    /// What the L2 has to do, and the seed of everything.
    pub traffic: Traffic,
    /// Whether the L2 sends DL_TTI and UL_TTI without work too.
    pub empty_requests: bool,
    /// From this slot on, counted from the first, the second PHY has the work.
    pub switch: Option<u32>,
    /// When the first PHY dies, from the start.
    pub death: Option<Duration>,
    /// Share of transport blocks that cannot be decoded.
    pub failing: f64,
}

/// One frame as it reaches a port of the box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FapiFrame {
    /// The ingress port.
    pub port: PortId,
    /// When.
    pub at: Instant,
    /// Its bytes without FCS.
    pub bytes: Vec<u8>,
}

/// What was played.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FapiTruth {
    /// Seed.
    pub seed: u64,
    /// First slot on air, SFN and slot of the L2 unwrapped.
    pub first_slot: u64,
    /// The slot from which the second PHY has the work.
    pub switch_slot: Option<u64>,
    /// When the first PHY died.
    pub death_ns: Option<u64>,
    /// Name of the L2.
    pub l2: String,
    /// Requests of the L2, with work.
    pub requests: Requests,
    /// Requests of the L2 without work.
    pub empty_requests: Requests,
    /// Each PHY.
    pub phys: Vec<PhyTruth>,
}

/// What one PHY did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PhyTruth {
    /// Name.
    pub name: String,
    /// What it was given and what it sent.
    pub report: PhyReport,
}

/// Makes the frames of one cell.
#[derive(Clone, Debug)]
pub struct FapiGenerator {
    plan: FapiPlan,
    numerology: Numerology,
    first: SlotCount,
    end: Instant,
    l2: L2,
    l2_cable: Cable,
    l2_name: String,
    /// Tells the L2 its slots.
    metronome: Phy,
    ahead: u32,
    phys: Vec<Played>,
    ready: VecDeque<FapiFrame>,
}

/// A PHY, and who speaks to it.
#[derive(Clone, Debug)]
struct Played {
    name: String,
    phy: Phy,
    cable: Cable,
    contents: Contents,
    voice: Voice,
    slot_offset: i64,
}

impl FapiGenerator {
    /// `None` if an end has no UDP over IPv4.
    pub fn new(cast: &FapiCast, plan: FapiPlan) -> Option<Self> {
        let clock = cast.clock;
        let numerology = clock.numerology();
        let first = match clock.slot_at(plan.start) {
            slot if clock.air(slot, 0) < plan.start => slot.offset(1),
            slot => slot,
        };
        let l2 = L2Plan {
            terms: cast.l2.terms,
            traffic: plan.traffic.clone(),
            empty_requests: plan.empty_requests,
            ..L2Plan::oai(numerology, plan.traffic.seed)
        };
        let metronome = PhyPlan {
            terms: cast.l2.terms,
            first,
            ahead: cast.ahead,
            ..PhyPlan::oai(numerology, clock.air(first, 0), plan.traffic.seed)
        };
        let phys = cast.phys.iter().zip(1..);
        let phys = phys.map(|(end, n)| {
            let phy = PhyPlan {
                terms: end.terms,
                first: first.offset(i64::from(end.slot_offset)),
                pipeline: cast.pipeline,
                failing: plan.failing,
                seed: plan.traffic.seed.wrapping_add(n),
                ..metronome.clone()
            };
            Played::new(end, phy)
        });
        Some(Self {
            numerology,
            first,
            end: plan.start.after(plan.duration),
            l2: L2::new(l2),
            l2_cable: Cable::new(&cast.l2.peer, cast.l2.mtu)?,
            l2_name: cast.l2.peer.name.clone(),
            phys: phys.collect::<Option<_>>()?,
            metronome: Phy::new(metronome),
            ahead: cast.ahead,
            ready: VecDeque::new(),
            plan,
        })
    }

    /// When the next frame reaches the box; `None` after the last.
    pub fn next_at(&mut self) -> Option<Instant> {
        while self.ready.is_empty() {
            self.advance()?;
        }
        self.ready.front().map(|frame| frame.at)
    }

    /// The next frame.
    pub fn next_frame(&mut self) -> Option<FapiFrame> {
        self.next_at()?;
        self.ready.pop_front()
    }

    /// What was played so far.
    pub fn truth(&self) -> FapiTruth {
        let report = self.l2.report();
        let phys = self.phys.iter().map(|played| PhyTruth {
            name: played.name.clone(),
            report: played.phy.report(),
        });
        FapiTruth {
            seed: self.plan.traffic.seed,
            first_slot: self.first.0,
            switch_slot: self.switch().map(|slot| slot.0),
            death_ns: self.death().map(|at| at.0),
            l2: self.l2_name.clone(),
            requests: report.requests,
            empty_requests: report.empty_requests,
            phys: phys.collect(),
        }
    }

    /// Plays until something else happens; `None` if nothing does before the end.
    fn advance(&mut self) -> Option<()> {
        let phys = self.phys.iter().map(|played| played.phy.next_at());
        let next = phys.chain([self.metronome.next_at(), self.l2.next_at()]);
        let now = next.min().filter(|at| *at < self.end)?;
        if self.death().is_some_and(|at| at <= now)
            && let Some(first) = self.phys.first_mut()
        {
            first.phy.kill();
        }
        self.tell_slots(now);
        let mut datagrams = Vec::new();
        self.l2.tick(now, &mut datagrams);
        send(&datagrams, &mut self.l2_cable, now, &mut self.ready);
        for played in &mut self.phys {
            datagrams.clear();
            played.phy.tick(now, &mut datagrams);
            send(&datagrams, &mut played.cable, now, &mut self.ready);
        }
        Some(())
    }

    /// Tells the L2 the slots that are due, and gives each PHY the requests of them.
    fn tell_slots(&mut self, now: Instant) {
        let from = self.metronome.next_slot();
        let mut datagrams = Vec::new();
        self.metronome.tick(now, &mut datagrams);
        for datagram in &datagrams {
            self.l2.receive(now, datagram);
        }
        for slot in from.0..self.metronome.next_slot().0 {
            let slot = SlotCount(slot).offset(i64::from(self.ahead));
            let work = self
                .plan
                .traffic
                .work(self.as_l2_counts(slot), self.numerology);
            let owner = usize::from(self.switch().is_some_and(|switch| slot >= switch));
            for (n, played) in self.phys.iter_mut().enumerate() {
                let idle = Work::default();
                let work = if n == owner { &work } else { &idle };
                played.give(slot, work, self.numerology, now);
            }
        }
    }

    /// The L2 counts from the SFN 0 before the first slot that it is told, and draws its work by that count.
    fn as_l2_counts(&self, slot: SlotCount) -> SlotCount {
        let cycle = SFN_CYCLE * u64::from(self.numerology.slots_per_frame());
        let told_first = self.first.offset(i64::from(self.ahead));
        SlotCount(slot.0 - told_first.0 / cycle * cycle)
    }

    fn switch(&self) -> Option<SlotCount> {
        let slots = self.plan.switch.map(i64::from);
        slots.map(|slots| self.first.offset(slots))
    }

    fn death(&self) -> Option<Instant> {
        self.plan.death.map(|at| self.plan.start.after(at))
    }
}

impl Played {
    fn new(end: &FapiEnd, phy: PhyPlan) -> Option<Self> {
        Some(Self {
            name: end.peer.name.clone(),
            phy: Phy::new(phy),
            cable: Cable::new(&end.peer, end.mtu)?,
            contents: Contents::of(end.terms.dialect),
            voice: Voice::new(end.terms),
            slot_offset: i64::from(end.slot_offset),
        })
    }

    fn give(&mut self, slot: SlotCount, work: &Work, numerology: Numerology, now: Instant) {
        let point = SlotPoint::of(slot.offset(self.slot_offset), numerology);
        for made in requests(&self.contents, point, work, true) {
            let mut datagrams = Vec::new();
            let said = self
                .voice
                .say(made.kind.message(), 0, &made.body, &mut datagrams);
            if said.is_ok() {
                datagrams
                    .iter()
                    .for_each(|datagram| self.phy.receive(now, datagram));
            }
        }
    }
}

fn send(datagrams: &[Vec<u8>], cable: &mut Cable, at: Instant, ready: &mut VecDeque<FapiFrame>) {
    let port = cable.port();
    for datagram in datagrams {
        let frames = cable.pack(datagram).into_iter();
        ready.extend(frames.map(|bytes| FapiFrame { port, at, bytes }));
    }
}

/// Frames until SFN wraps.
const SFN_CYCLE: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::Transport;
    use crate::ran::{CyclicPrefix, MacAddr, VlanStack};
    use crate::wire::nfapi::{Check, Datagram, Dialect, MessageId, slot};
    use std::net::{IpAddr, Ipv4Addr};

    const MU_1: Numerology = Numerology::new(1).unwrap();
    /// A few slots before SFN 0.
    const START: Instant = Instant(10_235_000_000);

    fn end(number: u8) -> FapiEnd {
        let ip = |last| IpAddr::V4(Ipv4Addr::new(10, 1, number, last));
        FapiEnd {
            peer: Peer {
                name: format!("end-{number}"),
                port: PortId(number),
                mac: MacAddr([2, 0, 0, 0, 0, number]),
                vlan_control: VlanStack::NONE,
                vlan_user: VlanStack::NONE,
                pcp: 7,
                facing: MacAddr([2, 0, 0, 0, 1, number]),
                transport: Transport::Udp {
                    peer: ip(10),
                    facing: ip(1),
                    peer_port: 50_010,
                    facing_port: 50_011,
                },
            },
            mtu: 1500,
            terms: Terms {
                segment: 1452,
                ..Terms::OAI
            },
            slot_offset: 0,
        }
    }

    fn cast() -> FapiCast {
        let prefix = CyclicPrefix::Normal;
        FapiCast {
            l2: end(0),
            phys: vec![end(1), end(2)],
            clock: SlotClock::with_origin(MU_1, prefix, Instant(0)),
            ahead: 4,
            pipeline: 4,
        }
    }

    fn plan() -> FapiPlan {
        FapiPlan {
            start: START,
            duration: Duration::from_millis(100),
            traffic: Traffic::new(3),
            empty_requests: false,
            switch: None,
            death: None,
            failing: 0.0,
        }
    }

    fn played(plan: FapiPlan) -> (Vec<FapiFrame>, FapiTruth) {
        let mut generator = FapiGenerator::new(&cast(), plan).unwrap();
        let frames = std::iter::from_fn(|| generator.next_frame()).collect();
        (frames, generator.truth())
    }

    /// Message and slot of every first piece on a port, by when it was on air.
    fn told(frames: &[FapiFrame], port: u8) -> Vec<(MessageId, u64)> {
        let own = frames.iter().filter(|frame| frame.port == PortId(port));
        own.filter_map(|frame| {
            let payload = &frame.bytes[14 + 20 + 8..];
            let len = u32::from_be_bytes(*payload[4..].first_chunk().unwrap());
            let payload = &payload[..len as usize];
            let read = Datagram::parse(payload, Dialect::OaiNfapi, Check::Verify);
            let (view, body) = read.unwrap();
            let (point, _) = slot::parse(body, Dialect::OaiNfapi.encoding().order).ok()?;
            let near = SlotCount(START.0 / 500_000);
            let slot = point.nearest(near, MU_1);
            view.piece
                .is_first()
                .then(|| (view.head.unwrap().message, slot.0))
        })
        .collect()
    }

    fn answered(frames: &[FapiFrame], port: u8) -> Vec<u64> {
        let told = told(frames, port).into_iter();
        told.filter(|(id, _)| *id == MessageId::CRC_INDICATION)
            .map(|(_, slot)| slot)
            .collect()
    }

    #[test]
    fn frames_come_in_the_order_of_their_time() {
        let (frames, _) = played(plan());
        assert!(frames.is_sorted_by_key(|frame| frame.at));
        assert!(frames.len() > 600);
    }

    #[test]
    fn the_same_plan_makes_the_same_frames() {
        assert_eq!(played(plan()), played(plan()));
    }

    #[test]
    fn both_phys_indicate_every_slot() {
        let (frames, _) = played(plan());
        for port in [1, 2] {
            let told = told(&frames, port).into_iter();
            let slots = told.filter(|(id, _)| *id == MessageId::SLOT_INDICATION);
            let slots: Vec<u64> = slots.map(|(_, slot)| slot).collect();
            assert!(slots.is_sorted_by(|a, b| a + 1 == *b));
            assert_eq!(slots.len(), 200);
        }
    }

    #[test]
    fn only_the_one_with_the_work_answers() {
        let (frames, truth) = played(plan());
        assert!(!answered(&frames, 1).is_empty());
        assert!(answered(&frames, 2).is_empty());
        assert_eq!(truth.phys[1].report.full, Requests::default());
    }

    #[test]
    fn what_a_phy_answers_the_l2_has_asked_for_however_late_the_run_starts() {
        let cycles = Duration::from_millis(10_240 * 1_000);
        let (frames, _) = played(FapiPlan {
            start: START.after(cycles),
            ..plan()
        });
        let asked = told(&frames, 0).into_iter();
        let asked: Vec<u64> = asked
            .filter(|(id, _)| *id == MessageId::UL_TTI_REQUEST)
            .map(|(_, slot)| slot)
            .collect();
        let answered = answered(&frames, 1);
        let unasked: Vec<_> = answered
            .iter()
            .filter(|slot| !asked.contains(slot))
            .collect();
        assert!(unasked.is_empty(), "{unasked:?}");
        assert!(!answered.is_empty());
    }

    #[test]
    fn the_second_answers_from_the_slot_on_that_it_takes_over() {
        let (frames, truth) = played(FapiPlan {
            switch: Some(100),
            ..plan()
        });
        let slot = truth.switch_slot.unwrap();
        let (first, second) = (answered(&frames, 1), answered(&frames, 2));
        assert!(!first.is_empty() && first.iter().all(|answered| *answered < slot));
        assert!(!second.is_empty() && second.iter().all(|answered| *answered >= slot));
    }

    #[test]
    fn every_phy_has_its_two_requests_in_every_slot() {
        let (_, truth) = played(FapiPlan {
            switch: Some(100),
            ..plan()
        });
        for phy in &truth.phys {
            let report = &phy.report;
            let faults = [
                &report.missing,
                &report.doubled,
                &report.late,
                &report.unmatched,
            ];
            assert!(faults.iter().all(|faults| faults.count == 0), "{report:?}");
        }
    }

    #[test]
    fn a_dead_phy_is_silent() {
        let death = Duration::from_millis(40);
        let (frames, truth) = played(FapiPlan {
            death: Some(death),
            ..plan()
        });
        let last = frames.iter().filter(|frame| frame.port == PortId(1));
        let last = last.map(|frame| frame.at).max().unwrap();
        assert_eq!(truth.death_ns, Some(START.after(death).0));
        assert!(
            last < START.after(death)
                && last >= START.after(death).before(Duration::from_millis(1))
        );
    }

    #[test]
    fn a_phy_that_counts_ahead_names_other_slots() {
        let mut cast = cast();
        cast.phys[1].slot_offset = 3;
        let mut generator = FapiGenerator::new(&cast, plan()).unwrap();
        let frames: Vec<FapiFrame> = std::iter::from_fn(|| generator.next_frame()).collect();
        let first = |port| told(&frames, port)[0].1;
        assert_eq!(first(2), first(1) + 3);
        assert_eq!(generator.truth().phys[1].report.missing.count, 0);
    }
}
