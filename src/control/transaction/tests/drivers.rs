//! Drivers that do as they are told, drivers that do not, and people in their place.

use super::*;

fn drivers() -> Settings {
    let mut settings = settings();
    settings.drivers = DriverSet {
        member: true,
        pattern: true,
        ues: true,
    };
    settings
}

#[test]
fn a_shared_move_goes_through_all_drivers_and_phases() {
    let mut stage = Stage::new(drivers());
    let id = stage.ask(sharing("c1")).unwrap();
    for (driver, verb) in [
        (Driver::Member, Verb::Start),
        (Driver::Pattern, Verb::Announce),
    ] {
        let call = stage.calls.last().unwrap().clone();
        assert_eq!((call.driver, call.verb), (driver, verb));
        assert_eq!(stage.phase(id), Phase::Preparing);
        stage
            .director
            .reply(Instant(stage.now), call.call, &Reply::Done);
        stage.take();
    }
    assert_eq!(stage.phase(id), Phase::Sharing);
    stage.accept(0, 10);
    stage.mode(0, shared(), 10);
    assert_eq!(stage.phase(id), Phase::MovingUes);
    for (left, phase) in [(2, Phase::MovingUes), (0, Phase::Switching)] {
        let call = stage.calls.last().unwrap().clone();
        assert_eq!((call.driver, call.verb), (Driver::Ues, Verb::Move));
        stage
            .director
            .reply(Instant(stage.now), call.call, &Reply::Left(left));
        stage.take();
        assert_eq!(stage.phase(id), phase);
        stage.pass(250);
    }
    let warned = stage.director.one(id).unwrap().story.iter();
    assert!(
        !warned
            .clone()
            .any(|step| step.what.contains("without an acknowledgement"))
    );
}

#[test]
fn sharing_without_an_acknowledged_pattern_warns() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(sharing("c1")).unwrap();
    assert_eq!(stage.phase(id), Phase::Sharing);
    let mut story = stage.director.one(id).unwrap().story.iter();
    assert!(story.any(|step| step.what.contains("without an acknowledgement")));
}

#[test]
fn ues_that_are_left_at_the_deadline_turn_it_back_or_are_left_as_configured() {
    for (policy, course, action) in [
        (AtDeadline::RollBack, Course::Back, Action::Switch { to: A }),
        (
            AtDeadline::Switch,
            Course::Forward,
            Action::Switch { to: B },
        ),
    ] {
        let mut settings = settings();
        settings.at_deadline = policy;
        let mut stage = Stage::new(settings);
        let id = stage.ask(sharing("c1")).unwrap();
        stage.accept(0, 10);
        stage.mode(0, shared(), 10);
        stage.pass(60_000);
        assert_eq!(stage.director.one(id).unwrap().course, course);
        assert_eq!(stage.last(0).action, action);
    }
}

#[test]
fn a_person_reports_in_place_of_a_driver() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(sharing("c1")).unwrap();
    stage.accept(0, 10);
    stage.mode(0, shared(), 10);
    let (now, place) = (Instant(stage.now), ("c1", Driver::Ues));
    stage
        .director
        .report(now, id, place, &Reply::Left(0))
        .unwrap();
    assert_eq!(stage.phase(id), Phase::Switching);
}

#[test]
fn a_driver_that_says_done_is_not_believed_while_the_member_is_out_of_step() {
    let mut settings = drivers();
    settings.cells[0].members[1].assumed = false;
    let mut stage = Stage::new(settings);
    let id = stage.ask(to_b(&["c1"])).unwrap();
    let call = stage.calls[0].call;
    stage.director.reply(Instant(stage.now), call, &Reply::Done);
    stage.take();
    assert_eq!(stage.phase(id), Phase::Preparing);
    stage.pass(5000);
    assert_eq!(stage.phase(id), Phase::RolledBack);
    assert_eq!(stage.calls.last().unwrap().verb, Verb::Stop);
}

#[test]
fn an_abort_while_sharing_puts_the_source_alone_again() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(sharing("c1")).unwrap();
    stage.accept(0, 10);
    stage.mode(0, shared(), 10);
    stage
        .director
        .abort(Instant(stage.now), id, "somebody")
        .unwrap();
    stage.take();
    assert_eq!(stage.last(0).action, Action::Switch { to: A });
    stage.accept(0, 20);
    stage.mode(0, Mode::Single(A), 20);
    assert_eq!(stage.phase(id), Phase::RolledBack);
}

#[test]
fn sharing_that_somebody_else_has_ended_turns_it_back() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(sharing("c1")).unwrap();
    stage.accept(0, 10);
    stage.mode(0, shared(), 10);
    stage.mode(0, Mode::Single(A), 30);
    stage.pass(1);
    assert_eq!(stage.phase(id), Phase::RolledBack);
}
