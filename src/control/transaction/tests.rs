//! Transactions against scripted lcores: what they are told is typed here, what they command is looked at.

mod drains;
mod drivers;
mod failures;

use super::*;
use crate::dataplane::mailbox::{
    Action, Boundary, Cause as ModeCause, Command, Event, EventKind, Mode, Refusal, Signal,
};
use crate::ran::{CellId, Duration, Instant, MemberId, SlotCount};

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);
const MS: u64 = 1_000_000;

/// Two cells with an RU, on two servers: `left` carries the first DU of each, `right` the second.
fn settings() -> Settings {
    let member = |name: &str| MemberSettings {
        name: name.to_owned(),
        du: Some(name.to_owned()),
        assumed: true,
        ..MemberSettings::default()
    };
    let cell = |name: &str, members: [&str; 2]| CellSettings {
        name: name.to_owned(),
        members: members.map(member).to_vec(),
        fronthaul: true,
        slot: Duration::from_micros(500),
        armed: Some(B),
        ..CellSettings::default()
    };
    let server = |name: &str, dus: [&str; 2]| ServerSettings {
        name: name.to_owned(),
        dus: dus.map(str::to_owned).to_vec(),
        phys: Vec::new(),
    };
    Settings {
        term: 3,
        cells: vec![cell("c1", ["a1", "b1"]), cell("c2", ["a2", "b2"])],
        servers: vec![server("left", ["a1", "a2"]), server("right", ["b1", "b2"])],
        parallel: 1,
        lead: Duration::from_millis(20),
        join_within: Duration::from_millis(50),
        ..Settings::default()
    }
}

/// Transactions and the time.
struct Stage {
    director: Transactions,
    now: u64,
    commands: Vec<Command>,
    calls: Vec<Call>,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        Self {
            director: Transactions::new(settings),
            now: MS,
            commands: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn take(&mut self) {
        self.commands.extend(self.director.take_commands());
        for output in self.director.take_outputs() {
            if let Output::Call(call) = output {
                self.calls.push(call);
            }
        }
    }

    fn ask(&mut self, request: Request) -> Result<u64, Refused> {
        let asked = Asked {
            request,
            cause: Cause::Operator("somebody".to_owned()),
            key: None,
            term: None,
        };
        let answer = self.director.submit(Instant(self.now), asked);
        self.take();
        answer
    }

    fn hear(&mut self, cell: u16, kind: EventKind) {
        let event = Event {
            at: Instant(self.now),
            term: 3,
            cell: CellId(cell),
            slot: SlotCount(self.now / 500_000),
            kind,
        };
        self.director.hear(Instant(self.now), &event);
        self.take();
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now + ms * MS;
        while self.now < end {
            self.now = self.director.next_tick().0.clamp(self.now + 1, end);
            self.director.tick(Instant(self.now));
            self.take();
        }
    }

    /// The last command of `cell`, accepted from a slot on.
    fn accept(&mut self, cell: u16, slot: u64) {
        let command = self.last(cell).id;
        let boundary = SlotCount(slot);
        self.hear(cell, EventKind::Accepted { command, boundary });
    }

    fn refuse(&mut self, cell: u16, why: Refusal) {
        let command = self.last(cell).id;
        self.hear(cell, EventKind::Refused { command, why });
    }

    fn mode(&mut self, cell: u16, mode: Mode, slot: u64) {
        let (boundary, cause) = (SlotCount(slot), ModeCause::Command);
        self.hear(
            cell,
            EventKind::Mode {
                mode,
                boundary,
                cause,
            },
        );
    }

    fn fail_over(&mut self, cell: u16) {
        let (member, cause) = (A, ModeCause::Failover);
        let (last_heard, due_at) = (Instant(0), Instant(0));
        self.hear(
            cell,
            EventKind::Lost {
                member,
                last_heard,
                due_at,
                signal: Signal::Fronthaul,
            },
        );
        self.hear(cell, EventKind::Fenced { member, cause });
        let (from, to) = (A, B);
        self.hear(
            cell,
            EventKind::Failover {
                from,
                to,
                last_heard,
                due_at,
            },
        );
    }

    fn last(&self, cell: u16) -> Command {
        let mut commands = self.commands.iter().rev();
        let last = commands.find(|command| command.cell == CellId(cell));
        *last.unwrap_or_else(|| panic!("no command to cell {cell}: {:?}", self.commands))
    }

    fn phase(&self, id: u64) -> Phase {
        self.director.one(id).unwrap().phase
    }

    fn why(&self, id: u64) -> String {
        self.director
            .one(id)
            .unwrap()
            .why
            .clone()
            .unwrap_or_default()
    }
}

fn to_b(cells: &[&str]) -> Request {
    let wish = |cell: &&str| Wish {
        cell: (*cell).to_owned(),
        to: cell.replace('c', "b"),
    };
    Request::Move {
        cells: cells.iter().map(wish).collect(),
        what: None,
        share: false,
        wait: false,
        boundary: Boundary::InSlots(40),
    }
}

fn sharing(cell: &str) -> Request {
    let Request::Move { cells, .. } = to_b(&[cell]) else {
        unreachable!()
    };
    Request::Move {
        cells,
        what: None,
        share: true,
        wait: false,
        boundary: Boundary::Next,
    }
}

fn shared() -> Mode {
    Mode::Shared {
        source: A,
        destination: B,
    }
}

#[test]
fn a_move_is_switched_at_its_boundary_confirmed_and_done() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    let command = stage.last(0);
    assert_eq!(command.action, Action::Switch { to: B });
    assert_eq!((command.boundary, command.term), (Boundary::InSlots(40), 3));
    stage.accept(0, 42);
    assert_eq!(stage.phase(id), Phase::Switching);
    stage.pass(20);
    stage.mode(0, Mode::Single(B), 42);
    assert_eq!(stage.phase(id), Phase::Confirming);
    stage.pass(1000);
    assert_eq!(stage.phase(id), Phase::Done);
}

