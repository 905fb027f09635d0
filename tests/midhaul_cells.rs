//! The midhaul beside cells and lcores: when a DU counts as lost, where its frames are decided, what a restart
//! and another configuration leave of a fence, and that nothing is allocated.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a counting allocator is unsafe by its trait; a test stops at the first surprise"
)]

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/midhaul.rs"]
mod midhaul;
#[path = "support/narrow_io.rs"]
mod narrow_io;
#[path = "support/two_cells.rs"]
mod two_cells;

use allocations::ALLOCATIONS;
use appliance::*;
use midhaul::*;
use ranshift::config;
use ranshift::control::compile::compile;
use ranshift::control::replace::replacements;
use ranshift::dataplane::commands::obey;
use ranshift::dataplane::frame_io::{FrameInfo, HEADROOM};
use ranshift::dataplane::journey::decide;
use ranshift::dataplane::lcore_state::LcoreState;
use ranshift::dataplane::live_state::image::succession;
use ranshift::dataplane::mailbox::{Action, Boundary, Command};
use ranshift::dataplane::outbox::Outbox;
use ranshift::dataplane::tables::{PairId, Tables};
use ranshift::dataplane::ticks::tick;
use ranshift::dataplane::verdict::{DropReason, Verdict};
use ranshift::ran::{CellId, LcoreId, MemberId, PeerId, PortId};
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use two_cells::Lcores;

const A: MemberId = MemberId(0);
const B: MemberId = MemberId(1);
const PAIR: PairId = PairId(0);

