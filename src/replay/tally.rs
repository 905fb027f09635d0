//! Counters as a flat map of dotted names, as reports and expectations write them.

use std::collections::BTreeMap;

use crate::dataplane::{
    counters::{Counters, Drops},
    run_record::Names,
    verdict::DropReason,
};

/// Every counter by name: `ledger.sent`, `drops.LABEL`, `ports.NAME.sent`, `peers.NAME.missing`,
/// `peers.NAME.drops.LABEL`, `cells.NAME.FIELD`, `midhaul.DU.FIELD`.
pub fn flat(counters: &Counters, names: &Names) -> BTreeMap<String, u64> {
    let mut flat = BTreeMap::new();
    let ledger = &counters.ledger;
    put(
        &mut flat,
        "ledger",
        [
            ("received", ledger.received),
            ("originated", ledger.originated),
            ("copied", ledger.copied),
            ("sent", ledger.sent),
            ("held", ledger.held_in_all()),
            ("merged", ledger.merged),
            ("punted", ledger.punted),
            ("dropped", ledger.dropped),
        ],
    );
    put(&mut flat, "drops", drops(&counters.drops));
    for (name, port) in names.ports.iter().zip(&counters.ports) {
        put(
            &mut flat,
            &format!("ports.{name}"),
            [
                ("received", port.received),
                ("received_bytes", port.received_bytes),
                ("sent", port.sent),
                ("sent_bytes", port.sent_bytes),
            ],
        );
    }
    for (name, peer) in names.peers.iter().zip(&counters.peers) {
        let under = format!("peers.{name}");
        put(
            &mut flat,
            &under,
            [
                ("received", peer.received),
                ("missing", peer.missing),
                ("duplicate", peer.duplicate),
                ("reordered", peer.reordered),
            ],
        );
        put(&mut flat, &format!("{under}.drops"), drops(&peer.drops));
    }
    for (names, cell) in names.cells.iter().zip(&counters.cells) {
        put(&mut flat, &format!("cells.{}", names.name), cell.named());
    }
    for (name, pair) in names.pairs.iter().zip(&counters.pairs) {
        put(&mut flat, &format!("midhaul.{name}"), pair.named());
    }
    put(
        &mut flat,
        "events",
        [
            ("lost", counters.events_lost),
            ("ptp_seen", counters.ptp_seen),
        ],
    );
    flat
}

fn drops(drops: &Drops) -> impl Iterator<Item = (&'static str, u64)> {
    DropReason::ALL
        .iter()
        .map(|reason| (reason.label(), drops.of(*reason)))
}

fn put<'a>(
    flat: &mut BTreeMap<String, u64>,
    under: &str,
    counts: impl IntoIterator<Item = (&'a str, u64)>,
) {
    for (name, count) in counts {
        flat.insert(format!("{under}.{name}"), count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::counters::PeerCounters;

    #[test]
    fn a_drop_is_named_by_peer_and_reason() {
        let mut peer = PeerCounters::default();
        peer.drops.add(DropReason::Fenced);
        let counters = Counters {
            peers: vec![peer],
            ..Counters::default()
        };
        let names = Names {
            peers: vec!["du-1".into()],
            ..Names::default()
        };
        let flat = flat(&counters, &names);
        assert_eq!(flat["peers.du-1.drops.fenced"], 1);
        assert_eq!(flat["peers.du-1.drops.late"], 0);
        assert_eq!(flat["drops.fenced"], 0);
    }
}
