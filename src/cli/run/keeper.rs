//! Recordings of a run by stamps: fetched and written in the same turn, since nothing waits for it.

use crate::config::Config;
use crate::control::recordings::Recordings;
use crate::dataplane::run_record::Names;
use crate::dataplane::worker::Worker;
use crate::ran::Instant;

/// What recordings need beside the worker.
pub(super) struct Keeper {
    recordings: Recordings,
    names: Names,
    text: String,
}

impl Keeper {
    /// As `config` says, whose text is `text`; `None` if nothing is to be recorded.
    pub(super) fn new(config: &Config, names: Names, text: String) -> Option<Self> {
        let recordings = Recordings::new(config)?;
        Some(Self {
            recordings,
            names,
            text,
        })
    }

    /// Writes what is due by `until`, which may be later than `now` when nothing more will come.
    pub(super) fn fetch<F>(&self, worker: &mut Worker<F>, now: Instant, until: Instant) {
        while let Some((cell, trigger)) = worker.recording_due(until) {
            let empty = self.recordings.order(worker.tables(), cell, trigger);
            let Some(mut recording) = empty else {
                continue;
            };
            worker.hand_over(now, &mut recording);
            let written = self.recordings.keep(&recording, &self.names, &self.text);
            if let Err(error) = written {
                let directory = self.recordings.store().directory().display();
                let cell = self.names.cells.get(cell.index());
                let cell = cell.map_or("?", |cell| cell.name.as_str());
                eprintln!(
                    "ranshift: the {} of {cell} is not recorded: {directory}: {error}",
                    trigger.label()
                );
            }
        }
    }
}
