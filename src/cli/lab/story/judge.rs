//! What a story must have shown, what it did show, and whether the host let it.

use super::{LiveTraffic, Seen, table};
use crate::cli::calendar;
use crate::control::status::Event;
use crate::lab::live::{AirReport, PeerReport};
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// What was seen of an act.
pub(super) trait Evidence {
    /// What must be so after it.
    fn expectations(&self) -> Vec<Expectation>;
    /// Migration and failover in lines.
    fn tell(&self, out: &mut dyn Write) -> io::Result<()>;
}

/// One thing that must be so.
pub(super) struct Expectation {
    what: &'static str,
    expected: String,
    found: String,
}

impl Expectation {
    /// `what` was expected to be one thing and found to be another, or the same.
    pub(super) fn new(what: &'static str, expected: &str, found: String) -> Self {
        Self {
            what,
            expected: expected.to_owned(),
            found,
        }
    }

    /// The story broke off.
    pub(super) fn broken(problem: &str) -> Self {
        Self {
            what: "the story",
            expected: "to be played to its end".to_owned(),
            found: problem.to_owned(),
        }
    }

    /// True if it is so.
    pub(super) fn holds(&self) -> bool {
        self.expected == self.found
    }
}

/// What the host did to the peers and to the appliance.
pub(super) struct Trouble {
    given_up: u64,
    overrun: u64,
    missing: u64,
    peer_lag_us: f64,
    appliance_gap_us: Option<f64>,
}

impl Trouble {
    /// Of a lab that is down, its files in `dir`, and the peers in it.
    pub(super) fn of(dir: &Path, peers: &[&str]) -> Self {
        let peers = peers.iter();
        let peers = peers.map(|name| PeerReport::read(dir, name).unwrap_or_default());
        let peers: Vec<PeerReport> = peers.collect();
        let text = fs::read_to_string(dir.join("appliance.json")).unwrap_or_default();
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        let counters = report.get("counters").and_then(Value::as_object);
        let missing = counters
            .into_iter()
            .flatten()
            .filter(|(name, _)| name.starts_with("peers.") && name.ends_with(".missing"));
        let lcores = report.get("lcores").and_then(Value::as_array);
        let gaps = lcores.into_iter().flatten();
        let gaps = gaps.filter_map(|lcore| lcore.get("longest_gap_us")?.as_f64());
        Self {
            given_up: peers.iter().map(|peer| peer.given_up).sum(),
            overrun: peers.iter().map(|peer| peer.overrun).sum(),
            missing: missing.filter_map(|(_, count)| count.as_u64()).sum(),
            peer_lag_us: peers
                .iter()
                .map(|peer| peer.longest_lag_us)
                .fold(0.0, f64::max),
            appliance_gap_us: gaps.reduce(f64::max),
        }
    }

    /// True if a failed expectation may be the host's doing. Frames that the kernel took from a DU and
    /// found no room for at the appliance are missing there.
    pub(super) fn is_any(&self) -> bool {
        let stalled = |us: f64| us > STALL_US;
        self.given_up + self.overrun + self.missing > 0
            || stalled(self.peer_lag_us)
            || self.appliance_gap_us.is_some_and(stalled)
    }
}

impl Evidence for Seen {
    fn expectations(&self) -> Vec<Expectation> {
        expectations(self)
    }

    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        changes(out, self)
    }
}

