//! Peers that are not one MAC with one tag: pooled DUs, stacked tags, separate VLANs, UDP, no GPS time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::frame_io::FrameInfo;
use ranshift::dataplane::journey::decide;
use ranshift::dataplane::lcore_state::LcoreState;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, EventKind, Mode, Refusal};
use ranshift::dataplane::outbox::Outbox;
use ranshift::dataplane::verdict::{DropReason, Verdict};
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{CellId, MemberId, PortId, SlotCount};
use ranshift::wire::ipv4::Ipv4;
use ranshift::wire::ipv6::Ipv6;
use ranshift::wire::oran::emit::ControlSection;
use ranshift::wire::udp::{self, Udp};

fn whole() -> [ControlSection<'static>; 1] {
    [ControlSection::whole(0, 14)]
}

fn slot(n: i64) -> SlotCount {
    START.offset(n)
}

const CELL: &str = "
    numerology: 1
    carrier_prbs: 51
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    time: {source: gps}
    periods: {tdd: 10}";

/// Two cells with a DU each and one pooled DU behind both.
fn pooled() -> Appliance {
    Appliance::new(&two_cells())
}

fn two_cells() -> String {
    format!(
        "
ports: {{ru: {{mtu: 9000}}, a: {{mtu: 9000}}, b: {{mtu: 9000}}}}
rus:
  ru-1: {{port: ru, mac: '02:a0:00:00:00:01', facing: '02:0b:00:00:00:01', vlan: 100}}
  ru-2: {{port: ru, mac: '02:a0:00:00:00:09', facing: '02:0b:00:00:00:01', vlan: 100}}
dus:
  du-a: {{port: a, mac: '02:d0:00:00:00:01', facing: '02:a0:00:00:00:01', vlan: 101, attachment: dedicated}}
  du-c: {{port: a, mac: '02:d0:00:00:00:03', facing: '02:a0:00:00:00:09', vlan: 101, attachment: dedicated}}
  du-b: {{port: b, mac: '02:d0:00:00:00:02', facing: '02:a0:00:00:00:02', vlan: none, attachment: pooled}}
cells:
  cell-1:
    ru: ru-1
    active: du-a
    members: {{du-a: {{}}, du-b: {{eaxc: {{downlink: [16, 17], uplink: [16, 17], prach: [20, 21]}}}}}}
    failover: {{standby: [du-b]}}{CELL}
  cell-2:
    ru: ru-2
    active: du-c
    members: {{du-c: {{}}, du-b: {{eaxc: {{downlink: [16, 17], uplink: [16, 17], prach: [20, 21]}}}}}}
    failover: {{standby: [du-b]}}{CELL}
bridge: {{flood: {{ru: [a, b], a: [ru], b: [ru]}}}}
"
    )
}

const FROM_C: Sender = Sender {
    source: [2, 0xd0, 0, 0, 0, 3],
    destination: [2, 0xa0, 0, 0, 0, 9],
    vlan: Some(101),
};

/// One DL C-plane message of a DU, 400 us before slot `n` is on air.
fn say(appliance: &mut Appliance, sender: Sender, n: i64) {
    appliance.wait_until(clock().air(slot(n), 0).offset(-400_000));
    let (port, eaxc) = if sender.source == DU_B {
        (2, 16)
    } else {
        (1, 0)
    };
    let message = sender.control(Downlink, at(eaxc, n as u8, slot(n), 0), &whole());
    appliance.receive(port, &message);
}

fn switch(appliance: &mut Appliance, cell: u16, to: u8, boundary: SlotCount) {
    let command = Command {
        id: u32::from(cell) + 1,
        term: 1,
        cell: CellId(cell),
        boundary: Boundary::Slot(boundary),
        action: Action::Switch { to: MemberId(to) },
    };
    let now = clock().air(START, 0);
    appliance.worker.command(now, &command);
    appliance.events.extend(appliance.worker.drain_events());
}

