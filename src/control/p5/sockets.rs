//! Connections of one proxy: one to the L2, tried once a second, and one from each PHY, known by its address.
//!
//! One task owns the proxy and never waits for a peer; one task for each connection reads and writes it.
//! Everything between them is bounded: who sends faster than it is heard is read more slowly, who does not
//! read is disconnected.

mod line;

use super::happening::{Happening, Reason, What};
use super::proxy::{Input, Life, Output, Proxy};
use super::settings::{Settings, Transport, Unusable};
use super::view::View;
use super::{sctp, stream::Framer};
use crate::control::clock;
use crate::control::tidings::Tiding;
use crate::ran::{Instant, MemberId};
use line::{Line, Note, Peer};
use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Tells the lcores what became of a member. Must not block.
pub type Running = Box<dyn FnMut(MemberId, Life) + Send>;

/// Tells people what happened. Must not block.
pub type Tell = Box<dyn FnMut(Tiding) + Send>;

/// A proxy that runs. Dropped, it ends with its connections.
#[derive(Debug)]
pub struct Spawned {
    active: watch::Sender<MemberId>,
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
    address: SocketAddr,
}

impl Spawned {
    /// Another member is active: the L2 hears that one from now on.
    pub fn set_active(&self, member: MemberId) {
        self.active.send_replace(member);
    }

    /// What people may ask of it, now and later.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Where PHYs connect to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Why a proxy cannot start.
#[derive(Debug)]
pub enum StartError {
    /// Its settings cannot work.
    Unusable(Unusable),
    /// SCTP is wanted, and the kernel has none.
    NoSctp,
    /// It cannot listen for PHYs.
    Listen(SocketAddr, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(unusable) => unusable.fmt(f),
            Self::NoSctp => f.write_str(
                "P5 is to use SCTP, and this kernel has none: load it (`modprobe sctp`; its module may be in a \
                 package of extra modules), or set `transport: tcp` here, at the L2 and at the PHYs",
            ),
            Self::Listen(address, error) => {
                write!(f, "P5 cannot listen for PHYs on {address}: {error}")
            }
        }
    }
}

impl std::error::Error for StartError {}

/// Starts a proxy on the runtime that this is called in.
pub fn spawn(settings: Settings, running: Running, tell: Tell) -> Result<Spawned, StartError> {
    settings.check().map_err(StartError::Unusable)?;
    let listener = listen(&settings)?;
    let address = listener
        .local_addr()
        .map_err(|error| StartError::Listen(settings.listen, error))?;
    let (active, changes) = watch::channel(settings.active);
    let (notes, heard) = mpsc::channel(NOTES);
    let phys = settings.members.iter().map(|_| None).collect();
    let proxy = Proxy::new(settings);
    let (shown, view) = watch::channel(proxy.view());
    let hub = Hub {
        phys,
        proxy,
        shown,
        l2: None,
        connecting: None,
        reached: false,
        _accepting: line::accept(listener, notes.clone()),
        lines: 0,
        strangers: 0,
        notes,
        running,
        tell,
    };
    let task = tokio::spawn(hub.run(changes, heard));
    Ok(Spawned {
        active,
        view,
        task,
        address,
    })
}

fn listen(settings: &Settings) -> Result<TcpListener, StartError> {
    let failed = |error| StartError::Listen(settings.listen, error);
    let listener = match settings.transport {
        Transport::Tcp => std::net::TcpListener::bind(settings.listen).map_err(failed)?,
        Transport::Sctp => sctp::listen(settings.listen)?,
    };
    listener.set_nonblocking(true).map_err(failed)?;
    TcpListener::from_std(listener).map_err(failed)
}

/// The task that owns the proxy.
struct Hub {
    proxy: Proxy,
    shown: watch::Sender<View>,
    l2: Option<Line>,
    phys: Vec<Option<Line>>,
    /// The attempts to reach the L2.
    connecting: Option<line::Task>,
    /// The L2 was reached before.
    reached: bool,
    _accepting: line::Task,
    /// Connections there have been.
    lines: u64,
    /// Connections of nobody that is configured.
    strangers: u32,
    notes: mpsc::Sender<Note>,
    running: Running,
    tell: Tell,
}

impl Hub {
    async fn run(
        mut self,
        mut changes: watch::Receiver<MemberId>,
        mut heard: mpsc::Receiver<Note>,
    ) {
        loop {
            let due = self.proxy.due();
            tokio::select! {
                Some(note) = heard.recv() => self.hear(note),
                Ok(()) = changes.changed() => {
                    let member = *changes.borrow_and_update();
                    self.drive(Input::Active(member));
                }
                () = until(due) => self.drive(Input::Tick),
            }
        }
    }

    /// A connection to where PHYs connect to.
    fn accept(&mut self, stream: TcpStream, from: IpAddr) {
        let Some(member) = self.proxy.settings().member_at(from) else {
            self.strangers = self.strangers.saturating_add(1);
            if self.strangers.is_power_of_two() {
                self.happened(None, What::Stranger(from));
            }
            return;
        };
        if self
            .line(Peer::Phy(member))
            .is_some_and(|line| line.is_some())
        {
            // It knows better than we do that the old connection is dead.
            self.drive(Input::Broken(Some(member), Reason::Replaced));
        }
        self.begin(Peer::Phy(member), stream);
        self.drive(Input::PhyConnected(member));
    }

