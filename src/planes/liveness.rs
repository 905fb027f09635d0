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
use crate::planes::sparse;
use crate::ran::{Duration, Instant, SlotClock, SlotCount};
use serde::{Deserialize, Serialize};

/// Class of frames whose absence is judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "snake_case")]
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

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
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
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Due {
    slot: SlotCount,
    at: Instant,
}

/// Liveness of one member of one cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Liveness {
    #[serde(with = "sparse")]
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

    /// Becomes equal to `other` without allocating; both are of one cell.
    pub fn copy_from(&mut self, other: &Self) {
        let Self {
            positions,
            next,
            recent,
            deadline,
            last_heard,
            first_missed,
            first_empty,
            last_missed,
            run,
            lost,
            started,
            margins,
        } = other;
        self.positions.clone_from(positions);
        self.next = *next;
        self.recent = *recent;
        self.deadline = *deadline;
        self.last_heard = *last_heard;
        self.first_missed = *first_missed;
        self.first_empty = *first_empty;
        self.last_missed = *last_missed;
        self.run = *run;
        self.lost = *lost;
        self.started = *started;
        self.margins = *margins;
    }

    /// True if `other` has room for as much.
    pub const fn has_shape_of(&self, other: &Self) -> bool {
        self.positions.len() == other.positions.len()
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

    /// What it is not asked for it does not owe: nothing is due until it is heard again.
    pub const fn rest(&mut self) {
        self.run = 0;
        self.lost = false;
        self.started = false;
        self.next = [None; 3];
        self.deadline = Instant::NEVER;
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

    /// True if it has been heard since it was asked to speak: only then can it fall silent.
    pub const fn is_known(&self) -> bool {
        self.started || self.lost
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
mod tests;
