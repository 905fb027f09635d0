//! Ports in memory that take only so much, and a pool that runs out.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use ranshift::dataplane::frame_io::{BURST, FrameInfo, FrameIo};
use ranshift::dataplane::outbox::Part;
use ranshift::dataplane::verdict::Departure;
use ranshift::ran::{Instant, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::collections::VecDeque;

/// What arrives on each port, what each port still takes, and what was sent.
#[derive(Debug)]
pub(crate) struct NarrowIo {
    offered: Vec<VecDeque<ReplayFrame>>,
    pub(crate) room: Vec<usize>,
    /// The pool has only its reserve left: for C-plane.
    pub(crate) scarce: bool,
    pub(crate) sent: Vec<(PortId, Vec<u8>)>,
}

impl NarrowIo {
    pub(crate) fn new(ports: usize) -> Self {
        Self {
            offered: vec![VecDeque::new(); ports],
            room: vec![usize::MAX; ports],
            scarce: false,
            sent: Vec::new(),
        }
    }

    pub(crate) fn offer(&mut self, port: PortId, frame: &[u8]) {
        let frame = ReplayFrame::new(frame, frame.len(), None, Instant(0));
        self.offered[port.index()].push_back(frame);
    }

    pub(crate) fn take_sent(&mut self) -> Vec<(PortId, Vec<u8>)> {
        std::mem::take(&mut self.sent)
    }
}

impl FrameIo for NarrowIo {
    type Frame = ReplayFrame;

    fn receive(&mut self, port: PortId, into: &mut Vec<ReplayFrame>) {
        let offered = &mut self.offered[port.index()];
        let count = offered.len().min(BURST);
        into.extend(offered.drain(..count));
    }

    fn head(frame: &mut ReplayFrame, port: PortId) -> (&mut [u8], FrameInfo) {
        ReplayIo::head(frame, port)
    }

    fn stamp(_: &ReplayFrame) -> Option<Instant> {
        None
    }

    fn depart(frame: &mut ReplayFrame, departure: Departure) -> bool {
        ReplayIo::depart(frame, departure)
    }

    fn build(
        &mut self,
        sources: &mut [ReplayFrame],
        parts: &[Part],
        arena: &[u8],
        out: &mut Vec<Option<ReplayFrame>>,
    ) {
        for parts in parts.chunk_by(|_, next| next.joins) {
            if self.scarce && !parts[0].urgent {
                out.push(None);
                continue;
            }
            ReplayIo::default().build(sources, parts, arena, out);
        }
    }

    fn transmit(&mut self, port: PortId, frames: &mut Vec<ReplayFrame>) -> u64 {
        let room = &mut self.room[port.index()];
        let count = frames.len().min(*room);
        *room = room.saturating_sub(count);
        let taken = frames.drain(..count).map(|frame| frame.bytes().to_vec());
        let before = self.sent.len();
        self.sent.extend(taken.map(|bytes| (port, bytes)));
        let sent = &self.sent[before..];
        sent.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }
}
