//! An L2 wired to one PHY in virtual time, without the box: what is sound between them, and that they notice
//! what a network does to them.

use super::*;
use crate::ran::{Duration, Instant, Numerology, SlotCount};
use crate::wire::nfapi::Dialect;

const MU_0: Numerology = Numerology::new(0).unwrap();
const MU_1: Numerology = Numerology::new(1).unwrap();
const START: Instant = Instant(1_000_000_000);
/// From one end to the other.
const WAY: Duration = Duration::from_micros(30);

/// What the network does with the nth datagram from the PHY.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    Lost,
    Twice,
    /// It comes so much later.
    Held(Duration),
}

/// Runs both until `slots` slots have been on air, or the PHY is dead.
fn run(l2: &mut L2, phy: &mut Phy, slots: u64, fate: impl Fn(u64) -> Fate) {
    let end = phy.next_slot().offset(slots as i64);
    let mut on_the_way: Vec<(Instant, Vec<u8>)> = Vec::new();
    let mut count = 0;
    while phy.is_alive() && phy.next_slot() < end {
        let arrival = on_the_way.iter().map(|(at, _)| *at).min();
        let now = phy.next_at().min(l2.next_at());
        let now = arrival.map_or(now, |at| at.min(now));
        let (due, rest) = on_the_way.into_iter().partition(|(at, _)| *at <= now);
        on_the_way = rest;
        let due: Vec<(Instant, Vec<u8>)> = due;
        for (_, datagram) in due {
            l2.receive(now, &datagram);
        }
        let mut requests = Vec::new();
        l2.tick(now, &mut requests);
        for request in &requests {
            phy.receive(now, request);
        }
        let mut indications = Vec::new();
        phy.tick(now, &mut indications);
        for datagram in indications {
            let at = now.after(WAY);
            match fate(count) {
                Fate::Passes => on_the_way.push((at, datagram)),
                Fate::Lost => {}
                Fate::Held(by) => on_the_way.push((at.after(by), datagram)),
                Fate::Twice => {
                    on_the_way.push((at, datagram.clone()));
                    on_the_way.push((at, datagram));
                }
            }
            count += 1;
        }
    }
}

fn pair(numerology: Numerology, edit: impl Fn(&mut L2Plan, &mut PhyPlan)) -> (L2, Phy) {
    let mut l2 = L2Plan::oai(numerology, 11);
    let mut phy = PhyPlan::oai(numerology, START, 12);
    edit(&mut l2, &mut phy);
    (L2::new(l2), Phy::new(phy))
}

fn passes(_: u64) -> Fate {
    Fate::Passes
}

fn every(nth: u64, fate: Fate) -> impl Fn(u64) -> Fate {
    move |count| match count % nth == nth - 1 {
        true => fate,
        false => Fate::Passes,
    }
}

/// Everything that was owed came, once, and nothing else, but for what the last slots still owe.
fn assert_sound(l2: &L2Report, phy: &PhyReport) {
    assert_eq!((l2.left_out.count, l2.out_of_order.count), (0, 0));
    let answers = &l2.answers;
    let faults = [
        &answers.missing,
        &answers.doubled,
        &answers.unasked,
        &answers.falsified,
        &answers.unreadable,
    ];
    assert!(faults.iter().all(|fault| fault.count == 0), "{answers:?}");
    assert_eq!((l2.strange, l2.unsaid, phy.strange), (0, 0, 0));
    let [late, early, doubled, unmatched] =
        [&phy.late, &phy.early, &phy.doubled, &phy.unmatched].map(|faults| faults.count);
    assert_eq!([late, early, doubled, unmatched], [0; 4]);
    assert!(answers.paid.crc > 0 && answers.paid.uci > 0 && answers.paid.rach > 0);
    assert_eq!((l2.network.lost, phy.network.lost), (0, 0));
}

#[test]
fn three_cycles_of_the_frame_number_are_sound() {
    let (mut l2, mut phy) = pair(MU_0, |_, _| {});
    run(&mut l2, &mut phy, 3 * 10_240, passes);
    let report = l2.report();
    assert_eq!(report.indications, 3 * 10_240 - 1);
    assert_sound(&report, &phy.report());
}

