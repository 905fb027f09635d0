//! eCPRI common header (eCPRI 2.0, 3.1.3) and the identifier of types 0 and 2 (CUS 3.1.3.1).
//!
//! The journey parses one message at a time; concatenated ones are walked with `advance` or
//! `Messages`. Refuses another revision than 1, and a payload size outside its policy or below the
//! minimum of its type. Reserved and vendor types are values.

use super::{Fault, Layer, WireError};
use crate::ran::{EaxcId, SequenceNumber};

/// Bytes of the common header.
pub const HEADER_LEN: usize = 4;
/// Bytes of the identifier and sequence of types 0 and 2.
pub const STREAM_LEN: usize = 4;

/// What to believe when ecpriPayload and the bytes that arrived disagree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Size {
    /// Refuse.
    #[default]
    Strict,
    /// Take the bytes that are left when an unconcatenated message announces 0 or more than that: some RUs do.
    Lenient,
}

/// ecpriMessage.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageType {
    /// Type 0, the U-plane.
    IqData,
    /// Type 1.
    BitSequence,
    /// Type 2, the C-plane.
    RealTimeControl,
    /// Type 3.
    GenericData,
    /// Type 4.
    RemoteMemory,
    /// Type 5, one-way delay measurement.
    DelayMeasurement,
    /// Type 6.
    RemoteReset,
    /// Type 7.
    EventIndication,
    /// Type 8 (eCPRI 2.0).
    IwfStartUp,
    /// Type 9 (eCPRI 2.0).
    IwfOperation,
    /// Type 10 (eCPRI 2.0).
    IwfMapping,
    /// Type 11 (eCPRI 2.0).
    IwfDelayControl,
    /// 12..=63.
    Reserved(u8),
    /// 64..=255.
    Vendor(u8),
}

impl MessageType {
    /// From the wire.
    #[inline]
    pub const fn from_wire(code: u8) -> Self {
        match code {
            0 => Self::IqData,
            1 => Self::BitSequence,
            2 => Self::RealTimeControl,
            3 => Self::GenericData,
            4 => Self::RemoteMemory,
            5 => Self::DelayMeasurement,
            6 => Self::RemoteReset,
            7 => Self::EventIndication,
            8 => Self::IwfStartUp,
            9 => Self::IwfOperation,
            10 => Self::IwfMapping,
            11 => Self::IwfDelayControl,
            12..64 => Self::Reserved(code),
            64.. => Self::Vendor(code),
        }
    }

    /// The number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::IqData => 0,
            Self::BitSequence => 1,
            Self::RealTimeControl => 2,
            Self::GenericData => 3,
            Self::RemoteMemory => 4,
            Self::DelayMeasurement => 5,
            Self::RemoteReset => 6,
            Self::EventIndication => 7,
            Self::IwfStartUp => 8,
            Self::IwfOperation => 9,
            Self::IwfMapping => 10,
            Self::IwfDelayControl => 11,
            Self::Reserved(code) | Self::Vendor(code) => code,
        }
    }

    /// Smallest payload of this type, bytes. 0 where eCPRI names none.
    #[inline]
    pub const fn minimum_payload(self) -> usize {
        match self {
            Self::IqData | Self::BitSequence | Self::RealTimeControl | Self::EventIndication => 4,
            Self::GenericData => 8,
            Self::RemoteMemory | Self::IwfDelayControl => 12,
            Self::DelayMeasurement => 20,
            Self::RemoteReset => 3,
            Self::IwfStartUp => 9,
            Self::IwfOperation | Self::IwfMapping | Self::Reserved(_) | Self::Vendor(_) => 0,
        }
    }
}

/// One eCPRI message's common header.
#[derive(Clone, Copy, Debug)]
pub struct Ecpri<'a> {
    header: &'a [u8; HEADER_LEN],
    size: usize,
}

impl<'a> Ecpri<'a> {
    /// The header of the first message in `pdu` and exactly its payload; the caller bounds `pdu` by
    /// frame or datagram. A message that announces a next one must have room for it.
    #[inline]
    pub fn parse(pdu: &'a [u8], policy: Size) -> Result<(Self, &'a [u8]), WireError> {
        let (header, rest) = pdu
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        if header[0] >> 4 != REVISION {
            return Err(error(Fault::Version));
        }
        let announced = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let distrusted = announced == 0 || announced > rest.len();
        let view = Self {
            header,
            size: match policy {
                Size::Lenient if distrusted && header[0] & CONCATENATED == 0 => rest.len(),
                _ => announced,
            },
        };
        if view.size < view.message_type().minimum_payload() {
            return Err(error(Fault::Size));
        }
        let payload = rest.get(..view.size).ok_or(error(Fault::Size))?;
        if view.concatenated() && pdu.len() < view.advance() + HEADER_LEN {
            return Err(error(Fault::Size));
        }
        Ok((view, payload))
    }

