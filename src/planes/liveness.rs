//! Who is due when, and what silence means.
//!
//! A position of the pattern is due for a class of frames when the member sent there in each of the
//! last K periods, or when the configuration declares it. The due instant is the slot's air time minus
//! the smallest lead of those periods, never later than the end of the transmit window. A due slot
//! closes `grace` later; it is empty if nothing valid was heard from the member since it was due. After
//! `confirm` empty due slots in a row the member is lost. A member is judged from its first valid frame
//! on, declared positions included: one that never spoke cannot fall silent. Everything is told in virtual time: `stamp`
//! on each valid frame, `judge` when `deadline` is reached.

use crate::planes::margins::Margins;
use crate::ran::{Duration, Instant, SlotClock, SlotCount};

/// Class of frames whose absence is judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum DueClass {
    /// DL C-plane.
    DownlinkControl,
    /// UL C-plane.
    UplinkControl,
    /// DL U-plane.
    DownlinkUser,
}

/// The classes, in order of their index.
pub const CLASSES: [DueClass; 3] = [
    DueClass::DownlinkControl,
    DueClass::UplinkControl,
    DueClass::DownlinkUser,
];

/// What is configured, the same for all members of a cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LivenessRules {
    /// False: nobody is ever lost.
    pub enabled: bool,
    /// Slots after which the cell's schedule repeats, at least 1.
    pub period: u32,
    /// K: periods in a row that make a position due.
    pub history: u8,
    /// Empty due slots in a row that mean loss.
    pub confirm: u32,
    /// From the due instant until the slot closes.
    pub grace: Duration,
    /// End of the transmit window before air (T1a_min), by class.
    pub window_end: [Duration; 3],
    /// Declared positions: bit n of an entry for class n, one entry a position of the period.
    pub declared: Box<[u8]>,
}

impl LivenessRules {
    /// `class` is declared due at the position of `slot`.
    fn declares(&self, class: DueClass, slot: SlotCount) -> bool {
        self.declared
            .get(slot.position(self.period.max(1)) as usize)
            .is_some_and(|classes| classes >> class as u8 & 1 == 1)
    }
}

/// A due slot that closed empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missed {
    /// Which class was due.
    pub class: DueClass,
    /// The slot.
    pub slot: SlotCount,
    /// When it was due.
    pub due_at: Instant,
    /// Empty due slots in a row, this one included.
    pub run: u32,
    /// True if this one means loss.
    pub lost: bool,
}

/// What a frame ended, if anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StallEnd {
    /// Due slots that stayed empty.
    pub run: u32,
    /// The member had been declared lost.
    pub was_lost: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Position {
    /// Last slot heard here, plus one; 0 for never.
    last: u64,
    /// Smallest lead since the last turn, in nanoseconds; leads are kept for K to 2K periods.
    lead: i32,
    /// Smallest lead of the turn before.
    lead_before: i32,
    /// Periods in a row.
    streak: u8,
    /// Periods since the last turn.
    turn: u8,
}

/// One item to judge: a class due in a slot.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Due {
    slot: SlotCount,
    at: Instant,
}

/// Liveness of one member of one cell.
#[derive(Clone, Debug)]
pub struct Liveness {
    positions: Box<[Position]>,
    next: [Option<Due>; 3],
    recent: [u64; 3],
    deadline: Instant,
    last_heard: Instant,
    first_missed: Instant,
    first_empty: SlotCount,
    last_missed: Option<SlotCount>,
    run: u32,
    lost: bool,
    started: bool,
    margins: Margins,
}

impl Liveness {
    /// Nothing heard, nothing due.
    pub fn new(rules: &LivenessRules) -> Self {
        let entries = rules.period.max(1) as usize * CLASSES.len();
        Self {
            positions: vec![Position::default(); entries].into_boxed_slice(),
            next: [None; 3],
            recent: [u64::MAX; 3],
            deadline: Instant::NEVER,
            last_heard: Instant(0),
            first_missed: Instant(0),
            first_empty: SlotCount(0),
            last_missed: None,
            run: 0,
            lost: false,
            started: false,
            margins: Margins::default(),
        }
    }

