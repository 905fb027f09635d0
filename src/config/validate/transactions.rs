//! Servers, transactions and drivers.

use super::Names;
use crate::config::keys::{Accepts, Key, Table};
use crate::config::model::{Deadlines, Driver, Drivers, Server, Transactions};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::ran::Duration;
use std::collections::HashMap;
use std::path::PathBuf;

/// The servers of the file; a DU or PHY is on one of them at most.
pub(super) fn servers(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<Server>> {
    if field.is_none() {
        return Some(Vec::new());
    }
    let entries = field.entries(diagnosis)?;
    let mut homes: HashMap<(bool, usize), &str> = HashMap::new();
    let mut all = Vec::new();
    for (name, field) in &entries {
        let server = server(name, field, names, diagnosis);
        let Some(server) = server else { continue };
        let dus = server.dus.iter().map(|du| (false, *du));
        let phys = server.phys.iter().map(|phy| (true, *phy));
        for thing in dus.chain(phys) {
            if let Some(other) = homes.insert(thing, name) {
                let what = format!("names a DU or PHY that server {other} has already");
                diagnosis.refuse(field.problem(what).accepted("each on one server"));
            }
        }
        all.push(server);
    }
    (all.len() == entries.len()).then_some(all)
}

fn server(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Server> {
    if !super::is_name(name) {
        diagnosis.refuse(field.problem("is no usable name").accepted(super::NAME));
        return None;
    }
    let section = Section::open(field, SERVER.keys, diagnosis)?;
    let dus = section.read("dus", diagnosis, |field, d| {
        field.list(d, |item, d| item.reference("DU", &names.dus, d))
    });
    let phys = section.read("phys", diagnosis, |field, d| {
        field.list(d, |item, d| item.reference("PHY", &names.phys, d))
    });
    let (dus, phys) = (dus?, phys?);
    if dus.is_empty() && phys.is_empty() {
        diagnosis.refuse(field.problem("carries nothing").accepted("a DU or a PHY"));
        return None;
    }
    Some(Server {
        name: name.to_owned(),
        dus,
        phys,
    })
}

pub(super) fn transactions(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Transactions> {
    let section = Section::open(field, TRANSACTIONS.keys, diagnosis)?;
    let deadlines = section.read("deadlines", diagnosis, deadlines);
    let at_deadline = section.read("at_deadline", diagnosis, Field::word);
    let parallel = section.read("parallel", diagnosis, Field::integer::<usize>);
    let lead = section.read("lead", diagnosis, Field::duration);
    let aligned = section.optional("aligned_within", diagnosis, Field::duration);
    let join = section.read("join_within", diagnosis, Field::duration);
    let rest = section.read("rest_of_server", diagnosis, Field::word);
    let journal = section.read("journal", diagnosis, journal);
    Some(Transactions {
        deadlines: deadlines?,
        switch_at_deadline: at_deadline? == "switch",
        parallel: parallel?,
        lead: lead?,
        aligned_within: aligned?,
        join_within: join?,
        move_rest: rest? == "move",
        journal: journal?,
    })
}

fn deadlines(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Deadlines> {
    let section = Section::open(field, DEADLINES.keys, diagnosis)?;
    let mut read = |key: &str| section.read(key, diagnosis, Field::duration);
    let preparing = read("preparing");
    let sharing = read("sharing");
    let moving_ues = read("moving_ues");
    let switching = read("switching");
    let confirming = read("confirming");
    let rolling_back = read("rolling_back");
    Some(Deadlines {
        preparing: preparing?,
        sharing: sharing?,
        moving_ues: moving_ues?,
        switching: switching?,
        confirming: confirming?,
        rolling_back: rolling_back?,
    })
}

fn journal(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Option<PathBuf>> {
    if field.is_none() {
        return Some(None);
    }
    let path = PathBuf::from(field.text(diagnosis)?);
    if !path.is_absolute() || path.file_name().is_none() {
        diagnosis.refuse(field.problem("is no absolute path of a file"));
        return None;
    }
    Some(Some(path))
}

pub(super) fn drivers(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Drivers> {
    let section = Section::open(field, DRIVERS.keys, diagnosis)?;
    let member = section.read("member", diagnosis, driver);
    let pattern = section.read("pattern", diagnosis, driver);
    let ues = section.read("ues", diagnosis, driver);
    Some(Drivers {
        member: member?,
        pattern: pattern?,
        ues: ues?,
    })
}

fn driver(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Driver> {
    if field.is_single() {
        if field.text(diagnosis)? == "manual" {
            return Some(Driver::Manual);
        }
        diagnosis.refuse(field.problem("is no driver"));
        return None;
    }
    let section = Section::open(field, DRIVER.keys, diagnosis)?;
    let webhook = section.optional("webhook", diagnosis, url);
    let command = section.optional("command", diagnosis, argv);
    let timeout = section.read("timeout", diagnosis, Field::duration);
    let timeout: Duration = timeout?;
    match (webhook?, command?) {
        (Some(url), None) => Some(Driver::Webhook { url, timeout }),
        (None, Some(argv)) => Some(Driver::Command { argv, timeout }),
        _ => {
            let problem = field.problem("is not one driver");
            diagnosis.refuse(problem.accepted("webhook or command, one of them"));
            None
        }
    }
}

fn url(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<String> {
    let text = field.text(diagnosis)?;
    let rest = text.strip_prefix("http://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let plain = text.chars().all(|c| c.is_ascii_graphic());
    if host.is_empty() || host.contains('@') || !plain {
        diagnosis.refuse(field.problem("is no URL that can be called"));
        return None;
    }
    Some(text.to_owned())
}

fn argv(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Vec<String>> {
    let argv = field.list(diagnosis, |item, d| item.text(d).map(str::to_owned))?;
    let program = argv.first().map(PathBuf::from);
    if !program.is_some_and(|program| program.is_absolute()) {
        diagnosis.refuse(field.problem("names no program by its absolute path"));
        return None;
    }
    Some(argv)
}

const LIST: Accepts = Accepts::Form("a list of names");
const DRIVER_FORM: Accepts = Accepts::Form(
    "manual, {webhook: URL, timeout: 2s} or {command: [PROGRAM, ARGUMENT], timeout: 2s}",
);

const fn span(max_s: u64) -> Accepts {
    Accepts::Duration {
        min_ns: 1_000_000,
        max_ns: max_s * 1_000_000_000,
    }
}

pub(in crate::config) const SERVER: Table = Table {
    path: "servers.NAME",
    about: "A server: what runs on it is lost together and drained together. Each DU and PHY is on one of them at most; \
            one that is on none counts as a server of its own.",
    keys: &[
        Key::default("dus", LIST, "", "[]", "DUs that run on it."),
        Key::default("phys", LIST, "", "[]", "PHYs that run on it."),
    ],
};

pub(in crate::config) const TRANSACTIONS: Table = Table {
    path: "transactions",
    about: "How cells are moved, servers drained and failures followed up; see [transactions](transactions.md).",
    keys: &[
        Key::default(
            "deadlines",
            Accepts::Form("a mapping"),
            "",
            "{}",
            "How long each phase may take.",
        ),
        Key::default(
            "at_deadline",
            Accepts::Words(&["switch", "roll_back"]),
            "",
            "roll_back",
            "What follows when UEs are left at the deadline of moving_ues.",
        ),
        Key::default(
            "parallel",
            Accepts::Integer { min: 1, max: 64 },
            "cells",
            "2",
            "Cells of a drain under way at once.",
        ),
        Key::default(
            "lead",
            span(10),
            "",
            "20ms",
            "From the command to the instant at which several cells switch together.",
        ),
        Key::absent(
            "aligned_within",
            Accepts::Duration {
                min_ns: 1_000,
                max_ns: 10_000_000,
            },
            "",
            "not checked",
            "Most by which the mean liveness margins of source and destination may differ.",
        ),
        Key::default(
            "join_within",
            span(10),
            "",
            "50ms",
            "Losses within this of the first are one failure, if they are of one server.",
        ),
        Key::default(
            "rest_of_server",
            Accepts::Words(&["report", "move"]),
            "",
            "report",
            "What becomes of cells that still have an active member on a server of which another cell was lost.",
        ),
        Key::default(
            "journal",
            Accepts::Form("absolute path of a file, or none"),
            "",
            "none",
            "What a process that is started again goes on from; on a disk, its folder must exist. With none, open \
             transactions end with the process.",
        ),
    ],
};

pub(in crate::config) const DEADLINES: Table = Table {
    path: "transactions.deadlines",
    about: "What is not done by then is rolled back, or completed where there is no way back.",
    keys: &[
        Key::default(
            "preparing",
            span(3_600),
            "",
            "5s",
            "Checks hold, and drivers have started the destination.",
        ),
        Key::default(
            "sharing",
            span(60),
            "",
            "1s",
            "The first shared slot is on air.",
        ),
        Key::default("moving_ues", span(86_400), "", "60s", "All UEs are moved."),
        Key::default(
            "switching",
            span(60),
            "",
            "100ms",
            "The switch, counted from the boundary that was answered.",
        ),
        Key::default("confirming", span(60), "", "1s", "The destination speaks."),
        Key::default(
            "rolling_back",
            span(3_600),
            "",
            "5s",
            "All cells are where they were; of a failure, that every cell is taken over.",
        ),
    ],
};

pub(in crate::config) const DRIVERS: Table = Table {
    path: "drivers",
    about: "Whom a transaction calls for what the appliance cannot do itself; see [transactions](transactions.md).",
    keys: &[
        Key::default(
            "member",
            DRIVER_FORM,
            "",
            "manual",
            "Starts the destination, and stops it again if nothing comes of it.",
        ),
        Key::default(
            "pattern",
            DRIVER_FORM,
            "",
            "manual",
            "Tells both MACs the slot pattern before they share.",
        ),
        Key::default(
            "ues",
            DRIVER_FORM,
            "",
            "manual",
            "Moves UEs from source to destination, and says how many are left.",
        ),
    ],
};

pub(in crate::config) const DRIVER: Table = Table {
    path: "drivers.member, drivers.pattern, drivers.ues",
    about: "One of webhook and command.",
    keys: &[
        Key::absent(
            "webhook",
            Accepts::Form("http://HOST[:PORT]/PATH"),
            "",
            "not called",
            "Gets the call as a POST of JSON.",
        ),
        Key::absent(
            "command",
            Accepts::Form("a list: absolute path of a program, its arguments"),
            "",
            "not called",
            "Gets the call as JSON on standard input. No shell is involved.",
        ),
        Key::default(
            "timeout",
            span(600),
            "",
            "2s",
            "By then the whole answer must be there.",
        ),
    ],
};
