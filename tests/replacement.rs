//! Tables replaced while traffic runs, in virtual time: cells that have not changed leave the same bytes as
//! in a run without any replacement; roles, numbers and pending switches go on; nothing leaks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/virtual_run.rs"]
mod virtual_run;

use proptest::prelude::*;
use ranshift::config::Config;
use ranshift::control::compile::compile;
use ranshift::control::replace::replacements;
use ranshift::dataplane::mailbox::{
    Action, Boundary, Cause, Command, Event, EventKind, Mode, Refusal,
};
use ranshift::dataplane::replacement::Outcome;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::lab::{Generator, Life, Plan};
use ranshift::ran::{CellId, Duration, Instant, MemberId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::sync::Arc;
use virtual_run::cells;

const BODY: &str = "    numerology: 1
    carrier_prbs: 12
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    time: {source: gps}
    periods: {tdd: 10}
    transmit_window_end: {downlink_control: 80us, uplink_control: 80us, downlink_user: 40us}
    liveness: {confirm: 1, history: 3}";

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);

/// A running appliance whose configuration changes.
struct Running {
    worker: Worker<ReplayFrame>,
    io: ReplayIo,
    config: Config,
    term: u64,
    generator: Generator,
    /// What left of each cell, in order.
    left: Vec<Vec<Vec<u8>>>,
    events: Vec<Event>,
    now: Instant,
}

impl Running {
    fn new(config: &Config, plan: Plan) -> Self {
        Self {
            worker: Worker::new(Arc::new(compile(config, 1)), Clock::Stamps),
            io: ReplayIo::default(),
            config: config.clone(),
            term: 1,
            now: plan.start,
            generator: Generator::new(config, plan).unwrap(),
            left: vec![Vec::new(); 8],
            events: Vec::new(),
        }
    }

    /// Carries one frame; false at the end of the plan.
    fn step(&mut self) -> bool {
        let Some(frame) = self.generator.next_frame() else {
            return false;
        };
        let owned = ReplayFrame::new(frame.bytes, frame.original_len, None, frame.at);
        self.now = frame.at;
        self.io.offer(frame.port, owned);
        self.worker
            .poll(&mut self.io, frame.port, frame.at, &mut Unobserved);
        let left = self.io.take_sent().map(|(_, frame)| frame.bytes().to_vec());
        self.left[frame.cell.index()].extend(left);
        self.events.extend(self.worker.drain_events());
        assert_eq!(self.worker.counters().ledger.balance(), 0);
        true
    }

    fn run_for(&mut self, time: Duration) {
        let until = self.now.after(time);
        while self.now < until && self.step() {}
    }

    fn apply(&mut self, config: &Config) {
        self.term += 1;
        let all = replacements((&self.config, self.worker.tables()), config, self.term);
        let mut all = all.unwrap_or_else(|problems| panic!("{problems:?}"));
        self.worker.replace(self.now, &mut all[0]);
        assert_eq!(all[0].outcome, Outcome::Done);
        self.config = config.clone();
        assert_eq!(self.worker.counters().ledger.balance(), 0);
        self.events.extend(self.worker.drain_events());
    }

    fn command(&mut self, boundary: Boundary, action: Action) {
        self.command_of_term(self.term, boundary, action);
    }

    fn command_of_term(&mut self, term: u64, boundary: Boundary, action: Action) {
        let command = Command {
            id: 1,
            term,
            cell: CellId(0),
            boundary,
            action,
        };
        self.worker.command(self.now, &command);
        self.events.extend(self.worker.drain_events());
    }

    fn mode(&self) -> Mode {
        let cell = &self.worker.state().cells[0];
        cell.roles.mode(cell.clock.unwrap().slot_at(self.now))
    }
}

fn plan(config: &Config, milliseconds: u64) -> Plan {
    Plan {
        duration: Duration::from_millis(milliseconds),
        ..Plan::new(config)
    }
}

