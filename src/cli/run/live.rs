//! The appliance by the cycle counter: control beside, then EAL, ports, and a worker on each lcore.

use super::live_state;
use super::machine::Eyes;
use super::plan::{self, Plan};
use super::post::{Post, Served, Shared};
use super::report::{LcoreReport, Report};
use super::service::Service;
use super::{Refusal, Run, TERM, buffers};
use crate::config::Config;
use crate::config::model::Idle;
use crate::control::clock;
use crate::control::compile::compile;
use crate::control::recordings::recorder;
use crate::control::supervisor::{self, Seat, Setup, Supervisor};
use crate::dataplane::counters::Counters;
use crate::dataplane::handover::Handover;
use crate::dataplane::live_state::Memory;
use crate::dataplane::tables::Tables;
use crate::dataplane::worker::{Clock, Worker};
use crate::dpdk::burst::Ports;
use crate::dpdk::eal::{self, Eal, StartError};
use crate::dpdk::launch::{Running, launch};
use crate::dpdk::lcore::{self, Lcore, Usage};
use crate::dpdk::mapping;
use crate::dpdk::port::PortPlan;
use crate::ran::LcoreId;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs until `stop`, or until idle.
pub(super) fn run(
    run: &Run,
    config: &Config,
    text: String,
    plan: &Plan,
    stop: &Arc<AtomicBool>,
) -> Result<Report, Refusal> {
    mapping::return_freed_memory();
    // Threads inherit this; EAL pins the calling one to its lcore.
    if !eal::keep_off(&plan.cores) {
        eprintln!(
            "ranshift: warning: control threads share the poll cores, as there are no others"
        );
    }
    let mut tables = compile(config, TERM);
    let memory = live_state::open(config.state.as_deref(), &mut tables);
    let tables = Arc::new(tables);
    let seats = seats(config, plan);
    let shared = Arc::new(Shared::new(plan.cores.len(), stop));
    let thread = |error: io::Error| Refusal::Environment(error.to_string());
    let service = Service::start(Arc::clone(&shared)).map_err(thread)?;
    let setup = Setup {
        config: config.clone(),
        text,
        path: Some(run.config.clone()),
        tables: Arc::clone(&tables),
        seats: seats.clone(),
    };
    let supervisor = Supervisor::start(setup).map_err(thread)?;
    for address in supervisor.addresses() {
        eprintln!("ranshift: API at {address}");
    }
    plan.ports.iter().for_each(PortPlan::sweep);
    let eal = Eal::start(&plan.arguments())?;
    let lcores = eal.lcores();
    if lcores.len() < plan.cores.len() {
        let why = format!(
            "EAL has {} lcores and the configuration {}: --eal must name as many",
            lcores.len(),
            plan.cores.len()
        );
        return Err(Refusal::Usage(why));
    }
    let ports = Ports::start(&eal, &plan.ports, plan.size)?;
    if config.lcores.lock_memory {
        lock_memory();
    }
    supervisor.attach(Arc::new(Eyes {
        gauge: ports.gauge(),
        live_state_kept: config.state.as_ref().map(|_| memory.is_some()),
    }));
    let posts = posts(run, config, &eal, ports, &tables, &seats, (memory, &shared));
    let served = serve(&eal, &lcores, posts, &shared)?;
    supervisor.detach();
    let report = report(run, config, plan, served);
    let events = supervisor.finish();
    service.finish();
    eal.sweep();
    Ok(Report { events, ..report })
}

/// Each lcore as control sees it.
fn seats(config: &Config, plan: &Plan) -> Vec<Seat> {
    let seat = |(lcore, (core, idle)): (usize, (&usize, &Idle))| Seat {
        mailbox: supervisor::mailbox(),
        lcore: lcore as u32,
        core: *core as u32,
        idle: idle.word().to_owned(),
    };
    let each = plan.cores.iter().zip(&config.lcores.idle);
    each.enumerate().map(seat).collect()
}

/// Each lcore with its ports, its end of the queues between them, and its mailbox.
fn posts(
    run: &Run,
    config: &Config,
    eal: &Eal,
    ports: Ports,
    tables: &Arc<Tables>,
    seats: &[Seat],
    (memory, shared): (Option<Memory>, &Arc<Shared>),
) -> Vec<Post> {
    let per_millisecond = lcore::cycles_per_second() / 1_000;
    let idle_limit = run
        .until_idle
        .map(|limit| limit.saturating_mul(per_millisecond));
    let mut ends = Handover::among(tables, LANE).into_iter();
    let parts = ports.split(&tables.owners).into_iter();
    let idles = config.lcores.idle.iter();
    let each = parts.zip(seats).zip(idles).enumerate();
    each.map(|(place, ((ports, seat), idle))| {
        let owns = |cell| tables.owners.of_cell(cell) == LcoreId(place as u8);
        let recorder = recorder(config, tables, owns);
        let mut worker = Worker::new(Arc::clone(tables), Clock::Burst).recorded_by(recorder);
        if let Some(end) = ends.next() {
            worker = worker.among(end);
        }
        if let Some(memory) = memory {
            worker.remember_in(memory, clock::wall());
        }
        Post {
            lcore: Lcore::new(eal, worker, config.ports.len()).resting(plan::rest(*idle)),
            ports,
            mailbox: Arc::clone(&seat.mailbox),
            shared: Arc::clone(shared),
            place,
            idle_limit,
        }
    })
    .collect()
}

/// The first post on this thread, which EAL made the main lcore, the others on theirs.
fn serve(
    eal: &Eal,
    lcores: &[u32],
    posts: Vec<Post>,
    shared: &Shared,
) -> Result<Vec<Served>, Refusal> {
    let mut posts = posts.into_iter();
    let first = posts.next();
    let others: Vec<Running<Served>> = posts
        .zip(lcores.iter().skip(1))
        .map(|(post, lcore)| launch(eal, *lcore, move || post.serve()))
        .collect::<Result<_, StartError>>()?;
    shared.ready.store(true, Ordering::Release);
    let first = first.map(Post::serve);
    let others = others.into_iter().map(Running::join);
    let all: Option<Vec<Served>> = std::iter::once(first).chain(others).collect();
    all.ok_or_else(|| Refusal::Environment("an lcore failed: see its message above".to_owned()))
}

fn report(run: &Run, config: &Config, plan: &Plan, served: Vec<Served>) -> Report {
    let mut counters = Counters::default();
    let mut usage = Usage::default();
    let mut lcores = Vec::new();
    let mut pools = Vec::new();
    let idles = config.lcores.idle.iter();
    for ((served, core), idle) in served.into_iter().zip(&plan.cores).zip(idles) {
        counters.add(&served.counters);
        usage.cycles += served.usage.cycles;
        usage.frames += served.usage.frames;
        lcores.push(LcoreReport {
            core: *core,
            idle: idle.word(),
            load: served.load,
        });
        pools.push(served.ports.close());
    }
    let mut report = run.report_of(config, counters, Vec::new());
    report.usage = Some(usage);
    report.lcores = lcores;
    report.buffers = pools
        .first()
        .map(|pools| buffers(pools))
        .unwrap_or_default();
    report
}

fn lock_memory() {
    if let Err(error) = mapping::lock_memory() {
        eprintln!(
            "ranshift: warning: memory is not locked ({error}): raise `ulimit -l` (LimitMEMLOCK=infinity \
             in the unit) or grant CAP_IPC_LOCK, or say lock_memory: false"
        );
    }
}

/// Frames in one queue between two lcores: some bursts more than are taken out in one turn.
const LANE: usize = 1024;
