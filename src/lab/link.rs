//! One way from a sender to the box: addresses, tags and transport, and the bytes of a frame on it.

use super::body::UserBody;
use super::mark::{MARK_LEN, Mark};
use crate::config::model::{Peer, Transport};
use crate::ran::{
    Direction, EaxcId, MacAddr, Numerology, PortId, SequenceNumber, SlotCount, VlanStack, WireSlot,
};
use crate::wire::ecpri::{self, MessageType, StreamHeader};
use crate::wire::ethernet::{self, Tag};
use crate::wire::oran::header as radio;
use crate::wire::{ipv4, ipv6, udp};
use std::net::IpAddr;

/// The frames of one peer, one plane.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) port: PortId,
    ethernet: Vec<u8>,
    internet: Option<Internet>,
}

/// UDP over IP, toward the box.
#[derive(Clone, Debug)]
struct Internet {
    header: IpHeader,
    ports: udp::Header,
}

#[derive(Clone, Debug)]
enum IpHeader {
    V4(ipv4::Header),
    V6(ipv6::Header),
}

/// What the headers of one message say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub eaxc: EaxcId,
    pub sequence: u8,
    pub direction: Direction,
    pub filter_index: u8,
    pub slot: SlotCount,
    pub numerology: Numerology,
    pub symbol: u8,
}

impl Link {
    /// The C-plane of `peer`.
    pub(super) fn control(peer: &Peer) -> Self {
        Self::new(peer, peer.vlan_control)
    }

    /// The U-plane of `peer`.
    pub(super) fn user(peer: &Peer) -> Self {
        Self::new(peer, peer.vlan_user)
    }

    /// Bytes of IP and UDP headers, which the MTU counts.
    pub(super) const fn internet_len(&self) -> usize {
        match &self.internet {
            None => 0,
            Some(Internet {
                header: IpHeader::V4(_),
                ..
            }) => 20 + 8,
            Some(Internet {
                header: IpHeader::V6(_),
                ..
            }) => 40 + 8,
        }
    }

    /// Writes a C-plane frame whose message continues with `body` behind the radio header.
    pub(super) fn control_frame(&self, address: Address, body: &[u8], out: &mut Vec<u8>) -> usize {
        self.begin(MessageType::RealTimeControl, address, body.len(), out);
        out.extend_from_slice(body);
        self.complete(out);
        if out.len() < SHORTEST {
            out.resize(SHORTEST, 0);
        }
        out.len()
    }

    /// Writes a U-plane frame, at most `snap` bytes of it, and returns its length on the wire.
    pub(super) fn user_frame(
        &self,
        address: Address,
        body: &UserBody,
        mark: Mark,
        snap: usize,
        out: &mut Vec<u8>,
    ) -> usize {
        self.begin(MessageType::IqData, address, body.len, out);
        let head = out.len();
        let marked = body.mark_at + MARK_LEN;
        let stored = if self.internet.is_some() {
            body.len // the checksum covers every byte
        } else {
            body.len.min(snap.saturating_sub(head).max(marked))
        };
        let kept = body.bytes.get(..stored).unwrap_or(&body.bytes);
        out.extend_from_slice(kept);
        out.resize(head + stored, 0);
        if let Some(place) = out.get_mut(head + body.mark_at..) {
            for (byte, mark) in place.iter_mut().zip(mark.to_bytes()) {
                *byte = mark;
            }
        }
        self.complete(out);
        let len = head + body.len;
        out.truncate(snap.max(head + marked));
        if len >= SHORTEST {
            return len;
        }
        if out.len() == len {
            out.resize(SHORTEST, 0);
        }
        SHORTEST
    }

    fn new(peer: &Peer, vlan: VlanStack) -> Self {
        let internet = internet(&peer.transport);
        let ethertype = match &internet {
            None => ethernet::ECPRI,
            Some(Internet {
                header: IpHeader::V4(_),
                ..
            }) => ethernet::IPV4,
            Some(Internet {
                header: IpHeader::V6(_),
                ..
            }) => ethernet::IPV6,
        };
        Self {
            port: peer.port,
            ethernet: ethernet_header(peer.facing, peer.mac, vlan, peer.pcp, ethertype),
            internet,
        }
    }

