//! UDP datagrams of a port: Ethernet with any tags, IPv4 with its fragments put together, UDP.

use super::Lane;
use super::settings::Mac;
use std::collections::HashMap;
use std::net::Ipv4Addr;

/// A whole UDP datagram.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// When its last piece was there.
    pub at: u64,
    /// When its first was.
    pub begun: u64,
    /// Number of its last frame, from 1.
    pub frame: usize,
    /// Destination and source.
    pub macs: (Mac, Mac),
    /// VLAN ids, outermost first.
    pub vlans: Vec<u16>,
    /// Source and destination.
    pub ips: (Ipv4Addr, Ipv4Addr),
    /// Source and destination.
    pub ports: (u16, u16),
    /// What UDP carries.
    pub payload: Vec<u8>,
    /// What is wrong with its checksums or lengths.
    pub fault: Option<&'static str>,
}

/// What a lane holds.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Datagrams in the order in which they became whole.
    pub datagrams: Vec<Datagram>,
    /// Frames that carry IPv4 and UDP: number, bytes of their IPv4 packet.
    pub frames: Vec<(usize, usize)>,
    /// Frames with which something is wrong.
    pub faults: Vec<(usize, String)>,
}

struct Packet<'a> {
    macs: (Mac, Mac),
    vlans: Vec<u16>,
    ips: (Ipv4Addr, Ipv4Addr),
    id: u16,
    offset: usize,
    more: bool,
    sound: bool,
    payload: &'a [u8],
    length: usize,
}

struct Open {
    begun: u64,
    pieces: Vec<(usize, Vec<u8>)>,
    whole: Option<usize>,
    sound: bool,
}

/// A datagram whose pieces take longer than this is given up, nanoseconds.
const PATIENCE: u64 = 30_000_000;

/// Reads every UDP datagram of `lane`.
pub fn read(lane: &Lane) -> Reading {
    let mut reading = Reading::default();
    let mut open: HashMap<(Mac, Ipv4Addr, Ipv4Addr, u16), Open> = HashMap::new();
    for (index, frame) in lane.frames.iter().enumerate() {
        let number = index + 1;
        let Some(packet) = ipv4(&frame.bytes) else {
            continue;
        };
        reading.frames.push((number, packet.length));
        if packet.offset == 0 && !packet.more {
            let bytes = packet.payload;
            push(
                &mut reading,
                number,
                (frame.at_ns, frame.at_ns),
                &packet,
                bytes,
            );
            continue;
        }
        if packet.more && packet.payload.len() % 8 != 0 {
            let text = "a fragment that is not the last has no multiple of 8 bytes".to_owned();
            reading.faults.push((number, text));
        }
        let key = (packet.macs.1, packet.ips.0, packet.ips.1, packet.id);
        if open
            .get(&key)
            .is_some_and(|open| open.begun + PATIENCE < frame.at_ns)
        {
            let text = "an earlier datagram with this id was never whole".to_owned();
            reading.faults.push((number, text));
            open.remove(&key);
        }
        let entry = open.entry(key).or_insert_with(|| Open {
            begun: frame.at_ns,
            pieces: Vec::new(),
            whole: None,
            sound: true,
        });
        if let Err(text) = entry.take(&packet) {
            reading.faults.push((number, text));
        }
        if let Some(bytes) = entry.bytes() {
            let times = (entry.begun, frame.at_ns);
            let packet = Packet {
                sound: entry.sound,
                ..packet
            };
            push(&mut reading, number, times, &packet, &bytes);
            open.remove(&key);
        }
    }
    for left in open.values() {
        let text = format!("a datagram begun at {} is never whole", left.begun);
        reading.faults.push((lane.frames.len(), text));
    }
    reading
}

