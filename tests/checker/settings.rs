//! The configuration as the checker reads it: who is where, with which addresses and eAxC ids.
//! It takes a valid file for granted; whether a file is valid is judged elsewhere.

use super::value::{self, from_yaml};
use serde_json::Value;
use std::net::IpAddr;

/// A MAC address.
pub type Mac = [u8; 6];

/// The parts of a configuration that matter here.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// RUs and DUs.
    pub peers: Vec<Peer>,
    /// Cells.
    pub cells: Vec<Cell>,
    /// `ecpri.size: lenient`.
    pub lenient_size: bool,
}

/// One RU or DU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its port.
    pub port: String,
    /// Its address.
    pub mac: Mac,
    /// Whom it expects on the other side.
    pub facing: Mac,
    /// VLAN ids of its C-plane, outermost first.
    pub vlan_control: Vec<u16>,
    /// VLAN ids of its U-plane.
    pub vlan_user: Vec<u16>,
    /// PCP of tags that are added.
    pub pcp: u8,
    /// UDP addresses, if its eCPRI is carried so.
    pub udp: Option<Udp>,
    /// An RU, or else a DU.
    pub is_ru: bool,
    /// A DU that serves one of several cells at a time.
    pub pooled: bool,
}

/// UDP/IP addresses of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Of the peer.
    pub peer: IpAddr,
    /// Of whom it expects.
    pub facing: IpAddr,
    /// Where the peer listens.
    pub peer_port: u16,
    /// Where the other side listens.
    pub facing_port: u16,
}

/// eAxC ids by list: downlink, uplink, PRACH.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// By `List`.
    pub lists: [Vec<u16>; 3],
}

/// Which list of eAxC ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Downlink.
    Downlink,
    /// Uplink.
    Uplink,
    /// PRACH.
    Prach,
}

/// One cell.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Its RU in `Settings::peers`.
    pub ru: usize,
    /// Numerology.
    pub mu: u32,
    /// 14, or 12 with extended prefix.
    pub symbols: u8,
    /// PRBs of the carrier.
    pub carrier_prbs: usize,
    /// Bits of RU_Port_ID.
    pub port_bits: u32,
    /// eAxC ids at the RU.
    pub streams: Streams,
    /// Uplink compression: method, width, header present.
    pub uplink_compression: (u8, u8, bool),
    /// GPS time with alpha and beta, or else header time.
    pub gps: Option<(i64, i64)>,
    /// Nanoseconds.
    pub step_window: i64,
    /// Nanoseconds.
    pub step_memory: i64,
    /// Nanoseconds.
    pub late_tolerance: i64,
    /// Its DUs.
    pub members: Vec<Member>,
    /// Who starts.
    pub active: usize,
    /// Who may take over.
    pub standby: Vec<usize>,
    /// How it is shared.
    pub sharing: Sharing,
}

/// One DU of a cell.
#[derive(Clone, Debug)]
pub struct Member {
    /// In `Settings::peers`.
    pub peer: usize,
    /// eAxC ids that it uses.
    pub streams: Streams,
    /// In step without evidence.
    pub assume_in_step: bool,
}

/// The shared mode of a cell.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    /// Masks by slot; empty: no control symbols.
    pub control: Vec<u16>,
    /// RU_Port_ID of the source's control symbols: from, to.
    pub source_ports: Vec<(u16, u16)>,
    /// Of the destination's.
    pub destination_ports: Vec<(u16, u16)>,
    /// Member, period, slots.
    pub broadcast: Vec<(usize, i64, Vec<i64>)>,
    /// The owner's C-plane goes for every port.
    pub owner_wins: bool,
    /// True where the destination owns.
    pub pattern: Vec<bool>,
    /// The box may change the pattern by itself.
    pub adaptive: bool,
    /// Section types 5 and 6 of both are welcome.
    pub disjoint_ue_ids: bool,
}

