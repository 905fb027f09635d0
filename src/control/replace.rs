//! From one configuration to the next while the appliance runs: new tables, a fresh state beside them,
//! and what is carried over. Objects are the same if their names are. Pure; done off the lcores.

use crate::config::Config;
use crate::config::model::{Cell, Streams};
use crate::control::compile::{Kept, compile_keeping};
use crate::control::proxies;
use crate::control::recordings::next_recorder;
use crate::dataplane::lcore_state::LcoreState;
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::dataplane::replacement::{Adaptation, Carry, CellCarry, Outcome, Replacement};
use crate::dataplane::tables::{CellTables, PairId, PairTables, PeerKind, Tables};
use crate::ran::{CellId, Direction, EaxcId, LcoreId, MemberId, PeerId, PortId, StreamId};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

/// One replacement for each lcore, in order, which takes the configuration `old` and its tables in force over
/// to `new`; `term` must be later than that of those tables. Refused as a whole, with every reason, if a
/// restart is needed.
pub fn replacements(
    (old, before): (&Config, &Tables),
    new: &Config,
    term: u64,
) -> Result<Vec<Replacement>, Vec<String>> {
    let mut problems = needs_restart(old, new);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut tables = compile_keeping(new, term, &kept(old, before));
    problems.extend(change_owners((old, before), (new, &tables)));
    problems.extend(find_places(before, &mut tables));
    if !problems.is_empty() {
        return Err(problems);
    }
    let tables = Arc::new(tables);
    let carry = carry(old, new, before, &tables);
    let replacement = |lcore| Replacement {
        lcore: LcoreId(lcore as u8),
        tables: Arc::clone(&tables),
        // Events that wait stay where they are: this state needs no room for any.
        state: LcoreState::new(&tables, 0),
        recorder: next_recorder(new, &tables, |cell| {
            tables.owners.of_cell(cell).index() == lcore
        }),
        carry: carry.clone(),
        outcome: Outcome::Pending,
    };
    Ok((0..tables.owners.lcores()).map(replacement).collect())
}

fn kept(old: &Config, before: &Tables) -> Kept {
    let owners = &before.owners;
    let cells = old.cells.iter().enumerate();
    let ports = old.ports.iter().enumerate();
    Kept {
        cells: cells
            .map(|(index, cell)| (cell.name.clone(), owners.of_cell(CellId(index as u16))))
            .collect(),
        ports: ports
            .map(|(index, port)| (port.name.clone(), owners.of_port(PortId(index as u8))))
            .collect(),
    }
}

/// Cells that would go to another lcore, where their state is not.
fn change_owners(
    (old, before): (&Config, &Tables),
    (new, tables): (&Config, &Tables),
) -> Vec<String> {
    let moves = sources(&cell_names(old), &cell_names(new));
    let moved = moves.into_iter().enumerate().filter(|(to, from)| {
        from.is_some_and(|from| {
            let owner = before.owners.of_cell(CellId(from as u16));
            owner != tables.owners.of_cell(CellId(*to as u16))
        })
    });
    let names = moved.filter_map(|(to, _)| new.cells.get(to));
    let problem = |cell: &Cell| {
        format!(
            "cells.{}: the cell would go to another lcore while running; restart to apply",
            cell.name
        )
    };
    names.map(problem).collect()
}

/// What cannot change without a restart: everything that DPDK set up.
fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut refuse = |port: &str, what: String| {
        problems.push(format!(
            "ports.{port}: {what} while running; restart to apply"
        ));
    };
    for before in &old.ports {
        let Some(now) = new.ports.iter().find(|port| port.name == before.name) else {
            refuse(&before.name, "a port cannot be removed".to_owned());
            continue;
        };
        if now.mtu != before.mtu {
            let (from, to) = (before.mtu, now.mtu);
            refuse(&now.name, format!("mtu cannot change from {from} to {to}"));
        }
        if now.device != before.device {
            refuse(&now.name, "device cannot change".to_owned());
        }
        if now.lcore != before.lcore {
            refuse(&now.name, "lcore cannot change".to_owned());
        }
    }
    for port in &new.ports {
        if !old.ports.iter().any(|before| before.name == port.name) {
            refuse(&port.name, "a port cannot be added".to_owned());
        }
    }
    if new.lcores != old.lcores {
        problems.push("lcores: cannot change while running; restart to apply".to_owned());
    }
    if new.api != old.api {
        problems.push("api: cannot change while running; restart to apply".to_owned());
    }
    if new.log != old.log {
        problems.push("log: cannot change while running; restart to apply".to_owned());
    }
    if new.state != old.state {
        problems.push("state: cannot change while running; restart to apply".to_owned());
    }
    for cell in proxies::changed(old, new) {
        problems.push(format!(
            "cells.{cell}: P5, and whose it is, cannot change while running; restart to apply"
        ));
    }
    let names = |config: &Config| -> Vec<String> {
        config.ports.iter().map(|port| port.name.clone()).collect()
    };
    if problems.is_empty() && names(old) != names(new) {
        problems.push(
            "ports: the order of the ports cannot change while running; restart to apply"
                .to_owned(),
        );
    }
    problems
}

