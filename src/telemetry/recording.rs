//! Flight recordings on disk: one folder each, written under another name first, the oldest removed.
//!
//! A folder holds `recording.json` (what it is about), `PORT.pcap` (what was received, nanosecond
//! stamps, as much of each frame as was kept), `log.jsonl` (every entry in order, one a line),
//! `state.json` (the state before the first entry, and at later points) and `config.yaml` (the text in
//! force). Format 1. Whatever goes wrong here, the dataplane goes on.

mod form;
mod pcap;

use crate::dataplane::recorder::{Recording, Ring};
use crate::dataplane::run_record::Names;
use crate::ran::Instant;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// The format written, and the only one read.
pub const FORMAT: u32 = 1;

/// What a recording is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// Format of the folder.
    pub format: u32,
    /// Version of the program that wrote it.
    pub ranshift: String,
    /// The cell.
    pub cell: String,
    /// Why: `failover`, `conflict` or `command`.
    pub trigger: String,
    /// When it was taken, nanoseconds since the Unix epoch.
    pub taken_ns: u64,
    /// Term of the tables in force.
    pub term: u64,
    /// All cells in it: those that share an RU or a DU.
    pub cells: Vec<String>,
    /// Names of the ports, by number.
    pub ports: Vec<String>,
    /// Frames in it.
    pub frames: u64,
    /// When the first and the last entry were recorded.
    pub span_ns: (u64, u64),
}

/// A recording that is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Kept {
    /// Its name: that of its folder.
    pub name: String,
    /// What it is about.
    #[serde(flatten)]
    pub about: About,
    /// Its files and their sizes in bytes.
    pub files: Vec<(String, u64)>,
}

/// A folder of recordings.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    keep: usize,
    space: u64,
}

impl Store {
    /// At most `keep` recordings of `space` bytes together in `directory`, which is made when needed if
    /// its parent exists.
    pub fn new(directory: &Path, keep: usize, space: u64) -> Self {
        Self {
            directory: directory.to_owned(),
            keep,
            space,
        }
    }

    /// Where recordings lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes `recording` under a new name, which is returned, and removes the oldest above `keep`.
    pub fn write(&self, recording: &Recording, names: &Names, config: &str) -> io::Result<String> {
        let cell = names.cells.get(recording.cell.index());
        let cell = cell.map_or("unknown", |cell| cell.name.as_str());
        let trigger = recording.trigger.label();
        let stamp = stamp(recording.taken.unwrap_or_default());
        let name = self.unused(&format!("{stamp}-{cell}-{trigger}"));
        if !self.directory.is_dir() {
            // Not its parents: a machine that was not made ready is not written to.
            DirBuilder::new().mode(MODE).create(&self.directory)?;
        }
        let partial = self.directory.join(format!("{PARTIAL}{name}"));
        let written = DirBuilder::new()
            .mode(MODE)
            .create(&partial)
            .and_then(|()| form::write(&partial, recording, names, cell, config))
            .and_then(|()| fs::rename(&partial, self.directory.join(&name)));
        if let Err(error) = written {
            // What could not be written must not fill the disk; the first error is the one to tell.
            let _ = fs::remove_dir_all(&partial);
            return Err(error);
        }
        self.prune();
        Ok(name)
    }

    /// The recordings, oldest first; empty if the folder cannot be read.
    pub fn list(&self) -> Vec<Kept> {
        let names = self.names().into_iter();
        names.filter_map(|name| self.find(&name)).collect()
    }

    /// One recording by its name.
    pub fn find(&self, name: &str) -> Option<Kept> {
        let folder = self.folder(name)?;
        let about = form::about(&folder).ok()?;
        let mut files = files(&folder);
        files.sort();
        let name = name.to_owned();
        Some(Kept { name, about, files })
    }

    /// Where `file` of recording `name` lies; `None` if there is none, or the names are none of ours.
    pub fn file(&self, name: &str, file: &str) -> Option<PathBuf> {
        let path = self.folder(name)?.join(Some(file).filter(|f| is_plain(f))?);
        let metadata = fs::symlink_metadata(&path).ok()?;
        metadata.is_file().then_some(path)
    }

    /// The folder of a recording; a name from outside cannot lead out of the directory.
    fn folder(&self, name: &str) -> Option<PathBuf> {
        let folder = self.directory.join(Some(name).filter(|n| is_plain(n))?);
        let metadata = fs::symlink_metadata(&folder).ok()?;
        metadata.is_dir().then_some(folder)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_plain(name))
            .filter(|name| self.directory.join(name).join(form::ABOUT).is_file())
            .collect();
        names.sort();
        names
    }

    fn unused(&self, name: &str) -> String {
        let again = (2..).map(|n| format!("{name}-{n}"));
        let mut names = std::iter::once(name.to_owned()).chain(again);
        names
            .find(|name| !self.directory.join(name).exists())
            .unwrap_or_default()
    }

    /// Removes the oldest, and what an earlier process left half written.
    fn prune(&self) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten();
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let folders: Vec<_> = self
            .names()
            .iter()
            .map(|name| self.directory.join(name))
            .collect();
        let (mut count, mut space) = (0, 0);
        for folder in folders.iter().rev() {
            count += 1;
            space += files(folder).iter().map(|(_, bytes)| bytes).sum::<u64>();
            if count > 1 && (count > self.keep || space > self.space) {
                let _ = fs::remove_dir_all(folder);
            }
        }
    }
}

/// Names and sizes of the files in a folder; nothing if it cannot be read.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let size = entry.metadata().ok()?.len();
        Some((entry.file_name().into_string().ok()?, size))
    };
    entries.filter_map(file).collect()
}

/// A recording that was read back.
#[derive(Debug)]
pub struct Loaded {
    /// What it is about.
    pub about: About,
    /// The configuration in force.
    pub config: String,
    /// What was recorded.
    pub ring: Ring,
}

/// Reads the recording in `folder`; the error says which file, and where it is not as it should be.
pub fn load(folder: &Path) -> Result<Loaded, String> {
    form::load(folder)
}

/// Letters that cannot lead anywhere else, and no hidden file.
fn is_plain(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(legal)
}

/// `20261121T110512.123456789Z`: sorts in order of time.
fn stamp(at: Instant) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0));
    let text = at.ok().and_then(|at| at.format(STAMP).ok());
    text.unwrap_or_default()
}

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second].[subsecond digits:9]Z");

/// Recordings hold addresses and headers: for their owner and its group alone.
const MODE: u32 = 0o750;
const PARTIAL: &str = ".partial-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_dates_that_sort() {
        assert_eq!(stamp(Instant(0)), "19700101T000000.000000000Z");
        let leap = Instant(1_709_164_800_000_000_001);
        assert_eq!(stamp(leap), "20240229T000000.000000001Z");
        let now = Instant(1_795_259_112_123_456_789);
        assert_eq!(stamp(now), "20261121T110512.123456789Z");
    }

    #[test]
    fn a_name_from_outside_leads_nowhere_else() {
        for name in [
            "",
            "..",
            ".",
            "../x",
            "a/b",
            "/etc",
            ".partial-x",
            "a\0b",
            "é",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("20261121T110512.123456789Z-cell-1-failover"));
    }
}
