//! One frame from bytes to verdict. Read this first.
//!
//! Parse only as deep as the decision needs; decide from header fields, so that a frame's verdict never
//! depends on when it came; edit last, so that a dropped frame is never half rewritten. Nothing here
//! allocates, locks, logs, reads a clock or loops without a bound.

use crate::dataplane::classify::{self, Envelope, Message, Radio, StreamMessage};
use crate::dataplane::concatenation;
use crate::dataplane::downlink;
use crate::dataplane::fapi;
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::lcore_state::{FragmentFate, LcoreState};
use crate::dataplane::midhaul;
use crate::dataplane::outbox::Outbox;
use crate::dataplane::passing;
use crate::dataplane::run_record::Trace;
use crate::dataplane::step;
use crate::dataplane::tables::{FROM_RU, Flow, PeerKind, Tables};
use crate::dataplane::uplink;
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::planes::fronthaul::fragments::FragmentKey;
use crate::ran::{
    CellId, Direction, Instant, MemberId, Plane, SequenceNumber, SlotCount, StreamId,
};
use crate::wire::ecpri::MessageType;
use crate::wire::ethernet::Ethernet;

/// The frame under decision and all that a decision may touch.
pub(super) struct Scene<'a> {
    pub(super) tables: &'a Tables,
    pub(super) lcore: &'a mut LcoreState,
    pub(super) outbox: &'a mut Outbox,
    pub(super) now: Instant,
    pub(super) frame: FrameInfo,
    /// Parts in the outbox before this frame.
    pub(super) mark: usize,
}

/// What becomes of one eCPRI message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// To the RU, on the stream named; its sectionIds mapped if asked.
    ToRu {
        cell: CellId,
        stream: StreamId,
        plane: Plane,
        sequence: Option<SequenceNumber>,
        map_sections: bool,
    },
    /// To the RU in parts that are in the outbox already.
    Parts,
    /// To members of a cell (bit n for member n), with sectionIds mapped back if asked.
    ToMembers {
        cell: CellId,
        stream: StreamId,
        plane: Plane,
        members: u8,
        unmap: bool,
    },
}

/// Decides one frame. `head` holds headroom, then the frame's first segment; see `FrameInfo`.
pub fn decide(
    head: &mut [u8],
    frame: FrameInfo,
    now: Instant,
    tables: &Tables,
    lcore: &mut LcoreState,
    outbox: &mut Outbox,
) -> Verdict {
    lcore.trace = Trace::default();
    let mark = outbox.len();
    let mut scene = Scene {
        tables,
        lcore,
        outbox,
        now,
        frame,
        mark,
    };
    match steer(head, &mut scene) {
        Ok(verdict) => verdict,
        Err(reason) => {
            outbox.truncate(mark);
            Verdict::Drop(reason)
        }
    }
}

fn steer(head: &mut [u8], scene: &mut Scene<'_>) -> Result<Verdict, DropReason> {
    let received = head
        .get(usize::from(scene.frame.start)..)
        .unwrap_or_default();
    let (ethernet, body) = Ethernet::parse(received)?;
    let peer = scene
        .tables
        .peer(scene.frame.port, ethernet.source(), ethernet.vlans());
    scene.lcore.trace.peer = peer;
    let Some(peer) = peer else {
        if ethernet.ethertype() == classify::ECPRI {
            return Err(DropReason::UnknownPeer);
        }
        return elsewhere(head, scene);
    };
    let envelope = classify::envelope(received, scene.frame, scene.tables, &ethernet, body, peer)?;
    let Some(envelope) = envelope else {
        return elsewhere(head, scene);
    };
    let pdu = received
        .get(usize::from(envelope.header)..)
        .unwrap_or_default();
    let lenient = scene.tables.policy.lenient_size;
    let message = classify::message(pdu, 0, envelope.pdu, lenient)?;
    if message.concatenated {
        return concatenation::steer(head, scene, &envelope, message);
    }
    let plane = match message.kind {
        MessageType::IqData => Plane::User,
        MessageType::RealTimeControl => Plane::Control,
        _ => return passing::other_message(head, scene, &envelope, &message),
    };
    let fate = judge(pdu, scene, &envelope, &message, plane)?;
    carry_out(head, scene, &envelope, &message, fate)
}

