//! The P5 proxy of a cell's group of PHYs: the L2 sees one PNF, each PHY sees its VNF.
//!
//! | file | what |
//! |---|---|
//! | `settings` | what a proxy is told at its start |
//! | `proxy` | every decision, without sockets and clocks: what comes in, what goes out |
//! | `record` | the requests of the L2 as far as they make the state of a PHY; each member walks along it |
//! | `member` | how far one PHY has come |
//! | `rewrite` | P7 addresses and ids, so that each side talks to the appliance |
//! | `happening` | what people are told |
//! | `view` | what people may ask |
//! | `stream` | messages out of a stream of bytes |
//! | `sockets`, `sctp` | connections, over TCP or the kernel's SCTP |
//!
//! `docs/p5.md` says what becomes of each message.

pub mod happening;
mod member;
pub mod proxy;
mod record;
mod rewrite;
pub mod sctp;
pub mod settings;
pub mod sockets;
pub mod stream;
pub mod view;

pub use happening::{Happening, What};
pub use proxy::{Input, Life, Output, Proxy};
pub use settings::{Answer, MemberSettings, Settings, Transport};
pub use sockets::{Running, Spawned, StartError, Tell, spawn};
pub use view::View;
