//! The armed plan: the control side armed it, the lcore acts. A lost active member is fenced and the
//! best standby takes over from the first slot whose first C-plane arrives after the decision.

use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{EventKind, Refusal};
use crate::dataplane::tables::Tables;
use crate::planes::role::{Cause, Mode};
use crate::ran::{CellId, Instant, MemberId, SlotCount};

impl LcoreState {
    /// `member` is lost. If it speaks for the cell, the plan is carried out.
    pub fn lost(&mut self, now: Instant, tables: &Tables, cell: CellId, member: MemberId) {
        let Some(state) = self.cells.get(cell.index()) else {
            return;
        };
        let Some(heard) = state.members.get(member.index()) else {
            return;
        };
        let kind = EventKind::Lost {
            member,
            last_heard: heard.liveness.last_heard(),
            due_at: heard.liveness.first_missed(),
        };
        let speaks = self
            .mode_now(now, cell)
            .is_some_and(|mode| mode.includes(member))
            && !state.roles.is_fenced(member);
        self.say(now, cell, kind);
        if speaks {
            self.fail_over(now, tables, cell, member);
        }
    }

    /// Tries again after a failover that was impossible: somebody came in step, or the damping is over.
    pub fn retry_failover(&mut self, now: Instant, tables: &Tables, cell: CellId) {
        let lost = self.mode_now(now, cell).and_then(|mode| {
            let state = self.cells.get(cell.index())?;
            let silent = |member: &MemberId| {
                state
                    .members
                    .get(member.index())
                    .is_some_and(|heard| heard.liveness.is_lost())
            };
            let speaking = match mode {
                Mode::Single(active) => [Some(active), None],
                Mode::Shared {
                    source,
                    destination,
                } => [Some(source), Some(destination)],
            };
            speaking.into_iter().flatten().find(silent)
        });
        match lost {
            Some(member) => self.fail_over(now, tables, cell, member),
            None => self.settle_failover(cell),
        }
    }

    fn settle_failover(&mut self, cell: CellId) {
        if let Some(state) = self.cells.get_mut(cell.index()) {
            state.failover.stranded = false;
            state.failover.retry_at = Instant::NEVER;
        }
    }

    fn fail_over(&mut self, now: Instant, tables: &Tables, cell: CellId, from: MemberId) {
        match self.successor(now, tables, cell, from) {
            Ok(to) => self.take_over(now, tables, cell, from, to),
            Err((why, retry_at)) => {
                let Some(state) = self.cells.get_mut(cell.index()) else {
                    return;
                };
                let told = std::mem::replace(&mut state.failover.stranded, true);
                state.failover.retry_at = retry_at;
                if !told {
                    self.say(now, cell, EventKind::FailoverImpossible { from, why });
                }
            }
        }
    }

    fn take_over(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        from: MemberId,
        to: MemberId,
    ) {
        let newest_unassigned = self.assign(now, tables, cell, to);
        self.settle_failover(cell);
        let Some(state) = self.cells.get_mut(cell.index()) else {
            return;
        };
        state.roles.fence(from);
        let newest = |member: MemberId| state.members.get(member.index());
        let spoken = newest(from).map_or(SlotCount(0), |member| member.newest_sent);
        let begun = newest(to).map_or(SlotCount(0), |member| member.newest_control);
        let after = spoken.max(begun).max(newest_unassigned);
        let (last_heard, due_at) = newest(from).map_or((Instant(0), Instant(0)), |member| {
            (member.liveness.last_heard(), member.liveness.first_missed())
        });
        state.failover.waiting = Some((to, after));
        state.failover.last = Some(now);
        let cause = Cause::Failover;
        self.say(
            now,
            cell,
            EventKind::Fenced {
                member: from,
                cause,
            },
        );
        let kind = EventKind::Failover {
            from,
            to,
            last_heard,
            due_at,
        };
        self.say(now, cell, kind);
    }

