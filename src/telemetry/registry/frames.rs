//! Metrics of frames: the ledger, drops by reason, ports and peers.

use super::{Alert, Form, Kind, Metric, Panel, Severity, Topic};
use crate::dataplane::counters::{Drops, PeerCounters, PortCounters};
use crate::dataplane::verdict::DropReason;
use crate::telemetry::metrics::{Samples, View};

pub(super) const LEDGER: Topic = Topic {
    title: "Ledger and drops",
    about: "Every frame accounted for: received + originated + copied = sent + held + merged + punted + \
            dropped, at every moment, and each dropped frame has one reason of the closed list in \
            [drop-reasons.md](drop-reasons.md).",
    metrics: LEDGER_METRICS,
};

pub(super) const PORTS: Topic = Topic {
    title: "Ports",
    about: "What goes over the wire, as the data path counts it.",
    metrics: PORT_METRICS,
};

pub(super) const PEERS: Topic = Topic {
    title: "Peers",
    about: "RUs and DUs, as senders.",
    metrics: PEER_METRICS,
};

const LEDGER_METRICS: &[Metric] = &[
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_received_total", "frames"),
        &[],
        (
            "Frames taken from ports.",
            "The first term of the ledger: with originated and copied it equals what was sent, held, merged, punted and dropped.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.received),
    )
    .shown(Panel {
        title: "Frames",
        unit: "pps",
        form: Form::Lines,
        queries: &[("rate(ranshift_ledger_received_total{}[$__rate_interval])", "received"), ("rate(ranshift_ledger_copied_total{}[$__rate_interval])", "copied"), ("rate(ranshift_ledger_sent_total{}[$__rate_interval])", "sent"), ("rate(ranshift_ledger_dropped_total{}[$__rate_interval])", "dropped")],
    }),
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_originated_total", "frames"),
        &[],
        (
            "Frames the appliance made from nothing.",
            "See the ledger's balance.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.originated),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_copied_total", "frames"),
        &[],
        (
            "Extra frames made from one received: mirrors, parts of a split, messages of a concatenation.",
            "It follows uplink traffic times the members in step; a fall means that a member has gone out of step.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.copied),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_sent_total", "frames"),
        &[],
        (
            "Frames accepted by egress ports.",
            "See the ledger's balance.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.sent),
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_ledger_held", "frames"),
        &[],
        (
            "Frames held now, those on the way between lcores among them.",
            "It returns to 0 without traffic.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.held),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_merged_total", "frames"),
        &[],
        (
            "Frames merged into another.",
            "See the ledger's balance.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.merged),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_punted_total", "frames"),
        &[],
        (
            "Frames handed to control.",
            "See the ledger's balance.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.punted),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_ledger_dropped_total", "frames"),
        &[],
        (
            "Frames that ended here, each with a reason.",
            "Look at the drops by reason: a standby's frames end here all the time, and that is right.",
        ),
        |view, samples| samples.count(&[], view.total.ledger.dropped),
    ),
    Metric::new(
        Kind::Gauge,
        ("ranshift_ledger_balance", "frames"),
        &[],
        (
            "Received, originated and copied frames minus all others: 0 unless a frame vanished without a reason.",
            "Anything but 0 is a defect: save `ranshift ctl capture` of the cells and report it.",
        ),
        |view, samples| samples.value(&[], view.total.ledger.balance() as f64),
    )
    .shown(Panel {
        title: "Frames not accounted for",
        unit: "short",
        form: Form::Zero,
        queries: &[("abs(ranshift_ledger_balance{})", "balance")],
    })
    .watched(&[Alert {
        name: "RanshiftFramesUnaccounted",
        expr: "ranshift_ledger_balance != 0",
        lasting: "1m",
        severity: Severity::Critical,
        summary: "{{ $value }} frames of {{ $labels.instance }} are not accounted for",
        action: "A defect: keep the counters and a flight recording, and report it.",
    }, ]),
    Metric::new(
        Kind::Counter,
        ("ranshift_drops_total", "frames"),
        &["reason"],
        (
            "Frames that ended here, by drop reason.",
            "Each reason is explained in drop-reasons.md; `not_active` and `absorbed` are the normal fate of a standby's frames.",
        ),
        |view, samples| drops(&[], &view.total.drops, true, samples),
    )
    .shown(Panel {
        title: "Drops by reason",
        unit: "pps",
        form: Form::Lines,
        queries: &[("sum by (reason) (rate(ranshift_drops_total{}[$__rate_interval])) > 0", "{{reason}}")],
    })
    .watched(&[Alert {
        name: "RanshiftOverload",
        expr: "sum by (instance, reason) (rate(ranshift_drops_total{reason=~\".*_full|no_buffer\"}[1m])) > 0",
        lasting: "1m",
        severity: Severity::Critical,
        summary: "{{ $labels.instance }} drops frames that it should have sent ({{ $labels.reason }})",
        action: "A port or an lcore cannot take the load: look at the load of lcores, buffers in use and the port's link.",
    }, Alert {
        name: "RanshiftConflict",
        expr: "sum by (instance) (increase(ranshift_drops_total{reason=\"conflict\"}[5m])) > 0",
        lasting: "0s",
        severity: Severity::Warning,
        summary: "two members have spoken on one eAxC and symbol at {{ $labels.instance }}",
        action: "The later frame was dropped and the RU saw one: look at the slot pattern and at who believes to be active.",
    }, Alert {
        name: "RanshiftUnknownFrames",
        expr: "sum by (instance, reason) (rate(ranshift_drops_total{reason=~\"unknown_peer|unknown_eaxc|wrong_way\"}[5m])) > 0",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "{{ $labels.instance }} drops frames that the configuration does not know ({{ $labels.reason }})",
        action: "Compare MAC addresses, VLAN and eAxC ids with `ranshift inspect` of a capture.",
    }, Alert {
        name: "RanshiftLateFrames",
        expr: "sum by (instance) (rate(ranshift_drops_total{reason=\"late\"}[5m])) > 0",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "frames of a former owner arrive at {{ $labels.instance }} after late_tolerance",
        action: "The former active member is delayed by more than late_tolerance: look at its link.",
    }, ]),
];

