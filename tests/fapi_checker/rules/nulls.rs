//! NULL requests: what each running member is given of the slots that are not its own.

use super::super::body;
use super::super::message::{DL_TTI, Message, REQUESTS, UL_TTI};
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use super::links::{Kind, Links};
use std::collections::{HashMap, HashSet};

/// What one member was given, by kind and slot, in order.
type Given<'a> = HashMap<(u16, i64), Vec<(Kind, &'a Message)>>;

/// A request of the L2.
struct Asked<'a> {
    message: &'a Message,
    /// It went to a PHY.
    passed: bool,
}

struct Member<'a> {
    run: &'a Run<'a>,
    cell: usize,
    member: usize,
    given: Given<'a>,
    /// What the L2 asked, whole or cut.
    asked: &'a HashMap<(u16, i64), Vec<Asked<'a>>>,
    running: Vec<(u64, u64)>,
}

/// Judges every NULL that was given, then asks for those that were not.
pub fn judge(run: &Run, links: &Links, verdict: &mut Verdict) {
    for (cell, settings) in run.inputs.settings.cells.iter().enumerate() {
        let passed = passed(links);
        let mut asked: HashMap<_, Vec<Asked>> = HashMap::new();
        let requests = run.seen.iter().chain(&run.seen_cut).enumerate();
        for (position, message) in requests.filter(|(_, message)| message.peer == settings.l2) {
            if let Some(slot) = message.slot.filter(|_| REQUESTS.contains(&message.id)) {
                let passed = passed.contains(&position);
                let asked = asked.entry((message.id, slot)).or_default();
                asked.push(Asked { message, passed });
            }
        }
        for (number, member) in settings.members.iter().enumerate() {
            let mut given = Given::new();
            for (message, kind) in run.sent[member.phy].iter().zip(&links[member.phy]) {
                if let Some(slot) = message.slot.filter(|_| REQUESTS.contains(&message.id)) {
                    given
                        .entry((message.id, slot))
                        .or_default()
                        .push((*kind, message));
                }
            }
            let member = Member {
                run,
                cell,
                member: number,
                given,
                asked: &asked,
                running: run.running(cell, number),
            };
            member.each_null(verdict);
            member.each_slot(verdict);
            member.each_counterpart(links, verdict);
        }
    }
}

/// Positions in `Run::seen` of what went on.
fn passed(links: &Links) -> HashSet<usize> {
    let came = |kind: &Kind| match kind {
        Kind::Came(position) => Some(*position),
        _ => None,
    };
    links.iter().flatten().filter_map(came).collect()
}

