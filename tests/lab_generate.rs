//! The generator against what it promises: timing, counts, numbers, loss, death, marks, and the same
//! bytes for the same seed. Frames are read with `wire`, and by tshark in `lab_tshark.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/lab_config.rs"]
mod lab_config;

use ranshift::config::{self, Config};
use ranshift::lab::{
    Class, Generator, LeadProfile, Life, Load, Mark, Plan, RadioTiming, Sender, SlotShape, Style,
    Tdd,
};
use ranshift::ran::{
    CyclicPrefix, Direction, Duration, EaxcId, Instant, SlotClock, SlotCount, WireSlot,
};
use ranshift::wire::ecpri::{Ecpri, MessageType, Size, Stream};
use ranshift::wire::ethernet::Ethernet;
use ranshift::wire::oran::cplane::Cplane;
use ranshift::wire::oran::header::RadioHeader;
use ranshift::wire::oran::uplane::{self, Format};
use std::collections::{BTreeMap, BTreeSet};

/// What one frame says, read from its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Heard {
    port: u8,
    at: Instant,
    sender: Sender,
    class: Class,
    slot: SlotCount,
    symbol: u8,
    eaxc: EaxcId,
    sequence: u8,
    stored: usize,
    len: usize,
    mark: Option<Mark>,
}

fn edited(edits: &[(&str, &str)]) -> Config {
    let text = lab_config::edited(edits);
    config::parse(&text, "edited.yaml").unwrap().config
}

fn plan(config: &Config, millis: u64) -> Plan {
    Plan {
        duration: Duration::from_millis(millis),
        ..Plan::new(config)
    }
}

fn steady(config: &Config, millis: u64) -> Plan {
    let mut plan = plan(config, millis);
    for du in &mut plan.dus {
        du.leads = LeadProfile::named("steady").unwrap();
    }
    plan
}

/// Every frame, each read whole: header fields must be those that the generator says they are.
fn hear(config: &Config, plan: Plan) -> Vec<Heard> {
    let mut generator = Generator::new(config, plan).unwrap();
    let mut heard = Vec::new();
    while let Some(frame) = generator.next_frame() {
        let cell = &config.cells[frame.cell.index()];
        let (ethernet, pdu) = Ethernet::parse(frame.bytes).unwrap();
        assert_eq!(ethernet.vlans().count(), 1);
        let policy = match frame.bytes.len() < frame.original_len {
            true => Size::Lenient,
            false => Size::Strict,
        };
        let (ecpri, payload) = Ecpri::parse(pdu, policy).unwrap();
        let (stream, message) = Stream::parse(payload).unwrap();
        let (radio, body) = RadioHeader::parse(message).unwrap();
        assert_eq!(radio.direction(), frame.class.direction());
        assert_eq!(
            radio.wire_slot(cell.numerology),
            Some(WireSlot::of(frame.slot, cell.numerology))
        );
        assert_eq!(radio.symbol(), frame.symbol);
        let compression = match radio.direction() {
            Direction::Downlink => cell.downlink_compression,
            Direction::Uplink => cell.uplink_compression,
        };
        let mut mark = None;
        if ecpri.message_type() == MessageType::RealTimeControl {
            let (cplane, _) = Cplane::parse(message).unwrap();
            let sections = cplane.sections().map(Result::unwrap).count();
            assert_eq!(sections, usize::from(cplane.number_of_sections()));
        } else {
            mark = Mark::read(body, compression);
            let format = Format {
                header: compression.header,
                method: compression.method,
                width: compression.width,
                length: false,
                carrier_prbs: cell.carrier_prbs,
            };
            if policy == Size::Strict {
                let sections = uplane::sections(body, format).map(Result::unwrap);
                assert_eq!(
                    sections.map(|section| section.range().len()).sum::<usize>(),
                    body.len()
                );
            }
        }
        heard.push(Heard {
            port: frame.port.0,
            at: frame.at,
            sender: frame.sender,
            class: frame.class,
            slot: frame.slot,
            symbol: frame.symbol,
            eaxc: stream.eaxc(),
            sequence: stream.sequence().0,
            stored: frame.bytes.len(),
            len: frame.original_len,
            mark,
        });
    }
    heard
}

fn count(heard: &[Heard], sender: Sender, class: Class) -> usize {
    let of = heard.iter().filter(|frame| frame.sender == sender);
    of.filter(|frame| frame.class == class).count()
}

fn clock(config: &Config) -> SlotClock {
    SlotClock::from_gps(config.cells[0].numerology, CyclicPrefix::Normal, 0, 0)
}

const DU_1: Sender = Sender::Du(0);
const RU_1: Sender = Sender::Ru(0);

