//! `ranshift lab story`: two labs from up to down with a migration and a failover each, of DUs judged by what
//! the RU heard, of PHYs by what the L2 noticed.
//!
//! A host that gives a process its turn too late breaks things that the appliance cannot hold together.
//! So an expectation that fails while the host stalled is no verdict: it is said, and tried again.

mod fapi;
mod judge;

use super::live::{Down, Kill, Migrate, Place, Up, api, cell_of, reports, table};
use super::parts::refuse;
use super::traffic::LiveTraffic;
use crate::cli::Exit;
use crate::control::status::{Accepted, Event};
use crate::lab::live::{AirReport, PeerReport, now};
use judge::{Evidence, Expectation, Trouble};
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Play the whole story: up, steady, planned migration, death of the active DU, failover, down; then of PHYs
#[derive(clap::Args)]
pub(super) struct Story {
    /// Where captures, counters and logs are left
    #[arg(long, value_name = "DIR", default_value = "out/live-lab")]
    out: PathBuf,
    /// Times to play it when the host stalls
    #[arg(long, value_name = "N", default_value_t = 3)]
    tries: u32,
}

/// What was seen of one play of the fronthaul.
struct Seen {
    steady: AirReport,
    migrated: AirReport,
    last: AirReport,
    accepted: Accepted,
    events: Vec<Event>,
    peers: Vec<PeerReport>,
}

/// One lab of the story, from up to down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Fronthaul,
    Fapi,
}

impl Act {
    /// Who is on stage.
    const fn cast(self) -> [&'static str; 3] {
        match self {
            Self::Fronthaul => ["ru-1", "du-a", "du-b"],
            Self::Fapi => ["l2-1", "phy-a", "phy-b"],
        }
    }

    fn up(self, place: Place) -> Up {
        match self {
            Self::Fronthaul => Up::new(None, place, LiveTraffic::small()),
            Self::Fapi => Up::fapi(place),
        }
    }

    /// Everything between up and down.
    fn play(self, place: &Place, out: &mut dyn Write) -> Played {
        Ok(match self {
            Self::Fronthaul => Box::new(acts(place, out)?),
            Self::Fapi => Box::new(fapi::acts(place, out)?),
        })
    }
}

impl Story {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let first = self.perform(Act::Fronthaul, &self.out, out)?;
        if first != Exit::Done {
            return Ok(first);
        }
        writeln!(out)?;
        self.perform(Act::Fapi, &self.out.join("fapi"), out)
    }

    /// One act, again while the host stalls.
    fn perform(&self, act: Act, dir: &Path, out: &mut dyn Write) -> io::Result<Exit> {
        for _ in 0..self.tries.max(1) {
            let played = match play(act, dir, out)? {
                Ok(played) => played,
                Err((problem, exit)) => return refuse(problem, exit),
            };
            let trouble = Trouble::of(dir, &act.cast());
            let expectations = match &played {
                Ok(seen) => seen.expectations(),
                Err(problem) => vec![Expectation::broken(problem)],
            };
            if let Ok(seen) = &played {
                seen.tell(out)?;
            }
            judge::tell(out, &expectations, &trouble)?;
            let left = format!("captures and counters are in {}", dir.display());
            if expectations.iter().all(Expectation::holds) {
                writeln!(out, "passed; {left}")?;
                return Ok(Exit::Done);
            }
            if !trouble.is_any() {
                writeln!(out, "FAILED; {left}")?;
                return Ok(Exit::Failed);
            }
            writeln!(out, "no verdict: the host did not keep up\n")?;
        }
        refuse(
            "this machine is too busy for a lab: nothing was proved either way",
            Exit::Environment,
        )
    }
}

/// One play, from up to down.
fn play(act: Act, dir: &Path, out: &mut dyn Write) -> io::Result<Result<Played, (String, Exit)>> {
    let place = Place::at(std::path::absolute(dir)?);
    let mut stage = match act.up(place.clone()).start() {
        Ok(stage) => stage,
        Err(refused) => return Ok(Err(refused)),
    };
    let [one, two, three] = act.cast();
    writeln!(
        out,
        "up        {one}, {two} and {three} around the appliance"
    )?;
    let played = act.play(&place, out);
    let down = Down::keeping(place).run(&mut io::sink())?;
    let _ = stage.wait();
    if down != Exit::Done {
        return Ok(Err(("the lab did not go down".to_owned(), down)));
    }
    Ok(Ok(played))
}

/// What was seen, or what could not be done on the way.
type Played = Result<Box<dyn Evidence>, String>;

/// The fronthaul, between up and down.
fn acts(place: &Place, out: &mut dyn Write) -> Result<Seen, String> {
    let dir = place.directory();
    let state = place.running()?;
    let air = || ru_air(&reports(&dir, &state));
    wait_until(START, || air().slots > 0).ok_or("the RU hears no downlink")?;
    thread::sleep(STEADY);
    let steady = air();
    let mut say = |line: String| say(out, &line);
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
    Ok(Seen {
        steady,
        migrated,
        last: air(),
        accepted,
        events: events(&socket, &cell)?,
        peers: reports(&dir, &state),
    })
}

/// One line at once, while the story goes on.
fn say(out: &mut dyn Write, line: &str) -> Result<(), String> {
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    written.map_err(|error| error.to_string())
}

/// What the appliance told of `cell`.
fn events(socket: &Path, cell: &str) -> Result<Vec<Event>, String> {
    let path = format!("/api/v1/events?limit=1000&cell={cell}");
    let events = serde_json::from_value(api::read(socket, &path)?);
    events.map_err(|error| error.to_string())
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
