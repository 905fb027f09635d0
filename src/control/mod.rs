//! Beside the lcores: configuration compiled into tables, and the controller that answers events.

pub mod compile;
pub mod controller;
mod template;
