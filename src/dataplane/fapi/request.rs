//! What the L2 asks for: full to the PHY that owns the slot, NULL to each other, once.

use super::{Came, Fate, Incoming, Recipient, send};
use crate::dataplane::journey::{Scene, members};
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::dataplane::verdict::DropReason;
use crate::planes::fapi::Request;
use crate::planes::fapi::group::{Given, RequestDrop};
use crate::planes::fapi::uplink::Block;
use crate::ran::{CellId, MemberId, SlotCount, SlotPoint};
use crate::wire::nfapi::limits::Limits;
use crate::wire::nfapi::request::Request as Body;
use crate::wire::nfapi::segment::Segments;
use crate::wire::nfapi::{MessageId, Sender, null, slot};

pub(super) fn judge(scene: &mut Scene<'_>, incoming: &Incoming<'_>) -> Result<Fate, DropReason> {
    let message = incoming.head.message;
    if message.sender(incoming.p7.dialect) == Some(Sender::Phy) {
        return Err(DropReason::WrongWay);
    }
    let Some(kind) = kind(message) else {
        return beside(scene, incoming);
    };
    let (point, slot) = slot_of(scene, incoming)?;
    // Before the book is told: what is refused has been given to nobody.
    within_limits(scene, incoming)?;
    can_be_said(scene, incoming, slot)?;
    let given = ask(scene, incoming, kind, slot)?;
    if message == MessageId::UL_TTI_REQUEST {
        remember_uplink(scene, incoming, (given.full, slot));
    }
    let nulls = u64::from(given.nulls.count_ones());
    if let Some(counters) = scene.lcore.counters.cells.get_mut(incoming.cell.index()) {
        counters.fapi_requests += 1;
        counters.fapi_request_nulls += nulls;
    }
    for member in members(given.nulls) {
        send::null(scene, incoming, member, point);
    }
    to_phy(scene, incoming.cell, given.full)
}

const fn kind(message: MessageId) -> Option<Request> {
    match message {
        MessageId::DL_TTI_REQUEST => Some(Request::DlTti),
        MessageId::UL_TTI_REQUEST => Some(Request::UlTti),
        MessageId::UL_DCI_REQUEST => Some(Request::UlDci),
        MessageId::TX_DATA_REQUEST => Some(Request::TxData),
        _ => None,
    }
}

