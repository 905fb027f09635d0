//! SLOT.indication toward the L2: every slot, once, in order, on time.

use super::super::message::{Message, SLOT};
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// Judges every cell's.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    for (cell, settings) in run.inputs.settings.cells.iter().enumerate() {
        let clock = &run.clocks[cell];
        let told: Vec<_> = run.sent[settings.l2]
            .iter()
            .filter(|message| message.id == SLOT)
            .collect();
        let heard = heard(run, cell);
        let slack = run.inputs.slack_ns as i64;
        let due = |slot: i64| clock.air(slot - settings.ahead);
        for pair in told.windows(2) {
            let right = pair[0].slot.map(|slot| slot + 1) == pair[1].slot;
            verdict.examine(Rule::SlotOrder, right, || {
                format!("{} follows {:?}", run.place(pair[1]), pair[0].point)
            });
        }
        if let Some(last) = told.last().and_then(|message| message.slot) {
            let missing = due(last + 1).1 + clock.slot_ns + slack < run.end as i64;
            verdict.examine(Rule::SlotOrder, !missing, || {
                format!("slot {} was never indicated", last + 1)
            });
        }
        for message in told {
            let Some(slot) = message.slot else {
                continue;
            };
            let at = message.begun as i64;
            let (early, late) = due(slot);
            let from_owner = heard
                .get(&slot)
                .is_some_and(|first| *first <= message.begun);
            // One that comes shows those before it to be missing, without waiting for the grace.
            let passed_over = || {
                let later = slot + 1..slot + settings.ahead + 64;
                later
                    .filter_map(|slot| heard.get(&slot))
                    .any(|first| *first <= message.begun)
            };
            let earliest = early + settings.grace - slack;
            let made_up_early =
                !from_owner && at < earliest && !(at >= early - slack && passed_over());
            let too_late = at > late + clock.slot_ns + slack;
            verdict.examine(Rule::SlotTime, !made_up_early && !too_late, || {
                let off = at - early;
                format!(
                    "{}: {off} ns after it was due, from its owner: {from_owner}",
                    run.place(message)
                )
            });
        }
    }
}

/// When each slot was first indicated by its owner.
fn heard(run: &Run, cell: usize) -> HashMap<i64, u64> {
    let mut heard = HashMap::new();
    for message in run.seen.iter().filter(|message| message.id == SLOT) {
        let (Some((of, Some(member))), Some(slot)) = (run.serves(message.peer), message.slot)
        else {
            continue;
        };
        let owners = &run.owners[cell];
        if of == cell
            && owners.known(slot, message.at) == member
            && !owners.fenced(member, message.at)
        {
            heard.entry(slot).or_insert(message.at);
        }
    }
    heard
}
