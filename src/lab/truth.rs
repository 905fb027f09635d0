//! What was made, by the one who made it: `truth.json` beside the captures.
//!
//! `made` counts frames that reached the box, `lost` those that were numbered but lost before it. Times are
//! nanoseconds since the Unix epoch. A death is when a DU's process ended; `last_ns` when its last frame left.

use super::generator::GeneratedFrame;
use super::leads::Class;
use super::mark::Sender;
use super::plan::Plan;
use crate::config::model::Config;
use crate::ran::{CellId, Instant};
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole truth about one run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Truth {
    /// Seed.
    pub seed: u64,
    /// Air time of the first slot or just before.
    pub start_ns: u64,
    /// Length of the run.
    pub duration_ns: u64,
    /// Frames and bytes by port name.
    pub ports: BTreeMap<String, PortTruth>,
    /// What each DU sent in each of its cells.
    pub members: Vec<SenderTruth>,
    /// What each RU sent in each of its cells.
    pub radios: Vec<SenderTruth>,
    /// Lives of DUs that did not run from beginning to end.
    pub lives: BTreeMap<String, Vec<LifeTruth>>,
}

/// What came in at one port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct PortTruth {
    /// Frames.
    pub frames: u64,
    /// Bytes on the wire, without FCS.
    pub bytes: u64,
}

/// What one DU or RU sent in one cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SenderTruth {
    /// Name of the DU or RU.
    pub name: String,
    /// Name of the cell.
    pub cell: String,
    /// Frames captured, by class.
    pub made: BTreeMap<&'static str, u64>,
    /// Frames lost before the capture, by class.
    pub lost: BTreeMap<&'static str, u64>,
    /// First frame.
    pub first_ns: Option<u64>,
    /// Last frame.
    pub last_ns: Option<u64>,
}

/// One life of a DU process; `None` beyond the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct LifeTruth {
    /// Start.
    pub from_ns: Option<u64>,
    /// Death.
    pub until_ns: Option<u64>,
}

/// Counts while frames are made.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    senders: BTreeMap<(Sender, CellId), Counts>,
    ports: Vec<PortTruth>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    made: [u64; Class::ALL.len()],
    lost: [u64; Class::ALL.len()],
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Tally {
    pub(super) fn new(ports: usize) -> Self {
        Self {
            senders: BTreeMap::new(),
            ports: vec![PortTruth::default(); ports],
        }
    }

    pub(super) fn made(&mut self, frame: &GeneratedFrame<'_>) {
        if let Some(port) = self.ports.get_mut(frame.port.index()) {
            port.frames += 1;
            port.bytes += frame.original_len as u64;
        }
        let counts = self.senders.entry((frame.sender, frame.cell)).or_default();
        add(&mut counts.made, frame.class);
        counts.first = counts.first.or(Some(frame.at));
        counts.last = Some(frame.at);
    }

    pub(super) fn lost(&mut self, sender: Sender, cell: CellId, class: Class) {
        add(
            &mut self.senders.entry((sender, cell)).or_default().lost,
            class,
        );
    }

    pub(super) fn truth(&self, config: &Config, plan: &Plan) -> Truth {
        let names = config.ports.iter().map(|port| port.name.clone());
        let of = |wanted: fn(&Sender) -> bool| {
            let senders = self
                .senders
                .iter()
                .filter(move |((sender, _), _)| wanted(sender));
            senders.map(|((sender, cell), counts)| counts.truth(config, *sender, *cell))
        };
        Truth {
            seed: plan.seed,
            start_ns: plan.start.0,
            duration_ns: plan.duration.as_nanos(),
            ports: names.zip(self.ports.iter().copied()).collect(),
            members: of(|sender| matches!(sender, Sender::Du(_))).collect(),
            radios: of(|sender| matches!(sender, Sender::Ru(_))).collect(),
            lives: lives(config, plan),
        }
    }
}

impl Counts {
    fn truth(&self, config: &Config, sender: Sender, cell: CellId) -> SenderTruth {
        let peer = match sender {
            Sender::Du(du) => config.dus.get(usize::from(du)).map(|du| &du.peer),
            Sender::Ru(ru) => config.rus.get(usize::from(ru)),
        };
        SenderTruth {
            name: peer.map_or_else(String::new, |peer| peer.name.clone()),
            cell: config
                .cells
                .get(cell.index())
                .map_or_else(String::new, |cell| cell.name.clone()),
            made: by_class(&self.made),
            lost: by_class(&self.lost),
            first_ns: self.first.map(|at| at.0),
            last_ns: self.last.map(|at| at.0),
        }
    }
}

fn lives(config: &Config, plan: &Plan) -> BTreeMap<String, Vec<LifeTruth>> {
    let dus = config.dus.iter().zip(&plan.dus);
    let mortal = dus.filter(|(_, du)| du.lives != [super::plan::Life::WHOLE]);
    let truths = mortal.map(|(du, plan)| {
        let lives = plan.lives.iter().map(|life| LifeTruth {
            from_ns: (life.from > Instant(0)).then_some(life.from.0),
            until_ns: (life.until < Instant::NEVER).then_some(life.until.0),
        });
        (du.peer.name.clone(), lives.collect())
    });
    truths.collect()
}

fn add(counts: &mut [u64; Class::ALL.len()], class: Class) {
    if let Some(count) = counts.get_mut(class.index()) {
        *count += 1;
    }
}

fn by_class(counts: &[u64; Class::ALL.len()]) -> BTreeMap<&'static str, u64> {
    let pairs = Class::ALL.into_iter().zip(counts);
    let sent = pairs.filter(|(_, count)| **count > 0);
    sent.map(|(class, count)| (class.label(), *count)).collect()
}
