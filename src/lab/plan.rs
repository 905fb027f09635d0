//! What traffic to make: the pattern of slots, how each DU behaves, how the RUs answer, and the seed.
//!
//! Addresses, streams, numerologies and periods come from the configuration; a plan adds what a
//! configuration does not say. Two runs with the same configuration and plan make the same bytes.

use super::leads::LeadProfile;
use super::random::Random;
use super::style::Style;
use super::tdd::Tdd;
use crate::config::model::{Attachment, Cell, Compression, Config};
use crate::ran::{CellId, Duration, Instant};
use crate::wire::oran::compression::CompressionHeader;
use std::fmt;

/// Everything a run depends on, beside the configuration.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Slots on air from here on are made; their frames lead this instant.
    pub start: Instant,
    /// Slots on air before `start + duration` are made.
    pub duration: Duration,
    /// Seed of everything random.
    pub seed: u64,
    /// Pattern of each cell, by `CellId`.
    pub tdd: Vec<Tdd>,
    /// Frames are stored up to this many bytes, never cutting the mark; their length is announced whole.
    pub snap: Option<usize>,
    /// When RUs answer.
    pub radio: RadioTiming,
    /// The generator answers as the RUs would: each uplink symbol once, whoever asks first. Otherwise it makes
    /// the frames of DUs only, and a `RadioUnit` answers what a box lets through.
    pub open_loop: bool,
    /// Share of the frames of RUs that is lost before the box.
    pub radio_loss: f64,
    /// Behaviour of each DU, by position in `Config::dus`.
    pub dus: Vec<DuPlan>,
}

/// How one DU behaves, in all its cells.
#[derive(Clone, Debug)]
pub struct DuPlan {
    /// How C-plane and sections are laid out.
    pub style: Style,
    /// What the downlink carries.
    pub load: Load,
    /// Sequence numbers of a slot's DL U-plane are a shuffled block, as GPU DUs send them.
    pub shuffled: bool,
    /// Distribution of leads.
    pub leads: &'static LeadProfile,
    /// Ethernet MTU in bytes; that of the port unless given.
    pub mtu: Option<u16>,
    /// Share of the DU's frames that is lost before the box: numbered, never captured.
    pub loss: f64,
    /// When the process runs; empty: it never speaks.
    pub lives: Vec<Life>,
    /// Cells it serves; `None`: all where it is a member if dedicated, none if pooled.
    pub serves: Option<Vec<CellId>>,
}

/// One life of a DU process: frames leave at or after `from` and before `until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    /// Start of the process: slots whose first frame could leave before are not sent.
    pub from: Instant,
    /// Its death.
    pub until: Instant,
}

impl Life {
    /// From the beginning to the end of the run.
    pub const WHOLE: Self = Self {
        from: Instant(0),
        until: Instant::NEVER,
    };

    /// The lives between deaths (`false`) and starts (`true`), given in the order of their time. A DU
    /// whose first change is a death ran before the beginning.
    pub fn from_changes(changes: impl IntoIterator<Item = (Instant, bool)>) -> Vec<Self> {
        let mut lives = vec![Self::WHOLE];
        for (n, (at, starts)) in changes.into_iter().enumerate() {
            let running = lives
                .last()
                .is_some_and(|life| life.until == Instant::NEVER);
            match lives.last_mut() {
                Some(life) if starts && n == 0 => life.from = at,
                Some(life) if !starts && running => life.until = at,
                _ if starts && !running => lives.push(Self {
                    from: at,
                    until: Instant::NEVER,
                }),
                _ => {}
            }
        }
        lives
    }
}

/// What the downlink of a DU carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// Every DL symbol of every DL slot is sent; this percentage of its PRBs is not all zero.
    Busy(u8),
    /// Downlink in broadcast slots only; the uplink is requested always.
    Idle,
}

/// When RUs answer requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RadioTiming {
    /// Each symbol this long after it was on air (Ta3).
    OnAir(Duration),
    /// All symbols of a request at once, this long after it came, ahead of air time.
    AtOnce(Duration),
}

impl Plan {
    /// One second of busy, healthy DUs without loss or death, and RUs that answer 25 us after air.
    pub fn new(config: &Config) -> Self {
        let tdd = config.cells.iter().map(|cell| cell.periods.tdd);
        Self {
            start: DEFAULT_START,
            duration: Duration::from_millis(1_000),
            seed: 1,
            tdd: tdd.map(Tdd::of_period).collect(),
            snap: None,
            radio: RadioTiming::OnAir(Duration::from_micros(25)),
            open_loop: true,
            radio_loss: 0.0,
            dus: vec![DuPlan::default(); config.dus.len()],
        }
    }

    /// A duration between two, both included, drawn by the seed and the number of the draw.
    pub fn draw(&self, (from, until): (Duration, Duration), number: u64) -> Duration {
        let span = until.as_nanos().saturating_sub(from.as_nanos());
        let mut random = Random::of(self.seed, u16::MAX, number as u16);
        Duration::from_nanos(from.as_nanos() + random.below(span.saturating_add(1)))
    }

