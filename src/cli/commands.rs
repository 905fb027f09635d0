//! A scenario's actions as commands to the dataplane: `replay` and `run --commands` give the same ones.

use crate::config::scenario::{self, Scenario};
use crate::dataplane::mailbox::{Action, Boundary, Command, PatternBits};
use crate::ran::{CellId, Instant, SlotCount};

/// One process, one term: all commands come from a scenario and the director of this process.
pub(super) const TERM: u64 = 1;

/// The scenario's commands with their times; `start` is the instant of the first frame.
pub(super) fn actions(scenario: &Scenario, start: Instant) -> Vec<(Instant, Command)> {
    let command = |(position, timed): (usize, &scenario::TimedAction)| {
        let (cell, boundary, action) = action(&timed.action, start);
        let command = Command {
            id: position as u32 + 1,
            term: TERM,
            cell,
            boundary,
            action,
        };
        (start.after(timed.at), command)
    };
    scenario.actions.iter().enumerate().map(command).collect()
}

fn action(action: &scenario::Action, start: Instant) -> (CellId, Boundary, Action) {
    use scenario::Action as Written;
    match action {
        Written::Migrate { cell, to, boundary } => (
            *cell,
            at_boundary(*boundary, start),
            Action::Switch { to: *to },
        ),
        Written::Share {
            cell,
            source,
            destination,
            boundary,
        } => {
            let (source, destination) = (*source, *destination);
            let share = Action::Share {
                source,
                destination,
            };
            (*cell, at_boundary(*boundary, start), share)
        }
        Written::Pattern {
            cell,
            destination,
            boundary,
        } => {
            let bits = PatternBits::new(destination);
            let pattern = bits.expect("a scenario's pattern has 1..=160 slots");
            (
                *cell,
                at_boundary(*boundary, start),
                Action::Pattern(pattern),
            )
        }
        Written::Fence { cell, member } => {
            (*cell, Boundary::Next, Action::Fence { member: *member })
        }
        Written::Readmit { cell, member } => {
            (*cell, Boundary::Next, Action::Readmit { member: *member })
        }
        Written::Arm { cell, standby } => {
            (*cell, Boundary::Next, Action::Arm { standby: *standby })
        }
    }
}

fn at_boundary(boundary: scenario::Boundary, start: Instant) -> Boundary {
    match boundary {
        scenario::Boundary::Next => Boundary::Next,
        scenario::Boundary::InSlots(slots) => Boundary::InSlots(slots),
        scenario::Boundary::Slot(slot) => Boundary::Slot(SlotCount(slot)),
        scenario::Boundary::Sfn { sfn, slot } => Boundary::Sfn { sfn, slot },
        scenario::Boundary::At(at) => Boundary::At(start.after(at)),
    }
}
