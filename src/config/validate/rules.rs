//! Rules across objects: addresses that collide, transports that do not fit, DUs in two places.
//!
//! Judged on everything that could be read, so that a mistake elsewhere hides nothing here.

use super::{Draft, Item};
use crate::config::model::{Attachment, Bridge, Cell, Dialect, FapiPeer, Peer, Streams, Transport};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::{Diagnosis, Problem};
use crate::ran::{Direction, EaxcId};
use std::collections::{HashMap, HashSet};

pub(super) fn across(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    devices(draft, diagnosis);
    addresses(draft, diagnosis);
    for cell in &draft.cells {
        transports(draft, cell, diagnosis);
        dialects(draft, cell, diagnosis);
    }
    streams(draft, diagnosis);
    pooled(draft, diagnosis);
    idle(draft, diagnosis);
}

/// Two ports cannot open one device.
fn devices(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for port in &draft.ports {
        let device = port
            .value
            .as_ref()
            .and_then(|value| value.device.as_deref());
        let Some(device) = device.and_then(|text| text.split(',').next()) else {
            continue;
        };
        if let Some(other) = seen.insert(device, port.name) {
            let what = format!("is the device of port {other} already");
            let field = port.field.below(&["device"]);
            refuse(&field, what, "a device of its own for each port", diagnosis);
        }
    }
}

/// A frame must tell its sender by port, source MAC and VLAN ids.
fn addresses(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    let mut seen = HashMap::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let cus = draft.cus.iter().map(|item| {
        let name = Name {
            name: item.name,
            field: &item.field,
        };
        ("a CU", name, None)
    });
    for (kind, item, peer) in peers(draft).chain(cus) {
        if let Some(other) = names.insert(item.name, kind) {
            let what = format!("is the name of {other} already");
            refuse(
                item.field,
                what,
                "a name of its own for each peer",
                diagnosis,
            );
        }
        let Some(peer) = peer else { continue };
        let planes: HashSet<_> = [peer.vlan_control, peer.vlan_user].into();
        for vlan in planes {
            let Some(other) = seen.insert((peer.port, peer.mac, vlan), item.name) else {
                continue;
            };
            let what = format!("is the address of {other} too, on the same port and VLAN ({vlan})");
            let accepted = "port, mac and vlan that together belong to one peer";
            refuse(&item.field.below(&["mac"]), what, accepted, diagnosis);
        }
    }
}

fn peers<'d, 't>(
    draft: &'d Draft<'t>,
) -> impl Iterator<Item = (&'static str, Name<'d, 't>, Option<&'d Peer>)> {
    let rus = draft.rus.iter().map(|item| {
        let name = Name {
            name: item.name,
            field: &item.field,
        };
        ("an RU", name, item.value.as_ref())
    });
    let dus = draft.dus.iter().map(|item| {
        let name = Name {
            name: item.name,
            field: &item.field,
        };
        ("a DU", name, item.value.as_ref().map(|du| &du.peer))
    });
    let fapi = |kind: &'static str, items: &'d [Item<'t, FapiPeer>]| {
        items.iter().map(move |item| {
            let name = Name {
                name: item.name,
                field: &item.field,
            };
            (kind, name, item.value.as_ref().map(|peer| &peer.peer))
        })
    };
    let l2s = fapi("an L2", &draft.l2s);
    rus.chain(dus).chain(l2s).chain(fapi("a PHY", &draft.phys))
}

/// A peer's name and place.
struct Name<'d, 't> {
    name: &'t str,
    field: &'d Field<'t>,
}

/// Frames are rewritten in place between the RU and its DUs: the headers must be of one kind.
fn transports(draft: &Draft<'_>, item: &Item<'_, Cell>, diagnosis: &mut Diagnosis) {
    let Some(cell) = &item.value else { return };
    let Some(ru) = cell.ru.and_then(|ru| draft.rus.get(ru)) else {
        return;
    };
    let Some(peer) = &ru.value else { return };
    for member in &cell.members {
        let Some(du) = member.du.and_then(|du| draft.dus.get(du)) else {
            continue;
        };
        let Some(value) = &du.value else { continue };
        let (at_ru, at_du) = (kind(peer.transport), kind(value.peer.transport));
        if at_ru == at_du {
            continue;
        }
        let what = format!(
            "is reached over {at_du} and {} over {at_ru}: headers are rewritten, not exchanged",
            ru.name
        );
        let field = item.field.below(&["members", du.name]);
        refuse(
            &field,
            what,
            "one transport for all endpoints of a cell",
            diagnosis,
        );
    }
}

