//! The live state of `run`: taken over from the last process and mapped, or done without, with a warning.

use crate::control::{clock, state_file};
use crate::dataplane::live_state::Memory;
use crate::dataplane::tables::Tables;
use crate::dpdk::mapping::Mapping;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The memory that the lcores write, with the state that an earlier process left for `tables`; the term goes
/// on from that process's. `None` if there is no file, or none can be had: that is no reason not to start.
pub(super) fn open(file: Option<&Path>, tables: &mut Tables) -> Option<Memory> {
    let file = file?;
    match take_over(file, tables) {
        Ok(memory) => Some(memory),
        Err(error) => {
            let why = match error.kind() {
                io::ErrorKind::WouldBlock => "another process has it".to_owned(),
                _ => error.to_string(),
            };
            eprintln!(
                "ranshift: warning: live state {}: {why}; nothing survives this process",
                file.display()
            );
            None
        }
    }
}

/// What an earlier process left, if it is there and not empty.
fn hold(file: &Path) -> io::Result<Option<Mapping>> {
    match File::options().read(true).write(true).open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(old) => match old.metadata()?.len() {
            0 => Ok(None),
            len => Mapping::open(file, len as usize).map(Some),
        },
    }
}

/// Removes a file that this user may not open, most often of a run by hand as root: else the service
/// would go without live state until somebody reads its log. Works where the folder is this user's.
fn replace(file: &Path) -> io::Result<()> {
    fs::remove_file(file)?;
    eprintln!(
        "ranshift: warning: live state {}: another user's file, which could not be opened, is \
         replaced; every cell begins as configured",
        file.display()
    );
    Ok(())
}

fn take_over(file: &Path, tables: &mut Tables) -> io::Result<Memory> {
    // Held until the new file is mapped, so that no other process does the same.
    let _held = match hold(file) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            replace(file).map_err(|_| error)?;
            None
        }
        held => held?,
    };
    let succession = state_file::succeed(file, tables, clock::wall())?;
    for what in &succession.ignored {
        eprintln!("ranshift: warning: live state {}: {what}", file.display());
    }
    if succession.restored > 0 {
        let (restored, all) = (succession.restored, tables.cells.len());
        eprintln!(
            "ranshift: live state {}: {restored} of {all} cells go on where they were",
            file.display()
        );
    }
    tables.term = tables.term.max(succession.term + 1);
    Ok(Mapping::open(file, succession.bytes.len())?.leak())
}
