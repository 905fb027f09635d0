//! The loop: mailbox, burst in, journey, burst out. Carries verdicts out and keeps the ledger.

use crate::dataplane::commands;
use crate::dataplane::counters::Counters;
use crate::dataplane::frame_io::{BURST, FrameInfo, FrameIo};
use crate::dataplane::journey;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{Command, Event, Mailbox, Parcel};
use crate::dataplane::observation::Load;
use crate::dataplane::outbox::Outbox;
use crate::dataplane::run_record::Trace;
use crate::dataplane::tables::Tables;
use crate::dataplane::ticks;
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::{Instant, PeerId, PortId};
use std::sync::Arc;

/// Most parts of one burst.
const PARTS: usize = 512;
/// Most bytes of their heads: a burst of C-plane messages split, or of headers copied.
const ARENA: usize = 256 * 1024;
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
    burst: Vec<F>,
    decided: Vec<Decided>,
    built: Vec<Option<F>>,
    egress: Vec<Vec<F>>,
}

#[derive(Clone, Copy, Debug)]
struct Decided {
    verdict: Verdict,
    parts: u16,
    peer: Option<PeerId>,
}

impl<F> Worker<F> {
    /// A worker that has seen nothing. Allocates all that it will ever need.
    pub fn new(tables: Arc<Tables>, clock: Clock) -> Self {
        let ports = tables.flood.len();
        let lcore = LcoreState::new(&tables, EVENTS);
        let egress = (0..ports)
            .map(|_| Vec::with_capacity(PARTS + BURST))
            .collect();
        Self {
            tables,
            lcore,
            clock,
            outbox: Outbox::new(PARTS, ARENA),
            burst: Vec::with_capacity(BURST),
            decided: Vec::with_capacity(BURST),
            built: Vec::with_capacity(PARTS),
            egress,
        }
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
        self.decide::<Io>(port, now, observer);
        if !self.outbox.is_empty() {
            let (parts, arena) = (self.outbox.parts(), self.outbox.arena());
            io.build(&mut self.burst, parts, arena, &mut self.built);
        }
        self.sort::<Io>();
        self.transmit(io);
        received
    }

    /// Does what is due by `now`: at each exact instant in virtual time, at once otherwise.
    #[inline]
    pub fn tick(&mut self, now: Instant) {
        match self.clock {
            Clock::Burst if self.lcore.next_deadline() <= now => {
                ticks::tick(now, &self.tables, &mut self.lcore);
            }
            Clock::Burst => {}
            Clock::Stamps => self.tick_exactly(now),
        }
    }

    /// When `tick` has something to do.
    pub const fn next_deadline(&self) -> Instant {
        self.lcore.next_deadline()
    }

    /// Obeys or refuses a command; the answer is an event.
    pub fn command(&mut self, now: Instant, command: &Command) {
        commands::obey(now, &self.tables, &mut self.lcore, command);
    }

    /// One exchange with control: commands in, events out, parcels used and sent back. `load` is what
    /// the loop knows of itself. An event that finds the mailbox full is counted.
    pub fn exchange(&mut self, now: Instant, mailbox: &Mailbox, load: Load) {
        while let Some(command) = mailbox.take() {
            self.command(now, &command);
        }
        let mut lost = 0;
        for event in self.lcore.drain_events() {
            lost += u64::from(!mailbox.say(event));
        }
        self.lcore.counters.events_lost += lost;
        if let Some(parcel) = mailbox.unpack() {
            let back = match parcel {
                Parcel::Observation(mut observation) => {
                    observation.fill(now, &self.tables, &self.lcore, |_| true);
                    observation.load = load;
                    Parcel::Observation(observation)
                }
            };
            // `unpack` gives nothing unless the way back has room, and only this lcore fills it.
            drop(mailbox.send_back(back));
        }
    }

