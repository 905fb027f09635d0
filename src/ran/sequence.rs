//! Sequence numbers of eCPRI types 0 and 2: 8 bits, one counting domain per (sender, eAxC, plane,
//! direction), and the window that tells loss from reordering.
//!
//! Senders do not always send in number order (a GPU DU sends a slot's block of 14 shuffled), so loss
//! is judged when a number leaves the window, never by `!= last + 1`.

use serde::{Deserialize, Serialize};

/// An 8-bit eCPRI sequence id. Wraps, so it has distance and no order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct SequenceNumber(pub u8);

impl SequenceNumber {
    /// The number after this one; 255 is followed by 0.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// Signed distance from `other`, -128..=127.
    pub const fn since(self, other: Self) -> i8 {
        self.0.wrapping_sub(other.0) as i8
    }
}

/// What one more number says about its counting domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Observation {
    /// Numbers that left the window without having been seen.
    pub missing: u8,
    /// The number was already in the window.
    pub duplicate: bool,
    /// The number is behind the newest: late, not lost.
    pub reordered: bool,
}

/// The last 64 numbers of one ingress domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LossWindow {
    seen: u64,
    newest: u8,
    /// How far back from the newest the domain is known: numbers before its first are nobody's loss.
    depth: u8,
    started: bool,
}

impl LossWindow {
    /// Records `number`. A number is missing once 64 newer ones have passed it by. A jump of 64 or
    /// more either way starts the window again: what it skipped cannot be told from a restart.
    pub const fn record(&mut self, number: SequenceNumber) -> Observation {
        let mut observation = Observation {
            missing: 0,
            duplicate: false,
            reordered: false,
        };
        if !self.started {
            *self = Self::starting_at(number);
            return observation;
        }
        let distance = number.since(SequenceNumber(self.newest));
        if distance > 0 && distance < 64 {
            observation.missing = self.advance(distance as u32);
            self.newest = number.0;
            return observation;
        }
        if distance <= 0 && distance > -64 {
            let back = (-distance) as u32;
            let bit = 1u64 << back;
            observation.duplicate = self.seen & bit != 0;
            observation.reordered = !observation.duplicate;
            self.seen |= bit;
            return observation;
        }
        observation.missing = self.pending();
        *self = Self::starting_at(number);
        observation
    }

    /// Numbers inside the window not seen yet: missing if nothing more arrives.
    pub const fn pending(&self) -> u8 {
        if self.started {
            (!self.seen & self.known()).count_ones() as u8
        } else {
            0
        }
    }

    const fn starting_at(number: SequenceNumber) -> Self {
        Self {
            seen: 1,
            newest: number.0,
            depth: 0,
            started: true,
        }
    }

    const fn advance(&mut self, by: u32) -> u8 {
        let gone = !self.seen & self.known() & !(u64::MAX >> by);
        // Without a gap, which is nearly always, nothing is counted: that costs more than the rest.
        let missing = if gone == 0 {
            0
        } else {
            gone.count_ones() as u8
        };
        self.seen = (self.seen << by) | 1;
        let depth = self.depth as u32 + by;
        self.depth = if depth > 63 { 63 } else { depth as u8 };
        missing
    }

    /// The numbers of the window that are not before the first of the domain.
    const fn known(&self) -> u64 {
        u64::MAX >> (63 - self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(numbers: impl IntoIterator<Item = u8>) -> (u32, u32, u32) {
        let mut window = LossWindow::default();
        let (mut missing, mut duplicates, mut reordered) = (0, 0, 0);
        for number in numbers {
            let seen = window.record(SequenceNumber(number));
            missing += u32::from(seen.missing);
            duplicates += u32::from(seen.duplicate);
            reordered += u32::from(seen.reordered);
        }
        (missing + u32::from(window.pending()), duplicates, reordered)
    }

    #[test]
    fn consecutive_numbers_over_the_wrap_lose_nothing() {
        assert_eq!(feed((0..1000u32).map(|n| n as u8)), (0, 0, 0));
    }

    #[test]
    fn a_gap_counts_each_number_once() {
        assert_eq!(feed((250..=255).chain(3..200)), (3, 0, 0));
    }

    #[test]
    fn a_shuffled_block_is_reordering_and_not_loss() {
        let (missing, duplicates, reordered) = feed([
            50, 62, 56, 52, 63, 64, 61, 51, 53, 54, 55, 57, 58, 59, 60, 65,
        ]);
        assert_eq!((missing, duplicates), (0, 0));
        assert!(reordered > 0);
    }

    #[test]
    fn a_repeated_number_is_a_duplicate() {
        assert_eq!(feed([1, 2, 2, 3]), (0, 1, 0));
    }

    #[test]
    fn a_number_before_the_first_is_late_and_neither_twice_nor_lost() {
        assert_eq!(feed([10, 8, 11, 12]), (0, 0, 1));
        assert_eq!(feed([10, 8, 8]), (0, 1, 1));
    }

    proptest! {
        #[test]
        fn every_number_left_out_is_counted_exactly_once(lost in proptest::collection::btree_set(1u32..2000, 0..200)) {
            // Runs of 63 or more lost in a row look like a restart: keep them shorter here.
            let kept: Vec<u32> = (0..2100u32).filter(|n| !lost.contains(n) || n % 50 == 0).collect();
            let expected = 2100 - kept.len() as u32;
            prop_assert_eq!(feed(kept.into_iter().map(|n| n as u8)).0, expected);
        }
    }
}
