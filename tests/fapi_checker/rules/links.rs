//! Which message that left is which that came, and whether it went where it belongs.

use super::super::body;
use super::super::message::{CRC, ERROR, Message, REQUESTS, SLOT};
use super::super::run::Run;
use super::super::settings::Dialect;
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// What a message that left is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One that came: its position in `Run::seen`.
    Came(usize),
    /// A NULL request.
    Null,
    /// A CRC.indication of nobody.
    MadeUp,
    /// Judged elsewhere, or nowhere.
    Other,
}

/// By peer and message, in the order of `Run::sent`.
pub type Links = Vec<Vec<Kind>>;

/// Indications that are demanded of whoever owns their slot.
const INDICATIONS: std::ops::RangeInclusive<u16> = 0x85..=0x89;

/// Node sync and timing info are between the box and each side.
const SYNC: std::ops::RangeInclusive<u16> = 0x180..=0x182;

/// Farthest a slot may lie from the one on air and still be this cell's.
const NEAR: i64 = 40;

/// Copies of a datagram come within this time, nanoseconds.
const COPIES: u64 = 10_000_000;

type Index = HashMap<(usize, u16, Option<i64>), Vec<usize>>;

struct Matching<'a> {
    run: &'a Run<'a>,
    /// Messages that came, by cell, id and slot.
    seen: Index,
    /// Those that went on, with the instant.
    used: Vec<Option<u64>>,
}

/// Finds the origin of every message that left, then asks for those that went nowhere.
pub fn judge(run: &Run, verdict: &mut Verdict) -> Links {
    let mut seen = Index::new();
    for (position, message) in run.seen.iter().enumerate() {
        if let Some((cell, _)) = run.serves(message.peer) {
            seen.entry((cell, message.id, message.slot))
                .or_default()
                .push(position);
        }
    }
    let used = vec![None; run.seen.len()];
    let mut matching = Matching { run, seen, used };
    let mut links = Links::new();
    for messages in &run.sent {
        let kinds = messages
            .iter()
            .map(|message| matching.kind(message, verdict));
        links.push(kinds.collect());
    }
    matching.delivered(verdict);
    speakers(run, &links, verdict);
    links
}

