//! Delay windows: how long before its air time a frame may be sent, and what early and late mean.
//!
//! CUS delay management: an O-DU sends between T1a_max and T1a_min before the air time of the symbol.

use super::clock::{Duration, Instant};

/// A transmission or reception window, both ends counted back from the air time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DelayWindow {
    earliest: Duration,
    latest: Duration,
}

/// Where an instant lies relative to a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeliness {
    /// Before the window opens.
    Early,
    /// Inside, both ends included.
    OnTime,
    /// After the window closed.
    Late,
}

impl DelayWindow {
    /// `max` before air opens the window, `min` before air closes it; `None` if they are swapped.
    pub fn new(min: Duration, max: Duration) -> Option<Self> {
        (min <= max).then_some(Self {
            earliest: max,
            latest: min,
        })
    }

    /// When the window for a symbol on air at `air` closes.
    pub const fn closes(&self, air: Instant) -> Instant {
        air.before(self.latest)
    }

    /// When it opens.
    pub const fn opens(&self, air: Instant) -> Instant {
        air.before(self.earliest)
    }

    /// Where `at` lies for a symbol on air at `air`.
    pub fn judge(&self, air: Instant, at: Instant) -> Timeliness {
        if at < self.opens(air) {
            return Timeliness::Early;
        }
        if at > self.closes(air) {
            return Timeliness::Late;
        }
        Timeliness::OnTime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_the_window_are_on_time() {
        let window =
            DelayWindow::new(Duration::from_micros(85), Duration::from_micros(300)).unwrap();
        let air = Instant(1_000_000);
        assert_eq!(window.judge(air, Instant(699_999)), Timeliness::Early);
        assert_eq!(window.judge(air, Instant(700_000)), Timeliness::OnTime);
        assert_eq!(window.judge(air, Instant(915_000)), Timeliness::OnTime);
        assert_eq!(window.judge(air, Instant(915_001)), Timeliness::Late);
    }

    #[test]
    fn a_window_cannot_close_before_it_opens() {
        assert!(DelayWindow::new(Duration::from_micros(2), Duration::from_micros(1)).is_none());
    }
}
