//! What each PHY has been given of each slot, so that it gets every request once: full, or NULL.
//!
//! A ring of slots, sized when the group is compiled. A page is taken over by the next slot that falls on
//! it; a slot older than what lies there is no longer known.

use crate::planes::fapi::Request;
use crate::ran::SlotCount;
use serde::{Deserialize, Serialize};

/// A slot that is too old to be in the book: what was given of it is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forgotten;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Page {
    /// The slot plus one; 0 for a page that was never used.
    slot: u64,
    /// By kind of request: bit n if member n has been given it.
    given: [u8; Request::ALL.len()],
}

/// The pages of one group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Book {
    pages: Box<[Page]>,
}

impl Book {
    /// With room for so many slots, at least one.
    pub fn new(slots: usize) -> Self {
        Self {
            pages: vec![Page::default(); slots.max(1)].into_boxed_slice(),
        }
    }

    /// Notes that `members` (bit n for member n) are given `request` of `slot`; returns those that had not
    /// been.
    #[inline]
    pub fn give(
        &mut self,
        slot: SlotCount,
        request: Request,
        members: u8,
    ) -> Result<u8, Forgotten> {
        let page = self.page(slot)?;
        let Some(given) = page.given.get_mut(request.index()) else {
            return Ok(0);
        };
        let new = members & !*given;
        *given |= members;
        Ok(new)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pages.fill(Page::default());
    }

    /// Who has been given `request` of `slot`; nobody if the slot is not in the book.
    pub fn given(&self, slot: SlotCount, request: Request) -> u8 {
        let page = self.pages.get(self.index(slot));
        let page = page.filter(|page| page.slot == slot.0 + 1);
        let given = page.and_then(|page| page.given.get(request.index()));
        given.copied().unwrap_or_default()
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

    fn page(&mut self, slot: SlotCount) -> Result<&mut Page, Forgotten> {
        let index = self.index(slot);
        let page = self.pages.get_mut(index).ok_or(Forgotten)?;
        if page.slot > slot.0 + 1 {
            return Err(Forgotten);
        }
        if page.slot < slot.0 + 1 {
            *page = Page {
                slot: slot.0 + 1,
                ..Page::default()
            };
        }
        Ok(page)
    }

    #[inline]
    const fn index(&self, slot: SlotCount) -> usize {
        (slot.0 % self.pages.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const SLOT: SlotCount = SlotCount(1000);

    #[test]
    fn a_member_is_given_a_request_once() {
        let mut book = Book::new(8);
        assert_eq!(book.give(SLOT, Request::DlTti, 0b011), Ok(0b011));
        assert_eq!(book.give(SLOT, Request::DlTti, 0b110), Ok(0b100));
        assert_eq!(book.given(SLOT, Request::DlTti), 0b111);
    }

    #[test]
    fn each_kind_counts_alone() {
        let mut book = Book::new(8);
        assert_eq!(book.give(SLOT, Request::DlTti, 1), Ok(1));
        assert_eq!(book.give(SLOT, Request::UlTti, 1), Ok(1));
        assert_eq!(book.given(SLOT, Request::TxData), 0);
    }

    #[test]
    fn a_slot_whose_page_was_taken_over_is_forgotten() {
        let mut book = Book::new(8);
        assert_eq!(book.give(SLOT, Request::DlTti, 1), Ok(1));
        assert_eq!(book.give(SLOT.offset(8), Request::DlTti, 1), Ok(1));
        assert_eq!(book.give(SLOT, Request::DlTti, 1), Err(Forgotten));
        assert_eq!(book.given(SLOT, Request::DlTti), 0);
    }

    proptest! {
        #[test]
        fn nobody_is_given_anything_twice(steps in proptest::collection::vec((0u64..40, 0usize..4, any::<u8>()), 0..400)) {
            let mut book = Book::new(16);
            let mut had: HashMap<(u64, usize), u8> = HashMap::new();
            for (slot, kind, members) in steps {
                let Ok(new) = book.give(SlotCount(slot), Request::ALL[kind], members) else {
                    continue;
                };
                let before = had.entry((slot, kind)).or_default();
                prop_assert_eq!(new & *before, 0);
                prop_assert_eq!(new, members & !*before);
                *before |= members;
            }
        }
    }
}
