//! The P5 header (SCF 225 tables 2-3 and 2-4; OAI), and how many bytes of a stream one message takes.
//!
//! ```text
//! oai-nfapi  PHY_ID:16 message_ID:16 length:32 spare:16                              length of the body
//! scf225v2   length:16 more:1 segment:7 sequence:8 timestamp:32 | type:8 PHY_ID:8 message_ID:16 length:32
//! fapi       messages:8 handle:8 message:16 length:32                                length of the body
//! ```
//!
//! Over SCTP a user message is one of these; over TCP the length frames them. The segment length of SCF 225
//! is not read: O-DU-High writes 0 there. Its segments are refused: no public peer sends them, and what the
//! length then counts is unsure [?]. Refused as well: ids of the other interface, lengths above
//! `LONGEST_BODY`, and OAI's 8-byte header of early 2024.

use super::header::MESSAGE_LEN;
use super::{Dialect, Head, MessageId, PhyId};
use crate::wire::{Fault, Layer, WireError};

/// Largest body that is waited for, bytes. The largest CONFIG.request with all its beams is far below.
pub const LONGEST_BODY: usize = 1 << 20;

/// Payload protocol identifier of OAI's SCTP messages, as the bytes on the wire: 42 without a byte swap.
pub const OAI_SCTP_PPID: [u8; 4] = [42, 0, 0, 0];

/// The header of one P5 message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct P5Header {
    /// PHY 0 for PNF messages.
    pub head: Head,
    /// Sequence number of SCF 225; 0 elsewhere.
    pub sequence: u8,
}

impl P5Header {
    /// Bytes of the header.
    pub const fn len(dialect: Dialect) -> usize {
        match dialect {
            Dialect::OaiNfapi => OAI_LEN,
            Dialect::Scf225v2 => TRANSPORT_LEN + MESSAGE_LEN,
            Dialect::FapiBig | Dialect::FapiLittle => MESSAGE_LEN,
        }
    }

    /// The header and body of `message`, exactly one.
    pub fn parse(message: &[u8], dialect: Dialect) -> Result<(Self, &[u8]), WireError> {
        let (header, announced) = match Self::read(message, dialect) {
            Ok(Some(read)) => read,
            _ if is_old_oai(message, dialect) => return Err(error(Fault::OldHeader)),
            Ok(None) => return Err(error(Fault::Truncated)),
            Err(error) => return Err(error),
        };
        let body = message.get(Self::len(dialect)..).unwrap_or_default();
        match body.len() == announced {
            true => Ok((header, body)),
            false if is_old_oai(message, dialect) => Err(error(Fault::OldHeader)),
            false => Err(error(Fault::Size)),
        }
    }

    /// Bytes that the message at the start of `stream` takes, header included; `None` if more must arrive to
    /// tell. What is refused cannot be skipped: the stream is out of step.
    pub fn frame(stream: &[u8], dialect: Dialect) -> Result<Option<usize>, WireError> {
        let read = Self::read(stream, dialect)?;
        Ok(read.map(|(_, body)| Self::len(dialect) + body))
    }

    /// The header and the length of the body; `None` if the header is not complete.
    fn read(bytes: &[u8], dialect: Dialect) -> Result<Option<(Self, usize)>, WireError> {
        let read = match dialect {
            Dialect::OaiNfapi => oai(bytes),
            Dialect::Scf225v2 => scf(bytes)?,
            Dialect::FapiBig | Dialect::FapiLittle => fapi(bytes, dialect)?,
        };
        let Some((header, body)) = read else {
            return Ok(None);
        };
        if !header.head.message.travels_on_p5(dialect) {
            return Err(error(Fault::Range));
        }
        match usize::try_from(body) {
            Ok(body @ ..=LONGEST_BODY) => Ok(Some((header, body))),
            _ => Err(error(Fault::Size)),
        }
    }

