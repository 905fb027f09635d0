//! Uplink C-plane of two members on one RU. The RU answers every request, so an identical second one is
//! absorbed; one that overlaps but differs goes out with its sectionIds in a range of its own and the
//! answers find their way back. A request is never held to wait for the other member.

use crate::planes::fronthaul::share::Overlap;
use crate::planes::sparse;
use crate::ran::{MemberId, SlotCount, StreamId};
use serde::{Deserialize, Serialize};

/// Mapped sectionIds have this bit set: the upper half of the 12-bit space.
pub const MAPPED: u16 = 0x800;

const SLOTS: usize = 32;

/// Slots after the one on air up to which a request is taken: one further ahead would push out a slot
/// whose answers are still to come.
pub const AHEAD: i64 = SLOTS as i64 / 2;

const REQUESTS: usize = 16;

/// One UL C-plane message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Who asks.
    pub member: MemberId,
    /// filterIndex.
    pub filter: u8,
    /// Symbols of all sections, bit n for symbol n.
    pub symbols: u16,
    /// First PRB of all sections.
    pub prb_first: u16,
    /// One past the last PRB.
    pub prb_end: u16,
    /// Digest of the message from its radio header on.
    pub digest: u64,
    /// Some sectionId already has the `MAPPED` bit.
    pub uses_mapped_range: bool,
}

impl Request {
    fn overlaps(&self, other: &Self) -> bool {
        self.filter == other.filter
            && self.symbols & other.symbols != 0
            && self.prb_first < other.prb_end
            && other.prb_first < self.prb_end
    }
}

/// What happens to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// It goes out as it is.
    Forward,
    /// It goes out with `MAPPED` set in each sectionId.
    ForwardMapped,
    /// An identical one of the other member has gone out.
    Absorb,
    /// It overlaps and cannot be mapped.
    Refuse,
}

