//! Uplink requests: two identical ones give two answers, so of two DUs' only one may reach the RU, and
//! those that overlap need sectionIds of their own. In a closed loop the answers themselves are counted.

use super::super::control;
use super::super::run::{Fact, Run};
use super::super::verdict::{Rule, Verdict};
use super::admission::{Duty, duty};
use std::collections::HashMap;

/// (RU, eAxC, filterIndex, slot).
type Key = (usize, u16, u8, i64);

/// Judges requests toward the RUs, those that did not get there, and answers.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    let asked = asked(run, verdict);
    absorbed(run, &asked, verdict);
    if run.inputs.closed_loop {
        answers(run, &asked, verdict);
    }
}

/// One request: output frame, DU and body from the radio header on.
struct Request<'a> {
    du: usize,
    body: &'a [u8],
}

fn asked<'a>(run: &'a Run, verdict: &mut Verdict) -> HashMap<Key, Vec<Request<'a>>> {
    let mut asked: HashMap<Key, Vec<Request>> = HashMap::new();
    for (index, sent) in run.sent.iter().enumerate() {
        for (message, source, _, fact) in run.origins(index) {
            let (Some(du), Some(ru)) = (run.seen[source].peer, sent.peer) else {
                continue;
            };
            if fact.user || fact.downlink || fact.member.is_none() {
                continue;
            }
            verdict.examine(Rule::Requests);
            let body = &sent.frame.bytes[message.body.clone()];
            let eaxc = message.stream.map_or(0, |stream| stream.eaxc);
            let known = asked.entry((ru, eaxc, fact.filter, fact.slot)).or_default();
            if known
                .iter()
                .any(|earlier| earlier.du != du && collide(earlier.body, body))
            {
                verdict.refuse(
                    Rule::Requests,
                    run.sent_place(index),
                    run.seen_place(source),
                    || {
                        format!(
                            "another DU has asked for the same on eAxC {eaxc:#06x} slot {}",
                            fact.slot
                        )
                    },
                );
            }
            known.push(Request { du, body });
        }
    }
    asked
}

/// Two requests with a section of one sectionId over the same symbols.
fn collide(a: &[u8], b: &[u8]) -> bool {
    let (Some(x), Some(y)) = (control::parse(a), control::parse(b)) else {
        return a[4..] == b[4..];
    };
    x.sections.iter().any(|p| {
        y.sections
            .iter()
            .any(|q| p.id == q.id && x.mask(p) & y.mask(q) != 0)
    })
}

/// A request that did not leave in shared mode: only because the other DU's did.
fn absorbed(run: &Run, asked: &HashMap<Key, Vec<Request>>, verdict: &mut Verdict) {
    for (index, seen) in run.seen.iter().enumerate() {
        for (message, fact) in seen.facts.iter().enumerate() {
            let Some(fact) =
                fact.filter(|fact| !fact.user && !fact.downlink && fact.member.is_some())
            else {
                continue;
            };
            let used = seen.uses.iter().any(|used| used.of == Some(message));
            if used || duty(run, fact, seen.frame.at_ns) != Duty::Shared {
                continue;
            }
            verdict.examine(Rule::Delivered);
            let key = key_of(run, fact);
            let others = asked.get(&key).into_iter().flatten();
            if !others
                .into_iter()
                .any(|request| Some(request.du) != seen.peer)
            {
                verdict.refuse(Rule::Delivered, None, run.seen_place(index), || {
                    format!("uplink request for slot {} left for nobody", fact.slot)
                });
            }
        }
    }
}

fn key_of(run: &Run, fact: Fact) -> Key {
    let cell = &run.inputs.settings.cells[fact.cell];
    let eaxc = cell.streams.lists[fact.stream.0 as usize]
        .get(fact.stream.1)
        .copied();
    (cell.ru, eaxc.unwrap_or(0), fact.filter, fact.slot)
}

fn answers(run: &Run, asked: &HashMap<Key, Vec<Request>>, verdict: &mut Verdict) {
    let mut answered: HashMap<(Key, u8), HashMap<Vec<u8>, usize>> = HashMap::new();
    for (index, seen) in run.seen.iter().enumerate() {
        for (message, fact) in seen.packet.messages.iter().zip(&seen.facts) {
            let Some(fact) = fact.filter(|fact| fact.user && fact.member.is_none()) else {
                continue;
            };
            verdict.examine(Rule::Answers);
            let section = &seen.frame.bytes[message.body.clone()];
            let section = section.get(8..12).unwrap_or_default().to_vec();
            let first = answered
                .entry((key_of(run, fact), fact.symbol))
                .or_default();
            if let Some(earlier) = first.insert(section, index) {
                verdict.refuse(Rule::Answers, None, run.seen_place(index), || {
                    let earlier = run.seen[earlier].place.1 + 1;
                    format!(
                        "slot {} symbol {} was answered in frame {earlier}",
                        fact.slot, fact.symbol
                    )
                });
            }
        }
    }
    for (key, requests) in asked {
        unanswered(run, key, requests, &answered, verdict);
    }
}

fn unanswered(
    run: &Run,
    key: &Key,
    requests: &[Request],
    answered: &HashMap<(Key, u8), HashMap<Vec<u8>, usize>>,
    verdict: &mut Verdict,
) {
    let cell = run
        .inputs
        .settings
        .cells
        .iter()
        .position(|cell| cell.ru == key.0);
    let (Some(cell), Some(end)) = (cell, run.seen.last()) else {
        return;
    };
    let last = run.timelines[cell].clock.slot_at(end.frame.at_ns) - 3;
    let masks = requests
        .iter()
        .filter_map(|request| control::parse(request.body));
    let mask = masks.fold(0, |mask, control| mask | control.symbols());
    for symbol in (0..14).filter(|symbol| mask >> symbol & 1 == 1) {
        if key.2 == 0 && key.3 < last && !answered.contains_key(&(*key, symbol)) {
            verdict.refuse(Rule::Answers, None, None, || {
                format!(
                    "eAxC {:#06x} slot {} symbol {symbol} was asked for and never answered",
                    key.1, key.3
                )
            });
        }
    }
}
