//! Progress while captures are read, on standard error and only if that is a terminal.

use crate::ran::Instant;
use crate::replay::{
    arrivals::{Arrival, Arrivals, InputError, Merge},
    faults::Faults,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Arrivals that move a progress bar.
pub(super) struct Watched {
    /// The arrivals.
    pub(super) faults: Faults<Merge>,
    bar: ProgressBar,
    taken: u64,
}

impl Watched {
    /// Watches `faults`, whose captures have `bytes` bytes altogether.
    pub(super) fn new(faults: Faults<Merge>, bytes: u64) -> Self {
        let bar = ProgressBar::new(bytes);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self {
            faults,
            bar,
            taken: 0,
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) -> Faults<Merge> {
        self.bar.finish_and_clear();
        self.faults
    }
}

impl Arrivals for Watched {
    fn next_at(&mut self) -> Result<Option<Instant>, InputError> {
        self.faults.next_at()
    }

    fn take(&mut self) -> Result<Option<Arrival>, InputError> {
        self.taken += 1;
        if self.taken.is_multiple_of(FRAMES_A_STEP) {
            self.bar.set_position(self.faults.source().bytes_read());
        }
        self.faults.take()
    }
}

const TEMPLATE: &str = "replaying {bar:40} {percent:>3} %  {bytes} of {total_bytes}, {eta} left";
const FRAMES_A_STEP: u64 = 256;
