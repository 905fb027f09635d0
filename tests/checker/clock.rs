//! Unwrapped slots: a header's frame, subframe and slot, lifted to the count nearest to the time of the
//! frame. Headers alone repeat every 2.56 s, so rules that used them bare would mix epochs.

/// Unix time of slot 0 under GPS time: the GPS epoch less 18 leap seconds.
const GPS_ORIGIN_NS: i64 = (315_964_800 - 18) * 1_000_000_000;

/// Which slot is on air when, in one cell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// Numerology.
    pub mu: u32,
    /// Unix time of slot 0.
    pub origin: i64,
}

impl Clock {
    /// GPS time with alpha (1/1.2288 ns) and beta (10 ms).
    pub fn gps(mu: u32, alpha: i64, beta: i64) -> Self {
        let origin = GPS_ORIGIN_NS + alpha * 10_000 / 12_288 + beta * 10_000_000;
        Self { mu, origin }
    }

    /// The header slot `index` is on air at `at`, in whatever epoch is near GPS time.
    pub fn anchored(mu: u32, index: i64, at: u64) -> Self {
        let gps = Self::gps(mu, 0, 0);
        let slot = gps.lift(index, at);
        Self {
            mu,
            origin: gps.origin + at as i64 - gps.air(slot),
        }
    }

    /// Slots until a header repeats.
    pub fn period(&self) -> i64 {
        2560 << self.mu
    }

    /// The slot on air.
    pub fn slot_at(&self, at: u64) -> i64 {
        let since = i128::from(at as i64 - self.origin) << self.mu;
        since.div_euclid(1_000_000) as i64
    }

    /// Start of a slot, to within the unevenness of symbols (half a microsecond).
    pub fn air(&self, slot: i64) -> i64 {
        self.origin + ((i128::from(slot) * 1_000_000) >> self.mu) as i64
    }

    /// The count nearest to `at` that has this header slot.
    pub fn lift(&self, index: i64, at: u64) -> i64 {
        self.nearest(index, self.slot_at(at))
    }

    /// The count congruent to `slot` that is nearest to `current`.
    pub fn nearest(&self, slot: i64, current: i64) -> i64 {
        let period = self.period();
        let ahead = (slot - current).rem_euclid(period);
        let ahead = if ahead >= period / 2 {
            ahead - period
        } else {
            ahead
        };
        current + ahead
    }
}

/// The header slot of frameId, subframeId and slotId; `None` if there is no such slot.
pub fn index(mu: u32, frame: u8, subframe: u8, slot: u8) -> Option<i64> {
    let valid = subframe <= 9 && u32::from(slot) < 1 << mu;
    let in_frame = (i64::from(subframe) << mu) + i64::from(slot);
    valid.then(|| i64::from(frame) * (10 << mu) + in_frame)
}
