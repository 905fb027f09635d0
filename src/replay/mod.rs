//! The backend in virtual time: capture files merged by timestamp, their own time as the clock.
//!
//! `arrivals` reads, splits and restores, `faults` spoils, `io` hands frames to the worker and takes
//! them back, `sink` writes them down, `judge` holds the output against what must never happen, and
//! `recorder` and `exchanges` remember what the report is drawn from. Same captures, same configuration: same bytes
//! out, same report, always.

pub mod arrivals;
pub mod capture;
mod exchanges;
pub mod faults;
pub mod frame;
pub mod io;
pub mod judge;
pub mod mark;
pub mod recorder;
pub mod recording;
pub mod run;
pub mod sink;
pub mod story;
pub mod tally;
