//! `ranshift inspect`: what a capture holds.

mod cut;

use std::io::{self, Write};
use std::path::PathBuf;

use crate::cli::Exit;

/// Say what a capture holds: flows, rates, TDD pattern, compression, sequence anomalies, malformed frames
#[derive(clap::Args)]
pub(super) struct Inspect {
    /// Capture file (pcap or pcapng)
    capture: PathBuf,
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
        Ok(Exit::Done)
    }
}
