//! The checksum in the P7 header of OAI: the register of CRC-32/IEEE without its final xor.
//!
//! It covers bytes 0 to 9 of the datagram, four zero bytes in the place of itself, and everything behind
//! the timestamp (bytes 14 to 17), which is left out. SCF 082 names CRC32C and 0 for "unused" [?]; OAI's
//! receivers do neither and drop what does not match.

use crc32fast::Hasher;

/// Bytes of the header in front of the checksum.
pub const COVERED_HEAD: usize = 10;

/// The checksum of a datagram with this head and a body in these slices, in order.
#[inline]
pub fn of(head: &[u8; COVERED_HEAD], body: &[&[u8]]) -> u32 {
    let mut crc = Hasher::new();
    crc.update(head);
    crc.update(&[0; 4]);
    for piece in body {
        crc.update(piece);
    }
    !crc.finalize()
}

/// The checksum after the head changed from `old` to `new` in front of an unchanged body of `body_len` bytes.
///
/// By difference, in time that grows with the logarithm of the length: the body is not touched, and a
/// checksum that was wrong stays wrong, so that the receiver still sees the damage.
#[inline]
pub fn adjusted(
    checksum: u32,
    old: &[u8; COVERED_HEAD],
    new: &[u8; COVERED_HEAD],
    body_len: usize,
) -> u32 {
    let difference = crc32fast::hash(old) ^ crc32fast::hash(new);
    let mut shifted = Hasher::new_with_initial(difference);
    // crc(A | B) is crc(A) shifted by the length of B, xor crc(B): with 0 for crc(B) the shift is left.
    shifted.combine(&Hasher::new_with_initial_len(0, 4 + body_len as u64));
    checksum ^ shifted.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bit by bit, as the definition has it.
    fn bitwise(bytes: impl IntoIterator<Item = u8>) -> u32 {
        let mut register = u32::MAX;
        for byte in bytes {
            register ^= u32::from(byte);
            for _ in 0..8 {
                register = (register >> 1) ^ (0xedb8_8320 & (register & 1).wrapping_neg());
            }
        }
        register
    }

    #[test]
    fn the_null_dl_tti_of_oai_has_the_checksum_that_oai_wrote() {
        let head = [0, 1, 0, 0x80, 0, 0, 0, 0x18, 0, 0];
        assert_eq!(of(&head, &[&[0; 6]]), 0x7340_5a75);
    }

    proptest! {
        #[test]
        fn it_equals_the_bitwise_register_however_the_body_is_cut(
            head in any::<[u8; COVERED_HEAD]>(),
            body in proptest::collection::vec(any::<u8>(), 0..3000),
            cut in 0usize..3000,
        ) {
            let whole = head.into_iter().chain([0; 4]).chain(body.iter().copied());
            let (one, two) = body.split_at(cut.min(body.len()));
            prop_assert_eq!(of(&head, &[one, &[], two]), bitwise(whole));
        }

        #[test]
        fn a_change_by_difference_equals_a_new_computation(
            old in any::<[u8; COVERED_HEAD]>(),
            new in any::<[u8; COVERED_HEAD]>(),
            body in proptest::collection::vec(any::<u8>(), 0..3000),
            damage in any::<u32>(),
        ) {
            let checksum = of(&old, &[&body]);
            let expected = of(&new, &[&body]);
            prop_assert_eq!(adjusted(checksum, &old, &new, body.len()), expected);
            let damaged = adjusted(checksum ^ damage, &old, &new, body.len());
            prop_assert_eq!(damaged, expected ^ damage);
        }
    }
}
