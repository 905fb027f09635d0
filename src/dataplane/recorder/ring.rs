//! The ring of one bundle: a few segments of which the oldest is overwritten, and whether it runs.

use super::segment::Segment;
use super::snapshot::Snapshot;
use super::{Bundle, Settings, Trigger};
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{Event, EventKind};
use crate::ran::{CellId, Duration, Instant};

/// The last frames of one bundle.
#[derive(Clone, Debug)]
pub struct Ring {
    bundle: Bundle,
    segments: Vec<Segment>,
    current: usize,
    /// Segments that hold something, the current one included.
    filled: usize,
    settings: Settings,
    /// Frames of one segment.
    frames: u32,
    phase: Phase,
    /// When the last failover and the last conflict began to be kept.
    last: [Option<Instant>; 2],
    /// The last tick of the recorder in which something of the bundle was due.
    pub(super) ticked: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Recording.
    Running,
    /// Recording what follows the trigger.
    Closing {
        trigger: (Trigger, CellId),
        left: u32,
        until: Instant,
    },
    /// Waiting for control.
    Frozen {
        trigger: (Trigger, CellId),
        /// When control was told.
        told: Option<Instant>,
    },
    /// Without segments, which control has to bring.
    Hollow {
        /// When control was told.
        told: Option<Instant>,
    },
}

impl Ring {
    /// Of the shape that `lcore` has.
    pub fn new(bundle: Bundle, settings: Settings, lcore: &LcoreState) -> Self {
        let cells = bundle.cells.len().max(1);
        let frames = (settings.frames as usize * cells).div_ceil(SEGMENTS - 1);
        let snapshot = Snapshot::new(&bundle, lcore);
        let segment = || Segment::new(snapshot.clone(), frames, usize::from(settings.snap));
        Self {
            filled: 0,
            settings,
            frames: frames as u32,
            ..Self::holding(bundle, (0..SEGMENTS).map(|_| segment()).collect())
        }
    }

