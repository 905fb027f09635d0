//! `report.json` as the checker reads it: counters, events, migrations and failovers. What is read here
//! is a claim; the rules hold it against the captures.

use super::settings::pattern;
use super::value::{self, from_json};
use serde_json::Value;
use std::collections::BTreeMap;

/// The parts of a report that matter here.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The first frame of all captures, Unix nanoseconds; 0 if it is not told.
    pub start: u64,
    /// By dotted name.
    pub counters: BTreeMap<String, i64>,
    /// In order.
    pub events: Vec<Event>,
    /// Planned switches.
    pub migrations: Vec<Migration>,
    /// Unplanned ones.
    pub failovers: Vec<Failover>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub at: u64,
    /// In which cell.
    pub cell: String,
    /// The slot on air, as the box counts.
    pub slot: i64,
    /// What.
    pub what: Happening,
}

/// What an event says; members by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// From this slot these speak: one, or source and destination. The last flag: by failover.
    Mode(Vec<String>, i64, bool),
    /// A pattern from this slot.
    Pattern(Vec<bool>, i64),
    /// The command of this number was refused.
    Refused(i64),
    /// A member is fenced.
    Fenced(String),
    /// A member is readmitted.
    Readmitted(String),
    /// A pooled member is assigned, or let go.
    Assigned(String, bool),
    /// Owner-wins gave way to splitting.
    CplaneMismatch,
    /// Anything else.
    Other,
}

/// One planned switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The cell.
    pub cell: String,
    /// Where to: one member, or two joined by `+`.
    pub to: String,
    /// When commanded, Unix nanoseconds.
    pub commanded: Option<u64>,
    /// From this slot.
    pub boundary: i64,
}

/// One unplanned switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// The cell.
    pub cell: String,
    /// The lost member.
    pub from: String,
    /// Who took over.
    pub to: String,
    /// When the lost member was last heard, Unix nanoseconds.
    pub last_heard: Option<u64>,
    /// When decided, Unix nanoseconds.
    pub detected: u64,
    /// From this slot; none if the standby has not spoken since.
    pub boundary: Option<i64>,
}

impl Report {
    /// Reads a `report.json`.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::from_value(&from_json(text)?)
    }

    /// From a parsed `report.json`, whose times count from `start_ns`.
    pub fn from_value(root: &Value) -> Result<Self, String> {
        let counters = root["counters"].as_object().ok_or("report: no counters")?;
        let start = value::integer(&root["start_ns"]).unwrap_or(0) as u64;
        let numbers = counters
            .iter()
            .filter_map(|(name, count)| Some((name.clone(), value::integer(count)?)));
        Ok(Self {
            start,
            counters: numbers.collect(),
            events: list(root, "events", |item| event(item, start))?,
            migrations: list(root, "migrations", |item| migration(item, start))?,
            failovers: list(root, "failovers", |item| failover(item, start))?,
        })
    }

    /// A counter; 0 if it is not there.
    pub fn counter(&self, name: &str) -> i64 {
        self.counters.get(name).copied().unwrap_or(0)
    }
}

fn list<T>(root: &Value, key: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, String> {
    let items = root[key].as_array().into_iter().flatten();
    items
        .map(|item| read(item).ok_or(format!("report: {key}: not understood: {item}")))
        .collect()
}

fn event(item: &Value, start: u64) -> Option<Event> {
    let name = |key: &str| value::text(&item[key]);
    let boundary = value::integer(&item["boundary"]);
    let what = match name("kind")?.as_str() {
        "mode" => {
            let by_failover = name("cause").as_deref() == Some("failover");
            let speakers = name("mode")?.split('+').map(str::to_owned).collect();
            match name("cause").as_deref() {
                Some("start") => Happening::Other,
                _ => Happening::Mode(speakers, boundary?, by_failover),
            }
        }
        "pattern" => Happening::Pattern(pattern(&name("pattern")?), boundary?),
        "refused" => Happening::Refused(value::integer(&item["command"])?),
        "fenced" => Happening::Fenced(name("member")?),
        "readmitted" => Happening::Readmitted(name("member")?),
        "assigned" => Happening::Assigned(name("member")?, value::flag(&item["assigned"])),
        "cplane_mismatch" => Happening::CplaneMismatch,
        _ => Happening::Other,
    };
    Some(Event {
        at: instant(&item["at_ns"], start)?,
        cell: name("cell").unwrap_or_default(),
        slot: value::integer(&item["slot"]).unwrap_or(0),
        what,
    })
}

fn instant(value: &Value, start: u64) -> Option<u64> {
    start.checked_add_signed(value::integer(value)?)
}

fn migration(item: &Value, start: u64) -> Option<Migration> {
    Some(Migration {
        cell: value::text(&item["cell"])?,
        to: value::text(&item["to"])?,
        commanded: instant(&item["commanded_ns"], start),
        boundary: value::integer(&item["boundary_slot"])?,
    })
}

fn failover(item: &Value, start: u64) -> Option<Failover> {
    Some(Failover {
        cell: value::text(&item["cell"])?,
        from: value::text(&item["from"])?,
        to: value::text(&item["to"])?,
        last_heard: instant(&item["last_heard_ns"], start),
        detected: instant(&item["detected_ns"], start)?,
        boundary: value::integer(&item["boundary_slot"]),
    })
}
