//! Devices as the configuration names them: PCI addresses and virtual devices with their arguments.
//!
//! What a driver would refuse without saying why, or accept and mix up, is refused here with the reason.

use super::port::DESCRIPTORS;
use crate::ran::MacAddr;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A port as configured.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PortPlan {
    /// Its name in the configuration.
    pub name: String,
    /// Device string: a PCI address (`0000:01:00.0`) or a virtual device (`net_pcap0`), then its
    /// arguments (`,rx_pcap=in.pcap`).
    pub device: String,
    /// Largest payload of a frame in bytes.
    pub mtu: u16,
    /// Addresses that are sent to through it, for ports that cannot receive everything.
    pub addresses: Vec<MacAddr>,
}

impl PortPlan {
    /// The device's name: what stands before its arguments.
    pub fn device_name(&self) -> &str {
        self.device.split(',').next().unwrap_or_default()
    }

    /// The argument that makes EAL take or create the device.
    pub fn eal_argument(&self) -> String {
        match self.is_pci() {
            true => format!("--allow={}", self.device),
            false => format!("--vdev={}", self.device),
        }
    }

    /// Whether the device is named by a PCI address: domain, bus, device and function.
    pub fn is_pci(&self) -> bool {
        let pattern = "hhhh:hh:hh.d";
        let name = self.device_name();
        let fits = |(expected, found): (char, char)| match expected {
            'h' => found.is_ascii_hexdigit(),
            'd' => ('0'..='7').contains(&found),
            mark => mark == found,
        };
        name.len() == pattern.len() && pattern.chars().zip(name.chars()).all(fits)
    }

    /// Largest frame that a buffer must hold in one piece: header, two tags, FCS, or what the driver
    /// insists on.
    pub(super) fn largest_frame(&self) -> u16 {
        let told = match (self.is("net_af_packet"), self.is("net_memif")) {
            (true, _) => self.ring_frame().saturating_sub(RING_HEADER),
            (_, true) => self.shared_buffer(),
            _ => 0,
        };
        let told = u16::try_from(told).unwrap_or(u16::MAX - 1024);
        self.mtu.saturating_add(ETHERNET).max(told)
    }

    /// Buffers that the device may hold: one for each descriptor, and the driver's own.
    pub(super) fn buffers_held(&self) -> u32 {
        let own = if self.is("net_af_xdp") { 4096 } else { 0 };
        2 * u32::from(DESCRIPTORS) + own
    }

    /// Whether it connects to another process, which may not be there: net_memif, whose role is the client's
    /// unless it says otherwise.
    pub fn connects(&self) -> bool {
        self.is("net_memif")
            && self
                .argument("role")
                .is_none_or(|role| CLIENT.contains(&role))
    }

    /// Removes the socket of a net_memif server that was killed, or its successor could not take its place.
    /// One that somebody listens on is left to them.
    pub fn sweep(&self) {
        let is_path = self.argument("socket-abstract") == Some("no");
        let path = self.argument("socket").filter(|_| is_path);
        let Some(path) = path.filter(|_| self.is("net_memif") && !self.connects()) else {
            return;
        };
        // A stream is refused where nobody is, and is the wrong kind where a server is.
        let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
        let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if is_socket && UnixStream::connect(path).is_err_and(refused) {
            let _ = fs::remove_file(path);
        }
    }

    /// The kernel's interface behind the device.
    pub(super) fn interface(&self) -> Option<&str> {
        match self.is("net_tap") {
            true => None,
            false => self.argument("iface"),
        }
    }

    /// What to do about a device that EAL did not find or make.
    pub(super) fn absence(&self) -> String {
        if !self.is_pci() {
            return "see DPDK's messages above; a file or interface that does not exist, an argument \
                    that the driver does not know, a missing capability (CAP_NET_RAW), or a driver that \
                    is not installed are the usual causes"
                .to_owned();
        }
        let name = self.device_name();
        let entry = Path::new("/sys/bus/pci/devices").join(name.to_ascii_lowercase());
        if !entry.exists() {
            return "this machine has no such PCI device: see `dpdk-devbind.py --status-dev net`"
                .into();
        }
        let driver = fs::read_link(entry.join("driver"));
        let driver = driver.ok().and_then(|path| {
            let name = path.file_name()?;
            Some(name.to_string_lossy().into_owned())
        });
        match driver.as_deref() {
            None => format!("it has no driver: `dpdk-devbind.py --bind=vfio-pci {name}`"),
            Some("vfio-pci" | "igb_uio" | "uio_pci_generic") => {
                "no DPDK driver took it: see its messages above; access to /dev/vfio, the memory lock \
                 limit, or a driver package that is not installed"
                    .to_owned()
            }
            Some(driver) => format!(
                "the kernel's driver {driver} has it: `dpdk-devbind.py --bind=vfio-pci {name}`, unless \
                 DPDK shares it with that driver (mlx5)"
            ),
        }
    }

