//! Single-writer counters of one lcore: plain integers, sized when the tables are compiled.

use crate::dataplane::verdict::DropReason;
use crate::ran::PeerId;

/// Every frame accounted for: `received + originated + copied = sent + held + merged + punted + dropped`.
/// Of one lcore among several, what it took from others counts with what came in, what it handed to them
/// with what went out.
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
    /// Frames handed to other lcores.
    pub handed: u64,
    /// Frames taken from other lcores. Over all lcores, `handed` less `taken` are on their way.
    pub taken: u64,
}

impl Ledger {
    /// In minus out; 0 at every moment between two bursts.
    pub const fn balance(&self) -> i128 {
        (self.received as i128 + self.originated as i128 + self.copied as i128 + self.taken as i128)
            - (self.sent as i128
                + self.held as i128
                + self.merged as i128
                + self.punted as i128
                + self.dropped as i128
                + self.handed as i128)
    }

    /// Frames held now, over all lcores whose counts are summed here: those on the way between them
    /// included.
    pub const fn held_in_all(&self) -> u64 {
        self.held + self.handed.saturating_sub(self.taken)
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

/// Frames that a port lost before they could be received, as its driver counts them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortLosses {
    /// The queue was full: the lcore was late.
    pub missed: u64,
    /// No buffer was free.
    pub no_buffer: u64,
    /// Damaged on the wire.
    pub errors: u64,
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
    /// Requests of the L2 that went whole to a PHY.
    pub fapi_requests: u64,
    /// NULL requests made from a request of the L2.
    pub fapi_request_nulls: u64,
    /// NULL requests made by the slot clock.
    pub fapi_clock_nulls: u64,
    /// Indications of PHYs that went to the L2.
    pub fapi_indications: u64,
    /// SLOT.indications made up because no PHY sent them in time.
    pub fapi_made_up_slots: u64,
    /// Failing CRCs made up for what a lost PHY owed.
    pub fapi_failed_crcs: u64,
}

impl CellCounters {
    /// Every counter with its name, the same in reports, API and metrics.
    pub const fn named(&self) -> [(&'static str, u64); 18] {
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
            ("fapi_requests", self.fapi_requests),
            ("fapi_request_nulls", self.fapi_request_nulls),
            ("fapi_clock_nulls", self.fapi_clock_nulls),
            ("fapi_indications", self.fapi_indications),
            ("fapi_made_up_slots", self.fapi_made_up_slots),
            ("fapi_failed_crcs", self.fapi_failed_crcs),
        ]
    }
}

/// One DU and its CU on the midhaul.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PairCounters {
    /// SCTP packets from the DU.
    pub from_du: u64,
    /// Their bytes, headers included.
    pub from_du_bytes: u64,
    /// SCTP packets from the CU.
    pub from_cu: u64,
    /// Their bytes, headers included.
    pub from_cu_bytes: u64,
    /// Packets with a wrong CRC32c, passed on and not believed.
    pub wrong_checksum: u64,
    /// Packets with a chunk of a wrong length, passed on and not believed.
    pub malformed: u64,
    /// IP fragments and frames of which only the beginning was at hand, passed on unread.
    pub unread: u64,
    /// Associations whose handshake was seen.
    pub handshakes: u64,
    /// Associations met in the middle.
    pub joined: u64,
    /// Restarts of an association by one of its ends.
    pub restarts: u64,
    /// Associations that an end has ended.
    pub ended: u64,
    /// Packets with tags that contradict those that are valid.
    pub conflicts: u64,
    /// Packets of more associations than can be watched.
    pub unwatched: u64,
    /// Associations ended from here because the DU was lost.
    pub aborted: u64,
    /// ABORT packets made for that, copies included.
    pub abort_packets: u64,
    /// Packets of the CU under a former tag after it was told: each was answered with another ABORT.
    pub aborts_disproved: u64,
    /// Losses of the DU at which no tag was known.
    pub tags_unknown: u64,
    /// INIT packets of the fenced DU that ended here.
    pub fenced_init: u64,
    /// DATA packets of the fenced DU that ended here.
    pub fenced_data: u64,
    /// SACK packets of the fenced DU that ended here.
    pub fenced_sack: u64,
    /// Other packets of the fenced DU that ended here.
    pub fenced_other: u64,
}

impl PairCounters {
    /// Every counter with its name, the same in reports, API and metrics.
    pub const fn named(&self) -> [(&'static str, u64); 21] {
        [
            ("from_du", self.from_du),
            ("from_du_bytes", self.from_du_bytes),
            ("from_cu", self.from_cu),
            ("from_cu_bytes", self.from_cu_bytes),
            ("wrong_checksum", self.wrong_checksum),
            ("malformed", self.malformed),
            ("unread", self.unread),
            ("handshakes", self.handshakes),
            ("joined", self.joined),
            ("restarts", self.restarts),
            ("ended", self.ended),
            ("conflicts", self.conflicts),
            ("unwatched", self.unwatched),
            ("aborted", self.aborted),
            ("abort_packets", self.abort_packets),
            ("aborts_disproved", self.aborts_disproved),
            ("tags_unknown", self.tags_unknown),
            ("fenced_init", self.fenced_init),
            ("fenced_data", self.fenced_data),
            ("fenced_sack", self.fenced_sack),
            ("fenced_other", self.fenced_other),
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
    /// By `PairId`.
    pub pairs: Vec<PairCounters>,
    /// Events that found the mailbox full.
    pub events_lost: u64,
    /// PTP frames seen in the data path.
    pub ptp_seen: u64,
}

impl Ledger {
    /// Adds the counts of another lcore.
    pub const fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.originated += other.originated;
        self.copied += other.copied;
        self.sent += other.sent;
        self.held += other.held;
        self.merged += other.merged;
        self.punted += other.punted;
        self.dropped += other.dropped;
        self.handed += other.handed;
        self.taken += other.taken;
    }
}

impl Drops {
    /// Adds the counts of another lcore.
    pub fn add_all(&mut self, other: &Self) {
        add(&mut self.0, &other.0, |to, from| *to += from);
    }
}

impl PortCounters {
    const fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.received_bytes += other.received_bytes;
        self.sent += other.sent;
        self.sent_bytes += other.sent_bytes;
    }
}

impl PeerCounters {
    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.reordered += other.reordered;
        self.drops.add_all(&other.drops);
    }
}

