//! `ranshift lab up`, `status`, `migrate`, `kill`, `start`, `cut`, `down`: a running lab from the outside.

pub(super) mod api;
mod namespace;
pub(super) mod table;

use super::parts::{interrupted, refuse};
use super::traffic::LiveTraffic;
use crate::cli::Exit;
use crate::config::{self, Config, model};
use crate::control::status::{Accepted, Cell};
use crate::lab::live::{FAR_END, Layout, PeerPart, PeerReport, Process, State};
use namespace::Namespace;
use rustix::process::{Signal, geteuid};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// Where a lab is.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Place {
    /// Directory of the lab; by default below $XDG_RUNTIME_DIR or the directory for temporary files
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Start emulated peers and the appliance between them, on virtual cables; needs no root and no NIC
#[derive(clap::Args)]
pub(super) struct Up {
    /// Configuration whose ports are net_af_packet devices; by default one small cell and two DUs
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An L2 and two PHYs, instead of an RU and two DUs
    #[arg(long, conflicts_with = "config")]
    fapi: bool,
    #[command(flatten)]
    place: Place,
    /// Stay until interrupted, then take the lab down
    #[arg(long)]
    foreground: bool,
    /// Capture at most this much at each end, MiB
    #[arg(long, value_name = "MIB", default_value_t = CAPTURE_MIB)]
    capture: u64,
    #[command(flatten)]
    traffic: LiveTraffic,
}

/// Who runs, what the RUs hear and how long they heard nothing
#[derive(clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    place: Place,
    /// Everything as JSON
    #[arg(long)]
    json: bool,
}

/// Move a cell to another DU or PHY, at a slot boundary, as `ranshift ctl migrate` does
#[derive(clap::Args)]
pub(super) struct Migrate {
    /// Name of the DU or PHY that is to speak
    to: String,
    /// The cell; by default the only one, or the first that it is a member of
    #[arg(long, value_name = "CELL")]
    cell: Option<String>,
    /// Slots from now to the boundary
    #[arg(long, value_name = "N", default_value_t = 40)]
    in_slots: u32,
    #[command(flatten)]
    place: Place,
}

/// Kill the process of a peer, as a crash would (SIGKILL)
#[derive(clap::Args)]
pub(super) struct Kill {
    /// Name of the peer
    peer: String,
    #[command(flatten)]
    place: Place,
}

/// Start a peer again that was killed: it begins anew, as after a crash
#[derive(clap::Args)]
pub(super) struct Start {
    /// Name of the peer
    peer: String,
    #[command(flatten)]
    place: Place,
}

/// Cut the cable of a peer, or mend it
#[derive(clap::Args)]
pub(super) struct Cut {
    /// Name of the peer
    peer: String,
    /// Mend it
    #[arg(long)]
    mend: bool,
    #[command(flatten)]
    place: Place,
}

/// Take a lab down: processes, cables, files; also what a crash left behind
#[derive(clap::Args)]
pub(super) struct Down {
    #[command(flatten)]
    place: Place,
    /// Leave captures, counters and logs
    #[arg(long)]
    keep: bool,
}

impl Place {
    /// At that directory.
    pub(super) const fn at(dir: PathBuf) -> Self {
        Self { dir: Some(dir) }
    }

    /// The socket of the API of the lab that runs here.
    pub(super) fn socket(&self) -> Result<PathBuf, String> {
        self.running()?;
        let config = self.config()?;
        let socket = config.api.and_then(|api| api.socket);
        socket.ok_or_else(|| "the configuration of this lab has no api.socket".to_owned())
    }

    /// The configuration of the lab here.
    pub(super) fn config(&self) -> Result<Config, String> {
        let loaded = config::load(&self.directory().join(CONFIG));
        loaded
            .map(|loaded| loaded.config)
            .map_err(|problems| problems.to_string())
    }

