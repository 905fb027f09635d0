//! SFN and slot of a message: u16 each at offsets 0 and 2 of the body of every slot message (SCF 222).
//!
//! `ran::SlotPoint::since` gives the distance around 1024 frames, either way. The first piece of a cut
//! message holds them; later pieces do not.

use super::{ByteOrder, body_error};
use crate::ran::{Numerology, SlotPoint};
use crate::wire::{Fault, WireError};

/// Bytes of SFN and slot.
pub const SLOT_LEN: usize = 4;

/// SFN and slot at the start of `body`, and what follows. Refuses an SFN above 1023, and a slot that is in
/// no frame of any numerology (160 and above); `is_in_frame` knows the cell's.
#[inline]
pub fn parse(body: &[u8], order: ByteOrder) -> Result<(SlotPoint, &[u8]), WireError> {
    let ([a, b, c, d], rest) = body
        .split_first_chunk::<SLOT_LEN>()
        .ok_or(body_error(Fault::Truncated))?;
    let point = SlotPoint {
        sfn: order.u16([*a, *b]),
        slot: order.u16([*c, *d]),
    };
    if point.sfn >= FRAMES || point.slot >= SLOTS_OF_MU_4 {
        return Err(body_error(Fault::Range));
    }
    Ok((point, rest))
}

/// True if the frame of a cell of `numerology` has this slot.
#[inline]
pub const fn is_in_frame(point: SlotPoint, numerology: Numerology) -> bool {
    point.sfn < FRAMES && (point.slot as u32) < numerology.slots_per_frame()
}

/// The four bytes.
#[inline]
pub const fn bytes(point: SlotPoint, order: ByteOrder) -> [u8; SLOT_LEN] {
    let [a, b] = order.bytes16(point.sfn);
    let [c, d] = order.bytes16(point.slot);
    [a, b, c, d]
}

const FRAMES: u16 = 1024;
const SLOTS_OF_MU_4: u16 = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn point(sfn: u16, slot: u16) -> SlotPoint {
        SlotPoint { sfn, slot }
    }

    #[test]
    fn it_is_read_in_the_order_of_the_sender() {
        let (big, rest) = parse(&[0x03, 0xff, 0, 19, 7], ByteOrder::Big).unwrap();
        assert_eq!((big, rest), (point(1023, 19), &[7][..]));
        let (little, _) = parse(&[0xff, 0x03, 19, 0], ByteOrder::Little).unwrap();
        assert_eq!(little, big);
        assert_eq!(bytes(big, ByteOrder::Little), [0xff, 0x03, 19, 0]);
    }

    #[test]
    fn an_sfn_of_1024_and_a_slot_of_160_are_refused() {
        let parsed = |sfn, slot| {
            parse(&bytes(point(sfn, slot), ByteOrder::Big), ByteOrder::Big).map(|(point, _)| point)
        };
        assert!(parsed(1023, 159).is_ok());
        for (sfn, slot) in [(1024, 0), (0, 160), (u16::MAX, u16::MAX)] {
            assert_eq!(parsed(sfn, slot).unwrap_err(), body_error(Fault::Range));
        }
    }

    #[test]
    fn the_last_slot_of_a_frame_depends_on_the_numerology() {
        let mu1 = Numerology::new(1).unwrap();
        assert!(is_in_frame(point(1023, 19), mu1));
        assert!(!is_in_frame(point(1023, 20), mu1));
        assert!(!is_in_frame(point(1024, 0), mu1));
    }

    #[test]
    fn distance_goes_the_short_way_over_the_wrap() {
        let mu1 = Numerology::new(1).unwrap();
        assert_eq!(point(0, 0).since(point(1023, 19), mu1), 1);
        assert_eq!(point(1023, 19).since(point(0, 0), mu1), -1);
        assert_eq!(point(0, 5).since(point(1022, 15), mu1), 30);
    }
}
