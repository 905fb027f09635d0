//! Numerology and TDD pattern of one DU-RU pair, from which slots and symbols carried what.
//!
//! Nothing in the headers names them. slotId runs to 2^mu - 1, and TDD patterns repeat within 20 ms
//! (TS 38.213 11.1), so symbols are collected by position in 20 ms and the shortest period that
//! contradicts no position is the pattern. Positions that carried nothing fit any.

use super::message::RadioMessage;
use crate::ran::Direction;

/// What the slots of one DU-RU pair carried.
#[derive(Clone, Debug)]
pub(super) struct SlotUse {
    slot_ids: [u64; SLOT_IDS],
    positions: Box<[Position; POSITIONS]>,
}

/// What one position in 20 ms carried, over all repetitions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Position {
    /// Symbols with downlink, bit n for symbol n.
    pub(super) downlink: u16,
    /// Symbols with uplink.
    pub(super) uplink: u16,
    /// Downlink messages.
    pub(super) downlink_frames: u64,
    /// Uplink messages and requests.
    pub(super) uplink_frames: u64,
}

/// What was inferred.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    /// Subcarrier spacing index.
    pub(super) mu: u8,
    /// The largest slotId seen, of which mu follows.
    pub(super) largest_slot_id: u8,
    /// One letter a slot of the shortest period: D, U, S (both or part of a slot), F (full duplex),
    /// `-` (nothing seen).
    pub(super) letters: String,
    /// Downlink symbols of the special slot.
    pub(super) special_downlink: Option<u32>,
    /// One entry a letter.
    pub(super) positions: Vec<Position>,
}

impl Default for SlotUse {
    fn default() -> Self {
        Self {
            slot_ids: [0; SLOT_IDS],
            positions: Box::new([Position::default(); POSITIONS]),
        }
    }
}

impl SlotUse {
    /// Counts a message that speaks for `symbols`, bit n for symbol n.
    pub(super) fn record(&mut self, message: &RadioMessage<'_>, symbols: u16) {
        if let Some(count) = self.slot_ids.get_mut(usize::from(message.slot)) {
            *count += 1;
        }
        let frame = usize::from(message.frame & 1);
        let subframe = frame * 10 + usize::from(message.subframe);
        let index = subframe * SLOT_IDS + usize::from(message.slot);
        let Some(position) = self.positions.get_mut(index) else {
            return;
        };
        match message.direction {
            Direction::Downlink => {
                position.downlink |= symbols;
                position.downlink_frames += 1;
            }
            // PRACH symbols are counted in another numerology.
            Direction::Uplink if message.filter_index != 0 => position.uplink_frames += 1,
            Direction::Uplink => {
                position.uplink |= symbols;
                position.uplink_frames += 1;
            }
        }
    }

    /// The pattern that all of it fits.
    pub(super) fn infer(&self) -> Pattern {
        let largest = self.slot_ids.iter().rposition(|count| *count > 0);
        let largest = largest.unwrap_or(0);
        let mu = (largest + 1).next_power_of_two().trailing_zeros() as usize;
        let per_subframe = 1 << mu;
        let timeline: Vec<Position> = self
            .positions
            .chunks_exact(SLOT_IDS)
            .flat_map(|subframe| subframe.iter().take(per_subframe).copied())
            .collect();
        let period = (1..=timeline.len())
            .filter(|period| timeline.len().is_multiple_of(*period))
            .find_map(|period| fold(&timeline, period))
            .unwrap_or_default();
        let special = period.iter().find(|p| p.letter() == 'S');
        Pattern {
            mu: mu as u8,
            largest_slot_id: largest as u8,
            letters: period.iter().map(Position::letter).collect(),
            special_downlink: special.map(|p| p.downlink.count_ones()),
            positions: period,
        }
    }
}

impl Position {
    fn letter(&self) -> char {
        let whole = self.downlink & LAST_SYMBOL != 0;
        match (self.downlink, self.uplink) {
            (0, 0) => '-',
            (0, _) => 'U',
            (_, 0) if whole => 'D',
            (downlink, uplink) if downlink & uplink != 0 => 'F',
            _ => 'S',
        }
    }

