//! The FAPI plane: L2s and PHYs on the wire, and what a cell says of the plane between them.

use super::Names;
use super::carrier::Carrier;
use super::peers::{MAC_KEY, PCP_KEY, PORT_KEY, VLAN_KEY, peer};
use crate::config::keys::{Accepts, FLAG, Key, MAC, Table};
use crate::config::model::{Answer, Bodies, Dialect, Fapi, FapiPeer, P5, Transport};
use crate::config::source::fields::{Field, Section};
use crate::config::source::problem::Diagnosis;
use crate::ran::Duration;
use std::net::SocketAddr;

pub(super) fn l2(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<FapiPeer> {
    let section = Section::open(field, L2.keys, diagnosis)?;
    fapi_peer(name, &section, names, diagnosis)
}

pub(super) fn phy(
    name: &str,
    field: &Field<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<FapiPeer> {
    let section = Section::open(field, PHY.keys, diagnosis)?;
    let limits = section.read("limits", diagnosis, Field::word);
    let mut phy = fapi_peer(name, &section, names, diagnosis)?;
    phy.oai_limits = limits? == "oai";
    Some(phy)
}

fn fapi_peer(
    name: &str,
    section: &Section<'_>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<FapiPeer> {
    let peer = peer(name, section, names, diagnosis);
    let dialect = section.read("dialect", diagnosis, Field::word);
    let bodies = section.optional("bodies", diagnosis, Field::word);
    let phy_id = section.read("phy_id", diagnosis, Field::integer);
    let segment = section.read("segment", diagnosis, Field::integer);
    let check = section.read("check", diagnosis, Field::flag);
    let dialect = DIALECTS.iter().find(|(word, _)| Some(*word) == dialect);
    let (peer, (word, dialect)) = (peer?, *dialect?);
    let bodies = bodies?.map_or(dialect.bodies(), bodies_of);
    if bodies != dialect.bodies() && dialect != Dialect::Scf225v2 {
        section.refuse("bodies", diagnosis, |field| {
            let what = format!("are not those that {word} has");
            field.problem(what).accepted("no bodies, or scf225v2")
        });
    }
    let over_ipv4 = matches!(peer.transport, Transport::Udp { peer, .. } if peer.is_ipv4());
    if !over_ipv4 {
        section.refuse("transport", diagnosis, |field| {
            field.problem("does not carry P7").accepted(OVER_UDP)
        });
        return None;
    }
    if peer.vlan_control != peer.vlan_user {
        section.refuse("vlan", diagnosis, |field| {
            let accepted = "one VLAN: P7 knows no C-plane and U-plane";
            field
                .problem("is written for two planes")
                .accepted(accepted)
        });
    }
    let phy_id: u16 = phy_id?;
    if dialect != Dialect::OaiNfapi && phy_id > u16::from(u8::MAX) {
        section.refuse("phy_id", diagnosis, |field| {
            let what = format!("does not fit the 8 bits that {word} has for it");
            field.problem(what).accepted("integer 0..=255")
        });
    }
    Some(FapiPeer {
        peer,
        dialect,
        bodies,
        phy_id,
        segment: segment?,
        check: check?,
        oai_limits: false,
    })
}

pub(super) fn fapi(
    field: &Field<'_>,
    carrier: Option<Carrier>,
    names: &Names<'_>,
    diagnosis: &mut Diagnosis,
) -> Option<Fapi> {
    let section = Section::open(field, FAPI.keys, diagnosis)?;
    let l2 = section.read("l2", diagnosis, |f, d| f.reference("L2", &names.l2s, d));
    let slots_ahead = section.optional("slots_ahead", diagnosis, Field::integer);
    let pipeline = section.read("pipeline", diagnosis, Field::integer);
    let null_deadline = section.optional("null_deadline", diagnosis, Field::duration);
    let active_nulls = section.read("active_nulls", diagnosis, Field::flag);
    let grace = section.optional("grace", diagnosis, Field::duration);
    let confirm = section.read("confirm", diagnosis, Field::integer);
    let make_up = section.read("make_up", diagnosis, Field::flag);
    let fail_crc = section.read("fail_crc", diagnosis, Field::flag);
    let answer = section.read("answer", diagnosis, Field::word);
    let p5 = section.optional("p5", diagnosis, p5);
    let (slot, ahead) = carrier.map(|carrier| {
        let slot = carrier.numerology.slot_duration();
        (slot, 2 << carrier.numerology.mu())
    })?;
    let half_slot = Duration::from_nanos(slot.as_nanos() / 2);
    let grace = grace?.unwrap_or(half_slot);
    if grace >= slot {
        section.refuse("grace", diagnosis, |field| {
            let accepted = format!("below one slot, {} us", slot.as_nanos() / 1000);
            field
                .problem("makes up an indication when the next is due already")
                .accepted(accepted)
        });
    }
    Some(Fapi {
        l2: l2?,
        slots_ahead: slots_ahead?.unwrap_or(ahead),
        pipeline: pipeline?,
        null_deadline: null_deadline?.unwrap_or(half_slot),
        active_nulls: active_nulls?,
        grace,
        confirm: confirm?,
        make_up: make_up?,
        fail_crc: fail_crc?,
        answer: match answer? {
            "active" => Answer::Active,
            _ => Answer::Worst,
        },
        p5: p5?,
    })
}

fn p5(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<P5> {
    let section = Section::open(field, P5_TABLE.keys, diagnosis)?;
    let transport = section.read("transport", diagnosis, Field::word);
    let l2 = section.read("l2", diagnosis, socket);
    let listen = section.read("listen", diagnosis, socket);
    Some(P5 {
        sctp: transport? == "sctp",
        l2: l2?,
        listen: listen?,
    })
}

fn socket(field: &Field<'_>, diagnosis: &mut Diagnosis) -> Option<SocketAddr> {
    let socket = field.text(diagnosis)?.parse().ok();
    if socket.is_none() {
        diagnosis.refuse(field.problem("is not an IP address and a port"));
    }
    socket
}

const DIALECTS: [(&str, Dialect); 4] = [
    ("oai-nfapi", Dialect::OaiNfapi),
    ("scf225v2", Dialect::Scf225v2),
    ("fapi-be", Dialect::FapiBig),
    ("fapi-le", Dialect::FapiLittle),
];

fn bodies_of(word: &str) -> Bodies {
    match word {
        "oai" => Bodies::Oai,
        "scf222" => Bodies::Scf222,
        _ => Bodies::Aerial,
    }
}

const OVER_UDP: &str = "{udp: {...}} with IPv4 addresses";

const TRANSPORT_KEY: Key = Key::required(
    "transport",
    Accepts::Form(OVER_UDP),
    "",
    "How P7 is carried. `facing` and `facing_port` are the appliance's own: ARP and ICMP echo are answered \
     there, and the other side is told of no other.",
);
const FACING_KEY: Key = Key::required(
    "facing",
    MAC,
    "",
    "The address of the appliance on this side.",
);
const DIALECT_KEY: Key = Key::required(
    "dialect",
    Accepts::Words(&["oai-nfapi", "scf225v2", "fapi-be", "fapi-le"]),
    "",
    "How it writes headers: OPENAIRINTERFACE since 2024, SCF 225.2.1 (derived), plain FAPI in either byte \
     order.",
);
const BODIES_KEY: Key = Key::absent(
    "bodies",
    Accepts::Words(&["oai", "scf222", "aerial"]),
    "",
    "`oai` with oai-nfapi and fapi-be, `scf222` with scf225v2, `aerial` with fapi-le",
    "How it writes what follows the header. All peers of a cell write bodies alike, as they pass untouched; \
     `scf225v2` carries any: between two halves of a message controller those of the L2 and the PHYs.",
);
const PHY_ID_KEY: Key = Key::default(
    "phy_id",
    Accepts::Integer {
        min: 0,
        max: 65_535,
    },
    "",
    "1",
    "PHY_ID in messages from and to it.",
);
const SEGMENT_KEY: Key = Key::default(
    "segment",
    Accepts::Integer {
        min: 256,
        max: 65_507,
    },
    "bytes",
    "65000",
    "Largest datagram that it is sent (UDP payload); longer messages are segmented. Above the port's MTU \
     datagrams are fragmented.",
);
const CHECK_KEY: Key = Key::default(
    "check",
    FLAG,
    "",
    "true",
    "Refuse datagrams whose checksum is wrong, where the dialect has one.",
);

pub(in crate::config) const L2: Table = Table {
    path: "l2s.NAME",
    about: "One L2 (a VNF in nFAPI's terms). The appliance stands before it as its PHY.",
    keys: &[
        PORT_KEY,
        MAC_KEY,
        FACING_KEY,
        VLAN_KEY,
        PCP_KEY,
        TRANSPORT_KEY,
        DIALECT_KEY,
        BODIES_KEY,
        PHY_ID_KEY,
        SEGMENT_KEY,
        CHECK_KEY,
    ],
};

pub(in crate::config) const PHY: Table = Table {
    path: "phys.NAME",
    about: "One PHY (a PNF in nFAPI's terms). The appliance stands before it as its L2.",
    keys: &[
        PORT_KEY,
        MAC_KEY,
        FACING_KEY,
        VLAN_KEY,
        PCP_KEY,
        TRANSPORT_KEY,
        DIALECT_KEY,
        BODIES_KEY,
        PHY_ID_KEY,
        SEGMENT_KEY,
        CHECK_KEY,
        Key::default(
            "limits",
            Accepts::Words(&["none", "oai"]),
            "",
            "none",
            "`oai`: requests that overflow the arrays of OPENAIRINTERFACE's unpackers are not passed on to it.",
        ),
    ],
};

pub(in crate::config) const FAPI: Table = Table {
    path: "cells.NAME.fapi",
    about: "The plane between an L2 and the PHYs of the members.",
    keys: &[
        Key::required("l2", Accepts::Form("name of an L2"), "", "The fixed side."),
        Key::absent(
            "slots_ahead",
            Accepts::Integer { min: 0, max: 32 },
            "slots",
            "2 x 2^numerology, as OPENAIRINTERFACE has it",
            "By how much SLOT.indication names a slot before it is on air.",
        ),
        Key::default(
            "pipeline",
            Accepts::Integer { min: 0, max: 32 },
            "slots",
            "4",
            "How long indications of a former owner's slots are still admitted.",
        ),
        Key::absent(
            "null_deadline",
            Accepts::Duration {
                min_ns: 0,
                max_ns: 10_000_000,
            },
            "",
            "half a slot",
            "Before a slot is on air: when a standby that has no request for it is given a NULL one.",
        ),
        Key::default(
            "active_nulls",
            FLAG,
            "",
            "false",
            "The active PHY is given those, too: for one that fails when its L2 has nothing to say.",
        ),
        Key::absent(
            "grace",
            Accepts::Duration {
                min_ns: 0,
                max_ns: 1_000_000,
            },
            "",
            "half a slot",
            "From when a SLOT.indication is due until it is made up.",
        ),
        Key::default(
            "confirm",
            Accepts::Integer { min: 1, max: 1024 },
            "slots",
            "2",
            "Missing SLOT.indications in a row that mean loss of a PHY.",
        ),
        Key::default(
            "make_up",
            FLAG,
            "",
            "true",
            "Make up SLOT.indications that are overdue. `false` in the half of a message controller beside the \
             PHYs: the other half does, and learns from the silence that a PHY is lost.",
        ),
        Key::default(
            "fail_crc",
            FLAG,
            "",
            "false",
            "Make up a failing CRC.indication for each transport block that a lost PHY still owed.",
        ),
        Key::default(
            "answer",
            Accepts::Words(&["active", "worst"]),
            "",
            "active",
            "Which P5 answer the L2 is given when all PHYs have answered: the active one's, or that of the \
             first that refuses.",
        ),
        Key::absent(
            "p5",
            Accepts::Form("a mapping"),
            "",
            "no proxy: a PHY runs when it is heard",
            "PARAM, CONFIG, START and STOP for all PHYs.",
        ),
    ],
};

pub(in crate::config) const P5_TABLE: Table = Table {
    path: "cells.NAME.fapi.p5",
    about: "P5 ends in the appliance: it connects to the L2 as its PHY, and PHYs connect to it as their L2; \
            see [P5](p5.md).",
    keys: &[
        Key::default(
            "transport",
            Accepts::Words(&["sctp", "tcp"]),
            "",
            "sctp",
            "`sctp` needs a kernel that has it.",
        ),
        Key::required("l2", SOCKET, "", "Where the L2 listens."),
        Key::required("listen", SOCKET, "", "Where PHYs connect to."),
    ],
};

const SOCKET: Accepts = Accepts::Form("IP address and port, such as 127.0.0.1:50001");
