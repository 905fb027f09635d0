//! A digest of what leaves, so that a replay can hold its own bytes against those sent then.

use crate::dataplane::outbox::Outbox;
use crate::dataplane::verdict::Verdict;

/// A digest of what leaves: any change of one byte of it changes the digest.
#[inline]
pub fn egress(verdict: Verdict, head: &[u8], outbox: &Outbox, before: (u16, u32)) -> u64 {
    let mut digest = 0;
    if let Verdict::Forward(departure) | Verdict::Fanout(departure) = verdict {
        let edited = head.get(usize::from(departure.start)..).unwrap_or_default();
        digest = fold(0, edited.get(..EDITED).unwrap_or(edited));
    }
    let parts = outbox.parts().get(usize::from(before.0)..);
    for part in parts.unwrap_or_default() {
        let head = part.head.start as usize..part.head.end as usize;
        let head = outbox.arena().get(head).unwrap_or_default();
        digest = fold(digest.rotate_left(8) ^ u64::from(part.port.0), head);
    }
    digest
}

#[inline]
fn fold(mut digest: u64, bytes: &[u8]) -> u64 {
    // Odd factors: each word counts, and the multiplications do not wait for each other.
    let mut factor = FACTOR;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        digest = digest.wrapping_add(u64::from_le_bytes(*word).wrapping_mul(factor));
        factor = factor.wrapping_add(2 * (FACTOR >> 2));
    }
    for byte in rest {
        digest = digest.wrapping_add((u64::from(*byte) + 1).wrapping_mul(factor));
        factor = factor.wrapping_add(2 * (FACTOR >> 2));
    }
    digest
}

/// Bytes at the head of a frame that an edit may change: two tags, IPv6, UDP and eCPRI.
pub const EDITED: usize = 88;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
