//! The midhaul as it is meant: CUs, and how a DU is associated with one.

use crate::ran::PortId;
use std::net::IpAddr;

/// A CU, reached over F1-C.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cu {
    /// Name.
    pub name: String,
    /// The port it is reached through.
    pub port: PortId,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// The SCTP port on which it listens.
    pub sctp_port: u16,
    /// The UDP port of the encapsulation (RFC 6951); `None`: SCTP over IP.
    pub udp: Option<u16>,
}

/// The F1-C of a DU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct F1 {
    /// Position in `Config::cus`.
    pub cu: usize,
    /// The port the DU is reached through on the midhaul.
    pub port: PortId,
    /// Its IP addresses there.
    pub addresses: Vec<IpAddr>,
    /// The SCTP port that it sends from; `None`: any.
    pub sctp_port: Option<u16>,
    /// The CU is told of the loss of the DU; else there is only an event.
    pub aborts: bool,
    /// It is lost with one of the cells that it speaks for; else with the last of them.
    pub any_cell: bool,
}
