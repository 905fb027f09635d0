//! Commands with a boundary: switch, share, pattern; at once: failover, fence, readmit, arm. Each is answered by an event
//! that names the slot from which it holds, or why it was refused.

use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{
    Action, Boundary, Command, EventKind, PatternBits, Refusal, Signal,
};
use crate::dataplane::midhaul;
use crate::dataplane::tables::Tables;
use crate::planes::role::{Cause, Mode};
use crate::ran::{CellId, Instant, MemberId, SlotCount, SlotPoint};

/// Obeys or refuses one command.
pub fn obey(now: Instant, tables: &Tables, lcore: &mut LcoreState, command: &Command) {
    let id = command.id;
    let kind = match lcore.apply(now, tables, command) {
        Ok(boundary) => EventKind::Accepted {
            command: id,
            boundary,
        },
        Err(why) => EventKind::Refused { command: id, why },
    };
    lcore.say(now, command.cell, kind);
    lcore.refresh_deadline(tables, command.cell);
}

impl LcoreState {
    fn apply(
        &mut self,
        now: Instant,
        tables: &Tables,
        command: &Command,
    ) -> Result<SlotCount, Refusal> {
        let cell = command.cell;
        let state = self
            .cells
            .get_mut(cell.index())
            .ok_or(Refusal::UnknownMember)?;
        // Under later tables the command's cell and members may be others.
        if command.term < state.term.max(tables.term) {
            return Err(Refusal::StaleTerm);
        }
        state.term = command.term;
        match command.action {
            Action::FailOver { to } => self.fail_over_by_command(now, tables, cell, to),
            Action::Fence { member } => self.fence(now, tables, cell, member),
            Action::Readmit { member } => self.readmit(now, tables, cell, member),
            Action::Phy { member, runs } => self.phy_runs(now, tables, cell, member, runs),
            Action::PhyGone { member } => self.phy_gone(now, tables, cell, member),
            Action::Arm { standby } => self.arm(now, tables, cell, standby),
            Action::Switch { to } => {
                let boundary = self.boundary(now, tables, command)?;
                self.switch(now, tables, cell, to, boundary)
            }
            Action::Share {
                source,
                destination,
            } => {
                let boundary = self.boundary(now, tables, command)?;
                self.share(now, tables, cell, (source, destination), boundary)
            }
            Action::Pattern(pattern) => {
                let boundary = self.boundary(now, tables, command)?;
                let asked = command.boundary;
                self.change_pattern(now, tables, cell, pattern, (asked, boundary))
            }
        }
    }

    /// The slot a command names; it must not have been released to the RU yet, nor begun by who is to
    /// speak: C-plane that was dropped would be missing for the U-plane behind it.
    fn boundary(
        &mut self,
        now: Instant,
        tables: &Tables,
        command: &Command,
    ) -> Result<SlotCount, Refusal> {
        let cell_tables = tables.cell(command.cell).ok_or(Refusal::UnknownMember)?;
        let begun = self.begun(tables, command);
        let state = self
            .cells
            .get_mut(command.cell.index())
            .ok_or(Refusal::UnknownMember)?;
        let clock = state.clock.ok_or(Refusal::NoSlotYet)?;
        let current = clock.slot_at(now);
        let given = state.fapi_boundary().map(|next| next.offset(-1));
        let taken = state.released.max(begun).max(given.unwrap_or_default());
        let next = taken.max(current).offset(1);
        let boundary = match command.boundary {
            Boundary::Next => next,
            Boundary::InSlots(slots) => current.offset(i64::from(slots)),
            Boundary::Slot(slot) => slot,
            Boundary::At(at) => {
                let slot = clock.slot_at(at);
                if clock.air(slot, 0) < at {
                    slot.offset(1)
                } else {
                    slot
                }
            }
            Boundary::Sfn { sfn, slot } => {
                let numerology = cell_tables.numerology;
                let without_fronthaul = cell_tables.ru.is_none();
                if (cell_tables.gps.is_none() && !without_fronthaul)
                    || sfn > 1023
                    || u32::from(slot) >= numerology.slots_per_frame()
                {
                    return Err(Refusal::NoSfn);
                }
                let nearest = SlotPoint { sfn, slot }.nearest(current, numerology);
                if nearest < next {
                    nearest.offset(1024 * i64::from(numerology.slots_per_frame()))
                } else {
                    nearest
                }
            }
        };
        if boundary <= taken || boundary < current {
            return Err(Refusal::BoundaryPassed);
        }
        Ok(boundary)
    }