#[test]
fn a_pooled_du_speaks_and_hears_only_in_the_cell_it_is_assigned_to() {
    let mut appliance = pooled();
    appliance.go_to(START);
    assert!(
        appliance
            .receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole()))
            .is_empty()
    );
    assert_eq!(appliance.dropped(DropReason::Unassigned), 1);
    switch(&mut appliance, 1, 1, slot(2));
    let left = appliance.receive(2, &FROM_B.user(Downlink, at(17, 0, slot(2), 3)));
    let frame = seen(&left[0].bytes);
    assert_eq!(frame.destination, [2, 0xa0, 0, 0, 0, 9]);
    assert_eq!(frame.eaxc, 1);
    let from_ru_2 = Sender {
        source: [2, 0xa0, 0, 0, 0, 9],
        ..FROM_RU
    };
    let left = appliance.receive(0, &from_ru_2.user(Uplink, at(1, 0, slot(1), 0)));
    assert!(
        left.iter()
            .any(|left| left.port == 2 && seen(&left.bytes).eaxc == 17)
    );
    let left = appliance.receive(0, &FROM_RU.user(Uplink, at(1, 0, slot(1), 0)));
    assert!(left.iter().all(|left| left.port != 2));
}

#[test]
fn a_pooled_du_is_never_in_two_cells() {
    let mut appliance = pooled();
    appliance.go_to(START);
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole()));
    switch(&mut appliance, 0, 1, slot(2));
    switch(&mut appliance, 1, 1, slot(2));
    let refused = appliance.events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::Refused {
                why: Refusal::Assigned,
                command: 2
            }
        )
    });
    assert!(refused);
    assert_eq!(
        appliance.worker.state().cells[1].roles.final_mode(),
        Mode::Single(MemberId(0))
    );
}

#[test]
fn a_pooled_du_set_free_goes_to_the_cell_that_waits_for_it() {
    let live = "periods: {tdd: 10}\n    liveness: {history: 3}";
    let mut appliance = Appliance::new(&two_cells().replace("periods: {tdd: 10}", live));
    for n in 0..200 {
        say(&mut appliance, FROM_A, n);
        if n < 60 {
            say(&mut appliance, FROM_C, n);
        }
        say(&mut appliance, FROM_B, n);
        if n == 40 {
            switch(&mut appliance, 0, 1, slot(45));
        }
        if n == 80 {
            switch(&mut appliance, 0, 0, slot(85));
        }
    }
    let waited = appliance.events.iter().any(|event| {
        let why = Refusal::Assigned;
        let from = MemberId(0);
        event.kind == EventKind::FailoverImpossible { from, why }
    });
    assert!(waited);
    assert_eq!(
        appliance.worker.state().cells[1].roles.final_mode(),
        Mode::Single(MemberId(1))
    );
}

#[test]
fn a_pooled_du_that_is_assumed_in_step_hears_no_cell_before_it_is_assigned() {
    let assumed = two_cells().replace("20, 21]}}", "20, 21]}, assume_in_step: true}");
    let mut appliance = Appliance::new(&assumed);
    say(&mut appliance, FROM_A, 0);
    let heard = |appliance: &mut Appliance, n| {
        let left = appliance.receive(0, &FROM_RU.user(Uplink, at(1, n, slot(0), 0)));
        left.iter().filter(|left| left.port == 2).count()
    };
    assert_eq!(heard(&mut appliance, 0), 0);
    switch(&mut appliance, 0, 1, slot(2));
    assert_eq!(heard(&mut appliance, 1), 1);
}

#[test]
fn a_pooled_du_takes_over_although_its_cells_count_slots_from_other_origins() {
    let yaml = two_cells()
        .replace("time: {source: gps}", "time: {source: headers}")
        .replace(
            "periods: {tdd: 10}",
            "periods: {tdd: 10}\n    liveness: {history: 3}",
        );
    let mut appliance = Appliance::new(&yaml);
    for n in 0..6_200 {
        say(&mut appliance, FROM_A, n);
        if (6_000..6_100).contains(&n) {
            say(&mut appliance, FROM_C, n);
        }
        if n > 5_900 {
            say(&mut appliance, FROM_B, n);
        }
    }
    assert_eq!(
        appliance.worker.state().cells[1].roles.final_mode(),
        Mode::Single(MemberId(1))
    );
}

