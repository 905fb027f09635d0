//! Scenario files against the first example.

use super::accepted;
use crate::config::scenario::{
    Action, Boundary, Chance, FaultKind, Ingress, Invariant, Otherwise, Scenario, parse,
};
use crate::config::{Config, Problems};
use crate::ran::{CellId, Duration, MemberId, PeerId, PortId, VlanId, VlanStack};

const TEXT: &str = r#"
description: every form of everything
captures:
  - file: two_du.pcap
    split:
      - {source: "02:d0:00:00:00:01", vlan: 100, port: du-1-side}
      - {source: "02:a0:00:00:00:01", port: ru-side}
    otherwise: drop
  - {file: ru.pcap, port: ru-side}
actions:
  - {at: 120ms, share: {cell: cell-1, source: du-1, destination: du-2, boundary: next}}
  - {at: 100ms, migrate: {cell: cell-1, to: du-1, boundary: {in_slots: 10}}}
  - {at: 130ms, pattern: {cell: cell-1, pattern: SSD, boundary: {sfn: 12.19}}}
  - {at: 10ms, fence: {cell: cell-1, member: du-2}}
  - {at: 20ms, readmit: {cell: cell-1, member: du-2}}
  - {at: 20ms, arm: {cell: cell-1, standby: none}}
faults:
  - {silence: {peer: du-1, from: 248ms, until: 300ms}}
  - {drop: {peer: ru-1, share: 0.01, seed: 7}}
  - {corrupt: {peer: du-1, share: 1, seed: 7}}
  - {duplicate: {peer: du-1, share: 0.01, seed: 7}}
  - {delay: {peer: du-2, share: 0.5, by: 300us, seed: 7}}
  - {reorder: {peer: du-1, share: 0.1, by: 3, seed: 7}}
expect:
  counters: {ledger.received: 21034, drops.not_active: 100, peers.du-1.drops.fenced: 0, cells.cell-1.switches: 1}
  invariants: [ledger, one_du_per_symbol, sequence]
  events: [{event: failover, cell: cell-1, before: 260ms, after: 248ms, count: 1}]
"#;

fn judge(text: &str, config: &Config) -> Result<Scenario, Problems> {
    parse(text, "scenario.yaml", config)
}

fn edited(from: &str, to: &str) -> Result<Scenario, Problems> {
    assert!(TEXT.contains(from), "{from:?} is in the scenario");
    judge(&TEXT.replacen(from, to, 1), &accepted(&[]))
}

/// The edit makes exactly one problem, at `key`, whose text contains `what`.
fn refused(from: &str, to: &str, key: &str, what: &str) {
    let problems = edited(from, to).expect_err("a refusal");
    let [problem] = problems.problems.as_slice() else {
        panic!("one problem expected: {problems}");
    };
    assert_eq!(problem.key, key, "{problems}");
    assert!(
        problems.to_string().contains(what),
        "{what:?} in: {problems}"
    );
}

#[test]
fn captures_are_split_or_put_on_one_port() {
    let scenario = judge(TEXT, &accepted(&[])).unwrap();
    let Ingress::Split { rules, otherwise } = &scenario.captures[0].ingress else {
        panic!("a split");
    };
    assert_eq!(*otherwise, Otherwise::Drop);
    assert_eq!(
        rules[0].vlan,
        Some(VlanStack::single(VlanId::new(100).unwrap()))
    );
    assert_eq!((rules[0].port, rules[1].vlan), (PortId(1), None));
    assert_eq!(scenario.captures[1].ingress, Ingress::Port(PortId(0)));
}

#[test]
fn actions_are_in_order_of_time_and_then_of_the_file() {
    let scenario = judge(TEXT, &accepted(&[])).unwrap();
    let times: Vec<u64> = scenario
        .actions
        .iter()
        .map(|action| action.at.as_nanos() / 1_000_000)
        .collect();
    assert_eq!(times, [10, 20, 20, 100, 120, 130]);
    let (cell, to) = (CellId(0), MemberId(0));
    let boundary = Boundary::InSlots(10);
    assert_eq!(
        scenario.actions[3].action,
        Action::Migrate { cell, to, boundary }
    );
    assert_eq!(
        scenario.actions[2].action,
        Action::Arm {
            cell,
            standby: None
        }
    );
    let Action::Pattern {
        boundary,
        destination,
        ..
    } = &scenario.actions[5].action
    else {
        panic!("a pattern");
    };
    assert_eq!(*boundary, Boundary::Sfn { sfn: 12, slot: 19 });
    assert_eq!(*destination, [false, false, true]);
}

