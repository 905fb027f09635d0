//! Two backends, one journey: what `replay` does with captures in virtual time, `run` does with the same
//! captures on net_pcap. A real two-DU capture in which the active DU dies, so that liveness, failover and
//! renumbering take part.
//!
//! net_pcap stamps in microseconds, so frames of different ports within one microsecond may swap; on one
//! port the order is the file's.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

use ranshift::replay::capture::CaptureReader;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn over_one_port_both_backends_send_the_same_bytes_in_the_same_order_and_count_alike() {
    let stage = Stage::new("one-port", &["arm"]);
    let split = "port: arm";
    stage.replay(split);
    stage.run();
    let (replayed, ran) = (stage.replayed("arm"), stage.ran("arm"));
    assert!(replayed.len() > 20_000, "{}", replayed.len());
    assert!(replayed == ran, "{}", first_difference(&replayed, &ran));
    assert_eq!(stage.replay_counters(), stage.run_counters());
    assert_eq!(stage.run_counters()["cells.cell-1.failovers"], 1);
}

#[test]
fn over_three_ports_both_backends_send_the_same_frames_but_for_their_numbers() {
    let ports = ["ru-side", "du-1-side", "du-2-side"];
    let stage = Stage::new("three-ports", &ports);
    stage.replay(
        "split:\n      - {source: \"02:d0:00:00:00:01\", port: du-1-side}\n      \
         - {source: \"02:d0:00:00:00:02\", port: du-2-side}\n      \
         - {source: \"02:a0:00:00:00:01\", port: ru-side}",
    );
    stage.run();
    for port in ports {
        let set = |mut frames: Vec<Vec<u8>>| {
            frames.iter_mut().for_each(|frame| frame[SEQUENCE_AT] = 0);
            frames.sort();
            frames
        };
        let (replayed, ran) = (set(stage.replayed(port)), set(stage.ran(port)));
        assert!(!replayed.is_empty());
        assert!(
            replayed == ran,
            "{port}: {}",
            first_difference(&replayed, &ran)
        );
    }
}

/// Ecpri Sequence id behind Ethernet, one tag, common header and eAxC.
const SEQUENCE_AT: usize = 14 + 4 + 4 + 2;

/// One comparison: its folder, and the ports of its configuration.
struct Stage<'a> {
    folder: PathBuf,
    ports: &'a [&'a str],
}

impl<'a> Stage<'a> {
    fn new(name: &str, ports: &'a [&'a str]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("equals")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder, ports }
    }

    /// In virtual time; leaves the split and restored captures as `in/PORT.pcap`.
    fn replay(&self, route: &str) {
        self.write_config();
        let scenario = self.folder.join("scenario.yaml");
        let text = format!(
            "description: both backends\ncaptures:\n  - file: {}\n    {route}\n",
            fixture("captures/two_du_same_cell_du1_stops_headers.pcap").display()
        );
        fs::write(&scenario, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
        command
            .arg("replay")
            .arg("--config")
            .arg(self.folder.join("config.yaml"))
            .arg("--scenario")
            .arg(scenario)
            .arg("--out")
            .arg(self.folder.join("replayed"))
            .arg("--write-ingress")
            .arg(self.folder.join("in"));
        succeed(&mut command);
    }

    /// On net_pcap, over the captures that the replay took.
    fn run(&self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
        command
            .arg("run")
            .arg("--config")
            .arg(self.folder.join("config.yaml"))
            .args(["--clock", "capture", "--until-idle", "500", "--report"])
            .arg(self.folder.join("run.json"));
        succeed(&mut command);
    }

    fn write_config(&self) {
        let text = fs::read_to_string(fixture("two-du-failover/config.yaml")).unwrap();
        let (_, rest) = text.split_once("\nrus:").unwrap();
        let (rest, _) = rest.split_once("\nbridge:").unwrap();
        let mut config = String::from("ports:\n");
        for (number, port) in self.ports.iter().enumerate() {
            config += &format!(
                "  {port}: {{mtu: 9000, device: \"net_pcap{number},rx_pcap={},tx_pcap={}\"}}\n",
                self.folder.join(format!("in/{port}.pcap")).display(),
                self.sent(port).display()
            );
        }
        config += "rus:";
        config += rest;
        config = config
            .replace("active: du-2", "active: du-1")
            .replace("standby: [du-1]", "standby: [du-2]");
        if self.ports.len() == 1 {
            for port in ["ru-side", "du-1-side", "du-2-side"] {
                config = config.replace(&format!("port: {port}"), "port: arm");
            }
        }
        fs::write(self.folder.join("config.yaml"), config).unwrap();
    }

    fn sent(&self, port: &str) -> PathBuf {
        self.folder.join(format!("sent-{port}.pcap"))
    }

    fn replayed(&self, port: &str) -> Vec<Vec<u8>> {
        let file = format!("replayed/egress/{port}.pcap");
        frames_of(&self.folder.join(file))
    }

    fn ran(&self, port: &str) -> Vec<Vec<u8>> {
        frames_of(&self.sent(port))
    }

    fn replay_counters(&self) -> Value {
        self.counters("replayed/report.json")
    }

    fn run_counters(&self) -> Value {
        self.counters("run.json")
    }

    fn counters(&self, report: &str) -> Value {
        let text = fs::read(self.folder.join(report)).unwrap();
        let mut report: Value = serde_json::from_slice(&text).unwrap();
        report["counters"].take()
    }
}

fn succeed(command: &mut Command) {
    let output = command.stdout(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("pcap-fixtures")
        .join(name)
}

fn frames_of(file: &Path) -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(file).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.next_frame().unwrap() {
        frames.push(record.data.to_vec());
    }
    frames
}

fn first_difference(replayed: &[Vec<u8>], ran: &[Vec<u8>]) -> String {
    let at = replayed
        .iter()
        .zip(ran)
        .position(|(one, other)| one != other);
    let head = |frames: &[Vec<u8>]| {
        at.and_then(|at| frames.get(at))
            .map(|frame| frame[..frame.len().min(40)].to_vec())
    };
    format!(
        "{} frames replayed, {} ran; frame {at:?} differs: {:x?} and {:x?}",
        replayed.len(),
        ran.len(),
        head(replayed),
        head(ran)
    )
}
