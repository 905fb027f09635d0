//! The control threads beside the lcores: events out, commands in, both queues bounded.
//!
//! An lcore never waits: an event that finds the queue full is counted and gone, a command waits on
//! control's side. If these threads died, the lcores would go on with the plans they are armed with.

use crate::dataplane::mailbox::{Command, Director, Event, Mailbox};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The control thread and what it shares with the lcores.
pub struct Supervisor {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Event>>,
}

impl Supervisor {
    /// Starts the thread. Before EAL, which would have it share a poll core. `mailboxes` are by lcore.
    pub fn start(
        director: impl Director + Send + 'static,
        mailboxes: Vec<Arc<Mailbox>>,
    ) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || attend(&mailboxes, &told, director))?;
        Ok(Self { over, thread })
    }

    /// Ends the thread when the lcores have stopped; returns the first events of the run.
    pub fn finish(self) -> Vec<Event> {
        self.over.store(true, Ordering::Release);
        self.thread.join().unwrap_or_default()
    }
}

/// A mailbox of the usual size.
pub fn mailbox() -> Arc<Mailbox> {
    Arc::new(Mailbox::new(COMMANDS, EVENTS))
}

fn attend(
    mailboxes: &[Arc<Mailbox>],
    over: &AtomicBool,
    mut director: impl Director,
) -> Vec<Event> {
    let mut kept = Vec::new();
    let mut commands: Vec<Command> = Vec::new();
    loop {
        // Read before the queue: what the lcore said before it stopped is still heard.
        let over = over.load(Ordering::Acquire);
        for mailbox in mailboxes {
            while let Some(event) = mailbox.hear() {
                director.on_event(event.at, &event, &mut commands);
                if kept.len() < KEPT {
                    kept.push(event);
                }
            }
            commands.retain(|command| !mailbox.post(*command));
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
