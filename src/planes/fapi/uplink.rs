//! Uplink that the L2 has asked for and still waits for, so that what died with a PHY can be told at once.
//!
//! Without a CRC.indication an L2 waits for its own timeout before HARQ acts; a failing one, made up for
//! each transport block of a lost slot, has it act in the slot of the failover.

use crate::ran::{MemberId, SlotCount};
use serde::{Deserialize, Serialize};

/// One PUSCH PDU of an UL_TTI.request: what its CRC.indication entry names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Block {
    /// Handle of the L2.
    pub handle: u32,
    /// RNTI.
    pub rnti: u16,
    /// HARQ process, 0 to 15.
    pub harq: u8,
}

/// Slots after which an answer that never came is not waited for: the HARQ process has been used again since.
const OLDEST: u64 = 64;

/// Most transport blocks remembered of one slot; of more, the last are left to the L2's timeout.
pub const BLOCKS: usize = 32;

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Page {
    /// The slot plus one; 0 if nothing is awaited here.
    slot: u64,
    member: u8,
    len: u8,
    blocks: [Block; BLOCKS],
}

/// The awaited uplink of one group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Uplink {
    #[serde(with = "crate::planes::sparse")]
    pages: Box<[Page]>,
}

impl Uplink {
    /// With room for so many slots, at least one.
    pub fn new(slots: usize) -> Self {
        Self {
            pages: vec![Page::default(); slots.max(1)].into_boxed_slice(),
        }
    }

    /// `member` was asked to receive `blocks` in `slot`.
    pub fn asked(
        &mut self,
        slot: SlotCount,
        member: MemberId,
        blocks: impl IntoIterator<Item = Block>,
    ) {
        let Some(page) = self.page(slot) else {
            return;
        };
        *page = Page::default();
        for (place, block) in page.blocks.iter_mut().zip(blocks) {
            *place = block;
            page.len += 1;
        }
        if page.len > 0 {
            page.slot = slot.0 + 1;
            page.member = member.0;
        }
    }

    /// `block` of `slot` was answered, whatever its CRC says.
    pub fn answered(&mut self, slot: SlotCount, block: Block) {
        let Some(page) = self.page(slot).filter(|page| page.slot == slot.0 + 1) else {
            return;
        };
        let len = usize::from(page.len);
        let Some(at) = page.blocks.iter().take(len).position(|one| *one == block) else {
            return;
        };
        page.blocks.copy_within(at + 1..len, at);
        page.len -= 1;
        if page.len == 0 {
            page.slot = 0;
        }
    }

    /// Takes the oldest slot before `boundary` that `member` owes answers of, with its blocks in the order
    /// asked. Call again until there is none. Of slots long past nobody waits any more.
    pub fn take_lost(
        &mut self,
        member: MemberId,
        boundary: SlotCount,
    ) -> Option<(SlotCount, [Block; BLOCKS], usize)> {
        let owed = self
            .pages
            .iter_mut()
            .filter(|page| page.slot != 0 && page.slot <= boundary.0 && page.member == member.0)
            .filter(|page| boundary.0 - page.slot < OLDEST);
        let page = owed.min_by_key(|page| page.slot)?;
        let taken = std::mem::take(page);
        Some((
            SlotCount(taken.slot - 1),
            taken.blocks,
            usize::from(taken.len),
        ))
    }

    /// Nothing is awaited any more.
    pub fn clear(&mut self) {
        self.pages.fill(Page::default());
    }

    /// Becomes `other`, of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        for (page, from) in self.pages.iter_mut().zip(&other.pages) {
            *page = *from;
        }
    }

    /// True if `copy_from` may be called with `other`.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.pages.len() == other.pages.len()
    }

    fn page(&mut self, slot: SlotCount) -> Option<&mut Page> {
        let index = slot.0 % self.pages.len() as u64;
        self.pages.get_mut(index as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: SlotCount = SlotCount(500);
    const A: MemberId = MemberId(0);

    fn block(handle: u32) -> Block {
        Block {
            handle,
            rnti: 0x4601,
            harq: 3,
        }
    }

    fn lost(uplink: &mut Uplink, boundary: SlotCount) -> Vec<(SlotCount, Vec<u32>)> {
        let mut lost = Vec::new();
        while let Some((slot, blocks, len)) = uplink.take_lost(A, boundary) {
            let handles = blocks[..len].iter().map(|block| block.handle);
            lost.push((slot, handles.collect()));
        }
        lost
    }

    #[test]
    fn what_was_not_answered_is_lost_oldest_slot_first() {
        let mut uplink = Uplink::new(16);
        uplink.asked(SLOT.offset(1), A, [block(3)]);
        uplink.asked(SLOT, A, [block(1), block(2)]);
        let expected = vec![(SLOT, vec![1, 2]), (SLOT.offset(1), vec![3])];
        assert_eq!(lost(&mut uplink, SLOT.offset(2)), expected);
        assert!(lost(&mut uplink, SLOT.offset(2)).is_empty());
    }

    #[test]
    fn what_was_answered_is_not_lost() {
        let mut uplink = Uplink::new(16);
        uplink.asked(SLOT, A, [block(1), block(2)]);
        uplink.answered(SLOT, block(1));
        assert_eq!(lost(&mut uplink, SLOT.offset(1)), [(SLOT, vec![2])]);
    }

    #[test]
    fn what_was_never_answered_long_ago_is_not_told_to_have_failed_now() {
        let mut uplink = Uplink::new(128);
        uplink.asked(SLOT, A, [block(1)]);
        assert!(lost(&mut uplink, SLOT.offset(65)).is_empty());
        assert_eq!(lost(&mut uplink, SLOT.offset(64)).len(), 1);
    }

    #[test]
    fn an_answer_that_comes_twice_takes_nothing_else() {
        let mut uplink = Uplink::new(16);
        uplink.asked(SLOT, A, [block(1), block(2)]);
        uplink.answered(SLOT, block(1));
        uplink.answered(SLOT, block(1));
        assert_eq!(lost(&mut uplink, SLOT.offset(1)), [(SLOT, vec![2])]);
    }

    #[test]
    fn slots_of_the_next_speaker_and_of_other_members_are_not_lost() {
        let mut uplink = Uplink::new(16);
        uplink.asked(SLOT, A, [block(1)]);
        uplink.asked(SLOT.offset(1), MemberId(1), [block(2)]);
        assert!(lost(&mut uplink, SLOT).is_empty());
        assert_eq!(lost(&mut uplink, SLOT.offset(9)), [(SLOT, vec![1])]);
    }

    #[test]
    fn more_blocks_than_there_is_room_for_are_left_to_the_l2() {
        let mut uplink = Uplink::new(16);
        uplink.asked(SLOT, A, (0..100).map(block));
        let lost = lost(&mut uplink, SLOT.offset(1));
        assert_eq!(lost[0].1.len(), BLOCKS);
    }

    #[test]
    fn a_slot_without_blocks_awaits_nothing() {
        let mut uplink = Uplink::new(16);
        uplink.asked(SLOT, A, []);
        assert!(lost(&mut uplink, SLOT.offset(1)).is_empty());
    }
}
