//! Room for connections: each door has its own, so that who takes all of one does not shut the others.
//!
//! One address of another machine gets a quarter of a door, and streams that never end get half: what is
//! left is for questions that are soon answered. On loopback all programs have the same address, so that a
//! share would protect nobody; the Unix socket does, for it has a mode.

use super::access::Client;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room of one door.
pub(super) struct Seats {
    all: Arc<Semaphore>,
    streams: Streams,
    /// For one address.
    share: usize,
    taken: Taken,
}

/// Room for streams of events.
#[derive(Clone)]
pub(super) struct Streams(Arc<Semaphore>);

/// Connections of each address of another machine.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One connection's, free again when dropped.
pub(super) struct Seat {
    _permit: OwnedSemaphorePermit,
    counted: Option<(IpAddr, Taken)>,
}

impl Seats {
    /// For `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            streams: Streams(Arc::new(Semaphore::new((most / 2).max(1)))),
            share: (most / 4).max(1),
            taken: Taken::default(),
        }
    }

    /// What is kept for streams.
    pub(super) fn streams(&self) -> Streams {
        self.streams.clone()
    }

    /// A seat for `client`, if there is one left for it.
    pub(super) fn take(&self, client: Client) -> Option<Seat> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let address = client.address.filter(|address| !address.is_loopback());
        let Some(address) = address else {
            return Some(Seat {
                _permit: permit,
                counted: None,
            });
        };
        let mut taken = held(&self.taken);
        let count = taken.entry(address).or_default();
        if *count >= self.share {
            return None;
        }
        *count += 1;
        Some(Seat {
            _permit: permit,
            counted: Some((address, Arc::clone(&self.taken))),
        })
    }
}

impl Streams {
    /// Room for one, until dropped.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((address, taken)) = &self.counted else {
            return;
        };
        let mut taken = held(taken);
        if let Some(count) = taken.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(address);
            }
        }
    }
}

fn held(taken: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client {
            address: Some(address.parse().unwrap()),
            loopback: false,
        }
    }

    #[test]
    fn one_address_gets_a_quarter_and_another_what_is_left() {
        let seats = Seats::new(8);
        let mut one: Vec<_> = (0..3).map(|_| seats.take(client("192.0.2.1"))).collect();
        assert_eq!(one.iter().flatten().count(), 2);
        assert!(seats.take(client("192.0.2.2")).is_some());
        one.clear();
        assert!(seats.take(client("192.0.2.1")).is_some());
        assert!(held(&seats.taken).is_empty());
    }

    #[test]
    fn programs_of_this_machine_share_the_whole_door() {
        let seats = Seats::new(8);
        let all: Vec<_> = (0..9).map(|_| seats.take(client("127.0.0.1"))).collect();
        assert_eq!(all.iter().flatten().count(), 8);
    }

    #[test]
    fn streams_get_half() {
        let streams = Seats::new(8).streams();
        let all: Vec<_> = (0..9).map(|_| streams.take()).collect();
        assert_eq!(all.iter().flatten().count(), 4);
    }
}
