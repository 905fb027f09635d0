//! The checker accepts a correct run and refuses each way in which a run can be wrong, naming the rule.
//! A judge that has never refused anything proves nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on runs made here"
)]

#[path = "checker/mod.rs"]
mod checker;

use checker::stage::{Play, play};
use checker::{Frame, Inputs, Kind, Rule, Verdict, judge};

/// Lanes of the stage.
const RU: usize = 0;
const DU1: usize = 1;
const DU2: usize = 2;

fn migration() -> Inputs {
    play(Play::Migration)
}

#[track_caller]
fn refused(run: &Inputs, rule: Rule) -> Verdict {
    let verdict = judge(run);
    assert!(
        verdict.breaks(rule),
        "{} was not named:\n{verdict}",
        rule.name()
    );
    assert!(
        verdict
            .findings
            .iter()
            .any(|finding| finding.rule == rule && !finding.text.is_empty())
    );
    verdict
}

#[track_caller]
fn accepted(run: &Inputs) {
    let verdict = judge(run);
    assert!(verdict.holds(), "{verdict}");
    for rule in Rule::ALL {
        assert!(
            verdict.examined(*rule) > 0,
            "{} examined nothing",
            rule.name()
        );
    }
}

/// Offset of the eAxC in a frame.
fn eaxc_at(frame: &Frame) -> usize {
    if frame.bytes[12] == 0x81 { 22 } else { 18 }
}

fn is_user(frame: &Frame) -> bool {
    frame.bytes[eaxc_at(frame) - 3] == 0
}

fn is_downlink(frame: &Frame) -> bool {
    frame.bytes[eaxc_at(frame) + 4] & 0x80 != 0
}

/// Position in the RU's egress of the nth downlink U-plane frame of a DU.
fn user_of(run: &Inputs, du: usize, nth: usize) -> usize {
    let frames = run.egress[RU].frames.iter().enumerate();
    let own = frames
        .filter(|(_, frame)| frame.input == du as u32 && is_user(frame) && is_downlink(frame));
    own.map(|(position, _)| position).nth(nth).unwrap()
}

/// The input frame of a DU that the box dropped, `nth` of its downlink U-plane, as if it had been forwarded.
fn let_through(run: &mut Inputs, du: usize, nth: usize) {
    let used: Vec<u64> = run.egress[RU]
        .frames
        .iter()
        .filter(|f| f.input == du as u32)
        .map(|f| f.number)
        .collect();
    let dropped = run.ingress[du]
        .frames
        .iter()
        .filter(|f| !used.contains(&f.number) && is_user(f) && is_downlink(f));
    let input = dropped
        .clone()
        .nth(nth)
        .unwrap_or_else(|| dropped.clone().next_back().unwrap())
        .clone();
    let model = run.egress[RU].frames[user_of(run, DU1, 0)].clone();
    let mut bytes = model.bytes[..22].to_vec();
    bytes.extend_from_slice(&input.bytes[eaxc_at(&input)..]);
    (bytes[22], bytes[23]) = (0, bytes[23] & 15);
    let at = run.egress[RU]
        .frames
        .partition_point(|frame| frame.at_ns <= input.at_ns);
    run.egress[RU].frames.insert(
        at,
        Frame {
            bytes,
            kind: Kind::Forwarded,
            ..input
        },
    );
}

#[test]
fn a_correct_migration_is_accepted_and_every_rule_has_something_to_examine() {
    accepted(&migration());
}

#[test]
fn a_correct_failover_is_accepted() {
    accepted(&play(Play::Failover));
}

#[test]
fn a_correct_sharing_of_the_ru_is_accepted() {
    accepted(&play(Play::Sharing));
}

#[test]
fn two_dus_on_one_symbol_are_refused() {
    let mut run = migration();
    let_through(&mut run, DU1, 5);
    refused(&run, Rule::Speakers);
}

#[test]
fn a_lost_frame_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 7);
    run.egress[RU].frames.remove(at);
    let verdict = refused(&run, Rule::Delivered);
    assert!(verdict.breaks(Rule::Sequence));
}

#[test]
fn a_lost_frame_is_refused_though_its_number_was_closed_over() {
    let mut run = migration();
    let at = run.egress[RU].frames.len() - 1;
    run.egress[RU].frames.remove(at);
    let verdict = refused(&run, Rule::Delivered);
    assert!(!verdict.breaks(Rule::Sequence));
}

#[test]
fn a_doubled_frame_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 7);
    let again = run.egress[RU].frames[at].clone();
    run.egress[RU].frames.insert(at, again);
    refused(&run, Rule::Once);
}

