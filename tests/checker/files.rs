//! A run as files: the configuration, the scenario, the ingress captures with their indices, and the
//! output directory of a replay.

use super::{Frame, Inputs, Kind, Lane, ORIGINATED, Report, Scenario, Settings, pcap};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the files of a run are.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Configuration.
    pub config: PathBuf,
    /// Scenario.
    pub scenario: PathBuf,
    /// Split and restored ingress captures, each with its index.
    pub ingress: PathBuf,
    /// Output directory of the replay.
    pub out: PathBuf,
}

/// Reads a run; a scenario that lets RUs answer is a closed loop whether `closed_loop` says so or not.
pub fn load(paths: &Paths, closed_loop: bool) -> Result<Inputs, String> {
    let mut names = HashMap::new();
    let text =
        |path: &Path| fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()));
    let at = |path: &Path, error: String| format!("{}: {error}", path.display());
    let report = paths.out.join("report.json");
    let scenario = Scenario::parse(&text(&paths.scenario)?).map_err(|e| at(&paths.scenario, e))?;
    Ok(Inputs {
        settings: Settings::parse(&text(&paths.config)?).map_err(|e| at(&paths.config, e))?,
        ingress: lanes(&paths.ingress, &mut names)?,
        egress: lanes(&paths.out.join("egress"), &mut names)?,
        report: Report::parse(&text(&report)?).map_err(|e| at(&report, e))?,
        closed_loop: closed_loop || scenario.answer,
        scenario,
        slack_ns: 0,
    })
}

fn lanes(folder: &Path, names: &mut HashMap<String, u32>) -> Result<Vec<Lane>, String> {
    let fault = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut lane = |(port, path, records): (String, PathBuf, Vec<pcap::Record>)| {
        let index = path.with_extension("index.csv");
        let text = fs::read_to_string(&index).map_err(|e| fault(&index, &e))?;
        let lines = index_lines(&text, records.len(), names).map_err(|e| fault(&index, &e))?;
        let frame = |((at_ns, bytes), (input, number, kind))| Frame {
            at_ns,
            bytes,
            input,
            number,
            kind,
        };
        let frames = records.into_iter().zip(lines).map(frame).collect();
        Ok(Lane { port, frames })
    };
    pcap::folder(folder)?.into_iter().map(&mut lane).collect()
}

/// Lines of an index: input, frame, kind.
fn index_lines(
    text: &str,
    frames: usize,
    names: &mut HashMap<String, u32>,
) -> Result<Vec<(u32, u64, Kind)>, String> {
    let mut lines = text.lines();
    if lines.next() != Some("output,input,frame,kind") {
        return Err("the header is not output,input,frame,kind".to_owned());
    }
    let parsed = lines
        .enumerate()
        .map(|(position, line)| {
            index_line(position, line, names).ok_or(format!("line {}: {line}", position + 2))
        })
        .collect::<Result<Vec<_>, _>>()?;
    match parsed.len() == frames {
        true => Ok(parsed),
        false => Err(format!("{} lines for {frames} frames", parsed.len())),
    }
}

fn index_line(
    position: usize,
    line: &str,
    names: &mut HashMap<String, u32>,
) -> Option<(u32, u64, Kind)> {
    let mut columns = line.rsplitn(3, ',');
    let kind = match columns.next()? {
        "forwarded" => Kind::Forwarded,
        "copy" => Kind::Copy,
        "part" => Kind::Part,
        _ => return None,
    };
    let number = columns.next()?;
    let (output, input) = columns.next()?.split_once(',')?;
    if output.parse::<usize>().ok()? != position + 1 {
        return None;
    }
    if input == "originated" {
        return Some((ORIGINATED, 0, kind));
    }
    let next = names.len() as u32;
    Some((
        *names.entry(input.to_owned()).or_insert(next),
        number.parse().ok()?,
        kind,
    ))
}
