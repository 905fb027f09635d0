//! Huge pages, where they are mounted, and how much memory may be locked.

use super::finding::{Finding, Level};
use super::machine::Machine;
use super::wanted::Wanted;

/// Huge pages, their mount, the lock limit.
pub(super) fn memory(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let pages = pages(machine);
    let mut findings = vec![huge_pages(machine, wanted, &pages)];
    findings.extend(mount(machine, &pages));
    findings.extend(near_nics(machine, wanted, &pages));
    findings.extend(lock_limit(machine, wanted));
    findings
}

/// Huge pages of one size on one node.
struct Pages {
    node: String,
    kibibytes: u64,
    total: u64,
    free: u64,
}

impl Pages {
    fn told(&self) -> String {
        let size = match self.kibibytes {
            size if size >= 1 << 20 => format!("{} GiB", size >> 20),
            size => format!("{} MiB", size >> 10),
        };
        format!(
            "{}: {} of {} pages of {size} free",
            self.node, self.free, self.total
        )
    }

    fn free_mebibytes(&self) -> u64 {
        (self.free * self.kibibytes) >> 10
    }
}

/// By node and size; nodes without any are left out.
fn pages(machine: &Machine) -> Vec<Pages> {
    let nodes = machine.names(NODES).into_iter();
    let nodes = nodes.filter(|name| name.starts_with("node"));
    let of_node = |node: String| {
        let folder = format!("{NODES}/{node}/hugepages");
        let sizes = machine.names(&folder).into_iter();
        let of_size = sizes.filter_map(|size| {
            let number = |file: &str| machine.number(&format!("{folder}/{size}/{file}"));
            let kibibytes = size.strip_prefix("hugepages-")?.strip_suffix("kB")?;
            Some(Pages {
                node: node.clone(),
                kibibytes: kibibytes.parse().ok()?,
                total: u64::try_from(number("nr_hugepages")?).ok()?,
                free: u64::try_from(number("free_hugepages")?).ok()?,
            })
        });
        of_size.collect::<Vec<_>>()
    };
    nodes
        .flat_map(of_node)
        .filter(|pages| pages.total > 0)
        .collect()
}

fn huge_pages(machine: &Machine, wanted: &Wanted, pages: &[Pages]) -> Finding {
    let free: u64 = pages.iter().map(Pages::free_mebibytes).sum();
    let needed = u64::from(wanted.mebibytes);
    let told: Vec<_> = pages.iter().map(Pages::told).collect();
    let has_nic = wanted.nics().next().is_some();
    if free >= needed {
        return reserved(&told.join("; "), needed, has_nic && !wanted.huge_pages);
    }
    let found = match pages {
        [] => "no huge pages are reserved".to_owned(),
        _ => format!("{free} MiB of huge pages are free, {needed} MiB are needed"),
    };
    let (level, why) = match (wanted.huge_pages, has_nic) {
        (true, _) => (
            Level::Fails,
            "`lcores` asks for huge pages, and EAL gives up when there are too few",
        ),
        (false, true) => (Level::Warning, NIC_WITHOUT),
        (false, false) => (
            Level::Note,
            "captures, veth and memif work without; a NIC does not",
        ),
    };
    let finding = Finding::new("huge-pages", level, found);
    let finding = match told.as_slice() {
        [] => finding.read(machine.quote("/proc/sys/vm/nr_hugepages")),
        _ => told.into_iter().fold(finding, |finding, line| {
            finding.read(format!("{NODES}/{line}"))
        }),
    };
    let count = needed.div_ceil(2);
    finding
        .why(why)
        .advise(format!("sysctl -w vm.nr_hugepages={count} # 2 MiB each, until the next boot"))
        .advise("# at every boot: default_hugepagesz=1G hugepagesz=1G hugepages=4 on the kernel's command line")
}

