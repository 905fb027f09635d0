//! Flight recordings through the API: asked for, listed, fetched file by file and replayed elsewhere; also
//! while a new configuration is put in force, and where nothing can be written.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/served.rs"]
mod served;

use serde_json::Value;
use served::{Answer, Served};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const CAPTURE: &str = "/api/v1/cells/cell-1/capture";
const RECORDINGS: &str = "/api/v1/recordings";

fn with_recorder(recorder: &str) -> Served {
    Served::with(&format!(
        "api: {{listen: '127.0.0.1:0', rate: 100000}}\nrecorder: {recorder}"
    ))
}

fn capture(served: &Served) -> String {
    let answer = served.post(CAPTURE, "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["name"].as_str().unwrap().to_owned()
}

fn refused(answer: &Answer) -> String {
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (409, "not_recorded")
    );
    answer.json()["detail"].as_str().unwrap().to_owned()
}

/// A sample of `ranshift_recordings_total`.
fn counted(served: &Served, result: &str) -> String {
    let page = served.get("/metrics").body;
    let sample = format!("ranshift_recordings_total{{result=\"{result}\"}} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&sample));
    line.unwrap_or_else(|| panic!("{page}")).to_owned()
}

fn events(served: &Served, kind: &str) -> Vec<Value> {
    let events = served.get("/api/v1/events").json();
    let events = events.as_array().unwrap().iter();
    events
        .filter(|event| event["event"] == kind)
        .cloned()
        .collect()
}

/// Every file of a recording, fetched into a folder of its own.
fn fetched(served: &Served, name: &str) -> PathBuf {
    let folder = served.dir.join("fetched").join(name);
    fs::create_dir_all(&folder).unwrap();
    let about = served.get(&format!("{RECORDINGS}/{name}")).json();
    let files = about["files"].as_array().unwrap();
    assert!(files.len() >= 4, "{about:#}");
    for file in files {
        let file = file["name"].as_str().unwrap();
        let answer = served.get(&format!("{RECORDINGS}/{name}/{file}"));
        assert_eq!(answer.status, 200, "{file}");
        fs::write(folder.join(file), answer.body).unwrap();
    }
    folder
}

fn replayed(folder: &PathBuf) -> String {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    let output = replay.args(["replay", "--recording"]).arg(folder).output();
    let output = output.unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_recording_that_was_asked_for_is_listed_fetched_and_replayed() {
    let served = Served::new();
    assert_eq!(served.get(RECORDINGS).body, "[]");
    let migrate = served.post("/api/v1/cells/cell-1/migrate", "{\"to\": \"du-b\"}");
    assert_eq!(migrate.status, 200, "{migrate:?}");
    let name = capture(&served);
    assert!(name.ends_with("-cell-1-command"), "{name}");
    let list = served.get(RECORDINGS).json();
    assert_eq!(list[0]["name"], name.as_str(), "{list:#}");
    assert_eq!(list.as_array().unwrap().len(), 1);
    let folder = fetched(&served, &name);
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    assert!(
        log.contains("\"command\"") && log.contains("\"accepted\""),
        "{log}"
    );
    let said = replayed(&folder);
    assert!(said.contains("same: every verdict"), "{said}");
    assert_eq!(events(&served, "recorded").len(), 1);
    assert_eq!(
        (counted(&served, "written"), counted(&served, "failed")),
        ("1".to_owned(), "0".to_owned())
    );
}

#[test]
fn a_recording_holds_the_configuration_that_was_in_force_and_begins_anew_with_another() {
    let served = Served::new();
    let before = capture(&served);
    let text = served.get("/api/v1/config").json()["text"].clone();
    let text = text.as_str().unwrap();
    let changed = text.replace(
        "    periods: {tdd: 10}",
        "    periods: {tdd: 10}\n    sharing: {pattern_lead: 44}",
    );
    let applied = served.ask("PUT", "/api/v1/config", &[], &changed);
    assert_eq!(applied.status, 200, "{applied:?}");
    let migrate = served.post("/api/v1/cells/cell-1/migrate", "{\"to\": \"du-b\"}");
    assert_eq!(migrate.status, 200, "{migrate:?}");
    let after = capture(&served);
    for (name, config, term) in [(before, text, 3), (after, changed.as_str(), 4)] {
        let about = served.get(&format!("{RECORDINGS}/{name}")).json();
        assert_eq!(about["term"], term, "{about:#}");
        let folder = fetched(&served, &name);
        let kept = fs::read_to_string(folder.join("config.yaml")).unwrap();
        assert_eq!(kept, config);
        replayed(&folder);
    }
}

#[test]
fn the_recorder_itself_can_be_turned_off_and_on_while_running() {
    let served = Served::new();
    let text = served.get("/api/v1/config").json()["text"].clone();
    let text = text.as_str().unwrap();
    let section = text.lines().find(|line| line.starts_with("recorder:"));
    let off = text.replace(section.unwrap(), "recorder: none");
    let apply = |config: &str| {
        let applied = served.ask("PUT", "/api/v1/config", &[], config);
        assert_eq!(applied.status, 200, "{applied:?}");
    };
    apply(&off);
    assert!(refused(&served.post(CAPTURE, "{}")).contains("recorder: none"));
    apply(text);
    // Memory comes when the lcore has asked for it.
    served.wait_until(|served| served.post(CAPTURE, "{}").status == 200);
    assert_eq!(events(&served, "not_recorded"), [] as [Value; 0]);
}

#[test]
fn where_nothing_can_be_written_the_answer_the_event_and_the_metric_say_so() {
    let served = with_recorder("{directory: DIR/no/such/place, frames: 2000}");
    let detail = refused(&served.post(CAPTURE, "{}"));
    assert!(detail.contains("no/such/place"), "{detail}");
    let told = events(&served, "not_recorded");
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("No such file"), "{message}");
    assert_eq!(counted(&served, "failed"), "1");
    assert_eq!(served.get(RECORDINGS).body, "[]");
}

#[test]
fn without_a_recorder_there_is_nothing_to_write() {
    let served = with_recorder("none");
    let detail = refused(&served.post(CAPTURE, "{}"));
    assert!(detail.contains("recorder: none"), "{detail}");
    assert_eq!(served.get(RECORDINGS).body, "[]");
}

#[test]
fn a_name_that_leads_elsewhere_is_no_recording() {
    let served = Served::new();
    let name = capture(&served);
    for path in [
        "nonesuch".to_owned(),
        "..%2f..%2fetc".to_owned(),
        "%2e%2e/config.yaml".to_owned(),
        format!("{name}/..%2f..%2fconfig.yaml"),
        format!("{name}/nonesuch"),
        format!("{name}/%2e"),
    ] {
        let answer = served.get(&format!("{RECORDINGS}/{path}"));
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    assert_eq!(
        served.post("/api/v1/cells/nonesuch/capture", "{}").status,
        404
    );
}
