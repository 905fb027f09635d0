//! `ranshift replay`: captures through the appliance in virtual time, judged by a scenario.
//!
//! `stage` turns what is written into what is played, `folder` keeps the output apart from what is not
//! ours, `expect` compares, `table` tells the terminal. The run itself is `crate::replay::run`.

mod expect;
mod flight;
mod folder;
mod played;
mod radios;
mod stage;
mod table;
mod watch;

use super::{Exit, commands};
use crate::config::{self, Config, scenario::Scenario};
use crate::control::{compile, controller::Controller, names::names};
use crate::dataplane::{
    run_record::Names,
    worker::{Clock, Worker},
};
use crate::ran::PortId;
use crate::replay::{
    arrivals::{Input, Merge},
    faults::Faults,
    judge::Judge,
    recorder::Recorder,
    run::{Cast, Peer, run},
    sink::Sink,
};
use crate::telemetry;
use folder::{Folder, Unusable};
use played::Played;
use radios::Radio;
use signal_hook::consts::SIGINT;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use watch::Watched;

/// Replay captures through the appliance in virtual time and judge what comes out
#[derive(clap::Args)]
pub(super) struct Replay {
    /// Configuration of the appliance (YAML)
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "recording"
    )]
    config: Option<PathBuf>,
    /// What enters, what is commanded, what goes wrong and what must come out (YAML)
    #[arg(long, value_name = "FILE", required_unless_present_any = ["inputs", "recording"])]
    scenario: Option<PathBuf>,
    /// Folder for captures per egress port, report.json and report.html
    #[arg(long, value_name = "DIR", required_unless_present = "recording")]
    out: Option<PathBuf>,
    /// Decide the frames of a flight recording again and hold every verdict against what was said then
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "scenario", "inputs", "write_ingress", "answer"])]
    recording: Option<PathBuf>,
    /// Take the frames of PORT from FILE instead of the scenario's captures (repeatable)
    #[arg(long = "in", value_name = "PORT=FILE", value_parser = port_and_file)]
    inputs: Vec<(String, PathBuf)>,
    /// Write what enters each port, split and restored, into DIR as well
    #[arg(long, value_name = "DIR")]
    write_ingress: Option<PathBuf>,
    /// Emulate the RUs: they answer what is let through, and captured frames of their ports are left out
    #[arg(long)]
    answer: bool,
}

/// What a replay is made of, read and checked.
struct Stage {
    config: Config,
    scenario: Scenario,
    inputs: Vec<Input>,
    /// RUs are emulated.
    answer: bool,
    names: Names,
}

/// Why a replay does not start, in words, and how the process ends then.
struct Refusal(Exit, String);

