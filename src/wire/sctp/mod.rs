//! SCTP (RFC 9260): the packet, its chunks, and the few of their fields that tell one association from another.
//!
//! What carries it is the caller's: IP protocol 132, or UDP (RFC 6951), inside which the packet is the same. A
//! view exists only of packets whose chunks end where they should; the checksum is asked for apart, because a
//! packet that fails it is still passed on, and only not believed. Chunk types that are not known are skipped
//! whatever their two top bits say: nothing is answered here.

mod abort;
mod init;
#[cfg(test)]
mod tests;

pub use abort::{Abort, LONGEST_ABORT};
pub use init::{Init, Tlv, Tlvs};

use super::{Fault, Layer, WireError};
use std::fmt;

/// IP protocol number.
pub const PROTOCOL: u8 = 132;
/// UDP port of either side when it is encapsulated (RFC 6951 section 5.1).
pub const UDP_PORT: u16 = 9899;
/// Bytes of the common header.
pub const HEADER_LEN: usize = 12;

const CHECKSUM: usize = 8;
const CHUNK_HEADER_LEN: usize = 4;
/// More chunks than any packet of the midhaul has: a walk has an end.
const MOST_CHUNKS: usize = 512;
/// Bit 0 of the flags of ABORT and SHUTDOWN COMPLETE: the tag is the sender's own, reflected.
const REFLECTED: u8 = 1;

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct Sctp<'a> {
    header: &'a [u8; HEADER_LEN],
    bytes: &'a [u8],
}

impl<'a> Sctp<'a> {
    /// The packet that `bytes` are, and its chunks, at least one. Refused: a chunk that is shorter than its
    /// header or runs past the end, and port 0.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, Chunks<'a>), WireError> {
        let (header, rest) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let view = Self { header, bytes };
        if view.source_port() == 0 || view.destination_port() == 0 {
            return Err(error(Fault::Range));
        }
        let chunks = Chunks { rest };
        let mut walk = chunks.clone();
        let mut count = 0;
        while !walk.rest.is_empty() {
            walk.step()?;
            count += 1;
            if count > MOST_CHUNKS {
                return Err(error(Fault::Depth));
            }
        }
        match count {
            0 => Err(error(Fault::Truncated)),
            _ => Ok((view, chunks)),
        }
    }

    /// Source port.
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Destination port.
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Verification tag: the one that the receiver chose, but for INIT and what is reflected.
    pub const fn tag(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// True if the checksum is that of the bytes.
    pub fn checksum_holds(&self) -> bool {
        let [.., a, b, c, d] = *self.header;
        checksum(self.bytes) == u32::from_le_bytes([a, b, c, d])
    }
}

/// CRC32c of a packet, its checksum field taken as zero (RFC 9260 appendix A). Stored least significant byte
/// first.
fn checksum(packet: &[u8]) -> u32 {
    let (before, rest) = packet.split_at(CHECKSUM.min(packet.len()));
    let behind = rest.get(4..).unwrap_or_default();
    let begun = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    crc32c::crc32c_append(begun, behind)
}

/// The chunks of a packet, in order.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn step(&mut self) -> Result<Chunk<'a>, WireError> {
        let ([kind, flags, high, low], _) = self
            .rest
            .split_first_chunk::<CHUNK_HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        if len < CHUNK_HEADER_LEN {
            return Err(error(Fault::Size));
        }
        let value = self.rest.get(CHUNK_HEADER_LEN..len);
        let chunk = Chunk {
            kind: ChunkType(*kind),
            flags: *flags,
            value: value.ok_or(error(Fault::Size))?,
        };
        // The last may come without its padding.
        let padded = len.next_multiple_of(4).min(self.rest.len());
        self.rest = self.rest.get(padded..).unwrap_or_default();
        Ok(chunk)
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        // They were walked before anybody was given them.
        self.step().ok()
    }
}

/// One chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chunk<'a> {
    /// What it is.
    pub kind: ChunkType,
    /// Flags; what they mean depends on the type.
    pub flags: u8,
    /// What follows the chunk header, without padding.
    pub value: &'a [u8],
}

