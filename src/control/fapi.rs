//! The FAPI plane from what is meant to what an lcore reads.

use crate::config::model::{Bodies, Cell, Config, Dialect, Fapi, FapiPeer, Member, Transport};
use crate::control::template::template;
use crate::dataplane::tables::{
    FapiTables, OwnAddress, P7Address, P7Entry, PeerEntry, PeerKind, PhyTables, Tables,
};
use crate::planes::fapi::group::GroupRules;
use crate::planes::fapi::ticker::TickerRules;
use crate::ran::{PeerId, Plane};
use crate::wire::nfapi::limits::Limits;
use crate::wire::nfapi::{self, Check, Encoding, PhyId};
use std::net::{IpAddr, Ipv4Addr};

/// The plane of `cell`, if it crosses the appliance.
pub(super) fn tables(config: &Config, cell: &Cell) -> Option<FapiTables> {
    let fapi = cell.fapi.as_ref()?;
    let phy = |member: &Member| PhyTables {
        peer: member.phy.map(|at| phy(config, at)).unwrap_or_default(),
        slot_offset: member.slot_offset,
    };
    Some(FapiTables {
        l2: l2(config, fapi.l2),
        phys: cell.members.iter().map(phy).collect(),
        readers: readers(config, cell),
        rules: rules(cell, fapi),
        make_up: fapi.make_up,
        fail_crc: fapi.fail_crc,
        has_p5: fapi.p5.is_some(),
    })
}

/// How the cell's PHYs that have limits read, each way once.
fn readers(config: &Config, cell: &Cell) -> Vec<(Limits, Encoding)> {
    let phys = cell
        .members
        .iter()
        .filter_map(|member| config.phys.get(member.phy?));
    let mut readers = Vec::new();
    for phy in phys.filter(|phy| phy.oai_limits) {
        let reader = (Limits::OAI, encoding(phy.bodies));
        if !readers.contains(&reader) {
            readers.push(reader);
        }
    }
    readers
}

fn rules(cell: &Cell, fapi: &Fapi) -> GroupRules {
    GroupRules {
        ticker: TickerRules {
            numerology: cell.numerology,
            ahead: fapi.slots_ahead,
            grace: fapi.grace,
        },
        pipeline: fapi.pipeline,
        null_deadline: fapi.null_deadline,
        active_nulls: fapi.active_nulls,
        confirm: fapi.confirm,
    }
}

/// The L2 at `position` of the configuration.
fn l2(config: &Config, position: usize) -> PeerId {
    PeerId((config.rus.len() + config.dus.len() + position) as u16)
}

/// The PHY at `position` of the configuration.
pub(super) fn phy(config: &Config, position: usize) -> PeerId {
    l2(config, config.l2s.len() + position)
}

/// Adds the L2s and PHYs, in order of their `PeerId`, behind RUs and DUs.
pub(super) fn add_peers(tables: &mut Tables, config: &Config) {
    let l2s = config.l2s.iter().map(|l2| (l2, PeerKind::L2));
    let phys = config.phys.iter().map(|phy| (phy, PeerKind::Phy));
    for (peer, kind) in l2s.chain(phys) {
        let port = config.ports.get(peer.peer.port.index());
        add_peer(tables, peer, kind, port.map_or(1500, |port| port.mtu));
    }
}

fn add_peer(tables: &mut Tables, peer: &FapiPeer, kind: PeerKind, mtu: u16) {
    let endpoint = &peer.peer;
    let address = address(endpoint.transport);
    tables.add_own(OwnAddress {
        port: endpoint.port,
        vlans: endpoint.vlan_user,
        ip: address.own,
        mac: endpoint.facing,
    });
    let template = template(endpoint, Plane::User);
    let entry = PeerEntry {
        kind,
        port: endpoint.port,
        mac: endpoint.mac,
        control: template,
        user: template,
        ecpri_port: None,
        cells: Vec::new(),
        p7: Some(P7Entry {
            dialect: dialect(peer.dialect),
            encoding: encoding(peer.bodies),
            phy: PhyId(peer.phy_id),
            segment: peer.segment,
            check: match peer.check {
                true => Check::Verify,
                false => Check::Ignore,
            },
            limits: peer.oai_limits.then_some(Limits::OAI),
            mtu,
            address,
        }),
    };
    tables.add_peer(entry, &[endpoint.vlan_user]);
}

/// A valid configuration has IPv4 addresses here.
fn address(transport: Transport) -> P7Address {
    let v4 = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    match transport {
        Transport::Udp {
            peer,
            facing,
            facing_port,
            ..
        } => P7Address {
            peer: v4(peer),
            own: v4(facing),
            own_port: facing_port,
        },
        Transport::Ethernet => P7Address {
            peer: Ipv4Addr::UNSPECIFIED,
            own: Ipv4Addr::UNSPECIFIED,
            own_port: 0,
        },
    }
}

pub(super) const fn dialect(dialect: Dialect) -> nfapi::Dialect {
    match dialect {
        Dialect::OaiNfapi => nfapi::Dialect::OaiNfapi,
        Dialect::Scf225v2 => nfapi::Dialect::Scf225v2,
        Dialect::FapiBig => nfapi::Dialect::FapiBig,
        Dialect::FapiLittle => nfapi::Dialect::FapiLittle,
    }
}

const fn encoding(bodies: Bodies) -> Encoding {
    match bodies {
        Bodies::Oai => Encoding::OAI,
        Bodies::Scf222 => Encoding::SCF,
        Bodies::Aerial => Encoding::AERIAL,
    }
}
