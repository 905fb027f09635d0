//! The FAPI plane through the journey, a frame at a time: who is given what of each request, what the L2
//! hears, and what the slot clock adds. Frames are built and read by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/p7.rs"]
mod p7;

#[path = "support/fapi_bench.rs"]
mod fapi_bench;

use fapi_bench::{Bench, Edit, Left, SLOT, SLOT_NS, UNLIMITED, point, read};
use p7::{L2, PHY_A, PHY_B, crc, message};
use ranshift::dataplane::mailbox::{Action, Boundary, EventKind};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::MemberId;

const DL_TTI: u16 = 0x80;
const UL_TTI: u16 = 0x81;
const UL_DCI: u16 = 0x83;
const TX_DATA: u16 = 0x84;
const DL_NODE_SYNC: u16 = 0x181;
const CRC: u16 = 0x86;
/// A DL_TTI body of one PDU of 8 bytes, behind SFN and slot.
const ONE_PDU: [u8; 10] = [1, 0, 0, 1, 0, 8, 9, 9, 9, 9];

/// Both PHYs have indicated slot 0.
fn running() -> Bench {
    running_with(&[])
}

fn running_with(edits: &[Edit<'_>]) -> Bench {
    Bench::running(&[&[UNLIMITED], edits].concat())
}

#[test]
fn a_request_goes_whole_to_the_active_phy_and_as_null_to_the_other() {
    let mut bench = running();
    let left = bench.say(L2, DL_TTI, 1, &ONE_PDU);
    let null = [&point(1)[..], &[0, 0]].concat();
    let whole = [&point(1)[..], &ONE_PDU].concat();
    let told: Vec<_> = left
        .iter()
        .map(|one| (one.port, one.body.clone()))
        .collect();
    assert_eq!(told, [(1, whole), (2, null)]);
}

#[test]
fn each_peer_has_numbers_of_its_own() {
    let mut bench = running();
    bench.say(L2, DL_TTI, 1, &ONE_PDU);
    let left = bench.say(L2, UL_TTI, 1, &[0, 0, 0, 0, 0]);
    let numbers: Vec<_> = left.iter().map(|one| (one.port, one.sequence)).collect();
    assert_eq!(numbers, [(1, 1), (2, 1)]);
    bench.go_to(SLOT_NS);
    let left = bench.indicate(PHY_A, 1);
    let to_l2: Vec<_> = left.iter().map(|one| (one.port, one.sequence)).collect();
    assert_eq!(to_l2, [(0, 1)]);
}

#[test]
fn a_standby_is_not_heard() {
    let mut bench = running();
    assert_eq!(bench.say(PHY_B, CRC, 0, &[0, 0]), []);
    assert_eq!(bench.dropped(DropReason::NotActive), 2);
    assert_eq!(bench.say(PHY_A, CRC, 0, &[0, 0]).len(), 1);
}

#[test]
fn a_standby_without_requests_is_given_null_ones_by_the_clock() {
    let mut bench = running();
    // Slot 0 is on air 4 slots after it was indicated; NULLs are due half a slot before.
    let made = bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    let nulls: Vec<_> = made.iter().map(|one| (one.port, one.message)).collect();
    assert_eq!(nulls, [(2, DL_TTI), (2, UL_TTI)]);
    assert_eq!(made[0].body[..4], point(0));
    // What comes afterwards adds none.
    let late = bench.say(L2, DL_TTI, 0, &ONE_PDU);
    assert_eq!(late.iter().map(|one| one.port).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_missing_slot_indication_is_made_up() {
    let mut bench = running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=1);
    // That of slot 2 does not come.
    bench.go_to(2 * SLOT_NS);
    let made = bench.go_to(2 * SLOT_NS + SLOT_NS / 2);
    let made: Vec<_> = made.iter().filter(|one| one.message == SLOT).collect();
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].port, &made[0].body[..]), (0, &point(2)[..]));
    assert_eq!(bench.indicate(PHY_A, 2), []);
    assert_eq!(bench.dropped(DropReason::SlotRepeated), 1);
}

