//! The armed plan, step by step: loss, fence, the standby's first slot, damping, return.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary, Cause, EventKind, Mode, Refusal};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{Instant, MemberId, SlotCount};
use ranshift::wire::oran::emit::ControlSection;

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);
const C: MemberId = MemberId(2);
const FROM_C: Sender = Sender {
    source: [2, 0xd0, 0, 0, 0, 3],
    destination: [2, 0xa0, 0, 0, 0, 3],
    vlan: None,
};
const LEAD_NS: i64 = 400_000;

const PLAN: &str = "
    liveness: {history: 3, confirm: 1, grace: 250us}
    transmit_window_end: {downlink_control: 200us, uplink_control: 200us, downlink_user: 100us}
    failover: {standby: [du-b], damping: 1s}";

/// Sends one slot of each DU that is alive: C-plane and one U-plane message, at their lead.
fn slot(appliance: &mut Appliance, n: i64, alive: &[Sender]) -> Vec<(Sender, Left)> {
    let slot = START.offset(n);
    appliance.wait_until(clock().air(slot, 0).offset(-LEAD_NS));
    let mut left = Vec::new();
    for sender in alive {
        let (port, eaxc) = match sender.source {
            DU_A => (1, 0),
            DU_B => (2, 16),
            _ => (3, 32),
        };
        let number = n as u8;
        let direction = if n % 10 >= 7 { Uplink } else { Downlink };
        let whole = [ControlSection::whole(0, 14)];
        let control = sender.control(direction, at(eaxc, number, slot, 0), &whole);
        left.extend(appliance.receive(port, &control));
        if direction == Downlink {
            left.extend(
                appliance.receive(port, &sender.user(direction, at(eaxc, number, slot, 0))),
            );
        }
    }
    left.into_iter().map(|left| (alive[0], left)).collect()
}

fn kinds(appliance: &Appliance) -> Vec<EventKind> {
    let noise =
        |kind: &EventKind| matches!(kind, EventKind::InStep { .. } | EventKind::DueMissed { .. });
    let kinds = appliance.events.iter().map(|event| event.kind);
    kinds.filter(|kind| !noise(kind)).collect()
}

#[test]
fn a_dead_active_member_is_fenced_and_the_standby_takes_over_within_two_slots() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    let died = clock().air(START.offset(49), 0).offset(-LEAD_NS);
    let mut first = None;
    for n in 50..56 {
        let sent = slot(&mut appliance, n, &[FROM_B]);
        if first.is_none() && !sent.is_empty() {
            first = Some(n);
        }
    }
    let lost = appliance
        .events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Lost { .. }))
        .unwrap();
    assert!(
        lost.at.nanos_since(died) <= 1_000_000,
        "{}",
        lost.at.nanos_since(died)
    );
    assert_eq!(first, Some(51));
    let cause = Cause::Failover;
    assert!(kinds(&appliance).contains(&EventKind::Fenced { member: A, cause }));
    assert!(kinds(&appliance).contains(&EventKind::Mode {
        mode: Mode::Single(B),
        boundary: START.offset(51),
        cause,
    }));
    assert_eq!(appliance.worker.counters().cells[0].failovers, 1);
}

#[test]
fn the_numbering_toward_the_ru_has_no_gap_through_a_failover() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    let mut numbers = Vec::new();
    for n in 0..80 {
        let alive: &[Sender] = if n < 50 { &[FROM_A, FROM_B] } else { &[FROM_B] };
        let sent = slot(&mut appliance, n, alive);
        let user = sent
            .iter()
            .map(|(_, left)| seen(&left.bytes))
            .filter(|frame| frame.kind == 0);
        numbers.extend(user.map(|frame| frame.sequence));
    }
    assert!(
        numbers
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1))
    );
}

#[test]
fn the_fenced_member_that_returns_stays_silent_until_readmitted() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..70 {
        let alive: &[Sender] = if (50..60).contains(&n) {
            &[FROM_B]
        } else {
            &[FROM_A, FROM_B]
        };
        slot(&mut appliance, n, alive);
    }
    assert!(appliance.dropped(DropReason::Fenced) > 0);
    appliance.command(Boundary::Next, Action::Readmit { member: A });
    appliance.command(Boundary::Next, Action::Switch { to: A });
    let before = appliance.dropped(DropReason::Fenced);
    for n in 70..80 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    assert_eq!(appliance.dropped(DropReason::Fenced), before);
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(A)
    );
}

#[test]
fn nobody_takes_over_while_the_standby_is_out_of_step_and_somebody_does_once_it_is_back() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A]);
    }
    appliance.go_to(START.offset(60));
    let why = Refusal::NotInStep;
    assert!(kinds(&appliance).contains(&EventKind::FailoverImpossible { from: A, why }));
    for n in 62..66 {
        slot(&mut appliance, n, &[FROM_B]);
    }
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(B)
    );
}

