//! Commands through the API reach the lcore and are answered with its slot; what follows is seen in the
//! objects and in the events.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/served.rs"]
mod served;

use ranshift::control::event_log::Told;
use ranshift::dataplane::mailbox::{Event, EventKind};
use ranshift::ran::{CellId, Instant, SlotCount};
use serde_json::{Value, json};
use served::{Served, request};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

const CELL: &str = "/api/v1/cells/cell-1";

fn status(served: &Served) -> Value {
    served.get(CELL).json()["status"].clone()
}

fn slot(served: &Served) -> u64 {
    status(served)["slot"].as_u64().unwrap()
}

#[test]
fn a_migration_is_accepted_for_its_slot_and_takes_effect_there() {
    let served = Served::new();
    let slot = slot(&served) + 200;
    let body = json!({"to": "du-b", "boundary": {"slot": slot}}).to_string();
    let accepted = served.post(&format!("{CELL}/migrate"), &body).json();
    assert_eq!(accepted["boundary_slot"], slot);
    assert_eq!(accepted["cell"], "cell-1");
    let at = accepted["boundary_ns"].as_u64().unwrap();
    let now = status(&served);
    let ahead = at as i64 - now["at_ns"].as_i64().unwrap();
    let slots = slot as i64 - now["slot"].as_i64().unwrap();
    assert!(
        (ahead - slots * 500_000).abs() <= 500_000,
        "{ahead} ns, {slots} slots"
    );
    served.wait_until(|served| status(served)["mode"]["active"] == "du-b");
    let after = status(&served);
    assert_eq!(after["mode_since_slot"], slot);
    assert_eq!(after["mode_cause"], "command");
    let roles: Vec<&Value> = after["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| &member["role"])
        .collect();
    assert_eq!(roles, ["standby", "active"]);
}

#[test]
fn a_pattern_is_published_before_it_applies_with_its_slot_and_time() {
    let served = Served::new();
    let share = json!({"mode": "shared", "source": "du-a", "destination": "du-b"});
    let answer = served.post(&format!("{CELL}/mode"), &share.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let pattern = json!({"slots": "SSD", "boundary": {"in_slots": 10_000}});
    let accepted = served
        .post(&format!("{CELL}/pattern"), &pattern.to_string())
        .json();
    served.wait_until(|served| served.get(&format!("{CELL}/pattern")).json()["next"].is_object());
    let read = served.get(&format!("{CELL}/pattern")).json();
    assert_eq!(read["next"]["slots"], "SSD");
    assert_eq!(read["next"]["from_slot"], accepted["boundary_slot"]);
    assert_eq!(read["next_from_ns"], accepted["boundary_ns"]);
    let lead = read["pattern_lead"].as_u64().unwrap();
    assert!(read["next"]["from_slot"].as_u64().unwrap() >= read["slot"].as_u64().unwrap() + lead);
}

#[test]
fn a_refusal_of_the_lcore_is_a_problem_with_its_word_and_what_to_do() {
    let served = Served::new();
    for (path, body, word) in [
        ("migrate", json!({"to": "du-a"}), "is_active"),
        (
            "migrate",
            json!({"to": "du-b", "boundary": {"slot": 1}}),
            "boundary_passed",
        ),
        (
            "migrate",
            json!({"to": "du-b", "boundary": {"sfn": "1024.0"}}),
            "no_sfn",
        ),
        ("fence", json!({"member": "du-a"}), "is_active"),
        ("readmit", json!({"member": "du-b"}), "not_fenced"),
        (
            "pattern",
            json!({"slots": "SD", "boundary": {"in_slots": 1}}),
            "too_soon",
        ),
        ("failover", json!({"to": "du-a"}), "is_active"),
        (
            "mode",
            json!({"mode": "shared", "source": "du-b", "destination": "du-a"}),
            "not_active",
        ),
    ] {
        let answer = served.post(&format!("{CELL}/{path}"), &body.to_string());
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (409, word),
            "{path} {body}"
        );
    }
}

#[test]
fn a_failover_by_command_fences_the_active_member_and_waits_for_the_standby() {
    let served = Served::new();
    let answer = served.post(&format!("{CELL}/failover"), "");
    assert_eq!(answer.status, 200, "{answer:?}");
    served.wait_until(|served| status(served)["waiting_for"] == "du-b");
    let events = served.get("/api/v1/events?cell=cell-1").json();
    let fenced = events
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["event"] == "fenced");
    let fenced = fenced.unwrap();
    assert_eq!(
        fenced["details"],
        json!({"member": "du-a", "cause": "command"})
    );
    assert_eq!(fenced["severity"], "warning");
    assert_eq!(fenced["message"], "du-a is fenced, by command");
}

