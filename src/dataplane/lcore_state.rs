//! The small mutable rest beside the tables: what each cell remembers. Sized when tables are compiled,
//! owned by one lcore, never allocated for a frame.

use crate::dataplane::counters::{
    CellCounters, Counters, PairCounters, PeerCounters, PortCounters,
};
use crate::dataplane::fapi::{self, state::FapiState};
use crate::dataplane::holding::Piece;
use crate::dataplane::live_state::{LiveState, Saved};
use crate::dataplane::mailbox::{Event, EventKind, MAX_MEMBERS};
use crate::dataplane::midhaul::state::MidhaulState;
use crate::dataplane::outbox::Outbox;
use crate::dataplane::run_record::Trace;
use crate::dataplane::tables::{CellTables, PeerKind, Tables};
use crate::planes::fronthaul::cplane::OwnerWinsCheck;
use crate::planes::fronthaul::fragments::Fragments;
use crate::planes::fronthaul::guard::Guard;
use crate::planes::fronthaul::measurement::Measurements;
use crate::planes::fronthaul::pattern::PatternSwitch;
use crate::planes::fronthaul::renumber::Renumber;
use crate::planes::fronthaul::requests::Requests;
use crate::planes::fronthaul::usage::Usage;
use crate::planes::liveness::Liveness;
use crate::planes::role::{Mode, Roles, Span};
use crate::ran::{
    CellId, Instant, LcoreId, LossWindow, MemberId, Plane, SlotClock, SlotCount, StreamId, WireSlot,
};
use serde::{Deserialize, Serialize};

/// Frames made by time alone between two turns, and the mean length of one.
const ORIGINALS: usize = 1024;
const LONGEST_ORIGINAL: usize = 128;

/// Longest C-plane message that can be split, bytes.
const LONGEST_CPLANE: usize = 9216;

/// Everything one lcore changes. What is large stands in boxes: when the tables are replaced, cells and
/// peers move by their pointers.
#[derive(Debug)]
#[allow(
    clippy::vec_box,
    reason = "so that a thousand cells move in microseconds"
)]
pub struct LcoreState {
    /// Which of several lcores this is; alone it owns every cell.
    pub me: Option<LcoreId>,
    /// By `CellId`.
    pub cells: Vec<Box<CellState>>,
    /// When each cell has something to do, by `CellId`: apart from the cells so that a scan is short.
    pub deadlines: Vec<Instant>,
    /// By `PeerId`: what is known of pooled DUs.
    pub pool: Vec<PoolState>,
    /// By `PeerId`: delay measurements toward that RU.
    pub measurements: Vec<Box<Measurements>>,
    /// DUs and their CUs.
    pub midhaul: MidhaulState,
    /// Counters.
    pub counters: Counters,
    /// What was found out about the last frame.
    pub trace: Trace,
    /// Room for one C-plane message under edit.
    pub scratch: Box<[u8]>,
    /// What survives the process.
    pub live: LiveState,
    /// Where the frame decided last belongs, if it is to be held.
    pub piece: Option<Piece>,
    /// Frames that time alone makes, until the worker sends them.
    pub originals: Outbox,
    events: Vec<Event>,
    earliest: Instant,
    /// Of the tables that this state is beside.
    term: u64,
}

/// A pooled DU.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct PoolState {
    /// The cell it is assigned to.
    pub assigned: Option<CellId>,
    /// Its last valid frame while unassigned.
    pub heard: Instant,
    /// The newest slot of which it sent C-plane while unassigned.
    pub newest_control: SlotCount,
    /// The same as its header said it: frameId, subframeId, slotId.
    pub newest_time: (u8, u8, u8),
}

