//! Beside the lcores: configuration compiled into tables, the controller that answers events, and the
//! API by which people and programs see and command the appliance.

pub mod api;
pub mod apply;
mod archivist;
pub mod board;
pub(crate) mod clock;
pub mod compile;
pub mod controller;
pub mod difference;
pub mod event_log;
mod fapi;
mod journal;
mod midhaul;
pub mod names;
pub mod p5;
pub mod prb_meter;
mod proxies;
mod pump;
pub mod recordings;
pub mod replace;
pub mod report;
pub mod state_file;
pub mod status;
pub mod supervisor;
mod template;
pub mod tidings;
pub mod transaction;
pub mod transaction_file;
pub mod wanted;
