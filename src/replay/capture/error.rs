//! Why a capture file was refused: file, frame, byte, and what to do about it.

use std::fmt;
use std::io;

/// A refusal, and where it happened.
#[derive(Debug)]
pub struct CaptureError {
    /// The file as the caller named it.
    pub file: String,
    /// Whole frames read or written before it; these stay good.
    pub after_frames: u64,
    /// Byte of the file at which the refused record or header starts.
    pub offset: u64,
    /// What was wrong.
    pub fault: CaptureFault,
}

/// What was wrong with a capture file.
#[derive(Debug)]
pub enum CaptureFault {
    /// The file could not be opened.
    Open(io::Error),
    /// Reading failed.
    Read(io::Error),
    /// Creating or writing failed (a full disk, for example).
    Write(io::Error),
    /// The file has no bytes.
    Empty,
    /// Neither pcap nor pcapng.
    NotACapture,
    /// A gzip stream.
    Compressed,
    /// A link type other than Ethernet (its number).
    LinkType(i32),
    /// The file ends inside a record; the frames before it are whole.
    Truncated,
    /// A record announces more bytes than any frame has.
    RecordLength(u32),
    /// A header that contradicts itself (which one).
    Malformed(&'static str),
    /// A valid capture without any frame.
    NoFrames,
}

impl CaptureFault {
    /// The error of this fault at a place of `file`.
    pub fn in_file(self, file: &str, after_frames: u64, offset: u64) -> CaptureError {
        CaptureError {
            file: file.to_owned(),
            after_frames,
            offset,
            fault: self,
        }
    }
}

impl CaptureError {
    /// True if the file was cut in its middle: what was read before is whole and usable.
    pub const fn is_truncation(&self) -> bool {
        matches!(self.fault, CaptureFault::Truncated)
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            after_frames,
            offset,
            fault,
        } = self;
        let frame = after_frames + 1;
        match fault {
            CaptureFault::Open(error) => write!(f, "{file}: cannot open: {error}"),
            CaptureFault::Read(error) => {
                write!(f, "{file}: reading frame {frame} (byte {offset}): {error}")
            }
            CaptureFault::Write(error) => write!(f, "{file}: writing frame {frame}: {error}"),
            CaptureFault::Empty => write!(f, "{file}: the file is empty"),
            CaptureFault::NotACapture => write!(f, "{file}: not a pcap or pcapng capture"),
            CaptureFault::Compressed => {
                write!(f, "{file}: compressed with gzip; decompress it first")
            }
            CaptureFault::LinkType(found) => write!(
                f,
                "{file}: link type {found} at byte {offset}; only Ethernet (1) is read"
            ),
            CaptureFault::Truncated => write!(
                f,
                "{file}: ends inside the record of frame {frame} (byte {offset}); \
                 {after_frames} whole frames before it"
            ),
            CaptureFault::RecordLength(length) => write!(
                f,
                "{file}: frame {frame} (byte {offset}) announces {length} bytes, more than any frame has"
            ),
            CaptureFault::Malformed(what) => {
                write!(f, "{file}: frame {frame} (byte {offset}): malformed {what}")
            }
            CaptureFault::NoFrames => write!(f, "{file}: holds no frames"),
        }
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            CaptureFault::Open(error) | CaptureFault::Read(error) | CaptureFault::Write(error) => {
                Some(error)
            }
            _ => None,
        }
    }
}
