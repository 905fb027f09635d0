//! The arrays of OAI's receivers, which its unpackers fill without looking at their sizes.
//!
//! A request beyond them overwrites the memory of the peer, so a strict appliance does not forward it. The
//! numbers are those of OAI 2025.w37; another build may have others. What cannot be walked exceeds too:
//! OAI does not skip what it cannot read but misreads the rest.

use super::pdu::PduKind;
use super::request::{Request, TxData};
use super::{Encoding, MessageId};
use crate::wire::WireError;

/// What a peer can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// PDUs of a DL_TTI.request.
    pub dl_tti_pdus: u8,
    /// PDUs of an UL_TTI.request.
    pub ul_tti_pdus: u8,
    /// Groups of an UL_TTI.request.
    pub ul_tti_groups: u8,
    /// UEs of a group.
    pub group_ues: u8,
    /// PDUs of an UL_DCI.request.
    pub ul_dci_pdus: u8,
    /// DCIs of a PDCCH PDU.
    pub dcis: u16,
    /// PRGs of a precoding and beamforming block.
    pub prgs: u16,
    /// Interfaces of a precoding and beamforming block.
    pub interfaces: u8,
    /// PDUs of a TX_DATA.request.
    pub tx_data_pdus: u16,
    /// TLVs of a TX_DATA PDU.
    pub tx_data_tlvs: u32,
    /// Bytes of a TX_DATA TLV.
    pub tx_data_bytes: usize,
}

impl Limits {
    /// OAI 2025.w37. It names no limit for the PDUs of UL_TTI, so the largest that the field holds.
    pub const OAI: Self = Self {
        dl_tti_pdus: 32,
        ul_tti_pdus: u8::MAX,
        ul_tti_groups: 8,
        group_ues: 6,
        ul_dci_pdus: 12,
        dcis: 8,
        prgs: 1,
        interfaces: 6,
        tx_data_pdus: 16,
        tx_data_tlvs: 2,
        tx_data_bytes: 152_064,
    };
}

/// Which limit a request exceeds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Excess {
    /// PDUs of the message.
    Pdus,
    /// A PDU type that the peer does not know.
    UnknownPdu,
    /// Groups of the message.
    Groups,
    /// UEs of a group.
    GroupUes,
    /// DCIs of a PDCCH PDU.
    Dcis,
    /// PRGs of a beamforming block.
    Prgs,
    /// Interfaces of a beamforming block.
    Interfaces,
    /// TLVs of a TX_DATA PDU.
    Tlvs,
    /// Bytes of a TX_DATA TLV.
    Bytes,
    /// It could not be walked.
    Malformed(WireError),
}

impl Excess {
    /// A few words, for reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pdus => "too many PDUs",
            Self::UnknownPdu => "a PDU of unknown type",
            Self::Groups => "too many groups",
            Self::GroupUes => "too many UEs in a group",
            Self::Dcis => "too many DCIs in a PDCCH PDU",
            Self::Prgs => "too many PRGs in a beamforming block",
            Self::Interfaces => "too many interfaces in a beamforming block",
            Self::Tlvs => "too many TLVs in a TX_DATA PDU",
            Self::Bytes => "too many bytes in a TX_DATA TLV",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl From<WireError> for Excess {
    fn from(error: WireError) -> Self {
        Self::Malformed(error)
    }
}

impl Limits {
    /// Holds a complete body against the limits: the first that it exceeds. Messages that are no requests
    /// exceed nothing.
    pub fn exceeds(&self, message: MessageId, encoding: Encoding, body: &[u8]) -> Option<Excess> {
        match message {
            MessageId::DL_TTI_REQUEST | MessageId::UL_TTI_REQUEST | MessageId::UL_DCI_REQUEST => {
                self.request(message, encoding, body).err()
            }
            MessageId::TX_DATA_REQUEST => self.tx_data(encoding, body).err(),
            _ => None,
        }
    }

    fn request(&self, message: MessageId, encoding: Encoding, body: &[u8]) -> Result<(), Excess> {
        let (request, _) = Request::parse(body, message, encoding)?;
        let most = match message {
            MessageId::DL_TTI_REQUEST => self.dl_tti_pdus,
            MessageId::UL_TTI_REQUEST => self.ul_tti_pdus,
            _ => self.ul_dci_pdus,
        };
        within(request.number_of_pdus(), most, Excess::Pdus)?;
        for pdu in request.pdus() {
            let pdu = pdu?;
            // No public OAI has a case for the PDUs of v4.
            let shape = match pdu.kind {
                PduKind::Prs | PduKind::MsgAPusch => None,
                _ => pdu.shape(encoding)?,
            };
            let shape = shape.ok_or(Excess::UnknownPdu)?;
            within(shape.dcis, self.dcis, Excess::Dcis)?;
            within(shape.prgs, self.prgs, Excess::Prgs)?;
            within(shape.interfaces, self.interfaces, Excess::Interfaces)?;
        }
        let groups = request.groups()?;
        if message == MessageId::UL_TTI_REQUEST {
            let number = request.number_of_groups();
            within(number, self.ul_tti_groups, Excess::Groups)?;
        }
        for group in groups {
            let most = usize::from(self.group_ues);
            within(group.number_of_ues(), most, Excess::GroupUes)?;
        }
        Ok(())
    }

