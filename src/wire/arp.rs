//! ARP for IPv4 over Ethernet (RFC 826): who has an address, and the answer in place.
//!
//! Refused: other hardware or protocol addresses. A request is answered where it lies: the padding that makes
//! it a frame (RFC 1042) stays behind it.

use super::{Fault, Layer, WireError};
use crate::ran::MacAddr;
use std::net::Ipv4Addr;

/// Bytes of a packet.
pub const LEN: usize = 28;

/// Hardware type Ethernet, protocol IPv4, 6 and 4 bytes of address.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// A packet:
///
/// ```text
///  0 hardware type | 2 protocol type | 4 their lengths | 6 operation
///  8 sender MAC, 14 sender address | 18 target MAC, 24 target address
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a> {
    packet: &'a [u8; LEN],
}

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has the sender address.
    Reply,
    /// RARP and others.
    Other(u16),
}

impl<'a> Arp<'a> {
    /// The packet, and the padding behind it.
    pub fn parse(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (packet, padding) = bytes
            .split_first_chunk::<LEN>()
            .ok_or(error(Fault::Truncated))?;
        match packet.starts_with(&ETHERNET_IPV4) {
            true => Ok((Self { packet }, padding)),
            false => Err(error(Fault::Version)),
        }
    }

    /// What it is.
    pub const fn operation(&self) -> Operation {
        match u16::from_be_bytes([self.packet[6], self.packet[7]]) {
            REQUEST => Operation::Request,
            REPLY => Operation::Reply,
            other => Operation::Other(other),
        }
    }

    /// MAC address of the sender.
    pub const fn sender_mac(&self) -> MacAddr {
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, ..] = *self.packet;
        MacAddr([a, b, c, d, e, f])
    }

    /// IPv4 address of the sender: unspecified in a probe (RFC 5227).
    pub const fn sender(&self) -> Ipv4Addr {
        let [.., a, b, c, d, _, _, _, _, _, _, _, _, _, _] = *self.packet;
        Ipv4Addr::new(a, b, c, d)
    }

    /// IPv4 address asked for, or of whom an answer is for.
    pub const fn target(&self) -> Ipv4Addr {
        let [.., a, b, c, d] = *self.packet;
        Ipv4Addr::new(a, b, c, d)
    }
}

/// Makes a parsed request the answer to it: `mac` has the address.
pub fn reply(packet: &mut [u8], mac: MacAddr) {
    let Some(packet) = packet.first_chunk_mut::<LEN>() else {
        return;
    };
    let (head, addresses) = packet.split_at_mut(8);
    if let Some(operation) = head.last_chunk_mut() {
        *operation = REPLY.to_be_bytes();
    }
    let (sender, target) = addresses.split_at_mut(10);
    sender.swap_with_slice(target);
    if let Some(place) = sender.first_chunk_mut() {
        *place = mac.0;
    }
}

const fn error(fault: Fault) -> WireError {
    WireError {
        layer: Layer::Arp,
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10.1.0.10 at 02:12:00:00:00:01 asks for 10.1.0.1.
    const ASKED: [u8; LEN] = [
        0, 1, 8, 0, 6, 4, 0, 1, 2, 0x12, 0, 0, 0, 1, 10, 1, 0, 10, 0, 0, 0, 0, 0, 0, 10, 1, 0, 1,
    ];
    const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    #[test]
    fn fields_of_a_request() {
        let (arp, padding) = Arp::parse(&ASKED).unwrap();
        assert_eq!(arp.operation(), Operation::Request);
        assert_eq!(arp.sender_mac(), MacAddr([2, 0x12, 0, 0, 0, 1]));
        assert_eq!(arp.sender(), Ipv4Addr::new(10, 1, 0, 10));
        assert_eq!(arp.target(), Ipv4Addr::new(10, 1, 0, 1));
        assert!(padding.is_empty());
    }

    #[test]
    fn a_reply_tells_the_asker_our_address() {
        let mut bytes = ASKED;
        reply(&mut bytes, OURS);
        let expected = [
            0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 10, 1, 0, 1, 2, 0x12, 0, 0, 0, 1, 10, 1, 0,
            10,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn what_makes_it_a_frame_is_not_the_packet() {
        let mut bytes = ASKED.to_vec();
        bytes.extend_from_slice(&[7; 18]);
        assert_eq!(Arp::parse(&bytes).unwrap().1, [7; 18]);
        reply(&mut bytes, OURS);
        assert_eq!(bytes[LEN..], [7; 18]);
    }

    #[test]
    fn other_operations_are_values() {
        let mut bytes = ASKED;
        for (code, operation) in [(2, Operation::Reply), (3, Operation::Other(3))] {
            bytes[7] = code;
            assert_eq!(Arp::parse(&bytes).unwrap().0.operation(), operation);
        }
    }

    #[test]
    fn addresses_of_other_kinds_are_refused() {
        for at in 0..6 {
            let mut bytes = ASKED;
            bytes[at] ^= 1;
            assert_eq!(Arp::parse(&bytes).unwrap_err(), error(Fault::Version));
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for len in 0..LEN {
            let told = Arp::parse(&ASKED[..len]).map(|_| ());
            assert_eq!(told, Err(error(Fault::Truncated)));
        }
    }
}
