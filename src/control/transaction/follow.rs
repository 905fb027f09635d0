//! What the lcores did by themselves, followed up: a loss of one server is one transaction over all its cells and
//! planes. The lcore has fenced and taken over already; here the rest is seen to, and the whole is told.

use super::back::TURNS;
use super::director::Transactions;
use super::phase::{Course, Phase};
use super::request::{Asked, Cause, Request, Wish};
use super::settings::{MemberSettings, Rest};
use super::value::{Ask, Transaction};
use crate::dataplane::mailbox::{Boundary, Event, EventKind, Mode, Refusal};
use crate::ran::{CellId, MemberId};

impl Transactions {
    /// A failover belongs to the open transaction over its cell, else to that over the lost server.
    pub(super) fn follow(&mut self, event: &Event) {
        let (from, to, damped) = match event.kind {
            EventKind::Failover { from, to, .. } => (from, Some(to), false),
            EventKind::FailoverImpossible { from, why } => (from, None, why == Refusal::Damped),
            _ => return,
        };
        let Some(settings) = self.settings.cells.get(event.cell.index()) else {
            return;
        };
        let Some(lost) = settings.members.get(from.index()) else {
            return;
        };
        let (name, place) = (settings.name.clone(), self.settings.home(lost));
        let told = format!(
            "{} lost, {}",
            lost.name,
            to.map_or_else(
                || "nobody can take over".to_owned(),
                |to| format!("{} takes over", settings.name_of(to)),
            )
        );
        let to = to.map(|to| settings.name_of(to));
        let held = self.all.values().find(|known| known.holds(&name));
        let follows = |known: &&Transaction| match &known.request {
            Request::Follow { lost } => *lost == place && !known.phase.is_end(),
            _ => false,
        };
        let open = self.all.values().find(follows).map(|known| known.id);
        match (held.map(|held| held.id), open) {
            (Some(held), open) if Some(held) != open => {}
            (_, Some(open)) => self.join(open, event.cell, &name, (to, damped), told),
            (_, None) => self.open_follow_up(event.cell, &name, place, (to, damped), told),
        }
    }

    fn open_follow_up(
        &mut self,
        cell: CellId,
        name: &str,
        place: String,
        found: (Option<String>, bool),
        told: String,
    ) {
        let asked = Asked {
            cause: Cause::Failure(place.clone()),
            request: Request::Follow { lost: place },
            key: None,
            term: None,
        };
        let mut transaction = self.begin(asked, Phase::Switching, Course::NoWayBack);
        transaction.together = self.now.after(self.settings.join_within);
        let patience = self.settings.deadlines.rolling_back;
        transaction.deadline = transaction.together.after(patience);
        let id = self.keep(transaction);
        self.join(id, cell, name, found, told);
    }

    /// Adds a cell, or another successor of one.
    fn join(
        &mut self,
        id: u64,
        cell: CellId,
        name: &str,
        (to, damped): (Option<String>, bool),
        told: String,
    ) {
        let Some(mut transaction) = self.all.remove(&id) else {
            return;
        };
        let wall = self.wall();
        transaction.tell(wall, Some(name), told);
        transaction.weighty = true;
        let known = transaction.moves.iter_mut().find(|held| held.cell == name);
        match known {
            Some(held) => {
                held.to = to.unwrap_or_else(|| held.to.clone());
                // Whoever is waited for now speaks next, in whichever phase this was.
                transaction.phase = Phase::Switching;
            }
            None => {
                let wish = Wish {
                    cell: name.to_owned(),
                    to: to.unwrap_or_default(),
                };
                if let Some(mut planned) = self.plan(&wish, false) {
                    planned.forced = true;
                    planned.damped = damped;
                    planned.from = self.lost_of(&transaction, cell).unwrap_or(planned.from);
                    transaction.moves.push(planned);
                }
            }
        }
        self.all.insert(id, transaction);
    }

    /// The member of `cell` that the transaction is about.
    fn lost_of(&self, transaction: &Transaction, cell: CellId) -> Option<String> {
        let Request::Follow { lost } = &transaction.request else {
            return None;
        };
        let settings = self.settings.cells.get(cell.index())?;
        let mut members = settings.members.iter();
        let lost = members.find(|member| self.settings.is_at(lost, member))?;
        Some(lost.name.clone())
    }

