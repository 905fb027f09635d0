//! The real program as a process of its own, on ports that nothing comes from: its API and its death.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "each test file uses its own part, waits by the clock, and stops at the first surprise"
)]

use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// After this something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program, answering.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) socket: PathBuf,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(folder: &Path, state: &Path) -> Self {
        let socket = folder.join("api.sock");
        let config = folder.join("appliance.yaml");
        let log = folder.join("log");
        let _ = fs::remove_file(&socket);
        fs::write(&config, appliance(&socket, state)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_ranshift"))
            .args(["run", "-c"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut process = Self { child, socket, log };
        let began = Instant::now();
        while process.role().is_none() {
            let over = process.child.try_wait().unwrap();
            assert!(over.is_none(), "{over:?}: {}", process.said());
            assert!(began.elapsed() < PATIENCE, "{}", process.said());
            sleep(Duration::from_millis(5));
        }
        process
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The answer, or nothing while nobody listens.
    pub(crate) fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        self.try_ask(method, path, body).unwrap()
    }

    /// The cell as the lcore last reported it; nothing before its first report.
    pub(crate) fn role(&self) -> Option<Value> {
        let answer = self.try_ask("GET", "/api/v1/cells/cell-1", "")?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let cell: Value = serde_json::from_str(body).ok()?;
        let reported = cell["status"]["at_ns"].as_u64().unwrap_or(0) > 0;
        (head.contains(" 200 ") && reported).then_some(cell)
    }

    pub(crate) fn role_of(&self, member: &str) -> String {
        let cell = self.role().unwrap();
        let members = cell["status"]["members"].as_array().unwrap();
        let found = members.iter().find(|one| one["member"] == member).unwrap();
        found["role"].as_str().unwrap().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One RU and two DUs on ports that nothing comes from.
pub(crate) fn on_silent_ports() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/one-cell-two-dus.yaml");
    let text = fs::read_to_string(file).unwrap();
    let mut number = 0;
    let silent = |line: &str| {
        let Some((before, _)) = line.split_once("device: ") else {
            return line.to_owned();
        };
        number += 1;
        format!("{before}device: \"net_null{number},no-rx=1\"}}")
    };
    let text: Vec<String> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(silent)
        .collect();
    text.join("\n")
}

fn appliance(socket: &Path, state: &Path) -> String {
    let (text, socket, state) = (on_silent_ports(), socket.display(), state.display());
    format!(
        "{text}\napi: {{listen: none, socket: \"{socket}\", connections: 8, rate: 100000}}\nstate: {{file: \"{state}\"}}\n"
    )
}

/// A directory of nobody else.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("ranshift-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
