//! The backend in virtual time: capture files merged by timestamp, their own time as the clock.

pub mod capture;
