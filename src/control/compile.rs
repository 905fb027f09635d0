//! From what is meant to what an lcore reads. Done once, off the lcore; a valid configuration always
//! compiles.

use crate::config::model::{
    self, Attachment, Cell, Compression, Config, CplaneStyle, Liveness, Member, Pass, Peer, Port,
    PrbUse, Streams, TimeSource, Transport, UplinkOverlap,
};
use crate::control::fapi;
use crate::control::midhaul;
use crate::control::template::template;
use crate::dataplane::live_state::places;
use crate::dataplane::ownership::{Ownership, Wishes};
use crate::dataplane::tables::{
    CELL_NAME, CellTables, FROM_RU, FapiTables, Flow, Identity, Measure, MemberTables, PeerEntry,
    PeerKind, Policy, StreamTables, Tables,
};
use crate::planes::evidence::{LossRule, Signal};
use crate::planes::fronthaul::cplane::digest;
use crate::planes::fronthaul::pattern::PatternBits;
use crate::planes::fronthaul::share::{
    self, BroadcastSlots, MAX_STREAMS, NO_STREAM, Overlap, ShareRules,
};
use crate::planes::liveness::{DueClass, LivenessRules};
use crate::ran::{CellId, Direction, EaxcId, LcoreId, MemberId, PeerId, Plane, StreamId};
use crate::wire::oran::uplane::Format;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Compiles `config` into tables of `term`.
pub fn compile(config: &Config, term: u64) -> Tables {
    compile_keeping(config, term, &Kept::default())
}

/// The same, with cells and ports that lcores own already.
pub fn compile_keeping(config: &Config, term: u64, kept: &Kept) -> Tables {
    let bridge = &config.bridge;
    let passes = |pass: Pass| pass == Pass::Pass;
    let policy = Policy {
        lenient_size: config.ecpri.lenient_size,
        reserved_types: passes(config.ecpri.reserved_types),
        vendor_types: passes(config.ecpri.vendor_types),
        ptp: passes(bridge.ptp),
        link_local: passes(bridge.link_local),
        other: passes(bridge.other),
    };
    let mut flood = bridge.flood.clone();
    flood.resize(config.ports.len(), Vec::new());
    let mut tables = Tables::new(term, policy, flood);
    for ru in &config.rus {
        add_peer(&mut tables, ru, PeerKind::Ru);
    }
    for du in &config.dus {
        let kind = match du.attachment {
            Attachment::Dedicated => PeerKind::Du,
            Attachment::Pooled => PeerKind::PooledDu,
        };
        add_peer(&mut tables, &du.peer, kind);
    }
    fapi::add_peers(&mut tables, config);
    midhaul::add_pairs(&mut tables, config);
    for (mac, port) in &bridge.hosts {
        tables.add_host(*mac, *port);
    }
    for (index, cell) in config.cells.iter().enumerate() {
        add_cell(&mut tables, config, CellId(index as u16), cell);
    }
    tables.order = order(config);
    tables.owners = Ownership::assign(&tables, &wishes(config, kept));
    tables.places = places(config.cells.len()) as u32;
    tables
}

/// What stays where it is when a configuration is applied to running lcores.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Owners of cells by name.
    pub cells: HashMap<String, LcoreId>,
    /// Pollers of ports by name.
    pub ports: HashMap<String, LcoreId>,
}

/// What the configuration says outweighs what is kept.
fn wishes(config: &Config, kept: &Kept) -> Wishes {
    let lcore = |core: Option<u16>| {
        let position = config.lcores.position(core?)?;
        Some(LcoreId(position as u8))
    };
    let cell = |cell: &Cell| lcore(cell.lcore).or_else(|| kept.cells.get(&cell.name).copied());
    let port = |port: &Port| lcore(port.lcore).or_else(|| kept.ports.get(&port.name).copied());
    Wishes {
        lcores: config.lcores.count(),
        cells: config.cells.iter().map(cell).collect(),
        ports: config.ports.iter().map(port).collect(),
    }
}

fn add_peer(tables: &mut Tables, peer: &Peer, kind: PeerKind) {
    let entry = PeerEntry {
        kind,
        port: peer.port,
        mac: peer.mac,
        control: template(peer, Plane::Control),
        user: template(peer, Plane::User),
        ecpri_port: match peer.transport {
            Transport::Ethernet => None,
            Transport::Udp { facing_port, .. } => Some(facing_port),
        },
        cells: Vec::new(),
        p7: None,
    };
    tables.add_peer(entry, &[peer.vlan_control, peer.vlan_user]);
}

