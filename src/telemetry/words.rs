//! Names, instants, slots and amounts as a person reads them. Instants are told from the run's first
//! frame, slots by count and by the frame number that a capture shows for them.

use crate::dataplane::mailbox::{DueClass, Mode, Refusal, Signal};
use crate::dataplane::run_record::{CellNames, CellRecord, RunRecord};
use crate::ran::{
    CellId, Direction, Instant, MemberId, Numerology, SlotCount, SlotPoint, StreamId, WireSlot,
};

/// The words of one run.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) record: &'a RunRecord,
}

impl<'a> Words<'a> {
    fn names(self, cell: CellId) -> Option<&'a CellNames> {
        self.record.names.cells.get(cell.index())
    }

    pub(super) fn timeline(self, cell: CellId) -> Option<&'a CellRecord> {
        self.record.cells.get(cell.index())
    }

    pub(super) fn cell(self, cell: CellId) -> String {
        let name = self.names(cell).map(|names| names.name.clone());
        name.unwrap_or_else(|| format!("cell {}", cell.0))
    }

    pub(super) fn member(self, cell: CellId, member: MemberId) -> String {
        let name = self
            .names(cell)
            .and_then(|n| n.members.get(member.index()).cloned());
        name.unwrap_or_else(|| format!("member {}", member.0))
    }

    pub(super) fn stream(self, cell: CellId, stream: StreamId) -> String {
        let name = self
            .names(cell)
            .and_then(|n| n.streams.get(stream.index()).cloned());
        name.unwrap_or_else(|| format!("stream {}", stream.0))
    }

    pub(super) fn mode(self, cell: CellId, mode: Mode) -> String {
        match mode {
            Mode::Single(member) => self.member(cell, member),
            Mode::Shared {
                source,
                destination,
            } => format!(
                "{} and {} sharing",
                self.member(cell, source),
                self.member(cell, destination)
            ),
        }
    }

    /// "0.2481 s" from the run's start.
    pub(super) fn at(self, at: Instant) -> String {
        let nanos = at.nanos_since(self.record.span.0);
        format!("{:.4} s", nanos as f64 / 1e9)
    }

    /// "slot 1234 (frame 87.4.1)": the count, and frameId, subframeId and slotId of its headers; of a cell with
    /// a FAPI plane SFN and slot as well, "slot 1234 (SFN 61.14)".
    pub(super) fn slot(self, cell: CellId, slot: SlotCount) -> String {
        let numerology = self.timeline(cell).and_then(numerology);
        let names = self.names(cell);
        let (Some(numerology), Some(names)) = (numerology, names) else {
            return format!("slot {}", slot.0);
        };
        let point = SlotPoint::of(slot, numerology);
        let sfn = format!("SFN {}.{}", point.sfn, point.slot);
        let (frame, subframe, index) = WireSlot::of(slot, numerology).fields(numerology);
        let frame = format!("frame {frame}.{subframe}.{index}");
        match (&names.l2, names.streams.is_empty()) {
            (None, _) => format!("slot {} ({frame})", slot.0),
            (Some(_), true) => format!("slot {} ({sfn})", slot.0),
            (Some(_), false) => format!("slot {} ({sfn}, {frame})", slot.0),
        }
    }

    /// The L2 of a cell with a FAPI plane.
    pub(super) fn l2(self, cell: CellId) -> Option<&'a str> {
        self.names(cell)?.l2.as_deref()
    }

    /// Where a member fell silent, if its cell has more than one plane.
    pub(super) fn on_plane(self, cell: CellId, signal: Signal) -> &'static str {
        match (self.l2(cell).is_some() && self.has_fronthaul(cell), signal) {
            (false, _) => "",
            (true, Signal::Fronthaul) => " on the fronthaul",
            (true, Signal::Fapi) => " on FAPI",
        }
    }

    /// Whether an RU is served in the cell.
    pub(super) fn has_fronthaul(self, cell: CellId) -> bool {
        let without = |names: &CellNames| names.l2.is_some() && names.streams.is_empty();
        !self.names(cell).is_some_and(without)
    }
}

fn numerology(timeline: &CellRecord) -> Option<Numerology> {
    (0..=4)
        .filter_map(Numerology::new)
        .find(|numerology| numerology.slot_duration() == timeline.slot_duration)
}

/// "1.204 ms", "350 us", "2.5 s".
pub fn duration(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs() as f64;
    let sign = if nanos < 0 { "-" } else { "" };
    let (value, unit) = match nanos.unsigned_abs() {
        0..1_000 => (magnitude, "ns"),
        1_000..1_000_000 => (magnitude / 1e3, "us"),
        1_000_000..1_000_000_000 => (magnitude / 1e6, "ms"),
        _ => (magnitude / 1e9, "s"),
    };
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{sign}{text} {unit}")
}

/// "1,234,567".
pub fn amount(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "1 frame", "2 frames".
pub(super) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", amount(count))
}

pub(super) const fn due_class(class: DueClass) -> &'static str {
    match class {
        DueClass::DownlinkControl => "DL C-plane",
        DueClass::UplinkControl => "UL C-plane",
        DueClass::DownlinkUser => "DL U-plane",
    }
}

pub(super) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Uplink => "UL",
        Direction::Downlink => "DL",
    }
}

pub(super) const fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::StaleTerm => "its term is older than the cell's",
        Refusal::BoundaryPassed => {
            "frames of the boundary's slot have been sent, or dropped, already"
        }
        Refusal::NoSlotYet => "the cell has no slot count yet",
        Refusal::UnknownMember => "there is no such member",
        Refusal::Fenced => "the member is fenced",
        Refusal::NotInStep => "the member is not in step",
        Refusal::Assigned => "the pooled member serves another cell",
        Refusal::NotArmed => "no standby is armed",
        Refusal::Damped => "the last failover was too recent",
        Refusal::IsActive => "the active member cannot be fenced or shared with itself",
        Refusal::Busy => "too many changes are pending",
        Refusal::NoSfn => "an SFN needs GPS time, or its value is out of range",
        Refusal::NotActive => "the source of a migration must be the active member",
        Refusal::TooSoon => "a pattern must be published pattern_lead slots before it applies",
        Refusal::NotFenced => "the member is not fenced",
        Refusal::FailoverWaits => "a failover waits for its member to begin a slot",
        Refusal::Outranked => "the pooled member went to a cell of higher priority",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::example;

    #[test]
    fn a_slot_is_named_as_the_planes_of_its_cell_name_it() {
        let slot = |record: &RunRecord| Words { record }.slot(CellId(0), SlotCount(20_481));
        assert_eq!(slot(&example::two_dus()), "slot 20481 (frame 0.0.1)");
        assert_eq!(slot(&example::two_phys()), "slot 20481 (SFN 0.1)");
        assert_eq!(
            slot(&example::both_planes()),
            "slot 20481 (SFN 0.1, frame 0.0.1)"
        );
    }

    #[test]
    fn durations_carry_the_unit_that_keeps_them_short() {
        assert_eq!(duration(999), "999 ns");
        assert_eq!(duration(1_204_000), "1.204 ms");
        assert_eq!(duration(-350_000), "-350 us");
        assert_eq!(duration(10_000_000_000), "10 s");
        assert_eq!(duration(0), "0 ns");
    }

    #[test]
    fn amounts_are_grouped_by_thousands() {
        assert_eq!(amount(0), "0");
        assert_eq!(amount(999), "999");
        assert_eq!(amount(21_034), "21,034");
        assert_eq!(counted(1, "frame"), "1 frame");
    }
}
