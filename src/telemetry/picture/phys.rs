//! The table of PHYs: what each was given, and what of it was heard.

use super::html::table;
use crate::dataplane::run_record::{Exchange, ExchangeEnd, ExchangeKind, RunRecord};
use crate::ran::{CellId, MemberId};
use crate::telemetry::words::{Words, amount};

/// One row for each PHY of `cells`; nothing if they have none.
pub(super) fn phys(record: &RunRecord, cells: &[CellId]) -> String {
    let words = Words { record };
    let mut rows = Vec::new();
    for cell in cells
        .iter()
        .copied()
        .filter(|cell| words.l2(*cell).is_some())
    {
        let names = record.names.cells.get(cell.index());
        let members = names.map_or(0, |names| names.members.len());
        for member in (0..members).map(|index| MemberId(index as u8)) {
            rows.push(row(words, cell, member));
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(&HEAD, &rows)
}

fn row(words: Words<'_>, cell: CellId, member: MemberId) -> Vec<String> {
    let timeline = words.timeline(cell);
    let exchanges = timeline.map_or(&[][..], |timeline| &timeline.exchanges);
    let own: Vec<_> = exchanges
        .iter()
        .filter(|exchange| exchange.member == Some(member))
        .collect();
    let sum = |is_counted: fn(&Exchange) -> bool| {
        let counted = own.iter().filter(|exchange| is_counted(exchange));
        let messages: u64 = counted.map(|exchange| u64::from(exchange.messages)).sum();
        amount(messages)
    };
    vec![
        words.cell(cell),
        words.member(cell, member),
        sum(|e| e.end == ExchangeEnd::Passed && e.kind() == ExchangeKind::Request),
        sum(|e| e.end == ExchangeEnd::Null),
        sum(|e| e.kind() == ExchangeKind::Slot),
        sum(|e| e.end == ExchangeEnd::Passed && e.kind() == ExchangeKind::Slot),
        sum(|e| e.end == ExchangeEnd::Passed && e.kind() == ExchangeKind::Indication),
        sum(|e| matches!(e.end, ExchangeEnd::Dropped(_))),
    ]
}

const HEAD: [&str; 8] = [
    "cell",
    "PHY of",
    "requests given",
    "NULL requests given",
    "SLOT.indications heard",
    "passed to the L2",
    "other indications passed",
    "indications dropped",
];
