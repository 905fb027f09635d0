//! Metrics of the FAPI plane of cells.

use super::cells::cells;
use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};

pub(super) const TOPIC: Topic = Topic {
    title: "FAPI",
    about: "The FAPI plane of each cell: an L2 served by a group of PHYs.",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_fapi_requests_total", "messages"),
        &["cell"],
        (
            "Requests of the L2 that went whole to a PHY.",
            "It stands still while the L2 has nothing to send.",
        ),
        |view, samples| cells(view, samples, |cell| cell.fapi_requests),
    )
    .shown(Panel {
        title: "FAPI messages",
        unit: "pps",
        form: Form::Lines,
        queries: &[
            ("rate(ranshift_cell_fapi_requests_total{}[$__rate_interval])", "{{cell}} requests"),
            ("rate(ranshift_cell_fapi_indications_total{}[$__rate_interval])", "{{cell}} indications"),
        ],
    }),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_fapi_request_nulls_total", "messages"),
        &["cell"],
        (
            "NULL requests for standbys, made from requests of the L2.",
            "With one standby it grows with the requests.",
        ),
        |view, samples| cells(view, samples, |cell| cell.fapi_request_nulls),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_fapi_clock_nulls_total", "messages"),
        &["cell"],
        (
            "NULL requests made by the slot clock, where the L2 sent nothing in time.",
            "Two a slot and standby while the L2 is silent.",
        ),
        |view, samples| cells(view, samples, |cell| cell.fapi_clock_nulls),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_fapi_indications_total", "messages"),
        &["cell"],
        (
            "Indications of PHYs that went to the L2.",
            "At least one a slot; its fall to 0 means that no PHY is heard.",
        ),
        |view, samples| cells(view, samples, |cell| cell.fapi_indications),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_fapi_made_up_slots_total", "messages"),
        &["cell"],
        (
            "SLOT.indications made up because no PHY sent them in time.",
            "A few at a failover; more means that the active PHY stalls or the network loses messages.",
        ),
        |view, samples| cells(view, samples, |cell| cell.fapi_made_up_slots),
    )
    .shown(Panel {
        title: "SLOT.indications made up",
        unit: "short",
        form: Form::Lines,
        queries: &[("increase(ranshift_cell_fapi_made_up_slots_total{}[1m])", "{{cell}}")],
    })
    .watched(&[Alert {
        name: "RanshiftSlotsMadeUp",
        expr: "increase(ranshift_cell_fapi_made_up_slots_total[10m]) > 100",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $value }} SLOT.indications of {{ $labels.cell }} were made up in ten minutes",
        action: "The active PHY stalls, or messages are lost on the way: look at its cores and at the drops of its port.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_fapi_failed_crcs_total", "blocks"),
        &["cell"],
        (
            "Transport blocks of a lost PHY that the L2 was told to have failed.",
            "Only with `fail_crc`, at a failover.",
        ),
        |view, samples| cells(view, samples, |cell| cell.fapi_failed_crcs),
    ),
];