impl Replay {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let played = match &self.recording {
            Some(recording) => flight::replay(out, recording, self.out.as_deref())?,
            None => self.play(out)?,
        };
        match played {
            Ok(exit) => Ok(exit),
            Err(Refusal(exit, words)) => {
                eprintln!("ranshift: {words}");
                Ok(exit)
            }
        }
    }

    fn play(&self, out: &mut dyn Write) -> io::Result<Result<Exit, Refusal>> {
        let played = self.stage().and_then(|stage| {
            let folder = self.folder(&stage)?;
            let played = self
                .perform(&stage, &folder)
                .inspect_err(|Refusal(_, words)| {
                    // The first complaint is told; that the folder cannot be marked adds nothing to it.
                    let _ = folder.mark_incomplete(words);
                })?;
            Ok((stage, folder, played))
        });
        let (stage, folder, played) = match played {
            Ok(played) => played,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let report = played.report(&stage, self.config(), self.scenario.as_deref());
        let page = telemetry::picture::render(&played.record, &report);
        let written = folder
            .write("report.html", &page)
            .and_then(|()| folder.write_report(&report));
        played.tell(out, &stage, self.out())?;
        Ok(match (written, &played.cut_short) {
            (Err(words), _) => Err(Refusal(Exit::Environment, words)),
            (Ok(()), Some(cut_short)) => Err(Refusal(played.exit(), cut_short.to_string())),
            (Ok(()), None) => Ok(played.exit()),
        })
    }

    /// Given, or clap would have refused.
    fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(""))
    }

    /// Given, or clap would have refused.
    fn out(&self) -> &Path {
        self.out.as_deref().unwrap_or(Path::new(""))
    }

    /// Reads and checks everything that is written.
    fn stage(&self) -> Result<Stage, Refusal> {
        let refused = |problems: config::Problems| Refusal(Exit::Usage, problems.to_string());
        let loaded = config::load(self.config()).map_err(refused)?;
        for warning in &loaded.warnings {
            let place = config::place(&self.config().display().to_string(), warning.mark);
            eprintln!("{place}warning: {warning}");
        }
        let config = loaded.config;
        let scenario = match &self.scenario {
            Some(path) => config::scenario::load(path, &config).map_err(refused)?,
            None => Scenario::default(),
        };
        let names = names(&config);
        let base = self.scenario.as_ref().and_then(|path| path.parent());
        let mut inputs = stage::inputs(
            &scenario,
            base.unwrap_or(Path::new("")),
            &self.overrides(&names)?,
        );
        let answer = self.answer || scenario.answer;
        if answer {
            stage::leave_out_radios(&mut inputs, &config);
        }
        Ok(Stage {
            config,
            scenario,
            inputs,
            answer,
            names,
        })
    }

    fn overrides(&self, names: &Names) -> Result<Vec<(PortId, PathBuf)>, Refusal> {
        let port = |(port, file): &(String, PathBuf)| {
            let position = names.ports.iter().position(|name| name == port);
            match position {
                Some(position) => Ok((PortId(position as u8), file.clone())),
                None => Err(Refusal(
                    Exit::Usage,
                    format!("--in {port}=...: the ports are {}", names.ports.join(", ")),
                )),
            }
        };
        self.inputs.iter().map(port).collect()
    }

    fn folder(&self, stage: &Stage) -> Result<Folder, Refusal> {
        let refused = |unusable| match unusable {
            Unusable::Foreign(words) => Refusal(Exit::Usage, words),
            Unusable::System(words) => Refusal(Exit::Environment, words),
        };
        if let Some(ingress) = &self.write_ingress {
            folder::check_ingress(ingress, &stage.names.ports, &stage.inputs).map_err(refused)?;
        }
        Folder::prepare(self.out(), &stage.inputs).map_err(refused)
    }

    /// The run itself.
    fn perform(&self, stage: &Stage, folder: &Folder) -> Result<Played, Refusal> {
        let outside = |error: &dyn std::fmt::Display| Refusal(Exit::Environment, error.to_string());
        let tables = Arc::new(compile::compile(&stage.config, commands::TERM));
        let mut worker = Worker::new(Arc::clone(&tables), Clock::Stamps);
        let merge = Merge::open(&stage.inputs).map_err(|error| outside(&error))?;
        let faults = Faults::new(merge, &stage::faults(&stage.scenario, &stage.config));
        let mut arrivals = Watched::new(faults, bytes(&stage.inputs));
        let start = arrivals.faults.start().map_err(|error| outside(&error))?;
        let start = start.unwrap_or_default();
        let files: Vec<String> = stage
            .inputs
            .iter()
            .map(|input| input.name.clone())
            .collect();
        let sink = |path: &Path| {
            Sink::new(path, &stage.names.ports, &files).map_err(|error| outside(&error))
        };
        let mut radios = match stage.answer {
            true => Radio::all(&stage.config).map_err(|error| outside(&error))?,
            false => Vec::new(),
        };
        let mut peers: Vec<&mut dyn Peer> = Vec::new();
        peers.extend(radios.iter_mut().map(|radio| radio as &mut dyn Peer));
        let stop = interrupted().map_err(|error| outside(&error))?;
        let cast = Cast {
            director: &mut Controller::new(&stage.config, commands::TERM),
            peers: &mut peers,
            actions: &commands::actions(&stage.scenario, start),
            egress: sink(&folder.egress())?,
            ingress: self.write_ingress.as_deref().map(sink).transpose()?,
            recorder: Recorder::new(stage::timings(&stage.config)).with_fapi(&tables),
            judge: Judge::new(stage::addresses(&stage.config)),
            stop: &stop,
        };
        let outcome = run(&mut worker, &mut arrivals, cast);
        let faults = arrivals.finish();
        let played = Played::new(stage, start, outcome, worker.counters(), &faults);
        Ok(match stage.answer {
            true => played.with_radios(Radio::reports(&radios)),
            false => played,
        })
    }
}

/// `PORT=FILE`.
fn port_and_file(written: &str) -> Result<(String, PathBuf), String> {
    match written.split_once('=') {
        Some((port, file)) if !port.is_empty() && !file.is_empty() => {
            Ok((port.to_owned(), file.into()))
        }
        _ => Err("expected PORT=FILE".into()),
    }
}

/// Size of all inputs; a file that cannot be looked at is missed when it is opened.
fn bytes(inputs: &[Input]) -> u64 {
    let sizes = inputs.iter().filter_map(|input| input.path.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}

/// Set by the first interrupt, which ends the run in order; the second ends the process.
fn interrupted() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&flag))?;
    signal_hook::flag::register(SIGINT, Arc::clone(&flag))?;
    Ok(flag)
}
