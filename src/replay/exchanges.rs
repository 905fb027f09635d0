//! Messages of the FAPI plane: what each PHY was given, and what reached the L2, read from the frames that left.
//! What was dropped the journey tells.
//!
//! A frame that leaves was caused by the frame that was decided last, or by the clock: in virtual time one
//! frame is decided at a time.

use std::collections::BTreeMap;

use crate::dataplane::{
    run_record::{Exchange, ExchangeEnd, Trace},
    tables::{P7Address, Tables},
    verdict::{DropReason, Verdict},
};
use crate::ran::{
    CellId, Instant, MacAddr, MemberId, Numerology, PeerId, PortId, SlotCount, SlotPoint,
};
use crate::wire::{
    ethernet::Ethernet,
    ipv4::Ipv4,
    nfapi::{Check, Datagram, Dialect, MessageId, null, slot},
    udp::Udp,
};

use super::frame::{Kind, ReplayFrame};

/// The FAPI planes of one run.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    ends: Vec<End>,
    cells: Vec<Plane>,
    /// Of the frame that was decided last.
    last: Trace,
}

/// An L2 or a PHY, as a receiver.
#[derive(Clone, Copy, Debug)]
struct End {
    peer: PeerId,
    port: PortId,
    mac: MacAddr,
    address: P7Address,
    dialect: Dialect,
    cell: CellId,
    /// The PHY of this member, else the L2.
    member: Option<MemberId>,
    /// Slots by which it counts ahead of the L2.
    slot_offset: i64,
}

#[derive(Debug)]
struct Plane {
    numerology: Numerology,
    /// Slots by which SLOT.indication is ahead of the air.
    ahead: i64,
    /// The last slot that was spoken of, to unwrap others by.
    near: Option<SlotCount>,
    /// A slot, and when it was on air by the first SLOT.indication.
    indicated: Option<(SlotCount, Instant)>,
    messages: BTreeMap<(SlotCount, MessageId, Option<MemberId>, ExchangeEnd), u32>,
    given: BTreeMap<(MemberId, SlotCount), Instant>,
}

/// A message on its way out: to whom, what, of which slot as the L2 counts, and whether it asks for nothing.
struct Leaving {
    to: End,
    message: MessageId,
    slot: SlotCount,
    is_null: bool,
}

impl Exchanges {
    pub(super) fn new(tables: &Tables) -> Self {
        let cells = tables.cells.iter().map(|cell| Plane {
            numerology: cell.numerology,
            ahead: (cell.fapi.as_ref()).map_or(0, |fapi| i64::from(fapi.rules.ticker.ahead)),
            near: None,
            indicated: None,
            messages: BTreeMap::new(),
            given: BTreeMap::new(),
        });
        Self {
            ends: ends(tables),
            cells: cells.collect(),
            last: Trace::default(),
        }
    }

    /// A frame was decided.
    pub(super) fn decided(&mut self, now: Instant, trace: &Trace, verdict: Verdict) {
        self.last = *trace;
        let (Some(cell), Some(message), Some(slot)) = (trace.cell, trace.fapi, trace.slot) else {
            return;
        };
        let Some(plane) = self.cells.get_mut(cell.index()) else {
            return;
        };
        if let Verdict::Drop(reason) = verdict {
            plane.count(slot, message, trace.member, ExchangeEnd::Dropped(reason));
            // A slot that is out of step would lead astray.
            if reason != DropReason::NotActive {
                return;
            }
        }
        plane.near = Some(slot);
        if message == MessageId::SLOT_INDICATION {
            let on_air = slot.offset(-plane.ahead);
            plane.indicated.get_or_insert((on_air, now));
        }
    }

    /// A frame left on `port`.
    pub(super) fn left(&mut self, now: Instant, port: PortId, frame: &ReplayFrame) {
        if self.ends.is_empty() {
            return;
        }
        let Some(leaving) = self.read(port, frame) else {
            return;
        };
        let (member, end) = match leaving.to.member {
            Some(member) if leaving.is_null => (Some(member), ExchangeEnd::Null),
            Some(member) => (Some(member), ExchangeEnd::Passed),
            None => self.sender(&leaving, frame),
        };
        let Some(plane) = self.cells.get_mut(leaving.to.cell.index()) else {
            return;
        };
        plane.count(leaving.slot, leaving.message, member, end);
        if let (Some(member), ExchangeEnd::Passed) = (leaving.to.member, end) {
            plane.given.entry((member, leaving.slot)).or_insert(now);
        }
    }