    /// One step of a follow-up.
    pub(super) fn follow_up(&mut self, transaction: &mut Transaction) {
        if !transaction.stopped && self.now >= transaction.together {
            transaction.stopped = true;
            self.sweep(transaction);
        }
        for index in 0..transaction.moves.len() {
            self.complete(transaction, index);
        }
        let speaks = transaction.moves.iter().all(|cell| {
            let place = self.cell_of(cell);
            place.is_some_and(|place| {
                place.facts.settled_on(place.to) && !place.facts.is_gone(place.to)
            })
        });
        let over = self.now >= transaction.deadline;
        match transaction.phase {
            Phase::Switching if speaks && transaction.stopped => {
                transaction.phase = Phase::Confirming;
                transaction.deadline = self.deadline(Phase::Confirming, transaction.course);
                transaction.weighty = true;
                transaction.tell(self.wall(), None, Phase::Confirming.word().to_owned());
            }
            Phase::Confirming if speaks && over => self.end(transaction, Phase::Done),
            _ if over => self.fail(transaction, "not every cell was taken over"),
            _ => {}
        }
    }

    /// Does what the lcore could not do in one cell, and takes note of whom it chose.
    fn complete(&mut self, transaction: &mut Transaction, index: usize) {
        let Some(cell) = transaction.moves.get_mut(index) else {
            return;
        };
        let Some((id, settings)) = self.settings.cell(&cell.cell) else {
            return;
        };
        let Some(facts) = self.facts.get(id.index()) else {
            return;
        };
        let speaker = facts
            .waiting_for
            .unwrap_or(facts.last_mode().carrier_owner());
        let name = settings.name_of(speaker);
        if name != cell.from {
            if !facts.is_gone(speaker) {
                cell.to = name;
            }
            return;
        }
        let stranded = cell.forced;
        // Nobody is armed, or not now: that is what somebody wanted, unless they said otherwise.
        let left = stranded && (cell.damped || self.settings.rest == Rest::Report);
        if facts.waiting_for.is_some() || left {
            return;
        }
        let to = settings.member(&cell.to).filter(|to| facts.is_ready(*to));
        let from = cell.from.clone();
        let fit = |member: &MemberSettings| !self.lost(transaction, member);
        let Some(to) = to.or_else(|| self.spare(id, &from, fit)) else {
            return;
        };
        let to = settings.name_of(to);
        if let Some(cell) = transaction.moves.get_mut(index) {
            cell.to = to;
        }
        if transaction.turns < TURNS && !self.waits(transaction, index) {
            let ask = if stranded { Ask::FailOver } else { Ask::Switch };
            self.order(transaction, index, ask, Boundary::Next);
        }
    }

    fn lost(&self, transaction: &Transaction, member: &MemberSettings) -> bool {
        match &transaction.request {
            Request::Follow { lost } => self.settings.is_at(lost, member),
            _ => false,
        }
    }

    /// Cells of the lost server that still have an active member there.
    fn sweep(&mut self, transaction: &mut Transaction) {
        let mut rest: Vec<(CellId, String, MemberId)> = Vec::new();
        for (index, (cell, facts)) in self.settings.cells.iter().zip(&self.facts).enumerate() {
            let speaker = facts.last_mode().carrier_owner();
            let there = cell.members.get(speaker.index());
            let there = there.is_some_and(|member| self.lost(transaction, member));
            let held = transaction.holds(&cell.name)
                || self.all.values().any(|known| known.holds(&cell.name));
            let alone = facts.last_mode() == Mode::Single(speaker);
            if there && !held && alone && facts.waiting_for.is_none() {
                rest.push((CellId(index as u16), cell.name.clone(), speaker));
            }
        }
        for (id, name, speaker) in rest {
            let of = self.settings.cells.get(id.index());
            let who = of.map_or_else(String::new, |cell| cell.name_of(speaker));
            let fit = |member: &MemberSettings| !self.lost(transaction, member);
            let spare = self.spare(id, &who, fit);
            let to = spare.zip(of).map(|(spare, cell)| cell.name_of(spare));
            match to.filter(|_| self.settings.rest == Rest::Move) {
                Some(to) => {
                    let what = format!("{who} speaks on and is moved to {to}");
                    transaction.tell(self.wall(), Some(&name), what);
                    let wish = Wish { cell: name, to };
                    transaction.moves.extend(self.plan(&wish, false));
                }
                None => {
                    let what = format!("{who} speaks on and is left where it is");
                    transaction.tell(self.wall(), Some(&name), what);
                    transaction.left.push(name);
                }
            }
        }
    }
}
