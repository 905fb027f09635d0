//! The judge of the FAPI plane accepts a correct run and refuses each way in which a run can be wrong, naming
//! the rule. A judge that has never refused anything proves nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on runs made here"
)]

#[path = "fapi_checker/mod.rs"]
mod fapi_checker;

use fapi_checker::message::{CRC, DL_TTI, ERROR, Part, SLOT, TX_DATA, UL_DCI, UL_TTI};
use fapi_checker::packer::{self, Head, Way};
use fapi_checker::settings::Dialect;
use fapi_checker::stage::{
    COMMANDED, DEATH, FIRST, SLOT_NS, SLOTS, Single, TIMING, TO_A, TO_B, TO_L2, at, came, find,
    insert, null, play, rewrite, run, singles, slot,
};
use fapi_checker::{Cause, Frame, Inputs, Rule, Verdict, judge};

#[track_caller]
fn refused(run: &Inputs, rule: Rule) -> Verdict {
    let verdict = judge(run);
    let mut named = verdict
        .findings
        .iter()
        .filter(|finding| finding.rule == rule);
    assert!(
        named.any(|finding| !finding.text.is_empty()),
        "{} was not named:\n{verdict}",
        rule.name()
    );
    verdict
}

#[test]
fn a_correct_run_is_accepted_and_every_rule_has_something_to_examine() {
    let verdict = judge(&run());
    assert!(verdict.holds(), "{verdict}");
    for rule in Rule::ALL {
        assert!(
            verdict.examined(*rule) > 0,
            "{} examined nothing",
            rule.name()
        );
    }
}

#[test]
fn a_correct_run_under_the_header_of_scf_225_is_accepted() {
    let verdict = judge(&play(Dialect::Scf));
    assert!(verdict.holds(), "{verdict}");
    assert!(verdict.examined(Rule::Sequence) > 0);
}

#[test]
fn a_datagram_for_another_address_is_refused() {
    let mut run = run();
    run.egress[TO_A].frames[50].bytes[5] ^= 1;
    refused(&run, Rule::Addresses);
}

#[test]
fn a_wrong_udp_checksum_is_refused() {
    let mut run = run();
    let frame = find(&run, TO_L2, |single| single.head.id == CRC).frame;
    run.egress[TO_L2].frames[frame].bytes[40] ^= 1;
    refused(&run, Rule::Addresses);
}

#[test]
fn a_frame_longer_than_the_mtu_is_refused() {
    let mut run = run();
    run.settings.ports[TO_B].1 = 1_400;
    refused(&run, Rule::Frames);
}

#[test]
fn a_missing_fragment_is_refused() {
    let mut run = run();
    let fragment = |frame: &Frame| frame.bytes[16] == 8 && frame.bytes[24] & 0x20 != 0;
    let frame = run.egress[TO_B].frames.iter().position(fragment).unwrap();
    run.egress[TO_B].frames.remove(frame);
    refused(&run, Rule::Frames);
}

#[test]
fn the_phy_id_of_another_peer_is_refused() {
    let mut run = run();
    let single = find(&run, TO_A, |single| single.head.id == DL_TTI);
    rewrite(&mut run, TO_A, single, |single| single.head.phy_id = 1);
    refused(&run, Rule::Header);
}

#[test]
fn a_wrong_checksum_of_oai_is_refused() {
    let mut run = run();
    let frame = &mut run.egress[TO_L2].frames[30].bytes;
    // The UDP checksum is left out, so that only OAI's is wrong.
    frame[40..42].fill(0);
    frame[52] ^= 1;
    refused(&run, Rule::Header);
}

#[test]
fn a_segment_sent_twice_is_refused() {
    let mut run = run();
    let is_first = |single: &Single| single.part == Part::Segment(0, true);
    let first = singles(&run.egress[TO_A].frames).into_iter().find(is_first);
    let frame = first.unwrap().frame;
    let copy = run.egress[TO_A].frames[frame].clone();
    run.egress[TO_A].frames.insert(frame, copy);
    refused(&run, Rule::Segments);
}

