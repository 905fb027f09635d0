//! What happens to frames that are not C- or U-plane, and how strictly eCPRI is read.

use super::Names;
use crate::config::keys::{Accepts, Key, MAC, Table};
use crate::config::model::{Bridge, EcpriPolicy, Pass};
use crate::config::source::fields::{Field, Section, listing, with_hint};
use crate::config::source::nearest::nearest;
use crate::config::source::problem::{Diagnosis, Problem};
use crate::config::source::tree::shorten;
use crate::ran::{MacAddr, PortId};
use std::collections::HashSet;

pub(super) fn bridge(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Bridge> {
    let section = Section::open(field, BRIDGE.keys, diagnosis)?;
    let flood = section.read("flood", diagnosis, |field, d| flood(field, names, d));
    let hosts = section.read("hosts", diagnosis, |field, d| hosts(field, names, d));
    let ptp = section.read("ptp", diagnosis, pass);
    let link_local = section.read("link_local", diagnosis, pass);
    let other = section.read("other", diagnosis, pass);
    Some(Bridge {
        flood: flood?,
        hosts: hosts?,
        ptp: ptp?,
        link_local: link_local?,
        other: other?,
    })
}

/// By ingress port; ports that are not named flood to nowhere.
fn flood(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<Vec<PortId>>> {
    let mut by_port = vec![Vec::new(); names.ports.len()];
    for (name, field) in field.entries(diagnosis)? {
        let Some(ingress) = names.ports.iter().position(|port| *port == name) else {
            let what = with_hint("names no port", nearest(name, names.ports.iter().copied()));
            let problem = Problem::new(field.mark, &field.path, what).found(shorten(name));
            diagnosis.refuse(problem.accepted(listing(&names.ports)));
            continue;
        };
        let mut seen = HashSet::new();
        let goals = field.list(diagnosis, |item, diagnosis| {
            let goal = names.port(item, diagnosis)?;
            if goal.index() == ingress {
                let accepted = "other ports than the one a frame came from";
                diagnosis.refuse(
                    item.problem("is the ingress port itself")
                        .accepted(accepted),
                );
            }
            if !seen.insert(goal) {
                diagnosis.refuse(item.problem("is named twice").accepted("each port once"));
            }
            Some(goal)
        });
        if let (Some(slot), Some(goals)) = (by_port.get_mut(ingress), goals) {
            *slot = goals;
        }
    }
    Some(by_port)
}

fn hosts(
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Vec<(MacAddr, PortId)>> {
    let mut seen = HashSet::new();
    field.list(diagnosis, |item, diagnosis| {
        let section = Section::open(item, HOST.keys, diagnosis)?;
        let mac = section.read("mac", diagnosis, Field::mac);
        let port = section.read("port", diagnosis, |field, d| names.port(field, d));
        let mac = mac?;
        if !seen.insert(mac) {
            section.refuse("mac", diagnosis, |field| {
                field
                    .problem("is named twice")
                    .accepted("each address once")
            });
        }
        Some((mac, port?))
    })
}

pub(super) fn ecpri(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<EcpriPolicy> {
    let section = Section::open(field, ECPRI.keys, diagnosis)?;
    let size = section.read("size", diagnosis, Field::word);
    let reserved_types = section.read("reserved_types", diagnosis, pass);
    let vendor_types = section.read("vendor_types", diagnosis, pass);
    Some(EcpriPolicy {
        lenient_size: size? == "lenient",
        reserved_types: reserved_types?,
        vendor_types: vendor_types?,
    })
}

fn pass(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Pass> {
    match field.word(diagnosis)? {
        "pass" => Some(Pass::Pass),
        _ => Some(Pass::Drop),
    }
}

const PASS: Accepts = Accepts::Words(&["pass", "drop"]);

pub(in crate::config) const BRIDGE: Table = Table {
    path: "bridge",
    about: "Frames that are not C- or U-plane: passed by destination MAC, or dropped and counted.",
    keys: &[
        Key::default(
            "flood",
            Accepts::Form("a mapping of port to list of ports"),
            "",
            "{}",
            "Where frames with unknown or group destination go, by ingress port; a port that is not \
             named floods to nowhere.",
        ),
        Key::default(
            "hosts",
            Accepts::Form("list of {mac: ..., port: ...}"),
            "",
            "[]",
            "Stations beside the configured RUs and DUs.",
        ),
        Key::default(
            "ptp",
            PASS,
            "",
            "pass",
            "PTP (0x88F7). Its accuracy suffers in a software hop: better let it bypass the box.",
        ),
        Key::default(
            "link_local",
            PASS,
            "",
            "drop",
            "Slow protocols, LLDP, 802.1X.",
        ),
        Key::default(
            "other",
            PASS,
            "",
            "pass",
            "Unknown EtherType, or more than two tags.",
        ),
    ],
};

pub(in crate::config) const HOST: Table = Table {
    path: "bridge.hosts[]",
    about: "One station.",
    keys: &[
        Key::required("mac", MAC, "", "Its address."),
        Key::required("port", Accepts::Form("name of a port"), "", "Where it is."),
    ],
};

pub(in crate::config) const ECPRI: Table = Table {
    path: "ecpri",
    about: "How strictly eCPRI is read.",
    keys: &[
        Key::default(
            "size",
            Accepts::Words(&["strict", "lenient"]),
            "",
            "strict",
            "`lenient` takes the bytes left in the frame when ecpriPayload is 0 or too large and the \
             message is the last of its frame.",
        ),
        Key::default("reserved_types", PASS, "", "drop", "eCPRI types 12 to 63."),
        Key::default("vendor_types", PASS, "", "pass", "eCPRI types 64 to 255."),
    ],
};
