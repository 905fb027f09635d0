//! An API whose answers are scripted: what the consoles are tested against. It keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub(crate) const APPLIANCE: &str = include_str!("api/appliance.json");
pub(crate) const CELLS: &str = include_str!("api/cells.json");
/// A cell of PHYs, without an RU.
pub(crate) const PHYS: &str = include_str!("api/phys.json");
pub(crate) const EVENTS: &str = include_str!("api/events.json");

#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// "GET /api/v1/cells".
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
    pub(crate) headers: Vec<String>,
}

pub(crate) fn json(body: impl Into<String>) -> Reply {
    Reply {
        status: 200,
        kind: "application/json",
        body: body.into(),
        headers: Vec::new(),
    }
}

pub(crate) fn problem(status: u16, kind: &str, detail: &str) -> Reply {
    let body = serde_json::json!({
        "type": format!("/problems/{kind}"), "title": kind, "status": status, "detail": detail,
    });
    Reply {
        status,
        kind: "application/problem+json",
        ..json(body.to_string())
    }
}

pub(crate) struct ScriptedApi {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl ScriptedApi {
    pub(crate) fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &kept, &*answer));
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

/// A client that goes away early is no failure of the test.
fn serve(stream: TcpStream, kept: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Reply) {
    let Some(request) = read(&stream) else { return };
    kept.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    // As an appliance that has gone.
    if reply.status == 0 {
        return;
    }
    let mut head = format!(
        "HTTP/1.1 {} x\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n",
        reply.status,
        reply.kind,
        reply.body.len()
    );
    for header in &reply.headers {
        head.push_str(&format!("{header}\r\n"));
    }
    let mut stream = stream;
    let _ = stream.write_all(format!("{head}\r\n{}", reply.body).as_bytes());
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: lines.first()?.trim_end_matches(" HTTP/1.1").to_owned(),
        headers: lines.split_off(1),
        body: String::from_utf8(body).unwrap(),
    })
}
