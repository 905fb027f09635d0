//! Transactions: "move this cell", "drain that server", "a server died" as one value over every plane and cell that
//! it touches: checked, switched together, confirmed or rolled back, and told as one story.
//!
//! | file | what |
//! |---|---|
//! | `request` | what may be asked, and how it is answered |
//! | `value` | the transaction itself, as it is journaled and shown |
//! | `phase` | its phases and how long each may take |
//! | `settings`, `configured` | what the configuration says of all this |
//! | `facts` | what the lcores last said of each cell |
//! | `checks` | what must hold before a cell is moved, with measured values |
//! | `driver` | calls to whoever starts members, tells MACs the pattern and moves UEs |
//! | `director` | what comes in and what goes out; no I/O, no clock |
//! | `plan` | from a request to a move a cell, or to every check that fails |
//! | `orders` | commands under way and what their answers mean |
//! | `replies` | what drivers and people in their place say |
//! | `forward`, `back` | one transaction on its way to its end, or to where it came from |
//! | `follow` | what lcores did by themselves, followed up |
//! | `drain` | a server emptied by transactions of its own |
//!
//! The lcore acts on failures alone: nothing here is needed for that. Everything is decided from events, observations,
//! requests, answers of drivers and the time that is told, so that replay, simulator and supervisor drive one
//! implementation, and a journal is enough to go on after a kill.

mod back;
mod checks;
mod configured;
mod director;
mod drain;
mod driver;
mod facts;
mod follow;
mod forward;
mod orders;
mod phase;
mod plan;
mod replies;
mod request;
mod settings;
mod value;

pub use checks::Check;
pub use director::{Output, Transactions};
pub use driver::{Call, Driver, Reply, Verb};
pub use phase::{Course, Deadlines, Phase};
pub use request::{Asked, Cause, Refused, Request, What, Wish};
pub use settings::{
    AtDeadline, CellSettings, DriverSet, MemberSettings, Rest, ServerSettings, Settings,
};
pub use value::{Move, Plane, Step, Transaction};

#[cfg(test)]
mod tests;
