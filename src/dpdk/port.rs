//! One port: found by name after EAL started, configured, started, and checked at every step.
//!
//! EAL reports success when a virtual device failed to appear, and a port whose queue set-up failed
//! may still "start" and crash on its first receive. Here every return code counts, and a port that is
//! not whole stops the program with the reason.

pub use super::device::{PortPlan, check_plans};

use super::eal::{Eal, StartError};
use super::ffi;
use super::interface;
use super::mempool::Pools;
use super::reach::Reach;
use std::ffi::{CStr, CString};
use std::ptr;

/// A started port. Dropped, it is stopped and closed, which writes out what its driver still holds.
#[derive(Debug)]
pub struct Port {
    id: u16,
    joins_chains: bool,
    /// Of a port that connects to another process.
    reach: Option<Reach>,
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
        let mut port = Self {
            id,
            joins_chains: facts.multi_segs || joins_unannounced(&facts),
            reach: None,
        };
        let (rx, tx) = (facts.rx_descriptors, facts.tx_descriptors);
        // SAFETY: the port exists and is not started.
        let code = unsafe { ffi::shim_port_configure(id, configured_mtu(plan), facts.multi_segs) };
        let mtu = format!(
            "the mtu {} may be too large: the driver allows {}",
            plan.mtu, facts.max_mtu
        );
        step("configuration", code, &mtu)?;
        port.carry_mtu(plan)?;
        // SAFETY: the port is configured and not started, the pool lives for ever.
        let code = unsafe { ffi::shim_port_queues(id, pools.frames.as_ptr(), rx, tx) };
        step(
            "queue set-up",
            code,
            "the device's arguments may not fit the buffers",
        )?;
        if plan.connects() {
            port.reach = Some(Reach::new(id));
            return Ok(port);
        }
        // SAFETY: the port is configured with both queues.
        let code = unsafe { ffi::rte_eth_dev_start(id) };
        step("start", code, "see the messages above")?;
        port.open_filter(plan)?;
        Ok(port)
    }

    /// The kernel's interface behind a virtual device carries frames as large as the port.
    fn carry_mtu(&self, plan: &PortPlan) -> Result<(), StartError> {
        let Some((name, has)) = plan.interface().and_then(|name| {
            let mtu = interface::mtu(name)?;
            Some((name, mtu))
        }) else {
            return Ok(());
        };
        if has >= u32::from(plan.mtu) {
            return Ok(());
        }
        // SAFETY: the port is configured.
        let code = unsafe { ffi::rte_eth_dev_set_mtu(self.id, plan.mtu) };
        if code == 0 && interface::mtu(name).is_some_and(|now| now >= u32::from(plan.mtu)) {
            return Ok(());
        }
        let what = format!(
            "port {} ({}): raising the mtu {has}",
            plan.name, plan.device
        );
        let advice = format!(
            "run `ip link set dev {name} mtu {}`, or lower mtu in the configuration",
            plan.mtu
        );
        Err(match code {
            0 => StartError::new(what, advice),
            code => StartError::returned(what, code, advice),
        })
    }

    /// Lets in what is not for the port's own address: everything, else the addresses that peers send
    /// to and groups. Virtual ports without a filter receive everything anyway.
    fn open_filter(&self, plan: &PortPlan) -> Result<(), StartError> {
        // SAFETY: the port is started.
        let code = unsafe { ffi::rte_eth_promiscuous_enable(self.id) };
        if code == 0 || (code == UNSUPPORTED && !plan.is_pci()) {
            return Ok(());
        }
        for address in &plan.addresses {
            // SAFETY: the port is started, six bytes are readable.
            let code = unsafe { ffi::shim_port_admit(self.id, address.0.as_ptr()) };
            if code != 0 {
                let what = format!(
                    "port {} ({}): promiscuous mode is refused, and adding the address {address}",
                    plan.name, plan.device
                );
                let advice = "make the virtual function trusted (`ip link set PF vf N trust on`)";
                return Err(StartError::returned(what, code, advice));
            }
        }
        // SAFETY: the port is started. Without it only what is bridged to groups is missed.
        unsafe { ffi::rte_eth_allmulticast_enable(self.id) };
        Ok(())
    }

    /// DPDK's number of the port.
    pub(super) fn id(&self) -> u16 {
        self.id
    }

    /// Whether frames may be received and sent; not while the process that it connects to is not there.
    #[inline]
    pub(super) fn is_there(&mut self) -> bool {
        self.reach.as_mut().is_none_or(Reach::is_there)
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
    let what = format!("port {} ({}): its device", plan.name, plan.device);
    Err(StartError::returned(what, code, plan.absence()))
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

/// net_af_packet and net_memif call 1518 bytes their largest frame, whatever a frame of the ring or a shared
/// buffer holds, and look at no MTU themselves. What those must hold is checked before.
fn configured_mtu(plan: &PortPlan) -> u16 {
    match plan.is("net_af_packet") || plan.is("net_memif") {
        true => plan.mtu.min(ETHERNET_MTU),
        false => plan.mtu,
    }
}

/// The MTU of Ethernet without jumbo frames.
const ETHERNET_MTU: u16 = 1500;

/// Descriptors asked for, receive and transmit each, before the driver adjusts them.
pub(super) const DESCRIPTORS: u16 = 1024;

/// -ENOTSUP: virtual ports without a filter receive everything anyway.
const UNSUPPORTED: i32 = -95;
