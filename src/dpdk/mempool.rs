//! Pools of buffers: where every frame comes from and goes back to.
//!
//! A pool is made at start and never freed: a buffer may be in a driver's queue or in a ring until the
//! process ends, and so no `Mbuf` can outlive its pool.

use super::device::PortPlan;
use super::eal::{Eal, StartError};
use super::ffi;
use std::ffi::CString;
use std::ptr::NonNull;

/// One pool of equal buffers.
#[derive(Debug)]
pub struct Pool {
    pool: NonNull<ffi::rte_mempool>,
    name: &'static str,
    size: u32,
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
        Ok(Self {
            pool,
            name,
            size: count,
        })
    }

    /// What the pool holds.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Buffers in all.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Whether so few buffers are left that they are kept for receiving and for C-plane.
    #[inline]
    pub(super) fn is_scarce(&self) -> bool {
        // SAFETY: pools live for ever.
        unsafe { ffi::shim_pool_free(self.as_ptr()) < RESERVE }
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
// SAFETY: likewise.
unsafe impl Sync for Pool {}

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
    /// For these ports on `lcores` lcores.
    pub fn of(plans: &[PortPlan], lcores: usize) -> Self {
        let held: u32 = plans.iter().map(PortPlan::buffers_held).sum();
        let held = held + IN_FLIGHT + lcores.saturating_sub(1) as u32 * HELD_BY_LCORE;
        let largest = plans.iter().map(PortPlan::largest_frame).max();
        let room = largest.unwrap_or_default().max(SMALLEST_FRAME_ROOM);
        // NICs count a buffer in units of 128 bytes to 1 KiB, rounded down: a frame that just fits would
        // be split over two.
        let room = room.checked_next_multiple_of(BUFFER_UNIT).unwrap_or(room);
        Self {
            count: held.next_power_of_two() - 1,
            frame_room: room.saturating_add(HEADROOM),
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

/// Drivers expect buffers of at least this size.
const SMALLEST_FRAME_ROOM: u16 = 2048;

/// The largest unit in which a supported NIC counts the room of a buffer.
const BUFFER_UNIT: u16 = 1024;

/// Buffers that each further lcore keeps in its caches and in the queues to it.
const HELD_BY_LCORE: u32 = 2048;

/// Buffers of a pool that are not spent on copies of U-plane.
const RESERVE: u32 = 256;

/// Buffers beyond the ports': bursts, caches, frames on their way.
const IN_FLIGHT: u32 = 2048;

/// Bytes of a buffer beside its room: the mbuf, the mempool's header, alignment.
const OVERHEAD: u64 = 128 + 64 + 64;

/// Rings, port data, and what malloc loses to fragmentation.
const OTHER_MEBIBYTES: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(count: usize, mtu: u16) -> Vec<PortPlan> {
        let plan = |number| PortPlan {
            device: format!("net_null{number}"),
            mtu,
            ..PortPlan::default()
        };
        (0..count).map(plan).collect()
    }

    #[test]
    fn a_jumbo_frame_with_two_tags_fits_into_one_buffer() {
        let size = PoolSize::of(&plans(2, 9000), 1);
        assert_eq!(size.frame_room, 128 + 9216);
        let holds = (size.frame_room - 128) / 128 * 128;
        assert!(holds >= 9026, "as a NIC counts: {holds}");
    }

    #[test]
    fn buffers_are_never_smaller_than_drivers_expect() {
        assert_eq!(PoolSize::of(&plans(1, 1500), 1).frame_room, 128 + 2048);
    }

    #[test]
    fn more_ports_and_more_lcores_get_more_buffers() {
        let count = |ports, lcores| PoolSize::of(&plans(ports, 1500), lcores).count;
        assert_eq!(count(2, 1), 8191);
        assert!(count(8, 1) > count(2, 1));
        assert!(count(2, 8) > count(2, 1));
    }
}
