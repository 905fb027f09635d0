//! Shared mode: two DUs on one RU, symbol by symbol (fronthaul.md 11.2 as the appliance does it).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary, EventKind};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{MemberId, SlotCount};
use ranshift::wire::oran::cplane::Cplane;
use ranshift::wire::oran::emit::{ControlKind, ControlSection, Timing};

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);

/// PDCCH in symbols 0 and 1; A keeps port 0, B's port 0 goes to port 1. A owns even slots, B odd ones;
/// slot 8 of 20 is B's broadcast.
const SHARING: &str = "
    sharing:
      control_symbols: [0, 1]
      source_ports: {0: 0}
      destination_ports: {0: 1}
      broadcast: [{member: du-b, period: 20, slots: [8]}]
      pattern: SD
      pattern_lead: 20";

fn slot(n: i64) -> SlotCount {
    START.offset(n)
}

fn whole() -> [ControlSection<'static>; 1] {
    [ControlSection::whole(0, 14)]
}

/// Shared from slot 2 on.
fn shared(more: &str) -> Appliance {
    let mut appliance = Appliance::new(&two_dus(&format!("{SHARING}{more}")));
    begin_sharing(&mut appliance);
    appliance
}

fn begin_sharing(appliance: &mut Appliance) {
    appliance.go_to(START);
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole()));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole()));
    let share = Action::Share {
        source: A,
        destination: B,
    };
    appliance.command(Boundary::Slot(slot(2)), share);
    appliance.go_to(slot(2));
}

/// eAxC and symbol of what left.
fn heard(left: &[Left]) -> Vec<(u16, u8)> {
    left.iter()
        .map(|left| seen(&left.bytes))
        .map(|frame| (frame.eaxc, frame.symbol))
        .collect()
}

#[test]
fn data_symbols_belong_to_the_owner_of_the_slot() {
    let mut appliance = shared("");
    for (n, from_a, from_b) in [(2, 1, 0), (3, 0, 1)] {
        let a = appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot(n), 5)));
        let b = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(n), 5)));
        assert_eq!((a.len(), b.len()), (from_a, from_b), "slot {n}");
    }
    assert_eq!(appliance.dropped(DropReason::NotSlotOwner), 2);
}

#[test]
fn a_broadcast_slot_belongs_to_its_member_whatever_the_pattern() {
    let mut appliance = shared("");
    let a = appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot(8), 5)));
    let b = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(8), 5)));
    assert_eq!((a.len(), b.len()), (0, 1));
}

#[test]
fn control_symbols_go_to_the_port_of_the_member_s_map_in_every_slot() {
    let mut appliance = shared("");
    for n in [2, 3] {
        let a = appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot(n), 1)));
        let b = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(n), 1)));
        assert_eq!(heard(&a), [(0, 1)]);
        assert_eq!(heard(&b), [(1, 1)]);
    }
    let none = appliance.receive(2, &FROM_B.user(Downlink, at(17, 0, slot(3), 1)));
    assert!(none.is_empty());
    assert_eq!(appliance.dropped(DropReason::ControlPort), 1);
}

#[test]
fn a_message_over_control_and_data_is_split_for_a_remapped_owner() {
    let mut appliance = shared("");
    let left = appliance.receive(
        2,
        &FROM_B.control(Downlink, at(16, 9, slot(3), 0), &whole()),
    );
    assert_eq!(heard(&left), [(1, 0), (0, 2)]);
    let spans: Vec<_> = left
        .iter()
        .map(|left| {
            let frame = seen(&left.bytes);
            let (view, _) = Cplane::parse(&frame.body).unwrap();
            let section = view.sections().next().unwrap().unwrap();
            (section.start_symbol(), section.num_symbol())
        })
        .collect();
    assert_eq!(spans, [(0, 2), (2, 12)]);
    assert_eq!(appliance.worker.counters().ledger.copied, 1);
}

#[test]
fn who_does_not_own_the_slot_keeps_only_its_control_part() {
    let mut appliance = shared("");
    let left = appliance.receive(
        2,
        &FROM_B.control(Downlink, at(16, 9, slot(2), 0), &whole()),
    );
    assert_eq!(heard(&left), [(1, 0)]);
    let left = appliance.receive(1, &FROM_A.control(Downlink, at(0, 9, slot(2), 0), &whole()));
    assert_eq!(heard(&left), [(0, 0)]);
    let frame = seen(&left[0].bytes);
    let (view, _) = Cplane::parse(&frame.body).unwrap();
    let section = view.sections().next().unwrap().unwrap();
    assert_eq!(section.num_symbol(), 14, "the owner's own port stays whole");
}