/// What must be so after the fronthaul's act.
fn expectations(seen: &Seen) -> Vec<Expectation> {
    let boundary = seen.accepted.boundary_slot;
    let change = |air: &AirReport, du: &str| {
        let mut speakers = air.speakers.iter().skip(1);
        let found = speakers.find(|change| change.du == du);
        found.map(|change| format!("slot {} symbol {}", change.slot, change.symbol))
    };
    let speakers: Vec<&str> = seen.last.speakers.iter().map(|c| c.du.as_str()).collect();
    let failovers = named(&seen.events, "failover").count();
    let lost = |before: &AirReport, after: &AirReport| {
        let lost = |air: &AirReport| air.silent + air.partial;
        format!("{} symbols lost", lost(after).saturating_sub(lost(before)))
    };
    let row = Expectation::new;
    vec![
        row(
            "speakers at the RU",
            "du-a, du-b, du-a",
            speakers.join(", "),
        ),
        row(
            "du-b speaks from",
            &format!(
                "slot {} symbol 0",
                LiveTraffic::small_downlink_from(boundary)
            ),
            change(&seen.migrated, "du-b").unwrap_or_else(|| "never".to_owned()),
        ),
        row(
            "migration",
            "0 symbols lost",
            lost(&seen.steady, &seen.migrated),
        ),
        row("failovers", "1", failovers.to_string()),
        row(
            "two DUs on one symbol",
            "0",
            seen.radio_sum(|stream| stream.two_senders).to_string(),
        ),
        row(
            "sequence numbers lost at the RU",
            "0",
            seen.radio_sum(|stream| stream.user.missing + stream.control.missing)
                .to_string(),
        ),
        row(
            "sequence numbers that came twice",
            "0",
            seen.radio_sum(|stream| stream.user.duplicates + stream.control.duplicates)
                .to_string(),
        ),
    ]
}

impl Seen {
    fn radio_sum(&self, of: impl Fn(&crate::lab::StreamReport) -> u64) -> u64 {
        let radios = self.peers.iter().filter_map(|peer| peer.radio.as_ref());
        radios.flat_map(|radio| &radio.streams).map(of).sum()
    }
}

/// What the host did, and what was expected and not found.
pub(super) fn tell(
    out: &mut dyn Write,
    expectations: &[Expectation],
    trouble: &Trouble,
) -> io::Result<()> {
    let gap = trouble.appliance_gap_us.map_or_else(
        || "not told".to_owned(),
        |gap| format!("{:.2} ms", gap / 1e3),
    );
    writeln!(
        out,
        "host      longest gap of the appliance {gap}, of a peer {:.2} ms; {} frames given up, \
         {} lost on full sockets",
        trouble.peer_lag_us / 1e3,
        trouble.given_up,
        trouble.overrun + trouble.missing,
    )?;
    for row in expectations.iter().filter(|row| !row.holds()) {
        let Expectation {
            what,
            expected,
            found,
        } = row;
        writeln!(out, "expected  {what}: {expected}; found {found}")?;
    }
    Ok(())
}

/// Migration, failover and outage.
fn changes(out: &mut dyn Write, seen: &Seen) -> io::Result<()> {
    let lost = |air: &AirReport| air.silent + air.partial;
    let migration = lost(&seen.migrated).saturating_sub(lost(&seen.steady));
    writeln!(out, "migrated  {migration} downlink symbols lost at the RU")?;
    if let Some(line) = failover(&seen.events) {
        writeln!(out, "failover  {line}")?;
    }
    let known = seen.migrated.outages.len();
    for outage in seen.last.outages.iter().skip(known) {
        writeln!(out, "outage    {}", table::outage(outage))?;
    }
    Ok(())
}

/// Times of the failover, from the events of the appliance.
pub(super) fn failover(events: &[Event]) -> Option<String> {
    let event = named(events, "failover").next()?;
    let text = |key: &str| {
        event
            .details
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("?")
    };
    let at = |key: &str| event.details.get(key).and_then(Value::as_u64).unwrap_or(0);
    let heard = at("last_heard_ns");
    let after = |ns: u64| ns.saturating_sub(heard) as f64 / 1e6;
    let first = named(events, "mode").find(|mode| mode.id > event.id);
    let first = first.map_or_else(
        || "no frame of the standby".to_owned(),
        |mode| format!("first frame of the standby at +{:.2} ms", after(mode.at_ns)),
    );
    Some(format!(
        "{} -> {}: last heard at {}, due at +{:.2} ms, detected at +{:.2} ms, {first}",
        text("from"),
        text("to"),
        calendar::time_of_day(heard),
        after(at("due_ns")),
        after(event.at_ns),
    ))
}

pub(super) fn named<'a>(events: &'a [Event], kind: &'a str) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| event.event == kind)
}

/// A process that waits longer than this for its turn sends too late for the lab's `grace`.
const STALL_US: f64 = 10_000.0;
