//! The director of transactions: events, observations, requests, replies and time come in; commands, calls, records
//! and tidings go out. No I/O and no clock; the same inputs in the same order give the same outputs.
//!
//! `now` is the time of whoever drives this: it never goes back. Events carry the lcores' time of day, which may; the
//! distance between the two is told.

use super::checks::Check;
use super::driver::{Call, Driver, Reply, Verb};
use super::facts::CellFacts;
use super::orders::PATIENCE;
use super::phase::{Course, Phase};
use super::request::{Asked, Refused, Request};
use super::settings::Settings;
use super::value::Transaction;
use crate::control::controller::FIRST_ORDER;
use crate::dataplane::mailbox::{Command, Event, EventKind};
use crate::dataplane::observation::CellObservation;
use crate::ran::{CellId, Instant, MemberId};
use std::collections::BTreeMap;

/// What goes out beside commands.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// A driver is to do something.
    Call(Call),
    /// A transaction as it is now; to be durable before the commands that come with it, if it says so.
    Record {
        /// The transaction.
        transaction: Box<Transaction>,
        /// A phase began or the course changed.
        durable: bool,
    },
    /// Something that people want to know.
    Told {
        /// The transaction.
        transaction: u64,
        /// When, by the time of day.
        at: Instant,
        /// It did not go as it should.
        warning: bool,
        /// One sentence.
        message: String,
    },
}

/// All transactions of an appliance.
#[derive(Debug)]
pub struct Transactions {
    pub(super) settings: Settings,
    pub(super) facts: Vec<CellFacts>,
    pub(super) all: BTreeMap<u64, Transaction>,
    pub(super) now: Instant,
    pub(super) commands: Vec<Command>,
    pub(super) outputs: Vec<Output>,
    /// Added to `now`: the time of day.
    epoch: i64,
    /// Nothing is decided of a cell before it has been looked at.
    pub(super) watched: bool,
    next_id: u64,
    next_call: u64,
    pub(super) next_command: u32,
}

impl Transactions {
    /// Under `settings`.
    pub fn new(settings: Settings) -> Self {
        let facts = facts(&settings);
        Self {
            settings,
            facts,
            all: BTreeMap::new(),
            now: Instant(0),
            commands: Vec::new(),
            outputs: Vec::new(),
            epoch: 0,
            watched: false,
            next_id: 1,
            next_call: 1,
            next_command: FIRST_ORDER,
        }
    }

    /// Observations come: until the first of a cell, what the configuration says of it may be long past.
    pub const fn wait_for_observations(&mut self) {
        self.watched = true;
    }

    /// Goes on with what a journal holds: the last record of each transaction. Whatever is open waits until an
    /// observation of each of its cells has come.
    pub fn restore(&mut self, now: Instant, records: impl IntoIterator<Item = Transaction>) {
        self.watched = true;
        self.now = self.now.max(now);
        for mut transaction in records {
            self.next_id = self.next_id.max(transaction.id + 1);
            transaction.since = now;
            transaction.deadline = self.deadline(transaction.phase, transaction.course);
            transaction.restored = true;
            for cell in &mut transaction.moves {
                // Whoever was called may have forgotten; calls may be repeated.
                cell.done.retain(|driver| *driver != Driver::Ues);
            }
            self.all.insert(transaction.id, transaction);
        }
        for facts in &mut self.facts {
            facts.seen = false;
        }
    }

    /// Goes on under another configuration. What is known of a cell is what the lcores say next.
    pub fn renew(&mut self, settings: Settings) {
        let before = std::mem::take(&mut self.facts);
        let mut now = facts(&settings);
        for (new, cell) in now.iter_mut().zip(&settings.cells) {
            let old = self.settings.cell(&cell.name);
            if let Some((id, old)) = old
                && let Some(facts) = before.get(id.index())
                && names(old) == names(cell)
            {
                *new = facts.clone();
            }
        }
        self.facts = now;
        self.settings = settings;
    }

    /// Its commands are numbered from `first` on: answers to those of a predecessor are no answers.
    pub const fn number_from(&mut self, first: u32) {
        self.next_command = first;
    }

    /// What must be added to `now` for the time of day.
    pub const fn set_epoch(&mut self, epoch: i64) {
        self.epoch = epoch;
    }