impl CellCounters {
    const fn add(&mut self, other: &Self) {
        // Taken apart, so that one that is forgotten does not compile.
        let Self {
            downlink_control,
            uplink_control,
            downlink_user,
            uplink_user,
            uplink_copies,
            remapped,
            split,
            section_mapped,
            switches,
            failovers,
            due_missed,
            cplane_mismatches,
            fapi_requests,
            fapi_request_nulls,
            fapi_clock_nulls,
            fapi_indications,
            fapi_made_up_slots,
            fapi_failed_crcs,
        } = *other;
        self.downlink_control += downlink_control;
        self.uplink_control += uplink_control;
        self.downlink_user += downlink_user;
        self.uplink_user += uplink_user;
        self.uplink_copies += uplink_copies;
        self.remapped += remapped;
        self.split += split;
        self.section_mapped += section_mapped;
        self.switches += switches;
        self.failovers += failovers;
        self.due_missed += due_missed;
        self.cplane_mismatches += cplane_mismatches;
        self.fapi_requests += fapi_requests;
        self.fapi_request_nulls += fapi_request_nulls;
        self.fapi_clock_nulls += fapi_clock_nulls;
        self.fapi_indications += fapi_indications;
        self.fapi_made_up_slots += fapi_made_up_slots;
        self.fapi_failed_crcs += fapi_failed_crcs;
    }
}

impl PairCounters {
    const fn add(&mut self, other: &Self) {
        // Taken apart, so that one that is forgotten does not compile.
        let Self {
            from_du,
            from_du_bytes,
            from_cu,
            from_cu_bytes,
            wrong_checksum,
            malformed,
            unread,
            handshakes,
            joined,
            restarts,
            ended,
            conflicts,
            unwatched,
            aborted,
            abort_packets,
            aborts_disproved,
            tags_unknown,
            fenced_init,
            fenced_data,
            fenced_sack,
            fenced_other,
        } = *other;
        self.from_du += from_du;
        self.from_du_bytes += from_du_bytes;
        self.from_cu += from_cu;
        self.from_cu_bytes += from_cu_bytes;
        self.wrong_checksum += wrong_checksum;
        self.malformed += malformed;
        self.unread += unread;
        self.handshakes += handshakes;
        self.joined += joined;
        self.restarts += restarts;
        self.ended += ended;
        self.conflicts += conflicts;
        self.unwatched += unwatched;
        self.aborted += aborted;
        self.abort_packets += abort_packets;
        self.aborts_disproved += aborts_disproved;
        self.tags_unknown += tags_unknown;
        self.fenced_init += fenced_init;
        self.fenced_data += fenced_data;
        self.fenced_sack += fenced_sack;
        self.fenced_other += fenced_other;
    }
}

impl Counters {
    /// Adds the counts of another lcore with the same tables.
    pub fn add(&mut self, other: &Self) {
        self.ledger.add(&other.ledger);
        self.drops.add_all(&other.drops);
        extend(&mut self.ports, other.ports.len());
        add(&mut self.ports, &other.ports, PortCounters::add);
        extend(&mut self.peers, other.peers.len());
        add(&mut self.peers, &other.peers, PeerCounters::add);
        extend(&mut self.cells, other.cells.len());
        add(&mut self.cells, &other.cells, CellCounters::add);
        extend(&mut self.pairs, other.pairs.len());
        add(&mut self.pairs, &other.pairs, PairCounters::add);
        self.events_lost += other.events_lost;
        self.ptp_seen += other.ptp_seen;
    }

    /// One frame ended here; `peer` sent it.
    pub fn count_drop(&mut self, reason: DropReason, peer: Option<PeerId>) {
        self.ledger.dropped += 1;
        self.drops.add(reason);
        if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer.index())) {
            peer.drops.add(reason);
        }
    }
}

fn extend<T: Default + Clone>(list: &mut Vec<T>, length: usize) {
    list.resize(list.len().max(length), T::default());
}

fn add<T>(to: &mut [T], from: &[T], sum: impl Fn(&mut T, &T)) {
    for (to, from) in to.iter_mut().zip(from) {
        sum(to, from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_two_lcores_are_summed_by_index() {
        let of = |n: u64| {
            let mut counters = Counters {
                ports: vec![PortCounters::default(); n as usize],
                peers: vec![PeerCounters::default()],
                cells: vec![CellCounters::default()],
                ..Counters::default()
            };
            counters.ledger.received = n;
            counters.cells[0].switches = n;
            counters.cells[0].fapi_made_up_slots = n;
            counters.count_drop(DropReason::Late, Some(PeerId(0)));
            counters
        };
        let mut sum = Counters::default();
        sum.add(&of(1));
        sum.add(&of(2));
        assert_eq!((sum.ledger.received, sum.cells[0].switches), (3, 3));
        assert_eq!(sum.cells[0].fapi_made_up_slots, 3);
        assert_eq!(
            (sum.ports.len(), sum.peers[0].drops.of(DropReason::Late)),
            (2, 2)
        );
    }
}
