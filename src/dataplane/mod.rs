//! The machine: one frame from bytes to verdict (`journey`), and the loop that carries verdicts out.

pub mod counters;
pub mod frame_io;
pub mod mailbox;
pub mod outbox;
pub mod run_record;
pub mod verdict;
