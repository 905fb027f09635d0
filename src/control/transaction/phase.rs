//! The phases of a transaction and how long each may take.

use crate::ran::Duration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Checks are made, drivers start the destination: nothing has been commanded.
    Preparing,
    /// Source and destination are to share the RU by the slot pattern.
    Sharing,
    /// They share; UEs are being moved.
    MovingUes,
    /// The switch is commanded.
    Switching,
    /// The destination speaks and must prove to be alive.
    Confirming,
    /// All cells are where they were to go.
    Done,
    /// All cells are where they came from.
    RolledBack,
    /// Neither; `why` of the transaction says where each cell is.
    Failed,
}

impl Phase {
    /// Nothing follows.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack | Self::Failed)
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Sharing => "sharing",
            Self::MovingUes => "moving-ues",
            Self::Switching => "switching",
            Self::Confirming => "confirming",
            Self::Done => "done",
            Self::RolledBack => "rolled-back",
            Self::Failed => "failed",
        }
    }
}

/// Where a transaction is going.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// To the destinations.
    #[default]
    Forward,
    /// To the destinations, since there is no way back: a source has gone.
    NoWayBack,
    /// To the sources.
    Back,
}

/// How long each phase may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// Drivers and checks.
    pub preparing: Duration,
    /// From the command to the first shared slot.
    pub sharing: Duration,
    /// The move of all UEs.
    pub moving_ues: Duration,
    /// From the command, or from the boundary that it named, to the switch.
    pub switching: Duration,
    /// The destination's proof of life.
    pub confirming: Duration,
    /// The way back.
    pub rolling_back: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            preparing: Duration::from_millis(5_000),
            sharing: Duration::from_millis(1_000),
            moving_ues: Duration::from_millis(60_000),
            switching: Duration::from_millis(100),
            confirming: Duration::from_millis(1_000),
            rolling_back: Duration::from_millis(5_000),
        }
    }
}

impl Deadlines {
    /// That of a phase; none of one that is an end.
    pub const fn of(&self, phase: Phase, course: Course) -> Duration {
        if matches!(course, Course::Back) {
            return self.rolling_back;
        }
        match phase {
            Phase::Preparing => self.preparing,
            Phase::Sharing => self.sharing,
            Phase::MovingUes => self.moving_ues,
            Phase::Switching => self.switching,
            Phase::Confirming => self.confirming,
            Phase::Done | Phase::RolledBack | Phase::Failed => Duration::from_nanos(u64::MAX),
        }
    }
}
