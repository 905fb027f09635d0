//! Two halves of a message controller, one beside the L2 and one beside each PHY, FAPI over a network between
//! them that is slow, silent, lossy or out of order: what the L2 and the PHYs noticed of it, and what the judge
//! of the FAPI plane says, to whom the halves are one appliance.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "fapi_checker/mod.rs"]
mod fapi_checker;
#[path = "support/halves.rs"]
mod halves;

use fapi_checker::cast::{self, Appliance, Timing};
use fapi_checker::{Cause, Inputs, Rule, Settings, Switch, judge};
use halves::{A, B, Halves, L2_SIDE, PHY_SIDES, Weather};
use ranshift::config::Config;
use ranshift::dataplane::mailbox::{Boundary, EventKind};
use ranshift::dataplane::verdict::DropReason;
use ranshift::lab::Tdd;
use ranshift::lab::fapi::{Cable, FapiCast, L2, L2Plan, L2Report, Phy, PhyPlan, PhyReport};
use ranshift::ran::{Duration, Instant, SlotCount};
use std::collections::BTreeMap;

/// SFN 1020 slot 0 at 30 kHz, so that runs cross SFN 0.
const FIRST_SLOT: u64 = 1020 * 20;
const START: Instant = Instant(1_700_000_000_000_000_000);
const SLOT_NS: u64 = 500_000;
/// From a peer to its half.
const WAY: Duration = Duration::from_micros(30);

/// Emulators around the halves, in closed loop.
struct Stage {
    halves: Halves,
    l2: L2,
    phys: [Phy; 2],
    now: Instant,
    /// That of the L2, then those of the PHYs.
    cables: [Cable; 3],
    on_the_way: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    sent: u64,
}

impl Stage {
    fn new() -> Self {
        Self::busy(1.0, &[])
    }

    /// Users fill that share of the slots.
    fn busy(share: f64, edits: &[(&str, &str)]) -> Self {
        let halves = Halves::new(edits);
        let casts = [L2_SIDE, A, B].map(|half| cast(&halves.halves[half].config));
        let numerology = casts[L2_SIDE].clock.numerology();
        let mut l2 = L2Plan {
            terms: casts[L2_SIDE].l2.terms,
            ..L2Plan::oai(numerology, 7)
        };
        l2.traffic.tdd = Tdd::of_period(1);
        (l2.traffic.busy, l2.traffic.block) = (share, 200);
        let phy = |half: usize| PhyPlan {
            terms: casts[half].phys[0].terms,
            first: SlotCount(FIRST_SLOT),
            ahead: casts[half].ahead,
            fails_after: Some(1),
            ..PhyPlan::oai(numerology, START, half as u64)
        };
        let ends = [&casts[L2_SIDE].l2, &casts[A].phys[0], &casts[B].phys[0]];
        Self {
            l2: L2::new(l2),
            phys: [phy(A), phy(B)].map(Phy::new),
            now: START,
            cables: ends.map(|end| Cable::new(&end.peer, end.mtu).unwrap()),
            on_the_way: BTreeMap::new(),
            sent: 0,
            halves,
        }
    }

    /// Until `slots` more slots have been on air.
    fn slots(&mut self, slots: u64) {
        let end = Instant(self.now.0 + slots * SLOT_NS);
        while let Some(next) = self.next_at().filter(|at| *at <= end) {
            self.now = next.max(self.now);
            let sent = self.halves.tick(self.now.0);
            self.hear(sent);
            self.speak();
            self.arrive();
        }
        self.now = end;
    }

    fn migrate(&mut self, to: u8, boundary: Boundary) -> u64 {
        self.halves.migrate(self.now, to, boundary)
    }

    fn dropped(&self, half: usize, reason: DropReason) -> u64 {
        let counters = self.halves.halves[half].worker.counters();
        counters.drops.of(reason)
    }

    fn next_at(&self) -> Option<Instant> {
        let phys = self.phys.iter().map(Phy::next_at);
        let arrival = self.on_the_way.keys().map(|(at, _)| *at).next();
        let next = phys
            .chain([self.l2.next_at()])
            .chain(arrival)
            .chain(self.halves.next_at().map(Instant));
        next.min().filter(|at| *at != Instant::NEVER)
    }