#[test]
fn faults_name_peers_with_rus_first() {
    let scenario = judge(TEXT, &accepted(&[])).unwrap();
    let silence = &scenario.faults[0];
    assert_eq!(
        (silence.peer, silence.kind),
        (PeerId(1), FaultKind::Silence)
    );
    assert_eq!(silence.until, Some(Duration::from_millis(300)));
    assert_eq!(scenario.faults[1].peer, PeerId(0));
    assert_eq!(
        scenario.faults[1].kind,
        FaultKind::Drop(Chance {
            share: 0.01,
            seed: 7
        })
    );
    let chance = Chance {
        share: 0.1,
        seed: 7,
    };
    assert_eq!(
        scenario.faults[5].kind,
        FaultKind::Reorder { chance, by: 3 }
    );
}

#[test]
fn expectations_are_counters_invariants_and_events() {
    let expect = judge(TEXT, &accepted(&[])).unwrap().expect;
    assert_eq!(expect.counters[0], ("ledger.received".to_owned(), 21_034));
    assert_eq!(
        expect.invariants,
        [
            Invariant::Ledger,
            Invariant::OneDuPerSymbol,
            Invariant::Sequence
        ]
    );
    assert_eq!(expect.events[0].event, "failover");
    assert_eq!(expect.events[0].after, Some(Duration::from_millis(248)));
}

#[test]
fn a_scenario_may_only_have_captures() {
    let text = "description: x\ncaptures: [{file: a.pcap, split: [{source: 02:00:00:00:00:01, port: ru-side}]}]\n";
    let scenario = judge(text, &accepted(&[])).unwrap();
    assert!(scenario.actions.is_empty() && scenario.faults.is_empty());
    let Ingress::Split { otherwise, .. } = &scenario.captures[0].ingress else {
        panic!("a split");
    };
    assert_eq!(*otherwise, Otherwise::Refuse);
}

#[test]
fn names_are_those_of_the_configuration() {
    refused(
        "port: du-1-side}",
        "port: du1-side}",
        "captures[0].split[0].port",
        "did you mean du-1-side?",
    );
    refused(
        "migrate: {cell: cell-1",
        "migrate: {cell: cell-2",
        "actions[1].migrate.cell",
        "did you mean cell-1?",
    );
    refused(
        "to: du-1",
        "to: du-3",
        "actions[1].migrate.to",
        "accepted: du-1, du-2",
    );
    refused(
        "silence: {peer: du-1",
        "silence: {peer: du-9",
        "faults[0].silence.peer",
        "accepted: ru-1, du-1, du-2",
    );
    refused(
        "otherwise: drop",
        "otherwise: dorp",
        "captures[0].otherwise",
        "names no port",
    );
}

#[test]
fn a_capture_enters_by_a_port_or_by_a_split() {
    refused(
        "ru.pcap, port: ru-side",
        "ru.pcap",
        "captures[1]",
        "exactly one of port, split",
    );
    refused(
        "    otherwise: drop",
        "    port: ru-side\n    otherwise: drop",
        "captures[0]",
        "exclude each other",
    );
    refused(
        "port: ru-side}\nactions",
        "port: ru-side, otherwise: drop}\nactions",
        "captures[1].otherwise",
        "belongs to split",
    );
    refused(
        "file: ru.pcap",
        "file: two_du.pcap",
        "captures[1].file",
        "named twice",
    );
}

#[test]
fn an_action_is_one_thing() {
    refused(
        "fence: {cell: cell-1, member: du-2}",
        "fenec: {}",
        "actions[3].fenec",
        "did you mean fence?",
    );
    let both = "arm: {cell: cell-1, standby: none}, fence: {cell: cell-1, member: du-2}}";
    refused(
        "arm: {cell: cell-1, standby: none}}",
        both,
        "actions[5]",
        "exclude each other",
    );
    refused(
        "20ms, arm: {cell: cell-1, standby: none}}",
        "20ms}",
        "actions[5]",
        "has none of its keys",
    );
}

#[test]
fn two_different_members_share() {
    refused(
        "destination: du-2",
        "destination: du-1",
        "actions[0].share.destination",
        "is the source too",
    );
}

#[test]
fn a_boundary_is_next_or_one_thing() {
    assert!(edited("boundary: next", "boundary: {at: 120ms}").is_ok());
    assert!(edited("boundary: next", "boundary: {slot: 123456789}").is_ok());
    assert!(edited(", boundary: next", "").is_ok());
    let key = "actions[0].share.boundary";
    refused("boundary: next", "boundary: now", key, "is no boundary");
    refused(
        "boundary: next",
        "boundary: {slot: 1, at: 1ms}",
        key,
        "exactly one of in_slots, slot, sfn, at",
    );
    refused(
        "boundary: next",
        "boundary: {slot: -1}",
        &format!("{key}.slot"),
        "not in 0..=",
    );
}

