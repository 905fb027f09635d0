//! C-plane messages (CUS 7): header, sections and their symbols.
//!
//! Section types 0, 1, 3 and 5 are walked; every other is recognised by number and opaque. Offsets count
//! from the radio header. Refuses a section or an extension chain that leaves the message, and more
//! sections than there are bytes for.

pub use super::restrict::restrict;

use super::extension::{ALL_SYMBOLS, Extension, Extensions};
use super::header::RadioHeader;
use crate::wire::{Fault, Layer, WireError};
use std::ops::Range;

/// Bytes of radio header, numberOfSections and sectionType.
pub const COMMON_LEN: usize = 6;

/// sectionType, by whether the box can walk it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SectionType {
    /// 0: unused resource blocks or symbols.
    Idle,
    /// 1: most channels.
    Normal,
    /// 3: PRACH and mixed numerology.
    Prach,
    /// 5: scheduling by UE.
    Scheduled,
    /// 2, 4, 6 and above: not walked.
    Opaque(u8),
}

impl SectionType {
    /// From the wire.
    #[inline]
    pub const fn from_wire(code: u8) -> Self {
        match code {
            0 => Self::Idle,
            1 => Self::Normal,
            3 => Self::Prach,
            5 => Self::Scheduled,
            other => Self::Opaque(other),
        }
    }

    /// The number on the wire.
    #[inline]
    pub const fn code(self) -> u8 {
        match self {
            Self::Idle => 0,
            Self::Normal => 1,
            Self::Prach => 3,
            Self::Scheduled => 5,
            Self::Opaque(code) => code,
        }
    }

    /// Bytes of the message in front of its first section.
    #[inline]
    pub const fn header_len(self) -> usize {
        match self {
            Self::Idle | Self::Prach => 12,
            Self::Normal | Self::Scheduled => 8,
            Self::Opaque(_) => COMMON_LEN,
        }
    }

    /// Bytes of a section in front of its extensions.
    #[inline]
    pub(super) const fn section_len(self) -> usize {
        match self {
            Self::Prach => 12,
            _ => SECTION_LEN,
        }
    }
}

/// A C-plane message.
#[derive(Clone, Copy, Debug)]
pub struct Cplane<'a> {
    radio: RadioHeader<'a>,
    count: u8,
    section_type: SectionType,
    /// What the section type puts behind the common bytes: 2, 6 or 0 bytes.
    specific: &'a [u8],
    sections: &'a [u8],
}

impl<'a> Cplane<'a> {
    /// From the radio header to the end of the eCPRI payload. Returns the bytes of the sections as well;
    /// for an opaque section type, everything behind the common 6 bytes.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (radio, rest) = RadioHeader::parse(bytes)?;
        let ([count, code], rest) = rest.split_first_chunk().ok_or(error(Fault::Truncated))?;
        let section_type = SectionType::from_wire(*code);
        let (specific, sections) = rest
            .split_at_checked(section_type.header_len() - COMMON_LEN)
            .ok_or(error(Fault::Truncated))?;
        let view = Self {
            radio,
            count: *count,
            section_type,
            specific,
            sections,
        };
        Ok((view, sections))
    }

    /// The radio header; its symbol is startSymbolId.
    #[inline]
    pub const fn radio(&self) -> RadioHeader<'a> {
        self.radio
    }

    /// sectionType.
    #[inline]
    pub const fn section_type(&self) -> SectionType {
        self.section_type
    }

    /// numberOfSections. Section types 4, 7 and 8 use the byte for something else.
    #[inline]
    pub const fn number_of_sections(&self) -> u8 {
        self.count
    }

    /// udCompHdr of section types 1, 3 and 5: udIqWidth:4 udCompMeth:4.
    pub const fn udcomp(&self) -> Option<u8> {
        match (self.section_type, self.specific) {
            (SectionType::Normal | SectionType::Scheduled, [udcomp, _]) => Some(*udcomp),
            (SectionType::Prach, [.., udcomp]) => Some(*udcomp),
            _ => None,
        }
    }

    /// timeOffset of section types 0 and 3, in Ts of 1/30.72 MHz.
    pub const fn time_offset(&self) -> Option<u16> {
        match self.specific {
            [high, low, _, _, _, _] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// frameStructure of section types 0 and 3: FFT size:4 SCS:4.
    pub const fn frame_structure(&self) -> Option<u8> {
        match self.specific {
            [_, _, structure, _, _, _] => Some(*structure),
            _ => None,
        }
    }

    /// cpLength of section types 0 and 3, in Ts; 0 is the prefix that the M-plane configured. Whether it
    /// scales with the numerology is unsure (CUS 7.5.2.14); the box only copies it.
    pub const fn cp_length(&self) -> Option<u16> {
        match self.specific {
            [_, _, _, high, low, _] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// The sections in order. An opaque section type gives one error, `Unwalkable`.
    #[inline]
    pub fn sections(&self) -> Sections<'a> {
        Sections {
            left: self.count.max(u8::from(self.is_opaque())),
            section_type: self.section_type,
            rest: self.sections,
            offset: self.section_type.header_len(),
            symbol: self.radio.symbol(),
        }
    }

    /// True if an extension makes the message speak for other eAxC ids than ecpriRtcid. False for what cannot
    /// be walked.
    pub fn speaks_for_other_eaxc(&self) -> bool {
        self.sections().flatten().any(|section| {
            section
                .extensions()
                .flatten()
                .any(|extension| extension.speaks_for_other_eaxc())
        })
    }

    const fn is_opaque(&self) -> bool {
        matches!(self.section_type, SectionType::Opaque(_))
    }
}

/// The sections of a message; ends after the first error.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    left: u8,
    section_type: SectionType,
    rest: &'a [u8],
    offset: usize,
    symbol: u8,
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let section = self.parse();
        if section.is_err() {
            self.left = 0;
        }
        Some(section)
    }
}

