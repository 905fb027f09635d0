//! P5 of an emulated L2 or PHY over TCP, on a thread of its own: the loop that plays P7 only asks whether to.
//!
//! As with OAI the L2 listens and the PHY connects, from the address of its P7, and tries again when the connection
//! ends. The thread lives as long as the process.

use super::super::fapi::{P5, P5Report, P5Role, P5Terms};
use crate::config::model;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// One end of P5, wherever its connection is.
pub(super) struct Talk {
    end: Arc<Mutex<P5>>,
}

impl Talk {
    /// Listens as the L2, or begins to connect as a PHY.
    pub(super) fn begin(role: P5Role, terms: P5Terms, at: &model::P5) -> io::Result<Self> {
        let end = Arc::new(Mutex::new(P5::new(role, terms)));
        let talk = Arc::clone(&end);
        match role {
            P5Role::L2 => {
                let listener = TcpListener::bind(at.l2)?;
                thread::spawn(move || listen(&listener, &talk));
            }
            P5Role::Phy => {
                let (from, to) = (SocketAddr::from((*terms.own.ip(), 0)), at.listen);
                thread::spawn(move || call(from, to, &talk));
            }
        }
        Ok(Self { end })
    }

    /// True from START to STOP.
    pub(super) fn runs(&self) -> bool {
        lock(&self.end).runs()
    }

    pub(super) fn report(&self) -> P5Report {
        lock(&self.end).report().clone()
    }
}

/// One connection after the other, for ever.
fn listen(listener: &TcpListener, end: &Mutex<P5>) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => converse(stream, end),
            Err(_) => thread::sleep(AGAIN),
        }
    }
}

fn call(from: SocketAddr, to: SocketAddr, end: &Mutex<P5>) {
    loop {
        if let Ok(stream) = connect_from(from, to) {
            converse(stream, end);
        }
        thread::sleep(AGAIN);
    }
}

/// `TcpStream` does not let its address be chosen.
fn connect_from(from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket(family, SocketType::STREAM, None)?;
    bind(&socket, &from)?;
    connect(&socket, &to)?;
    Ok(TcpStream::from(socket))
}

/// Speaks until the connection ends.
fn converse(mut stream: TcpStream, end: &Mutex<P5>) {
    let (mut bytes, mut out) = ([0; 4096], Vec::new());
    lock(end).connected(&mut out);
    loop {
        if stream.write_all(&out).is_err() {
            break;
        }
        out.clear();
        let Ok(len @ 1..) = stream.read(&mut bytes) else {
            break;
        };
        let read = bytes.get(..len).unwrap_or_default();
        if lock(end).receive(read, &mut out).is_none() {
            break;
        }
    }
    lock(end).gone();
}

fn lock(end: &Mutex<P5>) -> MutexGuard<'_, P5> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From a connection that ended, or could not be made, to the next: OAI waits a second.
const AGAIN: Duration = Duration::from_millis(200);
