//! The flight recorder: for each bundle of cells a ring of what its decisions read, so that a replay
//! says the same of every frame. Beside the journey, never in it: nothing here changes a verdict.
//!
//! A ring is a few segments, each a snapshot and what followed. The oldest is overwritten. After a
//! failover or a conflict the ring runs on for one more segment and stands still until control has
//! changed it for a fresh one; the lcore swaps a pointer and copies no more than a snapshot. Allocated
//! by control, bounded, and a recording spans one term of the tables: with other tables comes another
//! recorder, which takes over the memory of the one before; what was about to be fetched from that travels
//! back with the tables retired.

mod bundle;
mod digest;
mod peek;
mod ring;
mod segment;
mod snapshot;

pub use bundle::Bundle;
pub use digest::{EDITED, egress};
pub use ring::Ring;
pub use segment::{Entered, FrameRecord, Segment};
pub use snapshot::{CellSnapshot, PeerSnapshot, Snapshot};

use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{Command, EventKind};
use crate::dataplane::outbox::Outbox;
use crate::dataplane::tables::Tables;
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::{CellId, Instant};
use peek::Kind;
use segment::LONGEST_HEAD;

/// How much is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// Frames of each cell, at least.
    pub frames: u32,
    /// Bytes of a U-plane frame, from its first; other eCPRI frames are kept to their end.
    pub snap: u16,
}

/// Why a recording is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trigger {
    /// A member was lost and the armed plan was carried out, or could not be.
    Failover,
    /// Two members spoke on one eAxC and symbol.
    Conflict,
    /// Somebody asked.
    Command,
}

impl Trigger {
    /// The word in names and reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Conflict => "conflict",
            Self::Command => "command",
        }
    }
}

/// What travels from control to the lcore empty and comes back full.
#[derive(Debug)]
pub struct Recording {
    /// The cell that it is about; others of its bundle are in it too.
    pub cell: CellId,
    /// Why.
    pub trigger: Trigger,
    /// When it was taken; `None` if this lcore does not record the cell under these tables.
    pub taken: Option<Instant>,
    /// Term of the tables.
    pub term: u64,
    /// Empty on the way to the lcore.
    pub ring: Ring,
}

impl Recording {
    /// An empty one for the bundle of `cell`; `None` for an unknown cell. Allocates: control's work.
    pub fn new(
        tables: &Tables,
        settings: Settings,
        cell: CellId,
        trigger: Trigger,
    ) -> Option<Self> {
        let bundle = Bundle::of(tables, cell)?;
        Some(Self {
            cell,
            trigger,
            taken: None,
            term: tables.term,
            ring: Ring::new(bundle, settings, &LcoreState::new(tables, 0)),
        })
    }
}

/// The rings of one lcore.
#[derive(Debug, Default)]
pub struct Recorder {
    rings: Vec<Ring>,
    /// By `PeerId` and by `CellId`: which ring, or `NONE`.
    by_peer: Box<[u16]>,
    by_cell: Box<[u16]>,
    snap: usize,
    staged: Staged,
    buffer: Box<[u8]>,
    /// Events of the lcore that have been seen.
    seen: usize,
    started: bool,
    /// A ring waits for control, or soon will.
    waiting: bool,
    ticks: u64,
}

/// The frame under decision, as it was.
#[derive(Clone, Copy, Debug)]
struct Staged {
    kind: Kind,
    kept: usize,
    head: u32,
    outbox: (u16, u32),
}

impl Default for Staged {
    fn default() -> Self {
        Self {
            kind: Kind::Foreign,
            kept: 0,
            head: 0,
            outbox: (0, 0),
        }
    }
}

impl Recorder {
    /// Records the bundles whose first cell this lcore owns. Allocates all that it will ever need.
    pub fn new(tables: &Tables, settings: Settings, owns: impl Fn(CellId) -> bool) -> Self {
        let lcore = LcoreState::new(tables, 0);
        let ring = |bundle| Ring::new(bundle, settings, &lcore);
        Self::with(tables, settings, owns, ring)
    }

    /// To take the place of another under other tables, and to take over its memory: without any of its own.
    pub fn hollow(tables: &Tables, settings: Settings, owns: impl Fn(CellId) -> bool) -> Self {
        let ring = |bundle| Ring::hollow(bundle, settings);
        Self {
            waiting: true,
            ..Self::with(tables, settings, owns, ring)
        }
    }

