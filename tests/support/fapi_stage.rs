//! An emulated L2 and two emulated PHYs around the appliance, in virtual time, closed loop.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use ranshift::config::{self, Config};
use ranshift::control::compile::compile;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event, EventKind};
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::lab::fapi::{Cable, FapiCast, L2, L2Plan, Phy, PhyPlan};
use ranshift::ran::{CellId, Duration, Instant, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// From a peer to the appliance.
const WAY: Duration = Duration::from_micros(30);
/// SFN 1020 slot 0 at 30 kHz in the clock of the emulators, so that runs cross SFN 0.
pub(crate) const FIRST_SLOT: u64 = 1020 * 20;
pub(crate) const START: Instant = Instant(1_700_000_000_000_000_000);
pub(crate) const SLOT_NS: u64 = 500_000;

/// `configs/two-phys.yaml` with every occurrence of each first text replaced by the second.
pub(crate) fn edited(edits: &[(&str, &str)]) -> Config {
    example("two-phys.yaml", edits)
}

/// The same of any example.
pub(crate) fn example(name: &str, edits: &[(&str, &str)]) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("configs")
        .join(name);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "the example holds no {from:?}");
        text = text.replace(from, to);
    }
    let parsed = config::parse(&text, "edited.yaml");
    parsed
        .unwrap_or_else(|problems| panic!("{problems}"))
        .config
}

/// How the emulators behave.
pub(crate) struct Plans {
    pub(crate) l2: L2Plan,
    pub(crate) phys: [PhyPlan; 2],
}

/// Everything, and the time.
pub(crate) struct Stage {
    pub(crate) worker: Worker<ReplayFrame>,
    pub(crate) l2: L2,
    pub(crate) phys: Vec<Phy>,
    pub(crate) events: Vec<Event>,
    pub(crate) now: Instant,
    /// Requests with PDUs that reached a PHY: its number, SFN and slot as OAI writes them.
    pub(crate) asked: Vec<(usize, u16, u16)>,
    /// Frames that left for somebody who is not emulated.
    pub(crate) others: Vec<(PortId, Vec<u8>)>,
    /// That of the L2, then those of the PHYs.
    cables: Vec<Cable>,
    io: ReplayIo,
    on_the_way: BTreeMap<(Instant, u64), (PortId, Vec<u8>)>,
    sent: u64,
    commands: u32,
}

impl Stage {
    /// Around the first cell of `config`; its first PHY is active. Users fill every slot.
    pub(crate) fn new(config: &Config, edit: impl FnOnce(&mut Plans)) -> Self {
        let cast = FapiCast::of(config, 0).unwrap();
        let numerology = cast.clock.numerology();
        let mut l2 = L2Plan {
            terms: cast.l2.terms,
            ..L2Plan::oai(numerology, 7)
        };
        l2.traffic.tdd = ranshift::lab::Tdd::of_period(1);
        l2.traffic.busy = 1.0;
        l2.traffic.block = 200;
        let phy = |n: usize| PhyPlan {
            terms: cast.phys[n].terms,
            first: ranshift::ran::SlotCount(FIRST_SLOT).offset(i64::from(cast.phys[n].slot_offset)),
            ahead: cast.ahead,
            pipeline: cast.pipeline,
            ..PhyPlan::oai(numerology, START, n as u64)
        };
        let mut plans = Plans {
            l2,
            phys: [phy(0), phy(1)],
        };
        edit(&mut plans);
        let ends = std::iter::once(&cast.l2).chain(&cast.phys);
        Self {
            worker: Worker::new(Arc::new(compile(config, 1)), Clock::Stamps),
            l2: L2::new(plans.l2),
            phys: plans.phys.map(Phy::new).into(),
            events: Vec::new(),
            now: START,
            asked: Vec::new(),
            others: Vec::new(),
            cables: ends
                .map(|end| Cable::new(&end.peer, end.mtu).unwrap())
                .collect(),
            io: ReplayIo::default(),
            on_the_way: BTreeMap::new(),
            sent: 0,
            commands: 0,
        }
    }

    /// Until `slots` more slots have been on air.
    pub(crate) fn slots(&mut self, slots: u64) {
        self.until(Instant(self.now.0 + slots * SLOT_NS));
    }