#[test]
fn no_symbol_of_an_antenna_has_two_speakers_even_with_overlapping_port_maps() {
    let mut appliance = Appliance::with(&two_dus(SHARING), |config| {
        config.cells[0].sharing.destination_ports = vec![(0, 0)];
    });
    begin_sharing(&mut appliance);
    let a = appliance.receive(1, &FROM_A.user(Downlink, at(0, 0, slot(2), 1)));
    let b = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(2), 1)));
    let again = appliance.receive(1, &FROM_A.user(Downlink, at(0, 1, slot(2), 1)));
    assert_eq!((a.len(), b.len(), again.len()), (1, 0, 1));
    assert_eq!(appliance.dropped(DropReason::Conflict), 1);
    let told = appliance.events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::Conflict {
                holder: A,
                refused: B,
                symbol: 1,
                ..
            }
        )
    });
    assert!(told);
}

#[test]
fn an_identical_uplink_request_is_absorbed_and_the_answer_goes_to_both() {
    let mut appliance = shared("");
    let first = appliance.receive(1, &FROM_A.control(Uplink, at(0, 0, slot(4), 0), &whole()));
    let second = appliance.receive(2, &FROM_B.control(Uplink, at(16, 0, slot(4), 0), &whole()));
    assert_eq!((first.len(), second.len()), (1, 0));
    assert_eq!(appliance.dropped(DropReason::Absorbed), 1);
    let answer = appliance.receive(0, &FROM_RU.user(Uplink, at(0, 0, slot(4), 0)));
    assert_eq!(answer.len(), 2);
}

#[test]
fn an_overlapping_request_gets_section_ids_of_its_own_and_its_answers_back() {
    let mut appliance = shared("");
    appliance.receive(1, &FROM_A.control(Uplink, at(0, 0, slot(4), 0), &whole()));
    let narrow = [ControlSection {
        num_prb: 10,
        ..ControlSection::whole(3, 14)
    }];
    let left = appliance.receive(2, &FROM_B.control(Uplink, at(16, 0, slot(4), 0), &narrow));
    let request = seen(&left[0].bytes);
    let (view, _) = Cplane::parse(&request.body).unwrap();
    assert_eq!(view.sections().next().unwrap().unwrap().section_id(), 0x803);

    let pdu = user_section(Uplink, at(0, 0, slot(4), 0), 0x803);
    let left = appliance.receive(0, &FROM_RU.frame(&pdu));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].port, 2);
    let body = seen(&left[0].bytes).body;
    assert_eq!(u16::from_be_bytes([body[4], body[5]]) >> 4, 3);

    let pdu = user_section(Uplink, at(0, 1, slot(4), 0), 0);
    let left = appliance.receive(0, &FROM_RU.frame(&pdu));
    assert_eq!(left.iter().map(|left| left.port).collect::<Vec<_>>(), [1]);
}

#[test]
fn idle_sections_go_out_only_when_both_members_sent_the_same() {
    let mut appliance = shared("");
    let idle = |sender: Sender, eaxc| {
        let timing = Timing {
            time_offset: 0,
            frame_structure: 0xc1,
            cp_length: 0,
        };
        let pdu = control(
            Downlink,
            at(eaxc, 0, slot(4), 0),
            ControlKind::Idle(timing),
            &whole(),
        );
        sender.frame(&pdu)
    };
    assert!(appliance.receive(1, &idle(FROM_A, 0)).is_empty());
    assert_eq!(appliance.dropped(DropReason::IdleSection), 1);
    assert_eq!(appliance.receive(2, &idle(FROM_B, 16)).len(), 1);
}

#[test]
fn carrier_commands_pass_from_the_active_member_and_never_while_sharing() {
    let slot_control = |at: At| {
        let mut body = Vec::new();
        radio(Downlink, at, 0).emit(&mut body);
        body.extend([1, 4, 0, 0, 0, 0]);
        message(2, at, &body)
    };
    let mut alone = Appliance::new(&two_dus(SHARING));
    alone.go_to(START);
    assert_eq!(
        alone
            .receive(1, &FROM_A.frame(&slot_control(at(0, 0, START, 0))))
            .len(),
        1
    );
    let mut appliance = shared("");
    let left = appliance.receive(1, &FROM_A.frame(&slot_control(at(0, 0, slot(2), 0))));
    assert!(left.is_empty());
    assert_eq!(appliance.dropped(DropReason::CarrierCommand), 1);
}

#[test]
fn a_remote_reset_never_passes_from_a_standby_or_while_sharing() {
    let reset = [0x10, 6, 0, 3, 0, 1, 1, 0];
    let mut alone = Appliance::new(&two_dus(SHARING));
    alone.go_to(START);
    assert_eq!(alone.receive(1, &FROM_A.frame(&reset)).len(), 1);
    assert!(alone.receive(2, &FROM_B.frame(&reset)).is_empty());
    let mut appliance = shared("");
    assert!(appliance.receive(1, &FROM_A.frame(&reset)).is_empty());
    assert_eq!(appliance.dropped(DropReason::CarrierCommand), 1);
}

