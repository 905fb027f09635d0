//! The walls that one crate does not have: who may import whom, where `unsafe` and clocks may be, how
//! long a file may get, and what may not be written in any tracked file.
//!
//! The tables below are the rule; a change to them is a change to the architecture. Code is looked at
//! without its comments and string literals, tests inside modules included: a test that needs more
//! than its module may import belongs here in `tests/`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/rust_source.rs"]
mod rust_source;

use rust_source::{Source, numbered};
use std::fs;
use std::path::{Path, PathBuf};

/// Top-level module, and the top-level modules that it may import.
const IMPORTS: &[(&str, &[&str])] = &[
    ("ran", &[]),
    ("wire", &["ran"]),
    ("planes", &["ran", "wire"]),
    ("dataplane", &["ran", "wire", "planes"]),
    ("dpdk", &["ran", "dataplane"]),
    // wire: a capture taken at one point is split over ports by source MAC and VLAN.
    ("replay", &["ran", "wire", "dataplane"]),
    ("config", &["ran"]),
    (
        "control",
        &["ran", "wire", "planes", "config", "dataplane", "telemetry"],
    ),
    ("telemetry", &["ran", "dataplane"]),
    ("lab", &["ran", "wire", "config"]),
    (
        "cli",
        &[
            "ran",
            "wire",
            "planes",
            "dataplane",
            "dpdk",
            "replay",
            "config",
            "control",
            "telemetry",
            "lab",
        ],
    ),
];

/// Modules that are told the time and never ask.
const CLOCKLESS: &[&str] = &["ran", "wire", "planes", "dataplane", "config", "replay"];
const CLOCKS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "std::time",
    "rustix::time",
    "clock_gettime",
    "_rdtsc",
];

/// Modules that never log or print.
const SILENT: &[&str] = &["ran", "wire", "planes", "dataplane", "config"];
const VOICES: &[&str] = &[
    "tracing::",
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
];

/// Lines of a source file, tests included.
const LONGEST_FILE: usize = 600;

