//! The appliance as a host on the network of an L2: ARP and echo, held against what tshark reads in the answers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::{Appliance, Left, two_dus};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::tables::OwnAddress;
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::{Instant, MacAddr, PortId, VlanId, VlanStack};
use ranshift::replay::capture::CaptureWriter;
use ranshift::wire::ethernet::{self, C_TAG, Tag};
use ranshift::wire::{checksum, icmp, ipv4};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const ASKER: MacAddr = MacAddr([2, 0x12, 0, 0, 0, 1]);
const EVERYBODY: MacAddr = MacAddr([0xff; 6]);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
const FROM: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);
/// The port of the address; frames that nobody expects go from here to `ru`.
const PORT: u8 = 1;

#[test]
fn tshark_pairs_every_answer_with_its_question_and_finds_its_checksums_right() {
    let mut appliance = appliance();
    let questions = [
        arp(FROM, ADDRESS),
        arp(Ipv4Addr::UNSPECIFIED, ADDRESS),
        echo(0),
        echo(1),
        echo(56),
        echo(1400),
        echo(8000),
    ];
    let mut frames = Vec::new();
    for question in questions {
        let answers = appliance.receive(PORT, &question);
        let [Left { port, bytes }] = answers.try_into().unwrap();
        assert_eq!(port, usize::from(PORT));
        frames.extend([question, bytes]);
    }
    let asked = "ff:ff:ff:ff:ff:ff;6;7;1;02:12:00:00:00:01;10.1.0.1;;;;";
    let told = "02:12:00:00:00:01;6;7;2;02:00:00:00:00:01;10.1.0.10;;;;";
    let mut expected = vec![
        asked.to_owned(),
        told.to_owned(),
        asked.to_owned(),
        told.replace("10.1.0.10", "0.0.0.0"),
    ];
    for number in [5, 7, 9, 11, 13] {
        expected.push("02:00:00:00:00:01;6;7;;;;1;1;8;".to_owned());
        expected.push(format!("02:12:00:00:00:01;6;7;;;;1;1;0;{number}"));
    }
    assert_eq!(read_by_tshark(&frames), expected);
}

#[test]
fn what_the_appliance_does_not_serve_ends_with_its_reason() {
    let mut appliance = appliance();
    let mut datagram = echo(56);
    datagram[18 + 9] = 17;
    sum(&mut datagram[18..38], 10);
    assert!(appliance.receive(PORT, &datagram).is_empty());
    assert_eq!(appliance.dropped(DropReason::OwnAddress), 1);
}

#[test]
fn a_question_for_another_address_is_bridged() {
    let other = arp(FROM, Ipv4Addr::new(10, 1, 0, 2));
    let left = appliance().receive(PORT, &other);
    assert_eq!(
        left,
        [Left {
            port: 0,
            bytes: other
        }]
    );
}

/// Two DUs as everywhere, and an address of its own in VLAN 6 on the side of the first.
fn appliance() -> Appliance {
    let config = config::parse(&two_dus(""), "test.yaml").unwrap().config;
    let mut tables = compile(&config, 1);
    tables.add_own(OwnAddress {
        port: PortId(PORT),
        vlans: VlanStack::single(VlanId::new(6).unwrap()),
        ip: ADDRESS,
        mac: OURS,
    });
    Appliance::on(tables)
}

fn header(destination: MacAddr, ethertype: u16) -> Vec<u8> {
    let mut frame = Vec::new();
    ethernet::Header {
        destination,
        source: ASKER,
        tags: &[Tag {
            tpid: C_TAG,
            tci: 0xe006,
        }],
        ethertype,
    }
    .emit(&mut frame);
    frame
}

/// A request, padded to the shortest frame.
fn arp(sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = header(EVERYBODY, ethernet::ARP);
    frame.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend_from_slice(&ASKER.0);
    frame.extend_from_slice(&sender.octets());
    frame.extend_from_slice(&[0; 6]);
    frame.extend_from_slice(&target.octets());
    frame.resize(60, 0);
    frame
}

/// An echo with `len` bytes of data; no two lengths have the same number.
fn echo(len: u16) -> Vec<u8> {
    let [high, low] = len.to_be_bytes();
    let mut message = vec![8, 0, 0, 0, 0x12, 0x34, high, low];
    message.extend((0..len).map(|n| n as u8));
    sum(&mut message, 2);
    let mut frame = header(OURS, ethernet::IPV4);
    ipv4::Header {
        source: FROM,
        destination: ADDRESS,
        dscp: 0,
        ttl: 1,
        protocol: icmp::PROTOCOL,
    }
    .emit(message.len() as u16, &mut frame);
    frame.extend_from_slice(&message);
    frame
}

fn sum(bytes: &mut [u8], at: usize) {
    bytes[at..at + 2].fill(0);
    let checksum = checksum::finish(checksum::sum(0, bytes));
    bytes[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

/// One line of fields a frame; a checksum that is right is 1.
fn read_by_tshark(frames: &[Vec<u8>]) -> Vec<String> {
    const FIELDS: [&str; 10] = [
        "eth.dst",
        "vlan.id",
        "vlan.priority",
        "arp.opcode",
        "arp.src.hw_mac",
        "arp.dst.proto_ipv4",
        "ip.checksum.status",
        "icmp.checksum.status",
        "icmp.type",
        "icmp.resp_to",
    ];
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("own-addresses.pcap");
    let mut writer = CaptureWriter::create(&path).unwrap();
    for (at, frame) in frames.iter().enumerate() {
        let at = Instant(at as u64 * 1_000);
        writer.write(at, frame, frame.len() as u32).unwrap();
    }
    writer.finish().unwrap();
    let read = Command::new("tshark")
        .arg("-r")
        .arg(&path)
        .args(["-2", "-o", "ip.check_checksum:TRUE"])
        .args(["-T", "fields", "-E", "separator=;"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .output()
        .expect("tshark must be installed: it is Debian's package tshark");
    assert!(read.status.success());
    std::fs::remove_file(path).unwrap();
    let text = String::from_utf8(read.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}
