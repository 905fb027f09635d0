//! The control side of an appliance in this process: real mailboxes, an lcore without ports, and a
//! client that writes its own bytes.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use ranshift::config;
use ranshift::control::api::Address;
use ranshift::control::compile::compile;
use ranshift::control::recordings::recorder;
use ranshift::control::status::Mempool;
use ranshift::control::supervisor::{self, Machine, Seat, Setup, Supervisor};
use ranshift::dataplane::counters::PortLosses;
use ranshift::dataplane::mailbox::Mailbox;
use ranshift::dataplane::observation::Load;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{Instant, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use serde_json::Value;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const TERM: u64 = 3;

/// One cell and two DUs, both taken as in step, so that commands are accepted without frames.
pub(crate) const CELL: &str = "
ports: {ru: {mtu: 9000}, a: {mtu: 9000}, b: {mtu: 9000}}
rus:
  ru-1: {port: ru, mac: '02:a0:00:00:00:01', facing: '02:0b:00:00:00:01', vlan: 100}
dus:
  du-a: {port: a, mac: '02:d0:00:00:00:01', facing: '02:a0:00:00:00:01', vlan: 101, attachment: dedicated}
  du-b: {port: b, mac: '02:d0:00:00:00:02', facing: '02:a0:00:00:00:02', vlan: none, attachment: dedicated}
cells:
  cell-1:
    ru: ru-1
    numerology: 1
    carrier_prbs: 51
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    time: {source: gps}
    periods: {tdd: 10}
    active: du-a
    members:
      du-a: {assume_in_step: true}
      du-b: {assume_in_step: true, eaxc: {downlink: [16, 17], uplink: [16, 17], prach: [20, 21]}}
    failover: {standby: [du-b], damping: 0ms}
    liveness: {enabled: false}
";

/// A running control side.
pub(crate) struct Served {
    pub(crate) supervisor: Option<Supervisor>,
    pub(crate) dir: PathBuf,
    lcore: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
    /// While true the lcore does not look at its mailbox.
    pub(crate) deaf: Arc<AtomicBool>,
    /// What arrives in each turn of the lcore.
    pub(crate) arriving: Arc<Mutex<Option<Arriving>>>,
}

/// Frames and their ports at an instant.
pub(crate) type Arriving = fn(Instant) -> Vec<(PortId, Vec<u8>)>;

impl Served {
    /// With the usual `api` section: a free port, and no rate that a test could reach.
    pub(crate) fn new() -> Self {
        Self::with("api: {listen: '127.0.0.1:0', rate: 100000}")
    }

    /// With this `api` section, and what may follow it; `DIR` in it is a directory of this server's own.
    /// Recordings go there unless it says something else.
    pub(crate) fn with(api: &str) -> Self {
        Self::start(&scratch(), api).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same in a directory that is there already.
    pub(crate) fn start(dir: &Path, api: &str) -> io::Result<Self> {
        let own = match api.contains("recorder:") {
            true => "",
            false => "recorder: {directory: DIR/recordings, frames: 2000}",
        };
        let own = format!("{api}\n{own}\n").replace("DIR", dir.to_str().unwrap());
        let text = format!("{CELL}{own}");
        let path = dir.join("config.yaml");
        fs::write(&path, &text)?;
        let loaded = config::parse(&text, "config.yaml").unwrap_or_else(|all| panic!("{all}"));
        let mailbox = supervisor::mailbox();
        let seat = Seat {
            mailbox: Arc::clone(&mailbox),
            lcore: 1,
            core: 0,
            idle: "sleep".to_owned(),
        };
        let tables = Arc::new(compile(&loaded.config, TERM));
        let recorder = recorder(&loaded.config, &tables, |_| true);
        let worker = Worker::new(Arc::clone(&tables), Clock::Burst).recorded_by(recorder);
        let supervisor = Supervisor::start(Setup {
            config: loaded.config,
            text,
            path: Some(path),
            tables,
            seats: vec![seat],
        })?;
        supervisor.attach(Arc::new(Bench));
        let over = Arc::new(AtomicBool::new(false));
        let deaf = Arc::new(AtomicBool::new(false));
        let arriving = Arc::new(Mutex::new(None));
        let lcore = thread::spawn({
            let (over, deaf) = (Arc::clone(&over), Arc::clone(&deaf));
            let arriving = Arc::clone(&arriving);
            move || poll(worker, &mailbox, (&over, &deaf), &arriving)
        });
        let served = Self {
            supervisor: Some(supervisor),
            dir: dir.to_owned(),
            lcore: Some(lcore),
            over,
            deaf,
            arriving,
        };
        served.wait_until(|served| {
            let sights = served.supervisor.as_ref().unwrap().board().sights();
            sights.iter().all(|sight| sight.now.is_some())
        });
        Ok(served)
    }

    pub(crate) fn wait_until(&self, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("20 s were not enough");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let addresses = self.supervisor.as_ref().unwrap().addresses();
        let tcp = addresses.iter().find_map(|address| match address {
            Address::Http(address) | Address::Https(address) => Some(*address),
            Address::Socket(_) => None,
        });
        tcp.unwrap()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], body)
    }

    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut stream = self.connect();
        stream
            .write_all(request(method, path, headers, body).as_bytes())
            .unwrap();
        Answer::read(stream)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(lcore) = self.lcore.take() {
            let _ = lcore.join();
        }
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.finish();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A directory of nobody else.
pub(crate) fn scratch() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("ranshift-api-{}-{number}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

fn poll(
    mut worker: Worker<ReplayFrame>,
    mailbox: &Mailbox,
    (over, deaf): (&AtomicBool, &AtomicBool),
    arriving: &Mutex<Option<Arriving>>,
) {
    let mut io = ReplayIo::default();
    let mut load = Load {
        hz: 1_000_000_000,
        ..Load::default()
    };
    while !over.load(Ordering::Relaxed) {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let now = Instant(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
        load.turns += 1;
        load.idle_cycles += 1_000_000;
        worker.tick(now);
        let frames = arriving.lock().unwrap().map(|frames| frames(now));
        for (port, bytes) in frames.into_iter().flatten() {
            io.offer(port, ReplayFrame::new(&bytes, bytes.len(), None, now));
            worker.poll(&mut io, port, now, &mut Unobserved);
            drop(io.take_sent());
        }
        if !deaf.load(Ordering::Relaxed) {
            worker.exchange(now, mailbox, load);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What a backend would know.
struct Bench;

impl Machine for Bench {
    fn mempools(&self) -> Vec<Mempool> {
        vec![Mempool {
            mempool: "frames".to_owned(),
            size: 1024,
            in_use: 0,
        }]
    }

    fn link_up(&self, port: PortId) -> bool {
        port.index() < 3
    }

    fn losses(&self, port: PortId) -> Option<PortLosses> {
        (port.index() == 0).then_some(PortLosses {
            missed: 3,
            ..PortLosses::default()
        })
    }
}

/// The bytes of a request that ends its connection.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text.push_str("host: localhost\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method != "GET" {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    format!("{text}\r\n{body}")
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(mut stream: impl Read) -> Self {
        let mut bytes = Vec::new();
        // A reset after the answer is as good an end as any.
        let _ = stream.read_to_end(&mut bytes);
        Self::parse(&bytes).unwrap_or_else(|| panic!("no answer: {bytes:?}"))
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let head = head.to_lowercase();
        let chunked = head.contains("transfer-encoding: chunked");
        let body = if chunked {
            unchunk(body)
        } else {
            body.to_owned()
        };
        Some(Self { status, head, body })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The problem's word, after everything that a problem has has been looked at.
    pub(crate) fn problem(&self) -> String {
        let kind = "content-type: application/problem+json";
        assert!(self.head.contains(kind), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert!(problem["detail"].as_str().unwrap().len() > 20, "{self:?}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("/problems/").unwrap().to_owned()
    }
}

fn unchunk(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        let Some(part) = rest.get(..length).filter(|_| length > 0) else {
            break;
        };
        whole.push_str(part);
        text = rest.get(length + 2..).unwrap_or_default();
    }
    whole
}
