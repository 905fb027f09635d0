//! U-plane sections (CUS 8.3): headers, data, and the exponents of block floating point.
//!
//! There is no section count: sections repeat to the end of the payload. Whether udCompHdr is there is
//! not signalled either and comes from configuration. The journey decides without this file; it is for
//! telemetry, the exponent sampler and section id edits. Refuses data that leaves the message.

use super::compression::{CompressionHeader, Method};
use crate::wire::{Fault, Layer, WireError};
use std::ops::Range;

/// What configuration says of the sections of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Format {
    /// udCompHdr is in every section (dynamic compression); it then decides over `method` and `width`.
    pub header: bool,
    /// udCompMeth, 0..=8, of static compression.
    pub method: u8,
    /// udIqWidth in bits, 1..=16, of static compression.
    pub width: u8,
    /// udCompLen is in every section of methods 5..=8.
    pub length: bool,
    /// PRBs of the carrier, which numPrbu 0 stands for; 0 if unknown.
    pub carrier_prbs: u16,
}

/// The sections in `bytes`, which start behind the radio header.
#[inline]
pub const fn sections(bytes: &[u8], format: Format) -> Sections<'_> {
    Sections {
        rest: bytes,
        offset: 0,
        format,
    }
}

/// The sections of a message; ends after the first error. Up to 3 bytes behind the last are padding.
#[derive(Clone, Debug)]
pub struct Sections<'a> {
    rest: &'a [u8],
    offset: usize,
    format: Format,
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < HEADER_LEN {
            return None;
        }
        let section = Section::parse(self.rest, self.offset, self.format);
        let len = section.as_ref().map_or(self.rest.len(), Section::len);
        self.rest = self.rest.get(len..).unwrap_or_default();
        self.offset += len;
        Some(section)
    }
}

/// One section.
///
/// ```text
/// sectionId:12 rb:1 symInc:1 startPrbu:10 numPrbu:8 | [udIqWidth:4 udCompMeth:4 reserved:8]
/// | [udCompLen:16] | [reserved:4 sReSMask1:12 reserved:4 sReSMask2:12] | PRBs
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    head: &'a [u8; HEADER_LEN],
    udcomp: Option<u8>,
    compression: CompressionHeader,
    masks: [u16; 2],
    prbs: u16,
    data: &'a [u8],
    offset: usize,
    header_len: u8,
}

impl<'a> Section<'a> {
    fn parse(bytes: &'a [u8], offset: usize, format: Format) -> Result<Self, WireError> {
        let mut reader = Reader(bytes);
        let head = reader.take::<HEADER_LEN>()?;
        let udcomp = match format.header {
            true => Some(reader.take::<2>()?[0]),
            false => None,
        };
        let compression = udcomp.map_or_else(
            || CompressionHeader::new(format.method, format.width),
            CompressionHeader::from_wire,
        );
        let length = match format.length && compression.method.is_selective() {
            true => usize::from(u16::from_be_bytes(*reader.take()?)),
            false => 0,
        };
        let masks = match compression.method.has_section_masks() {
            true => {
                let [a, b, c, d] = *reader.take()?;
                [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
            }
            false => [0; 2],
        };
        let mut section = Self {
            head,
            udcomp,
            compression,
            masks,
            prbs: match head[3] {
                0 => format.carrier_prbs,
                some => u16::from(some),
            },
            data: reader.0,
            offset,
            header_len: (bytes.len() - reader.0.len()) as u8,
        };
        let len = match length {
            0 => section.measure()?,
            _ => length
                .checked_sub(usize::from(section.header_len))
                .ok_or(error(Fault::Size))?,
        };
        section.data = reader.0.get(..len).ok_or(error(Fault::Truncated))?;
        Ok(section)
    }

    /// Bytes of PRB data, from the header or by walking; `self.data` is all that is left of the message.
    fn measure(&self) -> Result<usize, WireError> {
        if self.prbs == 0 || matches!(self.compression.method, Method::Reserved(_)) {
            return Err(error(Fault::Unwalkable));
        }
        if let Some(prb) = self.compression.prb_len() {
            return Ok(prb * usize::from(self.prbs));
        }
        let mut prbs = self.prbs();
        let walked = prbs.by_ref().count();
        if walked < usize::from(self.prbs) {
            return Err(error(Fault::Truncated));
        }
        Ok(self.data.len() - prbs.rest.len())
    }

    /// sectionId, 12 bits: couples to the C-plane's.
    #[inline]
    pub const fn section_id(&self) -> u16 {
        u16::from_be_bytes([self.head[0], self.head[1]]) >> 4
    }

    /// rb: every other resource block.
    #[inline]
    pub const fn rb(&self) -> bool {
        self.head[1] & 0x08 != 0
    }

    /// symInc: this section is for the symbol after the one before it.
    #[inline]
    pub const fn sym_inc(&self) -> bool {
        self.head[1] & 0x04 != 0
    }

    /// startPrbu, 0..=1023; 0 where numPrbu is 0, whatever the wire says.
    #[inline]
    pub const fn start_prb(&self) -> u16 {
        match self.head[3] {
            0 => 0,
            _ => u16::from_be_bytes([self.head[1], self.head[2]]) & 0x3ff,
        }
    }

    /// numPrbu as on the wire; 0 is all of the carrier.
    #[inline]
    pub const fn num_prb(&self) -> u8 {
        self.head[3]
    }

    /// PRBs in the section: numPrbu, or those of the carrier.
    #[inline]
    pub const fn prb_count(&self) -> u16 {
        self.prbs
    }

    /// udCompHdr, if the format has it.
    #[inline]
    pub const fn udcomp(&self) -> Option<u8> {
        self.udcomp
    }

    /// Method and width in force: udCompHdr's, or the format's.
    #[inline]
    pub const fn compression(&self) -> CompressionHeader {
        self.compression
    }

    /// Bytes in front of the PRBs: 4, 6, 8, 10 or 12.
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.header_len as usize
    }

