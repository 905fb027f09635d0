//! What happened, found in the events and checked against the frames: who spoke from which slot and
//! why, what a change cost, and every silence with how it ended. No words yet: `summary` and
//! `picture` tell it.

mod audit;
mod fapi;

use crate::dataplane::mailbox::{Cause, DueClass, Event, EventKind, Mode};
use crate::dataplane::run_record::RunRecord;
use crate::ran::{CellId, Instant, MemberId, SlotCount};
pub(super) use audit::Audit;
pub(super) use fapi::{FapiAudit, Told};

/// A whole run, told in order.
pub(super) struct Story {
    /// Every change of who may speak.
    pub(super) changes: Vec<Change>,
    /// Every run of due slots that stayed empty.
    pub(super) silences: Vec<Silence>,
}

/// From a slot on, somebody else speaks.
pub(super) struct Change {
    pub(super) cell: CellId,
    /// When it took effect.
    pub(super) at: Instant,
    /// First slot of the new mode.
    pub(super) boundary: SlotCount,
    pub(super) before: Option<Mode>,
    pub(super) mode: Mode,
    pub(super) cause: Cause,
    /// When the command was accepted.
    pub(super) commanded: Option<Instant>,
    pub(super) failure: Option<Failure>,
    pub(super) audit: Audit,
    /// Where the FAPI plane of the cell was seen.
    pub(super) fapi: Option<FapiAudit>,
}

/// Why an unplanned change was made.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    pub(super) member: MemberId,
    pub(super) last_heard: Instant,
    pub(super) due_at: Instant,
    pub(super) detected: Instant,
}

/// Due slots in a row that one member left empty.
pub(super) struct Silence {
    pub(super) cell: CellId,
    pub(super) member: MemberId,
    pub(super) class: DueClass,
    pub(super) first_slot: SlotCount,
    pub(super) first_due: Instant,
    pub(super) last_due: Instant,
    /// Empty due slots.
    pub(super) run: u32,
    pub(super) end: SilenceEnd,
}

/// How a silence ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SilenceEnd {
    /// The member spoke again before it was declared lost.
    Stall(Instant),
    /// It was declared lost.
    Lost {
        /// When.
        at: Instant,
        /// When it was heard again, if it was.
        heard_again: Option<Instant>,
    },
    /// The run ended first.
    Open,
}

impl Story {
    pub(super) fn of(record: &RunRecord) -> Self {
        let mut teller = Teller::default();
        for event in &record.events {
            teller.hear(event);
        }
        let mut story = Self {
            changes: teller.changes,
            silences: teller.silences,
        };
        audit::check(record, &mut story.changes);
        story
    }

    /// Changes that were not there from the start.
    pub(super) fn moves(&self) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(|change| change.cause != Cause::Start)
    }
}

#[derive(Default)]
struct Teller {
    changes: Vec<Change>,
    silences: Vec<Silence>,
    accepted: Vec<(CellId, SlotCount, Instant)>,
    failures: Vec<(CellId, Failure)>,
}

impl Teller {
    fn hear(&mut self, event: &Event) {
        let cell = event.cell;
        match event.kind {
            EventKind::Accepted { boundary, .. } => self.accepted.push((cell, boundary, event.at)),
            EventKind::Mode {
                mode,
                boundary,
                cause,
            } => self.change(event, mode, boundary, cause),
            EventKind::DueMissed {
                member,
                class,
                due_slot,
                due_at,
                run,
            } => self.missed(cell, member, class, due_slot, due_at, run),
            EventKind::StallEnded { member, run } => self.heard_again(event, member, run),
            EventKind::Lost { member, .. } => self.lost(cell, member, event.at),
            EventKind::Failover {
                from,
                last_heard,
                due_at,
                ..
            } => {
                let failure = Failure {
                    member: from,
                    last_heard,
                    due_at,
                    detected: event.at,
                };
                self.failures.push((cell, failure));
            }
            _ => {}
        }
    }

