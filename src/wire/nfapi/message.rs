//! Message ids (SCF 222; SCF 225 table 2-7): names, senders, and which carry SFN and slot.
//!
//! Two ids mean the opposite of each other by dialect: 0x180 and 0x181. Wireshark's dissector knows
//! the LTE table only, which reuses these numbers for other messages. Unknown ids are values.

use super::Dialect;

/// A message type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct MessageId(pub u16);

/// PHY_ID: which PHY behind one address. 16 bits in OAI's headers, 8 in SCF 225 and as the opaque handle of
/// plain FAPI. 0 for PNF messages. OAI of 2025 always writes 1 for the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PhyId(pub u16);

/// Control or slot messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Interface {
    /// Configuration, over SCTP or TCP.
    P5,
    /// Slots, over UDP.
    P7,
}

/// Who sends a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sender {
    /// L2, the VNF.
    L2,
    /// PHY, the PNF.
    Phy,
}

impl MessageId {
    /// PARAM.request.
    pub const PARAM_REQUEST: Self = Self(0x00);
    /// PARAM.response.
    pub const PARAM_RESPONSE: Self = Self(0x01);
    /// CONFIG.request.
    pub const CONFIG_REQUEST: Self = Self(0x02);
    /// CONFIG.response.
    pub const CONFIG_RESPONSE: Self = Self(0x03);
    /// START.request.
    pub const START_REQUEST: Self = Self(0x04);
    /// STOP.request.
    pub const STOP_REQUEST: Self = Self(0x05);
    /// STOP.indication.
    pub const STOP_INDICATION: Self = Self(0x06);
    /// ERROR.indication: P5, in some stacks P7.
    pub const ERROR_INDICATION: Self = Self(0x07);
    /// DL_TTI.request.
    pub const DL_TTI_REQUEST: Self = Self(0x80);
    /// UL_TTI.request.
    pub const UL_TTI_REQUEST: Self = Self(0x81);
    /// SLOT.indication.
    pub const SLOT_INDICATION: Self = Self(0x82);
    /// UL_DCI.request.
    pub const UL_DCI_REQUEST: Self = Self(0x83);
    /// TX_DATA.request.
    pub const TX_DATA_REQUEST: Self = Self(0x84);
    /// RX_DATA.indication.
    pub const RX_DATA_INDICATION: Self = Self(0x85);
    /// CRC.indication.
    pub const CRC_INDICATION: Self = Self(0x86);
    /// UCI.indication.
    pub const UCI_INDICATION: Self = Self(0x87);
    /// SRS.indication.
    pub const SRS_INDICATION: Self = Self(0x88);
    /// RACH.indication.
    pub const RACH_INDICATION: Self = Self(0x89);
    /// DL_TTI.response, SCF 222 v3 and later.
    pub const DL_TTI_RESPONSE: Self = Self(0x8a);
    /// SLOT.response: Aerial's vendor message of the L2 that ends a slot.
    pub const SLOT_RESPONSE: Self = Self(0x8f);
    /// DL_BFW_CVI.request of Aerial.
    pub const DL_BFW_CVI_REQUEST: Self = Self(0x90);
    /// UL_BFW_CVI.request of Aerial.
    pub const UL_BFW_CVI_REQUEST: Self = Self(0x91);
    /// PNF_PARAM.request.
    pub const PNF_PARAM_REQUEST: Self = Self(0x100);
    /// PNF_PARAM.response.
    pub const PNF_PARAM_RESPONSE: Self = Self(0x101);
    /// PNF_CONFIG.request.
    pub const PNF_CONFIG_REQUEST: Self = Self(0x102);
    /// PNF_CONFIG.response.
    pub const PNF_CONFIG_RESPONSE: Self = Self(0x103);
    /// PNF_START.request.
    pub const PNF_START_REQUEST: Self = Self(0x104);
    /// PNF_START.response.
    pub const PNF_START_RESPONSE: Self = Self(0x105);
    /// PNF_STOP.request.
    pub const PNF_STOP_REQUEST: Self = Self(0x106);
    /// PNF_STOP.response.
    pub const PNF_STOP_RESPONSE: Self = Self(0x107);
    /// START.response of nFAPI; plain FAPI has none.
    pub const START_RESPONSE: Self = Self(0x108);
    /// PNF_READY.indication of SCF 225.2; OAI does not send it.
    pub const PNF_READY_INDICATION: Self = Self(0x109);
    /// STOP.response, OAI only.
    pub const STOP_RESPONSE: Self = Self(0x10f);
    /// Node sync, one way by SCF 225 and the other by OAI; see `is_dl_node_sync`.
    pub const NODE_SYNC_0: Self = Self(0x180);
    /// Node sync, one way by SCF 225 and the other by OAI; see `is_dl_node_sync`.
    pub const NODE_SYNC_1: Self = Self(0x181);
    /// TIMING_INFO.
    pub const TIMING_INFO: Self = Self(0x182);

