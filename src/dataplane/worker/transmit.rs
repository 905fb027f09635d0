//! Frames on their way out: sent here, or by the lcore that polls their port.

use super::Worker;
use crate::dataplane::counters::Counters;
use crate::dataplane::departures::Departures;
use crate::dataplane::frame_io::FrameIo;
use crate::dataplane::handover::{Handover, LaneFull};
use crate::dataplane::verdict::DropReason;
use crate::ran::{Instant, PortId};

impl<F> Worker<F> {
    /// Sends on the ports that are this lcore's, hands the rest to the lcores of theirs.
    #[inline]
    pub(super) fn transmit<Io: FrameIo<Frame = F>>(&mut self, io: &mut Io, now: Instant) {
        let counters = &mut self.lcore.counters;
        for (index, queue) in self.egress.iter_mut().enumerate() {
            if queue.is_empty() {
                continue;
            }
            let port = PortId(index as u8);
            match &self.handover {
                Some(handover) if !handover.is_mine(port) => {
                    hand_on(handover, port, queue, counters);
                }
                _ => queue.send(io, port, now, counters),
            }
        }
    }
}

fn hand_on<F>(
    handover: &Handover<F>,
    port: PortId,
    queue: &mut Departures<F>,
    counters: &mut Counters,
) {
    for (frame, control) in queue.drain() {
        match handover.send_on(port, frame, control) {
            Ok(()) => counters.ledger.handed += 1,
            Err(LaneFull(_)) => counters.count_drop(DropReason::HandoverFull, None),
        }
    }
}
