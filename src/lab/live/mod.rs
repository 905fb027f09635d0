//! The lab in real time: emulated RUs, DUs, L2s and PHYs as processes of their own, on raw sockets.
//!
//! Each far end of a port is a network namespace with one virtual cable to the appliance. A witness holds
//! the namespace and captures what passes; peers send and count there. The stage starts them all, and
//! nothing outlives it. The traffic is that of `Generator` and `RadioUnit`, given a real clock.

mod air;
mod du;
mod fapi;
mod layout;
mod p5;
mod peer;
mod process;
mod raw;
mod report;
mod ru;
mod stage;
mod state;
mod uplink;
mod witness;

pub use layout::{Cable, Control, Layout, LayoutError};
pub use peer::{PeerOptions, play};
pub use process::Process;
pub use report::{
    AirReport, Outage, PeerReport, SpeakerChange, Stall, Stalls, UplinkReport, WitnessReport,
};
pub use stage::{FAR_END, Stage, StageError};
pub use state::{CablePart, PeerPart, State};
pub use witness::{WitnessOptions, watch};

use crate::ran::Instant;
use rustix::time::{ClockId, clock_gettime};

/// The system's time: the clock of every process of the lab, and of the kernel's stamps.
pub fn now() -> Instant {
    let now = clock_gettime(ClockId::Realtime);
    Instant(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
}

/// A peer: it says when it wants to send, and hears what came.
trait Part {
    /// When the next frame leaves.
    fn next_at(&mut self) -> Option<Instant>;
    /// Takes the next frame.
    fn pop(&mut self) -> Option<&[u8]>;
    /// A frame that reached the peer at `at`.
    fn hear(&mut self, at: Instant, frame: &[u8], original_len: usize);
    /// Everything that came before `now` has been heard.
    fn settle(&mut self, now: Instant);
    /// What it counted.
    fn tell(&self, report: &mut PeerReport);
}
