//! Two DUs on the fronthaul of one cell, and their midhaul: SCTP packets written and read by offsets, with a
//! checksum of our own.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use crate::appliance::*;
use ranshift::dataplane::counters::PairCounters;
use ranshift::dataplane::mailbox::{AssociationEvent, EventKind};
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::Instant;
use ranshift::wire::oran::emit::ControlSection;
use std::net::IpAddr;

/// Ports of `text`, in order.
pub(crate) const CU_SIDE: u8 = 3;
pub(crate) const A_SIDE: u8 = 4;
pub(crate) const B_SIDE: u8 = 5;

pub(crate) const DATA: u8 = 0;
pub(crate) const INIT: u8 = 1;
pub(crate) const INIT_ACK: u8 = 2;
pub(crate) const SACK: u8 = 3;
pub(crate) const HEARTBEAT: u8 = 4;
pub(crate) const HEARTBEAT_ACK: u8 = 5;
pub(crate) const ABORT: u8 = 6;
pub(crate) const COOKIE_ECHO: u8 = 10;
pub(crate) const COOKIE_ACK: u8 = 11;

/// How long before its air time a slot is sent.
const LEAD_NS: i64 = 400_000;

/// The two DUs of the bench with liveness and an armed plan, and a CU for both. `f1` and `cu` are added to what
/// each DU's F1-C, or the CU, says.
pub(crate) fn text(f1: &str, cu: &str) -> String {
    let plan = "
    liveness: {history: 3, confirm: 1, grace: 250us}
    transmit_window_end: {downlink_control: 200us, uplink_control: 200us, downlink_user: 100us}
    failover: {standby: [du-b], damping: 1s}";
    let du = |name: &str, address: &str| {
        format!(
            "attachment: dedicated, f1: {{port: {name}-mid, cu: cu-1, addresses: [{address}]{f1}}}}}"
        )
    };
    two_dus(plan)
        .replacen(
            "b: {mtu: 9000}",
            "b: {mtu: 9000}, cu: {}, a-mid: {}, b-mid: {}",
            1,
        )
        .replacen(
            "attachment: dedicated}",
            &du("a", "10.30.0.11, 'fd00::11'"),
            1,
        )
        .replacen(
            "vlan: none, attachment: dedicated}",
            &format!("vlan: none, {}", du("b", "10.30.0.12, 'fd00::12'")),
            1,
        )
        .replacen(
            "cells:",
            &format!("cus: {{cu-1: {{port: cu, addresses: [10.30.0.1, 'fd00::1']{cu}}}}}\ncells:"),
            1,
        )
        .replacen(
            "b: [ru]}",
            "b: [ru], cu: [a-mid, b-mid], a-mid: [cu], b-mid: [cu]}",
            1,
        )
}

/// A DU and its association with the CU.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) side: u8,
    pub(crate) du: IpAddr,
    pub(crate) cu: IpAddr,
    pub(crate) du_mac: [u8; 6],
    pub(crate) du_port: u16,
    /// The tags that DU and CU chose.
    pub(crate) tags: (u32, u32),
    pub(crate) vlans: Vec<u16>,
    pub(crate) udp: Option<u16>,
}

/// How stations of the appliance begin.
const STATION: [u8; 4] = [6, 0x52, 0x53, 0x48];
pub(crate) const CU_MAC: [u8; 6] = [2, 0xc0, 0, 0, 0, 1];

pub(crate) fn pair_a() -> Pair {
    Pair {
        side: A_SIDE,
        du: [10, 30, 0, 11].into(),
        cu: [10, 30, 0, 1].into(),
        du_mac: [2, 0xd1, 0, 0, 0, 1],
        du_port: 40_000,
        tags: (0xdddd_000a, 0xcccc_000a),
        vlans: vec![],
        udp: None,
    }
}

pub(crate) fn pair_b() -> Pair {
    Pair {
        side: B_SIDE,
        du: [10, 30, 0, 12].into(),
        du_mac: [2, 0xd1, 0, 0, 0, 2],
        tags: (0xdddd_000b, 0xcccc_000b),
        ..pair_a()
    }
}

/// A chunk: type, flags, value.
pub(crate) type Chunk = (u8, u8, Vec<u8>);

pub(crate) fn init(kind: u8, tag: u32) -> Chunk {
    let mut value = tag.to_be_bytes().to_vec();
    value.extend([0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1]);
    (kind, 0, value)
}

pub(crate) fn data(tsn: u32, bytes: usize) -> Chunk {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend([0, 0, 0, 0, 0, 0, 0, 62]);
    value.resize(value.len() + bytes, 0x55);
    (DATA, 3, value)
}

pub(crate) fn sack(tsn: u32) -> Chunk {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend([0, 0, 4, 0, 0, 0, 0, 0]);
    (SACK, 0, value)
}

pub(crate) fn plain(kind: u8) -> Chunk {
    (kind, 0, vec![0, 1, 0, 8, 1, 2, 3, 4])
}