    /// Headers up to the radio header of a message with `body` bytes behind it.
    fn begin(&self, message_type: MessageType, address: Address, body: usize, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.ethernet);
        let size = ecpri::STREAM_LEN + radio::HEADER_LEN + body;
        if let Some(internet) = &self.internet {
            internet.emit(ecpri::HEADER_LEN + size, out);
        }
        let common = ecpri::Header {
            message_type,
            concatenated: false,
            size: size as u16,
        };
        common.emit(out);
        let stream = StreamHeader {
            eaxc: address.eaxc,
            sequence: SequenceNumber(address.sequence),
        };
        stream.emit(out);
        address.radio_header().emit(out);
    }

    /// Lengths and checksum of the datagram, if it is one.
    fn complete(&self, out: &mut [u8]) {
        let Some(internet) = &self.internet else {
            return;
        };
        let start = self.ethernet.len() + self.internet_len() - 8;
        if let Some(datagram) = out.get_mut(start..) {
            udp::complete(datagram, internet.pseudo_sum());
        }
    }
}

impl Internet {
    fn emit(&self, pdu: usize, out: &mut Vec<u8>) {
        let payload = (pdu + 8) as u16;
        match &self.header {
            IpHeader::V4(header) => header.emit(payload, out),
            IpHeader::V6(header) => header.emit(payload, out),
        }
        self.ports.emit(Some(self.pseudo_sum()), &[], out);
    }

    fn pseudo_sum(&self) -> u32 {
        match &self.header {
            IpHeader::V4(header) => header.pseudo_sum(),
            IpHeader::V6(header) => header.pseudo_sum(),
        }
    }
}

impl Address {
    fn radio_header(&self) -> radio::Header {
        let wire = WireSlot::of(self.slot, self.numerology);
        let (frame, subframe, slot) = wire.fields(self.numerology);
        radio::Header {
            direction: self.direction,
            filter_index: self.filter_index,
            frame,
            subframe,
            slot,
            symbol: self.symbol,
        }
    }
}

fn internet(transport: &Transport) -> Option<Internet> {
    let Transport::Udp {
        peer,
        facing,
        peer_port,
        facing_port,
    } = *transport
    else {
        return None;
    };
    let header = match (peer, facing) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => IpHeader::V4(ipv4::Header {
            source,
            destination,
            dscp: EXPEDITED,
            ttl: 64,
            protocol: ipv4::UDP,
        }),
        (IpAddr::V6(source), IpAddr::V6(destination)) => IpHeader::V6(ipv6::Header {
            source,
            destination,
            dscp: EXPEDITED,
            hop_limit: 64,
            next_header: ipv6::UDP,
        }),
        _ => return None, // the configuration holds one family only
    };
    Some(Internet {
        header,
        ports: udp::Header {
            source_port: peer_port,
            destination_port: facing_port,
        },
    })
}

pub(super) fn ethernet_header(
    destination: MacAddr,
    source: MacAddr,
    vlan: VlanStack,
    pcp: u8,
    ethertype: u16,
) -> Vec<u8> {
    let outer = if vlan.count() > 1 {
        ethernet::S_TAG
    } else {
        ethernet::C_TAG
    };
    let tpids = [outer, ethernet::C_TAG];
    let tags: Vec<Tag> = tpids
        .into_iter()
        .zip(vlan.ids())
        .map(|(tpid, id)| Tag {
            tpid,
            tci: u16::from(pcp & 7) << 13 | id,
        })
        .collect();
    let mut bytes = Vec::new();
    let header = ethernet::Header {
        destination,
        source,
        tags: &tags,
        ethertype,
    };
    header.emit(&mut bytes);
    bytes
}

/// DUs of the captures pad to this many bytes without FCS.
const SHORTEST: usize = 64;
/// DSCP of C- and U-plane.
const EXPEDITED: u8 = 46;
