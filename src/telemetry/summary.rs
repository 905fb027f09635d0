//! The story of a run in plain sentences, for a terminal and for the head of the page.

mod fapi;

use super::events::describe;
use super::story::{Audit, Change, Failure, Silence, SilenceEnd, Story};
use super::words::{Words, amount, counted, due_class, duration};
use crate::dataplane::mailbox::{Cause, Event, EventKind, Mode};
use crate::dataplane::run_record::RunRecord;
use crate::ran::{CellId, Instant};

/// Silences of one cell that are told one by one; more are told as a sum.
const MOST_STALLS: usize = 6;

/// What happened, one sentence a line, in order of time.
pub fn summary(record: &RunRecord) -> String {
    let story = Story::of(record);
    let mut text = headline(record, &story);
    for line in sentences(record, &story) {
        text.push_str("\n  ");
        text.push_str(&line.text);
    }
    text.push('\n');
    text
}

/// One thing that happened.
pub(super) struct Sentence {
    pub(super) at: Instant,
    pub(super) tone: Tone,
    /// Number of the change that it tells of, from 1, as `Story::moves` counts.
    pub(super) change: Option<usize>,
    pub(super) text: String,
}

/// How much a sentence matters at 3 a.m.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    /// As it should be.
    Plain,
    /// A planned change.
    Planned,
    /// Something failed.
    Failed,
}

/// The run in one line.
pub(super) fn headline(record: &RunRecord, story: &Story) -> String {
    let words = Words { record };
    let moves: Vec<_> = story.moves().collect();
    if moves.len() > 4 {
        let planned = moves.iter().filter(|c| c.cause == Cause::Command).count();
        return format!(
            "{}: {}, {}.",
            counted(record.cells.len() as u64, "cell"),
            counted(planned as u64, "planned change"),
            counted((moves.len() - planned) as u64, "failover"),
        );
    }
    let mut line = String::new();
    let mut cell = None;
    for change in &moves {
        line.push_str(if line.is_empty() { "" } else { "; " });
        if cell.replace(change.cell) != Some(change.cell) {
            line.push_str(&format!("{}: ", words.cell(change.cell)));
        }
        line.push_str(&in_short(words, change));
    }
    if !line.is_empty() {
        return line + ".";
    }
    let quiet = story.changes.iter().take(4).map(|change| {
        let speaker = words.mode(change.cell, change.mode);
        format!(
            "{}: {speaker} spoke for the whole run",
            words.cell(change.cell)
        )
    });
    let quiet: Vec<_> = quiet.collect();
    if quiet.is_empty() {
        return "No cell had a frame to decide on.".to_owned();
    }
    format!("{}; nothing changed.", quiet.join("; "))
}

fn in_short(words: Words<'_>, change: &Change) -> String {
    let slot = match words.l2(change.cell) {
        Some(_) => words.slot(change.cell, change.boundary),
        None => format!("slot {}", change.boundary.0),
    };
    let to = words.mode(change.cell, change.mode);
    if let Some(failure) = change.failure {
        return format!(
            "{} fell silent at {}, was declared lost {} later, and {to} took over from {slot}",
            words.member(change.cell, failure.member),
            words.at(failure.last_heard),
            duration(failure.detected.nanos_since(failure.last_heard)),
        );
    }
    let loss = loss(words, change);
    match (change.before, change.mode) {
        (Some(Mode::Single(from)), Mode::Single(_)) => format!(
            "migrated from {} to {to} at {slot}, {loss}",
            words.member(change.cell, from)
        ),
        _ => format!("{to} from {slot}, {loss}"),
    }
}

fn loss(words: Words<'_>, change: &Change) -> String {
    let frames = match change.audit.is_clean() {
        true => "no frame lost".to_owned(),
        false => format!("{} dropped", counted(change.audit.owner_dropped, "frame")),
    };
    match &change.fapi {
        Some(fapi) if words.has_fronthaul(change.cell) => {
            format!("{frames}, {}", fapi::in_short(fapi))
        }
        Some(fapi) => fapi::in_short(fapi),
        None => frames,
    }
}

/// Everything worth a sentence, in order of time.
pub(super) fn sentences(record: &RunRecord, story: &Story) -> Vec<Sentence> {
    let words = Words { record };
    let starts = story.changes.iter().filter(|c| c.cause == Cause::Start);
    let mut sentences: Vec<_> = starts.map(|c| of_change(words, c, None)).collect();
    let moves = story.moves().zip(1..);
    sentences.extend(moves.map(|(c, number)| of_change(words, c, Some(number))));
    for (index, _) in record.cells.iter().enumerate() {
        let cell = CellId(index as u16);
        silences(words, story, cell, &mut sentences);
        sentences.extend(fapi::told(words, cell));
    }
    sentences.extend(record.events.iter().filter_map(|e| of_event(words, e)));
    let lost = record.events.iter();
    sentences.extend(lost.filter_map(|event| fapi::lost(words, story, event)));
    sentences.sort_by_key(|sentence| sentence.at);
    sentences
}