    /// To take the place of one as large under other tables, with its memory if that fits.
    pub(super) fn hollow(bundle: Bundle, settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Hollow { told: None },
            ..Self::holding(bundle, Vec::new())
        }
    }

    /// What was read back from somewhere: `segments`, oldest first.
    pub fn of(segments: Vec<Segment>) -> Self {
        let bundle = segments.first().map(|segment| {
            let cells = segment.snapshot.cells.iter().map(|cell| cell.cell);
            let peers = segment.snapshot.peers.iter().map(|peer| peer.peer);
            Bundle {
                cells: cells.collect(),
                peers: peers.collect(),
            }
        });
        Self {
            current: segments.len().saturating_sub(1),
            ..Self::holding(bundle.unwrap_or_default(), segments)
        }
    }

    fn holding(bundle: Bundle, segments: Vec<Segment>) -> Self {
        Self {
            bundle,
            current: 0,
            filled: segments.len(),
            segments,
            settings: Settings::default(),
            frames: 0,
            phase: Phase::Running,
            last: [None; 2],
            ticked: 0,
        }
    }

    /// Whose frames these are.
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// What is kept, oldest first.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        let count = self.segments.len();
        let oldest = self.current + count + 1 - self.filled;
        (0..self.filled).filter_map(move |n| self.segments.get((oldest + n) % count))
    }

    /// Bytes of memory, snapshots aside.
    pub fn memory(&self) -> usize {
        self.segments.iter().map(Segment::memory).sum()
    }

    /// True while control is to come for something.
    pub(super) fn waits(&self) -> bool {
        self.phase != Phase::Running
    }

    /// True until control has brought segments.
    pub(super) const fn is_hollow(&self) -> bool {
        matches!(self.phase, Phase::Hollow { .. })
    }

    /// Why it is to be fetched, and because of which cell; `None` while nothing has happened.
    pub(super) const fn trigger(&self) -> Option<(Trigger, CellId)> {
        match self.phase {
            Phase::Running | Phase::Hollow { .. } => None,
            Phase::Closing { trigger, .. } | Phase::Frozen { trigger, .. } => Some(trigger),
        }
    }

    /// What rests a while after `before` rests as long after this.
    pub(super) const fn rest_as(&mut self, before: &Self) {
        self.last = before.last;
    }

    /// Takes the memory of `before` if it is as large, has the shape of `lcore`, and nobody comes for it.
    pub(super) fn take_over(&mut self, before: &mut Self, lcore: &LcoreState) {
        let fits = |segment: &Segment| segment.snapshot.fits(&self.bundle, lcore);
        let segments = &mut before.segments;
        if self.settings != before.settings
            || before.phase != Phase::Running
            || !segments.iter().all(fits)
        {
            return;
        }
        std::mem::swap(&mut self.segments, segments);
        for segment in &mut self.segments {
            segment.snapshot.rename(&self.bundle);
        }
        self.frames = before.frames;
        self.phase = Phase::Running;
    }

    /// The next segment begins here.
    pub(super) fn begin(&mut self, now: Instant, lcore: &LcoreState) {
        if self.filled > 0 {
            self.current = (self.current + 1) % self.segments.len().max(1);
        }
        self.filled = (self.filled + 1).min(self.segments.len());
        if let Some(segment) = self.segments.get_mut(self.current) {
            segment.clear();
            segment.snapshot.take(now, lcore);
        }
    }

    /// The segment that is being filled; `None` while the ring stands still.
    #[inline]
    pub(super) fn open(&mut self) -> Option<&mut Segment> {
        match self.phase {
            Phase::Frozen { .. } | Phase::Hollow { .. } => None,
            _ => self.segments.get_mut(self.current),
        }
    }

    #[inline]
    pub(super) fn turn_if_full(&mut self, now: Instant, lcore: &LcoreState) {
        if self.open().is_some_and(|segment| segment.is_full()) {
            self.begin(now, lcore);
        }
    }

    /// One frame more: a segment's frames after a trigger the ring stands still.
    #[inline]
    pub(super) fn count(&mut self) {
        let Phase::Closing { trigger, left, .. } = &mut self.phase else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.phase = Phase::Frozen {
                trigger: *trigger,
                told: None,
            };
        }
    }

    /// True if `event` is why the ring is to be kept.
    pub(super) fn hear(&mut self, event: &Event) -> bool {
        if let Some(segment) = self.open() {
            segment.push_event(event);
        }
        let (trigger, at_once) = match event.kind {
            EventKind::Failover { .. } => (Trigger::Failover, true),
            EventKind::FailoverImpossible { .. } => (Trigger::Failover, false),
            EventKind::Conflict { .. } => (Trigger::Conflict, false),
            _ => return false,
        };
        let rests = |last: Instant| event.at < last.after(PAUSE);
        let place = usize::from(trigger == Trigger::Conflict);
        let Some(last) = self.last.get_mut(place) else {
            return false;
        };
        if self.phase != Phase::Running || !at_once && last.is_some_and(rests) {
            return false;
        }
        *last = Some(event.at);
        self.phase = Phase::Closing {
            trigger: (trigger, event.cell),
            left: self.frames,
            until: event.at.after(AFTERMATH),
        };
        true
    }

    /// What control is to be told now, again if nobody has come since it was told.
    pub(super) fn due(&mut self, now: Instant) -> Option<(CellId, Trigger)> {
        if let Phase::Closing { trigger, until, .. } = self.phase
            && now >= until
        {
            let told = None;
            self.phase = Phase::Frozen { trigger, told };
        }
        let ((trigger, cell), told) = match &mut self.phase {
            Phase::Frozen { trigger, told } => (*trigger, told),
            Phase::Hollow { told } => ((Trigger::Command, *self.bundle.cells.first()?), told),
            Phase::Running | Phase::Closing { .. } => return None,
        };
        if told.is_some_and(|told| now <= told.after(PATIENCE)) {
            return None;
        }
        *told = Some(now);
        Some((cell, trigger))
    }
}

/// Segments of a ring: at least all but one of them are full of frames.
const SEGMENTS: usize = 4;
/// A ring waits no longer than this for the frames that follow a trigger.
const AFTERMATH: Duration = Duration::from_millis(100);
/// After this control is told again: it had no room for what it was told.
const PATIENCE: Duration = Duration::from_millis(1_000);
/// What repeats itself, conflicts and failovers that are impossible, is kept no more often than this.
const PAUSE: Duration = Duration::from_millis(10_000);