    /// Adds a repetition; false if it carried something else.
    fn join(&mut self, other: &Self) -> bool {
        let fits = match (self.letter(), other.letter()) {
            ('-', _) | (_, '-') => true,
            (mine, theirs) => mine == theirs,
        };
        self.downlink |= other.downlink;
        self.uplink |= other.uplink;
        self.downlink_frames += other.downlink_frames;
        self.uplink_frames += other.uplink_frames;
        fits
    }
}

/// `timeline` laid over itself every `period` slots; `None` if positions contradict each other.
fn fold(timeline: &[Position], period: usize) -> Option<Vec<Position>> {
    let (first, rest) = timeline.split_at_checked(period)?;
    let mut folded = first.to_vec();
    for repetition in rest.chunks(period) {
        for (position, other) in folded.iter_mut().zip(repetition) {
            if !position.join(other) {
                return None;
            }
        }
    }
    Some(folded)
}

const SLOT_IDS: usize = 16;
/// 20 subframes of 16 slots, the finest numerology.
const POSITIONS: usize = 20 * SLOT_IDS;
/// Symbols 11 to 13: a slot whose downlink reaches them is whole, with either cyclic prefix.
const LAST_SYMBOL: u16 = 0b11_1000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::inspect::known::Known;
    use crate::cli::inspect::message::{Message, Reading};
    use crate::ran::EaxcLayout;

    const ALL: u16 = 0x3fff;

    /// 20 ms at mu 1 in which the slot at each position carries what its letter says.
    fn pattern(letters: &str) -> Pattern {
        let mut used = SlotUse::default();
        for (index, letter) in letters.chars().cycle().take(40).enumerate() {
            match letter {
                'D' => hear(&mut used, index, Direction::Downlink, ALL),
                'U' => hear(&mut used, index, Direction::Uplink, ALL),
                'S' => hear(&mut used, index, Direction::Downlink, 0x3f),
                'F' => {
                    hear(&mut used, index, Direction::Downlink, ALL);
                    hear(&mut used, index, Direction::Uplink, ALL);
                }
                _ => {}
            }
        }
        used.infer()
    }

    fn hear(used: &mut SlotUse, index: usize, direction: Direction, symbols: u16) {
        let (frame, slot) = (index / 20, index % 20);
        let first = match direction {
            Direction::Downlink => 0x90,
            Direction::Uplink => 0x10,
        };
        let time = ((slot / 2) << 12 | (slot % 2) << 6) as u16;
        let [high, low] = time.to_be_bytes();
        let pdu = [0x10, 0, 0, 8, 0, 0, 0, 0x80, first, frame as u8, high, low];
        let known = Known::nothing(EaxcLayout::NIBBLES);
        match Reading(&known).messages(&pdu).next() {
            Some(Ok(Message::Radio(message))) => used.record(&message, symbols),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_shortest_period_that_contradicts_nothing_is_found() {
        let found = pattern("DDDSUUDDDD");
        assert_eq!((found.mu, found.letters.as_str()), (1, "DDDSUUDDDD"));
        assert_eq!(found.special_downlink, Some(6));
        assert_eq!(pattern("DDDSU").letters, "DDDSU");
        assert_eq!(pattern("D").letters, "D");
    }

    #[test]
    fn downlink_and_uplink_at_once_are_full_duplex() {
        assert_eq!(pattern("F").letters, "F");
    }

    #[test]
    fn a_silent_slot_contradicts_nothing() {
        assert_eq!(pattern("DDDD-DDDDUDDDDUDDDDU").letters, "DDDDU");
        assert_eq!(pattern("DD-UU").letters, "DD-UU");
    }

    #[test]
    fn frames_are_counted_by_position() {
        let found = pattern("DDDSU");
        let downlink: Vec<u64> = found.positions.iter().map(|p| p.downlink_frames).collect();
        assert_eq!(downlink, [8, 8, 8, 8, 0]);
        assert_eq!(found.positions[4].uplink_frames, 8);
    }
}
