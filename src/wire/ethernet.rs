//! Ethernet II with 0..=2 VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).
//!
//! The first thing the journey parses. Refuses a frame too short for its header or tags, and more than
//! two tags; a frame below 60 bytes is fine (captures at the sender are unpadded). Tags that a NIC has
//! stripped are not in the bytes: backends keep stripping off.

use super::{Fault, Layer, WireError};
use crate::ran::{MacAddr, VlanStack};

/// EtherType of eCPRI.
pub const ECPRI: u16 = 0xaefe;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;
/// EtherType of PTP over Ethernet.
pub const PTP: u16 = 0x88f7;
/// TPID of a customer tag.
pub const C_TAG: u16 = 0x8100;
/// TPID of a service tag (QinQ outer).
pub const S_TAG: u16 = 0x88a8;
/// TPID that older equipment uses for the outer tag.
pub const LEGACY_S_TAG: u16 = 0x9100;

/// Offset of the destination address; the source follows at 6, the first TPID or EtherType at 12.
const DESTINATION: usize = 0;
const SOURCE: usize = 6;
const TAGS: usize = 12;
const UNTAGGED_LEN: usize = 14;
const TAG_LEN: usize = 4;

/// An Ethernet header with its tags.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet<'a> {
    addresses: &'a [u8; UNTAGGED_LEN],
    tci: [u16; 2],
    count: u8,
    ethertype: u16,
}

impl<'a> Ethernet<'a> {
    /// The header and everything behind it, padding included: inner lengths bound the payload.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let (addresses, mut rest) = frame.split_first_chunk::<UNTAGGED_LEN>().ok_or(TRUNCATED)?;
        let mut view = Self {
            addresses,
            tci: [0; 2],
            count: 0,
            ethertype: u16::from_be_bytes([addresses[TAGS], addresses[TAGS + 1]]),
        };
        while is_tag(view.ethertype) {
            let (tag, after) = rest.split_first_chunk::<TAG_LEN>().ok_or(TRUNCATED)?;
            let slot = view.tci.get_mut(usize::from(view.count)).ok_or(TOO_DEEP)?;
            *slot = u16::from_be_bytes([tag[0], tag[1]]);
            view.count += 1;
            view.ethertype = u16::from_be_bytes([tag[2], tag[3]]);
            rest = after;
        }
        Ok((view, rest))
    }

    /// Destination address.
    #[inline]
    pub const fn destination(&self) -> MacAddr {
        let [a, b, c, d, e, f, ..] = *self.addresses;
        MacAddr([a, b, c, d, e, f])
    }

    /// Source address.
    #[inline]
    pub const fn source(&self) -> MacAddr {
        let [_, _, _, _, _, _, a, b, c, d, e, f, ..] = *self.addresses;
        MacAddr([a, b, c, d, e, f])
    }

    /// VLAN ids, outermost first. PCP and DEI are not part of it.
    #[inline]
    pub const fn vlans(&self) -> VlanStack {
        VlanStack::from_wire(self.tci, self.count)
    }

    /// Tag control information (PCP:3 DEI:1 VID:12) of tag `n`, 0 the outermost.
    #[inline]
    pub const fn tci(&self, n: usize) -> Option<u16> {
        let [outer, inner] = self.tci;
        match (n, self.count) {
            (0, 1..) => Some(outer),
            (1, 2..) => Some(inner),
            _ => None,
        }
    }

    /// The EtherType behind the tags.
    #[inline]
    pub const fn ethertype(&self) -> u16 {
        self.ethertype
    }

    /// Bytes of header and tags: 14, 18 or 22.
    #[inline]
    pub const fn header_len(&self) -> usize {
        UNTAGGED_LEN + TAG_LEN * self.count as usize
    }
}

/// Writes the destination address of a parsed frame.
#[inline]
pub fn set_destination(frame: &mut [u8], address: MacAddr) {
    write(frame, DESTINATION, address.0);
}

/// Writes the source address of a parsed frame.
#[inline]
pub fn set_source(frame: &mut [u8], address: MacAddr) {
    write(frame, SOURCE, address.0);
}

/// Writes the VLAN id of tag `n` (0 the outermost) of a parsed frame; PCP and DEI stay.
#[inline]
pub fn set_vlan_id(frame: &mut [u8], n: usize, id: u16) {
    let at = UNTAGGED_LEN + TAG_LEN * n;
    if let Some([high, low]) = frame.get_mut(at..).and_then(|tag| tag.first_chunk_mut()) {
        *high = (*high & 0xf0) | (id >> 8) as u8 & 0x0f;
        *low = id as u8;
    }
}

/// A tag to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag {
    /// `C_TAG`, `S_TAG` or `LEGACY_S_TAG`.
    pub tpid: u16,
    /// PCP:3 DEI:1 VID:12.
    pub tci: u16,
}

