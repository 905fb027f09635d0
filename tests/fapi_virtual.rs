//! An L2 and two PHYs around the appliance in virtual time: what the L2 and the PHYs themselves noticed.
//! Every slot has users, so that the slots of a PHY are known by the requests it was given.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/fapi_stage.rs"]
mod fapi_stage;

use fapi_stage::{FIRST_SLOT, Stage, edited};
use ranshift::dataplane::mailbox::Boundary;
use ranshift::lab::fapi::{L2Report, PhyReport, Requests};
use ranshift::ran::Duration;

const A: usize = 0;
const B: usize = 1;

fn stage() -> Stage {
    Stage::new(&edited(&[]), |_| {})
}

/// Every slot was named to the L2 once and in order, in numbers without a gap.
fn assert_clock(l2: &L2Report) {
    assert!(l2.indications > 0);
    assert_eq!((l2.left_out.count, l2.out_of_order.count), (0, 0), "{l2:?}");
    let network = l2.network;
    let noticed = [
        network.lost,
        network.reordered,
        network.repeated,
        network.malformed,
    ];
    assert_eq!((noticed, network.misaddressed, l2.strange), ([0; 4], 0, 0));
    let answers = &l2.answers;
    let wrong = [
        &answers.doubled,
        &answers.unasked,
        &answers.falsified,
        &answers.unreadable,
    ];
    assert!(wrong.iter().all(|faults| faults.count == 0), "{answers:?}");
}

/// Each slot brought a DL_TTI and an UL_TTI, once and in time, in numbers without a gap.
fn assert_fed(phy: &PhyReport) {
    let faults = [
        &phy.missing,
        &phy.doubled,
        &phy.late,
        &phy.early,
        &phy.unmatched,
    ];
    assert!(faults.iter().all(|faults| faults.count == 0), "{phy:?}");
    let network = phy.network;
    let noticed = [
        network.lost,
        network.reordered,
        network.repeated,
        network.malformed,
    ];
    assert_eq!((noticed, network.misaddressed, phy.strange), ([0; 4], 0, 0));
}

#[test]
fn two_hundred_slots_are_seen_whole_by_the_l2() {
    let mut stage = stage();
    stage.slots(200);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(l2.answers.missing.count, 0);
    assert!(l2.answers.paid.crc > 0 && l2.answers.paid.rx_data > 0);
    assert_eq!(l2.slots, Some((FIRST_SLOT + 4, FIRST_SLOT + 203)));
}

#[test]
fn the_active_is_given_every_request_of_the_l2() {
    let mut stage = stage();
    stage.slots(200);
    let (l2, a) = (stage.l2.report(), stage.phys[A].report());
    assert_fed(&a);
    assert_eq!((a.full, a.null), (l2.requests, Requests::default()));
}

#[test]
fn a_standby_is_given_the_null_of_every_request_and_nothing_full() {
    let mut stage = stage();
    stage.slots(200);
    let (l2, b) = (stage.l2.report(), stage.phys[B].report());
    assert_fed(&b);
    assert_eq!((b.full, b.null), (Requests::default(), l2.requests));
}

#[test]
fn a_standby_of_an_idle_l2_starves_not() {
    let mut stage = Stage::new(&edited(&[]), |plans| {
        plans.l2.traffic.busy = 0.02;
        plans.phys[B].fails_after = Some(1);
    });
    stage.slots(400);
    assert!(stage.phys[B].is_alive());
    assert_fed(&stage.phys[B].report());
}

#[test]
fn a_migration_is_seen_by_neither_side() {
    let mut stage = stage();
    stage.slots(60);
    let boundary = stage.migrate(1, Boundary::InSlots(20));
    stage.slots(140);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(l2.answers.missing.count, 0);
    let (a, b) = (stage.phys[A].report(), stage.phys[B].report());
    assert_fed(&a);
    assert_fed(&b);
    let ((_, last_of_a), (first_of_b, _)) = (a.full_slots.unwrap(), b.full_slots.unwrap());
    assert_eq!(
        (last_of_a + 1, first_of_b),
        (first_of_b, boundary % (1024 * 20))
    );
}

