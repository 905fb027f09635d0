//! What goes wrong on the way in: silence, loss, damage, doubling, delay and disorder of one peer's
//! frames. Each fault draws from its own seeded sequence, so a scenario is reproducible bit by bit.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::ran::{Duration, Instant, MacAddr, PortId, VlanStack};

use super::arrivals::{Arrival, Arrivals, InputError, sender};
use super::frame::Kind;

/// Whose frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender {
    /// Ingress port.
    pub port: PortId,
    /// Source MAC address.
    pub mac: MacAddr,
    /// VLAN ids of its C-plane and of its U-plane.
    pub vlans: [VlanStack; 2],
}

/// One fault.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fault {
    /// Whose frames it hits.
    pub sender: Sender,
    /// From this time on, counted from the first frame.
    pub from: Duration,
    /// Before this time.
    pub until: Option<Duration>,
    /// Part of the frames that it hits, 0..=1.
    pub share: f64,
    /// Seed of the draw.
    pub seed: u64,
    /// What it does.
    pub kind: FaultKind,
}

/// What a fault does to the frames that it hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// They do not arrive.
    Drop,
    /// One bit behind their addresses, within the first 64 bytes, is turned over.
    Corrupt,
    /// They arrive twice.
    Duplicate,
    /// They arrive later.
    Delay(Duration),
    /// They arrive behind up to this many later frames of the same peer.
    Reorder(u32),
}

/// Frames hit, by kind of fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts {
    /// Did not arrive.
    pub dropped: u64,
    /// Damaged.
    pub corrupted: u64,
    /// Arrived twice.
    pub duplicated: u64,
    /// Arrived later.
    pub delayed: u64,
    /// Arrived behind later frames.
    pub reordered: u64,
}

/// Arrivals after all faults.
pub struct Faults<A> {
    source: A,
    stages: Vec<Stage>,
    start: Option<Instant>,
    ready: BinaryHeap<Reverse<Ready>>,
    serial: u64,
    counts: FaultCounts,
}

struct Stage {
    fault: Fault,
    draw: Draw,
    /// Frames held back, each with the number of frames still to pass it.
    held: Vec<(u32, Arrival)>,
}

struct Ready {
    arrival: Arrival,
    serial: u64,
}

impl<A: Arrivals> Faults<A> {
    /// `source`, with `faults` applied in order.
    pub fn new(source: A, faults: &[Fault]) -> Self {
        let stage = |fault: &Fault| Stage {
            fault: *fault,
            draw: Draw(fault.seed),
            held: Vec::new(),
        };
        Self {
            source,
            stages: faults.iter().map(stage).collect(),
            start: None,
            ready: BinaryHeap::new(),
            serial: 0,
            counts: FaultCounts::default(),
        }
    }

    /// Frames hit so far.
    pub fn counts(&self) -> FaultCounts {
        self.counts
    }

    /// Where the frames come from.
    pub fn source(&self) -> &A {
        &self.source
    }

    /// When the first frame arrives, faults or not: time 0 of the scenario.
    pub fn start(&mut self) -> Result<Option<Instant>, InputError> {
        if self.start.is_none() {
            self.start = self.source.next_at()?;
        }
        Ok(self.start)
    }

    /// Takes from the source until nothing it still holds can come before `ready`'s first.
    fn settle(&mut self) -> Result<(), InputError> {
        let Some(start) = self.start()? else {
            return Ok(());
        };
        loop {
            let first = self.ready.peek().map(|Reverse(ready)| ready.arrival.at);
            match (self.source.next_at()?, first) {
                (Some(next), Some(first)) if next > first => return Ok(()),
                (None, Some(_)) => return Ok(()),
                _ => {}
            }
            let mut batch = match self.source.take()? {
                Some(arrival) => vec![arrival],
                None => Vec::new(),
            };
            let ended = batch.is_empty();
            for stage in &mut self.stages {
                batch = stage.pass(batch, start, ended, &mut self.counts);
            }
            if ended && batch.is_empty() {
                return Ok(());
            }
            for arrival in batch {
                self.serial += 1;
                let serial = self.serial;
                self.ready.push(Reverse(Ready { arrival, serial }));
            }
        }
    }
}

