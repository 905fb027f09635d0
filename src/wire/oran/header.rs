//! The radio application header, first 4 bytes of C-plane and U-plane (CUS 7.5.2, 8.3.3).
//!
//! Says which slot and symbol a message speaks about. Refuses another payloadVersion than 1, subframes
//! above 9 and symbols above 13; slotId and extended prefix depend on the cell and are the caller's.

use crate::ran::{Direction, Numerology, WireSlot};
use crate::wire::{Fault, Layer, WireError};

/// Bytes of the header.
pub const HEADER_LEN: usize = 4;

/// A radio header.
///
/// ```text
/// dataDirection:1 payloadVersion:3 filterIndex:4 | frameId:8 | subframeId:4 slotId:6 symbolId:6
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RadioHeader<'a> {
    bytes: &'a [u8; HEADER_LEN],
}

impl<'a> RadioHeader<'a> {
    /// The header and what follows it.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (bytes, rest) = bytes.split_first_chunk().ok_or(error(Fault::Truncated))?;
        let view = Self { bytes };
        if (bytes[0] >> 4) & 7 != PAYLOAD_VERSION {
            return Err(error(Fault::Version));
        }
        if view.subframe() > 9 || view.symbol() > 13 {
            return Err(error(Fault::Range));
        }
        Ok((view, rest))
    }

    /// dataDirection: of the radio data, not of the packet.
    #[inline]
    pub const fn direction(&self) -> Direction {
        if self.bytes[0] & 0x80 == 0 {
            Direction::Uplink
        } else {
            Direction::Downlink
        }
    }

    /// filterIndex, 0..=15. 0 is the standard channel; 1..=7 are PRACH-class.
    #[inline]
    pub const fn filter_index(&self) -> u8 {
        self.bytes[0] & 0x0f
    }

    /// True for filterIndex 1..=7. Only 0..=4 are stable over CUS versions; 5..=7 are unsure.
    #[inline]
    pub const fn is_prach(&self) -> bool {
        matches!(self.filter_index(), 1..=7)
    }

    /// frameId: SFN modulo 256.
    #[inline]
    pub const fn frame(&self) -> u8 {
        self.bytes[1]
    }

    /// subframeId, 0..=9.
    #[inline]
    pub const fn subframe(&self) -> u8 {
        self.bytes[2] >> 4
    }

    /// slotId within the subframe, 0..=63 as on the wire.
    #[inline]
    pub const fn slot(&self) -> u8 {
        (u16::from_be_bytes([self.bytes[2], self.bytes[3]]) >> 6) as u8 & 0x3f
    }

    /// symbolId, or startSymbolId in the C-plane, 0..=13.
    #[inline]
    pub const fn symbol(&self) -> u8 {
        self.bytes[3] & 0x3f
    }

    /// The slot on the circle of the headers; `None` if slotId does not exist at `numerology`.
    #[inline]
    pub const fn wire_slot(&self, numerology: Numerology) -> Option<WireSlot> {
        WireSlot::new(self.frame(), self.subframe(), self.slot(), numerology)
    }
}

/// A radio header to emit, payloadVersion 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// dataDirection.
    pub direction: Direction,
    /// filterIndex, 0..=15.
    pub filter_index: u8,
    /// frameId.
    pub frame: u8,
    /// subframeId, 0..=9.
    pub subframe: u8,
    /// slotId, 0..=63.
    pub slot: u8,
    /// symbolId or startSymbolId, 0..=13.
    pub symbol: u8,
}

impl Header {
    /// Appends the 4 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let direction = match self.direction {
            Direction::Uplink => 0,
            Direction::Downlink => 0x80,
        };
        let time = u16::from(self.subframe & 0x0f) << 12
            | u16::from(self.slot & 0x3f) << 6
            | u16::from(self.symbol & 0x3f);
        let first = direction | PAYLOAD_VERSION << 4 | (self.filter_index & 0x0f);
        out.extend_from_slice(&[first, self.frame]);
        out.extend_from_slice(&time.to_be_bytes());
    }
}

const PAYLOAD_VERSION: u8 = 1;

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Radio,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors;

    #[test]
    fn fields_of_a_downlink_header() {
        let frame = vectors::v1();
        let (view, rest) = RadioHeader::parse(&frame[26..]).unwrap();
        assert_eq!(view.direction(), Direction::Downlink);
        assert_eq!((view.filter_index(), view.is_prach()), (0, false));
        assert_eq!((view.frame(), view.subframe()), (17, 3));
        assert_eq!((view.slot(), view.symbol()), (1, 2));
        assert_eq!(rest.len(), 60);
        let mu1 = Numerology::new(1).unwrap();
        assert_eq!(view.wire_slot(mu1), WireSlot::new(17, 3, 1, mu1));
    }

    #[test]
    fn fields_of_a_prach_request() {
        let frame = vectors::v7();
        let (view, _) = RadioHeader::parse(&frame[26..]).unwrap();
        assert_eq!(view.direction(), Direction::Uplink);
        assert_eq!((view.filter_index(), view.is_prach()), (3, true));
        assert_eq!((view.subframe(), view.slot(), view.symbol()), (9, 1, 0));
    }

    #[test]
    fn the_largest_values_of_every_field_read_back() {
        let frame = vectors::v15();
        let (view, _) = RadioHeader::parse(&frame[26..]).unwrap();
        assert_eq!((view.frame(), view.subframe()), (255, 9));
        assert_eq!((view.slot(), view.symbol()), (1, 13));
        let all = Header {
            direction: Direction::Downlink,
            filter_index: 15,
            frame: 255,
            subframe: 9,
            slot: 63,
            symbol: 13,
        };
        let mut out = Vec::new();
        all.emit(&mut out);
        let (view, _) = RadioHeader::parse(&out).unwrap();
        assert_eq!(view.direction(), all.direction);
        assert_eq!((view.filter_index(), view.frame()), (15, 255));
        assert_eq!((view.subframe(), view.slot(), view.symbol()), (9, 63, 13));
        assert_eq!(view.wire_slot(Numerology::new(1).unwrap()), None);
    }

    #[test]
    fn values_outside_their_range_are_refused() {
        let header = |subframe, symbol| Header {
            direction: Direction::Uplink,
            filter_index: 0,
            frame: 0,
            subframe,
            slot: 0,
            symbol,
        };
        for (subframe, symbol, accepted) in [
            (9, 13, true),
            (10, 0, false),
            (15, 0, false),
            (0, 14, false),
            (0, 63, false),
        ] {
            let mut out = Vec::new();
            header(subframe, symbol).emit(&mut out);
            let found = RadioHeader::parse(&out).map_err(|refused| refused.fault);
            assert_eq!(found.is_ok(), accepted);
            assert!(accepted || found.is_err_and(|fault| fault == Fault::Range));
        }
    }

    #[test]
    fn other_payload_versions_and_truncations_are_refused() {
        for first in [0x80, 0xa0, 0xf0] {
            let bytes = [first, 0, 0, 0];
            let refused = RadioHeader::parse(&bytes).unwrap_err();
            assert_eq!(refused, error(Fault::Version));
        }
        for len in 0..4 {
            let bytes = [0x90, 0, 0, 0];
            let refused = RadioHeader::parse(&bytes[..len]).unwrap_err();
            assert_eq!(refused, error(Fault::Truncated));
        }
    }
}
