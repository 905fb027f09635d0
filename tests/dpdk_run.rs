//! `ranshift run` as a process: an ordinary user's DPDK, without huge pages, over capture files.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

use ranshift::ran::Instant;
use ranshift::replay::capture::{CaptureReader, CaptureWriter};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn a_fronthaul_capture_passes_frame_by_frame_and_every_buffer_comes_back() {
    let arm = Arm::new("passes", 9000);
    let fixture = "pcap-fixtures/captures/n78_20MHz_4T4R_bfp9_vlan100_full_load.pcap";
    let frames = frames_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture));
    let report = arm.pass(&frames, &["--clock", "capture"]);
    assert_eq!(counter(&report, "ledger.received"), frames.len() as u64);
    assert_eq!(counter(&report, "ledger.sent"), frames.len() as u64);
    assert_eq!(counter(&report, "ledger.dropped"), 0);
    assert_eq!(report["buffers_in_use"], in_use(0));
    assert_eq!(bytes_of(&arm.output).len(), frames.len());
}

#[test]
fn a_jumbo_frame_passes_whole_in_one_buffer() {
    let arm = Arm::new("jumbo", 9000);
    let frames = vec![(Instant(1_000), bridged(7680))];
    let report = arm.pass(&frames, &[]);
    assert_eq!(bytes_of(&arm.far), [bridged(7680)]);
    assert_eq!(report["buffers_in_use"], in_use(0));
}

#[test]
fn a_frame_larger_than_its_ports_buffers_passes_as_a_chain() {
    let arm = Arm::new("chain", 1500);
    let frames = vec![(Instant(1_000), bridged(7680)); 100];
    let report = arm.pass(&frames, &[]);
    assert_eq!(bytes_of(&arm.far), vec![bridged(7680); 100]);
    assert_eq!(counter(&report, "ports.far.sent_bytes"), 768_000);
    assert_eq!(report["buffers_in_use"], in_use(0));
}

#[test]
fn an_interrupt_ends_a_run_with_its_report() {
    let arm = Arm::new("interrupt", 1500);
    fs::write(&arm.config, configuration("net_null0,size=64", 1500)).unwrap();
    let mut run = arm.command(&[]).spawn().unwrap();
    // Frames are made without end: only the interrupt can end the run, whenever it comes.
    thread::sleep(Duration::from_millis(1500));
    let id = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
    let report = arm.report();
    assert_eq!(
        counter(&report, "ledger.received"),
        counter(&report, "ledger.dropped"),
        "frames of zeroes belong to nobody"
    );
    assert_eq!(report["buffers_in_use"], in_use(0));
}

#[test]
fn a_capture_that_is_not_there_stops_the_start_with_the_ports_name() {
    let arm = Arm::new("missing", 1500);
    let device = "net_pcap0,rx_pcap=/nowhere/in.pcap";
    fs::write(&arm.config, configuration(device, 1500)).unwrap();
    let output = arm.run(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("port arm (net_pcap0"), "{said}");
    assert!(said.contains("No such file"), "{said}");
}

#[test]
fn a_driver_that_does_not_exist_stops_the_start() {
    let arm = Arm::new("driver", 1500);
    fs::write(&arm.config, configuration("net_nonesuch0", 1500)).unwrap();
    assert_eq!(arm.run(&[]).status.code(), Some(3));
}

#[test]
fn a_port_without_device_is_a_matter_of_configuration() {
    let arm = Arm::new("device", 1500);
    let with = configuration("X", 1500);
    fs::write(&arm.config, with.replace(", device: \"X\"", "")).unwrap();
    let output = arm.run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("port arm has no device"));
}