#[test]
fn a_missing_segment_is_refused() {
    let mut run = run();
    let is_last = |single: &Single| matches!(single.part, Part::Segment(_, false));
    let last = singles(&run.egress[TO_A].frames).into_iter().find(is_last);
    run.egress[TO_A].frames.remove(last.unwrap().frame);
    refused(&run, Rule::Segments);
}

#[test]
fn a_datagram_longer_than_the_peer_takes_is_refused() {
    let mut run = run();
    run.settings.peers[TO_A].segment = 1_399;
    refused(&run, Rule::Segments);
}

#[test]
fn more_segments_than_numbers_are_refused() {
    let mut run = run();
    let body = [&TIMING.point(slot(10))[..], &[7; 4_000]].concat();
    let head = Head {
        id: TX_DATA,
        timestamp: 0,
        ..find(&run, TO_A, |_| true).head
    };
    let frames = packer::datagrams(head, &body, 48)
        .into_iter()
        .map(|datagram| Frame {
            at_ns: at(SLOTS),
            bytes: packer::frames(&run.settings.peers[TO_A], Way::To, &datagram, 9, 1_500)
                .remove(0),
        });
    let frames: Vec<Frame> = frames.collect();
    run.egress[TO_A].frames.extend(frames);
    refused(&run, Rule::Segments);
}

#[test]
fn a_jump_of_the_sequence_number_is_refused() {
    let mut run = run();
    let single = find(&run, TO_B, |single| single.is_null());
    rewrite(&mut run, TO_B, single, |single| single.head.sequence += 1);
    refused(&run, Rule::Sequence);
}

#[test]
fn a_changed_request_is_refused() {
    let mut run = run();
    let single = find(&run, TO_A, |single| {
        single.head.id == DL_TTI && !single.is_null()
    });
    rewrite(&mut run, TO_A, single, |single| single.body[12] ^= 1);
    let verdict = refused(&run, Rule::Origin);
    assert!(
        verdict.breaches(Rule::Delivered) > 0,
        "the right one is missing"
    );
}

#[test]
fn a_changed_timestamp_is_refused() {
    let mut run = run();
    let single = find(&run, TO_A, |single| {
        single.head.id == DL_TTI && !single.is_null()
    });
    rewrite(&mut run, TO_A, single, |single| single.head.timestamp += 1);
    refused(&run, Rule::Origin);
}

#[test]
fn an_indication_passed_twice_is_refused() {
    let mut run = run();
    let single = find(&run, TO_L2, |single| single.head.id == CRC);
    insert(&mut run, TO_L2, single.at + 10, CRC, &single.body);
    refused(&run, Rule::Origin);
}

#[test]
fn a_full_request_to_a_standby_is_refused() {
    let mut run = run();
    let single = find(&run, TO_A, |single| {
        single.head.id == DL_TTI && !single.is_null()
    });
    run.egress[TO_A].frames.remove(single.frame);
    insert(&mut run, TO_B, single.at, DL_TTI, &single.body);
    refused(&run, Rule::Full);
}

#[test]
fn a_switch_one_slot_early_is_refused() {
    let mut run = run();
    let boundary = run.switches[0].slot;
    let passed = |single: &Single| !single.is_null() && single.slot() == boundary;
    assert!(singles(&run.egress[TO_B].frames).iter().any(passed));
    run.switches[0].slot += 1;
    refused(&run, Rule::Full);
}

#[test]
fn a_request_that_went_nowhere_is_refused() {
    let mut run = run();
    let single = find(&run, TO_B, |single| {
        single.head.id == UL_TTI && !single.is_null()
    });
    run.egress[TO_B].frames.remove(single.frame);
    refused(&run, Rule::Delivered);
}

#[test]
fn an_indication_that_went_nowhere_is_refused() {
    let mut run = run();
    let single = find(&run, TO_L2, |single| single.head.id == CRC);
    run.egress[TO_L2].frames.remove(single.frame);
    refused(&run, Rule::Delivered);
}

#[test]
fn a_request_held_for_more_than_a_slot_is_refused() {
    let mut run = run();
    let single = find(&run, TO_A, |single| {
        single.head.id == DL_TTI && !single.is_null()
    });
    run.egress[TO_A].frames[single.frame].at_ns += SLOT_NS + 1;
    refused(&run, Rule::Delivered);
}

