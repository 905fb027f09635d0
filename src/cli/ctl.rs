//! `ranshift ctl`: sees and commands a running appliance over its API.
//!
//! Tables for people, the API's own JSON with `--json`. A command says what it did and from which slot;
//! a refusal is told in words and ends with code 1.

mod apply;
mod boundary;
mod order;
mod phys;
mod recordings;
mod show;
mod watch;

use super::Exit;
use super::client::{Access, Client, Trouble};
use super::text::Paper;
use boundary::When;
use clap::Subcommand;
use order::Order;
use std::io::{self, Write};

/// See and command a running appliance
#[derive(clap::Args)]
pub(super) struct Ctl {
    #[command(flatten)]
    access: Access,

    /// Print the API's JSON instead of text
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    ask: Ask,
}

#[derive(Subcommand)]
enum Ask {
    /// The appliance: ledger, drops, lcores, ports, peers
    Status,
    /// Whether every lcore answers; ends with code 0 only then, and needs no token
    Health,
    /// The cells and who may speak; with CELL all of one
    Cells {
        /// Name of a cell
        cell: Option<String>,
    },
    /// The groups: a fixed side and the members that serve it
    Groups,
    /// The members of every cell: role, in step, liveness, PRB use
    Members,
    /// What happened, and why
    Events(watch::Events),
    /// From a slot on only MEMBER may speak (planned)
    Migrate {
        /// Name of the cell
        cell: String,
        /// The new active member
        #[arg(long, value_name = "MEMBER")]
        to: String,
        #[command(flatten)]
        when: When,
    },
    /// Fail over now, as if the active member were lost
    Failover {
        /// Name of the cell
        cell: String,
        /// Who takes over; default: the armed standby
        #[arg(long, value_name = "MEMBER")]
        to: Option<String>,
    },
    /// MEMBER may not speak, at once
    Fence {
        /// Name of the cell
        cell: String,
        /// The member
        member: String,
    },
    /// A fenced MEMBER may take part again
    Readmit {
        /// Name of the cell
        cell: String,
        /// The member
        member: String,
    },
    /// Who takes over when the active member is lost
    Arm {
        /// Name of the cell
        cell: String,
        /// The standby, or none
        #[arg(value_name = "MEMBER|none")]
        standby: String,
    },
    /// One member speaks, or two share the RU
    Mode {
        /// Name of the cell
        cell: String,
        #[command(subcommand)]
        mode: Mode,
    },
    /// Who owns which slot while two members share the RU
    Pattern {
        /// Name of the cell
        cell: String,
        /// One letter for each slot of the period: S source, D destination
        #[arg(value_name = "SSDD", value_parser = pattern)]
        slots: String,
        #[command(flatten)]
        when: When,
    },
    /// Write the flight recorder of a cell to a recording
    Capture {
        /// Name of the cell
        cell: String,
    },
    /// The recordings, or one of them fetched to be replayed here
    Recordings {
        /// Name of the recording to fetch
        recording: Option<String>,
        /// The folder that a folder of the recording's name is made in
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: std::path::PathBuf,
    },
    /// The configuration in force, as it was written
    Config,
    /// Put a configuration file into force, or refuse it as a whole
    Apply {
        /// Configuration (YAML)
        #[arg(value_name = "FILE")]
        file: std::path::PathBuf,
        /// Only say what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// The metrics, as Prometheus reads them
    Metrics,
}

#[derive(Subcommand)]
enum Mode {
    /// Only MEMBER speaks
    Single {
        /// The active member
        member: String,
        #[command(flatten)]
        when: When,
    },
    /// Two members share the RU by the slot pattern
    Shared {
        /// The active member
        source: String,
        /// Where the cell is going
        destination: String,
        #[command(flatten)]
        when: When,
    },
}

impl Ctl {
    pub(super) fn run(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let done = Client::new(&self.access).and_then(|client| {
            let paper = Paper::stdout();
            Console {
                client: &client,
                paper,
                json: self.json,
                out,
            }
            .answer(&self.ask)
        });
        match done {
            Ok(()) => Ok(Exit::Done),
            Err(trouble) => trouble.tell(),
        }
    }
}

/// A question's way to its answer.
struct Console<'a> {
    client: &'a Client,
    paper: Paper,
    json: bool,
    out: &'a mut dyn Write,
}

impl Console<'_> {
    fn answer(&mut self, ask: &Ask) -> Result<(), Trouble> {
        match ask {
            Ask::Status => self.status(),
            Ask::Health => self.health(),
            Ask::Cells { cell: None } => self.cells(),
            Ask::Cells { cell: Some(cell) } => self.cell(cell),
            Ask::Groups => self.groups(),
            Ask::Members => self.members(),
            Ask::Events(events) => self.events(events),
            Ask::Recordings {
                recording: None, ..
            } => self.recordings(),
            Ask::Recordings {
                recording: Some(recording),
                out,
            } => self.fetch(recording, out),
            Ask::Config => self.config(),
            Ask::Metrics => self.metrics(),
            Ask::Apply { file, dry_run } => self.apply(file, *dry_run),
            Ask::Capture { cell } => self.capture(cell),
            _ => {
                let order = Order::of(ask).transpose().map_err(Trouble::Usage)?;
                order.map_or(Ok(()), |order| self.order(&order))
            }
        }
    }

    /// The answer at `path` unchanged; true if that is what was asked for.
    fn as_json(&mut self, path: &str) -> Result<bool, Trouble> {
        if self.json {
            let text = self.client.text(path)?;
            self.verbatim(&text)?;
        }
        Ok(self.json)
    }

    fn verbatim(&mut self, text: &str) -> Result<(), Trouble> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        Ok(write!(self.out, "{text}{end}")?)
    }
}

/// `text` as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte.into()),
            // Two of them would name another object.
            b'.' if text != "." && text != ".." => path.push('.'),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

fn pattern(text: &str) -> Result<String, String> {
    let is_pattern = text.bytes().all(|letter| matches!(letter, b'S' | b'D'));
    match is_pattern && (1..=160).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("one letter S or D for each slot of the period, 1 to 160 of them".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment_of_the_path() {
        assert_eq!(segment("cell-1"), "cell-1");
        assert_eq!(segment("a/b?c#d e.f"), "a%2Fb%3Fc%23d%20e.f");
        assert_eq!(segment(".."), "%2E%2E");
    }

    #[test]
    fn a_pattern_is_made_of_two_letters() {
        assert_eq!(pattern("SSD"), Ok("SSD".to_owned()));
        assert!(pattern("").is_err() && pattern("sd").is_err());
        assert!(pattern(&"S".repeat(161)).is_err());
    }
}
