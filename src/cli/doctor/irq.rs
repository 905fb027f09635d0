//! Interrupts of devices that arrive at a poll core.

use super::finding::{Finding, Level};
use super::machine::{Machine, list_of};
use super::wanted::Wanted;
use std::collections::BTreeSet;

/// Which interrupts go to the poll cores.
pub(super) fn interrupts(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let numbers = machine.names("/proc/irq").into_iter();
    let there: Vec<_> = numbers
        .filter_map(|number| at_poll_core(machine, wanted, number))
        .collect();
    if there.is_empty() {
        let found = format!("no interrupt goes to core {}", list_of(&wanted.cores));
        return vec![Finding::ok("interrupts", found)];
    }
    let level = match wanted.nics().next() {
        Some(_) => Level::Warning,
        None => Level::Note,
    };
    let rest: BTreeSet<_> = machine
        .allowed_cores()
        .difference(&wanted.cores)
        .copied()
        .collect();
    let found = format!(
        "{} interrupts may go to core {}",
        there.len(),
        list_of(&wanted.cores)
    );
    let finding = Finding::new("interrupts", level, found)
        .why("each one stops the poll loop for some microseconds")
        .advise("systemctl disable --now irqbalance # it would move them back")
        .advise(format!(
            "for irq in {}; do echo {} > /proc/irq/$irq/smp_affinity_list; done",
            there
                .iter()
                .map(|(number, _)| number.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            list_of(&rest),
        ));
    let shown = there.iter().take(SHOWN);
    vec![shown.fold(finding, |finding, (number, who)| {
        finding.read(format!("/proc/irq/{number}/smp_affinity_list: {who}"))
    })]
}

/// The number and what is known of an interrupt that goes to a poll core.
fn at_poll_core(machine: &Machine, wanted: &Wanted, number: String) -> Option<(String, String)> {
    let folder = format!("/proc/irq/{number}");
    // Where it is delivered says more than where it might be.
    let effective = machine.cores(&format!("{folder}/effective_affinity_list"));
    let cores = effective
        .filter(|cores| !cores.is_empty())
        .or_else(|| machine.cores(&format!("{folder}/smp_affinity_list")))?;
    if cores.is_disjoint(&wanted.cores) {
        return None;
    }
    let mut names = machine.names(&folder).into_iter();
    let name = names.find(|name| machine.is_folder(&format!("{folder}/{name}")))?;
    Some((number, format!("core {} ({name})", list_of(&cores))))
}

/// Interrupts that are named one by one.
const SHOWN: usize = 4;
