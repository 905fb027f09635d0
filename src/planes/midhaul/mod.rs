//! The midhaul: SCTP associations between one member (a DU) and the fixed side (its CU), watched as they pass.
//!
//! Nothing is terminated and no packet is changed. `association` learns the verification tags of one
//! association (RFC 9260 8.5) from its handshake or from the middle, `watcher` keeps those of a pair of ends,
//! and says with which tag each end can be told that the other is gone, `path` is how packets got there. A
//! function that dies costs only the early notice.

pub mod association;
pub mod path;
#[cfg(test)]
mod tests;
pub mod watcher;

use serde::{Deserialize, Serialize};

/// One end of an association.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// One of a group: a DU.
    Member,
    /// What the group serves: a CU.
    Fixed,
}

impl End {
    /// The end that packets of this one go to.
    pub const fn other(self) -> Self {
        match self {
            Self::Member => Self::Fixed,
            Self::Fixed => Self::Member,
        }
    }
}

/// One value for each end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ends<T> {
    /// Of the member.
    pub member: T,
    /// Of the fixed side.
    pub fixed: T,
}

impl<T> Ends<T> {
    /// That of `end`.
    pub const fn of(&self, end: End) -> &T {
        match end {
            End::Member => &self.member,
            End::Fixed => &self.fixed,
        }
    }

    /// That of `end`, to be changed.
    pub const fn of_mut(&mut self, end: End) -> &mut T {
        match end {
            End::Member => &mut self.member,
            End::Fixed => &mut self.fixed,
        }
    }
}

impl<T> Ends<T> {
    /// `own` is that of `end`, `others` that of the other.
    pub fn seen_from(end: End, own: T, others: T) -> Self {
        match end {
            End::Member => Self {
                member: own,
                fixed: others,
            },
            End::Fixed => Self {
                member: others,
                fixed: own,
            },
        }
    }
}