fn push(reading: &mut Reading, frame: usize, times: (u64, u64), packet: &Packet, bytes: &[u8]) {
    let word = |at: usize| {
        bytes
            .get(at..at + 2)
            .map(|b| u16::from_be_bytes([b[0], b[1]]))
    };
    let (Some(source), Some(destination), Some(length), Some(sum)) =
        (word(0), word(2), word(4), word(6))
    else {
        reading.faults.push((frame, "no room for UDP".to_owned()));
        return;
    };
    let Some(payload) = bytes.get(8..usize::from(length)) else {
        reading
            .faults
            .push((frame, format!("UDP announces {length} bytes")));
        return;
    };
    let udp_sound = sum == 0 || udp_sum(packet.ips, &bytes[..usize::from(length)]) == 0;
    let fault = match (packet.sound, udp_sound) {
        (false, _) => Some("the IPv4 header checksum is wrong"),
        (_, false) => Some("the UDP checksum is wrong"),
        _ => None,
    };
    reading.datagrams.push(Datagram {
        begun: times.0,
        at: times.1,
        frame,
        macs: packet.macs,
        vlans: packet.vlans.clone(),
        ips: packet.ips,
        ports: (source, destination),
        payload: payload.to_vec(),
        fault,
    });
}

impl Open {
    fn take(&mut self, packet: &Packet) -> Result<(), String> {
        let end = packet.offset + packet.payload.len();
        let overlaps =
            |(at, piece): &(usize, Vec<u8>)| *at < end && packet.offset < at + piece.len();
        if self.pieces.iter().any(overlaps) {
            return Err(format!("bytes {} to {end} come twice", packet.offset));
        }
        self.sound &= packet.sound;
        self.pieces.push((packet.offset, packet.payload.to_vec()));
        if !packet.more {
            self.whole = Some(end);
        }
        Ok(())
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let have: usize = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
        if self.whole? != have {
            return None;
        }
        self.pieces.sort_by_key(|(at, _)| *at);
        Some(
            self.pieces
                .iter()
                .flat_map(|(_, piece)| piece.iter().copied())
                .collect(),
        )
    }
}

fn ipv4(bytes: &[u8]) -> Option<Packet<'_>> {
    let word = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let mut vlans = Vec::new();
    let mut at = 12;
    while matches!(word(at)?, 0x8100 | 0x88a8 | 0x9100) {
        vlans.push(word(at + 2)? & 0xfff);
        at += 4;
    }
    if word(at)? != 0x0800 {
        return None;
    }
    let packet = bytes.get(at + 2..)?;
    let head = usize::from(packet.first()? & 15) * 4;
    let length = usize::from(word(at + 4)?);
    let header = packet.get(..head)?;
    if packet[0] >> 4 != 4 || head < 20 || *packet.get(9)? != 17 {
        return None;
    }
    let address = |at: usize| {
        let bytes: [u8; 4] = header[at..at + 4].try_into().unwrap();
        Ipv4Addr::from(bytes)
    };
    let flags = word(at + 8)?;
    Some(Packet {
        macs: (bytes[..6].try_into().ok()?, bytes[6..12].try_into().ok()?),
        vlans,
        ips: (address(12), address(16)),
        id: word(at + 6)?,
        offset: usize::from(flags & 0x1fff) * 8,
        more: flags & 0x2000 != 0,
        sound: ones_sum(header.chunks(2)) == 0xffff,
        payload: packet.get(head..length)?,
        length,
    })
}

/// The checksum over pseudo header and datagram: 0 if the one inside is right.
pub fn udp_sum(ips: (Ipv4Addr, Ipv4Addr), datagram: &[u8]) -> u16 {
    let mut pseudo = Vec::with_capacity(12);
    pseudo.extend(ips.0.octets());
    pseudo.extend(ips.1.octets());
    pseudo.extend([0, 17]);
    pseudo.extend((datagram.len() as u16).to_be_bytes());
    !ones_sum(pseudo.chunks(2).chain(datagram.chunks(2)))
}

/// The ones' complement sum of words, the last padded with zero.
pub fn ones_sum<'a>(words: impl Iterator<Item = &'a [u8]>) -> u16 {
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u64 = words.map(word).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}
