//! The midhaul live: a CU and two DUs, each a userland SCTP stack (libusrsctp) in a network namespace of its own,
//! around an appliance whose fronthaul the lab plays. A DU's cables are cut, or its processes killed, and the CU's
//! own stack reports the loss, which its timers would have done after minutes.
//!
//! Wall time fails nothing here: figures are printed. `make midhaul` runs it; it needs gcc and libusrsctp-dev.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says so when it is wrong; its peers run by the time of day"
)]

#[path = "support/lab.rs"]
mod lab;

use lab::{Lab, now_ns};
use ranshift::replay::capture::CaptureReader;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Messages that each DU sends and is returned before anything fails.
const MESSAGES: &str = "300";
/// Longer than anything that is waited for takes, shorter than SCTP's own timers.
const PATIENCE: Duration = Duration::from_secs(20);
const CU: &str = "10.30.0.1";
const DU_A: &str = "10.30.0.11";
const DU_B: &str = "10.30.0.12";

#[test]
#[ignore = "needs libusrsctp-dev: make midhaul"]
fn a_du_whose_cables_are_cut_is_lost_to_its_cu_at_once() {
    let stage = Stage::new("cut", "0");
    let cut = now_ns();
    stage.lab.run(&["cut", "du-a"]);
    stage.enter("a-mid", &["ip", "link", "set", "dev", "eth0", "down"]);
    stage.judge("cables cut", cut);
}

#[test]
#[ignore = "needs libusrsctp-dev: make midhaul"]
fn a_du_whose_processes_are_killed_is_lost_to_its_cu_at_once() {
    let mut stage = Stage::new("killed", "0");
    let killed = now_ns();
    stage.du_a.child.kill().unwrap();
    stage.lab.run(&["kill", "du-a"]);
    stage.judge("processes killed", killed);
}

#[test]
#[ignore = "needs libusrsctp-dev: make midhaul"]
fn the_same_holds_for_sctp_over_udp() {
    let stage = Stage::new("udp", "9899");
    let cut = now_ns();
    stage.lab.run(&["cut", "du-a"]);
    stage.enter("a-mid", &["ip", "link", "set", "dev", "eth0", "down"]);
    stage.judge("cables cut, SCTP over UDP", cut);
}

/// The lab, and a CU and two DUs whose associations are up and have carried messages both ways.
struct Stage {
    lab: Lab,
    state: Value,
    cu: Peer,
    du_a: Peer,
    du_b: Peer,
}

impl Stage {
    fn new(name: &str, udp: &str) -> Self {
        let program = compiled(name);
        let directory = std::env::temp_dir().join(format!("rs-f1-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let config = directory.join("config.yaml");
        fs::write(&config, configuration(udp)).unwrap();
        let lab = Lab(directory.join("lab"));
        lab.up(&config);
        let state = fs::read_to_string(lab.0.join("state.json")).unwrap();
        let state: Value = serde_json::from_str(&state).unwrap();
        for (port, address) in [("cu-side", CU), ("a-mid", DU_A), ("b-mid", DU_B)] {
            let address = format!("{address}/24");
            run(
                &state,
                port,
                &["ip", "addr", "add", &address, "dev", "eth0"],
            );
            // A checksum that the kernel leaves to the interface would never be finished on a virtual one.
            run(&state, port, &["ethtool", "-K", "eth0", "tx", "off"]);
        }
        let cu = Peer::start(&state, "cu-side", &program, &["cu", CU, "38472", udp]);
        cu.wait_for("listening", 1);
        let du = |port, address| {
            let words = ["du", address, CU, "38472", udp, MESSAGES];
            let du = Peer::start(&state, port, &program, &words);
            let returned = du.wait_for("returned", 1);
            assert_eq!(returned.1, format!("{MESSAGES} messages, 0 wrong"));
            du
        };
        let du_a = du("a-mid", DU_A);
        let du_b = du("b-mid", DU_B);
        // Long enough for the appliance to know when the DUs are due.
        thread::sleep(Duration::from_secs(3));
        Self {
            lab,
            state,
            cu,
            du_a,
            du_b,
        }
    }

    fn enter(&self, port: &str, words: &[&str]) {
        run(&self.state, port, words);
    }

    /// The CU has lost one association by an ABORT of a user, and only that; what passed was not changed.
    fn judge(self, how: &str, failed_ns: u64) {
        let (lost, cause) = self.cu.wait_for("lost", 1);
        assert!(cause.starts_with("cause 12,"), "{cause}");
        let aborted = self.said("aborted");
        thread::sleep(Duration::from_secs(1));
        assert_eq!(self.cu.lines("lost").len(), 1, "{:?}", self.cu.told());
        assert_eq!(self.du_b.lines("lost").len(), 0, "{:?}", self.du_b.told());
        assert_eq!(self.du_b.end(), "0 wrong");
        assert_eq!(self.cu.end(), "0 wrong");
        self.lab.run(&["down", "--keep"]);
        let wire = first_abort(&self.lab.0.join("cu-side.pcap"));
        let since = |from: u64, to: u64| (to as f64 - from as f64) / 1e6;
        println!(
            "{how}: verdict {:.1} ms later, ABORT on the CU's cable {:.3} ms after the verdict, reported by the \
             CU's stack {:.3} ms after that",
            since(failed_ns, aborted),
            since(aborted, wire),
            since(wire, lost),
        );
        let capture = |port| frames(&self.lab.0.join(format!("{port}.pcap")), failed_ns);
        let (at_cu, at_a, at_b) = (capture("cu-side"), capture("a-mid"), capture("b-mid"));
        let at_dus: Vec<_> = at_a.into_iter().chain(at_b).collect();
        assert!(at_cu.len() > 600, "{}", at_cu.len());
        assert_eq!(sorted(at_cu), sorted(at_dus));
        fs::remove_dir_all(self.lab.0.parent().unwrap()).unwrap();
    }

    /// When the appliance said this of an association.
    fn said(&self, what: &str) -> u64 {
        let events = self.lab.ask("GET", "/api/v1/events?limit=1000", "");
        let mut events = events.as_array().unwrap().iter();
        let found = events.find(|event| event.to_string().contains(&format!("\"{what}\"")));
        let found = found.unwrap_or_else(|| panic!("the appliance never said {what}"));
        found["at_ns"].as_u64().unwrap()
    }
}

/// A process of `tests/support/f1/peer.c`; it ends with its standard input.
struct Peer {
    child: Child,
    stdin: Mutex<Option<ChildStdin>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    fn start(state: &Value, port: &str, program: &Path, words: &[&str]) -> Self {
        let mut command = inside(state, port);
        command.arg(program).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let keep = Arc::clone(&told);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                keep.lock().unwrap().push(line);
            }
        });
        Self {
            stdin: Mutex::new(child.stdin.take()),
            child,
            told,
        }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// When it said `word`, and what with it.
    fn lines(&self, word: &str) -> Vec<(u64, String)> {
        let told = self.told();
        let split = told.iter().filter_map(|line| {
            let mut parts = line.splitn(3, ' ');
            let at = parts.next()?.parse().ok()?;
            (parts.next()? == word).then(|| (at, parts.next().unwrap_or_default().to_owned()))
        });
        split.collect()
    }