    /// Bytes of header and PRBs.
    #[inline]
    const fn len(&self) -> usize {
        self.header_len() + self.data.len()
    }

    /// Where the section starts, counted from behind the radio header.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Where header and PRBs lie, counted from behind the radio header.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len()
    }

    /// The bytes of the PRBs.
    #[inline]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The bytes of each PRB in turn, with their parameter. May end early if udCompLen was wrong.
    #[inline]
    pub fn prbs(&self) -> Prbs<'a> {
        // Mask 1 is for even PRBs, or all of them with rb; mask 2 for odd ones. That odd means the PRB's number
        // in the carrier is inferred (CUS 8.3.3.19).
        let [one, two] = self.masks;
        Prbs {
            rest: self.data,
            left: self.prbs,
            compression: self.compression,
            masks: match (self.rb(), self.start_prb() % 2) {
                (true, _) => [one, one],
                (false, 0) => [one, two],
                (false, _) => [two, one],
            },
        }
    }

    /// The exponent of each PRB, 0..=15; nothing for methods without one. An all-zero PRB has exponent 0.
    #[inline]
    pub fn exponents(&self) -> impl Iterator<Item = u8> + use<'a> {
        let prbs = self
            .compression
            .method
            .has_exponent()
            .then(|| self.prbs())
            .into_iter();
        prbs.flatten()
            .filter_map(|prb| prb.first().map(|parameter| parameter & 0x0f))
    }
}

/// The PRBs of a section.
#[derive(Clone, Debug)]
pub struct Prbs<'a> {
    rest: &'a [u8],
    left: u16,
    compression: CompressionHeader,
    /// sReSMask of this PRB and of the next.
    masks: [u16; 2],
}

impl<'a> Iterator for Prbs<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let [mask, other] = self.masks;
        let len = self.compression.selective_prb_len(self.rest, mask)?;
        let (prb, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        self.masks = [other, mask];
        Some(prb)
    }
}

/// Writes sectionId (12 bits) of the section at `offset`, counted as `bytes` are.
#[inline]
pub fn set_section_id(bytes: &mut [u8], offset: usize, id: u16) {
    super::set_section_id(bytes, offset, id);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], WireError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(error(Fault::Truncated))?;
        self.0 = rest;
        Ok(head)
    }
}

const HEADER_LEN: usize = 4;

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Uplane,
        fault,
    }
}

#[cfg(test)]
mod tests;
