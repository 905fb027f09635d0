//! Time as values: instants, durations, and the map between slots and the time on air.
//!
//! Nothing here reads a clock: backends say `now`, everything else receives it. Instants are
//! nanoseconds since the Unix epoch, in UTC without leap seconds, as capture files stamp them.

use super::slot::{CyclicPrefix, Numerology, SlotCount, symbol_start_ts};
use serde::{Deserialize, Serialize};

/// Nanoseconds since the Unix epoch.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
pub struct Instant(pub u64);

impl Instant {
    /// Later than anything that happens.
    pub const NEVER: Self = Self(u64::MAX);

    /// Signed nanoseconds from `earlier` to `self`.
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.wrapping_sub(earlier.0) as i64
    }

    /// `self + nanos`, saturating.
    pub const fn offset(self, nanos: i64) -> Self {
        Self(self.0.saturating_add_signed(nanos))
    }

    /// `self + duration`, saturating.
    pub const fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.0))
    }

    /// `self - duration`, saturating.
    pub const fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.0))
    }
}

/// A length of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Duration(u64);

impl Duration {
    /// From nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds, saturating.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// The Unix time of SlotCount 0 under GPS time: GPS epoch minus 18 leap seconds (as of 2017).
const GPS_ORIGIN_NS: u64 = (315_964_800 - 18) * 1_000_000_000;

/// When each slot is on air: numerology, prefix, and the instant of SlotCount 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SlotClock {
    numerology: Numerology,
    prefix: CyclicPrefix,
    origin: Instant,
}

impl SlotClock {
    /// Slots counted from the GPS epoch, shifted by alpha (units of 1/1.2288 ns) and beta (10 ms).
    /// The low ten bits of `count / slots_per_frame` are then the SFN (CUS clause on timing alpha, beta).
    pub const fn from_gps(
        numerology: Numerology,
        prefix: CyclicPrefix,
        alpha: u32,
        beta: i16,
    ) -> Self {
        let alpha_ns = alpha as i64 * 10_000 / 12_288;
        let shift = alpha_ns + beta as i64 * 10_000_000;
        Self {
            numerology,
            prefix,
            origin: Instant(GPS_ORIGIN_NS).offset(shift),
        }
    }

    /// A clock on which `slot` starts on air at `at`.
    pub const fn anchored(
        numerology: Numerology,
        prefix: CyclicPrefix,
        slot: SlotCount,
        at: Instant,
    ) -> Self {
        let clock = Self {
            numerology,
            prefix,
            origin: Instant(0),
        };
        let elapsed = clock.air(slot, 0).0;
        Self {
            origin: Instant(at.0.wrapping_sub(elapsed)),
            ..clock
        }
    }

    /// A clock by the instant of its SlotCount 0, which `origin` tells.
    pub const fn with_origin(
        numerology: Numerology,
        prefix: CyclicPrefix,
        origin: Instant,
    ) -> Self {
        Self {
            numerology,
            prefix,
            origin,
        }
    }

    /// The instant of SlotCount 0, modulo 2^64: before the epoch for counts that began high.
    pub const fn origin(&self) -> Instant {
        self.origin
    }

    /// The same clock, moved by `nanos`.
    pub const fn shifted(self, nanos: i64) -> Self {
        Self {
            origin: Instant(self.origin.0.wrapping_add_signed(nanos)),
            ..self
        }
    }

    /// Numerology of the cell.
    pub const fn numerology(&self) -> Numerology {
        self.numerology
    }

    /// Cyclic prefix of the cell.
    pub const fn prefix(&self) -> CyclicPrefix {
        self.prefix
    }

    /// When `symbol` of `slot` starts at the antenna.
    pub const fn air(&self, slot: SlotCount, symbol: u8) -> Instant {
        let mu = self.numerology.mu();
        let subframe = slot.0 >> mu;
        let slot_in_subframe = (slot.0 & ((1 << mu) - 1)) as u32;
        let ts = symbol_start_ts(
            self.numerology,
            self.prefix,
            slot_in_subframe,
            symbol as u32,
        );
        let within = ts * 3125 / 96;
        Instant(
            self.origin
                .0
                .wrapping_add(subframe.wrapping_mul(1_000_000))
                .wrapping_add(within),
        )
    }

    /// The slot that is on air at `at`; SlotCount 0 before the origin.
    pub const fn slot_at(&self, at: Instant) -> SlotCount {
        let elapsed = at.nanos_since(self.origin);
        if elapsed < 0 {
            return SlotCount(0);
        }
        let estimate = SlotCount(elapsed as u64 / self.numerology.slot_duration().as_nanos());
        // Slots alternate by 16 Ts above mu 1: the mean may be off by one at an edge.
        if self.air(estimate, 0).0.wrapping_sub(self.origin.0) > elapsed as u64 {
            estimate.offset(-1)
        } else {
            estimate
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::wire_slot::WireSlot;
    use proptest::prelude::*;

    const MU1: Numerology = match Numerology::new(1) {
        Some(mu) => mu,
        None => panic!("mu 1 exists"),
    };

    #[test]
    fn gps_time_gives_the_frame_number_of_a_real_capture() {
        // First downlink C-plane frames of the shared 20 MHz capture (frameId of the header).
        let clock = SlotClock::from_gps(MU1, CyclicPrefix::Normal, 0, 0);
        let at = Instant(1_795_220_728_513_860_680);
        let (frame, _, _) = WireSlot::of(clock.slot_at(at), MU1).fields(MU1);
        let sfn = (at.0 - GPS_ORIGIN_NS) / 10_000_000 % 1024;
        assert_eq!(u64::from(frame), sfn % 256);
    }

    #[test]
    fn slots_of_mu_3_alternate_but_every_half_millisecond_is_exact() {
        let mu3 = Numerology::new(3).unwrap();
        let clock = SlotClock::from_gps(mu3, CyclicPrefix::Normal, 0, 0);
        let start = |n| clock.air(SlotCount(n), 0);
        assert_eq!(start(4).nanos_since(start(0)), 500_000);
        assert_eq!(start(1).nanos_since(start(0)), 125_390);
    }

    proptest! {
        #[test]
        fn every_symbol_of_a_slot_lies_in_that_slot(mu in 0u8..=4, slot in 1u64..1 << 40, symbol in 0u8..14) {
            let numerology = Numerology::new(mu).unwrap();
            let clock = SlotClock::from_gps(numerology, CyclicPrefix::Normal, 0, 0);
            let air = clock.air(SlotCount(slot), symbol);
            prop_assert_eq!(clock.slot_at(air), SlotCount(slot));
            prop_assert_eq!(clock.slot_at(clock.air(SlotCount(slot), 0).offset(-1)), SlotCount(slot - 1));
        }

        #[test]
        fn an_anchored_clock_starts_the_slot_at_the_anchor(slot in 0u64..1 << 40, at in 1u64 << 60..1u64 << 61) {
            let clock = SlotClock::anchored(MU1, CyclicPrefix::Normal, SlotCount(slot), Instant(at));
            prop_assert_eq!(clock.air(SlotCount(slot), 0), Instant(at));
            prop_assert_eq!(clock.slot_at(Instant(at)), SlotCount(slot));
        }
    }
}
