//! nFAPI and FAPI for 5G: the messages between an L2 (VNF) and a PHY (PNF), SCF 222.10.02 bodies under the
//! transport headers of SCF 225.2.1 or of OAI, which are not the same.
//!
//! | file | what | where it is written |
//! |---|---|---|
//! | `message` | ids, names, who sends them | SCF 225 table 2-7 |
//! | `header`, `checksum` | one P7 datagram: dialect, piece, body; edits in place | SCF 225 tables 2-4, 2-5; OAI |
//! | `segment` | cutting a message for a peer | the same |
//! | `slot` | SFN and slot of a message | SCF 222 |
//! | `request`, `pdu`, `limits` | DL_TTI, UL_TTI, UL_DCI, TX_DATA; what OAI's arrays hold | SCF 222; OAI |
//! | `null` | the NULL request of a slot | OAI's packer |
//! | `indication` | SLOT, RX_DATA, CRC, UCI, SRS, RACH, ERROR | SCF 222; OAI |
//! | `sync` | node sync and timing info | SCF 225 table 4-1; OAI |
//! | `p5`, `p5_header` | PARAM, CONFIG, START, STOP: framing, TLVs, addresses | SCF 225 tables 2-3, 2-4; OAI |
//! | `describe` | every message as words or data, for `inspect` | |
//!
//! A header and a body are read apart: a `Dialect` is one of each, and between two appliances a header
//! of one carries bodies of another. Which dialect a peer speaks is configuration, never a guess.
//!
//! The documents of the Small Cell Forum were not at hand: layouts are those of public implementations, which
//! cite the tables above, and those of OAI are held against bytes that OAI packed. What none of them confirms,
//! or only one that nothing here was tested with, is marked `[?]` where it is used.

pub mod checksum;
pub mod describe;
mod fields;
pub mod header;
pub mod indication;
pub mod limits;
pub mod message;
pub mod null;
pub mod p5;
pub mod p5_header;
pub mod pdu;
pub mod request;
pub mod segment;
pub mod slot;
pub mod sync;

pub use header::{Check, Datagram, Head, Header, Piece};
pub use message::{Interface, MessageId, PhyId, Sender};

use super::{Fault, Layer, WireError};

/// How a peer writes: its transport header and its bodies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// OAI VNF and PNF since 2024/2025: 18-byte P7 header over UDP, 10-byte P5 header over SCTP or TCP.
    OaiNfapi,
    /// SCF 225.2.1 as O-DU-High implements it: transport header of 14 (P7) or 8 (P5) bytes, message header of 8.
    Scf225v2,
    /// The plain 8-byte FAPI header in big-endian order: OAI over WLS or in process.
    FapiBig,
    /// The same in little-endian order: Aerial and OAI towards Aerial.
    FapiLittle,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OaiNfapi,
        Self::Scf225v2,
        Self::FapiBig,
        Self::FapiLittle,
    ];

    /// The word in configuration and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OaiNfapi => "oai-nfapi",
            Self::Scf225v2 => "scf225v2",
            Self::FapiBig => "fapi-be",
            Self::FapiLittle => "fapi-le",
        }
    }

    /// The dialect with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.word() == word)
    }

    /// How bodies are written behind the header of this dialect.
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::OaiNfapi | Self::FapiBig => Encoding::OAI,
            Self::Scf225v2 => Encoding::SCF,
            Self::FapiLittle => Encoding::AERIAL,
        }
    }

    /// Bytes in front of the body in the first or only datagram of a P7 message.
    pub const fn p7_header_len(self) -> usize {
        match self {
            Self::OaiNfapi => header::OAI_LEN,
            Self::Scf225v2 => header::SCF_TRANSPORT_LEN + header::MESSAGE_LEN,
            Self::FapiBig | Self::FapiLittle => header::MESSAGE_LEN,
        }
    }
}

