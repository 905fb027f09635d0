//! `make bench`: cycles per packet of our loop beside dpdk-testpmd, on one core, in one run.
//!
//! Every repetition measures testpmd (io, macswap) and then every case of ours on the same devices with
//! the same frames (`feed.c`), so that a slow spell of the machine meets both; the best window of each
//! counts, which is what the program costs when nothing disturbs it. A figure is refused unless at
//! least 99.99 % of the frames went where the configuration sends them and every cell had its share.
//! The FAPI plane follows: `FAPI=1` measures it alone, without a yardstick.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench ends with the line that was wrong"
)]

mod dut;
mod fapi;
mod fapi_table;
mod fapi_traffic;
mod machine;
#[path = "../../tests/support/nfapi.rs"]
mod nfapi;
#[path = "../../tests/support/p7.rs"]
mod p7;
mod plan;
#[path = "../../tests/support/rack.rs"]
mod rack;
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
    let set = |name| env::var(name).is_ok_and(|value| value != "0" && !value.is_empty());
    let quick = set("QUICK");
    let results = match set("FAPI") {
        true => plan::Results::default(),
        false => plan::Plan::new(quick).carry_out(&machine)?,
    };
    let fapi = fapi::measure(&machine, quick)?;
    let file = target.join("bench.json");
    table::write(&results, &fapi, &file)?;
    if !results.figures.is_empty() {
        table::print(&results);
    }
    fapi_table::print(&fapi, &results);
    println!("\nall figures: {}", file.display());
    results.verdict()
}
