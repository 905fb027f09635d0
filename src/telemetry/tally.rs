//! What adds up beside the lcores: counts and histograms over events, observations and API requests.
//!
//! Control feeds it; `/metrics` reads it. Everything is kept by name, so that figures stay with their
//! cell and member when a new configuration numbers them anew.

use crate::dataplane::mailbox::{Cause, Event, EventKind};
use crate::dataplane::observation::{Load, Observation};
use crate::dataplane::run_record::{CellNames, Names};
use crate::ran::{Instant, SlotCount};
use std::collections::BTreeMap;

/// A histogram with fixed bounds, in base units.
#[derive(Clone, PartialEq, Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    /// Nothing observed yet.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    /// One observation.
    pub fn add(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    /// Upper bounds and how many lie in each bucket alone; what lies above the last bound comes last.
    pub(super) fn buckets(&self) -> (&'static [f64], &[u64]) {
        (self.bounds, &self.counts)
    }

    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }
}

/// What happened in one cell.
#[derive(Clone, Debug)]
pub(super) struct CellTally {
    /// By `EventKind::index`.
    pub(super) events: [u64; EventKind::LABELS.len()],
    /// From an accepted command to its boundary on air.
    pub(super) switch: Histogram,
    /// From the decision to fail over to the first frame of who took over.
    pub(super) failover: Histogram,
    /// From the last frame of a member to the instant at which it was called lost.
    pub(super) death_to_detection: Histogram,
    /// From the due instant of its first empty slot to the same.
    pub(super) due_to_detection: Histogram,
    /// Slots in which PRB use was measured.
    pub(super) prb_slots: u64,
    /// PRB-symbols by member.
    pub(super) prb_symbols: BTreeMap<String, u64>,
    accepted: Vec<(SlotCount, Instant)>,
    decided: Option<Instant>,
}

/// What the loop of one lcore did between observations.
#[derive(Clone, Debug)]
pub(super) struct LcoreTally {
    /// The longest gap of each interval.
    pub(super) gap: Histogram,
    /// The longest gap of all.
    pub(super) longest_gap: f64,
    /// Of the last interval in which frames came.
    pub(super) cycles_per_frame: Option<f64>,
    last: Option<Load>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub(super) cells: BTreeMap<String, CellTally>,
    pub(super) lcores: BTreeMap<u32, LcoreTally>,
    pub(super) requests: BTreeMap<(String, u16), u64>,
}

impl Tally {
    /// An event was heard; `names` are those of the tables that it comes from.
    pub fn event(&mut self, names: &Names, event: &Event) {
        let Some(names) = names.cells.get(event.cell.index()) else {
            return;
        };
        if !self.cells.contains_key(&names.name) {
            self.cells.insert(names.name.clone(), CellTally::default());
        }
        if let Some(cell) = self.cells.get_mut(&names.name) {
            cell.event(names, event);
        }
    }

    /// An lcore has reported.
    pub fn observation(&mut self, lcore: u32, observation: &Observation) {
        let tally = self.lcores.entry(lcore).or_default();
        tally.report(&observation.load);
    }

    /// The API has answered a request; `route` is the path as documented, with names left out.
    pub fn request(&mut self, route: &str, code: u16) {
        *self.requests.entry((route.to_owned(), code)).or_default() += 1;
    }
}

impl Default for CellTally {
    fn default() -> Self {
        Self {
            events: [0; EventKind::LABELS.len()],
            switch: Histogram::new(SWITCH_SECONDS),
            failover: Histogram::new(DETECTION_SECONDS),
            death_to_detection: Histogram::new(DETECTION_SECONDS),
            due_to_detection: Histogram::new(DETECTION_SECONDS),
            prb_slots: 0,
            prb_symbols: BTreeMap::new(),
            accepted: Vec::new(),
            decided: None,
        }
    }
}

impl CellTally {
    fn event(&mut self, names: &CellNames, event: &Event) {
        if let Some(count) = self.events.get_mut(event.kind.index()) {
            *count += 1;
        }
        match event.kind {
            EventKind::Accepted { boundary, .. } => {
                self.accepted.truncate(ACCEPTED);
                self.accepted.push((boundary, event.at));
            }
            EventKind::Mode {
                boundary, cause, ..
            } => self.mode(boundary, cause, event.at),
            EventKind::Lost {
                last_heard, due_at, ..
            } => {
                self.death_to_detection.add(seconds(last_heard, event.at));
                self.due_to_detection.add(seconds(due_at, event.at));
            }
            EventKind::Failover { .. } => self.decided = Some(event.at),
            EventKind::PrbUse { used, .. } => self.prb_use(names, &used),
            _ => {}
        }
    }

    fn mode(&mut self, boundary: SlotCount, cause: Cause, at: Instant) {
        match cause {
            Cause::Start => {}
            Cause::Command => {
                let mine = |accepted: &&(SlotCount, Instant)| accepted.0 == boundary;
                if let Some((_, since)) = self.accepted.iter().find(mine) {
                    self.switch.add(seconds(*since, at));
                }
            }
            Cause::Failover => {
                if let Some(decided) = self.decided.take() {
                    self.failover.add(seconds(decided, at));
                }
            }
        }
        self.accepted.retain(|(waiting, _)| *waiting > boundary);
    }

    fn prb_use(&mut self, names: &CellNames, used: &[u32]) {
        self.prb_slots += 1;
        for (member, used) in names.members.iter().zip(used) {
            match self.prb_symbols.get_mut(member) {
                Some(sum) => *sum += u64::from(*used),
                None => drop(self.prb_symbols.insert(member.clone(), u64::from(*used))),
            }
        }
    }
}

