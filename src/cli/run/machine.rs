//! What control may ask of ports and pools while they run.

use crate::control::status::Mempool;
use crate::control::supervisor::Machine;
use crate::dataplane::counters::PortLosses;
use crate::dpdk::burst::Gauge;
use crate::ran::PortId;

/// The gauge of DPDK as control reads it.
pub(super) struct Eyes {
    pub(super) gauge: Gauge,
    /// `None` if the configuration asks for no live state.
    pub(super) live_state_kept: Option<bool>,
}

impl Machine for Eyes {
    fn mempools(&self) -> Vec<Mempool> {
        let pools = self.gauge.pools().all();
        let told = pools.iter().map(|pool| Mempool {
            mempool: pool.name().to_owned(),
            size: pool.size(),
            in_use: pool.in_use(),
        });
        told.collect()
    }

    fn link_up(&self, port: PortId) -> bool {
        self.gauge.link_up(port)
    }

    fn live_state_kept(&self) -> Option<bool> {
        self.live_state_kept
    }

    fn losses(&self, port: PortId) -> Option<PortLosses> {
        self.gauge.losses(port)
    }
}