    fn with(
        tables: &Tables,
        settings: Settings,
        owns: impl Fn(CellId) -> bool,
        ring: impl Fn(Bundle) -> Ring,
    ) -> Self {
        // The FAPI plane decides by whole messages, which are not kept.
        let recorded = |cell: CellId| tables.cell(cell).is_some_and(|cell| cell.fapi.is_none());
        let whole = |bundle: &Bundle| bundle.cells.iter().all(|cell| recorded(*cell));
        let owned =
            |bundle: &Bundle| bundle.cells.first().is_some_and(|cell| owns(*cell)) && whole(bundle);
        let bundles = Bundle::all(tables).into_iter().filter(owned);
        let rings: Vec<Ring> = bundles.map(ring).collect();
        let mut by_cell = vec![NONE; tables.cells.len()].into_boxed_slice();
        let mut by_peer = vec![NONE; tables.peers.len()].into_boxed_slice();
        for (index, ring) in rings.iter().enumerate() {
            for cell in &ring.bundle().cells {
                if let Some(place) = by_cell.get_mut(cell.index()) {
                    *place = index as u16;
                }
            }
            for peer in &ring.bundle().peers {
                if let Some(place) = by_peer.get_mut(peer.index()) {
                    *place = index as u16;
                }
            }
        }
        Self {
            rings,
            by_peer,
            by_cell,
            snap: usize::from(settings.snap),
            buffer: vec![0; LONGEST_HEAD].into_boxed_slice(),
            ..Self::default()
        }
    }

    /// Bytes of memory, snapshots aside.
    pub fn memory(&self) -> usize {
        self.rings.iter().map(Ring::memory).sum()
    }

    /// Before anything changes the state of `lcore`: the first snapshots.
    #[inline]
    pub fn begin(&mut self, now: Instant, lcore: &LcoreState) {
        if self.started || self.rings.is_empty() {
            return;
        }
        self.started = true;
        self.seen = lcore.events().len();
        for ring in &mut self.rings {
            ring.begin(now, lcore);
        }
    }

    /// Before a frame is decided: it is edited in place.
    #[inline]
    pub fn stage(&mut self, head: &[u8], info: FrameInfo, outbox: &Outbox) {
        if self.rings.is_empty() {
            return;
        }
        let frame = head.get(usize::from(info.start)..).unwrap_or_default();
        let kind = peek::kind(frame);
        let kept = match kind {
            Kind::User(_) => frame.len().min(self.snap),
            Kind::Whole => frame.len().min(LONGEST_HEAD),
            Kind::Foreign => 0,
        };
        if let (Some(to), Some(from)) = (self.buffer.get_mut(..kept), frame.get(..kept)) {
            to.copy_from_slice(from);
        }
        self.staged = Staged {
            kind,
            kept,
            head: frame.len() as u32,
            outbox: (outbox.len() as u16, outbox.arena().len() as u32),
        };
    }

    /// After it was decided.
    #[inline]
    pub fn decided(
        &mut self,
        now: Instant,
        (head, info): (&[u8], FrameInfo),
        lcore: &LcoreState,
        verdict: Verdict,
        outbox: &Outbox,
    ) {
        if self.rings.is_empty() {
            return;
        }
        let Staged {
            kind,
            kept,
            head: length,
            outbox: before,
        } = self.staged;
        let peer = lcore.trace.peer.filter(|_| kind != Kind::Foreign);
        let ring = peer.and_then(|peer| self.by_peer.get(peer.index()).copied());
        let index = ring.map_or(usize::from(NONE), usize::from);
        if let Some(ring) = self.rings.get_mut(index)
            && let Some(segment) = ring.open()
        {
            let first = self.buffer.get(..kept).unwrap_or_default();
            let received = head.get(usize::from(info.start)..).unwrap_or_default();
            let more = match kind {
                Kind::User(pdu) if needs_payload(verdict, pdu, first, received) => {
                    let end = received.len().min(LONGEST_HEAD);
                    received.get(kept..end).unwrap_or_default()
                }
                _ => &[],
            };
            let record = FrameRecord {
                head: length,
                outbox: before,
                parts: (outbox.len() as u16).saturating_sub(before.0),
                egress: egress(verdict, head, outbox, before),
                ..FrameRecord::new(now, info, verdict)
            };
            segment.push_frame(record, first, more);
        }
        self.hear(lcore);
        if let Some(ring) = self.rings.get_mut(index) {
            // What the last frame caused is recorded before the ring stands still.
            ring.count();
            ring.turn_if_full(now, lcore);
        }
    }

    /// Before what is due by `now` is done.
    pub fn ticking(&mut self, now: Instant, deadlines: &[Instant]) {
        if self.rings.is_empty() {
            return;
        }
        self.ticks += 1;
        for (deadline, ring) in deadlines.iter().zip(&self.by_cell) {
            if *deadline > now {
                continue;
            }
            if let Some(ring) = self.rings.get_mut(usize::from(*ring))
                && ring.ticked != self.ticks
            {
                ring.ticked = self.ticks;
                if let Some(segment) = ring.open() {
                    segment.push_tick(now);
                }
            }
        }
    }