    /// The directory.
    pub(super) fn directory(&self) -> PathBuf {
        if let Some(dir) = &self.dir {
            return dir.clone();
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        match runtime.filter(|dir| dir.is_dir()) {
            Some(runtime) => runtime.join("ranshift-lab"),
            None => std::env::temp_dir().join(format!("ranshift-lab-{}", geteuid().as_raw())),
        }
    }

    /// The lab that runs here.
    pub(super) fn running(&self) -> Result<State, String> {
        let dir = self.directory();
        let state = State::read(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let alive = state.filter(|state| state.stage.is_alive());
        alive.ok_or_else(|| {
            format!(
                "no lab runs in {}: start one with `ranshift lab up`",
                dir.display()
            )
        })
    }

    fn peer(&self, name: &str) -> Result<(State, PeerPart), String> {
        let state = self.running()?;
        let names: Vec<&str> = state.peers.iter().map(|part| part.peer.as_str()).collect();
        let unknown = format!("{name} is no peer of this lab; it has {}", names.join(", "));
        let part = state.peer(name).cloned().ok_or(unknown)?;
        Ok((state, part))
    }
}

impl Up {
    /// The lab of `config` in `place`, for whoever goes on with it.
    pub(super) const fn new(config: Option<PathBuf>, place: Place, traffic: LiveTraffic) -> Self {
        Self {
            config,
            fapi: false,
            place,
            foreground: false,
            capture: CAPTURE_MIB,
            traffic,
        }
    }

    /// An L2 and two PHYs in `place`.
    pub(super) fn fapi(place: Place) -> Self {
        Self {
            fapi: true,
            ..Self::new(None, place, LiveTraffic::default())
        }
    }

    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let stop = interrupted()?;
        let mut stage = match self.start() {
            Ok(stage) => stage,
            Err((problem, exit)) => return refuse(problem, exit),
        };
        writeln!(out, "the lab is up in {}", self.place.directory().display())?;
        writeln!(
            out,
            "next: ranshift lab status, migrate, kill, start, cut, down"
        )?;
        if !self.foreground {
            return Ok(Exit::Done);
        }
        out.flush()?;
        while !stop.load(Ordering::Relaxed) && matches!(stage.try_wait(), Ok(None)) {
            thread::sleep(STEP);
        }
        let down = Down {
            place: self.place.clone(),
            keep: false,
        };
        down.run(out)
    }

    /// Starts everything and waits until everybody plays; on failure nothing is left behind.
    pub(super) fn start(&self) -> Result<Child, (String, Exit)> {
        let mut text = self.text().map_err(|problem| (problem, Exit::Usage))?;
        let loaded = config::parse(&text, &self.file());
        let config = loaded.map_err(|problems| (problems.to_string(), Exit::Usage))?;
        let dir = self.place.directory();
        let socket = serde_json::json!(dir.join("api.sock"));
        let recordings = serde_json::json!(dir.join("recordings"));
        for (section, own) in [
            ("api:", format!("{{listen: none, socket: {socket}}}")),
            ("recorder:", format!("{{directory: {recordings}}}")),
        ] {
            if !text.lines().any(|line| line.starts_with(section)) {
                text.push_str(&format!("\n{section} {own}\n"));
            }
        }
        Layout::of(&config.config).map_err(|problem| (problem.to_string(), Exit::Usage))?;
        let plan = self.traffic.plan(&config.config);
        plan.map_err(|problem| (problem.to_string(), Exit::Usage))?;
        let outside = |problem: String| (problem, Exit::Environment);
        let namespace = Namespace::find().map_err(outside)?;
        prepare(&dir).map_err(outside)?;
        let mut stage = self.spawn(&dir, &text, namespace).map_err(|error| {
            let _ = remove(&dir, false);
            outside(format!("{}: {error}", dir.display()))
        })?;
        match wait_for_stage(&dir, &mut stage).and_then(|()| self.wait_for_api()) {
            Ok(()) => Ok(stage),
            Err(said) => {
                let _ = stage.kill();
                let _ = stage.wait();
                let _ = remove(&dir, false);
                Err(outside(said))
            }
        }
    }

    /// Lets everybody have their turn in time, as far as this user may say so, and waits for the API.
    fn wait_for_api(&self) -> Result<(), String> {
        let state = self.place.running()?;
        for process in state.processes() {
            process.prefer();
        }
        let Ok(socket) = self.place.socket() else {
            return Ok(());
        };
        for _ in 0..START.as_millis() / STEP.as_millis() {
            if UnixStream::connect(&socket).is_ok() {
                return Ok(());
            }
            if !state.appliance.is_alive() {
                break;
            }
            thread::sleep(STEP);
        }
        let log = fs::read_to_string(self.place.directory().join("appliance.log"));
        Err(format!(
            "the appliance does not answer: {}",
            log.unwrap_or_default()
        ))
    }

    fn file(&self) -> String {
        let named = self.config.as_ref().map(|path| path.display().to_string());
        let own = match self.fapi {
            true => "configs/lab-two-phys.yaml",
            false => "configs/lab.yaml",
        };
        named.unwrap_or_else(|| own.to_owned())
    }

    fn text(&self) -> Result<String, String> {
        let Some(path) = &self.config else {
            let own = match self.fapi {
                true => FAPI_CONFIG,
                false => DEFAULT_CONFIG,
            };
            return Ok(own.to_owned());
        };
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn spawn(&self, dir: &Path, text: &str, namespace: Namespace) -> io::Result<Child> {
        let config = dir.join(CONFIG);
        fs::write(&config, text)?;
        let log = File::create(dir.join("stage.log"))?;
        let mut command = namespace.command();
        command.arg(std::env::current_exe()?).args(["lab", "stage"]);
        command.arg("--config").arg(&config).arg("--dir").arg(dir);
        command.args(["--capture", &self.capture.to_string()]);
        command.args(self.traffic.arguments());
        if namespace == Namespace::User {
            command.arg("--user-namespace");
        }
        // Not in this process's group: an interrupt is for the command, which takes the lab down in order.
        command.process_group(0).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log).spawn()
    }
}

impl Status {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let state = match self.place.running() {
            Ok(state) => state,
            Err(problem) => return refuse(problem, Exit::Environment),
        };
        let reports = reports(&self.place.directory(), &state);
        if self.json {
            let text = serde_json::json!({"lab": state, "peers": reports});
            writeln!(out, "{text:#}")?;
            return Ok(Exit::Done);
        }
        table::status(out, &state, &reports)?;
        match self.cells() {
            Ok(cells) => table::roles(out, &cells)?,
            Err(problem) => eprintln!("ranshift: {problem}"),
        }
        Ok(Exit::Done)
    }
}

