//! A port that connects to another process, net_memif as client: its peer may come later, go, and come again.
//!
//! The driver connects when the port is started, once. So it is started whenever its link is down, by the lcore
//! that polls it: nobody else may be between receiving and sending while a port stops.

use super::clock::{cycles, cycles_per_second};
use super::ffi;

/// Whether the peer of such a port has been reached.
#[derive(Debug)]
pub(super) struct Reach {
    port: u16,
    started: bool,
    /// Reading of the cycle counter from which on it is looked at again.
    look_at: u64,
    pause: u64,
}

impl Reach {
    /// Starts `port`, which is configured; that nobody answers is no error.
    pub(super) fn new(port: u16) -> Self {
        let mut reach = Self {
            port,
            started: false,
            look_at: 0,
            pause: cycles_per_second() / LOOKS_PER_SECOND,
        };
        reach.look();
        reach
    }

    /// Whether the port may be received from and sent to. Starts it again where that is due.
    #[inline]
    pub(super) fn is_there(&mut self) -> bool {
        if cycles() >= self.look_at {
            self.look();
        }
        self.started
    }

    #[cold]
    fn look(&mut self) {
        self.look_at = cycles() + self.pause;
        if self.started {
            // SAFETY: asks for a number; DPDK refuses one that is no port.
            if unsafe { ffi::shim_link_up(self.port) } {
                return;
            }
            // SAFETY: the port is started, and its only lcore is here.
            unsafe { ffi::rte_eth_dev_stop(self.port) };
        }
        // SAFETY: the port is configured with both queues and not started.
        self.started = unsafe { ffi::rte_eth_dev_start(self.port) } == 0;
    }
}

/// Long enough for two processes to agree on their memory, short against a restart of either.
const LOOKS_PER_SECOND: u64 = 4;
