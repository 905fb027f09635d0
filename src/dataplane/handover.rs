//! Frames on their way between lcores: whole, in order, through bounded queues.
//!
//! A port is polled by one lcore and sent on by the same; a cell is decided by one lcore. A frame whose
//! sender belongs to another lcore goes there before any state is touched; a decided frame for another
//! lcore's port goes to that lcore to be sent. Each ingress port has its own queue to each owner and
//! each egress port one, so the frames of a flow stay in order. A queue that is nearly full takes only
//! C-plane; what finds no room is dropped and counted where it was refused.

use crate::dataplane::classify;
use crate::dataplane::fapi;
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::midhaul;
use crate::dataplane::tables::Tables;
use crate::ran::{LcoreId, PeerId, PortId};
use crate::wire::ecpri::MessageType;
use crate::wire::ethernet::Ethernet;
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

/// The end of one lcore.
#[derive(Debug)]
pub struct Handover<F> {
    me: LcoreId,
    lanes: Arc<Lanes<F>>,
}

/// The queues between all lcores.
#[derive(Debug)]
struct Lanes<F> {
    /// By owner, then by ingress port. Written by the port's lcore, read by the owner.
    arrivals: Vec<Vec<ArrayQueue<F>>>,
    /// By egress port. Written by every lcore, read by the port's. `true` marks C-plane.
    departures: Vec<ArrayQueue<(F, bool)>>,
    /// By `PortId`.
    pollers: Vec<LcoreId>,
}

/// The queue to the owner or the port is full; the frame comes back.
#[derive(Debug)]
pub struct LaneFull<F>(pub F);

impl<F> Handover<F> {
    /// The ends of all lcores of `tables`, in order; room for `room` frames in each queue. One lcore
    /// hands nothing over and has no end.
    pub fn among(tables: &Tables, room: usize) -> Vec<Self> {
        let owners = &tables.owners;
        let ports: Vec<PortId> = (0..tables.flood.len())
            .map(|port| PortId(port as u8))
            .collect();
        let lcores = (0..owners.lcores()).map(|lcore| LcoreId(lcore as u8));
        if owners.lcores() == 1 {
            return Vec::new();
        }
        let queue = |needed: bool| if needed { room.max(1) } else { 1 };
        let arrivals = |owner: LcoreId| {
            let foreign = |port: &PortId| owners.of_port(*port) != owner;
            let queues = ports.iter().map(foreign);
            queues
                .map(|needed| ArrayQueue::new(queue(needed)))
                .collect()
        };
        let lanes = Arc::new(Lanes {
            arrivals: lcores.clone().map(arrivals).collect(),
            departures: ports.iter().map(|_| ArrayQueue::new(queue(true))).collect(),
            pollers: ports.iter().map(|port| owners.of_port(*port)).collect(),
        });
        lcores
            .map(|me| Self {
                me,
                lanes: Arc::clone(&lanes),
            })
            .collect()
    }

    /// Whose end this is.
    pub const fn me(&self) -> LcoreId {
        self.me
    }

    /// Whether `port` is polled, and sent on, here.
    #[inline]
    pub fn is_mine(&self, port: PortId) -> bool {
        self.lanes.pollers.get(port.index()) == Some(&self.me)
    }

    /// To the owner of its sender, as received on `port`.
    pub fn pass_on(
        &self,
        owner: LcoreId,
        port: PortId,
        frame: F,
        control: impl FnOnce(&mut F) -> bool,
    ) -> Result<(), LaneFull<F>> {
        let ports = self.lanes.arrivals.get(owner.index());
        let Some(queue) = ports.and_then(|ports| ports.get(port.index())) else {
            return Err(LaneFull(frame));
        };
        let mut frame = frame;
        if is_crowded(queue) && !control(&mut frame) {
            return Err(LaneFull(frame));
        }
        queue.push(frame).map_err(LaneFull)
    }

    /// The next frame that another lcore received on `port` for this one.
    #[inline]
    pub fn take_in(&self, port: PortId) -> Option<F> {
        let ports = self.lanes.arrivals.get(self.me.index())?;
        ports.get(port.index())?.pop()
    }

    /// To the lcore that sends on `port`.
    pub fn send_on(&self, port: PortId, frame: F, control: bool) -> Result<(), LaneFull<F>> {
        let Some(queue) = self.lanes.departures.get(port.index()) else {
            return Err(LaneFull(frame));
        };
        if is_crowded(queue) && !control {
            return Err(LaneFull(frame));
        }
        queue
            .push((frame, control))
            .map_err(|(frame, _)| LaneFull(frame))
    }

    /// The next frame that another lcore decided to send on `port`, and whether it is C-plane.
    #[inline]
    pub fn take_out(&self, port: PortId) -> Option<(F, bool)> {
        self.lanes.departures.get(port.index())?.pop()
    }

    /// Whether a frame waits for this lcore to decide it.
    pub fn has_arrivals(&self) -> bool {
        let mine = self.lanes.arrivals.get(self.me.index());
        mine.is_some_and(|ports| ports.iter().any(|queue| !queue.is_empty()))
    }

    /// Whether a frame waits for this lcore to send it.
    pub fn has_departures(&self) -> bool {
        let queues = self.lanes.departures.iter().zip(&self.lanes.pollers);
        queues
            .filter(|(_, poller)| **poller == self.me)
            .any(|(queue, _)| !queue.is_empty())
    }
}

/// The last quarter of a queue is for C-plane.
#[inline]
fn is_crowded<T>(queue: &ArrayQueue<T>) -> bool {
    queue.len() >= queue.capacity() - queue.capacity() / 4
}

/// The configured peer that sent a frame, or on the midhaul was sent it: all that handing it over needs to know.
#[inline]
pub fn sender(head: &[u8], info: FrameInfo, tables: &Tables) -> Option<PeerId> {
    let received = head.get(usize::from(info.start)..)?;
    // An L2 or a PHY may be behind the address of a DU.
    if let Some(peer) = fapi::sender(received, info.port, tables) {
        return Some(peer);
    }
    let (ethernet, _) = Ethernet::parse(received).ok()?;
    let peer = tables.peer(info.port, ethernet.source(), ethernet.vlans());
    peer.or_else(|| midhaul::owner(received, info.port, tables))
}

/// Whether a frame of `peer` is a C-plane message.
pub fn is_control(head: &[u8], info: FrameInfo, tables: &Tables, peer: PeerId) -> bool {
    let received = head.get(usize::from(info.start)..).unwrap_or_default();
    let Ok((ethernet, body)) = Ethernet::parse(received) else {
        return false;
    };
    let envelope = classify::envelope(received, info, tables, &ethernet, body, peer);
    let Ok(Some(envelope)) = envelope else {
        return false;
    };
    let code = received.get(usize::from(envelope.header) + 1);
    code.is_some_and(|code| MessageType::from_wire(*code) == MessageType::RealTimeControl)
}
