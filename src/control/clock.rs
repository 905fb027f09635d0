//! The clocks of control threads: the time of day for people, a steady one for intervals.

use crate::ran::Instant;
use rustix::time::{ClockId, clock_gettime};

/// The time of day.
pub(crate) fn wall() -> Instant {
    Instant(nanoseconds(ClockId::Realtime))
}

/// Nanoseconds since some moment before the process started; never steps.
pub(super) fn steady() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    (time.tv_sec as u64)
        .saturating_mul(1_000_000_000)
        .saturating_add(time.tv_nsec as u64)
}