    /// When the PHY of `member` was first given a request for a slot from `boundary` on.
    pub(super) fn first_given(
        &self,
        cell: CellId,
        member: MemberId,
        boundary: SlotCount,
    ) -> Option<Instant> {
        let slots = (member, boundary)..=(member, SlotCount(u64::MAX));
        let given = &self.cells.get(cell.index())?.given;
        given.range(slots).map(|(_, at)| *at).min()
    }

    /// What was exchanged in `cell`, in order of slot, and a slot with the time when it was on air.
    pub(super) fn take(&mut self, cell: CellId) -> (Vec<Exchange>, Option<(SlotCount, Instant)>) {
        let Some(plane) = self.cells.get_mut(cell.index()) else {
            return (Vec::new(), None);
        };
        let messages = std::mem::take(&mut plane.messages).into_iter();
        let exchange = |((slot, message, member, end), messages)| Exchange {
            slot,
            message,
            member,
            end,
            messages,
        };
        (messages.map(exchange).collect(), plane.indicated)
    }

    /// Whose indication to the L2 it is: that of the PHY whose frame was decided last, if it names the same slot.
    fn sender(&self, leaving: &Leaving, frame: &ReplayFrame) -> (Option<MemberId>, ExchangeEnd) {
        let is_sender = |end: &&End| Some(end.peer) == self.last.peer;
        let member = self.ends.iter().find(is_sender).and_then(|end| end.member);
        let fills_a_gap =
            leaving.message == MessageId::SLOT_INDICATION && self.last.slot != Some(leaving.slot);
        match frame.origin {
            Some(_) if !fills_a_gap && member.is_some() => (member, ExchangeEnd::Passed),
            _ => (None, ExchangeEnd::MadeUp),
        }
    }

    /// The message that begins in `frame`, if it is one of a slot.
    fn read(&self, port: PortId, frame: &ReplayFrame) -> Option<Leaving> {
        let (ethernet, packet) = Ethernet::parse(frame.bytes()).ok()?;
        let (ip, datagram) = Ipv4::parse(packet).ok()?;
        let (udp, pdu) = Udp::parse(datagram).ok()?;
        let address = P7Address {
            peer: ip.destination(),
            own: ip.source(),
            own_port: udp.source_port(),
        };
        let is_receiver = |end: &&End| {
            end.port == port && end.mac == ethernet.destination() && end.address == address
        };
        let to = *self.ends.iter().find(is_receiver)?;
        let (datagram, body) = Datagram::parse(pdu, to.dialect, Check::Ignore).ok()?;
        let head = datagram.head.filter(|_| datagram.piece.is_first())?;
        let message = head.message;
        if !message.has_slot() {
            return None;
        }
        let encoding = to.dialect.encoding();
        let (point, _) = slot::parse(body, encoding.order).ok()?;
        let null = null::body(message, encoding, point);
        Some(Leaving {
            to,
            message,
            slot: self.unwrapped(to, point)?,
            // What the L2 sent passes as it was, whatever it asks for.
            is_null: frame.kind != Kind::Forwarded
                && null.is_some_and(|null| null.as_slice() == body),
        })
    }

    fn unwrapped(&self, end: End, point: SlotPoint) -> Option<SlotCount> {
        let plane = self.cells.get(end.cell.index())?;
        let near = plane.near?.offset(end.slot_offset);
        let slot = point.nearest(near, plane.numerology);
        Some(slot.offset(-end.slot_offset))
    }
}

impl Plane {
    fn count(
        &mut self,
        slot: SlotCount,
        message: MessageId,
        member: Option<MemberId>,
        end: ExchangeEnd,
    ) {
        let key = (slot, message, member, end);
        *self.messages.entry(key).or_default() += 1;
    }
}

/// The L2 and the PHYs of every cell.
fn ends(tables: &Tables) -> Vec<End> {
    let mut ends = Vec::new();
    for (cell, index) in tables.cells.iter().zip(0..) {
        let Some(fapi) = &cell.fapi else {
            continue;
        };
        let phys = fapi.phys.iter().zip(0..);
        let phys = phys.map(|(phy, n)| (phy.peer, Some(MemberId(n)), i64::from(phy.slot_offset)));
        let all = phys.chain([(fapi.l2, None, 0)]);
        ends.extend(all.filter_map(|(peer, member, slot_offset)| {
            let entry = tables.peer_entry(peer)?;
            let p7 = entry.p7?;
            Some(End {
                peer,
                port: entry.port,
                mac: entry.mac,
                address: p7.address,
                dialect: p7.dialect,
                cell: CellId(index),
                member,
                slot_offset,
            })
        }));
    }
    ends
}
