//! The frames of a replay, given to the worker one by one and taken back as it sends them.

use std::collections::VecDeque;

use crate::dataplane::frame_io::{BURST, FrameInfo, FrameIo};
use crate::dataplane::{outbox::Part, verdict::Departure};
use crate::ran::{Instant, PortId};

use super::frame::{Kind, ReplayFrame};

/// Ports without wires: what is offered is received, what is sent is kept until taken.
#[derive(Debug, Default)]
pub struct ReplayIo {
    offered: VecDeque<(PortId, ReplayFrame)>,
    sent: Vec<(PortId, ReplayFrame)>,
}

impl ReplayIo {
    /// `frame` arrives on `port`.
    pub fn offer(&mut self, port: PortId, frame: ReplayFrame) {
        self.offered.push_back((port, frame));
    }

    /// What was sent since the last call, in order of sending.
    pub fn take_sent(&mut self) -> std::vec::Drain<'_, (PortId, ReplayFrame)> {
        self.sent.drain(..)
    }
}

impl FrameIo for ReplayIo {
    type Frame = ReplayFrame;

    fn receive(&mut self, port: PortId, into: &mut Vec<ReplayFrame>) {
        for _ in 0..BURST {
            let Some((_, frame)) = self.offered.pop_front_if(|(at, _)| *at == port) else {
                return;
            };
            into.push(frame);
        }
    }

    fn head(frame: &mut ReplayFrame, port: PortId) -> (&mut [u8], FrameInfo) {
        frame.head(port)
    }

    fn stamp(frame: &ReplayFrame) -> Option<Instant> {
        Some(frame.stamp)
    }

    fn depart(frame: &mut ReplayFrame, departure: Departure) -> bool {
        frame.kind = Kind::Forwarded;
        frame.depart(departure)
    }

    fn build(
        &mut self,
        sources: &mut [ReplayFrame],
        parts: &[Part],
        arena: &[u8],
        out: &mut Vec<Option<ReplayFrame>>,
    ) {
        let frames = parts.chunk_by(|_, next| next.joins);
        out.extend(frames.map(|parts| ReplayFrame::build(sources, parts, arena)));
    }

    fn transmit(&mut self, port: PortId, frames: &mut Vec<ReplayFrame>) -> u64 {
        let bytes = frames.iter().map(|frame| frame.bytes().len() as u64).sum();
        self.sent
            .extend(frames.drain(..).map(|frame| (port, frame)));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_receives_only_what_was_offered_to_it() {
        let mut io = ReplayIo::default();
        let frame = ReplayFrame::new(&[1; 60], 60, None, Instant(3));
        io.offer(PortId(1), frame);
        let mut burst = Vec::new();
        io.receive(PortId(0), &mut burst);
        assert!(burst.is_empty());
        io.receive(PortId(1), &mut burst);
        assert_eq!(ReplayIo::stamp(&burst[0]), Some(Instant(3)));
    }

    #[test]
    fn what_is_sent_is_taken_once_in_order() {
        let mut io = ReplayIo::default();
        let frame = |tag| ReplayFrame::new(&[tag; 60], 60, None, Instant(0));
        io.transmit(PortId(0), &mut vec![frame(1), frame(2)]);
        io.transmit(PortId(1), &mut vec![frame(3)]);
        let tags: Vec<u8> = io.take_sent().map(|(_, frame)| frame.bytes()[0]).collect();
        assert_eq!(tags, [1, 2, 3]);
        assert_eq!(io.take_sent().count(), 0);
    }
}