#[test]
fn every_dialect_is_sound() {
    for dialect in Dialect::ALL {
        let (mut l2, mut phy) = pair(MU_1, |l2, phy| {
            l2.terms.dialect = dialect;
            phy.terms.dialect = dialect;
        });
        run(&mut l2, &mut phy, 400, passes);
        assert_sound(&l2.report(), &phy.report());
    }
}

#[test]
fn messages_in_pieces_are_sound() {
    for dialect in [Dialect::OaiNfapi, Dialect::Scf225v2] {
        let (mut l2, mut phy) = pair(MU_1, |l2, phy| {
            for terms in [&mut l2.terms, &mut phy.terms] {
                (terms.dialect, terms.segment) = (dialect, 1472);
            }
            (l2.traffic.block, l2.traffic.busy) = (9_000, 1.0);
        });
        run(&mut l2, &mut phy, 400, passes);
        let network = phy.report().network;
        assert!(network.datagrams > 2 * network.messages);
        assert_sound(&l2.report(), &phy.report());
    }
}

#[test]
fn an_l2_with_empty_requests_leaves_no_slot_out() {
    let (mut l2, mut phy) = pair(MU_1, |l2, phy| {
        l2.empty_requests = true;
        phy.fails_after = Some(1);
    });
    run(&mut l2, &mut phy, 400, passes);
    assert_eq!(phy.report().missing.count, 0);
    assert_sound(&l2.report(), &phy.report());
}

#[test]
fn an_idle_l2_starves_a_phy_that_needs_requests() {
    let (mut l2, mut phy) = pair(MU_1, |l2, phy| {
        l2.traffic.busy = 0.1;
        phy.fails_after = Some(3);
    });
    run(&mut l2, &mut phy, 100, passes);
    assert!(phy.report().died.is_some());
}

#[test]
fn blocks_that_cannot_be_decoded_are_told() {
    let (mut l2, mut phy) = pair(MU_1, |_, phy| phy.failing = 0.3);
    run(&mut l2, &mut phy, 1000, passes);
    let report = l2.report();
    assert!(report.answers.paid.failed_crc > 0);
    assert_sound(&report, &phy.report());
}

#[test]
fn loss_on_the_way_to_the_l2_is_noticed() {
    let (mut l2, mut phy) = pair(MU_1, |_, _| {});
    run(&mut l2, &mut phy, 1000, every(50, Fate::Lost));
    let report = l2.report();
    assert!(report.left_out.count > 0 && report.answers.missing.count > 0);
    assert!(report.network.lost > 0);
}

#[test]
fn reordering_on_the_way_to_the_l2_is_noticed() {
    let (mut l2, mut phy) = pair(MU_1, |_, _| {});
    let held = Fate::Held(Duration::from_micros(600));
    run(&mut l2, &mut phy, 1000, every(50, held));
    let report = l2.report();
    assert!(report.out_of_order.count > 0 && report.network.reordered > 0);
}

#[test]
fn a_datagram_that_comes_twice_is_heard_once() {
    let (mut l2, mut phy) = pair(MU_1, |_, _| {});
    run(&mut l2, &mut phy, 1000, every(50, Fate::Twice));
    let report = l2.report();
    assert!(report.network.repeated > 0);
    assert_eq!(
        (report.out_of_order.count, report.answers.doubled.count),
        (0, 0)
    );
}

#[test]
fn a_dead_phy_leaves_the_l2_without_a_clock() {
    let (mut l2, mut phy) = pair(MU_1, |_, _| {});
    run(&mut l2, &mut phy, 100, passes);
    phy.kill();
    assert_eq!(phy.next_at(), Instant::NEVER);
    let mut out = Vec::new();
    l2.tick(Instant(u64::MAX - 1), &mut out);
    assert_eq!(l2.next_at(), Instant::NEVER);
}

#[test]
fn a_phy_that_counts_elsewhere_is_sound() {
    let (mut l2, mut phy) = pair(MU_1, |_, phy| phy.first = SlotCount(20_470));
    run(&mut l2, &mut phy, 400, passes);
    assert_sound(&l2.report(), &phy.report());
}
