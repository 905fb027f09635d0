//! The stage: it lays the cables, starts everybody, and takes everybody with it when it ends.
//!
//! It runs in a network namespace of its own, made by `unshare`, where it may do all this without being
//! root. Children get a signal from the kernel when the stage dies, however it dies; cables and
//! namespaces go with the processes that hold them.

use super::layout::{Cable, Control, Layout};
use super::process::Process;
use super::state::{CablePart, PeerPart, State};
use rustix::process::Signal;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What to put on stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// This program.
    pub program: PathBuf,
    /// Directory of the lab.
    pub directory: PathBuf,
    /// Configuration of the appliance.
    pub config: PathBuf,
    /// Cables.
    pub layout: Layout,
    /// Whether this namespace has users of its own.
    pub user_namespace: bool,
    /// What peers are told beside their place.
    pub peer_arguments: Vec<String>,
    /// What witnesses are told beside their place.
    pub witness_arguments: Vec<String>,
}

/// What did not work.
#[derive(Debug)]
pub enum StageError {
    /// A program that could not be started.
    Start(String, io::Error),
    /// A command that failed, and what it said.
    Command(String, String),
    /// A process that ended, and what it said.
    Ended(String, String),
    /// A process that is not ready after all this time.
    Slow(String),
    /// A file.
    File(PathBuf, io::Error),
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(what, error) => write!(f, "{what}: {error}"),
            Self::Command(what, said) => write!(f, "{what}: {said}"),
            Self::Ended(who, said) => write!(f, "{who} ended at once: {said}"),
            Self::Slow(who) => write!(f, "{who} is not ready after {} s", LIMIT.as_secs()),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for StageError {}

/// A child and its name.
struct Actor {
    name: String,
    log: PathBuf,
    child: Child,
    process: Process,
}

impl Stage {
    /// Starts everybody and waits for `stop`; then everybody leaves in order, so that nothing is lost on
    /// the way: DUs, the RUs that answer them, the appliance, the witnesses.
    pub fn run(&self, stop: &AtomicBool) -> Result<(), StageError> {
        ip(&["link", "set", "dev", "lo", "up"])?;
        let mut witnesses = Vec::new();
        for (place, cable) in self.layout.cables.iter().enumerate() {
            witnesses.push(self.lay(place, cable)?);
        }
        let mut appliance = self.start_appliance()?;
        let mut peers = self.start_peers(&witnesses)?;
        let state = self.state(&witnesses, &appliance, &peers);
        let written = state.write(&self.directory);
        written.map_err(|error| StageError::File(self.directory.clone(), error))?;
        while !stop.load(Ordering::Relaxed) {
            for actor in &mut peers {
                actor.reap();
            }
            appliance.reap();
            if self.grant_wishes(&witnesses, &mut peers) {
                let state = self.state(&witnesses, &appliance, &peers);
                let written = state.write(&self.directory);
                written.map_err(|error| StageError::File(self.directory.clone(), error))?;
            }
            thread::sleep(TICK);
        }
        for mut actor in peers.drain(..).rev() {
            if self.layout.rus.contains(&actor.name) {
                thread::sleep(LAST_ANSWERS);
            }
            actor.leave();
        }
        appliance.leave();
        for mut witness in witnesses {
            witness.leave();
        }
        Ok(())
    }

    fn state(&self, witnesses: &[Actor], appliance: &Actor, peers: &[Actor]) -> State {
        let cables = self.layout.cables.iter().zip(witnesses);
        let behind = |name: &String| {
            let mut cables = self.layout.cables.iter();
            let found = cables.find(|cable| cable.peers.contains(name));
            found.map_or_else(String::new, |cable| cable.port.clone())
        };
        State {
            user_namespace: self.user_namespace,
            stage: Process::of(std::process::id()).unwrap_or(appliance.process),
            appliance: appliance.process,
            cables: cables
                .map(|(cable, witness)| CablePart {
                    port: cable.port.clone(),
                    interface: cable.interface.clone(),
                    witness: witness.process,
                })
                .collect(),
            peers: peers
                .iter()
                .map(|actor| PeerPart {
                    peer: actor.name.clone(),
                    port: behind(&actor.name),
                    process: actor.process,
                })
                .collect(),
        }
    }

