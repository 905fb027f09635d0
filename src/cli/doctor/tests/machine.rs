//! Memory and cores.

use super::{Fake, level, status};
use crate::cli::doctor::finding::Level;

const FREE: &str = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages";
const TOTAL: &str = "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages";

#[test]
fn too_few_huge_pages_fail_if_the_configuration_asks_for_them() {
    let fake = Fake::healthy().write(FREE, "3");
    assert_eq!(fake.worst("huge-pages").level, Level::Fails);
}

#[test]
fn huge_pages_that_the_configuration_forgets_are_warned_of() {
    let fake = Fake::healthy().edit("hugepages: true", "hugepages: false");
    assert_eq!(fake.worst("huge-pages").level, Level::Warning);
}

#[test]
fn configured_memory_counts_instead_of_what_the_pools_need() {
    let fake = Fake::healthy().edit("hugepages: true", "hugepages: true, memory: 8192");
    assert_eq!(fake.worst("huge-pages").level, Level::Fails);
}

#[test]
fn configured_cores_are_looked_at_instead_of_the_last() {
    let fake = Fake::healthy().edit("hugepages: true", "hugepages: true, cores: [2, 9]");
    let found = fake.worst("cores");
    assert_eq!(found.level, Level::Fails);
    assert!(found.found.starts_with("core 9"), "{found:?}");
}

#[test]
fn a_core_that_isolcpus_keeps_from_everybody_polls_well() {
    let found = Fake::healthy()
        .write(
            "/proc/self/status",
            &status("000001ffffffffff").replace("0-3", "0-2"),
        )
        .edit("hugepages: true", "hugepages: true, cores: [3]")
        .worst("cores");
    assert_eq!(found.level, Level::Ok);
    assert_eq!(found.found, "core 3 polls, 3 more for everything else");
}

#[test]
fn a_core_outside_the_cpuset_fails() {
    let found = Fake::healthy()
        .usable("0-2")
        .edit("hugepages: true", "hugepages: true, cores: [3]")
        .worst("cores");
    assert_eq!(found.level, Level::Fails);
    assert!(found.read[0].ends_with("gives 0-2"), "{found:?}");
}

#[test]
fn too_few_huge_pages_are_warned_of_beside_a_nic_and_a_note_without() {
    let healthy = || Fake::healthy().edit("hugepages: true", "hugepages: false");
    let found = healthy().write(FREE, "3").worst("huge-pages");
    assert_eq!(found.level, Level::Warning);
    assert!(
        found.found.starts_with("6 MiB of huge pages are free"),
        "{found:?}"
    );
    let virtual_only = healthy().write(FREE, "3").edit("0000:3b:00.0", "net_ring0");
    assert_eq!(virtual_only.worst("huge-pages").level, Level::Note);
}

#[test]
fn no_huge_pages_at_all_come_with_the_command_that_reserves_them() {
    let found = Fake::healthy().write(TOTAL, "0").worst("huge-pages");
    assert_eq!(found.found, "no huge pages are reserved");
    assert!(
        found.advice[0].starts_with("sysctl -w vm.nr_hugepages="),
        "{found:?}"
    );
}

#[test]
fn huge_pages_that_are_mounted_nowhere_are_warned_of() {
    let found = Fake::healthy()
        .write("/proc/self/mounts", "tmpfs /run tmpfs rw 0 0\n")
        .worst("huge-pages");
    assert_eq!(found.level, Level::Warning);
    assert!(found.advice[0].contains("mount -t hugetlbfs"), "{found:?}");
}

#[test]
fn map_files_left_behind_are_a_note_unless_an_appliance_runs() {
    let fake = || Fake::healthy().write("/dev/hugepages/rtemap_0", "");
    assert_eq!(fake().worst("huge-pages").level, Level::Note);
    assert_eq!(
        fake()
            .write("/proc/7/cmdline", "ranshift\0run\0-c\0x.yaml\0")
            .worst("huge-pages")
            .level,
        Level::Ok
    );
}

#[test]
fn huge_pages_far_from_the_nic_are_warned_of() {
    let found = Fake::healthy()
        .write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1")
        .worst("huge-pages");
    assert_eq!(found.level, Level::Warning);
    assert!(found.advice[0].contains("/node1/hugepages/"), "{found:?}");
}

#[test]
fn a_small_lock_limit_is_warned_of_unless_the_capability_lifts_it() {
    let limits = "Max locked memory         8388608              8388608              bytes\n";
    let fake = || Fake::healthy().write("/proc/self/limits", limits);
    assert_eq!(fake().worst("locked-memory").level, Level::Ok);
    let unlocked = fake()
        .write("/proc/self/status", &status("0"))
        .edit("hugepages: true", "lock_memory: false");
    assert_eq!(unlocked.worst("locked-memory").level, Level::Note);
    let without = fake().write("/proc/self/status", &status("0"));
    assert_eq!(without.worst("locked-memory").level, Level::Warning);
    let large = limits.replace("8388608", "8388608000");
    assert_eq!(
        without
            .write("/proc/self/limits", &large)
            .worst("locked-memory")
            .level,
        Level::Ok
    );
}

#[test]
fn a_single_core_is_warned_of() {
    let alone = status("0").replace("0-3", "3");
    assert_eq!(
        Fake::healthy()
            .write("/proc/self/status", &alone)
            .worst("cores")
            .level,
        Level::Warning
    );
}

