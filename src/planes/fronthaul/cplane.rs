//! Downlink C-plane of two members on one RU: what a message covers is cut into runs of symbols with
//! one target each, and owner-wins is checked at run time.

use crate::planes::fronthaul::share::SlotRules;
use crate::planes::sparse;
use crate::ran::{SlotCount, StreamId};
use serde::{Deserialize, Serialize};

const SYMBOLS: u8 = 14;

/// Consecutive symbols that go out on one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// First symbol.
    pub first: u8,
    /// One past the last symbol.
    pub end: u8,
    /// Egress stream.
    pub stream: StreamId,
}

impl Run {
    /// Its symbols, bit n for symbol n.
    pub const fn symbols(self) -> u16 {
        ((1u32 << self.end) - (1u32 << self.first)) as u16
    }
}

/// The runs of one message, in order of symbol.
#[derive(Clone, Copy, Debug)]
pub struct Runs {
    runs: [Run; SYMBOLS as usize],
    len: usize,
    whole: bool,
}

impl Runs {
    /// The runs.
    pub fn iter(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().take(self.len)
    }

    /// The one run that holds every symbol the message covers, if there is one.
    pub fn whole(&self) -> Option<Run> {
        let [first, ..] = self.runs;
        (self.whole && self.len == 1).then_some(first)
    }

    /// True if nothing of the message may go out.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Cuts a message that covers `covered` (bit n for symbol n) by the rules of its slot.
pub fn cut(covered: u16, rules: &SlotRules) -> Runs {
    let none = Run {
        first: 0,
        end: 0,
        stream: StreamId(0),
    };
    let mut cut = Runs {
        runs: [none; SYMBOLS as usize],
        len: 0,
        whole: true,
    };
    let mut open: Option<Run> = None;
    for symbol in (0..SYMBOLS).filter(|symbol| covered >> symbol & 1 == 1) {
        let (target, _) = rules.of_symbol(symbol);
        let Some(stream) = target else {
            cut.whole = false;
            cut.close(open.take());
            continue;
        };
        open = match open {
            Some(run) if run.stream == stream => Some(Run {
                end: symbol + 1,
                ..run
            }),
            other => {
                cut.close(other);
                Some(Run {
                    first: symbol,
                    end: symbol + 1,
                    stream,
                })
            }
        };
    }
    cut.close(open);
    cut
}

impl Runs {
    fn close(&mut self, run: Option<Run>) {
        if let (Some(run), Some(entry)) = (run, self.runs.get_mut(self.len)) {
            *entry = run;
            self.len += 1;
        }
    }
}

const REMEMBERED: usize = 32;

#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Descriptions {
    slot: SlotCount,
    owner: (u32, u64),
    other: (u32, u64),
}

/// How both members describe the control symbols of each egress stream, for owner-wins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OwnerWinsCheck {
    #[serde(with = "sparse")]
    entries: Box<[Descriptions]>,
    /// Somebody has described something: until then there is nothing to copy.
    used: bool,
}

