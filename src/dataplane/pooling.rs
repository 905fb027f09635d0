//! Pooled members: one DU behind several cells, serving at most one of them at a time.
//!
//! Who wants one that is taken is refused, unless it was only about to serve a cell of lower priority: until
//! it has begun to speak there, nobody loses anything that was not lost before.

use crate::dataplane::lcore_state::{CellState, LcoreState};
use crate::dataplane::mailbox::{EventKind, Refusal};
use crate::dataplane::tables::Tables;
use crate::ran::{CellId, Instant, MemberId, PeerId, SlotCount, WireSlot};

impl LcoreState {
    /// The same as `fit` for a cell that has lost its member: one of lower priority gives up what it only waits
    /// for.
    pub(super) fn fit_in_need(
        &self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> Result<(), Refusal> {
        match self.fit(now, tables, cell, member) {
            Err(Refusal::Assigned) => self.may_take(tables, cell, member),
            fit => fit,
        }
    }

    fn may_take(&self, tables: &Tables, cell: CellId, member: MemberId) -> Result<(), Refusal> {
        let entry = tables
            .cell(cell)
            .and_then(|cell| cell.members.get(member.index()));
        let peer = entry.ok_or(Refusal::UnknownMember)?.peer;
        let pool = self.pool.get(peer.index());
        let other = pool
            .and_then(|pool| pool.assigned)
            .ok_or(Refusal::Assigned)?;
        let priority = |cell| tables.cell(cell).map(|cell| cell.priority);
        let outranks = priority(cell) > priority(other);
        let awaited = self.awaits(tables, other, peer).filter(|_| outranks);
        let (member, state) = awaited.ok_or(Refusal::Assigned)?;
        match state.in_step >> (member.0 & 7) & 1 == 1 && !state.is_silent(member) {
            true => Ok(()),
            false => Err(Refusal::NotInStep),
        }
    }

    /// The member of `cell` that `peer` is, if a failover of the cell waits for it.
    fn awaits(
        &self,
        tables: &Tables,
        cell: CellId,
        peer: PeerId,
    ) -> Option<(MemberId, &CellState)> {
        let state = self.cells.get(cell.index())?;
        let (member, _) = state.failover.waiting?;
        let entry = tables.cell(cell)?.members.get(member.index())?;
        (entry.peer == peer).then_some((member, state))
    }

    /// Takes `peer` from `cell`, which waits for it: another standby is looked for there.
    fn take_from(&mut self, now: Instant, tables: &Tables, cell: CellId, peer: PeerId) {
        let Some((member, state)) = self.awaits(tables, cell, peer) else {
            return;
        };
        let heard = state.members.get(member.index());
        let heard = heard.map(|heard| (heard.in_step_at, heard.newest_control));
        let current = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        let from = state.roles.mode(current).carrier_owner();
        self.release(now, tables, cell, member);
        let pool = self.pool.get_mut(peer.index());
        let numerology = tables.cell(cell).map(|cell| cell.numerology);
        if let (Some(pool), Some((heard, newest)), Some(numerology)) = (pool, heard, numerology) {
            pool.heard = heard;
            pool.newest_time = WireSlot::of(newest, numerology).fields(numerology);
        }
        if let Some(state) = self.cells.get_mut(cell.index()) {
            state.failover.waiting = None;
            state.failover.stranded = true;
            state.failover.retry_at = now.after(super::failover::RETRY);
        }
        let why = Refusal::Outranked;
        self.say(now, cell, EventKind::FailoverImpossible { from, why });
    }

    /// Assigns a pooled member to the cell; returns the newest slot it has begun elsewhere.
    pub fn assign(
        &mut self,
        now: Instant,
        tables: &Tables,
        cell: CellId,
        member: MemberId,
    ) -> SlotCount {
        let Some(cell_tables) = tables.cell(cell) else {
            return SlotCount(0);
        };
        let entry = cell_tables.members.get(member.index());
        let Some(entry) = entry.filter(|entry| entry.pooled) else {
            return SlotCount(0);
        };
        let Some(pool) = self.pool.get(entry.peer.index()) else {
            return SlotCount(0);
        };
        match pool.assigned {
            Some(other) if other == cell => return SlotCount(0),
            Some(other) => self.take_from(now, tables, other, entry.peer),
            None => {}
        }
        let Some(pool) = self.pool.get_mut(entry.peer.index()) else {
            return SlotCount(0);
        };
        pool.assigned = Some(cell);
        let heard = pool.heard;
        let recent = now <= heard.after(cell_tables.step_memory);
        let (frame, subframe, slot) = pool.newest_time;
        // Cells may count slots from origins of their own: what it has begun is found by its header.
        let numerology = cell_tables.numerology;
        let begun = WireSlot::new(frame, subframe, slot, numerology).filter(|_| recent);
        let clock = self.cells.get(cell.index()).and_then(|state| state.clock);
        let newest = begun.zip(clock).map_or(SlotCount(0), |(begun, clock)| {
            begun.nearest(clock.slot_at(now), numerology)
        });
        if let Some(state) = self.cells.get_mut(cell.index()) {
            state.in_step |= u8::from(entry.assume_in_step || recent) << (member.0 & 7);
            if let Some(assigned) = state.members.get_mut(member.index()) {
                assigned.in_step_at = heard;
            }
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
}