#[test]
fn a_missing_null_is_refused() {
    let mut run = run();
    let single = find(&run, TO_B, |single| {
        single.is_null() && single.slot() == slot(12)
    });
    run.egress[TO_B].frames.remove(single.frame);
    refused(&run, Rule::Nulls);
}

#[test]
fn a_null_tx_data_that_the_l2_did_not_cause_is_refused() {
    let mut run = run();
    // Slots 8 and 9 of ten are uplink.
    let uplink = FIRST + (18 - FIRST % 10);
    insert(
        &mut run,
        TO_B,
        TIMING.air(uplink),
        TX_DATA,
        &null(uplink, 2),
    );
    refused(&run, Rule::Counterparts);
}

#[test]
fn a_missing_null_ul_dci_is_refused() {
    let mut run = run();
    let single = find(&run, TO_B, |single| {
        single.is_null() && single.head.id == UL_DCI
    });
    run.egress[TO_B].frames.remove(single.frame);
    refused(&run, Rule::Counterparts);
}

#[test]
fn a_null_that_lets_prach_in_is_refused() {
    let mut run = run();
    let single = find(&run, TO_B, |single| {
        single.is_null() && single.head.id == UL_TTI
    });
    rewrite(&mut run, TO_B, single, |single| single.body[5] = 1);
    refused(&run, Rule::NullBytes);
}

#[test]
fn a_null_under_another_timestamp_than_its_request_is_refused() {
    let mut run = run();
    let made = |single: &Single| single.is_null() && single.head.timestamp != 0;
    let single = find(&run, TO_B, made);
    rewrite(&mut run, TO_B, single, |single| single.head.timestamp += 1);
    refused(&run, Rule::NullBytes);
}

fn clock_null(run: &Inputs) -> Single {
    find(run, TO_B, |single| {
        single.is_null() && single.head.timestamp == 0 && single.slot() > slot(8)
    })
}

#[test]
fn a_null_made_before_the_deadline_is_refused() {
    let mut run = run();
    let single = clock_null(&run);
    run.egress[TO_B].frames[single.frame].at_ns -= 100_000;
    refused(&run, Rule::NullTime);
}

#[test]
fn a_null_made_after_its_slot_is_on_air_is_refused() {
    let mut run = run();
    let single = clock_null(&run);
    run.egress[TO_B].frames[single.frame].at_ns += 400_000;
    refused(&run, Rule::NullTime);
}

#[test]
fn a_null_for_the_active_is_refused() {
    let mut run = run();
    let single = clock_null(&run);
    insert(&mut run, TO_A, single.at, single.head.id, &single.body);
    refused(&run, Rule::ActiveNulls);
}

#[test]
fn a_second_null_is_refused() {
    let mut run = run();
    let single = clock_null(&run);
    insert(&mut run, TO_B, single.at + 1, single.head.id, &single.body);
    refused(&run, Rule::GivenOnce);
}

#[test]
fn a_null_after_a_full_request_is_refused() {
    let mut run = run();
    let single = find(&run, TO_A, |single| {
        single.head.id == UL_TTI && !single.is_null()
    });
    insert(
        &mut run,
        TO_A,
        single.at + 1,
        UL_TTI,
        &null(single.slot(), 5),
    );
    refused(&run, Rule::GivenOnce);
}

#[test]
fn a_request_of_its_own_slot_to_a_fenced_phy_is_refused() {
    let mut run = run();
    let own = slot(DEATH);
    let at = TIMING.air(slot(DEATH + 20)) - 200_000;
    insert(&mut run, TO_A, at, DL_TTI, &null(own, 2));
    refused(&run, Rule::Fence);
}

#[test]
fn an_indication_of_a_fenced_phy_is_refused() {
    let mut run = run();
    let Cause::Failover { detected_ns, .. } = &mut run.switches[2].cause else {
        unreachable!("the third switch is the failover")
    };
    *detected_ns -= 6 * SLOT_NS;
    refused(&run, Rule::Fence);
}

fn indicated(run: &Inputs, number: u64) -> Single {
    find(run, TO_L2, |single| {
        single.head.id == SLOT && single.slot() == slot(number)
    })
}