    /// Writes the header of a message with `body_len` bytes of body to the start of `out`; returns its length.
    pub fn emit(
        &self,
        dialect: Dialect,
        body_len: u32,
        out: &mut [u8],
    ) -> Result<usize, WireError> {
        let Head { phy, message } = self.head;
        let len = Self::len(dialect);
        let order = dialect.encoding().order;
        let [m0, m1] = order.bytes16(message.0);
        let [l0, l1, l2, l3] = order.bytes32(body_len);
        let narrow = || u8::try_from(phy.0).map_err(|_| error(Fault::Range));
        let room = out.get_mut(..len).ok_or(error(Fault::Truncated))?;
        match dialect {
            Dialect::OaiNfapi => {
                let [p0, p1] = phy.0.to_be_bytes();
                room.copy_from_slice(&[p0, p1, m0, m1, l0, l1, l2, l3, 0, 0]);
            }
            Dialect::Scf225v2 => {
                // The segment is all behind the transport header [?]; what does not fit the field says 0, as
                // O-DU-High does always.
                let segment = body_len.saturating_add(MESSAGE_LEN as u32);
                let [s0, s1] = u16::try_from(segment).unwrap_or(0).to_be_bytes();
                room.copy_from_slice(&[
                    s0,
                    s1,
                    0,
                    self.sequence,
                    0,
                    0,
                    0,
                    0,
                    TERMINATION_P5_P7,
                    narrow()?,
                    m0,
                    m1,
                    l0,
                    l1,
                    l2,
                    l3,
                ]);
            }
            Dialect::FapiBig | Dialect::FapiLittle => {
                room.copy_from_slice(&[1, narrow()?, m0, m1, l0, l1, l2, l3]);
            }
        }
        Ok(len)
    }
}

/// Writes PHY_ID of a parsed message.
pub fn set_phy(message: &mut [u8], dialect: Dialect, phy: PhyId) -> Result<(), WireError> {
    if dialect == Dialect::OaiNfapi {
        if let Some(field) = message.first_chunk_mut() {
            *field = phy.0.to_be_bytes();
        }
        return Ok(());
    }
    let narrow = u8::try_from(phy.0).map_err(|_| error(Fault::Range))?;
    let at = match dialect {
        Dialect::Scf225v2 => TRANSPORT_LEN + 1,
        _ => 1,
    };
    if let Some(field) = message.get_mut(at) {
        *field = narrow;
    }
    Ok(())
}

fn oai(bytes: &[u8]) -> Option<(P5Header, u32)> {
    let [p0, p1, m0, m1, l0, l1, l2, l3, _, _] = *bytes.first_chunk::<OAI_LEN>()?;
    let head = Head {
        phy: PhyId(u16::from_be_bytes([p0, p1])),
        message: MessageId(u16::from_be_bytes([m0, m1])),
    };
    let length = u32::from_be_bytes([l0, l1, l2, l3]);
    Some((P5Header { head, sequence: 0 }, length))
}

/// The 8-byte header of early 2024: length u16 at offset 4, of the body or of all [?], and a spare of 0.
fn is_old_oai(message: &[u8], dialect: Dialect) -> bool {
    let (Dialect::OaiNfapi, Some([_, _, m0, m1, l0, l1, 0, 0])) =
        (dialect, message.first_chunk::<8>())
    else {
        return false;
    };
    let announced = usize::from(u16::from_be_bytes([*l0, *l1]));
    let known = MessageId(u16::from_be_bytes([*m0, *m1])).travels_on_p5(dialect);
    // Its START.response was 0x10D.
    let known = known || [*m0, *m1] == [1, 0x0d];
    known && (announced + 8 == message.len() || announced == message.len())
}

fn scf(bytes: &[u8]) -> Result<Option<(P5Header, u32)>, WireError> {
    let Some(([_, _, segment, sequence, _, _, _, _], rest)) =
        bytes.split_first_chunk::<TRANSPORT_LEN>()
    else {
        return Ok(None);
    };
    let Some([kind, phy, m0, m1, l0, l1, l2, l3]) = rest.first_chunk::<MESSAGE_LEN>() else {
        return Ok(None);
    };
    if *segment != 0 {
        return Err(error(Fault::Fragment));
    }
    if *kind != TERMINATION_P5_P7 {
        return Err(error(Fault::Range));
    }
    let header = P5Header {
        head: Head {
            phy: PhyId(u16::from(*phy)),
            message: MessageId(u16::from_be_bytes([*m0, *m1])),
        },
        sequence: *sequence,
    };
    Ok(Some((header, u32::from_be_bytes([*l0, *l1, *l2, *l3]))))
}

fn fapi(bytes: &[u8], dialect: Dialect) -> Result<Option<(P5Header, u32)>, WireError> {
    let Some([count, handle, m0, m1, l0, l1, l2, l3]) = bytes.first_chunk::<MESSAGE_LEN>() else {
        return Ok(None);
    };
    if *count != 1 {
        return Err(error(Fault::Range));
    }
    let order = dialect.encoding().order;
    let head = Head {
        phy: PhyId(u16::from(*handle)),
        message: MessageId(order.u16([*m0, *m1])),
    };
    let length = order.u32([*l0, *l1, *l2, *l3]);
    Ok(Some((P5Header { head, sequence: 0 }, length)))
}

