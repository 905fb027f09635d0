//! The PDUs that requests are made of, out of vectors that OAI packed (pcap-fixtures/nfapi).
//!
//! Little-endian peers get those that OAI packs for Aerial; SCF 225 gets the big-endian ones without the
//! parameters of later versions, which SCF 222.10.02 does not have.

use crate::wire::nfapi::pdu::PduKind;
use crate::wire::nfapi::request::Request;
use crate::wire::nfapi::{ByteOrder, Encoding, MessageId};

/// The first PDU of `kind` in a vector of `message`, with type and size.
pub(super) fn template(encoding: Encoding, message: MessageId, kind: PduKind) -> Vec<u8> {
    let (written, vectors) = match encoding.order {
        ByteOrder::Big => (Encoding::OAI, &BIG),
        ByteOrder::Little => (Encoding::AERIAL, &LITTLE),
    };
    let vector = vectors.iter().find(|(id, _)| *id == message);
    let body = vector.map_or_else(Vec::new, |(_, text)| body(text, FAPI_HEADER_LEN));
    let request = Request::parse(&body, message, written);
    let mut pdus = request
        .iter()
        .flat_map(|(request, _)| request.pdus().flatten());
    let Some(pdu) = pdus.find(|pdu| pdu.kind == kind) else {
        return Vec::new();
    };
    let later = matches!(kind, PduKind::Pdsch | PduKind::Pusch)
        && written.later_parameters
        && !encoding.later_parameters;
    let len = pdu.contents.len() - if later { LATER_PARAMETERS_LEN } else { 0 };
    let contents = pdu.contents.get(..len).unwrap_or_default();
    let size = (PDU_HEADER_LEN + contents.len()) as u16;
    let [code, size] = [kind.code(), size].map(|field| encoding.order.bytes16(field));
    [&code[..], &size[..], contents].concat()
}

/// The body of a message behind its header, from its vector.
pub(super) fn body(text: &str, header_len: usize) -> Vec<u8> {
    let digits = text.trim().as_bytes().chunks(2);
    let bytes = digits.filter_map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    bytes.skip(header_len).collect()
}

/// As OAI packs them for big-endian peers.
const BIG: [(MessageId, &str); 3] = [
    (
        MessageId::DL_TTI_REQUEST,
        include_str!("../../../pcap-fixtures/nfapi/fapi_be_dl_tti_spdc.hex"),
    ),
    (
        MessageId::UL_TTI_REQUEST,
        include_str!("../../../pcap-fixtures/nfapi/fapi_be_ul_tti_ruucc.hex"),
    ),
    (
        MessageId::UL_DCI_REQUEST,
        include_str!("../../../pcap-fixtures/nfapi/fapi_be_ul_dci_1.hex"),
    ),
];
/// As OAI packs them for Aerial.
const LITTLE: [(MessageId, &str); 3] = [
    (
        MessageId::DL_TTI_REQUEST,
        include_str!("../../../pcap-fixtures/nfapi/fapi_le_dl_tti_spdc.hex"),
    ),
    (
        MessageId::UL_TTI_REQUEST,
        include_str!("../../../pcap-fixtures/nfapi/fapi_le_ul_tti_ruucc.hex"),
    ),
    (
        MessageId::UL_DCI_REQUEST,
        include_str!("../../../pcap-fixtures/nfapi/fapi_le_ul_dci_1.hex"),
    ),
];
const FAPI_HEADER_LEN: usize = 8;
const PDU_HEADER_LEN: usize = 4;
/// ldpcBaseGraph and tbSizeLbrm.
const LATER_PARAMETERS_LEN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::nfapi::Dialect;

    #[test]
    fn every_dialect_has_a_pdu_of_each_kind() {
        let kinds = [
            (MessageId::DL_TTI_REQUEST, PduKind::Ssb),
            (MessageId::DL_TTI_REQUEST, PduKind::Pdcch),
            (MessageId::DL_TTI_REQUEST, PduKind::Pdsch),
            (MessageId::DL_TTI_REQUEST, PduKind::CsiRs),
            (MessageId::UL_TTI_REQUEST, PduKind::Prach),
            (MessageId::UL_TTI_REQUEST, PduKind::Pusch),
            (MessageId::UL_TTI_REQUEST, PduKind::Pucch),
            (MessageId::UL_DCI_REQUEST, PduKind::Pdcch),
        ];
        for dialect in Dialect::ALL {
            for (message, kind) in kinds {
                let pdu = template(dialect.encoding(), message, kind);
                assert!(pdu.len() > PDU_HEADER_LEN, "{dialect:?} {kind:?}");
            }
        }
    }
}
