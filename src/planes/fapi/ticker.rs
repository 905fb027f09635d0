//! The L2's clock: SLOT.indication for every slot, once and in order, whoever sends it.
//!
//! An L2 such as OAI's schedules a slot when it is indicated and has no clock of its own, so a gap is a
//! slot without traffic and a repetition is a slot scheduled twice. What the active PHY indicates is
//! forwarded if it is next; what is missing is made up, at the latest one slot after it was due.

use crate::ran::{CyclicPrefix, Duration, Instant, Numerology, SlotClock, SlotCount};
use serde::{Deserialize, Serialize};

/// How the ticker is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TickerRules {
    /// Of the cell.
    pub numerology: Numerology,
    /// Slots by which SLOT.indication names a slot before it is on air.
    pub ahead: u32,
    /// From when an indication is due until it is made up; below one slot.
    pub grace: Duration,
}

/// What to do with an indication of the active PHY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tick {
    /// It is next: forward it.
    Forward,
    /// Make up those from the slot named to the one before it, in order, then forward it.
    FillThenForward {
        /// The first that is missing.
        from: SlotCount,
    },
    /// That slot was indicated already.
    Repeated,
    /// Too far from what is next to be this cell's slot.
    OutOfStep,
}

/// The clock of one L2.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ticker {
    clock: Option<SlotClock>,
    next: SlotCount,
}

impl Ticker {
    /// When slots are on air; `None` before the first indication.
    pub const fn clock(&self) -> Option<&SlotClock> {
        self.clock.as_ref()
    }

    /// The slot to be indicated next; slot 0 before the first indication.
    pub const fn next(&self) -> SlotCount {
        self.next
    }

    /// The active PHY indicated `slot` at `now`. The first indication sets the clock.
    pub fn heard(&mut self, rules: &TickerRules, slot: SlotCount, now: Instant) -> Tick {
        let Some(clock) = self.clock else {
            self.set(rules, slot, now);
            return Tick::Forward;
        };
        let missing = slot.since(self.next);
        if missing.abs() > MOST_MISSING {
            return Tick::OutOfStep;
        }
        self.clock = Some(follow(&clock, expected(&clock, rules, slot), now));
        if missing < 0 {
            return Tick::Repeated;
        }
        let from = std::mem::replace(&mut self.next, slot.offset(1));
        match missing {
            0 => Tick::Forward,
            _ => Tick::FillThenForward { from },
        }
    }

    /// Begins again at `slot`, heard at `now`: the L2 is new, or the gap too long to be filled.
    pub fn set(&mut self, rules: &TickerRules, slot: SlotCount, now: Instant) {
        let on_air = slot.offset(-i64::from(rules.ahead));
        let prefix = CyclicPrefix::Normal;
        self.clock = Some(SlotClock::anchored(rules.numerology, prefix, on_air, now));
        self.next = slot.offset(1);
    }

    /// When the next indication is made up if it has not come.
    pub fn deadline(&self, rules: &TickerRules) -> Instant {
        let next = |clock: &SlotClock| expected(clock, rules, self.next).after(rules.grace);
        self.clock.as_ref().map_or(Instant::NEVER, next)
    }

    /// The slot whose indication is to be made up now, if one is. Call again until there is none.
    pub fn make_up(&mut self, rules: &TickerRules, now: Instant) -> Option<SlotCount> {
        if self.deadline(rules) > now {
            return None;
        }
        let slot = self.next;
        self.next = slot.offset(1);
        Some(slot)
    }
}

/// When the indication of `slot` is due.
fn expected(clock: &SlotClock, rules: &TickerRules, slot: SlotCount) -> Instant {
    clock.air(slot.offset(-i64::from(rules.ahead)), 0)
}

/// The clock moved a little to where it was heard: jitter is averaged, drift is followed.
fn follow(clock: &SlotClock, expected: Instant, heard: Instant) -> SlotClock {
    let most = clock.numerology().slot_duration().as_nanos() as i64 / 4;
    let off = heard.nanos_since(expected).clamp(-most, most);
    clock.shifted(off / FOLLOW)
}

/// Share of a deviation by which the clock is corrected.
const FOLLOW: i64 = 8;

