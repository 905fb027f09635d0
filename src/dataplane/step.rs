//! Which slot a frame belongs to and whether its sender is in step: the lift from the headers' circle to
//! the cell's count, the clock of a cell without GPS time, and what each valid frame says of liveness.

use crate::dataplane::classify::{Radio, StreamMessage};
use crate::dataplane::journey::Scene;
use crate::dataplane::lcore_state::{CellState, OnAir};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::tables::{CellTables, Flow};
use crate::dataplane::verdict::DropReason;
use crate::planes::liveness::DueClass;
use crate::ran::{Direction, Instant, MemberId, PeerId, Plane, SlotClock, SlotCount, WireSlot};

/// Frames in a row from the active member, out of step with a clock lifted from headers, that move it.
const STRAYS: u8 = 64;

/// The unwrapped slot of a message. A DU's message must lie within the step window of the cell's slot.
#[inline]
pub(super) fn lift(
    scene: &mut Scene<'_>,
    flow: Flow,
    wire: WireSlot,
    from_ru: bool,
) -> Result<SlotCount, DropReason> {
    let now = scene.now;
    let tables = scene
        .tables
        .cell(flow.cell)
        .ok_or(DropReason::UnknownEaxc)?;
    let cell = scene
        .lcore
        .cells
        .get_mut(flow.cell.index())
        .ok_or(DropReason::UnknownEaxc)?;
    let leads =
        |cell: &CellState| from_ru || cell.roles.final_mode().carrier_owner() == flow.member;
    let Some(current) = cell.current_slot(now) else {
        if !leads(cell) {
            return Err(DropReason::OutOfStep);
        }
        return Ok(cell.anchor(tables, wire, now));
    };
    let slot = wire.nearest_from(current, cell.current.wire, tables.numerology);
    if from_ru || slot.since(current).unsigned_abs() <= tables.step_slots {
        cell.strays = 0;
        return Ok(slot);
    }
    if tables.gps.is_none() && leads(cell) {
        cell.strays = cell.strays.saturating_add(1);
        if cell.strays >= STRAYS {
            cell.strays = 0;
            return Ok(cell.anchor(tables, wire, now));
        }
    }
    Err(DropReason::OutOfStep)
}

/// A frame of a pooled DU that no cell has: it shows that the DU is alive and in step.
pub(super) fn hear_unassigned(
    scene: &mut Scene<'_>,
    peer: PeerId,
    stream: &StreamMessage,
    radio: &Radio,
) {
    let first = scene
        .tables
        .peer_entry(peer)
        .and_then(|entry| entry.cells.first().copied());
    let Some((cell, _)) = first else {
        return;
    };
    let Some(tables) = scene.tables.cell(cell) else {
        return;
    };
    let (Some(current), Ok(wire)) = (scene.current_slot(cell), radio.wire_slot(tables.numerology))
    else {
        return;
    };
    let slot = wire.nearest(current, tables.numerology);
    if slot.since(current).unsigned_abs() > tables.step_slots {
        return;
    }
    if let Some(pool) = scene.lcore.pool.get_mut(peer.index()) {
        pool.heard = scene.now;
        if stream.plane == Plane::Control && slot >= pool.newest_control {
            pool.newest_control = slot;
            pool.newest_time = radio.time;
        }
    }
}

/// A valid frame: the member is in step, and one of its due slots may be answered.
#[inline]
pub(super) fn heard(
    scene: &mut Scene<'_>,
    tables: &CellTables,
    plane: Plane,
    direction: Direction,
    flow: Flow,
    slot: SlotCount,
) {
    let now = scene.now;
    let Some(cell) = scene.lcore.cells.get_mut(flow.cell.index()) else {
        return;
    };
    let Some(clock) = cell.clock else {
        return;
    };
    let bit = 1u8 << (flow.member.0 & 7);
    let joined = cell.in_step & bit == 0;
    cell.in_step |= bit;
    let first = cell.announced == SlotCount(0);
    let Some(member) = cell.members.get_mut(flow.member.index()) else {
        return;
    };
    member.in_step_at = now;
    if plane == Plane::Control {
        member.newest_control = member.newest_control.max(slot);
    }
    let class = match (plane, direction) {
        (Plane::Control, Direction::Downlink) => DueClass::DownlinkControl,
        (Plane::Control, Direction::Uplink) => DueClass::UplinkControl,
        (Plane::User, _) => DueClass::DownlinkUser,
    };
    let before = member.liveness.deadline();
    let stall = member
        .liveness
        .stamp(&tables.liveness, &clock, class, slot, now);
    let changed = member.liveness.deadline() != before;
    if tables.gps.is_none() && plane == Plane::Control {
        cell.follow(tables, flow.member, &clock, slot, now);
    }
    if joined || first || changed || stall.is_some() {
        if first {
            scene.lcore.introduce(now, flow.cell, slot);
        }
        if let Some(end) = stall {
            let kind = EventKind::StallEnded {
                member: flow.member,
                run: end.run,
            };
            scene.lcore.say(now, flow.cell, kind);
        }
        if joined {
            let member = flow.member;
            scene
                .lcore
                .say(now, flow.cell, EventKind::InStep { member });
        }
        if scene
            .lcore
            .cells
            .get(flow.cell.index())
            .is_some_and(|cell| cell.failover.stranded)
        {
            scene.lcore.retry_failover(now, scene.tables, flow.cell);
        }
        scene.lcore.refresh_deadline(scene.tables, flow.cell);
    }
}

impl CellState {
    /// The slot on air at `now`, remembered until it ends.
    #[inline]
    pub fn current_slot(&mut self, now: Instant) -> Option<SlotCount> {
        if now >= self.current.from && now < self.current.until {
            return Some(self.current.slot);
        }
        let clock = self.clock?;
        let slot = clock.slot_at(now);
        self.current = OnAir {
            slot,
            wire: WireSlot::of(slot, clock.numerology()),
            from: clock.air(slot, 0),
            until: clock.air(slot.offset(1), 0),
        };
        Some(slot)
    }

    /// Slots are counted from here: this frame's slot comes on air half the largest lead from now.
    fn anchor(&mut self, tables: &CellTables, wire: WireSlot, now: Instant) -> SlotCount {
        let before = self.clock.map_or(SlotCount(0), |clock| clock.slot_at(now));
        let period = u64::from(tables.numerology.wire_period());
        let floor = SlotCount((before.0 / period + 1) * period);
        let slot = SlotCount(floor.0 + u64::from(wire.index()));
        let air = now.offset(tables.largest_lead.as_nanos() as i64 / 2);
        self.clock = Some(SlotClock::anchored(
            tables.numerology,
            tables.prefix,
            slot,
            air,
        ));
        self.current = OnAir::NOTHING;
        slot
    }

    /// Without GPS time the clock follows the active member's C-plane, slowly: 1/1024 of each error.
    fn follow(
        &mut self,
        tables: &CellTables,
        member: MemberId,
        clock: &SlotClock,
        slot: SlotCount,
        now: Instant,
    ) {
        if self.roles.final_mode().carrier_owner() != member {
            return;
        }
        let lead = clock.air(slot, 0).nanos_since(now);
        let error = tables.largest_lead.as_nanos() as i64 / 2 - lead;
        self.clock = Some(clock.shifted(error / 1024));
    }
}
