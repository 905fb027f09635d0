//! Ports over an interface of the kernel: af_packet, af_xdp, tap, pcap.

use super::device::Device;
use super::finding::{Finding, Level};
use super::machine::Machine;
use super::wanted::WantedPort;

/// What there is to say of a port over an interface; nothing for other ports.
pub(super) fn port(machine: &Machine, port: &WantedPort, device: &Device) -> Vec<Finding> {
    let Some(name) = device.argument("iface") else {
        return Vec::new();
    };
    if device.driver().is_some_and(|driver| driver == "net_tap") {
        return Vec::from_iter(tap(machine, port));
    }
    let folder = format!("/sys/class/net/{name}");
    if !machine.exists(&folder) {
        return vec![absent(machine, port, name)];
    }
    let mut findings = Vec::new();
    findings.push(up(machine, port, name));
    findings.push(mtu(machine, port, name));
    findings.extend(ring(port, device));
    findings.extend(zero_copy_size(port, device));
    findings.extend(offloads(machine, port, device, name));
    findings.extend(neighbours(machine, port, name));
    findings
}

fn absent(machine: &Machine, port: &WantedPort, name: &str) -> Finding {
    let here = machine.names("/sys/class/net").join(" ");
    Finding::fails(
        "interface",
        format!("port {}: no interface {name}", port.name),
    )
    .read(format!("/sys/class/net: {here}"))
    .why("EAL would log it and go on, and the port would be missing: run stops at start")
    .advise("ip -brief link # pick one, and correct iface= of the port")
}

fn up(machine: &Machine, port: &WantedPort, name: &str) -> Finding {
    let path = format!("/sys/class/net/{name}/flags");
    let text = machine.read(&path).unwrap_or_default();
    let flags = u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap_or_default();
    if flags & IFF_UP != 0 {
        return Finding::ok("interface", format!("port {}: {name} is up", port.name));
    }
    Finding::warning("interface", format!("port {}: {name} is down", port.name))
        .read(machine.quote(&path))
        .why("the driver calls it up all the same; nothing is received, and what is sent is lost")
        .advise(format!("ip link set dev {name} up"))
}

fn mtu(machine: &Machine, port: &WantedPort, name: &str) -> Finding {
    let path = format!("/sys/class/net/{name}/mtu");
    let mtu = machine.number(&path).unwrap_or_default();
    if mtu >= i64::from(port.mtu) {
        return Finding::ok(
            "mtu",
            format!("port {}: {name} carries {mtu} bytes", port.name),
        );
    }
    let found = format!(
        "port {}: {name} carries {mtu} bytes, the port's mtu is {}",
        port.name, port.mtu
    );
    // Whoever may change interfaces raises it at start.
    let level = match machine.holds(NET_ADMIN) {
        true => Level::Warning,
        false => Level::Fails,
    };
    Finding::new("mtu", level, found)
        .read(machine.quote(&path))
        .why("run raises it if it may, and stops if it may not; the far end has to carry as much")
        .advise(format!(
            "ip link set dev {name} mtu {} # the far end of the cable or veth as well",
            port.mtu
        ))
}

/// af_packet: a frame of the ring has to hold the largest frame, and a block whole ones.
fn ring(port: &WantedPort, device: &Device) -> Option<Finding> {
    if !device.driver()?.ends_with("af_packet") {
        return None;
    }
    let number = |name: &str, otherwise: u32| {
        let written = device.argument(name).and_then(|value| value.parse().ok());
        written.unwrap_or(otherwise)
    };
    let frame = number("framesz", DEFAULT_FRAME);
    let (block, count) = (
        number("blocksz", DEFAULT_BLOCK),
        number("framecnt", DEFAULT_COUNT),
    );
    let least = (u32::from(port.mtu) + ETHERNET + RING_HEADER).next_multiple_of(16);
    let sizes = format!("framesz={frame},blocksz={block},framecnt={count}");
    let read = format!(
        "device of port {}: {sizes}, the driver's own included",
        port.name
    );
    let good = least.next_power_of_two();
    let advice = format!(
        "# write blocksz={BLOCK},framesz={good},framecnt={} at the port",
        BLOCK / good * BLOCKS
    );
    let in_block = block.checked_div(frame).unwrap_or_default();
    if in_block == 0 || count == 0 || count % in_block != 0 {
        let found = format!("port {}: the kernel refuses a ring with {sizes}", port.name);
        return Some(
            Finding::fails("framesz", found)
                .read(read)
                .why("a block holds whole frames, and framecnt is a multiple of the frames in a block")
                .advise(advice),
        );
    }
    if frame < least {
        let found = format!(
            "port {}: framesz={frame} cuts frames of {} bytes",
            port.name, port.mtu
        );
        return Some(
            Finding::warning("framesz", found)
                .read(read)
                .why("larger frames are freed by the driver and counted nowhere")
                .advise(advice),
        );
    }
    let found = format!("port {}: framesz={frame} holds its frames", port.name);
    Some(Finding::ok("framesz", found))
}

