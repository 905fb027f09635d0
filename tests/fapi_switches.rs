//! PHYs that change places and PHYs that die, at random slots and phases, through the real journey in virtual
//! time: an L2 that schedules what is indicated, late and out of order at times, two PHYs with uplink in their
//! pipelines and a standby that says what it should not. The judge of the FAPI plane finds nothing wrong.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "fapi_checker/mod.rs"]
mod fapi_checker;

use fapi_checker::cast::{Appliance, Dice, L2, Phy, Stage, Timing};
use fapi_checker::{Cause, Inputs, Rule, Settings, Switch, Verdict, judge};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::mailbox::{self, Action, Boundary, Command, EventKind, Mode};
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{CellId, Instant, MemberId, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::collections::VecDeque;
use std::sync::Arc;

/// Runs of each kind.
const RUNS: u64 = 1_000;
const START: u64 = 1_795_220_728_000_000_000;
/// Slots of a run.
const SLOTS: u64 = 56;
/// Slots before anything happens: everybody is heard, pipelines are full.
const LEAD_IN: u64 = 14;

/// The worker between two files of frames, with its commands.
struct Real {
    worker: Worker<ReplayFrame>,
    io: ReplayIo,
    ports: Vec<String>,
    members: [String; 2],
    commands: VecDeque<(u64, Boundary, Action)>,
    given: Vec<Action>,
    detected: Option<(u64, u64)>,
    switches: Vec<Switch>,
    refused: Vec<mailbox::Refusal>,
    /// Instant of the last tick, and how many there were in it.
    ticks: (u64, u32),
}

impl Real {
    fn new(yaml: &str, commands: Vec<(u64, Boundary, Action)>) -> Self {
        let file =
            config::parse(yaml, "generated.yaml").unwrap_or_else(|problems| panic!("{problems}"));
        let ports = file.config.ports.iter().map(|port| port.name.clone());
        Self {
            ports: ports.collect(),
            worker: Worker::new(Arc::new(compile(&file.config, 1)), Clock::Stamps),
            io: ReplayIo::default(),
            members: ["phy-a".to_owned(), "phy-b".to_owned()],
            commands: commands.into(),
            given: Vec::new(),
            detected: None,
            switches: Vec::new(),
            refused: Vec::new(),
            ticks: (0, 0),
        }
    }

    fn sent(&mut self) -> Vec<(String, Vec<u8>)> {
        let sent = self.io.take_sent();
        sent.map(|(port, frame)| (self.ports[port.index()].clone(), frame.bytes().to_vec()))
            .collect()
    }

    fn hear(&mut self) {
        let events: Vec<_> = self.worker.drain_events().collect();
        for event in events {
            match event.kind {
                EventKind::Accepted { boundary, .. } => {
                    let commanded_ns = event.at.0;
                    if let Some(Action::Switch { to }) = self.given.last() {
                        let cause = Cause::Planned { commanded_ns };
                        self.switched(boundary.0, to.index(), cause);
                    }
                }
                EventKind::Refused { why, .. } => self.refused.push(why),
                EventKind::Failover { last_heard, .. } => {
                    self.detected = Some((event.at.0, last_heard.0));
                }
                EventKind::Mode {
                    mode: Mode::Single(to),
                    boundary,
                    cause: mailbox::Cause::Failover,
                } => {
                    let (detected_ns, last_heard_ns) = self.detected.unwrap();
                    let cause = Cause::Failover {
                        detected_ns,
                        last_heard_ns,
                    };
                    self.switched(boundary.0, to.index(), cause);
                }
                _ => {}
            }
        }
    }

    fn switched(&mut self, slot: u64, to: usize, cause: Cause) {
        self.switches.push(Switch {
            cell: "cell-1".to_owned(),
            slot: slot as i64,
            from: self.members[1 - to].clone(),
            to: self.members[to].clone(),
            cause,
        });
    }
}

impl Appliance for Real {
    fn next_at(&self) -> Option<u64> {
        let deadline = self.worker.next_deadline();
        let tick = (deadline != Instant::NEVER).then_some(deadline.0);
        let command = self.commands.front().map(|command| command.0);
        tick.into_iter().chain(command).min()
    }

    fn tick(&mut self, now: u64) -> Vec<(String, Vec<u8>)> {
        self.ticks = if self.ticks.0 == now {
            (now, self.ticks.1 + 1)
        } else {
            (now, 0)
        };
        assert!(
            self.ticks.1 < 1_000,
            "it wants to tick at {now} without end"
        );
        let at = Instant(now);
        self.worker.tick(at);
        self.worker.flush(&mut self.io, at);
        self.hear();
        while let Some((_, boundary, action)) =
            self.commands.pop_front_if(|command| command.0 <= now)
        {
            self.given.push(action);
            let (id, cell) = (self.given.len() as u32, CellId(0));
            self.worker.command(
                at,
                &Command {
                    id,
                    term: 1,
                    cell,
                    boundary,
                    action,
                },
            );
            self.worker.flush(&mut self.io, at);
            self.hear();
        }
        self.sent()
    }

    fn receive(&mut self, port: &str, now: u64, frame: &[u8]) -> Vec<(String, Vec<u8>)> {
        let at = Instant(now);
        let port = self.ports.iter().position(|name| name == port).unwrap();
        let port = PortId(port as u8);
        self.worker.tick(at);
        self.worker.flush(&mut self.io, at);
        self.io
            .offer(port, ReplayFrame::new(frame, frame.len(), None, at));
        self.worker.poll(&mut self.io, port, at, &mut Unobserved);
        self.hear();
        self.sent()
    }
}

/// One run: a cell, its traffic, and what happens to it.
struct Case {
    dice: Dice,
    mu: u32,
    timing: Timing,
    yaml: String,
    jitter: u64,
    /// Longest transport block, and the longest datagram that the L2 sends.
    largest: (u64, usize),
}

impl Case {
    /// Every fourth run crosses the wrap of SFN where it matters.
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mu = [1, 1, 0, 2][dice.roll(4) as usize];
        let period = 1024 * (10 << mu);
        let first = match seed % 4 {
            0 => period - LEAD_IN as i64 - dice.roll(12) as i64,
            _ => dice.roll(period as u64) as i64,
        };
        let ahead = 2 << mu;
        let timing = Timing {
            mu,
            first,
            start: START + dice.roll(1_000_000),
            ahead,
        };
        let confirm = dice.roll(2) + 1;
        let fail_crc = dice.roll(2) == 0;
        let yaml = include_str!("fapi_checker/stage.yaml")
            .replace("numerology: 1", &format!("numerology: {mu}"))
            .replace("slots_ahead: 4", &format!("slots_ahead: {ahead}"))
            .replace("null_deadline: 250us, ", "")
            .replace("grace: 250us, ", "")
            .replace("confirm: 2", &format!("confirm: {confirm}"))
            .replace("fail_crc: true", &format!("fail_crc: {fail_crc}"));
        let jitter = timing.slot_ns() / 20;
        Self {
            dice,
            mu,
            timing,
            yaml,
            jitter,
            largest: (600, 65_000),
        }
    }

    fn slots(&self, count: u64) -> u64 {
        count * self.timing.slot_ns()
    }

    /// An instant at a random phase of a slot, so many slots into the run.
    fn instant(&mut self, slots: u64) -> u64 {
        let phase = self.dice.roll(self.timing.slot_ns());
        self.timing.air(self.timing.first - self.timing.ahead) + self.slots(slots) + phase
    }

    /// Plays it, and has it judged.
    fn play(
        mut self,
        seed: u64,
        commands: Vec<(u64, Boundary, Action)>,
        prepare: impl FnOnce(&mut Stage),
    ) -> (Verdict, usize) {
        let settings = Settings::parse(&self.yaml).unwrap();
        let mut l2 = L2::new(&settings.peers[0], self.timing, self.dice.roll(1 << 32));
        (l2.largest, l2.segment) = self.largest;
        let mut phy = |peer: usize| {
            let mut phy = Phy::new(&settings.peers[peer], self.timing, self.dice.roll(1 << 32));
            (phy.jitter, phy.slowest) = (self.jitter, 6);
            phy
        };
        let mut stage = Stage::new(l2, vec![phy(1), phy(2)]);
        prepare(&mut stage);
        let until = self.timing.air(self.timing.first - self.timing.ahead) + self.slots(SLOTS);
        let mut real = Real::new(&self.yaml, commands);
        stage.play(&mut real, until);
        assert!(real.refused.is_empty(), "seed {seed}: {:?}", real.refused);
        let ledger = real.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "seed {seed}: {ledger:?}");
        let switched = real.switches.len();
        let verdict = judge(&Inputs {
            settings,
            ingress: stage.ingress,
            egress: stage.egress,
            switches: real.switches,
            slack_ns: 2 * self.jitter,
            ..Inputs::default()
        });
        assert!(
            verdict.holds(),
            "seed {seed}, numerology {}:\n{verdict}",
            self.mu
        );
        (verdict, switched)
    }
}

