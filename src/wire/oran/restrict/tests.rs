//! Parts of messages: what each says, and that the parts of a partition say what the whole said.

use super::*;
use crate::ran::Direction;
use crate::wire::oran::emit::{ControlKind, ControlMessage, ControlSection, Timing};
use crate::wire::oran::extension::ALL_SYMBOLS;
use crate::wire::oran::header::Header;
use crate::wire::vectors;
use proptest::prelude::*;

fn message(symbol: u8, kind: ControlKind, sections: &[ControlSection<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let radio = Header {
        direction: Direction::Downlink,
        filter_index: 0,
        frame: 17,
        subframe: 3,
        slot: 5,
        symbol,
    };
    ControlMessage {
        radio,
        kind,
        sections,
    }
    .emit(&mut out);
    out
}

fn part(message: &[u8], first: u8, end: u8) -> Option<Vec<u8>> {
    let mut out = vec![0xaa; message.len()];
    let len = restrict(message, first, end, &mut out).unwrap()?;
    out.truncate(len);
    Some(out)
}

/// startSymbolId and, of each section: id, startPrbc, numSymbol, symbols, extension types.
type Said = (u8, Vec<(u16, u16, u8, u16, Vec<u8>)>);

fn said(message: &[u8]) -> Said {
    let (cplane, _) = Cplane::parse(message).unwrap();
    let sections: Vec<_> = cplane
        .sections()
        .map(|section| {
            let section = section.unwrap();
            let kinds = section
                .extensions()
                .map(|e| e.unwrap().ext_type())
                .collect();
            let (id, prb) = (section.section_id(), section.start_prb());
            (id, prb, section.num_symbol(), section.symbols(), kinds)
        })
        .collect();
    (cplane.radio().symbol(), sections)
}

#[test]
fn one_section_of_fourteen_symbols_splits_in_two() {
    let whole = message(0, ControlKind::Normal(0), &[ControlSection::whole(1, 14)]);
    let control = part(&whole, 0, 2).unwrap();
    let data = part(&whole, 2, 14).unwrap();
    assert_eq!(said(&control), (0, vec![(1, 0, 2, 0b11, vec![])]));
    assert_eq!(said(&data), (2, vec![(1, 0, 12, 0x3ffc, vec![])]));
    assert_eq!(control.len(), whole.len());
}

#[test]
fn all_symbols_give_the_message_itself() {
    for vector in [vectors::v5(), vectors::v6(), vectors::v7(), vectors::v8()] {
        let size = usize::from(u16::from_be_bytes([vector[20], vector[21]]));
        let whole = &vector[26..22 + size];
        assert_eq!(part(whole, 0, 14).unwrap(), whole);
    }
}

#[test]
fn sections_outside_the_part_go_with_their_extensions() {
    let first = ControlSection {
        extensions: &[4, 1, 0x80, 0x64],
        ..ControlSection::whole(1, 3)
    };
    let second = ControlSection {
        beam_or_ue_id: 9,
        ..ControlSection::whole(2, 6)
    };
    let whole = message(0, ControlKind::Scheduled(0), &[first, second]);
    assert_eq!(
        said(&part(&whole, 4, 14).unwrap()),
        (4, vec![(2, 0, 2, 0b11_0000, vec![])])
    );
    assert_eq!(part(&whole, 6, 14), None);
    assert_eq!(part(&whole, 3, 3), None);
}

#[test]
fn a_part_does_not_start_before_the_message() {
    let whole = message(5, ControlKind::Normal(0), &[ControlSection::whole(1, 4)]);
    assert_eq!(
        said(&part(&whole, 0, 7).unwrap()),
        (5, vec![(1, 0, 2, 0b110_0000, vec![])])
    );
    assert_eq!(part(&whole, 0, 5), None);
}

#[test]
fn symbol_masks_are_narrowed_and_their_priority_kept() {
    let extensions = [
        [0x86, 2, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff].as_slice(),
        &[4, 1, 0x80, 0x64],
    ]
    .concat();
    let section = ControlSection {
        extensions: &extensions,
        ..ControlSection::whole(2, 14)
    };
    let whole = message(0, ControlKind::Normal(0), &[section]);
    let data = part(&whole, 2, 5).unwrap();
    assert_eq!(said(&data), (2, vec![(2, 0, 3, 0b11100, vec![6, 4])]));
    assert_eq!(data[22..24], [0xc0, 0x1c]);
}

#[test]
fn a_section_whose_mask_leaves_the_part_goes() {
    let section = ControlSection {
        extensions: &[12, 1, 0x00, 0x03],
        ..ControlSection::whole(2, 14)
    };
    let whole = message(0, ControlKind::Normal(0), &[section]);
    assert!(part(&whole, 0, 2).is_some());
    assert_eq!(part(&whole, 2, 14), None);
}

#[test]
fn hops_before_a_part_become_its_first_prb() {
    // From symbol 4 at PRB 40, from symbol 9 at PRB 90, the last repeated as padding.
    let hop = |symbol: u16, prb: u16| (symbol << 10 | prb).to_be_bytes();
    let extensions = [[13, 2].as_slice(), &hop(4, 40), &hop(9, 90), &hop(9, 90)].concat();
    let section = ControlSection {
        start_prb: 7,
        extensions: &extensions,
        ..ControlSection::whole(2, 14)
    };
    let whole = message(0, ControlKind::Normal(0), &[section]);
    let prbs = |first, end| {
        let part = part(&whole, first, end).unwrap();
        let (_, sections) = said(&part);
        (sections[0].1, part[16..].to_vec())
    };
    assert_eq!(prbs(0, 14), (7, extensions.clone()));
    assert_eq!(prbs(0, 4), (7, vec![]));
    assert_eq!(prbs(0, 5), (7, [[13, 1].as_slice(), &hop(4, 40)].concat()));
    assert_eq!(prbs(3, 10), (7, extensions.clone()));
    assert_eq!(prbs(4, 9), (40, vec![]));
    assert_eq!(
        prbs(5, 14),
        (
            40,
            [[13, 2].as_slice(), &hop(9, 90), &hop(9, 90), &hop(9, 90)].concat()
        )
    );
    assert_eq!(prbs(10, 14), (90, vec![]));
}

#[test]
fn an_extension_behind_a_removed_one_stays_in_the_chain() {
    let extensions = [0x84, 1, 0x80, 0x64, 0x8d, 1, 0x24, 40, 4, 1, 0x80, 0x65];
    let section = ControlSection {
        extensions: &extensions,
        ..ControlSection::whole(2, 14)
    };
    let whole = message(0, ControlKind::Normal(0), &[section]);
    let (_, sections) = said(&part(&whole, 0, 5).unwrap());
    assert_eq!(sections[0].4, [4, 4]);
    let (_, sections) = said(&part(&whole, 0, 14).unwrap());
    assert_eq!(sections[0].4, [4, 13, 4]);
}

#[test]
fn port_masks_of_extension_19_are_narrowed() {
    let ports = [0x0f, 0xff, 0x3f, 0xff, 0, 1, 0x0f, 0xff, 0xff, 0xff, 0, 2];
    let with = |flags: u8| {
        let mut extensions = vec![19, 0, 5, flags, 0x7f, 0xff];
        extensions.extend_from_slice(&ports);
        extensions.extend_from_slice(&[0xee, 0xee]);
        let section = ControlSection {
            extensions: &extensions,
            ..ControlSection::whole(2, 14)
        };
        message(0, ControlKind::Normal(0), &[section])
    };
    let narrowed = part(&with(0x82), 0, 2).unwrap();
    assert_eq!(narrowed[16..22], [19, 0, 5, 0x82, 0x40, 0x03]);
    assert_eq!(narrowed[24..26], [0x00, 0x03]);
    assert_eq!(narrowed[30..32], [0xc0, 0x03]);
    let repeated = part(&with(0x42), 0, 2).unwrap();
    assert_eq!(repeated[22..34], ports);
    let weights = with(0x02);
    let refused = restrict(&weights, 0, 2, &mut [0; 99]);
    assert_eq!(refused.unwrap_err(), error(Fault::Unwalkable));
}

#[test]
fn puncturing_patterns_are_narrowed_whether_or_not_they_list_groups() {
    let mut extensions = vec![20, 0, 6, 2];
    extensions.extend_from_slice(&[0xff, 0xff, 0x01, 0x02, 0xff, 0xf1, 0x7f, 0xff, 0xff, 0xff]);
    extensions.extend_from_slice(&[0xff, 0xfe, 0x05, 0x06, 0xff, 0xf0, 0, 0, 0, 0]);
    let section = ControlSection {
        extensions: &extensions,
        ..ControlSection::whole(2, 14)
    };
    let whole = message(0, ControlKind::Normal(0), &[section]);
    let narrowed = part(&whole, 1, 3).unwrap();
    assert_eq!(narrowed[20..22], [0x00, 0x1b]);
    assert_eq!(narrowed[22..30], extensions[6..14]);
    assert_eq!(narrowed[30..32], [0x00, 0x1a]);
    let mut broken = whole.clone();
    broken[19] = 200;
    let refused = restrict(&broken, 0, 2, &mut [0; 99]);
    assert_eq!(refused.unwrap_err(), error(Fault::Truncated));
}

#[test]
fn opaque_types_malformed_messages_and_short_buffers_are_refused() {
    let opaque = [0x90, 0, 0, 0, 1, 6, 0, 0];
    let refused = restrict(&opaque, 0, 2, &mut [0; 8]);
    assert_eq!(refused.unwrap_err(), error(Fault::Unwalkable));
    let whole = message(0, ControlKind::Normal(0), &[ControlSection::whole(1, 14)]);
    for len in 0..whole.len() {
        assert!(restrict(&whole[..len], 0, 14, &mut [0; 99]).is_err());
        assert!(restrict(&whole, 0, 14, &mut vec![0; len]).is_err());
    }
}

prop_compose! {
    fn sections()(
        fields in proptest::collection::vec(
            (1u8..=14, any::<bool>(), any::<(u16, u16)>(), proptest::option::of(1u16..=ALL_SYMBOLS)),
            1..8,
        ),
    ) -> Vec<(u8, bool, (u16, u16), Vec<u8>)> {
        fields
            .into_iter()
            .map(|(symbols, inc, prbs, mask)| {
                let extension = mask.map_or_else(Vec::new, |mask| {
                    let [high, low] = mask.to_be_bytes();
                    vec![6, 2, 0x21, 2, 3, 4, high, low]
                });
                (symbols, inc, prbs, extension)
            })
            .collect()
    }
}

proptest! {
    #[test]
    fn parts_of_a_partition_cover_exactly_the_symbols_of_each_section(
        start in 0u8..14,
        fields in sections(),
        cuts in any::<u16>(),
        prach in any::<bool>(),
    ) {
        // Masks name no symbol before startSymbolId: it is the message's lowest.
        let mut symbol = start;
        let mut fields = fields;
        for (_, inc, _, extension) in &mut fields {
            *inc &= symbol < 13 && extension.is_empty();
            symbol += u8::from(*inc);
            if let [.., high, low] = extension.as_mut_slice() {
                let mask = u16::from_be_bytes([*high, *low]) | 1 << symbol;
                [*high, *low] = (mask & (ALL_SYMBOLS << start)).to_be_bytes();
            }
        }
        let list: Vec<_> = fields
            .iter()
            .enumerate()
            .map(|(n, (symbols, inc, prbs, extension))| ControlSection {
                sym_inc: *inc,
                start_prb: prbs.0 & 0x3ff,
                beam_or_ue_id: prbs.1 & 0x7fff,
                freq_offset: -1000,
                extensions: extension,
                ..ControlSection::whole(n as u16, *symbols)
            })
            .collect();
        let timing = Timing { time_offset: 7, frame_structure: 0xc1, cp_length: 9 };
        let kind = if prach { ControlKind::Prach(timing, 0x91) } else { ControlKind::Normal(0x91) };
        let whole = message(start, kind, &list);
        let mut covered = vec![0u16; list.len()];
        let edges: Vec<u8> = (0..=14).filter(|n| matches!(n, 0 | 14) || cuts >> n & 1 == 1).collect();
        for run in edges.windows(2) {
            let range = SymbolRange::new(run[0], run[1]);
            let Some(part) = part(&whole, run[0], run[1]) else { continue };
            let (cplane, _) = Cplane::parse(&part).unwrap();
            prop_assert!(part.len() <= whole.len());
            prop_assert_eq!(cplane.sections().last().unwrap().unwrap().range().end, part.len());
            prop_assert_eq!(cplane.udcomp(), Some(0x91));
            for section in cplane.sections() {
                let section = section.unwrap();
                let n = usize::from(section.section_id());
                prop_assert_eq!(section.symbols() & !range.mask(), 0);
                prop_assert_eq!(section.symbols() & covered[n], 0);
                covered[n] |= section.symbols();
                prop_assert_eq!(section.start_prb(), list[n].start_prb);
                prop_assert_eq!(section.beam_or_ue_id(), list[n].beam_or_ue_id);
                prop_assert_eq!(section.freq_offset(), prach.then_some(-1000));
                prop_assert!(section.num_symbol() > 0);
            }
        }
        let (cplane, _) = Cplane::parse(&whole).unwrap();
        let expected: Vec<_> = cplane.sections().map(|section| section.unwrap().symbols()).collect();
        prop_assert_eq!(covered, expected);
    }

    #[test]
    fn random_messages_never_panic_and_parts_parse(
        mut message in proptest::collection::vec(any::<u8>(), 16..200),
        flags in proptest::collection::vec(0usize..200, 0..8),
        edges in any::<(u8, u8)>(),
    ) {
        (message[0], message[2], message[3]) = (0x90, message[2] & 0x7f, message[3] & 0xc7);
        (message[4], message[5]) = (message[4] & 3, [0, 1, 3, 5][usize::from(message[5] & 3)]);
        for at in flags {
            // Plausible extensions at word boundaries.
            if let Some([kind, high, low]) = message.get_mut(at / 4 * 4..).and_then(|m| m.first_chunk_mut()) {
                *kind = [0x86, 12, 0x8d, 19, 0x94, 20, 13, 7][at % 8];
                (*high, *low) = if matches!(*kind & 0x7f, 19 | 20) { (0, *low & 7) } else { (*high & 7, *low) };
            }
        }
        let mut out = vec![0; message.len()];
        if let Ok(Some(len)) = restrict(&message, edges.0 % 16, edges.1 % 16, &mut out) {
            let (cplane, _) = Cplane::parse(&out[..len]).unwrap();
            for section in cplane.sections() {
                prop_assert!(section.is_ok());
            }
        }
    }
}