/// A header to emit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Destination address.
    pub destination: MacAddr,
    /// Source address.
    pub source: MacAddr,
    /// Tags, outermost first.
    pub tags: &'a [Tag],
    /// EtherType behind the tags.
    pub ethertype: u16,
}

impl Header<'_> {
    /// Appends the header.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.destination.0);
        out.extend_from_slice(&self.source.0);
        for tag in self.tags {
            out.extend_from_slice(&tag.tpid.to_be_bytes());
            out.extend_from_slice(&tag.tci.to_be_bytes());
        }
        out.extend_from_slice(&self.ethertype.to_be_bytes());
    }
}

const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, C_TAG | S_TAG | LEGACY_S_TAG)
}

fn write(frame: &mut [u8], at: usize, address: [u8; 6]) {
    if let Some(field) = frame
        .get_mut(at..)
        .and_then(|field| field.first_chunk_mut())
    {
        *field = address;
    }
}

const TRUNCATED: WireError = WireError {
    layer: Layer::Ethernet,
    fault: Fault::Truncated,
};
const TOO_DEEP: WireError = WireError {
    layer: Layer::Vlan,
    fault: Fault::Depth,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::VlanId;
    use crate::wire::vectors;

    const RU: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xaa]);
    const DU: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    #[test]
    fn fields_of_a_frame_with_one_tag() {
        let frame = vectors::v1();
        let (view, rest) = Ethernet::parse(&frame).unwrap();
        assert_eq!(view.destination(), RU);
        assert_eq!(view.source(), DU);
        assert_eq!(view.vlans(), VlanStack::single(VlanId::new(6).unwrap()));
        assert_eq!(view.tci(0), Some(0xe006));
        assert_eq!(view.tci(1), None);
        assert_eq!(view.ethertype(), ECPRI);
        assert_eq!(view.header_len(), 18);
        assert_eq!(rest.len(), frame.len() - 18);
    }

    #[test]
    fn fields_of_a_frame_with_two_tags() {
        let frame = vectors::v12();
        let (view, _) = Ethernet::parse(&frame).unwrap();
        let stack = VlanStack::double(VlanId::new(100).unwrap(), VlanId::new(6).unwrap());
        assert_eq!(view.vlans(), stack);
        assert_eq!(view.tci(1), Some(0x0006));
        assert_eq!(view.tci(2), None);
        assert_eq!(view.header_len(), 22);
    }

    #[test]
    fn an_untagged_frame_is_not_a_frame_of_vlan_0() {
        let mut untagged = Vec::new();
        let header = Header {
            destination: RU,
            source: DU,
            tags: &[],
            ethertype: PTP,
        };
        header.emit(&mut untagged);
        let mut priority = Vec::new();
        let tag = Tag {
            tpid: C_TAG,
            tci: 0,
        };
        Header {
            tags: &[tag],
            ..header
        }
        .emit(&mut priority);
        let (untagged, _) = Ethernet::parse(&untagged).unwrap();
        let (priority, _) = Ethernet::parse(&priority).unwrap();
        assert_eq!(untagged.vlans(), VlanStack::NONE);
        assert_ne!(untagged.vlans(), priority.vlans());
        assert_eq!(priority.ethertype(), PTP);
    }

    #[test]
    fn a_third_tag_is_refused_as_depth() {
        let mut frame = Vec::new();
        let tag = Tag {
            tpid: LEGACY_S_TAG,
            tci: 1,
        };
        Header {
            destination: RU,
            source: DU,
            tags: &[tag; 3],
            ethertype: ECPRI,
        }
        .emit(&mut frame);
        assert_eq!(Ethernet::parse(&frame).unwrap_err(), TOO_DEEP);
    }

    #[test]
    fn every_truncation_inside_the_header_is_an_error() {
        let frame = vectors::v12();
        for len in 0..22 {
            assert_eq!(Ethernet::parse(&frame[..len]).unwrap_err(), TRUNCATED);
        }
    }

    #[test]
    fn edits_change_addresses_and_vlan_ids_but_keep_pcp_and_dei() {
        let mut frame = vectors::v12();
        frame[14] = 0xf0;
        set_destination(&mut frame, DU);
        set_source(&mut frame, RU);
        set_vlan_id(&mut frame, 0, 0xabc);
        set_vlan_id(&mut frame, 1, 7);
        let (view, _) = Ethernet::parse(&frame).unwrap();
        assert_eq!((view.destination(), view.source()), (DU, RU));
        assert_eq!(view.tci(0), Some(0xfabc));
        assert_eq!(view.tci(1), Some(7));
    }

    #[test]
    fn an_emitted_header_reads_back() {
        let original = vectors::v12();
        let mut out = Vec::new();
        let tags = [
            Tag {
                tpid: S_TAG,
                tci: 0x0064,
            },
            Tag {
                tpid: C_TAG,
                tci: 6,
            },
        ];
        Header {
            destination: RU,
            source: DU,
            tags: &tags,
            ethertype: ECPRI,
        }
        .emit(&mut out);
        assert_eq!(out, original[..22]);
    }
}