/// There are enough; whether they are used is a matter of configuration.
fn reserved(told: &str, needed: u64, unused: bool) -> Finding {
    if !unused {
        return Finding::ok("huge-pages", format!("{told}; {needed} MiB are needed"));
    }
    Finding::warning(
        "huge-pages",
        "huge pages are reserved, and the configuration does not use them",
    )
    .read("configuration: lcores.hugepages: false")
    .read(format!("{NODES}/{told}"))
    .why(NIC_WITHOUT)
    .advise("# write `lcores: {hugepages: true}`")
}

/// EAL keeps huge pages in files, unless told `--in-memory`.
fn mount(machine: &Machine, pages: &[Pages]) -> Option<Finding> {
    if pages.is_empty() {
        return None;
    }
    let mounts = machine.mounts("hugetlbfs");
    let Some(first) = mounts.first() else {
        return Some(
            Finding::warning("huge-pages", "huge pages are reserved and mounted nowhere")
                .read("/proc/self/mounts: no hugetlbfs")
                .why("EAL then finds none of them, unless it is started with --in-memory")
                .advise("mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages"),
        );
    };
    let left = mounts.iter().flat_map(|folder| machine.names(folder));
    let left = left.filter(|name| name.contains("map_")).count();
    if left > 0 && !machine.appliance_runs() {
        return Some(
            Finding::note(
                "huge-pages",
                format!("{left} map files of earlier DPDK processes hold huge pages"),
            )
            .read(format!("{first}: {left} files *map_*"))
            .why("EAL leaves them behind when it is not started with --in-memory")
            .advise(format!("rm {first}/*map_* # only if no DPDK program runs")),
        );
    }
    Some(Finding::ok(
        "huge-pages",
        format!("mounted at {}", mounts.join(", ")),
    ))
}

/// Buffers should be on the node of the NIC.
fn near_nics(machine: &Machine, wanted: &Wanted, pages: &[Pages]) -> Vec<Finding> {
    let far = |(port, address): (&super::wanted::WantedPort, &str)| {
        let node = super::pci::node(machine, address)?;
        let near = pages
            .iter()
            .any(|pages| pages.node == format!("node{node}"));
        if near || pages.is_empty() {
            return None;
        }
        let found = format!(
            "port {}: its NIC is on node {node}, which has no huge pages",
            port.name
        );
        Some(
            Finding::warning("huge-pages", found)
                .read(format!("{NODES}/node{node}/hugepages: none reserved"))
                .why("every frame would cross the link between processors")
                .advise(format!(
                    "echo {} > {NODES}/node{node}/hugepages/hugepages-2048kB/nr_hugepages",
                    wanted.mebibytes.div_ceil(2)
                )),
        )
    };
    wanted.nics().filter_map(far).collect()
}

fn lock_limit(machine: &Machine, wanted: &Wanted) -> Option<Finding> {
    let text = machine.read("/proc/self/limits")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" || machine.holds(IPC_LOCK) {
        return Some(Finding::ok(
            "locked-memory",
            "as much memory as needed may be locked",
        ));
    }
    let mebibytes = soft.parse::<u64>().ok()? >> 20;
    let needed = u64::from(wanted.mebibytes) + PROGRAM;
    if mebibytes >= needed {
        return Some(Finding::ok(
            "locked-memory",
            format!("{mebibytes} MiB may be locked, {needed} MiB are needed"),
        ));
    }
    let level = match wanted.lock_memory {
        true => Level::Warning,
        false => Level::Note,
    };
    let found = format!("{mebibytes} MiB may be locked, {needed} MiB are needed");
    Some(
        Finding::new("locked-memory", level, found)
            .read(format!("/proc/self/limits: Max locked memory {soft} bytes; CAP_IPC_LOCK not held"))
            .why("a page that the kernel moves or writes out stops the lcore for milliseconds; af_xdp and vfio refuse")
            .advise("ulimit -l unlimited # by hand; the unit has LimitMEMLOCK=infinity"),
    )
}

const NODES: &str = "/sys/devices/system/node";

const NIC_WITHOUT: &str =
    "without them a NIC's addresses cost a lookup for every frame, and many drivers refuse";

/// Capability bit.
const IPC_LOCK: u32 = 14;

/// MiB of the program beside its pools: code, tables, stacks.
const PROGRAM: u64 = 64;
