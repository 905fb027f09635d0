//! What a key does.

use super::poll::Wish;
use super::view::{Asking, View};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What follows a key.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Then {
    Stay,
    Leave,
    Command(Wish),
}

/// Answers a key.
pub(super) fn press(view: &mut View, key: KeyEvent) -> Then {
    // The terminal is raw: what usually interrupts comes as a key.
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return Then::Leave;
    }
    match view.asking {
        Asking::Nothing => on_screen(view, key.code),
        Asking::Help => {
            view.asking = Asking::Nothing;
            Then::Stay
        }
        _ => on_question(view, key.code),
    }
}

fn on_screen(view: &mut View, key: KeyCode) -> Then {
    match key {
        KeyCode::Char('q') | KeyCode::Esc => return Then::Leave,
        KeyCode::Up | KeyCode::Char('k') => view.selected = view.selected.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => {
            view.selected = (view.selected + 1).min(view.cells.len().saturating_sub(1));
        }
        KeyCode::Char('m') => view.ask_migrate(),
        KeyCode::Char('f') => view.ask_fail_over(),
        KeyCode::Char('?' | 'h') => view.asking = Asking::Help,
        _ => {}
    }
    Then::Stay
}

fn on_question(view: &mut View, key: KeyCode) -> Then {
    if let Asking::Migrate {
        members, chosen, ..
    } = &mut view.asking
    {
        match key {
            KeyCode::Up => *chosen = chosen.saturating_sub(1),
            KeyCode::Down => *chosen = (*chosen + 1).min(members.len().saturating_sub(1)),
            _ => {}
        }
    }
    match key {
        KeyCode::Char('y') => {
            let wish = view.wish();
            view.asking = Asking::Nothing;
            wish.map_or(Then::Stay, Then::Command)
        }
        KeyCode::Up | KeyCode::Down => Then::Stay,
        _ => {
            view.asking = Asking::Nothing;
            Then::Stay
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::example;
    use crate::cli::top::poll::Report;

    fn view() -> View {
        let mut view = View::new("http://127.0.0.1:8470".to_owned());
        let now = Report::Now(Box::new(example::appliance()), example::cells(), Vec::new());
        view.take(now);
        view
    }

    fn type_keys(view: &mut View, keys: &[KeyCode]) -> Vec<Then> {
        keys.iter()
            .map(|key| press(view, KeyEvent::from(*key)))
            .collect()
    }

    #[test]
    fn a_migration_is_commanded_only_after_yes() {
        let mut view = view();
        let asked = type_keys(&mut view, &[KeyCode::Char('m'), KeyCode::Char('n')]);
        assert_eq!(asked, [Then::Stay, Then::Stay]);
        let done = type_keys(&mut view, &[KeyCode::Char('m'), KeyCode::Char('y')]);
        let Then::Command(wish) = &done[1] else {
            panic!("{done:?}")
        };
        assert_eq!(wish.path, "/api/v1/cells/cell-1/migrate");
        assert_eq!(wish.body, serde_json::json!({"to": "du-2"}));
        assert_eq!(view.asking, Asking::Nothing);
    }

    #[test]
    fn a_failover_needs_an_armed_standby() {
        let mut view = view();
        let done = type_keys(&mut view, &[KeyCode::Char('f'), KeyCode::Char('y')]);
        let Then::Command(wish) = &done[1] else {
            panic!("{done:?}")
        };
        assert_eq!(wish.path, "/api/v1/cells/cell-1/failover");
        type_keys(&mut view, &[KeyCode::Down, KeyCode::Char('f')]);
        assert_eq!(view.asking, Asking::Nothing);
        let (accepted, words) = view.outcome.unwrap();
        assert!(
            !accepted && words.contains("cell-2 has no standby armed"),
            "{words}"
        );
    }

    #[test]
    fn the_selection_stays_among_the_cells() {
        let mut view = view();
        type_keys(&mut view, &[KeyCode::Up]);
        assert_eq!(view.selected, 0);
        type_keys(&mut view, &[KeyCode::Down; 9]);
        assert_eq!(view.selected, 2);
        view.take(Report::Now(
            Box::new(example::appliance()),
            Vec::new(),
            Vec::new(),
        ));
        assert_eq!(view.selected, 0);
        assert_eq!(
            type_keys(&mut view, &[KeyCode::Char('m'), KeyCode::Char('q')]),
            [Then::Stay, Then::Leave]
        );
    }
}