/// A cell that stays keeps its place in the live state file, a new one gets a free one. The file has as many
/// places as it was made with.
fn find_places(before: &Tables, tables: &mut Tables) -> Option<String> {
    let known: HashMap<_, _> = before
        .cells
        .iter()
        .map(|cell| (cell.identity.name, cell.place))
        .collect();
    let taken: HashSet<u32> = tables
        .cells
        .iter()
        .filter_map(|cell| known.get(&cell.identity.name).copied())
        .collect();
    tables.places = before.places;
    // Another lcore may still write where a cell was that leaves: its place is free for the next change.
    let used: HashSet<u32> = before.cells.iter().map(|cell| cell.place).collect();
    let mut free =
        (0..tables.places).filter(|place| !taken.contains(place) && !used.contains(place));
    for cell in &mut tables.cells {
        let place = known
            .get(&cell.identity.name)
            .copied()
            .or_else(|| free.next());
        let Some(place) = place else {
            let room = before.places;
            return Some(format!(
                "cells: the live state has room for {room} cells while running; restart to apply"
            ));
        };
        cell.place = place;
    }
    None
}

fn carry(old: &Config, new: &Config, before: &Tables, tables: &Tables) -> Carry {
    let peers = sources(&peer_names(old), &peer_names(new));
    let cells = sources(&cell_names(old), &cell_names(new));
    let peers = Moves::new(&peers, before.peers.len(), PeerId);
    let cells = Moves::new(&cells, before.cells.len(), CellId);
    let renumbered = !peers.is_identity(before.peers.len());
    let is_pooled = |tables: &Tables, peer: PeerId| {
        let entry = tables.peer_entry(peer);
        entry.is_some_and(|entry| entry.kind == PeerKind::PooledDu)
    };
    let pooled = peers.old.iter().enumerate().filter_map(|(to, from)| {
        let (to, from) = (PeerId(to as u16), (*from)?);
        (is_pooled(tables, to) && is_pooled(before, from)).then_some((to, from))
    });
    let world = World {
        old,
        new,
        before,
        tables,
        peers: &peers,
    };
    let carried = cells.old.iter().enumerate().map(|(to, from)| match from {
        Some(from) => world.cell(*from, CellId(to as u16)),
        None => CellCarry::New,
    });
    Carry {
        cells: carried.collect(),
        cells_now: cells.now.clone(),
        pooled: pooled.collect(),
        pairs: pairs(before, tables, &peers),
        peers: peers.old.clone(),
        peers_now: match renumbered {
            true => peers.now.clone(),
            false => Vec::new(),
        },
    }
}

/// Where each pair of the midhaul was, if both tables say the same of it.
fn pairs(before: &Tables, tables: &Tables, peers: &Moves<PeerId>) -> Vec<Option<PairId>> {
    let was = |pair: &PairTables| {
        let member = peers.old.get(pair.member.index()).copied().flatten()?;
        let under_old = PairTables {
            member,
            ..pair.clone()
        };
        let mut all = before.midhaul.pairs().iter();
        let at = all.position(|old| *old == under_old)?;
        Some(PairId(at as u16))
    };
    tables.midhaul.pairs().iter().map(was).collect()
}

/// By new position the old one, and the reverse.
struct Moves<I> {
    old: Vec<Option<I>>,
    now: Vec<Option<I>>,
}

impl<I: Copy + PartialEq> Moves<I> {
    fn new(sources: &[Option<usize>], before: usize, id: impl Fn(u16) -> I) -> Self {
        let mut now = vec![None; before];
        for (to, from) in sources.iter().enumerate() {
            if let Some(place) = from.and_then(|from| now.get_mut(from)) {
                *place = Some(id(to as u16));
            }
        }
        let old = sources.iter().map(|from| from.map(|from| id(from as u16)));
        Self {
            old: old.collect(),
            now,
        }
    }

    fn is_identity(&self, before: usize) -> bool {
        self.old.len() == before && self.old == self.now && self.old.iter().all(Option::is_some)
    }
}

/// Where each of `new` stands in `old`.
fn sources<N: Copy + Eq + Hash>(old: &[N], new: &[N]) -> Vec<Option<usize>> {
    let places: HashMap<N, usize> = old.iter().enumerate().map(|(n, name)| (*name, n)).collect();
    new.iter().map(|name| places.get(name).copied()).collect()
}

