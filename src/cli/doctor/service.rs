//! What the running appliance needs beside ports and cores: its address, its folders, and to be alone.

use super::finding::Finding;
use super::machine::Machine;
use super::wanted::Wanted;
use std::net::{IpAddr, SocketAddr};

/// API address, EAL's runtime folder, live state.
pub(super) fn service(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let mut findings = Vec::from_iter(wanted.api.map(|address| api(machine, address)));
    findings.push(runtime_folder(machine));
    findings.extend(state(machine, wanted));
    findings
}

fn api(machine: &Machine, address: SocketAddr) -> Finding {
    let taken = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .find(|table| {
            machine
                .read(table)
                .is_some_and(|text| listens(&text, address))
        });
    let Some(table) = taken else {
        return Finding::ok("api", format!("{address} is free"));
    };
    let read = format!("{table}: a listener on port {}", address.port());
    if machine.appliance_runs() {
        let found = format!("{address} is taken: an appliance runs already");
        return Finding::note("api", found)
            .read(read)
            .why("it runs; a second one beside it could not open its API")
            .advise("ranshift ctl status");
    }
    Finding::fails("api", format!("{address} is taken by another program"))
        .read(read)
        .why("run could not open its API")
        .advise(format!("ss -ltnp sport = :{}", address.port()))
}

/// Whether a table of /proc/net has a listener that would keep others from `address`.
fn listens(table: &str, address: SocketAddr) -> bool {
    table.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (Some(local), Some(_), Some(state)) = (words.next(), words.next(), words.next()) else {
            return false;
        };
        let Some((host, port)) = local.split_once(':') else {
            return false;
        };
        let same_port = u16::from_str_radix(port, 16) == Ok(address.port());
        let any = host.bytes().all(|digit| digit == b'0') || address.ip().is_unspecified();
        state == LISTENS && same_port && (any || host == as_kernel(address.ip()))
    })
}

/// An address as /proc/net writes it: 32-bit words in the machine's byte order.
fn as_kernel(address: IpAddr) -> String {
    let word = |bytes: &[u8]| {
        let bytes = <[u8; 4]>::try_from(bytes).unwrap_or_default();
        format!("{:08X}", u32::from_ne_bytes(bytes))
    };
    match address {
        IpAddr::V4(address) => word(&address.octets()),
        IpAddr::V6(address) => address.octets().chunks(4).map(word).collect(),
    }
}

fn runtime_folder(machine: &Machine) -> Finding {
    let folder = match machine.is_root() {
        true => Some("/var/run".to_owned()),
        false => machine
            .variable("RUNTIME_DIRECTORY")
            .or_else(|| machine.variable("XDG_RUNTIME_DIR")),
    };
    let usable = folder
        .as_deref()
        .is_some_and(|folder| machine.is_folder(folder) && machine.may_use(folder));
    if let (true, Some(folder)) = (usable, &folder) {
        return Finding::ok(
            "runtime-folder",
            format!("EAL puts its sockets below {folder}"),
        );
    }
    let read = match &folder {
        Some(folder) => format!("{folder}: no folder that this user may write"),
        None => "XDG_RUNTIME_DIR: not set".to_owned(),
    };
    Finding::note("runtime-folder", "EAL has no folder for its sockets")
        .read(read)
        .why("the appliance runs; dpdk-telemetry.py and dpdk-dumpcap cannot reach it")
        .advise("export XDG_RUNTIME_DIR=$(mktemp -d) # the unit has RuntimeDirectory=")
}

/// The file that a killed process leaves to its successor.
fn state(machine: &Machine, wanted: &Wanted) -> Option<Finding> {
    let Some(file) = &wanted.state else {
        return wanted.is_configured().then(forgetful);
    };
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let Some((kind, _)) = machine.mount_of(file) else {
        let found = format!("where {file} is mounted is not known");
        return Some(Finding::note("state", found).read("/proc/self/mounts: not there"));
    };
    if kind != "tmpfs" {
        return Some(
            Finding::warning("state", format!("{file} is on {kind}, not on tmpfs"))
                .read(format!("/proc/self/mounts: {kind}"))
                .why("live state is written by plain stores between frames; a disk behind it can stop the lcore")
                .advise("# write `state: {file: /run/ranshift/live}`: the unit makes and keeps that folder"),
        );
    }
    if !machine.is_folder(folder) || !machine.may_use(folder) {
        return Some(
            Finding::warning("state", format!("this user cannot make files in {folder}"))
                .read(format!(
                    "{folder}: not there, or no right to read and write"
                ))
                .why("run starts without its live state: after a crash the RU sees a jump in sequence numbers")
                .advise(format!(
                    "install -d -o ranshift -m 0750 {folder} # the unit has RuntimeDirectory="
                )),
        );
    }
    if machine.exists(file) && !machine.may_use(file) {
        return Some(
            Finding::warning("state", format!("{file} is another user's"))
                .read(format!("{file}: no right to read and write"))
                .why("run replaces it where it may and begins as configured, or goes without live state")
                .advise(format!("rm {file} # most often left by a run by hand as root")),
        );
    }
    if let Some(size) = machine.size(file) {
        let found = format!("{file} is on tmpfs; run goes on from its {size} bytes");
        return Some(Finding::ok("state", found));
    }
    let found = format!("{file} is on tmpfs and not written yet: a first start");
    Some(Finding::ok("state", found))
}

fn forgetful() -> Finding {
    Finding::note("state", "nothing survives the process")
        .read("configuration: no `state`")
        .why("after a crash sequence numbers and roles begin anew, and the RU sees a jump")
        .advise("# write `state: {file: /run/ranshift/live}`")
}

/// TCP_LISTEN.
const LISTENS: &str = "0A";
