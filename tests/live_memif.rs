//! Two halves of a message controller as processes, joined by shared memory (net_memif): the emulated L2 and PHYs
//! of the lab at the outer ends, on virtual cables. A migration, the death of a half, and its return. One PHY is
//! reached through dpdk-testpmd, a memif peer that is not ours, where that is installed.
//!
//! Wall time fails nothing here: a run in which the host kept a half from its work, so that it failed over where
//! nobody had died, proves nothing and is made again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test of processes: it waits by the clock, and stops at the first surprise"
)]

#[path = "support/lab.rs"]
mod lab;

use lab::{Lab, RANSHIFT};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
#[ignore = "needs a host that does not stall for a second: `make memif`"]
fn two_halves_over_memif_lose_no_slot_when_they_migrate_and_when_one_dies() {
    let mut troubles = Vec::new();
    for attempt in 0..TRIES {
        match Halves::up(attempt).and_then(|mut halves| halves.play()) {
            Ok(figures) => return println!("{figures}"),
            Err(trouble) => {
                println!("again: {trouble}");
                troubles.push(trouble);
            }
        }
    }
    panic!("{TRIES} times: {troubles:#?}");
}

/// The lab's peers, and the three processes of ours between them.
struct Halves {
    directory: PathBuf,
    lab: Lab,
    l2: Option<Process>,
    a: Option<Process>,
    b: Option<Process>,
    bridge: Option<Process>,
}

