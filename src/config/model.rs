//! The configuration as it is meant: typed, complete, cross-checked. Produced by `validate`, compiled
//! into tables by `control::compile`. Positions in lists are the ids used everywhere else.

pub use super::failover_model::{Failover, Signal};
pub use super::fapi_model::{Answer, Bodies, Dialect, Fapi, FapiPeer, P5};
pub use super::log_model::{Log, LogFormat, LogLevel};
pub use super::midhaul_model::{Cu, F1};
pub use super::transaction_model::{Deadlines, Driver, Drivers, Server, Transactions};
use crate::ran::{
    CyclicPrefix, Duration, EaxcId, EaxcLayout, MacAddr, MemberId, Numerology, PortId, VlanStack,
};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Most ports: `PortId` is 8 bits wide.
pub const MAX_PORTS: usize = 256;

/// Most RUs, and most DUs, so that all of them together fit `PeerId`.
pub const MAX_PEERS: usize = 32_768;

/// Most cells: `CellId` is 16 bits wide.
pub const MAX_CELLS: usize = 65_536;

/// Most members of one cell; the dataplane's tables have this many places.
pub const MAX_MEMBERS: usize = 8;

/// Most streams of one cell: downlink, uplink and PRACH together; the dataplane keeps a bit for each.
pub const MAX_STREAMS: usize = 64;

/// Most lcores.
pub const MAX_LCORES: usize = 64;

/// Longest slot pattern, in slots.
pub const MAX_PATTERN: usize = 160;

/// Longest period of anything that repeats, and of all of it together, in slots.
pub const MAX_PERIOD: u32 = 1280;

/// A whole configuration file.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Ports of the appliance; the position is the `PortId`.
    pub ports: Vec<Port>,
    /// Radio units.
    pub rus: Vec<Peer>,
    /// Distributed units.
    pub dus: Vec<Du>,
    /// CUs.
    pub cus: Vec<Cu>,
    /// L2s: what asks PHYs for slots.
    pub l2s: Vec<FapiPeer>,
    /// PHYs that an L2 of ours speaks to.
    pub phys: Vec<FapiPeer>,
    /// Cells; the position is the `CellId`.
    pub cells: Vec<Cell>,
    /// Servers and what they carry.
    pub servers: Vec<Server>,
    /// How transactions are carried out.
    pub transactions: Transactions,
    /// Whom they call.
    pub drivers: Drivers,
    /// What happens to frames that are not C/U-plane.
    pub bridge: Bridge,
    /// How strictly eCPRI is read.
    pub ecpri: EcpriPolicy,
    /// Where and how `run` polls.
    pub lcores: Lcores,
    /// The API; `None`: there is none.
    pub api: Option<Api>,
    /// What `run` records; `None`: nothing.
    pub recorder: Option<Recorder>,
    /// What `run` logs, and how.
    pub log: Log,
    /// The file of the live state; `None`: nothing survives the process.
    pub state: Option<PathBuf>,
}

/// The poll loops of `run`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lcores {
    /// Their cores, the main lcore's first; empty: one, on the last core that the process may use.
    pub cores: Vec<u16>,
    /// What each does when nothing comes, in the order of `cores`; one entry if that is empty.
    pub idle: Vec<Idle>,
    /// Buffers in huge pages.
    pub hugepages: bool,
    /// Memory of EAL in MiB; `None`: what the ports' buffers need.
    pub memory: Option<u32>,
    /// Keep every page of the process in memory.
    pub lock_memory: bool,
}

impl Lcores {
    /// How many.
    pub fn count(&self) -> usize {
        self.cores.len().max(1)
    }

    /// The position of `core`.
    pub fn position(&self, core: u16) -> Option<usize> {
        self.cores.iter().position(|known| *known == core)
    }
}

/// What a poll loop does when nothing comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// Polls again at once.
    Spin,
    /// Polls again after a PAUSE instruction, which leaves more to a sibling hyperthread.
    Pause,
    /// Pauses, and sleeps 50 us at a time once nothing has come for a millisecond.
    Sleep,
}

impl Idle {
    /// The word of the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Pause => "pause",
            Self::Sleep => "sleep",
        }
    }
}

/// The flight recorder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorder {
    /// Frames kept of each cell, at least; `None`: as many as all cells together have room for.
    pub frames: Option<u32>,
    /// Bytes kept of a U-plane frame.
    pub snap: u16,
    /// Where recordings are written.
    pub directory: PathBuf,
    /// Recordings kept.
    pub keep: u32,
    /// MiB that they take together.
    pub space: u32,
}

