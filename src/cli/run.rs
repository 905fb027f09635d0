//! `ranshift run`: the appliance on DPDK ports until told to stop.
//!
//! Everything that can be wrong with arguments and configuration is said before EAL starts. `live` runs
//! one worker on each lcore by the cycle counter, with control beside; with `--clock capture` one worker
//! runs by the frames' own time, and the director answers in the instant of the event, as in a replay.

mod keeper;
mod live;
mod live_state;
mod log;
mod machine;
mod plan;
mod post;
mod report;
mod service;
mod stamps;

use super::Exit;
use super::commands::TERM;
use crate::config::{self, Config, scenario::Scenario};
use crate::control::compile::compile;
use crate::control::controller::Controller;
use crate::control::names::names;
use crate::control::recordings::recorder;
use crate::dataplane::counters::Counters;
use crate::dataplane::mailbox::Event;
use crate::dataplane::worker::{Clock, Worker};
use crate::dpdk::burst::Ports;
use crate::dpdk::eal::{Eal, StartError};
use crate::dpdk::in_order::InOrder;
use crate::dpdk::lcore;
use crate::dpdk::mbuf;
use crate::dpdk::mempool::Pools;
use crate::ran::Instant;
use keeper::Keeper;
use plan::Plan;
use report::Report;
use stamps::Stamped;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Run the appliance on DPDK ports until interrupted
#[derive(clap::Args)]
pub(super) struct Run {
    /// Configuration file (YAML); every port needs a `device`
    #[arg(short, long, value_name = "CONFIG")]
    config: PathBuf,

    /// Where the time comes from: this core's cycle counter, or the receive stamps of net_pcap
    #[arg(long, value_enum, default_value_t = Source::Tsc)]
    clock: Source,

    /// Stop when no frame has come for this many milliseconds
    #[arg(long, value_name = "MS")]
    until_idle: Option<u64>,

    /// Give the actions of this scenario, timed from the first frame; needs --clock capture
    #[arg(long, value_name = "SCENARIO")]
    commands: Option<PathBuf>,

    /// Arguments of EAL, instead of those that follow from `lcores` in the configuration
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    eal: Option<String>,

    /// Write counters and costs to this file as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Where `now` comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Source {
    /// The cycle counter, set against the system's time
    Tsc,
    /// The frames' receive stamps
    Capture,
}

/// Why nothing was run, and the exit code that says whose fault it is.
enum Refusal {
    Usage(String),
    Environment(String),
}

impl From<StartError> for Refusal {
    fn from(error: StartError) -> Self {
        Self::Environment(error.to_string())
    }
}

