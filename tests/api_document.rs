//! The OpenAPI document is what is served: every operation is called, and every answer is held against
//! the schema that the document gives it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/served.rs"]
mod served;

use serde_json::{Value, json};
use served::{Answer, Served, request};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// One call of each operation that is to succeed: method, path of the document, and body.
fn calls() -> Vec<(&'static str, &'static str, Option<Value>)> {
    let post = |name: &'static str, body| ("post", name, Some(body));
    vec![
        ("get", "/api/v1/appliance", None),
        ("get", "/api/v1/cells", None),
        ("get", "/api/v1/cells/{cell}", None),
        ("get", "/api/v1/cells/{cell}/members/{member}", None),
        ("get", "/api/v1/cells/{cell}/pattern", None),
        ("get", "/api/v1/cells/{cell}/prb-use", None),
        ("get", "/api/v1/groups", None),
        ("get", "/api/v1/config", None),
        ("get", "/api/v1/events", None),
        ("put", "/api/v1/config", Some(json!("as it is"))),
        ("get", "/healthz", None),
        ("get", "/metrics", None),
        ("get", "/openapi.json", None),
        post(
            "/api/v1/cells/{cell}/mode",
            json!({"mode": "shared", "source": "du-a", "destination": "du-b"}),
        ),
        post("/api/v1/cells/{cell}/pattern", json!({"slots": "SSSD"})),
        post(
            "/api/v1/cells/{cell}/migrate",
            json!({"to": "du-b", "boundary": {"in_slots": 50}}),
        ),
        post("/api/v1/cells/{cell}/arm", json!({"standby": null})),
        post("/api/v1/cells/{cell}/fence", json!({"member": "du-a"})),
        post("/api/v1/cells/{cell}/readmit", json!({"member": "du-a"})),
        post("/api/v1/cells/{cell}/failover", json!({"to": "du-a"})),
        post("/api/v1/cells/{cell}/capture", json!({})),
        ("get", "/api/v1/recordings", None),
        ("get", "/api/v1/recordings/{name}", None),
        ("get", "/api/v1/recordings/{name}/{file}", None),
    ]
}

/// Operations whose answers have no end: tested apart.
const STREAMS: [(&str, &str); 1] = [("get", "/api/v1/events/stream")];

