//! One pooled DU behind several cells that lose theirs: the cell of the highest priority has it, and no other.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;

use appliance::*;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, EventKind, Mode, Refusal};
use ranshift::ran::Direction::Downlink;
use ranshift::ran::{CellId, MemberId};
use ranshift::wire::oran::emit::ControlSection;

/// Two cells with a DU each and one pooled DU behind both, of these priorities.
fn cells(priorities: [u8; 2]) -> Appliance {
    let cell = |n: usize, du: &str| {
        format!(
            "
  cell-{n}:
    ru: ru-{n}
    numerology: 1
    carrier_prbs: 51
    eaxc: {{downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}}
    compression: {{downlink: {{method: bfp, width: 9, header: dynamic}}, uplink: {{method: bfp, width: 9, header: dynamic}}}}
    time: {{source: gps}}
    periods: {{tdd: 10}}
    liveness: {{history: 3}}
    active: {du}
    members: {{{du}: {{}}, du-b: {{eaxc: {{downlink: [16, 17], uplink: [16, 17], prach: [20, 21]}}}}}}
    failover: {{standby: [du-b], priority: {}}}",
            priorities[n - 1]
        )
    };
    Appliance::new(&format!(
        "
ports: {{ru: {{mtu: 9000}}, a: {{mtu: 9000}}, b: {{mtu: 9000}}}}
rus:
  ru-1: {{port: ru, mac: '02:a0:00:00:00:01', facing: '02:0b:00:00:00:01', vlan: 100}}
  ru-2: {{port: ru, mac: '02:a0:00:00:00:09', facing: '02:0b:00:00:00:01', vlan: 100}}
dus:
  du-a: {{port: a, mac: '02:d0:00:00:00:01', facing: '02:a0:00:00:00:01', vlan: 101, attachment: dedicated}}
  du-c: {{port: a, mac: '02:d0:00:00:00:03', facing: '02:a0:00:00:00:09', vlan: 101, attachment: dedicated}}
  du-b: {{port: b, mac: '02:d0:00:00:00:02', facing: '02:a0:00:00:00:02', vlan: none, attachment: pooled}}
cells:{}{}
bridge: {{flood: {{ru: [a, b], a: [ru], b: [ru]}}}}
",
        cell(1, "du-a"),
        cell(2, "du-c")
    ))
}

const FROM_C: Sender = Sender {
    source: [2, 0xd0, 0, 0, 0, 3],
    destination: [2, 0xa0, 0, 0, 0, 9],
    vlan: Some(101),
};
const BACKUP: MemberId = MemberId(1);
const PRIMARY: MemberId = MemberId(0);

/// One DL C-plane message of a DU, 400 us before slot `n` is on air.
fn say(appliance: &mut Appliance, sender: Sender, n: i64) {
    appliance.wait_until(clock().air(START.offset(n), 0).offset(-400_000));
    let (port, eaxc) = if sender.source == DU_B {
        (2, 16)
    } else {
        (1, 0)
    };
    let slot = START.offset(n);
    let message = sender.control(
        Downlink,
        at(eaxc, n as u8, slot, 0),
        &[ControlSection::whole(0, 14)],
    );
    appliance.receive(port, &message);
}

/// All three speak in 60 slots; then the primaries fall silent from these on, and the backup in some between.
fn lose(appliance: &mut Appliance, from: [i64; 2], quiet: std::ops::Range<i64>) {
    for n in 0..120 {
        if n < from[0] {
            say(appliance, FROM_A, n);
        }
        if n < from[1] {
            say(appliance, FROM_C, n);
        }
        if !quiet.contains(&n) {
            say(appliance, FROM_B, n);
        }
    }
}

fn speaks(appliance: &Appliance, cell: usize) -> Mode {
    appliance.worker.state().cells[cell].roles.final_mode()
}

/// How often a failover of `cell` was impossible for this reason.
fn impossible(appliance: &Appliance, cell: u16, why: Refusal) -> usize {
    let kind = EventKind::FailoverImpossible { from: PRIMARY, why };
    let told = appliance.events.iter();
    told.filter(|event| event.cell == CellId(cell) && event.kind == kind)
        .count()
}

#[test]
fn of_two_cells_that_lose_their_dus_at_once_the_higher_has_the_backup() {
    for (priorities, winner) in [([0, 1], 1), ([1, 0], 0), ([0, 0], 0), ([7, 7], 0)] {
        let mut appliance = cells(priorities);
        lose(&mut appliance, [60, 60], 0..0);
        assert_eq!(
            speaks(&appliance, winner),
            Mode::Single(BACKUP),
            "{priorities:?}"
        );
        assert_eq!(speaks(&appliance, 1 - winner), Mode::Single(PRIMARY));
        assert_eq!(
            impossible(&appliance, 1 - winner as u16, Refusal::Assigned),
            1
        );
        assert_eq!(impossible(&appliance, winner as u16, Refusal::Assigned), 0);
    }
}

#[test]
fn a_backup_that_has_not_begun_goes_to_a_cell_of_higher_priority() {
    let mut appliance = cells([0, 1]);
    lose(&mut appliance, [60, 62], 59..70);
    assert_eq!(impossible(&appliance, 0, Refusal::Outranked), 1);
    assert_eq!(speaks(&appliance, 1), Mode::Single(BACKUP));
    assert_eq!(speaks(&appliance, 0), Mode::Single(PRIMARY));
    let took = appliance
        .events
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Assigned {
                member: BACKUP,
                assigned,
            } => Some((event.cell.0, assigned)),
            _ => None,
        });
    assert!(took.eq([(0, true), (0, false), (1, true)]));
}

#[test]
fn a_backup_that_has_not_begun_stays_with_a_cell_of_the_same_priority() {
    let mut appliance = cells([3, 3]);
    lose(&mut appliance, [60, 62], 59..70);
    assert_eq!(impossible(&appliance, 1, Refusal::Assigned), 1);
    assert_eq!(speaks(&appliance, 0), Mode::Single(BACKUP));
}

#[test]
fn a_backup_that_speaks_for_a_cell_is_not_taken_from_it() {
    let mut appliance = cells([0, 9]);
    lose(&mut appliance, [60, 80], 0..0);
    assert_eq!(speaks(&appliance, 0), Mode::Single(BACKUP));
    assert_eq!(impossible(&appliance, 1, Refusal::Assigned), 1);
    assert_eq!(speaks(&appliance, 1), Mode::Single(PRIMARY));
}

#[test]
fn a_planned_move_takes_no_backup_from_a_cell_that_waits_for_it() {
    let mut appliance = cells([0, 9]);
    for n in 0..65 {
        if n < 60 {
            say(&mut appliance, FROM_A, n);
            say(&mut appliance, FROM_B, n);
        }
        say(&mut appliance, FROM_C, n);
    }
    let command = Command {
        id: 5,
        term: 1,
        cell: CellId(1),
        boundary: Boundary::Slot(START.offset(80)),
        action: Action::Switch { to: BACKUP },
    };
    let now = clock().air(START.offset(65), 0);
    appliance.worker.command(now, &command);
    appliance.events.extend(appliance.worker.drain_events());
    let why = Refusal::Assigned;
    let refused = EventKind::Refused { command: 5, why };
    assert!(appliance.events.iter().any(|event| event.kind == refused));
}
