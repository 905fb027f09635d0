//! How messages leave: as they came, in their frame; cut anew for a peer of another dialect or smaller
//! datagrams; or made here.
//!
//! Each message to a peer has a number of its own, which all its datagrams carry. A datagram is cut to the
//! MTU of its port, so that the appliance never sends fragments.

use super::{Fate, Incoming, Recipient, bounds};
use crate::dataplane::classify::Envelope;
use crate::dataplane::egress::{self, EgressHeader};
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::journey::Scene;
use crate::dataplane::outbox::Outbox;
use crate::dataplane::tables::{Carrier, P7Entry, PeerEntry, TEMPLATE};
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::{MemberId, Numerology, PeerId, PortId, SlotCount, SlotPoint};
use crate::wire::checksum::{self, Difference};
use crate::wire::nfapi::null::{self, Null};
use crate::wire::nfapi::segment::{Segment, Segments};
use crate::wire::nfapi::{
    Datagram, Dialect, Encoding, Head, Header, MessageId, Piece, header, slot,
};
use crate::wire::udp;

/// Bytes of IPv4 and UDP headers.
const IP_AND_UDP: usize = 28;
/// Bytes of the longest P7 header.
pub(super) const LONGEST_HEADER: usize = 22;
/// Bytes of the longest head of a part: all headers of a datagram, and a NULL or SFN and slot.
pub(super) const LONGEST_HEAD: usize = TEMPLATE + LONGEST_HEADER + 16;
/// What is edited of a message that passes: its header, and SFN and slot behind it.
const EDITED: usize = LONGEST_HEADER + slot::SLOT_LEN;

/// Edits the frame for its fate, or writes the parts that replace it.
pub(super) fn carry_out(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    from: &P7Entry,
    fate: Fate,
) -> Result<Verdict, DropReason> {
    let entry = scene.tables.peer_entry(fate.to);
    let (entry, to) = entry
        .and_then(|entry| Some((entry, entry.p7.as_ref()?)))
        .ok_or(DropReason::UnknownPeer)?;
    if to.dialect == from.dialect && envelope.pdu as usize <= room(to) {
        return pass(head, scene, envelope, (entry, to), fate);
    }
    cut(head, scene, envelope, (from, to, entry), fate)
}

/// Largest datagram for a peer, bytes of UDP payload.
pub(super) fn room(to: &P7Entry) -> usize {
    usize::from(to.segment).min(usize::from(to.mtu).saturating_sub(IP_AND_UDP))
}

/// The frame itself, under new addresses.
pub(super) fn pass(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    (entry, to): (&PeerEntry, &P7Entry),
    fate: Fate,
) -> Result<Verdict, DropReason> {
    let tables = scene.tables;
    let numerology = scene.lcore.trace.cell.and_then(|cell| tables.cell(cell));
    let numerology = numerology.ok_or(DropReason::UnknownPeer)?.numerology;
    let (start, end) = bounds(scene, envelope);
    let pdu = head.get_mut(start..end).ok_or(DropReason::HeadTooShort)?;
    let before = edited_part(pdu);
    header::set_number_and_phy(pdu, to.dialect, fate.sequence, to.phy)?;
    if fate.shift != 0 {
        shift(pdu, to, numerology, fate.shift);
    }
    let changes = Difference::default().replace_words(&before, &edited_part(pdu));
    let frame = scene.frame;
    let received = scene.received(head);
    let header = EgressHeader::new(&entry.user, envelope, received, envelope.pdu, changes);
    let departure = egress::readdress(head, frame, envelope, &header, entry.port)?;
    match scene.outbox.len() > scene.mark {
        true => Ok(Verdict::Fanout(departure)),
        false => Ok(Verdict::Forward(departure)),
    }
}

fn edited_part(pdu: &[u8]) -> [u8; EDITED] {
    if let Some(part) = pdu.first_chunk() {
        return *part;
    }
    let mut part = [0; EDITED];
    let (there, _) = part.split_at_mut(pdu.len().min(EDITED));
    there.copy_from_slice(pdu);
    part
}

/// Moves SFN and slot of a whole datagram for a peer that counts from elsewhere.
fn shift(pdu: &mut [u8], to: &P7Entry, numerology: Numerology, slots: i32) {
    let Some(body) = pdu.get_mut(to.dialect.p7_header_len()..) else {
        return;
    };
    let Some(moved) = moved(body, to.encoding, numerology, slots) else {
        return;
    };
    if let Some(field) = body.first_chunk_mut() {
        *field = moved;
    }
    if to.dialect == Dialect::OaiNfapi {
        header::set_checksum(pdu);
    }
}

/// SFN and slot of `body`, `slots` later; nothing if they stay as they are.
pub(super) fn moved(
    body: &[u8],
    encoding: Encoding,
    numerology: Numerology,
    slots: i32,
) -> Option<[u8; slot::SLOT_LEN]> {
    let (point, _) = slot::parse(body, encoding.order)
        .ok()
        .filter(|_| slots != 0)?;
    Some(slot::bytes(
        shifted(point, numerology, slots),
        encoding.order,
    ))
}

