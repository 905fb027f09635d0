//! DL_TTI, UL_TTI, UL_DCI and TX_DATA requests (SCF 222.10.02), read from a complete
//! body.
//!
//! ```text
//! DL_TTI   SFN:16 slot:16 nPDUs:8 nGroup:8                                       PDUs groups
//! UL_TTI   SFN:16 slot:16 nPDUs:8 RachPresent:8 nULSCH:8 nULCCH:8 nGroup:8       PDUs groups
//! UL_DCI   SFN:16 slot:16 numPDUs:8                                              PDUs
//! TX_DATA  SFN:16 slot:16 nPDUs:16                                               PDUs
//! PDU      PDUType:16 PDUSize:16 contents      PDUSize counts its own four bytes
//! group    nUe:8 PduIdx:8 (OAI in DL_TTI: 32) x nUe
//! TX PDU   PDU_length:32 PDU_index:16 numTLV:32 TLVs
//! TLV      tag:16 length:16 (OAI: 32) value, padded to a multiple of 4
//! ```
//!
//! PDU_length of TX_DATA is not walked by: OAI's schedulers fill it in two ways. Iterators end after the
//! first error. The v3 heads are another layout and nothing public sends them.

use super::fields::Fields;
use super::pdu::{Pdu, PduKind};
use super::{ByteOrder, Encoding, MessageId, body_error, slot};
use crate::ran::SlotPoint;
use crate::wire::{Fault, WireError};

/// A DL_TTI, UL_TTI or UL_DCI request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    message: MessageId,
    encoding: Encoding,
    point: SlotPoint,
    pdus: u8,
    groups: u8,
    /// RachPresent, nULSCH, nULCCH.
    uplink: Option<[u8; 3]>,
    rest: &'a [u8],
}

impl<'a> Request<'a> {
    /// From a body of `message`; returns the PDUs and groups as well. Other messages are refused.
    #[inline]
    pub fn parse(
        body: &'a [u8],
        message: MessageId,
        encoding: Encoding,
    ) -> Result<(Self, &'a [u8]), WireError> {
        let (point, rest) = slot::parse(body, encoding.order)?;
        let mut fields = Fields::new(rest, encoding.order);
        let pdus = fields.u8()?;
        let uplink = match message {
            MessageId::UL_TTI_REQUEST => Some([fields.u8()?, fields.u8()?, fields.u8()?]),
            _ => None,
        };
        let groups = match message {
            MessageId::DL_TTI_REQUEST | MessageId::UL_TTI_REQUEST => fields.u8()?,
            MessageId::UL_DCI_REQUEST => 0,
            _ => return Err(body_error(Fault::Range)),
        };
        let view = Self {
            message,
            encoding,
            point,
            pdus,
            groups,
            uplink,
            rest: fields.rest(),
        };
        Ok((view, view.rest))
    }

    /// Which of the three.
    #[inline]
    pub const fn message(&self) -> MessageId {
        self.message
    }

    /// SFN and slot.
    #[inline]
    pub const fn point(&self) -> SlotPoint {
        self.point
    }

    /// nPDUs.
    #[inline]
    pub const fn number_of_pdus(&self) -> u8 {
        self.pdus
    }

    /// nGroup; 0 in UL_DCI, which has none.
    #[inline]
    pub const fn number_of_groups(&self) -> u8 {
        self.groups
    }

    /// RachPresent, nULSCH and nULCCH of UL_TTI.
    pub const fn uplink_counts(&self) -> Option<[u8; 3]> {
        self.uplink
    }

    /// True if it asks for nothing.
    #[inline]
    pub const fn is_null(&self) -> bool {
        self.pdus == 0
    }

    /// The PDUs in order.
    #[inline]
    pub const fn pdus(&self) -> Pdus<'a> {
        Pdus {
            left: self.pdus,
            message: self.message,
            rest: self.rest,
            order: self.encoding.order,
        }
    }

    /// The groups, behind all PDUs. Read as the encoding writes them, else in the other width of PduIdx; refused
    /// unless one of them ends with the body.
    pub fn groups(&self) -> Result<Groups<'a>, WireError> {
        let mut pdus = self.pdus();
        for pdu in pdus.by_ref() {
            pdu?;
        }
        let wide = self.encoding.wide_dl_groups && self.message == MessageId::DL_TTI_REQUEST;
        let groups = |wide| Groups {
            left: self.groups,
            wide,
            rest: pdus.rest,
            order: self.encoding.order,
        };
        [wide, !wide]
            .map(groups)
            .into_iter()
            .find(|groups| groups.fills())
            .ok_or(body_error(Fault::Size))
    }
}

