//! What is sent unasked, stops, and a change of the active member.

use super::*;

#[test]
fn indications_of_the_active_reach_the_l2_and_those_of_a_standby_do_not() {
    for message in [STOPPED, ERROR, VENDOR] {
        let mut scene = Scene::started(2, Answer::Active);
        scene.say(B, message, &[7; 6]);
        assert_eq!(scene.l2_got(), [], "{message:?}");
        assert_eq!(scene.told().len(), 1);
        scene.say(A, message, &[7; 6]);
        assert_eq!(scene.l2_got(), [(message, vec![7; 6])]);
    }
}

#[test]
fn a_vendor_message_of_the_l2_goes_to_the_active_alone() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.ask_with(VENDOR, &[1, 2]);
    assert_eq!(scene.phy_got(A), [(VENDOR, vec![1, 2])]);
    assert_eq!(scene.phy_got(B), []);
    scene.take(Input::Active(B));
    scene.ask_with(VENDOR, &[1, 2]);
    assert_eq!(scene.phy_got(A), []);
    assert_eq!(scene.phy_got(B), [(VENDOR, vec![1, 2])]);
}

#[test]
fn who_sends_what_nobody_wants_is_told_of_ever_less_often() {
    let mut scene = Scene::started(2, Answer::Active);
    for _ in 0..1_000 {
        scene.say(B, ERROR, &[0; 6]);
    }
    assert_eq!(scene.told().len(), 10);
}

#[test]
fn a_message_that_only_a_phy_sends_is_not_taken_from_the_l2() {
    let mut scene = Scene::started(1, Answer::Active);
    for message in [STOPPED, ERROR, MessageId::CONFIG_RESPONSE] {
        scene.ask_with(message, &[0; 6]);
    }
    assert_eq!(scene.phy_got(A), []);
}

#[test]
fn lcores_are_told_of_a_start_before_the_l2_is() {
    let mut scene = Scene::new(1, Answer::Active);
    for request in SEQUENCE {
        scene.ask(request);
        scene.out.clear();
        scene.answer(A, 0);
    }
    let running = |output: &Output| *output == Output::Running(A, Life::Runs);
    let answered = |output: &Output| matches!(output, Output::L2(_));
    let at = |which: &dyn Fn(&Output) -> bool| scene.out.iter().position(which).unwrap();
    assert!(at(&running) < at(&answered));
}

#[test]
fn a_member_that_refuses_to_start_does_not_run() {
    let mut scene = Scene::new(2, Answer::Active);
    for request in SEQUENCE {
        scene.ask(request);
        scene.answer(A, 0);
        scene.answer(B, u8::from(request == START));
    }
    assert_eq!(scene.ran(), [(A, true)]);
}

#[test]
fn a_member_that_refused_its_configuration_does_not_run_though_it_starts() {
    let mut scene = Scene::new(2, Answer::Active);
    for request in SEQUENCE {
        scene.ask(request);
        scene.answer(A, 0);
        scene.answer(B, u8::from(request == CONFIG));
    }
    assert_eq!(scene.ran(), [(A, true)]);
    scene.ask(CONFIG);
    scene.answer(A, 0);
    scene.answer(B, 0);
    assert_eq!(scene.ran(), [(B, true)]);
}

#[test]
fn a_start_that_a_running_phy_refuses_leaves_it_running() {
    for order in [[A, B], [B, A]] {
        let mut scene = Scene::started(2, Answer::Active);
        scene.ask(START);
        order.into_iter().for_each(|member| scene.answer(member, 1));
        assert_eq!(scene.l2_got(), given(START, 1, A));
        assert_eq!(scene.ran(), []);
    }
}

#[test]
fn members_that_are_told_to_stop_are_not_running_from_then_on() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.ask(STOP);
    assert_eq!(scene.ran(), [(A, false), (B, false)]);
    scene.answer(A, 0);
    scene.answer(B, 0);
    assert_eq!(scene.l2_got(), given(STOP, 0, A));
}

#[test]
fn a_member_that_stops_on_its_own_is_not_running() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.say(B, STOPPED, &[]);
    assert_eq!(scene.ran(), [(B, false)]);
}

#[test]
fn who_is_told_to_stop_has_stopped_and_who_stops_or_ends_by_itself_is_gone() {
    let life = |take: fn(&mut Scene)| {
        let mut scene = Scene::started(2, Answer::Active);
        take(&mut scene);
        let told = scene.out.iter().filter_map(|output| match output {
            Output::Running(A, life) => Some(*life),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(life(|scene| scene.ask(STOP)), [Life::Stopped]);
    assert_eq!(life(|scene| scene.say(A, STOPPED, &[])), [Life::Gone]);
    assert_eq!(life(|scene| scene.take(Input::PhyGone(A))), [Life::Gone]);
}

#[test]
fn a_stop_that_a_migration_overtakes_is_answered_by_the_new_active() {
    for order in [[A, B], [B, A]] {
        let mut scene = Scene::started(2, Answer::Active);
        scene.ask(STOP);
        scene.answer(order[0], 0);
        scene.take(Input::Active(B));
        scene.answer(order[1], 0);
        assert_eq!(scene.l2_got(), given(STOP, 0, B));
        assert_eq!(scene.ran(), [(A, false), (B, false)]);
    }
}

#[test]
fn a_migration_alone_sends_nobody_anything() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::Active(B));
    scene.take(Input::Active(A));
    scene.take(Input::Active(MemberId(7)));
    assert_eq!(scene.out, []);
}

#[test]
fn a_pnf_that_is_stopped_is_started_again_by_the_same_sequence() {
    let mut scene = Scene::started(2, Answer::Active);
    for request in [STOP, PNF_STOP] {
        scene.ask(request);
        scene.answer(A, 0);
        scene.answer(B, 0);
    }
    scene.ran();
    scene.start();
    assert_eq!(scene.ran(), [(A, true), (B, true)]);
}