/// The first DU dies late in the run, so that a failover must find its history.
fn deadly(config: &Config) -> Plan {
    let mut plan = plan(config, 150);
    let until = plan.start.after(Duration::from_millis(110));
    plan.dus[0].lives = vec![Life {
        until,
        ..Life::WHOLE
    }];
    plan
}

fn with_confirm(config: &Config, cell: usize, confirm: u32) -> Config {
    let mut changed = config.clone();
    changed.cells[cell].liveness.confirm = confirm;
    changed
}

/// Bytes of the first cell, and its events but for replacements and for the term in which they were said:
/// with a switch on the way and a death, `turn` called after each 97 frames.
fn first_cell(
    config: &Config,
    mut turn: impl FnMut(&mut Running, usize),
) -> (Vec<Vec<u8>>, Vec<Event>) {
    let mut running = Running::new(config, deadly(config));
    let mut frames = 0;
    while running.step() {
        frames += 1;
        if frames == 500 {
            let boundary = Boundary::InSlots(60);
            running.command(boundary, Action::Switch { to: B });
        }
        if frames == 12_000 {
            let boundary = Boundary::InSlots(20);
            running.command(boundary, Action::Switch { to: A });
        }
        if frames % 97 == 0 {
            turn(&mut running, frames / 97);
        }
    }
    let mut events = running.events;
    events.retain(|event| {
        event.cell == CellId(0) && !matches!(event.kind, EventKind::Replaced { .. })
    });
    for event in &mut events {
        event.term = 0;
    }
    (std::mem::take(&mut running.left[0]), events)
}

#[test]
fn untouched_cells_leave_the_same_bytes_and_events_as_without_any_replacement() {
    let config = cells(2, BODY);
    let alone = first_cell(&config, |_, _| {});
    let failed_over = |event: &Event| {
        matches!(
            event.kind,
            EventKind::Mode {
                cause: Cause::Failover,
                ..
            }
        )
    };
    assert!(alone.1.iter().any(failed_over), "{:?}", alone.1);
    assert_eq!(
        alone,
        first_cell(&config, |running, _| running.apply(&config))
    );
    let more = cells(3, BODY);
    let fewer = cells(1, BODY);
    let other = with_confirm(&config, 1, 3);
    let turns = [&more, &config, &fewer, &other, &more];
    let replaced = first_cell(&config, |running, turn| {
        running.apply(turns[turn % turns.len()])
    });
    assert_eq!(alone, replaced);
}

#[test]
fn a_cell_whose_liveness_changes_goes_on_with_its_numbers_switches_and_history() {
    let config = cells(2, BODY);
    let other = with_confirm(&config, 0, 2);
    let steady = first_cell(&other, |_, _| {});
    let turns = [&other, &config];
    let mut last = 0;
    let changed = first_cell(&config, |running, turn| {
        // Settled well before the death.
        if turn < 30 {
            running.apply(turns[turn % 2]);
            last = turn % 2;
        } else if last == 1 {
            running.apply(&other);
            last = 0;
        }
    });
    assert_eq!(steady, changed);
}

#[test]
fn counters_go_on_under_new_numbers_of_their_peers() {
    let config = cells(2, BODY);
    let mut running = Running::new(&config, plan(&config, 60));
    running.run_for(Duration::from_millis(20));
    let before = running.worker.counters().clone();
    running.apply(&cells(3, BODY));
    let now = running.worker.counters();
    assert_eq!((now.ledger, now.drops), (before.ledger, before.drops));
    assert_eq!(now.cells[..2], before.cells[..]);
    // Two RUs and four DUs before; an RU and two DUs more now.
    assert_eq!(now.peers[..2], before.peers[..2]);
    assert_eq!(now.peers[3..7], before.peers[2..]);
    assert_eq!(now.peers[2].received, 0);
}

