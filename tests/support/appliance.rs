//! The appliance on a bench: a configuration, frames in by hand, frames out to look at.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use ranshift::config::{self, Config};
use ranshift::control::compile::compile;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event};
use ranshift::dataplane::tables::Tables;
use ranshift::dataplane::verdict::DropReason;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{
    CellId, CyclicPrefix, Direction, Instant, Numerology, PortId, SlotClock, SlotCount, WireSlot,
};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use ranshift::wire::oran::emit::{ControlKind, ControlMessage, ControlSection, UserSection};
use ranshift::wire::oran::header::Header as Radio;
use std::sync::Arc;

pub(crate) const RU: [u8; 6] = [2, 0xa0, 0, 0, 0, 1];
pub(crate) const DU_A: [u8; 6] = [2, 0xd0, 0, 0, 0, 1];
pub(crate) const DU_B: [u8; 6] = [2, 0xd0, 0, 0, 0, 2];
/// The slot in which most tests begin, a multiple of the wire period.
pub(crate) const START: SlotCount = SlotCount(5120 * 500_000_000);

/// One cell, two DUs, three ports; `extra` is appended to the cell.
pub(crate) fn two_dus(extra: &str) -> String {
    format!(
        "
ports: {{ru: {{mtu: 9000}}, a: {{mtu: 9000}}, b: {{mtu: 9000}}}}
rus:
  ru-1: {{port: ru, mac: '02:a0:00:00:00:01', facing: '02:0b:00:00:00:01', vlan: 100}}
dus:
  du-a: {{port: a, mac: '02:d0:00:00:00:01', facing: '02:a0:00:00:00:01', vlan: 101, attachment: dedicated}}
  du-b: {{port: b, mac: '02:d0:00:00:00:02', facing: '02:a0:00:00:00:02', vlan: none, attachment: dedicated}}
cells:
  cell-1:
    ru: ru-1
    numerology: 1
    carrier_prbs: 51
    eaxc: {{downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    active: du-a
    members:
      du-a: {{}}
      du-b: {{eaxc: {{downlink: [16, 17], uplink: [16, 17], prach: [20, 21]}}}}
{extra}
bridge:
  flood: {{ru: [a, b], a: [ru], b: [ru]}}
"
    )
}

pub(crate) struct Appliance {
    pub(crate) worker: Worker<ReplayFrame>,
    io: ReplayIo,
    now: Instant,
    next_command: u32,
    pub(crate) events: Vec<Event>,
}

/// A frame that left, and the port it left on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) port: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Appliance {
    pub(crate) fn new(yaml: &str) -> Self {
        Self::with(yaml, |_| {})
    }

    /// With a configuration that the file's own checks would refuse.
    pub(crate) fn with(yaml: &str, change: impl FnOnce(&mut Config)) -> Self {
        let loaded = config::parse(yaml, "test.yaml");
        let mut config = loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config;
        change(&mut config);
        Self::on(compile(&config, 1))
    }

    /// With tables that no configuration makes.
    pub(crate) fn on(tables: Tables) -> Self {
        Self {
            worker: Worker::new(Arc::new(tables), Clock::Stamps),
            io: ReplayIo::default(),
            now: clock().air(START, 0),
            next_command: 0,
            events: Vec::new(),
        }
    }

    /// Moves time to when `slot` is on air; ticks on the way.
    pub(crate) fn go_to(&mut self, slot: SlotCount) {
        self.wait_until(clock().air(slot, 0));
    }

    pub(crate) fn wait_until(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.worker.tick(self.now);
        self.events.extend(self.worker.drain_events());
    }

    /// `frame` arrives on port number `port`; what left, in order.
    pub(crate) fn receive(&mut self, port: u8, frame: &[u8]) -> Vec<Left> {
        let frame = ReplayFrame::new(frame, frame.len(), None, self.now);
        self.io.offer(PortId(port), frame);
        self.worker
            .poll(&mut self.io, PortId(port), self.now, &mut Unobserved);
        self.events.extend(self.worker.drain_events());
        let ledger = self.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        self.left()
    }

    /// What ticks have made leaves.
    pub(crate) fn flush(&mut self) -> Vec<Left> {
        self.worker.flush(&mut self.io, self.now);
        let ledger = self.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        self.left()
    }

    fn left(&mut self) -> Vec<Left> {
        self.io
            .take_sent()
            .map(|(port, frame)| Left {
                port: port.index(),
                bytes: frame.bytes().to_vec(),
            })
            .collect()
    }

    pub(crate) fn command(&mut self, boundary: Boundary, action: Action) {
        self.next_command += 1;
        let command = Command {
            id: self.next_command,
            term: 1,
            cell: CellId(0),
            boundary,
            action,
        };
        self.worker.command(self.now, &command);
        self.events.extend(self.worker.drain_events());
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.worker.counters().drops.of(reason)
    }
}

pub(crate) fn clock() -> SlotClock {
    let mu1 = Numerology::new(1).unwrap();
    SlotClock::from_gps(mu1, CyclicPrefix::Normal, 0, 0)
}

/// Addresses and numbers of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) source: [u8; 6],
    pub(crate) destination: [u8; 6],
    pub(crate) vlan: Option<u16>,
}

