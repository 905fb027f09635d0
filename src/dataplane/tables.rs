//! The immutable snapshot that an lcore reads: who is who, which stream is whose, and what each cell's
//! rules are. Compiled from the configuration off the lcore; look-ups are open-addressed tables of
//! small entries, so that one frame costs two or three cache lines however many cells there are.

mod fapi;
mod index;
mod midhaul;

pub use fapi::{FapiTables, OwnAddress, P7Address, P7Entry, PhyTables};
pub use midhaul::{MidhaulTables, PairId, PairTables};

use index::{FlowKey, Index, IngressKey, P7Key};

use crate::dataplane::ownership::Ownership;
use crate::planes::evidence::LossRule;
use crate::planes::fronthaul::pattern::PatternBits;
use crate::planes::fronthaul::share::ShareRules;
use crate::planes::liveness::LivenessRules;
use crate::ran::{
    CellId, CyclicPrefix, Direction, Duration, EaxcId, MacAddr, MemberId, Numerology, PeerId,
    PortId, StreamId, VlanStack,
};
use crate::wire::oran::uplane::Format;

/// Room for the longest L2 to L4 header: two tags, IPv6, UDP.
pub const TEMPLATE: usize = 72;

/// Everything an lcore reads.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Monotonic: replaced only by a later term.
    pub term: u64,
    /// By `PeerId`.
    pub peers: Vec<PeerEntry>,
    /// By `CellId`.
    pub cells: Vec<CellTables>,
    /// All cells, in the order in which they are served where one standby is wanted by several.
    pub order: Vec<CellId>,
    /// eCPRI and bridge policies.
    pub policy: Policy,
    /// Places of the live state: made for the cells of the start and as many more.
    pub places: u32,
    /// By `PortId`: where frames with unknown or group destination go.
    pub flood: Vec<Vec<PortId>>,
    /// Which lcore polls which port and owns which cell.
    pub owners: Ownership,
    /// The appliance's own addresses, sorted by port.
    pub own: Vec<OwnAddress>,
    /// DUs and their CUs.
    pub midhaul: MidhaulTables,
    ingress: Index<IngressKey, PeerId>,
    p7: Index<P7Key, PeerId>,
    flows: Index<FlowKey, Flow>,
    hosts: Vec<(MacAddr, PortId)>,
}

/// An RU or a DU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerKind {
    /// Radio unit.
    Ru,
    /// Distributed unit with its own identity in each cell.
    Du,
    /// Distributed unit with one identity, assigned to at most one cell at a time.
    PooledDu,
    /// An L2 that speaks nFAPI.
    L2,
    /// A PHY that speaks nFAPI.
    Phy,
}

/// One endpoint on the wire.
#[derive(Clone, Debug)]
pub struct PeerEntry {
    /// What it is.
    pub kind: PeerKind,
    /// The port it is reached through.
    pub port: PortId,
    /// Its MAC address.
    pub mac: MacAddr,
    /// Header of C-plane frames sent to it; everything that is not U-plane goes this way.
    pub control: Template,
    /// Header of U-plane frames sent to it.
    pub user: Template,
    /// UDP port on which its other side receives eCPRI; `None` over Ethernet.
    pub ecpri_port: Option<u16>,
    /// Cells it takes part in, with its place there (0 for an RU and an L2).
    pub cells: Vec<(CellId, MemberId)>,
    /// How it speaks nFAPI; `None` for an RU and a DU.
    pub p7: Option<P7Entry>,
}

/// A header to write before an eCPRI PDU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Template {
    /// The bytes, from the destination MAC on.
    pub bytes: [u8; TEMPLATE],
    /// How many.
    pub len: u8,
    /// VLAN tags among them.
    pub tags: u8,
    /// What lies between Ethernet and eCPRI.
    pub carrier: Carrier,
}

/// What carries eCPRI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// EtherType 0xAEFE.
    Ethernet,
    /// IPv4 and UDP.
    Ipv4,
    /// IPv6 and UDP.
    Ipv6,
}

/// The stream a message belongs to, found by sender, direction and eAxC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow {
    /// The cell.
    pub cell: CellId,
    /// The sender's place in the group; `MemberId(255)` for the RU.
    pub member: MemberId,
    /// The cell's stream.
    pub stream: StreamId,
    /// First of its two ingress domains (C-plane, U-plane) among the cell's loss windows.
    pub domain: u32,
}

