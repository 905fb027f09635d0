//! A lab that the program itself puts up, and its appliance over the API.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// The program.
pub(crate) const RANSHIFT: &str = env!("CARGO_BIN_EXE_ranshift");

/// A lab in a directory; a test that fails leaves none behind.
pub(crate) struct Lab(pub(crate) PathBuf);

impl Lab {
    /// Puts it up: few symbols, each a slot of its own, and two DUs that tell the same in other words.
    pub(crate) fn up(&self, config: &Path) {
        let up = self.command(&["up", "--capture", "4096", "--tdd", "S", "--special", "1:1"]);
        let up = Command::new(RANSHIFT)
            .args(up)
            .args(["--style", "du-b=all-prbs", "--config"])
            .arg(config)
            .output();
        let up = up.unwrap();
        assert!(up.status.success(), "the lab did not start: {}", said(&up));
    }

    pub(crate) fn run(&self, arguments: &[&str]) {
        let output = Command::new(RANSHIFT)
            .args(self.command(arguments))
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    }

    pub(crate) fn post(&self, what: &str, body: &Value) -> Value {
        let path = format!("/api/v1/cells/cell-1/{what}");
        self.ask("POST", &path, &body.to_string())
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.try_ask(method, path, body);
        let answer = answer.unwrap_or_else(|| panic!("{method} {path}: nobody answers"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// The whole answer, or nothing while nobody listens.
    pub(crate) fn try_ask(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.0.join("api.sock")).ok()?;
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

    fn command(&self, arguments: &[&str]) -> Vec<String> {
        let words = ["lab"]
            .iter()
            .chain(arguments)
            .map(|word| (*word).to_owned());
        let dir = ["--dir".to_owned(), self.0.display().to_string()];
        words.chain(dir).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = Command::new(RANSHIFT)
                .args(self.command(&["down"]))
                .output();
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64
}