/// One cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CellState {
    /// Slots and air time; `None` until the first frame of a cell without GPS time.
    pub clock: Option<SlotClock>,
    /// Who may speak.
    pub roles: Roles,
    /// Spans up to this slot have been announced by an event.
    pub announced: SlotCount,
    /// Who owns which slot while sharing.
    pub pattern: PatternSwitch,
    /// The newest slot of which anything went to the RU.
    pub released: SlotCount,
    /// By `MemberId`.
    pub members: Vec<MemberState>,
    /// By ingress domain.
    #[serde(skip)]
    pub losses: Box<[LossWindow]>,
    /// Members in step, bit n for member n.
    pub in_step: u8,
    /// Numbering toward the RU.
    pub renumber: Renumber,
    /// One speaker on each (eAxC, symbol) of the U-plane.
    pub guard_user: Guard,
    /// The same for the C-plane.
    pub guard_control: Guard,
    /// UL requests of sharing members.
    pub requests: Requests,
    /// Verdicts on fragmented messages.
    pub fragments: Fragments<FragmentFate>,
    /// Owner-wins check.
    pub owner_wins: OwnerWinsCheck,
    /// The last slot of which a conflict was told.
    pub conflict_told: SlotCount,
    /// After a mismatch in the present mode: the slot from which C-plane is split.
    pub split_from: Option<SlotCount>,
    /// Section type 0 messages seen from one member only.
    pub idle_sections: [Option<IdleSection>; 8],
    /// PRB use.
    pub usage: Usage,
    /// Failover.
    pub failover: FailoverState,
    /// Term of the last command obeyed.
    pub term: u64,
    /// The FAPI plane, if it crosses the appliance.
    pub fapi: Option<Box<FapiState>>,
    /// The slot on air, looked up once a slot.
    pub current: OnAir,
    /// Its place in the live state.
    #[serde(skip)]
    pub saved: Saved,
    /// Frames in a row out of step, from whoever leads a clock lifted from headers.
    pub strays: u8,
}

/// The slot on air and when it is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OnAir {
    /// The slot.
    pub slot: SlotCount,
    /// The same on the headers' circle.
    pub wire: WireSlot,
    /// Its start.
    pub from: Instant,
    /// The start of the next.
    pub until: Instant,
}

impl OnAir {
    /// At no instant.
    pub const NOTHING: Self = Self {
        slot: SlotCount(0),
        wire: WireSlot::FIRST,
        from: Instant(0),
        until: Instant(0),
    };
}

/// One member of one cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberState {
    /// Who is due when.
    pub liveness: Liveness,
    /// Last frame within the step window.
    pub in_step_at: Instant,
    /// The newest slot of which it sent C-plane.
    pub newest_control: SlotCount,
    /// PRB-symbols used in all slots measured.
    pub prb_symbols: u64,
    /// Slots measured.
    pub prb_slots: u64,
}

/// A section type 0 message waiting for its twin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IdleSection {
    /// Stream and slot.
    pub at: (StreamId, SlotCount),
    /// Who sent it.
    pub member: MemberId,
    /// What it said.
    pub digest: u64,
}

/// What was decided of a message whose later fragments follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FragmentFate {
    /// To the RU on this stream under this number.
    ToRu {
        /// Egress stream.
        stream: StreamId,
        /// Number given, or as received.
        sequence: Option<u8>,
    },
    /// To these members.
    ToMembers {
        /// Ingress stream.
        stream: StreamId,
        /// Bit n for member n.
        members: u8,
    },
    /// Dropped with its first fragment's reason.
    Dropped(crate::dataplane::verdict::DropReason),
}

/// Where a failover stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct FailoverState {
    /// Who takes over, best first; ends with `None`.
    pub standby: [Option<MemberId>; MAX_MEMBERS],
    /// Decided: waiting for the standby's first C-plane of a slot after this one.
    pub waiting: Option<(MemberId, SlotCount)>,
    /// When the last one took effect.
    pub last: Option<Instant>,
    /// The active member is lost and nobody could take over: tried again when somebody comes in step.
    pub stranded: bool,
    /// When a failover that was impossible is tried again.
    pub retry_at: Instant,
}

