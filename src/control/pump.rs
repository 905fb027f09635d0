//! The one thread that talks to the lcores: events out, orders in, a look at each lcore now and then.
//!
//! An lcore never waits: an event that finds the queue full is counted and gone, a command waits here. If
//! this thread died, the lcores would go on with the plans they are armed with.

use crate::control::archivist::{Job, not_written};
use crate::control::board::{Answer, Board, Order, Renewal};
use crate::control::clock;
use crate::control::controller::Controller;
use crate::control::event_log::Told;
use crate::control::tidings::{Severity, Tiding};
use crate::dataplane::mailbox::{Command, Director, Event, EventKind, Parcel};
use crate::dataplane::observation::Observation;
use crate::dataplane::recorder::Recording;
use crate::dataplane::replacement::{Outcome, Replacement};
use crate::ran::CellId;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;

/// The thread's state.
pub(super) struct Pump {
    board: Arc<Board>,
    director: Controller,
    orders: Receiver<Order>,
    lines: Vec<Line>,
    /// Commands that somebody gave and that are not answered yet, by number.
    awaited: HashMap<u32, Awaited>,
    next_command: u32,
    kept: Vec<Event>,
    commands: Vec<Command>,
    sounded_ns: u64,
    renewing: Option<Renewing>,
}

/// A configuration that not every lcore works by yet.
struct Renewing {
    renewal: Box<Renewal>,
    retired: Vec<Replacement>,
    /// The first word of each lcore under it.
    observed: Vec<Option<Observation>>,
    /// What lcores tell under it already: its names are not in force yet.
    told: Vec<(Event, Option<Arc<str>>)>,
    /// Events that there was no room for.
    untold: u64,
}

/// Whoever gave a command, and the way to it.
struct Awaited {
    by: Arc<str>,
    answer: oneshot::Sender<Answer>,
}

/// The line to one lcore.
#[derive(Default)]
struct Line {
    /// Commands that its mailbox had no room for.
    waiting: VecDeque<Command>,
    /// An observation is under way.
    asked: bool,
    silent: bool,
    /// Not taken yet.
    replacement: Option<Box<Replacement>>,
}

impl Pump {
    pub(super) fn new(board: Arc<Board>, director: Controller, orders: Receiver<Order>) -> Self {
        let lines = board.seats().iter().map(|_| Line::default()).collect();
        Self {
            board,
            director,
            orders,
            lines,
            awaited: HashMap::new(),
            next_command: 1,
            kept: Vec::new(),
            commands: Vec::new(),
            sounded_ns: 0,
            renewing: None,
        }
    }

    /// Until told that it is over; returns the first events of the run.
    pub(super) fn run(mut self, over: &AtomicBool) -> Vec<Event> {
        self.board.begin_watch();
        loop {
            // Read before the queues: what an lcore said before it stopped is still heard.
            let over = over.load(Ordering::Acquire);
            self.turn();
            if over {
                return self.kept;
            }
            thread::sleep(PAUSE);
        }
    }

