//! Names of what the indices of tables, counters and events mean.

use crate::config::model::{Cell, Config, Member};
use crate::dataplane::run_record::{CellNames, Names};

/// The names in `config`.
pub fn names(config: &Config) -> Names {
    let rus = config.rus.iter();
    let peers = rus.chain(config.dus.iter().map(|du| &du.peer));
    Names {
        ports: config.ports.iter().map(|port| port.name.clone()).collect(),
        peers: peers.map(|peer| peer.name.clone()).collect(),
        cells: config
            .cells
            .iter()
            .map(|cell| of_cell(config, cell))
            .collect(),
    }
}

fn of_cell(config: &Config, cell: &Cell) -> CellNames {
    let member = |member: &Member| {
        let du = config.dus.get(member.du);
        du.map_or_else(String::new, |du| du.peer.name.clone())
    };
    let streams = &cell.streams;
    let downlink = streams.downlink.iter().map(|id| format!("DL {id}"));
    let uplink = streams.uplink.iter().chain(&streams.prach);
    CellNames {
        name: cell.name.clone(),
        members: cell.members.iter().map(member).collect(),
        streams: downlink
            .chain(uplink.map(|id| format!("UL {id}")))
            .collect(),
    }
}
