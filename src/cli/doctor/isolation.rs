//! Whether the kernel keeps its scheduler, its tick and its callbacks off the poll cores.

use super::finding::{Finding, Level};
use super::machine::{Machine, cores_of, list_of};
use super::wanted::Wanted;
use std::collections::BTreeSet;

/// isolcpus, nohz_full, rcu_nocbs.
pub(super) fn isolation(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let line = machine.read("/proc/cmdline").unwrap_or_default();
    let from_line = |name: &str| parameter(&line, name);
    let isolated = machine.cores(ISOLATED).unwrap_or_default();
    let quiet = machine
        .cores(NO_TICK)
        .unwrap_or_else(|| from_line("nohz_full"));
    let mut callbacks = from_line("rcu_nocbs");
    // nohz_full implies it.
    callbacks.extend(&quiet);
    let sources = [
        (
            "isolcpus",
            isolated,
            machine.quote(ISOLATED),
            "other programs run on the poll core: gaps of milliseconds",
        ),
        (
            "nohz_full",
            quiet,
            machine.quote(NO_TICK),
            "the scheduler's tick interrupts the poll loop up to a thousand times a second",
        ),
        (
            "rcu_nocbs",
            callbacks,
            format!("/proc/cmdline: {line}"),
            "the kernel's deferred work runs on the poll core: gaps of microseconds",
        ),
    ];
    let judge = |(name, cores, read, why): (&'static str, BTreeSet<usize>, String, &str)| {
        let open: BTreeSet<_> = wanted.cores.difference(&cores).copied().collect();
        if open.is_empty() {
            return Finding::ok(
                "isolation",
                format!("{name} holds core {}", list_of(&wanted.cores)),
            );
        }
        // A machine without NIC is a lab; its poll cores are nobody's promise.
        let level = match wanted.nics().next() {
            Some(_) => Level::Warning,
            None => Level::Note,
        };
        Finding::new(
            "isolation",
            level,
            format!("{name} does not hold core {}", list_of(&open)),
        )
        .read(read)
        .why(why)
        .advise(format!(
            "# kernel command line: {name}={}",
            list_of(&wanted.cores)
        ))
    };
    sources.into_iter().map(judge).collect()
}

/// The cores of a parameter of the kernel's command line, flags before them left out.
fn parameter(line: &str, name: &str) -> BTreeSet<usize> {
    let value = |word: &str| Some(word.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    let value = line.split_whitespace().find_map(value).unwrap_or_default();
    let numbers = value
        .split(',')
        .filter(|part| part.starts_with(|first: char| first.is_ascii_digit()));
    cores_of(&numbers.collect::<Vec<_>>().join(",")).unwrap_or_default()
}

const ISOLATED: &str = "/sys/devices/system/cpu/isolated";
const NO_TICK: &str = "/sys/devices/system/cpu/nohz_full";
