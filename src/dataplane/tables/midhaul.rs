//! What an lcore reads of the midhaul: the pairs of a DU and its CU, found by the addresses of a packet.

use super::index::{Index, Key, MULTIPLIER};
use crate::planes::midhaul::{End, Ends};
use crate::ran::{PeerId, PortId};
use std::net::IpAddr;

/// A DU and its CU, by position in `MidhaulTables::pairs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairId(pub u16);

impl PairId {
    /// Position.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All pairs.
#[derive(Clone, Debug, Default)]
pub struct MidhaulTables {
    pairs: Vec<PairTables>,
    /// By addresses the last pair that has them.
    index: Index<PairKey, PairId>,
    /// By `PortId`: an end of any pair is behind it.
    behind: Vec<bool>,
    /// SCTP over IP is of some pair.
    plain: bool,
    /// UDP ports of encapsulations.
    udp: Vec<u16>,
    /// By pair another one between the same addresses, told apart by the member's port.
    others: Vec<Option<PairId>>,
}

/// One pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PairTables {
    /// The DU.
    pub member: PeerId,
    /// The ports of the appliance behind which the ends are.
    pub ports: Ends<PortId>,
    /// IP addresses of the ends, as configured.
    pub addresses: Ends<Vec<IpAddr>>,
    /// The SCTP port on which the CU listens.
    pub fixed_port: u16,
    /// The SCTP port that the DU sends from; `None`: any.
    pub member_port: Option<u16>,
    /// The UDP port of the encapsulation; `None`: SCTP over IP.
    pub udp: Option<u16>,
    /// The CU is told of the loss, and the DU fenced; else there is only an event.
    pub aborts: bool,
    /// One cell that is lost is enough; else all in which the DU is active.
    pub any_cell: bool,
}

impl PairTables {
    /// The end that a packet between these SCTP ports comes from, if it is of this pair and from `from`.
    pub fn has_ports(&self, from: End, source: u16, destination: u16) -> bool {
        let (member, fixed) = match from {
            End::Member => (source, destination),
            End::Fixed => (destination, source),
        };
        fixed == self.fixed_port && self.member_port.is_none_or(|port| port == member)
    }
}

impl MidhaulTables {
    /// All pairs, by `PairId`.
    pub fn pairs(&self) -> &[PairTables] {
        &self.pairs
    }

    /// One pair.
    pub fn pair(&self, pair: PairId) -> Option<&PairTables> {
        self.pairs.get(pair.index())
    }

    /// The pairs whose member is `peer`.
    pub fn of_member(&self, peer: PeerId) -> impl Iterator<Item = (PairId, &PairTables)> {
        let pairs = self.pairs.iter().enumerate();
        pairs
            .filter(move |(_, pair)| pair.member == peer)
            .map(|(index, pair)| (PairId(index as u16), pair))
    }

    /// True if an end of any pair is behind `port`.
    #[inline]
    pub fn is_behind(&self, port: PortId) -> bool {
        self.behind.get(port.index()).copied().unwrap_or(false)
    }

    /// True if SCTP over IP can be of a pair.
    pub const fn has_plain(&self) -> bool {
        self.plain
    }

    /// True if a datagram between these UDP ports can be of a pair.
    pub fn has_udp(&self, source: u16, destination: u16) -> bool {
        self.udp.contains(&source) || self.udp.contains(&destination)
    }

    /// The pairs between these addresses of a packet that came from `port`, and which end sent it.
    pub fn between(
        &self,
        port: PortId,
        source: IpAddr,
        destination: IpAddr,
    ) -> impl Iterator<Item = (PairId, End)> {
        let mut next = self.index.find(&PairKey::new(port, source, destination));
        std::iter::from_fn(move || {
            let pair = next?;
            next = self.others.get(pair.index()).copied().flatten();
            let fixed = self.pair(pair)?.ports.fixed;
            let from = if fixed == port {
                End::Fixed
            } else {
                End::Member
            };
            Some((pair, from))
        })
    }

