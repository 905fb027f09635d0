//! Order: frames of one sender leave toward one peer as they came, never before they came; and C-plane
//! leaves before the U-plane that it covers, wherever the input had them so.

use super::super::control;
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// Judges every output frame, then every downlink U-plane message.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    in_order(run, verdict);
    control_first(run, verdict);
}

fn in_order(run: &Run, verdict: &mut Verdict) {
    let mut last: HashMap<(usize, Option<usize>, usize), usize> = HashMap::new();
    for (index, sent) in run.sent.iter().enumerate() {
        let Some(source) = sent.source else { continue };
        let seen = &run.seen[source];
        verdict.examine(Rule::Order);
        if sent.frame.at_ns < seen.frame.at_ns {
            verdict.refuse(
                Rule::Order,
                run.sent_place(index),
                run.seen_place(source),
                || "left before it came".to_owned(),
            );
        }
        let key = (sent.place.0, sent.peer, seen.place.0);
        let newest = last.entry(key).or_insert(seen.place.1);
        if seen.place.1 < *newest {
            let before = *newest + 1;
            verdict.refuse(
                Rule::Order,
                run.sent_place(index),
                run.seen_place(source),
                || format!("frame {before} of the same port has left before it"),
            );
        }
        *newest = (*newest).max(seen.place.1);
    }
}

/// (peer, eAxC, slot).
type Slot = (usize, u16, i64);
/// For each slot, the C-plane messages: position and symbols.
type Covers = HashMap<Slot, Vec<(usize, u16)>>;

fn control_first(run: &Run, verdict: &mut Verdict) {
    let (before, after) = (covers_seen(run), covers_sent(run));
    let covered = |covers: &Covers, slot: Slot, symbol: u8, by: usize| {
        let messages = covers.get(&slot).into_iter().flatten();
        messages
            .clone()
            .any(|(position, mask)| *position < by && mask >> symbol & 1 == 1)
    };
    for (index, sent) in run.sent.iter().enumerate() {
        for (message, source, of, fact) in run.origins(index) {
            let seen = &run.seen[source];
            let (Some(out), Some(origin)) = (message.stream, seen.packet.messages[of].stream)
            else {
                continue;
            };
            let (Some(peer), Some(sender)) = (sent.peer, seen.peer) else {
                continue;
            };
            if !fact.user
                || !fact.downlink
                || !covered(
                    &before,
                    (sender, origin.eaxc, fact.slot),
                    fact.symbol,
                    source,
                )
            {
                continue;
            }
            verdict.examine(Rule::ControlFirst);
            if !covered(&after, (peer, out.eaxc, fact.slot), fact.symbol, index) {
                verdict.refuse(
                    Rule::ControlFirst,
                    run.sent_place(index),
                    run.seen_place(source),
                    || {
                        format!(
                            "no C-plane has left for eAxC {:#06x} slot {} symbol {}",
                            out.eaxc, fact.slot, fact.symbol
                        )
                    },
                );
            }
        }
    }
}

fn covers_seen(run: &Run) -> Covers {
    let mut covers = Covers::new();
    for (index, seen) in run.seen.iter().enumerate() {
        for (message, fact) in seen.packet.messages.iter().zip(&seen.facts) {
            let (Some(fact), Some(stream), Some(peer)) = (fact, message.stream, seen.peer) else {
                continue;
            };
            if fact.user || !fact.downlink {
                continue;
            }
            if let Some(control) = control::parse(&seen.frame.bytes[message.body.clone()]) {
                covers
                    .entry((peer, stream.eaxc, fact.slot))
                    .or_default()
                    .push((index, control.symbols()));
            }
        }
    }
    covers
}

fn covers_sent(run: &Run) -> Covers {
    let mut covers = Covers::new();
    for (index, sent) in run.sent.iter().enumerate() {
        for (message, _, _, fact) in run.origins(index) {
            let (Some(stream), Some(peer)) = (message.stream, sent.peer) else {
                continue;
            };
            if fact.user || !fact.downlink {
                continue;
            }
            if let Some(control) = control::parse(&sent.frame.bytes[message.body.clone()]) {
                covers
                    .entry((peer, stream.eaxc, fact.slot))
                    .or_default()
                    .push((index, control.symbols()));
            }
        }
    }
    covers
}
