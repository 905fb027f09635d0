//! Tables and state that take the place of those in force, between two frames.
//!
//! Control compiles the tables, makes a state beside them and says what is carried over; the lcore swaps.
//! What stays moves by pointer: nothing is allocated or freed here, and a cell that has not changed
//! notices nothing. What is retired travels back in the same parcel and is freed by control.

use crate::dataplane::lcore_state::{CellState, LcoreState, PoolState};
use crate::dataplane::mailbox::{EventKind, MAX_MEMBERS, Refusal};
use crate::dataplane::midhaul;
use crate::dataplane::recorder::Recorder;
use crate::dataplane::tables::{CellTables, PairId, Tables};
use crate::planes::role::{Cause, Mode, NOBODY, Roles};
use crate::ran::{CellId, Instant, LcoreId, MemberId, PeerId, SlotCount, StreamId};
use std::mem::swap;
use std::sync::Arc;

/// What takes the place of tables and state; after the swap, what has been retired.
#[derive(Debug)]
pub struct Replacement {
    /// Whose it is.
    pub lcore: LcoreId,
    /// Of a later term than those in force.
    pub tables: Arc<Tables>,
    /// Beside these tables, as at a start.
    pub state: LcoreState,
    /// Beside these tables, hollow: a recording is of one term.
    pub recorder: Recorder,
    /// What the new state takes from the old.
    pub carry: Carry,
    /// Written by the lcore.
    pub outcome: Outcome,
}

/// What became of a replacement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The lcore has not seen it.
    Pending,
    /// In force; the parcel holds what was before.
    Done,
    /// Refused: tables of this term, not older than these, are in force.
    Stale {
        /// The term in force.
        in_force: u64,
    },
}

/// Where each part of the new state comes from. Objects are the same by their names.
#[derive(Clone, Debug, Default)]
pub struct Carry {
    /// By new `CellId`.
    pub cells: Vec<CellCarry>,
    /// By old `CellId`: the new one.
    pub cells_now: Vec<Option<CellId>>,
    /// By new `PeerId`: the old one.
    pub peers: Vec<Option<PeerId>>,
    /// By old `PeerId`: the new one; empty if no peer has another number or is new.
    pub peers_now: Vec<Option<PeerId>>,
    /// Pooled DUs that stay, new and old.
    pub pooled: Vec<(PeerId, PeerId)>,
    /// By new `PairId`: the old one, if both say the same.
    pub pairs: Vec<Option<PairId>>,
}

/// Where a cell's state comes from.
#[derive(Clone, Debug)]
pub enum CellCarry {
    /// It begins as configured.
    New,
    /// Its tables say the same: all of it.
    Whole(CellId),
    /// Its tables say something else: what this names.
    Adapted(Box<Adaptation>),
}

/// What a cell whose tables have changed keeps.
#[derive(Clone, Debug)]
pub struct Adaptation {
    /// The cell it was.
    pub from: CellId,
    /// By new `StreamId`: the same stream of the same RU before.
    pub streams: Vec<Option<StreamId>>,
    /// By old `MemberId`: the same member now.
    pub members: [Option<MemberId>; MAX_MEMBERS],
    /// The same streams and members in the same order.
    pub same_shape: bool,
    /// Slots are counted as before.
    pub keeps_clock: bool,
    /// Guards cover as many slots as before.
    pub keeps_guards: bool,
    /// The liveness pattern has the same period.
    pub keeps_liveness: bool,
    /// The configured standbys are the same: the plan armed now stays.
    pub keeps_plan: bool,
    /// The configured slot pattern is the same: the patterns in force and to come stay.
    pub keeps_pattern: bool,
}

impl LcoreState {
    /// Puts `replacement` in force in place of `tables` and this state, or refuses it.
    pub fn replace(
        &mut self,
        now: Instant,
        tables: &mut Arc<Tables>,
        replacement: &mut Replacement,
    ) {
        if replacement.tables.term <= tables.term {
            replacement.outcome = Outcome::Stale {
                in_force: tables.term,
            };
            return;
        }
        self.save(now, tables);
        swap(tables, &mut replacement.tables);
        swap(self, &mut replacement.state);
        let (old, carry) = (&mut replacement.state, &replacement.carry);
        self.take_counters(old, carry);
        self.take_measurements(old, carry);
        self.take_pool(tables, old, carry);
        self.take_pairs(old, carry);
        swap(&mut self.scratch, &mut old.scratch);
        self.live.take_memory(&old.live);
        self.take_events(old);
        self.me = old.me;
        self.forget_places(&replacement.tables, carry);
        for index in 0..self.cells.len() {
            let id = CellId(index as u16);
            if !self.owns(tables, id) {
                continue;
            }
            match carry.cells.get(index) {
                Some(CellCarry::Whole(from)) => self.take_whole(old, *from, id),
                Some(CellCarry::Adapted(adaptation)) => {
                    self.adapt(now, tables, old, adaptation, id);
                    self.tell_adapted(now, tables, &replacement.tables, adaptation, id);
                }
                Some(CellCarry::New) | None => {
                    let (term, new) = (tables.term, true);
                    self.settle(now, tables, id);
                    self.say(now, id, EventKind::Replaced { term, new });
                }
            }
        }
        midhaul::restore(now, tables, self);
        self.rescan_deadlines();
        replacement.outcome = Outcome::Done;
    }

