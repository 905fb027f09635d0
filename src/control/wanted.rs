//! What is wanted now: the configuration in force, its text, its term, and names for what happens.

use crate::config::Config;
use crate::control::names::names;
use crate::dataplane::run_record::{CellRecord, RunRecord};
use crate::ran::{CellId, Instant, MemberId};
use std::path::PathBuf;

/// A configuration in force.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The configuration.
    pub config: Config,
    /// As it was written.
    pub text: String,
    /// The file it came from, read again on SIGHUP.
    pub path: Option<PathBuf>,
    /// Its term.
    pub term: u64,
    /// Names, slot durations and the start of the process, for sentences.
    pub record: RunRecord,
}

impl Wanted {
    /// `config` as of `term`; `started` is when the process started.
    pub fn new(
        config: Config,
        text: String,
        path: Option<PathBuf>,
        term: u64,
        started: Instant,
    ) -> Self {
        let cells = config.cells.iter().map(|cell| CellRecord {
            slot_duration: cell.numerology.slot_duration(),
            ..CellRecord::default()
        });
        let record = RunRecord {
            names: names(&config),
            span: (started, started),
            cells: cells.collect(),
            ..RunRecord::default()
        };
        Self {
            config,
            text,
            path,
            term,
            record,
        }
    }

    /// The cell of this name.
    pub fn cell(&self, name: &str) -> Option<CellId> {
        let position = self
            .config
            .cells
            .iter()
            .position(|cell| cell.name == name)?;
        Some(CellId(position as u16))
    }

    /// The member of this name of a cell.
    pub fn member(&self, cell: CellId, name: &str) -> Option<MemberId> {
        let names = self.record.names.cells.get(cell.index())?;
        let position = names.members.iter().position(|member| member == name)?;
        Some(MemberId(position as u8))
    }

    /// A cell's name.
    pub fn cell_name(&self, cell: CellId) -> String {
        let names = self.record.names.cells.get(cell.index());
        names.map_or_else(|| format!("cell {}", cell.0), |names| names.name.clone())
    }

    /// A member's name.
    pub fn member_name(&self, cell: CellId, member: MemberId) -> String {
        let names = self.record.names.cells.get(cell.index());
        let name = names.and_then(|names| names.members.get(member.index()).cloned());
        name.unwrap_or_else(|| format!("member {}", member.0))
    }

    /// The example that tests use.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        let text = include_str!("../../configs/one-cell-two-dus.yaml");
        let loaded = crate::config::parse(text, "one-cell-two-dus.yaml");
        let config = loaded.unwrap_or_else(|all| panic!("{all}")).config;
        Self::new(config, text.to_owned(), None, 1, Instant(0))
    }
}
