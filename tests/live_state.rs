//! A process dies at any frame and another goes on from the bytes it left, in virtual time: the RU sees no
//! number twice and none left out, whoever spoke speaks, what was scheduled happens, who was fenced is.
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
use ranshift::dataplane::handover::Handover;
use ranshift::dataplane::live_state::image::succession;
use ranshift::dataplane::live_state::{HEADER, Memory, PLACE};
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event, EventKind, Mailbox, Mode};
use ranshift::dataplane::observation::Load;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::lab::{Generator, Plan};
use ranshift::ran::{CellId, Duration, Instant, MemberId, SlotCount};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use virtual_run::cells;

const BODY: &str = "    numerology: 1
    carrier_prbs: 12
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    periods: {tdd: 10}
    transmit_window_end: {downlink_control: 80us, uplink_control: 80us, downlink_user: 40us}
    liveness: {confirm: 1, history: 3}
    time: ";

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);

fn config(source: &str) -> Config {
    cells(2, &format!("{BODY}{{source: {source}}}"))
}

/// The appliance on memory that outlives it.
struct Process {
    worker: Worker<ReplayFrame>,
    io: ReplayIo,
    memory: Memory,
    term: u64,
    ignored: Vec<String>,
}

impl Process {
    /// Starts at `now` on what another left.
    fn start(config: &Config, left: &[u8], now: Instant) -> Self {
        let mut tables = compile(config, 1);
        let succession = succession(left, &tables, now);
        tables.term = succession.term + 1;
        let bytes = succession.bytes.iter().map(|byte| AtomicU8::new(*byte));
        let memory: Memory = Box::leak(bytes.collect::<Vec<_>>().into_boxed_slice());
        let term = tables.term;
        let mut worker = Worker::new(Arc::new(tables), Clock::Stamps);
        worker.remember_in(memory, now);
        Self {
            worker,
            io: ReplayIo::default(),
            memory,
            term,
            ignored: succession.ignored,
        }
    }

    /// What a SIGKILL leaves.
    fn left(&self) -> Vec<u8> {
        let bytes = self.memory.iter();
        bytes.map(|byte| byte.load(Ordering::Relaxed)).collect()
    }
}

/// Traffic, an appliance that may be replaced by its successor, and an RU that looks at numbers.
struct Story {
    process: Process,
    generator: Generator,
    now: Instant,
    numbers: HashMap<(u8, [u8; 4], bool), u8>,
    wrong: Vec<String>,
    mailbox: Mailbox,
    events: Vec<Event>,
    sent: usize,
}

impl Story {
    fn new(config: &Config, milliseconds: u64) -> Self {
        let plan = Plan {
            duration: Duration::from_millis(milliseconds),
            ..Plan::new(config)
        };
        Self {
            now: plan.start,
            process: Process::start(config, &[], plan.start),
            generator: Generator::new(config, plan).unwrap(),
            numbers: HashMap::new(),
            wrong: Vec::new(),
            mailbox: Mailbox::new(1, 64),
            events: Vec::new(),
            sent: 0,
        }
    }

    fn step(&mut self) -> bool {
        let Some(frame) = self.generator.next_frame() else {
            return false;
        };
        let owned = ReplayFrame::new(frame.bytes, frame.original_len, None, frame.at);
        self.now = frame.at;
        let Process { worker, io, .. } = &mut self.process;
        io.offer(frame.port, owned);
        worker.poll(io, frame.port, frame.at, &mut Unobserved);
        for (port, frame) in io.take_sent() {
            if port.index() == 0 {
                self.sent += 1;
                look(&mut self.numbers, &mut self.wrong, frame.bytes());
            }
        }
        self.exchange();
        true
    }

    fn run(&mut self, frames: usize) {
        for _ in 0..frames {
            self.step();
        }
    }

    /// Frames that come while there is no process.
    fn lose(&mut self, frames: usize) {
        for _ in 0..frames {
            if let Some(frame) = self.generator.next_frame() {
                self.now = frame.at;
            }
        }
    }

