//! What a worker needs of the core it runs on: its cycle counter as a clock.
//!
//! The counter runs at a constant rate on every machine we support (`constant_tsc`); it is set against
//! the system's time once a second, so that instants follow UTC as far as the system does. They never
//! go back.

use super::ffi;
use crate::ran::Instant;
use rustix::time::{ClockId, clock_gettime};

/// UTC from the cycle counter.
#[derive(Debug)]
pub struct CycleClock {
    hz: u64,
    /// Nanoseconds per cycle, times 2^32.
    scale: u64,
    set_at: u64,
    set_to: Instant,
    last: Instant,
}

impl CycleClock {
    /// Set against the system's time now. EAL must run: it has measured the counter's rate.
    pub fn new(_eal: &super::eal::Eal) -> Self {
        // SAFETY: reads a number that EAL measured at start.
        let hz = unsafe { ffi::shim_cycles_hz() }.max(1);
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
    pub fn at(&mut self, cycles: u64) -> Instant {
        let mut elapsed = cycles.saturating_sub(self.set_at);
        if elapsed > self.hz {
            self.set_at = cycles;
            self.set_to = system_time();
            elapsed = 0;
        }
        let nanos = ((u128::from(elapsed) * u128::from(self.scale)) >> 32) as i64;
        self.last = self.last.max(self.set_to.offset(nanos));
        self.last
    }

    /// Cycles in `milliseconds`.
    pub fn cycles_in(&self, milliseconds: u64) -> u64 {
        milliseconds.saturating_mul(self.hz / 1_000)
    }
}

/// The cycle counter of this core.
pub fn cycles() -> u64 {
    // SAFETY: reads a register.
    unsafe { ffi::shim_cycles() }
}

fn system_time() -> Instant {
    let now = clock_gettime(ClockId::Realtime);
    Instant(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}
