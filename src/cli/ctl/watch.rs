//! `ctl events`: the last events, and with `--follow` every new one, through restarts of the appliance.

use super::{Console, segment};
use crate::cli::calendar;
use crate::cli::client::{Message, Trouble};
use crate::cli::text::{Ink, Table, clean};
use crate::control::status::{Appliance, Event};
use std::time::Duration;

#[derive(clap::Args)]
pub(super) struct Events {
    /// Go on with every new event until interrupted
    #[arg(long)]
    follow: bool,

    /// Only those of one cell
    #[arg(long, value_name = "CELL")]
    cell: Option<String>,

    /// How many of the last ones
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: u32,
}

impl Console<'_> {
    pub(super) fn events(&mut self, asked: &Events) -> Result<(), Trouble> {
        let cell = asked.cell.as_deref().map(segment);
        let cell = cell.map_or_else(String::new, |cell| format!("&cell={cell}"));
        let path = format!("/api/v1/events?limit={}{cell}", asked.last);
        if !asked.follow {
            return self.last_events(&path);
        }
        let mut process = self.started()?;
        let events: Vec<Event> = self.client.read(&path)?;
        events.iter().try_for_each(|event| self.event(event))?;
        let mut last = events.last().map_or(0, |event| event.id);
        loop {
            let trouble = self.follow(&mut last, &cell);
            match trouble {
                Err(Trouble::Environment(words)) => eprintln!("ranshift: {words}; trying again"),
                other => return other,
            }
            std::thread::sleep(PAUSE);
            // A new process counts its events from one.
            if let Ok(started) = self.started()
                && started != process
            {
                (process, last) = (started, 0);
                eprintln!("ranshift: the appliance has been started again");
            }
        }
    }

    fn last_events(&mut self, path: &str) -> Result<(), Trouble> {
        if self.as_json(path)? {
            return Ok(());
        }
        let events: Vec<Event> = self.client.read(path)?;
        let mut table = Table::new(&["TIME (UTC)", "CELL", ">SLOT", "EVENT", "WHAT HAPPENED"]);
        for event in &events {
            let slot = event.slot.map_or_else(String::new, |slot| slot.to_string());
            table.inked(
                ink(event),
                [
                    calendar::utc(event.at_ns),
                    event.cell.clone().unwrap_or_else(|| "-".to_owned()),
                    slot,
                    event.event.clone(),
                    event.message.clone(),
                ],
            );
        }
        Ok(table.print(self.out, self.paper, "no events")?)
    }

    fn follow(&mut self, last: &mut u64, cell: &str) -> Result<(), Trouble> {
        let path = format!("/api/v1/events/stream?after={last}{cell}");
        let mut outcome = Ok(());
        let client = self.client;
        let ended = client.follow(&path, &mut |message| {
            outcome = self.message(&message, last);
            outcome.is_ok()
        });
        outcome.and(ended)
    }

    fn message(&mut self, message: &Message, last: &mut u64) -> Result<(), Trouble> {
        if message.event == "lagged" {
            eprintln!(
                "ranshift: some events came faster than they could be read and are not shown"
            );
            return Ok(());
        }
        let event: Event = self.client.understand(message.data.as_bytes())?;
        *last = event.id;
        self.event(&event)
    }

    /// One line as soon as it happens: what follows is not known, so columns cannot be aligned to it.
    fn event(&mut self, event: &Event) -> Result<(), Trouble> {
        let line = match self.json {
            true => serde_json::to_string(event).unwrap_or_default(),
            false => {
                let cell = event.cell.as_deref().unwrap_or("-");
                let text = format!("{}  {cell}  {}", calendar::utc(event.at_ns), event.message);
                self.paper.paint(ink(event), &clean(&text))
            }
        };
        writeln!(self.out, "{line}")?;
        Ok(self.out.flush()?)
    }

    fn started(&self) -> Result<u64, Trouble> {
        let appliance: Appliance = self.client.read("/api/v1/appliance")?;
        Ok(appliance.started_ns)
    }
}

fn ink(event: &Event) -> Ink {
    match event.severity.as_str() {
        "critical" => Ink::Bad,
        "warning" => Ink::Warning,
        _ => Ink::Plain,
    }
}

/// Between two attempts to reach an appliance that has gone.
const PAUSE: Duration = Duration::from_secs(1);