    pub(super) fn is(&self, driver: &str) -> bool {
        self.device_name().starts_with(driver)
    }

    fn argument(&self, key: &str) -> Option<&str> {
        let arguments = self.device.split(',').skip(1);
        let mut values = arguments.filter_map(|argument| argument.split_once('='));
        values
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }

    /// Bytes of one frame of net_af_packet's ring.
    fn ring_frame(&self) -> u32 {
        let written = self.argument("framesz").and_then(|size| size.parse().ok());
        written.unwrap_or(DEFAULT_RING_FRAME)
    }

    /// Bytes of one buffer of net_memif's shared memory.
    fn shared_buffer(&self) -> u32 {
        let written = self.argument("bsize").and_then(|size| size.parse().ok());
        written.unwrap_or(DEFAULT_SHARED_BUFFER)
    }
}

/// Refuses plans that EAL would refuse, or accept and mix up.
pub fn check_plans(plans: &[PortPlan]) -> Result<(), String> {
    for (position, plan) in plans.iter().enumerate() {
        let device = plan.device_name();
        let known = plan.is_pci() || device.starts_with("net_") || device.starts_with("eth_");
        if !known || plan.device.contains(char::is_whitespace) || plan.device.contains('\0') {
            return Err(format!(
                "port {}: device \"{}\" is neither a PCI address such as 0000:01:00.0 nor a DPDK \
                 virtual device such as net_af_packet0,iface=NAME or net_ring0",
                plan.name, plan.device
            ));
        }
        let mut earlier = plans.iter().take(position);
        if let Some(twin) = earlier.find(|other| other.device_name().eq_ignore_ascii_case(device)) {
            return Err(format!(
                "ports {} and {} name the same device {device}; number them, as in net_null0, net_null1",
                twin.name, plan.name
            ));
        }
        check_ring_frame(plan)?;
        check_shared_buffer(plan)?;
    }
    Ok(())
}

/// net_af_packet frees what is larger than a frame of its ring without counting it.
fn check_ring_frame(plan: &PortPlan) -> Result<(), String> {
    if !plan.is("net_af_packet") {
        return Ok(());
    }
    let needed = u32::from(plan.mtu) + u32::from(ETHERNET) + RING_FRAME_OVERHEAD;
    let has = plan.ring_frame();
    if has >= needed {
        return Ok(());
    }
    Err(format!(
        "port {}: mtu {} needs framesz={} or more in \"{}\", which has {has}; blocksz must be a multiple \
         of it",
        plan.name,
        plan.mtu,
        needed.next_power_of_two(),
        plan.device
    ))
}

/// net_memif spreads a larger frame over several buffers; ours are edited in one piece.
fn check_shared_buffer(plan: &PortPlan) -> Result<(), String> {
    let needed = u32::from(plan.mtu) + u32::from(ETHERNET);
    let has = plan.shared_buffer();
    if !plan.is("net_memif") || has >= needed {
        return Ok(());
    }
    Err(format!(
        "port {}: mtu {} needs bsize={} or more in \"{}\", which has {has}; the other end the same",
        plan.name,
        plan.mtu,
        needed.next_multiple_of(64),
        plan.device
    ))
}

/// Ethernet header, two tags and FCS.
const ETHERNET: u16 = 14 + 8 + 4;

/// Bytes of a frame of net_af_packet's ring if its arguments do not say.
const DEFAULT_RING_FRAME: u32 = 2048;

/// The words of net_memif for the side that connects, the second a former one.
const CLIENT: [&str; 2] = ["client", "slave"];

/// Bytes of a shared buffer of net_memif if its arguments do not say.
const DEFAULT_SHARED_BUFFER: u32 = 2048;

