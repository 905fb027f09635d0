//! Radio-transport fragments (E = 0 or subSeq above 0): the verdict of the first holds for the rest.
//!
//! Only the first fragment carries the application header, so the rest cannot be judged alone. A small
//! ring remembers what was said of the last fragmented messages of a cell.

use crate::ran::{EaxcId, MemberId, Plane, SequenceNumber};
use serde::{Deserialize, Serialize};

/// Which message a fragment belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FragmentKey {
    /// Who in the cell sent it.
    pub sender: MemberId,
    /// On which eAxC, as received.
    pub eaxc: EaxcId,
    /// On which plane.
    pub plane: Plane,
    /// With which number, as received.
    pub sequence: SequenceNumber,
}

const MESSAGES: usize = 16;

/// The last fragmented messages and what was decided of each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fragments<T: Copy> {
    ring: [Option<(FragmentKey, T)>; MESSAGES],
    next: usize,
}

impl<T: Copy> Default for Fragments<T> {
    fn default() -> Self {
        Self {
            ring: [None; MESSAGES],
            next: 0,
        }
    }
}

impl<T: Copy> Fragments<T> {
    /// The first fragment of `key` was decided so.
    pub fn remember(&mut self, key: FragmentKey, decided: T) {
        if let Some(entry) = self.ring.get_mut(self.next) {
            *entry = Some((key, decided));
        }
        self.next = (self.next + 1) % MESSAGES;
    }

    /// What was decided of the first fragment of `key`, the newest if the number has come round.
    pub fn recall(&self, key: FragmentKey) -> Option<T> {
        (1..=MESSAGES)
            .map(|back| (self.next + MESSAGES - back) % MESSAGES)
            .filter_map(|index| *self.ring.get(index)?)
            .find(|(known, _)| *known == key)
            .map(|(_, decided)| decided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> FragmentKey {
        FragmentKey {
            sender: MemberId(1),
            eaxc: EaxcId(0),
            plane: Plane::User,
            sequence: SequenceNumber(number),
        }
    }

    #[test]
    fn later_fragments_find_the_verdict_of_the_first() {
        let mut fragments = Fragments::default();
        fragments.remember(key(5), 'a');
        assert_eq!(fragments.recall(key(5)), Some('a'));
        assert_eq!(fragments.recall(key(6)), None);
    }

    #[test]
    fn the_newest_message_with_a_number_counts() {
        let mut fragments = Fragments::default();
        fragments.remember(key(5), 'a');
        fragments.remember(key(5), 'b');
        assert_eq!(fragments.recall(key(5)), Some('b'));
    }

    #[test]
    fn old_messages_are_forgotten() {
        let mut fragments = Fragments::default();
        for number in 0..=MESSAGES as u8 {
            fragments.remember(key(number), number);
        }
        assert_eq!(fragments.recall(key(0)), None);
        assert_eq!(fragments.recall(key(1)), Some(1));
    }
}