fn of_change(words: Words<'_>, change: &Change, number: Option<usize>) -> Sentence {
    let cell = words.cell(change.cell);
    let mode = words.mode(change.cell, change.mode);
    let slot = words.slot(change.cell, change.boundary);
    let (tone, text) = match (change.cause, change.failure) {
        (Cause::Start, _) => (
            Tone::Plain,
            format!("{cell}: {mode} speaks from the start."),
        ),
        (Cause::Failover, Some(failure)) => {
            (Tone::Failed, failover(words, change, failure, &mode, &slot))
        }
        _ => (
            Tone::Planned,
            format!(
                "{cell}: {mode} speaks from {slot}{}. {}",
                ahead(change),
                cost(words, change)
            ),
        ),
    };
    Sentence {
        at: change.at,
        tone,
        change: number,
        text: format!("{} {text}", words.at(change.at)),
    }
}

fn ahead(change: &Change) -> String {
    match change.commanded {
        Some(at) => format!(
            ", as commanded {} before",
            duration(change.at.nanos_since(at))
        ),
        None => String::new(),
    }
}

fn failover(words: Words<'_>, change: &Change, failure: Failure, mode: &str, slot: &str) -> String {
    format!(
        "{}: {} was lost: last heard at {}, due again at {}, declared lost at {} ({} after its last frame, {} after it was due). {mode} took over from {slot}{}. {}",
        words.cell(change.cell),
        words.member(change.cell, failure.member),
        words.at(failure.last_heard),
        words.at(failure.due_at),
        words.at(failure.detected),
        duration(failure.detected.nanos_since(failure.last_heard)),
        duration(failure.detected.nanos_since(failure.due_at)),
        lateness(words, change),
        cost(words, change),
    )
}