#[test]
fn while_a_failover_waits_a_refusal_names_what_ends_that_and_readmitting_does() {
    let served = Served::new();
    let ctl = |arguments: &[&str]| {
        let api = format!("http://{}", served.address());
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ranshift"));
        let output = program
            .args(["ctl", "--api", &api])
            .args(arguments)
            .output();
        let output = output.unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let told = ctl(&["failover", "cell-1"]);
    assert!(
        told.contains("at the earliest") && !told.contains("on air now"),
        "{told}"
    );
    served.wait_until(|served| status(served)["waiting_for"] == "du-b");
    let told = ctl(&["cells"]);
    assert!(told.contains("nobody: failover waits for du-b"), "{told}");
    let told = ctl(&["migrate", "cell-1", "--to", "du-b"]);
    for cure in [
        "failover cell-1 --to MEMBER",
        "`readmit cell-1 du-a` puts du-a back on air",
        "`fence cell-1 du-b` gives up",
    ] {
        assert!(told.contains(cure), "{told}");
    }
    let told = ctl(&["readmit", "cell-1", "du-a"]);
    assert!(told.contains("du-a is active again from slot"), "{told}");
}

#[test]
fn the_answer_to_a_command_is_told_with_who_gave_it() {
    let served = Served::new();
    fence(&served, "fence");
    served.post(&format!("{CELL}/readmit"), "{\"member\": \"du-a\"}");
    let events = served.get("/api/v1/events?cell=cell-1").json();
    for kind in ["accepted", "refused"] {
        let mut events = events.as_array().unwrap().iter();
        let answer = events.find(|event| event["event"] == kind).unwrap();
        assert_eq!(answer["details"]["by"], "local", "{answer}");
    }
}

#[test]
fn a_fenced_member_is_readmitted() {
    let served = Served::new();
    let member = json!({"member": "du-b"}).to_string();
    assert_eq!(served.post(&format!("{CELL}/fence"), &member).status, 200);
    let role = |served: &Served| served.get(&format!("{CELL}/members/du-b")).json()["role"].clone();
    served.wait_until(|served| role(served) == "fenced");
    assert_eq!(served.post(&format!("{CELL}/readmit"), &member).status, 200);
    served.wait_until(|served| role(served) == "standby");
}

#[test]
fn nobody_is_armed_any_more_when_that_was_asked_for() {
    let served = Served::new();
    assert_eq!(status(&served)["armed"], "du-b");
    let answer = served.post(&format!("{CELL}/arm"), "{\"standby\": null}");
    assert_eq!(answer.status, 200, "{answer:?}");
    served.wait_until(|served| status(served)["armed"].is_null());
    let missing = served.post(&format!("{CELL}/arm"), "{}");
    assert_eq!(missing.status, 422, "{missing:?}");
}

#[test]
fn an_lcore_that_does_not_answer_is_a_timeout_and_health_says_so() {
    let served = Served::new();
    served.deaf.store(true, Ordering::Relaxed);
    let answer = served.post(&format!("{CELL}/migrate"), "{\"to\": \"du-b\"}");
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (504, "no_answer")
    );
    served.wait_until(|served| served.get("/healthz").status == 503);
    assert_eq!(served.get("/healthz").problem(), "lcore_silent");
    let told = |served: &Served, kind: &str| {
        let events = served.get("/api/v1/events").json();
        events
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["event"] == kind)
    };
    served.wait_until(|served| told(served, "lcore_silent"));
    served.deaf.store(false, Ordering::Relaxed);
    served.wait_until(|served| served.get("/healthz").status == 200);
    served.wait_until(|served| told(served, "lcore_back"));
}

