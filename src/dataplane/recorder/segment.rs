//! One stretch of a recording: the state at its start, then everything that changed it, in order.
//! Allocated once; nothing here allocates while it is filled.

use super::snapshot::Snapshot;
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::mailbox::{Command, Event, EventKind};
use crate::dataplane::verdict::Verdict;
use crate::ran::{CellId, Instant, SlotCount};

/// An empty vector with room for `count`, every page of it written once: the lcore never waits for one.
fn touched<T: Clone>(value: T, count: usize) -> Vec<T> {
    let mut room = vec![value; count];
    room.clear();
    room
}

/// Entries kept free for the events of one frame, tick or command, and for each cell beside.
const RESERVE: usize = 64;

/// The longest head that is kept whole: a C-plane message of a jumbo frame and its headers.
pub(super) const LONGEST_HEAD: usize = 9728;

/// One frame: what the decision was given, and what it said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRecord {
    /// When it was decided.
    pub now: Instant,
    /// Port, headroom and length of the frame as the journey was told them.
    pub info: FrameInfo,
    /// Bytes of the first buffer segment, from the frame's first byte.
    pub head: u32,
    /// Parts and bytes that the burst's outbox held before.
    pub outbox: (u16, u32),
    /// What became of it.
    pub verdict: Verdict,
    /// Parts that were put into the outbox.
    pub parts: u16,
    /// Digest of what leaves: the first bytes of the edited frame and the heads of its parts.
    pub egress: u64,
}

impl FrameRecord {
    /// With nothing in the outbox, before and after.
    pub const fn new(now: Instant, info: FrameInfo, verdict: Verdict) -> Self {
        Self {
            now,
            info,
            head: info.len,
            outbox: (0, 0),
            verdict,
            parts: 0,
            egress: 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Frame {
        record: FrameRecord,
        at: u32,
        kept: u32,
    },
    Tick(Instant),
    Command(Instant, u32),
    Event(u32),
}

/// One entry of a segment, to read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Entered<'a> {
    /// A frame and the bytes kept of it, from its first.
    Frame(&'a FrameRecord, &'a [u8]),
    /// Time passed: what was due by this instant was done.
    Tick(Instant),
    /// A command was obeyed or refused.
    Command(Instant, &'a Command),
    /// The entry before caused this event.
    Event(&'a Event),
}

/// A snapshot and what followed it.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The state before the first entry.
    pub snapshot: Snapshot,
    /// Events that found no room; a replay cannot compare events then.
    pub events_lost: u64,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    commands: Vec<Command>,
    events: Vec<Event>,
    reserve: usize,
}

impl Segment {
    /// Room for `frames` frames of `snap` bytes each in the mean, after a snapshot of that shape.
    pub fn new(snapshot: Snapshot, frames: usize, snap: usize) -> Self {
        let reserve = RESERVE + 16 * snapshot.cells.len();
        let event = Event {
            at: Instant(0),
            term: 0,
            cell: CellId(0),
            slot: SlotCount(0),
            kind: EventKind::PtpSeen,
        };
        Self {
            snapshot,
            events_lost: 0,
            entries: touched(Entry::Event(0), frames + frames / 8 + 2 * reserve),
            bytes: touched(u8::MAX, frames * snap + 2 * LONGEST_HEAD),
            commands: Vec::with_capacity(reserve),
            events: touched(event, frames / 16 + 2 * reserve),
            reserve,
        }
    }

    /// Room for `entries` entries of any kind with `bytes` bytes of frames, read from somewhere.
    pub fn to_fill(snapshot: Snapshot, entries: usize, bytes: usize) -> Self {
        Self {
            snapshot,
            events_lost: 0,
            entries: Vec::with_capacity(entries),
            bytes: Vec::with_capacity(bytes),
            commands: Vec::with_capacity(entries),
            events: Vec::with_capacity(entries),
            reserve: 0,
        }
    }

    /// Empty again, the snapshot aside.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.commands.clear();
        self.events.clear();
        self.events_lost = 0;
    }

    /// True when the next frame and its events might find no room.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.entries.capacity() - self.entries.len() <= self.reserve
            || self.bytes.capacity() - self.bytes.len() < LONGEST_HEAD
            || self.events.capacity() - self.events.len() < self.reserve
            || self.commands.len() == self.commands.capacity()
    }

    /// Adds a frame of which `first` and then `more` is kept.
    #[inline]
    pub fn push_frame(&mut self, record: FrameRecord, first: &[u8], more: &[u8]) {
        let kept = first.len() + more.len();
        if self.bytes.capacity() - self.bytes.len() < kept {
            return;
        }
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(first);
        self.bytes.extend_from_slice(more);
        let kept = kept as u32;
        self.push(Entry::Frame { record, at, kept });
    }

    /// Adds a tick.
    pub fn push_tick(&mut self, now: Instant) {
        self.push(Entry::Tick(now));
    }

    /// Adds a command.
    pub fn push_command(&mut self, now: Instant, command: &Command) {
        if self.commands.len() < self.commands.capacity() {
            let at = self.commands.len() as u32;
            self.commands.push(*command);
            self.push(Entry::Command(now, at));
        }
    }

    /// Adds an event.
    pub fn push_event(&mut self, event: &Event) {
        let room = self.entries.len() < self.entries.capacity();
        if !room || self.events.len() == self.events.capacity() {
            self.events_lost += 1;
            return;
        }
        let at = self.events.len() as u32;
        self.events.push(*event);
        self.push(Entry::Event(at));
    }

    /// Everything, in order.
    pub fn entries(&self) -> impl Iterator<Item = Entered<'_>> {
        self.entries.iter().filter_map(|entry| {
            Some(match entry {
                Entry::Frame { record, at, kept } => {
                    let from = *at as usize;
                    let kept = self.bytes.get(from..from + *kept as usize)?;
                    Entered::Frame(record, kept)
                }
                Entry::Tick(now) => Entered::Tick(*now),
                Entry::Command(now, at) => Entered::Command(*now, self.commands.get(*at as usize)?),
                Entry::Event(at) => Entered::Event(self.events.get(*at as usize)?),
            })
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of memory it takes, the snapshot aside.
    pub fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.bytes.capacity()
            + self.commands.capacity() * size_of::<Command>()
            + self.events.capacity() * size_of::<Event>()
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() < self.entries.capacity() {
            self.entries.push(entry);
        }
    }
}
