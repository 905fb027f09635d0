//! A small run made by hand, for showing that the checker accepts what is right and refuses what is not:
//! two DUs, one RU, two antenna ports, four symbols a slot, across the wrap of frameId. What the box
//! would do is played here frame by frame, by nothing that the crate does.

use super::clock::Clock;
use super::{Frame, Inputs, Kind, Lane, Report, Scenario, Settings, value};
use serde_json::json;
use std::collections::HashMap;

/// Ports, in the order of the lanes.
pub const PORTS: [&str; 3] = ["ru-side", "du-1-side", "du-2-side"];

/// Symbols used in each slot.
const SYMBOLS: u8 = 4;
/// The run is near this instant, at a wrap of frameId.
const START_NS: u64 = 1_795_220_728_000_000_000;
const SLOTS: i64 = 40;
/// From this slot of the run on du-1 speaks.
const SWITCH: i64 = 20;
/// From this slot's air time on du-2 is fenced.
const FENCED: i64 = 30;

/// Configuration of the run.
pub const CONFIG: &str = include_str!("stage.yaml");

/// One frame as said by its sender: everything but the addresses.
#[derive(Clone, Copy)]
struct Said {
    at: u64,
    /// 0: the RU; 1, 2: a DU.
    by: usize,
    user: bool,
    downlink: bool,
    /// Position in the list of eAxC ids.
    stream: usize,
    slot: i64,
    symbols: (u8, u8),
}

/// How the cell is served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// From du-2 to du-1 at a slot, then du-2 is fenced.
    Migration,
    /// du-2 stops, du-1 takes over.
    Failover,
    /// From du-2 alone to both.
    Sharing,
}

/// A correct run.
pub fn play(play: Play) -> Inputs {
    perform(play).finish()
}

/// Scenario file and report of a correct run.
pub fn documents(play: Play) -> (String, String) {
    let stage = perform(play);
    (stage.scenario(), stage.report().to_string())
}

fn perform(play: Play) -> Stage {
    let clock = Clock::gps(1, 0, 0);
    let first = clock.nearest(clock.period() - SWITCH - 5, clock.slot_at(START_NS));
    let mut said = script(&clock, first, play);
    said.sort_by_key(|said| said.at);
    let mut stage = Stage::new(clock, first, play);
    for said in &said {
        stage.receive(*said);
    }
    stage
}

fn script(clock: &Clock, first: i64, play: Play) -> Vec<Said> {
    let mut said = Vec::new();
    for slot in first..first + SLOTS {
        let air = clock.air(slot) as u64;
        for stream in 0..2 {
            for by in 1..=2 {
                if play == Play::Failover && by == 2 && slot >= first + SWITCH {
                    continue;
                }
                let at = air - 400_000 + by as u64 * 500 + stream as u64 * 100;
                let downlink = slot % 10 < 7;
                said.push(Said {
                    at,
                    by,
                    user: false,
                    downlink,
                    stream,
                    slot,
                    symbols: (0, SYMBOLS),
                });
                let users = (0..SYMBOLS).filter(|_| downlink);
                said.extend(users.map(|symbol| {
                    let at = at + 200_000 + u64::from(symbol) * 20_000;
                    Said {
                        at,
                        by,
                        user: true,
                        downlink,
                        stream,
                        slot,
                        symbols: (symbol, 1),
                    }
                }));
            }
            let answers = (0..SYMBOLS).filter(|_| slot % 10 >= 7);
            said.extend(answers.map(|symbol| {
                let at = air + u64::from(symbol) * 35_000 + stream as u64 * 900;
                Said {
                    at,
                    by: 0,
                    user: true,
                    downlink: false,
                    stream,
                    slot,
                    symbols: (symbol, 1),
                }
            }));
        }
    }
    said
}

struct Stage {
    clock: Clock,
    first: i64,
    play: Play,
    begin: u64,
    ingress: [Vec<Frame>; 3],
    egress: [Vec<Frame>; 3],
    spoken: HashMap<(usize, usize, bool, bool), u8>,
    numbers: HashMap<(u16, bool, bool), u8>,
    asked: Vec<(usize, i64)>,
    dropped: i64,
    copied: i64,
}

impl Stage {
    fn new(clock: Clock, first: i64, play: Play) -> Self {
        Self {
            clock,
            first,
            play,
            begin: 0,
            ingress: Default::default(),
            egress: Default::default(),
            spoken: HashMap::new(),
            numbers: HashMap::new(),
            asked: Vec::new(),
            dropped: 0,
            copied: 0,
        }
    }

