//! What FAPI traffic does to memory: nothing is allocated for it, and a payload stays where it was received.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/fapi_bench.rs"]
mod fapi_bench;
#[path = "support/p7.rs"]
mod p7;
#[path = "support/rack.rs"]
mod rack;

use allocations::ALLOCATIONS;
use fapi_bench::{Edit, SLOT, SLOT_NS, START, point, tables};
use p7::{L2, PHY_A, PHY_B, Place, body, datagrams, fragments};
use rack::Rack;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, EventKind};
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::{CellId, Instant, MemberId, PortId};

const DL_TTI: u16 = 0x80;
const UL_TTI: u16 = 0x81;
const TX_DATA: u16 = 0x84;
const RX_DATA: u16 = 0x85;
/// A NULL DL_TTI.request or TX_DATA.request in its frame.
const NULL: usize = 14 + 20 + 8 + 18 + 6;

struct Bench {
    worker: Worker<rack::Sheet>,
    rack: Rack,
    now: Instant,
    sequence: u8,
    allocated: u64,
}

impl Bench {
    fn new(edits: &[Edit<'_>]) -> Self {
        let mut bench = Self {
            worker: Worker::new(tables(edits), Clock::Burst),
            rack: Rack::new(),
            now: START,
            sequence: 0,
            allocated: 0,
        };
        for phy in [PHY_A, PHY_B] {
            bench.say(phy, SLOT, 0, &[]);
        }
        bench.rack.clear();
        bench
    }

    /// The frames arrive, and all is done that is due; returns where their last bytes lie.
    fn receive(&mut self, from: Place, frames: &[Vec<u8>]) -> Vec<*const u8> {
        let offered = frames.iter().map(|frame| self.rack.offer(from.port, frame));
        let ends = offered.collect();
        let before = ALLOCATIONS.get();
        let port = PortId(from.port);
        while self
            .worker
            .poll(&mut self.rack, port, self.now, &mut Unobserved)
            > 0
        {}
        self.worker.tick(self.now);
        self.worker.flush(&mut self.rack, self.now);
        self.allocated += ALLOCATIONS.get() - before;
        ends
    }

    fn say(&mut self, from: Place, message: u16, slot: u32, rest: &[u8]) -> Vec<*const u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let body = [&point(slot), rest].concat();
        let frames = datagrams(from, message, self.sequence, &body, 1452, 0);
        self.receive(from, &frames)
    }

    fn command(&mut self, boundary: Boundary, action: Action) {
        let command = Command {
            id: 1,
            term: 1,
            cell: CellId(0),
            boundary,
            action,
        };
        let before = ALLOCATIONS.get();
        self.worker.command(self.now, &command);
        self.allocated += ALLOCATIONS.get() - before;
    }

    /// Where the last bytes of what `port` was sent lie, without what was made here.
    fn passed(&self, port: u8) -> Vec<*const u8> {
        let sent = self.rack.sent.iter();
        sent.filter(|(at, sheet)| at.0 == port && !sheet.made)
            .map(|(_, sheet)| sheet.end())
            .collect()
    }
}

/// A DL_TTI of as many SSB PDUs, behind SFN and slot.
fn dl_tti(pdus: u8) -> Vec<u8> {
    let ssb = [&[0, 3, 0, 21][..], &[0; 17]].concat();
    [&[pdus, 0][..], &ssb.repeat(pdus.into())].concat()
}

/// A TX_DATA of one PDU of one TLV of `len` bytes, behind SFN and slot.
fn tx_data(len: usize) -> Vec<u8> {
    let value = body(len.next_multiple_of(4));
    let len = (len as u32).to_be_bytes();
    [&[0, 1][..], &len, &[0, 0, 0, 0, 0, 1, 0, 0], &len, &value].concat()
}

