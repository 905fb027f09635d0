//! What is written: YAML as a tree with positions, and typed reading of it that collects problems.
//!
//! `tree` knows YAML and nothing of us, `text` the small values (addresses, durations, patterns),
//! `fields` reads one key at a time by the tables of keys, `problem` is what everybody reports into.

pub(super) mod fields;
pub(super) mod nearest;
pub(super) mod problem;
pub(super) mod text;
pub(super) mod tree;