/// Bodies pass as they are: the peers of a cell write them alike, with a P5 proxy under headers that have a
/// transport for P5.
fn dialects(draft: &Draft<'_>, item: &Item<'_, Cell>, diagnosis: &mut Diagnosis) {
    let Some(cell) = &item.value else { return };
    let Some(fapi) = &cell.fapi else { return };
    let l2 = draft.l2s.get(fapi.l2);
    let Some(l2) = l2.and_then(|l2| l2.value.as_ref()) else {
        return;
    };
    let plain = |dialect| matches!(dialect, Dialect::FapiBig | Dialect::FapiLittle);
    if fapi.p5.is_some() && plain(l2.dialect) {
        let field = item.field.below(&["fapi", "p5"]);
        let what = "has no transport in the dialect of the L2, plain FAPI".to_owned();
        refuse(&field, what, "no p5, or oai-nfapi or scf225v2", diagnosis);
    }
    let phys = cell
        .members
        .iter()
        .filter_map(|one| draft.phys.get(one.phy?));
    for phy in phys {
        let Some(value) = &phy.value else { continue };
        let (what, accepted) = if value.bodies != l2.bodies {
            (
                "has other bodies than those of the L2, and nothing translates them",
                "one kind of bodies in a cell; between two halves scf225v2 and `bodies` as the L2 has them",
            )
        } else if fapi.p5.is_some() && value.dialect != l2.dialect {
            (
                "writes P5 in another dialect than the L2",
                "the L2's dialect, or no p5",
            )
        } else {
            continue;
        };
        let field = phy.field.below(&["dialect"]);
        refuse(&field, what.to_owned(), accepted, diagnosis);
    }
}

fn kind(transport: Transport) -> &'static str {
    match transport {
        Transport::Ethernet => "Ethernet",
        Transport::Udp { peer, .. } if peer.is_ipv4() => "UDP and IPv4",
        Transport::Udp { .. } => "UDP and IPv6",
    }
}

/// An eAxC id at an RU or a dedicated DU tells the cell.
fn streams(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    let mut at_rus = HashMap::new();
    let mut at_dus = HashMap::new();
    for item in &draft.cells {
        let Some(cell) = &item.value else { continue };
        if let Some(ru) = cell.ru.and_then(|ru| draft.rus.get(ru)) {
            let field = item.field.below(&["eaxc"]);
            claim(
                &mut at_rus,
                (ru.name, item.name),
                &cell.streams,
                &field,
                diagnosis,
            );
        }
        for member in &cell.members {
            let Some(du) = member.du.and_then(|du| draft.dus.get(du)) else {
                continue;
            };
            let dedicated = |du: &&crate::config::model::Du| du.attachment == Attachment::Dedicated;
            if du.value.as_ref().filter(dedicated).is_none() {
                continue;
            }
            let field = item.field.below(&["members", du.name, "eaxc"]);
            claim(
                &mut at_dus,
                (du.name, item.name),
                &member.streams,
                &field,
                diagnosis,
            );
        }
    }
}

type Claims<'t> = HashMap<(&'t str, Direction, EaxcId), &'t str>;

/// Claims every stream of `(peer, cell)`; streams of another cell are refused, all in one problem.
fn claim<'t>(
    claims: &mut Claims<'t>,
    (peer, cell): (&'t str, &'t str),
    streams: &Streams,
    field: &Field<'_>,
    diagnosis: &mut Diagnosis,
) {
    let downlink = streams.downlink.iter().map(|id| (Direction::Downlink, *id));
    let uplink = streams.uplink.iter().chain(&streams.prach);
    let uplink = uplink.map(|id| (Direction::Uplink, *id));
    let mut taken: HashMap<&str, Vec<String>> = HashMap::new();
    for (direction, id) in downlink.chain(uplink) {
        let holder = *claims.entry((peer, direction, id)).or_insert(cell);
        if holder != cell {
            let word = match direction {
                Direction::Downlink => "downlink",
                Direction::Uplink => "uplink",
            };
            taken
                .entry(holder)
                .or_default()
                .push(format!("{word} {id}"));
        }
    }
    for (holder, ids) in taken {
        let what = format!("eAxC ids of {peer} belong to {holder} already");
        let problem = Problem::new(field.mark, &field.path, what).found(ids.join(", "));
        diagnosis.refuse(problem.accepted("eAxC ids that no other cell uses at this peer"));
    }
}