    /// Name by the standard.
    pub fn name(self, dialect: Dialect) -> &'static str {
        match self {
            _ if self.is_dl_node_sync(dialect) => "DL_NODE_SYNC",
            _ if self.is_ul_node_sync(dialect) => "UL_NODE_SYNC",
            _ if self.is_vendor() => "vendor extension",
            _ => self.row().map_or("unknown message", |row| row.1),
        }
    }

    /// Who sends it; `None` if unknown.
    pub fn sender(self, dialect: Dialect) -> Option<Sender> {
        match self {
            _ if self.is_dl_node_sync(dialect) => Some(Sender::L2),
            _ if self.is_ul_node_sync(dialect) => Some(Sender::Phy),
            _ => self.row().map(|row| row.3),
        }
    }

    /// Where it travels by the standard; `None` for vendor extensions, which do both, and unknown ids.
    pub fn interface(self) -> Option<Interface> {
        match self {
            Self::NODE_SYNC_0 | Self::NODE_SYNC_1 => Some(Interface::P7),
            _ => self.row().map(|row| row.2),
        }
    }

    /// True if the body begins with SFN and slot, u16 each.
    #[inline]
    pub const fn has_slot(self) -> bool {
        matches!(self.0, 0x07 | 0x80..=0x8a | 0x8f..=0x91)
    }

    /// VNF to PNF: 0x181 in OAI and LTE, 0x180 in SCF 225.2.
    #[inline]
    pub const fn is_dl_node_sync(self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::OaiNfapi => self.0 == 0x181,
            _ => self.0 == 0x180,
        }
    }

    /// PNF to VNF: 0x180 in OAI and LTE, 0x181 in SCF 225.2.
    #[inline]
    pub const fn is_ul_node_sync(self, dialect: Dialect) -> bool {
        matches!(self.0, 0x180 | 0x181) && !self.is_dl_node_sync(dialect)
    }

    /// The id by which a P7 header of `to` says what one of `from` calls so: node sync changes places. `None` if
    /// it cannot.
    #[inline]
    pub fn between(self, from: Dialect, to: Dialect) -> Option<Self> {
        let same = !matches!(self, Self::NODE_SYNC_0 | Self::NODE_SYNC_1)
            || self.is_dl_node_sync(from) == self.is_dl_node_sync(to);
        let id = match (same, self) {
            (true, id) => id,
            (false, Self::NODE_SYNC_0) => Self::NODE_SYNC_1,
            (false, _) => Self::NODE_SYNC_0,
        };
        Some(id).filter(|id| id.travels_on_p7(to))
    }

    /// 0x300..=0x3FF.
    #[inline]
    pub const fn is_vendor(self) -> bool {
        matches!(self.0, 0x300..=0x3ff)
    }

    /// True if a P7 header of `dialect` may carry it. Plain FAPI has one header for P5 and P7.
    #[inline]
    pub const fn travels_on_p7(self, dialect: Dialect) -> bool {
        match (dialect, self.0) {
            (_, 0x80..=0x89 | 0x180..=0x182 | 0x300..=0x3ff) => true,
            (Dialect::OaiNfapi, _) => false,
            (_, 0x07 | 0x8a) => true,
            (Dialect::FapiBig | Dialect::FapiLittle, 0x8f..=0x91) => true,
            (Dialect::FapiBig | Dialect::FapiLittle, _) => self.travels_on_p5(dialect),
            (Dialect::Scf225v2, _) => false,
        }
    }

    /// True if a P5 header of `dialect` may carry it.
    #[inline]
    pub const fn travels_on_p5(self, dialect: Dialect) -> bool {
        match (dialect, self.0) {
            (_, 0x00..=0x07 | 0x100..=0x108 | 0x300..=0x3ff) => true,
            (Dialect::OaiNfapi, 0x10f) => true,
            (Dialect::OaiNfapi, _) => false,
            (_, 0x109) => true,
            _ => false,
        }
    }

    fn row(self) -> Option<&'static (MessageId, &'static str, Interface, Sender)> {
        TABLE.iter().find(|row| row.0 == self)
    }
}

use Interface::{P5, P7};
use Sender::{L2, Phy};

