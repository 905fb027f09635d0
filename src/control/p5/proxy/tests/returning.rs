//! A member that comes late or again is brought to where the others are.

use super::*;

#[test]
fn a_member_that_returns_is_driven_through_what_started_the_others() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::PhyConnected(B));
    for request in SEQUENCE {
        assert_eq!(scene.phy_heard(B), [request]);
        scene.answer(B, 0);
    }
    assert_eq!(scene.phy_heard(B), []);
    assert_eq!(scene.ran(), [(B, false), (B, true)]);
    assert!(scene.was_told(Some(B), What::Rebuilt));
}

#[test]
fn the_l2_hears_nothing_of_a_return_not_even_of_the_active() {
    for member in [A, B] {
        let mut scene = Scene::started(2, Answer::Worst);
        scene.take(Input::PhyGone(member));
        scene.take(Input::PhyConnected(member));
        scene.answer_all(member);
        assert_eq!(scene.l2_got(), []);
    }
}

#[test]
fn a_returning_member_gets_bodies_with_its_own_addresses_and_ids() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.ask_with(PNF_CONFIG, &[1, 0x10, 3, 0, 8, 0, 1, 0, 1, 0, 0, 0, 0]);
    scene.take(Input::PhyConnected(B));
    let got = scene.phy_got(B);
    assert_eq!(got[0].1[7..9], [0, 11]);
}

#[test]
fn a_refusal_on_the_way_ends_the_way() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::PhyConnected(B));
    while scene.owes(B) != Some(CONFIG) {
        scene.answer(B, 0);
    }
    scene.out.clear();
    scene.answer(B, 2);
    assert_eq!(scene.phy_heard(B), []);
    assert_eq!(scene.ran(), []);
    let refused = What::Refused(CONFIG, ErrorCode(2));
    assert_eq!(scene.told(), [(Some(B), refused)]);
}

#[test]
fn an_answer_that_never_comes_on_the_way_is_told() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::PhyConnected(B));
    scene.later(ANSWER_WITHIN);
    assert!(scene.was_told(Some(B), What::Silent(PNF_PARAM)));
    assert!(!scene.out.contains(&Output::ClosePhy(B)));
}

#[test]
fn a_member_that_is_behind_delays_no_answer_to_the_l2() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::PhyConnected(B));
    scene.ask_with(CONFIG, &[7]);
    scene.answer(A, 0);
    assert_eq!(scene.l2_got(), given(CONFIG, 0, A));
    scene.answer_all(B);
    assert_eq!(scene.phy_heard(B).last(), Some(&CONFIG));
    assert_eq!(scene.l2_got(), []);
}

#[test]
fn a_stop_on_the_way_leaves_the_start_out() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::PhyConnected(B));
    scene.ask(STOP);
    scene.answer(A, 0);
    scene.answer_all(B);
    let heard = scene.phy_heard(B);
    assert_eq!(heard, SEQUENCE[..5]);
    assert_eq!(scene.l2_got(), given(STOP, 0, A));
}

#[test]
fn a_stop_after_the_start_on_the_way_is_sent() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::PhyConnected(B));
    while scene.owes(B) != Some(START) {
        scene.answer(B, 0);
    }
    scene.ran();
    scene.ask(STOP);
    scene.answer(A, 0);
    scene.answer_all(B);
    assert_eq!(scene.phy_heard(B).last(), Some(&STOP));
    assert!(!scene.proxy.members[1].running);
}

#[test]
fn an_active_that_returns_answers_what_was_left_open() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.answer(A, 0);
    scene.l2_got();
    scene.ask(PNF_CONFIG);
    scene.take(Input::PhyGone(A));
    scene.take(Input::PhyConnected(A));
    scene.answer_all(A);
    assert_eq!(scene.l2_got(), given(PNF_CONFIG, 0, A));
}

#[test]
fn a_member_that_connects_anew_without_having_gone_begins_anew() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyConnected(B));
    assert_eq!(scene.phy_heard(B), [PNF_PARAM]);
    assert_eq!(scene.ran(), [(B, false)]);
}

#[test]
fn what_failed_is_not_repeated_for_a_member_that_returns() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask_with(CONFIG, &[7]);
    scene.answer(A, 2);
    scene.answer(B, 2);
    scene.take(Input::PhyGone(B));
    scene.out.clear();
    scene.take(Input::PhyConnected(B));
    assert_eq!(scene.phy_heard(B), []);
}
