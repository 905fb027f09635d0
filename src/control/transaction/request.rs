//! What may be asked of the director, and the answers that refuse it.

use super::checks::Check;
use crate::dataplane::mailbox::Boundary;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a transaction is to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Cells get other active members: all of them or none.
    Move {
        /// Which cells, and where to.
        cells: Vec<Wish>,
        /// What is thought to move; refused if it is something else.
        what: Option<What>,
        /// Share the RU while UEs are moved.
        share: bool,
        /// Wait for checks that do not hold yet, up to the deadline of `preparing`.
        wait: bool,
        /// When one cell switches. Several switch at one instant.
        boundary: Boundary,
    },
    /// Everything that a server carries goes elsewhere, a cell a transaction.
    Drain {
        /// Its name.
        server: String,
        /// Share the RU while UEs are moved, where there is an RU.
        share: bool,
    },
    /// What the lcores did about a loss is followed up. Nobody asks for this.
    Follow {
        /// The server, or the member of a server that is not configured.
        lost: String,
    },
}

/// One cell of a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// The cell.
    pub cell: String,
    /// Its active member to be.
    pub to: String,
}

/// What moves when a cell gets another active member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The DU with its L2: the fronthaul switches.
    Du,
    /// The PHY under an L2 that stays: FAPI switches, and with an RU the fronthaul at the same slot.
    Phy,
}

impl What {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Du => "du",
            Self::Phy => "phy",
        }
    }
}

/// Why there is a transaction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody asked for it.
    Operator(String),
    /// A policy decided it.
    Policy(String),
    /// A drain, by its number, needs it.
    Drain(u64),
    /// Something died.
    Failure(String),
}

/// A request with all that comes with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What is wanted.
    pub request: Request,
    /// Why.
    pub cause: Cause,
    /// The same key and request give the same transaction.
    pub key: Option<String>,
    /// Of the configuration that the request was made under; `None`: whichever is in force.
    pub term: Option<u64>,
}

/// Why a request opens no transaction.
#[derive(Clone, PartialEq, Debug)]
pub enum Refused {
    /// The key was used for another request.
    KeyReused {
        /// By this transaction.
        by: u64,
    },
    /// Another configuration is in force.
    Stale {
        /// Its term.
        term: u64,
    },
    /// A transaction is open over the same cell, or the same drain.
    Conflict {
        /// The cell or server.
        over: String,
        /// The transaction.
        with: u64,
    },
    /// Nothing of this name.
    Unknown {
        /// `cell`, `member`, `server` or `transaction`.
        kind: &'static str,
        /// As asked.
        name: String,
    },
    /// These do not hold; at least one.
    Checks(Vec<Check>),
    /// No cell is named, or one twice.
    Malformed(&'static str),
    /// So many are open already.
    TooMany(usize),
    /// The transaction has ended.
    Ended(u64),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyReused { by } => {
                write!(f, "transaction {by} has this key and another request")
            }
            Self::Stale { term } => write!(f, "the configuration in force is that of term {term}"),
            Self::Conflict { over, with } => write!(f, "transaction {with} is open over {over}"),
            Self::Unknown { kind, name } => write!(f, "there is no {kind} {name}"),
            Self::Malformed(why) => f.write_str(why),
            Self::TooMany(open) => write!(f, "{open} transactions are open already"),
            Self::Ended(id) => write!(f, "transaction {id} has ended"),
            Self::Checks(checks) => {
                for (index, check) in checks.iter().enumerate() {
                    let gap = if index == 0 { "" } else { "; " };
                    write!(f, "{gap}{check}")?;
                }
                Ok(())
            }
        }
    }
}
