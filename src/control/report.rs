//! From observations to the objects of the API: indices become names, lcores are summed up.

use crate::config::model::{self, Attachment, Config, TimeSource};
use crate::control::board::{Board, Known, Seat, Sight};
use crate::control::midhaul;
use crate::control::status::{
    Appliance, Association, Cell, CellMode, CellSpec, CellStatus, FapiStatus, Lcore, Ledger,
    Member, Peer, Phy, Port, PortLosses, PrbUse, ScheduledMode, SlotPattern,
};
use crate::control::tidings::letters;
use crate::control::wanted::Wanted;
use crate::dataplane::counters::{CellCounters, Counters, Drops};
use crate::dataplane::mailbox::{Cause, MAX_MEMBERS, Mode, PatternBits};
use crate::dataplane::observation::{
    CellObservation, Margins, MemberObservation, PhyObservation, Role,
};
use crate::dataplane::tables::Tables;
use crate::dataplane::verdict::DropReason;
use crate::ran::{CellId, Instant, LcoreId, MemberId, PeerId, PortId, SlotCount, SlotPoint};
use std::collections::BTreeMap;

/// The appliance as a whole.
pub fn appliance(board: &Board) -> Appliance {
    let Known {
        wanted,
        tables,
        sights,
    } = board.known();
    let counters = total(&sights);
    let seen = || sights.iter().filter_map(|sight| sight.now.as_ref());
    Appliance {
        version: board.version.to_owned(),
        term: seen().map(|now| now.term).min().unwrap_or(wanted.term),
        started_ns: board.started.0,
        at_ns: seen().map(|now| now.at.0).min().unwrap_or_default(),
        ledger: ledger(&counters),
        drops: drops(&counters.drops),
        events_lost: counters.events_lost,
        lcores: board
            .seats()
            .iter()
            .zip(&sights)
            .enumerate()
            .map(|(index, (seat, sight))| Lcore {
                cells: cells_of(&wanted, &tables, LcoreId(index as u8)),
                ports: ports_of(&wanted, &tables, LcoreId(index as u8)),
                ..lcore(seat, sight)
            })
            .collect(),
        ports: ports(board, &wanted, &counters),
        peers: peers(&wanted.config, &counters),
        mempools: board.mempools(),
    }
}

/// Every cell, in order of the configuration.
pub fn cells(board: &Board) -> Vec<Cell> {
    let Known {
        wanted,
        tables,
        sights,
    } = board.known();
    let counters = total(&sights);
    (0..wanted.config.cells.len())
        .filter_map(|index| {
            let look = Look {
                board,
                wanted: &wanted,
                tables: &tables,
                sights: &sights,
                cell: CellId(index as u16),
            };
            look.cell(&counters)
        })
        .collect()
}

/// One cell.
pub fn cell(board: &Board, cell: CellId) -> Option<Cell> {
    let Known {
        wanted,
        tables,
        sights,
    } = board.known();
    let look = Look {
        board,
        wanted: &wanted,
        tables: &tables,
        sights: &sights,
        cell,
    };
    look.cell(&total(&sights))
}

/// The last observation of a cell, from the lcore that owns it.
pub fn observed(sights: &[Sight], cell: CellId) -> Option<(Instant, CellObservation)> {
    sights.iter().find_map(|sight| {
        let now = sight.now.as_ref()?;
        let seen = now.cells.get(cell.index())?.as_ref()?;
        Some((now.at, *seen))
    })
}

/// Counters of all lcores together.
pub fn total(sights: &[Sight]) -> Counters {
    let mut all = sights.iter().filter_map(|sight| sight.now.as_ref());
    let mut sum = all
        .next()
        .map_or_else(Counters::default, |first| first.counters.clone());
    for other in all {
        sum.add(&other.counters);
    }
    sum
}

fn ledger(counters: &Counters) -> Ledger {
    let ledger = counters.ledger;
    Ledger {
        received: ledger.received,
        originated: ledger.originated,
        copied: ledger.copied,
        sent: ledger.sent,
        held: ledger.held_in_all(),
        merged: ledger.merged,
        punted: ledger.punted,
        dropped: ledger.dropped,
        balance: ledger.balance() as i64,
    }
}

