//! What the worker does with frames that wait for others.

use super::Worker;
use crate::dataplane::fapi::{self, Leaving, Message};
use crate::dataplane::frame_io::{FrameInfo, FrameIo};
use crate::dataplane::journey::Scene;
use crate::dataplane::run_record::Trace;
use crate::dataplane::verdict::{Departure, DropReason};
use crate::ran::{Instant, PeerId, PortId};

/// A message on its way out, and scratch.
#[derive(Debug)]
pub(super) struct Whole<F> {
    frames: Vec<F>,
    bytes: Vec<(u32, u32)>,
    departures: Vec<Departure>,
    /// The body of a message that is read from end to end.
    scratch: Vec<u8>,
}

impl<F> Whole<F> {
    pub(super) fn new() -> Self {
        Self {
            frames: Vec::with_capacity(MOST),
            bytes: Vec::with_capacity(MOST),
            departures: Vec::with_capacity(MOST),
            scratch: Vec::with_capacity(LARGEST),
        }
    }
}

impl<F> Worker<F> {
    /// Puts a frame where it belongs; what is whole with it leaves.
    pub(super) fn hold<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        frame: F,
        port: PortId,
        now: Instant,
    ) {
        let counters = &mut self.lcore.counters;
        let Some(piece) = self.lcore.piece.take() else {
            counters.count_drop(DropReason::PieceLimit, None);
            return;
        };
        let Some(mut unit) = self.holding.hold(frame, &piece, now, counters) else {
            return;
        };
        if piece.fragment {
            let (holding, tables) = (&mut self.holding, &self.tables);
            let rejoined = fapi::rejoined(holding, unit, tables, |frame| Io::head(frame, port));
            let whole = match rejoined {
                Ok((place, skip)) => self.holding.promote(unit, skip, place, now, counters),
                Err(reason) => {
                    let peer = Some(PeerId(piece.place.sender));
                    self.holding.give_up(unit, reason, peer, counters);
                    None
                }
            };
            let Some(message) = whole else {
                return;
            };
            unit = message;
        }
        let whole = &mut self.whole;
        whole.bytes.clear();
        self.holding
            .release(unit, &mut whole.frames, &mut whole.bytes, counters);
        self.send_whole(io, port, now);
    }

    fn send_whole<Io: FrameIo<Frame = F>>(&mut self, io: &mut Io, port: PortId, now: Instant) {
        let whole = &mut self.whole;
        whole.departures.clear();
        self.outbox.clear();
        self.outbox.begin(0);
        self.lcore.trace = Trace::default();
        let mut scene = Scene {
            tables: &self.tables,
            lcore: &mut self.lcore,
            outbox: &mut self.outbox,
            now,
            frame: FrameInfo {
                port,
                start: 0,
                len: 0,
            },
            mark: 0,
        };
        let mut message = Message {
            frames: &mut whole.frames,
            bytes: &whole.bytes,
            scratch: &mut whole.scratch,
        };
        let leave = &mut whole.departures;
        let decided = fapi::decide(&mut message, &mut scene, |f| Io::head(f, port), leave);
        let peer = self.lcore.trace.peer;
        match decided {
            Ok(leaving) => self.leave(io, leaving, peer),
            Err(reason) => {
                self.outbox.clear();
                for _ in self.whole.frames.drain(..) {
                    self.lcore.counters.count_drop(reason, peer);
                }
            }
        }
    }

    fn leave<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        leaving: Leaving,
        peer: Option<PeerId>,
    ) {
        let whole = &mut self.whole;
        let (parts, arena) = (self.outbox.parts(), self.outbox.arena());
        io.build(&mut whole.frames, parts, arena, &mut self.built);
        let ledger = &mut self.lcore.counters.ledger;
        let made = self.outbox.frames(0) as u64;
        let ended = match leaving {
            Leaving::Frames => 0,
            Leaving::Parts => whole.frames.len() as u64,
        };
        ledger.copied += made.saturating_sub(ended);
        ledger.merged += ended.saturating_sub(made);
        let counters = &mut self.lcore.counters;
        let parts = parts.iter().filter(|part| !part.joins);
        for (part, built) in parts.zip(self.built.drain(..)) {
            match (built, self.egress.get_mut(part.port.index())) {
                (Some(frame), Some(queue)) => queue.push(frame, false),
                (None, _) => counters.count_drop(DropReason::NoBuffer, peer),
                (Some(_), None) => counters.count_drop(DropReason::NoRoute, peer),
            }
        }
        // Without departures the frames end here: their payload has left in parts.
        let departures = whole.departures.drain(..);
        for (mut frame, departure) in whole.frames.drain(..).zip(departures) {
            if !Io::depart(&mut frame, departure) {
                counters.count_drop(DropReason::NoHeadroom, peer);
                continue;
            }
            match self.egress.get_mut(departure.port.index()) {
                Some(queue) => queue.push(frame, false),
                None => counters.count_drop(DropReason::NoRoute, peer),
            }
        }
    }
}

/// Most frames that are held of one message, whatever it is.
const MOST: usize = 1024;

/// The largest body that is read from end to end.
const LARGEST: usize = 256 * 1024;
