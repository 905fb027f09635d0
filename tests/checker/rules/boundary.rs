//! Switches happen where the scenario or the failure puts them: a boundary that the report names is held
//! against the action that asked for it, or against what the lost and the new member sent.

use super::super::report::{Failover, Happening};
use super::super::run::{Fact, Run};
use super::super::scenario::{Action, Boundary, What};
use super::super::settings::Cell;
use super::super::timeline::{Mode, Segment};
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// A millisecond: a command is carried out at the next thing that happens.
const SOON: u64 = 1_000_000;

/// Judges every cell's switches, fences and failovers.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    for (index, cell) in run.inputs.settings.cells.iter().enumerate() {
        commanded(run, index, cell, verdict);
        unasked(run, index, cell, verdict);
        let failovers = run
            .inputs
            .report
            .failovers
            .iter()
            .filter(|failover| failover.cell == cell.name);
        for failover in failovers {
            verdict.examine(Rule::Boundary);
            if let Some(text) = failover_fault(run, index, cell, failover) {
                verdict.refuse(Rule::Boundary, None, None, || {
                    format!("{}: failover to {}: {text}", cell.name, failover.to)
                });
            }
        }
    }
}

/// Fences and patterns that neither an action nor a failover nor the configuration explains.
fn unasked(run: &Run, index: usize, cell: &Cell, verdict: &mut Verdict) {
    let begin = start(run);
    let actions = || {
        run.inputs
            .scenario
            .actions
            .iter()
            .filter(|action| action.cell == cell.name)
    };
    for fence in &run.timelines[index].fences {
        verdict.examine(Rule::Boundary);
        let name = run.name(index, fence.member);
        let asked = actions().any(|action| {
            action.what == What::Fence(name.to_owned())
                && fence.from.abs_diff(begin + action.at) <= SOON
        });
        let failed = run.inputs.report.failovers.iter().any(|failover| {
            failover.cell == cell.name
                && failover.from == name
                && failover.detected.abs_diff(fence.from) <= SOON
        });
        if !asked && !failed {
            verdict.refuse(Rule::Boundary, None, None, || {
                format!("{}: nobody asked to fence {name}", cell.name)
            });
        }
    }
    for (from, pattern) in run.timelines[index].patterns.iter().skip(1) {
        verdict.examine(Rule::Boundary);
        let asked = actions().any(|action| {
            let What::Pattern(wanted_pattern, boundary) = &action.what else {
                return false;
            };
            let wanted = wanted(run, index, *boundary, begin + action.at);
            let slack = slack(cell, *boundary);
            wanted_pattern == pattern && wanted.is_none_or(|slot| (from - slot).abs() <= slack)
        });
        if !asked && !cell.sharing.adaptive && *pattern != cell.sharing.pattern {
            verdict.refuse(Rule::Boundary, None, None, || {
                format!(
                    "{}: a slot pattern from slot {from} that nobody asked for",
                    cell.name
                )
            });
        }
    }
}

/// Header time runs ahead of the air by the lead of the frames that it is lifted from.
fn slack(cell: &Cell, boundary: Boundary) -> i64 {
    match (cell.gps, boundary) {
        (_, Boundary::Slot(_)) | (Some(_), _) => 0,
        (None, _) => 6,
    }
}

fn start(run: &Run) -> u64 {
    let told = run.inputs.report.start;
    let first = run.seen.first().map_or(0, |seen| seen.frame.at_ns);
    // A fault may have taken the first frame away: the report may name an earlier instant, never a later one.
    if told == 0 { first } else { told.min(first) }
}

fn commanded(run: &Run, index: usize, cell: &Cell, verdict: &mut Verdict) {
    let segments = run.timelines[index].segments.iter().skip(1);
    let mut open: Vec<Segment> = segments
        .filter(|segment| !segment.by_failover)
        .copied()
        .collect();
    for action in run
        .inputs
        .scenario
        .actions
        .iter()
        .filter(|action| action.cell == cell.name)
    {
        verdict.examine(Rule::Boundary);
        if let Some(text) = action_fault(run, index, action, &mut open) {
            verdict.refuse(Rule::Boundary, None, None, || {
                format!("{}: {:?}: {text}", cell.name, action.what)
            });
        }
    }
    for segment in open {
        verdict.refuse(Rule::Boundary, None, None, || {
            format!(
                "{}: {:?} from slot {} that nobody asked for",
                cell.name, segment.mode, segment.from
            )
        });
    }
}