impl Settings {
    /// Reads a configuration file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let root = from_yaml(text)?;
        let mut peers = Vec::new();
        for (kind, is_ru) in [("rus", true), ("dus", false)] {
            for (name, body) in entries(&root[kind]) {
                peers
                    .push(peer(name, body, is_ru).ok_or(format!("{kind}.{name}: not understood"))?);
            }
        }
        let cells = entries(&root["cells"])
            .map(|(name, body)| {
                cell(name, body, &peers).ok_or(format!("cells.{name}: not understood"))
            })
            .collect::<Result<_, _>>()?;
        let lenient_size = value::text(&root["ecpri"]["size"]).as_deref() == Some("lenient");
        Ok(Self {
            peers,
            cells,
            lenient_size,
        })
    }

    /// The peer on `port` whose own address is `mac` and whose VLAN ids are `vlans`.
    pub fn peer_at(&self, port: &str, mac: Mac, vlans: &[u16]) -> Option<usize> {
        self.peers.iter().position(|peer| {
            peer.port == port
                && peer.mac == mac
                && (peer.vlan_control == vlans || peer.vlan_user == vlans)
        })
    }

    /// The cell named `name`.
    pub fn cell(&self, name: &str) -> Option<usize> {
        self.cells.iter().position(|cell| cell.name == name)
    }
}

