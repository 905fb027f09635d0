//! Metrics: what a scrape reads, what is generated from their table, and what Prometheus' own tool
//! says of all of it.
//!
//! With RANSHIFT_REGENERATE set (`make fixtures`), generated files are written anew; the diff is to be
//! reviewed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/promtool.rs"]
mod promtool;

use appliance::{Appliance, FROM_A, FROM_B, START, at, clock, two_dus};
use promtool::promtool;
use ranshift::dataplane::counters::PortLosses;
use ranshift::dataplane::observation::{Filling, Load, Observation};
use ranshift::dataplane::run_record::{CellNames, Names};
use ranshift::dataplane::verdict::DropReason;
use ranshift::ran::{Direction, Instant};
use ranshift::replay::tally::flat;
use ranshift::telemetry::metrics::{Pool, Process, Reading, Recordings, text};
use ranshift::telemetry::registry;
use ranshift::telemetry::tally::Tally;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn generated_files_are_what_the_table_of_metrics_says() {
    let files = [
        ("docs/metrics.md", registry::reference()),
        ("deploy/prometheus/rules.yml", registry::rules()),
        ("deploy/grafana/ranshift.json", registry::board()),
    ];
    for (name, expected) in files {
        if std::env::var_os("RANSHIFT_REGENERATE").is_some() {
            fs::write(root().join(name), &expected).unwrap();
        }
        let found = fs::read_to_string(root().join(name)).unwrap_or_default();
        assert!(found == expected, "{name} is stale: run `make fixtures`");
    }
}

#[test]
fn promtool_has_no_complaint_about_a_scrape() {
    let said = promtool(&["check", "metrics"], Some(&scrape()));
    assert_eq!(said.complaint, "");
    assert!(said.success);
}

#[test]
fn promtool_accepts_configuration_and_rules_and_the_rules_do_what_they_say() {
    for arguments in [
        ["check", "config", "deploy/prometheus/prometheus.yml"],
        ["check", "rules", "deploy/prometheus/rules.yml"],
        ["test", "rules", "deploy/prometheus/rules.test.yml"],
    ] {
        let said = promtool(&arguments, None);
        assert!(
            said.success,
            "{arguments:?}\n{}\n{}",
            said.result, said.complaint
        );
    }
}

#[test]
fn every_alert_has_a_case_in_which_it_fires() {
    let cases = fs::read_to_string(root().join("deploy/prometheus/rules.test.yml")).unwrap();
    for alert in registry::metrics().flat_map(|metric| metric.alerts) {
        let fires = format!("{{alertname=\"{}\"}}', value: 1}}", alert.name);
        assert!(
            cases.contains(&fires),
            "{} is never seen firing",
            alert.name
        );
    }
}

#[test]
fn promtool_understands_every_query_of_the_board() {
    let mut rules = String::from("groups:\n  - name: board\n    rules:\n");
    let mut queries = 0;
    for panel in board_panels() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = target["expr"].as_str().unwrap();
            let metrics = expr.matches("ranshift_").count() + expr.matches("process_").count();
            assert_eq!(
                expr.matches("{instance=~\"$instance\"").count(),
                metrics,
                "{expr}"
            );
            let expr = expr
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*");
            let expr = Value::from(expr);
            rules.push_str(&format!(
                "      - {{record: 'board:query:{queries}', expr: {expr}}}\n"
            ));
            queries += 1;
        }
    }
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("board-queries.yml");
    fs::write(&file, rules).unwrap();
    let said = promtool(&["check", "rules", file.to_str().unwrap()], None);
    assert!(
        said.success && queries > 10,
        "{}{}",
        said.result,
        said.complaint
    );
}

#[test]
fn the_board_has_a_source_that_its_reader_chooses_and_panels_that_do_not_overlap() {
    let board: Value = serde_json::from_str(&registry::board()).unwrap();
    let variables = board["templating"]["list"].as_array().unwrap();
    assert_eq!(variables[0]["type"], "datasource");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in board_panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(x < 24 && taken.insert((x, y)), "{}", panel["title"]);
            }
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            assert!(!panel["targets"].as_array().unwrap().is_empty());
        }
    }
}

#[test]
fn every_drop_reason_is_there_from_the_start_at_0() {
    let samples = samples(&text(&reading(
        &names(),
        &Observation::default(),
        &Tally::default(),
    )));
    for reason in DropReason::ALL {
        let name = format!("ranshift_drops_total{{reason=\"{}\"}}", reason.label());
        assert_eq!(samples.get(&name), Some(&0.0), "{name}");
    }
}

