//! The FAPI plane as it is meant: L2s, PHYs, and what a cell says of the plane between them.

use super::model::Peer;
use crate::ran::Duration;
use std::net::SocketAddr;

/// An L2 or a PHY, reached over nFAPI P7.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FapiPeer {
    /// Its endpoint; its transport is UDP over IPv4, and `facing` is the appliance itself.
    pub peer: Peer,
    /// How it writes headers and, unless `bodies` says otherwise, messages.
    pub dialect: Dialect,
    /// How it writes what follows the headers.
    pub bodies: Bodies,
    /// PHY_ID in messages from and to it.
    pub phy_id: u16,
    /// Largest datagram that it is sent, bytes of UDP payload.
    pub segment: u16,
    /// Refuse what fails the header's checksum.
    pub check: bool,
    /// Refuse requests that overflow the arrays of OAI's unpackers.
    pub oai_limits: bool,
}

/// How an nFAPI peer writes headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// OPENAIRINTERFACE since 2024.
    OaiNfapi,
    /// SCF 225.2.1.
    Scf225v2,
    /// Plain FAPI, big-endian.
    FapiBig,
    /// Plain FAPI, little-endian.
    FapiLittle,
}

impl Dialect {
    /// Whose bodies its peers write behind these headers.
    pub const fn bodies(self) -> Bodies {
        match self {
            Self::OaiNfapi | Self::FapiBig => Bodies::Oai,
            Self::Scf225v2 => Bodies::Scf222,
            Self::FapiLittle => Bodies::Aerial,
        }
    }
}

/// How an nFAPI peer writes the bodies of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bodies {
    /// As OPENAIRINTERFACE's packers.
    Oai,
    /// As SCF 222.10.02 has them.
    Scf222,
    /// As Aerial, little-endian.
    Aerial,
}

/// The FAPI plane of a cell: an L2 served by the PHYs of the members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fapi {
    /// Position in `Config::l2s`.
    pub l2: usize,
    /// Slots by which SLOT.indication names a slot before it is on air.
    pub slots_ahead: u32,
    /// Slots during which indications of a former owner are still admitted.
    pub pipeline: u32,
    /// Before a slot is on air: when a member without a request for it is given a NULL one.
    pub null_deadline: Duration,
    /// The active member is given those, too.
    pub active_nulls: bool,
    /// From when a SLOT.indication is due until it is made up.
    pub grace: Duration,
    /// Missing SLOT.indications in a row that mean loss.
    pub confirm: u32,
    /// Make up SLOT.indications that are overdue.
    pub make_up: bool,
    /// Make up failing CRC.indications for the slots that a lost PHY still owed.
    pub fail_crc: bool,
    /// Which P5 answer the L2 is given.
    pub answer: Answer,
    /// The P5 proxy; `None`: P5 goes elsewhere, and a PHY runs when it is heard.
    pub p5: Option<P5>,
}

/// Which P5 answer an L2 is given when all PHYs have answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The active member's.
    Active,
    /// That of the first that refuses, else the active member's.
    Worst,
}

/// Where P5 is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct P5 {
    /// SCTP by the kernel, else TCP.
    pub sctp: bool,
    /// Where the L2 listens.
    pub l2: SocketAddr,
    /// Where PHYs connect to.
    pub listen: SocketAddr,
}