impl<'a> Sections<'a> {
    #[inline]
    fn parse(&mut self) -> Result<Section<'a>, WireError> {
        if let SectionType::Opaque(_) = self.section_type {
            return Err(error(Fault::Unwalkable));
        }
        let (head, rest) = self
            .rest
            .split_first_chunk::<SECTION_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let (tail, rest) = rest
            .split_at_checked(self.section_type.section_len() - SECTION_LEN)
            .ok_or(error(Fault::Truncated))?;
        let mut section = Section {
            head,
            tail,
            extensions: rest,
            offset: self.offset,
            start_symbol: self.symbol,
        };
        let chain = section.extensions().measure()?;
        let (extensions, rest) = rest
            .split_at_checked(chain)
            .ok_or(error(Fault::Truncated))?;
        section.extensions = extensions;
        section.start_symbol += u8::from(section.sym_inc());
        if section.start_symbol >= SYMBOLS {
            return Err(error(Fault::Range));
        }
        self.symbol = section.start_symbol;
        self.offset = section.range().end;
        self.rest = rest;
        Ok(section)
    }
}

/// One section of type 0, 1, 3 or 5 with its extensions.
///
/// ```text
/// sectionId:12 rb:1 symInc:1 startPrbc:10 numPrbc:8 | reMask:12 numSymbol:4 | ef:1 beamId:15 or ueId:15
/// type 3 adds freqOffset:24 reserved:8
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    head: &'a [u8; SECTION_LEN],
    tail: &'a [u8],
    extensions: &'a [u8],
    offset: usize,
    start_symbol: u8,
}

impl<'a> Section<'a> {
    /// sectionId, 12 bits. Several sections of a message may carry the same.
    #[inline]
    pub const fn section_id(&self) -> u16 {
        u16::from_be_bytes([self.head[0], self.head[1]]) >> 4
    }

    /// rb: every other resource block.
    #[inline]
    pub const fn rb(&self) -> bool {
        self.head[1] & 0x08 != 0
    }

    /// symInc: this section starts one symbol later than the one before it.
    #[inline]
    pub const fn sym_inc(&self) -> bool {
        self.head[1] & 0x04 != 0
    }

    /// startPrbc, 0..=1023.
    #[inline]
    pub const fn start_prb(&self) -> u16 {
        u16::from_be_bytes([self.head[1], self.head[2]]) & 0x3ff
    }

    /// numPrbc; 0 is all of the carrier.
    #[inline]
    pub const fn num_prb(&self) -> u8 {
        self.head[3]
    }