fn to(member: u8) -> Action {
    Action::Switch {
        to: MemberId(member),
    }
}

/// To phy-b; every third time back again, at times while the pipeline is still full.
fn migration(seed: u64) -> Verdict {
    migrate(seed, Case::new(seed))
}

/// The same with messages in IPv4 fragments, or in segments and fragments.
fn migration_in_pieces(seed: u64) -> Verdict {
    let mut case = Case::new(seed);
    case.largest = (4_000, [65_000, 1_800][seed as usize % 2]);
    migrate(seed, case)
}

fn migrate(seed: u64, mut case: Case) -> Verdict {
    let at = case.instant(LEAD_IN);
    let ahead = case.timing.ahead as u32;
    let later = case.dice.roll(6);
    let in_time = at + case.slots(u64::from(ahead) + 3 + later);
    let boundary = match case.dice.roll(3) {
        0 => Boundary::Next,
        1 => Boundary::InSlots(ahead + 2 + later as u32),
        _ => Boundary::At(Instant(in_time)),
    };
    let mut commands = vec![(at, boundary, to(1))];
    if seed.is_multiple_of(3) {
        let slots = LEAD_IN + 10 + case.dice.roll(8);
        commands.push((case.instant(slots), Boundary::Next, to(0)));
    }
    let expected = commands.len();
    let (verdict, switched) = case.play(seed, commands, |_| {});
    assert_eq!(switched, expected, "seed {seed}");
    verdict
}

