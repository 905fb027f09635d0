//! Indications of the PHY (SCF 222.10.02).
//!
//! ```text
//! SLOT      SFN:16 slot:16
//! RX_DATA   SFN:16 slot:16 number:16   { handle:32 RNTI:16 harqId:8 length:32 ulCqi:8 TA:16 RSSI:16 data }
//! CRC       SFN:16 slot:16 number:16   { handle:32 RNTI:16 harqId:8 status:8 numCb:16 bitmap ulCqi:8 TA:16 RSSI:16 }
//! UCI       SFN:16 slot:16 number:16   { type:16 size:16 contents }         sizes of OAI mean nothing
//! SRS       SFN:16 slot:16 length:16 number:8 { handle:32 RNTI:16 TA:16 ns:16 usage:8 report:8 tag:16 length:32 words }
//! RACH      SFN:16 slot:16 number:8    { PCI:16 symbol:8 slot:8 freq:8 RSSI:8 SNR:8 number:8 { index:8 TA:16 power:32 } }
//! ERROR     SFN:16 slot:16 message:8 code:8 [expected SFN:16 slot:16]
//! ```
//!
//! Data of RX_DATA is not padded. The journey reads SFN and slot of them and filters; it writes only SLOT and
//! failing CRCs. 10.04 moves fields between RX_DATA and CRC and is another layout.

use super::fields::{Fields, Room};
use super::pdu::Transmission;
use super::{Encoding, MessageId, body_error, slot};
use crate::ran::SlotPoint;
use crate::wire::{Fault, WireError};

/// An indication with entries; `T` is the kind of entry.
#[derive(Clone, Copy, Debug)]
pub struct Indication<'a, T> {
    point: SlotPoint,
    count: u16,
    encoding: Encoding,
    rest: &'a [u8],
    read: Read<'a, T>,
}

type Read<'a, T> = fn(&mut Fields<'a>, Encoding) -> Result<T, WireError>;

impl<'a, T> Indication<'a, T> {
    /// SFN and slot.
    #[inline]
    pub const fn point(&self) -> SlotPoint {
        self.point
    }

    /// The number of entries, as announced.
    #[inline]
    pub const fn number_of_entries(&self) -> u16 {
        self.count
    }

    /// The entries in order.
    pub const fn entries(&self) -> Entries<'a, T> {
        Entries {
            left: self.count,
            fields: Fields::new(self.rest, self.encoding.order),
            encoding: self.encoding,
            read: self.read,
        }
    }
}

/// The entries of an indication; ends after the first error.
#[derive(Clone, Debug)]
pub struct Entries<'a, T> {
    left: u16,
    fields: Fields<'a>,
    encoding: Encoding,
    read: Read<'a, T>,
}

impl<'a, T> Entries<'a, T> {
    /// Bytes behind the entries returned so far.
    pub const fn rest(&self) -> &'a [u8] {
        self.fields.rest()
    }
}

impl<T> Iterator for Entries<'_, T> {
    type Item = Result<T, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = (self.read)(&mut self.fields, self.encoding);
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}

/// SLOT.indication: the slot, and nothing behind it.
#[inline]
pub fn slot_indication(body: &[u8], encoding: Encoding) -> Result<SlotPoint, WireError> {
    match slot::parse(body, encoding.order)? {
        (point, []) => Ok(point),
        _ => Err(body_error(Fault::Size)),
    }
}

/// Measurements that go with a transport block. Units, and what says that nothing was measured, are from
/// memory [?].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quality {
    /// ulCqi: SNR in steps of 0.5 dB from -64 dB; 255 not measured.
    pub ul_cqi: u8,
    /// Timing advance in the steps of TS 38.213, 31 is none; 65535 not measured.
    pub timing_advance: u16,
    /// In steps of 0.1 dB; 65535 not measured.
    pub rssi: u16,
}

impl Quality {
    /// Nothing was measured.
    pub const UNKNOWN: Self = Self {
        ul_cqi: u8::MAX,
        timing_advance: u16::MAX,
        rssi: u16::MAX,
    };

    fn read(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        Ok(Self {
            ul_cqi: fields.u8()?,
            timing_advance: fields.u16()?,
            rssi: fields.u16()?,
        })
    }
}

/// A PDU of RX_DATA.indication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RxPdu<'a> {
    /// Which transport block.
    pub transmission: Transmission,
    /// Measurements.
    pub quality: Quality,
    /// The MAC PDU; empty if it could not be decoded.
    pub data: &'a [u8],
}

/// RX_DATA.indication.
pub fn rx_data(body: &[u8], encoding: Encoding) -> Result<Indication<'_, RxPdu<'_>>, WireError> {
    indication(body, encoding, |fields, _| {
        let transmission = transmission(fields)?;
        let length = fields.u32()?;
        let quality = Quality::read(fields)?;
        let length = usize::try_from(length).map_err(|_| body_error(Fault::Size))?;
        Ok(RxPdu {
            transmission,
            quality,
            data: fields.take(length)?,
        })
    })
}

