//! Which cells must be recorded together: those that share an RU or a DU. A pooled DU is assigned to
//! one of its cells at a time, so what happens in one decides about frames of the others.

use crate::dataplane::ownership::together;
use crate::dataplane::tables::Tables;
use crate::ran::{CellId, PeerId};

/// Cells that share peers, directly or through each other, and all their peers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bundle {
    /// In order of id.
    pub cells: Vec<CellId>,
    /// In order of id.
    pub peers: Vec<PeerId>,
}

impl Bundle {
    /// All bundles of `tables`, in order of their first cell.
    pub fn all(tables: &Tables) -> Vec<Self> {
        let first = together(tables);
        let mut bundles: Vec<Self> = vec![Self::default(); first.len()];
        for (index, first) in first.iter().enumerate() {
            if let Some(bundle) = bundles.get_mut(*first) {
                bundle.cells.push(CellId(index as u16));
            }
        }
        for (index, peer) in tables.peers.iter().enumerate() {
            let cell = peer.cells.first().map(|(cell, _)| cell.index());
            let first = cell.and_then(|cell| first.get(cell));
            if let Some(bundle) = first.and_then(|first| bundles.get_mut(*first)) {
                bundle.peers.push(PeerId(index as u16));
            }
        }
        bundles.retain(|bundle| !bundle.cells.is_empty());
        bundles
    }

    /// The bundle of `cell`.
    pub fn of(tables: &Tables, cell: CellId) -> Option<Self> {
        let mut all = Self::all(tables).into_iter();
        all.find(|bundle| bundle.cells.contains(&cell))
    }
}
