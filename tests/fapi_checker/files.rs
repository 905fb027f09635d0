//! A run as files: the configuration, the captures of what arrived and what left, the report of the replay.

use super::value::{self, from_json};
use super::{Cause, Frame, Inputs, Lane, Settings, Switch, pcap};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the files of a run are.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Configuration.
    pub config: PathBuf,
    /// Captures of what arrived, one for each port.
    pub ingress: PathBuf,
    /// Output directory of the replay.
    pub out: PathBuf,
}

/// Reads a run whose indications stray by at most `slack_ns`.
pub fn load(paths: &Paths, slack_ns: u64) -> Result<Inputs, String> {
    let text =
        |path: &Path| fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let settings = Settings::parse(&text(&paths.config)?)?;
    let report = from_json(&text(&paths.out.join("report.json"))?)?;
    let start = value::integer(&report["start_ns"]).ok_or("report: no start_ns")? as u64;
    let mut switches = Vec::new();
    for (kind, of) in [("migrations", planned as Reads), ("failovers", failover)] {
        for entry in report[kind].as_array().into_iter().flatten() {
            let switch = switch(entry, start, of);
            switches.push(switch.ok_or(format!("{kind}: not understood: {entry}"))?);
        }
    }
    switches.sort_by_key(|switch| switch.cause.at_ns());
    let events = report["events"].as_array().into_iter().flatten();
    let readmitted = events.filter(|event| event["kind"] == "readmitted");
    let readmitted = readmitted.filter_map(|event| {
        let member = value::text(&event["member"])?;
        Some((member, instant(&event["at_ns"], start)?))
    });
    Ok(Inputs {
        settings,
        ingress: lanes(&paths.ingress)?,
        egress: lanes(&paths.out.join("egress"))?,
        switches,
        readmitted: readmitted.collect(),
        slack_ns,
        ..Inputs::default()
    })
}

/// Reads why a switch was made; instants of a report count from its `start_ns`.
type Reads = fn(&Value, u64) -> Option<Cause>;

fn switch(entry: &Value, start: u64, cause: Reads) -> Option<Switch> {
    Some(Switch {
        cell: value::text(&entry["cell"])?,
        slot: value::integer(&entry["boundary_slot"])?,
        from: value::text(&entry["from"])?,
        to: value::text(&entry["to"])?,
        cause: cause(entry, start)?,
    })
}

fn planned(entry: &Value, start: u64) -> Option<Cause> {
    let commanded_ns = instant(&entry["commanded_ns"], start)?;
    Some(Cause::Planned { commanded_ns })
}

fn failover(entry: &Value, start: u64) -> Option<Cause> {
    Some(Cause::Failover {
        detected_ns: instant(&entry["detected_ns"], start)?,
        last_heard_ns: instant(&entry["last_heard_ns"], start)?,
    })
}

fn instant(value: &Value, start: u64) -> Option<u64> {
    start.checked_add_signed(value::integer(value)?)
}

fn lanes(folder: &Path) -> Result<Vec<Lane>, String> {
    let captures = pcap::folder(folder)?.into_iter();
    let lane = |(port, _, records): (String, PathBuf, Vec<pcap::Record>)| Lane {
        port,
        frames: records
            .into_iter()
            .map(|(at_ns, bytes)| Frame { at_ns, bytes })
            .collect(),
    };
    Ok(captures.map(lane).collect())
}