    /// After it was done.
    pub fn ticked(&mut self, now: Instant, lcore: &LcoreState) {
        self.hear(lcore);
        for ring in &mut self.rings {
            if ring.ticked == self.ticks {
                ring.turn_if_full(now, lcore);
            }
        }
    }

    /// After a command was obeyed or refused.
    pub fn commanded(&mut self, now: Instant, command: &Command, lcore: &LcoreState) {
        let ring = self.by_cell.get(command.cell.index()).copied();
        let index = ring.map_or(usize::from(NONE), usize::from);
        if let Some(segment) = self.rings.get_mut(index).and_then(Ring::open) {
            segment.push_command(now, command);
        }
        self.hear(lcore);
        if let Some(ring) = self.rings.get_mut(index) {
            ring.turn_if_full(now, lcore);
        }
    }

    /// The events of the lcore have been taken away.
    pub const fn drained(&mut self) {
        self.seen = 0;
    }

    /// A cell whose ring stands still since a failover or conflict, or needs memory. Told again if nobody
    /// comes for it.
    #[inline]
    pub fn due(&mut self, now: Instant) -> Option<(CellId, Trigger)> {
        if !self.waiting {
            return None;
        }
        let found = self.rings.iter_mut().find_map(|ring| ring.due(now));
        self.waiting = self.rings.iter().any(Ring::waits);
        found
    }

    /// Gives the ring of the recording's cell away and goes on with the empty one that came.
    pub fn hand_over(
        &mut self,
        now: Instant,
        tables: &Tables,
        lcore: &LcoreState,
        recording: &mut Recording,
    ) {
        self.begin(now, lcore);
        let ring = self.ring_of(recording.cell);
        let Some(ring) = ring.filter(|ring| ring.bundle() == recording.ring.bundle()) else {
            return;
        };
        if recording.term != tables.term {
            return;
        }
        if !ring.is_hollow() {
            recording.taken = Some(now);
        }
        if let Some(trigger) = ring.trigger() {
            (recording.trigger, recording.cell) = trigger;
        }
        recording.ring.rest_as(ring);
        std::mem::swap(ring, &mut recording.ring);
        ring.begin(now, lcore);
    }

    /// Takes the place of `before`, whose tables are retired, and its memory where that fits; control is told
    /// where it does not. What rested there rests here. `was` says which cell it is that has another number
    /// now.
    pub fn follow(
        &mut self,
        before: &mut Self,
        lcore: &LcoreState,
        was: impl Fn(CellId) -> Option<CellId>,
    ) {
        for ring in &mut self.rings {
            let cell = ring.bundle().cells.first().and_then(|cell| was(*cell));
            if let Some(before) = cell.and_then(|cell| before.ring_of(cell)) {
                ring.rest_as(before);
                ring.take_over(before, lcore);
            }
        }
    }

    /// Of a retired recorder: what is still to be fetched, as of `now`; `term` is that of its tables.
    pub fn into_pending(self, now: Instant, term: u64) -> impl Iterator<Item = Recording> {
        self.rings.into_iter().filter_map(move |ring| {
            let (trigger, cell) = ring.trigger()?;
            Some(Recording {
                cell,
                trigger,
                taken: Some(now),
                term,
                ring,
            })
        })
    }

    fn ring_of(&mut self, cell: CellId) -> Option<&mut Ring> {
        let ring = self.by_cell.get(cell.index())?;
        self.rings.get_mut(usize::from(*ring))
    }

    #[inline]
    fn hear(&mut self, lcore: &LcoreState) {
        let events = lcore.events();
        if events.len() == self.seen {
            return;
        }
        for event in events.get(self.seen..).unwrap_or_default() {
            let ring = self.by_cell.get(event.cell.index()).copied();
            let ring = ring.and_then(|ring| self.rings.get_mut(usize::from(ring)));
            // Told of the first cell, whoever sends PTP; of the midhaul no packet is recorded.
            let foreign = matches!(
                event.kind,
                EventKind::PtpSeen | EventKind::Association { .. }
            );
            if let Some(ring) = ring.filter(|_| !foreign) {
                self.waiting |= ring.hear(event);
            }
        }
        self.seen = events.len();
    }
}

/// True where a decision about a U-plane message has read beyond its first bytes.
#[inline]
fn needs_payload(verdict: Verdict, pdu: usize, before: &[u8], after: &[u8]) -> bool {
    let first_section = pdu + FIRST_SECTION;
    match verdict {
        Verdict::Drop(reason) => matches!(
            reason,
            DropReason::Unsplittable | DropReason::UplaneMalformed
        ),
        // An answer whose sectionIds were mapped back.
        _ => before.get(first_section) != after.get(first_section),
    }
}

const NONE: u16 = u16::MAX;
/// From a PDU's first byte to its first sectionId: common header, stream, radio header.
const FIRST_SECTION: usize = 12;
