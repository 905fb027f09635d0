//! Checked messages field by field, truncations, negative cases, and random bytes.

use super::*;
use crate::ran::Direction;
use crate::wire::vectors;
use proptest::prelude::*;

/// From the radio header to the end of the eCPRI payload.
fn message(frame: &[u8]) -> Vec<u8> {
    let size = usize::from(u16::from_be_bytes([frame[20], frame[21]]));
    frame[26..22 + size].to_vec()
}

fn sections(cplane: &Cplane<'_>) -> Vec<(u16, u16, u8, u16, u8, u16)> {
    cplane
        .sections()
        .map(|section| {
            let section = section.unwrap();
            (
                section.section_id(),
                section.start_prb(),
                section.num_prb(),
                section.re_mask(),
                section.num_symbol(),
                section.beam_or_ue_id(),
            )
        })
        .collect()
}

fn walk(message: &[u8]) -> Result<usize, Fault> {
    let (cplane, _) = Cplane::parse(message).map_err(|error| error.fault)?;
    for section in cplane.sections() {
        for extension in section.map_err(|error| error.fault)?.extensions() {
            extension.map_err(|error| error.fault)?;
        }
    }
    Ok(cplane.sections().count())
}

#[test]
fn fields_of_a_message_of_type_1() {
    let message = message(&vectors::v5());
    let (cplane, rest) = Cplane::parse(&message).unwrap();
    assert_eq!(cplane.radio().direction(), Direction::Downlink);
    assert_eq!(cplane.section_type(), SectionType::Normal);
    assert_eq!(cplane.number_of_sections(), 1);
    assert_eq!(cplane.udcomp(), Some(0x91));
    assert_eq!(cplane.time_offset(), None);
    assert_eq!(rest.len(), 8);
    assert_eq!(sections(&cplane), [(1, 0, 0, 0xfff, 14, 0)]);
    let section = cplane.sections().next().unwrap().unwrap();
    assert_eq!((section.rb(), section.sym_inc()), (false, false));
    assert_eq!((section.ef(), section.freq_offset()), (false, None));
    assert_eq!((section.offset(), section.range()), (8, 8..16));
    assert_eq!(section.symbols(), ALL_SYMBOLS);
}

#[test]
fn fields_of_two_sections_and_two_extensions() {
    let message = message(&vectors::v6());
    let (cplane, _) = Cplane::parse(&message).unwrap();
    assert_eq!(
        sections(&cplane),
        [(1, 0, 100, 0xfff, 3, 0), (2, 100, 100, 0xfff, 11, 7)]
    );
    let found: Vec<_> = cplane.sections().map(Result::unwrap).collect();
    assert_eq!((found[0].range(), found[1].range()), (8..16, 16..36));
    assert_eq!(found[0].extensions().count(), 0);
    let extensions: Vec<_> = found[1].extensions().map(Result::unwrap).collect();
    let kinds: Vec<_> = extensions.iter().map(Extension::ext_type).collect();
    assert_eq!(kinds, [6, 4]);
    assert_eq!(extensions[0].range(), 24..32);
    assert_eq!(extensions[0].body(), &message[26..32]);
    assert_eq!(extensions[1].bytes(), &message[32..36]);
    assert!(extensions[0].names_symbols() && !extensions[0].speaks_for_other_eaxc());
    assert_eq!(found[0].symbols(), 0b111);
}

#[test]
fn fields_of_a_prach_request() {
    let message = message(&vectors::v7());
    let (cplane, _) = Cplane::parse(&message).unwrap();
    assert_eq!(cplane.section_type(), SectionType::Prach);
    assert_eq!(cplane.radio().filter_index(), 3);
    assert_eq!(cplane.time_offset(), Some(0));
    assert_eq!(cplane.frame_structure(), Some(0xc1));
    assert_eq!(cplane.cp_length(), Some(0));
    assert_eq!(cplane.udcomp(), Some(0x91));
    assert_eq!(sections(&cplane), [(3, 0, 12, 0xfff, 12, 0)]);
    let section = cplane.sections().next().unwrap().unwrap();
    assert_eq!(section.freq_offset(), Some(-3276));
    assert_eq!(section.range(), 12..24);
}

