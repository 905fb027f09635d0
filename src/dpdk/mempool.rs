//! Pools of buffers: where every frame comes from and goes back to.
//!
//! A pool is made at start and never freed: a buffer may be in a driver's queue or in a ring until the
//! process ends, and so no `Mbuf` can outlive its pool.

use super::eal::{Eal, StartError};
use super::ffi;
use std::ffi::CString;
use std::ptr::NonNull;

/// One pool of equal buffers.
#[derive(Debug)]
pub struct Pool {
    pool: NonNull<ffi::rte_mempool>,
    name: &'static str,
}

impl Pool {
    fn new(_eal: &Eal, name: &'static str, count: u32, room: u16) -> Result<Self, StartError> {
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: the name is a C string, which DPDK copies; EAL runs.
        let pool = unsafe { ffi::shim_pool(c_name.as_ptr(), count, room) };
        let Some(pool) = NonNull::new(pool) else {
            let mebibytes = (u64::from(count) * u64::from(room)) >> 20;
            return Err(StartError::last(
                format!("pool {name} of {count} buffers ({mebibytes} MiB)"),
                "the memory given to EAL (-m) is too small for the ports and their MTU",
            ));
        };
        Ok(Self { pool, name })
    }

    /// What the pool holds.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Buffers that are not in the pool now.
    pub fn in_use(&self) -> u32 {
        // SAFETY: pools live for ever.
        unsafe { ffi::rte_mempool_in_use_count(self.as_ptr()) }
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::rte_mempool {
        self.pool.as_ptr()
    }
}

// SAFETY: DPDK's pools are made for many threads at once.
unsafe impl Send for Pool {}

/// The three pools of the process.
#[derive(Debug)]
pub struct Pools {
    /// What ports receive into, and copies of large frames.
    pub frames: Pool,
    /// Heads of frames that share their payload, and copies of small frames.
    pub heads: Pool,
    /// Views of other frames' payload: buffers without room.
    pub payloads: Pool,
}

impl Pools {
    /// Makes the pools that `size` says.
    pub fn new(eal: &Eal, size: PoolSize) -> Result<Self, StartError> {
        Ok(Self {
            frames: Pool::new(eal, "frames", size.count, size.frame_room)?,
            heads: Pool::new(eal, "heads", size.count, HEADROOM + HEAD_ROOM)?,
            payloads: Pool::new(eal, "payloads", size.count, 0)?,
        })
    }

    /// All of them.
    pub fn all(&self) -> [&Pool; 3] {
        [&self.frames, &self.heads, &self.payloads]
    }
}

/// How large the pools must be for a set of ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PoolSize {
    /// Buffers of each pool: a power of two less one, which fills the ring behind it.
    pub count: u32,
    /// Bytes of one frame buffer, headroom included.
    pub frame_room: u16,
}

impl PoolSize {
    /// For `ports` ports of which the largest carries `mtu`.
    pub fn of(ports: usize, mtu: u16) -> Self {
        let held = ports as u32 * HELD_BY_PORT + IN_FLIGHT;
        Self {
            count: held.next_power_of_two() - 1,
            frame_room: HEADROOM + ETHERNET.saturating_add(mtu).max(SMALLEST_FRAME_ROOM),
        }
    }

    /// Memory that EAL needs for pools of this size, in MiB, with room for rings and drivers.
    pub fn mebibytes(self) -> u32 {
        let buffer = u64::from(self.frame_room) + u64::from(HEADROOM + HEAD_ROOM);
        let bytes = u64::from(self.count) * (buffer + 3 * OVERHEAD);
        (bytes >> 20) as u32 + OTHER_MEBIBYTES
    }
}

/// Bytes that a head buffer holds; frames up to this length are copied rather than shared.
pub(super) const HEAD_ROOM: u16 = 384;

/// Bytes that DPDK keeps free before a frame in each buffer.
const HEADROOM: u16 = 128;

/// Ethernet header, two tags and FCS.
const ETHERNET: u16 = 14 + 8 + 4;

/// Drivers expect buffers of at least this size.
const SMALLEST_FRAME_ROOM: u16 = 2048;

/// Descriptors of one port, receive and transmit: each may hold a buffer.
const HELD_BY_PORT: u32 = 2 * super::port::DESCRIPTORS as u32;

/// Buffers beyond the ports': bursts, caches, frames on their way.
const IN_FLIGHT: u32 = 2048;

/// Bytes of a buffer beside its room: the mbuf, the mempool's header, alignment.
const OVERHEAD: u64 = 128 + 64 + 64;

/// Rings, port data, and what malloc loses to fragmentation.
const OTHER_MEBIBYTES: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jumbo_frame_with_two_tags_fits_into_one_buffer() {
        let size = PoolSize::of(2, 9000);
        assert_eq!(size.frame_room, 128 + 9000 + 26);
    }

    #[test]
    fn buffers_are_never_smaller_than_drivers_expect() {
        assert_eq!(PoolSize::of(1, 1500).frame_room, 128 + 2048);
    }

    #[test]
    fn more_ports_get_more_buffers() {
        assert_eq!(PoolSize::of(2, 1500).count, 8191);
        assert!(PoolSize::of(8, 1500).count > PoolSize::of(2, 1500).count);
    }
}
