//! The way of a transaction to its destinations, a phase at a time. Each looks at what is known of every cell and does
//! what is missing; so it does not matter which event told of it, or whether one was lost.

use super::checks::Check;
use super::director::{Place, Transactions};
use super::driver::{Driver, Verb};
use super::orders::passes;
use super::phase::{Course, Phase};
use super::request::Request;
use super::settings::AtDeadline;
use super::value::{Ask, Move, Transaction};
use crate::dataplane::mailbox::{Action, Boundary, Mode};

impl Transactions {
    /// What the lcores did in the meantime may leave only one way.
    pub(super) fn reflect(&mut self, transaction: &mut Transaction) {
        for index in 0..transaction.moves.len() {
            let Some(cell) = transaction.moves.get_mut(index) else {
                continue;
            };
            let Some(place) = self.cell_of(cell) else {
                let why = format!("{} or a member of it is not configured any more", cell.cell);
                self.turn_back(transaction, why);
                continue;
            };
            let Place {
                facts, from, to, ..
            } = place;
            let coming = facts
                .waiting_for
                .unwrap_or(facts.last_mode().carrier_owner());
            let source_gone = facts.is_gone(from);
            let destination_gone = facts.is_gone(to);
            let has_gone_over = coming == to && facts.last_mode() == Mode::Single(to);
            let is_going_over = facts.waiting_for == Some(to);
            if coming != from && coming != to {
                let name = place.settings.name_of(coming);
                let why = format!("{} is served by {name}", cell.cell);
                self.turn_back(transaction, why);
            } else if source_gone && !destination_gone && (has_gone_over || is_going_over) {
                if transaction.course == Course::Back && transaction.turns >= super::back::TURNS {
                    continue;
                }
                if transaction.phase < Phase::Confirming || transaction.course == Course::Back {
                    cell.forced = true;
                    let why = format!("{} is gone from {}", cell.from, cell.cell);
                    self.turn_forward(transaction, why);
                }
            } else if destination_gone && transaction.course == Course::Forward {
                let why = format!("{} is gone from {}", cell.to, cell.cell);
                self.turn_back(transaction, why);
            }
        }
    }

    /// One step forward.
    pub(super) fn forward(&mut self, transaction: &mut Transaction) {
        match transaction.phase {
            Phase::Preparing => self.prepare(transaction),
            Phase::Sharing => self.share(transaction),
            Phase::MovingUes => self.move_ues(transaction),
            Phase::Switching => self.switch(transaction),
            Phase::Confirming => self.confirm(transaction),
            Phase::Done | Phase::RolledBack | Phase::Failed => {}
        }
    }

    fn enter(&mut self, transaction: &mut Transaction, phase: Phase) {
        transaction.phase = phase;
        transaction.since = self.now;
        transaction.deadline = self.deadline(phase, transaction.course);
        transaction.weighty = true;
        transaction.tell(self.wall(), None, phase.word().to_owned());
    }

    fn prepare(&mut self, transaction: &mut Transaction) {
        let drivers = self.settings.drivers;
        for index in 0..transaction.moves.len() {
            let Some(cell) = transaction.moves.get(index) else {
                continue;
            };
            let idle = cell.called.is_none() && self.now >= cell.not_before;
            if drivers.member && !cell.done.contains(&Driver::Member) {
                if idle {
                    self.call(transaction, index, Driver::Member, Verb::Start);
                }
                continue;
            }
            if drivers.pattern && cell.share && !cell.done.contains(&Driver::Pattern) && idle {
                self.call(transaction, index, Driver::Pattern, Verb::Announce);
            }
        }
        let failing = self.failing(transaction);
        let needs =
            |driver: Driver, needed: bool, cell: &Move| needed && !cell.done.contains(&driver);
        let starting = |cell: &Move| needs(Driver::Member, drivers.member, cell);
        let telling = |cell: &Move| cell.share && needs(Driver::Pattern, drivers.pattern, cell);
        let started = !transaction.moves.iter().any(starting);
        let told = !transaction.moves.iter().any(telling);
        let over = self.now >= transaction.deadline;
        if failing.is_empty() && started && (told || over) {
            return self.prepared(transaction, told);
        }
        if over {
            let checks: Vec<String> = failing.iter().map(Check::to_string).collect();
            let why = match checks.is_empty() {
                true => "the member driver has not said that the destination runs".to_owned(),
                false => checks.join("; "),
            };
            self.turn_back(transaction, why);
        }
    }