impl Matching<'_> {
    fn kind(&mut self, message: &Message, verdict: &mut Verdict) -> Kind {
        let run = self.run;
        let Some((cell, member)) = run.serves(message.peer) else {
            return Kind::Other;
        };
        if SYNC.contains(&message.id) {
            return Kind::Other;
        }
        if message.id == SLOT {
            verdict.examine(
                Rule::Origin,
                member.is_none() && message.body.len() == 4,
                || format!("{} of {} bytes", run.place(message), message.body.len()),
            );
            return Kind::Other;
        }
        match member {
            Some(member) => self.request(cell, member, message, verdict),
            None => self.indication(cell, message, verdict),
        }
    }

    fn request(
        &mut self,
        cell: usize,
        member: usize,
        message: &Message,
        verdict: &mut Verdict,
    ) -> Kind {
        let run = self.run;
        let owns = message
            .slot
            .is_none_or(|slot| run.owners[cell].of(slot) == member);
        let is_request = REQUESTS.contains(&message.id);
        let null = message
            .body
            .get(..4)
            .and_then(|point| body::null(message.id, point.try_into().ok()?));
        let is_null = is_request && null.as_ref() == Some(&message.body);
        if is_null && !owns {
            return Kind::Null;
        }
        let came = self.take(cell, message, |peer| peer == run.l2(cell));
        let Some(came) = came else {
            let guess = if is_request && (is_null || !owns) {
                Kind::Null
            } else {
                Kind::Other
            };
            if guess == Kind::Other {
                verdict.examine(Rule::Origin, false, || {
                    format!("{}: the L2 sent nothing like it", run.place(message))
                });
            }
            return guess;
        };
        self.check_origin(message, came, verdict);
        verdict.examine(Rule::Full, owns, || {
            let owner = message
                .slot
                .map_or(member, |slot| run.owners[cell].of(slot));
            let owner = &run.inputs.settings.cells[cell].members[owner].name;
            format!("{}: the slot is {owner}'s", run.place(message))
        });
        Kind::Came(came)
    }

    fn indication(&mut self, cell: usize, message: &Message, verdict: &mut Verdict) -> Kind {
        let run = self.run;
        let owner = message.slot.map(|slot| run.owners[cell].of(slot));
        let is_owner = |peer: usize| run.serves(peer).is_some_and(|(_, member)| member == owner);
        let not_l2 = |peer: usize| peer != run.l2(cell);
        let came = self.take(cell, message, |peer| not_l2(peer) && is_owner(peer));
        let came = came.or_else(|| self.take(cell, message, not_l2));
        if let Some(came) = came {
            self.check_origin(message, came, verdict);
            return Kind::Came(came);
        }
        let crcs = body::crcs(&message.body, run.peer(message.peer).dialect);
        let failed = crcs.is_some_and(|entries| entries.iter().all(|(_, failed)| *failed));
        if message.id == CRC && failed {
            return Kind::MadeUp;
        }
        verdict.examine(Rule::Origin, false, || {
            format!("{}: no PHY sent it, or not so often", run.place(message))
        });
        Kind::Other
    }

    fn check_origin(&self, message: &Message, came: usize, verdict: &mut Verdict) {
        let origin = &self.run.seen[came];
        let same = message
            .timestamp
            .zip(origin.timestamp)
            .is_none_or(|(left, came)| left == came);
        verdict.examine(Rule::Origin, same, || {
            format!("{}: its timestamp was changed", self.run.place(message))
        });
    }

    /// The earliest unused message from one of `from` that `message` can be.
    fn take(
        &mut self,
        cell: usize,
        message: &Message,
        from: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let run = self.run;
        let candidates = self.seen.get(&(cell, message.id, message.slot))?;
        // Members may count slots differently.
        let front = if message.slot.is_some() { 4 } else { 0 };
        let fits = |position: &&usize| {
            let seen = &run.seen[**position];
            self.used[**position].is_none()
                && from(seen.peer)
                && seen.begun <= message.begun
                && seen.body.get(front..) == message.body.get(front..)
        };
        let mut fitting = candidates.iter().filter(fits).copied();
        let first = fitting.clone().next();
        let same = fitting.find(|position| run.seen[*position].timestamp == message.timestamp);
        let found = same.or(first)?;
        self.used[found] = Some(message.at);
        Some(found)
    }

    /// Whatever may pass must have passed.
    fn delivered(&self, verdict: &mut Verdict) {
        let run = self.run;
        let mut known = HashMap::new();
        for (position, message) in run.seen.iter().enumerate() {
            let Some((cell, member)) = run.serves(message.peer) else {
                continue;
            };
            let key = (message.peer, message.id, message.sequence, message.slot);
            let before: Option<(u64, usize)> = known.insert(key, (message.at, position));
            let copy = before.is_some_and(|(at, other)| {
                at + COPIES > message.at && run.seen[other].body == message.body
            });
            if copy || !self.must_pass(cell, member, message) {
                continue;
            }
            let slot_ns = run.clocks[cell].slot_ns as u64;
            let on_time = self.used[position].is_some_and(|at| at <= message.at + slot_ns);
            verdict.examine(Rule::Delivered, on_time, || match self.used[position] {
                Some(at) => format!("{}: {} ns late", run.place(message), at - message.at),
                None => format!("{}: it went nowhere", run.place(message)),
            });
        }
    }

    fn must_pass(&self, cell: usize, member: Option<usize>, message: &Message) -> bool {
        let run = self.run;
        let (clock, owners) = (&run.clocks[cell], &run.owners[cell]);
        let Some(slot) = message.slot else {
            return false;
        };
        let settings = &run.inputs.settings.cells[cell];
        let owner = owners.of(slot);
        let far = (slot - clock.at(message.at)).abs() > NEAR;
        let last = message.at + clock.slot_ns as u64 > run.end;
        if far || last || owners.may_be_fenced(owner, message.at) {
            return false;
        }
        let Some(member) = member else {
            let peer = run.peer(settings.members[owner].phy);
            let room = peer.segment.saturating_sub(18) * 128;
            let fits = peer.dialect != Dialect::Oai || message.body.len() <= room;
            let mut spans = run.running(cell, owner).into_iter();
            let runs = spans.any(|(from, until)| from < message.at && message.at < until);
            return REQUESTS.contains(&message.id) && runs && fits;
        };
        INDICATIONS.contains(&message.id)
            && member == owner
            && until(run, cell, slot).is_none_or(|(early, _)| (message.at as i64) < early)
    }
}

/// When the owner of `slot`, if it is a former one, may no longer speak: for certain not before, for certain after.
fn until(run: &Run, cell: usize, slot: i64) -> Option<(i64, i64)> {
    let boundary = run.owners[cell].until(slot)?;
    let (early, late) = run.clocks[cell].air(boundary);
    let depth = run.inputs.settings.cells[cell].pipeline * run.clocks[cell].slot_ns;
    let slack = run.inputs.slack_ns as i64;
    Some((early + depth - slack, late + depth + slack))
}

/// Indications: only from the owner of their slot, and in time.
fn speakers(run: &Run, links: &Links, verdict: &mut Verdict) {
    let mut passed = vec![None; run.seen.len()];
    for (messages, kinds) in run.sent.iter().zip(links) {
        for (message, kind) in messages.iter().zip(kinds) {
            if let Kind::Came(seen) = kind {
                passed[*seen] = Some(message);
            }
        }
    }
    for (came, message) in run.seen.iter().zip(passed) {
        let Some((cell, Some(member))) = run.serves(came.peer) else {
            continue;
        };
        if came.id == SLOT || SYNC.contains(&came.id) {
            continue;
        }
        let owns = came
            .slot
            .is_none_or(|slot| run.owners[cell].of(slot) == member);
        if came.id == ERROR && !owns {
            verdict.examine(Rule::Errors, message.is_none(), || {
                format!("{} reached the L2", run.place(came))
            });
        }
        let limit = came.slot.and_then(|slot| until(run, cell, slot));
        let late = limit.is_some_and(|(_, late)| came.at as i64 > late);
        verdict.examine(Rule::Speaker, message.is_none() || (owns && !late), || {
            let why = if owns { "too late" } else { "not its slot" };
            format!("{}: {why}, and yet it reached the L2", run.place(came))
        });
    }
}