/// Who gets an answer of the RU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Every member in step.
    All,
    /// One member, with `MAPPED` cleared if `unmap`.
    Only {
        /// Who.
        member: MemberId,
        /// Map sectionIds back.
        unmap: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Sent {
    request: Request,
    mapped: bool,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Entry {
    slot: SlotCount,
    sent: [Option<Sent>; REQUESTS],
}

/// Requests of the last slots that went to the RU, by uplink stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Requests {
    #[serde(with = "sparse")]
    entries: Box<[Entry]>,
    /// Somebody has asked: until then there is nothing to copy.
    used: bool,
}

impl Requests {
    /// For `streams` streams.
    pub fn new(streams: usize) -> Self {
        Self {
            entries: vec![Entry::default(); streams * SLOTS].into_boxed_slice(),
            used: false,
        }
    }

    /// Becomes equal to `other` without allocating; both are of one cell.
    pub fn copy_from(&mut self, other: &Self) {
        if self.used || other.used {
            self.entries.clone_from(&other.entries);
        }
        self.used = other.used;
    }

    /// True if `other` has room for as much.
    pub const fn has_shape_of(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len()
    }

    /// `request` for (`stream`, `slot`) has arrived.
    pub fn ask(
        &mut self,
        stream: StreamId,
        slot: SlotCount,
        request: Request,
        policy: Overlap,
    ) -> Asked {
        let index = Self::index(stream, slot);
        let Some(entry) = self.entries.get_mut(index) else {
            return Asked::Refuse;
        };
        if entry.slot != slot {
            if slot < entry.slot {
                return Asked::Refuse;
            }
            entry.slot = slot;
            entry.sent = [None; REQUESTS];
            self.used = true;
        }
        let others = entry.sent.iter().flatten();
        let mut overlap = None;
        for sent in others.filter(|sent| sent.request.member != request.member) {
            if sent.request.digest == request.digest {
                return Asked::Absorb;
            }
            if sent.request.overlaps(&request) {
                overlap = Some(sent.request.uses_mapped_range || sent.mapped);
            }
        }
        let mapped = match overlap {
            None => false,
            Some(taken) if policy == Overlap::Refuse || taken || request.uses_mapped_range => {
                return Asked::Refuse;
            }
            Some(_) => true,
        };
        let Some(free) = entry.sent.iter_mut().find(|sent| sent.is_none()) else {
            return Asked::Refuse;
        };
        *free = Some(Sent { request, mapped });
        if mapped {
            Asked::ForwardMapped
        } else {
            Asked::Forward
        }
    }

    /// Who gets an answer on (`stream`, `slot`, `filter`) whose first section is `section_id`.
    pub fn answer(&self, stream: StreamId, slot: SlotCount, filter: u8, section_id: u16) -> Answer {
        let entry = match self.entries.get(Self::index(stream, slot)) {
            Some(entry) if entry.slot == slot => entry,
            _ => return Answer::All,
        };
        let same_filter = || {
            entry
                .sent
                .iter()
                .flatten()
                .filter(|sent| sent.request.filter == filter)
        };
        let Some(second) = same_filter().find(|sent| sent.mapped) else {
            return Answer::All;
        };
        if section_id & MAPPED != 0 {
            return Answer::Only {
                member: second.request.member,
                unmap: true,
            };
        }
        let unmapped = || same_filter().filter(|sent| !sent.mapped);
        let is_second = |sent: &&Sent| sent.request.member == second.request.member;
        if unmapped().any(|sent| is_second(&sent)) {
            return Answer::All;
        }
        unmapped().next().map_or(Answer::All, |first| Answer::Only {
            member: first.request.member,
            unmap: false,
        })
    }

    fn index(stream: StreamId, slot: SlotCount) -> usize {
        stream.index() * SLOTS + (slot.0 as usize % SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: StreamId = StreamId(0);
    const N: SlotCount = SlotCount(100);

    fn request(member: u8, symbols: u16, prbs: std::ops::Range<u16>, digest: u64) -> Request {
        Request {
            member: MemberId(member),
            filter: 0,
            symbols,
            prb_first: prbs.start,
            prb_end: prbs.end,
            digest,
            uses_mapped_range: false,
        }
    }

    fn ask(requests: &mut Requests, request: Request) -> Asked {
        requests.ask(S, N, request, Overlap::MapSectionIds)
    }

    #[test]
    fn an_identical_request_of_the_other_member_is_absorbed_and_both_get_the_answer() {
        let mut requests = Requests::new(1);
        assert_eq!(
            ask(&mut requests, request(0, 0x3fff, 0..51, 1)),
            Asked::Forward
        );
        assert_eq!(
            ask(&mut requests, request(1, 0x3fff, 0..51, 1)),
            Asked::Absorb
        );
        assert_eq!(requests.answer(S, N, 0, 0), Answer::All);
    }

    #[test]
    fn a_member_that_repeats_itself_is_not_absorbed() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 1, 0..51, 1));
        assert_eq!(ask(&mut requests, request(0, 1, 0..51, 1)), Asked::Forward);
    }

    #[test]
    fn an_overlapping_request_is_mapped_and_its_answers_find_their_way_back() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 0x3fff, 0..51, 1));
        assert_eq!(
            ask(&mut requests, request(1, 0x0f, 10..20, 2)),
            Asked::ForwardMapped
        );
        let second = Answer::Only {
            member: MemberId(1),
            unmap: true,
        };
        let first = Answer::Only {
            member: MemberId(0),
            unmap: false,
        };
        assert_eq!(requests.answer(S, N, 0, MAPPED), second);
        assert_eq!(requests.answer(S, N, 0, 0), first);
    }

    #[test]
    fn a_member_with_a_mapped_and_an_unmapped_request_gets_the_answers_of_both() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 0x00f, 0..51, 1));
        ask(&mut requests, request(1, 0xff0, 0..51, 2));
        let overlapping = ask(&mut requests, request(1, 0x00f, 0..20, 3));
        assert_eq!(overlapping, Asked::ForwardMapped);
        assert_eq!(requests.answer(S, N, 0, 0), Answer::All);
    }

    #[test]
    fn requests_side_by_side_both_go_out() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 0x00f, 0..51, 1));
        assert_eq!(
            ask(&mut requests, request(1, 0xff0, 0..51, 2)),
            Asked::Forward
        );
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 0xff, 0..25, 1));
        assert_eq!(
            ask(&mut requests, request(1, 0xff, 25..51, 2)),
            Asked::Forward
        );
    }

    #[test]
    fn the_policy_may_refuse_an_overlap() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 1, 0..51, 1));
        let asked = requests.ask(S, N, request(1, 1, 0..51, 2), Overlap::Refuse);
        assert_eq!(asked, Asked::Refuse);
    }

    #[test]
    fn a_third_overlap_or_one_in_the_mapped_range_is_refused() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 1, 0..51, 1));
        ask(&mut requests, request(1, 1, 0..51, 2));
        assert_eq!(ask(&mut requests, request(2, 1, 0..51, 3)), Asked::Refuse);
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 1, 0..51, 1));
        let high = Request {
            uses_mapped_range: true,
            ..request(1, 1, 0..51, 2)
        };
        assert_eq!(ask(&mut requests, high), Asked::Refuse);
    }

    #[test]
    fn a_later_slot_in_the_same_place_starts_anew() {
        let mut requests = Requests::new(1);
        ask(&mut requests, request(0, 1, 0..51, 1));
        let later = SlotCount(N.0 + SLOTS as u64);
        let asked = requests.ask(S, later, request(1, 1, 0..51, 1), Overlap::MapSectionIds);
        assert_eq!(asked, Asked::Forward);
        assert_eq!(requests.answer(S, N, 0, MAPPED), Answer::All);
    }
}
