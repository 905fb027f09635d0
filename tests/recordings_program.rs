//! The flight recorder end to end: `run` on net_pcap loses a DU and writes a recording, `replay
//! --recording` says the same of every frame, and says so when a byte of it was changed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/both_programs.rs"]
#[allow(dead_code, reason = "the other half is for tests of both programs")]
mod both_programs;

use both_programs::Stage;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BY_STAMPS: [&str; 2] = ["--clock", "capture"];

/// A failover fixture with this `recorder`, in which `DIR` is a directory that is not there yet.
fn staged(name: &str, recorder: &str) -> (PathBuf, Stage) {
    let name = format!("recordings-{name}");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    let _ = fs::remove_dir_all(&directory);
    let line = recorder.replace("DIR", &directory.display().to_string());
    let stage = Stage::fixture(&name, "two-du-failover")
        .edited("\ncells:", &format!("\nrecorder: {line}\ncells:"));
    (directory, stage)
}

/// `run` over it; where its recordings are, and what it said.
fn recorded(name: &str, recorder: &str) -> (PathBuf, String) {
    let (directory, stage) = staged(name, recorder);
    let (code, said) = stage.run_alone(&BY_STAMPS);
    assert_eq!(code, Some(0), "{said}");
    (directory, said)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn replay(arguments: &[&Path]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.args(["replay", "--recording"]).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_failover_is_recorded_and_replayed_to_the_same_verdicts_unless_something_was_changed() {
    let (directory, _) = recorded("failover", "{directory: DIR, frames: 8000}");
    let names = names(&directory);
    let [name] = names.as_slice() else {
        panic!("{names:?}");
    };
    assert!(name.ends_with("-failover"), "{name}");
    let folder = directory.join(name);
    let about = fs::read_to_string(folder.join("recording.json")).unwrap();
    let about: Value = serde_json::from_str(&about).unwrap();
    assert!(about["frames"].as_u64().unwrap() > 1_000, "{about}");
    let report = directory.with_extension("report");
    let _ = fs::remove_dir_all(&report);
    let (code, said) = replay(&[&folder, Path::new("--out"), &report]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("same: every verdict"), "{said}");
    let written = fs::read_to_string(report.join("report.json")).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["outcome"], "passed");
    assert_eq!(
        written["failovers"].as_array().unwrap().len(),
        1,
        "{written:#}"
    );
    assert!(report.join("report.html").is_file());

    tampered_frame(&folder);
    tampered_state(&folder);
    torn(&folder);
    fs::remove_dir_all(directory).unwrap();
    fs::remove_dir_all(report).unwrap();
}

/// A source address that nobody has, in the middle of the largest capture.
fn tampered_frame(folder: &Path) {
    let captures = names(folder)
        .into_iter()
        .filter(|name| name.ends_with(".pcap"));
    let capture = captures
        .map(|name| folder.join(name))
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let whole = fs::read(&capture).unwrap();
    let mut at = 24;
    while at < whole.len() / 2 {
        let kept = u32::from_le_bytes(whole[at + 8..at + 12].try_into().unwrap());
        at += 16 + kept as usize;
    }
    let mut other = whole.clone();
    other[at + 16 + 11] ^= 0x40;
    fs::write(&capture, other).unwrap();
    let (code, said) = replay(&[folder]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("DIFFERS"), "{said}");
    assert!(said.contains("dropped as unknown_peer"), "{said}");
    fs::write(&capture, whole).unwrap();
}

/// A number that the box would have given next.
fn tampered_state(folder: &Path) {
    let file = folder.join("state.json");
    let whole = fs::read_to_string(&file).unwrap();
    let mut state: Value = serde_json::from_str(&whole).unwrap();
    for counter in state[0]["snapshot"]["cells"][0]["state"]["renumber"]["next"]
        .as_array_mut()
        .unwrap()
    {
        let number = counter["number"].as_u64().unwrap();
        counter["number"] = Value::from(number ^ 1);
    }
    fs::write(&file, state.to_string()).unwrap();
    let (code, said) = replay(&[folder]);
    assert_eq!(code, Some(1), "{said}");
    fs::write(&file, whole).unwrap();
}

/// A log without its last line does not belong to its captures.
fn torn(folder: &Path) {
    let log = folder.join("log.jsonl");
    let whole = fs::read_to_string(&log).unwrap();
    let mut frames = whole.lines().filter(|line| line.contains("\"frame\""));
    let last = frames.next_back().unwrap();
    fs::write(&log, whole.replace(&format!("{last}\n"), "")).unwrap();
    let (code, said) = replay(&[folder]);
    assert_eq!(code, Some(2), "{said}");
    fs::write(&log, whole).unwrap();
}

#[test]
fn on_a_full_disk_the_run_goes_on_says_why_and_leaves_nothing_behind() {
    let (directory, stage) = staged("full", "{directory: DIR/recordings}");
    fs::create_dir_all(&directory).unwrap();
    let small_disk = "mount -t tmpfs -o size=64k tmpfs \"$0\" || exit 77
        \"$@\"; code=$?; ls -A \"$0/recordings\"; exit $code";
    let place = directory.to_str().unwrap();
    let around = ["unshare", "-rm", "sh", "-c", small_disk, place];
    let (code, said) = stage.run_within(&around, &BY_STAMPS);
    fs::remove_dir_all(&directory).unwrap();
    if code == Some(77) || said.contains("unshare failed") {
        println!("not shown: this host lets nobody mount a tmpfs\n{said}");
        return;
    }
    assert_eq!(code, Some(0), "{said}");
    let why = "the failover of cell-1 is not recorded";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("No space left"), "{said}");
    assert!(!said.contains(".partial"), "{said}");
}

#[test]
fn without_a_recorder_nothing_is_written_and_where_nothing_can_be_written_the_run_goes_on() {
    let (directory, said) = recorded("none", "none");
    assert!(!directory.exists());
    assert!(!said.contains("recorded"), "{said}");
    let (directory, said) = recorded("nowhere", "{directory: DIR/not/there}");
    assert!(!directory.exists());
    assert!(said.contains("the failover of"), "{said}");
}
