use super::*;
use proptest::prelude::*;

/// NULL DL_TTI for SFN 0 slot 0 as OAI sends it.
const NULL_DL_TTI: [u8; 24] = [
    0, 1, 0, 0x80, 0, 0, 0, 0x18, 0, 0, 0x73, 0x40, 0x5a, 0x75, 0, 0, 0, 0x2e, 0, 0, 0, 0, 0, 0,
];

const HEAD: Head = Head {
    phy: PhyId(7),
    message: MessageId::TX_DATA_REQUEST,
};

fn fault(datagram: &[u8], dialect: Dialect) -> Fault {
    let refused = Datagram::parse(datagram, dialect, Check::Verify).unwrap_err();
    assert_eq!(refused.layer, Layer::P7);
    refused.fault
}

fn emitted(dialect: Dialect, piece: Piece, body: &[u8]) -> Vec<u8> {
    let header = Header {
        head: HEAD,
        piece,
        timestamp: 5_000_123,
    };
    let mut out = [0xee; 64];
    let len = header.emit(dialect, &[body], &mut out).unwrap();
    assert_eq!(len, piece.header_len(dialect));
    [&out[..len], body].concat()
}

#[test]
fn fields_of_an_oai_datagram() {
    let (view, body) = Datagram::parse(&NULL_DL_TTI, Dialect::OaiNfapi, Check::Verify).unwrap();
    let head = view.head.unwrap();
    assert_eq!(head.phy, PhyId(1));
    assert_eq!(head.message, MessageId::DL_TTI_REQUEST);
    assert_eq!(
        view.piece,
        Piece::Numbered {
            sequence: 0,
            number: 0,
            more: false
        }
    );
    assert_eq!(view.timestamp, 46);
    assert!(view.is_whole());
    assert_eq!(body, [0; 6]);
}

#[test]
fn fields_of_an_scf_datagram() {
    let bytes = [
        0x12, 0x34, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 9, 1, 3, 0, 0x80, 0, 0, 0, 6, 0, 5, 0, 6, 0,
        0,
    ];
    let (view, body) = Datagram::parse(&bytes, Dialect::Scf225v2, Check::Verify).unwrap();
    let head = view.head.unwrap();
    assert_eq!(
        (head.phy, head.message),
        (PhyId(3), MessageId::DL_TTI_REQUEST)
    );
    assert_eq!(
        view.piece,
        Piece::Placed {
            sequence: 0x1234,
            offset: 0,
            total: 6
        }
    );
    assert_eq!((view.timestamp, body.len()), (9, 6));
    assert!(view.is_whole());
}

#[test]
fn fields_of_a_plain_message_in_both_orders() {
    let big = [1, 2, 0, 0x82, 0, 0, 0, 4, 3, 9, 0, 18];
    let little = [1, 2, 0x82, 0, 4, 0, 0, 0, 9, 3, 18, 0];
    for (bytes, dialect) in [(big, Dialect::FapiBig), (little, Dialect::FapiLittle)] {
        let (view, body) = Datagram::parse(&bytes, dialect, Check::Verify).unwrap();
        let head = view.head.unwrap();
        assert_eq!(
            (head.phy, head.message),
            (PhyId(2), MessageId::SLOT_INDICATION)
        );
        assert_eq!((view.piece, body.len()), (Piece::Whole, 4));
    }
}

#[test]
fn a_later_piece_of_scf_says_neither_message_nor_phy() {
    let piece = Piece::Placed {
        sequence: 9,
        offset: 1450,
        total: 1460,
    };
    let bytes = emitted(Dialect::Scf225v2, piece, &[5; 10]);
    assert_eq!(bytes.len(), 24);
    assert_eq!(bytes[2..10], [0, 0, 0x05, 0xbc, 0, 0, 0x05, 0xb2]);
    let (view, body) = Datagram::parse(&bytes, Dialect::Scf225v2, Check::Verify).unwrap();
    assert_eq!((view.head, view.piece), (None, piece));
    assert_eq!(body, [5; 10]);
    assert!(!view.is_whole());
}

#[test]
fn a_length_that_is_not_the_datagrams_is_refused() {
    let mut longer = NULL_DL_TTI.to_vec();
    longer.push(0);
    assert_eq!(fault(&longer, Dialect::OaiNfapi), Fault::Size);
    assert_eq!(fault(&NULL_DL_TTI[..23], Dialect::OaiNfapi), Fault::Size);
    for dialect in [Dialect::FapiBig, Dialect::FapiLittle] {
        let bytes = emitted(dialect, Piece::Whole, &[0; 9]);
        assert_eq!(fault(&bytes[..16], dialect), Fault::Size);
    }
}

