//! The objects of the API as JSON: `spec` is what the configuration wants, `status` what the lcores
//! last reported. The CLI, the dashboard and scripts read these; words and units are those of the docs.
//!
//! Instants are nanoseconds since the Unix epoch, slots are `SlotCount` values; durations end in their
//! unit. Object ids are names.

mod fapi;
mod midhaul;

pub use fapi::{FapiStatus, Phy};
pub use midhaul::Association;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The appliance as a whole.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Appliance {
    /// Version of the program.
    pub version: String,
    /// Term of the tables in force.
    pub term: u64,
    /// When the process started, ns since the Unix epoch.
    pub started_ns: u64,
    /// When the lcores reported what follows, ns since the Unix epoch.
    pub at_ns: u64,
    /// Every frame accounted for.
    pub ledger: Ledger,
    /// Frames that ended here, by drop reason; reasons that never occurred are left out.
    pub drops: BTreeMap<String, u64>,
    /// Events that control could not be told.
    pub events_lost: u64,
    /// Lcores by number.
    pub lcores: Vec<Lcore>,
    /// Ports in order of the configuration.
    pub ports: Vec<Port>,
    /// RUs and DUs in order of the configuration.
    pub peers: Vec<Peer>,
    /// Buffer pools.
    pub mempools: Vec<Mempool>,
}

/// received + originated + copied = sent + held + merged + punted + dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Ledger {
    /// Frames taken from ports.
    pub received: u64,
    /// Frames the box made from nothing.
    pub originated: u64,
    /// Extra frames made from one received.
    pub copied: u64,
    /// Frames accepted by egress ports.
    pub sent: u64,
    /// Frames held now, those on the way between lcores among them.
    pub held: u64,
    /// Frames merged into another.
    pub merged: u64,
    /// Frames handed to control.
    pub punted: u64,
    /// Frames that ended here.
    pub dropped: u64,
    /// In minus out: 0 unless frames were lost without a reason.
    pub balance: i64,
}

/// One poll loop.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lcore {
    /// Number of the lcore.
    pub lcore: u32,
    /// Core that it runs on.
    pub core: u32,
    /// `spin`, `pause` or `sleep`.
    pub idle: String,
    /// When it last answered control, ns since the Unix epoch; absent if it never did.
    pub at_ns: Option<u64>,
    /// Cells that it owns.
    pub cells: Vec<String>,
    /// Ports that it polls.
    pub ports: Vec<String>,
    /// Frames received.
    pub frames: u64,
    /// Cycles of turns that moved frames, since start.
    pub busy_cycles: u64,
    /// Cycles of turns that found nothing, since start.
    pub idle_cycles: u64,
    /// Busy part of the last report's interval, 0 to 1.
    pub load: f64,
    /// Cycles for each frame of the last report's interval; absent if none came.
    pub cycles_per_frame: Option<f64>,
    /// Longest time between two looks at the ports in the last report's interval, microseconds.
    pub longest_gap_us: f64,
}

/// One port.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Port {
    /// Its name.
    pub port: String,
    /// DPDK device.
    pub device: String,
    /// What the driver says of the link: only a hint, most virtual ports always say up.
    pub link_up: bool,
    /// Frames received.
    pub received: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Frames sent.
    pub sent: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Frames lost before they were received; absent if the driver does not count.
    #[serde(default)]
    pub lost: Option<PortLosses>,
}

/// Frames that a port lost before they could be received, as its driver counts them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PortLosses {
    /// The queue was full: the lcore was late.
    pub missed: u64,
    /// No buffer was free.
    pub no_buffer: u64,
    /// Damaged on the wire.
    pub errors: u64,
}

/// An RU, DU, L2 or PHY, as a sender.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its name.
    pub peer: String,
    /// `ru`, `du`, `pooled-du`, `l2` or `phy`.
    pub kind: String,
    /// The port it is reached through.
    pub port: String,
    /// Frames received from it.
    pub received: u64,
    /// Sequence numbers that never came.
    pub missing: u64,
    /// Sequence numbers that came twice.
    pub duplicate: u64,
    /// Frames behind the newest of their stream.
    pub reordered: u64,
    /// Frames of it that ended here, by drop reason.
    pub drops: BTreeMap<String, u64>,
}

/// One buffer pool.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Mempool {
    /// Its name.
    pub mempool: String,
    /// Buffers in all.
    pub size: u32,
    /// Buffers not in the pool.
    pub in_use: u32,
}

