//! IPv6 header (RFC 8200) of eCPRI over UDP.
//!
//! Bounds the payload by the payload length. Skips hop-by-hop and destination options; a fragment
//! header is refused. Any other next header is a value for the caller.

use super::checksum::{self, Difference};
use super::{Fault, Layer, WireError};
use std::net::Ipv6Addr;

/// Next header of UDP.
pub const UDP: u8 = 17;

const FIXED_LEN: usize = 40;
const SOURCE: usize = 8;
const DESTINATION: usize = 24;
const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
/// RFC 8200 4.1: one hop-by-hop header and at most two of destination options.
const LARGEST_CHAIN: usize = 3;

/// An IPv6 header and the option headers behind it.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6<'a> {
    fixed: &'a [u8; FIXED_LEN],
    next_header: u8,
    header_len: u16,
}

impl<'a> Ipv6<'a> {
    /// The header with its options, and exactly the payload that the payload length announces.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (fixed, rest) = bytes
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(error(Fault::Truncated))?;
        if fixed[0] >> 4 != 6 {
            return Err(error(Fault::Version));
        }
        let len = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let behind = rest.get(..len).ok_or(error(Fault::Truncated))?;
        let (next_header, payload) = skip_options(fixed[6], behind)?;
        let view = Self {
            fixed,
            next_header,
            header_len: (FIXED_LEN + behind.len() - payload.len()) as u16,
        };
        Ok((view, payload))
    }

    /// Source address.
    #[inline]
    pub fn source(&self) -> Ipv6Addr {
        address(self.fixed, SOURCE)
    }

    /// Destination address.
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        address(self.fixed, DESTINATION)
    }

    /// What the payload is, behind the options that were skipped.
    #[inline]
    pub const fn next_header(&self) -> u8 {
        self.next_header
    }

    /// Differentiated services code point, 0..=63.
    pub const fn dscp(&self) -> u8 {
        (u16::from_be_bytes([self.fixed[0], self.fixed[1]]) >> 6) as u8 & 0x3f
    }

    /// Hop limit.
    pub const fn hop_limit(&self) -> u8 {
        self.fixed[7]
    }

    /// Bytes of header and options.
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.header_len as usize
    }

    /// Sum of the UDP pseudo header of RFC 8200 8.1, the length apart.
    pub fn pseudo_sum(&self) -> u32 {
        pseudo_sum(self.source(), self.destination())
    }
}

/// Writes both addresses of a parsed header. Returns the change for `udp::adjust`.
#[inline]
pub fn set_addresses(header: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr) -> Difference {
    let mut difference = Difference::default();
    for (at, new) in [
        (SOURCE, source.octets()),
        (DESTINATION, destination.octets()),
    ] {
        if let Some(field) = header
            .get_mut(at..)
            .and_then(|field| field.first_chunk_mut::<16>())
        {
            difference = difference.replace_words(field, &new);
            *field = new;
        }
    }
    difference
}

/// Writes the payload length of a parsed header, bytes behind the first 40.
pub fn set_payload_length(header: &mut [u8], len: u16) {
    if let Some([_, _, _, _, high, low]) = header.first_chunk_mut() {
        [*high, *low] = len.to_be_bytes();
    }
}

/// A header without options to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// Differentiated services code point, 0..=63.
    pub dscp: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// What the payload is.
    pub next_header: u8,
}

impl Header {
    /// Appends the header of `payload_len` bytes of payload.
    pub fn emit(&self, payload_len: u16, out: &mut Vec<u8>) {
        let class = 0x6000 | u16::from(self.dscp & 0x3f) << 6;
        out.extend_from_slice(&class.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&payload_len.to_be_bytes());
        out.extend_from_slice(&[self.next_header, self.hop_limit]);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
    }

    /// Sum of the UDP pseudo header of RFC 8200 8.1, the length apart.
    pub fn pseudo_sum(&self) -> u32 {
        pseudo_sum(self.source, self.destination)
    }
}

