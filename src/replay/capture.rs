//! Capture files as streams of frames: classic pcap (microseconds or nanoseconds, either byte order)
//! and pcapng (any section order, `if_tsresol`, `if_tsoffset`), Ethernet only.
//!
//! A reader holds one reusable buffer, never the file. Every refusal names the file, and the frame and
//! byte where it happened; a file cut in its middle yields all its whole frames first. The headers are
//! parsed by `pcap-parser`; the buffering is ours, so that a length is bounded before it is believed.

mod error;
mod pcapng;
mod writer;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use pcap_parser::nom;
use pcap_parser::{parse_pcap_frame, parse_pcap_frame_be, parse_pcap_header};

use crate::ran::clock::Instant;

pub use error::{CaptureError, CaptureFault};
use pcapng::Sections;
pub use writer::CaptureWriter;

/// One frame as it lies in a capture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// When it was captured.
    pub at: Instant,
    /// The bytes kept: `original_len` of them, or fewer when the capture has a snap length.
    pub data: &'a [u8],
    /// Bytes of the frame on the wire, without FCS; never below `data.len()`.
    pub original_len: u32,
    /// Position in the file, from 1.
    pub number: u64,
}

impl Record<'_> {
    /// True if a snap length cut the frame.
    pub const fn is_cut(&self) -> bool {
        (self.data.len() as u32) < self.original_len
    }
}

/// Reads the frames of one capture file, in file order.
pub struct CaptureReader {
    format: Format,
    stream: Stream,
}

enum Format {
    Classic { big_endian: bool, fraction_ns: u64 },
    Next(Sections),
}

/// Where a frame lies in the buffer, before it is lent out.
struct Found {
    at: Instant,
    data: Range<usize>,
    original_len: u32,
}

impl CaptureReader {
    /// Opens `path` and reads its header.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::new(name, file),
            Err(error) => Err(CaptureFault::Open(error).in_file(&name, 0, 0)),
        }
    }

    /// Reads a capture from `input`; `name` is what errors call it.
    pub fn new(name: String, input: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let mut stream = Stream::new(name, Box::new(input));
        let format = stream.file_header().map_err(|fault| stream.error(fault))?;
        Ok(Self { format, stream })
    }

    /// The next frame; `None` after the last. A file without any frame is refused as `NoFrames`.
    pub fn next_frame(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        let found = match &mut self.format {
            Format::Classic {
                big_endian,
                fraction_ns,
            } => self.stream.classic_record(*big_endian, *fraction_ns),
            Format::Next(sections) => sections.next_packet(&mut self.stream),
        };
        let stream = &mut self.stream;
        let Some(found) = found.map_err(|fault| stream.error(fault))? else {
            return match stream.frames {
                0 => Err(stream.error(CaptureFault::NoFrames)),
                _ => Ok(None),
            };
        };
        stream.frames += 1;
        let data = stream.buffer.get(found.data).unwrap_or_default();
        Ok(Some(Record {
            at: found.at,
            data,
            original_len: found.original_len.max(data.len() as u32),
            number: stream.frames,
        }))
    }

    /// Frames read so far.
    pub const fn frames(&self) -> u64 {
        self.stream.frames
    }

    /// Bytes of the file consumed so far, for progress.
    pub const fn offset(&self) -> u64 {
        self.stream.offset
    }

    /// What errors call this capture.
    pub fn name(&self) -> &str {
        &self.stream.name
    }
}

/// A file behind one buffer. `buffer[start..end]` is read and not yet consumed; `offset` is the place
/// of `start` in the file.
struct Stream {
    name: String,
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    frames: u64,
}

impl Stream {
    fn new(name: String, input: Box<dyn Read + Send>) -> Self {
        Self {
            name,
            input,
            buffer: vec![0; INITIAL_BUFFER],
            start: 0,
            end: 0,
            offset: 0,
            frames: 0,
        }
    }

