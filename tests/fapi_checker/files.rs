//! A run as files: the configuration, the captures of what arrived and what left, the report of the replay.

use super::value::{self, from_json};
use super::{Cause, Frame, Inputs, Lane, Settings, Switch, pcap};
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
    let mut switches = Vec::new();
    for (kind, of) in [("migrations", planned as Reads), ("failovers", failover)] {
        for entry in report[kind].as_array().into_iter().flatten() {
            let cause = of(entry).ok_or(format!("{kind}: not understood: {entry}"))?;
            let name = |key: &str| value::text(&entry[key]).unwrap_or_default();
            switches.push(Switch {
                cell: name("cell"),
                slot: value::integer(&entry["boundary_slot"]).unwrap_or(0),
                from: name("from"),
                to: name("to"),
                cause,
            });
        }
    }
    switches.sort_by_key(|switch| switch.cause.at_ns());
    Ok(Inputs {
        settings,
        ingress: lanes(&paths.ingress)?,
        egress: lanes(&paths.out.join("egress"))?,
        switches,
        slack_ns,
        ..Inputs::default()
    })
}

type Reads = fn(&serde_json::Value) -> Option<Cause>;

fn planned(entry: &serde_json::Value) -> Option<Cause> {
    let commanded_ns = value::integer(&entry["commanded_ns"])? as u64;
    Some(Cause::Planned { commanded_ns })
}

fn failover(entry: &serde_json::Value) -> Option<Cause> {
    Some(Cause::Failover {
        detected_ns: value::integer(&entry["detected_ns"])? as u64,
        last_heard_ns: value::integer(&entry["last_heard_ns"])? as u64,
    })
}

fn lanes(folder: &Path) -> Result<Vec<Lane>, String> {
    let fault = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let entries = fs::read_dir(folder).map_err(|e| fault(folder, &e))?;
    let mut captures: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pcap")
        })
        .collect();
    captures.sort();
    let lane = |path: &PathBuf| {
        let file = fs::read(path).map_err(|e| fault(path, &e))?;
        let records = pcap::read(&file).map_err(|e| fault(path, &e))?;
        let frames = records
            .into_iter()
            .map(|(at_ns, bytes)| Frame { at_ns, bytes });
        Ok(Lane {
            port: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            frames: frames.collect(),
        })
    };
    captures.iter().map(lane).collect()
}
