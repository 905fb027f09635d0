//! A fenced PHY is dead to the rest: nothing goes there, nothing comes from there.

use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use super::links::{Kind, Links};

/// Judges what goes to members and what came from them.
pub fn judge(run: &Run, links: &Links, verdict: &mut Verdict) {
    for (cell, settings) in run.inputs.settings.cells.iter().enumerate() {
        let owners = &run.owners[cell];
        for (number, member) in settings.members.iter().enumerate() {
            for message in &run.sent[member.phy] {
                verdict.examine(Rule::Fence, !owners.fenced(number, message.begun), || {
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