    fn speak(&mut self) {
        for end in 0..self.cables.len() {
            let mut datagrams = Vec::new();
            match end.checked_sub(1) {
                None => self.l2.tick(self.now, &mut datagrams),
                Some(phy) => self.phys[phy].tick(self.now, &mut datagrams),
            }
            for frame in datagrams.iter().flat_map(|one| self.cables[end].pack(one)) {
                self.sent += 1;
                let at = (self.now.after(WAY), self.sent);
                self.on_the_way.insert(at, (end, frame));
            }
        }
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.on_the_way.first_entry()
            && entry.key().0 <= self.now
        {
            let (end, frame) = entry.remove();
            let sent = self.halves.receive(side(end), self.now.0, &frame);
            self.hear(sent);
        }
    }

    fn hear(&mut self, sent: Vec<(String, Vec<u8>)>) {
        for (port, frame) in sent {
            let end = (0..3).find(|end| side(*end) == port).unwrap();
            let Some(datagram) = self.cables[end].unpack(&frame) else {
                panic!("{:?} for {port}", self.cables[end].report());
            };
            match end.checked_sub(1) {
                None => self.l2.receive(self.now, &datagram),
                Some(phy) => self.phys[phy].receive(self.now, &datagram),
            }
        }
    }
}

fn cast(config: &Config) -> FapiCast {
    FapiCast::of(config, 0).unwrap()
}

/// The port of the L2, then those of the PHYs.
fn side(end: usize) -> &'static str {
    end.checked_sub(1).map_or("l2-side", |phy| PHY_SIDES[phy])
}

/// Every slot was named to the L2 once and in order, in numbers without a gap.
fn assert_clock(l2: &L2Report) {
    assert!(l2.indications > 0);
    assert_eq!((l2.left_out.count, l2.out_of_order.count), (0, 0), "{l2:?}");
    let network = l2.network;
    let noticed = [network.lost, network.reordered, network.repeated];
    assert_eq!((noticed, network.malformed, l2.strange), ([0; 3], 0, 0));
    let answers = &l2.answers;
    let wrong = [&answers.doubled, &answers.unasked, &answers.falsified];
    assert!(wrong.iter().all(|faults| faults.count == 0), "{answers:?}");
}

/// Each slot brought a DL_TTI and an UL_TTI, once and in time, in numbers without a gap.
fn assert_fed(phy: &PhyReport) {
    let faults = [&phy.missing, &phy.doubled, &phy.late, &phy.early];
    assert!(faults.iter().all(|faults| faults.count == 0), "{phy:?}");
    assert_eq!(phy.died, None);
    let network = phy.network;
    let noticed = [network.lost, network.reordered, network.repeated];
    assert_eq!((noticed, network.malformed, phy.strange), ([0; 3], 0, 0));
}

#[test]
fn requests_and_answers_pass_both_halves_whole() {
    let mut stage = Stage::new();
    stage.slots(200);
    let (l2, a) = (stage.l2.report(), stage.phys[0].report());
    assert_clock(&l2);
    assert_fed(&a);
    assert_eq!((l2.answers.missing.count, a.full), (0, l2.requests));
    assert!(l2.answers.paid.crc > 0 && l2.answers.paid.rx_data > 0);
}

#[test]
fn the_phy_of_the_other_half_is_given_nulls_alone() {
    let mut stage = Stage::new();
    stage.slots(200);
    let b = stage.phys[1].report();
    assert_fed(&b);
    assert_eq!((b.full_slots, b.null), (None, stage.l2.report().requests));
}

#[test]
fn an_idle_l2_starves_no_phy() {
    let mut stage = Stage::busy(0.02, &[]);
    stage.slots(400);
    for phy in &stage.phys {
        assert_fed(&phy.report());
    }
}

#[test]
fn a_phy_behind_a_silent_network_gets_one_dl_tti_and_one_ul_tti_each_slot() {
    let mut stage = Stage::new();
    stage.slots(60);
    let before = stage.phys[0].report();
    stage.halves.weather.silent[L2_SIDE] = true;
    stage.slots(100);
    let during = stage.phys[0].report();
    assert_fed(&during);
    let given = |report: &PhyReport| {
        let (full, null) = (report.full, report.null);
        (full.dl_tti + null.dl_tti, full.ul_tti + null.ul_tti)
    };
    let (since, at) = (given(&before), given(&during));
    // At both ends of the hundred slots requests are ahead of the air by as much.
    assert!((97..=103).contains(&(at.0 - since.0)), "{since:?} {at:?}");
    assert!((97..=103).contains(&(at.1 - since.1)), "{since:?} {at:?}");
    stage.halves.weather.silent[L2_SIDE] = false;
    stage.slots(60);
    stage.phys.iter().for_each(|phy| assert_fed(&phy.report()));
    let after = stage.phys.iter().filter_map(|phy| phy.report().full_slots);
    assert!(after.map(|(_, last)| last).max().unwrap() > FIRST_SLOT + 200);
}

