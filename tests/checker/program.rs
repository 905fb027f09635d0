//! `checker`: judges the files that a replay read and wrote. Exit code 0: all rules hold; 1: findings;
//! 2: usage, or something cannot be read. It shares no code with the program it judges.

#[path = "mod.rs"]
mod checker;

use checker::files::{Paths, load};
use std::process::ExitCode;

const USAGE: &str = "usage: checker --config CONFIG.yaml --scenario SCENARIO.yaml --ingress DIR --out DIR [--closed-loop]";

fn main() -> ExitCode {
    let (paths, closed_loop) = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("checker: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let inputs = match load(&paths, closed_loop) {
        Ok(inputs) => inputs,
        Err(error) => {
            eprintln!("checker: {error}");
            return ExitCode::from(2);
        }
    };
    let verdict = checker::judge(&inputs);
    print!("{verdict}");
    ExitCode::from(u8::from(!verdict.holds()))
}

fn arguments() -> Result<(Paths, bool), String> {
    let mut paths = Paths::default();
    let mut closed_loop = false;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--config" => &mut paths.config,
            "--scenario" => &mut paths.scenario,
            "--ingress" => &mut paths.ingress,
            "--out" => &mut paths.out,
            "--closed-loop" => {
                closed_loop = true;
                continue;
            }
            other => return Err(format!("{other} is not understood")),
        };
        *place = words.next().ok_or(format!("{word} needs a value"))?.into();
    }
    let all = [
        ("--config", &paths.config),
        ("--scenario", &paths.scenario),
        ("--ingress", &paths.ingress),
        ("--out", &paths.out),
    ];
    match all.iter().find(|(_, path)| path.as_os_str().is_empty()) {
        Some((name, _)) => Err(format!("{name} is missing")),
        None => Ok((paths, closed_loop)),
    }
}