#[test]
fn slots_that_were_passed_over_are_made_up_before_the_one_that_comes() {
    let mut bench = running();
    let left = bench.indicate(PHY_A, 3);
    let slots: Vec<_> = left.iter().map(|one| one.body.clone()).collect();
    assert_eq!(slots, [point(1), point(2), point(3)]);
    let numbers: Vec<_> = left.iter().map(|one| one.sequence).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_migration_takes_effect_by_the_slot_inside_the_message() {
    let mut bench = running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=2);
    let to = MemberId(1);
    bench.command(Boundary::Sfn { sfn: 0, slot: 6 }, Action::Switch { to });
    let full = |left: Vec<Left>| left.iter().find(|one| one.body.len() > 6).unwrap().port;
    assert_eq!(full(bench.say(L2, DL_TTI, 6, &ONE_PDU)), 2);
    assert_eq!(full(bench.say(L2, DL_TTI, 5, &ONE_PDU)), 1);
}

#[test]
fn a_silent_phy_is_replaced_at_the_first_slot_that_nobody_was_given() {
    let mut bench = running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    bench.say(L2, DL_TTI, 4, &ONE_PDU);
    // Two indications are missing: those of slots 5 and 6.
    bench.tick_on(&[PHY_B], 5..=5);
    bench.tick_on(&[PHY_B], 6..=6);
    bench.go_to(6 * SLOT_NS + SLOT_NS / 2);
    let modes = bench.events.iter().filter_map(|event| match event.kind {
        EventKind::Mode { boundary, .. } => Some(boundary),
        _ => None,
    });
    let boundary = modes.collect::<Vec<_>>().pop().unwrap();
    assert!(bench.events.iter().any(|event| matches!(
        event.kind,
        EventKind::Failover {
            from: MemberId(0),
            to: MemberId(1),
            ..
        }
    )));
    assert_eq!(boundary.0 % 20480, 5);
    assert_eq!(
        bench
            .indicate(PHY_B, 7)
            .iter()
            .filter(|one| one.port == 0)
            .count(),
        1
    );
    let left = bench.say(L2, DL_TTI, 7, &ONE_PDU);
    let full = left.iter().filter(|one| one.body.len() > 6);
    assert_eq!(full.map(|one| one.port).collect::<Vec<_>>(), [2]);
    // The dead one is fenced: it is kept alive should it come back, and what it says is not heard.
    assert_eq!(left.iter().filter(|one| one.port == 1).count(), 1);
    assert_eq!(bench.indicate(PHY_A, 8), []);
    assert_eq!(bench.dropped(DropReason::Fenced), 1);
}

#[test]
fn a_phy_that_p5_says_is_gone_is_replaced_at_once_and_one_that_was_stopped_is_not() {
    let failovers = |action| {
        let mut bench = running();
        bench.tick_on(&[PHY_A, PHY_B], 1..=4);
        bench.command(Boundary::Next, action);
        let events = bench.events.iter();
        events
            .filter(|event| matches!(event.kind, EventKind::Failover { .. }))
            .count()
    };
    let member = MemberId(0);
    assert_eq!(failovers(Action::PhyGone { member }), 1);
    let runs = false;
    assert_eq!(failovers(Action::Phy { member, runs }), 0);
    // A standby may go: nobody takes over.
    let member = MemberId(1);
    assert_eq!(failovers(Action::PhyGone { member }), 0);
}

#[test]
fn a_phy_that_is_gone_is_told_as_heard_when_it_was() {
    let mut bench = running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    let heard = bench.now;
    bench.tick_on(&[PHY_B], 5..=5);
    let member = MemberId(0);
    bench.command(Boundary::Next, Action::PhyGone { member });
    let told = bench.events.iter().find_map(|event| match event.kind {
        EventKind::Failover { last_heard, .. } => Some(last_heard),
        _ => None,
    });
    assert_eq!(told, Some(heard));
}

