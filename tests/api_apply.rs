//! A configuration put in force through the API: compared, applied between two frames, or
//! refused as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/served.rs"]
mod served;

use serde_json::{Value, json};
use served::{Answer, Served};

const CONFIG: &str = "/api/v1/config";
const YAML: (&str, &str) = ("content-type", "application/yaml");

fn put(served: &Served, query: &str, text: &str) -> Answer {
    served.ask("PUT", &format!("{CONFIG}{query}"), &[YAML], text)
}

fn in_force(served: &Served) -> (u64, String) {
    let spec = served.get(CONFIG).json();
    let text = spec["text"].as_str().unwrap().to_owned();
    (spec["term"].as_u64().unwrap(), text)
}

fn with_lead(text: &str) -> String {
    text.replace(
        "    periods: {tdd: 10}",
        "    periods: {tdd: 10}\n    sharing: {pattern_lead: 44}",
    )
}

fn lead(served: &Served) -> Value {
    served.get("/api/v1/cells/cell-1").json()["spec"]["pattern_lead"].clone()
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let served = Served::new();
    let (term, text) = in_force(&served);
    let applied = put(&served, "?dry_run=true", &with_lead(&text)).json();
    assert_eq!(applied["dry_run"], true);
    assert_eq!(applied["term"], term);
    let change = &applied["changes"][0];
    assert!(
        change["object"].as_str().unwrap().contains("pattern_lead"),
        "{applied}"
    );
    assert_eq!(
        (&change["change"], &change["to"]),
        (&json!("changed"), &json!("44"))
    );
    assert_eq!(in_force(&served), (term, text));
}

#[test]
fn a_configuration_is_in_force_when_the_answer_comes() {
    let served = Served::new();
    let (term, text) = in_force(&served);
    let changed = with_lead(&text);
    let applied = put(&served, "", &changed).json();
    assert_eq!(applied["term"], term + 1, "{applied}");
    assert_eq!(in_force(&served), (term + 1, changed));
    assert_eq!(lead(&served), 44);
    assert_eq!(served.get("/api/v1/appliance").json()["term"], term + 1);
    let events = served.get("/api/v1/events").json();
    let events = events.as_array().unwrap();
    assert!(
        events.iter().any(|event| event["event"] == "applied"),
        "{events:?}"
    );
    let migrate = served.post("/api/v1/cells/cell-1/migrate", "{\"to\": \"du-b\"}");
    assert_eq!(
        migrate.status, 200,
        "commands carry the new term: {migrate:?}"
    );
}

#[test]
fn the_same_configuration_again_changes_nothing_and_keeps_its_term() {
    let served = Served::new();
    let (term, text) = in_force(&served);
    let applied = put(&served, "", &text).json();
    assert_eq!(
        (&applied["term"], &applied["changes"]),
        (&json!(term), &json!([]))
    );
}

#[test]
fn a_configuration_with_mistakes_is_refused_with_all_of_them() {
    let served = Served::new();
    let before = in_force(&served);
    let wrong = before
        .1
        .replace("numerology: 1", "numerology: 9")
        .replace("active: du-a", "active: du-z");
    let refused = put(&served, "", &wrong);
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (422, "configuration")
    );
    let problems = refused.json()["problems"].as_array().unwrap().clone();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0]
            .as_str()
            .unwrap()
            .starts_with("configuration:11:"),
        "{problems:?}"
    );
    assert_eq!(in_force(&served), before);
}

#[test]
fn what_needs_a_restart_is_refused() {
    let served = Served::new();
    let before = in_force(&served);
    for (from, to) in [("mtu: 9000", "mtu: 1500"), ("rate: 100000", "rate: 9")] {
        let refused = put(&served, "", &before.1.replace(from, to));
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (422, "configuration")
        );
        assert!(refused.body.contains("restart"), "{refused:?}");
    }
    assert_eq!(in_force(&served), before);
}

#[test]
fn what_is_no_text_or_too_large_is_refused() {
    let served = Served::new();
    let comment = format!("{}#{}\n", served::CELL, "x".repeat((1 << 20) + 1));
    let large = put(&served, "", &comment);
    assert_eq!((large.status, large.problem().as_str()), (413, "too_large"));
    let query = put(&served, "?dry_run=perhaps", "");
    assert_eq!(
        (query.status, query.problem().as_str()),
        (400, "bad_request")
    );
    let empty = put(&served, "", "");
    assert_eq!(
        (empty.status, empty.problem().as_str()),
        (422, "configuration")
    );
}

/// A cell before the one that is there, which gets another number by it; and that one changes too.
fn with_a_cell_before(text: &str) -> String {
    let (head, cell) = text.split_once("cells:\n").unwrap();
    let (cell, api) = cell.split_once("api:").unwrap();
    let head = head
        .replace("rus:\n", "rus:\n  ru-0: {port: ru, mac: '02:a0:00:00:00:09', facing: '02:0b:00:00:00:09', vlan: 100}\n")
        .replace("dus:\n", "dus:\n  du-c: {port: a, mac: '02:d0:00:00:00:09', facing: '02:a0:00:00:00:09', vlan: 101, attachment: dedicated}\n  du-d: {port: b, mac: '02:d0:00:00:00:0a', facing: '02:a0:00:00:00:0a', vlan: none, attachment: dedicated}\n");
    let before = cell
        .replace("cell-1", "cell-0")
        .replace("ru-1", "ru-0")
        .replace("du-a", "du-c")
        .replace("du-b", "du-d");
    format!("{head}cells:\n{before}{}api:{api}", with_lead(cell))
}

#[test]
fn what_lcores_tell_of_a_new_configuration_is_told_in_its_names() {
    let served = Served::new();
    let (_, text) = in_force(&served);
    let applied = put(&served, "", &with_a_cell_before(&text));
    assert_eq!(applied.status, 200, "{applied:?}");
    let replaced = |served: &Served| {
        let events = served.get("/api/v1/events").json();
        let events = events.as_array().unwrap().clone().into_iter();
        let replaced = events.filter(|event| event["event"] == "replaced");
        replaced
            .map(|event| (event["cell"].clone(), event["details"]["new"].clone()))
            .collect::<Vec<_>>()
    };
    served.wait_until(|served| replaced(served).len() == 2);
    assert_eq!(
        replaced(&served),
        [
            (json!("cell-0"), json!(true)),
            (json!("cell-1"), json!(false))
        ]
    );
}