/// An entry of CRC.indication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crc<'a> {
    /// Which transport block.
    pub transmission: Transmission,
    /// tbCrcStatus: 0 passed, 1 failed [?].
    pub status: u8,
    /// numCb: code blocks with a bit each, 0 without.
    pub code_blocks: u16,
    /// The bits. OAI's has one byte more than it needs where numCb is a multiple of 8.
    pub bitmap: &'a [u8],
    /// Measurements.
    pub quality: Quality,
}

/// CRC.indication.
pub fn crc(body: &[u8], encoding: Encoding) -> Result<Indication<'_, Crc<'_>>, WireError> {
    indication(body, encoding, |fields, encoding| {
        let transmission = transmission(fields)?;
        let (status, code_blocks) = (fields.u8()?, fields.u16()?);
        let bitmap = match code_blocks {
            0 => 0,
            bits => encoding.bitmap_len(bits),
        };
        Ok(Crc {
            transmission,
            status,
            code_blocks,
            bitmap: fields.take(bitmap)?,
            quality: Quality::read(fields)?,
        })
    })
}

/// A PDU of UCI.indication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UciPdu<'a> {
    /// 0 PUSCH, 1 PUCCH format 0 or 1, 2 PUCCH format 2, 3 or 4.
    pub kind: u16,
    /// Behind type and size.
    pub contents: &'a [u8],
}

/// UCI.indication. OAI leaves in the size of a PDU what its caller left there: its entries are one error,
/// `Unwalkable`. Elsewhere the size counts its own four bytes, as in requests [?].
pub fn uci(body: &[u8], encoding: Encoding) -> Result<Indication<'_, UciPdu<'_>>, WireError> {
    indication(body, encoding, |fields, encoding| {
        if !encoding.sized_uci {
            return Err(body_error(Fault::Unwalkable));
        }
        let (kind, size) = (fields.u16()?, fields.u16()?);
        let len = usize::from(size).checked_sub(4);
        let contents = fields.take(len.ok_or(body_error(Fault::Size))?)?;
        Ok(UciPdu { kind, contents })
    })
}

/// A PDU of SRS.indication, in the form of v4, which OAI sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SrsPdu<'a> {
    /// Handle of the request.
    pub handle: u32,
    /// RNTI of the UE.
    pub rnti: u16,
    /// Timing advance.
    pub timing_advance: u16,
    /// Timing advance, nanoseconds.
    pub timing_advance_ns: i16,
    /// SRS usage.
    pub usage: u8,
    /// Report type.
    pub report_type: u8,
    /// Tag of the report.
    pub tag: u16,
    /// The report, without padding.
    pub report: &'a [u8],
}

/// SRS.indication; the control length is not used.
pub fn srs(body: &[u8], encoding: Encoding) -> Result<Indication<'_, SrsPdu<'_>>, WireError> {
    let (point, rest) = slot::parse(body, encoding.order)?;
    let mut fields = Fields::new(rest, encoding.order);
    let _control_length = fields.u16()?;
    let count = u16::from(fields.u8()?);
    Ok(Indication {
        point,
        count,
        encoding,
        rest: fields.rest(),
        read: srs_pdu,
    })
}

fn srs_pdu<'a>(fields: &mut Fields<'a>, _: Encoding) -> Result<SrsPdu<'a>, WireError> {
    let mut pdu = SrsPdu {
        handle: fields.u32()?,
        rnti: fields.u16()?,
        timing_advance: fields.u16()?,
        timing_advance_ns: fields.i16()?,
        usage: fields.u8()?,
        report_type: fields.u8()?,
        tag: fields.u16()?,
        report: &[],
    };
    let length = usize::try_from(fields.u32()?).map_err(|_| body_error(Fault::Size))?;
    let padded = length.checked_next_multiple_of(4);
    let words = fields.take(padded.ok_or(body_error(Fault::Size))?)?;
    pdu.report = words.get(..length).unwrap_or_default();
    Ok(pdu)
}

/// A PDU of RACH.indication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RachPdu<'a> {
    /// Physical cell id.
    pub phys_cell_id: u16,
    /// First symbol of the occasion.
    pub symbol: u8,
    /// Slot of the occasion in its frame.
    pub slot: u8,
    /// Frequency index of the occasion.
    pub freq_index: u8,
    /// Average RSSI as sent.
    pub average_rssi: u8,
    /// Average SNR as sent.
    pub average_snr: u8,
    preambles: &'a [u8],
    encoding: Encoding,
}

/// A preamble that was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preamble {
    /// Index, 0..=63.
    pub index: u8,
    /// Timing advance.
    pub timing_advance: u16,
    /// Power, in steps of 0.001 dB from -140 dBm [?].
    pub power: u32,
}

impl<'a> RachPdu<'a> {
    /// The preambles in order.
    pub fn preambles(&self) -> impl Iterator<Item = Preamble> + use<'a> {
        let order = self.encoding.order;
        let (preambles, _) = self.preambles.as_chunks::<PREAMBLE_LEN>();
        preambles
            .iter()
            .map(move |[index, a, b, c, d, e, f]| Preamble {
                index: *index,
                timing_advance: order.u16([*a, *b]),
                power: order.u32([*c, *d, *e, *f]),
            })
    }
}

