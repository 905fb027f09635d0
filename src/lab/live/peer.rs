//! The process of one peer: send what is due, hear what came, write counters, until told to stop.

use super::super::plan::{Plan, PlanError};
use super::du::Du;
use super::fapi;
use super::raw::{Hearing, Raw};
use super::report::{PeerReport, Scribe};
use super::ru::Ru;
use super::{Part, now};
use crate::config::Config;
use crate::ran::Instant;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who plays, and where.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Name of the RU, DU, L2 or PHY.
    pub peer: String,
    /// Its interface.
    pub interface: String,
    /// Largest frame payload there, bytes.
    pub mtu: u16,
    /// Where `PEER.json` is written.
    pub directory: PathBuf,
}

/// Why a peer does not play.
#[derive(Debug)]
pub enum PeerError {
    /// Nobody of that name.
    Unknown(String),
    /// The traffic cannot be made.
    Plan(PlanError),
    /// The interface cannot be opened.
    Interface(String, pcap::Error),
    /// The L2 cannot listen where P5 is spoken.
    P5(SocketAddr, io::Error),
    /// The counters cannot be written.
    Report(PathBuf, io::Error),
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "{name} is no RU, DU, L2 or PHY of the configuration"),
            Self::Plan(error) => write!(f, "{error}"),
            Self::Interface(name, error) => write!(f, "interface {name}: {error}"),
            Self::P5(address, error) => write!(f, "P5 at {address}: {error}"),
            Self::Report(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for PeerError {}

/// Plays one peer of `config` until `stop`, from now on, whenever `plan` starts.
pub fn play(
    config: &Config,
    plan: &Plan,
    options: &PeerOptions,
    stop: &AtomicBool,
) -> Result<(), PeerError> {
    let mut report = PeerReport {
        peer: options.peer.clone(),
        ..PeerReport::default()
    };
    let raw = Raw::open(&options.interface, options.mtu, Hearing::Incoming)
        .map_err(|error| PeerError::Interface(options.interface.clone(), error))?;
    let mut plan = plan.clone();
    plan.start = now().offset(HEAD_START);
    let mut part = part(config, &plan, options, &mut report)?;
    let Some(part) = part.as_deref_mut() else {
        return Err(PeerError::Unknown(options.peer.clone()));
    };
    let path = options.directory.join(format!("{}.json", options.peer));
    let mut turn = Turn {
        raw,
        report,
        written: now(),
        scribe: Scribe::new(path.clone()),
    };
    let mut writing = turn.write(part);
    while writing && !stop.load(Ordering::Relaxed) {
        turn.look(part);
        turn.send(part);
        turn.hear(part);
        if now().nanos_since(turn.written) >= REPORT_EVERY {
            writing = turn.write(part);
        }
        turn.rest(part);
    }
    turn.hear(part);
    turn.count(part);
    let Turn { scribe, report, .. } = turn;
    let ended = scribe.end(&report);
    ended.map_err(|error| PeerError::Report(path, error))
}

fn part(
    config: &Config,
    plan: &Plan,
    options: &PeerOptions,
    report: &mut PeerReport,
) -> Result<Option<Box<dyn Part>>, PeerError> {
    let named = |name: &String| *name == options.peer;
    if let Some(ru) = config.rus.iter().position(|ru| named(&ru.name)) {
        report.kind = "ru".to_owned();
        let ru = Ru::new(config, ru, plan).map_err(PeerError::Plan)?;
        return Ok(Some(Box::new(ru)));
    }
    let Some(du) = config.dus.iter().position(|du| named(&du.peer.name)) else {
        return fapi::part(config, plan, &options.peer, report);
    };
    report.kind = "du".to_owned();
    let du = Du::new(config, du, plan).map_err(PeerError::Plan)?;
    Ok(Some(Box::new(du)))
}

/// What a peer needs to go on.
struct Turn {
    raw: Raw,
    report: PeerReport,
    written: Instant,
    scribe: Scribe,
}

impl Turn {
    /// Notes how far behind this process is.
    fn look(&mut self, part: &mut dyn Part) {
        let at = now();
        self.report.stalls.look(self.wake(part), at);
    }

    /// Sends what is due, and what would be due before this process could wake again.
    fn send(&mut self, part: &mut dyn Part) {
        for _ in 0..BATCH {
            let at = now();
            let Some(due) = part.next_at().filter(|due| *due <= at.offset(EARLY)) else {
                return;
            };
            let lag = at.nanos_since(due) as f64 / 1e3;
            self.report.longest_lag_us = self.report.longest_lag_us.max(lag);
            let Some(frame) = part.pop() else {
                return;
            };
            if lag > GIVEN_UP_US {
                self.report.given_up += 1;
                continue;
            }
            match self.raw.send(frame) {
                true => self.report.sent += 1,
                false => self.report.not_sent += 1,
            }
        }
    }

    fn hear(&mut self, part: &mut dyn Part) {
        let before = now();
        let heard = self
            .raw
            .drain(BATCH, |at, frame, len| part.hear(at, frame, len));
        self.report.received += heard as u64;
        if heard < BATCH {
            part.settle(before);
        }
    }

    /// False if reports cannot be written any more.
    fn write(&mut self, part: &dyn Part) -> bool {
        self.count(part);
        self.scribe.write(&self.report)
    }

    fn count(&mut self, part: &dyn Part) {
        self.written = now();
        self.report.at_ns = self.written.0;
        self.report.overrun = self.raw.overrun();
        part.tell(&mut self.report);
    }

    fn rest(&self, part: &mut dyn Part) {
        let wake = self.wake(part);
        if let Ok(nanos @ 1..) = u64::try_from(wake.nanos_since(now())) {
            self.raw.wait(nanos);
        }
    }

    /// When there is something to do, if nothing comes.
    fn wake(&self, part: &mut dyn Part) -> Instant {
        let report = self.written.offset(REPORT_EVERY);
        part.next_at().map_or(report, |due| report.min(due))
    }
}

/// Frames sent or heard before the other is looked at.
const BATCH: usize = 64;
/// Nanoseconds that a frame may leave early: less than it takes to fall asleep and wake.
const EARLY: i64 = 10_000;
/// Microseconds of lag from which on a frame is not sent any more: a peer that is behind does not get
/// further behind by telling the past.
const GIVEN_UP_US: f64 = 50_000.0;
/// From the start of a peer to the air time of its first slot, nanoseconds.
const HEAD_START: i64 = 100_000_000;
/// Nanoseconds between two reports.
const REPORT_EVERY: i64 = 100_000_000;
