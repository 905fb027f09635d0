//! Hostile input through the whole journey: every vector at every truncation, mutated real messages, random
//! bytes. Never a panic, a counted reason for what ends, nothing sent that a table does not allow.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use proptest::prelude::*;
use ranshift::dataplane::mailbox::{Action, Boundary};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::MemberId;
use ranshift::wire::oran::emit::ControlSection;

/// fronthaul.md section 16 as data: checked vectors from an independent dissector.
const VECTORS: &str = include_str!("support/vectors.txt");

fn vectors() -> Vec<(String, Vec<u8>)> {
    VECTORS
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let bytes = (0..hex.len() / 2)
                .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
                .collect();
            (name.to_owned(), bytes)
        })
        .collect()
}

const SHARING: &str = "
    sharing: {control_symbols: [0, 1], source_ports: {0: 0}, destination_ports: {0: 1}, pattern: SD}";

/// In shared mode, where every arm of the journey is open.
fn shared() -> Appliance {
    let mut appliance = Appliance::new(&two_dus(SHARING));
    appliance.go_to(START);
    let whole = [ControlSection::whole(0, 14)];
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole));
    let share = Action::Share {
        source: MemberId(0),
        destination: MemberId(1),
    };
    appliance.command(Boundary::Slot(START.offset(1)), share);
    appliance.go_to(START.offset(1));
    appliance
}

/// Destination and source of what may leave each port.
fn allowed(left: &Left, received: &[u8]) -> bool {
    let ends: ([u8; 6], [u8; 6]) = (
        left.bytes[..6].try_into().unwrap(),
        left.bytes[6..12].try_into().unwrap(),
    );
    let expected = match left.port {
        0 => (RU, [2, 0x0b, 0, 0, 0, 1]),
        1 => (DU_A, RU),
        _ => (DU_B, [2, 0xa0, 0, 0, 0, 2]),
    };
    ends == expected || left.bytes == received
}

fn feed(appliance: &mut Appliance, port: u8, frame: &[u8]) {
    let dropped = appliance.worker.counters().ledger.dropped;
    let left = appliance.receive(port, frame);
    let reasons = appliance.worker.counters().drops.total();
    assert_eq!(reasons, appliance.worker.counters().ledger.dropped);
    assert!(
        !left.is_empty() || reasons > dropped,
        "a frame vanished: {frame:02x?}"
    );
    for left in left {
        assert!(allowed(&left, frame), "{frame:02x?} left as {left:02x?}");
        assert!(left.bytes.len() >= frame.len().min(60) - 4);
    }
}

/// A vector's PDU as a message of each peer: the vectors' own addresses are nobody here.
fn as_peers(vector: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let pdu = &vector[18..];
    vec![
        (0, FROM_RU.frame(pdu)),
        (1, FROM_A.frame(pdu)),
        (2, FROM_B.frame(pdu)),
        (1, vector.to_vec()),
    ]
}

#[test]
fn every_vector_at_every_truncation_from_every_peer_ends_counted() {
    let mut appliance = shared();
    for (_, vector) in vectors() {
        for (port, frame) in as_peers(&vector) {
            for len in 0..=frame.len() {
                feed(&mut appliance, port, &frame[..len]);
            }
        }
    }
    assert!(appliance.dropped(DropReason::EthernetMalformed) > 0);
    assert!(appliance.dropped(DropReason::EcpriSize) > 0);
}

#[test]
fn every_byte_of_every_vector_may_hold_anything() {
    let mut appliance = shared();
    for (_, vector) in vectors() {
        for (port, frame) in as_peers(&vector) {
            for at in 12..frame.len().min(64) {
                for value in [0, 1, 3, 7, 0x0f, 0x10, 0x7f, 0x80, 0xf0, 0xff] {
                    let mut frame = frame.clone();
                    frame[at] = value;
                    feed(&mut appliance, port, &frame);
                }
            }
        }
    }
}

/// A name, the frame, where it is damaged, the bytes put there, and the reason that must be counted.
type Damage<'a> = (&'a str, &'a [u8], usize, &'a [u8], DropReason);

/// What the reference says of each negative vector, on a message that is fine otherwise.
#[test]
fn each_broken_field_has_its_own_reason() {
    let whole = [ControlSection::whole(0, 14)];
    let user = FROM_A.user(Downlink, at(0, 0, START.offset(2), 3));
    let control = FROM_A.control(Downlink, at(0, 0, START.offset(2), 0), &whole);
    // Offsets: 18 eCPRI, 22 stream, 26 radio header, 30 sections.
    let cases: [Damage; 12] = [
        ("revision 2", &user, 18, &[0x20], DropReason::EcpriMalformed),
        ("size 0", &user, 20, &[0, 0], DropReason::EcpriSize),
        ("size 3", &user, 20, &[0, 3], DropReason::EcpriSize),
        ("size 7", &user, 20, &[0, 7], DropReason::RadioHeader),
        (
            "size 0xffff",
            &user,
            20,
            &[0xff, 0xff],
            DropReason::EcpriSize,
        ),
        (
            "payloadVersion 0",
            &user,
            26,
            &[0x80],
            DropReason::RadioHeader,
        ),
        ("subframe 10", &user, 28, &[0xa0], DropReason::RadioHeader),
        (
            "slot 2 at mu 1",
            &user,
            28,
            &[0x00, 0x80],
            DropReason::RadioHeader,
        ),
        ("symbol 14", &user, 29, &[14], DropReason::RadioHeader),
        (
            "C = 1 with nothing after",
            &user,
            18,
            &[0x11],
            DropReason::EcpriSize,
        ),
        (
            "more sections than data",
            &control,
            30,
            &[9],
            DropReason::CplaneMalformed,
        ),
        (
            "extension without length",
            &control,
            40,
            &[0x80],
            DropReason::CplaneMalformed,
        ),
    ];
    for (what, frame, at, bytes, reason) in cases {
        let mut appliance = shared();
        let mut frame = frame.to_vec();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        let before = appliance.dropped(reason);
        let left = appliance.receive(1, &frame);
        assert!(left.is_empty(), "{what} passed");
        assert_eq!(appliance.dropped(reason), before + 1, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn random_bytes_end_counted(port in 0u8..3, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut appliance = shared();
        feed(&mut appliance, port, &bytes);
    }

    #[test]
    fn real_messages_with_random_damage_end_counted(
        which in 0usize..5,
        damage in proptest::collection::vec((12usize..90, any::<u8>()), 1..6),
        cut in 0usize..40,
    ) {
        let mut appliance = shared();
        let slot = START.offset(2);
        let sections = [ControlSection::whole(0, 2), ControlSection { extensions: &[0x04, 1, 0x40, 0x18], ..ControlSection::whole(1, 12) }];
        let (port, mut frame) = match which {
            0 => (1, FROM_A.user(Downlink, at(0, 0, slot, 3))),
            1 => (2, FROM_B.control(Downlink, at(16, 0, slot, 0), &sections)),
            2 => (1, FROM_A.control(Uplink, at(0, 0, slot, 0), &sections)),
            3 => (0, FROM_RU.user(Uplink, at(0, 0, slot, 3))),
            _ => (2, FROM_B.control(Downlink, at(16, 0, slot, 0), &sections)),
        };
        for (at, value) in damage {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
        }
        frame.truncate(frame.len().saturating_sub(cut).max(14));
        feed(&mut appliance, port, &frame);
    }
}