#[test]
fn an_scf_piece_that_leaves_its_message_is_refused() {
    let whole = emitted(
        Dialect::Scf225v2,
        Piece::uncut(Dialect::Scf225v2, 1, 6),
        &[0; 6],
    );
    let mut edited = whole.clone();
    edited[5] = 13; // total SDU length
    assert_eq!(fault(&edited, Dialect::Scf225v2), Fault::Size);
    edited[5] = 7;
    assert_eq!(fault(&edited, Dialect::Scf225v2), Fault::Size);
    for offset in [1, 8, 15] {
        let mut edited = whole.clone();
        edited[9] = offset;
        assert_eq!(fault(&edited, Dialect::Scf225v2), Fault::Size, "{offset}");
    }
    assert_eq!(fault(&whole[..21], Dialect::Scf225v2), Fault::Truncated);
}

#[test]
fn a_wrong_checksum_is_refused_unless_it_is_ignored() {
    for at in [0, 3, 9, 10, 18, 23] {
        let mut damaged = NULL_DL_TTI;
        damaged[at] ^= 4;
        assert_eq!(fault(&damaged, Dialect::OaiNfapi), Fault::Checksum, "{at}");
        assert!(Datagram::parse(&damaged, Dialect::OaiNfapi, Check::Ignore).is_ok());
    }
}

#[test]
fn the_timestamp_is_not_covered() {
    let mut datagram = NULL_DL_TTI;
    datagram[16] = 9;
    let (view, _) = Datagram::parse(&datagram, Dialect::OaiNfapi, Check::Verify).unwrap();
    assert_eq!(view.timestamp, 0x092e);
}

#[test]
fn an_id_of_the_other_interface_is_refused() {
    let mut datagram = NULL_DL_TTI;
    datagram[3] = 2;
    set_checksum(&mut datagram);
    assert_eq!(fault(&datagram, Dialect::OaiNfapi), Fault::Range);
}

#[test]
fn a_set_of_several_plain_messages_is_refused() {
    let mut bytes = emitted(Dialect::FapiBig, Piece::Whole, &[0; 6]);
    bytes[0] = 2;
    assert_eq!(fault(&bytes, Dialect::FapiBig), Fault::Range);
}

