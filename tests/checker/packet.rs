//! What a frame says, read from its bytes: Ethernet with up to two tags, eCPRI over Ethernet or UDP,
//! concatenated messages, eAxC, sequence number and radio header (fronthaul reference, sections 1 to 3).

use super::settings::Mac;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A dissected frame.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// TCI of each tag, outermost first.
    pub tags: Vec<u16>,
    /// The innermost EtherType.
    pub ethertype: u16,
    /// IP and UDP, if the eCPRI PDU is carried so.
    pub datagram: Option<Datagram>,
    /// The eCPRI PDU's messages; empty if this is no eCPRI or it cannot be read.
    pub messages: Vec<Message>,
    /// End of the last message: what follows is padding.
    pub end: usize,
}

/// IP and UDP of a frame.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Source and destination address.
    pub addresses: (IpAddr, IpAddr),
    /// Source and destination UDP port.
    pub ports: (u16, u16),
    /// Checksums are right (or absent, where allowed) and lengths agree.
    pub sound: bool,
    /// End of the UDP datagram in the frame.
    pub end: usize,
}

/// One eCPRI message.
#[derive(Clone, Debug)]
pub struct Message {
    /// ecpriMessage.
    pub kind: u8,
    /// Another follows.
    pub more: bool,
    /// ecpriPayload as written.
    pub size: u16,
    /// The payload, as a range of the frame.
    pub body: Range<usize>,
    /// eAxC and sequence of types 0 and 2.
    pub stream: Option<Stream>,
    /// Radio header of a first fragment.
    pub radio: Option<Radio>,
}

/// The identifier and sequence of types 0 and 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// ecpriPcid or ecpriRtcid.
    pub eaxc: u16,
    /// Sequence ID.
    pub sequence: u8,
    /// E bit and Subsequence ID as one byte.
    pub fragment: u8,
}

impl Stream {
    /// Subsequence ID.
    pub fn subsequence(self) -> u8 {
        self.fragment & 0x7f
    }
}

/// The radio header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Radio {
    /// dataDirection: 1 = downlink.
    pub downlink: bool,
    /// payloadVersion.
    pub version: u8,
    /// filterIndex.
    pub filter: u8,
    /// frameId.
    pub frame: u8,
    /// subframeId.
    pub subframe: u8,
    /// slotId.
    pub slot: u8,
    /// symbolId or startSymbolId.
    pub symbol: u8,
    /// sectionType of type 2.
    pub section_type: Option<u8>,
}

impl Packet {
    /// VLAN ids, outermost first.
    pub fn vlans(&self) -> Vec<u16> {
        self.tags.iter().map(|tci| tci & 0xfff).collect()
    }

    /// True if it carries C-plane or U-plane.
    pub fn is_fronthaul(&self) -> bool {
        self.messages
            .iter()
            .any(|message| matches!(message.kind, 0 | 2))
    }
}

/// Reads `bytes`; `None` if even the Ethernet header is not there or has more than two tags.
pub fn dissect(bytes: &[u8], lenient: bool) -> Option<Packet> {
    let mut packet = Packet {
        destination: bytes.get(..6)?.try_into().ok()?,
        source: bytes.get(6..12)?.try_into().ok()?,
        end: bytes.len(),
        ..Packet::default()
    };
    let mut at = 12;
    loop {
        packet.ethertype = word(bytes, at)?;
        at += 2;
        if !matches!(packet.ethertype, 0x8100 | 0x88a8 | 0x9100) {
            break;
        }
        if packet.tags.len() == 2 {
            return None;
        }
        packet.tags.push(word(bytes, at)?);
        at += 2;
    }
    let pdu = match packet.ethertype {
        0xaefe => Some(at..bytes.len()),
        0x0800 | 0x86dd => {
            packet.datagram = datagram(bytes, at, packet.ethertype == 0x0800);
            packet
                .datagram
                .as_ref()
                .map(|udp| udp.end)
                .and_then(|end| udp_payload(bytes, at, end))
        }
        _ => None,
    };
    if let Some(messages) = pdu.and_then(|pdu| messages(bytes, pdu, lenient)) {
        packet.end = messages
            .last()
            .map_or(packet.end, |message| message.body.end);
        packet.messages = messages;
    }
    Some(packet)
}

