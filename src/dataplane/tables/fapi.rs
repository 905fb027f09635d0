//! What an lcore reads of the FAPI plane: how peers speak P7, the appliance's own addresses, the PHYs of a cell.

use crate::planes::fapi::group::GroupRules;
use crate::ran::{MacAddr, PeerId, PortId, VlanStack};
use crate::wire::nfapi::limits::Limits;
use crate::wire::nfapi::{Check, Dialect, Encoding, PhyId};
use std::net::Ipv4Addr;

/// How an L2 or a PHY speaks nFAPI P7.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct P7Entry {
    /// How it writes headers.
    pub dialect: Dialect,
    /// How it writes what follows them.
    pub encoding: Encoding,
    /// PHY_ID in messages from and to it.
    pub phy: PhyId,
    /// Largest datagram that it is sent, bytes of UDP payload.
    pub segment: u16,
    /// Whether its checksums are verified.
    pub check: Check,
    /// Arrays that a request must not overflow.
    pub limits: Option<Limits>,
    /// MTU of its port: longer datagrams are fragmented.
    pub mtu: u16,
    /// Where its datagrams come from and go to.
    pub address: P7Address,
}

/// The two ends of P7 between the appliance and a peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct P7Address {
    /// The peer.
    pub peer: Ipv4Addr,
    /// The appliance.
    pub own: Ipv4Addr,
    /// The UDP port on which the appliance receives.
    pub own_port: u16,
}

impl P7Address {
    /// Instead of a port, for a fragment that names none: finds one of the peers with these addresses.
    pub const ANY_PORT: u16 = 0;
}

/// An address of the appliance itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnAddress {
    /// Where it is.
    pub port: PortId,
    /// In which VLAN.
    pub vlans: VlanStack,
    /// The IPv4 address.
    pub ip: Ipv4Addr,
    /// The MAC address that goes with it.
    pub mac: MacAddr,
}

/// The FAPI plane of a cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FapiTables {
    /// The fixed side.
    pub l2: PeerId,
    /// By `MemberId`.
    pub phys: Vec<PhyTables>,
    /// What a request must not exceed, and how the PHYs read that cannot hold more, each once: any may be active
    /// next.
    pub readers: Vec<(Limits, Encoding)>,
    /// Of the group.
    pub rules: GroupRules,
    /// SLOT.indications that no PHY sent are made up for the L2.
    pub make_up: bool,
    /// Make up failing CRC.indications for what a lost PHY still owed.
    pub fail_crc: bool,
    /// PHYs run from START to STOP as P5 says; else from when they are heard.
    pub has_p5: bool,
}

/// The PHY of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PhyTables {
    /// Its endpoint.
    pub peer: PeerId,
    /// Slots by which it counts ahead of the L2.
    pub slot_offset: i32,
}
