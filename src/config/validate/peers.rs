//! Ports, RUs and DUs: who is on the wire, where, and under which addresses.

use super::{Names, midhaul};
use crate::config::keys::{Accepts, Key, MAC, Table};
use crate::config::model::{Attachment, Du, Peer, Port, Transport};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::ran::{PortId, VlanId, VlanStack};
use std::net::IpAddr;

pub(super) fn port(name: &str, field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Port> {
    let section = Section::open(field, PORT.keys, diagnosis)?;
    let mtu = section.read("mtu", diagnosis, Field::integer);
    let device = section.optional("device", diagnosis, device);
    let lcore = section.optional("lcore", diagnosis, Field::integer);
    Some(Port {
        name: name.to_owned(),
        device: device?,
        mtu: mtu?,
        lcore: lcore?,
    })
}

/// Kept as it is written: what it means is for the backend to say.
fn device(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<String> {
    let text = field.text(diagnosis)?;
    if text.is_empty() || text.len() > LONGEST_DEVICE || text.chars().any(char::is_control) {
        diagnosis.refuse(field.problem("is no device string"));
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn ru(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Peer> {
    let section = Section::open(field, RU.keys, diagnosis)?;
    peer(name, &section, names, diagnosis)
}

pub(super) fn du(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Du> {
    let section = Section::open(field, DU.keys, diagnosis)?;
    let peer = peer(name, &section, names, diagnosis);
    let attachment = section.read("attachment", diagnosis, Field::word);
    let f1 = section.optional("f1", diagnosis, |f, d| midhaul::f1(f, names, d));
    let attachment = match attachment? {
        "dedicated" => Attachment::Dedicated,
        _ => Attachment::Pooled,
    };
    Some(Du {
        peer: peer?,
        attachment,
        f1: f1?,
    })
}

pub(super) fn peer(
    name: &str,
    section: &Section<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Peer> {
    let port = section.read("port", diagnosis, |field, d| names.port(field, d));
    let mac = section.read("mac", diagnosis, Field::mac);
    let facing = section.read("facing", diagnosis, Field::mac);
    if mac.is_some() && mac == facing {
        section.refuse("facing", diagnosis, |field| {
            field
                .problem("is the peer's own mac")
                .accepted("the address of the other side")
        });
    }
    let vlans = section.read("vlan", diagnosis, vlans);
    let pcp = section.read("pcp", diagnosis, Field::integer);
    let transport = section.read("transport", diagnosis, transport);
    let (vlan_control, vlan_user) = vlans?;
    Some(Peer {
        name: name.to_owned(),
        port: port?,
        mac: mac?,
        vlan_control,
        vlan_user,
        pcp: pcp?,
        facing: facing?,
        transport: transport?,
    })
}

/// VLAN ids of C-plane and U-plane.
fn vlans(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<(VlanStack, VlanStack)> {
    if field.is_single() || field.is_list() {
        return stack(field, diagnosis).map(|stack| (stack, stack));
    }
    let section = Section::open(field, PLANES.keys, diagnosis)?;
    let control = section.read("control", diagnosis, stack);
    let user = section.read("user", diagnosis, stack);
    Some((control?, user?))
}

/// `none`, one id, or outer and inner id.
pub(in crate::config) fn stack(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<VlanStack> {
    if field.is_none() {
        return Some(VlanStack::NONE);
    }
    if field.is_list() {
        let ids = field.list(diagnosis, vlan)?;
        let [outer, inner] = ids.as_slice() else {
            diagnosis.refuse(field.problem("is not an outer and an inner id"));
            return None;
        };
        return Some(VlanStack::double(*outer, *inner));
    }
    vlan(field, diagnosis).map(VlanStack::single)
}

fn vlan(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<VlanId> {
    VlanId::new(field.within(0, 4094, diagnosis)?)
}

fn transport(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Transport> {
    if field.is_single() {
        if field.text(diagnosis)? == "ethernet" {
            return Some(Transport::Ethernet);
        }
        diagnosis.refuse(field.problem("is no transport"));
        return None;
    }
    let section = Section::open(field, TRANSPORT.keys, diagnosis)?;
    section.read("udp", diagnosis, udp)
}

fn udp(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<Transport> {
    let section = Section::open(field, UDP.keys, diagnosis)?;
    let peer = section.read("peer", diagnosis, address);
    let facing = section.read("facing", diagnosis, address);
    let peer_port = section.read("peer_port", diagnosis, Field::integer);
    let facing_port = section.read("facing_port", diagnosis, Field::integer);
    let (peer, facing) = (peer?, facing?);
    if peer.is_ipv4() != facing.is_ipv4() {
        section.refuse("facing", diagnosis, |field| {
            field.problem(format!("is not of the same family as peer, {peer}"))
        });
        return None;
    }
    if peer == facing {
        section.refuse("facing", diagnosis, |field| {
            field.problem("is the peer's own address")
        });
        return None;
    }
    Some(Transport::Udp {
        peer,
        facing,
        peer_port: peer_port?,
        facing_port: facing_port?,
    })
}

pub(super) fn address(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<IpAddr> {
    let address = field.text(diagnosis)?.parse::<IpAddr>().ok();
    let station = address.filter(|ip| !ip.is_multicast() && !ip.is_unspecified());
    if station.is_none() {
        diagnosis.refuse(field.problem("is not the IP address of one station"));
    }
    station
}

impl Names<'_> {
    pub(in crate::config) fn port(
        &self,
        field: &Field<'_>,
        diagnosis: &mut Diagnosis,
    ) -> Option<PortId> {
        let position = field.reference("port", &self.ports, diagnosis)?;
        u8::try_from(position).ok().map(PortId)
    }
}

const LONGEST_DEVICE: usize = 1024;
const VLAN: Accepts = Accepts::Form("none, an id 0..=4094, or [OUTER, INNER]");
const PORT_NAME: Accepts = Accepts::Form("name of a port");
const ADDRESS: Accepts = Accepts::Form("IPv4 or IPv6 address");
pub(super) const UDP_PORT: Accepts = Accepts::Integer {
    min: 1,
    max: 65_535,
};

pub(in crate::config) const PORT: Table = Table {
    path: "ports.NAME",
    about: "One port of the appliance. Ports are numbered in file order.",
    keys: &[
        Key::default(
            "mtu",
            Accepts::Integer {
                min: 512,
                max: 16_000,
            },
            "bytes",
            "9000",
            "Largest frame payload (Ethernet MTU) that is received and sent.",
        ),
        Key::absent(
            "device",
            Accepts::Form("DPDK device string, at most 1024 characters"),
            "",
            "no device: enough for `replay`",
            "Device of `run`: a PCI address such as `0000:01:00.0`, or a virtual device such as \
             `net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap`, with its arguments. Kept as it is.",
        ),
        Key::absent(
            "lcore",
            super::lcores::CORE,
            "",
            "the lcore that owns most of its cells",
            "Core of the lcore that polls it and sends on it, one of `lcores.cores`.",
        ),
    ],
};

pub(super) const PORT_KEY: Key =
    Key::required("port", PORT_NAME, "", "The port it is reached through.");
pub(super) const MAC_KEY: Key = Key::required("mac", MAC, "", "Its own address.");
pub(super) const VLAN_KEY: Key = Key::required(
    "vlan",
    Accepts::Form("none, an id 0..=4094, [OUTER, INNER], or {control: ..., user: ...}"),
    "",
    "VLAN ids of its frames, C-plane and U-plane alike or written apart.",
);
pub(super) const PCP_KEY: Key = Key::default(
    "pcp",
    Accepts::Integer { min: 0, max: 7 },
    "",
    "7",
    "Priority used when a tag is added to a frame that arrived with fewer tags.",
);
const TRANSPORT_KEY: Key = Key::default(
    "transport",
    Accepts::Form("ethernet, or {udp: {...}}"),
    "",
    "ethernet",
    "How eCPRI is carried. An RU and its DUs use the same.",
);

pub(in crate::config) const RU: Table = Table {
    path: "rus.NAME",
    about: "One radio unit.",
    keys: &[
        PORT_KEY,
        MAC_KEY,
        Key::required(
            "facing",
            MAC,
            "",
            "The DU address that this RU sends to and expects.",
        ),
        VLAN_KEY,
        PCP_KEY,
        TRANSPORT_KEY,
    ],
};

pub(in crate::config) const DU: Table = Table {
    path: "dus.NAME",
    about: "One distributed unit.",
    keys: &[
        PORT_KEY,
        MAC_KEY,
        Key::required(
            "facing",
            MAC,
            "",
            "The RU address that this DU sends to and expects.",
        ),
        VLAN_KEY,
        PCP_KEY,
        TRANSPORT_KEY,
        Key::required(
            "attachment",
            Accepts::Words(&["dedicated", "pooled"]),
            "",
            "`dedicated`: own addresses and eAxC ids for each cell, uplink is always mirrored to it. \
             `pooled`: one identity for many cells, assigned to at most one at a time.",
        ),
        Key::absent(
            "f1",
            Accepts::Form("a mapping"),
            "",
            "its F1-C goes elsewhere",
            "Its midhaul, so that its CU is told when it is lost.",
        ),
    ],
};

pub(in crate::config) const PLANES: Table = Table {
    path: "rus.NAME.vlan, dus.NAME.vlan",
    about: "VLAN ids that differ between the planes.",
    keys: &[
        Key::required("control", VLAN, "", "Of C-plane frames."),
        Key::required("user", VLAN, "", "Of U-plane frames."),
    ],
};

pub(in crate::config) const TRANSPORT: Table = Table {
    path: "rus.NAME.transport, dus.NAME.transport, l2s.NAME.transport, phys.NAME.transport",
    about: "eCPRI or P7 over UDP.",
    keys: &[Key::required(
        "udp",
        Accepts::Form("a mapping"),
        "",
        "Addresses and UDP ports.",
    )],
};

pub(in crate::config) const UDP: Table = Table {
    path: "rus.NAME.transport.udp, dus.NAME.transport.udp, l2s.NAME.transport.udp, phys.NAME.transport.udp",
    about: "Both addresses are of the same family.",
    keys: &[
        Key::required("peer", ADDRESS, "", "Address of the peer."),
        Key::required(
            "facing",
            ADDRESS,
            "",
            "Address that the peer expects on the other side.",
        ),
        Key::required(
            "peer_port",
            UDP_PORT,
            "",
            "UDP port on which the peer receives eCPRI or P7.",
        ),
        Key::required(
            "facing_port",
            UDP_PORT,
            "",
            "UDP port on which the peer's other side receives them.",
        ),
    ],
};
