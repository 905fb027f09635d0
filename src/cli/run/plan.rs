//! From the configuration to what DPDK is to be started with: ports, memory, cores.

use super::Refusal;
use crate::config::Config;
use crate::config::model::{self, Idle};
use crate::dpdk::eal::{self, Memory};
use crate::dpdk::lcore::Rest;
use crate::dpdk::mempool::PoolSize;
use crate::dpdk::port::{self, PortPlan};
use crate::ran::{MacAddr, PortId};

/// Everything that is known before EAL starts.
pub(super) struct Plan {
    pub(super) ports: Vec<PortPlan>,
    pub(super) size: PoolSize,
    /// One for each lcore, the main one first.
    pub(super) cores: Vec<usize>,
    memory: Memory,
    /// A checked line in place of the derived one.
    line: Option<Vec<String>>,
}

impl Plan {
    /// For `config`; `eal` is the user's own line of arguments.
    pub(super) fn of(config: &Config, eal: Option<&str>) -> Result<Self, Refusal> {
        let ports = ports(config)?;
        let line = eal.map(eal::checked_arguments).transpose();
        let line = line.map_err(|why| Refusal::Usage(format!("--eal: {why}")))?;
        let cores = cores(config)?;
        let size = PoolSize::of(&ports, cores.len());
        let asked = config.lcores.memory;
        let memory = match config.lcores.hugepages {
            true => Memory::Huge(asked),
            false => Memory::Plain(asked.unwrap_or(size.mebibytes())),
        };
        Ok(Self {
            ports,
            size,
            cores,
            memory,
            line,
        })
    }

    /// The arguments of EAL. A line of the user's that names no cores gets ours.
    pub(super) fn arguments(&self) -> Vec<String> {
        let pci = self.ports.iter().any(PortPlan::is_pci);
        let derived = eal::arguments(&self.cores, self.memory, pci);
        let mut arguments = match &self.line {
            None => derived,
            Some(line) if eal::names_cores(line) => line.clone(),
            Some(line) => {
                let cores = derived.into_iter().take(1);
                cores.chain(line.iter().cloned()).collect()
            }
        };
        arguments.extend(self.ports.iter().map(PortPlan::eal_argument));
        if self.ports.iter().any(PortPlan::connects) {
            // Else it complains of each attempt to reach a peer that is not there.
            arguments.push("--log-level=pmd.net.memif:critical".to_owned());
        }
        arguments
    }
}

/// What the dataplane calls an idle policy.
pub(super) const fn rest(idle: Idle) -> Rest {
    match idle {
        Idle::Spin => Rest::Spin,
        Idle::Pause => Rest::Pause,
        Idle::Sleep => Rest::Sleep,
    }
}

/// The configured ports, all with a device that DPDK can make or take.
fn ports(config: &Config) -> Result<Vec<PortPlan>, Refusal> {
    let plan = |(index, port): (usize, &model::Port)| {
        let Some(device) = port.device.clone() else {
            let why = format!("port {} has no device, and run needs one", port.name);
            return Err(Refusal::Usage(why));
        };
        Ok(PortPlan {
            name: port.name.clone(),
            device,
            mtu: port.mtu,
            addresses: addresses(config, PortId(index as u8)),
        })
    };
    let ports = config.ports.iter().enumerate().map(plan);
    let ports: Vec<_> = ports.collect::<Result<_, _>>()?;
    port::check_plans(&ports).map_err(Refusal::Usage)?;
    Ok(ports)
}

/// Where the peers on `port` send to: whom they face, and whoever is bridged to on other ports.
fn addresses(config: &Config, port: PortId) -> Vec<MacAddr> {
    let dus = config.dus.iter().map(|du| &du.peer);
    let peers = config.rus.iter().chain(dus);
    let faced = peers.clone().filter(|peer| peer.port == port);
    let beyond = peers.filter(|peer| peer.port != port);
    let hosts = config.bridge.hosts.iter();
    let hosts = hosts.filter(|(_, at)| *at != port).map(|(mac, _)| *mac);
    let mut addresses: Vec<MacAddr> = faced
        .map(|peer| peer.facing)
        .chain(beyond.map(|peer| peer.mac))
        .chain(hosts)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The configured cores, all of which this process can have; without any the last that it runs on.
fn cores(config: &Config) -> Result<Vec<usize>, Refusal> {
    let allowed = eal::allowed_cores();
    let Some(last) = allowed.last() else {
        let why = "the cores that this process may use cannot be read";
        return Err(Refusal::Environment(why.to_owned()));
    };
    let named = &config.lcores.cores;
    if named.is_empty() {
        return Ok(vec![*last]);
    }
    let cores: Vec<usize> = named.iter().map(|core| usize::from(*core)).collect();
    let usable = eal::usable_cores();
    match cores.iter().find(|core| !usable.contains(core)) {
        None => Ok(cores),
        Some(core) => Err(Refusal::Environment(format!(
            "lcores.cores: this process cannot have core {core}, only {usable:?}: it is not online, or \
             outside AllowedCPUs= of the unit or the cpuset of the container"
        ))),
    }
}
