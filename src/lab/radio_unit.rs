//! An emulated RU for closed loops: it hears what a box lets through, answers requests, and keeps counts.
//!
//! Each request is answered, whoever sent it and however late: two identical requests give two answers. The
//! RU believes in its own clock and configuration only. Frames must come whole, or cut by a snap length
//! on plain Ethernet.

use super::generator::GeneratedFrame;
use super::mark::{Mark, Sender};
use super::plan::{Plan, PlanError};
use super::radio_cell::{Asked, RadioCell, Request};
use super::reception::{RadioReport, Reception};
use super::schedule::Schedule;
use super::style::Span;
use super::timing::CellTiming;
use crate::config::model::{Cell, Config, Peer, Transport};
use crate::ran::{
    CellId, DelayWindow, Direction, EaxcId, Instant, Plane, PortId, SlotCount, StreamId, Timeliness,
};
use crate::wire::WireError;
use crate::wire::ecpri::{MessageType, Messages, Size, Stream};
use crate::wire::ethernet::{self, Ethernet};
use crate::wire::ipv4::Ipv4;
use crate::wire::ipv6::Ipv6;
use crate::wire::oran::cplane::{Cplane, Section, SectionType};
use crate::wire::oran::header::RadioHeader;
use crate::wire::udp::Udp;
use std::collections::BTreeMap;

/// One RU with all its cells.
#[derive(Debug)]
pub struct RadioUnit {
    peer: Peer,
    cells: Vec<HeardCell>,
    streams: BTreeMap<(Direction, EaxcId), (usize, StreamId)>,
    schedule: Schedule,
    report: RadioReport,
    asked: Vec<Asked>,
    bytes: Vec<u8>,
    snap: usize,
}

#[derive(Debug)]
struct HeardCell {
    configured: Cell,
    radio: RadioCell,
    receptions: Vec<Reception>,
}

/// A downlink symbol as it was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spoken {
    /// Who was heard first, told by the mark.
    pub sender: Option<Sender>,
    /// Downlink streams that had something.
    pub streams: u8,
    /// Every downlink stream had something.
    pub whole: bool,
}

/// A message that was read as far as its radio header.
struct Heard<'a> {
    now: Instant,
    plane: Plane,
    cell: usize,
    stream: StreamId,
    slot: SlotCount,
    header: Stream<'a>,
    radio: RadioHeader<'a>,
    message: &'a [u8],
    body: &'a [u8],
}

impl RadioUnit {
    /// The RU at position `ru` of the configuration. The plan gives timing, loss, snap length and seed.
    pub fn new(config: &Config, ru: usize, plan: &Plan) -> Result<Self, PlanError> {
        plan.check(config)?;
        let mut unit = Self {
            peer: config.rus.get(ru).ok_or(PlanError::Size)?.clone(),
            cells: Vec::new(),
            streams: BTreeMap::new(),
            schedule: Schedule::default(),
            report: RadioReport::default(),
            asked: Vec::new(),
            bytes: Vec::new(),
            snap: plan.snap.unwrap_or(usize::MAX),
        };
        let cells = config.cells.iter().zip(&plan.tdd).enumerate();
        for (id, (cell, tdd)) in cells.filter(|(_, (cell, _))| cell.ru == Some(ru)) {
            let timing = CellTiming::new(CellId(id as u16), cell, tdd);
            let radio = RadioCell::new(config, plan, &timing, cell)?;
            unit.add_cell(cell, radio);
        }
        Ok(unit)
    }

    /// The port of the box that this RU is reached through.
    pub const fn port(&self) -> PortId {
        self.peer.port
    }

    /// Hears a frame that left the box at `now`. `original_len` is its length on the wire, larger than
    /// `frame` if a snap length cut it.
    pub fn receive(&mut self, now: Instant, frame: &[u8], original_len: usize) {
        let policy = match frame.len() < original_len {
            true => Size::Lenient,
            false => Size::Strict,
        };
        if self.hear(now, frame, policy).is_err() {
            self.report.malformed += 1;
        }
    }

    /// When the next answer leaves.
    pub fn next_at(&self) -> Option<Instant> {
        self.schedule.next_at()
    }

