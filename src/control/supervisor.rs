//! The control side of a running appliance: the thread that talks to the lcores, and the API.
//!
//! Started before EAL, so that its threads do not share a poll core; what only the backend knows (buffer
//! pools, links) is attached when EAL runs and detached before it ends. If all of this died, the lcores
//! would go on with the plans they are armed with.

use crate::config::Config;
pub use crate::control::board::{Board, Machine, Seat};
use crate::control::clock;
use crate::control::controller::Controller;
use crate::control::journal;
use crate::control::p5::Spawned;
use crate::control::pump::Pump;
use crate::control::wanted::Wanted;
use crate::control::{api, apply, archivist, proxies};
use crate::dataplane::mailbox::{Event, Mailbox};
use crate::dataplane::tables::Tables;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// What control is to work with.
#[derive(Debug)]
pub struct Setup {
    /// The configuration, valid.
    pub config: Config,
    /// As it was written.
    pub text: String,
    /// Its file, read again on SIGHUP.
    pub path: Option<PathBuf>,
    /// The tables that the lcores start with, and whose term it is.
    pub tables: Arc<Tables>,
    /// One for each lcore.
    pub seats: Vec<Seat>,
}

/// The control threads and what they share with the lcores.
pub struct Supervisor {
    board: Arc<Board>,
    over: Arc<AtomicBool>,
    quiet: Arc<AtomicBool>,
    journal: JoinHandle<()>,
    pump: JoinHandle<Vec<Event>>,
    archivist: JoinHandle<()>,
    runtime: Runtime,
    /// They end with the runtime.
    _proxies: Vec<Arc<Spawned>>,
    addresses: Vec<api::Address>,
}

impl Supervisor {
    /// Starts the threads and listens where the configuration says. Before EAL, which would have them
    /// share a poll core.
    pub fn start(setup: Setup) -> io::Result<Self> {
        let started = clock::wall();
        let term = setup.tables.term;
        let director = Controller::new(&setup.config, term);
        let wanted = Wanted::new(setup.config, setup.text, setup.path, term, started);
        let (board, orders) = Board::new((Arc::new(wanted), setup.tables), setup.seats, started);
        let board = Arc::new(board);
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .max_blocking_threads(WORKERS)
            .thread_name("api")
            .enable_all()
            .build()?;
        let archivist = archivist::start(&board)?;
        let addresses = api::serve(&runtime, &board)?;
        let context = runtime.enter();
        let hangup = signal(SignalKind::hangup())?;
        drop(context);
        runtime.spawn(apply::on_hangup(Arc::clone(&board), hangup));
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let pump = Pump::new(Arc::clone(&board), director, orders);
        let pump = thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || pump.run(&told))?;
        let proxies = proxies::start(&runtime, &board)?;
        let quiet = Arc::new(AtomicBool::new(false));
        let journal = journal::keep(Arc::clone(&board), Arc::clone(&quiet))?;
        Ok(Self {
            board,
            over,
            quiet,
            journal,
            pump,
            archivist,
            runtime,
            _proxies: proxies,
            addresses,
        })
    }

    /// What control knows.
    pub const fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Where the API listens: a port of 0 in the configuration is a free one here.
    pub fn addresses(&self) -> &[api::Address] {
        &self.addresses
    }

    /// EAL runs: from now on this is asked for pools and links.
    pub fn attach(&self, machine: Arc<dyn Machine>) {
        self.board.attach(Some(machine));
    }

    /// EAL is about to end; when this returns nobody asks any more.
    pub fn detach(&self) {
        self.board.attach(None);
    }

    /// Ends the threads when the lcores have stopped; returns the first events of the run.
    pub fn finish(self) -> Vec<Event> {
        self.detach();
        self.over.store(true, Ordering::Release);
        let events = self.pump.join().unwrap_or_default();
        // What was given to it is still written.
        self.board.archive.close();
        drop(self.archivist.join());
        self.quiet.store(true, Ordering::Release);
        // If it panicked, what it had not written is lost, and nothing else.
        drop(self.journal.join());
        self.runtime.shutdown_timeout(GRACE);
        api::forget(&self.addresses);
        events
    }
}

/// A mailbox of the usual size.
pub fn mailbox() -> Arc<Mailbox> {
    Arc::new(Mailbox::new(COMMANDS, EVENTS))
}

/// Events that wait for control at most.
const EVENTS: usize = 4096;

/// Commands that wait for the lcore at most.
const COMMANDS: usize = 256;

/// Threads of the API, and again as many for what takes longer.
const WORKERS: usize = 2;

/// How long requests under way may take at the end.
const GRACE: Duration = Duration::from_millis(500);
