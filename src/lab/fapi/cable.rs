//! The wire between the box and one L2 or PHY: P7 datagrams in UDP over IPv4 and Ethernet.
//!
//! A datagram beyond the MTU is cut into IPv4 fragments, as a kernel does it (RFC 791), and put together from
//! them. What the box sends is read strictly: addresses, ports and checksums have to be those of the peer.

use crate::config::model::{Peer, Transport};
use crate::lab::link::ethernet_header;
use crate::ran::{MacAddr, PortId, VlanStack};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::{self, Ipv4};
use crate::wire::{checksum, udp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// One peer's wire.
#[derive(Clone, Debug)]
pub struct Cable {
    port: PortId,
    mtu: usize,
    addresses: Addresses,
    ethernet: Vec<u8>,
    /// Identification of the next datagram that is cut.
    id: u16,
    pieces: BTreeMap<u16, Pieces>,
    report: CableReport,
}

/// What the box sent that a peer cannot take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CableReport {
    /// Frames for somebody else: MAC, VLAN, address or UDP port.
    pub foreign: u64,
    /// Frames that are no P7 datagram in UDP over IPv4, or whose checksums do not hold.
    pub broken: u64,
}

#[derive(Clone, Copy, Debug)]
struct Addresses {
    mac: MacAddr,
    facing_mac: MacAddr,
    vlan: VlanStack,
    ip: Ipv4Addr,
    facing_ip: Ipv4Addr,
    udp: u16,
    facing_udp: u16,
}

/// Fragments by offset, and where the last ends.
type Pieces = (BTreeMap<u16, Vec<u8>>, Option<usize>);

impl Cable {
    /// The wire of `peer` at a port with `mtu`; `None` unless it is UDP over IPv4.
    pub fn new(peer: &Peer, mtu: u16) -> Option<Self> {
        let Transport::Udp {
            peer: IpAddr::V4(ip),
            facing: IpAddr::V4(facing_ip),
            peer_port,
            facing_port,
        } = peer.transport
        else {
            return None;
        };
        let (mac, vlan) = (peer.mac, peer.vlan_user);
        Some(Self {
            port: peer.port,
            mtu: usize::from(mtu),
            addresses: Addresses {
                mac,
                facing_mac: peer.facing,
                vlan,
                ip,
                facing_ip,
                udp: peer_port,
                facing_udp: facing_port,
            },
            ethernet: ethernet_header(peer.facing, mac, vlan, peer.pcp, ethernet::IPV4),
            id: 0,
            pieces: BTreeMap::new(),
            report: CableReport::default(),
        })
    }

    /// The port of the box at its other end.
    pub const fn port(&self) -> PortId {
        self.port
    }

    /// What the box sent that the peer cannot take.
    pub const fn report(&self) -> CableReport {
        self.report
    }

    /// The frames that carry a datagram of the peer to the box.
    pub fn pack(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let header = ipv4::Header {
            source: self.addresses.ip,
            destination: self.addresses.facing_ip,
            dscp: EXPEDITED,
            ttl: 64,
            protocol: ipv4::UDP,
        };
        let ports = udp::Header {
            source_port: self.addresses.udp,
            destination_port: self.addresses.facing_udp,
        };
        let mut payload = Vec::with_capacity(datagram.len() + 8);
        ports.emit(Some(header.pseudo_sum()), datagram, &mut payload);
        let room = self.mtu.saturating_sub(IP_LEN);
        if payload.len() <= room {
            return vec![self.frame(header, &payload, None)];
        }
        let step = (room & !7).max(8);
        let id = self.id;
        self.id = id.wrapping_add(1);
        let last = (payload.len() - 1) / step;
        let parts = payload.chunks(step).enumerate();
        parts
            .map(|(n, part)| {
                let field = (n * step / 8) as u16 | if n < last { MORE } else { 0 };
                self.frame(header, part, Some((id, field)))
            })
            .collect()
    }

    /// The datagram that a frame of the box completes.
    pub fn unpack(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        match self.read(frame) {
            Ok(read) => read,
            Err(Refused::Foreign) => {
                self.report.foreign += 1;
                None
            }
            Err(Refused::Broken) => {
                self.report.broken += 1;
                None
            }
        }
    }

    fn read(&mut self, frame: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
        let own = self.addresses;
        let (outer, packet) = Ethernet::parse(frame).map_err(|_| Refused::Broken)?;
        let meant = outer.destination() == own.mac
            && outer.source() == own.facing_mac
            && outer.vlans() == own.vlan;
        if !meant || outer.ethertype() != ethernet::IPV4 {
            return Err(Refused::Foreign);
        }
        let parsed = Ipv4::parse_fragment(packet);
        let (header, fragment, payload) = parsed.map_err(|_| Refused::Broken)?;
        if !header.checksum_holds() || header.protocol() != ipv4::UDP {
            return Err(Refused::Broken);
        }
        if (header.source(), header.destination()) != (own.facing_ip, own.ip) {
            return Err(Refused::Foreign);
        }
        if fragment.is_whole() {
            return self.datagram(header.pseudo_sum(), payload).map(Some);
        }
        let (pieces, end) = self.pieces.entry(fragment.id).or_default();
        pieces.insert(fragment.offset, payload.to_vec());
        if !fragment.more {
            *end = Some(usize::from(fragment.offset) + payload.len());
        }
        let together: usize = pieces.values().map(Vec::len).sum();
        if *end != Some(together) {
            return Ok(None);
        }
        let pieces = self.pieces.remove(&fragment.id).unwrap_or_default().0;
        let payload: Vec<u8> = pieces.into_values().flatten().collect();
        self.datagram(header.pseudo_sum(), &payload).map(Some)
    }