/// What net_af_packet takes off a ring frame when it asks whether a buffer holds the rest.
const RING_HEADER: u32 = 32;

/// What it really takes: header, socket address, alignment.
const RING_FRAME_OVERHEAD: u32 = 52;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, device: &str) -> PortPlan {
        PortPlan {
            name: name.to_owned(),
            device: device.to_owned(),
            mtu: 1500,
            addresses: Vec::new(),
        }
    }

    #[test]
    fn the_device_name_ends_at_the_first_comma() {
        assert_eq!(plan("a", "net_null0,size=64").device_name(), "net_null0");
        assert_eq!(plan("a", "net_ring0").device_name(), "net_ring0");
    }

    #[test]
    fn a_pci_address_is_allowed_and_a_virtual_device_made() {
        let nic = plan("a", "0000:01:00.0,dv_flow_en=1");
        assert!(nic.is_pci());
        assert_eq!(nic.eal_argument(), "--allow=0000:01:00.0,dv_flow_en=1");
        assert!(check_plans(&[nic]).is_ok());
        assert_eq!(plan("a", "net_ring0").eal_argument(), "--vdev=net_ring0");
        assert!(!plan("a", "0000:01:00.8").is_pci());
        assert!(!plan("a", "01:00.0").is_pci());
    }

    #[test]
    fn a_pci_device_that_is_not_there_is_said_to_be_absent() {
        let why = plan("a", "ffff:ff:1f.7").absence();
        assert!(why.contains("no such PCI device"), "{why}");
    }

    #[test]
    fn two_ports_on_one_device_are_refused() {
        let plans = [plan("a", "net_null0,size=64"), plan("b", "net_null0")];
        assert!(check_plans(&plans).is_err_and(|why| why.contains("same device")));
        let plans = [plan("a", "0000:0A:00.0"), plan("b", "0000:0a:00.0")];
        assert!(check_plans(&plans).is_err());
    }

    #[test]
    fn what_is_no_device_is_refused() {
        assert!(check_plans(&[plan("a", "01:00.0")]).is_err());
        assert!(check_plans(&[plan("a", "net_null0 --no-huge")]).is_err());
        assert!(check_plans(&[plan("a", "")]).is_err());
    }

    #[test]
    fn the_socket_of_a_server_that_was_killed_is_removed() {
        let path = std::env::temp_dir().join(format!("rs-memif-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let arguments = format!("role=server,socket={},socket-abstract=no", path.display());
        let server = plan("a", &format!("net_memif0,{arguments}"));
        server.sweep();
        assert!(path.exists());
        drop(listener);
        server.sweep();
        assert!(!path.exists());
    }

    #[test]
    fn a_memif_that_is_no_server_connects() {
        assert!(plan("a", "net_memif0").connects());
        assert!(plan("a", "net_memif0,role=client,socket=s").connects());
        assert!(!plan("a", "net_memif0,role=server").connects());
        assert!(!plan("a", "net_null0").connects());
    }

    #[test]
    fn a_shared_buffer_holds_the_mtu_and_a_buffer_the_shared_one() {
        let mut jumbo = plan("a", "net_memif0,role=server");
        assert!(check_plans(std::slice::from_ref(&jumbo)).is_ok());
        jumbo.mtu = 9000;
        let why = check_plans(std::slice::from_ref(&jumbo)).unwrap_err();
        assert!(why.contains("bsize=9088"), "{why}");
        jumbo.device = "net_memif0,bsize=16384".into();
        assert!(check_plans(std::slice::from_ref(&jumbo)).is_ok());
        assert_eq!(jumbo.largest_frame(), 16384);
    }

    #[test]
    fn a_ring_frame_holds_the_mtu_and_a_buffer_the_ring_frame() {
        let mut jumbo = plan("a", "net_af_packet0,iface=d0,framesz=2048");
        assert!(check_plans(std::slice::from_ref(&jumbo)).is_ok());
        jumbo.mtu = 9000;
        let why = check_plans(std::slice::from_ref(&jumbo)).unwrap_err();
        assert!(why.contains("framesz=16384"), "{why}");
        jumbo.device = "net_af_packet0,iface=d0,framesz=16384".to_owned();
        assert_eq!(jumbo.largest_frame(), 16384 - 32);
        assert!(check_plans(&[jumbo]).is_ok());
    }
}
