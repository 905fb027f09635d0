//! Every message of pcap-fixtures/nfapi, which OAI's own library packed and cut, against its manifest: headers,
//! checksums, slots, PDUs, groups, pieces and NULLs; and every view against damage.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/nfapi.rs"]
mod support;

use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use ranshift::ran::SlotPoint;
use ranshift::wire::nfapi::indication::{self, ErrorCode};
use ranshift::wire::nfapi::limits::{Excess, Limits};
use ranshift::wire::nfapi::null::Null;
use ranshift::wire::nfapi::p5::{P5Body, Setting, tag};
use ranshift::wire::nfapi::p5_header::P5Header;
use ranshift::wire::nfapi::request::{Request, TxData};
use ranshift::wire::nfapi::segment::Segments;
use ranshift::wire::nfapi::sync::{DlNodeSync, TimingInfo, UlNodeSync};
use ranshift::wire::nfapi::{
    Check, Datagram, Dialect, Encoding, Header, MessageId, PhyId, Piece, describe, header, slot,
};
use ranshift::wire::{Fault, Layer, WireError};
use std::net::IpAddr;
use support::{Vector, named, vectors};

const OVERFLOW: &str = "tx_data_230k_overflow.hex";

/// The datagrams of a P7 or FAPI vector, read.
fn read(vector: &Vector) -> Vec<Datagram<'_>> {
    let parse = |datagram| {
        Datagram::parse(datagram, vector.dialect, Check::Verify)
            .unwrap()
            .0
    };
    vector
        .datagrams
        .iter()
        .map(|datagram| parse(datagram))
        .collect()
}

/// The body of a P7 or FAPI message that came in order; pieces that are not numbered 0, 1, 2 .. to the only one
/// without M are no message.
fn body(vector: &Vector) -> Option<Vec<u8>> {
    let pieces = read(vector);
    let last = pieces.len() - 1;
    let in_order = pieces
        .iter()
        .enumerate()
        .all(|(index, view)| match view.piece {
            Piece::Numbered { number, more, .. } => {
                usize::from(number) == index && more == (index < last)
            }
            Piece::Whole => last == 0,
            Piece::Placed { .. } => false,
        });
    in_order.then(|| pieces.iter().flat_map(|view| view.body.to_vec()).collect())
}

/// P7 and plain FAPI vectors that are messages, with their bodies.
fn slot_messages() -> impl Iterator<Item = (Vector, Vec<u8>)> {
    let vectors = vectors().into_iter();
    vectors
        .filter(|vector| !vector.is_p5() && vector.file != OVERFLOW)
        .map(|vector| {
            let body = body(&vector).unwrap();
            (vector, body)
        })
}

