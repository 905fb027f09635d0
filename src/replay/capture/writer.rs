//! Writes classic pcap with nanosecond stamps, little-endian, Ethernet, keeping original lengths.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::{CaptureError, CaptureFault, ETHERNET, MAX_FRAME, NANOS};
use crate::ran::clock::Instant;

/// A capture file being written. Call `finish`, or the last frames may be lost without an error.
pub struct CaptureWriter {
    name: String,
    output: BufWriter<File>,
    frames: u64,
    offset: u64,
}

impl CaptureWriter {
    /// Creates or truncates `path` and writes the file header.
    pub fn create(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let file =
            File::create(path).map_err(|error| CaptureFault::Write(error).in_file(&name, 0, 0))?;
        let mut writer = Self {
            name,
            output: BufWriter::with_capacity(1 << 18, file),
            frames: 0,
            offset: 0,
        };
        writer.put(&file_header())?;
        Ok(writer)
    }

    /// Appends a frame: the bytes kept, and how many it had on the wire.
    pub fn write(
        &mut self,
        at: Instant,
        data: &[u8],
        original_len: u32,
    ) -> Result<(), CaptureError> {
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        if captured > MAX_FRAME {
            return Err(self.error(CaptureFault::RecordLength(captured)));
        }
        let Ok(seconds) = u32::try_from(at.0 / NANOS) else {
            return Err(self.error(CaptureFault::Malformed("time: after the year 2106")));
        };
        let mut header = [0; 16];
        let fields = [
            seconds,
            (at.0 % NANOS) as u32,
            captured,
            original_len.max(captured),
        ];
        for (bytes, field) in header.chunks_exact_mut(4).zip(fields) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        self.put(&header)?;
        self.put(data)?;
        self.frames += 1;
        Ok(())
    }

    /// Frames written so far.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes what is buffered and closes the file; the number of frames in it.
    pub fn finish(mut self) -> Result<u64, CaptureError> {
        match self.output.flush() {
            Ok(()) => Ok(self.frames),
            Err(error) => Err(self.error(CaptureFault::Write(error))),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        match self.output.write_all(bytes) {
            Ok(()) => self.offset += bytes.len() as u64,
            Err(error) => return Err(self.error(CaptureFault::Write(error))),
        }
        Ok(())
    }

    fn error(&self, fault: CaptureFault) -> CaptureError {
        fault.in_file(&self.name, self.frames, self.offset)
    }
}

fn file_header() -> [u8; 24] {
    let mut header = [0; 24];
    let fields = [
        NANOSECOND_MAGIC,
        VERSION_2_4,
        0,
        0,
        MAX_FRAME,
        ETHERNET as u32,
    ];
    for (bytes, field) in header.chunks_exact_mut(4).zip(fields) {
        bytes.copy_from_slice(&field.to_le_bytes());
    }
    header
}

const NANOSECOND_MAGIC: u32 = 0xa1b2_3c4d;
const VERSION_2_4: u32 = 0x0004_0002;