/// The point `slots` later.
fn shifted(point: SlotPoint, numerology: Numerology, slots: i32) -> SlotPoint {
    let per_frame = i64::from(numerology.slots_per_frame());
    let cycle = 1024 * per_frame;
    let at = i64::from(point.sfn) * per_frame + i64::from(point.slot) + i64::from(slots);
    SlotPoint::of(SlotCount(at.rem_euclid(cycle) as u64), numerology)
}

/// The message in datagrams of its own for the peer, its body left where it is.
fn cut(
    head: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    (from, to, entry): (&P7Entry, &P7Entry, &PeerEntry),
    fate: Fate,
) -> Result<Verdict, DropReason> {
    let numerology = scene.tables.cell(fate.cell).map(|cell| cell.numerology);
    let numerology = numerology.ok_or(DropReason::UnknownPeer)?;
    let (start, end) = bounds(scene, envelope);
    let pdu = head.get(start..end).ok_or(DropReason::HeadTooShort)?;
    let (datagram, body) = Datagram::parse(pdu, from.dialect, from.check)?;
    let message = datagram.head.ok_or(DropReason::P7Malformed)?.message;
    let message = message.between(from.dialect, to.dialect);
    let message = message.ok_or(DropReason::NotRepresentable)?;
    let at = envelope.header as usize + (pdu.len() - body.len());
    let point = moved(body, to.encoding, numerology, fate.shift);
    let segments = Segments::new(to.dialect, fate.sequence, body.len(), room(to));
    for segment in segments.map_err(|_| DropReason::NotRepresentable)? {
        let Segment { piece, range } = segment;
        // The point is in the first, which has room for it: a shorter one could not be parsed.
        let point = point.as_ref().filter(|_| range.start == 0);
        let point = point.map_or(&[][..], |point| &point[..]);
        let from = range.start + point.len();
        let bytes = body.get(from..range.end).unwrap_or_default();
        let header = Header {
            head: Head {
                phy: to.phy,
                message,
            },
            piece,
            timestamp: datagram.timestamp,
        };
        let mut lead = [0; LONGEST_HEADER];
        let len = header.emit(to.dialect, &[point, bytes], &mut lead)?;
        let lead = lead.get(..len).unwrap_or_default();
        let pdu = (len + range.len()) as u32;
        let outer = EgressHeader::new(&entry.user, envelope, &[], pdu, Difference::default());
        let tail = (at + from) as u32..(at + range.end) as u32;
        let outbox = &mut *scene.outbox;
        outbox
            .push(entry.port, &[outer.bytes(), lead, point], tail, 0)
            .map_err(|_| DropReason::OutboxFull)?;
        if let Some(written) = outbox.last_head_mut() {
            sum(written, entry, bytes);
        }
    }
    Ok(Verdict::Replace)
}

/// Writes the UDP checksum of a datagram whose head is `written` and whose last bytes are `tail`.
fn sum(written: &mut [u8], entry: &PeerEntry, tail: &[u8]) {
    let ip = 14 + 4 * usize::from(entry.user.tags);
    let at = usize::from(entry.user.len).saturating_sub(8);
    let pseudo = checksum::sum(17, written.get(ip + 12..ip + 20).unwrap_or_default());
    let Some(datagram) = written.get_mut(at..) else {
        return;
    };
    // Headers of every dialect are even, so what follows is summed where it stands.
    udp::complete_with(datagram, pseudo, tail);
}

/// The NULL of a request of the L2, for the PHY of `member`. One for which there is no room is counted.
pub(super) fn null(
    scene: &mut Scene<'_>,
    incoming: &Incoming<'_>,
    member: MemberId,
    at: SlotPoint,
) {
    let tables = scene.tables;
    let Some(numerology) = tables.cell(incoming.cell).map(|cell| cell.numerology) else {
        return;
    };
    let made = made(
        scene,
        incoming,
        Recipient::Phy(member),
        |to, sequence, shift| {
            let null = Null {
                message: incoming.head.message,
                phy: to.phy,
                sequence,
                timestamp: incoming.timestamp,
            };
            let point = shifted(at, numerology, shift);
            let lead = null.datagram(to.dialect, to.encoding, point).ok()?;
            Some(Made { lead, body: &[] })
        },
    );
    if made.is_none() {
        scene.drop_extra(DropReason::OutboxFull);
    }
}

/// The same message for another PHY.
pub(super) fn copy(scene: &mut Scene<'_>, incoming: &Incoming<'_>, member: MemberId) {
    let made = made(
        scene,
        incoming,
        Recipient::Phy(member),
        |to, sequence, _| {
            let id = incoming.head.message;
            let id = id.between(incoming.p7.dialect, to.dialect)?;
            message(to, sequence, id, incoming.timestamp, incoming.body)
        },
    );
    if made.is_none() {
        scene.drop_extra(DropReason::OutboxFull);
    }
}