    fn receive(&mut self, said: Said) {
        if self.begin == 0 {
            self.begin = said.at;
        }
        let counter = self
            .spoken
            .entry((said.by, said.stream, said.user, said.downlink))
            .or_insert(200 + said.by as u8);
        *counter = counter.wrapping_add(1);
        let sequence = *counter;
        let (to, eaxc) = match said.by {
            2 => (DU2_TO_RU, 16 + said.stream as u16),
            1 => (DU1_TO_RU, said.stream as u16),
            _ => (RU_TO_DU, said.stream as u16),
        };
        let number = self.ingress[said.by].len() as u64 + 1;
        let bytes = self.bytes(said, to, eaxc, sequence);
        self.ingress[said.by].push(frame(said.at, bytes, said.by, number, Kind::Forwarded));
        let before: usize = self.egress.iter().map(Vec::len).sum();
        match said.by {
            0 => self.mirror(said, sequence, number),
            _ => self.steer(said, sequence, number),
        }
        let sent = self.egress.iter().map(Vec::len).sum::<usize>() - before;
        self.dropped += i64::from(sent == 0);
        self.copied += (sent as i64 - 1).max(0);
    }

    fn mirror(&mut self, said: Said, sequence: u8, number: u64) {
        let kinds = [
            (1, BOX_TO_DU1, 0, Kind::Forwarded),
            (2, BOX_TO_DU2, 16, Kind::Copy),
        ];
        for (du, to, base, kind) in kinds {
            // A dead DU is in step for five milliseconds more.
            let heard = self.ingress[du]
                .last()
                .is_some_and(|last| said.at - last.at_ns < 5_000_000);
            if heard {
                let bytes = self.bytes(said, to, base + said.stream as u16, sequence);
                self.egress[du].push(frame(said.at, bytes, 0, number, kind));
            }
        }
    }

    fn steer(&mut self, said: Said, sequence: u8, number: u64) {
        let switched = said.slot >= self.first + SWITCH;
        if self.play == Play::Sharing && switched {
            return self.share(said, sequence, number);
        }
        let owner = if switched { 1 } else { 2 };
        if said.by == owner {
            self.forward(said, said.stream as u16, sequence, number, Kind::Forwarded);
        }
    }

    fn share(&mut self, said: Said, sequence: u8, number: u64) {
        let eaxc = said.stream as u16;
        if !said.downlink {
            if !self.asked.contains(&(said.stream, said.slot)) {
                self.asked.push((said.stream, said.slot));
                self.forward(said, eaxc, sequence, number, Kind::Forwarded);
            }
            return;
        }
        let (from, count) = said.symbols;
        // Pattern SD: even slots are the source's (du-2), odd ones the destination's (du-1).
        let owns = (said.slot % 2 == 0) == (said.by == 2);
        let kind = if said.user {
            Kind::Forwarded
        } else {
            Kind::Part
        };
        if from == 0 && said.stream == 0 {
            let port = if said.by == 2 { 0 } else { 1 };
            self.forward(
                Said {
                    symbols: (0, 1),
                    ..said
                },
                port,
                sequence,
                number,
                kind,
            );
        }
        let data = if from == 0 {
            (1, count - 1)
        } else {
            said.symbols
        };
        if owns && data.1 > 0 {
            self.forward(
                Said {
                    symbols: data,
                    ..said
                },
                eaxc,
                sequence,
                number,
                kind,
            );
        }
    }

    fn forward(&mut self, said: Said, eaxc: u16, sequence: u8, number: u64, kind: Kind) {
        let next = self
            .numbers
            .entry((eaxc, said.user, said.downlink))
            .or_insert(sequence);
        let sequence = *next;
        *next = next.wrapping_add(1);
        let bytes = self.bytes(said, BOX_TO_RU, eaxc, sequence);
        self.egress[0].push(frame(said.at, bytes, said.by, number, kind));
    }

    fn bytes(&self, said: Said, to: (u8, u8, u8, Option<u16>), eaxc: u16, sequence: u8) -> Vec<u8> {
        let (to, kind, from, vlan) = to;
        let mut bytes = vec![0x02, kind, 0, 0, 0, to, 0x02, kind ^ 0x70, 0, 0, 0, from];
        if let Some(id) = vlan {
            bytes.extend([0x81, 0x00, 0xe0, id as u8]);
        }
        let mut body = eaxc.to_be_bytes().to_vec();
        body.extend([sequence, 0x80, 0x10 | u8::from(said.downlink) << 7]);
        body.push((said.slot.rem_euclid(self.clock.period()) / 20) as u8);
        let in_frame = said.slot.rem_euclid(20) as u16;
        let place = (in_frame / 2) << 12 | (in_frame % 2) << 6 | u16::from(said.symbols.0);
        body.extend(place.to_be_bytes());
        if said.user {
            body.extend([0, 0x10, 0, 1, 0x91, 0]);
            body.extend(
                (0..28).map(|n| (said.by as u8) << 6 ^ said.slot as u8 ^ said.symbols.0 << 3 ^ n),
            );
        } else {
            body.extend([
                1,
                1,
                0,
                0,
                0,
                0x10,
                0,
                51,
                0xff,
                0xf0 | said.symbols.1,
                0,
                0,
            ]);
        }
        let kind = if said.user { 0 } else { 2 };
        bytes.extend([0xae, 0xfe, 0x10, kind, 0, body.len() as u8]);
        bytes.extend(body);
        bytes.resize(bytes.len().max(68), 0);
        bytes
    }