/// The PDUs of a request.
#[derive(Clone, Debug)]
pub struct Pdus<'a> {
    left: u8,
    message: MessageId,
    rest: &'a [u8],
    order: ByteOrder,
}

impl<'a> Pdus<'a> {
    /// Bytes behind the PDUs returned so far.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn parse(&mut self) -> Result<Pdu<'a>, WireError> {
        let mut fields = Fields::new(self.rest, self.order);
        let (code, size) = (fields.u16()?, fields.u16()?);
        let len = usize::from(size)
            .checked_sub(PDU_HEADER_LEN)
            .ok_or(body_error(Fault::Size))?;
        let contents = fields.take(len)?;
        self.rest = fields.rest();
        Ok(Pdu {
            kind: PduKind::from_wire(self.message, code),
            contents,
        })
    }
}

impl<'a> Iterator for Pdus<'a> {
    type Item = Result<Pdu<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let pdu = self.parse();
        if pdu.is_err() {
            self.left = 0;
        }
        Some(pdu)
    }
}

/// The groups of a request, known to be whole.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    left: u8,
    wide: bool,
    rest: &'a [u8],
    order: ByteOrder,
}

impl Groups<'_> {
    /// Bytes of all of them.
    pub const fn size(&self) -> usize {
        self.rest.len()
    }

    /// True if PduIdx takes four bytes.
    pub const fn is_wide(&self) -> bool {
        self.wide
    }

    fn fills(&self) -> bool {
        let mut walk = self.clone();
        let announced = walk.left;
        walk.by_ref().count() == usize::from(announced) && walk.rest.is_empty()
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = Group<'a>;

    fn next(&mut self) -> Option<Group<'a>> {
        let left = self.left.checked_sub(1)?;
        let (ues, rest) = self.rest.split_first()?;
        let width = if self.wide { 4 } else { 1 };
        let (indices, rest) = rest.split_at_checked(usize::from(*ues) * width)?;
        (self.left, self.rest) = (left, rest);
        Some(Group {
            indices,
            wide: self.wide,
            order: self.order,
        })
    }
}

/// One group: the PDUs of UEs that share resources.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    indices: &'a [u8],
    wide: bool,
    order: ByteOrder,
}

impl<'a> Group<'a> {
    /// nUe.
    pub const fn number_of_ues(&self) -> usize {
        match self.wide {
            true => self.indices.len() / 4,
            false => self.indices.len(),
        }
    }

    /// PduIdx of each UE.
    pub fn indices(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (wide, order) = (self.wide, self.order);
        let width = if wide { 4 } else { 1 };
        self.indices
            .chunks_exact(width)
            .filter_map(move |index| match *index {
                [a, b, c, d] if wide => Some(order.u32([a, b, c, d])),
                [a] => Some(u32::from(a)),
                _ => None,
            })
    }
}

/// A TX_DATA request.
#[derive(Clone, Copy, Debug)]
pub struct TxData<'a> {
    point: SlotPoint,
    pdus: u16,
    encoding: Encoding,
    rest: &'a [u8],
}

impl<'a> TxData<'a> {
    /// From a body; returns the PDUs as well.
    #[inline]
    pub fn parse(body: &'a [u8], encoding: Encoding) -> Result<(Self, &'a [u8]), WireError> {
        let (point, rest) = slot::parse(body, encoding.order)?;
        let mut fields = Fields::new(rest, encoding.order);
        let pdus = fields.u16()?;
        let rest = fields.rest();
        let view = Self {
            point,
            pdus,
            encoding,
            rest,
        };
        Ok((view, rest))
    }

    /// SFN and slot.
    #[inline]
    pub const fn point(&self) -> SlotPoint {
        self.point
    }

    /// nPDUs.
    #[inline]
    pub const fn number_of_pdus(&self) -> u16 {
        self.pdus
    }

    /// True if it brings nothing.
    #[inline]
    pub const fn is_null(&self) -> bool {
        self.pdus == 0
    }

