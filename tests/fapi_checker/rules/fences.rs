//! A fenced PHY is kept alive and not heard: nothing goes there that it could send on air, nothing comes from
//! there.

use super::super::message::NODE_SYNC;
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use super::links::{Kind, Links};

/// Judges what goes to members and what came from them.
pub fn judge(run: &Run, links: &Links, verdict: &mut Verdict) {
    for (cell, settings) in run.inputs.settings.cells.iter().enumerate() {
        let owners = &run.owners[cell];
        for (number, member) in settings.members.iter().enumerate() {
            for (message, kind) in run.sent[member.phy].iter().zip(&links[member.phy]) {
                let serves = message.slot.is_some_and(|slot| owners.of(slot) == number);
                let is_quiet = *kind == Kind::Null && !serves || NODE_SYNC.contains(&message.id);
                let right = is_quiet || !owners.fenced(number, message.begun);
                verdict.examine(Rule::Fence, right, || {
                    format!("{}: that PHY is fenced", run.place(message))
                });
            }
        }
        for (message, kind) in run.sent[settings.l2].iter().zip(&links[settings.l2]) {
            let Kind::Came(came) = kind else {
                continue;
            };
            let came = &run.seen[*came];
            if let Some((_, Some(member))) = run.serves(came.peer) {
                verdict.examine(Rule::Fence, !owners.fenced(member, came.at), || {
                    format!("{}: from a PHY that is fenced", run.place(message))
                });
            }
        }
    }
}