    fn hear(&mut self, note: Note) {
        match note {
            Note::Connected(stream) => {
                self.connecting = None;
                self.reached = true;
                self.begin(Peer::L2, stream);
                self.drive(Input::L2Connected);
            }
            Note::Accepted(stream, from) => self.accept(stream, from),
            Note::Unreachable(kind) => self.happened(None, What::Unreachable(kind)),
            Note::Message(peer, number, bytes) if self.is_current(peer, number) => {
                self.drive(match peer {
                    Peer::L2 => Input::L2(bytes),
                    Peer::Phy(member) => Input::Phy(member, bytes),
                });
            }
            Note::Ended(peer, number, reason) if self.is_current(peer, number) => {
                if let Some(line) = self.line(peer) {
                    *line = None;
                }
                self.drive(match (peer, reason) {
                    (Peer::L2, None) => Input::L2Gone,
                    (Peer::L2, Some(reason)) => Input::Broken(None, reason),
                    (Peer::Phy(member), None) => Input::PhyGone(member),
                    (Peer::Phy(member), Some(reason)) => Input::Broken(Some(member), reason),
                });
            }
            // Of a connection that is over.
            Note::Message(..) | Note::Ended(..) => {}
        }
    }

    fn begin(&mut self, peer: Peer, stream: TcpStream) {
        let settings = self.proxy.settings();
        prepare(&stream, settings);
        self.lines += 1;
        let framer = Framer::new(settings.dialect);
        let line = Line::begin((peer, self.lines), stream, framer, self.notes.clone());
        if let Some(place) = self.line(peer) {
            *place = Some(line);
        }
    }

    /// Takes an input, and whatever follows from it.
    fn drive(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let outputs = self.proxy.take(input, now());
            inputs.extend(
                outputs
                    .into_iter()
                    .filter_map(|output| self.carry_out(output)),
            );
        }
        let view = self.proxy.view();
        self.shown.send_if_modified(|shown| {
            let is_new = *shown != view;
            *shown = view;
            is_new
        });
    }

    /// Does what the proxy wants; what comes of it.
    fn carry_out(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::ConnectL2 => {
                let settings = self.proxy.settings();
                let way = (settings.transport, settings.l2);
                self.connecting = Some(line::reach(way, self.reached, self.notes.clone()));
            }
            Output::L2(bytes) => {
                let broken = self.l2.as_ref().is_some_and(|line| !line.send(bytes));
                return broken.then_some(Input::Broken(None, Reason::NotReading));
            }
            Output::Phy(member, bytes) => {
                let line = self.line(Peer::Phy(member))?.as_ref()?;
                let broken = !line.send(bytes);
                return broken.then_some(Input::Broken(Some(member), Reason::NotReading));
            }
            Output::CloseL2 => {
                self.connecting = None;
                self.l2 = None;
            }
            Output::ClosePhy(member) => *self.line(Peer::Phy(member))? = None,
            Output::Running(member, life) => (self.running)(member, life),
            Output::Happened(happening) => self.say(&happening),
        }
        None
    }

    fn line(&mut self, peer: Peer) -> Option<&mut Option<Line>> {
        match peer {
            Peer::L2 => Some(&mut self.l2),
            Peer::Phy(member) => self.phys.get_mut(member.index()),
        }
    }

    fn is_current(&mut self, peer: Peer, number: u64) -> bool {
        let line = self.line(peer).and_then(|line| line.as_ref());
        line.is_some_and(|line| line.number() == number)
    }

    fn happened(&mut self, member: Option<MemberId>, what: What) {
        self.say(&Happening { member, what });
    }

    fn say(&mut self, happening: &Happening) {
        let tiding = happening.tiding(clock::wall(), self.proxy.settings());
        (self.tell)(tiding);
    }
}

/// Has the kernel notice a dead peer, and send at once.
fn prepare(stream: &TcpStream, settings: &Settings) {
    use rustix::net::sockopt;
    if settings.transport == Transport::Sctp {
        // Its own heartbeats notice.
        return sctp::prepare(stream, settings.dialect);
    }
    // All of it only makes things better.
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, Duration::from_secs(5));
    let _ = sockopt::set_tcp_keepintvl(stream, Duration::from_secs(1));
    let _ = sockopt::set_tcp_keepcnt(stream, 5);
}

/// Nanoseconds of a clock that never steps: the proxy only compares them.
fn now() -> Instant {
    Instant(clock::steady())
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep(Duration::from_nanos(due.0.saturating_sub(now().0))).await,
        None => pending().await,
    }
}

/// Messages and ends of connections on their way to the proxy, of all connections together.
const NOTES: usize = 16;
/// Between attempts to reach the L2, as OAI's PNF waits.
const RETRY: Duration = Duration::from_secs(1);