#[test]
fn an_extension_with_a_long_length_field_is_walked() {
    let message = message(&vectors::v8());
    let (cplane, _) = Cplane::parse(&message).unwrap();
    let section = cplane.sections().next().unwrap().unwrap();
    assert_eq!((section.num_prb(), section.num_symbol()), (100, 14));
    let extension = section.extensions().next().unwrap().unwrap();
    assert_eq!((extension.ext_type(), extension.range()), (11, 16..24));
    assert_eq!(extension.body(), [0x80, 0x64, 0, 5, 0]);
}

#[test]
fn fields_of_an_idle_message() {
    let message = message(&vectors::v9());
    let (cplane, _) = Cplane::parse(&message).unwrap();
    assert_eq!(cplane.section_type(), SectionType::Idle);
    assert_eq!(cplane.udcomp(), None);
    assert_eq!(cplane.frame_structure(), Some(0xc1));
    assert_eq!(sections(&cplane), [(0, 0, 0, 0xfff, 4, 0)]);
}

#[test]
fn every_truncation_of_every_checked_message_is_an_error() {
    for vector in [
        vectors::v5(),
        vectors::v6(),
        vectors::v7(),
        vectors::v8(),
        vectors::v9(),
    ] {
        let message = message(&vector);
        assert!(walk(&message).is_ok());
        for len in 0..message.len() {
            assert_eq!(walk(&message[..len]), Err(Fault::Truncated), "{len}");
        }
    }
}

#[test]
fn more_sections_than_the_data_holds_are_refused() {
    let mut message = message(&vectors::v5());
    message[4] = 2;
    assert_eq!(walk(&message), Err(Fault::Truncated));
    message[4] = 0;
    assert_eq!(walk(&message), Ok(0));
}

#[test]
fn an_extension_of_length_zero_or_past_the_end_is_refused() {
    let mut message = message(&vectors::v6());
    message[25] = 0;
    assert_eq!(walk(&message), Err(Fault::Size));
    message[25] = 4;
    assert_eq!(walk(&message), Err(Fault::Truncated));
}

#[test]
fn other_section_types_are_values_but_not_walked() {
    for code in (0..=255).filter(|code| !matches!(code, 0 | 1 | 3 | 5)) {
        let message = [0x90, 0, 0, 0, 0, code, 1, 2, 3];
        let (cplane, rest) = Cplane::parse(&message).unwrap();
        assert_eq!(cplane.section_type(), SectionType::Opaque(code));
        assert_eq!(cplane.section_type().code(), code);
        assert_eq!(rest, [1, 2, 3]);
        let walked: Vec<_> = cplane.sections().collect();
        assert_eq!(walked.len(), 1);
        assert!(walked[0].is_err_and(|error| error.fault == Fault::Unwalkable));
    }
}

#[test]
fn a_symbol_mask_overrides_the_number_of_symbols() {
    let mut message = message(&vectors::v6());
    (message[30], message[31]) = (0xc0, 0x18);
    let (cplane, _) = Cplane::parse(&message).unwrap();
    let section = cplane.sections().nth(1).unwrap().unwrap();
    assert_eq!(section.symbols(), 0b11000);
    assert_eq!(section.symbol_range(), SymbolRange::new(3, 5));
}

#[test]
fn a_message_with_another_port_in_an_extension_is_told_from_one_without() {
    let mut message = message(&vectors::v6());
    let speaks = |message: &[u8]| Cplane::parse(message).unwrap().0.speaks_for_other_eaxc();
    assert!(!speaks(&message));
    for kind in [7, 10, 16, 17] {
        message[32] = kind;
        assert!(speaks(&message), "{kind}");
    }
    message[5] = 6;
    assert!(!speaks(&message));
}

