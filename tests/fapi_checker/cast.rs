//! An L2 and PHYs for runs made in tests, and the stage on which they meet an appliance in virtual time. The
//! L2 schedules what is indicated and knows no other clock; a PHY answers what it is asked, later, until it
//! dies; a standby says what it should not.

use super::body::{self, Block};
use super::message::{self, CRC, DL_TTI, ERROR, RX_DATA, SLOT, TX_DATA, UL_DCI, UL_TTI};
use super::packer::{self, Head, Way};
use super::settings::Peer;
use super::{Frame, Lane, packet};
use std::collections::BTreeMap;

/// When slots are on air.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Numerology.
    pub mu: u32,
    /// A slot, counted from SFN 0 slot 0.
    pub first: i64,
    /// When it is on air, nanoseconds.
    pub start: u64,
    /// Slots by which SLOT.indication is ahead.
    pub ahead: i64,
}

impl Timing {
    /// Length of a slot.
    pub fn slot_ns(&self) -> u64 {
        1_000_000 >> self.mu
    }

    /// When `slot` is on air.
    pub fn air(&self, slot: i64) -> u64 {
        (self.start as i64 + (slot - self.first) * self.slot_ns() as i64) as u64
    }

    /// SFN and slot as they are written, in network order.
    pub fn point(&self, slot: i64) -> [u8; 4] {
        let frame = 10 << self.mu;
        let (sfn, slot) = (
            slot.div_euclid(frame).rem_euclid(1024),
            slot.rem_euclid(frame),
        );
        let [a, b] = (sfn as u16).to_be_bytes();
        let [c, d] = (slot as u16).to_be_bytes();
        [a, b, c, d]
    }

    /// The count near `at` that is written so.
    pub fn lift(&self, point: (u16, u16), at: u64) -> i64 {
        let frame = 10 << self.mu;
        let written = i64::from(point.0) * frame + i64::from(point.1);
        let near = self.first + (at as i64 - self.start as i64).div_euclid(self.slot_ns() as i64);
        let period = 1024 * frame;
        near + (written - near + period / 2).rem_euclid(period) - period / 2
    }
}

/// Numbers that look random and are the same in every run.
#[derive(Clone, Copy, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `sides`.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ x >> 31) % sides
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.roll(256) as u8).collect()
    }
}

/// What stands between the L2 and the PHYs.
pub trait Appliance {
    /// When it wants to be told the time next.
    fn next_at(&self) -> Option<u64>;
    /// It is `now`; returns what it sends, with the port.
    fn tick(&mut self, now: u64) -> Vec<(String, Vec<u8>)>;
    /// A frame arrives on `port`; returns what it sends.
    fn receive(&mut self, port: &str, now: u64, frame: &[u8]) -> Vec<(String, Vec<u8>)>;
}

/// What one end of the wire has in common with the other.
#[derive(Debug)]
struct End {
    peer: Peer,
    timing: Timing,
    dice: Dice,
    mtu: usize,
    queue: BTreeMap<(u64, u64), Vec<u8>>,
    queued: u64,
    sequence: u16,
    ip_id: u16,
}

impl End {
    fn new(peer: &Peer, timing: Timing, seed: u64) -> Self {
        Self {
            peer: peer.clone(),
            timing,
            dice: Dice(seed),
            mtu: 1500,
            queue: BTreeMap::new(),
            queued: 0,
            sequence: seed as u16,
            ip_id: seed as u16,
        }
    }

    /// Sends a message at `at`.
    fn say(&mut self, at: u64, id: u16, timestamp: u32, body: &[u8], segment: usize) {
        self.sequence = self.sequence.wrapping_add(1);
        let head = Head {
            dialect: self.peer.dialect,
            phy_id: self.peer.phy_id,
            id,
            sequence: self.sequence,
            timestamp,
        };
        for datagram in packer::datagrams(head, body, segment) {
            self.ip_id = self.ip_id.wrapping_add(1);
            for frame in packer::frames(&self.peer, Way::From, &datagram, self.ip_id, self.mtu) {
                self.queue.insert((at, self.queued), frame);
                self.queued += 1;
            }
        }
    }

