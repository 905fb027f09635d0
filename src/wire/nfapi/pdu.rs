//! PDUs of requests (SCF 222.10.02): kinds, the shape of what varies in them, and who is asked to
//! send.
//!
//! Contents are forwarded, not understood. They are walked only to see that their length is their own and
//! how many DCIs and beams they bring, which a receiver with fixed arrays must be able to hold. Layouts
//! are those of 10.02 with OAI's later parameters; SRS is walked up to its v4 parameters.

use super::fields::Fields;
use super::{Encoding, MessageId, body_error};
use crate::wire::{Fault, WireError};

/// PDUType, by the request it lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PduKind {
    /// DL_TTI 0, and UL_DCI 0.
    Pdcch,
    /// DL_TTI 1.
    Pdsch,
    /// DL_TTI 2.
    CsiRs,
    /// DL_TTI 3.
    Ssb,
    /// DL_TTI 4 of v4.
    Prs,
    /// UL_TTI 0.
    Prach,
    /// UL_TTI 1.
    Pusch,
    /// UL_TTI 2.
    Pucch,
    /// UL_TTI 3.
    Srs,
    /// UL_TTI 4 of v4.
    MsgAPusch,
    /// Any other.
    Unknown(u16),
}

impl PduKind {
    /// From the wire.
    #[inline]
    pub const fn from_wire(message: MessageId, code: u16) -> Self {
        match (message, code) {
            (MessageId::DL_TTI_REQUEST | MessageId::UL_DCI_REQUEST, 0) => Self::Pdcch,
            (MessageId::DL_TTI_REQUEST, 1) => Self::Pdsch,
            (MessageId::DL_TTI_REQUEST, 2) => Self::CsiRs,
            (MessageId::DL_TTI_REQUEST, 3) => Self::Ssb,
            (MessageId::DL_TTI_REQUEST, 4) => Self::Prs,
            (MessageId::UL_TTI_REQUEST, 0) => Self::Prach,
            (MessageId::UL_TTI_REQUEST, 1) => Self::Pusch,
            (MessageId::UL_TTI_REQUEST, 2) => Self::Pucch,
            (MessageId::UL_TTI_REQUEST, 3) => Self::Srs,
            (MessageId::UL_TTI_REQUEST, 4) => Self::MsgAPusch,
            _ => Self::Unknown(code),
        }
    }

    /// The number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Self::Pdcch | Self::Prach => 0,
            Self::Pdsch | Self::Pusch => 1,
            Self::CsiRs | Self::Pucch => 2,
            Self::Ssb | Self::Srs => 3,
            Self::Prs | Self::MsgAPusch => 4,
            Self::Unknown(code) => code,
        }
    }

    /// Name by the standard.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pdcch => "PDCCH",
            Self::Pdsch => "PDSCH",
            Self::CsiRs => "CSI-RS",
            Self::Ssb => "SSB",
            Self::Prs => "PRS",
            Self::Prach => "PRACH",
            Self::Pusch => "PUSCH",
            Self::Pucch => "PUCCH",
            Self::Srs => "SRS",
            Self::MsgAPusch => "MsgA-PUSCH",
            Self::Unknown(_) => "unknown PDU",
        }
    }
}

/// A PDU of a DL_TTI, UL_TTI or UL_DCI request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pdu<'a> {
    /// PDUType.
    pub kind: PduKind,
    /// Behind type and size.
    pub contents: &'a [u8],
}

/// How much of what varies a PDU brings; the largest of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Shape {
    /// numDlDci of a PDCCH PDU.
    pub dcis: u16,
    /// numPRGs of a precoding and beamforming block.
    pub prgs: u16,
    /// digBFInterfaces of such a block.
    pub interfaces: u8,
}

/// The RNTI and handle of a PUSCH PDU, as its CRC.indication would name them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Transmission {
    /// Handle, given back by the PHY.
    pub handle: u32,
    /// RNTI of the UE.
    pub rnti: u16,
    /// HARQ process.
    pub harq_id: u8,
}

impl<'a> Pdu<'a> {
    /// PDUSize: contents and four bytes of type and size.
    #[inline]
    pub const fn size(&self) -> usize {
        self.contents.len() + 4
    }