/// One port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Port {
    /// Name used in configuration, API and reports.
    pub name: String,
    /// DPDK device string (`net_pcap0,rx_pcap=...`) for `run`; `replay` does not need it.
    pub device: Option<String>,
    /// Largest frame payload in bytes (Ethernet MTU).
    pub mtu: u16,
    /// Core of the lcore that polls it, one of `Lcores::cores`; `None`: chosen.
    pub lcore: Option<u16>,
}

/// One endpoint on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Name of the RU or DU.
    pub name: String,
    /// The port it is reached through.
    pub port: PortId,
    /// Its own MAC address.
    pub mac: MacAddr,
    /// VLAN ids of its C-plane.
    pub vlan_control: VlanStack,
    /// VLAN ids of its U-plane (the same unless written apart).
    pub vlan_user: VlanStack,
    /// PCP used when a tag is added to a frame that arrived with fewer tags.
    pub pcp: u8,
    /// The MAC address this peer expects on the other side: for an RU its DU, for a DU its RU.
    pub facing: MacAddr,
    /// eCPRI over Ethernet or over UDP.
    pub transport: Transport,
}

/// How eCPRI is carried to one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// EtherType 0xAEFE.
    Ethernet,
    /// UDP over IPv4 or IPv6; both addresses are of the same family.
    Udp {
        /// Address of the peer.
        peer: IpAddr,
        /// Address that the peer expects on the other side.
        facing: IpAddr,
        /// UDP port on which the peer receives eCPRI.
        peer_port: u16,
        /// UDP port on which the peer's other side receives eCPRI.
        facing_port: u16,
    },
}

/// One DU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Du {
    /// Its endpoint.
    pub peer: Peer,
    /// Dedicated to each cell it is a member of, or one identity for many.
    pub attachment: Attachment,
    /// Its F1-C, if that crosses the appliance.
    pub f1: Option<F1>,
}

/// How a DU is attached to the groups it belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attachment {
    /// Own MAC, VLAN and eAxC ids per cell: uplink is always mirrored to it.
    Dedicated,
    /// One identity for N cells; assigned to at most one at a time.
    Pooled,
}

/// The eAxC ids of one cell at one end, each list in the cell's order of streams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Streams {
    /// Downlink.
    pub downlink: Vec<EaxcId>,
    /// Uplink (PUSCH, PUCCH, SRS).
    pub uplink: Vec<EaxcId>,
    /// PRACH, an uplink stream of its own.
    pub prach: Vec<EaxcId>,
}

/// One cell: an RU, an L2 or both, served by a group of members.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    /// Name.
    pub name: String,
    /// Position in `Config::rus`; `None`: the cell has no fronthaul here.
    pub ru: Option<usize>,
    /// Its FAPI plane, if that crosses the appliance.
    pub fapi: Option<Fapi>,
    /// Core of the lcore that owns it, one of `Lcores::cores`; `None`: chosen.
    pub lcore: Option<u16>,
    /// Subcarrier spacing.
    pub numerology: Numerology,
    /// Cyclic prefix.
    pub prefix: CyclicPrefix,
    /// PRBs of the carrier: what numPrb 0 means.
    pub carrier_prbs: u16,
    /// Bit split of the eAxC id.
    pub layout: EaxcLayout,
    /// eAxC ids at the RU.
    pub streams: Streams,
    /// Downlink U-plane compression, for the PRB sampler and `inspect`.
    pub downlink_compression: Compression,
    /// Uplink U-plane compression.
    pub uplink_compression: Compression,
    /// Where slot counts come from.
    pub time: TimeSource,
    /// A frame whose header slot is further than this from the cell's slot is out of step.
    pub step_window: Duration,
    /// How long a member stays in step after its last valid frame.
    pub step_memory: Duration,
    /// How long after its air time a slot of an old owner is still admitted.
    pub late_tolerance: Duration,
    /// Largest lead of a frame before its air time (T1a_max of any plane).
    pub largest_lead: Duration,
    /// Latest sending time before air, for each due class.
    pub transmit: TransmitWindows,
    /// Periods, in slots, of what repeats: their least common multiple is the pattern of liveness.
    pub periods: Periods,
    /// The group.
    pub members: Vec<Member>,
    /// Who is active at the start.
    pub active: MemberId,
    /// Liveness.
    pub liveness: Liveness,
    /// What happens when the active member is lost.
    pub failover: Failover,
    /// How two members share the RU during a migration.
    pub sharing: Sharing,
}

