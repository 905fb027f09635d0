//! Lcores: the cores that poll, what they do when nothing comes, and the memory they work in.

use super::{Draft, Item};
use crate::config::keys::{Accepts, FLAG, Key, Table};
use crate::config::model::{Cell, Idle, Lcores, MAX_LCORES};
use crate::config::source::fields::{Field, Section, listing};
use crate::config::source::problem::Diagnosis;
use std::collections::HashMap;

pub(super) fn lcores(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Lcores> {
    let section = Section::open(field, LCORES.keys, diagnosis)?;
    let cores = section.optional("cores", diagnosis, cores);
    let count = cores
        .as_ref()
        .map(|cores| cores.as_ref().map_or(1, Vec::len));
    let idle = section.read("idle", diagnosis, |field, d| idle(field, count, d));
    let hugepages = section.read("hugepages", diagnosis, Field::flag);
    let memory = section.optional("memory", diagnosis, Field::integer);
    let lock_memory = section.read("lock_memory", diagnosis, Field::flag);
    Some(Lcores {
        cores: cores?.unwrap_or_default(),
        idle: idle?,
        hugepages: hugepages?,
        memory: memory?,
        lock_memory: lock_memory?,
    })
}

fn cores(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Vec<u16>> {
    let mut cores: Vec<u16> = Vec::new();
    for item in field.items(diagnosis)? {
        let core = item.within(0, LAST_CORE, diagnosis)?;
        if cores.contains(&core) {
            diagnosis.refuse(item.problem("is named twice").accepted("different cores"));
            return None;
        }
        cores.push(core);
    }
    if cores.is_empty() || cores.len() > MAX_LCORES {
        diagnosis.refuse(field.problem("is no list of 1 to 64 cores"));
        return None;
    }
    Some(cores)
}

/// One word for all, or one for each core. `count` is missing if the cores could not be read.
fn idle(field: &Field<'_>, count: Option<usize>, diagnosis: &mut Diagnosis) -> Option<Vec<Idle>> {
    if !field.is_list() {
        return Some(vec![idle_word(field, diagnosis)?; count.unwrap_or(1)]);
    }
    let words = field.list(diagnosis, idle_word)?;
    if let Some(count) = count
        && words.len() != count
    {
        let found = format!("{} words for {count}", words.len());
        let problem = field.problem("does not say it for each core").found(found);
        diagnosis.refuse(problem);
        return None;
    }
    Some(words)
}

fn idle_word(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Idle> {
    let text = field.text(diagnosis)?;
    let known = [Idle::Spin, Idle::Pause, Idle::Sleep];
    let idle = known.into_iter().find(|idle| idle.word() == text);
    if idle.is_none() {
        diagnosis.refuse(field.problem("is not a known word"));
    }
    idle
}

/// Ports and cells name cores that poll, and cells that are owned together name the same.
pub(super) fn across(draft: &Draft<'_>, lcores: &Lcores, diagnosis: &mut Diagnosis) {
    for port in &draft.ports {
        let core = port.value.as_ref().and_then(|port| port.lcore);
        polls(core, &port.field, lcores, diagnosis);
    }
    // By kind of peer and its position: the first cell that names a core, and the core.
    let mut seen: HashMap<(u8, usize), (&str, u16)> = HashMap::new();
    for item in &draft.cells {
        let Some(cell) = &item.value else { continue };
        let Some(core) = cell.lcore else { continue };
        polls(Some(core), &item.field, lcores, diagnosis);
        let strayed = peers(cell).find_map(|peer| {
            let (other, known) = *seen.entry(peer).or_insert((item.name, core));
            (known != core).then_some((other, known))
        });
        if let Some((other, known)) = strayed {
            apart(item, other, known, diagnosis);
        }
    }
}

fn polls(core: Option<u16>, field: &Field<'_>, lcores: &Lcores, diagnosis: &mut Diagnosis) {
    if core.is_none_or(|core| lcores.position(core).is_some()) {
        return;
    }
    let cores: Vec<String> = lcores.cores.iter().map(u16::to_string).collect();
    let cores: Vec<&str> = cores.iter().map(String::as_str).collect();
    let field = field.below(&["lcore"]);
    let problem = field.problem("is not one of lcores.cores");
    diagnosis.refuse(problem.accepted(listing(&cores)));
}

/// The peers of a cell, told apart by the first number.
fn peers(cell: &Cell) -> impl Iterator<Item = (u8, usize)> + '_ {
    let members = || cell.members.iter();
    let dus = members().filter_map(|member| Some((1, member.du?)));
    let phys = members().filter_map(|member| Some((3, member.phy?)));
    let l2 = cell.fapi.as_ref().map(|fapi| (2, fapi.l2));
    let ru = cell.ru.map(|ru| (0, ru));
    ru.into_iter().chain(dus).chain(l2).chain(phys)
}

fn apart(item: &Item<'_, Cell>, other: &str, known: u16, diagnosis: &mut Diagnosis) {
    let what = format!("parts it from cell {other}, with which it shares a peer");
    let field = item.field.below(&["lcore"]);
    diagnosis.refuse(field.problem(what).accepted(known.to_string()));
}

/// Cores are numbered by the kernel; more than it can have today.
const LAST_CORE: i64 = 1023;

/// The core of an lcore.
pub(super) const CORE: Accepts = Accepts::Integer {
    min: 0,
    max: LAST_CORE,
};

pub(in crate::config) const LCORES: Table = Table {
    path: "lcores",
    about: "On which cores `run` polls, and with which memory; see [lcores](lcores.md). `replay` reads \
            none of it.",
    keys: &[
        Key::absent(
            "cores",
            Accepts::Form("list of 1 to 64 different cores"),
            "",
            "one lcore, on the last core that the process may use",
            "One lcore on each core, the main lcore on the first. Control threads keep off them.",
        ),
        Key::default(
            "idle",
            Accepts::Form("spin, pause or sleep, or a list with one of them for each core"),
            "",
            "sleep",
            "When nothing comes: poll again at once; after a PAUSE instruction; or, once nothing has come \
             for 1 ms, sleep for 50 us at a time.",
        ),
        Key::default(
            "hugepages",
            FLAG,
            "",
            "false",
            "Buffers in huge pages, which a NIC needs; without them nothing has to be reserved.",
        ),
        Key::absent(
            "memory",
            Accepts::Integer {
                min: 64,
                max: 1_048_576,
            },
            "MiB",
            "what the ports' buffers need; with huge pages as much as is asked for",
            "Memory of EAL.",
        ),
        Key::default(
            "lock_memory",
            FLAG,
            "",
            "true",
            "Keep every page of the process in memory, so that no frame waits for one. Where that is not \
             allowed, `run` warns and goes on.",
        ),
    ],
};