    fn finish(self) -> Inputs {
        let lanes = |frames: [Vec<Frame>; 3]| -> Vec<Lane> {
            let named = PORTS.iter().zip(frames);
            named
                .map(|(port, frames)| Lane {
                    port: (*port).to_owned(),
                    frames,
                })
                .collect()
        };
        let report = self.report();
        Inputs {
            settings: Settings::parse(CONFIG).unwrap(),
            scenario: Scenario::parse(&self.scenario()).unwrap(),
            report: Report::from_value(&report).unwrap(),
            ingress: lanes(self.ingress),
            egress: lanes(self.egress),
            closed_loop: true,
            slack_ns: 0,
        }
    }

    fn scenario(&self) -> String {
        let fence = (self.clock.air(self.first + FENCED) as u64 - self.begin) / 1000;
        let switch = "boundary: {in_slots: 16}";
        // The first frame comes 400 us before the first slot, so 2.6 ms after it slot 4 is on air.
        match self.play {
            Play::Migration => format!(
                "actions:\n- {{at: 2600us, migrate: {{cell: cell-1, to: du-1, {switch}}}}}\n\
                 - {{at: {fence}us, fence: {{cell: cell-1, member: du-2}}}}\n"
            ),
            Play::Sharing => {
                format!(
                    "actions:\n- {{at: 2600us, share: {{cell: cell-1, source: du-2, destination: du-1, {switch}}}}}\n"
                )
            }
            Play::Failover => String::from("description: du-2 stops\n"),
        }
    }

    fn report(&self) -> serde_json::Value {
        let boundary = self.first + SWITCH;
        let air = |slot: i64| self.clock.air(slot) as u64;
        let cell = "cell-1";
        let counts = |frames: &[Vec<Frame>; 3], word: &str| -> Vec<(String, usize)> {
            let ports = PORTS.iter().zip(frames).flat_map(|(port, frames)| {
                let bytes = frames.iter().map(|frame| frame.bytes.len()).sum();
                [
                    (format!("ports.{port}.{word}"), frames.len()),
                    (format!("ports.{port}.{word}_bytes"), bytes),
                ]
            });
            let total = frames.iter().map(Vec::len).sum();
            ports.chain([(format!("ledger.{word}"), total)]).collect()
        };
        let mut counters: serde_json::Map<String, serde_json::Value> =
            counts(&self.ingress, "received")
                .into_iter()
                .chain(counts(&self.egress, "sent"))
                .map(|(name, count)| (name, json!(count)))
                .collect();
        counters.insert("ledger.copied".to_owned(), json!(self.copied));
        counters.insert("ledger.dropped".to_owned(), json!(self.dropped));
        counters.insert("drops.not_active".to_owned(), json!(self.dropped));
        let commanded = self.begin + 2_600_000;
        let (events, migrations, failovers) = match self.play {
            Play::Migration => {
                let fenced = json!({"at_ns": air(self.first + FENCED), "cell": cell, "slot": 0, "kind": "fenced", "member": "du-2"});
                let switch = json!({"cell": cell, "from": "du-2", "to": "du-1", "commanded_ns": commanded, "boundary_slot": boundary});
                (vec![fenced], vec![switch], vec![])
            }
            Play::Sharing => {
                let mode = json!({"at_ns": air(boundary) - 400_000, "cell": cell, "slot": boundary - 1, "kind": "mode",
                    "mode": "du-2+du-1", "boundary": boundary, "cause": "command"});
                (vec![mode], vec![], vec![])
            }
            Play::Failover => {
                let lost = json!({"cell": cell, "from": "du-2", "to": "du-1", "detected_ns": air(boundary) - 399_800,
                    "boundary_slot": boundary});
                (vec![], vec![], vec![lost])
            }
        };
        json!({"counters": counters, "events": events, "migrations": migrations, "failovers": failovers})
    }
}

/// Destination, kind of its MAC, source and VLAN.
type Addresses = (u8, u8, u8, Option<u16>);
const DU1_TO_RU: Addresses = (1, 0xa0, 1, Some(101));
const DU2_TO_RU: Addresses = (2, 0xa0, 2, None);
const RU_TO_DU: Addresses = (1, 0xd0, 1, Some(100));
const BOX_TO_RU: Addresses = (1, 0xa0, 1, Some(100));
const BOX_TO_DU1: Addresses = (1, 0xd0, 1, Some(101));
const BOX_TO_DU2: Addresses = (2, 0xd0, 2, None);

fn frame(at_ns: u64, bytes: Vec<u8>, input: usize, number: u64, kind: Kind) -> Frame {
    Frame {
        at_ns,
        bytes,
        input: input as u32,
        number,
        kind,
    }
}
