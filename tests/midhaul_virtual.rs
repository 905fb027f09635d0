//! The midhaul through the journey in virtual time: what passes is not touched, and the CU of a DU that dies is
//! told in the burst of the decision.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/midhaul.rs"]
mod midhaul;

use appliance::*;
use midhaul::*;
use ranshift::dataplane::mailbox::{Action, AssociationEvent, Boundary, End};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::MemberId;
use ranshift::replay::capture::CaptureWriter;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

const A: MemberId = MemberId(0);

/// With the association of A up, and that of B.
fn up(f1: &str, cu: &str) -> Bench {
    let mut bench = Bench::new(&text(f1, cu));
    bench.begin(&pair_a());
    bench.begin(&pair_b());
    bench
}

fn to_cu(bench: &Bench) -> Vec<&Told> {
    let told = bench.told.iter().map(|(_, told)| told);
    told.filter(|told| told.port == usize::from(CU_SIDE))
        .collect()
}

#[test]
fn the_cu_is_told_at_the_instant_of_the_decision_and_1_and_10_ms_later() {
    let mut bench = up("", "");
    bench.fail_a();
    bench.wait_ms(20);
    let decided = bench.decided();
    let toward_cu = bench.told.iter().filter(|(_, told)| told.port == 3);
    let after: Vec<_> = toward_cu.map(|(at, _)| at.nanos_since(decided)).collect();
    assert_eq!(after, [0, 1_000_000, 10_000_000]);
}

#[test]
fn it_is_told_from_the_address_of_the_du_under_its_own_tag_and_our_station() {
    let mut bench = up("", "");
    bench.fail_a();
    let pair = pair_a();
    let told = Told {
        port: 3,
        to: CU_MAC,
        from: [6, 0x52, 0x53, 0x48, 0, 3],
        vlans: vec![],
        addresses: (pair.du, pair.cu),
        udp: None,
        ports: (pair.du_port, 38_472),
        tag: pair.tags.1,
        reflected: false,
        cause: 12,
    };
    assert_eq!(to_cu(&bench)[0], &told);
}

#[test]
fn the_du_is_told_too_with_the_roles_swapped() {
    let mut bench = up("", "");
    bench.fail_a();
    let pair = pair_a();
    let (_, told) = bench.told.iter().find(|(_, told)| told.port == 4).unwrap();
    assert_eq!((told.tag, told.reflected), (pair.tags.0, false));
    assert_eq!(told.addresses, (pair.cu, pair.du));
    assert_eq!((told.to, told.ports), (pair.du_mac, (38_472, pair.du_port)));
}

#[test]
fn the_association_of_the_other_du_is_not_touched() {
    let mut bench = up("", "");
    bench.fail_a();
    bench.wait_ms(20);
    assert!(
        bench
            .told
            .iter()
            .all(|(_, told)| told.port != usize::from(B_SIDE))
    );
    let tags: Vec<_> = to_cu(&bench).iter().map(|told| told.tag).collect();
    assert_eq!(tags, [pair_a().tags.1; 3]);
    bench.du(&pair_b(), pair_b().tags.1, &[data(2, 100)]);
    bench.cu(&pair_b(), pair_b().tags.0, &[sack(2)]);
}