    fn restart(&mut self, config: &Config) {
        self.process = Process::start(config, &self.process.left(), self.now);
    }

    fn command(&mut self, boundary: Boundary, action: Action) {
        let command = Command {
            id: 1,
            term: self.process.term,
            cell: CellId(0),
            boundary,
            action,
        };
        self.process.worker.command(self.now, &command);
        self.exchange();
    }

    /// What has changed is kept before anybody is told.
    fn exchange(&mut self) {
        let worker = &mut self.process.worker;
        worker.exchange(self.now, &self.mailbox, Load::default());
        self.events
            .extend(std::iter::from_fn(|| self.mailbox.hear()));
    }

    fn slot(&self) -> SlotCount {
        let cell = &self.process.worker.state().cells[0];
        cell.clock.unwrap().slot_at(self.now)
    }

    fn mode(&self) -> Mode {
        self.process.worker.state().cells[0].roles.mode(self.slot())
    }

    fn is_fenced(&self, member: MemberId) -> bool {
        self.process.worker.state().cells[0].roles.is_fenced(member)
    }

    fn boundary(&self) -> Option<SlotCount> {
        self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Accepted { boundary, .. } => Some(boundary),
            _ => None,
        })
    }
}

/// What an RU counts: one domain for each eAxC, plane and direction of each sender.
fn look(numbers: &mut HashMap<(u8, [u8; 4], bool), u8>, wrong: &mut Vec<String>, frame: &[u8]) {
    let pdu = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
    let subsequence = frame[pdu + 7] & 0x7f;
    if frame[pdu + 1] > 2 || subsequence > 0 {
        return;
    }
    let place = [frame[4], frame[5], frame[pdu + 4], frame[pdu + 5]];
    let domain = (frame[pdu + 1], place, frame[pdu + 8] & 0x80 != 0);
    let number = frame[pdu + 6];
    if let Some(before) = numbers.insert(domain, number)
        && before.wrapping_add(1) != number
    {
        wrong.push(format!("{domain:?}: {before} was followed by {number}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn numbers_go_on_over_a_death_at_any_frame(
        before in 1usize..3000,
        lost in 0usize..800,
        gps in any::<bool>(),
        switch in any::<bool>(),
    ) {
        let config = config(if gps { "gps" } else { "headers" });
        let mut story = Story::new(&config, 150);
        story.run(before);
        if switch && before > 500 {
            story.command(Boundary::Next, Action::Switch { to: B });
        }
        story.lose(lost);
        story.restart(&config);
        let sent = story.sent;
        while story.step() {}
        prop_assert!(story.sent > sent);
        prop_assert_eq!(&story.wrong, &Vec::<String>::new());
        prop_assert_eq!(&story.process.ignored, &Vec::<String>::new());
        if switch && before > 500 {
            prop_assert_eq!(story.mode(), Mode::Single(B));
        }
    }
}

#[test]
fn a_switch_scheduled_before_death_happens_after_it_at_its_slot() {
    for source in ["gps", "headers"] {
        let config = config(source);
        let mut story = Story::new(&config, 150);
        story.run(2000);
        story.command(Boundary::InSlots(100), Action::Switch { to: B });
        let boundary = story.boundary().unwrap();
        story.lose(300);
        story.restart(&config);
        assert!(story.slot() < boundary, "{source}");
        assert_eq!(story.mode(), Mode::Single(A));
        while story.step() {}
        assert_eq!(story.mode(), Mode::Single(B));
        let told = story.events.iter().any(|event| {
            matches!(event.kind, EventKind::Mode { mode: Mode::Single(B), boundary: at, .. } if at == boundary)
        });
        assert!(told, "{source}: {:?}", story.events);
    }
}

#[test]
fn fenced_stays_fenced_and_a_plan_armed_by_command_stays_armed() {
    let config = config("gps");
    let mut story = Story::new(&config, 100);
    story.run(1000);
    story.command(Boundary::Next, Action::Fence { member: B });
    story.command(Boundary::Next, Action::Arm { standby: None });
    story.restart(&config);
    story.run(500);
    assert!(story.is_fenced(B) && !story.is_fenced(A));
    assert_eq!(
        story.process.worker.state().cells[0].failover.standby[0],
        None
    );
    story.command(Boundary::Next, Action::Readmit { member: B });
    story.restart(&config);
    assert!(!story.is_fenced(B));
}

#[test]
fn slots_counted_from_headers_go_on_from_their_anchor() {
    let config = config("headers");
    let (mut alone, mut killed) = (Story::new(&config, 150), Story::new(&config, 150));
    alone.run(3000);
    killed.run(1500);
    killed.lose(200);
    killed.restart(&config);
    killed.run(1300);
    assert_eq!(killed.now, alone.now);
    // The clock follows the C-plane slowly, and its anchor is written ten times a second.
    assert!(killed.slot().since(alone.slot()).abs() <= 1);
}

#[test]
fn who_is_active_in_the_file_says_nothing_to_a_process_that_goes_on() {
    let config = config("gps");
    let mut story = Story::new(&config, 100);
    story.run(1000);
    story.command(Boundary::Next, Action::Switch { to: B });
    story.run(200);
    let mut other = config.clone();
    other.cells[0].active = A;
    story.restart(&other);
    assert_eq!(story.mode(), Mode::Single(B));
    assert!(story.process.term > 1);
}

#[test]
fn only_what_fits_a_changed_configuration_goes_on_and_the_rest_is_named() {
    let config = config("gps");
    let mut story = Story::new(&config, 100);
    story.run(1000);
    story.command(Boundary::Next, Action::Switch { to: B });
    story.run(200);
    let left = story.process.left();
    let numbers = |process: &Process| format!("{:?}", process.worker.state().cells[0].renumber);
    let fresh = numbers(&Process::start(&config, &[], story.now));

    let mut members = config.clone();
    members.cells[0].members.reverse();
    let process = Process::start(&members, &left, story.now);
    assert!(process.ignored.len() == 1 && process.ignored[0].contains("members"));
    assert_eq!(numbers(&process), numbers(&story.process));

    let mut streams = config.clone();
    streams.cells[0].streams.downlink.reverse();
    let process = Process::start(&streams, &left, story.now);
    assert!(process.ignored.len() == 1 && process.ignored[0].contains("streams"));
    assert_eq!(numbers(&process), fresh);
    let roles = &process.worker.state().cells[0].roles;
    assert_eq!(roles.final_mode(), Mode::Single(B));

    let mut renamed = config.clone();
    renamed.cells.reverse();
    let process = Process::start(&renamed, &left, story.now);
    assert!(process.ignored.is_empty(), "{:?}", process.ignored);
    let roles = &process.worker.state().cells[1].roles;
    assert_eq!(roles.final_mode(), Mode::Single(B));
}

#[test]
fn state_of_more_than_an_hour_ago_is_ignored() {
    let config = config("gps");
    let mut story = Story::new(&config, 100);
    story.run(1000);
    story.command(Boundary::Next, Action::Switch { to: B });
    story.now = story.now.after(Duration::from_millis(3_700_000));
    story.restart(&config);
    assert_eq!(
        story.process.ignored.len(),
        2,
        "{:?}",
        story.process.ignored
    );
    let roles = &story.process.worker.state().cells[0].roles;
    assert_eq!(roles.final_mode(), Mode::Single(A));
}

#[test]
fn what_is_applied_while_running_is_there_after_a_death() {
    let config = config("gps");
    let mut story = Story::new(&config, 150);
    story.run(1500);
    story.command(Boundary::Next, Action::Switch { to: B });
    let mut more = cells(3, &format!("{BODY}{{source: gps}}"));
    more.cells[0].liveness.confirm = 2;
    more.cells.rotate_right(1);
    let tables = story.process.worker.tables();
    let mut all = replacements((&config, tables), &more, tables.term + 1).unwrap();
    story.process.worker.replace(story.now, &mut all[0]);
    story.run(500);
    story.restart(&more);
    assert!(
        story.process.ignored.is_empty(),
        "{:?}",
        story.process.ignored
    );
    let roles = &story.process.worker.state().cells[1].roles;
    assert_eq!(roles.final_mode(), Mode::Single(B));
    while story.step() {}
    assert_eq!(story.wrong, Vec::<String>::new());
}

#[test]
fn a_cell_that_left_and_came_back_begins_anew_also_after_a_death() {
    let whole = cells(3, &format!("{BODY}{{source: gps}}"));
    let mut story = Story::new(&whole, 100);
    story.run(1000);
    story.command(Boundary::Next, Action::Switch { to: B });
    let mut others = whole.clone();
    others.cells.remove(0);
    for (before, after) in [(&whole, &others), (&others, &whole)] {
        let tables = story.process.worker.tables();
        let term = tables.term + 1;
        let mut all = replacements((before, tables), after, term).unwrap();
        story.process.worker.replace(story.now, &mut all[0]);
    }
    let mode = |story: &Story| story.process.worker.state().cells[0].roles.final_mode();
    assert_eq!(mode(&story), Mode::Single(A));
    story.restart(&whole);
    assert_eq!(mode(&story), Mode::Single(A));
}

/// Two lcores on what a process has left.
fn two_lcores(config: &Config, left: &[u8], now: Instant) -> (Vec<Worker<ReplayFrame>>, Memory) {
    let mut config = config.clone();
    config.lcores.cores = vec![0, 1];
    let tables = compile(&config, 5);
    let bytes = succession(left, &tables, now).bytes;
    let bytes = bytes.into_iter().map(AtomicU8::new).collect::<Vec<_>>();
    let memory: Memory = Box::leak(bytes.into_boxed_slice());
    let tables = Arc::new(tables);
    let worker = |end| {
        let mut worker = Worker::new(Arc::clone(&tables), Clock::Burst).among(end);
        worker.remember_in(memory, now);
        worker
    };
    let ends = Handover::among(&tables, 64).into_iter();
    (ends.map(worker).collect(), memory)
}

#[test]
fn on_several_lcores_each_restores_tells_and_writes_its_own_cells_only() {
    let config = config("gps");
    let mut story = Story::new(&config, 100);
    story.run(1000);
    story.command(Boundary::InSlots(400), Action::Switch { to: B });
    let left = story.process.left();
    let (mut workers, memory) = two_lcores(&config, &left, story.now);
    let owners = workers[0].tables().owners.clone();
    assert_ne!(owners.of_cell(CellId(0)), owners.of_cell(CellId(1)));
    let later = story.now.after(Duration::from_millis(1_000));
    let mailbox = Mailbox::new(1, 64);
    let place = |cell: usize| {
        let place = memory.iter().skip(HEADER + cell * PLACE).take(PLACE);
        place
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect::<Vec<_>>()
    };
    let mut switches = Vec::new();
    for worker in &mut workers {
        let before = [place(0), place(1)];
        worker.tick(later);
        worker.exchange(later, &mailbox, Load::default());
        for event in std::iter::from_fn(|| mailbox.hear()) {
            if matches!(event.kind, EventKind::Mode { .. }) {
                switches.push(event.cell);
            }
        }
        for (cell, before) in before.iter().enumerate() {
            let owner = owners.of_cell(CellId(cell as u16));
            let other = worker.state().me != Some(owner);
            assert!(
                !other || place(cell) == *before,
                "cell {cell} of lcore {owner:?}"
            );
        }
    }
    assert_eq!(switches, [CellId(0)], "one switch is told once");
}