fn action_fault(
    run: &Run,
    index: usize,
    action: &Action,
    open: &mut Vec<Segment>,
) -> Option<String> {
    let cell = &run.inputs.settings.cells[index];
    let member = |name: &str| cell.member(&run.inputs.settings, name);
    let at = start(run) + action.at;
    if at > run.seen.last().map_or(0, |seen| seen.frame.at_ns) {
        return None;
    }
    let (mode, boundary) = match &action.what {
        What::Migrate(to, boundary) => (Mode::Single(member(to)?), *boundary),
        What::Share(source, destination, boundary) => (
            Mode::Shared(member(source)?, member(destination)?),
            *boundary,
        ),
        What::Fence(name) => {
            return silence_fault(run, action, at, &Happening::Fenced(name.clone()));
        }
        What::Readmit(name) => {
            return silence_fault(run, action, at, &Happening::Readmitted(name.clone()));
        }
        What::Pattern(..) | What::Arm(_) => return None,
    };
    if refused(run, action, at) {
        return None;
    }
    let Some(found) = open.iter().position(|segment| segment.mode == mode) else {
        let last = run.timelines[index]
            .clock
            .slot_at(run.seen.last()?.frame.at_ns);
        let beyond = matches!(
            boundary,
            Boundary::InSlots(_) | Boundary::Slot(_) | Boundary::Sfn(..) | Boundary::At(_)
        );
        let due = wanted(run, index, boundary, at).is_none_or(|slot| slot <= last + 1);
        return (!beyond || due).then(|| "did not happen".to_owned());
    };
    let segment = open.remove(found);
    // Carried out at the next thing that happens: slots are counted from there.
    let carried_out = (at..=at + SOON).contains(&segment.at);
    place_fault(
        run,
        index,
        segment,
        boundary,
        if carried_out { segment.at } else { at },
    )
}

fn silence_fault(run: &Run, action: &Action, at: u64, happening: &Happening) -> Option<String> {
    let told = run.inputs.report.events.iter().any(|event| {
        event.cell == action.cell && event.what == *happening && event.at.abs_diff(at) <= SOON
    });
    (!told && !refused(run, action, at)).then(|| "did not happen when it was asked for".to_owned())
}

fn refused(run: &Run, action: &Action, at: u64) -> bool {
    run.inputs.report.events.iter().any(|event| {
        // The box gives commands of its own from 2^31 on.
        let by_scenario = matches!(event.what, Happening::Refused(command) if command >> 31 == 0);
        event.cell == action.cell && by_scenario && event.at.abs_diff(at) <= SOON
    })
}

/// The slot that a boundary names, where it names one.
fn wanted(run: &Run, index: usize, boundary: Boundary, at: u64) -> Option<i64> {
    let clock = &run.timelines[index].clock;
    let on_air = clock.slot_at(at);
    match boundary {
        Boundary::Next => None,
        Boundary::InSlots(ahead) => Some(on_air + ahead),
        Boundary::Slot(slot) => Some(clock.nearest(slot, on_air)),
        Boundary::At(after) => Some(clock.slot_at(start(run) + after - 1) + 1),
        Boundary::Sfn(sfn, slot) => {
            let period = 4 * clock.period();
            let target = sfn * (10 << clock.mu) + slot;
            Some(on_air + (target - on_air).rem_euclid(period))
        }
    }
}

fn place_fault(
    run: &Run,
    index: usize,
    segment: Segment,
    boundary: Boundary,
    at: u64,
) -> Option<String> {
    let clock = &run.timelines[index].clock;
    let slack = slack(&run.inputs.settings.cells[index], boundary);
    if let Some(wanted) = wanted(run, index, boundary, at) {
        let off = (segment.from - wanted).abs();
        return (off > slack)
            .then(|| format!("from slot {}, asked for slot {wanted}", segment.from));
    }
    let on_air = clock.slot_at(at);
    let sent = last_sent(run, index, None, at).unwrap_or(on_air);
    // What the new speaker has begun already would reach the RU in part.
    let begun = last_begun(run, index, segment.mode, at).unwrap_or(sent);
    let latest = sent.max(begun).max(on_air) + 1 + slack;
    let next = (sent + 1..=latest).contains(&segment.from);
    (!next).then(|| {
        let from = segment.from;
        format!(
            "from slot {from}, though slot {sent} was the newest sent and {begun} the newest begun"
        )
    })
}

