//! One connection: a task that reads messages for the proxy and writes what it is given.

use super::RETRY;
use crate::control::p5::happening::Reason;
use crate::control::p5::sctp;
use crate::control::p5::settings::Transport;
use crate::control::p5::stream::Framer;
use crate::ran::MemberId;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Peer {
    L2,
    Phy(MemberId),
}

/// What other tasks tell the one that owns the proxy: connections, under their numbers.
#[derive(Debug)]
pub(super) enum Note {
    /// Somebody connected to where PHYs do.
    Accepted(TcpStream, IpAddr),
    /// The L2 was reached.
    Connected(TcpStream),
    /// The L2 was not reached at the first attempt; others follow.
    Unreachable(io::ErrorKind),
    /// One message.
    Message(Peer, u64, Vec<u8>),
    /// The connection is over; with a reason if this side wants it to be.
    Ended(Peer, u64, Option<Reason>),
}

/// A task that ends when nobody holds it any more.
#[derive(Debug)]
pub(super) struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection. Dropped, it is closed, and what was not written yet is lost.
#[derive(Debug)]
pub(super) struct Line {
    number: u64,
    queue: mpsc::Sender<Vec<u8>>,
    _task: Task,
}

impl Line {
    /// Has the connection read and written.
    pub(super) fn begin(
        (peer, number): (Peer, u64),
        stream: TcpStream,
        framer: Framer,
        notes: mpsc::Sender<Note>,
    ) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        let (input, output) = stream.into_split();
        let task = tokio::spawn(async move {
            let reason = tokio::select! {
                reason = read(input, framer, (peer, number), &notes) => reason,
                () = write(output, queued) => None,
            };
            // Nobody hears it when the proxy is over.
            drop(notes.send(Note::Ended(peer, number, reason)).await);
        });
        Self {
            number,
            queue,
            _task: Task(task),
        }
    }

    /// Which of all connections it is.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Queues a message; false if there is no room, as the peer does not read.
    pub(super) fn send(&self, message: Vec<u8>) -> bool {
        let full = |error| matches!(error, mpsc::error::TrySendError::Full(_));
        // One that is over will say so itself.
        !self.queue.try_send(message).is_err_and(full)
    }
}

/// Takes connections of PHYs.
pub(super) fn accept(listener: TcpListener, notes: mpsc::Sender<Note>) -> Task {
    Task(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => drop(notes.send(Note::Accepted(stream, from.ip())).await),
                // Out of descriptors, most likely: some will be closed.
                Err(_) => sleep(RETRY).await,
            }
        }
    }))
}

/// Tries to reach the L2 until it is reached; not at once if it is the L2 that has just gone.
pub(super) fn reach(way: (Transport, SocketAddr), again: bool, notes: mpsc::Sender<Note>) -> Task {
    Task(tokio::spawn(async move {
        let mut told = false;
        if again {
            sleep(RETRY).await;
        }
        loop {
            let failed = match timeout(PATIENCE, connect(way)).await {
                Ok(Ok(stream)) => {
                    drop(notes.send(Note::Connected(stream)).await);
                    return;
                }
                Ok(Err(error)) => error.kind(),
                Err(_) => io::ErrorKind::TimedOut,
            };
            if !std::mem::replace(&mut told, true) {
                drop(notes.send(Note::Unreachable(failed)).await);
            }
            sleep(RETRY).await;
        }
    }))
}

async fn connect((transport, address): (Transport, SocketAddr)) -> io::Result<TcpStream> {
    match transport {
        Transport::Tcp => TcpStream::connect(address).await,
        Transport::Sctp => {
            let stream = TcpStream::from_std(sctp::connect(None, address)?)?;
            stream.writable().await?;
            match stream.take_error()? {
                Some(error) => Err(error),
                None => Ok(stream),
            }
        }
    }
}

/// Reads until the connection ends. Returns why this side wants it to end, if it does.
async fn read(
    mut input: OwnedReadHalf,
    mut framer: Framer,
    (peer, number): (Peer, u64),
    notes: &mpsc::Sender<Note>,
) -> Option<Reason> {
    let mut bytes = vec![0; READ];
    loop {
        let len = match input.read(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(len) => len,
        };
        framer.extend(bytes.get(..len)?);
        loop {
            match framer.next_message() {
                Ok(Some(message)) => {
                    // Waits while the proxy is busy: the peer is read no faster than it is heard.
                    let note = Note::Message(peer, number, message);
                    notes.send(note).await.ok()?;
                }
                Ok(None) => break,
                Err(error) => return Some(Reason::Malformed(error)),
            }
        }
    }
}

/// Writes one message after the other, each with one call: over SCTP that makes it one user message.
async fn write(mut output: OwnedWriteHalf, mut queued: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = queued.recv().await {
        if output.write_all(&message).await.is_err() {
            return;
        }
    }
    // Nothing more is to be written, which is no end: the owner will end both ways.
    std::future::pending().await
}

/// Messages that wait to be written on one connection.
const QUEUE: usize = 64;
/// Bytes that are read at once.
const READ: usize = 16 << 10;
/// For one attempt to reach the L2.
const PATIENCE: Duration = Duration::from_secs(5);
