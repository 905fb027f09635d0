//! The control side of the flight recorder: what is ordered from the lcores, and where it goes.

use crate::config::{Config, model};
use crate::dataplane::recorder::{Recorder, Recording, Settings, Trigger};
use crate::dataplane::run_record::Names;
use crate::dataplane::tables::Tables;
use crate::ran::CellId;
use crate::telemetry::recording::Store;
use std::io;

/// The recorder as configured.
#[derive(Clone, Debug)]
pub struct Recordings {
    settings: Settings,
    store: Store,
}

/// The recorder of an lcore for what it owns of `tables`, as configured. Allocates all that it will need.
pub fn recorder(config: &Config, tables: &Tables, owns: impl Fn(CellId) -> bool) -> Recorder {
    Recordings::new(config).map_or_else(Recorder::default, |recordings| {
        Recorder::new(tables, recordings.settings, owns)
    })
}

/// The recorder that takes the place of an lcore's, without memory of its own.
pub fn next_recorder(config: &Config, tables: &Tables, owns: impl Fn(CellId) -> bool) -> Recorder {
    Recordings::new(config).map_or_else(Recorder::default, |recordings| {
        Recorder::hollow(tables, recordings.settings, owns)
    })
}

impl Recordings {
    /// As configured; `None` if nothing is to be recorded.
    pub fn new(config: &Config) -> Option<Self> {
        let recorder = config.recorder.as_ref()?;
        let frames = recorder
            .frames
            .unwrap_or_else(|| default_frames(config, recorder));
        Some(Self {
            settings: Settings {
                frames,
                snap: recorder.snap,
            },
            store: Store::new(
                &recorder.directory,
                recorder.keep as usize,
                u64::from(recorder.space) << 20,
            ),
        })
    }

    /// What is kept on disk.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// An empty recording of `cell` for its lcore to fill; `None` for an unknown cell.
    pub fn order(&self, tables: &Tables, cell: CellId, trigger: Trigger) -> Option<Box<Recording>> {
        Recording::new(tables, self.settings, cell, trigger).map(Box::new)
    }

    /// Writes what came back; its name, or `None` if the lcore had nothing to give. `config` is the
    /// text of the configuration that the recording's term stands for.
    pub fn keep(
        &self,
        recording: &Recording,
        names: &Names,
        config: &str,
    ) -> io::Result<Option<String>> {
        if recording.taken.is_none() {
            return Ok(None);
        }
        self.store.write(recording, names, config).map(Some)
    }
}

/// As many as the memory of all cells together allows.
fn default_frames(config: &Config, recorder: &model::Recorder) -> u32 {
    let cells = config.cells.len().max(1) as u32;
    let frames = BUDGET / (u32::from(recorder.snap) + RECORD) / 4 * 3 / cells;
    frames.clamp(LEAST, MOST)
}

/// Memory of all cells together where the configuration does not say how many frames, bytes.
const BUDGET: u32 = 128 << 20;
/// Memory of one frame beside its bytes.
const RECORD: u32 = 75;
const LEAST: u32 = 256;
const MOST: u32 = 16_384;
