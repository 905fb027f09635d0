//! `ranshift check`: says whether configuration files are what they should be, before anything runs.
//!
//! Everything wrong is reported at once, on standard output because it is the result that was asked for.

use super::Exit;
use crate::config::model::Cell;
use crate::config::scenario::{self, Scenario};
use crate::config::{self, Config, Loaded, Problem, Problems, place};
use serde::Serialize;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Check configuration files: all problems at once, each with line, key and what would be accepted
#[derive(clap::Args)]
pub(super) struct Check {
    /// Configuration files (YAML)
    #[arg(value_name = "FILE", required_unless_present = "reference")]
    files: Vec<PathBuf>,

    /// Scenario file, checked against the one configuration FILE; may be repeated
    #[arg(long, value_name = "FILE", requires = "files")]
    scenario: Vec<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,

    /// Print the reference of all keys (Markdown) and do nothing else
    #[arg(long, exclusive = true)]
    reference: bool,
}

impl Check {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        if self.reference {
            out.write_all(config::reference().as_bytes())?;
            return Ok(Exit::Done);
        }
        if !self.scenario.is_empty() && self.files.len() != 1 {
            eprintln!("ranshift: --scenario goes with exactly one configuration FILE");
            return Ok(Exit::Usage);
        }
        let mut reports = Vec::new();
        for file in &self.files {
            let (report, config) = judge(file);
            reports.push(report);
            if let Some(config) = config {
                let scenarios = self.scenario.iter();
                reports.extend(scenarios.map(|scenario| judge_scenario(scenario, &config)));
            }
        }
        if self.json {
            let files = serde_json::json!({ "files": reports });
            writeln!(out, "{files:#}")?;
        } else {
            reports.iter().try_for_each(|report| report.print(out))?;
        }
        if reports.iter().all(|report| report.ok) {
            return Ok(Exit::Done);
        }
        Ok(Exit::Usage)
    }
}

/// What is said about one file.
#[derive(Serialize)]
struct Report {
    file: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Summary {
    Configuration {
        ports: usize,
        rus: usize,
        dus: usize,
        cells: Vec<CellSummary>,
    },
    Scenario {
        captures: usize,
        actions: usize,
        faults: usize,
        expectations: usize,
    },
}

#[derive(Serialize)]
struct CellSummary {
    name: String,
    ru: String,
    active: String,
    standby: Vec<String>,
}

fn judge(file: &Path) -> (Report, Option<Config>) {
    match config::load(file) {
        Ok(Loaded { config, warnings }) => {
            let summary = Some(Summary::of(&config));
            let file = file.display().to_string();
            let problems = Vec::new();
            let report = Report {
                file,
                ok: true,
                summary,
                problems,
                warnings,
            };
            (report, Some(config))
        }
        Err(problems) => (Report::refusal(problems), None),
    }
}

fn judge_scenario(file: &Path, config: &Config) -> Report {
    match scenario::load(file, config) {
        Ok(scenario) => Report {
            file: file.display().to_string(),
            ok: true,
            summary: Some(Summary::of_scenario(&scenario)),
            problems: Vec::new(),
            warnings: Vec::new(),
        },
        Err(problems) => Report::refusal(problems),
    }
}

impl Report {
    fn refusal(problems: Problems) -> Self {
        Self {
            file: problems.file,
            ok: false,
            summary: None,
            problems: problems.problems,
            warnings: problems.warnings,
        }
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        for warning in &self.warnings {
            writeln!(out, "{}warning: {warning}", place(&self.file, warning.mark))?;
        }
        for problem in &self.problems {
            writeln!(out, "{}{problem}", place(&self.file, problem.mark))?;
        }
        match &self.summary {
            Some(summary) => {
                write!(out, "{}: OK, ", self.file)?;
                summary.print(out)
            }
            None => writeln!(
                out,
                "{}: {}",
                self.file,
                count(self.problems.len(), "problem")
            ),
        }
    }
}

impl Summary {
    fn of(config: &Config) -> Self {
        Self::Configuration {
            ports: config.ports.len(),
            rus: config.rus.len(),
            dus: config.dus.len(),
            cells: config
                .cells
                .iter()
                .map(|cell| CellSummary::of(cell, config))
                .collect(),
        }
    }

