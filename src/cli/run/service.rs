//! What the service manager is told: ready, stopping, and alive while every lcore makes progress.
//!
//! Without systemd (no NOTIFY_SOCKET) nothing is said to anybody.

use super::post::Shared;
use sd_notify::{NotifyState, notify, watchdog_enabled};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The thread that talks to the service manager.
pub(super) struct Service {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Service {
    /// Starts the thread; before EAL, so that it keeps off the poll cores.
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::Builder::new()
            .name("service".to_owned())
            .spawn(move || attend(&shared, &told))?;
        Ok(Self { over, thread })
    }

    /// Ends the thread.
    pub(super) fn finish(self) {
        self.over.store(true, Ordering::Release);
        // It does nothing that could fail.
        let _ = self.thread.join();
    }
}

fn attend(shared: &Shared, over: &AtomicBool) {
    let mut ready = Once(false);
    let mut stopping = Once(false);
    let mut seen = vec![0; shared.pulses.len()];
    let beats = watchdog_enabled().map(looks_a_beat);
    for look in 0u64.. {
        if over.load(Ordering::Acquire) {
            break;
        }
        ready.say(shared.ready.load(Ordering::Acquire), NotifyState::Ready);
        stopping.say(shared.stop.load(Ordering::Relaxed), NotifyState::Stopping);
        if beats.is_some_and(|beats| look.is_multiple_of(beats)) && progressed(shared, &mut seen) {
            tell(NotifyState::Watchdog);
        }
        thread::sleep(LOOK);
    }
    stopping.say(true, NotifyState::Stopping);
}

/// Whether every lcore has made a turn since it was last asked.
fn progressed(shared: &Shared, seen: &mut [u64]) -> bool {
    let mut all = true;
    for (pulse, seen) in shared.pulses.iter().zip(seen) {
        let turns = pulse.turns.load(Ordering::Relaxed);
        all &= turns != *seen;
        *seen = turns;
    }
    all
}

/// Three beats within the watchdog's time.
fn looks_a_beat(watchdog: Duration) -> u64 {
    (watchdog.as_millis() / 3 / LOOK.as_millis()).max(1) as u64
}

/// Something said once.
struct Once(bool);

impl Once {
    fn say(&mut self, due: bool, state: NotifyState<'_>) {
        if due && !self.0 {
            self.0 = true;
            tell(state);
        }
    }
}

/// A manager that cannot be told notices by itself.
fn tell(state: NotifyState<'_>) {
    let _ = notify(&[state]);
}

const LOOK: Duration = Duration::from_millis(20);
