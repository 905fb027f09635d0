//! The cores that poll: whether they are ours, near the NIC, fast, and not throttled.

use super::finding::Finding;
use super::machine::{Machine, list_of};
use super::pci;
use super::wanted::Wanted;
use std::collections::BTreeSet;

/// Everything about the poll cores themselves; who else uses them is `isolation` and `irq`.
pub(super) fn cores(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let mut findings = vec![allowed(machine, wanted)];
    findings.extend(numa(machine, wanted));
    findings.extend(siblings(machine, wanted));
    findings.extend(governor(machine, wanted));
    findings.extend(quota(machine, wanted));
    findings.extend(realtime(machine));
    findings
}

fn allowed(machine: &Machine, wanted: &Wanted) -> Finding {
    let allowed = machine.allowed_cores();
    let usable = machine.usable_cores();
    let read = format!("/proc/self/status: Cpus_allowed_list {}", list_of(&allowed));
    let beyond: BTreeSet<_> = wanted.cores.difference(&usable).copied().collect();
    if !beyond.is_empty() {
        let found = format!(
            "core {} is configured for polling and cannot be had",
            list_of(&beyond)
        );
        return Finding::fails("cores", found)
            .read(format!("sched_setaffinity: gives {}", list_of(&usable)))
            .read(machine.quote("/sys/devices/system/cpu/online"))
            .why("the core is not online, or outside the cpuset of the service or the container; a core of isolcpus can be had")
            .advise("lscpu --extended # the cores there are")
            .advise("systemctl show ranshift --property=AllowedCPUs # and correct `lcores` of the configuration");
    }
    let rest = allowed.difference(&wanted.cores).count();
    if rest == 0 {
        return Finding::warning("cores", "the poll cores are all there are")
            .read(read)
            .why("the API, the log and everything else on the machine then interrupt the poll loop")
            .advise("# give the machine one core more, or poll on fewer");
    }
    let found = format!(
        "core {} polls, {rest} more for everything else",
        list_of(&wanted.cores)
    );
    Finding::ok("cores", found)
}

fn numa(machine: &Machine, wanted: &Wanted) -> Vec<Finding> {
    let judge = |(port, address): (&super::wanted::WantedPort, &str)| {
        let node = pci::node(machine, address)?;
        let list = format!("/sys/devices/system/node/node{node}/cpulist");
        let near = machine.cores(&list)?;
        let far: BTreeSet<_> = wanted.cores.difference(&near).copied().collect();
        if far.is_empty() {
            return Some(Finding::ok(
                "numa",
                format!("port {}: NIC and cores are on node {node}", port.name),
            ));
        }
        let found = format!(
            "port {}: its NIC is on node {node}, core {} is not",
            port.name,
            list_of(&far)
        );
        Some(
            Finding::warning("numa", found)
                .read(format!("/sys/bus/pci/devices/{address}/numa_node: {node}"))
                .read(machine.quote(&list))
                .why("every frame crosses the link between processors: about twice the cycles")
                .advise(format!(
                    "# poll on cores of {}: `lcores` in the configuration",
                    list_of(&near)
                )),
        )
    };
    wanted.nics().filter_map(judge).collect()
}

/// Two threads of one core share its execution units.
fn siblings(machine: &Machine, wanted: &Wanted) -> Option<Finding> {
    let mut shared = Vec::new();
    for core in &wanted.cores {
        let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
        let mut siblings = machine.cores(&path)?;
        siblings.remove(core);
        if !siblings.is_empty() {
            shared.push((path, list_of(&siblings), *core));
        }
    }
    if shared.is_empty() {
        return Some(Finding::ok(
            "smt",
            "the poll cores share with no other thread",
        ));
    }
    let told: Vec<_> = shared
        .iter()
        .map(|(_, with, core)| format!("{core} with {with}"))
        .collect();
    let finding = Finding::warning(
        "smt",
        format!("poll cores share a physical core: {}", told.join(", ")),
    );
    let finding = shared.iter().fold(finding, |finding, (path, ..)| {
        finding.read(machine.quote(path))
    });
    Some(
        shared.iter().fold(
            finding.why(
                "whatever runs on the sibling slows the poll loop by up to half, at any moment",
            ),
            |finding, (_, with, _)| finding.advise(offline(with)),
        ),
    )
}

