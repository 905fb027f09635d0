//! One run in virtual time: at each next instant first ticks, then commands, then the frame.
//!
//! The appliance is told the time and asked when it wants to be told next; whoever decides beside it
//! hears of every event in the instant in which it happened. Nothing here depends on the machine it
//! runs on.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::dataplane::{
    counters::Counters,
    mailbox::{Command, Director, Event},
    worker::Worker,
};
use crate::ran::{Instant, PortId};

use super::arrivals::{Arrivals, InputError};
use super::capture::CaptureError;
use super::frame::{Kind, ReplayFrame};
use super::io::ReplayIo;
use super::judge::Judge;
use super::recorder::Recorder;
use super::sink::Sink;

/// What stands between the ports: the worker, or a stand-in of a test.
pub trait Appliance {
    /// Does what is due up to and with `now`.
    fn tick(&mut self, now: Instant);

    /// Sends what it made of its own accord.
    fn flush(&mut self, io: &mut ReplayIo, now: Instant);

    /// Receives one burst from `port`, decides, sends.
    fn poll(&mut self, io: &mut ReplayIo, port: PortId, now: Instant, recorder: &mut Recorder);

    /// When it wants to tick next; `Instant::NEVER` if not at all.
    fn next_deadline(&self) -> Instant;

    /// Takes a command.
    fn command(&mut self, now: Instant, command: &Command);

    /// Hands over the events since the last call.
    fn drain_events(&mut self, into: &mut Vec<Event>);

    /// Its counters.
    fn counters(&self) -> &Counters;
}

/// Someone on the wire who answers what the appliance lets through.
pub trait Peer {
    /// When its next frame arrives at the appliance.
    fn next_at(&self) -> Option<Instant>;

    /// That frame, and the port on which it arrives.
    fn pop(&mut self) -> Option<(PortId, Vec<u8>)>;

    /// A frame left the appliance on `port`.
    fn receive(&mut self, port: PortId, now: Instant, frame: &[u8]);
}

/// Everything that takes part in a run beside the appliance.
pub struct Cast<'a> {
    /// Who decides beside the appliance.
    pub director: &'a mut dyn Director,
    /// Who answers.
    pub peers: &'a mut [&'a mut dyn Peer],
    /// Commands of the scenario, in order of time.
    pub actions: &'a [(Instant, Command)],
    /// Where frames leave.
    pub egress: Sink,
    /// Where received frames are written down too.
    pub ingress: Option<Sink>,
    /// What the report is drawn from.
    pub recorder: Recorder,
    /// What must never happen.
    pub judge: Judge,
    /// Set from outside to end the run.
    pub stop: &'a AtomicBool,
}

/// What is left when a run has ended, early or not.
pub struct Outcome {
    /// What the report is drawn from.
    pub recorder: Recorder,
    /// What was found.
    pub judge: Judge,
    /// First and last instant.
    pub span: (Instant, Instant),
    /// Actions whose time never came.
    pub actions_left: usize,
    /// Why it ended early.
    pub cut_short: Option<CutShort>,
}

/// Why a run ended before its input did.
#[derive(Debug)]
pub enum CutShort {
    /// An input cannot be read on.
    Input(InputError),
    /// An output cannot be written.
    Output(CaptureError),
    /// Asked to stop.
    Stopped,
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => error.fmt(f),
            Self::Output(error) => error.fmt(f),
            Self::Stopped => f.write_str("interrupted"),
        }
    }
}

impl From<InputError> for CutShort {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<CaptureError> for CutShort {
    fn from(error: CaptureError) -> Self {
        Self::Output(error)
    }
}

/// Runs `arrivals` through `appliance` to their end. Files are finished whatever happens.
pub fn run(
    appliance: &mut impl Appliance,
    arrivals: &mut impl Arrivals,
    cast: Cast<'_>,
) -> Outcome {
    let mut run = Run {
        appliance,
        cast,
        io: ReplayIo::default(),
        events: Vec::new(),
        commands: Vec::new(),
        span: None,
        actions_given: 0,
    };
    let ended = run.play(arrivals).err();
    let actions_left = run.cast.actions.len() - run.actions_given;
    let Run { cast, span, .. } = run;
    let finished = [Some(cast.egress), cast.ingress].into_iter().flatten();
    let unfinished = finished.filter_map(|sink| sink.finish().err()).next();
    Outcome {
        recorder: cast.recorder,
        judge: cast.judge,
        span: span.unwrap_or_default(),
        actions_left,
        cut_short: ended.or(unfinished.map(CutShort::Output)),
    }
}

struct Run<'w, 'c, W> {
    appliance: &'w mut W,
    cast: Cast<'c>,
    io: ReplayIo,
    events: Vec<Event>,
    commands: Vec<Command>,
    span: Option<(Instant, Instant)>,
    actions_given: usize,
}

impl<W: Appliance> Run<'_, '_, W> {
    fn play(&mut self, arrivals: &mut impl Arrivals) -> Result<(), CutShort> {
        loop {
            if self.cast.stop.load(Ordering::Relaxed) {
                return Err(CutShort::Stopped);
            }
            let arrival = arrivals.next_at()?.unwrap_or(Instant::NEVER);
            let answer = self.answer_at();
            let frame = arrival.min(answer);
            if frame == Instant::NEVER {
                return Ok(());
            }
            let due = self.action_at().min(self.deadline()).min(self.tick_at());
            let now = frame.min(due);
            let start = self.span.map_or(now, |(start, _)| start);
            self.span = Some((start, now));
            self.appliance.tick(now);
            self.appliance.flush(&mut self.io, now);
            self.settle(now)?;
            self.cast.director.on_tick(now, &mut self.commands);
            self.settle(now)?;
            self.give_commands(now)?;
            if frame > now {
                continue;
            }
            // At one instant captures come before answers.
            if arrival <= answer {
                if let Some(arrival) = arrivals.take()? {
                    self.receive(now, arrival.port, arrival.frame)?;
                }
            } else {
                self.receive_answer(now)?;
            }
        }
    }

