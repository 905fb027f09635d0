//! The P7 header: one codec per dialect, read into one type.
//!
//! ```text
//! oai-nfapi  PHY_ID:16 message_ID:16 length:32 more:1 segment:7 sequence:8 checksum:32 timestamp:32
//! scf225v2   sequence:16 total:32 offset:32 timestamp:32 | type:8 PHY_ID:8 message_ID:16 length:32
//! fapi       messages:8 handle:8 message:16 length:32
//! ```
//!
//! The length of OAI counts its datagram, header included; the others count the body of the message. The
//! second part of SCF 225 is in the piece at offset 0 only (tables 2-4 and 2-5; O-DU-High leaves no padding
//! [?]). Refused: a length that is not the datagram's, an id that the interface does not carry, a wrong
//! checksum, and the 16-byte header of OAI of early 2024, which nothing here speaks.

mod edit;
mod emit;

pub use edit::{set_checksum, set_number_and_phy};
pub use emit::Header;

use super::checksum::{self, COVERED_HEAD};
use super::{Dialect, MessageId, PhyId};
use crate::wire::{Fault, Layer, WireError};

/// Bytes of OAI's P7 header.
pub const OAI_LEN: usize = 18;
/// Bytes of the P7 transport header of SCF 225.2.1.
pub const SCF_TRANSPORT_LEN: usize = 14;
/// Bytes of the message header of SCF 225.2.1, and of plain FAPI.
pub const MESSAGE_LEN: usize = 8;
/// Largest segment number of OAI: 7 bits.
pub const LAST_SEGMENT: u8 = 127;

/// Whether a checksum is looked at. Only OAI's header has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Check {
    /// A wrong one is refused, as OAI's receivers do.
    #[default]
    Verify,
    /// It may be anything.
    Ignore,
}

/// Which part of its message a datagram holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Piece {
    /// All of it: plain FAPI, which cannot cut messages.
    Whole,
    /// OAI: every piece but the last is of one size, and its number places it.
    Numbered {
        /// Counts messages of any type; all pieces of a message share it.
        sequence: u8,
        /// Segment number, 0..=127.
        number: u8,
        /// M: another segment follows.
        more: bool,
    },
    /// SCF 225: placed by bytes. Both count the body; on the wire both count the message header as well.
    Placed {
        /// All pieces of a message share it. O-DU-High always sends 0 [?].
        sequence: u16,
        /// First byte of the body in this piece.
        offset: u32,
        /// Bytes of the body of the message, as announced: nothing here bounds it. O-DU-High announces the size
        /// of its own structure, so that such a message is never whole [?].
        total: u32,
    },
}

impl Piece {
    /// True if a datagram with this piece and `len` bytes of body is a message by itself.
    #[inline]
    pub const fn is_whole(self, len: usize) -> bool {
        match self {
            Self::Whole => true,
            Self::Numbered { number, more, .. } => number == 0 && !more,
            Self::Placed { offset, total, .. } => offset == 0 && total as usize == len,
        }
    }

    /// True for the piece that holds the first byte of the body, and so SFN and slot.
    #[inline]
    pub const fn is_first(self) -> bool {
        match self {
            Self::Whole => true,
            Self::Numbered { number, .. } => number == 0,
            Self::Placed { offset, .. } => offset == 0,
        }
    }

    /// The sequence number; plain FAPI has none.
    #[inline]
    pub const fn sequence(self) -> Option<u16> {
        match self {
            Self::Whole => None,
            Self::Numbered { sequence, .. } => Some(sequence as u16),
            Self::Placed { sequence, .. } => Some(sequence),
        }
    }

    /// An uncut message of `len` body bytes; OAI's header keeps the low 8 bits of `sequence`.
    #[inline]
    pub const fn uncut(dialect: Dialect, sequence: u16, len: u32) -> Self {
        match dialect {
            Dialect::OaiNfapi => Self::Numbered {
                sequence: sequence as u8,
                number: 0,
                more: false,
            },
            Dialect::Scf225v2 => Self::Placed {
                sequence,
                offset: 0,
                total: len,
            },
            Dialect::FapiBig | Dialect::FapiLittle => Self::Whole,
        }
    }

    /// Bytes of the header in front of this piece.
    #[inline]
    pub const fn header_len(self, dialect: Dialect) -> usize {
        match self {
            Self::Placed { offset: 1.., .. } => SCF_TRANSPORT_LEN,
            _ => dialect.p7_header_len(),
        }
    }
}

