//! Live state: the file that a killed process leaves to its successor.

use crate::config::keys::{Accepts, Key, Table};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use std::path::PathBuf;

/// `Some(None)` for `none`.
pub(super) fn state(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<PathBuf>> {
    if field.is_none() {
        return Some(None);
    }
    let section = Section::open(field, STATE.keys, diagnosis)?;
    section.read("file", diagnosis, file).map(Some)
}

fn file(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<PathBuf> {
    let path = PathBuf::from(field.text(diagnosis)?);
    if !path.is_absolute() || path.file_name().is_none() {
        diagnosis.refuse(field.problem("is no absolute path of a file"));
        return None;
    }
    Some(path)
}

pub(in crate::config) const STATE: Table = Table {
    path: "state",
    about: "What survives the process of `run`: numbers toward the RUs, roles, fences, open switches and \
            slot counts. A process that is started again within an hour goes on where the last one \
            was: `active` then says nothing. Remove the file to start as configured. `replay` reads and \
            writes none of it.",
    keys: &[Key::required(
        "file",
        Accepts::Form("absolute path of a file"),
        "",
        "Written by plain stores while frames are carried, so it must be on tmpfs, as in \
         `/run/ranshift/live`. One process at a time has it.",
    )],
};
