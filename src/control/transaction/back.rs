//! The way back: every cell to the member that was active before. A source that has gone leaves no way back; then all
//! cells go forward.

use super::director::Transactions;
use super::driver::{Driver, Verb};
use super::phase::{Course, Phase};
use super::value::{Ask, Transaction};
use crate::dataplane::mailbox::{Boundary, Mode, Refusal};
use crate::ran::{Duration, Instant};

impl Transactions {
    /// From now on this transaction undoes what it did.
    pub(super) fn turn_back(&mut self, transaction: &mut Transaction, why: String) {
        if transaction.course == Course::Back || transaction.phase.is_end() {
            return;
        }
        let message = format!("turned back: {why}");
        self.turn(transaction, Course::Back, message);
        transaction.why = Some(why);
        for cell in &mut transaction.moves {
            cell.done.retain(|driver| *driver != Driver::Ues);
            cell.called = None;
            cell.not_before = Instant(0);
        }
    }

    /// From now on there is no way back.
    pub(super) fn turn_forward(&mut self, transaction: &mut Transaction, why: String) {
        if transaction.course == Course::NoWayBack || transaction.phase.is_end() {
            return;
        }
        let message = format!("there is no way back: {why}");
        transaction.phase = transaction.phase.max(Phase::Switching);
        self.turn(transaction, Course::NoWayBack, message);
        transaction.why.get_or_insert(why);
    }

    fn turn(&mut self, transaction: &mut Transaction, course: Course, message: String) {
        transaction.course = course;
        transaction.turns = transaction.turns.saturating_add(1);
        transaction.deadline = self.deadline(transaction.phase, course);
        transaction.since = self.now;
        transaction.weighty = true;
        transaction.tell(self.wall(), None, message.clone());
        self.say(transaction, true, message);
    }

    /// One step of the way back.
    pub(super) fn back(&mut self, transaction: &mut Transaction) {
        let mut all = true;
        for index in 0..transaction.moves.len() {
            all &= self.undo(transaction, index);
            if transaction.course != Course::Back {
                return;
            }
        }
        if all {
            return self.end_back(transaction);
        }
        if self.now >= transaction.deadline {
            self.fail(transaction, "the way back took too long");
        }
    }

    /// Brings one cell back; true if it is there, or somewhere that this transaction did not bring it to.
    fn undo(&mut self, transaction: &mut Transaction, index: usize) -> bool {
        let Some(cell) = transaction.moves.get(index) else {
            return true;
        };
        // A configuration without the cell, or without one of the members: nothing can be commanded.
        let Some(place) = self.cell_of(cell) else {
            return true;
        };
        let (facts, from, to) = (place.facts, place.from, place.to);
        let there = facts.settled_on(from);
        if cell.pending.is_none() && cell.answered && there {
            return true;
        }
        let last = facts.last_mode();
        let elsewhere = !last.includes(from) && !last.includes(to);
        if cell.answered && elsewhere && facts.waiting_for.is_none() {
            return true;
        }
        let unfit = matches!(
            cell.refused,
            Some(Refusal::NotInStep | Refusal::Fenced | Refusal::Assigned)
        );
        if (facts.is_gone(from) || unfit) && last == Mode::Single(to) && !facts.is_gone(to) {
            let why = format!("{} cannot take {} back", cell.from, cell.cell);
            if transaction.turns < TURNS {
                self.turn_forward(transaction, why);
            }
            return false;
        }
        let boundary = match facts.next {
            Some((slot, mode))
                if mode != Mode::Single(from) && facts.mode == Mode::Single(from) =>
            {
                match cell.refused {
                    Some(Refusal::BoundaryPassed) => Boundary::Next,
                    _ => Boundary::Slot(slot),
                }
            }
            _ => Boundary::Next,
        };
        let undone = facts.last_mode() == Mode::Single(from) && cell.answered;
        if undone || self.moves_back(transaction, index) || self.waits(transaction, index) {
            return false;
        }
        self.order(transaction, index, Ask::Undo, boundary);
        false
    }

    /// True while UEs that were moved are moved back: as long as both members still speak, and for half of the
    /// time at most.
    fn moves_back(&mut self, transaction: &mut Transaction, index: usize) -> bool {
        let half = self.settings.deadlines.rolling_back.as_nanos() / 2;
        let over = self.now >= transaction.since.after(Duration::from_nanos(half));
        let Some(cell) = transaction.moves.get(index) else {
            return false;
        };
        let began = cell.share && cell.left.is_some() && self.settings.drivers.ues;
        let Some(place) = self.cell_of(cell) else {
            return false;
        };
        let shared = matches!(place.facts.mode, Mode::Shared { .. });
        let alive = !place.facts.is_gone(place.to) && !place.facts.is_gone(place.from);
        if over || !began || !shared || !alive || cell.done.contains(&Driver::Ues) {
            return false;
        }
        if cell.called.is_none() && self.now >= cell.not_before {
            self.call(transaction, index, Driver::Ues, Verb::MoveBack);
        }
        true
    }

    fn end_back(&mut self, transaction: &mut Transaction) {
        for index in 0..transaction.moves.len() {
            let started = transaction
                .moves
                .get(index)
                .is_some_and(|cell| cell.started);
            if started {
                self.call(transaction, index, Driver::Member, Verb::Stop);
            }
        }
        let back = transaction.moves.iter().all(|cell| {
            let place = self.cell_of(cell);
            place.is_some_and(|place| place.facts.settled_on(place.from))
        });
        if back {
            return self.end(transaction, Phase::RolledBack);
        }
        self.fail(transaction, "not every cell is where it was");
    }

    /// Ends without success, and says where each cell is.
    pub(super) fn fail(&mut self, transaction: &mut Transaction, what: &str) {
        let cells = transaction
            .moves
            .iter()
            .map(|cell| match self.cell_of(cell) {
                None => format!("{} or a member of it is not configured any more", cell.cell),
                Some(place) => {
                    let name = |member| place.settings.name_of(member);
                    match place.facts.mode {
                        Mode::Single(active) => {
                            format!("{} is served by {}", cell.cell, name(active))
                        }
                        Mode::Shared {
                            source,
                            destination,
                        } => format!(
                            "{} is shared by {} and {}",
                            cell.cell,
                            name(source),
                            name(destination)
                        ),
                    }
                }
            });
        let cells: Vec<String> = cells.collect();
        let before = transaction.why.take().map(|why| format!("{why}; "));
        let mut why = format!("{}{what}", before.unwrap_or_default());
        if !cells.is_empty() {
            why = format!("{why}: {}", cells.join(", "));
        }
        transaction.why = Some(why);
        self.end(transaction, Phase::Failed);
    }

    /// Ends.
    pub(super) fn end(&mut self, transaction: &mut Transaction, phase: Phase) {
        transaction.phase = phase;
        transaction.ended = Some(self.wall());
        transaction.weighty = true;
        for cell in &mut transaction.moves {
            cell.pending = None;
        }
        let why = transaction.why.as_ref();
        let message = why.map_or_else(
            || phase.word().to_owned(),
            |why| format!("{}: {why}", phase.word()),
        );
        transaction.tell(self.wall(), None, message.clone());
        self.say(transaction, phase != Phase::Done, message);
    }
}

/// How often a transaction may change its course.
pub(super) const TURNS: u8 = 4;