    /// True if `du` sends to `cell`, of which it is a member.
    pub(super) fn serves(&self, config: &Config, du: usize, cell: CellId) -> bool {
        let chosen = self.dus.get(du).and_then(|plan| plan.serves.as_ref());
        if let Some(cells) = chosen {
            return cells.contains(&cell);
        }
        let attachment = config.dus.get(du).map(|du| &du.attachment);
        attachment == Some(&Attachment::Dedicated)
    }

    /// What of this plan cannot be made for `config`.
    pub(super) fn check(&self, config: &Config) -> Result<(), PlanError> {
        for (cell, tdd) in config.cells.iter().zip(&self.tdd) {
            check_cell(cell, tdd)?;
        }
        let shares = self.dus.iter().map(|du| du.loss).chain([self.radio_loss]);
        for share in shares {
            if !(0.0..1.0).contains(&share) {
                return Err(PlanError::Loss(share));
            }
        }
        if self.tdd.len() != config.cells.len() || self.dus.len() != config.dus.len() {
            return Err(PlanError::Size);
        }
        Ok(())
    }
}

impl Default for DuPlan {
    fn default() -> Self {
        Self {
            style: Style::Explicit,
            load: Load::Busy(100),
            shuffled: false,
            leads: LeadProfile::healthy(),
            mtu: None,
            loss: 0.0,
            lives: vec![Life::WHOLE],
            serves: None,
        }
    }
}

fn check_cell(cell: &Cell, tdd: &Tdd) -> Result<(), PlanError> {
    let length = tdd.period();
    if !cell.periods.tdd.is_multiple_of(length) {
        return Err(PlanError::Pattern {
            cell: cell.name.clone(),
            length,
            period: cell.periods.tdd,
        });
    }
    for compression in [cell.downlink_compression, cell.uplink_compression] {
        if prb_bytes(compression).is_none() {
            return Err(PlanError::Compression {
                cell: cell.name.clone(),
                method: compression.method,
            });
        }
    }
    Ok(())
}

/// Bytes of one PRB; `None` for methods whose length depends on the data (5 to 8) or that are reserved.
pub(super) const fn prb_bytes(compression: Compression) -> Option<usize> {
    CompressionHeader::new(compression.method, compression.width).prb_len()
}

/// Why a plan cannot be made.
#[derive(Clone, PartialEq, Debug)]
pub enum PlanError {
    /// The pattern's length does not divide the TDD period that the configuration declares.
    Pattern {
        /// Cell.
        cell: String,
        /// Slots in the pattern.
        length: u32,
        /// `periods.tdd`.
        period: u32,
    },
    /// A compression method whose PRBs have no fixed length.
    Compression {
        /// Cell.
        cell: String,
        /// udCompMeth.
        method: u8,
    },
    /// Not a share from 0 up to, not including, 1.
    Loss(f64),
    /// No slot begins in the time of the plan.
    Empty,
    /// The plan was made for another configuration.
    Size,
    /// The MTU of this DU or RU does not hold one PRB.
    Mtu(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern {
                cell,
                length,
                period,
            } => write!(
                f,
                "{cell}: a pattern of {length} slots does not divide periods.tdd {period}"
            ),
            Self::Compression { cell, method } => write!(
                f,
                "{cell}: no IQ is made for compression method {method}, only for 0 to 4"
            ),
            Self::Loss(share) => write!(f, "loss {share} is not a share in 0..1"),
            Self::Empty => f.write_str("no slot begins in the time that is to be made"),
            Self::Size => f.write_str("the plan has other cells or DUs than the configuration"),
            Self::Mtu(name) => write!(f, "{name}: the MTU does not hold one PRB"),
        }
    }
}

impl std::error::Error for PlanError {}

/// 2027-01-15 08:00:00 UTC.
const DEFAULT_START: Instant = Instant(1_800_000_000_000_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(changes: &[(u64, bool)]) -> Vec<(u64, u64)> {
        let changes = changes.iter().map(|(at, starts)| (Instant(*at), *starts));
        let lives = Life::from_changes(changes);
        lives
            .iter()
            .map(|life| (life.from.0, life.until.0))
            .collect()
    }

    #[test]
    fn a_death_and_a_restart_make_two_lives() {
        assert_eq!(lives(&[(5, false), (9, true)]), [(0, 5), (9, u64::MAX)]);
    }

    #[test]
    fn a_start_without_a_death_is_a_late_first_life() {
        assert_eq!(lives(&[(5, true), (9, false)]), [(5, 9)]);
    }

    #[test]
    fn the_dead_do_not_die_again() {
        assert_eq!(lives(&[(5, false), (6, false)]), [(0, 5)]);
    }
}
