//! Open-addressed tables of small entries: found in one or two cache lines however many there are.

use super::P7Address;
use crate::ran::{CellId, Direction, EaxcId, MacAddr, PeerId, PortId, VlanStack};

/// Two words that tell an ingress identity apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct IngressKey(u64, u64);

impl IngressKey {
    #[inline]
    pub(super) const fn new(port: PortId, source: MacAddr, vlans: VlanStack) -> Self {
        Self(
            source.to_u64() | (port.0 as u64) << 48,
            vlans.key() as u64 | 1 << 63,
        )
    }
}

/// Three words that tell an nFAPI peer apart: many may live behind one MAC address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct P7Key(u64, u64, u64);

impl P7Key {
    #[inline]
    pub(super) const fn new(
        port: PortId,
        source: MacAddr,
        vlans: VlanStack,
        address: P7Address,
    ) -> Self {
        let (peer, own) = (address.peer.to_bits() as u64, address.own.to_bits() as u64);
        Self(
            source.to_u64() | (port.0 as u64) << 48,
            (vlans.key() as u64) << 16 | address.own_port as u64 | 1 << 63,
            peer << 32 | own,
        )
    }
}

/// One word: peer, direction, eAxC and the cell of a pooled DU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct FlowKey(u64);

impl FlowKey {
    #[inline]
    pub(super) const fn new(
        peer: PeerId,
        assigned: Option<CellId>,
        direction: Direction,
        eaxc: EaxcId,
    ) -> Self {
        let cell = match assigned {
            Some(cell) => cell.0 as u64 + 1,
            None => 0,
        };
        let downlink = matches!(direction, Direction::Downlink) as u64;
        Self(1 << 63 | cell << 34 | downlink << 33 | (peer.0 as u64) << 16 | eaxc.0 as u64)
    }
}

pub(super) trait Key: Copy + PartialEq + Default {
    fn hash(&self) -> u64;
}

pub(super) const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl Key for IngressKey {
    #[inline]
    fn hash(&self) -> u64 {
        (self.0 ^ self.1.rotate_left(21)).wrapping_mul(MULTIPLIER)
    }
}

impl Key for P7Key {
    #[inline]
    fn hash(&self) -> u64 {
        let mixed = self.0 ^ self.1.rotate_left(21) ^ self.2.rotate_left(42);
        mixed.wrapping_mul(MULTIPLIER)
    }
}

impl Key for FlowKey {
    #[inline]
    fn hash(&self) -> u64 {
        self.0.wrapping_mul(MULTIPLIER)
    }
}

/// Open addressing, linear probing, at most half full. A default key marks a free place.
#[derive(Clone, Debug)]
pub(super) struct Index<K, V> {
    places: Vec<Option<(K, V)>>,
    len: usize,
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            len: 0,
        }
    }
}

impl<K: Key, V: Copy> Index<K, V> {
    #[inline]
    pub(super) fn find(&self, key: &K) -> Option<V> {
        if self.places.is_empty() {
            return None;
        }
        let mask = self.places.len() - 1;
        let mut at = self.start(key);
        while let Some(Some((known, value))) = self.places.get(at) {
            if known == key {
                return Some(*value);
            }
            at = (at + 1) & mask;
        }
        None
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if (self.len + 1) * 2 > self.places.len() {
            let grown = (self.places.len() * 2).max(8);
            let old = std::mem::replace(&mut self.places, vec![None; grown]);
            self.len = 0;
            for (key, value) in old.into_iter().flatten() {
                self.insert(key, value);
            }
        }
        let mask = self.places.len() - 1;
        let mut at = self.start(&key);
        while let Some(place) = self.places.get_mut(at) {
            match place {
                Some((known, _)) if *known != key => at = (at + 1) & mask,
                Some(_) => {
                    *place = Some((key, value));
                    return;
                }
                None => {
                    *place = Some((key, value));
                    self.len += 1;
                    return;
                }
            }
        }
    }

    #[inline]
    fn start(&self, key: &K) -> usize {
        let bits = self.places.len().trailing_zeros();
        (key.hash() >> (64 - bits)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn the_index_answers_like_a_map(keys in proptest::collection::vec((0u16..500, 0u16..64, any::<bool>()), 0..600)) {
            let mut index: Index<FlowKey, u32> = Index::default();
            let mut map = HashMap::new();
            for (n, (peer, eaxc, downlink)) in keys.iter().enumerate() {
                let direction = if *downlink { Direction::Downlink } else { Direction::Uplink };
                let key = FlowKey::new(PeerId(*peer), None, direction, EaxcId(*eaxc));
                index.insert(key, n as u32);
                map.insert(key.0, n as u32);
            }
            for peer in 0..500u16 {
                let key = FlowKey::new(PeerId(peer), None, Direction::Downlink, EaxcId(peer % 64));
                prop_assert_eq!(index.find(&key), map.get(&key.0).copied());
            }
        }
    }

    #[test]
    fn untagged_and_priority_tagged_frames_of_one_mac_are_different_peers() {
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        let priority = VlanStack::from_wire([0, 0], 1);
        assert_ne!(
            IngressKey::new(PortId(0), mac, VlanStack::NONE),
            IngressKey::new(PortId(0), mac, priority)
        );
    }

    #[test]
    fn a_pooled_du_has_other_flows_in_each_cell() {
        let key = |cell| FlowKey::new(PeerId(3), cell, Direction::Uplink, EaxcId(1));
        assert_ne!(key(None), key(Some(CellId(0))));
        assert_ne!(key(Some(CellId(0))), key(Some(CellId(1))));
    }
}
