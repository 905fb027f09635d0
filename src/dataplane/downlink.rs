//! From a member toward the RU: who may speak, in shared mode on which symbols, and the edits.

use crate::dataplane::classify::{Envelope, Message, Radio, StreamMessage};
use crate::dataplane::cplane::{self, Control};
use crate::dataplane::egress::{self, EgressHeader, Stamp};
use crate::dataplane::journey::{Fate, Scene};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::step;
use crate::dataplane::tables::{CellTables, Flow, Measure, PeerEntry, Template};
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::planes::fronthaul::guard::Claim;
use crate::planes::fronthaul::share::CplaneStyle;
use crate::planes::role::{Mode, Silenced};
use crate::ran::{CellId, Direction, EaxcId, MemberId, Plane, SequenceNumber, SlotCount, StreamId};
use crate::wire::ecpri;
use crate::wire::oran::uplane::{self, Format};

/// The fate of a member's message. `body` starts at ecpriPcid and may end with the head.
#[inline]
pub(super) fn judge(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    radio: &Radio,
    place: (Flow, SlotCount),
) -> Result<Fate, DropReason> {
    let (flow, slot) = place;
    let tables = scene
        .tables
        .cell(flow.cell)
        .ok_or(DropReason::UnknownEaxc)?;
    let control = match stream.plane {
        Plane::User => None,
        Plane::Control => Some(cplane::read(body, tables)?),
    };
    step::heard(scene, tables, stream.plane, radio.direction, flow, slot);
    let announced = control
        .as_ref()
        .filter(|_| radio.direction == Direction::Downlink && tables.measure == Measure::Announced)
        .map_or(0, |control| control.prb_symbols);
    if announced > 0 {
        use_prbs(scene, flow, slot, announced);
    }
    let mode = admit(scene, tables, flow, slot, control.as_ref())?;
    let Mode::Shared {
        source,
        destination,
    } = mode
    else {
        return Ok(to_ru(scene, flow, flow.stream, stream, slot));
    };
    let owner = owner(scene, flow.cell, slot, source, destination);
    let sharing = Sharing {
        flow,
        slot,
        is_source: flow.member == source,
        owner,
    };
    match control {
        Some(control) => cplane::share(body, scene, envelope, stream, radio, &control, sharing),
        None => share_user(body, scene, stream, radio, sharing),
    }
}

/// A message of one of two members that share the RU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharing {
    pub(super) flow: Flow,
    pub(super) slot: SlotCount,
    pub(super) is_source: bool,
    /// Who owns the slot's data symbols.
    pub(super) owner: MemberId,
}

impl Sharing {
    pub(super) fn owns_slot(&self) -> bool {
        self.owner == self.flow.member
    }
}

/// Shared mode, U-plane: control symbols by port map, data symbols by owner, then the guard.
fn share_user(
    body: &[u8],
    scene: &mut Scene<'_>,
    stream: &StreamMessage,
    radio: &Radio,
    sharing: Sharing,
) -> Result<Fate, DropReason> {
    let Sharing { flow, slot, .. } = sharing;
    let tables = scene
        .tables
        .cell(flow.cell)
        .ok_or(DropReason::UnknownEaxc)?;
    let format = tables.downlink_format;
    let sections = body
        .get(ecpri::STREAM_LEN + RADIO_LEN..)
        .unwrap_or_default();
    if let Measure::Exponents(symbols) = tables.measure
        && symbols >> radio.symbol & 1 == 1
    {
        use_prbs(scene, flow, slot, busy_prbs(sections, format));
    }
    let rules = tables
        .share
        .slot_rules(slot, flow.stream, sharing.is_source, sharing.owns_slot());
    let (target, control) = rules.of_symbol(radio.symbol);
    if advances_symbol(sections, format) {
        return Err(DropReason::Unsplittable);
    }
    let target = target.ok_or(if control {
        DropReason::ControlPort
    } else {
        DropReason::NotSlotOwner
    })?;
    if control && !covered(scene, tables, sharing, target, radio.symbol) {
        return Err(DropReason::Uncovered);
    }
    claim(scene, Plane::User, flow, target, slot, 1 << radio.symbol)?;
    Ok(to_ru(scene, flow, target, stream, slot))
}

/// With owner-wins, another member's control symbols need the slot owner's C-plane on their port before
/// them: without it the RU would discard or misread them.
fn covered(
    scene: &Scene<'_>,
    tables: &CellTables,
    sharing: Sharing,
    target: StreamId,
    symbol: u8,
) -> bool {
    let Some(cell) = scene.lcore.cells.get(sharing.flow.cell.index()) else {
        return false;
    };
    let own = sharing.owns_slot() && target == sharing.flow.stream;
    if own || tables.share.cplane != CplaneStyle::OwnerWins || cell.splits(sharing.slot) {
        return true;
    }
    cell.guard_control
        .is_held_by(target, sharing.slot, symbol, sharing.owner)
}

