//! ICMP for IPv4 (RFC 792), as far as echo: the view, and the answer in place.
//!
//! The checksum covers the whole message, which may be longer than the bytes at hand. An answer updates it by
//! difference (RFC 1624), so that a message damaged on the way is still damaged when it is back.

use super::checksum::Difference;
use super::{Fault, Layer, WireError};

/// Protocol number of ICMP.
pub const PROTOCOL: u8 = 1;

/// Bytes of a header.
pub const HEADER_LEN: usize = 8;

const ECHO_REPLY: u8 = 0;
const ECHO: u8 = 8;

/// A header: `0 type | 1 code | 2 checksum | 4 identifier | 6 sequence number`, the last two of echo.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<'a> {
    header: &'a [u8; HEADER_LEN],
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// To be sent back.
    Echo,
    /// Sent back.
    EchoReply,
    /// Type and code of another.
    Other(u8, u8),
}

impl<'a> Icmp<'a> {
    /// The header, and what is there of the data.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (header, data) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        Ok((Self { header }, data))
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        match (self.header[0], self.header[1]) {
            (ECHO, 0) => Kind::Echo,
            (ECHO_REPLY, 0) => Kind::EchoReply,
            (kind, code) => Kind::Other(kind, code),
        }
    }
}

/// Makes a parsed echo the answer to it.
pub fn reply(header: &mut [u8]) {
    let Some([kind, _, high, low]) = header.first_chunk_mut() else {
        return;
    };
    let change = Difference::default().replace(
        u16::from_be_bytes([*kind, 0]),
        u16::from_be_bytes([ECHO_REPLY, 0]),
    );
    *kind = ECHO_REPLY;
    [*high, *low] = change
        .apply(u16::from_be_bytes([*high, *low]))
        .to_be_bytes();
}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Icmp,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::checksum;
    use proptest::prelude::*;

    /// Identifier 0x1234, sequence number 1, two bytes of data.
    const ASKED: [u8; 10] = [8, 0, 0xe4, 0x68, 0x12, 0x34, 0, 1, 1, 0x62];

    #[test]
    fn fields_of_an_echo() {
        let (icmp, data) = Icmp::parse(&ASKED).unwrap();
        assert_eq!((icmp.kind(), data), (Kind::Echo, &[1, 0x62][..]));
        assert_eq!(checksum::finish(checksum::sum(0, &ASKED)), 0);
    }

    #[test]
    fn other_types_and_codes_are_values() {
        for (bytes, kind) in [
            ([0, 0], Kind::EchoReply),
            ([3, 3], Kind::Other(3, 3)),
            ([8, 1], Kind::Other(8, 1)),
        ] {
            let mut asked = ASKED;
            asked[..2].copy_from_slice(&bytes);
            assert_eq!(Icmp::parse(&asked).unwrap().0.kind(), kind);
        }
    }

    #[test]
    fn a_reply_differs_in_type_and_checksum_alone() {
        let mut bytes = ASKED;
        reply(&mut bytes);
        assert_eq!(bytes, [0, 0, 0xec, 0x68, 0x12, 0x34, 0, 1, 1, 0x62]);
    }

    #[test]
    fn a_damaged_echo_comes_back_damaged() {
        let mut bytes = ASKED;
        bytes[9] ^= 1;
        reply(&mut bytes);
        assert_ne!(checksum::finish(checksum::sum(0, &bytes)), 0);
    }

    #[test]
    fn every_truncation_of_the_header_is_an_error() {
        for len in 0..HEADER_LEN {
            let told = Icmp::parse(&ASKED[..len]).map(|_| ());
            assert_eq!(told, Err(error(Fault::Truncated)));
        }
    }

    proptest! {
        #[test]
        fn a_reply_has_the_checksum_of_its_bytes(
            data in proptest::collection::vec(any::<u8>(), 0..1500),
            name in any::<[u8; 4]>(),
        ) {
            let mut bytes = [&[8, 0, 0, 0], &name[..], &data].concat();
            let checksum = checksum::finish(checksum::sum(0, &bytes));
            bytes[2..4].copy_from_slice(&checksum.to_be_bytes());
            reply(&mut bytes);
            prop_assert_eq!(checksum::finish(checksum::sum(0, &bytes)), 0);
        }
    }
}
