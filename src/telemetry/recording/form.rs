//! What stands in which file of a recording, written and read.

use super::pcap::{self, Capture};
use super::{About, FORMAT, Loaded};
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::mailbox::{Command, Event};
use crate::dataplane::recorder::{Entered, FrameRecord, Recording, Ring, Segment, Snapshot};
use crate::dataplane::run_record::Names;
use crate::dataplane::verdict::Verdict;
use crate::ran::{Instant, PortId};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

pub(super) const ABOUT: &str = "recording.json";
const STATE: &str = "state.json";
const LOG: &str = "log.jsonl";
const CONFIG: &str = "config.yaml";

/// One line of the log. Times are nanoseconds since the Unix epoch.
#[derive(Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Line {
    /// A frame: the next of its port's capture, whose number is here for people.
    Frame {
        now_ns: u64,
        port: u8,
        number: u64,
        length: u32,
        /// Bytes of the first buffer segment, and of the headroom before it.
        head: u32,
        headroom: u16,
        /// Parts and bytes that the outbox held before.
        outbox: (u16, u32),
        verdict: Verdict,
        parts: u16,
        egress: u64,
    },
    /// What was due by now was done.
    Tick { now_ns: u64 },
    /// A command was obeyed or refused.
    Command { now_ns: u64, command: Command },
    /// The entry before caused this.
    Event { event: Event },
}

/// The state before so many entries.
#[derive(Serialize, Deserialize)]
struct Stretch {
    entries: usize,
    events_lost: u64,
    snapshot: Snapshot,
}

pub(super) fn write(
    folder: &Path,
    recording: &Recording,
    names: &Names,
    cell: &str,
    config: &str,
) -> io::Result<()> {
    let (frames, span_ns) = write_entries(folder, &recording.ring, names)?;
    let stretches: Vec<Stretch> = recording
        .ring
        .segments()
        .map(|segment| Stretch {
            entries: segment.len(),
            events_lost: segment.events_lost,
            snapshot: segment.snapshot.clone(),
        })
        .collect();
    write_json(&folder.join(STATE), &stretches)?;
    fs::write(folder.join(CONFIG), config)?;
    let cells = recording.ring.bundle().cells.iter();
    let about = About {
        format: FORMAT,
        ranshift: env!("CARGO_PKG_VERSION").to_owned(),
        cell: cell.to_owned(),
        trigger: recording.trigger.label().to_owned(),
        taken_ns: recording.taken.unwrap_or_default().0,
        term: recording.term,
        cells: cells
            .filter_map(|cell| Some(names.cells.get(cell.index())?.name.clone()))
            .collect(),
        ports: names.ports.clone(),
        frames,
        span_ns,
    };
    write_json(&folder.join(ABOUT), &about)
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut output = BufWriter::new(File::create_new(path)?);
    serde_json::to_writer_pretty(&mut output, value)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Log and captures; how many frames, and from when to when.
fn write_entries(folder: &Path, ring: &Ring, names: &Names) -> io::Result<(u64, (u64, u64))> {
    let mut captures: Vec<Option<Capture>> = names.ports.iter().map(|_| None).collect();
    let mut log = BufWriter::new(File::create_new(folder.join(LOG))?);
    let mut span = None;
    let mut frames = 0;
    for entered in ring.segments().flat_map(Segment::entries) {
        let line = match entered {
            Entered::Frame(record, kept) => {
                frames += 1;
                let port = record.info.port;
                let number = write_frame(folder, &mut captures, names, record, kept)?;
                Line::Frame {
                    now_ns: record.now.0,
                    port: port.0,
                    number,
                    length: record.info.len,
                    head: record.head,
                    headroom: record.info.start,
                    outbox: record.outbox,
                    verdict: record.verdict,
                    parts: record.parts,
                    egress: record.egress,
                }
            }
            Entered::Tick(now) => Line::Tick { now_ns: now.0 },
            Entered::Command(now, command) => Line::Command {
                now_ns: now.0,
                command: *command,
            },
            Entered::Event(event) => Line::Event { event: *event },
        };
        if let Line::Frame { now_ns, .. } | Line::Tick { now_ns } = line {
            let first = span.map_or(now_ns, |(first, _)| first);
            span = Some((first, now_ns));
        }
        serde_json::to_writer(&mut log, &line)?;
        log.write_all(b"\n")?;
    }
    log.flush()?;
    for capture in captures.into_iter().flatten() {
        capture.finish()?;
    }
    Ok((frames, span.unwrap_or_default()))
}

fn write_frame(
    folder: &Path,
    captures: &mut [Option<Capture>],
    names: &Names,
    record: &FrameRecord,
    kept: &[u8],
) -> io::Result<u64> {
    let port = record.info.port.index();
    let (Some(capture), Some(name)) = (captures.get_mut(port), names.ports.get(port)) else {
        return Err(io::Error::other("a frame of an unknown port"));
    };
    let capture = match capture {
        Some(capture) => capture,
        None => capture.insert(Capture::create(&folder.join(format!("{name}.pcap")))?),
    };
    capture.write(record.now, kept, record.info.len)?;
    Ok(capture.frames)
}

pub(super) fn about(folder: &Path) -> Result<About, String> {
    read_json(&folder.join(ABOUT))
}

pub(super) fn load(folder: &Path) -> Result<Loaded, String> {
    let about = about(folder)?;
    if about.format != FORMAT {
        return Err(format!(
            "{}: is of format {}, this program reads format {FORMAT}",
            folder.display(),
            about.format
        ));
    }
    let config = folder.join(CONFIG);
    let config =
        fs::read_to_string(&config).map_err(|error| format!("{}: {error}", config.display()))?;
    let stretches: Vec<Stretch> = read_json(&folder.join(STATE))?;
    let mut captures = Vec::new();
    for name in &about.ports {
        // A name with anything else in it was written by somebody else.
        let path = folder.join(format!("{name}.pcap"));
        let frames = match super::is_plain(name) && path.is_file() {
            true => pcap::frames(&path)?,
            false => Vec::new(),
        };
        captures.push(frames.into_iter());
    }
    let lines = read_log(&folder.join(LOG))?;
    let mut lines = lines.into_iter();
    let mut segments = Vec::new();
    for stretch in stretches {
        let lines: Vec<Line> = lines.by_ref().take(stretch.entries).collect();
        segments.push(segment(stretch, lines, &mut captures)?);
    }
    if lines.next().is_some() || captures.iter_mut().any(|frames| frames.next().is_some()) {
        return Err(format!(
            "{}: log, state and captures do not belong together",
            folder.display()
        ));
    }
    let ring = Ring::of(segments);
    Ok(Loaded {
        about,
        config,
        ring,
    })
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| wrong(&error))
}