    fn turn(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.carry_out(order);
        }
        for seat in 0..self.lines.len() {
            self.listen(seat);
            self.collect(seat);
        }
        self.settle();
        self.post();
        let now = clock::steady();
        if now.saturating_sub(self.sounded_ns) >= INTERVAL_NS {
            self.sounded_ns = now;
            self.sound(now);
        }
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Command {
                term,
                cell,
                boundary,
                action,
                by,
                answer,
            } => {
                let id = self.next_command;
                self.next_command = id % (super::controller::FIRST_COMMAND - 1) + 1;
                // Who has gone is still named in the event, unless an lcore does not answer at all.
                if self.awaited.len() >= AWAITED {
                    self.awaited.retain(|_, one| !one.answer.is_closed());
                }
                self.awaited.insert(id, Awaited { by, answer });
                self.commands.push(Command {
                    id,
                    term,
                    cell,
                    boundary,
                    action,
                });
            }
            Order::Replace(renewal) => self.renew(renewal),
        }
    }

    /// Every lcore is given its replacement; whoever asked waits for `settle`.
    fn renew(&mut self, mut renewal: Box<Renewal>) {
        if self.renewing.is_some() {
            // An lcore has not taken the last one: dropped, which is an answer too.
            return;
        }
        let replacements = std::mem::take(&mut renewal.replacements);
        for (line, replacement) in self.lines.iter_mut().zip(replacements) {
            line.replacement = Some(Box::new(replacement));
        }
        self.renewing = Some(Renewing {
            renewal,
            retired: Vec::new(),
            observed: self.lines.iter().map(|_| None).collect(),
            told: Vec::new(),
            untold: 0,
        });
    }

    /// Names and numbers change at once, when every lcore has spoken under the new tables.
    fn settle(&mut self) {
        let done = |renewing: &mut Renewing| {
            let lines = renewing.observed.len();
            renewing.retired.len() == lines && renewing.observed.iter().all(Option::is_some)
        };
        let Some(renewing) = self.renewing.take_if(done) else {
            return;
        };
        let Renewal {
            wanted,
            tables,
            answer,
            ..
        } = *renewing.renewal;
        self.director.renew(&wanted.config, wanted.term);
        let observations = renewing.observed.into_iter().flatten().collect();
        let term = wanted.term;
        self.board.renewed(wanted, tables, observations);
        if renewing.untold > 0 {
            let untold = renewing.untold;
            tracing::warn!(
                "{untold} events came before the names of term {term} were in force, too many to keep"
            );
        }
        for (event, by) in renewing.told {
            self.tell(event, by);
        }
        // Whoever asked may have given up: then it is said to everybody, and what is retired is freed here.
        if answer.send(renewing.retired).is_err() {
            self.board.say(late(term));
        }
    }

    fn observed(&mut self, seat: usize, observation: Observation) {
        if let Some(line) = self.lines.get_mut(seat) {
            line.asked = false;
        }
        if let Some(renewing) = &mut self.renewing
            && observation.term >= renewing.renewal.wanted.term
            && let Some(place) = renewing.observed.get_mut(seat)
        {
            *place = Some(observation);
            self.board.heard_from(seat);
            return;
        }
        if self.renewing.is_some() {
            // Said under the old tables: asked again at once.
            self.sounded_ns = 0;
        }
        self.board.saw(seat, observation);
    }

    fn listen(&mut self, seat: usize) {
        let Some(mailbox) = self
            .board
            .seats()
            .get(seat)
            .map(|seat| Arc::clone(&seat.mailbox))
        else {
            return;
        };
        while let Some(event) = mailbox.hear() {
            let due = self.answered(&event);
            let by = due.as_ref().map(|(awaited, _)| Arc::clone(&awaited.by));
            match &mut self.renewing {
                Some(renewing) if event.term >= renewing.renewal.wanted.term => {
                    match renewing.told.len() < KEPT {
                        true => renewing.told.push((event, by)),
                        false => renewing.untold += 1,
                    }
                }
                _ => self.tell(event, by),
            }
            // Last: whoever has the answer finds the event that says the same. He may have gone; the event
            // says it to everybody.
            if let Some((awaited, answer)) = due {
                let _ = awaited.answer.send(answer);
            }
        }
    }

    /// To the controller, the metrics and the log, in the names that are in force.
    fn tell(&mut self, event: Event, by: Option<Arc<str>>) {
        self.director.on_event(event.at, &event, &mut self.commands);
        self.board.heard(&event);
        if self.kept.len() < KEPT {
            self.kept.push(event);
        }
        let wanted = self.board.wanted();
        if let EventKind::PrbUse { used, .. } = &event.kind {
            self.board.measured(event.cell, event.at, used);
            return;
        }
        let told = match by {
            Some(by) => Told::Answer(event, by),
            None => Told::Lcore(event),
        };
        self.board.log.push(told, &wanted);
    }

    /// Whoever waits for an answer that `event` is, and the answer.
    fn answered(&mut self, event: &Event) -> Option<(Awaited, Answer)> {
        let (command, answer) = match event.kind {
            EventKind::Accepted { command, boundary } => {
                (command, Answer::Accepted { command, boundary })
            }
            EventKind::Refused { command, why } => (command, Answer::Refused { why }),
            _ => return None,
        };
        Some((self.awaited.remove(&command)?, answer))
    }

    fn collect(&mut self, seat: usize) {
        let board = Arc::clone(&self.board);
        let Some(mailbox) = board.seats().get(seat).map(|seat| &seat.mailbox) else {
            return;
        };
        if let Some(line) = self.lines.get_mut(seat)
            && let Some(replacement) = line.replacement.take()
            && let Err(Parcel::Replacement(back)) = mailbox.order(Parcel::Replacement(replacement))
        {
            line.replacement = Some(back);
        }
        while let Some(parcel) = mailbox.collect() {
            match parcel {
                Parcel::Recording(recording) => self.file(recording),
                // The lcore tells it again if nobody comes for it.
                Parcel::RecordingDue { cell, trigger } => {
                    drop(self.board.archive.give(Job::Fetch {
                        cell,
                        trigger,
                        answer: None,
                    }))
                }
                Parcel::Observation(observation) => self.observed(seat, *observation),
                Parcel::Replacement(mut retired) => {
                    self.file_pending(&mut retired);
                    if let Some(renewing) = &mut self.renewing {
                        renewing.retired.push(*retired);
                    }
                    // Its word under the new tables is waited for.
                    self.sounded_ns = 0;
                }
            }
        }
    }

    /// Has a recording written, of the configuration that is still known here when it comes back.
    fn file(&self, recording: Box<Recording>) {
        let wanted = self.board.wanted();
        let job = Job::Write { recording, wanted };
        if let Err(Job::Write { recording, wanted }) = self.board.archive.give(job) {
            let why = "more recordings wait to be written than there is room for";
            not_written(&self.board, &recording, &wanted, why);
        }
    }

    /// What was about to be fetched under the tables that are retired.
    fn file_pending(&self, retired: &mut Replacement) {
        if retired.outcome == Outcome::Done {
            let recorder = std::mem::take(&mut retired.recorder);
            for recording in recorder.into_pending(clock::wall(), retired.tables.term) {
                self.file(Box::new(recording));
            }
        }
    }

    /// Commands go to the lcore that owns their cell, in order.
    fn post(&mut self) {
        for command in self.commands.drain(..) {
            let owner = owner(&self.board, command.cell);
            if let Some(line) = self.lines.get_mut(owner) {
                line.waiting.push_back(command);
            }
        }
        for (line, seat) in self.lines.iter_mut().zip(self.board.seats()) {
            while let Some(command) = line.waiting.front()
                && seat.mailbox.post(*command)
            {
                line.waiting.pop_front();
            }
            // An lcore that does not answer must not make control grow.
            line.waiting.truncate(WAITING);
        }
    }

    /// Asks every lcore for an observation, and says so when one does not answer.
    fn sound(&mut self, now_ns: u64) {
        let sights = self.board.sights();
        let tables = self.board.known().tables;
        // Whichever are in force when the lcore comes to it.
        let coming = self.renewing.as_ref().map(|it| &it.renewal.tables);
        let empty = || Box::new(Observation::with_room(&tables, coming.unwrap_or(&tables)));
        let lines = self.lines.iter_mut().zip(self.board.seats()).zip(&sights);
        let mut changed = Vec::new();
        for ((line, seat), sight) in lines {
            if !line.asked {
                line.asked = seat.mailbox.order(Parcel::Observation(empty())).is_ok();
            }
            // Before its first word an lcore is still being started.
            let silent = sight.now.is_some() && now_ns.saturating_sub(sight.heard_ns) > SILENT_NS;
            if silent != line.silent {
                line.silent = silent;
                changed.push((seat.lcore, silent));
            }
        }
        for (lcore, silent) in changed {
            self.board.say(silence(lcore, silent));
        }
    }
}