/// SFN and slot of the message, as written and unwrapped.
fn slot_of(
    scene: &mut Scene<'_>,
    incoming: &Incoming<'_>,
) -> Result<(SlotPoint, SlotCount), DropReason> {
    let now = scene.now;
    let tables = scene
        .tables
        .cell(incoming.cell)
        .ok_or(DropReason::UnknownPeer)?;
    let (point, _) = slot::parse(incoming.body, incoming.p7.encoding.order)?;
    if !slot::is_in_frame(point, tables.numerology) {
        return Err(DropReason::P7Malformed);
    }
    let state = scene.lcore.cells.get(incoming.cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    let slot = state.lift_point(tables, point, 0, now);
    scene.lcore.trace.slot = Some(slot);
    Ok((point, slot))
}

fn ask(
    scene: &mut Scene<'_>,
    incoming: &Incoming<'_>,
    kind: Request,
    slot: SlotCount,
) -> Result<Given, DropReason> {
    let now = scene.now;
    let state = scene.lcore.cells.get_mut(incoming.cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    let roles = &state.roles;
    let fapi = state.fapi.as_mut().ok_or(DropReason::UnknownPeer)?;
    let given = match null::is_null(incoming.head.message, incoming.body) {
        true => fapi.group.null_request(roles, kind, slot, now),
        false => fapi.group.request(roles, kind, slot, now),
    };
    given.map_err(|drop| match drop {
        RequestDrop::OutOfStep => DropReason::OutOfStep,
        RequestDrop::Fenced => DropReason::Fenced,
        RequestDrop::NotRunning => DropReason::NotRunning,
        RequestDrop::Repeated => DropReason::RequestRepeated,
    })
}

/// That no PHY of the cell, each of which may be active next, is given more than it can hold.
fn within_limits(scene: &Scene<'_>, incoming: &Incoming<'_>) -> Result<(), DropReason> {
    let cell = scene.tables.cell(incoming.cell);
    let fapi = cell.and_then(|cell| cell.fapi.as_ref());
    let readers = fapi.map_or(&[][..], |fapi| fapi.readers.as_slice());
    let (message, body) = (incoming.head.message, incoming.body);
    let exceeds =
        |(limits, encoding): &(Limits, _)| limits.exceeds(message, *encoding, body).is_some();
    match readers.iter().any(exceeds) {
        true => Err(DropReason::P7Limits),
        false => Ok(()),
    }
}

/// That the PHY that owns the slot can be sent the message, and that this burst has room for its pieces and the
/// NULLs of the others: refused later, it would take those with it.
fn can_be_said(
    scene: &Scene<'_>,
    incoming: &Incoming<'_>,
    slot: SlotCount,
) -> Result<(), DropReason> {
    let state = scene.lcore.cells.get(incoming.cell.index());
    let owner = state.map(|state| state.roles.mode(slot).carrier_owner());
    let phy = owner.and_then(|owner| scene.phy(incoming.cell, owner));
    let (_, _, p7, _) = phy.ok_or(DropReason::UnknownPeer)?;
    let segments = Segments::new(p7.dialect, 0, incoming.len, send::room(p7));
    let segments = segments.map_err(|_| DropReason::NotRepresentable)?;
    let Came { frames, datagram } = incoming.came;
    let passes = p7.dialect == incoming.p7.dialect
        && datagram.is_some_and(|datagram| datagram <= send::room(p7));
    // A piece goes on behind the end of a frame as another part.
    let pieces = if passes { 0 } else { segments.len() + frames };
    match scene
        .outbox
        .has_room(MAX_MEMBERS + pieces, send::LONGEST_HEAD)
    {
        true => Ok(()),
        false => Err(DropReason::OutboxFull),
    }
}

/// What is asked for and not answered yet can be told to be lost. A PUSCH that cannot be read is left to
/// the L2's own patience.
fn remember_uplink(
    scene: &mut Scene<'_>,
    incoming: &Incoming<'_>,
    (member, slot): (MemberId, SlotCount),
) {
    let tables = scene.tables.cell(incoming.cell);
    let wanted = tables.and_then(|cell| cell.fapi.as_ref());
    if !wanted.is_some_and(|fapi| fapi.fail_crc) {
        return;
    }
    let encoding = incoming.p7.encoding;
    let Ok((body, _)) = Body::parse(incoming.body, MessageId::UL_TTI_REQUEST, encoding) else {
        return;
    };
    let pdus = body.pdus().map_while(Result::ok);
    let blocks = pdus.filter_map(|pdu| {
        let sent = pdu.transmission(encoding)?;
        Some(Block {
            handle: sent.handle,
            rnti: sent.rnti,
            harq: sent.harq_id,
        })
    });
    if let Some(fapi) = fapi_of(scene, incoming.cell) {
        fapi.group.uplink().asked(slot, member, blocks);
    }
}

/// What is no request: with a slot, to the PHY that owns it; else, and vendors', to the active one. DL node sync
/// goes to every one that runs.
fn beside(scene: &mut Scene<'_>, incoming: &Incoming<'_>) -> Result<Fate, DropReason> {
    let now = scene.now;
    let named = match incoming.head.message.has_slot() {
        true => Some(slot_of(scene, incoming)?.1),
        false => None,
    };
    let state = scene.lcore.cells.get(incoming.cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    let current = state.clock.map(|clock| clock.slot_at(now));
    let asked = named.or(current).unwrap_or(SlotCount(u64::MAX));
    let active = state.roles.mode(asked).carrier_owner();
    if state.roles.is_fenced(active) {
        return Err(DropReason::Fenced);
    }
    let message = incoming.head.message;
    if message.is_dl_node_sync(incoming.p7.dialect) {
        let count = state.members.len() as u8;
        for member in (0..count).map(MemberId).filter(|other| *other != active) {
            let runs = fapi_of(scene, incoming.cell).is_some_and(|f| f.group.is_running(member));
            if runs {
                send::copy(scene, incoming, member);
            }
        }
    }
    let fate = to_phy(scene, incoming.cell, active)?;
    // Without a slot, the first bytes are something else.
    let shift = if named.is_some() { fate.shift } else { 0 };
    Ok(Fate { shift, ..fate })
}

fn to_phy(scene: &mut Scene<'_>, cell: CellId, member: MemberId) -> Result<Fate, DropReason> {
    let phy = scene.phy(cell, member).ok_or(DropReason::UnknownPeer)?;
    let (to, _, _, shift) = phy;
    let fapi = fapi_of(scene, cell).ok_or(DropReason::UnknownPeer)?;
    let recipient = Recipient::Phy(member);
    Ok(Fate {
        cell,
        recipient,
        to,
        sequence: fapi.number_to(recipient),
        shift,
    })
}

fn fapi_of<'s>(scene: &'s mut Scene<'_>, cell: CellId) -> Option<&'s mut super::state::FapiState> {
    let state = scene.lcore.cells.get_mut(cell.index())?;
    state.fapi.as_deref_mut()
}
