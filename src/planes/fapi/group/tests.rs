use super::*;
use crate::planes::role::Cause;
use crate::ran::Numerology;
use proptest::prelude::*;
use std::collections::HashMap;

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);
const C: MemberId = MemberId(2);
const T: u64 = 500_000;
const START: Instant = Instant(1_000_000_000_000);
/// Indicated at `START`, on air `AHEAD` slots later.
const FIRST: SlotCount = SlotCount(1 << 30);
const AHEAD: u32 = 4;

fn rules() -> GroupRules {
    GroupRules {
        ticker: TickerRules {
            numerology: Numerology::new(1).unwrap(),
            ahead: AHEAD,
            grace: Duration::from_nanos(T / 2),
        },
        pipeline: 4,
        null_deadline: Duration::from_nanos(T),
        active_nulls: false,
        confirm: 2,
    }
}

/// When `FIRST + slots` is indicated.
fn told(slots: i64) -> Instant {
    START.offset(slots * T as i64)
}

/// When `FIRST + slots` is on air.
fn air(slots: i64) -> Instant {
    told(slots + i64::from(AHEAD))
}

fn slot(slots: i64) -> SlotCount {
    FIRST.offset(slots)
}

/// A is active, B and C are standbys, all are running, `FIRST` was indicated.
fn begun() -> (Group, Roles) {
    let mut group = Group::default();
    let roles = Roles::new(Mode::Single(A));
    for member in [A, B, C] {
        group.set_running(member, true);
    }
    for member in [A, B, C] {
        let _ = group.slot_indicated(&rules(), &roles, member, FIRST, START);
    }
    (group, roles)
}

fn switch(roles: &mut Roles, at: SlotCount, to: MemberId) {
    roles
        .schedule(at, Mode::Single(to), Cause::Command)
        .unwrap();
}

fn due(group: &mut Group, roles: &Roles, now: Instant) -> Vec<(i64, Request, u8)> {
    let nulls = std::iter::from_fn(|| group.null_due(&rules(), roles, now));
    nulls
        .map(|null| (null.slot.since(FIRST), null.request, null.members))
        .collect()
}

#[test]
fn a_request_goes_full_to_the_active_and_as_null_to_each_running_standby() {
    let (mut group, roles) = begun();
    let given = group
        .request(&roles, Request::DlTti, FIRST, told(0))
        .unwrap();
    assert_eq!((given.full, given.nulls), (A, 0b110));
}

#[test]
fn a_member_that_is_not_running_is_given_nothing() {
    let (mut group, roles) = begun();
    group.set_running(C, false);
    let given = group
        .request(&roles, Request::DlTti, FIRST, told(0))
        .unwrap();
    assert_eq!(given.nulls, 0b010);
}

#[test]
fn a_fenced_phy_that_runs_is_kept_alive_with_nulls() {
    let (mut group, mut roles) = begun();
    roles.fence(B);
    let given = group
        .request(&roles, Request::DlTti, FIRST, told(0))
        .unwrap();
    assert_eq!((given.full, given.nulls), (A, 0b110));
}

#[test]
fn a_request_of_a_slot_whose_owner_is_fenced_is_lost() {
    let (mut group, mut roles) = begun();
    switch(&mut roles, slot(2), B);
    roles.fence(A);
    let lost = group.request(&roles, Request::TxData, slot(1), told(1));
    assert_eq!(lost, Err(RequestDrop::Fenced));
    let given = group
        .request(&roles, Request::TxData, slot(2), told(1))
        .unwrap();
    assert_eq!(given.full, B);
}

#[test]
fn a_request_that_is_repeated_goes_full_again_and_no_null_with_it() {
    let (mut group, roles) = begun();
    let first = group
        .request(&roles, Request::DlTti, FIRST, told(0))
        .unwrap();
    let second = group
        .request(&roles, Request::DlTti, FIRST, told(0))
        .unwrap();
    assert_eq!((first.nulls, second.full, second.nulls), (0b110, A, 0));
}

#[test]
fn a_silent_l2_has_each_standby_supplied_with_one_null_of_each_kind_a_slot() {
    let (mut group, roles) = begun();
    due(&mut group, &roles, air(-1));
    assert_eq!(
        due(&mut group, &roles, air(0)),
        [(1, Request::DlTti, 0b110), (1, Request::UlTti, 0b110)]
    );
    assert_eq!(due(&mut group, &roles, air(0)), []);
}

