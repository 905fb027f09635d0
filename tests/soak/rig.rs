//! The load and a program that forwards it: the appliance, or dpdk-testpmd on the same devices and core.
#![allow(dead_code, reason = "shared by two tests that each use a part of it")]

use crate::figures::Figures;
use rustix::process::{Pid, Signal, kill_process, setpriority_process};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Where everything of the soak lies, and the cores it takes.
pub(crate) struct Rig {
    folder: PathBuf,
    plugin: PathBuf,
    /// The load runs here, and all else that is not a poll loop.
    other: usize,
    /// The measured program polls here.
    core: usize,
}

/// Who makes the load, and how much of it.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// All of it, by a thread on the other core.
    Full,
    /// So many eAxC of each cell, by the poll loop itself.
    Polled(usize),
}

impl Rig {
    /// Builds the load in a folder of that name. `None` on a machine with one core, where a generator and a
    /// poll loop would only wait for each other.
    pub(crate) fn new(name: &str) -> Option<Self> {
        // Below the target folder: EAL refuses plugins on a path that everybody may write.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let cores = rustix::thread::sched_getaffinity(None).unwrap();
        let mut allowed = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| cores.is_set(*core));
        let other = allowed.next()?;
        let core = allowed.next_back()?;
        let plugin = build(&folder);
        Some(Self {
            folder,
            plugin,
            other,
            core,
        })
    }

    /// A file that the appliance may be told of.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Names of the program's threads that may run on the measured core.
    pub(crate) fn on_the_core(&self, running: &Running) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", running.program.id())).unwrap();
        let tasks = tasks.map(|task| task.unwrap());
        let there = tasks.filter(|task| {
            let id = task.file_name().to_str().unwrap().parse().unwrap();
            let cores = rustix::thread::sched_getaffinity(Pid::from_raw(id)).unwrap();
            cores.is_set(self.core)
        });
        there
            .map(|task| fs::read_to_string(task.path().join("comm")).unwrap())
            .collect()
    }

    /// Moves the calling thread, and those that it starts from now on, to where nothing is measured.
    pub(crate) fn stand_aside(&self) {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(self.other);
        rustix::thread::sched_setaffinity(None, &cores).unwrap();
    }

    /// The appliance under load.
    pub(crate) fn appliance(&self, config: &str, load: Load) -> Running {
        let file = self.folder.join("config.yaml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
        command
            .args(["run", "--config"])
            .arg(&file)
            .arg("--report")
            .arg(self.folder.join("report.json"))
            .args(["--eal", &self.eal("soak", &self.core.to_string()).join(" ")])
            .env("XDG_RUNTIME_DIR", &self.folder);
        if let Load::Polled(streams) = load {
            command
                .env("LOAD_POLLED", "1")
                .env("LOAD_STREAMS", streams.to_string());
        }
        self.start(command, Stdio::null())
    }

    /// dpdk-testpmd under the same load: port 0 to port 1 and back.
    pub(crate) fn testpmd(&self) -> Running {
        let cores = format!("{},{}", self.other, self.core);
        let mut command = Command::new("dpdk-testpmd");
        command
            .args(self.eal("testpmd", &cores))
            .args(["--main-lcore", &self.other.to_string()])
            .args((0..2).map(|port| format!("--vdev={}", device(port))))
            .args([
                "--",
                "--auto-start",
                "--forward-mode=io",
                "--mbuf-size=2176",
            ])
            .args(["--total-num-mbufs=8191", "--burst=32", "--no-flush-rx"]);
        // It runs until its input ends.
        self.start(command, Stdio::piped())
    }

    fn eal(&self, prefix: &str, cores: &str) -> Vec<String> {
        let line = format!(
            "-l {cores} --no-huge -m 512 --no-shconf --no-pci --no-telemetry --log-level=warning \
             --file-prefix={prefix}{} -d {}",
            std::process::id(),
            self.plugin.display()
        );
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn start(&self, command: Command, input: Stdio) -> Running {
        let figures = self.folder.join("figures");
        let _ = fs::remove_file(&figures);
        let log = self.folder.join("log");
        // A session of its own, since Linux shares processor time out by session before it does by thread.
        let mut session = Command::new("setsid");
        session.arg(command.get_program()).args(command.get_args());
        let set = command.get_envs();
        let program = session
            .envs(set.filter_map(|(key, value)| Some((key, value?))))
            .env("LOAD_FIGURES", &figures)
            .env("LOAD_CORE", self.other.to_string())
            .stdin(input)
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut running = Running {
            program,
            figures,
            report: self.folder.join("report.json"),
            log,
        };
        while !Figures::has_begun(&running.figures) {
            running.assert_alive();
            thread::sleep(Duration::from_millis(20));
        }
        running
    }
}

/// A program under load. Dropped, it is killed: a test that failed must not leave a poll loop behind.
pub(crate) struct Running {
    program: Child,
    figures: PathBuf,
    report: PathBuf,
    log: PathBuf,
}

impl Running {
    /// What the load has seen so far.
    pub(crate) fn figures(&self) -> Figures {
        Figures::read(&self.figures)
    }

    /// Asks the kernel to serve the poll loop before whatever else this machine does, which only root may.
    pub(crate) fn prefer(&self) {
        let session = format!("/proc/{}/autogroup", self.program.id());
        let among_sessions = fs::write(session, "-20");
        let among_threads = setpriority_process(Some(Pid::from_child(&self.program)), -20);
        if among_sessions.is_err() || among_threads.is_err() {
            println!(
                "figures hold for a machine that does nothing else: the poll loop has no priority"
            );
        }
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.unwrap().parse().unwrap()
    }

    pub(crate) fn assert_alive(&mut self) {
        if let Some(status) = self.program.try_wait().unwrap() {
            let said = fs::read_to_string(&self.log).unwrap_or_default();
            panic!("the program ended with {status}:\n{said}");
        }
    }

    /// Ends the load and waits until it has taken back what was under way.
    pub(crate) fn stop_load(&mut self) -> Figures {
        Figures::stop(&self.figures);
        while !self.figures().stopped {
            self.assert_alive();
            thread::sleep(Duration::from_millis(20));
        }
        self.figures()
    }

    /// Ends the appliance; its report.
    pub(crate) fn finish(mut self) -> serde_json::Value {
        kill_process(Pid::from_child(&self.program), Signal::TERM).unwrap();
        let status = self.program.wait().unwrap();
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        assert_eq!(status.code(), Some(0), "{said}");
        serde_json::from_slice(&fs::read(&self.report).unwrap()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// 14 cells of 8 eAxC, each with an active and a standby DU. `step_memory` tells two versions apart, and
/// `spare` adds a cell without traffic.
pub(crate) fn config(step_memory: &str, spare: bool) -> String {
    let mut yaml = "ports:\n".to_owned();
    let cells = CELLS + usize::from(spare);
    for (port, name) in ["ru-side", "du-side", "standby-side"].iter().enumerate() {
        let device = device(port);
        writeln!(yaml, "  {name}: {{mtu: 1500, device: \"{device}\"}}").unwrap();
    }
    writeln!(yaml, "rus:").unwrap();
    for cell in 0..cells {
        let (ru, du) = (mac(0xa0, 0, cell), mac(0xd0, 0, cell));
        writeln!(
            yaml,
            "  ru-{cell}: {{port: ru-side, mac: \"{ru}\", facing: \"{du}\", vlan: 100}}"
        )
        .unwrap();
    }
    writeln!(yaml, "dus:").unwrap();
    for cell in 0..cells {
        for (kind, port, number, vlan) in [
            ("du", "du-side", 0, 200),
            ("standby", "standby-side", 1, 201),
        ] {
            let (ru, du) = (mac(0xa0, 0, cell), mac(0xd0, number, cell));
            writeln!(
                yaml,
                "  {kind}-{cell}: {{port: {port}, mac: \"{du}\", facing: \"{ru}\", vlan: {vlan}, attachment: dedicated}}"
            )
            .unwrap();
        }
    }
    writeln!(yaml, "cells:").unwrap();
    for cell in 0..cells {
        let (own, active, standby) = (streams(0), streams(16), streams(32));
        writeln!(
            yaml,
            "  cell-{cell}:
    ru: ru-{cell}
    numerology: 1
    carrier_prbs: 273
    eaxc_bits: [4, 4, 4, 4]
    eaxc: {own}
    compression:
      downlink: {{method: bfp, width: 9, header: dynamic}}
      uplink: {{method: bfp, width: 9, header: dynamic}}
    time: {{source: headers}}
    step_window: 1s
    step_memory: {step_memory}
    periods: {{tdd: 10}}
    active: du-{cell}
    members:
      du-{cell}: {{eaxc: {active}}}
      standby-{cell}: {{eaxc: {standby}, assume_in_step: true}}"
        )
        .unwrap();
    }
    yaml
}

fn streams(first: usize) -> String {
    let list = |from: usize, count: usize| {
        let ids: Vec<_> = (from..from + count).map(|id| id.to_string()).collect();
        ids.join(", ")
    };
    let data = list(first, STREAMS);
    let prach = list(first + STREAMS, 2);
    format!("{{downlink: [{data}], uplink: [{data}], prach: [{prach}]}}")
}

fn mac(kind: u8, number: u8, cell: usize) -> String {
    format!("02:{kind:02x}:00:00:{number:02x}:{cell:02x}")
}

fn device(port: usize) -> String {
    let arguments = RING_ARGUMENTS + port * RING_ARGUMENT_STRIDE;
    format!("net_ring{port},internal={arguments:#x}")
}

fn build(folder: &Path) -> PathBuf {
    let plugin = folder.join("load.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/soak/load.c");
    let flags = output(Command::new("pkg-config").args(["--cflags", "libdpdk"]));
    output(
        Command::new("cc")
            .args([
                "-shared", "-fPIC", "-O3", "-Wall", "-Wextra", "-Werror", "-o",
            ])
            .args([&plugin, &source])
            .args(flags.split_whitespace())
            .args([
                "-lrte_eal",
                "-lrte_ethdev",
                "-lrte_mbuf",
                "-lrte_mempool",
                "-lrte_ring",
            ]),
    );
    plugin
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// As in `load.c`.
const CELLS: usize = 14;
const STREAMS: usize = 8;
const RING_ARGUMENTS: usize = 0x0d00_d000_0000;
const RING_ARGUMENT_STRIDE: usize = 256;
