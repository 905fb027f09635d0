//! One set of ingress captures for `replay` and for `run` on net_pcap, and what each made of it.
//!
//! net_pcap cuts stamps to microseconds, so stamps are cut before either program sees them. Both are
//! given the same files, the same configuration and the same scenario.

use ranshift::ran::Instant;
use ranshift::replay::capture::{CaptureReader, CaptureWriter};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Frames in order, with the instants at which they enter.
pub(crate) type Frames = Vec<(Instant, Vec<u8>)>;

/// A configuration, commands, and the frames that enter each port.
pub(crate) struct Stage {
    folder: PathBuf,
    config: String,
    /// Commands (and faults) as a scenario says them.
    pub(crate) actions: String,
    /// By port, in order of the configuration.
    pub(crate) ingress: Vec<(String, Frames)>,
}

/// What both programs did.
pub(crate) struct Agreed {
    counters: Value,
    events: Vec<Value>,
}

impl Stage {
    /// A folder of `pcap-fixtures`: its frames split over its ports, restored, faults done to them.
    pub(crate) fn fixture(name: &str, fixture: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = |file| root.join("pcap-fixtures").join(fixture).join(file);
        let (config, scenario) = (file("config.yaml"), file("scenario.yaml"));
        let mut stage = Self::empty(name, fs::read_to_string(&config).unwrap());
        stage.actions = block(&fs::read_to_string(&scenario).unwrap(), "actions:");
        done(
            Command::new(RANSHIFT)
                .arg("replay")
                .args([Path::new("--config"), &config])
                .args([Path::new("--scenario"), &scenario])
                .args([Path::new("--out"), &stage.path("split")])
                .args([Path::new("--write-ingress"), &stage.path("made")]),
        );
        stage.take_made()
    }

    /// Traffic that `lab generate` makes for a configuration.
    pub(crate) fn generated(name: &str, config: &str, traffic: &str) -> Self {
        let config = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("configs")
            .join(config);
        let stage = Self::empty(name, fs::read_to_string(&config).unwrap());
        done(
            Command::new(RANSHIFT)
                .args(["lab", "generate", "--quiet"])
                .args([Path::new("--config"), &config])
                .args([Path::new("--out"), &stage.path("made")])
                .args(traffic.split_whitespace()),
        );
        stage.take_made()
    }

