//! The transaction as a value: what is journaled, shown and gone on from after a restart.

use super::driver::Driver;
use super::phase::{Course, Phase};
use super::request::{Cause, Request};
use crate::dataplane::mailbox::Refusal;
use crate::ran::{Instant, SlotCount};
use serde::{Deserialize, Serialize};

/// One change over cells and planes. Instants are times of day, as events carry them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// Its number, from 1.
    pub id: u64,
    /// Why there is one.
    pub cause: Cause,
    /// What it is to do.
    pub request: Request,
    /// The key of whoever asked.
    pub key: Option<String>,
    /// Term of the configuration that it works under.
    pub term: u64,
    /// Where it stands.
    pub phase: Phase,
    /// Where it is going.
    pub course: Course,
    /// The plan: a move a cell.
    pub moves: Vec<Move>,
    /// When it was opened.
    pub opened: Instant,
    /// When it ended.
    pub ended: Option<Instant>,
    /// Why it did not simply succeed.
    pub why: Option<String>,
    /// Of a drain: what it opened.
    pub children: Vec<u64>,
    /// Of a drain: cells that it has not come to, or that have no way to go.
    pub left: Vec<String>,
    /// What happened, with the evidence.
    pub story: Vec<Step>,
    /// How often it changed its course.
    pub turns: u8,
    /// By the director's clock: when the phase is over.
    #[serde(skip)]
    pub(super) deadline: Instant,
    /// The same: when it was opened.
    #[serde(skip)]
    pub(super) since: Instant,
    /// Changed since it was last recorded.
    #[serde(skip)]
    pub(super) dirty: bool,
    /// The phase changed since then: a record of it must be durable.
    #[serde(skip)]
    pub(super) weighty: bool,
    /// Read from a journal; every cell has to be seen before anything is decided.
    #[serde(skip)]
    pub(super) restored: bool,
    /// By the director's clock: when several cells switch; and of a follow-up, when its rest is looked for.
    #[serde(skip)]
    pub(super) together: Instant,
    /// Nothing more is begun: a drain that failed or was told to stop.
    pub stopped: bool,
}

/// One cell of a transaction.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Move {
    /// The cell.
    pub cell: String,
    /// Its active member before.
    pub from: String,
    /// And after.
    pub to: String,
    /// What switches.
    pub planes: Vec<Plane>,
    /// Source and destination share the RU first.
    pub share: bool,
    /// The armed standby before.
    pub armed: Option<String>,
    /// First slot of the destination.
    pub boundary: Option<SlotCount>,
    /// UEs that the UE driver said were left.
    pub left: Option<u32>,
    /// The lcore carried it out, or began to, since the source was lost.
    pub forced: bool,
    /// The lcore takes nobody yet, since it took somebody a moment ago.
    pub damped: bool,
    /// The drivers that have said that they are done.
    pub done: Vec<Driver>,
    /// The destination was started by this transaction.
    pub started: bool,
    /// The pattern driver could not have the slot pattern acknowledged.
    pub unheard: bool,
    /// The command that is not answered yet.
    #[serde(skip)]
    pub(super) pending: Option<Pending>,
    /// The driver's call that is not answered yet.
    #[serde(skip)]
    pub(super) called: Option<(u64, Driver)>,
    /// The newest command was answered: nothing older can still be obeyed after it. Not so after a restart.
    #[serde(skip)]
    pub(super) answered: bool,
    /// Why the last command was refused.
    #[serde(skip)]
    pub(super) refused: Option<Refusal>,
    /// By the director's clock: nothing is commanded or called before.
    #[serde(skip)]
    pub(super) not_before: Instant,
}

/// A command under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) command: u32,
    pub(super) ask: Ask,
    /// By the director's clock.
    pub(super) since: Instant,
}

/// What was commanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// Source and destination share.
    Share,
    /// The destination alone.
    Switch,
    /// The source alone.
    Undo,
    /// As if the source were lost.
    FailOver,
}

/// What a move switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// Between RU and DUs.
    Fronthaul,
    /// Between L2 and PHYs.
    Fapi,
}

/// One entry of the story.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// The phase then.
    pub phase: Phase,
    /// The cell, if it is about one.
    pub cell: Option<String>,
    /// One sentence.
    pub what: String,
}

impl Transaction {
    /// Open, and over `cell`.
    pub fn holds(&self, cell: &str) -> bool {
        !self.phase.is_end() && self.moves.iter().any(|held| held.cell == cell)
    }

    /// True if it opens others and moves nothing itself.
    pub const fn is_drain(&self) -> bool {
        matches!(self.request, Request::Drain { .. })
    }

    /// True if it follows what lcores did.
    pub const fn is_follow_up(&self) -> bool {
        matches!(self.request, Request::Follow { .. })
    }

    /// Writes an entry into the story; the first and the last ones are kept.
    pub(super) fn tell(&mut self, at: Instant, cell: Option<&str>, what: String) {
        if self.story.len() >= STORY {
            self.story.remove(STORY / 2);
        }
        let (phase, cell) = (self.phase, cell.map(str::to_owned));
        self.story.push(Step {
            at,
            phase,
            cell,
            what,
        });
        self.dirty = true;
    }
}

/// Entries of a story that are kept.
const STORY: usize = 128;
