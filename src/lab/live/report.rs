//! What the processes of the lab write while they run, read by `lab status` and by tests.
//!
//! Instants are nanoseconds since the Unix epoch.

use super::super::fapi::{CableReport, L2Report, P5Report, PhyReport};
use super::super::reception::{PlaneReport, RadioReport};
use crate::ran::Instant;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// What an emulated peer sent, heard and noticed.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PeerReport {
    /// Its name.
    pub peer: String,
    /// `ru`, `du`, `l2` or `phy`.
    pub kind: String,
    /// When this was so.
    pub at_ns: u64,
    /// Frames that the interface took.
    pub sent: u64,
    /// Frames that it did not take: the link was down.
    pub not_sent: u64,
    /// Frames that were numbered and not sent, because the host gave this process its turn too late.
    pub given_up: u64,
    /// Frames heard.
    pub received: u64,
    /// Frames that found the socket full: this process was not given the time to read.
    pub overrun: u64,
    /// The latest that a frame left behind its time, microseconds: how long the host kept this process waiting.
    pub longest_lag_us: f64,
    /// When the host kept this process waiting for so long that what it plays suffers.
    pub stalls: Stalls,
    /// An RU's counts by eAxC.
    pub radio: Option<RadioReport>,
    /// What was on air, by cell of an RU.
    pub air: Vec<AirReport>,
    /// A DU's counts by cell and eAxC.
    pub uplink: Vec<UplinkReport>,
    /// What an L2 noticed.
    pub l2: Option<L2Report>,
    /// What a PHY noticed.
    pub phy: Option<PhyReport>,
    /// P5 of an L2 or a PHY, if it crosses the appliance.
    pub p5: Option<P5Report>,
    /// Frames of the appliance that an L2 or a PHY cannot take.
    pub refused: CableReport,
}

/// Times in which a process was behind by more than `Stalls::FROM_NS`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stalls {
    /// How many.
    pub count: u64,
    /// The last ones.
    pub last: VecDeque<Stall>,
}

/// From when something was due until the process had caught up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stall {
    /// When the first thing was due that was not done.
    pub from_ns: u64,
    /// When nothing was overdue any more.
    pub until_ns: u64,
}

impl Stalls {
    /// Lag from which on a process stalls, nanoseconds.
    pub const FROM_NS: i64 = 5_000_000;

    /// What is due next was due at `due`, and it is `now`.
    pub(super) fn look(&mut self, due: Instant, now: Instant) {
        if now.nanos_since(due) < Self::FROM_NS {
            return;
        }
        if let Some(last) = self.last.back_mut().filter(|last| last.until_ns >= due.0) {
            last.until_ns = now.0;
            return;
        }
        self.count += 1;
        self.last.push_back(Stall {
            from_ns: due.0,
            until_ns: now.0,
        });
        if self.last.len() > KEPT {
            self.last.pop_front();
        }
    }
}

/// Stalls that are told one by one.
const KEPT: usize = 64;

/// One cell on air: which downlink symbols reached the RU before they were given up.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AirReport {
    /// The cell.
    pub cell: String,
    /// Slots since the first downlink.
    pub slots: u64,
    /// Downlink symbols in them.
    pub symbols: u64,
    /// Symbols without any downlink U-plane: the radio was silent.
    pub silent: u64,
    /// Symbols that some streams had and others had not.
    pub partial: u64,
    /// Runs of silent or partial symbols, the first ones.
    pub outages: Vec<Outage>,
    /// Who spoke, from when, the first changes.
    pub speakers: Vec<SpeakerChange>,
}

/// Downlink symbols in a row that did not all come.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outage {
    /// Slot of the first.
    pub slot: u64,
    /// Its symbol.
    pub symbol: u8,
    /// How many.
    pub symbols: u64,
    /// When the first was on air.
    pub from_ns: u64,
    /// When the first that came again was on air; absent while it lasts.
    pub until_ns: Option<u64>,
}

/// Another DU was heard on air.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SpeakerChange {
    /// From this slot.
    pub slot: u64,
    /// From this symbol.
    pub symbol: u8,
    /// When that was on air.
    pub at_ns: u64,
    /// Who.
    pub du: String,
}

/// Uplink that reached a DU on one stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UplinkReport {
    /// The cell.
    pub cell: String,
    /// eAxC id as the DU uses it.
    pub eaxc: u16,
    /// Its U-plane.
    pub user: PlaneReport,
}

/// What a witness captured.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WitnessReport {
    /// Frames written.
    pub frames: u64,
    /// Frames after the capture was full, not written.
    pub left_out: u64,
    /// Frames that found the socket full.
    pub overrun: u64,
}

/// Reads a report.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_slice(&fs::read(path)?).map_err(io::Error::from)
}

/// Writes a report so that a reader sees the old one or the new one, never half of it.
pub(super) fn write(path: &Path, report: &impl Serialize) -> io::Result<()> {
    replace(path, &serde_json::to_vec_pretty(report)?)
}

fn replace(path: &Path, page: &[u8]) -> io::Result<()> {
    let half = path.with_extension("json.new");
    fs::write(&half, page)?;
    fs::rename(half, path)
}

/// Writes reports on a thread of its own: a disk that others keep busy does not stop whoever plays.
pub(super) struct Scribe {
    pages: SyncSender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Scribe {
    pub(super) fn new(path: PathBuf) -> Self {
        let (pages, taken) = sync_channel::<Vec<u8>>(1);
        let thread =
            thread::spawn(move || taken.into_iter().try_for_each(|page| replace(&path, &page)));
        Self { pages, thread }
    }

    /// Writes `report` soon; not at all if the one before it is still on its way. False if writing has failed.
    pub(super) fn write(&self, report: &impl Serialize) -> bool {
        let page = serde_json::to_vec_pretty(report).unwrap_or_default();
        !matches!(
            self.pages.try_send(page),
            Err(TrySendError::Disconnected(_))
        )
    }

    /// Writes the last report, behind all others.
    pub(super) fn end(self, last: &impl Serialize) -> io::Result<()> {
        let page = serde_json::to_vec_pretty(last)?;
        let _ = self.pages.send(page);
        drop(self.pages);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the scribe is gone")))
    }
}

impl PeerReport {
    /// The last report of `peer`.
    pub fn read(directory: &Path, peer: &str) -> io::Result<Self> {
        read(&directory.join(format!("{peer}.json")))
    }
}

impl WitnessReport {
    /// The last report of the witness at `port`.
    pub fn read(directory: &Path, port: &str) -> io::Result<Self> {
        read(&directory.join(format!("{port}.json")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant(ms * 1_000_000)
    }

    #[test]
    fn a_process_that_catches_up_step_by_step_has_stalled_once() {
        let mut stalls = Stalls::default();
        for (due, now) in [(100, 101), (110, 180), (120, 181), (170, 182), (183, 183)] {
            stalls.look(at(due), at(now));
        }
        assert_eq!(stalls.count, 1);
        let last = stalls
            .last
            .back()
            .map(|stall| (stall.from_ns, stall.until_ns));
        assert_eq!(last, Some((at(110).0, at(182).0)));
    }

    #[test]
    fn stalls_apart_are_counted_apart_and_the_last_are_kept() {
        let mut stalls = Stalls::default();
        for n in 1..=100 {
            stalls.look(at(n * 100), at(n * 100 + 20));
        }
        assert_eq!((stalls.count, stalls.last.len()), (100, KEPT));
        assert_eq!(
            stalls.last.back().map(|stall| stall.from_ns),
            Some(at(10_000).0)
        );
    }
}
