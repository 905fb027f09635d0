//! A made-up run for the tests of this module: two DUs of one cell, a planned migration, a stall of
//! the standby, the death of the active DU and a failover. Slots count from `FIRST`. The same with the
//! PHYs of an L2 beside the DUs, and of the PHYs alone.

use crate::dataplane::counters::{CellCounters, Counters, Ledger, PeerCounters, PortCounters};
use crate::dataplane::mailbox::{Cause, DueClass, Event, EventKind, Mode, Signal};
use crate::dataplane::run_record::{
    CellNames, CellRecord, Exchange, ExchangeEnd, MessageId, Names, RunRecord, Speech,
};
use crate::dataplane::verdict::DropReason;
use crate::ran::{CellId, Direction, Duration, Instant, MemberId, Plane, SlotCount, StreamId};

pub(super) const DU_1: MemberId = MemberId(0);
pub(super) const DU_2: MemberId = MemberId(1);

/// Downlink slots between the death and the takeover.
pub(super) const UNSERVED: u64 = 3;

const FIRST: u64 = 2_958_514_523_000;
const START: u64 = 1_795_221_050_740_663_385;
const SLOT_NS: u64 = 500_000;
const SLOTS: u64 = 1000;
const MIGRATION: u64 = 200;
const STALL: std::ops::Range<u64> = 320..324;
const DEATH: u64 = 491;
const TAKEOVER: u64 = 494;
/// Frames leave this long before their slot is on air.
const LEAD_NS: u64 = 400_000;

pub(super) fn two_dus() -> RunRecord {
    let mut record = run(SLOTS, speaks);
    record.events = events();
    record.counters = counters(&record);
    record
}

/// The run of `two_dus`, in a cell whose FAPI plane crosses the appliance too.
pub(super) fn both_planes() -> RunRecord {
    let mut record = two_dus();
    record.names.cells[0].l2 = Some("l2-1".to_owned());
    record.cells[0].exchanges = (0..SLOTS).flat_map(exchanges).collect();
    record.counters.cells[0].fapi_request_nulls = 2 * SLOTS;
    record
}

/// The FAPI plane of `both_planes` alone.
pub(super) fn two_phys() -> RunRecord {
    let mut record = both_planes();
    record.names.cells[0].streams.clear();
    record.cells[0].speech.clear();
    let is_of_fronthaul = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::DueMissed { .. } | EventKind::StallEnded { .. }
        )
    };
    record.events.retain(|event| !is_of_fronthaul(&event.kind));
    record
}

/// What the PHYs of a slot's owner and of the other are given, and what they say.
fn exchanges(slot: u64) -> Vec<Exchange> {
    let (owner, other) = match (MIGRATION..TAKEOVER).contains(&slot) {
        true => (DU_1, DU_2),
        false => (DU_2, DU_1),
    };
    let said = |message, member, end| Exchange {
        slot: SlotCount(FIRST + slot),
        message,
        member,
        end,
        messages: 1,
    };
    let is_dead = |member: MemberId| member == DU_1 && slot >= DEATH;
    let mut exchanges = Vec::new();
    for message in [MessageId::DL_TTI_REQUEST, MessageId::UL_TTI_REQUEST] {
        exchanges.push(said(message, Some(owner), ExchangeEnd::Passed));
        exchanges.push(said(message, Some(other), ExchangeEnd::Null));
    }
    exchanges.push(match is_dead(owner) {
        true => said(MessageId::SLOT_INDICATION, None, ExchangeEnd::MadeUp),
        false => said(MessageId::SLOT_INDICATION, Some(owner), ExchangeEnd::Passed),
    });
    if !is_dead(other) {
        let end = ExchangeEnd::Dropped(DropReason::NotActive);
        exchanges.push(said(MessageId::SLOT_INDICATION, Some(other), end));
    }
    exchanges
}

/// A run of `slots` slots without a change, du-2 active throughout.
pub(super) fn quiet(slots: u64) -> RunRecord {
    let mut record = run(slots, |_, member| (true, member == DU_2));
    record.events = vec![event(0, mode(DU_2, 0, Cause::Start))];
    record.counters = counters(&record);
    record
}

fn run(slots: u64, speaks: fn(u64, MemberId) -> (bool, bool)) -> RunRecord {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let mut speech = Vec::new();
    for slot in 0..slots {
        for member in [DU_1, DU_2] {
            let (present, owner) = speaks(slot, member);
            if present {
                let fate = (!owner).then_some(DropReason::NotActive);
                speech.extend(of_du(slot, member, fate));
            }
        }
        speech.extend(of_ru(slot));
    }
    RunRecord {
        names: Names {
            ports: names(&["ru-side", "du-1-side", "du-2-side"]),
            peers: names(&["ru-1", "du-1", "du-2"]),
            pairs: Vec::new(),
            cells: vec![CellNames {
                name: "cell-1".to_owned(),
                members: names(&["du-1", "du-2"]),
                streams: names(&["DL 0", "DL 1", "UL 0", "UL 1", "UL 4", "UL 5"]),
                l2: None,
            }],
        },
        span: (Instant(START), Instant(START + slots * SLOT_NS)),
        cells: vec![CellRecord {
            slot_duration: Duration::from_nanos(SLOT_NS),
            first_air: Instant(START + LEAD_NS),
            first: SlotCount(FIRST),
            speech,
            exchanges: Vec::new(),
        }],
        ..RunRecord::default()
    }
}

