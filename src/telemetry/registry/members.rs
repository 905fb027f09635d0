//! Metrics of members: roles, liveness, PRB use.

use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};
use crate::dataplane::observation::{CellObservation, Role};
use crate::telemetry::metrics::{Samples, Seat, View};

pub(super) const TOPIC: Topic = Topic {
    title: "Members",
    about: "The members of each cell's group: one for each DU that may serve it.",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    Metric::new(
        Kind::Gauge,
        ("ranshift_member_role", "flag"),
        &["cell", "member", "role"],
        (
            "1 for the role that the member has in the slot on air, 0 for the others: `active`, `sharing`, `standby`, `fenced`.",
            "A change is a switch, a migration or a failover: the events name the cause.",
        ),
        |view, samples| {
            for (cell, _, member) in view.members() {
                for role in Role::ALL {
                    let labels = [cell.name.as_str(), member.name, role.label()];
                    samples.flag(&labels, member.seen.role == role);
                }
            }
        },
    )
    .shown(Panel {
        title: "Who is active",
        unit: "short",
        form: Form::States,
        queries: &[("ranshift_member_role{role=\"active\"}", "{{cell}} {{member}}")],
    }),
    Metric::new(
        Kind::Gauge,
        ("ranshift_member_in_step", "flag"),
        &["cell", "member"],
        (
            "1 if a valid frame of the member lay within the step window of late.",
            "At 0 the member hears no uplink and cannot take over: look whether it runs and has the same time.",
        ),
        |view, samples| flags(view, samples, |_, member| member.seen.in_step),
    )
    .shown(Panel {
        title: "Members in step",
        unit: "short",
        form: Form::States,
        queries: &[("ranshift_member_in_step{}", "{{cell}} {{member}}")],
    }),
    Metric::new(
        Kind::Gauge,
        ("ranshift_member_lost", "flag"),
        &["cell", "member"],
        (
            "1 from loss until the member is heard again.",
            "Its server or its path is dead.",
        ),
        |view, samples| flags(view, samples, |_, member| member.seen.lost),
    )
    .watched(&[Alert {
        name: "RanshiftActiveLost",
        expr: "ranshift_member_lost == 1 and on (instance, cell, member) ranshift_member_role{role=~\"active|sharing\"} == 1",
        lasting: "5s",
        severity: Severity::Critical,
        summary: "{{ $labels.member }} speaks for {{ $labels.cell }} and is lost",
        action: "The cell is off air and nobody took over: fail over by hand or restart the member.",
    }, Alert {
        name: "RanshiftMemberLost",
        expr: "ranshift_member_lost == 1",
        lasting: "1m",
        severity: Severity::Warning,
        summary: "{{ $labels.member }} of {{ $labels.cell }} has fallen silent",
        action: "Look at its server and path; until it is back it is no standby.",
    }, ]),
    Metric::new(
        Kind::Gauge,
        ("ranshift_member_ready", "flag"),
        &["cell", "member"],
        (
            "1 if the member could become active now: not fenced, in step, not lost, and free if it is pooled.",
            "At 0 `ranshift ctl` says which of these is not so.",
        ),
        |view, samples| flags(view, samples, |_, member| member.seen.ready),
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_member_armed", "flag"),
        &["cell", "member"],
        (
            "1 if the member stands in the armed plan of failover.",
            "At 0 for all members nobody takes over when the active one is lost.",
        ),
        |view, samples| flags(view, samples, |cell, member| member.is_in(cell.plan)),
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_member_heard_timestamp_seconds", "seconds"),
        &["cell", "member"],
        (
            "When the last valid frame of the member came, in seconds since the Unix epoch; no sample if none ever did.",
            "`time()` minus it is the silence; a busy DU is heard in every slot.",
        ),
        |view, samples| {
            for (cell, _, member) in view.members() {
                let heard = member.seen.last_heard.0;
                if heard > 0 {
                    samples.value(&[&cell.name, member.name], heard as f64 / 1e9);
                }
            }
        },
    ),
    Metric::new(
        Kind::Histogram,
        ("ranshift_member_liveness_margin_seconds", "seconds"),
        &["cell", "member"],
        (
            "How early before a due slot of the member would have closed its first frame came; the lowest bucket holds frames that came after.",
            "A growing part in the low buckets warns of false alarms: raise `grace`, or find out what delays the member.",
        ),
        |view, samples| {
            for (cell, _, member) in view.members() {
                samples.margins(&[&cell.name, member.name], &member.seen.margins);
            }
        },
    )
    .shown(Panel {
        title: "Liveness margin, lowest 1 % of due slots",
        unit: "s",
        form: Form::Lines,
        queries: &[("histogram_quantile(0.01, sum by (cell, member, le) (rate(ranshift_member_liveness_margin_seconds_bucket{}[$__rate_interval])))", "{{cell}} {{member}}")],
    })
    .watched(&[Alert {
        name: "RanshiftThinMargin",
        expr: "sum by (instance, cell, member) (rate(ranshift_member_liveness_margin_seconds_bucket{le=~\"0.00005|5e-05\"}[5m])) / sum by (instance, cell, member) (rate(ranshift_member_liveness_margin_seconds_count[5m])) > 0.001",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "{{ $labels.member }} of {{ $labels.cell }} is often heard less than 50 us before it would count as silent",
        action: "Raise `grace` of the cell, or find out what delays the member.",
    }, ]),
    Metric::new(
        Kind::Counter,
        ("ranshift_member_prb_symbols_total", "PRB-symbols"),
        &["cell", "member"],
        (
            "Downlink PRB-symbols that the member announced or used in measured slots, frames dropped for not owning the slot included.",
            "It is the demand that an adaptive slot pattern follows.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                for member in &names.members {
                    let used = tally.prb_symbols.get(member).copied();
                    samples.count(&[&names.name, member], used.unwrap_or(0));
                }
            }
        },
    )
    .shown(Panel {
        title: "PRB-symbols a slot",
        unit: "short",
        form: Form::Lines,
        queries: &[("rate(ranshift_member_prb_symbols_total{}[$__rate_interval]) / on (instance, cell) group_left () (rate(ranshift_cell_prb_measured_slots_total{}[$__rate_interval]) > 0)", "{{cell}} {{member}}")],
    }),
];

fn flags(
    view: &View<'_>,
    samples: &mut Samples,
    flag: impl Fn(&CellObservation, Seat<'_>) -> bool,
) {
    for (names, cell, member) in view.members() {
        samples.flag(&[&names.name, member.name], flag(cell, member));
    }
}