    /// A message that came in one frame: id, slot, body.
    fn hear(&self, at: u64, bytes: &[u8]) -> Option<(u16, i64, Vec<u8>)> {
        let frames = vec![Frame {
            at_ns: at,
            bytes: bytes.to_vec(),
        }];
        let lane = Lane {
            port: String::new(),
            frames,
        };
        let datagram = packet::read(&lane).datagrams.pop()?;
        let piece = message::piece(&datagram.payload, self.peer.dialect).ok()?;
        let point = message::point(piece.id, piece.body, self.peer.dialect)?;
        Some((piece.id, self.timing.lift(point, at), piece.body.to_vec()))
    }
}

/// An L2 that schedules what is indicated.
#[derive(Debug)]
pub struct L2 {
    end: End,
    /// Longest datagram that it sends.
    pub segment: usize,
    /// Longest transport block, bytes.
    pub largest: u64,
    /// Slots indicated, in order.
    pub told: Vec<i64>,
}

impl L2 {
    /// An L2 at `peer`'s place.
    pub fn new(peer: &Peer, timing: Timing, seed: u64) -> Self {
        let end = End::new(peer, timing, seed);
        Self {
            end,
            segment: 65_000,
            largest: 600,
            told: Vec::new(),
        }
    }

    fn receive(&mut self, at: u64, bytes: &[u8]) {
        if let Some((SLOT, slot, _)) = self.end.hear(at, bytes) {
            self.told.push(slot);
            self.schedule(slot, at);
        }
    }

    /// Every sixth slot is empty, the last three of ten are uplink.
    fn schedule(&mut self, slot: i64, now: u64) {
        if self.end.dice.roll(6) == 0 {
            return;
        }
        let mut requests = Vec::new();
        if slot.rem_euclid(10) < 7 {
            let pdu = self.end.dice.roll(60) as usize + 20;
            requests.push((DL_TTI, dl_tti(&self.end.dice.bytes(pdu))));
            let block = self.end.dice.roll(self.largest) as usize + 1;
            requests.push((TX_DATA, tx_data(&self.end.dice.bytes(block))));
        } else {
            let count = self.end.dice.roll(3) + 1;
            let blocks: Vec<Block> = (0..count)
                .map(|harq| (self.end.dice.roll(1 << 32) as u32, 0x4601, harq as u8))
                .collect();
            requests.push((UL_TTI, ul_tti(&blocks)));
        }
        if self.end.dice.roll(4) == 0 {
            requests.push((UL_DCI, ul_dci(&self.end.dice.bytes(30))));
        }
        for (id, body) in requests {
            let slot_ns = self.end.timing.slot_ns();
            let delay = match self.end.dice.roll(32) {
                // Later than the NULLs that are made when nothing comes.
                0 => slot_ns * 19 / 5,
                // Behind requests for later slots.
                1..=3 => slot_ns + self.end.dice.roll(slot_ns),
                _ => 40_000,
            };
            let at = now + delay + self.end.dice.roll(60_000);
            let body = [&self.end.timing.point(slot)[..], &body].concat();
            let timestamp = (at / 1_000 % 10_240_000) as u32;
            self.end.say(at, id, timestamp, &body, self.segment);
        }
    }
}

/// A PHY that indicates slots and answers.
#[derive(Debug)]
pub struct Phy {
    end: End,
    next: i64,
    /// When it says its last word.
    pub dies: u64,
    /// Indications come this much late at most, nanoseconds.
    pub jitter: u64,
    /// Answers come this many slots after their slot at most.
    pub slowest: u64,
    /// It says things as a standby.
    pub noisy: bool,
    /// Full UL_TTI.requests with something to receive.
    pub asked: usize,
}