#[test]
fn who_was_active_becomes_the_standby_of_who_was_armed() {
    let mut stage = Stage::new(settings());
    stage.ask(to_b(&["c1"])).unwrap();
    stage.accept(0, 42);
    stage.mode(0, Mode::Single(B), 42);
    stage.pass(1000);
    assert_eq!(stage.last(0).action, Action::Arm { standby: Some(A) });
}

#[test]
fn a_boundary_far_away_is_waited_for() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    stage.accept(0, 4000);
    stage.pass(1900);
    assert_eq!(stage.phase(id), Phase::Switching);
    stage.pass(300);
    assert_eq!(stage.director.one(id).unwrap().course, Course::Back);
}

#[test]
fn a_refused_switch_leaves_everything_as_it_was() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    stage.refuse(0, Refusal::NotInStep);
    assert_eq!(stage.phase(id), Phase::RolledBack);
    assert!(stage.why(id).contains("not_in_step"), "{}", stage.why(id));
    assert_eq!(stage.commands.len(), 1);
}

#[test]
fn several_cells_switch_at_one_instant() {
    let mut stage = Stage::new(settings());
    stage.ask(to_b(&["c1", "c2"])).unwrap();
    let at = Boundary::At(Instant(21 * MS));
    assert_eq!((stage.last(0).boundary, stage.last(1).boundary), (at, at));
}

#[test]
fn one_refusal_turns_the_others_back_before_their_boundary() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1", "c2"])).unwrap();
    stage.accept(0, 42);
    stage.refuse(1, Refusal::NotInStep);
    let undo = stage.last(0);
    assert_eq!(undo.action, Action::Switch { to: A });
    assert_eq!(undo.boundary, Boundary::Slot(SlotCount(42)));
    stage.accept(0, 42);
    stage.mode(0, Mode::Single(A), 42);
    assert_eq!(stage.phase(id), Phase::RolledBack);
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_what_was_obeyed_counts() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    stage.pass(60);
    assert_eq!(stage.commands.len(), 2);
    stage.refuse(0, Refusal::IsActive);
    assert_eq!(stage.phase(id), Phase::Confirming);
}

#[test]
fn nothing_is_called_undone_while_an_older_command_may_still_be_obeyed() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    stage.pass(150);
    assert_eq!(stage.director.one(id).unwrap().course, Course::Back);
    assert_eq!(stage.phase(id), Phase::Switching);
    assert_eq!(stage.last(0).action, Action::Switch { to: A });
    stage.refuse(0, Refusal::IsActive);
    assert_eq!(stage.phase(id), Phase::RolledBack);
}

#[test]
fn an_lcore_that_never_answers_ends_it_as_failed_with_what_is_known() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    stage.pass(6000);
    assert_eq!(stage.phase(id), Phase::Failed);
    assert!(
        stage.why(id).contains("c1 is served by a1"),
        "{}",
        stage.why(id)
    );
}

#[test]
fn a_refused_request_lists_all_that_fails() {
    let mut settings = settings();
    for cell in &mut settings.cells {
        cell.members[1].assumed = false;
    }
    let mut stage = Stage::new(settings);
    let (member, cause) = (B, ModeCause::Command);
    stage.hear(1, EventKind::Fenced { member, cause });
    let Err(Refused::Checks(checks)) = stage.ask(to_b(&["c1", "c2"])) else {
        panic!("not refused by checks");
    };
    let names: Vec<_> = checks
        .iter()
        .map(|check| (check.cell.as_str(), check.check.as_str()))
        .collect();
    assert_eq!(
        names,
        [("c1", "in_step"), ("c2", "not_fenced"), ("c2", "in_step")]
    );
    assert!(stage.director.all().next().is_none());
}

#[test]
fn the_same_key_and_request_give_the_same_transaction_and_another_request_is_refused() {
    let mut stage = Stage::new(settings());
    let asked = |request| Asked {
        request,
        cause: Cause::Operator("somebody".to_owned()),
        key: Some("k".to_owned()),
        term: Some(3),
    };
    let now = Instant(MS);
    let first = stage.director.submit(now, asked(to_b(&["c1"])));
    assert_eq!(stage.director.submit(now, asked(to_b(&["c1"]))), first);
    let other = stage.director.submit(now, asked(to_b(&["c2"])));
    assert_eq!(other, Err(Refused::KeyReused { by: 1 }));
}

#[test]
fn a_cell_is_in_one_open_transaction_only() {
    let mut stage = Stage::new(settings());
    let id = stage.ask(to_b(&["c1"])).unwrap();
    let (over, with) = ("c1".to_owned(), id);
    assert_eq!(
        stage.ask(to_b(&["c1"])),
        Err(Refused::Conflict { over, with })
    );
}

#[test]
fn a_request_of_another_term_is_stale() {
    let mut stage = Stage::new(settings());
    let asked = Asked {
        request: to_b(&["c1"]),
        cause: Cause::Operator("somebody".to_owned()),
        key: None,
        term: Some(2),
    };
    let refused = stage.director.submit(Instant(MS), asked);
    assert_eq!(refused, Err(Refused::Stale { term: 3 }));
}
