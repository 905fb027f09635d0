//! PRB use of each member over windows of a configured length, from what the lcore says of each slot.

use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::ran::{Duration, Instant};

/// The meter of one cell.
#[derive(Clone, Copy, Debug)]
pub struct PrbMeter {
    window: Duration,
    since: Option<Instant>,
    open: Window,
    closed: Option<(Instant, Window)>,
}

/// What was used in one window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    /// Slots measured.
    pub slots: u64,
    /// PRB-symbols by member.
    pub used: [u64; MAX_MEMBERS],
}

impl PrbMeter {
    /// A meter that has seen nothing.
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            since: None,
            open: Window::default(),
            closed: None,
        }
    }

    /// One slot more.
    pub fn add(&mut self, at: Instant, used: &[u32; MAX_MEMBERS]) {
        let since = *self.since.get_or_insert(at);
        if at >= since.after(self.window) {
            self.closed = Some((at, std::mem::take(&mut self.open)));
            self.since = Some(at);
        }
        self.open.slots += 1;
        for (total, used) in self.open.used.iter_mut().zip(used) {
            *total += u64::from(*used);
        }
    }

    /// The last whole window, unless it ended longer ago than `STALE` windows.
    pub fn last(&self, now: Instant) -> Option<Window> {
        let (at, window) = self.closed?;
        let stale = Duration::from_nanos(self.window.as_nanos().saturating_mul(STALE));
        (now <= at.after(stale)).then_some(window)
    }
}

/// Windows after which a measurement says nothing of now.
const STALE: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn meter() -> PrbMeter {
        let mut meter = PrbMeter::new(Duration::from_millis(10));
        for slot in 0..=20 {
            meter.add(Instant(slot * MS / 2), &[3, 1, 0, 0, 0, 0, 0, 0]);
        }
        meter
    }

    #[test]
    fn a_window_sums_the_slots_in_it_by_member() {
        let window = meter().last(Instant(11 * MS)).unwrap();
        assert_eq!((window.slots, &window.used[..3]), (20, &[60, 20, 0][..]));
    }

    #[test]
    fn a_window_of_long_ago_is_not_shown() {
        assert_eq!(meter().last(Instant(1_000 * MS)), None);
        assert_eq!(
            PrbMeter::new(Duration::from_millis(10)).last(Instant(0)),
            None
        );
    }
}