fn add_cell(tables: &mut Tables, config: &Config, id: CellId, cell: &Cell) {
    let ru = cell.ru.map(|ru| PeerId(ru as u16));
    let own = streams(&cell.streams);
    let count = own.len();
    if let Some(ru) = ru {
        attach(tables, ru, id, MemberId(0));
        for (stream, (direction, eaxc)) in own.into_iter().enumerate() {
            let flow = Flow::new(id, FROM_RU, StreamId(stream as u8), count);
            tables.add_flow(ru, None, direction, eaxc, flow);
        }
    }
    let mut members = Vec::with_capacity(cell.members.len());
    for (index, member) in cell.members.iter().enumerate() {
        let member_id = MemberId(index as u8);
        let compiled = member_tables(config, cell, member);
        attach(tables, compiled.peer, id, member_id);
        let assigned = compiled.pooled.then_some(id);
        for (stream, (direction, eaxc)) in streams(&member.streams).into_iter().enumerate() {
            let flow = Flow::new(id, member_id, StreamId(stream as u8), count);
            tables.add_flow(compiled.peer, assigned, direction, eaxc, flow);
        }
        members.push(compiled);
    }
    let fapi = fapi::tables(config, cell);
    if let Some(fapi) = &fapi {
        attach(tables, fapi.l2, id, MemberId(0));
        // In a cell without RU the members' endpoints are their PHYs, attached above.
        for (index, phy) in fapi.phys.iter().enumerate().filter(|_| cell.ru.is_some()) {
            attach(tables, phy.peer, id, MemberId(index as u8));
        }
    }
    let identity = identity(config, cell);
    let compiled = cell_tables(cell, (ru, fapi), members, identity, id);
    tables.cells.push(compiled);
}

/// Cells by priority, of equals the first in the file first.
fn order(config: &Config) -> Vec<CellId> {
    let mut order: Vec<_> = config.cells.iter().zip(0..).collect();
    order.sort_by_key(|(cell, _)| Reverse(cell.failover.priority));
    order.into_iter().map(|(_, cell)| CellId(cell)).collect()
}

fn attach(tables: &mut Tables, peer: PeerId, cell: CellId, member: MemberId) {
    if let Some(entry) = tables.peers.get_mut(peer.index()) {
        entry.cells.push((cell, member));
    }
}

fn member_tables(config: &Config, cell: &Cell, member: &Member) -> MemberTables {
    let du = member.du.and_then(|du| config.dus.get(du));
    let of_du = member.du.map(|du| PeerId((config.rus.len() + du) as u16));
    let of_phy = member.phy.map(|phy| fapi::phy(config, phy));
    MemberTables {
        peer: of_du.or(of_phy).unwrap_or_default(),
        pooled: du.is_some_and(|du| du.attachment == Attachment::Pooled),
        // Nobody else could be: a cell of one member needs no evidence.
        assume_in_step: member.assume_in_step || cell.members.len() == 1,
        eaxc: streams(&member.streams)
            .into_iter()
            .map(|(_, eaxc)| eaxc)
            .collect(),
    }
}

/// Names and what else a cell's live state hangs on. Digests are of text, so that nothing of the
/// configuration's form is in a file.
fn identity(config: &Config, cell: &Cell) -> Identity {
    let mut name = [0; CELL_NAME + 1];
    let letters = cell.name.as_bytes();
    name[0] = letters.len().min(CELL_NAME) as u8;
    for (place, letter) in name.iter_mut().skip(1).zip(letters) {
        *place = *letter;
    }
    let ru = config.fixed_side(cell);
    let members = cell.members.iter();
    let members: Vec<_> = members.map(|member| config.member_name(member)).collect();
    let streams = streams(&cell.streams);
    let time = (cell.numerology, cell.prefix, cell.time);
    let of = |text: String| digest(&[text.as_bytes()]);
    Identity {
        name,
        streams: of(format!("{ru} {streams:?}")),
        members: of(members.join(" ")),
        time: of(format!("{time:?}")),
    }
}

fn cell_tables(
    cell: &Cell,
    (ru, fapi): (Option<PeerId>, Option<FapiTables>),
    members: Vec<MemberTables>,
    identity: Identity,
    id: CellId,
) -> CellTables {
    let slot = cell.numerology.slot_duration().as_nanos().max(1);
    CellTables {
        identity,
        place: id.0.into(),
        ru,
        fapi,
        owns_numbering: members.len() > 1,
        members,
        streams: streams(&cell.streams)
            .into_iter()
            .map(|(direction, eaxc)| StreamTables { direction, eaxc })
            .collect(),
        numerology: cell.numerology,
        prefix: cell.prefix,
        gps: match cell.time {
            TimeSource::Gps { alpha, beta } => Some((alpha, beta)),
            TimeSource::Headers => None,
        },
        carrier_prbs: cell.carrier_prbs,
        step_slots: cell.step_window.as_nanos() / slot,
        step_window: cell.step_window,
        step_memory: cell.step_memory,
        late_tolerance: cell.late_tolerance,
        largest_lead: cell.largest_lead,
        active: cell.active,
        standby: cell.failover.standby.clone(),
        damping: cell.failover.damping,
        loss: loss(&cell.failover),
        priority: cell.failover.priority,
        liveness: liveness(cell, &cell.liveness),
        share: share_rules(cell),
        pattern: PatternBits::new(&cell.sharing.pattern.destination).unwrap_or(PatternBits::SOURCE),
        pattern_lead: cell.sharing.pattern_lead,
        measure: match cell.sharing.prb_use {
            PrbUse::Announced => Measure::Announced,
            PrbUse::Exponents { symbols } => Measure::Exponents(symbols),
        },
        downlink_format: format(cell.downlink_compression, cell.carrier_prbs),
        uplink_format: format(cell.uplink_compression, cell.carrier_prbs),
    }
}