    /// A valid frame of `class` for `slot` arrived at `now`.
    #[inline]
    pub fn stamp(
        &mut self,
        rules: &LivenessRules,
        clock: &SlotClock,
        class: DueClass,
        slot: SlotCount,
        now: Instant,
    ) -> Option<StallEnd> {
        self.last_heard = now;
        if let Some(recent) = self.recent.get_mut(class as usize) {
            if *recent == slot.0 && self.run == 0 {
                return None;
            }
            *recent = slot.0;
        }
        self.learn(rules, clock, class, slot, now)
    }

    /// Goes on under other rules of the same period: what was learned holds, what is due is found again,
    /// from `current` on where nothing was due.
    pub fn continue_under(&mut self, rules: &LivenessRules, clock: &SlotClock, current: SlotCount) {
        let before = std::mem::take(&mut self.next);
        self.deadline = Instant::NEVER;
        if !rules.enabled {
            self.run = 0;
            self.lost = false;
            return;
        }
        if self.lost || !self.started {
            return;
        }
        for (class, before) in CLASSES.into_iter().zip(before) {
            let after = before.map_or(current, |due| due.slot.offset(-1));
            let due = self.due_after(rules, clock, class, after);
            if let Some(next) = self.next.get_mut(class as usize) {
                *next = due;
            }
        }
        self.deadline = self.next_deadline(rules);
    }

    /// Begins lost: the member was, before all that was learned of it was forgotten.
    pub const fn begin_lost(&mut self, last_heard: Instant) {
        self.lost = true;
        self.last_heard = last_heard;
    }

    /// When `judge` has something to do.
    #[inline]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// True after loss, until heard again.
    pub const fn is_lost(&self) -> bool {
        self.lost
    }

    /// Arrival of the last valid frame.
    pub const fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// How early before closing its due slots were heard.
    pub const fn margins(&self) -> &Margins {
        &self.margins
    }

    /// Due instant of the first empty slot of the present run.
    pub const fn first_missed(&self) -> Instant {
        self.first_missed
    }

    /// Judges the earliest due slot if it has closed by `now`. Call again until it returns `None`
    /// and `deadline` lies after `now`.
    pub fn judge(
        &mut self,
        rules: &LivenessRules,
        clock: &SlotClock,
        now: Instant,
    ) -> Option<Missed> {
        while self.deadline <= now {
            let (class, due) = self.earliest()?;
            let heard = self.last_heard >= due.at || self.heard_in(rules, class, due.slot);
            let missed = match heard {
                true => None,
                false => self.miss(rules, class, due),
            };
            if self.lost {
                return missed;
            }
            let following = self.due_after(rules, clock, class, due.slot);
            if let Some(next) = self.next.get_mut(class as usize) {
                *next = following;
            }
            self.deadline = self.next_deadline(rules);
            if missed.is_some() {
                return missed;
            }
        }
        None
    }

    fn miss(&mut self, rules: &LivenessRules, class: DueClass, due: Due) -> Option<Missed> {
        if self.run > 0 && self.last_missed.is_some_and(|last| due.slot <= last) {
            return None;
        }
        if self.run == 0 {
            self.first_missed = due.at;
            self.first_empty = due.slot;
        }
        self.run += 1;
        self.last_missed = Some(due.slot);
        if self.run >= rules.confirm {
            self.lost = true;
            self.next = [None; 3];
            self.deadline = Instant::NEVER;
        }
        Some(Missed {
            class,
            slot: due.slot,
            due_at: due.at,
            run: self.run,
            lost: self.lost,
        })
    }

