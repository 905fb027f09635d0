//! What a run tells the terminal: who spoke, what was dropped and why, and whether it was as expected.

use super::expect::Judged;
use crate::dataplane::{counters::Drops, run_record::RunRecord, verdict::DropReason};
use std::io::{self, Write};

/// Frames in and out of each peer and its drops by reason.
pub(super) fn peers(out: &mut dyn Write, record: &RunRecord, sent: &[u64]) -> io::Result<()> {
    let names = &record.names.peers;
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0).max("peer".len());
    writeln!(
        out,
        "{:width$}  {:>10}  {:>10}  dropped",
        "peer", "in", "out"
    )?;
    let mut attributed = Drops::default();
    for (position, (name, peer)) in names.iter().zip(&record.counters.peers).enumerate() {
        let sent = sent.get(position).copied().unwrap_or(0);
        let dropped = reasons(&peer.drops);
        writeln!(
            out,
            "{name:width$}  {:>10}  {sent:>10}  {dropped}",
            peer.received
        )?;
        for (sum, count) in attributed.0.iter_mut().zip(peer.drops.0) {
            *sum += count;
        }
    }
    let mut others = record.counters.drops;
    for (count, attributed) in others.0.iter_mut().zip(attributed.0) {
        *count = count.saturating_sub(attributed);
    }
    if others.total() > 0 {
        writeln!(
            out,
            "{:width$}  {:>10}  {:>10}  {}",
            "others",
            "",
            "",
            reasons(&others)
        )?;
    }
    Ok(())
}

fn reasons(drops: &Drops) -> String {
    let mut counts: Vec<(u64, &DropReason)> = DropReason::ALL
        .iter()
        .map(|reason| (drops.of(*reason), reason))
        .filter(|(count, _)| *count > 0)
        .collect();
    counts.sort_by(|a, b| b.cmp(a));
    let words: Vec<String> = counts
        .iter()
        .map(|(count, reason)| format!("{count} {}", reason.label()))
        .collect();
    match words.is_empty() {
        true => "-".into(),
        false => words.join(", "),
    }
}

/// Failed expectations one by one, and of the others how many there are of `counters`.
pub(super) fn expectations(
    out: &mut dyn Write,
    judged: &[Judged],
    counters: usize,
) -> io::Result<()> {
    if judged.is_empty() {
        return writeln!(out, "nothing is expected of this run");
    }
    let (counted, others) = judged.split_at(counters.min(judged.len()));
    let right = counted.iter().filter(|judged| judged.ok).count();
    if right > 0 {
        writeln!(out, "ok      {right} counters as expected")?;
    }
    for judged in counted.iter().filter(|judged| !judged.ok).chain(others) {
        let Judged {
            what,
            expected,
            found,
            ok,
        } = judged;
        match ok {
            true => writeln!(out, "ok      {what}: {found}")?,
            false => writeln!(out, "FAILED  {what}: expected {expected}, found {found}")?,
        }
    }
    Ok(())
}
