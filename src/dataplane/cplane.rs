//! C-plane messages of members: read once for validation and demand, and in shared mode by section
//! type: cut into runs of symbols, absorbed, mapped, or left to the owner (fronthaul.md 11.2).

use crate::dataplane::classify::{Envelope, Message, Radio, StreamMessage};
use crate::dataplane::downlink::{self, Sharing};
use crate::dataplane::egress;
use crate::dataplane::journey::{Fate, Scene};
use crate::dataplane::lcore_state::IdleSection;
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::tables::CellTables;
use crate::dataplane::verdict::DropReason;
use crate::planes::fronthaul::cplane::{Run, Runs, cut, digest};
use crate::planes::fronthaul::requests::{AHEAD, Asked, MAPPED, Request};
use crate::planes::fronthaul::share::CplaneStyle;
use crate::ran::{Direction, Plane, SlotCount};
use crate::wire::checksum::Difference;
use crate::wire::ecpri;
use crate::wire::oran::cplane::{self, Cplane, SectionType};
use crate::wire::oran::restrict::restrict;

/// What the journey needs to know of a C-plane message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Control {
    pub(super) section_type: SectionType,
    /// Symbols of all sections, bit n for symbol n.
    pub(super) covered: u16,
    /// PRBs of all sections: first, and one past the last.
    pub(super) prbs: (u16, u16),
    /// PRBs times symbols of all sections.
    pub(super) prb_symbols: u32,
    /// Some sectionId lies in the range that mapped requests use.
    pub(super) uses_mapped_range: bool,
    /// An extension speaks for other eAxC ids.
    pub(super) other_eaxc: bool,
}

/// Reads and validates a C-plane message. `body` starts at ecpriRtcid.
pub(super) fn read(body: &[u8], tables: &CellTables) -> Result<Control, DropReason> {
    let message = body.get(ecpri::STREAM_LEN..).unwrap_or_default();
    let (view, _) = Cplane::parse(message)?;
    let mut control = Control {
        section_type: view.section_type(),
        covered: 0,
        prbs: (u16::MAX, 0),
        prb_symbols: 0,
        uses_mapped_range: false,
        other_eaxc: false,
    };
    if let SectionType::Opaque(_) = control.section_type {
        return Ok(control);
    }
    for section in view.sections() {
        let section = section?;
        let symbols = section.symbols();
        let (first, prbs) = match section.num_prb() {
            0 => (0, tables.carrier_prbs),
            prbs => (section.start_prb(), u16::from(prbs)),
        };
        let step = if section.rb() { 2 } else { 1 };
        control.covered |= symbols;
        control.prbs = (
            control.prbs.0.min(first),
            control.prbs.1.max(first + prbs * step),
        );
        control.prb_symbols += u32::from(prbs) * symbols.count_ones();
        control.uses_mapped_range |= section.section_id() & MAPPED != 0;
        for extension in section.extensions() {
            control.other_eaxc |= extension?.speaks_for_other_eaxc();
        }
    }
    Ok(control)
}

/// A C-plane message of one of two members that share the RU.
pub(super) fn share(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    radio: &Radio,
    control: &Control,
    sharing: Sharing,
) -> Result<Fate, DropReason> {
    let tables = scene
        .tables
        .cell(sharing.flow.cell)
        .ok_or(DropReason::UnknownEaxc)?;
    let whole = |scene: &mut Scene<'_>| {
        let Sharing { flow, slot, .. } = sharing;
        downlink::to_ru(scene, flow, flow.stream, stream, slot)
    };
    match control.section_type {
        SectionType::Idle => {
            wait_for_twin(body, scene, sharing)?;
            Ok(whole(scene))
        }
        SectionType::Opaque(4) => Err(DropReason::CarrierCommand),
        SectionType::Opaque(8..=10) => Err(DropReason::WrongWay),
        SectionType::Opaque(6) | SectionType::Scheduled
            if !sharing.owns_slot() && !tables.share.disjoint_ue_ids =>
        {
            Err(DropReason::UeSpace)
        }
        SectionType::Opaque(6) => Ok(whole(scene)),
        SectionType::Opaque(_) if !sharing.owns_slot() => Err(DropReason::NotSlotOwner),
        SectionType::Opaque(_) => Ok(whole(scene)),
        _ if radio.direction == Direction::Uplink => {
            request(body, scene, stream, radio, control, sharing)
        }
        _ if tables.share.cplane == CplaneStyle::OwnerWins => {
            owner_wins(body, scene, envelope, stream, control, sharing)
        }
        _ => split(body, scene, envelope, stream, control, sharing),
    }
}