fn document(served: &Served) -> Value {
    served.get("/openapi.json").json()
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operation = |(path, item): (&String, &Value)| {
        let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
        let methods = methods
            .into_iter()
            .filter(|method| item.get(method).is_some());
        methods
            .map(|method| (method.to_owned(), path.clone()))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(operation).collect()
}

/// Holds `answer` against what the document says of it.
fn check(document: &Value, method: &str, path: &str, answer: &Answer) {
    let responses = &document["paths"][path][method]["responses"];
    let said = responses
        .get(answer.status.to_string())
        .or_else(|| responses.get("default"))
        .unwrap_or_else(|| panic!("{method} {path} does not say {}", answer.status));
    let content = said["content"].as_object().unwrap();
    let (kind, media) = content.iter().next().unwrap();
    let told = format!("content-type: {kind}");
    assert!(answer.head.contains(&told), "{method} {path}: {answer:?}");
    if !kind.contains("json") {
        return;
    }
    let mut schema = media["schema"].clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let body = answer.json();
    let errors: Vec<String> = validator
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{method} {path}: {errors:#?}\n{body:#}");
}

fn url(served: &Served, path: &str) -> String {
    let path = path.replace("{cell}", "cell-1").replace("{member}", "du-b");
    if !path.contains("{name}") {
        return path;
    }
    let recordings = served.get("/api/v1/recordings").json();
    let name = recordings[0]["name"].as_str().unwrap();
    path.replace("{name}", name)
        .replace("{file}", "config.yaml")
}

#[test]
fn every_operation_of_the_document_answers_as_the_document_says() {
    let served = Served::new();
    let document = document(&served);
    let mut called = BTreeSet::new();
    for (method, path, body) in calls() {
        let body = match body {
            // A configuration: text as it is.
            Some(Value::String(_)) => served.get("/api/v1/config").json()["text"]
                .as_str()
                .unwrap()
                .to_owned(),
            Some(body) => body.to_string(),
            None => String::new(),
        };
        let json = [("content-type", "application/json")];
        let answer = served.ask(&method.to_uppercase(), &url(&served, path), &json, &body);
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        check(&document, method, path, &answer);
        called.insert((method.to_owned(), path.to_owned()));
        if path.ends_with("migrate") {
            // What follows needs the member to be active.
            served.wait_until(|served| {
                let mode = &served.get("/api/v1/cells/cell-1").json()["status"]["mode"];
                mode == &json!({"mode": "single", "active": "du-b"})
            });
        }
    }
    called.extend(STREAMS.map(|(method, path)| (method.to_owned(), path.to_owned())));
    assert_eq!(called, operations(&document));
}

#[test]
fn refusals_are_documented_as_well() {
    let served = Served::new();
    let document = document(&served);
    for (method, path) in operations(&document) {
        if !path.contains('{') {
            continue;
        }
        let unknown = path
            .replace("{cell}", "nonesuch")
            .replace("{name}", "nothing")
            .replace("{file}", "no-file")
            .replace("{member}", "nobody");
        let body = calls()
            .into_iter()
            .find(|call| (call.0, call.1) == (method.as_str(), path.as_str()))
            .and_then(|call| call.2)
            .map_or_else(String::new, |body| body.to_string());
        let json = [("content-type", "application/json")];
        let answer = served.ask(&method.to_uppercase(), &unknown, &json, &body);
        assert_eq!(answer.status, 404, "{method} {path}");
        check(&document, &method, &path, &answer);
    }
}

#[test]
fn routes_are_registered_with_their_description_and_in_no_other_way() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/control/api");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The dashboard's files: the same bytes for everybody, and no part of the API.
        if path.ends_with("page.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for way in [".route(", ".route_service(", ".nest", ".merge("] {
            assert!(!text.contains(way), "{way} in {}", path.display());
        }
    }
}

#[test]
fn the_stream_is_what_the_document_calls_it() {
    let served = Served::new();
    let mut stream = served.connect();
    let asked = request("GET", "/api/v1/events/stream", &[], "");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut head = [0; 400];
    let length = stream.read(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
}

#[test]
fn every_path_and_every_kind_of_event_of_the_guide_exists() {
    let served = Served::new();
    let paths: BTreeSet<String> = operations(&document(&served))
        .into_iter()
        .map(|(_, path)| path)
        .collect();
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md"));
    let guide = guide.unwrap();
    let mut named = BTreeSet::new();
    for line in guide.lines().filter(|line| line.starts_with("| `")) {
        let word = line.split('`').nth(1).unwrap();
        if let Some((_, path)) = word.split_once(' ') {
            named.insert(path.to_owned());
        }
    }
    assert_eq!(named, paths, "the table of the guide");
    let kinds = ranshift::dataplane::mailbox::EventKind::LABELS
        .into_iter()
        .chain(ranshift::control::tidings::KINDS)
        .filter(|kind| *kind != "prb_use");
    for kind in kinds {
        assert!(guide.contains(&format!("| `{kind}` |")), "{kind}");
    }
}

#[test]
fn the_requests_of_the_guide_are_answered() {
    let served = Served::new();
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md"));
    let guide = guide.unwrap();
    let mut asked = 0;
    for line in guide
        .lines()
        .filter(|line| line.starts_with("curl ") && line.contains("$API"))
    {
        let path = line.split("$API").nth(1).unwrap();
        let path = path.split([' ', '\'', '"']).next().unwrap();
        let body = line.split("--json '").nth(1);
        let body = body.map(|rest| rest.split('\'').next().unwrap());
        if path.ends_with("/stream") {
            continue;
        }
        let answer = match body {
            Some(body) => served.post(path, body),
            None => served.get(path),
        };
        assert_eq!(answer.status, 200, "{line}: {answer:?}");
        asked += 1;
    }
    assert!(asked >= 5, "{asked}");
}