#[test]
fn frames_come_in_the_order_of_their_time() {
    let config = edited(&[]);
    let heard = hear(&config, plan(&config, 100));
    assert!(heard.is_sorted_by_key(|frame| frame.at));
    assert!(heard.len() > 10_000);
}

#[test]
fn each_class_has_as_many_frames_as_the_pattern_says() {
    let config = edited(&[]);
    let heard = hear(&config, plan(&config, 100)); // 20 patterns of 10 slots, 10 radio frames
    assert_eq!(count(&heard, DU_1, Class::DownlinkControl), 20 * 7 * 4);
    assert_eq!(
        count(&heard, DU_1, Class::DownlinkUser),
        20 * (6 * 14 + 8) * 4
    );
    assert_eq!(count(&heard, DU_1, Class::UplinkControl), 20 * 3 * 4);
    assert_eq!(count(&heard, DU_1, Class::PrachControl), 10 * 4);
    assert_eq!(count(&heard, RU_1, Class::UplinkUser), 20 * 3 * 14 * 4);
    assert_eq!(count(&heard, RU_1, Class::PrachUser), 10 * 12 * 4);
}

#[test]
fn every_symbol_of_downlink_leaves_its_lead_before_its_air_time() {
    for mu in 0..=3u8 {
        let config = edited(&[("numerology: 1 ", &format!("numerology: {mu} "))]);
        let clock = clock(&config);
        let lead = (236_700 * 2) >> mu;
        for frame in hear(&config, steady(&config, 20)) {
            if frame.class != Class::DownlinkUser || frame.eaxc != EaxcId(0) {
                continue;
            }
            let late = frame.at.nanos_since(clock.air(frame.slot, frame.symbol)) + lead;
            assert!((0..200).contains(&late), "mu {mu}: {late} ns");
        }
    }
}

#[test]
fn a_numerology_changes_slots_not_patterns() {
    for (mu, patterns) in [(0u8, 10), (1, 20), (2, 40), (3, 80)] {
        let config = edited(&[("numerology: 1 ", &format!("numerology: {mu} "))]);
        let heard = hear(&config, steady(&config, 100));
        assert_eq!(count(&heard, DU_1, Class::UplinkControl), patterns * 3 * 4);
    }
}

#[test]
fn answers_follow_the_air_time_of_their_symbol() {
    let config = edited(&[]);
    let clock = clock(&config);
    for frame in hear(&config, plan(&config, 50)) {
        if frame.sender != RU_1 {
            continue;
        }
        let after = frame
            .at
            .nanos_since(clock.air(frame.slot, frame.symbol + 1));
        assert!((25_000..40_000).contains(&after), "{after}");
    }
}

#[test]
fn an_emulator_answers_all_symbols_at_once_ahead_of_air_time() {
    let config = edited(&[]);
    let clock = clock(&config);
    let mut plan = steady(&config, 50);
    plan.radio = RadioTiming::AtOnce(Duration::from_micros(30));
    let heard = hear(&config, plan);
    let last = heard
        .iter()
        .filter(|frame| frame.class == Class::UplinkUser && frame.symbol == 13);
    for frame in last {
        assert!(frame.at < clock.air(frame.slot, 0));
    }
}

#[test]
fn no_downlink_u_plane_leaves_before_the_c_plane_that_covers_it() {
    let config = edited(&[]);
    let mut plan = plan(&config, 500);
    let late = LeadProfile::named("two_du_same_cell_du1_stops_headers").unwrap();
    plan.dus[0].leads = late;
    let mut described = BTreeSet::new();
    for frame in hear(&config, plan) {
        let key = (frame.sender, frame.slot, frame.eaxc);
        match frame.class {
            Class::DownlinkControl => drop(described.insert(key)),
            Class::DownlinkUser => assert!(described.contains(&key)),
            _ => {}
        }
    }
}

#[test]
fn numbers_of_each_domain_count_up_by_one() {
    let config = edited(&[]);
    let mut expected: BTreeMap<_, u8> = BTreeMap::new();
    for frame in hear(&config, plan(&config, 200)) {
        let control = matches!(
            frame.class,
            Class::DownlinkControl | Class::UplinkControl | Class::PrachControl
        );
        let direction = frame.class.direction();
        let key = (frame.sender, frame.eaxc, control, direction);
        let next = expected.entry(key).or_insert(frame.sequence);
        assert_eq!(*next, frame.sequence, "{key:?}");
        *next = next.wrapping_add(1);
    }
}

