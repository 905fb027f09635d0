//! `ranshift lab story`: a lab from up to down with a migration and a failover, judged by what the RU heard.
//!
//! A host that gives a process its turn too late breaks things that the appliance cannot hold together.
//! So an expectation that fails while the host stalled is no verdict: it is said, and tried again.

mod judge;

use super::live::{Down, Kill, Migrate, Place, Up, api, cell_of, reports, table};
use super::parts::refuse;
use super::traffic::LiveTraffic;
use crate::cli::Exit;
use crate::control::status::{Accepted, Event};
use crate::lab::live::{AirReport, PeerReport, now};
use judge::{Expectation, Trouble};
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Play the whole story: up, steady, planned migration, death of the active DU, failover, down
#[derive(clap::Args)]
pub(super) struct Story {
    /// Where captures, counters and logs are left
    #[arg(long, value_name = "DIR", default_value = "out/live-lab")]
    out: PathBuf,
    /// Times to play it when the host stalls
    #[arg(long, value_name = "N", default_value_t = 3)]
    tries: u32,
}

/// What was seen of one play.
struct Seen {
    steady: AirReport,
    migrated: AirReport,
    last: AirReport,
    accepted: Accepted,
    events: Vec<Event>,
    peers: Vec<PeerReport>,
}

impl Story {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        for _ in 0..self.tries.max(1) {
            let played = match self.play(out)? {
                Ok(played) => played,
                Err((problem, exit)) => return refuse(problem, exit),
            };
            let trouble = Trouble::of(&self.out);
            let expectations = match &played {
                Ok(seen) => judge::expectations(seen),
                Err(problem) => vec![Expectation::broken(problem)],
            };
            judge::tell(out, played.as_ref().ok(), &expectations, &trouble)?;
            if expectations.iter().all(Expectation::holds) {
                writeln!(
                    out,
                    "passed; captures and counters are in {}",
                    self.out.display()
                )?;
                return Ok(Exit::Done);
            }
            if !trouble.is_any() {
                writeln!(
                    out,
                    "FAILED; captures and counters are in {}",
                    self.out.display()
                )?;
                return Ok(Exit::Failed);
            }
            writeln!(out, "no verdict: the host did not keep up\n")?;
        }
        refuse(
            "this machine is too busy for a lab: nothing was proved either way",
            Exit::Environment,
        )
    }

    /// One play, from up to down.
    fn play(&self, out: &mut dyn Write) -> io::Result<Result<Played, (String, Exit)>> {
        let place = Place::at(std::path::absolute(&self.out)?);
        let up = Up::new(None, place.clone(), LiveTraffic::small());
        let mut stage = match up.start() {
            Ok(stage) => stage,
            Err(refused) => return Ok(Err(refused)),
        };
        writeln!(out, "up        ru-1, du-a and du-b around the appliance")?;
        let played = acts(&place, out);
        let down = Down::keeping(place).run(&mut io::sink())?;
        let _ = stage.wait();
        if down != Exit::Done {
            return Ok(Err(("the lab did not go down".to_owned(), down)));
        }
        Ok(Ok(played))
    }
}

/// What was seen, or what could not be done on the way.
type Played = Result<Seen, String>;

/// Everything between up and down.
fn acts(place: &Place, out: &mut dyn Write) -> Played {
    let dir = place.directory();
    let state = place.running()?;
    let air = || ru_air(&reports(&dir, &state));
    wait_until(START, || air().slots > 0).ok_or("the RU hears no downlink")?;
    thread::sleep(STEADY);
    let steady = air();
    let mut say = |line: String| {
        let written = writeln!(out, "{line}").and_then(|()| out.flush());
        written.map_err(|error| error.to_string())
    };
    say(format!(
        "steady    {} downlink symbols on air, {} silent",
        steady.symbols, steady.silent
    ))?;
    let accepted = Migrate::new("du-b", SLOTS_AHEAD, place.clone()).command()?;
    say(format!(
        "migrate   du-a -> du-b, commanded for slot {}",
        accepted.boundary_slot
    ))?;
    let over = |air: &AirReport| air.speakers.last().is_some_and(|last| last.du == "du-b");
    wait_until(LIMIT, || over(&air()));
    thread::sleep(PAUSE);
    let migrated = air();
    let socket = place.socket()?;
    let cell = cell_of(&place.config()?, "du-a")?;
    let plan = json!({"standby": "du-a"});
    api::command(&socket, &format!("/api/v1/cells/{cell}/arm"), &plan)?;
    thread::sleep(PAUSE);
    Kill::new("du-b", place.clone())
        .run(&mut io::sink())
        .map_err(|error| error.to_string())?;
    say("kill      du-b, which is active".to_owned())?;
    let back = |air: &AirReport| air.speakers.last().is_some_and(|last| last.du == "du-a");
    wait_until(LIMIT, || back(&air()));
    thread::sleep(PAUSE);
    let path = format!("/api/v1/events?limit=1000&cell={cell}");
    let events = serde_json::from_value(api::read(&socket, &path)?);
    Ok(Seen {
        steady,
        migrated,
        last: air(),
        accepted,
        events: events.map_err(|error| error.to_string())?,
        peers: reports(&dir, &state),
    })
}

/// The air of the first cell of the first RU.
fn ru_air(reports: &[PeerReport]) -> AirReport {
    let air = reports.iter().find_map(|report| report.air.first());
    air.cloned().unwrap_or_default()
}

/// `None` if it has not happened in time.
fn wait_until(limit: Duration, happened: impl Fn() -> bool) -> Option<()> {
    let end = now().after(crate::ran::Duration::from_millis(limit.as_millis() as u64));
    while now() < end {
        if happened() {
            return Some(());
        }
        thread::sleep(LOOK);
    }
    None
}

const START: Duration = Duration::from_secs(10);
const STEADY: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(20);
/// From the command to the boundary.
const SLOTS_AHEAD: u32 = 100;