impl Run {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        match self.appliance() {
            Ok(report) => {
                report.print(out)?;
                match &self.report {
                    Some(file) => Ok(report.write(file)),
                    None => Ok(report.exit()),
                }
            }
            Err(Refusal::Usage(why)) => {
                eprintln!("ranshift: {why}");
                Ok(Exit::Usage)
            }
            Err(Refusal::Environment(why)) => {
                eprintln!("ranshift: {why}");
                Ok(Exit::Environment)
            }
        }
    }

    fn appliance(&self) -> Result<Report, Refusal> {
        let usage = |all: config::Problems| Refusal::Usage(all.to_string());
        let text = config::read(&self.config).map_err(usage)?;
        let loaded = config::parse(&text, &self.config.display().to_string()).map_err(usage)?;
        let config = loaded.config;
        log::start(config.log).map_err(Refusal::Environment)?;
        let scenario = self.scenario(&config)?;
        let mut plan = Plan::of(&config, self.eal.as_deref())?;
        let stop = interrupts()?;
        match self.clock {
            Source::Tsc => live::run(self, &config, text, &plan, &stop),
            Source::Capture => {
                plan.cores.truncate(1);
                let eal = Eal::start(&plan.arguments())?;
                let ports = Ports::start(&eal, &plan.ports, plan.size)?;
                if !mbuf::stamps_exist() {
                    let why = "--clock capture: no port stamps what it receives; net_pcap does";
                    return Err(Refusal::Environment(why.to_owned()));
                }
                let report = self.by_stamps(&config, ports, &scenario, &stop);
                eal.sweep();
                Ok(report)
            }
        }
    }

    /// What is commanded: nothing without `--commands`.
    fn scenario(&self, config: &Config) -> Result<Scenario, Refusal> {
        let Some(path) = &self.commands else {
            return Ok(Scenario::default());
        };
        if self.clock != Source::Capture {
            let why = "--commands: times count from the first frame's stamp, add --clock capture";
            return Err(Refusal::Usage(why.to_owned()));
        }
        let scenario = config::scenario::load(path, config)
            .map_err(|problems| Refusal::Usage(problems.to_string()))?;
        if !scenario.faults.is_empty() {
            return Err(Refusal::Usage(format!(
                "--commands {}: only a replay can do faults; replay --write-ingress writes frames \
                 that went through them",
                path.display()
            )));
        }
        Ok(scenario)
    }

    /// By the frames' stamps, the director in the same instant.
    fn by_stamps(
        &self,
        config: &Config,
        ports: Ports,
        scenario: &Scenario,
        stop: &AtomicBool,
    ) -> Report {
        let tables = Arc::new(compile(config, TERM));
        // The configuration was read from there a moment ago.
        let text = std::fs::read_to_string(&self.config).unwrap_or_default();
        let keeper = Keeper::new(config, names(config), text);
        let recorder = recorder(config, &tables, |_| true);
        let worker = Worker::new(tables, Clock::Stamps).recorded_by(recorder);
        let io = InOrder::new(ports, config.ports.len());
        let mut run = Stamped::new(worker, io, Controller::new(config, TERM), scenario, keeper);
        let mut idle = Idle::new(self.until_idle);
        while !stop.load(Ordering::Relaxed) {
            let busy = run.turn();
            if idle.is_over(lcore::cycles(), busy) {
                break;
            }
        }
        run.fetch(Instant::NEVER);
        let commands_left = run.commands_left();
        let Stamped {
            worker, io, events, ..
        } = run;
        let mut report = self.report_of(config, worker.counters().clone(), events);
        report.commands_left = commands_left;
        drop(worker);
        report.buffers = buffers(&io.into_ports().close());
        report
    }

    fn report_of(&self, config: &Config, counters: Counters, events: Vec<Event>) -> Report {
        Report {
            config: self.config.clone(),
            names: names(config),
            counters,
            events,
            commands_left: 0,
            usage: None,
            lcores: Vec::new(),
            buffers: Vec::new(),
        }
    }
}

/// Counts the time without frames, in cycles.
struct Idle {
    limit: Option<u64>,
    since: u64,
}

impl Idle {
    fn new(milliseconds: Option<u64>) -> Self {
        let per_millisecond = lcore::cycles_per_second() / 1_000;
        Self {
            limit: milliseconds.map(|ms| ms.saturating_mul(per_millisecond)),
            since: lcore::cycles(),
        }
    }

    fn is_over(&mut self, now: u64, busy: bool) -> bool {
        if busy {
            self.since = now;
        }
        self.limit
            .is_some_and(|limit| now.saturating_sub(self.since) > limit)
    }
}

/// Set by SIGINT and SIGTERM; a second one ends the process at once.
fn interrupts() -> Result<Arc<AtomicBool>, Refusal> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let code = Exit::Environment as i32;
        signal_hook::flag::register_conditional_shutdown(signal, code, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Refusal::Environment(format!("signal handler: {error}")))?;
    }
    Ok(stop)
}

fn buffers(pools: &Pools) -> Vec<(&'static str, u32)> {
    pools
        .all()
        .iter()
        .map(|pool| (pool.name(), pool.in_use()))
        .collect()
}
