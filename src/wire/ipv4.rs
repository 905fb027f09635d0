//! IPv4 header (RFC 791) of eCPRI over UDP.
//!
//! Honours IHL, bounds the payload by the total length. `parse` refuses fragments: their UDP header is
//! elsewhere; `parse_fragment` is for whoever puts them together. The header checksum is not checked here
//! (NICs do); `checksum_holds` tells.

use super::checksum::{self, Difference};
use super::{Fault, Layer, WireError};
use std::net::Ipv4Addr;

/// Protocol number of UDP.
pub const UDP: u8 = 17;

const FIXED_LEN: usize = 20;
const CHECKSUM: usize = 10;
/// Flag MF beside the fragment offset.
const MORE: u16 = 0x2000;
/// The destination follows the source.
const SOURCE: usize = 12;

/// An IPv4 header.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<'a> {
    fixed: &'a [u8; FIXED_LEN],
    options: &'a [u8],
}

/// Where the payload of a datagram lies in that which was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// Identification: the same, with addresses and protocol, in all fragments of a datagram.
    pub id: u16,
    /// First byte, a multiple of 8.
    pub offset: u16,
    /// MF: another follows.
    pub more: bool,
}

impl Fragment {
    /// True if the payload is all of it.
    pub const fn is_whole(self) -> bool {
        self.offset == 0 && !self.more
    }
}

impl<'a> Ipv4<'a> {
    /// The header with its options, and exactly the payload that the total length announces.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (header, payload) = Self::split(bytes, bytes.len())?;
        match header.fragment().is_whole() {
            true => Ok((header, payload)),
            false => Err(error(Fault::Fragment)),
        }
    }

    /// The same of a datagram that may be cut. Refused: a piece that is not the last and does not end at a
    /// multiple of 8, and one that ends beyond the largest datagram.
    pub fn parse_fragment(bytes: &'a [u8]) -> Result<(Self, Fragment, &'a [u8]), WireError> {
        Self::parse_head(bytes, bytes.len())
    }

    /// The same of a datagram of which only the first bytes are at hand, the header among them: `there` bytes
    /// lie in the frame. The payload is what is at hand of `payload_len`.
    pub fn parse_head(
        bytes: &'a [u8],
        there: usize,
    ) -> Result<(Self, Fragment, &'a [u8]), WireError> {
        let (header, payload) = Self::split(bytes, there)?;
        let (fragment, len) = (header.fragment(), header.payload_len());
        let largest = usize::from(u16::MAX) - header.header_len();
        let uneven = fragment.more && (len == 0 || !len.is_multiple_of(8));
        if uneven || usize::from(fragment.offset) + len > largest {
            return Err(error(Fault::Fragment));
        }
        Ok((header, fragment, payload))
    }

    #[inline]
    fn split(bytes: &'a [u8], there: usize) -> Result<(Self, &'a [u8]), WireError> {
        let (fixed, _) = bytes
            .split_first_chunk::<FIXED_LEN>()
            .ok_or(error(Fault::Truncated))?;
        if fixed[0] >> 4 != 4 {
            return Err(error(Fault::Version));
        }
        let header = usize::from(fixed[0] & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if header < FIXED_LEN || total < header {
            return Err(error(Fault::Size));
        }
        if total > there {
            return Err(error(Fault::Truncated));
        }
        let options = bytes
            .get(FIXED_LEN..header)
            .ok_or(error(Fault::Truncated))?;
        let payload = bytes
            .get(header..total.min(bytes.len()))
            .ok_or(error(Fault::Truncated))?;
        Ok((Self { fixed, options }, payload))
    }

    /// Source address.
    #[inline]
    pub const fn source(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.fixed[12],
            self.fixed[13],
            self.fixed[14],
            self.fixed[15],
        )
    }

    /// Destination address.
    #[inline]
    pub const fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.fixed[16],
            self.fixed[17],
            self.fixed[18],
            self.fixed[19],
        )
    }

    /// Identification, MF and fragment offset.
    #[inline]
    pub const fn fragment(&self) -> Fragment {
        let field = u16::from_be_bytes([self.fixed[6], self.fixed[7]]);
        Fragment {
            id: u16::from_be_bytes([self.fixed[4], self.fixed[5]]),
            offset: (field & 0x1fff) << 3,
            more: field & MORE != 0,
        }
    }

    /// Protocol of the payload.
    #[inline]
    pub const fn protocol(&self) -> u8 {
        self.fixed[9]
    }

    /// Differentiated services code point, 0..=63.
    pub const fn dscp(&self) -> u8 {
        self.fixed[1] >> 2
    }

    /// Time to live, hops.
    pub const fn ttl(&self) -> u8 {
        self.fixed[8]
    }

    /// Bytes of header and options, 20..=60.
    #[inline]
    pub const fn header_len(&self) -> usize {
        FIXED_LEN + self.options.len()
    }

    /// Bytes of the payload that the total length announces.
    #[inline]
    pub const fn payload_len(&self) -> usize {
        let total = u16::from_be_bytes([self.fixed[2], self.fixed[3]]) as usize;
        total.saturating_sub(self.header_len())
    }

    /// True if the header checksum is right.
    pub fn checksum_holds(&self) -> bool {
        checksum::finish(checksum::sum(checksum::sum(0, self.fixed), self.options)) == 0
    }

    /// Sum of the UDP pseudo header of RFC 768, the length apart.
    pub fn pseudo_sum(&self) -> u32 {
        pseudo_sum(self.source(), self.destination())
    }
}

