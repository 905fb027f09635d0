//! Requests of one client address a second: a bucket of tokens for each that asked lately.

use std::collections::HashMap;
use std::net::IpAddr;

/// The buckets.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u64,
    buckets: HashMap<Option<IpAddr>, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In billionths of a request.
    left: u64,
    at_ns: u64,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            per_second: u64::from(per_second),
            buckets: HashMap::new(),
        }
    }

    /// True if `client` (`None`: those of the Unix socket) may ask once more now.
    pub(super) fn allows(&mut self, client: Option<IpAddr>, now_ns: u64) -> bool {
        if self.buckets.len() >= CLIENTS && !self.buckets.contains_key(&client) {
            self.forget(now_ns);
        }
        let full = self.full();
        let fresh = Bucket {
            left: full,
            at_ns: now_ns,
        };
        let bucket = self.buckets.entry(client).or_insert(fresh);
        let passed = now_ns.saturating_sub(bucket.at_ns);
        let gained = passed.saturating_mul(self.per_second);
        bucket.left = bucket.left.saturating_add(gained).min(full);
        bucket.at_ns = now_ns;
        let allowed = bucket.left >= REQUEST;
        if allowed {
            bucket.left -= REQUEST;
        }
        allowed
    }

    /// Clients whose bucket is full again are as good as unknown; if none is, all start anew.
    fn forget(&mut self, now_ns: u64) {
        let (full, per_second) = (self.full(), self.per_second);
        self.buckets.retain(|_, bucket| {
            let passed = now_ns.saturating_sub(bucket.at_ns);
            bucket
                .left
                .saturating_add(passed.saturating_mul(per_second))
                < full
        });
        if self.buckets.len() >= CLIENTS {
            self.buckets.clear();
        }
    }

    const fn full(&self) -> u64 {
        2 * self.per_second * REQUEST
    }
}

const REQUEST: u64 = 1_000_000_000;

/// Client addresses that are remembered.
const CLIENTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn twice_the_rate_at_once_and_then_the_rate() {
        let mut rate = Rate::new(5);
        let burst = (0..20).filter(|_| rate.allows(None, SECOND)).count();
        assert_eq!(burst, 10);
        let next = (0..20).filter(|_| rate.allows(None, 2 * SECOND)).count();
        assert_eq!(next, 5);
    }

    #[test]
    fn one_client_does_not_use_up_what_is_anothers() {
        let mut rate = Rate::new(1);
        let other = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        while rate.allows(None, SECOND) {}
        assert!(rate.allows(other, SECOND));
    }

    #[test]
    fn more_clients_than_can_be_remembered_take_no_more_room() {
        let mut rate = Rate::new(1);
        for client in 0..5_000u32 {
            let address = Some(IpAddr::V4(Ipv4Addr::from_bits(client)));
            assert!(rate.allows(address, SECOND));
        }
        assert!(rate.buckets.len() <= CLIENTS);
    }
}
