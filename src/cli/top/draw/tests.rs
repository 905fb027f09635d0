//! The screen as text.

use super::*;
use crate::cli::example;
use crate::cli::top::poll::Report;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn view() -> View {
    let mut view = View::new("http://127.0.0.1:8470".to_owned());
    let mut appliance = example::appliance();
    view.take(Report::Now(
        Box::new(appliance.clone()),
        example::cells(),
        example::events(),
    ));
    appliance.at_ns += 500_000_000;
    for port in &mut appliance.ports {
        port.received += 20_480;
        port.received_bytes += 6_144_000;
        port.sent += 40_960;
        port.sent_bytes += 160_000_000;
    }
    if let Some(count) = appliance.drops.get_mut("not_active") {
        *count += 10_240;
    }
    view.now_ns = appliance.at_ns;
    view.take(Report::Now(
        Box::new(appliance),
        example::cells(),
        Vec::new(),
    ));
    view
}

fn screen(view: &View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y: u16| {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        line.trim_end().to_owned() + "\n"
    };
    (0..height).map(line).collect()
}

/// The page shows this very screen, so that it cannot go stale.
#[test]
fn the_screen_is_the_one_in_the_documentation() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/console.md");
    let page = std::fs::read_to_string(page).unwrap();
    let screen = screen(&view(), 80, 24);
    assert!(
        page.contains(&screen),
        "docs/console.md should show\n{screen}"
    );
}

#[test]
fn an_appliance_that_has_gone_is_told_of_with_the_time() {
    let mut view = view();
    let why = "no answer from http://127.0.0.1:8470: connection refused";
    view.take(Report::Silence(why.to_owned()));
    view.now_ns += 5_000_000_000;
    let screen = screen(&view, 80, 24);
    assert!(
        screen.contains("no answer since 11:20:10 UTC (5 s): connection refused"),
        "{screen}"
    );
    assert!(
        screen.contains("cell-1"),
        "what was last known stays\n{screen}"
    );
}

#[test]
fn before_the_first_answer_it_says_what_it_waits_for() {
    let mut view = View::new("unix:/run/x".to_owned());
    view.take(Report::Silence("connection refused".to_owned()));
    let screen = screen(&view, 80, 24);
    assert!(
        screen.contains("unix:/run/x: waiting for the first answer\nconnection refused"),
        "{screen}"
    );
}

#[test]
fn an_appliance_without_cells_says_so() {
    let mut view = view();
    view.take(Report::Now(
        Box::new(example::appliance()),
        Vec::new(),
        Vec::new(),
    ));
    assert!(screen(&view, 80, 24).contains("no cells are configured"));
}

#[test]
fn a_question_is_asked_before_a_failover() {
    let mut view = view();
    view.ask_fail_over();
    assert!(screen(&view, 80, 24).contains("Fail cell-1 over to du-2? (y/n)"));
}

#[test]
fn any_size_can_be_drawn() {
    let mut view = view();
    for asking in [Asking::Nothing, Asking::Help] {
        view.asking = asking;
        for (width, height) in [(1, 1), (10, 3), (80, 5), (20, 50), (300, 100)] {
            screen(&view, width, height);
        }
    }
}

#[test]
fn of_a_cell_with_a_fapi_plane_the_phys_are_told() {
    let mut view = view();
    view.cells = vec![example::phys()];
    let screen = screen(&view, 80, 24);
    assert!(screen.contains("MARGIN  PHY\n"), "{screen}");
    assert!(screen.contains("-       running\n"), "{screen}");
    assert!(screen.contains("-       P5 absent\n"), "{screen}");
    assert!(!screen.contains("PRB USE"), "{screen}");
}