    /// A cable, with a witness in the namespace at its far end.
    fn lay(&self, place: usize, cable: &Cable) -> Result<Actor, StageError> {
        let mut command = Command::new("unshare");
        command
            .arg("-n")
            .arg(&self.program)
            .args(["lab", "witness"]);
        command.args(["--port", &cable.port, "--interface", FAR_END]);
        command.args(["--mtu", &cable.mtu.to_string()]);
        command
            .arg("--dir")
            .arg(&self.directory)
            .args(&self.witness_arguments);
        let mut witness = self.start(&cable.port, command)?;
        let pid = witness.process.pid.to_string();
        witness.until(|actor| !shares_namespace(actor.process.pid))?;
        let mtu = (u32::from(cable.mtu) + TAGS).to_string();
        let (near, far) = (cable.interface.as_str(), FAR_END);
        ip(&[
            "link", "add", near, "type", "veth", "peer", "name", far, "netns", &pid,
        ])?;
        // No IPv6 address, so that nobody but the peers speaks.
        let up = ["mtu", &mtu, "addrgenmode", "none", "up"];
        ip(&[&["link", "set", "dev", near], &up[..]].concat())?;
        let there = ["-t", &pid, "-n", "ip", "link", "set", "dev", far];
        done("nsenter", &[&there, &up[..]].concat())?;
        lay_control(&cable.control, place, &pid)?;
        let told = self.directory.join(format!("{}.json", cable.port));
        witness.until(|_| told.exists())?;
        Ok(witness)
    }

    fn start_appliance(&self) -> Result<Actor, StageError> {
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--config").arg(&self.config);
        command
            .arg("--report")
            .arg(self.directory.join("appliance.json"));
        command.env("XDG_RUNTIME_DIR", &self.directory);
        let mut appliance = self.start("appliance", command)?;
        let ports = self.layout.cables.len();
        appliance.until(|_| packet_sockets() >= ports)?;
        thread::sleep(SETTLE);
        if appliance.reap() {
            return Err(appliance.ended());
        }
        Ok(appliance)
    }

    /// RUs first: they answer from the first request on.
    fn start_peers(&self, witnesses: &[Actor]) -> Result<Vec<Actor>, StageError> {
        let mut commands = Vec::new();
        for (cable, witness) in self.layout.cables.iter().zip(witnesses) {
            let peers = cable.peers.iter();
            commands.extend(peers.map(|peer| (peer, self.peer(cable, witness, peer))));
        }
        commands.sort_by_key(|(peer, _)| !self.layout.rus.contains(peer));
        let mut actors = Vec::new();
        for (peer, command) in commands {
            actors.push(self.start(peer, command)?);
        }
        for actor in &mut actors {
            let told = self.directory.join(format!("{}.json", actor.name));
            actor.until(|_| told.exists())?;
        }
        Ok(actors)
    }

    /// The process of `peer` at the far end of `cable`.
    fn peer(&self, cable: &Cable, witness: &Actor, peer: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &witness.process.pid.to_string(), "-n"]);
        command
            .arg(&self.program)
            .args(["lab", "peer", "--name", peer]);
        command.args(["--interface", FAR_END, "--mtu", &cable.mtu.to_string()]);
        command.arg("--config").arg(&self.config);
        command
            .arg("--dir")
            .arg(&self.directory)
            .args(&self.peer_arguments);
        command
    }

    /// Starts peers again that ended and that somebody wants back; true if any was.
    fn grant_wishes(&self, witnesses: &[Actor], peers: &mut [Actor]) -> bool {
        let mut started = false;
        for (cable, witness) in self.layout.cables.iter().zip(witnesses) {
            for actor in peers.iter_mut() {
                let wish = State::wish(&self.directory, &actor.name);
                if !cable.peers.contains(&actor.name) || fs::remove_file(wish).is_err() {
                    continue;
                }
                if !actor.reap() {
                    continue;
                }
                // What it counted before is not mixed with what it will count.
                let told = self.directory.join(format!("{}.json", actor.name));
                let _ = fs::remove_file(told);
                let command = self.peer(cable, witness, &actor.name);
                match self.start(&actor.name, command) {
                    Ok(again) => {
                        *actor = again;
                        started = true;
                    }
                    Err(error) => eprintln!("ranshift: {}: {error}", actor.name),
                }
            }
        }
        started
    }

    /// Starts a child that the kernel kills when this process ends, its words in `NAME.log`.
    fn start(&self, name: &str, command: Command) -> Result<Actor, StageError> {
        let path = self.directory.join(format!("{name}.log"));
        let log = File::create(&path).map_err(|error| StageError::File(path.clone(), error))?;
        let again = log.try_clone();
        let again = again.map_err(|error| StageError::File(path.clone(), error))?;
        // A session of its own, since Linux shares processor time out by session before it does by process.
        let mut bound = Command::new("setsid");
        bound.args(["setpriv", "--pdeathsig", "KILL", "--"]);
        bound.arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            if let Some(value) = value {
                bound.env(key, value);
            }
        }
        bound.stdin(Stdio::null()).stdout(log).stderr(again);
        let child = bound.spawn();
        let mut child = child.map_err(|error| StageError::Start("setsid".to_owned(), error))?;
        let Some(process) = Process::of(child.id()) else {
            let _ = child.wait();
            return Err(StageError::Ended(name.to_owned(), words(&path)));
        };
        Ok(Actor {
            name: name.to_owned(),
            log: path,
            child,
            process,
        })
    }
}

