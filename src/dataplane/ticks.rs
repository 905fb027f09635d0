//! What time alone does to a cell: spans come on air, members fall out of step, due slots close, a lost
//! active member is replaced by the armed plan. Runs when the cell's deadline is reached.

use crate::dataplane::fapi;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{EventKind, MAX_MEMBERS, Signal};
use crate::dataplane::midhaul;
use crate::dataplane::tables::{CellTables, Tables};
use crate::planes::liveness::Missed;
use crate::planes::role::{Cause, Mode, Span};
use crate::ran::{CellId, Instant, MemberId, SlotCount};

/// Does everything that is due by `now` in every cell, and on the midhaul.
pub fn tick(now: Instant, tables: &Tables, lcore: &mut LcoreState) {
    midhaul::tick(now, tables, lcore);
    // Of cells that lose their members at once, the first has the standby that they share.
    for cell in tables.order.iter().copied() {
        let due = lcore.deadlines.get(cell.index());
        if due.is_some_and(|due| *due <= now) {
            if let Some(cell_tables) = tables.cell(cell) {
                tick_cell(now, tables, cell_tables, lcore, cell);
            }
            lcore.refresh_deadline(tables, cell);
        }
    }
    lcore.rescan_deadlines();
}

fn tick_cell(
    now: Instant,
    tables: &Tables,
    cell_tables: &CellTables,
    lcore: &mut LcoreState,
    cell: CellId,
) {
    announce_on_air(now, lcore, cell);
    forget(now, tables, cell_tables, lcore, cell);
    // All are judged before any loss counts: who fell silent at the same time takes nothing over.
    let mut lost = [None; MAX_MEMBERS];
    for (index, lost) in lost.iter_mut().enumerate().take(cell_tables.members.len()) {
        let member = MemberId(index as u8);
        if expire_step(now, cell_tables, lcore, cell, member) {
            lcore.give_up(now, tables, cell, member);
        }
        *lost = judge(now, cell_tables, lcore, cell, member).map(|slot| (member, slot));
    }
    let silent = fapi::tick(now, tables, cell_tables, lcore, cell);
    for (lost, signal) in [(lost, Signal::Fronthaul), (silent, Signal::Fapi)] {
        for lost in lost.into_iter().flatten() {
            lcore.lost(now, tables, cell, lost, signal);
        }
    }
    if lcore
        .cells
        .get(cell.index())
        .is_some_and(|state| state.failover.retry_at <= now)
    {
        lcore.retry_failover(now, tables, cell);
    }
}

fn announce_on_air(now: Instant, lcore: &mut LcoreState, cell: CellId) {
    let on_air = lcore
        .cells
        .get(cell.index())
        .and_then(|state| Some((state.clock?, state.next_span()?)))
        .is_some_and(|(clock, span)| clock.air(span.from, 0) <= now);
    if on_air {
        lcore.announce(now, cell);
    }
}

/// Spans and patterns of which no frame is admitted any more leave, and pooled members with them.
fn forget(
    now: Instant,
    tables: &Tables,
    cell_tables: &CellTables,
    lcore: &mut LcoreState,
    cell: CellId,
) {
    let Some(state) = lcore.cells.get_mut(cell.index()) else {
        return;
    };
    let Some(clock) = state.clock else {
        return;
    };
    let memory = cell_tables.step_window.as_nanos() + cell_tables.late_tolerance.as_nanos();
    let memory = memory / cell_tables.numerology.slot_duration().as_nanos().max(1);
    let pipeline = cell_tables
        .fapi
        .as_ref()
        .map_or(0, |fapi| fapi.rules.pipeline);
    let oldest = clock
        .slot_at(now)
        .offset(-(memory.max(u64::from(pipeline)) as i64 + 2));
    state.pattern.settle(oldest);
    state.roles.forget_before(oldest);
    let held = |member: MemberId, state: &crate::dataplane::lcore_state::CellState| {
        state.roles.spans().any(|span| span.mode.includes(member))
            || state.failover.waiting.is_some_and(|(to, _)| to == member)
    };
    for (index, member) in cell_tables.members.iter().enumerate() {
        let id = MemberId(index as u8);
        let assigned = lcore
            .pool
            .get(member.peer.index())
            .is_some_and(|pool| member.pooled && pool.assigned == Some(cell));
        let free = lcore
            .cells
            .get(cell.index())
            .is_some_and(|state| !held(id, state));
        if assigned && free {
            lcore.release(now, tables, cell, id);
        }
    }
}

