//! Packets typed by hand from RFC 9260, and random and damaged ones.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A packet of `chunks`, each padded, with its checksum.
fn packet(ports: (u16, u16), tag: u32, chunks: &[(u8, u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&ports.0.to_be_bytes());
    out.extend_from_slice(&ports.1.to_be_bytes());
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    for (kind, flags, value) in chunks {
        out.extend_from_slice(&[*kind, *flags]);
        out.extend_from_slice(&(4 + value.len() as u16).to_be_bytes());
        out.extend_from_slice(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let sum = bitwise(&out).to_le_bytes();
    out[8..12].copy_from_slice(&sum);
    out
}

/// CRC32c bit by bit.
fn bitwise(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte), |register, _| {
            (register >> 1) ^ (0x82f6_3b78 & (register & 1).wrapping_neg())
        })
    })
}

/// A value of INIT: tag, window, streams, initial TSN, parameters.
fn init(tag: u32, parameters: &[u8]) -> Vec<u8> {
    let mut value = tag.to_be_bytes().to_vec();
    value.extend_from_slice(&[0, 1, 0, 0, 0, 10, 0xff, 0xff, 0, 0, 0, 77]);
    value.extend_from_slice(parameters);
    value
}

#[test]
fn the_check_value_of_crc32c_is_that_of_the_standard() {
    assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(bitwise(b"123456789"), 0xe306_9283);
}

#[test]
fn fields_of_a_header() {
    let bytes = packet((1000, 38_472), 0x0102_0304, &[(11, 0, &[])]);
    let (view, _) = Sctp::parse(&bytes).unwrap();
    assert_eq!(
        (view.source_port(), view.destination_port()),
        (1000, 38_472)
    );
    assert_eq!(view.tag(), 0x0102_0304);
}

#[test]
fn chunks_come_in_order_without_their_padding() {
    let bytes = packet(
        (1, 2),
        3,
        &[(10, 0, &[7; 5]), (0, 3, &[9; 13]), (11, 0, &[])],
    );
    let (_, chunks) = Sctp::parse(&bytes).unwrap();
    let seen: Vec<_> = chunks.map(|c| (c.kind.0, c.flags, c.value.len())).collect();
    assert_eq!(seen, [(10, 0, 5), (0, 3, 13), (11, 0, 0)]);
}

#[test]
fn the_checksum_is_asked_for_apart() {
    let mut bytes = packet((1, 2), 3, &[(11, 0, &[])]);
    assert!(Sctp::parse(&bytes).unwrap().0.checksum_holds());
    bytes[8] ^= 1;
    assert!(!Sctp::parse(&bytes).unwrap().0.checksum_holds());
}

#[test]
fn a_last_chunk_may_come_without_its_padding() {
    let mut bytes = packet((1, 2), 3, &[(10, 0, &[7; 5])]);
    bytes.truncate(bytes.len() - 3);
    let (_, mut chunks) = Sctp::parse(&bytes).unwrap();
    assert_eq!(chunks.next().unwrap().value, [7; 5]);
    assert_eq!(chunks.next(), None);
}

#[test]
fn a_chunk_below_its_header_or_past_the_end_refuses_the_packet() {
    let whole = packet((1, 2), 3, &[(3, 0, &[0; 12]), (11, 0, &[])]);
    for (len, fault) in [(0u8, Fault::Size), (3, Fault::Size), (21, Fault::Size)] {
        let mut bytes = whole.clone();
        bytes[15] = len;
        assert_eq!(Sctp::parse(&bytes).unwrap_err(), error(fault), "{len}");
    }
}

#[test]
fn a_packet_without_chunks_is_none() {
    let bytes = packet((1, 2), 3, &[]);
    assert_eq!(Sctp::parse(&bytes).unwrap_err(), error(Fault::Truncated));
}

#[test]
fn port_0_is_refused() {
    for ports in [(0, 2), (1, 0)] {
        let bytes = packet(ports, 3, &[(11, 0, &[])]);
        assert_eq!(Sctp::parse(&bytes).unwrap_err(), error(Fault::Range));
    }
}

