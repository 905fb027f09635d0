//! The act of the PHYs: one is moved, the other killed, and the L2 must not notice.

use super::judge::{self, Evidence, Expectation};
use super::{LIMIT, PAUSE, SLOTS_AHEAD, START, STEADY, events, say, wait_until};
use crate::cli::lab::live::{Kill, Migrate, Place, api, cell_of, reports};
use crate::control::status::Event;
use crate::lab::fapi::{L2Report, P5Report};
use crate::lab::live::{PeerReport, State};
use serde_json::json;
use std::io::{self, Write};
use std::thread;

/// What was seen of one play.
pub(super) struct Seen {
    steady: L2Report,
    migrated: L2Report,
    last: L2Report,
    p5: P5Report,
    events: Vec<Event>,
}

/// Everything between up and down.
pub(super) fn acts(place: &Place, out: &mut dyn Write) -> Result<Seen, String> {
    let state = place.running()?;
    let l2 = || l2(place, &state).l2.unwrap_or_default();
    wait_until(START, || l2().answers.paid.rx_data > 0).ok_or("the L2 is delivered nothing")?;
    thread::sleep(STEADY);
    let steady = l2();
    let blocks = &steady.answers;
    say(
        out,
        &format!(
            "steady    {} slots indicated, {} of {} transport blocks delivered, {} missing",
            steady.indications, blocks.paid.rx_data, blocks.owed.rx_data, blocks.missing.count
        ),
    )?;
    let accepted = Migrate::new("phy-b", SLOTS_AHEAD, place.clone()).command()?;
    let boundary = accepted.boundary_slot;
    say(
        out,
        &format!("migrate   phy-a -> phy-b, commanded for slot {boundary}"),
    )?;
    thread::sleep(STEADY);
    let migrated = l2();
    let (socket, cell) = (place.socket()?, cell_of(&place.config()?, "phy-a")?);
    let plan = json!({"standby": "phy-a"});
    api::command(&socket, &format!("/api/v1/cells/{cell}/arm"), &plan)?;
    thread::sleep(PAUSE);
    Kill::new("phy-b", place.clone())
        .run(&mut io::sink())
        .map_err(|error| error.to_string())?;
    say(out, "kill      phy-b, which is active")?;
    let over = || events(&socket, &cell).is_ok_and(|events| failovers(&events) > 0);
    wait_until(LIMIT, over);
    thread::sleep(PAUSE);
    Ok(Seen {
        steady,
        migrated,
        last: l2(),
        p5: self::l2(place, &state).p5.unwrap_or_default(),
        events: events(&socket, &cell)?,
    })
}

impl Evidence for Seen {
    fn expectations(&self) -> Vec<Expectation> {
        let row = Expectation::new;
        let lost = |l2: &L2Report| l2.answers.missing.count;
        let speakers = judge::named(&self.events, "mode");
        let speakers = speakers.filter_map(|mode| mode.details.get("active")?.as_str());
        let speakers: Vec<&str> = speakers.collect();
        vec![
            row("active PHYs", "phy-a, phy-b, phy-a", speakers.join(", ")),
            row(
                "answers missing by the migration",
                "0",
                lost(&self.migrated)
                    .saturating_sub(lost(&self.steady))
                    .to_string(),
            ),
            row("failovers", "1", failovers(&self.events).to_string()),
            row(
                "slots left out at the L2",
                "0",
                self.last.left_out.count.to_string(),
            ),
            row(
                "slots twice or out of order at the L2",
                "0",
                self.last.out_of_order.count.to_string(),
            ),
            row(
                "times that the L2 started its PHY over P5",
                "1",
                self.p5.starts.to_string(),
            ),
        ]
    }

    fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let lost = self.migrated.answers.missing.count;
        let lost = lost.saturating_sub(self.steady.answers.missing.count);
        writeln!(out, "migrated  {lost} answers missing at the L2")?;
        if let Some(line) = judge::failover(&self.events) {
            writeln!(out, "failover  {line}")?;
        }
        writeln!(
            out,
            "clock     {} slots at the L2: {} left out, {} twice or out of order; at most {:.2} ms apart",
            self.last.indications,
            self.last.left_out.count,
            self.last.out_of_order.count,
            self.last.longest_pause_ns as f64 / 1e6
        )
    }
}

fn l2(place: &Place, state: &State) -> PeerReport {
    let mut told = reports(&place.directory(), state).into_iter();
    told.find(|report| report.l2.is_some()).unwrap_or_default()
}

fn failovers(events: &[Event]) -> usize {
    judge::named(events, "failover").count()
}
