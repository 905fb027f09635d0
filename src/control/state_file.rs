//! The file of the live state at a start: what is in it for the cells of this configuration.
//!
//! The image for the new process is made beside the old file and renamed over it, so that a death at any
//! instant leaves one of them whole. Mapping it is the backend's.

use crate::dataplane::live_state::image::{self, Succession};
use crate::dataplane::tables::Tables;
use crate::ran::Instant;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Puts an image for `tables` in place of what is in `path`, of which it takes over what fits. The caller
/// holds the old file, so that no other process writes it.
pub fn succeed(path: &Path, tables: &Tables, now: Instant) -> io::Result<Succession> {
    let old = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let succession = image::succession(&old, tables, now);
    let beside = beside(path);
    // Left by a death between here and the renaming, maybe as another user.
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(&succession.bytes)?;
    fs::rename(&beside, path)?;
    Ok(succession)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".new");
    path.with_file_name(name)
}
