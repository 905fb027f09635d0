//! The environment abstraction layer: checked arguments in, started once, never stopped.
//!
//! EAL answers a wrong option with its whole usage text on standard output, so options are checked here
//! first. `rte_eal_cleanup` is not called: it would unmap buffers under whoever still holds one; the
//! process ends instead.

use super::ffi;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::ffi::{CStr, CString, OsStr, c_char};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Proof that EAL runs in this process. There is at most one.
#[derive(Debug)]
pub struct Eal(());

impl Eal {
    /// Starts EAL on the calling thread, which it pins to the main lcore. The second start fails.
    pub fn start(arguments: &[String]) -> Result<Self, StartError> {
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(StartError::new("EAL", "it runs in this process already"));
        }
        // EAL keeps pointers into its arguments for as long as the process lives.
        let mut argv: Vec<*mut c_char> = std::iter::once("ranshift")
            .chain(arguments.iter().map(String::as_str))
            .map(|argument| CString::new(argument).unwrap_or_default().into_raw())
            .collect();
        let count = argv.len() as i32;
        argv.push(std::ptr::null_mut());
        // SAFETY: `argv` holds `count` C strings that are never freed, and a null behind them.
        let parsed = unsafe { ffi::rte_eal_init(count, argv.leak().as_mut_ptr()) };
        if parsed < 0 {
            return Err(StartError::last(
                format!("EAL with \"{}\"", arguments.join(" ")),
                "see its messages above; memory (-m), cores (-l) and permissions are the usual causes",
            ));
        }
        Ok(Self(()))
    }

    /// The lcores of EAL: the main one, on which it was started, then the others.
    pub fn lcores(&self) -> Vec<u32> {
        // SAFETY: EAL runs.
        let main = unsafe { ffi::rte_get_main_lcore() };
        let mut lcores = vec![main];
        let mut last = u32::MAX;
        // SAFETY: EAL runs.
        for _ in 1..unsafe { ffi::rte_lcore_count() } {
            // SAFETY: EAL runs; without wrapping the next lcore behind the last is RTE_MAX_LCORE.
            last = unsafe { ffi::rte_get_next_lcore(last, 1, 0) };
            lcores.push(last);
        }
        lcores
    }

    /// Removes the directory that EAL made for its sockets: it never does. They end with the process.
    pub fn sweep(&self) {
        // SAFETY: EAL runs, and keeps the text for as long as it does.
        let directory = unsafe { CStr::from_ptr(ffi::rte_eal_get_runtime_dir()) };
        let path = Path::new(OsStr::from_bytes(directory.to_bytes()));
        // Only what is this process's alone; what is left behind does no harm.
        if path.ends_with(file_prefix()) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Where buffers lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// In pages of the usual size, so much of it in MiB: nothing has to be reserved.
    Plain(u32),
    /// In huge pages of this process alone, so much of it in MiB or as much as is asked for.
    Huge(Option<u32>),
}

/// The argument line for one lcore on each of `cores`, without the devices. `pci` if one of them is.
pub fn arguments(cores: &[usize], memory: Memory, pci: bool) -> Vec<String> {
    let lcores = cores.iter().enumerate();
    let lcores: Vec<String> = lcores
        .map(|(lcore, core)| format!("{lcore}@{core}"))
        .collect();
    let mut line = vec![
        format!("--lcores={}", lcores.join(",")),
        format!("--file-prefix={}", file_prefix()),
        "--log-level=warning".to_owned(),
    ];
    let (kind, mebibytes): (&[&str], _) = match memory {
        Memory::Plain(mebibytes) => (&["--no-huge", "--no-shconf"], Some(mebibytes)),
        Memory::Huge(mebibytes) => (&["--in-memory"], mebibytes),
    };
    line.extend(kind.iter().map(|word| (*word).to_owned()));
    if let Some(mebibytes) = mebibytes {
        line.extend(["-m".to_owned(), mebibytes.to_string()]);
    }
    if !pci {
        line.push("--no-pci".to_owned());
    }
    line
}

/// Whether a checked line says on which cores EAL runs.
pub fn names_cores(arguments: &[String]) -> bool {
    let names = ["-l", "-c", "--lcores"];
    arguments
        .iter()
        .any(|word| names.iter().any(|name| word.starts_with(name)))
}

/// Nobody else's: two appliances on one machine do not meet.
fn file_prefix() -> String {
    format!("ranshift{}", std::process::id())
}