impl OwnerWinsCheck {
    /// For `streams` streams.
    pub fn new(streams: usize) -> Self {
        Self {
            entries: vec![Descriptions::default(); streams * REMEMBERED].into_boxed_slice(),
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

    /// One message's description of the control symbols of (egress `stream`, `slot`). False when both
    /// members have said as much and it differs, or the slot before left with different amounts said.
    pub fn agrees(
        &mut self,
        stream: StreamId,
        slot: SlotCount,
        from_owner: bool,
        digest: u64,
    ) -> bool {
        let index = stream.index() * REMEMBERED + (slot.0 as usize % REMEMBERED);
        let Some(entry) = self.entries.get_mut(index) else {
            return true;
        };
        let mut agreed = true;
        self.used = true;
        if entry.slot != slot {
            let both_spoke = entry.owner.0 > 0 && entry.other.0 > 0;
            agreed = !both_spoke || entry.owner == entry.other;
            *entry = Descriptions {
                slot,
                ..Descriptions::default()
            };
        }
        let side = if from_owner {
            &mut entry.owner
        } else {
            &mut entry.other
        };
        *side = (side.0 + 1, side.1.wrapping_add(digest));
        agreed && (entry.owner.0 != entry.other.0 || entry.owner == entry.other)
    }
}

/// A digest of bytes for comparing descriptions and requests: FNV-1a, 64 bits.
pub fn digest(pieces: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in pieces.iter().flat_map(|piece| piece.iter()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(control: u16, control_stream: Option<u8>, data_stream: Option<u8>) -> SlotRules {
        SlotRules {
            control,
            control_stream: control_stream.map(StreamId),
            data_stream: data_stream.map(StreamId),
        }
    }

    fn spans(covered: u16, rules: &SlotRules) -> Vec<(u8, u8, u8)> {
        cut(covered, rules)
            .iter()
            .map(|run| (run.first, run.end, run.stream.0))
            .collect()
    }

    const ALL: u16 = 0x3fff;

    #[test]
    fn the_owner_s_message_on_its_own_port_stays_whole() {
        let rules = rules(0b11, Some(0), Some(0));
        let runs = cut(ALL, &rules);
        assert_eq!(runs.whole().map(|run| (run.first, run.end)), Some((0, 14)));
    }

    #[test]
    fn a_remapped_control_part_is_cut_from_the_data_part() {
        assert_eq!(
            spans(ALL, &rules(0b11, Some(1), Some(0))),
            [(0, 2, 1), (2, 14, 0)]
        );
    }

    #[test]
    fn who_does_not_own_the_slot_keeps_its_control_part_only() {
        assert_eq!(spans(ALL, &rules(0b11, Some(1), None)), [(0, 2, 1)]);
        assert!(cut(ALL, &rules(0b11, Some(1), None)).whole().is_none());
    }

    #[test]
    fn a_port_without_map_keeps_its_data_part_only() {
        assert_eq!(spans(ALL, &rules(0b11, None, Some(2))), [(2, 14, 2)]);
        assert!(cut(0b11, &rules(0b11, None, Some(2))).is_empty());
    }

    #[test]
    fn control_symbols_in_the_middle_make_three_runs() {
        assert_eq!(
            spans(ALL, &rules(0b110000, Some(1), Some(0))),
            [(0, 4, 0), (4, 6, 1), (6, 14, 0)]
        );
    }

    #[test]
    fn differing_descriptions_are_noticed_once_both_have_spoken() {
        let mut check = OwnerWinsCheck::new(2);
        assert!(check.agrees(StreamId(1), SlotCount(9), true, 5));
        assert!(check.agrees(StreamId(1), SlotCount(9), false, 5));
        assert!(check.agrees(StreamId(1), SlotCount(10), true, 5));
        assert!(!check.agrees(StreamId(1), SlotCount(10), false, 6));
    }

    #[test]
    fn saying_more_than_the_owner_is_noticed_when_the_slot_leaves() {
        let mut check = OwnerWinsCheck::new(1);
        check.agrees(StreamId(0), SlotCount(0), true, 5);
        check.agrees(StreamId(0), SlotCount(0), false, 5);
        check.agrees(StreamId(0), SlotCount(0), false, 5);
        assert!(!check.agrees(StreamId(0), SlotCount(REMEMBERED as u64), true, 5));
    }

    proptest! {
        #[test]
        fn every_covered_symbol_with_a_target_is_in_exactly_one_run(
            covered in 0u16..=ALL, control in 0u16..=ALL,
            control_stream in proptest::option::of(0u8..4), data_stream in proptest::option::of(0u8..4),
        ) {
            let rules = rules(control, control_stream, data_stream);
            let runs = cut(covered, &rules);
            for symbol in (0..14).filter(|s| covered >> s & 1 == 1) {
                let target = rules.of_symbol(symbol).0;
                let holding: Vec<_> = runs.iter().filter(|r| r.symbols() >> symbol & 1 == 1).map(|r| r.stream).collect();
                prop_assert_eq!(holding, target.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
