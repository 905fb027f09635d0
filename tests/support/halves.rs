//! Two halves of a message controller in virtual time: the one beside the L2, one beside each of two PHYs, and
//! the network between them, which may be slow, silent, lossy and out of order. From outside they are one
//! appliance with the ports of `configs/two-phys.yaml`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use super::fapi_checker::cast::{Appliance, Dice};
use ranshift::config::{self, Config};
use ranshift::control::compile::compile;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event, EventKind};
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{CellId, Instant, MemberId, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The half beside the L2, then those beside phy-a and phy-b.
pub(crate) const L2_SIDE: usize = 0;
pub(crate) const A: usize = 1;
pub(crate) const B: usize = 2;

/// What the network does to a frame, either way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Nanoseconds on the way, at least.
    pub(crate) delay: u64,
    /// More by up to this: frames overtake each other.
    pub(crate) jitter: u64,
    /// Lost of a thousand.
    pub(crate) lost: u64,
    /// Nothing passes to and from that half.
    pub(crate) silent: [bool; 3],
}

impl Weather {
    pub(crate) const FAIR: Self = Self {
        delay: 20_000,
        jitter: 0,
        lost: 0,
        silent: [false; 3],
    };
}

/// One appliance of the three.
pub(crate) struct Half {
    pub(crate) config: Config,
    pub(crate) worker: Worker<ReplayFrame>,
    pub(crate) events: Vec<Event>,
    io: ReplayIo,
    alive: bool,
    commands: u32,
}

impl Half {
    fn new(yaml: &str) -> Self {
        let parsed = config::parse(yaml, "half.yaml");
        let config = parsed
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config;
        Self {
            worker: Worker::new(Arc::new(compile(&config, 1)), Clock::Stamps),
            config,
            events: Vec::new(),
            io: ReplayIo::default(),
            alive: true,
            commands: 0,
        }
    }

    fn tick(&mut self, now: Instant) {
        self.worker.tick(now);
        self.worker.flush(&mut self.io, now);
    }

    fn receive(&mut self, now: Instant, port: PortId, frame: &[u8]) {
        let frame = ReplayFrame::new(frame, frame.len(), None, now);
        self.io.offer(port, frame);
        self.worker.poll(&mut self.io, port, now, &mut Unobserved);
    }

    /// What it sent, and what it told.
    fn settle(&mut self) -> Vec<(PortId, ReplayFrame)> {
        self.events.extend(self.worker.drain_events());
        let ledger = self.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        self.io.take_sent().collect()
    }

    fn port(&self, name: &str) -> PortId {
        let mut ports = self.config.ports.iter();
        PortId(ports.position(|port| port.name == name).unwrap() as u8)
    }
}

/// All three, and the network.
pub(crate) struct Halves {
    pub(crate) halves: [Half; 3],
    pub(crate) weather: Weather,
    /// Longest frame that crossed the network, bytes.
    pub(crate) longest: usize,
    dice: Dice,
    on_the_way: BTreeMap<(u64, u64), (usize, Vec<u8>)>,
    crossed: u64,
}

impl Halves {
    /// As the examples configure them, with every first text replaced by the second wherever it stands.
    pub(crate) fn new(edits: &[(&str, &str)]) -> Self {
        let l2 = example("half-l2.yaml", edits);
        let a = example("half-phy.yaml", edits);
        let b = OTHER_PHY.iter().fold(a.clone(), |text, (from, to)| {
            assert!(text.contains(from), "the example holds no {from:?}");
            text.replace(from, to)
        });
        Self {
            halves: [l2, a, b].map(|yaml| Half::new(&yaml)),
            weather: Weather::FAIR,
            longest: 0,
            dice: Dice(11),
            on_the_way: BTreeMap::new(),
            crossed: 0,
        }
    }

    /// It is gone, with everything in it.
    pub(crate) fn kill(&mut self, half: usize) {
        self.halves[half].alive = false;
    }

