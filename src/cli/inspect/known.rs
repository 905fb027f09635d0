//! What a configuration knows of the frames of a capture: who has which MAC address, over which UDP ports
//! eCPRI goes, how each cell splits eAxC ids and compresses samples.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::config::model::{Cell, Compression, Peer, Transport};
use crate::ran::{EaxcLayout, MacAddr};
use crate::wire::describe::{DescribeOptions, Nfapi};
use crate::wire::ecpri::Size;
use crate::wire::oran::uplane::Format;

/// How to read and name frames.
#[derive(Clone, Debug)]
pub(super) struct Known {
    names: BTreeMap<MacAddr, String>,
    /// By each address under which a cell's RU is known.
    cells: BTreeMap<MacAddr, Split>,
    /// Where no cell claims an address.
    default: Split,
    /// UDP destination ports that carry eCPRI.
    pub(super) udp_ports: BTreeSet<u16>,
    /// What to believe of ecpriPayload.
    pub(super) size: Size,
    /// How and where nFAPI is read.
    pub(super) nfapi: Option<Nfapi>,
}

#[derive(Clone, Copy, Debug)]
struct Split {
    layout: EaxcLayout,
    downlink: Option<Format>,
    uplink: Option<Format>,
}

impl Known {
    /// Without a configuration: eAxC ids are split by `layout`.
    pub(super) const fn nothing(layout: EaxcLayout) -> Self {
        Self {
            names: BTreeMap::new(),
            cells: BTreeMap::new(),
            default: Split {
                layout,
                downlink: None,
                uplink: None,
            },
            udp_ports: BTreeSet::new(),
            size: Size::Strict,
            nfapi: None,
        }
    }

    /// What `config` says; `layout` outranks it.
    pub(super) fn of(config: &Config, layout: Option<EaxcLayout>) -> Self {
        let mut known = Self::nothing(layout.unwrap_or(EaxcLayout::NIBBLES));
        if config.ecpri.lenient_size {
            known.size = Size::Lenient;
        }
        let dus = config.dus.iter().map(|du| &du.peer);
        for peer in config.rus.iter().chain(dus) {
            known.peer(peer);
        }
        for cell in &config.cells {
            let split = Split {
                layout: layout.unwrap_or(cell.layout),
                downlink: Some(format(cell, cell.downlink_compression)),
                uplink: Some(format(cell, cell.uplink_compression)),
            };
            let ru = cell.ru.and_then(|ru| config.rus.get(ru)).map(|ru| ru.mac);
            let dus = cell
                .members
                .iter()
                .filter_map(|member| config.dus.get(member.du?));
            for address in ru.into_iter().chain(dus.map(|du| du.peer.facing)) {
                known.cells.entry(address).or_insert(split);
            }
        }
        known
    }

    fn peer(&mut self, peer: &Peer) {
        self.names.insert(peer.mac, peer.name.clone());
        if let Transport::Udp {
            peer_port,
            facing_port,
            ..
        } = peer.transport
        {
            self.udp_ports.extend([peer_port, facing_port]);
        }
    }

    /// The name of the peer with this address.
    pub(super) fn name(&self, address: MacAddr) -> Option<&str> {
        self.names.get(&address).map(String::as_str)
    }

    /// How the cell of the RU at `ru` splits eAxC ids.
    pub(super) fn layout(&self, ru: MacAddr) -> EaxcLayout {
        self.cells.get(&ru).unwrap_or(&self.default).layout
    }

    /// How to describe a frame between `ends`.
    pub(super) fn describing(&self, ends: [MacAddr; 2]) -> DescribeOptions {
        let split = ends.iter().find_map(|end| self.cells.get(end));
        let split = split.unwrap_or(&self.default);
        let mut ports = self.udp_ports.iter().copied();
        DescribeOptions {
            size: self.size,
            udp_ports: [ports.next(), ports.next()],
            downlink: split.downlink,
            uplink: split.uplink,
            nfapi: self.nfapi,
        }
    }
}

fn format(cell: &Cell, compression: Compression) -> Format {
    Format {
        header: compression.header,
        method: compression.method,
        width: compression.width,
        length: false,
        carrier_prbs: cell.carrier_prbs,
    }
}
