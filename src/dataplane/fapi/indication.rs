//! What a PHY says: its SLOT.indication drives the L2's clock, the rest passes if it owns the slot inside.

use super::{Fate, Incoming, Recipient, send};
use crate::dataplane::journey::Scene;
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::tables::CellTables;
use crate::dataplane::verdict::DropReason;
use crate::planes::fapi::group::{IndicationDrop, SlotAdmitted};
use crate::planes::fapi::uplink::Block;
use crate::planes::role::Silenced;
use crate::ran::{SlotCount, SlotPoint};
use crate::wire::nfapi::{MessageId, Sender, indication, slot};

pub(super) fn judge(scene: &mut Scene<'_>, incoming: &Incoming<'_>) -> Result<Fate, DropReason> {
    let message = incoming.head.message;
    let dialect = incoming.p7.dialect;
    if message.sender(dialect) == Some(Sender::L2) {
        return Err(DropReason::WrongWay);
    }
    scene.lcore.trace.member = Some(incoming.member);
    let cell_tables = scene.tables.cell(incoming.cell);
    let tables = cell_tables.ok_or(DropReason::UnknownPeer)?;
    let shift = -scene
        .phy(incoming.cell, incoming.member)
        .map_or(0, |(.., offset)| offset);
    if !message.has_slot() {
        of_the_active(scene, incoming)?;
        return to_l2(scene, tables, incoming, 0);
    }
    let (point, _) = slot::parse(incoming.body, incoming.p7.encoding.order)?;
    if !slot::is_in_frame(point, tables.numerology) {
        return Err(DropReason::P7Malformed);
    }
    let slot = lift(scene, tables, incoming, point)?;
    scene.lcore.trace.slot = Some(slot);
    if message == MessageId::SLOT_INDICATION {
        let admitted = tick(scene, tables, incoming, slot)?;
        let make_up = tables.fapi.as_ref().is_some_and(|fapi| fapi.make_up);
        if let Some(from) = admitted.fill_from.filter(|_| make_up) {
            send::fill(scene, incoming, from, slot);
        }
    } else {
        admit(scene, tables, incoming, slot)?;
    }
    to_l2(scene, tables, incoming, shift)
}

fn lift(
    scene: &Scene<'_>,
    tables: &CellTables,
    incoming: &Incoming<'_>,
    point: SlotPoint,
) -> Result<SlotCount, DropReason> {
    let offset = scene.phy(incoming.cell, incoming.member);
    let offset = offset.map_or(0, |(.., offset)| offset);
    let state = scene.lcore.cells.get(incoming.cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    Ok(state.lift_point(tables, point, offset, scene.now))
}

/// A SLOT.indication: the member is heard, in step, and perhaps the one that the L2 follows.
fn tick(
    scene: &mut Scene<'_>,
    tables: &CellTables,
    incoming: &Incoming<'_>,
    slot: SlotCount,
) -> Result<SlotAdmitted, DropReason> {
    let (now, cell, member) = (scene.now, incoming.cell, incoming.member);
    let rules = tables.fapi.as_ref().ok_or(DropReason::UnknownPeer)?;
    let state = scene.lcore.cells.get_mut(cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    let fapi = state.fapi.as_mut().ok_or(DropReason::UnknownPeer)?;
    if !rules.has_p5 && !fapi.group.is_running(member) {
        fapi.group.set_running(member, true);
    }
    let admitted = fapi
        .group
        .slot_indicated(&rules.rules, &state.roles, member, slot, now);
    // A standby that is given NULL requests sends no fronthaul by which it could show that it is in step.
    let bit = 1u8 << (member.0 & 7);
    let is_near = fapi.group.is_near(slot, now);
    let joined = is_near && state.in_step & bit == 0;
    if is_near {
        state.in_step |= bit;
        if let Some(heard) = state.members.get_mut(member.index()) {
            heard.in_step_at = now;
        }
    }
    state.follow_ticker(tables);
    let first = state.announced == SlotCount(0) && state.clock.is_some();
    let stranded = state.failover.stranded;
    if first {
        scene.lcore.introduce(now, cell, slot);
    }
    if joined {
        scene.lcore.say(now, cell, EventKind::InStep { member });
    }
    if joined || stranded {
        scene.lcore.retry_failover(now, scene.tables, cell);
    }
    scene.lcore.refresh_deadline(scene.tables, cell);
    admitted.map_err(reason)
}

fn admit(
    scene: &mut Scene<'_>,
    tables: &CellTables,
    incoming: &Incoming<'_>,
    slot: SlotCount,
) -> Result<(), DropReason> {
    let rules = tables.fapi.as_ref().ok_or(DropReason::UnknownPeer)?;
    let now = scene.now;
    let state = scene.lcore.cells.get_mut(incoming.cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    let fapi = state.fapi.as_mut().ok_or(DropReason::UnknownPeer)?;
    fapi.group
        .indicated(&rules.rules, &state.roles, incoming.member, slot, now)
        .map_err(reason)?;
    if rules.fail_crc
        && incoming.head.message == MessageId::CRC_INDICATION
        && let Ok(crcs) = indication::crc(incoming.body, incoming.p7.encoding)
    {
        for crc in crcs.entries().map_while(Result::ok) {
            let sent = crc.transmission;
            let block = Block {
                handle: sent.handle,
                rnti: sent.rnti,
                harq: sent.harq_id,
            };
            fapi.group.uplink().answered(slot, block);
        }
    }
    Ok(())
}

/// Node sync, timing info and vendors' messages speak for no slot: those of the active PHY pass.
fn of_the_active(scene: &Scene<'_>, incoming: &Incoming<'_>) -> Result<(), DropReason> {
    let state = scene.lcore.cells.get(incoming.cell.index());
    let state = state.ok_or(DropReason::UnknownPeer)?;
    let current = state.clock.map(|clock| clock.slot_at(scene.now));
    let mode = state.roles.mode(current.unwrap_or(SlotCount(u64::MAX)));
    if state.roles.is_fenced(incoming.member) {
        return Err(DropReason::Fenced);
    }
    match mode.carrier_owner() == incoming.member {
        true => Ok(()),
        false => Err(DropReason::NotActive),
    }
}

fn to_l2(
    scene: &mut Scene<'_>,
    tables: &CellTables,
    incoming: &Incoming<'_>,
    shift: i32,
) -> Result<Fate, DropReason> {
    let to = tables.fapi.as_ref().ok_or(DropReason::UnknownPeer)?.l2;
    if let Some(counters) = scene.lcore.counters.cells.get_mut(incoming.cell.index()) {
        counters.fapi_indications += 1;
    }
    let state = scene.lcore.cells.get_mut(incoming.cell.index());
    let fapi = state.and_then(|state| state.fapi.as_mut());
    let fapi = fapi.ok_or(DropReason::UnknownPeer)?;
    Ok(Fate {
        cell: incoming.cell,
        recipient: Recipient::L2,
        to,
        sequence: fapi.number_to(Recipient::L2),
        shift,
    })
}

const fn reason(drop: IndicationDrop) -> DropReason {
    match drop {
        IndicationDrop::Silenced(Silenced::Fenced) => DropReason::Fenced,
        IndicationDrop::Silenced(Silenced::Late) => DropReason::Late,
        IndicationDrop::Silenced(Silenced::NotActive) => DropReason::NotActive,
        IndicationDrop::Repeated => DropReason::SlotRepeated,
        IndicationDrop::OutOfStep => DropReason::OutOfStep,
    }
}