/// Whether the member speaks in the slot, and whether it owns it.
fn speaks(slot: u64, member: MemberId) -> (bool, bool) {
    let owner = if (MIGRATION..TAKEOVER).contains(&slot) {
        DU_1
    } else {
        DU_2
    };
    let silent = match member {
        DU_1 => slot >= DEATH,
        _ => STALL.contains(&slot),
    };
    (!silent, owner == member)
}

fn of_du(slot: u64, member: MemberId, fate: Option<DropReason>) -> Vec<Speech> {
    let said = |stream, plane, direction, frames| Speech {
        slot: SlotCount(FIRST + slot),
        stream: StreamId(stream),
        member: Some(member),
        plane,
        direction,
        fate,
        frames,
    };
    if slot % 10 < 7 {
        return [0, 1]
            .into_iter()
            .flat_map(|stream| {
                [
                    said(stream, Plane::Control, Direction::Downlink, 1),
                    said(stream, Plane::User, Direction::Downlink, 14),
                ]
            })
            .collect();
    }
    let last = if slot % 20 == 19 { 6 } else { 4 };
    (2..last)
        .map(|stream| said(stream, Plane::Control, Direction::Uplink, 1))
        .collect()
}

fn of_ru(slot: u64) -> Vec<Speech> {
    if slot % 10 < 7 {
        return Vec::new();
    }
    let last = if slot % 20 == 19 { 6 } else { 4 };
    (2..last)
        .map(|stream| Speech {
            slot: SlotCount(FIRST + slot),
            stream: StreamId(stream),
            member: None,
            plane: Plane::User,
            direction: Direction::Uplink,
            fate: None,
            frames: 14,
        })
        .collect()
}

fn events() -> Vec<Event> {
    let mut events = vec![
        event(0, mode(DU_2, 0, Cause::Start)),
        event(1, EventKind::InStep { member: DU_1 }),
        event(1, EventKind::InStep { member: DU_2 }),
        event(
            180,
            EventKind::Accepted {
                command: 1,
                boundary: SlotCount(FIRST + MIGRATION),
            },
        ),
        event(MIGRATION, mode(DU_1, MIGRATION, Cause::Command)),
    ];
    events.extend(
        STALL
            .zip(1..)
            .map(|(slot, run)| event(slot + 1, missed(DU_2, slot, run))),
    );
    events.push(event(
        STALL.end,
        EventKind::StallEnded {
            member: DU_2,
            run: 4,
        },
    ));
    events.push(event(DEATH + 1, missed(DU_1, DEATH, 1)));
    let last_heard = Instant(START + (DEATH - 1) * SLOT_NS + 90_000);
    let due_at = due(DEATH);
    events.extend([
        event(
            DEATH + 1,
            EventKind::Lost {
                member: DU_1,
                last_heard,
                due_at,
                signal: Signal::Fronthaul,
            },
        ),
        event(
            DEATH + 1,
            EventKind::Fenced {
                member: DU_1,
                cause: Cause::Failover,
            },
        ),
        event(
            DEATH + 1,
            EventKind::Failover {
                from: DU_1,
                to: DU_2,
                last_heard,
                due_at,
            },
        ),
        event(TAKEOVER, mode(DU_2, TAKEOVER, Cause::Failover)),
    ]);
    events
}

fn event(slot: u64, kind: EventKind) -> Event {
    Event {
        at: Instant(START + slot * SLOT_NS + 1_000),
        term: 0,
        cell: CellId(0),
        slot: SlotCount(FIRST + slot),
        kind,
    }
}

fn mode(member: MemberId, boundary: u64, cause: Cause) -> EventKind {
    EventKind::Mode {
        mode: Mode::Single(member),
        boundary: SlotCount(FIRST + boundary),
        cause,
    }
}

fn due(slot: u64) -> Instant {
    Instant(START + slot * SLOT_NS + 120_000)
}

fn missed(member: MemberId, slot: u64, run: u32) -> EventKind {
    EventKind::DueMissed {
        member,
        class: DueClass::DownlinkControl,
        due_slot: SlotCount(FIRST + slot),
        due_at: due(slot),
        run,
    }
}

fn counters(record: &RunRecord) -> Counters {
    let mut counters = Counters {
        ports: vec![PortCounters::default(); 3],
        peers: vec![PeerCounters::default(); 3],
        cells: vec![CellCounters {
            switches: 1,
            failovers: 1,
            due_missed: 5,
            ..CellCounters::default()
        }],
        ..Counters::default()
    };
    let mut ledger = Ledger::default();
    for speech in record.cells.iter().flat_map(|cell| &cell.speech) {
        let peer = speech.member.map_or(0, |member| member.index() + 1);
        ledger.received += u64::from(speech.frames);
        counters.peers[peer].received += u64::from(speech.frames);
        for _ in 0..speech.frames {
            match speech.fate {
                Some(reason) => {
                    counters.drops.add(reason);
                    counters.peers[peer].drops.add(reason);
                    ledger.dropped += 1;
                }
                None => ledger.sent += 1,
            }
        }
    }
    counters.ledger = ledger;
    counters
}