#[test]
fn a_second_failover_waits_for_the_damping() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    for n in 50..60 {
        slot(&mut appliance, n, &[FROM_B]);
    }
    appliance.command(Boundary::Next, Action::Readmit { member: A });
    appliance.command(Boundary::Next, Action::Arm { standby: Some(A) });
    for n in 60..100 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    for n in 100..120 {
        slot(&mut appliance, n, &[FROM_A]);
    }
    let why = Refusal::Damped;
    assert!(kinds(&appliance).contains(&EventKind::FailoverImpossible { from: B, why }));
    for n in 120..2_200 {
        slot(&mut appliance, n, &[FROM_A]);
    }
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(A)
    );
}

#[test]
fn without_an_armed_plan_the_loss_is_told_and_nothing_moves() {
    let mut appliance = Appliance::new(&two_dus("\n    liveness: {history: 3}"));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    for n in 50..60 {
        slot(&mut appliance, n, &[FROM_B]);
    }
    let why = Refusal::NotArmed;
    assert!(kinds(&appliance).contains(&EventKind::FailoverImpossible { from: A, why }));
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(A)
    );
}

#[test]
fn a_lost_source_leaves_the_ru_to_the_destination() {
    let sharing = "
    sharing: {control_symbols: [0], source_ports: {0: 0}, destination_ports: {0: 1}, pattern: SD}";
    let mut appliance = Appliance::new(&two_dus(&format!("{PLAN}{sharing}")));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
        if n == 40 {
            let share = Action::Share {
                source: A,
                destination: B,
            };
            appliance.command(Boundary::Next, share);
        }
    }
    for n in 50..60 {
        slot(&mut appliance, n, &[FROM_B]);
    }
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(B)
    );
}

#[test]
fn a_silent_standby_is_told_and_moves_nothing() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..60 {
        let alive: &[Sender] = if n < 50 { &[FROM_A, FROM_B] } else { &[FROM_A] };
        slot(&mut appliance, n, alive);
    }
    let lost = |kind: &EventKind| matches!(kind, EventKind::Lost { member: B, .. });
    assert!(kinds(&appliance).iter().any(lost));
    assert_eq!(appliance.worker.counters().cells[0].failovers, 0);
}

#[test]
fn time_that_jumps_over_many_deadlines_is_worked_off() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    appliance.wait_until(Instant(clock().air(SlotCount(START.0 + 100_000), 0).0));
    assert!(kinds(&appliance).len() < 20);
    assert!(appliance.worker.next_deadline() > clock().air(START, 0));
}

#[test]
fn a_cell_whose_standby_dies_with_it_is_rescued_by_readmission() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    slot(&mut appliance, 50, &[FROM_B]);
    for n in 60..70 {
        slot(&mut appliance, n, &[FROM_A]);
    }
    appliance.command(Boundary::Next, Action::Readmit { member: A });
    let passed: usize = (70..80)
        .map(|n| slot(&mut appliance, n, &[FROM_A]).len())
        .sum();
    assert!(passed > 0, "{:?}", kinds(&appliance));
}

#[test]
fn a_standby_lost_at_the_same_instant_does_not_take_over() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    let passed: usize = (60..70)
        .map(|n| slot(&mut appliance, n, &[FROM_A, FROM_B]).len())
        .sum();
    assert!(passed > 0, "both paths were cut for 5 ms");
    assert_eq!(appliance.worker.counters().cells[0].failovers, 0);
}

#[test]
fn a_switch_to_a_member_that_dies_before_its_slot_leaves_the_cell_where_it_is() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    appliance.command(Boundary::Slot(START.offset(70)), Action::Switch { to: B });
    for n in 50..90 {
        let sent = slot(&mut appliance, n, &[FROM_A]);
        assert!(!sent.is_empty(), "slot {n}");
    }
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(A)
    );
}

#[test]
fn a_new_owner_that_never_begins_is_replaced_by_the_old_one() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..52 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
        if n == 40 {
            let boundary = Boundary::Slot(START.offset(52));
            appliance.command(boundary, Action::Switch { to: B });
        }
    }
    let passed: usize = (52..60)
        .map(|n| slot(&mut appliance, n, &[FROM_A]).len())
        .sum();
    assert!(passed > 0, "{:?}", kinds(&appliance));
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(A)
    );
}

#[test]
fn an_old_owner_that_stops_at_its_last_slot_is_not_replaced() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..52 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
        if n == 40 {
            let boundary = Boundary::Slot(START.offset(52));
            appliance.command(boundary, Action::Switch { to: B });
        }
    }
    for n in 52..60 {
        slot(&mut appliance, n, &[FROM_B]);
    }
    let failover = |kind: &EventKind| matches!(kind, EventKind::Failover { .. });
    assert!(!kinds(&appliance).iter().any(failover));
}