impl Status {
    /// The cells as the appliance tells them.
    fn cells(&self) -> Result<Vec<Cell>, String> {
        let cells = api::read(&self.place.socket()?, "/api/v1/cells")?;
        serde_json::from_value(cells).map_err(|error| error.to_string())
    }
}

impl Migrate {
    /// Of the cell that `to` is a member of, in `place`.
    pub(super) fn new(to: &str, in_slots: u32, place: Place) -> Self {
        Self {
            to: to.to_owned(),
            cell: None,
            in_slots,
            place,
        }
    }

    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        match self.command() {
            Ok(accepted) => {
                let slot = accepted.boundary_slot;
                writeln!(
                    out,
                    "{} speaks in {} from slot {slot}",
                    self.to, accepted.cell
                )?;
                Ok(Exit::Done)
            }
            Err(problem) => refuse(problem, Exit::Failed),
        }
    }

    /// Commands it and returns the appliance's answer.
    pub(super) fn command(&self) -> Result<Accepted, String> {
        let socket = self.place.socket()?;
        let cell = match &self.cell {
            Some(cell) => cell.clone(),
            None => cell_of(&self.place.config()?, &self.to)?,
        };
        let body = serde_json::json!({"to": self.to, "boundary": {"in_slots": self.in_slots}});
        let answer = api::command(&socket, &format!("/api/v1/cells/{cell}/migrate"), &body)?;
        serde_json::from_value(answer).map_err(|error| error.to_string())
    }
}

/// The first cell that the DU or PHY called `member` is a member of.
pub(super) fn cell_of(config: &Config, member: &str) -> Result<String, String> {
    let is_member = |cell: &&model::Cell| {
        let mut members = cell.members.iter();
        members.any(|known| config.member_name(known) == member)
    };
    let cell = config.cells.iter().find(is_member);
    cell.map(|cell| cell.name.clone())
        .ok_or_else(|| format!("{member} is no member of any cell"))
}

impl Kill {
    /// Of `peer` in `place`.
    pub(super) fn new(peer: &str, place: Place) -> Self {
        Self {
            peer: peer.to_owned(),
            place,
        }
    }

    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let (_, part) = match self.place.peer(&self.peer) {
            Ok(found) => found,
            Err(problem) => return refuse(problem, Exit::Environment),
        };
        if !part.process.signal(Signal::KILL) {
            return refuse(format!("{} does not run any more", self.peer), Exit::Failed);
        }
        part.process.wait_end(PATIENCE);
        writeln!(out, "{} is dead", self.peer)?;
        Ok(Exit::Done)
    }
}

impl Start {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let (_, before) = match self.place.peer(&self.peer) {
            Ok(found) => found,
            Err(problem) => return refuse(problem, Exit::Environment),
        };
        if before.process.is_alive() {
            return refuse(format!("{} runs already", self.peer), Exit::Failed);
        }
        let dir = self.place.directory();
        fs::write(State::wish(&dir, &self.peer), "")?;
        let told = dir.join(format!("{}.json", self.peer));
        for _ in 0..PATIENCE.as_millis() / STEP.as_millis() {
            let again = self.place.peer(&self.peer);
            let again = again.map(|(_, part)| part.process);
            if let Ok(again) = again
                && again != before.process
                && told.exists()
            {
                again.prefer();
                writeln!(out, "{} runs again", self.peer)?;
                return Ok(Exit::Done);
            }
            thread::sleep(STEP);
        }
        let log = dir.join(format!("{}.log", self.peer));
        let said = fs::read_to_string(log).unwrap_or_default();
        refuse(
            format!("{} did not start: {said}", self.peer),
            Exit::Environment,
        )
    }
}

