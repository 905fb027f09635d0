//! What the slot clock owes: NULL requests to PHYs that the L2 left without, SLOT.indications that no PHY
//! sent, the loss of a PHY that fell silent, and failing CRCs for what died with it.

use super::Recipient;
use super::send::{self, Made};
use crate::dataplane::journey::members;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::dataplane::tables::{CellTables, FapiTables, P7Entry, PeerEntry, Tables};
use crate::dataplane::verdict::DropReason;
use crate::planes::fapi::Request;
use crate::ran::{CellId, Instant, MemberId, PeerId, SlotCount, SlotPoint};
use crate::wire::nfapi::pdu::Transmission;
use crate::wire::nfapi::{MessageId, indication};

/// Does everything that is due by `now` in the FAPI plane of `cell`; returns who is lost, and since which slot.
pub(in crate::dataplane) fn tick(
    now: Instant,
    tables: &Tables,
    cell_tables: &CellTables,
    lcore: &mut LcoreState,
    cell: CellId,
) -> [Option<(MemberId, SlotCount)>; MAX_MEMBERS] {
    let mut lost = [None; MAX_MEMBERS];
    let Some(fapi) = &cell_tables.fapi else {
        return lost;
    };
    supply(now, tables, (cell_tables, fapi), lcore, cell);
    indicate(now, tables, (cell_tables, fapi), lcore, cell);
    for place in &mut lost {
        let Some(state) = lcore.cells.get_mut(cell.index()) else {
            break;
        };
        let Some(group) = state.fapi.as_mut().map(|fapi| &mut fapi.group) else {
            break;
        };
        let slot = group.ticker().next();
        *place = group
            .lost_member(&fapi.rules, now)
            .map(|member| (member, slot));
    }
    lost
}

/// NULL requests for the slots that are about to be on air.
fn supply(
    now: Instant,
    tables: &Tables,
    (cell_tables, fapi): (&CellTables, &FapiTables),
    lcore: &mut LcoreState,
    cell: CellId,
) {
    // Slots and kinds of request that may be due at once: bounded by the group's own memory.
    for _ in 0..MOST_AT_ONCE {
        let Some(state) = lcore.cells.get_mut(cell.index()) else {
            return;
        };
        let roles = &state.roles;
        let group = state.fapi.as_mut().map(|fapi| &mut fapi.group);
        let due = group.and_then(|group| group.null_due(&fapi.rules, roles, now));
        let Some(due) = due else {
            return;
        };
        let message = match due.request {
            Request::DlTti => MessageId::DL_TTI_REQUEST,
            _ => MessageId::UL_TTI_REQUEST,
        };
        for member in members(due.members) {
            let Some(phy) = fapi.phys.get(member.index()) else {
                continue;
            };
            let number = next(lcore, cell, Recipient::Phy(member));
            let point = send::point(due.slot, cell_tables.numerology, phy.slot_offset);
            let timestamp = on_air_us(point, cell_tables);
            originate(tables, lcore, phy.peer, |p7| {
                send::null_request(p7, number, message, (point, timestamp))
            });
        }
        if let Some(counters) = lcore.counters.cells.get_mut(cell.index()) {
            counters.fapi_clock_nulls += u64::from(due.members.count_ones());
        }
    }
}

/// SLOT.indications that are overdue: made up, or given up where another half does that.
fn indicate(
    now: Instant,
    tables: &Tables,
    (cell_tables, fapi): (&CellTables, &FapiTables),
    lcore: &mut LcoreState,
    cell: CellId,
) {
    for _ in 0..MOST_AT_ONCE {
        let Some(state) = lcore.cells.get_mut(cell.index()) else {
            return;
        };
        let group = state.fapi.as_mut().map(|fapi| &mut fapi.group);
        let due = group.and_then(|group| group.slot_due(&fapi.rules, now));
        let Some(slot) = due else {
            return;
        };
        state.follow_ticker(cell_tables);
        if !fapi.make_up {
            continue;
        }
        let number = next(lcore, cell, Recipient::L2);
        let point = SlotPoint::of(slot, cell_tables.numerology);
        originate(tables, lcore, fapi.l2, |p7| {
            send::slot_indication(p7, number, point)
        });
        if let Some(counters) = lcore.counters.cells.get_mut(cell.index()) {
            counters.fapi_made_up_slots += 1;
        }
    }
}

