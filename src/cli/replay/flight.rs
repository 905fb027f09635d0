//! `ranshift replay --recording`: a flight recording decided again, every verdict held against what was
//! said then. The configuration is the recording's own.

use super::folder::{Folder, Unusable};
use super::{Exit, Refusal, stage};
use crate::config;
use crate::control::{compile, names::names};
use crate::dataplane::run_record::{Names, RunRecord};
use crate::ran::Instant;
use crate::replay::recorder::Recorder;
use crate::replay::recording::{Comparison, Difference, perform};
use crate::replay::{story::Story, tally};
use crate::telemetry;
use crate::telemetry::recording::{About, load};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;

/// Replays the recording in `folder`; the report goes to `report` if there is one.
pub(super) fn replay(
    out: &mut dyn Write,
    folder: &Path,
    report: Option<&Path>,
) -> io::Result<Result<Exit, Refusal>> {
    let (told, found) = match compare(folder, report) {
        Ok(compared) => compared,
        Err(refusal) => return Ok(Err(refusal)),
    };
    tell(out, &told, &found)?;
    if let Some(report) = report {
        writeln!(
            out,
            "report.json and report.html are in {}",
            report.display()
        )?;
    }
    Ok(Ok(match found.differences {
        0 => Exit::Done,
        _ => Exit::Failed,
    }))
}

fn compare(folder: &Path, report: Option<&Path>) -> Result<(About, Comparison), Refusal> {
    let usage = |words: String| Refusal(Exit::Usage, words);
    let loaded = load(folder).map_err(usage)?;
    let text = folder.join("config.yaml").display().to_string();
    let config = config::parse(&loaded.config, &text);
    let config = config.map_err(|all| usage(all.to_string()))?.config;
    let names = names(&config);
    let tables = compile::compile(&config, loaded.about.term);
    let mut recorder = Recorder::new(stage::timings(&config));
    let found = perform(&tables, &loaded.ring, &mut recorder)
        .map_err(|misfit| usage(format!("{}: {misfit}", folder.display())))?;
    if let Some(path) = report {
        write(path, &loaded.about, names, recorder, &found)?;
    }
    Ok((loaded.about, found))
}

fn tell(out: &mut dyn Write, about: &About, found: &Comparison) -> io::Result<()> {
    writeln!(
        out,
        "recording of {}, taken because of a {}: {} frames, {} ticks and commands, {} events in {:.1} ms",
        about.cell,
        about.trigger,
        found.frames,
        found.steps,
        found.events,
        length(found) as f64 / 1e6
    )?;
    for difference in &found.first {
        writeln!(out, "DIFFERS  {}", words(about, difference))?;
    }
    let more = found.differences - found.first.len() as u64;
    if more > 0 {
        writeln!(out, "DIFFERS  {more} times more")?;
    }
    match found.differences {
        0 => writeln!(
            out,
            "same: every verdict, every event and {} states on the way",
            found.states
        ),
        count => writeln!(out, "FAILED: {count} differences"),
    }
}

fn words(about: &About, difference: &Difference) -> String {
    let Difference {
        entry,
        at,
        frame,
        what,
    } = difference;
    let milliseconds = at.nanos_since(Instant(about.span_ns.0)) as f64 / 1e6;
    let place = frame.and_then(|(port, number)| {
        let port = about.ports.get(port.index())?;
        Some(format!(", frame {number} of {port}.pcap"))
    });
    let place = place.unwrap_or_default();
    format!("entry {entry}{place}, at {milliseconds:.6} ms: {what}")
}

fn length(found: &Comparison) -> i64 {
    let span = found.span;
    span.map_or(0, |(first, last)| last.nanos_since(first))
}

/// The usual report, of this stretch.
fn write(
    path: &Path,
    about: &About,
    names: Names,
    recorder: Recorder,
    found: &Comparison,
) -> Result<(), Refusal> {
    let folder = Folder::prepare(path, &[]).map_err(|unusable| match unusable {
        Unusable::Foreign(words) => Refusal(Exit::Usage, words),
        Unusable::System(words) => Refusal(Exit::Environment, words),
    })?;
    let span = found.span.unwrap_or_default();
    let story = Story {
        names: &names,
        start: span.0,
        recorder: &recorder,
    };
    let parts = [story.events(), story.failovers(), story.migrations()];
    let counters = found.counters.clone();
    let record = recorder.finish(names, span, counters);
    let report = facts(about, found, &record, parts);
    let page = telemetry::picture::render(&record, &report);
    folder
        .write("report.html", &page)
        .and_then(|()| folder.write_report(&report))
        .map_err(|words| Refusal(Exit::Environment, words))
}

fn facts(
    about: &About,
    found: &Comparison,
    record: &RunRecord,
    [events, failovers, migrations]: [Vec<Value>; 3],
) -> Value {
    let same = found.differences == 0;
    let differences: Vec<String> = found.first.iter().map(|d| words(about, d)).collect();
    let mut counters = tally::flat(&found.counters, &record.names);
    counters.retain(|name, count| !name.contains(".drops.") || *count > 0);
    json!({
        "ranshift": env!("CARGO_PKG_VERSION"),
        "config": "config.yaml",
        "scenario": Value::Null,
        "description": format!("flight recording of {}: {}", about.cell, about.trigger),
        "outcome": if same { "passed" } else { "failed" },
        "expectations": [{
            "what": "differences from what was recorded",
            "expected": "0",
            "found": found.differences.to_string(),
            "ok": same,
        }],
        "differences": differences,
        "recording": about,
        "start_ns": record.span.0.0,
        "span_ns": length(found),
        "counters": counters,
        "events": events,
        "failovers": failovers,
        "migrations": migrations,
    })
}