#[test]
fn a_standby_readmitted_after_the_loss_takes_over() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..40 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    appliance.command(Boundary::Next, Action::Fence { member: B });
    for n in 40..60 {
        let alive: &[Sender] = if n < 50 { &[FROM_A, FROM_B] } else { &[FROM_B] };
        slot(&mut appliance, n, alive);
    }
    let why = Refusal::Fenced;
    assert!(kinds(&appliance).contains(&EventKind::FailoverImpossible { from: A, why }));
    appliance.command(Boundary::Next, Action::Readmit { member: B });
    for n in 60..70 {
        slot(&mut appliance, n, &[FROM_B]);
    }
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(B)
    );
}

#[test]
fn a_failover_by_command_fences_a_living_member_and_the_armed_standby_goes_on() {
    let mut appliance = Appliance::new(&two_dus(PLAN));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    appliance.command(Boundary::Next, Action::FailOver { to: None });
    for n in 50..60 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    let cause = Cause::Command;
    let kinds = kinds(&appliance);
    assert!(kinds.contains(&EventKind::Fenced { member: A, cause }));
    let accepted = kinds.iter().find_map(|kind| match kind {
        EventKind::Accepted { boundary, .. } => Some(*boundary),
        _ => None,
    });
    let moved = kinds.iter().find_map(|kind| match kind {
        EventKind::Mode { mode, boundary, .. } if *mode == Mode::Single(B) => Some(*boundary),
        _ => None,
    });
    assert_eq!(accepted, Some(START.offset(50)));
    assert_eq!(
        moved, accepted,
        "the standby began the first slot that it could"
    );
    assert!(appliance.dropped(DropReason::Fenced) > 0);
}

#[test]
fn a_failover_by_command_takes_the_member_that_it_names_without_an_armed_plan() {
    let mut appliance = Appliance::new(&two_dus("    liveness: {enabled: false}"));
    for n in 0..20 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    appliance.command(Boundary::Next, Action::FailOver { to: Some(B) });
    for n in 20..25 {
        slot(&mut appliance, n, &[FROM_A, FROM_B]);
    }
    assert_eq!(appliance.worker.counters().cells[0].failovers, 1);
    assert_eq!(
        appliance.worker.state().cells[0].roles.final_mode(),
        Mode::Single(B)
    );
}

#[test]
fn a_failover_by_command_is_refused_when_nobody_can_take_over() {
    let refused = |alive: &[Sender], extra: &str, to| {
        let mut appliance = Appliance::new(&two_dus(extra));
        for n in 0..20 {
            slot(&mut appliance, n, alive);
        }
        appliance.command(Boundary::Next, Action::FailOver { to });
        kinds(&appliance).into_iter().find_map(|kind| match kind {
            EventKind::Refused { why, .. } => Some(why),
            _ => None,
        })
    };
    let both = [FROM_A, FROM_B];
    assert_eq!(refused(&both, "", None), Some(Refusal::NotArmed));
    assert_eq!(refused(&both, PLAN, Some(A)), Some(Refusal::IsActive));
    assert_eq!(
        refused(&[FROM_A], PLAN, None),
        Some(Refusal::NotInStep),
        "a standby that was never heard"
    );
    assert_eq!(
        refused(&both, PLAN, Some(MemberId(7))),
        Some(Refusal::UnknownMember)
    );
}

/// As `two_dus`, with a third that is nobody's standby.
fn three_dus(extra: &str) -> String {
    let du = "  du-c: {port: c, mac: '02:d0:00:00:00:03', facing: '02:a0:00:00:00:03', vlan: none, attachment: dedicated}";
    let streams = "      du-c: {eaxc: {downlink: [32, 33], uplink: [32, 33], prach: [36, 37]}}";
    two_dus(extra)
        .replace("b: {mtu: 9000}}", "b: {mtu: 9000}, c: {mtu: 9000}}")
        .replace("\ncells:", &format!("\n{du}\ncells:"))
        .replace("[20, 21]}}\n", &format!("[20, 21]}}}}\n{streams}\n"))
        .replace("{ru: [a, b], a: [ru],", "{ru: [a, b, c], a: [ru], c: [ru],")
}

/// A failover by command waits for B, which is in step and says no more.
fn waiting_for_b() -> Appliance {
    let quiet = "    liveness: {enabled: false}\n    failover: {standby: [du-b], damping: 1s}";
    let mut appliance = Appliance::new(&three_dus(quiet));
    for n in 0..20 {
        slot(&mut appliance, n, &[FROM_A, FROM_B, FROM_C]);
    }
    appliance.command(Boundary::Next, Action::FailOver { to: None });
    for n in 20..25 {
        slot(&mut appliance, n, &[FROM_A, FROM_C]);
    }
    appliance
}

