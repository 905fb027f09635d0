//! Drains, and a director that starts again.

use super::*;

#[test]
fn a_drain_moves_cell_after_cell_and_is_done() {
    let mut stage = Stage::new(settings());
    let server = "left".to_owned();
    let share = false;
    let id = stage.ask(Request::Drain { server, share }).unwrap();
    for cell in [0, 1] {
        assert_eq!(
            stage
                .commands
                .iter()
                .filter(|c| c.cell == CellId(cell))
                .count(),
            1
        );
        stage.accept(cell, 42);
        stage.mode(cell, Mode::Single(B), 42);
        stage.pass(1000);
    }
    assert_eq!(stage.phase(id), Phase::Done);
    assert_eq!(stage.director.one(id).unwrap().children, [2, 3]);
}

#[test]
fn a_drain_stops_on_the_first_failure_and_says_what_is_left() {
    let mut stage = Stage::new(settings());
    let server = "left".to_owned();
    let share = false;
    let id = stage.ask(Request::Drain { server, share }).unwrap();
    stage.refuse(0, Refusal::NotInStep);
    assert_eq!(stage.phase(id), Phase::Failed);
    assert!(stage.why(id).contains("not moved: c2"), "{}", stage.why(id));
    assert!(
        !stage
            .commands
            .iter()
            .any(|command| command.cell == CellId(1))
    );
}

#[test]
fn a_restarted_director_waits_for_what_the_lcores_say_and_undoes_what_they_do_not_know() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    let journaled = stage.director.one(id).unwrap().clone();
    let text = serde_json::to_string(&journaled).unwrap();
    let mut again = Stage::new(settings());
    let read = serde_json::from_str(&text).unwrap();
    again.director.restore(Instant(again.now), [read]);
    again.pass(500);
    assert!(again.commands.is_empty());
    assert_eq!(again.phase(id), Phase::Switching);
    let Err(Refused::Checks(checks)) = again.ask(to_b(&["c2"])) else {
        panic!("not refused by a check");
    };
    assert_eq!(checks[0].check, "seen");
}