#[test]
fn an_option_that_eal_does_not_know_is_refused_without_its_usage_text() {
    let arm = Arm::new("option", 1500);
    fs::write(&arm.config, configuration("net_null0", 1500)).unwrap();
    let output = arm.run(&["--eal", "--no-hgue"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

#[test]
fn frames_without_stamps_cannot_tell_the_time() {
    let arm = Arm::new("stamps", 1500);
    fs::write(&arm.config, configuration("net_null0", 1500)).unwrap();
    let output = arm.run(&["--clock", "capture"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("net_pcap"));
}

/// A port that is everybody's, so that what comes in goes out on it, and a far one for bridged frames.
struct Arm {
    config: PathBuf,
    input: PathBuf,
    output: PathBuf,
    far: PathBuf,
    report: PathBuf,
    mtu: u16,
}

impl Arm {
    fn new(name: &str, mtu: u16) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("run")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name);
        Self {
            config: file("config.yaml"),
            input: file("in.pcap"),
            output: file("out.pcap"),
            far: file("far.pcap"),
            report: file("report.json"),
            mtu,
        }
    }

    fn pass(&self, frames: &[(Instant, Vec<u8>)], arguments: &[&str]) -> Value {
        let mut writer = CaptureWriter::create(&self.input).unwrap();
        for (at, bytes) in frames {
            writer.write(*at, bytes, bytes.len() as u32).unwrap();
        }
        writer.finish().unwrap();
        let device = format!(
            "net_pcap0,rx_pcap={},tx_pcap={}",
            self.input.display(),
            self.output.display()
        );
        let far = format!("net_pcap9,tx_pcap={}", self.far.display());
        let config = configuration(&device, self.mtu).replace("net_null9,no-rx=1", &far);
        fs::write(&self.config, config).unwrap();
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        self.report()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(&["--until-idle", "300"])
            .args(arguments)
            .output()
            .unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
        command
            .args(["run", "--config"])
            .arg(&self.config)
            .arg("--report")
            .arg(&self.report)
            .args(arguments)
            .stdout(Stdio::null());
        command
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.report).unwrap()).unwrap()
    }
}

fn counter(report: &Value, name: &str) -> u64 {
    report["counters"][name].as_u64().unwrap()
}

fn in_use(count: u32) -> Value {
    serde_json::json!({"frames": count, "heads": count, "payloads": count})
}

/// A frame that is not fronthaul, on its way to the host at the far port.
fn bridged(len: usize) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 0x99, 0x02, 0xd0, 0, 0, 0, 1, 0x88, 0xb5];
    frame.extend((frame.len()..len).map(|byte| (byte % 251) as u8));
    frame
}

/// The frames of a capture, cut ones filled up with zeroes.
fn frames_of(file: &Path) -> Vec<(Instant, Vec<u8>)> {
    let mut reader = CaptureReader::open(file).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.next_frame().unwrap() {
        let mut bytes = record.data.to_vec();
        bytes.resize(record.original_len as usize, 0);
        frames.push((record.at, bytes));
    }
    frames
}

fn bytes_of(file: &Path) -> Vec<Vec<u8>> {
    let frames = frames_of(file);
    frames.into_iter().map(|(_, bytes)| bytes).collect()
}

fn configuration(device: &str, mtu: u16) -> String {
    CONFIGURATION
        .replace("DEVICE", device)
        .replace("FAR", "net_null9,no-rx=1")
        .replace("MTU", &mtu.to_string())
}

const CONFIGURATION: &str = r#"
api: none
ports:
  arm: {mtu: MTU, device: "DEVICE"}
  far: {mtu: MTU, device: "FAR"}
rus:
  ru-1: {port: arm, mac: "02:a0:00:00:00:01", facing: "02:d0:00:00:00:01", vlan: 100}
dus:
  du-1: {port: arm, mac: "02:d0:00:00:00:01", facing: "02:a0:00:00:00:01", vlan: 100, attachment: dedicated}
cells:
  cell-1:
    ru: ru-1
    numerology: 1
    carrier_prbs: 51
    eaxc_bits: [4, 4, 4, 4]
    eaxc: {downlink: [0, 1, 2, 3], uplink: [0, 1, 2, 3], prach: [4, 5, 6, 7]}
    compression:
      downlink: {method: bfp, width: 9, header: dynamic}
      uplink: {method: bfp, width: 9, header: dynamic}
    time: {source: gps, alpha: 0, beta: 0}
    periods: {tdd: 10}
    active: du-1
    members:
      du-1: {assume_in_step: true}
bridge: {other: pass, hosts: [{mac: "02:00:00:00:00:99", port: far}]}
"#;
