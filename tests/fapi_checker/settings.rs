//! The FAPI part of the configuration as the judge reads it: who is where, who speaks which dialect, and
//! what each cell's group was told. It takes a valid file for granted.

use super::value::{self, from_yaml};
use serde_json::Value;
use std::net::Ipv4Addr;

/// A MAC address.
pub type Mac = [u8; 6];

/// The parts of a configuration that matter here.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// MTU by port.
    pub ports: Vec<(String, usize)>,
    /// L2s, then PHYs.
    pub peers: Vec<Peer>,
    /// Cells that have an L2.
    pub cells: Vec<Cell>,
}

/// How a peer writes its P7 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// 18 bytes, segments numbered.
    Oai,
    /// 14 and 8 bytes, pieces by offset.
    Scf,
    /// 8 bytes.
    FapiBig,
    /// The same in little-endian order.
    FapiLittle,
}

/// One L2 or PHY.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: String,
    /// Its address.
    pub mac: Mac,
    /// Whom it sees.
    pub facing: Mac,
    /// VLAN ids, outermost first.
    pub vlans: Vec<u16>,
    /// Its IPv4 address.
    pub ip: Ipv4Addr,
    /// The address that it sees.
    pub facing_ip: Ipv4Addr,
    /// Where it listens.
    pub udp: u16,
    /// Where it sends.
    pub facing_udp: u16,
    /// How it writes.
    pub dialect: Dialect,
    /// PHY_ID in its headers.
    pub phy_id: u16,
    /// Longest UDP payload it is sent.
    pub segment: usize,
    /// Whether OAI's checksum is verified.
    pub check: bool,
    /// Cell, and the member of its group; none for the L2.
    pub serves: Option<(usize, Option<usize>)>,
}

/// One cell with an L2.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Numerology.
    pub mu: u32,
    /// Its L2 in `Settings::peers`.
    pub l2: usize,
    /// Its members.
    pub members: Vec<Member>,
    /// Who starts.
    pub active: usize,
    /// Slots by which SLOT.indication is ahead.
    pub ahead: i64,
    /// Slots for which a former owner may speak.
    pub pipeline: i64,
    /// Nanoseconds.
    pub null_deadline: i64,
    /// The active gets NULLs made from the clock.
    pub active_nulls: bool,
    /// Nanoseconds after which a SLOT.indication is made up.
    pub grace: i64,
    /// Failing CRCs are made up.
    pub fail_crc: bool,
}

/// One member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name: the PHY's, or in a cell with an RU the DU's.
    pub name: String,
    /// Its PHY in `Settings::peers`.
    pub phy: usize,
    /// Slots by which its count is ahead of the L2's.
    pub offset: i64,
}

impl Cell {
    /// Length of a slot in nanoseconds.
    pub fn slot_ns(&self) -> i64 {
        1_000_000 >> self.mu
    }

    /// Slots of a frame.
    pub fn frame(&self) -> i64 {
        10 << self.mu
    }

    /// Slots until SFN and slot repeat.
    pub fn period(&self) -> i64 {
        1024 * self.frame()
    }

    /// The member named so.
    pub fn member(&self, name: &str) -> Option<usize> {
        self.members.iter().position(|member| member.name == name)
    }
}

impl Settings {
    /// Reads a configuration file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let root = from_yaml(text)?;
        let mut settings = Self::default();
        for (name, body) in entries(&root["ports"]) {
            let mtu = value::integer(&body["mtu"]).unwrap_or(1500) as usize;
            settings.ports.push((name.clone(), mtu));
        }
        for kind in ["l2s", "phys"] {
            for (name, body) in entries(&root[kind]) {
                let peer = peer(name, body).ok_or(format!("{kind}.{name}: not understood"))?;
                settings.peers.push(peer);
            }
        }
        for (name, body) in entries(&root["cells"]) {
            if !body["fapi"].is_object() {
                continue;
            }
            let cell = settings.cell(name, body);
            let cell = cell.ok_or(format!("cells.{name}: not understood"))?;
            let index = settings.cells.len();
            settings.peers[cell.l2].serves = Some((index, None));
            for (number, member) in cell.members.iter().enumerate() {
                settings.peers[member.phy].serves = Some((index, Some(number)));
            }
            settings.cells.push(cell);
        }
        Ok(settings)
    }

    /// MTU of a port.
    pub fn mtu(&self, port: &str) -> usize {
        let found = self.ports.iter().find(|(name, _)| name == port);
        found.map_or(1500, |(_, mtu)| *mtu)
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.peers.iter().position(|peer| peer.name == name)
    }

    fn cell(&self, name: &str, body: &Value) -> Option<Cell> {
        let mu = value::integer(&body["numerology"])? as u32;
        let fapi = &body["fapi"];
        let half = 500_000 >> mu;
        let slots = |key: &str, default: i64| value::integer(&fapi[key]).unwrap_or(default);
        let span = |key: &str| {
            value::nanoseconds(&fapi[key]).map_or(half, |nanoseconds| nanoseconds as i64)
        };
        let member = |(name, body): (&String, &Value)| {
            let phy = value::text(&body["phy"]).unwrap_or_else(|| name.clone());
            Some(Member {
                name: name.clone(),
                phy: self.named(&phy)?,
                offset: value::integer(&body["slot_offset"]).unwrap_or(0),
            })
        };
        let members: Vec<Member> = entries(&body["members"])
            .map(member)
            .collect::<Option<_>>()?;
        let active = value::text(&body["active"])?;
        Some(Cell {
            name: name.to_owned(),
            mu,
            l2: self.named(&value::text(&fapi["l2"])?)?,
            active: members.iter().position(|member| member.name == active)?,
            members,
            ahead: slots("slots_ahead", 2 << mu),
            pipeline: slots("pipeline", 4),
            null_deadline: span("null_deadline"),
            active_nulls: value::flag(&fapi["active_nulls"]),
            grace: span("grace"),
            fail_crc: value::flag(&fapi["fail_crc"]),
        })
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn peer(name: &str, body: &Value) -> Option<Peer> {
    let udp = &body["transport"]["udp"];
    let address = |key: &str| value::text(&udp[key])?.parse().ok();
    let port = |key: &str| value::integer(&udp[key]).map(|port| port as u16);
    Some(Peer {
        name: name.to_owned(),
        port: value::text(&body["port"])?,
        mac: mac(&value::text(&body["mac"])?)?,
        facing: mac(&value::text(&body["facing"])?)?,
        vlans: value::integers(&body["vlan"])
            .iter()
            .map(|id| *id as u16)
            .collect(),
        ip: address("peer")?,
        facing_ip: address("facing")?,
        udp: port("peer_port")?,
        facing_udp: port("facing_port")?,
        dialect: match value::text(&body["dialect"])?.as_str() {
            "oai-nfapi" => Dialect::Oai,
            "scf225v2" => Dialect::Scf,
            "fapi-be" => Dialect::FapiBig,
            "fapi-le" => Dialect::FapiLittle,
            _ => return None,
        },
        phy_id: value::integer(&body["phy_id"]).unwrap_or(1) as u16,
        segment: value::integer(&body["segment"]).unwrap_or(65_000) as usize,
        check: value::text(&body["check"]).as_deref() != Some("false"),
        serves: None,
    })
}

fn mac(text: &str) -> Option<Mac> {
    let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
    bytes.collect::<Result<Vec<u8>, _>>().ok()?.try_into().ok()
}
