//! The Internet checksum: whole (RFC 1071) and by difference (RFC 1624).
//!
//! IPv4 headers and UDP use it. A rewrite of a few fields updates a checksum by difference, so a wrong
//! one stays wrong and the receiver still sees the damage.

/// One's complement sum of `bytes` added to `start`, unfolded; an odd last byte counts as the high one.
///
/// `u32` holds the sum of any datagram: 32,768 words of 16 bits.
pub fn sum(start: u32, bytes: &[u8]) -> u32 {
    let (words, last) = bytes.as_chunks::<2>();
    let mut total = start;
    for word in words {
        total += u32::from(u16::from_be_bytes(*word));
    }
    match last {
        [byte] => total + (u32::from(*byte) << 8),
        _ => total,
    }
}

/// The checksum field for an unfolded sum over everything but that field.
pub const fn finish(total: u32) -> u16 {
    !fold(total)
}

/// Two rounds are enough for any `u32`: the first leaves at most 17 bits, whose carry is at most 1.
const fn fold(total: u32) -> u16 {
    let once = (total & 0xffff) + (total >> 16);
    ((once & 0xffff) + (once >> 16)) as u16
}

/// A sum led over bytes that lie in several places, wherever one of them ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Running {
    sum: u16,
    odd: bool,
}

impl Running {
    /// Led over the next bytes.
    pub fn over(&mut self, bytes: &[u8]) {
        let next = fold(sum(0, bytes));
        // Bytes that begin in the middle of a word are the other half of every word (RFC 1071 section 2).
        let next = match self.odd {
            true => next.swap_bytes(),
            false => next,
        };
        self.sum = fold(u32::from(self.sum) + u32::from(next));
        self.odd ^= bytes.len() % 2 == 1;
    }

    /// The sum, to be added to that of other words.
    pub const fn sum(self) -> u32 {
        self.sum as u32
    }
}

/// Collected changes of 16-bit words, to be applied to a checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Difference(u32);

impl Difference {
    /// Also the word `old` became `new`.
    #[inline]
    pub const fn replace(self, old: u16, new: u16) -> Self {
        // RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). Folded each time, so any number of words fits.
        Self(fold(self.0 + (!old) as u32 + new as u32) as u32)
    }

    /// Also the words of `old` became those of `new`, be they more or fewer; both start at an even offset and are
    /// of even length.
    #[inline]
    pub fn replace_words(self, old: &[u8], new: &[u8]) -> Self {
        // The complement of a sum is the sum of the complements.
        let gone = !fold(sum(0, old));
        Self(u32::from(fold(sum(self.0 + u32::from(gone), new))))
    }

    /// Also the changes of `other`.
    #[inline]
    pub const fn and(self, other: Self) -> Self {
        Self(fold(self.0 + other.0) as u32)
    }

    /// The checksum after the changes.
    #[inline]
    pub const fn apply(self, checksum: u16) -> u16 {
        finish((!checksum) as u32 + self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(finish(sum(0, &bytes)), !0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624_gives_zero_not_ffff() {
        // Section 4: HC 0xDD2F, a word goes from 0x5555 to 0x3285.
        assert_eq!(
            Difference::default().replace(0x5555, 0x3285).apply(0xdd2f),
            0x0000
        );
    }

    #[test]
    fn an_odd_last_byte_is_the_high_byte_of_a_word() {
        assert_eq!(sum(0, &[0x12, 0x34, 0x56]), 0x1234 + 0x5600);
    }

    proptest! {
        #[test]
        fn a_sum_led_over_pieces_equals_that_of_the_whole(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
        ) {
            let mut running = Running::default();
            pieces.iter().for_each(|piece| running.over(piece));
            prop_assert_eq!(finish(running.sum()), finish(sum(0, &pieces.concat())));
        }

        #[test]
        fn a_difference_equals_a_whole_checksum(
            mut bytes in proptest::collection::vec(any::<u8>(), 8..64),
            word in 0usize..4,
            new in any::<u16>(),
        ) {
            bytes[0] |= 1; // an all-zero sum has two representations
            let before = finish(sum(0, &bytes));
            let at = 2 + 2 * (word % 3);
            let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
            let after = Difference::default().replace(old, new).apply(before);
            prop_assert_eq!(after, finish(sum(0, &bytes)));
        }
    }
}
