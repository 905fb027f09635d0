//! A cell of both planes: the PHYs that the L2 feeds speak to one RU. Who has the slots on the fronthaul has
//! them on FAPI, through a migration and a failover, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/fapi_stage.rs"]
mod fapi_stage;

use appliance::{FROM_A, FROM_RU, Sender, at, clock, seen};
use fapi_stage::{SLOT_NS, START, Stage, example};
use ranshift::config::Config;
use ranshift::dataplane::mailbox::{Boundary, EventKind, Mode, Signal};
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{MemberId, PortId, SlotCount, SlotPoint};
use ranshift::wire::oran::emit::ControlSection;
use std::collections::BTreeMap;

const A: usize = 0;
const B: usize = 1;
const RU_PORT: PortId = PortId(0);
const DU_PORTS: [PortId; 2] = [PortId(2), PortId(3)];
/// As the example has it.
const FROM_B: Sender = Sender {
    vlan: Some(102),
    ..appliance::FROM_B
};

fn config() -> Config {
    example("ru-and-phys.yaml", &[])
}

/// With more to say about the failover.
fn config_with(failover: &str) -> Config {
    let asked = format!("failover: {{standby: [du-b], {failover}}}");
    example(
        "ru-and-phys.yaml",
        &[("failover: {standby: [du-b]}", &asked)],
    )
}

/// Both planes. A PHY sends fronthaul for what it was asked for, and nothing else.
struct Cell {
    stage: Stage,
    /// Members of which nothing comes over the fronthaul any more.
    cut: [bool; 2],
    numbers: [u8; 2],
    /// Which PHY was asked for each slot.
    asked: BTreeMap<SlotCount, usize>,
    /// DL C-plane messages that reached the RU, by slot.
    spoke: BTreeMap<SlotCount, u32>,
    /// Frames that the members sent, and that reached the RU.
    frames: (u32, u32),
}

impl Cell {
    fn new() -> Self {
        Self::of(&config())
    }

    fn of(config: &Config) -> Self {
        let stage = Stage::new(config, |plans| {
            for phy in &mut plans.phys {
                phy.first = clock().slot_at(START);
            }
        });
        Self {
            stage,
            cut: [false; 2],
            numbers: [0; 2],
            asked: BTreeMap::new(),
            spoke: BTreeMap::new(),
            frames: (0, 0),
        }
    }

    fn on_air(&self) -> SlotCount {
        clock().slot_at(self.stage.now)
    }

    fn slots(&mut self, slots: u64) {
        for _ in 0..slots {
            self.stage.slots(1);
            for (phy, sfn, slot) in std::mem::take(&mut self.stage.asked) {
                self.radiate(phy, SlotPoint { sfn, slot });
            }
            let uplink = FROM_RU.user(Uplink, at(0, 0, self.on_air(), 0));
            self.stage.offer(RU_PORT, uplink);
            self.look();
        }
    }

    fn radiate(&mut self, phy: usize, point: SlotPoint) {
        let slot = point.nearest(self.on_air(), clock().numerology());
        self.asked.insert(slot, phy);
        if self.cut[phy] {
            return;
        }
        self.frames.0 += 3;
        let (sender, ids) = [(FROM_A, 0), (FROM_B, 16)][phy];
        self.numbers[phy] = self.numbers[phy].wrapping_add(1);
        let at = at(ids, self.numbers[phy], slot, 0);
        let whole = [ControlSection::whole(0, 14)];
        for direction in [Downlink, Uplink] {
            let control = sender.control(direction, at, &whole);
            self.stage.offer(DU_PORTS[phy], control);
        }
        self.stage.offer(DU_PORTS[phy], sender.user(Downlink, at));
    }

