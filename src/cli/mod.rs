//! The command line: one file per command, each a set of arguments and a `run`.
//!
//! A command writes its result to the `out` it is given and its complaints to standard error, and
//! returns how it ended. Nothing here decides anything: commands wire the other modules together.

mod calendar;
mod check;
mod client;
mod commands;
mod completion;
mod ctl;
mod doctor;
#[cfg(test)]
mod example;
mod inspect;
mod lab;
mod replay;
mod run;
mod text;
mod top;
mod words;

use clap::{CommandFactory, Parser, Subcommand};
use nix::sys::signal::SigSet;
use std::io::{self, Write};
use std::process::ExitCode;

/// Moves work between the servers of a virtualised RAN without the radio noticing.
#[derive(Parser)]
#[command(name = "ranshift", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Completion(completion::Completion),
    Ctl(ctl::Ctl),
    Doctor(doctor::Doctor),
    Inspect(inspect::Inspect),
    Lab(Box<lab::Lab>),
    Run(run::Run),
    Replay(replay::Replay),
    Top(top::Top),
}

impl Command {
    fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        match self {
            Self::Check(check) => check.run(out),
            Self::Completion(completion) => completion.run(CommandLine::command(), out),
            Self::Ctl(ctl) => ctl.run(out),
            Self::Doctor(doctor) => doctor.run(out),
            Self::Inspect(inspect) => inspect.run(out),
            Self::Lab(lab) => lab.run(out),
            Self::Run(run) => run.run(out),
            Self::Replay(replay) => replay.run(out),
            Self::Top(top) => top.run(out),
        }
    }
}

/// How a command ended; the number is the exit code of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Done as asked.
    Done = 0,
    /// It ran, but expectations failed.
    Failed = 1,
    /// Wrong usage or wrong configuration.
    Usage = 2,
    /// Something outside (a file, a device, memory) did not do its part.
    Environment = 3,
}

/// Runs the command named by the process's arguments. Wrong usage ends the process with code 2.
pub fn main() -> ExitCode {
    hear_signals();
    let arguments = CommandLine::parse();
    let mut out = io::stdout().lock();
    let exit = arguments
        .command
        .run(&mut out)
        .and_then(|exit| out.flush().map(|()| exit));
    ExitCode::from(exit.unwrap_or_else(unwritable) as u8)
}

/// Whoever started this program may have had signals blocked, and a mask is inherited: `SIGTERM` would
/// then never arrive, here and in what this program starts.
fn hear_signals() {
    if let Err(error) = SigSet::empty().thread_set_mask() {
        eprintln!("ranshift: signals stay as they were blocked: {error}");
    }
}

/// A reader that went away (`ranshift inspect x | head`) is no failure.
fn unwritable(error: io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Done;
    }
    eprintln!("ranshift: {error}");
    Exit::Environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
