//! The end of a DU on the midhaul: its CU is told in the burst of the decision, and what it still says does not
//! pass until it is readmitted.
//!
//! ABORT goes to the CU from the DU's address, and to the DU from the CU's in case it is half alive, under a
//! station address of the appliance: under the DU's own, switches on the way would look for it here.

use super::state::MidhaulState;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{AssociationEvent, EventKind};
use crate::dataplane::tables::{PairId, PairTables, Tables};
use crate::dataplane::verdict::DropReason;
use crate::planes::midhaul::End;
use crate::planes::midhaul::watcher::Notice;
use crate::ran::{CellId, Instant, MacAddr, MemberId, PeerId, PortId, SlotCount};
use crate::wire::sctp::{self, Abort};
use crate::wire::{ipv4, ipv6, udp};
use std::net::IpAddr;

/// Told to whoever reads a capture.
const REASON: &[u8] = b"lost, says the appliance between";
const TIME_TO_LIVE: u8 = 64;
/// Locally administered, one for each port: `RSH` behind it.
const STATION: [u8; 5] = [0x06, 0x52, 0x53, 0x48, 0x00];

/// A failover took `cell` away from `member`: with it, its CU is told if no cell is left that it speaks for, or
/// one is enough.
pub(in crate::dataplane) fn lost(
    now: Instant,
    tables: &Tables,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
) {
    let Some(peer) = peer_of(tables, cell, member) else {
        return;
    };
    for (pair, rules) in tables.midhaul.of_member(peer) {
        if rules.any_cell || !speaks(now, tables, lcore, peer) {
            give_up(now, tables, lcore, (pair, rules), (cell, member));
        }
    }
}

/// `member` was fenced in `cell` by command: the same once it is fenced in every cell, or one is enough.
pub(in crate::dataplane) fn fence(
    now: Instant,
    tables: &Tables,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
) {
    let Some(peer) = peer_of(tables, cell, member) else {
        return;
    };
    for (pair, rules) in tables.midhaul.of_member(peer) {
        if rules.any_cell || cells(tables, peer).all(|of| is_fenced(lcore, of)) {
            give_up(now, tables, lcore, (pair, rules), (cell, member));
        }
    }
}

/// `member` may take part again, and be heard by its CU.
pub(in crate::dataplane) fn readmit(
    tables: &Tables,
    lcore: &mut LcoreState,
    cell: CellId,
    member: MemberId,
) {
    let Some(peer) = peer_of(tables, cell, member) else {
        return;
    };
    for (pair, _) in tables.midhaul.of_member(peer) {
        if let Some(state) = lcore.midhaul.pairs.get_mut(pair.index())
            && state.fenced
        {
            state.fenced = false;
            state.watcher.readmit();
        }
    }
    lcore.midhaul.refresh();
}

/// After a restart or with other tables: a DU that is fenced is so on the midhaul, too.
pub(in crate::dataplane) fn restore(now: Instant, tables: &Tables, lcore: &mut LcoreState) {
    for (index, rules) in tables.midhaul.pairs().iter().enumerate() {
        let peer = rules.member;
        let fenced = cells(tables, peer).any(|of| is_fenced(lcore, of));
        let gone = fenced && (rules.any_cell || !speaks(now, tables, lcore, peer));
        if let Some(state) = lcore.midhaul.pairs.get_mut(index) {
            state.fenced |= gone && rules.aborts;
        }
    }
}

/// Copies of ABORT that are due by `now`.
pub(in crate::dataplane) fn tick(now: Instant, tables: &Tables, lcore: &mut LcoreState) {
    if lcore.midhaul.due > now {
        return;
    }
    for index in 0..lcore.midhaul.pairs.len() {
        send_due(now, tables, lcore, PairId(index as u16));
    }
    lcore.midhaul.refresh();
}

/// ABORT for the association at `place`, once more: the CU goes on with it.
pub(super) fn again(tables: &Tables, lcore: &mut LcoreState, pair: PairId, place: usize) {
    let state = lcore.midhaul.pair(pair);
    let notice = state.and_then(|state| state.watcher.notice(place, End::Fixed));
    if let Some(notice) = notice {
        originate(tables, lcore, pair, &notice);
    }
}

fn give_up(
    now: Instant,
    tables: &Tables,
    lcore: &mut LcoreState,
    (pair, rules): (PairId, &PairTables),
    (cell, member): (CellId, MemberId),
) {
    if !rules.aborts {
        let what = AssociationEvent::Lost;
        lcore.say(now, cell, EventKind::Association { member, what });
        return;
    }
    let Some(state) = lcore.midhaul.pairs.get_mut(pair.index()) else {
        return;
    };
    if std::mem::replace(&mut state.fenced, true) {
        return;
    }
    let associations = state.watcher.abort(now);
    let what = match associations {
        0 => AssociationEvent::TagsUnknown,
        _ => AssociationEvent::Aborted {
            associations: associations as u8,
        },
    };
    if let Some(counters) = lcore.counters.pairs.get_mut(pair.index()) {
        counters.aborted += associations as u64;
        counters.tags_unknown += u64::from(associations == 0);
    }
    lcore.say(now, cell, EventKind::Association { member, what });
    send_due(now, tables, lcore, pair);
    lcore.midhaul.refresh();
}

