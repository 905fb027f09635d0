//! Every reason for which a frame can be dropped is provoked: by a fixture whose scenario expects it, by
//! another test that counts it, or here. What only a machine can run out of is listed with what that is.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::MemberId;
use ranshift::wire::oran::emit::ControlSection;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Reasons that say something of buffers and queues, not of a frame. Captures in virtual time have room
/// for everything and each frame in one piece.
const MACHINE: [(DropReason, &str); 5] = [
    (
        DropReason::HeadTooShort,
        "a first segment shorter than the headers",
    ),
    (DropReason::NoBuffer, "an empty pool"),
    (DropReason::NoHeadroom, "a buffer without headroom"),
    (
        DropReason::OutboxFull,
        "more copies in a burst than the outbox holds",
    ),
    (DropReason::TxFull, "a port that does not accept a frame"),
];

#[test]
fn every_reason_is_provoked() {
    let mut provoked = expected_by_fixtures();
    provoked.extend(counted_by_tests());
    provoked.extend(MACHINE.iter().map(|(reason, _)| reason.label().to_owned()));
    let all = DropReason::ALL.iter().map(|reason| reason.label());
    let missing: Vec<_> = all.filter(|label| !provoked.contains(*label)).collect();
    assert!(missing.is_empty(), "nothing provokes {missing:?}");
}

/// Labels with a count above 0 in some scenario.
fn expected_by_fixtures() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures");
    let folders = fs::read_dir(root).unwrap();
    let texts = folders
        .filter_map(|folder| fs::read_to_string(folder.unwrap().path().join("scenario.yaml")).ok());
    let mut labels = BTreeSet::new();
    for text in texts {
        let drops = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("drops."));
        let counted = drops.filter_map(|drop| drop.split_once(": "));
        labels.extend(
            counted
                .filter(|(_, count)| *count != "0")
                .map(|(label, _)| label.to_owned()),
        );
    }
    labels
}

/// Labels of reasons of which some file of tests/ expects a number above 0: `dropped(REASON), 1`.
fn counted_by_tests() -> BTreeSet<String> {
    const CALL: &str = "dropped(DropReason::";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut labels = BTreeSet::new();
    for file in files.filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let mut text = fs::read_to_string(file).unwrap();
        text.retain(|letter| !letter.is_whitespace());
        for call in text.split(CALL).skip(1) {
            let (name, rest) = call.split_once(')').unwrap();
            let counted = rest
                .strip_prefix(',')
                .is_some_and(|count| count.starts_with(|digit: char| ('1'..='9').contains(&digit)));
            let named = |reason: &&DropReason| format!("{reason:?}") == name;
            if let Some(reason) = DropReason::ALL.iter().find(named).filter(|_| counted) {
                labels.insert(reason.label().to_owned());
            }
        }
    }
    labels
}

#[test]
fn nine_bytes_are_no_ethernet_frame() {
    let mut appliance = in_step(&two_dus(""));
    assert!(appliance.receive(1, &[2; 9]).is_empty());
    assert_eq!(appliance.dropped(DropReason::EthernetMalformed), 1);
}

#[test]
fn an_extension_of_no_length_is_malformed() {
    let mut appliance = in_step(&two_dus(""));
    let section = ControlSection {
        extensions: &[1, 0, 0, 0],
        ..ControlSection::whole(0, 14)
    };
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 1, START, 0), &[section]));
    assert_eq!(appliance.dropped(DropReason::CplaneMalformed), 1);
}

#[test]
fn what_policy_refuses_is_dropped_by_kind() {
    let policy = "  ptp: drop\n  other: drop\necpri: {vendor_types: drop}\n";
    let mut appliance = in_step(&format!("{}{policy}", two_dus("")));
    let of_type = |ethertype: u16| {
        let mut frame = FROM_A.frame(&[0; 60]);
        frame[16..18].copy_from_slice(&ethertype.to_be_bytes());
        frame
    };
    appliance.receive(1, &of_type(0x88f7));
    appliance.receive(1, &of_type(0x1234));
    appliance.receive(
        1,
        &FROM_A.frame(&message(200, at(0, 0, START, 0), &[0; 40])),
    );
    assert_eq!(appliance.dropped(DropReason::Ptp), 1);
    assert_eq!(appliance.dropped(DropReason::OtherFrame), 1);
    assert_eq!(appliance.dropped(DropReason::EcpriVendorType), 1);
}