/// What a message is, and to which PHY it belongs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Head {
    /// PHY_ID, or the opaque handle of plain FAPI, where Aerial puts the cell id.
    pub phy: PhyId,
    /// message_ID.
    pub message: MessageId,
}

/// One P7 datagram, or one message of plain FAPI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Absent in later pieces of SCF 225: they are known by sender and sequence only.
    pub head: Option<Head>,
    /// Which part of the message.
    pub piece: Piece,
    /// Transmit timestamp, microseconds since SFN 0 slot 0 on the sender's clock, 0..=10239999; not checked,
    /// and 0 where there is no such field. Peers measure jitter with it: forwarded messages keep it.
    pub timestamp: u32,
    /// The bytes of the body in this datagram.
    pub body: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads `datagram`, all of a UDP payload. The body is returned as well.
    #[inline]
    pub fn parse(
        datagram: &'a [u8],
        dialect: Dialect,
        check: Check,
    ) -> Result<(Self, &'a [u8]), WireError> {
        let (view, checksum) = Self::parse_head(datagram, datagram.len(), dialect)?;
        if check == Check::Verify
            && let Some(checksum) = checksum
            && !checksum.is_of(&[view.body])
        {
            return Err(error(Fault::Checksum));
        }
        Ok((view, view.body))
    }

    /// Reads a datagram of `there` bytes of which the first are at hand, the header among them: so much of the
    /// body as is there, and the checksum to hold the rest against, if the header has one.
    #[inline]
    pub fn parse_head(
        bytes: &'a [u8],
        there: usize,
        dialect: Dialect,
    ) -> Result<(Self, Option<Checksum>), WireError> {
        let (view, checksum) = match dialect {
            Dialect::OaiNfapi => oai(bytes, there)?,
            Dialect::Scf225v2 => (scf(bytes, there)?, None),
            Dialect::FapiBig | Dialect::FapiLittle => (fapi(bytes, there, dialect)?, None),
        };
        if let Some(head) = view.head
            && !head.message.travels_on_p7(dialect)
        {
            return Err(error(Fault::Range));
        }
        Ok((view, checksum))
    }

    /// True if the datagram is a message by itself.
    #[inline]
    pub const fn is_whole(&self) -> bool {
        self.piece.is_whole(self.body.len())
    }
}

/// The checksum of a datagram and what is covered of its header: the body may be elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checksum {
    covered: [u8; COVERED_HEAD],
    told: u32,
}

impl Checksum {
    /// A sum over the head, to be led over the body.
    #[inline]
    pub fn begin(&self) -> checksum::Sum {
        checksum::Sum::begin(&self.covered)
    }

    /// What the header says.
    #[inline]
    pub const fn told(&self) -> u32 {
        self.told
    }

    /// True if that sum, led over all of the body, is what the header says.
    #[inline]
    pub fn holds(&self, sum: checksum::Sum) -> bool {
        sum.finish() == self.told
    }

    /// True if it is that of a body in these slices.
    #[inline]
    pub fn is_of(&self, body: &[&[u8]]) -> bool {
        checksum::of(&self.covered, body) == self.told
    }
}

#[inline]
fn oai(bytes: &[u8], there: usize) -> Result<(Datagram<'_>, Option<Checksum>), WireError> {
    if is_old_oai(bytes, there) {
        return Err(error(Fault::OldHeader));
    }
    let (header, body) = bytes
        .split_first_chunk::<OAI_LEN>()
        .ok_or(error(Fault::Truncated))?;
    let [p0, p1, m0, m1, l0, l1, l2, l3, segment, sequence, ..] = *header;
    if u32::from_be_bytes([l0, l1, l2, l3]) as usize != there {
        return Err(error(Fault::Size));
    }
    let [.., c0, c1, c2, c3, t0, t1, t2, t3] = *header;
    let checksum = Checksum {
        covered: covered(header),
        told: u32::from_be_bytes([c0, c1, c2, c3]),
    };
    let view = Datagram {
        head: Some(Head {
            phy: PhyId(u16::from_be_bytes([p0, p1])),
            message: MessageId(u16::from_be_bytes([m0, m1])),
        }),
        piece: Piece::Numbered {
            sequence,
            number: segment & LAST_SEGMENT,
            more: segment & MORE != 0,
        },
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        body,
    };
    Ok((view, Some(checksum)))
}

