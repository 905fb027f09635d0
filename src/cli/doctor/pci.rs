//! NICs: is the device there, who has it, and can vfio hand it over.
//!
//! Not tried on a NIC: the rules are those of vfio and of DPDK's documentation.

use super::finding::Finding;
use super::machine::Machine;
use super::wanted::{Wanted, WantedPort};

/// What there is to say of a port that is a NIC.
pub(super) fn port(machine: &Machine, port: &WantedPort, address: &str) -> Vec<Finding> {
    let folder = folder(address);
    if !machine.is_folder(&folder) {
        return vec![absent(machine, port, address)];
    }
    let mut findings = vec![driver(machine, port, address)];
    findings.extend(class(machine, port, address));
    findings.extend(group(machine, port, address));
    findings
}

/// Network devices that an appliance could be given.
pub(super) fn candidates(machine: &Machine) -> Finding {
    let mut finding = Finding::note("nic", "");
    let mut count = 0;
    for address in machine.names(DEVICES) {
        if !is_network(machine, &address) {
            continue;
        }
        count += 1;
        let driver = machine.link(&format!("{}/driver", folder(&address)));
        let interfaces = machine
            .names(&format!("{}/net", folder(&address)))
            .join(" ");
        finding = finding.read(format!(
            "{address}: driver {}, {}",
            driver.as_deref().unwrap_or("none"),
            interface(&interfaces)
        ));
    }
    if count == 0 {
        finding.found = "no PCI network device: virtual ports only".to_owned();
        return finding
            .read(format!("{DEVICES}: no device of class 0x02"))
            .why("captures, veth, memif and the lab need none; a fronthaul link does");
    }
    finding.found = format!("{count} PCI network devices could be ports");
    finding.advise("ranshift doctor -c CONFIG # looks at those that a configuration names")
}

/// The node whose memory and cores are near a device; `None` if the machine does not say.
pub(super) fn node(machine: &Machine, address: &str) -> Option<i64> {
    let node = machine.number(&format!("{}/numa_node", folder(address)))?;
    (node >= 0).then_some(node)
}

/// The number of a device's IOMMU group.
pub(super) fn group_of(machine: &Machine, address: &str) -> Option<String> {
    machine.link(&format!("{}/iommu_group", folder(address)))
}

/// Whether a configured NIC goes through vfio, as opposed to a driver that shares it with the kernel.
pub(super) fn needs_vfio(machine: &Machine, wanted: &Wanted) -> bool {
    let shared = |address: &str| {
        let driver = machine.link(&format!("{}/driver", folder(address)));
        driver.is_some_and(|driver| SHARING.contains(&driver.as_str()))
    };
    wanted.nics().any(|(_, address)| !shared(address))
}

fn absent(machine: &Machine, port: &WantedPort, address: &str) -> Finding {
    let network = machine.names(DEVICES).into_iter();
    let network: Vec<_> = network
        .filter(|address| is_network(machine, address))
        .collect();
    Finding::fails(
        "nic",
        format!("port {}: no PCI device {address}", port.name),
    )
    .read(format!("{DEVICES}: network devices {}", listed(&network)))
    .why("EAL would start without it, and run stops because the port is missing")
    .advise("dpdk-devbind.py --status-dev net # the addresses there are; a VF has to be made first")
}

fn driver(machine: &Machine, port: &WantedPort, address: &str) -> Finding {
    let link = format!("{}/driver", folder(address));
    let driver = machine.link(&link);
    let read = format!("{link}: {}", driver.as_deref().unwrap_or("none"));
    let bind = format!("dpdk-devbind.py --bind=vfio-pci {address}");
    let Some(driver) = driver else {
        return Finding::fails(
            "nic",
            format!("port {}: {address} is bound to no driver", port.name),
        )
        .read(read)
        .why("DPDK takes a device through vfio-pci")
        .advise("modprobe vfio-pci")
        .advise(bind);
    };
    if driver == "vfio-pci" || SHARING.contains(&driver.as_str()) {
        let found = format!("port {}: {address} is bound to {driver}", port.name);
        return Finding::ok("nic", found).read(read);
    }
    if OLD.contains(&driver.as_str()) {
        let found = format!(
            "port {}: {address} is bound to {driver}, which has no IOMMU",
            port.name
        );
        return Finding::warning("nic", found)
            .read(read)
            .why("it needs root, and a wrong address would let the NIC write anywhere in memory")
            .advise("modprobe vfio-pci")
            .advise(bind);
    }
    let interfaces = machine.names(&format!("{}/net", folder(address))).join(" ");
    let found = format!(
        "port {}: the kernel has {address} (driver {driver}, {})",
        port.name,
        interface(&interfaces)
    );
    Finding::fails("nic", found)
        .read(read)
        .why("DPDK leaves a device of the kernel alone, and the port would be missing")
        .advise(format!(
            "ip link set dev {} down # whatever it carries stops",
            interfaces
        ))
        .advise("modprobe vfio-pci")
        .advise(bind)
}