const PORT_METRICS: &[Metric] = &[
    Metric::new(
        Kind::Counter,
        ("ranshift_port_received_total", "frames"),
        &["port"],
        (
            "Frames received on the port.",
            "Its fall to 0 means a dead link or a dead sender.",
        ),
        |view, samples| ports(view, samples, |port| port.received),
    )
    .shown(Panel {
        title: "Frames by port",
        unit: "pps",
        form: Form::Lines,
        queries: &[("rate(ranshift_port_received_total{}[$__rate_interval])", "{{port}} received"), ("-rate(ranshift_port_sent_total{}[$__rate_interval])", "{{port}} sent")],
    }),
    Metric::new(
        Kind::Counter,
        ("ranshift_port_received_bytes_total", "bytes"),
        &["port"],
        (
            "Bytes received on the port.",
            "Compare with the link's speed.",
        ),
        |view, samples| ports(view, samples, |port| port.received_bytes),
    )
    .shown(Panel {
        title: "Bits by port",
        unit: "bps",
        form: Form::Lines,
        queries: &[("8 * rate(ranshift_port_received_bytes_total{}[$__rate_interval])", "{{port}} received"), ("-8 * rate(ranshift_port_sent_bytes_total{}[$__rate_interval])", "{{port}} sent")],
    }),
    Metric::new(
        Kind::Counter,
        ("ranshift_port_sent_total", "frames"),
        &["port"],
        (
            "Frames sent on the port.",
            "Its fall to 0 on the RU's side is an outage of the cell.",
        ),
        |view, samples| ports(view, samples, |port| port.sent),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_port_sent_bytes_total", "bytes"),
        &["port"],
        (
            "Bytes sent on the port.",
            "Uplink is copied to each member in step: plan DU-side links for it.",
        ),
        |view, samples| ports(view, samples, |port| port.sent_bytes),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_port_lost_total", "frames"),
        &["port", "loss"],
        (
            "Frames that the port lost before they were received, as its driver counts: missed (its queue was full), no_buffer, errors (damaged on the wire).",
            "missed: the lcore is late, look at its load and longest gap; errors: look at optic and cable.",
        ),
        |view, samples| {
            let ports = view.reading.names.ports.iter().zip(view.reading.losses);
            for (name, lost) in ports.filter_map(|(name, lost)| Some((name, lost.as_ref()?))) {
                samples.count(&[name, "missed"], lost.missed);
                samples.count(&[name, "no_buffer"], lost.no_buffer);
                samples.count(&[name, "errors"], lost.errors);
            }
        },
    )
    .shown(Panel {
        title: "Lost before the appliance",
        unit: "pps",
        form: Form::Lines,
        queries: &[("rate(ranshift_port_lost_total{}[$__rate_interval]) > 0", "{{port}} {{loss}}")],
    })
    .watched(&[Alert {
        name: "RanshiftPortLoss",
        expr: "sum by (instance, port, loss) (rate(ranshift_port_lost_total[1m])) > 0",
        lasting: "1m",
        severity: Severity::Critical,
        summary: "port {{ $labels.port }} of {{ $labels.instance }} loses frames ({{ $labels.loss }})",
        action: "missed or no_buffer: the lcore of the port cannot take the load; errors: look at optic and cable.",
    }, ]),
    Metric::new(
        Kind::Gauge,
        ("ranshift_port_link_up", "flag"),
        &["port"],
        (
            "1 if the driver says that the link is up: only a hint, most virtual ports always say so.",
            "At 0 look at cable, optic and switch port.",
        ),
        |view, samples| {
            for (name, up) in view.reading.names.ports.iter().zip(view.reading.links) {
                samples.flag(&[name], *up);
            }
        },
    )
    .watched(&[Alert {
        name: "RanshiftPortDown",
        expr: "ranshift_port_link_up == 0",
        lasting: "10s",
        severity: Severity::Critical,
        summary: "port {{ $labels.port }} of {{ $labels.instance }} has no link",
        action: "Look at cable, optic and switch port; members behind it are lost meanwhile.",
    }, ]),
];

