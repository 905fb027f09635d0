//! Expectations of a scenario: exact counters, invariants, and events within a time.

use super::actions::TIME;
use super::read::Names;
use super::{EVENT_KINDS, Expectations, ExpectedEvent, Invariant};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::source::fields::{Field, Section, listing, with_hint};
use crate::config::source::nearest::nearest;
use crate::config::source::problem::{Diagnosis, Problem};
use crate::config::source::tree::shorten;
use crate::ran::CellId;

pub(super) fn expect(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Expectations> {
    let section = Section::open(field, EXPECT.keys, diagnosis)?;
    let counters = section.read("counters", diagnosis, |field, d| counters(field, names, d));
    let invariants = section.read("invariants", diagnosis, |field, diagnosis| {
        field.list(diagnosis, invariant)
    });
    let events = section.read("events", diagnosis, |field, diagnosis| {
        field.list(diagnosis, |item, d| event(item, names, d))
    });
    Some(Expectations {
        counters: counters?,
        invariants: invariants?,
        events: events?,
    })
}

fn counters(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<(String, u64)>> {
    let mut counters = Vec::new();
    for (name, field) in field.entries(diagnosis)? {
        let refuse = |known: &[&str], segment: &str| {
            let near = nearest(segment, known.iter().copied());
            let what = with_hint("is not a counter", near);
            let problem = Problem::new(field.mark, &field.path, what);
            problem.found(shorten(name)).accepted(listing(known))
        };
        if let Err((known, segment)) = judge(name, names) {
            diagnosis.refuse(refuse(&known, segment));
            continue;
        }
        if let Some(value) = field.within(0, i64::MAX, diagnosis) {
            counters.push((name.to_owned(), value));
        }
    }
    Some(counters)
}

/// What is known where a segment is not; labels of drops and fields of cells are the backend's.
fn judge<'n>(name: &'n str, names: &Names<'n>) -> Result<(), (Vec<&'n str>, &'n str)> {
    let mut segments = name.split('.');
    let mut next = || segments.next().unwrap_or_default();
    let known = |known: &[&'n str], segment: &'n str| {
        if known.contains(&segment) {
            return Ok(());
        }
        Err((known.to_vec(), segment))
    };
    match next() {
        "ledger" => known(&LEDGER, next())?,
        "ports" => {
            known(&names.ports, next())?;
            known(&PORT, next())?;
        }
        "peers" => {
            known(&names.peers, next())?;
            let field = next();
            known(&PEER, field)?;
            if field == "drops" {
                label(next())?;
            }
        }
        "cells" => {
            known(&names.cells, next())?;
            label(next())?;
        }
        "drops" => label(next())?,
        other => known(&FAMILIES, other)?,
    }
    match segments.next() {
        None => Ok(()),
        Some(rest) => Err((vec!["no further segment"], rest)),
    }
}

fn label(segment: &str) -> Result<(), (Vec<&str>, &str)> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !segment.is_empty() && segment.chars().all(word) {
        return Ok(());
    }
    Err((vec!["a label in small letters, as in the report"], segment))
}

fn invariant(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Invariant> {
    match field.text(diagnosis)? {
        "ledger" => Some(Invariant::Ledger),
        "one_du_per_symbol" => Some(Invariant::OneDuPerSymbol),
        "sequence" => Some(Invariant::Sequence),
        other => {
            let what = with_hint("is no invariant", nearest(other, INVARIANTS));
            diagnosis.refuse(field.problem(what).accepted(listing(&INVARIANTS)));
            None
        }
    }
}

fn event(field: &Field<'_>, names: &Names<'_>, diagnosis: &mut Diagnosis) -> Option<ExpectedEvent> {
    let section = Section::open(field, EVENT.keys, diagnosis)?;
    let event = section.read("event", diagnosis, Field::word);
    let cell: Option<Option<CellId>> = section.optional("cell", diagnosis, |field, diagnosis| {
        names.cell(field, diagnosis).map(|(id, _)| id)
    });
    let after = section.optional("after", diagnosis, Field::duration);
    let before = section.optional("before", diagnosis, Field::duration);
    let count = section.optional("count", diagnosis, Field::integer);
    let (after, before) = (after?, before?);
    if before.is_some() && before <= after {
        section.refuse("before", diagnosis, |field| {
            field
                .problem("is not later than after")
                .accepted("a time after after")
        });
    }
    Some(ExpectedEvent {
        event: event?.to_owned(),
        cell: cell?,
        after,
        before,
        count: count?,
    })
}

const INVARIANTS: [&str; 3] = ["ledger", "one_du_per_symbol", "sequence"];
const FAMILIES: [&str; 7] = [
    "ledger",
    "drops",
    "ports",
    "peers",
    "cells",
    "events_lost",
    "ptp_seen",
];
const LEDGER: [&str; 8] = [
    "received",
    "originated",
    "copied",
    "sent",
    "held",
    "merged",
    "punted",
    "dropped",
];
const PORT: [&str; 4] = ["received", "received_bytes", "sent", "sent_bytes"];
const PEER: [&str; 5] = ["received", "missing", "duplicate", "reordered", "drops"];

pub(super) const EXPECT: Table = Table {
    path: "expect",
    about: "A run that does not meet all of it ends with exit code 1.",
    keys: &[
        Key::default(
            "counters",
            Accepts::Form("a mapping of counter to integer"),
            "",
            "{}",
            "Exact values of counters, named as in the report: `ledger.received`, `drops.LABEL`, \
             `ports.NAME.sent`, `peers.NAME.drops.LABEL`, `cells.NAME.switches`.",
        ),
        Key::default(
            "invariants",
            Accepts::Form("list of ledger, one_du_per_symbol, sequence"),
            "",
            "[]",
            "What must hold over the whole run.",
        ),
        Key::default(
            "events",
            Accepts::Form("a list of mappings"),
            "",
            "[]",
            "Events that must have happened.",
        ),
    ],
};

pub(super) const EVENT: Table = Table {
    path: "expect.events[]",
    about: "One kind of event within a time.",
    keys: &[
        Key::required("event", Accepts::Words(&EVENT_KINDS), "", "The kind."),
        Key::absent(
            "cell",
            Accepts::Form("name of a cell"),
            "",
            "any",
            "In this cell.",
        ),
        Key::absent(
            "after",
            TIME,
            "",
            "from the start",
            "At or after this time.",
        ),
        Key::absent("before", TIME, "", "to the end", "Before this time."),
        Key::absent(
            "count",
            Accepts::Integer {
                min: 0,
                max: 1_000_000_000,
            },
            "",
            "at least once",
            "Exactly this often within those times.",
        ),
    ],
};