#[test]
fn sym_inc_moves_this_and_all_later_sections() {
    let mut message = [0x90, 0, 0, 5, 3, 1, 0, 0].to_vec();
    for flags in [0, 4, 0] {
        message.extend_from_slice(&[0, flags, 0, 0, 0xff, 0xf1, 0, 0]);
    }
    let (cplane, _) = Cplane::parse(&message).unwrap();
    let starts: Vec<_> = cplane
        .sections()
        .map(|section| section.unwrap().symbols())
        .collect();
    assert_eq!(starts, [1 << 5, 1 << 6, 1 << 6]);
    message[3] = 13;
    assert_eq!(walk(&message), Err(Fault::Range));
}

#[test]
fn a_number_of_symbols_past_the_slot_ends_with_the_slot() {
    let symbols = |start, count| {
        let message = [0x90, 0, 0, start, 1, 1, 0, 0, 0, 0, 0, 0, 0xff, count, 0, 0];
        let (cplane, _) = Cplane::parse(&message).unwrap();
        cplane.sections().next().unwrap().unwrap().symbols()
    };
    assert_eq!(symbols(12, 15), 0b11 << 12);
    assert_eq!(symbols(0, 15), ALL_SYMBOLS);
    assert_eq!(symbols(3, 0), 1 << 3);
}

#[test]
fn a_range_of_symbols_has_its_bits() {
    assert_eq!(SymbolRange::new(0, 14).mask(), ALL_SYMBOLS);
    assert_eq!(SymbolRange::new(0, 200).mask(), ALL_SYMBOLS);
    assert_eq!(SymbolRange::new(2, 5).mask(), 0b11100);
    assert_eq!(SymbolRange::new(13, 14).mask(), 1 << 13);
    for (first, end) in [(0, 0), (5, 5), (6, 5), (14, 20), (200, 255)] {
        assert!(SymbolRange::new(first, end).is_empty());
        assert_eq!(SymbolRange::new(first, end).mask(), 0);
    }
}

#[test]
fn a_section_id_is_written_without_its_neighbours() {
    let original = message(&vectors::v6());
    let mut edited = original.clone();
    set_section_id(&mut edited, 16, 0xfabc);
    let (cplane, _) = Cplane::parse(&edited).unwrap();
    assert_eq!(
        sections(&cplane),
        [(1, 0, 100, 0xfff, 3, 0), (0xabc, 100, 100, 0xfff, 11, 7)]
    );
    set_section_id(&mut edited, 16, 2);
    assert_eq!(edited, original);
    set_section_id(&mut edited, original.len() - 1, 7);
    assert_eq!(edited, original);
}

/// Bytes that often get past the header.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..300);
    (bytes, 0usize..4, 0u8..20).prop_map(|(mut bytes, kind, count)| {
        if let [first, _, time, symbol, number, section_type, ..] = bytes.as_mut_slice() {
            (*first, *time, *symbol) = (*first & 0x8f | 0x10, *time & 0x7f, *symbol & 0x07);
            (*number, *section_type) = (count, [0, 1, 3, 5][kind]);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn sections_and_extensions_of_random_bytes_stay_inside_and_in_order(message in plausible()) {
        if let Ok((cplane, _)) = Cplane::parse(&message) {
            let mut end = cplane.section_type().header_len();
            for section in cplane.sections().flatten() {
                prop_assert_eq!(section.range().start, end);
                end = section.range().end;
                prop_assert!(end <= message.len());
                let mut inner = None;
                for extension in section.extensions() {
                    let range = extension.unwrap().range();
                    prop_assert!(range.start >= section.offset() && range.end <= end);
                    inner = Some(range.end);
                }
                prop_assert!(inner.is_none_or(|inner| inner == end));
            }
        }
    }
}
