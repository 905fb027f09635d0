//! The control API as the soak needs it: one request for each connection.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// The API of one appliance.
pub(crate) struct Api(SocketAddr);

impl Api {
    /// On a port of this machine that was free a moment ago.
    pub(crate) fn on_free_port() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self(listener.local_addr().unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port()
    }

    /// The object at a path.
    pub(crate) fn read(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Puts a configuration in force; the answer lists what changed.
    pub(crate) fn apply(&self, config: &str) -> Value {
        let (status, body) = self.ask("PUT", "/api/v1/config", config);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.0).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/yaml\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

/// Longer than any answer takes on a busy machine; only a dead appliance is waited for so long.
const PATIENCE: Duration = Duration::from_secs(30);