/// The cores that this thread runs on now: what the process was started with, `isolcpus` left out.
pub fn allowed_cores() -> Vec<usize> {
    listed(&sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new()))
}

/// The cores that this process may give to a thread, those of `isolcpus` and those that `taskset` left
/// out among them: an affinity is only where a thread starts, a cpuset is a limit. Asked on a thread of
/// its own, for all cores at once, so that none of them is visited: the kernel keeps what can be had.
pub fn usable_cores() -> Vec<usize> {
    let asked = std::thread::spawn(|| {
        let mut all = CpuSet::new();
        (0..CpuSet::MAX_CPU).for_each(|core| all.set(core));
        sched_setaffinity(None, &all)?;
        sched_getaffinity(None)
    });
    match asked.join() {
        Ok(Ok(usable)) => listed(&usable),
        _ => allowed_cores(),
    }
}

fn listed(cores: &CpuSet) -> Vec<usize> {
    (0..CpuSet::MAX_CPU)
        .filter(|core| cores.is_set(*core))
        .collect()
}

/// Keeps the calling thread, and every thread that it starts from now on, off `cores`. False if nothing
/// would be left, and nothing was changed.
pub fn keep_off(cores: &[usize]) -> bool {
    let mut rest = CpuSet::new();
    for core in allowed_cores() {
        if !cores.contains(&core) {
            rest.set(core);
        }
    }
    rest.count() > 0 && sched_setaffinity(None, &rest).is_ok()
}

/// The last core this process runs on: the first is where everything else tends to run.
pub fn last_core() -> Option<usize> {
    allowed_cores().last().copied()
}

/// Splits a line of EAL options and refuses what EAL would refuse, and what is not for the line to say.
pub fn checked_arguments(line: &str) -> Result<Vec<String>, String> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let (name, attached) = split_option(word)?;
        if let Some((_, why)) = REFUSED.iter().find(|(option, _)| *option == name) {
            return Err(format!("{name} is not accepted: {why}"));
        }
        let Some((_, takes)) = OPTIONS.iter().find(|(option, _)| *option == name) else {
            return Err(format!("EAL has no option {name}"));
        };
        match (takes, attached) {
            (Takes::Nothing, true) => return Err(format!("{name} takes no value")),
            (Takes::Value, false) if rest.next().is_none() => {
                return Err(format!("{name} needs a value"));
            }
            _ => {}
        }
    }
    let has = |option: &str| words.iter().any(|word| word == option);
    if has("--no-huge") && has("--in-memory") {
        return Err(
            "--no-huge and --in-memory exclude each other: write --no-huge --no-shconf".to_owned(),
        );
    }
    Ok(words)
}

/// The option's name, and whether its value is part of the word.
fn split_option(word: &str) -> Result<(&str, bool), String> {
    if word.starts_with("--") {
        return Ok(match word.split_once('=') {
            Some((name, _)) => (name, true),
            None => (word, false),
        });
    }
    match (word.starts_with('-'), word.get(..2)) {
        (true, Some(name)) => Ok((name, word.len() > 2)),
        _ => Err(format!("\"{word}\" is not an option")),
    }
}

/// Why DPDK could not be started: the call, its errno, and what to look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StartError {
    what: String,
    errno: Option<i32>,
    look_at: String,
}

impl StartError {
    /// Without an errno.
    pub(super) fn new(what: impl Into<String>, look_at: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            errno: None,
            look_at: look_at.into(),
        }
    }

    /// With a negative errno as a DPDK call returned it.
    pub(super) fn returned(what: impl Into<String>, code: i32, look_at: impl Into<String>) -> Self {
        Self {
            errno: Some(-code),
            ..Self::new(what, look_at)
        }
    }

    /// With this lcore's `rte_errno`.
    pub(super) fn last(what: impl Into<String>, look_at: impl Into<String>) -> Self {
        // SAFETY: reads a variable of the calling thread.
        let errno = unsafe { ffi::shim_errno() };
        Self::returned(what, -errno, look_at)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} did not start", self.what)?;
        if let Some(errno) = self.errno {
            // SAFETY: DPDK answers with a static or thread-local C string for every number.
            let text = unsafe { CStr::from_ptr(ffi::rte_strerror(errno)) };
            write!(f, " ({}, errno {errno})", text.to_string_lossy())?;
        }
        write!(f, ": {}", self.look_at)
    }
}

impl std::error::Error for StartError {}

static STARTED: AtomicBool = AtomicBool::new(false);

