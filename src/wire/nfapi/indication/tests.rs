use super::*;
use proptest::prelude::*;

const POINT: SlotPoint = SlotPoint { sfn: 20, slot: 8 };
const HEAD: [u8; 4] = [0, 20, 0, 8];

fn with_head(rest: &[u8]) -> Vec<u8> {
    [&HEAD[..], rest].concat()
}

fn transmission(harq_id: u8) -> Transmission {
    Transmission {
        handle: 0x0102_0304,
        rnti: 0x1234,
        harq_id,
    }
}

#[test]
fn a_slot_indication_is_a_slot_alone() {
    assert_eq!(slot_indication(&HEAD, Encoding::OAI), Ok(POINT));
    assert_eq!(emit_slot(POINT, Encoding::OAI), HEAD);
    let longer = slot_indication(&with_head(&[0]), Encoding::OAI);
    assert_eq!(longer, Err(body_error(Fault::Size)));
}

#[test]
fn data_is_not_padded() {
    let pdu = [
        1, 2, 3, 4, 0x12, 0x34, 5, 0, 0, 0, 3, 9, 0, 31, 0, 7, 0xa, 0xb, 0xc,
    ];
    let body = with_head(&[&[0, 2][..], &pdu, &pdu].concat());
    let view = rx_data(&body, Encoding::OAI).unwrap();
    assert_eq!((view.point(), view.number_of_entries()), (POINT, 2));
    for entry in view.entries() {
        let entry = entry.unwrap();
        assert_eq!(entry.transmission, transmission(5));
        assert_eq!(entry.quality.timing_advance, 31);
        assert_eq!(entry.data, [0xa, 0xb, 0xc]);
    }
}

#[test]
fn the_bitmap_of_oai_is_a_byte_longer_at_multiples_of_eight() {
    for (encoding, bitmap) in [(Encoding::OAI, 2), (Encoding::SCF, 1)] {
        let entry = [&[1, 2, 3, 4, 0x12, 0x34, 5, 1, 0, 8][..], &vec![9; bitmap]].concat();
        let body = with_head(&[&[0, 1][..], &entry, &[204, 0, 31, 0, 7]].concat());
        let view = crc(&body, encoding).unwrap();
        let mut entries = view.entries();
        let found = entries.next().unwrap().unwrap();
        assert_eq!((found.status, found.bitmap.len()), (1, bitmap));
        assert_eq!(found.quality.ul_cqi, 204);
        assert!(entries.rest().is_empty());
    }
}

#[test]
fn uci_of_oai_is_not_walked_by_size() {
    let body = with_head(&[0, 2, 0, 1, 0, 6, 1, 2, 0, 2, 0, 4]);
    let unwalkable = uci(&body, Encoding::OAI).unwrap();
    assert_eq!(unwalkable.number_of_entries(), 2);
    let found: Vec<_> = unwalkable.entries().collect();
    assert_eq!(found, [Err(body_error(Fault::Unwalkable))]);
    let found: Vec<_> = uci(&body, Encoding::SCF).unwrap().entries().collect();
    let pdu = |kind, contents| Ok(UciPdu { kind, contents });
    assert_eq!(found, [pdu(1, &[1, 2][..]), pdu(2, &[])]);
}

#[test]
fn preambles_are_read_in_order() {
    let pdu = [0, 3, 2, 19, 1, 90, 80, 1, 0x11, 0, 1, 0, 0, 0x5f, 0x90];
    let body = with_head(&[&[1][..], &pdu].concat());
    let entry = rach(&body, Encoding::OAI).unwrap().entries().next();
    let entry = entry.unwrap().unwrap();
    assert_eq!((entry.phys_cell_id, entry.slot), (3, 19));
    let expected = Preamble {
        index: 17,
        timing_advance: 1,
        power: 0x5f90,
    };
    assert_eq!(entry.preambles().collect::<Vec<_>>(), [expected]);
}

#[test]
fn an_error_may_name_the_slot_that_was_expected() {
    let short = error(&with_head(&[0x80, 4]), Encoding::OAI).unwrap();
    assert_eq!(
        (short.message, short.code.name()),
        (MessageId(0x80), "SLOT_ERR")
    );
    assert_eq!(short.expected, None);
    let long = with_head(&[&[0x84, 6][..], &HEAD].concat());
    assert_eq!(error(&long, Encoding::OAI).unwrap().expected, Some(POINT));
    assert!(error(&long[..8], Encoding::OAI).is_err());
}

#[test]
fn failed_crcs_are_read_back() {
    for encoding in [Encoding::OAI, Encoding::SCF, Encoding::AERIAL] {
        let mut out = [0xee; 64];
        let failed = [transmission(1), transmission(2)];
        let len = emit_failed_crcs(POINT, failed, encoding, &mut out).unwrap();
        let view = crc(&out[..len], encoding).unwrap();
        assert_eq!((view.point(), view.number_of_entries()), (POINT, 2));
        let mut entries = view.entries();
        for expected in failed {
            let found = entries.next().unwrap().unwrap();
            assert_eq!((found.transmission, found.status), (expected, 1));
            assert_eq!(found.quality, Quality::UNKNOWN);
        }
        assert!(entries.rest().is_empty());
    }
}

#[test]
fn failed_crcs_without_room_are_not_written() {
    for len in 0..21 {
        let mut out = vec![0; len];
        let written = emit_failed_crcs(POINT, [transmission(1)], Encoding::OAI, &mut out);
        assert_eq!(written, None, "{len}");
    }
    let written = emit_failed_crcs(POINT, [transmission(1)], Encoding::OAI, &mut [0; 21]);
    assert_eq!(written, Some(21));
}

proptest! {
    #[test]
    fn any_bytes_are_walked_or_refused(rest in proptest::collection::vec(any::<u8>(), 0..120)) {
        let body = with_head(&rest);
        for encoding in [Encoding::OAI, Encoding::SCF, Encoding::AERIAL] {
            let _ = rx_data(&body, encoding).map(|view| view.entries().count());
            let _ = crc(&body, encoding).map(|view| view.entries().count());
            let _ = uci(&body, encoding).map(|view| view.entries().count());
            let _ = srs(&body, encoding).map(|view| view.entries().count());
            let _ = rach(&body, encoding)
                .map(|view| view.entries().flatten().map(|pdu| pdu.preambles().count()).sum::<usize>());
            let _ = error(&body, encoding);
        }
    }
}