#[test]
fn every_counter_of_a_report_is_a_metric_of_the_name_that_the_rule_gives() {
    let (observation, scraped) = observed();
    let samples = samples(&scraped);
    let mut not_zero = 0;
    for (dotted, count) in flat(&observation.counters, &names()) {
        let name = by_rule(&dotted);
        assert_eq!(
            samples.get(&name),
            Some(&(count as f64)),
            "{dotted} as {name}"
        );
        not_zero += usize::from(count > 0);
    }
    assert!(
        not_zero > 10,
        "the appliance has done too little for this test"
    );
}

#[test]
fn what_a_port_lost_is_told_where_its_driver_counts() {
    let (_, scraped) = observed();
    let samples = samples(&scraped);
    let of = |port: &str, loss: &str| {
        let name = format!("ranshift_port_lost_total{{port=\"{port}\",loss=\"{loss}\"}}");
        samples.get(&name).copied()
    };
    let names = names();
    let first = names.ports[0].as_str();
    let told = ["missed", "no_buffer", "errors"].map(|loss| of(first, loss));
    assert_eq!(told, [Some(7.0), Some(2.0), Some(1.0)]);
    assert_eq!(of(&names.ports[1], "missed"), None);
}

#[test]
fn members_show_role_readiness_and_the_margin_of_each_due_slot() {
    let (_, scraped) = observed();
    let samples = samples(&scraped);
    let of = |name: &str, rest: &str| {
        let key = format!("{name}{{cell=\"cell-1\",member=\"du-a\"{rest}}}");
        samples
            .get(&key)
            .copied()
            .unwrap_or_else(|| panic!("{key}"))
    };
    assert_eq!(of("ranshift_member_role", ",role=\"active\""), 1.0);
    assert_eq!(of("ranshift_member_role", ",role=\"standby\""), 0.0);
    assert_eq!(of("ranshift_member_in_step", ""), 1.0);
    assert_eq!(of("ranshift_member_ready", ""), 1.0);
    let margin = "ranshift_member_liveness_margin_seconds";
    let due = of(&format!("{margin}_count"), "");
    assert!(due >= 10.0, "{due}");
    assert_eq!(of(&format!("{margin}_bucket"), ",le=\"0.0002\""), 0.0);
    assert_eq!(of(&format!("{margin}_bucket"), ",le=\"0.00025\""), due);
}

#[test]
fn a_name_that_holds_quotes_cannot_break_the_page() {
    let mut names = names();
    names.cells[0].name = "a\"b\\c\nd".to_owned();
    let page = text(&reading(&names, &Observation::default(), &Tally::default()));
    assert!(page.contains("cell=\"a\\\"b\\\\c\\nd\""));
}

#[test]
fn figures_of_lcores_add_up_and_each_lcore_has_its_own_load() {
    let mut first = Observation::default();
    first.counters.ledger.received = 5;
    first.load.frames = 5;
    let mut second = first.clone();
    second.load.frames = 7;
    let names = names();
    let tally = Tally::default();
    let both = [(1, &first), (4, &second)];
    let reading = Reading {
        lcores: &both,
        ..reading(&names, &first, &tally)
    };
    let samples = samples(&text(&Reading {
        lcores: &both,
        ..reading
    }));
    assert_eq!(samples["ranshift_ledger_received_total"], 10.0);
    assert_eq!(samples["ranshift_lcore_frames_total{lcore=\"1\"}"], 5.0);
    assert_eq!(samples["ranshift_lcore_frames_total{lcore=\"4\"}"], 7.0);
}

/// `a.NAME.b` is `ranshift_a_b_total{a="NAME"}`; what has no NAME has no label; drops have a reason, and what the
/// midhaul counts is told apart by a label too.
fn by_rule(dotted: &str) -> String {
    let parts: Vec<&str> = dotted.split('.').collect();
    match parts.as_slice() {
        // A gauge: it goes down again.
        ["ledger", "held"] => "ranshift_ledger_held".to_owned(),
        ["drops", reason] => format!("ranshift_drops_total{{reason=\"{reason}\"}}"),
        [family, what] => format!("ranshift_{family}_{what}_total"),
        ["peers", name, "drops", reason] => {
            format!("ranshift_peer_drops_total{{peer=\"{name}\",reason=\"{reason}\"}}")
        }
        ["midhaul", du, what] => midhaul(du, what),
        [family, name, what] => {
            let one = family.trim_end_matches('s');
            format!("ranshift_{one}_{what}_total{{{one}=\"{name}\"}}")
        }
        _ => panic!("{dotted}"),
    }
}

