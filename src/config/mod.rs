//! What is written (YAML) and what is meant: typed, complete, every problem reported at once.

pub mod model;
pub mod scenario;

pub use model::Config;
