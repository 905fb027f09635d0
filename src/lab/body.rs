//! What stands behind the radio header: C-plane sections (CUS 7.4) and U-plane sections with their IQ.
//!
//! Bodies are made once per sender, since they repeat from slot to slot; a frame copies one and writes its
//! mark over the first IQ bytes. IQ is seeded filler of the right length: PRBs in use have random
//! mantissas and an exponent above 0, all others are zero.

use super::link::Link;
use super::mark::{MARK_LEN, iq_offset};
use super::plan::prb_bytes;
use super::random::Random;
use super::style::{ControlMessage, ControlSection, Span, Style};
use crate::config::model::Compression;
use crate::ran::Direction;
use crate::wire::oran::emit::{self, ControlKind, Timing, UserSection};
use crate::wire::oran::header as radio;

/// A C-plane message behind its radio header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ControlBody {
    pub start_symbol: u8,
    pub bytes: Vec<u8>,
}

/// A U-plane message behind its radio header, its tail left out if a snap length leaves it out anyway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct UserBody {
    pub bytes: Vec<u8>,
    pub len: usize,
    pub mark_at: usize,
}

/// PRBs that are not all zero: `first..end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Used {
    pub first: u16,
    pub end: u16,
}

/// How the U-plane of one direction is laid out on one link.
#[derive(Clone, Copy, Debug)]
pub(super) struct UserFormat {
    pub carrier: u16,
    pub compression: Compression,
    /// Bytes of one Ethernet payload left for sections.
    pub room: usize,
    /// Bytes of a body that are kept; the rest is zero.
    pub kept: usize,
}

impl ControlBody {
    /// Section type 1 messages of `style` over `count` symbols from `first`.
    pub(super) fn section_type_1(
        style: Style,
        carrier: u16,
        (first, count): (u8, u8),
        ud_comp_hdr: u8,
    ) -> Vec<Self> {
        let messages = style.messages(carrier, first, count);
        let kind = ControlKind::Normal(ud_comp_hdr);
        let bodies = messages.iter().map(|message| Self::of(message, kind, 0));
        bodies.collect()
    }

    /// The PRACH request of the captures: section type 3, 12 PRBs, 12 repetitions.
    pub(super) fn prach(carrier: u16, mu: u8, ud_comp_hdr: u8) -> Self {
        let section = ControlSection {
            span: Span::new(0, 0, PRACH_PRBS.min(carrier), 0),
            re_mask: 0xfff,
            symbols: PRACH_SYMBOLS,
        };
        let message = ControlMessage {
            start_symbol: 0,
            sections: vec![section],
        };
        let timing = Timing {
            time_offset: PRACH_TIME_OFFSET,
            frame_structure: FFT_4096 | mu,
            cp_length: 0,
        };
        let kind = ControlKind::Prach(timing, ud_comp_hdr);
        Self::of(&message, kind, prach_offset(carrier))
    }

    fn of(message: &ControlMessage, kind: ControlKind, freq_offset: i32) -> Self {
        let sections = message.sections.iter().map(|section| emit::ControlSection {
            section_id: section.span.id,
            start_prb: section.span.start,
            num_prb: section.span.coded,
            re_mask: section.re_mask,
            freq_offset,
            ..emit::ControlSection::whole(0, section.symbols)
        });
        let sections: Vec<_> = sections.collect();
        let message_bytes = emit::ControlMessage {
            radio: PLACEHOLDER,
            kind,
            sections: &sections,
        };
        let mut bytes = Vec::new();
        message_bytes.emit(&mut bytes);
        bytes.drain(..radio::HEADER_LEN); // each frame has its own
        Self {
            start_symbol: message.start_symbol,
            bytes,
        }
    }
}

impl UserBody {
    /// The messages that carry one symbol of `spans`, cut where the MTU demands it.
    pub(super) fn packets(
        spans: &[Span],
        format: UserFormat,
        used: Used,
        random: &mut Random,
    ) -> Vec<Self> {
        let cut = cut(spans, format);
        let bodies = cut
            .iter()
            .map(|spans| Self::of(spans, format, used, random));
        bodies.collect()
    }

