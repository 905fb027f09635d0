//! The FAPI plane through the journey, a frame at a time: who is given what of each request, what the L2
//! hears, and what the slot clock adds. Frames are built and read by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/p7.rs"]
mod p7;

use p7::{L2, PHY_A, PHY_B, Place, crc, sum16};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event, EventKind};
use ranshift::dataplane::verdict::DropReason;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{CellId, Instant, MemberId, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::sync::Arc;

const SLOT_NS: u64 = 500_000;
const START: Instant = Instant(1_000_000_000_000);
const DL_TTI: u16 = 0x80;
const UL_TTI: u16 = 0x81;
const SLOT: u16 = 0x82;
const TX_DATA: u16 = 0x84;
const DL_NODE_SYNC: u16 = 0x181;
const CRC: u16 = 0x86;
/// A DL_TTI body of one PDU of 8 bytes, behind SFN and slot.
const ONE_PDU: [u8; 10] = [1, 0, 0, 1, 0, 8, 9, 9, 9, 9];

/// A datagram that left.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Left {
    port: usize,
    message: u16,
    sequence: u8,
    more: bool,
    body: Vec<u8>,
}

struct Bench {
    worker: Worker<ReplayFrame>,
    io: ReplayIo,
    now: Instant,
    events: Vec<Event>,
}

impl Bench {
    fn new(edit: impl Fn(String) -> String) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/two-phys.yaml");
        let text = std::fs::read_to_string(file).unwrap();
        // Most requests here are no more than SFN, slot and some bytes.
        let text = edit(text).replace("    limits: oai", "    limits: none");
        let loaded = config::parse(&text, "two-phys.yaml");
        let config = loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config;
        let tables = Arc::new(compile(&config, 1));
        Self {
            worker: Worker::new(tables, Clock::Stamps),
            io: ReplayIo::default(),
            now: START,
            events: Vec::new(),
        }
    }

    /// Both PHYs have indicated slot 0 at the start; the active one's went to the L2.
    fn running() -> Self {
        Self::running_with(|text| text)
    }

    fn running_with(edit: impl Fn(String) -> String) -> Self {
        let mut bench = Self::new(edit);
        assert_eq!(bench.indicate(PHY_A, 0).len(), 1);
        assert_eq!(bench.indicate(PHY_B, 0), []);
        bench
    }

    /// `nanos` after the start.
    fn go_to(&mut self, nanos: u64) -> Vec<Left> {
        self.now = START.offset(nanos as i64);
        self.worker.tick(self.now);
        self.worker.flush(&mut self.io, self.now);
        self.left()
    }

    fn receive(&mut self, from: Place, frame: &[u8]) -> Vec<Left> {
        let port = PortId(from.port);
        let frame = ReplayFrame::new(frame, frame.len(), None, self.now);
        self.io.offer(port, frame);
        self.worker
            .poll(&mut self.io, port, self.now, &mut Unobserved);
        self.left()
    }

    fn left(&mut self) -> Vec<Left> {
        self.events.extend(self.worker.drain_events());
        let ledger = self.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        self.io
            .take_sent()
            .map(|(port, frame)| read(port.index(), frame.bytes()))
            .collect()
    }

    fn say(&mut self, from: Place, message: u16, slot: u32, rest: &[u8]) -> Vec<Left> {
        let body = [&point(slot), rest].concat();
        self.receive(from, &frame(from, message, &body))
    }

    fn indicate(&mut self, from: Place, slot: u32) -> Vec<Left> {
        self.say(from, SLOT, slot, &[])
    }

    /// Slots 1 to `last`, a slot apart, indicated by all of `phys`; what left besides those indications.
    fn tick_on(&mut self, phys: &[Place], slots: std::ops::RangeInclusive<u32>) -> Vec<Left> {
        let mut others = Vec::new();
        for slot in slots {
            let made = self.go_to(u64::from(slot) * SLOT_NS);
            others.extend(made);
            for phy in phys {
                let left = self.indicate(*phy, slot);
                others.extend(left.into_iter().filter(|one| one.message != SLOT));
            }
        }
        others
    }

    fn command(&mut self, boundary: Boundary, action: Action) {
        let command = Command {
            id: 1,
            term: 1,
            cell: CellId(0),
            boundary,
            action,
        };
        self.worker.command(self.now, &command);
        self.events.extend(self.worker.drain_events());
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.worker.counters().drops.of(reason)
    }
}

