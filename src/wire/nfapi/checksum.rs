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
    let mut sum = Sum::begin(head);
    for piece in body {
        sum.over(piece);
    }
    sum.finish()
}

/// The checksum of a datagram whose body is shown piece by piece.
#[derive(Clone, Debug)]
pub struct Sum(Hasher);

impl Sum {
    /// Over the head alone.
    #[inline]
    pub fn begin(head: &[u8; COVERED_HEAD]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j] = *head;
        let mut crc = Hasher::new();
        // At once, as short pieces cost most.
        crc.update(&[a, b, c, d, e, f, g, h, i, j, 0, 0, 0, 0]);
        Self(crc)
    }

    /// Led over the next bytes of the body.
    #[inline]
    pub fn over(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum.
    #[inline]
    pub fn finish(self) -> u32 {
        !self.0.finalize()
    }
}

/// The checksum after the head changed from `old` to `new` in front of an unchanged body of `body_len` bytes.
///
/// By difference, in a time that does not grow with the body: it is not touched, and a checksum that was
/// wrong stays wrong, so that the receiver still sees the damage.
#[inline]
pub fn adjusted(
    checksum: u32,
    old: &[u8; COVERED_HEAD],
    new: &[u8; COVERED_HEAD],
    body_len: usize,
) -> u32 {
    let mut difference = *old;
    for (byte, new) in difference.iter_mut().zip(new) {
        *byte ^= new;
    }
    // The register is linear in the bytes: started at 0, it is the difference of the two registers.
    let mut register = Hasher::new_with_initial(u32::MAX);
    register.update(&difference);
    checksum ^ after_zeros(!register.finalize(), 4 + body_len)
}

/// The register after `len` more zero bytes: multiplied by x to the power of 8 times `len`, at once up to
/// `LENGTHS`.
#[inline]
fn after_zeros(mut register: u32, len: usize) -> u32 {
    let mut left = len;
    for table in &POWERS {
        register = multiply(table.get(left % LENGTHS).copied().unwrap_or(ONE), register);
        left /= LENGTHS;
        if left == 0 {
            break;
        }
    }
    register
}

/// The product of two polynomials modulo that of the CRC, lowest power in the highest bit.
const fn multiply(one: u32, mut other: u32) -> u32 {
    let mut product = 0;
    let mut bit = 32;
    while bit > 0 {
        bit -= 1;
        product ^= other & (one >> bit & 1).wrapping_neg();
        other = (other >> 1) ^ (POLYNOMIAL & (other & 1).wrapping_neg());
    }
    product
}

/// 0x04C11DB7 with its bits reversed.
const POLYNOMIAL: u32 = 0xedb8_8320;
/// x to the power of 0.
const ONE: u32 = 1 << 31;
/// Values of a digit of a length: a message that needs no jumbo frame has one.
const LENGTHS: usize = 2048;
/// For each digit of a 32-bit length, the powers that its values stand for.
static POWERS: [[u32; LENGTHS]; 3] = {
    let first = powers(1 << 23); // x to the power of 8
    let second = powers(after(&first));
    [first, second, powers(after(&second))]
};

/// The power of `LENGTHS` steps.
const fn after(powers: &[u32; LENGTHS]) -> u32 {
    let [_, step, .., last] = powers;
    multiply(*last, *step)
}

const fn powers(step: u32) -> [u32; LENGTHS] {
    let mut table = [0; LENGTHS];
    let mut rest: &mut [u32] = &mut table;
    let mut power = ONE;
    while let Some((first, after)) = rest.split_first_mut() {
        *first = power;
        power = multiply(power, step);
        rest = after;
    }
    table
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

        #[test]
        fn zeros_of_any_length_are_those_of_crc32fast(len in any::<u32>(), register in any::<u32>()) {
            let mut appended = Hasher::new_with_initial(register);
            appended.combine(&Hasher::new_with_initial_len(0, len.into()));
            prop_assert_eq!(after_zeros(register, len as usize), appended.finalize());
        }
    }
}
