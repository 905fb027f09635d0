//! What control last knew, between the one thread that talks to the lcores and everybody who asks.
//!
//! The pump writes, the API reads; orders go the other way through a bounded queue. Locks are held for
//! copies of pointers only, so that no reader can hold up the pump.

use crate::control::archivist::Archive;
use crate::control::clock;
use crate::control::event_log::{EventLog, Told};
use crate::control::p5;
use crate::control::prb_meter::{PrbMeter, Window};
use crate::control::status::Mempool;
use crate::control::tidings::Tiding;
use crate::control::wanted::Wanted;
use crate::dataplane::counters::PortLosses;
use crate::dataplane::mailbox::{Action, Boundary, Event, Mailbox, Refusal};
use crate::dataplane::observation::{Load, Observation};
use crate::dataplane::replacement::Replacement;
use crate::dataplane::tables::Tables;
use crate::ran::{CellId, Duration, Instant, PortId, SlotCount};
use crate::telemetry::tally::Tally;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// What control may ask of the machine under the lcores, which only the backend knows.
pub trait Machine: Send + Sync {
    /// Buffer pools and their use now.
    fn mempools(&self) -> Vec<Mempool>;

    /// What the driver says of the link; false for a port that does not exist.
    fn link_up(&self, port: PortId) -> bool;

    /// What a port has lost before it was received, if its driver counts.
    fn losses(&self, port: PortId) -> Option<PortLosses>;

    /// Whether what the lcores do survives the process; `None` if it is not meant to.
    fn live_state_kept(&self) -> Option<bool> {
        None
    }
}

/// One lcore as control sees it: where it runs and how to talk to it; the tables say what is its work.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Commands, events and parcels.
    pub mailbox: Arc<Mailbox>,
    /// Number of the lcore.
    pub lcore: u32,
    /// Core that it runs on.
    pub core: u32,
    /// Idle policy: `spin`, `pause` or `sleep`.
    pub idle: String,
}

/// The last reports of one lcore.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// The last observation.
    pub now: Option<Arc<Observation>>,
    /// The load in the one before.
    pub before: Load,
    /// When the last one came, by the steady clock.
    pub heard_ns: u64,
}

impl Sight {
    fn take(&mut self, observation: Observation) {
        let before = self.now.as_ref().map(|now| now.load);
        self.before = before.unwrap_or_default();
        self.heard_ns = clock::steady();
        self.now = Some(Arc::new(observation));
    }
}

/// What is wanted and what the lcores last said of it; they change together.
#[derive(Clone, Debug)]
pub struct Known {
    /// The configuration in force.
    pub wanted: Arc<Wanted>,
    /// The tables compiled from it.
    pub tables: Arc<Tables>,
    /// The last reports, in order of `seats`.
    pub sights: Vec<Sight>,
}

/// The answer to a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It holds from a slot.
    Accepted {
        /// Its number.
        command: u32,
        /// From this slot.
        boundary: SlotCount,
    },
    /// It was refused.
    Refused {
        /// Why.
        why: Refusal,
    },
}

/// Why a command has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// Too many commands wait already.
    Busy,
    /// The lcore did not answer in time.
    Silent,
}

/// What somebody asks the pump to do.
#[derive(Debug)]
pub(super) enum Order {
    Command {
        /// Of the configuration under which the names were looked up.
        term: u64,
        cell: CellId,
        boundary: Boundary,
        action: Action,
        /// Who wants it.
        by: Arc<str>,
        answer: oneshot::Sender<Answer>,
    },
    Replace(Box<Renewal>),
}

/// A configuration on its way to the lcores.
#[derive(Debug)]
pub(super) struct Renewal {
    pub(super) wanted: Arc<Wanted>,
    pub(super) tables: Arc<Tables>,
    /// One for each lcore, in order of `seats`.
    pub(super) replacements: Vec<Replacement>,
    /// What is retired goes back, to be freed where nothing waits for it.
    pub(super) answer: oneshot::Sender<Vec<Replacement>>,
}