impl LcoreState {
    /// As the tables say, with room for `events` events between two drains.
    pub fn new(tables: &Tables, events: usize) -> Self {
        let pool = tables.peers.iter().map(|peer| PoolState {
            assigned: match peer.kind {
                PeerKind::PooledDu => initial_assignment(tables, peer),
                _ => None,
            },
            ..PoolState::default()
        });
        let cells: Vec<_> = tables
            .cells
            .iter()
            .map(|cell| Box::new(CellState::new(cell)))
            .collect();
        Self {
            me: None,
            deadlines: vec![Instant::NEVER; cells.len()],
            pool: pool.collect(),
            measurements: vec![Box::default(); tables.peers.len()],
            midhaul: MidhaulState::new(&tables.midhaul),
            counters: Counters {
                ports: vec![PortCounters::default(); tables.flood.len()],
                peers: vec![PeerCounters::default(); tables.peers.len()],
                cells: vec![CellCounters::default(); cells.len()],
                pairs: vec![PairCounters::default(); tables.midhaul.pairs().len()],
                ..Counters::default()
            },
            trace: Trace::default(),
            scratch: vec![0; LONGEST_CPLANE].into_boxed_slice(),
            live: LiveState::new(cells.len()),
            piece: None,
            originals: Outbox::new(ORIGINALS, ORIGINALS * LONGEST_ORIGINAL),
            events: Vec::with_capacity(events),
            earliest: Instant::NEVER,
            term: tables.term,
            cells,
        }
    }

    /// True if `cell` is this lcore's: another has a state of it that nothing happens to.
    #[inline]
    pub fn owns(&self, tables: &Tables, cell: CellId) -> bool {
        self.me.is_none_or(|me| tables.owners.of_cell(cell) == me)
    }

    /// Says something; counted if nobody drained the last ones.
    pub fn say(&mut self, at: Instant, cell: CellId, kind: EventKind) {
        self.changed(cell, &kind);
        let clock = self.cells.get(cell.index()).and_then(|cell| cell.clock);
        let slot = clock.map_or(SlotCount(0), |clock| clock.slot_at(at));
        if self.events.len() == self.events.capacity() {
            self.counters.events_lost += 1;
            return;
        }
        self.events.push(Event {
            at,
            term: self.term,
            cell,
            slot,
            kind,
        });
    }

    /// Events since the last drain, left where they are.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Events since the last drain, in order.
    pub fn drain_events(&mut self) -> std::vec::Drain<'_, Event> {
        self.events.drain(..)
    }

    /// What was said and not drained goes on being said here.
    pub(super) const fn take_events(&mut self, old: &mut Self) {
        std::mem::swap(&mut self.events, &mut old.events);
    }

    /// The deadline of `cell` may have changed.
    pub fn refresh_deadline(&mut self, tables: &Tables, cell: CellId) {
        let index = cell.index();
        if !self.owns(tables, cell) {
            return;
        }
        if let (Some(state), Some(tables), Some(deadline)) = (
            self.cells.get(index),
            tables.cell(cell),
            self.deadlines.get_mut(index),
        ) {
            *deadline = state.deadline(tables);
            self.earliest = self.earliest.min(*deadline);
        }
    }

    /// The earliest deadline of all cells and of the midhaul, or earlier.
    #[inline]
    pub fn next_deadline(&self) -> Instant {
        self.earliest.min(self.midhaul.due)
    }

    /// Finds the earliest deadline again.
    pub fn rescan_deadlines(&mut self) {
        let earliest = self.deadlines.iter().copied().min();
        self.earliest = earliest.unwrap_or(Instant::NEVER);
    }
}

impl CellState {
    fn new(tables: &CellTables) -> Self {
        let streams = tables.streams.len();
        let guarded = tables.guarded_slots() as usize;
        let clock = tables.gps.map(|(alpha, beta)| {
            SlotClock::from_gps(tables.numerology, tables.prefix, alpha, beta)
        });
        let assumed = tables
            .members
            .iter()
            .enumerate()
            .fold(0, |bits, (n, member)| {
                // A pooled member takes part only while it is assigned.
                let takes_part = !member.pooled || tables.active.index() == n;
                bits | u8::from(member.assume_in_step && takes_part) << (n & 7)
            });
        let mut standby = [None; MAX_MEMBERS];
        for (place, member) in standby.iter_mut().zip(&tables.standby) {
            *place = Some(*member);
        }
        Self {
            clock,
            roles: Roles::new(Mode::Single(tables.active)),
            announced: SlotCount(0),
            pattern: PatternSwitch::new(tables.pattern),
            released: SlotCount(0),
            members: tables
                .members
                .iter()
                .map(|_| MemberState {
                    liveness: Liveness::new(&tables.liveness),
                    in_step_at: Instant(0),
                    newest_control: SlotCount(0),
                    prb_symbols: 0,
                    prb_slots: 0,
                })
                .collect(),
            losses: vec![LossWindow::default(); tables.domains()].into_boxed_slice(),
            in_step: assumed,
            renumber: Renumber::new(streams),
            guard_user: Guard::new(streams, guarded),
            guard_control: Guard::new(streams, guarded),
            requests: Requests::new(streams),
            fragments: Fragments::default(),
            owner_wins: OwnerWinsCheck::new(streams),
            conflict_told: SlotCount(0),
            split_from: None,
            idle_sections: [None; 8],
            usage: Usage::default(),
            failover: FailoverState {
                standby,
                waiting: None,
                last: None,
                stranded: false,
                retry_at: Instant::NEVER,
            },
            term: 0,
            fapi: fapi::state::of(tables.fapi.as_ref()),
            current: OnAir::NOTHING,
            saved: Saved::default(),
            strays: 0,
        }
    }

