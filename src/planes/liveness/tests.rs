//! What is due, what is late, what is lost.

use super::*;
use crate::ran::{CyclicPrefix, Numerology};
use proptest::prelude::*;

const SLOT_NS: i64 = 500_000;
const LEAD_NS: i64 = 300_000;

fn clock() -> SlotClock {
    let mu1 = Numerology::new(1).unwrap();
    SlotClock::from_gps(mu1, CyclicPrefix::Normal, 0, 0)
}

fn rules(confirm: u32) -> LivenessRules {
    LivenessRules {
        enabled: true,
        period: 10,
        history: 3,
        confirm,
        grace: Duration::from_micros(250),
        window_end: [Duration::from_micros(100); 3],
        declared: vec![0; 10].into_boxed_slice(),
    }
}

/// Sends UL C-plane in slots 7, 8, 9 of each period up to `last`; returns all misses until `end`.
fn run(
    rules: &LivenessRules,
    last: u64,
    end: u64,
    lead: impl Fn(u64) -> i64,
) -> (Liveness, Vec<(Missed, Instant)>) {
    let clock = clock();
    let mut liveness = Liveness::new(rules);
    let mut missed = Vec::new();
    for n in 1_000_000..end {
        let slot = SlotCount(n);
        let now = clock.air(slot, 0).offset(-lead(n));
        while liveness.deadline() <= now {
            let at = liveness.deadline();
            if let Some(miss) = liveness.judge(rules, &clock, at) {
                missed.push((miss, at));
            }
        }
        if n % 10 >= 7 && n <= last {
            liveness.stamp(rules, &clock, DueClass::UplinkControl, slot, now);
        }
    }
    (liveness, missed)
}

#[test]
fn a_steady_member_is_never_missed() {
    let (_, missed) = run(&rules(1), 1_000_999, 1_000_999, |_| LEAD_NS);
    assert!(missed.is_empty());
}

#[test]
fn nothing_is_due_before_the_history_is_complete() {
    let (_, missed) = run(&rules(1), 1_000_019, 1_000_100, |_| LEAD_NS);
    assert!(missed.is_empty());
    let (_, missed) = run(&rules(1), 1_000_029, 1_000_100, |_| LEAD_NS);
    assert_eq!(missed.len(), 1);
}

#[test]
fn loss_is_noticed_grace_after_the_due_instant() {
    let (liveness, missed) = run(&rules(1), 1_000_108, 1_000_200, |_| LEAD_NS);
    let (miss, at) = missed[0];
    assert_eq!(miss.slot, SlotCount(1_000_109));
    let due = clock().air(SlotCount(1_000_109), 0).offset(-LEAD_NS);
    assert_eq!(miss.due_at, due);
    assert_eq!(at, due.offset(250_000));
    assert!(miss.lost && liveness.is_lost());
}

#[test]
fn a_stall_shorter_than_confirm_ends_without_loss() {
    let rules = rules(3);
    let clock = clock();
    let (mut liveness, missed) = run(&rules, 1_000_107, 1_000_110, |_| LEAD_NS);
    assert_eq!(missed.len(), 1);
    let slot = SlotCount(1_000_117);
    let now = clock.air(slot, 0).offset(-LEAD_NS);
    let more = std::iter::from_fn(|| liveness.judge(&rules, &clock, now)).count();
    assert_eq!(more, 1);
    let end = liveness.stamp(&rules, &clock, DueClass::UplinkControl, slot, now);
    assert_eq!(
        end,
        Some(StallEnd {
            run: 2,
            was_lost: false
        })
    );
}

#[test]
fn a_member_with_few_due_slots_is_lost_after_as_many_empty_ones_as_confirm_says() {
    let (liveness, missed) = run(&rules(5), 1_000_109, 1_000_200, |_| LEAD_NS);
    let slots: Vec<_> = missed
        .iter()
        .map(|(miss, _)| miss.slot.0 - 1_000_000)
        .collect();
    assert_eq!(slots, [117, 118, 119, 127, 128]);
    assert!(liveness.is_lost());
}

#[test]
fn the_due_instant_is_never_later_than_the_end_of_the_transmit_window() {
    let (_, missed) = run(&rules(1), 1_000_108, 1_000_200, |_| -SLOT_NS / 2);
    let air = clock().air(missed[0].0.slot, 0);
    assert_eq!(missed[0].0.due_at, air.offset(-100_000));
}

#[test]
fn a_declared_position_is_due_after_the_first_frame() {
    let mut rules = rules(1);
    rules.declared[7] = 1 << DueClass::UplinkControl as u8;
    let (_, missed) = run(&rules, 1_000_007, 1_000_030, |_| LEAD_NS);
    assert_eq!(missed[0].0.slot, SlotCount(1_000_017));
}

#[test]
fn a_lost_member_that_returns_is_judged_again() {
    let rules = rules(1);
    let clock = clock();
    let (mut liveness, _) = run(&rules, 1_000_108, 1_000_120, |_| LEAD_NS);
    let slot = SlotCount(1_000_127);
    let end = liveness.stamp(
        &rules,
        &clock,
        DueClass::UplinkControl,
        slot,
        clock.air(slot, 0),
    );
    assert!(end.is_some_and(|end| end.was_lost));
    assert!(!liveness.is_lost());
}

#[test]
fn margins_count_due_slots_only_from_the_instant_of_closing() {
    let (learning, _) = run(&rules(1), 1_000_029, 1_000_030, |_| LEAD_NS);
    assert_eq!(learning.margins().counts.iter().sum::<u64>(), 0);
    let early = |n: u64| LEAD_NS + if n == 1_000_037 { 100_000 } else { 0 };
    let (liveness, _) = run(&rules(1), 1_000_039, 1_000_040, early);
    let margins = liveness.margins();
    assert_eq!(
        margins.counts[5], 2,
        "on its due instant: the grace is left"
    );
    assert_eq!(margins.counts[7], 1, "100 us before it");
    assert_eq!(margins.sum_ns, 250_000 + 250_000 + 350_000);
}

#[test]
fn a_frame_of_a_slot_that_has_closed_has_no_margin() {
    let late = |n: u64| LEAD_NS - if n == 1_000_038 { 260_000 } else { 0 };
    let (liveness, _) = run(&rules(3), 1_000_039, 1_000_040, late);
    assert_eq!(liveness.margins().counts[0], 1);
}

proptest! {
    #[test]
    fn jitter_within_grace_never_alarms(seed in proptest::collection::vec(0i64..240_000, 400)) {
        let lead = |n: u64| LEAD_NS + 240_000 - seed[(n - 1_000_000) as usize % seed.len()];
        let (_, missed) = run(&rules(1), 1_000_399, 1_000_399, lead);
        prop_assert!(missed.is_empty());
    }

    #[test]
    fn death_is_noticed_within_two_slots_and_the_scheduled_silence(death in 1_000_100u64..1_000_300, jitter in 0i64..200_000) {
        let rules = rules(1);
        let lead = |n: u64| LEAD_NS + if n.is_multiple_of(3) { jitter } else { 0 };
        let (_, missed) = run(&rules, death, death + 40, lead);
        let (first, at) = missed[0];
        prop_assert!(first.slot.0 > death);
        let last_sent = (1_000_000..=death).rev().find(|n| n % 10 >= 7).unwrap();
        let silence = if last_sent % 10 == 9 { 7 } else { 0 };
        let dead_at = clock().air(SlotCount(last_sent), 0).offset(-lead(last_sent));
        prop_assert!(at.nanos_since(dead_at) <= (2 + silence) * SLOT_NS);
    }
}
