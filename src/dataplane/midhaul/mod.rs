//! The midhaul of one frame: SCTP between a DU and its CU is watched and passes as it is, but what a fenced DU
//! sends. Everything else on the wire (F1-U, ARP, ND, other SCTP) is none of this.

mod abort;
mod packet;
pub mod state;

pub(super) use abort::{fence, lost, readmit, restore, tick};
pub(super) use packet::owner;

use crate::dataplane::counters::PairCounters;
use crate::dataplane::journey::Scene;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::{AssociationEvent, EventKind};
use crate::dataplane::passing;
use crate::dataplane::tables::{PairId, PairTables, Tables};
use crate::dataplane::verdict::{DropReason, Verdict};
use crate::planes::midhaul::association::Told;
use crate::planes::midhaul::watcher::Heard;
use crate::planes::midhaul::{End, Ends};
use crate::ran::{CellId, Instant, MemberId};
use crate::wire::sctp::{ChunkType, Chunks};
use packet::{Content, Packet};

/// Decides a frame if it is SCTP of a pair; `None` if it is something else.
pub(super) fn steer(head: &mut [u8], scene: &mut Scene<'_>) -> Option<Result<Verdict, DropReason>> {
    let tables = scene.tables;
    let received = scene.received(head);
    let state = &scene.lcore.midhaul;
    let packet = packet::packet(
        received,
        scene.frame.port,
        tables,
        |pair, from, path, sctp| {
            let ports = Ends::seen_from(from, sctp.source_port(), sctp.destination_port());
            let state = state.pair(pair);
            state.is_some_and(|state| state.watcher.knows(from, path, ports))
        },
    )?;
    let rules = tables.midhaul.pair(packet.pair)?;
    Some(judge(scene, &packet, rules))
}

fn judge(
    scene: &mut Scene<'_>,
    packet: &Packet<'_>,
    rules: &PairTables,
) -> Result<Verdict, DropReason> {
    let lcore = &mut *scene.lcore;
    let index = packet.pair.index();
    let fenced = lcore.midhaul.pair(packet.pair);
    let fenced = fenced.is_some_and(|state| state.fenced) && packet.from == End::Member;
    if let Some(counters) = lcore.counters.pairs.get_mut(index) {
        count(counters, packet, u64::from(scene.frame.len));
        if fenced {
            count_fenced(counters, packet);
        }
    }
    if fenced {
        lcore.trace.peer = Some(rules.member);
        return Err(DropReason::Fenced);
    }
    listen(scene.now, scene.tables, lcore, packet);
    let to = *rules.ports.of(packet.from.other());
    Ok(Verdict::Forward(passing::unchanged(scene, to)))
}

/// What the packet tells of its association, if it can be believed.
fn listen(now: Instant, tables: &Tables, lcore: &mut LcoreState, packet: &Packet<'_>) {
    let Content::Sctp(sctp, chunks, path) = &packet.content else {
        return;
    };
    let index = packet.pair.index();
    if !sctp.checksum_holds() {
        if let Some(counters) = lcore.counters.pairs.get_mut(index) {
            counters.wrong_checksum += 1;
        }
        return;
    }
    let Some(state) = lcore.midhaul.pairs.get_mut(index) else {
        return;
    };
    let read = (sctp, chunks.clone());
    let heard = state.watcher.hear(now, packet.from, read, path);
    let Some(counters) = lcore.counters.pairs.get_mut(index) else {
        return;
    };
    let (place, told) = match heard {
        Heard::At(place, Some(told)) => (place, told),
        Heard::At(_, None) => return,
        Heard::Unwatched => {
            counters.unwatched += 1;
            return;
        }
    };
    let what = match told {
        Told::Conflict => {
            counters.conflicts += 1;
            return;
        }
        Told::Up { joined } => {
            let count = match joined {
                true => &mut counters.joined,
                false => &mut counters.handshakes,
            };
            *count += 1;
            AssociationEvent::Up { joined }
        }
        Told::Restarted => {
            counters.restarts += 1;
            AssociationEvent::Restarted
        }
        Told::Ended { by, graceful } => {
            counters.ended += 1;
            AssociationEvent::Ended { by, graceful }
        }
        Told::Disproved => {
            counters.aborts_disproved += 1;
            abort::again(tables, lcore, packet.pair, place);
            AssociationEvent::Disproved
        }
    };
    say(now, tables, lcore, packet.pair, what);
}

/// Says what happened to the associations of a DU, in the first of its cells.
fn say(
    now: Instant,
    tables: &Tables,
    lcore: &mut LcoreState,
    pair: PairId,
    what: AssociationEvent,
) {
    let (cell, member) = place(tables, pair);
    lcore.say(now, cell, EventKind::Association { member, what });
}

fn place(tables: &Tables, pair: PairId) -> (CellId, MemberId) {
    let member = tables.midhaul.pair(pair).map(|pair| pair.member);
    let entry = member.and_then(|member| tables.peer_entry(member));
    let first = entry.and_then(|entry| entry.cells.first());
    first.copied().unwrap_or_default()
}

fn count(counters: &mut PairCounters, packet: &Packet<'_>, bytes: u64) {
    let (packets, total) = match packet.from {
        End::Member => (&mut counters.from_du, &mut counters.from_du_bytes),
        End::Fixed => (&mut counters.from_cu, &mut counters.from_cu_bytes),
    };
    *packets += 1;
    *total += bytes;
    match packet.content {
        Content::Sctp(..) => {}
        Content::Malformed => counters.malformed += 1,
        Content::Unread => counters.unread += 1,
    }
}

fn count_fenced(counters: &mut PairCounters, packet: &Packet<'_>) {
    let first = match &packet.content {
        Content::Sctp(_, chunks, _) => first(chunks),
        Content::Malformed | Content::Unread => None,
    };
    let count = match first {
        Some(ChunkType::INIT) => &mut counters.fenced_init,
        Some(ChunkType::DATA | ChunkType::I_DATA) => &mut counters.fenced_data,
        Some(ChunkType::SACK) => &mut counters.fenced_sack,
        _ => &mut counters.fenced_other,
    };
    *count += 1;
}

fn first(chunks: &Chunks<'_>) -> Option<ChunkType> {
    chunks.clone().next().map(|chunk| chunk.kind)
}