    /// Owner-wins has failed before `slot`: its C-plane is split.
    pub fn splits(&self, slot: SlotCount) -> bool {
        self.split_from.is_some_and(|from| slot >= from)
    }

    /// The guard of `plane`.
    pub fn guard(&mut self, plane: Plane) -> &mut Guard {
        match plane {
            Plane::Control => &mut self.guard_control,
            Plane::User => &mut self.guard_user,
        }
    }

    /// True if `member` cannot speak: lost, or fenced.
    pub fn is_silent(&self, member: MemberId) -> bool {
        let heard = self.members.get(member.index());
        self.roles.is_fenced(member)
            || heard.is_some_and(|heard| heard.liveness.is_lost())
            || self.phy_is_down(member)
    }

    /// The member that `slot`, or one that follows it, is still left to although it is fenced.
    pub fn fenced_speaker(&self, slot: SlotCount) -> Option<MemberId> {
        let mut members = (0..self.members.len()).map(|index| MemberId(index as u8));
        members.find(|member| self.roles.is_fenced(*member) && self.roles.holds(*member, slot))
    }

    /// When something is due whatever frames arrive.
    pub fn deadline(&self, tables: &CellTables) -> Instant {
        let members = self.members.iter().enumerate().map(|(n, member)| {
            let assumed = tables.members.get(n).is_some_and(|m| m.assume_in_step);
            let step = if self.in_step >> n & 1 == 1 && !assumed {
                member.in_step_at.after(tables.step_memory).offset(1)
            } else {
                Instant::NEVER
            };
            step.min(member.liveness.deadline())
        });
        let announcement = self
            .clock
            .zip(self.next_span())
            .map(|(clock, next)| clock.air(next.from, 0));
        members
            .chain(announcement)
            .chain(self.forgetting(tables))
            .chain([self.failover.retry_at, self.fapi_deadline(tables)])
            .min()
            .unwrap_or(Instant::NEVER)
    }

    fn fapi_deadline(&self, tables: &CellTables) -> Instant {
        let both = self.fapi.as_ref().zip(tables.fapi.as_ref());
        both.map_or(Instant::NEVER, |(state, tables)| {
            state.group.deadline(&tables.rules)
        })
    }

    /// The first span that has not been announced.
    pub fn next_span(&self) -> Option<Span> {
        let mut spans = self.roles.spans();
        spans.find(|span| span.from > self.announced).copied()
    }

    /// When the oldest span, or the pattern before the pending one, is of no use any more.
    fn forgetting(&self, tables: &CellTables) -> Option<Instant> {
        let clock = self.clock?;
        let memory = tables.step_window.as_nanos() + tables.late_tolerance.as_nanos();
        let slots = 3 * tables.numerology.slot_duration().as_nanos();
        let span = self.roles.spans().nth(1).map(|span| span.from);
        let earliest = [span, self.pattern.pending()].into_iter().flatten().min()?;
        Some(clock.air(earliest, 0).offset((memory + slots) as i64))
    }
}

fn initial_assignment(
    tables: &Tables,
    peer: &crate::dataplane::tables::PeerEntry,
) -> Option<CellId> {
    peer.cells
        .iter()
        .find(|(cell, member)| {
            tables
                .cell(*cell)
                .is_some_and(|tables| tables.active == *member)
        })
        .map(|(cell, _)| *cell)
}
