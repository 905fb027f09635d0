//! Draws that belong to a slot: the same whenever and in whatever order slots are come to.

use crate::lab::random::Random;
use crate::ran::SlotCount;

/// What is drawn for, so that one kind of draw does not shift another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub(super) enum Purpose {
    /// What an L2 has to do.
    Work = 1,
    /// How long it thinks.
    Thinking,
    /// How late a PHY is.
    Jitter,
    /// Which blocks it cannot decode.
    Failing,
}

/// The draws of one slot. Neighbouring slots must not be neighbouring seeds: they are mixed (splitmix64).
pub(super) fn draws(seed: u64, slot: SlotCount, purpose: Purpose) -> Random {
    let mut mixed = seed ^ slot.0.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    Random::of(mixed ^ mixed >> 31, purpose as u16, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_has_draws_of_its_own() {
        let draw = |purpose| draws(1, SlotCount(5), purpose).next();
        assert_ne!(draw(Purpose::Work), draw(Purpose::Jitter));
        assert_eq!(draw(Purpose::Work), draw(Purpose::Work));
    }

    #[test]
    fn the_first_draws_of_slots_in_a_row_are_even() {
        let low = |slot| draws(1, SlotCount(slot), Purpose::Work).share() < 0.5;
        let count = (0..10_000).filter(|slot| low(*slot)).count();
        assert!(count.abs_diff(5_000) < 250, "{count}"); // five sigma
    }
}