/// SFN and slot of a count from 0.
fn point(slot: u32) -> [u8; 4] {
    let (sfn, slot) = ((slot / 20 % 1024) as u16, (slot % 20) as u16);
    let [a, b] = sfn.to_be_bytes();
    let [c, d] = slot.to_be_bytes();
    [a, b, c, d]
}

fn datagram(message: u16, body: &[u8]) -> Vec<u8> {
    let mut head = vec![0, 1];
    head.extend_from_slice(&message.to_be_bytes());
    head.extend_from_slice(&(18 + body.len() as u32).to_be_bytes());
    head.extend_from_slice(&[0, 0]);
    let checksum = crc(&[&head, &[0; 4], body]);
    head.extend_from_slice(&checksum.to_be_bytes());
    head.extend_from_slice(&[0, 0, 0, 77]);
    [&head, body].concat()
}

/// A frame of `from` to the appliance.
fn frame(from: Place, message: u16, body: &[u8]) -> Vec<u8> {
    p7::frame(from, &datagram(message, body))
}

/// Reads a frame that left for the peer of its port; everything about it must be true.
fn read(port: usize, frame: &[u8]) -> Left {
    let to = [L2, PHY_A, PHY_B][port];
    assert_eq!(frame[..6], to.mac);
    assert_eq!(frame[6..12], to.facing);
    assert_eq!(frame[12..14], [8, 0]);
    let ip = &frame[14..];
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    assert_eq!(sum16(0, &ip[..20]), 0xffff, "IPv4 checksum");
    assert_eq!((&ip[12..16], &ip[16..20]), (&to.own[..], &to.ip[..]));
    let udp = &ip[20..total];
    assert_eq!(usize::from(u16::from_be_bytes([udp[4], udp[5]])), udp.len());
    let ports = [to.udp.1.to_be_bytes(), to.udp.0.to_be_bytes()].concat();
    assert_eq!(udp[..4], ports);
    let pseudo = [&to.own[..], &to.ip, &[0, 17], &udp[4..6]].concat();
    let sum = sum16(u32::from(sum16(0, &pseudo)), udp);
    assert_eq!(sum, 0xffff, "UDP checksum");
    let (head, body) = udp[8..].split_at(18);
    assert_eq!(head[..2], [0, 1]);
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    assert_eq!(length as usize, udp.len() - 8);
    assert_eq!(
        crc(&[&head[..10], &[0; 4], body]).to_be_bytes(),
        head[10..14]
    );
    Left {
        port,
        message: u16::from_be_bytes([head[2], head[3]]),
        sequence: head[9],
        more: head[8] & 0x80 != 0,
        body: body.to_vec(),
    }
}

#[test]
fn a_request_goes_whole_to_the_active_phy_and_as_null_to_the_other() {
    let mut bench = Bench::running();
    let left = bench.say(L2, DL_TTI, 1, &ONE_PDU);
    let null = [&point(1)[..], &[0, 0]].concat();
    let whole = [&point(1)[..], &ONE_PDU].concat();
    let told: Vec<_> = left
        .iter()
        .map(|one| (one.port, one.body.clone()))
        .collect();
    assert_eq!(told, [(1, whole), (2, null)]);
}

#[test]
fn each_peer_has_numbers_of_its_own() {
    let mut bench = Bench::running();
    bench.say(L2, DL_TTI, 1, &ONE_PDU);
    let left = bench.say(L2, UL_TTI, 1, &[0, 0, 0, 0, 0]);
    let numbers: Vec<_> = left.iter().map(|one| (one.port, one.sequence)).collect();
    assert_eq!(numbers, [(1, 1), (2, 1)]);
    bench.go_to(SLOT_NS);
    let left = bench.indicate(PHY_A, 1);
    let to_l2: Vec<_> = left.iter().map(|one| (one.port, one.sequence)).collect();
    assert_eq!(to_l2, [(0, 1)]);
}

