//! The cycle counter and the time it tells.
//!
//! The counter runs at a constant rate on every machine we support (`constant_tsc`); it is set against
//! the system's time once a second, so that instants follow UTC as far as the system does. They never
//! go back: a system whose time was set back is waited for at half speed, so that silence is still noticed.

use super::eal::Eal;
use super::ffi;
use crate::ran::Instant;
use rustix::time::{ClockId, clock_gettime};

/// UTC from the cycle counter.
#[derive(Debug)]
pub(super) struct CycleClock {
    hz: u64,
    /// Nanoseconds per cycle, times 2^32.
    scale: u64,
    set_at: u64,
    set_to: Instant,
    /// What was told when it was set.
    told: Instant,
    last: Instant,
}

impl CycleClock {
    pub(super) fn new(_eal: &Eal) -> Self {
        let hz = cycles_per_second();
        let now = system_time();
        Self {
            hz,
            scale: ((1_000_000_000u128 << 32) / u128::from(hz)) as u64,
            set_at: cycles(),
            set_to: now,
            told: now,
            last: now,
        }
    }

    /// The instant of `cycles`, a reading of the counter not older than the last one given.
    #[inline]
    pub(super) fn at(&mut self, cycles: u64) -> Instant {
        if cycles.saturating_sub(self.set_at) > self.hz {
            self.set(cycles, system_time());
        }
        let elapsed = self.nanos(cycles.saturating_sub(self.set_at)) as i64;
        let told = self.told.offset(elapsed / 2);
        self.last = self.last.max(self.set_to.offset(elapsed)).max(told);
        self.last
    }

    fn set(&mut self, cycles: u64, to: Instant) {
        self.set_at = cycles;
        self.set_to = to;
        self.told = self.last;
    }

    /// So many cycles as nanoseconds.
    #[inline]
    pub(super) fn nanos(&self, cycles: u64) -> u64 {
        ((u128::from(cycles) * u128::from(self.scale)) >> 32) as u64
    }

    /// Cycles in a second.
    pub(super) const fn hz(&self) -> u64 {
        self.hz
    }
}

/// The cycle counter of this core.
#[inline]
pub fn cycles() -> u64 {
    // SAFETY: reads a register.
    unsafe { ffi::shim_cycles() }
}

/// Rate of the cycle counter, as EAL measured it at start.
pub fn cycles_per_second() -> u64 {
    // SAFETY: reads a number.
    unsafe { ffi::shim_cycles_hz() }.max(1)
}

fn system_time() -> Instant {
    let now = clock_gettime(ClockId::Realtime);
    Instant(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A cycle is a nanosecond.
    fn clock(now: u64) -> CycleClock {
        CycleClock {
            hz: SECOND,
            scale: 1 << 32,
            set_at: 0,
            set_to: Instant(now),
            told: Instant(now),
            last: Instant(now),
        }
    }

    #[test]
    fn cycles_pass_as_time_does() {
        let mut clock = clock(7 * SECOND);
        assert_eq!(clock.at(0), Instant(7 * SECOND));
        assert_eq!(clock.at(600), Instant(7 * SECOND + 600));
    }

    #[test]
    fn time_that_is_set_forward_is_followed_at_once() {
        let mut clock = clock(0);
        clock.set(100, Instant(9 * SECOND));
        assert_eq!(clock.at(150), Instant(9 * SECOND + 50));
    }

    #[test]
    fn time_that_is_set_back_is_waited_for_at_half_speed() {
        let mut clock = clock(SECOND);
        assert_eq!(clock.at(1000), Instant(SECOND + 1000));
        clock.set(1000, Instant(SECOND + 600));
        assert_eq!(clock.at(1000), Instant(SECOND + 1000));
        assert_eq!(clock.at(1200), Instant(SECOND + 1100), "behind by 400");
        assert_eq!(clock.at(1800), Instant(SECOND + 1400), "met");
        assert_eq!(clock.at(2000), Instant(SECOND + 1600));
    }

    #[test]
    fn a_step_back_beyond_a_second_is_waited_for_as_well() {
        let mut clock = clock(9 * SECOND);
        clock.set(0, Instant(SECOND));
        assert_eq!(clock.at(SECOND), Instant(9 * SECOND + SECOND / 2));
        clock.set(SECOND, Instant(2 * SECOND));
        assert_eq!(clock.at(2 * SECOND), Instant(10 * SECOND));
    }
}