/// The board.
pub struct Board {
    /// Version of the program.
    pub version: &'static str,
    /// When the process started.
    pub started: Instant,
    /// What happened.
    pub log: EventLog,
    /// Flight recordings.
    pub archive: Archive,
    /// Held by whoever puts a configuration in force.
    pub(super) applying: tokio::sync::Mutex<()>,
    seats: Vec<Seat>,
    known: Mutex<Known>,
    meters: Mutex<Vec<PrbMeter>>,
    tally: Mutex<Tally>,
    machine: Mutex<Option<Arc<dyn Machine>>>,
    /// Views of the P5 proxies, with the names of their cells.
    proxies: Mutex<Vec<(String, watch::Receiver<p5::View>)>>,
    orders: SyncSender<Order>,
}

impl Board {
    pub(super) fn new(
        (wanted, tables): (Arc<Wanted>, Arc<Tables>),
        seats: Vec<Seat>,
        started: Instant,
    ) -> (Self, Receiver<Order>) {
        let (orders, taken) = sync_channel(ORDERS);
        let board = Self {
            version: env!("CARGO_PKG_VERSION"),
            started,
            log: EventLog::new(WEIGHTY, FREQUENT),
            archive: Archive::default(),
            applying: tokio::sync::Mutex::new(()),
            meters: Mutex::new(meters(&wanted)),
            tally: Mutex::default(),
            known: Mutex::new(Known {
                wanted,
                tables,
                sights: vec![Sight::default(); seats.len()],
            }),
            seats,
            machine: Mutex::new(None),
            proxies: Mutex::default(),
            orders,
        };
        (board, taken)
    }

    /// The configuration in force.
    pub fn wanted(&self) -> Arc<Wanted> {
        Arc::clone(&held(&self.known).wanted)
    }

    /// What is wanted and what is, as of one moment.
    pub fn known(&self) -> Known {
        held(&self.known).clone()
    }

    /// The lcores.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The last reports of every lcore, in order of `seats`.
    pub fn sights(&self) -> Vec<Sight> {
        held(&self.known).sights.clone()
    }

    /// How long ago the lcore that answered least lately did, by the steady clock.
    pub fn silence(&self) -> Duration {
        let now = clock::steady();
        let known = held(&self.known);
        let longest = known
            .sights
            .iter()
            .map(|sight| now.saturating_sub(sight.heard_ns));
        Duration::from_nanos(longest.max().unwrap_or_default())
    }

    /// PRB use of a cell over its last window; `None` if nothing was measured lately.
    pub fn prb_use(&self, cell: CellId, now: Instant) -> Option<Window> {
        held(&self.meters).get(cell.index())?.last(now)
    }

    /// What the machine says of its buffer pools; nothing before EAL runs and after it has ended.
    pub fn mempools(&self) -> Vec<Mempool> {
        let machine = held(&self.machine);
        machine
            .as_ref()
            .map_or_else(Vec::new, |machine| machine.mempools())
    }

    /// What the driver says of a port's link.
    pub fn link_up(&self, port: PortId) -> bool {
        let machine = held(&self.machine);
        machine
            .as_ref()
            .is_some_and(|machine| machine.link_up(port))
    }

    /// What a port has lost before it was received, if its driver counts.
    pub fn losses(&self, port: PortId) -> Option<PortLosses> {
        held(&self.machine).as_ref()?.losses(port)
    }

    /// What the P5 proxy of `cell` says of itself, if the cell has one.
    pub fn p5(&self, cell: &str) -> Option<p5::View> {
        let proxies = held(&self.proxies);
        let (_, view) = proxies.iter().find(|(name, _)| name == cell)?;
        Some(view.borrow().clone())
    }

    pub(super) fn show_p5(&self, cell: String, view: watch::Receiver<p5::View>) {
        held(&self.proxies).push((cell, view));
    }

    /// Whether what the lcores do survives the process; `None` if it is not meant to, or not known yet.
    pub fn live_state_kept(&self) -> Option<bool> {
        held(&self.machine).as_ref()?.live_state_kept()
    }

