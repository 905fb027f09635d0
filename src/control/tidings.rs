//! From what lcores and control say to what an operator reads: kind, severity, a sentence and fields.

use crate::control::event_log::Told;
use crate::control::status;
use crate::control::wanted::Wanted;
use crate::dataplane::mailbox::{AssociationEvent, Cause, Event, EventKind, Mode, PatternBits};
use crate::ran::{CellId, Instant, MemberId, SlotCount};
use crate::telemetry;
use serde_json::{Value, json};

/// What control itself has to say.
#[derive(Clone, PartialEq, Debug)]
pub struct Tiding {
    /// When.
    pub at: Instant,
    /// The kind, one of `KINDS`.
    pub kind: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The same in fields.
    pub details: Value,
}

/// How bad an event is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// As it should be.
    Info,
    /// To be looked at.
    Warning,
    /// Service is or was at risk.
    Critical,
}

impl Severity {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Kinds of event that control adds to those of the lcores (`EventKind::LABELS`).
pub const KINDS: [&str; 9] = [
    "applied",
    "apply_refused",
    "lcore_silent",
    "lcore_back",
    "recorded",
    "not_recorded",
    "p5_connection",
    "p5_refused",
    "p5_trouble",
];

/// An event as the API shows it, under its number.
pub fn told(id: u64, told: Told, wanted: &Wanted) -> status::Event {
    match told {
        Told::Lcore(event) => of_lcore(id, &event, wanted),
        Told::Answer(event, by) => {
            let mut answer = of_lcore(id, &event, wanted);
            if let Some(details) = answer.details.as_object_mut() {
                details.insert("by".to_owned(), by.as_ref().into());
            }
            answer
        }
        Told::Control(tiding) => status::Event {
            id,
            at_ns: tiding.at.0,
            cell: None,
            slot: None,
            event: tiding.kind.to_owned(),
            severity: tiding.severity.word().to_owned(),
            message: tiding.message,
            details: tiding.details,
        },
    }
}

fn of_lcore(id: u64, event: &Event, wanted: &Wanted) -> status::Event {
    status::Event {
        id,
        at_ns: event.at.0,
        cell: Some(wanted.cell_name(event.cell)),
        slot: (event.slot != SlotCount(0)).then_some(event.slot.0),
        event: event.kind.label().to_owned(),
        severity: severity(&event.kind).word().to_owned(),
        message: message(event, wanted),
        details: Names {
            wanted,
            cell: event.cell,
        }
        .details(&event.kind),
    }
}

/// How bad an event of this kind is.
pub const fn severity(kind: &EventKind) -> Severity {
    match kind {
        EventKind::Lost { .. }
        | EventKind::Failover { .. }
        | EventKind::FailoverImpossible { .. } => Severity::Critical,
        EventKind::Mode {
            cause: Cause::Failover,
            ..
        }
        | EventKind::Fenced { .. }
        | EventKind::OutOfStep { .. }
        | EventKind::Unconfirmed { .. }
        | EventKind::DueMissed { .. }
        | EventKind::StallEnded { .. }
        | EventKind::Refused { .. }
        | EventKind::Conflict { .. }
        | EventKind::CplaneMismatch { .. }
        | EventKind::Association {
            what:
                AssociationEvent::TagsUnknown | AssociationEvent::Disproved | AssociationEvent::Lost,
            ..
        }
        | EventKind::PtpSeen => Severity::Warning,
        _ => Severity::Info,
    }
}

/// Instants are told from the event, not from the start of a run that may be months ago.
fn message(event: &Event, wanted: &Wanted) -> String {
    let EventKind::Lost {
        member,
        last_heard,
        due_at,
        signal,
    } = event.kind
    else {
        return telemetry::describe(&wanted.record, event);
    };
    let ago = |at: Instant| event.at.nanos_since(at) as f64 / 1e6;
    let due = match ago(due_at) {
        due @ 0.0.. => format!("due {due:.3} ms ago"),
        _ => "gone before it was due again".to_owned(),
    };
    format!(
        "{} is lost{}: last heard {:.3} ms ago, {due}",
        wanted.member_name(event.cell, member),
        telemetry::on_plane(&wanted.record, event.cell, signal),
        ago(last_heard),
    )
}

/// One letter for each slot of the period.
pub fn letters(pattern: PatternBits) -> String {
    let owner = |slot| {
        if pattern.is_destination(SlotCount(slot)) {
            'D'
        } else {
            'S'
        }
    };
    (0..u64::from(pattern.period())).map(owner).collect()
}

struct Names<'a> {
    wanted: &'a Wanted,
    cell: CellId,
}