#[test]
fn a_walk_has_an_end() {
    let chunks = vec![(11, 0, &[][..]); MOST_CHUNKS];
    let mut bytes = packet((1, 2), 3, &chunks);
    assert!(Sctp::parse(&bytes).is_ok());
    bytes.extend_from_slice(&[11, 0, 0, 4]);
    assert_eq!(Sctp::parse(&bytes).unwrap_err(), error(Fault::Depth));
}

#[test]
fn every_truncation_is_an_error_or_ends_between_chunks() {
    let bytes = packet((1, 2), 3, &[(3, 0, &[0; 12]), (0, 3, &[0; 16])]);
    for len in 0..bytes.len() {
        assert_eq!(Sctp::parse(&bytes[..len]).is_ok(), len == 28, "{len}");
    }
}

#[test]
fn init_gives_its_tag_and_the_addresses_of_its_sender() {
    let mut parameters = vec![
        0, 5, 0, 8, 10, 30, 0, 11, 0x80, 8, 0, 6, 1, 2, 0, 0, 0, 6, 0, 20,
    ];
    parameters.extend_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]);
    let value = init(0xaabb_ccdd, &parameters);
    let (view, parameters) = Init::parse(&value).unwrap();
    assert_eq!((view.tag(), view.initial_tsn()), (0xaabb_ccdd, 77));
    let addresses: Vec<_> = parameters.addresses().map(|a| a.to_string()).collect();
    assert_eq!(addresses, ["10.30.0.11", "fd00::9"]);
}

#[test]
fn init_with_tag_0_or_cut_short_is_refused() {
    let value = init(0, &[]);
    assert_eq!(Init::parse(&value).unwrap_err(), error(Fault::Range));
    let value = init(1, &[]);
    for len in 0..16 {
        let cut = Init::parse(&value[..len]);
        assert_eq!(cut.unwrap_err(), error(Fault::Truncated));
    }
}

#[test]
fn parameters_end_at_the_first_that_is_malformed() {
    let value = init(
        1,
        &[0, 5, 0, 8, 10, 0, 0, 1, 0, 5, 0, 3, 0, 5, 0, 8, 10, 0, 0, 2],
    );
    let (_, parameters) = Init::parse(&value).unwrap();
    assert_eq!(parameters.clone().addresses().count(), 1);
    let kinds: Vec<_> = parameters.map(|tlv| tlv.is_ok()).collect();
    assert_eq!(kinds, [true, false]);
}

#[test]
fn an_address_of_a_wrong_length_is_none() {
    let value = init(1, &[0, 5, 0, 7, 10, 0, 0, 0]);
    let (_, parameters) = Init::parse(&value).unwrap();
    assert_eq!(parameters.addresses().count(), 0);
}

#[test]
fn the_tsn_is_that_of_data_sack_and_shutdown_only() {
    let value = [0, 0, 1, 2, 5, 5, 5, 5];
    for (kind, tsn) in [
        (0, Some(258)),
        (3, Some(258)),
        (7, Some(258)),
        (64, Some(258)),
        (4, None),
    ] {
        let chunk = Chunk {
            kind: ChunkType(kind),
            flags: 0,
            value: &value,
        };
        assert_eq!(chunk.tsn(), tsn, "{kind}");
    }
    let cut = Chunk {
        kind: ChunkType::SACK,
        flags: 0,
        value: &value[..3],
    };
    assert_eq!(cut.tsn(), None);
}

#[test]
fn an_abort_is_the_bytes_of_the_standard() {
    let mut out = vec![0xee];
    let abort = Abort {
        source_port: 0x1234,
        destination_port: 38_472,
        tag: 0xdead_beef,
        reflected: false,
        reason: b"lost",
    };
    abort.emit(&mut out);
    assert_eq!(out[1..9], [0x12, 0x34, 0x96, 0x48, 0xde, 0xad, 0xbe, 0xef]);
    assert_eq!(
        out[13..],
        [6, 0, 0, 12, 0, 12, 0, 8, b'l', b'o', b's', b't']
    );
    let mut zeroed = out[1..].to_vec();
    zeroed[8..12].fill(0);
    assert_eq!(out[9..13], bitwise(&zeroed).to_le_bytes());
}

