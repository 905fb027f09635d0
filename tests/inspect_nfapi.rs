//! `ranshift inspect --nfapi` over datagrams that OAI's own library packed and sent: what it counts, and what it
//! tells of each.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/nfapi.rs"]
mod support;

#[path = "support/p7.rs"]
mod p7;

use ranshift::ran::Instant;
use ranshift::replay::capture::{CaptureReader, CaptureWriter};
use ranshift::wire::nfapi::{Check, Datagram, Dialect, Header, Piece};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::{Vector, capture, vectors};

const PORTS: [&str; 2] = ["--nfapi", "oai-nfapi:50610,50611"];

/// The vectors that lie in the capture, with the index of their first frame.
fn captured() -> Vec<(usize, Vector)> {
    let vectors = vectors().into_iter();
    vectors
        .filter_map(|vector| {
            let first = vector.number("pcap_first_frame")? as usize;
            Some((first - 1, vector))
        })
        .collect()
}

#[test]
fn messages_are_counted_by_kind_as_the_manifest_has_them() {
    let mut expected: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (_, vector) in captured() {
        let message = vector.told["message"].as_str().unwrap().to_owned();
        let counts = expected.entry(message).or_default();
        counts[0] += 1;
        counts[1] += vector.datagrams.len() as u64;
    }
    // Its segment numbers wrap, so that it begins twice.
    expected.get_mut("TX_DATA.request").unwrap()[0] += 1;
    let report = report(&capture(), &PORTS);
    let mut found = BTreeMap::new();
    for kind in report["nfapi"].as_array().unwrap() {
        let counts = ["messages", "datagrams"].map(|key| kind[key].as_u64().unwrap());
        found.insert(kind["message"].as_str().unwrap().to_owned(), counts);
        let from_vnf = kind["source"] == "10.99.0.1:50611";
        let request = kind["message"].as_str().unwrap();
        let downlink = request.ends_with("request") || request == "DL_NODE_SYNC";
        assert_eq!(from_vnf, downlink, "{request}");
        assert_eq!(kind["phy"], 1);
    }
    assert_eq!(found, expected);
    // The second beginning of that message is none.
    assert_eq!(report["malformed"], json!({"fapi_body": 1}));
    let (overflow, _) = captured()
        .into_iter()
        .find(|(_, vector)| vector.datagrams.len() > 128)
        .unwrap();
    assert_eq!(report["malformed_frames"][0]["frame"], overflow + 128 + 1);
    assert_eq!(report["frames"], 383);
}

