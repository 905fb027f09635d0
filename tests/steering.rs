//! What the journey does with frames of one RU and two DUs, frame by frame.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary, EventKind, Mode, Refusal};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{MemberId, SlotCount};
use ranshift::wire::oran::emit::ControlSection;

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);

fn whole() -> [ControlSection<'static>; 1] {
    [ControlSection::whole(0, 14)]
}

/// Both DUs have spoken: both are in step.
fn in_step(extra: &str) -> Appliance {
    let mut appliance = Appliance::new(&two_dus(extra));
    appliance.go_to(START);
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole()));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole()));
    appliance
}

fn slot(n: i64) -> SlotCount {
    START.offset(n)
}

#[test]
fn the_active_member_reaches_the_ru_under_the_identity_the_ru_expects() {
    let mut appliance = in_step("");
    let left = appliance.receive(1, &FROM_A.user(Downlink, at(1, 9, slot(1), 3)));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].port, 0);
    let frame = seen(&left[0].bytes);
    assert_eq!(frame.destination, RU);
    assert_eq!(frame.source, [2, 0x0b, 0, 0, 0, 1]);
    assert_eq!(frame.vlan, Some(100));
    assert_eq!((frame.eaxc, frame.sequence, frame.symbol), (1, 9, 3));
    assert_eq!(
        frame.body,
        seen(&FROM_A.user(Downlink, at(1, 9, slot(1), 3))).body
    );
}

#[test]
fn a_standby_is_heard_and_not_forwarded() {
    let mut appliance = in_step("");
    let left = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(1), 3)));
    assert!(left.is_empty());
    assert_eq!(appliance.dropped(DropReason::NotActive), 2);
}

#[test]
fn uplink_reaches_every_member_in_step_with_its_own_header_and_the_ru_s_numbers() {
    let mut appliance = in_step("");
    let frame = FROM_RU.user(Uplink, at(1, 77, slot(0), 5));
    let left = appliance.receive(0, &frame);
    assert_eq!(left.len(), 2);
    let to_a = left.iter().find(|left| left.port == 1).unwrap();
    let to_b = left.iter().find(|left| left.port == 2).unwrap();
    let (a, b) = (seen(&to_a.bytes), seen(&to_b.bytes));
    assert_eq!(
        (a.destination, a.source, a.vlan, a.eaxc),
        (DU_A, RU, Some(101), 1)
    );
    assert_eq!(
        (b.destination, b.source, b.vlan, b.eaxc),
        (DU_B, [2, 0xa0, 0, 0, 0, 2], None, 17)
    );
    assert_eq!((a.sequence, b.sequence), (77, 77));
    assert_eq!(a.body, b.body);
    assert_eq!(a.body, seen(&frame).body);
}

#[test]
fn a_header_that_loses_its_tag_does_not_make_a_short_frame_shorter() {
    let mut appliance = in_step("");
    let mut frame = FROM_RU.user(Uplink, at(0, 1, slot(0), 0));
    frame.truncate(30 + 4);
    frame[18 + 3] = 12;
    frame.resize(64, 0);
    let left = appliance.receive(0, &frame);
    assert!(left.iter().all(|left| left.bytes.len() == 64), "{left:?}");
}

#[test]
fn the_priority_of_a_tag_survives_a_new_vlan_id() {
    let mut appliance = in_step("");
    let mut frame = FROM_A.user(Downlink, at(0, 1, slot(0), 0));
    frame[14] = 0x30 | frame[14] & 0x0f;
    let left = appliance.receive(1, &frame);
    assert_eq!(left[0].bytes[14..16], [0x30, 100]);
}

