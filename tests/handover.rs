//! Several lcores: who owns what, and that frames pass between them whole, in order and counted.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/narrow_io.rs"]
mod narrow_io;
#[path = "support/two_cells.rs"]
mod two_cells;

use appliance::seen;
use ranshift::ran::{CellId, LcoreId, PeerId, PortId};
use std::collections::BTreeMap;
use two_cells::{Lcores, control, downlink, tables, text, uplink};

const ONE: &str = "{cores: [0]}";
const TWO: &str = "{cores: [0, 1]}";

#[test]
fn cells_go_to_the_lcore_with_the_fewest_and_ports_follow_them() {
    let tables = tables(&text(TWO, "north", "south"));
    let owners = &tables.owners;
    assert_eq!(owners.of_cell(CellId(0)), LcoreId(0));
    assert_eq!(owners.of_cell(CellId(1)), LcoreId(1));
    assert_eq!(owners.of_peer(PeerId(3)), LcoreId(1), "the DU of cell 2");
    let pollers = [0, 1].map(|port| owners.of_port(PortId(port)));
    assert_eq!(pollers, [LcoreId(0), LcoreId(1)]);
}

#[test]
fn cells_that_share_a_du_are_owned_together() {
    let shared = text(TWO, "arm", "arm")
        .replace("active: du-2", "active: du-1")
        .replace("members: {du-2: {}}", "members: {du-1: {eaxc: {downlink: [16, 17], uplink: [16, 17], prach: [20, 21]}}, du-2: {}}");
    let tables = tables(&shared);
    assert_eq!(
        tables.owners.of_cell(CellId(0)),
        tables.owners.of_cell(CellId(1))
    );
    assert_eq!(
        tables.owners.of_port(PortId(0)),
        tables.owners.of_cell(CellId(0)),
        "a port goes where its cells are"
    );
}

#[test]
fn what_the_configuration_names_is_obeyed() {
    let named = text(TWO, "north", "south")
        .replace("    ru: ru-1\n", "    ru: ru-1\n    lcore: 1\n")
        .replace("north: {mtu", "north: {lcore: 1, mtu");
    let tables = tables(&named);
    assert_eq!(tables.owners.of_cell(CellId(0)), LcoreId(1));
    assert_eq!(tables.owners.of_cell(CellId(1)), LcoreId(0));
    assert_eq!(tables.owners.of_port(PortId(0)), LcoreId(1));
}

#[test]
fn two_lcores_send_what_one_sends_flow_by_flow_over_one_arm() {
    compare("arm", "arm", [0, 0]);
}

#[test]
fn two_lcores_send_what_one_sends_flow_by_flow_over_two_arms() {
    compare("north", "south", [0, 1]);
}

#[test]
fn a_frame_between_lcores_is_held_in_the_sum() {
    let mut lcores = Lcores::new(&text(TWO, "arm", "arm"), 64);
    lcores.offer(0, &downlink(2, 0));
    lcores.turn(0);
    let ledger = lcores.counters().ledger;
    assert_eq!((ledger.received, ledger.held_in_all()), (1, 1));
    lcores.turn(1);
    let ledger = lcores.counters().ledger;
    assert_eq!(
        (ledger.sent, ledger.held_in_all()),
        (0, 1),
        "on its way back"
    );
    lcores.turn(0);
    let ledger = lcores.counters().ledger;
    assert_eq!((ledger.sent, ledger.held_in_all()), (1, 0));
}

#[test]
fn the_state_of_a_cell_is_touched_by_its_owner_only() {
    let mut lcores = Lcores::new(&text(TWO, "arm", "arm"), 64);
    lcores.offer(0, &downlink(2, 0));
    lcores.turns(3);
    let downlink_of = |n: usize| lcores.workers[n].0.counters().cells[1].downlink_user;
    assert_eq!((downlink_of(0), downlink_of(1)), (0, 1));
}

/// Both cells' traffic in one mixed order, by one lcore and by two.
fn compare(north: &str, south: &str, [ru_port, du_port]: [u8; 2]) {
    let run = |cores: &str| {
        let mut lcores = Lcores::new(&text(cores, north, south), 64);
        for sequence in 0..100u8 {
            for n in [1, 2] {
                lcores.offer(du_port, &control(n, sequence));
                lcores.offer(du_port, &downlink(n, sequence));
                lcores.offer(ru_port, &uplink(n, sequence));
            }
            lcores.turns(1);
        }
        lcores.turns(20);
        let ledger = lcores.counters().ledger;
        assert_eq!((ledger.received, ledger.sent), (600, 600));
        assert_eq!(ledger.handed, ledger.taken);
        let crossed = ledger.handed > 0;
        (by_flow(lcores.sent()), crossed)
    };
    let ((alone, crossed_alone), (both, crossed)) = (run(ONE), run(TWO));
    assert!(!crossed_alone && crossed);
    assert_eq!(alone, both);
    assert_eq!(alone.len(), 6, "three flows a cell");
}

type Flows = BTreeMap<(u8, [u8; 6], u8), Vec<Vec<u8>>>;

/// Frames in order by port, destination and eCPRI type.
fn by_flow(sent: Vec<(PortId, Vec<u8>)>) -> Flows {
    let mut flows = Flows::new();
    for (port, bytes) in sent {
        let seen = seen(&bytes);
        let flow = (port.0, seen.destination, seen.kind);
        flows.entry(flow).or_default().push(bytes);
    }
    flows
}