#[test]
fn a_doubled_uplink_copy_is_refused() {
    let mut run = migration();
    let again = run.egress[DU2].frames[3].clone();
    run.egress[DU2].frames.insert(3, again);
    refused(&run, Rule::Once);
}

#[test]
fn a_repeated_sequence_number_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 9);
    let sequence = eaxc_at(&run.egress[RU].frames[at]) + 2;
    run.egress[RU].frames[at].bytes[sequence] -= 1;
    refused(&run, Rule::Sequence);
}

#[test]
fn a_jump_of_sequence_numbers_at_the_switch_is_refused() {
    let mut run = migration();
    let from = user_of(&run, DU1, 0);
    for frame in &mut run.egress[RU].frames[from..] {
        let sequence = eaxc_at(frame) + 2;
        frame.bytes[sequence] = frame.bytes[sequence].wrapping_add(1);
    }
    refused(&run, Rule::Sequence);
}

#[test]
fn a_renumbered_uplink_copy_is_refused() {
    let mut run = migration();
    let sequence = eaxc_at(&run.egress[DU1].frames[5]) + 2;
    run.egress[DU1].frames[5].bytes[sequence] ^= 1;
    refused(&run, Rule::Sequence);
}

#[test]
fn a_wrong_destination_mac_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 3);
    run.egress[RU].frames[at].bytes[5] = 9;
    refused(&run, Rule::Addresses);
}

#[test]
fn a_wrong_source_mac_is_refused() {
    let mut run = migration();
    run.egress[DU2].frames[3].bytes[11] = 1;
    refused(&run, Rule::Addresses);
}

#[test]
fn a_wrong_vlan_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 3);
    run.egress[RU].frames[at].bytes[15] = 101;
    refused(&run, Rule::Addresses);
}

#[test]
fn a_wrong_eaxc_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 3);
    let eaxc = eaxc_at(&run.egress[RU].frames[at]);
    run.egress[RU].frames[at].bytes[eaxc + 1] ^= 1;
    refused(&run, Rule::Addresses);
}

#[test]
fn a_changed_payload_byte_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 3);
    run.egress[RU].frames[at].bytes[45] ^= 0x10;
    refused(&run, Rule::Link);
}

#[test]
fn a_changed_slot_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 3);
    run.egress[RU].frames[at].bytes[27] ^= 1;
    refused(&run, Rule::Link);
}

#[test]
fn a_changed_priority_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU1, 3);
    run.egress[RU].frames[at].bytes[14] ^= 0x20;
    refused(&run, Rule::Link);
}

#[test]
fn c_plane_behind_its_u_plane_is_refused() {
    let mut run = migration();
    let user = user_of(&run, DU2, 0);
    let eaxc = eaxc_at(&run.egress[RU].frames[user]);
    let id = run.egress[RU].frames[user].bytes[eaxc + 1];
    let frames = &mut run.egress[RU].frames;
    let control = frames
        .iter()
        .position(|f| !is_user(f) && is_downlink(f) && f.bytes[eaxc + 1] == id)
        .unwrap();
    let moved = frames.remove(control);
    frames.insert(user, moved);
    let verdict = refused(&run, Rule::ControlFirst);
    assert!(verdict.breaks(Rule::Order));
}

#[test]
fn a_frame_of_a_fenced_du_is_refused() {
    let mut run = migration();
    let_through(&mut run, DU2, usize::MAX);
    refused(&run, Rule::Fence);
}

#[test]
fn a_frame_of_the_old_owner_after_the_switch_is_refused() {
    let mut run = migration();
    let_through(&mut run, DU2, 0);
    refused(&run, Rule::Owner);
}

#[test]
fn a_frame_of_the_new_owner_before_the_switch_is_refused() {
    let mut run = migration();
    let_through(&mut run, DU1, 0);
    refused(&run, Rule::Owner);
}

#[test]
fn an_uplink_copy_that_misses_one_du_is_refused() {
    let mut run = migration();
    run.egress[DU2].frames.remove(4);
    refused(&run, Rule::Uplink);
}

#[test]
fn an_uplink_copy_to_a_du_out_of_step_is_refused() {
    let mut run = play(Play::Failover);
    let last = run.egress[DU1].frames.last().unwrap().clone();
    let model = run.egress[DU2].frames[0].bytes[..18].to_vec();
    let mut bytes = model;
    bytes.extend_from_slice(&last.bytes[22..]);
    bytes[19] += 16;
    run.egress[DU2].frames.push(Frame { bytes, ..last });
    refused(&run, Rule::Uplink);
}

