//! Plain FAPI through the journey, in both byte orders: Aerial's SLOT.response, which ends a slot of the L2.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "support/fapi_bench.rs"]
mod fapi_bench;
#[path = "support/p7.rs"]
mod p7;

use fapi_bench::{Bench, SLOT, UNLIMITED};
use p7::{L2, Order, PHY_A, PHY_B, Place, plain};
use ranshift::dataplane::mailbox::{Action, Boundary};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::MemberId;

const DL_TTI: u16 = 0x80;
const SLOT_RESPONSE: u16 = 0x8f;

/// All peers of the cell in plain FAPI of this order, after both PHYs have indicated slot 0.
fn running(order: Order) -> Bench {
    let dialect = match order {
        Order::Big => "dialect: fapi-be",
        Order::Little => "dialect: fapi-le",
    };
    let mut bench = Bench::new(&[UNLIMITED, ("dialect: oai-nfapi", dialect)]);
    for (phy, heard) in [(PHY_A, 1), (PHY_B, 0)] {
        assert_eq!(say(&mut bench, order, phy, SLOT, 0).len(), heard);
    }
    bench
}

/// A message of no more than its slot.
fn of_slot(order: Order, message: u16, slot: u16) -> Vec<u8> {
    let body = [order.of([0; 2]), order.of(slot.to_be_bytes())].concat();
    plain(order, message, &body)
}

/// To whom goes what, when `from` says `message` of `slot`.
fn say(
    bench: &mut Bench,
    order: Order,
    from: Place,
    message: u16,
    slot: u16,
) -> Vec<(usize, Vec<u8>)> {
    let frame = p7::frame(from, &of_slot(order, message, slot));
    bench.payloads(from, &frame)
}

#[test]
fn a_request_goes_to_the_active_phy_and_as_null_to_the_other() {
    for order in [Order::Big, Order::Little] {
        let mut bench = running(order);
        let point = [order.of([0; 2]), order.of([0, 1])].concat();
        let whole = plain(order, DL_TTI, &[&point[..], &[0, 1, 9, 9]].concat());
        let null = plain(order, DL_TTI, &[&point[..], &[0, 0]].concat());
        let left = bench.payloads(L2, &p7::frame(L2, &whole));
        assert_eq!(left, [(1, whole), (2, null)], "{order:?}");
    }
}

#[test]
fn a_slot_response_goes_to_the_owner_of_its_slot_and_to_nobody_else() {
    for order in [Order::Big, Order::Little] {
        let mut bench = running(order);
        let to = MemberId(1);
        bench.command(Boundary::Sfn { sfn: 0, slot: 6 }, Action::Switch { to });
        for (slot, owner) in [(6, 2), (5, 1), (7, 2)] {
            let left = say(&mut bench, order, L2, SLOT_RESPONSE, slot);
            let whole = of_slot(order, SLOT_RESPONSE, slot);
            assert_eq!(left, [(owner, whole)], "{order:?} {slot}");
        }
    }
}

#[test]
fn a_slot_response_of_a_lost_owner_goes_nowhere() {
    let mut bench = running(Order::Little);
    assert_eq!(say(&mut bench, Order::Little, L2, DL_TTI, 3).len(), 2);
    let member = MemberId(0);
    bench.command(Boundary::Next, Action::PhyGone { member });
    assert_eq!(say(&mut bench, Order::Little, L2, SLOT_RESPONSE, 3), []);
    assert_eq!(bench.dropped(DropReason::Fenced), 1);
}
