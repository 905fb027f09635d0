//! The armed plan: the control side armed it, the lcore acts. A lost active member is fenced and the
//! best standby takes over from the first slot whose first C-plane arrives after the decision; by command
//! the same happens to an active member that is not lost.

use crate::dataplane::fapi;
use crate::dataplane::lcore_state::{CellState, LcoreState};
use crate::dataplane::mailbox::{EventKind, Refusal};
use crate::dataplane::midhaul;
use crate::dataplane::tables::{CellTables, Tables};
use crate::planes::evidence::{Finding, Signal, Signals};
use crate::planes::liveness::Liveness;
use crate::planes::role::{Cause, Mode};
use crate::ran::{CellId, Duration, Instant, MemberId, SlotCount};

/// A failover that was impossible is tried again after this.
pub(super) const RETRY: Duration = Duration::from_millis(1);

impl LcoreState {
    /// `member` left `slot` empty and is silent on the plane of `signal`. If that means loss and it speaks for the cell from then on, or would from a
    /// slot to come, the plan is carried out; if it was to take over, the next does.
    pub fn lost(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        (member, slot): (MemberId, SlotCount),
        signal: Signal,
    ) {
        let rules = tables.cell(cell);
        let Some((state, rules)) = self.cells.get(cell.index()).zip(rules) else {
            return;
        };
        let (last_heard, due_at) = state.silence(member);
        let kind = EventKind::Lost {
            member,
            last_heard,
            due_at,
            signal,
        };
        let current = state.clock.map_or(slot, |clock| clock.slot_at(now));
        let speaks = state.roles.holds(member, slot.max(current)) && !state.roles.is_fenced(member);
        let Finding { silent, needed } = state.evidence(rules, member);
        self.say(now, cell, kind);
        if speaks && silent >= needed {
            self.fail_over(now, tables, cell, member);
        } else if speaks {
            let kind = EventKind::Unconfirmed {
                member,
                silent,
                needed,
            };
            self.say(now, cell, kind);
        }
        self.give_up(now, tables, cell, member);
    }

    /// `member` is gone: if it was to take over and has not begun, the next does. With nobody else it is
    /// waited for until it is heard again, unless it is fenced.
    pub fn give_up(&mut self, now: Instant, tables: &Tables, cell: CellId, member: MemberId) {
        let Some(state) = self.cells.get_mut(cell.index()) else {
            return;
        };
        let Some(waiting) = state.failover.waiting.take_if(|(to, _)| *to == member) else {
            return;
        };
        self.retry_failover(now, tables, cell);
        if let Some(state) = self.cells.get_mut(cell.index())
            && !state.roles.is_fenced(member)
        {
            state.failover.waiting.get_or_insert(waiting);
        }
    }

    /// Tries again after a failover that was impossible: somebody came in step or was readmitted, a
    /// pooled member became free, or the damping is over.
    pub fn retry_failover(&mut self, now: Instant, tables: &Tables, cell: CellId) {
        let awaited = self.cells.get(cell.index()).and_then(|state| {
            let (to, _) = state.failover.waiting?;
            state.is_silent(to).then_some(to)
        });
        if let Some(to) = awaited {
            return self.give_up(now, tables, cell, to);
        }
        let silent = self.cells.get(cell.index()).and_then(|state| {
            if state.failover.waiting.is_some() {
                return None;
            }
            let current = state.clock?.slot_at(now);
            let mut members = (0..state.members.len()).map(|index| MemberId(index as u8));
            let rules = tables.cell(cell)?;
            members
                .find(|member| state.is_gone(rules, *member) && state.roles.holds(*member, current))
        });
        match silent {
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
            Ok(to) => {
                self.take_over(now, tables, cell, (from, to), Cause::Failover);
            }
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
        (from, to): (MemberId, MemberId),
        cause: Cause,
    ) -> SlotCount {
        let newest_unassigned = self.assign(now, tables, cell, to);
        self.settle_failover(cell);
        let Some(state) = self.cells.get_mut(cell.index()) else {
            return SlotCount(0);
        };
        let told = state.roles.is_fenced(from);
        state.roles.fence(from);
        let newest = |member: MemberId| state.members.get(member.index());
        let begun = newest(to).map_or(SlotCount(0), |member| member.newest_control);
        let given = state.fapi_boundary().map(|next| next.offset(-1));
        let after = state.released.max(begun).max(newest_unassigned);
        let after = after.max(given.unwrap_or_default());
        let (last_heard, due_at) = state.silence(from);
        state.failover.waiting = Some((to, after));
        if !told {
            let member = from;
            self.say(now, cell, EventKind::Fenced { member, cause });
        }
        let kind = EventKind::Failover {
            from,
            to,
            last_heard,
            due_at,
        };
        self.say(now, cell, kind);
        midhaul::lost(now, tables, self, cell, from);
        self.begin_at_once(now, tables, cell, (from, to), after.offset(1));
        after.offset(1)
    }

    /// With FAPI nothing has to be waited for: what the new PHY sends follows from the requests that it is
    /// given, from the first slot of which nobody has been given any.
    fn begin_at_once(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        (from, to): (MemberId, MemberId),
        boundary: SlotCount,
    ) {
        let Some(state) = self.cells.get_mut(cell.index()) else {
            return;
        };
        if state.fapi.is_none() || !state.takes_over(to, boundary, now) {
            return;
        }
        self.announce(now, cell);
        fapi::fail_crcs(tables, self, cell, from, boundary);
    }

    /// By command, as if the active member were lost now: `to` takes over, or whom the plan would take. A
    /// failover that waits for a member is given `to` to wait for instead; nobody else is fenced then.
    /// Returns the first slot that it can begin; the event of the mode names the one that it did.
    pub fn fail_over_by_command(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        to: Option<MemberId>,
    ) -> Result<SlotCount, Refusal> {
        let state = self.cells.get(cell.index());
        let state = state.ok_or(Refusal::UnknownMember)?;
        let current = state.clock.ok_or(Refusal::NoSlotYet)?.slot_at(now);
        let owner = state.roles.mode(current).carrier_owner();
        let from = match state.failover.waiting {
            Some((awaited, _)) if to.is_none_or(|to| to == awaited) => {
                return Err(Refusal::FailoverWaits);
            }
            Some(_) => state.fenced_speaker(current).unwrap_or(owner),
            None => owner,
        };
        let to = match to {
            Some(to) if to == from && !state.roles.is_fenced(to) => return Err(Refusal::IsActive),
            Some(to) => self.fit_in_need(now, tables, cell, to).map(|()| to)?,
            None => self
                .successor(now, tables, cell, from)
                .map_err(|(why, _)| why)?,
        };
        Ok(self.take_over(now, tables, cell, (from, to), Cause::Command))
    }

    /// Who takes over from `from`: whoever speaks until then if its slots are still to come, while
    /// sharing the other member, else the first standby that can.
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
        let speaking = self.mode_now(now, cell);
        if let Some(mode) = speaking.filter(|mode| !mode.includes(from)) {
            let keeper = mode.carrier_owner();
            if self.fit(now, tables, cell, keeper).is_ok() {
                return Ok(keeper);
            }
        }
        let damping = tables.cell(cell).map(|tables| tables.damping);
        if let (Some(last), Some(damping)) = (state.failover.last, damping)
            && now < last.after(damping)
        {
            return Err((Refusal::Damped, last.after(damping)));
        }
        let other = match speaking {
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
            match self.fit_in_need(now, tables, cell, candidate) {
                Ok(()) => return Ok(candidate),
                Err(unfit) => why = unfit,
            }
        }
        Err((why, now.after(RETRY)))
    }