#[test]
fn the_active_is_supplied_only_where_configured() {
    let (mut group, roles) = begun();
    due(&mut group, &roles, air(-1));
    let rules = GroupRules {
        active_nulls: true,
        ..rules()
    };
    let null = group.null_due(&rules, &roles, air(0)).unwrap();
    assert_eq!(null.members, 0b111);
}

#[test]
fn a_request_after_the_clock_s_null_adds_none() {
    let (mut group, roles) = begun();
    due(&mut group, &roles, air(0));
    let given = group
        .request(&roles, Request::UlTti, slot(1), air(0))
        .unwrap();
    assert_eq!((given.full, given.nulls), (A, 0));
}

#[test]
fn what_the_l2_asked_of_a_slot_is_not_made_up_for_it() {
    let (mut group, roles) = begun();
    due(&mut group, &roles, air(-1));
    group
        .request(&roles, Request::DlTti, slot(1), told(1))
        .unwrap();
    let made_up = due(&mut group, &roles, air(0));
    assert_eq!(made_up, [(1, Request::UlTti, 0b110)]);
}

#[test]
fn a_request_for_the_boundary_goes_to_the_new_member_before_those_that_precede_it() {
    let (mut group, mut roles) = begun();
    switch(&mut roles, slot(2), B);
    let after = group
        .request(&roles, Request::DlTti, slot(2), told(1))
        .unwrap();
    let before = group
        .request(&roles, Request::DlTti, slot(1), told(1))
        .unwrap();
    assert_eq!((after.full, after.nulls), (B, 0b101));
    assert_eq!((before.full, before.nulls), (A, 0b110));
}

#[test]
fn data_of_the_slot_before_the_boundary_still_goes_to_the_old_member() {
    let (mut group, mut roles) = begun();
    switch(&mut roles, slot(2), B);
    group
        .request(&roles, Request::DlTti, slot(2), told(1))
        .unwrap();
    let late = group
        .request(&roles, Request::TxData, slot(1), told(2))
        .unwrap();
    assert_eq!((late.full, late.nulls), (A, 0b110));
}

#[test]
fn no_boundary_lies_before_what_anybody_was_given() {
    let (mut group, roles) = begun();
    group
        .request(&roles, Request::DlTti, slot(3), told(3))
        .unwrap();
    assert_eq!(group.next_boundary(), slot(4));
    due(&mut group, &roles, air(4));
    assert_eq!(group.next_boundary(), slot(6), "by the clock's NULLs");
}

#[test]
fn a_request_of_another_time_is_out_of_step() {
    let (mut group, roles) = begun();
    for far in [-WINDOW - 10, WINDOW + 10] {
        let told = group.request(&roles, Request::DlTti, slot(far), air(0));
        assert_eq!(told, Err(RequestDrop::OutOfStep), "{far}");
    }
}

#[test]
fn a_request_far_ahead_of_what_was_indicated_is_refused_and_holds_no_boundary() {
    let (mut group, roles) = begun();
    let stray = group.request(&roles, Request::DlTti, slot(LEAD + 1), told(0));
    assert_eq!(stray, Err(RequestDrop::OutOfStep));
    assert_eq!(group.next_boundary(), SlotCount(1), "nothing was given");
    let early = group.request(&roles, Request::DlTti, slot(LEAD), told(0));
    assert_eq!(early.map(|given| given.full), Ok(A));
    assert_eq!(group.next_boundary(), slot(LEAD + 1));
}

#[test]
fn what_was_asked_far_ahead_of_the_first_indication_holds_no_boundary() {
    for (ahead, first) in [(LEAD, LEAD + 1), (LEAD + 1, 0)] {
        let mut group = Group::default();
        let roles = Roles::new(Mode::Single(A));
        group.set_running(A, true);
        let asked = group.request(&roles, Request::DlTti, slot(ahead), told(0));
        assert!(asked.is_ok());
        let _ = group.slot_indicated(&rules(), &roles, A, FIRST, START);
        assert_eq!(group.next_boundary(), slot(first), "{ahead}");
    }
}

#[test]
fn only_the_owner_of_a_slot_is_heard_of_it() {
    let (mut group, mut roles) = begun();
    switch(&mut roles, slot(2), B);
    let of = |member, at| group.indicated(&rules(), &roles, member, slot(at), air(3));
    assert_eq!(of(A, 1), Ok(()));
    assert_eq!(of(B, 2), Ok(()));
    let not_active = Err(IndicationDrop::Silenced(Silenced::NotActive));
    assert_eq!(of(A, 2), not_active);
    assert_eq!(of(B, 1), not_active);
    assert_eq!(of(C, 1), not_active);
    let _ = group.slot_indicated(&rules(), &roles, A, slot(1), told(1));
}

