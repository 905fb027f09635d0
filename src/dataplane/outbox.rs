//! Bounded list of frames that the journey wants beside or instead of the one it was given.
//!
//! A part is a head written here followed by a range of the source frame, so payload is never copied
//! by a decision. A frame whose payload lies in several frames is several parts, of which the later ones join
//! the first. One outbox serves a whole burst; it is allocated once.

use crate::ran::PortId;
use std::ops::Range;

/// One frame to build, or more of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Position of the source frame in the burst.
    pub source: u16,
    /// Egress port.
    pub port: PortId,
    /// The head, as a range of the outbox's arena.
    pub head: Range<u32>,
    /// What follows the head: a range of the source frame counted from its first byte as received;
    /// empty when the head is the whole frame.
    pub tail: Range<u32>,
    /// Zero bytes to append; none where another part joins.
    pub pad: u8,
    /// Without a head: its tail goes on behind that of the part before it.
    pub joins: bool,
    /// C-plane: built from the last buffers too.
    pub urgent: bool,
}

/// Parts of one burst and the bytes of their heads.
#[derive(Debug)]
pub struct Outbox {
    parts: Vec<Part>,
    arena: Vec<u8>,
    source: u16,
    capacity: usize,
}

/// The outbox holds no more parts or bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutboxFull;

impl Outbox {
    /// Room for `parts` parts and `bytes` bytes of heads.
    pub fn new(parts: usize, bytes: usize) -> Self {
        Self {
            parts: Vec::with_capacity(parts),
            arena: Vec::with_capacity(bytes),
            source: 0,
            capacity: bytes,
        }
    }

    /// Forgets the last burst.
    pub fn clear(&mut self) {
        self.parts.clear();
        self.arena.clear();
    }

    /// Parts pushed from now on come from the frame at `position` in the burst.
    pub fn begin(&mut self, position: u16) {
        self.source = position;
    }

    /// Adds a part: `head` is copied into the arena.
    pub fn push(
        &mut self,
        port: PortId,
        head: &[&[u8]],
        tail: Range<u32>,
        pad: u8,
    ) -> Result<(), OutboxFull> {
        let bytes: usize = head.iter().map(|piece| piece.len()).sum();
        if self.parts.len() == self.parts.capacity() || self.arena.len() + bytes > self.capacity {
            return Err(OutboxFull);
        }
        let from = self.arena.len() as u32;
        for piece in head {
            self.arena.extend_from_slice(piece);
        }
        self.parts.push(Part {
            source: self.source,
            port,
            head: from..self.arena.len() as u32,
            tail,
            pad,
            joins: false,
            urgent: false,
        });
        Ok(())
    }

    /// True if so many more parts can be pushed, with heads of at most `bytes` bytes each.
    #[inline]
    pub fn has_room(&self, parts: usize, bytes: usize) -> bool {
        let arena = self.capacity - self.arena.len();
        parts <= self.parts.capacity() - self.parts.len() && parts * bytes <= arena
    }

    /// The frame of the last part goes on with `tail` of the frame at `position` in the burst.
    pub fn join(&mut self, position: u16, tail: Range<u32>) -> Result<(), OutboxFull> {
        let last = self.parts.last().ok_or(OutboxFull)?;
        if self.parts.len() == self.parts.capacity() {
            return Err(OutboxFull);
        }
        let end = self.arena.len() as u32;
        let part = Part {
            source: position,
            head: end..end,
            tail,
            joins: true,
            ..last.clone()
        };
        self.parts.push(part);
        Ok(())
    }

    /// Parts pushed since `mark` are C-plane.
    pub fn hurry(&mut self, mark: usize) {
        for part in self.parts.iter_mut().skip(mark) {
            part.urgent = true;
        }
    }

    /// Holds as much as it did at some moment of another run.
    pub fn fill(&mut self, parts: usize, bytes: usize) {
        let part = Part {
            source: 0,
            port: PortId(0),
            head: 0..0,
            tail: 0..0,
            pad: 0,
            joins: false,
            urgent: false,
        };
        self.parts.resize(parts.min(self.parts.capacity()), part);
        self.arena.resize(bytes.min(self.capacity), 0);
    }

    /// Parts pushed since `mark` are taken back.
    pub fn truncate(&mut self, mark: usize) {
        if let Some(part) = self.parts.get(mark) {
            self.arena.truncate(part.head.start as usize);
        }
        self.parts.truncate(mark);
    }

    /// Number of parts.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Number of frames that the parts pushed since `mark` make.
    pub fn frames(&self, mark: usize) -> usize {
        let pushed = self.parts.iter().skip(mark);
        pushed.filter(|part| !part.joins).count()
    }

    /// True without parts.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The parts, in the order pushed.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The bytes of all heads.
    pub fn arena(&self) -> &[u8] {
        &self.arena
    }

    /// The head of the last part pushed, to finish it (checksums).
    pub fn last_head_mut(&mut self) -> Option<&mut [u8]> {
        let part = self.parts.last()?;
        self.arena
            .get_mut(part.head.start as usize..part.head.end as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_join_make_one_frame() {
        let mut outbox = Outbox::new(4, 64);
        outbox.push(PortId(0), &[b"a"], 0..1, 0).unwrap();
        outbox.push(PortId(1), &[b"b"], 0..1, 0).unwrap();
        outbox.join(3, 5..9).unwrap();
        outbox.join(4, 5..6).unwrap();
        assert_eq!((outbox.frames(0), outbox.frames(1)), (2, 1));
        let joined = &outbox.parts()[2];
        assert_eq!((joined.source, joined.port), (3, PortId(1)));
        assert!(joined.head.is_empty());
        assert_eq!(outbox.join(5, 0..1), Err(OutboxFull));
    }

    #[test]
    fn nothing_joins_an_empty_outbox() {
        assert_eq!(Outbox::new(4, 64).join(0, 0..1), Err(OutboxFull));
    }

    #[test]
    fn a_mark_takes_back_what_joined() {
        let mut outbox = Outbox::new(4, 64);
        outbox.push(PortId(0), &[b"a"], 0..1, 0).unwrap();
        outbox.push(PortId(1), &[b"b"], 0..1, 0).unwrap();
        outbox.join(3, 5..9).unwrap();
        outbox.truncate(1);
        assert_eq!((outbox.len(), outbox.arena()), (1, &b"a"[..]));
    }
}
