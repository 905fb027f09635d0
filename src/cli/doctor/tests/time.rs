//! Clocks.

use super::Fake;
use crate::cli::doctor::finding::Level;

#[test]
fn a_cycle_counter_that_changes_or_stops_is_warned_of() {
    let found = Fake::healthy()
        .write("/proc/cpuinfo", "flags : tsc constant_tsc\n")
        .worst("tsc");
    assert_eq!(found.level, Level::Warning);
    assert_eq!(found.found, "the cycle counter is not nonstop_tsc");
}

#[test]
fn another_clock_source_is_warned_of() {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    assert_eq!(
        Fake::healthy().write(path, "hpet").worst("clock").level,
        Level::Warning
    );
}

#[test]
fn gps_time_needs_ptp() {
    assert_eq!(Fake::healthy().worst("time").level, Level::Ok);
    let found = Fake::healthy()
        .write("/proc/100/comm", "chronyd")
        .worst("time");
    assert_eq!(found.level, Level::Warning);
    assert!(found.found.starts_with("only NTP"), "{found:?}");
    assert!(found.found.ends_with("cell-1"), "{found:?}");
}

#[test]
fn a_clock_that_nobody_keeps_is_a_note_without_gps_time() {
    let fake = |answer: &str| {
        Fake::healthy()
            .write("/proc/100/comm", "bash")
            .answer(
                "timedatectl show --property=NTPSynchronized --value",
                answer,
            )
            .edit("{source: gps, alpha: 0, beta: 0}", "{source: headers}")
    };
    assert_eq!(fake("no\n").worst("time").level, Level::Note);
    assert_eq!(fake("yes\n").worst("time").level, Level::Ok);
}

#[test]
fn ptp_through_the_box_is_told() {
    let found = Fake::healthy().edit("ptp: drop", "ptp: pass").worst("ptp");
    assert_eq!(found.level, Level::Note);
}
