//! Frames one at a time in the order of their receive stamps: `run --clock capture`.
//!
//! net_pcap hands out a capture as fast as it is polled. To meet the same decisions as a replay of the
//! same captures, frames of all ports are merged by stamp (microseconds, the driver's unit) and `now` is
//! the stamp of the frame that is offered. A stamp that steps back within one port is held at the latest
//! before it. A port with nothing waiting is asked again before each frame.

use super::burst::Ports;
use super::mbuf::Mbuf;
use crate::dataplane::frame_io::{BURST, FrameInfo, FrameIo};
use crate::dataplane::outbox::Part;
use crate::dataplane::verdict::Departure;
use crate::ran::{Instant, PortId};
use std::collections::VecDeque;

/// Ports whose frames are taken by stamp.
#[derive(Debug)]
pub struct InOrder {
    ports: Ports,
    /// By `PortId`.
    waiting: Vec<Waiting>,
    burst: Vec<Mbuf>,
    offered: Option<(PortId, Mbuf)>,
    now: Instant,
}

/// Frames of one port, received and not offered yet.
#[derive(Debug)]
struct Waiting {
    frames: VecDeque<(Instant, Mbuf)>,
    latest: Instant,
}

impl InOrder {
    /// Takes over `count` ports.
    pub fn new(ports: Ports, count: usize) -> Self {
        let waiting = || Waiting {
            frames: VecDeque::with_capacity(BURST),
            latest: Instant(0),
        };
        Self {
            ports,
            waiting: (0..count).map(|_| waiting()).collect(),
            burst: Vec::with_capacity(BURST),
            offered: None,
            now: Instant(0),
        }
    }

    /// Offers the earliest frame: its port and instant. A frame without stamp comes at once.
    pub fn offer(&mut self) -> Option<(PortId, Instant)> {
        self.refill();
        let waiting = self.waiting.iter().enumerate();
        let earliest = waiting
            .filter_map(|(port, waiting)| Some((waiting.frames.front()?.0, port)))
            .min()?;
        let (at, port) = earliest;
        let (_, frame) = self.waiting.get_mut(port)?.frames.pop_front()?;
        self.now = self.now.max(at);
        let port = PortId(port as u8);
        self.offered = Some((port, frame));
        Some((port, self.now))
    }

    /// Gives the ports back; frames that were not offered are freed.
    pub fn into_ports(self) -> Ports {
        self.ports
    }

    fn refill(&mut self) {
        for (port, waiting) in self.waiting.iter_mut().enumerate() {
            if !waiting.frames.is_empty() {
                continue;
            }
            self.ports.receive(PortId(port as u8), &mut self.burst);
            for frame in self.burst.drain(..) {
                // A capture may step back; time does not.
                waiting.latest = waiting.latest.max(frame.stamp().unwrap_or(self.now));
                waiting.frames.push_back((waiting.latest, frame));
            }
        }
    }
}

impl FrameIo for InOrder {
    type Frame = Mbuf;

    fn receive(&mut self, port: PortId, into: &mut Vec<Mbuf>) {
        if let Some((_, frame)) = self.offered.take_if(|(offered, _)| *offered == port) {
            into.push(frame);
        }
    }

    fn head(frame: &mut Mbuf, port: PortId) -> (&mut [u8], FrameInfo) {
        Ports::head(frame, port)
    }

    /// None: a frame's instant is the one it was offered at, which may be later than its stamp.
    fn stamp(_: &Mbuf) -> Option<Instant> {
        None
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
        self.ports.build(sources, parts, arena, out);
    }

    fn transmit(&mut self, port: PortId, frames: &mut Vec<Mbuf>) -> u64 {
        self.ports.transmit(port, frames)
    }
}
