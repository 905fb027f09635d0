//! `ranshift inspect`: what a capture holds, for people (a table), for a search (a line a frame), or for
//! programs (JSON).
//!
//! Reads frame by frame in bounded memory. A file that ends in the middle of a record is summed up as
//! far as it goes and marked, and the command ends as a failure of its environment.

mod analysis;
mod compression;
mod cut;
mod flow;
mod known;
mod message;
mod nfapi;
mod numbers;
mod pattern;
mod report;
mod table;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use analysis::Analysis;
use indicatif::{ProgressBar, ProgressStyle};
use known::Known;
use message::Reading;
use report::Report;
use serde_json::{Value, json};

use crate::cli::Exit;
use crate::config;
use crate::ran::{EaxcLayout, MacAddr};
use crate::replay::capture::{CaptureError, CaptureReader, Record};
use crate::wire::describe::{Nfapi, describe};
use crate::wire::ecpri::Size;
use crate::wire::ethernet::Ethernet;
use crate::wire::nfapi::Encoding;

/// Say what a capture holds: flows, rates, TDD pattern, compression, sequence anomalies, malformed frames
#[derive(clap::Args)]
pub(super) struct Inspect {
    /// Capture file (pcap or pcapng)
    capture: PathBuf,
    /// Print the summary as one JSON object; with --frames, one object per frame
    #[arg(long, conflicts_with = "cut")]
    json: bool,
    /// Print one line per frame instead of a summary
    #[arg(long, conflicts_with = "cut")]
    frames: bool,
    /// Configuration that names the peers, and says how eAxC ids are split and samples compressed
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Widths of DU_Port_ID, BandSector_ID, CC_ID and RU_Port_ID, 16 bits together [default: as
    /// configured, else 4,4,4,4]
    #[arg(long, value_name = "A,B,C,D", value_parser = layout)]
    eaxc_bits: Option<EaxcLayout>,
    /// UDP destination port that carries eCPRI, beside those configured; may be repeated
    #[arg(long, value_name = "PORT")]
    udp_port: Vec<u16>,
    /// Read nFAPI P7 of 5G: DIALECT is oai-nfapi, scf225v2, fapi-be or fapi-le, PORT a UDP port of either end
    /// (at most four; without one, whatever reads as nFAPI is). P5, which travels over SCTP or TCP, is not read
    #[arg(long, value_name = "DIALECT[:PORT,...]", value_parser = nfapi::option)]
    nfapi: Option<Nfapi>,
    /// What follows the headers of scf225v2, as in the configuration: oai, scf222 or aerial [default: scf222]
    #[arg(long, value_name = "WORD", value_parser = nfapi::bodies, requires = "nfapi")]
    bodies: Option<Encoding>,
    /// Where ecpriPayload is 0 or too large, take the bytes that are there (some RUs send wrong sizes)
    #[arg(long)]
    lenient: bool,
    /// Write a copy whose frames are cut to BYTES, original lengths kept, instead of a summary
    #[arg(long, num_args = 2, value_names = ["BYTES", "OUT"])]
    cut: Option<Vec<String>>,
}

impl Inspect {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        if let Some([length, copy]) = self.cut.as_deref() {
            let Ok(length) = length.parse() else {
                eprintln!("ranshift: --cut takes a number of bytes and a file");
                return Ok(Exit::Usage);
            };
            return cut::run(&self.capture, length, copy.as_ref(), out);
        }
        let known = match self.known() {
            Ok(known) => known,
            Err(problems) => {
                eprintln!("{problems}");
                return Ok(Exit::Usage);
            }
        };
        match self.frames {
            true => self.list(&known, out),
            false => self.sum_up(&known, out),
        }
    }

    fn known(&self) -> Result<Known, String> {
        let mut known = match &self.config {
            Some(path) => {
                let loaded = config::load(path).map_err(|problems| problems.to_string())?;
                Known::of(&loaded.config, self.eaxc_bits)
            }
            None => Known::nothing(self.eaxc_bits.unwrap_or(EaxcLayout::NIBBLES)),
        };
        known.udp_ports.extend(&self.udp_port);
        if let Some(read) = self.nfapi {
            known.nfapi = Some(nfapi::with_bodies(read, self.bodies)?);
        }
        if self.lenient {
            known.size = Size::Lenient;
        }
        Ok(known)
    }