    fn change(&mut self, event: &Event, mode: Mode, boundary: SlotCount, cause: Cause) {
        let cell = event.cell;
        let mut earlier = self.changes.iter().rev().filter(|c| c.cell == cell);
        let before = earlier.next().map(|c| c.mode);
        let accepted = |c: &&(CellId, SlotCount, Instant)| c.0 == cell && c.1 == boundary;
        let commanded = match cause {
            Cause::Command => self.accepted.iter().rev().find(accepted).map(|c| c.2),
            _ => None,
        };
        let failure = match cause {
            Cause::Failover => self
                .failures
                .iter()
                .rev()
                .find(|f| f.0 == cell)
                .map(|f| f.1),
            _ => None,
        };
        self.changes.push(Change {
            cell,
            at: event.at,
            boundary,
            before,
            mode,
            cause,
            commanded,
            failure,
            audit: Audit::default(),
            fapi: None,
        });
    }

    fn open(&mut self, cell: CellId, member: MemberId) -> Option<&mut Silence> {
        let last = self
            .silences
            .iter_mut()
            .rev()
            .find(|s| s.cell == cell && s.member == member)?;
        let still = match last.end {
            SilenceEnd::Open => true,
            SilenceEnd::Lost { heard_again, .. } => heard_again.is_none(),
            SilenceEnd::Stall(_) => false,
        };
        still.then_some(last)
    }

    fn missed(
        &mut self,
        cell: CellId,
        member: MemberId,
        class: DueClass,
        slot: SlotCount,
        due_at: Instant,
        run: u32,
    ) {
        if let Some(silence) = self.open(cell, member) {
            silence.run = silence.run.max(run);
            silence.last_due = silence.last_due.max(due_at);
            return;
        }
        self.silences.push(Silence {
            cell,
            member,
            class,
            first_slot: slot,
            first_due: due_at,
            last_due: due_at,
            run,
            end: SilenceEnd::Open,
        });
    }

    fn heard_again(&mut self, event: &Event, member: MemberId, run: u32) {
        let Some(silence) = self.open(event.cell, member) else {
            return;
        };
        silence.run = silence.run.max(run);
        silence.end = match silence.end {
            SilenceEnd::Lost { at, .. } => SilenceEnd::Lost {
                at,
                heard_again: Some(event.at),
            },
            _ => SilenceEnd::Stall(event.at),
        };
    }

    fn lost(&mut self, cell: CellId, member: MemberId, at: Instant) {
        if let Some(silence) = self.open(cell, member) {
            silence.end = SilenceEnd::Lost {
                at,
                heard_again: None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::example;

    #[test]
    fn a_planned_switch_names_its_command_and_finds_no_lost_frame() {
        let story = Story::of(&example::two_dus());
        let planned = story.moves().next().unwrap();
        assert_eq!(planned.cause, Cause::Command);
        assert_eq!(planned.mode, Mode::Single(example::DU_1));
        assert!(planned.commanded.unwrap() < planned.at);
        assert!(planned.audit.is_clean());
        assert_eq!(planned.audit.unserved_downlink, 0);
    }

    #[test]
    fn a_failover_tells_when_the_member_was_last_heard_and_what_the_ru_missed() {
        let story = Story::of(&example::two_dus());
        let failover = story.moves().nth(1).unwrap();
        let failure = failover.failure.unwrap();
        assert_eq!(failure.member, example::DU_1);
        assert!(failure.last_heard < failure.due_at && failure.due_at < failure.detected);
        assert_eq!(failover.audit.unserved_downlink, example::UNSERVED);
        assert_eq!(failover.audit.unserved_uplink, 0);
    }

    #[test]
    fn a_member_that_came_back_in_time_stalled_and_was_not_lost() {
        let story = Story::of(&example::two_dus());
        let stall = story.silences.first().unwrap();
        assert_eq!((stall.member, stall.run), (example::DU_2, 4));
        assert!(matches!(stall.end, SilenceEnd::Stall(_)));
        let death = story.silences.get(1).unwrap();
        assert!(matches!(
            death.end,
            SilenceEnd::Lost {
                heard_again: None,
                ..
            }
        ));
    }
}
