//! What is written (YAML) and what is meant: typed, complete, every problem reported at once.
//!
//! `source` turns text into a tree with positions and reads typed values from it, `validate` makes the
//! `model` of it, `scenario` does the same for scenario files. `keys` holds the form of the tables that
//! reading, checking and the written reference share. Refused: files above 16 MiB, anything not UTF-8.

mod failover_model;
mod fapi_model;
mod keys;
mod log_model;
mod midhaul_model;
pub mod model;
mod reference;
pub mod scenario;
mod source;
#[cfg(test)]
mod tests;
mod transaction_model;
mod validate;

pub use model::Config;
pub use reference::markdown as reference;
pub use source::problem::{Mark, Problem, Problems, place};
pub use source::text::duration;

use source::problem::Diagnosis;
use source::tree;
use std::io::Read;
use std::path::Path;

/// A configuration and what in it is probably not meant.
#[derive(Clone, PartialEq, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings, in order of place.
    pub warnings: Vec<Problem>,
}

/// Reads and checks a configuration file.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    parse(&read(path)?, &path.display().to_string())
}

/// Checks the text of a configuration; `file` names it in problems.
pub fn parse(text: &str, file: &str) -> Result<Loaded, Problems> {
    let mut diagnosis = Diagnosis::default();
    let config =
        tree::parse(text, &mut diagnosis).and_then(|root| validate::config(&root, &mut diagnosis));
    let (config, warnings) = diagnosis.conclude(file, config)?;
    Ok(Loaded { config, warnings })
}

/// The text of a file of at most 16 MiB, for `parse`.
pub fn read(path: &Path) -> Result<String, Problems> {
    let name = path.display().to_string();
    let refuse = |what: String| Problems::whole(&name, Problem::new(Mark::default(), "", what));
    let unreadable = |error: std::io::Error| refuse(format!("cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(refuse(format!("is larger than {} MiB", LARGEST >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error
            .as_bytes()
            .iter()
            .take(valid)
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        refuse(format!("is not UTF-8 text, from line {line} on"))
    })
}

/// Bytes: some thousand cells fit many times over.
const LARGEST: u64 = 16 << 20;
