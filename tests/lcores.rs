//! `ranshift run` on its cores, as a process: threads where they belong, a service manager that is told,
//! frames through two lcores, and ports that are refused with the reason.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

use ranshift::ran::Instant;
use ranshift::replay::capture::{CaptureReader, CaptureWriter};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity};
use serde_json::Value;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

#[test]
fn only_the_lcore_runs_on_its_core_and_the_service_manager_hears_of_it() {
    let cores = cores();
    let (first, last) = (cores[0], cores[cores.len() - 1]);
    if first == last {
        return;
    }
    let scratch = Scratch::new("cores");
    keeps_its_core_to_itself(&scratch, scratch.command(), last);
}

/// As with `isolcpus`: the core is not among those that the process starts with.
#[test]
fn a_core_that_an_affinity_leaves_out_can_poll_and_is_kept_to_itself() {
    let cores = cores();
    let (first, last) = (cores[0], cores[cores.len() - 1]);
    if first == last {
        return;
    }
    let scratch = Scratch::new("isolated");
    let command = scratch.command_by(&["taskset", "-c", &first.to_string()]);
    keeps_its_core_to_itself(&scratch, command, last);
}

/// A mask is inherited, and not every service manager or script leaves an empty one.
#[test]
fn a_run_that_is_started_with_its_signals_blocked_drains_on_sigterm_all_the_same() {
    let cores = cores();
    let scratch = Scratch::new("blocked");
    let command = scratch.command_by(&["env", "--block-signal"]);
    let lcores = format!("{{cores: [{}], idle: sleep}}", cores[0]);
    let (manager, mut run) = ready(&scratch, command, &lcores);
    drains_on_sigterm(&manager, &mut run);
}

/// Runs `command` with `last` as the only poll core and looks where its threads may run.
fn keeps_its_core_to_itself(scratch: &Scratch, command: Command, last: usize) {
    let lcores = format!("{{cores: [{last}], idle: sleep}}");
    let (manager, mut run) = ready(scratch, command, &lcores);
    assert_eq!(said(&manager, "WATCHDOG=1"), "WATCHDOG=1");
    let pid = run.0.id();
    let threads = threads(pid);
    assert!(threads.len() > 3, "{threads:?}");
    for (thread, name, allowed) in &threads {
        let is_lcore = *thread == pid;
        assert_eq!(allowed.contains(&last), is_lcore, "{name}: {allowed:?}");
        assert!(!is_lcore || allowed.len() == 1, "{name}: {allowed:?}");
    }
    drains_on_sigterm(&manager, &mut run);
}

/// `command` on ports that nothing comes from, when it has said that it is ready, and who it said so to.
fn ready(scratch: &Scratch, mut command: Command, lcores: &str) -> (UnixDatagram, Guard) {
    scratch.configure(&configuration(
        "net_null0,no-rx=1",
        "net_null1,no-rx=1",
        lcores,
    ));
    let socket = scratch.0.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    command
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "60000000")
        .env_remove("WATCHDOG_PID");
    let run = Guard(command.spawn().unwrap());
    assert_eq!(said(&manager, "READY=1"), "READY=1");
    (manager, run)
}

fn drains_on_sigterm(manager: &UnixDatagram, run: &mut Guard) {
    kill_process(Pid::from_child(&run.0), Signal::TERM).unwrap();
    assert_eq!(said(manager, "STOPPING=1"), "STOPPING=1");
    assert_eq!(run.0.wait().unwrap().code(), Some(0));
}

#[test]
fn two_lcores_hand_frames_over_in_order_and_every_buffer_comes_back() {
    let cores = cores();
    if cores.len() < 2 {
        return;
    }
    let scratch = Scratch::new("two");
    let (input, output) = (scratch.0.join("in.pcap"), scratch.0.join("out.pcap"));
    let mut writer = CaptureWriter::create(&input).unwrap();
    for number in 0..2_000u32 {
        let frame = bridged(1 + (number % 2) as u8, number);
        let at = Instant(1_000 + u64::from(number));
        writer.write(at, &frame, frame.len() as u32).unwrap();
    }
    writer.finish().unwrap();
    let south = format!("net_pcap0,rx_pcap={}", input.display());
    let north = format!("net_pcap1,tx_pcap={}", output.display());
    let lcores = format!("{{cores: [{}, {}], idle: pause}}", cores[0], cores[1]);
    scratch.configure(&configuration(&north, &south, &lcores));
    let run = scratch.run(&["--until-idle", "500"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
    let report: Value = serde_json::from_slice(&fs::read(scratch.report()).unwrap()).unwrap();
    let count = |name: &str| report["counters"][name].as_u64().unwrap();
    let refused = count("drops.handover_full");
    assert_eq!(count("ledger.received"), 2_000);
    assert_eq!(count("ledger.sent") + refused, 2_000);
    assert_eq!(count("ledger.held"), 0);
    let lcores = report["lcores"].as_array().unwrap();
    assert!(
        lcores
            .iter()
            .all(|lcore| lcore["frames"].as_u64() > Some(0))
    );
    for pool in ["frames", "heads", "payloads"] {
        assert_eq!(report["buffers_in_use"][pool], 0, "{pool}");
    }
    for du in [1, 2] {
        let numbers = numbers_of(&output, du);
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "DU {du}");
    }
}

#[test]
fn a_core_that_cannot_be_had_is_named() {
    let scratch = Scratch::new("foreign");
    scratch.configure(&configuration("net_null0", "net_null1", "{cores: [1023]}"));
    let run = scratch.run(&[]);
    assert_eq!(run.status.code(), Some(3));
    assert!(text(&run).contains("core 1023"), "{}", text(&run));
}

#[test]
fn a_pci_device_that_is_not_there_stops_the_start_with_the_reason() {
    let scratch = Scratch::new("pci");
    scratch.configure(&configuration("ffff:ff:1f.7", "net_null1", "{}"));
    let run = scratch.run(&[]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run));
    let said = text(&run);
    assert!(said.contains("port north (ffff:ff:1f.7)"), "{said}");
    assert!(said.contains("no such PCI device"), "{said}");
}

