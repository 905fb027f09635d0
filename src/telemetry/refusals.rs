//! Why a command was refused, in a sentence, and what to do about it: one table for API and CLI.

use super::words;
use crate::dataplane::mailbox::Refusal;

/// Why, as a clause.
pub const fn sentence(why: Refusal) -> &'static str {
    words::refusal(why)
}

/// What to do when a command was refused for this reason.
pub const fn advice(why: Refusal) -> &'static str {
    match why {
        Refusal::StaleTerm => "Read the cell again and repeat the command.",
        Refusal::BoundaryPassed => "Name a later slot, or the boundary `next`.",
        Refusal::NoSlotYet => {
            "Wait for the first frames of the cell, or configure time: {source: gps}."
        }
        Refusal::UnknownMember => "Name a member of the cell's group.",
        Refusal::Fenced => "Readmit the member first.",
        Refusal::NotInStep => {
            "Look at why the member's frames are missing or outside the step window, then repeat the command."
        }
        Refusal::Assigned => {
            "Move the other cell away from the pooled DU first, or name another member."
        }
        Refusal::NotArmed => "Arm a standby, or name the member that is to take over.",
        Refusal::Damped => {
            "Wait for failover.damping to pass, or name the member that is to take over."
        }
        Refusal::IsActive => "Name another member, or move the cell to another one first.",
        Refusal::Busy => "Wait until the changes that are under way have taken effect.",
        Refusal::NoSfn => {
            "Name a slot count instead, or an SFN of 0..=1023 and a slot of its frame."
        }
        Refusal::NotActive => "Name the active member as the source.",
        Refusal::TooSoon => "Name a boundary at least pattern_lead slots ahead, or `next`.",
        Refusal::NotFenced => "Nothing is to be done: the member may take part already.",
        Refusal::Outranked => {
            "Readmit the member that was lost if it is well again, or bring another standby in step."
        }
        Refusal::FailoverWaits => {
            "Fail over to another member, readmit the fenced one, or fence the one that is waited for."
        }
    }
}
