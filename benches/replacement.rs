//! What a change of configuration costs an lcore: the swap between two frames, by kind of change. Argument:
//! cells.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and stops at the first surprise"
)]

#[path = "../tests/support/virtual_run.rs"]
mod virtual_run;

use ranshift::config::Config;
use ranshift::control::compile::compile;
use ranshift::control::replace::replacements;
use ranshift::dataplane::lcore_state::LcoreState;
use ranshift::ran::Instant;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use virtual_run::cells;

const BODY: &str = "    numerology: 1
    carrier_prbs: 106
    eaxc: {downlink: [0, 1, 2, 3], uplink: [0, 1, 2, 3], prach: [4, 5, 6, 7]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    time: {source: gps}
    periods: {tdd: 10}";

const ROUNDS: usize = 15;
const NOW: Instant = Instant(1_800_000_000_000_000_000);

/// The median and the worst of `ROUNDS` swaps there and back, in microseconds.
fn swaps(old: &Config, new: &Config) -> (f64, f64) {
    let mut tables = Arc::new(compile(old, 1));
    let mut lcore = LcoreState::new(&tables, 1 << 16);
    let memory = (0..64 + tables.places as usize * 2048).map(|_| AtomicU8::new(0));
    let memory = Box::leak(memory.collect::<Vec<_>>().into_boxed_slice());
    lcore.remember_in(memory, NOW, &tables);
    let mut spent = Vec::new();
    for round in 0..ROUNDS {
        let (from, to) = if round % 2 == 0 {
            (old, new)
        } else {
            (new, old)
        };
        let mut all = replacements((from, &tables), to, round as u64 + 2).unwrap();
        let began = std::time::Instant::now();
        lcore.replace(NOW, &mut tables, &mut all[0]);
        spent.push(began.elapsed().as_nanos() as f64 / 1e3);
        lcore.drain_events();
    }
    spent.sort_by(f64::total_cmp);
    (spent[ROUNDS / 2], spent[ROUNDS - 1])
}

fn main() {
    let count = std::env::args().find_map(|text| text.parse().ok());
    let count = count.unwrap_or(1024);
    let config = cells(count, BODY);
    let more = cells(count + 1, BODY);
    let mut one = config.clone();
    one.cells[0].liveness.confirm = 5;
    let mut all = config.clone();
    for cell in &mut all.cells {
        cell.liveness.confirm = 5;
    }
    for (what, new) in [
        ("nothing changed", &config),
        ("one cell's liveness changed", &one),
        ("one cell more, every DU renumbered", &more),
        ("every cell's liveness changed", &all),
    ] {
        let (median, worst) = swaps(&config, new);
        println!("{count} cells, {what}: {median:.1} us, worst {worst:.1} us");
    }
}
