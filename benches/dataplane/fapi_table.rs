//! The figures of the FAPI plane as a table and as data, beside memcpy and testpmd of the same run.

use crate::fapi::{Figures, Spread};
use crate::plan::{Program, Results};
use ranshift::dpdk::lcore;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// Nanoseconds that one message may take, 99 times out of 100.
const REACH_NS: f64 = 1_000.0;

/// testpmd's cost of a frame, in nanoseconds: io and macswap, for the smallest and the largest frames measured.
struct Yardstick {
    bytes: usize,
    io: f64,
    macswap: f64,
}

fn yardsticks(results: &Results) -> Vec<Yardstick> {
    let mut sizes: Vec<_> = results.figures.keys().map(|case| case.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let per_ns = cycles_per_ns();
    let of = |bytes| {
        let best = |program| results.best(false, bytes, program);
        Some(Yardstick {
            bytes,
            io: best(Program::Io)? / per_ns,
            macswap: best(Program::Macswap)? / per_ns,
        })
    };
    sizes.into_iter().filter_map(of).collect()
}

/// Of the counter that both measured programs read.
fn cycles_per_ns() -> f64 {
    let (began, first) = (Instant::now(), lcore::cycles());
    thread::sleep(Duration::from_millis(50));
    (lcore::cycles() - first) as f64 / began.elapsed().as_nanos() as f64
}

/// For the file of figures.
pub(crate) fn value(figures: &Figures) -> Value {
    let spread = |spread: Spread| json!({"p50_ns": spread.p50, "p99_ns": spread.p99});
    let large = figures.large.iter().map(|one| {
        json!({"what": one.what, "frames_in": one.frames.0, "frames_out": one.frames.1,
            "gbits": one.gbits, "memcpy_gbits": one.memcpy})
    });
    json!({
        "clock": spread(figures.clock),
        "dl_tti_16": spread(figures.dl_tti),
        "ul_tti_16": spread(figures.ul_tti),
        "memcpy": spread(figures.memcpy),
        "reached": reached(figures),
        "load": {"cells": figures.load.cells, "messages_per_second": figures.load.rate,
            "ns_each": figures.load.each, "share_of_a_core": figures.load.share,
            "memcpy_share": figures.load.memcpy},
        "large": large.collect::<Vec<_>>(),
    })
}

fn reached(figures: &Figures) -> bool {
    figures.dl_tti.p99 <= REACH_NS && figures.ul_tti.p99 <= REACH_NS
}

/// For people.
pub(crate) fn print(figures: &Figures, results: &Results) {
    println!(
        "\nFAPI on one core: worker and journey, frames in memory; checksum and limits of OAI on"
    );
    let sticks = yardsticks(results);
    let row = |what: &str, spread: Spread| {
        println!(
            "  {what:52} {:>7.0} ns  (p99 {:>6.0})",
            spread.p50, spread.p99
        );
    };
    row(
        "DL_TTI of 16 PDUs: passed on, and a NULL beside it",
        figures.dl_tti,
    );
    row(
        "UL_TTI of 16 PDUs: passed on, and a NULL beside it",
        figures.ul_tti,
    );
    row("memcpy of that DL_TTI", figures.memcpy);
    row("of each of these, reading the clock", figures.clock);
    for stick in &sticks {
        println!(
            "  {:52} {:>7.1} ns  (macswap {:.1})",
            format!("testpmd io, a frame of {} B on net_null", stick.bytes),
            stick.io,
            stick.macswap
        );
    }
    let load = &figures.load;
    println!(
        "  {} cells, {:.0} messages a second: {:.1} % of a core ({:.0} ns each; memcpy {:.2} %{})",
        load.cells,
        load.rate,
        100.0 * load.share,
        load.each,
        100.0 * load.memcpy,
        sticks.first().map_or_else(String::new, |stick| format!(
            "; testpmd macswap {:.2} %",
            stick.macswap * load.rate / 1e7
        ))
    );
    println!("  TX_DATA of 60 KB, one core:");
    for one in &figures.large {
        println!(
            "    {:36} {:>3} frames in, {:>3} out  {:>6.1} Gbit/s  (memcpy {:.1})",
            one.what, one.frames.0, one.frames.1, one.gbits, one.memcpy
        );
    }
    println!(
        "  {:60} {}",
        "null-and-duplicate of 16 PDUs, p99 at most 1 us",
        if reached(figures) { "reached" } else { "SHORT" }
    );
}
