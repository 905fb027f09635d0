//! What `ranshift replay` does when something is not as it should be, and that its pieces fit: exit
//! codes, what is kept and marked, captures written on ingress and read again, emulated RUs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DEMO: &str = "pcap-fixtures/two-du-failover";
const CAPTURE: &str = "pcap-fixtures/captures/n78_20MHz_4T4R_bfp9_vlan100_full_load.pcap";

#[test]
fn captures_written_on_ingress_give_the_same_output_as_their_original() {
    let folder = Folder::new("ingress");
    let [ingress, first, second] = ["in", "first", "second"].map(|name| folder.path(name));
    let split = replay(DEMO, &first, &["--write-ingress", &ingress]);
    assert_eq!(split.status.code(), Some(0), "{}", words(&split));
    let ports = ["ru-side", "du-1-side", "du-2-side"];
    let inputs = ports.map(|port| format!("{port}={ingress}/{port}.pcap"));
    let arguments: Vec<&str> = inputs.iter().flat_map(|input| ["--in", input]).collect();
    let joined = replay(DEMO, &second, &arguments);
    assert_eq!(joined.status.code(), Some(0), "{}", words(&joined));
    for port in ports {
        let capture = |out: &str| fs::read(format!("{out}/egress/{port}.pcap")).unwrap();
        assert!(capture(&first) == capture(&second), "{port}");
    }
}

#[test]
fn a_failed_expectation_is_exit_code_1_and_says_what_was_found() {
    let folder = Folder::new("failed");
    let scenario = folder.scenario("    ledger.received: 5833\n    ledger.sent: 1\n");
    let output = replay_with("full-load", &scenario, &folder.path("out"), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words(&output).contains("FAILED  ledger.sent: expected 1, found 5833"),
        "{}",
        words(&output)
    );
    assert_eq!(report(&folder.path("out"))["outcome"], "failed");
}

#[test]
fn an_expectation_on_an_unknown_counter_is_refused_before_anything_runs() {
    let folder = Folder::new("unknown");
    let scenario = folder.scenario("    ledger.recieved: 5833\n");
    let output = replay_with("full-load", &scenario, &folder.path("out"), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words(&output).contains("did you mean received"),
        "{}",
        words(&output)
    );
}

#[test]
fn a_truncated_capture_keeps_and_marks_what_came_before() {
    let folder = Folder::new("truncated");
    let whole = fs::read(root().join(CAPTURE)).unwrap();
    let cut = folder.path("cut.pcap");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let out = folder.path("out");
    let output = replay(
        "pcap-fixtures/full-load",
        &out,
        &["--in", &format!("du-side={cut}")],
    );
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert!(
        words(&output).contains("cut.pcap: ends inside the record of frame"),
        "{}",
        words(&output)
    );
    let report = report(&out);
    assert!(report["incomplete"].as_str().unwrap().contains("cut.pcap"));
    assert_eq!(report["outcome"], "failed");
    assert!(report["counters"]["ledger.sent"].as_u64().unwrap() > 1000);
    assert!(
        fs::metadata(format!("{out}/egress/ru-side.pcap"))
            .unwrap()
            .len()
            > 1000
    );
}

#[test]
fn a_capture_that_is_none_is_an_error_that_marks_the_output() {
    let folder = Folder::new("text");
    let text = folder.path("text.pcap");
    fs::write(&text, "this is text, and long enough for a header").unwrap();
    let out = folder.path("out");
    let output = replay(
        "pcap-fixtures/full-load",
        &out,
        &["--in", &format!("du-side={text}")],
    );
    assert_eq!(output.status.code(), Some(3));
    assert!(
        words(&output).contains("text.pcap: not a pcap"),
        "{}",
        words(&output)
    );
    assert!(
        report(&out)["incomplete"]
            .as_str()
            .unwrap()
            .contains("text.pcap")
    );
}