/// One DU, one PHY or both in the group of a cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Position in `Config::dus`; `None` in a cell without RU.
    pub du: Option<usize>,
    /// Position in `Config::phys`; `None` in a cell without L2.
    pub phy: Option<usize>,
    /// Slots by which this PHY counts ahead of its L2.
    pub slot_offset: i32,
    /// eAxC ids this DU uses, each list in the order of the cell's own.
    pub streams: Streams,
    /// `assume: true`: taken as in step without evidence.
    pub assume_in_step: bool,
}

/// User data compression of one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// udCompHdr present in every section (dynamic) or absent (static).
    pub header: bool,
    /// udCompMeth, 0..=8 (CUS table of user data compression methods).
    pub method: u8,
    /// udIqWidth in bits, 1..=16.
    pub width: u8,
}

/// Where the slot count of a cell comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeSource {
    /// The clock is GPS-aligned; alpha in 1/1.2288 ns, beta in 10 ms.
    Gps {
        /// 0..=12,288,000.
        alpha: u32,
        /// -32768..=32767.
        beta: i16,
    },
    /// Lifted from header progress of the active member; SFN unknown.
    Headers,
}

/// End of the transmit window (T1a_min) of each class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TransmitWindows {
    /// DL C-plane.
    pub downlink_control: Duration,
    /// UL C-plane.
    pub uplink_control: Duration,
    /// DL U-plane.
    pub downlink_user: Duration,
}

/// Periods in slots; 0 is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Periods {
    /// TDD pattern.
    pub tdd: u32,
    /// SSB, if declared.
    pub ssb: Option<u32>,
    /// PRACH, if declared.
    pub prach: Option<u32>,
}

impl Periods {
    /// The pattern of liveness: least common multiple of all declared periods, in slots.
    pub fn pattern(&self) -> u32 {
        [self.ssb, self.prach]
            .into_iter()
            .flatten()
            .fold(self.tdd, lcm)
    }
}

/// Liveness of a cell's members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Liveness {
    /// Off: members are never lost.
    pub enabled: bool,
    /// K: a position is due when the member sent there in each of the last K periods.
    pub history: u8,
    /// Due slots in a row that must stay empty.
    pub confirm: u32,
    /// Time after the due instant at which a due slot closes.
    pub grace: Duration,
    /// Declared due positions, beside the learned ones.
    pub declared: Declared,
}

/// Positions (slot modulo the TDD period) declared due for each class.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Declared {
    /// DL C-plane.
    pub downlink_control: Vec<u32>,
    /// UL C-plane.
    pub uplink_control: Vec<u32>,
    /// DL U-plane.
    pub downlink_user: Vec<u32>,
}

/// Sharing of the RU by a migration's source and destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sharing {
    /// Symbols of a slot that carry PDCCH, bit n for symbol n: the same in every slot, or by position.
    pub control_symbols: ControlSymbols,
    /// For the source: RU_Port_ID to RU_Port_ID in control symbols; ports not named are dropped.
    pub source_ports: Vec<(u16, u16)>,
    /// For the destination.
    pub destination_ports: Vec<(u16, u16)>,
    /// Slots that carry a member's broadcast (SSB, SIB1).
    pub broadcast: Vec<Broadcast>,
    /// How a C-plane message over control and data symbols is treated.
    pub cplane: CplaneStyle,
    /// The slot pattern: who owns which slot.
    pub pattern: SlotPattern,
    /// Slots between publication of a new pattern and its boundary.
    pub pattern_lead: u32,
    /// The adaptive pattern.
    pub adaptive: Option<Adaptive>,
    /// How PRB use is measured.
    pub prb_use: PrbUse,
    /// True if the DUs' ueId and beamId spaces are disjoint, so both may send section types 5 and 6.
    pub disjoint_ue_ids: bool,
    /// How overlapping but different UL C-plane requests are forwarded.
    pub uplink_overlap: UplinkOverlap,
}

/// Control symbols of a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ControlSymbols {
    /// Masks, bit n for symbol n; entry `slot mod len` applies. Never empty.
    pub masks: Vec<u16>,
}