impl Flow {
    /// The flow of `member`, or `FROM_RU`, on `stream` of a cell of `streams` streams.
    pub const fn new(cell: CellId, member: MemberId, stream: StreamId, streams: usize) -> Self {
        let sender = member.0.wrapping_add(1) as u32;
        Self {
            cell,
            member,
            stream,
            domain: 2 * (sender * streams as u32 + stream.0 as u32),
        }
    }
}

/// The `member` of a flow that comes from the RU.
pub const FROM_RU: MemberId = MemberId(u8::MAX);

/// Longest name of a cell, bytes.
pub const CELL_NAME: usize = 63;

/// By what a cell is known again: in other tables, or after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Length, then the name.
    pub name: [u8; CELL_NAME + 1],
    /// Digest of what egress numbers belong to: the RU and the streams.
    pub streams: u64,
    /// Digest of what roles belong to: the members' names in order.
    pub members: u64,
    /// Digest of what slot counts belong to: numerology, prefix and source of time.
    pub time: u64,
}

/// One cell.
#[derive(Clone, PartialEq, Debug)]
pub struct CellTables {
    /// By what it is known again.
    pub identity: Identity,
    /// Its place in the live state file.
    pub place: u32,
    /// Its RU; `None` if its fronthaul goes elsewhere.
    pub ru: Option<PeerId>,
    /// Its FAPI plane, if that crosses the appliance.
    pub fapi: Option<FapiTables>,
    /// Its group.
    pub members: Vec<MemberTables>,
    /// Its streams.
    pub streams: Vec<StreamTables>,
    /// Subcarrier spacing.
    pub numerology: Numerology,
    /// Cyclic prefix.
    pub prefix: CyclicPrefix,
    /// `Some(alpha, beta)` with GPS time, else slots are lifted from headers.
    pub gps: Option<(u32, i16)>,
    /// What numPrb 0 means.
    pub carrier_prbs: u16,
    /// `step_window` in slots.
    pub step_slots: u64,
    /// See the configuration reference.
    pub step_window: Duration,
    /// See the configuration reference.
    pub step_memory: Duration,
    /// See the configuration reference.
    pub late_tolerance: Duration,
    /// See the configuration reference.
    pub largest_lead: Duration,
    /// Who is active at the start.
    pub active: MemberId,
    /// The armed plan: standbys, best first.
    pub standby: Vec<MemberId>,
    /// No second failover within this time.
    pub damping: Duration,
    /// When the active member is gone.
    pub loss: LossRule,
    /// Before which other cells it has a pooled standby that they want as well.
    pub priority: u8,
    /// Two or more members: the box owns the numbering toward the RU.
    pub owns_numbering: bool,
    /// Liveness of its members.
    pub liveness: LivenessRules,
    /// Sharing.
    pub share: ShareRules,
    /// The slot pattern at the start.
    pub pattern: PatternBits,
    /// Slots between publication and boundary of a new pattern.
    pub pattern_lead: u32,
    /// How PRB use is measured.
    pub measure: Measure,
    /// Sections of the downlink U-plane, for the exponent sampler and symInc.
    pub downlink_format: Format,
    /// Sections of the uplink U-plane, for mapping sectionIds back.
    pub uplink_format: Format,
}

impl CellTables {
    /// Ingress domains: two for each stream of the RU and of each member.
    pub const fn domains(&self) -> usize {
        2 * (1 + self.members.len()) * self.streams.len()
    }

    /// Slots that the guard must cover.
    pub fn guarded_slots(&self) -> u64 {
        let slot = self.numerology.slot_duration().as_nanos().max(1);
        // No two slots that are in step share an entry: one stray early frame silences no slot before it.
        let lead = self.largest_lead.max(self.step_window);
        let tolerance = self.late_tolerance.max(self.step_window);
        (tolerance.as_nanos() + lead.as_nanos()) / slot + 4
    }
}

/// One member of a cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberTables {
    /// Its endpoint.
    pub peer: PeerId,
    /// One identity for many cells.
    pub pooled: bool,
    /// In step without evidence.
    pub assume_in_step: bool,
    /// Its eAxC ids, by the cell's `StreamId`.
    pub eaxc: Vec<EaxcId>,
}

/// One stream of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamTables {
    /// Direction of its radio data.
    pub direction: Direction,
    /// Its eAxC id at the RU.
    pub eaxc: EaxcId,
}

/// How PRB use is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// numPrbc of DL C-plane.
    Announced,
    /// Exponents above 0 in these symbols (bit n for symbol n), in shared mode.
    Exponents(u16),
}