    fn error(&self, fault: CaptureFault) -> CaptureError {
        fault.in_file(&self.name, self.frames, self.offset)
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Makes at least `wanted` unread bytes available; false if the file ends before.
    fn fill(&mut self, wanted: usize) -> Result<bool, CaptureFault> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.end < wanted {
            let space = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.input.read(space) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureFault::Read(error)),
            }
        }
        Ok(true)
    }

    /// As `fill`; the end of the file is `false` only at a record boundary, else a truncation.
    fn fill_record(&mut self, wanted: usize) -> Result<bool, CaptureFault> {
        if self.fill(wanted)? {
            return Ok(true);
        }
        match self.unread().is_empty() {
            true => Ok(false),
            false => Err(CaptureFault::Truncated),
        }
    }

    fn file_header(&mut self) -> Result<Format, CaptureFault> {
        if !self.fill(MAGIC_BYTES)? {
            return Err(match self.unread().is_empty() {
                true => CaptureFault::Empty,
                false => CaptureFault::NotACapture,
            });
        }
        if self.unread().starts_with(&PCAPNG_MAGIC) {
            return Ok(Format::Next(Sections::default()));
        }
        self.fill(CLASSIC_HEADER)?;
        let header = match parse_pcap_header(self.unread()) {
            Ok((_, header)) if !header.is_modified_format() => header,
            Err(nom::Err::Incomplete(_)) => return Err(CaptureFault::Truncated),
            _ if self.unread().starts_with(&GZIP_MAGIC) => return Err(CaptureFault::Compressed),
            _ => return Err(CaptureFault::NotACapture),
        };
        // The upper bits of the field tell the length of an FCS, not a link type.
        match header.network.0 & 0xffff {
            ETHERNET => {}
            other => return Err(CaptureFault::LinkType(other)),
        }
        self.consume(CLASSIC_HEADER);
        Ok(Format::Classic {
            big_endian: header.is_bigendian(),
            fraction_ns: match header.is_nanosecond_precision() {
                true => 1,
                false => 1000,
            },
        })
    }

    fn classic_record(
        &mut self,
        big_endian: bool,
        fraction_ns: u64,
    ) -> Result<Option<Found>, CaptureFault> {
        if !self.fill_record(CLASSIC_RECORD)? {
            return Ok(None);
        }
        let length = record_length(self.unread(), big_endian);
        if length > MAX_FRAME {
            return Err(CaptureFault::RecordLength(length));
        }
        let whole = CLASSIC_RECORD + length as usize;
        self.fill_record(whole)?;
        let parse = match big_endian {
            true => parse_pcap_frame_be,
            false => parse_pcap_frame,
        };
        let (_, frame) = parse(self.unread()).map_err(|_| CaptureFault::Malformed("record"))?;
        let at = u64::from(frame.ts_sec) * NANOS + u64::from(frame.ts_usec) * fraction_ns;
        let found = Found {
            at: Instant(at),
            data: self.start + CLASSIC_RECORD..self.start + whole,
            original_len: frame.origlen,
        };
        self.consume(whole);
        Ok(Some(found))
    }
}

/// The captured length in a classic record header, before anything is believed of it.
fn record_length(header: &[u8], big_endian: bool) -> u32 {
    let Some((_, rest)) = header.split_first_chunk::<8>() else {
        return 0;
    };
    let bytes = rest.first_chunk::<4>().copied().unwrap_or_default();
    match big_endian {
        true => u32::from_be_bytes(bytes),
        false => u32::from_le_bytes(bytes),
    }
}

/// Longest frame believed or written: the largest snap length that capture tools write.
pub const MAX_FRAME: u32 = 262_144;

const NANOS: u64 = 1_000_000_000;
const ETHERNET: i32 = 1;
const MAGIC_BYTES: usize = 4;
const CLASSIC_HEADER: usize = 24;
const CLASSIC_RECORD: usize = 16;
const INITIAL_BUFFER: usize = 1 << 18;
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

#[cfg(test)]
mod tests;
