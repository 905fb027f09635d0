//! Checked messages field by field, truncations, negative cases, and random bytes.

use super::*;
use crate::wire::vectors;
use proptest::prelude::*;

const STATIC_BFP9: Format = Format {
    header: false,
    method: 1,
    width: 9,
    length: false,
    carrier_prbs: 106,
};
const DYNAMIC: Format = Format {
    header: true,
    ..STATIC_BFP9
};

fn body(frame: &[u8]) -> Vec<u8> {
    frame[30..].to_vec()
}

/// Id, startPrbu, PRBs, range.
type Walked = (u16, u16, u16, Range<usize>);

fn walk(bytes: &[u8], format: Format) -> Result<Vec<Walked>, Fault> {
    sections(bytes, format)
        .map(|section| {
            let section = section.map_err(|error| error.fault)?;
            let place = (section.section_id(), section.start_prb());
            Ok((place.0, place.1, section.prb_count(), section.range()))
        })
        .collect()
}

#[test]
fn fields_of_a_static_section() {
    let bytes = body(&vectors::v1());
    assert_eq!(walk(&bytes, STATIC_BFP9), Ok(vec![(1, 10, 2, 0..60)]));
    let section = sections(&bytes, STATIC_BFP9).next().unwrap().unwrap();
    assert_eq!((section.rb(), section.sym_inc()), (false, false));
    assert_eq!((section.num_prb(), section.udcomp()), (2, None));
    assert_eq!(section.compression(), CompressionHeader::new(1, 9));
    assert_eq!(section.header_len(), 4);
    assert_eq!(section.data(), &bytes[4..]);
    assert_eq!(section.exponents().collect::<Vec<_>>(), [2, 0]);
    let prbs: Vec<_> = section.prbs().collect();
    assert_eq!(prbs, [&bytes[4..32], &bytes[32..60]]);
}

#[test]
fn fields_of_a_dynamic_section() {
    let bytes = body(&vectors::v2());
    assert_eq!(walk(&bytes, DYNAMIC), Ok(vec![(1, 10, 2, 0..62)]));
    let section = sections(&bytes, DYNAMIC).next().unwrap().unwrap();
    assert_eq!((section.udcomp(), section.header_len()), (Some(0x91), 6));
    assert_eq!(section.data(), &bytes[6..]);
}

#[test]
fn the_header_on_the_wire_outranks_the_configured_method() {
    let bytes = body(&vectors::v2());
    let configured = Format {
        method: 0,
        width: 16,
        ..DYNAMIC
    };
    assert_eq!(walk(&bytes, configured), Ok(vec![(1, 10, 2, 0..62)]));
}

#[test]
fn fields_of_an_uncompressed_section() {
    let bytes = body(&vectors::v3());
    let format = Format {
        method: 0,
        width: 16,
        ..STATIC_BFP9
    };
    assert_eq!(walk(&bytes, format), Ok(vec![(2, 0, 1, 0..52)]));
    let section = sections(&bytes, format).next().unwrap().unwrap();
    assert_eq!(section.data()[..4], [0xff, 0xe2, 0xff, 0xe5]);
    assert_eq!(section.exponents().count(), 0);
}

#[test]
fn sections_follow_each_other() {
    let bytes = body(&vectors::v4());
    let expected = vec![(1, 0, 1, 0..32), (2, 50, 2, 32..92)];
    assert_eq!(walk(&bytes, STATIC_BFP9), Ok(expected));
}

#[test]
fn the_largest_values_of_every_field_read_back() {
    let bytes = body(&vectors::v15());
    assert_eq!(walk(&bytes, STATIC_BFP9), Ok(vec![(0xabc, 1023, 1, 0..32)]));
    let section = sections(&bytes, STATIC_BFP9).next().unwrap().unwrap();
    assert!(section.rb() && section.sym_inc());
}

#[test]
fn dynamic_sections_of_the_other_checked_frames_are_walked() {
    for (frame, prb) in [
        (vectors::v12()[34..].to_vec(), 10),
        (vectors::v13()[30..].to_vec(), 0),
        (vectors::v14()[58..].to_vec(), 10),
    ] {
        assert_eq!(walk(&frame, DYNAMIC), Ok(vec![(1, prb, 1, 0..34)]));
    }
}

#[test]
fn every_truncation_is_an_error_or_a_shorter_list() {
    let bytes = body(&vectors::v4());
    for len in 0..bytes.len() {
        let expected = match len {
            0..4 => Ok(vec![]),
            4..32 => Err(Fault::Truncated),
            32..36 => Ok(vec![(1, 0, 1, 0..32)]),
            _ => Err(Fault::Truncated),
        };
        assert_eq!(walk(&bytes[..len], STATIC_BFP9), expected, "{len}");
    }
}

#[test]
fn up_to_three_bytes_behind_the_last_section_are_padding() {
    let mut bytes = body(&vectors::v1());
    for _ in 0..3 {
        bytes.push(0);
        assert_eq!(walk(&bytes, STATIC_BFP9), Ok(vec![(1, 10, 2, 0..60)]));
    }
    bytes.push(0);
    assert_eq!(walk(&bytes, STATIC_BFP9), Err(Fault::Truncated));
}

