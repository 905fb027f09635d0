//! C-plane messages and U-plane section headers as the lab and tests send them.
//!
//! Emitted from the radio header on; `ecpri` and `ethernet` emit what is in front. The appliance itself
//! only edits and restricts what a DU said.

use super::cplane::SectionType;
use super::header::Header;

/// A C-plane message of section type 0, 1, 3 or 5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlMessage<'a> {
    /// Radio header with startSymbolId.
    pub radio: Header,
    /// Section type, and what it puts into the header.
    pub kind: ControlKind,
    /// At most 255.
    pub sections: &'a [ControlSection<'a>],
}

/// The header fields of a section type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlKind {
    /// Type 0.
    Idle(Timing),
    /// Type 1 with udCompHdr.
    Normal(u8),
    /// Type 3 with udCompHdr.
    Prach(Timing, u8),
    /// Type 5 with udCompHdr.
    Scheduled(u8),
}

/// timeOffset, frameStructure and cpLength of section types 0 and 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// In Ts of 1/30.72 MHz.
    pub time_offset: u16,
    /// FFT size:4 SCS:4.
    pub frame_structure: u8,
    /// In Ts of 1/30.72 MHz; 0 as configured.
    pub cp_length: u16,
}

/// A section. Fields as in `cplane::Section`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ControlSection<'a> {
    /// 12 bits.
    pub section_id: u16,
    /// Every other resource block.
    pub rb: bool,
    /// Starts one symbol later than the one before.
    pub sym_inc: bool,
    /// 0..=1023.
    pub start_prb: u16,
    /// 0 is all of the carrier.
    pub num_prb: u8,
    /// 12 bits.
    pub re_mask: u16,
    /// 1..=14.
    pub num_symbol: u8,
    /// 15 bits.
    pub beam_or_ue_id: u16,
    /// Type 3 only: half subcarrier spacings, 24 bits.
    pub freq_offset: i32,
    /// Encoded extension chain; ef is set if it is not empty.
    pub extensions: &'a [u8],
}

impl ControlSection<'_> {
    /// All PRBs and resource elements of `num_symbol` symbols, beam 0.
    pub const fn whole(section_id: u16, num_symbol: u8) -> Self {
        Self {
            section_id,
            rb: false,
            sym_inc: false,
            start_prb: 0,
            num_prb: 0,
            re_mask: 0xfff,
            num_symbol,
            beam_or_ue_id: 0,
            freq_offset: 0,
            extensions: &[],
        }
    }

    fn emit(&self, section_type: SectionType, out: &mut Vec<u8>) {
        emit_allocation(
            self.section_id,
            (self.rb, self.sym_inc),
            self.start_prb,
            self.num_prb,
            out,
        );
        let symbols = self.re_mask << 4 | u16::from(self.num_symbol & 0x0f);
        out.extend_from_slice(&symbols.to_be_bytes());
        let ef = u16::from(!self.extensions.is_empty()) << 15;
        out.extend_from_slice(&(ef | (self.beam_or_ue_id & 0x7fff)).to_be_bytes());
        if section_type == SectionType::Prach {
            out.extend_from_slice(&(self.freq_offset << 8).to_be_bytes());
        }
        out.extend_from_slice(self.extensions);
    }
}

impl ControlMessage<'_> {
    /// Appends the message, radio header first.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let section_type = match self.kind {
            ControlKind::Idle(_) => SectionType::Idle,
            ControlKind::Normal(_) => SectionType::Normal,
            ControlKind::Prach(..) => SectionType::Prach,
            ControlKind::Scheduled(_) => SectionType::Scheduled,
        };
        self.radio.emit(out);
        out.extend_from_slice(&[self.sections.len() as u8, section_type.code()]);
        match self.kind {
            ControlKind::Normal(udcomp) | ControlKind::Scheduled(udcomp) => {
                out.extend_from_slice(&[udcomp, 0]);
            }
            ControlKind::Idle(timing) => timing.emit(0, out),
            ControlKind::Prach(timing, udcomp) => timing.emit(udcomp, out),
        }
        for section in self.sections {
            section.emit(section_type, out);
        }
    }
}

impl Timing {
    fn emit(&self, last: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.time_offset.to_be_bytes());
        out.push(self.frame_structure);
        out.extend_from_slice(&self.cp_length.to_be_bytes());
        out.push(last);
    }
}

