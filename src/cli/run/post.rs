//! One lcore at its post: turns until told to stop, then what is under way is brought to its end.

use crate::dataplane::counters::Counters;
use crate::dataplane::handover::Handover;
use crate::dataplane::mailbox::Mailbox;
use crate::dataplane::observation::Load;
use crate::dpdk::burst::Ports;
use crate::dpdk::lcore::{self, Lcore, Turn, Usage};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// What all lcores and the threads beside them see of each other.
pub(super) struct Shared {
    /// Set by signals, by an idle limit, and when an lcore fails.
    pub(super) stop: Arc<AtomicBool>,
    /// Every port runs and every lcore polls.
    pub(super) ready: AtomicBool,
    /// One for each lcore.
    pub(super) pulses: Vec<Pulse>,
    /// Lcores that still receive.
    receiving: AtomicUsize,
    /// Lcores that still decide.
    deciding: AtomicUsize,
}

/// Written by one lcore, read by anyone.
#[derive(Default)]
#[repr(align(64))]
pub(super) struct Pulse {
    /// Turns so far.
    pub(super) turns: AtomicU64,
    /// When frames last came, in cycles.
    busy_at: AtomicU64,
}

impl Shared {
    pub(super) fn new(lcores: usize, stop: &Arc<AtomicBool>) -> Self {
        Self {
            stop: Arc::clone(stop),
            ready: AtomicBool::new(false),
            pulses: (0..lcores).map(|_| Pulse::default()).collect(),
            receiving: AtomicUsize::new(lcores),
            deciding: AtomicUsize::new(lcores),
        }
    }
}

/// One lcore and its work.
pub(super) struct Post {
    pub(super) lcore: Lcore,
    pub(super) ports: Ports,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) shared: Arc<Shared>,
    /// Position among the lcores.
    pub(super) place: usize,
    /// Stop everything when no lcore has had frames for so many cycles.
    pub(super) idle_limit: Option<u64>,
}

/// What an lcore leaves.
pub(super) struct Served {
    pub(super) counters: Counters,
    pub(super) usage: Usage,
    pub(super) load: Load,
    /// Still open: others may have to be closed first.
    pub(super) ports: Ports,
}

impl Post {
    /// Runs on the lcore until `stop`.
    pub(super) fn serve(mut self) -> Served {
        let _alarm = Alarm(Arc::clone(&self.shared.stop));
        self.lcore.settle();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let turn = self.lcore.turn(&mut self.ports);
            self.lcore.exchange(turn.now, &self.mailbox);
            self.beat();
            if turn.frames == 0 {
                self.stop_if_idle(&turn);
                self.lcore.rest(&turn);
            }
        }
        self.run_down();
        Served {
            counters: self.lcore.worker.counters().clone(),
            usage: self.lcore.usage(),
            load: self.lcore.load(),
            ports: self.ports,
        }
    }

    fn beat(&self) {
        if let Some(pulse) = self.shared.pulses.get(self.place) {
            pulse
                .turns
                .store(self.lcore.load().turns, Ordering::Relaxed);
            pulse.busy_at.store(self.lcore.busy_at(), Ordering::Relaxed);
        }
    }

    fn stop_if_idle(&self, turn: &Turn) {
        let Some(limit) = self.idle_limit else { return };
        let idle = |pulse: &Pulse| {
            let busy_at = pulse.busy_at.load(Ordering::Relaxed);
            busy_at > 0 && turn.started.saturating_sub(busy_at) > limit
        };
        if self.shared.pulses.iter().all(idle) {
            self.shared.stop.store(true, Ordering::Relaxed);
        }
    }

    /// First nobody receives, then nobody decides, then everything has been sent; within a second, so
    /// that an lcore that hangs does not keep the others.
    fn run_down(&mut self) {
        let shared = Arc::clone(&self.shared);
        let end = lcore::cycles() + lcore::cycles_per_second();
        shared.receiving.fetch_sub(1, Ordering::AcqRel);
        self.finish(end, &shared.receiving, Handover::has_arrivals);
        shared.deciding.fetch_sub(1, Ordering::AcqRel);
        self.finish(end, &shared.deciding, Handover::has_departures);
    }

    /// Until no other lcore can add anything and nothing is left.
    fn finish<F>(&mut self, end: u64, others: &AtomicUsize, left: F)
    where
        F: Fn(&Handover<crate::dpdk::mbuf::Mbuf>) -> bool,
    {
        loop {
            let closed = others.load(Ordering::Acquire) == 0;
            let turn = self.lcore.turn_without_receiving(&mut self.ports);
            self.lcore.exchange(turn.now, &self.mailbox);
            let worker = &self.lcore.worker;
            let waits = worker.handover().is_some_and(&left) || worker.holds_frames();
            if (closed && !waits) || turn.started > end {
                return;
            }
        }
    }
}

/// Stops the others when its lcore fails.
struct Alarm(Arc<AtomicBool>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}
