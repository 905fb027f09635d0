//! The numbering toward the RU of a cell with two or more members: one counter per egress domain
//! (eAxC, plane, direction), seeded by the first message sent, +1 per message with subSeq 0, through
//! every switch and failover. A drop is therefore no gap, and a switch no jump.

use crate::ran::{Plane, SequenceNumber, StreamId};
use serde::{Deserialize, Serialize};

/// Counters of one cell: two for each stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Renumber {
    next: Box<[Counter]>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counter {
    number: SequenceNumber,
    started: bool,
}

impl Renumber {
    /// For `streams` streams.
    pub fn new(streams: usize) -> Self {
        Self {
            next: vec![Counter::default(); streams * 2].into_boxed_slice(),
        }
    }

    /// The next message of `stream` gets `number`.
    pub fn restore(&mut self, stream: StreamId, plane: Plane, number: SequenceNumber) {
        let index = stream.index() * 2 + usize::from(plane == Plane::User);
        if let Some(counter) = self.next.get_mut(index) {
            *counter = Counter {
                number,
                started: true,
            };
        }
    }

    /// The number for the next message of `stream`, if there has been one.
    pub fn next(&self, stream: StreamId, plane: Plane) -> Option<SequenceNumber> {
        let index = stream.index() * 2 + usize::from(plane == Plane::User);
        let counter = self.next.get(index)?;
        counter.started.then_some(counter.number)
    }

    /// Goes on with what `other` says of its stream `from`, as stream `to` here.
    pub fn follow(&mut self, to: StreamId, other: &Self, from: StreamId) {
        for plane in 0..2 {
            if let (Some(counter), Some(before)) = (
                self.next.get_mut(to.index() * 2 + plane),
                other.next.get(from.index() * 2 + plane),
            ) {
                *counter = *before;
            }
        }
    }

    /// Becomes equal to `other` without allocating; both are of one cell.
    pub fn copy_from(&mut self, other: &Self) {
        self.next.clone_from(&other.next);
    }

    /// True if `other` has room for as much.
    pub const fn has_shape_of(&self, other: &Self) -> bool {
        self.next.len() == other.next.len()
    }

    /// The number for the next message, given the number it came with.
    #[inline]
    pub fn assign(
        &mut self,
        stream: StreamId,
        plane: Plane,
        came_with: SequenceNumber,
    ) -> SequenceNumber {
        let index = stream.index() * 2 + usize::from(plane == Plane::User);
        let Some(counter) = self.next.get_mut(index) else {
            return came_with;
        };
        let number = if counter.started {
            counter.number
        } else {
            came_with
        };
        *counter = Counter {
            number: number.next(),
            started: true,
        };
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_keeps_its_number_and_the_rest_follow_it_over_the_wrap() {
        let mut renumber = Renumber::new(1);
        let sent: Vec<u8> = [254, 7, 7, 90]
            .into_iter()
            .map(|n| {
                renumber
                    .assign(StreamId(0), Plane::User, SequenceNumber(n))
                    .0
            })
            .collect();
        assert_eq!(sent, [254, 255, 0, 1]);
    }

    #[test]
    fn planes_and_streams_count_apart() {
        let mut renumber = Renumber::new(2);
        renumber.assign(StreamId(0), Plane::User, SequenceNumber(10));
        let control = renumber.assign(StreamId(0), Plane::Control, SequenceNumber(99));
        let other = renumber.assign(StreamId(1), Plane::User, SequenceNumber(50));
        assert_eq!((control.0, other.0), (99, 50));
    }
}
