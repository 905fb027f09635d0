//! The slot pattern: which of two sharing members owns which slot, changed at a slot boundary, and the
//! pattern that follows from PRB use.

use crate::ran::SlotCount;
use serde::{Deserialize, Serialize};

/// Longest slot pattern, in slots.
pub const MAX_PATTERN: usize = 160;

/// Owner of each slot of a period: bit clear source, bit set destination. Position is
/// `SlotCount mod period`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PatternBits {
    bits: [u64; 3],
    period: u8,
}

impl PatternBits {
    /// Every slot is the source's.
    pub const SOURCE: Self = Self {
        bits: [0; 3],
        period: 1,
    };

    /// From one entry a slot; `None` if empty or longer than `MAX_PATTERN`.
    pub fn new(destination: &[bool]) -> Option<Self> {
        if destination.is_empty() || destination.len() > MAX_PATTERN {
            return None;
        }
        let mut bits = [0u64; 3];
        for (position, owned) in destination.iter().enumerate() {
            if let Some(word) = bits.get_mut(position / 64) {
                *word |= u64::from(*owned) << (position % 64);
            }
        }
        Some(Self {
            bits,
            period: destination.len() as u8,
        })
    }

    /// The owners, bit n of word n/64 for slot n, and the period.
    pub const fn words(self) -> ([u64; 3], u8) {
        (self.bits, self.period)
    }

    /// From `words`; `None` if the period is none.
    pub const fn from_words(bits: [u64; 3], period: u8) -> Option<Self> {
        if period == 0 || period as usize > MAX_PATTERN {
            return None;
        }
        Some(Self { bits, period })
    }

    /// Period in slots, 1..=160.
    pub const fn period(self) -> u32 {
        self.period as u32
    }

    /// True if the destination owns `slot`.
    #[inline]
    pub fn is_destination(self, slot: SlotCount) -> bool {
        let position = slot.position(self.period()) as usize;
        let word = self.bits.get(position / 64).copied().unwrap_or(0);
        word >> (position % 64) & 1 == 1
    }
}

/// The pattern now and those to come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PatternSwitch {
    now: PatternBits,
    coming: [Option<(SlotCount, PatternBits)>; COMING],
}

/// Patterns published and not settled: each is remembered until its slots' late frames are refused, so
/// a pattern every 10 ms needs some of them.
const COMING: usize = 8;

impl PatternSwitch {
    /// `pattern` from the first slot on.
    pub const fn new(pattern: PatternBits) -> Self {
        Self {
            now: pattern,
            coming: [None; COMING],
        }
    }

    /// The pattern of `slot`.
    #[inline]
    pub fn of(&self, slot: SlotCount) -> PatternBits {
        let mut found = self.now;
        for (from, pattern) in self.coming.iter().map_while(|coming| *coming) {
            if slot < from {
                break;
            }
            found = pattern;
        }
        found
    }

    /// The pattern that has settled.
    pub const fn settled(&self) -> PatternBits {
        self.now
    }

    /// Those that have not, in order, with their first slots.
    pub fn unsettled(&self) -> impl Iterator<Item = (SlotCount, PatternBits)> {
        self.coming.iter().map_while(|coming| *coming)
    }

    /// The first pattern that begins after `slot`.
    pub fn next_after(&self, slot: SlotCount) -> Option<(SlotCount, PatternBits)> {
        let mut coming = self.coming.iter().map_while(|coming| *coming);
        coming.find(|(from, _)| *from > slot)
    }

    /// From `from` on `pattern` holds; false if too many are to come, or a later one is among them.
    pub fn schedule(&mut self, from: SlotCount, pattern: PatternBits) -> bool {
        let last = self.coming.iter().map_while(|coming| *coming).last();
        if last.is_some_and(|(last, _)| from <= last) {
            return false;
        }
        match self.coming.iter_mut().find(|coming| coming.is_none()) {
            Some(free) => {
                *free = Some((from, pattern));
                true
            }
            None => false,
        }
    }

    /// Boundary of the first pattern that has not settled.
    pub fn pending(&self) -> Option<SlotCount> {
        let [first, ..] = self.coming;
        first.map(|(from, _)| from)
    }

    /// Once no frame of a slot before `oldest` is admitted any more, patterns from before it settle.
    pub fn settle(&mut self, oldest: SlotCount) {
        while let [Some((from, pattern)), ..] = self.coming
            && from <= oldest
        {
            self.now = pattern;
            self.coming.rotate_left(1);
            if let Some(last) = self.coming.last_mut() {
                *last = None;
            }
        }
    }
}