/// What is not fronthaul: FAPI, the midhaul, or bridged.
fn elsewhere(head: &mut [u8], scene: &mut Scene<'_>) -> Result<Verdict, DropReason> {
    if let Some(decided) = fapi::steer(head, scene) {
        return decided;
    }
    midhaul::steer(head, scene).unwrap_or_else(|| passing::bridge(head, scene))
}

/// The fate of one C-plane or U-plane message.
pub(super) fn judge(
    pdu: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    plane: Plane,
) -> Result<Fate, DropReason> {
    let stream = classify::stream(pdu, message, plane)?;
    if stream.subsequence > 0 {
        return later_fragment(scene, envelope, &stream);
    }
    let radio = classify::radio(pdu, message)?;
    let flow = find_flow(scene, envelope, &stream, &radio)?;
    let body = classify::payload(pdu, message);
    count_sequence(scene, envelope, &stream, flow);
    let judged = judge_first(body, scene, envelope, &stream, &radio, flow);
    if stream.fragmented {
        remember(scene, &stream, flow, &judged);
    }
    judged
}

fn judge_first(
    body: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    radio: &Radio,
    flow: Flow,
) -> Result<Fate, DropReason> {
    let numerology = scene
        .tables
        .cell(flow.cell)
        .ok_or(DropReason::UnknownEaxc)?
        .numerology;
    let wire_slot = radio.wire_slot(numerology)?;
    let from_ru = flow.member == FROM_RU;
    scene.lcore.trace.member = (!from_ru).then_some(flow.member);
    let slot = step::lift(scene, flow, wire_slot, from_ru)?;
    scene.lcore.trace.slot = Some(slot);
    scene.lcore.trace.symbol = radio.symbol;
    if from_ru {
        return uplink::judge(body, scene, stream, radio, (flow, slot));
    }
    downlink::judge(body, scene, envelope, stream, radio, (flow, slot))
}

/// The flow of a message, and that it travels the way its sender may send it.
#[inline]
fn find_flow(
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
    radio: &Radio,
) -> Result<Flow, DropReason> {
    let entry = scene
        .tables
        .peer_entry(envelope.peer)
        .ok_or(DropReason::UnknownPeer)?;
    let from_ru = entry.kind == PeerKind::Ru;
    let downlink_user = stream.plane == Plane::User && radio.direction == Direction::Downlink;
    let uplink_user = stream.plane == Plane::User && radio.direction == Direction::Uplink;
    if (from_ru && downlink_user) || (!from_ru && uplink_user) {
        return Err(DropReason::WrongWay);
    }
    let assigned = match entry.kind {
        PeerKind::PooledDu => match scene.lcore.pool.get(envelope.peer.index()) {
            Some(pool) if pool.assigned.is_some() => pool.assigned,
            _ => {
                step::hear_unassigned(scene, envelope.peer, stream, radio);
                return Err(DropReason::Unassigned);
            }
        },
        _ => None,
    };
    let flow = scene
        .tables
        .flow(envelope.peer, assigned, radio.direction, stream.eaxc)
        .ok_or(DropReason::UnknownEaxc)?;
    let trace = &mut scene.lcore.trace;
    trace.cell = Some(flow.cell);
    trace.stream = Some(flow.stream);
    trace.message = Some((stream.plane, radio.direction));
    Ok(flow)
}

#[inline]
fn count_sequence(scene: &mut Scene<'_>, envelope: &Envelope, stream: &StreamMessage, flow: Flow) {
    let domain = flow.domain as usize + usize::from(stream.plane == Plane::User);
    let cell = scene.lcore.cells.get_mut(flow.cell.index());
    let Some(window) = cell.and_then(|cell| cell.losses.get_mut(domain)) else {
        return;
    };
    let seen = window.record(stream.sequence);
    if seen == Default::default() {
        return;
    }
    if let Some(peer) = scene.lcore.counters.peers.get_mut(envelope.peer.index()) {
        peer.missing += u64::from(seen.missing);
        peer.duplicate += u64::from(seen.duplicate);
        peer.reordered += u64::from(seen.reordered);
    }
}

