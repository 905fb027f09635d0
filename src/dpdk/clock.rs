//! The cycle counter and the time it tells.
//!
//! The counter runs at a constant rate on every machine we support (`constant_tsc`); it is set against
//! the system's time once a second, so that instants follow UTC as far as the system does. They never
//! go back.

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
            last: now,
        }
    }

    /// The instant of `cycles`, a reading of the counter not older than the last one given.
    #[inline]
    pub(super) fn at(&mut self, cycles: u64) -> Instant {
        let mut elapsed = cycles.saturating_sub(self.set_at);
        if elapsed > self.hz {
            self.set_at = cycles;
            self.set_to = system_time();
            elapsed = 0;
        }
        self.last = self
            .last
            .max(self.set_to.offset(self.nanos(elapsed) as i64));
        self.last
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