    /// Notes what reached the RU.
    fn look(&mut self) {
        for (port, frame) in std::mem::take(&mut self.stage.others) {
            if port != RU_PORT {
                continue;
            }
            self.frames.1 += 1;
            let control = seen(&frame);
            if control.kind != 2 || control.body[0] >> 7 != 1 {
                continue;
            }
            // frameId, subframeId, slotId.
            let fields = u32::from_be_bytes(control.body[..4].try_into().unwrap());
            let frame = fields >> 16 & 0xff;
            let (subframe, slot) = (fields >> 12 & 0xf, fields >> 6 & 0x3f);
            let now = self.on_air();
            let ahead = (frame * 20 + subframe * 2 + slot + 5120 - (now.0 % 5120) as u32) % 5120;
            *self.spoke.entry(now.offset(i64::from(ahead))).or_default() += 1;
        }
    }

    /// Slots of the fronthaul that nobody spoke in, of those that are over.
    fn silent_slots(&self) -> Vec<SlotCount> {
        let first = *self.spoke.keys().next().unwrap();
        let last = self.on_air();
        let slots = (first.0..last.0).map(SlotCount);
        slots
            .filter(|slot| !self.spoke.contains_key(slot))
            .collect()
    }

    fn told(&self, kind: impl Fn(&EventKind) -> bool) -> usize {
        let events = self.stage.events.iter();
        events.filter(|event| kind(&event.kind)).count()
    }

    fn boundary(&self) -> SlotCount {
        let events = self.stage.events.iter().rev();
        let mut modes = events.filter_map(|event| match event.kind {
            EventKind::Mode {
                mode: Mode::Single(MemberId(1)),
                boundary,
                ..
            } => Some(boundary),
            _ => None,
        });
        modes.next().unwrap()
    }
}

#[test]
fn a_standby_that_is_silent_on_the_fronthaul_is_in_step_by_its_slots() {
    let mut cell = Cell::new();
    cell.slots(40);
    let in_step = |member| {
        cell.stage.events.iter().any(
            |event| matches!(event.kind, EventKind::InStep { member: MemberId(m) } if m == member),
        )
    };
    assert!(in_step(0) && in_step(1));
}

#[test]
fn fronthaul_and_fapi_change_hands_at_one_slot_and_no_slot_is_left_out() {
    let mut cell = Cell::new();
    cell.slots(60);
    let boundary = SlotCount(cell.stage.migrate(1, Boundary::InSlots(20)));
    cell.slots(80);
    assert_eq!(cell.boundary(), boundary);
    let l2 = cell.stage.l2.report();
    assert_eq!((l2.left_out.count, l2.answers.missing.count), (0, 0));
    assert_eq!(cell.silent_slots(), []);
    assert!(cell.spoke.values().all(|messages| *messages == 1));
    let asked = cell.asked.iter();
    let owner = |slot: &SlotCount| usize::from(*slot >= boundary);
    assert!(asked.clone().all(|(slot, phy)| *phy == owner(slot)));
    assert!(asked.len() > 130, "an L2 that asks for every slot");
    // What was sent last is on its way.
    let (sent, passed) = cell.frames;
    assert_eq!(sent, passed + 3, "a frame of the fronthaul was dropped");
}

#[test]
fn who_gave_its_slots_away_is_not_lost_and_takes_them_back() {
    let mut cell = Cell::new();
    cell.slots(60);
    cell.stage.migrate(1, Boundary::InSlots(20));
    cell.slots(300);
    cell.stage.migrate(0, Boundary::InSlots(20));
    cell.slots(80);
    let lost = cell
        .stage
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Lost { .. }));
    assert_eq!(lost.count(), 0);
    assert_eq!(cell.silent_slots(), []);
}

/// Slots from the death of A to the first that B has, on both planes.
fn failover(kill: impl FnOnce(&mut Cell)) -> (Cell, u64) {
    let mut cell = Cell::new();
    cell.slots(60);
    let died = cell.on_air();
    kill(&mut cell);
    cell.slots(60);
    let boundary = cell.boundary();
    let failovers = cell
        .stage
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Failover { .. }));
    assert_eq!(failovers.count(), 1);
    let silent = cell.silent_slots();
    assert!(
        silent.iter().all(|slot| *slot < boundary),
        "{silent:?}, {boundary:?}"
    );
    assert_eq!(cell.stage.l2.report().left_out.count, 0);
    let gap = boundary.0 - died.0;
    (cell, gap)
}

