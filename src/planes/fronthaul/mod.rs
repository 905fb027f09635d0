//! The fronthaul plane: one RU, a group of DUs. `steer` admits downlink, `share` holds what two members
//! sharing an RU need, `guard` keeps (eAxC, symbol) to one speaker, `cplane` and `requests` treat
//! C-plane of two members, `renumber` owns the numbering toward the RU, `usage` measures PRB use.

pub mod cplane;
pub mod fragments;
pub mod guard;
pub mod measurement;
pub mod pattern;
pub mod renumber;
pub mod requests;
pub mod share;
pub mod usage;