#[test]
fn a_gpu_du_shuffles_the_numbers_of_a_slot_without_loss() {
    let config = edited(&[]);
    let mut plan = plan(&config, 50);
    plan.dus[0].shuffled = true;
    let mut slots: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    for frame in hear(&config, plan) {
        if frame.sender == DU_1 && frame.class == Class::DownlinkUser {
            slots
                .entry((frame.eaxc, frame.slot))
                .or_default()
                .push(frame.sequence);
        }
    }
    let steps = slots.values().flat_map(|block| block.windows(2));
    assert!(
        steps
            .filter(|pair| pair[1] != pair[0].wrapping_add(1))
            .count()
            > 1_000
    );
    for block in slots.values() {
        let numbers: BTreeSet<u8> = block.iter().copied().collect();
        assert_eq!(numbers.len(), block.len());
        let starts = numbers
            .iter()
            .filter(|n| !numbers.contains(&n.wrapping_sub(1)));
        assert_eq!(starts.count(), 1);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let config = edited(&[]);
    let bytes = |seed| {
        let mut plan = plan(&config, 20);
        (plan.seed, plan.radio_loss, plan.dus[0].loss) = (seed, 0.01, 0.01);
        let mut generator = Generator::new(&config, plan).unwrap();
        let mut all = Vec::new();
        while let Some(frame) = generator.next_frame() {
            all.extend_from_slice(&frame.at.0.to_be_bytes());
            all.extend_from_slice(frame.bytes);
        }
        (all, generator.truth())
    };
    assert!(bytes(7) == bytes(7));
    assert!(bytes(7).0 != bytes(8).0);
}

#[test]
fn a_second_du_changes_nothing_of_the_first() {
    let config = edited(&[]);
    let mut alone = plan(&config, 50);
    alone.dus[1].lives.clear();
    let first = |plan| {
        let mut heard = hear(&config, plan);
        heard.retain(|frame| frame.sender == DU_1);
        heard
    };
    assert_eq!(first(alone), first(plan(&config, 50)));
}

#[test]
fn the_lost_share_is_within_five_sigma_and_the_truth_knows_it() {
    let config = edited(&[]);
    let mut plan = plan(&config, 1_000);
    plan.snap = Some(64);
    plan.dus[0].loss = 0.001;
    let mut generator = Generator::new(&config, plan).unwrap();
    while generator.next_frame().is_some() {}
    let truth = generator.truth();
    let du_1 = &truth.members[0];
    let lost: u64 = du_1.lost.values().sum();
    let all = lost + du_1.made.values().sum::<u64>();
    let expected = all as f64 * 0.001;
    assert!(
        (lost as f64 - expected).abs() < 5.0 * expected.sqrt(),
        "{lost} of {all}"
    );
    assert!(truth.members[1].lost.is_empty());
}

#[test]
fn a_lost_frame_has_a_number_that_nothing_else_has() {
    let config = edited(&[]);
    let mut plan = plan(&config, 100);
    plan.dus[0].loss = 0.01;
    let mut generator = Generator::new(&config, plan.clone()).unwrap();
    while generator.next_frame().is_some() {}
    let lost = generator.truth().members[0].lost["downlink_user"];
    let mut last: BTreeMap<EaxcId, u8> = BTreeMap::new();
    let mut missing = 0;
    for frame in hear(&config, plan) {
        if frame.sender != DU_1 || frame.class != Class::DownlinkUser {
            continue;
        }
        if let Some(last) = last.insert(frame.eaxc, frame.sequence) {
            missing += u64::from(frame.sequence.wrapping_sub(last).wrapping_sub(1));
        }
    }
    assert!(
        missing > 0 && missing.abs_diff(lost) <= 4,
        "{missing} of {lost}"
    );
}

#[test]
fn death_stops_every_frame_of_that_du_and_of_no_other() {
    let config = edited(&[]);
    let mut plan = plan(&config, 100);
    let death = plan.start.after(Duration::from_micros(50_123));
    plan.dus[0].lives = Life::from_changes([(death, false)]);
    let end = plan.start.after(plan.duration);
    let heard = hear(&config, plan);
    let last = |sender| {
        heard
            .iter()
            .rfind(|frame| frame.sender == sender)
            .unwrap()
            .at
    };
    assert!(last(DU_1) < death);
    assert!(death.nanos_since(last(DU_1)) < 2_500_000);
    assert!(end.nanos_since(last(Sender::Du(1))) < 2_500_000);
}

#[test]
fn a_restarted_process_counts_from_zero() {
    let config = edited(&[]);
    let mut plan = plan(&config, 100);
    let at = |millis| plan.start.after(Duration::from_millis(millis));
    let (death, restart) = (at(40), at(60));
    plan.dus[0].lives = Life::from_changes([(death, false), (restart, true)]);
    let heard = hear(&config, plan);
    let own = heard.iter().filter(|frame| frame.sender == DU_1);
    let mut after = own.filter(|frame| frame.at >= death);
    let first = after.next().unwrap();
    assert!(first.at >= restart);
    assert_eq!(first.sequence, 0);
}

#[test]
fn an_idle_du_sends_downlink_in_broadcast_slots_only_but_asks_for_all_uplink() {
    let config = edited(&[]);
    let mut plan = plan(&config, 100);
    plan.dus[0].load = Load::Idle;
    let heard = hear(&config, plan);
    let own: Vec<&Heard> = heard.iter().filter(|frame| frame.sender == DU_1).collect();
    let downlink = own
        .iter()
        .filter(|frame| frame.class == Class::DownlinkUser);
    let slots: BTreeSet<SlotCount> = downlink.map(|frame| frame.slot).collect();
    assert!(slots.iter().all(|slot| slot.position(40) == 0));
    assert_eq!(slots.len(), 5);
    assert_eq!(count(&heard, DU_1, Class::UplinkControl), 20 * 3 * 4);
}

#[test]
fn every_u_plane_frame_is_marked_by_its_maker_in_order() {
    let config = edited(&[]);
    let mut serials: BTreeMap<Sender, u64> = BTreeMap::new();
    for frame in hear(&config, plan(&config, 50)) {
        let user = !matches!(
            frame.class,
            Class::DownlinkControl | Class::UplinkControl | Class::PrachControl
        );
        assert_eq!(frame.mark.is_some(), user);
        if let Some(mark) = frame.mark {
            assert_eq!(mark.sender, frame.sender);
            let next = serials.entry(mark.sender).or_default();
            assert_eq!(mark.serial, *next);
            *next += 1;
        }
    }
}

#[test]
fn a_snap_length_cuts_bytes_but_neither_length_nor_mark() {
    let config = edited(&[]);
    let mut cut = plan(&config, 20);
    cut.snap = Some(1);
    let whole = hear(&config, plan(&config, 20));
    let cut = hear(&config, cut);
    assert_eq!(whole.len(), cut.len());
    for (whole, cut) in whole.iter().zip(&cut) {
        assert_eq!((whole.len, whole.mark), (cut.len, cut.mark));
        assert!(cut.stored <= 64);
    }
}

#[test]
fn a_wide_carrier_at_mtu_1500_takes_several_packets_a_symbol() {
    let config = edited(&[
        ("mtu: 9000", "mtu: 1500"),
        ("carrier_prbs: 51 ", "carrier_prbs: 273 "),
    ]);
    let heard = hear(&config, plan(&config, 5));
    assert_eq!(
        count(&heard, DU_1, Class::DownlinkUser),
        (6 * 14 + 8) * 4 * 6
    );
    assert!(heard.iter().all(|frame| frame.len <= 1518));
}

#[test]
fn a_tester_describes_a_slot_in_four_messages() {
    let config = edited(&[]);
    let mut plan = plan(&config, 5);
    plan.dus[0].style = Style::SymbolGroups;
    let heard = hear(&config, plan);
    assert_eq!(count(&heard, DU_1, Class::DownlinkControl), (6 * 4 + 3) * 4);
    assert_eq!(count(&heard, DU_1, Class::UplinkControl), 3 * 4 * 4);
    assert_eq!(count(&heard, RU_1, Class::UplinkUser), 3 * 14 * 4);
}

#[test]
fn fdd_has_downlink_and_uplink_in_every_slot() {
    let config = edited(&[]);
    let mut plan = plan(&config, 10);
    plan.tdd[0] = Tdd::parse("F", SlotShape::default()).unwrap();
    let heard = hear(&config, plan);
    assert_eq!(count(&heard, DU_1, Class::DownlinkUser), 20 * 14 * 4);
    assert_eq!(count(&heard, RU_1, Class::UplinkUser), 20 * 14 * 4);
}

#[test]
fn a_time_without_a_slot_is_refused() {
    let config = edited(&[]);
    let empty = Generator::new(&config, plan(&config, 0)).unwrap_err();
    assert!(empty.to_string().contains("no slot"));
}

#[test]
fn a_pattern_that_does_not_divide_the_period_is_refused() {
    let config = edited(&[]);
    let mut plan = plan(&config, 10);
    plan.tdd[0] = Tdd::parse("DDU", SlotShape::default()).unwrap();
    let refused = Generator::new(&config, plan).unwrap_err().to_string();
    assert!(refused.contains("cell-1"), "{refused}");
}
