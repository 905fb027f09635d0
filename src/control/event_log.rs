//! The last events, each with a number that only grows, for whoever asks later.
//!
//! Two rings, so that what happens all the time (due slots missed, stalls that ended) cannot push out what
//! an operator must not miss. A reader that comes too late for an event is told so; nobody is waited for.

use crate::control::status;
use crate::control::tidings::{self, Tiding};
use crate::control::wanted::Wanted;
use crate::dataplane::mailbox::{Event, EventKind};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Who told of it.
#[derive(Clone, Debug)]
pub enum Told {
    /// An lcore.
    Lcore(Event),
    /// An lcore, in answer to a command that somebody gave.
    Answer(Event, Arc<str>),
    /// Control itself.
    Control(Tiding),
}

/// What a reader gets.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Events in order of their number.
    pub entries: Vec<Arc<status::Event>>,
    /// Events up to this number have gone, and the reader has not seen all of them.
    pub gone: Option<u64>,
}

/// The log.
#[derive(Debug)]
pub struct EventLog {
    rings: Mutex<Rings>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Rings {
    last: u64,
    weighty: Ring,
    frequent: Ring,
}

#[derive(Debug)]
struct Ring {
    entries: VecDeque<Arc<status::Event>>,
    room: usize,
    /// The newest number that was pushed out.
    gone: u64,
}

impl EventLog {
    /// An empty log with so much room in each ring.
    pub fn new(weighty: usize, frequent: usize) -> Self {
        Self {
            rings: Mutex::new(Rings {
                last: 0,
                weighty: Ring::new(weighty),
                frequent: Ring::new(frequent),
            }),
            newest: watch::Sender::new(0),
        }
    }

    /// Keeps one event more, told in the names of `wanted`, and wakes who waits for it.
    pub fn push(&self, told: Told, wanted: &Wanted) {
        let frequent = matches!(&told, Told::Lcore(event) if is_frequent(&event.kind));
        let mut rings = self.rings();
        rings.last += 1;
        let id = rings.last;
        // Told now: its indices mean something under this configuration only, and a log that kept the
        // configurations for them would hold one for each event.
        let entry = Arc::new(tidings::told(id, told, wanted));
        if frequent {
            rings.frequent.push(entry);
        } else {
            rings.weighty.push(entry);
        }
        drop(rings);
        self.newest.send_replace(id);
    }

    /// At most `limit` events with numbers above `after` for which `wants` holds, oldest first.
    pub fn after(
        &self,
        after: u64,
        limit: usize,
        wants: impl Fn(&status::Event) -> bool,
    ) -> Reading {
        let rings = self.rings();
        let (mut some, mut others) = (rings.weighty.above(after), rings.frequent.above(after));
        let (mut next, mut other) = (some.next(), others.next());
        let mut entries = Vec::new();
        while entries.len() < limit {
            let first = match (next, other) {
                (Some(a), Some(b)) if a.id < b.id => std::mem::replace(&mut next, some.next()),
                (Some(_), None) => std::mem::replace(&mut next, some.next()),
                (_, Some(_)) => std::mem::replace(&mut other, others.next()),
                (None, None) => None,
            };
            let Some(entry) = first else { break };
            if wants(entry) {
                entries.push(Arc::clone(entry));
            }
        }
        let gone = rings.weighty.gone.max(rings.frequent.gone);
        Reading {
            entries,
            gone: (gone > after).then_some(gone),
        }
    }

    /// The newest `limit` events for which `wants` holds, oldest first.
    pub fn newest(
        &self,
        limit: usize,
        wants: impl Fn(&status::Event) -> bool,
    ) -> Vec<Arc<status::Event>> {
        let mut all = self.after(0, usize::MAX, wants).entries;
        all.split_off(all.len().saturating_sub(limit))
    }

    /// Told of each new number.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn new(room: usize) -> Self {
        Self {
            entries: VecDeque::with_capacity(room),
            room: room.max(1),
            gone: 0,
        }
    }

    fn push(&mut self, entry: Arc<status::Event>) {
        if self.entries.len() == self.room
            && let Some(oldest) = self.entries.pop_front()
        {
            self.gone = oldest.id;
        }
        self.entries.push_back(entry);
    }

    fn above(&self, after: u64) -> impl Iterator<Item = &Arc<status::Event>> {
        let seen = self.entries.partition_point(|entry| entry.id <= after);
        self.entries.iter().skip(seen)
    }
}

/// What may come with every slot of a DU in trouble.
fn is_frequent(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::DueMissed { .. }
            | EventKind::StallEnded { .. }
            | EventKind::Conflict { .. }
            | EventKind::Accepted { .. }
            | EventKind::Refused { .. }
            | EventKind::Pattern { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::{CellId, Instant, MemberId, SlotCount};

    fn log(kinds: impl IntoIterator<Item = EventKind>) -> EventLog {
        let log = EventLog::new(4, 2);
        let wanted = Wanted::example();
        for kind in kinds {
            let event = Event {
                at: Instant(1),
                term: 0,
                cell: CellId(0),
                slot: SlotCount(0),
                kind,
            };
            log.push(Told::Lcore(event), &wanted);
        }
        log
    }

    fn ids(entries: &[Arc<status::Event>]) -> Vec<u64> {
        entries.iter().map(|entry| entry.id).collect()
    }

    const STALL: EventKind = EventKind::StallEnded {
        member: MemberId(0),
        run: 1,
    };

    #[test]
    fn a_flood_of_missed_slots_does_not_push_out_what_matters() {
        let flood = std::iter::once(EventKind::PtpSeen).chain(std::iter::repeat_n(STALL, 100));
        let log = log(flood);
        assert_eq!(ids(&log.newest(10, |_| true)), [1, 100, 101]);
    }

    #[test]
    fn a_reader_that_is_too_late_is_told_up_to_where() {
        let log = log(std::iter::repeat_n(EventKind::PtpSeen, 6));
        let reading = log.after(1, 2, |_| true);
        assert_eq!((ids(&reading.entries), reading.gone), (vec![3, 4], Some(2)));
        assert_eq!(log.after(2, 2, |_| true).gone, None);
    }

    #[test]
    fn both_rings_are_read_in_order_of_number() {
        let log = log([STALL, EventKind::PtpSeen, STALL, EventKind::PtpSeen]);
        assert_eq!(ids(&log.after(0, 9, |_| true).entries), [1, 2, 3, 4]);
        assert_eq!(ids(&log.newest(2, |_| true)), [3, 4]);
    }
}