    fn learn(
        &mut self,
        rules: &LivenessRules,
        clock: &SlotClock,
        class: DueClass,
        slot: SlotCount,
        now: Instant,
    ) -> Option<StallEnd> {
        let stall = (self.run > 0).then_some(StallEnd {
            run: self.run,
            was_lost: self.lost,
        });
        self.run = 0;
        self.lost = false;
        let period = rules.period.max(1);
        let index = Self::index(rules, class, slot);
        let Some(position) = self.positions.get_mut(index) else {
            return stall;
        };
        if slot.0 < position.last {
            return stall;
        }
        let lead = clock.air(slot, 0).nanos_since(now);
        let lead = lead.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let learned =
            position.streak >= rules.history && slot.0 < position.last + u64::from(period);
        if rules.enabled && (learned || rules.declares(class, slot)) {
            let closes = Self::due_lead(rules, class, position) - rules.grace.as_nanos() as i64;
            self.margins.add(i64::from(lead) - closes);
        }
        if position.last != 0 && slot.0 + 1 == position.last + u64::from(period) {
            position.streak = position.streak.saturating_add(1);
            position.lead = position.lead.min(lead);
            position.turn += 1;
            if position.turn >= rules.history {
                position.lead_before = position.lead;
                position.lead = i32::MAX;
                position.turn = 0;
            }
        } else {
            *position = Position {
                last: 0,
                lead,
                lead_before: i32::MAX,
                streak: 1,
                turn: 0,
            };
        }
        position.last = slot.0 + 1;
        let due_now = position.streak >= rules.history;
        let first = !std::mem::replace(&mut self.started, true);
        if first || stall.is_some() || (due_now && self.next.get(class as usize) == Some(&None)) {
            self.arm(rules, clock, slot);
        }
        stall
    }

    fn arm(&mut self, rules: &LivenessRules, clock: &SlotClock, slot: SlotCount) {
        if !rules.enabled {
            return;
        }
        for class in CLASSES {
            let armed = self.next.get(class as usize).copied().flatten();
            if armed.is_none() {
                let due = self.due_after(rules, clock, class, slot);
                if let Some(next) = self.next.get_mut(class as usize) {
                    *next = due;
                }
            }
        }
        self.deadline = self.next_deadline(rules);
    }

    fn due_after(
        &self,
        rules: &LivenessRules,
        clock: &SlotClock,
        class: DueClass,
        slot: SlotCount,
    ) -> Option<Due> {
        for ahead in 1..=rules.period {
            let candidate = slot.offset(i64::from(ahead));
            let position = self.positions.get(Self::index(rules, class, candidate))?;
            // In a run of empty slots what was due at its start stays due, so that `confirm` may be more
            // than the due slots of one period.
            let judged = if self.run > 0 {
                self.first_empty
            } else {
                candidate
            };
            let learned = position.streak >= rules.history
                && judged.0 < position.last + u64::from(rules.period);
            if rules.declares(class, candidate) || learned {
                return Some(Due {
                    slot: candidate,
                    at: Self::due_at(rules, clock, class, candidate, position),
                });
            }
        }
        None
    }

    fn due_at(
        rules: &LivenessRules,
        clock: &SlotClock,
        class: DueClass,
        slot: SlotCount,
        position: &Position,
    ) -> Instant {
        clock
            .air(slot, 0)
            .offset(-Self::due_lead(rules, class, position))
    }

    /// How long before air a slot at `position` is due, in nanoseconds.
    fn due_lead(rules: &LivenessRules, class: DueClass, position: &Position) -> i64 {
        let window_end = rules
            .window_end
            .get(class as usize)
            .map_or(0, |end| end.as_nanos() as i64);
        let smallest = position.lead.min(position.lead_before);
        let learned = position.last != 0 && smallest != i32::MAX;
        if learned {
            return i64::from(smallest).max(window_end);
        }
        window_end
    }

    fn heard_in(&self, rules: &LivenessRules, class: DueClass, slot: SlotCount) -> bool {
        self.positions
            .get(Self::index(rules, class, slot))
            .is_some_and(|position| position.last > slot.0)
    }

    fn earliest(&self) -> Option<(DueClass, Due)> {
        CLASSES
            .into_iter()
            .zip(self.next)
            .filter_map(|(class, due)| Some((class, due?)))
            .min_by_key(|(_, due)| due.at)
    }

