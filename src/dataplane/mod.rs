//! The machine: one frame from bytes to verdict (`journey`), and the loop that carries verdicts out.

pub mod classify;
pub mod commands;
mod concatenation;
pub mod counters;
mod cplane;
mod departures;
mod downlink;
pub mod egress;
mod failover;
pub mod frame_io;
pub mod handover;
pub mod journey;
mod labels;
pub mod lcore_state;
pub mod mailbox;
pub mod observation;
pub mod outbox;
pub mod ownership;
mod passing;
pub mod run_record;
mod step;
pub mod tables;
pub mod ticks;
mod uplink;
pub mod verdict;
pub mod worker;