impl Pair {
    /// A frame of the DU.
    pub(crate) fn by_du(&self, tag: u32, chunks: &[Chunk]) -> Vec<u8> {
        let packet = packet((self.du_port, 38_472), tag, chunks);
        self.frame((CU_MAC, self.du_mac), (self.du, self.cu), &packet)
    }

    /// A frame of the CU.
    pub(crate) fn by_cu(&self, tag: u32, chunks: &[Chunk]) -> Vec<u8> {
        let packet = packet((38_472, self.du_port), tag, chunks);
        self.frame((self.du_mac, CU_MAC), (self.cu, self.du), &packet)
    }

    pub(crate) fn frame(
        &self,
        (to, from): ([u8; 6], [u8; 6]),
        (source, destination): (IpAddr, IpAddr),
        packet: &[u8],
    ) -> Vec<u8> {
        let mut frame = [to, from].concat();
        for vlan in &self.vlans {
            frame.extend([0x81, 0]);
            frame.extend((0xa000 | vlan).to_be_bytes());
        }
        let mut payload = Vec::new();
        if let Some(port) = self.udp {
            payload.extend(port.to_be_bytes());
            payload.extend(port.to_be_bytes());
            payload.extend((8 + packet.len() as u16).to_be_bytes());
            payload.extend([0, 0]);
        }
        payload.extend_from_slice(packet);
        let protocol = if self.udp.is_some() { 17 } else { 132 };
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([8, 0, 0x45, 0xb8]);
                frame.extend((20 + payload.len() as u16).to_be_bytes());
                frame.extend([0x12, 0x34, 0x40, 0, 63, protocol, 0, 0]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend((payload.len() as u16).to_be_bytes());
                frame.extend([protocol, 63]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            _ => panic!("two families"),
        }
        frame.extend(payload);
        frame.resize(frame.len().max(60), 0);
        frame
    }
}

/// A packet with its checksum.
pub(crate) fn packet(ports: (u16, u16), tag: u32, chunks: &[Chunk]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(ports.0.to_be_bytes());
    out.extend(ports.1.to_be_bytes());
    out.extend(tag.to_be_bytes());
    out.extend([0; 4]);
    for (kind, flags, value) in chunks {
        out.extend([*kind, *flags]);
        out.extend((4 + value.len() as u16).to_be_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    let sum = crc(&out).to_le_bytes();
    out[8..12].copy_from_slice(&sum);
    out
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte), |register, _| {
            (register >> 1) ^ (0x82f6_3b78 & (register & 1).wrapping_neg())
        })
    })
}

/// A frame with an ABORT, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) port: usize,
    pub(crate) to: [u8; 6],
    pub(crate) from: [u8; 6],
    pub(crate) vlans: Vec<u16>,
    pub(crate) addresses: (IpAddr, IpAddr),
    pub(crate) udp: Option<(u16, u16)>,
    pub(crate) ports: (u16, u16),
    pub(crate) tag: u32,
    pub(crate) reflected: bool,
    pub(crate) cause: u16,
}

/// The ABORT that a frame is; checksums are judged.
pub(crate) fn abort(left: &Left) -> Option<Told> {
    let frame = &left.bytes;
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let (mut at, mut vlans) = (12, Vec::new());
    while word(at) == 0x8100 {
        vlans.push(word(at + 2) & 0xfff);
        at += 4;
    }
    let (addresses, protocol, mut at, end) = match word(at) {
        0x0800 => {
            let ip = at + 2;
            let sum: u32 = (0..10).map(|n| u32::from(word(ip + 2 * n))).sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "IPv4 checksum");
            let of = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&frame[at..at + 4]).unwrap());
            let end = ip + usize::from(word(ip + 2));
            ((of(ip + 12), of(ip + 16)), frame[ip + 9], ip + 20, end)
        }
        0x86dd => {
            let ip = at + 2;
            let of = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&frame[at..at + 16]).unwrap());
            let end = ip + 40 + usize::from(word(ip + 4));
            ((of(ip + 8), of(ip + 24)), frame[ip + 6], ip + 40, end)
        }
        _ => return None,
    };
    let mut udp = None;
    if protocol == 17 {
        udp = Some((word(at), word(at + 2)));
        assert_eq!(usize::from(word(at + 4)), end - at, "UDP length");
        at += 8;
    } else if protocol != 132 {
        return None;
    }
    if frame[at + 12] != ABORT {
        return None;
    }
    let mut zeroed = frame[at..end].to_vec();
    zeroed[8..12].fill(0);
    assert_eq!(frame[at + 8..at + 12], crc(&zeroed).to_le_bytes(), "CRC32c");
    Some(Told {
        port: left.port,
        to: frame[..6].try_into().unwrap(),
        from: frame[6..12].try_into().unwrap(),
        vlans,
        addresses,
        udp,
        ports: (word(at), word(at + 2)),
        tag: u32::from_be_bytes(frame[at + 4..at + 8].try_into().unwrap()),
        reflected: frame[at + 13] == 1,
        cause: word(at + 16),
    })
}

