//! What a DU sent is in the output exactly if the DU may speak: owner of the slot (or, in shared mode, of
//! the slot and symbol by the decision table of fronthaul reference 11.2), not fenced, in step, assigned.

use super::super::control::{self, Control};
use super::super::run::{Fact, Run};
use super::super::settings::Cell;
use super::super::timeline::{Certain, Mode, Timeline};
use super::super::verdict::{Rule, Verdict};

/// What has to happen to a message of a DU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It must be in the output.
    Must,
    /// It must not be, by this rule and for this reason.
    MustNot(Rule, String),
    /// Shared mode: symbol by symbol.
    Shared,
    /// Too close to an edge to say.
    Either,
}

/// Judges every C/U-plane message of every DU.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    for (index, seen) in run.seen.iter().enumerate() {
        for (message, content) in seen.packet.messages.iter().enumerate() {
            if !matches!(content.kind, 0 | 2) {
                continue;
            }
            verdict.examine(Rule::Admission);
            match seen.facts[message] {
                Some(fact) if fact.member.is_some() => {
                    judge_message(run, (index, message), fact, verdict)
                }
                Some(_) => {}
                None => refuse_uses(
                    run,
                    (index, message),
                    (
                        Rule::Admission,
                        "unknown or unreadable, and yet let through",
                    ),
                    verdict,
                ),
            }
        }
        if seen.packet.messages.is_empty() && seen.packet.ethertype == 0xaefe {
            refuse_uses(
                run,
                (index, usize::MAX),
                (Rule::Admission, "malformed eCPRI, and yet let through"),
                verdict,
            );
        }
    }
}

/// What the box owes a message about `fact` that arrived at `at`, single mode or shared, split aside.
pub fn duty(run: &Run, fact: Fact, at: u64) -> Duty {
    let cell = &run.inputs.settings.cells[fact.cell];
    let line = &run.timelines[fact.cell];
    let Some(member) = fact.member else {
        return Duty::Either;
    };
    let name = run.name(fact.cell, member);
    let mut sure = true;
    if run.inputs.settings.peers[cell.members[member].peer].pooled {
        match line.assigned(member, at) {
            Certain::Yes => {}
            Certain::Maybe => sure = false,
            Certain::No => {
                return Duty::MustNot(
                    Rule::Admission,
                    format!("{name} is not assigned to {}", cell.name),
                );
            }
        }
    }
    match line.fenced(member, at) {
        Certain::Yes => return Duty::MustNot(Rule::Fence, format!("{name} is fenced")),
        Certain::Maybe => sure = false,
        Certain::No => {}
    }
    let off = (at as i64 - line.clock.air(fact.slot)).abs();
    let margin = 2 * cell.slot_ns();
    if off > cell.step_window + margin && cell.gps.is_some() {
        return Duty::MustNot(
            Rule::Admission,
            format!("slot is {} us from the air", off / 1000),
        );
    }
    sure &= off < cell.step_window - margin;
    match speaker(cell, line, member, fact, at) {
        Duty::Must | Duty::Shared if !sure => Duty::Either,
        Duty::MustNot(rule, text) => Duty::MustNot(rule, format!("{name} {text}")),
        other => other,
    }
}

fn speaker(cell: &Cell, line: &Timeline, member: usize, fact: Fact, at: u64) -> Duty {
    let segment = line.segment(fact.slot);
    let owner = match segment.mode {
        Mode::Single(owner) => owner,
        Mode::Shared(source, destination) if member == source || member == destination => {
            return Duty::Shared;
        }
        Mode::Shared(source, _) => source,
    };
    if owner != member {
        return Duty::MustNot(Rule::Owner, format!("does not own slot {}", fact.slot));
    }
    if segment.by_failover && at <= segment.at {
        return Duty::Either;
    }
    let Some(next) = line.next_boundary(fact.slot) else {
        return Duty::Must;
    };
    let margin = 2 * cell.slot_ns();
    let passed = |slot: i64| at as i64 - line.clock.air(slot) - cell.late_tolerance;
    if passed(next) > margin {
        return Duty::MustNot(Rule::Owner, format!("owned slot {} but is late", fact.slot));
    }
    if passed(fact.slot) > -margin {
        Duty::Either
    } else {
        Duty::Must
    }
}

fn judge_message(run: &Run, place: (usize, usize), fact: Fact, verdict: &mut Verdict) {
    let (index, message) = place;
    let seen = &run.seen[index];
    verdict.examine(Rule::Owner);
    verdict.examine(Rule::Fence);
    match duty(run, fact, seen.frame.at_ns) {
        Duty::MustNot(rule, text) => refuse_uses(run, place, (rule, &text), verdict),
        Duty::Shared if fact.downlink => shared_message(run, place, fact, verdict),
        Duty::Must if is_plain(run, place, fact) => {
            verdict.examine(Rule::Delivered);
            if !seen.uses.iter().any(|used| used.of == Some(message)) {
                refuse_loss(run, index, fact, verdict);
            }
        }
        Duty::Must | Duty::Shared | Duty::Either => {}
    }
}

/// Not one of those that the box may refuse for what they hold: fragments, opaque or malformed C-plane.
fn is_plain(run: &Run, place: (usize, usize), fact: Fact) -> bool {
    let seen = &run.seen[place.0];
    let message = &seen.packet.messages[place.1];
    let first = message
        .stream
        .is_some_and(|stream| stream.subsequence() == 0);
    first
        && (fact.user
            || control::parse(&seen.frame.bytes[message.body.clone()])
                .is_some_and(|c| !c.is_entangled()))
}

