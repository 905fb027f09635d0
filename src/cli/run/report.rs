//! What a run leaves: counters as a table for people, everything as JSON for machines.

use super::Exit;
use crate::dataplane::counters::Counters;
use crate::dataplane::mailbox::Event;
use crate::dataplane::observation::Load;
use crate::dataplane::run_record::Names;
use crate::dpdk::lcore::Usage;
use crate::replay::tally;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A run that has ended.
pub(super) struct Report {
    pub(super) config: PathBuf,
    pub(super) names: Names,
    pub(super) counters: Counters,
    /// The first events.
    pub(super) events: Vec<Event>,
    /// Commands whose time never came.
    pub(super) commands_left: usize,
    /// What frames cost, where time was the core's own.
    pub(super) usage: Option<Usage>,
    /// What each lcore did, where time was the core's own.
    pub(super) lcores: Vec<LcoreReport>,
    /// Buffers of each pool that are still out.
    pub(super) buffers: Vec<(&'static str, u32)>,
}

/// One lcore.
pub(super) struct LcoreReport {
    pub(super) core: usize,
    /// `spin`, `pause` or `sleep`.
    pub(super) idle: &'static str,
    pub(super) load: Load,
}

impl Report {
    /// Prints every counter that counted something.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let counters = tally::flat(&self.counters, &self.names);
        let counted = counters.iter().filter(|(_, count)| **count > 0);
        for (name, count) in counted {
            writeln!(out, "{name:48} {count:>16}")?;
        }
        if self.commands_left > 0 {
            let what = "commands later than the last frame";
            writeln!(out, "{what:48} {:>16}", self.commands_left)?;
        }
        if let Some(cycles) = self.cycles_per_frame() {
            writeln!(out, "{:48} {cycles:>16.1}", "cycles per received frame")?;
        }
        for (pool, out_still) in self.buffers.iter().filter(|(_, count)| *count > 0) {
            writeln!(
                out,
                "{:48} {out_still:>16}",
                format!("buffers of {pool} not given back")
            )?;
        }
        Ok(())
    }

    /// How the process ends.
    pub(super) fn exit(&self) -> Exit {
        match self.commands_left {
            0 => Exit::Done,
            _ => Exit::Failed,
        }
    }

    /// Writes everything to `file`.
    pub(super) fn write(&self, file: &Path) -> Exit {
        let buffers: serde_json::Map<_, _> = self
            .buffers
            .iter()
            .map(|(pool, count)| ((*pool).to_owned(), json!(count)))
            .collect();
        let text = json!({
            "ranshift": env!("CARGO_PKG_VERSION"),
            "config": self.config.display().to_string(),
            "counters": self.told(),
            "events": self.events.len(),
            "commands_left": self.commands_left,
            "buffers_in_use": buffers,
            "cycles_per_frame": self.cycles_per_frame(),
            "lcores": self.lcores.iter().map(LcoreReport::told).collect::<Vec<_>>(),
            "cpu_seconds": cpu_seconds(),
        });
        match std::fs::write(file, format!("{text:#}\n")) {
            Ok(()) => self.exit(),
            Err(error) => {
                eprintln!("ranshift: {}: {error}", file.display());
                Exit::Environment
            }
        }
    }

    /// Every counter but the reasons for which a peer lost nothing.
    fn told(&self) -> BTreeMap<String, u64> {
        let mut counters = tally::flat(&self.counters, &self.names);
        counters.retain(|name, count| {
            *count > 0 || !name.starts_with("peers.") || !name.contains(".drops.")
        });
        counters
    }

    fn cycles_per_frame(&self) -> Option<f64> {
        let usage = self.usage.filter(|usage| usage.frames > 0)?;
        Some(usage.cycles as f64 / usage.frames as f64)
    }
}

impl LcoreReport {
    fn told(&self) -> serde_json::Value {
        let load = &self.load;
        json!({
            "core": self.core,
            "idle": self.idle,
            "hz": load.hz,
            "turns": load.turns,
            "frames": load.frames,
            "busy_cycles": load.busy_cycles,
            "idle_cycles": load.idle_cycles,
            "longest_gap_us": load.longest_gap_ns as f64 / 1_000.0,
        })
    }
}

/// What the process has used of all cores, in seconds.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