#[test]
fn datagrams_that_are_cut_or_inconsistent_are_dropped() {
    let transport = |number: u8| {
        format!(
            "transport: {{udp: {{peer: 10.0.0.{number}, facing: 10.0.1.{number}, \
             peer_port: 50000, facing_port: 50000}}}}"
        )
    };
    let mut yaml = two_dus("");
    for (number, peer) in ["vlan: 100", "vlan: 101", "vlan: none"].iter().enumerate() {
        let with = format!("{peer}, {}", transport(number as u8 + 1));
        yaml = yaml.replace(peer, &with);
    }
    let mut appliance = Appliance::new(&yaml);
    appliance.go_to(START);
    let datagram = |total: u16, fragment: u16| {
        let mut frame = FROM_A.frame(&[0; 60]);
        frame[16..18].copy_from_slice(&0x0800u16.to_be_bytes());
        let header = [
            0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 1, 2,
        ];
        frame[18..38].copy_from_slice(&header);
        frame[20..22].copy_from_slice(&total.to_be_bytes());
        frame[24..26].copy_from_slice(&fragment.to_be_bytes());
        frame
    };
    appliance.receive(1, &datagram(60, 0x2000));
    appliance.receive(1, &datagram(61, 0));
    assert_eq!(appliance.dropped(DropReason::IpFragment), 1);
    assert_eq!(appliance.dropped(DropReason::IpMalformed), 1);
}

#[test]
fn a_message_over_symbols_that_it_does_not_name_cannot_be_split() {
    let mut appliance = shared();
    let mut frame = FROM_A.user(Downlink, at(0, 1, START.offset(2), 5));
    frame[SECTION + 1] |= 0x04; // symInc
    assert!(appliance.receive(1, &frame).is_empty());
    assert_eq!(appliance.dropped(DropReason::Unsplittable), 1);
}

#[test]
fn an_answer_that_runs_past_its_end_cannot_be_mapped_back() {
    let mut appliance = shared();
    let slot = START.offset(2);
    let asked = [0, 7].map(|id| ControlSection::whole(id, 14));
    appliance.receive(1, &FROM_A.control(Uplink, at(0, 1, slot, 0), &asked[..1]));
    appliance.receive(2, &FROM_B.control(Uplink, at(16, 1, slot, 0), &asked[1..]));
    let mut answer = FROM_RU.frame(&user_section(Uplink, at(0, 0, slot, 0), 0x807));
    answer[SECTION + 3] = 50; // numPrbu; it holds two
    assert!(appliance.receive(0, &answer).is_empty());
    assert_eq!(appliance.dropped(DropReason::UplaneMalformed), 1);
}

/// Both DUs have spoken.
fn in_step(yaml: &str) -> Appliance {
    let mut appliance = Appliance::new(yaml);
    appliance.go_to(START);
    let whole = [ControlSection::whole(0, 14)];
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole));
    appliance
}

/// The DUs share the RU from slot 2 on.
fn shared() -> Appliance {
    let sharing = "    sharing: {control_symbols: [0, 1], source_ports: {0: 0}, \
                   destination_ports: {0: 1}, pattern: SD}";
    let mut appliance = in_step(&two_dus(sharing));
    let share = Action::Share {
        source: MemberId(0),
        destination: MemberId(1),
    };
    appliance.command(Boundary::Slot(START.offset(2)), share);
    appliance.go_to(START.offset(2));
    appliance
}

/// Where the first U-plane section begins in a frame with one tag.
const SECTION: usize = 18 + 8 + 4;
