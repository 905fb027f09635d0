//! `make bench`: cycles per packet of our loop beside dpdk-testpmd, on one core, in one run.
//!
//! Every repetition measures testpmd (io, macswap) and then every case of ours on the same devices with
//! the same frames (`feed.c`), so that a slow spell of the machine meets both; the best window of each
//! counts, which is what the program costs when nothing disturbs it. A figure is refused unless at
//! least 99.99 % of the frames went where the configuration sends them and every cell had its share.
#![allow(
    clippy::indexing_slicing,
    reason = "a bench ends with the line that was wrong"
)]

mod dut;
mod machine;
mod plan;
mod table;
mod testpmd;
mod traffic;

use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let ended = match arguments.next().as_deref() {
        Some(dut::ARGUMENT) => dut::serve(&arguments.next().unwrap_or_default()),
        _ => bench(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), String> {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = own.parent().unwrap_or(own);
    let machine = machine::Machine::new(own)?;
    let quick = env::var("QUICK").is_ok_and(|quick| quick != "0" && !quick.is_empty());
    let results = plan::Plan::new(quick).carry_out(&machine)?;
    let file = target.join("bench.json");
    table::write(&results, &file)?;
    table::print(&results, &file);
    results.verdict()
}