#[test]
fn a_member_out_of_step_gets_no_uplink() {
    let mut appliance = in_step("    step_memory: 10ms");
    appliance.go_to(slot(15));
    appliance.receive(1, &FROM_A.user(Downlink, at(0, 1, slot(16), 0)));
    appliance.go_to(slot(25));
    let left = appliance.receive(0, &FROM_RU.user(Uplink, at(0, 1, slot(24), 0)));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].port, 1);
    appliance.go_to(slot(60));
    let left = appliance.receive(0, &FROM_RU.user(Uplink, at(0, 2, slot(59), 0)));
    assert!(left.is_empty());
    assert_eq!(appliance.dropped(DropReason::NoMember), 1);
}

#[test]
fn numbering_toward_the_ru_goes_on_through_a_switch() {
    let mut appliance = in_step("");
    appliance.receive(1, &FROM_A.user(Downlink, at(0, 250, slot(1), 0)));
    appliance.command(Boundary::Slot(slot(3)), Action::Switch { to: B });
    let mut numbers = vec![];
    for n in 2..5 {
        for (port, sender, eaxc) in [(1, FROM_A, 0), (2, FROM_B, 16)] {
            let left = appliance.receive(port, &sender.user(Downlink, at(eaxc, 40, slot(n), 0)));
            numbers.extend(left.iter().map(|left| (port, seen(&left.bytes).sequence)));
        }
    }
    assert_eq!(numbers, [(1, 251), (2, 252), (2, 253)]);
}

#[test]
fn a_switch_at_a_slot_already_sent_is_refused() {
    let mut appliance = in_step("");
    appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot(4), 0)));
    appliance.command(Boundary::Slot(slot(4)), Action::Switch { to: B });
    let refused = appliance.events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::Refused {
                why: Refusal::BoundaryPassed,
                ..
            }
        )
    });
    assert!(refused);
}

#[test]
fn the_next_boundary_is_the_first_slot_of_which_nothing_was_sent() {
    let mut appliance = in_step("");
    appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot(4), 0)));
    appliance.command(Boundary::Next, Action::Switch { to: B });
    let boundary = appliance.events.iter().find_map(|event| match event.kind {
        EventKind::Accepted { boundary, .. } => Some(boundary),
        _ => None,
    });
    assert_eq!(boundary, Some(slot(5)));
}

#[test]
fn the_next_boundary_is_behind_what_the_new_member_has_begun() {
    let mut appliance = in_step("");
    appliance.receive(
        2,
        &FROM_B.control(
            Downlink,
            at(16, 0, slot(6), 0),
            &[ControlSection::whole(0, 14)],
        ),
    );
    appliance.command(Boundary::Slot(slot(6)), Action::Switch { to: B });
    appliance.command(Boundary::Next, Action::Switch { to: B });
    let answers: Vec<_> = appliance
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Accepted { boundary, .. } => Some(Ok(boundary)),
            EventKind::Refused { why, .. } => Some(Err(why)),
            _ => None,
        })
        .collect();
    assert_eq!(answers, [Err(Refusal::BoundaryPassed), Ok(slot(7))]);
}

#[test]
fn a_member_that_is_not_in_step_cannot_become_active() {
    let mut appliance = Appliance::new(&two_dus(""));
    appliance.go_to(START);
    appliance.command(Boundary::Next, Action::Switch { to: B });
    assert!(matches!(
        appliance.events[0].kind,
        EventKind::Refused {
            why: Refusal::NotInStep,
            ..
        }
    ));
}

#[test]
fn late_frames_of_the_old_owner_pass_until_the_tolerance_and_then_are_late() {
    let mut appliance = in_step("    late_tolerance: 5ms");
    appliance.command(Boundary::Slot(slot(2)), Action::Switch { to: B });
    appliance.go_to(slot(12));
    let left = appliance.receive(1, &FROM_A.user(Downlink, at(0, 1, slot(1), 0)));
    assert_eq!(left.len(), 1);
    appliance.go_to(slot(13));
    let left = appliance.receive(1, &FROM_A.user(Downlink, at(0, 2, slot(1), 1)));
    assert!(left.is_empty());
    assert_eq!(appliance.dropped(DropReason::Late), 1);
}