#[test]
fn an_older_term_is_refused_for_tables_and_commands() {
    let config = cells(1, BODY);
    let mut running = Running::new(&config, plan(&config, 60));
    running.run_for(Duration::from_millis(20));
    running.apply(&config);
    for term in [1, 2] {
        let mut stale = replacements(
            (&config, running.worker.tables()),
            &with_confirm(&config, 0, 9),
            term,
        )
        .unwrap();
        running.worker.replace(running.now, &mut stale[0]);
        assert_eq!(stale[0].outcome, Outcome::Stale { in_force: 2 });
        assert_eq!(running.worker.tables().cells[0].liveness.confirm, 1);
    }
    running.command_of_term(1, Boundary::Next, Action::Switch { to: B });
    let why = Refusal::StaleTerm;
    let refused = |event: &Event| event.kind == EventKind::Refused { command: 1, why };
    assert!(running.events.iter().any(refused));
}

#[test]
fn a_new_configuration_does_not_undo_a_migration() {
    let config = cells(1, BODY);
    let mut running = Running::new(&config, plan(&config, 80));
    running.run_for(Duration::from_millis(20));
    running.command(Boundary::Next, Action::Switch { to: B });
    running.run_for(Duration::from_millis(10));
    running.apply(&with_confirm(&config, 0, 2));
    assert_eq!(running.mode(), Mode::Single(B));
    let mut other = config.clone();
    other.cells[0].active = B;
    running.apply(&other);
    running.apply(&config);
    running.run_for(Duration::from_millis(10));
    assert_eq!(running.mode(), Mode::Single(B));
}

#[test]
fn fenced_stays_fenced_and_goes_by_name() {
    let config = cells(1, BODY);
    let mut running = Running::new(&config, plan(&config, 60));
    running.run_for(Duration::from_millis(20));
    running.command(Boundary::Next, Action::Fence { member: B });
    let mut reversed = config.clone();
    let cell = &mut reversed.cells[0];
    cell.members.reverse();
    cell.active = B;
    cell.failover.standby = vec![A];
    running.apply(&reversed);
    running.run_for(Duration::from_millis(5));
    let roles = &running.worker.state().cells[0].roles;
    assert!(roles.is_fenced(A) && !roles.is_fenced(B));
    assert_eq!(running.mode(), Mode::Single(B));
}

#[test]
fn if_the_active_member_is_removed_the_configured_one_is_switched_to_at_the_next_slot() {
    let config = cells(1, BODY);
    let mut running = Running::new(&config, plan(&config, 80));
    running.run_for(Duration::from_millis(20));
    let mut alone = config.clone();
    let cell = &mut alone.cells[0];
    cell.members.remove(0);
    cell.active = A;
    cell.failover.standby.clear();
    let numbers = |running: &Running| running.left[0].len();
    running.apply(&alone);
    let at = running.now;
    running.run_for(Duration::from_millis(10));
    let before = numbers(&running);
    running.run_for(Duration::from_millis(10));
    assert!(numbers(&running) > before);
    assert_eq!(running.mode(), Mode::Single(A));
    let told = running.events.iter().find_map(|event| match event.kind {
        EventKind::Mode {
            mode,
            cause: Cause::Command,
            ..
        } if event.at > at => Some(mode),
        _ => None,
    });
    assert_eq!(told, Some(Mode::Single(A)));
}

#[test]
fn what_dpdk_set_up_needs_a_restart_and_every_reason_is_named() {
    let config = cells(1, BODY);
    let mut other = config.clone();
    other.ports[0].mtu = 1500;
    other.ports[1].device = Some("net_null0".to_owned());
    let mut third = other.ports[0].clone();
    third.name = "third".to_owned();
    other.ports.push(third);
    let problems = replacements((&config, &compile(&config, 1)), &other, 2).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("restart")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn cells_that_come_and_go_leave_the_ledger_at_zero(
        turns in proptest::collection::vec((1usize..=4, 1u32..4, 1usize..300), 1..20),
    ) {
        let config = cells(2, BODY);
        let mut running = Running::new(&config, plan(&config, 40));
        for (count, confirm, frames) in turns {
            for _ in 0..frames {
                running.step();
            }
            let mut next = cells(count, BODY);
            next.cells[0].liveness.confirm = confirm;
            running.apply(&next);
        }
        while running.step() {}
    }
}
