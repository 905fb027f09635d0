//! The loop, with a stand-in for the worker that writes down what it is told.

use super::*;
use crate::dataplane::frame_io::FrameIo;
use crate::dataplane::mailbox::{Action, Boundary, EventKind};
use crate::ran::{CellId, MemberId, SlotCount};
use crate::replay::arrivals::Arrival;
use std::collections::VecDeque;

/// Sends every frame back where it came from; says an event for each command and deadline.
#[derive(Default)]
struct Mirror {
    told: Vec<String>,
    deadlines: VecDeque<u64>,
    events: Vec<Event>,
    counters: Counters,
}

impl Appliance for Mirror {
    fn flush(&mut self, _io: &mut ReplayIo, _now: Instant) {}

    fn tick(&mut self, now: Instant) {
        if self.deadlines.pop_front_if(|at| *at <= now.0).is_some() {
            self.told.push(format!("tick {}", now.0));
        }
    }

    fn poll(&mut self, io: &mut ReplayIo, port: PortId, now: Instant, _: &mut Recorder) {
        let mut burst = Vec::new();
        io.receive(port, &mut burst);
        self.told.push(format!("frame {}", now.0));
        io.transmit(port, &mut burst);
    }

    fn next_deadline(&self) -> Instant {
        self.deadlines
            .front()
            .map_or(Instant::NEVER, |at| Instant(*at))
    }

    fn command(&mut self, now: Instant, command: &Command) {
        self.told
            .push(format!("command {} at {}", command.id, now.0));
        self.events.push(Event {
            at: now,
            term: 0,
            cell: command.cell,
            slot: SlotCount(0),
            kind: EventKind::Readmitted {
                member: MemberId(0),
            },
        });
    }

    fn drain_events(&mut self, into: &mut Vec<Event>) {
        into.append(&mut self.events);
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Answers the event of command 1 with command 2.
struct Once(bool);

impl Director for Once {
    fn on_event(&mut self, _: Instant, _: &Event, commands: &mut Vec<Command>) {
        if std::mem::take(&mut self.0) {
            commands.push(command(2));
        }
    }
}

/// Answers its first frame 5 ns later.
#[derive(Default)]
struct Echo {
    heard: Vec<u64>,
    answer: Option<Instant>,
}

impl Peer for Echo {
    fn next_at(&self) -> Option<Instant> {
        self.answer
    }

    fn pop(&mut self) -> Option<(PortId, Vec<u8>)> {
        self.answer.take().map(|_| (PortId(0), vec![1; 60]))
    }

    fn receive(&mut self, _: PortId, now: Instant, _: &[u8]) {
        if self.heard.is_empty() {
            self.answer = Some(now.offset(5));
        }
        self.heard.push(now.0);
    }
}

struct Given(VecDeque<u64>);

impl Arrivals for Given {
    fn next_at(&mut self) -> Result<Option<Instant>, InputError> {
        Ok(self.0.front().map(|at| Instant(*at)))
    }

    fn take(&mut self) -> Result<Option<Arrival>, InputError> {
        let arrival = |at| Arrival {
            at: Instant(at),
            port: PortId(0),
            frame: ReplayFrame::new(&[0; 60], 60, None, Instant(at)),
        };
        Ok(self.0.pop_front().map(arrival))
    }
}

fn command(id: u32) -> Command {
    Command {
        id,
        term: 1,
        cell: CellId(0),
        boundary: Boundary::Next,
        action: Action::Arm { standby: None },
    }
}

fn play(
    name: &str,
    mirror: &mut Mirror,
    peer: &mut Echo,
    actions: &[(Instant, Command)],
) -> Outcome {
    let folder = std::env::temp_dir().join(format!("ranshift-run-{name}-{}", std::process::id()));
    let sink = Sink::new(&folder, &["p".to_owned()], &[]).unwrap();
    let cast = Cast {
        director: &mut Once(true),
        peers: &mut [peer],
        actions,
        egress: sink,
        ingress: None,
        recorder: Recorder::default(),
        judge: Judge::default(),
        stop: &AtomicBool::new(false),
    };
    let outcome = run(mirror, &mut Given([10, 20].into()), cast);
    std::fs::remove_dir_all(folder).unwrap();
    outcome
}

#[test]
fn at_each_instant_ticks_come_first_then_commands_then_frames() {
    let mut mirror = Mirror {
        deadlines: [10, 15].into(),
        ..Mirror::default()
    };
    let outcome = play(
        "order",
        &mut mirror,
        &mut Echo {
            heard: vec![0],
            answer: None,
        },
        &[(Instant(20), command(1))],
    );
    let told = [
        "tick 10",
        "frame 10",
        "tick 15",
        "command 1 at 20",
        "command 2 at 20",
        "frame 20",
    ];
    assert_eq!(mirror.told, told);
    assert_eq!(outcome.span, (Instant(10), Instant(20)));
    assert_eq!(outcome.recorder.events().len(), 2);
}

#[test]
fn a_peer_hears_what_leaves_and_its_answer_comes_in() {
    let mut peer = Echo::default();
    let mut mirror = Mirror::default();
    play("answer", &mut mirror, &mut peer, &[]);
    assert_eq!(peer.heard, [10, 15, 20]);
    assert_eq!(mirror.told, ["frame 10", "frame 15", "frame 20"]);
}

#[test]
fn an_action_after_the_last_frame_is_told_as_left() {
    let actions = [(Instant(10), command(1)), (Instant(21), command(3))];
    let outcome = play(
        "left",
        &mut Mirror::default(),
        &mut Echo::default(),
        &actions,
    );
    assert_eq!(outcome.actions_left, 1);
    assert!(outcome.cut_short.is_none());
}