#[test]
fn a_frame_that_no_rule_wants_ends_the_run_and_is_named() {
    let folder = Folder::new("unmatched");
    let scenario = folder.path("scenario.yaml");
    let capture = root().join(CAPTURE);
    let rule = r#"{source: "02:d0:00:00:00:01", port: du-side}"#;
    let text = format!(
        "description: a test\ncaptures:\n  - {{file: {}, split: [{rule}]}}\n",
        capture.display()
    );
    fs::write(&scenario, text).unwrap();
    let output = replay_with("full-load", &scenario, &folder.path("out"), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(
        words(&output).contains("source 02:a0:00:00:00:01, VLAN 100"),
        "{}",
        words(&output)
    );
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let folder = Folder::new("foreign");
    let out = folder.path("out");
    fs::create_dir(&out).unwrap();
    fs::write(format!("{out}/thesis.tex"), "years of work").unwrap();
    let output = replay("pcap-fixtures/full-load", &out, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}

#[test]
fn a_folder_that_cannot_be_made_is_exit_code_3() {
    let output = replay("pcap-fixtures/full-load", "/proc/ranshift/out", &[]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
}

#[test]
fn an_unknown_port_is_answered_with_the_ports_there_are() {
    let folder = Folder::new("port");
    let output = replay(
        "pcap-fixtures/full-load",
        &folder.path("out"),
        &["--in", "ru=x.pcap"],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(
        words(&output).contains("ru-side, du-side"),
        "{}",
        words(&output)
    );
}

#[test]
fn an_emulated_ru_answers_each_request_once_although_two_dus_ask() {
    let folder = Folder::new("closed-loop");
    let (lab, out) = (folder.path("lab"), folder.path("out"));
    let config = format!("{DEMO}/config.yaml");
    let made = ranshift(&[
        "lab",
        "generate",
        "-c",
        &config,
        "--out",
        &lab,
        "--duration",
        "60ms",
        "--radio",
        "none",
    ]);
    assert!(made.status.success(), "{}", words(&made));
    let inputs = ["du-1-side", "du-2-side"].map(|port| format!("{port}={lab}/{port}.pcap"));
    let output = ranshift(&[
        "replay", "-c", &config, "--out", &out, "--answer", "--in", &inputs[0], "--in", &inputs[1],
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let report = report(&out);
    let count = |name: &str| report["counters"][name].as_u64().unwrap();
    assert!(count("peers.ru-1.received") > 0);
    let streams = report["radios"]["ru-1"]["streams"].as_array().unwrap();
    assert!(
        streams
            .iter()
            .all(|stream| stream["repeated_requests"] == 0),
        "{streams:?}"
    );
    assert!(
        streams.iter().all(|stream| stream["two_senders"] == 0),
        "{streams:?}"
    );
    assert_eq!(
        count("cells.cell-1.uplink_copies"),
        2 * count("cells.cell-1.uplink_user")
    );
}

#[test]
fn the_story_of_a_fapi_plane_names_boundaries_by_sfn_and_misses_no_slot() {
    let folder = Folder::new("fapi-story");
    let fixture = "pcap-fixtures/two-phys";
    let told = words(&replay(fixture, &folder.path("out"), &[]));
    for sentence in [
        "migrated from phy-a to phy-b at slot 348160 (SFN 0.0), no request lost, no slot missing;",
        "phy-a took over from slot 348287 (SFN 6.7).",
        "to the PHY that owned its slot (156 requests for slots before, 248 from there on), and to no other.",
        "the L2 was told each of 300 slots once, 2 of them made up; none is missing (l2-1).",
        "852 NULL requests kept the other PHYs alive, 239 of them by the slot clock.",
    ] {
        assert!(told.contains(sentence), "{sentence}\n{told}");
    }
    let report = report(&folder.path("out"));
    assert!(report["migrations"][0]["first_request_ns"].is_u64());
    assert!(report["failovers"][0]["first_request_ns"].is_u64());
}

fn replay(fixture: &str, out: &str, more: &[&str]) -> Output {
    let [config, scenario] = ["config", "scenario"].map(|name| format!("{fixture}/{name}.yaml"));
    let arguments = [
        "replay",
        "-c",
        &config,
        "--scenario",
        &scenario,
        "--out",
        out,
    ];
    ranshift(&[&arguments, more].concat())
}

fn replay_with(fixture: &str, scenario: &str, out: &str, more: &[&str]) -> Output {
    let config = format!("pcap-fixtures/{fixture}/config.yaml");
    let arguments = [
        "replay",
        "-c",
        &config,
        "--scenario",
        scenario,
        "--out",
        out,
    ];
    ranshift(&[&arguments, more].concat())
}

fn ranshift(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap()
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

fn report(out: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(format!("{out}/report.json")).unwrap()).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of one test, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-command-{test}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A scenario over the full-load capture that expects these counters.
    fn scenario(&self, counters: &str) -> String {
        let path = self.path("scenario.yaml");
        let capture = root().join(CAPTURE).display().to_string();
        let split = r#"[{source: "02:d0:00:00:00:01", port: du-side}, {source: "02:a0:00:00:00:01", port: ru-side}]"#;
        let text = format!(
            "description: a test\ncaptures:\n  - {{file: {capture}, split: {split}}}\nexpect:\n  counters:\n{counters}"
        );
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