    /// The newest slot of which the member that a command lets speak has sent C-plane.
    fn begun(&self, tables: &Tables, command: &Command) -> SlotCount {
        let (Action::Switch { to }
        | Action::Share {
            destination: to, ..
        }) = command.action
        else {
            return SlotCount(0);
        };
        let state = self.cells.get(command.cell.index());
        let member = state.and_then(|state| state.members.get(to.index()));
        let here = member.map(|member| member.newest_control);
        let entry = tables.cell(command.cell);
        let entry = entry.and_then(|cell| cell.members.get(to.index()));
        let pool = entry.filter(|entry| entry.pooled);
        let pool = pool.and_then(|entry| self.pool.get(entry.peer.index()));
        let unassigned = pool.map(|pool| pool.newest_control);
        here.max(unassigned).unwrap_or_default()
    }

    fn switch(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        to: MemberId,
        boundary: SlotCount,
    ) -> Result<SlotCount, Refusal> {
        self.settled(cell)?;
        let before = self.mode_at(cell, boundary)?;
        if before == Mode::Single(to) {
            return Err(Refusal::IsActive);
        }
        self.fit(now, tables, cell, to)?;
        self.schedule(cell, boundary, Mode::Single(to))?;
        self.assign(now, tables, cell, to);
        Ok(boundary)
    }

    fn share(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        (source, destination): (MemberId, MemberId),
        boundary: SlotCount,
    ) -> Result<SlotCount, Refusal> {
        self.settled(cell)?;
        if source == destination {
            return Err(Refusal::IsActive);
        }
        if self.mode_at(cell, boundary)? != Mode::Single(source) {
            return Err(Refusal::NotActive);
        }
        self.fit(now, tables, cell, source)?;
        self.fit(now, tables, cell, destination)?;
        let mode = Mode::Shared {
            source,
            destination,
        };
        self.schedule(cell, boundary, mode)?;
        self.assign(now, tables, cell, destination);
        Ok(boundary)
    }

    fn schedule(&mut self, cell: CellId, from: SlotCount, mode: Mode) -> Result<(), Refusal> {
        let state = self
            .cells
            .get_mut(cell.index())
            .ok_or(Refusal::UnknownMember)?;
        state
            .roles
            .schedule(from, mode, Cause::Command)
            .map_err(|_| Refusal::Busy)
    }

    fn change_pattern(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        pattern: PatternBits,
        (asked, boundary): (Boundary, SlotCount),
    ) -> Result<SlotCount, Refusal> {
        let lead = tables.cell(cell).map_or(0, |tables| tables.pattern_lead);
        let state = self
            .cells
            .get_mut(cell.index())
            .ok_or(Refusal::UnknownMember)?;
        let clock = state.clock.ok_or(Refusal::NoSlotYet)?;
        let earliest = clock.slot_at(now).offset(i64::from(lead));
        let boundary = match asked {
            Boundary::Next => boundary.max(earliest),
            _ if boundary < earliest => return Err(Refusal::TooSoon),
            _ => boundary,
        };
        if !state.pattern.schedule(boundary, pattern) {
            return Err(Refusal::Busy);
        }
        self.say(now, cell, EventKind::Pattern { pattern, boundary });
        Ok(boundary)
    }