    fn datagram(&self, pseudo_sum: u32, payload: &[u8]) -> Result<Vec<u8>, Refused> {
        let (header, datagram) = udp::Udp::parse(payload).map_err(|_| Refused::Broken)?;
        if !header.checksum_holds(pseudo_sum, datagram) {
            return Err(Refused::Broken);
        }
        let ports = (header.source_port(), header.destination_port());
        match ports == (self.addresses.facing_udp, self.addresses.udp) {
            true => Ok(datagram.to_vec()),
            false => Err(Refused::Foreign),
        }
    }

    /// One frame; with identification, flags and offset if it is a fragment.
    fn frame(&self, header: ipv4::Header, payload: &[u8], fragment: Option<(u16, u16)>) -> Vec<u8> {
        let mut frame = self.ethernet.clone();
        let start = frame.len();
        header.emit(payload.len() as u16, &mut frame);
        if let (Some((id, field)), Some(header)) = (fragment, frame.get_mut(start..)) {
            cut(header, id, field);
        }
        frame.extend_from_slice(payload);
        if frame.len() < SHORTEST {
            frame.resize(SHORTEST, 0);
        }
        frame
    }
}

enum Refused {
    Foreign,
    Broken,
}

/// Makes the header of a fragment of one that says don't-fragment.
fn cut(header: &mut [u8], id: u16, field: u16) {
    let Some([_, _, _, _, i0, i1, f0, f1, _, _, c0, c1, ..]) = header.first_chunk_mut::<IP_LEN>()
    else {
        return;
    };
    let difference = checksum::Difference::default()
        .replace(u16::from_be_bytes([*i0, *i1]), id)
        .replace(u16::from_be_bytes([*f0, *f1]), field);
    [*i0, *i1] = id.to_be_bytes();
    [*f0, *f1] = field.to_be_bytes();
    let sum = difference.apply(u16::from_be_bytes([*c0, *c1]));
    [*c0, *c1] = sum.to_be_bytes();
}

const IP_LEN: usize = 20;
const MORE: u16 = 0x2000;
/// Without FCS.
const SHORTEST: usize = 60;
/// DSCP as on the fronthaul.
const EXPEDITED: u8 = 46;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn peer(name: &str, own: u8, other: u8) -> Peer {
        Peer {
            name: name.to_owned(),
            port: PortId(3),
            mac: MacAddr([2, 0, 0, 0, 0, own]),
            vlan_control: VlanStack::NONE,
            vlan_user: VlanStack::NONE,
            pcp: 7,
            facing: MacAddr([2, 0, 0, 0, 0, other]),
            transport: Transport::Udp {
                peer: IpAddr::V4(Ipv4Addr::new(10, 0, 0, own)),
                facing: IpAddr::V4(Ipv4Addr::new(10, 0, 0, other)),
                peer_port: 50_000 + u16::from(own),
                facing_port: 50_000 + u16::from(other),
            },
        }
    }

    fn ends(mtu: u16) -> (Cable, Cable) {
        let cable = |own, other| Cable::new(&peer("", own, other), mtu).unwrap();
        (cable(1, 2), cable(2, 1))
    }

    fn unpacked(cable: &mut Cable, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let datagrams = frames.iter().filter_map(|frame| cable.unpack(frame));
        datagrams.collect()
    }

    #[test]
    fn a_datagram_up_to_the_mtu_is_one_frame() {
        let (mut one, _) = ends(1500);
        assert_eq!(one.pack(&[0; 1472]).len(), 1);
        assert_eq!(one.pack(&[0; 1473]).len(), 2);
    }

    #[test]
    fn no_frame_exceeds_the_mtu() {
        let (mut one, _) = ends(1499);
        let longest = one.pack(&[0; 65_000]).iter().map(Vec::len).max();
        assert!(longest.unwrap() <= 14 + 1499);
    }

    #[test]
    fn a_frame_for_somebody_else_is_foreign() {
        let (mut one, mut other) = ends(1500);
        let mut frames = one.pack(&[1, 2, 3]);
        frames[0][5] ^= 1;
        assert!(unpacked(&mut other, &frames).is_empty());
        assert_eq!(other.report().foreign, 1);
    }

    #[test]
    fn a_frame_whose_checksum_does_not_hold_is_broken() {
        let (mut one, mut other) = ends(1500);
        let mut frames = one.pack(&[1, 2, 3]);
        frames[0][14 + 20 + 8] ^= 1;
        assert!(unpacked(&mut other, &frames).is_empty());
        assert_eq!(other.report().broken, 1);
    }

    #[test]
    fn another_transport_has_no_cable() {
        let mut peer = peer("", 1, 2);
        peer.transport = Transport::Ethernet;
        assert!(Cable::new(&peer, 1500).is_none());
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked_in_any_order(
            len in 0usize..9000,
            mtu in 100u16..1600,
            turn in 0usize..64,
        ) {
            let (mut one, mut other) = ends(mtu);
            let datagram: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let mut frames = one.pack(&datagram);
            let count = frames.len();
            frames.rotate_left(turn % count);
            prop_assert_eq!(unpacked(&mut other, &frames), vec![datagram]);
            prop_assert_eq!(other.report(), CableReport::default());
        }
    }
}
