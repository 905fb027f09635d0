//! A kernel as L2, over veth: it asks for the appliance's MAC address (RFC 826) and has its echoes answered (RFC 792).
//! What comes back has passed its own checks of IP. An echo that the host loses is sent again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says so when it is wrong; its peers wait by the clock"
)]

#[path = "support/p7.rs"]
mod p7;

use p7::{L2, PHY_A, PHY_B, sum16};
use rustix::net::{AddressFamily, SocketType, ipproto, socket};
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn a_kernel_finds_the_appliance_by_arp_and_has_its_pings_answered() {
    if env::var_os(ON_STAGE).is_some() {
        return play();
    }
    let name = "a_kernel_finds_the_appliance_by_arp_and_has_its_pings_answered";
    let played = Command::new("unshare")
        .arg("-Urn")
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ON_STAGE, "yes")
        .output()
        .unwrap();
    let said = [played.stdout, played.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(played.status.success(), "{said}");
}

/// In a network of its own.
fn play() {
    let stage = Stage::new();
    for size in [56, 1400, 8000] {
        stage.ping(size);
    }
    let neighbours = done("ip", &["neigh", "show", "10.1.0.1"]);
    assert!(
        neighbours.contains("lladdr 02:00:00:00:00:01"),
        "{neighbours}"
    );
}

/// The cables, with the appliance at their near ends.
struct Stage {
    directory: PathBuf,
    processes: Vec<Child>,
}

impl Stage {
    fn new() -> Self {
        let directory = env::temp_dir().join(format!("rs-own-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let room = Command::new("unshare")
            .args(["-n", "sleep", "300"])
            .spawn()
            .unwrap();
        let pid = room.id().to_string();
        let mut stage = Self {
            directory,
            processes: vec![room],
        };
        let network = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
        until(|| network(&pid) != network("self"));
        for (name, place, mtu) in [
            ("l2", L2, "9000"),
            ("a", PHY_A, "1500"),
            ("b", PHY_B, "1500"),
        ] {
            let (near, far) = (format!("near-{name}"), format!("far-{name}"));
            done(
                "ip",
                &[
                    "link", "add", &far, "type", "veth", "peer", "name", &near, "netns", &pid,
                ],
            );
            let inside = [
                "-t", &pid, "-n", "ip", "link", "set", "dev", &near, "mtu", mtu,
            ];
            done(
                "nsenter",
                &[&inside[..], &["addrgenmode", "none", "up"]].concat(),
            );
            let mac = place.mac.map(|byte| format!("{byte:02x}")).join(":");
            let address = format!("{}/24", Ipv4Addr::from(place.ip));
            done(
                "ip",
                &[
                    "link", "set", "dev", &far, "address", &mac, "mtu", mtu, "up",
                ],
            );
            done("ip", &["addr", "add", &address, "dev", &far]);
        }
        let config = stage.directory.join("config.yaml");
        fs::write(&config, configuration()).unwrap();
        let appliance = Command::new("nsenter")
            .args([
                "-t",
                &pid,
                "-n",
                env!("CARGO_BIN_EXE_ranshift"),
                "run",
                "--config",
            ])
            .arg(&config)
            .env("XDG_RUNTIME_DIR", &stage.directory)
            .spawn()
            .unwrap();
        stage.processes.insert(0, appliance);
        stage
    }

    /// An echo of `size` bytes of data to the appliance, until one is answered.
    fn ping(&self, size: usize) {
        let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)).unwrap();
        let raw = UdpSocket::from(raw);
        raw.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut message = vec![8, 0, 0, 0, 0x12, 0x34, 0, 1];
        message.extend((0..size).map(|n| n as u8));
        let checksum = !sum16(0, &message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        let to = SocketAddrV4::new(Ipv4Addr::from(L2.own), 0);
        until(|| {
            // While the appliance starts nobody answers ARP, and the kernel says so.
            let mut room = [0; 9000];
            let answered = raw.send_to(&message, to).and_then(|_| raw.recv(&mut room));
            let answer = answered.ok().map(|len| &room[20..len]);
            answer.is_some_and(|answer| {
                let same = answer[0] == 0 && answer[4..] == message[4..];
                same && sum16(0, answer) == 0xffff
            })
        });
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn configuration() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/two-phys.yaml");
    let mut text = fs::read_to_string(file).unwrap();
    for (from, to) in [
        ("l2-side: {mtu: 1500", "l2-side: {mtu: 9000"),
        (
            "net_pcap0,rx_pcap=l2-side.pcap,tx_pcap=to-l2.pcap",
            "net_af_packet0,iface=near-l2,blocksz=65536,framesz=16384,framecnt=160",
        ),
        (
            "net_pcap1,rx_pcap=phy-a-side.pcap,tx_pcap=to-phy-a.pcap",
            "net_af_packet1,iface=near-a",
        ),
        (
            "net_pcap2,rx_pcap=phy-b-side.pcap,tx_pcap=to-phy-b.pcap",
            "net_af_packet2,iface=near-b",
        ),
    ] {
        assert!(text.contains(from), "the example holds no {from}");
        text = text.replace(from, to);
    }
    text
}

fn done(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "nothing happens");
        sleep(Duration::from_millis(20));
    }
}

const ON_STAGE: &str = "RANSHIFT_TEST_ON_STAGE";
const PATIENCE: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(60);
