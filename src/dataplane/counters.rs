//! Single-writer counters of one lcore: plain integers, sized when the tables are compiled.

use crate::dataplane::verdict::DropReason;
use crate::ran::PeerId;

/// Every frame accounted for: `received + originated + copied = sent + held + merged + punted + dropped`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Frames taken from ports.
    pub received: u64,
    /// Frames the box made from nothing.
    pub originated: u64,
    /// Extra frames made from one received: mirrors, parts of a split, messages of a concatenation.
    pub copied: u64,
    /// Frames accepted by egress ports.
    pub sent: u64,
    /// Frames held now.
    pub held: u64,
    /// Frames merged into another.
    pub merged: u64,
    /// Frames handed to control.
    pub punted: u64,
    /// Frames that ended here, each with a reason.
    pub dropped: u64,
}

impl Ledger {
    /// In minus out; 0 at every moment between two bursts.
    pub const fn balance(&self) -> i128 {
        (self.received as i128 + self.originated as i128 + self.copied as i128)
            - (self.sent as i128
                + self.held as i128
                + self.merged as i128
                + self.punted as i128
                + self.dropped as i128)
    }
}

/// A count for each drop reason, by `DropReason::index`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drops(pub [u64; DropReason::COUNT]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; DropReason::COUNT])
    }
}

impl Drops {
    /// One more.
    pub fn add(&mut self, reason: DropReason) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count += 1;
        }
    }

    /// The count of `reason`.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// Sum over all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// One port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortCounters {
    /// Frames received.
    pub received: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Frames sent.
    pub sent: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
}

/// One peer (RU or DU), as ingress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerCounters {
    /// Frames received from it.
    pub received: u64,
    /// Sequence numbers that never came.
    pub missing: u64,
    /// Sequence numbers that came twice.
    pub duplicate: u64,
    /// Frames behind the newest of their domain.
    pub reordered: u64,
    /// Frames of it that ended here.
    pub drops: Drops,
}

/// One cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CellCounters {
    /// DL C-plane messages sent to the RU.
    pub downlink_control: u64,
    /// UL C-plane messages sent to the RU.
    pub uplink_control: u64,
    /// DL U-plane messages sent to the RU.
    pub downlink_user: u64,
    /// UL U-plane messages received from the RU (PRACH included).
    pub uplink_user: u64,
    /// Copies of uplink messages made for members, the first included.
    pub uplink_copies: u64,
    /// DL messages moved to another antenna port.
    pub remapped: u64,
    /// C-plane messages split in two.
    pub split: u64,
    /// UL requests sent with a mapped sectionId.
    pub section_mapped: u64,
    /// Planned switches that took effect.
    pub switches: u64,
    /// Failovers that took effect.
    pub failovers: u64,
    /// Due slots that closed empty, of any member.
    pub due_missed: u64,
    /// Owner-wins mismatches.
    pub cplane_mismatches: u64,
}

impl CellCounters {
    /// Every counter with its name, the same in reports, API and metrics.
    pub const fn named(&self) -> [(&'static str, u64); 12] {
        [
            ("downlink_control", self.downlink_control),
            ("uplink_control", self.uplink_control),
            ("downlink_user", self.downlink_user),
            ("uplink_user", self.uplink_user),
            ("uplink_copies", self.uplink_copies),
            ("remapped", self.remapped),
            ("split", self.split),
            ("section_mapped", self.section_mapped),
            ("switches", self.switches),
            ("failovers", self.failovers),
            ("due_missed", self.due_missed),
            ("cplane_mismatches", self.cplane_mismatches),
        ]
    }
}

/// All counters of one lcore.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// The ledger.
    pub ledger: Ledger,
    /// Drops by reason.
    pub drops: Drops,
    /// By `PortId`.
    pub ports: Vec<PortCounters>,
    /// By `PeerId`.
    pub peers: Vec<PeerCounters>,
    /// By `CellId`.
    pub cells: Vec<CellCounters>,
    /// Events that found the mailbox full.
    pub events_lost: u64,
    /// PTP frames seen in the data path.
    pub ptp_seen: u64,
}

impl Counters {
    /// One frame ended here; `peer` sent it.
    pub fn count_drop(&mut self, reason: DropReason, peer: Option<PeerId>) {
        self.ledger.dropped += 1;
        self.drops.add(reason);
        if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer.index())) {
            peer.drops.add(reason);
        }
    }
}
