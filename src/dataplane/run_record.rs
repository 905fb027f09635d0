//! What a run leaves behind: enough to draw it and to say why. Made by a backend, read by telemetry.

use crate::dataplane::counters::Counters;
use crate::dataplane::mailbox::Event;
use crate::dataplane::verdict::DropReason;
use crate::ran::{
    CellId, Direction, Duration, Instant, MemberId, PeerId, Plane, SlotCount, StreamId,
};
use crate::wire::nfapi::Dialect;
pub use crate::wire::nfapi::MessageId;

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
    /// DUs of the pairs on the midhaul, in order of the configuration.
    pub pairs: Vec<String>,
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
    /// Its streams, as "DL 0" or "UL 4": direction and RU-side eAxC id; none without an RU.
    pub streams: Vec<String>,
    /// Its L2, if its FAPI plane crosses the appliance.
    pub l2: Option<String>,
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
    /// One entry for each (slot, message, PHY, end), in order of slot.
    pub exchanges: Vec<Exchange>,
}

impl CellRecord {
    /// First and last slot of which anything is recorded.
    pub fn slots(&self) -> Option<(SlotCount, SlotCount)> {
        let ends = |first: Option<SlotCount>, last: Option<SlotCount>| first.zip(last);
        let speech = ends(
            self.speech.first().map(|s| s.slot),
            self.speech.last().map(|s| s.slot),
        );
        let exchanges = ends(
            self.exchanges.first().map(|e| e.slot),
            self.exchanges.last().map(|e| e.slot),
        );
        let both = speech.into_iter().chain(exchanges);
        both.reduce(|(first, last), (from, to)| (first.min(from), last.max(to)))
    }

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

/// FAPI messages of one kind in one slot between the L2 and one PHY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exchange {
    /// The slot in the messages, as the L2 counts.
    pub slot: SlotCount,
    /// What they are.
    pub message: MessageId,
    /// Whose PHY was given the request, or sent the indication; `None` if no PHY did.
    pub member: Option<MemberId>,
    /// What became of them.
    pub end: ExchangeEnd,
    /// How many.
    pub messages: u32,
}

/// What became of a FAPI message, or where it came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExchangeEnd {
    /// It went on as it was.
    Passed,
    /// A NULL request made here, of a request or by the slot clock.
    Null,
    /// An indication made here: no PHY had sent it.
    MadeUp,
    /// It was dropped for a reason.
    Dropped(DropReason),
}

/// Which way a FAPI message goes, and what for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExchangeKind {
    /// From the L2, for the PHYs.
    Request,
    /// SLOT.indication: the L2's clock.
    Slot,
    /// Any other indication of a slot.
    Indication,
}

impl Exchange {
    /// Its kind.
    pub const fn kind(&self) -> ExchangeKind {
        match self.message {
            MessageId::DL_TTI_REQUEST
            | MessageId::UL_TTI_REQUEST
            | MessageId::UL_DCI_REQUEST
            | MessageId::TX_DATA_REQUEST => ExchangeKind::Request,
            MessageId::SLOT_INDICATION => ExchangeKind::Slot,
            _ => ExchangeKind::Indication,
        }
    }

    /// The name of the message; those of a slot are the same in every dialect.
    pub fn name(&self) -> &'static str {
        self.message.name(Dialect::Scf225v2)
    }
}
