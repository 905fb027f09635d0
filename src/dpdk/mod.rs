//! The backend on DPDK ports, and the only door to `unsafe`.
//!
//! `eal` starts the environment once, `port` and `mempool` take from it what the configuration asks
//! for, `burst` implements `FrameIo` over them, `mbuf` is one owned frame, `lcore` its clock. C ends at
//! `ffi`: DPDK's inline functions are reached through `dpdk-shim`, a burst at a time.
#![allow(unsafe_code)]

pub mod burst;
pub mod eal;
mod ffi;
pub mod in_order;
pub mod lcore;
pub mod mapping;
pub mod mbuf;
pub mod mempool;
pub mod port;
