//! What a configuration asks of the machine; without one, what `run` would ask for at least.

use super::device::Device;
use super::machine::Machine;
use crate::config::Config;
use crate::config::model::{Pass, Port, TimeSource};
use crate::dpdk::mempool::PoolSize;
use crate::dpdk::port::{PortPlan, check_plans};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// What is asked of the machine.
pub(super) struct Wanted {
    /// Ports in order of the configuration; none without one.
    pub(super) ports: Vec<WantedPort>,
    /// What of them `run` will not even try.
    pub(super) refused: Option<String>,
    /// Cores that will poll.
    pub(super) cores: BTreeSet<usize>,
    /// Buffers are to lie in huge pages.
    pub(super) huge_pages: bool,
    /// Memory is to be locked.
    pub(super) lock_memory: bool,
    /// Memory of EAL: the configuration's, or what the buffer pools need.
    pub(super) mebibytes: u32,
    /// Cells whose slot count comes from the clock.
    pub(super) gps_cells: Vec<String>,
    /// PTP frames pass through the box.
    pub(super) ptp_passes: bool,
    /// Where the API will listen.
    pub(super) api: Option<SocketAddr>,
    /// The file of the live state.
    pub(super) state: Option<String>,
}

/// One port.
pub(super) struct WantedPort {
    /// Its name.
    pub(super) name: String,
    /// Its device; `None` if the configuration names none, and `run` needs one.
    pub(super) device: Option<Device>,
    /// Largest payload of a frame.
    pub(super) mtu: u16,
}

impl Wanted {
    /// Of a configuration.
    pub(super) fn of(config: &Config, machine: &Machine) -> Self {
        let ports = config.ports.iter().map(|port| WantedPort {
            name: port.name.clone(),
            device: port.device.as_deref().map(Device::read),
            mtu: port.mtu,
        });
        let plans: Vec<_> = config.ports.iter().map(plan).collect();
        let size = PoolSize::of(&plans, config.lcores.count());
        let by_clock = |time: &TimeSource| matches!(time, TimeSource::Gps { .. });
        let named = config
            .lcores
            .cores
            .iter()
            .map(|core| usize::from(*core))
            .collect::<BTreeSet<_>>();
        let least = Self::nothing(machine);
        let gps = config.cells.iter().filter(|cell| by_clock(&cell.time));
        Self {
            ports: ports.collect(),
            refused: check_plans(&with_device(plans)).err(),
            cores: if named.is_empty() { least.cores } else { named },
            huge_pages: config.lcores.hugepages,
            lock_memory: config.lcores.lock_memory,
            mebibytes: config.lcores.memory.unwrap_or(size.mebibytes()),
            gps_cells: gps.map(|cell| cell.name.clone()).collect(),
            ptp_passes: config.bridge.ptp == Pass::Pass,
            api: config.api.as_ref().and_then(|api| api.listen),
            state: config.state.as_ref().map(|file| file.display().to_string()),
        }
    }

    /// Without a configuration: the core that `run` takes, and pools for two ports.
    pub(super) fn nothing(machine: &Machine) -> Self {
        let jumbo = PortPlan {
            mtu: LARGEST_MTU,
            ..PortPlan::default()
        };
        let size = PoolSize::of(&[jumbo.clone(), jumbo], 1);
        Self {
            ports: Vec::new(),
            refused: None,
            cores: machine
                .allowed_cores()
                .into_iter()
                .next_back()
                .into_iter()
                .collect(),
            huge_pages: false,
            lock_memory: true,
            mebibytes: size.mebibytes(),
            gps_cells: Vec::new(),
            ptp_passes: false,
            api: Some(SocketAddr::from(([127, 0, 0, 1], API_PORT))),
            state: None,
        }
    }

    /// Whether a configuration was given.
    pub(super) fn is_configured(&self) -> bool {
        !self.ports.is_empty()
    }

    /// Addresses of the configured NICs.
    pub(super) fn nics(&self) -> impl Iterator<Item = (&WantedPort, &str)> {
        self.ports
            .iter()
            .filter_map(|port| match port.device.as_ref()? {
                Device::Pci(address) => Some((port, address.as_str())),
                Device::Virtual { .. } => None,
            })
    }
}

/// A port as `run` sees it; that it has no device is told by itself.
fn plan(port: &Port) -> PortPlan {
    PortPlan {
        name: port.name.clone(),
        device: port.device.clone().unwrap_or_default(),
        mtu: port.mtu,
        addresses: Vec::new(),
    }
}

fn with_device(mut plans: Vec<PortPlan>) -> Vec<PortPlan> {
    plans.retain(|plan| !plan.device.is_empty());
    plans
}

/// Fronthaul's usual one.
const LARGEST_MTU: u16 = 9000;

/// Where the API listens unless told otherwise.
const API_PORT: u16 = 8470;
