//! The state that decides about the frames of some cells, copied at one moment without allocating.
//!
//! What only counts (loss windows, counters) decides nothing and is left out.

use super::Bundle;
use crate::dataplane::lcore_state::{CellState, LcoreState, MemberState, PoolState};
use crate::dataplane::tables::Tables;
use crate::planes::fronthaul::measurement::Measurements;
use crate::ran::{CellId, Instant, PeerId};
use serde::{Deserialize, Serialize};

/// Cells and peers at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// When.
    pub at: Instant,
    /// Cells.
    pub cells: Vec<CellSnapshot>,
    /// Their RUs and DUs.
    pub peers: Vec<PeerSnapshot>,
}

/// One cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellSnapshot {
    /// Which.
    pub cell: CellId,
    /// When it has something to do.
    pub deadline: Instant,
    /// Its state.
    pub state: CellState,
}

/// One peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerSnapshot {
    /// Which.
    pub peer: PeerId,
    /// What is known of a pooled DU.
    pub pool: PoolState,
    /// Delay measurements toward an RU.
    pub measurements: Measurements,
}

impl Snapshot {
    /// Of the shape of `bundle`, as `lcore` is now.
    pub fn new(bundle: &Bundle, lcore: &LcoreState) -> Self {
        let cells = bundle.cells.iter().filter_map(|cell| {
            Some(CellSnapshot {
                cell: *cell,
                deadline: *lcore.deadlines.get(cell.index())?,
                state: CellState {
                    losses: Box::default(),
                    ..(**lcore.cells.get(cell.index())?).clone()
                },
            })
        });
        let peers = bundle.peers.iter().filter_map(|peer| {
            Some(PeerSnapshot {
                peer: *peer,
                pool: *lcore.pool.get(peer.index())?,
                measurements: (**lcore.measurements.get(peer.index())?).clone(),
            })
        });
        Self {
            at: Instant(0),
            cells: cells.collect(),
            peers: peers.collect(),
        }
    }

    /// Becomes what `lcore` is now. Does not allocate.
    pub fn take(&mut self, now: Instant, lcore: &LcoreState) {
        self.at = now;
        for kept in &mut self.cells {
            let index = kept.cell.index();
            if let (Some(state), Some(deadline)) =
                (lcore.cells.get(index), lcore.deadlines.get(index))
            {
                kept.deadline = *deadline;
                copy_cell(&mut kept.state, state);
            }
        }
        for kept in &mut self.peers {
            let index = kept.peer.index();
            if let (Some(pool), Some(measurements)) =
                (lcore.pool.get(index), lcore.measurements.get(index))
            {
                kept.pool = *pool;
                kept.measurements.clone_from(&**measurements);
            }
        }
    }

    /// True if it has room for the cells and peers of `bundle` in `lcore`, whatever their numbers.
    pub(super) fn fits(&self, bundle: &Bundle, lcore: &LcoreState) -> bool {
        let mut cells = self.cells.iter().zip(&bundle.cells);
        self.cells.len() == bundle.cells.len()
            && self.peers.len() == bundle.peers.len()
            && cells.all(|(kept, cell)| {
                let state = lcore.cells.get(cell.index());
                state.is_some_and(|state| has_shape_of(&kept.state, state))
            })
    }

    /// From now on it is of `bundle`, which it fits.
    pub(super) fn rename(&mut self, bundle: &Bundle) {
        for (kept, cell) in self.cells.iter_mut().zip(&bundle.cells) {
            kept.cell = *cell;
        }
        for (kept, peer) in self.peers.iter_mut().zip(&bundle.peers) {
            kept.peer = *peer;
        }
    }

    /// Makes `lcore` what it was then; false if it has other cells or peers, or of another shape.
    pub fn restore(&self, tables: &Tables, lcore: &mut LcoreState) -> bool {
        for kept in &self.cells {
            let index = kept.cell.index();
            let (Some(state), Some(deadline), Some(cell)) = (
                lcore.cells.get_mut(index),
                lcore.deadlines.get_mut(index),
                tables.cell(kept.cell),
            ) else {
                return false;
            };
            let clock = kept.state.clock;
            let timed = clock.is_none_or(|clock| clock.numerology() == cell.numerology);
            if !timed || !has_shape_of(&kept.state, state) {
                return false;
            }
            copy_cell(state, &kept.state);
            *deadline = kept.deadline;
        }
        for kept in &self.peers {
            let index = kept.peer.index();
            let (Some(pool), Some(measurements)) =
                (lcore.pool.get_mut(index), lcore.measurements.get_mut(index))
            else {
                return false;
            };
            *pool = kept.pool;
            (**measurements).clone_from(&kept.measurements);
        }
        lcore.rescan_deadlines();
        true
    }
}

/// Field by field, so that a new one cannot be forgotten.
fn copy_cell(to: &mut CellState, from: &CellState) {
    let CellState {
        clock,
        roles,
        announced,
        pattern,
        released,
        members,
        losses: _,
        in_step,
        renumber,
        guard_user,
        guard_control,
        requests,
        fragments,
        owner_wins,
        conflict_told,
        split_from,
        idle_sections,
        usage,
        failover,
        term,
        current,
        saved: _,
        strays,
        fapi,
    } = from;
    to.clock = *clock;
    to.roles.clone_from(roles);
    to.announced = *announced;
    to.pattern = *pattern;
    to.released = *released;
    for (to, from) in to.members.iter_mut().zip(members) {
        copy_member(to, from);
    }
    to.in_step = *in_step;
    to.renumber.copy_from(renumber);
    to.guard_user.copy_from(guard_user);
    to.guard_control.copy_from(guard_control);
    to.requests.copy_from(requests);
    to.fragments.clone_from(fragments);
    to.owner_wins.copy_from(owner_wins);
    to.conflict_told = *conflict_told;
    to.split_from = *split_from;
    to.idle_sections = *idle_sections;
    to.usage.clone_from(usage);
    to.failover = *failover;
    to.term = *term;
    to.current = *current;
    to.strays = *strays;
    if let (Some(to), Some(from)) = (&mut to.fapi, fapi) {
        to.copy_from(from);
    }
}

fn copy_member(to: &mut MemberState, from: &MemberState) {
    let MemberState {
        liveness,
        in_step_at,
        newest_control,
        prb_symbols,
        prb_slots,
    } = from;
    to.liveness.copy_from(liveness);
    to.in_step_at = *in_step_at;
    to.newest_control = *newest_control;
    to.prb_symbols = *prb_symbols;
    to.prb_slots = *prb_slots;
}

fn has_shape_of(read: &CellState, cell: &CellState) -> bool {
    let mut members = read.members.iter().zip(&cell.members);
    read.roles.is_sound()
        && read.members.len() == cell.members.len()
        && members.all(|(read, member)| read.liveness.has_shape_of(&member.liveness))
        && read.renumber.has_shape_of(&cell.renumber)
        && read.guard_user.has_shape_of(&cell.guard_user)
        && read.guard_control.has_shape_of(&cell.guard_control)
        && read.requests.has_shape_of(&cell.requests)
        && read.owner_wins.has_shape_of(&cell.owner_wins)
        && match (&read.fapi, &cell.fapi) {
            (Some(read), Some(fapi)) => read.has_shape_of(fapi),
            (read, fapi) => read.is_none() && fapi.is_none(),
        }
}