/// Some section says symInc: the message speaks of a symbol after the one its header names.
fn advances_symbol(sections: &[u8], format: Format) -> bool {
    uplane::sections(sections, format)
        .map_while(Result::ok)
        .any(|section| section.sym_inc())
}

/// PRBs whose exponent is above 0.
fn busy_prbs(sections: &[u8], format: Format) -> u32 {
    uplane::sections(sections, format)
        .map_while(Result::ok)
        .map(|section| section.exponents().filter(|exponent| *exponent > 0).count() as u32)
        .sum()
}

/// One speaker on each (egress eAxC, symbol), or the message is a conflict.
pub(super) fn claim(
    scene: &mut Scene<'_>,
    plane: Plane,
    flow: Flow,
    target: StreamId,
    slot: SlotCount,
    symbols: u16,
) -> Result<(), DropReason> {
    let cell = scene
        .lcore
        .cells
        .get_mut(flow.cell.index())
        .ok_or(DropReason::UnknownEaxc)?;
    match cell.guard(plane).claim(target, slot, symbols, flow.member) {
        Ok(()) => Ok(()),
        Err(Claim::TooOld) => Err(DropReason::Late),
        Err(Claim::HeldBy { .. }) if cell.conflict_told == slot => Err(DropReason::Conflict),
        Err(Claim::HeldBy { holder, symbol }) => {
            cell.conflict_told = slot;
            let kind = EventKind::Conflict {
                stream: target,
                on: slot,
                symbol,
                holder,
                refused: flow.member,
            };
            scene.lcore.say(scene.now, flow.cell, kind);
            Err(DropReason::Conflict)
        }
    }
}

/// The message goes to the RU on `target`: numbered, and its slot counts as released.
#[inline]
pub(super) fn to_ru(
    scene: &mut Scene<'_>,
    flow: Flow,
    target: StreamId,
    stream: &StreamMessage,
    slot: SlotCount,
) -> Fate {
    Fate::ToRu {
        cell: flow.cell,
        stream: target,
        plane: stream.plane,
        sequence: number(scene, flow, target, stream, slot),
        map_sections: false,
    }
}

/// The number under which a message leaves on `target`, if the box owns the numbering.
#[inline]
pub(super) fn number(
    scene: &mut Scene<'_>,
    flow: Flow,
    target: StreamId,
    stream: &StreamMessage,
    slot: SlotCount,
) -> Option<SequenceNumber> {
    scene.lcore.trace.egress_stream = Some(target);
    let owns = scene.tables.cell(flow.cell)?.owns_numbering;
    let cell = scene.lcore.cells.get_mut(flow.cell.index())?;
    cell.released = cell.released.max(slot);
    if !owns {
        return None;
    }
    let number = cell.renumber.assign(target, stream.plane, stream.sequence);
    let live = &scene.lcore.live;
    live.number(&cell.saved, target, stream.plane, number.next());
    Some(number)
}

fn owner(
    scene: &Scene<'_>,
    cell: CellId,
    slot: SlotCount,
    source: MemberId,
    destination: MemberId,
) -> MemberId {
    let share = scene.tables.cell(cell).map(|tables| &tables.share);
    let pattern = scene
        .lcore
        .cells
        .get(cell.index())
        .map(|state| state.pattern.of(slot));
    match (share, pattern) {
        (Some(share), Some(pattern)) => share.owner(slot, pattern, source, destination),
        _ => source,
    }
}

/// May the member speak in this slot. A standby that takes over after a failover speaks from the first
/// slot whose first C-plane arrives after the decision.
#[inline]
fn admit(
    scene: &mut Scene<'_>,
    tables: &CellTables,
    flow: Flow,
    slot: SlotCount,
    control: Option<&Control>,
) -> Result<Mode, DropReason> {
    let now = scene.now;
    let cell = scene
        .lcore
        .cells
        .get_mut(flow.cell.index())
        .ok_or(DropReason::UnknownEaxc)?;
    let clock = cell.clock.ok_or(DropReason::OutOfStep)?;
    if control.is_some() && cell.takes_over(flow.member, slot, now) {
        scene.lcore.announce(now, flow.cell);
        scene.lcore.refresh_deadline(scene.tables, flow.cell);
        return Ok(Mode::Single(flow.member));
    }
    let spoken = cell
        .roles
        .may_speak(flow.member, slot, now, &clock, tables.late_tolerance);
    spoken.map_err(|silenced| match silenced {
        Silenced::Fenced => DropReason::Fenced,
        Silenced::Late => DropReason::Late,
        Silenced::NotActive => DropReason::NotActive,
    })
}

