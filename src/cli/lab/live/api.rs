//! Questions to the appliance of a lab, over the Unix socket of its API: one request, one answer.
//!
//! HTTP/1.0, so that an answer ends where the connection does.

use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The object at `path`.
pub(in crate::cli::lab) fn read(socket: &Path, path: &str) -> Result<Value, String> {
    ask(socket, "GET", path, "")
}

/// The answer to a command; a refusal is the error, in the appliance's own words.
pub(in crate::cli::lab) fn command(
    socket: &Path,
    path: &str,
    body: &Value,
) -> Result<Value, String> {
    ask(socket, "POST", path, &body.to_string())
}

fn ask(socket: &Path, method: &str, path: &str, body: &str) -> Result<Value, String> {
    let answer = exchange(socket, method, path, body)
        .map_err(|error| format!("the appliance at {}: {error}", socket.display()))?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    let told = serde_json::from_str::<Value>(body)
        .map_err(|error| format!("{method} {path}: {status}, and no object: {error}"))?;
    if status.starts_with('2') {
        return Ok(told);
    }
    let detail = told.get("detail").and_then(Value::as_str);
    Err(detail.unwrap_or(status).to_owned())
}

fn exchange(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

const PATIENCE: Duration = Duration::from_secs(10);