impl Actor {
    /// True if it has ended.
    fn reap(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until `ready`, while the process runs and not for ever.
    fn until(&mut self, ready: impl Fn(&Self) -> bool) -> Result<(), StageError> {
        for _ in 0..LIMIT.as_millis() / TICK.as_millis() {
            if ready(self) {
                return Ok(());
            }
            if self.reap() {
                return Err(self.ended());
            }
            thread::sleep(TICK);
        }
        Err(StageError::Slow(self.name.clone()))
    }

    fn ended(&self) -> StageError {
        StageError::Ended(self.name.clone(), words(&self.log))
    }

    /// Asks it to end, and makes it if it does not.
    fn leave(&mut self) {
        self.process.signal(Signal::TERM);
        if !self.process.wait_end(PATIENCE) {
            self.process.signal(Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// True while `pid` is still in the network namespace of this process.
fn shares_namespace(pid: i32) -> bool {
    let of = |who: &str| fs::read_link(format!("/proc/{who}/ns/net")).ok();
    of(&pid.to_string()) == of("self")
}

/// Packet sockets open in this namespace: the ports that the appliance has started.
fn packet_sockets() -> usize {
    let table = fs::read_to_string("/proc/self/net/packet").unwrap_or_default();
    table.lines().skip(1).count()
}

/// The cable for P5 to the namespace of `pid`, where the kernels have the addresses.
fn lay_control(control: &[Control], place: usize, pid: &str) -> Result<(), StageError> {
    if control.is_empty() {
        return Ok(());
    }
    // No port's interface has a dot.
    let (near, far) = (&format!("p5.{place}"), CONTROL_END);
    ip(&[
        "link", "add", near, "type", "veth", "peer", "name", far, "netns", pid,
    ])?;
    let there = |arguments: &[&str]| {
        let inside = ["-t", pid, "-n", "ip"];
        done("nsenter", &[&inside, arguments].concat())
    };
    let up = |end| ["link", "set", "dev", end, "addrgenmode", "none", "up"];
    ip(&up(near))?;
    there(&up(far))?;
    for pair in control {
        let [one, other] = [pair.near.to_string(), pair.far.to_string()];
        let own = |own, peer, end| ["addr", "add", own, "peer", peer, "dev", end];
        ip(&own(&one, &other, near))?;
        there(&own(&other, &one, far))?;
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> Result<(), StageError> {
    done("ip", arguments)
}

fn done(program: &str, arguments: &[&str]) -> Result<(), StageError> {
    let what = || format!("{program} {}", arguments.join(" "));
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| StageError::Start(what(), error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(StageError::Command(what(), said))
}

/// The last words of a log.
fn words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(LAST_LINES).collect();
    let said: Vec<&str> = lines.into_iter().rev().collect();
    match said.is_empty() {
        true => "it said nothing".to_owned(),
        false => said.join("\n  "),
    }
}

/// Interface of the peers in their namespace.
pub const FAR_END: &str = "eth0";
/// Interface of the peers on which their kernel speaks.
const CONTROL_END: &str = "eth1";
/// Two VLAN tags, which an MTU does not count.
const TAGS: u32 = 8;
/// How long a child may take to be ready.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a child may take to leave.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at the children.
const TICK: Duration = Duration::from_millis(10);
/// From the sockets of the appliance to its first poll.
const SETTLE: Duration = Duration::from_millis(200);
/// What an RU was asked for before its DUs left is still answered.
const LAST_ANSWERS: Duration = Duration::from_millis(100);
/// Lines of a log that explain an end.
const LAST_LINES: usize = 12;