#[test]
fn a_slot_that_was_not_indicated_is_refused() {
    let mut run = run();
    let single = indicated(&run, 70);
    run.egress[TO_L2].frames.remove(single.frame);
    refused(&run, Rule::SlotOrder);
}

#[test]
fn a_slot_that_was_indicated_twice_is_refused() {
    let mut run = run();
    let single = indicated(&run, 70);
    insert(&mut run, TO_L2, single.at + 1, SLOT, &single.body);
    refused(&run, Rule::SlotOrder);
}

#[test]
fn an_l2_whose_clock_stops_is_refused() {
    let mut run = run();
    let single = indicated(&run, SLOTS);
    run.egress[TO_L2].frames.truncate(single.frame);
    refused(&run, Rule::SlotOrder);
}

#[test]
fn a_slot_made_up_too_late_is_refused() {
    let mut run = run();
    let single = indicated(&run, DEATH + 5);
    run.egress[TO_L2].frames[single.frame].at_ns += 400_000;
    refused(&run, Rule::SlotTime);
}

#[test]
fn a_slot_that_only_the_standby_indicated_is_refused() {
    let mut run = run();
    let made_up = indicated(&run, DEATH + 5);
    let from_standby = came(&run, TO_B, |single| {
        single.head.id == SLOT && single.slot() == made_up.slot()
    });
    run.egress[TO_L2].frames[made_up.frame].at_ns = from_standby.at;
    refused(&run, Rule::SlotTime);
}

#[test]
fn an_indication_of_the_standby_is_refused() {
    let mut run = run();
    let single = came(&run, TO_B, |single| {
        single.head.id == CRC && single.at < at(COMMANDED)
    });
    insert(&mut run, TO_L2, single.at, CRC, &single.body);
    refused(&run, Rule::Speaker);
}

#[test]
fn an_indication_of_a_former_owner_beyond_its_pipeline_is_refused() {
    let mut run = run();
    run.settings.cells[0].pipeline = 1;
    refused(&run, Rule::Speaker);
}

#[test]
fn an_error_of_the_standby_is_refused() {
    let mut run = run();
    let single = came(&run, TO_B, |single| {
        single.head.id == ERROR && single.at < at(COMMANDED)
    });
    insert(&mut run, TO_L2, single.at, ERROR, &single.body);
    refused(&run, Rule::Errors);
}

fn made_up_crc(run: &Inputs) -> Single {
    find(run, TO_L2, |single| {
        single.head.id == CRC && single.body[13] == 1
    })
}

#[test]
fn a_failing_crc_that_is_missing_is_refused() {
    let mut run = run();
    let single = made_up_crc(&run);
    run.egress[TO_L2].frames.remove(single.frame);
    refused(&run, Rule::FailedCrcs);
}

#[test]
fn a_failing_crc_that_nobody_configured_is_refused() {
    let mut run = run();
    run.settings.cells[0].fail_crc = false;
    refused(&run, Rule::FailedCrcs);
}

#[test]
fn a_failing_crc_of_what_was_answered_is_refused() {
    let mut run = run();
    let mut answered = find(&run, TO_L2, |single| {
        single.head.id == CRC && single.at > at(DEATH - 20)
    });
    let mut at_entry = 13;
    while at_entry < answered.body.len() {
        answered.body[at_entry] = 1;
        at_entry += 15;
    }
    let at = made_up_crc(&run).at;
    insert(&mut run, TO_L2, at, CRC, &answered.body);
    refused(&run, Rule::FailedCrcs);
}

#[test]
fn a_failover_to_a_slot_that_had_been_given_is_refused() {
    let mut run = run();
    run.switches[2].slot -= 1;
    refused(&run, Rule::Boundary);
}

#[test]
fn a_failover_later_than_needed_is_refused() {
    let mut run = run();
    run.switches[2].slot += 1;
    refused(&run, Rule::Boundary);
}

#[test]
fn a_new_phy_that_is_given_nothing_for_a_slot_is_refused() {
    let mut run = run();
    let detected = run.switches[2].cause.at_ns();
    let pause = detected..detected + 4 * SLOT_NS;
    run.egress[TO_B]
        .frames
        .retain(|frame| !pause.contains(&frame.at_ns));
    refused(&run, Rule::Takeover);
}
