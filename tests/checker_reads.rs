//! The checker's own reading of frames, against hand-checked vectors of the wire format: a judge that
//! misreads a field would accept what it should refuse.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on bytes typed here"
)]

#[path = "checker/mod.rs"]
mod checker;

use checker::packet::{Packet, Radio, dissect};
use checker::{Scenario, control, pcap, value};

const USER: &str = "0200000000aa0200000000018100e006aefe10000046000005809011304200100a02910002f1797d1ebf77c7e9f7fd7f4000303024180f09054301b0f084482700f1797d1ebf77c7e9f7fd7f4000303024180f09054301b0f0844827";
const TWO_SECTIONS: &str = "0200000000aa0200000000018100e006aefe1002002800000a80901130400201000000100064fff3000000206464fffb8007860220ffffff3fff04018064";
const PRACH: &str = "0200000000aa0200000000018100e006aefe1002001c00040b801311904001030000c10000910030000cfffc0000fff3340000000000000000000000";
const TWO_MESSAGES: &str = "0200000000aa0200000000018100e006aefe1102001400000e80901130400101910000100000fffe00001002001400010f80901130400101910000100000fffe0000";
const TWO_TAGS: &str = "0200000000aa02000000000188a8006481000006aefe1000002a000010809011304200100a01910002f1797d1ebf77c7e9f7fd7f4000303024180f09054301b0f0844827";
const DATAGRAM: &str = "0200000000aa0200000000018100e006080045b8004a00004000401125e90a0000010a000002c350c351003600001000002a000012809011304200100a01910002f1797d1ebf77c7e9f7fd7f4000303024180f09054301b0f0844827";

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn read(hex: &str) -> Packet {
    dissect(&bytes(hex), false).unwrap()
}

#[test]
fn a_downlink_u_plane_frame_is_read_field_by_field() {
    let packet = read(USER);
    assert_eq!(
        (packet.destination[5], packet.source[5], packet.vlans()),
        (0xaa, 1, vec![6])
    );
    let [message] = &packet.messages[..] else {
        panic!("one message")
    };
    let stream = message.stream.unwrap();
    assert_eq!(
        (stream.eaxc, stream.sequence, stream.fragment),
        (0, 5, 0x80)
    );
    let expected = Radio {
        downlink: true,
        version: 1,
        filter: 0,
        frame: 17,
        subframe: 3,
        slot: 1,
        symbol: 2,
        section_type: None,
    };
    assert_eq!(message.radio, Some(expected));
    assert_eq!(packet.end, 92);
}

#[test]
fn c_plane_sections_are_walked_with_their_extensions() {
    let (frame, packet) = (bytes(TWO_SECTIONS), read(TWO_SECTIONS));
    let control = control::parse(&frame[packet.messages[0].body.clone()]).unwrap();
    assert_eq!((control.section_type, control.start), (1, 0));
    let sections: Vec<_> = control
        .sections
        .iter()
        .map(|s| (s.id, s.prbs, s.count))
        .collect();
    assert_eq!(sections, [(1, (0, 100), 3), (2, (100, 100), 11)]);
    let kinds: Vec<u8> = control.sections[1]
        .extensions
        .iter()
        .map(|(kind, _)| *kind)
        .collect();
    assert_eq!(kinds, [6, 4]);
    assert_eq!(control.symbols(), 0x7ff);
}

#[test]
fn a_prach_request_is_read_with_its_filter_index() {
    let (frame, packet) = (bytes(PRACH), read(PRACH));
    let radio = packet.messages[0].radio.unwrap();
    assert_eq!(
        (radio.downlink, radio.filter, radio.section_type),
        (false, 3, Some(3))
    );
    let control = control::parse(&frame[packet.messages[0].body.clone()]).unwrap();
    assert_eq!(control.sections[0].count, 12);
}

#[test]
fn concatenated_messages_are_told_apart() {
    let packet = read(TWO_MESSAGES);
    let ids: Vec<_> = packet
        .messages
        .iter()
        .map(|m| m.stream.unwrap().eaxc)
        .collect();
    assert_eq!(ids, [0, 1]);
    assert_eq!(
        (packet.messages[0].more, packet.messages[1].more),
        (true, false)
    );
}

#[test]
fn both_tags_are_read() {
    let packet = read(TWO_TAGS);
    assert_eq!(packet.vlans(), [100, 6]);
    assert_eq!(packet.messages.len(), 1);
}

#[test]
fn ecpri_over_udp_is_read_and_its_sums_are_checked() {
    let packet = read(DATAGRAM);
    let datagram = packet.datagram.clone().unwrap();
    assert!(datagram.sound);
    assert_eq!((datagram.ports, packet.messages.len()), ((50000, 50001), 1));
    let mut wrong = bytes(DATAGRAM);
    wrong[30] ^= 1;
    assert!(!dissect(&wrong, false).unwrap().datagram.unwrap().sound);
}

#[test]
fn no_truncation_of_any_vector_is_read_past_its_end() {
    for hex in [USER, TWO_SECTIONS, PRACH, TWO_MESSAGES, TWO_TAGS, DATAGRAM] {
        let whole = bytes(hex);
        for length in 0..whole.len() {
            let Some(packet) = dissect(&whole[..length], false) else {
                continue;
            };
            for message in &packet.messages {
                assert!(message.body.end <= length);
                let _ = control::parse(&whole[message.body.clone()]);
            }
        }
    }
}

#[test]
fn what_a_capture_holds_is_what_was_written() {
    let frames = [
        (1_795_220_728_513_860_680, bytes(USER)),
        (1_795_220_728_513_860_681, bytes(PRACH)),
    ];
    let file = pcap::write(frames.iter().map(|(at, bytes)| (*at, &bytes[..])));
    assert_eq!(pcap::read(&file).unwrap(), frames);
}

#[test]
fn a_scalar_of_yaml_stays_as_written() {
    let root = value::from_yaml("{mac: 02:00:00:00:00:10, sfn: 12.10, at: 2.5ms}").unwrap();
    assert_eq!(value::text(&root["mac"]).unwrap(), "02:00:00:00:00:10");
    assert_eq!(value::text(&root["sfn"]).unwrap(), "12.10");
    assert_eq!(value::nanoseconds(&root["at"]), Some(2_500_000));
}

#[test]
fn a_scenario_is_read_with_its_boundaries() {
    use checker::scenario::{Boundary, What};
    let text = "actions:\n- {at: 20ms, migrate: {cell: c, to: d, boundary: {sfn: 12.10}}}\n- {at: 10ms, fence: {cell: c, member: e}}\n";
    let scenario = Scenario::parse(text).unwrap();
    assert_eq!(scenario.actions[0].what, What::Fence("e".to_owned()));
    assert_eq!(
        scenario.actions[1].what,
        What::Migrate("d".to_owned(), Boundary::Sfn(12, 10))
    );
}