    /// Cells of this lcore that are no more.
    fn forget_places(&self, before: &Tables, carry: &Carry) {
        for (index, rules) in before.cells.iter().enumerate() {
            let id = CellId(index as u16);
            if carry.cell_now(id).is_none() && self.owns(before, id) {
                self.forget_place(rules);
            }
        }
    }

    fn take_counters(&mut self, old: &mut Self, carry: &Carry) {
        let (counters, before) = (&mut self.counters, &mut old.counters);
        counters.ledger = before.ledger;
        counters.drops = before.drops;
        counters.events_lost = before.events_lost;
        counters.ptp_seen = before.ptp_seen;
        swap(&mut counters.ports, &mut before.ports);
        if carry.peers_now.is_empty() {
            swap(&mut counters.peers, &mut before.peers);
        } else {
            take_each(&mut counters.peers, &mut before.peers, &carry.peers);
        }
        for (to, from) in carry.cells.iter().enumerate() {
            let from = from.old().map(CellId::index);
            if let (Some(to), Some(from)) = (
                counters.cells.get_mut(to),
                from.and_then(|from| before.cells.get(from)),
            ) {
                *to = *from;
            }
        }
    }

    fn take_measurements(&mut self, old: &mut Self, carry: &Carry) {
        if carry.peers_now.is_empty() {
            swap(&mut self.measurements, &mut old.measurements);
            return;
        }
        take_each(&mut self.measurements, &mut old.measurements, &carry.peers);
        for pending in &mut self.measurements {
            if !pending.is_empty() {
                pending.renumber(|peer| carry.peers_now.get(peer.index()).copied().flatten());
            }
        }
    }

    /// A pair that stays goes on as it is; so do its counts.
    fn take_pairs(&mut self, old: &mut Self, carry: &Carry) {
        for (to, from) in carry.pairs.iter().enumerate() {
            let from = from.map(PairId::index);
            if let (Some(state), Some(before)) = (
                self.midhaul.pairs.get_mut(to),
                from.and_then(|from| old.midhaul.pairs.get_mut(from)),
            ) {
                swap(state, before);
            }
            if let (Some(counters), Some(before)) = (
                self.counters.pairs.get_mut(to),
                from.and_then(|from| old.counters.pairs.get(from)),
            ) {
                *counters = *before;
            }
        }
        self.midhaul.refresh();
    }

    /// Pooled DUs stay assigned to a cell that stays and has them as a member.
    fn take_pool(&mut self, tables: &Tables, old: &Self, carry: &Carry) {
        let is_new = |cell: &CellId| {
            let carry = carry.cells.get(cell.index());
            matches!(carry, Some(CellCarry::New) | None)
        };
        for (to, from) in &carry.pooled {
            let (Some(before), Some(now), Some(entry)) = (
                old.pool.get(from.index()),
                self.pool.get_mut(to.index()),
                tables.peer_entry(*to),
            ) else {
                continue;
            };
            let stays = before.assigned.and_then(|cell| carry.cell_now(cell));
            let stays = stays.filter(|cell| entry.cells.iter().any(|(of, _)| of == cell));
            *now = PoolState {
                assigned: stays.or(now.assigned.filter(is_new)),
                ..*before
            };
        }
    }

    fn take_whole(&mut self, old: &mut Self, from: CellId, to: CellId) {
        take_box(&mut self.cells, to, &mut old.cells, from);
        if let (Some(deadline), Some(before)) = (
            self.deadlines.get_mut(to.index()),
            old.deadlines.get(from.index()),
        ) {
            *deadline = *before;
        }
    }

    fn adapt(
        &mut self,
        now: Instant,
        tables: &Tables,
        old: &mut Self,
        adaptation: &Adaptation,
        id: CellId,
    ) {
        let from = adaptation.from;
        let (Some(cell), Some(before), Some(rules)) = (
            self.cells.get_mut(id.index()),
            old.cells.get_mut(from.index()),
            tables.cell(id),
        ) else {
            return;
        };
        let speaks = cell.adapt(now, rules, before, adaptation);
        let peer = rules.members.get(speaks.index()).map(|member| member.peer);
        let pool = peer.and_then(|peer| self.pool.get(peer.index()));
        if pool.is_some_and(|pool| pool.assigned.is_none()) {
            self.assign(now, tables, id, speaks);
        }
        self.refresh_deadline(tables, id);
    }

