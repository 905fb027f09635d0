//! Where connections come in: TCP, with TLS or without, and a Unix socket.
//!
//! Opened before EAL starts, so that an address in use stops the start. Connections are bounded: those
//! beyond are told so and closed.

use super::access::Client;
use super::keys::Keys;
use super::pace::Paced;
use super::problem::Problem;
use super::seats::Seats;
use crate::config::model::Api;
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::fs::Mode;
use rustix::process::umask;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as Knock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// Where the API can be reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// Plain HTTP.
    Http(SocketAddr),
    /// With TLS.
    Https(SocketAddr),
    /// A Unix socket.
    Socket(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) => write!(f, "http://{address}"),
            Self::Https(address) => write!(f, "https://{address}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One place to listen.
pub(super) struct Door {
    address: Address,
    listener: Listener,
}

enum Listener {
    Tcp(TcpListener, Option<Arc<Keys>>),
    Unix(UnixListener),
}

enum Caller {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Every place of the configuration, or why one cannot be had.
pub(super) fn open(api: &Api) -> io::Result<Vec<Door>> {
    let mut doors = Vec::new();
    if let Some(address) = api.listen {
        let keys = api.tls.as_ref().map(Keys::load).transpose()?;
        doors.push(tcp(address, keys.map(Arc::new))?);
    }
    if let Some(path) = &api.socket {
        doors.push(socket(path)?);
    }
    Ok(doors)
}

impl Door {
    pub(super) fn address(&self) -> Address {
        self.address.clone()
    }

    /// What it proves itself with.
    pub(super) fn keys(&self) -> Option<Arc<Keys>> {
        match &self.listener {
            Listener::Tcp(_, keys) => keys.clone(),
            Listener::Unix(_) => None,
        }
    }

    /// Takes connections for ever, `most` at a time.
    pub(super) async fn serve(self, router: Router, most: usize) {
        let seats = Seats::new(most);
        let router = router.layer(Extension(seats.streams()));
        let apologies = Arc::new(Semaphore::new(APOLOGIES));
        loop {
            let Ok((caller, client)) = self.accept().await else {
                // Out of descriptors, most likely: some will be closed.
                sleep(RETRY).await;
                continue;
            };
            let router = router.clone().layer(Extension(client));
            let tls = self.keys().map(|keys| keys.acceptor());
            if let Some(seat) = seats.take(client) {
                tokio::spawn(async move {
                    attend(caller, tls, router).await;
                    drop(seat);
                });
            } else if let Ok(permit) = Arc::clone(&apologies).try_acquire_owned()
                && tls.is_none()
            {
                tokio::spawn(async move {
                    // Told as well as it can be; who does not listen is not waited for.
                    drop(timeout(APOLOGY, turn_away(caller)).await);
                    drop(permit);
                });
            }
        }
    }

    async fn accept(&self) -> io::Result<(Caller, Client)> {
        match &self.listener {
            Listener::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                let loopback = stream.local_addr()?.ip().to_canonical().is_loopback();
                let address = Some(peer.ip().to_canonical());
                Ok((Caller::Tcp(stream), Client { address, loopback }))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let client = Client {
                    address: None,
                    loopback: false,
                };
                Ok((Caller::Unix(stream), client))
            }
        }
    }
}

async fn attend(caller: Caller, tls: Option<TlsAcceptor>, router: Router) {
    match (caller, tls) {
        (Caller::Tcp(stream), None) => converse(Paced::new(stream), router).await,
        (Caller::Tcp(stream), Some(tls)) => {
            // Who does not finish the handshake is no client.
            if let Ok(Ok(stream)) = timeout(HEADERS, tls.accept(Paced::new(stream))).await {
                converse(stream, router).await;
            }
        }
        (Caller::Unix(stream), _) => converse(Paced::new(stream), router).await,
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let service = TowerToHyperService::new(tower::service_fn(move |request: Request<Incoming>| {
        tower::ServiceExt::oneshot(router.clone(), request)
    }));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(MOST_HEADERS)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("connection ended: {error}");
    }
}

/// Says why, and takes what was sent, lest the answer be lost with a reset.
async fn turn_away(caller: Caller) -> io::Result<()> {
    let said = Problem::of_status(StatusCode::SERVICE_UNAVAILABLE).canned();
    match caller {
        Caller::Tcp(stream) => apologise(stream, &said).await,
        Caller::Unix(stream) => apologise(stream, &said).await,
    }
}

async fn apologise(mut stream: impl AsyncRead + AsyncWrite + Unpin, said: &[u8]) -> io::Result<()> {
    let mut rest = [0; 1024];
    // Many clients do not hear an answer that comes before their question.
    drop(timeout(QUESTION, stream.read(&mut rest)).await);
    stream.write_all(said).await?;
    stream.shutdown().await?;
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

fn tcp(address: SocketAddr, keys: Option<Arc<Keys>>) -> io::Result<Door> {
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    let listener = bind().map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                ": is another appliance running? Set api.listen to another port, or api: none"
            }
            io::ErrorKind::AddrNotAvailable => ": no interface of this machine has the address",
            _ => "",
        };
        io::Error::other(format!("api.listen {address}: {error}{advice}"))
    })?;
    let bound = listener.local_addr()?;
    let address = if keys.is_some() {
        Address::Https(bound)
    } else {
        Address::Http(bound)
    };
    let listener = Listener::Tcp(listener, keys);
    Ok(Door { address, listener })
}

/// For the owner and the group. What a process that is gone has left there is removed.
fn socket(path: &Path) -> io::Result<Door> {
    let refuse = |why: String| io::Error::other(format!("api.socket {}: {why}", path.display()));
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(refuse("there is a file that is no socket".to_owned()));
        }
        Ok(_) if Knock::connect(path).is_ok() => {
            let why = "another process answers there: is another appliance running?";
            return Err(refuse(why.to_owned()));
        }
        Ok(_) => std::fs::remove_file(path).map_err(|error| refuse(error.to_string()))?,
        Err(_) => {}
    }
    let before = umask(Mode::from_raw_mode(0o117));
    let bound = UnixListener::bind(path);
    umask(before);
    let listener = bound.map_err(|error| refuse(error.to_string()))?;
    Ok(Door {
        address: Address::Socket(path.to_owned()),
        listener: Listener::Unix(listener),
    })
}

/// For the headers of a request, a handshake, and between two requests.
const HEADERS: Duration = Duration::from_secs(5);

const MOST_HEADERS: usize = 64;

/// Bytes of a request's headers.
const BUFFER: usize = 32 << 10;

/// After a connection could not be accepted.
const RETRY: Duration = Duration::from_millis(50);

/// Connections that are being told that there are too many.
const APOLOGIES: usize = 16;
const APOLOGY: Duration = Duration::from_millis(500);

/// How long one of them may take to ask.
const QUESTION: Duration = Duration::from_millis(200);
