//! Sequence numbers of one counting domain: which never arrived, which came late, which came twice.
//!
//! Judged over a window of 128 numbers, because real senders let whole slots overtake each other; beside
//! it, for each flow, the step-by-step counts that other tools print, which take every overtaking for a
//! loss.

use crate::ran::SequenceNumber;

/// The numbers of one flow, step by step.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    pub(super) first: SequenceNumber,
    pub(super) last: SequenceNumber,
    /// Steps other than +1.
    pub(super) discontinuities: u64,
    /// Numbers that forward steps passed over.
    pub(super) skipped: u64,
    pub(super) backwards: u64,
}

impl Steps {
    /// Starts with the first number of a flow.
    pub(super) const fn starting_at(first: SequenceNumber) -> Self {
        Self {
            first,
            last: first,
            discontinuities: 0,
            skipped: 0,
            backwards: 0,
        }
    }

    /// Takes the next number.
    pub(super) fn record(&mut self, number: SequenceNumber) {
        let step = number.since(self.last);
        self.last = number;
        self.discontinuities += u64::from(step != 1);
        self.backwards += u64::from(step < 0);
        self.skipped += u64::from(u8::try_from(step).unwrap_or(0)).saturating_sub(1);
    }
}

/// The numbers of one counting domain, over a window.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    newest: SequenceNumber,
    /// Bit n: `newest - n` arrived.
    seen: u128,
    /// Numbers from the first to the newest, both included; those before the first cannot be judged.
    span: u64,
    left_unseen: u64,
    /// Messages that came after a later number.
    pub(super) late: u64,
    /// Messages whose number is already in the window.
    pub(super) duplicate: u64,
    /// Frame of the first number that was not the one after the newest.
    pub(super) first_anomaly: Option<u64>,
}

impl Numbers {
    /// Starts with the first number of a domain.
    pub(super) const fn starting_at(first: SequenceNumber) -> Self {
        Self {
            newest: first,
            seen: 1,
            span: 1,
            left_unseen: 0,
            late: 0,
            duplicate: 0,
            first_anomaly: None,
        }
    }

    /// Takes the next number, of frame `frame`.
    pub(super) fn record(&mut self, number: SequenceNumber, frame: u64) {
        let ahead = number.since(self.newest);
        if ahead != 1 {
            self.first_anomaly.get_or_insert(frame);
        }
        match u8::try_from(ahead) {
            Ok(ahead @ 1..) => self.advance(number, u32::from(ahead)),
            _ => self.look_back(u32::from(ahead.unsigned_abs())),
        }
    }

    /// Numbers between the first and the newest that never arrived.
    pub(super) fn lost(&self) -> u64 {
        self.left_unseen + u64::from((!self.seen & self.judged()).count_ones())
    }

    /// The bits of the window that are not before the first number.
    const fn judged(&self) -> u128 {
        match self.span {
            0..WINDOW => !(u128::MAX << self.span),
            _ => u128::MAX,
        }
    }

    fn advance(&mut self, number: SequenceNumber, by: u32) {
        let leaving = !(u128::MAX >> by) & self.judged();
        self.left_unseen += u64::from((!self.seen & leaving).count_ones());
        self.seen = (self.seen << by) | 1;
        self.span += u64::from(by);
        self.newest = number;
    }

    fn look_back(&mut self, by: u32) {
        // 128 back is as far as 8 bits reach, and just outside the window.
        let bit = 1u128.checked_shl(by).unwrap_or(0);
        match self.seen & bit {
            0 => self.late += 1,
            _ => self.duplicate += 1,
        }
        self.seen |= bit;
    }
}

const WINDOW: u64 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(numbers: impl IntoIterator<Item = u8>) -> Numbers {
        let mut numbers = numbers.into_iter().map(SequenceNumber);
        let mut judged = Numbers::starting_at(numbers.next().unwrap());
        for (frame, number) in (2..).zip(numbers) {
            judged.record(number, frame);
        }
        judged
    }

    #[test]
    fn numbers_in_order_over_the_wrap_lose_nothing() {
        let judged = judge((0..1000u32).map(|n| n as u8));
        assert_eq!((judged.lost(), judged.late, judged.duplicate), (0, 0, 0));
        assert_eq!(judged.first_anomaly, None);
    }

    #[test]
    fn a_block_that_overtakes_is_late_and_not_lost() {
        let judged = judge((0..50).chain(58..72).chain(50..58).chain(72..200));
        assert_eq!((judged.lost(), judged.late), (0, 8));
        assert_eq!(judged.first_anomaly, Some(51));
    }

    #[test]
    fn steps_take_a_block_that_overtakes_for_a_loss() {
        let mut steps = Steps::starting_at(SequenceNumber(0));
        for number in (1..50).chain(58..72).chain(50..58).chain(72..200) {
            steps.record(SequenceNumber(number));
        }
        let counts = (steps.skipped, steps.backwards, steps.discontinuities);
        assert_eq!(counts, (22, 1, 3));
    }

    #[test]
    fn a_gap_is_lost_whether_or_not_it_left_the_window() {
        assert_eq!(judge((0..10).chain(13..20)).lost(), 3);
        assert_eq!(judge((0..10).chain(13..=255).chain(0..200)).lost(), 3);
    }

    #[test]
    fn numbers_before_the_first_are_late_and_leave_no_gap() {
        let judged = judge([100, 98, 101, 102]);
        assert_eq!((judged.lost(), judged.late, judged.duplicate), (0, 1, 0));
    }

    #[test]
    fn a_repeated_number_is_a_duplicate() {
        assert_eq!(judge([5, 6, 6, 7, 5]).duplicate, 2);
    }

    #[test]
    fn the_widest_jumps_are_taken_without_panic() {
        assert_eq!(judge([0, 127, 254]).lost(), 252);
        assert_eq!(judge([0, 128]).late, 1);
    }
}
