//! Two cells with an RU and a DU each, on two lcores or on one, over one arm or two.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use crate::appliance::{At, START, Sender, clock};
use crate::narrow_io::NarrowIo;
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::dataplane::counters::Counters;
use ranshift::dataplane::handover::Handover;
use ranshift::dataplane::tables::Tables;
use ranshift::dataplane::verdict::DropReason;
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{Direction, Duration, Instant, LcoreId, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::wire::oran::emit::ControlSection;
use std::sync::Arc;

/// `north` is the RUs' port, `south` the DUs'; the same name makes one arm.
pub(crate) fn text(lcores: &str, north: &str, south: &str) -> String {
    let ports = match north == south {
        true => format!("{north}: {{mtu: 9000}}"),
        false => format!("{north}: {{mtu: 9000}}, {south}: {{mtu: 9000}}"),
    };
    let mut text = format!("ports: {{{ports}}}\nlcores: {lcores}\nrus:\n");
    for n in 1..=2 {
        text += &format!(
            "  ru-{n}: {{port: {north}, mac: '02:a0:00:00:00:0{n}', facing: '02:0b:00:00:00:0{n}', vlan: 10{n}}}\n"
        );
    }
    text += "dus:\n";
    for n in 1..=2 {
        text += &format!(
            "  du-{n}: {{port: {south}, mac: '02:d0:00:00:00:0{n}', facing: '02:0a:00:00:00:0{n}', vlan: 20{n}, attachment: dedicated}}\n"
        );
    }
    text += "cells:\n";
    for n in 1..=2 {
        text += &format!(
            "  cell-{n}:
    ru: ru-{n}
    numerology: 1
    carrier_prbs: 51
    eaxc: {{downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    active: du-{n}
    members: {{du-{n}: {{}}}}
"
        );
    }
    text
}

pub(crate) fn tables(text: &str) -> Arc<Tables> {
    let loaded = config::parse(text, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"));
    Arc::new(compile(&loaded.config, 1))
}

/// Frames of cell `n`, 1 or 2.
pub(crate) fn du(n: u8) -> Sender {
    Sender {
        source: [2, 0xd0, 0, 0, 0, n],
        destination: [2, 0x0a, 0, 0, 0, n],
        vlan: Some(200 + u16::from(n)),
    }
}

pub(crate) fn ru(n: u8) -> Sender {
    Sender {
        source: [2, 0xa0, 0, 0, 0, n],
        destination: [2, 0x0b, 0, 0, 0, n],
        vlan: Some(100 + u16::from(n)),
    }
}

pub(crate) fn downlink(n: u8, sequence: u8) -> Vec<u8> {
    du(n).user(Direction::Downlink, place(sequence))
}

pub(crate) fn uplink(n: u8, sequence: u8) -> Vec<u8> {
    ru(n).user(Direction::Uplink, place(sequence))
}

pub(crate) fn control(n: u8, sequence: u8) -> Vec<u8> {
    let sections = [ControlSection::whole(0, 14)];
    du(n).control(Direction::Downlink, place(sequence), &sections)
}

fn place(sequence: u8) -> At {
    crate::appliance::at(0, sequence, START, sequence % 14)
}

/// All lcores of some tables, in one thread.
pub(crate) struct Lcores {
    pub(crate) workers: Vec<(Worker<ReplayFrame>, NarrowIo)>,
    tables: Arc<Tables>,
    pub(crate) now: Instant,
}

impl Lcores {
    pub(crate) fn new(text: &str, lane: usize) -> Self {
        let tables = tables(text);
        let mut ends = Handover::among(&tables, lane).into_iter();
        let worker = |_| {
            let worker = Worker::new(Arc::clone(&tables), Clock::Burst);
            let worker = match ends.next() {
                Some(end) => worker.among(end),
                None => worker,
            };
            (worker, NarrowIo::new(tables.flood.len()))
        };
        Self {
            workers: (0..tables.owners.lcores()).map(worker).collect(),
            now: clock().air(START, 0),
            tables,
        }
    }

    pub(crate) fn offer(&mut self, port: u8, frame: &[u8]) {
        let poller = self.tables.owners.of_port(PortId(port));
        self.workers[poller.index()].1.offer(PortId(port), frame);
    }

    /// One turn of the lcore `n`.
    pub(crate) fn turn(&mut self, n: u8) {
        let (worker, io) = &mut self.workers[usize::from(n)];
        worker.tick(self.now);
        let ports = (0..self.tables.flood.len()).map(|port| PortId(port as u8));
        for port in ports {
            if self.tables.owners.of_port(port) == LcoreId(n) {
                worker.poll(io, port, self.now, &mut Unobserved);
                worker.send_out(io, port, self.now);
            } else {
                worker.take_in(io, port, self.now, &mut Unobserved);
            }
        }
        let ledger = worker.counters().ledger;
        assert_eq!(ledger.balance(), 0, "{ledger:?}");
    }

    pub(crate) fn turns(&mut self, count: usize) {
        for _ in 0..count {
            for n in 0..self.workers.len() {
                self.turn(n as u8);
            }
        }
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for (worker, _) in &self.workers {
            sum.add(worker.counters());
        }
        sum
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.counters().drops.of(reason)
    }

    /// What left on any port, by lcore and then in order.
    pub(crate) fn sent(&mut self) -> Vec<(PortId, Vec<u8>)> {
        let all = self.workers.iter_mut();
        all.flat_map(|(_, io)| io.take_sent()).collect()
    }
}