#[test]
fn the_header_of_2024_is_told_from_damage() {
    let mut old = vec![0, 1, 0, 0x82, 0, 20, 0, 0];
    old.resize(20, 0);
    assert_eq!(fault(&old, Dialect::OaiNfapi), Fault::OldHeader);
    old[5] = 21;
    assert_eq!(fault(&old, Dialect::OaiNfapi), Fault::Size);
    let bodiless = [0, 1, 1, 0x81, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(fault(&bodiless, Dialect::OaiNfapi), Fault::OldHeader);
}

#[test]
fn what_a_dialect_cannot_say_is_not_emitted() {
    let header = |piece, phy| Header {
        head: Head {
            phy: PhyId(phy),
            ..HEAD
        },
        piece,
        timestamp: 0,
    };
    let numbered = |number| Piece::Numbered {
        sequence: 0,
        number,
        more: false,
    };
    let placed = Piece::uncut(Dialect::Scf225v2, 0, 3);
    for (dialect, piece, phy, len, expected) in [
        (Dialect::OaiNfapi, numbered(128), 0, 32, Fault::Range),
        (Dialect::OaiNfapi, Piece::Whole, 0, 32, Fault::Range),
        (Dialect::OaiNfapi, numbered(0), 0, 17, Fault::Truncated),
        (Dialect::Scf225v2, placed, 256, 32, Fault::Range),
        (Dialect::Scf225v2, placed, 255, 21, Fault::Truncated),
        (Dialect::Scf225v2, numbered(0), 0, 32, Fault::Range),
        (Dialect::FapiLittle, Piece::Whole, 256, 32, Fault::Range),
        (Dialect::FapiBig, placed, 0, 32, Fault::Range),
        (Dialect::FapiBig, Piece::Whole, 0, 7, Fault::Truncated),
    ] {
        let mut out = [0; 32];
        let emitted = header(piece, phy).emit(dialect, &[&[1, 2, 3]], &mut out[..len]);
        assert_eq!(emitted, Err(error(expected)), "{dialect:?} {piece:?} {phy}");
    }
    let beyond = Piece::uncut(Dialect::Scf225v2, 0, 2);
    let emitted = header(beyond, 0).emit(Dialect::Scf225v2, &[&[1, 2, 3]], &mut [0; 32]);
    assert_eq!(emitted, Err(error(Fault::Size)));
}

#[test]
fn every_truncation_is_an_error() {
    for dialect in Dialect::ALL {
        let bytes = emitted(dialect, Piece::uncut(dialect, 3, 6), &[0; 6]);
        for len in 0..bytes.len() {
            let parsed = Datagram::parse(&bytes[..len], dialect, Check::Ignore);
            // A first piece of SCF 225 may hold less than its message.
            let whole = parsed.is_ok_and(|(view, _)| view.is_whole());
            assert!(!whole, "{dialect:?} {len}");
        }
    }
}

#[test]
fn an_edit_changes_its_field_and_the_checksum_alone() {
    let mut datagram = NULL_DL_TTI;
    set_number_and_phy(&mut datagram, Dialect::OaiNfapi, 0x1ff, PhyId(0x0203)).unwrap();
    let (view, _) = Datagram::parse(&datagram, Dialect::OaiNfapi, Check::Verify).unwrap();
    assert_eq!(view.piece.sequence(), Some(255));
    assert_eq!(view.head.unwrap().phy, PhyId(0x0203));
    let changed = (0..24).filter(|at| datagram[*at] != NULL_DL_TTI[*at]);
    assert!(changed.eq([0, 1, 9, 10, 11, 12, 13]));
}

#[test]
fn edits_reach_the_fields_of_the_other_dialects() {
    for dialect in [Dialect::Scf225v2, Dialect::FapiBig, Dialect::FapiLittle] {
        let mut bytes = emitted(dialect, Piece::uncut(dialect, 3, 6), &[0; 6]);
        set_number_and_phy(&mut bytes, dialect, 0xabcd, PhyId(200)).unwrap();
        assert!(set_number_and_phy(&mut bytes, dialect, 1, PhyId(256)).is_err());
        let (view, _) = Datagram::parse(&bytes, dialect, Check::Verify).unwrap();
        assert_eq!(view.head.unwrap().phy, PhyId(200));
        let expected = (dialect == Dialect::Scf225v2).then_some(0xabcd);
        assert_eq!(view.piece.sequence(), expected);
    }
}

#[test]
fn a_later_piece_of_scf_keeps_its_bytes_when_a_phy_is_set() {
    let piece = Piece::Placed {
        sequence: 9,
        offset: 5,
        total: 60,
    };
    let bytes = emitted(Dialect::Scf225v2, piece, &[5; 10]);
    let mut edited = bytes.clone();
    set_number_and_phy(&mut edited, Dialect::Scf225v2, 9, PhyId(3)).unwrap();
    assert_eq!(edited, bytes);
}

#[test]
fn an_edit_leaves_a_wrong_checksum_wrong() {
    let mut datagram = NULL_DL_TTI;
    datagram[20] ^= 1;
    set_number_and_phy(&mut datagram, Dialect::OaiNfapi, 77, HEAD.phy).unwrap();
    assert_eq!(fault(&datagram, Dialect::OaiNfapi), Fault::Checksum);
}

proptest! {
    #[test]
    fn what_is_emitted_is_read_back(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        sequence in any::<u16>(),
        which in 0usize..4,
    ) {
        let dialect = Dialect::ALL[which];
        let piece = Piece::uncut(dialect, sequence, body.len() as u32);
        let bytes = emitted(dialect, piece, &body);
        let (view, rest) = Datagram::parse(&bytes, dialect, Check::Verify).unwrap();
        prop_assert_eq!(view.head, Some(HEAD));
        prop_assert_eq!(view.piece, piece);
        prop_assert_eq!(rest, &body[..]);
        let stamped = matches!(dialect, Dialect::OaiNfapi | Dialect::Scf225v2);
        prop_assert_eq!(view.timestamp, if stamped { 5_000_123 } else { 0 });
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_can_be_edited(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..60),
        which in 0usize..4,
    ) {
        let dialect = Dialect::ALL[which];
        let _ = Datagram::parse(&bytes, dialect, Check::Ignore);
        let _ = set_number_and_phy(&mut bytes, dialect, 3, PhyId(3));
        set_checksum(&mut bytes);
    }
}

#[test]
fn a_datagram_of_which_the_head_is_at_hand_reads_as_the_whole() {
    let body: Vec<u8> = (0..40).collect();
    for dialect in Dialect::ALL {
        let whole = emitted(dialect, Piece::uncut(dialect, 9, 40), &body);
        let at_hand = dialect.p7_header_len() + 6;
        let (head, checksum) =
            Datagram::parse_head(&whole[..at_hand], whole.len(), dialect).unwrap();
        let (view, _) = Datagram::parse(&whole, dialect, Check::Verify).unwrap();
        assert_eq!(
            head,
            Datagram {
                body: &body[..6],
                ..view
            }
        );
        assert_eq!(checksum.is_some(), dialect == Dialect::OaiNfapi);
        for there in [whole.len() - 1, whole.len() + 1] {
            let told = Datagram::parse_head(&whole[..at_hand], there, dialect);
            assert!(told.is_err() || dialect == Dialect::Scf225v2 && there < whole.len());
        }
    }
}

#[test]
fn a_checksum_is_led_over_a_body_piece_by_piece() {
    let body: Vec<u8> = (0..40).collect();
    let dialect = Dialect::OaiNfapi;
    let whole = emitted(dialect, Piece::uncut(dialect, 9, 40), &body);
    let (_, checksum) = Datagram::parse_head(&whole[..OAI_LEN], whole.len(), dialect).unwrap();
    let checksum = checksum.unwrap();
    let led = |pieces: [&[u8]; 2]| {
        let mut sum = checksum.begin();
        pieces.iter().for_each(|piece| sum.over(piece));
        checksum.holds(sum)
    };
    assert!(led([&body[..7], &body[7..]]));
    assert!(!led([&body[..7], &body[8..]]));
}
