//! The judge of the FAPI plane reads what OAI's own library packed as its manifest says, and writes it again to
//! the same bytes: a judge that cannot read cannot judge.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on files of this repository"
)]

#[path = "fapi_checker/mod.rs"]
mod fapi_checker;

use fapi_checker::message::{self, Messages, REQUESTS, UL_TTI};
use fapi_checker::packer::{self, Head};
use fapi_checker::packet::{self, Datagram};
use fapi_checker::settings::{Dialect, Peer};
use fapi_checker::{Frame, Lane, Settings, body, pcap, value};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/pcap-fixtures/nfapi");

/// The datagrams of one vector, and its entry in the manifest.
type Vector = (serde_json::Value, Vec<Datagram>);

fn vectors() -> Vec<Vector> {
    let file = std::fs::read(format!("{FIXTURES}/p7.pcap")).unwrap();
    let records = pcap::read(&file).unwrap().into_iter();
    let frames = records.map(|(at_ns, bytes)| Frame { at_ns, bytes });
    let port = String::new();
    let lane = Lane {
        port,
        frames: frames.collect(),
    };
    let datagrams = packet::read(&lane).datagrams;
    let text = std::fs::read_to_string(format!("{FIXTURES}/manifest.json")).unwrap();
    let manifest = value::from_json(&text).unwrap();
    let list = manifest["vectors"]
        .as_array()
        .unwrap_or_else(|| manifest.as_array().unwrap());
    let in_capture = list
        .iter()
        .filter(|vector| vector["pcap_first_frame"].is_u64());
    let vector = |vector: &serde_json::Value| {
        let first = vector["pcap_first_frame"].as_u64().unwrap() as usize;
        let count = vector["datagrams"].as_u64().unwrap() as usize;
        (
            vector.clone(),
            datagrams[first - 1..first - 1 + count].to_vec(),
        )
    };
    in_capture.map(vector).collect()
}

fn oai() -> Peer {
    let settings = Settings::parse(include_str!("fapi_checker/stage.yaml")).unwrap();
    settings.peers[0].clone()
}

fn assembled(datagrams: &[Datagram]) -> Messages {
    let pieces = datagrams.iter().map(|datagram| {
        let piece = message::piece(&datagram.payload, Dialect::Oai).unwrap();
        (datagram, piece)
    });
    message::assemble(0, &oai(), pieces)
}

/// Vectors that can be put together: all but the one that overflows.
fn sound() -> impl Iterator<Item = Vector> {
    vectors()
        .into_iter()
        .filter(|(_, datagrams)| datagrams.len() <= 128)
}

#[test]
fn every_checksum_of_oai_is_right() {
    let mut read = 0;
    for datagram in vectors().iter().flat_map(|vector| &vector.1) {
        assert!(
            message::piece(&datagram.payload, Dialect::Oai)
                .unwrap()
                .checksum
        );
        assert_eq!(datagram.fault, None);
        read += 1;
    }
    assert!(read > 300);
}

#[test]
fn every_message_is_put_together_and_dated_as_the_manifest_says() {
    for (vector, datagrams) in sound() {
        let messages = assembled(&datagrams);
        assert!(
            messages.faults.is_empty(),
            "{vector}: {:?}",
            messages.faults
        );
        let [message] = &messages.whole[..] else {
            unreachable!("{vector} is one message")
        };
        assert_eq!(
            Some(message.body.len() as u64 + 18),
            vector["total_packed_length"].as_u64(),
            "{vector}"
        );
        if let (Some(sfn), Some(slot)) = (vector["sfn"].as_u64(), vector["slot"].as_u64())
            && message.id < 0x100
        {
            assert_eq!(message.point, Some((sfn as u16, slot as u16)), "{vector}");
        }
    }
}

#[test]
fn what_is_written_again_is_the_same_bytes() {
    for (vector, datagrams) in sound() {
        let first = message::piece(&datagrams[0].payload, Dialect::Oai).unwrap();
        let head = Head {
            dialect: Dialect::Oai,
            phy_id: first.phy_id,
            id: first.id,
            sequence: first.sequence,
            timestamp: first.timestamp.unwrap(),
        };
        let body = &assembled(&datagrams).whole[0].body;
        let again = packer::datagrams(head, body, 1_472);
        assert_eq!(again.len(), datagrams.len(), "{vector}");
        // OAI writes the time of each segment.
        for (ours, theirs) in again.iter().zip(&datagrams) {
            let same = ours[..14] == theirs.payload[..14] && ours[18..] == theirs.payload[18..];
            assert!(same, "{vector}");
        }
    }
}

#[test]
fn the_null_bodies_are_those_that_oai_packs() {
    let mut compared = 0;
    for (vector, datagrams) in sound() {
        let message = assembled(&datagrams).whole.remove(0);
        let null = REQUESTS.contains(&message.id) && vector["npdus"].as_u64() == Some(0);
        if null {
            let point = message.body[..4].try_into().unwrap();
            assert_eq!(
                body::null(message.id, point),
                Some(message.body),
                "{vector}"
            );
            compared += 1;
        }
    }
    assert!(compared >= 8, "{compared} are too few");
}

#[test]
fn the_segments_of_the_overflowing_message_come_twice() {
    let overflow = vectors()
        .into_iter()
        .find(|(_, datagrams)| datagrams.len() > 128);
    let messages = assembled(&overflow.unwrap().1);
    let twice = messages
        .faults
        .iter()
        .filter(|(_, text)| text.contains("comes twice"));
    assert!(twice.count() > 0);
}

#[test]
fn the_harq_process_of_each_pusch_is_one_of_sixteen() {
    let mut found = 0;
    for (_, datagrams) in sound() {
        let message = assembled(&datagrams).whole.remove(0);
        if message.id == UL_TTI {
            let blocks = body::puschs(&message.body, Dialect::Oai);
            assert!(blocks.iter().all(|(_, _, harq)| *harq < 16), "{blocks:?}");
            found += blocks.len();
        }
    }
    assert!(found >= 2, "{found} are too few");
}