/// The header that OAI wrote in early 2024: 16 bytes, length u16 at offset 4. The u32 there is then never the
/// length of the datagram, so no datagram of today is taken for one.
fn is_old_oai(bytes: &[u8], there: usize) -> bool {
    let Some(([_, _, m0, m1, l0, l1, ..], _)) = bytes.split_first_chunk::<16>() else {
        return false;
    };
    usize::from(u16::from_be_bytes([*l0, *l1])) == there
        && MessageId(u16::from_be_bytes([*m0, *m1])).travels_on_p7(Dialect::OaiNfapi)
}

#[inline]
fn scf(bytes: &[u8], there: usize) -> Result<Datagram<'_>, WireError> {
    let (transport, sdu) = bytes
        .split_first_chunk::<SCF_TRANSPORT_LEN>()
        .ok_or(error(Fault::Truncated))?;
    let [s0, s1, n0, n1, n2, n3, o0, o1, o2, o3, t0, t1, t2, t3] = *transport;
    let in_sdu = u32::from_be_bytes([o0, o1, o2, o3]);
    let total = u32::from_be_bytes([n0, n1, n2, n3])
        .checked_sub(MESSAGE_LEN as u32)
        .ok_or(error(Fault::Size))?;
    let (head, offset, body) = match in_sdu {
        0 => {
            let (head, body) = message_header(sdu, total)?;
            (Some(head), 0, body)
        }
        // A piece that starts inside the message header would be neither a first nor a later one.
        _ => (None, later_offset(in_sdu, sdu)?, sdu),
    };
    // What is not at hand is body.
    let len = body.len() + there.saturating_sub(bytes.len());
    if u64::from(offset) + len as u64 > u64::from(total) {
        return Err(error(Fault::Size));
    }
    Ok(Datagram {
        head,
        piece: Piece::Placed {
            sequence: u16::from_be_bytes([s0, s1]),
            offset,
            total,
        },
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        body,
    })
}

/// The second half of the header, whose length must be that of the SDU without it.
#[inline]
fn message_header(sdu: &[u8], total: u32) -> Result<(Head, &[u8]), WireError> {
    let ([kind, phy, m0, m1, l0, l1, l2, l3], body) = sdu
        .split_first_chunk::<MESSAGE_LEN>()
        .ok_or(error(Fault::Truncated))?;
    if *kind != TERMINATION_P5_P7 {
        return Err(error(Fault::Range));
    }
    if u32::from_be_bytes([*l0, *l1, *l2, *l3]) != total {
        return Err(error(Fault::Size));
    }
    let head = Head {
        phy: PhyId(u16::from(*phy)),
        message: MessageId(u16::from_be_bytes([*m0, *m1])),
    };
    Ok((head, body))
}

/// The offset in the body of a later piece, which must start behind the first byte of it and hold something.
#[inline]
fn later_offset(in_sdu: u32, bytes: &[u8]) -> Result<u32, WireError> {
    match in_sdu.checked_sub(MESSAGE_LEN as u32) {
        Some(offset @ 1..) if !bytes.is_empty() => Ok(offset),
        _ => Err(error(Fault::Size)),
    }
}

#[inline]
fn fapi(bytes: &[u8], there: usize, dialect: Dialect) -> Result<Datagram<'_>, WireError> {
    let ([count, handle, m0, m1, l0, l1, l2, l3], body) = bytes
        .split_first_chunk::<MESSAGE_LEN>()
        .ok_or(error(Fault::Truncated))?;
    let order = dialect.encoding().order;
    // SCF 222 lets a header speak for several messages; no implementation does.
    if *count != 1 {
        return Err(error(Fault::Range));
    }
    let len = body.len() + there.saturating_sub(bytes.len());
    if order.u32([*l0, *l1, *l2, *l3]) as usize != len {
        return Err(error(Fault::Size));
    }
    Ok(Datagram {
        head: Some(Head {
            phy: PhyId(u16::from(*handle)),
            message: MessageId(order.u16([*m0, *m1])),
        }),
        piece: Piece::Whole,
        timestamp: 0,
        body,
    })
}

/// The part of the header that the checksum covers.
#[inline]
const fn covered(header: &[u8; OAI_LEN]) -> [u8; COVERED_HEAD] {
    let [a, b, c, d, e, f, g, h, i, j, ..] = *header;
    [a, b, c, d, e, f, g, h, i, j]
}

#[inline]
fn narrow(phy: PhyId) -> Result<u8, WireError> {
    u8::try_from(phy.0).map_err(|_| error(Fault::Range))
}

const MORE: u8 = 0x80;
/// sRU termination type of P5 and P7; 2 to 4 are P19 and P4.
const TERMINATION_P5_P7: u8 = 1;

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::P7,
        fault,
    }
}

#[cfg(test)]
mod tests;
