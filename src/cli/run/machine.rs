//! What control may ask of ports and pools while they run.

use crate::control::status::Mempool;
use crate::control::supervisor::Machine;
use crate::dataplane::counters::PortLosses;
use crate::dpdk::burst::Gauge;
use crate::ran::PortId;

/// The gauge of DPDK as control reads it.
pub(super) struct Eyes(pub(super) Gauge);

impl Machine for Eyes {
    fn mempools(&self) -> Vec<Mempool> {
        let pools = self.0.pools().all();
        let told = pools.iter().map(|pool| Mempool {
            mempool: pool.name().to_owned(),
            size: pool.size(),
            in_use: pool.in_use(),
        });
        told.collect()
    }

    fn link_up(&self, port: PortId) -> bool {
        self.0.link_up(port)
    }

    fn losses(&self, port: PortId) -> Option<PortLosses> {
        self.0.losses(port)
    }
}