#[test]
fn a_frame_of_another_time_is_out_of_step() {
    let mut appliance = in_step("    step_window: 20ms");
    for (n, expected) in [(40, 0), (41, 1), (-40, 1), (-41, 2)] {
        appliance.receive(1, &FROM_A.user(Downlink, at(0, 1, slot(n), 0)));
        assert_eq!(
            appliance.dropped(DropReason::OutOfStep),
            expected,
            "slot {n}"
        );
    }
}

#[test]
fn a_fenced_member_says_nothing_until_it_is_readmitted() {
    let mut appliance = in_step("");
    appliance.command(Boundary::Next, Action::Fence { member: B });
    appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(1), 0)));
    assert_eq!(appliance.dropped(DropReason::Fenced), 1);
    appliance.command(Boundary::Next, Action::Switch { to: B });
    appliance.command(Boundary::Next, Action::Readmit { member: B });
    appliance.receive(2, &FROM_B.user(Downlink, at(16, 1, slot(1), 0)));
    assert_eq!(appliance.dropped(DropReason::Fenced), 1);
    assert_eq!(appliance.dropped(DropReason::NotActive), 2);
    let mode = appliance.worker.state().cells[0].roles.final_mode();
    assert_eq!(mode, Mode::Single(A));
}

#[test]
fn strangers_and_unknown_antennas_are_dropped_with_their_reason() {
    let mut appliance = in_step("");
    let stranger = Sender {
        source: [2, 9, 9, 9, 9, 9],
        ..FROM_A
    };
    appliance.receive(1, &stranger.user(Downlink, at(0, 0, slot(0), 0)));
    assert_eq!(appliance.dropped(DropReason::UnknownPeer), 1);
    appliance.receive(1, &FROM_A.user(Downlink, at(9, 0, slot(0), 0)));
    assert_eq!(appliance.dropped(DropReason::UnknownEaxc), 1);
    appliance.receive(2, &FROM_A.user(Downlink, at(0, 0, slot(0), 0)));
    assert_eq!(appliance.dropped(DropReason::UnknownPeer), 2);
    appliance.receive(1, &FROM_A.user(Uplink, at(0, 0, slot(0), 0)));
    assert_eq!(appliance.dropped(DropReason::WrongWay), 1);
}

#[test]
fn upstream_loss_is_counted_although_renumbering_hides_it() {
    let mut appliance = in_step("");
    for number in (0..=9).chain(12..100) {
        appliance.receive(1, &FROM_A.user(Downlink, at(0, number, slot(1), 0)));
    }
    let du_a = &appliance.worker.counters().peers[1];
    assert_eq!((du_a.missing, du_a.duplicate, du_a.reordered), (2, 0, 0));
}

#[test]
fn later_fragments_follow_the_verdict_and_the_number_of_the_first() {
    let mut appliance = in_step("");
    let mut first = FROM_A.user(Downlink, at(0, 30, slot(1), 0));
    first[18 + 7] = 0x00;
    let mut second = first.clone();
    second[18 + 7] = 0x81;
    let mut orphan = second.clone();
    orphan[18 + 6] = 31;
    let number = |left: &[Left]| seen(&left[0].bytes).sequence;
    appliance.receive(1, &FROM_A.user(Downlink, at(0, 5, slot(1), 0)));
    let left = appliance.receive(1, &first);
    assert_eq!(number(&left), 6);
    let left = appliance.receive(1, &second);
    assert_eq!(number(&left), 6);
    assert!(appliance.receive(1, &orphan).is_empty());
    assert_eq!(appliance.dropped(DropReason::FragmentOrphan), 1);
}

#[test]
fn concatenated_messages_of_the_active_member_stay_one_frame() {
    let mut appliance = in_step("");
    let mut pdu = control_pdu(at(0, 14, slot(1), 0));
    pdu[0] |= 1;
    pdu.extend(control_pdu(at(1, 15, slot(1), 0)));
    let left = appliance.receive(1, &FROM_A.frame(&pdu));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].bytes.len(), FROM_A.frame(&pdu).len());
}