    /// May `member` become active: known, not fenced, in step, not lost, and its context free.
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
        let both = state.fapi.as_ref().zip(cell_tables.fapi.as_ref());
        let misses = both.is_some_and(|(fapi, of)| fapi.group.misses(&of.rules, member, now));
        if state.phy_is_down(member) || misses {
            return Err(Refusal::NotInStep);
        }
        let lost = state.members.get(member.index());
        let lost = lost.is_some_and(|heard| heard.liveness.is_lost());
        let in_step = state.in_step >> (member.0 & 7) & 1 == 1 && !lost;
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

    /// The mode of the slot on air.
    pub fn mode_now(&self, now: Instant, cell: CellId) -> Option<Mode> {
        let state = self.cells.get(cell.index())?;
        let slot = state.clock?.slot_at(now);
        Some(state.roles.mode(slot))
    }
}

impl CellState {
    /// What tells that `member` is gone.
    fn evidence(&self, rules: &CellTables, member: MemberId) -> Finding {
        let heard = self
            .members
            .get(member.index())
            .map(|member| &member.liveness);
        let known = Signals::default()
            .with(Signal::Fronthaul, heard.is_some_and(Liveness::is_known))
            .with(Signal::Fapi, self.fapi.is_some());
        let silent = Signals::default()
            .with(Signal::Fronthaul, heard.is_some_and(Liveness::is_lost))
            .with(Signal::Fapi, self.phy_is_down(member));
        rules.loss.judge(known, silent)
    }

    /// True if `member` serves nobody any more: fenced, or lost by the evidence that is asked for.
    fn is_gone(&self, rules: &CellTables, member: MemberId) -> bool {
        self.roles.is_fenced(member) || self.evidence(rules, member).is_loss()
    }

    /// When `member` was last heard, and the first instant at which it was missed: on whichever plane has
    /// lost it.
    fn silence(&self, member: MemberId) -> (Instant, Instant) {
        let fapi = self.fapi.as_ref().filter(|fapi| fapi.group.is_lost(member));
        if let (Some(fapi), Some(clock)) = (fapi, self.clock) {
            let heard = fapi.group.heard(member);
            return (heard, heard.after(clock.numerology().slot_duration()));
        }
        let heard = self.members.get(member.index());
        heard.map_or((Instant(0), Instant(0)), |heard| {
            (heard.liveness.last_heard(), heard.liveness.first_missed())
        })
    }

    /// The standby that is waited for speaks from `slot` on; false if another is waited for, or a later slot.
    pub(super) fn takes_over(&mut self, member: MemberId, slot: SlotCount, now: Instant) -> bool {
        let Some((standby, after)) = self.failover.waiting else {
            return false;
        };
        // Somebody whose turn was scheduled before may have gone on in the meantime.
        if standby != member || slot <= after.max(self.released) {
            return false;
        }
        let (mode, cause) = (Mode::Single(member), Cause::Failover);
        if self.roles.schedule(slot, mode, cause).is_err() {
            return false;
        }
        self.failover.waiting = None;
        self.failover.last = Some(now);
        true
    }
}
