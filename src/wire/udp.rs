//! UDP header (RFC 768) of eCPRI over UDP.
//!
//! The UDP length bounds the PDU. eCPRI has no registered port: which one carries it is configuration.
//! Checksum 0 means absent and stays 0; a computed 0 is sent as 0xFFFF.

use super::checksum::{self, Difference};
use super::{Fault, Layer, WireError};

/// Bytes of a UDP header.
pub const HEADER_LEN: usize = 8;

/// A UDP header.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    header: &'a [u8; HEADER_LEN],
}

impl<'a> Udp<'a> {
    /// The header and exactly the payload that the length announces.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (header, rest) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let payload = len.checked_sub(HEADER_LEN).ok_or(error(Fault::Size))?;
        let payload = rest.get(..payload).ok_or(error(Fault::Truncated))?;
        Ok((Self { header }, payload))
    }

    /// The same of a datagram that may go on in other frames: so much of the payload as is at hand.
    #[inline]
    pub fn parse_head(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (header, rest) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(error(Fault::Truncated))?;
        let view = Self { header };
        if view.len() < HEADER_LEN {
            return Err(error(Fault::Size));
        }
        let at_hand = rest.len().min(view.payload_len());
        Ok((view, rest.get(..at_hand).unwrap_or_default()))
    }

    #[inline]
    const fn len(&self) -> usize {
        u16::from_be_bytes([self.header[4], self.header[5]]) as usize
    }

    /// Bytes of the payload that the length announces.
    #[inline]
    pub const fn payload_len(&self) -> usize {
        self.len().saturating_sub(HEADER_LEN)
    }

    /// Source port.
    #[inline]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Destination port.
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// The checksum field; 0 is absent.
    #[inline]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// True if the checksum is right for `payload`, or absent. `pseudo_sum` is the IP header's.
    pub fn checksum_holds(&self, pseudo_sum: u32, payload: &[u8]) -> bool {
        let len = (HEADER_LEN + payload.len()) as u32;
        let head = checksum::sum(pseudo_sum + len, self.header);
        self.checksum() == 0 || checksum::finish(checksum::sum(head, payload)) == 0
    }
}

/// Writes both ports of a parsed header. Returns the change for `adjust`.
#[inline]
pub fn set_ports(header: &mut [u8], source: u16, destination: u16) -> Difference {
    let Some([a, b, c, d]) = header.first_chunk_mut::<4>() else {
        return Difference::default();
    };
    let difference = Difference::default()
        .replace(u16::from_be_bytes([*a, *b]), source)
        .replace(u16::from_be_bytes([*c, *d]), destination);
    [*a, *b] = source.to_be_bytes();
    [*c, *d] = destination.to_be_bytes();
    difference
}

/// Brings the checksum of a parsed header up to date with changes of addresses, ports or payload.
#[inline]
pub fn adjust(header: &mut [u8], difference: Difference) {
    if let Some([.., high, low]) = header.first_chunk_mut::<HEADER_LEN>() {
        let old = u16::from_be_bytes([*high, *low]);
        if old != 0 {
            [*high, *low] = never_zero(difference.apply(old)).to_be_bytes();
        }
    }
}

/// Writes length and checksum of the UDP datagram `datagram`, header first, from its bytes. For a part whose
/// payload changed in length. An absent checksum stays absent.
pub fn complete(datagram: &mut [u8], pseudo_sum: u32) {
    complete_with(datagram, pseudo_sum, &[]);
}

/// The same for a datagram that goes on in `tail`, where it lies elsewhere; `start` is even in length.
pub fn complete_with(start: &mut [u8], pseudo_sum: u32, tail: &[u8]) {
    complete_summed(start, pseudo_sum, checksum::sum(0, tail), tail.len());
}

/// The same with the sum of the tail alone, which may lie in many places, and its length.
pub fn complete_summed(start: &mut [u8], pseudo_sum: u32, tail: u32, tail_len: usize) {
    let len = start.len() + tail_len;
    let Some([_, _, _, _, len_high, len_low, high, low]) = start.first_chunk_mut() else {
        return;
    };
    [*len_high, *len_low] = (len as u16).to_be_bytes();
    if [*high, *low] == [0, 0] {
        return;
    }
    [*high, *low] = [0, 0];
    let sum = checksum::sum(pseudo_sum + len as u32, start);
    let checksum = checksum::finish(sum + tail);
    if let Some([_, _, _, _, _, _, high, low]) = start.first_chunk_mut() {
        [*high, *low] = never_zero(checksum).to_be_bytes();
    }
}

/// A header to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

impl Header {
    /// Appends header and payload; with the IP header's `pseudo_sum`, the checksum as well (IPv6 demands it).
    pub fn emit(&self, pseudo_sum: Option<u32>, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.source_port.to_be_bytes());
        out.extend_from_slice(&self.destination_port.to_be_bytes());
        out.extend_from_slice(&((HEADER_LEN + payload.len()) as u16).to_be_bytes());
        out.extend_from_slice(&u16::from(pseudo_sum.is_some()).to_be_bytes());
        out.extend_from_slice(payload);
        if let (Some(sum), Some(datagram)) = (pseudo_sum, out.get_mut(start..)) {
            complete(datagram, sum);
        }
    }
}

