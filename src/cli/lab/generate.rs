//! `ranshift lab generate`: captures of what every peer of a configuration would send.
//!
//! DUs, RUs, L2s and PHYs. Writes `PORT.pcap` (nanosecond stamps) for each port that heard anything and `truth.json`, which says
//! what was made, when DUs died and which frames were lost. Same arguments, same bytes.

use super::fapi::FapiTraffic;
use super::traffic::{Traffic, Unusable};
use crate::cli::Exit;
use crate::config::{self, Config};
use crate::lab::fapi::{FapiGenerator, FapiTruth};
use crate::lab::{Generator, Plan, PlanError, PortTruth, Truth};
use crate::ran::{Instant, PortId};
use crate::replay::capture::{CaptureError, CaptureWriter};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Write captures of what every peer of a configuration sends: PORT.pcap and truth.json
#[derive(clap::Args)]
pub(super) struct Generate {
    /// Configuration (YAML)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Directory for captures and truth.json; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    traffic: Traffic,
    #[command(flatten)]
    fapi: FapiTraffic,
    /// No progress, no table
    #[arg(long)]
    quiet: bool,
}

impl Generate {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let loaded = match config::load(&self.config) {
            Ok(loaded) => loaded,
            Err(problems) => {
                eprint!("{problems}");
                return Ok(Exit::Usage);
            }
        };
        let config = loaded.config;
        let made = self.traffic.plan(&config).map_err(Refused::from);
        let made = made.and_then(|plan| Stage::new(&config, plan, &self.fapi));
        let mut stage = match made {
            Ok(stage) => stage,
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                return Ok(Exit::Usage);
            }
        };
        let bar = if self.quiet {
            ProgressBar::hidden()
        } else {
            progress(stage.span)
        };
        let start = stage.start;
        let names = config.ports.iter().map(|port| port.name.clone());
        let written = self.write(&mut stage, names.collect(), |at| {
            bar.set_position(at.nanos_since(start).max(0) as u64);
        });
        bar.finish_and_clear();
        match written {
            Ok(_) if self.quiet => Ok(Exit::Done),
            Ok(truth) => self.summarise(&truth, out).map(|()| Exit::Done),
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                Ok(Exit::Environment)
            }
        }
    }

    fn write(
        &self,
        stage: &mut Stage,
        ports: Vec<String>,
        progress: impl Fn(Instant),
    ) -> Result<Truth, Failure> {
        fs::create_dir_all(&self.out).map_err(|error| Failure::path(&self.out, error))?;
        let mut captures = Captures::new(&self.out, ports);
        let mut frames = 0u64;
        stage.play(|at, port, bytes, len| {
            captures.write(port, at, bytes, len)?;
            frames += 1;
            if frames.is_multiple_of(FRAMES_A_STEP) {
                progress(at);
            }
            Ok(())
        })?;
        let mut truth = stage.fronthaul.truth();
        truth.ports.extend(captures.finish()?);
        let path = self.out.join("truth.json");
        let whole = Whole {
            fronthaul: &truth,
            fapi: stage.fapi.iter().map(FapiGenerator::truth).collect(),
        };
        let text = serde_json::to_vec_pretty(&whole).map_err(io::Error::from);
        let written = text.and_then(|text| fs::write(&path, text));
        written.map_err(|error| Failure::path(&path, error))?;
        Ok(truth)
    }

    fn summarise(&self, truth: &Truth, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{:20} {:>12} {:>16}", "port", "frames", "bytes")?;
        for (name, port) in &truth.ports {
            writeln!(out, "{name:20} {:>12} {:>16}", port.frames, port.bytes)?;
        }
        writeln!(out, "captures and truth.json are in {}", self.out.display())
    }
}