fn class(machine: &Machine, port: &WantedPort, address: &str) -> Option<Finding> {
    if is_network(machine, address) {
        return None;
    }
    Some(
        Finding::fails(
            "nic",
            format!("port {}: {address} is not a network device", port.name),
        )
        .read(machine.quote(&format!("{}/class", folder(address))))
        .why("class 0x02 is a network device; nothing else receives frames")
        .advise("dpdk-devbind.py --status-dev net"),
    )
}

/// vfio hands over whole IOMMU groups only.
fn group(machine: &Machine, port: &WantedPort, address: &str) -> Option<Finding> {
    let driver = machine.link(&format!("{}/driver", folder(address)))?;
    if driver != "vfio-pci" {
        return None;
    }
    let Some(group) = group_of(machine, address) else {
        return Some(no_iommu(machine, port, address));
    };
    let members = machine.names(&format!("/sys/kernel/iommu_groups/{group}/devices"));
    let held: Vec<String> = members
        .into_iter()
        .filter(|member| member != address)
        .filter(|member| {
            let driver = machine.link(&format!("{}/driver", folder(member)));
            driver.is_some_and(|driver| !FREE.contains(&driver.as_str()))
        })
        .collect();
    if held.is_empty() {
        let found = format!("port {}: IOMMU group {group} is free for vfio", port.name);
        return Some(Finding::ok("iommu", found));
    }
    Some(
        Finding::fails(
            "iommu",
            format!(
                "port {}: IOMMU group {group} is shared with {}",
                port.name,
                listed(&held)
            ),
        )
        .read(format!(
            "/sys/kernel/iommu_groups/{group}/devices: {}",
            listed(&held)
        ))
        .why("vfio gives out a group only if no device of it is left to the kernel")
        .advise(format!(
            "dpdk-devbind.py --bind=vfio-pci {}",
            held.join(" ")
        ))
        .advise("# or move the NIC to a slot with a group of its own"),
    )
}

fn no_iommu(machine: &Machine, port: &WantedPort, address: &str) -> Finding {
    let path = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode";
    if machine.read(path).as_deref() == Some("Y") {
        let found = format!("port {}: vfio runs without IOMMU", port.name);
        return Finding::warning("iommu", found)
            .read(machine.quote(path))
            .why("it needs CAP_SYS_RAWIO, and a wrong address would let the NIC write anywhere in memory")
            .advise("# switch VT-d or AMD-Vi on in the BIOS, and boot with intel_iommu=on iommu=pt");
    }
    Finding::fails(
        "iommu",
        format!("port {}: {address} is in no IOMMU group", port.name),
    )
    .read(format!("{}/iommu_group: not there", folder(address)))
    .read(machine.quote(path))
    .why("without IOMMU vfio refuses the device")
    .advise("# switch VT-d or AMD-Vi on in the BIOS, and boot with intel_iommu=on iommu=pt")
}

fn is_network(machine: &Machine, address: &str) -> bool {
    let class = machine.read(&format!("{}/class", folder(address)));
    class.is_some_and(|class| class.starts_with("0x02"))
}

fn folder(address: &str) -> String {
    format!("{DEVICES}/{address}")
}

fn interface(names: &str) -> String {
    match names {
        "" => "no interface".to_owned(),
        names => format!("interface {names}"),
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

const DEVICES: &str = "/sys/bus/pci/devices";

/// Kernel drivers beside which DPDK works on the same device.
const SHARING: [&str; 3] = ["mlx5_core", "mlx4_core", "mana"];

/// Drivers that give a device away without an IOMMU.
const OLD: [&str; 2] = ["igb_uio", "uio_pci_generic"];

/// Drivers that do not keep vfio from a group.
const FREE: [&str; 3] = ["vfio-pci", "pcieport", "pci-stub"];
