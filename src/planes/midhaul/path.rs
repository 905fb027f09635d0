//! How packets get from one end to the other, copied from one that did: next hop, tags, addresses, UDP ports.

use crate::ran::MacAddr;
use std::net::IpAddr;

/// Most addresses that are known of one end of an association.
pub const MOST_ADDRESSES: usize = 4;
/// Ethernet header with two tags.
pub const LONGEST_ETHERNET: usize = 22;

/// What stands before SCTP in the packets of one end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    ethernet: [u8; LONGEST_ETHERNET],
    ethernet_len: u8,
    /// IP address of the sender.
    pub source: IpAddr,
    /// IP address of the receiver.
    pub destination: IpAddr,
    /// UDP ports of sender and receiver, if it is encapsulated.
    pub udp: Option<(u16, u16)>,
}

impl Path {
    /// `ethernet` is the header up to its EtherType, which is that of the addresses' family.
    pub fn new(
        ethernet: &[u8],
        (source, destination): (IpAddr, IpAddr),
        udp: Option<(u16, u16)>,
    ) -> Option<Self> {
        let mut bytes = [0; LONGEST_ETHERNET];
        bytes.get_mut(..ethernet.len())?.copy_from_slice(ethernet);
        Some(Self {
            ethernet: bytes,
            ethernet_len: ethernet.len() as u8,
            source,
            destination,
            udp,
        })
    }

    /// The way back: to whoever sent here.
    pub fn reversed(mut self) -> Self {
        let (addresses, _) = self.ethernet.split_at_mut(12);
        addresses.rotate_left(6);
        (self.source, self.destination) = (self.destination, self.source);
        self.udp = self.udp.map(|(from, to)| (to, from));
        self
    }

    /// The Ethernet header under another sender.
    pub fn ethernet_from(&self, source: MacAddr) -> ([u8; LONGEST_ETHERNET], usize) {
        let mut bytes = self.ethernet;
        if let Some(field) = bytes.get_mut(6..12) {
            field.copy_from_slice(&source.0);
        }
        (bytes, usize::from(self.ethernet_len))
    }
}

/// Addresses of one end; the first few.
#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses {
    known: [Option<IpAddr>; MOST_ADDRESSES],
}

impl Addresses {
    /// None.
    pub const NONE: Self = Self {
        known: [None; MOST_ADDRESSES],
    };

    /// True if `address` is among them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.known.contains(&Some(address))
    }

    /// Adds `address`; false if there is no room for it.
    pub fn add(&mut self, address: IpAddr) -> bool {
        if self.contains(address) {
            return true;
        }
        let free = self.known.iter_mut().find(|place| place.is_none());
        match free {
            Some(place) => {
                *place = Some(address);
                true
            }
            None => false,
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.known.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Path {
        let mut ethernet = [0; 18];
        ethernet[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        ethernet[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
        ethernet[12..].copy_from_slice(&[0x81, 0, 0xe0, 100, 8, 0]);
        let addresses = ([10, 30, 0, 11].into(), [10, 30, 0, 1].into());
        Path::new(&ethernet, addresses, Some((40_000, 9899))).unwrap()
    }

    #[test]
    fn the_way_back_swaps_stations_addresses_and_ports_and_keeps_tags() {
        let back = path().reversed();
        assert_eq!(back.source, path().destination);
        assert_eq!(back.udp, Some((9899, 40_000)));
        let (bytes, len) = back.ethernet_from(MacAddr([6; 6]));
        assert_eq!(bytes[..6], [2, 0, 0, 0, 0, 2]);
        assert_eq!(bytes[6..len], [6, 6, 6, 6, 6, 6, 0x81, 0, 0xe0, 100, 8, 0]);
        assert_eq!(back.reversed(), path());
    }

    #[test]
    fn a_header_of_three_tags_has_no_room() {
        let addresses = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!(Path::new(&[0; 26], addresses, None), None);
    }

    #[test]
    fn addresses_are_known_once_and_up_to_a_number() {
        let mut addresses = Addresses::default();
        for last in [1, 2, 1, 3, 4] {
            assert!(addresses.add([10, 0, 0, last].into()));
        }
        assert!(!addresses.add([10, 0, 0, 5].into()));
        assert!(addresses.contains([10, 0, 0, 4].into()));
        assert!(!addresses.contains([10, 0, 0, 5].into()));
        assert_eq!(addresses.iter().count(), MOST_ADDRESSES);
    }
}
