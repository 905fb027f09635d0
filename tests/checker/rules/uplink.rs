//! Uplink: each U-plane and PRACH frame, each C-plane answer of the RU and each event indication reaches
//! every DU in step exactly once, and no other. Who is in step is worked out here from the input alone.

use super::super::run::{Fact, Run};
use super::super::settings::List;
use super::super::timeline::{Certain, Mode};
use super::super::verdict::{Rule, Verdict};
use std::collections::HashMap;

/// Instants at which a member was heard in step: surely, and perhaps.
#[derive(Default)]
struct Heard {
    surely: Vec<u64>,
    perhaps: Vec<u64>,
}

/// Judges every frame of every RU.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    let heard = listen(run);
    let requests = Requests::new(run);
    for (index, seen) in run.seen.iter().enumerate() {
        let Some(peer) = seen
            .peer
            .filter(|peer| run.inputs.settings.peers[*peer].is_ru)
        else {
            continue;
        };
        for (message, content) in seen.packet.messages.iter().enumerate() {
            match (content.kind, seen.facts[message]) {
                (0 | 2, Some(fact)) => {
                    mirror(run, (&heard, &requests), (index, message), fact, verdict)
                }
                (7, _) => indicate(run, &heard, (index, message), peer, verdict),
                _ => {}
            }
        }
    }
}

fn listen(run: &Run) -> Vec<Vec<Heard>> {
    let cells = &run.inputs.settings.cells;
    let mut heard: Vec<Vec<Heard>> = cells
        .iter()
        .map(|cell| cell.members.iter().map(|_| Heard::default()).collect())
        .collect();
    let mut counting: Vec<bool> = cells.iter().map(|cell| cell.gps.is_some()).collect();
    for seen in &run.seen {
        for fact in seen.facts.iter().flatten() {
            let Some(member) = fact.member else { continue };
            let (cell, at) = (&cells[fact.cell], seen.frame.at_ns);
            let off = (at as i64 - run.timelines[fact.cell].clock.air(fact.slot)).abs();
            let margin = 2 * cell.slot_ns();
            counting[fact.cell] |= member == cell.active;
            let entry = &mut heard[fact.cell][member];
            if off < cell.step_window + margin {
                entry.perhaps.push(at);
            }
            if off < cell.step_window - margin && counting[fact.cell] {
                entry.surely.push(at);
            }
        }
    }
    heard
}

fn in_step(run: &Run, heard: &[Vec<Heard>], cell: usize, member: usize, at: u64) -> Certain {
    let settings = &run.inputs.settings.cells[cell];
    if settings.members[member].assume_in_step {
        return Certain::Yes;
    }
    let slack = run.inputs.slack_ns;
    let slot = settings.slot_ns() as u64 + slack;
    let memory = settings.step_memory as u64;
    let entry = &heard[cell][member];
    let before = entry.surely.partition_point(|heard| *heard + slack < at);
    let sure = entry.surely[..before]
        .last()
        .is_some_and(|last| at - last + slot < memory);
    let until = entry.perhaps.partition_point(|heard| *heard <= at);
    let possible = entry.perhaps[..until]
        .last()
        .is_some_and(|last| at - last <= memory + slot);
    // A lone member may be taken as in step: there is nobody else to hear the RU.
    let alone = settings.members.len() == 1;
    match (sure, possible || alone) {
        (true, _) => Certain::Yes,
        (false, true) => Certain::Maybe,
        (false, false) => Certain::No,
    }
}

/// Must the member be reached?
fn owed(run: &Run, heard: &[Vec<Heard>], cell: usize, member: usize, at: u64) -> Certain {
    let step = in_step(run, heard, cell, member, at);
    let line = &run.timelines[cell];
    let peer = run.inputs.settings.cells[cell].members[member].peer;
    let assigned = match run.inputs.settings.peers[peer].pooled {
        true => line.assigned(member, at),
        false => Certain::Yes,
    };
    match (step, assigned) {
        (Certain::No, _) | (_, Certain::No) => Certain::No,
        (Certain::Yes, Certain::Yes) if line.fenced(member, at) == Certain::No => Certain::Yes,
        _ => Certain::Maybe,
    }
}

