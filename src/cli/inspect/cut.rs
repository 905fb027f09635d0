//! `ranshift inspect CAPTURE --cut BYTES OUT`: a copy whose frames keep their headers and lengths only.
//!
//! Every header field, time and length survives; the samples of the users do not. Such a copy is small
//! enough to keep and safe to share.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::Exit;
use crate::replay::capture::{CaptureError, CaptureReader, CaptureWriter};

/// Writes the copy and says what it holds. A file cut in its middle gives the copy of its whole frames.
pub(super) fn run(
    capture: &Path,
    length: usize,
    copy: &Path,
    out: &mut dyn Write,
) -> io::Result<Exit> {
    if same_file(capture, copy) {
        eprintln!("ranshift: {}: cannot be its own copy", copy.display());
        return Ok(Exit::Usage);
    }
    match write_copy(capture, length, copy) {
        Ok((frames, cut)) => {
            let name = copy.display();
            writeln!(
                out,
                "{name}: {frames} frames, {cut} of them cut to {length} bytes"
            )?;
            Ok(Exit::Done)
        }
        Err(error) => {
            eprintln!("ranshift: {error}");
            Ok(Exit::Environment)
        }
    }
}

fn write_copy(capture: &Path, length: usize, copy: &Path) -> Result<(u64, u64), CaptureError> {
    let mut reader = CaptureReader::open(capture)?;
    let mut writer = CaptureWriter::create(copy)?;
    let mut cut = 0;
    let copied = loop {
        match reader.next_frame() {
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
            Ok(Some(record)) => {
                let kept = record.data.get(..length).unwrap_or(record.data);
                cut += u64::from(kept.len() < record.original_len as usize);
                writer.write(record.at, kept, record.original_len)?;
            }
        }
    };
    let frames = writer.finish()?;
    copied.map(|()| (frames, cut))
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
