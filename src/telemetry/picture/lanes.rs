//! The rows of a cell's picture: one lane for each stream, or kind of FAPI message, and whoever speaks on it,
//! and the stretch of slots that is drawn.

use crate::dataplane::run_record::{
    CellRecord, Exchange, ExchangeEnd, ExchangeKind, RunRecord, Speech,
};
use crate::ran::{CellId, Instant, MemberId, SlotCount, StreamId};
use crate::telemetry::words::Words;
use std::collections::BTreeSet;

/// Slots drawn before the first and after the last instant: frames speak of slots ahead of time.
const MARGIN: i64 = 20;

/// One lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Lane {
    pub(super) row: Row,
    pub(super) speaker: Speaker,
}

/// What lanes stand together: the fronthaul first, then the FAPI plane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Row {
    Stream(StreamId),
    Fapi(ExchangeKind),
}

/// Who speaks, or on the FAPI plane is given a request. The members come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Speaker {
    Member(MemberId),
    Ru,
    /// Of requests that no PHY was given.
    L2,
    /// Of indications that no PHY sent.
    Nobody,
}

/// What became of what was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Sent,
    /// A NULL request.
    Null,
    Dropped,
}

impl Speaker {
    /// Class that carries the speaker's colour.
    pub(super) fn class(self) -> String {
        match self {
            Self::Member(member) => format!("m{}", member.0 % 8),
            Self::Ru => "ru".to_owned(),
            Self::L2 => "l2".to_owned(),
            Self::Nobody => "made-up".to_owned(),
        }
    }
}

impl Row {
    /// True for a row that is about the FAPI plane.
    pub(super) const fn is_fapi(self) -> bool {
        matches!(self, Self::Fapi(_))
    }
}

impl Lane {
    pub(super) fn of(speech: &Speech) -> Self {
        let speaker = speech.member.map_or(Speaker::Ru, Speaker::Member);
        Self {
            row: Row::Stream(speech.stream),
            speaker,
        }
    }

    pub(super) fn of_exchange(exchange: &Exchange) -> Self {
        let kind = exchange.kind();
        let nobody = match kind {
            ExchangeKind::Request => Speaker::L2,
            _ => Speaker::Nobody,
        };
        Self {
            row: Row::Fapi(kind),
            speaker: exchange.member.map_or(nobody, Speaker::Member),
        }
    }
}

impl Fate {
    pub(super) const fn of(speech: &Speech) -> Self {
        match speech.fate {
            None => Self::Sent,
            Some(_) => Self::Dropped,
        }
    }

    pub(super) const fn of_exchange(exchange: &Exchange) -> Self {
        match exchange.end {
            ExchangeEnd::Passed | ExchangeEnd::MadeUp => Self::Sent,
            ExchangeEnd::Null => Self::Null,
            ExchangeEnd::Dropped(_) => Self::Dropped,
        }
    }
}

impl Words<'_> {
    pub(super) fn row(self, cell: CellId, row: Row) -> String {
        match row {
            Row::Stream(stream) => self.stream(cell, stream),
            Row::Fapi(ExchangeKind::Request) => "requests of the L2".to_owned(),
            Row::Fapi(ExchangeKind::Slot) => "SLOT.indication".to_owned(),
            Row::Fapi(ExchangeKind::Indication) => "other indications".to_owned(),
        }
    }

    pub(super) fn speaker(self, cell: CellId, speaker: Speaker) -> String {
        match speaker {
            Speaker::Member(member) => self.member(cell, member),
            Speaker::Ru => "RU".to_owned(),
            Speaker::L2 => "to nobody".to_owned(),
            Speaker::Nobody => "made up".to_owned(),
        }
    }
}

/// A cell's slots as a horizontal axis: slot `first` starts at 0, each slot is 1 wide.
pub(super) struct Stretch<'a> {
    pub(super) timeline: &'a CellRecord,
    /// First slot drawn.
    pub(super) first: SlotCount,
    /// Slots drawn.
    pub(super) slots: u64,
}