    /// Walks the contents to their end. `None` for kinds without a known layout. Refuses contents that are
    /// shorter or longer than their fields.
    pub fn shape(&self, encoding: Encoding) -> Result<Option<Shape>, WireError> {
        let mut walk = Walk {
            fields: Fields::new(self.contents, encoding.order),
            shape: Shape::default(),
        };
        match self.kind {
            PduKind::Ssb => walk.fixed_then_beams(12, true),
            PduKind::CsiRs => walk.fixed_then_beams(22, true),
            PduKind::Pdcch => walk.pdcch(),
            PduKind::Pdsch => walk.pdsch(encoding),
            PduKind::Prach => walk.fixed_then_beams(8, false),
            PduKind::Pusch => walk.pusch(encoding),
            PduKind::Pucch => walk.fixed_then_beams(46, false),
            PduKind::Srs => {
                walk.fixed_then_beams(33, false)?;
                return Ok(Some(walk.shape));
            }
            PduKind::Prs | PduKind::MsgAPusch | PduKind::Unknown(_) => return Ok(None),
        }?;
        match walk.fields.rest() {
            [] => Ok(Some(walk.shape)),
            _ => Err(body_error(Fault::Size)),
        }
    }

    /// The transport block that a PUSCH PDU asks for; `None` for other kinds and for PUSCH without data
    /// (pduBitmap bit 0 clear), which no CRC.indication answers.
    #[inline]
    pub fn transmission(&self, encoding: Encoding) -> Option<Transmission> {
        if self.kind != PduKind::Pusch {
            return None;
        }
        let mut fields = Fields::new(self.contents, encoding.order);
        let bitmap = fields.u16().ok()?;
        let (rnti, handle) = (fields.u16().ok()?, fields.u32().ok()?);
        fields.take(PUSCH_FIXED_LEN).ok()?;
        let (_redundancy_version, harq_id) = (fields.u8().ok()?, fields.u8().ok()?);
        (bitmap & PUSCH_DATA != 0).then_some(Transmission {
            handle,
            rnti,
            harq_id,
        })
    }

    /// RNTI of a PDSCH, PUSCH, PUCCH or SRS PDU.
    pub fn rnti(&self, encoding: Encoding) -> Option<u16> {
        let before = match self.kind {
            PduKind::Pdsch | PduKind::Pusch => 2,
            PduKind::Pucch | PduKind::Srs => 0,
            _ => return None,
        };
        let mut fields = Fields::new(self.contents, encoding.order);
        fields.take(before).ok()?;
        fields.u16().ok()
    }
}

struct Walk<'a> {
    fields: Fields<'a>,
    shape: Shape,
}

impl Walk<'_> {
    fn fixed_then_beams(&mut self, len: usize, toward_ue: bool) -> Result<(), WireError> {
        self.fields.take(len)?;
        self.beams(toward_ue)
    }

    /// `numPRGs:16 prgSize:16 digBFInterfaces:8`, then per PRG a PMidx:16 (downlink only) and a beamIdx:16 per
    /// interface.
    fn beams(&mut self, toward_ue: bool) -> Result<(), WireError> {
        let (prgs, _size, interfaces) = (self.fields.u16()?, self.fields.u16()?, self.fields.u8()?);
        let words = usize::from(interfaces) + usize::from(toward_ue);
        self.fields.take(2 * words * usize::from(prgs))?;
        self.shape.prgs = self.shape.prgs.max(prgs);
        self.shape.interfaces = self.shape.interfaces.max(interfaces);
        Ok(())
    }

    fn pdcch(&mut self) -> Result<(), WireError> {
        self.fields.take(21)?;
        self.shape.dcis = self.fields.u16()?;
        for _ in 0..self.shape.dcis {
            self.fixed_then_beams(8, true)?;
            self.fields.take(2)?;
            let bits = self.fields.u16()?;
            self.fields.take(usize::from(bits).div_ceil(8))?;
        }
        Ok(())
    }

    fn pdsch(&mut self, encoding: Encoding) -> Result<(), WireError> {
        let bitmap = self.fields.u16()?;
        self.fields.take(10)?;
        let codewords = self.fields.u8()?;
        self.fields.take(10 * usize::from(codewords) + 58)?;
        if bitmap & 1 != 0 {
            self.fields.take(5)?; // PTRS
        }
        self.beams(true)?;
        self.fields.take(2)?;
        if bitmap & 2 != 0 {
            self.fields.take(6)?; // code block retransmission control
        }
        self.later_parameters(encoding)
    }

    fn pusch(&mut self, encoding: Encoding) -> Result<(), WireError> {
        let bitmap = self.fields.u16()?;
        self.fields.take(6 + PUSCH_FIXED_LEN)?;
        if bitmap & PUSCH_DATA != 0 {
            self.fields.take(7)?;
            let blocks = self.fields.u16()?;
            self.fields.take(usize::from(blocks).div_ceil(8))?;
        }
        if bitmap & 2 != 0 {
            self.fields.take(10)?; // UCI
        }
        if bitmap & 4 != 0 {
            let ports = self.fields.u8()?;
            self.fields.take(4 * usize::from(ports) + 3)?; // PTRS
        }
        if bitmap & 8 != 0 {
            self.fields.take(5)?; // DFT-s-OFDM
        }
        self.beams(false)?;
        self.later_parameters(encoding)
    }

    fn later_parameters(&mut self, encoding: Encoding) -> Result<(), WireError> {
        if encoding.later_parameters {
            self.fields.take(5)?; // ldpcBaseGraph, tbSizeLbrm
        }
        Ok(())
    }
}

