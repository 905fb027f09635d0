//! Who made a U-plane frame, hidden in its IQ bytes, where no rule of the box may reach.
//!
//! The mark lies at the first IQ byte of the frame's first section: behind section header, udCompHdr if
//! present, and the first PRB's udCompParam if the method has one. 18 bytes, big-endian:
//!
//! ```text
//! 0..4   "rlab"
//! 4..6   sender: bit 15 set for an RU; bits 14..0 the position in the configuration's `dus` or `rus`
//! 6..8   cell, position in `cells`
//! 8      stream, position in the cell's streams (downlink, uplink, PRACH list, in this order)
//! 9      0
//! 10..18 serial: U-plane frames that this sender made in this cell before
//! ```
//!
//! A frame with less IQ than that holds no mark. Frames of C-plane carry no IQ and no mark.

use crate::config::model::Compression;
use crate::ran::{CellId, StreamId};

/// Length of a mark in bytes.
pub const MARK_LEN: usize = 18;

/// Who made a frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sender {
    /// Position in `Config::dus`.
    Du(u16),
    /// Position in `Config::rus`.
    Ru(u16),
}

/// A mark.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark {
    /// Who made the frame.
    pub sender: Sender,
    /// For which cell.
    pub cell: CellId,
    /// On which stream of the cell.
    pub stream: StreamId,
    /// U-plane frames this sender made in this cell before.
    pub serial: u64,
}

impl Mark {
    /// The 18 bytes.
    pub fn to_bytes(self) -> [u8; MARK_LEN] {
        let sender = match self.sender {
            Sender::Du(du) => du & !RU,
            Sender::Ru(ru) => ru | RU,
        };
        let [m0, m1, m2, m3] = MAGIC;
        let [s0, s1] = sender.to_be_bytes();
        let [c0, c1] = self.cell.0.to_be_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.serial.to_be_bytes();
        [
            m0,
            m1,
            m2,
            m3,
            s0,
            s1,
            c0,
            c1,
            self.stream.0,
            0,
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            n6,
            n7,
        ]
    }

    /// The mark of a U-plane message, `sections` being its bytes behind the radio header.
    pub fn read(sections: &[u8], compression: Compression) -> Option<Self> {
        let marked = sections.get(iq_offset(compression)..)?;
        let bytes = marked.first_chunk::<MARK_LEN>()?;
        let [m0, m1, m2, m3, s0, s1, c0, c1, stream, _, serial @ ..] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return None;
        }
        let sender = u16::from_be_bytes([s0, s1]);
        Some(Self {
            sender: if sender & RU == 0 {
                Sender::Du(sender)
            } else {
                Sender::Ru(sender & !RU)
            },
            cell: CellId(u16::from_be_bytes([c0, c1])),
            stream: StreamId(stream),
            serial: u64::from_be_bytes(serial),
        })
    }
}

/// From the first byte of a message's sections to its first IQ byte.
pub(super) const fn iq_offset(compression: Compression) -> usize {
    let header = if compression.header { 6 } else { 4 };
    let parameter = matches!(compression.method, 1..=3) as usize;
    header + parameter
}

const MAGIC: [u8; 4] = *b"rlab";
const RU: u16 = 0x8000;

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark = Mark {
        sender: Sender::Ru(3),
        cell: CellId(258),
        stream: StreamId(7),
        serial: 0x0102_0304_0506_0708,
    };

    #[test]
    fn a_mark_reads_back_behind_every_section_header() {
        for (header, method, offset) in [(false, 0, 4), (true, 0, 6), (false, 1, 5), (true, 1, 7)] {
            let compression = Compression {
                header,
                method,
                width: 9,
            };
            let mut sections = vec![0; offset];
            sections.extend_from_slice(&MARK.to_bytes());
            assert_eq!(Mark::read(&sections, compression), Some(MARK));
            assert_eq!(Mark::read(&sections[..offset + 17], compression), None);
        }
    }

    #[test]
    fn other_bytes_are_no_mark() {
        let compression = Compression {
            header: false,
            method: 0,
            width: 16,
        };
        assert_eq!(Mark::read(&[0; 64], compression), None);
    }
}