    pub(crate) fn until(&mut self, end: Instant) {
        while let Some(next) = self.next_at().filter(|at| *at <= end) {
            self.now = next.max(self.now);
            self.worker.tick(self.now);
            self.worker.flush(&mut self.io, self.now);
            self.settle();
            self.speak();
            self.arrive();
        }
        self.now = end;
        self.worker.tick(end);
        self.worker.flush(&mut self.io, end);
        self.settle();
    }

    /// Commands a planned migration; returns its boundary.
    pub(crate) fn migrate(&mut self, to: u8, boundary: Boundary) -> u64 {
        let action = Action::Switch {
            to: ranshift::ran::MemberId(to),
        };
        self.command(action, boundary)
    }

    /// Commands `action`; returns the slot from which it applies.
    pub(crate) fn command(&mut self, action: Action, boundary: Boundary) -> u64 {
        self.commands += 1;
        let command = Command {
            id: self.commands,
            term: 1,
            cell: CellId(0),
            boundary,
            action,
        };
        self.worker.command(self.now, &command);
        self.settle();
        let accepted = self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Accepted { command, boundary } if command == self.commands => Some(boundary),
            EventKind::Refused { command, why } if command == self.commands => panic!("{why:?}"),
            _ => None,
        });
        accepted.unwrap().0
    }

    /// `frame` of somebody who is not emulated is on its way to `port`.
    pub(crate) fn offer(&mut self, port: PortId, frame: Vec<u8>) {
        self.sent += 1;
        let at = (self.now.after(WAY), self.sent);
        self.on_the_way.insert(at, (port, frame));
    }

    fn note(&mut self, phy: usize, datagram: &[u8]) {
        let word = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
        if word(2) == 0x80 && datagram.len() > 18 + 6 {
            self.asked.push((phy, word(18), word(20)));
        }
    }

    fn next_at(&self) -> Option<Instant> {
        let phys = self.phys.iter().map(Phy::next_at);
        let arrival = self.on_the_way.keys().map(|(at, _)| *at).next();
        let deadline = Some(self.worker.next_deadline()).filter(|at| *at > self.now);
        let next = phys
            .chain([self.l2.next_at()])
            .chain(arrival)
            .chain(deadline);
        next.min().filter(|at| *at != Instant::NEVER)
    }

    /// What the emulators have to say now goes on its way.
    fn speak(&mut self) {
        for end in 0..self.cables.len() {
            let mut datagrams = Vec::new();
            match end.checked_sub(1) {
                None => self.l2.tick(self.now, &mut datagrams),
                Some(phy) => self.phys[phy].tick(self.now, &mut datagrams),
            }
            let cable = &mut self.cables[end];
            for datagram in &datagrams {
                for frame in cable.pack(datagram) {
                    self.sent += 1;
                    let at = (self.now.after(WAY), self.sent);
                    self.on_the_way.insert(at, (cable.port(), frame));
                }
            }
        }
    }

    /// What has reached the appliance is received.
    fn arrive(&mut self) {
        while let Some(entry) = self.on_the_way.first_entry()
            && entry.key().0 <= self.now
        {
            let (port, frame) = entry.remove();
            let frame = ReplayFrame::new(&frame, frame.len(), None, self.now);
            self.io.offer(port, frame);
            self.worker
                .poll(&mut self.io, port, self.now, &mut Unobserved);
            self.settle();
        }
    }

    /// What left the appliance is heard, at once.
    fn settle(&mut self) {
        let sent: Vec<_> = self.io.take_sent().collect();
        for (port, frame) in sent {
            // What is not IPv4 is fronthaul, which may share a port with P7.
            if frame.bytes()[12..14] != [8, 0] {
                self.others.push((port, frame.bytes().to_vec()));
                continue;
            }
            for end in 0..self.cables.len() {
                if self.cables[end].port() != port {
                    continue;
                }
                let Some(datagram) = self.cables[end].unpack(frame.bytes()) else {
                    panic!("{:?} for {port:?}", self.cables[end].report());
                };
                match end.checked_sub(1) {
                    None => self.l2.receive(self.now, &datagram),
                    Some(phy) => {
                        self.note(phy, &datagram);
                        self.phys[phy].receive(self.now, &datagram);
                    }
                }
            }
        }
        self.events.extend(self.worker.drain_events());
        let ledger = self.worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
    }
}