    /// Type of the message.
    #[inline]
    pub const fn message_type(&self) -> MessageType {
        MessageType::from_wire(self.header[1])
    }

    /// The C bit: another message follows at `advance`.
    #[inline]
    pub const fn concatenated(&self) -> bool {
        self.header[0] & CONCATENATED != 0
    }

    /// Bytes of payload, after the policy.
    #[inline]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Bytes from this header to the next: header and payload, padded to a multiple of 4.
    #[inline]
    pub const fn advance(&self) -> usize {
        (HEADER_LEN + self.size).next_multiple_of(4)
    }
}

/// Walks the messages of a PDU with the offset of each; ends after the first error.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    pdu: Option<&'a [u8]>,
    offset: usize,
    policy: Size,
}

impl<'a> Messages<'a> {
    /// Starts at the first common header.
    pub const fn new(pdu: &'a [u8], policy: Size) -> Self {
        Self {
            pdu: Some(pdu),
            offset: 0,
            policy,
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    /// Offset of the common header in the PDU, the header, its payload.
    type Item = Result<(usize, Ecpri<'a>, &'a [u8]), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pdu = self.pdu.take()?;
        let (view, payload) = match Ecpri::parse(pdu, self.policy) {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        let offset = self.offset;
        if view.concatenated() {
            self.pdu = pdu.get(view.advance()..);
            self.offset += view.advance();
        }
        Some(Ok((offset, view, payload)))
    }
}

/// Identifier and sequence of types 0 and 2: the first 4 bytes of their payload.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    header: &'a [u8; STREAM_LEN],
}

impl<'a> Stream<'a> {
    /// The identifier and the application data behind it.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (header, rest) = payload
            .split_first_chunk::<STREAM_LEN>()
            .ok_or(error(Fault::Truncated))?;
        Ok((Self { header }, rest))
    }

    /// ecpriPcid or ecpriRtcid, all 16 bits.
    #[inline]
    pub const fn eaxc(&self) -> EaxcId {
        EaxcId(u16::from_be_bytes([self.header[0], self.header[1]]))
    }

    /// Sequence id.
    #[inline]
    pub const fn sequence(&self) -> SequenceNumber {
        SequenceNumber(self.header[2])
    }

    /// The E bit: last or only radio-transport fragment.
    #[inline]
    pub const fn is_last(&self) -> bool {
        self.header[3] & 0x80 != 0
    }

    /// Subsequence id, 0..=127: 0 for the first or only fragment, the one with the radio header.
    #[inline]
    pub const fn subsequence(&self) -> u8 {
        self.header[3] & 0x7f
    }
}

/// Writes ecpriPcid or ecpriRtcid of a parsed payload.
#[inline]
pub fn set_eaxc(payload: &mut [u8], eaxc: EaxcId) {
    if let Some([high, low, ..]) = payload.first_chunk_mut::<STREAM_LEN>() {
        [*high, *low] = eaxc.0.to_be_bytes();
    }
}

/// Writes the Sequence id of a parsed payload; E bit and Subsequence id stay.
#[inline]
pub fn set_sequence(payload: &mut [u8], sequence: SequenceNumber) {
    if let Some([_, _, id, _]) = payload.first_chunk_mut::<STREAM_LEN>() {
        *id = sequence.0;
    }
}

/// Writes ecpriPayload and clears the C bit of a parsed message that is sent alone.
#[inline]
pub fn set_alone(message: &mut [u8], size: u16) {
    if let Some([first, _, high, low]) = message.first_chunk_mut::<HEADER_LEN>() {
        *first &= !CONCATENATED;
        [*high, *low] = size.to_be_bytes();
    }
}

/// A common header to emit, revision 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Type of the message.
    pub message_type: MessageType,
    /// Another message follows.
    pub concatenated: bool,
    /// ecpriPayload, bytes.
    pub size: u16,
}

impl Header {
    /// Appends the 4 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[
            REVISION << 4 | u8::from(self.concatenated),
            self.message_type.code(),
        ]);
        out.extend_from_slice(&self.size.to_be_bytes());
    }
}

