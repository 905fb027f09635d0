//! From the tree to the typed configuration: every section is read, then what spans sections is
//! judged on whatever could be read, so that one run reports every problem.

mod antenna_ports;
mod api;
mod bridge;
mod broadcast;
mod carrier;
mod cell;
mod failover;
mod fapi;
mod lcores;
mod log;
mod members;
mod midhaul;
mod peers;
mod recorder;
mod rules;
mod sharing;
mod state;
mod timing;
mod transactions;

use super::keys::{Accepts, Key, Table};
use super::model::{Cell, Config, Cu, Du, FapiPeer, MAX_CELLS, MAX_PEERS, MAX_PORTS, Peer, Port};
use super::source::fields::{Field, Section};
use super::source::problem::Diagnosis;
use super::source::tree::{Node, shorten};

pub(super) use peers::stack;
pub(super) use sharing::slot_pattern;

/// The configuration in `root`, or nothing and at least one problem.
pub(super) fn config(root: &Node, diagnosis: &mut Diagnosis) -> Option<Config> {
    let file = Section::open(&Field::root(root, &FILE_KEY), FILE.keys, diagnosis)?;
    let ports = named(&file, "ports", MAX_PORTS, diagnosis);
    let rus = named(&file, "rus", MAX_PEERS, diagnosis);
    let dus = named(&file, "dus", MAX_PEERS, diagnosis);
    let cus = named(&file, "cus", MAX_PEERS, diagnosis);
    let l2s = named(&file, "l2s", MAX_PEERS / 2, diagnosis);
    let phys = named(&file, "phys", MAX_PEERS / 2, diagnosis);
    let cells = named(&file, "cells", MAX_CELLS, diagnosis);
    let names = Names {
        ports: ports.iter().map(|(name, _)| *name).collect(),
        rus: rus.iter().map(|(name, _)| *name).collect(),
        dus: dus.iter().map(|(name, _)| *name).collect(),
        cus: cus.iter().map(|(name, _)| *name).collect(),
        l2s: l2s.iter().map(|(name, _)| *name).collect(),
        phys: phys.iter().map(|(name, _)| *name).collect(),
    };
    let draft = Draft {
        ports: items(ports, diagnosis, peers::port),
        rus: items(rus, diagnosis, |name, field, d| {
            peers::ru(name, field, &names, d)
        }),
        dus: items(dus, diagnosis, |name, field, d| {
            peers::du(name, field, &names, d)
        }),
        cus: items(cus, diagnosis, |name, field, d| {
            midhaul::cu(name, field, &names, d)
        }),
        l2s: items(l2s, diagnosis, |name, field, d| {
            fapi::l2(name, field, &names, d)
        }),
        phys: items(phys, diagnosis, |name, field, d| {
            fapi::phy(name, field, &names, d)
        }),
        cells: items(cells, diagnosis, |name, field, d| {
            cell::cell(name, field, &names, d)
        }),
    };
    let bridge = file.read("bridge", diagnosis, |field, d| {
        bridge::bridge(field, &names, d)
    });
    let servers = file.read("servers", diagnosis, |field, d| {
        transactions::servers(field, &names, d)
    });
    let transactions = file.read("transactions", diagnosis, transactions::transactions);
    let drivers = file.read("drivers", diagnosis, transactions::drivers);
    let ecpri = file.read("ecpri", diagnosis, bridge::ecpri);
    let lcores = file.read("lcores", diagnosis, lcores::lcores);
    let api = file.read("api", diagnosis, api::api);
    let log = file.read("log", diagnosis, log::log);
    let state = file.read("state", diagnosis, state::state);
    let recorder = file.read("recorder", diagnosis, recorder::recorder);
    rules::across(&draft, diagnosis);
    midhaul::across(&draft, diagnosis);
    if let Some(lcores) = &lcores {
        lcores::across(&draft, lcores, diagnosis);
    }
    if let Some(bridge) = &bridge {
        rules::hosts(&draft, bridge, &file, diagnosis);
    }
    Some(Config {
        ports: values(draft.ports)?,
        rus: values(draft.rus)?,
        dus: values(draft.dus)?,
        cus: values(draft.cus)?,
        l2s: values(draft.l2s)?,
        phys: values(draft.phys)?,
        cells: values(draft.cells)?,
        servers: servers?,
        transactions: transactions?,
        drivers: drivers?,
        bridge: bridge?,
        ecpri: ecpri?,
        lcores: lcores?,
        api: api?,
        log: log?,
        state: state?,
        recorder: recorder?,
    })
}

/// Names that may be referred to; the position is the id.
pub(super) struct Names<'t> {
    pub(super) ports: Vec<&'t str>,
    pub(super) rus: Vec<&'t str>,
    pub(super) dus: Vec<&'t str>,
    pub(super) cus: Vec<&'t str>,
    pub(super) l2s: Vec<&'t str>,
    pub(super) phys: Vec<&'t str>,
}

/// A named object: where it is written, and its value if it could be read.
struct Item<'t, T> {
    name: &'t str,
    field: Field<'t>,
    value: Option<T>,
}

/// Everything read so far; what is wrong is missing.
struct Draft<'t> {
    ports: Vec<Item<'t, Port>>,
    rus: Vec<Item<'t, Peer>>,
    dus: Vec<Item<'t, Du>>,
    cus: Vec<Item<'t, Cu>>,
    l2s: Vec<Item<'t, FapiPeer>>,
    phys: Vec<Item<'t, FapiPeer>>,
    cells: Vec<Item<'t, Cell>>,
}

