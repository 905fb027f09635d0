//! What the program says to its users, surface by surface: as text, and as the names in it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use ranshift::config;
use ranshift::control::api;
use ranshift::telemetry::registry;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One place where users meet words.
#[derive(Clone)]
pub(crate) struct Surface {
    pub(crate) name: &'static str,
    /// All that it says.
    pub(crate) text: String,
    /// The names among it.
    pub(crate) names: BTreeSet<String>,
}

/// All of them.
pub(crate) fn surfaces() -> Vec<Surface> {
    vec![
        command_line(),
        api_document(),
        file(),
        metrics(),
        dashboard(),
    ]
}

/// The words of a text or name, in small letters: `masterDu` and `master_du` are two each.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let hump = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        if !c.is_ascii_alphanumeric() || hump {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric() {
            words.last_mut().unwrap().push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The help of every command.
fn command_line() -> Surface {
    let mut surface = Surface {
        name: "command line",
        text: String::new(),
        names: BTreeSet::new(),
    };
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let help = help(&path);
        for command in subcommands(&help) {
            surface.names.insert(command.clone());
            let mut below = path.clone();
            below.push(command);
            open.push(below);
        }
        let options = help
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--"));
        for option in options {
            let name: String = option
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect();
            surface.names.insert(name);
        }
        surface.text.push_str(&help);
    }
    surface
}

fn help(path: &[String]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ranshift"))
        .args(path)
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{path:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn subcommands(help: &str) -> Vec<String> {
    let below = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let rows = below.lines().take_while(|line| !line.is_empty());
    let named = rows.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let first = named.filter_map(|line| line.split_whitespace().next());
    first
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The OpenAPI document: all its strings, and the names of paths, parameters, properties and values.
fn api_document() -> Surface {
    let document = serde_json::to_value(api::document()).unwrap();
    let mut surface = Surface {
        name: "API",
        text: String::new(),
        names: BTreeSet::new(),
    };
    let segments = document["paths"].as_object().unwrap().keys();
    for segment in segments.flat_map(|path| path.split('/')) {
        let name = segment.trim_matches(['{', '}']);
        surface
            .names
            .insert(name.trim_end_matches(".json").to_owned());
    }
    gather(&document, "", &mut surface);
    surface
}

fn gather(value: &Value, under: &str, surface: &mut Surface) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                surface.text.push_str(&format!("{key}\n"));
                match (under, key.as_str(), field) {
                    ("properties", key, _) => drop(surface.names.insert(key.to_owned())),
                    (_, "name", Value::String(name)) => drop(surface.names.insert(name.clone())),
                    _ => {}
                }
                gather(field, key, surface);
            }
        }
        Value::Array(items) => {
            for item in items {
                if let ("enum", Value::String(word)) = (under, item) {
                    surface.names.insert(word.clone());
                }
                gather(item, "", surface);
            }
        }
        Value::String(text) => surface.text.push_str(&format!("{text}\n")),
        _ => {}
    }
}

/// The reference of configuration and scenario files.
fn file() -> Surface {
    let text = config::reference();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows
        .filter_map(|row| row.split('`').next())
        .map(str::to_owned)
        .collect();
    Surface {
        name: "file",
        text,
        names,
    }
}

/// Page, rules and board of the metrics.
fn metrics() -> Surface {
    let text = [registry::reference(), registry::rules(), registry::board()].concat();
    let mut names = BTreeSet::new();
    for metric in registry::metrics() {
        names.insert(metric.name.to_owned());
        names.extend(metric.labels.iter().map(|label| (*label).to_owned()));
    }
    Surface {
        name: "metrics",
        text,
        names,
    }
}

/// The page that the appliance serves: its markup, and what its script says between quotes.
fn dashboard() -> Surface {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry/page");
    let mut text = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let read = || fs::read_to_string(&path).unwrap();
        match path.extension().and_then(|end| end.to_str()) {
            Some("html") => text.push_str(&read()),
            Some("js") => text.push_str(&quoted(&read())),
            _ => {}
        }
    }
    Surface {
        name: "dashboard",
        text,
        names: BTreeSet::new(),
    }
}

/// What stands between quotes, a line each.
fn quoted(script: &str) -> String {
    let mut said = String::new();
    let mut open = None;
    let code = script
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for c in code.flat_map(|line| line.chars().chain(['\n'])) {
        match open {
            None if matches!(c, '"' | '\'' | '`') => open = Some(c),
            None => {}
            Some(quote) if c == quote => {
                open = None;
                said.push('\n');
            }
            Some(_) => said.push(c),
        }
    }
    said
}