    fn wait_for(&self, word: &str, times: usize) -> (u64, String) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(line) = self.lines(word).get(times - 1) {
                return line.clone();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it never said {word}: {:?}", self.told());
    }

    /// Ends it; what it says of wrong messages then.
    fn end(&self) -> String {
        drop(self.stdin.lock().unwrap().take());
        let (_, said) = self.wait_for("done", 1);
        said.split_once(", ").unwrap().1.to_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command in the namespace of the far end of a cable.
fn inside(state: &Value, port: &str) -> Command {
    let mut cables = state["cables"].as_array().unwrap().iter();
    let cable = cables.find(|cable| cable["port"] == port).unwrap();
    let holder = cable["witness"]["pid"].to_string();
    let mut command = Command::new("nsenter");
    command.args(["-t", &holder, "-n"]);
    if state["user_namespace"] == true {
        command.args(["-U", "--preserve-credentials"]);
    }
    command
}

fn run(state: &Value, port: &str, words: &[&str]) {
    let output = inside(state, port).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
}

/// The lab's cell with a midhaul.
fn configuration(udp: &str) -> String {
    let port = |n: u8, name: &str| {
        format!(
            "  {name}: {{mtu: 1500, device: \"net_af_packet{n},iface={name},blocksz=1048576,framesz=2048,framecnt=512\"}}\n"
        )
    };
    let ports = port(3, "cu-side") + &port(4, "a-mid") + &port(5, "b-mid");
    let f1 = |port: &str, address: &str| {
        format!(
            "    attachment: dedicated\n    f1: {{port: {port}, cu: cu-1, addresses: [{address}]}}\n    #"
        )
    };
    let encapsulation = match udp {
        "0" => "none".to_owned(),
        port => format!("{{udp: {port}}}"),
    };
    let cus = format!(
        "cus:\n  cu-1: {{port: cu-side, addresses: [{CU}], encapsulation: {encapsulation}}}\n\ncells:"
    );
    let edits = [
        ("\nrus:", format!("{ports}\nrus:")),
        ("    attachment: dedicated  ", f1("a-mid", DU_A)),
        ("    attachment: dedicated\n\n", f1("b-mid", DU_B) + "\n\n"),
        ("cells:", cus),
        (
            "flood: {}",
            "flood: {cu-side: [a-mid, b-mid], a-mid: [cu-side], b-mid: [cu-side]}".to_owned(),
        ),
    ];
    let text = include_str!("../configs/lab.yaml").to_owned();
    edits.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "the example holds no {from:?}");
        text.replacen(from, to, 1)
    })
}

/// The peers' program.
fn compiled(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("f1-peer-{name}"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/f1/peer.c");
    let output = Command::new("gcc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&program, &source])
        .args(["-lusrsctp", "-lpthread"])
        .output()
        .expect("gcc must be installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "Debian's libusrsctp-dev: {said}");
    program
}

/// When the first frame of the appliance's own station passed.
fn first_abort(path: &Path) -> u64 {
    let mut reader = CaptureReader::open(path).unwrap();
    while let Some(frame) = reader.next_frame().unwrap() {
        if frame.data[6..10] == [6, 0x52, 0x53, 0x48] {
            return frame.at.0;
        }
    }
    panic!("no frame of the appliance's own");
}

/// IPv4 frames with SCTP, or UDP, that passed before the failure and had time to arrive.
fn frames(path: &Path, failed_ns: u64) -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        let bytes = frame.data.to_vec();
        let carries = bytes.len() > 34 && bytes[12..14] == [8, 0] && [132, 17].contains(&bytes[23]);
        if carries && frame.at.0 + 500_000_000 < failed_ns {
            frames.push(bytes);
        }
    }
    frames
}

fn sorted(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    frames.sort();
    frames
}
