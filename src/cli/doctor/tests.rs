//! A machine made of files, healthy at first; each test makes one thing worse and reads what is said.

mod machine;
mod place;
mod ports;
mod time;

use super::finding::{Finding, Level};
use super::machine::{Machine, Questions, cores_of, list_of};
use super::{Diagnosis, print};
use crate::cli::Exit;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn a_healthy_machine_is_told_nothing_but_good_news() {
    let fake = Fake::healthy();
    let diagnosis = fake.diagnosis();
    let bad: Vec<_> = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.level != Level::Ok)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(diagnosis.exit(), Exit::Done);
}

#[test]
fn every_kind_of_finding_is_there_on_a_healthy_machine() {
    let diagnosis = Fake::healthy().diagnosis();
    for check in CHECKS {
        assert!(
            diagnosis
                .findings
                .iter()
                .any(|finding| finding.check == check),
            "{check}"
        );
    }
}

#[test]
fn whatever_is_not_well_says_why_and_what_to_do() {
    let fake = Fake::empty().write("/proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n");
    for diagnosis in [fake.diagnosis(), fake.without_config()] {
        for finding in diagnosis
            .findings
            .iter()
            .filter(|finding| finding.level > Level::Note)
        {
            assert!(!finding.why.is_empty(), "{finding:?}");
            assert!(!finding.read.is_empty(), "{finding:?}");
            assert!(!finding.advice.is_empty(), "{finding:?}");
        }
    }
}

#[test]
fn a_machine_without_proc_cannot_be_judged() {
    let fake = Fake::empty();
    assert!(Diagnosis::of(&fake.machine(), None).is_none());
}

#[test]
fn without_configuration_a_machine_for_captures_is_good_enough() {
    let fake = Fake::healthy().write("/proc/self/status", &status("0000000000000000"));
    let diagnosis = fake.without_config();
    assert_eq!(diagnosis.count(Level::Fails), 0);
    assert_eq!(diagnosis.exit(), Exit::Done);
}

#[test]
fn a_refused_configuration_is_told_with_the_rest_and_ends_with_its_own_code() {
    let fake = Fake::healthy().configure("ports: {}\n");
    let diagnosis = fake.diagnosis();
    assert_eq!(level(&diagnosis, "configuration"), Level::Fails);
    assert_eq!(level(&diagnosis, "tsc"), Level::Ok);
    assert_eq!(diagnosis.exit(), Exit::Usage);
}

#[test]
fn what_matters_most_is_told_last() {
    let fake = Fake::healthy()
        .write("/sys/class/net/d0/mtu", "1400")
        .remove("/dev/vfio/vfio");
    let text = said(&fake.diagnosis(), 300);
    let position = |what: &str| {
        text.find(what)
            .unwrap_or_else(|| panic!("{what} in {text}"))
    };
    assert!(position("ok       tsc") < position("WARNING  mtu"));
    assert!(position("WARNING  mtu") < position("FAILS    vfio"));
    assert!(
        text.ends_with("would not start: see FAILS above; 1 warning.\n"),
        "{text}"
    );
}

#[test]
fn text_is_no_wider_than_the_terminal_but_commands_stay_whole() {
    let text = said(
        &Fake::healthy()
            .write("/proc/cpuinfo", "flags : fpu")
            .diagnosis(),
        60,
    );
    for line in text.lines().filter(|line| !line.starts_with("    do ")) {
        let words = line.split_whitespace().count();
        assert!(line.chars().count() <= 60 || words <= 3, "{line}");
    }
}

#[test]
fn json_says_the_same_as_the_text() {
    let mut out = Vec::new();
    let fake = Fake::healthy().remove("/dev/vfio/vfio");
    print::json(&mut out, &fake.diagnosis()).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(report["starts"], false);
    assert_eq!(report["fails"], 1);
    let last = report["findings"].as_array().unwrap().last().unwrap();
    assert_eq!(last["check"], "vfio");
    assert_eq!(last["level"], "fails");
    assert_eq!(last["do"][0], "modprobe vfio-pci");
}

#[test]
fn lists_of_cores_are_read_and_written_as_the_kernel_does() {
    let cores = cores_of("0-2,5,7-8\n").unwrap();
    assert_eq!(list_of(&cores), "0-2,5,7-8");
    assert!(cores_of("").unwrap().is_empty());
    assert!(cores_of("0-").is_none());
    assert!(cores_of("0-99999999999").is_none());
}

