//! The figures as a table for people, and as JSON for machines, with the ratios to reach.

use crate::fapi::Figures as Fapi;
use crate::fapi_table;
use crate::plan::{Program, Results};
use serde_json::{Value, json};
use std::path::Path;

/// One number of the design to reach.
struct Goal {
    what: String,
    found: f64,
    reach: f64,
    stretch: Option<f64>,
}

/// Writes everything to `file`.
pub(crate) fn write(results: &Results, fapi: &Fapi, file: &Path) -> Result<(), String> {
    let cases: Vec<Value> = results
        .figures
        .iter()
        .map(|(case, figures)| {
            json!({
                "device": device(case.ring),
                "bytes": case.size,
                "program": label(case.program),
                "cycles_best": round(figures.best()),
                "cycles_median": round(figures.median()),
                "windows": figures.cycles.len(),
                "forwarded": figures.forwarded(),
                "cells_hit": figures.cells_hit,
                "drops": figures.drops,
            })
        })
        .collect();
    let goals: Vec<Value> = goals(results)
        .iter()
        .map(|goal| {
            json!({
                "what": goal.what,
                "found": round(goal.found),
                "reach": goal.reach,
                "stretch": goal.stretch,
                "reached": goal.found <= goal.reach,
            })
        })
        .collect();
    let all = json!({"cases": cases, "goals": goals, "fapi": fapi_table::value(fapi)});
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
    std::fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))
}

/// Prints the table and the goals.
pub(crate) fn print(results: &Results) {
    println!(
        "cycles per packet, burst 32, best window (median); restoring headers included on net_null"
    );
    println!(
        "{:9} {:>6}  {:34} {:>7} {:>9} {:>10} {:>6}",
        "device", "bytes", "program", "best", "(median)", "forwarded", "cells"
    );
    for (case, figures) in &results.figures {
        println!(
            "{:9} {:>6}  {:34} {:>7.1} {:>9} {:>9.3}% {:>6}",
            device(case.ring),
            case.size,
            label(case.program),
            figures.best(),
            format!("({:.1})", figures.median()),
            figures.forwarded() * 100.0,
            match figures.cells_hit {
                0 => "-".to_owned(),
                hit => hit.to_string(),
            }
        );
    }
    println!();
    for goal in goals(results) {
        let stretch = goal.stretch.filter(|stretch| goal.found <= *stretch);
        let verdict = match (goal.found <= goal.reach, stretch) {
            (_, Some(stretch)) => format!("reached, stretch {stretch} too"),
            (true, None) => "reached".to_owned(),
            (false, None) => "SHORT".to_owned(),
        };
        println!(
            "{:62} {:>7.2}  at most {:<5} {verdict}",
            goal.what, goal.found, goal.reach
        );
    }
}

fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for ring in [false, true] {
        let sizes: Vec<_> = sizes(results);
        for size in &sizes {
            header_path(results, ring, *size, &mut goals);
            copies(results, ring, *size, &mut goals);
            cells(results, ring, *size, &mut goals);
        }
        if let (Some(small), Some(large)) = (sizes.first(), sizes.last()) {
            let path = |size| results.best(ring, size, Program::Downlink { cells: 1 });
            if let (Some(at_small), Some(at_large)) = (path(*small), path(*large)) {
                goals.push(Goal {
                    what: format!("{}: header path at {large} B / {small} B", device(ring)),
                    found: at_large / at_small,
                    reach: 1.1,
                    stretch: None,
                });
            }
        }
    }
    goals
}

fn header_path(results: &Results, ring: bool, size: usize, goals: &mut Vec<Goal>) {
    let best = |program| results.best(ring, size, program);
    let (Some(ours), Some(macswap)) =
        (best(Program::Downlink { cells: 1 }), best(Program::Macswap))
    else {
        return;
    };
    // Restoring is no part of either program: it is taken off both, which favours testpmd.
    let restore = match (best(Program::Io), best(Program::Bare)) {
        (Some(restored), Some(bare)) => (restored - bare).max(0.0),
        _ => 0.0,
    };
    goals.push(Goal {
        what: format!("{} {size} B: header path / macswap", device(ring)),
        found: ours / macswap,
        reach: 2.0,
        stretch: Some(1.5),
    });
    if !ring {
        goals.push(Goal {
            what: format!(
                "{} {size} B: the same less {restore:.1} cycles of restoring each",
                device(ring)
            ),
            found: (ours - restore) / (macswap - restore),
            reach: 2.0,
            stretch: Some(1.5),
        });
    }
}

fn copies(results: &Results, ring: bool, size: usize, goals: &mut Vec<Goal>) {
    let with = |copies| results.best(ring, size, Program::Uplink { cells: 1, copies });
    if let (Some(none), Some(two)) = (with(0), with(2)) {
        goals.push(Goal {
            what: format!(
                "{} {size} B: cycles of each further uplink copy",
                device(ring)
            ),
            found: (two - none) / 2.0,
            reach: 80.0,
            stretch: Some(60.0),
        });
    }
}

fn cells(results: &Results, ring: bool, size: usize, goals: &mut Vec<Goal>) {
    let over = |cells| results.best(ring, size, Program::Downlink { cells });
    if let (Some(one), Some(many)) = (over(1), over(1024)) {
        goals.push(Goal {
            what: format!("{} {size} B: 1,024 cells / 1 cell", device(ring)),
            found: many / one,
            reach: 1.5,
            stretch: Some(1.25),
        });
    }
}

fn sizes(results: &Results) -> Vec<usize> {
    let mut sizes: Vec<_> = results.figures.keys().map(|case| case.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn device(ring: bool) -> &'static str {
    if ring { "net_ring" } else { "net_null" }
}

fn label(program: Program) -> String {
    match program {
        Program::Bare => "testpmd io, headers not restored".to_owned(),
        Program::Io => "testpmd io".to_owned(),
        Program::Macswap => "testpmd macswap".to_owned(),
        Program::Forward => "ranshift, no decision".to_owned(),
        Program::Downlink { cells } => format!("downlink, {}", counted(cells, "cell")),
        Program::Uplink { cells, copies } => {
            format!("uplink, {}, {copies} more", counted(cells, "cell"))
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn round(cycles: f64) -> f64 {
    (cycles * 100.0).round() / 100.0
}
