//! What control sees of one lcore: a copy of counters and roles, taken between two bursts.
//!
//! Control sends an empty observation to the lcore, which fills it in steps of bounded work and sends
//! it back; it is allocated and freed by control. What a ledger says in it holds for one moment.

use crate::dataplane::counters::Counters;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::dataplane::midhaul::state::PairState;
use crate::dataplane::tables::Tables;
use crate::planes::fapi::group::Group;
use crate::planes::fronthaul::pattern::PatternBits;
pub use crate::planes::margins::{MARGIN_BOUNDS_NS, Margins};
use crate::planes::midhaul::association::Phase;
pub use crate::planes::role::Role;
use crate::planes::role::{Cause, Mode};
use crate::ran::{CellId, Instant, MemberId, SlotClock, SlotCount};

/// One lcore: its totals at one moment, its peers and cells within the turns after it.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// When it was filled.
    pub at: Instant,
    /// Term of the tables in force.
    pub term: u64,
    /// Counters of this lcore, indices as in the tables.
    pub counters: Counters,
    /// By `CellId`; `None` for a cell that another lcore owns.
    pub cells: Vec<Option<CellObservation>>,
    /// By `PairId`; `None` for a DU that another lcore owns.
    pub pairs: Vec<Option<PairObservation>>,
    /// What the loop did since the process started.
    pub load: Load,
}

impl Observation {
    /// Empty, with room for what an lcore has under either of these tables.
    pub fn with_room(tables: &Tables, others: &Tables) -> Self {
        let most = |count: fn(&Tables) -> usize| count(tables).max(count(others));
        let cells = most(|tables| tables.cells.len());
        let pairs = most(|tables| tables.midhaul.pairs().len());
        Self {
            counters: Counters {
                ports: Vec::with_capacity(most(|tables| tables.flood.len())),
                peers: Vec::with_capacity(most(|tables| tables.peers.len())),
                cells: Vec::with_capacity(cells),
                pairs: Vec::with_capacity(pairs),
                ..Counters::default()
            },
            cells: Vec::with_capacity(cells),
            pairs: Vec::with_capacity(pairs),
            ..Self::default()
        }
    }
}

/// What the loop of one lcore did, in total. Cycles are those of the cycle counter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// Rate of the cycle counter, per second; 0 in virtual time.
    pub hz: u64,
    /// Turns of the loop.
    pub turns: u64,
    /// Frames taken from ports and from other lcores.
    pub frames: u64,
    /// Cycles of turns that moved frames.
    pub busy_cycles: u64,
    /// Cycles of turns that found nothing to do, pauses and sleeps included.
    pub idle_cycles: u64,
    /// Longest time between two looks at the ports since the last observation, nanoseconds.
    pub longest_gap_ns: u64,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
pub struct CellObservation {
    /// The slot on air; `None` until the cell has a slot count.
    pub slot: Option<SlotCount>,
    /// When each slot is on air; `None` with `slot`.
    pub clock: Option<SlotClock>,
    /// Term of the last command obeyed.
    pub term: u64,
    /// Who may speak on air now, since which slot and why.
    pub mode: Mode,
    /// See `mode`.
    pub since: SlotCount,
    /// See `mode`.
    pub cause: Cause,
    /// The next scheduled mode and its first slot.
    pub next_mode: Option<(SlotCount, Mode)>,
    /// Who owns which slot of a period while sharing.
    pub pattern: PatternBits,
    /// The next published pattern and its first slot.
    pub next_pattern: Option<(SlotCount, PatternBits)>,
    /// The standby that the armed plan would take first.
    pub armed: Option<MemberId>,
    /// All standbys of the armed plan, bit n for member n.
    pub plan: u8,
    /// Decided failover that waits for this member's first C-plane.
    pub waiting_for: Option<MemberId>,
    /// The last slot that the L2 was told; `None` before the first, and without a FAPI plane.
    pub told: Option<SlotCount>,
    /// By `MemberId`; `None` beyond the group.
    pub members: [Option<MemberObservation>; MAX_MEMBERS],
}

