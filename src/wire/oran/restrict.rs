//! A C-plane message restricted to some symbols: how one message becomes a control and a data part.
//!
//! A message has one startSymbolId for all its sections, so a part is a run of consecutive symbols; the
//! caller asks once per run. Sections without a symbol in the run go, with their extensions; the others get
//! a new numSymbol, and the extensions that name symbols (6, 12, 13, 19, 20) a new body. The parts of a
//! partition together say what the message said. Refuses opaque section types, and extension 19 with
//! weights inside, whose ports cannot be found without the number of antennas. Extensions 23 to 25 say
//! how data in some symbols looks, not which symbols are meant, and are copied whole.

use super::cplane::{COMMON_LEN, Cplane, Section, SymbolRange, error};
use super::extension::{Extension, mask_offset};
use crate::wire::{Fault, WireError};

/// Writes to `out` what `message` (radio header to end of eCPRI payload) says of the symbols `first..end`,
/// and returns its length, at most the message's; `None` if it says nothing of them.
pub fn restrict(
    message: &[u8],
    first: u8,
    end: u8,
    out: &mut [u8],
) -> Result<Option<usize>, WireError> {
    let (cplane, _) = Cplane::parse(message)?;
    let part = SymbolRange::new(first, end);
    if part.is_empty() {
        return Ok(None);
    }
    let start = place(cplane.radio().symbol(), part);
    let mut writer = Writer { out, len: 0 };
    let header = message.get(..cplane.section_type().header_len());
    writer.put(header.unwrap_or_default())?;
    let (mut kept, mut symbol) = (0, start);
    for section in cplane.sections() {
        let section = section?;
        if section.symbols() & part.mask() != 0 {
            symbol = writer.section(&section, part, symbol)?;
            kept += 1;
        }
    }
    if let Some([_, _, _, time, count, _]) = writer.out.first_chunk_mut::<COMMON_LEN>() {
        *time = (*time & 0xc0) | start;
        *count = kept;
    }
    Ok((kept > 0).then_some(writer.len))
}

/// The symbol of `part` nearest to `symbol`.
fn place(symbol: u8, part: SymbolRange) -> u8 {
    symbol.clamp(part.first(), part.end() - 1)
}

struct Writer<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let end = self.len + bytes.len();
        let room = self.out.get_mut(self.len..end);
        room.ok_or(error(Fault::Size))?.copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    /// Appends the part of `section`; the section before it starts at `symbol`. Returns where this one does.
    fn section(
        &mut self,
        section: &Section<'_>,
        part: SymbolRange,
        symbol: u8,
    ) -> Result<u8, WireError> {
        let at = self.len;
        for bytes in section.fixed() {
            self.put(bytes)?;
        }
        let start = place(section.start_symbol(), part);
        // symInc says 0 or 1; a gap of more can only come from masks of symbols before startSymbolId.
        let step = match start.saturating_sub(symbol) {
            step @ 0..=1 => step,
            _ => return Err(error(Fault::Unwalkable)),
        };
        let start_prb = self.extensions(section, part, start, at)?;
        let head = self
            .out
            .get_mut(at..)
            .and_then(|head| head.first_chunk_mut());
        if let Some([_, id, prb, _, _, symbols, _, _]) = head {
            let [prb_high, prb_low] = start_prb.to_be_bytes();
            *id = (*id & 0xf8) | step << 2 | prb_high;
            *prb = prb_low;
            *symbols = (*symbols & 0xf0) | remaining(section, part, start);
        }
        Ok(start)
    }

    /// Appends the extensions of the section written at `at`, and returns the startPrbc that it now has.
    fn extensions(
        &mut self,
        section: &Section<'_>,
        part: SymbolRange,
        start: u8,
        at: usize,
    ) -> Result<u16, WireError> {
        let mut start_prb = section.start_prb();
        let mut ef = at + EF;
        self.set_ef(ef, false);
        for extension in section.extensions() {
            let extension = extension?;
            let from = self.len;
            match extension.ext_type() {
                HOPPING => start_prb = self.hops(&extension, part, start, start_prb)?,
                _ => self.narrowed(&extension, part.mask())?,
            }
            if self.len > from {
                self.set_ef(ef, true);
                ef = from;
                self.set_ef(ef, false);
            }
        }
        Ok(start_prb)
    }

    /// Extension 13: `reserved:2 nextSymbolId:4 nextStartPrbc:10` each, the last repeated as padding. A hop at
    /// or before `start` becomes startPrbc, which is returned; without hops in the part, nothing is written.
    fn hops(
        &mut self,
        extension: &Extension<'_>,
        part: SymbolRange,
        start: u8,
        mut start_prb: u16,
    ) -> Result<u16, WireError> {
        let at = self.len;
        let mut last = None;
        for hop in extension.body().as_chunks::<2>().0 {
            let word = u16::from_be_bytes(*hop);
            let next_symbol = (word >> 10) as u8 & 0x0f;
            if next_symbol <= start {
                start_prb = word & 0x03ff;
            } else if next_symbol < part.end() {
                if last.is_none() {
                    self.put(&[HOPPING, 0])?;
                }
                self.put(hop)?;
                last = Some(hop);
            }
        }
        if let (Some(hop), 2) = (last, (self.len - at) % 4) {
            self.put(hop)?;
        }
        let words = ((self.len - at) / 4) as u8;
        if let Some(field) = self.out.get_mut(at + 1).filter(|_| words > 0) {
            *field = words;
        }
        Ok(start_prb)
    }

    /// Any other extension, its symbol masks narrowed to `mask`.
    fn narrowed(&mut self, extension: &Extension<'_>, mask: u16) -> Result<(), WireError> {
        let at = self.len;
        self.put(extension.bytes())?;
        let copy = self.out.get_mut(at..self.len).unwrap_or_default();
        if let Some(offset) = mask_offset(extension.ext_type()) {
            narrow(copy, offset, mask);
        }
        match extension.ext_type() {
            COMPACT_BEAMS => narrow_ports(copy, mask),
            PUNCTURING => narrow_patterns(copy, mask),
            _ => Ok(()),
        }
    }

    fn set_ef(&mut self, at: usize, ef: bool) {
        if let Some(byte) = self.out.get_mut(at) {
            *byte = (*byte & 0x7f) | u8::from(ef) << 7;
        }
    }
}

