//! Frames that are decided but not yet sent, handed out in the order of their time.

use super::leads::Class;
use crate::ran::{Instant, SlotCount, StreamId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// One frame to come. Ordered by time, then by the order in which frames were planned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Planned {
    pub at: Instant,
    pub order: u64,
    /// Position in the list of members, or of radio cells for what an RU sends.
    pub sender: u32,
    pub class: Class,
    pub stream: StreamId,
    pub slot: SlotCount,
    pub symbol: u8,
    /// Position in the sender's list of bodies.
    pub body: u32,
    pub sequence: u8,
    pub filter_index: u8,
    /// Numbered, but lost before the box.
    pub lost: bool,
}

/// Frames to come, earliest first.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    heap: BinaryHeap<Reverse<Planned>>,
    planned: u64,
}

impl Schedule {
    /// Adds a frame; its `order` is given here.
    pub(super) fn push(&mut self, frame: Planned) {
        let order = self.planned;
        self.planned += 1;
        self.heap.push(Reverse(Planned { order, ..frame }));
    }

    /// When the next frame is sent.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(frame)| frame.at)
    }

    /// Takes the next frame.
    pub(super) fn pop(&mut self) -> Option<Planned> {
        self.heap.pop().map(|Reverse(frame)| frame)
    }
}