    fn prepared(&mut self, transaction: &mut Transaction, told: bool) {
        let shares = transaction.moves.iter().any(|cell| cell.share);
        if !shares {
            return self.begin_switch(transaction);
        }
        let acknowledged = told && self.settings.drivers.pattern;
        let unheard = transaction.moves.iter().any(|cell| cell.unheard);
        if !acknowledged || unheard {
            let warning = "shared mode without an acknowledgement of the slot pattern by both MACs";
            transaction.tell(self.wall(), None, warning.to_owned());
            self.say(transaction, true, warning.to_owned());
        }
        self.enter(transaction, Phase::Sharing);
    }

    fn share(&mut self, transaction: &mut Transaction) {
        let mut all = true;
        for index in 0..transaction.moves.len() {
            let Some(cell) = transaction.moves.get(index).filter(|cell| cell.share) else {
                continue;
            };
            let Some(place) = self.cell_of(cell) else {
                continue;
            };
            let wanted = Mode::Shared {
                source: place.from,
                destination: place.to,
            };
            let holds = place.facts.mode == wanted;
            let comes = place.facts.last_mode() == wanted;
            all &= holds;
            if let Some(why) = cell.refused.filter(|why| !passes(*why)) {
                let why = format!("sharing {} was refused: {}", cell.cell, why.label());
                return self.turn_back(transaction, why);
            }
            if !comes && !self.waits(transaction, index) {
                self.order(transaction, index, Ask::Share, Boundary::Next);
            }
        }
        if all {
            return self.enter(transaction, Phase::MovingUes);
        }
        if self.now >= transaction.deadline {
            self.turn_back(transaction, "sharing has not begun in time".to_owned());
        }
    }

    fn move_ues(&mut self, transaction: &mut Transaction) {
        let mut left = 0;
        for index in 0..transaction.moves.len() {
            let Some(cell) = transaction.moves.get(index).filter(|cell| cell.share) else {
                continue;
            };
            let of = self.cell_of(cell);
            if of.is_some_and(|of| of.facts.settled_on(of.from)) {
                let why = format!("{} is not shared any more", cell.cell);
                return self.turn_back(transaction, why);
            }
            if cell.done.contains(&Driver::Ues) {
                continue;
            }
            left += cell.left.unwrap_or(1).max(1);
            let idle = cell.called.is_none() && self.now >= cell.not_before;
            if idle && self.settings.drivers.ues {
                self.call(transaction, index, Driver::Ues, Verb::Move);
            }
        }
        if left == 0 {
            return self.begin_switch(transaction);
        }
        if self.now < transaction.deadline {
            return;
        }
        let what = "UEs are left at the deadline";
        match self.settings.at_deadline {
            AtDeadline::RollBack => self.turn_back(transaction, what.to_owned()),
            AtDeadline::Switch => {
                transaction.tell(self.wall(), None, format!("{what}: switching all the same"));
                transaction.why = Some(what.to_owned());
                self.say(transaction, true, format!("{what}: switching all the same"));
                self.begin_switch(transaction);
            }
        }
    }

    fn begin_switch(&mut self, transaction: &mut Transaction) {
        self.enter(transaction, Phase::Switching);
        if transaction.moves.len() > 1 {
            transaction.together = self.now.after(self.settings.lead);
            transaction.deadline = transaction.deadline.after(self.settings.lead);
        }
    }

