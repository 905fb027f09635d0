//! `ranshift inspect` as people meet it: damaged captures, malformed frames, closed pipes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a panic is how a test fails

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ranshift::ran::Instant;
use ranshift::replay::capture::CaptureWriter;
use serde_json::{Value, json};

#[path = "../src/wire/vectors.rs"]
mod vectors;

#[test]
fn a_capture_cut_in_its_middle_is_summed_up_and_marked() {
    let whole = std::fs::read(jumbo()).unwrap();
    let path = scratch("cut-in-the-middle.pcap");
    std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let output = inspect(&path, &["--json"]);
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["frames"], 745);
    let error = report["incomplete"].as_str().unwrap();
    assert!(error.contains("inside the record of frame 746"), "{error}");
}

#[test]
fn what_is_no_capture_is_named_on_standard_error_alone() {
    let path = scratch("text.pcap");
    std::fs::write(&path, "not a capture, and long enough to see it").unwrap();
    let output = inspect(&path, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("text.pcap: not a pcap or pcapng capture"),
        "{error}"
    );
}

#[test]
fn a_pipe_closed_early_is_no_failure() {
    let mut child = command(&jumbo(), &["--frames"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 8];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[test]
fn each_frame_is_one_line_that_begins_with_its_number() {
    let output = inspect(&jumbo(), &["--frames"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 746);
    for (number, line) in (1..).zip(text.lines()) {
        let first: u32 = line.split_whitespace().next().unwrap().parse().unwrap();
        assert_eq!(first, number);
    }
}

#[test]
fn malformed_frames_are_listed_with_number_and_reason() {
    let mut revision = vectors::v5();
    revision[18] = 0x20;
    let mut size = vectors::v5();
    size[20..22].copy_from_slice(&3u16.to_be_bytes());
    let mut symbol = vectors::v1();
    symbol[29] |= 0x0e;
    let mut extension = vectors::v6();
    extension[51] = 0;
    let path = write(
        "malformed.pcap",
        &[vectors::v5(), revision, size, symbol, extension],
    );
    let report = report(&path, &[]);
    let expected = json!({
        "ecpri_malformed": 1, "ecpri_size": 1, "radio_header": 1, "cplane_malformed": 1,
    });
    assert_eq!(report["malformed"], expected);
    let frames = report["malformed_frames"].as_array().unwrap();
    let numbers: Vec<_> = frames
        .iter()
        .map(|m| m["frame"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [2, 3, 4, 5]);
}

#[test]
fn ecpri_over_udp_is_read_on_the_port_that_is_named() {
    let path = write("udp.pcap", &[vectors::v14()]);
    assert_eq!(report(&path, &[])["flows"], json!([]));
    let report = report(&path, &["--udp-port", "50001"]);
    assert_eq!(report["flows"][0]["plane"], "U-plane DL");
    assert_eq!(report["flows"][0]["bytes"], vectors::v14().len());
}

#[test]
fn both_vlan_ids_and_the_split_of_the_eaxc_id_are_reported() {
    let path = write("qinq.pcap", &[vectors::v12(), vectors::v15()]);
    let report = report(&path, &["--eaxc-bits", "2,6,4,4"]);
    let vlans: Vec<_> = (0..2).map(|n| &report["flows"][n]["vlan"]).collect();
    assert!(vlans.contains(&&json!([100, 6])), "{vlans:?}");
    let flows = report["flows"].as_array().unwrap();
    let extreme = flows.iter().find(|flow| flow["eaxc"] == 0x4235).unwrap();
    assert_eq!(extreme["eaxc_fields"], json!([1, 2, 3, 5]));
}

#[test]
fn concatenated_messages_are_flows_of_their_own_bytes() {
    let report = report(&write("concatenated.pcap", &[vectors::v11()]), &[]);
    let flows = report["flows"].as_array().unwrap();
    let counts: Vec<_> = flows.iter().map(|f| (&f["eaxc"], &f["bytes"])).collect();
    assert_eq!(counts, [(&json!(0), &json!(24)), (&json!(1), &json!(24))]);
}

#[test]
fn a_size_that_is_wrong_is_read_when_asked_to_be_lenient() {
    let mut frame = vectors::v1();
    frame[20..22].copy_from_slice(&[0, 0]);
    let path = write("lenient.pcap", &[frame]);
    assert_eq!(report(&path, &[])["malformed"], json!({"ecpri_size": 1}));
    assert_eq!(report(&path, &["--lenient"])["flows"][0]["frames"], 1);
}

#[test]
fn a_shorter_copy_tells_the_same() {
    let copy = scratch("shorter.pcap");
    let output = inspect(&jumbo(), &["--cut", "64", copy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let (mut original, mut shorter) = (report(&jumbo(), &[]), report(&copy, &[]));
    for report in [&mut original, &mut shorter] {
        report.as_object_mut().unwrap().remove("capture");
    }
    assert_eq!(original, shorter);
}

#[test]
fn frames_cut_in_their_headers_are_not_called_malformed_by_a_peer() {
    let copy = scratch("headless.pcap");
    inspect(&jumbo(), &["--cut", "16", copy.to_str().unwrap()]);
    let malformed = &report(&copy, &[])["malformed"];
    assert_eq!(malformed, &json!({"cut_in_headers": 746}));
}

fn report(path: &Path, arguments: &[&str]) -> Value {
    let output = inspect(path, &[&["--json"], arguments].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn inspect(path: &Path, arguments: &[&str]) -> Output {
    command(path, arguments).output().unwrap()
}

fn command(path: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.arg("inspect").arg(path).args(arguments);
    command
}

fn write(name: &str, frames: &[Vec<u8>]) -> PathBuf {
    assert!(frames.len() < vectors::all().len());
    let path = scratch(name);
    let mut writer = CaptureWriter::create(&path).unwrap();
    for frame in frames {
        writer.write(Instant(0), frame, frame.len() as u32).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inspect-{name}"))
}

fn jumbo() -> PathBuf {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures/captures");
    captures.join("n78_100MHz_2T2R_bfp9_vlan100_jumbo.pcap")
}
