//! The measured program: our loop on one lcore, over the same devices as testpmd. A process of its own,
//! since EAL starts once; it prints one line of JSON.

use crate::machine::{self, MEANINGFUL, Machine, Traffic};
use crate::traffic::{self, Way};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::counters::CellCounters;
use ranshift::dataplane::frame_io::{BURST, FrameIo};
use ranshift::dataplane::verdict::DropReason;
use ranshift::dataplane::worker::{Clock, Worker};
use ranshift::dpdk::burst::Ports;
use ranshift::dpdk::eal::Eal;
use ranshift::dpdk::lcore::{self, Lcore};
use ranshift::dpdk::mbuf::Mbuf;
use ranshift::dpdk::mempool::PoolSize;
use ranshift::dpdk::port::PortPlan;
use ranshift::ran::PortId;
use serde::{Deserialize, Serialize};
use std::io::{Write, stdin};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

/// What to measure, handed to the process as JSON.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub(crate) struct Order {
    eal: Vec<String>,
    devices: Vec<String>,
    config: Option<String>,
    windows: usize,
    window_ms: u64,
}

/// What was measured.
#[derive(Clone, Serialize, Deserialize, Debug, Default)]
pub(crate) struct Reading {
    /// Cycles per received packet of each window, idle polls left out.
    pub(crate) cycles: Vec<f64>,
    /// Frames received, and copies made of them.
    pub(crate) received: u64,
    /// Copies made.
    pub(crate) copied: u64,
    /// Frames sent.
    pub(crate) sent: u64,
    /// Cells that had a frame.
    pub(crate) cells_hit: usize,
    /// What was dropped, by reason.
    pub(crate) drops: Vec<(String, u64)>,
}

/// Runs the measured program on `traffic`: the worker over `cells` cells, or plain forwarding.
pub(crate) fn measure(
    machine: &Machine,
    traffic: &Traffic,
    work: Option<(Way, usize)>,
    windows: usize,
    window: Duration,
) -> Result<Reading, String> {
    let devices = traffic.devices(work.map_or(2, |(way, _)| way.ports()));
    let order = Order {
        eal: machine.eal_arguments("dut", machine.core.to_string()),
        config: work.map(|(way, cells)| traffic::config(way, cells, &devices)),
        devices,
        windows,
        window_ms: window.as_millis() as u64,
    };
    let file = machine.file("order.json");
    let text = serde_json::to_string(&order).map_err(|error| error.to_string())?;
    fs::write(&file, text).map_err(|error| error.to_string())?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg(ARGUMENT).arg(&file).envs(traffic.feed(machine));
    let (mut measured, mut input) = machine::start_with_feed(&mut command)?;
    writeln!(input, "go").map_err(|error| error.to_string())?;
    let output = machine::output_of(&mut measured)?;
    serde_json::from_str(&output).map_err(|error| format!("{error} in \"{output}\""))
}

/// The process's part: `file` holds the order.
pub(crate) fn serve(file: &str) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let order: Order = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    // Before EAL, which starts the feed: headers that wait while a thousand cells are made are stale.
    let worker = order.config.as_deref().map(worker).transpose()?;
    let plans: Vec<_> = order.devices.iter().map(|device| plan(device)).collect();
    let mut arguments = order.eal.clone();
    arguments.extend(plans.iter().map(PortPlan::eal_argument));
    let eal = Eal::start(&arguments).map_err(|error| error.to_string())?;
    let size = PoolSize::of(&plans, 1);
    let mut ports = Ports::start(&eal, &plans, size).map_err(|error| error.to_string())?;
    stdin()
        .read_line(&mut String::new())
        .map_err(|error| error.to_string())?;
    let reading = match worker {
        Some(worker) => decide(&eal, &mut ports, &order, worker),
        None => forward(&mut ports, &order),
    };
    println!(
        "{}",
        serde_json::to_string(&reading).map_err(|error| error.to_string())?
    );
    Ok(())
}

/// The whole path, as `ranshift run` takes it.
fn decide(eal: &Eal, ports: &mut Ports, order: &Order, worker: Worker<Mbuf>) -> Reading {
    let mut lcore = Lcore::new(eal, worker, order.devices.len());
    let mut reading = Reading::default();
    let length = lcore::cycles_per_second() / 1_000 * order.window_ms;
    for window in 0..=order.windows {
        let before = lcore.usage();
        let end = lcore::cycles() + length;
        while lcore.turn(ports).started < end {
            drop(lcore.worker.drain_events());
        }
        let usage = lcore.usage();
        let frames = usage.frames - before.frames;
        if window > 0 && frames >= MEANINGFUL {
            let cycles = usage.cycles - before.cycles;
            reading.cycles.push(cycles as f64 / frames as f64);
        }
    }
    let counters = lcore.worker.counters();
    let hit = |cell: &&CellCounters| cell.downlink_user + cell.uplink_user > 0;
    reading.received = counters.ledger.received;
    reading.copied = counters.ledger.copied;
    reading.sent = counters.ledger.sent;
    reading.cells_hit = counters.cells.iter().filter(hit).count();
    reading.drops = DropReason::ALL
        .iter()
        .map(|reason| (reason.label().to_owned(), counters.drops.of(*reason)))
        .filter(|(_, count)| *count > 0)
        .collect();
    reading
}

fn worker(config: &str) -> Result<Worker<Mbuf>, String> {
    let loaded = config::parse(config, "bench").map_err(|problems| problems.to_string())?;
    let tables = Arc::new(compile(&loaded.config, 1));
    Ok(Worker::new(tables, Clock::Burst))
}

/// Plain forwarding from port 0 to port 1: what the backend costs without a decision.
fn forward(ports: &mut Ports, order: &Order) -> Reading {
    let mut reading = Reading::default();
    let mut burst = Vec::with_capacity(BURST);
    let length = lcore::cycles_per_second() / 1_000 * order.window_ms;
    for window in 0..=order.windows {
        let (mut busy, mut received) = (0, 0);
        let mut at = lcore::cycles();
        let end = at + length;
        while at < end {
            ports.receive(PortId(0), &mut burst);
            let frames = burst.len();
            if frames > 0 {
                ports.transmit(PortId(1), &mut burst);
                reading.sent += (frames - burst.len()) as u64;
                burst.clear();
            }
            let now = lcore::cycles();
            if frames > 0 {
                busy += now - at;
                received += frames as u64;
            }
            at = now;
        }
        reading.received += received;
        if window > 0 && received >= MEANINGFUL {
            reading.cycles.push(busy as f64 / received as f64);
        }
    }
    reading
}

fn plan(device: &str) -> PortPlan {
    PortPlan {
        name: device.to_owned(),
        device: device.to_owned(),
        mtu: MTU,
        ..PortPlan::default()
    }
}

/// Marks the process as the measured one.
pub(crate) const ARGUMENT: &str = "--measured";

const MTU: u16 = 9000;