/// A big-endian word at `at`.
pub fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn messages(bytes: &[u8], pdu: Range<usize>, lenient: bool) -> Option<Vec<Message>> {
    let mut found = Vec::with_capacity(1);
    let mut at = pdu.start;
    loop {
        let head = bytes.get(at..at + 4).filter(|_| at + 4 <= pdu.end)?;
        let (more, kind) = (head[0] & 1 == 1, head[1]);
        let size = word(head, 2)?;
        let room = pdu.end - at - 4;
        let mut length = usize::from(size);
        if lenient && !more && (size == 0 || length > room) {
            length = room;
        }
        if head[0] >> 4 != 1 || length > room || length < shortest(kind) {
            return None;
        }
        let body = at + 4..at + 4 + length;
        let (stream, radio) = match kind {
            0 | 2 => inside(&bytes[body.clone()], kind),
            _ => (None, None),
        };
        found.push(Message {
            kind,
            more,
            size,
            body,
            stream,
            radio,
        });
        if !more {
            return Some(found);
        }
        at += (4 + length).next_multiple_of(4);
    }
}

fn shortest(kind: u8) -> usize {
    match kind {
        0 | 1 | 2 | 7 => 4,
        3 | 8 => 8,
        4 => 12,
        5 => 20,
        6 => 3,
        11 => 12,
        _ => 0,
    }
}

fn inside(body: &[u8], kind: u8) -> (Option<Stream>, Option<Radio>) {
    let stream = Stream {
        eaxc: u16::from_be_bytes([body[0], body[1]]),
        sequence: body[2],
        fragment: body[3],
    };
    if stream.subsequence() != 0 || body.len() < 8 {
        return (Some(stream), None);
    }
    let place = u16::from_be_bytes([body[6], body[7]]);
    let radio = Radio {
        downlink: body[4] & 0x80 != 0,
        version: body[4] >> 4 & 7,
        filter: body[4] & 15,
        frame: body[5],
        subframe: (place >> 12) as u8,
        slot: (place >> 6 & 63) as u8,
        symbol: (place & 63) as u8,
        section_type: (kind == 2).then(|| body.get(9).copied()).flatten(),
    };
    (Some(stream), Some(radio))
}

fn datagram(bytes: &[u8], ip: usize, v4: bool) -> Option<Datagram> {
    let (udp, end, addresses, ip_sound) = match v4 {
        true => ipv4(bytes, ip)?,
        false => ipv6(bytes, ip)?,
    };
    let length = usize::from(word(bytes, udp + 4)?);
    let checksum = word(bytes, udp + 6)?;
    let stop = udp + length;
    if length < 8 || stop > end {
        return None;
    }
    let summed = || match addresses {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            checksum_of(&[&a.octets(), &b.octets()], &bytes[udp..stop], length)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            checksum_of(&[&a.octets(), &b.octets()], &bytes[udp..stop], length)
        }
        _ => 1,
    };
    let udp_sound = if checksum == 0 {
        v4
    } else {
        summed() == 0xffff
    };
    Some(Datagram {
        addresses,
        ports: (word(bytes, udp)?, word(bytes, udp + 2)?),
        sound: ip_sound && udp_sound && stop == end,
        end: stop,
    })
}

fn udp_payload(bytes: &[u8], ip: usize, end: usize) -> Option<Range<usize>> {
    let header = match bytes.get(ip)? >> 4 {
        4 => usize::from(bytes[ip] & 15) * 4,
        _ => 40,
    };
    Some(ip + header + 8..end)
}

type Network = (usize, usize, (IpAddr, IpAddr), bool);

fn ipv4(bytes: &[u8], at: usize) -> Option<Network> {
    let first = *bytes.get(at)?;
    let header = usize::from(first & 15) * 4;
    let total = usize::from(word(bytes, at + 2)?);
    let end = at + total;
    let fragment = word(bytes, at + 6)? & 0x3fff != 0;
    if first >> 4 != 4
        || header < 20
        || total < header + 8
        || end > bytes.len()
        || fragment
        || bytes[at + 9] != 17
    {
        return None;
    }
    let address = |from: usize| -> Option<IpAddr> {
        let octets: [u8; 4] = bytes.get(from..from + 4)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    };
    let sound = fold(sum(&bytes[at..at + header])) == 0xffff;
    Some((
        at + header,
        end,
        (address(at + 12)?, address(at + 16)?),
        sound,
    ))
}

fn ipv6(bytes: &[u8], at: usize) -> Option<Network> {
    let length = usize::from(word(bytes, at + 4)?);
    let end = at + 40 + length;
    if bytes.get(at)? >> 4 != 6 || end > bytes.len() || bytes[at + 6] != 17 || length < 8 {
        return None;
    }
    let address = |from: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = bytes.get(from..from + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    Some((at + 40, end, (address(at + 8)?, address(at + 24)?), true))
}

fn checksum_of(addresses: &[&[u8]; 2], udp: &[u8], length: usize) -> u16 {
    let pseudo = sum(addresses[0]) + sum(addresses[1]) + 17 + length as u64;
    fold(pseudo + sum(udp))
}

fn sum(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks(2);
    pairs
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)))
        .sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
