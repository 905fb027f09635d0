//! When the slots of one cell are on air, what shape they have, and which of them are special.

use super::leads::LeadProfile;
use super::tdd::{SlotShape, Tdd};
use crate::config::model::{Cell, TimeSource};
use crate::ran::{CellId, Instant, MemberId, Numerology, SlotClock, SlotCount};

/// The timing of one cell.
#[derive(Clone, Debug)]
pub(super) struct CellTiming {
    pub id: CellId,
    pub clock: SlotClock,
    pub symbols: u8,
    tdd: Tdd,
    prach: Recurring,
    broadcast: Vec<Recurring>,
}

/// Slots at `positions` of a period.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Recurring {
    period: u32,
    positions: Vec<u32>,
}

impl CellTiming {
    pub(super) fn new(id: CellId, cell: &Cell, tdd: &Tdd) -> Self {
        let symbols = cell.prefix.symbols_per_slot();
        let members = (0..cell.members.len()).map(|member| MemberId(member as u8));
        Self {
            id,
            clock: gps_clock(cell),
            symbols,
            tdd: tdd.clone(),
            prach: prach(cell, tdd, symbols),
            broadcast: members.map(|member| broadcast(cell, member)).collect(),
        }
    }

    pub(super) const fn numerology(&self) -> Numerology {
        self.clock.numerology()
    }

    /// The first slot that begins at or after `at`.
    pub(super) fn first_slot(&self, at: Instant) -> SlotCount {
        let slot = self.clock.slot_at(at);
        if self.clock.air(slot, 0) < at {
            return slot.offset(1);
        }
        slot
    }

    pub(super) fn shape(&self, slot: SlotCount) -> SlotShape {
        self.tdd
            .shape(slot.position(self.tdd.period()), self.symbols)
    }

    /// True if the PRACH is asked for in `slot`: the last whole uplink slot of its period.
    pub(super) fn is_prach(&self, slot: SlotCount) -> bool {
        self.prach.holds(slot) && self.shape(slot).uplink == self.symbols
    }

    /// True if `slot` carries the broadcast (SSB, SIB1) of `member`.
    pub(super) fn is_broadcast(&self, member: MemberId, slot: SlotCount) -> bool {
        let recurring = self.broadcast.get(member.index());
        recurring.is_some_and(|recurring| recurring.holds(slot))
    }

    /// A lead measured at numerology 1, in this cell's slots.
    pub(super) const fn scaled(&self, lead: i64) -> i64 {
        (lead * 2) >> self.numerology().mu()
    }

    /// No frame of `slot` leaves a DU with these leads before.
    pub(super) fn opens(&self, slot: SlotCount, leads: &LeadProfile) -> Instant {
        let largest = self.scaled(leads.largest());
        self.clock.air(slot, 0).offset(-largest)
    }
}

impl Recurring {
    fn holds(&self, slot: SlotCount) -> bool {
        self.positions.contains(&slot.position(self.period))
    }
}

/// When slots of a cell are on air. One whose time the box reads from headers is made as one of GPS.
pub(super) const fn gps_clock(cell: &Cell) -> SlotClock {
    let (alpha, beta) = match cell.time {
        TimeSource::Gps { alpha, beta } => (alpha, beta),
        TimeSource::Headers => (0, 0),
    };
    SlotClock::from_gps(cell.numerology, cell.prefix, alpha, beta)
}

/// One PRACH occasion in the declared period, else in each radio frame.
fn prach(cell: &Cell, tdd: &Tdd, symbols: u8) -> Recurring {
    let period = cell
        .periods
        .prach
        .unwrap_or(cell.numerology.slots_per_frame());
    let is_uplink = |slot: &u32| tdd.shape(*slot, symbols).uplink == symbols;
    let last = (0..period).rev().find(is_uplink);
    Recurring {
        period,
        positions: last.into_iter().collect(),
    }
}

/// The configured broadcast slots of a member, else the first slot of the SSB period (20 ms by default).
fn broadcast(cell: &Cell, member: MemberId) -> Recurring {
    let mut own = cell.sharing.broadcast.iter();
    if let Some(broadcast) = own.find(|broadcast| broadcast.member == member) {
        return Recurring {
            period: broadcast.period,
            positions: broadcast.slots.clone(),
        };
    }
    Recurring {
        period: cell
            .periods
            .ssb
            .unwrap_or(2 * cell.numerology.slots_per_frame()),
        positions: vec![0],
    }
}
