//! The bindings that `build.rs` wrote for `dpdk-shim/shim.h`, allow-listed there.
//!
//! bindgen asserts the layouts as its own parser sees them; the figures below are also asserted in
//! `shim.c`, by the compiler that uses them.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    unreachable_pub,
    unused,
    clippy::all,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    reason = "generated"
)]

use std::mem::{offset_of, size_of};

include!(concat!(env!("OUT_DIR"), "/dpdk.rs"));

const _: () = assert!(size_of::<shim_part>() == 32);
const _: () = assert!(offset_of!(shim_part, tail_start) == 16);
const _: () = assert!(offset_of!(shim_part, head_len) == 24);
const _: () = assert!(offset_of!(shim_part, style) == 27);
const _: () = assert!(offset_of!(shim_part, joins) == 28);
const _: () = assert!(size_of::<shim_pools>() == 24);
const _: () = assert!(size_of::<rte_mbuf>() == 128);