fn late(term: u64) -> Tiding {
    Tiding {
        at: clock::wall(),
        kind: "applied",
        severity: Severity::Warning,
        message: format!("the configuration of term {term} is in force, later than was waited for"),
        details: json!({"term": term}),
    }
}

fn owner(board: &Board, cell: CellId) -> usize {
    board.known().tables.owners.of_cell(cell).index()
}

fn silence(lcore: u32, silent: bool) -> Tiding {
    let (kind, severity, what) = if silent {
        (
            "lcore_silent",
            Severity::Critical,
            "has not answered control for a second: its cells cannot be commanded and what is shown of \
             them is old",
        )
    } else {
        ("lcore_back", Severity::Info, "answers control again")
    };
    Tiding {
        at: clock::wall(),
        kind,
        severity,
        message: format!("lcore {lcore} {what}"),
        details: json!({"lcore": lcore}),
    }
}

/// Events kept for the report: the first ones, which explain the rest.
const KEPT: usize = 10_000;

/// How often control looks: well below a slot pattern's lead.
const PAUSE: Duration = Duration::from_millis(1);

/// How often each lcore is asked for an observation.
const INTERVAL_NS: u64 = 100_000_000;

/// After this an lcore counts as silent.
const SILENT_NS: u64 = 1_000_000_000;

/// Commands without an answer that are remembered.
const AWAITED: usize = 1024;

/// Commands kept for an lcore whose mailbox is full.
const WAITING: usize = 1024;