impl<A: Arrivals> Arrivals for Faults<A> {
    fn next_at(&mut self) -> Result<Option<Instant>, InputError> {
        self.settle()?;
        Ok(self.ready.peek().map(|Reverse(ready)| ready.arrival.at))
    }

    fn take(&mut self) -> Result<Option<Arrival>, InputError> {
        self.settle()?;
        Ok(self.ready.pop().map(|Reverse(ready)| ready.arrival))
    }
}

impl Stage {
    fn pass(
        &mut self,
        batch: Vec<Arrival>,
        start: Instant,
        ended: bool,
        counts: &mut FaultCounts,
    ) -> Vec<Arrival> {
        let mut out = Vec::with_capacity(batch.len());
        for arrival in batch {
            if !self.is_from_sender(&arrival) {
                out.push(arrival);
                continue;
            }
            let at = arrival.at;
            match self.is_active(at, start) && self.draw.share() < self.fault.share {
                true => self.hit(arrival, &mut out, counts),
                false => out.push(arrival),
            }
            self.release(at, &mut out);
        }
        if ended {
            out.extend(self.held.drain(..).map(|(_, arrival)| arrival));
        }
        out
    }

    fn hit(&mut self, mut arrival: Arrival, out: &mut Vec<Arrival>, counts: &mut FaultCounts) {
        match self.fault.kind {
            FaultKind::Drop => {
                counts.dropped += 1;
                return;
            }
            FaultKind::Corrupt => {
                counts.corrupted += 1;
                self.damage(arrival.frame.bytes_mut());
                arrival.frame.read_again();
            }
            FaultKind::Duplicate => {
                counts.duplicated += 1;
                let mut twin = arrival.clone();
                twin.frame.kind = Kind::Copy;
                out.push(arrival);
                arrival = twin;
            }
            FaultKind::Delay(by) => {
                counts.delayed += 1;
                arrival.at = arrival.at.after(by);
            }
            FaultKind::Reorder(by) => {
                counts.reordered += 1;
                let passes = 1 + self.draw.below(by.max(1));
                // One more: the frame does not pass itself.
                self.held.push((passes + 1, arrival));
                return;
            }
        }
        out.push(arrival);
    }

    /// A frame of the sender passed at `at`: those held back long enough follow it.
    fn release(&mut self, at: Instant, out: &mut Vec<Arrival>) {
        for (passes, _) in &mut self.held {
            *passes -= 1;
        }
        while let Some(due) = self.held.iter().position(|(passes, _)| *passes == 0) {
            let (_, mut arrival) = self.held.remove(due);
            arrival.at = arrival.at.max(at);
            out.push(arrival);
        }
    }

    fn damage(&mut self, frame: &mut [u8]) {
        let reach = frame.len().min(DAMAGE_TO);
        let Some(span) = reach.checked_sub(DAMAGE_FROM).filter(|span| *span > 0) else {
            return;
        };
        let at = DAMAGE_FROM + self.draw.below(span as u32) as usize;
        let bit = self.draw.below(8);
        if let Some(byte) = frame.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn is_from_sender(&self, arrival: &Arrival) -> bool {
        let wanted = self.fault.sender;
        arrival.port == wanted.port
            && sender(arrival.frame.bytes())
                .is_some_and(|(mac, vlans)| mac == wanted.mac && wanted.vlans.contains(&vlans))
    }

    fn is_active(&self, at: Instant, start: Instant) -> bool {
        at >= start.after(self.fault.from)
            && self.fault.until.is_none_or(|until| at < start.after(until))
    }
}

impl Ord for Ready {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.arrival.at, self.serial).cmp(&(other.arrival.at, other.serial))
    }
}

impl PartialOrd for Ready {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ready {}

/// splitmix64: small, seeded, the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 up to and without 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 0 up to and without `bound`.
    fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next() as u32) * u64::from(bound)) >> 32) as u32
    }
}

