//! The cycle counter that times the lcores, and the clock that counts slots.

use super::finding::Finding;
use super::machine::Machine;
use super::wanted::Wanted;

/// Cycle counter, clock source, synchronisation, and PTP that passes through the box.
pub(super) fn clock(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let mut findings = vec![counter(machine)];
    findings.extend(source(machine));
    findings.push(synchronised(machine, wanted));
    if wanted.ptp_passes {
        findings.push(
            Finding::note("ptp", "PTP passes through the box like any other frame")
                .read("configuration: bridge.ptp: pass")
                .why("a poll loop delays it by microseconds that vary; an RU that takes its time from there drifts out of its windows")
                .advise("# take the RU's PTP from the switch or the grandmaster, on a path beside the box"),
        );
    }
    findings
}

fn counter(machine: &Machine) -> Finding {
    let text = machine.read("/proc/cpuinfo").unwrap_or_default();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags"));
    let has =
        |flag: &str| flags.is_some_and(|flags| flags.split_whitespace().any(|word| word == flag));
    let missing: Vec<_> = ["constant_tsc", "nonstop_tsc"]
        .into_iter()
        .filter(|flag| !has(flag))
        .collect();
    if missing.is_empty() {
        return Finding::ok("tsc", "the cycle counter runs at one speed and never stops");
    }
    Finding::warning("tsc", format!("the cycle counter is not {}", missing.join(", not ")))
        .read(format!("/proc/cpuinfo: flags without {}", missing.join(", ")))
        .why("lcores take their time from it: slots would be counted wrong when the core changes its clock or rests")
        .advise("# on a virtual machine: CPU model host-passthrough, and the invtsc feature")
}

fn source(machine: &Machine) -> Option<Finding> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = machine.read(path)?;
    if source == "tsc" {
        return Some(Finding::ok(
            "clock",
            "the system's clock runs on the cycle counter",
        ));
    }
    Some(
        Finding::warning("clock", format!("the system's clock runs on {source}"))
            .read(machine.quote(path))
            .why("the kernel found the cycle counter unsteady, or the host hides it; the lcores use it all the same")
            .advise("journalctl --dmesg --grep=clocksource # why the kernel turned away from tsc")
            .advise("# kernel command line: tsc=reliable, only if the hardware deserves it"),
    )
}

fn synchronised(machine: &Machine, wanted: &Wanted) -> Finding {
    let programs = machine.programs();
    let keepers: Vec<_> = KEEPERS
        .into_iter()
        .filter(|keeper| programs.contains(*keeper))
        .collect();
    let answer = machine.output(
        "timedatectl",
        &["show", "--property=NTPSynchronized", "--value"],
    );
    let kernel_says = answer.map(|answer| answer.trim() == "yes");
    let by_ptp = keepers.iter().any(|keeper| PTP.contains(keeper));
    let read = format!(
        "running: {}; timedatectl: {}",
        if keepers.is_empty() {
            "no time keeper".to_owned()
        } else {
            keepers.join(", ")
        },
        match kernel_says {
            Some(true) => "synchronised",
            Some(false) => "not synchronised",
            None => "no answer",
        }
    );
    let kept = kernel_says == Some(true) || !keepers.is_empty();
    let Some(first) = wanted.gps_cells.first() else {
        if kept {
            return Finding::ok("time", "the system's clock is kept by someone").read(read);
        }
        return Finding::note("time", "nobody keeps the system's clock")
            .read(read)
            .why("cells with `time: headers` do not care; times in events and logs will be off")
            .advise("apt-get install chrony");
    };
    if by_ptp {
        return Finding::ok("time", "the system's clock is kept by PTP").read(read);
    }
    let who = match kept {
        true => "only NTP keeps the system's clock",
        false => "nobody keeps the system's clock",
    };
    Finding::warning("time", format!("{who}, and cells count slots by it: {first}"))
        .read(read)
        .why("`time: gps` needs the clock right to a small part of a slot, some microseconds; else slots are judged late or early")
        .advise("apt-get install linuxptp # ptp4l on the NIC, phc2sys to the system's clock")
        .advise("# or write `time: {source: headers}` at the cell: slots are then counted from the frames")
}

/// Programs that keep a clock.
const KEEPERS: [&str; 6] = [
    "ptp4l",
    "phc2sys",
    "chronyd",
    "ntpd",
    "ntpsec",
    "systemd-timesyn",
];

/// Those of them that can keep it to microseconds.
const PTP: [&str; 2] = ["ptp4l", "phc2sys"];