    fn empty(name: &str, config: String) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("both")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            config,
            actions: String::new(),
            ingress: Vec::new(),
        }
    }

    fn take_made(mut self) -> Self {
        for port in ports(&self.config) {
            let frames = frames_of(&self.capture("made", &port));
            let cut = frames
                .into_iter()
                .map(|(at, bytes)| (Instant(at.0 / 1_000 * 1_000), bytes));
            self.ingress.push((port, cut.collect()));
        }
        self
    }

    /// With `from` replaced in the configuration.
    pub(crate) fn edited(mut self, from: &str, to: &str) -> Self {
        assert!(
            self.config.contains(from),
            "the configuration holds no {from:?}"
        );
        self.config = self.config.replace(from, to);
        self
    }

    /// With these commands.
    pub(crate) fn commanded(mut self, actions: &[&str]) -> Self {
        let lines = actions.iter().map(|action| format!("  - {action}\n"));
        self.actions = format!("actions:\n{}", lines.collect::<String>());
        self
    }

    /// With all peers behind one port: what entered several now enters it, in order of time.
    pub(crate) fn one_armed(mut self) -> Self {
        for (port, _) in &self.ingress {
            self.config = self.config.replace(&format!("port: {port}"), "port: arm");
        }
        let ports = block(&self.config, "ports:");
        self.config = self
            .config
            .replace(&ports, "ports:\n  arm: {mtu: 9000}\n\n");
        let bridge = block(&self.config, "bridge:");
        self.config = self.config.replace(&bridge, "");
        let mut frames: Frames = self
            .ingress
            .drain(..)
            .flat_map(|(_, frames)| frames)
            .collect();
        frames.sort_by_key(|(at, _)| *at);
        self.ingress.push(("arm".into(), frames));
        self
    }

    /// Runs both programs; on every port the same frames must leave in the same order, and every
    /// counter must be the same.
    pub(crate) fn compare(self) -> Agreed {
        self.write_ingress();
        let (replayed, run) = (self.replay(), self.run());
        let mut compared = 0;
        for (port, _) in &self.ingress {
            let from_replay = bytes_of(&self.capture("replay/egress", port));
            let from_run = bytes_of(&self.capture("run", port));
            assert_same(port, &from_replay, &from_run);
            compared += from_replay.len();
        }
        let counters = &replayed["counters"];
        assert_eq!(counters["ledger.sent"], json!(compared), "frames compared");
        for (name, count) in counters.as_object().unwrap() {
            assert_eq!(count, &run["counters"][name], "{name} of replay and of run");
        }
        let events = replayed["events"].as_array().unwrap();
        assert_eq!(json!(events.len()), run["events"], "events of both");
        assert_eq!(
            run["buffers_in_use"],
            json!({"frames": 0, "heads": 0, "payloads": 0})
        );
        fs::remove_dir_all(&self.folder).unwrap();
        Agreed {
            counters: counters.clone(),
            events: events.clone(),
        }
    }

    /// `run` alone: its exit code and what it said.
    pub(crate) fn run_alone(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.run_within(&[], arguments)
    }

    /// The same as the last arguments of another program.
    pub(crate) fn run_within(&self, around: &[&str], arguments: &[&str]) -> (Option<i32>, String) {
        self.write_ingress();
        let run = self.run_command();
        let words = around.iter().map(OsStr::new).chain([run.get_program()]);
        let mut words = words.chain(run.get_args());
        let mut command = Command::new(words.next().unwrap());
        let output = command.args(words).args(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    fn write_ingress(&self) {
        fs::create_dir_all(self.path("in")).unwrap();
        for (port, frames) in self.fed() {
            let mut writer = CaptureWriter::create(&self.capture("in", port)).unwrap();
            for (at, bytes) in frames {
                writer.write(*at, bytes, bytes.len() as u32).unwrap();
            }
            writer.finish().unwrap();
        }
    }

    fn replay(&self) -> Value {
        let input = |(port, _): &(String, Frames)| {
            format!("--in={port}={}", self.capture("in", port).display())
        };
        done(
            Command::new(RANSHIFT)
                .arg("replay")
                .args([Path::new("--config"), &self.written_config()])
                .args([Path::new("--scenario"), &self.written_scenario()])
                .args([Path::new("--out"), &self.path("replay")])
                .args(self.fed().map(input)),
        );
        report(&self.path("replay/report.json"))
    }

    fn run(&self) -> Value {
        done(self.run_command().args(["--clock", "capture"]));
        report(&self.path("run.json"))
    }

    fn run_command(&self) -> Command {
        fs::create_dir_all(self.path("run")).unwrap();
        let mut run = Command::new(RANSHIFT);
        run.args(["run", "--until-idle", "200"])
            .args([Path::new("--config"), &self.written_config()])
            .args([Path::new("--commands"), &self.written_scenario()])
            .args([Path::new("--report"), &self.path("run.json")]);
        run
    }

    /// The configuration with a net_pcap device for each port; a port without frames only sends.
    fn written_config(&self) -> PathBuf {
        let ports = block(&self.config, "ports:");
        let mut devices = String::from("ports:\n");
        for (position, (port, frames)) in self.ingress.iter().enumerate() {
            let line = ports
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{port}:")));
            let mtu = line.unwrap().split_once("mtu: ").unwrap().1;
            let mtu: String = mtu.chars().take_while(char::is_ascii_digit).collect();
            let input = match frames.is_empty() {
                true => String::new(),
                false => format!("rx_pcap={},", self.capture("in", port).display()),
            };
            let output = self.capture("run", port);
            devices += &format!(
                "  {port}: {{mtu: {mtu}, device: \"net_pcap{position},{input}tx_pcap={}\"}}\n",
                output.display()
            );
        }
        let path = self.path("config.yaml");
        fs::write(&path, self.config.replace(&ports, &format!("{devices}\n"))).unwrap();
        path
    }

    fn written_scenario(&self) -> PathBuf {
        let capture =
            |(port, _): &(String, Frames)| format!("  - {{file: in/{port}.pcap, port: {port}}}\n");
        let captures: String = self.fed().map(capture).collect();
        let text = format!(
            "description: for both\ncaptures:\n{captures}{}",
            self.actions
        );
        let path = self.path("scenario.yaml");
        fs::write(&path, text).unwrap();
        path
    }

    fn fed(&self) -> impl Iterator<Item = &(String, Frames)> {
        self.ingress.iter().filter(|(_, frames)| !frames.is_empty())
    }

    fn capture(&self, folder: &str, port: &str) -> PathBuf {
        self.path(folder).join(format!("{port}.pcap"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Agreed {
    /// A counter of both.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counters[name].as_u64().unwrap()
    }

    /// How often an event came.
    pub(crate) fn events(&self, kind: &str) -> usize {
        let events = self.events.iter();
        events.filter(|event| event["kind"] == kind).count()
    }
}

fn assert_same(port: &str, replayed: &[Vec<u8>], run: &[Vec<u8>]) {
    let mut pairs = replayed.iter().zip(run);
    if let Some(position) = pairs.position(|(replayed, run)| replayed != run) {
        let head = |frame: &Vec<u8>| {
            format!(
                "{} bytes {:02x?}",
                frame.len(),
                &frame[..frame.len().min(64)]
            )
        };
        panic!(
            "{port}: frame {} differs\nreplay: {}\nrun:    {}",
            position + 1,
            head(&replayed[position]),
            head(&run[position])
        );
    }
    assert_eq!(
        replayed.len(),
        run.len(),
        "{port}: frames sent by replay and by run"
    );
}

/// The lines of a top-level key, up to the next one.
fn block(text: &str, key: &str) -> String {
    let mut lines = text
        .split_inclusive('\n')
        .skip_while(|line| !line.starts_with(key));
    let first = lines.next().unwrap_or_default();
    let inner = lines.take_while(|line| line.starts_with([' ', '\n']));
    std::iter::once(first).chain(inner).collect()
}

/// Names of the ports, in order.
fn ports(config: &str) -> Vec<String> {
    let block = block(config, "ports:");
    let port = |line: &str| {
        let name = line.trim().split_once(':')?.0;
        (line.contains("mtu:")).then(|| name.to_owned())
    };
    block.lines().skip(1).filter_map(port).collect()
}

/// The frames of a capture; none if it was never written, or holds its header only.
fn frames_of(file: &Path) -> Frames {
    let mut frames = Vec::new();
    if file.metadata().map_or(0, |metadata| metadata.len()) <= FILE_HEADER {
        return frames;
    }
    let mut reader = CaptureReader::open(file).unwrap();
    while let Some(record) = reader.next_frame().unwrap() {
        assert!(!record.is_cut(), "{}: a frame is cut", file.display());
        frames.push((record.at, record.data.to_vec()));
    }
    frames
}

fn bytes_of(file: &Path) -> Vec<Vec<u8>> {
    let frames = frames_of(file).into_iter();
    frames.map(|(_, bytes)| bytes).collect()
}

fn report(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{command:?}: {said}");
    output
}

/// Bytes of a capture file before its first frame.
const FILE_HEADER: u64 = 24;

const RANSHIFT: &str = env!("CARGO_BIN_EXE_ranshift");
