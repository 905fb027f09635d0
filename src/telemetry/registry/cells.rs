//! Metrics of cells: messages by plane, switches, failovers, detection.

use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};
use crate::dataplane::counters::CellCounters;
use crate::dataplane::mailbox::Mode;
use crate::telemetry::metrics::{Samples, View};

pub(super) const TOPIC: Topic = Topic {
    title: "Cells",
    about: "Each cell: an RU served by a group of members.",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_downlink_control_total", "messages"),
        &["cell"],
        (
            "DL C-plane messages sent to the RU.",
            "Its fall to 0 is an outage: see who is active and whether that member is lost.",
        ),
        |view, samples| cells(view, samples, |cell| cell.downlink_control),
    )
    .shown(Panel {
        title: "Messages by plane",
        unit: "pps",
        form: Form::Lines,
        queries: &[("rate(ranshift_cell_downlink_control_total{}[$__rate_interval])", "{{cell}} downlink_control"), ("rate(ranshift_cell_uplink_control_total{}[$__rate_interval])", "{{cell}} uplink_control"), ("rate(ranshift_cell_downlink_user_total{}[$__rate_interval])", "{{cell}} downlink_user"), ("rate(ranshift_cell_uplink_user_total{}[$__rate_interval])", "{{cell}} uplink_user")],
    }),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_uplink_control_total", "messages"),
        &["cell"],
        (
            "UL C-plane messages sent to the RU.",
            "Without them the RU sends no uplink.",
        ),
        |view, samples| cells(view, samples, |cell| cell.uplink_control),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_downlink_user_total", "messages"),
        &["cell"],
        (
            "DL U-plane messages sent to the RU.",
            "It follows downlink traffic.",
        ),
        |view, samples| cells(view, samples, |cell| cell.downlink_user),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_uplink_user_total", "messages"),
        &["cell"],
        (
            "UL U-plane messages received from the RU, PRACH included.",
            "Its fall to 0 while UL C-plane goes out means that the RU does not answer.",
        ),
        |view, samples| cells(view, samples, |cell| cell.uplink_user),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_uplink_copies_total", "messages"),
        &["cell"],
        (
            "Copies of uplink messages made for members, the first included.",
            "Divided by uplink messages it is the number of members that hear the RU.",
        ),
        |view, samples| cells(view, samples, |cell| cell.uplink_copies),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_remapped_total", "messages"),
        &["cell"],
        (
            "DL messages moved to another antenna port.",
            "Moves only while two members share the RU.",
        ),
        |view, samples| cells(view, samples, |cell| cell.remapped),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_split_total", "messages"),
        &["cell"],
        (
            "C-plane messages split in two.",
            "Moves only while two members share the RU.",
        ),
        |view, samples| cells(view, samples, |cell| cell.split),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_section_mapped_total", "messages"),
        &["cell"],
        (
            "UL requests sent with a mapped sectionId.",
            "Moves only while two members share the RU.",
        ),
        |view, samples| cells(view, samples, |cell| cell.section_mapped),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_switches_total", "switches"),
        &["cell"],
        (
            "Planned switches that took effect.",
            "Each answers a command; its event `accepted` names who gave it.",
        ),
        |view, samples| cells(view, samples, |cell| cell.switches),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_failovers_total", "failovers"),
        &["cell"],
        (
            "Failovers that took effect.",
            "A member died or fell silent: see its log, then readmit it so that there is a standby again.",
        ),
        |view, samples| cells(view, samples, |cell| cell.failovers),
    )
    .shown(Panel {
        title: "Switches and failovers",
        unit: "short",
        form: Form::Lines,
        queries: &[("increase(ranshift_cell_switches_total{}[5m])", "{{cell}} switches"), ("increase(ranshift_cell_failovers_total{}[5m])", "{{cell}} failovers")],
    })
    .watched(&[Alert {
        name: "RanshiftFailover",
        expr: "increase(ranshift_cell_failovers_total[10m]) > 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "{{ $labels.cell }} has failed over",
        action: "The service goes on, from another server: find out why the former active member fell silent, and readmit it.",
    }, ]),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_due_missed_total", "slots"),
        &["cell"],
        (
            "Due slots of any member that closed empty.",
            "Single ones are stalls of a DU; `confirm` of them in a row are a loss.",
        ),
        |view, samples| cells(view, samples, |cell| cell.due_missed),
    )
    .shown(Panel {
        title: "Due slots that closed empty",
        unit: "short",
        form: Form::Lines,
        queries: &[("increase(ranshift_cell_due_missed_total{}[1m])", "{{cell}}")],
    })
    .watched(&[Alert {
        name: "RanshiftStalls",
        expr: "increase(ranshift_cell_due_missed_total[10m]) > 10",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "members of {{ $labels.cell }} left {{ $value }} due slots empty in ten minutes",
        action: "A DU stalls: look at its cores and its clock before it counts as lost.",
    }, ]),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_cplane_mismatches_total", "messages"),
        &["cell"],
        (
            "C-plane messages that owner_wins could not decide because members describe control symbols differently.",
            "The messages are split instead; prefer `cplane: split` for these members.",
        ),
        |view, samples| cells(view, samples, |cell| cell.cplane_mismatches),
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_cell_slot", "slots"),
        &["cell"],
        (
            "The slot on air, as counted by the appliance.",
            "It grows with time; if it stands still the cell has lost its slot count.",
        ),
        |view, samples| {
            for (names, cell) in view.observed() {
                if let Some(slot) = cell.slot {
                    samples.count(&[&names.name], slot.0);
                }
            }
        },
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_cell_sharing", "flag"),
        &["cell"],
        (
            "1 while two members share the RU.",
            "A migration is under way; it ends with a command.",
        ),
        |view, samples| {
            for (names, cell) in view.observed() {
                samples.flag(&[&names.name], matches!(cell.mode, Mode::Shared { .. }));
            }
        },
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_cell_failover_waiting", "flag"),
        &["cell"],
        (
            "1 while a decided failover waits for the first C-plane of the standby.",
            "A value that stays says that the standby does not speak: the cell is silent.",
        ),
        |view, samples| {
            for (names, cell) in view.observed() {
                samples.flag(&[&names.name], cell.waiting_for.is_some());
            }
        },
    )
    .watched(&[Alert {
        name: "RanshiftFailoverStuck",
        expr: "ranshift_cell_failover_waiting == 1",
        lasting: "5s",
        severity: Severity::Critical,
        summary: "{{ $labels.cell }} waits for a standby that does not speak",
        action: "The cell is off air: `ranshift ctl failover CELL --to MEMBER` takes another member that is in step, `readmit` puts the fenced one back on air if it lives, `fence` gives up on the one that is waited for.",
    }, ]),
    Metric::new(
        Kind::Gauge,
        ("ranshift_cell_standby_ready", "members"),
        &["cell"],
        (
            "Standbys of the armed plan that could take over now.",
            "At 0 a failure of the active member would be an outage.",
        ),
        |view, samples| {
            for (names, cell) in view.observed() {
                let ready = cell.ready_standbys();
                samples.count(&[&names.name], ready);
            }
        },
    )
    .shown(Panel {
        title: "Standbys ready to take over",
        unit: "short",
        form: Form::Lines,
        queries: &[("ranshift_cell_standby_ready{}", "{{cell}}")],
    })
    .watched(&[Alert {
        name: "RanshiftNoStandby",
        expr: "ranshift_cell_standby_ready == 0 and on (instance, cell) sum by (instance, cell) (ranshift_member_armed) > 0",
        lasting: "1m",
        severity: Severity::Warning,
        summary: "nobody could take over {{ $labels.cell }} if its active member failed",
        action: "Readmit a fenced member, bring a standby in step, or arm another one.",
    }, ]),
    Metric::new(
        Kind::Histogram,
        ("ranshift_switch_seconds", "seconds"),
        &["cell"],
        (
            "From the acceptance of a command to its boundary on air, or to the first frame of its first slot if that left earlier.",
            "It is as long as the boundary lies ahead: `next` should stay below a few slots.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                samples.histogram(&[&names.name], &tally.switch);
            }
        },
    )
    .shown(Panel {
        title: "Switch time, by hour",
        unit: "s",
        form: Form::Lines,
        queries: &[("histogram_quantile(0.5, sum by (cell, le) (rate(ranshift_switch_seconds_bucket{}[1h])))", "{{cell}} median"), ("histogram_quantile(0.99, sum by (cell, le) (rate(ranshift_switch_seconds_bucket{}[1h])))", "{{cell}} 99 %")],
    }),
    Metric::new(
        Kind::Histogram,
        ("ranshift_failover_seconds", "seconds"),
        &["cell"],
        (
            "From the decision to fail over to the first frame of the member that took over.",
            "More than a slot says that the standby was idle: see its C-plane.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                samples.histogram(&[&names.name], &tally.failover);
            }
        },
    )
    .shown(Panel {
        title: "Failover time after the decision, by hour",
        unit: "s",
        form: Form::Lines,
        queries: &[("histogram_quantile(0.5, sum by (cell, le) (rate(ranshift_failover_seconds_bucket{}[1h])))", "{{cell}} median"), ("histogram_quantile(0.99, sum by (cell, le) (rate(ranshift_failover_seconds_bucket{}[1h])))", "{{cell}} 99 %")],
    }),
    Metric::new(
        Kind::Histogram,
        ("ranshift_death_to_detection_seconds", "seconds"),
        &["cell"],
        (
            "From the last frame of a member to the instant at which liveness called it lost.",
            "It holds the longest scheduled silence of the member; declare more due slots if that is too long.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                samples.histogram(&[&names.name], &tally.death_to_detection);
            }
        },
    )
    .shown(Panel {
        title: "Death to detection and due to detection, by hour",
        unit: "s",
        form: Form::Lines,
        queries: &[("histogram_quantile(0.5, sum by (cell, le) (rate(ranshift_death_to_detection_seconds_bucket{}[1h])))", "{{cell}} median death"), ("histogram_quantile(0.99, sum by (cell, le) (rate(ranshift_death_to_detection_seconds_bucket{}[1h])))", "{{cell}} 99 % death"), ("histogram_quantile(0.5, sum by (cell, le) (rate(ranshift_due_to_detection_seconds_bucket{}[1h])))", "{{cell}} median due"), ("histogram_quantile(0.99, sum by (cell, le) (rate(ranshift_due_to_detection_seconds_bucket{}[1h])))", "{{cell}} 99 % due")],
    }),
    Metric::new(
        Kind::Histogram,
        ("ranshift_due_to_detection_seconds", "seconds"),
        &["cell"],
        (
            "From the due instant of the first empty slot of a member to the instant at which liveness called it lost.",
            "It is `grace` plus the loop's own gap, for each of `confirm` slots.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                samples.histogram(&[&names.name], &tally.due_to_detection);
            }
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_cell_prb_measured_slots_total", "slots"),
        &["cell"],
        (
            "Slots in which the PRB use of the members was measured.",
            "Divides `ranshift_member_prb_symbols_total`.",
        ),
        |view, samples| {
            for (_, names, tally) in view.cells() {
                samples.count(&[&names.name], tally.prb_slots);
            }
        },
    ),
];

pub(super) fn cells(view: &View<'_>, samples: &mut Samples, count: impl Fn(&CellCounters) -> u64) {
    for (names, cell) in view.reading.names.cells.iter().zip(&view.total.cells) {
        samples.count(&[&names.name], count(cell));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_of_a_cell_is_a_metric_of_its_name() {
        for (name, _) in CellCounters::default().named() {
            let metric = format!("ranshift_cell_{name}_total");
            let known = super::super::metrics().any(|known| known.name == metric);
            assert!(known, "{metric}");
        }
    }
}
