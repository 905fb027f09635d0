//! `ranshift run`: the appliance on DPDK ports, on one lcore, until told to stop.
//!
//! Everything that can be wrong with arguments and configuration is said before EAL starts. The lcore is
//! the calling thread; whoever decides beside it runs on a thread of its own, made before EAL so that it
//! does not share the poll core, and talks to it through bounded queues. With `--clock capture` time is
//! the frames' own, and the director answers in the instant of the event, as in a replay.

mod log;
mod report;
mod stamps;

use super::Exit;
use super::commands::TERM;
use crate::config::{self, Config, scenario::Scenario};
use crate::control::compile::compile;
use crate::control::controller::Controller;
use crate::control::names::names;
use crate::control::supervisor::{self, Seat, Setup, Supervisor};
use crate::dataplane::mailbox::{Event, Mailbox};
use crate::dataplane::observation::Load;
use crate::dataplane::worker::{Clock, Worker};
use crate::dpdk::burst::Ports;
use crate::dpdk::eal::{self, Eal, StartError};
use crate::dpdk::in_order::InOrder;
use crate::dpdk::lcore::{self, Lcore};
use crate::dpdk::mbuf::{self, Mbuf};
use crate::dpdk::mempool::{PoolSize, Pools};
use crate::dpdk::port::{self, PortPlan};
use crate::ran::{CellId, PortId};
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

    /// Arguments of EAL, instead of the line that needs no privilege and no huge pages
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
        let plans = plans(&config)?;
        let largest = plans.iter().map(|plan| plan.mtu).max().unwrap_or_default();
        let size = PoolSize::of(plans.len(), largest);
        let mut arguments = self.eal_arguments(size)?;
        arguments.extend(plans.iter().map(PortPlan::eal_argument));
        let stop = interrupts()?;
        match self.clock {
            Source::Tsc => {
                let mailbox = supervisor::mailbox();
                let supervisor = Supervisor::start(self.setup(&config, text, &mailbox))
                    .map_err(|error| Refusal::Environment(error.to_string()))?;
                for address in supervisor.addresses() {
                    eprintln!("ranshift: API at {address}");
                }
                let eal = Eal::start(&arguments)?;
                let ports = Ports::start(&eal, &plans, size)?;
                let report = self.live(&config, &eal, ports, &mailbox, &stop);
                Ok(Report {
                    events: supervisor.finish(),
                    ..report
                })
            }
            Source::Capture => {
                let eal = Eal::start(&arguments)?;
                let ports = Ports::start(&eal, &plans, size)?;
                if !mbuf::stamps_exist() {
                    let why = "--clock capture: no port stamps what it receives; net_pcap does";
                    return Err(Refusal::Environment(why.to_owned()));
                }
                Ok(self.by_stamps(&config, ports, &scenario, &stop))
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

    /// What control is to work with: one lcore that does everything.
    fn setup(&self, config: &Config, text: String, mailbox: &Arc<Mailbox>) -> Setup {
        let seat = Seat {
            mailbox: Arc::clone(mailbox),
            lcore: 0,
            core: eal::last_core().map_or(0, |core| core as u32),
            idle: "spin".to_owned(),
            cells: (0..config.cells.len())
                .map(|cell| CellId(cell as u16))
                .collect(),
            ports: (0..config.ports.len())
                .map(|port| PortId(port as u8))
                .collect(),
        };
        Setup {
            config: config.clone(),
            text,
            path: Some(self.config.clone()),
            term: TERM,
            seats: vec![seat],
        }
    }

    fn eal_arguments(&self, size: PoolSize) -> Result<Vec<String>, Refusal> {
        if let Some(line) = &self.eal {
            return eal::checked_arguments(line)
                .map_err(|why| Refusal::Usage(format!("--eal: {why}")));
        }
        let core = eal::last_core().ok_or_else(|| {
            Refusal::Environment("this process may run on no core that EAL can use".to_owned())
        })?;
        Ok(eal::default_arguments(core, size.mebibytes()))
    }

    /// By the cycle counter, with the director beside.
    fn live(
        &self,
        config: &Config,
        eal: &Eal,
        mut ports: Ports,
        mailbox: &Mailbox,
        stop: &AtomicBool,
    ) -> Report {
        let worker = Worker::new(Arc::new(compile(config, TERM)), Clock::Burst);
        let mut lcore = Lcore::new(eal, worker, config.ports.len());
        let mut idle = Idle::new(self.until_idle);
        while !stop.load(Ordering::Relaxed) {
            let turn = lcore.turn(&mut ports);
            lcore.worker.exchange(turn.now, mailbox, Load::default());
            if idle.is_over(turn.started, turn.frames > 0) {
                break;
            }
        }
        let usage = lcore.usage();
        let mut report = self.report_of(config, &lcore.worker, Vec::new());
        report.usage = Some(usage);
        drop(lcore);
        report.buffers = buffers(&ports.close());
        report
    }

    /// By the frames' stamps, the director in the same instant.
    fn by_stamps(
        &self,
        config: &Config,
        ports: Ports,
        scenario: &Scenario,
        stop: &AtomicBool,
    ) -> Report {
        let worker = Worker::new(Arc::new(compile(config, TERM)), Clock::Stamps);
        let io = InOrder::new(ports, config.ports.len());
        let mut run = Stamped::new(worker, io, Controller::new(config, TERM), scenario);
        let mut idle = Idle::new(self.until_idle);
        while !stop.load(Ordering::Relaxed) {
            let busy = run.turn();
            if idle.is_over(lcore::cycles(), busy) {
                break;
            }
        }
        let commands_left = run.commands_left();
        let Stamped {
            worker, io, events, ..
        } = run;
        let mut report = self.report_of(config, &worker, events);
        report.commands_left = commands_left;
        drop(worker);
        report.buffers = buffers(&io.into_ports().close());
        report
    }

    fn report_of(&self, config: &Config, worker: &Worker<Mbuf>, events: Vec<Event>) -> Report {
        Report {
            config: self.config.clone(),
            names: names(config),
            counters: worker.counters().clone(),
            events,
            commands_left: 0,
            usage: None,
            buffers: Vec::new(),
        }
    }
}

/// The configured ports, all with a device that DPDK can make.
fn plans(config: &Config) -> Result<Vec<PortPlan>, Refusal> {
    let plan = |port: &config::model::Port| {
        let Some(device) = port.device.clone() else {
            let why = format!("port {} has no device, and run needs one", port.name);
            return Err(Refusal::Usage(why));
        };
        Ok(PortPlan {
            name: port.name.clone(),
            device,
            mtu: port.mtu,
        })
    };
    let plans: Vec<_> = config.ports.iter().map(plan).collect::<Result<_, _>>()?;
    port::check_plans(&plans).map_err(Refusal::Usage)?;
    Ok(plans)
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