#[test]
fn ue_scheduling_passes_from_the_slot_owner_only_unless_ids_are_disjoint() {
    let scheduled = |sender: Sender, eaxc, n| {
        let pdu = control(
            Downlink,
            at(eaxc, 0, slot(n), 2),
            ControlKind::Scheduled(0),
            &[ControlSection::whole(0, 12)],
        );
        sender.frame(&pdu)
    };
    let mut appliance = shared("");
    assert_eq!(appliance.receive(1, &scheduled(FROM_A, 0, 2)).len(), 1);
    assert!(appliance.receive(2, &scheduled(FROM_B, 16, 2)).is_empty());
    assert_eq!(appliance.dropped(DropReason::UeSpace), 1);
    let mut appliance = shared("\n      disjoint_ue_ids: true");
    assert!(appliance.receive(2, &scheduled(FROM_B, 16, 2)).is_empty());
    assert_eq!(appliance.dropped(DropReason::NotSlotOwner), 1);
}

#[test]
fn owner_wins_forwards_the_owner_s_message_whole_for_every_port() {
    let mut appliance = shared("\n      cplane: owner_wins");
    let a = appliance.receive(1, &FROM_A.control(Downlink, at(1, 0, slot(2), 0), &whole()));
    let b = appliance.receive(
        2,
        &FROM_B.control(Downlink, at(16, 0, slot(2), 0), &whole()),
    );
    assert_eq!((heard(&a), b.len()), (vec![(1, 0)], 0));
    let b = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(2), 1)));
    assert_eq!(
        heard(&b),
        [(1, 1)],
        "its U-plane lands under the owner's section"
    );
}

#[test]
fn owner_wins_falls_back_to_splitting_when_descriptions_differ() {
    let mut appliance = shared("\n      cplane: owner_wins");
    let other = [ControlSection::whole(7, 14)];
    appliance.receive(1, &FROM_A.control(Downlink, at(1, 0, slot(2), 0), &whole()));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, slot(2), 0), &other));
    let mismatch = |event: &ranshift::dataplane::mailbox::Event| {
        matches!(event.kind, EventKind::CplaneMismatch { .. })
    };
    assert_eq!(
        appliance
            .events
            .iter()
            .filter(|event| mismatch(event))
            .count(),
        1
    );
    assert_eq!(appliance.worker.counters().cells[0].cplane_mismatches, 1);
    let left = appliance.receive(2, &FROM_B.control(Downlink, at(16, 1, slot(3), 0), &other));
    assert_eq!(heard(&left), [(1, 0), (0, 2)]);
}

#[test]
fn a_slot_in_which_owner_wins_fails_ends_as_it_began() {
    let mut appliance = shared("\n      cplane: owner_wins");
    let other = [ControlSection::whole(7, 14)];
    let early = FROM_B.control(Downlink, at(16, 0, slot(2), 0), &other);
    assert!(appliance.receive(2, &early).is_empty());
    let owner = appliance.receive(1, &FROM_A.control(Downlink, at(1, 0, slot(2), 0), &whole()));
    assert_eq!(appliance.worker.counters().cells[0].cplane_mismatches, 1);
    assert_eq!(heard(&owner), [(1, 0)]);
    let owner = appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, slot(2), 0), &whole()));
    assert_eq!(
        (owner.len(), heard(&owner)),
        (1, vec![(0, 0)]),
        "whole, not split"
    );
}

#[test]
fn a_message_for_other_antennas_is_refused_when_their_verdicts_differ() {
    // Extension 10 (multi-port): extType 10, extLen 1, beamGroupType and numPortc.
    let section = |num_symbol| ControlSection {
        extensions: &[10, 1, 0x41, 0],
        ..ControlSection::whole(0, num_symbol)
    };
    let mut appliance = shared("");
    let left = appliance.receive(
        2,
        &FROM_B.control(Downlink, at(16, 0, slot(3), 0), &[section(14)]),
    );
    assert!(left.is_empty());
    assert_eq!(appliance.dropped(DropReason::MultiEaxc), 1);
    let left = appliance.receive(
        1,
        &FROM_A.control(Downlink, at(0, 0, slot(2), 2), &[section(12)]),
    );
    assert_eq!(
        left.len(),
        1,
        "one verdict for all ports of the owner's data symbols"
    );
}