    /// The PDUs in order.
    #[inline]
    pub const fn pdus(&self) -> TxPdus<'a> {
        TxPdus {
            left: self.pdus,
            rest: self.rest,
            encoding: self.encoding,
        }
    }
}

/// The PDUs of a TX_DATA request.
#[derive(Clone, Debug)]
pub struct TxPdus<'a> {
    left: u16,
    rest: &'a [u8],
    encoding: Encoding,
}

impl<'a> TxPdus<'a> {
    /// Bytes behind the PDUs returned so far.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn parse(&mut self) -> Result<TxPdu<'a>, WireError> {
        let mut fields = Fields::new(self.rest, self.encoding.order);
        let mut pdu = TxPdu {
            pdu_length: fields.u32()?,
            pdu_index: fields.u16()?,
            number_of_tlvs: fields.u32()?,
            tlvs: fields.rest(),
            encoding: self.encoding,
        };
        let mut tlvs = pdu.tlvs();
        for tlv in tlvs.by_ref() {
            tlv?;
        }
        let len = pdu.tlvs.len() - tlvs.rest.len();
        pdu.tlvs = fields.take(len)?;
        self.rest = fields.rest();
        Ok(pdu)
    }
}

impl<'a> Iterator for TxPdus<'a> {
    type Item = Result<TxPdu<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let pdu = self.parse();
        if pdu.is_err() {
            self.left = 0;
        }
        Some(pdu)
    }
}

/// A PDU of a TX_DATA request.
#[derive(Clone, Copy, Debug)]
pub struct TxPdu<'a> {
    /// PDU_length as sent: not the size of the PDU.
    pub pdu_length: u32,
    /// PDU_index: of the PDSCH PDU in the DL_TTI request of the slot.
    pub pdu_index: u16,
    /// numTLV.
    pub number_of_tlvs: u32,
    tlvs: &'a [u8],
    encoding: Encoding,
}

impl<'a> TxPdu<'a> {
    /// The TLVs in order.
    #[inline]
    pub const fn tlvs(&self) -> TxTlvs<'a> {
        TxTlvs {
            left: self.number_of_tlvs,
            rest: self.tlvs,
            encoding: self.encoding,
        }
    }
}

/// The TLVs of a TX_DATA PDU.
#[derive(Clone, Debug)]
pub struct TxTlvs<'a> {
    left: u32,
    rest: &'a [u8],
    encoding: Encoding,
}

impl<'a> TxTlvs<'a> {
    #[inline]
    fn parse(&mut self) -> Result<TxTlv<'a>, WireError> {
        let mut fields = Fields::new(self.rest, self.encoding.order);
        let tag = fields.u16()?;
        let length = match self.encoding.wide_tx_data_tlv {
            true => fields.u32()?,
            false => u32::from(fields.u16()?),
        };
        // What a pointer or an offset takes is not what its length says. OAI sends the bytes behind a pointer.
        let elsewhere = tag == OFFSET || tag == POINTER && !self.encoding.wide_tx_data_tlv;
        if elsewhere {
            return Err(body_error(Fault::Unwalkable));
        }
        let length = usize::try_from(length).map_err(|_| body_error(Fault::Size))?;
        let padded = length
            .checked_next_multiple_of(4)
            .ok_or(body_error(Fault::Size))?;
        let value = fields.take(padded)?;
        self.rest = fields.rest();
        let (value, _) = value
            .split_at_checked(length)
            .ok_or(body_error(Fault::Size))?;
        Ok(TxTlv { tag, value })
    }
}

impl<'a> Iterator for TxTlvs<'a> {
    type Item = Result<TxTlv<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let tlv = self.parse();
        if tlv.is_err() {
            self.left = 0;
        }
        Some(tlv)
    }
}

/// A TLV of a TX_DATA PDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TxTlv<'a> {
    /// 0 payload; 1 payload by pointer (over nFAPI, OAI sends the payload).
    pub tag: u16,
    /// Without padding. OAI writes each four bytes of the MAC PDU in reverse.
    pub value: &'a [u8],
}

const PDU_HEADER_LEN: usize = 4;
const POINTER: u16 = 1;
const OFFSET: u16 = 2;

#[cfg(test)]
mod tests;
