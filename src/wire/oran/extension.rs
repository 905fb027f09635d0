//! Section extensions of the C-plane (CUS 7.6, 7.7): a chain of type, length and body behind a section.
//!
//! The box reads of them only what decides: which speak for other eAxC ids, and which name symbols.
//! Unknown types are skipped by length; length 0 and a length past the message are refused.

use crate::wire::{Fault, Layer, WireError};
use std::ops::Range;

/// One extension.
///
/// ```text
/// ef:1 extType:7 | extLen:8 (16 for types 11, 19, 20), 32-bit words, header included | body
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Extension<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Extension<'a> {
    /// The extension at the start of `bytes`, which lie `offset` bytes into the message.
    #[inline]
    fn parse(bytes: &'a [u8], offset: usize) -> Result<Self, WireError> {
        let words = match *bytes {
            [kind, high, low, ..] if wide(kind & 0x7f) => u16::from_be_bytes([high, low]),
            [kind, words, ..] if !wide(kind & 0x7f) => u16::from(words),
            _ => return Err(error(Fault::Truncated)),
        };
        if words == 0 {
            return Err(error(Fault::Size));
        }
        let bytes = bytes
            .get(..usize::from(words) * 4)
            .ok_or(error(Fault::Truncated))?;
        Ok(Self { bytes, offset })
    }

    /// extType, 0..=127.
    #[inline]
    pub fn ext_type(&self) -> u8 {
        self.bytes.first().map_or(0, |kind| kind & 0x7f)
    }

    /// ef: another extension follows.
    #[inline]
    pub fn has_next(&self) -> bool {
        self.bytes.first().is_some_and(|kind| kind & 0x80 != 0)
    }

    /// What lies behind extLen, padding included.
    pub fn body(&self) -> &'a [u8] {
        let header = if wide(self.ext_type()) { 3 } else { 2 };
        self.bytes.get(header..).unwrap_or_default()
    }

    /// All bytes, header first; a multiple of 4.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where it lies in the message, counted from the radio header.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes.len()
    }

    /// True for types that make the message speak for other eAxC ids than ecpriRtcid: 7, 10 and 19, and
    /// 16 and 17 which go with 10.
    pub fn speaks_for_other_eaxc(&self) -> bool {
        matches!(self.ext_type(), 7 | 10 | 16 | 17 | 19)
    }

    /// True for types whose body names symbols (6, 12, 13, 19, 20), so that a part of the message needs
    /// another body.
    pub fn names_symbols(&self) -> bool {
        matches!(self.ext_type(), 6 | 12 | 13 | 19 | 20)
    }

    /// The symbols of the section, for the types that override numSymbol (6, 12, 19). Bit n is symbol n.
    ///
    /// That the least significant bit of symbolMask is symbol 0, and that numSymbol is then ignored, is how
    /// a public dissector of CUS 17 reads 7.7.6.5, 7.7.12.3 and 7.7.19; not checked against the clause.
    pub fn symbol_mask(&self) -> Option<u16> {
        let at = mask_offset(self.ext_type())?;
        let mask = self.bytes.get(at..)?.first_chunk()?;
        Some(u16::from_be_bytes(*mask) & ALL_SYMBOLS)
    }
}

/// All 14 bits of a symbol mask.
pub const ALL_SYMBOLS: u16 = 0x3fff;

/// Offset of `priority:2 symbolMask:14` in an extension, for the types that have it once.
pub(super) const fn mask_offset(ext_type: u8) -> Option<usize> {
    match ext_type {
        6 => Some(6),
        12 => Some(2),
        19 => Some(4),
        _ => None,
    }
}

/// True for the types with a 16-bit extLen.
pub(super) const fn wide(ext_type: u8) -> bool {
    matches!(ext_type, 11 | 19 | 20)
}

/// The extensions of one section, in order; ends after the first error.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    rest: Option<&'a [u8]>,
    offset: usize,
}

impl<'a> Extensions<'a> {
    /// Walks `rest`, `offset` bytes into the message, if the section's ef says that there are any.
    #[inline]
    pub(super) fn new(present: bool, rest: &'a [u8], offset: usize) -> Self {
        Self {
            rest: present.then_some(rest),
            offset,
        }
    }

    /// Bytes of the whole chain.
    #[inline]
    pub(super) fn measure(mut self) -> Result<usize, WireError> {
        let start = self.offset;
        for extension in self.by_ref() {
            extension?;
        }
        Ok(self.offset - start)
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let extension = match Extension::parse(rest, self.offset) {
            Ok(extension) => extension,
            Err(error) => return Some(Err(error)),
        };
        self.offset += extension.bytes.len();
        if extension.has_next() {
            self.rest = rest.get(extension.bytes.len()..);
        }
        Some(Ok(extension))
    }
}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Cplane,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Result<Vec<(u8, Range<usize>)>, Fault> {
        Extensions::new(true, bytes, 100)
            .map(|extension| {
                extension
                    .map(|extension| (extension.ext_type(), extension.range()))
                    .map_err(|error| error.fault)
            })
            .collect()
    }

    #[test]
    fn types_11_19_and_20_count_words_in_16_bits() {
        for kind in 0..128 {
            let mut bytes = vec![kind; 1024];
            (bytes[1], bytes[2]) = (1, 0);
            let words = if matches!(kind, 11 | 19 | 20) { 256 } else { 1 };
            assert_eq!(walk(&bytes), Ok(vec![(kind, 100..100 + words * 4)]));
        }
    }

    #[test]
    fn unknown_types_are_skipped_by_length() {
        let bytes = [0x80 | 99, 2, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0xff];
        assert_eq!(walk(&bytes), Ok(vec![(99, 100..108), (4, 108..112)]));
    }

    #[test]
    fn length_zero_is_refused() {
        assert_eq!(walk(&[0x84, 0, 0, 0]), Err(Fault::Size));
        assert_eq!(walk(&[0x8b, 0, 0, 0]), Err(Fault::Size));
    }

    #[test]
    fn a_length_or_a_chain_past_the_end_is_refused() {
        assert_eq!(walk(&[4, 2, 0, 0]), Err(Fault::Truncated));
        assert_eq!(walk(&[0x84, 1, 0, 0]), Err(Fault::Truncated));
        assert_eq!(walk(&[4]), Err(Fault::Truncated));
        assert_eq!(walk(&[11, 0]), Err(Fault::Truncated));
        assert_eq!(walk(&[]), Err(Fault::Truncated));
    }

    #[test]
    fn a_section_without_extensions_has_none() {
        assert_eq!(Extensions::new(false, &[4, 1, 0, 0], 0).count(), 0);
    }

    #[test]
    fn the_symbol_mask_of_each_type_is_found() {
        let six = [6, 2, 0, 0, 0, 0, 0xc0, 0x05];
        let twelve = [12, 1, 0xff, 0xff];
        let nineteen = [19, 0, 2, 0x80, 0x20, 0x01, 0, 0];
        let mask = |bytes: &[u8]| {
            let extension = Extensions::new(true, bytes, 0).next().unwrap().unwrap();
            extension.symbol_mask()
        };
        assert_eq!(mask(&six), Some(0b101));
        assert_eq!(mask(&twelve), Some(ALL_SYMBOLS));
        assert_eq!(mask(&nineteen), Some(0x2001));
        assert_eq!(mask(&[4, 1, 0xff, 0xff]), None);
        assert_eq!(mask(&[6, 1, 0xff, 0xff]), None);
    }
}