/// Every copy that is due of every association that was ended, to both ends.
fn send_due(now: Instant, tables: &Tables, lcore: &mut LcoreState, pair: PairId) {
    while let Some(state) = lcore.midhaul.pairs.get_mut(pair.index())
        && state.watcher.copy_due(now).is_some()
    {
        for place in 0..state_len(lcore, pair) {
            for to in [End::Fixed, End::Member] {
                let state = lcore.midhaul.pair(pair);
                let notice = state.and_then(|state| state.watcher.notice(place, to));
                if let Some(notice) = notice {
                    originate(tables, lcore, pair, &notice);
                }
            }
        }
    }
}

fn state_len(lcore: &LcoreState, pair: PairId) -> usize {
    let state = lcore.midhaul.pair(pair);
    state.map_or(0, |state| state.watcher.associations().len())
}

/// Writes the frame of `notice`; it leaves with the burst, or with what ticks have made.
fn originate(tables: &Tables, lcore: &mut LcoreState, pair: PairId, notice: &Notice) {
    let Some(rules) = tables.midhaul.pair(pair) else {
        return;
    };
    let port = *rules.ports.of(notice.to);
    let MidhaulState { frame, packet, .. } = &mut lcore.midhaul;
    packet.clear();
    frame.clear();
    abort(notice).emit(packet);
    write(notice, port, packet, frame);
    let whole = lcore.originals.push(port, &[frame], 0..0, 0);
    lcore.counters.ledger.originated += 1;
    if let Some(counters) = lcore.counters.pairs.get_mut(pair.index()) {
        counters.abort_packets += 1;
    }
    if whole.is_err() {
        lcore.counters.count_drop(DropReason::OutboxFull, None);
    }
}

const fn abort(notice: &Notice) -> Abort<'static> {
    Abort {
        source_port: *notice.ports.of(notice.to.other()),
        destination_port: *notice.ports.of(notice.to),
        tag: notice.tag,
        reflected: notice.reflected,
        reason: REASON,
    }
}

fn write(notice: &Notice, port: PortId, packet: &[u8], frame: &mut Vec<u8>) {
    let path = &notice.path;
    let (ethernet, len) = path.ethernet_from(station(port));
    frame.extend_from_slice(ethernet.get(..len).unwrap_or_default());
    let (protocol, encapsulation) = match path.udp {
        Some(_) => (ipv4::UDP, udp::HEADER_LEN),
        None => (sctp::PROTOCOL, 0),
    };
    let payload = (encapsulation + packet.len()) as u16;
    let pseudo = match (path.source, path.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = ipv4::Header {
                source,
                destination,
                dscp: 0,
                ttl: TIME_TO_LIVE,
                protocol,
            };
            header.emit(payload, frame);
            header.pseudo_sum()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let header = ipv6::Header {
                source,
                destination,
                dscp: 0,
                hop_limit: TIME_TO_LIVE,
                next_header: protocol,
            };
            header.emit(payload, frame);
            header.pseudo_sum()
        }
        // A packet has both addresses of one family.
        _ => return,
    };
    match path.udp {
        None => frame.extend_from_slice(packet),
        Some((source_port, destination_port)) => {
            let ports = udp::Header {
                source_port,
                destination_port,
            };
            ports.emit(Some(pseudo), packet, frame);
        }
    }
    // The shortest Ethernet frame without FCS.
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
}

/// The station that frames of the appliance on `port` come from.
const fn station(port: PortId) -> MacAddr {
    let [a, b, c, d, e] = STATION;
    MacAddr([a, b, c, d, e, port.0])
}

const SHORTEST: usize = 60;

fn peer_of(tables: &Tables, cell: CellId, member: MemberId) -> Option<PeerId> {
    let members = &tables.cell(cell)?.members;
    members.get(member.index()).map(|member| member.peer)
}

fn cells(tables: &Tables, peer: PeerId) -> impl Iterator<Item = (CellId, MemberId)> {
    let entry = tables.peer_entry(peer);
    entry
        .into_iter()
        .flat_map(|entry| entry.cells.iter().copied())
}

/// True if the DU still speaks for a cell, or will.
fn speaks(now: Instant, tables: &Tables, lcore: &LcoreState, peer: PeerId) -> bool {
    cells(tables, peer).any(|(cell, member)| {
        let state = lcore.cells.get(cell.index());
        state.is_some_and(|state| {
            let slot = state.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
            !state.roles.is_fenced(member) && state.roles.holds(member, slot)
        })
    })
}

fn is_fenced(lcore: &LcoreState, (cell, member): (CellId, MemberId)) -> bool {
    let state = lcore.cells.get(cell.index());
    state.is_some_and(|state| state.roles.is_fenced(member))
}
