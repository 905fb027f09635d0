//! PRB use of each member in each slot, dropped frames included: what a non-owner asked for is demand.
//!
//! Counted in PRB-symbols. A slot is complete when a slot eight later is used.

use crate::ran::{MemberId, SlotCount};
use serde::{Deserialize, Serialize};

/// Most members of one cell.
pub const MAX_MEMBERS: usize = 8;

const SLOTS: usize = 8;

/// One slot's use by member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SlotUse {
    /// The slot.
    pub slot: SlotCount,
    /// PRB-symbols by member.
    pub used: [u32; MAX_MEMBERS],
}

/// Use of the last slots of one cell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    ring: [SlotUse; SLOTS],
}

impl Usage {
    /// `member` used `prb_symbols` more in `slot`; returns a slot that is complete by this.
    pub fn add(&mut self, slot: SlotCount, member: MemberId, prb_symbols: u32) -> Option<SlotUse> {
        let entry = self.ring.get_mut(slot.0 as usize % SLOTS)?;
        let mut complete = None;
        if entry.slot != slot {
            if slot < entry.slot {
                return None;
            }
            complete = (entry.used != [0; MAX_MEMBERS]).then_some(*entry);
            *entry = SlotUse {
                slot,
                used: [0; MAX_MEMBERS],
            };
        }
        let used = entry.used.get_mut(member.index())?;
        *used = used.saturating_add(prb_symbols);
        complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_reported_once_with_all_members_use() {
        let mut usage = Usage::default();
        assert_eq!(usage.add(SlotCount(8), MemberId(0), 10), None);
        usage.add(SlotCount(8), MemberId(1), 20);
        usage.add(SlotCount(8), MemberId(0), 5);
        let complete = usage.add(SlotCount(16), MemberId(0), 1).unwrap();
        assert_eq!(complete.slot, SlotCount(8));
        assert_eq!(complete.used[..2], [15, 20]);
    }

    #[test]
    fn a_late_frame_of_a_reported_slot_changes_nothing() {
        let mut usage = Usage::default();
        usage.add(SlotCount(16), MemberId(0), 1);
        assert_eq!(usage.add(SlotCount(8), MemberId(0), 9), None);
        assert_eq!(usage.add(SlotCount(24), MemberId(0), 1).unwrap().used[0], 1);
    }
}