fn drops(drops: &Drops) -> BTreeMap<String, u64> {
    let counts = DropReason::ALL
        .iter()
        .map(|reason| (reason.label().to_owned(), drops.of(*reason)));
    counts.filter(|(_, count)| *count > 0).collect()
}

fn cells_of(wanted: &Wanted, tables: &Tables, lcore: LcoreId) -> Vec<String> {
    let cells = (0..wanted.config.cells.len()).map(|cell| CellId(cell as u16));
    let owned = cells.filter(|cell| tables.owners.of_cell(*cell) == lcore);
    owned.map(|cell| wanted.cell_name(cell)).collect()
}

fn ports_of(wanted: &Wanted, tables: &Tables, lcore: LcoreId) -> Vec<String> {
    let ports = (0..wanted.config.ports.len()).map(|port| PortId(port as u8));
    let polled = ports.filter(|port| tables.owners.of_port(*port) == lcore);
    polled.map(|port| port_name(&wanted.config, port)).collect()
}

fn lcore(seat: &Seat, sight: &Sight) -> Lcore {
    let load = sight.now.as_ref().map(|now| now.load).unwrap_or_default();
    let since = |now: u64, before: u64| now.saturating_sub(before) as f64;
    let busy = since(load.busy_cycles, sight.before.busy_cycles);
    let idle = since(load.idle_cycles, sight.before.idle_cycles);
    let frames = since(load.frames, sight.before.frames);
    Lcore {
        lcore: seat.lcore,
        core: seat.core,
        idle: seat.idle.clone(),
        at_ns: sight.now.as_ref().map(|now| now.at.0),
        cells: Vec::new(),
        ports: Vec::new(),
        frames: load.frames,
        busy_cycles: load.busy_cycles,
        idle_cycles: load.idle_cycles,
        load: if busy + idle > 0.0 {
            busy / (busy + idle)
        } else {
            0.0
        },
        cycles_per_frame: (frames > 0.0).then(|| busy / frames),
        longest_gap_us: load.longest_gap_ns as f64 / 1e3,
    }
}

fn ports(board: &Board, wanted: &Wanted, counters: &Counters) -> Vec<Port> {
    let port = |(index, port): (usize, &model::Port)| {
        let counted = counters.ports.get(index).copied().unwrap_or_default();
        Port {
            port: port.name.clone(),
            device: port.device.clone().unwrap_or_default(),
            link_up: board.link_up(PortId(index as u8)),
            received: counted.received,
            received_bytes: counted.received_bytes,
            sent: counted.sent,
            sent_bytes: counted.sent_bytes,
            lost: board.losses(PortId(index as u8)).map(|lost| PortLosses {
                missed: lost.missed,
                no_buffer: lost.no_buffer,
                errors: lost.errors,
            }),
        }
    };
    wanted.config.ports.iter().enumerate().map(port).collect()
}

fn peers(config: &Config, counters: &Counters) -> Vec<Peer> {
    let rus = config.rus.iter().map(|ru| (ru, "ru"));
    let dus = config.dus.iter().map(|du| match du.attachment {
        Attachment::Dedicated => (&du.peer, "du"),
        Attachment::Pooled => (&du.peer, "pooled-du"),
    });
    let l2s = config.l2s.iter().map(|l2| (&l2.peer, "l2"));
    let phys = config.phys.iter().map(|phy| (&phy.peer, "phy"));
    let peer = |(index, (peer, kind)): (usize, (&model::Peer, &str))| {
        let counted = counters.peers.get(PeerId(index as u16).index());
        let counted = counted.copied().unwrap_or_default();
        Peer {
            peer: peer.name.clone(),
            kind: kind.to_owned(),
            port: port_name(config, peer.port),
            received: counted.received,
            missing: counted.missing,
            duplicate: counted.duplicate,
            reordered: counted.reordered,
            drops: drops(&counted.drops),
        }
    };
    let all = rus.chain(dus).chain(l2s).chain(phys);
    all.enumerate().map(peer).collect()
}

fn port_name(config: &Config, port: PortId) -> String {
    let port = config.ports.get(port.index());
    port.map_or_else(String::new, |port| port.name.clone())
}

/// One look at one cell.
struct Look<'a> {
    board: &'a Board,
    wanted: &'a Wanted,
    tables: &'a Tables,
    sights: &'a [Sight],
    cell: CellId,
}