fn read_log(path: &Path) -> Result<Vec<Line>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let log = BufReader::new(File::open(path).map_err(|error| wrong(&error))?);
    let line = |(number, line): (usize, io::Result<String>)| {
        let line = line.map_err(|error| wrong(&error))?;
        serde_json::from_str(&line)
            .map_err(|error| wrong(&format_args!("line {}: {error}", number + 1)))
    };
    log.lines().enumerate().map(line).collect()
}

fn segment(
    stretch: Stretch,
    lines: Vec<Line>,
    captures: &mut [std::vec::IntoIter<Vec<u8>>],
) -> Result<Segment, String> {
    let bytes = captures.iter().flat_map(|frames| frames.as_slice());
    let bytes = bytes.map(Vec::len).sum();
    let mut segment = Segment::to_fill(stretch.snapshot, lines.len(), bytes);
    segment.events_lost = stretch.events_lost;
    for line in lines {
        match line {
            Line::Frame {
                now_ns,
                port,
                number,
                length,
                head,
                headroom,
                outbox,
                verdict,
                parts,
                egress,
            } => {
                let frames = captures.get_mut(usize::from(port));
                let kept = frames.and_then(Iterator::next).ok_or_else(|| {
                    format!("frame {number} of port {port} is missing from its capture")
                })?;
                if kept.len() > head as usize || head > HEAD {
                    return Err(format!(
                        "frame {number} of port {port} is longer than its head"
                    ));
                }
                let info = FrameInfo {
                    port: PortId(port),
                    start: headroom,
                    len: length,
                };
                let record = FrameRecord {
                    head,
                    outbox,
                    parts,
                    egress,
                    ..FrameRecord::new(Instant(now_ns), info, verdict)
                };
                segment.push_frame(record, &kept, &[]);
            }
            Line::Tick { now_ns } => segment.push_tick(Instant(now_ns)),
            Line::Command { now_ns, command } => segment.push_command(Instant(now_ns), &command),
            Line::Event { event } => segment.push_event(&event),
        }
    }
    Ok(segment)
}

/// Longest head that is believed.
const HEAD: u32 = 65_536;