/// The appliance between two DUs, their RU and their CU.
pub(crate) struct Bench {
    pub(crate) appliance: Appliance,
    slot: i64,
    /// Every ABORT that left, and when.
    pub(crate) told: Vec<(Instant, Told)>,
    /// The same as frames.
    pub(crate) frames: Vec<Vec<u8>>,
    now: Instant,
}

impl Bench {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            appliance: Appliance::new(text),
            slot: 0,
            told: Vec::new(),
            frames: Vec::new(),
            now: clock().air(START, 0),
        }
    }

    /// A frame passes: it leaves at the other side, as it is and alone.
    #[track_caller]
    pub(crate) fn passes(&mut self, port: u8, frame: &[u8]) {
        let left = self.receive(port, frame);
        let other = if port == CU_SIDE {
            left.first().map_or(0, |left| left.port)
        } else {
            3
        };
        let alone = [Left {
            port: other,
            bytes: frame.to_vec(),
        }];
        assert_eq!(left, alone);
    }

    /// A frame of a pair passes between its two sides.
    #[track_caller]
    pub(crate) fn du(&mut self, pair: &Pair, tag: u32, chunks: &[Chunk]) {
        self.passes(pair.side, &pair.by_du(tag, chunks));
    }

    #[track_caller]
    pub(crate) fn cu(&mut self, pair: &Pair, tag: u32, chunks: &[Chunk]) {
        let frame = pair.by_cu(tag, chunks);
        let left = self.receive(CU_SIDE, &frame);
        let port = usize::from(pair.side);
        assert_eq!(left, [Left { port, bytes: frame }]);
    }

    /// The association of a pair begins.
    #[track_caller]
    pub(crate) fn begin(&mut self, pair: &Pair) {
        let (du, cu) = pair.tags;
        self.du(pair, 0, &[init(INIT, du)]);
        self.cu(pair, du, &[init(INIT_ACK, cu)]);
        self.du(pair, cu, &[plain(COOKIE_ECHO), data(1, 60)]);
        self.cu(pair, du, &[plain(COOKIE_ACK), sack(1)]);
    }

    /// What leaves for one frame, but for ABORTs.
    pub(crate) fn receive(&mut self, port: u8, frame: &[u8]) -> Vec<Left> {
        let left = self.appliance.receive(port, frame);
        self.keep(left)
    }

    fn keep(&mut self, left: Vec<Left>) -> Vec<Left> {
        let mut others = Vec::new();
        for left in left {
            let ours = left.bytes[6..10] == STATION;
            match ours.then(|| abort(&left)).flatten() {
                Some(told) => {
                    self.frames.push(left.bytes);
                    self.told.push((self.now, told));
                }
                None => others.push(left),
            }
        }
        others
    }

    /// Time goes on to `until`, from one thing that is due to the next.
    pub(crate) fn wait_until(&mut self, until: Instant) {
        while self.appliance.worker.next_deadline() <= until {
            self.now = self.now.max(self.appliance.worker.next_deadline());
            self.appliance.wait_until(self.now);
            let left = self.appliance.flush();
            self.keep(left);
        }
        self.now = self.now.max(until);
        self.appliance.wait_until(self.now);
    }

    pub(crate) fn wait_ms(&mut self, ms: i64) {
        self.wait_until(self.now.offset(ms * 1_000_000));
    }

    /// Slots pass on the fronthaul, in which these DUs send.
    pub(crate) fn slots(&mut self, count: i64, alive: &[Sender]) {
        let whole = [ControlSection::whole(0, 14)];
        for n in self.slot..self.slot + count {
            let slot = START.offset(n);
            self.wait_until(clock().air(slot, 0).offset(-LEAD_NS));
            let direction = if n % 10 >= 7 { Uplink } else { Downlink };
            for sender in alive {
                let (port, eaxc) = if sender.source == DU_A {
                    (1, 0)
                } else {
                    (2, 16)
                };
                let place = at(eaxc, n as u8, slot, 0);
                self.receive(port, &sender.control(direction, place, &whole));
                if direction == Downlink {
                    self.receive(port, &sender.user(direction, place));
                }
            }
        }
        self.slot += count;
    }

    /// Both DUs live for a while, then A falls silent and B takes over.
    pub(crate) fn fail_a(&mut self) {
        self.slots(50, &[FROM_A, FROM_B]);
        self.slots(6, &[FROM_B]);
    }

    /// When A was fenced.
    pub(crate) fn decided(&self) -> Instant {
        let fenced = |kind: &EventKind| matches!(kind, EventKind::Fenced { .. });
        let mut events = self.appliance.events.iter();
        events.find(|event| fenced(&event.kind)).unwrap().at
    }

    /// What was said of associations.
    pub(crate) fn said(&self) -> Vec<AssociationEvent> {
        let events = self.appliance.events.iter();
        let of = |kind: EventKind| match kind {
            EventKind::Association { what, .. } => Some(what),
            _ => None,
        };
        events.filter_map(|event| of(event.kind)).collect()
    }

    /// The counters of A's pair, or of B's.
    pub(crate) fn counters(&self, pair: usize) -> PairCounters {
        self.appliance.worker.counters().pairs[pair]
    }
}