#[test]
fn a_standby_is_not_heard() {
    let mut bench = Bench::running();
    assert_eq!(bench.say(PHY_B, CRC, 0, &[0, 0]), []);
    assert_eq!(bench.dropped(DropReason::NotActive), 2);
    assert_eq!(bench.say(PHY_A, CRC, 0, &[0, 0]).len(), 1);
}

#[test]
fn a_standby_without_requests_is_given_null_ones_by_the_clock() {
    let mut bench = Bench::running();
    // Slot 0 is on air 4 slots after it was indicated; NULLs are due half a slot before.
    let made = bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    let nulls: Vec<_> = made.iter().map(|one| (one.port, one.message)).collect();
    assert_eq!(nulls, [(2, DL_TTI), (2, UL_TTI)]);
    assert_eq!(made[0].body[..4], point(0));
    // What comes afterwards adds none.
    let late = bench.say(L2, DL_TTI, 0, &ONE_PDU);
    assert_eq!(late.iter().map(|one| one.port).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_missing_slot_indication_is_made_up() {
    let mut bench = Bench::running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=1);
    // That of slot 2 does not come.
    bench.go_to(2 * SLOT_NS);
    let made = bench.go_to(2 * SLOT_NS + SLOT_NS / 2);
    let made: Vec<_> = made.iter().filter(|one| one.message == SLOT).collect();
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].port, &made[0].body[..]), (0, &point(2)[..]));
    assert_eq!(bench.indicate(PHY_A, 2), []);
    assert_eq!(bench.dropped(DropReason::SlotRepeated), 1);
}

#[test]
fn slots_that_were_passed_over_are_made_up_before_the_one_that_comes() {
    let mut bench = Bench::running();
    let left = bench.indicate(PHY_A, 3);
    let slots: Vec<_> = left.iter().map(|one| one.body.clone()).collect();
    assert_eq!(slots, [point(1), point(2), point(3)]);
    let numbers: Vec<_> = left.iter().map(|one| one.sequence).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn a_migration_takes_effect_by_the_slot_inside_the_message() {
    let mut bench = Bench::running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=2);
    let to = MemberId(1);
    bench.command(Boundary::Sfn { sfn: 0, slot: 6 }, Action::Switch { to });
    let full = |left: Vec<Left>| left.iter().find(|one| one.body.len() > 6).unwrap().port;
    assert_eq!(full(bench.say(L2, DL_TTI, 6, &ONE_PDU)), 2);
    assert_eq!(full(bench.say(L2, DL_TTI, 5, &ONE_PDU)), 1);
}

#[test]
fn a_silent_phy_is_replaced_at_the_first_slot_that_nobody_was_given() {
    let mut bench = Bench::running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    bench.say(L2, DL_TTI, 4, &ONE_PDU);
    // Two indications are missing: those of slots 5 and 6.
    bench.tick_on(&[PHY_B], 5..=5);
    bench.tick_on(&[PHY_B], 6..=6);
    bench.go_to(6 * SLOT_NS + SLOT_NS / 2);
    let modes = bench.events.iter().filter_map(|event| match event.kind {
        EventKind::Mode { boundary, .. } => Some(boundary),
        _ => None,
    });
    let boundary = modes.collect::<Vec<_>>().pop().unwrap();
    assert!(bench.events.iter().any(|event| matches!(
        event.kind,
        EventKind::Failover {
            from: MemberId(0),
            to: MemberId(1),
            ..
        }
    )));
    assert_eq!(boundary.0 % 20480, 5);
    assert_eq!(
        bench
            .indicate(PHY_B, 7)
            .iter()
            .filter(|one| one.port == 0)
            .count(),
        1
    );
    let left = bench.say(L2, DL_TTI, 7, &ONE_PDU);
    let full = left.iter().filter(|one| one.body.len() > 6);
    assert_eq!(full.map(|one| one.port).collect::<Vec<_>>(), [2]);
    // The dead one is fenced: it is kept alive should it come back, and what it says is not heard.
    assert_eq!(left.iter().filter(|one| one.port == 1).count(), 1);
    assert_eq!(bench.indicate(PHY_A, 8), []);
    assert_eq!(bench.dropped(DropReason::Fenced), 1);
}