#[test]
fn an_index_that_points_at_another_input_is_refused() {
    let mut run = migration();
    let at = user_of(&run, DU2, 3);
    run.egress[RU].frames[at].number += 1;
    refused(&run, Rule::Link);
}

#[test]
fn a_frame_made_from_nothing_is_refused() {
    let mut run = migration();
    run.egress[RU].frames[4].input = checker::ORIGINATED;
    refused(&run, Rule::Link);
}

#[test]
fn a_copy_that_is_called_forwarded_is_refused() {
    let mut run = migration();
    run.egress[DU2].frames[4].kind = Kind::Forwarded;
    refused(&run, Rule::Kind);
}

#[test]
fn frames_out_of_order_are_refused() {
    let mut run = migration();
    run.egress[DU1].frames.swap(4, 5);
    refused(&run, Rule::Order);
}

#[test]
fn a_ledger_off_by_one_is_refused() {
    for name in [
        "ledger.received",
        "ledger.sent",
        "ledger.dropped",
        "ports.ru-side.sent",
        "drops.not_active",
    ] {
        let mut run = migration();
        *run.report.counters.get_mut(name).unwrap() += 1;
        refused(&run, Rule::Ledger);
    }
}

#[test]
fn a_switch_at_another_slot_than_asked_for_is_refused() {
    let mut run = migration();
    run.report.migrations[0].boundary += 1;
    refused(&run, Rule::Boundary);
}

#[test]
fn a_switch_that_nobody_asked_for_is_refused() {
    let mut run = migration();
    run.scenario.actions.remove(0);
    refused(&run, Rule::Boundary);
}

#[test]
fn a_failover_into_a_slot_of_the_dead_is_refused() {
    let mut run = play(Play::Failover);
    run.report.failovers[0].boundary = run.report.failovers[0].boundary.map(|slot| slot - 1);
    refused(&run, Rule::Boundary);
}

#[test]
fn a_data_symbol_of_the_wrong_member_in_shared_mode_is_refused() {
    let mut run = play(Play::Sharing);
    let last = run.ingress[DU1].frames.len() - 1;
    assert!(last > 0);
    let_through(&mut run, DU1, usize::MAX);
    let verdict = judge(&run);
    assert!(
        verdict.breaks(Rule::Owner) || verdict.breaks(Rule::Speakers),
        "{verdict}"
    );
}

#[test]
fn a_control_symbol_on_the_wrong_antenna_port_is_refused() {
    let mut run = play(Play::Sharing);
    let frames = &mut run.egress[RU].frames;
    let moved = frames
        .iter_mut()
        .rev()
        .find(|f| f.input == 1 && is_user(f) && f.bytes[29] & 63 == 0 && f.bytes[23] == 1);
    moved.unwrap().bytes[23] = 0;
    refused(&run, Rule::Owner);
}

#[test]
fn the_same_uplink_request_of_both_members_is_refused() {
    let mut run = play(Play::Sharing);
    let frames = &run.egress[RU].frames;
    let (at, sent) = frames
        .iter()
        .enumerate()
        .rfind(|(_, f)| !is_user(f) && !is_downlink(f))
        .unwrap();
    let other = if sent.input == 1 { DU2 } else { DU1 };
    let body = &sent.bytes[26..];
    let twin = run.ingress[other].frames.iter().find(|f| {
        let eaxc = eaxc_at(f);
        f.bytes[eaxc + 4..eaxc + 20] == body[..16] && f.bytes[eaxc + 1] & 15 == sent.bytes[23]
    });
    let (bytes, twin) = (sent.bytes.clone(), twin.unwrap().clone());
    run.egress[RU].frames.insert(
        at + 1,
        Frame {
            bytes,
            kind: Kind::Forwarded,
            ..twin
        },
    );
    refused(&run, Rule::Requests);
}

#[test]
fn an_uplink_symbol_that_is_answered_twice_is_refused() {
    let mut run = migration();
    let mut again = run.ingress[RU].frames[3].clone();
    again.number = 1_000_000;
    run.ingress[RU].frames.insert(4, again);
    refused(&run, Rule::Answers);
}

#[test]
fn the_checker_mentions_nothing_of_the_crate() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checker");
    let mut folders = vec![std::path::PathBuf::from(root)];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for forbidden in ["ranshift::", "crate::", "extern crate"] {
                assert!(
                    !text.contains(forbidden),
                    "{} mentions {forbidden}",
                    path.display()
                );
            }
            files += 1;
        }
    }
    assert!(files > 15, "only {files} files were looked at");
}
