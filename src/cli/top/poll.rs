//! Asks the API twice a second and gives commands in between; tells the screen all of it.

use crate::cli::client::{Client, Trouble};
use crate::control::status::{Accepted, Appliance, Cell, Event};
use crate::telemetry::amount;
use serde_json::Value;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// A command that the operator has confirmed.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Wish {
    /// Path of the command.
    pub(super) path: String,
    /// Its body.
    pub(super) body: Value,
    /// What is so when it is done.
    pub(super) done: String,
}

/// What the screen is told.
#[derive(Debug)]
pub(super) enum Report {
    /// What is now, and the events since the last time.
    Now(Box<Appliance>, Vec<Cell>, Vec<Event>),
    /// There was no answer.
    Silence(String),
    /// How a command ended: whether it was accepted, and the words.
    Outcome(bool, String),
}

/// Goes on until the screen is gone.
pub(super) fn poll(client: &Client, wishes: &Receiver<Wish>, reports: &Sender<Report>) {
    let (mut process, mut last) = (0, None);
    loop {
        let report = ask(client, &mut process, &mut last);
        let report = report.unwrap_or_else(|trouble| Report::Silence(trouble.to_string()));
        if reports.send(report).is_err() {
            return;
        }
        match wishes.recv_timeout(TURN) {
            Ok(wish) => {
                if reports.send(fulfil(client, &wish)).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn ask(client: &Client, process: &mut u64, last: &mut Option<u64>) -> Result<Report, Trouble> {
    let appliance: Box<Appliance> = client.read("/api/v1/appliance")?;
    // A new process counts its events from one.
    if appliance.started_ns != *process {
        (*process, *last) = (appliance.started_ns, None);
    }
    let cells = client.read("/api/v1/cells")?;
    let path = match last {
        Some(last) => format!("/api/v1/events?after={last}&limit=1000"),
        None => "/api/v1/events?limit=100".to_owned(),
    };
    let events: Vec<Event> = client.read(&path)?;
    *last = Some(events.last().map_or(last.unwrap_or(0), |event| event.id));
    Ok(Report::Now(appliance, cells, events))
}

fn fulfil(client: &Client, wish: &Wish) -> Report {
    let accepted = client
        .command(&wish.path, &wish.body)
        .and_then(|answer| client.understand::<Accepted>(&answer));
    match accepted {
        Ok(Accepted {
            cell,
            boundary_slot,
            ..
        }) => {
            let slot = amount(boundary_slot);
            Report::Outcome(true, format!("{cell}: {} from slot {slot}", wish.done))
        }
        Err(trouble) => Report::Outcome(false, trouble.to_string()),
    }
}

const TURN: Duration = Duration::from_millis(500);
