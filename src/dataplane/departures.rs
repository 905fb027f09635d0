//! What waits to leave on one port: sent in order, and when the port refuses, C-plane is dropped last.
//!
//! A port that is full refuses the end of what it is offered. U-plane frames among that are dropped:
//! they would be late. C-plane frames stay at the head of the queue, in their order, and are offered
//! again before anything newer, until the port has taken nothing at all for `PATIENCE`.

use crate::dataplane::counters::Counters;
use crate::dataplane::frame_io::FrameIo;
use crate::dataplane::verdict::DropReason;
use crate::ran::{Duration, Instant, PortId};

/// Frames that leave on one port.
#[derive(Debug)]
pub(super) struct Departures<F> {
    frames: Vec<F>,
    /// Which of `frames` are C-plane.
    control: Vec<bool>,
    /// How many of them, from the first, the port has refused before.
    waiting: usize,
    /// When the port first took nothing.
    refused_since: Instant,
}

impl<F> Departures<F> {
    /// Room for `room` frames of one burst.
    pub(super) fn new(room: usize) -> Self {
        Self {
            frames: Vec::with_capacity(room + WAITING),
            control: Vec::with_capacity(room + WAITING),
            waiting: 0,
            refused_since: Instant::NEVER,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, frame: F, control: bool) {
        self.frames.push(frame);
        self.control.push(control);
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Everything, in order, for another lcore to send.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (F, bool)> + '_ {
        self.frames.drain(..).zip(self.control.drain(..))
    }

    /// Offers everything to the port.
    #[inline]
    pub(super) fn send<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        port: PortId,
        now: Instant,
        counters: &mut Counters,
    ) {
        let offered = self.frames.len();
        let bytes = io.transmit(port, &mut self.frames);
        let sent = offered - self.frames.len();
        counters.ledger.sent += sent as u64;
        if let Some(port) = counters.ports.get_mut(port.index()) {
            port.sent += sent as u64;
            port.sent_bytes += bytes;
        }
        counters.ledger.held -= self.waiting as u64;
        self.waiting = 0;
        if self.frames.is_empty() {
            self.control.clear();
            self.refused_since = Instant::NEVER;
            return;
        }
        self.give_way(sent, now, counters);
    }

    /// The port took the first `sent` frames only.
    #[cold]
    fn give_way(&mut self, sent: usize, now: Instant, counters: &mut Counters) {
        if sent > 0 || self.refused_since == Instant::NEVER {
            self.refused_since = now;
        }
        let patient = self.refused_since.after(PATIENCE) > now;
        let refused = self.frames.len();
        let mut kept = 0;
        let mut classes = self.control.drain(..).skip(sent);
        self.frames.retain(|_| {
            let control = classes.next().unwrap_or(false);
            let keep = control && patient && kept < WAITING;
            kept += usize::from(keep);
            keep
        });
        drop(classes);
        self.control.resize(kept, true);
        self.waiting = kept;
        counters.ledger.held += kept as u64;
        for _ in kept..refused {
            counters.count_drop(DropReason::TxFull, None);
        }
    }
}

/// C-plane frames that wait for one port at most.
const WAITING: usize = 128;

/// How long C-plane waits for a port that takes nothing: later it would miss its window.
const PATIENCE: Duration = Duration::from_micros(500);