/// Broadcast slots of one member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broadcast {
    /// Whose broadcast.
    pub member: MemberId,
    /// Period in slots.
    pub period: u32,
    /// Positions in the period.
    pub slots: Vec<u32>,
}

/// See `reference`: split, or owner-wins with a check at run time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CplaneStyle {
    /// Emit a control part and a data part.
    Split,
    /// Forward the slot owner's message for every port while both members describe control symbols alike.
    OwnerWins,
}

/// Owner of each slot of a period: `false` source, `true` destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotPattern {
    /// One entry a slot; never empty, at most `MAX_PATTERN` slots.
    pub destination: Vec<bool>,
}

/// The adaptive slot pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Adaptive {
    /// Window over which PRB use is summed.
    pub window: Duration,
    /// Slots of a period that each member keeps at least.
    pub floor: u32,
}

/// How PRB use is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrbUse {
    /// numPrbc of DL C-plane sections.
    Announced,
    /// BFP exponents above 0 in these symbols (bit n for symbol n); shared mode only.
    Exponents {
        /// Symbols sampled.
        symbols: u16,
    },
}

/// How overlapping but different UL C-plane requests of two members are forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UplinkOverlap {
    /// The second goes with its sectionId mapped into a disjoint range and back in that DU's copy.
    MapSectionIds,
    /// The second is dropped and counted.
    Refuse,
}

/// What happens to frames that are not eCPRI types 0 and 2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bridge {
    /// For each ingress port (by `PortId`), the ports that frames with unknown or group destination go to.
    pub flood: Vec<Vec<PortId>>,
    /// Hosts beside the configured peers: destination MAC and its port.
    pub hosts: Vec<(MacAddr, PortId)>,
    /// PTP (0x88F7).
    pub ptp: Pass,
    /// Link-local: slow protocols, LLDP, 802.1X.
    pub link_local: Pass,
    /// Ethernet frames with more than two tags or an unknown EtherType.
    pub other: Pass,
}

/// Pass or drop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    /// Bridged by the L2 map.
    Pass,
    /// Dropped and counted.
    Drop,
}

/// How strictly eCPRI is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EcpriPolicy {
    /// Take the bytes left in the frame when ecpriPayload is 0 or too large and C is 0.
    pub lenient_size: bool,
    /// eCPRI types 12..=63.
    pub reserved_types: Pass,
    /// eCPRI types 64..=255.
    pub vendor_types: Pass,
}

/// Where the API listens and who may use it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api {
    /// TCP; loopback unless there are TLS and tokens.
    pub listen: Option<SocketAddr>,
    /// A Unix socket.
    pub socket: Option<PathBuf>,
    /// For `listen`.
    pub tls: Option<Tls>,
    /// The file of tokens; without one everybody who can connect may do everything.
    pub tokens: Option<PathBuf>,
    /// Connections at a time.
    pub connections: usize,
    /// Requests of one client address a second.
    pub rate: u32,
}

/// PEM files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tls {
    /// Certificate and its chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

fn lcm(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).saturating_mul(b)
}

impl Config {
    /// The name of a member: that of its DU, or of its PHY where there is no RU.
    pub fn member_name(&self, member: &Member) -> &str {
        let du = member.du.and_then(|du| self.dus.get(du)).map(|du| &du.peer);
        let phy = member.phy.and_then(|phy| self.phys.get(phy));
        let peer = du.or(phy.map(|phy| &phy.peer));
        peer.map_or("", |peer| &peer.name)
    }

    /// The name of the fixed side of a cell: its RU, or its L2 where there is none.
    pub fn fixed_side(&self, cell: &Cell) -> &str {
        let ru = cell.ru.and_then(|ru| self.rus.get(ru));
        ru.or(self.l2(cell)).map_or("", |peer| &peer.name)
    }

    /// The L2 of a cell whose FAPI plane crosses the appliance.
    pub fn l2(&self, cell: &Cell) -> Option<&Peer> {
        let l2 = self.l2s.get(cell.fapi.as_ref()?.l2)?;
        Some(&l2.peer)
    }

    /// All peers in order of `PeerId`: RUs, DUs, L2s, PHYs.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        let dus = self.dus.iter().map(|du| &du.peer);
        let fapi = self.l2s.iter().chain(&self.phys).map(|peer| &peer.peer);
        self.rus.iter().chain(dus).chain(fapi)
    }
}
