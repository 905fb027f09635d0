//! A planned switch at random slots: every frame of the old owner before it and of the new one from it,
//! exactly once, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/virtual_run.rs"]
mod virtual_run;

use ranshift::dataplane::mailbox::{Action, Boundary};
use ranshift::lab::{Load, Plan, Style};
use ranshift::ran::{
    CyclicPrefix, Duration, Instant, MemberId, Numerology, PortId, SlotClock, SlotCount,
};
use std::collections::HashMap;
use virtual_run::{VirtualRun, cells, member};

const SWITCHES: u64 = 1_000;
const RU_PORT: PortId = PortId(0);

fn body(mu: u8) -> String {
    format!(
        "    numerology: {mu}
    carrier_prbs: 12
    eaxc: {{downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}"
    )
}

/// A small generator of its own: which slot, which numerology, which wrap.
fn draw(seed: u64, n: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 29
}

struct Case {
    mu: u8,
    start: Instant,
    boundary: SlotCount,
}

/// Every fourth switch is at a frameId wrap, every other fourth at an SFN wrap.
fn case(seed: u64) -> Case {
    let mu = (draw(seed, 1) % 4) as u8;
    let numerology = Numerology::new(mu).unwrap();
    let clock = SlotClock::from_gps(numerology, CyclicPrefix::Normal, 0, 0);
    let wire = u64::from(numerology.wire_period());
    let base = 1_461_000_000_000u64 << mu >> 10 << 10;
    let near = match seed % 4 {
        0 => (base / wire + seed) * wire,
        1 => (base / (4 * wire) + seed) * 4 * wire,
        _ => base + draw(seed, 2) % (8 * wire),
    };
    let boundary = SlotCount(near + draw(seed, 3) % 3 - 1);
    let lead_in = (20 << mu) + draw(seed, 4) % (2 << mu);
    Case {
        mu,
        start: clock.air(boundary.offset(-(lead_in as i64)), 0),
        boundary,
    }
}

fn switch(seed: u64) -> usize {
    let case = case(seed);
    let config = cells(1, &body(case.mu));
    let mut plan = Plan {
        start: case.start,
        duration: Duration::from_millis(26),
        seed,
        ..Plan::new(&config)
    };
    plan.dus[0].style = [Style::Explicit, Style::AllPrbs, Style::SymbolGroups][seed as usize % 3];
    plan.dus[0].shuffled = seed.is_multiple_of(5);
    plan.dus[1].load = if seed.is_multiple_of(7) {
        Load::Idle
    } else {
        Load::Busy(30)
    };
    let mut run = VirtualRun::new(config, plan);
    let asked_at = case.start.after(Duration::from_millis(16));
    let to = Action::Switch { to: MemberId(1) };
    run.at(asked_at, Boundary::Slot(case.boundary), to);
    let mut numbers: HashMap<(u16, u8, bool), u8> = HashMap::new();
    let mut judged = 0;
    run.run(
        |outcome| {
            let Some(member) = member(outcome.frame.sender) else {
                return;
            };
            let toward_ru = outcome.left.iter().filter(|(port, _)| *port == RU_PORT);
            let owner = u8::from(outcome.frame.slot >= case.boundary);
            let count = toward_ru.clone().count();
            assert_eq!(
                count,
                usize::from(member == owner),
                "seed {seed}: member {member}, slot {:?}, boundary {:?}",
                outcome.frame.slot,
                case.boundary
            );
            for (_, frame) in toward_ru {
                let bytes = frame.bytes();
                let key = (
                    u16::from_be_bytes([bytes[22], bytes[23]]),
                    bytes[19],
                    bytes[26] >> 7 == 1,
                );
                let before = numbers.insert(key, bytes[24]);
                assert!(
                    before.is_none_or(|before| bytes[24] == before.wrapping_add(1)),
                    "seed {seed}: {key:?} jumps from {before:?} to {}",
                    bytes[24]
                );
            }
            judged += 1;
        },
        |_| {},
    );
    assert_eq!(run.worker.counters().cells[0].switches, 1, "seed {seed}");
    judged
}

fn switches(seeds: impl Iterator<Item = u64>) {
    let judged: usize = seeds.map(switch).sum();
    assert!(
        judged > 100_000,
        "{judged} frames are too few to mean anything"
    );
}

#[test]
fn every_frame_of_each_owner_leaves_exactly_once_at_even_seeds() {
    switches((0..SWITCHES).step_by(2));
}

#[test]
fn every_frame_of_each_owner_leaves_exactly_once_at_odd_seeds() {
    switches((1..SWITCHES).step_by(2));
}