/// Most indications that are made up or passed over at once; beyond, the clocks are not those of one cell.
const MOST_MISSING: i64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const T: u64 = 500_000;
    const START: Instant = Instant(1_000_000_000_000);
    const FIRST: SlotCount = SlotCount(1 << 30);

    fn rules() -> TickerRules {
        TickerRules {
            numerology: Numerology::new(1).unwrap(),
            ahead: 4,
            grace: Duration::from_nanos(T / 2),
        }
    }

    fn at(slots: u64) -> Instant {
        Instant(START.0 + slots * T)
    }

    fn begun() -> Ticker {
        let mut ticker = Ticker::default();
        assert_eq!(ticker.heard(&rules(), FIRST, START), Tick::Forward);
        ticker
    }

    #[test]
    fn nothing_is_made_up_before_the_first_indication() {
        let mut ticker = Ticker::default();
        assert_eq!(ticker.deadline(&rules()), Instant::NEVER);
        assert_eq!(ticker.make_up(&rules(), at(1000)), None);
    }

    #[test]
    fn the_slot_named_is_on_air_so_many_slots_later() {
        let clock = *begun().clock().unwrap();
        assert_eq!(clock.air(FIRST, 0), at(4));
    }

    #[test]
    fn indications_in_order_are_forwarded() {
        let mut ticker = begun();
        for slot in 1..100 {
            let told = ticker.heard(&rules(), FIRST.offset(slot as i64), at(slot));
            assert_eq!(told, Tick::Forward);
        }
    }

    #[test]
    fn a_missing_indication_is_made_up_within_a_slot_after_it_was_due() {
        let mut ticker = begun();
        assert_eq!(ticker.deadline(&rules()), Instant(at(1).0 + T / 2));
        assert_eq!(ticker.make_up(&rules(), at(1)), None);
        let late = ticker.deadline(&rules());
        assert_eq!(ticker.make_up(&rules(), late), Some(FIRST.offset(1)));
        assert_eq!(ticker.make_up(&rules(), late), None);
    }

    #[test]
    fn what_was_made_up_is_not_forwarded_when_it_comes() {
        let mut ticker = begun();
        let late = ticker.deadline(&rules());
        ticker.make_up(&rules(), late);
        let told = ticker.heard(&rules(), FIRST.offset(1), late.offset(1));
        assert_eq!(told, Tick::Repeated);
    }

    #[test]
    fn a_gap_is_filled_before_what_comes_after_it() {
        let mut ticker = begun();
        let told = ticker.heard(&rules(), FIRST.offset(3), at(1));
        let from = FIRST.offset(1);
        assert_eq!(told, Tick::FillThenForward { from });
        assert_eq!(ticker.next(), FIRST.offset(4));
    }

    #[test]
    fn another_clock_is_not_followed() {
        let mut ticker = begun();
        for far in [1000, -1000] {
            let told = ticker.heard(&rules(), FIRST.offset(far), at(1));
            assert_eq!(told, Tick::OutOfStep);
        }
        assert_eq!(ticker.next(), FIRST.offset(1));
    }

    #[test]
    fn a_clock_that_runs_fast_is_followed() {
        let mut ticker = begun();
        // 100 ppm: 50 ns a slot.
        for slot in 1..20_000u64 {
            let now = Instant(at(slot).0 - 50 * slot);
            assert_eq!(ticker.make_up(&rules(), now), None, "{slot}");
            let told = ticker.heard(&rules(), FIRST.offset(slot as i64), now);
            assert_eq!(told, Tick::Forward);
        }
    }

    proptest! {
        /// Whatever is lost, late or repeated: each slot once, in order, none later than a slot after due.
        #[test]
        fn every_slot_is_indicated_once_and_in_order(fates in proptest::collection::vec(0u8..8, 1..300)) {
            let rules = rules();
            let mut ticker = begun();
            let mut told = Vec::new();
            for (index, fate) in fates.iter().enumerate() {
                let slot = FIRST.offset(index as i64 + 1);
                let jitter = u64::from(*fate) * T / 40;
                let now = Instant(at(index as u64 + 1).0 + jitter);
                while let Some(slot) = ticker.make_up(&rules, now) {
                    told.push(slot);
                }
                let times = match fate { 0 => 0, 1 => 2, _ => 1 };
                for _ in 0..times {
                    match ticker.heard(&rules, slot, now) {
                        Tick::Forward => told.push(slot),
                        Tick::FillThenForward { from } => {
                            told.extend((0..=slot.since(from)).map(|n| from.offset(n)));
                        }
                        Tick::Repeated => {}
                        Tick::OutOfStep => prop_assert!(false),
                    }
                }
                let due = slot.since(*told.last().unwrap_or(&FIRST));
                prop_assert!(due <= 1, "slot {index} is behind by {due}");
            }
            for (index, slot) in told.iter().enumerate() {
                prop_assert_eq!(*slot, FIRST.offset(index as i64 + 1));
            }
        }
    }
}
