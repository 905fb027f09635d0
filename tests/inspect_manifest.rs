//! `ranshift inspect --json` against the manifest that came with the captures of pcap-fixtures: an
//! independent parser's counts of every flow, and what the people who made them configured.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What tells two groups of the manifest apart.
type Key = (String, String, String, String, u64, u64);

/// Every field that the manifest and our flows share, under the manifest's names.
const COUNTS: [&str; 8] = [
    "frames",
    "bytes",
    "slots",
    "seq_first",
    "seq_last",
    "seq_discontinuities",
    "seq_missing",
    "seq_backwards",
];

#[test]
fn every_flow_of_every_capture_equals_the_manifest() {
    for capture in captures() {
        let report = inspect(&capture);
        let groups = by_key(&capture["groups"], |group| group["du_mac"].clone());
        let flows = by_key(&report["flows"], |flow| match flow["way"].as_str() {
            Some("DU->RU") => flow["source"].clone(),
            _ => flow["destination"].clone(),
        });
        let names = |side: &BTreeMap<Key, Value>| side.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&flows), names(&groups), "{}", capture["file"]);
        for (key, group) in &groups {
            for count in COUNTS {
                let ours = &flows[key][count];
                assert_eq!(ours, &group[count], "{} {key:?} {count}", capture["file"]);
            }
        }
    }
}

#[test]
fn the_totals_of_every_capture_equal_the_manifest() {
    for capture in captures() {
        let report = inspect(&capture);
        for total in [
            "frames",
            "wire_bytes",
            "first_timestamp_utc_ns",
            "timestamps_non_monotonic",
            "ethertypes",
        ] {
            assert_eq!(report[total], capture[total], "{} {total}", capture["file"]);
        }
        let seconds = |value: &Value| (value.as_f64().unwrap() * 1e6).round();
        assert_eq!(
            seconds(&report["duration_s"]),
            seconds(&capture["duration_s"])
        );
        assert_eq!(report["malformed"], serde_json::json!({}));
        assert_eq!(capture["malformed_total"], 0);
    }
}

#[test]
fn vlan_ids_are_those_of_the_manifest() {
    for capture in captures() {
        let mut vlans = BTreeMap::new();
        for flow in inspect(&capture)["flows"].as_array().unwrap() {
            let name = match flow["vlan"].as_array().unwrap().as_slice() {
                [] => "untagged".to_owned(),
                [id] => format!("vid {id} pcp 0"),
                more => panic!("{more:?}"),
            };
            *vlans.entry(name).or_insert(0) += flow["frames"].as_u64().unwrap();
        }
        assert_eq!(
            serde_json::json!(vlans),
            capture["vlan"],
            "{}",
            capture["file"]
        );
    }
}

#[test]
fn what_is_inferred_is_what_was_configured() {
    for capture in captures() {
        let tdd = capture["cell"]["TDD"].as_str().unwrap();
        let parameters = &capture["parameters"];
        for pair in inspect(&capture)["pairs"].as_array().unwrap() {
            assert_eq!(pair["subcarrier_spacing_khz"], 30);
            assert_eq!(pair["tdd_period_slots"], 10);
            let pattern = pair["tdd_pattern"].as_str().unwrap();
            let configured = tdd.split([' ', ',']).nth(2).unwrap();
            // A slot in which an idle DU said nothing is silent.
            let agrees = |(ours, theirs)| ours == theirs || ours == '-';
            assert!(
                pattern.chars().zip(configured.chars()).all(agrees),
                "{pattern}"
            );
            for guess in pair["compression"].as_array().unwrap() {
                let format = format!("{}{}", guess["method"], guess["width"]).replace('"', "");
                let side = match guess["channel"].as_str() {
                    Some("downlink") => "dl_comp",
                    _ => "ul_comp",
                };
                assert_eq!(format, parameters[side].as_str().unwrap());
                assert_eq!(guess["header"], "dynamic");
                assert_eq!(guess["certain"], true, "{guess}");
                if guess["channel"] != "prach" {
                    assert_eq!(guess["prbs"], parameters["nprb"]);
                }
            }
        }
    }
}

#[test]
fn numbers_that_overtook_each_other_are_late_and_not_lost() {
    let capture = captures().into_iter().find(|capture| {
        let file = capture["file"].as_str().unwrap();
        file.contains("full_load_0.5s")
    });
    let report = inspect(&capture.unwrap());
    let sum = |field: &str| -> u64 {
        let flows = report["flows"].as_array().unwrap();
        flows.iter().map(|flow| flow[field].as_u64().unwrap()).sum()
    };
    assert_eq!(
        (sum("seq_missing"), sum("lost"), sum("duplicate")),
        (252, 0, 0)
    );
    assert!(sum("out_of_order") > 0);
}

fn captures() -> Vec<Value> {
    let manifest = std::fs::read_to_string(fixtures().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let captures = manifest["captures"].as_array().unwrap().clone();
    assert_eq!(captures.len(), 9);
    captures
}

fn inspect(capture: &Value) -> Value {
    let path = fixtures().join(capture["file"].as_str().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_ranshift"))
        .arg("inspect")
        .arg(path)
        .arg("--json")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn by_key(groups: &Value, du: impl Fn(&Value) -> Value) -> BTreeMap<Key, Value> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keyed = groups.as_array().unwrap().iter().map(|group| {
        let key = (
            text(&group["way"]),
            text(&du(group)),
            text(&group["plane"]),
            text(&group["section_type"]),
            group["filter_index"].as_u64().unwrap(),
            group["eaxc"].as_u64().unwrap(),
        );
        (key, group.clone())
    });
    let map: BTreeMap<_, _> = keyed.collect();
    assert_eq!(map.len(), groups.as_array().unwrap().len());
    map
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures/captures")
}
