//! Metrics of the midhaul: DUs and their CUs.

use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};
use crate::dataplane::counters::PairCounters;
use crate::dataplane::observation::PairObservation;
use crate::telemetry::metrics::{Samples, View};

pub(super) const TOPIC: Topic = Topic {
    title: "Midhaul",
    about: "The F1-C of each DU whose configuration has `f1`; see [the midhaul](midhaul.md).",
    metrics: METRICS,
};

const METRICS: &[Metric] = &[
    Metric::new(
        Kind::Gauge,
        ("ranshift_midhaul_associations", "associations"),
        &["du"],
        (
            "Associations of the DU with its CU of which a verification tag is known.",
            "At 0 the CU cannot be told when the DU is lost: its association is not up, or idle and not seen yet.",
        ),
        |view, samples| observed(view, samples, |seen| f64::from(seen.open)),
    )
    .shown(Panel {
        title: "F1-C associations",
        unit: "short",
        form: Form::Lines,
        queries: &[("ranshift_midhaul_associations{}", "{{du}}")],
    }),
    Metric::new(
        Kind::Gauge,
        ("ranshift_midhaul_fenced", "flag"),
        &["du"],
        (
            "1 from the loss of the DU until it is readmitted: its F1-C does not reach the CU.",
            "Readmit the DU once it is sound.",
        ),
        |view, samples| observed(view, samples, |seen| f64::from(u8::from(seen.fenced))),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_packets_total", "packets"),
        &["du", "from"],
        (
            "SCTP packets between the DU and its CU, by who sent them: `du` or `cu`.",
            "A DU that falls silent here has lost its association, or its link.",
        ),
        |view, samples| {
            each(view, samples, |count| [("du", count.from_du), ("cu", count.from_cu)]);
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_bytes_total", "bytes"),
        &["du", "from"],
        (
            "Bytes of these packets, headers included.",
            "It grows and falls silent with the packets.",
        ),
        |view, samples| {
            each(view, samples, |count| {
                [("du", count.from_du_bytes), ("cu", count.from_cu_bytes)]
            });
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_unbelieved_packets_total", "packets"),
        &["du", "why"],
        (
            "Packets that passed but told nothing: `wrong_checksum`, `malformed`, `unread` (IP fragments), `conflicts` (tags that contradict the valid ones), `unwatched` (more associations than are watched).",
            "A few conflicts come with restarts; many mean that somebody forges packets.",
        ),
        |view, samples| {
            each(view, samples, |count| {
                [
                    ("wrong_checksum", count.wrong_checksum),
                    ("malformed", count.malformed),
                    ("unread", count.unread),
                    ("conflicts", count.conflicts),
                    ("unwatched", count.unwatched),
                ]
            });
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_association_changes_total", "changes"),
        &["du", "change"],
        (
            "What became of associations: `handshakes`, `joined` (met in the middle), `restarts`, `ended` (by DU or CU), `aborted` (from here).",
            "A restart without a failover is a DU that came back within the timers of the CU.",
        ),
        |view, samples| {
            each(view, samples, |count| {
                [
                    ("handshakes", count.handshakes),
                    ("joined", count.joined),
                    ("restarts", count.restarts),
                    ("ended", count.ended),
                    ("aborted", count.aborted),
                ]
            });
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_abort_packets_total", "packets"),
        &["du"],
        (
            "ABORT packets made because the DU was lost, copies and those to the DU included.",
            "Six for each association at a loss.",
        ),
        |view, samples| one(view, samples, |count| count.abort_packets),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_aborts_disproved_total", "packets"),
        &["du"],
        (
            "Packets of the CU for an association that it had been told was gone; each was answered with another ABORT.",
            "The CU does not hear the appliance: look at the path, and whether it demands authenticated ABORT.",
        ),
        |view, samples| one(view, samples, |count| count.aborts_disproved),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_tags_unknown_total", "losses"),
        &["du"],
        (
            "Losses of the DU of which its CU could not be told, because no tag was known.",
            "The CU finds out by its own timers, which may take minutes: restart what it still holds of this DU.",
        ),
        |view, samples| one(view, samples, |count| count.tags_unknown),
    )
    .watched(&[Alert {
        name: "RanshiftCuNotTold",
        expr: "increase(ranshift_midhaul_tags_unknown_total[10m]) > 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "the CU of {{ $labels.du }} could not be told that it is gone",
        action: "The CU keeps the users of this DU until its own timers end: release them there, and look why the association had not been seen.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_midhaul_fenced_packets_total", "packets"),
        &["du", "chunk"],
        (
            "SCTP packets of the fenced DU that did not reach the CU, by first chunk: `init`, `data`, `sack`, `other`.",
            "It grows while a half-alive DU tries to come back: readmit it, or stop it.",
        ),
        |view, samples| {
            each(view, samples, |count| {
                [
                    ("init", count.fenced_init),
                    ("data", count.fenced_data),
                    ("sack", count.fenced_sack),
                    ("other", count.fenced_other),
                ]
            });
        },
    ),
];

fn counted<'v>(view: &'v View<'_>) -> impl Iterator<Item = (&'v str, &'v PairCounters)> {
    let names = view.reading.names.pairs.iter().map(String::as_str);
    names.zip(&view.total.pairs)
}

fn one(view: &View<'_>, samples: &mut Samples, count: impl Fn(&PairCounters) -> u64) {
    for (du, counters) in counted(view) {
        samples.count(&[du], count(counters));
    }
}

fn each<const N: usize>(
    view: &View<'_>,
    samples: &mut Samples,
    counts: impl Fn(&PairCounters) -> [(&'static str, u64); N],
) {
    for (du, counters) in counted(view) {
        for (label, count) in counts(counters) {
            samples.count(&[du, label], count);
        }
    }
}

fn observed(view: &View<'_>, samples: &mut Samples, value: impl Fn(&PairObservation) -> f64) {
    for (index, du) in view.reading.names.pairs.iter().enumerate() {
        let mut lcores = view.reading.lcores.iter();
        let seen = lcores.find_map(|(_, lcore)| lcore.pairs.get(index)?.as_ref());
        if let Some(seen) = seen {
            samples.value(&[du], value(seen));
        }
    }
}
