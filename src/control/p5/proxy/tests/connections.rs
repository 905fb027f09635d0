//! Who is there, who goes, and how each side knows the other.

use super::*;
use crate::wire::{Fault, Layer, WireError};

#[test]
fn the_l2_is_connected_to_when_the_active_phy_is_there() {
    let mut scene = Scene::of(settings(2, Answer::Active, Dialect::OaiNfapi));
    scene.take(Input::PhyConnected(B));
    assert!(!scene.out.contains(&Output::ConnectL2));
    scene.take(Input::PhyConnected(A));
    assert!(scene.out.contains(&Output::ConnectL2));
}

#[test]
fn a_standby_that_becomes_active_is_reason_enough_to_connect() {
    let mut scene = Scene::of(settings(2, Answer::Active, Dialect::OaiNfapi));
    scene.take(Input::PhyConnected(B));
    scene.take(Input::Active(B));
    assert!(scene.out.contains(&Output::ConnectL2));
}

#[test]
fn the_death_of_every_phy_is_hidden_from_the_l2() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(A));
    scene.take(Input::PhyGone(B));
    assert_eq!(scene.ran(), [(A, false), (B, false)]);
    assert_eq!(scene.l2_got(), []);
    assert!(!scene.out.contains(&Output::CloseL2));
}

#[test]
fn an_l2_that_goes_is_connected_to_again() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::L2Gone);
    assert!(scene.out.contains(&Output::ConnectL2));
    assert_eq!(scene.ran(), []);
}

#[test]
fn phys_that_ran_are_stopped_before_an_l2_that_came_again_is_heard() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::L2Gone);
    scene.take(Input::L2Connected);
    scene.ask(PNF_PARAM);
    for member in [A, B] {
        scene.answer_all(member);
        assert_eq!(scene.phy_heard(member), [STOP, PNF_STOP, PNF_PARAM]);
    }
    assert_eq!(scene.ran(), [(A, false), (B, false)]);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
}

#[test]
fn the_new_sequence_of_an_l2_is_recorded_anew() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::PhyGone(B));
    scene.take(Input::L2Gone);
    scene.take(Input::L2Connected);
    scene.answer_all(A);
    scene.ask(PNF_PARAM);
    scene.take(Input::PhyConnected(B));
    scene.answer_all(B);
    assert_eq!(scene.phy_heard(B), [PNF_PARAM]);
}

#[test]
fn a_phy_that_does_not_stop_is_disconnected() {
    for refuses in [true, false] {
        let mut scene = Scene::started(2, Answer::Active);
        scene.take(Input::L2Gone);
        scene.take(Input::L2Connected);
        match refuses {
            true => scene.answer(B, 1),
            false => scene.later(ANSWER_WITHIN),
        }
        assert!(scene.out.contains(&Output::ClosePhy(B)));
    }
}

#[test]
fn a_late_answer_to_an_l2_that_is_gone_goes_nowhere() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.ask(PNF_PARAM);
    scene.take(Input::L2Gone);
    scene.take(Input::L2Connected);
    scene.answer(A, 0);
    assert_eq!(scene.l2_got(), []);
}

#[test]
fn a_refusal_that_an_earlier_l2_had_asked_for_does_not_stop_the_walk() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.ask(CONFIG);
    scene.take(Input::L2Gone);
    scene.take(Input::L2Connected);
    scene.ask(PNF_PARAM);
    scene.answer(A, 2);
    scene.answer(A, 0);
    assert_eq!(scene.l2_got(), given(PNF_PARAM, 0, A));
}

#[test]
fn a_message_that_cannot_be_read_ends_its_connection_alone() {
    let broken = || vec![0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0];
    let error = WireError {
        layer: Layer::P5,
        fault: Fault::Range,
    };
    let mut scene = Scene::started(2, Answer::Active);
    scene.take(Input::Phy(B, broken()));
    assert!(scene.out.contains(&Output::ClosePhy(B)));
    assert!(!scene.out.contains(&Output::CloseL2));
    let closed = What::Closed(Reason::Malformed(error));
    assert!(scene.was_told(Some(B), closed.clone()));
    scene.take(Input::L2(broken()));
    assert!(scene.out.contains(&Output::CloseL2));
    assert!(scene.was_told(None, closed));
}

#[test]
fn a_configuration_that_cannot_be_walked_reaches_no_phy() {
    let mut scene = Scene::started(2, Answer::Active);
    scene.ask_with(CONFIG, &[1, 1, 0, 0, 9, 1]);
    assert!(scene.out.contains(&Output::CloseL2));
    assert_eq!(scene.phy_heard(A), []);
}

#[test]
fn requests_without_end_close_the_connection_of_the_l2() {
    let mut scene = Scene::new(1, Answer::Active);
    for _ in 0..1_000 {
        scene.ask(PARAM);
    }
    assert!(scene.was_told(None, What::Closed(Reason::TooManyRequests)));
}