/// How the last command was refused, if it was.
fn refusal(appliance: &Appliance) -> Option<Refusal> {
    let answers = kinds(appliance).into_iter().rev();
    let mut answers = answers.filter_map(|kind| match kind {
        EventKind::Refused { why, .. } => Some(Some(why)),
        EventKind::Accepted { .. } => Some(None),
        _ => None,
    });
    answers.next().unwrap()
}

#[test]
fn a_failover_that_waits_for_a_silent_member_can_be_given_another() {
    let mut appliance = waiting_for_b();
    appliance.command(Boundary::Next, Action::FailOver { to: Some(C) });
    assert_eq!(refusal(&appliance), None);
    let passed: usize = (25..30)
        .map(|n| slot(&mut appliance, n, &[FROM_A, FROM_C]).len())
        .sum();
    assert!(passed > 0, "{:?}", kinds(&appliance));
    let roles = &appliance.worker.state().cells[0].roles;
    assert_eq!(roles.final_mode(), Mode::Single(C));
    assert!(roles.is_fenced(A) && !roles.is_fenced(B));
}

#[test]
fn the_member_that_was_waited_for_first_is_not_heard_once_another_is() {
    let mut appliance = waiting_for_b();
    appliance.command(Boundary::Next, Action::FailOver { to: Some(C) });
    for n in 25..30 {
        slot(&mut appliance, n, &[FROM_B, FROM_C]);
    }
    let roles = &appliance.worker.state().cells[0].roles;
    assert_eq!(roles.final_mode(), Mode::Single(C));
    assert!(appliance.dropped(DropReason::NotActive) > 0);
}

#[test]
fn while_a_failover_waits_every_command_that_needs_its_boundary_says_so() {
    let mut appliance = waiting_for_b();
    for action in [
        Action::Switch { to: C },
        Action::Switch { to: A },
        Action::Share {
            source: A,
            destination: C,
        },
        Action::FailOver { to: None },
        Action::FailOver { to: Some(B) },
    ] {
        appliance.command(Boundary::Next, action);
        assert_eq!(
            refusal(&appliance),
            Some(Refusal::FailoverWaits),
            "{action:?}"
        );
    }
    appliance.command(Boundary::Next, Action::FailOver { to: Some(A) });
    assert_eq!(refusal(&appliance), Some(Refusal::Fenced));
}

#[test]
fn a_failover_that_waits_is_given_up_by_fencing_its_member_and_a_migration_follows() {
    let mut appliance = waiting_for_b();
    appliance.command(Boundary::Next, Action::Fence { member: B });
    appliance.command(Boundary::Next, Action::Switch { to: C });
    assert_eq!(refusal(&appliance), None);
    let passed: usize = (25..30)
        .map(|n| slot(&mut appliance, n, &[FROM_C]).len())
        .sum();
    assert!(passed > 0, "{:?}", kinds(&appliance));
}

#[test]
fn a_failover_that_waits_ends_when_the_fenced_member_is_readmitted() {
    let mut appliance = waiting_for_b();
    appliance.command(Boundary::Next, Action::Readmit { member: A });
    let passed: usize = (25..30)
        .map(|n| slot(&mut appliance, n, &[FROM_A]).len())
        .sum();
    assert!(passed > 0, "{:?}", kinds(&appliance));
    let roles = &appliance.worker.state().cells[0].roles;
    assert_eq!(roles.final_mode(), Mode::Single(A));
}

#[test]
fn a_standby_that_begins_late_takes_no_slot_in_which_another_has_spoken() {
    let mut appliance = Appliance::new(&three_dus(""));
    for n in 0..50 {
        slot(&mut appliance, n, &[FROM_A, FROM_B, FROM_C]);
    }
    let boundary = Boundary::Slot(START.offset(55));
    appliance.command(boundary, Action::Switch { to: C });
    for n in 50..53 {
        slot(&mut appliance, n, &[FROM_A, FROM_C]);
    }
    appliance.command(Boundary::Next, Action::FailOver { to: Some(B) });
    for n in 53..56 {
        slot(&mut appliance, n, &[FROM_A, FROM_C]);
    }
    for n in 56..60 {
        let sent = slot(&mut appliance, n, &[FROM_C, FROM_B]);
        let eaxcs = sent.iter().filter(|(_, left)| left.port == 0).count();
        let one_speaker = if n % 10 >= 7 { 1 } else { 2 };
        assert_eq!(eaxcs, one_speaker, "slot {n}");
    }
}