#[test]
fn an_sfn_of_a_cell_with_an_ru_exists_with_gps_time_only_and_lies_in_its_range() {
    let key = "actions[2].pattern.boundary.sfn";
    assert!(edited("sfn: 12.19", "sfn: 1023.0").is_ok());
    refused("sfn: 12.19", "sfn: 1024.0", key, "is no SFN and slot");
    refused(
        "sfn: 12.19",
        "sfn: 12.20",
        key,
        "outside a frame of 20 slots",
    );
    refused("sfn: 12.19", "sfn: 12", key, "is no SFN and slot");
    let headers = accepted(&[("{source: gps, alpha: 0, beta: 0}", "{source: headers}")]);
    let problems = judge(TEXT, &headers).unwrap_err();
    assert!(
        problems.to_string().contains("is unknown without GPS time"),
        "{problems}"
    );
}

#[test]
fn a_cell_of_phys_alone_knows_its_sfn_without_gps() {
    let two_phys = include_str!("../../../configs/two-phys.yaml");
    let two_phys = crate::config::parse(two_phys, "test.yaml").unwrap().config;
    let migrate = "{at: 1ms, migrate: {cell: cell-1, to: phy-b, boundary: {sfn: 1023.19}}}";
    let head = "description: x\ncaptures: [{file: a.pcap, port: l2-side}]";
    let text = format!("{head}\nactions: [{migrate}]\nexpect: {{}}");
    let scenario = judge(&text, &two_phys).unwrap();
    let Action::Migrate { boundary, .. } = &scenario.actions[0].action else {
        panic!("a migration");
    };
    let last = Boundary::Sfn {
        sfn: 1023,
        slot: 19,
    };
    assert_eq!(*boundary, last);
}

#[test]
fn a_fault_hits_a_share_of_frames_within_a_time() {
    let drop = |share: &str| format!("drop: {{peer: ru-1, share: {share}, seed");
    let from = "drop: {peer: ru-1, share: 0.01, seed";
    assert!(edited(from, &drop("1.0")).is_ok());
    for share in ["0", "1.01", "-0.5", "NaN", "half"] {
        refused(
            from,
            &drop(share),
            "faults[1].drop.share",
            "number above 0, at most 1",
        );
    }
    refused(
        "until: 300ms",
        "until: 248ms",
        "faults[0].silence.until",
        "ends before it begins",
    );
    refused(
        ", share: 1, seed: 7",
        ", share: 1",
        "faults[2].corrupt.seed",
        "is missing",
    );
    refused("by: 3,", "by: 0,", "faults[5].reorder.by", "1..=1024");
}

#[test]
fn a_counter_is_named_as_in_the_report() {
    let counters = |name: &str| edited("ledger.received: 21034", &format!("{name}: 1"));
    for name in [
        "ledger.dropped",
        "ports.ru-side.sent_bytes",
        "peers.ru-1.missing",
        "drops.late",
        "ptp_seen",
    ] {
        assert!(counters(name).is_ok(), "{name}");
    }
    for (name, what) in [
        ("ledger.recieved", "did you mean received?"),
        ("ports.ru-sid.sent", "did you mean ru-side?"),
        ("peers.du-1.drops", "a label in small letters"),
        ("peers.du-1.drops.late.x", "no further segment"),
        ("cells.cell-2.switches", "did you mean cell-1?"),
        ("cellls.cell-1.switches", "did you mean cells?"),
        ("ledger", "accepted: received, originated"),
    ] {
        let problems = counters(name).unwrap_err();
        assert!(problems.to_string().contains(what), "{problems}");
    }
    refused(
        "ledger.received: 21034",
        "ledger.received: -1",
        "expect.counters.ledger.received",
        "not in 0..=",
    );
}

#[test]
fn an_event_has_a_known_kind_and_a_time_that_is_not_empty() {
    refused(
        "event: failover",
        "event: failovr",
        "expect.events[0].event",
        "did you mean failover?",
    );
    refused(
        "before: 260ms",
        "before: 248ms",
        "expect.events[0].before",
        "not later than after",
    );
    refused(
        "invariants: [ledger",
        "invariants: [leger",
        "expect.invariants[0]",
        "did you mean ledger?",
    );
}
