//! From a request to a plan: every cell checked, nobody promised to two.

use super::checks::{Candidate, Check, failing};
use super::director::{Transactions, unknown};
use super::phase::{Course, Phase};
use super::request::{Asked, Refused, Request, Wish};
use super::settings::MemberSettings;
use super::value::{Move, Plane, Transaction};
use crate::ran::{CellId, Instant, MemberId};

impl Transactions {
    /// Opens a move if nothing speaks against it.
    pub(super) fn open_move(&mut self, asked: Asked) -> Result<u64, Refused> {
        let Request::Move {
            cells, share, wait, ..
        } = &asked.request
        else {
            return Err(Refused::Malformed("not a move"));
        };
        let checks = self.judge(&asked.request)?;
        let waits = *wait || self.settings.drivers.member;
        let lasting = |check: &Check| !PASSING.contains(&check.check.as_str());
        let failing: Vec<_> = failing(checks)
            .into_iter()
            .filter(|check| !waits || lasting(check))
            .collect();
        if !failing.is_empty() {
            return Err(Refused::Checks(failing));
        }
        let moves = cells.iter().filter_map(|wish| self.plan(wish, *share));
        let moves: Vec<Move> = moves.collect();
        let mut transaction = self.begin(asked, Phase::Preparing, Course::Forward);
        transaction.moves = moves;
        for index in 0..transaction.moves.len() {
            let Some(cell) = transaction.moves.get(index) else {
                continue;
            };
            let what = format!("from {} to {}", cell.from, cell.to);
            let name = cell.cell.clone();
            transaction.tell(self.wall(), Some(&name), what);
        }
        Ok(self.keep(transaction))
    }

    /// Every check of a move, whether it holds or not.
    pub(super) fn judge(&self, request: &Request) -> Result<Vec<Check>, Refused> {
        let Request::Move {
            cells, share, what, ..
        } = request
        else {
            return Ok(Vec::new());
        };
        if cells.is_empty() {
            return Err(Refused::Malformed("no cell is named"));
        }
        let mut checks = Vec::new();
        for (index, wish) in cells.iter().enumerate() {
            if cells
                .iter()
                .take(index)
                .any(|before| before.cell == wish.cell)
            {
                return Err(Refused::Malformed("a cell is named twice"));
            }
            let found = self.settings.cell(&wish.cell);
            let (id, cell) = found.ok_or_else(|| unknown("cell", &wish.cell))?;
            let to = cell
                .member(&wish.to)
                .ok_or_else(|| unknown("member", &wish.to))?;
            if let Some(held) = self.all.values().find(|known| known.holds(&wish.cell)) {
                let (over, with) = (wish.cell.clone(), held.id);
                return Err(Refused::Conflict { over, with });
            }
            let Some(facts) = self.facts.get(id.index()) else {
                continue;
            };
            let candidate = Candidate {
                settings: &self.settings,
                cell,
                facts,
                from: facts.last_mode().carrier_owner(),
                to,
                share: *share,
                what: *what,
                blind: self.is_blind(facts),
                taken_by: self.taken(id, &wish.to, cells),
            };
            checks.extend(candidate.checks());
        }
        Ok(checks)
    }

    /// Another cell that the member of this name serves, or is about to.
    pub(super) fn taken(&self, cell: CellId, member: &str, wishes: &[Wish]) -> Option<String> {
        let own = self.settings.cells.get(cell.index())?;
        let wished = wishes
            .iter()
            .find(|wish| wish.to == member && wish.cell != own.name);
        if let Some(wish) = wished {
            return Some(wish.cell.clone());
        }
        let goes = self.open().flat_map(|known| &known.moves);
        let mut goes = goes.filter(|other| other.to == member && other.cell != own.name);
        if let Some(other) = goes.next() {
            return Some(other.cell.clone());
        }
        let cells = self.settings.cells.iter().zip(&self.facts);
        let mut serves = cells.filter(|(other, facts)| {
            let here = other.member(member);
            let speaks = |member| facts.mode.includes(member) || facts.last_mode().includes(member);
            other.name != own.name && here.is_some_and(speaks)
        });
        serves.next().map(|(other, _)| other.name.clone())
    }

    /// The move that a wish means.
    pub(super) fn plan(&self, wish: &Wish, share: bool) -> Option<Move> {
        let (id, cell) = self.settings.cell(&wish.cell)?;
        let facts = self.facts.get(id.index())?;
        let from = cell.name_of(facts.last_mode().carrier_owner());
        let fronthaul = cell.fronthaul.then_some(Plane::Fronthaul);
        let fapi = cell.fapi.then_some(Plane::Fapi);
        Some(Move {
            cell: wish.cell.clone(),
            from,
            to: wish.to.clone(),
            planes: fronthaul.into_iter().chain(fapi).collect(),
            share: share && cell.fronthaul && !cell.fapi,
            armed: facts.armed.map(|armed| cell.name_of(armed)),
            boundary: None,
            left: None,
            forced: false,
            damped: false,
            done: Vec::new(),
            started: false,
            unheard: false,
            pending: None,
            called: None,
            answered: true,
            refused: None,
            not_before: Instant(0),
        })
    }

    /// Checks that fail now.
    pub(super) fn failing(&self, transaction: &Transaction) -> Vec<Check> {
        let Request::Move {
            what, share, cells, ..
        } = &transaction.request
        else {
            return Vec::new();
        };
        let of = |cell: &Move| {
            let place = self.cell_of(cell)?;
            let candidate = Candidate {
                settings: &self.settings,
                cell: place.settings,
                facts: place.facts,
                from: place.from,
                to: place.to,
                share: *share,
                what: *what,
                blind: self.is_blind(place.facts),
                taken_by: self.taken(place.id, &cell.to, cells),
            };
            Some(candidate.checks())
        };
        failing(transaction.moves.iter().filter_map(of).flatten().collect())
    }

    /// Who could take a cell over: the armed standby first. `fit` may refuse members.
    pub(super) fn spare(
        &self,
        cell: CellId,
        active: &str,
        fit: impl Fn(&MemberSettings) -> bool,
    ) -> Option<MemberId> {
        let settings = self.settings.cells.get(cell.index())?;
        let facts = self.facts.get(cell.index())?;
        let all = (0..settings.members.len()).map(|index| MemberId(index as u8));
        facts.armed.into_iter().chain(all).find(|member| {
            let known = settings.members.get(member.index());
            known.is_some_and(|known| {
                let free = !known.pooled || self.taken(cell, &known.name, &[]).is_none();
                known.name != active && facts.is_ready(*member) && free && fit(known)
            })
        })
    }
}

/// Checks that may come to hold while they are waited for.
const PASSING: [&str; 5] = ["in_step", "warm", "phy_answers", "free", "time_aligned"];
