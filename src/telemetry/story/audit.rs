//! What a change of owner cost, counted from the frames: from the change before it to the one after
//! it, were all frames of the owners sent, and did anybody else speak?

use super::{Change, fapi};
use crate::dataplane::mailbox::{Cause, Mode};
use crate::dataplane::run_record::{CellRecord, RunRecord, Speech};
use crate::dataplane::verdict::DropReason;
use crate::ran::{Direction, MemberId, SlotCount};

/// Frames of DUs around one change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Audit {
    /// Sent for slots before the boundary, back to the change before.
    pub(crate) sent_before: u64,
    /// Sent for slots from the boundary on, up to the next change.
    pub(crate) sent_after: u64,
    /// Frames of an owner that were dropped (absorbed duplicates of a request apart).
    pub(crate) owner_dropped: u64,
    /// Frames that a member sent for slots it did not own.
    pub(crate) strangers_sent: u64,
    /// Downlink slots back from the boundary for which only the next owner had anything, not yet
    /// admitted.
    pub(crate) unserved_downlink: u64,
    /// The same for uplink: nobody's request reached the RU.
    pub(crate) unserved_uplink: u64,
}

impl Audit {
    /// True if the owners' frames were sent and nobody else's.
    pub(crate) const fn is_clean(&self) -> bool {
        self.owner_dropped == 0 && self.strangers_sent == 0
    }
}

/// Fills in the audit of every change.
pub(super) fn check(record: &RunRecord, changes: &mut [Change]) {
    let bounds: Vec<_> = changes.iter().map(|c| (c.cell, c.boundary)).collect();
    for (index, change) in changes.iter_mut().enumerate() {
        let Some(timeline) = record.cells.get(change.cell.index()) else {
            continue;
        };
        let (earlier, later) = bounds.split_at(index.min(bounds.len()));
        let same_cell = |(cell, _): &&(_, SlotCount)| *cell == change.cell;
        let from = earlier.iter().rev().find(same_cell).map(|b| b.1);
        let until = later.iter().skip(1).find(same_cell).map(|b| b.1);
        change.audit = audit(timeline, change, from, until);
        change.fapi = fapi::audit(timeline, change, from, until);
    }
}

fn audit(
    timeline: &CellRecord,
    change: &Change,
    from: Option<SlotCount>,
    until: Option<SlotCount>,
) -> Audit {
    let from = from.unwrap_or(timeline.first);
    let until = until.unwrap_or(SlotCount(u64::MAX));
    let mut audit = Audit::default();
    for speech in between(timeline, from, change.boundary) {
        audit.count(speech, change.before, true);
    }
    for speech in between(timeline, change.boundary, until) {
        audit.count(speech, Some(change.mode), false);
    }
    if let (Cause::Failover, Mode::Single(next)) = (change.cause, change.mode) {
        let gap = between(timeline, from, change.boundary);
        audit.unserved_downlink = unserved(gap, Direction::Downlink, next);
        audit.unserved_uplink = unserved(gap, Direction::Uplink, next);
    }
    audit
}

impl Audit {
    fn count(&mut self, speech: &Speech, mode: Option<Mode>, is_before: bool) {
        let (Some(member), Some(mode)) = (speech.member, mode) else {
            return;
        };
        let owns = match mode {
            Mode::Single(owner) => owner == member,
            Mode::Shared {
                source,
                destination,
            } => source == member || destination == member,
        };
        let frames = u64::from(speech.frames);
        match speech.fate {
            None if !owns => self.strangers_sent += frames,
            None if is_before => self.sent_before += frames,
            None => self.sent_after += frames,
            Some(DropReason::Absorbed) => {}
            // Of two that share, each slot has one owner: the other's drops are the rule, not a loss.
            Some(_) if owns && matches!(mode, Mode::Single(_)) => self.owner_dropped += frames,
            Some(_) => {}
        }
    }
}

/// The entries for slots in `from..until`; they stand in order of slot.
fn between(timeline: &CellRecord, from: SlotCount, until: SlotCount) -> &[Speech] {
    let start = timeline.speech.partition_point(|s| s.slot < from);
    let end = timeline.speech.partition_point(|s| s.slot < until);
    timeline.speech.get(start..end.max(start)).unwrap_or(&[])
}

/// Slots back from the end of `gap`, up to the last one served, for which only `next` spoke.
fn unserved(gap: &[Speech], direction: Direction, next: MemberId) -> u64 {
    let mut slots = 0;
    let said = gap.iter().rev().filter(|s| s.direction == direction);
    // Entries of one slot stand together.
    for slot in said.collect::<Vec<_>>().chunk_by(|a, b| a.slot == b.slot) {
        let mut of_members = slot.iter().filter(|s| s.member.is_some());
        if of_members.clone().any(|s| s.fate.is_none()) {
            return slots;
        }
        slots += u64::from(of_members.any(|s| s.member == Some(next)));
    }
    slots
}
