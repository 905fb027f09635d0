//! Which cases are measured, how often, and what was found.

use crate::dut::{self, Reading};
use crate::machine::{Device, Machine, Traffic};
use crate::testpmd;
use crate::traffic::Way;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

/// What one figure belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Case {
    /// Virtual device: net_null before net_ring.
    pub(crate) ring: bool,
    /// Bytes of a frame.
    pub(crate) size: usize,
    /// Whose figure.
    pub(crate) program: Program,
}

/// Who forwards, and how.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Program {
    /// testpmd io without restored headers: the difference to `Io` is what restoring costs.
    Bare,
    /// testpmd io.
    Io,
    /// testpmd macswap.
    Macswap,
    /// Our backend without a decision.
    Forward,
    /// The whole path, DU to RU.
    Downlink {
        /// Cells of the configuration.
        cells: usize,
    },
    /// The whole path, RU to a DU and so many more.
    Uplink {
        /// Cells of the configuration.
        cells: usize,
        /// DUs beyond the first.
        copies: usize,
    },
}

/// The windows of one case over all repetitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Cycles per packet of each window.
    pub(crate) cycles: Vec<f64>,
    /// Frames received and copies made.
    pub(crate) due: u64,
    /// Frames sent.
    pub(crate) sent: u64,
    /// Distinct cells that had a frame, where there are cells.
    pub(crate) cells_hit: usize,
    /// Drops by reason.
    pub(crate) drops: BTreeMap<String, u64>,
}

impl Figures {
    /// The undisturbed cost.
    pub(crate) fn best(&self) -> f64 {
        self.cycles.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The middle window.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.cycles.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Sent of what was due.
    pub(crate) fn forwarded(&self) -> f64 {
        self.sent as f64 / self.due.max(1) as f64
    }
}

/// All figures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Results {
    /// By case.
    pub(crate) figures: BTreeMap<Case, Figures>,
}

impl Results {
    /// The best window of a case, if it was measured.
    pub(crate) fn best(&self, ring: bool, size: usize, program: Program) -> Option<f64> {
        let case = Case {
            ring,
            size,
            program,
        };
        let figures = self.figures.get(&case)?;
        Some(figures.best()).filter(|best| best.is_finite())
    }

    /// An error names every case that did not forward what it should.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let refused: Vec<_> = self
            .figures
            .iter()
            .filter_map(|(case, figures)| refusal(case, figures))
            .collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(format!("figures refused:\n  {}", refused.join("\n  ")))
    }
}

fn refusal(case: &Case, figures: &Figures) -> Option<String> {
    if figures.cycles.is_empty() {
        return Some(format!("{case:?}: no window with enough frames"));
    }
    let forwarded = figures.forwarded();
    if !(FORWARDED..=1.0 / FORWARDED).contains(&forwarded) {
        return Some(format!(
            "{case:?}: {} sent of {}; drops {:?}",
            figures.sent, figures.due, figures.drops
        ));
    }
    let cells = match case.program {
        Program::Downlink { cells } | Program::Uplink { cells, .. } => cells,
        _ => 0,
    };
    (figures.cells_hit != cells)
        .then(|| format!("{case:?}: {} of {cells} cells hit", figures.cells_hit))
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    sizes: &'static [usize],
    cells: &'static [usize],
    copies: &'static [usize],
    repetitions: usize,
    windows: usize,
    window: Duration,
}

impl Plan {
    /// Under a minute if `quick`, else under ten.
    pub(crate) fn new(quick: bool) -> Self {
        if quick {
            return Self {
                sizes: &[64, 7680],
                cells: &[1, 1024],
                copies: &[0, 2],
                repetitions: 1,
                windows: 60,
                window: Duration::from_millis(3),
            };
        }
        Self {
            sizes: &[64, 1500, 7680],
            cells: &[1, 64, 1024],
            copies: &[0, 1, 2],
            repetitions: 3,
            windows: 150,
            window: Duration::from_millis(3),
        }
    }

