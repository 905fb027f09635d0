//! The rules, by what they look at.

pub mod crcs;
pub mod failovers;
pub mod fences;
pub mod links;
pub mod nulls;
pub mod slots;
pub mod transport;