impl Phy {
    /// A PHY at `peer`'s place that has been running since before `timing.first` is indicated.
    pub fn new(peer: &Peer, timing: Timing, seed: u64) -> Self {
        Self {
            end: End::new(peer, timing, seed),
            next: timing.first,
            dies: u64::MAX,
            jitter: 0,
            slowest: 3,
            noisy: true,
            asked: 0,
        }
    }

    /// Makes the next SLOT.indication ready once everything before it is said.
    fn prepare(&mut self) {
        let due = self.end.timing.air(self.next - self.end.timing.ahead);
        let first = self.end.queue.keys().next();
        if first.is_none_or(|(at, _)| due <= *at) {
            let at = due + self.end.dice.roll(self.jitter + 1);
            let point = self.end.timing.point(self.next);
            self.end.say(at, SLOT, 0, &point, usize::MAX);
            self.next += 1;
        }
    }

    fn receive(&mut self, at: u64, bytes: &[u8]) {
        let Some((UL_TTI, slot, body)) = self.end.hear(at, bytes) else {
            return;
        };
        let blocks = body::puschs(&body, self.end.peer.dialect);
        let slot_ns = self.end.timing.slot_ns();
        if blocks.is_empty() {
            if self.noisy && self.end.dice.roll(8) == 0 {
                let point = self.end.timing.point(slot);
                let error = [&point[..], &[0x80, 4]].concat();
                self.end.say(at + 1_000, ERROR, 0, &error, 65_000);
                let crc = [&point[..], &crc(&[(7, 7, 7)])].concat();
                self.end.say(at + 2_000, CRC, 0, &crc, 65_000);
            }
            return;
        }
        self.asked += 1;
        let late = 2 * slot_ns + self.end.dice.roll((self.slowest - 2) * slot_ns + 1);
        let at = at.max(self.end.timing.air(slot)) + late;
        let point = self.end.timing.point(slot);
        let crc = [&point[..], &crc(&blocks)].concat();
        self.end.say(at, CRC, 0, &crc, 65_000);
        let data = [&point[..], &rx_data(&blocks, &mut self.end.dice)].concat();
        self.end.say(at + 3_000, RX_DATA, 0, &data, 65_000);
    }
}

/// An L2, its PHYs, and an appliance between them.
#[derive(Debug)]
pub struct Stage {
    /// The L2.
    pub l2: L2,
    /// The PHYs.
    pub phys: Vec<Phy>,
    /// What the appliance received, port by port.
    pub ingress: Vec<Lane>,
    /// What it sent.
    pub egress: Vec<Lane>,
}

impl Stage {
    /// Nothing has happened yet.
    pub fn new(l2: L2, phys: Vec<Phy>) -> Self {
        let ends = std::iter::once(&l2.end).chain(phys.iter().map(|phy| &phy.end));
        let lanes: Vec<Lane> = ends
            .map(|end| Lane {
                port: end.peer.port.clone(),
                frames: Vec::new(),
            })
            .collect();
        Self {
            l2,
            phys,
            ingress: lanes.clone(),
            egress: lanes,
        }
    }

    /// Plays until `until`.
    pub fn play(&mut self, appliance: &mut dyn Appliance, until: u64) {
        let mut before = 0;
        loop {
            self.phys.iter_mut().for_each(Phy::prepare);
            let speaker = self.next_speaker();
            let spoken = speaker.map(|(at, _)| at);
            let ticks = appliance
                .next_at()
                .filter(|at| spoken.is_none_or(|spoken| *at <= spoken));
            let Some(now) = ticks.or(spoken).filter(|now| *now <= until) else {
                return;
            };
            assert!(
                before <= now,
                "it wants to be told that it is {now} at {before}"
            );
            before = now;
            let sent = match (ticks, speaker) {
                (None, Some((_, lane))) => {
                    let end = self.end(lane);
                    let (_, bytes) = end.queue.pop_first().unwrap();
                    let port = self.ingress[lane].port.clone();
                    let sent = appliance.receive(&port, now, &bytes);
                    self.ingress[lane].frames.push(Frame { at_ns: now, bytes });
                    sent
                }
                _ => appliance.tick(now),
            };
            for (port, bytes) in sent {
                self.deliver(now, &port, bytes);
            }
        }
    }