fn point(vector: &Vector) -> Option<SlotPoint> {
    Some(SlotPoint {
        sfn: vector.number("sfn")? as u16,
        slot: vector.number("slot")? as u16,
    })
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn every_header_says_what_the_manifest_says() {
    let mut datagrams = 0;
    for vector in vectors().iter().filter(|vector| !vector.is_p5()) {
        for (index, view) in read(vector).into_iter().enumerate() {
            datagrams += 1;
            let head = view.head.unwrap();
            assert_eq!(head.message, vector.message, "{}", vector.file);
            assert_eq!(head.message.name(vector.dialect), vector.told["message"]);
            assert_eq!(u64::from(head.phy.0), vector.number("phy_id").unwrap());
            if vector.is_p7() {
                let sequence = view.piece.sequence().map(u64::from);
                assert_eq!(sequence, vector.number("sequence"));
                // OAI's VNF stamps each segment when it sends it; the manifest has the first.
                let timestamp = vector.number("transmit_timestamp").unwrap();
                let later = u64::from(view.timestamp) - timestamp;
                assert!(later < 1000 && (later == 0 || index > 0));
            }
            assert_eq!(view.is_whole(), vector.datagrams.len() == 1);
        }
        let lengths = vector.told["datagram_lengths"].as_array().unwrap();
        let ends = [vector.datagrams.first(), vector.datagrams.last()];
        let ends = ends.map(|end| Some(end.unwrap().len() as u64));
        assert_eq!(
            ends,
            [lengths[0].as_u64(), lengths[lengths.len() - 1].as_u64()]
        );
    }
    assert_eq!(datagrams, 383 + 1 + 3 + 1 + 26);
}

#[test]
fn every_body_put_together_is_the_one_that_was_packed() {
    for (vector, body) in slot_messages() {
        let header = vector.dialect.p7_header_len() as u64;
        let packed = vector.number("total_packed_length").unwrap();
        assert_eq!(body.len() as u64 + header, packed, "{}", vector.file);
        if vector.is_p7() {
            let digest = vector.told["reassembled_body_sha256"].as_str();
            assert_eq!(Some(&*sha256(&body)), digest, "{}", vector.file);
        }
        if vector.message.has_slot() && vector.number("sfn").is_some() {
            let order = vector.dialect.encoding().order;
            let (found, _) = slot::parse(&body, order).unwrap();
            assert_eq!(Some(found), point(&vector), "{}", vector.file);
        }
    }
}

#[test]
fn every_message_cut_again_under_the_times_it_was_sent_is_the_same_datagrams() {
    for (vector, body) in slot_messages() {
        let first = read(&vector)[0];
        let sequence = first.piece.sequence().unwrap_or_default();
        let size = vector.number("segment_size_limit").unwrap_or(65_000) as usize;
        let segments = Segments::new(vector.dialect, sequence, body.len(), size).unwrap();
        assert_eq!(segments.len(), vector.datagrams.len(), "{}", vector.file);
        for ((segment, original), sent) in segments.zip(&vector.datagrams).zip(read(&vector)) {
            let header = Header {
                head: first.head.unwrap(),
                piece: segment.piece,
                timestamp: sent.timestamp,
            };
            let piece = &body[segment.range];
            let mut room = [0; 32];
            // In two slices, as a body lies in a chain of buffers.
            let (one, two) = piece.split_at(piece.len() / 3);
            let len = header.emit(vector.dialect, &[one, two], &mut room).unwrap();
            assert!(
                [&room[..len], piece].concat() == *original,
                "{}",
                vector.file
            );
        }
    }
}

#[test]
fn every_message_survives_the_header_of_the_other_dialect() {
    for (vector, body) in slot_messages().filter(|(vector, _)| vector.is_p7()) {
        let first = read(&vector)[0];
        let mut copy: Vec<u8> = Vec::new();
        for segment in Segments::new(Dialect::Scf225v2, 0x1234, body.len(), 1472).unwrap() {
            let header = Header {
                head: first.head.unwrap(),
                piece: segment.piece,
                timestamp: first.timestamp,
            };
            let mut datagram = vec![0; segment.piece.header_len(Dialect::Scf225v2)];
            let piece = &body[segment.range.clone()];
            header
                .emit(Dialect::Scf225v2, &[piece], &mut datagram)
                .unwrap();
            datagram.extend(piece);
            assert!(datagram.len() <= 1472);
            let (view, piece) =
                Datagram::parse(&datagram, Dialect::Scf225v2, Check::Verify).unwrap();
            assert_eq!(view.piece, segment.piece);
            assert_eq!(view.head, first.head.filter(|_| segment.range.start == 0));
            copy.extend(piece);
        }
        assert!(copy == body, "{}", vector.file);
    }
}

#[test]
fn a_message_of_more_than_128_segments_is_refused_both_ways() {
    let vector = named("tx_data_230k_overflow");
    assert_eq!(body(&vector), None, "its segment numbers start again at 0");
    let numbers: Vec<_> = read(&vector)
        .iter()
        .map(|view| match view.piece {
            Piece::Numbered { number, .. } => number,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers[127..130], [127, 0, 1]);
    let length = vector.number("reassembled_body_length").unwrap() as usize;
    let refused = Segments::new(Dialect::OaiNfapi, 36, length, 1472).unwrap_err();
    let expected = WireError {
        layer: Layer::P7,
        fault: Fault::Segments,
    };
    assert_eq!(refused, expected);
    assert!(Segments::new(Dialect::Scf225v2, 36, length, 1472).is_ok());
}

#[test]
fn requests_have_the_pdus_and_groups_of_the_manifest() {
    let mut walked = 0;
    for (vector, body) in slot_messages() {
        let encoding = vector.dialect.encoding();
        let Ok((view, _)) = Request::parse(&body, vector.message, encoding) else {
            continue;
        };
        assert_eq!(Some(view.number_of_pdus().into()), vector.number("npdus"));
        let groups = vector.number("ngroups").unwrap_or(0);
        assert_eq!(u64::from(view.number_of_groups()), groups);
        let pdus: Vec<_> = view.pdus().map(Result::unwrap).collect();
        for pdu in &pdus {
            // The shape is `Some` only if the fields end where the PDU does.
            assert!(pdu.shape(encoding).unwrap().is_some(), "{}", vector.file);
        }
        walked += pdus.len();
        let found = view.groups().unwrap();
        if let Some(told) = vector.told["pdus_type_size"].as_array() {
            let sizes = pdus
                .iter()
                .map(|pdu| [u64::from(pdu.kind.code()), pdu.size() as u64]);
            let told = told
                .iter()
                .map(|pair| [0, 1].map(|n| pair[n].as_u64().unwrap()));
            assert!(sizes.eq(told), "{}", vector.file);
            let behind = vector.number("bytes_after_last_pdu");
            assert_eq!(Some(found.size() as u64), behind, "{}", vector.file);
        }
        assert_eq!(found.count() as u64, groups);
        assert_eq!(view.is_null(), pdus.is_empty());
    }
    assert_eq!(walked, 125 + 20);
}

#[test]
fn tx_data_has_the_pdus_of_the_manifest_and_nothing_behind() {
    for (vector, body) in slot_messages() {
        if vector.message != MessageId::TX_DATA_REQUEST {
            continue;
        }
        let encoding = vector.dialect.encoding();
        let (view, _) = TxData::parse(&body, encoding).unwrap();
        assert_eq!(Some(view.number_of_pdus().into()), vector.number("npdus"));
        let mut pdus = view.pdus();
        for pdu in pdus.by_ref() {
            let tlvs = pdu.unwrap().tlvs();
            assert!(tlvs.map(Result::unwrap).all(|tlv| !tlv.value.is_empty()));
        }
        assert!(pdus.rest().is_empty(), "{}", vector.file);
    }
    let vector = named("tx_data_1x129");
    let body = body(&vector).unwrap();
    let (view, _) = TxData::parse(&body, Encoding::OAI).unwrap();
    let pdu = view.pdus().next().unwrap().unwrap();
    assert_eq!(pdu.tlvs().next().unwrap().unwrap().value.len(), 129);
}

#[test]
fn indications_have_the_entries_of_the_manifest_and_nothing_behind() {
    let mut seen = 0;
    for (vector, body) in slot_messages() {
        let encoding = vector.dialect.encoding();
        macro_rules! walk {
            ($read:path) => {{
                let view = $read(&body, encoding).unwrap();
                let mut entries = view.entries();
                let count = entries.by_ref().map(Result::unwrap).count();
                (count as u64, entries.rest().len())
            }};
        }
        let (count, behind) = match vector.message {
            MessageId::RX_DATA_INDICATION => walk!(indication::rx_data),
            MessageId::CRC_INDICATION => walk!(indication::crc),
            MessageId::SRS_INDICATION => walk!(indication::srs),
            MessageId::RACH_INDICATION => walk!(indication::rach),
            MessageId::UCI_INDICATION => {
                let view = indication::uci(&body, encoding).unwrap();
                (view.number_of_entries().into(), 0)
            }
            MessageId::SLOT_INDICATION => {
                indication::slot_indication(&body, encoding).unwrap();
                continue;
            }
            _ => continue,
        };
        seen += 1;
        assert_eq!(
            (Some(count), behind),
            (vector.number("npdus"), 0),
            "{}",
            vector.file
        );
    }
    assert_eq!(seen, 14);
}

#[test]
fn errors_and_clocks_say_what_the_manifest_notes() {
    for name in ["fapi_be_error_ind", "fapi_le_error_ind"] {
        let vector = named(name);
        let error = indication::error(&body(&vector).unwrap(), vector.dialect.encoding()).unwrap();
        assert_eq!(error.point, SlotPoint { sfn: 10, slot: 16 });
        assert_eq!((error.message, error.code), (MessageId(0x80), ErrorCode(4)));
    }
    let sync = |name| body(&named(name)).unwrap();
    let question = DlNodeSync::parse(&sync("dl_node_sync"), Encoding::OAI).unwrap();
    assert_eq!(
        (question.t1, question.delta, question.scs),
        (5_000_123, 0, None)
    );
    let answer = UlNodeSync::parse(&sync("ul_node_sync"), Encoding::OAI).unwrap();
    assert_eq!(
        [answer.t1, answer.t2, answer.t3],
        [5_000_123, 5_000_340, 5_000_395]
    );
    let vector = named("timing_info");
    let info = TimingInfo::parse(&body(&vector).unwrap(), Encoding::OAI).unwrap();
    assert_eq!((info.last, info.since_ms), (point(&vector), 320));
    assert_eq!(info.jitter, [11, 12, 13, 14]);
    assert_eq!(info.latest, [-101, -102, 103, -104]);
    assert_eq!(info.earliest, [201, 202, -203, 204]);
}

#[test]
fn nulls_are_the_bytes_that_oai_packs() {
    let mut compared = 0;
    for vector in vectors() {
        let original = match vector.file.strip_suffix("_null.hex") {
            Some(pair) if pair.starts_with("pair_") => named(&format!("{pair}_orig")),
            _ if vector.file.contains("_null") => named(vector.file.trim_end_matches(".hex")),
            _ => continue,
        };
        let view = read(&original)[0];
        let encoding = vector.dialect.encoding();
        let (point, _) = slot::parse(view.body, encoding.order).unwrap();
        let head = view.head.unwrap();
        let null = Null {
            message: head.message,
            phy: head.phy,
            sequence: view.piece.sequence().unwrap_or_default(),
            timestamp: view.timestamp,
        };
        let made = null.datagram(vector.dialect, encoding, point).unwrap();
        assert_eq!(made.as_slice(), vector.datagrams[0], "{}", vector.file);
        compared += 1;
    }
    assert_eq!(compared, 6 + 4 + 6);
}

#[test]
fn p5_messages_are_framed_and_walked_to_their_end() {
    let tlvs = |name: &str, expected: usize, told: Option<u8>| {
        let vector = named(name);
        let message = &vector.datagrams[0];
        let (header, body) = P5Header::parse(message, vector.dialect).unwrap();
        let (view, _) = P5Body::parse(body, header.head.message, Encoding::OAI).unwrap();
        assert_eq!(view.tlvs().map(Result::unwrap).count(), expected, "{name}");
        assert_eq!(view.number_of_tlvs(), told, "{name}");
    };
    for vector in vectors().iter().filter(|vector| vector.is_p5()) {
        let message = &vector.datagrams[0];
        let (header, body) = P5Header::parse(message, vector.dialect).unwrap();
        assert_eq!(header.head.message, vector.message);
        assert_eq!(
            header.head.message.name(vector.dialect),
            vector.told["message"]
        );
        assert_eq!(Some(u64::from(header.head.phy.0)), vector.number("phy_id"));
        let mut stream = message.clone();
        stream.extend(message);
        let frame = P5Header::frame(&stream, vector.dialect);
        assert_eq!(frame, Ok(Some(message.len())), "{}", vector.file);
        let mut room = [0; 10];
        header
            .emit(vector.dialect, body.len() as u32, &mut room)
            .unwrap();
        assert_eq!(room, message[..10]);
        let (view, _) = P5Body::parse(body, vector.message, Encoding::OAI).unwrap();
        let expected = match &*vector.file {
            "p5_param_response.hex" => Some(ErrorCode(1)), // random values
            file => file.contains("_response").then_some(ErrorCode::OK),
        };
        assert_eq!(view.error(), expected, "{}", vector.file);
    }
    tlvs("p5_config_request_tdd", 570, Some(58));
    tlvs("p5_config_request_fdd", 104, Some(105));
    tlvs("p5_param_response", 54, Some(54));
    tlvs("p5_pnf_param_response", 2, Some(2));
    tlvs("p5_pnf_config_request", 1, Some(1));
    tlvs("p5_config_response_ok", 0, None);
}

#[test]
fn the_settings_of_a_config_request_are_read() {
    let vector = named("p5_config_request_fdd");
    let (header, body) = P5Header::parse(&vector.datagrams[0], vector.dialect).unwrap();
    let (view, _) = P5Body::parse(body, header.head.message, Encoding::OAI).unwrap();
    let address = IpAddr::from([127, 0, 0, 1]);
    assert_eq!(view.setting(tag::VNF_IPV4), Some(Setting::Address(address)));
    assert_eq!(view.setting(tag::VNF_PORT), Some(Setting::Port(50_011)));
    assert_eq!(view.setting(tag::TIMING_WINDOW), Some(Setting::Number(30)));
    assert_eq!(
        view.setting(tag::TIMING_INFO_MODE),
        Some(Setting::Number(3))
    );
    assert_eq!(
        view.setting(tag::TIMING_INFO_PERIOD),
        Some(Setting::Number(10))
    );
    assert_eq!(view.setting(tag::PNF_PORT), None);
}

#[test]
fn config_under_the_plain_header_is_walked_in_both_orders() {
    for (name, tlvs) in [
        ("fapi_be_config_request_fdd", 104),
        ("fapi_le_config_request_fdd", 32),
    ] {
        let vector = named(name);
        let encoding = vector.dialect.encoding();
        let (header, body) = P5Header::parse(&vector.datagrams[0], vector.dialect).unwrap();
        let (view, _) = P5Body::parse(body, header.head.message, encoding).unwrap();
        assert_eq!(view.tlvs().map(Result::unwrap).count(), tlvs);
    }
}

#[test]
fn requests_of_oai_are_within_the_limits_of_oai() {
    for (vector, body) in slot_messages() {
        let excess = Limits::OAI.exceeds(vector.message, vector.dialect.encoding(), &body);
        assert_eq!(excess, None, "{}", vector.file);
    }
    let (vector, body) = slot_messages()
        .find(|(vector, _)| vector.file == "dl_tti_32pdus.hex")
        .unwrap();
    let narrow = Limits {
        dl_tti_pdus: 31,
        ..Limits::OAI
    };
    let excess = narrow.exceeds(vector.message, Encoding::OAI, &body);
    assert_eq!(excess, Some(Excess::Pdus));
}

/// Every view, over bytes of which nothing is known.
fn look(bytes: &[u8], message: MessageId, dialect: Dialect) {
    let encoding = dialect.encoding();
    if let Ok((view, _)) = Datagram::parse(bytes, dialect, Check::Ignore) {
        let _ = describe::fault(&view, dialect, encoding);
    }
    if let Ok((_, body)) = P5Header::parse(bytes, dialect) {
        look_into(body, message, dialect, encoding);
    }
    let _ = P5Header::frame(bytes, dialect);
    let start = dialect.p7_header_len().min(bytes.len());
    look_into(&bytes[start..], message, dialect, encoding);
}

fn look_into(body: &[u8], message: MessageId, dialect: Dialect, encoding: Encoding) {
    let view = Datagram {
        head: Some(ranshift::wire::nfapi::Head {
            phy: PhyId(1),
            message,
        }),
        piece: Piece::uncut(dialect, 0, body.len() as u32),
        timestamp: 0,
        body,
    };
    let _ = describe::fault(&view, dialect, encoding);
    let _ = Limits::OAI.exceeds(message, encoding, body);
    if let Ok((request, _)) = Request::parse(body, message, encoding) {
        for pdu in request.pdus().flatten() {
            let _ = (pdu.transmission(encoding), pdu.rnti(encoding));
        }
    }
}

#[test]
fn no_truncation_of_any_datagram_is_more_than_an_error() {
    for vector in vectors() {
        for datagram in &vector.datagrams {
            for len in 0..datagram.len() {
                let cut = &datagram[..len];
                look(cut, vector.message, vector.dialect);
                if vector.is_p7() {
                    assert!(Datagram::parse(cut, vector.dialect, Check::Ignore).is_err());
                }
                if vector.is_p5() {
                    assert!(P5Header::parse(cut, vector.dialect).is_err());
                }
            }
        }
    }
}

#[test]
fn no_truncation_of_any_body_is_more_than_an_error() {
    for (vector, body) in slot_messages() {
        for len in 0..body.len() {
            let encoding = vector.dialect.encoding();
            look_into(&body[..len], vector.message, vector.dialect, encoding);
        }
    }
}

#[test]
fn no_mutation_of_any_vector_is_more_than_an_error() {
    let mut random = Pcg32::new(0x00c0_ffee, 4);
    for vector in vectors() {
        let original = &vector.datagrams[0];
        let mut bytes = original.clone();
        for _ in 0..200 {
            let edits = 1 + random.next_u32() % 4;
            for _ in 0..edits {
                let near = bytes.len().min(96 << (random.next_u32() % 5));
                let at = random.next_u32() as usize % near;
                bytes[at] = match random.next_u32() % 4 {
                    0 => 0,
                    1 => 0xff,
                    2 => bytes[at] ^ 1 << (random.next_u32() % 8),
                    _ => random.next_u32() as u8,
                };
            }
            look(&bytes, vector.message, vector.dialect);
            for dialect in Dialect::ALL {
                let _ = Datagram::parse(&bytes, dialect, Check::Verify);
            }
            let mut edited = bytes.clone();
            let _ = header::set_number_and_phy(&mut edited, vector.dialect, 7, PhyId(2));
            bytes.copy_from_slice(original);
        }
    }
}
