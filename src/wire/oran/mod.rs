//! O-RAN WG4 CUS: the radio header of both planes, C-plane, U-plane, and compressed sizes.

pub mod header;
