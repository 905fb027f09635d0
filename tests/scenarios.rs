//! Every scenario of pcap-fixtures, replayed by the binary: it passes, its counters are exact and name
//! every reason for which a frame was dropped, and a second run gives the same bytes.
//!
//! With RANSHIFT_REGENERATE set (`make fixtures`), the captures of scenarios with a `lab.args` and the
//! `counters:` of all are written anew; the diff is to be reviewed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn every_scenario_passes_with_exact_counters_and_the_same_bytes_twice() {
    let mut failures = Vec::new();
    for scenario in scenarios() {
        if regenerating() {
            rewrite_captures(&scenario);
            rewrite_counters(&scenario);
        }
        let complaints = complaints(&scenario);
        failures.extend(
            complaints
                .iter()
                .map(|words| format!("{}: {words}", name(&scenario))),
        );
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_scenario_has_a_readme_that_says_where_it_comes_from() {
    for scenario in scenarios() {
        assert!(
            scenario.join("README.md").is_file(),
            "{}",
            scenario.display()
        );
    }
}

#[test]
fn generated_captures_are_what_the_lab_still_makes() {
    if regenerating() {
        return;
    }
    for scenario in scenarios() {
        let Some(made) = generate(&scenario, "compared") else {
            continue;
        };
        for file in files(&made.0).iter().filter(|file| is_capture(file)) {
            let [kept, made] =
                [&scenario, &made.0].map(|folder| fs::read(folder.join(file)).unwrap());
            assert!(kept == made, "{}", scenario.join(file).display());
        }
    }
}

fn regenerating() -> bool {
    std::env::var_os("RANSHIFT_REGENERATE").is_some()
}

/// What is wrong with a scenario.
fn complaints(scenario: &Path) -> Vec<String> {
    let (first, second) = (Out::new(scenario, "first"), Out::new(scenario, "second"));
    let output = replay(scenario, &first.0);
    if !output.status.success() {
        let words = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        return vec![format!("{}\n{}", output.status, words.concat())];
    }
    let report = report(&first.0);
    let mut complaints = Vec::new();
    if report["outcome"] != "passed" {
        complaints.push(format!("outcome {}", report["outcome"]));
    }
    let named = named_counters(scenario);
    for (counter, count) in counters(&report) {
        if is_drop(&counter) && count > 0 && !named.contains(&counter) {
            complaints.push(format!(
                "{counter} is {count} and the scenario does not name it"
            ));
        }
    }
    replay(scenario, &second.0);
    for file in files(&first.0).union(&files(&second.0)) {
        let [first, second] = [&first, &second].map(|out| fs::read(out.0.join(file)).ok());
        if first != second {
            complaints.push(format!("{} differs between two runs", file.display()));
        }
    }
    complaints
}

fn replay(scenario: &Path, out: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command
        .arg("replay")
        .arg("--config")
        .arg(scenario.join("config.yaml"));
    command
        .arg("--scenario")
        .arg(scenario.join("scenario.yaml"));
    command.arg("--out").arg(out).output().unwrap()
}

/// Has the lab make the captures of a scenario that has a `lab.args`.
fn generate(scenario: &Path, run: &str) -> Option<Out> {
    let arguments = fs::read_to_string(scenario.join("lab.args")).ok()?;
    let made = Out::new(scenario, run);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command.args(["lab", "generate", "--quiet", "--config"]);
    command.arg(scenario.join("config.yaml"));
    command.arg("--out").arg(&made.0);
    let status = command.args(arguments.split_whitespace()).status();
    assert!(status.unwrap().success(), "{}", scenario.display());
    Some(made)
}

fn rewrite_captures(scenario: &Path) {
    if let Some(made) = generate(scenario, "rewritten") {
        for file in files(&made.0).iter().filter(|file| is_capture(file)) {
            fs::copy(made.0.join(file), scenario.join(file)).unwrap();
        }
    }
}

fn is_capture(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "pcap")
}

/// Replaces the block `counters:` of a scenario by what a run counts: the ledger, what each port and
/// peer saw, each drop, each cell's work, and whatever the scenario names already.
fn rewrite_counters(scenario: &Path) {
    let out = Out::new(scenario, "regenerate");
    replay(scenario, &out.0);
    let report = report(&out.0);
    let named = named_counters(scenario);
    let path = scenario.join("scenario.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let head = lines
        .iter()
        .position(|line| line.trim_start().starts_with("counters:"))
        .unwrap();
    let indent = lines[head].find('c').unwrap();
    let inside = |line: &&String| line.starts_with(&" ".repeat(indent + 1));
    let block = lines[head + 1..].iter().take_while(inside).count();
    let kept = |(counter, count): &(String, u64)| *count > 0 || named.contains(counter);
    let entry =
        |(counter, count): (String, u64)| format!("{}{counter}: {count}", " ".repeat(indent + 2));
    let entries = counters(&report).into_iter().filter(kept).map(entry);
    let block_head = format!("{}counters:", " ".repeat(indent));
    lines.splice(
        head..=head + block,
        std::iter::once(block_head).chain(entries),
    );
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// Counters that a scenario expects, by name.
fn named_counters(scenario: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(scenario.join("scenario.yaml")).unwrap();
    let from = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("counters:"));
    let block = from.skip(1).take_while(|line| line.starts_with("    "));
    let name = |line: &str| line.trim().split_once(':').map(|(name, _)| name.to_owned());
    block.filter_map(name).collect()
}

fn is_drop(counter: &str) -> bool {
    counter.starts_with("drops.") || counter.contains(".drops.")
}

fn counters(report: &Value) -> BTreeMap<String, u64> {
    let counters = report["counters"].as_object().unwrap().iter();
    counters
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()))
        .collect()
}

fn report(out: &Path) -> Value {
    let text = fs::read_to_string(out.join("report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pcap-fixtures");
    let folders = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = folders
        .filter(|folder| folder.join("scenario.yaml").is_file())
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn name(scenario: &Path) -> String {
    scenario.file_name().unwrap().to_string_lossy().into_owned()
}

/// Every file below `folder`, relative to it.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            match entry.is_dir() {
                true => open.push(entry),
                false => drop(found.insert(entry.strip_prefix(folder).unwrap().to_owned())),
            }
        }
    }
    found
}

/// An output folder that goes when the test is done with it.
struct Out(PathBuf);

impl Out {
    fn new(scenario: &Path, run: &str) -> Self {
        let name = format!("scenarios-{}-{run}", name(scenario));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