#[test]
fn a_reason_is_cut_and_padded() {
    let abort = |reason| Abort {
        source_port: 1,
        destination_port: 2,
        tag: 3,
        reflected: true,
        reason,
    };
    let mut out = Vec::new();
    abort(&[b'x'; 41]).emit(&mut out);
    assert_eq!(out.len(), LONGEST_ABORT);
    let mut out = Vec::new();
    abort(b"abcde").emit(&mut out);
    assert_eq!((out.len(), &out[12..16]), (28, &[6, 1, 0, 13][..]));
    assert_eq!(out[25..], [0; 3]);
}

#[test]
fn a_packet_is_told_in_one_line() {
    let value = init(0xaabb_ccdd, &[]);
    let bytes = packet((1000, 38_472), 0, &[(1, 0, &value)]);
    let told = Sctp::parse(&bytes).unwrap().0.to_string();
    assert_eq!(
        told,
        "sctp port 1000 > 38472 tag 00000000 init gives aabbccdd | crc ok"
    );
    let mut bytes = packet(
        (1, 2),
        3,
        &[
            (3, 0, &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]),
            (14, 1, &[]),
            (99, 0, &[]),
        ],
    );
    bytes[8] ^= 1;
    let told = Sctp::parse(&bytes).unwrap().0.to_string();
    assert_eq!(
        told,
        "sctp port 1 > 2 tag 00000003 sack 9 shutdown_complete reflected type 99 | crc wrong"
    );
}

/// Whatever can be asked of a packet.
fn read(bytes: &[u8]) {
    let Ok((view, chunks)) = Sctp::parse(bytes) else {
        return;
    };
    let _ = view.to_string();
    for chunk in chunks {
        if let Ok((_, parameters)) = Init::parse(chunk.value) {
            assert!(parameters.count() <= chunk.value.len() / 4);
        }
        let _ = Tlvs::causes(chunk.value).count();
    }
}

proptest! {
    #[test]
    fn an_emitted_abort_reads_back(
        ports in (1u16.., 1u16..),
        tag in any::<u32>(),
        reflected in any::<bool>(),
        reason in vec(any::<u8>(), 0..=40),
    ) {
        let mut out = Vec::new();
        Abort { source_port: ports.0, destination_port: ports.1, tag, reflected, reason: &reason }.emit(&mut out);
        let (view, mut chunks) = Sctp::parse(&out).unwrap();
        prop_assert!(view.checksum_holds());
        prop_assert_eq!((view.source_port(), view.destination_port(), view.tag()), (ports.0, ports.1, tag));
        let chunk = chunks.next().unwrap();
        prop_assert_eq!((chunk.kind, chunk.is_reflected()), (ChunkType::ABORT, reflected));
        let cause = Tlvs::causes(chunk.value).next().unwrap().unwrap();
        prop_assert_eq!((cause.kind, cause.value), (12, &reason[..]));
        prop_assert_eq!(chunks.next(), None);
    }

    #[test]
    fn chunks_of_any_kind_and_length_read_back(
        chunks in vec((any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..40)), 1..20),
    ) {
        let written: Vec<_> = chunks.iter().map(|(k, f, v)| (*k, *f, &v[..])).collect();
        let bytes = packet((5, 6), 7, &written);
        let (view, read) = Sctp::parse(&bytes).unwrap();
        prop_assert!(view.checksum_holds());
        let read: Vec<_> = read.map(|c| (c.kind.0, c.flags, c.value)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn one_flipped_bit_is_seen_in_the_checksum(
        value in vec(any::<u8>(), 0..60),
        at in any::<usize>(),
        bit in 0u8..8,
    ) {
        let mut bytes = packet((5, 6), 7, &[(4, 0, &value)]);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok((view, _)) = Sctp::parse(&bytes) {
            prop_assert!(!view.checksum_holds());
        }
    }

    #[test]
    fn nothing_panics_on_any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn nothing_panics_on_a_damaged_packet(
        value in vec(any::<u8>(), 0..60),
        kind in any::<u8>(),
        damage in vec((any::<usize>(), any::<u8>()), 1..6),
        cut in any::<usize>(),
    ) {
        let mut bytes = packet((5, 6), 7, &[(kind, 0, &value), (1, 0, &init(9, &value)), (3, 0, &[0; 12])]);
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(cut % (bytes.len() + 1));
        read(&bytes);
    }
}