/// A U-plane section header; the PRBs follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserSection {
    /// 12 bits.
    pub section_id: u16,
    /// Every other resource block.
    pub rb: bool,
    /// For the symbol after the one before.
    pub sym_inc: bool,
    /// 0..=1023.
    pub start_prb: u16,
    /// 0 is all of the carrier.
    pub num_prb: u8,
    /// udCompHdr, if compression is dynamic.
    pub udcomp: Option<u8>,
}

impl UserSection {
    /// Appends the 4 or 6 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let flags = (self.rb, self.sym_inc);
        emit_allocation(self.section_id, flags, self.start_prb, self.num_prb, out);
        if let Some(udcomp) = self.udcomp {
            out.extend_from_slice(&[udcomp, 0]);
        }
    }
}

/// `sectionId:12 rb:1 symInc:1 startPrb:10 numPrb:8`, common to both planes.
fn emit_allocation(
    id: u16,
    (rb, sym_inc): (bool, bool),
    start_prb: u16,
    num_prb: u8,
    out: &mut Vec<u8>,
) {
    let word = u32::from(id & 0x0fff) << 20
        | u32::from(rb) << 19
        | u32::from(sym_inc) << 18
        | u32::from(start_prb & 0x03ff) << 8
        | u32::from(num_prb);
    out.extend_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::Direction;
    use crate::wire::vectors;

    const RADIO: Header = Header {
        direction: Direction::Downlink,
        filter_index: 0,
        frame: 17,
        subframe: 3,
        slot: 1,
        symbol: 0,
    };

    fn emitted(radio: Header, kind: ControlKind, sections: &[ControlSection<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        let message = ControlMessage {
            radio,
            kind,
            sections,
        };
        message.emit(&mut out);
        out
    }

    #[test]
    fn a_message_of_type_1_equals_the_checked_one() {
        let found = emitted(
            RADIO,
            ControlKind::Normal(0x91),
            &[ControlSection::whole(1, 14)],
        );
        assert_eq!(found, vectors::v5()[26..42]);
    }

    #[test]
    fn a_message_of_type_0_equals_the_checked_one() {
        let radio = Header { symbol: 0, ..RADIO };
        let timing = Timing {
            time_offset: 0,
            frame_structure: 0xc1,
            cp_length: 0,
        };
        let found = emitted(
            radio,
            ControlKind::Idle(timing),
            &[ControlSection::whole(0, 4)],
        );
        assert_eq!(found, vectors::v9()[26..46]);
    }

    #[test]
    fn a_message_of_type_3_equals_the_checked_one() {
        let radio = Header {
            direction: Direction::Uplink,
            filter_index: 3,
            subframe: 9,
            ..RADIO
        };
        let timing = Timing {
            time_offset: 0,
            frame_structure: 0xc1,
            cp_length: 0,
        };
        let section = ControlSection {
            num_prb: 12,
            freq_offset: -3276,
            ..ControlSection::whole(3, 12)
        };
        let found = emitted(radio, ControlKind::Prach(timing, 0x91), &[section]);
        assert_eq!(found, vectors::v7()[26..50]);
    }

    #[test]
    fn sections_with_extensions_equal_the_checked_ones() {
        let extensions = &vectors::v6()[50..62];
        let first = ControlSection {
            num_prb: 100,
            ..ControlSection::whole(1, 3)
        };
        let second = ControlSection {
            start_prb: 100,
            num_prb: 100,
            beam_or_ue_id: 7,
            extensions,
            ..ControlSection::whole(2, 11)
        };
        let found = emitted(RADIO, ControlKind::Normal(0), &[first, second]);
        assert_eq!(found, vectors::v6()[26..62]);
    }

    #[test]
    fn user_section_headers_equal_the_checked_ones() {
        let extreme = UserSection {
            section_id: 0xabc,
            rb: true,
            sym_inc: true,
            start_prb: 1023,
            num_prb: 1,
            udcomp: None,
        };
        let dynamic = UserSection {
            section_id: 1,
            rb: false,
            sym_inc: false,
            start_prb: 10,
            num_prb: 2,
            udcomp: Some(0x91),
        };
        let mut out = Vec::new();
        extreme.emit(&mut out);
        assert_eq!(out, vectors::v15()[30..34]);
        out.clear();
        dynamic.emit(&mut out);
        assert_eq!(out, vectors::v2()[30..36]);
    }
}