/// Hosts that a tracked file may name: specifications, licences, and the one place that `make setup`
/// fetches from.
const HOSTS: &[&str] = &[
    "rustup.rs",
    "sh.rustup.rs",
    "www.apache.org",
    "www.w3.org",
    "github.com",
    "localhost",
    "127.0.0.1",
    // What stands for a host in a sentence, and what stands for one in a test.
    "HOST",
    "example.org",
    "192.0.2.1",
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut refused = Vec::new();
    for source in rust_sources("src") {
        let Some(module) = source.module() else {
            continue;
        };
        let allowed = IMPORTS.iter().find(|(name, _)| *name == module);
        let Some((_, allowed)) = allowed else {
            refused.push(format!(
                "{}: module {module} is not in the table",
                source.name
            ));
            continue;
        };
        for (line, target) in source.edges(is_module) {
            if !is_module(&target) {
                refused.push(format!(
                    "{}:{line}: `crate::{target}` is no top-level module; write one `use crate::module::...` for each",
                    source.name
                ));
            } else if target != module && !allowed.contains(&target.as_str()) {
                refused.push(format!(
                    "{}:{line}: {module} may not import {target}",
                    source.name
                ));
            }
        }
    }
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

#[test]
fn the_import_table_has_no_cycle() {
    fn visit(name: &str, path: &mut Vec<String>) {
        assert!(
            !path.contains(&name.to_owned()),
            "cycle: {path:?} -> {name}"
        );
        path.push(name.to_owned());
        let row = IMPORTS.iter().find(|(module, _)| *module == name).unwrap();
        for next in row.1 {
            visit(next, path);
        }
        path.pop();
    }
    for (name, _) in IMPORTS {
        visit(name, &mut Vec::new());
    }
}

#[test]
fn unsafe_code_lives_in_the_dpdk_backend_only() {
    let outside = rust_sources("src")
        .into_iter()
        .filter(|source| source.module().as_deref() != Some("dpdk"));
    refuse(outside, &["unsafe", "unsafe_code"]);
}

#[test]
fn modules_that_are_told_the_time_never_read_a_clock() {
    refuse(sources_of(CLOCKLESS), CLOCKS);
}

#[test]
fn the_journey_and_what_it_uses_never_log() {
    refuse(sources_of(SILENT), VOICES);
}

#[test]
fn no_source_file_is_longer_than_a_reader_can_hold() {
    let long: Vec<_> = repository_texts()
        .into_iter()
        .filter(|(name, _)| {
            [".rs", ".c", ".h", ".sh"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    // Put together here, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
    ];
    let macros = [concat!("to", "do!("), concat!("unimple", "mented!(")];
    let mut found = Vec::new();
    for (name, text) in repository_texts() {
        for (line, content) in numbered(&text) {
            let word = content
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| words.contains(&word));
            if word || macros.iter().any(|call| content.contains(call)) {
                found.push(format!("{name}:{line}: {content}"));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn tracked_files_name_no_machine_path_and_no_unexpected_host() {
    let homes = [concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut found = Vec::new();
    for (name, text) in repository_texts() {
        for (line, content) in numbered(&text) {
            let path = content.contains(env!("CARGO_MANIFEST_DIR"))
                || homes.iter().any(|home| content.contains(home));
            let host = hosts(content).find(|host| !host.is_empty() && !HOSTS.contains(host));
            if path || host.is_some() {
                found.push(format!("{name}:{line}: {content}"));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The checks above find what they are meant to find.
#[test]
fn the_scanner_sees_code_and_not_comments_or_strings() {
    let source = Source::new(
        "src/wire/ecpri.rs",
        r##"
        // use crate::control::x;
        /* unsafe /* nested */ crate::cli */
        use crate::ran::EaxcId;
        use crate::{dataplane, config};
        const A: &str = "crate::lab \" unsafe";
        const B: &[u8] = br#"crate::lab "quoted" unsafe"#;
        const C: char = '"';
        fn f<'a>(x: &'a u8) -> u8 { crate :: dpdk::go(); super::super::replay::go(); super::super::oran::x(); *x }
        "##,
    );
    let targets: Vec<_> = source
        .edges(is_module)
        .into_iter()
        .map(|(_, target)| target)
        .collect();
    assert_eq!(targets, ["ran", "{", "dpdk", "replay"]);
    assert!(source.lines_with("unsafe").is_empty());
    assert_eq!(source.lines_with("EaxcId"), [4]);
}

fn is_module(name: &str) -> bool {
    IMPORTS.iter().any(|(module, _)| *module == name)
}

fn refuse(sources: impl IntoIterator<Item = Source>, phrases: &[&str]) {
    let mut found = Vec::new();
    for source in sources {
        for phrase in phrases {
            for line in source.lines_with(phrase) {
                found.push(format!("{}:{line}: {phrase}", source.name));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn sources_of(modules: &[&str]) -> Vec<Source> {
    let mut sources = rust_sources("src");
    sources.retain(|source| {
        source
            .module()
            .is_some_and(|m| modules.contains(&m.as_str()))
    });
    sources
}

fn rust_sources(folder: &str) -> Vec<Source> {
    let sources: Vec<_> = repository_texts()
        .into_iter()
        .filter(|(name, _)| name.starts_with(folder) && name.ends_with(".rs"))
        .map(|(name, text)| Source::new(&name, &text))
        .collect();
    assert!(!sources.is_empty(), "no Rust file under {folder}");
    sources
}

/// Hosts of the URLs in `line`.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).map(|after| {
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
        after[..end.unwrap_or(after.len())].trim_end_matches('.')
    })
}

/// Every text file of the repository by its path from the root, captures and build output left out.
fn repository_texts() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = folder.join(entry.file_name());
            let is_output = ["target", "out", ".git"]
                .iter()
                .any(|skip| name == Path::new(skip));
            if is_output {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(name);
            } else if let Ok(text) = fs::read_to_string(root.join(&name)) {
                texts.push((name.to_str().unwrap().to_owned(), text));
            }
        }
    }
    texts.sort();
    texts
}
