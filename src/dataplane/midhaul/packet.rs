//! Whether a frame is SCTP between a known DU and its CU, and how it got here.

use crate::dataplane::tables::{MidhaulTables, PairId, PairTables, Tables};
use crate::planes::midhaul::End;
use crate::planes::midhaul::path::Path;
use crate::ran::{PeerId, PortId};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::ipv6::Ipv6;
use crate::wire::sctp::{self, Chunks, Sctp};
use crate::wire::udp::Udp;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A frame of a pair.
#[derive(Clone, Debug)]
pub(super) struct Packet<'a> {
    pub(super) pair: PairId,
    pub(super) from: End,
    pub(super) content: Content<'a>,
}

/// What can be read of it.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    /// A packet whose chunks are in order.
    Sctp(Sctp<'a>, Chunks<'a>, Path),
    /// One whose chunks are not.
    Malformed,
    /// A fragment, or a frame of which only the beginning is at hand.
    Unread,
}

/// The frame that `received` is the beginning of, if it is of a pair. `knows` is asked about packets between
/// addresses that are not configured.
pub(super) fn packet<'a>(
    received: &'a [u8],
    port: PortId,
    tables: &Tables,
    knows: impl Fn(PairId, End, &Path, &Sctp<'_>) -> bool,
) -> Option<Packet<'a>> {
    let midhaul = &tables.midhaul;
    if !midhaul.is_behind(port) {
        return None;
    }
    let (ethernet, body) = Ethernet::parse(received).ok()?;
    let datagram = Datagram::read(ethernet.ethertype(), body)?;
    if !datagram.may_be_carried(midhaul) {
        return None;
    }
    let header = received.get(..ethernet.header_len())?;
    let addresses = (datagram.source, datagram.destination);
    for (pair, from) in midhaul.between(port, addresses.0, addresses.1) {
        let rules = midhaul.pair(pair)?;
        let Some(content) = content(&datagram, header, rules, from) else {
            continue;
        };
        return Some(Packet {
            pair,
            from,
            content,
        });
    }
    elsewhere(midhaul, port, &datagram, header, knows)
}

/// A packet between addresses that only its association knows.
fn elsewhere<'a>(
    midhaul: &MidhaulTables,
    port: PortId,
    datagram: &Datagram<'a>,
    header: &[u8],
    knows: impl Fn(PairId, End, &Path, &Sctp<'_>) -> bool,
) -> Option<Packet<'a>> {
    for (index, rules) in midhaul.pairs().iter().enumerate() {
        let from = match port {
            _ if rules.ports.member == port => End::Member,
            _ if rules.ports.fixed == port => End::Fixed,
            _ => continue,
        };
        let pair = PairId(index as u16);
        if let Some(Content::Sctp(sctp, chunks, path)) = content(datagram, header, rules, from)
            && knows(pair, from, &path, &sctp)
        {
            let content = Content::Sctp(sctp, chunks, path);
            return Some(Packet {
                pair,
                from,
                content,
            });
        }
    }
    None
}

/// What a datagram is to a pair; `None` if it is not SCTP, or between other ports.
fn content<'a>(
    datagram: &Datagram<'a>,
    header: &[u8],
    rules: &PairTables,
    from: End,
) -> Option<Content<'a>> {
    let protocol = match rules.udp {
        Some(_) => ipv4::UDP,
        None => sctp::PROTOCOL,
    };
    if datagram.protocol != protocol {
        return None;
    }
    let Some(payload) = datagram.payload else {
        // Of encapsulated packets not even a fragment's UDP port is known: others may be meant.
        return rules.udp.is_none().then_some(Content::Unread);
    };
    let (udp, bytes) = match rules.udp {
        None => (None, payload),
        Some(port) => {
            let (udp, bytes) = Udp::parse(payload).ok()?;
            let ports = (udp.source_port(), udp.destination_port());
            if ports.0 != port && ports.1 != port {
                return None;
            }
            (Some(ports), bytes)
        }
    };
    let [a, b, c, d] = *bytes.first_chunk()?;
    let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    if !rules.has_ports(from, ports.0, ports.1) {
        return None;
    }
    let Ok((sctp, chunks)) = Sctp::parse(bytes) else {
        return Some(Content::Malformed);
    };
    let path = Path::new(header, (datagram.source, datagram.destination), udp)?;
    Some(Content::Sctp(sctp, chunks, path))
}

/// An IP datagram.
struct Datagram<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    /// `None` if it is not all at hand.
    payload: Option<&'a [u8]>,
}

impl<'a> Datagram<'a> {
    fn read(ethertype: u16, body: &'a [u8]) -> Option<Self> {
        match ethertype {
            ethernet::IPV4 => Self::v4(body),
            ethernet::IPV6 => Self::v6(body),
            _ => None,
        }
    }

    /// Most of what passes, F1-U above all, is told from SCTP before any pair is looked for.
    fn may_be_carried(&self, midhaul: &MidhaulTables) -> bool {
        match (self.protocol, self.payload) {
            (sctp::PROTOCOL, _) => midhaul.has_plain(),
            (ipv4::UDP, Some([a, b, c, d, ..])) => {
                let (source, destination) = ([*a, *b], [*c, *d]);
                midhaul.has_udp(u16::from_be_bytes(source), u16::from_be_bytes(destination))
            }
            _ => false,
        }
    }

    fn v4(body: &'a [u8]) -> Option<Self> {
        if let Ok((ip, payload)) = Ipv4::parse(body) {
            return Some(Self {
                source: ip.source().into(),
                destination: ip.destination().into(),
                protocol: ip.protocol(),
                payload: Some(payload),
            });
        }
        let source: &[u8; 4] = body.get(12..)?.first_chunk()?;
        let destination: &[u8; 4] = body.get(16..)?.first_chunk()?;
        Some(Self {
            source: Ipv4Addr::from(*source).into(),
            destination: Ipv4Addr::from(*destination).into(),
            protocol: *body.get(9)?,
            payload: None,
        })
    }

    fn v6(body: &'a [u8]) -> Option<Self> {
        if let Ok((ip, payload)) = Ipv6::parse(body) {
            return Some(Self {
                source: ip.source().into(),
                destination: ip.destination().into(),
                protocol: ip.next_header(),
                payload: Some(payload),
            });
        }
        let source: &[u8; 16] = body.get(8..)?.first_chunk()?;
        let destination: &[u8; 16] = body.get(24..)?.first_chunk()?;
        let protocol = match *body.get(6)? {
            FRAGMENT => *body.get(40)?,
            other => other,
        };
        Some(Self {
            source: Ipv6Addr::from(*source).into(),
            destination: Ipv6Addr::from(*destination).into(),
            protocol,
            payload: None,
        })
    }
}

/// IPv6 fragment header, whose first byte says what is cut.
const FRAGMENT: u8 = 44;

/// The DU of the pair that a frame is of: who sent it does not matter, one lcore decides for both.
pub(in crate::dataplane) fn owner(
    received: &[u8],
    port: PortId,
    tables: &Tables,
) -> Option<PeerId> {
    let packet = packet(received, port, tables, |_, _, _, _| false)?;
    tables.midhaul.pair(packet.pair).map(|pair| pair.member)
}
