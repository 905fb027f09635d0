//! The loop: mailbox, burst in, journey, burst out. Carries verdicts out and keeps the ledger.
//!
//! Among several lcores a worker decides the frames of the cells it owns, hands those of others to their
//! owners, takes its own from them, and sends on the ports that it polls. Alone it does everything.

mod held;
mod transmit;

use crate::dataplane::commands;
use crate::dataplane::counters::Counters;
use crate::dataplane::departures::Departures;
use crate::dataplane::frame_io::{BURST, FrameInfo, FrameIo};
use crate::dataplane::handover::{self, Handover, LaneFull};
use crate::dataplane::holding::Holding;
use crate::dataplane::journey;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::live_state::Memory;
use crate::dataplane::mailbox::{Command, Event, Mailbox, Parcel};
use crate::dataplane::observation::{Filling, Load};
use crate::dataplane::outbox::Outbox;
use crate::dataplane::recorder::{Recorder, Recording, Trigger};
use crate::dataplane::replacement::{Outcome, Replacement};
use crate::dataplane::run_record::Trace;
use crate::dataplane::tables::Tables;
use crate::dataplane::ticks;
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::{CellId, Instant, PeerId, Plane, PortId};
use held::Whole;
use std::sync::Arc;

/// Most parts of one burst.
pub const PARTS: usize = 512;
/// Most bytes of their heads: a burst of C-plane messages split, or of headers copied.
pub const ARENA: usize = 256 * 1024;
/// Most events between two drains.
const EVENTS: usize = 4096;

/// Where `now` comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// The backend's reading, one a burst.
    Burst,
    /// Each frame's own stamp; what is due before a frame is done at its exact instant before it.
    Stamps,
}

/// Whoever wants to know each verdict.
pub trait Observer {
    /// Called after the decision, before the frame leaves.
    fn verdict(&mut self, now: Instant, info: FrameInfo, trace: &Trace, verdict: Verdict);
}

/// Nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    #[inline]
    fn verdict(&mut self, _: Instant, _: FrameInfo, _: &Trace, _: Verdict) {}
}

/// One lcore's work on the frames of one backend.
#[derive(Debug)]
pub struct Worker<F> {
    tables: Arc<Tables>,
    lcore: LcoreState,
    clock: Clock,
    outbox: Outbox,
    recorder: Recorder,
    burst: Vec<F>,
    decided: Vec<Decided>,
    built: Vec<Option<F>>,
    /// By `PortId`.
    egress: Vec<Departures<F>>,
    /// None if this is the only lcore.
    handover: Option<Handover<F>>,
    /// Frames of a burst that stay here; used with `handover`.
    kept: Vec<F>,
    /// An observation under way.
    filling: Option<Filling>,
    /// Frames that wait for others.
    holding: Holding<F>,
    whole: Whole<F>,
}

#[derive(Clone, Copy, Debug)]
struct Decided {
    verdict: Verdict,
    parts: u16,
    peer: Option<PeerId>,
    control: bool,
}

impl<F> Worker<F> {
    /// A worker that has seen nothing. Allocates all that it will ever need.
    pub fn new(tables: Arc<Tables>, clock: Clock) -> Self {
        let ports = tables.flood.len();
        let lcore = LcoreState::new(&tables, EVENTS);
        let egress = (0..ports).map(|_| Departures::new(PARTS + BURST)).collect();
        Self {
            tables,
            lcore,
            clock,
            outbox: Outbox::new(PARTS, ARENA),
            recorder: Recorder::default(),
            burst: Vec::with_capacity(BURST),
            decided: Vec::with_capacity(BURST),
            built: Vec::with_capacity(PARTS),
            egress,
            handover: None,
            kept: Vec::with_capacity(BURST),
            filling: None,
            holding: Holding::new(),
            whole: Whole::new(),
        }
    }

