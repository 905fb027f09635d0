//! Each configured port: is its device there, and is it in a state that a driver can take.

use super::device::Device;
use super::finding::Finding;
use super::machine::Machine;
use super::software::Library;
use super::wanted::{Wanted, WantedPort};
use super::{interface, pci};
use std::path::Path;

/// What there is to say of each port; without configuration, which NICs there are.
pub(super) fn devices(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    if !wanted.is_configured() {
        return vec![pci::candidates(machine)];
    }
    let of_port = |port: &WantedPort| match &port.device {
        None => vec![no_device(port)],
        Some(Device::Pci(address)) => pci::port(machine, port, address),
        Some(device) => virtual_device(machine, port, device),
    };
    let refused = wanted.refused.iter().map(refused);
    refused
        .chain(wanted.ports.iter().flat_map(of_port))
        .collect()
}

/// Devices that EAL would refuse, or accept and mix up.
fn refused(why: &String) -> Finding {
    Finding::fails("device", why)
        .read("configuration: ports")
        .why("run refuses it before EAL starts")
        .advise("ranshift check --reference # what a device may be")
}

fn no_device(port: &WantedPort) -> Finding {
    Finding::fails("port", format!("port {} names no device", port.name))
        .why("`replay` and `check` do without; `run` has to know what to receive from")
        .advise(
            "dpdk-devbind.py --status-dev net # pick one, write `device: \"ADDRESS\"` at the port",
        )
}

fn virtual_device(machine: &Machine, port: &WantedPort, device: &Device) -> Vec<Finding> {
    let driver = device.driver().unwrap_or_default();
    if let Some(finding) = missing_driver(machine, port, driver) {
        return vec![finding];
    }
    let mut findings = interface::port(machine, port, device);
    findings.extend(missing_file(machine, port, device));
    if findings.is_empty() {
        let found = format!("port {}: driver {driver} is installed", port.name);
        findings.push(Finding::ok("port", found));
    }
    findings
}

/// EAL says success when the driver of a virtual device is missing; the port then is missing too.
fn missing_driver(machine: &Machine, port: &WantedPort, driver: &str) -> Option<Finding> {
    let folder = Library::of(machine)?.drivers();
    let wanted = format!("librte_{}.so", library_of(driver));
    let names = machine.names(&folder);
    if names.iter().any(|name| name.starts_with(&wanted)) {
        return None;
    }
    let package = format!("librte-{}23", library_of(driver).replace('_', "-"));
    Some(
        Finding::fails(
            "port",
            format!("port {}: DPDK has no driver {driver} here", port.name),
        )
        .read(format!("{folder}: no {wanted}"))
        .why("EAL would log it and go on, and the port would be missing: run stops at start")
        .advise(format!(
            "apt-get install {package} # or correct the device's name"
        )),
    )
}

/// Drivers whose device names are not theirs.
fn library_of(driver: &str) -> &str {
    let alias = ALIASES.iter().find(|(device, _)| *device == driver);
    alias.map_or(driver, |(_, library)| library)
}

/// Files that a driver opens at start.
fn missing_file(machine: &Machine, port: &WantedPort, device: &Device) -> Option<Finding> {
    let captures = device
        .argument("rx_pcap")
        .filter(|path| !machine.exists(path));
    if let Some(path) = captures {
        return Some(
            Finding::fails("port", format!("port {}: no file {path}", port.name))
                .read(format!("{path}: not there"))
                .why("net_pcap refuses to make a port that has nothing to read")
                .advise(format!("ls -l {path} # and correct rx_pcap= of the port")),
        );
    }
    let socket = device.argument("socket")?;
    let folder = Path::new(socket).parent()?.to_str()?;
    if folder.is_empty() || machine.is_folder(folder) {
        return None;
    }
    Some(
        Finding::fails(
            "port",
            format!("port {}: no folder {folder} for its socket", port.name),
        )
        .read(format!("{folder}: not there"))
        .why("net_memif meets its peer at this socket and cannot make the folder")
        .advise(format!("mkdir -p {folder}")),
    )
}

const ALIASES: [(&str, &str); 6] = [
    ("eth_af_packet", "net_af_packet"),
    ("eth_af_xdp", "net_af_xdp"),
    ("eth_null", "net_null"),
    ("eth_pcap", "net_pcap"),
    ("eth_ring", "net_ring"),
    ("net_virtio_user", "net_virtio"),
];