pub(crate) const FROM_A: Sender = Sender {
    source: DU_A,
    destination: RU,
    vlan: Some(101),
};
pub(crate) const FROM_B: Sender = Sender {
    source: DU_B,
    destination: [2, 0xa0, 0, 0, 0, 2],
    vlan: None,
};
pub(crate) const FROM_RU: Sender = Sender {
    source: RU,
    destination: [2, 0x0b, 0, 0, 0, 1],
    vlan: Some(100),
};

impl Sender {
    /// A frame around an eCPRI PDU.
    pub(crate) fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend_from_slice(&self.destination);
        frame.extend_from_slice(&self.source);
        if let Some(vlan) = self.vlan {
            frame.extend_from_slice(&0x8100u16.to_be_bytes());
            frame.extend_from_slice(&(0xe000 | vlan).to_be_bytes());
        }
        frame.extend_from_slice(&0xaefeu16.to_be_bytes());
        frame.extend_from_slice(pdu);
        frame
    }

    pub(crate) fn user(&self, direction: Direction, at: At) -> Vec<u8> {
        self.frame(&user(direction, at))
    }

    pub(crate) fn control(
        &self,
        direction: Direction,
        at: At,
        sections: &[ControlSection<'_>],
    ) -> Vec<u8> {
        self.frame(&control(direction, at, ControlKind::Normal(0x91), sections))
    }
}

/// Where in the resource grid a message speaks, and its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) eaxc: u16,
    pub(crate) sequence: u8,
    pub(crate) slot: SlotCount,
    pub(crate) symbol: u8,
}

pub(crate) fn at(eaxc: u16, sequence: u8, slot: SlotCount, symbol: u8) -> At {
    At {
        eaxc,
        sequence,
        slot,
        symbol,
    }
}

pub(crate) fn radio(direction: Direction, at: At, filter_index: u8) -> Radio {
    let mu1 = Numerology::new(1).unwrap();
    let (frame, subframe, slot) = WireSlot::of(at.slot, mu1).fields(mu1);
    Radio {
        direction,
        filter_index,
        frame,
        subframe,
        slot,
        symbol: at.symbol,
    }
}

/// An eCPRI message of `kind` with identifier, number and body.
pub(crate) fn message(kind: u8, at: At, body: &[u8]) -> Vec<u8> {
    let mut pdu = vec![0x10, kind];
    pdu.extend_from_slice(&(body.len() as u16 + 4).to_be_bytes());
    pdu.extend_from_slice(&at.eaxc.to_be_bytes());
    pdu.extend_from_slice(&[at.sequence, 0x80]);
    pdu.extend_from_slice(body);
    pdu
}

/// A U-plane PDU of one section: two PRBs of BFP 9, section id 0.
pub(crate) fn user(direction: Direction, at: At) -> Vec<u8> {
    user_section(direction, at, 0)
}

pub(crate) fn user_section(direction: Direction, at: At, section_id: u16) -> Vec<u8> {
    let mut body = Vec::new();
    radio(direction, at, 0).emit(&mut body);
    UserSection {
        section_id,
        rb: false,
        sym_inc: false,
        start_prb: 0,
        num_prb: 2,
        udcomp: Some(0x91),
    }
    .emit(&mut body);
    body.extend((0..56).map(|n| n as u8 ^ at.sequence));
    message(0, at, &body)
}

pub(crate) fn control(
    direction: Direction,
    at: At,
    kind: ControlKind,
    sections: &[ControlSection<'_>],
) -> Vec<u8> {
    let mut body = Vec::new();
    ControlMessage {
        radio: radio(direction, at, 0),
        kind,
        sections,
    }
    .emit(&mut body);
    message(2, at, &body)
}

/// A frame taken apart, for looking at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) destination: [u8; 6],
    pub(crate) source: [u8; 6],
    pub(crate) vlan: Option<u16>,
    pub(crate) kind: u8,
    pub(crate) eaxc: u16,
    pub(crate) sequence: u8,
    pub(crate) symbol: u8,
    pub(crate) body: Vec<u8>,
}

/// Reads by offsets of its own, not by the crate's parsers.
pub(crate) fn seen(frame: &[u8]) -> Seen {
    let tagged = frame[12..14] == [0x81, 0];
    let pdu = if tagged { 18 } else { 14 };
    let vlan = tagged.then(|| u16::from_be_bytes([frame[14], frame[15]]) & 0xfff);
    let size = usize::from(u16::from_be_bytes([frame[pdu + 2], frame[pdu + 3]]));
    Seen {
        destination: frame[..6].try_into().unwrap(),
        source: frame[6..12].try_into().unwrap(),
        vlan,
        kind: frame[pdu + 1],
        eaxc: u16::from_be_bytes([frame[pdu + 4], frame[pdu + 5]]),
        sequence: frame[pdu + 6],
        symbol: frame[pdu + 11] & 0x3f,
        body: frame[pdu + 8..pdu + 4 + size].to_vec(),
    }
}