    fn tell_adapted(
        &mut self,
        now: Instant,
        tables: &Tables,
        tables_before: &Tables,
        adaptation: &Adaptation,
        id: CellId,
    ) {
        let (Some(cell), Some(rules), Some(before)) = (
            self.cells.get_mut(id.index()),
            tables.cell(id),
            tables_before.cell(adaptation.from),
        ) else {
            return;
        };
        let pattern = cell.publish_pattern(now, rules, adaptation);
        if rules.identity != before.identity {
            self.settle(now, tables, id);
        }
        let (term, new) = (tables.term, false);
        self.say(now, id, EventKind::Replaced { term, new });
        if let Some(kind) = pattern {
            self.say(now, id, kind);
        }
    }
}

impl CellState {
    /// Takes from `before` what the adaptation keeps; returns who speaks once every change has taken effect.
    fn adapt(
        &mut self,
        now: Instant,
        rules: &CellTables,
        before: &mut Self,
        keep: &Adaptation,
    ) -> MemberId {
        self.term = before.term;
        self.saved = before.saved;
        self.in_step |= keep.bits(before.in_step);
        if keep.same_shape {
            swap(&mut self.renumber, &mut before.renumber);
            swap(&mut self.losses, &mut before.losses);
        } else {
            self.take_numbers(before, keep);
        }
        if keep.keeps_clock {
            self.take_time(before, keep);
        }
        // A group of other members begins anew: P5 says again who runs, or each is heard.
        if keep.keeps_clock && keep.same_shape && self.fapi.is_some() && before.fapi.is_some() {
            swap(&mut self.fapi, &mut before.fapi);
        }
        self.take_members(now, rules, before, keep);
        self.take_failover(before, keep);
        self.take_roles(now, rules, before, keep);
        self.roles.final_mode().carrier_owner()
    }

    fn take_numbers(&mut self, before: &Self, keep: &Adaptation) {
        // Alone a member numbers its own frames: what was counted before is old.
        let numbered = before.members.len() > 1 && self.members.len() > 1;
        let count = keep.streams.len();
        for (index, from) in keep.streams.iter().enumerate() {
            let Some(from) = from else {
                continue;
            };
            let to = StreamId(index as u8);
            if numbered {
                self.renumber.follow(to, &before.renumber, *from);
            }
            let senders = keep.members.iter().enumerate();
            let senders =
                senders.filter_map(|(old, new)| Some((old + 1, new.as_ref()?.index() + 1)));
            for (old, new) in [(0, 0)].into_iter().chain(senders) {
                let old_count = before.losses.len() / (2 * (1 + before.members.len()));
                for plane in 0..2 {
                    let read = 2 * (old * old_count + from.index()) + plane;
                    let write = 2 * (new * count + index) + plane;
                    if let (Some(window), Some(known)) =
                        (self.losses.get_mut(write), before.losses.get(read))
                    {
                        *window = *known;
                    }
                }
            }
        }
    }

    /// What is only true while slots are counted as before.
    fn take_time(&mut self, before: &mut Self, keep: &Adaptation) {
        self.clock = before.clock;
        self.current = before.current;
        self.announced = before.announced;
        self.released = before.released;
        self.strays = before.strays;
        self.conflict_told = before.conflict_told;
        self.pattern = before.pattern;
        if !keep.same_shape {
            return;
        }
        self.split_from = before.split_from;
        self.idle_sections = before.idle_sections;
        swap(&mut self.requests, &mut before.requests);
        swap(&mut self.fragments, &mut before.fragments);
        swap(&mut self.owner_wins, &mut before.owner_wins);
        swap(&mut self.usage, &mut before.usage);
        if keep.keeps_guards {
            swap(&mut self.guard_user, &mut before.guard_user);
            swap(&mut self.guard_control, &mut before.guard_control);
        }
    }

    fn take_members(
        &mut self,
        now: Instant,
        rules: &CellTables,
        before: &mut Self,
        keep: &Adaptation,
    ) {
        for (member, to) in before.members.iter_mut().zip(keep.members) {
            let Some(place) = to.and_then(|to| self.members.get_mut(to.index())) else {
                continue;
            };
            place.in_step_at = member.in_step_at;
            if !keep.keeps_clock {
                continue;
            }
            place.newest_control = member.newest_control;
            match self.clock {
                Some(clock) if keep.keeps_liveness => {
                    swap(&mut place.liveness, &mut member.liveness);
                    let current = clock.slot_at(now);
                    place
                        .liveness
                        .continue_under(&rules.liveness, &clock, current);
                }
                _ if member.liveness.is_lost() && rules.liveness.enabled => {
                    place.liveness.begin_lost(member.liveness.last_heard());
                }
                _ => {}
            }
        }
    }

