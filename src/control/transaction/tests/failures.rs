//! Members that die meanwhile, and failovers that nobody asked for.

use super::*;

#[test]
fn a_source_that_dies_leaves_no_way_back_and_the_other_cells_follow() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1", "c2"])).unwrap();
    stage.accept(0, 42);
    stage.fail_over(0);
    assert_eq!(stage.director.one(id).unwrap().course, Course::NoWayBack);
    stage.refuse(1, Refusal::BoundaryPassed);
    stage.pass(6);
    assert_eq!(stage.last(1).action, Action::Switch { to: B });
    assert_eq!(stage.last(1).boundary, Boundary::Next);
    stage.accept(1, 50);
    stage.mode(1, Mode::Single(B), 50);
    stage.mode(0, Mode::Single(B), 42);
    stage.pass(1000);
    assert_eq!(stage.phase(id), Phase::Done);
}

#[test]
fn a_destination_that_dies_turns_it_back() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(sharing("c1")).unwrap();
    stage.accept(0, 10);
    stage.mode(0, shared(), 10);
    let (last_heard, due_at) = (Instant(0), Instant(0));
    let member = B;
    stage.hear(
        0,
        EventKind::Lost {
            member,
            last_heard,
            due_at,
            signal: Signal::Fronthaul,
        },
    );
    assert_eq!(stage.director.one(id).unwrap().course, Course::Back);
}

#[test]
fn failovers_of_one_server_are_one_transaction() {
    let mut stage = Stage::new(settings());
    stage.fail_over(0);
    stage.now += 3 * MS;
    stage.fail_over(1);
    let all: Vec<_> = stage.director.all().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].cause, Cause::Failure("left".to_owned()));
    assert_eq!(all[0].moves.len(), 2);
    stage.mode(0, Mode::Single(B), 20);
    stage.mode(1, Mode::Single(B), 20);
    stage.pass(1100);
    assert_eq!(stage.phase(1), Phase::Done);
}

#[test]
fn the_rest_of_a_lost_server_is_reported_or_moved_as_configured() {
    for rest in [Rest::Report, Rest::Move] {
        let mut settings = settings();
        settings.rest = rest;
        let mut stage = Stage::new(settings);
        stage.fail_over(0);
        stage.mode(0, Mode::Single(B), 20);
        stage.pass(60);
        let moved = stage
            .commands
            .iter()
            .any(|command| command.cell == CellId(1));
        assert_eq!(moved, rest == Rest::Move);
        let left = &stage.director.one(1).unwrap().left;
        assert_eq!(left.is_empty(), rest == Rest::Move);
    }
}

#[test]
fn a_failover_that_is_impossible_is_done_by_whoever_is_ready_if_the_rest_is_to_be_moved() {
    let mut settings = settings();
    settings.rest = Rest::Move;
    settings.cells[0].armed = None;
    let mut stage = Stage::new(settings);
    let (member, last_heard, due_at) = (A, Instant(0), Instant(0));
    stage.hear(
        0,
        EventKind::Lost {
            member,
            last_heard,
            due_at,
            signal: Signal::Fronthaul,
        },
    );
    let (from, why) = (A, Refusal::NotArmed);
    stage.hear(0, EventKind::FailoverImpossible { from, why });
    assert_eq!(stage.last(0).action, Action::FailOver { to: Some(B) });
}
