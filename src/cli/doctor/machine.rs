//! The machine as files below a root folder, and the few questions that no file answers.
//!
//! Files of /proc and /sys are small; whatever cannot be read is simply not known, never an error.

use crate::dpdk::eal;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What no file of /proc or /sys tells.
pub(super) trait Questions {
    /// What a program writes to its standard output; `None` if it is missing or fails.
    fn output(&self, program: &str, arguments: &[&str]) -> Option<String>;
    /// Whether this process may read and write a file or folder.
    fn may_use(&self, path: &Path) -> bool;
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// The cores that a thread of this process could be given.
    fn usable_cores(&self) -> BTreeSet<usize>;
}

/// The running system.
pub(super) struct Live;

impl Questions for Live {
    fn output(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    }

    fn may_use(&self, path: &Path) -> bool {
        use rustix::fs::{Access, access};
        access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn usable_cores(&self) -> BTreeSet<usize> {
        eal::usable_cores().into_iter().collect()
    }
}

/// A file system that looks like this machine's.
pub(super) struct Machine {
    root: PathBuf,
    questions: Box<dyn Questions>,
}

impl Machine {
    pub(super) fn new(root: &Path, questions: Box<dyn Questions>) -> Self {
        Self {
            root: root.to_path_buf(),
            questions,
        }
    }

    /// A file's text without white space at its end.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.place(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// A file that holds one number.
    pub(super) fn number(&self, path: &str) -> Option<i64> {
        self.read(path)?.trim().parse().ok()
    }

    /// A file that holds a list of cores.
    pub(super) fn cores(&self, path: &str) -> Option<BTreeSet<usize>> {
        cores_of(&self.read(path)?)
    }

    /// `PATH: its first line`, for findings.
    pub(super) fn quote(&self, path: &str) -> String {
        match self.read(path) {
            Some(text) if text.is_empty() => format!("{path}: empty"),
            Some(text) => format!("{path}: {}", text.lines().next().unwrap_or_default().trim()),
            None => format!("{path}: not there"),
        }
    }

    /// What a folder holds, in order; nothing if it is not there.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.place(folder)) else {
            return Vec::new();
        };
        let name = |entry: fs::DirEntry| entry.file_name().into_string().ok();
        let mut names: Vec<_> = entries.flatten().filter_map(name).collect();
        names.sort();
        names
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.place(path).exists()
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        self.place(path).is_dir()
    }

    /// Bytes of a file.
    pub(super) fn size(&self, path: &str) -> Option<u64> {
        Some(fs::metadata(self.place(path)).ok()?.len())
    }

    /// The last part of where a symbolic link points.
    pub(super) fn link(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.place(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Whether this process may read and write it.
    pub(super) fn may_use(&self, path: &str) -> bool {
        self.questions.may_use(&self.place(path))
    }

    pub(super) fn output(&self, program: &str, arguments: &[&str]) -> Option<String> {
        self.questions.output(program, arguments)
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.questions.variable(name)
    }

    /// A line `NAME:  VALUE` of /proc/self/status.
    pub(super) fn status(&self, name: &str) -> Option<String> {
        let text = self.read("/proc/self/status")?;
        let value = |line: &str| {
            Some(
                line.strip_prefix(name)?
                    .strip_prefix(':')?
                    .trim()
                    .to_owned(),
            )
        };
        text.lines().find_map(value)
    }

    /// Whether this process holds a capability, by its bit.
    pub(super) fn holds(&self, capability: u32) -> bool {
        let held = self.status("CapEff");
        let held = held.and_then(|mask| u64::from_str_radix(&mask, 16).ok());
        held.is_some_and(|mask| mask >> capability & 1 == 1)
    }

    /// Whether this process runs as root.
    pub(super) fn is_root(&self) -> bool {
        let user = self.status("Uid");
        user.is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
    }

    /// The cores that this process could give to a thread: those it runs on, and those kept from it by
    /// no more than an affinity.
    pub(super) fn usable_cores(&self) -> BTreeSet<usize> {
        self.questions.usable_cores()
    }

    /// The cores that this process runs on.
    pub(super) fn allowed_cores(&self) -> BTreeSet<usize> {
        let list = self.status("Cpus_allowed_list");
        list.and_then(|list| cores_of(&list)).unwrap_or_default()
    }

    /// File system type and mount point of what holds `path`: the longest mount point that is a prefix.
    pub(super) fn mount_of(&self, path: &str) -> Option<(String, String)> {
        let text = self.read("/proc/self/mounts")?;
        text.lines()
            .filter_map(mount)
            .filter(|(_, point)| Path::new(path).starts_with(point))
            .max_by_key(|(_, point)| point.len())
    }

    /// Mount points of a type of file system.
    pub(super) fn mounts(&self, kind: &str) -> Vec<String> {
        let text = self.read("/proc/self/mounts").unwrap_or_default();
        let points = text.lines().filter_map(mount);
        points
            .filter(|(of, _)| of == kind)
            .map(|(_, point)| point)
            .collect()
    }

    /// Whether `ranshift run` runs: not any `ranshift`, since this process is one.
    pub(super) fn appliance_runs(&self) -> bool {
        let numbers = self.names("/proc").into_iter();
        let mut lines = numbers
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|id| self.read(&format!("/proc/{id}/cmdline")));
        lines.any(|line| {
            let mut words = line.split('\0');
            let program = words.next().and_then(|path| path.rsplit('/').next());
            program == Some("ranshift") && words.any(|word| word == "run")
        })
    }

    /// Names of the programs that run.
    pub(super) fn programs(&self) -> BTreeSet<String> {
        let numbers = self.names("/proc").into_iter();
        numbers
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
            .filter_map(|id| self.read(&format!("/proc/{id}/comm")))
            .collect()
    }

    fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// Type and mount point of a line of /proc/self/mounts.
fn mount(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let (_, point, kind) = (words.next()?, words.next()?, words.next()?);
    Some((kind.to_owned(), point.replace("\\040", " ")))
}

/// Reads a list of cores as the kernel writes it: `0-3,8`. `None` if it is no list.
pub(super) fn cores_of(list: &str) -> Option<BTreeSet<usize>> {
    let mut cores = BTreeSet::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last > MOST_CORES {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

/// Writes a list of cores as the kernel does: `0-3,8`.
pub(super) fn list_of(cores: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &core in cores {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == core => *last = core,
            _ => ranges.push((core, core)),
        }
    }
    let written = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    written.collect::<Vec<_>>().join(",")
}

/// More than Linux numbers.
const MOST_CORES: usize = 65_536;