/// Behind the addresses, so that a damaged frame still has its sender.
const DAMAGE_FROM: usize = 12;
const DAMAGE_TO: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::frame::ReplayFrame;
    use super::*;
    use std::collections::VecDeque;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    struct Given(VecDeque<Arrival>);

    impl Arrivals for Given {
        fn next_at(&mut self) -> Result<Option<Instant>, InputError> {
            Ok(self.0.front().map(|arrival| arrival.at))
        }

        fn take(&mut self) -> Result<Option<Arrival>, InputError> {
            Ok(self.0.pop_front())
        }
    }

    /// `count` frames of one sender, numbered in byte 14, one every 10 ns from 1000 ns on.
    fn given(count: u8) -> Given {
        let arrival = |number: u8| {
            let bytes = [&[9; 6][..], &MAC.0, &[0x88, 0xb5, number]].concat();
            let at = Instant(1000 + u64::from(number) * 10);
            let frame = ReplayFrame::new(&bytes, 60, None, at);
            Arrival {
                at,
                port: PortId(0),
                frame,
            }
        };
        Given((0..count).map(arrival).collect())
    }

    fn fault(kind: FaultKind, share: f64) -> Fault {
        Fault {
            sender: Sender {
                port: PortId(0),
                mac: MAC,
                vlans: [VlanStack::NONE; 2],
            },
            from: Duration::from_nanos(20),
            until: Some(Duration::from_nanos(50)),
            share,
            seed: 7,
            kind,
        }
    }

    fn seen(fault: Fault, count: u8) -> Vec<(u64, u8)> {
        let mut faults = Faults::new(given(count), &[fault]);
        let mut seen = Vec::new();
        while let Some(arrival) = faults.take().unwrap() {
            seen.push((arrival.at.0, arrival.frame.bytes()[14]));
        }
        seen
    }

    #[test]
    fn silence_lasts_from_its_start_to_its_end() {
        let seen = seen(fault(FaultKind::Drop, 1.0), 8);
        let numbers: Vec<u8> = seen.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, [0, 1, 5, 6, 7]);
    }

    #[test]
    fn a_delayed_frame_arrives_behind_those_it_waited_for() {
        let mut delayed = fault(FaultKind::Delay(Duration::from_nanos(25)), 1.0);
        delayed.until = Some(Duration::from_nanos(30));
        let expected = [
            (1000, 0),
            (1010, 1),
            (1030, 3),
            (1040, 4),
            (1045, 2),
            (1050, 5),
        ];
        assert_eq!(seen(delayed, 6), expected);
    }

    #[test]
    fn a_reordered_frame_arrives_right_behind_the_frame_it_let_pass() {
        let mut moved = fault(FaultKind::Reorder(1), 1.0);
        moved.until = Some(Duration::from_nanos(30));
        let expected = [(1000, 0), (1010, 1), (1030, 3), (1030, 2), (1040, 4)];
        assert_eq!(seen(moved, 5), expected);
    }

    #[test]
    fn a_frame_held_back_at_the_end_still_arrives() {
        let mut moved = fault(FaultKind::Reorder(3), 1.0);
        moved.until = None;
        assert_eq!(seen(moved, 4).len(), 4);
    }

    #[test]
    fn a_duplicate_follows_its_twin() {
        let mut doubled = fault(FaultKind::Duplicate, 1.0);
        doubled.until = Some(Duration::from_nanos(30));
        assert_eq!(
            seen(doubled, 4),
            [(1000, 0), (1010, 1), (1020, 2), (1020, 2), (1030, 3)]
        );
    }

    #[test]
    fn damage_turns_over_one_bit_and_leaves_the_addresses() {
        let mut faults = Faults::new(
            given(1),
            &[Fault {
                from: Duration::from_nanos(0),
                ..fault(FaultKind::Corrupt, 1.0)
            }],
        );
        let damaged = faults.take().unwrap().unwrap();
        let whole = given(1).0.pop_front().unwrap();
        let pairs = damaged.frame.bytes().iter().zip(whole.frame.bytes());
        let flips: Vec<u32> = pairs.map(|(a, b)| (a ^ b).count_ones()).collect();
        assert_eq!(
            (flips.iter().sum::<u32>(), flips[..12].iter().sum::<u32>()),
            (1, 0)
        );
    }

    #[test]
    fn the_same_seed_hits_the_same_frames_and_another_seed_others() {
        let mut lossy = fault(FaultKind::Drop, 0.5);
        lossy.until = None;
        assert_eq!(seen(lossy, 100), seen(lossy, 100));
        assert_ne!(seen(lossy, 100), seen(Fault { seed: 8, ..lossy }, 100));
    }
}
