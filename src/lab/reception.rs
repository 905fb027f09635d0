//! What an RU notices about the frames that reach it: per eAxC and direction, its own counts.
//!
//! The counts judge a box from outside: numbers that jump, two DUs on one symbol (told by the mark, not
//! by any header), U-plane that no C-plane announced, frames outside their window.

use super::mark::Sender;
use crate::ran::{Direction, EaxcId, LossWindow, SequenceNumber, SlotCount, Timeliness};
use serde::{Deserialize, Serialize};

/// What an RU noticed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RadioReport {
    /// By stream, in the order of cells and of their streams.
    pub streams: Vec<StreamReport>,
    /// Frames that could not be read.
    pub malformed: u64,
    /// Frames to another MAC, from another MAC than the one the RU faces, or with other VLAN ids.
    pub misaddressed: u64,
    /// C- and U-plane of an eAxC or direction that the RU does not have.
    pub unknown_stream: u64,
    /// Frames that are neither C- nor U-plane.
    pub other: u64,
}

/// What an RU noticed on one stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamReport {
    /// Position of the cell in the configuration.
    pub cell: u16,
    /// eAxC id at the RU.
    pub eaxc: u16,
    /// True for a downlink stream.
    pub downlink: bool,
    /// C-plane of this direction.
    pub control: PlaneReport,
    /// DL U-plane.
    pub user: PlaneReport,
    /// DL U-plane of a symbol on which another sender was heard before.
    pub two_senders: u64,
    /// DL U-plane of a symbol that no C-plane described before.
    pub uncovered: u64,
    /// DL U-plane without a mark.
    pub unmarked: u64,
    /// Requests for a symbol that was asked for before: it is answered twice.
    pub repeated_requests: u64,
}

/// Frames of one plane of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PlaneReport {
    /// Frames.
    pub frames: u64,
    /// Numbers that never came, as far as a window of 64 can tell.
    pub missing: u64,
    /// Numbers that came twice.
    pub duplicates: u64,
    /// Numbers that came behind later ones.
    pub reordered: u64,
    /// Before the window opens.
    pub early: u64,
    /// After the window closed.
    pub late: u64,
}

/// The state behind the report of one stream.
#[derive(Clone, Debug)]
pub(super) struct Reception {
    report: StreamReport,
    control: LossWindow,
    user: LossWindow,
    slots: Vec<Heard>,
    first: Option<SlotCount>,
}

/// One slot on one stream.
#[derive(Clone, Copy, Debug)]
struct Heard {
    slot: SlotCount,
    described: u16,
    senders: [Option<Sender>; 14],
}

impl Reception {
    pub(super) fn new(cell: u16, eaxc: EaxcId, direction: Direction) -> Self {
        Self {
            report: StreamReport {
                cell,
                eaxc: eaxc.0,
                downlink: direction == Direction::Downlink,
                control: PlaneReport::default(),
                user: PlaneReport::default(),
                two_senders: 0,
                uncovered: 0,
                unmarked: 0,
                repeated_requests: 0,
            },
            control: LossWindow::default(),
            user: LossWindow::default(),
            slots: vec![Heard::NOTHING; REMEMBERED],
            first: None,
        }
    }

    /// A C-plane message for the symbols of `described`.
    pub(super) fn control(
        &mut self,
        sequence: SequenceNumber,
        timeliness: Timeliness,
        slot: SlotCount,
        described: u16,
    ) {
        self.report
            .control
            .count(&mut self.control, sequence, timeliness);
        if let Some(heard) = self.heard(slot) {
            let repeated = heard.described & described != 0;
            heard.described |= described;
            let asks = !self.report.downlink;
            self.report.repeated_requests += u64::from(asks && repeated);
        }
    }

    /// A DL U-plane message of one symbol, made by `sender` if it is marked.
    pub(super) fn user(
        &mut self,
        sequence: SequenceNumber,
        timeliness: Timeliness,
        (slot, symbol): (SlotCount, u8),
        sender: Option<Sender>,
    ) {
        self.report.user.count(&mut self.user, sequence, timeliness);
        self.first = self.first.or(Some(slot));
        let Some(heard) = self.heard(slot) else {
            return;
        };
        let covered = heard.described & 1 << symbol != 0;
        let before = heard.senders.get_mut(usize::from(symbol));
        let mut another = false;
        if let (Some(before), Some(sender)) = (before, sender) {
            another = before.is_some_and(|before| before != sender);
            *before = before.or(Some(sender));
        }
        self.report.uncovered += u64::from(!covered);
        self.report.two_senders += u64::from(another);
        self.report.unmarked += u64::from(sender.is_none());
    }

    /// True for a downlink stream.
    pub(super) const fn is_downlink(&self) -> bool {
        self.report.downlink
    }

    /// The slot of the first DL U-plane.
    pub(super) const fn first_spoken(&self) -> Option<SlotCount> {
        self.first
    }

    /// Who was heard in a symbol of one of the last slots.
    pub(super) fn sender(&self, slot: SlotCount, symbol: u8) -> Option<Sender> {
        let place = slot.position(REMEMBERED as u32) as usize;
        let heard = self.slots.get(place).filter(|heard| heard.slot == slot)?;
        heard.senders.get(usize::from(symbol)).copied().flatten()
    }

    /// The counts, numbers still out counted as missing.
    pub(super) fn report(&self) -> StreamReport {
        let mut report = self.report.clone();
        report.control.missing += u64::from(self.control.pending());
        report.user.missing += u64::from(self.user.pending());
        report
    }

    fn heard(&mut self, slot: SlotCount) -> Option<&mut Heard> {
        let place = slot.position(REMEMBERED as u32) as usize;
        let heard = self.slots.get_mut(place)?;
        if heard.slot != slot {
            *heard = Heard {
                slot,
                ..Heard::NOTHING
            };
        }
        Some(heard)
    }
}

impl PlaneReport {
    pub(super) fn count(
        &mut self,
        window: &mut LossWindow,
        sequence: SequenceNumber,
        timeliness: Timeliness,
    ) {
        let seen = window.record(sequence);
        self.frames += 1;
        self.missing += u64::from(seen.missing);
        self.duplicates += u64::from(seen.duplicate);
        self.reordered += u64::from(seen.reordered);
        self.early += u64::from(timeliness == Timeliness::Early);
        self.late += u64::from(timeliness == Timeliness::Late);
    }
}

impl Heard {
    const NOTHING: Self = Self {
        slot: SlotCount(u64::MAX),
        described: 0,
        senders: [None; 14],
    };
}

/// Slots of a stream that are remembered, modulo this.
const REMEMBERED: usize = 64;