impl Look<'_> {
    fn cell(&self, counters: &Counters) -> Option<Cell> {
        let written = self.wanted.config.cells.get(self.cell.index())?;
        Some(Cell {
            cell: written.name.clone(),
            spec: self.spec(written),
            status: self.status(written, counters),
        })
    }

    fn spec(&self, written: &model::Cell) -> CellSpec {
        let members = 0..written.members.len();
        CellSpec {
            ru: self.wanted.config.fixed_side(written).to_owned(),
            l2: self.wanted.config.l2(written).map(|l2| l2.name.clone()),
            numerology: written.numerology.mu(),
            slot_us: written.numerology.slot_duration().as_nanos() as f64 / 1e3,
            carrier_prbs: written.carrier_prbs,
            time: match written.time {
                TimeSource::Gps { .. } => "gps",
                TimeSource::Headers => "headers",
            }
            .to_owned(),
            members: members
                .map(|index| self.member(MemberId(index as u8)))
                .collect(),
            active: self.member(written.active),
            standby: written
                .failover
                .standby
                .iter()
                .map(|member| self.member(*member))
                .collect(),
            pattern_lead: written.sharing.pattern_lead,
        }
    }

    fn status(&self, written: &model::Cell, counters: &Counters) -> CellStatus {
        let owner = self.tables.owners.of_cell(self.cell);
        let owner = self.board.seats().get(owner.index());
        let (at, seen) = observed(self.sights, self.cell)
            .unwrap_or_else(|| (Instant(0), as_configured(written)));
        let sfn = |slot| {
            let point = SlotPoint::of(slot, written.numerology);
            format!("{}.{}", point.sfn, point.slot)
        };
        // Without an RU slots count from an SFN 0.
        let known = matches!(written.time, TimeSource::Gps { .. }) || written.ru.is_none();
        let counted = counters
            .cells
            .get(self.cell.index())
            .copied()
            .unwrap_or_default();
        CellStatus {
            lcore: owner.map_or(0, |seat| seat.lcore),
            at_ns: at.0,
            slot: seen.slot.map(|slot| slot.0),
            sfn: seen.slot.filter(|_| known).map(sfn),
            mode: self.mode(seen.mode),
            mode_since_slot: seen.since.0,
            mode_cause: seen.cause.label().to_owned(),
            next_mode: seen.next_mode.map(|(from, mode)| ScheduledMode {
                from_slot: from.0,
                mode: self.mode(mode),
            }),
            pattern: slot_pattern(None, seen.pattern),
            next_pattern: seen
                .next_pattern
                .map(|(from, pattern)| slot_pattern(Some(from), pattern)),
            armed: seen.armed.map(|member| self.member(member)),
            waiting_for: seen.waiting_for.map(|member| self.member(member)),
            term: seen.term,
            members: self.members(written, at, &seen),
            fapi: self.fapi(written, (at, &seen), &counted),
            counters: counted
                .named()
                .map(|(name, count)| (name.to_owned(), count))
                .into(),
        }
    }

    fn members(&self, written: &model::Cell, at: Instant, seen: &CellObservation) -> Vec<Member> {
        let window = self.board.prb_use(self.cell, at);
        let streams = written.streams.downlink.len() as u64;
        let symbols = u64::from(written.prefix.symbols_per_slot());
        let capacity = u64::from(written.carrier_prbs) * symbols * streams;
        let members = seen.members.iter().flatten().enumerate();
        members
            .map(|(index, member)| Member {
                member: self.member(MemberId(index as u8)),
                role: role(member.role).to_owned(),
                in_step: member.in_step,
                lost: member.lost,
                heard_us_ago: ago(at, member.last_heard),
                liveness_margin_us: member.margins.mean_ns().map(|ns| ns / 1e3),
                prb_use: window.and_then(|window| {
                    let used = *window.used.get(index)?;
                    Some(PrbUse {
                        slots: window.slots,
                        prb_symbols: used,
                        share: used as f64 / (window.slots * capacity).max(1) as f64,
                    })
                }),
                association: self.association(written, index, at),
            })
            .collect()
    }

    fn association(&self, written: &model::Cell, index: usize, at: Instant) -> Option<Association> {
        let config = &self.wanted.config;
        let du = config.dus.get(written.members.get(index)?.du?)?;
        let cu = config.cus.get(du.f1.as_ref()?.cu)?;
        let mut pairs = midhaul::members(config);
        let pair = pairs.position(|of| of.peer.name == du.peer.name)?;
        let mut sights = self.sights.iter();
        let seen = sights.find_map(|sight| *sight.now.as_ref()?.pairs.get(pair)?);
        let seen = seen.unwrap_or_default();
        let tags = if seen.open > 0 { "known" } else { "unknown" };
        Some(Association {
            cu: cu.name.clone(),
            tags: tags.to_owned(),
            open: seen.open,
            fenced: seen.fenced,
            heard_us_ago: ago(at, seen.last_heard),
        })
    }

    fn fapi(
        &self,
        written: &model::Cell,
        (at, seen): (Instant, &CellObservation),
        counted: &CellCounters,
    ) -> Option<FapiStatus> {
        let config = &self.wanted.config;
        let l2 = config.l2(written)?;
        let p5 = self.board.p5(&written.name);
        let members = written.members.iter().zip(seen.members.iter().flatten());
        let phy = |(index, (written, member)): (usize, (&model::Member, &MemberObservation))| {
            let observed = member.phy?;
            let p5 = p5.as_ref().and_then(|p5| p5.phys.get(index));
            Some(Phy {
                phy: config.phys.get(written.phy?)?.peer.name.clone(),
                member: self.member(MemberId(index as u8)),
                role: role(member.role).to_owned(),
                running: observed.running,
                lost: observed.lost,
                heard_us_ago: ago(at, observed.last_heard),
                p5: p5.map(|p5| p5.label().to_owned()),
            })
        };
        let point = |slot| SlotPoint::of(slot, written.numerology);
        Some(FapiStatus {
            l2: l2.name.clone(),
            last_slot: (seen.told.map(point)).map(|told| format!("{}.{}", told.sfn, told.slot)),
            p5: p5.as_ref().map(|p5| p5.l2.label().to_owned()),
            nulls: counted.fapi_request_nulls + counted.fapi_clock_nulls,
            made_up_slots: counted.fapi_made_up_slots,
            phys: members.enumerate().filter_map(phy).collect(),
        })
    }

    fn mode(&self, mode: Mode) -> CellMode {
        match mode {
            Mode::Single(active) => CellMode::Single {
                active: self.member(active),
            },
            Mode::Shared {
                source,
                destination,
            } => CellMode::Shared {
                source: self.member(source),
                destination: self.member(destination),
            },
        }
    }

    fn member(&self, member: MemberId) -> String {
        self.wanted.member_name(self.cell, member)
    }
}