#[test]
fn what_a_lost_phy_owed_is_told_to_have_failed_where_that_is_wanted() {
    let mut bench = running_with(&[("      confirm: 2", "      fail_crc: true\n      confirm: 1")]);
    bench.tick_on(&[PHY_A, PHY_B], 1..=2);
    let pusch = [&[0, 1, 0, 95, 0, 1, 0x12, 0x34, 0, 0, 0, 7][..], &[0; 83]].concat();
    let body = [&[1, 0, 1, 0, 0][..], &pusch].concat();
    assert_eq!(bench.say(L2, UL_TTI, 2, &body).len(), 2);
    let mut made = bench.go_to(3 * SLOT_NS);
    made.extend(bench.indicate(PHY_B, 3));
    made.extend(bench.go_to(4 * SLOT_NS));
    let crcs: Vec<_> = made.iter().filter(|one| one.message == CRC).collect();
    assert_eq!(crcs.len(), 1);
    assert_eq!(crcs[0].body[..6], [&point(2)[..], &[0, 1]].concat());
    assert_eq!(crcs[0].body[6..13], [0, 0, 0, 7, 0x12, 0x34, 0]);
}

#[test]
fn a_message_above_the_segment_of_a_peer_is_cut_for_it() {
    let mut bench = running_with(&[(
        "    segment: 1452\n    limits",
        "    segment: 300\n    limits",
    )]);
    let tlv: Vec<u8> = (0..1000).map(|n| n as u8).collect();
    let mut rest = vec![0, 1, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0xe8];
    rest.extend_from_slice(&tlv);
    let left = bench.say(L2, TX_DATA, 1, &rest);
    let full: Vec<_> = left.iter().filter(|one| one.port == 1).collect();
    assert_eq!(
        full.iter().map(|one| one.more).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    let bodies: Vec<u8> = full.iter().flat_map(|one| one.body.clone()).collect();
    assert_eq!(bodies, [&point(1)[..], &rest].concat());
    let nulls = left.iter().filter(|one| one.port == 2).count();
    assert_eq!(nulls, 1);
}

#[test]
fn a_request_for_whose_pieces_a_burst_has_no_room_is_given_to_nobody() {
    let mut bench = running_with(&[
        ("l2-side: {mtu: 1500", "l2-side: {mtu: 9000"),
        (
            "    segment: 1452\n    limits",
            "    segment: 300\n    limits",
        ),
    ]);
    let of_each_slot = |kind| (1..=8).map(move |slot| (kind, slot));
    let asked = [TX_DATA, UL_DCI, DL_TTI, UL_TTI]
        .into_iter()
        .flat_map(of_each_slot);
    let frames = asked.map(|(kind, slot)| {
        let body = [&point(slot)[..], &[9; 8000]].concat();
        message(L2, kind, &body)
    });
    let left = bench.burst(L2, &frames.collect::<Vec<_>>());
    let left: Vec<_> = left.into_iter().map(read).collect();
    let passed = left.iter().filter(|one| one.port == 1 && !one.more).count();
    assert!((1..32).contains(&passed), "{passed}");
    assert_eq!(bench.dropped(DropReason::OutboxFull), 32 - passed as u64);
    // What the L2's request did not bring, the clock does.
    let later = bench.tick_on(&[PHY_A, PHY_B], 1..=12);
    let nulls = left.iter().chain(&later).filter(|one| one.port == 2);
    let numbers: Vec<_> = nulls.map(|one| one.sequence).collect();
    assert_eq!(numbers, (0..numbers.len() as u8).collect::<Vec<_>>());
    for (kind, slot) in [DL_TTI, UL_TTI].into_iter().flat_map(of_each_slot) {
        let told = |one: &&Left| (one.port, one.message, &one.body[..4]) == (2, kind, &point(slot));
        let nulls = left.iter().chain(&later).filter(told).count();
        assert_eq!(nulls, 1, "{kind:#x} of {slot}");
    }
}

#[test]
fn what_is_damaged_is_refused_with_its_reason() {
    let mut bench = running();
    let body = [&point(1)[..], &ONE_PDU].concat();
    let good = message(L2, DL_TTI, &body);
    let mut wrong_sum = good.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    assert_eq!(bench.receive(L2, &wrong_sum), []);
    assert_eq!(bench.dropped(DropReason::P7Checksum), 1);
    assert_eq!(bench.say(L2, SLOT, 1, &[]), []);
    assert_eq!(bench.dropped(DropReason::WrongWay), 1);
    let beyond = [&[4, 0, 0, 0][..], &ONE_PDU].concat();
    assert_eq!(bench.receive(L2, &message(L2, DL_TTI, &beyond)), []);
    assert_eq!(bench.dropped(DropReason::P7Malformed), 1);
}

#[test]
fn a_header_of_another_phy_or_of_early_2024_is_refused() {
    let mut bench = running();
    let body = [&point(1)[..], &ONE_PDU].concat();
    let mut other = message(L2, DL_TTI, &body).split_off(42);
    other[1] = 2;
    let checksum = crc(&[&other[..10], &[0; 4], &body]);
    other[10..14].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(bench.receive(L2, &p7::frame(L2, &other)), []);
    assert_eq!(bench.dropped(DropReason::P7Phy), 1);
    let length = (16 + body.len() as u16).to_be_bytes();
    let old = [&[0, 1, 0, 0x80][..], &length, &[0; 10], &body].concat();
    assert_eq!(bench.receive(L2, &p7::frame(L2, &old)), []);
    assert_eq!(bench.dropped(DropReason::P7OldHeader), 1);
}

#[test]
fn more_pdus_than_oai_has_room_for_are_not_passed_on_to_it() {
    let mut bench = Bench::running(&[]);
    let pdus = [0, 0, 0, 4].repeat(33);
    let body = [&[33, 0][..], &pdus].concat();
    assert_eq!(bench.say(L2, DL_TTI, 1, &body), []);
    assert_eq!(bench.dropped(DropReason::P7Limits), 1);
}

#[test]
fn a_phy_that_p5_has_not_started_is_given_nothing() {
    let p5 = "      p5: {transport: tcp, l2: \"127.0.0.1:1\", listen: \"127.0.0.1:2\"}\n      confirm: 2";
    let mut bench = Bench::new(&[UNLIMITED, ("      confirm: 2", p5)]);
    bench.indicate(PHY_A, 0);
    assert_eq!(bench.say(L2, DL_TTI, 1, &ONE_PDU), []);
    assert_eq!(bench.dropped(DropReason::NotRunning), 1);
    let (member, runs) = (MemberId(0), true);
    bench.command(Boundary::Next, Action::Phy { member, runs });
    assert_eq!(bench.say(L2, DL_TTI, 2, &ONE_PDU).len(), 1);
}

#[test]
fn a_null_request_that_comes_after_the_one_of_the_clock_is_dropped() {
    let mut bench = running_with(&[(
        "      confirm: 2",
        "      active_nulls: true\n      confirm: 2",
    )]);
    bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    assert_eq!(bench.say(L2, DL_TTI, 0, &[0, 0]), []);
    assert_eq!(bench.dropped(DropReason::RequestRepeated), 1);
}

#[test]
fn a_standby_of_another_count_is_not_in_step() {
    let mut bench = running();
    bench.tick_on(&[PHY_A], 1..=2);
    let in_step = |bench: &Bench| {
        let events = bench.events.iter();
        let members = events.filter_map(|event| match event.kind {
            EventKind::InStep { member } => Some(member.0),
            _ => None,
        });
        members.collect::<Vec<_>>()
    };
    assert_eq!(in_step(&bench), [0, 1]);
    let mut far = Bench::new(&[]);
    far.indicate(PHY_A, 0);
    far.indicate(PHY_B, 5_000);
    assert_eq!(in_step(&far), [0]);
}

#[test]
fn node_sync_reaches_a_phy_that_counts_elsewhere_as_it_is() {
    let mut bench = running_with(&[("phy-a: {}", "phy-a: {slot_offset: 7}")]);
    let body = [0x01, 0x23, 0x45, 0x67, 0, 0, 0, 9];
    let left = bench.receive(L2, &message(L2, DL_NODE_SYNC, &body));
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|one| one.body == body), "{left:?}");
}
