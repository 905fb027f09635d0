//! `FrameIo` over DPDK ports: one door call for each burst received, built or sent.
//!
//! Copies with their own header take their bytes in one of three ways, decided here for each egress
//! port: small frames are copied whole, large ones share the payload of their source behind a header
//! of their own, and ports that cannot send chains get a full copy.

use super::device::PortPlan;
use super::eal::{Eal, StartError};
use super::ffi;
use super::mbuf::Mbuf;
use super::mempool::{HEAD_ROOM, PoolSize, Pools};
use super::port::Port;
use crate::dataplane::counters::PortLosses;
use crate::dataplane::frame_io::{BURST, FrameInfo, FrameIo};
use crate::dataplane::outbox::Part;
use crate::dataplane::ownership::Ownership;
use crate::dataplane::verdict::Departure;
use crate::ran::{Instant, LcoreId, PortId};
use std::mem;
use std::sync::Arc;

/// The ports that one lcore polls and sends on, by `PortId`, and the pools behind all ports.
#[derive(Debug)]
pub struct Ports {
    /// `None` for those of other lcores.
    ports: Vec<Option<Port>>,
    /// Whether a frame may be sent in several segments; known of every port.
    joins_chains: Vec<bool>,
    pools: Arc<Pools>,
    /// Scratch of `build`.
    parts: Vec<ffi::shim_part>,
}

impl Ports {
    /// Starts every port of `plans`; the first that is not whole is the error.
    pub fn start(eal: &Eal, plans: &[PortPlan], size: PoolSize) -> Result<Self, StartError> {
        let pools = Pools::new(eal, size)?;
        let ports = plans
            .iter()
            .map(|plan| Port::start(eal, plan, &pools))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            joins_chains: ports.iter().map(Port::joins_chains).collect(),
            ports: ports.into_iter().map(Some).collect(),
            pools: Arc::new(pools),
            parts: Vec::with_capacity(PARTS),
        })
    }

    /// The ports of each lcore, in order of `LcoreId`.
    pub fn split(mut self, owners: &Ownership) -> Vec<Self> {
        let mut share = |lcore: LcoreId| Self {
            ports: self
                .ports
                .iter_mut()
                .enumerate()
                .map(|(index, port)| {
                    let polled_by = owners.of_port(PortId(index as u8));
                    port.take_if(|_| polled_by == lcore)
                })
                .collect(),
            joins_chains: self.joins_chains.clone(),
            pools: Arc::clone(&self.pools),
            parts: Vec::with_capacity(PARTS),
        };
        (0..owners.lcores())
            .map(|lcore| share(LcoreId(lcore as u8)))
            .collect()
    }

    /// Stops and closes every port; the pools stay, to be counted.
    pub fn close(self) -> Arc<Pools> {
        self.pools
    }

    /// What may be asked of the ports and pools from any thread while they run.
    pub fn gauge(&self) -> Gauge {
        Gauge {
            ports: self
                .ports
                .iter()
                .map(|port| port.as_ref().map(Port::id))
                .collect(),
            pools: Arc::clone(&self.pools),
        }
    }

    /// The pools.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// How the parts of one frame take their bytes.
    fn style(&self, part: &Part, joined: usize) -> u8 {
        let head = part.head.end - part.head.start;
        let tail = part.tail.end.saturating_sub(part.tail.start);
        let joins = self.joins_chains.get(part.port.index()) == Some(&true);
        if joined == 0 && head + tail + u32::from(part.pad) <= u32::from(HEAD_ROOM) {
            return ffi::SHIM_COPY_SMALL as u8;
        }
        if joined > MOST_JOINED {
            return ffi::SHIM_COPY as u8;
        }
        // Zero bytes cannot follow a shared segment: what needs padding is copied.
        if joins && head > 0 && head <= u32::from(HEAD_ROOM) && tail > 0 && part.pad == 0 {
            return ffi::SHIM_SHARE as u8;
        }
        ffi::SHIM_COPY as u8
    }

    /// Describes the parts of one frame, the first with the head.
    fn describe(
        &self,
        (sources, arena): (&[Mbuf], &[u8]),
        parts: &[Part],
        scarce: bool,
        described: &mut Vec<ffi::shim_part>,
    ) {
        let Some(first) = parts.first() else {
            return;
        };
        let style = self.style(first, parts.len() - 1);
        let possible = first.urgent || !scarce;
        described.extend(parts.iter().enumerate().map(|(number, part)| {
            let possible = possible.then(|| shim_part(sources, part, arena));
            ffi::shim_part {
                style,
                joins: number > 0,
                ..possible.flatten().unwrap_or(IMPOSSIBLE)
            }
        }));
    }
}

fn shim_part(sources: &[Mbuf], part: &Part, arena: &[u8]) -> Option<ffi::shim_part> {
    let source = sources.get(usize::from(part.source));
    if source.is_none() && !part.tail.is_empty() {
        return None;
    }
    let head = arena.get(part.head.start as usize..part.head.end as usize)?;
    Some(ffi::shim_part {
        source: source.map_or(std::ptr::null_mut(), Mbuf::as_ptr),
        head: head.as_ptr(),
        tail_start: part.tail.start,
        tail_len: part.tail.end.checked_sub(part.tail.start)?,
        head_len: u16::try_from(head.len()).ok()?,
        pad: part.pad,
        ..IMPOSSIBLE
    })
}

// SAFETY: ports and pools may be used from any one thread at a time, and the pointers left in `parts`
// mean nothing between two calls of `build`.
unsafe impl Send for Ports {}

impl FrameIo for Ports {
    type Frame = Mbuf;