    fn of(spans: &[Span], format: UserFormat, used: Used, random: &mut Random) -> Self {
        let mut bytes = Vec::new();
        for span in spans {
            let section = UserSection {
                section_id: span.id,
                rb: false,
                sym_inc: false,
                start_prb: span.start,
                num_prb: span.coded,
                udcomp: format
                    .compression
                    .header
                    .then_some(ud_comp_hdr(format.compression)),
            };
            section.emit(&mut bytes);
            for prb in span.start..span.start + span.count {
                let in_use = (used.first..used.end).contains(&prb);
                push_prb(in_use, format.compression, random, &mut bytes);
            }
        }
        let len = bytes.len();
        bytes.truncate(format.kept.max(iq_offset(format.compression) + MARK_LEN));
        bytes.shrink_to_fit();
        Self {
            bytes,
            len,
            mark_at: iq_offset(format.compression),
        }
    }
}

impl UserFormat {
    /// Of one direction on one link.
    pub(super) fn of(
        carrier: u16,
        compression: Compression,
        mtu: u16,
        link: &Link,
        snap: Option<usize>,
    ) -> Self {
        Self {
            carrier,
            compression,
            room: usize::from(mtu).saturating_sub(link.internet_len() + HEADERS),
            kept: snap.unwrap_or(usize::MAX),
        }
    }

    /// True if one PRB fits.
    pub(super) fn fits(&self) -> bool {
        self.room >= self.section_header() + self.prb()
    }

    const fn section_header(&self) -> usize {
        if self.compression.header { 6 } else { 4 }
    }

    const fn prb(&self) -> usize {
        match prb_bytes(self.compression) {
            Some(bytes) => bytes,
            None => 0,
        }
    }
}

/// udCompHdr as sent: udIqWidth (16 as 0) and udCompMeth; 0 where compression is static.
pub(super) const fn ud_comp_hdr(compression: Compression) -> u8 {
    if !compression.header {
        return 0;
    }
    (compression.width & 0x0f) << 4 | compression.method
}

/// Spans by message: as many PRBs as fit, later pieces of a section under the same id.
fn cut(spans: &[Span], format: UserFormat) -> Vec<Vec<Span>> {
    let mut messages = vec![Vec::new()];
    let mut room = format.room;
    for span in spans {
        let mut start = span.start;
        let end = span.start + span.count;
        while start < end {
            let fit = room.saturating_sub(format.section_header()) / format.prb().max(1);
            let count = (end - start).min(fit.min(usize::from(u16::MAX)) as u16);
            let coded = span.count <= 255 || span.coded == 0;
            let whole = coded && count == span.count;
            let count = if whole { count } else { count.min(255) };
            if count == 0 {
                messages.push(Vec::new());
                room = format.room;
                continue;
            }
            let piece = if whole {
                *span
            } else {
                Span::new(span.id, start, count, format.carrier)
            };
            if let Some(message) = messages.last_mut() {
                message.push(piece);
            }
            room -= format.section_header() + usize::from(count) * format.prb();
            start += count;
        }
    }
    messages.retain(|message| !message.is_empty());
    messages
}

fn push_prb(in_use: bool, compression: Compression, random: &mut Random, out: &mut Vec<u8>) {
    let parameter = matches!(compression.method, 1..=3);
    if parameter {
        out.push(if in_use { 1 + random.below(6) as u8 } else { 0 });
    }
    let samples = 3 * usize::from(compression.width);
    for _ in 0..samples {
        out.push(if in_use { random.next() as u8 } else { 0 });
    }
}

/// freqOffset of the captures, in half subcarriers: the PRACH begins 12 PRBs above the carrier's edge,
/// at the edge itself where the carrier is narrower than that.
const fn prach_offset(carrier: u16) -> i32 {
    let edge = -(carrier as i32) * 12;
    if carrier >= 2 * PRACH_PRBS {
        return edge + 12 * 2 * PRACH_PRBS as i32;
    }
    edge
}

