//! Metrics of lcores and of buffer pools.

use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};

pub(super) const TOPIC: Topic = Topic {
    title: "Lcores",
    about: "The poll loops. Cycles are those of the cycle counter, whatever the core's frequency.",
    metrics: METRICS,
};

pub(super) const MEMPOOLS: Topic = Topic {
    title: "Mempools",
    about: "Buffers that frames live in while they are here.",
    metrics: POOLS,
};

const METRICS: &[Metric] = &[
    Metric::new(
        Kind::Counter,
        ("ranshift_lcore_busy_cycles_total", "cycles"),
        &["lcore"],
        (
            "Cycles of turns that moved frames.",
            "Its part of all cycles is the load: above 0.8 move cells to another lcore.",
        ),
        |view, samples| {
            for (lcore, seen, _) in view.lcores() {
                samples.count(&[&lcore], seen.load.busy_cycles);
            }
        },
    )
    .shown(Panel {
        title: "Load of lcores",
        unit: "percentunit",
        form: Form::Lines,
        queries: &[(
            "rate(ranshift_lcore_busy_cycles_total{}[$__rate_interval]) / (rate(ranshift_lcore_busy_cycles_total{}[$__rate_interval]) + rate(ranshift_lcore_idle_cycles_total{}[$__rate_interval]))",
            "lcore {{lcore}}",
        )],
    })
    .watched(&[Alert {
        name: "RanshiftLcoreBusy",
        expr: "rate(ranshift_lcore_busy_cycles_total[5m]) / (rate(ranshift_lcore_busy_cycles_total[5m]) + rate(ranshift_lcore_idle_cycles_total[5m])) > 0.8",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "lcore {{ $labels.lcore }} of {{ $labels.instance }} is busy for {{ $value | humanizePercentage }} of the time",
        action: "Move cells to another lcore before a burst finds no time left.",
    }]),
    Metric::new(
        Kind::Counter,
        ("ranshift_lcore_idle_cycles_total", "cycles"),
        &["lcore"],
        (
            "Cycles of turns that found nothing to do, pauses and sleeps included.",
            "See busy cycles: the two add up to the time that the lcore ran.",
        ),
        |view, samples| {
            for (lcore, seen, _) in view.lcores() {
                samples.count(&[&lcore], seen.load.idle_cycles);
            }
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_lcore_turns_total", "turns"),
        &["lcore"],
        (
            "Turns of the poll loop.",
            "If it stands still the lcore does: the process has to be restarted.",
        ),
        |view, samples| {
            for (lcore, seen, _) in view.lcores() {
                samples.count(&[&lcore], seen.load.turns);
            }
        },
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_lcore_frames_total", "frames"),
        &["lcore"],
        (
            "Frames received by the lcore.",
            "Compare lcores: a large difference says that cells are badly spread.",
        ),
        |view, samples| {
            for (lcore, seen, _) in view.lcores() {
                samples.count(&[&lcore], seen.load.frames);
            }
        },
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_lcore_cycles_per_frame", "cycles"),
        &["lcore"],
        (
            "Busy cycles for each frame received, over the last report in which frames came.",
            "A lasting rise at the same traffic says that caches are shared with a noisy neighbour.",
        ),
        |view, samples| {
            for (lcore, _, tally) in view.lcores() {
                if let Some(cycles) = tally.and_then(|tally| tally.cycles_per_frame) {
                    samples.value(&[&lcore], cycles);
                }
            }
        },
    )
    .shown(Panel {
        title: "Cycles per frame",
        unit: "short",
        form: Form::Lines,
        queries: &[("ranshift_lcore_cycles_per_frame{}", "lcore {{lcore}}")],
    }),
    Metric::new(
        Kind::Gauge,
        ("ranshift_lcore_clock_hertz", "hertz"),
        &["lcore"],
        (
            "Rate of the cycle counter.",
            "Nothing: cycles divided by it are seconds.",
        ),
        |view, samples| {
            for (lcore, seen, _) in view.lcores() {
                samples.count(&[&lcore], seen.load.hz);
            }
        },
    ),
    Metric::new(
        Kind::Histogram,
        ("ranshift_lcore_longest_gap_seconds", "seconds"),
        &["lcore"],
        (
            "The longest time between two looks at the ports in each interval between two reports of the lcore.",
            "A frame may wait so long before it is seen: isolate the core and keep interrupts off it.",
        ),
        |view, samples| {
            for (lcore, _, tally) in view.lcores() {
                if let Some(tally) = tally {
                    samples.histogram(&[&lcore], &tally.gap);
                }
            }
        },
    )
    .watched(&[Alert {
        name: "RanshiftPollGap",
        expr: "sum by (instance, lcore) (increase(ranshift_lcore_longest_gap_seconds_count[5m])) - sum by (instance, lcore) (increase(ranshift_lcore_longest_gap_seconds_bucket{le=\"0.001\"}[5m])) >= 1",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "lcore {{ $labels.lcore }} of {{ $labels.instance }} did not look at its ports for more than 1 ms",
        action: "Something else runs on its core: isolate it (`ranshift doctor` says how).",
    }]),
    Metric::new(
        Kind::Gauge,
        ("ranshift_lcore_longest_gap_since_start_seconds", "seconds"),
        &["lcore"],
        (
            "The longest time between two looks at the ports since the process started.",
            "Subtract it from detection times before blaming a member; a restart sets it back.",
        ),
        |view, samples| {
            for (lcore, _, tally) in view.lcores() {
                if let Some(tally) = tally {
                    samples.value(&[&lcore], tally.longest_gap);
                }
            }
        },
    )
    .shown(Panel {
        title: "Longest poll gap, 99 % of reports and since start",
        unit: "s",
        form: Form::Lines,
        queries: &[
            (
                "histogram_quantile(0.99, sum by (lcore, le) (rate(ranshift_lcore_longest_gap_seconds_bucket{}[$__rate_interval])))",
                "lcore {{lcore}} 99 %",
            ),
            (
                "ranshift_lcore_longest_gap_since_start_seconds{}",
                "lcore {{lcore}} since start",
            ),
        ],
    }),
    Metric::new(
        Kind::Gauge,
        ("ranshift_lcore_reported_timestamp_seconds", "seconds"),
        &["lcore"],
        (
            "When the lcore reported last, in seconds since the Unix epoch.",
            "Older than a few seconds: the lcore or the control threads are stuck, and all figures are stale.",
        ),
        |view, samples| {
            for (lcore, seen, _) in view.lcores() {
                samples.value(&[&lcore], seen.at.0 as f64 / 1e9);
            }
        },
    )
    .watched(&[Alert {
        name: "RanshiftLcoreSilent",
        expr: "time() - ranshift_lcore_reported_timestamp_seconds > 15",
        lasting: "15s",
        severity: Severity::Critical,
        summary: "lcore {{ $labels.lcore }} of {{ $labels.instance }} has not reported for {{ $value | humanizeDuration }}",
        action: "The lcore or the control threads are stuck; if clocks of both machines agree, restart the process.",
    }]),
];

const POOLS: &[Metric] = &[
    Metric::new(
        Kind::Gauge,
        ("ranshift_mempool_buffers", "buffers"),
        &["mempool"],
        (
            "Buffers of the pool in all.",
            "Nothing: it is fixed when the process starts.",
        ),
        |view, samples| {
            for pool in view.reading.pools {
                samples.count(&[&pool.name], u64::from(pool.size));
            }
        },
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_mempool_in_use_buffers", "buffers"),
        &["mempool"],
        (
            "Buffers that are not in the pool: in receive queues, in transmit queues, or on their way.",
            "It returns to a resting level without traffic; a lasting rise is a leak to report.",
        ),
        |view, samples| {
            for pool in view.reading.pools {
                samples.count(&[&pool.name], u64::from(pool.in_use));
            }
        },
    )
    .shown(Panel {
        title: "Buffers in use",
        unit: "percentunit",
        form: Form::Lines,
        queries: &[(
            "ranshift_mempool_in_use_buffers{} / ranshift_mempool_buffers{}",
            "{{mempool}}",
        )],
    })
    .watched(&[Alert {
        name: "RanshiftMempoolLow",
        expr: "ranshift_mempool_in_use_buffers / ranshift_mempool_buffers > 0.9",
        lasting: "1m",
        severity: Severity::Warning,
        summary: "mempool {{ $labels.mempool }} of {{ $labels.instance }} is used to {{ $value | humanizePercentage }}",
        action: "Without buffers copies are dropped (`no_buffer`): look for a port that does not send.",
    }]),
];
