//! A worker on the core it runs on: the turn of its loop, what its frames cost, and the clock.
//!
//! The cycle counter runs at a constant rate on every machine we support (`constant_tsc`); it is set
//! against the system's time once a second, so that instants follow UTC as far as the system does. They
//! never go back.

use super::burst::Ports;
use super::eal::Eal;
use super::ffi;
use super::mbuf::Mbuf;
use crate::dataplane::worker::{Unobserved, Worker};
use crate::ran::{Instant, PortId};
use rustix::time::{ClockId, clock_gettime};

/// One worker over all ports, told the time by this core's cycle counter.
#[derive(Debug)]
pub struct Lcore {
    /// What decides.
    pub worker: Worker<Mbuf>,
    ports: u8,
    clock: CycleClock,
    usage: Usage,
}

/// What frames have cost, from receive to send, ticks included and idle polls left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Cycles of polls that brought frames.
    pub cycles: u64,
    /// Frames they brought.
    pub frames: u64,
}

impl Lcore {
    /// Runs `worker` on the calling thread's core over the first `ports` ports.
    pub fn new(eal: &Eal, worker: Worker<Mbuf>, ports: usize) -> Self {
        Self {
            worker,
            ports: ports.min(usize::from(u8::MAX)) as u8,
            clock: CycleClock::new(eal),
            usage: Usage::default(),
        }
    }

    /// One turn: what is due, then a burst from each port. Returns when it started.
    #[inline]
    pub fn turn(&mut self, io: &mut Ports) -> Turn {
        let started = cycles();
        let now = self.clock.at(started);
        self.worker.tick(now);
        let mut before = started;
        let mut frames = 0;
        for port in 0..self.ports {
            let burst = self.worker.poll(io, PortId(port), now, &mut Unobserved);
            let after = cycles();
            if burst > 0 {
                self.usage.cycles += after - before;
                self.usage.frames += burst as u64;
                frames += burst;
            }
            before = after;
        }
        Turn {
            started,
            now,
            frames,
        }
    }

    /// What frames have cost so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }
}

/// One turn of the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Cycle counter at its start.
    pub started: u64,
    /// What it took for the time.
    pub now: Instant,
    /// Frames that it received.
    pub frames: usize,
}

/// UTC from the cycle counter.
#[derive(Debug)]
struct CycleClock {
    hz: u64,
    /// Nanoseconds per cycle, times 2^32.
    scale: u64,
    set_at: u64,
    set_to: Instant,
    last: Instant,
}

impl CycleClock {
    fn new(_eal: &Eal) -> Self {
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
    fn at(&mut self, cycles: u64) -> Instant {
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