fn refuse_loss(run: &Run, index: usize, fact: Fact, verdict: &mut Verdict) {
    verdict.refuse(Rule::Delivered, None, run.seen_place(index), || {
        let plane = if fact.user { "U-plane" } else { "C-plane" };
        format!(
            "{plane} of slot {} symbol {} from its owner is not in the output",
            fact.slot, fact.symbol
        )
    });
}

fn refuse_uses(run: &Run, place: (usize, usize), why: (Rule, &str), verdict: &mut Verdict) {
    let (index, message) = place;
    for used in run.seen[index]
        .uses
        .iter()
        .filter(|used| used.of.unwrap_or(usize::MAX) == message)
    {
        verdict.refuse(
            why.0,
            run.sent_place(used.sent),
            run.seen_place(index),
            || why.1.to_owned(),
        );
    }
}

fn shared_message(run: &Run, place: (usize, usize), fact: Fact, verdict: &mut Verdict) {
    let seen = &run.seen[place.0];
    let body = &seen.frame.bytes[seen.packet.messages[place.1].body.clone()];
    if fact.user {
        let expected = expected_symbols(run, fact, 1 << fact.symbol, false);
        return compare(
            run,
            place,
            fact,
            (&[1 << fact.symbol], &[expected]),
            verdict,
        );
    }
    let Some(control) = control::parse(body).filter(|c| !c.is_entangled()) else {
        return;
    };
    if matches!(control.section_type, 0 | 5) {
        return;
    }
    let masks: Vec<u16> = control
        .sections
        .iter()
        .map(|section| control.mask(section))
        .collect();
    let owner_wins = run.inputs.settings.cells[fact.cell].sharing.owner_wins;
    let expect = |wins: bool| {
        masks
            .iter()
            .map(|mask| expected_symbols(run, fact, *mask, wins))
            .collect::<Vec<_>>()
    };
    let fallen_back = run.timelines[fact.cell]
        .mismatch
        .is_some_and(|at| at <= seen.frame.at_ns);
    if owner_wins && fallen_back && collect(run, place, &control) == expect(false) {
        return;
    }
    compare(run, place, fact, (&masks, &expect(owner_wins)), verdict);
}

type Symbols = [Option<u16>; 14];

/// For each symbol of `mask` the eAxC id that this member may use, if any.
fn expected_symbols(run: &Run, fact: Fact, mask: u16, owner_wins: bool) -> Symbols {
    let cell = &run.inputs.settings.cells[fact.cell];
    let line = &run.timelines[fact.cell];
    let eaxc = cell.streams.lists[fact.stream.0 as usize]
        .get(fact.stream.1)
        .copied()
        .unwrap_or(0);
    let member = fact.member.unwrap_or(0);
    std::array::from_fn(|symbol| {
        if mask >> symbol & 1 == 0 {
            return None;
        }
        if owner_wins {
            return (line.slot_owner(cell, fact.slot) == Some(member)).then_some(eaxc);
        }
        line.shared_egress(cell, member, (fact.slot, symbol as u8), eaxc)
    })
}

/// For each section of the input, the eAxC id under which each symbol left.
fn collect(run: &Run, place: (usize, usize), whole: &Control) -> Vec<Symbols> {
    let (index, message) = place;
    let seen = &run.seen[index];
    let source = &seen.frame.bytes[seen.packet.messages[message].body.clone()];
    let mut left = vec![[None; 14]; whole.sections.len()];
    for used in seen.uses.iter().filter(|used| used.of == Some(message)) {
        let sent = &run.sent[used.sent];
        let output = &sent.packet.messages[used.message];
        let body = &sent.frame.bytes[output.body.clone()];
        let Some(part) = control::parse(body) else {
            continue;
        };
        for section in &part.sections {
            let Some(of) = control::origin((&part, body, section), (whole, source)) else {
                continue;
            };
            for symbol in (0..14).filter(|symbol| part.mask(section) >> symbol & 1 == 1) {
                left[of][symbol] = output.stream.map(|stream| stream.eaxc);
            }
        }
    }
    left
}

fn compare(
    run: &Run,
    place: (usize, usize),
    fact: Fact,
    expected: (&[u16], &[Symbols]),
    verdict: &mut Verdict,
) {
    let (index, message) = place;
    let seen = &run.seen[index];
    let left = match fact.user {
        true => {
            let mut symbols = [None; 14];
            let used = seen.uses.iter().find(|used| used.of == Some(message));
            symbols[usize::from(fact.symbol)] = used
                .and_then(|used| run.sent[used.sent].packet.messages[used.message].stream)
                .map(|stream| stream.eaxc);
            vec![symbols]
        }
        false => {
            let body = &seen.frame.bytes[seen.packet.messages[message].body.clone()];
            control::parse(body)
                .map(|whole| collect(run, place, &whole))
                .unwrap_or_default()
        }
    };
    verdict.examine(Rule::Delivered);
    for ((found, wanted), mask) in left.iter().zip(expected.1).zip(expected.0) {
        let differing =
            (0..14).find(|symbol| mask >> symbol & 1 == 1 && found[*symbol] != wanted[*symbol]);
        let Some(symbol) = differing else { continue };
        let rule = if found[symbol].is_none() {
            Rule::Delivered
        } else {
            Rule::Owner
        };
        let output = seen
            .uses
            .iter()
            .find(|used| used.of == Some(message))
            .and_then(|used| run.sent_place(used.sent));
        verdict.refuse(rule, output, run.seen_place(index), || {
            let (slot, found, wanted) = (fact.slot, found[symbol], wanted[symbol]);
            format!("slot {slot} symbol {symbol}: left as eAxC {found:x?}, should be {wanted:x?}")
        });
        return;
    }
}
