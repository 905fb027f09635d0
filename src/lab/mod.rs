//! Makes fronthaul traffic and plays a radio unit, for tests and for trying the box out.
//!
//! `Generator` makes the frames of every DU and RU of a configuration in the order of their time;
//! `RadioUnit` answers what a box lets through. Both are seeded and read no clock. Nothing here shares
//! code with `planes`: what the box decides is judged against traffic made without its rules.

mod body;
pub mod fapi;
mod generator;
mod leads;
mod link;
pub mod live;
mod mark;
mod member;
mod plan;
mod radio_cell;
mod radio_unit;
mod random;
mod reception;
mod repertoire;
mod schedule;
mod style;
mod tdd;
mod timing;
mod truth;

pub use generator::{GeneratedFrame, Generator};
pub use leads::{Class, LeadProfile};
pub use mark::{MARK_LEN, Mark, Sender};
pub use plan::{DuPlan, Life, Load, Plan, PlanError, RadioTiming};
pub use radio_unit::{RadioUnit, Spoken};
pub use reception::{PlaneReport, RadioReport, StreamReport};
pub use style::Style;
pub use tdd::{SlotShape, Tdd, TddError};
pub use truth::{LifeTruth, PortTruth, SenderTruth, Truth};
