//! Bytes and meaning: views, edits and emitters, one protocol per file.
//!
//! A view is built by `X::parse(bytes) -> Result<(X<'_>, &[u8]), WireError>`, which returns the view and
//! exactly the payload that the header announces; accessors of a view cannot fail. An edit changes
//! named fields of bytes that were parsed. An emitter writes what the box sends. Nothing here panics on
//! any input, and unknown types are values, not errors.

pub mod arp;
pub mod checksum;
pub mod delay;
pub mod describe;
pub mod ecpri;
pub mod ethernet;
pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod nfapi;
pub mod oran;
pub mod sctp;
pub mod udp;
#[cfg(test)]
mod vectors;

use std::fmt;

/// Which layer refused, and for what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WireError {
    /// The layer whose rule was broken.
    pub layer: Layer,
    /// The rule.
    pub fault: Fault,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.layer.label(), self.fault.label())
    }
}

impl std::error::Error for WireError {}

/// A layer of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layer {
    /// Ethernet header.
    Ethernet,
    /// VLAN tags.
    Vlan,
    /// IPv4 or IPv6.
    Ip,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ARP.
    Arp,
    /// ICMP for IPv4.
    Icmp,
    /// eCPRI common header and message.
    Ecpri,
    /// O-RAN radio header.
    Radio,
    /// O-RAN C-plane.
    Cplane,
    /// O-RAN U-plane.
    Uplane,
    /// nFAPI P7 header.
    P7,
    /// nFAPI P5 header.
    P5,
    /// FAPI message body.
    Fapi,
}

impl Layer {
    /// One word, for reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan => "vlan",
            Self::Ip => "ip",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Arp => "arp",
            Self::Icmp => "icmp",
            Self::Ecpri => "ecpri",
            Self::Radio => "radio",
            Self::Cplane => "cplane",
            Self::Uplane => "uplane",
            Self::P7 => "p7",
            Self::P5 => "p5",
            Self::Fapi => "fapi",
        }
    }
}

/// What was wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// Fewer bytes than the header needs.
    Truncated,
    /// A length field is too small for what it counts, or larger than what is left.
    Size,
    /// A version or revision that is not ours to read.
    Version,
    /// A field holds a value outside its range.
    Range,
    /// More nesting than the format allows.
    Depth,
    /// A piece of a datagram, not parseable alone.
    Fragment,
    /// A method whose length cannot be walked.
    Unwalkable,
    /// A checksum that is not that of the bytes.
    Checksum,
    /// A header of OAI's nFAPI of early 2024.
    OldHeader,
    /// More pieces than the header can number.
    Segments,
}

impl Fault {
    /// One word, for reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Size => "size",
            Self::Version => "version",
            Self::Range => "range",
            Self::Depth => "depth",
            Self::Fragment => "fragment",
            Self::Unwalkable => "unwalkable",
            Self::Checksum => "checksum",
            Self::OldHeader => "old header",
            Self::Segments => "segments",
        }
    }
}
