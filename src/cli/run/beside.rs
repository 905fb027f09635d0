//! The director on a thread of its own: events out of the lcore, commands into it, both queues bounded.
//!
//! The lcore never waits: an event that finds the queue full is counted and gone, a command waits on
//! control's side. If this thread died, the lcore would go on with the plan it is armed with.

use crate::dataplane::mailbox::{Command, Director, Event, Mailbox};
use crate::dataplane::worker::Worker;
use crate::dpdk::mbuf::Mbuf;
use crate::ran::Instant;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The director's thread and the queues to it.
pub(super) struct Beside {
    shared: Arc<Shared>,
    thread: JoinHandle<Vec<Event>>,
}

struct Shared {
    mailbox: Mailbox,
    /// Set when the lcore has stopped.
    over: AtomicBool,
}

impl Beside {
    /// Starts the thread. Before EAL, which would have it share the poll core.
    pub(super) fn start(director: impl Director + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            mailbox: Mailbox::new(COMMANDS, EVENTS),
            over: AtomicBool::new(false),
        });
        let queues = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || attend(&queues, director))?;
        Ok(Self { shared, thread })
    }

    /// The lcore's side of one turn; returns how many events were lost.
    #[inline]
    pub(super) fn exchange(&self, now: Instant, worker: &mut Worker<Mbuf>) -> u64 {
        while let Some(command) = self.shared.mailbox.take() {
            worker.command(now, &command);
        }
        let mut lost = 0;
        for event in worker.drain_events() {
            lost += u64::from(!self.shared.mailbox.say(event));
        }
        lost
    }

    /// Ends the thread; returns the first events of the run, as many as are kept.
    pub(super) fn finish(self) -> Vec<Event> {
        self.shared.over.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

fn attend(queues: &Shared, mut director: impl Director) -> Vec<Event> {
    let mut kept = Vec::new();
    let mut commands: Vec<Command> = Vec::new();
    loop {
        // Read before the queue: what the lcore said before it stopped is still heard.
        let over = queues.over.load(Ordering::Acquire);
        while let Some(event) = queues.mailbox.hear() {
            director.on_event(event.at, &event, &mut commands);
            if kept.len() < KEPT {
                kept.push(event);
            }
        }
        while let Some(command) = commands.first().copied() {
            if !queues.mailbox.post(command) {
                break;
            }
            commands.remove(0);
        }
        if over {
            return kept;
        }
        thread::sleep(PAUSE);
    }
}

/// Events that wait for control at most.
const EVENTS: usize = 4096;

/// Commands that wait for the lcore at most.
const COMMANDS: usize = 256;

/// Events kept for the report: the first ones, which explain the rest.
const KEPT: usize = 10_000;

/// How often control looks: well below a slot pattern's lead.
const PAUSE: Duration = Duration::from_millis(1);
