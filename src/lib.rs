//! ranshift moves work between the servers of a virtualised RAN without the radio noticing.
//!
//! One frame's way: a backend (`dpdk` on EAL lcores, `replay` in virtual time) receives it, the
//! `dataplane` journey parses it (`wire`), asks `planes` who may speak, edits it and returns a verdict,
//! and the worker carries the verdict out. `config` says what is meant, `control` compiles it into
//! tables and decides beside the lcore, `telemetry` draws what happened, `lab` makes traffic, `cli`
//! wires everything. `tests/architecture.rs` holds who may use whom.

pub mod cli;
pub mod config;
pub mod control;
pub mod dataplane;
pub mod dpdk;
pub mod lab;
pub mod planes;
pub mod ran;
pub mod replay;
pub mod telemetry;
pub mod wire;