#[test]
fn a_pooled_du_is_free_again_after_its_cell_moved_on() {
    let mut appliance = pooled();
    appliance.go_to(START);
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole()));
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole()));
    switch(&mut appliance, 0, 1, slot(2));
    switch(&mut appliance, 0, 0, slot(10));
    appliance.go_to(slot(200));
    assert_eq!(appliance.worker.state().pool[4].assigned, None);
}

/// The text of one cell with other addresses of RU and DU A.
fn two_dus_with(ru: &str, du_a: &str, du_b: &str) -> String {
    two_dus("")
        .replace("vlan: 100}", &format!("{ru}}}"))
        .replace("vlan: 101, attachment", &format!("{du_a}, attachment"))
        .replace("vlan: none, attachment", &format!("{du_b}, attachment"))
}

#[test]
fn stacked_tags_are_told_apart_and_written_for_the_other_side() {
    let mut appliance = Appliance::new(&two_dus_with(
        "vlan: [200, 7]",
        "vlan: [300, 101]",
        "vlan: none",
    ));
    appliance.go_to(START);
    let mut frame = Sender {
        vlan: Some(101),
        ..FROM_A
    }
    .user(Downlink, at(0, 5, START, 2));
    frame.splice(12..12, [0x88, 0xa8, 0x21, 0x2c]);
    let left = appliance.receive(1, &frame);
    assert_eq!(
        left[0].bytes[12..20],
        [0x88, 0xa8, 0x20, 200, 0x81, 0, 0xe0, 7]
    );
    let swapped = FROM_A.user(Downlink, at(0, 5, START, 2));
    assert!(appliance.receive(1, &swapped).is_empty());
    assert_eq!(appliance.dropped(DropReason::UnknownPeer), 1);
}

#[test]
fn planes_on_vlans_of_their_own_leave_on_vlans_of_their_own() {
    let mut appliance = Appliance::new(&two_dus_with(
        "vlan: {control: 11, user: 12}",
        "vlan: 101",
        "vlan: none",
    ));
    appliance.go_to(START);
    let control = appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole()));
    let user = appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, START, 0)));
    assert_eq!(seen(&control[0].bytes).vlan, Some(11));
    assert_eq!(seen(&user[0].bytes).vlan, Some(12));
}

fn udp_appliance(v6: bool) -> Appliance {
    let net = if v6 { "fd00::" } else { "10.0.0." };
    let udp = |peer: u8, facing: u8| {
        format!(
            "transport: {{udp: {{peer: '{net}{peer}', facing: '{net}{facing}', peer_port: 5000{peer}, facing_port: 5000{facing}}}}}"
        )
    };
    let yaml = two_dus_with(
        &format!("vlan: 100, {}", udp(1, 9)),
        &format!("vlan: 101, {}", udp(2, 8)),
        &format!("vlan: none, {}", udp(3, 7)),
    );
    Appliance::new(&yaml)
}

/// `pdu` in a datagram between the addresses ending in `from` and `to`.
fn datagram(sender: Sender, v6: bool, from: u8, to: u8, checksum: bool, pdu: &[u8]) -> Vec<u8> {
    let mut frame = sender.frame(&[]);
    frame.truncate(frame.len() - 2);
    let ports = udp::Header {
        source_port: 50000 + u16::from(from),
        destination_port: 50000 + u16::from(to),
    };
    if v6 {
        frame.extend([0x86, 0xdd]);
        let address = |n: u8| format!("fd00::{n}").parse().unwrap();
        let header = ranshift::wire::ipv6::Header {
            source: address(from),
            destination: address(to),
            dscp: 46,
            next_header: 17,
            hop_limit: 64,
        };
        header.emit(8 + pdu.len() as u16, &mut frame);
        ports.emit(checksum.then(|| header.pseudo_sum()), pdu, &mut frame);
    } else {
        frame.extend([0x08, 0x00]);
        let header = ranshift::wire::ipv4::Header {
            source: [10, 0, 0, from].into(),
            destination: [10, 0, 0, to].into(),
            dscp: 46,
            ttl: 64,
            protocol: 17,
        };
        header.emit(8 + pdu.len() as u16, &mut frame);
        ports.emit(checksum.then(|| header.pseudo_sum()), pdu, &mut frame);
    }
    frame
}