#[test]
fn the_l2_keeps_its_clock_while_the_network_is_silent() {
    let mut stage = Stage::new();
    stage.slots(60);
    stage.halves.weather.silent[L2_SIDE] = true;
    stage.slots(100);
    stage.halves.weather.silent[L2_SIDE] = false;
    stage.slots(60);
    assert_clock(&stage.l2.report());
}

#[test]
fn a_request_that_the_network_loses_is_a_null_to_the_phy() {
    // Two indications lost in a row are no death.
    let mut stage = Stage::busy(1.0, &[("confirm: 2 ", "confirm: 8 ")]);
    stage.halves.weather.lost = 50;
    stage.slots(400);
    let (l2, a) = (stage.l2.report(), stage.phys[0].report());
    assert_clock(&l2);
    assert_fed(&a);
    let lost = l2.requests.dl_tti - a.full.dl_tti;
    assert!(lost > 0 && lost < 40, "{lost}");
    assert_eq!(stage.halves.told(L2_SIDE, is_failover), 0);
}

#[test]
fn frames_that_overtake_each_other_change_nothing_at_the_ends() {
    let mut stage = Stage::new();
    stage.halves.weather.jitter = 150_000;
    stage.slots(400);
    let (l2, a) = (stage.l2.report(), stage.phys[0].report());
    assert_clock(&l2);
    assert_fed(&a);
    assert_eq!((l2.answers.missing.count, a.full), (0, l2.requests));
}

#[test]
fn a_null_that_comes_after_its_replacement_is_dropped() {
    // The half beside the L2 makes its NULLs so late that those of the other come first.
    let mut stage = Stage::busy(0.02, &[("null_deadline: 1ms", "null_deadline: 250us")]);
    stage.slots(400);
    assert_fed(&stage.phys[1].report());
    assert!(stage.dropped(B, DropReason::RequestRepeated) > 300);
}

#[test]
fn a_migration_from_half_to_half_is_seen_by_nobody() {
    let mut stage = Stage::new();
    stage.slots(60);
    let boundary = stage.migrate(1, Boundary::InSlots(21));
    stage.slots(140);
    let l2 = stage.l2.report();
    assert_clock(&l2);
    assert_eq!(l2.answers.missing.count, 0);
    let [a, b] = stage.phys.each_ref().map(Phy::report);
    assert_fed(&a);
    assert_fed(&b);
    let (last, first) = (a.full_slots.unwrap().1, b.full_slots.unwrap().0);
    assert_eq!(
        (last + 1, first % (1024 * 20)),
        (first, boundary % (1024 * 20))
    );
}

#[test]
fn a_half_that_dies_is_replaced_by_the_other() {
    let mut stage = Stage::new();
    stage.slots(60);
    stage.halves.kill(A);
    stage.slots(140);
    assert_replaced(&stage);
}

#[test]
fn a_phy_that_dies_behind_its_half_is_replaced_by_the_other() {
    let mut stage = Stage::new();
    stage.slots(60);
    stage.phys[0].kill();
    stage.slots(140);
    assert_replaced(&stage);
    // Alone in its half, it is waited for.
    assert_eq!(stage.halves.told(A, is_impossible), 1);
    assert_eq!(stage.halves.told(A, is_failover), 0);
}

#[test]
fn a_half_whose_network_is_cut_is_replaced_and_keeps_its_phy() {
    let mut stage = Stage::new();
    stage.slots(60);
    stage.halves.weather.silent[A] = true;
    stage.slots(140);
    assert_replaced(&stage);
    assert_fed(&stage.phys[0].report());
}

#[test]
fn the_phys_outlive_the_half_of_the_l2() {
    let mut stage = Stage::new();
    stage.slots(60);
    stage.halves.kill(L2_SIDE);
    stage.slots(400);
    stage.phys.iter().for_each(|phy| assert_fed(&phy.report()));
}

