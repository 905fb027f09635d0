//! A second opinion on what ranshift let through. It reads what went in, what came out, the index that
//! links both, the configuration and the scenario, with parsers of its own: it shares no code with the
//! program it judges. First every link is proved, then each rule is judged with the DU taken from the
//! input side. `program.rs` does this for files; tests include this module and judge runs in memory.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    dead_code,
    unused_imports,
    reason = "a test program, included by several tests that each use a part of it"
)]

pub mod clock;
pub mod control;
pub mod files;
pub mod live;
pub mod packet;
pub mod pcap;
pub mod report;
pub mod rule;
pub mod rules;
pub mod run;
pub mod scenario;
pub mod settings;
pub mod stage;
pub mod timeline;
pub mod value;
pub mod verdict;

pub use report::Report;
pub use scenario::Scenario;
pub use settings::Settings;
pub use verdict::{Finding, Place, Rule, Verdict};

/// Everything that is judged.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The configuration of the run.
    pub settings: Settings,
    /// Its scenario.
    pub scenario: Scenario,
    /// What each port received: split, restored, faults applied.
    pub ingress: Vec<Lane>,
    /// What each port sent.
    pub egress: Vec<Lane>,
    /// Counters and events, as the run reported them.
    pub report: Report,
    /// An emulated RU answered what went through: each symbol is answered once.
    pub closed_loop: bool,
    /// How long after its stamp a frame may have reached the box, nanoseconds; 0 where stamps are the box's.
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

/// One frame and where its index line says it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Nanoseconds since the Unix epoch.
    pub at_ns: u64,
    /// The bytes, without FCS.
    pub bytes: Vec<u8>,
    /// Which input, by a number that the caller gives each input; `ORIGINATED` if none.
    pub input: u32,
    /// Number of the frame in that input, from 1.
    pub number: u64,
    /// The last column of the index; ignored on ingress.
    pub kind: Kind,
}

/// `Frame::input` of a frame that the box made from nothing.
pub const ORIGINATED: u32 = u32::MAX;

/// How an output frame relates to its input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// The frame itself.
    #[default]
    Forwarded,
    /// Another frame with the same payload.
    Copy,
    /// Made of a piece of it.
    Part,
}

/// Judges a run: links first, then every rule.
pub fn judge(inputs: &Inputs) -> Verdict {
    let mut verdict = Verdict::default();
    let mut run = run::Run::new(inputs, &mut verdict);
    rules::links::judge(&mut run, &mut verdict);
    rules::addresses::judge(&run, &mut verdict);
    rules::admission::judge(&run, &mut verdict);
    rules::speakers::judge(&run, &mut verdict);
    rules::sequence::judge(&run, &mut verdict);
    rules::order::judge(&run, &mut verdict);
    rules::uplink::judge(&run, &mut verdict);
    rules::requests::judge(&run, &mut verdict);
    rules::boundary::judge(&run, &mut verdict);
    rules::ledger::judge(&run, &mut verdict);
    verdict
}
