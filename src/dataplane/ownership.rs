//! Which lcore polls which port and owns which cell.
//!
//! A cell's state is touched by one lcore. Cells that share an RU or a DU are owned together: a frame's
//! sender then says whose it is, before anything of its payload is read, and what one frame concerns
//! (a concatenation, a measurement, an event of the RU, a pooled DU's assignment) is never spread. A
//! port is polled and sent on by one lcore. The assignment follows from the configuration alone.

use crate::dataplane::tables::Tables;
use crate::ran::{CellId, LcoreId, PeerId, PortId};
use std::cmp::Reverse;

/// Owners, by index. Made empty, everything is the first lcore's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ownership {
    lcores: u8,
    cells: Vec<LcoreId>,
    peers: Vec<LcoreId>,
    ports: Vec<LcoreId>,
}

/// What is asked for; `None` where any lcore will do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wishes {
    /// Number of lcores.
    pub lcores: usize,
    /// By `CellId`.
    pub cells: Vec<Option<LcoreId>>,
    /// By `PortId`.
    pub ports: Vec<Option<LcoreId>>,
}

impl Ownership {
    /// Owners of everything in `tables`. Of cells owned together the first wish counts; those without go
    /// to the lcore with the fewest cells, ports to the one that owns most of what is behind them.
    pub fn assign(tables: &Tables, wishes: &Wishes) -> Self {
        let lcores = wishes.lcores.clamp(1, usize::from(u8::MAX));
        let cells = owners_of_cells(tables, wishes, lcores);
        let ports = pollers_of_ports(tables, wishes, lcores, &cells);
        let peers = tables.peers.iter().map(|peer| {
            let cell = peer
                .cells
                .first()
                .and_then(|(cell, _)| cells.get(cell.index()));
            let poller = ports.get(peer.port.index());
            cell.or(poller).copied().unwrap_or_default()
        });
        Self {
            lcores: lcores as u8,
            peers: peers.collect(),
            cells,
            ports,
        }
    }

    /// How many lcores there are.
    pub const fn lcores(&self) -> usize {
        if self.lcores == 0 {
            1
        } else {
            self.lcores as usize
        }
    }

    /// The owner of a cell.
    #[inline]
    pub fn of_cell(&self, cell: CellId) -> LcoreId {
        self.cells.get(cell.index()).copied().unwrap_or_default()
    }

    /// Whoever decides the frames of a peer.
    #[inline]
    pub fn of_peer(&self, peer: PeerId) -> LcoreId {
        self.peers.get(peer.index()).copied().unwrap_or_default()
    }

    /// Whoever polls a port and sends on it.
    #[inline]
    pub fn of_port(&self, port: PortId) -> LcoreId {
        self.ports.get(port.index()).copied().unwrap_or_default()
    }
}

fn owners_of_cells(tables: &Tables, wishes: &Wishes, lcores: usize) -> Vec<LcoreId> {
    let groups = together(tables);
    let wish = |cell: usize| {
        let wish = wishes.cells.get(cell).copied().flatten()?;
        (wish.index() < lcores).then_some(wish)
    };
    let mut owner: Vec<Option<LcoreId>> = vec![None; groups.len()];
    let mut sizes = vec![0usize; groups.len()];
    let mut owned = vec![0usize; lcores];
    for (cell, group) in groups.iter().enumerate() {
        if let (Some(size), Some(owner)) = (sizes.get_mut(*group), owner.get_mut(*group)) {
            *size += 1;
            *owner = owner.or_else(|| wish(cell));
        }
    }
    for (owner, size) in owner.iter().zip(&sizes) {
        if let Some(count) = owner.and_then(|owner| owned.get_mut(owner.index())) {
            *count += size;
        }
    }
    // A group is named by its first cell, so groups are met in order.
    for (owner, size) in owner.iter_mut().zip(&sizes) {
        if owner.is_some() || *size == 0 {
            continue;
        }
        let least = fewest(&owned);
        if let Some(count) = owned.get_mut(least) {
            *count += size;
        }
        *owner = Some(LcoreId(least as u8));
    }
    let of_group = |group: &usize| owner.get(*group).copied().flatten().unwrap_or_default();
    groups.iter().map(of_group).collect()
}

/// For each cell the first cell that it is owned together with: they share peers, directly or through
/// each other.
pub fn together(tables: &Tables) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..tables.cells.len()).collect();
    for peer in &tables.peers {
        let mut cells = peer.cells.iter().map(|(cell, _)| cell.index());
        let Some(first) = cells.next() else { continue };
        for cell in cells {
            let (one, other) = (root(&mut parents, first), root(&mut parents, cell));
            if let Some(parent) = parents.get_mut(one.max(other)) {
                *parent = one.min(other);
            }
        }
    }
    (0..parents.len())
        .map(|cell| root(&mut parents, cell))
        .collect()
}

/// The root above `cell`; the way there is halved for the next time.
fn root(parents: &mut [usize], mut cell: usize) -> usize {
    loop {
        let parent = parents.get(cell).copied().unwrap_or(cell);
        let above = parents.get(parent).copied().unwrap_or(parent);
        if parent == cell {
            return cell;
        }
        if let Some(place) = parents.get_mut(cell) {
            *place = above;
        }
        cell = above;
    }
}

fn pollers_of_ports(
    tables: &Tables,
    wishes: &Wishes,
    lcores: usize,
    cells: &[LcoreId],
) -> Vec<LcoreId> {
    let mut polled = vec![0usize; lcores];
    let mut pollers = Vec::with_capacity(wishes.ports.len());
    for (index, wish) in wishes.ports.iter().enumerate() {
        let port = PortId(index as u8);
        let poller = wish
            .filter(|wish| wish.index() < lcores)
            .unwrap_or_else(|| {
                let behind = cells_behind(tables, port, lcores, cells);
                let best = behind
                    .iter()
                    .zip(&polled)
                    .enumerate()
                    .min_by_key(|(_, (cells, ports))| (Reverse(**cells), **ports))
                    .map_or(0, |(lcore, _)| lcore);
                LcoreId(best as u8)
            });
        if let Some(count) = polled.get_mut(poller.index()) {
            *count += 1;
        }
        pollers.push(poller);
    }
    pollers
}

/// How often each lcore owns what a peer behind `port` takes part in.
fn cells_behind(tables: &Tables, port: PortId, lcores: usize, cells: &[LcoreId]) -> Vec<usize> {
    let mut behind = vec![0; lcores];
    let peers = tables.peers.iter().filter(|peer| peer.port == port);
    // Of a pair on the midhaul the DU's lcore decides, at both ends.
    let pairs = tables.midhaul.pairs().iter();
    let pairs = pairs.filter(|pair| pair.ports.member == port || pair.ports.fixed == port);
    let members = pairs.filter_map(|pair| tables.peer_entry(pair.member));
    for (cell, _) in peers.chain(members).flat_map(|peer| &peer.cells) {
        let owner = cells.get(cell.index());
        if let Some(count) = owner.and_then(|owner| behind.get_mut(owner.index())) {
            *count += 1;
        }
    }
    behind
}

fn fewest(counts: &[usize]) -> usize {
    let least = counts.iter().enumerate().min_by_key(|(_, count)| **count);
    least.map_or(0, |(lcore, _)| lcore)
}
