//! The scenario as the checker reads it: the timed actions that move roles, and whether RUs answer.

use super::settings::pattern;
use super::value::{self, from_yaml};
use serde_json::Value;

/// The actions of a scenario in order.
#[derive(Clone, Debug, Default)]
pub struct Scenario {
    /// In the order of their instants.
    pub actions: Vec<Action>,
    /// RUs are emulated: they answer what reaches them.
    pub answer: bool,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Nanoseconds after the first frame of all captures.
    pub at: u64,
    /// The cell it is about.
    pub cell: String,
    /// What is done.
    pub what: What,
}

/// What an action does; members by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Single mode with another member.
    Migrate(String, Boundary),
    /// Shared mode: source, destination.
    Share(String, String, Boundary),
    /// Another slot pattern.
    Pattern(Vec<bool>, Boundary),
    /// A member is silenced.
    Fence(String),
    /// A member is heard again.
    Readmit(String),
    /// The plan names this standby.
    Arm(String),
}

/// When a change applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The first slot of which nothing went out.
    Next,
    /// So many slots after the one on air.
    InSlots(i64),
    /// That slot.
    Slot(i64),
    /// That SFN and slot in frame.
    Sfn(i64, i64),
    /// On air at that many nanoseconds after the first frame.
    At(u64),
}

impl Scenario {
    /// Reads a scenario file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let root = from_yaml(text)?;
        let listed = root["actions"].as_array().into_iter().flatten();
        let mut actions = listed
            .map(|item| action(item).ok_or(format!("action not understood: {item}")))
            .collect::<Result<Vec<_>, _>>()?;
        actions.sort_by_key(|action| action.at);
        let answer = value::flag(&root["answer"]);
        Ok(Self { actions, answer })
    }
}

fn action(item: &Value) -> Option<Action> {
    let (name, body) = item.as_object()?.iter().find(|(key, _)| *key != "at")?;
    let member = |key: &str| value::text(&body[key]);
    let boundary = boundary(&body["boundary"]);
    let what = match name.as_str() {
        "migrate" => What::Migrate(member("to")?, boundary?),
        "share" => What::Share(member("source")?, member("destination")?, boundary?),
        "pattern" => What::Pattern(pattern(&value::text(&body["pattern"])?), boundary?),
        "fence" => What::Fence(member("member")?),
        "readmit" => What::Readmit(member("member")?),
        "arm" => What::Arm(member("standby")?),
        _ => return None,
    };
    Some(Action {
        at: value::nanoseconds(&item["at"])?,
        cell: value::text(&body["cell"])?,
        what,
    })
}

fn boundary(value: &Value) -> Option<Boundary> {
    if value.is_null() || value::text(value).as_deref() == Some("next") {
        return Some(Boundary::Next);
    }
    let (key, value) = value.as_object()?.iter().next()?;
    match key.as_str() {
        "in_slots" => Some(Boundary::InSlots(value::integer(value)?)),
        "slot" => Some(Boundary::Slot(value::integer(value)?)),
        "at" => Some(Boundary::At(value::nanoseconds(value)?)),
        "sfn" => {
            let text = value::text(value)?;
            let (sfn, slot) = text.split_once('.').unwrap_or((&text, "0"));
            Some(Boundary::Sfn(sfn.parse().ok()?, slot.parse().ok()?))
        }
        _ => None,
    }
}