/// Node sync is not here: its ids change places by dialect.
const TABLE: [(MessageId, &str, Interface, Sender); 34] = [
    (MessageId::PARAM_REQUEST, "PARAM.request", P5, L2),
    (MessageId::PARAM_RESPONSE, "PARAM.response", P5, Phy),
    (MessageId::CONFIG_REQUEST, "CONFIG.request", P5, L2),
    (MessageId::CONFIG_RESPONSE, "CONFIG.response", P5, Phy),
    (MessageId::START_REQUEST, "START.request", P5, L2),
    (MessageId::STOP_REQUEST, "STOP.request", P5, L2),
    (MessageId::STOP_INDICATION, "STOP.indication", P5, Phy),
    (MessageId::ERROR_INDICATION, "ERROR.indication", P5, Phy),
    (MessageId::DL_TTI_REQUEST, "DL_TTI.request", P7, L2),
    (MessageId::UL_TTI_REQUEST, "UL_TTI.request", P7, L2),
    (MessageId::SLOT_INDICATION, "SLOT.indication", P7, Phy),
    (MessageId::UL_DCI_REQUEST, "UL_DCI.request", P7, L2),
    (MessageId::TX_DATA_REQUEST, "TX_DATA.request", P7, L2),
    (MessageId::RX_DATA_INDICATION, "RX_DATA.indication", P7, Phy),
    (MessageId::CRC_INDICATION, "CRC.indication", P7, Phy),
    (MessageId::UCI_INDICATION, "UCI.indication", P7, Phy),
    (MessageId::SRS_INDICATION, "SRS.indication", P7, Phy),
    (MessageId::RACH_INDICATION, "RACH.indication", P7, Phy),
    (MessageId::DL_TTI_RESPONSE, "DL_TTI.response", P7, Phy),
    (MessageId::SLOT_RESPONSE, "SLOT.response", P7, L2),
    (MessageId::DL_BFW_CVI_REQUEST, "DL_BFW_CVI.request", P7, L2),
    (MessageId::UL_BFW_CVI_REQUEST, "UL_BFW_CVI.request", P7, L2),
    (MessageId::PNF_PARAM_REQUEST, "PNF_PARAM.request", P5, L2),
    (MessageId::PNF_PARAM_RESPONSE, "PNF_PARAM.response", P5, Phy),
    (MessageId::PNF_CONFIG_REQUEST, "PNF_CONFIG.request", P5, L2),
    (
        MessageId::PNF_CONFIG_RESPONSE,
        "PNF_CONFIG.response",
        P5,
        Phy,
    ),
    (MessageId::PNF_START_REQUEST, "PNF_START.request", P5, L2),
    (MessageId::PNF_START_RESPONSE, "PNF_START.response", P5, Phy),
    (MessageId::PNF_STOP_REQUEST, "PNF_STOP.request", P5, L2),
    (MessageId::PNF_STOP_RESPONSE, "PNF_STOP.response", P5, Phy),
    (MessageId::START_RESPONSE, "START.response", P5, Phy),
    (
        MessageId::PNF_READY_INDICATION,
        "PNF_READY.indication",
        P5,
        Phy,
    ),
    (MessageId::STOP_RESPONSE, "STOP.response", P5, Phy),
    (MessageId::TIMING_INFO, "TIMING_INFO", P7, Phy),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_sync_changes_its_way_with_the_dialect() {
        let sync = MessageId(0x180);
        assert_eq!(sync.name(Dialect::OaiNfapi), "UL_NODE_SYNC");
        assert_eq!(sync.sender(Dialect::OaiNfapi), Some(Phy));
        assert_eq!(sync.name(Dialect::Scf225v2), "DL_NODE_SYNC");
        assert_eq!(sync.sender(Dialect::Scf225v2), Some(L2));
        assert_eq!(MessageId(0x181).name(Dialect::OaiNfapi), "DL_NODE_SYNC");
    }

    #[test]
    fn a_message_keeps_its_meaning_under_the_header_of_another_dialect() {
        let all = (0..=u16::MAX).map(MessageId);
        for (id, [from, to]) in all.flat_map(|id| PAIRS.map(|pair| (id, pair))) {
            if !id.travels_on_p7(from) {
                continue;
            }
            let meaning =
                |id: MessageId, by| (id.is_dl_node_sync(by), id.is_ul_node_sync(by), id.row());
            match id.between(from, to) {
                Some(other) => assert_eq!(meaning(id, from), meaning(other, to), "{id:?}"),
                None => assert!(!id.travels_on_p7(to), "{id:?}"),
            }
        }
    }

    const PAIRS: [[Dialect; 2]; 4] = [
        [Dialect::OaiNfapi, Dialect::Scf225v2],
        [Dialect::Scf225v2, Dialect::OaiNfapi],
        [Dialect::FapiBig, Dialect::OaiNfapi],
        [Dialect::FapiBig, Dialect::Scf225v2],
    ];

    #[test]
    fn an_oai_p7_header_carries_the_ids_that_its_receiver_knows() {
        let carried: Vec<u16> = (0..=u16::MAX)
            .filter(|id| MessageId(*id).travels_on_p7(Dialect::OaiNfapi))
            .collect();
        let expected = (0x80..=0x89).chain(0x180..=0x182).chain(0x300..=0x3ff);
        assert!(carried.into_iter().eq(expected));
    }

    #[test]
    fn slot_messages_are_p7_but_for_the_error() {
        for id in (0..=u16::MAX).map(MessageId).filter(|id| id.has_slot()) {
            let expected = match id {
                MessageId::ERROR_INDICATION => P5,
                _ => P7,
            };
            assert_eq!(id.interface(), Some(expected), "{id:?}");
        }
    }

    #[test]
    fn what_has_no_name_is_told_as_unknown() {
        assert_eq!(MessageId(0x8b).name(Dialect::OaiNfapi), "unknown message");
        assert_eq!(MessageId(0x8b).sender(Dialect::OaiNfapi), None);
        assert_eq!(MessageId(0x300).name(Dialect::OaiNfapi), "vendor extension");
        assert_eq!(MessageId(0x300).interface(), None);
    }
}
