//! The FAPI plane in sentences: what a change cost the L2, what it was told of the whole run, and which PHY fell
//! silent while another served.

use super::{Sentence, Tone};
use crate::dataplane::mailbox::{Event, EventKind};
use crate::ran::CellId;
use crate::telemetry::events::describe;
use crate::telemetry::story::{FapiAudit, Story, Told};
use crate::telemetry::words::{Words, amount, counted};

/// Whether a request or a slot was lost.
pub(super) fn in_short(audit: &FapiAudit) -> String {
    let slots = match audit.told.missing {
        0 => "no slot missing".to_owned(),
        missing => format!("{} missing", counted(missing, "slot")),
    };
    match audit.dropped {
        0 => format!("no request lost, {slots}"),
        dropped => format!("{} dropped, {slots}", counted(dropped, "request")),
    }
}

/// What became of the requests, and of the L2's clock.
pub(super) fn cost(audit: &FapiAudit) -> String {
    let given = format!(
        "{} for slots before, {} from there on",
        counted(audit.given_before, "request"),
        amount(audit.given_after)
    );
    let requests = match audit.is_clean() {
        true => format!(
            "Every request of the L2 went to the PHY that owned its slot ({given}), and to no other."
        ),
        false => format!(
            "{given} went to the PHY that owned their slot; {} dropped, {} given to others.",
            amount(audit.dropped),
            amount(audit.strangers_given)
        ),
    };
    format!("{requests} Around that slot {}.", clock(&audit.told))
}

/// "the L2 was told each of 64 slots once, 2 of them made up; none is missing".
fn clock(told: &Told) -> String {
    let made_up = match told.made_up {
        0 => "none made up".to_owned(),
        count => format!("{} of them made up", amount(count)),
    };
    let slots = counted(told.slots, "slot");
    match (told.missing, told.repeated) {
        (0, 0) => format!("the L2 was told each of {slots} once, {made_up}; none is missing"),
        (missing, repeated) => format!(
            "the L2 was told {slots}, {made_up}; {} missing, {} told again",
            amount(missing),
            amount(repeated)
        ),
    }
}

/// The whole run, as the L2 and the standbys saw it.
pub(super) fn told(words: Words<'_>, cell: CellId) -> Option<Sentence> {
    let l2 = words.l2(cell)?;
    let told = Told::of(&words.timeline(cell)?.exchanges);
    let counted_here = words.record.counters.cells.get(cell.index())?;
    let at = words.record.span.1;
    let mut text = format!(
        "{} {}: until the end {} ({l2}). {} kept the other PHYs alive, {} of them by the slot clock.",
        words.at(at),
        words.cell(cell),
        clock(&told),
        counted(
            counted_here.fapi_request_nulls + counted_here.fapi_clock_nulls,
            "NULL request"
        ),
        amount(counted_here.fapi_clock_nulls),
    );
    if counted_here.fapi_failed_crcs > 0 {
        let blocks = counted(counted_here.fapi_failed_crcs, "transport block");
        text.push_str(&format!(
            " {blocks} of a lost PHY were told to have failed."
        ));
    }
    let tone = match (told.missing, told.repeated) {
        (0, 0) => Tone::Plain,
        _ => Tone::Failed,
    };
    Some(Sentence {
        at,
        tone,
        change: None,
        text,
    })
}

/// A PHY that fell silent and that no failover tells of.
pub(super) fn lost(words: Words<'_>, story: &Story, event: &Event) -> Option<Sentence> {
    let EventKind::Lost { member, .. } = event.kind else {
        return None;
    };
    words.l2(event.cell)?;
    let told = story.moves().filter_map(|change| change.failure);
    let mut told = told.filter(|failure| failure.member == member && failure.detected == event.at);
    let mut silent = story.silences.iter().filter(|silence| {
        silence.cell == event.cell && silence.member == member && silence.first_due <= event.at
    });
    if told.next().is_some() || silent.next().is_some() {
        return None;
    }
    let (at, cell) = (words.at(event.at), words.cell(event.cell));
    Some(Sentence {
        at: event.at,
        tone: Tone::Failed,
        change: None,
        text: format!("{at} {cell}: {}.", describe(words, event)),
    })
}
