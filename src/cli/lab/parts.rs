//! The processes of a lab that nobody starts by hand: a peer, and the witness at the end of a cable.

use super::traffic::LiveTraffic;
use crate::cli::Exit;
use crate::config;
use crate::lab::live::{PeerOptions, WitnessOptions, play, watch};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};
use std::fmt::Display;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Play one peer on an interface
#[derive(clap::Args)]
pub(super) struct Peer {
    /// Name of the RU, DU, L2 or PHY
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Configuration (YAML)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Its interface
    #[arg(long, value_name = "NAME")]
    interface: String,
    /// Largest frame payload, bytes
    #[arg(long, value_name = "BYTES")]
    mtu: u16,
    /// Where counters are written
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    traffic: LiveTraffic,
}

/// Capture what passes an interface
#[derive(clap::Args)]
pub(super) struct Witness {
    /// Name of the port behind which this is
    #[arg(long, value_name = "NAME")]
    port: String,
    /// The interface
    #[arg(long, value_name = "NAME")]
    interface: String,
    /// Largest frame payload, bytes
    #[arg(long, value_name = "BYTES")]
    mtu: u16,
    /// Where the capture is written
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Largest capture, MiB
    #[arg(long, value_name = "MIB", default_value_t = super::live::CAPTURE_MIB)]
    capture: u64,
}

impl Peer {
    pub(super) fn run(&self) -> io::Result<Exit> {
        let config = match config::load(&self.config) {
            Ok(loaded) => loaded.config,
            Err(problems) => return refuse(problems, Exit::Usage),
        };
        let plan = match self.traffic.plan(&config) {
            Ok(plan) => plan,
            Err(problem) => return refuse(problem, Exit::Usage),
        };
        let stop = interrupted()?;
        leave_the_poll_core();
        let options = PeerOptions {
            peer: self.name.clone(),
            interface: self.interface.clone(),
            mtu: self.mtu,
            directory: self.dir.clone(),
        };
        ended(play(&config, &plan, &options, &stop))
    }
}

impl Witness {
    pub(super) fn run(&self) -> io::Result<Exit> {
        let stop = interrupted()?;
        leave_the_poll_core();
        let options = WitnessOptions {
            port: self.port.clone(),
            interface: self.interface.clone(),
            mtu: self.mtu,
            directory: self.dir.clone(),
            most_bytes: self.capture << 20,
        };
        ended(watch(&options, &stop))
    }
}

/// Set by SIGINT and SIGTERM.
pub(super) fn interrupted() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}

pub(super) fn refuse(problem: impl Display, exit: Exit) -> io::Result<Exit> {
    eprintln!("ranshift: {}", problem.to_string().trim_end());
    Ok(exit)
}

fn ended<E: Display>(result: Result<(), E>) -> io::Result<Exit> {
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(error) => refuse(error, Exit::Environment),
    }
}

/// The appliance polls on the last core. Where that cannot be arranged, things are slower, not wrong.
fn leave_the_poll_core() {
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let Ok(mut cores) = sched_getaffinity(None) else {
        return;
    };
    let last = (0..CpuSet::MAX_CPU).rev().find(|core| cores.is_set(*core));
    if let Some(last) = last.filter(|_| cores.count() > 1) {
        cores.unset(last);
        let _ = sched_setaffinity(None, &cores);
    }
}