/// All kinds of findings that a machine with a NIC and a veth port can have.
const CHECKS: [&str; 24] = [
    "api",
    "capabilities",
    "cgroup",
    "clock",
    "cores",
    "dpdk",
    "framesz",
    "governor",
    "huge-pages",
    "interface",
    "interrupts",
    "iommu",
    "isolation",
    "locked-memory",
    "mtu",
    "nic",
    "numa",
    "offload",
    "realtime",
    "runtime-folder",
    "smt",
    "state",
    "time",
    "tsc",
];

/// A machine in a temporary folder.
struct Fake {
    root: PathBuf,
    config: String,
    outputs: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    closed: Vec<String>,
    usable: &'static str,
}

impl Fake {
    fn empty() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("ranshift-doctor-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(&root).unwrap();
        Self {
            root,
            config: CONFIG.to_owned(),
            outputs: BTreeMap::new(),
            variables: BTreeMap::new(),
            closed: Vec::new(),
            usable: "0-3",
        }
    }

    /// Four cores, the last one for polling; a NIC in vfio's hands; a veth.
    fn healthy() -> Self {
        let mut fake = Self::empty();
        for (path, text) in HEALTHY {
            fake = fake.write(path, text);
        }
        fake = fake
            .write("/proc/self/status", &status("000001ffffffffff"))
            .link("/sys/bus/pci/devices/0000:3b:00.0/driver", "../../../../bus/pci/drivers/vfio-pci")
            .link("/sys/bus/pci/devices/0000:3b:00.0/iommu_group", "../../../../kernel/iommu_groups/7")
            .answer("ethtool -k d0", "Features for d0:\ngeneric-receive-offload: off\nlarge-receive-offload: off [fixed]\nrx-vlan-offload: on\n")
            .answer("timedatectl show --property=NTPSynchronized --value", "yes\n");
        fake.variables
            .insert("XDG_RUNTIME_DIR".to_owned(), "/run/user/1000".to_owned());
        fake
    }