    fn deliver(&mut self, now: u64, port: &str, bytes: Vec<u8>) {
        let lane = self
            .egress
            .iter()
            .position(|lane| lane.port == port)
            .unwrap();
        match lane {
            0 => self.l2.receive(now, &bytes),
            _ => self.phys[lane - 1].receive(now, &bytes),
        }
        self.egress[lane].frames.push(Frame { at_ns: now, bytes });
    }

    fn end(&mut self, lane: usize) -> &mut End {
        match lane {
            0 => &mut self.l2.end,
            _ => &mut self.phys[lane - 1].end,
        }
    }

    /// Who speaks next, and when.
    fn next_speaker(&self) -> Option<(u64, usize)> {
        let first = |end: &End| end.queue.keys().next().map(|(at, _)| *at);
        let phys = self.phys.iter().enumerate();
        let phys = phys.filter_map(|(index, phy)| {
            let at = first(&phy.end).filter(|at| *at < phy.dies)?;
            Some((at, index + 1))
        });
        phys.chain(first(&self.l2.end).map(|at| (at, 0))).min()
    }
}

/// A DL_TTI.request behind SFN and slot: one PDU of any content.
fn dl_tti(content: &[u8]) -> Vec<u8> {
    [
        &[1, 0, 0, 2],
        &(content.len() as u16 + 4).to_be_bytes()[..],
        content,
    ]
    .concat()
}

fn ul_dci(content: &[u8]) -> Vec<u8> {
    [
        &[1, 0, 0],
        &(content.len() as u16 + 4).to_be_bytes()[..],
        content,
    ]
    .concat()
}

/// One PDU with one TLV.
fn tx_data(block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u32).to_be_bytes();
    let padding = vec![0; block.len().next_multiple_of(4) - block.len()];
    let head = [&[0, 1], &length[..], &[0, 0, 0, 0, 0, 1, 0, 0], &length].concat();
    [&head[..], block, &padding].concat()
}

fn ul_tti(blocks: &[Block]) -> Vec<u8> {
    let count = blocks.len() as u8;
    let mut body = vec![count, 0, count, 0, 0];
    for (handle, rnti, harq) in blocks {
        body.extend([0, 1, 0, 105, 0, 1]);
        body.extend(rnti.to_be_bytes());
        body.extend(handle.to_be_bytes());
        body.extend([0; 74]);
        // rv, harq, ndi, TBSize, numCb; no beams; base graph, limit of the buffer.
        body.extend([0, *harq, 1, 0, 0, 0, 100, 0, 0]);
        body.extend([0; 10]);
    }
    body
}

fn crc(blocks: &[Block]) -> Vec<u8> {
    let mut body = (blocks.len() as u16).to_be_bytes().to_vec();
    for (handle, rnti, harq) in blocks {
        body.extend(handle.to_be_bytes());
        body.extend(rnti.to_be_bytes());
        body.extend([*harq, 0, 0, 0, 200, 0, 31, 2, 100]);
    }
    body
}

fn rx_data(blocks: &[Block], dice: &mut Dice) -> Vec<u8> {
    let mut body = (blocks.len() as u16).to_be_bytes().to_vec();
    for (handle, rnti, harq) in blocks {
        body.extend(handle.to_be_bytes());
        body.extend(rnti.to_be_bytes());
        body.extend([*harq, 0, 0, 0, 100, 200, 0, 31, 2, 100]);
        body.extend(dice.bytes(100));
    }
    body
}