/// Microseconds since an instant that has come.
fn ago(now: Instant, then: Instant) -> Option<f64> {
    (then != Instant(0)).then(|| now.nanos_since(then).max(0) as f64 / 1e3)
}

/// A slot pattern as letters.
pub fn slot_pattern(from: Option<SlotCount>, pattern: PatternBits) -> SlotPattern {
    SlotPattern {
        from_slot: from.map(|from| from.0),
        slots: letters(pattern),
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Active => "active",
        Role::Sharing => "sharing",
        Role::Standby => "standby",
        Role::Fenced => "fenced",
    }
}

/// A cell of which no lcore has spoken yet.
fn as_configured(written: &model::Cell) -> CellObservation {
    let mut members = [None; MAX_MEMBERS];
    for (index, (place, member)) in members.iter_mut().zip(&written.members).enumerate() {
        let active = index == written.active.index();
        *place = Some(MemberObservation {
            role: if active { Role::Active } else { Role::Standby },
            in_step: false,
            lost: false,
            ready: false,
            last_heard: Instant(0),
            phy: member.phy.map(|_| PhyObservation::default()),
            margins: Margins::default(),
            prb_symbols: 0,
            prb_slots: 0,
        });
    }
    CellObservation {
        slot: None,
        clock: None,
        term: 0,
        mode: Mode::Single(written.active),
        since: SlotCount(0),
        cause: Cause::Start,
        next_mode: None,
        pattern: PatternBits::new(&written.sharing.pattern.destination)
            .unwrap_or(PatternBits::SOURCE),
        next_pattern: None,
        armed: written.failover.standby.first().copied(),
        plan: 0,
        waiting_for: None,
        told: None,
        members,
    }
}
