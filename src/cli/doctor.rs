//! `ranshift doctor`: what of this machine an appliance depends on, in words, and what to do about it.
//!
//! Every finding says what was read, why it matters and which command mends it, so that nobody has to
//! know where Linux keeps these things. Works without configuration and without root, changes nothing,
//! and reads below a root folder that tests replace. A finding `fails` only if `run` would not start.

mod clock;
mod cores;
mod device;
mod finding;
mod interface;
mod irq;
mod isolation;
mod machine;
mod memory;
mod pci;
mod ports;
mod print;
mod rights;
mod service;
mod software;
#[cfg(test)]
mod tests;
mod wanted;

use super::Exit;
use crate::config;
use finding::{Finding, Level};
use machine::{Live, Machine};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use wanted::Wanted;

/// Explain what of this machine `run` depends on, what is wrong with it, and which command mends it
#[derive(clap::Args)]
pub(super) struct Doctor {
    /// Configuration file (YAML): its ports, cores and addresses are looked at too
    #[arg(short, long, value_name = "CONFIG")]
    config: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let machine = Machine::new(Path::new("/"), Box::new(Live));
        let Some(diagnosis) = Diagnosis::of(&machine, self.config.as_deref()) else {
            eprintln!("ranshift: /proc/self/status cannot be read: doctor needs Linux with /proc");
            return Ok(Exit::Environment);
        };
        if self.json {
            print::json(out, &diagnosis)?;
        } else {
            print::text(out, &diagnosis)?;
        }
        Ok(diagnosis.exit())
    }
}

/// All findings, mildest first: the end is what a terminal shows.
struct Diagnosis {
    config: Option<PathBuf>,
    refused: bool,
    findings: Vec<Finding>,
}

impl Diagnosis {
    /// `None` if nothing can be read here.
    fn of(machine: &Machine, config: Option<&Path>) -> Option<Self> {
        machine.read("/proc/self/status")?;
        let loaded = config.map(config::load);
        let mut findings = Vec::new();
        let mut refused = false;
        let wanted = match &loaded {
            Some(Ok(loaded)) => Wanted::of(&loaded.config, machine),
            Some(Err(problems)) => {
                refused = true;
                findings.push(refusal(problems));
                Wanted::nothing(machine)
            }
            None => Wanted::nothing(machine),
        };
        for check in CHECKS {
            findings.extend(check(machine, &wanted));
        }
        findings.sort_by_key(|finding| finding.level);
        Some(Self {
            config: config.map(Path::to_path_buf),
            refused,
            findings,
        })
    }

    fn count(&self, level: Level) -> usize {
        let of_level = |finding: &&Finding| finding.level == level;
        self.findings.iter().filter(of_level).count()
    }

    fn exit(&self) -> Exit {
        if self.refused {
            return Exit::Usage;
        }
        if self.count(Level::Fails) > 0 {
            return Exit::Failed;
        }
        Exit::Done
    }
}

fn refusal(problems: &config::Problems) -> Finding {
    let file = &problems.file;
    problems
        .problems
        .iter()
        .fold(
            Finding::fails("configuration", format!("{file} is refused")),
            |finding, problem| finding.read(format!("{}{problem}", config::place(file, problem.mark))),
        )
        .why("run starts with nothing that it does not understand whole; its ports could not be looked at")
        .advise(format!("ranshift check {file}"))
}

/// One look at the machine.
type Check = fn(&Machine, &Wanted) -> Vec<Finding>;

/// In the order in which findings of one level are told.
const CHECKS: [Check; 9] = [
    software::dpdk,
    ports::devices,
    rights::rights,
    memory::memory,
    cores::cores,
    isolation::isolation,
    irq::interrupts,
    clock::clock,
    service::service,
];
