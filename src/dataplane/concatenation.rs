//! Several eCPRI messages in one PDU: each is judged alone; one fate for all keeps the frame, else each
//! message goes its own way as a frame of its own, or ends with its own reason.

use crate::dataplane::classify::{self, Envelope, Message};
use crate::dataplane::downlink;
use crate::dataplane::egress::{self, EgressHeader};
use crate::dataplane::journey::{Fate, Scene, judge};
use crate::dataplane::uplink;
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::ran::Plane;
use crate::wire::checksum::Difference;
use crate::wire::ecpri::MessageType;

/// Most eCPRI messages of one PDU.
const CONCATENATED: usize = 16;

/// Several messages in one PDU: one fate for all keeps the frame, else each goes its own way.
pub(super) fn steer(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    first: Message,
) -> Result<Verdict, DropReason> {
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    let pdu = head.get(start..).unwrap_or_default();
    let messages = messages(pdu, scene, envelope, first)?;
    let mark = scene.outbox.len();
    let mut fates = [None; CONCATENATED];
    let mut count = 0;
    for (place, message) in fates.iter_mut().zip(messages.into_iter().flatten()) {
        let plane = match message.kind {
            MessageType::IqData => Some(Plane::User),
            MessageType::RealTimeControl => Some(Plane::Control),
            _ => None,
        };
        let fate = match plane {
            Some(plane) => judge(pdu, scene, envelope, &message, plane),
            // eCPRI allows other types beside each other in one PDU; nobody sends them so.
            None => Err(DropReason::EcpriMalformed),
        };
        *place = Some((message, fate));
        count += 1;
    }
    let fates = fates.get(..count).unwrap_or_default();
    if let Some(verdict) = keep_whole(head, scene, envelope, fates) {
        return verdict;
    }
    separate(head, scene, envelope, fates, mark)
}

/// The messages of a PDU. All are found before one is judged: a PDU that breaks off takes no number.
fn messages(
    pdu: &[u8],
    scene: &Scene<'_>,
    envelope: &Envelope,
    first: Message,
) -> Result<[Option<Message>; CONCATENATED], DropReason> {
    let mut messages = [None; CONCATENATED];
    let mut next = Some(first);
    for place in &mut messages {
        let Some(message) = next else {
            return Ok(messages);
        };
        *place = next.take();
        if message.concatenated {
            let offset = u32::from(message.offset) + message.advance;
            let left = envelope.pdu.saturating_sub(offset);
            let lenient = scene.tables.policy.lenient_size;
            next = Some(classify::message(pdu, offset as u16, left, lenient)?);
        }
    }
    match next {
        None => Ok(messages),
        Some(_) => Err(DropReason::EcpriMalformed),
    }
}

type Judged = Option<(Message, Result<Fate, DropReason>)>;

/// All messages to one RU: the frame stays one.
fn keep_whole(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    fates: &[Judged],
) -> Option<Result<Verdict, DropReason>> {
    let ru = |judged: &Judged| match judged {
        Some((
            _,
            Ok(Fate::ToRu {
                cell,
                plane,
                map_sections: false,
                ..
            }),
        )) => scene
            .tables
            .cell(*cell)
            .and_then(|cell| Some((cell.ru?, *plane))),
        _ => None,
    };
    let (ru_peer, plane) = ru(fates.first()?)?;
    if !fates
        .iter()
        .all(|judged| ru(judged).is_some_and(|(peer, _)| peer == ru_peer))
    {
        return None;
    }
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    let entry = scene.tables.peer_entry(ru_peer)?;
    let template = match plane {
        Plane::Control => &entry.control,
        Plane::User => &entry.user,
    };
    let received = head.get(usize::from(scene.frame.start)..)?;
    let mut header = EgressHeader::new(
        template,
        envelope,
        received,
        envelope.pdu,
        Difference::default(),
    );
    for (message, fate) in fates.iter().flatten() {
        let Ok(Fate::ToRu {
            cell,
            stream,
            sequence,
            plane,
            ..
        }) = fate
        else {
            continue;
        };
        let eaxc = downlink::egress_eaxc(scene, *cell, *stream)?;
        let changes = egress::set_stream(head.get_mut(start..)?, message, eaxc, *sequence);
        header.also_changed(template, changes);
        downlink::count_sent(scene, *cell, *stream, *plane);
    }
    Some(egress::readdress(head, scene.frame, envelope, &header, entry.port).map(Verdict::Forward))
}

/// Each message as a frame of its own; one that is refused is dropped with its own reason. Parts after
/// `before` in the outbox are this frame's, those that judging it has pushed included.
fn separate(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    fates: &[Judged],
    before: usize,
) -> Result<Verdict, DropReason> {
    let mut refused = None;
    for (message, fate) in fates.iter().flatten() {
        let mark = scene.outbox.len();
        let sent = match fate {
            Err(reason) => Err(*reason),
            Ok(fate) => send_alone(head, scene, envelope, message, *fate),
        };
        if let Err(reason) = sent {
            scene.outbox.truncate(mark);
            if let Some(before) = refused.replace(reason) {
                scene.drop_extra(before);
            }
        }
    }
    match refused {
        Some(reason) if scene.outbox.len() > before => scene.drop_extra(reason),
        Some(reason) => return Err(reason),
        None => {}
    }
    Ok(Verdict::Replace)
}

fn send_alone(
    head: &[u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    message: &Message,
    fate: Fate,
) -> Result<(), DropReason> {
    match fate {
        Fate::Parts => Ok(()),
        Fate::ToRu { .. } => downlink::push_alone(head, scene, envelope, message, fate),
        Fate::ToMembers { .. } => uplink::push_alone(head, scene, envelope, message, fate),
    }
}
