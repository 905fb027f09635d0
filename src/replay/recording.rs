//! A flight recording through the journey again: from its snapshot, each entry at its recorded instant
//! and in its recorded order, every verdict held against what was said then.
//!
//! The frames are given as they were: the same headroom and head length, the outbox as full as it was.
//! Bytes that were not kept are zero; the recorder keeps all that a decision reads.

use super::recorder::Recorder;
use crate::dataplane::{
    commands,
    counters::Counters,
    frame_io::FrameInfo,
    journey,
    lcore_state::LcoreState,
    mailbox::{Event, EventKind},
    outbox::Outbox,
    recorder::{CellSnapshot, Entered, FrameRecord, Ring, Segment, Snapshot, egress},
    tables::{Measure, Tables},
    ticks,
    verdict::Verdict,
    worker::{ARENA, Observer, PARTS},
};
use crate::ran::{CellId, Instant, PortId};
use std::collections::VecDeque;
use std::fmt;

/// Whoever follows a recording while it is replayed.
pub trait Follower: Observer {
    /// Something happened, in the replay.
    fn event(&mut self, event: &Event);
}

impl Follower for Recorder {
    fn event(&mut self, event: &Event) {
        Self::event(self, *event);
    }
}

/// What a replay found.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Frames decided again.
    pub frames: u64,
    /// Ticks and commands.
    pub steps: u64,
    /// Events that were compared.
    pub events: u64,
    /// Snapshots that the replay reached in the same state.
    pub states: u64,
    /// Everything that differs.
    pub differences: u64,
    /// The first of it.
    pub first: Vec<Difference>,
    /// First and last instant.
    pub span: Option<(Instant, Instant)>,
    /// Counters of this stretch alone.
    pub counters: Counters,
}

/// Something that was not as recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Entry of the log, from 1.
    pub entry: u64,
    /// When it was recorded.
    pub at: Instant,
    /// For a frame: its port, and its number there from 1.
    pub frame: Option<(PortId, u64)>,
    /// What, in words: then and now.
    pub what: String,
}

/// The recording is of other tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the recorded state does not fit the configuration")
    }
}

/// Differences that are described; the others are counted.
const DESCRIBED: usize = 20;

/// Replays `ring` under `tables`.
pub fn perform(
    tables: &Tables,
    ring: &Ring,
    follower: &mut impl Follower,
) -> Result<Comparison, Misfit> {
    let mut lcore = LcoreState::new(tables, EVENTS);
    let mut segments = ring.segments().peekable();
    let Some(first) = segments.peek() else {
        return Ok(Comparison::default());
    };
    if !first.snapshot.restore(tables, &mut lcore) {
        return Err(Misfit);
    }
    let mut performance = Performance {
        tables,
        lcore,
        outbox: Outbox::new(PARTS, ARENA),
        said: VecDeque::new(),
        found: Comparison::default(),
        entry: 0,
        numbers: Vec::new(),
        buffer: Vec::new(),
        follower,
    };
    for (position, segment) in segments.enumerate() {
        if position > 0 {
            performance.compare_state(&segment.snapshot);
        }
        performance.segment(segment);
    }
    let mut found = performance.found;
    found.counters = performance.lcore.counters;
    Ok(found)
}

struct Performance<'a, F> {
    tables: &'a Tables,
    lcore: LcoreState,
    outbox: Outbox,
    /// Events of the replay that the log has not named yet.
    said: VecDeque<Event>,
    found: Comparison,
    entry: u64,
    /// Frames so far, by port.
    numbers: Vec<u64>,
    buffer: Vec<u8>,
    follower: &'a mut F,
}