    /// One of several lcores: `handover` is its end of the queues between them.
    pub fn among(mut self, handover: Handover<F>) -> Self {
        self.lcore.me = Some(handover.me());
        self.handover = Some(handover);
        self
    }

    /// With a flight recorder, made for the same tables.
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    /// Takes one burst from `port` all the way; returns how many frames it held.
    #[inline]
    pub fn poll<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        port: PortId,
        now: Instant,
        observer: &mut impl Observer,
    ) -> usize {
        io.receive(port, &mut self.burst);
        let received = self.burst.len();
        if received == 0 {
            return 0;
        }
        let mut bytes = 0;
        if self.handover.is_some() {
            bytes = self.pass_on::<Io>(port);
        }
        bytes += self.work(io, port, now, observer);
        let counters = &mut self.lcore.counters;
        counters.ledger.received += received as u64;
        if let Some(port) = counters.ports.get_mut(port.index()) {
            port.received += received as u64;
            port.received_bytes += bytes;
        }
        received
    }

    /// Takes one burst that another lcore received on `port` all the way; returns how many frames.
    pub fn take_in<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        port: PortId,
        now: Instant,
        observer: &mut impl Observer,
    ) -> usize {
        let Some(handover) = &self.handover else {
            return 0;
        };
        let waiting = std::iter::from_fn(|| handover.take_in(port));
        self.burst.extend(waiting.take(BURST));
        let taken = self.burst.len();
        if taken > 0 {
            self.lcore.counters.ledger.taken += taken as u64;
            self.work(io, port, now, observer);
        }
        taken
    }

    /// Sends what other lcores decided to send on `port`, and again what it refused; returns how many
    /// frames others had decided.
    pub fn send_out<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        port: PortId,
        now: Instant,
    ) -> usize {
        let Some(queue) = self.egress.get_mut(port.index()) else {
            return 0;
        };
        let mut taken = 0;
        if let Some(handover) = &self.handover {
            while taken < BURST
                && let Some((frame, control)) = handover.take_out(port)
            {
                queue.push(frame, control);
                taken += 1;
            }
        }
        self.lcore.counters.ledger.taken += taken as u64;
        if !queue.is_empty() {
            queue.send(io, port, now, &mut self.lcore.counters);
        }
        taken
    }

    /// Whether C-plane waits for a port that was full.
    #[inline]
    pub fn holds_frames(&self) -> bool {
        self.lcore.counters.ledger.held > self.holding.held()
    }

    /// This lcore's end of the queues between lcores.
    pub const fn handover(&self) -> Option<&Handover<F>> {
        self.handover.as_ref()
    }

    /// Does what is due by `now`: at each exact instant in virtual time, at once otherwise.
    #[inline]
    pub fn tick(&mut self, now: Instant) {
        if self.holding.deadline() <= now {
            self.holding.expire(now, &mut self.lcore.counters);
        }
        match self.clock {
            Clock::Burst if self.lcore.next_deadline() <= now => self.tick_at(now),
            Clock::Burst => {}
            Clock::Stamps => self.tick_exactly(now),
        }
    }

    /// Sends what ticks have made. To be called after `tick` wherever no burst follows at once.
    pub fn flush<Io: FrameIo<Frame = F>>(&mut self, io: &mut Io, now: Instant) {
        if self.lcore.originals.is_empty() {
            return;
        }
        self.build_originals(io);
        self.transmit(io, now);
    }

    /// Puts the frames that time alone made into the queues of their ports.
    fn build_originals<Io: FrameIo<Frame = F>>(&mut self, io: &mut Io) {
        let originals = &self.lcore.originals;
        io.build(
            &mut [],
            originals.parts(),
            originals.arena(),
            &mut self.built,
        );
        let counters = &mut self.lcore.counters;
        for (part, frame) in self
            .lcore
            .originals
            .parts()
            .iter()
            .zip(self.built.drain(..))
        {
            match (frame, self.egress.get_mut(part.port.index())) {
                (Some(frame), Some(queue)) => queue.push(frame, false),
                (None, _) => counters.count_drop(DropReason::NoBuffer, None),
                (Some(_), None) => counters.count_drop(DropReason::NoRoute, None),
            }
        }
        self.lcore.originals.clear();
    }

    /// When `tick` has something to do.
    pub fn next_deadline(&self) -> Instant {
        self.lcore.next_deadline().min(self.holding.deadline())
    }

    /// Obeys or refuses a command; the answer is an event.
    pub fn command(&mut self, now: Instant, command: &Command) {
        self.recorder.begin(now, &self.lcore);
        commands::obey(now, &self.tables, &mut self.lcore, command);
        self.recorder.commanded(now, command, &self.lcore);
    }

    /// Goes on from what an earlier process left in `memory`, and leaves its own there.
    pub fn remember_in(&mut self, memory: Memory, now: Instant) {
        self.lcore.remember_in(memory, now, &self.tables);
    }

    /// Puts tables and state in force between two frames, or refuses them; `replacement` then holds what
    /// is retired.
    pub fn replace(&mut self, now: Instant, replacement: &mut Replacement) {
        self.lcore.replace(now, &mut self.tables, replacement);
        if replacement.outcome != Outcome::Done {
            return;
        }
        self.holding.clear(&mut self.lcore.counters);
        std::mem::swap(&mut self.recorder, &mut replacement.recorder);
        let (before, carry) = (&mut replacement.recorder, &replacement.carry);
        let was = |cell| carry.cell_before(cell);
        self.recorder.follow(before, &self.lcore, was);
    }

    /// One exchange with control: commands in, events out, parcels used and sent back. `load` is what
    /// the loop knows of itself; true if it was put into an observation. An event that finds the mailbox
    /// full is counted.
    pub fn exchange(&mut self, now: Instant, mailbox: &Mailbox, load: Load) -> bool {
        while let Some(command) = mailbox.take() {
            self.command(now, &command);
        }
        self.lcore.save(now, &self.tables);
        self.lcore.refresh(now, &self.tables);
        let mut lost = 0;
        for event in self.drain_events() {
            lost += u64::from(!mailbox.say(event));
        }
        self.lcore.counters.events_lost += lost;
        if let Some(filling) = self.filling.take() {
            self.observe(filling, mailbox);
            return false;
        }
        if mailbox.has_way_back()
            && let Some((cell, trigger)) = self.recorder.due(now)
        {
            drop(mailbox.send_back(Parcel::RecordingDue { cell, trigger }));
        }
        if let Some(parcel) = mailbox.unpack() {
            match parcel {
                Parcel::Observation(observation) => {
                    let begun = Filling::begin(observation, now, &self.tables, &self.lcore, load);
                    self.filling = Some(begun);
                    return true;
                }
                Parcel::Replacement(mut replacement) => {
                    self.replace(now, &mut replacement);
                    // `unpack` gives nothing unless the way back has room.
                    drop(mailbox.send_back(Parcel::Replacement(replacement)));
                }
                Parcel::Recording(mut recording) => {
                    self.hand_over(now, &mut recording);
                    // `unpack` gives nothing unless the way back has room.
                    drop(mailbox.send_back(Parcel::Recording(recording)));
                }
                // An lcore's word to control, not the reverse.
                Parcel::RecordingDue { .. } => {}
            }
        }
        false
    }

    /// One more step of an observation; back to control when it is complete.
    fn observe(&mut self, mut filling: Filling, mailbox: &Mailbox) {
        let owns = |cell: CellId| self.lcore.owns(&self.tables, cell);
        if !filling.step(&self.tables, &self.lcore, owns) {
            self.filling = Some(filling);
            return;
        }
        // `unpack` gave it when the way back had room, and nothing was unpacked since.
        drop(mailbox.send_back(Parcel::Observation(filling.finish())));
    }

    /// A cell whose recording is to be fetched because of what happened, or which needs memory for one; told
    /// again if nobody comes.
    pub fn recording_due(&mut self, now: Instant) -> Option<(CellId, Trigger)> {
        self.recorder.due(now)
    }

    /// Fills `recording` with what was recorded of its cell and goes on with what it brought.
    pub fn hand_over(&mut self, now: Instant, recording: &mut Recording) {
        self.recorder
            .hand_over(now, &self.tables, &self.lcore, recording);
    }

    /// Events since the last drain.
    pub fn drain_events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.recorder.drained();
        self.lcore.drain_events()
    }

    /// Counters.
    pub const fn counters(&self) -> &Counters {
        &self.lcore.counters
    }

    /// The tables in force.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The state beside them.
    pub const fn state(&self) -> &LcoreState {
        &self.lcore
    }

    fn tick_exactly(&mut self, now: Instant) {
        while self.lcore.next_deadline() <= now {
            let at = self.lcore.next_deadline();
            self.tick_at(at);
            if self.lcore.next_deadline() <= at {
                // What is due again at the same instant waits for the next: time always goes on.
                self.tick_at(now);
                return;
            }
        }
    }

    /// Hands the frames of the burst that belong to others to them; returns the bytes that went.
    fn pass_on<Io: FrameIo<Frame = F>>(&mut self, port: PortId) -> u64 {
        let Some(handover) = &self.handover else {
            return 0;
        };
        let (tables, counters) = (&*self.tables, &mut self.lcore.counters);
        let mut bytes = 0;
        for mut frame in self.burst.drain(..) {
            let (head, info) = Io::head(&mut frame, port);
            let sender = handover::sender(head, info, tables);
            let foreign = sender.and_then(|peer| {
                let owner = tables.owners.of_peer(peer);
                (owner != handover.me()).then_some((peer, owner))
            });
            let Some((peer, owner)) = foreign else {
                self.kept.push(frame);
                continue;
            };
            bytes += u64::from(info.len);
            let control = |frame: &mut F| {
                let (head, info) = Io::head(frame, port);
                handover::is_control(head, info, tables, peer)
            };
            match handover.pass_on(owner, port, frame, control) {
                Ok(()) => counters.ledger.handed += 1,
                Err(LaneFull(_)) => {
                    if let Some(peer) = counters.peers.get_mut(peer.index()) {
                        peer.received += 1;
                    }
                    counters.count_drop(DropReason::HandoverFull, Some(peer));
                }
            }
        }
        std::mem::swap(&mut self.burst, &mut self.kept);
        bytes
    }

    /// The burst from decision to departure; returns its bytes as received.
    #[inline]
    fn work<Io: FrameIo<Frame = F>>(
        &mut self,
        io: &mut Io,
        port: PortId,
        now: Instant,
        observer: &mut impl Observer,
    ) -> u64 {
        let mut bytes = 0;
        // More than once only behind a frame that is held: what is whole with it leaves before what follows.
        while !self.burst.is_empty() {
            bytes += self.decide::<Io>(port, now, observer);
            if !self.lcore.originals.is_empty() {
                self.build_originals(io);
            }
            if !self.outbox.is_empty() {
                let (parts, arena) = (self.outbox.parts(), self.outbox.arena());
                io.build(&mut self.burst, parts, arena, &mut self.built);
            }
            if let Some(frame) = self.sort::<Io>() {
                self.hold(io, frame, port, now);
            }
            if self.lcore.live.is_behind() {
                self.lcore.save(now, &self.tables);
            }
            self.transmit(io, now);
        }
        bytes
    }

    fn tick_at(&mut self, now: Instant) {
        self.recorder.begin(now, &self.lcore);
        self.recorder.ticking(now, &self.lcore.deadlines);
        ticks::tick(now, &self.tables, &mut self.lcore);
        self.recorder.ticked(now, &self.lcore);
    }

    #[inline]
    fn decide<Io: FrameIo<Frame = F>>(
        &mut self,
        port: PortId,
        now: Instant,
        observer: &mut impl Observer,
    ) -> u64 {
        self.outbox.clear();
        self.decided.clear();
        self.recorder.begin(now, &self.lcore);
        let mut bytes = 0;
        for position in 0..self.burst.len() {
            let stamp = match self.clock {
                Clock::Stamps => self.burst.get(position).and_then(Io::stamp),
                Clock::Burst => None,
            };
            let now = stamp.unwrap_or(now);
            self.tick(now);
            let Some(frame) = self.burst.get_mut(position) else {
                break;
            };
            let (head, info) = Io::head(frame, port);
            let before = self.outbox.len();
            self.outbox.begin(position as u16);
            let (tables, lcore) = (&*self.tables, &mut self.lcore);
            self.recorder.stage(head, info, &self.outbox);
            let verdict = journey::decide(head, info, now, tables, lcore, &mut self.outbox);
            let frame = (&*head, info);
            self.recorder
                .decided(now, frame, lcore, verdict, &self.outbox);
            observer.verdict(now, info, &lcore.trace, verdict);
            bytes += u64::from(info.len);
            let parts = self.outbox.frames(before) as u16;
            let peer = self.lcore.trace.peer;
            let control = matches!(self.lcore.trace.message, Some((Plane::Control, _)));
            if control && parts > 0 {
                self.outbox.hurry(before);
            }
            self.account(verdict, parts, peer);
            self.decided.push(Decided {
                verdict,
                parts,
                peer,
                control,
            });
            if verdict == Verdict::Hold {
                break;
            }
        }
        bytes
    }

    #[inline]
    fn account(&mut self, verdict: Verdict, parts: u16, peer: Option<PeerId>) {
        let counters = &mut self.lcore.counters;
        if let Some(peer) = peer.and_then(|peer| counters.peers.get_mut(peer.index())) {
            peer.received += 1;
        }
        match verdict {
            Verdict::Forward(_) | Verdict::Hold => {}
            Verdict::Fanout(_) => counters.ledger.copied += u64::from(parts),
            Verdict::Replace => counters.ledger.copied += u64::from(parts.saturating_sub(1)),
            Verdict::Drop(reason) => counters.count_drop(reason, peer),
        }
    }

    /// Puts each decided frame and its parts into the queues of their egress ports, in order of arrival; gives
    /// back the one that is to be held.
    fn sort<Io: FrameIo<Frame = F>>(&mut self) -> Option<F> {
        let mut held = None;
        let decided = self.decided.len().min(self.burst.len());
        let mut parts = self.outbox.parts().iter().filter(|part| !part.joins);
        let mut built = self.built.drain(..);
        let counters = &mut self.lcore.counters;
        for (mut frame, decided) in self.burst.drain(..decided).zip(self.decided.iter()) {
            for _ in 0..decided.parts {
                let (Some(part), Some(copy)) = (parts.next(), built.next()) else {
                    break;
                };
                match (copy, self.egress.get_mut(part.port.index())) {
                    (Some(copy), Some(queue)) => queue.push(copy, decided.control),
                    (None, _) => counters.count_drop(DropReason::NoBuffer, decided.peer),
                    (Some(_), None) => counters.count_drop(DropReason::NoRoute, decided.peer),
                }
            }
            let departure = match decided.verdict {
                Verdict::Forward(departure) | Verdict::Fanout(departure) => departure,
                Verdict::Hold => {
                    held = Some(frame);
                    continue;
                }
                Verdict::Replace | Verdict::Drop(_) => continue,
            };
            if !Io::depart(&mut frame, departure) {
                counters.count_drop(DropReason::NoHeadroom, decided.peer);
                continue;
            }
            match self.egress.get_mut(departure.port.index()) {
                Some(queue) => queue.push(frame, decided.control),
                None => counters.count_drop(DropReason::NoRoute, decided.peer),
            }
        }
        held
    }
}