/// An identifier and sequence to emit, not fragmented (E 1, Subsequence id 0).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamHeader {
    /// ecpriPcid or ecpriRtcid.
    pub eaxc: EaxcId,
    /// Sequence id.
    pub sequence: SequenceNumber,
}

impl StreamHeader {
    /// Appends the 4 bytes.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.eaxc.0.to_be_bytes());
        out.extend_from_slice(&[self.sequence.0, 0x80]);
    }
}

/// ecpriVersion of eCPRI 1.0 to 2.0. The three reserved bits behind it are ignored.
const REVISION: u8 = 1;
const CONCATENATED: u8 = 0x01;

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Ecpri,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ethernet::{self, Ethernet};
    use crate::wire::oran::header::RadioHeader;
    use crate::wire::vectors;
    use proptest::prelude::*;

    fn pdu(vector: Vec<u8>) -> Vec<u8> {
        vector[18..].to_vec()
    }

    #[test]
    fn fields_of_a_u_plane_message() {
        let pdu = pdu(vectors::v1());
        let (view, payload) = Ecpri::parse(&pdu, Size::Strict).unwrap();
        assert_eq!(view.message_type(), MessageType::IqData);
        assert!(!view.concatenated());
        assert_eq!(view.size(), 68);
        assert_eq!(view.advance(), 72);
        let (stream, rest) = Stream::parse(payload).unwrap();
        assert_eq!(stream.eaxc(), EaxcId(0));
        assert_eq!(stream.sequence(), SequenceNumber(5));
        assert!(stream.is_last());
        assert_eq!(stream.subsequence(), 0);
        assert_eq!(rest.len(), 64);
    }

    #[test]
    fn padding_behind_the_payload_size_is_not_payload() {
        let pdu = pdu(vectors::v5());
        let (view, payload) = Ecpri::parse(&pdu, Size::Strict).unwrap();
        assert_eq!(view.message_type(), MessageType::RealTimeControl);
        assert_eq!(payload.len(), 20);
        assert!(pdu.len() > 24);
    }

    #[test]
    fn concatenated_messages_start_at_multiples_of_four() {
        let pdu = pdu(vectors::v11());
        let found: Vec<_> = Messages::new(&pdu, Size::Strict)
            .map(|message| {
                let (offset, view, payload) = message.unwrap();
                let (stream, _) = Stream::parse(payload).unwrap();
                (
                    offset,
                    view.concatenated(),
                    stream.eaxc().0,
                    stream.sequence().0,
                )
            })
            .collect();
        assert_eq!(found, [(0, true, 0, 14), (24, false, 1, 15)]);
    }

    #[test]
    fn a_message_that_announces_a_next_one_needs_room_for_it() {
        let mut pdu = pdu(vectors::v11());
        pdu.truncate(28);
        assert!(Ecpri::parse(&pdu, Size::Strict).is_ok());
        pdu.truncate(27);
        assert_eq!(
            Ecpri::parse(&pdu, Size::Lenient).unwrap_err(),
            error(Fault::Size)
        );
    }

    #[test]
    fn a_wrong_payload_size_is_refused_or_replaced_by_policy() {
        for (size, strict, lenient) in [
            (0u16, None, Some(68)),
            (3, None, None),
            (4, Some(4), Some(4)),
            (68, Some(68), Some(68)),
            (69, None, Some(68)),
            (0xffff, None, Some(68)),
        ] {
            let mut pdu = pdu(vectors::v1());
            pdu[2..4].copy_from_slice(&size.to_be_bytes());
            for (policy, expected) in [(Size::Strict, strict), (Size::Lenient, lenient)] {
                let found = Ecpri::parse(&pdu, policy);
                assert_eq!(found.map(|(view, _)| view.size()).ok(), expected, "{size}");
            }
        }
    }

    #[test]
    fn a_size_that_ends_inside_the_radio_header_leaves_the_identifier_readable() {
        let mut pdu = pdu(vectors::v1());
        pdu[3] = 7;
        let (_, payload) = Ecpri::parse(&pdu, Size::Strict).unwrap();
        let (stream, rest) = Stream::parse(payload).unwrap();
        assert_eq!(stream.sequence(), SequenceNumber(5));
        let refused = RadioHeader::parse(rest).unwrap_err();
        assert_eq!(
            (refused.layer, refused.fault),
            (Layer::Radio, Fault::Truncated)
        );
    }

    #[test]
    fn a_lenient_size_still_needs_the_minimum_of_its_type() {
        let pdu = [0x10, 0, 0, 0, 1, 2, 3];
        let found = Ecpri::parse(&pdu, Size::Lenient);
        assert_eq!(found.unwrap_err(), error(Fault::Size));
    }

    #[test]
    fn a_concatenated_message_may_not_have_a_wrong_size() {
        let mut pdu = pdu(vectors::v11());
        pdu[2..4].copy_from_slice(&[0, 0]);
        let found = Ecpri::parse(&pdu, Size::Lenient);
        assert_eq!(found.unwrap_err(), error(Fault::Size));
    }

    #[test]
    fn every_truncation_of_every_checked_pdu_is_an_error() {
        for frame in vectors::all() {
            let (ethernet, pdu) = Ethernet::parse(&frame).unwrap();
            if ethernet.ethertype() != ethernet::ECPRI {
                continue;
            }
            let lengths: Vec<_> = Messages::new(pdu, Size::Strict)
                .map(|message| message.map(|(offset, view, _)| offset + HEADER_LEN + view.size()))
                .collect();
            let end = lengths.last().unwrap().unwrap();
            for len in 0..end {
                let broken =
                    Messages::new(&pdu[..len], Size::Strict).any(|message| message.is_err());
                assert!(broken, "{len} of {end}");
            }
        }
    }

    #[test]
    fn another_revision_is_refused_and_reserved_bits_are_ignored() {
        let mut pdu = pdu(vectors::v1());
        pdu[0] = 0x1e;
        assert!(Ecpri::parse(&pdu, Size::Strict).is_ok());
        pdu[0] = 0x20;
        let found = Ecpri::parse(&pdu, Size::Strict);
        assert_eq!(found.unwrap_err(), error(Fault::Version));
    }

    #[test]
    fn every_type_keeps_its_number_and_has_a_minimum() {
        let minimums = [4, 4, 4, 8, 12, 20, 3, 4, 9, 0, 0, 12];
        for code in 0..=255 {
            let message_type = MessageType::from_wire(code);
            assert_eq!(message_type.code(), code);
            let expected = minimums.get(usize::from(code)).copied().unwrap_or(0);
            assert_eq!(message_type.minimum_payload(), expected);
        }
        assert_eq!(MessageType::from_wire(63), MessageType::Reserved(63));
        assert_eq!(MessageType::from_wire(64), MessageType::Vendor(64));
    }

    #[test]
    fn a_fragment_tells_its_place() {
        let (stream, rest) = Stream::parse(&[0x42, 0x35, 9, 0x05]).unwrap();
        assert_eq!(stream.eaxc(), EaxcId(0x4235));
        assert!(!stream.is_last());
        assert_eq!(stream.subsequence(), 5);
        assert!(rest.is_empty());
        assert!(Stream::parse(&[0; 3]).is_err());
    }

    #[test]
    fn edits_change_their_field_alone() {
        let mut payload = [0x42, 0x35, 9, 0x05, 0xee];
        set_eaxc(&mut payload, EaxcId(0x1234));
        set_sequence(&mut payload, SequenceNumber(255));
        assert_eq!(payload, [0x12, 0x34, 255, 0x05, 0xee]);
        let mut message = [0x1f, 2, 0, 20];
        set_alone(&mut message, 300);
        assert_eq!(message, [0x1e, 2, 1, 44]);
    }

    #[test]
    fn emitted_headers_read_back() {
        let original = pdu(vectors::v11());
        let mut out = Vec::new();
        Header {
            message_type: MessageType::RealTimeControl,
            concatenated: true,
            size: 20,
        }
        .emit(&mut out);
        StreamHeader {
            eaxc: EaxcId(0),
            sequence: SequenceNumber(14),
        }
        .emit(&mut out);
        assert_eq!(out, original[..8]);
    }

    proptest! {
        #[test]
        fn messages_of_random_bytes_end_and_stay_inside(
            mut pdu in proptest::collection::vec(any::<u8>(), 0..256),
            lenient in any::<bool>(),
        ) {
            for at in (0..pdu.len()).step_by(12) {
                pdu[at] = 0x11; // make chains likely
            }
            let policy = if lenient { Size::Lenient } else { Size::Strict };
            let mut end = 0;
            for message in Messages::new(&pdu, policy).flatten() {
                let (offset, view, payload) = message;
                prop_assert!(offset >= end && offset % 4 == 0);
                prop_assert_eq!(payload.len(), view.size());
                end = offset + HEADER_LEN + payload.len();
                prop_assert!(end <= pdu.len());
            }
        }
    }
}
