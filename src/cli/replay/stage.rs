//! From what is written (configuration, scenario, arguments) to what is played.

use crate::config::{
    Config,
    model::{Peer, TimeSource},
    scenario::{self, Scenario},
};
use crate::ran::{PeerId, PortId, SlotClock};
use crate::replay::{
    arrivals::{Input, Otherwise, Route, Rule},
    faults::{Fault, FaultKind, Sender},
    judge::PeerAddress,
    recorder::CellTiming,
};
use std::path::{Path, PathBuf};

/// Inputs of a scenario at `base`; a port named in `overrides` takes its frames from there instead.
pub(super) fn inputs(
    scenario: &Scenario,
    base: &Path,
    overrides: &[(PortId, PathBuf)],
) -> Vec<Input> {
    let overridden: Vec<PortId> = overrides.iter().map(|(port, _)| *port).collect();
    let captured = scenario.captures.iter().map(|capture| Input {
        name: capture.file.clone(),
        path: base.join(&capture.file),
        route: route(&capture.ingress),
        overridden: overridden.clone(),
    });
    let given = overrides.iter().map(|(port, path)| Input {
        name: path.display().to_string(),
        path: path.clone(),
        route: Route::Port(*port),
        overridden: Vec::new(),
    });
    captured.chain(given).collect()
}

/// Leaves out what the captures hold of ports with an RU: the RUs are emulated.
pub(super) fn leave_out_radios(inputs: &mut [Input], config: &Config) {
    for input in inputs {
        input.overridden.extend(config.rus.iter().map(|ru| ru.port));
    }
}

fn route(ingress: &scenario::Ingress) -> Route {
    let (rules, otherwise) = match ingress {
        scenario::Ingress::Port(port) => return Route::Port(*port),
        scenario::Ingress::Split { rules, otherwise } => (rules, otherwise),
    };
    let rule = |rule: &scenario::SplitRule| Rule {
        source: rule.source,
        vlan: rule.vlan,
        port: rule.port,
    };
    let otherwise = match otherwise {
        scenario::Otherwise::Refuse => Otherwise::Refuse,
        scenario::Otherwise::Drop => Otherwise::Drop,
        scenario::Otherwise::Port(port) => Otherwise::Port(*port),
    };
    Route::Split(rules.iter().map(rule).collect(), otherwise)
}

/// The scenario's faults.
pub(super) fn faults(scenario: &Scenario, config: &Config) -> Vec<Fault> {
    let fault = |fault: &scenario::Fault| {
        let (kind, share, seed) = match fault.kind {
            scenario::FaultKind::Silence => (FaultKind::Drop, 1.0, 0),
            scenario::FaultKind::Drop(chance) => (FaultKind::Drop, chance.share, chance.seed),
            scenario::FaultKind::Corrupt(chance) => (FaultKind::Corrupt, chance.share, chance.seed),
            scenario::FaultKind::Duplicate(chance) => {
                (FaultKind::Duplicate, chance.share, chance.seed)
            }
            scenario::FaultKind::Delay { chance, by } => {
                (FaultKind::Delay(by), chance.share, chance.seed)
            }
            scenario::FaultKind::Reorder { chance, by } => {
                (FaultKind::Reorder(by), chance.share, chance.seed)
            }
        };
        Some(Fault {
            sender: sender(config, fault.peer)?,
            from: fault.from,
            until: fault.until,
            share,
            seed,
            kind,
        })
    };
    scenario.faults.iter().filter_map(fault).collect()
}

fn sender(config: &Config, peer: PeerId) -> Option<Sender> {
    let peer = config.peers().nth(peer.index())?;
    Some(Sender {
        port: peer.port,
        mac: peer.mac,
        vlans: [peer.vlan_control, peer.vlan_user],
    })
}

/// Where each peer is, and on which eAxC ids the box numbers messages towards it.
pub(super) fn addresses(config: &Config) -> Vec<PeerAddress> {
    // Positions from `rus.len()` on are DUs, which no cell names as its RU.
    let numbered = |ru: usize| {
        let cells = config
            .cells
            .iter()
            .filter(move |cell| cell.ru == Some(ru) && cell.members.len() > 1);
        cells.flat_map(|cell| {
            let streams = &cell.streams;
            streams
                .downlink
                .iter()
                .chain(&streams.uplink)
                .chain(&streams.prach)
                .copied()
        })
    };
    let address = |(position, peer): (usize, &Peer)| PeerAddress {
        port: peer.port,
        mac: peer.mac,
        numbered: numbered(position).collect(),
    };
    config.peers().enumerate().map(address).collect()
}

/// Slot timing of each cell.
pub(super) fn timings(config: &Config) -> impl Iterator<Item = CellTiming> {
    config.cells.iter().map(|cell| CellTiming {
        slot_duration: cell.numerology.slot_duration(),
        clock: match cell.time {
            TimeSource::Gps { alpha, beta } => Some(SlotClock::from_gps(
                cell.numerology,
                cell.prefix,
                alpha,
                beta,
            )),
            TimeSource::Headers => None,
        },
    })
}