    fn sum_up(&self, known: &Known, out: &mut dyn Write) -> io::Result<Exit> {
        let mut analysis = Analysis::new(Reading(known));
        let read = self.each_frame(|record| {
            analysis.record(record);
            Ok(())
        })?;
        if analysis.frames == 0 && read.is_err() {
            return Ok(refused(read));
        }
        let incomplete = read.as_ref().err().map(CaptureError::to_string);
        let name = self.capture.display().to_string();
        let report = Report::of(&analysis, name, incomplete, known);
        match self.json {
            true => {
                serde_json::to_writer_pretty(&mut *out, &report)?;
                writeln!(out)?;
            }
            false => table::print(&report, out)?,
        }
        Ok(refused(read))
    }

    /// One line a frame: number, microseconds since the first, bytes on the wire (and kept), contents.
    fn list(&self, known: &Known, out: &mut dyn Write) -> io::Result<Exit> {
        let mut out = io::BufWriter::new(out);
        let mut first = None;
        let mut frame = Vec::new();
        let read = self.each_frame(|record| {
            let start = *first.get_or_insert(record.at);
            let micros = record.at.nanos_since(start) as f64 / 1e3;
            analysis::restore(record, &mut frame);
            let ends = Ethernet::parse(&frame).map_or([MacAddr::default(); 2], |(header, _)| {
                [header.source(), header.destination()]
            });
            let mut options = known.describing(ends);
            options.nfapi = options
                .nfapi
                .map(|read| nfapi::checked(read, record.is_cut()));
            let contents = describe(&frame, &options);
            if self.json {
                let message = options.nfapi.and_then(|read| nfapi::tell(read, &frame));
                return object(record, micros, &contents.to_string(), message, &mut out);
            }
            let length = record.original_len;
            write!(out, "{:>7} {micros:>13.3} {length:>5}", record.number)?;
            if record.is_cut() {
                write!(out, " ({})", record.data.len())?;
            }
            writeln!(out, "  {contents}")
        })?;
        out.flush()?;
        Ok(refused(read))
    }

    /// Hands every frame to `visit`. The outer error is one of writing, the inner one of reading.
    fn each_frame(
        &self,
        mut visit: impl FnMut(&Record<'_>) -> io::Result<()>,
    ) -> io::Result<Result<(), CaptureError>> {
        let mut reader = match CaptureReader::open(&self.capture) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        let bar = self.progress();
        let read = loop {
            match reader.next_frame() {
                Ok(Some(record)) => visit(&record)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if reader.frames().is_multiple_of(FRAMES_A_STEP) {
                bar.set_position(reader.offset());
            }
        };
        bar.finish_and_clear();
        Ok(read)
    }

    /// Shown on a terminal's standard error, unless the terminal shows the frames themselves.
    fn progress(&self) -> ProgressBar {
        if self.frames {
            return ProgressBar::hidden();
        }
        let bytes = fs::metadata(&self.capture).map_or(0, |file| file.len());
        let bar = ProgressBar::new(bytes);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        bar
    }
}

/// A frame as one line of JSON.
fn object(
    record: &Record<'_>,
    micros: f64,
    text: &str,
    message: Option<Value>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut object = json!({
        "frame": record.number,
        "us": micros,
        "bytes": record.original_len,
        "kept": record.data.len(),
        "text": text,
    });
    if let (Some(message), Some(fields)) = (message, object.as_object_mut()) {
        fields.insert("nfapi".to_owned(), message);
    }
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}

fn refused(read: Result<(), CaptureError>) -> Exit {
    match read {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("ranshift: {error}");
            Exit::Environment
        }
    }
}

fn layout(text: &str) -> Result<EaxcLayout, String> {
    let widths: Vec<u8> = text
        .split(',')
        .filter_map(|w| w.trim().parse().ok())
        .collect();
    <[u8; 4]>::try_from(widths)
        .ok()
        .and_then(EaxcLayout::new)
        .ok_or_else(|| "four widths that sum to 16 are needed, as in 4,4,4,4".to_owned())
}

const TEMPLATE: &str = "reading {bar:40} {percent:>3} %  {bytes} of {total_bytes}, {eta} left";
const FRAMES_A_STEP: u64 = 4096;
