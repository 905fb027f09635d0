//! A second opinion on what the FAPI plane let through. It reads what arrived, what left, the configuration
//! and which switches were asked, with parsers of its own: it shares no code with the program it judges.
//! What left is matched with what came by content and time; each rule is then judged by the slot inside the
//! messages. Written from SCF 222 and what OAI's nFAPI library does, not from the program.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "a judge, included by several tests that each use a part of it"
)]

pub mod body;
pub mod cast;
pub mod files;
pub mod message;
pub mod model;
pub mod packer;
pub mod packet;
#[path = "../checker/pcap.rs"]
pub mod pcap;
#[path = "../checker/rule.rs"]
pub mod rule;
pub mod rules;
pub mod run;
pub mod settings;
pub mod stage;
#[path = "../checker/value.rs"]
pub mod value;
pub mod verdict;

pub use settings::Settings;
pub use verdict::{Finding, Rule, Verdict};

/// Everything that is judged.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The configuration of the run.
    pub settings: Settings,
    /// What each port received.
    pub ingress: Vec<Lane>,
    /// What each port sent.
    pub egress: Vec<Lane>,
    /// Switches that took effect, in order of time.
    pub switches: Vec<Switch>,
    /// When a fenced PHY was let in again: its name, nanoseconds.
    pub readmitted: Vec<(String, u64)>,
    /// From START.response to STOP: name of the PHY, nanoseconds. A PHY that is not listed runs from when it
    /// is first heard.
    pub running: Vec<(String, u64, u64)>,
    /// How far indications and clocks may stray from their instants, nanoseconds.
    pub slack_ns: u64,
}

/// Frames of one port in order.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// Name of the port.
    pub port: String,
    /// The frames.
    pub frames: Vec<Frame>,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// The bytes, without FCS.
    pub bytes: Vec<u8>,
}

/// From a slot on another PHY is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Name of the cell.
    pub cell: String,
    /// The first slot of the new one: any count that is congruent to it modulo 1024 frames.
    pub slot: i64,
    /// Name of the member that was active.
    pub from: String,
    /// Name of the one that then is.
    pub to: String,
    /// Why.
    pub cause: Cause,
}

/// Why a switch was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A command.
    Planned {
        /// When it was taken.
        commanded_ns: u64,
    },
    /// The active PHY was lost; it is fenced from the instant of detection on.
    Failover {
        /// When that was noticed.
        detected_ns: u64,
        /// When it was last heard.
        last_heard_ns: u64,
    },
}

impl Cause {
    /// When the switch was decided.
    pub fn at_ns(self) -> u64 {
        match self {
            Self::Planned { commanded_ns } => commanded_ns,
            Self::Failover { detected_ns, .. } => detected_ns,
        }
    }
}

/// Judges a run by every rule.
pub fn judge(inputs: &Inputs) -> Verdict {
    let mut verdict = Verdict::default();
    let run = run::Run::new(inputs, &mut verdict);
    rules::transport::judge(&run, &mut verdict);
    let links = rules::links::judge(&run, &mut verdict);
    rules::nulls::judge(&run, &links, &mut verdict);
    rules::slots::judge(&run, &mut verdict);
    rules::crcs::judge(&run, &links, &mut verdict);
    rules::fences::judge(&run, &links, &mut verdict);
    rules::failovers::judge(&run, &links, &mut verdict);
    verdict
}
