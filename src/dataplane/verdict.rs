//! What the journey says of one frame, and the closed list of reasons for a frame to end here.

use crate::ran::PortId;
use crate::wire::{Fault, Layer, WireError};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The verdict on one frame. The worker carries it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Send this frame, whose head was edited in place.
    Forward(Departure),
    /// Send this frame and the outbox's parts of it.
    Fanout(Departure),
    /// Send the outbox's parts of this frame instead of it.
    Replace,
    /// Keep this frame until the message is whole of which it is a piece.
    Hold,
    /// The frame ends here.
    Drop(DropReason),
}

/// How an edited frame leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Departure {
    /// Egress port.
    pub port: PortId,
    /// Offset in `head` of the frame's first byte: moves when the header grew or shrank.
    pub start: u16,
    /// Zero bytes to append: a header that shrank must not make a frame shorter than received
    /// (some DUs drop frames below 64 bytes).
    pub pad: u8,
}

macro_rules! drop_reasons {
    ($($(#[$meta:meta])* $variant:ident $label:literal $help:literal,)*) => {
        /// Why a frame ended in the box. `label` is the metric label, `help` its documentation.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum DropReason {
            $(#[doc = $help] $variant,)*
        }

        impl DropReason {
            /// Every reason, in order of `index`.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Metric label.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// One sentence for an operator.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

drop_reasons! {
    EthernetMalformed "ethernet_malformed" "The frame is too short for its Ethernet header or tags.",
    VlanDepth "vlan_depth" "The frame carries more than two VLAN tags.",
    IpMalformed "ip_malformed" "The IP, UDP or ICMP header is truncated or inconsistent.",
    IpFragment "ip_fragment" "The datagram is an IP fragment; raise the MTU between the peers.",
    EcpriMalformed "ecpri_malformed" "The eCPRI header is truncated or its revision is not 1.",
    EcpriSize "ecpri_size" "ecpriPayload is too small for its type or larger than the frame; see ecpri.size in the configuration.",
    EcpriReservedType "ecpri_reserved_type" "The eCPRI message type is reserved (12..63) and the policy is to drop it.",
    EcpriVendorType "ecpri_vendor_type" "The eCPRI message type is vendor specific (64..255) and the policy is to drop it.",
    RadioHeader "radio_header" "The radio header is truncated, or its payloadVersion, subframeId, slotId or symbolId is out of range.",
    CplaneMalformed "cplane_malformed" "A C-plane section or extension runs past its message or has length 0.",
    UplaneMalformed "uplane_malformed" "A U-plane section runs past its message.",
    HeadTooShort "head_too_short" "The headers do not lie in the frame's first buffer segment.",
    P7Malformed "p7_malformed" "The nFAPI header or message is truncated, or a length, an id or a slot in it cannot be true.",
    P7Checksum "p7_checksum" "The checksum of the nFAPI header is wrong; see `check` of the peer.",
    P7OldHeader "p7_old_header" "The nFAPI header is that of OPENAIRINTERFACE of early 2024, which is not supported.",
    P7Phy "p7_phy" "PHY_ID is not the one that is configured for this peer.",
    PieceDuplicate "piece_duplicate" "The fragment or segment is held already.",
    PieceConflict "piece_conflict" "Fragments or segments of a message contradict each other.",
    PieceLimit "piece_limit" "The peer has more messages in pieces, or in more pieces, than may be held.",
    PieceExpired "piece_expired" "The rest of the message did not come within 10 ms.",
    P7Limits "p7_limits" "The request overflows arrays of OPENAIRINTERFACE's unpackers; see `limits` of the PHY.",
    NotRepresentable "not_representable" "The message cannot be said in the dialect and segments of who it is for.",
    NotRunning "not_running" "The PHY that owns the slot has not been started.",
    RequestRepeated "request_repeated" "A NULL request of a slot for which the PHY has been given that request.",
    SlotRepeated "slot_repeated" "The slot was indicated to the L2 before.",
    UnknownPeer "unknown_peer" "No configured peer has this port, source MAC and VLAN.",
    UnknownEaxc "unknown_eaxc" "The eAxC id is not configured for this peer and direction.",
    WrongWay "wrong_way" "A DU sent what only an RU sends, or the reverse.",
    Unassigned "unassigned" "A pooled DU spoke while it is assigned to no cell.",
    OutOfStep "out_of_step" "The header slot is further than step_window from the cell's slot.",
    Late "late" "The slot belongs to a former owner and late_tolerance has passed.",
    NotActive "not_active" "The member is a standby: the cell's active member owns this slot.",
    Fenced "fenced" "The member is fenced and has not been readmitted.",
    NotSlotOwner "not_slot_owner" "In shared mode the slot belongs to the other member.",
    ControlPort "control_port" "In shared mode the member's control symbols may not use this antenna port.",
    Conflict "conflict" "Another member has already spoken on this eAxC and symbol.",
    Absorbed "absorbed" "An identical uplink request has already gone to the RU.",
    OverlapRefused "overlap_refused" "The uplink request overlaps another member's and could not be mapped, or lies too far ahead of the slot on air.",
    IdleSection "idle_section" "Section type 0 in shared mode that only one member sent.",
    CarrierCommand "carrier_command" "Section type 4 or remote reset from a member that does not own the carrier, or in shared mode.",
    UeSpace "ue_space" "Section type 5 or 6 in shared mode from a member that does not own the slot, without disjoint ueId spaces.",
    MultiEaxc "multi_eaxc" "A section extension speaks for other eAxC ids, whose verdicts differ.",
    Uncovered "uncovered" "With owner_wins, the slot owner's C-plane for this eAxC and symbol has not gone to the RU yet.",
    Unsplittable "unsplittable" "A message over control and data symbols, or a U-plane message with symInc in shared mode, could not be split.",
    FragmentOrphan "fragment_orphan" "A later radio-transport fragment whose first fragment is not known.",
    UnknownMeasurement "unknown_measurement" "A delay measurement answer to no known request, or the request table is full.",
    NoMember "no_member" "No member of the cell is in step to receive this uplink frame.",
    LinkLocal "link_local" "A link-local frame (slow protocols, LLDP, 802.1X) and the policy is to drop it.",
    Ptp "ptp" "A PTP frame and the policy is to drop it; PTP should bypass the appliance.",
    NoRoute "no_route" "No bridge entry says where this frame goes.",
    OwnAddress "own_address" "Sent to an address of the appliance, which serves only P7, ARP and echo there.",
    OtherFrame "other_frame" "Not fronthaul, and the policy is to drop such frames.",
    NoBuffer "no_buffer" "No buffer was free for a copy.",
    NoHeadroom "no_headroom" "The frame has no room for the longer header of its egress side.",
    OutboxFull "outbox_full" "One burst asked for more copies than the outbox holds.",
    TxFull "tx_full" "The egress port did not accept the frame.",
    HandoverFull "handover_full" "The queue to the lcore that owns the cell or the port was full.",
}

impl DropReason {
    /// Number of reasons.
    pub const COUNT: usize = Self::ALL.len();

    /// Position in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Serialize for DropReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.label())
    }
}

impl<'de> Deserialize<'de> for DropReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let label = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let known = Self::ALL.iter().find(|reason| reason.label() == label);
        known
            .copied()
            .ok_or_else(|| D::Error::custom(format!("no drop reason is called {label}")))
    }
}

impl From<WireError> for DropReason {
    fn from(error: WireError) -> Self {
        match error.layer {
            Layer::Ethernet => Self::EthernetMalformed,
            Layer::Vlan => Self::VlanDepth,
            Layer::Ip | Layer::Udp | Layer::Arp | Layer::Icmp | Layer::Sctp => match error.fault {
                Fault::Fragment => Self::IpFragment,
                _ => Self::IpMalformed,
            },
            Layer::Ecpri => match error.fault {
                Fault::Size => Self::EcpriSize,
                _ => Self::EcpriMalformed,
            },
            Layer::Radio => Self::RadioHeader,
            Layer::Cplane => Self::CplaneMalformed,
            Layer::Uplane => Self::UplaneMalformed,
            Layer::P7 | Layer::P5 | Layer::Fapi => match error.fault {
                Fault::Checksum => Self::P7Checksum,
                Fault::OldHeader => Self::P7OldHeader,
                Fault::Segments => Self::NotRepresentable,
                _ => Self::P7Malformed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_unique_and_every_reason_has_a_sentence() {
        let mut labels: Vec<_> = DropReason::ALL.iter().map(|r| r.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), DropReason::COUNT);
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!(reason.help().ends_with('.'), "{}", reason.label());
        }
    }
}
