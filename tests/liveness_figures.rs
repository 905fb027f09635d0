//! Detection of dead DUs in virtual time, and the absence of false alarms: the figures of the design.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/virtual_run.rs"]
mod virtual_run;

use ranshift::dataplane::mailbox::EventKind;
use ranshift::lab::{Life, Load, Plan};
use ranshift::ran::{CellId, Duration, Instant, MemberId};
use virtual_run::{VirtualRun, cells, member};

const SLOT_NS: i64 = 500_000;
/// Cells of one run; in each the active DU dies at a random phase.
const CELLS: usize = 25;

const BODY: &str = "    numerology: 1
    carrier_prbs: 12
    eaxc: {downlink: [0], uplink: [0, 1], prach: [4]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    time: {source: gps}
    periods: {tdd: 10}
    transmit_window_end: {downlink_control: 80us, uplink_control: 80us, downlink_user: 40us}
    liveness: {confirm: 1}";

#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    deaths: usize,
    worst_death: i64,
    worst_due: i64,
    worst_takeover: i64,
}

/// `runs` runs of `CELLS` deaths each, 20 periods of history before.
fn deaths(load: Load, first_seed: u64, runs: u64) -> Figures {
    let mut figures = Figures::default();
    for seed in first_seed..first_seed + runs {
        one_run(load, seed, &mut figures);
    }
    figures
}

fn one_run(load: Load, seed: u64, figures: &mut Figures) {
    let config = cells(CELLS, BODY);
    let mut plan = Plan {
        duration: Duration::from_millis(150),
        seed,
        ..Plan::new(&config)
    };
    plan.open_loop = false;
    let (earliest, latest) = (Duration::from_millis(112), Duration::from_millis(128));
    let mut died = Vec::new();
    for cell in 0..CELLS {
        let until = plan.start.after(plan.draw((earliest, latest), cell as u64));
        plan.dus[2 * cell].lives = vec![Life {
            until,
            ..Life::WHOLE
        }];
        plan.dus[2 * cell].load = load;
        plan.dus[2 * cell + 1].load = load;
        died.push(until);
    }
    let mut last = [None::<Instant>; CELLS];
    let mut silence = [0i64; CELLS];
    let mut lost = vec![None; CELLS];
    let mut takeover = vec![None; CELLS];
    let mut run = VirtualRun::new(config, plan);
    run.run(
        |outcome| {
            if member(outcome.frame.sender) == Some(0) {
                let cell = outcome.frame.cell.index();
                if let Some(before) = last[cell].replace(outcome.frame.at) {
                    silence[cell] = silence[cell].max(outcome.frame.at.nanos_since(before));
                }
            }
        },
        |event| match event.kind {
            EventKind::Lost {
                member: MemberId(0),
                due_at,
                ..
            } => {
                lost[event.cell.index()].get_or_insert((event.at, due_at));
            }
            EventKind::Failover { .. } => {
                takeover[event.cell.index()].get_or_insert(event.at);
            }
            EventKind::Lost { member, .. } => panic!("seed {seed}: {member:?} is alive"),
            _ => {}
        },
    );
    for cell in 0..CELLS {
        let (at, due_at) =
            lost[cell].unwrap_or_else(|| panic!("seed {seed}: cell {cell} undetected"));
        let last = last[cell].unwrap();
        assert!(
            at >= died[cell],
            "seed {seed}: cell {cell} lost before its death"
        );
        let death = at.nanos_since(last);
        assert!(
            death <= 2 * SLOT_NS + silence[cell],
            "seed {seed}, cell {cell}: noticed {death} ns after the last frame, silence {}",
            silence[cell]
        );
        let due = at.nanos_since(due_at);
        assert!(
            due <= SLOT_NS,
            "seed {seed}, cell {cell}: {due} ns after due"
        );
        let taken = takeover[cell].unwrap().nanos_since(at);
        figures.deaths += 1;
        figures.worst_death = figures.worst_death.max(death);
        figures.worst_due = figures.worst_due.max(due);
        figures.worst_takeover = figures.worst_takeover.max(taken);
    }
}

#[test]
fn five_hundred_deaths_of_busy_dus_are_noticed_in_time() {
    let figures = deaths(Load::Busy(50), 1, 20);
    println!("busy: {figures:?}");
    assert_eq!(figures.deaths, 500);
}

#[test]
fn five_hundred_deaths_of_idle_suppressing_dus_are_noticed_in_time() {
    let figures = deaths(Load::Idle, 101, 20);
    println!("idle: {figures:?}");
    assert_eq!(figures.deaths, 500);
}

/// Runs until `slots` slots are made; no member may be lost. Uplink is requested on two antennas: with one,
/// a lost request leaves its slot empty, and `confirm: 1` takes that for silence.
fn quiet(load: Load, seed: u64, slots: u64, cells_at_once: usize) {
    let config = cells(cells_at_once, BODY);
    let per_slot = SLOT_NS as u64;
    let mut plan = Plan {
        duration: Duration::from_nanos(slots / cells_at_once as u64 * per_slot),
        seed,
        snap: Some(64),
        ..Plan::new(&config)
    };
    plan.open_loop = false;
    for (n, du) in plan.dus.iter_mut().enumerate() {
        du.load = load;
        du.loss = 1e-6;
        if n % 2 == 1 {
            du.lives.clear();
        }
    }
    let mut run = VirtualRun::new(config, plan);
    let mut alarms = Vec::new();
    run.run(
        |_| {},
        |event| {
            if matches!(
                event.kind,
                EventKind::Lost { .. } | EventKind::Failover { .. }
            ) {
                alarms.push((event.cell, event.at));
            }
        },
    );
    assert!(run.slots() >= slots, "{} slots made", run.slots());
    let none: Vec<(CellId, Instant)> = Vec::new();
    assert_eq!(alarms, none);
}

#[test]
fn eight_million_slots_of_idle_suppressing_dus_raise_no_alarm() {
    quiet(Load::Idle, 7, 8_000_000, 4);
}

#[test]
fn two_million_slots_of_busy_dus_raise_no_alarm() {
    quiet(Load::Busy(50), 8, 2_000_000, 4);
}
