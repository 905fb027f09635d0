//! The page's tables: expectations, times of each change, liveness, drops, peers, cells, ledger, events.

use super::html::{escape, table};
use crate::dataplane::counters::{CellCounters, Ledger};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::run_record::RunRecord;
use crate::dataplane::verdict::DropReason;
use crate::ran::{CellId, Instant, MemberId};
use crate::telemetry::events::describe;
use crate::telemetry::story::{SilenceEnd, Story};
use crate::telemetry::words::{Words, amount, duration};
use serde_json::Value;

/// Events that the page lists.
const MOST_EVENTS: usize = 500;

/// What was expected and what was found.
pub(super) fn expectations(facts: &Value) -> String {
    let Some(list) = facts.get("expectations").and_then(Value::as_array) else {
        return String::new();
    };
    if list.is_empty() {
        return "<p>The scenario expects nothing in particular.</p>".to_owned();
    }
    let rows: Vec<_> = list
        .iter()
        .map(|item| {
            let met = if is_met(item) {
                "\u{2713} met"
            } else {
                "\u{2717} not met"
            };
            let values = ["what", "expected", "found"].map(|key| plain(item.get(key)));
            [vec![met.to_owned()], values.to_vec()].concat()
        })
        .collect();
    table(&["", "what", "expected", "found"], &rows)
}

/// What was expected and not found, for the top of the page.
pub(super) fn unmet(facts: &Value) -> String {
    let list = facts.get("expectations").and_then(Value::as_array);
    let unmet = list.into_iter().flatten().filter(|item| !is_met(item));
    unmet
        .map(|item| {
            let [what, expected, found] =
                ["what", "expected", "found"].map(|key| escape(&plain(item.get(key))));
            format!("<p class=\"bad\">\u{2717} {what}: expected {expected}, found {found}</p>\n")
        })
        .collect()
}

fn is_met(item: &Value) -> bool {
    item.get("ok").and_then(Value::as_bool) == Some(true)
}

