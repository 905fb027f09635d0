//! One event as one phrase, without its instant and cell.

use super::words::{Words, counted, due_class, refusal};
use crate::dataplane::mailbox::{AssociationEvent, Cause, End, Event, EventKind};
use crate::ran::{CellId, MemberId};

/// What the event says.
pub(super) fn describe(words: Words<'_>, event: &Event) -> String {
    let cell = event.cell;
    let member = |member: MemberId| words.member(cell, member);
    match event.kind {
        EventKind::Accepted { command, boundary } => {
            format!(
                "command {command} is accepted for {}",
                words.slot(cell, boundary)
            )
        }
        EventKind::Refused { command, why } => {
            format!("command {command} was refused: {}", refusal(why))
        }
        EventKind::Mode {
            mode,
            boundary,
            cause,
        } => format!(
            "{} may speak from {}, {}",
            words.mode(cell, mode),
            words.slot(cell, boundary),
            why(cause)
        ),
        EventKind::Pattern { pattern, boundary } => format!(
            "a pattern of {} applies from {}",
            counted(u64::from(pattern.period()), "slot"),
            words.slot(cell, boundary)
        ),
        EventKind::InStep { member: who } => format!("{} is in step", member(who)),
        EventKind::OutOfStep { member: who } => format!("{} is out of step", member(who)),
        EventKind::Fenced { member: who, cause } => {
            format!("{} is fenced, {}", member(who), why(cause))
        }
        EventKind::Readmitted { member: who } => {
            format!("{} is readmitted as a standby", member(who))
        }
        EventKind::FailoverImpossible { from, why } => {
            format!(
                "{} is lost and nobody took over: {}",
                member(from),
                refusal(why)
            )
        }
        EventKind::Assigned {
            member: who,
            assigned,
        } => {
            let verb = if assigned { "assigned to" } else { "let go by" };
            format!("{} is {verb} this cell", member(who))
        }
        EventKind::Replaced { term, new: true } => format!("added with tables of term {term}"),
        EventKind::Replaced { term, new: false } => {
            format!("changed with tables of term {term}; roles and numbering go on")
        }
        EventKind::Association { member: who, what } => midhaul(&member(who), what),
        EventKind::PtpSeen => "PTP goes through the data path, which ruins its accuracy".to_owned(),
        _ => silence_or_conflict(words, cell, event.kind),
    }
}

fn silence_or_conflict(words: Words<'_>, cell: CellId, kind: EventKind) -> String {
    let member = |member: MemberId| words.member(cell, member);
    match kind {
        EventKind::DueMissed {
            member: who,
            class,
            due_slot,
            run,
            ..
        } => format!(
            "{} left {} empty ({} was due, {run} in a row)",
            member(who),
            words.slot(cell, due_slot),
            due_class(class)
        ),
        EventKind::StallEnded { member: who, run } => format!(
            "{} is heard again after {}",
            member(who),
            counted(u64::from(run), "empty due slot")
        ),
        EventKind::Lost {
            member: who,
            last_heard,
            due_at,
            signal,
        } => format!(
            "{} is lost{}: last heard at {}, due at {}",
            member(who),
            words.on_plane(cell, signal),
            words.at(last_heard),
            words.at(due_at)
        ),
        EventKind::Unconfirmed {
            member: who,
            silent,
            needed,
        } => format!(
            "no failover yet: {} is silent on {silent} of {needed} planes that must be silent",
            member(who),
        ),
        EventKind::Failover { from, to, .. } if words.l2(cell).is_some() => {
            format!(
                "failover decided: {} takes over from {}",
                member(to),
                member(from)
            )
        }
        EventKind::Failover { from, to, .. } => format!(
            "failover decided: {} waits for its first C-plane to take over from {}",
            member(to),
            member(from)
        ),
        EventKind::Conflict {
            stream,
            on,
            symbol,
            holder,
            refused,
        } => format!(
            "{} had spoken on {} in symbol {symbol} of {}: {} was dropped",
            member(holder),
            words.stream(cell, stream),
            words.slot(cell, on),
            member(refused)
        ),
        EventKind::CplaneMismatch { member: who, on } => format!(
            "{} describes the control symbols of {} differently: splitting instead",
            member(who),
            words.slot(cell, on)
        ),
        EventKind::PrbUse { on, used } => {
            let used: Vec<_> = used.iter().map(u32::to_string).collect();
            format!(
                "PRB-symbols of {} by member: {}",
                words.slot(cell, on),
                used.join(" ")
            )
        }
        // Answered by `describe` itself.
        _ => String::new(),
    }
}

fn midhaul(du: &str, what: AssociationEvent) -> String {
    let end = |end| match end {
        End::Member => "the DU",
        End::Fixed => "its CU",
    };
    match what {
        AssociationEvent::Up { joined: false } => {
            format!("{du} has an association with its CU")
        }
        AssociationEvent::Up { joined: true } => {
            format!("{du} has an association with its CU, met in the middle")
        }
        AssociationEvent::Restarted => {
            format!("the association of {du} with its CU began anew: no failure")
        }
        AssociationEvent::Ended { by, graceful: true } => {
            format!("an association of {du} was shut down, last by {}", end(by))
        }
        AssociationEvent::Ended {
            by,
            graceful: false,
        } => format!("an association of {du} was aborted by {}", end(by)),
        AssociationEvent::Aborted { associations } => format!(
            "the CU was told that {du} is gone: {} aborted",
            counted(u64::from(associations), "association")
        ),
        AssociationEvent::Disproved => {
            format!("the CU goes on with {du} although it was told: told again")
        }
        AssociationEvent::TagsUnknown => {
            format!("the CU cannot be told that {du} is gone: tags unknown")
        }
        AssociationEvent::Lost => format!("{du} is gone; its CU is not to be told"),
    }
}

const fn why(cause: Cause) -> &'static str {
    match cause {
        Cause::Start => "as configured",
        Cause::Command => "by command",
        Cause::Failover => "by failover",
    }
}