fn mirror(
    run: &Run,
    (heard, requests): (&[Vec<Heard>], &Requests),
    place: (usize, usize),
    fact: Fact,
    verdict: &mut Verdict,
) {
    let cell = &run.inputs.settings.cells[fact.cell];
    let at = run.seen[place.0].frame.at_ns;
    let line = &run.timelines[fact.cell];
    let off = (at as i64 - line.clock.air(fact.slot)).abs();
    let shared = matches!(line.segment(fact.slot).mode, Mode::Shared(..));
    // Two different requests of two DUs: an answer belongs to the one whose section it carries.
    let for_one = shared && requests.two_differ(fact);
    if for_one {
        reaches_one(run, place, fact, verdict);
    }
    let unsure = off > cell.step_window - 2 * cell.slot_ns() || for_one;
    for (member, entry) in cell.members.iter().enumerate() {
        let mut owed = owed(run, heard, fact.cell, member, at);
        let speaks = match line.segment(fact.slot).mode {
            Mode::Single(owner) => owner == member,
            Mode::Shared(source, destination) => source == member || destination == member,
        };
        let for_owner = fact.section_type == Some(8) && !speaks;
        if owed == Certain::Yes && (unsure || for_owner) {
            owed = Certain::Maybe;
        }
        expect(run, place, entry.peer, owed, verdict);
    }
}

/// Cell, stream, filterIndex and slot.
type Asked = (usize, (List, usize), u8, i64);

/// Which members' requests left for the RU in shared slots.
struct Requests(HashMap<Asked, Vec<usize>>);

impl Requests {
    fn new(run: &Run) -> Self {
        let mut asked: HashMap<Asked, Vec<usize>> = HashMap::new();
        for index in 0..run.sent.len() {
            for (_, _, _, fact) in run.origins(index) {
                let Some(member) = fact.member.filter(|_| !fact.user && !fact.downlink) else {
                    continue;
                };
                let mode = run.timelines[fact.cell].segment(fact.slot).mode;
                if matches!(mode, Mode::Shared(..)) {
                    let key = (fact.cell, fact.stream, fact.filter, fact.slot);
                    asked.entry(key).or_default().push(member);
                }
            }
        }
        Self(asked)
    }

    fn two_differ(&self, fact: Fact) -> bool {
        let asked = self
            .0
            .get(&(fact.cell, fact.stream, fact.filter, fact.slot));
        asked.is_some_and(|members| members.iter().any(|member| *member != members[0]))
    }
}

fn reaches_one(run: &Run, place: (usize, usize), fact: Fact, verdict: &mut Verdict) {
    verdict.examine(Rule::Uplink);
    let (index, message) = place;
    if !run.seen[index]
        .uses
        .iter()
        .any(|used| used.of == Some(message))
    {
        verdict.refuse(Rule::Uplink, None, run.seen_place(index), || {
            format!(
                "slot {} symbol {} reached none of the DUs that asked",
                fact.slot, fact.symbol
            )
        });
    }
}

fn indicate(
    run: &Run,
    heard: &[Vec<Heard>],
    place: (usize, usize),
    ru: usize,
    verdict: &mut Verdict,
) {
    let at = run.seen[place.0].frame.at_ns;
    for du in 0..run.serves.len() {
        let answers = run.serves[du].iter().filter_map(|(cell, member)| {
            let serves = run.inputs.settings.cells[*cell].ru == ru;
            serves.then_some(())?;
            Some(owed(run, heard, *cell, (*member)?, at))
        });
        let best = answers.max_by_key(|owed| match owed {
            Certain::No => 0,
            Certain::Maybe => 1,
            Certain::Yes => 2,
        });
        if let Some(owed) = best {
            expect(run, place, du, owed, verdict);
        }
    }
}

fn expect(run: &Run, place: (usize, usize), du: usize, owed: Certain, verdict: &mut Verdict) {
    verdict.examine(Rule::Uplink);
    let (index, message) = place;
    let uses = || {
        let uses = run.seen[index].uses.iter();
        uses.filter(move |used| used.of == Some(message) && run.sent[used.sent].peer == Some(du))
    };
    let count = uses().count();
    let name = &run.inputs.settings.peers[du].name;
    let output = || uses().next().and_then(|used| run.sent_place(used.sent));
    match owed {
        Certain::Yes if count == 0 => {
            verdict.refuse(Rule::Uplink, None, run.seen_place(index), || {
                format!("did not reach {name}, which is in step")
            });
        }
        Certain::No if count > 0 => {
            verdict.refuse(Rule::Uplink, output(), run.seen_place(index), || {
                format!("reached {name}, which is not in step here, or not assigned")
            });
        }
        _ => {}
    }
}
