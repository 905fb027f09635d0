//! Writes what peers send: P7 headers of each dialect, UDP, IPv4 with fragments, Ethernet. For runs made in
//! tests; nothing that is judged is written with it.

use super::message::checksum;
use super::packet::{ones_sum, udp_sum};
use super::settings::{Dialect, Mac, Peer};

/// What a P7 message says beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// How it is written.
    pub dialect: Dialect,
    /// PHY_ID.
    pub phy_id: u16,
    /// message_ID.
    pub id: u16,
    /// Sequence number, cut to the width of the dialect.
    pub sequence: u16,
    /// Transmit timestamp.
    pub timestamp: u32,
}

/// The UDP payloads of a message, none longer than `segment`.
pub fn datagrams(head: Head, body: &[u8], segment: usize) -> Vec<Vec<u8>> {
    match head.dialect {
        Dialect::Oai => oai(head, body, segment),
        Dialect::Scf => scf(head, body, segment),
        Dialect::FapiBig | Dialect::FapiLittle => vec![fapi(head, body)],
    }
}

fn oai(head: Head, body: &[u8], segment: usize) -> Vec<Vec<u8>> {
    let cuts: Vec<&[u8]> = match body.is_empty() {
        true => vec![body],
        false => body.chunks(segment - 18).collect(),
    };
    let last = cuts.len() - 1;
    let datagram = |(number, cut): (usize, &&[u8])| {
        let more = if number < last { 0x8000 } else { 0 };
        let mut datagram = [head.phy_id.to_be_bytes(), head.id.to_be_bytes()].concat();
        datagram.extend((cut.len() as u32 + 18).to_be_bytes());
        datagram.extend((more | (number as u16 & 0x7f) << 8 | head.sequence & 0xff).to_be_bytes());
        datagram.extend([0; 4]);
        datagram.extend(head.timestamp.to_be_bytes());
        datagram.extend_from_slice(cut);
        let sum = checksum(&datagram);
        datagram[10..14].copy_from_slice(&sum.to_be_bytes());
        datagram
    };
    cuts.iter().enumerate().map(datagram).collect()
}

fn scf(head: Head, body: &[u8], segment: usize) -> Vec<Vec<u8>> {
    let mut sdu = vec![1, head.phy_id as u8];
    sdu.extend(head.id.to_be_bytes());
    sdu.extend((body.len() as u32).to_be_bytes());
    sdu.extend_from_slice(body);
    let size = segment - 14;
    let datagram = |(number, cut): (usize, &[u8])| {
        let mut datagram = head.sequence.to_be_bytes().to_vec();
        datagram.extend((sdu.len() as u32).to_be_bytes());
        datagram.extend(((number * size) as u32).to_be_bytes());
        datagram.extend(head.timestamp.to_be_bytes());
        datagram.extend_from_slice(cut);
        datagram
    };
    sdu.chunks(size).enumerate().map(datagram).collect()
}

fn fapi(head: Head, body: &[u8]) -> Vec<u8> {
    let (id, length) = match head.dialect {
        Dialect::FapiLittle => (head.id.to_le_bytes(), (body.len() as u32).to_le_bytes()),
        _ => (head.id.to_be_bytes(), (body.len() as u32).to_be_bytes()),
    };
    [&[1, head.phy_id as u8], &id[..], &length, body].concat()
}

/// Which way a frame goes between the box and a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// To the peer.
    To,
    /// From it.
    From,
}

/// The frames of a datagram between the box and `peer`, fragmented for `mtu`; `id` is that of IPv4.
pub fn frames(peer: &Peer, way: Way, payload: &[u8], id: u16, mtu: usize) -> Vec<Vec<u8>> {
    let (macs, ips, ports) = match way {
        Way::To => (
            (peer.mac, peer.facing),
            (peer.facing_ip, peer.ip),
            (peer.facing_udp, peer.udp),
        ),
        Way::From => (
            (peer.facing, peer.mac),
            (peer.ip, peer.facing_ip),
            (peer.udp, peer.facing_udp),
        ),
    };
    let mut udp = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    udp.extend((payload.len() as u16 + 8).to_be_bytes());
    udp.extend([0; 2]);
    udp.extend_from_slice(payload);
    let sum = match udp_sum(ips, &udp) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    let size = (mtu - 20) / 8 * 8;
    let last = (udp.len() - 1) / size;
    let frame = |(number, piece): (usize, &[u8])| {
        let more = if number < last { 0x2000 } else { 0 };
        let mut ip = vec![0x45, 0];
        ip.extend((piece.len() as u16 + 20).to_be_bytes());
        ip.extend(id.to_be_bytes());
        ip.extend((more | (number * size / 8) as u16).to_be_bytes());
        ip.extend([64, 17, 0, 0]);
        ip.extend(ips.0.octets());
        ip.extend(ips.1.octets());
        let sum = !ones_sum(ip.chunks(2));
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut frame = [macs.0, macs.1].concat();
        for vlan in &peer.vlans {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend([8, 0]);
        frame.extend(ip);
        frame.extend_from_slice(piece);
        frame
    };
    udp.chunks(size).enumerate().map(frame).collect()
}