/// One member of a cell.
#[derive(Clone, Copy, Debug)]
pub struct MemberObservation {
    /// Its role in the slot on air.
    pub role: Role,
    /// Its headers are within the step window.
    pub in_step: bool,
    /// Liveness has declared it lost, on whichever plane.
    pub lost: bool,
    /// It may become active: known, not fenced, in step, not lost, and free if it is pooled.
    pub ready: bool,
    /// Last valid frame of the fronthaul, without one the last SLOT.indication; `Instant(0)` if it has never
    /// been heard.
    pub last_heard: Instant,
    /// Its PHY; `None` without a FAPI plane.
    pub phy: Option<PhyObservation>,
    /// How early before closing its due slots were heard.
    pub margins: Margins,
    /// PRB-symbols used in all slots measured, frames dropped for not owning the slot included.
    pub prb_symbols: u64,
    /// Slots in which PRB use was measured.
    pub prb_slots: u64,
}

/// The PHY of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PhyObservation {
    /// It may be given requests.
    pub running: bool,
    /// Its SLOT.indications are missing.
    pub lost: bool,
    /// Its last SLOT.indication; `Instant(0)` if none came since it runs.
    pub last_heard: Instant,
}

impl PhyObservation {
    fn of(group: &Group, member: MemberId) -> Self {
        let heard = group.heard(member);
        Self {
            running: group.is_running(member),
            lost: group.is_lost(member),
            last_heard: if heard == Instant::NEVER {
                Instant(0)
            } else {
                heard
            },
        }
    }
}

/// A DU and its CU on the midhaul.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PairObservation {
    /// What the DU says does not reach the CU.
    pub fenced: bool,
    /// Associations of which a tag is known: they could be aborted.
    pub open: u8,
    /// When a packet of any of them was last believed; `Instant(0)` without one.
    pub last_heard: Instant,
}

impl PairObservation {
    fn of(state: &PairState) -> Self {
        let known = state.watcher.associations().iter();
        let open = known.filter(|association| association.phase() == Phase::Open);
        Self {
            fenced: state.fenced,
            open: open.clone().count() as u8,
            last_heard: open.map(|known| known.heard()).max().unwrap_or_default(),
        }
    }
}

/// An observation under way: totals first, in one step, so that they hold for one moment; then a few
/// cells or peers a step, so that a thousand of them make no long gap.
#[derive(Debug)]
pub struct Filling {
    observation: Box<Observation>,
    /// Peers copied so far, then cells.
    done: (usize, usize),
}

impl Filling {
    /// Copies the totals into what control has made large enough.
    pub fn begin(
        mut observation: Box<Observation>,
        now: Instant,
        tables: &Tables,
        lcore: &LcoreState,
        load: Load,
    ) -> Self {
        observation.at = now;
        observation.term = tables.term;
        observation.load = load;
        let (to, from) = (&mut observation.counters, &lcore.counters);
        to.ledger = from.ledger;
        to.drops = from.drops;
        to.events_lost = from.events_lost;
        to.ptp_seen = from.ptp_seen;
        to.ports.clone_from(&from.ports);
        to.pairs.clone_from(&from.pairs);
        observation.pairs.clear();
        let pairs = tables.midhaul.pairs().iter().zip(&lcore.midhaul.pairs);
        observation.pairs.extend(pairs.map(|(rules, state)| {
            let owner = tables.owners.of_peer(rules.member);
            let owned = lcore.me.is_none_or(|me| me == owner);
            owned.then(|| PairObservation::of(state))
        }));
        to.peers.clear();
        to.cells.clear();
        observation.cells.clear();
        Self {
            observation,
            done: (0, 0),
        }
    }