/// Failing CRC.indications for what `member` owes of the slots before `boundary`.
pub(in crate::dataplane) fn fail_crcs(
    tables: &Tables,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
    boundary: SlotCount,
) {
    let Some(cell_tables) = tables.cell(cell) else {
        return;
    };
    let Some(fapi) = cell_tables.fapi.as_ref().filter(|fapi| fapi.fail_crc) else {
        return;
    };
    let l2 = tables.peer_entry(fapi.l2).and_then(|entry| entry.p7);
    let Some(l2) = l2 else {
        return;
    };
    loop {
        let state = lcore.cells.get_mut(cell.index());
        let group = state.and_then(|state| state.fapi.as_mut());
        let lost = group.and_then(|fapi| fapi.group.uplink().take_lost(member, boundary));
        let Some((slot, blocks, count)) = lost else {
            return;
        };
        let number = next(lcore, cell, Recipient::L2);
        let point = SlotPoint::of(slot, cell_tables.numerology);
        let failed = blocks.iter().take(count).map(|block| Transmission {
            handle: block.handle,
            rnti: block.rnti,
            harq_id: block.harq,
        });
        let mut body = [0; LONGEST_CRC];
        let len = indication::emit_failed_crcs(point, failed, l2.encoding, &mut body);
        let body = len.and_then(|len| body.get(..len));
        originate(tables, lcore, fapi.l2, |p7| {
            send::message(p7, number, MessageId::CRC_INDICATION, 0, body?)
        });
        if let Some(counters) = lcore.counters.cells.get_mut(cell.index()) {
            counters.fapi_failed_crcs += count as u64;
        }
    }
}

/// A message that no frame caused: it is counted as originated, or with the reason why it is not sent.
fn originate<'b>(
    tables: &Tables,
    lcore: &mut LcoreState,
    to: PeerId,
    build: impl FnOnce(&P7Entry) -> Option<Made<'b>>,
) {
    let entry: Option<(&PeerEntry, &P7Entry)> = tables
        .peer_entry(to)
        .and_then(|entry| Some((entry, entry.p7.as_ref()?)));
    let Some((entry, p7)) = entry else {
        return;
    };
    lcore.counters.ledger.originated += 1;
    let Some(made) = build(p7) else {
        return lcore
            .counters
            .count_drop(DropReason::NotRepresentable, None);
    };
    if send::push(&mut lcore.originals, entry, &made).is_none() {
        lcore.counters.count_drop(DropReason::OutboxFull, None);
    }
}

fn next(lcore: &mut LcoreState, cell: CellId, to: Recipient) -> u16 {
    let state = lcore.cells.get_mut(cell.index());
    let fapi = state.and_then(|state| state.fapi.as_mut());
    fapi.map_or(0, |fapi| fapi.next_to(to))
}

/// The transmit timestamp of what is sent for `point`: its own air time, microseconds since SFN 0 slot 0.
fn on_air_us(point: SlotPoint, tables: &CellTables) -> u32 {
    let slots = u64::from(point.sfn) * u64::from(tables.numerology.slots_per_frame())
        + u64::from(point.slot);
    (slots * tables.numerology.slot_duration().as_nanos() / 1000) as u32
}

/// More than is ever due in the slots that a pause may leave.
const MOST_AT_ONCE: usize = 128;
/// A CRC.indication of as many blocks as are remembered of a slot.
const LONGEST_CRC: usize = 600;