/// phy-b has taken over from phy-a, at the cost of slots of phy-a only.
fn assert_replaced(stage: &Stage) {
    let (l2, b) = (stage.l2.report(), stage.phys[1].report());
    assert_clock(&l2);
    assert_fed(&b);
    assert_eq!(stage.halves.told(L2_SIDE, is_failover), 1);
    let first_of_b = b.full_slots.unwrap().0;
    let (_, last_missing) = l2.answers.missing.slots.unwrap();
    assert!(last_missing < first_of_b, "{last_missing} {first_of_b}");
    // Two indications missing, half a slot of grace, and what was released ahead.
    assert!(
        first_of_b <= FIRST_SLOT + 60 + 2 + 1 + 4 + 1,
        "{first_of_b}"
    );
    let pause = l2.longest_pause_ns;
    assert!(pause <= 1_000_000, "{pause}");
}

fn is_failover(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Failover { .. })
}

fn is_impossible(kind: &EventKind) -> bool {
    matches!(kind, EventKind::FailoverImpossible { .. })
}

/// A run with a migration between the judge's own L2 and PHYs, over a network with that MTU; the L2 asks for blocks of up to `largest` bytes and cuts its
/// messages to `segment`.
fn judged(mtu: &str, (largest, segment): (u64, usize)) -> Halves {
    // The judge's L2 draws its PDUs at random: no limits hold.
    let edits = [("mtu: 9000", mtu), ("limits: oai", "limits: none")];
    let mut halves = Halves::new(&edits);
    let timing = Timing {
        mu: 1,
        first: FIRST_SLOT as i64,
        start: START.0,
        ahead: 4,
    };
    // As the two together: the half beside the L2 makes NULLs first, that beside a PHY for any PHY.
    let one = include_str!("../configs/two-phys.yaml").replace(
        "pipeline: 4 ",
        "null_deadline: 1ms\n      active_nulls: true\n      pipeline: 4 ",
    );
    let settings = Settings::parse(&one).unwrap();
    let mut l2 = cast::L2::new(&settings.peers[0], timing, 5);
    (l2.largest, l2.segment) = (largest, segment);
    let phy = |peer: usize| cast::Phy::new(&settings.peers[peer], timing, peer as u64);
    let mut stage = cast::Stage::new(l2, vec![phy(1), phy(2)]);
    let middle = START.0 + 30 * SLOT_NS;
    stage.play(&mut halves, middle);
    let slot = halves.migrate(Instant(middle), 1, Boundary::InSlots(10));
    let switch = Switch {
        cell: "cell-1".to_owned(),
        slot: slot as i64,
        from: "phy-a".to_owned(),
        to: "phy-b".to_owned(),
        cause: Cause::Planned {
            commanded_ns: middle,
        },
    };
    stage.play(&mut halves, START.0 + 90 * SLOT_NS);
    let verdict = judge(&Inputs {
        settings,
        ingress: stage.ingress,
        egress: stage.egress,
        switches: vec![switch],
        slack_ns: 400_000,
        ..Inputs::default()
    });
    assert!(verdict.holds(), "{verdict}");
    for rule in [Rule::Full, Rule::Delivered, Rule::Nulls, Rule::SlotOrder] {
        assert!(verdict.examined(rule) > 50, "{verdict}");
    }
    halves
}

#[test]
fn to_the_judge_of_one_appliance_two_halves_are_one() {
    judged("mtu: 9000", (600, 65_000));
}

#[test]
fn messages_of_60_kb_arrive_byte_for_byte_over_a_network_of_9000_bytes() {
    let halves = judged("mtu: 9000", (60_000, 65_000));
    assert_eq!(halves.longest, 14 + 28 + 8952);
}

#[test]
fn messages_of_60_kb_arrive_byte_for_byte_over_a_network_of_1500_bytes() {
    let halves = judged("mtu: 1500", (60_000, 1_452));
    assert_eq!(halves.longest, 14 + 1500);
}

#[test]
fn messages_in_pieces_survive_frames_that_overtake_each_other() {
    let mut stage = Stage::busy(1.0, &[("mtu: 9000", "mtu: 1500")]);
    stage.halves.weather = Weather {
        jitter: 150_000,
        ..Weather::FAIR
    };
    stage.slots(200);
    assert_clock(&stage.l2.report());
}