    fn receive(&mut self, port: PortId, into: &mut Vec<Mbuf>) {
        let Some(Some(port)) = self.ports.get_mut(port.index()) else {
            return;
        };
        if !port.is_there() {
            return;
        }
        let free = into.spare_capacity_mut();
        let count = free.len().min(BURST) as u16;
        // SAFETY: `free` takes `count` pointers, a `Mbuf` is one; the port is started.
        let received = unsafe { ffi::shim_rx_burst(port.id(), free.as_mut_ptr().cast(), count) };
        let len = into.len() + usize::from(received);
        // SAFETY: the port wrote `received` valid frames, which nobody else owns, behind the old ones.
        unsafe { into.set_len(len) }
    }

    fn head(frame: &mut Mbuf, port: PortId) -> (&mut [u8], FrameInfo) {
        let len = frame.frame_len();
        let (head, start) = frame.head_mut();
        (head, FrameInfo { port, start, len })
    }

    fn stamp(frame: &Mbuf) -> Option<Instant> {
        frame.stamp()
    }

    fn depart(frame: &mut Mbuf, departure: Departure) -> bool {
        frame.depart(departure)
    }

    fn build(
        &mut self,
        sources: &mut [Mbuf],
        parts: &[Part],
        arena: &[u8],
        out: &mut Vec<Option<Mbuf>>,
    ) {
        let mut described = mem::take(&mut self.parts);
        described.clear();
        // What is left of a pool that runs out is for receiving and for C-plane.
        let scarce = self.pools.all().iter().any(|pool| pool.is_scarce());
        for parts in parts.chunk_by(|_, next| next.joins) {
            self.describe((sources, arena), parts, scarce, &mut described);
        }
        out.reserve(described.len());
        let pools = ffi::shim_pools {
            frames: self.pools.frames.as_ptr(),
            heads: self.pools.heads.as_ptr(),
            payloads: self.pools.payloads.as_ptr(),
        };
        let free = out.spare_capacity_mut().as_mut_ptr().cast();
        let count = described.len() as u32;
        // SAFETY: sources are alive and borrowed, heads lie in `arena`, the first part joins no other, `free`
        // takes `count` pointers, and `None` is the null pointer.
        let built = unsafe { ffi::shim_build(&pools, described.as_ptr(), count, free) };
        let len = out.len() + built as usize;
        // SAFETY: the call wrote `built` entries, each null or a frame that nobody else owns.
        unsafe { out.set_len(len) }
        self.parts = described;
    }

    fn transmit(&mut self, port: PortId, frames: &mut Vec<Mbuf>) -> u64 {
        let Some(Some(port)) = self.ports.get_mut(port.index()) else {
            return 0;
        };
        if !port.is_there() {
            return 0;
        }
        let offered: u64 = frames
            .iter()
            .map(|frame| u64::from(frame.frame_len()))
            .sum();
        let whole = match port.joins_chains() {
            true => frames.len(),
            false => flatten_chains(frames, &self.pools),
        };
        let count = whole.min(usize::from(u16::MAX)) as u16;
        // SAFETY: `frames` holds `count` pointers to frames that we own; the port is started.
        let sent = unsafe { ffi::shim_tx_burst(port.id(), frames.as_mut_ptr().cast(), count) };
        frames
            .drain(..usize::from(sent).min(frames.len()))
            .for_each(mem::forget);
        let left: u64 = frames
            .iter()
            .map(|frame| u64::from(frame.frame_len()))
            .sum();
        offered - left
    }
}

/// What drivers and pools say of themselves, for threads beside the lcores.
#[derive(Clone, Debug)]
pub struct Gauge {
    ports: Vec<Option<u16>>,
    pools: Arc<Pools>,
}

impl Gauge {
    /// The pools.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What the driver says of the link: only a hint, most virtual ports always say up.
    pub fn link_up(&self, port: PortId) -> bool {
        // SAFETY: asks for a number; DPDK refuses one that is no port.
        self.id(port)
            .is_some_and(|id| unsafe { ffi::shim_link_up(id) })
    }

    /// What `port` has lost, if its driver counts.
    pub fn losses(&self, port: PortId) -> Option<PortLosses> {
        let id = self.id(port)?;
        let mut losses = [0u64; 3];
        // SAFETY: three counters are writable; DPDK refuses a number that is no port.
        let counted = unsafe { ffi::shim_port_losses(id, losses.as_mut_ptr()) };
        let [missed, no_buffer, errors] = losses;
        counted.then_some(PortLosses {
            missed,
            no_buffer,
            errors,
        })
    }

    fn id(&self, port: PortId) -> Option<u16> {
        self.ports.get(port.index()).copied().flatten()
    }
}

/// Replaces chains by copies in one buffer; the number of frames before the first that could not be.
fn flatten_chains(frames: &mut [Mbuf], pools: &Pools) -> usize {
    for (position, frame) in frames.iter_mut().enumerate() {
        if frame.segments() == 1 {
            continue;
        }
        match frame.flattened(&pools.frames) {
            Some(flat) => *frame = flat,
            None => return position,
        }
    }
    frames.len()
}

/// A part that cannot be built: nothing to take a tail from.
const IMPOSSIBLE: ffi::shim_part = ffi::shim_part {
    source: std::ptr::null_mut(),
    head: std::ptr::null(),
    tail_start: 0,
    tail_len: 1,
    head_len: 0,
    pad: 0,
    style: ffi::SHIM_COPY as u8,
    joins: false,
};

/// Parts that join another without a copy: a frame of more segments than this not every NIC sends.
const MOST_JOINED: usize = 5;

/// Parts of one burst for which room is made at start: eight copies of each frame.
const PARTS: usize = BURST * 8;