#[test]
fn a_phy_that_dies_is_replaced_on_both_planes() {
    let (_, gap) = failover(|cell| {
        cell.stage.phys[A].kill();
        cell.cut[A] = true;
    });
    assert!(gap <= 8, "{gap} slots of {SLOT_NS} ns");
}

#[test]
fn silence_of_the_fronthaul_alone_moves_fapi_too() {
    let (cell, _) = failover(|cell| cell.cut[A] = true);
    assert!(cell.stage.phys[B].report().full.dl_tti > 0);
}

#[test]
fn silence_of_fapi_alone_moves_the_fronthaul_too() {
    let (cell, _) = failover(|cell| cell.stage.phys[A].kill());
    assert!(cell.spoke.keys().any(|slot| *slot > cell.boundary()));
}

#[test]
fn members_that_fall_silent_together_are_waited_for_and_nobody_is_fenced() {
    let mut cell = Cell::new();
    cell.slots(60);
    for phy in &mut cell.stage.phys {
        phy.kill();
    }
    cell.cut = [true; 2];
    cell.slots(40);
    let events = &cell.stage.events;
    let fenced = |kind: &EventKind| matches!(kind, EventKind::Fenced { .. });
    assert!(!events.iter().any(|event| fenced(&event.kind)));
    let impossible = |kind: &EventKind| matches!(kind, EventKind::FailoverImpossible { .. });
    assert!(events.iter().any(|event| impossible(&event.kind)));
}

const FAILED_OVER: fn(&EventKind) -> bool = |kind| matches!(kind, EventKind::Failover { .. });

#[test]
fn where_all_planes_must_be_silent_one_is_told_and_not_acted_upon() {
    let mut cell = Cell::of(&config_with("lost_when: all"));
    cell.slots(60);
    cell.cut[A] = true;
    cell.slots(200);
    assert_eq!(cell.told(FAILED_OVER), 0);
    let unconfirmed = EventKind::Unconfirmed {
        member: MemberId(0),
        silent: 1,
        needed: 2,
    };
    assert_eq!(cell.told(|kind| *kind == unconfirmed), 1);
    cell.stage.phys[A].kill();
    cell.slots(40);
    assert_eq!(cell.told(FAILED_OVER), 1);
    assert!(cell.spoke.keys().any(|slot| *slot > cell.boundary()));
}

#[test]
fn a_plane_that_is_heard_again_counts_no_longer() {
    let mut cell = Cell::of(&config_with("lost_when: 2"));
    cell.slots(60);
    cell.cut[A] = true;
    cell.slots(60);
    cell.cut[A] = false;
    cell.slots(60);
    cell.stage.phys[A].kill();
    let silent = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::Lost {
                signal: Signal::Fapi,
                ..
            }
        )
    };
    while cell.told(silent) == 0 {
        cell.slots(1);
    }
    assert_eq!(cell.told(FAILED_OVER), 0);
}

#[test]
fn a_plane_that_does_not_count_causes_no_failover() {
    let mut cell = Cell::of(&config_with("signals: [fapi]"));
    cell.slots(60);
    cell.cut[A] = true;
    cell.slots(200);
    let lost = |signal| move |kind: &EventKind| matches!(kind, EventKind::Lost { signal: s, .. } if *s == signal);
    assert_eq!(cell.told(lost(Signal::Fronthaul)), 1);
    assert_eq!(cell.told(FAILED_OVER), 0);
    cell.stage.phys[A].kill();
    cell.slots(40);
    assert_eq!(cell.told(lost(Signal::Fapi)), 1);
    assert_eq!(cell.told(FAILED_OVER), 1);
}
