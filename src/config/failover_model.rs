//! What is configured of a cell's failover: the armed plan, and what means that it is time.

use crate::ran::{Duration, MemberId};

/// What may tell that a member is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Its fronthaul is silent.
    Fronthaul,
    /// Its PHY indicates no slots.
    Fapi,
}

impl Signal {
    /// The word of the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fronthaul => "fronthaul",
            Self::Fapi => "fapi",
        }
    }
}

/// The armed plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failover {
    /// Members to take over, best first; empty: none is armed.
    pub standby: Vec<MemberId>,
    /// No second failover within this time of the last.
    pub damping: Duration,
    /// What tells that the active member is gone.
    pub signals: Vec<Signal>,
    /// So many of them must be silent, at least 1.
    pub least: u8,
    /// Who comes first where cells want the same pooled standby: the higher; of equals the first in the file.
    pub priority: u8,
}
