//! Processes told apart from later ones of the same number by when they started.

use rustix::process::{Pid, Signal, kill_process, setpriority_process};
use serde::{Deserialize, Serialize};
use std::fs;
use std::thread;
use std::time::Duration;

/// A process, alive or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in the kernel's ticks since boot.
    pub started: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        let (started, _) = stat(pid as i32)?;
        Some(Self {
            pid: pid as i32,
            started,
        })
    }

    /// True while it runs; a process that ended but was not waited for does not run.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_some_and(|(started, runs)| started == self.started && runs)
    }

    /// Sends a signal if it is alive.
    pub fn signal(self, signal: Signal) -> bool {
        let pid = Pid::from_raw(self.pid).filter(|_| self.is_alive());
        pid.is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    /// Asks the kernel to serve it before others, which only root may; false if it is not done.
    pub fn prefer(self) -> bool {
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) else {
            return false;
        };
        let session = format!("/proc/{}/autogroup", self.pid);
        let among_sessions = fs::write(session, PREFERRED.to_string());
        among_sessions.is_ok() && setpriority_process(Some(pid), PREFERRED).is_ok()
    }

    /// Waits until it has ended, at most for `limit`; false if it has not.
    pub fn wait_end(self, limit: Duration) -> bool {
        let steps = limit.as_millis() / STEP.as_millis();
        for _ in 0..steps.max(1) {
            if !self.is_alive() {
                return true;
            }
            thread::sleep(STEP);
        }
        !self.is_alive()
    }
}

/// Start time of a process, and whether it runs.
fn stat(pid: i32) -> Option<(u64, bool)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((started, !matches!(state, "Z" | "X")))
}

/// A nice value: far ahead of compilers, behind nothing that keeps the machine alive.
const PREFERRED: i32 = -10;
const STEP: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_number_alone_does_not_name_it() {
        let me = Process::of(std::process::id()).unwrap();
        assert!(me.is_alive());
        let earlier = Process {
            started: me.started.wrapping_add(1),
            ..me
        };
        assert!(!earlier.is_alive());
        assert!(!earlier.signal(Signal::CONT));
    }
}