/// Whether `member` has just fallen out of step.
fn expire_step(
    now: Instant,
    cell_tables: &CellTables,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
) -> bool {
    let Some(state) = lcore.cells.get_mut(cell.index()) else {
        return false;
    };
    let assumed = cell_tables
        .members
        .get(member.index())
        .is_some_and(|member| member.assume_in_step);
    let bit = 1u8 << (member.0 & 7);
    let expired = state
        .members
        .get(member.index())
        .is_some_and(|heard| heard.in_step_at.after(cell_tables.step_memory) < now);
    if assumed || !expired || state.in_step & bit == 0 {
        return false;
    }
    state.in_step &= !bit;
    lcore.say(now, cell, EventKind::OutOfStep { member });
    true
}

/// Judges the due slots of `member` that have closed; returns the one that means loss.
fn judge(
    now: Instant,
    cell_tables: &CellTables,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
) -> Option<SlotCount> {
    // One round a due item: bounded by the classes and positions of one period.
    for _ in 0..=cell_tables.liveness.period.saturating_mul(3) {
        let missed = lcore.cells.get_mut(cell.index()).and_then(|state| {
            let clock = state.clock?;
            let heard = state.members.get_mut(member.index())?;
            let missed = heard.liveness.judge(&cell_tables.liveness, &clock, now)?;
            // A PHY that is given NULL requests has nothing to say on the fronthaul.
            if state.fapi.is_some() && !state.roles.mode(missed.slot).includes(member) {
                heard.liveness.rest();
                return None;
            }
            Some(missed)
        });
        let missed = missed?;
        tell_missed(now, lcore, cell, member, missed);
        if missed.lost {
            return Some(missed.slot);
        }
    }
    None
}

fn tell_missed(
    now: Instant,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
    missed: Missed,
) {
    if let Some(counters) = lcore.counters.cells.get_mut(cell.index()) {
        counters.due_missed += 1;
    }
    let kind = EventKind::DueMissed {
        member,
        class: missed.class,
        due_slot: missed.slot,
        due_at: missed.due_at,
        run: missed.run,
    };
    lcore.say(now, cell, kind);
}

impl LcoreState {
    /// Says who speaks as configured, once a frame has told the first slot of `cell`.
    pub fn introduce(&mut self, now: Instant, cell: CellId, slot: SlotCount) {
        let Some(state) = self.cells.get_mut(cell.index()) else {
            return;
        };
        let Span { mode, cause, .. } = *state.roles.span(slot);
        if state.announced != SlotCount(0) || cause != Cause::Start {
            return;
        }
        state.announced = slot;
        let kind = EventKind::Mode {
            mode,
            boundary: slot,
            cause,
        };
        self.say(now, cell, kind);
    }

    /// Says that the next span of `cell` holds now.
    pub fn announce(&mut self, now: Instant, cell: CellId) {
        let Some(state) = self.cells.get_mut(cell.index()) else {
            return;
        };
        let Some(Span { from, mode, cause }) = state.next_span() else {
            return;
        };
        state.announced = from;
        state.split_from = None;
        if let Some(counters) = self.counters.cells.get_mut(cell.index()) {
            match cause {
                Cause::Failover => counters.failovers += 1,
                Cause::Command if matches!(mode, Mode::Single(_)) => counters.switches += 1,
                _ => {}
            }
        }
        let kind = EventKind::Mode {
            mode,
            boundary: from,
            cause,
        };
        self.say(now, cell, kind);
    }
}