/// Writes both addresses of a parsed header and updates its checksum. Returns the change, which the
/// UDP checksum needs too (`udp::adjust`).
#[inline]
pub fn set_addresses(header: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr) -> Difference {
    let Some(field) = header
        .get_mut(SOURCE..)
        .and_then(|field| field.first_chunk_mut::<8>())
    else {
        return Difference::default();
    };
    let new = addresses(source, destination);
    let difference = Difference::default().replace_words(field, &new);
    *field = new;
    adjust(header, difference);
    difference
}

/// Writes the total length of a parsed header (header and payload, bytes) and updates its checksum.
pub fn set_total_length(header: &mut [u8], total: u16) {
    let Some([_, _, high, low]) = header.first_chunk_mut() else {
        return;
    };
    let old = u16::from_be_bytes([*high, *low]);
    [*high, *low] = total.to_be_bytes();
    adjust(header, Difference::default().replace(old, total));
}

/// Writes the time to live of a parsed header and updates its checksum.
pub fn set_ttl(header: &mut [u8], ttl: u8) {
    let Some([.., time, protocol]) = header.first_chunk_mut::<10>() else {
        return;
    };
    let old = u16::from_be_bytes([*time, *protocol]);
    *time = ttl;
    let new = u16::from_be_bytes([ttl, *protocol]);
    adjust(header, Difference::default().replace(old, new));
}

fn adjust(header: &mut [u8], difference: Difference) {
    if let Some(header) = header.first_chunk_mut::<FIXED_LEN>() {
        let old = u16::from_be_bytes([header[CHECKSUM], header[CHECKSUM + 1]]);
        let [high, low] = difference.apply(old).to_be_bytes();
        (header[CHECKSUM], header[CHECKSUM + 1]) = (high, low);
    }
}

/// A header without options to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Differentiated services code point, 0..=63; 46 (EF) is usual on fronthaul.
    pub dscp: u8,
    /// Time to live, hops.
    pub ttl: u8,
    /// Protocol of the payload.
    pub protocol: u8,
}

impl Header {
    /// Appends the header of `payload_len` bytes of payload, don't-fragment set, with its checksum.
    pub fn emit(&self, payload_len: u16, out: &mut Vec<u8>) {
        let start = out.len();
        let total = payload_len.saturating_add(FIXED_LEN as u16);
        out.extend_from_slice(&[0x45, self.dscp << 2]);
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0x40, 0, self.ttl, self.protocol, 0, 0]);
        out.extend_from_slice(&addresses(self.source, self.destination));
        if let Some(header) = out
            .get_mut(start..)
            .and_then(|header| header.first_chunk_mut::<FIXED_LEN>())
        {
            let checksum = checksum::finish(checksum::sum(0, header));
            let [high, low] = checksum.to_be_bytes();
            (header[CHECKSUM], header[CHECKSUM + 1]) = (high, low);
        }
    }

    /// Sum of the UDP pseudo header of RFC 768, the length apart.
    pub fn pseudo_sum(&self) -> u32 {
        pseudo_sum(self.source, self.destination)
    }
}

fn pseudo_sum(source: Ipv4Addr, destination: Ipv4Addr) -> u32 {
    checksum::sum(u32::from(UDP), &addresses(source, destination))
}

