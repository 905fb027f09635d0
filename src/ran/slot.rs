//! Slots and symbols: numerology, the unwrapped slot count, and points that wrap with the SFN.
//!
//! TS 38.211 clause 4.3 for durations and cyclic prefixes. `SlotCount` does not wrap in the life of
//! the appliance and is ordered; `SlotPoint` and `SymbolPoint` wrap, so they offer distance, never `Ord`.

use super::clock::Duration;
use serde::{Deserialize, Serialize};

/// Subcarrier spacing index mu, 0..=4 (15 kHz shifted left by mu).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Numerology(u8);

impl Numerology {
    /// `None` above 4.
    pub const fn new(mu: u8) -> Option<Self> {
        if mu <= 4 { Some(Self(mu)) } else { None }
    }

    /// The index mu.
    pub const fn mu(self) -> u8 {
        self.0
    }

    /// Slots in one 1 ms subframe.
    pub const fn slots_per_subframe(self) -> u32 {
        1 << self.0
    }

    /// Slots in one 10 ms radio frame.
    pub const fn slots_per_frame(self) -> u32 {
        10 << self.0
    }

    /// Slots until an 8-bit frameId repeats (2.56 s).
    pub const fn wire_period(self) -> u32 {
        2560 << self.0
    }

    /// Mean slot duration. Exact for mu 0 and 1; above, slots alternate by one 16 Ts prefix.
    pub const fn slot_duration(self) -> Duration {
        Duration::from_nanos(1_000_000 >> self.0)
    }
}

/// Cyclic prefix: 14 symbols a slot, or 12 (mu 2 only).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CyclicPrefix {
    /// 14 symbols a slot.
    #[default]
    Normal,
    /// 12 symbols a slot.
    Extended,
}

impl CyclicPrefix {
    /// Symbols in one slot.
    pub const fn symbols_per_slot(self) -> u8 {
        match self {
            Self::Normal => 14,
            Self::Extended => 12,
        }
    }
}

/// Slots counted without wrap: from the GPS epoch when the cell has GPS time, else from an origin
/// chosen at the first frame so that `count mod (2560 * 2^mu)` is the slot in the headers.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
pub struct SlotCount(pub u64);

impl SlotCount {
    /// Signed number of slots from `earlier` to `self`.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// `self + slots`, saturating at 0.
    pub const fn offset(self, slots: i64) -> Self {
        Self(self.0.saturating_add_signed(slots))
    }

    /// Position in a pattern of `period` slots; 0 if `period` is 0.
    pub const fn position(self, period: u32) -> u32 {
        match self.0.checked_rem(period as u64) {
            Some(position) => position as u32,
            None => 0,
        }
    }
}

/// A slot as FAPI names it: SFN 0..=1023 and slot in frame. Wraps every 10.24 s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotPoint {
    /// System frame number, 0..=1023.
    pub sfn: u16,
    /// Slot in the 10 ms frame, below `slots_per_frame`.
    pub slot: u16,
}

impl SlotPoint {
    /// The point that `count` falls on, given that the cell's SFN follows from the count.
    pub const fn of(count: SlotCount, numerology: Numerology) -> Self {
        let per_frame = numerology.slots_per_frame() as u64;
        Self {
            sfn: ((count.0 / per_frame) % 1024) as u16,
            slot: (count.0 % per_frame) as u16,
        }
    }

    /// Signed distance in slots from `earlier`, the short way around the 1024-frame circle.
    pub const fn since(self, earlier: Self, numerology: Numerology) -> i32 {
        let per_frame = numerology.slots_per_frame() as i32;
        let modulus = 1024 * per_frame;
        let raw = (self.sfn as i32 - earlier.sfn as i32) * per_frame + self.slot as i32
            - earlier.slot as i32;
        let wrapped = raw.rem_euclid(modulus);
        if wrapped >= modulus / 2 {
            wrapped - modulus
        } else {
            wrapped
        }
    }

    /// The count nearest to `current` that falls on this point.
    pub const fn nearest(self, current: SlotCount, numerology: Numerology) -> SlotCount {
        current.offset(self.since(Self::of(current, numerology), numerology) as i64)
    }
}

/// A symbol of an unwrapped slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SymbolPoint {
    /// The slot.
    pub slot: SlotCount,
    /// 0..=13 (0..=11 with extended prefix).
    pub symbol: u8,
}

/// Start of `symbol` from the start of its 1 ms subframe, in Ts = 1/30.72 MHz.
pub(super) const fn symbol_start_ts(
    numerology: Numerology,
    prefix: CyclicPrefix,
    slot_in_subframe: u32,
    symbol: u32,
) -> u64 {
    let mu = numerology.mu();
    match prefix {
        CyclicPrefix::Normal => {
            let index = (slot_in_subframe * 14 + symbol) as u64;
            let half = 7u64 << mu;
            let long = (index > 0) as u64 + (index > half) as u64;
            index * (2192 >> mu) + 16 * long
        }
        CyclicPrefix::Extended => {
            let index = (slot_in_subframe * 12 + symbol) as u64;
            index * (2560 >> mu)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_subframe_is_30720_ts_at_every_numerology() {
        for mu in 0..=4 {
            let numerology = Numerology::new(mu).unwrap();
            let last = numerology.slots_per_subframe() - 1;
            let end = symbol_start_ts(numerology, CyclicPrefix::Normal, last, 14);
            assert_eq!(end, 30720, "mu {mu}");
        }
    }

    #[test]
    fn the_first_symbol_of_each_half_millisecond_is_longer_by_16_ts() {
        let mu1 = Numerology::new(1).unwrap();
        let start = |slot, symbol| symbol_start_ts(mu1, CyclicPrefix::Normal, slot, symbol);
        assert_eq!(start(0, 1) - start(0, 0), 1096 + 16);
        assert_eq!(start(0, 2) - start(0, 1), 1096);
        assert_eq!(start(1, 0), 15360);
        assert_eq!(start(1, 1) - start(1, 0), 1096 + 16);
    }

    #[test]
    fn extended_prefix_has_twelve_equal_symbols() {
        let mu2 = Numerology::new(2).unwrap();
        assert_eq!(symbol_start_ts(mu2, CyclicPrefix::Extended, 3, 12), 30720);
    }

    proptest! {
        #[test]
        fn a_slot_point_is_found_again_near_any_count(mu in 0u8..=4, count in 1u64<<20..1u64<<50, ahead in -5000i64..5000) {
            let numerology = Numerology::new(mu).unwrap();
            let target = SlotCount(count).offset(ahead);
            prop_assert_eq!(SlotPoint::of(target, numerology).nearest(SlotCount(count), numerology), target);
        }
    }
}