#[test]
fn more_prbs_than_the_data_holds_are_refused() {
    let mut bytes = body(&vectors::v1());
    bytes[3] = 3;
    assert_eq!(walk(&bytes, STATIC_BFP9), Err(Fault::Truncated));
}

#[test]
fn zero_prbs_are_all_of_the_carrier_from_its_first() {
    let mut bytes = vec![0x00, 0x10, 0x0a, 0];
    bytes.resize(4 + 51 * 28, 0);
    let carrier = |carrier_prbs| Format {
        carrier_prbs,
        ..STATIC_BFP9
    };
    let all = Ok(vec![(1, 0, 51, 0..4 + 51 * 28)]);
    assert_eq!(walk(&bytes, carrier(51)), all);
    assert_eq!(walk(&bytes, carrier(52)), Err(Fault::Truncated));
    assert_eq!(walk(&bytes, carrier(0)), Err(Fault::Unwalkable));
}

#[test]
fn reserved_methods_cannot_be_walked() {
    let mut bytes = body(&vectors::v2());
    for method in 9..16 {
        bytes[4] = 0x90 | method;
        assert_eq!(walk(&bytes, DYNAMIC), Err(Fault::Unwalkable));
    }
}

/// A section header for PRBs 3 and 4 with udCompHdr of width 9, its masks of methods 7 and 8, and data.
fn selective(method: u8, rest: &[u8]) -> Vec<u8> {
    [&[0, 0x10, 3, 2, 0x90 | method, 0], rest].concat()
}

#[test]
fn masks_in_each_prb_give_its_length() {
    // 1 element takes 3 bytes, 2 take 5.
    for method in [5, 6] {
        let mut bytes = selective(method, &[0x03, 0x01, 9, 9, 9, 0x17, 0x01, 8, 8, 8, 8, 8]);
        assert_eq!(walk(&bytes, DYNAMIC), Ok(vec![(1, 3, 2, 0..18)]));
        let section = sections(&bytes, DYNAMIC).next().unwrap().unwrap();
        let lengths: Vec<_> = section.prbs().map(<[u8]>::len).collect();
        assert_eq!(lengths, [5, 7]);
        let exponents: Vec<_> = section.exponents().collect();
        assert_eq!(exponents, if method == 5 { vec![3, 7] } else { vec![] });
        bytes.pop();
        assert_eq!(walk(&bytes, DYNAMIC), Err(Fault::Truncated));
    }
}

#[test]
fn masks_in_the_section_header_alternate_by_prb_number() {
    // Even PRBs 1 element, odd ones 2. The section starts at PRB 3.
    let masks = [0, 0x01, 0x08, 0x01];
    let lengths = |bytes: &[u8]| {
        let section = sections(bytes, DYNAMIC).next().unwrap().unwrap();
        assert_eq!(section.header_len(), 10);
        section.prbs().map(<[u8]>::len).collect::<Vec<_>>()
    };
    let bfp = selective(7, &[masks.as_slice(), &[0; 10]].concat());
    assert_eq!(lengths(&bfp), [6, 4]);
    let modulation = selective(8, &[masks.as_slice(), &[0; 8]].concat());
    assert_eq!(lengths(&modulation), [5, 3]);
    let mut every_other = selective(8, &[masks.as_slice(), &[0; 6]].concat());
    every_other[1] |= 0x08;
    assert_eq!(lengths(&every_other), [3, 3]);
}

#[test]
fn a_length_field_outranks_walking() {
    let format = Format {
        length: true,
        ..DYNAMIC
    };
    let with = |len: u8| selective(6, &[&[0, len], [0; 12].as_slice()].concat());
    assert_eq!(walk(&with(20), format), Ok(vec![(1, 3, 2, 0..20)]));
    assert_eq!(walk(&with(21), format), Err(Fault::Truncated));
    assert_eq!(walk(&with(7), format), Err(Fault::Size));
    assert_eq!(
        walk(&body(&vectors::v2()), format),
        walk(&body(&vectors::v2()), DYNAMIC)
    );
}

#[test]
fn a_section_id_is_written_without_its_neighbours() {
    let mut bytes = body(&vectors::v4());
    set_section_id(&mut bytes, 32, 0xfed);
    let expected = vec![(1, 0, 1, 0..32), (0xfed, 50, 2, 32..92)];
    assert_eq!(walk(&bytes, STATIC_BFP9), Ok(expected));
}

proptest! {
    #[test]
    fn sections_of_random_bytes_stay_inside_and_in_order(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        (header, length) in any::<(bool, bool)>(),
        (method, width) in (0u8..10, 0u8..=17),
        carrier_prbs in prop_oneof![Just(0), Just(11), Just(u16::MAX)],
        small in any::<bool>(),
    ) {
        let mut bytes = bytes;
        if let (true, Some(count)) = (small, bytes.get_mut(3)) {
            *count &= 3;
        }
        let format = Format { header, method, width, length, carrier_prbs };
        let mut end = 0;
        for section in sections(&bytes, format).flatten() {
            prop_assert_eq!(section.range().start, end);
            end = section.range().end;
            prop_assert!(end <= bytes.len());
            let inside: usize = section.prbs().map(<[u8]>::len).sum();
            prop_assert!(inside <= section.data().len());
            prop_assert!(section.exponents().count() <= usize::from(section.prb_count()));
        }
        prop_assert!(sections(&bytes, format).count() <= bytes.len() / 4);
    }
}
