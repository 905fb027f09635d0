//! What happened, for people and for their tools: a story in words (`story`), a terminal summary
//! (`summary`), a self-contained page (`picture`), and metrics (`registry` is their one table).
//! Reads what backends leave behind and lcores report; the journey never calls it.

mod events;
#[cfg(test)]
mod example;
pub mod log;
pub mod metrics;
pub mod page;
pub mod picture;
pub mod recording;
pub mod refusals;
pub mod registry;
mod story;
mod summary;
pub mod tally;
mod words;

pub use summary::summary;
pub use words::{amount, duration};

use crate::dataplane::mailbox::{Event, Signal};
use crate::dataplane::run_record::RunRecord;
use crate::ran::CellId;

/// One phrase for `event`, with the names and the start of `record`.
pub fn describe(record: &RunRecord, event: &Event) -> String {
    events::describe(words::Words { record }, event)
}

/// Where a member fell silent, as words that follow `lost`; none in a cell of one plane.
pub fn on_plane(record: &RunRecord, cell: CellId, signal: Signal) -> &'static str {
    words::Words { record }.on_plane(cell, signal)
}
