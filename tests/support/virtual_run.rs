//! Generated traffic through the worker, frame by frame in virtual time, without files.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use ranshift::config::{self, Config};
use ranshift::control::compile::compile;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event};
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::lab::{GeneratedFrame, Generator, Plan, Sender};
use ranshift::ran::{CellId, Instant, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::sync::Arc;

/// `cells` cells of one RU and two DUs each; `body` is the rest of every cell.
pub(crate) fn cells(cells: usize, body: &str) -> Config {
    let mut yaml = String::from("ports: {ru: {mtu: 9000}, du: {mtu: 9000}}\nrus:\n");
    for n in 0..cells {
        yaml += &format!(
            "  ru-{n}: {{port: ru, mac: '02:a0:00:00:{:02x}:{:02x}', facing: '02:0b:00:00:00:01', vlan: 100}}\n",
            n / 256,
            n % 256
        );
    }
    yaml += "dus:\n";
    for n in 0..cells {
        for (du, tail) in [("a", 1), ("b", 2)] {
            yaml += &format!(
                "  du-{n}-{du}: {{port: du, mac: '02:d0:00:{tail:02x}:{:02x}:{:02x}', facing: '02:a0:00:00:{:02x}:{:02x}', vlan: 10{tail}, attachment: dedicated}}\n",
                n / 256,
                n % 256,
                n / 256,
                n % 256
            );
        }
    }
    yaml += "cells:\n";
    for n in 0..cells {
        yaml += &format!(
            "  cell-{n}:\n    ru: ru-{n}\n    active: du-{n}-a\n    members: {{du-{n}-a: {{}}, du-{n}-b: {{}}}}\n    failover: {{standby: [du-{n}-b], damping: 1s}}\n{body}\n"
        );
    }
    yaml += "bridge: {flood: {ru: [du], du: [ru]}}\n";
    config::parse(&yaml, "generated.yaml")
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

/// What one generated frame became.
pub(crate) struct Outcome<'a> {
    pub(crate) frame: &'a GeneratedFrame<'a>,
    /// Frames that left, with their port.
    pub(crate) left: &'a [(PortId, ReplayFrame)],
}

pub(crate) struct VirtualRun {
    pub(crate) config: Config,
    pub(crate) worker: Worker<ReplayFrame>,
    generator: Generator,
    io: ReplayIo,
    left: Vec<(PortId, ReplayFrame)>,
    commands: Vec<(Instant, Command)>,
}

impl VirtualRun {
    pub(crate) fn new(config: Config, plan: Plan) -> Self {
        let tables = Arc::new(compile(&config, 1));
        Self {
            generator: Generator::new(&config, plan).unwrap(),
            worker: Worker::new(tables, Clock::Stamps),
            io: ReplayIo::default(),
            left: Vec::new(),
            commands: Vec::new(),
            config,
        }
    }

    /// `action` on the first cell at `at`. Commands are given in order of time.
    pub(crate) fn at(&mut self, at: Instant, boundary: Boundary, action: Action) {
        let command = Command {
            id: self.commands.len() as u32 + 1,
            term: 1,
            cell: CellId(0),
            boundary,
            action,
        };
        self.commands.push((at, command));
    }

    /// Runs to the end of the plan; `see` is shown each frame's fate, `hear` each event.
    pub(crate) fn run(&mut self, mut see: impl FnMut(Outcome<'_>), mut hear: impl FnMut(&Event)) {
        let mut commands = std::mem::take(&mut self.commands).into_iter().peekable();
        while let Some(frame) = self.generator.next_frame() {
            while let Some((at, command)) = commands.next_if(|(at, _)| *at <= frame.at) {
                self.worker.tick(at);
                self.worker.command(at, &command);
            }
            let owned = ReplayFrame::new(frame.bytes, frame.original_len, None, frame.at);
            self.io.offer(frame.port, owned);
            self.worker
                .poll(&mut self.io, frame.port, frame.at, &mut Unobserved);
            self.left.clear();
            self.left.extend(self.io.take_sent());
            see(Outcome {
                frame: &frame,
                left: &self.left,
            });
            self.worker.drain_events().for_each(|event| hear(&event));
        }
        let ledger = self.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        assert_eq!(self.worker.counters().events_lost, 0);
    }

    pub(crate) const fn slots(&self) -> u64 {
        self.generator.slots()
    }
}

/// The DU's place in the group: DUs of cell n are numbered 2n and 2n+1.
pub(crate) fn member(sender: Sender) -> Option<u8> {
    match sender {
        Sender::Du(du) => Some((du % 2) as u8),
        Sender::Ru(_) => None,
    }
}