/// Where writers of the same SCF 222 body differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Encoding {
    /// Order of multi-byte fields.
    pub order: ByteOrder,
    /// TX_DATA: the TLV length is u32, not u16.
    pub wide_tx_data_tlv: bool,
    /// DL_TTI: each PduIdx of a group is u32, not u8. OAI writes so, and reads u8.
    pub wide_dl_groups: bool,
    /// Bitmaps of n bits take n/8 + 1 bytes, not the n/8 rounded up that is meant.
    pub extra_bitmap_byte: bool,
    /// PDSCH and PUSCH end with ldpcBaseGraph u8 and tbSizeLbrm u32 of SCF 222 v3, SRS with the v4 parameters.
    pub later_parameters: bool,
    /// UCI.indication: PDUSize is filled in, so that PDUs can be walked.
    pub sized_uci: bool,
    /// TIMING_INFO and node sync as OAI (and LTE) write them: SFN and slot u32, no subcarrier spacing.
    pub oai_sync: bool,
    /// P5 TLV 0x0105, the P7 port of the PNF, arrives byte-swapped.
    pub swapped_pnf_port: bool,
}

impl Encoding {
    /// OAI's packers, big-endian.
    pub const OAI: Self = Self {
        order: ByteOrder::Big,
        wide_tx_data_tlv: true,
        wide_dl_groups: true,
        extra_bitmap_byte: true,
        later_parameters: true,
        sized_uci: false,
        oai_sync: true,
        swapped_pnf_port: true,
    };
    /// SCF 222.10.02 as written [?]: no public peer sends bodies this way with a header of SCF 225.
    pub const SCF: Self = Self {
        order: ByteOrder::Big,
        wide_tx_data_tlv: false,
        wide_dl_groups: false,
        extra_bitmap_byte: false,
        later_parameters: false,
        sized_uci: true,
        oai_sync: false,
        swapped_pnf_port: false,
    };
    /// Aerial with 10.02, little-endian; indications as in SCF 222 [?].
    pub const AERIAL: Self = Self {
        order: ByteOrder::Little,
        ..Self::SCF
    };

    /// Each under its word in configuration and on the command line.
    pub const ALL: [(&'static str, Self); 3] = [
        ("oai", Self::OAI),
        ("scf222", Self::SCF),
        ("aerial", Self::AERIAL),
    ];

    /// The encoding with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(own, encoding)| (own == word).then_some(encoding))
    }

    /// Bytes of a bitmap of `bits` bits.
    pub const fn bitmap_len(self, bits: u16) -> usize {
        match self.extra_bitmap_byte {
            true => bits as usize / 8 + 1,
            false => (bits as usize).div_ceil(8),
        }
    }
}

/// Order of multi-byte fields.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ByteOrder {
    /// Network order.
    Big,
    /// Order of the usual hosts.
    Little,
}

impl ByteOrder {
    /// A u16 from its bytes.
    #[inline]
    pub const fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    /// A u32 from its bytes.
    #[inline]
    pub const fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    /// The bytes of a u16.
    #[inline]
    pub const fn bytes16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        }
    }

    /// The bytes of a u32.
    #[inline]
    pub const fn bytes32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Big => value.to_be_bytes(),
            Self::Little => value.to_le_bytes(),
        }
    }
}

/// An error in a body.
const fn body_error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Fapi,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_found_by_its_word() {
        for dialect in Dialect::ALL {
            assert_eq!(Dialect::from_word(dialect.word()), Some(dialect));
        }
        assert_eq!(Dialect::from_word("oai"), None);
    }

    #[test]
    fn oai_bitmaps_have_a_byte_more_at_multiples_of_eight() {
        let lens = |encoding: Encoding| [0, 1, 7, 8, 9].map(|bits| encoding.bitmap_len(bits));
        assert_eq!(lens(Encoding::OAI), [1, 1, 1, 2, 2]);
        assert_eq!(lens(Encoding::SCF), [0, 1, 1, 1, 2]);
    }
}