const PEER_METRICS: &[Metric] = &[
    Metric::new(
        Kind::Counter,
        ("ranshift_peer_received_total", "frames"),
        &["peer"],
        (
            "Frames received from the peer.",
            "Its fall to 0 means that the peer or its path is dead.",
        ),
        |view, samples| peers(view, samples, |peer| peer.received),
    )
    .shown(Panel {
        title: "Frames by peer",
        unit: "pps",
        form: Form::Lines,
        queries: &[("rate(ranshift_peer_received_total{}[$__rate_interval])", "{{peer}}")],
    }),
    Metric::new(
        Kind::Counter,
        ("ranshift_peer_missing_total", "sequence numbers"),
        &["peer"],
        (
            "Sequence numbers of the peer that never came.",
            "Frames are lost before the appliance: look at the peer's port and the switch between.",
        ),
        |view, samples| peers(view, samples, |peer| peer.missing),
    )
    .shown(Panel {
        title: "Sequence numbers missing, duplicate, reordered",
        unit: "pps",
        form: Form::Lines,
        queries: &[("rate(ranshift_peer_missing_total{}[$__rate_interval]) > 0", "{{peer}} missing"), ("rate(ranshift_peer_duplicate_total{}[$__rate_interval]) > 0", "{{peer}} duplicate"), ("rate(ranshift_peer_reordered_total{}[$__rate_interval]) > 0", "{{peer}} reordered")],
    })
    .watched(&[Alert {
        name: "RanshiftPeerLossy",
        expr: "rate(ranshift_peer_missing_total[5m]) > 0",
        lasting: "5m",
        severity: Severity::Warning,
        summary: "frames of {{ $labels.peer }} are lost on their way to {{ $labels.instance }}",
        action: "Look at the peer's port and the switch between, at pause frames and queue drops.",
    }, ]),
    Metric::new(
        Kind::Counter,
        ("ranshift_peer_duplicate_total", "sequence numbers"),
        &["peer"],
        (
            "Sequence numbers of the peer that came twice.",
            "Something between duplicates frames: look for a loop or a mirror port.",
        ),
        |view, samples| peers(view, samples, |peer| peer.duplicate),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_peer_reordered_total", "frames"),
        &["peer"],
        (
            "Frames of the peer behind the newest of their stream.",
            "Several paths or queues between: fronthaul needs one.",
        ),
        |view, samples| peers(view, samples, |peer| peer.reordered),
    ),
    Metric::new(
        Kind::Counter,
        ("ranshift_peer_drops_total", "frames"),
        &["peer", "reason"],
        (
            "Frames of the peer that ended here, by drop reason; with more than 256 peers only reasons that occurred.",
            "It says whose frames the drops by reason are.",
        ),
        |view, samples| {
            let peers = &view.reading.names.peers;
            for (name, peer) in peers.iter().zip(&view.total.peers) {
                drops(&[name], &peer.drops, peers.len() <= EVERY_REASON, samples);
            }
        },
    )
    .shown(Panel {
        title: "Drops by peer",
        unit: "pps",
        form: Form::Lines,
        queries: &[("sum by (peer, reason) (rate(ranshift_peer_drops_total{}[$__rate_interval])) > 0", "{{peer}} {{reason}}")],
    }),
];

fn ports(view: &View<'_>, samples: &mut Samples, count: impl Fn(&PortCounters) -> u64) {
    for (name, port) in view.reading.names.ports.iter().zip(&view.total.ports) {
        samples.count(&[name], count(port));
    }
}

fn peers(view: &View<'_>, samples: &mut Samples, count: impl Fn(&PeerCounters) -> u64) {
    for (name, peer) in view.reading.names.peers.iter().zip(&view.total.peers) {
        samples.count(&[name], count(peer));
    }
}

fn drops(labels: &[&str], drops: &Drops, every: bool, samples: &mut Samples) {
    for reason in DropReason::ALL {
        let count = drops.of(*reason);
        if every || count > 0 {
            let labels: Vec<&str> = labels.iter().copied().chain([reason.label()]).collect();
            samples.count(&labels, count);
        }
    }
}

/// Peers up to which every reason of every peer is written, occurred or not.
const EVERY_REASON: usize = 256;