    /// reMask, 12 bits. Which end is resource element 0 matters to the RU only.
    #[inline]
    pub const fn re_mask(&self) -> u16 {
        u16::from_be_bytes([self.head[4], self.head[5]]) >> 4
    }

    /// numSymbol, 0..=15 as on the wire; 1..=14 are legal.
    #[inline]
    pub const fn num_symbol(&self) -> u8 {
        self.head[5] & 0x0f
    }

    /// ef: extensions follow.
    #[inline]
    pub const fn ef(&self) -> bool {
        self.head[6] & 0x80 != 0
    }

    /// beamId (types 1, 3), ueId (type 5), or reserved (type 0), 15 bits.
    #[inline]
    pub const fn beam_or_ue_id(&self) -> u16 {
        u16::from_be_bytes([self.head[6], self.head[7]]) & 0x7fff
    }

    /// freqOffset of type 3, in half subcarrier spacings from the carrier centre.
    pub const fn freq_offset(&self) -> Option<i32> {
        match self.tail {
            [a, b, c, _] => Some(i32::from_be_bytes([*a, *b, *c, 0]) >> 8),
            _ => None,
        }
    }

    /// Where the section starts in the message, counted from the radio header.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Where the section and its extensions lie in the message.
    pub const fn range(&self) -> Range<usize> {
        let len = SECTION_LEN + self.tail.len() + self.extensions.len();
        self.offset..self.offset + len
    }

    /// The 8 or 12 bytes in front of the extensions.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        [self.head.as_slice(), self.tail].into_iter()
    }

    /// Extensions in order.
    #[inline]
    pub fn extensions(&self) -> Extensions<'a> {
        let start = self.offset + SECTION_LEN + self.tail.len();
        Extensions::new(self.ef(), self.extensions, start)
    }

    /// First symbol: startSymbolId, plus one for each symInc up to and with this section.
    #[inline]
    pub const fn start_symbol(&self) -> u8 {
        self.start_symbol
    }

    /// The symbols that the section is for, bit n for symbol n: those from `start_symbol` for numSymbol (0 is
    /// read as 1: a public DU sends it for long PRACH), or the mask of an extension that overrides it.
    pub fn symbols(&self) -> u16 {
        let mask = self
            .extensions()
            .filter_map(|extension| extension.as_ref().ok().and_then(Extension::symbol_mask))
            .reduce(|all, mask| all & mask);
        mask.unwrap_or_else(|| {
            SymbolRange::new(
                self.start_symbol,
                self.start_symbol + self.num_symbol().max(1),
            )
            .mask()
        })
    }

    /// The span of `symbols`.
    pub fn symbol_range(&self) -> SymbolRange {
        let symbols = self.symbols();
        SymbolRange::new(
            symbols.trailing_zeros() as u8,
            (u16::BITS - symbols.leading_zeros()) as u8,
        )
    }
}

/// Consecutive symbols of a slot, `first..end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SymbolRange {
    first: u8,
    end: u8,
}

impl SymbolRange {
    /// Symbols from `first` up to but without `end`, as far as they are in a slot of 14.
    pub const fn new(first: u8, end: u8) -> Self {
        Self {
            first,
            end: if end > SYMBOLS { SYMBOLS } else { end },
        }
    }

    /// The first symbol.
    pub const fn first(self) -> u8 {
        self.first
    }

    /// The symbol behind the last, at most 14.
    pub const fn end(self) -> u8 {
        self.end
    }

    /// True if there is no symbol in it.
    pub const fn is_empty(self) -> bool {
        self.first >= self.end
    }

    /// One bit per symbol, symbol 0 the lowest.
    pub const fn mask(self) -> u16 {
        if self.is_empty() {
            return 0;
        }
        (ALL_SYMBOLS >> (SYMBOLS - self.end)) & (ALL_SYMBOLS << self.first)
    }
}

/// Writes sectionId (12 bits) of the section at `offset` of a message that was parsed.
#[inline]
pub fn set_section_id(message: &mut [u8], offset: usize, id: u16) {
    super::set_section_id(message, offset, id);
}

pub(super) const SECTION_LEN: usize = 8;
const SYMBOLS: u8 = 14;

pub(super) const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Cplane,
        fault,
    }
}

#[cfg(test)]
mod tests;