#[test]
fn each_side_is_told_the_phy_id_that_it_knows() {
    let mut scene = Scene::new(2, Answer::Active);
    scene.ask(PARAM);
    let expected = [
        Output::Phy(A, bytes(Dialect::OaiNfapi, 10, PARAM, &[])),
        Output::Phy(B, bytes(Dialect::OaiNfapi, 11, PARAM, &[])),
    ];
    assert!(expected.iter().all(|message| scene.out.contains(message)));
    scene.answer(A, 0);
    scene.answer(B, 0);
    let (message, body) = response(PARAM, 0, 0);
    let answer = Output::L2(bytes(Dialect::OaiNfapi, 1, message, &body));
    assert!(scene.out.contains(&answer));
}

#[test]
fn a_phy_that_is_not_configured_is_not_spoken_for() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.take(Input::L2(bytes(Dialect::OaiNfapi, 2, PARAM, &[])));
    assert_eq!(scene.phy_heard(A), []);
    assert!(scene.was_told(None, What::UnknownPhy(PARAM, PhyId(2))));
    scene.ask(PARAM);
    let (message, body) = response(PARAM, 0, 0);
    let foreign = bytes(Dialect::OaiNfapi, 1, message, &body);
    scene.take(Input::Phy(A, foreign));
    assert_eq!(scene.l2_got(), []);
}

#[test]
fn addresses_are_those_of_the_appliance_on_each_side() {
    let mut scene = Scene::new(2, Answer::Active);
    let config = [&[0, 1, 0, 0, 4, 9, 9, 9, 9][..], &[1, 2, 0, 2, 0, 0, 0, 0]];
    scene.ask_with(CONFIG, &config.concat());
    for member in [A, B] {
        let got = scene.phy_got(member);
        assert_eq!(got[0].1[5..9], [10, 2, member.0, 1]);
        assert_eq!(got[0].1[13..15], 50_010u16.to_be_bytes());
        scene.answer(member, 0);
    }
    scene.l2_got();
    scene.ask(PARAM);
    let param = [
        &[0, 0, 1, 3, 0, 4, 9, 9, 9, 9][..],
        &[1, 5, 0, 2, 0, 0, 0, 0],
    ];
    scene.say(B, MessageId::PARAM_RESPONSE, &param.concat());
    scene.say(A, MessageId::PARAM_RESPONSE, &param.concat());
    let got = scene.l2_got();
    assert_eq!(got[0].1[6..10], [10, 1, 0, 1]);
    assert_eq!(got[0].1[14..16], 50_010u16.to_le_bytes());
}

#[test]
fn a_response_without_addresses_is_said_to_lack_them() {
    let mut scene = Scene::new(1, Answer::Active);
    scene.ask(PARAM);
    scene.answer(A, 0);
    assert!(scene.was_told(Some(A), What::NoAddress(MessageId::PARAM_RESPONSE)));
}

#[test]
fn sequence_numbers_of_scf_count_per_peer() {
    let mut scene = Scene::of(settings(2, Answer::Active, Dialect::Scf225v2));
    scene.take(Input::PhyConnected(A));
    scene.say(A, READY, &[0, 0, 0, 1]);
    scene.take(Input::L2Connected);
    for _ in 0..2 {
        scene.ask(PNF_PARAM);
        scene.answer(A, 0);
    }
    let number = |output: &Output| match output {
        Output::Phy(_, bytes) | Output::L2(bytes) => Some(bytes[3]),
        _ => None,
    };
    let numbers: Vec<_> = scene.out.iter().filter_map(number).collect();
    assert_eq!(numbers, [0, 0, 1, 1, 2]);
}

#[test]
fn a_pnf_of_scf_is_asked_nothing_before_it_says_that_it_is_ready() {
    let mut scene = Scene::of(settings(2, Answer::Active, Dialect::Scf225v2));
    scene.take(Input::PhyConnected(A));
    assert!(!scene.out.contains(&Output::ConnectL2));
    scene.say(A, READY, &[0, 0, 0, 1]);
    assert!(scene.out.contains(&Output::ConnectL2));
}

#[test]
fn the_l2_is_told_once_that_its_pnf_is_ready() {
    let mut scene = Scene::of(settings(2, Answer::Active, Dialect::Scf225v2));
    for member in [B, A] {
        scene.take(Input::PhyConnected(member));
        scene.say(member, READY, &[0, 0, 0, member.0]);
    }
    scene.take(Input::L2Connected);
    assert_eq!(scene.l2_got(), [(READY, vec![0, 0, 0, 0])]);
    scene.take(Input::PhyGone(A));
    scene.take(Input::PhyConnected(A));
    scene.say(A, READY, &[0, 0, 0, 9]);
    assert_eq!(scene.l2_got(), []);
    scene.take(Input::L2Gone);
    scene.take(Input::L2Connected);
    assert_eq!(scene.l2_got(), [(READY, vec![0, 0, 0, 9])]);
}