/// Idle sections go out only when both members sent the same.
fn wait_for_twin(body: &[u8], scene: &mut Scene<'_>, sharing: Sharing) -> Result<(), DropReason> {
    let message = body.get(ecpri::STREAM_LEN..).unwrap_or_default();
    let idle = IdleSection {
        at: (sharing.flow.stream, sharing.slot),
        member: sharing.flow.member,
        digest: digest(&[message]),
    };
    let cell = scene
        .lcore
        .cells
        .get_mut(sharing.flow.cell.index())
        .ok_or(DropReason::UnknownEaxc)?;
    let twin = cell.idle_sections.iter_mut().find(|known| {
        known.is_some_and(|known| {
            known.at == idle.at && known.digest == idle.digest && known.member != idle.member
        })
    });
    if let Some(twin) = twin {
        *twin = None;
        return Ok(());
    }
    cell.idle_sections.rotate_right(1);
    if let Some(first) = cell.idle_sections.first_mut() {
        *first = Some(idle);
    }
    Err(DropReason::IdleSection)
}

/// A UL request: forwarded, absorbed, mapped or refused.
fn request(
    body: &[u8],
    scene: &mut Scene<'_>,
    stream: &StreamMessage,
    radio: &Radio,
    control: &Control,
    sharing: Sharing,
) -> Result<Fate, DropReason> {
    let Sharing { flow, slot, .. } = sharing;
    let on_air = scene.current_slot(flow.cell).unwrap_or(slot);
    if slot.since(on_air) > AHEAD {
        return Err(DropReason::OverlapRefused);
    }
    let message = body.get(ecpri::STREAM_LEN..).unwrap_or_default();
    let request = Request {
        member: flow.member,
        filter: radio.filter,
        symbols: control.covered,
        prb_first: control.prbs.0,
        prb_end: control.prbs.1,
        digest: digest(&[message]),
        uses_mapped_range: control.uses_mapped_range,
    };
    let overlap = scene
        .tables
        .cell(flow.cell)
        .ok_or(DropReason::UnknownEaxc)?
        .share
        .overlap;
    let cell = scene
        .lcore
        .cells
        .get_mut(flow.cell.index())
        .ok_or(DropReason::UnknownEaxc)?;
    let asked = cell.requests.ask(flow.stream, slot, request, overlap);
    match asked {
        Asked::Absorb => Err(DropReason::Absorbed),
        Asked::Refuse => Err(DropReason::OverlapRefused),
        Asked::Forward => Ok(downlink::to_ru(scene, flow, flow.stream, stream, slot)),
        Asked::ForwardMapped => {
            if let Some(counters) = scene.lcore.counters.cells.get_mut(flow.cell.index()) {
                counters.section_mapped += 1;
            }
            Ok(Fate::ToRu {
                cell: flow.cell,
                stream: flow.stream,
                plane: Plane::Control,
                sequence: downlink::number(scene, flow, flow.stream, stream, slot),
                map_sections: true,
            })
        }
    }
}

/// The slot owner's message for every port, while both members describe control symbols alike.
fn owner_wins(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    control: &Control,
    sharing: Sharing,
) -> Result<Fate, DropReason> {
    let Sharing { flow, slot, .. } = sharing;
    compare(body, scene, sharing);
    let splits = scene
        .lcore
        .cells
        .get(flow.cell.index())
        .is_some_and(|cell| cell.splits(slot));
    if splits {
        return split(body, scene, envelope, stream, control, sharing);
    }
    if !sharing.owns_slot() {
        return Err(DropReason::NotSlotOwner);
    }
    downlink::claim(
        scene,
        Plane::Control,
        flow,
        flow.stream,
        slot,
        control.covered,
    )?;
    Ok(downlink::to_ru(scene, flow, flow.stream, stream, slot))
}

/// Holds the member's description of control symbols against the other's on the same egress stream.
fn compare(body: &[u8], scene: &mut Scene<'_>, sharing: Sharing) {
    let Sharing { flow, slot, .. } = sharing;
    let Some(tables) = scene.tables.cell(flow.cell) else {
        return;
    };
    let rules = tables
        .share
        .slot_rules(slot, flow.stream, sharing.is_source, sharing.owns_slot());
    // The owner describes the symbols of its own port; the other those of the port it is mapped to.
    let target = if sharing.owns_slot() {
        Some(flow.stream)
    } else {
        rules.control_stream
    };
    let Some(target) = target.filter(|_| rules.control != 0) else {
        return;
    };
    let message = body.get(ecpri::STREAM_LEN..).unwrap_or_default();
    let first = rules.control.trailing_zeros() as u8;
    let end = 16 - rules.control.leading_zeros() as u8;
    let scratch = &mut scene.lcore.scratch;
    let Ok(Some(len)) = restrict(message, first, end, scratch) else {
        return;
    };
    // A frame's own time is not description; the rest is.
    let described = scratch.get(4..len).unwrap_or_default();
    let said = digest(&[described]);
    let Some(cell) = scene.lcore.cells.get_mut(flow.cell.index()) else {
        return;
    };
    if cell
        .owner_wins
        .agrees(target, slot, sharing.owns_slot(), said)
        || cell.split_from.is_some()
    {
        return;
    }
    // Slots that somebody has begun end as they began: their other C-plane may be gone already.
    let begun = cell.members.iter().map(|member| member.newest_control);
    cell.split_from = Some(begun.fold(slot, SlotCount::max).offset(1));
    if let Some(counters) = scene.lcore.counters.cells.get_mut(flow.cell.index()) {
        counters.cplane_mismatches += 1;
    }
    let member = flow.member;
    let kind = EventKind::CplaneMismatch { member, on: slot };
    scene.lcore.say(scene.now, flow.cell, kind);
}