/// The PDU of a frame over UDP, both checksums checked; and its UDP checksum.
fn open(frame: &[u8], v6: bool) -> (Vec<u8>, u16) {
    let ip = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
    if v6 {
        let (header, datagram) = Ipv6::parse(&frame[ip..]).unwrap();
        let (udp, pdu) = Udp::parse(datagram).unwrap();
        assert!(udp.checksum_holds(header.pseudo_sum(), pdu));
        return (pdu.to_vec(), udp.checksum());
    }
    let (header, datagram) = Ipv4::parse(&frame[ip..]).unwrap();
    assert!(header.checksum_holds());
    let (udp, pdu) = Udp::parse(datagram).unwrap();
    assert!(udp.checksum_holds(header.pseudo_sum(), pdu));
    (pdu.to_vec(), udp.checksum())
}

#[test]
fn udp_checksums_hold_after_every_edit() {
    for v6 in [false, true] {
        let mut appliance = udp_appliance(v6);
        appliance.go_to(START);
        for (port, sender, from, to, eaxc) in [(1, FROM_A, 2, 8, 0), (2, FROM_B, 3, 7, 16)] {
            let pdu = control(
                Downlink,
                at(eaxc, 200, START, 0),
                ranshift::wire::oran::emit::ControlKind::Normal(0),
                &whole(),
            );
            appliance.receive(port, &datagram(sender, v6, from, to, true, &pdu));
        }
        let pdu = user(Downlink, at(1, 99, slot(1), 4));
        let left = appliance.receive(1, &datagram(FROM_A, v6, 2, 8, true, &pdu));
        let (sent, checksum) = open(&left[0].bytes, v6);
        assert_eq!(sent[8..], pdu[8..]);
        assert_ne!(checksum, 0);
        let pdu = user(Uplink, at(1, 99, slot(0), 4));
        let left = appliance.receive(0, &datagram(FROM_RU, v6, 1, 9, true, &pdu));
        assert_eq!(left.len(), 2);
        for left in left {
            let (copy, _) = open(&left.bytes, v6);
            assert_eq!(copy[8..], pdu[8..]);
        }
    }
}

#[test]
fn an_absent_udp_checksum_stays_absent() {
    let mut appliance = udp_appliance(false);
    appliance.go_to(START);
    let pdu = user(Downlink, at(1, 99, slot(1), 4));
    let left = appliance.receive(1, &datagram(FROM_A, false, 2, 8, false, &pdu));
    assert_eq!(open(&left[0].bytes, false).1, 0);
}

#[test]
fn a_split_over_udp_has_lengths_and_checksums_of_its_own() {
    let mut appliance = udp_appliance(true);
    appliance.go_to(START);
    let sections = whole();
    let kind = ranshift::wire::oran::emit::ControlKind::Normal(0);
    for (port, sender, from, to, eaxc) in [(1, FROM_A, 2, 8, 0), (2, FROM_B, 3, 7, 16)] {
        let pdu = control(Downlink, at(eaxc, 0, START, 0), kind, &sections);
        appliance.receive(port, &datagram(sender, true, from, to, true, &pdu));
    }
    let mut pdu = user(Uplink, at(0, 14, slot(0), 0));
    pdu[0] |= 1;
    pdu.resize(pdu.len().next_multiple_of(4), 0);
    pdu.extend(user(Uplink, at(1, 15, slot(0), 0)));
    let left = appliance.receive(0, &datagram(FROM_RU, true, 1, 9, true, &pdu));
    assert_eq!(left.len(), 4);
    for left in left {
        let (alone, _) = open(&left.bytes, true);
        assert_eq!(alone[0] & 1, 0);
        assert_eq!(
            usize::from(u16::from_be_bytes([alone[2], alone[3]])),
            alone.len() - 4
        );
    }
}