fn plain(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

/// Detection and switch times.
pub(super) fn changes(words: Words<'_>, story: &Story) -> String {
    let rows: Vec<_> = story
        .moves()
        .zip(1..)
        .map(|(change, number)| {
            let since = |at: Instant, from| duration(at.nanos_since(from));
            let mut row = vec![
                number.to_string(),
                words.cell(change.cell),
                change
                    .before
                    .map_or_else(String::new, |m| words.mode(change.cell, m)),
                words.mode(change.cell, change.mode),
                words.slot(change.cell, change.boundary),
                words.at(change.at),
            ];
            row.extend(match (change.failure, change.commanded) {
                (Some(failure), _) => [
                    "failover".to_owned(),
                    since(failure.detected, failure.last_heard),
                    since(failure.detected, failure.due_at),
                    since(change.at, failure.detected),
                    since(change.at, failure.last_heard),
                ],
                (None, Some(commanded)) => [
                    "command".to_owned(),
                    String::new(),
                    String::new(),
                    since(change.at, commanded),
                    String::new(),
                ],
                (None, None) => ["command", "", "", "", ""].map(str::to_owned),
            });
            row
        })
        .collect();
    if rows.is_empty() {
        return "<p>Nobody else began to speak.</p>".to_owned();
    }
    table(
        &[
            "",
            "cell",
            "from",
            "to",
            "first slot",
            "took effect",
            "cause",
            "death to detection",
            "due to detection",
            "decision to first frame",
            "death to first frame",
        ],
        &rows,
    )
}

/// Per member: slots heard, empty due slots, how silences ended.
pub(super) fn liveness(record: &RunRecord, story: &Story, cells: &[CellId]) -> String {
    let words = Words { record };
    let mut rows = Vec::new();
    for cell in cells
        .iter()
        .copied()
        .filter(|cell| words.has_fronthaul(*cell))
    {
        let members = record
            .names
            .cells
            .get(cell.index())
            .map_or(0, |n| n.members.len());
        for member in (0..members).map(|index| MemberId(index as u8)) {
            rows.push(member_row(words, story, cell, member));
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(
        &[
            "cell",
            "member",
            "slots heard",
            "frames sent on",
            "frames dropped",
            "empty due slots",
            "longest run",
            "stalls",
            "declared lost",
            "at the end",
        ],
        &rows,
    )
}

fn member_row(words: Words<'_>, story: &Story, cell: CellId, member: MemberId) -> Vec<String> {
    let timeline = words.timeline(cell);
    let speech = timeline.map_or(&[][..], |timeline| &timeline.speech);
    let (mut heard, mut sent, mut dropped, mut last) = (0u64, 0u64, 0u64, None);
    for said in speech.iter().filter(|said| said.member == Some(member)) {
        heard += u64::from(last.replace(said.slot) != Some(said.slot));
        let count = if said.fate.is_none() {
            &mut sent
        } else {
            &mut dropped
        };
        *count += u64::from(said.frames);
    }
    let silences: Vec<_> = story
        .silences
        .iter()
        .filter(|s| s.cell == cell && s.member == member)
        .collect();
    let lost = silences
        .iter()
        .filter(|s| matches!(s.end, SilenceEnd::Lost { .. }));
    let last = silences.last().map(|silence| silence.end);
    let state = match last {
        Some(SilenceEnd::Lost {
            at,
            heard_again: None,
        }) => format!("lost since {}", words.at(at)),
        Some(SilenceEnd::Open) => "silent".to_owned(),
        _ if heard == 0 => "never heard".to_owned(),
        _ => "heard".to_owned(),
    };
    let missed: u64 = silences.iter().map(|s| u64::from(s.run)).sum();
    let longest = silences.iter().map(|s| s.run).max().unwrap_or(0);
    let stalls = silences
        .iter()
        .filter(|s| matches!(s.end, SilenceEnd::Stall(_)));
    vec![
        words.cell(cell),
        words.member(cell, member),
        amount(heard),
        amount(sent),
        amount(dropped),
        amount(missed),
        amount(u64::from(longest)),
        amount(stalls.count() as u64),
        amount(lost.count() as u64),
        state,
    ]
}

/// Each reason that was given, with its sentence and the peers it was given to.
pub(super) fn drops(record: &RunRecord) -> String {
    let counters = &record.counters;
    let rows: Vec<_> = DropReason::ALL
        .iter()
        .filter(|reason| counters.drops.of(**reason) > 0)
        .map(|reason| {
            let peers: Vec<_> = (record.names.peers.iter())
                .zip(&counters.peers)
                .filter(|(_, peer)| peer.drops.of(*reason) > 0)
                .map(|(name, peer)| format!("{name} {}", amount(peer.drops.of(*reason))))
                .collect();
            vec![
                reason.label().to_owned(),
                amount(counters.drops.of(*reason)),
                peers.join(", "),
                reason.help().to_owned(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "<p>No frame was dropped.</p>".to_owned();
    }
    table(&["reason", "frames", "from", "meaning"], &rows)
}

/// Per peer and per port.
pub(super) fn peers(record: &RunRecord) -> String {
    let counters = &record.counters;
    let rows: Vec<_> = (record.names.peers.iter().zip(&counters.peers))
        .map(|(name, peer)| {
            let mut row = vec![name.clone()];
            let values = [
                peer.received,
                peer.missing,
                peer.duplicate,
                peer.reordered,
                peer.drops.total(),
            ];
            row.extend(values.map(amount));
            row
        })
        .collect();
    let head = [
        "peer",
        "frames received",
        "numbers missing",
        "twice",
        "reordered",
        "dropped",
    ];
    let ports: Vec<_> = (record.names.ports.iter().zip(&counters.ports))
        .map(|(name, port)| {
            let mut row = vec![name.clone()];
            let values = [
                port.received,
                port.received_bytes,
                port.sent,
                port.sent_bytes,
            ];
            row.extend(values.map(amount));
            row
        })
        .collect();
    let ports = table(
        &["port", "frames in", "bytes in", "frames out", "bytes out"],
        &ports,
    );
    table(&head, &rows) + &ports
}

/// Per cell.
pub(super) fn cells(record: &RunRecord) -> String {
    let rows: Vec<_> = (record.names.cells.iter().zip(&record.counters.cells))
        .map(|(names, cell)| {
            let mut row = vec![names.name.clone()];
            row.extend(columns(cell).map(|(_, value)| amount(value)));
            row
        })
        .collect();
    let mut head = vec!["cell"];
    head.extend(columns(&CellCounters::default()).map(|(title, _)| title));
    table(&head, &rows)
}

fn columns(cell: &CellCounters) -> [(&'static str, u64); 18] {
    [
        ("DL C-plane", cell.downlink_control),
        ("UL C-plane", cell.uplink_control),
        ("DL U-plane", cell.downlink_user),
        ("UL U-plane", cell.uplink_user),
        ("uplink copies", cell.uplink_copies),
        ("remapped", cell.remapped),
        ("split", cell.split),
        ("sectionId mapped", cell.section_mapped),
        ("switches", cell.switches),
        ("failovers", cell.failovers),
        ("due missed", cell.due_missed),
        ("C-plane mismatches", cell.cplane_mismatches),
        ("FAPI requests", cell.fapi_requests),
        ("NULL of requests", cell.fapi_request_nulls),
        ("NULL by the clock", cell.fapi_clock_nulls),
        ("FAPI indications", cell.fapi_indications),
        ("SLOT.indications made up", cell.fapi_made_up_slots),
        ("failing CRCs made up", cell.fapi_failed_crcs),
    ]
}

/// The ledger as the equation that it is.
pub(super) fn ledger(ledger: &Ledger) -> String {
    let sides = |terms: &[(&str, u64)]| {
        let terms: Vec<_> = terms
            .iter()
            .map(|(name, value)| format!("<b>{}</b> {name}", amount(*value)))
            .collect();
        terms.join(" + ")
    };
    let income = sides(&[
        ("received", ledger.received),
        ("originated", ledger.originated),
        ("copied", ledger.copied),
    ]);
    let outcome = sides(&[
        ("sent", ledger.sent),
        ("held", ledger.held),
        ("merged", ledger.merged),
        ("punted", ledger.punted),
        ("dropped", ledger.dropped),
    ]);
    let verdict = match ledger.balance() {
        0 => "<p>Every frame is accounted for.</p>".to_owned(),
        rest => format!("<p class=\"bad\">The ledger does not balance: {rest} frames.</p>"),
    };
    format!("<p class=\"ledger\">{income} = {outcome}</p>{verdict}")
}

/// All events, the per-slot ones left out.
pub(super) fn events(record: &RunRecord) -> String {
    let words = Words { record };
    let told = record
        .events
        .iter()
        .filter(|event| !matches!(event.kind, EventKind::PrbUse { .. }));
    let total = told.clone().count();
    let rows: Vec<_> = told
        .take(MOST_EVENTS)
        .map(|event| {
            vec![
                words.at(event.at),
                words.cell(event.cell),
                words.slot(event.cell, event.slot),
                describe(words, event),
            ]
        })
        .collect();
    let rest = total.saturating_sub(MOST_EVENTS);
    let note = match rest {
        0 => String::new(),
        _ => format!(
            "<p>{}</p>",
            escape(&format!("{rest} more are in report.json."))
        ),
    };
    table(&["at", "cell", "slot on air", "event"], &rows) + &note
}
