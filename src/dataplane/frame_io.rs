//! What a backend gives the worker: owned frames, received, copied and sent in bursts.

use crate::dataplane::outbox::Part;
use crate::dataplane::verdict::Departure;
use crate::ran::{Instant, PortId};

/// Most frames received from one port at once.
pub const BURST: usize = 32;

/// Bytes kept free before a frame so that its header can grow in place: two tags, IPv6 and UDP.
pub const HEADROOM: usize = 64;

/// What the journey is told of a frame beside its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameInfo {
    /// Ingress port.
    pub port: PortId,
    /// Offset in `head` of the frame's first byte; what lies before is headroom.
    pub start: u16,
    /// Length of the whole frame in bytes, without FCS, over all segments.
    pub len: u32,
}

/// A backend: ports that give and take frames. A frame dropped by the worker is freed by its `Drop`.
pub trait FrameIo {
    /// One frame, owned.
    type Frame;

    /// Appends at most `BURST` frames received from `port` to `into`, which has room for them.
    fn receive(&mut self, port: PortId, into: &mut Vec<Self::Frame>);

    /// Headroom and first segment of `frame`, and its description.
    fn head(frame: &mut Self::Frame, port: PortId) -> (&mut [u8], FrameInfo);

    /// When `frame` was received, if the backend stamps frames.
    fn stamp(frame: &Self::Frame) -> Option<Instant>;

    /// Moves the first byte and pads the end as `departure` says; false if there is no room.
    fn depart(frame: &mut Self::Frame, departure: Departure) -> bool;

    /// Builds one frame for each part and those that join it, in order, appending to `out`: `None` where no
    /// buffer was free.
    /// `sources` are the burst's frames, `arena` the outbox's bytes. Sources were edited before and
    /// are not edited again; a backend may share their payload. Ranges count from the first byte as
    /// received, so parts are built before any source departs.
    fn build(
        &mut self,
        sources: &mut [Self::Frame],
        parts: &[Part],
        arena: &[u8],
        out: &mut Vec<Option<Self::Frame>>,
    );

    /// Sends `frames` in order and returns how many bytes went; what the port did not accept is left in
    /// `frames`.
    fn transmit(&mut self, port: PortId, frames: &mut Vec<Self::Frame>) -> u64;
}