#[test]
fn a_ring_too_small_for_the_mtu_is_a_matter_of_configuration() {
    let scratch = Scratch::new("framesz");
    let device = "net_af_packet0,iface=lo,framesz=2048";
    scratch.configure(&configuration(device, "net_null1", "{}"));
    let run = scratch.run(&[]);
    assert_eq!(run.status.code(), Some(2), "{}", text(&run));
    assert!(text(&run).contains("framesz=16384"), "{}", text(&run));
}

#[test]
fn an_interface_that_is_not_there_stops_the_start_with_the_ports_name() {
    let scratch = Scratch::new("interface");
    let device = "net_af_packet0,iface=nonesuch0,framesz=16384,blocksz=1048576";
    scratch.configure(&configuration(device, "net_null1", "{}"));
    let run = scratch.run(&[]);
    assert_eq!(run.status.code(), Some(3), "{}", text(&run));
    assert!(text(&run).contains("port north"), "{}", text(&run));
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("lcores")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn configure(&self, text: &str) {
        fs::write(self.0.join("config.yaml"), text).unwrap();
    }

    fn report(&self) -> PathBuf {
        self.0.join("report.json")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
        command
            .args(["run", "--config"])
            .arg(self.0.join("config.yaml"))
            .arg("--report")
            .arg(self.report())
            .stdout(Stdio::null());
        command
    }

    /// The same, started by another program that becomes it.
    fn command_by(&self, starter: &[&str]) -> Command {
        let plain = self.command();
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(plain.get_program());
        command.args(plain.get_args()).stdout(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }
}

/// Ends the process when a test fails.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(run: &Output) -> String {
    String::from_utf8_lossy(&run.stderr).into_owned()
}

fn cores() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap();
    (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect()
}

/// The next message that says `what`; others are passed over.
fn said(manager: &UnixDatagram, what: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let len = manager.recv(&mut buffer).unwrap();
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if let Some(line) = message.lines().find(|line| *line == what) {
            return line.to_owned();
        }
    }
}

/// Every thread of a process: its id, its name, and the cores that it may run on.
fn threads(pid: u32) -> Vec<(u32, String, Vec<usize>)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of = |task: PathBuf| {
        let status = fs::read_to_string(task.join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let id = task.file_name()?.to_str()?.parse().ok()?;
        Some((id, field("Name:")?, list(&field("Cpus_allowed_list:")?)))
    };
    tasks.filter_map(|task| of(task.unwrap().path())).collect()
}

/// `0-2,5` as numbers.
fn list(text: &str) -> Vec<usize> {
    let ranges = text.split(',').map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        from.parse::<usize>().unwrap()..=to.parse::<usize>().unwrap()
    });
    ranges.flatten().collect()
}

/// A numbered frame of a DU to the host beyond the other port.
fn bridged(du: u8, number: u32) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 0x99, 0x02, 0xd0, 0, 0, 0, du];
    frame.extend([0x81, 0, 0, 200 + du, 0x88, 0xb5]);
    frame.extend(number.to_be_bytes());
    frame.resize(64, 0);
    frame
}

fn numbers_of(capture: &Path, du: u8) -> Vec<u32> {
    let mut reader = CaptureReader::open(capture).unwrap();
    let mut numbers = Vec::new();
    while let Some(record) = reader.next_frame().unwrap() {
        if record.data[11] == du {
            numbers.push(u32::from_be_bytes(record.data[18..22].try_into().unwrap()));
        }
    }
    numbers
}

fn configuration(north: &str, south: &str, lcores: &str) -> String {
    let mut text = format!(
        "ports:\n  north: {{mtu: 9000, device: \"{north}\"}}\n  south: {{mtu: 9000, device: \"{south}\"}}\n\
         lcores: {lcores}\nrus:\n"
    );
    for n in 1..=2 {
        text += &format!(
            "  ru-{n}: {{port: north, mac: '02:a0:00:00:00:0{n}', facing: '02:0b:00:00:00:0{n}', vlan: 10{n}}}\n"
        );
    }
    text += "dus:\n";
    for n in 1..=2 {
        text += &format!(
            "  du-{n}: {{port: south, mac: '02:d0:00:00:00:0{n}', facing: '02:0a:00:00:00:0{n}', vlan: 20{n}, attachment: dedicated}}\n"
        );
    }
    text += "cells:\n";
    for n in 1..=2 {
        text += &format!(
            "  cell-{n}:
    ru: ru-{n}
    numerology: 1
    carrier_prbs: 51
    eaxc: {{downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    active: du-{n}
    members: {{du-{n}: {{}}}}
"
        );
    }
    text + "bridge: {other: pass, hosts: [{mac: \"02:00:00:00:00:99\", port: north}]}\n" + API
}

/// Tests run beside each other: none may listen.
const API: &str = "api: none\n";
