//! What happened, as values for `report.json`: events with names instead of indices, and the
//! failovers and migrations that follow from them. Times are nanoseconds from the first frame.

use serde_json::{Map, Value, json};

use crate::dataplane::{
    mailbox::{Cause, Event, EventKind, Mode},
    run_record::{CellNames, Names},
};
use crate::ran::{CellId, Instant, MemberId, SlotCount};

use super::recorder::Recorder;

/// Events told with the names of a configuration.
pub struct Story<'a> {
    /// The names.
    pub names: &'a Names,
    /// Time 0.
    pub start: Instant,
    /// The events, and who was sent when.
    pub recorder: &'a Recorder,
}

impl Story<'_> {
    /// All events, in order: `at_ns`, `cell`, `slot`, `kind` and what belongs to the kind.
    pub fn events(&self) -> Vec<Value> {
        let events = self.recorder.events().iter();
        events.map(|event| self.event(event)).collect()
    }

    /// One entry for each failover that was decided.
    pub fn failovers(&self) -> Vec<Value> {
        let mut failovers = Vec::new();
        let events = self.recorder.events();
        for (position, event) in events.iter().enumerate() {
            let EventKind::Failover {
                from,
                to,
                last_heard,
                due_at,
            } = event.kind
            else {
                continue;
            };
            let later = events.iter().skip(position);
            let mut done = later.filter_map(|later| match later.kind {
                EventKind::Mode {
                    boundary,
                    cause: Cause::Failover,
                    ..
                } if later.cell == event.cell => Some(boundary),
                _ => None,
            });
            let boundary = done.next();
            failovers.push(json!({
                "cell": self.cell(event.cell),
                "from": self.member(event.cell, from),
                "to": self.member(event.cell, to),
                "last_heard_ns": self.since_start(last_heard),
                "due_ns": self.since_start(due_at),
                "detected_ns": self.since_start(event.at),
                "boundary_slot": boundary.map(|slot| slot.0),
                "first_frame_ns": boundary.and_then(|slot| self.first_frame(event.cell, to, slot)),
                "first_request_ns": boundary.and_then(|slot| self.first_request(event.cell, to, slot)),
                "death_to_detection_us": event.at.nanos_since(last_heard) as f64 / 1000.0,
                "due_to_detection_us": event.at.nanos_since(due_at) as f64 / 1000.0,
            }));
        }
        failovers
    }

    /// One entry for each change of mode by command.
    pub fn migrations(&self) -> Vec<Value> {
        let mut migrations = Vec::new();
        let mut modes: Vec<Option<Mode>> = vec![None; self.names.cells.len()];
        let mut accepted: Vec<(CellId, SlotCount, Instant)> = Vec::new();
        for event in self.recorder.events() {
            if let EventKind::Accepted { boundary, .. } = event.kind {
                accepted.push((event.cell, boundary, event.at));
            }
            let EventKind::Mode {
                mode,
                boundary,
                cause,
            } = event.kind
            else {
                continue;
            };
            let before = modes
                .get_mut(event.cell.index())
                .and_then(|known| known.replace(mode));
            if cause != Cause::Command {
                continue;
            }
            let answers = |(cell, slot, _): &&(CellId, SlotCount, Instant)| {
                *cell == event.cell && *slot == boundary
            };
            let commanded = accepted.iter().rev().find(answers).map(|(_, _, at)| *at);
            let (Mode::Single(to)
            | Mode::Shared {
                destination: to, ..
            }) = mode;
            migrations.push(json!({
                "cell": self.cell(event.cell),
                "from": before.map(|mode| self.mode(event.cell, mode)),
                "to": self.mode(event.cell, mode),
                "commanded_ns": commanded.map(|at| self.since_start(at)),
                "boundary_slot": boundary.0,
                "first_frame_ns": self.first_frame(event.cell, to, boundary),
                "first_request_ns": self.first_request(event.cell, to, boundary),
            }));
        }
        migrations
    }

    fn event(&self, event: &Event) -> Value {
        let mut told = Map::new();
        told.insert("at_ns".into(), self.since_start(event.at).into());
        told.insert("cell".into(), self.cell(event.cell).into());
        told.insert("slot".into(), event.slot.0.into());
        told.insert("kind".into(), event.kind.label().into());
        if let Value::Object(details) = self.details(event) {
            told.extend(details);
        }
        Value::Object(told)
    }

    /// What belongs to an event that was decided.
    fn details(&self, event: &Event) -> Value {
        let member = |member| self.member(event.cell, member);
        match event.kind {
            EventKind::Accepted { command, boundary } => {
                json!({"command": command, "boundary": boundary.0})
            }
            EventKind::Refused { command, why } => {
                json!({"command": command, "why": why.label()})
            }
            EventKind::Mode {
                mode,
                boundary,
                cause,
            } => {
                let mode = self.mode(event.cell, mode);
                json!({"mode": mode, "boundary": boundary.0, "cause": cause.label()})
            }
            EventKind::Pattern { pattern, boundary } => {
                let owners = (0..u64::from(pattern.period())).map(SlotCount);
                let letter = |slot| {
                    if pattern.is_destination(slot) {
                        'D'
                    } else {
                        'S'
                    }
                };
                let letters: String = owners.map(letter).collect();
                json!({"pattern": letters, "boundary": boundary.0})
            }
            EventKind::Fenced { member: who, cause } => {
                json!({"member": member(who), "cause": cause.label()})
            }
            EventKind::Failover {
                from,
                to,
                last_heard,
                due_at,
            } => json!({
                "from": member(from), "to": member(to),
                "last_heard_ns": self.since_start(last_heard), "due_ns": self.since_start(due_at),
            }),
            EventKind::FailoverImpossible { from, why } => {
                json!({"from": member(from), "why": why.label()})
            }
            _ => self.observation(event),
        }
    }

    /// What belongs to an event that was observed rather than decided.
    fn observation(&self, event: &Event) -> Value {
        let member = |member| self.member(event.cell, member);
        match event.kind {
            EventKind::InStep { member: who }
            | EventKind::OutOfStep { member: who }
            | EventKind::Readmitted { member: who } => json!({"member": member(who)}),
            EventKind::DueMissed {
                member: who,
                class,
                due_slot,
                due_at,
                run,
            } => json!({
                "member": member(who), "class": class.label(), "due_slot": due_slot.0,
                "due_ns": self.since_start(due_at), "run": run,
            }),
            EventKind::StallEnded { member: who, run } => {
                json!({"member": member(who), "run": run})
            }
            EventKind::Lost {
                member: who,
                last_heard,
                due_at,
                signal,
            } => json!({
                "member": member(who), "last_heard_ns": self.since_start(last_heard),
                "due_ns": self.since_start(due_at), "signal": signal.label(),
            }),
            EventKind::Unconfirmed {
                member: who,
                silent,
                needed,
            } => json!({"member": member(who), "silent": silent, "needed": needed}),
            EventKind::Conflict {
                stream,
                on,
                symbol,
                holder,
                refused,
            } => json!({
                "stream": self.names_of(event.cell).and_then(|cell| cell.streams.get(stream.index())),
                "on": on.0, "symbol": symbol, "holder": member(holder), "refused": member(refused),
            }),
            EventKind::CplaneMismatch { member: who, on } => {
                json!({"member": member(who), "on": on.0})
            }
            EventKind::PrbUse { on, used } => {
                let members = self
                    .names_of(event.cell)
                    .map_or(0, |cell| cell.members.len());
                let used: Vec<u32> = used.into_iter().take(members).collect();
                json!({"on": on.0, "used": used})
            }
            EventKind::Assigned {
                member: who,
                assigned,
            } => {
                json!({"member": member(who), "assigned": assigned})
            }
            EventKind::Association { member: who, what } => {
                json!({"member": member(who), "what": what.label()})
            }
            _ => json!({}),
        }
    }

    fn since_start(&self, at: Instant) -> i64 {
        at.nanos_since(self.start)
    }

    fn first_frame(&self, cell: CellId, member: MemberId, boundary: SlotCount) -> Option<i64> {
        let sent = self.recorder.first_sent(cell, member, boundary)?;
        Some(self.since_start(sent))
    }

    fn first_request(&self, cell: CellId, member: MemberId, boundary: SlotCount) -> Option<i64> {
        let given = self.recorder.first_given(cell, member, boundary)?;
        Some(self.since_start(given))
    }

    fn names_of(&self, cell: CellId) -> Option<&CellNames> {
        self.names.cells.get(cell.index())
    }

    fn cell(&self, cell: CellId) -> &str {
        self.names_of(cell).map_or("?", |names| &names.name)
    }

    fn member(&self, cell: CellId, member: MemberId) -> &str {
        let names = self.names_of(cell);
        let name = names.and_then(|names| names.members.get(member.index()));
        name.map_or("?", String::as_str)
    }

    /// `du-1`, or `du-1+du-2` while they share.
    fn mode(&self, cell: CellId, mode: Mode) -> String {
        match mode {
            Mode::Single(member) => self.member(cell, member).to_owned(),
            Mode::Shared {
                source,
                destination,
            } => format!(
                "{}+{}",
                self.member(cell, source),
                self.member(cell, destination)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: CellId = CellId(0);

    fn names() -> Names {
        let members = vec!["du-1".into(), "du-2".into()];
        let cell = CellNames {
            name: "cell-1".into(),
            members,
            ..CellNames::default()
        };
        Names {
            cells: vec![cell],
            ..Names::default()
        }
    }

    fn recorder(events: &[(u64, EventKind)]) -> Recorder {
        let mut recorder = Recorder::default();
        for (at, kind) in events {
            let (at, slot) = (Instant(1_000 + at), SlotCount(40));
            recorder.event(Event {
                at,
                term: 0,
                cell: CELL,
                slot,
                kind: *kind,
            });
        }
        recorder
    }

    fn mode(member: u8, boundary: u64, cause: Cause) -> EventKind {
        let (mode, boundary) = (Mode::Single(MemberId(member)), SlotCount(boundary));
        EventKind::Mode {
            mode,
            boundary,
            cause,
        }
    }

    #[test]
    fn a_migration_is_told_from_its_command_to_its_boundary() {
        let accepted = EventKind::Accepted {
            command: 1,
            boundary: SlotCount(60),
        };
        let recorder = recorder(&[
            (0, mode(1, 40, Cause::Start)),
            (500, accepted),
            (900, mode(0, 60, Cause::Command)),
        ]);
        let (names, start) = (names(), Instant(1_000));
        let story = Story {
            names: &names,
            start,
            recorder: &recorder,
        };
        let expected = json!({
            "cell": "cell-1", "from": "du-2", "to": "du-1", "commanded_ns": 500,
            "boundary_slot": 60, "first_frame_ns": null, "first_request_ns": null,
        });
        assert_eq!(story.migrations(), [expected]);
        assert!(story.failovers().is_empty());
    }

    #[test]
    fn a_failover_tells_death_due_and_detection_apart() {
        let failover = EventKind::Failover {
            from: MemberId(0),
            to: MemberId(1),
            last_heard: Instant(2_000),
            due_at: Instant(6_000),
        };
        let recorder = recorder(&[(7_000, failover), (9_000, mode(1, 63, Cause::Failover))]);
        let (names, start) = (names(), Instant(1_000));
        let told = Story {
            names: &names,
            start,
            recorder: &recorder,
        }
        .failovers();
        assert_eq!(told[0]["death_to_detection_us"], 6.0);
        assert_eq!(told[0]["due_to_detection_us"], 2.0);
        assert_eq!(told[0]["boundary_slot"], 63);
    }
}