impl Cut {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let (state, part) = match self.place.peer(&self.peer) {
            Ok(found) => found,
            Err(problem) => return refuse(problem, Exit::Environment),
        };
        let Some(cable) = state.cable_of(&part) else {
            return refuse(format!("{} has no cable", self.peer), Exit::Environment);
        };
        let way = if self.mend { "up" } else { "down" };
        match namespace::link(state.user_namespace, cable.witness, FAR_END, way) {
            Ok(()) => writeln!(out, "the cable of {} is {way}", self.peer).map(|()| Exit::Done),
            Err(problem) => refuse(problem, Exit::Environment),
        }
    }
}

impl Down {
    /// Of `place`; files are kept.
    pub(super) const fn keeping(place: Place) -> Self {
        Self { place, keep: true }
    }

    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let dir = self.place.directory();
        if !is_lab(&dir) {
            return refuse(format!("no lab is in {}", dir.display()), Exit::Environment);
        }
        match State::read(&dir) {
            Ok(Some(state)) => end(state.stage),
            Ok(None) => {}
            Err(error) => eprintln!("ranshift: {}: {error}", dir.display()),
        }
        if let Err(error) = remove(&dir, self.keep) {
            return refuse(format!("{}: {error}", dir.display()), Exit::Environment);
        }
        match self.keep {
            true => writeln!(
                out,
                "the lab is down; captures and counters are in {}",
                dir.display()
            )?,
            false => writeln!(out, "the lab is down")?,
        }
        Ok(Exit::Done)
    }
}

/// What the peers last told, those that told anything.
pub(super) fn reports(dir: &Path, state: &State) -> Vec<PeerReport> {
    let peers = state.peers.iter();
    peers
        .filter_map(|part| PeerReport::read(dir, &part.peer).ok())
        .collect()
}

/// The stage leaves in order; if it cannot, the kernel ends its children with it.
fn end(stage: Process) {
    stage.signal(Signal::TERM);
    if !stage.wait_end(PATIENCE) {
        stage.signal(Signal::KILL);
        stage.wait_end(PATIENCE);
    }
}

/// An empty directory of this user's own, in the place of what a lab that crashed may have left.
fn prepare(dir: &Path) -> Result<(), String> {
    let at = |error: io::Error| format!("{}: {error}", dir.display());
    if dir.exists() {
        if let Some(state) = State::read(dir)
            .map_err(at)?
            .filter(|state| state.stage.is_alive())
        {
            let (pid, dir) = (state.stage.pid, dir.display());
            return Err(format!(
                "a lab runs in {dir} (process {pid}): `ranshift lab down` ends it, --dir starts another"
            ));
        }
        let empty = fs::read_dir(dir).map_err(at)?.next().is_none();
        if !empty && !is_lab(dir) {
            return Err(format!(
                "{}: holds files that are no lab's; name another --dir",
                dir.display()
            ));
        }
        fs::remove_dir_all(dir).map_err(at)?;
    }
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(at)?;
    }
    DirBuilder::new().mode(0o700).create(dir).map_err(at)?;
    fs::write(dir.join(MARKER), "").map_err(at)
}

/// Nothing is ever removed from a directory that a lab did not make.
fn is_lab(dir: &Path) -> bool {
    dir.join(MARKER).exists()
}

fn remove(dir: &Path, keep: bool) -> io::Result<()> {
    match keep {
        true => fs::remove_file(dir.join("state.json")).or(Ok(())),
        false => fs::remove_dir_all(dir),
    }
}

/// Waits until the stage has written what it consists of.
fn wait_for_stage(dir: &Path, stage: &mut Child) -> Result<(), String> {
    for _ in 0..START.as_millis() / STEP.as_millis() {
        if matches!(State::read(dir), Ok(Some(_))) {
            return Ok(());
        }
        if !matches!(stage.try_wait(), Ok(None)) {
            let said = fs::read_to_string(dir.join("stage.log")).unwrap_or_default();
            return Err(said.trim_start_matches("ranshift: ").trim_end().to_owned());
        }
        thread::sleep(STEP);
    }
    Err(format!("the lab is not up after {} s", START.as_secs()))
}

/// Captures of this size hold more than a minute of the small cell.
pub(super) const CAPTURE_MIB: u64 = 64;
const DEFAULT_CONFIG: &str = include_str!("../../../configs/lab.yaml");
const FAPI_CONFIG: &str = include_str!("../../../configs/lab-two-phys.yaml");
const CONFIG: &str = "config.yaml";
const MARKER: &str = ".ranshift-lab";
const STEP: Duration = Duration::from_millis(20);
const START: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_secs(30);