fn offline(cores: &str) -> String {
    format!("chcpu -d {cores} # or `echo off > /sys/devices/system/cpu/smt/control` for all")
}

fn governor(machine: &Machine, wanted: &Wanted) -> Option<Finding> {
    let path = |core: &usize| format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
    let slow: Vec<_> = wanted
        .cores
        .iter()
        .filter(|core| {
            machine
                .read(&path(core))
                .is_some_and(|governor| governor != "performance")
        })
        .collect();
    if slow.is_empty() {
        return Some(Finding::ok(
            "governor",
            "no governor slows the poll cores down",
        ));
    }
    let finding = Finding::warning("governor", "the clock of poll cores follows their load");
    let finding = slow.iter().fold(finding, |finding, core| {
        finding.read(machine.quote(&path(core)))
    });
    Some(
        finding
            .why("the first frames after a quiet moment meet a slow core; latency then has a long tail")
            .advise("cpupower frequency-set --governor performance"),
    )
}

/// A control group's quota stops a loop that never rests, for the rest of every period.
fn quota(machine: &Machine, wanted: &Wanted) -> Option<Finding> {
    let groups = machine.read("/proc/self/cgroup")?;
    let limit = groups.lines().find_map(|line| limit(machine, line));
    let Some((path, cores)) = limit else {
        return Some(Finding::ok("cgroup", "no quota on the time of the cores"));
    };
    let finding = match cores >= wanted.cores.len() as f64 + 1.0 {
        true => Finding::note(
            "cgroup",
            format!("this control group may use {cores:.1} cores"),
        ),
        false => Finding::warning(
            "cgroup",
            format!(
                "this control group may use {cores:.1} cores, polling takes {} whole",
                wanted.cores.len()
            ),
        ),
    };
    Some(
        finding
            .read(machine.quote(&path))
            .why("when the quota of a period (usually 100 ms) is used up, the poll loop stands still until the next")
            .advise("systemctl set-property ranshift CPUQuota=")
            .advise("# in Kubernetes: whole cores, requests equal to limits, and the static CPU manager"),
    )
}

/// The quota of a line of /proc/self/cgroup, in cores, with its file.
fn limit(machine: &Machine, line: &str) -> Option<(String, f64)> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let path = path.trim_end_matches('/');
    if controllers.is_empty() {
        return ancestors(path).find_map(|path| {
            let file = format!("/sys/fs/cgroup{path}/cpu.max");
            let text = machine.read(&file)?;
            let (quota, period) = text.split_once(' ')?;
            Some((
                file,
                quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?,
            ))
        });
    }
    if !controllers.split(',').any(|name| name == "cpu") {
        return None;
    }
    let folder = format!("/sys/fs/cgroup/{controllers}{path}");
    let file = format!("{folder}/cpu.cfs_quota_us");
    let (quota, period) = (
        machine.number(&file)?,
        machine.number(&format!("{folder}/cpu.cfs_period_us"))?,
    );
    (quota > 0).then(|| (file, quota as f64 / period as f64))
}

/// A path and the paths above it, `""` last.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| Some(path.rsplit_once('/')?.0))
}

fn realtime(machine: &Machine) -> Option<Finding> {
    let path = "/proc/sys/kernel/sched_rt_runtime_us";
    let runtime = machine.number(path)?;
    if runtime < 0 {
        return Some(Finding::ok(
            "realtime",
            "realtime threads are not throttled",
        ));
    }
    Some(
        Finding::note("realtime", "the kernel throttles realtime threads")
            .read(machine.quote(path))
            .why("only matters if someone sets SCHED_FIFO on a poll core: it would stand still up to 50 ms in every second")
            .advise("sysctl -w kernel.sched_rt_runtime_us=-1 # only then"),
    )
}
