//! A server emptied: each of its cells by a transaction of its own, some at once, none more after the first failure.

use super::director::{Transactions, unknown};
use super::phase::{Course, Phase};
use super::request::{Asked, Cause, Refused, Request, Wish};
use super::settings::MemberSettings;
use super::value::Transaction;
use crate::dataplane::mailbox::{Action, Boundary};
use crate::ran::CellId;

impl Transactions {
    /// Opens the drain of a server.
    pub(super) fn open_drain(&mut self, asked: Asked, server: &str) -> Result<u64, Refused> {
        if self.settings.server(server).is_none() {
            return Err(unknown("server", server));
        }
        let other = self.open().find(|known| match &known.request {
            Request::Drain { server: other, .. } => other == server,
            _ => false,
        });
        if let Some(other) = other {
            let (over, with) = (server.to_owned(), other.id);
            return Err(Refused::Conflict { over, with });
        }
        let mut transaction = self.begin(asked, Phase::Switching, Course::Forward);
        transaction.left = self.spoken_for_by(server);
        let what = match transaction.left.len() {
            0 => "nothing speaks from it".to_owned(),
            cells => format!("{cells} cells: {}", transaction.left.join(", ")),
        };
        transaction.tell(self.wall(), None, what);
        Ok(self.keep(transaction))
    }

    /// Cells with an active or sharing member on `server`.
    fn spoken_for_by(&self, server: &str) -> Vec<String> {
        let cells = self.settings.cells.iter().zip(&self.facts);
        let there = cells.filter(|(cell, facts)| {
            cell.members.iter().enumerate().any(|(index, member)| {
                let id = crate::ran::MemberId(index as u8);
                let speaks = facts.mode.includes(id) || facts.last_mode().includes(id);
                speaks && self.settings.is_at(server, member)
            })
        });
        there.map(|(cell, _)| cell.name.clone()).collect()
    }

    /// One step of a drain.
    pub(super) fn drain(&mut self, transaction: &mut Transaction) {
        let Request::Drain { server, share } = &transaction.request else {
            return;
        };
        let (server, share) = (server.clone(), *share);
        let children: Vec<(u64, Phase, String)> = transaction
            .children
            .iter()
            .filter_map(|id| self.all.get(id))
            .map(|child| {
                let cells = child.moves.iter().map(|cell| cell.cell.clone());
                let cells: Vec<String> = cells.collect();
                (child.id, child.phase, cells.join(", "))
            })
            .collect();
        for (child, phase, cells) in &children {
            if phase.is_end() && *phase != Phase::Done {
                let why = format!("{cells}: transaction {child} is {}", phase.word());
                self.stop(transaction, why);
            }
        }
        let open = children
            .iter()
            .filter(|(_, phase, _)| !phase.is_end())
            .count();
        let mut room = self.settings.parallel.max(1).saturating_sub(open);
        while room > 0 && !transaction.stopped && !transaction.left.is_empty() {
            let cell = transaction.left.remove(0);
            if let Err(why) = self.move_away(transaction, &cell, &server, share) {
                transaction.left.insert(0, cell.clone());
                self.stop(transaction, format!("{cell}: {why}"));
            }
            room -= 1;
        }
        let busy = transaction.children.iter().any(|id| {
            let child = self.all.get(id);
            child.is_some_and(|child| !child.phase.is_end())
        });
        if busy {
            return;
        }
        if !transaction.stopped {
            self.disarm(&server);
            return self.end(transaction, Phase::Done);
        }
        if !transaction.left.is_empty() {
            let left = format!("not moved: {}", transaction.left.join(", "));
            let why = transaction.why.take();
            transaction.why = Some(why.map_or(left.clone(), |why| format!("{why}; {left}")));
        }
        self.end(transaction, Phase::Failed);
    }

    /// Nothing more is begun.
    pub(super) fn stop(&mut self, transaction: &mut Transaction, why: String) {
        if !transaction.stopped {
            transaction.stopped = true;
            transaction.weighty = true;
            transaction.tell(self.wall(), None, format!("stops: {why}"));
            transaction.why = Some(why);
        }
    }

    fn move_away(
        &mut self,
        transaction: &mut Transaction,
        cell: &str,
        server: &str,
        share: bool,
    ) -> Result<(), String> {
        let (id, settings) = self
            .settings
            .cell(cell)
            .ok_or("it is not configured any more")?;
        let facts = self.facts.get(id.index()).ok_or("nothing is known of it")?;
        let active = settings.name_of(facts.last_mode().carrier_owner());
        let fit = |member: &MemberSettings| !self.settings.is_at(server, member);
        let spare = self.spare(id, &active, fit);
        let to = settings.name_of(spare.ok_or("no other member can take over")?);
        let share = share && settings.fronthaul && !settings.fapi;
        let asked = Asked {
            request: Request::Move {
                cells: vec![Wish {
                    cell: cell.to_owned(),
                    to,
                }],
                what: None,
                share,
                wait: false,
                boundary: Boundary::Next,
            },
            cause: Cause::Drain(transaction.id),
            key: None,
            term: None,
        };
        let child = self.open_move(asked).map_err(|why| why.to_string())?;
        transaction.children.push(child);
        transaction.weighty = true;
        transaction.tell(self.wall(), Some(cell), format!("transaction {child}"));
        // Its end advances this one, which is not among all while it is at work.
        self.advance(child);
        Ok(())
    }

    /// Plans that would take over to the server are armed with somebody else, or nobody.
    fn disarm(&mut self, server: &str) {
        let mut plans: Vec<(CellId, String)> = Vec::new();
        for (index, (cell, facts)) in self.settings.cells.iter().zip(&self.facts).enumerate() {
            let armed = facts
                .armed
                .and_then(|armed| cell.members.get(armed.index()));
            if armed.is_some_and(|armed| self.settings.is_at(server, armed)) {
                let active = cell.name_of(facts.last_mode().carrier_owner());
                plans.push((CellId(index as u16), active));
            }
        }
        for (cell, active) in plans {
            let fit = |member: &MemberSettings| !self.settings.is_at(server, member);
            let standby = self.spare(cell, &active, fit);
            self.command(cell, Boundary::Next, Action::Arm { standby });
        }
    }
}
