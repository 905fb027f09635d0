//! The log of control threads.

use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Log, LogFormat, LogLevel};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;

pub(super) fn log(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Log> {
    let section = Section::open(field, LOG.keys, diagnosis)?;
    let format = section.optional("format", diagnosis, format);
    let level = section.read("level", diagnosis, level);
    Some(Log {
        format: format?,
        level: level?,
    })
}

fn format(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<LogFormat> {
    Some(match field.word(diagnosis)? {
        "json" => LogFormat::Json,
        "journald" => LogFormat::Journald,
        _ => LogFormat::Text,
    })
}

fn level(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<LogLevel> {
    Some(match field.word(diagnosis)? {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "debug" => LogLevel::Debug,
        _ => LogLevel::Info,
    })
}

pub(in crate::config) const LOG: Table = Table {
    path: "log",
    about: "The log of `run`, on standard error or in the journal. Each event of a cell is one entry with \
            `event`, `cell`, `member`, `slot` and `cause` in fields of their own. Lcores never log.",
    keys: &[
        Key::absent(
            "format",
            Accepts::Words(&["text", "json", "journald"]),
            "",
            "journald if systemd started the process, else text",
            "Lines for people, one JSON object a line, or journald's own fields (`RANSHIFT_CELL` and so on).",
        ),
        Key::default(
            "level",
            Accepts::Words(&["error", "warn", "info", "debug"]),
            "",
            "info",
            "Least severity that is logged. The environment variable `RUST_LOG` wins, and can say it for \
             each module.",
        ),
    ],
};
