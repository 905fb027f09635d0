//! An appliance of three cells as its API tells it: one at rest, one shared, one after a failover. The
//! consoles' tests show it.

use crate::control::status::{Appliance, Cell, Event};

pub(super) fn appliance() -> Appliance {
    serde_json::from_str(include_str!("../../tests/support/api/appliance.json")).unwrap()
}

pub(super) fn cells() -> Vec<Cell> {
    serde_json::from_str(include_str!("../../tests/support/api/cells.json")).unwrap()
}

/// A cell of PHYs, without an RU.
pub(super) fn phys() -> Cell {
    serde_json::from_str(include_str!("../../tests/support/api/phys.json")).unwrap()
}

pub(super) fn cell() -> Cell {
    cells().swap_remove(0)
}

pub(super) fn events() -> Vec<Event> {
    serde_json::from_str(include_str!("../../tests/support/api/events.json")).unwrap()
}
