//! pcapng blocks: sections, interfaces and enhanced packets; every other block is skipped by its length.
//!
//! IETF draft-ietf-opsawg-pcapng. A section header sets the byte order and forgets the interfaces. Simple
//! packet blocks carry no time and the obsolete packet block is not written since 2004: both are refused
//! rather than dropped in silence.

use pcap_parser::{
    Linktype, OptionCode, PcapNGOption, parse_enhancedpacketblock_be, parse_enhancedpacketblock_le,
    parse_interfacedescriptionblock_be, parse_interfacedescriptionblock_le,
};

use super::{CaptureFault, Found, MAX_FRAME, NANOS, PCAPNG_MAGIC, Stream};
use crate::ran::clock::Instant;

/// What the blocks so far said about those that follow.
#[derive(Default)]
pub(super) struct Sections {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

struct Interface {
    link: Linktype,
    ticks_per_second: u64,
    offset_seconds: i64,
}

impl Sections {
    pub(super) fn next_packet(
        &mut self,
        stream: &mut Stream,
    ) -> Result<Option<Found>, CaptureFault> {
        loop {
            let Some((kind, length)) = self.fill_block(stream)? else {
                return Ok(None);
            };
            let found = self.block(kind, length, stream)?;
            stream.consume(length);
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Buffers one whole block: its type and length, bounded before it is read.
    fn fill_block(&mut self, stream: &mut Stream) -> Result<Option<(u32, usize)>, CaptureFault> {
        if !stream.fill_record(BLOCK_HEAD)? {
            return Ok(None);
        }
        if stream.unread().starts_with(&PCAPNG_MAGIC) {
            self.begin_section(stream.unread())?;
        }
        let kind = self.word(stream.unread(), 0);
        let length = self.word(stream.unread(), 4);
        if length > MAX_BLOCK {
            return Err(CaptureFault::RecordLength(length));
        }
        if (length as usize) < BLOCK_HEAD || !length.is_multiple_of(4) {
            return Err(CaptureFault::Malformed("block length"));
        }
        let whole = length as usize;
        stream.fill_record(whole)?;
        if self.word(stream.unread(), whole - 4) != length {
            return Err(CaptureFault::Malformed("block: its two lengths differ"));
        }
        Ok(Some((kind, whole)))
    }

    fn begin_section(&mut self, block: &[u8]) -> Result<(), CaptureFault> {
        self.interfaces.clear();
        self.big_endian = match block.get(8..12) {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
            _ => return Err(CaptureFault::Malformed("section byte order")),
        };
        Ok(())
    }

    fn word(&self, block: &[u8], at: usize) -> u32 {
        let bytes = block
            .get(at..)
            .and_then(|rest| rest.first_chunk::<4>())
            .copied()
            .unwrap_or_default();
        match self.big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        }
    }

    fn block(
        &mut self,
        kind: u32,
        length: usize,
        stream: &Stream,
    ) -> Result<Option<Found>, CaptureFault> {
        let block = stream.unread().get(..length).unwrap_or_default();
        match kind {
            INTERFACE => self.interface(block).map(|()| None),
            ENHANCED_PACKET => self.packet(block, stream.start).map(Some),
            SIMPLE_PACKET => Err(CaptureFault::Malformed(
                "packet: simple packet blocks have no time",
            )),
            OBSOLETE_PACKET => Err(CaptureFault::Malformed("packet: obsolete packet block")),
            _ => Ok(None),
        }
    }

    fn interface(&mut self, block: &[u8]) -> Result<(), CaptureFault> {
        let parse = match self.big_endian {
            true => parse_interfacedescriptionblock_be,
            false => parse_interfacedescriptionblock_le,
        };
        let (_, parsed) =
            parse(block).map_err(|_| CaptureFault::Malformed("interface description"))?;
        let ticks = ticks_per_second(parsed.if_tsresol)
            .ok_or(CaptureFault::Malformed("interface: time resolution"))?;
        let offset = parsed
            .options
            .iter()
            .find(|option| option.code == OptionCode::IfTsoffset)
            .map_or(0, |option| self.seconds(option));
        self.interfaces.push(Interface {
            link: parsed.linktype,
            ticks_per_second: ticks,
            offset_seconds: offset,
        });
        Ok(())
    }

    /// `if_tsoffset` in the byte order of its section (the crate always reads it little-endian).
    fn seconds(&self, option: &PcapNGOption<'_>) -> i64 {
        let bytes = option
            .value()
            .first_chunk::<8>()
            .copied()
            .unwrap_or_default();
        match self.big_endian {
            true => i64::from_be_bytes(bytes),
            false => i64::from_le_bytes(bytes),
        }
    }

    fn packet(&self, block: &[u8], start: usize) -> Result<Found, CaptureFault> {
        let captured = self.word(block, 20);
        if captured > MAX_FRAME {
            return Err(CaptureFault::RecordLength(captured));
        }
        let parse = match self.big_endian {
            true => parse_enhancedpacketblock_be,
            false => parse_enhancedpacketblock_le,
        };
        let (_, packet) = parse(block).map_err(|_| CaptureFault::Malformed("enhanced packet"))?;
        let interface = usize::try_from(packet.if_id)
            .ok()
            .and_then(|id| self.interfaces.get(id))
            .ok_or(CaptureFault::Malformed("packet: unknown interface"))?;
        if interface.link != Linktype::ETHERNET {
            return Err(CaptureFault::LinkType(interface.link.0));
        }
        let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        let data = start + PACKET_DATA;
        Ok(Found {
            at: interface.instant(ticks),
            data: data..data + captured as usize,
            original_len: packet.origlen,
        })
    }
}

impl Interface {
    fn instant(&self, ticks: u64) -> Instant {
        let nanos = u128::from(ticks) * u128::from(NANOS) / u128::from(self.ticks_per_second);
        let shift = self.offset_seconds.saturating_mul(NANOS as i64);
        Instant(u64::try_from(nanos).unwrap_or(u64::MAX)).offset(shift)
    }
}

/// `if_tsresol`: a power of ten, or of two when the top bit is set; `None` beyond 64 bits.
fn ticks_per_second(resolution: u8) -> Option<u64> {
    let exponent = u32::from(resolution & 0x7f);
    match resolution & 0x80 {
        0 => 10u64.checked_pow(exponent),
        _ => 2u64.checked_pow(exponent),
    }
}

const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BLOCK_HEAD: usize = 12;
const PACKET_DATA: usize = 28;
/// Longest block believed: what Wireshark accepts.
const MAX_BLOCK: u32 = 1 << 24;
