//! What this process may do: capabilities that the ports need, and vfio's files.

use super::device::Device;
use super::finding::Finding;
use super::machine::Machine;
use super::pci;
use super::wanted::Wanted;
use std::collections::BTreeMap;

/// Capabilities, then access to vfio.
pub(super) fn rights(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let held = machine.status("CapEff");
    let held = held
        .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
        .unwrap_or_default();
    let mut findings = vec![match wanted.is_configured() {
        true => needed(machine, wanted, held),
        false => listed(held),
    }];
    findings.extend(vfio(machine, wanted));
    findings
}

fn listed(held: u64) -> Finding {
    let of = |wanted: bool| {
        let with = CAPABILITIES
            .iter()
            .filter(|(bit, _)| (held >> bit & 1 == 1) == wanted);
        with.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    };
    if of(false).is_empty() {
        return Finding::ok("capabilities", format!("{} are held", of(true)));
    }
    Finding::note(
        "capabilities",
        format!("{} not held by this user", of(false)),
    )
    .read(format!("/proc/self/status: CapEff {held:016x}"))
    .why("captures, rings and memif need none; raw sockets, taps and NICs do")
    .advise("systemctl cat ranshift # the unit gives the service what it needs, without root")
}

/// What the configured ports need, with the reason of each.
fn needed(machine: &Machine, wanted: &Wanted, held: u64) -> Finding {
    let mut lacking: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for port in &wanted.ports {
        let device = port.device.as_ref();
        for (bit, name) in capabilities_of(machine, device) {
            if !machine.holds(bit) {
                lacking.entry(name).or_default().push(port.name.clone());
            }
        }
    }
    if lacking.is_empty() {
        return Finding::ok(
            "capabilities",
            "this user holds what the configured ports need",
        );
    }
    let names: Vec<_> = lacking.keys().copied().collect();
    let found = format!("{} not held by this user", names.join(", "));
    let because = lacking
        .iter()
        .map(|(name, ports)| format!("{name} for {}", ports.join(", ")));
    Finding::fails("capabilities", found)
        .read(format!("/proc/self/status: CapEff {held:016x}"))
        .why(format!("{}; the port would not open", because.collect::<Vec<_>>().join("; ")))
        .advise("systemctl start ranshift # the unit gives the service what it needs, without root")
        .advise(format!(
            "setpriv --reuid ranshift --regid ranshift --clear-groups --inh-caps {0} --ambient-caps {0} -- ranshift run -c CONFIG # by hand",
            names.iter().map(|name| word(name)).collect::<Vec<_>>().join(",")
        ))
}

/// As setpriv writes it: `+net_raw`.
fn word(capability: &str) -> String {
    format!("+{}", capability.trim_start_matches("CAP_").to_lowercase())
}

fn capabilities_of(machine: &Machine, device: Option<&Device>) -> Vec<(u32, &'static str)> {
    let names: &[&str] = match device.and_then(Device::driver) {
        Some("net_af_packet" | "eth_af_packet") => &["CAP_NET_RAW", "CAP_NET_ADMIN"],
        Some("net_af_xdp" | "eth_af_xdp") => &["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"],
        Some("net_tap") => &["CAP_NET_ADMIN"],
        Some("net_pcap" | "eth_pcap") if device.is_some_and(reads_interface) => &["CAP_NET_RAW"],
        _ => &[],
    };
    // An interface that is missing is told elsewhere; its rights would only hide that.
    let interface = device.and_then(|device| device.argument("iface"));
    let is_tap = device.and_then(Device::driver) == Some("net_tap");
    let here = interface.is_none_or(|name| machine.exists(&format!("/sys/class/net/{name}")));
    let known = CAPABILITIES.iter().filter(|(_, name)| names.contains(name));
    known.filter(|_| here || is_tap).copied().collect()
}

fn reads_interface(device: &Device) -> bool {
    device.argument("iface").is_some() || device.argument("rx_iface").is_some()
}

/// The files through which a process drives a NIC.
fn vfio(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    if !pci::needs_vfio(machine, wanted) {
        return Vec::new();
    }
    if !machine.exists(CONTROL) {
        return vec![
            Finding::fails("vfio", "the kernel has no vfio")
                .read(format!("{CONTROL}: not there"))
                .why("a NIC is driven through it")
                .advise("modprobe vfio-pci")
                .advise("echo vfio-pci > /etc/modules-load.d/vfio-pci.conf # at every boot"),
        ];
    }
    let groups = wanted
        .nics()
        .filter_map(|(_, address)| pci::group_of(machine, address));
    let mut files: Vec<_> = groups.map(|group| format!("/dev/vfio/{group}")).collect();
    files.push(CONTROL.to_owned());
    let closed: Vec<_> = files
        .into_iter()
        .filter(|file| machine.exists(file) && !machine.may_use(file))
        .collect();
    if closed.is_empty() {
        return vec![Finding::ok("vfio", "this user may open vfio's files")];
    }
    vec![
        Finding::fails("vfio", format!("this user may not open {}", closed.join(", ")))
            .read(format!("{}: no right to read and write", closed.join(", ")))
            .why("the NIC is driven through these files; the unit's user needs them too")
            .advise(r#"echo 'SUBSYSTEM=="vfio", GROUP="ranshift", MODE="0660"' > /etc/udev/rules.d/60-ranshift.rules"#)
            .advise("udevadm control --reload && udevadm trigger --subsystem-match=vfio"),
    ]
}

const CONTROL: &str = "/dev/vfio/vfio";

/// Capabilities that some port needs, by bit.
const CAPABILITIES: [(u32, &str); 4] = [
    (12, "CAP_NET_ADMIN"),
    (13, "CAP_NET_RAW"),
    (14, "CAP_IPC_LOCK"),
    (21, "CAP_SYS_ADMIN"),
];