/// phy-a falls silent; every eighth time it does not, but is said to have failed.
fn death(seed: u64) -> Verdict {
    let mut case = Case::new(seed.wrapping_add(1 << 40));
    let slots = LEAD_IN + case.dice.roll(10);
    let at = case.instant(slots);
    let (commands, dies) = match seed % 8 {
        7 => (
            vec![(at, Boundary::Next, Action::FailOver { to: None })],
            u64::MAX,
        ),
        _ => (Vec::new(), at),
    };
    let (verdict, switched) = case.play(seed, commands, |stage| stage.phys[0].dies = dies);
    assert_eq!(switched, 1, "seed {seed}");
    verdict
}

fn all(play: fn(u64) -> Verdict, seeds: impl Iterator<Item = u64>, rules: &[Rule]) {
    let mut total = Verdict::default();
    seeds.for_each(|seed| total.add(play(seed)));
    for rule in rules {
        assert!(
            total.examined(*rule) > 100,
            "too little to mean anything:\n{total}"
        );
    }
}

const OF_MIGRATIONS: &[Rule] = &[
    Rule::Full,
    Rule::Delivered,
    Rule::Nulls,
    Rule::NullTime,
    Rule::SlotOrder,
    Rule::Speaker,
];

const OF_DEATHS: &[Rule] = &[
    Rule::Full,
    Rule::Delivered,
    Rule::Nulls,
    Rule::SlotTime,
    Rule::Fence,
    Rule::Boundary,
    Rule::Takeover,
    Rule::FailedCrcs,
];

#[test]
fn nobody_notices_a_thousand_migrations_at_even_seeds() {
    all(migration, (0..RUNS).step_by(2), OF_MIGRATIONS);
}

#[test]
fn nobody_notices_a_thousand_migrations_at_odd_seeds() {
    all(migration, (1..RUNS).step_by(2), OF_MIGRATIONS);
}

#[test]
fn a_thousand_deaths_cost_no_more_than_they_must_at_even_seeds() {
    all(death, (0..RUNS).step_by(2), OF_DEATHS);
}

#[test]
fn a_thousand_deaths_cost_no_more_than_they_must_at_odd_seeds() {
    all(death, (1..RUNS).step_by(2), OF_DEATHS);
}

#[test]
fn nobody_notices_a_migration_while_messages_come_in_pieces() {
    all(migration_in_pieces, 0..RUNS / 5, OF_MIGRATIONS);
}