    fn take_failover(&mut self, before: &Self, keep: &Adaptation) {
        self.failover.last = before.failover.last;
        self.failover.stranded = before.failover.stranded;
        self.failover.retry_at = before.failover.retry_at;
        if keep.keeps_plan {
            self.failover.standby = Default::default();
            let armed = before.failover.standby.into_iter().flatten();
            let armed = armed.filter_map(|member| keep.member_now(member));
            for (place, member) in self.failover.standby.iter_mut().zip(armed) {
                *place = Some(member);
            }
        }
        if let Some((to, after)) = before.failover.waiting.filter(|_| keep.keeps_clock) {
            self.failover.waiting = keep.member_now(to).map(|to| (to, after));
        }
    }

    /// Roles go by the members' names. If who speaks has left, the next scheduled one speaks from the
    /// next slot on, else the configured one: by a switch, as a command would have it.
    fn take_roles(&mut self, now: Instant, rules: &CellTables, before: &Self, keep: &Adaptation) {
        let current = before
            .clock
            .map_or(SlotCount(0), |clock| clock.slot_at(now));
        let mut roles = before
            .roles
            .renamed(current, |member| keep.member_now(member));
        let last = match roles.final_mode() {
            Mode::Single(NOBODY) => Mode::Single(rules.active),
            mode => mode,
        };
        if !keep.keeps_clock || self.clock.is_none() {
            self.roles = Roles::new(last);
            for index in 0..self.members.len() as u8 {
                if roles.is_fenced(MemberId(index)) {
                    self.roles.fence(MemberId(index));
                }
            }
        } else {
            if roles.mode(current) == Mode::Single(NOBODY) {
                let begun = self.members.get(last.carrier_owner().index());
                let begun = begun.map_or(SlotCount(0), |member| member.newest_control);
                let next = self.released.max(current).max(begun).offset(1);
                // Cannot be refused: whatever was scheduled from there on has made room.
                let _ = roles.schedule(next, last, Cause::Command);
            }
            self.roles = roles;
        }
        let lost = before.failover.waiting.is_some() && self.failover.waiting.is_none();
        if lost || self.is_silent(last.carrier_owner()) {
            self.failover.stranded = true;
            self.failover.retry_at = now;
        }
    }

    /// A configured pattern that has changed applies as a new one does: `pattern_lead` slots from now.
    fn publish_pattern(
        &mut self,
        now: Instant,
        rules: &CellTables,
        keep: &Adaptation,
    ) -> Option<EventKind> {
        let clock = self
            .clock
            .filter(|_| keep.keeps_clock && !keep.keeps_pattern)?;
        let pattern = rules.pattern;
        let lead = i64::from(rules.pattern_lead);
        let boundary = clock.slot_at(now).max(self.released).offset(lead);
        if self.pattern.schedule(boundary, pattern) {
            return Some(EventKind::Pattern { pattern, boundary });
        }
        Some(EventKind::Refused {
            command: 0,
            why: Refusal::Busy,
        })
    }
}

impl Carry {
    fn cell_now(&self, old: CellId) -> Option<CellId> {
        self.cells_now.get(old.index()).copied().flatten()
    }

    /// The cell that `now` was before.
    pub(super) fn cell_before(&self, now: CellId) -> Option<CellId> {
        self.cells.get(now.index())?.old()
    }
}

impl CellCarry {
    /// The cell it was.
    pub fn old(&self) -> Option<CellId> {
        match self {
            Self::New => None,
            Self::Whole(from) => Some(*from),
            Self::Adapted(adaptation) => Some(adaptation.from),
        }
    }
}

impl Adaptation {
    fn member_now(&self, old: MemberId) -> Option<MemberId> {
        self.members.get(old.index()).copied().flatten()
    }

    fn bits(&self, old: u8) -> u8 {
        (0..MAX_MEMBERS as u8)
            .filter(|member| old >> member & 1 == 1)
            .filter_map(|member| self.member_now(MemberId(member)))
            .fold(0, |bits, member| bits | 1 << (member.0 & 7))
    }
}

/// Swaps each entry for the one it was.
fn take_each<T>(to: &mut [T], from: &mut [T], source: &[Option<PeerId>]) {
    for (to, source) in to.iter_mut().zip(source) {
        if let Some(from) = source.and_then(|source| from.get_mut(source.index())) {
            swap(to, from);
        }
    }
}

fn take_box<T>(to: &mut [Box<T>], at: CellId, from: &mut [Box<T>], source: CellId) {
    if let (Some(to), Some(from)) = (to.get_mut(at.index()), from.get_mut(source.index())) {
        swap(to, from);
    }
}
