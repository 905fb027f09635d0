//! Calls to drivers: whoever starts members, tells both MACs the slot pattern, and moves UEs. A call is a value;
//! who carries it out, and how, is none of the director's business. Answers are not believed further than they can be
//! checked: a member that was started still has to pass the checks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// Starts and stops the destination.
    Member,
    /// Tells both MACs the slot pattern before they share.
    Pattern,
    /// Moves UEs from the source to the destination.
    Ues,
}

impl Driver {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Pattern => "pattern",
            Self::Ues => "ues",
        }
    }
}

/// What a driver is to do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Start the destination.
    Start,
    /// Stop the destination again.
    Stop,
    /// Tell source and destination the slot pattern.
    Announce,
    /// Move UEs, inactive ones first, and say how many are left. Asked again until none is.
    Move,
    /// Move them back.
    MoveBack,
}

/// One call. The same transaction, cell and verb mean the same work: a call may be repeated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Call {
    /// Named again in the reply.
    pub call: u64,
    /// The transaction.
    pub transaction: u64,
    /// Whom it is for.
    pub driver: Driver,
    /// What to do.
    pub verb: Verb,
    /// The cell.
    pub cell: String,
    /// Where it comes from.
    pub from: String,
    /// Where it goes.
    pub to: String,
}

/// What a driver says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// So many UEs are left.
    Left(u32),
    /// It could not be done.
    Failed(String),
}
