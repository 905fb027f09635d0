//! The captures of a recording: classic pcap, little-endian, nanoseconds, Ethernet, original lengths.

use crate::ran::Instant;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: u32 = 0x0004_0002;
const SNAP: u32 = 262_144;
const ETHERNET: u32 = 1;
const NANOS: u64 = 1_000_000_000;

/// A capture being written.
pub(super) struct Capture {
    output: BufWriter<File>,
    /// Frames so far.
    pub(super) frames: u64,
}

impl Capture {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut output = BufWriter::new(File::create_new(path)?);
        for field in [MAGIC, VERSION, 0, 0, SNAP, ETHERNET] {
            output.write_all(&field.to_le_bytes())?;
        }
        Ok(Self { output, frames: 0 })
    }

    pub(super) fn write(&mut self, at: Instant, kept: &[u8], length: u32) -> io::Result<()> {
        let seconds = u32::try_from(at.0 / NANOS).map_err(io::Error::other)?;
        for field in [seconds, (at.0 % NANOS) as u32, kept.len() as u32, length] {
            self.output.write_all(&field.to_le_bytes())?;
        }
        self.frames += 1;
        self.output.write_all(kept)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The frames of a capture that `Capture` wrote, in order.
pub(super) fn frames(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let bytes = fs::read(path).map_err(|error| wrong(&error))?;
    let (header, mut rest) = bytes
        .split_first_chunk::<24>()
        .ok_or_else(|| wrong(&"is no capture"))?;
    if header.first_chunk() != Some(&MAGIC.to_le_bytes()) {
        return Err(wrong(&"is no little-endian capture with nanoseconds"));
    }
    let mut frames = Vec::new();
    while let Some((record, data)) = rest.split_first_chunk::<16>() {
        let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *record;
        let kept = u32::from_le_bytes([a, b, c, d]) as usize;
        let (frame, after) = data
            .split_at_checked(kept)
            .ok_or_else(|| wrong(&"ends within a frame"))?;
        frames.push(frame.to_vec());
        rest = after;
    }
    if !rest.is_empty() {
        return Err(wrong(&"ends within a frame"));
    }
    Ok(frames)
}