#[test]
fn a_migration_at_frame_0_is_seen_by_neither_side() {
    let mut stage = stage();
    stage.slots(60);
    let boundary = stage.migrate(1, Boundary::InSlots(21));
    assert_eq!(boundary % (1024 * 20), 0);
    stage.slots(140);
    assert_clock(&stage.l2.report());
    let first_of_b = stage.phys[B].report().full_slots.unwrap().0;
    assert_eq!(first_of_b, 1024 * 20);
}

#[test]
fn a_migration_there_and_back_within_the_pipeline_is_seen_by_neither_side() {
    let mut stage = stage();
    stage.slots(60);
    stage.migrate(1, Boundary::InSlots(10));
    stage.slots(12);
    stage.migrate(0, Boundary::Next);
    stage.slots(100);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(l2.answers.missing.count, 0);
    assert_fed(&stage.phys[A].report());
    assert_fed(&stage.phys[B].report());
}

#[test]
fn a_death_leaves_no_slot_out_and_costs_only_slots_of_the_dead() {
    let mut stage = stage();
    stage.slots(60);
    stage.phys[A].kill();
    stage.slots(140);
    let (l2, b) = (stage.l2.report(), stage.phys[B].report());
    assert_clock(&l2);
    assert_fed(&b);
    let first_of_b = b.full_slots.unwrap().0;
    let (_, last_missing) = l2.answers.missing.slots.unwrap();
    assert!(last_missing < first_of_b, "{last_missing} {first_of_b}");
    // Two indications missing, half a slot of grace, and what was released ahead.
    assert!(
        first_of_b <= FIRST_SLOT + 60 + 2 + 1 + 4 + 1,
        "{first_of_b}"
    );
}

#[test]
fn the_l2_waits_at_most_a_slot_and_its_grace_for_a_dead_phy() {
    let mut stage = stage();
    stage.slots(60);
    stage.phys[A].kill();
    stage.slots(60);
    let pause = stage.l2.report().longest_pause_ns;
    assert!(pause <= 1_000_000, "{pause}");
}

#[test]
fn the_death_of_a_standby_is_seen_by_nobody() {
    let mut stage = stage();
    stage.slots(60);
    stage.phys[B].kill();
    stage.slots(140);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(l2.answers.missing.count, 0);
    assert_fed(&stage.phys[A].report());
}

#[test]
fn blocks_lost_with_a_phy_fail_at_once_if_configured() {
    let config = edited(&[("confirm: 2 ", "fail_crc: true\n      confirm: 2 ")]);
    let mut stage = Stage::new(&config, |_| {});
    stage.slots(60);
    stage.phys[A].kill();
    stage.slots(140);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert!(l2.answers.paid.failed_crc > 0);
    let missing = &l2.answers.missing.first;
    assert!(
        missing
            .iter()
            .all(|fault| fault.message != "CRC.indication"),
        "{missing:?}"
    );
}

#[test]
fn a_phy_that_counts_elsewhere_serves_the_same_slots() {
    let config = edited(&[("phy-b: {}", "phy-b: {slot_offset: 7}")]);
    let mut stage = Stage::new(&config, |_| {});
    stage.slots(60);
    stage.migrate(1, Boundary::InSlots(20));
    stage.slots(140);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(l2.answers.missing.count, 0);
    assert_fed(&stage.phys[B].report());
}

#[test]
fn jitter_of_the_phys_is_not_seen_as_loss() {
    let mut stage = Stage::new(&edited(&[]), |plans| {
        for phy in &mut plans.phys {
            phy.jitter = Duration::from_micros(200);
        }
    });
    stage.slots(400);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(
        (l2.answers.missing.count, stage.phys[B].report().full),
        (0, Requests::default())
    );
}
