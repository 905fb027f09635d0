//! Two members on one RU during a migration (fronthaul.md 11.2): control symbols are told apart by
//! antenna port, data symbols by slot, and a broadcast outranks the pattern.

use crate::planes::fronthaul::pattern::PatternBits;
use crate::ran::{MemberId, SlotCount, StreamId};

/// Most streams of one cell.
pub const MAX_STREAMS: usize = 64;

/// No stream: control symbols of this port are dropped.
pub const NO_STREAM: u8 = u8::MAX;

/// How a C-plane message over control and data symbols is treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CplaneStyle {
    /// Emit a control part and a data part.
    Split,
    /// Forward the slot owner's message for every port, while both describe control symbols alike.
    OwnerWins,
}

/// How overlapping but different UL requests are forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overlap {
    /// The second with its sectionIds in a disjoint range.
    MapSectionIds,
    /// The second not at all.
    Refuse,
}

/// Slots of one member's broadcast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BroadcastSlots {
    /// Whose.
    pub member: MemberId,
    /// One entry a slot of the period; never empty.
    pub slots: Box<[bool]>,
}

/// What is configured about sharing one RU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareRules {
    /// Control symbols (bit n for symbol n), by `slot mod len`; never empty.
    pub control: Box<[u16]>,
    /// Broadcast slots.
    pub broadcast: Box<[BroadcastSlots]>,
    /// In control symbols, by downlink stream: the stream it goes out on, or `NO_STREAM`.
    pub source_ports: [u8; MAX_STREAMS],
    /// The same for the destination.
    pub destination_ports: [u8; MAX_STREAMS],
    /// C-plane over both kinds of symbols.
    pub cplane: CplaneStyle,
    /// Both members may send section types 5 and 6.
    pub disjoint_ue_ids: bool,
    /// Overlapping UL requests.
    pub overlap: Overlap,
}

/// Where one sharing member's symbols of one slot go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotRules {
    /// The slot's control symbols.
    pub control: u16,
    /// Egress stream of control symbols, if the member's port map has one.
    pub control_stream: Option<StreamId>,
    /// Egress stream of data symbols, if the member owns the slot.
    pub data_stream: Option<StreamId>,
}

impl ShareRules {
    /// The owner of `slot`'s data symbols: its broadcast, else the pattern.
    #[inline]
    pub fn owner(
        &self,
        slot: SlotCount,
        pattern: PatternBits,
        source: MemberId,
        destination: MemberId,
    ) -> MemberId {
        for broadcast in &self.broadcast {
            let member = broadcast.member;
            let sharing = member == source || member == destination;
            let at = slot.position(broadcast.slots.len() as u32) as usize;
            if sharing && broadcast.slots.get(at).copied().unwrap_or(false) {
                return member;
            }
        }
        if pattern.is_destination(slot) {
            destination
        } else {
            source
        }
    }

    /// What `member`, the source or destination, may say on downlink `stream` in `slot`.
    #[inline]
    pub fn slot_rules(
        &self,
        slot: SlotCount,
        stream: StreamId,
        is_source: bool,
        owns_slot: bool,
    ) -> SlotRules {
        let at = slot.position(self.control.len() as u32) as usize;
        let control = self.control.get(at).copied().unwrap_or(0);
        let ports = if is_source {
            &self.source_ports
        } else {
            &self.destination_ports
        };
        let mapped = ports.get(stream.index()).copied().unwrap_or(NO_STREAM);
        SlotRules {
            control,
            control_stream: (mapped != NO_STREAM).then_some(StreamId(mapped)),
            data_stream: owns_slot.then_some(stream),
        }
    }
}

impl SlotRules {
    /// Egress stream of `symbol`, and whether it is a control symbol.
    #[inline]
    pub const fn of_symbol(&self, symbol: u8) -> (Option<StreamId>, bool) {
        if self.control >> (symbol & 15) & 1 == 1 {
            (self.control_stream, true)
        } else {
            (self.data_stream, false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemberId = MemberId(0);
    const B: MemberId = MemberId(1);

    fn rules() -> ShareRules {
        let mut source_ports = [NO_STREAM; MAX_STREAMS];
        let mut destination_ports = [NO_STREAM; MAX_STREAMS];
        source_ports[0] = 0;
        destination_ports[0] = 1;
        ShareRules {
            control: Box::new([0b11, 0b1]),
            broadcast: Box::new([BroadcastSlots {
                member: B,
                slots: Box::new([true, false, false, false]),
            }]),
            source_ports,
            destination_ports,
            cplane: CplaneStyle::Split,
            disjoint_ue_ids: false,
            overlap: Overlap::MapSectionIds,
        }
    }

    #[test]
    fn a_broadcast_outranks_the_pattern() {
        let rules = rules();
        let owner = |slot| rules.owner(SlotCount(slot), PatternBits::SOURCE, A, B);
        assert_eq!(owner(0), B);
        assert_eq!(owner(1), A);
        assert_eq!(owner(4), B);
    }

    #[test]
    fn the_broadcast_of_a_member_that_does_not_share_is_no_one_s() {
        let owner = rules().owner(SlotCount(0), PatternBits::SOURCE, A, MemberId(2));
        assert_eq!(owner, A);
    }

    #[test]
    fn control_symbols_go_by_port_map_and_data_symbols_by_owner() {
        let destination = rules().slot_rules(SlotCount(0), StreamId(0), false, false);
        assert_eq!(destination.of_symbol(0), (Some(StreamId(1)), true));
        assert_eq!(destination.of_symbol(2), (None, false));
        let source = rules().slot_rules(SlotCount(0), StreamId(1), true, true);
        assert_eq!(source.of_symbol(1), (None, true));
        assert_eq!(source.of_symbol(2), (Some(StreamId(1)), false));
    }

    #[test]
    fn control_symbols_may_differ_by_slot() {
        let odd = rules().slot_rules(SlotCount(1), StreamId(0), true, true);
        assert_eq!(odd.of_symbol(1), (Some(StreamId(0)), false));
    }
}