/// Behind pduBitmap, RNTI and handle.
const PUSCH_FIXED_LEN: usize = 74;
const PUSCH_DATA: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn pdu(kind: PduKind, contents: &[u8]) -> Pdu<'_> {
        Pdu { kind, contents }
    }

    #[test]
    fn a_kind_depends_on_the_request_it_lies_in() {
        let kind = |message, code| PduKind::from_wire(message, code);
        assert_eq!(kind(MessageId::DL_TTI_REQUEST, 1), PduKind::Pdsch);
        assert_eq!(kind(MessageId::UL_TTI_REQUEST, 1), PduKind::Pusch);
        assert_eq!(kind(MessageId::UL_DCI_REQUEST, 1), PduKind::Unknown(1));
        for message in [MessageId::DL_TTI_REQUEST, MessageId::UL_TTI_REQUEST] {
            for code in 0..6 {
                assert_eq!(kind(message, code).code(), code);
            }
        }
    }

    #[test]
    fn beams_are_counted_and_bound_the_contents() {
        let contents = [&[0; 8][..], &[0, 2, 0, 1, 1], &[0; 4]].concat();
        let shape = pdu(PduKind::Prach, &contents).shape(Encoding::OAI);
        let expected = Shape {
            dcis: 0,
            prgs: 2,
            interfaces: 1,
        };
        assert_eq!(shape, Ok(Some(expected)));
        let longer = [&contents[..], &[0]].concat();
        let refused = pdu(PduKind::Prach, &longer).shape(Encoding::OAI);
        assert_eq!(refused, Err(body_error(Fault::Size)));
        for len in 0..contents.len() {
            let cut = pdu(PduKind::Prach, &contents[..len]).shape(Encoding::OAI);
            assert_eq!(cut, Err(body_error(Fault::Truncated)));
        }
    }

    #[test]
    fn a_pusch_with_data_names_its_transmission() {
        let mut contents = [0; 100];
        contents[..8].copy_from_slice(&[0, 1, 0x12, 0x34, 9, 8, 7, 6]);
        contents[83] = 5;
        let expected = Transmission {
            handle: 0x0908_0706,
            rnti: 0x1234,
            harq_id: 5,
        };
        let found = |contents: &[u8]| pdu(PduKind::Pusch, contents).transmission(Encoding::OAI);
        assert_eq!(found(&contents), Some(expected));
        assert_eq!(found(&contents[..83]), None);
        contents[1] = 2;
        assert_eq!(found(&contents), None);
        assert_eq!(
            pdu(PduKind::Pucch, &contents).transmission(Encoding::OAI),
            None
        );
    }

    #[test]
    fn an_unknown_kind_has_no_shape() {
        let unknown = pdu(PduKind::Unknown(9), &[1]);
        assert_eq!(unknown.shape(Encoding::OAI), Ok(None));
    }
}
