//! `ranshift lab`: traffic for trying the box out, as files or live.

mod fapi;
mod generate;
mod live;
mod parts;
mod stage;
mod story;
mod traffic;

use super::Exit;
use std::io::{self, Write};

/// Try the box out: traffic as files, or emulated RUs and DUs around a running appliance
#[derive(clap::Args)]
pub(super) struct Lab {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Generate(Box<generate::Generate>),
    Up(live::Up),
    Status(live::Status),
    Migrate(live::Migrate),
    Kill(live::Kill),
    Start(live::Start),
    Cut(live::Cut),
    Down(live::Down),
    Story(story::Story),
    #[command(hide = true)]
    Stage(stage::Stage),
    #[command(hide = true)]
    Peer(parts::Peer),
    #[command(hide = true)]
    Witness(parts::Witness),
}

impl Lab {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        match &self.command {
            Command::Generate(generate) => generate.run(out),
            Command::Up(up) => up.run(out),
            Command::Status(status) => status.run(out),
            Command::Migrate(migrate) => migrate.run(out),
            Command::Kill(kill) => kill.run(out),
            Command::Start(start) => start.run(out),
            Command::Cut(cut) => cut.run(out),
            Command::Down(down) => down.run(out),
            Command::Story(story) => story.run(out),
            Command::Stage(stage) => stage.run(),
            Command::Peer(peer) => peer.run(),
            Command::Witness(witness) => witness.run(),
        }
    }
}
