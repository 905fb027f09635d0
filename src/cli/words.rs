//! Modes, slots, times and shares as both consoles show them.

use crate::control::status::{Cell, CellMode, CellStatus, Member};
use crate::telemetry::{amount, duration};
use std::collections::BTreeMap;

/// "du-1 active", "du-1 and du-2 sharing".
pub(super) fn mode(mode: &CellMode) -> String {
    match mode {
        CellMode::Single { active } => format!("{active} active"),
        CellMode::Shared {
            source,
            destination,
        } => format!("{source} and {destination} sharing"),
    }
}

/// The mode, or why nobody may speak: whom it names may be fenced.
pub(super) fn speaking(status: &CellStatus) -> String {
    match &status.waiting_for {
        Some(member) if is_off_air(status) => format!("nobody: failover waits for {member}"),
        Some(member) => format!("{}; failover waits for {member}", mode(&status.mode)),
        None if is_off_air(status) => "nobody: readmit a member or migrate to one".to_owned(),
        None => mode(&status.mode),
    }
}

/// No member may speak.
pub(super) fn is_off_air(status: &CellStatus) -> bool {
    !status.members.iter().any(speaks)
}

/// It may speak.
pub(super) fn speaks(member: &Member) -> bool {
    speaks_as(&member.role)
}

/// Who has this role may speak.
pub(super) fn speaks_as(role: &str) -> bool {
    matches!(role, "active" | "sharing")
}

/// An RU is served, and not an L2 alone.
pub(super) fn has_ru(cell: &Cell) -> bool {
    cell.spec.l2.as_ref() != Some(&cell.spec.ru)
}

/// "1,234,567 (SFN 288.7)".
pub(super) fn slot(status: &CellStatus) -> String {
    let Some(slot) = status.slot else {
        return "no slot yet".to_owned();
    };
    match &status.sfn {
        Some(sfn) => format!("{} (SFN {sfn})", amount(slot)),
        None => amount(slot),
    }
}

/// How long ago a member's last valid frame came.
pub(super) fn heard(member: &Member) -> String {
    match member.heard_us_ago {
        Some(us) => format!("{} ago", between(us)),
        None => "never".to_owned(),
    }
}

/// What is to be known of the PHY of `member`; a dash without one.
pub(super) fn phy(status: &CellStatus, member: &Member) -> String {
    let phys = status.fapi.iter().flat_map(|fapi| &fapi.phys);
    let Some(phy) = phys.into_iter().find(|phy| phy.member == member.member) else {
        return "-".to_owned();
    };
    match (phy.p5.as_deref(), phy.running) {
        (None | Some("running"), true) => "running".to_owned(),
        (None | Some("running"), false) => "not running".to_owned(),
        (Some(p5), _) => format!("P5 {p5}"),
    }
}

/// By how much its due slots are heard before they would close.
pub(super) fn margin(member: &Member) -> String {
    member
        .liveness_margin_us
        .map_or_else(|| "-".to_owned(), between)
}

/// PRB use in percent of the carrier.
pub(super) fn prb_use(member: &Member) -> String {
    let none = || "-".to_owned();
    member
        .prb_use
        .as_ref()
        .map_or_else(none, |prb_use| share(prb_use.share))
}

/// Microseconds in three digits: "212 us", "1.91 s".
pub(super) fn between(us: f64) -> String {
    let nanos = (us * 1_000.0).max(0.0);
    let digits = nanos.max(1.0).log10().floor() as i32;
    let grain = 10f64.powi((digits - 2).max(0));
    duration(((nanos / grain).round() * grain) as i64)
}

/// A part of one in percent.
pub(super) fn share(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// Counts by drop reason, the largest first.
pub(super) fn drops(drops: &BTreeMap<String, u64>) -> String {
    let mut counts: Vec<_> = drops.iter().filter(|(_, count)| **count > 0).collect();
    if counts.is_empty() {
        return "-".to_owned();
    }
    counts.sort_by(|a, b| b.1.cmp(a.1));
    let words = counts
        .iter()
        .map(|(reason, count)| format!("{} {reason}", amount(**count)));
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_fenced_does_not_speak_whatever_the_mode_says() {
        let mut status = crate::cli::example::cell().status;
        assert_eq!(speaking(&status), "du-1 active");
        for member in &mut status.members {
            member.role = "fenced".to_owned();
        }
        assert_eq!(
            speaking(&status),
            "nobody: readmit a member or migrate to one"
        );
        status.waiting_for = Some("du-2".to_owned());
        assert_eq!(speaking(&status), "nobody: failover waits for du-2");
    }

    #[test]
    fn times_are_told_in_three_digits() {
        let told = [212.4, 0.5, 1_912_345.0, 999_600.0].map(between);
        assert_eq!(told, ["212 us", "500 ns", "1.91 s", "1 s"]);
    }

    #[test]
    fn the_commonest_drop_reason_comes_first() {
        let counts = [("late", 3), ("fenced", 0), ("not_active", 1_200)];
        let counts = counts.map(|(reason, count)| (reason.to_owned(), count));
        assert_eq!(drops(&counts.into()), "1,200 not_active, 3 late");
        assert_eq!(drops(&BTreeMap::new()), "-");
    }
}
