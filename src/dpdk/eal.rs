//! The environment abstraction layer: checked arguments in, started once, never stopped.
//!
//! EAL answers a wrong option with its whole usage text on standard output, so options are checked here
//! first. `rte_eal_cleanup` is not called: it would unmap buffers under whoever still holds one; the
//! process ends instead.

use super::ffi;
use rustix::thread::{CpuSet, sched_getaffinity};
use std::ffi::{CStr, CString, c_char};
use std::fmt;
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

    /// Pins the calling thread's work to the lcore EAL gave it: its number, for reports.
    pub fn lcore(&self) -> u32 {
        // SAFETY: EAL runs.
        unsafe { ffi::shim_lcore() }
    }
}

/// The argument line that needs no privilege, no huge pages and no NIC.
pub fn default_arguments(core: usize, mebibytes: u32) -> Vec<String> {
    let line = format!(
        "-l {core} --no-huge -m {mebibytes} --no-shconf --no-pci --no-telemetry \
         --log-level=warning --file-prefix=ranshift{}",
        std::process::id()
    );
    line.split_whitespace().map(str::to_owned).collect()
}

/// The last core this process may use: the first is where everything else tends to run.
pub fn last_core() -> Option<usize> {
    let allowed = sched_getaffinity(None).ok()?;
    (0..CpuSet::MAX_CPU.min(MOST_LCORES))
        .rev()
        .find(|core| allowed.is_set(*core))
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

/// Debian builds EAL for this many (RTE_MAX_LCORE).
const MOST_LCORES: usize = 128;

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
    fn the_default_line_passes_its_own_check() {
        let line = default_arguments(0, 256).join(" ");
        assert_eq!(checked_arguments(&line), Ok(default_arguments(0, 256)));
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