    /// Takes the next answer; answers lost on the way to the box are passed over.
    pub fn pop(&mut self) -> Option<GeneratedFrame<'_>> {
        let mut planned = self.schedule.pop()?;
        while planned.lost {
            planned = self.schedule.pop()?;
        }
        let place = self.place(planned.sender)?;
        let radio = &mut self.cells.get_mut(place)?.radio;
        let (ru, cell) = (radio.ru, radio.timing.id);
        let (original_len, link) = radio.write(&planned, self.snap, &mut self.bytes);
        Some(GeneratedFrame {
            port: link.port,
            at: planned.at,
            bytes: &self.bytes,
            original_len,
            sender: Sender::Ru(ru),
            cell,
            class: planned.class,
            stream: planned.stream,
            slot: planned.slot,
            symbol: planned.symbol,
        })
    }

    /// What the RU noticed so far.
    pub fn report(&self) -> RadioReport {
        let receptions = self.cells.iter().flat_map(|cell| &cell.receptions);
        RadioReport {
            streams: receptions.map(Reception::report).collect(),
            ..self.report.clone()
        }
    }

    /// When `symbol` of `slot` is on air in a cell of this RU.
    pub fn air(&self, cell: CellId, slot: SlotCount, symbol: u8) -> Option<Instant> {
        let heard = self.cell(cell)?;
        Some(heard.radio.timing.clock.air(slot, symbol))
    }

    /// The slot of the first downlink U-plane of a cell.
    pub fn first_spoken(&self, cell: CellId) -> Option<SlotCount> {
        let receptions = self.cell(cell)?.receptions.iter();
        receptions
            .filter_map(Reception::first_spoken)
            .min_by_key(|slot| slot.0)
    }

    /// Who was heard in each downlink symbol of one of the last 64 slots.
    pub fn spoken(&self, cell: CellId, slot: SlotCount) -> impl Iterator<Item = Spoken> {
        let heard = self.cell(cell);
        let symbols = heard.map_or(0, |heard| heard.radio.timing.shape(slot).downlink);
        (0..symbols).map(move |symbol| {
            let mut spoken = Spoken {
                sender: None,
                streams: 0,
                whole: true,
            };
            let receptions = heard.into_iter().flat_map(|heard| &heard.receptions);
            for reception in receptions.filter(|reception| reception.is_downlink()) {
                let sender = reception.sender(slot, symbol);
                spoken.streams += u8::from(sender.is_some());
                spoken.whole &= sender.is_some();
                spoken.sender = spoken.sender.or(sender);
            }
            spoken
        })
    }

    fn cell(&self, id: CellId) -> Option<&HeardCell> {
        self.cells.iter().find(|cell| cell.radio.timing.id == id)
    }

    fn add_cell(&mut self, cell: &Cell, radio: RadioCell) {
        let place = self.cells.len();
        let lists = [
            (Direction::Downlink, &cell.streams.downlink),
            (Direction::Uplink, &cell.streams.uplink),
            (Direction::Uplink, &cell.streams.prach),
        ];
        let mut receptions = Vec::new();
        for (direction, list) in lists {
            for eaxc in list {
                let stream = StreamId(receptions.len() as u8);
                self.streams.insert((direction, *eaxc), (place, stream));
                receptions.push(Reception::new(radio.timing.id.0, *eaxc, direction));
            }
        }
        self.cells.push(HeardCell {
            configured: cell.clone(),
            radio,
            receptions,
        });
    }

    fn hear(&mut self, now: Instant, frame: &[u8], policy: Size) -> Result<(), WireError> {
        let (outer, rest) = Ethernet::parse(frame)?;
        let vlans = outer.vlans();
        let known_vlan = [self.peer.vlan_control, self.peer.vlan_user].contains(&vlans);
        let addressed = outer.destination() == self.peer.mac && outer.source() == self.peer.facing;
        if !addressed || !known_vlan {
            self.report.misaddressed += 1;
            return Ok(());
        }
        let Some(pdu) = self.pdu(outer.ethertype(), rest)? else {
            self.report.other += 1;
            return Ok(());
        };
        for message in Messages::new(pdu, policy) {
            let (_, ecpri, payload) = message?;
            match ecpri.message_type() {
                MessageType::RealTimeControl => self.message(now, Plane::Control, payload)?,
                MessageType::IqData => self.message(now, Plane::User, payload)?,
                _ => self.report.other += 1,
            }
        }
        Ok(())
    }

    /// The eCPRI messages, if the frame carries them as configured.
    fn pdu<'a>(&self, ethertype: u16, rest: &'a [u8]) -> Result<Option<&'a [u8]>, WireError> {
        let datagram = match (self.peer.transport, ethertype) {
            (Transport::Ethernet, ethernet::ECPRI) => return Ok(Some(rest)),
            (Transport::Udp { .. }, ethernet::IPV4) => Ipv4::parse(rest)?.1,
            (Transport::Udp { .. }, ethernet::IPV6) => Ipv6::parse(rest)?.1,
            _ => return Ok(None),
        };
        let (udp, pdu) = Udp::parse(datagram)?;
        let Transport::Udp { peer_port, .. } = self.peer.transport else {
            return Ok(None);
        };
        Ok((udp.destination_port() == peer_port).then_some(pdu))
    }

    fn message(&mut self, now: Instant, plane: Plane, payload: &[u8]) -> Result<(), WireError> {
        let (header, message) = Stream::parse(payload)?;
        let (radio, body) = RadioHeader::parse(message)?;
        let key = (radio.direction(), header.eaxc());
        let Some(&(cell, stream)) = self.streams.get(&key) else {
            self.report.unknown_stream += 1;
            return Ok(());
        };
        let Some(slot) = self.slot(cell, radio, now) else {
            self.report.malformed += 1;
            return Ok(());
        };
        let heard = Heard {
            now,
            plane,
            cell,
            stream,
            slot,
            header,
            radio,
            message,
            body,
        };
        match plane {
            Plane::Control => self.control(&heard),
            Plane::User => {
                self.user(&heard);
                Ok(())
            }
        }
    }

    fn control(&mut self, heard: &Heard<'_>) -> Result<(), WireError> {
        let Some(cell) = self.cells.get_mut(heard.cell) else {
            return Ok(());
        };
        let (cplane, _) = Cplane::parse(heard.message)?;
        self.asked.clear();
        let mut described = 0;
        for section in cplane.sections() {
            let section = section?;
            described |= section.symbols();
            let wanted = cell.asked(&section);
            if !self.asked.contains(&wanted) {
                self.asked.push(wanted);
            }
        }
        let timeliness = cell.judge(heard);
        if let Some(reception) = cell.receptions.get_mut(usize::from(heard.stream.0)) {
            reception.control(heard.header.sequence(), timeliness, heard.slot, described);
        }
        let asks = matches!(
            cplane.section_type(),
            SectionType::Normal | SectionType::Prach
        );
        if asks && heard.radio.direction() == Direction::Uplink {
            let request = Request {
                stream: heard.stream,
                slot: heard.slot,
                filter_index: heard.radio.filter_index(),
                asked: &self.asked,
            };
            cell.radio
                .answer(request, heard.now, false, &mut self.schedule);
        }
        Ok(())
    }

    fn user(&mut self, heard: &Heard<'_>) {
        let Some(cell) = self.cells.get_mut(heard.cell) else {
            return;
        };
        let mark = Mark::read(heard.body, cell.configured.downlink_compression);
        let timeliness = cell.judge(heard);
        if let Some(reception) = cell.receptions.get_mut(usize::from(heard.stream.0)) {
            let place = (heard.slot, heard.radio.symbol());
            let sender = mark.map(|mark| mark.sender);
            reception.user(heard.header.sequence(), timeliness, place, sender);
        }
    }

    fn slot(&self, cell: usize, radio: RadioHeader<'_>, now: Instant) -> Option<SlotCount> {
        let timing = &self.cells.get(cell)?.radio.timing;
        let wire = radio.wire_slot(timing.numerology())?;
        Some(wire.nearest(timing.clock.slot_at(now), timing.numerology()))
    }

    fn place(&self, sender: u32) -> Option<usize> {
        let is_sender = |cell: &HeardCell| u32::from(cell.radio.timing.id.0) == sender;
        self.cells.iter().position(is_sender)
    }
}

impl HeardCell {
    fn asked(&self, section: &Section<'_>) -> Asked {
        let count = match section.num_prb() {
            0 => self.configured.carrier_prbs,
            some => u16::from(some),
        };
        Asked {
            span: Span {
                id: section.section_id(),
                start: section.start_prb(),
                count,
                coded: section.num_prb(),
            },
            symbols: section.symbols(),
        }
    }

    /// Against the end of the transmit window of the frame's class; the box's own delay is not allowed for.
    fn judge(&self, heard: &Heard<'_>) -> Timeliness {
        let windows = self.configured.transmit;
        let closes = match (heard.radio.direction(), heard.plane) {
            (Direction::Downlink, Plane::Control) => windows.downlink_control,
            (Direction::Downlink, Plane::User) => windows.downlink_user,
            (Direction::Uplink, _) => windows.uplink_control,
        };
        let air = self
            .radio
            .timing
            .clock
            .air(heard.slot, heard.radio.symbol());
        let window = DelayWindow::new(closes, self.configured.largest_lead);
        window.map_or(Timeliness::OnTime, |window| window.judge(air, heard.now))
    }
}
