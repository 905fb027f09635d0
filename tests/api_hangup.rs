//! SIGHUP has the file read again. Alone in its process, which is what the signal is for.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "support/served.rs"]
mod served;

use served::Served;
use std::fs;

#[test]
fn on_sighup_the_file_is_applied_or_refused_with_an_event() {
    let served = Served::new();
    let path = served.dir.join("config.yaml");
    let spec = served.get("/api/v1/config").json();
    let text = spec["text"].as_str().unwrap();
    let lead = "    periods: {tdd: 10}\n    sharing: {pattern_lead: 44}";
    fs::write(&path, text.replace("    periods: {tdd: 10}", lead)).unwrap();
    hang_up();
    served.wait_until(|served| {
        served.get("/api/v1/cells/cell-1").json()["spec"]["pattern_lead"] == 44
    });
    fs::write(&path, "ports: none\n").unwrap();
    hang_up();
    served.wait_until(|served| {
        let events = served.get("/api/v1/events").json();
        let mut events = events.as_array().unwrap().iter();
        events.any(|event| event["event"] == "apply_refused")
    });
    let term = served.get("/api/v1/config").json()["term"].clone();
    assert_eq!(term.as_u64(), spec["term"].as_u64().map(|term| term + 1));
}

fn hang_up() {
    let own = rustix::process::getpid();
    rustix::process::kill_process(own, rustix::process::Signal::HUP).unwrap();
}