    fn write(self, path: &str, text: &str) -> Self {
        let file = self.place(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self
    }

    fn remove(self, path: &str) -> Self {
        let file = self.place(path);
        match file.is_dir() && !file.is_symlink() {
            true => fs::remove_dir_all(file).unwrap(),
            false => fs::remove_file(file).unwrap(),
        }
        self
    }

    fn link(self, path: &str, target: &str) -> Self {
        let file = self.place(path);
        let _ = fs::remove_file(&file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, file).unwrap();
        self
    }

    fn answer(mut self, command: &str, output: &str) -> Self {
        self.outputs.insert(command.to_owned(), output.to_owned());
        self
    }

    /// What this user may not open.
    fn close(mut self, path: &str) -> Self {
        self.closed.push(path.to_owned());
        self
    }

    /// With these cores to be had.
    fn usable(mut self, cores: &'static str) -> Self {
        self.usable = cores;
        self
    }

    fn configure(mut self, config: &str) -> Self {
        self.config = config.to_owned();
        self
    }

    /// With `from` replaced in the configuration.
    fn edit(mut self, from: &str, to: &str) -> Self {
        assert!(self.config.contains(from), "{from}");
        self.config = self.config.replace(from, to);
        self
    }

    fn machine(&self) -> Machine {
        let answers = Answers {
            outputs: self.outputs.clone(),
            variables: self.variables.clone(),
            closed: self.closed.iter().map(|path| self.place(path)).collect(),
            usable: self.usable,
        };
        Machine::new(&self.root, Box::new(answers))
    }

    fn diagnosis(&self) -> Diagnosis {
        let file = self.place("/config.yaml");
        fs::write(&file, &self.config).unwrap();
        Diagnosis::of(&self.machine(), Some(&file)).unwrap()
    }

    fn without_config(&self) -> Diagnosis {
        Diagnosis::of(&self.machine(), None).unwrap()
    }

    /// The worst finding of a kind, with the configuration.
    fn worst(&self, check: &str) -> Finding {
        worst(&self.diagnosis(), check)
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

struct Answers {
    outputs: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    closed: Vec<PathBuf>,
    usable: &'static str,
}

impl Questions for Answers {
    fn output(&self, program: &str, arguments: &[&str]) -> Option<String> {
        self.outputs
            .get(&format!("{program} {}", arguments.join(" ")))
            .cloned()
    }

    fn may_use(&self, path: &Path) -> bool {
        !self.closed.iter().any(|closed| closed == path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn usable_cores(&self) -> BTreeSet<usize> {
        cores_of(self.usable).unwrap()
    }
}

fn worst(diagnosis: &Diagnosis, check: &str) -> Finding {
    // Sorted by level: the worst one is the last.
    let mut of_check = diagnosis.findings.iter().rev();
    let found = of_check.find(|finding| finding.check == check);
    found
        .cloned()
        .unwrap_or_else(|| panic!("no finding {check}"))
}

fn level(diagnosis: &Diagnosis, check: &str) -> Level {
    worst(diagnosis, check).level
}

fn said(diagnosis: &Diagnosis, width: usize) -> String {
    let mut out = Vec::new();
    print::write(&mut out, diagnosis, width).unwrap();
    String::from_utf8(out).unwrap()
}

fn status(capabilities: &str) -> String {
    format!(
        "Name:\transhift\nUid:\t1000\t1000\t1000\t1000\nCapEff:\t{capabilities}\nCpus_allowed_list:\t0-3\n"
    )
}

const HEALTHY: [(&str, &str); 39] = [
    (
        "/proc/self/maps",
        "7f0-7f1 r-xp 00000000 fd:00 1  /usr/lib/x86_64-linux-gnu/librte_eal.so.23.0\n",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_af_packet.so.23",
        "",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_ring.so.23",
        "",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_pcap.so.23",
        "",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_memif.so.23",
        "",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_tap.so.23",
        "",
    ),
    (
        "/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_af_xdp.so.23",
        "",
    ),
    (
        "/proc/self/limits",
        "Max locked memory         unlimited            unlimited            bytes\n",
    ),
    (
        "/proc/self/mounts",
        "/dev/sda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\nhugetlbfs /dev/hugepages hugetlbfs rw 0 0\n",
    ),
    ("/proc/self/cgroup", "0::/system.slice/ranshift.service\n"),
    (
        "/sys/fs/cgroup/system.slice/ranshift.service/cpu.max",
        "max 100000",
    ),
    (
        "/proc/cmdline",
        "quiet isolcpus=managed_irq,domain,3 nohz_full=3 rcu_nocbs=3",
    ),
    (
        "/proc/cpuinfo",
        "processor : 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n",
    ),
    ("/proc/sys/kernel/sched_rt_runtime_us", "-1"),
    ("/proc/sys/net/ipv6/conf/d0/disable_ipv6", "1"),
    (
        "/proc/net/tcp",
        "  sl  local_address rem_address   st\n   0: 0100007F:0016 00000000:0000 0A\n",
    ),
    ("/proc/100/comm", "ptp4l"),
    ("/proc/irq/24/smp_affinity_list", "0-2"),
    ("/proc/irq/24/effective_affinity_list", "0"),
    ("/proc/irq/24/nvme0q1/x", ""),
    ("/sys/devices/system/cpu/online", "0-3"),
    ("/sys/devices/system/cpu/isolated", "3"),
    ("/sys/devices/system/cpu/nohz_full", "3"),
    (
        "/sys/devices/system/cpu/cpu3/topology/thread_siblings_list",
        "3",
    ),
    (
        "/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor",
        "performance",
    ),
    (
        "/sys/devices/system/clocksource/clocksource0/current_clocksource",
        "tsc",
    ),
    ("/sys/devices/system/node/node0/cpulist", "0-3"),
    (
        "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
        "2048",
    ),
    (
        "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages",
        "2048",
    ),
    ("/sys/bus/pci/devices/0000:3b:00.0/class", "0x020000"),
    ("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "0"),
    ("/sys/kernel/iommu_groups/7/devices/0000:3b:00.0/x", ""),
    ("/dev/vfio/vfio", ""),
    ("/dev/vfio/7", ""),
    ("/run/ranshift/live", "state"),
    ("/run/user/1000/x", ""),
    ("/sys/class/net/d0/mtu", "9000"),
    ("/sys/class/net/d0/flags", "0x1003"),
    ("/dev/hugepages/x", ""),
];

const CONFIG: &str = r#"
ports:
  ru-side: {mtu: 9000, device: "0000:3b:00.0"}
  du-1-side: {mtu: 1500, device: "net_af_packet0,iface=d0,blocksz=1048576,framesz=2048,framecnt=1024"}
rus:
  ru-1: {port: ru-side, mac: "02:a0:00:00:00:01", facing: "02:d0:00:00:00:01", vlan: 100}
dus:
  du-1: {port: du-1-side, mac: "02:d0:00:00:00:01", facing: "02:a0:00:00:00:01", vlan: 100, attachment: dedicated}
cells:
  cell-1:
    ru: ru-1
    numerology: 1
    carrier_prbs: 51
    eaxc_bits: [4, 4, 4, 4]
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4, 5]}
    compression:
      downlink: {method: bfp, width: 9, header: dynamic}
      uplink: {method: bfp, width: 9, header: dynamic}
    time: {source: gps, alpha: 0, beta: 0}
    periods: {tdd: 10}
    active: du-1
    members:
      du-1: {assume_in_step: true}
bridge: {ptp: drop}
lcores: {hugepages: true}
state: {file: /run/ranshift/live}
"#;