fn progress(nanos: u64) -> ProgressBar {
    let bar = ProgressBar::new(nanos);
    match ProgressStyle::with_template(TEMPLATE) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Everything that makes frames.
struct Stage {
    start: Instant,
    span: u64,
    fronthaul: Generator,
    fapi: Vec<FapiGenerator>,
}

impl Stage {
    fn new(config: &Config, plan: Plan, fapi: &FapiTraffic) -> Result<Self, Refused> {
        Ok(Self {
            start: plan.start,
            span: plan.duration.as_nanos(),
            fapi: fapi.generators(config, &plan)?,
            fronthaul: Generator::new(config, plan)?,
        })
    }

    /// Shows every frame with its time, port and length on the wire, in order of time.
    fn play(
        &mut self,
        mut see: impl FnMut(Instant, PortId, &[u8], usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while let Some(frame) = self.fronthaul.next_frame() {
            play_fapi(&mut self.fapi, frame.at, &mut see)?;
            see(frame.at, frame.port, frame.bytes, frame.original_len)?;
        }
        play_fapi(&mut self.fapi, Instant::NEVER, &mut see)
    }
}

/// The frames up to `until`.
fn play_fapi(
    cells: &mut [FapiGenerator],
    until: Instant,
    see: &mut impl FnMut(Instant, PortId, &[u8], usize) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let next = cells
            .iter_mut()
            .enumerate()
            .filter_map(|(cell, fapi)| Some((fapi.next_at()?, cell)));
        let Some((_, cell)) = next.min().filter(|(at, _)| *at <= until) else {
            return Ok(());
        };
        if let Some(frame) = cells.get_mut(cell).and_then(FapiGenerator::next_frame) {
            see(frame.at, frame.port, &frame.bytes, frame.bytes.len())?;
        }
    }
}

/// All of truth.json.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    fronthaul: &'a Truth,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fapi: Vec<FapiTruth>,
}

/// One capture for each port, opened at its first frame.
struct Captures {
    directory: PathBuf,
    ports: Vec<String>,
    open: BTreeMap<usize, (CaptureWriter, PortTruth)>,
}

impl Captures {
    fn new(directory: &Path, ports: Vec<String>) -> Self {
        Self {
            directory: directory.to_owned(),
            ports,
            open: BTreeMap::new(),
        }
    }

    fn write(
        &mut self,
        port: PortId,
        at: Instant,
        bytes: &[u8],
        len: usize,
    ) -> Result<(), Failure> {
        if let Some((capture, written)) = self.open.get_mut(&port.index()) {
            written.frames += 1;
            written.bytes += len as u64;
            return Ok(capture.write(at, bytes, len as u32)?);
        }
        let name = self.ports.get(port.index()).map_or("", String::as_str);
        let path = self.directory.join(format!("{name}.pcap"));
        let capture = CaptureWriter::create(&path)?;
        self.open
            .insert(port.index(), (capture, PortTruth::default()));
        self.write(port, at, bytes, len)
    }

    /// What was written, by name of the port.
    fn finish(self) -> Result<BTreeMap<String, PortTruth>, Failure> {
        let mut written = BTreeMap::new();
        for (port, (capture, counts)) in self.open {
            capture.finish()?;
            let name = self.ports.get(port).cloned().unwrap_or_default();
            written.insert(name, counts);
        }
        Ok(written)
    }
}

/// Why nothing can be made.
#[derive(Debug)]
enum Refused {
    Option(Unusable),
    Plan(PlanError),
}

impl From<Unusable> for Refused {
    fn from(problem: Unusable) -> Self {
        Self::Option(problem)
    }
}

impl From<PlanError> for Refused {
    fn from(problem: PlanError) -> Self {
        Self::Plan(problem)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Option(problem) => write!(f, "{problem}"),
            Self::Plan(problem) => write!(f, "{problem}"),
        }
    }
}

/// Why nothing, or not everything, was written.
#[derive(Debug)]
enum Failure {
    Capture(CaptureError),
    Path(PathBuf, io::Error),
}

impl Failure {
    fn path(path: &Path, error: io::Error) -> Self {
        Self::Path(path.to_owned(), error)
    }
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Capture(error) => write!(f, "{error}"),
            Self::Path(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

const TEMPLATE: &str = "generating {bar:40} {percent:>3} %  {eta} left";
const FRAMES_A_STEP: u64 = 1 << 12;