/// Whether an option takes a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Takes {
    Nothing,
    Value,
    /// Only as `--option=value`.
    Maybe,
}

/// The options of EAL 22.11 and 23.11 that an operator may need.
const OPTIONS: [(&str, Takes); 36] = [
    ("-a", Takes::Value),
    ("--allow", Takes::Value),
    ("-b", Takes::Value),
    ("--block", Takes::Value),
    ("-c", Takes::Value),
    ("-d", Takes::Value),
    ("-l", Takes::Value),
    ("--lcores", Takes::Value),
    ("-m", Takes::Value),
    ("-n", Takes::Value),
    ("-r", Takes::Value),
    ("--base-virtaddr", Takes::Value),
    ("--file-prefix", Takes::Value),
    ("--force-max-simd-bitwidth", Takes::Value),
    ("--huge-dir", Takes::Value),
    ("--huge-unlink", Takes::Maybe),
    ("--huge-worker-stack", Takes::Maybe),
    ("--in-memory", Takes::Nothing),
    ("--iova-mode", Takes::Value),
    ("--legacy-mem", Takes::Nothing),
    ("--log-level", Takes::Value),
    ("--main-lcore", Takes::Value),
    ("--match-allocations", Takes::Nothing),
    ("--mbuf-pool-ops-name", Takes::Value),
    ("--no-hpet", Takes::Nothing),
    ("--no-huge", Takes::Nothing),
    ("--no-pci", Takes::Nothing),
    ("--no-shconf", Takes::Nothing),
    ("--no-telemetry", Takes::Nothing),
    ("--single-file-segments", Takes::Nothing),
    ("--socket-limit", Takes::Value),
    ("--socket-mem", Takes::Value),
    ("--syslog", Takes::Value),
    ("--telemetry", Takes::Nothing),
    ("--vfio-intr", Takes::Value),
    ("--vfio-vf-token", Takes::Value),
];

/// Options that EAL knows and this program keeps to itself, and why.
const REFUSED: [(&str, &str); 7] = [
    ("--vdev", "devices are named by ports in the configuration"),
    ("--proc-type", "ranshift is always the primary process"),
    ("--create-uio-dev", "it creates device files"),
    ("-h", "see the manual of DPDK for the options of EAL"),
    ("--help", "see the manual of DPDK for the options of EAL"),
    ("-v", "ranshift --version says which release it is"),
    ("-s", "ranshift uses no service cores"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_derived_line_passes_the_check() {
        for memory in [
            Memory::Plain(256),
            Memory::Huge(None),
            Memory::Huge(Some(64)),
        ] {
            let derived = arguments(&[2, 5], memory, false);
            assert_eq!(checked_arguments(&derived.join(" ")), Ok(derived.clone()));
            assert!(names_cores(&derived));
            assert!(derived.contains(&"--lcores=0@2,1@5".to_owned()));
        }
    }

    #[test]
    fn a_line_for_a_nic_lets_eal_look_at_the_bus() {
        assert!(!arguments(&[0], Memory::Huge(None), true).contains(&"--no-pci".to_owned()));
    }

    #[test]
    fn telemetry_stays_on() {
        assert!(!arguments(&[0], Memory::Plain(64), false).contains(&"--no-telemetry".to_owned()));
    }

    #[test]
    fn values_may_be_attached_or_apart() {
        assert!(checked_arguments("-l0 -m 64 --file-prefix=x --huge-unlink=never").is_ok());
    }

    #[test]
    fn an_unknown_option_is_refused_before_eal_prints_its_usage() {
        assert_eq!(
            checked_arguments("--no-hgue"),
            Err("EAL has no option --no-hgue".to_owned())
        );
    }

    #[test]
    fn a_word_that_is_no_option_is_refused() {
        assert!(checked_arguments("net_null0").is_err());
        assert!(checked_arguments("-").is_err());
    }

    #[test]
    fn a_missing_value_is_refused() {
        assert!(checked_arguments("--no-huge -m").is_err());
    }

    #[test]
    fn a_value_without_need_is_refused() {
        assert!(checked_arguments("--no-huge=1").is_err());
    }

    #[test]
    fn devices_belong_to_the_configuration() {
        let refused = checked_arguments("--vdev=net_null0");
        assert!(refused.is_err_and(|why| why.contains("configuration")));
    }

    #[test]
    fn no_huge_and_in_memory_are_refused_together() {
        assert!(checked_arguments("--no-huge --in-memory").is_err());
    }
}
