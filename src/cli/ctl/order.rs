//! Commands, and what is said once the lcore has accepted one: what holds, from which slot, and when
//! that slot is on air.

use super::{Ask, Console, Mode, segment};
use crate::cli::calendar;
use crate::cli::client::Trouble;
use crate::control::status::{Accepted, Cell};
use crate::telemetry::{amount, duration};
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

/// A command of the API.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Order {
    cell: String,
    /// Last part of its path.
    verb: &'static str,
    body: Value,
    done: Done,
}

/// What is so when it is done.
#[derive(Clone, PartialEq, Debug)]
enum Done {
    /// This, from the boundary on.
    From(String),
    /// This member, or the armed standby, takes over when it begins a slot.
    FailsOver(Option<String>),
    /// What this member is now depends on what it was waited for.
    Readmitted(String),
}

impl Order {
    /// The command that is asked for, if one is.
    pub(super) fn of(ask: &Ask) -> Option<Result<Self, String>> {
        let (cell, verb, body, done) = match ask {
            Ask::Migrate { cell, to, when } => {
                let body = json!({"to": to, "boundary": when.boundary()});
                (cell, "migrate", body, Done::From(format!("{to} is active")))
            }
            Ask::Failover { cell, to } => {
                let done = Done::FailsOver(to.clone());
                (cell, "failover", json!({ "to": to }), done)
            }
            Ask::Fence { cell, member } => (
                cell,
                "fence",
                json!({ "member": member }),
                Done::From(format!("{member} is fenced")),
            ),
            Ask::Readmit { cell, member } => (
                cell,
                "readmit",
                json!({ "member": member }),
                Done::Readmitted(member.clone()),
            ),
            Ask::Arm { cell, standby } if standby == "none" => (
                cell,
                "arm",
                json!({ "standby": null }),
                Done::From("no standby is armed".to_owned()),
            ),
            Ask::Arm { cell, standby } => {
                let done = Done::From(format!("{standby} is armed to take over"));
                (cell, "arm", json!({ "standby": standby }), done)
            }
            Ask::Mode { cell, mode } => {
                let (body, done) = mode_body(mode);
                (cell, "mode", body, Done::From(done))
            }
            Ask::Pattern { cell, slots, when } => {
                let body = json!({"slots": slots, "boundary": when.boundary()});
                (
                    cell,
                    "pattern",
                    body,
                    Done::From(format!("the slot pattern is {slots}")),
                )
            }
            _ => return None,
        };
        Some(Self::to(cell, verb, body, done))
    }

    fn to(cell: &str, verb: &'static str, body: Value, done: Done) -> Result<Self, String> {
        if cell.is_empty() {
            return Err("CELL is the name of a cell, see `ranshift ctl cells`".to_owned());
        }
        Ok(Self {
            cell: cell.to_owned(),
            verb,
            body,
            done,
        })
    }
}

fn mode_body(mode: &Mode) -> (Value, String) {
    match mode {
        Mode::Single { member, when } => {
            let body = json!({"mode": "single", "active": member, "boundary": when.boundary()});
            (body, format!("{member} is active"))
        }
        Mode::Shared {
            source,
            destination,
            when,
        } => {
            let body = json!({
                "mode": "shared", "source": source, "destination": destination,
                "boundary": when.boundary(),
            });
            (body, format!("{source} and {destination} share the RU"))
        }
    }
}

impl Console<'_> {
    pub(super) fn order(&mut self, order: &Order) -> Result<(), Trouble> {
        let cell = format!("/api/v1/cells/{}", segment(&order.cell));
        let answer = self
            .client
            .command(&format!("{cell}/{}", order.verb), &order.body)?;
        if self.json {
            return self.verbatim(&String::from_utf8_lossy(&answer));
        }
        let accepted: Accepted = self.client.understand(&answer)?;
        // It is done: that the cell cannot be read now only means that less can be said of it.
        let cell = self.settled(&cell, &order.done);
        let now = match self.client.address().is_here() {
            true => Some(calendar::now()),
            false => cell.as_ref().map(|cell| cell.status.at_ns),
        };
        let words = outcome(&order.done, &accepted, cell.as_ref(), now);
        Ok(writeln!(self.out, "{words}")?)
    }

    /// The cell, once the lcore has reported what came of the command if the words depend on that.
    fn settled(&self, path: &str, done: &Done) -> Option<Cell> {
        for _ in 0..LOOKS {
            let cell: Cell = self.client.read(path).ok()?;
            match done {
                Done::Readmitted(member) if role(&cell, member) == "fenced" => thread::sleep(PAUSE),
                _ => return Some(cell),
            }
        }
        None
    }
}

fn role<'a>(cell: &'a Cell, name: &str) -> &'a str {
    let mut members = cell.status.members.iter();
    let found = members.find(|member| member.member == name);
    found.map_or("", |member| member.role.as_str())
}