/// A cell: what is wanted and what is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// Its name.
    pub cell: String,
    /// What the configuration says.
    pub spec: CellSpec,
    /// What the lcores last reported.
    pub status: CellStatus,
}

/// What the configuration says of a cell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CellSpec {
    /// Its RU, or without one its L2.
    pub ru: String,
    /// Its L2, if its FAPI plane crosses the appliance.
    #[serde(default)]
    pub l2: Option<String>,
    /// Subcarrier spacing, 15 kHz times 2 to this power.
    pub numerology: u8,
    /// Slot duration, microseconds.
    pub slot_us: f64,
    /// PRBs of the carrier.
    pub carrier_prbs: u16,
    /// `gps` or `headers`.
    pub time: String,
    /// Members in order of the configuration.
    pub members: Vec<String>,
    /// Who is active at the start.
    pub active: String,
    /// Standbys of the armed plan, best first.
    pub standby: Vec<String>,
    /// Slots between publication and boundary of a slot pattern.
    pub pattern_lead: u32,
}

/// What the lcores last reported of a cell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CellStatus {
    /// The lcore that owns it.
    pub lcore: u32,
    /// When this was so, ns since the Unix epoch.
    pub at_ns: u64,
    /// The slot on air; absent until the cell has a slot count.
    pub slot: Option<u64>,
    /// SFN and slot in frame of it as `sfn.slot`, with GPS time or without an RU.
    pub sfn: Option<String>,
    /// Who may speak.
    pub mode: CellMode,
    /// Since this slot.
    pub mode_since_slot: u64,
    /// `start`, `command` or `failover`.
    pub mode_cause: String,
    /// The next scheduled mode.
    pub next_mode: Option<ScheduledMode>,
    /// Who owns which slot while sharing, now.
    pub pattern: SlotPattern,
    /// The next published pattern.
    pub next_pattern: Option<SlotPattern>,
    /// The standby that would take over first; absent if none is armed.
    pub armed: Option<String>,
    /// A decided failover waits for this member's first C-plane.
    pub waiting_for: Option<String>,
    /// Term of the last command obeyed.
    pub term: u64,
    /// The group.
    pub members: Vec<Member>,
    /// Its FAPI plane, if that crosses the appliance.
    #[serde(default)]
    pub fapi: Option<FapiStatus>,
    /// Counters by name, as in the metrics without prefix.
    pub counters: BTreeMap<String, u64>,
}

/// `single(active)` or `shared(source, destination)`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum CellMode {
    /// One member speaks.
    Single {
        /// Who.
        active: String,
    },
    /// Two members share the RU by a slot pattern.
    Shared {
        /// The active member.
        source: String,
        /// Where the cell is going.
        destination: String,
    },
}

/// A mode that is to come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScheduledMode {
    /// First slot.
    pub from_slot: u64,
    /// The mode.
    #[serde(flatten)]
    pub mode: CellMode,
}

/// Who owns which slot of a period.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct SlotPattern {
    /// First slot in which it holds; absent for the pattern that holds already.
    pub from_slot: Option<u64>,
    /// One letter for each slot of the period, `S` source or `D` destination; slot n is at n mod length.
    pub slots: String,
}

/// One member of a cell's group.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its name (that of the DU, without an RU that of the PHY).
    pub member: String,
    /// `active`, `sharing`, `standby` or `fenced`.
    pub role: String,
    /// Its headers are within the step window.
    pub in_step: bool,
    /// Liveness has declared it lost, on whichever plane.
    pub lost: bool,
    /// How long ago its last valid frame came, microseconds; absent if none ever did.
    pub heard_us_ago: Option<f64>,
    /// Mean time by which its due slots were heard before they would have closed, since start,
    /// microseconds; absent if none was due yet.
    pub liveness_margin_us: Option<f64>,
    /// PRB use over the last window; absent if nothing was measured.
    pub prb_use: Option<PrbUse>,
    /// Its associations with its CU; absent if its F1-C goes elsewhere.
    pub association: Option<Association>,
}

/// What a member asked of the carrier, frames dropped for not owning the slot included.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PrbUse {
    /// Slots measured.
    pub slots: u64,
    /// PRB-symbols in them.
    pub prb_symbols: u64,
    /// Part of all PRB-symbols of the carrier in these slots, on every antenna port: 0 to 1.
    pub share: f64,
}

