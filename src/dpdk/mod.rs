//! The backend on DPDK ports, and the only door to `unsafe`.
//!
//! `eal` starts the environment once, `device` says what a port is made of, `port` and `mempool` take from
//! EAL what the configuration asks for, `burst` implements `FrameIo` over them, `mbuf` is one owned frame, `reach` looks for
//! the process behind a port,
//! `lcore` runs a worker by its `clock`, `launch` puts work on other lcores. C ends at `ffi`: DPDK's inline functions are reached through `dpdk-shim`, a burst at a time.
#![allow(unsafe_code)]

pub mod burst;
pub mod clock;
pub mod device;
pub mod eal;
mod ffi;
pub mod in_order;
mod interface;
pub mod launch;
pub mod lcore;
pub mod mapping;
pub mod mbuf;
pub mod mempool;
pub mod port;
mod reach;
