//! `ranshift lab generate`: captures of what every DU and RU of a configuration would send.
//!
//! Writes `PORT.pcap` (nanosecond stamps) for each port that heard anything and `truth.json`, which says
//! what was made, when DUs died and which frames were lost. Same arguments, same bytes.

mod traffic;

use super::Exit;
use crate::config;
use crate::lab::{GeneratedFrame, Generator, Plan};
use crate::replay::capture::{CaptureError, CaptureWriter};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use traffic::Traffic;

/// Make traffic for trying the box out
#[derive(clap::Args)]
pub(super) struct Lab {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Generate(Generate),
}

/// Write captures of what every DU and RU of a configuration sends: PORT.pcap and truth.json
#[derive(clap::Args)]
struct Generate {
    /// Configuration (YAML)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Directory for captures and truth.json; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    traffic: Traffic,
    /// No progress, no table
    #[arg(long)]
    quiet: bool,
}

impl Lab {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let Command::Generate(generate) = &self.command;
        generate.run(out)
    }
}

impl Generate {
    fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let loaded = match config::load(&self.config) {
            Ok(loaded) => loaded,
            Err(problems) => {
                eprint!("{problems}");
                return Ok(Exit::Usage);
            }
        };
        let plan = match self.traffic.plan(&loaded.config) {
            Ok(plan) => plan,
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                return Ok(Exit::Usage);
            }
        };
        let span = Span::of(&plan);
        let generator = match Generator::new(&loaded.config, plan) {
            Ok(generator) => generator,
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                return Ok(Exit::Usage);
            }
        };
        let names = loaded.config.ports.iter().map(|port| port.name.clone());
        let progress = !self.quiet && io::stderr().is_terminal();
        match self.write(generator, names.collect(), span, progress) {
            Ok(()) if self.quiet => Ok(Exit::Done),
            Ok(()) => self.summarise(out).map(|()| Exit::Done),
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                Ok(Exit::Environment)
            }
        }
    }

    fn write(
        &self,
        mut generator: Generator,
        ports: Vec<String>,
        span: Span,
        progress: bool,
    ) -> Result<(), Failure> {
        fs::create_dir_all(&self.out).map_err(|error| Failure::path(&self.out, error))?;
        let mut captures = Captures::new(&self.out, ports);
        let mut frames = 0u64;
        while let Some(frame) = generator.next_frame() {
            captures.write(&frame)?;
            frames += 1;
            if progress && frames.is_multiple_of(PROGRESS_FRAMES) {
                eprint!("\r{:3} %  {frames} frames", span.percent(frame.at.0));
            }
        }
        if progress {
            eprint!("\r{:40}\r", "");
        }
        captures.finish()?;
        let path = self.out.join("truth.json");
        let truth = serde_json::to_vec_pretty(&generator.truth()).map_err(io::Error::from);
        let written = truth.and_then(|truth| fs::write(&path, truth));
        written.map_err(|error| Failure::path(&path, error))
    }

    fn summarise(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "captures and truth.json are in {}", self.out.display())
    }
}

/// One capture for each port, opened at its first frame.
struct Captures {
    directory: PathBuf,
    ports: Vec<String>,
    open: BTreeMap<usize, CaptureWriter>,
}

impl Captures {
    fn new(directory: &Path, ports: Vec<String>) -> Self {
        Self {
            directory: directory.to_owned(),
            ports,
            open: BTreeMap::new(),
        }
    }

    fn write(&mut self, frame: &GeneratedFrame<'_>) -> Result<(), Failure> {
        let port = frame.port.index();
        if let Some(capture) = self.open.get_mut(&port) {
            let len = frame.original_len as u32;
            return Ok(capture.write(frame.at, frame.bytes, len)?);
        }
        let name = self.ports.get(port).map_or("", String::as_str);
        let path = self.directory.join(format!("{name}.pcap"));
        self.open.insert(port, CaptureWriter::create(&path)?);
        self.write(frame)
    }

    fn finish(self) -> Result<(), Failure> {
        for capture in self.open.into_values() {
            capture.finish()?;
        }
        Ok(())
    }
}

/// The time that a run covers, for its progress.
struct Span {
    start: u64,
    nanos: u64,
}

impl Span {
    const fn of(plan: &Plan) -> Self {
        Self {
            start: plan.start.0,
            nanos: plan.duration.as_nanos(),
        }
    }

    fn percent(&self, at: u64) -> u64 {
        let done = at.saturating_sub(self.start).min(self.nanos);
        done.saturating_mul(100) / self.nanos.max(1)
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

/// Frames between two lines of progress.
const PROGRESS_FRAMES: u64 = 1 << 15;