    /// Opens a transaction, or finds the one that the same key and request opened before; returns its number.
    pub fn submit(&mut self, now: Instant, asked: Asked) -> Result<u64, Refused> {
        self.now = self.now.max(now);
        let same = self
            .all
            .values()
            .find(|known| asked.key.is_some() && known.key == asked.key);
        if let Some(same) = same {
            if same.request == asked.request {
                return Ok(same.id);
            }
            return Err(Refused::KeyReused { by: same.id });
        }
        if asked.term.is_some_and(|term| term != self.settings.term) {
            let term = self.settings.term;
            return Err(Refused::Stale { term });
        }
        let open = self.open().count();
        if open >= OPEN {
            return Err(Refused::TooMany(open));
        }
        let id = match &asked.request {
            Request::Move { .. } => self.open_move(asked)?,
            Request::Drain { server, .. } => {
                let server = server.clone();
                self.open_drain(asked, &server)?
            }
            Request::Follow { .. } => {
                return Err(Refused::Malformed("lcores say themselves what they lost"));
            }
        };
        self.advance(id);
        Ok(id)
    }

    /// Turns an open transaction back; of a drain, nothing more is begun and what is open turns back.
    pub fn abort(&mut self, now: Instant, id: u64, by: &str) -> Result<(), Refused> {
        self.now = self.now.max(now);
        let name = id.to_string();
        let kind = "transaction";
        let found = self.all.get(&id).ok_or(Refused::Unknown { kind, name })?;
        if found.phase.is_end() || found.is_follow_up() {
            return Err(Refused::Ended(id));
        }
        let children = found.children.clone();
        let drain = found.is_drain();
        if let Some(mut transaction) = self.all.remove(&id) {
            let why = format!("stopped by {by}");
            match drain {
                true => self.stop(&mut transaction, why),
                false => self.turn_back(&mut transaction, why),
            }
            self.all.insert(id, transaction);
        }
        for child in children {
            // Those that have ended stay as they are.
            drop(self.abort(now, child, by));
        }
        self.advance(id);
        Ok(())
    }

    /// A driver answered a call.
    pub fn reply(&mut self, now: Instant, call: u64, reply: &Reply) {
        self.now = self.now.max(now);
        let asked = |transaction: &Transaction| {
            let moves = transaction.moves.iter();
            let mut calls = moves.filter_map(|cell| cell.called);
            calls.any(|(number, _)| number == call)
        };
        let Some(id) = self.open().find(|known| asked(known)).map(|known| known.id) else {
            return;
        };
        if let Some(mut transaction) = self.all.remove(&id) {
            self.hear_reply(&mut transaction, call, reply);
            self.all.insert(id, transaction);
        }
        self.advance(id);
    }

    /// A person in place of a driver says how far a transaction has come in one cell.
    pub fn report(
        &mut self,
        now: Instant,
        id: u64,
        (cell, driver): (&str, Driver),
        reply: &Reply,
    ) -> Result<(), Refused> {
        self.now = self.now.max(now);
        let known = self.all.get(&id);
        let known = known.ok_or_else(|| unknown("transaction", &id.to_string()))?;
        if known.phase.is_end() {
            return Err(Refused::Ended(id));
        }
        let index = known.moves.iter().position(|held| held.cell == cell);
        let index = index.ok_or_else(|| unknown("cell", cell))?;
        if let Some(mut transaction) = self.all.remove(&id) {
            self.take_reply(&mut transaction, index, driver, reply);
            self.all.insert(id, transaction);
        }
        self.advance(id);
        Ok(())
    }

    /// An lcore said something.
    pub fn hear(&mut self, now: Instant, event: &Event) {
        if matches!(
            event.kind,
            EventKind::PrbUse { .. } | EventKind::DueMissed { .. }
        ) {
            return;
        }
        self.now = self.now.max(now);
        let Some(facts) = self.facts.get_mut(event.cell.index()) else {
            return;
        };
        facts.hear(event);
        self.answered(event);
        self.follow(event);
        self.advance_over(event.cell);
    }

    /// An lcore was looked at.
    pub fn observe(&mut self, now: Instant, cell: CellId, at: Instant, seen: &CellObservation) {
        self.now = self.now.max(now);
        let facts = self.facts.get_mut(cell.index());
        if facts.is_some_and(|facts| facts.observe(at, seen)) {
            self.advance_over(cell);
        }
    }

