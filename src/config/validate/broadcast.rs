//! Broadcast slots of the members that share an RU: they must not meet.

use super::members::{Group, positions};
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Broadcast, ControlSymbols, MAX_PERIOD};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::{Diagnosis, Problem};

pub(super) fn broadcasts(
    field: &Field<'_>,
    group: &Group<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<Broadcast>> {
    let items = field.items(diagnosis)?;
    let read: Vec<Option<Broadcast>> = items
        .iter()
        .map(|item| broadcast(item, group, diagnosis))
        .collect();
    for (index, (later, item)) in read.iter().zip(&items).enumerate() {
        let Some(later) = later else { continue };
        let earlier = read.iter().take(index).flatten();
        for other in earlier.filter(|other| other.member != later.member) {
            let Some(slot) = common_slot(other, later) else {
                continue;
            };
            let name = group
                .names
                .get(other.member.index())
                .copied()
                .unwrap_or_default();
            let what = format!("slot {slot} is broadcast by {name} too");
            let field = item.below(&["slots"]);
            let problem = Problem::new(field.mark, &field.path, what);
            diagnosis.refuse(problem.accepted("slots in which no other member broadcasts"));
        }
    }
    read.into_iter().collect()
}

fn broadcast(field: &Field<'_>, group: &Group<'_>, diagnosis: &mut Diagnosis) -> Option<Broadcast> {
    let section = Section::open(field, BROADCAST.keys, diagnosis)?;
    let member = section.read("member", diagnosis, |field, d| group.member(field, d));
    let period = section.read("period", diagnosis, Field::integer);
    let slots = section.read("slots", diagnosis, |field, diagnosis| {
        let slots = positions(field, period, "the period", diagnosis)?;
        if slots.is_empty() {
            diagnosis.refuse(field.problem("is empty").accepted("at least one slot"));
        }
        Some(slots)
    });
    Some(Broadcast {
        member: member?,
        period: period?,
        slots: slots?,
    })
}

/// A slot of `b` on which `a` broadcasts too: they meet iff they agree modulo the common divisor.
fn common_slot(a: &Broadcast, b: &Broadcast) -> Option<u32> {
    let common = divisor(a.period, b.period).max(1);
    let meets = |slot: &&u32| {
        a.slots
            .iter()
            .any(|other| other % common == **slot % common)
    };
    b.slots.iter().find(meets).copied()
}

fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// A broadcast slot whose control symbols reach the symbols that an SSB can have.
pub(super) fn under_control_symbols(
    broadcasts: &[Broadcast],
    control: &ControlSymbols,
) -> Option<(u32, u32)> {
    let masks = &control.masks;
    let period = u32::try_from(masks.len()).ok()?;
    for broadcast in broadcasts {
        let common = divisor(broadcast.period, period).max(1);
        for slot in &broadcast.slots {
            let meeting = (0..period)
                .zip(masks)
                .filter(|(at, _)| at % common == slot % common);
            let high = meeting
                .map(|(_, mask)| mask & !0b11)
                .find(|high| *high != 0);
            if let Some(high) = high {
                return Some((*slot, high.trailing_zeros()));
            }
        }
    }
    None
}

pub(in crate::config) const BROADCAST: Table = Table {
    path: "cells.NAME.sharing.broadcast[]",
    about: "Slots of different members must not meet.",
    keys: &[
        Key::required(
            "member",
            Accepts::Form("name of a member"),
            "",
            "Whose broadcast.",
        ),
        Key::required(
            "period",
            Accepts::Integer {
                min: 1,
                max: MAX_PERIOD as i64,
            },
            "slots",
            "Period.",
        ),
        Key::required(
            "slots",
            Accepts::Form("list of slots below the period"),
            "slots",
            "Positions in the period.",
        ),
    ],
};