/// af_xdp: one buffer, one page.
fn zero_copy_size(port: &WantedPort, device: &Device) -> Option<Finding> {
    let is_xdp = device
        .driver()
        .is_some_and(|driver| driver.ends_with("af_xdp"));
    if !is_xdp || port.mtu <= LARGEST_XDP {
        return None;
    }
    Some(
        Finding::fails(
            "mtu",
            format!(
                "port {}: af_xdp carries at most {LARGEST_XDP} bytes",
                port.name
            ),
        )
        .read(format!("configuration: mtu {}", port.mtu))
        .why("a frame has to fit one page; the driver refuses the mtu")
        .advise("# use net_af_packet for jumbo frames, or a smaller mtu at the port"),
    )
}

/// Offloads change what a raw socket sees.
fn offloads(machine: &Machine, port: &WantedPort, device: &Device, name: &str) -> Vec<Finding> {
    let Some(text) = machine.output("ethtool", &["-k", name]) else {
        return vec![
            Finding::note(
                "offload",
                format!("port {}: offloads of {name} are not known", port.name),
            )
            .read("ethtool: not there, or refused")
            .advise(format!("apt-get install ethtool && ethtool -k {name}")),
        ];
    };
    let is_on = |feature: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(feature));
        line.is_some_and(|value| value.trim_start_matches(':').trim_start().starts_with("on"))
    };
    let strips = device
        .driver()
        .is_some_and(|driver| driver.ends_with("af_xdp"));
    let matters = |feature: &str| feature != TAGS || strips;
    let on: Vec<_> = OFFLOADS
        .iter()
        .filter(|(feature, _)| matters(feature) && is_on(feature))
        .collect();
    if on.is_empty() {
        return vec![Finding::ok(
            "offload",
            format!("port {}: {name} merges no frames", port.name),
        )];
    }
    let names: Vec<_> = on.iter().map(|(feature, _)| *feature).collect();
    let short: Vec<_> = on.iter().map(|(_, short)| format!("{short} off")).collect();
    let found = format!(
        "port {}: {name} may merge or change what it receives",
        port.name
    );
    vec![
        Finding::warning("offload", found)
            .read(format!("ethtool -k {name}: {} on", names.join(", ")))
            .why("merged frames outgrow buffers and lose their times; af_xdp loses tags that the NIC took off")
            .advise(format!("ethtool -K {name} {}", short.join(" "))),
    ]
}

/// The kernel's own voice on the link.
fn neighbours(machine: &Machine, port: &WantedPort, name: &str) -> Option<Finding> {
    let path = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
    if machine.number(&path) != Some(0) {
        return None;
    }
    Some(
        Finding::note(
            "ipv6",
            format!("port {}: the kernel speaks IPv6 on {name}", port.name),
        )
        .read(machine.quote(&path))
        .why("its multicast is counted as received and passes through the bridge")
        .advise(format!("sysctl -w net.ipv6.conf.{name}.disable_ipv6=1")),
    )
}

fn tap(machine: &Machine, port: &WantedPort) -> Option<Finding> {
    if machine.exists("/dev/net/tun") {
        return None;
    }
    Some(
        Finding::fails(
            "interface",
            format!("port {}: no /dev/net/tun for net_tap", port.name),
        )
        .read("/dev/net/tun: not there")
        .why("the driver makes its interface through it")
        .advise("modprobe tun"),
    )
}

/// Capability bit.
const NET_ADMIN: u32 = 12;

/// Flag of an interface that was set up.
const IFF_UP: u32 = 1;

/// Ethernet header and the inner of two tags; the kernel takes the outer one off.
const ETHERNET: u32 = 14 + 4;

/// What the kernel puts before a received frame in the ring (TPACKET_V2).
const RING_HEADER: u32 = 66;

/// The driver's own choice of `framesz`.
const DEFAULT_FRAME: u32 = 2048;

/// The driver's own choice of `blocksz`: a page.
const DEFAULT_BLOCK: u32 = 4096;

/// The driver's own choice of `framecnt`.
const DEFAULT_COUNT: u32 = 512;

/// A block size that any sensible `framesz` fits often.
const BLOCK: u32 = 1 << 20;

/// So many of them hold a burst of every peer.
const BLOCKS: u32 = 8;

/// Largest mtu of net_af_xdp with pages of 4096 bytes.
const LARGEST_XDP: u16 = 3542;

/// The feature that takes tags off; af_packet puts them back.
const TAGS: &str = "rx-vlan-offload";

/// Features that change what is received, and their names on the command line of ethtool.
const OFFLOADS: [(&str, &str); 4] = [
    ("generic-receive-offload", "gro"),
    ("large-receive-offload", "lro"),
    ("rx-gro-hw", "rx-gro-hw"),
    (TAGS, "rxvlan"),
];
