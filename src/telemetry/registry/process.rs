//! Metrics of the appliance as a whole.

use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};
use crate::dataplane::mailbox::EventKind;

pub(super) const TOPIC: Topic = Topic {
    title: "Appliance",
    about: "The process, its configuration and what it has said.",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    Metric::new(
        Kind::Gauge,
        ("ranshift_build_info", "info"),
        &["version"],
        (
            "Always 1; the label is the version of the program.",
            "Nothing: it says which version an appliance runs.",
        ),
        |_, samples| samples.count(&[env!("CARGO_PKG_VERSION")], 1),
    )
    .shown(Panel {
        title: "Version",
        unit: "short",
        form: Form::Figure,
        queries: &[("ranshift_build_info{}", "{{version}}")],
    })
    .watched(&[Alert {
        name: "RanshiftDown",
        expr: "up{job=\"ranshift\"} == 0",
        lasting: "30s",
        severity: Severity::Critical,
        summary: "{{ $labels.instance }} does not answer",
        action: "Look whether the process runs; frames may still flow if only its control threads are stuck.",
    }]),
    Metric::new(
        Kind::Gauge,
        ("process_start_time_seconds", "seconds"),
        &[],
        (
            "When the process started, in seconds since the Unix epoch.",
            "A new value is a restart: read the log for its cause.",
        ),
        |view, samples| samples.value(&[], view.reading.process.started.0 as f64 / 1e9),
    )
    .watched(&[Alert {
        name: "RanshiftRestarted",
        expr: "changes(process_start_time_seconds{job=\"ranshift\"}[15m]) > 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} has restarted",
        action: "Read the log before the restart; live state kept the sequence numbers.",
    }]),
    Metric::new(
        Kind::Gauge,
        ("process_resident_memory_bytes", "bytes"),
        &[],
        (
            "Memory that the process holds.",
            "It is flat after the start; steady growth is a defect to report.",
        ),
        |view, samples| {
            if let Some(bytes) = view.reading.process.resident_bytes {
                samples.count(&[], bytes);
            }
        },
    )
    .shown(Panel {
        title: "Memory",
        unit: "bytes",
        form: Form::Lines,
        queries: &[("process_resident_memory_bytes{}", "{{instance}}")],
    }),
    Metric::new(
        Kind::Gauge,
        ("ranshift_live_state_kept", "flag"),
        &[],
        (
            "1 if the live state of the configuration is kept, 0 if its file could not be had; absent without `state`.",
            "At 0 a restart begins with new sequence numbers and the configured roles: read the log.",
        ),
        |view, samples| {
            if let Some(kept) = view.reading.process.live_state_kept {
                samples.flag(&[], kept);
            }
        },
    )
    .watched(&[Alert {
        name: "RanshiftLiveStateNotKept",
        expr: "ranshift_live_state_kept == 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} runs without the live state that it is told to keep",
        action: "The log and `ranshift doctor` say why; mend the file's folder and restart at a quiet hour.",
    }]),
    Metric::new(
        Kind::Gauge,
        ("ranshift_config_term", "term"),
        &[],
        (
            "Term of the tables that every lcore has in force.",
            "It grows by each configuration applied; if it does not after an apply, an lcore is stuck.",
        ),
        |view, samples| {
            let terms = view.reading.lcores.iter().map(|(_, lcore)| lcore.term);
            if let Some(term) = terms.min() {
                samples.count(&[], term);
            }
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_events_total", "events"),
        &["cell", "event"],
        (
            "Events told by the lcores, by cell and kind.",
            "Read them with `ranshift ctl events`: each has its cause.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                for (label, count) in EventKind::LABELS.iter().zip(&tally.events) {
                    samples.count(&[&names.name, label], *count);
                }
            }
        },
    )
    .shown(Panel {
        title: "Events a minute",
        unit: "short",
        form: Form::Lines,
        queries: &[(
            "sum by (cell, event) (increase(ranshift_events_total{event!=\"prb_use\"}[1m])) > 0",
            "{{cell}} {{event}}",
        )],
    })
    .watched(&[Alert {
        name: "RanshiftFailoverImpossible",
        expr: "increase(ranshift_events_total{event=\"failover_impossible\"}[5m]) > 0",
        lasting: "0s",
        severity: Severity::Critical,
        summary: "{{ $labels.cell }} has lost its active member and nobody could take over",
        action: "`ranshift ctl events` names the refusal; readmit or arm a standby that is in step.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_events_lost_total", "events"),
        &[],
        (
            "Events that found the mailbox full, so that control never heard them.",
            "Control threads are starved: give them a core that no lcore polls.",
        ),
        |view, samples| samples.count(&[], view.total.events_lost),
    )
    .watched(&[Alert {
        name: "RanshiftEventsLost",
        expr: "increase(ranshift_events_lost_total[5m]) > 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} has lost events between lcore and control",
        action: "Counters stay right, the log of events has gaps; give control threads a core of their own.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_events_ptp_seen_total", "frames"),
        &[],
        (
            "PTP frames seen in the data path.",
            "Let PTP bypass the appliance: a software hop ruins its accuracy.",
        ),
        |view, samples| samples.count(&[], view.total.ptp_seen),
    )
    .watched(&[Alert {
        name: "RanshiftPtpSeen",
        expr: "rate(ranshift_events_ptp_seen_total[5m]) > 0",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "PTP goes through {{ $labels.instance }}",
        action: "Route PTP around the appliance, or give RU and DU another clock.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_api_requests_total", "requests"),
        &["route", "code"],
        (
            "Requests answered by the API, by route and HTTP status code.",
            "401 is a bad token, 403 a role that may not or a foreign host or origin, 409 a refused command, 429 a client in a hurry, 503 and 504 too much at once or an lcore that is silent; other 5xx are defects to report.",
        ),
        |view, samples| {
            for ((route, code), count) in &view.reading.tally.requests {
                samples.count(&[route, &code.to_string()], *count);
            }
        },
    )
    .shown(Panel {
        title: "API requests",
        unit: "reqps",
        form: Form::Lines,
        queries: &[(
            "sum by (route, code) (rate(ranshift_api_requests_total{}[$__rate_interval]))",
            "{{route}} {{code}}",
        )],
    })
    .watched(&[Alert {
        name: "RanshiftApiRefusesTokens",
        expr: "sum by (instance) (increase(ranshift_api_requests_total{code=~\"401|403\"}[5m])) > 10",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} has refused more than ten requests in five minutes for their token, role, host or origin",
        action: "The log names the address and why: a token has been changed, a page of another site tries commands, or somebody is guessing.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_recordings_total", "recordings"),
        &["result"],
        (
            "Flight recordings by result, `written` or `failed`.",
            "A written one shows what happened: `ranshift replay` makes the same verdicts from it.",
        ),
        |view, samples| {
            let recordings = view.reading.recordings;
            samples.count(&["written"], recordings.written);
            samples.count(&["failed"], recordings.failed);
        },
    )
    .watched(&[Alert {
        name: "RanshiftRecordingFailed",
        expr: "increase(ranshift_recordings_total{result=\"failed\"}[15m]) > 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} could not write a flight recording",
        action: "Look at the recorder's folder: space, permissions; the log names the error.",
    }]),
];