/// numSymbol of `section` in `part`, where it starts at `start`. 0 stays 0, and a run to the end of the slot
/// stays as the sender wrote it.
fn remaining(section: &Section<'_>, part: SymbolRange, start: u8) -> u8 {
    if section.num_symbol() == 0 {
        return 0;
    }
    let end = section.start_symbol() + section.num_symbol();
    let end = match SymbolRange::new(0, u8::MAX).end() == part.end() {
        true => end,
        false => end.min(part.end()),
    };
    // Where an extension's mask decides, the sender's numSymbol may end before this part; 0 is not legal.
    end.saturating_sub(start).max(1)
}

/// Intersects the low 14 bits of the word at `at`; the two above are priority or reserved.
fn narrow(bytes: &mut [u8], at: usize, mask: u16) {
    if let Some(word) = bytes.get_mut(at..).and_then(|word| word.first_chunk_mut()) {
        *word = (u16::from_be_bytes(*word) & (mask | 0xc000)).to_be_bytes();
    }
}

/// Extension 19: `disableBFWs:1 repetition:1 numPortc:6`, and unless repeated, per port `reserved:4
/// portReMask:12 | reserved:2 portSymbolMask:14 | reserved:1 beamId:15`.
fn narrow_ports(bytes: &mut [u8], mask: u16) -> Result<(), WireError> {
    let flags = bytes.get(3).copied().unwrap_or_default();
    let (without_weights, repeated, ports) = (flags & 0x80, flags & 0x40, flags & 0x3f);
    if repeated != 0 || ports == 0 {
        return Ok(());
    }
    if without_weights == 0 {
        return Err(error(Fault::Unwalkable));
    }
    for port in 0..usize::from(ports) {
        narrow(bytes, 6 + port * 6 + 2, mask);
    }
    Ok(())
}

/// Extension 20: numPuncPatterns, then per pattern `symbolMask:14 startPuncPrb:10 numPuncPrb:8 puncReMask:12
/// rb:1 reserved:1 multiSDScope:1 rbgIncl:1`, and with rbgIncl `reserved:1 rbgSize:3 rbgMask:28`. A pattern may
/// be left without symbols. That the mask's lowest bit is symbol 0 here too is derived.
fn narrow_patterns(bytes: &mut [u8], mask: u16) -> Result<(), WireError> {
    let count = bytes.get(3).copied().unwrap_or_default();
    let mut rest = bytes.get_mut(4..).unwrap_or_default();
    for _ in 0..count {
        let ([high, low, _, _, _, flags], after) = rest
            .split_first_chunk_mut()
            .ok_or(error(Fault::Truncated))?;
        let word = u16::from_be_bytes([*high, *low]) & (mask << 2 | 3);
        [*high, *low] = word.to_be_bytes();
        let groups = if *flags & 1 == 0 { 0 } else { 4 };
        rest = after.get_mut(groups..).ok_or(error(Fault::Truncated))?;
    }
    Ok(())
}

/// Offset of ef in a section; it is the first bit of an extension.
const EF: usize = 6;
const HOPPING: u8 = 13;
const COMPACT_BEAMS: u8 = 19;
const PUNCTURING: u8 = 20;

#[cfg(test)]
mod tests;