fn loss(failover: &model::Failover) -> LossRule {
    let watched = failover.signals.iter().map(|signal| match signal {
        model::Signal::Fronthaul => Signal::Fronthaul,
        model::Signal::Fapi => Signal::Fapi,
    });
    LossRule {
        watched: watched.collect(),
        least: failover.least,
    }
}

/// A cell's streams in order of `StreamId`: downlink, uplink, PRACH.
fn streams(streams: &Streams) -> Vec<(Direction, EaxcId)> {
    let downlink = streams.downlink.iter().map(|id| (Direction::Downlink, *id));
    let uplink = streams.uplink.iter().chain(&streams.prach);
    downlink
        .chain(uplink.map(|id| (Direction::Uplink, *id)))
        .collect()
}

fn format(compression: Compression, carrier_prbs: u16) -> Format {
    Format {
        header: compression.header,
        method: compression.method,
        width: compression.width,
        length: false,
        carrier_prbs,
    }
}

fn liveness(cell: &Cell, written: &Liveness) -> LivenessRules {
    let period = cell.periods.pattern().max(1);
    let mut declared = vec![0u8; period as usize].into_boxed_slice();
    let classes = [
        (
            DueClass::DownlinkControl,
            &written.declared.downlink_control,
        ),
        (DueClass::UplinkControl, &written.declared.uplink_control),
        (DueClass::DownlinkUser, &written.declared.downlink_user),
    ];
    for (position, bits) in declared.iter_mut().enumerate() {
        let in_tdd = position as u32 % cell.periods.tdd.max(1);
        for (class, positions) in &classes {
            *bits |= u8::from(positions.contains(&in_tdd)) << *class as u8;
        }
    }
    LivenessRules {
        enabled: written.enabled,
        period,
        history: written.history,
        confirm: written.confirm,
        grace: written.grace,
        window_end: [
            cell.transmit.downlink_control,
            cell.transmit.uplink_control,
            cell.transmit.downlink_user,
        ],
        declared,
    }
}

fn share_rules(cell: &Cell) -> ShareRules {
    let sharing = &cell.sharing;
    let broadcast = sharing.broadcast.iter().map(|broadcast| BroadcastSlots {
        member: broadcast.member,
        slots: (0..broadcast.period.max(1))
            .map(|slot| broadcast.slots.contains(&slot))
            .collect(),
    });
    ShareRules {
        control: sharing.control_symbols.masks.clone().into_boxed_slice(),
        broadcast: broadcast.collect(),
        source_ports: port_map(cell, &sharing.source_ports),
        destination_ports: port_map(cell, &sharing.destination_ports),
        cplane: match sharing.cplane {
            CplaneStyle::Split => share::CplaneStyle::Split,
            CplaneStyle::OwnerWins => share::CplaneStyle::OwnerWins,
        },
        disjoint_ue_ids: sharing.disjoint_ue_ids,
        overlap: match sharing.uplink_overlap {
            UplinkOverlap::MapSectionIds => Overlap::MapSectionIds,
            UplinkOverlap::Refuse => Overlap::Refuse,
        },
    }
}

/// The RU_Port_ID map as a map of downlink streams, under the cell's eAxC layout.
fn port_map(cell: &Cell, ports: &[(u16, u16)]) -> [u8; MAX_STREAMS] {
    let mut map = [NO_STREAM; MAX_STREAMS];
    let downlink = &cell.streams.downlink;
    for (place, eaxc) in map.iter_mut().zip(downlink) {
        let port = cell.layout.ru_port(*eaxc);
        let target = ports
            .iter()
            .find(|(from, _)| *from == port)
            .and_then(|(_, to)| cell.layout.with_ru_port(*eaxc, *to))
            .and_then(|mapped| downlink.iter().position(|id| *id == mapped));
        if let Some(stream) = target {
            *place = stream as u8;
        }
    }
    map
}
