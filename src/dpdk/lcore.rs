//! A worker on the core it runs on: the turn of its loop, what its frames cost, and its rest.

use super::burst::Ports;
use super::clock::CycleClock;
pub use super::clock::{cycles, cycles_per_second};
use super::eal::Eal;
use super::ffi;
use super::mbuf::Mbuf;
use crate::dataplane::mailbox::Mailbox;
use crate::dataplane::observation::Load;
use crate::dataplane::worker::{Unobserved, Worker};
use crate::ran::{Instant, PortId};
use rustix::thread::{nanosleep, set_current_timer_slack};
use rustix::time::Timespec;
use std::num::NonZeroU64;

/// One worker over the ports of its lcore, told the time by this core's cycle counter.
#[derive(Debug)]
pub struct Lcore {
    /// What decides.
    pub worker: Worker<Mbuf>,
    /// Ports polled and sent on here.
    mine: Vec<PortId>,
    /// Ports of other lcores, which hand over what they receive.
    others: Vec<PortId>,
    rest: Rest,
    clock: CycleClock,
    usage: Usage,
    load: Load,
    last: LastTurn,
    longest_gap: u64,
}

/// What the loop does when nothing comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// Polls again at once.
    Spin,
    /// Polls again after a PAUSE instruction.
    Pause,
    /// Pauses, and sleeps once nothing has come for `AWAKE`.
    Sleep,
}

/// What frames have cost, from receive to send, ticks included and idle polls left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// Cycles of polls that brought frames.
    pub cycles: u64,
    /// Frames they brought.
    pub frames: u64,
}

/// What the next turn counts of the last one.
#[derive(Clone, Copy, Debug)]
struct LastTurn {
    started: u64,
    busy: bool,
    /// When frames last came.
    busy_at: u64,
}

impl Lcore {
    /// Runs `worker` alone, over the first `ports` ports.
    pub fn new(eal: &Eal, worker: Worker<Mbuf>, ports: usize) -> Self {
        let all = 0..ports.min(usize::from(u8::MAX) + 1);
        let (mine, others) = all
            .map(|port| PortId(port as u8))
            .partition(|port| worker.handover().is_none_or(|end| end.is_mine(*port)));
        let started = cycles();
        let clock = CycleClock::new(eal);
        Self {
            worker,
            mine,
            others,
            rest: Rest::Spin,
            load: Load {
                hz: clock.hz(),
                ..Load::default()
            },
            clock,
            usage: Usage::default(),
            last: LastTurn {
                started,
                busy: false,
                busy_at: started,
            },
            longest_gap: 0,
        }
    }

    /// With this rest between turns that brought nothing.
    pub fn resting(self, rest: Rest) -> Self {
        Self { rest, ..self }
    }

    /// To be called on the lcore itself before its first turn: sleeps end when they should.
    pub fn settle(&mut self) {
        if self.rest == Rest::Sleep {
            // Refused, it sleeps up to 50 us longer.
            let _ = set_current_timer_slack(NonZeroU64::new(1));
        }
        self.last.started = cycles();
        self.last.busy_at = self.last.started;
    }

    /// One turn: what is due, then a burst from each port. Returns when it started.
    #[inline]
    pub fn turn(&mut self, io: &mut Ports) -> Turn {
        let started = cycles();
        let now = self.clock.at(started);
        self.count_turn(started);
        self.worker.tick(now);
        self.worker.flush(io, now);
        let mut before = started;
        let mut frames = 0;
        for port in &self.mine {
            let burst = self.worker.poll(io, *port, now, &mut Unobserved);
            let after = cycles();
            if burst > 0 {
                self.usage.cycles += after - before;
                self.usage.frames += burst as u64;
                frames += burst;
            }
            before = after;
        }
        if !self.others.is_empty() || self.worker.holds_frames() {
            frames += self.trade(io, now);
        }
        self.end_turn(started, now, frames)
    }

    /// A turn that receives nothing: decides and sends what other lcores hand over.
    pub fn turn_without_receiving(&mut self, io: &mut Ports) -> Turn {
        let started = cycles();
        let now = self.clock.at(started);
        self.count_turn(started);
        self.worker.tick(now);
        self.worker.flush(io, now);
        let frames = self.trade(io, now);
        self.end_turn(started, now, frames)
    }

    /// One exchange with control.
    #[inline]
    pub fn exchange(&mut self, now: Instant, mailbox: &Mailbox) {
        self.load.longest_gap_ns = self.clock.nanos(self.longest_gap);
        if self.worker.exchange(now, mailbox, self.load) {
            self.longest_gap = 0;
        }
    }

    /// What the loop does after a turn that brought nothing.
    #[inline]
    pub fn rest(&mut self, turn: &Turn) {
        match self.rest {
            Rest::Spin => {}
            Rest::Pause => pause(),
            Rest::Sleep if turn.started - self.last.busy_at < self.load.hz / AWAKE => pause(),
            Rest::Sleep => self.sleep(turn.now),
        }
    }

    /// What frames have cost so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// What the loop has done so far; the gap is the longest since the last observation.
    pub fn load(&self) -> Load {
        Load {
            longest_gap_ns: self.clock.nanos(self.longest_gap),
            ..self.load
        }
    }

    /// When frames last came, in cycles.
    pub fn busy_at(&self) -> u64 {
        self.last.busy_at
    }

    /// Frames between lcores, and C-plane that a full port refused.
    fn trade(&mut self, io: &mut Ports, now: Instant) -> usize {
        let mut frames = 0;
        for port in &self.others {
            frames += self.worker.take_in(io, *port, now, &mut Unobserved);
        }
        for port in &self.mine {
            frames += self.worker.send_out(io, *port, now);
        }
        frames
    }

    #[inline]
    fn count_turn(&mut self, started: u64) {
        let length = started - self.last.started;
        match self.last.busy {
            true => self.load.busy_cycles += length,
            false => self.load.idle_cycles += length,
        }
        self.longest_gap = self.longest_gap.max(length);
        self.load.turns += 1;
    }

    #[inline]
    fn end_turn(&mut self, started: u64, now: Instant, frames: usize) -> Turn {
        self.load.frames += frames as u64;
        self.last = LastTurn {
            started,
            busy: frames > 0,
            busy_at: if frames > 0 {
                started
            } else {
                self.last.busy_at
            },
        };
        Turn {
            started,
            now,
            frames,
        }
    }

    /// Not beyond what is due next.
    fn sleep(&self, now: Instant) {
        let due = self.worker.next_deadline();
        let nanos = due.0.saturating_sub(now.0).min(SLEEP_NS);
        if nanos < SHORTEST_SLEEP_NS {
            return pause();
        }
        let request = Timespec {
            tv_sec: 0,
            tv_nsec: nanos as i64,
        };
        // Interrupted, it polls sooner.
        let _ = nanosleep(&request);
    }
}

/// One turn of the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Cycle counter at its start.
    pub started: u64,
    /// What it took for the time.
    pub now: Instant,
    /// Frames that it received, from ports and from other lcores.
    pub frames: usize,
}

#[inline]
fn pause() {
    // SAFETY: one instruction.
    unsafe { ffi::shim_pause() }
}

/// Part of a second without frames after which `Rest::Sleep` sleeps: 1 ms. A cell on air sends every
/// symbol, so it keeps its lcore awake.
const AWAKE: u64 = 1_000;

/// One sleep: less than the shortest time from a frame's arrival to its air time.
const SLEEP_NS: u64 = 50_000;

/// Below this a sleep costs more than it saves.
const SHORTEST_SLEEP_NS: u64 = 2_000;