fn later_fragment(
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    stream: &StreamMessage,
) -> Result<Fate, DropReason> {
    let entry = scene
        .tables
        .peer_entry(envelope.peer)
        .ok_or(DropReason::UnknownPeer)?;
    let plane = stream.plane;
    for (cell, member) in &entry.cells {
        let key = FragmentKey {
            sender: match entry.kind {
                PeerKind::Ru => FROM_RU,
                _ => *member,
            },
            eaxc: stream.eaxc,
            plane,
            sequence: stream.sequence,
        };
        let state = scene.lcore.cells.get(cell.index());
        let known = state.and_then(|state| Some((state, state.fragments.recall(key)?)));
        let Some((state, known)) = known else {
            continue;
        };
        if entry.kind != PeerKind::Ru && state.roles.is_fenced(*member) {
            return Err(DropReason::Fenced);
        }
        scene.lcore.trace.cell = Some(*cell);
        return match known {
            FragmentFate::Dropped(reason) => Err(reason),
            FragmentFate::ToRu { stream, sequence } => Ok(Fate::ToRu {
                cell: *cell,
                stream,
                plane,
                sequence: sequence.map(SequenceNumber),
                map_sections: false,
            }),
            FragmentFate::ToMembers { stream, members } => Ok(Fate::ToMembers {
                cell: *cell,
                stream,
                plane,
                members,
                unmap: false,
            }),
        };
    }
    Err(DropReason::FragmentOrphan)
}

fn remember(
    scene: &mut Scene<'_>,
    stream: &StreamMessage,
    flow: Flow,
    judged: &Result<Fate, DropReason>,
) {
    let fate = match *judged {
        Ok(Fate::ToRu {
            stream, sequence, ..
        }) => FragmentFate::ToRu {
            stream,
            sequence: sequence.map(|number| number.0),
        },
        Ok(Fate::ToMembers {
            stream, members, ..
        }) => FragmentFate::ToMembers { stream, members },
        Ok(Fate::Parts) => FragmentFate::Dropped(DropReason::Unsplittable),
        Err(reason) => FragmentFate::Dropped(reason),
    };
    let key = FragmentKey {
        sender: flow.member,
        eaxc: stream.eaxc,
        plane: stream.plane,
        sequence: stream.sequence,
    };
    if let Some(cell) = scene.lcore.cells.get_mut(flow.cell.index()) {
        cell.fragments.remember(key, fate);
    }
}

/// Edits the frame for its fate, or writes the parts that replace it.
fn carry_out(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    fate: Fate,
) -> Result<Verdict, DropReason> {
    match fate {
        Fate::Parts => Ok(Verdict::Replace),
        Fate::ToRu { .. } => downlink::send(head, scene, envelope, message, fate),
        Fate::ToMembers { .. } => uplink::send(head, scene, envelope, message, fate),
    }
}

impl Scene<'_> {
    /// The frame as received, from its first byte.
    pub(super) fn received<'h>(&self, head: &'h [u8]) -> &'h [u8] {
        head.get(usize::from(self.frame.start)..)
            .unwrap_or_default()
    }

    /// Counts the drop of a message beside the frame that the verdict speaks of.
    pub(super) fn drop_extra(&mut self, reason: DropReason) {
        self.lcore.counters.ledger.copied += 1;
        self.lcore
            .counters
            .count_drop(reason, self.lcore.trace.peer);
    }

    /// Counts a SLOT.indication that was made up.
    pub(super) fn count_made_up(&mut self, cell: CellId) {
        if let Some(counters) = self.lcore.counters.cells.get_mut(cell.index()) {
            counters.fapi_made_up_slots += 1;
        }
    }

    /// The cell's unwrapped slot now, if known.
    pub(super) fn current_slot(&mut self, cell: CellId) -> Option<SlotCount> {
        let now = self.now;
        self.lcore
            .cells
            .get_mut(cell.index())
            .and_then(|cell| cell.current_slot(now))
    }

    /// The members of `cell` as bits without the one named.
    pub(super) fn in_step(&self, cell: CellId) -> u8 {
        self.lcore
            .cells
            .get(cell.index())
            .map_or(0, |state| state.in_step)
    }
}

/// The members of a mask.
pub(super) fn members(mask: u8) -> impl Iterator<Item = MemberId> {
    (0..8).filter(move |n| mask >> n & 1 == 1).map(MemberId)
}