impl Cell {
    /// The member whose DU is named `name`.
    pub fn member(&self, settings: &Settings, name: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|member| settings.peers[member.peer].name == name)
    }

    /// Length of a slot in nanoseconds.
    pub fn slot_ns(&self) -> i64 {
        1_000_000 >> self.mu
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn peer(name: &str, body: &Value, is_ru: bool) -> Option<Peer> {
    let vlan = &body["vlan"];
    let (control, user) = match vlan.is_object() {
        true => (&vlan["control"], &vlan["user"]),
        false => (vlan, vlan),
    };
    Some(Peer {
        name: name.to_owned(),
        port: value::text(&body["port"])?,
        mac: mac(&value::text(&body["mac"])?)?,
        facing: mac(&value::text(&body["facing"])?)?,
        vlan_control: vlans(control),
        vlan_user: vlans(user),
        pcp: value::integer(&body["pcp"]).unwrap_or(7) as u8,
        udp: udp(&body["transport"]["udp"]),
        is_ru,
        pooled: value::text(&body["attachment"]).as_deref() == Some("pooled"),
    })
}

/// The bytes of a MAC address as written.
pub fn mac(text: &str) -> Option<Mac> {
    let bytes: Option<Vec<u8>> = text
        .split([':', '-'])
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

fn vlans(value: &Value) -> Vec<u16> {
    value::integers(value)
        .into_iter()
        .map(|id| id as u16)
        .collect()
}

fn udp(value: &Value) -> Option<Udp> {
    let address = |key: &str| value::text(&value[key])?.parse().ok();
    let port = |key: &str| value::integer(&value[key]).map(|port| port as u16);
    Some(Udp {
        peer: address("peer")?,
        facing: address("facing")?,
        peer_port: port("peer_port")?,
        facing_port: port("facing_port")?,
    })
}

fn streams(value: &Value) -> Option<Streams> {
    value.is_object().then(|| Streams {
        lists: ["downlink", "uplink", "prach"].map(|list| {
            value::integers(&value[list])
                .into_iter()
                .map(|id| id as u16)
                .collect()
        }),
    })
}

fn cell(name: &str, body: &Value, peers: &[Peer]) -> Option<Cell> {
    let named = |value: &Value| {
        let name = value::text(value)?;
        peers.iter().position(|peer| peer.name == name)
    };
    let own = streams(&body["eaxc"])?;
    let members: Vec<Member> = entries(&body["members"])
        .map(|(name, body)| {
            Some(Member {
                peer: named(&Value::String(name.clone()))?,
                streams: streams(&body["eaxc"]).unwrap_or_else(|| own.clone()),
                assume_in_step: value::flag(&body["assume_in_step"]),
            })
        })
        .collect::<Option<_>>()?;
    let member = |value: &Value| {
        let peer = named(value)?;
        members.iter().position(|member| member.peer == peer)
    };
    let time = &body["time"];
    let gps = (value::text(&time["source"]).as_deref() != Some("headers")).then(|| {
        (
            value::integer(&time["alpha"]).unwrap_or(0),
            value::integer(&time["beta"]).unwrap_or(0),
        )
    });
    let uplink = &body["compression"]["uplink"];
    let span = |key: &str, default: u64| value::nanoseconds(&body[key]).unwrap_or(default) as i64;
    let widths = value::integers(&body["eaxc_bits"]);
    Some(Cell {
        name: name.to_owned(),
        ru: named(&body["ru"])?,
        mu: value::integer(&body["numerology"])? as u32,
        symbols: match value::text(&body["cyclic_prefix"]).as_deref() {
            Some("extended") => 12,
            _ => 14,
        },
        carrier_prbs: value::integer(&body["carrier_prbs"])? as usize,
        port_bits: widths.get(3).copied().unwrap_or(4) as u32,
        streams: own.clone(),
        uplink_compression: (
            method(&uplink["method"]),
            value::integer(&uplink["width"]).unwrap_or(16) as u8,
            value::text(&uplink["header"]).as_deref() != Some("static"),
        ),
        gps,
        step_window: span("step_window", 20_000_000),
        step_memory: span("step_memory", 100_000_000),
        late_tolerance: span("late_tolerance", 10_000_000),
        active: member(&body["active"])?,
        standby: value::texts(&body["failover"]["standby"])
            .into_iter()
            .filter_map(|name| member(&Value::String(name)))
            .collect(),
        sharing: sharing(&body["sharing"], &member),
        members,
    })
}

fn method(value: &Value) -> u8 {
    match value::text(value).as_deref() {
        Some("none") => 0,
        Some("block_scaling") => 2,
        Some("mu_law") => 3,
        Some("modulation") => 4,
        _ => 1,
    }
}

fn sharing(body: &Value, member: &dyn Fn(&Value) -> Option<usize>) -> Sharing {
    let control = &body["control_symbols"];
    let mask = |symbols: &Value| {
        value::integers(symbols)
            .iter()
            .fold(0u16, |mask, bit| mask | 1 << bit)
    };
    let masks = match control.as_array() {
        Some(slots) if slots.iter().any(Value::is_array) => slots.iter().map(mask).collect(),
        Some(_) => vec![mask(control)],
        None => Vec::new(),
    };
    let ports = |key: &str| match body[key].is_object() {
        true => entries(&body[key])
            .filter_map(|(from, to)| Some((from.parse().ok()?, value::integer(to)? as u16)))
            .collect(),
        false if key == "source_ports" => vec![(0, 0)],
        false => vec![(0, 1)],
    };
    let broadcast = body["broadcast"].as_array().into_iter().flatten();
    Sharing {
        control: masks,
        source_ports: ports("source_ports"),
        destination_ports: ports("destination_ports"),
        broadcast: broadcast
            .filter_map(|entry| {
                let period = value::integer(&entry["period"])?;
                Some((
                    member(&entry["member"])?,
                    period,
                    value::integers(&entry["slots"]),
                ))
            })
            .collect(),
        owner_wins: value::text(&body["cplane"]).as_deref() == Some("owner_wins"),
        pattern: pattern(&value::text(&body["pattern"]).unwrap_or_default()),
        adaptive: body["adaptive"].is_object(),
        disjoint_ue_ids: value::flag(&body["disjoint_ue_ids"]),
    }
}

/// `SSD` as flags: true where the destination owns.
pub fn pattern(text: &str) -> Vec<bool> {
    text.chars()
        .filter(|c| "SD".contains(*c))
        .map(|c| c == 'D')
        .collect()
}