/// SLOT.indications that are missing before that of `until`, for the L2.
pub(super) fn fill(
    scene: &mut Scene<'_>,
    incoming: &Incoming<'_>,
    from: SlotCount,
    until: SlotCount,
) {
    let tables = scene.tables;
    let Some(numerology) = tables.cell(incoming.cell).map(|cell| cell.numerology) else {
        return;
    };
    for slot in (from.0..until.0).map(SlotCount) {
        let point = SlotPoint::of(slot, numerology);
        let made = made(scene, incoming, Recipient::L2, |to, sequence, _| {
            slot_indication(to, sequence, point)
        });
        if made.is_none() {
            scene.drop_extra(DropReason::OutboxFull);
        }
        scene.count_made_up(incoming.cell);
    }
}

/// Builds one datagram beside the frame under decision.
fn made<'b>(
    scene: &mut Scene<'_>,
    incoming: &Incoming<'_>,
    recipient: Recipient,
    build: impl FnOnce(&P7Entry, u16, i32) -> Option<Made<'b>>,
) -> Option<()> {
    let tables = scene.tables;
    let fapi = tables.cell(incoming.cell)?.fapi.as_ref()?;
    let (peer, shift) = match recipient {
        Recipient::L2 => (fapi.l2, 0),
        Recipient::Phy(member) => {
            let phy = fapi.phys.get(member.index())?;
            (phy.peer, phy.slot_offset)
        }
    };
    let state = scene.lcore.cells.get_mut(incoming.cell.index())?;
    let state = state.fapi.as_mut()?;
    let entry = tables.peer_entry(peer)?;
    let made = build(entry.p7.as_ref()?, state.number_to(recipient), shift)?;
    push(scene.outbox, entry, &made)?;
    state.next_to(recipient);
    Some(())
}

/// A datagram made here: what is written, and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'b> {
    lead: Lead,
    body: &'b [u8],
}

/// A header, or all of a datagram that is no longer than a NULL.
type Lead = null::Bytes<{ null::LONGEST_DATAGRAM }>;

/// A message of one datagram; nothing if it is longer than what the peer is sent at once.
pub(super) fn message<'b>(
    to: &P7Entry,
    sequence: u16,
    message: MessageId,
    timestamp: u32,
    body: &'b [u8],
) -> Option<Made<'b>> {
    let header = header_of(to, sequence, message, timestamp, body.len());
    let lead = Lead::written(|out| header.emit(to.dialect, &[body], out)).ok()?;
    (lead.as_slice().len() + body.len() <= room(to)).then_some(Made { lead, body })
}

/// SLOT.indication for the L2 `to`.
pub(super) fn slot_indication(
    to: &P7Entry,
    sequence: u16,
    point: SlotPoint,
) -> Option<Made<'static>> {
    let body = slot::bytes(point, to.encoding.order);
    let header = header_of(to, sequence, MessageId::SLOT_INDICATION, 0, body.len());
    let lead = Lead::written(|out| header.emit_whole(to.dialect, &body, out)).ok()?;
    Some(Made { lead, body: &[] })
}

fn header_of(
    to: &P7Entry,
    sequence: u16,
    message: MessageId,
    timestamp: u32,
    len: usize,
) -> Header {
    Header {
        head: Head {
            phy: to.phy,
            message,
        },
        piece: Piece::uncut(to.dialect, sequence, len as u32),
        timestamp,
    }
}

/// The NULL request that the slot clock owes the PHY `to`.
pub(super) fn null_request(
    to: &P7Entry,
    sequence: u16,
    message: MessageId,
    (point, timestamp): (SlotPoint, u32),
) -> Option<Made<'static>> {
    let null = Null {
        message,
        phy: to.phy,
        sequence,
        timestamp,
    };
    let lead = null.datagram(to.dialect, to.encoding, point).ok()?;
    Some(Made { lead, body: &[] })
}

/// Writes a frame around `made` into `outbox`; nothing if there is no room.
pub(super) fn push(outbox: &mut Outbox, entry: &PeerEntry, made: &Made<'_>) -> Option<()> {
    let envelope = Envelope {
        peer: PeerId(0),
        header: 0,
        ethernet: 0,
        tci: [None, None],
        carrier: Carrier::Ipv4,
        pdu: 0,
        udp_checksum: SUMMED,
    };
    let frame = FrameInfo {
        port: PortId(0),
        start: 0,
        len: 0,
    };
    egress::push_whole(
        outbox,
        frame,
        &envelope,
        &entry.user,
        [made.lead.as_slice(), made.body],
        entry.port,
    )
    .ok()
}

/// Any checksum but none: one is computed.
const SUMMED: u16 = 1;

/// The point that the PHY of `shift` slots calls `slot`.
pub(super) fn point(slot: SlotCount, numerology: Numerology, shift: i32) -> SlotPoint {
    SlotPoint::of(slot.offset(i64::from(shift)), numerology)
}
