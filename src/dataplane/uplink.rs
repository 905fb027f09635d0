//! From the RU toward its members: every frame to each member in step, payload untouched, under that
//! member's addresses and eAxC ids and the RU's numbers.

use crate::dataplane::classify::{Envelope, Message, Radio, StreamMessage};
use crate::dataplane::egress::{self, EgressHeader, Stamp};
use crate::dataplane::journey::{Fate, Scene, members};
use crate::dataplane::tables::{Flow, MemberTables, PeerEntry, Template};
use crate::dataplane::verdict::{Departure, DropReason, Verdict};
use crate::planes::fronthaul::requests::{Answer, MAPPED};
use crate::planes::role::Mode;
use crate::ran::{CellId, EaxcId, MemberId, Plane, SlotCount, StreamId};
use crate::wire::checksum::Difference;
use crate::wire::ecpri;
use crate::wire::oran::cplane::{Cplane, SectionType};
use crate::wire::oran::uplane;

const RADIO_LEN: usize = 4;
/// Common header and stream identifier: what differs between copies lies in here.
const LEAD: usize = ecpri::HEADER_LEN + ecpri::STREAM_LEN;

/// The fate of a message of the RU. `body` starts at ecpriPcid.
#[inline]
pub(super) fn judge(
    body: &[u8],
    scene: &mut Scene<'_>,
    stream: &StreamMessage,
    radio: &Radio,
    place: (Flow, SlotCount),
) -> Result<Fate, DropReason> {
    let (flow, slot) = place;
    let mut recipients = scene.in_step(flow.cell);
    let mut unmap = false;
    let cell = scene
        .lcore
        .cells
        .get(flow.cell.index())
        .ok_or(DropReason::UnknownEaxc)?;
    if stream.plane == Plane::Control {
        let message = body.get(ecpri::STREAM_LEN..).unwrap_or_default();
        let (view, _) = Cplane::parse(message)?;
        match view.section_type() {
            // ACK/NACK feedback answers one scheduler: the carrier's owner.
            SectionType::Opaque(8) => {
                recipients &= bit(cell.roles.mode(slot).carrier_owner());
            }
            SectionType::Opaque(7 | 9 | 10) => {}
            _ => return Err(DropReason::WrongWay),
        }
    } else if let Some(counters) = scene.lcore.counters.cells.get_mut(flow.cell.index()) {
        counters.uplink_user += 1;
        if let Mode::Shared { .. } = cell.roles.mode(slot)
            && let Some(id) = first_section_id(body)
            && let Answer::Only {
                member,
                unmap: back,
            } = cell.requests.answer(flow.stream, slot, radio.filter, id)
        {
            recipients &= bit(member);
            unmap = back;
        }
    }
    if recipients == 0 {
        return Err(DropReason::NoMember);
    }
    scene.lcore.trace.egress_stream = Some(flow.stream);
    Ok(Fate::ToMembers {
        cell: flow.cell,
        stream: flow.stream,
        plane: stream.plane,
        members: recipients,
        unmap,
    })
}

const fn bit(member: MemberId) -> u8 {
    1 << (member.0 & 7)
}

fn first_section_id(body: &[u8]) -> Option<u16> {
    let [high, low] = body
        .get(ecpri::STREAM_LEN + RADIO_LEN..)?
        .first_chunk::<2>()?;
    Some(u16::from_be_bytes([*high, *low]) >> 4)
}

/// One member as a recipient.
struct Recipient<'t> {
    member: &'t MemberTables,
    entry: &'t PeerEntry,
    template: &'t Template,
}

impl Recipient<'_> {
    fn eaxc(&self, stream: StreamId) -> Result<EaxcId, DropReason> {
        let eaxc = self.member.eaxc.get(stream.index()).copied();
        eaxc.ok_or(DropReason::UnknownEaxc)
    }
}

fn recipient<'t>(
    scene: &Scene<'t>,
    cell: CellId,
    member: MemberId,
    plane: Plane,
) -> Option<Recipient<'t>> {
    let member = scene.tables.cell(cell)?.members.get(member.index())?;
    let entry = scene.tables.peer_entry(member.peer)?;
    let template = match plane {
        Plane::Control => &entry.control,
        Plane::User => &entry.user,
    };
    Some(Recipient {
        member,
        entry,
        template,
    })
}

