//! One-way delay measurement (eCPRI type 5) with several DUs behind one RU.
//!
//! A DU's request goes to the RU under a measurementId that no other DU uses at the moment; the answer
//! finds its DU by that id. Requests of the RU are answered by the carrier's owner alone.

use crate::ran::{Duration, Instant, PeerId};
use serde::{Deserialize, Serialize};

const PENDING: usize = 16;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_millis(1_000);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Request {
    peer: PeerId,
    asked_as: u8,
    sent_as: u8,
    until: Instant,
}

/// Requests of DUs that the RU has not answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measurements {
    pending: [Option<Request>; PENDING],
}

impl Measurements {
    /// The id under which a request of `peer` goes to the RU; `None` if too many are pending. A
    /// follow-up of a pending request (`asked_as` again) keeps its id.
    pub fn ask(&mut self, peer: PeerId, asked_as: u8, now: Instant) -> Option<u8> {
        let until = now.after(PATIENCE);
        let live = |request: &&mut Request| request.until >= now;
        let known = self.pending.iter_mut().flatten().filter(live);
        for request in known {
            if request.peer == peer && request.asked_as == asked_as {
                request.until = until;
                return Some(request.sent_as);
            }
        }
        let sent_as = (0..=u8::MAX)
            .map(|offset| asked_as.wrapping_add(offset))
            .find(|id| !self.in_use(*id, now))?;
        let free = self
            .pending
            .iter_mut()
            .find(|entry| entry.is_none_or(|request| request.until < now))?;
        *free = Some(Request {
            peer,
            asked_as,
            sent_as,
            until,
        });
        Some(sent_as)
    }

    /// Who asked under the id of this answer, and the id they used.
    pub fn answer(&mut self, sent_as: u8, now: Instant) -> Option<(PeerId, u8)> {
        self.pending
            .iter()
            .flatten()
            .find(|request| request.sent_as == sent_as && request.until >= now)
            .map(|request| (request.peer, request.asked_as))
    }

    /// True if `peer` has a pending exchange under `asked_as`.
    pub fn knows(&self, peer: PeerId, asked_as: u8, now: Instant) -> bool {
        self.pending.iter().flatten().any(|request| {
            request.peer == peer && request.asked_as == asked_as && request.until >= now
        })
    }

    /// Nothing is pending or has been.
    pub fn is_empty(&self) -> bool {
        self.pending.iter().all(Option::is_none)
    }

    /// Peers have got other numbers; requests of those without one are forgotten.
    pub fn renumber(&mut self, now_called: impl Fn(PeerId) -> Option<PeerId>) {
        for entry in &mut self.pending {
            *entry = entry.and_then(|request| {
                let peer = now_called(request.peer)?;
                Some(Request { peer, ..request })
            });
        }
    }

    fn in_use(&self, id: u8, now: Instant) -> bool {
        self.pending
            .iter()
            .flatten()
            .any(|request| request.sent_as == id && request.until >= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_dus_with_one_id_get_each_its_own_answer() {
        let mut pending = Measurements::default();
        let first = pending.ask(PeerId(1), 7, Instant(0)).unwrap();
        let second = pending.ask(PeerId(2), 7, Instant(0)).unwrap();
        assert_eq!((first, second), (7, 8));
        assert_eq!(pending.answer(8, Instant(5)), Some((PeerId(2), 7)));
        assert_eq!(pending.answer(7, Instant(5)), Some((PeerId(1), 7)));
    }

    #[test]
    fn a_follow_up_keeps_the_id_of_its_request() {
        let mut pending = Measurements::default();
        pending.ask(PeerId(1), 7, Instant(0)).unwrap();
        let request = pending.ask(PeerId(2), 7, Instant(0));
        assert_eq!(pending.ask(PeerId(2), 7, Instant(1)), request);
    }

    #[test]
    fn an_answer_after_a_second_or_to_nobody_is_unknown() {
        let mut pending = Measurements::default();
        pending.ask(PeerId(1), 7, Instant(0)).unwrap();
        assert_eq!(pending.answer(9, Instant(0)), None);
        assert_eq!(pending.answer(7, Instant(1_000_000_001)), None);
    }

    #[test]
    fn a_full_table_refuses_until_requests_expire() {
        let mut pending = Measurements::default();
        for id in 0..PENDING as u8 {
            assert!(pending.ask(PeerId(1), id, Instant(0)).is_some());
        }
        assert_eq!(pending.ask(PeerId(1), 200, Instant(0)), None);
        assert!(
            pending
                .ask(PeerId(1), 200, Instant(2_000_000_000))
                .is_some()
        );
    }
}