const fn never_zero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Udp,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ipv4::{self, Ipv4};
    use crate::wire::vectors;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn emitted(payload: &[u8]) -> (ipv4::Header, Vec<u8>) {
        let ip = ipv4::Header {
            source: Ipv4Addr::new(10, 0, 0, 1),
            destination: Ipv4Addr::new(10, 0, 0, 2),
            dscp: 46,
            ttl: 64,
            protocol: ipv4::UDP,
        };
        let ports = Header {
            source_port: 50_000,
            destination_port: 50_001,
        };
        let mut out = Vec::new();
        ip.emit((HEADER_LEN + payload.len()) as u16, &mut out);
        ports.emit(Some(ip.pseudo_sum()), payload, &mut out);
        (ip, out)
    }

    #[test]
    fn fields_of_a_header() {
        let frame = vectors::v14();
        let (view, payload) = Udp::parse(&frame[38..]).unwrap();
        assert_eq!(view.source_port(), 50_000);
        assert_eq!(view.destination_port(), 50_001);
        assert_eq!(view.checksum(), 0);
        assert_eq!(payload.len(), 46);
        assert!(view.checksum_holds(0, payload));
    }

    #[test]
    fn the_length_bounds_the_payload_from_below_and_above() {
        let frame = vectors::v14();
        for (len, fault) in [(7u8, Fault::Size), (55, Fault::Truncated)] {
            let mut bytes = frame[38..].to_vec();
            bytes[5] = len;
            assert_eq!(Udp::parse(&bytes).unwrap_err(), error(fault));
        }
        let mut empty = frame[38..].to_vec();
        empty[5] = 8;
        assert!(Udp::parse(&empty).unwrap().1.is_empty());
    }

    #[test]
    fn a_datagram_that_goes_on_elsewhere_says_how_long_it_is() {
        let frame = vectors::v14();
        let (view, at_hand) = Udp::parse_head(&frame[38..50]).unwrap();
        assert_eq!((view.payload_len(), at_hand.len()), (46, 4));
        let mut short = frame[38..].to_vec();
        short[5] = 7;
        assert_eq!(Udp::parse_head(&short).unwrap_err(), error(Fault::Size));
        assert!(Udp::parse_head(&frame[38..45]).is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let frame = vectors::v14();
        for len in 38..frame.len() {
            assert!(Udp::parse(&frame[38..len]).is_err());
        }
    }

    #[test]
    fn an_absent_checksum_stays_absent() {
        let mut header = [0; HEADER_LEN];
        let change = set_ports(&mut header, 7, 9);
        adjust(&mut header, change);
        assert_eq!(header, [0, 7, 0, 9, 0, 0, 0, 0]);
        complete(&mut header, 5);
        assert_eq!(header, [0, 7, 0, 9, 0, 8, 0, 0]);
    }

    #[test]
    fn a_checksum_of_zero_is_sent_as_ffff() {
        // Everything but the checksum sums to 0xffff, so the checksum would be 0.
        let mut header = [0xff, 0xef, 0, 0, 0, 8, 0, 1];
        complete(&mut header, 0);
        assert_eq!(header[6..], [0xff, 0xff]);
        let mut header = [0, 0, 0, 0, 0, 8, 0x12, 0x34];
        adjust(&mut header, Difference::default().replace(0, 0x1234));
        assert_eq!(header[6..], [0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn edits_of_a_datagram_keep_its_checksum_right(
            payload in proptest::collection::vec(any::<u8>(), 4..40),
            addresses in any::<(u32, u32)>(),
            ports in any::<(u16, u16)>(),
            word in any::<u16>(),
        ) {
            let (_, mut bytes) = emitted(&payload);
            let addresses = (Ipv4Addr::from(addresses.0), Ipv4Addr::from(addresses.1));
            let moved = ipv4::set_addresses(&mut bytes, addresses.0, addresses.1);
            let renamed = set_ports(&mut bytes[20..], ports.0, ports.1);
            let old = u16::from_be_bytes([bytes[30], bytes[31]]);
            bytes[30..32].copy_from_slice(&word.to_be_bytes());
            let edited = Difference::default().replace(old, word);
            for change in [moved, renamed, edited] {
                adjust(&mut bytes[20..], change);
            }
            let (ip, rest) = Ipv4::parse(&bytes).unwrap();
            let (udp, payload) = Udp::parse(rest).unwrap();
            prop_assert!(ip.checksum_holds());
            prop_assert!(udp.checksum_holds(ip.pseudo_sum(), payload));
            prop_assert!(udp.checksum() != 0);
        }
    }
}
