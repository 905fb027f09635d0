//! Identifiers: who sends, over which port and VLAN, on which antenna-carrier, in which cell.
//!
//! Indices (`PortId`, `PeerId`, `CellId`, `MemberId`, `StreamId`) are positions in tables compiled
//! from the configuration; names live in the configuration only. The eAxC bit split is
//! configuration (CUS 3.1.3.1.6), never a constant.

use serde::{Deserialize, Serialize};
use std::fmt;

/// IEEE 802 MAC address, in wire order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// True for multicast and broadcast destinations (I/G bit).
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The address as the low 48 bits of an integer, first octet most significant.
    pub const fn to_u64(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// VLAN identifier, 0..=4094. 0 is a priority tag, which is not the same as no tag.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct VlanId(u16);

impl VlanId {
    /// `None` for 4095 (reserved by IEEE 802.1Q) and above.
    pub const fn new(id: u16) -> Option<Self> {
        if id < 4095 { Some(Self(id)) } else { None }
    }

    /// The number, 0..=4094.
    pub const fn value(self) -> u16 {
        self.0
    }
}

/// The VLAN ids of a frame, outermost first: none, one (C-tag) or two (S-tag, C-tag).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct VlanStack {
    ids: [u16; 2],
    count: u8,
}

impl VlanStack {
    /// Untagged.
    pub const NONE: Self = Self {
        ids: [0, 0],
        count: 0,
    };

    /// One tag.
    pub const fn single(id: VlanId) -> Self {
        Self {
            ids: [id.0, 0],
            count: 1,
        }
    }

    /// Two tags, outer first (QinQ).
    pub const fn double(outer: VlanId, inner: VlanId) -> Self {
        Self {
            ids: [outer.0, inner.0],
            count: 2,
        }
    }

    /// From identifiers masked out of 12-bit wire fields; `count` above 2 is taken as 2.
    pub const fn from_wire(ids: [u16; 2], count: u8) -> Self {
        let ids = match count {
            0 => [0, 0],
            1 => [ids[0] & 0x0fff, 0],
            _ => [ids[0] & 0x0fff, ids[1] & 0x0fff],
        };
        Self {
            ids,
            count: if count > 2 { 2 } else { count },
        }
    }

    /// Number of tags, 0..=2.
    pub const fn count(self) -> u8 {
        self.count
    }

    /// The identifiers, outermost first.
    pub fn ids(&self) -> impl Iterator<Item = u16> {
        self.ids.into_iter().take(usize::from(self.count))
    }

    /// A number unique to this stack: count and both ids in 26 bits.
    pub const fn key(self) -> u32 {
        ((self.count as u32) << 24) | ((self.ids[0] as u32) << 12) | self.ids[1] as u32
    }
}

impl fmt::Display for VlanStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 => f.write_str("untagged"),
            1 => write!(f, "{}", self.ids[0]),
            _ => write!(f, "{}.{}", self.ids[0], self.ids[1]),
        }
    }
}

/// Extended antenna-carrier id: the full 16-bit ecpriPcid / ecpriRtcid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct EaxcId(pub u16);

impl fmt::Debug for EaxcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

impl fmt::Display for EaxcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Widths in bits of DU_Port_ID, BandSector_ID, CC_ID and RU_Port_ID; they sum to 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EaxcLayout {
    widths: [u8; 4],
}

impl EaxcLayout {
    /// The common 4/4/4/4 split.
    pub const NIBBLES: Self = Self {
        widths: [4, 4, 4, 4],
    };

    /// Widths from DU_Port_ID to RU_Port_ID; `None` unless they sum to 16. A width of 0 is legal.
    pub fn new(widths: [u8; 4]) -> Option<Self> {
        let sum: u32 = widths.iter().map(|w| u32::from(*w)).sum();
        (sum == 16).then_some(Self { widths })
    }

    /// The four widths, DU_Port_ID first.
    pub const fn widths(self) -> [u8; 4] {
        self.widths
    }

    /// RU_Port_ID of `id`.
    pub const fn ru_port(self, id: EaxcId) -> u16 {
        id.0 & self.ru_port_mask()
    }