    fn fence(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> Result<SlotCount, Refusal> {
        known(tables, cell, member)?;
        let state = self
            .cells
            .get_mut(cell.index())
            .ok_or(Refusal::UnknownMember)?;
        let current = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        if state.roles.holds(member, current) {
            return Err(Refusal::IsActive);
        }
        state.roles.fence(member);
        let cause = Cause::Command;
        self.say(now, cell, EventKind::Fenced { member, cause });
        midhaul::fence(now, tables, self, cell, member);
        self.give_up(now, tables, cell, member);
        Ok(current)
    }

    /// Says that P5 started the PHY of `member`, or stopped it. A standby that a failover waits for may be
    /// it.
    fn phy_runs(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
        runs: bool,
    ) -> Result<SlotCount, Refusal> {
        known(tables, cell, member)?;
        let state = self.cells.get_mut(cell.index());
        let state = state.ok_or(Refusal::UnknownMember)?;
        let current = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        let fapi = state.fapi.as_mut().ok_or(Refusal::UnknownMember)?;
        if fapi.group.is_running(member) != runs {
            fapi.group.set_running(member, runs);
        }
        if runs && state.failover.stranded {
            self.retry_failover(now, tables, cell);
        }
        Ok(current)
    }

    /// Says that the PHY of `member` has ended: its silence need not be waited for.
    fn phy_gone(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> Result<SlotCount, Refusal> {
        known(tables, cell, member)?;
        let state = self.cells.get_mut(cell.index());
        let state = state.ok_or(Refusal::UnknownMember)?;
        let current = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        let fapi = state.fapi.as_mut().ok_or(Refusal::UnknownMember)?;
        if fapi.group.lose(member) {
            // Before it is forgotten when it was heard last.
            self.lost(now, tables, cell, (member, current), Signal::Fapi);
        }
        self.phy_runs(now, tables, cell, member, false)
    }

    fn readmit(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> Result<SlotCount, Refusal> {
        known(tables, cell, member)?;
        let state = self
            .cells
            .get_mut(cell.index())
            .ok_or(Refusal::UnknownMember)?;
        if !state.roles.is_fenced(member) {
            return Err(Refusal::NotFenced);
        }
        let current = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        state.roles.readmit(member);
        // A failover that has not found its boundary has left the slots to come to the fenced member.
        if state.failover.waiting.is_some() && state.roles.holds(member, current) {
            if state.is_silent(member) {
                state.roles.fence(member);
                return Err(Refusal::NotInStep);
            }
            state.failover.waiting = None;
        }
        self.say(now, cell, EventKind::Readmitted { member });
        midhaul::readmit(tables, self, cell, member);
        Ok(current)
    }

    fn arm(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        standby: Option<MemberId>,
    ) -> Result<SlotCount, Refusal> {
        if let Some(member) = standby {
            known(tables, cell, member)?;
        }
        let state = self
            .cells
            .get_mut(cell.index())
            .ok_or(Refusal::UnknownMember)?;
        state.failover.standby = Default::default();
        if let Some(first) = state.failover.standby.first_mut() {
            *first = standby;
        }
        let current = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        if state.failover.stranded {
            self.retry_failover(now, tables, cell);
        }
        Ok(current)
    }

    /// No failover has yet to find its boundary, which whatever is scheduled before could lie behind.
    fn settled(&self, cell: CellId) -> Result<(), Refusal> {
        let state = self.cells.get(cell.index()).ok_or(Refusal::UnknownMember)?;
        match state.failover.waiting {
            Some(_) => Err(Refusal::FailoverWaits),
            None => Ok(()),
        }
    }

    fn mode_at(&self, cell: CellId, slot: SlotCount) -> Result<Mode, Refusal> {
        let state = self.cells.get(cell.index()).ok_or(Refusal::UnknownMember)?;
        Ok(state.roles.mode(slot))
    }
}

fn known(tables: &Tables, cell: CellId, member: MemberId) -> Result<(), Refusal> {
    let members = tables.cell(cell).map_or(0, |tables| tables.members.len());
    if member.index() < members {
        return Ok(());
    }
    Err(Refusal::UnknownMember)
}