#[test]
fn a_phy_that_p5_says_is_gone_is_replaced_at_once_and_one_that_was_stopped_is_not() {
    let failovers = |action| {
        let mut bench = Bench::running();
        bench.tick_on(&[PHY_A, PHY_B], 1..=4);
        bench.command(Boundary::Next, action);
        let events = bench.events.iter();
        events
            .filter(|event| matches!(event.kind, EventKind::Failover { .. }))
            .count()
    };
    let member = MemberId(0);
    assert_eq!(failovers(Action::PhyGone { member }), 1);
    let runs = false;
    assert_eq!(failovers(Action::Phy { member, runs }), 0);
    // A standby may go: nobody takes over.
    let member = MemberId(1);
    assert_eq!(failovers(Action::PhyGone { member }), 0);
}

#[test]
fn a_phy_that_is_gone_is_told_as_heard_when_it_was() {
    let mut bench = Bench::running();
    bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    let heard = bench.now;
    bench.tick_on(&[PHY_B], 5..=5);
    let member = MemberId(0);
    bench.command(Boundary::Next, Action::PhyGone { member });
    let told = bench.events.iter().find_map(|event| match event.kind {
        EventKind::Failover { last_heard, .. } => Some(last_heard),
        _ => None,
    });
    assert_eq!(told, Some(heard));
}

#[test]
fn what_a_lost_phy_owed_is_told_to_have_failed_where_that_is_wanted() {
    let mut bench = Bench::running_with(|text| {
        text.replace("      confirm: 2", "      fail_crc: true\n      confirm: 1")
    });
    bench.tick_on(&[PHY_A, PHY_B], 1..=2);
    let pusch = [&[0, 1, 0, 95, 0, 1, 0x12, 0x34, 0, 0, 0, 7][..], &[0; 83]].concat();
    let body = [&[1, 0, 1, 0, 0][..], &pusch].concat();
    assert_eq!(bench.say(L2, UL_TTI, 2, &body).len(), 2);
    let mut made = bench.go_to(3 * SLOT_NS);
    made.extend(bench.indicate(PHY_B, 3));
    made.extend(bench.go_to(4 * SLOT_NS));
    let crcs: Vec<_> = made.iter().filter(|one| one.message == CRC).collect();
    assert_eq!(crcs.len(), 1);
    assert_eq!(crcs[0].body[..6], [&point(2)[..], &[0, 1]].concat());
    assert_eq!(crcs[0].body[6..13], [0, 0, 0, 7, 0x12, 0x34, 0]);
}