#[test]
fn a_core_far_from_the_nic_is_warned_of() {
    let found = Fake::healthy()
        .write("/sys/devices/system/node/node0/cpulist", "0-2")
        .worst("numa");
    assert_eq!(found.level, Level::Warning);
    assert!(found.advice[0].contains("0-2"), "{found:?}");
}

#[test]
fn a_machine_that_does_not_know_its_nodes_is_not_judged_by_them() {
    let fake = Fake::healthy().write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "-1");
    assert!(
        fake.diagnosis()
            .findings
            .iter()
            .all(|finding| finding.check != "numa")
    );
}

#[test]
fn a_sibling_of_a_poll_core_is_warned_of() {
    let path = "/sys/devices/system/cpu/cpu3/topology/thread_siblings_list";
    let found = Fake::healthy().write(path, "1,3").worst("smt");
    assert_eq!(found.level, Level::Warning);
    assert!(found.advice[0].starts_with("chcpu -d 1"), "{found:?}");
}

#[test]
fn a_governor_that_saves_power_is_warned_of() {
    let path = "/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor";
    assert_eq!(
        Fake::healthy()
            .write(path, "powersave")
            .worst("governor")
            .level,
        Level::Warning
    );
    assert_eq!(
        Fake::healthy().remove(path).worst("governor").level,
        Level::Ok
    );
}

#[test]
fn a_quota_of_the_control_group_or_of_one_above_is_warned_of() {
    let own = "/sys/fs/cgroup/system.slice/ranshift.service/cpu.max";
    let above = "/sys/fs/cgroup/system.slice/cpu.max";
    assert_eq!(
        Fake::healthy()
            .write(own, "50000 100000")
            .worst("cgroup")
            .level,
        Level::Warning
    );
    let found = Fake::healthy()
        .write(above, "100000 100000")
        .worst("cgroup");
    assert_eq!(found.level, Level::Warning);
    assert!(found.read[0].starts_with(above), "{found:?}");
    assert_eq!(
        Fake::healthy()
            .write(own, "300000 100000")
            .worst("cgroup")
            .level,
        Level::Note
    );
}

#[test]
fn a_quota_of_the_older_control_groups_is_read_too() {
    let folder = "/sys/fs/cgroup/cpu,cpuacct/box";
    let fake = |quota: &str| {
        Fake::healthy()
            .write("/proc/self/cgroup", "4:cpu,cpuacct:/box\n0::/\n")
            .write(&format!("{folder}/cpu.cfs_quota_us"), quota)
            .write(&format!("{folder}/cpu.cfs_period_us"), "100000")
    };
    assert_eq!(fake("50000").worst("cgroup").level, Level::Warning);
    assert_eq!(fake("-1").worst("cgroup").level, Level::Ok);
}

#[test]
fn realtime_throttling_is_a_note() {
    let path = "/proc/sys/kernel/sched_rt_runtime_us";
    assert_eq!(
        Fake::healthy()
            .write(path, "950000")
            .worst("realtime")
            .level,
        Level::Note
    );
}

#[test]
fn each_part_of_isolation_is_asked_for_by_name() {
    let fake = Fake::healthy()
        .write("/proc/cmdline", "quiet")
        .write("/sys/devices/system/cpu/isolated", "")
        .write("/sys/devices/system/cpu/nohz_full", "");
    let diagnosis = fake.diagnosis();
    let isolation = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.check == "isolation");
    let asked: Vec<_> = isolation
        .map(|finding| (finding.level, finding.advice[0].as_str()))
        .collect();
    assert_eq!(
        asked,
        [
            (Level::Warning, "# kernel command line: isolcpus=3"),
            (Level::Warning, "# kernel command line: nohz_full=3"),
            (Level::Warning, "# kernel command line: rcu_nocbs=3"),
        ]
    );
}

#[test]
fn a_lab_without_nic_is_only_told_of_isolation() {
    let fake = Fake::healthy()
        .write("/sys/devices/system/cpu/isolated", "")
        .edit("0000:3b:00.0", "net_ring0");
    assert_eq!(fake.worst("isolation").level, Level::Note);
}

#[test]
fn an_interrupt_at_a_poll_core_is_warned_of_by_name() {
    let found = Fake::healthy()
        .write("/proc/irq/24/effective_affinity_list", "3")
        .worst("interrupts");
    assert_eq!(found.level, Level::Warning);
    assert_eq!(
        found.read,
        ["/proc/irq/24/smp_affinity_list: core 3 (nvme0q1)"]
    );
    assert!(found.advice[1].contains("echo 0-2 >"), "{found:?}");
}

#[test]
fn an_interrupt_nobody_uses_is_not_counted() {
    let fake = Fake::healthy().write("/proc/irq/25/smp_affinity_list", "0-3");
    assert_eq!(fake.worst("interrupts").level, Level::Ok);
}

#[test]
fn where_an_interrupt_may_go_counts_if_nobody_says_where_it_goes() {
    let fake = Fake::healthy()
        .remove("/proc/irq/24/effective_affinity_list")
        .write("/proc/irq/24/smp_affinity_list", "0-3");
    assert_eq!(level(&fake.diagnosis(), "interrupts"), Level::Warning);
}