    /// Adds a pair.
    pub fn add(&mut self, pair: PairTables) -> PairId {
        let id = PairId(self.pairs.len() as u16);
        let mut other = None;
        for member in &pair.addresses.member {
            for fixed in &pair.addresses.fixed {
                let there = PairKey::new(pair.ports.member, *member, *fixed);
                let back = PairKey::new(pair.ports.fixed, *fixed, *member);
                other = self.index.find(&there).or(other);
                self.index.insert(there, id);
                self.index.insert(back, id);
            }
        }
        for port in [pair.ports.member, pair.ports.fixed] {
            let length = self.behind.len().max(port.index() + 1);
            self.behind.resize(length, false);
            if let Some(behind) = self.behind.get_mut(port.index()) {
                *behind = true;
            }
        }
        match pair.udp {
            None => self.plain = true,
            Some(port) if !self.udp.contains(&port) => self.udp.push(port),
            Some(_) => {}
        }
        self.pairs.push(pair);
        self.others.push(other);
        id
    }
}

/// Five words that tell a direction of a pair apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct PairKey {
    port: u64,
    source: u128,
    destination: u128,
}

impl PairKey {
    fn new(port: PortId, source: IpAddr, destination: IpAddr) -> Self {
        Self {
            port: u64::from(port.0) | 1 << 63,
            source: bits(source),
            destination: bits(destination),
        }
    }
}

impl Key for PairKey {
    #[inline]
    fn hash(&self) -> u64 {
        let folded = self.source ^ self.destination.rotate_left(21);
        let folded = folded as u64 ^ (folded >> 64) as u64 ^ self.port.rotate_left(42);
        folded.wrapping_mul(MULTIPLIER)
    }
}

const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(member: u16, last: u8, member_port: Option<u16>) -> PairTables {
        PairTables {
            member: PeerId(member),
            ports: Ends {
                member: PortId(member as u8),
                fixed: PortId(9),
            },
            addresses: Ends {
                member: vec![[10, 30, 0, last].into(), [10, 31, 0, last].into()],
                fixed: vec![[10, 30, 0, 1].into()],
            },
            fixed_port: 38_472,
            member_port,
            udp: None,
            aborts: true,
            any_cell: false,
        }
    }

    fn between(tables: &MidhaulTables, port: u8, from: [u8; 4], to: [u8; 4]) -> Vec<(u16, End)> {
        let found = tables.between(PortId(port), from.into(), to.into());
        found.map(|(pair, end)| (pair.0, end)).collect()
    }

    #[test]
    fn a_pair_is_found_by_each_address_in_both_directions_at_its_own_port() {
        let mut tables = MidhaulTables::default();
        tables.add(pair(1, 11, None));
        tables.add(pair(2, 12, None));
        let (du, cu) = ([10, 31, 0, 12], [10, 30, 0, 1]);
        assert_eq!(between(&tables, 2, du, cu), [(1, End::Member)]);
        assert_eq!(between(&tables, 9, cu, du), [(1, End::Fixed)]);
        assert_eq!(between(&tables, 1, du, cu), []);
        assert_eq!(between(&tables, 9, du, cu), []);
    }

    #[test]
    fn what_no_pair_carries_is_known_without_looking_for_one() {
        let mut tables = MidhaulTables::default();
        assert!(!tables.has_plain() && !tables.is_behind(PortId(9)));
        tables.add(PairTables {
            udp: Some(9899),
            ..pair(1, 11, None)
        });
        assert!(!tables.has_plain() && tables.has_udp(1, 9899) && !tables.has_udp(1, 2152));
        tables.add(pair(2, 12, None));
        assert!(tables.has_plain() && tables.is_behind(PortId(9)) && !tables.is_behind(PortId(3)));
    }

    #[test]
    fn pairs_between_the_same_addresses_are_all_found() {
        let mut tables = MidhaulTables::default();
        tables.add(pair(1, 11, Some(40_000)));
        tables.add(PairTables {
            member: PeerId(2),
            ..pair(1, 11, Some(40_001))
        });
        let found = between(&tables, 1, [10, 30, 0, 11], [10, 30, 0, 1]);
        assert_eq!(found, [(1, End::Member), (0, End::Member)]);
        let second = &tables.pairs()[1];
        assert!(second.has_ports(End::Member, 40_001, 38_472));
        assert!(second.has_ports(End::Fixed, 38_472, 40_001));
        assert!(!second.has_ports(End::Member, 40_000, 38_472));
    }
}