/// eCPRI and bridge policies; `true` passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Believe the frame when ecpriPayload cannot be true.
    pub lenient_size: bool,
    /// eCPRI types 12..=63.
    pub reserved_types: bool,
    /// eCPRI types 64..=255.
    pub vendor_types: bool,
    /// PTP.
    pub ptp: bool,
    /// Slow protocols, LLDP, 802.1X.
    pub link_local: bool,
    /// Anything else.
    pub other: bool,
}

impl Tables {
    /// Tables without any peer; `add_*` fill them.
    pub fn new(term: u64, policy: Policy, flood: Vec<Vec<PortId>>) -> Self {
        Self {
            term,
            peers: Vec::new(),
            cells: Vec::new(),
            order: Vec::new(),
            policy,
            places: 0,
            flood,
            owners: Ownership::default(),
            own: Vec::new(),
            midhaul: MidhaulTables::default(),
            ingress: Index::default(),
            p7: Index::default(),
            flows: Index::default(),
            hosts: Vec::new(),
        }
    }

    /// The peer behind (port, source MAC, VLAN ids).
    #[inline]
    pub fn peer(&self, port: PortId, source: MacAddr, vlans: VlanStack) -> Option<PeerId> {
        self.ingress.find(&IngressKey::new(port, source, vlans))
    }

    /// The L2 or PHY that sends P7 datagrams from this MAC address and VLAN between these addresses.
    #[inline]
    pub fn p7_peer(
        &self,
        port: PortId,
        source: MacAddr,
        vlans: VlanStack,
        address: P7Address,
    ) -> Option<PeerId> {
        self.p7.find(&P7Key::new(port, source, vlans, address))
    }

    /// The appliance's own addresses on `port`.
    pub fn own_on(&self, port: PortId) -> &[OwnAddress] {
        let from = self.own.partition_point(|own| own.port < port);
        let to = self.own.partition_point(|own| own.port <= port);
        self.own.get(from..to).unwrap_or_default()
    }

    /// The flow of (peer, direction, eAxC); of a pooled DU the one in the cell it is assigned to.
    #[inline]
    pub fn flow(
        &self,
        peer: PeerId,
        assigned: Option<CellId>,
        direction: Direction,
        eaxc: EaxcId,
    ) -> Option<Flow> {
        self.flows
            .find(&FlowKey::new(peer, assigned, direction, eaxc))
    }

    /// The port of a host by its MAC address: configured hosts and all peers.
    pub fn host(&self, mac: MacAddr) -> Option<PortId> {
        self.hosts
            .iter()
            .find(|(host, _)| *host == mac)
            .map(|(_, port)| *port)
    }

    /// Adds a peer, found by each of its VLAN stacks.
    pub fn add_peer(&mut self, entry: PeerEntry, stacks: &[VlanStack]) -> PeerId {
        let peer = PeerId(self.peers.len() as u16);
        for vlans in stacks {
            match entry.p7 {
                Some(p7) => {
                    let any = P7Address {
                        own_port: P7Address::ANY_PORT,
                        ..p7.address
                    };
                    for address in [p7.address, any] {
                        let key = P7Key::new(entry.port, entry.mac, *vlans, address);
                        self.p7.insert(key, peer);
                    }
                }
                None => {
                    let key = IngressKey::new(entry.port, entry.mac, *vlans);
                    self.ingress.insert(key, peer);
                }
            }
        }
        self.hosts.push((entry.mac, entry.port));
        self.peers.push(entry);
        peer
    }

    /// Adds an address of the appliance, once.
    pub fn add_own(&mut self, own: OwnAddress) {
        if self.own.contains(&own) {
            return;
        }
        let at = self.own.partition_point(|known| known.port <= own.port);
        self.own.insert(at, own);
    }

    /// Adds a host beside the peers.
    pub fn add_host(&mut self, mac: MacAddr, port: PortId) {
        self.hosts.push((mac, port));
    }

    /// Adds a flow; `assigned` for a pooled DU.
    pub fn add_flow(
        &mut self,
        peer: PeerId,
        assigned: Option<CellId>,
        direction: Direction,
        eaxc: EaxcId,
        flow: Flow,
    ) {
        self.flows
            .insert(FlowKey::new(peer, assigned, direction, eaxc), flow);
    }

    /// The tables of a cell.
    #[inline]
    pub fn cell(&self, cell: CellId) -> Option<&CellTables> {
        self.cells.get(cell.index())
    }

    /// The entry of a peer.
    #[inline]
    pub fn peer_entry(&self, peer: PeerId) -> Option<&PeerEntry> {
        self.peers.get(peer.index())
    }
}