/// A pattern over `period` slots in which the destination owns slots in proportion to its demand and
/// each member keeps at least `floor` of the slots that can be owned. Positions marked in `fixed`
/// (broadcast of either member, whole UL slots) keep the owner given there and do not count.
/// Owned slots are spread evenly, so that neither member waits longer than it must.
pub fn proportional(
    demand_source: u64,
    demand_destination: u64,
    period: usize,
    floor: usize,
    fixed: impl Fn(usize) -> Option<bool>,
) -> Option<PatternBits> {
    if period == 0 || period > MAX_PATTERN {
        return None;
    }
    let free = (0..period).filter(|at| fixed(*at).is_none()).count();
    let floor = floor.min(free / 2);
    let total = u128::from(demand_source) + u128::from(demand_destination);
    let share = (free as u128 * u128::from(demand_destination) + total / 2)
        .checked_div(total)
        .unwrap_or(free as u128 / 2) as usize;
    let share = share.clamp(floor, free - floor);
    let mut owners = [false; MAX_PATTERN];
    let mut seen = 0usize;
    for (at, owner) in owners.iter_mut().enumerate().take(period) {
        *owner = match fixed(at) {
            Some(fixed) => fixed,
            None => {
                let before = seen * share / free;
                seen += 1;
                seen * share / free > before
            }
        };
    }
    PatternBits::new(owners.get(..period)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn owned(pattern: PatternBits) -> usize {
        (0..u64::from(pattern.period()))
            .filter(|slot| pattern.is_destination(SlotCount(*slot)))
            .count()
    }

    #[test]
    fn a_pattern_repeats_with_its_period() {
        let pattern = PatternBits::new(&[false, true, true]).unwrap();
        let owners: Vec<_> = (0..6)
            .map(|slot| pattern.is_destination(SlotCount(slot)))
            .collect();
        assert_eq!(owners, [false, true, true, false, true, true]);
    }

    #[test]
    fn a_pattern_of_160_slots_fits_and_161_does_not() {
        let mut longest = [false; MAX_PATTERN];
        longest[159] = true;
        let pattern = PatternBits::new(&longest).unwrap();
        assert!(pattern.is_destination(SlotCount(159)));
        assert!(!pattern.is_destination(SlotCount(158)));
        assert!(PatternBits::new(&[false; 161]).is_none());
        assert!(PatternBits::new(&[]).is_none());
    }

    #[test]
    fn a_new_pattern_holds_from_its_boundary_and_not_before() {
        let mut switch = PatternSwitch::new(PatternBits::SOURCE);
        let all = PatternBits::new(&[true]).unwrap();
        assert!(switch.schedule(SlotCount(100), all));
        assert_eq!(switch.of(SlotCount(99)), PatternBits::SOURCE);
        assert_eq!(switch.of(SlotCount(100)), all);
        assert_eq!(switch.pending(), Some(SlotCount(100)));
        switch.settle(SlotCount(100));
        assert_eq!(switch.of(SlotCount(0)), all);
    }

    #[test]
    fn patterns_to_come_are_kept_in_order_until_they_settle() {
        let mut switch = PatternSwitch::new(PatternBits::SOURCE);
        let all = PatternBits::new(&[true]).unwrap();
        for n in 1..=COMING as u64 {
            let pattern = if n % 2 == 1 { all } else { PatternBits::SOURCE };
            assert!(switch.schedule(SlotCount(n * 20), pattern));
            assert!(!switch.schedule(SlotCount(n * 20), pattern));
        }
        assert!(!switch.schedule(SlotCount(1000), all));
        assert_eq!(switch.of(SlotCount(39)), all);
        assert_eq!(switch.of(SlotCount(40)), PatternBits::SOURCE);
        switch.settle(SlotCount(59));
        assert_eq!(switch.pending(), Some(SlotCount(60)));
        assert_eq!(switch.of(SlotCount(0)), PatternBits::SOURCE);
        assert!(switch.schedule(SlotCount(1000), all));
    }

    #[test]
    fn nobody_asking_means_halves() {
        let pattern = proportional(0, 0, 10, 1, |_| None).unwrap();
        assert_eq!(owned(pattern), 5);
    }

    proptest! {
        #[test]
        fn ownership_follows_demand_and_respects_the_floor(
            source in 0u64..1_000_000, destination in 0u64..1_000_000, period in 2usize..=160, floor in 0usize..20,
        ) {
            let pattern = proportional(source, destination, period, floor, |_| None).unwrap();
            let count = owned(pattern);
            let floor = floor.min(period / 2);
            prop_assert!(count >= floor && count <= period - floor);
            if source + destination > 0 {
                let exact = period as f64 * destination as f64 / (source + destination) as f64;
                let clamped = exact.clamp(floor as f64, (period - floor) as f64);
                prop_assert!((count as f64 - clamped).abs() <= 1.0);
            }
        }

        #[test]
        fn fixed_slots_keep_their_owner(source in 0u64..1000, destination in 0u64..1000) {
            let fixed = |at: usize| match at { 0 => Some(true), 7..=9 => Some(false), _ => None };
            let pattern = proportional(source, destination, 10, 1, fixed).unwrap();
            prop_assert!(pattern.is_destination(SlotCount(0)));
            prop_assert!((7..10).all(|at| !pattern.is_destination(SlotCount(at))));
        }
    }
}