impl Member<'_> {
    fn each_null(&self, verdict: &mut Verdict) {
        let settings = &self.run.inputs.settings.cells[self.cell];
        for (&(id, slot), given) in &self.given {
            let owns = self.run.owners[self.cell].of(slot) == self.member;
            for (position, (kind, message)) in given.iter().enumerate() {
                if *kind != Kind::Null {
                    continue;
                }
                let place = || self.run.place(message);
                let asked = self.asked.get(&(id, slot)).map_or(&[][..], Vec::as_slice);
                self.bytes(message, asked, verdict);
                verdict.examine(Rule::ActiveNulls, !owns || settings.active_nulls, || {
                    format!("{}: a NULL for the active", place())
                });
                let later_full = !owns && position + 1 < given.len();
                verdict.examine(Rule::GivenOnce, position == 0 && !later_full, || {
                    format!("{}: one of {} of its kind", place(), given.len())
                });
                let caused = asked
                    .iter()
                    .any(|asked| asked.message.begun <= message.begun);
                if !matches!(id, DL_TTI | UL_TTI) {
                    verdict.examine(Rule::Counterparts, caused, || {
                        format!("{}: the L2 sent none", place())
                    });
                } else if !caused {
                    let (early, late) = self.window(slot);
                    let at = message.begun as i64;
                    let right = (early..=late).contains(&at) && message.begun >= self.clock_begun();
                    verdict.examine(Rule::NullTime, right, || {
                        format!("{}: {at}, not from {early} to {late}", place())
                    });
                }
            }
        }
    }

    fn bytes(&self, message: &Message, asked: &[Asked], verdict: &mut Verdict) {
        let point = message
            .body
            .get(..4)
            .and_then(|point| point.try_into().ok());
        let body = point.and_then(|point| body::null(message.id, point));
        let right = body.as_ref() == Some(&message.body) && message.pieces == 1;
        verdict.examine(Rule::NullBytes, right, || {
            format!("{}: {:02x?}", self.run.place(message), message.body)
        });
        // Of a slot that is lost with its owner the L2 causes nothing any more.
        let causes = |asked: &&Asked| {
            let at = asked.message.at;
            asked.passed && at <= message.begun && self.running.iter().any(|span| span.0 < at)
        };
        let mut causes = asked.iter().filter(causes).peekable();
        if message.timestamp.is_none() || causes.peek().is_none() {
            return;
        }
        let kept = causes.any(|asked| {
            let timestamp = asked.message.timestamp;
            timestamp.is_none() || timestamp == message.timestamp
        });
        verdict.examine(Rule::NullBytes, kept, || {
            format!(
                "{}: its timestamp is not its request's",
                self.run.place(message)
            )
        });
    }

    /// When a NULL made from the clock may leave.
    fn window(&self, slot: i64) -> (i64, i64) {
        let (early, late) = self.run.clocks[self.cell].air(slot);
        let slack = self.run.inputs.slack_ns as i64;
        let deadline = self.run.inputs.settings.cells[self.cell].null_deadline;
        (early - deadline - slack, late + slack)
    }

    fn each_slot(&self, verdict: &mut Verdict) {
        let (clock, owners) = (&self.run.clocks[self.cell], &self.run.owners[self.cell]);
        let settings = &self.run.inputs.settings.cells[self.cell];
        if clock.unknown {
            return;
        }
        let slack = self.run.inputs.slack_ns as i64;
        for (from, until) in &self.running {
            let heard = self.clock_begun().max(*from);
            let first = clock.at(heard) + 2 + settings.null_deadline / clock.slot_ns;
            // Slots that were never indicated are nobody's.
            let first = first.max(clock.at(self.clock_begun()) + settings.ahead + 1);
            let last = clock.at((*until).min(self.run.end)) - 1;
            for slot in first..=last {
                let (_, late) = clock.air(slot);
                if late + slack > self.run.end as i64 || owners.of(slot) == self.member {
                    continue;
                }
                for id in [DL_TTI, UL_TTI] {
                    let nulls = self.nulls(id, slot);
                    verdict.examine(Rule::Nulls, nulls == 1, || {
                        let name = &settings.members[self.member].name;
                        format!("{name} was given {nulls} NULL {id:#04x} of slot {slot}")
                    });
                }
            }
        }
    }

    /// When the cell's clock began: with the first SLOT.indication of its first active.
    fn clock_begun(&self) -> u64 {
        let settings = &self.run.inputs.settings.cells[self.cell];
        let phy = settings.members[settings.active].phy;
        let mut slots = self.run.seen.iter();
        let first =
            slots.find(|message| message.peer == phy && message.id == super::super::message::SLOT);
        first.map_or(u64::MAX, |message| message.at)
    }

    fn nulls(&self, id: u16, slot: i64) -> usize {
        let given = self.given.get(&(id, slot)).map_or(&[][..], Vec::as_slice);
        given.iter().filter(|(kind, _)| *kind == Kind::Null).count()
    }

    /// Where the active was given an UL_DCI or TX_DATA, each standby was given its NULL.
    fn each_counterpart(&self, links: &Links, verdict: &mut Verdict) {
        let owners = &self.run.owners[self.cell];
        for member in &self.run.inputs.settings.cells[self.cell].members {
            for (message, kind) in self.run.sent[member.phy].iter().zip(&links[member.phy]) {
                let (Kind::Came(_), Some(slot)) = (kind, message.slot) else {
                    continue;
                };
                let demanded = REQUESTS.contains(&message.id)
                    && !matches!(message.id, DL_TTI | UL_TTI)
                    && owners.of(slot) != self.member
                    && self
                        .running
                        .iter()
                        .any(|span| span.0 < message.begun && message.at < span.1);
                if demanded {
                    let nulls = self.nulls(message.id, slot);
                    verdict.examine(Rule::Counterparts, nulls == 1, || {
                        format!(
                            "{}: a standby was given {nulls} NULLs",
                            self.run.place(message)
                        )
                    });
                }
            }
        }
    }
}
