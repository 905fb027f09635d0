//! One speaker on each (egress eAxC, symbol): the rule that holds even if the configuration is wrong.
//!
//! Entries carry their unwrapped slot, so that an entry of an earlier frame never decides. The ring
//! covers late tolerance plus the largest lead.

use crate::planes::sparse;
use crate::ran::{MemberId, SlotCount, StreamId};
use serde::{Deserialize, Serialize};

/// Symbols of a slot.
const SYMBOLS: usize = 14;
const NOBODY: u8 = u8::MAX;

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Entry {
    slot: SlotCount,
    speaker: [u8; SYMBOLS],
}

const EMPTY: Entry = Entry {
    slot: SlotCount(0),
    speaker: [NOBODY; SYMBOLS],
};

impl Default for Entry {
    fn default() -> Self {
        EMPTY
    }
}

/// Who has spoken on each symbol of the last slots, for one plane of one cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guard {
    #[serde(with = "sparse")]
    entries: Box<[Entry]>,
    slots: usize,
    /// Somebody has claimed something: until then there is nothing to copy.
    used: bool,
}

/// Why a claim failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// Another member has spoken on one of the symbols.
    HeldBy {
        /// Who.
        holder: MemberId,
        /// On which symbol.
        symbol: u8,
    },
    /// The slot has left the ring.
    TooOld,
}

impl Guard {
    /// For `streams` streams over at least `slots` slots.
    pub fn new(streams: usize, slots: usize) -> Self {
        let slots = slots.max(1).next_power_of_two();
        Self {
            entries: vec![EMPTY; streams * slots].into_boxed_slice(),
            slots,
            used: false,
        }
    }

    /// Becomes equal to `other` without allocating; both are of one cell.
    pub fn copy_from(&mut self, other: &Self) {
        if self.used || other.used {
            self.entries.clone_from(&other.entries);
        }
        self.slots = other.slots;
        self.used = other.used;
    }

    /// True if `other` has room for as much.
    pub const fn has_shape_of(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len() && self.slots == other.slots
    }

    /// True if `member` has spoken on `symbol` of `slot` on `stream`.
    pub fn is_held_by(
        &self,
        stream: StreamId,
        slot: SlotCount,
        symbol: u8,
        member: MemberId,
    ) -> bool {
        let index = stream.index() * self.slots + (slot.0 as usize & (self.slots - 1));
        self.entries.get(index).is_some_and(|entry| {
            entry.slot == slot && entry.speaker.get(usize::from(symbol)) == Some(&member.0)
        })
    }

    /// `member` speaks on the symbols in `symbols` (bit n for symbol n) of `slot` on `stream`: all of
    /// them or none.
    #[inline]
    pub fn claim(
        &mut self,
        stream: StreamId,
        slot: SlotCount,
        symbols: u16,
        member: MemberId,
    ) -> Result<(), Claim> {
        let index = stream.index() * self.slots + (slot.0 as usize & (self.slots - 1));
        let Some(entry) = self.entries.get_mut(index) else {
            return Err(Claim::TooOld);
        };
        if entry.slot != slot {
            if slot < entry.slot {
                return Err(Claim::TooOld);
            }
            *entry = Entry { slot, ..EMPTY };
            self.used = true;
        }
        let claimed = |symbol: usize| symbols >> symbol & 1 == 1;
        for (symbol, speaker) in entry.speaker.iter().enumerate() {
            if claimed(symbol) && *speaker != NOBODY && *speaker != member.0 {
                return Err(Claim::HeldBy {
                    holder: MemberId(*speaker),
                    symbol: symbol as u8,
                });
            }
        }
        for (symbol, speaker) in entry.speaker.iter_mut().enumerate() {
            if claimed(symbol) {
                *speaker = member.0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    const S: StreamId = StreamId(0);

    #[test]
    fn the_second_speaker_on_a_symbol_is_refused_and_the_first_may_go_on() {
        let mut guard = Guard::new(1, 32);
        assert!(guard.claim(S, SlotCount(5), 1 << 3, MemberId(0)).is_ok());
        let held = Claim::HeldBy {
            holder: MemberId(0),
            symbol: 3,
        };
        assert_eq!(guard.claim(S, SlotCount(5), 1 << 3, MemberId(1)), Err(held));
        assert!(guard.claim(S, SlotCount(5), 1 << 3, MemberId(0)).is_ok());
        assert!(guard.claim(S, SlotCount(5), 1 << 4, MemberId(1)).is_ok());
    }

    #[test]
    fn an_entry_one_ring_older_does_not_decide() {
        let mut guard = Guard::new(1, 32);
        guard.claim(S, SlotCount(5), 1, MemberId(0)).unwrap();
        assert!(guard.claim(S, SlotCount(5 + 32), 1, MemberId(1)).is_ok());
        assert_eq!(
            guard.claim(S, SlotCount(5), 1, MemberId(0)),
            Err(Claim::TooOld)
        );
    }

    proptest! {
        #[test]
        fn no_symbol_ever_has_two_speakers(claims in proptest::collection::vec((0u8..3, 0u64..100, 0u16..1 << 14, 0u8..3), 1..300)) {
            let mut guard = Guard::new(3, 32);
            let mut spoken: HashMap<(u8, u64, u8), u8> = HashMap::new();
            for (stream, slot, symbols, member) in claims {
                if guard.claim(StreamId(stream), SlotCount(slot), symbols, MemberId(member)).is_ok() {
                    for symbol in (0..14).filter(|s| symbols >> s & 1 == 1) {
                        let holder = *spoken.entry((stream, slot, symbol)).or_insert(member);
                        prop_assert_eq!(holder, member);
                    }
                }
            }
        }
    }
}
