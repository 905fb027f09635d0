//! A run that has ended: judged, told, written down.

use super::expect::{self, Judged};
use super::{Exit, Stage, table};
use crate::dataplane::{counters::Counters, run_record::RunRecord};
use crate::ran::Instant;
use crate::replay::{
    arrivals::{InputCounts, InputError, Merge},
    faults::{FaultCounts, Faults},
    run::{CutShort, Outcome},
    story::Story,
    tally,
};
use crate::telemetry;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// What a run left behind.
pub(super) struct Played {
    /// What the picture is drawn from.
    pub(super) record: RunRecord,
    /// Why it ended early.
    pub(super) cut_short: Option<CutShort>,
    counters: BTreeMap<String, u64>,
    judged: Vec<Judged>,
    sent: Vec<u64>,
    input: InputCounts,
    faults: FaultCounts,
    events: Vec<Value>,
    failovers: Vec<Value>,
    migrations: Vec<Value>,
    radios: Option<Value>,
}

impl Played {
    /// Judges `outcome`, whose time 0 is `start`.
    pub(super) fn new(
        stage: &Stage,
        start: Instant,
        outcome: Outcome,
        counters: &Counters,
        faults: &Faults<Merge>,
    ) -> Self {
        let Outcome {
            recorder,
            judge,
            span,
            actions_left,
            cut_short,
        } = outcome;
        let flat = tally::flat(counters, &stage.names);
        let expect = &stage.scenario.expect;
        let events = recorder.events();
        let mut judged = expect::judge(expect, &stage.config, &flat, &judge, events, start);
        judged.extend(expect::actions_given(
            actions_left,
            stage.scenario.actions.len(),
        ));
        let story = Story {
            names: &stage.names,
            start,
            recorder: &recorder,
        };
        Self {
            events: story.events(),
            failovers: story.failovers(),
            migrations: story.migrations(),
            radios: None,
            record: recorder.finish(stage.names.clone(), span, counters.clone()),
            cut_short,
            counters: flat,
            judged,
            sent: judge.sent().to_vec(),
            input: faults.source().counts(),
            faults: faults.counts(),
        }
    }

    /// With what emulated RUs noticed.
    pub(super) fn with_radios(self, radios: Value) -> Self {
        Self {
            radios: Some(radios),
            ..self
        }
    }

    /// How the process ends.
    pub(super) fn exit(&self) -> Exit {
        match &self.cut_short {
            Some(CutShort::Input(InputError::Unmatched { .. })) => Exit::Usage,
            Some(_) => Exit::Environment,
            None if self.judged.iter().all(|judged| judged.ok) => Exit::Done,
            None => Exit::Failed,
        }
    }

    /// `report.json`. Times are nanoseconds from the first frame, which came at `start_ns`.
    pub(super) fn report(&self, stage: &Stage, config: &Path, scenario: Option<&Path>) -> Value {
        let shown = |(name, count): (&String, &u64)| {
            // A zero for each reason of each peer would bury the rest.
            let buried = name.starts_with("peers.") && name.contains(".drops.") && *count == 0;
            (!buried).then(|| (name.clone(), Value::from(*count)))
        };
        let counters: Map<String, Value> = self.counters.iter().filter_map(shown).collect();
        let judged = self.judged.iter().map(Judged::to_json);
        let (first, last) = self.record.span;
        let passed = self.exit() == Exit::Done;
        let mut report = json!({
            "ranshift": env!("CARGO_PKG_VERSION"),
            "config": config.display().to_string(),
            "scenario": scenario.map(|path| path.display().to_string()),
            "description": stage.scenario.description,
            "outcome": if passed { "passed" } else { "failed" },
            "expectations": judged.collect::<Vec<_>>(),
            "start_ns": first.0,
            "span_ns": last.nanos_since(first),
            "frames_read": self.input.frames,
            "restored_frames": self.input.restored,
            "left_out_frames": self.input.left_out,
            "clock_steps_back": self.input.steps_back,
            "faults": {
                "dropped": self.faults.dropped, "corrupted": self.faults.corrupted,
                "duplicated": self.faults.duplicated, "delayed": self.faults.delayed,
                "reordered": self.faults.reordered,
            },
            "counters": counters,
            "events": self.events,
            "failovers": self.failovers,
            "migrations": self.migrations,
        });
        let mut insert = |key: &str, value: Option<Value>| {
            if let (Some(value), Some(report)) = (value, report.as_object_mut()) {
                report.insert(key.into(), value);
            }
        };
        insert("radios", self.radios.clone());
        insert(
            "incomplete",
            self.cut_short.as_ref().map(|why| why.to_string().into()),
        );
        report
    }

    /// The run on the terminal.
    pub(super) fn tell(&self, out: &mut dyn Write, stage: &Stage, folder: &Path) -> io::Result<()> {
        writeln!(out, "{}", telemetry::summary(&self.record))?;
        table::peers(out, &self.record, &self.sent)?;
        writeln!(out)?;
        table::expectations(out, &self.judged, stage.scenario.expect.counters.len())?;
        let (first, last) = self.record.span;
        let outcome = match (&self.cut_short, self.exit()) {
            (Some(_), _) => "INCOMPLETE",
            (None, Exit::Done) => "passed",
            (None, _) => "FAILED",
        };
        let seconds = last.nanos_since(first) as f64 / 1e9;
        let InputCounts {
            frames, restored, ..
        } = self.input;
        write!(
            out,
            "\n{outcome}: {frames} frames in {seconds:.3} s of virtual time"
        )?;
        if restored > 0 {
            write!(
                out,
                ", {restored} of them cut in the capture and restored with zeros"
            )?;
        }
        writeln!(
            out,
            "\ncaptures, report.json and report.html are in {}",
            folder.display()
        )
    }
}
