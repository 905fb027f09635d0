//! What an lcore remembers of the midhaul: a watcher and a fence for each pair.

use crate::dataplane::tables::{MidhaulTables, PairId};
use crate::planes::midhaul::watcher::Watcher;
use crate::ran::Instant;
use crate::wire::sctp::LONGEST_ABORT;

/// All pairs of the tables; those of DUs that another lcore owns stay as they are.
#[derive(Debug)]
#[allow(
    clippy::vec_box,
    reason = "so that they move by their pointers when the tables are replaced"
)]
pub struct MidhaulState {
    /// By `PairId`.
    pub pairs: Vec<Box<PairState>>,
    /// When the next copy of an ABORT is due.
    pub due: Instant,
    /// Room for one frame to be made.
    pub(super) frame: Vec<u8>,
    /// Room for the SCTP packet in it.
    pub(super) packet: Vec<u8>,
}

/// One pair.
#[derive(Clone, Debug, Default)]
pub struct PairState {
    /// Its associations.
    pub watcher: Watcher,
    /// What the DU says does not reach the CU.
    pub fenced: bool,
}

impl MidhaulState {
    /// Nothing was seen of any pair.
    pub fn new(tables: &MidhaulTables) -> Self {
        Self {
            pairs: tables.pairs().iter().map(|_| Box::default()).collect(),
            due: Instant::NEVER,
            frame: Vec::with_capacity(LONGEST_FRAME),
            packet: Vec::with_capacity(LONGEST_ABORT),
        }
    }

    /// The pair.
    pub fn pair(&self, pair: PairId) -> Option<&PairState> {
        self.pairs.get(pair.index()).map(|pair| &**pair)
    }

    /// When the next copy of any ABORT is due.
    pub fn refresh(&mut self) {
        let deadlines = self.pairs.iter().map(|pair| pair.watcher.deadline());
        self.due = deadlines.min().unwrap_or(Instant::NEVER);
    }
}

/// Ethernet with two tags, IPv6, UDP and an ABORT.
const LONGEST_FRAME: usize = 256;
