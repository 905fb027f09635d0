//! Remembers what the report is drawn from: who spoke when on which stream, with which fate, the events
//! in order, and when each member's frames of each slot first left towards the RU.

use std::collections::BTreeMap;

use crate::dataplane::{
    counters::Counters,
    frame_io::FrameInfo,
    mailbox::Event,
    run_record::{CellRecord, Names, RunRecord, Speech, Trace},
    tables::Tables,
    verdict::{DropReason, Verdict},
    worker::Observer,
};
use crate::ran::{
    CellId, Direction, Duration, Instant, MemberId, Plane, PortId, SlotClock, SlotCount, StreamId,
};

use super::exchanges::Exchanges;
use super::frame::ReplayFrame;

/// Slot timing of one cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CellTiming {
    /// Slot duration.
    pub slot_duration: Duration,
    /// Slots against time, if configured; else the first frame of the cell tells, a SLOT.indication best.
    pub clock: Option<SlotClock>,
}

/// The memory of one run.
#[derive(Debug, Default)]
pub struct Recorder {
    cells: Vec<Cell>,
    events: Vec<Event>,
    sent: BTreeMap<(CellId, MemberId, SlotCount), Instant>,
    exchanges: Exchanges,
}

#[derive(Debug)]
struct Cell {
    timing: CellTiming,
    /// A slot, and when a frame of it came.
    seen: Option<(SlotCount, Instant)>,
    speech: BTreeMap<Spoken, u32>,
}

type Spoken = (
    SlotCount,
    StreamId,
    Option<MemberId>,
    Plane,
    Direction,
    Option<DropReason>,
);

impl Recorder {
    /// For cells with these timings, by `CellId`.
    pub fn new(timings: impl IntoIterator<Item = CellTiming>) -> Self {
        let cell = |timing| Cell {
            timing,
            seen: None,
            speech: BTreeMap::new(),
        };
        Self {
            cells: timings.into_iter().map(cell).collect(),
            ..Self::default()
        }
    }

    /// Remembers the FAPI planes of `tables` as well.
    pub fn with_fapi(self, tables: &Tables) -> Self {
        Self {
            exchanges: Exchanges::new(tables),
            ..self
        }
    }

    /// Something happened.
    pub fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The events so far, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// A frame left on `port`.
    pub fn left(&mut self, now: Instant, port: PortId, frame: &ReplayFrame) {
        self.exchanges.left(now, port, frame);
    }

    /// When the PHY of `member` was first given a request for a slot from `boundary` on.
    pub fn first_given(
        &self,
        cell: CellId,
        member: MemberId,
        boundary: SlotCount,
    ) -> Option<Instant> {
        self.exchanges.first_given(cell, member, boundary)
    }

    /// When the first frame of `member` for a slot from `boundary` on left.
    pub fn first_sent(
        &self,
        cell: CellId,
        member: MemberId,
        boundary: SlotCount,
    ) -> Option<Instant> {
        let slots = (cell, member, boundary)..=(cell, member, SlotCount(u64::MAX));
        self.sent.range(slots).map(|(_, at)| *at).min()
    }

    /// The record of the whole run.
    pub fn finish(self, names: Names, span: (Instant, Instant), counters: Counters) -> RunRecord {
        let mut exchanges = self.exchanges;
        let cells = self.cells.into_iter().zip(0..);
        let cells = cells.map(|(cell, index)| cell.finish(&mut exchanges, CellId(index)));
        RunRecord {
            names,
            span,
            cells: cells.collect(),
            events: self.events,
            counters,
        }
    }
}

impl Observer for Recorder {
    fn verdict(&mut self, now: Instant, _: FrameInfo, trace: &Trace, verdict: Verdict) {
        self.exchanges.decided(now, trace, verdict);
        let (Some(id), Some((plane, direction)), Some(slot)) =
            (trace.cell, trace.message, trace.slot)
        else {
            return;
        };
        let Some(cell) = self.cells.get_mut(id.index()) else {
            return;
        };
        let (fate, stream) = match verdict {
            Verdict::Drop(reason) => (Some(reason), trace.stream),
            _ => (None, trace.egress_stream.or(trace.stream)),
        };
        let Some(stream) = stream else {
            return;
        };
        cell.seen.get_or_insert((slot, now));
        let spoken = (slot, stream, trace.member, plane, direction, fate);
        *cell.speech.entry(spoken).or_default() += 1;
        if let (None, Some(member)) = (fate, trace.member) {
            self.sent.entry((id, member, slot)).or_insert(now);
        }
    }
}

