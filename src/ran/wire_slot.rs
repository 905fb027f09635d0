//! The slot as an O-RAN header carries it (frameId mod 256, subframeId, slotId) and its lift.
//!
//! CUS 7.5.2.4 to 7.5.2.6. Only `nearest` crosses from the 2.56 s circle of the headers to the
//! unwrapped count; raw frameIds are never compared.

use super::slot::{Numerology, SlotCount};
use serde::{Deserialize, Serialize};

/// A slot on the 2.56 s circle: `frameId * slots_per_frame + slot_in_frame`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct WireSlot(u32);

impl WireSlot {
    /// frameId 0, subframeId 0, slotId 0.
    pub const FIRST: Self = Self(0);

    /// From header fields; `None` if subframeId is above 9 or slotId does not exist at `numerology`.
    pub const fn new(frame: u8, subframe: u8, slot: u8, numerology: Numerology) -> Option<Self> {
        if subframe > 9 || slot as u32 >= numerology.slots_per_subframe() {
            return None;
        }
        let in_frame = ((subframe as u32) << numerology.mu()) + slot as u32;
        Some(Self(frame as u32 * numerology.slots_per_frame() + in_frame))
    }

    /// The point that `count` falls on.
    pub const fn of(count: SlotCount, numerology: Numerology) -> Self {
        Self((count.0 % numerology.wire_period() as u64) as u32)
    }

    /// Header fields: frameId, subframeId, slotId.
    pub const fn fields(self, numerology: Numerology) -> (u8, u8, u8) {
        let in_frame = self.0 % numerology.slots_per_frame();
        (
            (self.0 / numerology.slots_per_frame()) as u8,
            (in_frame >> numerology.mu()) as u8,
            (in_frame & (numerology.slots_per_subframe() - 1)) as u8,
        )
    }

    /// Position on the circle, below `wire_period`.
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The count nearest to `current` that falls on this slot: within 1.28 s either way.
    pub const fn nearest(self, current: SlotCount, numerology: Numerology) -> SlotCount {
        self.nearest_from(current, Self::of(current, numerology), numerology)
    }

    /// The same, for a caller that remembers on which slot `here` the count `current` falls: a division
    /// less.
    #[inline]
    pub const fn nearest_from(
        self,
        current: SlotCount,
        here: Self,
        numerology: Numerology,
    ) -> SlotCount {
        let period = numerology.wire_period();
        let ahead = if self.0 >= here.0 {
            self.0 - here.0
        } else {
            self.0 + period - here.0
        };
        if ahead >= period / 2 {
            current.offset(ahead as i64 - period as i64)
        } else {
            current.offset(ahead as i64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn out_of_range_subframes_and_slots_are_refused() {
        let mu1 = Numerology::new(1).unwrap();
        assert!(WireSlot::new(255, 9, 1, mu1).is_some());
        assert!(WireSlot::new(0, 10, 0, mu1).is_none());
        assert!(WireSlot::new(0, 0, 2, mu1).is_none());
    }

    #[test]
    fn the_slot_after_frame_255_is_one_ahead() {
        let mu1 = Numerology::new(1).unwrap();
        let last = WireSlot::new(255, 9, 1, mu1).unwrap();
        let first = WireSlot::new(0, 0, 0, mu1).unwrap();
        let now = last.nearest(SlotCount(5120 * 7), mu1);
        assert_eq!(first.nearest(now, mu1).since(now), 1);
        assert_eq!(last.nearest(first.nearest(now, mu1), mu1), now);
    }

    proptest! {
        #[test]
        fn lifting_finds_every_slot_within_half_a_period(mu in 0u8..=4, count in 100_000u64..1u64<<50, ahead in -1279i64..1279) {
            let numerology = Numerology::new(mu).unwrap();
            let target = SlotCount(count).offset(ahead << mu);
            let (frame, subframe, slot) = WireSlot::of(target, numerology).fields(numerology);
            let wire = WireSlot::new(frame, subframe, slot, numerology).unwrap();
            prop_assert_eq!(wire.nearest(SlotCount(count), numerology), target);
        }
    }
}