    fn switch(&mut self, transaction: &mut Transaction) {
        let mut all = true;
        for index in 0..transaction.moves.len() {
            let Some(cell) = transaction.moves.get(index) else {
                continue;
            };
            let Some(place) = self.cell_of(cell) else {
                all = false;
                continue;
            };
            let facts = place.facts;
            all &= facts.settled_on(place.to) && cell.pending.is_none() && cell.answered;
            if let Some(why) = cell.refused.filter(|why| !passes(*why))
                && transaction.course == Course::Forward
            {
                let why = format!("the switch of {} was refused: {}", cell.cell, why.label());
                return self.turn_back(transaction, why);
            }
            let coming = facts
                .next
                .map(|(slot, _)| facts.air(slot, place.settings.slot));
            let ahead = coming.map_or(0, |air| air.nanos_since(self.wall()));
            if ahead > 0 {
                let patience = self.settings.deadlines.switching;
                let by = self.now.offset(ahead).after(patience);
                transaction.deadline = transaction.deadline.max(by);
            }
            let comes = facts.last_mode() == Mode::Single(place.to) && cell.answered;
            // The lcore carries it out by itself.
            let forced = facts.waiting_for == Some(place.to);
            if !comes && !forced && !self.waits(transaction, index) {
                let boundary = self.boundary(transaction, index);
                self.order(transaction, index, Ask::Switch, boundary);
            }
        }
        if all {
            return self.enter(transaction, Phase::Confirming);
        }
        if self.now < transaction.deadline {
            return;
        }
        match transaction.course {
            Course::Forward => self.turn_back(transaction, "no switch in time".to_owned()),
            _ => self.fail(transaction, "no switch in time"),
        }
    }

    /// As asked for one cell the first time; several at one instant; as soon as can be when there is no way back.
    fn boundary(&self, transaction: &Transaction, index: usize) -> Boundary {
        let again = transaction
            .moves
            .get(index)
            .is_some_and(|cell| cell.refused.is_some());
        if transaction.course != Course::Forward {
            return Boundary::Next;
        }
        if transaction.moves.len() > 1 {
            let ahead = transaction.together.nanos_since(self.now);
            return Boundary::At(self.wall().offset(ahead));
        }
        match &transaction.request {
            Request::Move { boundary, .. } if !again => *boundary,
            _ => Boundary::Next,
        }
    }

    fn confirm(&mut self, transaction: &mut Transaction) {
        let over = self.now >= transaction.deadline;
        let confirmed = transaction.moves.iter().all(|cell| {
            let Some(place) = self.cell_of(cell) else {
                return false;
            };
            let (facts, to) = (place.facts, place.facts.member(place.to));
            let speaks = facts.settled_on(place.to) && !facts.is_gone(place.to);
            let begun = facts.air(facts.since, place.settings.slot);
            let heard = to.ready == Some(true) && to.heard.is_some_and(|heard| heard >= begun);
            speaks && (heard || over)
        });
        if confirmed {
            self.rearm(transaction);
            return self.end(transaction, Phase::Done);
        }
        if over {
            match transaction.course {
                Course::Forward => {
                    self.turn_back(transaction, "the destination does not speak".to_owned());
                }
                _ => self.fail(transaction, "the destination does not speak"),
            }
        }
    }

    /// A plan that would take over to who is active now is of no use: who was active before takes its place, if it is
    /// not about to go.
    fn rearm(&mut self, transaction: &Transaction) {
        for cell in &transaction.moves {
            let Some(place) = self.cell_of(cell) else {
                continue;
            };
            if place.facts.armed != Some(place.to) {
                continue;
            }
            let leaving = self.leaving(transaction, place);
            let standby = match leaving || place.facts.is_gone(place.from) {
                true => self.spare(place.id, &cell.to, |_| true).filter(|spare| {
                    let name = place.settings.name_of(*spare);
                    name != cell.from
                }),
                false => Some(place.from),
            };
            self.command(place.id, Boundary::Next, Action::Arm { standby });
        }
    }

    /// The source is drained.
    fn leaving(&self, transaction: &Transaction, place: Place<'_>) -> bool {
        let super::request::Cause::Drain(drain) = transaction.cause else {
            return false;
        };
        let of = self.all.get(&drain).map(|drain| &drain.request);
        let Some(Request::Drain { server, .. }) = of else {
            return false;
        };
        let member = place.settings.members.get(place.from.index());
        member.is_some_and(|member| self.settings.is_at(server, member))
    }
}