/// The slot patterns of a cell, as a scheduler policy needs them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CellPattern {
    /// The mode; only while it is shared do patterns decide anything.
    pub mode: CellMode,
    /// The pattern now.
    pub current: SlotPattern,
    /// The next published pattern.
    pub next: Option<SlotPattern>,
    /// When the first slot of the next pattern is on air, ns since the Unix epoch.
    pub next_from_ns: Option<u64>,
    /// Slots between publication and boundary of a slot pattern.
    pub pattern_lead: u32,
    /// The slot on air; absent until the cell has a slot count.
    pub slot: Option<u64>,
    /// Slot duration, microseconds.
    pub slot_us: f64,
    /// When this was so, ns since the Unix epoch.
    pub at_ns: u64,
}

/// PRB use of one member.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemberPrbUse {
    /// Its name.
    pub member: String,
    /// Over the last window; absent if nothing was measured.
    pub prb_use: Option<PrbUse>,
}

/// A group on one plane: a fixed side and the members that serve it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// `fronthaul` or `fapi`.
    pub plane: String,
    /// The cell.
    pub cell: String,
    /// Who is served: on the fronthaul the RU, on the FAPI plane the L2.
    pub fixed_side: String,
    /// Who may speak.
    pub mode: CellMode,
    /// The standby that would take over first; absent if none is armed.
    pub armed: Option<String>,
    /// The members.
    pub members: Vec<GroupMember>,
}

/// A member and its role.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct GroupMember {
    /// Its name.
    pub member: String,
    /// `active`, `sharing`, `standby` or `fenced`.
    pub role: String,
}

/// The appliance does its work.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// How long ago the lcore that is furthest behind answered, milliseconds.
    pub silent_ms: f64,
}

/// The configuration in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Spec {
    /// Its term.
    pub term: u64,
    /// As it was written.
    pub text: String,
}

/// What a new configuration changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// True if nothing was put in force.
    pub dry_run: bool,
    /// The term in force now.
    pub term: u64,
    /// Every difference; none: nothing was done.
    pub changes: Vec<ConfigChange>,
}

/// One difference between two configurations.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConfigChange {
    /// What differs, as in `cells.cell-1.liveness.confirm`.
    pub object: String,
    /// `changed`, `added` or `removed`.
    pub change: String,
    /// Before; absent for what is new.
    pub from: Option<String>,
    /// Now; absent for what is gone.
    pub to: Option<String>,
}

/// Something that happened, and why.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Counts from 1 since the process started; the id of the server-sent event.
    pub id: u64,
    /// When, ns since the Unix epoch.
    pub at_ns: u64,
    /// The cell; absent if it concerns the appliance.
    pub cell: Option<String>,
    /// The slot on air then.
    pub slot: Option<u64>,
    /// Kind, as in the documentation: `mode`, `lost`, `failover`, ...
    pub event: String,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// One sentence for an operator.
    pub message: String,
    /// The same in fields.
    pub details: serde_json::Value,
}

/// An accepted command.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// Its number, named again in the events that it causes.
    pub command: u32,
    /// The cell.
    pub cell: String,
    /// First slot for which it holds.
    pub boundary_slot: u64,
    /// When that slot is on air, ns since the Unix epoch; now, if the cell has no slot count.
    pub boundary_ns: u64,
}

/// A recording that was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Captured {
    /// Its name: `GET /api/v1/recordings/{name}`.
    pub name: String,
}

/// A flight recording on disk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeptRecording {
    /// Its name.
    pub name: String,
    /// The cell that it is about.
    pub cell: String,
    /// Why: `failover`, `conflict` or `command`.
    pub trigger: String,
    /// When it was taken, ns since the Unix epoch.
    pub taken_ns: u64,
    /// Term of the configuration in force.
    pub term: u64,
    /// All cells in it: those that share an RU or a DU.
    pub cells: Vec<String>,
    /// Frames in it.
    pub frames: u64,
    /// Its files.
    pub files: Vec<RecordingFile>,
}

/// A file of a recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct RecordingFile {
    /// Its name: `GET /api/v1/recordings/{name}/{file}`.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why a request was refused (RFC 9457, `application/problem+json`).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI reference of the kind of problem, below `/problems/`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here and what to do.
    pub detail: String,
    /// With a refused configuration: each problem with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}
