//! Names of what the indices of tables, counters and events mean.

use crate::config::model::{Cell, Config, Member};
use crate::control::midhaul;
use crate::dataplane::run_record::{CellNames, Names};

/// The names in `config`.
pub fn names(config: &Config) -> Names {
    Names {
        ports: config.ports.iter().map(|port| port.name.clone()).collect(),
        peers: config.peers().map(|peer| peer.name.clone()).collect(),
        pairs: midhaul::members(config)
            .map(|du| du.peer.name.clone())
            .collect(),
        cells: config
            .cells
            .iter()
            .map(|cell| of_cell(config, cell))
            .collect(),
    }
}

fn of_cell(config: &Config, cell: &Cell) -> CellNames {
    let member = |member: &Member| config.member_name(member).to_owned();
    let streams = &cell.streams;
    let downlink = streams.downlink.iter().map(|id| format!("DL {id}"));
    let uplink = streams.uplink.iter().chain(&streams.prach);
    CellNames {
        name: cell.name.clone(),
        members: cell.members.iter().map(member).collect(),
        streams: downlink
            .chain(uplink.map(|id| format!("UL {id}")))
            .collect(),
        l2: config.l2(cell).map(|l2| l2.name.clone()),
    }
}
