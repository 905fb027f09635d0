//! The backend on DPDK ports, and the only door to `unsafe`.
//!
//! C ends at `ffi`: DPDK's inline functions are reached through `dpdk-shim`, a burst at a time.
#![allow(unsafe_code)]

mod ffi;
