//! The NULL request of a slot: SFN, slot and zero counters, byte for byte what OAI packs for no PDUs.
//!
//! A standby that hears NULLs stays in step at almost no cost. RachPresent is 0 as well: a standby that is
//! given PRACH would report it. Everything else of the full request is dropped.

use super::{Dialect, Encoding, Head, Header, MessageId, PhyId, Piece, body_error, slot};
use crate::ran::SlotPoint;
use crate::wire::{Fault, WireError};

/// Bytes of the longest NULL body: UL_TTI.
pub const LONGEST_BODY: usize = 9;
/// Bytes of the longest NULL datagram of any dialect.
pub const LONGEST_DATAGRAM: usize = 22 + LONGEST_BODY;

/// Bytes in a fixed array.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Bytes<N> {
    /// So many as `write` says that it wrote.
    #[inline]
    pub fn written(
        write: impl FnOnce(&mut [u8]) -> Result<usize, WireError>,
    ) -> Result<Self, WireError> {
        let mut bytes = [0; N];
        let len = write(&mut bytes)?;
        Ok(Self { bytes, len })
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Bytes of the NULL body of `message`: 6, 9, 5 or 6. `None` for what is no request of a slot.
#[inline]
pub const fn len(message: MessageId) -> Option<usize> {
    match message {
        MessageId::DL_TTI_REQUEST | MessageId::TX_DATA_REQUEST => Some(6),
        MessageId::UL_TTI_REQUEST => Some(9),
        MessageId::UL_DCI_REQUEST => Some(5),
        _ => None,
    }
}

/// The NULL body of `message` for `point`.
#[inline]
pub fn body(
    message: MessageId,
    encoding: Encoding,
    point: SlotPoint,
) -> Option<Bytes<LONGEST_BODY>> {
    let len = len(message)?;
    let mut bytes = [0; LONGEST_BODY];
    *bytes.first_chunk_mut()? = slot::bytes(point, encoding.order);
    Some(Bytes { bytes, len })
}

/// True if `of`, the body of `message`, is a NULL: no PDU, no PRACH, nothing behind the counters.
#[inline]
pub fn is_null(message: MessageId, of: &[u8]) -> bool {
    len(message) == Some(of.len())
        && of
            .get(slot::SLOT_LEN..)
            .is_some_and(|counters| counters.iter().all(|byte| *byte == 0))
}

/// What a NULL datagram says beside its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Null {
    /// One of the four requests.
    pub message: MessageId,
    /// PHY of the peer.
    pub phy: PhyId,
    /// The peer's own; OAI keeps the low 8 bits.
    pub sequence: u16,
    /// Of the request that it stands for, or of the slot clock.
    pub timestamp: u32,
}

impl Null {
    /// The whole datagram for `point`, bodies as the dialect writes them. Refuses other messages, and a PHY that
    /// the header cannot name.
    #[inline]
    pub fn datagram(
        &self,
        dialect: Dialect,
        encoding: Encoding,
        point: SlotPoint,
    ) -> Result<Bytes<LONGEST_DATAGRAM>, WireError> {
        let body = body(self.message, encoding, point).ok_or(body_error(Fault::Range))?;
        let body = body.as_slice();
        let header = Header {
            head: Head {
                phy: self.phy,
                message: self.message,
            },
            piece: Piece::uncut(dialect, self.sequence, body.len() as u32),
            timestamp: self.timestamp,
        };
        Bytes::written(|out| header.emit_whole(dialect, body, out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::nfapi::request::{Request, TxData};
    use crate::wire::nfapi::{Check, Datagram};

    const POINT: SlotPoint = SlotPoint { sfn: 5, slot: 7 };
    const REQUESTS: [MessageId; 4] = [
        MessageId::DL_TTI_REQUEST,
        MessageId::UL_TTI_REQUEST,
        MessageId::UL_DCI_REQUEST,
        MessageId::TX_DATA_REQUEST,
    ];

    fn null(message: MessageId) -> Null {
        Null {
            message,
            phy: PhyId(1),
            sequence: 0x103,
            timestamp: 57_000,
        }
    }

    #[test]
    fn a_null_is_read_back_as_nothing_in_its_slot() {
        for dialect in Dialect::ALL {
            let encoding = dialect.encoding();
            for message in REQUESTS {
                let bytes = null(message).datagram(dialect, encoding, POINT).unwrap();
                let (view, body) =
                    Datagram::parse(bytes.as_slice(), dialect, Check::Verify).unwrap();
                assert!(view.is_whole());
                assert_eq!(body.len(), len(message).unwrap());
                let (point, nothing) = match message {
                    MessageId::TX_DATA_REQUEST => {
                        let (view, _) = TxData::parse(body, encoding).unwrap();
                        (view.point(), view.is_null())
                    }
                    _ => {
                        let (view, _) = Request::parse(body, message, encoding).unwrap();
                        (view.point(), view.is_null())
                    }
                };
                assert_eq!((point, nothing), (POINT, true));
            }
        }
    }

    #[test]
    fn what_asks_for_something_is_no_null() {
        for message in REQUESTS {
            let mut bytes = body(message, Encoding::OAI, POINT)
                .unwrap()
                .as_slice()
                .to_vec();
            assert!(is_null(message, &bytes));
            *bytes.last_mut().unwrap() = 1;
            assert!(!is_null(message, &bytes));
        }
        assert!(!is_null(MessageId::SLOT_INDICATION, &[0; 6]));
    }

    #[test]
    fn only_requests_of_a_slot_have_a_null() {
        for id in [0x02, 0x82, 0x85, 0x182] {
            let refused = null(MessageId(id)).datagram(Dialect::OaiNfapi, Encoding::OAI, POINT);
            assert_eq!(refused, Err(body_error(Fault::Range)));
        }
    }
}