    fn answer_at(&self) -> Instant {
        let answers = self.cast.peers.iter().filter_map(|peer| peer.next_at());
        answers.min().unwrap_or(Instant::NEVER)
    }

    fn action_at(&self) -> Instant {
        let next = self.cast.actions.get(self.actions_given);
        next.map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// The next deadline that is not behind: one that stays where it was must not stop time.
    fn deadline(&self) -> Instant {
        let deadline = self.appliance.next_deadline();
        match self.span {
            Some((_, now)) if deadline <= now => Instant::NEVER,
            _ => deadline,
        }
    }

    /// When the director wants to be told, in the same way.
    fn tick_at(&self) -> Instant {
        let tick = self.cast.director.next_tick();
        match self.span {
            Some((_, now)) if tick <= now => Instant::NEVER,
            _ => tick,
        }
    }

    fn give_commands(&mut self, now: Instant) -> Result<(), CutShort> {
        while let Some((at, command)) = self.cast.actions.get(self.actions_given).copied() {
            if at > now {
                break;
            }
            self.actions_given += 1;
            self.appliance.command(now, &command);
            self.settle(now)?;
        }
        Ok(())
    }

    fn receive(
        &mut self,
        now: Instant,
        port: PortId,
        mut frame: ReplayFrame,
    ) -> Result<(), CutShort> {
        if let Some(ingress) = &mut self.cast.ingress {
            ingress.write(now, port, &frame)?;
        }
        frame.stamp = now;
        frame.kind = Kind::Forwarded;
        self.io.offer(port, frame);
        let recorder = &mut self.cast.recorder;
        self.appliance.poll(&mut self.io, port, now, recorder);
        self.settle(now)
    }

    fn receive_answer(&mut self, now: Instant) -> Result<(), CutShort> {
        let due = |peer: &&mut &mut dyn Peer| peer.next_at().is_some_and(|at| at <= now);
        let answer = self
            .cast
            .peers
            .iter_mut()
            .find(due)
            .and_then(|peer| peer.pop());
        match answer {
            Some((port, bytes)) => {
                let frame = ReplayFrame::new(&bytes, bytes.len(), None, now);
                self.receive(now, port, frame)
            }
            None => Ok(()),
        }
    }

    /// Takes what the appliance sent and said, and gives it what the director answers.
    fn settle(&mut self, now: Instant) -> Result<(), CutShort> {
        for _ in 0..MOST_ANSWERS {
            self.take_sent(now)?;
            self.appliance.drain_events(&mut self.events);
            for event in self.events.drain(..) {
                self.cast.recorder.event(event);
                self.cast.director.on_event(now, &event, &mut self.commands);
            }
            if self.commands.is_empty() {
                break;
            }
            for command in self.commands.drain(..) {
                self.appliance.command(now, &command);
            }
            self.appliance.flush(&mut self.io, now);
        }
        self.cast
            .judge
            .balance(self.appliance.counters().ledger.balance());
        Ok(())
    }

    fn take_sent(&mut self, now: Instant) -> Result<(), CutShort> {
        for (port, frame) in self.io.take_sent() {
            self.cast.judge.frame(port, &frame);
            self.cast.recorder.left(now, port, &frame);
            for peer in self.cast.peers.iter_mut() {
                peer.receive(port, now, frame.bytes());
            }
            self.cast.egress.write(now, port, &frame)?;
        }
        Ok(())
    }
}

impl Appliance for Worker<ReplayFrame> {
    fn tick(&mut self, now: Instant) {
        self.tick(now);
    }

    fn flush(&mut self, io: &mut ReplayIo, now: Instant) {
        self.flush(io, now);
    }

    fn poll(&mut self, io: &mut ReplayIo, port: PortId, now: Instant, recorder: &mut Recorder) {
        self.poll(io, port, now, recorder);
    }

    fn next_deadline(&self) -> Instant {
        self.next_deadline()
    }

    fn command(&mut self, now: Instant, command: &Command) {
        self.command(now, command);
    }

    fn drain_events(&mut self, into: &mut Vec<Event>) {
        into.extend(self.drain_events());
    }

    fn counters(&self) -> &Counters {
        self.counters()
    }
}

/// Rounds of events and commands within one instant: a director that answers every answer is cut off.
const MOST_ANSWERS: usize = 16;

#[cfg(test)]
mod tests;
