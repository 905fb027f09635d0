//! Several eCPRI messages in one PDU: each is judged alone; one fate for all keeps the frame, else each
//! message goes its own way as a frame of its own, or ends with its own reason.

use crate::dataplane::classify::{self, Envelope, Message};
use crate::dataplane::downlink;
use crate::dataplane::egress::{self, EgressHeader};
use crate::dataplane::journey::{Fate, Scene, judge};
use crate::dataplane::passing;
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
    let mut fates = [None; CONCATENATED];
    let mut count = 0;
    let mut next = Some(first);
    let start = usize::from(scene.frame.start) + usize::from(envelope.header);
    while let Some(message) = next {
        let pdu = head.get(start..).unwrap_or_default();
        let place = fates.get_mut(count).ok_or(DropReason::EcpriMalformed)?;
        let plane = match message.kind {
            MessageType::IqData => Some(Plane::User),
            MessageType::RealTimeControl => Some(Plane::Control),
            _ => None,
        };
        let fate = match plane {
            Some(plane) => judge(pdu, scene, envelope, &message, plane),
            None => passing::judge_concatenated(scene, envelope, &message),
        };
        *place = Some((message, fate));
        count += 1;
        next = None;
        if message.concatenated {
            let offset = u32::from(message.offset) + message.advance;
            let left = envelope.pdu.saturating_sub(offset);
            let lenient = scene.tables.policy.lenient_size;
            next = Some(classify::message(pdu, offset as u16, left, lenient)?);
        }
    }
    let fates = fates.get(..count).unwrap_or_default();
    if let Some(verdict) = keep_whole(head, scene, envelope, fates) {
        return verdict;
    }
    separate(head, scene, envelope, fates)
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
        )) => scene.tables.cell(*cell).map(|cell| (cell.ru, *plane)),
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

/// Each message as a frame of its own; one that is refused is dropped with its own reason.
fn separate(
    head: &mut [u8],
    scene: &mut Scene<'_>,
    envelope: &Envelope,
    fates: &[Judged],
) -> Result<Verdict, DropReason> {
    let mut pushed = 0;
    let mut refused = None;
    for (message, fate) in fates.iter().flatten() {
        let mark = scene.outbox.len();
        let sent = match fate {
            Err(reason) => Err(*reason),
            Ok(fate) => send_alone(head, scene, envelope, message, *fate),
        };
        pushed += match sent {
            Ok(()) => scene.outbox.len() - mark,
            Err(reason) => {
                scene.outbox.truncate(mark);
                if let Some(before) = refused.replace(reason) {
                    scene.drop_extra(before);
                }
                0
            }
        };
    }
    match refused {
        Some(reason) if pushed > 0 => scene.drop_extra(reason),
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