#[test]
fn of_two_that_share_the_radio_unit_only_the_source_is_heard() {
    let (group, mut roles) = begun();
    let shared = Mode::Shared {
        source: A,
        destination: B,
    };
    roles.schedule(slot(1), shared, Cause::Command).unwrap();
    let of = |member| group.indicated(&rules(), &roles, member, slot(2), air(2));
    assert_eq!(of(A), Ok(()));
    let not_active = Err(IndicationDrop::Silenced(Silenced::NotActive));
    assert_eq!(of(B), not_active);
}

#[test]
fn before_the_first_slot_indication_a_fenced_member_is_called_so() {
    let group = Group::default();
    let mut roles = Roles::new(Mode::Single(A));
    roles.fence(A);
    let told = group.indicated(&rules(), &roles, A, slot(0), told(0));
    assert_eq!(told, Err(IndicationDrop::Silenced(Silenced::Fenced)));
}

#[test]
fn a_former_owner_is_heard_for_the_depth_of_its_pipeline() {
    let (group, mut roles) = begun();
    switch(&mut roles, slot(2), B);
    let late = |at| group.indicated(&rules(), &roles, A, slot(1), at);
    assert_eq!(late(air(6)), Ok(()));
    let over = Err(IndicationDrop::Silenced(Silenced::Late));
    assert_eq!(late(air(6).offset(1)), over);
}

#[test]
fn the_clock_of_the_l2_goes_on_with_the_new_member_without_gap_or_repetition() {
    let (mut group, mut roles) = begun();
    switch(&mut roles, slot(3), B);
    let mut heard = Vec::new();
    for n in 1..6 {
        for member in [B, A, C] {
            let told = group.slot_indicated(&rules(), &roles, member, slot(n), told(n));
            if told.is_ok() {
                heard.push((n, member));
            }
        }
    }
    assert_eq!(heard, [(1, A), (2, A), (3, B), (4, B), (5, B)]);
}

#[test]
fn a_member_that_misses_two_indications_is_lost_once() {
    let (mut group, _) = begun();
    let lost = told(2).after(rules().ticker.grace);
    assert_eq!(group.lost_member(&rules(), lost.offset(-1)), None);
    assert_eq!(group.lost_member(&rules(), lost), Some(A));
    assert_eq!(group.lost_member(&rules(), lost), Some(B));
    assert_eq!(group.lost_member(&rules(), lost), Some(C));
    assert_eq!(group.lost_member(&rules(), lost), None);
}

#[test]
fn a_member_that_is_heard_again_is_not_lost() {
    let (mut group, roles) = begun();
    let lost = told(2).after(rules().ticker.grace);
    assert_eq!(group.lost_member(&rules(), lost), Some(A));
    assert!(group.is_lost(A));
    let _ = group.slot_indicated(&rules(), &roles, A, slot(3), told(3));
    assert!(!group.is_lost(A));
}

#[test]
fn a_member_that_has_not_spoken_since_its_start_is_not_lost() {
    let (mut group, _) = begun();
    group.set_running(A, true);
    group.set_running(B, false);
    let lost = told(100);
    assert_eq!(group.lost_member(&rules(), lost), Some(C));
    assert_eq!(group.lost_member(&rules(), lost), None);
}

#[test]
fn a_phy_that_counts_from_elsewhere_is_followed_after_a_while() {
    let (mut group, roles) = begun();
    let elsewhere = |n: i64| slot(n - 5_000);
    for n in 1..i64::from(STRAYS) {
        let heard = group.slot_indicated(&rules(), &roles, A, elsewhere(n), told(n));
        assert_eq!(heard, Err(IndicationDrop::OutOfStep));
    }
    let last = i64::from(STRAYS);
    let heard = group.slot_indicated(&rules(), &roles, A, elsewhere(last), told(last));
    assert_eq!(heard, Ok(SlotAdmitted { fill_from: None }));
    let next = elsewhere(last + 1);
    let given = group.request(&roles, Request::DlTti, next, told(last));
    assert_eq!(given.map(|given| given.full), Ok(A));
}

#[test]
fn the_deadline_is_the_earliest_of_all_that_is_due() {
    let (mut group, roles) = begun();
    due(&mut group, &roles, told(0));
    // No slot before the first that was indicated is supplied, so its indication is due before any NULL.
    let made_up = told(1).after(rules().ticker.grace);
    assert_eq!(group.deadline(&rules()), made_up);
}