impl<F: Follower> Performance<'_, F> {
    fn segment(&mut self, segment: &Segment) {
        let told = segment.events_lost == 0;
        for entered in segment.entries() {
            self.entry += 1;
            if !matches!(entered, Entered::Event(_)) {
                self.nothing_more_said(told);
            }
            match entered {
                Entered::Frame(record, kept) => self.frame(record, kept),
                Entered::Tick(now) => {
                    self.step(now);
                    ticks::tick(now, self.tables, &mut self.lcore);
                    self.hear();
                }
                Entered::Command(now, command) => {
                    self.step(now);
                    commands::obey(now, self.tables, &mut self.lcore, command);
                    self.hear();
                }
                Entered::Event(event) => self.compare_event(event),
            }
        }
        self.nothing_more_said(told);
    }

    fn step(&mut self, now: Instant) {
        self.found.steps += 1;
        self.reach(now);
    }

    fn reach(&mut self, now: Instant) {
        let first = self.found.span.map_or(now, |(first, _)| first);
        self.found.span = Some((first, now));
    }

    fn frame(&mut self, record: &FrameRecord, kept: &[u8]) {
        self.reach(record.now);
        self.found.frames += 1;
        let number = self.number(record.info.port);
        let start = usize::from(record.info.start);
        self.buffer.clear();
        self.buffer.resize(start, 0);
        self.buffer.extend_from_slice(kept);
        self.buffer.resize(start + record.head as usize, 0);
        let (parts, bytes) = record.outbox;
        self.outbox.clear();
        self.outbox.fill(usize::from(parts), bytes as usize);
        self.outbox.begin(0);
        let verdict = self.decide(record.info, record.now);
        let now = Said {
            verdict,
            parts: (self.outbox.len() as u16).saturating_sub(parts),
            egress: egress(verdict, &self.buffer, &self.outbox, record.outbox),
        };
        let then = Said {
            verdict: record.verdict,
            parts: record.parts,
            egress: record.egress,
        };
        if now != then {
            let frame = Some((record.info.port, number));
            self.differ(record.now, frame, format!("then {then}, now {now}"));
        }
        self.follower
            .verdict(record.now, record.info, &self.lcore.trace, verdict);
        self.hear();
    }

    fn decide(&mut self, info: FrameInfo, now: Instant) -> Verdict {
        journey::decide(
            &mut self.buffer,
            info,
            now,
            self.tables,
            &mut self.lcore,
            &mut self.outbox,
        )
    }

    fn number(&mut self, port: PortId) -> u64 {
        if self.numbers.len() <= port.index() {
            self.numbers.resize(port.index() + 1, 0);
        }
        self.numbers.get_mut(port.index()).map_or(0, |number| {
            *number += 1;
            *number
        })
    }

    fn hear(&mut self) {
        for event in self.lcore.drain_events() {
            self.follower.event(&event);
            if is_compared(self.tables, &event) {
                self.said.push_back(event);
            }
        }
    }

    fn compare_event(&mut self, then: &Event) {
        if !is_compared(self.tables, then) {
            return;
        }
        self.found.events += 1;
        match self.said.pop_front() {
            Some(now) if now == *then => {}
            Some(now) => self.differ(then.at, None, format!("then {then:?}, now {now:?}")),
            None => self.differ(then.at, None, format!("then {then:?}, now nothing is said")),
        }
    }

    fn nothing_more_said(&mut self, told: bool) {
        while let Some(event) = self.said.pop_front() {
            if told {
                let what = format!("then nothing was said, now {event:?}");
                self.differ(event.at, None, what);
            }
        }
    }

    /// The replay has come to where the next segment began.
    fn compare_state(&mut self, then: &Snapshot) {
        let mut now = then.clone();
        now.take(then.at, &self.lcore);
        let mut same = true;
        for (then, now) in then.cells.iter().zip(&now.cells) {
            if text(self.tables, then) != text(self.tables, now) {
                same = false;
                let cell = then.cell.0;
                self.differ(now.deadline, None, format!("the state of cell {cell}"));
            }
        }
        self.found.states += u64::from(same);
    }

    fn differ(&mut self, at: Instant, frame: Option<(PortId, u64)>, what: String) {
        self.found.differences += 1;
        if self.found.first.len() < DESCRIBED {
            self.found.first.push(Difference {
                entry: self.entry,
                at,
                frame,
                what,
            });
        }
    }
}

/// What a decision came to.
#[derive(PartialEq, Eq)]
struct Said {
    verdict: Verdict,
    parts: u16,
    egress: u64,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.verdict {
            Verdict::Forward(to) => write!(f, "forwarded to port {}", to.port.0)?,
            Verdict::Fanout(to) => write!(f, "copied, itself to port {}", to.port.0)?,
            Verdict::Replace => f.write_str("replaced")?,
            Verdict::Hold => f.write_str("held")?,
            Verdict::Drop(reason) => write!(f, "dropped as {}", reason.label())?,
        }
        write!(f, " ({} parts, bytes {:016x})", self.parts, self.egress)
    }
}

/// How much of PRB use is known depends on payload, of which only the beginning is kept.
fn measures_payload(tables: &Tables, cell: CellId) -> bool {
    let measure = tables.cell(cell).map(|tables| tables.measure);
    matches!(measure, Some(Measure::Exponents(_)))
}

fn is_compared(tables: &Tables, event: &Event) -> bool {
    match event.kind {
        // Of the midhaul no packet is recorded.
        EventKind::PtpSeen | EventKind::Association { .. } => false,
        EventKind::PrbUse { .. } => !measures_payload(tables, event.cell),
        _ => true,
    }
}

fn text(tables: &Tables, cell: &CellSnapshot) -> Option<String> {
    let mut cell = cell.clone();
    if measures_payload(tables, cell.cell) {
        cell.state.usage = Default::default();
        for member in &mut cell.state.members {
            (member.prb_symbols, member.prb_slots) = (0, 0);
        }
    }
    serde_json::to_string(&cell).ok()
}

/// Events of one step at most.
const EVENTS: usize = 4096;
