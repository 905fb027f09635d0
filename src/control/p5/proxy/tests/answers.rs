//! One request, one answer.

use super::*;

const ORDERS: [[MemberId; 3]; 6] = [
    [A, B, C],
    [A, C, B],
    [B, A, C],
    [B, C, A],
    [C, A, B],
    [C, B, A],
];

#[test]
fn every_phy_is_sent_each_request_of_the_l2() {
    let mut scene = Scene::new(3, Answer::Active);
    for request in SEQUENCE {
        scene.ask(request);
        for member in [A, B, C] {
            assert_eq!(scene.phy_heard(member), [request]);
            scene.answer(member, 0);
        }
    }
}

#[test]
fn the_l2_is_answered_once_when_all_have_answered_in_any_order() {
    for order in ORDERS {
        for answer in [Answer::Active, Answer::Worst] {
            let mut scene = Scene::new(3, answer);
            scene.ask(PNF_PARAM);
            for member in &order[..2] {
                scene.answer(*member, 0);
                assert_eq!(scene.l2_got(), []);
            }
            scene.answer(order[2], 0);
            assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A), "{order:?}");
        }
    }
}

#[test]
fn a_refusal_of_a_standby_is_kept_from_the_l2_where_the_active_counts() {
    for order in ORDERS {
        let mut scene = Scene::new(3, Answer::Active);
        scene.ask(CONFIG);
        for member in order {
            scene.answer(member, u8::from(member == B) * 2);
        }
        assert_eq!(scene.l2_got(), given(CONFIG, 0, A));
        let refused = What::Refused(CONFIG, ErrorCode(2));
        assert!(scene.was_told(Some(B), refused));
    }
}

#[test]
fn the_first_refusal_is_given_where_the_worst_counts() {
    for order in ORDERS {
        let mut scene = Scene::new(3, Answer::Worst);
        scene.ask(CONFIG);
        for member in order {
            scene.answer(member, [0, 2, 3][member.index()]);
        }
        let first = order.into_iter().find(|member| *member != A).unwrap();
        let error = [0, 2, 3][first.index()];
        assert_eq!(scene.l2_got(), given(CONFIG, error, first));
        let given = What::RefusalGiven(CONFIG, ErrorCode(u32::from(error)));
        assert!(scene.was_told(Some(first), given));
    }
}

#[test]
fn when_time_is_over_the_active_answers_without_the_others() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.answer(A, 0);
    let due = scene.proxy.due().unwrap();
    assert_eq!(due, scene.now.after(ANSWER_WITHIN));
    scene.now = Instant(due.0 - 1);
    scene.take(Input::Tick);
    assert_eq!(scene.l2_got(), []);
    scene.now = due;
    scene.take(Input::Tick);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
    assert!(scene.was_told(Some(B), What::Silent(PNF_PARAM)));
    scene.answer(B, 0);
    assert_eq!(scene.l2_got(), []);
    assert_eq!(scene.proxy.due(), None);
}

#[test]
fn a_standby_never_answers_for_an_active_that_is_slow() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.answer(B, 0);
    scene.later(ANSWER_WITHIN);
    assert_eq!(scene.l2_got(), []);
    let told = scene.told();
    assert!(told.contains(&(None, What::Unanswered(PNF_PARAM))));
    assert!(told.contains(&(Some(A), What::Silent(PNF_PARAM))));
    scene.answer(A, 0);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
}

#[test]
fn where_the_worst_counts_a_slow_active_is_not_waited_for() {
    let mut scene = Scene::new(2, Answer::Worst);
    scene.ask(PNF_PARAM);
    scene.answer(B, 0);
    scene.later(ANSWER_WITHIN);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, B));
    scene.answer(A, 3);
    assert_eq!(scene.l2_got(), []);
}

#[test]
fn a_phy_that_dies_is_not_waited_for() {
    let mut scene = Scene::new(3, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.answer(C, 0);
    scene.answer(A, 0);
    scene.take(Input::PhyGone(B));
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
}

#[test]
fn an_answer_that_was_given_before_its_giver_died_still_counts() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.answer(A, 0);
    scene.take(Input::PhyGone(A));
    scene.answer(B, 0);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
}

#[test]
fn when_the_active_dies_before_it_answers_its_successor_answers() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask(START);
    scene.take(Input::PhyGone(A));
    scene.answer(B, 0);
    assert_eq!(scene.l2_got(), []);
    scene.take(Input::Active(B));
    assert_eq!(scene.l2_got(), given(START, 0, B));
}

#[test]
fn requests_that_the_l2_does_not_wait_with_are_each_answered_in_order() {
    let mut scene = Scene::new(2, Answer::Active);
    SEQUENCE.into_iter().for_each(|request| scene.ask(request));
    assert_eq!(scene.phy_heard(A), [PNF_PARAM]);
    scene.answer_all(A);
    assert_eq!(scene.l2_got(), []);
    scene.answer_all(B);
    let expected = SEQUENCE.map(|request| response(request, 0, 0));
    assert_eq!(scene.l2_got(), expected);
}

#[test]
fn what_the_l2_was_told_failed_keeps_nobody_from_running() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask(CONFIG);
    scene.answer(A, 2);
    scene.answer(B, 2);
    assert_eq!(scene.l2_got(), given(CONFIG, 2, A));
    scene.start();
    assert_eq!(scene.ran(), [(A, true), (B, true)]);
}

#[test]
fn a_second_answer_to_one_request_is_dropped() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.answer(A, 0);
    let (message, body) = response(PNF_PARAM, 0, 0);
    scene.say(A, message, &body);
    assert_eq!(scene.l2_got().len(), 1);
    assert!(scene.was_told(Some(A), What::Unexpected(message)));
}

#[test]
fn an_answer_to_another_request_is_dropped_and_the_right_one_counts() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.ask(PNF_PARAM);
    let (message, body) = response(START, 0, 0);
    scene.say(A, message, &body);
    assert_eq!(scene.l2_got(), []);
    scene.answer(A, 0);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
}

#[test]
fn stop_may_be_answered_by_an_indication() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.ask(STOP);
    scene.say(B, STOPPED, &[]);
    scene.say(A, STOPPED, &[]);
    assert_eq!(scene.l2_got(), [(STOPPED, vec![])]);
}