#[test]
fn a_message_above_the_segment_of_a_peer_is_cut_for_it() {
    let mut bench = Bench::running_with(|text| {
        text.replacen(
            "    segment: 1452\n    limits",
            "    segment: 300\n    limits",
            1,
        )
    });
    let tlv: Vec<u8> = (0..1000).map(|n| n as u8).collect();
    let mut rest = vec![0, 1, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0xe8];
    rest.extend_from_slice(&tlv);
    let left = bench.say(L2, TX_DATA, 1, &rest);
    let full: Vec<_> = left.iter().filter(|one| one.port == 1).collect();
    assert_eq!(
        full.iter().map(|one| one.more).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    let bodies: Vec<u8> = full.iter().flat_map(|one| one.body.clone()).collect();
    assert_eq!(bodies, [&point(1)[..], &rest].concat());
    let nulls = left.iter().filter(|one| one.port == 2).count();
    assert_eq!(nulls, 1);
}

#[test]
fn what_is_damaged_is_refused_with_its_reason() {
    let mut bench = Bench::running();
    let body = [&point(1)[..], &ONE_PDU].concat();
    let good = frame(L2, DL_TTI, &body);
    let mut wrong_sum = good.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    assert_eq!(bench.receive(L2, &wrong_sum), []);
    assert_eq!(bench.dropped(DropReason::P7Checksum), 1);
    assert_eq!(bench.say(L2, SLOT, 1, &[]), []);
    assert_eq!(bench.dropped(DropReason::WrongWay), 1);
    let beyond = [&[4, 0, 0, 0][..], &ONE_PDU].concat();
    assert_eq!(bench.receive(L2, &frame(L2, DL_TTI, &beyond)), []);
    assert_eq!(bench.dropped(DropReason::P7Malformed), 1);
}

#[test]
fn a_header_of_another_phy_or_of_early_2024_is_refused() {
    let mut bench = Bench::running();
    let body = [&point(1)[..], &ONE_PDU].concat();
    let mut other = datagram(DL_TTI, &body);
    other[1] = 2;
    let checksum = crc(&[&other[..10], &[0; 4], &body]);
    other[10..14].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(bench.receive(L2, &p7::frame(L2, &other)), []);
    assert_eq!(bench.dropped(DropReason::P7Phy), 1);
    let length = (16 + body.len() as u16).to_be_bytes();
    let old = [&[0, 1, 0, 0x80][..], &length, &[0; 10], &body].concat();
    assert_eq!(bench.receive(L2, &p7::frame(L2, &old)), []);
    assert_eq!(bench.dropped(DropReason::P7OldHeader), 1);
}

#[test]
fn more_pdus_than_oai_has_room_for_are_not_passed_on_to_it() {
    // Two spaces keep the limits that the other tests do without.
    let mut bench = Bench::running_with(|text| text.replace("limits: oai", "limits:  oai"));
    let pdus = [0, 0, 0, 4].repeat(33);
    let body = [&[33, 0][..], &pdus].concat();
    assert_eq!(bench.say(L2, DL_TTI, 1, &body), []);
    assert_eq!(bench.dropped(DropReason::P7Limits), 1);
}

#[test]
fn a_phy_that_p5_has_not_started_is_given_nothing() {
    let p5 = "      p5: {transport: tcp, l2: \"127.0.0.1:1\", listen: \"127.0.0.1:2\"}\n      confirm: 2";
    let mut bench = Bench::new(|text| text.replace("      confirm: 2", p5));
    bench.indicate(PHY_A, 0);
    assert_eq!(bench.say(L2, DL_TTI, 1, &ONE_PDU), []);
    assert_eq!(bench.dropped(DropReason::NotRunning), 1);
    let (member, runs) = (MemberId(0), true);
    bench.command(Boundary::Next, Action::Phy { member, runs });
    assert_eq!(bench.say(L2, DL_TTI, 2, &ONE_PDU).len(), 1);
}

#[test]
fn a_null_request_that_comes_after_the_one_of_the_clock_is_dropped() {
    let mut bench = Bench::running_with(|text| {
        text.replace(
            "      confirm: 2",
            "      active_nulls: true\n      confirm: 2",
        )
    });
    bench.tick_on(&[PHY_A, PHY_B], 1..=4);
    assert_eq!(bench.say(L2, DL_TTI, 0, &[0, 0]), []);
    assert_eq!(bench.dropped(DropReason::RequestRepeated), 1);
}

#[test]
fn a_standby_of_another_count_is_not_in_step() {
    let mut bench = Bench::running();
    bench.tick_on(&[PHY_A], 1..=2);
    let in_step = |bench: &Bench| {
        let events = bench.events.iter();
        let members = events.filter_map(|event| match event.kind {
            EventKind::InStep { member } => Some(member.0),
            _ => None,
        });
        members.collect::<Vec<_>>()
    };
    assert_eq!(in_step(&bench), [0, 1]);
    let mut far = Bench::new(|text| text);
    far.indicate(PHY_A, 0);
    far.indicate(PHY_B, 5_000);
    assert_eq!(in_step(&far), [0]);
}

#[test]
fn node_sync_reaches_a_phy_that_counts_elsewhere_as_it_is() {
    let mut bench =
        Bench::running_with(|text| text.replace("phy-a: {}", "phy-a: {slot_offset: 7}"));
    let body = [0x01, 0x23, 0x45, 0x67, 0, 0, 0, 9];
    let left = bench.receive(L2, &frame(L2, DL_NODE_SYNC, &body));
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|one| one.body == body), "{left:?}");
}