/// What the change cost, on each plane that the cell has.
fn cost(words: Words<'_>, change: &Change) -> String {
    let fapi = change.fapi.as_ref().map(fapi::cost);
    if !words.has_fronthaul(change.cell) {
        return fapi.unwrap_or_default();
    }
    let gap = change.failure.map(|_| gap(&change.audit));
    let told = [gap, Some(frames(&change.audit)), fapi];
    told.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A standby may itself be late for the slot that it takes over.
fn lateness(words: Words<'_>, change: &Change) -> String {
    let air = words
        .timeline(change.cell)
        .map(|timeline| timeline.air(change.boundary));
    match air.map(|air| change.at.nanos_since(air)) {
        Some(late) if late > 0 => format!(
            ", whose first frame it sent {} after that slot was on air",
            duration(late)
        ),
        _ => String::new(),
    }
}

fn gap(audit: &Audit) -> String {
    match (audit.unserved_downlink, audit.unserved_uplink) {
        (0, 0) => "No slot in between went without its owner.".to_owned(),
        (downlink, uplink) => format!(
            "In between, {} and {} went without an owner.",
            counted(downlink, "downlink slot"),
            counted(uplink, "uplink slot")
        ),
    }
}

fn frames(audit: &Audit) -> String {
    let sent = format!(
        "{} sent for slots before, {} from there on",
        counted(audit.sent_before, "frame"),
        amount(audit.sent_after)
    );
    if audit.is_clean() {
        return format!("Every frame of the owners went to the RU ({sent}), and no other did.");
    }
    format!(
        "{sent}; {} of the owners dropped, {} of others sent.",
        counted(audit.owner_dropped, "frame"),
        amount(audit.strangers_sent)
    )
}

fn silences(words: Words<'_>, story: &Story, cell: CellId, sentences: &mut Vec<Sentence>) {
    let told: Vec<_> = story
        .silences
        .iter()
        .filter(|s| s.cell == cell && !is_told_by_failover(story, s))
        .collect();
    let short = told
        .iter()
        .filter(|s| matches!(s.end, SilenceEnd::Stall(_)));
    let (count, longest) = short.fold((0, 0), |(n, run), s| (n + 1, run.max(s.run)));
    for silence in &told {
        let is_stall = matches!(silence.end, SilenceEnd::Stall(_));
        if !is_stall || count <= MOST_STALLS {
            sentences.push(of_silence(words, silence));
        }
    }
    if let (true, Some(first)) = (count > MOST_STALLS, told.first()) {
        sentences.push(Sentence {
            at: first.first_due,
            tone: Tone::Plain,
            change: None,
            text: format!(
                "{} {}: {} from here on, the longest of {}: each time the member came back below confirm, so nothing was done.",
                words.at(first.first_due),
                words.cell(cell),
                counted(count as u64, "stall"),
                counted(u64::from(longest), "due slot"),
            ),
        });
    }
}

fn is_told_by_failover(story: &Story, silence: &Silence) -> bool {
    let SilenceEnd::Lost { at, .. } = silence.end else {
        return false;
    };
    story.moves().any(|change| {
        change.cell == silence.cell
            && change
                .failure
                .is_some_and(|f| f.member == silence.member && f.detected == at)
    })
}

fn of_silence(words: Words<'_>, silence: &Silence) -> Sentence {
    let member = words.member(silence.cell, silence.member);
    let slots = counted(u64::from(silence.run), "due slot");
    let class = due_class(silence.class);
    let (tone, what) = match silence.end {
        SilenceEnd::Stall(at) => (
            Tone::Plain,
            format!(
                "{member} left {slots} empty ({class}) and came back at {}: a stall, below confirm, so nothing was done.",
                words.at(at)
            ),
        ),
        SilenceEnd::Lost { at, heard_again } => (
            if heard_again.is_some() {
                Tone::Plain
            } else {
                Tone::Failed
            },
            format!(
                "{member} left {slots} empty ({class}) and was declared lost at {}{}.",
                words.at(at),
                match heard_again {
                    Some(again) => format!(
                        ", but came back {} later: a stall as long as confirm, not a death",
                        duration(again.nanos_since(at))
                    ),
                    None => "; it was not heard again".to_owned(),
                }
            ),
        ),
        SilenceEnd::Open => (
            Tone::Plain,
            format!("{member} left {slots} empty ({class}) until the run ended, below confirm."),
        ),
    };
    Sentence {
        at: silence.first_due,
        tone,
        change: None,
        text: format!(
            "{} {}: {what}",
            words.at(silence.first_due),
            words.cell(silence.cell)
        ),
    }
}

fn of_event(words: Words<'_>, event: &Event) -> Option<Sentence> {
    let tone = match event.kind {
        EventKind::Refused { .. } | EventKind::FailoverImpossible { .. } => Tone::Failed,
        EventKind::Readmitted { .. }
        | EventKind::Fenced {
            cause: Cause::Command,
            ..
        } => Tone::Planned,
        EventKind::PtpSeen => Tone::Plain,
        _ => return None,
    };
    let (at, cell) = (words.at(event.at), words.cell(event.cell));
    Some(Sentence {
        at: event.at,
        tone,
        change: None,
        text: format!("{at} {cell}: {}.", describe(words, event)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::mailbox::Signal;
    use crate::dataplane::run_record::ExchangeEnd;
    use crate::telemetry::example;

    #[test]
    fn the_headline_tells_migration_and_failover_in_one_line() {
        let record = example::two_dus();
        let line = headline(&record, &Story::of(&record));
        assert_eq!(
            line,
            "cell-1: migrated from du-2 to du-1 at slot 2958514523200, no frame lost; \
             du-1 fell silent at 0.2451 s, was declared lost 911 us later, \
             and du-2 took over from slot 2958514523494."
        );
    }

    #[test]
    fn a_stall_is_told_as_a_stall() {
        let text = summary(&example::two_dus());
        assert!(text.contains("du-2 left 4 due slots empty (DL C-plane) and came back"));
        assert!(text.contains("a stall, below confirm, so nothing was done"));
    }

    #[test]
    fn a_run_without_changes_says_so() {
        let text = summary(&example::quiet(20));
        assert!(text.starts_with("cell-1: du-2 spoke for the whole run; nothing changed."));
    }

    #[test]
    fn an_empty_run_is_told_too() {
        let text = summary(&RunRecord::default());
        assert_eq!(text, "No cell had a frame to decide on.\n");
    }

    #[test]
    fn of_phys_requests_and_slots_are_told_by_sfn_and_nothing_of_an_ru() {
        let text = summary(&example::two_phys());
        for words in [
            "migrated from du-2 to du-1 at slot 2958514523200 (SFN 976.0), no request lost, no slot missing;",
            "Every request of the L2 went to the PHY that owned its slot (400 requests for slots before, 588 from there on), and to no other.",
            "Around that slot the L2 was told each of 64 slots once, 3 of them made up; none is missing.",
            "until the end the L2 was told each of 1,000 slots once, 3 of them made up; none is missing (l2-1).",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        assert!(!text.contains("RU"), "{text}");
    }

    #[test]
    fn of_a_cell_with_both_planes_both_are_told() {
        let text = summary(&example::both_planes());
        for words in [
            "no frame lost, no request lost, no slot missing;",
            "Every frame of the owners went to the RU",
            "Every request of the L2 went to the PHY",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }

    #[test]
    fn a_slot_that_the_l2_was_never_told_is_counted() {
        let mut record = example::two_phys();
        record.cells[0]
            .exchanges
            .retain(|exchange| exchange.end != ExchangeEnd::MadeUp);
        let text = summary(&record);
        assert!(text.contains("the L2 was told 997 slots, none made up; 3 missing, 0 told again"));
    }

    #[test]
    fn a_standby_that_fell_silent_is_told_without_a_failover() {
        let mut record = example::two_phys();
        let (last_heard, due_at) = (record.span.0, record.span.0);
        record.events.push(Event {
            kind: EventKind::Lost {
                member: example::DU_2,
                last_heard,
                due_at,
                signal: Signal::Fapi,
            },
            ..record.events[0]
        });
        assert!(summary(&record).contains("cell-1: du-2 is lost: last heard at 0.0000 s"));
    }
}