impl Names<'_> {
    fn member(&self, member: MemberId) -> String {
        self.wanted.member_name(self.cell, member)
    }

    fn mode(&self, mode: Mode) -> Value {
        match mode {
            Mode::Single(active) => json!({"mode": "single", "active": self.member(active)}),
            Mode::Shared {
                source,
                destination,
            } => json!({
                "mode": "shared", "source": self.member(source),
                "destination": self.member(destination),
            }),
        }
    }

    fn details(&self, kind: &EventKind) -> Value {
        match *kind {
            EventKind::Accepted { command, boundary } => {
                json!({"command": command, "boundary_slot": boundary.0})
            }
            EventKind::Refused { command, why } => {
                json!({"command": command, "why": why.label()})
            }
            EventKind::Mode {
                mode,
                boundary,
                cause,
            } => {
                let mut details = self.mode(mode);
                if let Some(fields) = details.as_object_mut() {
                    fields.insert("boundary_slot".to_owned(), boundary.0.into());
                    fields.insert("cause".to_owned(), cause.label().into());
                }
                details
            }
            EventKind::Pattern { pattern, boundary } => {
                json!({"slots": letters(pattern), "boundary_slot": boundary.0})
            }
            EventKind::Fenced { member, cause } => {
                json!({"member": self.member(member), "cause": cause.label()})
            }
            EventKind::Failover {
                from,
                to,
                last_heard,
                due_at,
            } => json!({
                "from": self.member(from), "to": self.member(to),
                "last_heard_ns": last_heard.0, "due_ns": due_at.0,
            }),
            EventKind::FailoverImpossible { from, why } => {
                json!({"from": self.member(from), "why": why.label()})
            }
            _ => self.observed(kind),
        }
    }

    fn observed(&self, kind: &EventKind) -> Value {
        match *kind {
            EventKind::InStep { member }
            | EventKind::OutOfStep { member }
            | EventKind::Readmitted { member } => json!({"member": self.member(member)}),
            EventKind::DueMissed {
                member,
                class,
                due_slot,
                due_at,
                run,
            } => json!({
                "member": self.member(member), "class": class.label(), "due_slot": due_slot.0,
                "due_ns": due_at.0, "run": run,
            }),
            EventKind::StallEnded { member, run } => {
                json!({"member": self.member(member), "run": run})
            }
            EventKind::Lost {
                member,
                last_heard,
                due_at,
                signal,
            } => json!({
                "member": self.member(member), "last_heard_ns": last_heard.0, "due_ns": due_at.0,
                "signal": signal.label(),
            }),
            EventKind::Unconfirmed {
                member,
                silent,
                needed,
            } => json!({"member": self.member(member), "silent": silent, "needed": needed}),
            EventKind::Conflict {
                stream,
                on,
                symbol,
                holder,
                refused,
            } => json!({
                "stream": stream.0, "slot": on.0, "symbol": symbol,
                "holder": self.member(holder), "refused": self.member(refused),
            }),
            EventKind::CplaneMismatch { member, on } => {
                json!({"member": self.member(member), "slot": on.0})
            }
            EventKind::Assigned { member, assigned } => {
                json!({"member": self.member(member), "assigned": assigned})
            }
            EventKind::Association { member, what } => {
                json!({"member": self.member(member), "what": what.label()})
            }
            EventKind::Replaced { term, new } => json!({"term": term, "new": new}),
            _ => json!({}),
        }
    }
}
