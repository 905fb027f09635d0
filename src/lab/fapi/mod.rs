//! An L2 and PHYs that speak P7, for tests and for trying the box out: what stands on both sides of the FAPI
//! plane. Sans I/O: each is given datagrams and the time, and says when it has something to send.
//!
//! Nothing here shares decision code with `planes`: of the box only the codec of headers and bodies is used.
//! `L2` schedules what SLOT.indication names and remembers what it is owed, `Phy` answers; both write down
//! what was missing, double or late. SCF 222 and 225; what OAI does.

mod cable;
mod cast;
mod contents;
mod datagram;
mod debts;
mod draws;
mod generator;
mod l2;
mod log;
mod numbers;
mod p5;
mod phy;
mod requests;
mod templates;
#[cfg(test)]
mod tests;
mod traffic;

pub use cable::{Cable, CableReport};
pub use datagram::{EarReport, Terms};
pub use debts::DebtReport;
pub use generator::{FapiCast, FapiEnd, FapiFrame, FapiGenerator, FapiPlan, FapiTruth, PhyTruth};
pub use l2::{L2, L2Plan, L2Report};
pub use log::{Answers, Fault, Faults, Requests};
pub use p5::{P5, P5Report, P5Role, P5Terms};
pub use phy::{Phy, PhyPlan, PhyReport};
pub use traffic::Traffic;
