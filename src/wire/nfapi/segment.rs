//! Cutting a message into the datagrams that a peer can take.
//!
//! OAI: runs of (datagram - 18) bytes, numbered from 0, at most 128: its own sender lets the 7 bits wrap, and
//! such a message cannot be put together again. SCF 225: 22 bytes of header in the first datagram and 14
//! in the others, placed by offset. Plain FAPI has no pieces. What cannot be said is refused before the
//! first piece. A message as long as the datagram allows is one datagram.
//!
//! The timestamp is the caller's: OAI's VNF stamps each segment anew when it sends it, its PNF writes 0.

use std::ops::Range;

use super::header::{LAST_SEGMENT, SCF_TRANSPORT_LEN};
use super::{Dialect, Piece};
use crate::wire::{Fault, Layer, WireError};

/// One datagram to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// What the header says of it.
    pub piece: Piece,
    /// The bytes of the body that follow the header.
    pub range: Range<usize>,
}

/// The datagrams of one message, in order.
#[derive(Clone, Debug)]
pub struct Segments {
    dialect: Dialect,
    sequence: u16,
    total: u32,
    /// Bytes of body in the first datagram, and in each later one.
    room: (usize, usize),
    /// First byte of the next.
    at: usize,
    number: usize,
    count: usize,
}

impl Segments {
    /// Cuts `body_len` bytes for datagrams (UDP payloads) of at most `datagram` bytes. All share `sequence`, of
    /// which OAI keeps the low 8 bits.
    #[inline]
    pub fn new(
        dialect: Dialect,
        sequence: u16,
        body_len: usize,
        datagram: usize,
    ) -> Result<Self, WireError> {
        let header = dialect.p7_header_len();
        let first = datagram.checked_sub(header).ok_or(error(Fault::Size))?;
        let total = body_len
            .checked_add(header)
            .and_then(|total| u32::try_from(total).ok())
            .ok_or(error(Fault::Size))?;
        let later = match dialect {
            Dialect::OaiNfapi => first,
            Dialect::Scf225v2 => datagram - SCF_TRANSPORT_LEN,
            Dialect::FapiBig | Dialect::FapiLittle => 0,
        };
        // A first piece without body would tell no slot, and the later ones of SCF 225 have to begin behind it.
        if first == 0 && body_len > 0 {
            return Err(error(Fault::Size));
        }
        let behind = body_len.saturating_sub(first);
        let count = match behind {
            0 => 1,
            _ => {
                1 + behind
                    .checked_add(later.saturating_sub(1))
                    .and_then(|bytes| bytes.checked_div(later))
                    .ok_or(error(Fault::Segments))?
            }
        };
        if dialect == Dialect::OaiNfapi && count > usize::from(LAST_SEGMENT) + 1 {
            return Err(error(Fault::Segments));
        }
        Ok(Self {
            dialect,
            sequence,
            total: total - header as u32,
            room: (first, later),
            at: 0,
            number: 0,
            count,
        })
    }
}

impl Iterator for Segments {
    type Item = Segment;

    #[inline]
    fn next(&mut self) -> Option<Segment> {
        if self.number == self.count {
            return None;
        }
        let start = self.at;
        let room = match self.number {
            0 => self.room.0,
            _ => self.room.1,
        };
        let end = (start + room).min(self.total as usize);
        let piece = match self.dialect {
            Dialect::OaiNfapi => Piece::Numbered {
                sequence: self.sequence as u8,
                number: self.number as u8,
                more: self.number + 1 < self.count,
            },
            Dialect::Scf225v2 => Piece::Placed {
                sequence: self.sequence,
                offset: start as u32,
                total: self.total,
            },
            Dialect::FapiBig | Dialect::FapiLittle => Piece::Whole,
        };
        self.at = end;
        self.number += 1;
        Some(Segment {
            piece,
            range: start..end,
        })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.count - self.number;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Segments {}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::P7,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sizes(dialect: Dialect, body: usize, datagram: usize) -> Vec<usize> {
        Segments::new(dialect, 5, body, datagram)
            .unwrap()
            .map(|segment| segment.piece.header_len(dialect) + segment.range.len())
            .collect()
    }

    fn fault(dialect: Dialect, body: usize, datagram: usize) -> Fault {
        Segments::new(dialect, 5, body, datagram).unwrap_err().fault
    }

    #[test]
    fn a_message_of_exactly_the_size_is_one_datagram() {
        for dialect in Dialect::ALL {
            let header = dialect.p7_header_len();
            assert_eq!(sizes(dialect, 1472 - header, 1472), [1472]);
            assert_eq!(sizes(dialect, 0, header), [header]);
        }
        assert_eq!(sizes(Dialect::OaiNfapi, 1455, 1472), [1472, 19]);
        assert_eq!(sizes(Dialect::Scf225v2, 1451, 1472), [1472, 15]);
        assert_eq!(fault(Dialect::FapiBig, 1465, 1472), Fault::Segments);
    }

    #[test]
    fn later_datagrams_of_scf_hold_eight_bytes_more() {
        assert_eq!(sizes(Dialect::Scf225v2, 20 + 28 + 1, 42), [42, 42, 15]);
    }

    #[test]
    fn oai_has_128_segments_and_no_more() {
        assert_eq!(sizes(Dialect::OaiNfapi, 128 * 1454, 1472), [1472; 128]);
        assert_eq!(
            fault(Dialect::OaiNfapi, 128 * 1454 + 1, 1472),
            Fault::Segments
        );
        assert_eq!(sizes(Dialect::Scf225v2, 128 * 1454 + 1, 1472).len(), 128);
    }

    #[test]
    fn a_datagram_without_room_for_body_is_refused() {
        for dialect in Dialect::ALL {
            let header = dialect.p7_header_len();
            assert_eq!(fault(dialect, 0, header - 1), Fault::Size);
            assert_eq!(fault(dialect, 1, header), Fault::Size);
        }
    }

    #[test]
    fn a_length_beyond_32_bits_is_refused() {
        let longest = u32::MAX as usize;
        assert_eq!(fault(Dialect::Scf225v2, longest, 1472), Fault::Size);
        assert_eq!(
            fault(Dialect::FapiLittle, longest - 7, longest),
            Fault::Size
        );
    }

    proptest! {
        #[test]
        fn pieces_cover_the_body_once_and_in_order(
            body in 0usize..20_000,
            datagram in 23usize..2000,
            scf in any::<bool>(),
        ) {
            let dialect = if scf { Dialect::Scf225v2 } else { Dialect::OaiNfapi };
            let Ok(segments) = Segments::new(dialect, 1, body, datagram) else {
                prop_assert!(!scf && body > 128 * (datagram - 18));
                return Ok(());
            };
            let count = segments.len();
            let mut end = 0;
            for (number, segment) in segments.enumerate() {
                prop_assert_eq!(segment.range.start, end);
                end = segment.range.end;
                prop_assert!(end > segment.range.start || body == 0);
                let last = number + 1 == count;
                let len = segment.piece.header_len(dialect) + segment.range.len();
                prop_assert!(len == datagram || last && len < datagram);
                if let Piece::Numbered { number: told, more, .. } = segment.piece {
                    prop_assert_eq!((usize::from(told), more), (number, !last));
                }
            }
            prop_assert_eq!(end, body);
        }
    }
}
