//! What must hold before a cell is moved: each by name, with what was found and what would be accepted.

use super::facts::CellFacts;
use super::request::What;
use super::settings::{CellSettings, Settings};
use crate::ran::MemberId;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// One precondition of a move.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// Its name.
    pub check: String,
    /// The cell.
    pub cell: String,
    /// It holds.
    pub holds: bool,
    /// What was found.
    pub found: String,
    /// What would be accepted.
    pub accepted: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            check,
            cell,
            found,
            accepted,
            ..
        } = self;
        write!(f, "{check} ({cell}): {found}, accepted is {accepted}")
    }
}

/// One cell about to be moved.
pub(super) struct Candidate<'a> {
    pub(super) settings: &'a Settings,
    pub(super) cell: &'a CellSettings,
    pub(super) facts: &'a CellFacts,
    pub(super) from: MemberId,
    pub(super) to: MemberId,
    pub(super) share: bool,
    pub(super) what: Option<What>,
    /// Nothing is known of the cell yet.
    pub(super) blind: bool,
    /// The cell that has the destination already, if it is pooled.
    pub(super) taken_by: Option<String>,
}

impl Candidate<'_> {
    /// Every check that applies.
    pub(super) fn checks(&self) -> Vec<Check> {
        let mut checks = self.lasting();
        checks.extend(self.passing());
        checks
    }

    /// Those that waiting does not mend.
    pub(super) fn lasting(&self) -> Vec<Check> {
        let to = self.cell.name_of(self.to);
        let mut checks = vec![
            self.check(
                "seen",
                !self.blind,
                || "nothing has been heard of the cell since the start".to_owned(),
                "a cell whose lcore has reported",
            ),
            self.check(
                "not_active",
                self.facts.last_mode().carrier_owner() != self.to,
                || format!("{to} is active"),
                "another member than the active one",
            ),
            self.check(
                "not_fenced",
                !self.facts.member(self.to).fenced,
                || format!("{to} is fenced"),
                "a member that is not fenced: readmit it first",
            ),
            self.check(
                "settled",
                self.facts.waiting_for.is_none(),
                || "a failover waits for its member to begin".to_owned(),
                "a cell without a failover under way",
            ),
        ];
        if let Some(what) = self.what {
            let is = if self.cell.fapi { What::Phy } else { What::Du };
            checks.push(self.check(
                "kind",
                what == is,
                || format!("this cell's members are moved as {}", is.word()),
                what.word(),
            ));
        }
        if self.share {
            let possible = self.cell.fronthaul && !self.cell.fapi;
            checks.push(self.check(
                "shares",
                possible,
                || "no two members can share this cell".to_owned(),
                "a cell with an RU and without an L2 here",
            ));
            checks.push(self.check(
                "cplane_style",
                !(self.cell.owner_wins && self.facts.mismatch),
                || "members described control symbols differently".to_owned(),
                "members that describe them alike, or cplane: split",
            ));
        }
        checks
    }

    /// Those that may come to hold by themselves, or by a driver.
    pub(super) fn passing(&self) -> Vec<Check> {
        let to = self.facts.member(self.to);
        let name = self.cell.name_of(self.to);
        let mut checks = vec![
            self.check(
                "in_step",
                to.in_step || to.ready == Some(true),
                || format!("{name} sends nothing within the step window"),
                "a frame within step_window in the last step_memory",
            ),
            self.check(
                "warm",
                !to.lost,
                || match to.heard {
                    Some(heard) => {
                        let ago = self.facts.at.nanos_since(heard).max(0) as f64 / 1e6;
                        format!("{name} is lost, last heard {ago:.1} ms before")
                    }
                    None => format!("{name} is lost"),
                },
                "a member that sends whenever it is due",
            ),
        ];
        if self.cell.fapi {
            checks.push(self.check(
                "phy_answers",
                to.phy != Some(false),
                || format!("the PHY of {name} was not started, or sends no SLOT.indication"),
                "a PHY that answers",
            ));
        }
        if let Some(member) = self.cell.members.get(self.to.index())
            && member.pooled
        {
            checks.push(self.check(
                "free",
                self.taken_by.is_none(),
                || format!("{name} serves {}", self.taken_by.as_deref().unwrap_or("")),
                "a pooled member that serves no other cell",
            ));
        }
        checks.extend(self.aligned());
        checks
    }

    /// Both are early by about as much: their clocks and their schedulers agree.
    fn aligned(&self) -> Option<Check> {
        let bound = self.settings.aligned_within?;
        let margins = self.facts.member(self.from).margin;
        let (from, to) = margins.zip(self.facts.member(self.to).margin)?;
        let apart = from.as_nanos().abs_diff(to.as_nanos());
        let microseconds = |nanos: u64| nanos as f64 / 1e3;
        let accepted = format!("at most {:.1} us", microseconds(bound.as_nanos()));
        Some(self.check(
            "time_aligned",
            apart <= bound.as_nanos(),
            || {
                format!(
                    "source and destination are {:.1} us apart",
                    microseconds(apart)
                )
            },
            &accepted,
        ))
    }

    fn check(
        &self,
        name: &str,
        holds: bool,
        found: impl FnOnce() -> String,
        accepted: &str,
    ) -> Check {
        Check {
            check: name.to_owned(),
            cell: self.cell.name.clone(),
            holds,
            found: if holds {
                "as accepted".to_owned()
            } else {
                found()
            },
            accepted: accepted.to_owned(),
        }
    }
}

/// Those of `checks` that do not hold.
pub(super) fn failing(checks: Vec<Check>) -> Vec<Check> {
    checks.into_iter().filter(|check| !check.holds).collect()
}
