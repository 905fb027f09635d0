//! The armed plan: who takes over, and what means that it is time.

use super::members::Group;
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Failover, Signal};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::ran::MemberId;
use std::collections::HashSet;

/// The plan of a group in a cell of these planes.
pub(super) fn failover(
    field: &Field<'_>,
    group: &Group<'_>,
    planes: &[Signal],
    diagnosis: &mut Diagnosis,
) -> Option<Failover> {
    let section = Section::open(field, FAILOVER.keys, diagnosis)?;
    let standby = section.read("standby", diagnosis, |field, d| standby(field, group, d));
    let damping = section.read("damping", diagnosis, Field::duration);
    let signals = section.optional("signals", diagnosis, |field, d| signals(field, planes, d));
    let signals = signals.map(|signals| signals.unwrap_or_else(|| planes.to_vec()));
    let count = signals.as_ref().map_or(planes.len(), Vec::len);
    let least = section.read("lost_when", diagnosis, |field, d| least(field, count, d));
    let priority = section.read("priority", diagnosis, Field::integer);
    Some(Failover {
        standby: standby?,
        damping: damping?,
        signals: signals?,
        least: least?,
        priority: priority?,
    })
}

fn standby(
    field: &Field<'_>,
    group: &Group<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<MemberId>> {
    let mut seen = HashSet::new();
    field.list(diagnosis, |item, diagnosis| {
        let member = group.member(item, diagnosis)?;
        let others = "members of the cell other than the active one, each once";
        if Some(member) == group.active {
            diagnosis.refuse(item.problem("is the active member").accepted(others));
        }
        if !seen.insert(member) {
            diagnosis.refuse(item.problem("is named twice").accepted(others));
        }
        Some(member)
    })
}

fn signals(field: &Field<'_>, planes: &[Signal], diagnosis: &mut Diagnosis) -> Option<Vec<Signal>> {
    let words: Vec<_> = planes.iter().map(|signal| signal.word()).collect();
    let mut seen = HashSet::new();
    let named = field.list(diagnosis, |item, diagnosis| {
        let position = item.reference("plane of this cell", &words, diagnosis)?;
        if !seen.insert(position) {
            diagnosis.refuse(item.problem("is named twice").accepted("each plane once"));
        }
        planes.get(position).copied()
    })?;
    if named.is_empty() {
        let none = field.problem("lets no loss be noticed");
        diagnosis.refuse(none.accepted("one plane at least; `standby: []` for no failover"));
        return None;
    }
    Some(named)
}

fn least(field: &Field<'_>, count: usize, diagnosis: &mut Diagnosis) -> Option<u8> {
    match field.text(diagnosis)? {
        "any" => Some(1),
        "all" => Some(count as u8),
        _ => field.within(1, count as i64, diagnosis),
    }
}

pub(in crate::config) const FAILOVER: Table = Table {
    path: "cells.NAME.failover",
    about: "The armed plan.",
    keys: &[
        Key::default(
            "standby",
            Accepts::Form("list of members other than the active one"),
            "",
            "[]",
            "Who takes over, best first; empty: nobody.",
        ),
        Key::default(
            "damping",
            Accepts::Duration {
                min_ns: 0,
                max_ns: 3_600_000_000_000,
            },
            "",
            "10s",
            "No second failover of the cell within this time of the last.",
        ),
        Key::absent(
            "signals",
            Accepts::Form("list of fronthaul, fapi"),
            "",
            "the planes that the cell has",
            "What tells that the active member is gone.",
        ),
        Key::default(
            "lost_when",
            Accepts::Form("any, all, or how many of `signals`"),
            "",
            "any",
            "How much of that must be silent before another member takes over. A signal that was never there is not \
             waited for. Standbys that are silent on any plane take nothing over.",
        ),
        Key::default(
            "priority",
            Accepts::Integer { min: 0, max: 255 },
            "",
            "0",
            "Where several cells want the same pooled standby, the one of the highest priority has it, of equals the \
             first in the file. It is taken from a cell of lower priority until it has begun to speak there, and \
             not after.",
        ),
    ],
};