impl Halves {
    /// The lab with its own appliance, which is then replaced by the halves.
    fn up(attempt: u32) -> Result<Self, String> {
        let name = format!("rs-memif-{}-{attempt}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let lab = Lab(directory.join("lab"));
        fs::create_dir_all(&directory).unwrap();
        let config = directory.join("one.yaml");
        fs::write(&config, format!("{ONE}{}", api(&lab.0.join("api.sock")))).unwrap();
        up(&lab, &config);
        let pid = state(&lab)["appliance"]["pid"].as_i64().unwrap() as i32;
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        wait_until("the lab's own appliance ends", || {
            !Path::new(&format!("/proc/{pid}")).exists()
        })?;
        let mut halves = Self {
            directory,
            lab,
            l2: None,
            a: None,
            b: None,
            bridge: None,
        };
        // The half that connects comes first: nobody is there yet.
        let network = |half: &str| memif("client", &halves.socket(half));
        let l2 = L2_SIDE
            .replace("NETWORK-A", &network("a").replace("memif0", "memif1"))
            .replace("NETWORK-B", &network("b").replace("memif0", "memif2"));
        halves.l2 = Some(halves.start("half-l2", &l2));
        wait_until("the half beside the L2 answers", || {
            halves.ask("half-l2").is_some()
        })?;
        halves.start_a();
        halves.start_b();
        Ok(halves)
    }

    /// Its PHY by way of testpmd, if there is one.
    fn start_a(&mut self) {
        let bridged = has_testpmd();
        let device = match bridged {
            true => memif("server", &self.socket("phy")).replace("memif0", "memif1"),
            false => packets("phy-a"),
        };
        let text = phy_side(&memif("server", &self.socket("a")), &device);
        self.a = Some(self.start("half-a", &text));
        if bridged {
            let there = wait_until("half-a serves", || self.socket("phy").exists());
            assert_eq!(there, Ok(()), "{}", self.said());
            self.bridge = Some(self.start_bridge());
        }
    }

    fn start_b(&mut self) {
        let own = phy_side(&memif("server", &self.socket("b")), &packets("phy-b"));
        let text = OTHER_PHY
            .iter()
            .fold(own, |text, (from, to)| text.replace(from, to));
        self.b = Some(self.start("half-b", &text));
    }

    fn play(&mut self) -> Result<String, String> {
        let are_fed = wait_until("both PHYs are fed", || {
            self.served("phy-a") > 0
                && self.fed("phy-b") > 0
                && self.roles() == ["active", "standby"]
        });
        are_fed.map_err(|trouble| format!("{trouble}: {}", self.said()))?;
        sleep(SPELL);
        let before = self.l2_told();
        self.command(
            "migrate",
            &json!({"to": "half-b", "boundary": {"in_slots": 100}}),
        )?;
        let served = self.served("phy-b");
        wait_until("phy-b serves", || self.served("phy-b") > served + 100)?;
        sleep(SPELL);
        let migrated = self.l2_told();
        if self.roles() != ["standby", "active"] {
            return Err(format!("the host stalled: {}", self.said()));
        }
        assert_eq!(before.missing(), migrated.missing(), "{}", self.said());
        self.command("arm", &json!({"standby": "half-a"}))?;
        self.b.take().unwrap().kill();
        let served = self.served("phy-a");
        wait_until("phy-a serves again", || self.served("phy-a") > served + 100)?;
        sleep(SPELL);
        let after = self.l2_told();
        assert_eq!(before.missing(), after.missing(), "{}", self.said());
        let fed = self.fed("phy-b");
        self.start_b();
        wait_until("the half that died feeds its PHY again", || {
            self.fed("phy-b") > fed + 100
        })?;
        self.command("readmit", &json!({"member": "half-b"}))?;
        wait_until("it is a standby again", || {
            self.roles() == ["active", "standby"]
        })?;
        let way = if self.bridge.is_some() {
            ", through testpmd"
        } else {
            ""
        };
        Ok(format!(
            "{} slots named to the L2 from before the migration to after the death, none left out{way}",
            after.indications - before.indications
        ))
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.memif"))
    }

    /// An appliance of ours in the lab's network namespace.
    fn start(&self, name: &str, config: &str) -> Process {
        let file = self.directory.join(format!("{name}.yaml"));
        let socket = self.directory.join(format!("{name}.sock"));
        fs::write(&file, format!("{config}{}", api(&socket))).unwrap();
        let mut command = self.inside(RANSHIFT);
        let runtime = self.directory.join(format!("{name}.run"));
        fs::create_dir_all(&runtime).unwrap();
        command
            .args(["run", "--config"])
            .arg(&file)
            .env("XDG_RUNTIME_DIR", &runtime);
        Process::ready(command, &self.log(name))
    }

    /// Frames from net_memif to the cable of phy-a and back, as they are.
    fn start_bridge(&self) -> Process {
        // It polls without a pause; the others are to have their turn.
        let mut command = self.inside("nice");
        command.args(["-n", "10", "dpdk-testpmd"]);
        let server = memif("client", &self.socket("phy"));
        command
            .args([
                "--no-huge",
                "-m",
                "128",
                "--no-pci",
                "--no-shconf",
                "--no-telemetry",
            ])
            .args(["--lcores", "0@0,1@1", "--file-prefix"])
            .arg(format!("rs-memif-{}", std::process::id()))
            .arg(format!("--vdev={server}"))
            .arg(format!("--vdev={}", packets("phy-a")))
            .args([
                "--",
                "--forward-mode=io",
                "--auto-start",
                "--total-num-mbufs=8192",
            ])
            .env("XDG_RUNTIME_DIR", &self.directory);
        Process::ready(command, &self.log("testpmd"))
    }

    fn inside(&self, program: &str) -> Command {
        let state = state(&self.lab);
        let mut command = Command::new("nsenter");
        command.args(["-t", &state["stage"]["pid"].to_string(), "-n"]);
        if state["user_namespace"] == true {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg(program);
        command
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    /// What all of them wrote.
    fn said(&self) -> String {
        let names = ["half-l2", "half-a", "half-b", "testpmd"];
        let logs = names.map(|name| fs::read_to_string(self.log(name)).unwrap_or_default());
        let events = self.get("/api/v1/events");
        format!("{logs:#?} {events:#?} {:#?}", self.peers())
    }

    /// Refused, the host has stalled somebody for so long that he was lost.
    fn command(&self, what: &str, body: &Value) -> Result<(), String> {
        let path = format!("/api/v1/cells/cell-1/{what}");
        let answer = ask(&self.api("half-l2"), "POST", &path, &body.to_string());
        let answer = answer.unwrap_or_default();
        match answer.contains(" 200 ") {
            true => Ok(()),
            false => Err(format!("{what}: {answer} {}", self.said())),
        }
    }

    fn api(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.sock"))
    }

    fn ask(&self, name: &str) -> Option<String> {
        ask(&self.api(name), "GET", "/api/v1/cells/cell-1", "")
    }

    fn get(&self, path: &str) -> Value {
        let answer = ask(&self.api("half-l2"), "GET", path, "").unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        body.and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default()
    }

    /// Of half-a and half-b, as the half beside the L2 has them.
    fn roles(&self) -> [String; 2] {
        let cell = self.get("/api/v1/cells/cell-1");
        let members = cell["status"]["members"].as_array().cloned();
        let members = members.unwrap_or_default();
        ["half-a", "half-b"].map(|name| {
            let found = members.iter().find(|one| one["member"] == name);
            let role = found.and_then(|one| one["role"].as_str());
            role.unwrap_or_default().to_owned()
        })
    }

    /// What the lab's peers last wrote.
    fn peers(&self) -> Vec<Value> {
        let names = ["l2-1", "phy-a", "phy-b"];
        let files = names.map(|name| fs::read(self.lab.0.join(format!("{name}.json"))));
        let read = files.into_iter().flatten();
        read.filter_map(|file| serde_json::from_slice(&file).ok())
            .collect()
    }

    fn peer(&self, name: &str) -> Value {
        let found = self.peers().into_iter().find(|one| one["peer"] == name);
        found.unwrap_or_default()
    }

    /// Requests with PDUs that a PHY was given.
    fn served(&self, phy: &str) -> u64 {
        requests(&self.peer(phy)["phy"]["full"])
    }

    /// Requests without.
    fn fed(&self, phy: &str) -> u64 {
        requests(&self.peer(phy)["phy"]["null"])
    }

    fn l2_told(&self) -> Told {
        // Reports are written now and then: this one is of after now.
        let since = lab::now_ns();
        let fresh = || self.peer("l2-1")["at_ns"].as_u64() > Some(since);
        wait_until("the L2 reports", fresh).unwrap();
        let l2 = &self.peer("l2-1")["l2"];
        let count = |what: &str| l2[what]["count"].as_u64().unwrap();
        Told {
            indications: l2["indications"].as_u64().unwrap(),
            left_out: count("left_out"),
            out_of_order: count("out_of_order"),
        }
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        (self.bridge, self.l2, self.a, self.b) = (None, None, None, None);
        self.lab.run(&["down"]);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What the L2 noticed of its clock.
#[derive(Debug)]
struct Told {
    indications: u64,
    left_out: u64,
    out_of_order: u64,
}

impl Told {
    /// Before the halves began the L2 heard the lab's appliance, and then nobody: only what is new counts.
    const fn missing(&self) -> (u64, u64) {
        (self.left_out, self.out_of_order)
    }
}

fn requests(counts: &Value) -> u64 {
    let kinds = ["dl_tti", "ul_tti"];
    kinds.iter().filter_map(|kind| counts[kind].as_u64()).sum()
}

/// A process that does not outlive the test.
struct Process(Child);

impl Process {
    /// One that has its ports. Drivers on packet sockets of one namespace choose a number by their process's own,
    /// and some numbers are taken: another process has another.
    fn ready(mut command: Command, log: &Path) -> Self {
        lift_memory_lock();
        // testpmd runs until its input ends.
        command.stdin(Stdio::piped());
        for _ in 0..STARTS {
            let file = fs::File::create(log).unwrap();
            command.stdout(file.try_clone().unwrap()).stderr(file);
            let process = Self(command.spawn().unwrap());
            sleep(START);
            let said = fs::read_to_string(log).unwrap();
            if !said.contains("PACKET_FANOUT") {
                return process;
            }
        }
        panic!("no packet socket: {}", fs::read_to_string(log).unwrap());
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn up(lab: &Lab, config: &Path) {
    let mut command = Command::new(RANSHIFT);
    command.args(["lab", "up", "--tdd", "S", "--config"]);
    let output = command.arg(config).arg("--dir").arg(&lab.0).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the lab did not start: {said}");
}

fn state(lab: &Lab) -> Value {
    serde_json::from_slice(&fs::read(lab.0.join("state.json")).unwrap()).unwrap()
}

fn ask(socket: &Path, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > PATIENCE {
            return Err(format!("it does not happen that {what}"));
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn has_testpmd() -> bool {
    let mut command = Command::new("dpdk-testpmd");
    let found = command.arg("--version").stdin(Stdio::null()).output();
    if found.is_err() {
        println!("dpdk-testpmd is not installed: phy-a is on its cable without it");
    }
    found.is_ok()
}

fn memif(role: &str, socket: &Path) -> String {
    let socket = socket.display();
    format!("net_memif0,role={role},socket={socket},socket-abstract=no,bsize=9088")
}

fn packets(interface: &str) -> String {
    format!("net_af_packet0,iface={interface},blocksz=1048576,framesz=2048,framecnt=512")
}

fn phy_side(network: &str, phy: &str) -> String {
    PHY_SIDE.replace("NETWORK", network).replace("OUTER", phy)
}

fn api(socket: &Path) -> String {
    format!(
        "\napi: {{listen: none, socket: \"{}\", rate: 100000}}\n",
        socket.display()
    )
}

/// The rings of net_af_packet are locked memory: as much of it as this user may have, as `lab up` does.
fn lift_memory_lock() {
    let maximum = getrlimit(Resource::Memlock).maximum;
    for maximum in [None, maximum] {
        let limit = Rlimit {
            current: maximum,
            maximum,
        };
        if setrlimit(Resource::Memlock, limit).is_ok() {
            return;
        }
    }
}

const TRIES: u32 = 3;
/// After this something is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// By then EAL has made its devices, or said why not.
const START: Duration = Duration::from_millis(1500);
const STARTS: u32 = 4;
const SPELL: Duration = Duration::from_millis(500);

/// The outer ends, as the lab's peers know them. The appliance in it is killed at once.
const ONE: &str = r#"
ports:
  l2-side: {mtu: 1500, device: "net_af_packet0,iface=l2,blocksz=1048576,framesz=2048,framecnt=512"}
  phy-a-side: {mtu: 1500, device: "net_af_packet1,iface=phy-a,blocksz=1048576,framesz=2048,framecnt=512"}
  phy-b-side: {mtu: 1500, device: "net_af_packet2,iface=phy-b,blocksz=1048576,framesz=2048,framecnt=512"}
l2s:
  l2-1:
    port: l2-side
    mac: 02:12:00:00:00:01
    facing: 02:00:00:00:00:01
    vlan: none
    transport: {udp: {peer: 10.1.0.10, facing: 10.1.0.1, peer_port: 50011, facing_port: 50010}}
    dialect: oai-nfapi
    segment: 1452
phys:
  phy-a:
    port: phy-a-side
    mac: 02:f1:00:00:00:01
    facing: 02:00:00:00:00:02
    vlan: none
    transport: {udp: {peer: 10.1.1.10, facing: 10.1.1.1, peer_port: 50010, facing_port: 50011}}
    dialect: oai-nfapi
    segment: 1452
  phy-b:
    port: phy-b-side
    mac: 02:f1:00:00:00:02
    facing: 02:00:00:00:00:03
    vlan: none
    transport: {udp: {peer: 10.1.2.10, facing: 10.1.2.1, peer_port: 50010, facing_port: 50011}}
    dialect: oai-nfapi
    segment: 1452
cells:
  cell-1:
    numerology: 0
    fapi: {l2: l2-1, slots_ahead: 16}
    active: phy-a
    members: {phy-a: {}, phy-b: {}}
"#;

/// Times are wide because the host may stall anybody.
const L2_SIDE: &str = r#"
ports:
  l2-side: {mtu: 1500, device: "net_af_packet0,iface=l2,blocksz=1048576,framesz=2048,framecnt=512"}
  network-a: {mtu: 9000, device: "NETWORK-A"}
  network-b: {mtu: 9000, device: "NETWORK-B"}
l2s:
  l2-1:
    port: l2-side
    mac: 02:12:00:00:00:01
    facing: 02:00:00:00:00:01
    vlan: none
    transport: {udp: {peer: 10.1.0.10, facing: 10.1.0.1, peer_port: 50011, facing_port: 50010}}
    dialect: oai-nfapi
    segment: 1452
phys:
  half-a:
    port: network-a
    mac: 02:02:00:00:00:0a
    facing: 02:02:00:00:00:01
    vlan: none
    transport: {udp: {peer: 10.2.0.11, facing: 10.2.0.1, peer_port: 50020, facing_port: 50020}}
    dialect: scf225v2
    bodies: oai
  half-b:
    port: network-b
    mac: 02:02:00:00:00:0b
    facing: 02:02:00:00:00:01
    vlan: none
    transport: {udp: {peer: 10.2.0.12, facing: 10.2.0.1, peer_port: 50020, facing_port: 50020}}
    dialect: scf225v2
    bodies: oai
cells:
  cell-1:
    numerology: 0
    fapi: {l2: l2-1, slots_ahead: 16, null_deadline: 8ms, grace: 900us, confirm: 1000}
    active: half-a
    members: {half-a: {}, half-b: {}}
    failover: {standby: [half-b], damping: 1s}
"#;

const PHY_SIDE: &str = r#"
ports:
  network: {mtu: 9000, device: "NETWORK"}
  phy-side: {mtu: 1500, device: "OUTER"}
l2s:
  half-l2:
    port: network
    mac: 02:02:00:00:00:01
    facing: 02:02:00:00:00:0a
    vlan: none
    transport: {udp: {peer: 10.2.0.1, facing: 10.2.0.11, peer_port: 50020, facing_port: 50020}}
    dialect: scf225v2
    bodies: oai
phys:
  phy-a:
    port: phy-side
    mac: 02:f1:00:00:00:01
    facing: 02:00:00:00:00:02
    vlan: none
    transport: {udp: {peer: 10.1.1.10, facing: 10.1.1.1, peer_port: 50010, facing_port: 50011}}
    dialect: oai-nfapi
    segment: 1452
cells:
  cell-1:
    numerology: 0
    fapi: {l2: half-l2, slots_ahead: 16, active_nulls: true, null_deadline: 2ms, make_up: false, confirm: 1000}
    active: phy-a
    members: {phy-a: {}}
"#;

/// What is different beside phy-b.
const OTHER_PHY: [(&str, &str); 5] = [
    ("02:02:00:00:00:0a", "02:02:00:00:00:0b"),
    ("10.2.0.11", "10.2.0.12"),
    ("mac: 02:f1:00:00:00:01", "mac: 02:f1:00:00:00:02"),
    ("02:00:00:00:00:02", "02:00:00:00:00:03"),
    ("10.1.1.", "10.1.2."),
];
