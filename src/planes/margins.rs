//! How early a member was heard before its due slot would have closed: a histogram of plain integers,
//! written by the lcore once for each due slot, copied out with the observation.

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets in nanoseconds; one more bucket holds what lies above the last.
pub const MARGIN_BOUNDS_NS: [i64; 11] = [
    0, 50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 500_000, 1_000_000, 2_000_000,
];

/// Liveness margins of one member since the process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Margins {
    /// Due slots by bucket, each alone (not cumulative).
    pub counts: [u64; MARGIN_BOUNDS_NS.len() + 1],
    /// Sum of all margins that were not negative, nanoseconds.
    pub sum_ns: u64,
}

impl Margins {
    /// One due slot was heard so early; negative if it had closed already.
    #[inline]
    pub fn add(&mut self, margin_ns: i64) {
        let bucket = MARGIN_BOUNDS_NS.partition_point(|bound| *bound < margin_ns);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_ns += margin_ns.max(0).unsigned_abs();
    }

    /// Mean margin in nanoseconds; `None` before the first due slot.
    pub fn mean_ns(&self) -> Option<f64> {
        let due: u64 = self.counts.iter().sum();
        (due > 0).then(|| self.sum_ns as f64 / due as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let mut margins = Margins::default();
        for margin in [-1, 0, 1, 50_000, 50_001, 2_000_000, 2_000_001] {
            margins.add(margin);
        }
        assert_eq!(margins.counts, [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(margins.sum_ns, 1 + 50_000 + 50_001 + 2_000_000 + 2_000_001);
    }
}
