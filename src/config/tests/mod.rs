//! Every rule from both sides, by edits to the first example: one edit, one problem, at its line.

mod cells;
mod fapi;
mod files;
mod groups;
mod lcores;
mod log;
mod midhaul;
mod peers;
mod scenarios;
mod sharing;
mod transactions;

use super::{Config, Loaded, Problems};

const EXAMPLE: &str = include_str!("../../../configs/one-cell-two-dus.yaml");

/// The example with each first part replaced by the second; both parts are real text of the file.
fn edited(edits: &[(&str, &str)]) -> String {
    let mut text = EXAMPLE.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from:?} is in the example");
        text = text.replacen(from, to, 1);
    }
    text
}

fn parse(edits: &[(&str, &str)]) -> Result<Loaded, Problems> {
    super::parse(&edited(edits), "test.yaml")
}

fn accepted(edits: &[(&str, &str)]) -> Config {
    parse(edits)
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

/// The first edit makes exactly one problem, at `key`, in the edit's line, whose text contains `what`.
fn refused(edits: &[(&str, &str)], key: &str, what: &str) {
    let text = edited(edits);
    let problems = super::parse(&text, "test.yaml").expect_err("a refusal");
    let [problem] = problems.problems.as_slice() else {
        panic!("one problem expected: {problems}");
    };
    assert_eq!(problem.key, key, "{problems}");
    assert!(
        problems.to_string().contains(what),
        "{what:?} in: {problems}"
    );
    let (_, to) = edits.first().expect("an edit");
    let height = to.matches('\n').count();
    let mut lines = text
        .match_indices(to)
        .map(|(at, _)| text[..at].matches('\n').count() + 1);
    let within = |first: usize| (first..=first + height).contains(&problem.mark.line);
    assert!(lines.any(within), "the line of {to:?}: {problems}");
}

/// One edit is accepted and the other refused at `key`: the two sides of a boundary.
fn boundary(from: &str, inside: &[&str], outside: &[&str], key: &str) {
    for to in inside {
        accepted(&[(from, to)]);
    }
    for to in outside {
        refused(&[(from, to)], key, "accepted: ");
    }
}

/// Exactly one warning, at `key`, whose text contains `what`.
fn warned(edits: &[(&str, &str)], key: &str, what: &str) {
    let loaded = parse(edits).unwrap_or_else(|problems| panic!("{problems}"));
    let [warning] = loaded.warnings.as_slice() else {
        panic!("one warning expected: {:?}", loaded.warnings);
    };
    assert_eq!(warning.key, key);
    assert!(warning.to_string().contains(what), "{warning}");
}
