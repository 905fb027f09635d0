//! One-to-one sockets of the kernel's SCTP (RFC 6458 section 4), which read and write like TCP's.
//!
//! One write is one user message, on stream 0 with the payload protocol identifier that the dialect's peers
//! send. A user message may be read in pieces: `stream` puts them together by the length in the header.

use super::sockets::StartError;
use crate::wire::nfapi::Dialect;
use crate::wire::nfapi::p5_header::OAI_SCTP_PPID;
use nix::{setsockopt_impl, sockopt_impl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, sockopt};
use rustix::net::{bind, connect as begin, listen as open, socket_with};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

sockopt_impl!(
    /// What a message is sent with that says nothing of its own: its payload protocol identifier, above all.
    SendInfo,
    SetOnly,
    libc::IPPROTO_SCTP,
    libc::SCTP_DEFAULT_SNDINFO,
    libc::sctp_sndinfo
);
sockopt_impl!(
    /// Messages are not held back to share a packet.
    NoDelay,
    SetOnly,
    libc::IPPROTO_SCTP,
    libc::SCTP_NODELAY,
    bool
);

/// Listens for associations.
pub fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let failed = |error: io::Error| StartError::Listen(address, error);
    let socket = socket(address).map_err(|errno| match errno {
        Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT => StartError::NoSctp,
        errno => failed(errno.into()),
    })?;
    sockopt::set_socket_reuseaddr(&socket, true).map_err(|errno| failed(errno.into()))?;
    bind(&socket, &address).map_err(|errno| failed(errno.into()))?;
    open(&socket, BACKLOG).map_err(|errno| failed(errno.into()))?;
    Ok(TcpListener::from(socket))
}

/// Begins an association, from an address of this host if one is given: it is there when the socket is writable
/// and has no error.
pub fn connect(from: Option<SocketAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket(address)?;
    if let Some(from) = from {
        bind(&socket, &from)?;
    }
    match begin(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(errno.into()),
    }
}

/// Sets what messages are sent with. A peer does not need it to read them: what a kernel refuses is left.
pub(super) fn prepare(socket: impl AsFd, dialect: Dialect) {
    let ppid = match dialect {
        Dialect::OaiNfapi => u32::from_ne_bytes(OAI_SCTP_PPID),
        // No public peer of SCF 225 says which [?].
        _ => 0,
    };
    let info = libc::sctp_sndinfo {
        snd_sid: 0,
        snd_flags: 0,
        snd_ppid: ppid,
        snd_context: 0,
        snd_assoc_id: 0,
    };
    let socket = socket.as_fd();
    let _ = nix::sys::socket::setsockopt(&socket, SendInfo, &info);
    let _ = nix::sys::socket::setsockopt(&socket, NoDelay, &true);
}

fn socket(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(family, SocketType::STREAM, flags, Some(ipproto::SCTP))
}

const BACKLOG: i32 = 16;
