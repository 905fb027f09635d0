//! The ledger balances, nothing is held at the end, and the counters agree with the captures.

use super::super::Lane;
use super::super::run::Run;
use super::super::verdict::{Rule, Verdict};

/// Judges the counters of the report.
pub fn judge(run: &Run, verdict: &mut Verdict) {
    let counters = &run.inputs.report.counters;
    if counters.is_empty() {
        return;
    }
    let ledger = |name: &str| run.inputs.report.counter(&format!("ledger.{name}"));
    let received = ledger("received") + ledger("originated") + ledger("copied");
    let ended = ["sent", "held", "merged", "punted", "dropped"]
        .map(ledger)
        .iter()
        .sum();
    let frames = |lanes: &[Lane]| {
        lanes
            .iter()
            .map(|lane| lane.frames.len() as i64)
            .sum::<i64>()
    };
    let reasons = counters
        .iter()
        .filter(|(name, _)| name.starts_with("drops."));
    let facts = [
        (
            "received + originated + copied against what became of them",
            received,
            ended,
        ),
        (
            "ledger.received against the ingress captures",
            ledger("received"),
            frames(&run.inputs.ingress),
        ),
        (
            "ledger.sent against the egress captures",
            ledger("sent"),
            frames(&run.inputs.egress),
        ),
        ("ledger.originated", ledger("originated"), 0),
        ("ledger.held at the end", ledger("held"), 0),
        (
            "ledger.dropped against the reasons",
            ledger("dropped"),
            reasons.map(|(_, count)| count).sum(),
        ),
        (
            "inputs that left no output against ledger.dropped",
            lost(run).min(ledger("dropped")),
            lost(run),
        ),
    ];
    for (what, found, expected) in facts {
        hold(what, found, expected, verdict);
    }
    for (word, lanes) in [
        ("received", &run.inputs.ingress),
        ("sent", &run.inputs.egress),
    ] {
        for lane in lanes {
            let bytes: usize = lane.frames.iter().map(|frame| frame.bytes.len()).sum();
            for (name, expected) in [
                (word.to_owned(), lane.frames.len()),
                (format!("{word}_bytes"), bytes),
            ] {
                let name = format!("ports.{}.{name}", lane.port);
                hold(
                    &name,
                    run.inputs.report.counter(&name),
                    expected as i64,
                    verdict,
                );
            }
        }
    }
}

fn lost(run: &Run) -> i64 {
    run.seen.iter().filter(|seen| seen.uses.is_empty()).count() as i64
}

fn hold(what: &str, found: i64, expected: i64, verdict: &mut Verdict) {
    verdict.examine(Rule::Ledger);
    if found != expected {
        verdict.refuse(Rule::Ledger, None, None, || {
            format!("{what}: {found} against {expected}")
        });
    }
}
