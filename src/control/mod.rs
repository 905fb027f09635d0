//! Beside the lcores: configuration compiled into tables, and the controller that answers events.

pub mod compile;
pub mod controller;
pub mod status;
pub mod supervisor;
mod template;
