//! A failover: where its boundary is, and how soon the new PHY works.

use super::super::Cause;
use super::super::message::REQUESTS;
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};
use super::links::{Kind, Links};

/// Judges every failover.
pub fn judge(run: &Run, links: &Links, verdict: &mut Verdict) {
    for (cell, settings) in run.inputs.settings.cells.iter().enumerate() {
        for change in &run.owners[cell].changes {
            let Cause::Failover { detected_ns, .. } = change.cause else {
                continue;
            };
            let given = |until: &dyn Fn(u64) -> bool| {
                let members = settings.members.iter();
                let messages = members.flat_map(|member| &run.sent[member.phy]);
                let requests = messages
                    .filter(|message| REQUESTS.contains(&message.id) && until(message.begun));
                requests.filter_map(|message| message.slot).max()
            };
            let before = given(&|at| at < detected_ns);
            let on_air = run.clocks[cell].at(detected_ns);
            let latest = given(&|at| at <= detected_ns).max(Some(on_air));
            let boundary = change.boundary;
            let first = before.is_none_or(|given| boundary > given);
            let soon = latest.is_none_or(|given| boundary <= given + 1);
            verdict.examine(Rule::Boundary, first && soon, || {
                format!("slot {boundary}, where {before:?} was the last that had been given")
            });
            takeover(
                run,
                links,
                verdict,
                (cell, boundary, change.to, detected_ns),
            );
        }
    }
}

fn takeover(
    run: &Run,
    links: &Links,
    verdict: &mut Verdict,
    (cell, boundary, to, detected): (usize, i64, usize, u64),
) {
    let settings = &run.inputs.settings.cells[cell];
    let asked = run.seen.iter().find(|message| {
        message.peer == settings.l2
            && REQUESTS.contains(&message.id)
            && message.at >= detected
            && message
                .slot
                .is_some_and(|slot| run.owners[cell].of(slot) == to && slot >= boundary)
    });
    let Some(asked) = asked else {
        return;
    };
    let phy = settings.members[to].phy;
    let mut given = run.sent[phy].iter().zip(&links[phy]);
    let first = given.find(|(message, kind)| {
        matches!(kind, Kind::Came(_))
            && message.begun >= detected
            && message.slot.is_some_and(|slot| slot >= boundary)
    });
    let latest = (detected + run.clocks[cell].slot_ns as u64).max(asked.at + run.inputs.slack_ns);
    let on_time = first.is_some_and(|(message, _)| message.begun <= latest);
    verdict.examine(Rule::Takeover, on_time, || match first {
        Some((message, _)) => format!("{}: {} ns late", run.place(message), message.begun - latest),
        None => format!("{} is given nothing", settings.members[to].name),
    });
}