    fn tx_data(&self, encoding: Encoding, body: &[u8]) -> Result<(), Excess> {
        let (request, _) = TxData::parse(body, encoding)?;
        within(request.number_of_pdus(), self.tx_data_pdus, Excess::Pdus)?;
        for pdu in request.pdus() {
            let pdu = pdu?;
            within(pdu.number_of_tlvs, self.tx_data_tlvs, Excess::Tlvs)?;
            for tlv in pdu.tlvs() {
                within(tlv?.value.len(), self.tx_data_bytes, Excess::Bytes)?;
            }
        }
        Ok(())
    }
}

fn within<T: PartialOrd>(found: T, most: T, excess: Excess) -> Result<(), Excess> {
    match found > most {
        true => Err(excess),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Fault;

    fn excess(message: MessageId, body: &[u8]) -> Option<Excess> {
        Limits::OAI.exceeds(message, Encoding::OAI, body)
    }

    /// A PRACH PDU with this beamforming block.
    fn prach(prgs: u8, interfaces: u8) -> Vec<u8> {
        let beams = 2 * usize::from(prgs) * usize::from(interfaces);
        let mut pdu = vec![0, 0, 0, (4 + 8 + 5 + beams) as u8];
        pdu.extend([0; 8]);
        pdu.extend([0, prgs, 0, 1, interfaces]);
        pdu.resize(pdu.len() + beams, 0);
        pdu
    }

    fn ul_tti(pdu: &[u8], groups: &[u8], number: u8) -> Option<Excess> {
        let pdus = u8::from(!pdu.is_empty());
        let body = [&[0, 1, 0, 1, pdus, 0, 0, 0, number], pdu, groups].concat();
        excess(MessageId::UL_TTI_REQUEST, &body)
    }

    fn ul_dci(dcis: u8) -> Option<Excess> {
        let dci = [&[0; 8][..], &[0; 5], &[0, 0, 0, 8, 0]].concat();
        let contents = [&[0; 22][..], &[dcis], &dci.repeat(usize::from(dcis))].concat();
        let size = (contents.len() as u16 + 4).to_be_bytes();
        let body = [&[0, 1, 0, 1, 1, 0, 0][..], &size, &contents].concat();
        excess(MessageId::UL_DCI_REQUEST, &body)
    }

    fn tx_data(pdus: u8, tlvs: u8, bytes: u32) -> Option<Excess> {
        let mut tlv = vec![0, 0];
        tlv.extend(bytes.to_be_bytes());
        tlv.resize(tlv.len() + bytes.next_multiple_of(4) as usize, 0);
        let pdu = [
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, tlvs][..],
            &tlv.repeat(tlvs.into()),
        ]
        .concat();
        let body = [&[0, 1, 0, 1, 0, pdus][..], &pdu.repeat(pdus.into())].concat();
        excess(MessageId::TX_DATA_REQUEST, &body)
    }

    #[test]
    fn both_sides_of_each_limit() {
        assert_eq!(ul_tti(&prach(1, 6), &[], 0), None);
        assert_eq!(ul_tti(&prach(2, 6), &[], 0), Some(Excess::Prgs));
        assert_eq!(ul_tti(&prach(1, 7), &[], 0), Some(Excess::Interfaces));
        assert_eq!(ul_tti(&[], &[0; 8], 8), None);
        assert_eq!(ul_tti(&[], &[0; 9], 9), Some(Excess::Groups));
        assert_eq!(ul_tti(&[], &[6, 0, 0, 0, 0, 0, 0], 1), None);
        assert_eq!(
            ul_tti(&[], &[7, 0, 0, 0, 0, 0, 0, 0], 1),
            Some(Excess::GroupUes)
        );
        assert_eq!(ul_dci(8), None);
        assert_eq!(ul_dci(9), Some(Excess::Dcis));
        assert_eq!(tx_data(16, 2, 5), None);
        assert_eq!(tx_data(17, 2, 5), Some(Excess::Pdus));
        assert_eq!(tx_data(1, 3, 5), Some(Excess::Tlvs));
        assert_eq!(tx_data(1, 1, 152_064), None);
        assert_eq!(tx_data(1, 1, 152_065), Some(Excess::Bytes));
    }

    #[test]
    fn a_number_of_pdus_is_refused_before_they_are_walked() {
        let dl_tti = |pdus| excess(MessageId::DL_TTI_REQUEST, &[0, 1, 0, 1, pdus, 0]);
        assert_eq!(dl_tti(33), Some(Excess::Pdus));
        assert!(matches!(dl_tti(32), Some(Excess::Malformed(_))));
        assert_eq!(dl_tti(0), None);
    }

    #[test]
    fn an_unknown_pdu_exceeds() {
        let body = [0, 1, 0, 1, 1, 0, 0, 9, 0, 4];
        let found = excess(MessageId::DL_TTI_REQUEST, &body);
        assert_eq!(found, Some(Excess::UnknownPdu));
    }

    #[test]
    fn what_cannot_be_walked_exceeds_and_other_messages_do_not() {
        let found = excess(MessageId::TX_DATA_REQUEST, &[0, 1, 0, 1, 0]);
        let expected = super::super::body_error(Fault::Truncated);
        assert_eq!(found, Some(Excess::Malformed(expected)));
        assert_eq!(excess(MessageId::SLOT_INDICATION, &[]), None);
    }
}