impl Cell {
    fn finish(self, exchanges: &mut Exchanges, id: CellId) -> CellRecord {
        let (exchanges, indicated) = exchanges.take(id);
        let spoken = self.speech.keys().next().map(|key| key.0);
        let first = spoken
            .into_iter()
            .chain(exchanges.first().map(|exchange| exchange.slot));
        let first = first.min().unwrap_or_default();
        let air = match (self.timing.clock, indicated.or(self.seen)) {
            (Some(clock), _) => clock.air(first, 0),
            (None, Some((slot, at))) => {
                let slots = first.since(slot);
                at.offset(slots.saturating_mul(self.timing.slot_duration.as_nanos() as i64))
            }
            (None, None) => Instant(0),
        };
        let speech = self.speech.into_iter().map(|(spoken, frames)| {
            let (slot, stream, member, plane, direction, fate) = spoken;
            Speech {
                slot,
                stream,
                member,
                plane,
                direction,
                fate,
                frames,
            }
        });
        CellRecord {
            slot_duration: self.timing.slot_duration,
            first_air: air,
            first,
            speech: speech.collect(),
            exchanges,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::verdict::Departure;
    use crate::ran::PortId;

    fn recorder() -> Recorder {
        let slot_duration = Duration::from_micros(500);
        Recorder::new([CellTiming {
            slot_duration,
            clock: None,
        }])
    }

    fn trace(slot: u64, member: u8) -> Trace {
        Trace {
            fapi: None,
            peer: None,
            cell: Some(CellId(0)),
            member: Some(MemberId(member)),
            stream: Some(StreamId(1)),
            egress_stream: Some(StreamId(2)),
            message: Some((Plane::User, Direction::Downlink)),
            slot: Some(SlotCount(slot)),
            symbol: 0,
        }
    }

    const INFO: FrameInfo = FrameInfo {
        port: PortId(0),
        start: 0,
        len: 60,
    };
    const FORWARD: Verdict = Verdict::Forward(Departure {
        port: PortId(0),
        start: 0,
        pad: 0,
    });
    const DROP: Verdict = Verdict::Drop(DropReason::NotActive);

    #[test]
    fn speech_is_summed_by_slot_stream_speaker_and_fate() {
        let mut recorder = recorder();
        for verdict in [FORWARD, DROP, FORWARD] {
            recorder.verdict(Instant(1_000_000), INFO, &trace(5, 0), verdict);
        }
        let span = (Instant(0), Instant(9));
        let record = recorder.finish(Names::default(), span, Counters::default());
        let rows: Vec<_> = record.cells[0]
            .speech
            .iter()
            .map(|s| (s.stream.0, s.fate, s.frames))
            .collect();
        assert_eq!(rows, [(1, Some(DropReason::NotActive), 1), (2, None, 2)]);
    }

    #[test]
    fn without_a_clock_the_first_frame_places_the_first_slot() {
        let mut recorder = recorder();
        recorder.verdict(Instant(3_000_000), INFO, &trace(6, 0), FORWARD);
        recorder.verdict(Instant(3_100_000), INFO, &trace(4, 0), FORWARD);
        let span = (Instant(0), Instant(9));
        let record = recorder.finish(Names::default(), span, Counters::default());
        assert_eq!(
            (record.cells[0].first, record.cells[0].first_air),
            (SlotCount(4), Instant(2_000_000))
        );
    }

    #[test]
    fn the_first_frame_from_a_boundary_on_is_the_earliest_sent_one() {
        let mut recorder = recorder();
        for (at, slot, member, verdict) in [
            (10, 4, 1, FORWARD),
            (20, 6, 1, DROP),
            (30, 7, 1, FORWARD),
            (40, 6, 1, FORWARD),
            (25, 6, 0, FORWARD),
        ] {
            recorder.verdict(Instant(at), INFO, &trace(slot, member), verdict);
        }
        let first = recorder.first_sent(CellId(0), MemberId(1), SlotCount(6));
        assert_eq!(first, Some(Instant(30)));
    }
}
