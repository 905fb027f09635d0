//! Decisions: pure functions and small states. No allocation after the start, no lock, no log, no clock.
//!
//! A fixed side (the RU) is served by a group of members (DUs). Each plane copies the fixed side's
//! traffic to the members and admits back what each may say; `role` holds the one rule they share.

pub mod evidence;
pub mod fapi;
pub mod fronthaul;
pub mod liveness;
pub mod margins;
pub mod midhaul;
pub mod role;
mod sparse;