    fn of_scenario(scenario: &Scenario) -> Self {
        let expect = &scenario.expect;
        Self::Scenario {
            captures: scenario.captures.len(),
            actions: scenario.actions.len(),
            faults: scenario.faults.len(),
            expectations: expect.counters.len() + expect.invariants.len() + expect.events.len(),
        }
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Configuration {
                ports,
                rus,
                dus,
                cells,
            } => {
                let parts = [
                    (*ports, "port"),
                    (*rus, "RU"),
                    (*dus, "DU"),
                    (cells.len(), "cell"),
                ];
                writeln!(
                    out,
                    "{}",
                    parts.map(|(number, noun)| count(number, noun)).join(", ")
                )?;
                cells.iter().try_for_each(|cell| cell.print(out))
            }
            Self::Scenario {
                captures,
                actions,
                faults,
                expectations,
            } => {
                let parts = [
                    (*captures, "capture"),
                    (*actions, "action"),
                    (*faults, "fault"),
                    (*expectations, "expectation"),
                ];
                writeln!(
                    out,
                    "{}",
                    parts.map(|(number, noun)| count(number, noun)).join(", ")
                )
            }
        }
    }
}

impl CellSummary {
    fn of(cell: &Cell, config: &Config) -> Self {
        let member = |at: usize| {
            let member = cell.members.get(at);
            member
                .map_or("", |member| config.member_name(member))
                .to_owned()
        };
        Self {
            name: cell.name.clone(),
            ru: config.fixed_side(cell).to_owned(),
            active: member(cell.active.index()),
            standby: cell
                .failover
                .standby
                .iter()
                .map(|id| member(id.index()))
                .collect(),
        }
    }

    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            name,
            ru,
            active,
            standby,
        } = self;
        let standby = match standby.as_slice() {
            [] => "no standby armed".to_owned(),
            names => format!("standby {}", names.join(", ")),
        };
        writeln!(out, "  {name}: {ru} served by {active}, {standby}")
    }
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], json: bool) -> (Exit, String) {
        let check = Check {
            files: files.iter().map(PathBuf::from).collect(),
            scenario: Vec::new(),
            json,
            reference: false,
        };
        let mut out = Vec::new();
        let exit = check.run(&mut out).unwrap();
        (exit, String::from_utf8(out).unwrap())
    }

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/one-cell-two-dus.yaml");

    #[test]
    fn a_good_file_is_summed_up() {
        let (exit, text) = check(&[EXAMPLE], false);
        assert_eq!(exit, Exit::Done);
        let expected =
            "OK, 3 ports, 1 RU, 2 DUs, 1 cell\n  cell-1: ru-1 served by du-1, standby du-2\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn one_bad_file_among_good_ones_decides_the_exit_code() {
        let (exit, text) = check(&[EXAMPLE, "no/such.yaml"], false);
        assert_eq!(exit, Exit::Usage);
        assert!(text.contains("no/such.yaml: cannot be read: "), "{text}");
        assert!(text.ends_with("no/such.yaml: 1 problem\n"), "{text}");
    }

    #[test]
    fn json_is_one_object_with_every_file() {
        let (exit, text) = check(&[EXAMPLE, "no/such.yaml"], true);
        assert_eq!(exit, Exit::Usage);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["files"][0]["ok"], true);
        assert_eq!(
            value["files"][0]["summary"]["cells"][0]["standby"][0],
            "du-2"
        );
        assert_eq!(value["files"][1]["problems"][0]["line"], 0);
    }
}
