//! The one table of metrics. `/metrics`, `docs/metrics.md`, the Grafana board and the alert rules are
//! all made from it, so that none of them can say something else.
//!
//! A metric stands with its name, kind, labels, help, where its samples are read, what to do when it
//! moves, the panel that shows it and the alerts that watch it. A counter `a.NAME.b` of reports is the
//! metric `ranshift_a_b_total{a="NAME"}`.

mod board;
mod cells;
mod fapi;
mod frames;
mod lcores;
mod members;
mod midhaul;
mod process;
mod reference;
mod rules;

pub use board::board;
pub use reference::reference;
pub use rules::rules;

use crate::telemetry::metrics::{Samples, View};

/// One metric.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Name by the conventions of Prometheus.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Label names.
    pub labels: &'static [&'static str],
    /// What a value of 1 is.
    pub unit: &'static str,
    /// One sentence: what it counts or says.
    pub help: &'static str,
    /// What to do when it moves.
    pub advice: &'static str,
    /// The panel of the board that shows it.
    pub panel: Option<Panel>,
    /// The alerts that watch it.
    pub alerts: &'static [Alert],
    /// Where its samples come from.
    pub(super) read: fn(&View<'_>, &mut Samples),
}

/// Kinds of metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows, from 0 when the process starts.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket, with their sum.
    Histogram,
}

/// A panel of the board. `{}` in a query stands for the board's choice of appliance.
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Title.
    pub title: &'static str,
    /// Grafana's id of the unit.
    pub unit: &'static str,
    /// What is drawn.
    pub form: Form,
    /// Query and legend of each line.
    pub queries: &'static [(&'static str, &'static str)],
}

/// What a panel draws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Lines over time.
    Lines,
    /// One figure, green at 0 and red above.
    Zero,
    /// One figure.
    Figure,
    /// States over time: 0 and 1.
    States,
}

/// An alert rule.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// Name, `Ranshift` first.
    pub name: &'static str,
    /// When it fires.
    pub expr: &'static str,
    /// For how long that must be so.
    pub lasting: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One line, with labels as Prometheus writes them.
    pub summary: &'static str,
    /// What to do.
    pub action: &'static str,
}

/// How bad an alert is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Users notice, or would at the next failure.
    Critical,
    /// Look at it in working hours.
    Warning,
}

/// Metrics of one kind of object.
pub(super) struct Topic {
    title: &'static str,
    about: &'static str,
    metrics: &'static [Metric],
}

/// All metrics in order.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    TOPICS.iter().flat_map(|topic| topic.metrics)
}

const TOPICS: &[Topic] = &[
    process::TOPIC,
    frames::LEDGER,
    frames::PORTS,
    frames::PEERS,
    cells::TOPIC,
    fapi::TOPIC,
    members::TOPIC,
    midhaul::TOPIC,
    lcores::TOPIC,
    lcores::MEMPOOLS,
];

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
        }
    }
}

impl Metric {
    const fn new(
        kind: Kind,
        (name, unit): (&'static str, &'static str),
        labels: &'static [&'static str],
        (help, advice): (&'static str, &'static str),
        read: fn(&View<'_>, &mut Samples),
    ) -> Self {
        Self {
            name,
            kind,
            labels,
            unit,
            help,
            advice,
            panel: None,
            alerts: &[],
            read,
        }
    }

    const fn shown(self, panel: Panel) -> Self {
        Self {
            panel: Some(panel),
            ..self
        }
    }

    const fn watched(self, alerts: &'static [Alert]) -> Self {
        Self { alerts, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_follow_the_conventions_and_are_unique() {
        let mut seen = HashSet::new();
        for metric in metrics() {
            let name = metric.name;
            assert!(seen.insert(name), "{name} stands twice");
            assert!(name.starts_with("ranshift_") || name.starts_with("process_"));
            let total = name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{name}");
            for (unit, suffix) in [("seconds", "_seconds"), ("bytes", "_bytes")] {
                let stem = name.trim_end_matches("_total");
                assert_eq!(metric.unit == unit, stem.ends_with(suffix), "{name}");
            }
        }
    }

    #[test]
    fn every_metric_has_a_sentence_of_help_and_one_of_advice() {
        for metric in metrics() {
            for sentence in [metric.help, metric.advice] {
                assert!(
                    sentence.ends_with('.') && sentence.len() > 20,
                    "{}",
                    metric.name
                );
            }
        }
    }

    #[test]
    fn panels_and_alerts_ask_for_metrics_of_the_registry_only() {
        let known: HashSet<_> = metrics().map(|metric| metric.name).collect();
        let is_known = |word: &str| {
            let stems = ["", "_bucket", "_sum", "_count"];
            stems.iter().any(|end| {
                word.strip_suffix(end)
                    .is_some_and(|stem| known.contains(stem))
            })
        };
        for metric in metrics() {
            let queries = metric.panel.iter().flat_map(|panel| panel.queries);
            let exprs = metric.alerts.iter().map(|alert| alert.expr);
            for expr in queries.map(|(query, _)| *query).chain(exprs) {
                let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                for word in words.filter(|word| word.starts_with("ranshift_")) {
                    assert!(is_known(word), "{}: {word}", metric.name);
                }
            }
        }
    }

    #[test]
    fn alerts_have_names_of_their_own() {
        let mut seen = HashSet::new();
        for alert in metrics().flat_map(|metric| metric.alerts) {
            assert!(seen.insert(alert.name) && alert.name.starts_with("Ranshift"));
            assert!(alert.action.ends_with('.'), "{}", alert.name);
        }
    }
}