/// RUs, then DUs; true for a DU: an RU is never the same as a DU of its name.
fn peer_names(config: &Config) -> Vec<(bool, &str)> {
    let rus = config.rus.iter().map(|ru| (false, ru.name.as_str()));
    let dus = config.dus.iter().map(|du| (true, du.peer.name.as_str()));
    rus.chain(dus).collect()
}

fn cell_names(config: &Config) -> Vec<&str> {
    config.cells.iter().map(|cell| cell.name.as_str()).collect()
}

struct World<'a> {
    old: &'a Config,
    new: &'a Config,
    before: &'a Tables,
    tables: &'a Tables,
    peers: &'a Moves<PeerId>,
}

impl World<'_> {
    fn cell(&self, from: CellId, to: CellId) -> CellCarry {
        let (Some(old), Some(new), Some(before), Some(tables)) = (
            self.old.cells.get(from.index()),
            self.new.cells.get(to.index()),
            self.before.cell(from),
            self.tables.cell(to),
        ) else {
            return CellCarry::New;
        };
        if self.says_the_same(before, tables) {
            return CellCarry::Whole(from);
        }
        let was = |now: PeerId| self.peers.old.get(now.index()).copied().flatten();
        let same_ru = tables.ru.map(was) == before.ru.map(Some);
        let streams = stream_moves(old, new, same_ru);
        let members = self.members(old, new);
        let same_members = old.members.len() == new.members.len() && in_place(&members, new);
        let same_streams = before.streams == tables.streams && same_ru;
        let keeps_clock = before.numerology == tables.numerology
            && before.prefix == tables.prefix
            && before.gps == tables.gps;
        let now = |member: MemberId| members.get(member.index()).copied().flatten();
        let standby: Vec<_> = before.standby.iter().map(|member| now(*member)).collect();
        CellCarry::Adapted(Box::new(Adaptation {
            from,
            streams,
            members,
            same_shape: same_members && same_streams,
            keeps_clock,
            keeps_guards: before.guarded_slots() == tables.guarded_slots(),
            keeps_liveness: before.liveness.period == tables.liveness.period,
            keeps_plan: standby
                .into_iter()
                .eq(tables.standby.iter().map(|m| Some(*m))),
            keeps_pattern: before.pattern == tables.pattern,
        }))
    }

    /// Both tables say the same, whatever numbers the peers have. Who is active at a start is no matter
    /// for a cell that runs.
    fn says_the_same(&self, before: &CellTables, tables: &CellTables) -> bool {
        let was = |now: PeerId| self.peers.old.get(now.index()).copied().flatten();
        let mut under_old = tables.clone();
        under_old.active = before.active;
        under_old.ru = tables.ru.and_then(was);
        if under_old.ru.is_none() != tables.ru.is_none() {
            return false;
        }
        if let Some(fapi) = &mut under_old.fapi {
            let phys = fapi.phys.iter_mut().map(|phy| &mut phy.peer);
            for peer in phys.chain(std::iter::once(&mut fapi.l2)) {
                let Some(old) = was(*peer) else {
                    return false;
                };
                *peer = old;
            }
        }
        for member in &mut under_old.members {
            let Some(peer) = was(member.peer) else {
                return false;
            };
            member.peer = peer;
        }
        under_old == *before
    }

    fn members(&self, old: &Cell, new: &Cell) -> [Option<MemberId>; MAX_MEMBERS] {
        let names = |config: &Config, cell: &Cell| -> Vec<String> {
            let members = cell.members.iter();
            members
                .map(|member| config.member_name(member).to_owned())
                .collect()
        };
        let now = names(self.new, new);
        let mut moves = [None; MAX_MEMBERS];
        for (place, name) in moves.iter_mut().zip(names(self.old, old)) {
            let at = now.iter().position(|other| *other == name);
            *place = at.map(|at| MemberId(at as u8));
        }
        moves
    }
}

fn in_place(members: &[Option<MemberId>; MAX_MEMBERS], new: &Cell) -> bool {
    let mut places = members.iter().take(new.members.len()).enumerate();
    places.all(|(index, now)| *now == Some(MemberId(index as u8)))
}

/// By new `StreamId` the old one of the same direction and eAxC id at the same RU.
fn stream_moves(old: &Cell, new: &Cell, same_ru: bool) -> Vec<Option<StreamId>> {
    let before = in_order(&old.streams);
    let place = |stream: &(Direction, EaxcId)| before.iter().position(|other| other == stream);
    let moves = in_order(&new.streams).into_iter().map(|stream| {
        let at = place(&stream).filter(|_| same_ru)?;
        Some(StreamId(at as u8))
    });
    moves.collect()
}

fn in_order(streams: &Streams) -> Vec<(Direction, EaxcId)> {
    let downlink = streams.downlink.iter().map(|id| (Direction::Downlink, *id));
    let uplink = streams.uplink.iter().chain(&streams.prach);
    downlink
        .chain(uplink.map(|id| (Direction::Uplink, *id)))
        .collect()
}