    /// Measures everything, repetitions outermost.
    pub(crate) fn carry_out(&self, machine: &Machine) -> Result<Results, String> {
        let mut results = Results::default();
        for repetition in 1..=self.repetitions {
            for device in [Device::Null, Device::Ring] {
                for size in self.sizes {
                    progress(&format!(
                        "repetition {repetition} of {}: {}, {size} B",
                        self.repetitions,
                        device.name()
                    ));
                    self.yardstick(machine, device, *size, &mut results)?;
                    self.ours(machine, device, *size, &mut results)?;
                }
            }
        }
        progress("");
        Ok(results)
    }

    fn yardstick(
        &self,
        machine: &Machine,
        device: Device,
        size: usize,
        results: &mut Results,
    ) -> Result<(), String> {
        let mut traffic = traffic(machine, device, size, Way::Downlink, 1)?;
        let mut sessions = vec![(
            true,
            vec![("io", Program::Io), ("macswap", Program::Macswap)],
        )];
        if device == Device::Null {
            sessions.push((false, vec![("io", Program::Bare)]));
        }
        for (restore, modes) in sessions {
            traffic.restore = restore;
            let names: Vec<_> = modes.iter().map(|(name, _)| *name).collect();
            let measured = testpmd::measure(machine, &traffic, &names, self.windows, self.window)?;
            for ((_, program), windows) in modes.iter().zip(measured) {
                let figures = results.of(device, size, *program);
                for window in windows {
                    figures.cycles.push(window.cycles);
                    figures.due += window.received;
                    figures.sent += window.sent;
                }
            }
        }
        Ok(())
    }

    fn ours(
        &self,
        machine: &Machine,
        device: Device,
        size: usize,
        results: &mut Results,
    ) -> Result<(), String> {
        let plain = traffic(machine, device, size, Way::Downlink, 1)?;
        let reading = dut::measure(machine, &plain, None, self.windows, self.window)?;
        results.of(device, size, Program::Forward).add(reading);
        for cells in self.cells.iter().copied() {
            let ways = self
                .copies
                .iter()
                .map(|copies| Way::Uplink { copies: *copies });
            for way in std::iter::once(Way::Downlink).chain(ways) {
                let program = match way {
                    Way::Downlink => Program::Downlink { cells },
                    Way::Uplink { copies } => Program::Uplink { cells, copies },
                };
                let traffic = traffic(machine, device, size, way, cells)?;
                let work = Some((way, cells));
                let reading = dut::measure(machine, &traffic, work, self.windows, self.window)
                    .map_err(|error| format!("{program:?} on {}: {error}", device.name()))?;
                results.of(device, size, program).add(reading);
            }
        }
        Ok(())
    }
}

impl Results {
    fn of(&mut self, device: Device, size: usize, program: Program) -> &mut Figures {
        let ring = device == Device::Ring;
        let case = Case {
            ring,
            size,
            program,
        };
        self.figures.entry(case).or_default()
    }
}

impl Figures {
    fn add(&mut self, reading: Reading) {
        self.cycles.extend(reading.cycles);
        self.due += reading.received + reading.copied;
        self.sent += reading.sent;
        self.cells_hit = reading.cells_hit;
        for (reason, count) in reading.drops {
            *self.drops.entry(reason).or_default() += count;
        }
    }
}

fn traffic(
    machine: &Machine,
    device: Device,
    size: usize,
    way: Way,
    cells: usize,
) -> Result<Traffic, String> {
    Traffic::new(machine, device, size, way, cells).map_err(|error| error.to_string())
}

fn progress(text: &str) {
    let mut err = stderr();
    if err.is_terminal() {
        // Progress is a courtesy: a terminal that went away is no failure.
        let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
    }
}

/// The share of frames that must have been forwarded.
pub(crate) const FORWARDED: f64 = 0.9999;