    fn next_deadline(&self, rules: &LivenessRules) -> Instant {
        self.earliest()
            .map_or(Instant::NEVER, |(_, due)| due.at.after(rules.grace))
    }

    fn index(rules: &LivenessRules, class: DueClass, slot: SlotCount) -> usize {
        let period = rules.period.max(1);
        class as usize * period as usize + slot.position(period) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::{CyclicPrefix, Numerology};
    use proptest::prelude::*;

    const SLOT_NS: i64 = 500_000;
    const LEAD_NS: i64 = 300_000;

    fn clock() -> SlotClock {
        let mu1 = Numerology::new(1).unwrap();
        SlotClock::from_gps(mu1, CyclicPrefix::Normal, 0, 0)
    }

    fn rules(confirm: u32) -> LivenessRules {
        LivenessRules {
            enabled: true,
            period: 10,
            history: 3,
            confirm,
            grace: Duration::from_micros(250),
            window_end: [Duration::from_micros(100); 3],
            declared: vec![0; 10].into_boxed_slice(),
        }
    }

    /// Sends UL C-plane in slots 7, 8, 9 of each period up to `last`; returns all misses until `end`.
    fn run(
        rules: &LivenessRules,
        last: u64,
        end: u64,
        lead: impl Fn(u64) -> i64,
    ) -> (Liveness, Vec<(Missed, Instant)>) {
        let clock = clock();
        let mut liveness = Liveness::new(rules);
        let mut missed = Vec::new();
        for n in 1_000_000..end {
            let slot = SlotCount(n);
            let now = clock.air(slot, 0).offset(-lead(n));
            while liveness.deadline() <= now {
                let at = liveness.deadline();
                if let Some(miss) = liveness.judge(rules, &clock, at) {
                    missed.push((miss, at));
                }
            }
            if n % 10 >= 7 && n <= last {
                liveness.stamp(rules, &clock, DueClass::UplinkControl, slot, now);
            }
        }
        (liveness, missed)
    }

    #[test]
    fn a_steady_member_is_never_missed() {
        let (_, missed) = run(&rules(1), 1_000_999, 1_000_999, |_| LEAD_NS);
        assert!(missed.is_empty());
    }

    #[test]
    fn nothing_is_due_before_the_history_is_complete() {
        let (_, missed) = run(&rules(1), 1_000_019, 1_000_100, |_| LEAD_NS);
        assert!(missed.is_empty());
        let (_, missed) = run(&rules(1), 1_000_029, 1_000_100, |_| LEAD_NS);
        assert_eq!(missed.len(), 1);
    }

    #[test]
    fn loss_is_noticed_grace_after_the_due_instant() {
        let (liveness, missed) = run(&rules(1), 1_000_108, 1_000_200, |_| LEAD_NS);
        let (miss, at) = missed[0];
        assert_eq!(miss.slot, SlotCount(1_000_109));
        let due = clock().air(SlotCount(1_000_109), 0).offset(-LEAD_NS);
        assert_eq!(miss.due_at, due);
        assert_eq!(at, due.offset(250_000));
        assert!(miss.lost && liveness.is_lost());
    }

    #[test]
    fn a_stall_shorter_than_confirm_ends_without_loss() {
        let rules = rules(3);
        let clock = clock();
        let (mut liveness, missed) = run(&rules, 1_000_107, 1_000_110, |_| LEAD_NS);
        assert_eq!(missed.len(), 1);
        let slot = SlotCount(1_000_117);
        let now = clock.air(slot, 0).offset(-LEAD_NS);
        let more = std::iter::from_fn(|| liveness.judge(&rules, &clock, now)).count();
        assert_eq!(more, 1);
        let end = liveness.stamp(&rules, &clock, DueClass::UplinkControl, slot, now);
        assert_eq!(
            end,
            Some(StallEnd {
                run: 2,
                was_lost: false
            })
        );
    }

    #[test]
    fn a_member_with_few_due_slots_is_lost_after_as_many_empty_ones_as_confirm_says() {
        let (liveness, missed) = run(&rules(5), 1_000_109, 1_000_200, |_| LEAD_NS);
        let slots: Vec<_> = missed
            .iter()
            .map(|(miss, _)| miss.slot.0 - 1_000_000)
            .collect();
        assert_eq!(slots, [117, 118, 119, 127, 128]);
        assert!(liveness.is_lost());
    }

    #[test]
    fn the_due_instant_is_never_later_than_the_end_of_the_transmit_window() {
        let (_, missed) = run(&rules(1), 1_000_108, 1_000_200, |_| -SLOT_NS / 2);
        let air = clock().air(missed[0].0.slot, 0);
        assert_eq!(missed[0].0.due_at, air.offset(-100_000));
    }

    #[test]
    fn a_declared_position_is_due_after_the_first_frame() {
        let mut rules = rules(1);
        rules.declared[7] = 1 << DueClass::UplinkControl as u8;
        let (_, missed) = run(&rules, 1_000_007, 1_000_030, |_| LEAD_NS);
        assert_eq!(missed[0].0.slot, SlotCount(1_000_017));
    }

    #[test]
    fn a_lost_member_that_returns_is_judged_again() {
        let rules = rules(1);
        let clock = clock();
        let (mut liveness, _) = run(&rules, 1_000_108, 1_000_120, |_| LEAD_NS);
        let slot = SlotCount(1_000_127);
        let end = liveness.stamp(
            &rules,
            &clock,
            DueClass::UplinkControl,
            slot,
            clock.air(slot, 0),
        );
        assert!(end.is_some_and(|end| end.was_lost));
        assert!(!liveness.is_lost());
    }

    #[test]
    fn margins_count_due_slots_only_from_the_instant_of_closing() {
        let (learning, _) = run(&rules(1), 1_000_029, 1_000_030, |_| LEAD_NS);
        assert_eq!(learning.margins().counts.iter().sum::<u64>(), 0);
        let early = |n: u64| LEAD_NS + if n == 1_000_037 { 100_000 } else { 0 };
        let (liveness, _) = run(&rules(1), 1_000_039, 1_000_040, early);
        let margins = liveness.margins();
        assert_eq!(
            margins.counts[5], 2,
            "on its due instant: the grace is left"
        );
        assert_eq!(margins.counts[7], 1, "100 us before it");
        assert_eq!(margins.sum_ns, 250_000 + 250_000 + 350_000);
    }

    #[test]
    fn a_frame_of_a_slot_that_has_closed_has_no_margin() {
        let late = |n: u64| LEAD_NS - if n == 1_000_038 { 260_000 } else { 0 };
        let (liveness, _) = run(&rules(3), 1_000_039, 1_000_040, late);
        assert_eq!(liveness.margins().counts[0], 1);
    }

    proptest! {
        #[test]
        fn jitter_within_grace_never_alarms(seed in proptest::collection::vec(0i64..240_000, 400)) {
            let lead = |n: u64| LEAD_NS + 240_000 - seed[(n - 1_000_000) as usize % seed.len()];
            let (_, missed) = run(&rules(1), 1_000_399, 1_000_399, lead);
            prop_assert!(missed.is_empty());
        }

        #[test]
        fn death_is_noticed_within_two_slots_and_the_scheduled_silence(death in 1_000_100u64..1_000_300, jitter in 0i64..200_000) {
            let rules = rules(1);
            let lead = |n: u64| LEAD_NS + if n.is_multiple_of(3) { jitter } else { 0 };
            let (_, missed) = run(&rules, death, death + 40, lead);
            let (first, at) = missed[0];
            prop_assert!(first.slot.0 > death);
            let last_sent = (1_000_000..=death).rev().find(|n| n % 10 >= 7).unwrap();
            let silence = if last_sent % 10 == 9 { 7 } else { 0 };
            let dead_at = clock().air(SlotCount(last_sent), 0).offset(-lead(last_sent));
            prop_assert!(at.nanos_since(dead_at) <= (2 + silence) * SLOT_NS);
        }
    }
}
