//! What a run leaves behind: enough to draw it and to say why. Made by a backend, read by telemetry.

use crate::dataplane::counters::Counters;
use crate::dataplane::mailbox::Event;
use crate::dataplane::verdict::DropReason;
use crate::ran::{
    CellId, Direction, Duration, Instant, MemberId, PeerId, Plane, SlotCount, StreamId,
};
use crate::wire::nfapi::MessageId;

/// What the journey found out about the frame it decided last. Written for every frame, read by
/// whoever records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Trace {
    /// The peer that sent it, if it is a configured one.
    pub peer: Option<PeerId>,
    /// The cell, once known.
    pub cell: Option<CellId>,
    /// The member that sent it; `None` for the RU.
    pub member: Option<MemberId>,
    /// The RU-side stream it came in on.
    pub stream: Option<StreamId>,
    /// The RU-side stream it left on (differs when an antenna port was remapped).
    pub egress_stream: Option<StreamId>,
    /// Plane and direction of a C/U-plane message.
    pub message: Option<(Plane, Direction)>,
    /// The message, of the FAPI plane.
    pub fapi: Option<MessageId>,
    /// Its unwrapped slot.
    pub slot: Option<SlotCount>,
    /// symbolId or startSymbolId.
    pub symbol: u8,
}

/// A whole run.
#[derive(Clone, Debug, Default)]
pub struct RunRecord {
    /// Names by index.
    pub names: Names,
    /// First and last instant.
    pub span: (Instant, Instant),
    /// By `CellId`.
    pub cells: Vec<CellRecord>,
    /// All events in order.
    pub events: Vec<Event>,
    /// Counters at the end.
    pub counters: Counters,
}

/// Names of what the indices mean.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Ports.
    pub ports: Vec<String>,
    /// Peers: RUs first, then DUs, in order of the configuration.
    pub peers: Vec<String>,
    /// Cells.
    pub cells: Vec<CellNames>,
}

/// Names within one cell.
#[derive(Clone, Debug, Default)]
pub struct CellNames {
    /// The cell.
    pub name: String,
    /// Its members.
    pub members: Vec<String>,
    /// Its streams, as "DL 0" or "UL 4": direction and RU-side eAxC id.
    pub streams: Vec<String>,
}

/// One cell's timeline.
#[derive(Clone, Debug, Default)]
pub struct CellRecord {
    /// Slot duration.
    pub slot_duration: Duration,
    /// Air time of slot `first`.
    pub first_air: Instant,
    /// First slot of the timeline.
    pub first: SlotCount,
    /// One entry for each (slot, stream, member, plane, direction, fate), in order of slot.
    pub speech: Vec<Speech>,
}

impl CellRecord {
    /// When `slot` is on air, by the mean slot duration.
    pub const fn air(&self, slot: SlotCount) -> Instant {
        let nanos = self.slot_duration.as_nanos() as i64;
        self.first_air
            .offset(slot.since(self.first).saturating_mul(nanos))
    }
}

/// Frames of one member (or the RU) on one stream in one slot with one fate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speech {
    /// The slot in the frames' headers.
    pub slot: SlotCount,
    /// RU-side stream of egress if sent, of ingress if dropped.
    pub stream: StreamId,
    /// Who; `None` for the RU.
    pub member: Option<MemberId>,
    /// Plane.
    pub plane: Plane,
    /// Direction.
    pub direction: Direction,
    /// Sent, or dropped for a reason.
    pub fate: Option<DropReason>,
    /// How many.
    pub frames: u32,
}