fn items<'t, T>(
    named: Vec<(&'t str, Field<'t>)>,
    diagnosis: &mut Diagnosis,
    mut read: impl FnMut(&str, &Field<'t>, &mut Diagnosis) -> Option<T>,
) -> Vec<Item<'t, T>> {
    let item = |(name, field): (&'t str, Field<'t>)| {
        let value = read(name, &field, diagnosis);
        Item { name, field, value }
    };
    named.into_iter().map(item).collect()
}

fn values<T>(items: Vec<Item<'_, T>>) -> Option<Vec<T>> {
    items.into_iter().map(|item| item.value).collect()
}

/// The objects of one section by name: at least one, at most `most`.
fn named<'t>(
    file: &Section<'t>,
    key: &str,
    most: usize,
    diagnosis: &mut Diagnosis,
) -> Vec<(&'t str, Field<'t>)> {
    let Some(section) = file.field(key) else {
        return Vec::new();
    };
    let entries = section.entries(diagnosis).unwrap_or_default();
    if entries.is_empty() && !section.is_single() && !section.is_list() {
        diagnosis.refuse(section.problem("is empty").accepted("at least one"));
    }
    if entries.len() > most {
        diagnosis.refuse(
            section
                .problem("has too many entries")
                .accepted(format!("at most {most}")),
        );
    }
    for (name, field) in &entries {
        if !is_name(name) {
            diagnosis.refuse(
                field
                    .problem("is no usable name")
                    .found(shorten(name))
                    .accepted(NAME),
            );
        }
    }
    entries
}

/// Names appear in file names, dotted counters and URLs.
fn is_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(legal)
        && name != "none"
}

const NAME: &str =
    "1 to 63 letters, digits, hyphens and underscores, the first a letter or digit; not none";

const NAMED: Accepts = Accepts::Form("a mapping of names");

static FILE_KEY: Key = Key::required("", Accepts::Form("a mapping"), "", "The file.");

pub(super) const FILE: Table = Table {
    path: "",
    about: "The file itself.",
    keys: &[
        Key::required("ports", NAMED, "", "Ports of the appliance."),
        Key::absent("rus", NAMED, "", "none", "Radio units."),
        Key::absent("dus", NAMED, "", "none", "Distributed units."),
        Key::absent("cus", NAMED, "", "none", "CUs of the DUs, on the midhaul."),
        Key::absent("l2s", NAMED, "", "none", "L2s that speak nFAPI."),
        Key::absent("phys", NAMED, "", "none", "PHYs that speak nFAPI."),
        Key::required(
            "cells",
            NAMED,
            "",
            "Cells: each an RU, an L2 or both, served by a group of DUs, PHYs or both.",
        ),
        Key::default(
            "servers",
            Accepts::Form("a mapping of names, or none"),
            "",
            "none",
            "Servers and what runs on them.",
        ),
        Key::default(
            "transactions",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "How cells are moved, servers drained and failures followed up.",
        ),
        Key::default(
            "drivers",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "Whom transactions call for what the appliance cannot do itself.",
        ),
        Key::default(
            "bridge",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "What happens to frames that are not C- or U-plane.",
        ),
        Key::default(
            "ecpri",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "How strictly eCPRI is read.",
        ),
        Key::default(
            "lcores",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "On which cores `run` polls, and with which memory.",
        ),
        Key::default(
            "api",
            Accepts::Form("a mapping, or none"),
            "",
            "{}",
            "Where people and programs see and command the appliance.",
        ),
        Key::default(
            "log",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "What `run` logs, and how.",
        ),
        Key::default(
            "state",
            Accepts::Form("a mapping, or none"),
            "",
            "none",
            "What survives the process of `run`.",
        ),
        Key::default(
            "recorder",
            Accepts::Form("a mapping, or none"),
            "",
            "{}",
            "What is kept of the last frames of each cell.",
        ),
    ],
};

/// Tables of the configuration file, in the order of the reference.
pub(super) const TABLES: &[&Table] = &[
    &FILE,
    &peers::PORT,
    &peers::RU,
    &peers::DU,
    &midhaul::F1_TABLE,
    &midhaul::CU,
    &midhaul::ENCAPSULATION,
    &fapi::L2,
    &fapi::PHY,
    &peers::PLANES,
    &peers::TRANSPORT,
    &peers::UDP,
    &cell::CELL,
    &cell::PHY_CELL,
    &carrier::STREAMS,
    &carrier::BOTH_COMPRESSIONS,
    &carrier::COMPRESSION,
    &timing::TIME,
    &timing::WINDOWS,
    &timing::PERIODS,
    &fapi::FAPI,
    &fapi::P5_TABLE,
    &members::MEMBER,
    &members::PHY_MEMBER,
    &members::LIVENESS,
    &members::DECLARED,
    &failover::FAILOVER,
    &sharing::SHARING,
    &broadcast::BROADCAST,
    &sharing::ADAPTIVE,
    &sharing::PRB_USE,
    &sharing::EXPONENTS,
    &transactions::SERVER,
    &transactions::TRANSACTIONS,
    &transactions::DEADLINES,
    &transactions::DRIVERS,
    &transactions::DRIVER,
    &bridge::BRIDGE,
    &bridge::HOST,
    &bridge::ECPRI,
    &lcores::LCORES,
    &api::API,
    &api::TLS,
    &log::LOG,
    &state::STATE,
    &recorder::RECORDER,
];