/// The newest slot for which a member of `mode` had sent anything before `before`.
fn last_begun(run: &Run, index: usize, mode: Mode, before: u64) -> Option<i64> {
    let speaks = |member: usize| match mode {
        Mode::Single(one) => one == member,
        Mode::Shared(source, destination) => source == member || destination == member,
    };
    let seen = run.seen.iter().filter(|seen| seen.frame.at_ns < before);
    let facts = seen.flat_map(|seen| seen.facts.iter().flatten());
    let own = facts.filter(|fact| fact.cell == index && fact.member.is_some_and(speaks));
    own.map(|fact| fact.slot).max()
}

/// The newest slot of which anything (of `member`) had gone to the RU before `at`.
fn last_sent(run: &Run, index: usize, member: Option<usize>, before: u64) -> Option<i64> {
    let sent = (0..run.sent.len()).filter(|sent| run.sent[*sent].frame.at_ns < before);
    let facts = sent.flat_map(|sent| run.origins(sent).map(|(_, _, _, fact)| fact));
    let own = facts.filter(|fact| fact.cell == index && fact.member.is_some());
    own.filter(|fact| member.is_none() || fact.member == member)
        .map(|fact| fact.slot)
        .max()
}

fn failover_fault(run: &Run, index: usize, cell: &Cell, failover: &Failover) -> Option<String> {
    let settings = &run.inputs.settings;
    let (from, to) = (
        cell.member(settings, &failover.from)?,
        cell.member(settings, &failover.to)?,
    );
    let armed = run
        .inputs
        .scenario
        .actions
        .iter()
        .any(|action| action.what == What::Arm(failover.to.clone()));
    let on_air = run.timelines[index].clock.slot_at(failover.detected);
    let sharing = matches!(run.timelines[index].segment(on_air).mode, Mode::Shared(a, b) if a == to || b == to);
    if !armed && !sharing && !cell.standby.contains(&to) {
        return Some("it is no standby".to_owned());
    }
    let clock = &run.timelines[index].clock;
    let boundary = clock.nearest(failover.boundary?, clock.slot_at(failover.detected));
    if let Some(last) =
        last_sent(run, index, Some(from), failover.detected + 1).filter(|last| *last >= boundary)
    {
        return Some(format!(
            "from slot {boundary}, though {} spoke in slot {last}",
            failover.from
        ));
    }
    let heard = last_heard(run, index, from, failover.detected);
    let slack = run.inputs.slack_ns;
    let as_heard = |told: u64| heard.is_some_and(|heard| told.abs_diff(heard) <= slack);
    if failover.last_heard.is_some_and(|told| !as_heard(told)) {
        return Some(format!(
            "{} was last heard at {heard:?}, not at {:?}",
            failover.from, failover.last_heard
        ));
    }
    let first = first_control(run, index, to);
    match first.get(&boundary) {
        None => Some(format!(
            "from slot {boundary}, for which it has sent no C-plane"
        )),
        Some(at) if *at + slack < failover.detected => Some(format!(
            "from slot {boundary}, whose C-plane came before the decision"
        )),
        Some(_) => None,
    }
}

/// When a member's last frame in step arrived before it was given up.
fn last_heard(run: &Run, index: usize, member: usize, before: u64) -> Option<u64> {
    let window = run.inputs.settings.cells[index].step_window;
    let clock = &run.timelines[index].clock;
    let heard = run
        .seen
        .iter()
        .rev()
        .filter(|seen| seen.frame.at_ns <= before);
    let of_member = |at: u64, fact: &&Fact| {
        let in_step = (at as i64 - clock.air(fact.slot)).abs() <= window;
        fact.cell == index && fact.member == Some(member) && in_step
    };
    let mut own = heard.filter(|seen| {
        seen.facts
            .iter()
            .flatten()
            .any(|fact| of_member(seen.frame.at_ns, &fact))
    });
    own.next().map(|seen| seen.frame.at_ns)
}

/// When a member's first C-plane of each slot arrived.
fn first_control(run: &Run, index: usize, member: usize) -> HashMap<i64, u64> {
    let mut first = HashMap::new();
    for seen in &run.seen {
        let facts = seen.facts.iter().flatten();
        for fact in
            facts.filter(|fact| fact.cell == index && fact.member == Some(member) && !fact.user)
        {
            first.entry(fact.slot).or_insert(seen.frame.at_ns);
        }
    }
    first
}
