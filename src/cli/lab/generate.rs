//! `ranshift lab generate`: captures of what every DU and RU of a configuration would send.
//!
//! Writes `PORT.pcap` (nanosecond stamps) for each port that heard anything and `truth.json`, which says
//! what was made, when DUs died and which frames were lost. Same arguments, same bytes.

use super::traffic::Traffic;
use crate::cli::Exit;
use crate::config;
use crate::lab::{GeneratedFrame, Generator, Truth};
use crate::ran::Instant;
use crate::replay::capture::{CaptureError, CaptureWriter};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Write captures of what every DU and RU of a configuration sends: PORT.pcap and truth.json
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
        let plan = match self.traffic.plan(&loaded.config) {
            Ok(plan) => plan,
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                return Ok(Exit::Usage);
            }
        };
        let span = plan.duration.as_nanos();
        let bar = if self.quiet {
            ProgressBar::hidden()
        } else {
            progress(span)
        };
        let start = plan.start;
        let generator = match Generator::new(&loaded.config, plan) {
            Ok(generator) => generator,
            Err(problem) => {
                eprintln!("ranshift: {problem}");
                return Ok(Exit::Usage);
            }
        };
        let names = loaded.config.ports.iter().map(|port| port.name.clone());
        let written = self.write(generator, names.collect(), |at| {
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
        mut generator: Generator,
        ports: Vec<String>,
        progress: impl Fn(Instant),
    ) -> Result<Truth, Failure> {
        fs::create_dir_all(&self.out).map_err(|error| Failure::path(&self.out, error))?;
        let mut captures = Captures::new(&self.out, ports);
        let mut frames = 0u64;
        while let Some(frame) = generator.next_frame() {
            captures.write(&frame)?;
            frames += 1;
            if frames.is_multiple_of(FRAMES_A_STEP) {
                progress(frame.at);
            }
        }
        captures.finish()?;
        let path = self.out.join("truth.json");
        let truth = generator.truth();
        let text = serde_json::to_vec_pretty(&truth).map_err(io::Error::from);
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