pub(super) const PRACH_PRBS: u16 = 12;
pub(super) const PRACH_SYMBOLS: u8 = 12;
/// eCPRI common header, identifier and sequence, radio header.
const HEADERS: usize = 12;
/// Stands where each frame has its own radio header.
const PLACEHOLDER: radio::Header = radio::Header {
    direction: Direction::Uplink,
    filter_index: 0,
    frame: 0,
    subframe: 0,
    slot: 0,
    symbol: 0,
};
/// timeOffset in Ts, as captured.
const PRACH_TIME_OFFSET: u16 = 484;
/// FFT size in the upper half of frameStructure.
const FFT_4096: u8 = 0xc0;

#[cfg(test)]
mod tests {
    use super::*;

    const BFP9: Compression = Compression {
        header: true,
        method: 1,
        width: 9,
    };
    const ALL: Used = Used { first: 0, end: 51 };

    fn format(carrier: u16, compression: Compression, room: usize) -> UserFormat {
        UserFormat {
            carrier,
            compression,
            room,
            kept: usize::MAX,
        }
    }

    fn lengths(style: Style, format: UserFormat) -> Vec<usize> {
        let spans = style.spans(format.carrier, 0);
        let packets = UserBody::packets(&spans, format, ALL, &mut Random::of(1, 0, 0));
        packets.iter().map(|packet| packet.len).collect()
    }

    #[test]
    fn a_20_mhz_symbol_fits_one_packet_at_mtu_1500() {
        assert_eq!(lengths(Style::Explicit, format(51, BFP9, 1488)), [1434]);
    }

    #[test]
    fn a_100_mhz_symbol_takes_six_packets_of_53_prbs_at_most() {
        let implicit = Compression {
            header: false,
            ..BFP9
        };
        let lengths = lengths(Style::Explicit, format(273, implicit, 1488));
        assert_eq!(lengths, [1488, 1488, 1488, 1488, 1488, 4 + 8 * 28]);
    }

    #[test]
    fn a_jumbo_symbol_is_7680_bytes_with_one_tag() {
        let lengths = lengths(Style::AllPrbs, format(273, BFP9, 8988));
        assert_eq!(lengths, [7680 - 18 - 12]);
    }

    #[test]
    fn a_piece_above_255_prbs_is_cut_unless_it_is_the_carrier() {
        let spans = [Span {
            coded: 14,
            ..Span::new(1, 3, 270, 273)
        }];
        let cut = cut(&spans, format(273, BFP9, 8988));
        let counts: Vec<u16> = cut.iter().flatten().map(|span| span.count).collect();
        assert_eq!(counts, [255, 15]);
    }

    #[test]
    fn later_packets_continue_the_section_under_its_id() {
        let spans = Style::SymbolGroups.spans(51, 1);
        let cut = cut(&spans, format(51, BFP9, 800));
        let ids: Vec<Vec<(u16, u16)>> = cut
            .iter()
            .map(|spans| spans.iter().map(|span| (span.id, span.start)).collect())
            .collect();
        assert_eq!(ids, [vec![(9, 0), (10, 3)], vec![(10, 28)]]);
    }

    #[test]
    fn an_empty_prb_has_exponent_zero_and_a_used_one_has_not() {
        let used = Used { first: 0, end: 1 };
        let spans = Style::Explicit.spans(2, 0);
        let random = &mut Random::of(1, 0, 0);
        let packet = &UserBody::packets(&spans, format(2, BFP9, 1400), used, random)[0];
        assert_ne!(packet.bytes[6], 0);
        assert!(packet.bytes[6 + 28..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn the_prach_request_is_that_of_the_captures() {
        let body = ControlBody::prach(51, 1, ud_comp_hdr(BFP9));
        let expected = [
            1, 3, 0x01, 0xe4, 0xc1, 0, 0, 0x91, 0, 0, 0, 12, 0xff, 0xfc, 0, 0, 0xff, 0xfe, 0xbc, 0,
        ];
        assert_eq!(body.bytes, expected);
    }
}