fn use_prbs(scene: &mut Scene<'_>, flow: Flow, slot: SlotCount, prb_symbols: u32) {
    let now = scene.now;
    let Some(cell) = scene.lcore.cells.get_mut(flow.cell.index()) else {
        return;
    };
    let Some(complete) = cell.usage.add(slot, flow.member, prb_symbols) else {
        return;
    };
    for (member, used) in cell.members.iter_mut().zip(complete.used) {
        member.prb_symbols += u64::from(used);
        member.prb_slots += 1;
    }
    if matches!(cell.roles.mode(complete.slot), Mode::Shared { .. }) {
        let kind = EventKind::PrbUse {
            on: complete.slot,
            used: complete.used,
        };
        scene.lcore.say(now, flow.cell, kind);
    }
}

/// Edits a frame of one message for the RU.
#[inline]
pub(super) fn send(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    fate: Fate,
) -> Result<Verdict, DropReason> {
    let Fate::ToRu {
        cell,
        stream,
        plane,
        sequence,
        map_sections,
    } = fate
    else {
        return Ok(Verdict::Replace);
    };
    let (entry, template) = ru(scene, cell, plane)?;
    let port = entry.port;
    let eaxc = egress_eaxc(scene, cell, stream).ok_or(DropReason::UnknownEaxc)?;
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    let pdu = head.get_mut(start..).unwrap_or_default();
    let mut changes = egress::set_stream(pdu, message, eaxc, sequence);
    if map_sections {
        changes = cplane::map_sections(pdu, message, changes);
    }
    let header = EgressHeader::new(
        template,
        envelope,
        scene.received(head),
        envelope.pdu,
        changes,
    );
    count_sent(scene, cell, stream, plane);
    egress::readdress(head, scene.frame, envelope, &header, port).map(Verdict::Forward)
}

/// Pushes one message of a concatenated PDU as a frame of its own.
pub(super) fn push_alone(
    head: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    fate: Fate,
) -> Result<(), DropReason> {
    let Fate::ToRu {
        cell,
        stream,
        plane,
        sequence,
        map_sections,
    } = fate
    else {
        return Ok(());
    };
    if map_sections {
        return Err(DropReason::OverlapRefused);
    }
    let eaxc = egress_eaxc(scene, cell, stream).ok_or(DropReason::UnknownEaxc)?;
    count_sent(scene, cell, stream, plane);
    let (entry, template) = ru(scene, cell, plane)?;
    let stamp = Stamp {
        template,
        port: entry.port,
        eaxc,
        sequence,
    };
    let received = scene.received(head);
    egress::push_message(
        scene.outbox,
        received,
        scene.frame,
        envelope,
        message,
        &stamp,
    )
}

/// The RU's entry and the header of its frames.
#[inline]
pub(super) fn ru<'t>(
    scene: &Scene<'t>,
    cell: CellId,
    plane: Plane,
) -> Result<(&'t PeerEntry, &'t Template), DropReason> {
    let entry = scene
        .tables
        .cell(cell)
        .and_then(|cell| scene.tables.peer_entry(cell.ru?))
        .ok_or(DropReason::UnknownPeer)?;
    let template = match plane {
        Plane::Control => &entry.control,
        Plane::User => &entry.user,
    };
    Ok((entry, template))
}

/// The RU's eAxC id of a stream.
#[inline]
pub(super) fn egress_eaxc(scene: &Scene<'_>, cell: CellId, stream: StreamId) -> Option<EaxcId> {
    let streams = &scene.tables.cell(cell)?.streams;
    streams.get(stream.index()).map(|stream| stream.eaxc)
}

/// Counts a message sent to the RU.
#[inline]
pub(super) fn count_sent(scene: &mut Scene<'_>, cell: CellId, stream: StreamId, plane: Plane) {
    let direction = scene
        .tables
        .cell(cell)
        .and_then(|tables| tables.streams.get(stream.index()))
        .map(|stream| stream.direction);
    let remapped = scene.lcore.trace.stream != Some(stream);
    let Some(counters) = scene.lcore.counters.cells.get_mut(cell.index()) else {
        return;
    };
    match (plane, direction) {
        (Plane::User, _) => counters.downlink_user += 1,
        (Plane::Control, Some(Direction::Downlink)) => counters.downlink_control += 1,
        (Plane::Control, _) => counters.uplink_control += 1,
    }
    counters.remapped += u64::from(remapped);
}

const RADIO_LEN: usize = 4;