impl Chunk<'_> {
    /// The T bit of ABORT and SHUTDOWN COMPLETE: the tag of the packet is the one that its receiver sends with.
    pub const fn is_reflected(&self) -> bool {
        self.flags & REFLECTED != 0
    }

    /// TSN of DATA and I-DATA, cumulative TSN of SACK and SHUTDOWN; `None` of the others, or if it is cut off.
    pub fn tsn(&self) -> Option<u32> {
        let has_one = matches!(
            self.kind,
            ChunkType::DATA | ChunkType::I_DATA | ChunkType::SACK | ChunkType::SHUTDOWN
        );
        let tsn = self.value.first_chunk().filter(|_| has_one)?;
        Some(u32::from_be_bytes(*tsn))
    }
}

/// The type of a chunk; any value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChunkType(pub u8);

impl ChunkType {
    /// User data.
    pub const DATA: Self = Self(0);
    /// Begins an association.
    pub const INIT: Self = Self(1);
    /// Answers INIT.
    pub const INIT_ACK: Self = Self(2);
    /// Acknowledges DATA.
    pub const SACK: Self = Self(3);
    /// Asks whether a path works.
    pub const HEARTBEAT: Self = Self(4);
    /// Says that it does.
    pub const HEARTBEAT_ACK: Self = Self(5);
    /// Ends an association at once.
    pub const ABORT: Self = Self(6);
    /// Begins its graceful end.
    pub const SHUTDOWN: Self = Self(7);
    /// Answers SHUTDOWN.
    pub const SHUTDOWN_ACK: Self = Self(8);
    /// Names a fault that is not fatal.
    pub const ERROR: Self = Self(9);
    /// Returns the cookie of INIT ACK.
    pub const COOKIE_ECHO: Self = Self(10);
    /// Accepts the cookie.
    pub const COOKIE_ACK: Self = Self(11);
    /// Answers SHUTDOWN ACK.
    pub const SHUTDOWN_COMPLETE: Self = Self(14);
    /// User data that may be interleaved (RFC 8260).
    pub const I_DATA: Self = Self(64);

    /// One word, for reports; nothing for a type that is not registered.
    pub const fn label(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "data",
            1 => "init",
            2 => "init_ack",
            3 => "sack",
            4 => "heartbeat",
            5 => "heartbeat_ack",
            6 => "abort",
            7 => "shutdown",
            8 => "shutdown_ack",
            9 => "error",
            10 => "cookie_echo",
            11 => "cookie_ack",
            12 => "ecne",
            13 => "cwr",
            14 => "shutdown_complete",
            15 => "auth",
            64 => "i_data",
            128 => "asconf_ack",
            130 => "re_config",
            132 => "pad",
            192 => "forward_tsn",
            193 => "asconf",
            194 => "i_forward_tsn",
            _ => return None,
        })
    }
}

impl fmt::Display for ChunkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label() {
            Some(label) => f.write_str(label),
            None => write!(f, "type {}", self.0),
        }
    }
}

/// One line: ports, tag, chunks, and whether the checksum holds.
impl fmt::Display for Sctp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.source_port(), self.destination_port());
        write!(f, "sctp port {from} > {to} tag {:08x}", self.tag())?;
        let chunks = Chunks {
            rest: self.bytes.get(HEADER_LEN..).unwrap_or_default(),
        };
        for chunk in chunks {
            write!(f, " {}", chunk.kind)?;
            match chunk.kind {
                ChunkType::INIT | ChunkType::INIT_ACK => match Init::parse(chunk.value) {
                    Ok((init, _)) => write!(f, " gives {:08x}", init.tag())?,
                    Err(error) => write!(f, " malformed {error}")?,
                },
                ChunkType::ABORT | ChunkType::SHUTDOWN_COMPLETE if chunk.is_reflected() => {
                    f.write_str(" reflected")?;
                }
                _ => {}
            }
            if let Some(tsn) = chunk.tsn() {
                write!(f, " {tsn}")?;
            }
        }
        f.write_str(match self.checksum_holds() {
            true => " | crc ok",
            false => " | crc wrong",
        })
    }
}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Sctp,
        fault,
    }
}