/// Control symbols by port map, data symbols by owner: the message whole, remapped, or in parts.
fn split(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    control: &Control,
    sharing: Sharing,
) -> Result<Fate, DropReason> {
    let Sharing { flow, slot, .. } = sharing;
    let tables = scene
        .tables
        .cell(flow.cell)
        .ok_or(DropReason::UnknownEaxc)?;
    let rules = tables
        .share
        .slot_rules(slot, flow.stream, sharing.is_source, sharing.owns_slot());
    let runs = cut(control.covered, &rules);
    if runs.is_empty() {
        return Err(if control.covered & !rules.control == 0 {
            DropReason::ControlPort
        } else {
            DropReason::NotSlotOwner
        });
    }
    let whole = runs.whole();
    if control.other_eaxc && whole.is_none_or(|run| run.stream != flow.stream) {
        return Err(DropReason::MultiEaxc);
    }
    for run in runs.iter() {
        let symbols = run.symbols() & control.covered;
        downlink::claim(scene, Plane::Control, flow, run.stream, slot, symbols)?;
    }
    if let Some(run) = whole {
        return Ok(downlink::to_ru(scene, flow, run.stream, stream, slot));
    }
    if let Some(counters) = scene.lcore.counters.cells.get_mut(flow.cell.index()) {
        counters.split += 1;
    }
    push_runs(body, scene, envelope, stream, sharing, &runs)?;
    Ok(Fate::Parts)
}

fn push_runs(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    sharing: Sharing,
    runs: &Runs,
) -> Result<(), DropReason> {
    for run in runs.iter() {
        push_run(body, scene, envelope, stream, sharing, *run)?;
    }
    Ok(())
}

fn push_run(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    sharing: Sharing,
    run: Run,
) -> Result<(), DropReason> {
    let Sharing { flow, slot, .. } = sharing;
    let message = body.get(ecpri::STREAM_LEN..).unwrap_or_default();
    let restricted = restrict(message, run.first, run.end, &mut scene.lcore.scratch)
        .map_err(|_| DropReason::Unsplittable)?;
    let Some(len) = restricted else {
        return Ok(());
    };
    let sequence = downlink::number(scene, flow, run.stream, stream, slot);
    let eaxc =
        downlink::egress_eaxc(scene, flow.cell, run.stream).ok_or(DropReason::UnknownEaxc)?;
    downlink::count_sent(scene, flow.cell, run.stream, Plane::Control);
    let (entry, template) = downlink::ru(scene, flow.cell, Plane::Control)?;
    let size = (ecpri::STREAM_LEN + len) as u16;
    let [high, low] = size.to_be_bytes();
    let [a, b] = eaxc.0.to_be_bytes();
    let [_, _, number, fragment] = body.first_chunk().copied().unwrap_or_default();
    let number = sequence.map_or(number, |sequence| sequence.0);
    let lead = [0x10, 2, high, low, a, b, number, fragment];
    let part = scene.lcore.scratch.get(..len).unwrap_or_default();
    egress::push_whole(
        scene.outbox,
        scene.frame,
        envelope,
        template,
        [&lead, part],
        entry.port,
    )
}

/// Sets the `MAPPED` bit in each sectionId of the request at `message`.
pub(super) fn map_sections(
    pdu: &mut [u8],
    message: &Message,
    mut changes: Difference,
) -> Difference {
    let from = usize::from(message.offset) + ecpri::HEADER_LEN + ecpri::STREAM_LEN;
    let to = from + (message.size as usize).saturating_sub(ecpri::STREAM_LEN);
    let Some(body) = pdu.get_mut(from..to) else {
        return changes;
    };
    for nth in 0..usize::from(u8::MAX) {
        let section = Cplane::parse(body)
            .ok()
            .and_then(|(view, _)| view.sections().nth(nth)?.ok())
            .map(|section| (section.offset(), section.section_id()));
        let Some((offset, id)) = section else {
            break;
        };
        let before = word(body, offset);
        cplane::set_section_id(body, offset, id | MAPPED);
        changes = changes.replace(before, word(body, offset));
    }
    changes
}

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |pair| u16::from_be_bytes(*pair))
}