/// Copies for all recipients but the first, which gets the frame itself.
pub(super) fn send(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    fate: Fate,
) -> Result<Verdict, DropReason> {
    let Fate::ToMembers {
        cell,
        stream,
        plane,
        members: mask,
        unmap,
    } = fate
    else {
        return Ok(Verdict::Replace);
    };
    let edited = if unmap {
        unmap_sections(head, scene, envelope, message, cell)?
    } else {
        Difference::default()
    };
    let mut recipients = members(mask);
    let first = recipients.next().ok_or(DropReason::NoMember)?;
    for member in recipients {
        let Some(to) = recipient(scene, cell, member, plane) else {
            continue;
        };
        let received = scene.received(head);
        let lead_at = usize::from(envelope.header);
        let mut lead = *received
            .get(lead_at..)
            .and_then(|pdu| pdu.first_chunk::<LEAD>())
            .ok_or(DropReason::HeadTooShort)?;
        let changes = egress::set_stream(&mut lead, message, to.eaxc(stream)?, None);
        let header = EgressHeader::new(to.template, envelope, received, envelope.pdu, changes);
        let tail = (lead_at + lead.len()) as u32;
        egress::push_copy(
            scene.outbox,
            scene.frame,
            &header,
            &lead,
            tail,
            to.entry.port,
        )?;
    }
    count_copies(scene, cell, mask);
    let to = recipient(scene, cell, first, plane).ok_or(DropReason::NoMember)?;
    let departure = send_itself(head, scene, envelope, message, &to, (stream, edited))?;
    if mask.count_ones() == 1 {
        return Ok(Verdict::Forward(departure));
    }
    Ok(Verdict::Fanout(departure))
}

fn send_itself(
    head: &mut [u8],
    scene: &Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    to: &Recipient<'_>,
    (stream, edited): (StreamId, Difference),
) -> Result<Departure, DropReason> {
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    let pdu = head.get_mut(start..).unwrap_or_default();
    let changes = edited.and(egress::set_stream(pdu, message, to.eaxc(stream)?, None));
    let header = EgressHeader::new(
        to.template,
        envelope,
        scene.received(head),
        envelope.pdu,
        changes,
    );
    egress::readdress(head, scene.frame, envelope, &header, to.entry.port)
}

/// One message of a concatenated PDU as a frame of its own for each recipient.
pub(super) fn push_alone(
    head: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    fate: Fate,
) -> Result<(), DropReason> {
    let Fate::ToMembers {
        cell,
        stream,
        plane,
        members: mask,
        unmap: false,
    } = fate
    else {
        return Err(DropReason::OverlapRefused);
    };
    for member in members(mask) {
        let Some(to) = recipient(scene, cell, member, plane) else {
            continue;
        };
        let stamp = Stamp {
            template: to.template,
            port: to.entry.port,
            eaxc: to.eaxc(stream)?,
            sequence: None,
        };
        let received = scene.received(head);
        egress::push_message(
            scene.outbox,
            received,
            scene.frame,
            envelope,
            message,
            &stamp,
        )?;
    }
    count_copies(scene, cell, mask);
    Ok(())
}

fn count_copies(scene: &mut Scene<'_>, cell: CellId, mask: u8) {
    if let Some(counters) = scene.lcore.counters.cells.get_mut(cell.index()) {
        counters.uplink_copies += u64::from(mask.count_ones());
    }
}

/// Clears the `MAPPED` bit in each sectionId of an answer to a mapped request.
fn unmap_sections(
    head: &mut [u8],
    scene: &Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    cell: CellId,
) -> Result<Difference, DropReason> {
    let tables = scene.tables.cell(cell).ok_or(DropReason::UnknownEaxc)?;
    let format = tables.uplink_format;
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    let from = start + usize::from(message.offset) + ecpri::HEADER_LEN;
    let sections = head
        .get_mut(from..)
        .and_then(|rest| rest.get_mut(..message.size as usize))
        .and_then(|body| body.get_mut(ecpri::STREAM_LEN + RADIO_LEN..))
        .ok_or(DropReason::HeadTooShort)?;
    let mut edited = Difference::default();
    let mut next = 0;
    while let Some(section) =
        uplane::sections(sections.get(next..).unwrap_or_default(), format).next()
    {
        let range = section?.range();
        edited = edited.and(clear_mapped(sections, next));
        next += range.end.max(1);
    }
    Ok(edited)
}

fn clear_mapped(sections: &mut [u8], at: usize) -> Difference {
    let Some([high, low]) = sections
        .get_mut(at..)
        .and_then(|rest| rest.first_chunk_mut())
    else {
        return Difference::default();
    };
    let before = u16::from_be_bytes([*high, *low]);
    *high &= !((MAPPED >> 4) as u8);
    let after = u16::from_be_bytes([*high, *low]);
    // Sections of odd length put the next one at an odd offset of the checksum's words.
    if at % 2 == 1 {
        return Difference::default().replace(before.swap_bytes(), after.swap_bytes());
    }
    Difference::default().replace(before, after)
}
