//! One port: found by name after EAL started, configured, started, and checked at every step.
//!
//! EAL reports success when a virtual device failed to appear, and a port whose queue set-up failed
//! may still "start" and crash on its first receive. Here every return code counts, and a port that is
//! not whole stops the program with the reason.

use super::eal::{Eal, StartError};
use super::ffi;
use super::mempool::Pools;
use std::ffi::{CStr, CString};
use std::ptr;

/// A port as configured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortPlan {
    /// Its name in the configuration.
    pub name: String,
    /// Device string: a virtual device and its arguments (`net_pcap0,rx_pcap=in.pcap`).
    pub device: String,
    /// Largest payload of a frame in bytes.
    pub mtu: u16,
}

impl PortPlan {
    /// The device's name: what stands before its arguments.
    pub fn device_name(&self) -> &str {
        self.device.split(',').next().unwrap_or_default()
    }

    /// The argument that makes EAL create the device.
    pub fn eal_argument(&self) -> String {
        format!("--vdev={}", self.device)
    }
}

/// Refuses plans that EAL would refuse, or accept and mix up.
pub fn check_plans(plans: &[PortPlan]) -> Result<(), String> {
    for (position, plan) in plans.iter().enumerate() {
        let device = plan.device_name();
        let known = device.starts_with("net_") || device.starts_with("eth_");
        if !known || plan.device.contains(char::is_whitespace) || plan.device.contains('\0') {
            return Err(format!(
                "port {}: device \"{}\" is not a DPDK virtual device such as \
                 net_pcap0,rx_pcap=FILE,tx_pcap=FILE or net_null0 or net_ring0",
                plan.name, plan.device
            ));
        }
        let mut earlier = plans.iter().take(position);
        if let Some(twin) = earlier.find(|other| other.device_name() == device) {
            return Err(format!(
                "ports {} and {} name the same device {device}; number them, as in net_null0, net_null1",
                twin.name, plan.name
            ));
        }
    }
    Ok(())
}

/// A started port. Dropped, it is stopped and closed, which writes out what its driver still holds.
#[derive(Debug)]
pub struct Port {
    id: u16,
    joins_chains: bool,
}

impl Port {
    /// Starts the port of `plan`, receiving into `pools.frames`.
    pub fn start(_eal: &Eal, plan: &PortPlan, pools: &Pools) -> Result<Self, StartError> {
        let id = look_up(plan)?;
        let step = |call: &str, code: i32, look_at: &str| {
            if code == 0 {
                return Ok(());
            }
            let what = format!("port {} ({}): {call}", plan.name, plan.device);
            Err(StartError::returned(what, code, look_at))
        };
        let mut facts = ffi::shim_port_facts {
            driver: ptr::null(),
            max_mtu: 0,
            rx_descriptors: DESCRIPTORS,
            tx_descriptors: DESCRIPTORS,
            multi_segs: false,
        };
        // SAFETY: the port exists, `facts` is writable.
        let code = unsafe { ffi::shim_port_facts(id, &mut facts) };
        step("asking its driver", code, "see the messages above")?;
        // From here on a failure drops `port`, which closes what exists by then.
        let port = Self {
            id,
            joins_chains: facts.multi_segs || joins_unannounced(&facts),
        };
        let (rx, tx) = (facts.rx_descriptors, facts.tx_descriptors);
        // SAFETY: the port exists and is not started.
        let code = unsafe { ffi::shim_port_configure(id, plan.mtu, facts.multi_segs) };
        let mtu = format!(
            "the mtu {} may be too large: the driver allows {}",
            plan.mtu, facts.max_mtu
        );
        step("configuration", code, &mtu)?;
        // SAFETY: the port is configured and not started, the pool lives for ever.
        let code = unsafe { ffi::shim_port_queues(id, pools.frames.as_ptr(), rx, tx) };
        step(
            "queue set-up",
            code,
            "the device's arguments may not fit the buffers",
        )?;
        // SAFETY: the port is configured with both queues.
        let code = unsafe { ffi::rte_eth_dev_start(id) };
        step("start", code, "see the messages above")?;
        // SAFETY: the port is started.
        let code = unsafe { ffi::rte_eth_promiscuous_enable(id) };
        if code != UNSUPPORTED {
            step(
                "promiscuous mode",
                code,
                "frames carry the peers' addresses",
            )?;
        }
        Ok(port)
    }

    /// DPDK's number of the port.
    pub(super) fn id(&self) -> u16 {
        self.id
    }

    /// Whether a frame may be sent in several segments.
    pub fn joins_chains(&self) -> bool {
        self.joins_chains
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        // SAFETY: the port exists; stopping one that is not started is refused without harm.
        unsafe { ffi::rte_eth_dev_stop(self.id) };
        // SAFETY: the port exists, is stopped, and this is its only owner.
        unsafe { ffi::rte_eth_dev_close(self.id) };
    }
}

fn look_up(plan: &PortPlan) -> Result<u16, StartError> {
    let name = CString::new(plan.device_name()).unwrap_or_default();
    let mut id = 0u16;
    // SAFETY: the name is a C string, `id` is writable.
    let code = unsafe { ffi::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut id) };
    if code == 0 {
        return Ok(id);
    }
    Err(StartError::new(
        format!("port {} ({})", plan.name, plan.device),
        "DPDK has no such device: see its messages above; a file that does not exist, an argument \
         that the driver does not know, or a driver that is not installed are the usual causes",
    ))
}

/// Drivers that send chains right without saying so: one writes the segments one after the other,
/// one frees the frame unread.
fn joins_unannounced(facts: &ffi::shim_port_facts) -> bool {
    if facts.driver.is_null() {
        return false;
    }
    // SAFETY: the driver's name is a static C string.
    let driver = unsafe { CStr::from_ptr(facts.driver) };
    driver == c"net_pcap" || driver == c"net_null"
}

/// Descriptors asked for, receive and transmit each, before the driver adjusts them.
pub(super) const DESCRIPTORS: u16 = 1024;

/// -ENOTSUP: virtual ports without a filter receive everything anyway.
const UNSUPPORTED: i32 = -95;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str, device: &str) -> PortPlan {
        PortPlan {
            name: name.to_owned(),
            device: device.to_owned(),
            mtu: 1500,
        }
    }

    #[test]
    fn the_device_name_ends_at_the_first_comma() {
        assert_eq!(plan("a", "net_null0,size=64").device_name(), "net_null0");
        assert_eq!(plan("a", "net_ring0").device_name(), "net_ring0");
    }

    #[test]
    fn two_ports_on_one_device_are_refused() {
        let plans = [plan("a", "net_null0,size=64"), plan("b", "net_null0")];
        assert!(check_plans(&plans).is_err_and(|why| why.contains("same device")));
    }

    #[test]
    fn what_is_no_virtual_device_is_refused() {
        assert!(check_plans(&[plan("a", "0000:01:00.0")]).is_err());
        assert!(check_plans(&[plan("a", "net_null0 --no-huge")]).is_err());
        assert!(check_plans(&[plan("a", "")]).is_err());
    }
}