fn addresses(source: Ipv4Addr, destination: Ipv4Addr) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (source.octets(), destination.octets());
    [a, b, c, d, e, f, g, h]
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
    use crate::wire::vectors;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const TO: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn datagram() -> Vec<u8> {
        vectors::v14()[18..].to_vec()
    }

    #[test]
    fn fields_of_a_header() {
        let bytes = datagram();
        let (view, payload) = Ipv4::parse(&bytes).unwrap();
        assert_eq!((view.source(), view.destination()), (FROM, TO));
        assert_eq!(view.protocol(), UDP);
        assert_eq!(view.dscp(), 46);
        assert_eq!(view.ttl(), 64);
        assert_eq!(view.header_len(), 20);
        assert_eq!(payload.len(), 54);
        assert!(view.checksum_holds());
    }

    #[test]
    fn padding_behind_the_total_length_is_not_payload() {
        let mut bytes = datagram();
        bytes.extend_from_slice(&[0; 9]);
        let (_, payload) = Ipv4::parse(&bytes).unwrap();
        assert_eq!(payload.len(), 54);
    }

    #[test]
    fn options_belong_to_the_header() {
        let mut bytes = datagram();
        bytes.splice(20..20, [1, 1, 1, 1]);
        bytes[0] = 0x46;
        bytes[3] += 4;
        let (view, payload) = Ipv4::parse(&bytes).unwrap();
        assert_eq!(view.header_len(), 24);
        assert_eq!(payload.len(), 54);
    }

    #[test]
    fn a_fragment_is_refused_and_dont_fragment_is_not_one() {
        for (byte, fault) in [(0x20, true), (0x40, false)] {
            let mut bytes = datagram();
            bytes[6] = byte;
            let refused = Ipv4::parse(&bytes).is_err_and(|e| e.fault == Fault::Fragment);
            assert_eq!(refused, fault);
        }
        let mut last_fragment = datagram();
        last_fragment[7] = 1;
        assert_eq!(
            Ipv4::parse(&last_fragment).unwrap_err(),
            error(Fault::Fragment)
        );
    }

    /// A fragment of `len` bytes of payload at `offset`.
    fn fragment(offset: u16, more: bool, len: u8) -> Vec<u8> {
        let mut bytes = datagram();
        bytes[3] = 20 + len;
        bytes[4..6].copy_from_slice(&[0xbe, 0xef]);
        let field = (offset / 8) | (u16::from(more) << 13);
        bytes[6..8].copy_from_slice(&field.to_be_bytes());
        bytes
    }

    #[test]
    fn a_fragment_is_read_by_whoever_asks_for_it() {
        let bytes = fragment(1480, true, 48);
        let (_, fragment, payload) = Ipv4::parse_fragment(&bytes).unwrap();
        let expected = Fragment {
            id: 0xbeef,
            offset: 1480,
            more: true,
        };
        assert_eq!((fragment, payload.len()), (expected, 48));
    }

    #[test]
    fn a_datagram_that_was_not_cut_is_a_fragment_that_is_whole() {
        let bytes = datagram();
        let (_, fragment, payload) = Ipv4::parse_fragment(&bytes).unwrap();
        assert!(fragment.is_whole());
        assert_eq!(payload.len(), 54);
    }

    #[test]
    fn only_the_last_fragment_may_end_anywhere() {
        assert!(Ipv4::parse_fragment(&fragment(8, false, 53)).is_ok());
        for len in [0, 53] {
            let told = Ipv4::parse_fragment(&fragment(8, true, len)).map(|_| ());
            assert_eq!(told, Err(error(Fault::Fragment)), "{len}");
        }
    }

    #[test]
    fn a_fragment_beyond_the_largest_datagram_is_refused() {
        let told = |offset| Ipv4::parse_fragment(&fragment(offset, false, 51)).map(|_| ());
        assert_eq!(told(65_464), Ok(()), "the last byte that there can be");
        assert_eq!(told(65_472), Err(error(Fault::Fragment)));
    }

    #[test]
    fn a_datagram_of_which_the_head_is_at_hand_has_its_length_in_the_frame() {
        let bytes = datagram();
        let (view, _, payload) = Ipv4::parse_head(&bytes[..30], bytes.len()).unwrap();
        assert_eq!((payload.len(), view.payload_len()), (10, 54));
        for (at_hand, there) in [(30, 73), (19, 74)] {
            let told = Ipv4::parse_head(&bytes[..at_hand], there).map(|_| ());
            assert_eq!(told, Err(error(Fault::Truncated)));
        }
    }

    #[test]
    fn length_fields_are_checked_from_below_and_above() {
        for (at, value, fault) in [
            (0, 0x44, Fault::Size),
            (0, 0x4f, Fault::Size), // 60 bytes of header in 74 is fine; see below
            (3, 19, Fault::Size),
            (3, 75, Fault::Truncated),
            (0, 0x65, Fault::Version),
        ] {
            let mut bytes = datagram();
            bytes[at] = value;
            if value == 0x4f {
                bytes[3] = 59;
            }
            assert_eq!(Ipv4::parse(&bytes).unwrap_err(), error(fault));
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = datagram();
        for len in 0..bytes.len() {
            assert!(Ipv4::parse(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn edits_keep_the_checksum_right() {
        let mut bytes = datagram();
        set_addresses(&mut bytes, TO, Ipv4Addr::new(192, 168, 7, 9));
        set_total_length(&mut bytes, 70);
        set_ttl(&mut bytes, 3);
        let (view, payload) = Ipv4::parse(&bytes).unwrap();
        assert_eq!(view.ttl(), 3);
        assert_eq!(view.source(), TO);
        assert_eq!(view.destination(), Ipv4Addr::new(192, 168, 7, 9));
        assert_eq!(payload.len(), 50);
        assert!(view.checksum_holds());
    }

    #[test]
    fn an_emitted_header_reads_back() {
        let mut out = Vec::new();
        Header {
            source: FROM,
            destination: TO,
            dscp: 46,
            ttl: 64,
            protocol: UDP,
        }
        .emit(54, &mut out);
        assert_eq!(out, datagram()[..20]);
    }
}