/// Lines of a stream of events until one starts with `wanted`.
fn until(lines: &mut impl Iterator<Item = String>, wanted: &str) -> String {
    lines.find(|line| line.starts_with(wanted)).unwrap()
}

fn follow(served: &Served, headers: &[(&str, &str)]) -> impl Iterator<Item = String> + use<> {
    let mut stream: TcpStream = served.connect();
    let asked = request("GET", "/api/v1/events/stream", headers, "");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    until(&mut lines, "HTTP/1.1 200");
    until(&mut lines, "");
    lines
}

fn fence(served: &Served, command: &str) {
    let member = json!({"member": "du-b"}).to_string();
    assert_eq!(
        served.post(&format!("{CELL}/{command}"), &member).status,
        200
    );
}

#[test]
fn a_stream_tells_what_happens_and_resumes_after_the_last_id() {
    let served = Served::new();
    let mut lines = follow(&served, &[]);
    fence(&served, "fence");
    until(&mut lines, "event: fenced");
    let data = until(&mut lines, "data: ");
    let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(event["details"]["member"], "du-b");
    let id = event["id"].to_string();
    drop(lines);
    fence(&served, "readmit");
    fence(&served, "fence");
    let mut resumed = follow(&served, &[("last-event-id", &id)]);
    let kinds: Vec<String> = (0..4).map(|_| until(&mut resumed, "event: ")).collect();
    assert_eq!(
        kinds,
        [
            "event: accepted",
            "event: readmitted",
            "event: accepted",
            "event: fenced"
        ]
        .map(|kind| kind.to_owned())
        .into_iter()
        .collect::<Vec<_>>(),
        "everything after {id}"
    );
}

#[test]
fn a_reader_that_comes_too_late_is_told_that_it_lags() {
    let served = Served::new();
    let board = served.supervisor.as_ref().unwrap().board();
    let event = Event {
        at: Instant(1),
        term: 0,
        cell: CellId(0),
        slot: SlotCount(1),
        kind: EventKind::PtpSeen,
    };
    for _ in 0..10_000 {
        board.log.push(Told::Lcore(event), &board.wanted());
    }
    let mut lines = follow(&served, &[("last-event-id", "0")]);
    let first = until(&mut lines, "event: ");
    assert_eq!(first, "event: lagged");
}

#[test]
fn a_reader_that_knew_the_process_before_is_told_and_gets_all_of_this_one() {
    let served = Served::new();
    fence(&served, "fence");
    let mut lines = follow(&served, &[("last-event-id", "123456")]);
    assert_eq!(until(&mut lines, "event: "), "event: lagged");
    assert!(until(&mut lines, "data: ").contains("\"restarted\":true"));
    assert_eq!(until(&mut lines, "id: "), "id: 1");
}

#[test]
fn events_are_paged_by_their_number() {
    let served = Served::new();
    for _ in 0..5 {
        fence(&served, "fence");
        fence(&served, "readmit");
    }
    let ids = |path: &str| -> Vec<u64> {
        let events = served.get(path).json();
        events
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_u64().unwrap())
            .collect()
    };
    let newest = ids("/api/v1/events?limit=4");
    assert_eq!(newest.len(), 4);
    let first = ids("/api/v1/events?after=3&limit=4");
    assert_eq!(first, [4, 5, 6, 7]);
    assert_eq!(
        ids(&format!("/api/v1/events?after={}", newest[3])),
        Vec::<u64>::new()
    );
}
