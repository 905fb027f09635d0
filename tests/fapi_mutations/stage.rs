//! One L2, two PHYs and the journey between them; every frame that goes in ends in the ledger, every frame that
//! comes out before the judge.

use super::Dialect;
use super::forge::{Message, datagrams};
use super::judge::Judge;
use super::p7::{L2, PHY_A, PHY_B, Place, frame};
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::counters::Ledger;
use ranshift::dataplane::verdict::DropReason;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{Instant, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::replay::io::ReplayIo;
use std::sync::Arc;

const START: Instant = Instant(1_000_000_000_000);
/// What `holding` allows a worker altogether.
const MOST_HELD: u64 = 1024;

/// Who speaks how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) l2: Dialect,
    pub(crate) phys: Dialect,
    /// `limits: oai` of both PHYs.
    pub(crate) limits: bool,
    pub(crate) check: bool,
}

impl Terms {
    pub(crate) const fn of(self, from: Place) -> Dialect {
        match from.port {
            0 => self.l2,
            _ => self.phys,
        }
    }

    /// How whoever is behind `port` reads.
    pub(crate) const fn towards(self, port: usize) -> Dialect {
        match port {
            0 => self.l2,
            _ => self.phys,
        }
    }

    /// Plain FAPI cannot cut: its networks have room.
    pub(crate) const fn mtu(self) -> usize {
        match (self.l2, self.phys) {
            (Dialect::FapiBig | Dialect::FapiLittle, _)
            | (_, Dialect::FapiBig | Dialect::FapiLittle) => 9000,
            _ => 1500,
        }
    }

    fn config(self) -> String {
        let (mtu, check) = (self.mtu(), self.check);
        let limits = if self.limits { "oai" } else { "none" };
        // Bodies are those of OAI unless both ends write them otherwise.
        let carried = self.l2 != self.phys;
        let peer = |at: Place, name: &str, dialect: Dialect| {
            let bodies = match dialect {
                Dialect::Scf225v2 if carried => ", bodies: oai",
                _ => "",
            };
            let [a, b] = [at.ip, at.own].map(|ip| ip.map(|byte| byte.to_string()).join("."));
            let [mac, facing] =
                [at.mac, at.facing].map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
            format!(
                "  {name}: {{port: {name}-side, mac: \"{mac}\", facing: \"{facing}\", vlan: none, \
                 transport: {{udp: {{peer: {a}, facing: {b}, peer_port: {}, facing_port: {}}}}}, \
                 dialect: {}{bodies}, check: {check}",
                at.udp.0,
                at.udp.1,
                dialect.word(),
            )
        };
        let phy = |at, name| format!("{}, limits: {limits}}}\n", peer(at, name, self.phys));
        format!(
            "ports: {{l2-side: {{mtu: {mtu}}}, phy-a-side: {{mtu: {mtu}}}, phy-b-side: {{mtu: {mtu}}}}}\n\
             l2s:\n{}}}\nphys:\n{}{}\
             cells:\n  cell-1:\n    numerology: 1\n    fapi: {{l2: l2}}\n    active: phy-a\n    \
             members: {{phy-a: {{}}, phy-b: {{}}}}\n    failover: {{standby: [phy-b]}}\n",
            peer(L2, "l2", self.l2),
            phy(PHY_A, "phy-a"),
            phy(PHY_B, "phy-b"),
        )
    }
}

/// A worker, its wires and its judge.
pub(crate) struct Stage {
    worker: Worker<ReplayFrame>,
    io: ReplayIo,
    now: Instant,
    terms: Terms,
    judge: Judge,
}

impl Stage {
    /// Both PHYs have indicated the slot `point`.
    pub(crate) fn new(terms: Terms, point: (u16, u16)) -> Self {
        let loaded = config::parse(&terms.config(), "mutations.yaml");
        let config = loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config;
        let mut stage = Self {
            worker: Worker::new(Arc::new(compile(&config, 1)), Clock::Stamps),
            io: ReplayIo::default(),
            now: START,
            terms,
            judge: Judge::new(terms),
        };
        let order = |value: u16| match terms.phys {
            Dialect::FapiLittle => value.to_le_bytes(),
            _ => value.to_be_bytes(),
        };
        let tick = Message {
            phy: 1,
            id: 0x82,
            sequence: 0,
            body: [order(point.0), order(point.1)].concat(),
        };
        let tick = datagrams(terms.phys, &tick, 1452).remove(0);
        for phy in [PHY_A, PHY_B] {
            stage.feed(phy, &[frame(phy, &tick)]);
        }
        assert_eq!(stage.ledger().sent, 1, "the L2 heard the slot once");
        stage
    }

    /// `from` sends the frames of a message; returns how many frames left.
    pub(crate) fn feed(&mut self, from: Place, frames: &[Vec<u8>]) -> usize {
        let before = self.ledger().sent;
        for frame in frames {
            self.judge.saw(frame);
            let dropped = self.ledger().dropped;
            let port = PortId(from.port);
            let frame = ReplayFrame::new(frame, frame.len(), None, self.now);
            self.io.offer(port, frame);
            self.worker
                .poll(&mut self.io, port, self.now, &mut Unobserved);
            self.balance(dropped);
        }
        let left = self.judge_all(false);
        assert_eq!(self.ledger().sent - before, left as u64);
        left
    }

    /// After 20 ms nothing waits for the rest of its message any more.
    pub(crate) fn wait(&mut self) {
        let dropped = self.ledger().dropped;
        self.now = self.now.offset(20_000_000);
        self.worker.tick(self.now);
        self.worker.flush(&mut self.io, self.now);
        self.balance(dropped);
        self.judge_all(true);
        assert_eq!(self.ledger().held, 0);
    }

    /// How `from` speaks.
    pub(crate) const fn dialect(&self, from: Place) -> Dialect {
        self.terms.of(from)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.worker.counters().ledger
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.worker.counters().drops.of(reason)
    }

    /// What was dropped, by label.
    pub(crate) fn reasons(&self) -> Vec<(&'static str, u64)> {
        let all = DropReason::ALL
            .iter()
            .map(|reason| (reason.label(), self.dropped(*reason)));
        all.filter(|(_, count)| *count > 0).collect()
    }

    /// Every frame is somewhere, and every one that ended has a reason.
    fn balance(&self, dropped: u64) {
        let ledger = self.ledger();
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
        assert!(ledger.dropped >= dropped && ledger.punted == 0);
        assert_eq!(self.worker.counters().drops.total(), ledger.dropped);
        assert!(ledger.held <= MOST_HELD, "{ledger:?}");
    }

    fn judge_all(&mut self, by_clock: bool) -> usize {
        let sent: Vec<_> = self.io.take_sent().collect();
        let frames = sent
            .iter()
            .map(|(port, frame)| (port.index(), frame.bytes()));
        if let Err(complaint) = self.judge.hear(frames, by_clock) {
            panic!(
                "{complaint}\n{:?}\n{:?}\n{:?}",
                self.terms,
                self.reasons(),
                self.ledger()
            );
        }
        if self.ledger().held == 0 {
            self.judge.forget();
        }
        sent.len()
    }
}
