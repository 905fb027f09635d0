//! The midhaul from what is meant to what an lcore reads.

use crate::config::model::{Config, Du};
use crate::dataplane::tables::{PairTables, Tables};
use crate::planes::midhaul::Ends;
use crate::ran::PeerId;

/// Adds a pair for each DU whose F1-C crosses the appliance, in order of the DUs.
pub(super) fn add_pairs(tables: &mut Tables, config: &Config) {
    for (index, du) in config.dus.iter().enumerate() {
        let Some((f1, cu)) = du
            .f1
            .as_ref()
            .and_then(|f1| Some((f1, config.cus.get(f1.cu)?)))
        else {
            continue;
        };
        tables.midhaul.add(PairTables {
            member: PeerId((config.rus.len() + index) as u16),
            ports: Ends {
                member: f1.port,
                fixed: cu.port,
            },
            addresses: Ends {
                member: f1.addresses.clone(),
                fixed: cu.addresses.clone(),
            },
            fixed_port: cu.sctp_port,
            member_port: f1.sctp_port,
            udp: cu.udp,
            aborts: f1.aborts,
            any_cell: f1.any_cell,
        });
    }
}

/// The DUs of the pairs, in order of their `PairId`.
pub(super) fn members(config: &Config) -> impl Iterator<Item = &Du> {
    config.dus.iter().filter(|du| du.f1.is_some())
}
