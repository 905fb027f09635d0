//! Failing CRCs that nobody sent: for what died with a PHY, where configured.

use super::super::Cause;
use super::super::body::{self, Block};
use super::super::message::{CRC, Message, UL_TTI};
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use super::links::{Kind, Links};
use std::collections::{HashMap, HashSet};

/// Judges those that left, then asks for those that did not.
pub fn judge(run: &Run, links: &Links, verdict: &mut Verdict) {
    for (cell, settings) in run.inputs.settings.cells.iter().enumerate() {
        let answered = answered(run, cell, links);
        let mut told = HashSet::new();
        for (message, kind) in run.sent[settings.l2].iter().zip(&links[settings.l2]) {
            if *kind != Kind::MadeUp {
                continue;
            }
            let Some(slot) = message.slot else {
                continue;
            };
            for block in blocks(run, message) {
                let owed = owed(run, cell, links, message.at);
                let right = settings.fail_crc
                    && owed.contains(&(slot, block))
                    && answered
                        .get(&(slot, block))
                        .is_none_or(|at| *at > message.at)
                    && told.insert((slot, block));
                verdict.examine(Rule::FailedCrcs, right, || {
                    format!("{}: {block:x?} was not lost", run.place(message))
                });
            }
        }
        for change in &run.owners[cell].changes {
            let Cause::Failover {
                detected_ns,
                last_heard_ns,
            } = change.cause
            else {
                continue;
            };
            if !settings.fail_crc {
                continue;
            }
            let clock = &run.clocks[cell];
            let oldest = clock.at(last_heard_ns) - settings.pipeline;
            for (slot, block) in owed(run, cell, links, detected_ns) {
                let open = answered
                    .get(&(slot, block))
                    .is_none_or(|at| *at > detected_ns);
                if open && slot >= oldest && detected_ns + clock.slot_ns as u64 <= run.end {
                    verdict.examine(Rule::FailedCrcs, told.contains(&(slot, block)), || {
                        format!("{block:x?} of slot {slot} was never said to be lost")
                    });
                }
            }
        }
    }
}

/// PUSCHs given to a PHY that was detected to be dead at most a slot before `at`.
fn owed(run: &Run, cell: usize, links: &Links, at: u64) -> HashSet<(i64, Block)> {
    let mut owed = HashSet::new();
    let clock = &run.clocks[cell];
    for change in &run.owners[cell].changes {
        let Cause::Failover { detected_ns, .. } = change.cause else {
            continue;
        };
        let patience = clock.slot_ns as u64 + run.inputs.slack_ns;
        if at < detected_ns || at > detected_ns + patience {
            continue;
        }
        let phy = run.inputs.settings.cells[cell].members[change.from].phy;
        for (message, kind) in run.sent[phy].iter().zip(&links[phy]) {
            let given = message.id == UL_TTI && matches!(kind, Kind::Came(_));
            let Some(slot) = message.slot.filter(|slot| given && *slot < change.boundary) else {
                continue;
            };
            let dialect = run.peer(phy).dialect;
            let blocks = body::puschs(&message.body, dialect);
            owed.extend(blocks.into_iter().map(|block| (slot, block)));
        }
    }
    owed
}

/// When each transport block was first answered to the L2 by a PHY.
fn answered(run: &Run, cell: usize, links: &Links) -> HashMap<(i64, Block), u64> {
    let l2 = run.l2(cell);
    let mut answered = HashMap::new();
    for (message, kind) in run.sent[l2].iter().zip(&links[l2]) {
        if let (CRC, Kind::Came(_), Some(slot)) = (message.id, kind, message.slot) {
            for block in blocks(run, message) {
                answered.entry((slot, block)).or_insert(message.at);
            }
        }
    }
    answered
}

fn blocks(run: &Run, message: &Message) -> Vec<Block> {
    let entries = body::crcs(&message.body, run.peer(message.peer).dialect).unwrap_or_default();
    entries.into_iter().map(|(block, _)| block).collect()
}