/// A pooled DU serves one cell at a time.
fn pooled(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    let mut active: HashMap<usize, &str> = HashMap::new();
    for item in &draft.cells {
        let Some(cell) = &item.value else { continue };
        let Some(member) = cell.members.get(cell.active.index()) else {
            continue;
        };
        let Some((at, du)) = member.du.and_then(|at| Some((at, draft.dus.get(at)?))) else {
            continue;
        };
        if du
            .value
            .as_ref()
            .is_none_or(|du| du.attachment != Attachment::Pooled)
        {
            continue;
        }
        if let Some(other) = active.insert(at, item.name) {
            let what = format!("is pooled and active in {other} already");
            let field = item.field.below(&["active"]);
            refuse(&field, what, "another member, or a dedicated DU", diagnosis);
        }
    }
}

const IN_NO_CELL: &str = "is in no cell";

/// A peer that no cell names is probably a slip.
fn idle(draft: &Draft<'_>, diagnosis: &mut Diagnosis) {
    if draft.cells.iter().any(|cell| cell.value.is_none()) {
        return;
    }
    let cells = || draft.cells.iter().filter_map(|item| item.value.as_ref());
    let members = || cells().flat_map(|cell| &cell.members);
    let l2s = cells().filter_map(|cell| Some(cell.fapi.as_ref()?.l2));
    warn_of_idle(
        &draft.rus,
        cells().filter_map(|cell| cell.ru),
        IN_NO_CELL,
        diagnosis,
    );
    warn_of_idle(
        &draft.dus,
        members().filter_map(|one| one.du),
        IN_NO_CELL,
        diagnosis,
    );
    let cus = draft
        .dus
        .iter()
        .filter_map(|du| du.value.as_ref()?.f1.as_ref());
    let cus = cus.map(|f1| f1.cu);
    warn_of_idle(&draft.cus, cus, "has no DU", diagnosis);
    warn_of_idle(&draft.l2s, l2s, IN_NO_CELL, diagnosis);
    warn_of_idle(
        &draft.phys,
        members().filter_map(|one| one.phy),
        IN_NO_CELL,
        diagnosis,
    );
}

fn warn_of_idle<T>(
    items: &[Item<'_, T>],
    used: impl Iterator<Item = usize>,
    what: &str,
    diagnosis: &mut Diagnosis,
) {
    let used: HashSet<usize> = used.collect();
    let idle = items
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at));
    for (_, item) in idle {
        let field = &item.field;
        diagnosis.warn(Problem::new(field.mark, &field.path, what));
    }
}

/// A host beside the peers cannot have a peer's address on another port.
pub(super) fn hosts(
    draft: &Draft<'_>,
    bridge: &Bridge,
    file: &Section<'_>,
    diagnosis: &mut Diagnosis,
) {
    let Some(field) = file.field("bridge").map(|field| field.below(&["hosts"])) else {
        return;
    };
    for (index, (mac, port)) in bridge.hosts.iter().enumerate() {
        let same = |peer: &Peer| peer.mac == *mac && peer.port != *port;
        let found = peers(draft).find(|(_, _, peer)| peer.is_some_and(same));
        let Some((_, item, _)) = found else { continue };
        let at = field
            .items(diagnosis)
            .and_then(|items| items.get(index).cloned());
        let what = format!("has the address of {} on another port", item.name);
        let field = at.unwrap_or_else(|| field.clone());
        refuse(&field, what, "addresses that no RU or DU has", diagnosis);
    }
}

pub(super) fn refuse(field: &Field<'_>, what: String, accepted: &str, diagnosis: &mut Diagnosis) {
    diagnosis.refuse(Problem::new(field.mark, &field.path, what).accepted(accepted));
}
