//! Which DPDK this process is linked to, and where that looks for its drivers.

use super::finding::Finding;
use super::machine::Machine;
use super::wanted::Wanted;

/// The release found, and whether it is one we were built for.
pub(super) fn dpdk(machine: &Machine, _: &Wanted) -> Vec<Finding> {
    let Some(library) = Library::of(machine) else {
        return vec![
            Finding::fails("dpdk", "DPDK is not loaded into this process")
                .read("/proc/self/maps: no librte_eal")
                .why("every driver and every buffer comes from it")
                .advise("apt-get install librte-eal23 libdpdk-dev dpdk"),
        ];
    };
    let folder = library.drivers();
    let drivers = machine.names(&folder).into_iter();
    let count = drivers
        .filter(|name| name.starts_with("librte_net_"))
        .count();
    let read = format!("/proc/self/maps: {}", library.path);
    if count == 0 {
        return vec![
            Finding::fails(
                "dpdk",
                format!("DPDK {} has no network driver", library.release()),
            )
            .read(read)
            .read(format!("{folder}: no librte_net_*"))
            .why("EAL loads its drivers from this folder and finds no port without them")
            .advise("apt-get install libdpdk-dev # brings every driver package"),
        ];
    }
    let found = format!("DPDK {}, network drivers in {folder}", library.release());
    vec![Finding::ok("dpdk", found).read(read)]
}

/// The EAL library that is mapped into this process.
pub(super) struct Library {
    path: String,
    folder: String,
    abi: String,
}

impl Library {
    pub(super) fn of(machine: &Machine) -> Option<Self> {
        let maps = machine.read("/proc/self/maps")?;
        let path = maps
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .find(|path| path.contains("/librte_eal.so."))?;
        let (folder, name) = path.rsplit_once('/')?;
        Some(Self {
            path: path.to_owned(),
            folder: folder.to_owned(),
            abi: name.strip_prefix("librte_eal.so.")?.to_owned(),
        })
    }

    /// The folder from which EAL loads drivers.
    pub(super) fn drivers(&self) -> String {
        format!("{}/dpdk/pmds-{}", self.folder, self.abi)
    }

    /// The release that has this binary interface.
    fn release(&self) -> &str {
        let major = self.abi.split('.').next().unwrap_or_default();
        let known = RELEASES.iter().find(|(abi, _)| *abi == major);
        known.map_or("of another release", |(_, release)| release)
    }
}

/// Binary interfaces of DPDK and their long-term releases.
const RELEASES: [(&str, &str); 2] = [("23", "22.11"), ("24", "23.11")];
