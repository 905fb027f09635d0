//! What the screen shows: the last answers of the appliance, and what the operator is doing.

use super::poll::{Report, Wish};
use super::rates::Rates;
use crate::cli::ctl::segment;
use crate::control::status::{Cell, Event, Member};
use serde_json::json;
use std::collections::VecDeque;

/// Everything that is drawn.
#[derive(Debug)]
pub(super) struct View {
    pub(super) address: String,
    /// This machine's clock.
    pub(super) now_ns: u64,
    pub(super) rates: Rates,
    pub(super) cells: Vec<Cell>,
    /// Newest first.
    pub(super) events: VecDeque<Event>,
    /// Of the last answer, by this machine's clock; 0 if there was none.
    pub(super) heard_ns: u64,
    /// Why there is no answer now.
    pub(super) silence: Option<String>,
    /// How the last command ended.
    pub(super) outcome: Option<(bool, String)>,
    pub(super) selected: usize,
    pub(super) asking: Asking,
}

/// What lies over the screen.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Asking {
    Nothing,
    Help,
    /// To which of these members of the cell; the chosen one.
    Migrate {
        cell: String,
        members: Vec<String>,
        chosen: usize,
    },
    FailOver {
        cell: String,
        to: String,
    },
}

impl View {
    pub(super) fn new(address: String) -> Self {
        Self {
            address,
            now_ns: 0,
            rates: Rates::default(),
            cells: Vec::new(),
            events: VecDeque::new(),
            heard_ns: 0,
            silence: None,
            outcome: None,
            selected: 0,
            asking: Asking::Nothing,
        }
    }

    pub(super) fn take(&mut self, report: Report) {
        match report {
            Report::Silence(why) => self.silence = Some(why),
            Report::Outcome(accepted, words) => self.outcome = Some((accepted, words)),
            Report::Now(appliance, cells, events) => {
                let started = |view: &Self| view.rates.now().map(|now| now.started_ns);
                let before = started(self);
                self.rates.look(*appliance);
                if started(self) != before {
                    self.events.clear();
                }
                self.cells = cells;
                self.selected = self.selected.min(self.cells.len().saturating_sub(1));
                for event in events.into_iter().filter(tells_something) {
                    self.events.push_front(event);
                }
                self.events.truncate(KEPT);
                self.heard_ns = self.now_ns;
                self.silence = None;
            }
        }
    }

    pub(super) fn cell(&self) -> Option<&Cell> {
        self.cells.get(self.selected)
    }

    /// Asks where the selected cell is to go; says why if it can go nowhere.
    pub(super) fn ask_migrate(&mut self) {
        let Some(cell) = self.cell() else { return };
        let can_come = |member: &&Member| member.role == "standby" || member.role == "sharing";
        let members = cell.status.members.iter().filter(can_come);
        let members: Vec<String> = members.map(|member| member.member.clone()).collect();
        let cell = cell.cell.clone();
        if members.is_empty() {
            self.outcome = Some((false, format!("{cell} has no member to migrate to")));
            return;
        }
        self.asking = Asking::Migrate {
            cell,
            members,
            chosen: 0,
        };
    }

    /// Asks whether the selected cell is to fail over.
    pub(super) fn ask_fail_over(&mut self) {
        let Some(cell) = self.cell() else { return };
        let name = cell.cell.clone();
        match cell.status.armed.clone() {
            Some(to) => self.asking = Asking::FailOver { cell: name, to },
            None => {
                let words =
                    format!("{name} has no standby armed: `ranshift ctl arm {name} MEMBER`");
                self.outcome = Some((false, words));
            }
        }
    }

    /// What the question on the screen asks for.
    pub(super) fn wish(&self) -> Option<Wish> {
        match &self.asking {
            Asking::Migrate {
                cell,
                members,
                chosen,
            } => {
                let to = members.get(*chosen)?;
                Some(Wish {
                    path: format!("/api/v1/cells/{}/migrate", segment(cell)),
                    body: json!({ "to": to }),
                    done: format!("{to} is active"),
                })
            }
            Asking::FailOver { cell, to } => Some(Wish {
                path: format!("/api/v1/cells/{}/failover", segment(cell)),
                body: json!({}),
                done: format!("fails over to {to}"),
            }),
            _ => None,
        }
    }
}

/// Events of every slot would bury the ones that explain a switch.
fn tells_something(event: &Event) -> bool {
    event.event != "prb_use"
}

const KEPT: usize = 200;