const OAI_LEN: usize = 10;
const TRANSPORT_LEN: usize = 8;
const TERMINATION_P5_P7: u8 = 1;

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::P5,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: P5Header = P5Header {
        head: Head {
            phy: PhyId(3),
            message: MessageId::CONFIG_RESPONSE,
        },
        sequence: 0,
    };

    fn emitted(dialect: Dialect, body: &[u8]) -> Vec<u8> {
        let mut out = [0xee; 32];
        let len = HEADER.emit(dialect, body.len() as u32, &mut out).unwrap();
        [&out[..len], body].concat()
    }

    #[test]
    fn the_length_of_oai_leaves_its_header_out() {
        let bytes = emitted(Dialect::OaiNfapi, &[9; 5]);
        assert_eq!(bytes[..10], [0, 3, 0, 3, 0, 0, 0, 5, 0, 0]);
    }

    #[test]
    fn what_is_emitted_is_read_back_and_framed() {
        for dialect in Dialect::ALL {
            let bytes = emitted(dialect, &[9; 5]);
            let (header, body) = P5Header::parse(&bytes, dialect).unwrap();
            assert_eq!((header, body), (HEADER, &[9; 5][..]));
            let mut stream = bytes.clone();
            stream.extend(&bytes);
            assert_eq!(P5Header::frame(&stream, dialect), Ok(Some(bytes.len())));
        }
    }

    #[test]
    fn a_stream_is_waited_for_until_its_header_is_there() {
        for dialect in Dialect::ALL {
            let bytes = emitted(dialect, &[9; 5]);
            let len = P5Header::len(dialect);
            for part in 0..len {
                assert_eq!(P5Header::frame(&bytes[..part], dialect), Ok(None));
            }
            assert!(P5Header::frame(&bytes[..len], dialect).unwrap().is_some());
            for part in 0..bytes.len() {
                assert!(P5Header::parse(&bytes[..part], dialect).is_err());
            }
        }
    }

    #[test]
    fn a_length_beyond_all_reason_is_not_waited_for() {
        let mut bytes = emitted(Dialect::OaiNfapi, &[]);
        bytes[4..8].copy_from_slice(&(LONGEST_BODY as u32).to_be_bytes());
        assert!(P5Header::frame(&bytes, Dialect::OaiNfapi).is_ok());
        bytes[7] = 1;
        assert_eq!(
            P5Header::frame(&bytes, Dialect::OaiNfapi),
            Err(error(Fault::Size))
        );
    }

    #[test]
    fn the_header_of_2024_is_told_from_damage() {
        for old in [
            &[0, 0, 1, 0, 0, 0, 0, 0][..],
            &[0, 1, 1, 0x0d, 0, 1, 0, 0, 0],
            &[0, 1, 0, 3, 0, 5, 0, 0, 0, 0, 0, 0, 0],
        ] {
            let refused = P5Header::parse(old, Dialect::OaiNfapi);
            assert_eq!(refused, Err(error(Fault::OldHeader)), "{old:?}");
        }
    }

    #[test]
    fn segments_of_scf_are_refused() {
        let mut bytes = emitted(Dialect::Scf225v2, &[]);
        bytes[2] = 0x80;
        let refused = P5Header::parse(&bytes, Dialect::Scf225v2);
        assert_eq!(refused, Err(error(Fault::Fragment)));
    }

    #[test]
    fn a_slot_message_is_no_p5_message() {
        let mut bytes = emitted(Dialect::OaiNfapi, &[]);
        bytes[3] = 0x80;
        let refused = P5Header::parse(&bytes, Dialect::OaiNfapi);
        assert_eq!(refused, Err(error(Fault::Range)));
    }

    #[test]
    fn a_phy_is_set_where_each_dialect_has_it() {
        for dialect in Dialect::ALL {
            let mut bytes = emitted(dialect, &[1, 2]);
            set_phy(&mut bytes, dialect, PhyId(200)).unwrap();
            let (header, _) = P5Header::parse(&bytes, dialect).unwrap();
            assert_eq!(header.head.phy, PhyId(200));
            let wide = set_phy(&mut bytes, dialect, PhyId(256));
            assert_eq!(wide.is_ok(), dialect == Dialect::OaiNfapi);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..40),
            which in 0usize..4,
        ) {
            let dialect = Dialect::ALL[which];
            let _ = P5Header::parse(&bytes, dialect);
            let _ = P5Header::frame(&bytes, dialect);
            let _ = set_phy(&mut bytes, dialect, PhyId(1));
        }
    }
}