    /// Who takes over from `from`: while sharing the other member, else the first standby that can.
    fn successor(
        &self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        from: MemberId,
    ) -> Result<MemberId, (Refusal, Instant)> {
        let state = self
            .cells
            .get(cell.index())
            .ok_or((Refusal::NotArmed, Instant::NEVER))?;
        let damping = tables.cell(cell).map(|tables| tables.damping);
        if let (Some(last), Some(damping)) = (state.failover.last, damping)
            && now < last.after(damping)
        {
            return Err((Refusal::Damped, last.after(damping)));
        }
        let other = match self.mode_now(now, cell) {
            Some(Mode::Shared {
                source,
                destination,
            }) if source == from => Some(destination),
            Some(Mode::Shared { source, .. }) => Some(source),
            _ => None,
        };
        let mut why = Refusal::NotArmed;
        for candidate in other
            .into_iter()
            .chain(state.failover.standby.into_iter().flatten())
        {
            if candidate == from {
                continue;
            }
            match self.fit(now, tables, cell, candidate) {
                Ok(()) => return Ok(candidate),
                Err(unfit) => why = unfit,
            }
        }
        Err((why, Instant::NEVER))
    }

    /// May `member` become active: known, not fenced, in step, and its context free.
    pub fn fit(
        &self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> Result<(), Refusal> {
        let cell_tables = tables.cell(cell).ok_or(Refusal::UnknownMember)?;
        let state = self.cells.get(cell.index()).ok_or(Refusal::UnknownMember)?;
        let entry = cell_tables
            .members
            .get(member.index())
            .ok_or(Refusal::UnknownMember)?;
        if state.roles.is_fenced(member) {
            return Err(Refusal::Fenced);
        }
        let in_step = state.in_step >> (member.0 & 7) & 1 == 1;
        if !entry.pooled {
            return in_step.then_some(()).ok_or(Refusal::NotInStep);
        }
        let pool = self
            .pool
            .get(entry.peer.index())
            .ok_or(Refusal::UnknownMember)?;
        match pool.assigned {
            Some(other) if other != cell => Err(Refusal::Assigned),
            Some(_) if in_step => Ok(()),
            None if entry.assume_in_step => Ok(()),
            None if now <= pool.heard.after(cell_tables.step_memory) => Ok(()),
            _ => Err(Refusal::NotInStep),
        }
    }

    /// Assigns a pooled member to the cell; returns the newest slot it has begun elsewhere.
    pub fn assign(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> SlotCount {
        let entry = tables
            .cell(cell)
            .and_then(|tables| tables.members.get(member.index()));
        let Some(entry) = entry.filter(|entry| entry.pooled) else {
            return SlotCount(0);
        };
        let Some(pool) = self.pool.get_mut(entry.peer.index()) else {
            return SlotCount(0);
        };
        if pool.assigned == Some(cell) {
            return SlotCount(0);
        }
        pool.assigned = Some(cell);
        let newest = pool.newest_control;
        if let Some(state) = self.cells.get_mut(cell.index()) {
            state.in_step |= u8::from(entry.assume_in_step) << (member.0 & 7);
        }
        let assigned = true;
        self.say(now, cell, EventKind::Assigned { member, assigned });
        newest
    }

    /// Lets a pooled member go.
    pub fn release(&mut self, now: Instant, tables: &Tables, cell: CellId, member: MemberId) {
        let entry = tables
            .cell(cell)
            .and_then(|tables| tables.members.get(member.index()));
        let pool = entry.and_then(|entry| self.pool.get_mut(entry.peer.index()));
        let Some(pool) = pool else {
            return;
        };
        pool.assigned = None;
        pool.heard = Instant(0);
        if let Some(state) = self.cells.get_mut(cell.index()) {
            state.in_step &= !(1 << (member.0 & 7));
        }
        let assigned = false;
        self.say(now, cell, EventKind::Assigned { member, assigned });
    }

    /// The mode of the slot on air.
    pub fn mode_now(&self, now: Instant, cell: CellId) -> Option<Mode> {
        let state = self.cells.get(cell.index())?;
        let slot = state.clock?.slot_at(now);
        Some(state.roles.mode(slot))
    }
}