    /// The half beside the L2 is told to migrate to the PHY of `to`; returns the boundary.
    pub(crate) fn migrate(&mut self, now: Instant, to: u8, boundary: Boundary) -> u64 {
        let half = &mut self.halves[L2_SIDE];
        half.commands += 1;
        let id = half.commands;
        let command = Command {
            id,
            term: 1,
            cell: CellId(0),
            boundary,
            action: Action::Switch { to: MemberId(to) },
        };
        half.worker.command(now, &command);
        half.events.extend(half.worker.drain_events());
        let answer = half.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Accepted { command, boundary } if command == id => Some(boundary.0),
            EventKind::Refused { command, why } if command == id => panic!("{why:?}"),
            _ => None,
        });
        answer.unwrap()
    }

    /// How often a half told something.
    pub(crate) fn told(&self, half: usize, is: impl Fn(&EventKind) -> bool) -> usize {
        let events = self.halves[half].events.iter();
        events.filter(|event| is(&event.kind)).count()
    }

    /// Takes what every half has sent: on its way through the network, or out.
    fn settle(&mut self, now: u64) -> Vec<(String, Vec<u8>)> {
        let mut out = Vec::new();
        for from in [L2_SIDE, A, B] {
            for (port, frame) in self.halves[from].settle() {
                let bytes = frame.bytes().to_vec();
                match self.halves[from].config.ports[port.index()].name.as_str() {
                    "network" => self.send(now, from, bytes),
                    "l2-side" => out.push(("l2-side".to_owned(), bytes)),
                    _ => out.push((PHY_SIDES[from - 1].to_owned(), bytes)),
                }
            }
        }
        out
    }

    fn send(&mut self, now: u64, from: usize, frame: Vec<u8>) {
        let to = match frame[5] {
            0x0a => A,
            0x0b => B,
            _ => L2_SIDE,
        };
        let weather = self.weather;
        let lost = self.dice.roll(1000) < weather.lost;
        if lost || weather.silent[from] || weather.silent[to] {
            return;
        }
        self.longest = self.longest.max(frame.len());
        self.crossed += 1;
        let at = now + weather.delay + self.dice.roll(weather.jitter + 1);
        self.on_the_way.insert((at, self.crossed), (to, frame));
    }
}

impl Appliance for Halves {
    fn next_at(&self) -> Option<u64> {
        let alive = self.halves.iter().filter(|half| half.alive);
        let deadlines = alive.map(|half| half.worker.next_deadline());
        let deadlines = deadlines.filter(|at| *at != Instant::NEVER).map(|at| at.0);
        let arrival = self.on_the_way.keys().map(|(at, _)| *at).next();
        deadlines.chain(arrival).min()
    }

    fn tick(&mut self, now: u64) -> Vec<(String, Vec<u8>)> {
        for half in self.halves.iter_mut().filter(|half| half.alive) {
            half.tick(Instant(now));
        }
        let mut out = self.settle(now);
        while let Some(entry) = self.on_the_way.first_entry()
            && entry.key().0 <= now
        {
            let (to, frame) = entry.remove();
            let half = &mut self.halves[to];
            if half.alive {
                half.receive(Instant(now), half.port("network"), &frame);
                out.extend(self.settle(now));
            }
        }
        out
    }

    fn receive(&mut self, port: &str, now: u64, frame: &[u8]) -> Vec<(String, Vec<u8>)> {
        let phy = PHY_SIDES.iter().position(|side| *side == port);
        let (at, name) = phy.map_or((L2_SIDE, "l2-side"), |phy| (A + phy, "phy-side"));
        let half = &mut self.halves[at];
        if !half.alive {
            return Vec::new();
        }
        half.tick(Instant(now));
        half.receive(Instant(now), half.port(name), frame);
        self.settle(now)
    }
}

fn example(name: &str, edits: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("configs")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    edits
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

/// The port of each PHY, as seen from outside.
pub(crate) const PHY_SIDES: [&str; 2] = ["phy-a-side", "phy-b-side"];

/// What is different beside phy-b.
const OTHER_PHY: [(&str, &str); 6] = [
    ("02:02:00:00:00:0a", "02:02:00:00:00:0b"),
    ("10.2.0.11", "10.2.0.12"),
    ("02:f1:00:00:00:01", "02:f1:00:00:00:02"),
    ("02:00:00:00:00:02", "02:00:00:00:00:03"),
    ("10.1.1.", "10.1.2."),
    ("phy-a", "phy-b"),
];
