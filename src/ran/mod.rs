//! Vocabulary: identifiers, slots, sequence numbers, clock values and delay windows.
//!
//! Imports nothing of ours, does no I/O and reads no clock. Short names used throughout the crate:
//! du, ru, eaxc, prb, bfp, sfn, mac, vlan, rx, tx, cp (cyclic prefix), tdd, ssb, prach, dl, ul.

pub mod clock;
pub mod ids;
pub mod sequence;
pub mod slot;
pub mod window;
pub mod wire_slot;

pub use clock::{Duration, Instant, SlotClock};
pub use ids::{
    CellId, Direction, EaxcId, EaxcLayout, LcoreId, MacAddr, MemberId, PeerId, Plane, PortId,
    StreamId, VlanId, VlanStack,
};
pub use sequence::{LossWindow, SequenceNumber};
pub use slot::{CyclicPrefix, Numerology, SlotCount, SlotPoint, SymbolPoint};
pub use window::{DelayWindow, Timeliness};
pub use wire_slot::WireSlot;
