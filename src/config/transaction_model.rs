//! Transactions as they are meant: which server carries what, how long phases take, and who is called.

use crate::ran::Duration;
use std::path::PathBuf;

/// A server: what is lost together, and drained together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// Positions in `Config::dus`.
    pub dus: Vec<usize>,
    /// Positions in `Config::phys`.
    pub phys: Vec<usize>,
}

/// How transactions are carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transactions {
    /// How long each phase may take.
    pub deadlines: Deadlines,
    /// What follows when UEs are left at the deadline of `moving_ues`: the switch, else the way back.
    pub switch_at_deadline: bool,
    /// Cells of a drain under way at once.
    pub parallel: usize,
    /// From the command to the instant at which several cells switch together.
    pub lead: Duration,
    /// Most by which the mean liveness margins of source and destination may differ; `None`: not checked.
    pub aligned_within: Option<Duration>,
    /// Losses within this of the first belong to one failure.
    pub join_within: Duration,
    /// Cells of a lost server that still speak from there are moved too.
    pub move_rest: bool,
    /// The file of the journal; `None`: open transactions do not survive the process.
    pub journal: Option<PathBuf>,
}

/// How long each phase may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// Drivers and checks.
    pub preparing: Duration,
    /// The first shared slot.
    pub sharing: Duration,
    /// The move of all UEs.
    pub moving_ues: Duration,
    /// The switch, after the boundary that was answered.
    pub switching: Duration,
    /// The destination's proof of life.
    pub confirming: Duration,
    /// The way back; of a failure, that every cell is taken over.
    pub rolling_back: Duration,
}

/// Whom a transaction calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drivers {
    /// Starts and stops the destination.
    pub member: Driver,
    /// Tells both MACs the slot pattern.
    pub pattern: Driver,
    /// Moves UEs from source to destination.
    pub ues: Driver,
}

/// How somebody is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Driver {
    /// Not at all: people do it, and say so.
    Manual,
    /// By an HTTP POST.
    Webhook {
        /// `http://HOST[:PORT]/PATH`.
        url: String,
        /// Until the whole answer is there.
        timeout: Duration,
    },
    /// By a program of its own, without a shell.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Until it has ended.
        timeout: Duration,
    },
}