    /// `id` with its RU_Port_ID replaced, all other bits kept; `None` if `port` does not fit.
    pub const fn with_ru_port(self, id: EaxcId, port: u16) -> Option<EaxcId> {
        let mask = self.ru_port_mask();
        if port & !mask != 0 {
            return None;
        }
        Some(EaxcId((id.0 & !mask) | port))
    }

    /// The four fields of `id`, DU_Port_ID first.
    pub fn fields(self, id: EaxcId) -> [u16; 4] {
        let [_, band, cc, ru] = self.widths.map(u32::from);
        let field = |shift: u32, width: u8| {
            (u32::from(id.0) >> shift) as u16 & ((1u32 << width) - 1) as u16
        };
        let [du_w, band_w, cc_w, ru_w] = self.widths;
        [
            field(band + cc + ru, du_w),
            field(cc + ru, band_w),
            field(ru, cc_w),
            field(0, ru_w),
        ]
    }

    const fn ru_port_mask(self) -> u16 {
        ((1u32 << self.widths[3]) - 1) as u16
    }
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
        )]
        pub struct $name(pub $inner);

        impl $name {
            /// The index as `usize`, for table look-ups.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A port of the appliance: its position in the configuration's list of ports.
    PortId,
    u8
);
index!(
    /// A peer on the wire (one RU or DU endpoint): its position in the compiled peer table.
    PeerId,
    u16
);
index!(
    /// A cell: its position in the configuration's list of cells.
    CellId,
    u16
);
index!(
    /// An lcore: its position among those of the appliance, the main lcore first.
    LcoreId,
    u8
);
index!(
    /// A member (DU) of a cell: its position in that cell's list of members.
    MemberId,
    u8
);
index!(
    /// One (direction, eAxC) endpoint of a cell: its position in that cell's list of streams.
    StreamId,
    u8
);

/// C-plane (eCPRI type 2) or U-plane (eCPRI type 0).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// Real-time control, eCPRI type 2.
    Control,
    /// IQ data, eCPRI type 0.
    User,
}

/// Direction of the radio data (dataDirection), not of the packet: UL C-plane travels DU to RU.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// dataDirection 0, gNB receives.
    Uplink,
    /// dataDirection 1, gNB transmits.
    Downlink,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_must_sum_to_sixteen_bits() {
        assert!(EaxcLayout::new([4, 4, 4, 4]).is_some());
        assert!(EaxcLayout::new([0, 0, 0, 16]).is_some());
        assert!(EaxcLayout::new([16, 0, 0, 0]).is_some());
        assert!(EaxcLayout::new([4, 4, 4, 3]).is_none());
        assert!(EaxcLayout::new([255, 255, 255, 251]).is_none());
    }

    #[test]
    fn replacing_the_ru_port_keeps_all_other_bits() {
        let layout = EaxcLayout::new([2, 6, 4, 4]).unwrap();
        let id = EaxcId(0x4235);
        assert_eq!(layout.fields(id), [1, 2, 3, 5]);
        assert_eq!(layout.with_ru_port(id, 9), Some(EaxcId(0x4239)));
        assert_eq!(layout.with_ru_port(id, 16), None);
    }

    #[test]
    fn a_sixteen_bit_ru_port_is_the_whole_id() {
        let layout = EaxcLayout::new([0, 0, 0, 16]).unwrap();
        assert_eq!(layout.ru_port(EaxcId(0xffff)), 0xffff);
        assert_eq!(layout.fields(EaxcId(0xabcd)), [0, 0, 0, 0xabcd]);
    }

    #[test]
    fn a_priority_tag_is_not_untagged() {
        let priority = VlanStack::single(VlanId::new(0).unwrap());
        assert_ne!(priority, VlanStack::NONE);
        assert_ne!(priority.key(), VlanStack::NONE.key());
        assert!(VlanId::new(4095).is_none());
    }

    #[test]
    fn mac_prints_as_people_write_it() {
        assert_eq!(
            MacAddr([2, 0xa0, 0, 0, 0, 1]).to_string(),
            "02:a0:00:00:00:01"
        );
        assert!(MacAddr([1, 0, 0, 0, 0, 0]).is_group());
    }
}
