//! The process that a lab consists of: the parent of the appliance, the peers and the witnesses.

use super::parts::{interrupted, refuse};
use super::traffic::LiveTraffic;
use crate::cli::Exit;
use crate::config;
use crate::lab::live::{self, Layout};
use std::io;
use std::path::PathBuf;

/// Set up and keep a lab in this network namespace
#[derive(clap::Args)]
pub(super) struct Stage {
    /// Configuration (YAML)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Directory of the lab
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// This namespace has users of its own
    #[arg(long)]
    user_namespace: bool,
    /// Largest capture, MiB
    #[arg(long, value_name = "MIB")]
    capture: u64,
    #[command(flatten)]
    traffic: LiveTraffic,
}

impl Stage {
    pub(super) fn run(&self) -> io::Result<Exit> {
        let stop = interrupted()?;
        let config = match config::load(&self.config) {
            Ok(loaded) => loaded.config,
            Err(problems) => return refuse(problems, Exit::Usage),
        };
        let layout = match Layout::of(&config) {
            Ok(layout) => layout,
            Err(problem) => return refuse(problem, Exit::Usage),
        };
        let stage = live::Stage {
            program: std::env::current_exe()?,
            directory: self.dir.clone(),
            config: self.config.clone(),
            layout,
            user_namespace: self.user_namespace,
            peer_arguments: self.traffic.arguments(),
            witness_arguments: vec!["--capture".to_owned(), self.capture.to_string()],
        };
        match stage.run(&stop) {
            Ok(()) => Ok(Exit::Done),
            Err(error) => refuse(error, Exit::Environment),
        }
    }
}