/// RACH.indication.
pub fn rach(body: &[u8], encoding: Encoding) -> Result<Indication<'_, RachPdu<'_>>, WireError> {
    let (point, rest) = slot::parse(body, encoding.order)?;
    let mut fields = Fields::new(rest, encoding.order);
    let count = u16::from(fields.u8()?);
    Ok(Indication {
        point,
        count,
        encoding,
        rest: fields.rest(),
        read: |fields, encoding| {
            let mut pdu = RachPdu {
                phys_cell_id: fields.u16()?,
                symbol: fields.u8()?,
                slot: fields.u8()?,
                freq_index: fields.u8()?,
                average_rssi: fields.u8()?,
                average_snr: fields.u8()?,
                preambles: &[],
                encoding,
            };
            let count = usize::from(fields.u8()?);
            pdu.preambles = fields.take(count * PREAMBLE_LEN)?;
            Ok(pdu)
        },
    })
}

/// ERROR.indication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorIndication {
    /// Slot of the message that is complained of.
    pub point: SlotPoint,
    /// Its id: one byte, so nFAPI's own cannot be named.
    pub message: MessageId,
    /// What is wrong with it.
    pub code: ErrorCode,
    /// The slot that was expected; sent by later versions only.
    pub expected: Option<SlotPoint>,
}

/// ERROR.indication.
pub fn error(body: &[u8], encoding: Encoding) -> Result<ErrorIndication, WireError> {
    let (point, rest) = slot::parse(body, encoding.order)?;
    let mut fields = Fields::new(rest, encoding.order);
    let (message, code) = (fields.u8()?, fields.u8()?);
    let expected = match fields.rest() {
        [] => None,
        rest => Some(slot::parse(rest, encoding.order)?.0),
    };
    Ok(ErrorIndication {
        point,
        message: MessageId(u16::from(message)),
        code: ErrorCode(u32::from(code)),
        expected,
    })
}

/// An error code of FAPI, in ERROR.indication and P5 responses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// MSG_OK.
    pub const OK: Self = Self(0);

    /// Name by the standard (9 to 12 of 10.04); 0x34 is Aerial's.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "OK",
            1 => "INVALID_STATE",
            2 => "INVALID_CONFIG",
            3 => "SFN_OUT_OF_SYNC",
            4 => "SLOT_ERR",
            5 => "BCH_MISSING",
            6 => "INVALID_SFN",
            7 => "UL_DCI_ERR",
            8 => "TX_ERR",
            9 => "INVALID_PHY_ID",
            10 => "UNINSTANTIATED_PHY",
            11 | 12 => "PROFILE_ERR",
            0x34 => "LATE_SLOT",
            0x33..=0xff => "VENDOR_ERR",
            _ => "UNKNOWN_ERR",
        }
    }
}

/// The body of the SLOT.indication for `point`.
#[inline]
pub const fn emit_slot(point: SlotPoint, encoding: Encoding) -> [u8; slot::SLOT_LEN] {
    slot::bytes(point, encoding.order)
}

/// Writes a CRC.indication in which each of `failed` failed, without code blocks and measurements, to the start
/// of `out`; returns its length. For the slots that a dead PHY leaves: HARQ then reacts at once. `None` if
/// `out` is too small.
pub fn emit_failed_crcs(
    point: SlotPoint,
    failed: impl IntoIterator<Item = Transmission>,
    encoding: Encoding,
    out: &mut [u8],
) -> Option<usize> {
    let mut room = Room::new(out, encoding.order);
    room.bytes(&slot::bytes(point, encoding.order))?;
    room.u16(0)?;
    let mut count = 0u16;
    for transmission in failed {
        count = count.checked_add(1)?;
        room.u32(transmission.handle)?;
        room.u16(transmission.rnti)?;
        room.u8(transmission.harq_id)?;
        room.u8(CRC_FAILED)?;
        room.u16(0)?;
        room.u8(Quality::UNKNOWN.ul_cqi)?;
        room.u16(Quality::UNKNOWN.timing_advance)?;
        room.u16(Quality::UNKNOWN.rssi)?;
    }
    let written = room.written();
    let field = out.get_mut(slot::SLOT_LEN..)?.first_chunk_mut()?;
    *field = encoding.order.bytes16(count);
    Some(written)
}

fn indication<'a, T>(
    body: &'a [u8],
    encoding: Encoding,
    read: Read<'a, T>,
) -> Result<Indication<'a, T>, WireError> {
    let (point, rest) = slot::parse(body, encoding.order)?;
    let mut fields = Fields::new(rest, encoding.order);
    let count = fields.u16()?;
    Ok(Indication {
        point,
        count,
        encoding,
        rest: fields.rest(),
        read,
    })
}

fn transmission(fields: &mut Fields<'_>) -> Result<Transmission, WireError> {
    Ok(Transmission {
        handle: fields.u32()?,
        rnti: fields.u16()?,
        harq_id: fields.u8()?,
    })
}

const PREAMBLE_LEN: usize = 7;
/// tbCrcStatus of a block that could not be decoded [?].
const CRC_FAILED: u8 = 1;

#[cfg(test)]
mod tests;
