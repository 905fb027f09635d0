//! Writing P7 headers.
//!
//! Into the caller's bytes, in front of a body that is only looked at where a checksum needs it.

use super::{
    Head, LAST_SEGMENT, MESSAGE_LEN, MORE, OAI_LEN, Piece, SCF_TRANSPORT_LEN, TERMINATION_P5_P7,
    error, narrow,
};
use crate::wire::nfapi::Dialect;
use crate::wire::nfapi::checksum::Sum;
use crate::wire::{Fault, WireError};

/// A P7 header to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the message is. Later pieces of SCF 225 do not say it.
    pub head: Head,
    /// Of the kind that the dialect has.
    pub piece: Piece,
    /// Microseconds since SFN 0 slot 0; plain FAPI has none.
    pub timestamp: u32,
}

impl Header {
    /// Writes the header in front of the bytes of `body`, given in slices so that nothing is copied to be
    /// summed, to the start of `out`. Returns its length. Refuses what the dialect cannot say.
    #[inline]
    pub fn emit(
        &self,
        dialect: Dialect,
        body: &[&[u8]],
        out: &mut [u8],
    ) -> Result<usize, WireError> {
        let show = |sum: &mut Sum| body.iter().for_each(|piece| sum.over(piece));
        self.emit_shown(dialect, length(body)?, show, out)
    }

    /// Header and body. Returns the length of both.
    #[inline]
    pub fn emit_whole(
        &self,
        dialect: Dialect,
        body: &[u8],
        out: &mut [u8],
    ) -> Result<usize, WireError> {
        let start = self.emit(dialect, &[body], out)?;
        let end = start + body.len();
        let room = out.get_mut(start..end).ok_or(error(Fault::Truncated))?;
        room.copy_from_slice(body);
        Ok(end)
    }

    /// The same in front of `len` bytes that `show` leads a sum over, if there is need of one.
    #[inline]
    pub fn emit_shown(
        &self,
        dialect: Dialect,
        len: u32,
        show: impl FnOnce(&mut Sum),
        out: &mut [u8],
    ) -> Result<usize, WireError> {
        match dialect {
            Dialect::OaiNfapi => self.emit_oai(len, show, out),
            Dialect::Scf225v2 => self.emit_scf(len, out),
            Dialect::FapiBig | Dialect::FapiLittle => self.emit_fapi(dialect, len, out),
        }
    }

    fn emit_oai(
        &self,
        len: u32,
        show: impl FnOnce(&mut Sum),
        out: &mut [u8],
    ) -> Result<usize, WireError> {
        let Piece::Numbered {
            sequence,
            number: number @ ..=LAST_SEGMENT,
            more,
        } = self.piece
        else {
            return Err(error(Fault::Range));
        };
        let out = room::<OAI_LEN>(out)?;
        let length = len.checked_add(OAI_LEN as u32).ok_or(error(Fault::Size))?;
        let [p0, p1] = self.head.phy.0.to_be_bytes();
        let [m0, m1] = self.head.message.0.to_be_bytes();
        let [l0, l1, l2, l3] = length.to_be_bytes();
        let segment = number | if more { MORE } else { 0 };
        let head = [p0, p1, m0, m1, l0, l1, l2, l3, segment, sequence];
        let mut sum = Sum::begin(&head);
        show(&mut sum);
        let [c0, c1, c2, c3] = sum.finish().to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        *out = [
            p0, p1, m0, m1, l0, l1, l2, l3, segment, sequence, c0, c1, c2, c3, t0, t1, t2, t3,
        ];
        Ok(OAI_LEN)
    }

    fn emit_scf(&self, len: u32, out: &mut [u8]) -> Result<usize, WireError> {
        let Piece::Placed {
            sequence,
            offset,
            total,
        } = self.piece
        else {
            return Err(error(Fault::Range));
        };
        let end = offset.checked_add(len).ok_or(error(Fault::Size))?;
        let sdu = total.checked_add(MESSAGE_LEN as u32);
        let sdu = sdu.filter(|_| end <= total).ok_or(error(Fault::Size))?;
        let in_sdu = match offset {
            0 => 0,
            _ => offset + MESSAGE_LEN as u32,
        };
        let header_len = self.piece.header_len(Dialect::Scf225v2);
        if out.len() < header_len {
            return Err(error(Fault::Truncated));
        }
        let [s0, s1] = sequence.to_be_bytes();
        let [n0, n1, n2, n3] = sdu.to_be_bytes();
        let [o0, o1, o2, o3] = in_sdu.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        *room::<SCF_TRANSPORT_LEN>(out)? = [s0, s1, n0, n1, n2, n3, o0, o1, o2, o3, t0, t1, t2, t3];
        if let Some(rest) = out.get_mut(SCF_TRANSPORT_LEN..header_len)
            && !rest.is_empty()
        {
            let phy = narrow(self.head.phy)?;
            let [m0, m1] = self.head.message.0.to_be_bytes();
            let [l0, l1, l2, l3] = total.to_be_bytes();
            *room(rest)? = [TERMINATION_P5_P7, phy, m0, m1, l0, l1, l2, l3];
        }
        Ok(header_len)
    }

    fn emit_fapi(&self, dialect: Dialect, len: u32, out: &mut [u8]) -> Result<usize, WireError> {
        if self.piece != Piece::Whole {
            return Err(error(Fault::Range));
        }
        let order = dialect.encoding().order;
        let handle = narrow(self.head.phy)?;
        let [m0, m1] = order.bytes16(self.head.message.0);
        let [l0, l1, l2, l3] = order.bytes32(len);
        *room::<MESSAGE_LEN>(out)? = [1, handle, m0, m1, l0, l1, l2, l3];
        Ok(MESSAGE_LEN)
    }
}

#[inline]
fn length(body: &[&[u8]]) -> Result<u32, WireError> {
    let sum = body.iter().map(|piece| piece.len()).sum::<usize>();
    u32::try_from(sum).map_err(|_| error(Fault::Size))
}

#[inline]
fn room<const N: usize>(out: &mut [u8]) -> Result<&mut [u8; N], WireError> {
    out.first_chunk_mut().ok_or(error(Fault::Truncated))
}