    /// Gives a command to the lcore of its cell, as `by` wants it, and waits for the answer.
    ///
    /// `cell` and `action` mean something under the configuration of `term`; the lcore refuses them if
    /// another is in force by then.
    pub async fn command(
        &self,
        term: u64,
        (cell, boundary, action): (CellId, Boundary, Action),
        by: Arc<str>,
    ) -> Result<Answer, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Command {
            term,
            cell,
            boundary,
            action,
            by,
            answer,
        };
        self.orders.try_send(order).map_err(|_| Unanswered::Busy)?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(Unanswered::Silent),
        }
    }

    /// What has added up for the metrics.
    pub fn tally(&self) -> Tally {
        held(&self.tally).clone()
    }

    /// The API has answered a request.
    pub fn answered(&self, route: &str, code: u16) {
        held(&self.tally).request(route, code);
    }

    pub(super) fn heard(&self, event: &Event) {
        let wanted = self.wanted();
        held(&self.tally).event(&wanted.record.names, event);
    }

    /// Gives every lcore its replacement and waits until all are in force.
    pub(super) async fn put_in_force(
        &self,
        (wanted, tables): (Arc<Wanted>, Arc<Tables>),
        replacements: Vec<Replacement>,
    ) -> Result<(), Unanswered> {
        let (answer, answered) = oneshot::channel();
        let renewal = Renewal {
            wanted,
            tables,
            replacements,
            answer,
        };
        self.orders
            .try_send(Order::Replace(Box::new(renewal)))
            .map_err(|_| Unanswered::Busy)?;
        match tokio::time::timeout(APPLY_PATIENCE, answered).await {
            Ok(Ok(retired)) => {
                drop(retired);
                Ok(())
            }
            _ => Err(Unanswered::Silent),
        }
    }

    /// The lcores work by another configuration, and this is what they say of it.
    pub(super) fn renewed(
        &self,
        wanted: Arc<Wanted>,
        tables: Arc<Tables>,
        observations: Vec<Observation>,
    ) {
        *held(&self.meters) = meters(&wanted);
        let mut known = held(&self.known);
        known.wanted = wanted;
        known.tables = tables;
        for (sight, observation) in known.sights.iter_mut().zip(observations) {
            sight.take(observation);
        }
    }

    /// Says something of control's own.
    pub fn say(&self, tiding: Tiding) {
        self.log.push(Told::Control(tiding), &self.wanted());
    }

    pub(super) fn attach(&self, machine: Option<Arc<dyn Machine>>) {
        *held(&self.machine) = machine;
    }

    pub(super) fn saw(&self, seat: usize, observation: Observation) {
        if let Some(seat) = self.seats.get(seat) {
            held(&self.tally).observation(seat.lcore, &observation);
        }
        if let Some(sight) = held(&self.known).sights.get_mut(seat) {
            sight.take(observation);
        }
    }

    /// An lcore has answered, with what is shown later.
    pub(super) fn heard_from(&self, seat: usize) {
        if let Some(sight) = held(&self.known).sights.get_mut(seat) {
            sight.heard_ns = clock::steady();
        }
    }

    pub(super) fn begin_watch(&self) {
        let now = clock::steady();
        for sight in &mut held(&self.known).sights {
            sight.heard_ns = now;
        }
    }

    pub(super) fn measured(&self, cell: CellId, at: Instant, used: &[u32; 8]) {
        if let Some(meter) = held(&self.meters).get_mut(cell.index()) {
            meter.add(at, used);
        }
    }
}

/// A lock's content, also after a panic of another holder: every value is whole at each step.
pub(super) fn held<T: ?Sized>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn meters(wanted: &Wanted) -> Vec<PrbMeter> {
    let cells = wanted.config.cells.iter();
    let window = |cell: &crate::config::model::Cell| {
        cell.sharing
            .adaptive
            .map_or(WINDOW, |adaptive| adaptive.window)
    };
    cells.map(|cell| PrbMeter::new(window(cell))).collect()
}

/// The window of PRB use without an adaptive pattern.
const WINDOW: Duration = Duration::from_millis(100);

/// Events kept that an operator must not miss.
const WEIGHTY: usize = 8192;

/// Events kept of the kinds that come all the time.
const FREQUENT: usize = 4096;

/// Orders that wait for the pump at most.
const ORDERS: usize = 64;

/// How long a configuration may take to be in force.
const APPLY_PATIENCE: std::time::Duration = std::time::Duration::from_secs(4);

/// How long a command may go unanswered.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);