impl Default for LcoreTally {
    fn default() -> Self {
        Self {
            gap: Histogram::new(GAP_SECONDS),
            longest_gap: 0.0,
            cycles_per_frame: None,
            last: None,
        }
    }
}

impl LcoreTally {
    fn report(&mut self, load: &Load) {
        let gap = load.longest_gap_ns as f64 / 1e9;
        self.gap.add(gap);
        self.longest_gap = self.longest_gap.max(gap);
        if let Some(last) = self.last.replace(*load) {
            let frames = load.frames.saturating_sub(last.frames);
            let cycles = load.busy_cycles.saturating_sub(last.busy_cycles);
            if frames > 0 {
                self.cycles_per_frame = Some(cycles as f64 / frames as f64);
            }
        }
    }
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.nanos_since(from).max(0) as f64 / 1e9
}

/// Accepted commands of one cell that wait for their boundary: the lcore holds fewer.
const ACCEPTED: usize = 63;

/// Buckets of switches: one slot of any numerology, up to boundaries far ahead.
pub(super) const SWITCH_SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Buckets of detection and failover: parts of a slot, up to a long scheduled silence.
pub(super) const DETECTION_SECONDS: &[f64] = &[
    0.000_25, 0.0005, 0.000_75, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1,
];

/// Buckets of the time between two looks at the ports.
pub(super) const GAP_SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::mailbox::Signal;
    use crate::dataplane::mailbox::{MAX_MEMBERS, Mode};
    use crate::ran::{CellId, MemberId};

    const MS: u64 = 1_000_000;

    fn names() -> Names {
        let cell = CellNames {
            name: "cell-1".into(),
            members: vec!["du-1".into(), "du-2".into()],
            ..CellNames::default()
        };
        Names {
            cells: vec![cell],
            ..Names::default()
        }
    }

    fn tally(events: &[(u64, EventKind)]) -> CellTally {
        let mut tally = Tally::default();
        for (at, kind) in events {
            let event = Event {
                at: Instant(at * MS),
                term: 0,
                cell: CellId(0),
                slot: SlotCount(0),
                kind: *kind,
            };
            tally.event(&names(), &event);
        }
        tally.cells["cell-1"].clone()
    }

    fn accepted(boundary: u64) -> EventKind {
        EventKind::Accepted {
            command: 1,
            boundary: SlotCount(boundary),
        }
    }

    fn mode(boundary: u64, cause: Cause) -> EventKind {
        EventKind::Mode {
            mode: Mode::Single(MemberId(1)),
            boundary: SlotCount(boundary),
            cause,
        }
    }

    fn total(histogram: &Histogram) -> u64 {
        histogram.buckets().1.iter().sum()
    }

    #[test]
    fn a_switch_is_timed_from_its_own_command_to_its_boundary() {
        let cell = tally(&[
            (1, accepted(10)),
            (2, accepted(50)),
            (6, mode(10, Cause::Command)),
        ]);
        assert_eq!((total(&cell.switch), cell.switch.sum()), (1, 0.005));
    }

    #[test]
    fn a_mode_that_nobody_commanded_is_no_switch() {
        let cell = tally(&[(1, mode(10, Cause::Start)), (2, mode(20, Cause::Command))]);
        assert_eq!(total(&cell.switch), 0);
        assert_eq!(cell.events[2], 2);
    }

    #[test]
    fn a_failover_is_timed_from_the_decision_and_the_loss_from_the_last_frame_and_the_due_instant()
    {
        let lost = EventKind::Lost {
            member: MemberId(0),
            last_heard: Instant(7 * MS),
            due_at: Instant(9 * MS),
            signal: Signal::Fronthaul,
        };
        let failover = EventKind::Failover {
            from: MemberId(0),
            to: MemberId(1),
            last_heard: Instant(7 * MS),
            due_at: Instant(9 * MS),
        };
        let cell = tally(&[(10, lost), (10, failover), (11, mode(30, Cause::Failover))]);
        assert_eq!(cell.death_to_detection.sum(), 0.003);
        assert_eq!(cell.due_to_detection.sum(), 0.001);
        assert_eq!((total(&cell.failover), cell.failover.sum()), (1, 0.001));
    }

    #[test]
    fn prb_use_adds_up_by_member_name() {
        let mut used = [0; MAX_MEMBERS];
        (used[0], used[1]) = (30, 70);
        let kind = EventKind::PrbUse {
            on: SlotCount(1),
            used,
        };
        let cell = tally(&[(1, kind), (2, kind)]);
        assert_eq!((cell.prb_slots, cell.prb_symbols["du-2"]), (2, 140));
    }

    #[test]
    fn cycles_per_frame_are_those_of_the_last_interval_with_frames() {
        let mut tally = Tally::default();
        let mut report = |frames, busy_cycles, longest_gap_ns| {
            let load = Load {
                frames,
                busy_cycles,
                longest_gap_ns,
                ..Load::default()
            };
            let observation = Observation {
                load,
                ..Observation::default()
            };
            tally.observation(3, &observation);
        };
        report(100, 90_000, 20_000);
        report(110, 91_000, 9_000);
        report(110, 92_000, 9_000);
        let lcore = &tally.lcores[&3];
        assert_eq!(lcore.cycles_per_frame, Some(100.0));
        assert_eq!((lcore.longest_gap, total(&lcore.gap)), (0.000_02, 3));
    }
}
