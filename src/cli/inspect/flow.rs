//! Flows, and the counting domains of sequence numbers that they belong to.

use std::collections::HashMap;

use super::message::{Outer, RadioMessage};
use super::numbers::Steps;
use crate::ran::{Direction, EaxcId, Instant, MacAddr, Plane, VlanStack};
use crate::replay::capture::Record;

/// The way a packet travels, which is not the direction of its radio data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Way {
    /// Requests and downlink samples.
    TowardRu,
    /// Uplink samples and reports.
    TowardDu,
}

/// What tells flows apart; ordered as they are listed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct FlowKey {
    pub(super) way: Way,
    pub(super) source: MacAddr,
    pub(super) destination: MacAddr,
    pub(super) vlans: VlanStack,
    pub(super) plane: Plane,
    pub(super) uplink: bool,
    /// C-plane only.
    pub(super) section_type: Option<u8>,
    pub(super) filter_index: u8,
    pub(super) eaxc: EaxcId,
}

impl FlowKey {
    pub(super) fn of(outer: &Outer<'_>, message: &RadioMessage<'_>) -> Self {
        Self {
            way: way(message),
            source: outer.source,
            destination: outer.destination,
            vlans: outer.vlans,
            plane: message.plane,
            uplink: message.direction == Direction::Uplink,
            section_type: message.section_type,
            filter_index: message.filter_index,
            eaxc: message.eaxc,
        }
    }

    /// The DU's end of the flow.
    pub(super) const fn du(&self) -> MacAddr {
        match self.way {
            Way::TowardRu => self.source,
            Way::TowardDu => self.destination,
        }
    }

    /// The RU's end.
    pub(super) const fn ru(&self) -> MacAddr {
        match self.way {
            Way::TowardRu => self.destination,
            Way::TowardDu => self.source,
        }
    }

    /// True for uplink of a filter other than the standard channel filter.
    pub(super) const fn is_prach(&self) -> bool {
        self.uplink && self.filter_index != 0
    }
}

/// What one sender numbers on its own: flows that differ in section type, filterIndex or VLAN only share a
/// domain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Domain {
    source: MacAddr,
    destination: MacAddr,
    plane: Plane,
    uplink: bool,
    eaxc: EaxcId,
}

impl Domain {
    pub(super) const fn of(key: &FlowKey) -> Self {
        Self {
            source: key.source,
            destination: key.destination,
            plane: key.plane,
            uplink: key.uplink,
            eaxc: key.eaxc,
        }
    }
}

/// Only uplink samples come from the RU, and the reports of section types 8, 9 and 10 (CUS section types).
fn way(message: &RadioMessage<'_>) -> Way {
    match (message.plane, message.direction, message.section_type) {
        (Plane::User, Direction::Uplink, _) => Way::TowardDu,
        (Plane::Control, Direction::Uplink, Some(8..=10)) => Way::TowardDu,
        _ => Way::TowardRu,
    }
}

/// What one flow did.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) frames: u64,
    /// Bytes on the wire: of whole frames, or of the message where one frame carries several.
    pub(super) bytes: u64,
    pub(super) slots: u64,
    pub(super) steps: Steps,
    /// When each slot of the headers was last seen, to count a slot once though frameId wraps.
    last_seen: HashMap<u32, Instant>,
}

impl Flow {
    /// A flow that begins with `message`.
    pub(super) fn starting_with(message: &RadioMessage<'_>) -> Self {
        Self {
            frames: 0,
            bytes: 0,
            slots: 0,
            steps: Steps::starting_at(message.sequence),
            last_seen: HashMap::new(),
        }
    }

    /// Counts `message` of frame `record`, with `bytes` on the wire.
    pub(super) fn record(&mut self, message: &RadioMessage<'_>, record: &Record<'_>, bytes: u64) {
        if self.frames > 0 {
            self.steps.record(message.sequence);
        }
        self.frames += 1;
        self.bytes += bytes;
        let slot = u32::from_be_bytes([0, message.frame, message.subframe, message.slot]);
        let known = self.last_seen.insert(slot, record.at);
        let again = known.is_some_and(|seen| record.at.nanos_since(seen).abs() < HALF_WRAP_NS);
        self.slots += u64::from(!again);
    }
}

/// Half of the 2.56 s after which an 8-bit frameId repeats.
const HALF_WRAP_NS: i64 = 1_280_000_000;