/// "cell-1: du-1 is active from slot 1,234 (SFN 12.3), on air in 14 ms".
fn outcome(done: &Done, accepted: &Accepted, cell: Option<&Cell>, now: Option<u64>) -> String {
    let slot = accepted.boundary_slot;
    let sfn = cell.and_then(|cell| sfn(cell, slot));
    let sfn = sfn.map_or_else(String::new, |sfn| format!(" (SFN {sfn})"));
    let from = format!("slot {}{sfn}", amount(slot));
    let done = match done {
        Done::From(done) => done.clone(),
        Done::FailsOver(to) => {
            let to = to.as_deref().unwrap_or("the armed standby");
            return format!(
                "{}: fails over to {to}, which speaks from the first slot that it begins, {from} at the earliest",
                accepted.cell
            );
        }
        Done::Readmitted(member) => match cell.map_or("", |cell| role(cell, member)) {
            "" => format!("{member} is readmitted"),
            "standby" => format!("{member} is a standby again"),
            role => format!("{member} is {role} again"),
        },
    };
    let mut words = format!("{}: {done} from {from}", accepted.cell);
    let Some(now) = now else { return words };
    let ahead = accepted.boundary_ns as i64 - now as i64;
    match ahead {
        ..=0 => words.push_str(", on air now"),
        1..1_000_000 => words.push_str(", on air in less than 1 ms"),
        _ => words.push_str(&format!(
            ", on air in {}",
            duration(ahead / 1_000_000 * 1_000_000)
        )),
    }
    words
}

/// How often, and how far apart, the cell is looked at for what came of a command.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// SFN and slot in frame of `slot`, from those of the slot on air.
fn sfn(cell: &Cell, slot: u64) -> Option<String> {
    let (frame, in_frame) = cell.status.sfn.as_ref()?.split_once('.')?;
    let (frame, in_frame): (u64, u64) = (frame.parse().ok()?, in_frame.parse().ok()?);
    let per_frame = 10u64 << cell.spec.numerology.min(6);
    let cycle = per_frame * 1024;
    let on_air = cell.status.slot?;
    let ahead = (slot % cycle + cycle - on_air % cycle) % cycle;
    let point = (frame * per_frame + in_frame + ahead) % cycle;
    Some(format!("{}.{}", point / per_frame, point % per_frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::example;

    fn accepted(boundary_slot: u64, boundary_ns: u64) -> Accepted {
        Accepted {
            command: 7,
            cell: "cell-1".into(),
            boundary_slot,
            boundary_ns,
        }
    }

    #[test]
    fn an_accepted_command_names_slot_sfn_and_time() {
        let cell = example::cell();
        let words = outcome(
            &Done::From("du-1 is active".to_owned()),
            &accepted(1_234_596, 114_900_000),
            Some(&cell),
            Some(100_000_000),
        );
        assert_eq!(
            words,
            "cell-1: du-1 is active from slot 1,234,596 (SFN 289.16), on air in 14 ms"
        );
    }

    #[test]
    fn without_gps_time_there_is_no_sfn() {
        let mut cell = example::cell();
        cell.status.sfn = None;
        let done = Done::From("du-1 is active".to_owned());
        let words = outcome(&done, &accepted(5, 100), Some(&cell), Some(100));
        assert_eq!(words, "cell-1: du-1 is active from slot 5, on air now");
    }

    #[test]
    fn a_failover_is_not_said_to_be_on_air_before_its_member_speaks() {
        let done = Done::FailsOver(Some("du-2".to_owned()));
        let words = outcome(&done, &accepted(5, 100), None, Some(100));
        assert_eq!(
            words,
            "cell-1: fails over to du-2, which speaks from the first slot that it begins, slot 5 at the earliest"
        );
    }

    #[test]
    fn a_readmitted_member_is_what_the_cell_says_it_is() {
        let mut cell = example::cell();
        cell.status.sfn = None;
        for (role, said) in [
            ("standby", "a standby"),
            ("active", "active"),
            ("sharing", "sharing"),
        ] {
            cell.status.members[0].role = role.to_owned();
            let done = Done::Readmitted("du-1".to_owned());
            let words = outcome(&done, &accepted(5, 100), Some(&cell), Some(100));
            let expected = format!("cell-1: du-1 is {said} again from slot 5, on air now");
            assert_eq!(words, expected);
        }
    }

    #[test]
    fn the_sfn_wraps_with_the_frame_number() {
        let mut cell = example::cell();
        cell.status.slot = Some(20_479);
        cell.status.sfn = Some("1023.19".into());
        assert_eq!(sfn(&cell, 20_480).as_deref(), Some("0.0"));
        assert_eq!(sfn(&cell, 20_478).as_deref(), Some("1023.18"));
    }
}
