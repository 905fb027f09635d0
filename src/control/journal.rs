//! Writes each event to the log, on a thread of its own: whoever reads the log may be slow or stuck, and
//! that must not keep control from answering an lcore.

use crate::control::board::Board;
use crate::telemetry::log::{Happening, happened};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Starts the thread. It ends when `over` is set and everything is written.
pub(super) fn keep(board: Arc<Board>, over: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    let write = move || {
        let mut last = 0;
        loop {
            // Read before the events: what was told before the end is still written.
            let over = over.load(Ordering::Acquire);
            last = catch_up(&board, last);
            if over {
                return;
            }
            thread::sleep(PAUSE);
        }
    };
    thread::Builder::new().name("log".to_owned()).spawn(write)
}

/// Writes what was told after number `last`; returns the newest number written.
fn catch_up(board: &Board, mut last: u64) -> u64 {
    loop {
        let reading = board.log.after(last, AT_ONCE, |_| true);
        if let Some(gone) = reading.gone {
            tracing::warn!("some events up to number {gone} came too fast to be written here");
        }
        let Some(newest) = reading.entries.last().map(|entry| entry.id) else {
            return last;
        };
        for event in &reading.entries {
            happened(&Happening {
                event: &event.event,
                severity: &event.severity,
                cell: event.cell.as_deref(),
                slot: event.slot,
                message: &event.message,
                details: &event.details,
            });
        }
        last = newest;
    }
}

/// Events taken at a time.
const AT_ONCE: usize = 256;

/// How often the thread looks.
const PAUSE: Duration = Duration::from_millis(100);
