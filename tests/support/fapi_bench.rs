//! The worker in virtual time between the L2 and the PHYs of `configs/two-phys.yaml`, a frame at a time. What
//! leaves is read by hand.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use crate::p7::{self, L2, PHY_A, PHY_B, Place, crc, sum16};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::counters::Ledger;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event};
use ranshift::dataplane::tables::Tables;
use ranshift::dataplane::verdict::DropReason;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{CellId, Instant, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::sync::Arc;

/// When slot 0 is indicated.
pub(crate) const START: Instant = Instant(1_000_000_000_000);
pub(crate) const SLOT_NS: u64 = 500_000;
pub(crate) const SLOT: u16 = 0x82;

/// What is edited of the example configuration: each must change something.
pub(crate) type Edit<'a> = (&'a str, &'a str);

/// Most requests of tests are no more than SFN, slot and some bytes.
pub(crate) const UNLIMITED: Edit<'_> = ("limits: oai", "limits: none");

/// The example after `edits`, compiled.
pub(crate) fn tables(edits: &[Edit<'_>]) -> Arc<Tables> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/two-phys.yaml");
    let mut text = std::fs::read_to_string(file).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let loaded = config::parse(&text, file).unwrap_or_else(|problems| panic!("{problems}"));
    Arc::new(compile(&loaded.config, 1))
}

/// A datagram of OAI that left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) port: usize,
    pub(crate) message: u16,
    pub(crate) sequence: u8,
    /// Segment number.
    pub(crate) number: u8,
    pub(crate) more: bool,
    pub(crate) timestamp: u32,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Bench {
    pub(crate) worker: Worker<ReplayFrame>,
    io: ReplayIo,
    pub(crate) now: Instant,
    pub(crate) events: Vec<Event>,
}

impl Bench {
    /// Nobody was heard.
    pub(crate) fn new(edits: &[Edit<'_>]) -> Self {
        Self {
            worker: Worker::new(tables(edits), Clock::Stamps),
            io: ReplayIo::default(),
            now: START,
            events: Vec::new(),
        }
    }

    /// Both PHYs have indicated slot 0 at the start; the active one's went to the L2.
    pub(crate) fn running(edits: &[Edit<'_>]) -> Self {
        let mut bench = Self::new(edits);
        assert_eq!(bench.indicate(PHY_A, 0).len(), 1);
        assert_eq!(bench.indicate(PHY_B, 0), []);
        bench
    }

    /// What leaves because of `frame`: port and UDP payload.
    pub(crate) fn payloads(&mut self, from: Place, frame: &[u8]) -> Vec<(usize, Vec<u8>)> {
        self.burst(from, &[frame.to_vec()])
    }

    /// The same of frames that come at once.
    pub(crate) fn burst(&mut self, from: Place, frames: &[Vec<u8>]) -> Vec<(usize, Vec<u8>)> {
        let port = PortId(from.port);
        for frame in frames {
            let frame = ReplayFrame::new(frame, frame.len(), None, self.now);
            self.io.offer(port, frame);
        }
        self.worker
            .poll(&mut self.io, port, self.now, &mut Unobserved);
        self.sent()
    }

    pub(crate) fn receive(&mut self, from: Place, frame: &[u8]) -> Vec<Left> {
        self.payloads(from, frame).into_iter().map(read).collect()
    }

    pub(crate) fn receive_all(&mut self, from: Place, frames: &[Vec<u8>]) -> Vec<Left> {
        let left = frames.iter().map(|frame| self.receive(from, frame));
        left.collect::<Vec<_>>().concat()
    }

    /// `nanos` after the start.
    pub(crate) fn go_to(&mut self, nanos: u64) -> Vec<Left> {
        self.now = START.offset(nanos as i64);
        self.worker.tick(self.now);
        self.worker.flush(&mut self.io, self.now);
        self.sent().into_iter().map(read).collect()
    }

    pub(crate) fn wait(&mut self, nanos: u64) -> Vec<Left> {
        self.go_to(self.now.nanos_since(START) as u64 + nanos)
    }

    pub(crate) fn say(&mut self, from: Place, message: u16, slot: u32, rest: &[u8]) -> Vec<Left> {
        let body = [&point(slot), rest].concat();
        self.receive(from, &p7::message(from, message, &body))
    }

    pub(crate) fn indicate(&mut self, from: Place, slot: u32) -> Vec<Left> {
        self.say(from, SLOT, slot, &[])
    }

    /// Slots a slot apart, indicated by all of `phys`; what left besides those indications.
    pub(crate) fn tick_on(
        &mut self,
        phys: &[Place],
        slots: std::ops::RangeInclusive<u32>,
    ) -> Vec<Left> {
        let mut others = Vec::new();
        for slot in slots {
            others.extend(self.go_to(u64::from(slot) * SLOT_NS));
            for phy in phys {
                let left = self.indicate(*phy, slot);
                others.extend(left.into_iter().filter(|one| one.message != SLOT));
            }
        }
        others
    }

    pub(crate) fn command(&mut self, boundary: Boundary, action: Action) {
        let command = Command {
            id: 1,
            term: 1,
            cell: CellId(0),
            boundary,
            action,
        };
        self.worker.command(self.now, &command);
        self.events.extend(self.worker.drain_events());
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.worker.counters().ledger
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.worker.counters().drops.of(reason)
    }

    fn sent(&mut self) -> Vec<(usize, Vec<u8>)> {
        self.events.extend(self.worker.drain_events());
        let ledger = self.ledger();
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        let sent = self.io.take_sent();
        sent.map(|(port, frame)| (port.index(), payload(port.index(), frame.bytes())))
            .collect()
    }
}

/// SFN and slot of a count from 0.
pub(crate) fn point(slot: u32) -> [u8; 4] {
    let (sfn, slot) = ((slot / 20 % 1024) as u16, (slot % 20) as u16);
    let [a, b] = sfn.to_be_bytes();
    let [c, d] = slot.to_be_bytes();
    [a, b, c, d]
}

/// The UDP payload of a frame that left for the peer of its port; everything about it must be true.
fn payload(port: usize, frame: &[u8]) -> Vec<u8> {
    let to = [L2, PHY_A, PHY_B][port];
    assert_eq!((&frame[..6], &frame[6..12]), (&to.mac[..], &to.facing[..]));
    assert_eq!(frame[12..14], [8, 0]);
    let ip = &frame[14..];
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    assert_eq!(total, ip.len());
    assert_eq!(sum16(0, &ip[..20]), 0xffff, "IPv4 checksum");
    assert_eq!(ip[6] & 0x3f, 0, "a fragment left");
    assert_eq!((&ip[12..16], &ip[16..20]), (&to.own[..], &to.ip[..]));
    let udp = &ip[20..total];
    assert_eq!(usize::from(u16::from_be_bytes([udp[4], udp[5]])), udp.len());
    let ports = [to.udp.1.to_be_bytes(), to.udp.0.to_be_bytes()].concat();
    assert_eq!(udp[..4], ports);
    let pseudo = [&to.own[..], &to.ip, &[0, 17], &udp[4..6]].concat();
    let sum = sum16(u32::from(sum16(0, &pseudo)), udp);
    assert_eq!(sum, 0xffff, "UDP checksum");
    udp[8..].to_vec()
}

/// Reads a datagram of OAI that left for the peer of its port.
pub(crate) fn read((port, pdu): (usize, Vec<u8>)) -> Left {
    let (head, body) = pdu.split_at(18);
    assert_eq!(head[..2], [0, 1]);
    let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
    assert_eq!(word(4) as usize, pdu.len());
    assert_eq!(crc(&[&head[..10], &[0; 4], body]), word(10));
    Left {
        port,
        message: u16::from_be_bytes([head[2], head[3]]),
        sequence: head[9],
        number: head[8] & 0x7f,
        more: head[8] & 0x80 != 0,
        timestamp: word(14),
        body: body.to_vec(),
    }
}