#[test]
fn announced_use_of_both_members_is_told_for_each_shared_slot() {
    let mut appliance = shared("");
    for n in 2..14 {
        appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, slot(n), 0), &whole()));
        appliance.receive(
            2,
            &FROM_B.control(
                Downlink,
                at(16, 0, slot(n), 2),
                &[ControlSection::whole(0, 6)],
            ),
        );
    }
    let used: Vec<_> = appliance
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::PrbUse { on, used } => Some((on, used[0], used[1])),
            _ => None,
        })
        .collect();
    assert_eq!(used[0], (slot(2), 51 * 14, 51 * 6));
    assert_eq!(used.len(), 4);
}

#[test]
fn a_pattern_applies_from_its_boundary_and_must_be_published_in_time() {
    let mut appliance = shared("");
    let pattern = ranshift::dataplane::mailbox::PatternBits::new(&[true]).unwrap();
    appliance.command(Boundary::InSlots(19), Action::Pattern(pattern));
    assert!(
        appliance
            .events
            .iter()
            .any(|event| matches!(event.kind, EventKind::Refused { .. }))
    );
    appliance.command(Boundary::InSlots(20), Action::Pattern(pattern));
    let mut owner = |n| {
        let left = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(n), 5)));
        left.len()
    };
    assert_eq!((owner(20), owner(22), owner(24)), (0, 1, 1));
}

#[test]
fn the_migration_ends_with_the_destination_alone() {
    let mut appliance = shared("");
    appliance.command(Boundary::Slot(slot(6)), Action::Switch { to: B });
    let mut sent = |port, sender: Sender, eaxc, n| {
        let left = appliance.receive(port, &sender.user(Downlink, at(eaxc, 0, slot(n), 1)));
        heard(&left)
    };
    assert_eq!(sent(2, FROM_B, 16, 5), [(1, 1)]);
    assert_eq!(sent(2, FROM_B, 16, 6), [(0, 1)]);
    assert!(sent(1, FROM_A, 0, 6).is_empty());
}

#[test]
fn owner_wins_lets_no_control_symbol_go_before_the_owner_s_cplane() {
    let mut appliance = shared("\n      cplane: owner_wins");
    let early = appliance.receive(2, &FROM_B.user(Downlink, at(16, 0, slot(2), 1)));
    assert!(early.is_empty());
    assert_eq!(appliance.dropped(DropReason::Uncovered), 1);
    appliance.receive(1, &FROM_A.control(Downlink, at(1, 0, slot(2), 0), &whole()));
    let covered = appliance.receive(2, &FROM_B.user(Downlink, at(16, 1, slot(2), 1)));
    assert_eq!(heard(&covered), [(1, 1)]);
}

#[test]
fn a_frame_early_by_most_of_the_step_window_does_not_silence_the_slots_before_it() {
    let mut appliance = shared("");
    let early = FROM_A.user(Downlink, at(0, 0, slot(34), 5));
    assert_eq!(appliance.receive(1, &early).len(), 1);
    let next = FROM_A.user(Downlink, at(0, 1, slot(2), 5));
    assert_eq!(appliance.receive(1, &next).len(), 1);
}

#[test]
fn a_request_early_by_most_of_the_step_window_does_not_refuse_the_slots_before_it() {
    let mut appliance = shared("");
    let early = FROM_A.control(Uplink, at(0, 0, slot(34), 0), &whole());
    assert!(appliance.receive(1, &early).is_empty());
    let next = FROM_A.control(Uplink, at(0, 1, slot(2), 0), &whole());
    assert_eq!(appliance.receive(1, &next).len(), 1);
}

#[test]
fn a_split_message_goes_out_whatever_becomes_of_its_neighbour() {
    let mut appliance = shared("");
    let sections = whole();
    let split = control(
        Downlink,
        at(16, 0, slot(3), 0),
        ControlKind::Normal(0),
        &sections,
    );
    let mut pdu = split;
    pdu[0] |= 1;
    pdu.resize(pdu.len().next_multiple_of(4), 0);
    pdu.extend(user(Downlink, at(17, 0, slot(3), 0)));
    let left = appliance.receive(2, &FROM_B.frame(&pdu));
    assert_eq!(heard(&left), [(1, 0), (0, 2)]);
    assert_eq!(appliance.dropped(DropReason::ControlPort), 1);
}

#[test]
fn conflicts_of_one_slot_are_told_once() {
    let mut appliance = Appliance::with(&two_dus(SHARING), |config| {
        config.cells[0].sharing.destination_ports = vec![(0, 0)];
    });
    begin_sharing(&mut appliance);
    for n in 0..5 {
        appliance.receive(1, &FROM_A.user(Downlink, at(0, n, slot(2), 0)));
        appliance.receive(2, &FROM_B.user(Downlink, at(16, n, slot(2), 0)));
    }
    assert_eq!(appliance.dropped(DropReason::Conflict), 5);
    let told = appliance
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Conflict { .. }));
    assert_eq!(told.count(), 1);
}