    /// Events since the last drain.
    pub fn drain_events(&mut self) -> impl Iterator<Item = Event> + '_ {
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
            ticks::tick(at, &self.tables, &mut self.lcore);
            if self.lcore.next_deadline() <= at {
                // What is due again at the same instant waits for the next: time always goes on.
                ticks::tick(now, &self.tables, &mut self.lcore);
                return;
            }
        }
    }

    #[inline]
    fn decide<Io: FrameIo<Frame = F>>(
        &mut self,
        port: PortId,
        now: Instant,
        observer: &mut impl Observer,
    ) {
        self.outbox.clear();
        self.decided.clear();
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
            let verdict = journey::decide(head, info, now, tables, lcore, &mut self.outbox);
            observer.verdict(now, info, &lcore.trace, verdict);
            bytes += u64::from(info.len);
            let parts = (self.outbox.len() - before) as u16;
            let peer = self.lcore.trace.peer;
            self.account(verdict, parts, peer);
            self.decided.push(Decided {
                verdict,
                parts,
                peer,
            });
        }
        let received = self.burst.len() as u64;
        let counters = &mut self.lcore.counters;
        counters.ledger.received += received;
        if let Some(port) = counters.ports.get_mut(port.index()) {
            port.received += received;
            port.received_bytes += bytes;
        }
    }

    #[inline]
    fn account(&mut self, verdict: Verdict, parts: u16, peer: Option<PeerId>) {
        let counters = &mut self.lcore.counters;
        if let Some(peer) = peer.and_then(|peer| counters.peers.get_mut(peer.index())) {
            peer.received += 1;
        }
        match verdict {
            Verdict::Forward(_) => {}
            Verdict::Fanout(_) => counters.ledger.copied += u64::from(parts),
            Verdict::Replace => counters.ledger.copied += u64::from(parts.saturating_sub(1)),
            Verdict::Drop(reason) => counters.count_drop(reason, peer),
        }
    }

    /// Puts each frame and its parts into the queues of their egress ports, in order of arrival.
    fn sort<Io: FrameIo<Frame = F>>(&mut self) {
        let mut parts = self.outbox.parts().iter();
        let mut built = self.built.drain(..);
        let counters = &mut self.lcore.counters;
        for (mut frame, decided) in self.burst.drain(..).zip(self.decided.iter()) {
            for _ in 0..decided.parts {
                let (Some(part), Some(copy)) = (parts.next(), built.next()) else {
                    break;
                };
                match (copy, self.egress.get_mut(part.port.index())) {
                    (Some(copy), Some(queue)) => queue.push(copy),
                    (None, _) => counters.count_drop(DropReason::NoBuffer, decided.peer),
                    (Some(_), None) => counters.count_drop(DropReason::NoRoute, decided.peer),
                }
            }
            let (Verdict::Forward(departure) | Verdict::Fanout(departure)) = decided.verdict else {
                continue;
            };
            if !Io::depart(&mut frame, departure) {
                counters.count_drop(DropReason::NoHeadroom, decided.peer);
                continue;
            }
            match self.egress.get_mut(departure.port.index()) {
                Some(queue) => queue.push(frame),
                None => counters.count_drop(DropReason::NoRoute, decided.peer),
            }
        }
    }

    fn transmit<Io: FrameIo<Frame = F>>(&mut self, io: &mut Io) {
        let counters = &mut self.lcore.counters;
        for (index, queue) in self.egress.iter_mut().enumerate() {
            if queue.is_empty() {
                continue;
            }
            let offered = queue.len();
            let bytes = io.transmit(PortId(index as u8), queue);
            let refused = queue.len();
            let sent = (offered - refused) as u64;
            counters.ledger.sent += sent;
            if let Some(port) = counters.ports.get_mut(index) {
                port.sent += sent;
                port.sent_bytes += bytes;
            }
            for _ in 0..refused {
                counters.count_drop(DropReason::TxFull, None);
            }
            queue.clear();
        }
    }
}
