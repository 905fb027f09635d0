//! Who takes part in the FAPI plane of a configured cell.

use super::datagram::Terms;
use super::generator::{FapiCast, FapiEnd};
use crate::config::model::{self, Config, FapiPeer};
use crate::lab::timing::gps_clock;
use crate::ran::MemberId;
use crate::wire::nfapi::{Check, Dialect, PhyId};

impl FapiCast {
    /// Those of the cell at this place of the configuration: the PHY of its active member first, then armed
    /// standbys, then the others. `None` if its FAPI plane does not cross the box.
    pub fn of(config: &Config, cell: usize) -> Option<Self> {
        let cell = config.cells.get(cell)?;
        let fapi = cell.fapi.as_ref()?;
        let mut order = vec![cell.active];
        order.extend(&cell.failover.standby);
        order.extend((0..cell.members.len()).map(|member| MemberId(member as u8)));
        let mut phys: Vec<(usize, i32)> = Vec::new();
        for member in order {
            let member = cell.members.get(member.index())?;
            let Some(phy) = member.phy else {
                continue;
            };
            if phys.iter().all(|(known, _)| *known != phy) {
                phys.push((phy, member.slot_offset));
            }
        }
        let end = |peer: &FapiPeer, slot_offset| end(config, peer, slot_offset);
        let phys = phys.into_iter();
        let phys = phys.map(|(phy, offset)| Some(end(config.phys.get(phy)?, offset)));
        Some(Self {
            l2: end(config.l2s.get(fapi.l2)?, 0),
            phys: phys.collect::<Option<_>>()?,
            clock: gps_clock(cell),
            ahead: fapi.slots_ahead,
            pipeline: fapi.pipeline,
        })
    }
}

/// A peer cuts what it sends where the box does for it.
fn end(config: &Config, fapi: &FapiPeer, slot_offset: i32) -> FapiEnd {
    let port = config.ports.get(fapi.peer.port.index());
    FapiEnd {
        peer: fapi.peer.clone(),
        mtu: port.map_or(1500, |port| port.mtu),
        terms: Terms {
            dialect: dialect(fapi.dialect),
            phy: PhyId(fapi.phy_id),
            segment: usize::from(fapi.segment),
            check: match fapi.check {
                true => Check::Verify,
                false => Check::Ignore,
            },
        },
        slot_offset,
    }
}

const fn dialect(dialect: model::Dialect) -> Dialect {
    match dialect {
        model::Dialect::OaiNfapi => Dialect::OaiNfapi,
        model::Dialect::Scf225v2 => Dialect::Scf225v2,
        model::Dialect::FapiBig => Dialect::FapiBig,
        model::Dialect::FapiLittle => Dialect::FapiLittle,
    }
}
