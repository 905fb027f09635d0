//! Sequence numbers of one flow: which never arrived, which came late, which came twice.
//!
//! Judged over a window of 128 numbers, because real senders let whole slots overtake each other; beside
//! it the step-by-step counts that other tools print, which take every overtaking for a loss.

use crate::ran::SequenceNumber;

/// The numbers of one counting domain, in the order of arrival.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    first: SequenceNumber,
    last: SequenceNumber,
    newest: SequenceNumber,
    /// Bit n: `newest - n` arrived.
    seen: u128,
    /// Numbers from the first to the newest, both included; those before the first cannot be judged.
    span: u64,
    left_unseen: u64,
    pub(super) late: u64,
    pub(super) duplicate: u64,
    pub(super) discontinuities: u64,
    pub(super) skipped: u64,
    pub(super) backwards: u64,
}

impl Numbers {
    /// Starts with the first number of a flow.
    pub(super) const fn starting_at(first: SequenceNumber) -> Self {
        Self {
            first,
            last: first,
            newest: first,
            seen: 1,
            span: 1,
            left_unseen: 0,
            late: 0,
            duplicate: 0,
            discontinuities: 0,
            skipped: 0,
            backwards: 0,
        }
    }

    /// Takes the next number; true if it was not the one after the last.
    pub(super) fn record(&mut self, number: SequenceNumber) -> bool {
        let step = number.since(self.last);
        self.last = number;
        self.discontinuities += u64::from(step != 1);
        self.backwards += u64::from(step < 0);
        self.skipped += u64::from(u8::try_from(step).unwrap_or(0)).saturating_sub(1);
        let ahead = number.since(self.newest);
        match u8::try_from(ahead) {
            Ok(ahead @ 1..) => self.advance(number, u32::from(ahead)),
            _ => self.look_back(u32::from(ahead.unsigned_abs())),
        }
        step != 1
    }

    /// The first number that arrived.
    pub(super) const fn first(&self) -> u8 {
        self.first.0
    }

    /// The last number that arrived.
    pub(super) const fn last(&self) -> u8 {
        self.last.0
    }

    /// Numbers between the first and the newest that never arrived.
    pub(super) fn lost(&self) -> u64 {
        let judged = match self.span {
            0..WINDOW => !(u128::MAX << self.span),
            _ => u128::MAX,
        };
        self.left_unseen + u64::from((!self.seen & judged).count_ones())
    }

    fn advance(&mut self, number: SequenceNumber, by: u32) {
        // Positions that leave the window: those of them not before the first are judged now.
        let leaving = !(u128::MAX >> by);
        let judged = match self.span {
            0..WINDOW => !(u128::MAX << self.span),
            _ => u128::MAX,
        };
        self.left_unseen += u64::from((!self.seen & leaving & judged).count_ones());
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
        for number in numbers {
            judged.record(number);
        }
        judged
    }

    #[test]
    fn numbers_in_order_over_the_wrap_lose_nothing() {
        let judged = judge((0..1000u32).map(|n| n as u8));
        assert_eq!((judged.lost(), judged.late, judged.duplicate), (0, 0, 0));
        assert_eq!((judged.first(), judged.last()), (0, 231));
    }

    #[test]
    fn a_block_that_overtakes_is_late_and_not_lost() {
        let judged = judge((0..50).chain(58..72).chain(50..58).chain(72..200));
        assert_eq!((judged.lost(), judged.late), (0, 8));
        assert_eq!(
            (judged.skipped, judged.backwards, judged.discontinuities),
            (22, 1, 3)
        );
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