    /// Copies some more; true when nothing is left. `owns` says which cells are this lcore's. No tables are
    /// replaced on the way: an lcore takes no other parcel meanwhile.
    pub fn step(
        &mut self,
        tables: &Tables,
        lcore: &LcoreState,
        owns: impl Fn(CellId) -> bool,
    ) -> bool {
        let Observation {
            at,
            counters,
            cells,
            ..
        } = &mut *self.observation;
        let (peers_done, cells_done) = &mut self.done;
        let peers = lcore.counters.peers.iter().skip(*peers_done);
        let before = counters.peers.len();
        counters.peers.extend(peers.take(PEERS_A_STEP));
        *peers_done = counters.peers.len();
        if *peers_done > before && *peers_done < lcore.counters.peers.len() {
            return false;
        }
        let next = *cells_done..lcore.cells.len().min(*cells_done + CELLS_A_STEP);
        let counted = lcore.counters.cells.get(next.clone()).unwrap_or_default();
        counters.cells.extend_from_slice(counted);
        cells.extend(next.clone().map(|index| {
            let cell = CellId(index as u16);
            let owned = owns(cell).then(|| CellObservation::of(*at, tables, lcore, cell));
            owned.flatten()
        }));
        *cells_done = next.end;
        *cells_done >= lcore.cells.len()
    }

    /// What has been copied.
    pub fn finish(self) -> Box<Observation> {
        self.observation
    }
}

/// Peers copied in one step: about 7 kB.
const PEERS_A_STEP: usize = 16;

/// Cells copied in one step.
const CELLS_A_STEP: usize = 4;

impl CellObservation {
    fn of(now: Instant, tables: &Tables, lcore: &LcoreState, id: CellId) -> Option<Self> {
        let cell = lcore.cells.get(id.index())?;
        let slot = cell.clock.map(|clock| clock.slot_at(now));
        let at = slot.unwrap_or_default();
        let span = cell.roles.span(at);
        let next = cell.roles.spans().find(|next| next.from > at);
        let group = cell.fapi.as_ref().map(|fapi| &fapi.group);
        let has_fronthaul = tables.cell(id).is_some_and(|tables| tables.ru.is_some());
        let mut members = [None; MAX_MEMBERS];
        for (index, (place, member)) in members.iter_mut().zip(&cell.members).enumerate() {
            let who = MemberId(index as u8);
            let phy = group.map(|group| PhyObservation::of(group, who));
            *place = Some(MemberObservation {
                role: cell.roles.role(who, at),
                in_step: cell.in_step >> index & 1 == 1,
                lost: member.liveness.is_lost() || phy.is_some_and(|phy| phy.lost),
                ready: lcore.fit(now, tables, id, who).is_ok(),
                last_heard: match phy {
                    Some(phy) if !has_fronthaul => phy.last_heard,
                    _ => member.liveness.last_heard(),
                },
                phy,
                margins: *member.liveness.margins(),
                prb_symbols: member.prb_symbols,
                prb_slots: member.prb_slots,
            });
        }
        let [armed, ..] = cell.failover.standby;
        let standbys = cell.failover.standby.iter().flatten();
        Some(Self {
            slot,
            clock: cell.clock,
            term: cell.term,
            mode: span.mode,
            since: span.from,
            cause: span.cause,
            next_mode: next.map(|span| (span.from, span.mode)),
            pattern: cell.pattern.of(at),
            next_pattern: cell.pattern.next_after(at),
            armed,
            plan: standbys.fold(0, |plan, member| plan | 1 << (member.0 & 7)),
            waiting_for: cell.failover.waiting.map(|(member, _)| member),
            told: group.and_then(|group| {
                let ticker = group.ticker();
                ticker.clock().map(|_| ticker.next().offset(-1))
            }),
            members,
        })
    }

    /// Standbys of the armed plan that could take over now.
    pub fn ready_standbys(&self) -> u64 {
        let members = self.members.iter().enumerate();
        let ready = members.filter(|(index, member)| {
            let standby = member.is_some_and(|member| member.ready && member.role == Role::Standby);
            standby && self.plan >> index & 1 == 1
        });
        ready.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phy_that_was_never_heard_has_no_time_of_it() {
        let mut group = Group::default();
        assert_eq!(
            PhyObservation::of(&group, MemberId(1)),
            PhyObservation::default()
        );
        group.set_running(MemberId(1), true);
        let seen = PhyObservation::of(&group, MemberId(1));
        assert!(seen.running && !seen.lost && seen.last_heard == Instant(0));
    }
}
