//! The flight recorder: how much of the last frames is kept in memory, and where recordings go.

use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::Recorder;
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use std::path::PathBuf;

/// `None` inside: nothing is recorded.
pub(super) fn recorder(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<Recorder>> {
    if field.is_none() {
        return Some(None);
    }
    let section = Section::open(field, RECORDER.keys, diagnosis)?;
    let frames = section.optional("frames", diagnosis, Field::integer);
    let snap = section.read("snap", diagnosis, Field::integer);
    let directory = section.read("directory", diagnosis, directory);
    let keep = section.read("keep", diagnosis, Field::integer);
    let space = section.read("space", diagnosis, Field::integer);
    Some(Some(Recorder {
        frames: frames?,
        snap: snap?,
        directory: directory?,
        keep: keep?,
        space: space?,
    }))
}

fn directory(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<PathBuf> {
    let text = field.text(diagnosis)?;
    if text.is_empty() {
        diagnosis.refuse(field.problem("is empty").accepted("the path of a folder"));
        return None;
    }
    Some(text.into())
}

pub(in crate::config) const RECORDER: Table = Table {
    path: "recorder",
    about: "The flight recorder of `run`: the headers of each cell's last frames, written down on a \
            failover, on a conflict or when asked; see [the flight recorder](recorder.md). \
            `recorder: none` keeps nothing.",
    keys: &[
        Key::absent(
            "frames",
            Accepts::Integer {
                min: 256,
                max: 4_194_304,
            },
            "frames",
            "16384, or fewer where all cells together would take more than 128 MiB",
            "Frames kept of each cell, at least. Each takes up to 4/3 of (snap + 75) bytes of memory.",
        ),
        Key::default(
            "snap",
            Accepts::Integer {
                min: 144,
                max: 9_216,
            },
            "bytes",
            "160",
            "Bytes kept of a U-plane frame, from its first. Other eCPRI frames are kept whole, frames \
             that are not eCPRI not at all.",
        ),
        Key::default(
            "directory",
            Accepts::Form("path of a folder; made when it is needed, its parent must exist"),
            "",
            "/var/lib/ranshift/recordings",
            "Where recordings are written.",
        ),
        Key::default(
            "keep",
            Accepts::Integer {
                min: 1,
                max: 10_000,
            },
            "",
            "20",
            "Recordings kept; the oldest are removed.",
        ),
        Key::default(
            "space",
            Accepts::Integer {
                min: 1,
                max: 1_048_576,
            },
            "MiB",
            "1024",
            "Size of all recordings together: the oldest are removed, never the last.",
        ),
    ],
};