#[test]
fn null_requests_are_counted() {
    let report = report(&capture(), &PORTS);
    let nulls: BTreeMap<_, _> = report["nfapi"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|kind| kind["nulls"] != 0)
        .map(|kind| {
            (
                kind["message"].as_str().unwrap(),
                kind["nulls"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("DL_TTI.request", 3),
        ("TX_DATA.request", 2),
        ("UL_DCI.request", 2),
        ("UL_TTI.request", 3),
    ];
    assert_eq!(nulls, BTreeMap::from(expected));
}

#[test]
fn each_message_is_told_with_its_slot_and_its_pdus() {
    let frames = told(&capture(), &PORTS);
    assert_eq!(frames.len(), 383);
    for (first, vector) in captured() {
        let told = &frames[first];
        for key in ["message", "sfn", "slot", "sequence"] {
            let expected = vector.told.get(key).unwrap_or(&Value::Null);
            assert_eq!(&told[key], expected, "{}", vector.file);
        }
        assert_eq!(told.get("fault"), None, "{}", vector.file);
        let sizes = vector.told["pdus_type_size"].as_array();
        let Some(sizes) = sizes.filter(|_| vector.datagrams.len() == 1) else {
            continue;
        };
        let none = Vec::new();
        let items = told["items"].as_array().unwrap_or(&none).iter();
        let pdus = items.filter(|item| item["kind"] != "group");
        let found: Vec<_> = pdus.map(|pdu| json!([pdu["type"], pdu["size"]])).collect();
        assert_eq!(&found, sizes, "{}", vector.file);
    }
}

#[test]
fn bodies_behind_the_header_of_scf_225_are_read_as_said() {
    let mut frames = Vec::new();
    let mut expected = Vec::new();
    let told = told(&capture(), &PORTS);
    let whole = captured()
        .into_iter()
        .filter(|(first, vector)| vector.datagrams.len() == 1 && told[*first]["items"].is_array());
    for (first, vector) in whole {
        let (view, body) =
            Datagram::parse(&vector.datagrams[0], Dialect::OaiNfapi, Check::Verify).unwrap();
        let header = Header {
            head: view.head.unwrap(),
            piece: Piece::uncut(Dialect::Scf225v2, 0, body.len() as u32),
            timestamp: view.timestamp,
        };
        let mut lead = [0; 22];
        header.emit(Dialect::Scf225v2, &[body], &mut lead).unwrap();
        frames.push(p7::frame(p7::L2, &[&lead[..], body].concat()));
        expected.push(told[first]["items"].clone());
    }
    assert!(frames.len() > 15, "{}", frames.len());
    let path = write("scf225.pcap", &frames);
    let items = |arguments: &[&str]| -> Vec<Value> {
        let frames = self::told(&path, arguments).into_iter();
        frames.map(|frame| frame["items"].clone()).collect()
    };
    assert_eq!(items(&["--nfapi", "scf225v2", "--bodies", "oai"]), expected);
    assert_ne!(items(&["--nfapi", "scf225v2"]), expected);
}

#[test]
fn bodies_that_a_dialect_never_has_are_a_usage_error() {
    let output = inspect(&capture(), &["--nfapi", "oai-nfapi", "--bodies", "scf222"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--bodies goes with scf225v2"), "{error}");
}

#[test]
fn a_line_names_the_message_its_slot_and_its_pdus() {
    let output = inspect(&capture(), &["--nfapi", "oai-nfapi", "--frames"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().nth(6).unwrap();
    let expected = "| 10.99.0.1 port 50611 > 10.99.0.2 port 50610 | DL_TTI.request phy 1 sequence 7 \
                    sfn 5 slot 6 pdus 4 | SSB type 3 size 31 | PDCCH type 0 size 155";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn without_the_option_datagrams_are_datagrams() {
    let report = report(&capture(), &[]);
    assert_eq!(report.get("nfapi"), None);
    assert_eq!(report["malformed"], json!({}));
}

#[test]
fn damage_is_malformed_on_a_named_port_and_unknown_elsewhere() {
    let mut frames = frames(3);
    frames[1][42 + 20] ^= 1; // body
    frames[2][42 + 7] ^= 1; // length
    let path = write("damaged.pcap", &frames);
    let named = report(&path, &PORTS);
    let expected = json!({"nfapi_checksum": 1, "nfapi_header": 1});
    assert_eq!(named["malformed"], expected);
    let unnamed = report(&path, &["--nfapi", "oai-nfapi"]);
    assert_eq!(unnamed["malformed"], json!({}));
    assert_eq!(unnamed["nfapi"][0]["messages"], 1);
    let elsewhere = report(&path, &["--nfapi", "oai-nfapi:4000"]);
    assert_eq!(elsewhere.get("nfapi"), None);
}

#[test]
fn a_body_that_leaves_its_message_is_malformed() {
    let mut frames = frames(1);
    frames[0][42 + 18 + 4] = 1; // a NULL DL_TTI announces a PDU
    ranshift::wire::nfapi::header::set_checksum(&mut frames[0][42..66]);
    let report = report(&write("announced.pcap", &frames), &PORTS);
    assert_eq!(report["malformed"], json!({"fapi_body": 1}));
}

#[test]
fn an_unknown_dialect_is_a_usage_error_that_names_the_known() {
    let output = inspect(&capture(), &["--nfapi", "oai"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("oai-nfapi, scf225v2, fapi-be, fapi-le"),
        "{error}"
    );
}

fn frames(count: usize) -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(&capture()).unwrap();
    (0..count)
        .map(|_| reader.next_frame().unwrap().unwrap().data.to_vec())
        .collect()
}

fn write(name: &str, frames: &[Vec<u8>]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inspect-nfapi-{name}"));
    let mut writer = CaptureWriter::create(&path).unwrap();
    for frame in frames {
        writer.write(Instant(0), frame, frame.len() as u32).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn report(path: &Path, arguments: &[&str]) -> Value {
    let output = inspect(path, &[arguments, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is told of the message of each frame.
fn told(path: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = inspect(path, &[arguments, &["--frames", "--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let frames = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    frames.map(|frame| frame["nfapi"].clone()).collect()
}

fn inspect(path: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.arg("inspect").arg(path).args(arguments);
    command.output().unwrap()
}
