//! A scenario as it is meant: which captures enter where, what happens when, and what must come out.
//!
//! Names are resolved against a configuration: cells, members, peers and ports are ids. Times count
//! from the first frame of all captures. The enums mirror the dataplane's, which this module must not
//! know; the backend that plays a scenario translates.

mod actions;
mod expect;
mod faults;
mod read;

pub(super) use read::TABLES;
pub use read::{load, parse};

use crate::ran::{CellId, Duration, MacAddr, MemberId, PeerId, PortId, VlanStack};

/// A whole scenario file.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scenario {
    /// What it shows, for people.
    pub description: String,
    /// What enters the appliance.
    pub captures: Vec<CaptureInput>,
    /// Emulated RUs answer what is let through; captured frames of their ports are left out.
    pub answer: bool,
    /// What is commanded, in order of time; at equal times in file order.
    pub actions: Vec<TimedAction>,
    /// What goes wrong with ingress frames; each frame passes them in file order.
    pub faults: Vec<Fault>,
    /// What must have come out.
    pub expect: Expectations,
}

/// One capture file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureInput {
    /// As written: relative to the scenario file unless absolute.
    pub file: String,
    /// Where its frames enter.
    pub ingress: Ingress,
}

/// Where the frames of a capture enter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ingress {
    /// All of them on one port.
    Port(PortId),
    /// By rules; the first that matches decides.
    Split {
        /// The rules, never empty.
        rules: Vec<SplitRule>,
        /// What happens to frames that match none.
        otherwise: Otherwise,
    },
}

/// Frames of one sender enter on one port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SplitRule {
    /// Source MAC address.
    pub source: MacAddr,
    /// VLAN ids; `None` matches any.
    pub vlan: Option<VlanStack>,
    /// The port.
    pub port: PortId,
}

/// Frames that match no rule of a split.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Otherwise {
    /// The replay ends with an error that names the first such frame.
    Refuse,
    /// They are left out, and counted as such.
    Drop,
    /// They enter here.
    Port(PortId),
}

/// A command and when it is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedAction {
    /// When, from the first frame of all captures.
    pub at: Duration,
    /// What.
    pub action: Action,
}

/// A command to one cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// From the boundary only `to` may speak.
    Migrate {
        /// The cell.
        cell: CellId,
        /// The new active member.
        to: MemberId,
        /// When it applies.
        boundary: Boundary,
    },
    /// From the boundary two members share the RU.
    Share {
        /// The cell.
        cell: CellId,
        /// Active until now.
        source: MemberId,
        /// Where the cell is going.
        destination: MemberId,
        /// When it applies.
        boundary: Boundary,
    },
    /// From the boundary slots are owned by this pattern.
    Pattern {
        /// The cell.
        cell: CellId,
        /// `false` source, `true` destination; 1..=160 slots.
        destination: Vec<bool>,
        /// When it applies.
        boundary: Boundary,
    },
    /// The member may not speak, at once.
    Fence {
        /// The cell.
        cell: CellId,
        /// The member.
        member: MemberId,
    },
    /// The member may take part again, as a standby.
    Readmit {
        /// The cell.
        cell: CellId,
        /// The member.
        member: MemberId,
    },
    /// The failover plan: who takes over, or nobody.
    Arm {
        /// The cell.
        cell: CellId,
        /// The standby.
        standby: Option<MemberId>,
    },
}

/// When a command applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Boundary {
    /// The first slot of which nothing has been sent to the RU yet.
    Next,
    /// This many slots after the slot on air when the command is given.
    InSlots(u32),
    /// A SlotCount of the cell.
    Slot(u64),
    /// The next time this SFN and slot come around.
    Sfn {
        /// 0..=1023.
        sfn: u16,
        /// Slot in frame, below the cell's slots per frame.
        slot: u16,
    },
    /// The first slot on air at or after this time from the first frame of all captures.
    At(Duration),
}

/// Something that goes wrong with the frames of one peer.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Whose frames: RUs first, then DUs.
    pub peer: PeerId,
    /// From this time on, counted from the first frame of all captures.
    pub from: Duration,
    /// Before this time; `None`: to the end.
    pub until: Option<Duration>,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What goes wrong. A `share` is the part of the frames that it hits, above 0 and at most 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum FaultKind {
    /// No frame arrives.
    Silence,
    /// Frames are lost.
    Drop(Chance),
    /// One bit of a frame is turned over.
    Corrupt(Chance),
    /// Frames arrive twice.
    Duplicate(Chance),
    /// Frames arrive later.
    Delay {
        /// Which frames.
        chance: Chance,
        /// By this much.
        by: Duration,
    },
    /// Frames arrive behind later ones of the same peer.
    Reorder {
        /// Which frames.
        chance: Chance,
        /// Moved back by at most this many frames, at least 1.
        by: u32,
    },
}

/// A reproducible draw of frames.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Chance {
    /// Part of the frames, above 0 and at most 1.
    pub share: f64,
    /// Seed of the draw.
    pub seed: u64,
}

/// What must have come out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expectations {
    /// Dotted counter names as in the report, and their exact values, in file order.
    pub counters: Vec<(String, u64)>,
    /// Invariants that must hold over the whole run.
    pub invariants: Vec<Invariant>,
    /// Events that must have happened.
    pub events: Vec<ExpectedEvent>,
}

/// A property of a whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invariant {
    /// Every frame accounted for: the ledger balances after every burst.
    Ledger,
    /// One DU per (egress eAxC, symbol) towards each RU.
    OneDuPerSymbol,
    /// Sequence numbers towards each RU go up by one without gap or repeat where the box numbers.
    Sequence,
}

/// An event that must have happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectedEvent {
    /// Its kind, one of [`EVENT_KINDS`].
    pub event: String,
    /// In this cell; `None`: in any.
    pub cell: Option<CellId>,
    /// At or after this time from the first frame of all captures.
    pub after: Option<Duration>,
    /// Before this time.
    pub before: Option<Duration>,
    /// Exactly this often within those times; `None`: at least once.
    pub count: Option<u32>,
}

/// Names of the kinds of event, as in the report.
pub const EVENT_KINDS: [&str; 20] = [
    "accepted",
    "refused",
    "mode",
    "pattern",
    "in_step",
    "out_of_step",
    "due_missed",
    "stall_ended",
    "lost",
    "fenced",
    "readmitted",
    "failover",
    "failover_impossible",
    "conflict",
    "cplane_mismatch",
    "prb_use",
    "ptp_seen",
    "assigned",
    "association",
    "unconfirmed",
];