fn midhaul(du: &str, what: &str) -> String {
    let (metric, label) = match what {
        "from_du" => ("packets", ",from=\"du\"".to_owned()),
        "from_cu" => ("packets", ",from=\"cu\"".to_owned()),
        "from_du_bytes" => ("bytes", ",from=\"du\"".to_owned()),
        "from_cu_bytes" => ("bytes", ",from=\"cu\"".to_owned()),
        "wrong_checksum" | "malformed" | "unread" | "conflicts" | "unwatched" => {
            ("unbelieved_packets", format!(",why=\"{what}\""))
        }
        "handshakes" | "joined" | "restarts" | "ended" | "aborted" => {
            ("association_changes", format!(",change=\"{what}\""))
        }
        _ => match what.strip_prefix("fenced_") {
            Some(chunk) => ("fenced_packets", format!(",chunk=\"{chunk}\"")),
            None => (what, String::new()),
        },
    };
    format!("ranshift_midhaul_{metric}_total{{du=\"{du}\"{label}}}")
}

/// A scrape with a sample of every metric.
fn scrape() -> String {
    let (_, page) = observed();
    for metric in registry::metrics() {
        assert!(
            page.contains(&format!("# TYPE {} ", metric.name)),
            "{} has no sample",
            metric.name
        );
    }
    page
}

/// An appliance on which du-a speaks for 40 periods and du-b wants to.
fn observed() -> (Observation, String) {
    let yaml = two_dus("    liveness: {history: 20}");
    let f1 = "attachment: dedicated, f1: {port: a, cu: cu-1, addresses: [10.30.0.11]}}";
    let yaml = yaml.replacen("attachment: dedicated}", f1, 1);
    let cus = "cus: {cu-1: {port: ru, addresses: [10.30.0.1]}}\ncells:";
    let mut appliance = Appliance::new(&yaml.replacen("cells:", cus, 1));
    appliance.go_to(START);
    let mut sequence = 0;
    for slot in (0..400)
        .map(|n| START.offset(n))
        .filter(|slot| slot.0 % 10 == 7)
    {
        appliance.wait_until(clock().air(slot, 0).offset(-300_000));
        let here = at(0, sequence, slot, 0);
        appliance.receive(1, &FROM_A.control(Direction::Uplink, here, &[]));
        appliance.receive(
            2,
            &FROM_B.control(Direction::Uplink, at(16, sequence, slot, 0), &[]),
        );
        sequence = sequence.wrapping_add(1);
    }
    let now = clock().air(START.offset(400), 0);
    let (tables, state) = (appliance.worker.tables(), appliance.worker.state());
    let empty = Box::<Observation>::default();
    let mut filling = Filling::begin(empty, now, tables, state, Load::default());
    while !filling.step(tables, state, |_| true) {}
    let mut observation = *filling.finish();
    let names = names();
    let mut tally = Tally::default();
    for event in &appliance.events {
        tally.event(&names, event);
    }
    observation.load.frames = 10;
    observation.load.busy_cycles = 1_000;
    tally.observation(1, &Observation::default());
    tally.observation(1, &observation);
    tally.request("/api/v1/cells/{cell}", 200);
    let page = text(&reading(&names, &observation, &tally));
    (observation, page)
}

fn reading<'a>(names: &'a Names, seen: &'a Observation, tally: &'a Tally) -> Reading<'a> {
    let one: &'a [(u32, &'a Observation)] = Box::leak(Box::new([(1, seen)]));
    let pools: &'a [Pool] = Box::leak(Box::new([Pool {
        name: "small".to_owned(),
        size: 1024,
        in_use: 3,
    }]));
    Reading {
        names,
        lcores: one,
        tally,
        pools,
        links: &[true, true, false],
        losses: &[Some(LOSSES), None, None],
        process: Process {
            started: Instant(1_700_000_000_000_000_000),
            resident_bytes: Some(1 << 26),
            live_state_kept: Some(true),
        },
        recordings: Recordings {
            written: 1,
            failed: 0,
        },
    }
}

fn names() -> Names {
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Names {
        ports: all(&["ru", "a", "b"]),
        peers: all(&["ru-1", "du-a", "du-b"]),
        pairs: all(&["du-a"]),
        cells: vec![CellNames {
            name: "cell-1".to_owned(),
            members: all(&["du-a", "du-b"]),
            ..CellNames::default()
        }],
    }
}

fn samples(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

fn board_panels() -> Vec<Value> {
    let board: Value = serde_json::from_str(&registry::board()).unwrap();
    board["panels"].as_array().unwrap().clone()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the first port lost.
const LOSSES: PortLosses = PortLosses {
    missed: 7,
    no_buffer: 2,
    errors: 1,
};
