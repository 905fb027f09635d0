//! More than there is room for: drops are counted by class, C-plane last, and nothing stops.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/narrow_io.rs"]
mod narrow_io;
#[path = "support/two_cells.rs"]
mod two_cells;

use appliance::seen;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Mailbox};
use ranshift::dataplane::observation::Load;
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::{CellId, Duration};
use two_cells::{Lcores, control, downlink, text, uplink};

const ONE: &str = "{cores: [0]}";
const TWO: &str = "{cores: [0, 1]}";
const CONTROL: u8 = 2;
const USER: u8 = 0;

#[test]
fn a_full_port_drops_u_plane_and_sends_c_plane_when_it_can() {
    let mut lcores = alone();
    lcores.workers[0].1.room = vec![1];
    for sequence in 0..2 {
        lcores.offer(0, &control(1, sequence));
        lcores.offer(0, &downlink(1, sequence));
    }
    lcores.turn(0);
    assert_eq!(kinds(&mut lcores), [(CONTROL, 0)]);
    assert_eq!(lcores.dropped(DropReason::TxFull), 2);
    assert_eq!(lcores.counters().ledger.held, 1);
    lcores.workers[0].1.room = vec![10];
    lcores.offer(0, &control(1, 2));
    lcores.offer(0, &downlink(1, 2));
    lcores.turn(0);
    assert_eq!(
        kinds(&mut lcores),
        [(CONTROL, 1), (CONTROL, 2), (USER, 2)],
        "in the order of their flows"
    );
    assert_eq!(lcores.counters().ledger.held, 0);
}

#[test]
fn c_plane_that_waits_is_sent_without_a_further_frame() {
    let mut lcores = alone();
    lcores.workers[0].1.room = vec![0];
    lcores.offer(0, &control(1, 0));
    lcores.turn(0);
    assert!(kinds(&mut lcores).is_empty());
    lcores.workers[0].1.room = vec![1];
    lcores.turn(0);
    assert_eq!(kinds(&mut lcores), [(CONTROL, 0)]);
}

#[test]
fn c_plane_is_given_up_when_its_port_takes_nothing_at_all() {
    let mut lcores = alone();
    lcores.workers[0].1.room = vec![0];
    lcores.offer(0, &control(1, 0));
    lcores.turn(0);
    lcores.wait(Duration::from_micros(400));
    lcores.turn(0);
    assert_eq!(lcores.dropped(DropReason::TxFull), 0);
    lcores.wait(Duration::from_micros(200));
    lcores.turn(0);
    assert_eq!(lcores.dropped(DropReason::TxFull), 1);
    assert_eq!(lcores.counters().ledger.held, 0);
}

#[test]
fn a_bounded_number_of_c_plane_frames_waits() {
    let mut lcores = alone();
    lcores.workers[0].1.room = vec![0];
    for sequence in 0..=199 {
        lcores.offer(0, &control(1, sequence));
    }
    lcores.turns(8);
    assert_eq!(lcores.counters().ledger.held, 128);
    assert_eq!(lcores.dropped(DropReason::TxFull), 72);
    lcores.workers[0].1.room = vec![1000];
    lcores.turn(0);
    let sent = kinds(&mut lcores);
    let expected: Vec<_> = (0..128).map(|sequence| (CONTROL, sequence)).collect();
    assert_eq!(sent, expected, "the oldest, in order");
}

#[test]
fn an_exhausted_pool_costs_copies_and_not_the_frames_themselves() {
    let standby = text(ONE, "arm", "arm").replace(
        "members: {du-1: {}}",
        "members: {du-1: {}, du-2: {assume_in_step: true}}",
    );
    let second = standby.find("  cell-2:").unwrap();
    let mut lcores = Lcores::new(&standby[..second], 64);
    lcores.offer(0, &downlink(1, 0));
    lcores.offer(0, &uplink(1, 0));
    lcores.turn(0);
    assert_eq!(kinds(&mut lcores).len(), 3, "the uplink twice");
    lcores.workers[0].1.scarce = true;
    lcores.offer(0, &uplink(1, 1));
    lcores.turn(0);
    assert_eq!(kinds(&mut lcores).len(), 1);
    assert_eq!(lcores.dropped(DropReason::NoBuffer), 1);
}

#[test]
fn a_full_queue_between_lcores_keeps_its_last_quarter_for_c_plane() {
    let mut lcores = Lcores::new(&text(TWO, "arm", "arm"), 8);
    for sequence in 0..10 {
        lcores.offer(0, &downlink(2, sequence));
    }
    for sequence in 0..3 {
        lcores.offer(0, &control(2, sequence));
    }
    lcores.turn(0);
    assert_eq!(lcores.counters().ledger.held_in_all(), 8);
    assert_eq!(lcores.dropped(DropReason::HandoverFull), 5);
    let du = &lcores.counters().peers[3];
    assert_eq!((du.received, du.drops.of(DropReason::HandoverFull)), (5, 5));
    lcores.turns(3);
    let sent = kinds(&mut lcores);
    let controls = sent.iter().filter(|(kind, _)| *kind == CONTROL).count();
    assert_eq!((sent.len(), controls), (8, 2));
}

#[test]
fn a_full_queue_to_the_lcore_of_the_port_is_a_counted_drop() {
    let mut lcores = Lcores::new(&text(TWO, "north", "south"), 8);
    // Cell 2 is decided where the DUs' port is polled, and leaves on the RUs' port of the other lcore.
    for sequence in 0..10 {
        lcores.offer(1, &downlink(2, sequence));
    }
    lcores.turn(1);
    assert_eq!(lcores.dropped(DropReason::HandoverFull), 4);
    assert_eq!(lcores.counters().ledger.held_in_all(), 6);
    lcores.turn(0);
    assert_eq!(kinds(&mut lcores).len(), 6);
}

#[test]
fn a_full_mailbox_costs_events_and_counts_them() {
    let mut lcores = alone();
    let mailbox = Mailbox::new(8, 1);
    for id in 0..8 {
        let command = Command {
            id,
            term: 1,
            cell: CellId(0),
            boundary: Boundary::Next,
            action: Action::Arm { standby: None },
        };
        assert!(mailbox.post(command));
    }
    let now = lcores.now;
    let (worker, _) = &mut lcores.workers[0];
    worker.exchange(now, &mailbox, Load::default());
    assert!(mailbox.hear().is_some());
    assert_eq!(lcores.counters().events_lost, 7);
}

fn alone() -> Lcores {
    Lcores::new(&text(ONE, "arm", "arm"), 64)
}

/// eCPRI type and number of what left, in order.
fn kinds(lcores: &mut Lcores) -> Vec<(u8, u8)> {
    let sent = lcores.sent();
    let told = sent.iter().map(|(_, bytes)| {
        let seen = seen(bytes);
        (seen.kind, seen.sequence)
    });
    told.collect()
}