fn skip_options(first: u8, behind: &[u8]) -> Result<(u8, &[u8]), WireError> {
    let (mut next, mut rest) = (first, behind);
    for _ in 0..LARGEST_CHAIN {
        match next {
            HOP_BY_HOP | DESTINATION_OPTIONS => {}
            FRAGMENT => return Err(error(Fault::Fragment)),
            _ => return Ok((next, rest)),
        }
        let [kind, units, ..] = *rest else {
            return Err(error(Fault::Truncated));
        };
        let len = (usize::from(units) + 1) * 8;
        rest = rest.get(len..).ok_or(error(Fault::Truncated))?;
        next = kind;
    }
    match next {
        HOP_BY_HOP | DESTINATION_OPTIONS => Err(error(Fault::Depth)),
        FRAGMENT => Err(error(Fault::Fragment)),
        _ => Ok((next, rest)),
    }
}

fn pseudo_sum(source: Ipv6Addr, destination: Ipv6Addr) -> u32 {
    let sources = checksum::sum(u32::from(UDP), &source.octets());
    checksum::sum(sources, &destination.octets())
}

fn address(fixed: &[u8; FIXED_LEN], at: usize) -> Ipv6Addr {
    let octets = fixed.get(at..).and_then(|field| field.first_chunk::<16>());
    octets.map_or(Ipv6Addr::UNSPECIFIED, |octets| Ipv6Addr::from(*octets))
}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Ip,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    const TO: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

    fn datagram(next_header: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Header {
            source: FROM,
            destination: TO,
            dscp: 46,
            hop_limit: 64,
            next_header,
        }
        .emit(payload.len() as u16, &mut out);
        out.extend_from_slice(payload);
        out
    }

    #[test]
    fn an_emitted_header_reads_back() {
        let mut bytes = datagram(UDP, &[1, 2, 3]);
        assert_eq!(bytes[..8], [0x6b, 0x80, 0, 0, 0, 3, 17, 64]);
        bytes.push(0xff);
        let (view, payload) = Ipv6::parse(&bytes).unwrap();
        assert_eq!((view.source(), view.destination()), (FROM, TO));
        assert_eq!((view.dscp(), view.hop_limit()), (46, 64));
        assert_eq!((view.next_header(), view.header_len()), (UDP, 40));
        assert_eq!(payload, [1, 2, 3]);
    }

    #[test]
    fn option_headers_are_skipped_and_counted_as_header() {
        let mut payload = vec![DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0];
        payload.extend_from_slice(&[UDP, 1]);
        payload.extend_from_slice(&[0; 14]);
        payload.extend_from_slice(b"pdu");
        let bytes = datagram(HOP_BY_HOP, &payload);
        let (view, rest) = Ipv6::parse(&bytes).unwrap();
        assert_eq!((view.next_header(), view.header_len()), (UDP, 64));
        assert_eq!(rest, b"pdu");
        for len in 0..bytes.len() {
            assert!(Ipv6::parse(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn a_fragment_header_is_refused() {
        let bytes = datagram(FRAGMENT, &[0; 8]);
        assert_eq!(Ipv6::parse(&bytes).unwrap_err(), error(Fault::Fragment));
    }

    #[test]
    fn a_chain_of_options_without_end_is_refused() {
        let mut payload = Vec::new();
        for _ in 0..4 {
            payload.extend_from_slice(&[DESTINATION_OPTIONS, 0, 0, 0, 0, 0, 0, 0]);
        }
        let bytes = datagram(HOP_BY_HOP, &payload);
        assert_eq!(Ipv6::parse(&bytes).unwrap_err(), error(Fault::Depth));
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = datagram(UDP, &[]);
        bytes[0] = 0x4b;
        assert_eq!(Ipv6::parse(&bytes).unwrap_err(), error(Fault::Version));
    }

    #[test]
    fn an_edit_writes_addresses_and_length() {
        let mut bytes = datagram(UDP, &[1, 2, 3, 4]);
        set_addresses(&mut bytes, TO, FROM);
        set_payload_length(&mut bytes, 2);
        let (view, payload) = Ipv6::parse(&bytes).unwrap();
        assert_eq!((view.source(), view.destination()), (TO, FROM));
        assert_eq!(payload, [1, 2]);
    }
}
