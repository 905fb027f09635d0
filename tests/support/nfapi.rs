//! The vectors of pcap-fixtures/nfapi with what their manifest says of each.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test file uses its own part and stops at the first surprise"
)]

use ranshift::replay::capture::CaptureReader;
use ranshift::wire::nfapi::{Dialect, MessageId};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// One message.
pub(crate) struct Vector {
    /// Name in the manifest.
    pub(crate) file: String,
    pub(crate) dialect: Dialect,
    pub(crate) message: MessageId,
    /// On P5, one message; on P7 its datagrams in the order sent.
    pub(crate) datagrams: Vec<Vec<u8>>,
    /// The manifest's entry.
    pub(crate) told: Value,
}

impl Vector {
    /// A number that the manifest gives.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.told[key].as_u64()
    }

    /// True for what travels in P7 datagrams of OAI.
    pub(crate) fn is_p7(&self) -> bool {
        self.told["encapsulation"] == "nfapi-p7"
    }

    /// True for what OAI sends over P5.
    pub(crate) fn is_p5(&self) -> bool {
        self.told["encapsulation"] == "nfapi-p5"
    }
}

/// Every vector, in the order of the manifest.
pub(crate) fn vectors() -> Vec<Vector> {
    let text = fs::read_to_string(folder().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let payloads = payloads();
    let entries = manifest["vectors"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| vector(entry, &payloads))
        .collect()
}

/// The vector with this name, without its ending.
pub(crate) fn named(name: &str) -> Vector {
    let file = format!("{name}.hex");
    let mut all = vectors().into_iter();
    all.find(|vector| vector.file == file).unwrap()
}

/// The capture that holds the P7 datagrams of at most 1472 bytes.
pub(crate) fn capture() -> PathBuf {
    folder().join("p7.pcap")
}

fn vector(entry: &Value, payloads: &[Vec<u8>]) -> Vector {
    let file = entry["file"].as_str().unwrap().to_owned();
    let count = entry["datagrams"].as_u64().unwrap() as usize;
    let datagrams = match entry["pcap_first_frame"].as_u64() {
        Some(first) => payloads[first as usize - 1..][..count].to_vec(),
        None => hex(&fs::read_to_string(folder().join(&file)).unwrap()),
    };
    assert_eq!(datagrams.len(), count, "{file}");
    let dialect = match entry["encapsulation"].as_str().unwrap() {
        "nfapi-p7" | "nfapi-p5" => Dialect::OaiNfapi,
        "fapi-be" => Dialect::FapiBig,
        "fapi-le-aerial" => Dialect::FapiLittle,
        other => panic!("{other}"),
    };
    let id = entry["msg_id"].as_str().unwrap().trim_start_matches("0x");
    Vector {
        file,
        dialect,
        message: MessageId(u16::from_str_radix(id, 16).unwrap()),
        datagrams,
        told: entry.clone(),
    }
}

/// The UDP payloads of the capture: Ethernet, IPv4 without options, UDP.
fn payloads() -> Vec<Vec<u8>> {
    let mut reader = CaptureReader::open(&capture()).unwrap();
    let mut payloads = Vec::new();
    while let Some(record) = reader.next_frame().unwrap() {
        payloads.push(record.data[14 + 20 + 8..].to_vec());
    }
    payloads
}

fn hex(lines: &str) -> Vec<Vec<u8>> {
    lines
        .lines()
        .map(|line| {
            let pairs = line.as_bytes().chunks(2);
            pairs
                .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect()
        })
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures/nfapi")
}