proptest! {
    /// An L2 that leaves out what it likes, early and late, with switches: nobody is given a request of a
    /// slot twice, the owner gets what the L2 sent, every other member one of each kind in every slot.
    #[test]
    fn everybody_has_each_slot_once(
        sends in proptest::collection::vec((any::<bool>(), any::<bool>(), 0i64..5), 12..80),
        moved in proptest::option::of(4i64..60),
    ) {
        let (mut group, mut roles) = begun();
        let rules = rules();
        let mut had: HashMap<(i64, Request, u8), u32> = HashMap::new();
        let mut queue: Vec<(Instant, i64, Request)> = Vec::new();
        for (n, (downlink, uplink, delay)) in sends.iter().enumerate() {
            let n = n as i64 + 1;
            let at = told(n + delay);
            if *downlink { queue.push((at, n, Request::DlTti)); }
            if *uplink { queue.push((at, n, Request::UlTti)); }
        }
        queue.sort_by_key(|(at, ..)| *at);
        let end = sends.len() as i64;
        let mut waiting = queue.into_iter().peekable();
        for n in 0..end + 8 {
            let now = told(n);
            if moved == Some(n) {
                let boundary = group.next_boundary().max(slot(n + 1));
                switch(&mut roles, boundary, B);
            }
            let _ = group.slot_indicated(&rules, &roles, owner(&roles, slot(n)), slot(n), now);
            while let Some((_, of, request)) = waiting.next_if(|(at, ..)| *at <= now) {
                let given = group.request(&roles, request, slot(of), now).unwrap();
                prop_assert_eq!(given.full, owner(&roles, slot(of)));
                for member in 0..3 {
                    if given.nulls >> member & 1 == 1 {
                        *had.entry((of, request, member)).or_default() += 1;
                    }
                }
            }
            while let Some(null) = group.null_due(&rules, &roles, now) {
                for member in 0..3 {
                    if null.members >> member & 1 == 1 {
                        *had.entry((null.slot.since(FIRST), null.request, member)).or_default() += 1;
                    }
                }
            }
        }
        for n in 1..end {
            for request in Request::EVERY_SLOT {
                for member in [A, B, C] {
                    let nulls = had.get(&(n, request, member.0)).copied().unwrap_or(0);
                    let expected = u32::from(owner(&roles, slot(n)) != member);
                    prop_assert_eq!(nulls, expected, "slot {}, {:?}, {:?}", n, request, member);
                }
            }
        }
    }
}

#[test]
fn a_null_request_whose_place_the_clock_took_is_not_given_again() {
    let (mut group, roles) = begun();
    let rules = GroupRules {
        active_nulls: true,
        ..rules()
    };
    let now = air(0);
    while group.null_due(&rules, &roles, now).is_some() {}
    let late = group.null_request(&roles, Request::DlTti, FIRST, now);
    assert_eq!(late, Err(RequestDrop::Repeated));
    let asks = group.request(&roles, Request::DlTti, FIRST, now);
    assert_eq!(asks, Ok(Given { full: A, nulls: 0 }));
}

#[test]
fn a_null_request_that_comes_first_is_one_like_any() {
    let (mut group, roles) = begun();
    let given = group.null_request(&roles, Request::UlTti, FIRST, told(0));
    let nulls = bit(B) | bit(C);
    assert_eq!(given, Ok(Given { full: A, nulls }));
}

#[test]
fn indications_that_a_stall_kept_back_do_not_set_the_clock_back() {
    let (mut group, roles) = begun();
    let now = told(200);
    while group.slot_due(&rules(), now).is_some() {}
    for late in 1..100 {
        let indicated = group.slot_indicated(&rules(), &roles, A, slot(late), now);
        assert_eq!(indicated, Err(IndicationDrop::OutOfStep), "{late}");
    }
    assert_eq!(group.ticker().next(), slot(200));
}

#[test]
fn what_was_asked_before_the_first_indication_by_another_clock_holds_no_boundary() {
    let mut group = Group::default();
    let roles = Roles::new(Mode::Single(A));
    group.set_running(A, true);
    let far = slot(20_000);
    group.request(&roles, Request::DlTti, far, told(0)).unwrap();
    let _ = group.slot_indicated(&rules(), &roles, A, FIRST, START);
    assert_eq!(group.next_boundary(), FIRST);
}

#[test]
fn what_was_asked_just_before_the_first_indication_stays_given() {
    let mut group = Group::default();
    let roles = Roles::new(Mode::Single(A));
    group.set_running(A, true);
    group
        .request(&roles, Request::DlTti, slot(1), told(0))
        .unwrap();
    let _ = group.slot_indicated(&rules(), &roles, A, FIRST, START);
    assert_eq!(group.next_boundary(), slot(2));
}
