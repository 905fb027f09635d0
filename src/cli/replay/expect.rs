//! Holds a run against what its scenario expects.

use crate::config::{
    Config,
    scenario::{Expectations, ExpectedEvent, Invariant},
};
use crate::dataplane::mailbox::Event;
use crate::ran::{Duration, Instant};
use crate::replay::judge::{Finding, Judge};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One expectation, and what was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Judged {
    /// What was looked at.
    pub(super) what: String,
    /// What the scenario says.
    pub(super) expected: String,
    /// What the run says.
    pub(super) found: String,
    /// Whether they agree.
    pub(super) ok: bool,
}

impl Judged {
    /// As an entry of `report.json`.
    pub(super) fn to_json(&self) -> Value {
        let Self {
            what,
            expected,
            found,
            ok,
        } = self;
        json!({"what": what, "expected": expected, "found": found, "ok": ok})
    }
}

/// Every expectation of the scenario, in its order.
pub(super) fn judge(
    expect: &Expectations,
    config: &Config,
    counters: &BTreeMap<String, u64>,
    findings: &Judge,
    events: &[Event],
    start: Instant,
) -> Vec<Judged> {
    let counter = |(name, expected): &(String, u64)| {
        let found = counters.get(name);
        Judged {
            what: name.clone(),
            expected: expected.to_string(),
            found: found.map_or("no such counter".into(), u64::to_string),
            ok: found == Some(expected),
        }
    };
    let invariant = |invariant: &Invariant| match invariant {
        Invariant::Ledger => holds("ledger", findings.ledger()),
        Invariant::OneDuPerSymbol => holds("one_du_per_symbol", findings.one_du_per_symbol()),
        Invariant::Sequence => holds("sequence", findings.sequence()),
    };
    let event = |expected: &ExpectedEvent| happened(expected, config, events, start);
    let counters = expect.counters.iter().map(counter);
    let invariants = expect.invariants.iter().map(invariant);
    let events = expect.events.iter().map(event);
    counters.chain(invariants).chain(events).collect()
}

/// Actions that were never given fail the scenario: it does not show what it says.
pub(super) fn actions_given(left: usize, all: usize) -> Option<Judged> {
    (left > 0).then(|| Judged {
        what: "actions".into(),
        expected: format!("{all} given"),
        found: format!("{left} later than the last frame"),
        ok: false,
    })
}

fn holds(name: &str, finding: &Finding) -> Judged {
    let found = match &finding.first {
        None => "holds".into(),
        Some(first) => format!("{} violations, first: {first}", finding.violations),
    };
    Judged {
        what: name.into(),
        expected: "holds".into(),
        ok: finding.violations == 0,
        found,
    }
}

fn happened(expected: &ExpectedEvent, config: &Config, events: &[Event], start: Instant) -> Judged {
    let wanted = |event: &&Event| {
        event.kind.label() == expected.event && expected.cell.is_none_or(|cell| cell == event.cell)
    };
    let in_time = |event: &&Event| {
        expected
            .after
            .is_none_or(|after| event.at >= start.after(after))
            && expected
                .before
                .is_none_or(|before| event.at < start.after(before))
    };
    let times: Vec<Instant> = events.iter().filter(wanted).map(|event| event.at).collect();
    let count = events.iter().filter(wanted).filter(in_time).count();
    let at = |at: &Instant| milliseconds(at.nanos_since(start));
    let shown: Vec<String> = times.iter().take(SHOWN).map(at).collect();
    let more = if times.len() > SHOWN { ", ..." } else { "" };
    Judged {
        what: named(expected, config),
        expected: wish(expected),
        found: match times.is_empty() {
            true => "never".into(),
            false => format!("{count} of {} at {}{more}", times.len(), shown.join(", ")),
        },
        ok: match expected.count {
            Some(expected) => count == expected as usize,
            None => count > 0,
        },
    }
}

fn named(expected: &ExpectedEvent, config: &Config) -> String {
    let cell = expected
        .cell
        .and_then(|cell| config.cells.get(cell.index()));
    match cell {
        Some(cell) => format!("{} of {}", expected.event, cell.name),
        None => expected.event.clone(),
    }
}

fn wish(expected: &ExpectedEvent) -> String {
    let mut words = vec![match expected.count {
        Some(count) => format!("{count} times"),
        None => "at least once".into(),
    }];
    let bound = |word, bound: Option<Duration>| {
        bound.map(|time| format!("{word} {}", milliseconds(time.as_nanos() as i64)))
    };
    words.extend(bound("after", expected.after));
    words.extend(bound("before", expected.before));
    words.join(" ")
}

fn milliseconds(nanos: i64) -> String {
    format!("{:.3} ms", nanos as f64 / 1e6)
}

/// Times of events written out.
const SHOWN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_after_the_last_frame_fails_the_scenario() {
        assert_eq!(actions_given(0, 2), None);
        assert!(!actions_given(1, 2).unwrap().ok);
    }
}