#[test]
fn a_whole_request_leaves_in_the_frame_it_came_in() {
    for limits in ["limits: oai", "limits: none"] {
        let mut bench = Bench::new(&[("limits: oai", limits)]);
        for slot in 0..8 {
            for (message, rest) in [(DL_TTI, dl_tti(16)), (TX_DATA, tx_data(1200))] {
                let came = bench.say(L2, message, slot, &rest);
                assert_eq!(bench.passed(1), came);
                bench.rack.clear();
            }
        }
        let copies = (bench.rack.copied, bench.rack.shared, bench.rack.heads);
        assert_eq!(copies, (0, 0, 16 * NULL), "nothing but NULLs was written");
    }
}

#[test]
fn a_message_in_segments_leaves_in_the_frames_it_came_in() {
    let mut bench = Bench::new(&[]);
    let came = bench.say(L2, TX_DATA, 0, &tx_data(60_000));
    assert_eq!((came.len(), bench.passed(1)), (42, came));
    let came = bench.say(PHY_A, RX_DATA, 0, &body(20_000));
    assert_eq!((came.len(), bench.passed(0)), (14, came));
    let copies = (bench.rack.copied, bench.rack.shared, bench.rack.heads);
    assert_eq!(copies, (0, 0, NULL));
}

#[test]
fn a_datagram_in_fragments_leaves_in_frames_that_share_its_payload() {
    let mut bench = Bench::new(&[]);
    let body = [&[0; 4][..], &tx_data(60_000)].concat();
    let whole = &datagrams(L2, TX_DATA, 1, &body, 65_000, 0)[0];
    bench.receive(L2, &fragments(whole, 1480, 7));
    let segments = body.len().div_ceil(1434);
    let heads = segments * (14 + 20 + 8 + 18) + NULL;
    let copies = (bench.rack.copied, bench.rack.shared, bench.rack.heads);
    assert_eq!(copies, (0, body.len(), heads));
}

/// Requests, indications, messages in pieces and gaps in the slots of `phys`.
fn slots(bench: &mut Bench, slots: std::ops::Range<u32>, phys: &[Place]) {
    for slot in slots {
        bench.now = START.offset((u64::from(slot) * SLOT_NS) as i64);
        for phy in phys {
            bench.say(*phy, SLOT, slot, &[]);
        }
        bench.say(phys[0], RX_DATA, slot, &body(3000)[4..]);
        // Every fourth slot has nothing to do: the clock keeps the standby going.
        if slot % 4 != 0 {
            bench.say(L2, DL_TTI, slot, &dl_tti(16));
            bench.say(L2, UL_TTI, slot, &[0; 5]);
            bench.say(L2, TX_DATA, slot, &tx_data(5000));
        }
        bench.now = bench.now.offset(SLOT_NS as i64 / 2);
        bench.receive(L2, &[]);
        bench.rack.clear();
    }
}

#[test]
fn a_migration_and_a_failover_in_running_traffic_allocate_nothing() {
    let edits = [("      confirm: 2", "      fail_crc: true\n      confirm: 2")];
    let mut bench = Bench::new(&edits);
    slots(&mut bench, 1..40, &[PHY_A, PHY_B]);
    let to = MemberId(1);
    bench.command(Boundary::Next, Action::Switch { to });
    slots(&mut bench, 40..80, &[PHY_B, PHY_A]);
    let to = MemberId(0);
    bench.command(Boundary::Next, Action::Switch { to });
    slots(&mut bench, 80..100, &[PHY_A, PHY_B]);
    // From here on PHY A is silent.
    slots(&mut bench, 100..120, &[PHY_B]);
    let failed = |event: &EventKind| {
        matches!(
            event,
            EventKind::Failover {
                to: MemberId(1),
                ..
            }
        )
    };
    let mut events = bench.worker.drain_events();
    assert!(events.any(|event| failed(&event.kind)));
    drop(events);
    let counters = bench.worker.counters();
    assert!(counters.cells[0].switches >= 2 && counters.cells[0].fapi_clock_nulls > 0);
    assert_eq!((counters.ledger.balance(), bench.allocated), (0, 0));
}