/// Two cells of two DUs, of which du-1 is active in both, with the midhaul of du-1.
fn two_cells_of_one_du(f1: &str) -> String {
    let cell = |n: u8| {
        format!(
            "
  cell-{n}:
    ru: ru-{n}
    numerology: 1
    carrier_prbs: 51
    eaxc: {{downlink: [0], uplink: [0], prach: [4]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    active: du-1
    members:
      du-1: {{assume_in_step: true, eaxc: {{downlink: [{n}0], uplink: [{n}0], prach: [{n}4]}}}}
      du-2: {{assume_in_step: true, eaxc: {{downlink: [{n}0], uplink: [{n}0], prach: [{n}4]}}}}"
        )
    };
    format!(
        "
ports: {{ru: {{}}, a: {{}}, b: {{}}, cu: {{}}, a-mid: {{}}}}
rus:
  ru-1: {{port: ru, mac: '02:a0:00:00:00:01', facing: '02:0b:00:00:00:01', vlan: 1}}
  ru-2: {{port: ru, mac: '02:a0:00:00:00:02', facing: '02:0b:00:00:00:02', vlan: 2}}
dus:
  du-1: {{port: a, mac: '02:d0:00:00:00:01', facing: '02:0a:00:00:00:01', vlan: none, attachment: dedicated,
         f1: {{port: a-mid, cu: cu-1, addresses: [10.30.0.11]{f1}}}}}
  du-2: {{port: b, mac: '02:d0:00:00:00:02', facing: '02:0a:00:00:00:02', vlan: none, attachment: dedicated}}
cus: {{cu-1: {{port: cu, addresses: [10.30.0.1]}}}}
cells:{}{}
",
        cell(1),
        cell(2)
    )
}

/// Tables and state, and the next command.
struct Lcore {
    tables: Arc<Tables>,
    state: LcoreState,
    commands: u32,
}

impl Lcore {
    fn new(text: &str) -> Self {
        let loaded =
            config::parse(text, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"));
        let tables = Arc::new(compile(&loaded.config, 1));
        Self {
            state: LcoreState::new(&tables, 1000),
            tables,
            commands: 0,
        }
    }

    fn obey(&mut self, cell: u16, action: Action) {
        self.commands += 1;
        let command = Command {
            id: self.commands,
            term: self.tables.term,
            cell: CellId(cell),
            boundary: Boundary::Next,
            action,
        };
        obey(
            clock().air(START, 0),
            &self.tables,
            &mut self.state,
            &command,
        );
    }

    fn fenced(&self) -> bool {
        self.state.midhaul.pair(PAIR).unwrap().fenced
    }

    fn frame(&mut self, port: u8, frame: &[u8]) -> Verdict {
        let mut head = vec![0; HEADROOM];
        head.extend_from_slice(frame);
        let info = FrameInfo {
            port: PortId(port),
            start: HEADROOM as u16,
            len: frame.len() as u32,
        };
        let now = clock().air(START, 0);
        let mut outbox = Outbox::new(8, 1024);
        decide(
            &mut head,
            info,
            now,
            &self.tables,
            &mut self.state,
            &mut outbox,
        )
    }
}

const FAIL_OVER: Action = Action::FailOver { to: Some(B) };

#[test]
fn a_du_is_lost_with_the_last_of_the_cells_that_it_speaks_for() {
    let mut lcore = Lcore::new(&two_cells_of_one_du(""));
    lcore.obey(0, FAIL_OVER);
    assert!(!lcore.fenced(), "it speaks for the other cell");
    lcore.obey(1, FAIL_OVER);
    assert!(lcore.fenced());
}

#[test]
fn or_with_the_first() {
    let mut lcore = Lcore::new(&two_cells_of_one_du(", lost_with: any"));
    lcore.obey(0, FAIL_OVER);
    assert!(lcore.fenced());
}

#[test]
fn a_standby_is_fenced_by_command_once_that_is_so_in_every_cell() {
    let text = two_cells_of_one_du("").replace("active: du-1", "active: du-2");
    let mut lcore = Lcore::new(&text);
    lcore.obey(0, Action::Fence { member: A });
    assert!(!lcore.fenced());
    lcore.obey(1, Action::Fence { member: A });
    assert!(lcore.fenced());
    lcore.obey(1, Action::Readmit { member: A });
    assert!(!lcore.fenced(), "readmitted in one, its CU is needed");
}

#[test]
fn a_planned_switch_tells_nobody() {
    let mut lcore = Lcore::new(&two_cells_of_one_du(", lost_with: any"));
    lcore.frame(4, &pair_a().by_du(9, &[data(1, 1)]));
    lcore.obey(0, Action::Switch { to: B });
    lcore.obey(1, Action::Switch { to: B });
    assert!(!lcore.fenced());
    assert_eq!(lcore.state.counters.pairs[0].aborted, 0);
}

#[test]
fn a_fence_outlives_the_process_with_the_roles_of_the_cells() {
    let text = two_cells_of_one_du("");
    let now = clock().air(START, 0);
    let mut before = Lcore::new(&text);
    let bytes = succession(&[], &before.tables, now).bytes;
    let bytes: Vec<_> = bytes.into_iter().map(AtomicU8::new).collect();
    let memory = &*Box::leak(bytes.into_boxed_slice());
    before.state.remember_in(memory, now, &before.tables);
    before.obey(0, FAIL_OVER);
    before.obey(1, FAIL_OVER);
    before.state.save(now, &before.tables);
    let mut after = Lcore::new(&text);
    assert!(!after.fenced());
    after.state.remember_in(memory, now, &after.tables);
    assert!(after.fenced());
    let left = after.frame(4, &pair_a().by_du(9, &[data(1, 1)]));
    assert_eq!(left, Verdict::Drop(DropReason::Fenced));
}

#[test]
fn another_configuration_leaves_associations_fences_and_counts_as_they_are() {
    let text = two_cells_of_one_du("");
    let old = config::parse(&text, "test.yaml").unwrap().config;
    let mut new = old.clone();
    new.cells[0].liveness.confirm = 7;
    let mut lcore = Lcore::new(&text);
    lcore.frame(4, &pair_a().by_du(9, &[data(1, 1)]));
    lcore.obey(0, FAIL_OVER);
    lcore.obey(1, FAIL_OVER);
    let mut all = replacements((&old, &lcore.tables), &new, 2).unwrap();
    let now = clock().air(START, 0);
    lcore.state.replace(now, &mut lcore.tables, &mut all[0]);
    assert!(lcore.fenced());
    assert_eq!(lcore.state.counters.pairs[0].aborted, 1);
    let known = lcore
        .state
        .midhaul
        .pair(PAIR)
        .unwrap()
        .watcher
        .associations();
    assert_eq!(known.len(), 1);
    assert!(
        lcore.state.next_deadline() < now.offset(2_000_000),
        "copies go on"
    );
}

/// `two_cells` on two lcores with the midhaul of du-2, which is the second lcore's, on the first one's ports.
fn on_two_lcores() -> String {
    two_cells::text("{cores: [0, 1]}", "north", "south")
        .replace(
            "south: {mtu: 9000}",
            "south: {mtu: 9000}, cu: {lcore: 0}, mid: {lcore: 0}",
        )
        .replace(
            "vlan: 202, attachment: dedicated}",
            "vlan: 202, attachment: dedicated, f1: {port: mid, cu: cu-1, addresses: [10.30.0.11]}}",
        )
        .replace(
            "cells:",
            "cus: {cu-1: {port: cu, addresses: [10.30.0.1]}}\ncells:",
        )
}

#[test]
fn both_ends_of_a_pair_are_decided_by_the_lcore_of_its_du() {
    let mut lcores = Lcores::new(&on_two_lcores(), 64);
    let pair = pair_a();
    lcores.offer(3, &pair.by_du(pair.tags.1, &[data(1, 9)]));
    lcores.offer(2, &pair.by_cu(pair.tags.0, &[sack(1)]));
    lcores.turns(3);
    let owner = lcores.workers[1].0.counters().pairs[0];
    assert_eq!((owner.from_du, owner.from_cu, owner.joined), (1, 1, 1));
    assert_eq!(lcores.workers[0].0.counters().pairs[0].from_du, 0);
    let sent: Vec<_> = lcores.sent().into_iter().map(|(port, _)| port.0).collect();
    assert_eq!(sent, [2, 3]);
}

#[test]
fn ports_of_the_midhaul_follow_the_lcore_of_their_du() {
    let free = on_two_lcores().replace("{lcore: 0}", "{}");
    let tables = two_cells::tables(&free);
    let owner = tables.owners.of_peer(PeerId(3));
    assert_eq!(owner, LcoreId(1), "du-2");
    for port in [2, 3] {
        assert_eq!(tables.owners.of_port(PortId(port)), owner);
    }
}

#[test]
fn watching_and_telling_the_cu_allocate_nothing() {
    let mut lcore = Lcore::new(&two_cells_of_one_du(""));
    let pair = pair_a();
    let (du, cu) = pair.tags;
    let frames = [
        (4, pair.by_du(0, &[init(INIT, du)])),
        (3, pair.by_cu(du, &[init(INIT_ACK, cu)])),
        (4, pair.by_du(cu, &[plain(COOKIE_ECHO), data(1, 60)])),
        (3, pair.by_cu(du, &[plain(COOKIE_ACK), sack(1)])),
        (4, pair.by_du(cu ^ 1, &[data(2, 60)])),
        (4, pair.by_du(cu, &[data(2, 1400)])),
    ];
    let mut heads: Vec<_> = frames
        .iter()
        .map(|(port, frame)| (*port, [vec![0; HEADROOM], frame.clone()].concat()))
        .collect();
    let mut outbox = Outbox::new(8, 1024);
    let now = clock().air(START, 0);
    let before = ALLOCATIONS.get();
    for (port, head) in &mut heads {
        let info = FrameInfo {
            port: PortId(*port),
            start: HEADROOM as u16,
            len: (head.len() - HEADROOM) as u32,
        };
        decide(
            head,
            info,
            now,
            &lcore.tables,
            &mut lcore.state,
            &mut outbox,
        );
    }
    lcore.obey(0, FAIL_OVER);
    lcore.obey(1, FAIL_OVER);
    for ms in [0, 1, 10] {
        tick(now.offset(ms * 1_000_000), &lcore.tables, &mut lcore.state);
    }
    let allocated = ALLOCATIONS.get() - before;
    assert_eq!(lcore.state.counters.pairs[0].abort_packets, 6);
    assert_eq!(allocated, 0);
}
