//! A P5 proxy with its VNF and PNFs, all on loopback: PNF n connects from 127.0.0.(10 + n).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "stops at the first surprise"
)]

use ranshift::control::p5::stream::Framer;
use ranshift::control::p5::{
    Answer, Life, MemberSettings, Settings, Spawned, Transport, sctp, spawn,
};
use ranshift::ran::MemberId;
use ranshift::wire::nfapi::{Dialect, PhyId};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Runs a test that waits for what it expects; one that waits in vain ends after minutes, not never.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let in_time = async { tokio::time::timeout(Duration::from_secs(300), test).await };
    runtime
        .block_on(in_time)
        .expect("what was waited for never came");
}

/// The proxy and everything around it.
pub(crate) struct Stage {
    pub(crate) spawned: Spawned,
    transport: Transport,
    l2: SocketAddr,
    vnf: Option<TcpListener>,
    ran: UnboundedReceiver<(MemberId, bool)>,
    told: UnboundedReceiver<String>,
}

impl Stage {
    pub(crate) fn new(transport: Transport) -> Self {
        let vnf = listener(transport, loopback(1, 0));
        let l2 = vnf.local_addr().unwrap();
        Self::with(transport, l2, Some(vnf))
    }

    /// Nobody listens where the VNF should.
    pub(crate) fn without_vnf(transport: Transport) -> Self {
        // An address that no other test uses, so that its port stays free.
        let l2 = listener(transport, loopback(77, 0)).local_addr().unwrap();
        Self::with(transport, l2, None)
    }

    fn with(transport: Transport, l2: SocketAddr, vnf: Option<TcpListener>) -> Self {
        let (runs, ran) = unbounded_channel();
        let (tells, told) = unbounded_channel();
        let spawned = spawn(
            settings(transport, l2),
            Box::new(move |member, life| {
                runs.send((member, life == Life::Runs)).unwrap_or_default()
            }),
            Box::new(move |tiding| drop(tells.send(tiding.message))),
        );
        Self {
            spawned: spawned.unwrap(),
            transport,
            l2,
            vnf,
            ran,
            told,
        }
    }

    /// The VNF listens at last.
    pub(crate) fn listen(&mut self) {
        self.vnf = Some(listener(self.transport, self.l2));
    }

    /// The VNF, as soon as it is connected to.
    pub(crate) async fn vnf(&mut self) -> Peer {
        let (stream, _) = self.vnf.as_ref().unwrap().accept().await.unwrap();
        Peer::new(stream)
    }

    /// A PNF that is connected, and known to be.
    pub(crate) async fn phy(&mut self, member: MemberId) -> Peer {
        let peer = self.connect_from(10 + member.0).await;
        self.told(&format!("phy-{} is connected", member.0)).await;
        peer
    }

    pub(crate) async fn connect_from(&self, last: u8) -> Peer {
        let to = self.spawned.address();
        Peer::new(match self.transport {
            Transport::Tcp => {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind(loopback(last, 0)).unwrap();
                socket.connect(to).await.unwrap()
            }
            Transport::Sctp => {
                let stream = sctp::connect(Some(loopback(last, 0)), to).unwrap();
                let stream = TcpStream::from_std(stream).unwrap();
                stream.writable().await.unwrap();
                assert!(stream.take_error().unwrap().is_none());
                stream
            }
        })
    }

    /// Waits for the next that begins or ceases to run.
    pub(crate) async fn ran(&mut self) -> (MemberId, bool) {
        self.ran.recv().await.unwrap()
    }

    /// Waits until people are told something that contains `words`.
    pub(crate) async fn told(&mut self, words: &str) {
        while !self.told.recv().await.unwrap().contains(words) {}
    }
}

/// One end of a connection.
pub(crate) struct Peer {
    stream: TcpStream,
    framer: Framer,
}

impl Peer {
    const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            framer: Framer::new(Dialect::OaiNfapi),
        }
    }

    pub(crate) async fn write(&mut self, message: &[u8]) {
        self.stream.write_all(message).await.unwrap();
    }

    /// The next message. Nothing is lost if the wait for it is given up.
    pub(crate) async fn read(&mut self) -> Vec<u8> {
        let mut bytes = [0; 4_096];
        loop {
            if let Some(message) = self.framer.next_message().unwrap() {
                return message;
            }
            let len = self.stream.read(&mut bytes).await.unwrap();
            assert_ne!(len, 0, "the connection ended");
            self.framer.extend(&bytes[..len]);
        }
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) {
        let mut bytes = [0; 4_096];
        while let Ok(1..) = self.stream.read(&mut bytes).await {}
    }
}

/// Two members with the PHY_ID of OAI on both sides.
pub(crate) fn settings(transport: Transport, l2: SocketAddr) -> Settings {
    let members = (0..2).map(|index: u8| MemberSettings {
        name: format!("phy-{index}"),
        address: loopback(10 + index, 0).ip(),
        phy: PhyId(1),
        p7: SocketAddrV4::new(Ipv4Addr::new(10, 2, index, 1), 50_010),
    });
    Settings {
        cell: "cell-1".to_owned(),
        dialect: Dialect::OaiNfapi,
        transport,
        l2,
        listen: loopback(1, 0),
        l2_phy: PhyId(1),
        l2_p7: SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), 50_010),
        answer: Answer::Active,
        // Beyond the end of any test.
        answer_within: ranshift::ran::Duration::from_millis(600_000),
        active: MemberId(0),
        members: members.collect(),
    }
}

fn listener(transport: Transport, address: SocketAddr) -> TcpListener {
    let listener = match transport {
        Transport::Tcp => std::net::TcpListener::bind(address).unwrap(),
        Transport::Sctp => sctp::listen(address).unwrap(),
    };
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

fn loopback(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), port)
}