#[test]
fn tshark_finds_every_abort_whole_and_its_checksums_right() {
    let mut frames = Vec::new();
    for (udp, v6, vlans) in [
        (None, false, vec![]),
        (Some(9899), false, vec![7]),
        (None, true, vec![7, 8]),
        (Some(9899), true, vec![]),
    ] {
        let cu = udp.map_or(String::new(), |port| {
            format!(", encapsulation: {{udp: {port}}}")
        });
        let mut bench = Bench::new(&text("", &cu));
        let mut pair = Pair {
            udp,
            vlans,
            ..pair_a()
        };
        if v6 {
            pair.du = "fd00::11".parse().unwrap();
            pair.cu = "fd00::1".parse().unwrap();
        }
        bench.begin(&pair);
        bench.fail_a();
        bench.wait_ms(20);
        assert_eq!(bench.frames.len(), 6);
        frames.extend(bench.frames);
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("midhaul-aborts.pcap");
    let mut writer = CaptureWriter::create(&path).unwrap();
    for frame in &frames {
        writer
            .write(ranshift::ran::Instant(1), frame, frame.len() as u32)
            .unwrap();
    }
    writer.finish().unwrap();
    let tshark = Command::new("tshark")
        .args([
            "-o",
            "sctp.checksum:CRC 32c",
            "-o",
            "udp.check_checksum:TRUE",
        ])
        .args(["-o", "ip.check_checksum:TRUE", "-d", "udp.port==9899,sctp"])
        .args([
            "-T",
            "fields",
            "-e",
            "sctp.checksum.status",
            "-e",
            "sctp.chunk_type",
        ])
        .args([
            "-e",
            "sctp.cause_code",
            "-e",
            "_ws.malformed",
            "-e",
            "_ws.expert.severity",
            "-r",
        ])
        .arg(&path)
        .output()
        .expect("tshark must be installed: it is Debian's package tshark");
    let text = String::from_utf8(tshark.stdout).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .collect();
    assert_eq!(lines.len(), 24, "{text}");
    for line in lines {
        assert_eq!(line[..4], ["1", "6", "0x000c", ""], "{text}");
    }
}

#[test]
fn a_fenced_du_does_not_reach_its_cu_and_is_counted_by_chunk() {
    let mut bench = up("", "");
    bench.fail_a();
    let pair = pair_a();
    for chunk in [
        init(INIT, 7),
        data(2, 10),
        sack(1),
        plain(HEARTBEAT),
        plain(COOKIE_ECHO),
    ] {
        let tag = if chunk.0 == INIT { 0 } else { pair.tags.1 };
        let left = bench.receive(pair.side, &pair.by_du(tag, &[chunk]));
        assert_eq!(left, []);
    }
    let counted = bench.counters(0);
    let by_chunk = [
        counted.fenced_init,
        counted.fenced_data,
        counted.fenced_sack,
    ];
    assert_eq!(by_chunk, [1, 1, 1]);
    assert_eq!(counted.fenced_other, 2);
    let dropped = bench.appliance.worker.counters().peers[1]
        .drops
        .of(DropReason::Fenced);
    assert!(dropped >= 5, "counted with the DU's other drops");
}

#[test]
fn what_else_a_fenced_du_sends_passes_and_so_does_what_its_cu_sends() {
    let mut bench = up("", "");
    bench.fail_a();
    let pair = pair_a();
    let mut arp = [CU_MAC, pair.du_mac].concat();
    arp.extend([8, 6]);
    arp.resize(60, 0);
    bench.passes(pair.side, &arp);
    let other = packet((pair.du_port, 38_412), 9, &[data(1, 9)]);
    let other = pair.frame((CU_MAC, pair.du_mac), (pair.du, pair.cu), &other);
    bench.passes(pair.side, &other);
    bench.cu(&pair, pair.tags.0, &[data(9, 9)]);
}

#[test]
fn a_readmitted_du_is_heard_again() {
    let mut bench = up("", "");
    bench.fail_a();
    bench.slots(30, &[FROM_A, FROM_B]);
    bench
        .appliance
        .command(Boundary::Next, Action::Readmit { member: A });
    let pair = Pair {
        tags: (0x1111, 0x2222),
        ..pair_a()
    };
    bench.begin(&pair);
    assert_eq!(
        bench.said().last(),
        Some(&AssociationEvent::Up { joined: false })
    );
}

#[test]
fn a_fence_by_command_tells_the_cu_too() {
    let mut bench = up("", "");
    bench.slots(20, &[FROM_A, FROM_B]);
    bench.appliance.command(
        Boundary::Next,
        Action::Fence {
            member: MemberId(1),
        },
    );
    let left = bench.receive(B_SIDE, &pair_b().by_du(pair_b().tags.1, &[data(5, 5)]));
    assert_eq!(left, []);
    assert_eq!(to_cu(&bench)[0].tag, pair_b().tags.1);
}

#[test]
fn an_association_that_was_joined_while_loaded_can_be_aborted() {
    let mut bench = Bench::new(&text("", ""));
    let pair = pair_a();
    bench.du(&pair, pair.tags.1, &[sack(4), data(9, 200)]);
    bench.fail_a();
    assert_eq!(
        (to_cu(&bench)[0].tag, to_cu(&bench)[0].reflected),
        (pair.tags.1, false)
    );
    assert_eq!(bench.said()[0], AssociationEvent::Up { joined: true });
}

#[test]
fn an_association_of_which_only_the_cu_was_heard_is_aborted_by_the_reflected_tag() {
    let mut bench = Bench::new(&text("", ""));
    let pair = pair_a();
    bench.cu(&pair, pair.tags.0, &[plain(HEARTBEAT)]);
    bench.fail_a();
    let told = to_cu(&bench)[0];
    assert_eq!((told.tag, told.reflected), (pair.tags.0, true));
    assert_eq!((told.to, told.addresses), (CU_MAC, (pair.du, pair.cu)));
}

#[test]
fn a_cu_that_cannot_be_told_is_said_to_be_so() {
    let mut bench = Bench::new(&text("", ""));
    bench.fail_a();
    assert_eq!(bench.said(), [AssociationEvent::TagsUnknown]);
    assert_eq!((bench.told.len(), bench.counters(0).tags_unknown), (0, 1));
}

#[test]
fn a_restart_is_told_as_no_failure_and_a_later_abort_uses_the_new_tags() {
    let mut bench = up("", "");
    let again = Pair {
        tags: (0x1111, 0x2222),
        ..pair_a()
    };
    bench.begin(&again);
    assert_eq!(bench.said().last(), Some(&AssociationEvent::Restarted));
    assert_eq!(bench.told.len(), 0);
    bench.fail_a();
    assert_eq!(to_cu(&bench)[0].tag, 0x2222);
}

#[test]
fn an_end_is_believed_under_the_tags_of_the_standard_only() {
    let pair = pair_a();
    let (du, cu) = pair.tags;
    let rows = [
        (cu, 0, true),
        (du, 1, true),
        (cu ^ 1, 0, false),
        (0, 0, false),
        (cu, 1, false),
        (du, 0, false),
    ];
    for (tag, flags, ends) in rows {
        let mut bench = up("", "");
        bench.du(&pair, tag, &[(ABORT, flags, vec![])]);
        let ended = AssociationEvent::Ended {
            by: End::Member,
            graceful: false,
        };
        assert_eq!(bench.said().contains(&ended), ends, "{tag:x} {flags}");
        assert_eq!(bench.counters(0).conflicts, u64::from(!ends));
    }
}

#[test]
fn a_packet_with_a_wrong_checksum_or_length_passes_and_tells_nothing() {
    let mut bench = up("", "");
    let pair = pair_a();
    let abort = pair.by_du(pair.tags.1, &[(ABORT, 0, vec![])]);
    let mut damaged = abort.clone();
    damaged[14 + 20 + 8] ^= 1;
    bench.passes(pair.side, &damaged);
    let mut short = abort;
    short[14 + 20 + 15] = 3;
    bench.passes(pair.side, &short);
    let counted = bench.counters(0);
    assert_eq!(
        (counted.wrong_checksum, counted.malformed, counted.ended),
        (1, 1, 0)
    );
}

#[test]
fn a_spoofed_abort_from_elsewhere_passes_as_any_other_frame_and_tells_nothing() {
    let mut bench = up("", "");
    let pair = pair_a();
    bench.passes(B_SIDE, &pair.by_du(pair.tags.1, &[(ABORT, 0, vec![])]));
    assert_eq!(bench.counters(0).ended, 0);
    bench.fail_a();
    assert_eq!(to_cu(&bench)[0].tag, pair.tags.1);
}

#[test]
fn old_packets_of_an_ended_association_do_not_bring_it_back() {
    let mut bench = up("", "");
    let pair = pair_a();
    bench.cu(&pair, pair.tags.0, &[(ABORT, 0, vec![])]);
    bench.du(&pair, pair.tags.1, &[data(7, 7)]);
    bench.fail_a();
    assert_eq!(bench.said().last(), Some(&AssociationEvent::TagsUnknown));
}

#[test]
fn a_cu_that_goes_on_is_told_again() {
    let mut bench = up("", "");
    bench.fail_a();
    bench.wait_ms(20);
    assert_eq!(to_cu(&bench).len(), 3);
    bench.cu(&pair_a(), pair_a().tags.0, &[data(9, 9)]);
    assert_eq!(to_cu(&bench).len(), 4);
    assert_eq!(bench.counters(0).aborts_disproved, 1);
    assert_eq!(bench.said().last(), Some(&AssociationEvent::Disproved));
}

#[test]
fn a_du_that_is_only_to_be_told_of_is_neither_aborted_nor_fenced() {
    let mut bench = up(", on_failure: notify", "");
    bench.fail_a();
    assert_eq!(bench.said().last(), Some(&AssociationEvent::Lost));
    assert_eq!(bench.told.len(), 0);
    bench.du(&pair_a(), pair_a().tags.1, &[data(7, 7)]);
}

#[test]
fn the_abort_travels_as_the_packets_did_over_udp_and_vlans() {
    let mut bench = Bench::new(&text("", ", encapsulation: {udp: 9899}"));
    let pair = Pair {
        udp: Some(9899),
        vlans: vec![30, 31],
        ..pair_a()
    };
    bench.begin(&pair);
    bench.fail_a();
    let told = to_cu(&bench)[0];
    assert_eq!(told.udp, Some((9899, 9899)));
    assert_eq!(told.vlans, [30, 31]);
    assert_eq!(told.tag, pair.tags.1);
}

#[test]
fn the_abort_travels_over_ipv6() {
    let mut bench = Bench::new(&text("", ""));
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let pair = Pair {
        du: address("fd00::11"),
        cu: address("fd00::1"),
        ..pair_a()
    };
    bench.begin(&pair);
    bench.fail_a();
    assert_eq!(to_cu(&bench)[0].addresses, (pair.du, pair.cu));
}

#[test]
fn sctp_over_ip_is_none_of_an_encapsulated_association() {
    let mut bench = Bench::new(&text("", ", encapsulation: {udp: 9899}"));
    bench.passes(A_SIDE, &pair_a().by_du(1, &[data(1, 1)]));
    assert_eq!(bench.counters(0).from_du, 0);
}

#[test]
fn two_dus_behind_one_address_are_told_apart_by_their_ports() {
    let both = text("", "")
        .replace(
            "addresses: [10.30.0.11, 'fd00::11']",
            "addresses: [10.30.0.11], sctp_port: 40000",
        )
        .replace(
            "port: b-mid, cu: cu-1, addresses: [10.30.0.12, 'fd00::12']",
            "port: a-mid, cu: cu-1, addresses: [10.30.0.11], sctp_port: 40001",
        );
    let mut bench = Bench::new(&both);
    let second = Pair {
        du_port: 40_001,
        tags: (7, 8),
        ..pair_a()
    };
    bench.begin(&pair_a());
    bench.begin(&second);
    bench.fail_a();
    bench.wait_ms(20);
    let tags: Vec<_> = to_cu(&bench).iter().map(|told| told.tag).collect();
    assert_eq!(tags, [pair_a().tags.1; 3]);
    bench.du(&second, 8, &[data(2, 2)]);
}

#[test]
fn all_associations_of_a_du_are_ended() {
    let mut bench = up("", "");
    let second = Pair {
        du_port: 40_001,
        tags: (7, 8),
        ..pair_a()
    };
    bench.begin(&second);
    bench.fail_a();
    let tags: Vec<_> = to_cu(&bench).iter().map(|told| told.tag).collect();
    assert_eq!(tags[..2], [pair_a().tags.1, 8]);
    assert_eq!(bench.counters(0).aborted, 2);
}

#[test]
fn an_address_that_init_told_is_of_the_same_association_and_fenced_with_it() {
    let mut bench = Bench::new(&text("", ""));
    let pair = pair_a();
    let mut with_address = init(INIT, pair.tags.0);
    with_address.2.extend([0, 5, 0, 8, 10, 31, 0, 11]);
    let (du, cu) = pair.tags;
    bench.du(&pair, 0, &[with_address]);
    bench.cu(&pair, du, &[init(INIT_ACK, cu)]);
    bench.du(&pair, cu, &[plain(COOKIE_ECHO)]);
    bench.cu(&pair, du, &[plain(COOKIE_ACK)]);
    let second = Pair {
        du: [10, 31, 0, 11].into(),
        ..pair
    };
    bench.du(&second, cu, &[plain(HEARTBEAT)]);
    assert_eq!(bench.counters(0).from_du, 3);
    bench.fail_a();
    let left = bench.receive(second.side, &second.by_du(cu, &[plain(HEARTBEAT)]));
    assert_eq!(left, []);
}

#[test]
fn a_fragment_passes_unread_and_not_once_its_du_is_fenced() {
    let mut bench = up("", "");
    let pair = pair_a();
    let mut fragment = pair.by_du(pair.tags.1, &[data(1, 600)]);
    fragment[14 + 6] = 0x20;
    bench.passes(pair.side, &fragment);
    assert_eq!(bench.counters(0).unread, 1);
    bench.fail_a();
    assert_eq!(bench.receive(pair.side, &fragment), []);
}

#[test]
fn a_packet_of_any_chunks_passes_byte_for_byte() {
    let mut bench = up("", "");
    let pair = pair_a();
    for kind in 0..=255u8 {
        let chunks = [(kind, kind, vec![kind; usize::from(kind)]), data(1, 33)];
        bench.du(&pair, pair.tags.1, &chunks);
        bench.cu(&pair, pair.tags.0, &chunks);
    }
}
