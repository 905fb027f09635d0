//! Seeded draws. Every sender has a stream of its own, so that adding one changes no other.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(Pcg64Mcg);

impl Random {
    /// The stream of one sender in one cell.
    pub(super) fn of(seed: u64, sender: u16, cell: u16) -> Self {
        let mixed = u128::from(seed) << 64 | u128::from(sender) << 32 | u128::from(cell) << 1;
        let mut random = Self(Pcg64Mcg::new(mixed | 1));
        for _ in 0..4 {
            random.next(); // neighbouring states start alike
        }
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 0 up to, not including, 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 0..`end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Fisher and Yates.
    pub(super) fn shuffle(&mut self, items: &mut [u8]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n as u64 + 1) as usize);
        }
    }
}

/// Which frames of a sender are lost: independent trials, drawn as the distance to the next loss.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    share: f64,
    left: u64,
}

impl Losses {
    pub(super) fn new(share: f64, random: &mut Random) -> Self {
        let mut losses = Self { share, left: 0 };
        losses.left = losses.distance(random);
        losses
    }

    /// True if the next frame is lost.
    pub(super) fn next(&mut self, random: &mut Random) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.left = self.distance(random);
        true
    }

    fn distance(&self, random: &mut Random) -> u64 {
        if self.share <= 0.0 {
            return u64::MAX;
        }
        let draw = 1.0 - random.share(); // above 0
        (draw.ln() / (-self.share).ln_1p()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_lost_frames_is_within_five_sigma() {
        let mut random = Random::of(7, 0, 0);
        let mut losses = Losses::new(0.01, &mut random);
        let trials = 1_000_000;
        let lost = (0..trials).filter(|_| losses.next(&mut random)).count();
        assert!(lost.abs_diff(10_000) < 500, "{lost}");
    }

    #[test]
    fn a_share_of_zero_loses_nothing() {
        let mut random = Random::of(7, 0, 0);
        let mut losses = Losses::new(0.0, &mut random);
        assert!((0..100_000).all(|_| !losses.next(&mut random)));
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u8> = (0..14).collect();
        Random::of(3, 0, 0).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert!(items.into_iter().eq(0..14));
    }
}
