//! A frame of a replay: its bytes behind headroom, where it came from, and what it said when it came.

use crate::dataplane::frame_io::{FrameInfo, HEADROOM};
use crate::dataplane::{outbox::Part, verdict::Departure};
use crate::ran::{Instant, PortId};

use super::mark::Mark;

/// Where a frame was read: nothing for frames that a closed-loop peer or the box made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Position in the list of inputs.
    pub input: usize,
    /// Number of the frame in that capture, from 1.
    pub frame: u64,
}

/// How an output frame relates to its input frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The frame itself.
    Forwarded,
    /// Another frame with the same payload.
    Copy,
    /// A frame made from a piece of it.
    Part,
}

impl Kind {
    /// The word in an index file.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Copy => "copy",
            Self::Part => "part",
        }
    }
}

/// One frame, owned.
#[derive(Clone, Debug)]
pub struct ReplayFrame {
    buffer: Vec<u8>,
    start: usize,
    /// Where it was read; `None` if it was made here.
    pub origin: Option<Origin>,
    /// How it relates to its origin.
    pub kind: Kind,
    /// What its headers said on ingress.
    pub received: Option<Mark>,
    /// When it arrived.
    pub stamp: Instant,
}

impl ReplayFrame {
    /// A frame as captured, grown with zeros to `wire_len` bytes if the capture cut it.
    pub fn new(captured: &[u8], wire_len: usize, origin: Option<Origin>, stamp: Instant) -> Self {
        let len = wire_len.max(captured.len());
        let mut buffer = Vec::with_capacity(HEADROOM + len + HEADROOM);
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(captured);
        buffer.resize(HEADROOM + len, 0);
        Self {
            buffer,
            start: HEADROOM,
            origin,
            kind: Kind::Forwarded,
            received: Mark::read(captured),
            stamp,
        }
    }

    /// The frame as it stands.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or(&[])
    }

    /// The frame as it stands, to be damaged by a fault.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.start..).unwrap_or(&mut [])
    }

    /// A fault has changed what the headers say on ingress.
    pub(super) fn read_again(&mut self) {
        self.received = Mark::read(self.bytes());
    }

    pub(super) fn head(&mut self, port: PortId) -> (&mut [u8], FrameInfo) {
        let info = FrameInfo {
            port,
            start: self.start as u16,
            len: (self.buffer.len() - self.start) as u32,
        };
        (&mut self.buffer, info)
    }

    pub(super) fn depart(&mut self, departure: Departure) -> bool {
        let start = usize::from(departure.start);
        if start >= self.buffer.len() {
            return false;
        }
        self.start = start;
        let padded = self.buffer.len() + usize::from(departure.pad);
        self.buffer.resize(padded, 0);
        true
    }

    /// Builds the frame of `parts`, of which the later ones join the first; `None` if a part reaches outside its
    /// source or the arena.
    pub(super) fn build(sources: &[Self], parts: &[Part], arena: &[u8]) -> Option<Self> {
        let (first, more) = parts.split_first()?;
        let mut built = match sources.get(usize::from(first.source)) {
            Some(source) => source.part(first, arena)?,
            None if first.tail.is_empty() => Self::original(first, arena)?,
            None => return None,
        };
        for part in more {
            let source = sources.get(usize::from(part.source))?;
            built.buffer.extend_from_slice(source.range(part)?);
            built.kind = Kind::Part;
        }
        Some(built)
    }

    /// Builds `part` of no frame at all; `None` if it reaches outside the arena.
    fn original(part: &Part, arena: &[u8]) -> Option<Self> {
        let head = arena.get(part.head.start as usize..part.head.end as usize)?;
        let len = head.len() + usize::from(part.pad);
        let mut frame = Self::new(head, len, None, Instant(0));
        frame.kind = Kind::Part;
        Some(frame)
    }

    /// The bytes that `part` takes from this frame, as received.
    fn range(&self, part: &Part) -> Option<&[u8]> {
        let from = HEADROOM + part.tail.start as usize;
        let to = HEADROOM + part.tail.end as usize;
        self.buffer.get(from..to)
    }

    fn part(&self, part: &Part, arena: &[u8]) -> Option<Self> {
        let head = arena.get(part.head.start as usize..part.head.end as usize)?;
        let tail = self.range(part)?;
        let len = head.len() + tail.len() + usize::from(part.pad);
        let mut buffer = Vec::with_capacity(HEADROOM + len);
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(head);
        buffer.extend_from_slice(tail);
        buffer.resize(HEADROOM + len, 0);
        let to = HEADROOM + part.tail.end as usize;
        let whole = !tail.is_empty() && to == self.buffer.len();
        Some(Self {
            buffer,
            start: HEADROOM,
            origin: self.origin,
            kind: if whole { Kind::Copy } else { Kind::Part },
            received: self.received,
            stamp: self.stamp,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> ReplayFrame {
        ReplayFrame::new(bytes, bytes.len(), None, Instant(7))
    }

    #[test]
    fn a_cut_frame_is_restored_with_zeros() {
        let restored = ReplayFrame::new(&[1, 2, 3], 6, None, Instant(0));
        assert_eq!(restored.bytes(), [1, 2, 3, 0, 0, 0]);
    }

    #[test]
    fn departing_moves_the_first_byte_and_pads_the_end() {
        let mut moved = frame(&[1, 2, 3, 4]);
        let port = PortId(0);
        let start = HEADROOM as u16 - 1;
        assert!(moved.depart(Departure {
            port,
            start,
            pad: 2
        }));
        assert_eq!(moved.bytes(), [0, 1, 2, 3, 4, 0, 0]);
    }

    #[test]
    fn a_part_takes_its_tail_from_the_frame_as_received() {
        let mut source = frame(&[1, 2, 3, 4]);
        let port = PortId(0);
        let start = HEADROOM as u16 + 1;
        assert!(source.depart(Departure {
            port,
            start,
            pad: 0
        }));
        let part = |tail| Part {
            source: 0,
            port,
            head: 0..2,
            tail,
            pad: 1,
            joins: false,
            urgent: false,
        };
        let copy = source.part(&part(2..4), &[9, 8]).unwrap();
        assert_eq!(
            (copy.bytes(), copy.kind),
            (&[9, 8, 3, 4, 0][..], Kind::Copy)
        );
        assert_eq!(source.part(&part(1..2), &[9, 8]).unwrap().kind, Kind::Part);
        assert!(source.part(&part(2..5), &[9, 8]).is_none());
    }

    #[test]
    fn parts_that_join_follow_each_other_in_one_frame() {
        let sources = [frame(&[1, 2, 3, 4]), frame(&[5, 6, 7, 8])];
        let part = |source, head, tail, joins| Part {
            source,
            port: PortId(0),
            head,
            tail,
            pad: 0,
            joins,
            urgent: false,
        };
        let mut parts = [part(0, 0..1, 3..4, false), part(1, 1..1, 0..2, true)];
        let built = ReplayFrame::build(&sources, &parts, &[9]).unwrap();
        assert_eq!((built.bytes(), built.kind), (&[9, 4, 5, 6][..], Kind::Part));
        parts[1].tail = 3..5;
        assert!(ReplayFrame::build(&sources, &parts, &[9]).is_none());
    }
}
