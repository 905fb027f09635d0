//! The rules, one file for each that stands alone.

pub mod addresses;
pub mod admission;
pub mod boundary;
pub mod ledger;
pub mod links;
pub mod order;
pub mod requests;
pub mod sequence;
pub mod speakers;
pub mod uplink;
