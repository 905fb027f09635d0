//! The live state of `run`: taken over from the last process and mapped, or done without, with a warning.

use crate::control::{clock, state_file};
use crate::dataplane::live_state::Memory;
use crate::dataplane::tables::Tables;
use crate::dpdk::mapping::Mapping;
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

fn take_over(file: &Path, tables: &mut Tables) -> io::Result<Memory> {
    let len = std::fs::metadata(file).map_or(0, |old| old.len());
    // Held until the new file is mapped, so that no other process does the same.
    let _held = match len {
        0 => None,
        len => Some(Mapping::open(file, len as usize)?),
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
