//! The soak: 14 cells at full load while a new configuration is applied every second. Nothing may be lost,
//! no buffer may stay away, and memory may not grow.
//!
//! One minute here; `make soak` runs it for MINUTES (10) with dpdk-testpmd under the same load before and
//! after, for the latency that the load and the machine have without us.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

mod api;
mod figures;
mod rig;

use api::Api;
use figures::Figures;
use rig::{Load, Rig};
use serde_json::{Value, json};
use std::env;
use std::thread;
use std::time::Duration;

#[test]
fn fourteen_cells_lose_nothing_while_configuration_is_applied_every_second() {
    let Some(rig) = Rig::new("soak") else {
        eprintln!("soak: left out, it needs a core to poll and one for the load");
        return;
    };
    let seconds = env::var("SOAK_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    let beside = env::var_os("SOAK_TESTPMD").is_some();
    let before = beside.then(|| yardstick(&rig, seconds.min(30)));
    let soak = soak(&rig, seconds);
    let after = beside.then(|| yardstick(&rig, seconds.min(30)));
    report(&soak, &[before, after]);
    judge(&soak);
}

/// What an appliance did under load.
struct Soak {
    started: Figures,
    ended: Figures,
    applied: usize,
    resident: Vec<u64>,
    pools_at_rest: Value,
    pools_after: Value,
    balance: i64,
    report: Value,
}

fn soak(rig: &Rig, seconds: usize) -> Soak {
    let api = Api::on_free_port();
    // Two versions, taken in turns: one cell comes and goes, and a setting of all others changes.
    let versions = [rig::config("10s", false), rig::config("9s", true)];
    let listen = format!("api: {{listen: \"127.0.0.1:{}\"}}\n", api.port());
    let versions = versions.map(|version| version + &listen);
    let mut appliance = rig.appliance(&versions[0], Load::Full);
    let pools_at_rest = json!({"frames": 0, "heads": 0, "payloads": 0});
    let started = appliance.figures();
    let mut resident = Vec::new();
    for second in 0..seconds {
        thread::sleep(Duration::from_secs(1));
        appliance.assert_alive();
        let answer = api.apply(&versions[(second + 1) % 2]);
        assert!(
            !answer["changes"].as_array().unwrap().is_empty(),
            "{answer}"
        );
        resident.push(appliance.resident());
    }
    let ended = appliance.stop_load();
    // One report interval of the lcores, so that what they say is of after the load.
    thread::sleep(Duration::from_secs(1));
    let told = api.read("/api/v1/appliance");
    let in_use = told["mempools"].as_array().unwrap().iter();
    let pools_after = in_use
        .map(|pool| {
            (
                pool["mempool"].as_str().unwrap().to_owned(),
                pool["in_use"].clone(),
            )
        })
        .collect::<serde_json::Map<_, _>>();
    Soak {
        started,
        ended,
        applied: seconds,
        resident,
        pools_at_rest,
        pools_after: Value::Object(pools_after),
        balance: told["ledger"]["balance"].as_i64().unwrap(),
        report: appliance.finish(),
    }
}

/// The same load through dpdk-testpmd for so many seconds.
fn yardstick(rig: &Rig, seconds: usize) -> (Figures, Figures) {
    let mut testpmd = rig.testpmd();
    let started = testpmd.figures();
    thread::sleep(Duration::from_secs(seconds as u64));
    (started, testpmd.stop_load())
}

fn judge(soak: &Soak) {
    let counter = |name: &str| soak.report["counters"][name].as_u64().unwrap_or_default();
    let fed: u64 = soak.ended.fed.iter().sum();
    let drained: u64 = soak.ended.drained.iter().sum();
    assert_eq!(
        counter("ledger.received"),
        fed,
        "frames received are frames fed"
    );
    assert_eq!(
        counter("ledger.dropped"),
        0,
        "{:#}",
        soak.report["counters"]
    );
    let (copied, originated) = (counter("ledger.copied"), counter("ledger.originated"));
    assert_eq!(
        counter("ledger.sent"),
        fed + copied + originated,
        "nothing is lost"
    );
    assert_eq!(drained, counter("ledger.sent"), "what was sent came out");
    assert_eq!(
        soak.ended.gaps, 0,
        "sequence numbers run on at the RU and at both DUs"
    );
    assert_eq!(soak.balance, 0, "the ledger");
    assert_eq!(
        soak.ended.buffers, 0,
        "buffers of the load that did not come back"
    );
    assert_eq!(
        soak.pools_after, soak.pools_at_rest,
        "pools while it runs on without load"
    );
    assert_eq!(
        soak.report["buffers_in_use"], soak.pools_at_rest,
        "pools at the end"
    );
    let (early, late) = growth(&soak.resident);
    assert!(
        late <= early + early / FLAT,
        "resident memory grew from {early} to {late} KiB: {:?}",
        soak.resident
    );
}

/// Resident memory after a warm-up of a third, and at the end: the least of each third, as many samples fall
/// into the time when a configuration is being prepared or freed.
fn growth(resident: &[u64]) -> (u64, u64) {
    let third = resident.len().div_ceil(3);
    let least = |part: &[u64]| *part.iter().min().unwrap();
    (
        least(&resident[third..2 * third]),
        least(&resident[2 * third..]),
    )
}

fn report(soak: &Soak, yardsticks: &[Option<(Figures, Figures)>]) {
    let figures = &soak.ended;
    let offered = figures.slots + figures.left_out;
    println!(
        "soak: {} slots of {offered} sent ({} cut short), {} frames fed, {} came back, {} waits for room, {} applied",
        figures.slots,
        figures.cut_short,
        figures.fed.iter().sum::<u64>(),
        figures.drained.iter().sum::<u64>(),
        figures.waits,
        soak.applied
    );
    let (early, late) = growth(&soak.resident);
    println!("soak: resident memory {early} KiB in the middle, {late} KiB at the end");
    if let Some(cycles) = soak.report["cycles_per_frame"].as_f64() {
        println!("soak: {cycles:.0} cycles for each frame received, waits for the core included");
    }
    println!(
        "{:<22}{}",
        "latency, us",
        PARTS.map(|(name, _)| format!("{name:>10}")).concat()
    );
    let line = |name: &str, (started, ended): (&Figures, &Figures)| {
        let parts = PARTS.map(|(_, part)| format!("{:>10.2}", ended.since(started).below_us(part)));
        println!("{name:<22}{}", parts.concat());
    };
    for (name, yardstick) in ["testpmd io, before", "testpmd io, after"]
        .iter()
        .zip(yardsticks)
    {
        if let Some((started, ended)) = yardstick {
            line(name, (started, ended));
        }
    }
    line("ranshift", (&soak.started, &soak.ended));
}

const PARTS: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Memory is flat if it does not grow by this part of it: the log of events fills up to its bound by some
/// 70 KiB with each configuration, and the recorder's memory is touched bit by bit. A set of tables and state that
/// is not freed would be 80 MiB, in each second.
const FLAT: u64 = 50;