#[test]
fn a_datagram_longer_than_the_first_segment_does_not_pass_by_the_arbiter() {
    let appliance = udp_appliance(false);
    let tables = appliance.worker.tables();
    let pdu = user(Downlink, at(0, 0, START, 0));
    let mut frame = datagram(FROM_B, false, 3, 7, true, &pdu);
    let info = FrameInfo {
        port: PortId(2),
        start: 0,
        len: frame.len() as u32 + 100,
    };
    let mut lcore = LcoreState::new(tables, 1);
    let mut outbox = Outbox::new(1, 0);
    let now = clock().air(START, 0);
    let verdict = decide(&mut frame, info, now, tables, &mut lcore, &mut outbox);
    assert_eq!(verdict, Verdict::Drop(DropReason::HeadTooShort));
}

#[test]
fn datagrams_to_other_ports_are_bridged() {
    let mut appliance = udp_appliance(false);
    appliance.go_to(START);
    let frame = datagram(
        FROM_A,
        false,
        2,
        4,
        true,
        &user(Downlink, at(0, 0, START, 0)),
    );
    let left = appliance.receive(1, &frame);
    assert_eq!((left.len(), &left[0].bytes), (1, &frame));
}

#[test]
fn without_gps_time_slots_are_counted_from_the_active_member_s_headers() {
    let yaml = two_dus("").replace("time: {source: gps}", "time: {source: headers}");
    let mut appliance = Appliance::new(&yaml);
    appliance.go_to(START.offset(7));
    let early = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, START, 0)));
    assert!(early.is_empty(), "a standby does not set the clock");
    for n in 0..3_000 {
        appliance.go_to(START.offset(7 + n));
        let left = appliance.receive(
            1,
            &FROM_A.control(Downlink, at(0, n as u8, START.offset(n), 0), &whole()),
        );
        assert_eq!(left.len(), 1, "slot {n}");
        appliance.receive(
            2,
            &FROM_B.control(Downlink, at(16, n as u8, START.offset(n), 0), &whole()),
        );
    }
    assert_eq!(appliance.dropped(DropReason::OutOfStep), 1);
    appliance.command(
        Boundary::Sfn { sfn: 3, slot: 1 },
        Action::Switch { to: MemberId(1) },
    );
    let refused = appliance.events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::Refused {
                why: Refusal::NoSfn,
                ..
            }
        )
    });
    assert!(refused, "SFN is not known from headers");
    appliance.command(Boundary::InSlots(10), Action::Switch { to: MemberId(1) });
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(MemberId(1))
    );
}

#[test]
fn a_clock_lifted_from_headers_follows_an_active_member_that_restarts_elsewhere() {
    let yaml = two_dus("").replace("time: {source: gps}", "time: {source: headers}");
    let mut appliance = Appliance::new(&yaml);
    let mut passed = 0;
    for n in 0..200 {
        appliance.go_to(START.offset(n));
        let jump = if n < 50 { 0 } else { 1_000 };
        passed += appliance
            .receive(
                1,
                &FROM_A.user(Downlink, at(0, n as u8, START.offset(n + jump), 0)),
            )
            .len();
    }
    assert_eq!(appliance.dropped(DropReason::OutOfStep), 63);
    assert_eq!(passed, 200 - 63);
}

#[test]
fn a_peer_is_known_on_its_own_port_only() {
    let appliance = pooled();
    let tables = appliance.worker.tables();
    let vlan = ranshift::ran::VlanStack::NONE;
    let mac = ranshift::ran::MacAddr(DU_B);
    assert!(tables.peer(PortId(2), mac, vlan).is_some());
    assert!(tables.peer(PortId(1), mac, vlan).is_none());
}