    /// Time went on.
    pub fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let open: Vec<u64> = self.open().map(|known| known.id).collect();
        for id in open {
            self.advance(id);
        }
        self.forget();
    }

    /// When `tick` has something to do next; `Instant::NEVER` if nothing waits for time alone.
    pub fn next_tick(&self) -> Instant {
        let due = self.open().map(|known| self.due(known)).min();
        due.unwrap_or(Instant::NEVER)
    }

    /// Commands since the last call, in order.
    pub fn take_commands(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }

    /// Everything else since the last call, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// All that are known, the oldest first: open ones and the last that ended.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Transaction> {
        self.all.values()
    }

    /// One of them.
    pub fn one(&self, id: u64) -> Option<&Transaction> {
        self.all.get(&id)
    }

    /// Those that have not ended.
    pub fn open(&self) -> impl Iterator<Item = &Transaction> {
        self.all.values().filter(|known| !known.phase.is_end())
    }

    /// The checks of a move that nobody has asked for yet.
    pub fn checks(&self, request: &Request) -> Result<Vec<Check>, Refused> {
        self.judge(request)
    }

    /// Nothing has been heard of the cell that could be relied on.
    pub(super) const fn is_blind(&self, facts: &CellFacts) -> bool {
        self.watched && !facts.seen
    }

    /// The time of day.
    pub(super) const fn wall(&self) -> Instant {
        self.now.offset(self.epoch)
    }

    pub(super) fn deadline(&self, phase: Phase, course: Course) -> Instant {
        self.now.after(self.settings.deadlines.of(phase, course))
    }

    /// A new transaction, not kept yet.
    pub(super) fn begin(&mut self, asked: Asked, phase: Phase, course: Course) -> Transaction {
        let id = self.next_id;
        self.next_id += 1;
        let (opened, since) = (self.wall(), self.now);
        Transaction {
            id,
            cause: asked.cause,
            request: asked.request,
            key: asked.key,
            term: self.settings.term,
            phase,
            course,
            moves: Vec::new(),
            opened,
            ended: None,
            why: None,
            children: Vec::new(),
            left: Vec::new(),
            story: Vec::new(),
            turns: 0,
            stopped: false,
            deadline: self.deadline(phase, course),
            since,
            dirty: true,
            weighty: true,
            restored: false,
            together: Instant(0),
        }
    }

    /// Keeps a new transaction and says that there is one.
    pub(super) fn keep(&mut self, transaction: Transaction) -> u64 {
        let id = transaction.id;
        self.say(&transaction, false, "opened".to_owned());
        self.all.insert(id, transaction);
        id
    }

    /// Takes one transaction as far as it can come now.
    pub(super) fn advance(&mut self, id: u64) {
        let Some(mut transaction) = self.all.remove(&id) else {
            return;
        };
        for _ in 0..STRIDE {
            let before = (
                transaction.phase,
                transaction.course,
                transaction.children.len(),
            );
            if transaction.phase.is_end() || self.unseen(&mut transaction) {
                break;
            }
            match &transaction.request {
                Request::Drain { .. } => self.drain(&mut transaction),
                Request::Follow { .. } => self.follow_up(&mut transaction),
                Request::Move { .. } => self.step(&mut transaction),
            }
            let after = (
                transaction.phase,
                transaction.course,
                transaction.children.len(),
            );
            if before == after {
                break;
            }
        }
        let parent = match transaction.cause {
            super::request::Cause::Drain(parent) if transaction.phase.is_end() => Some(parent),
            _ => None,
        };
        let fresh = transaction.dirty;
        if fresh {
            let durable = std::mem::take(&mut transaction.weighty);
            transaction.dirty = false;
            let record = Output::Record {
                transaction: Box::new(transaction.clone()),
                durable,
            };
            self.outputs.push(record);
        }
        self.all.insert(id, transaction);
        if let Some(parent) = parent.filter(|_| fresh) {
            self.advance(parent);
        }
    }

    fn step(&mut self, transaction: &mut Transaction) {
        self.reflect(transaction);
        match transaction.course {
            Course::Back => self.back(transaction),
            Course::Forward | Course::NoWayBack => self.forward(transaction),
        }
    }

    /// After a restart nothing is decided of cells that have not been seen.
    fn unseen(&self, transaction: &mut Transaction) -> bool {
        if !transaction.restored {
            return false;
        }
        let unseen = |cell: &super::value::Move| {
            let known = self.settings.cell(&cell.cell);
            let facts = known.and_then(|(id, _)| self.facts.get(id.index()));
            facts.is_some_and(|facts| !facts.seen)
        };
        transaction.restored = transaction.moves.iter().any(unseen);
        if !transaction.restored {
            transaction.deadline = self.deadline(transaction.phase, transaction.course);
            transaction.tell(
                self.wall(),
                None,
                "control has started again and goes on".to_owned(),
            );
        }
        transaction.restored
    }

    fn advance_over(&mut self, cell: CellId) {
        let Some(settings) = self.settings.cells.get(cell.index()) else {
            return;
        };
        let held = self
            .all
            .values()
            .filter(|known| known.holds(&settings.name));
        let held: Vec<u64> = held.map(|known| known.id).collect();
        for id in held {
            self.advance(id);
        }
    }

    fn due(&self, transaction: &Transaction) -> Instant {
        let later = |at: Instant| if at > self.now { at } else { Instant::NEVER };
        let moves = transaction.moves.iter().map(|cell| {
            let patience = cell
                .pending
                .map(|pending| later(pending.since.after(PATIENCE)));
            patience
                .unwrap_or(Instant::NEVER)
                .min(later(cell.not_before))
        });
        let own = match transaction.is_drain() {
            true => Instant::NEVER,
            false => later(transaction.deadline).min(later(transaction.together)),
        };
        moves.min().unwrap_or(Instant::NEVER).min(own)
    }

    /// Calls a driver for one cell of a transaction.
    pub(super) fn call(
        &mut self,
        transaction: &mut Transaction,
        index: usize,
        driver: Driver,
        verb: Verb,
    ) {
        let number = self.next_call;
        self.next_call += 1;
        let (id, wall) = (transaction.id, self.wall());
        let Some(cell) = transaction.moves.get_mut(index) else {
            return;
        };
        cell.called = Some((number, driver));
        let call = Call {
            call: number,
            transaction: id,
            driver,
            verb,
            cell: cell.cell.clone(),
            from: cell.from.clone(),
            to: cell.to.clone(),
        };
        let name = cell.cell.clone();
        let repeated = verb == Verb::Move && cell.left.is_some();
        if !repeated {
            let what = format!("the {} driver is called", driver.word().replace('_', "-"));
            transaction.tell(wall, Some(&name), what);
        }
        self.outputs.push(Output::Call(call));
    }

    pub(super) fn say(&mut self, transaction: &Transaction, warning: bool, message: String) {
        self.outputs.push(Output::Told {
            transaction: transaction.id,
            at: self.wall(),
            warning,
            message,
        });
    }

    /// The oldest that have ended are forgotten.
    fn forget(&mut self) {
        while self.all.len() > KEPT {
            let ended = self.all.values().find(|known| known.phase.is_end());
            let Some(id) = ended.map(|known| known.id) else {
                return;
            };
            self.all.remove(&id);
        }
    }

    /// The facts of a cell by name, and the numbers of two of its members.
    pub(super) fn cell_of(&self, cell: &super::value::Move) -> Option<Place<'_>> {
        let (id, settings) = self.settings.cell(&cell.cell)?;
        Some(Place {
            id,
            settings,
            facts: self.facts.get(id.index())?,
            from: settings.member(&cell.from)?,
            to: settings.member(&cell.to)?,
        })
    }
}

/// One cell of a transaction under the configuration in force.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) id: CellId,
    pub(super) settings: &'a super::settings::CellSettings,
    pub(super) facts: &'a CellFacts,
    pub(super) from: MemberId,
    pub(super) to: MemberId,
}

pub(super) fn unknown(kind: &'static str, name: &str) -> Refused {
    let name = name.to_owned();
    Refused::Unknown { kind, name }
}

fn facts(settings: &Settings) -> Vec<CellFacts> {
    let cells = settings.cells.iter().map(|cell| {
        let assumed: Vec<bool> = cell.members.iter().map(|member| member.assumed).collect();
        CellFacts::new(cell.active, cell.armed, &assumed)
    });
    cells.collect()
}

fn names(cell: &super::settings::CellSettings) -> Vec<&str> {
    cell.members
        .iter()
        .map(|member| member.name.as_str())
        .collect()
}

/// Open transactions at most.
const OPEN: usize = 64;

/// Transactions that are remembered.
const KEPT: usize = 256;

/// Phases that a transaction may go through at once.
const STRIDE: usize = 16;