impl<'a> Stretch<'a> {
    /// The whole run; frames of slots far away from it (out of step) do not stretch it.
    pub(super) fn whole(record: &RunRecord, timeline: &'a CellRecord) -> Option<Self> {
        let (first, last) = timeline.slots()?;
        let slot_ns = timeline.slot_duration.as_nanos().max(1) as i64;
        let slot_at = |at: Instant| {
            let ahead = at.nanos_since(timeline.first_air).div_euclid(slot_ns);
            timeline.first.offset(ahead)
        };
        let first = first.max(slot_at(record.span.0).offset(-MARGIN));
        let last = last.min(slot_at(record.span.1).offset(MARGIN));
        let slots = u64::try_from(last.since(first)).ok()? + 1;
        Some(Self {
            timeline,
            first,
            slots,
        })
    }

    /// Slots `from..=to` of this stretch.
    pub(super) fn part(&self, from: SlotCount, to: SlotCount) -> Self {
        let end = self.first.offset(self.slots as i64 - 1);
        let first = from.clamp(self.first, end);
        let slots = to.clamp(first, end).since(first) as u64 + 1;
        Self {
            timeline: self.timeline,
            first,
            slots,
        }
    }

    /// Position of a slot.
    pub(super) fn x(&self, slot: SlotCount) -> f64 {
        slot.since(self.first) as f64
    }

    /// Position of an instant: the slot that is on air then, and how much of it has passed.
    pub(super) fn x_at(&self, at: Instant) -> f64 {
        let slot_ns = self.timeline.slot_duration.as_nanos().max(1) as f64;
        let slots = at.nanos_since(self.timeline.first_air) as f64 / slot_ns;
        slots - self.first.since(self.timeline.first) as f64
    }

    /// When the first slot is on air.
    pub(super) fn starts(&self) -> Instant {
        self.timeline.air(self.first)
    }

    /// What was said in the stretch.
    pub(super) fn speech(&self) -> &'a [Speech] {
        let all = &self.timeline.speech;
        let until = self.first.offset(self.slots as i64);
        let start = all.partition_point(|s| s.slot < self.first);
        let end = all.partition_point(|s| s.slot < until);
        all.get(start..end.max(start)).unwrap_or(&[])
    }

    /// What was exchanged in the stretch.
    pub(super) fn exchanges(&self) -> &'a [Exchange] {
        let all = &self.timeline.exchanges;
        let until = self.first.offset(self.slots as i64);
        let start = all.partition_point(|e| e.slot < self.first);
        let end = all.partition_point(|e| e.slot < until);
        all.get(start..end.max(start)).unwrap_or(&[])
    }

    /// What became of everything that was said or exchanged, by lane and slot.
    pub(super) fn fates(&self) -> impl Iterator<Item = (Lane, SlotCount, Fate)> + use<'a> {
        let speech = self.speech().iter();
        let speech = speech.map(|said| (Lane::of(said), said.slot, Fate::of(said)));
        let exchanges = self.exchanges().iter();
        speech.chain(exchanges.map(|exchange| {
            let fate = Fate::of_exchange(exchange);
            (Lane::of_exchange(exchange), exchange.slot, fate)
        }))
    }

    /// The lanes in which there was anything.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        let lanes: BTreeSet<_> = self.fates().map(|(lane, ..)| lane).collect();
        lanes.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::example;

    #[test]
    fn each_stream_has_a_lane_for_each_speaker() {
        let record = example::two_dus();
        let stretch = Stretch::whole(&record, record.cells.first().unwrap()).unwrap();
        // Two downlink streams with two members, four uplink streams with two members and the RU.
        assert_eq!(stretch.lanes().len(), 2 * 2 + 4 * 3);
        assert_eq!(stretch.slots, 1000);
    }

    #[test]
    fn a_frame_of_a_slot_far_away_does_not_stretch_the_picture() {
        let mut record = example::two_dus();
        let speech = &mut record.cells[0].speech;
        let mut stray = *speech.last().unwrap();
        stray.slot = stray.slot.offset(100_000);
        speech.push(stray);
        let stretch = Stretch::whole(&record, &record.cells[0]).unwrap();
        assert!(stretch.slots < 1030, "{}", stretch.slots);
    }

    #[test]
    fn a_part_stays_inside_the_whole() {
        let record = example::two_dus();
        let whole = Stretch::whole(&record, &record.cells[0]).unwrap();
        let part = whole.part(whole.first.offset(-50), whole.first.offset(9));
        assert_eq!((part.first, part.slots), (whole.first, 10));
    }
}