#[test]
fn concatenated_uplink_is_split_for_each_member() {
    let mut appliance = in_step("");
    let mut pdu = user(Uplink, at(0, 14, slot(0), 0));
    pdu[0] |= 1;
    pdu.resize(pdu.len().next_multiple_of(4), 0);
    pdu.extend(user(Uplink, at(1, 15, slot(0), 0)));
    let left = appliance.receive(0, &FROM_RU.frame(&pdu));
    let to_b: Vec<_> = left
        .iter()
        .filter(|left| left.port == 2)
        .map(|left| seen(&left.bytes))
        .collect();
    assert_eq!(left.len(), 4);
    assert_eq!((to_b[0].eaxc, to_b[1].eaxc), (16, 17));
    assert_eq!((to_b[0].sequence, to_b[1].sequence), (14, 15));
}

#[test]
fn a_refused_message_of_a_concatenation_is_dropped_alone() {
    let mut appliance = in_step("");
    let mut pdu = control_pdu(at(0, 14, slot(1), 0));
    pdu[0] |= 1;
    pdu.extend(control_pdu(at(9, 15, slot(1), 0)));
    let left = appliance.receive(1, &FROM_A.frame(&pdu));
    assert_eq!(left.len(), 1);
    assert_eq!(seen(&left[0].bytes).eaxc, 0);
    assert_eq!(left[0].bytes[18] & 1, 0);
    assert_eq!(appliance.dropped(DropReason::UnknownEaxc), 1);
}

fn control_pdu(at: At) -> Vec<u8> {
    use ranshift::wire::oran::emit::ControlKind;
    control(Downlink, at, ControlKind::Normal(0), &whole())
}

#[test]
fn a_concatenation_with_a_malformed_end_takes_no_number() {
    let mut appliance = in_step("");
    let mut pdu = control_pdu(at(0, 50, slot(1), 0));
    pdu[0] |= 1;
    pdu.extend([0x10, 2, 0xff, 0xff]);
    let user = |n| FROM_A.control(Downlink, at(0, n, slot(1), 0), &whole());
    let first = appliance.receive(1, &user(49));
    assert!(appliance.receive(1, &FROM_A.frame(&pdu)).is_empty());
    let next = appliance.receive(1, &user(51));
    let number = |left: &[Left]| seen(&left[0].bytes).sequence;
    assert_eq!(number(&next), number(&first).wrapping_add(1));
}

#[test]
fn a_malformed_control_message_is_no_sign_of_life() {
    let mut appliance = Appliance::new(&two_dus(""));
    appliance.go_to(START);
    let mut frame = FROM_B.control(Downlink, at(16, 0, START, 0), &whole());
    let sections = 14 + 8 + 4;
    frame[sections] = 9;
    appliance.receive(2, &frame);
    assert_eq!(appliance.dropped(DropReason::CplaneMalformed), 1);
    assert_eq!(appliance.worker.state().cells[0].in_step, 0);
}

#[test]
fn fragments_of_a_member_fenced_meanwhile_end_here() {
    let mut appliance = in_step("");
    appliance.command(Boundary::Slot(slot(3)), Action::Switch { to: MemberId(1) });
    let mut first = user(Downlink, at(16, 7, slot(3), 0));
    first[7] = 0;
    assert_eq!(appliance.receive(2, &FROM_B.frame(&first)).len(), 1);
    appliance.command(Boundary::Slot(slot(4)), Action::Switch { to: MemberId(0) });
    appliance.go_to(slot(5));
    let fence = Action::Fence {
        member: MemberId(1),
    };
    appliance.command(Boundary::Next, fence);
    let mut second = message(0, at(16, 7, slot(3), 0), &[0; 40]);
    second[7] = 0x81;
    assert!(appliance.receive(2, &FROM_B.frame(&second)).is_empty());
    assert_eq!(appliance.dropped(DropReason::Fenced), 1);
}
