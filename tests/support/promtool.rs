//! Prometheus' own tool as a judge. It belongs to Debian's package `prometheus`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use std::io::Write;
use std::process::{Command, Stdio};

/// What it said.
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) result: String,
    pub(crate) complaint: String,
}

/// Runs it in the root of the repository.
pub(crate) fn promtool(arguments: &[&str], input: Option<&str>) -> Said {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("promtool: {error}; install Debian's package prometheus (`make setup` does)")
    });
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(input.unwrap_or_default().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Said {
        success: output.status.success(),
        result: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
