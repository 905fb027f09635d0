//! A small run for showing that the judge accepts what is right and refuses what is not: to phy-b, back, and
//! then phy-a dies, across the wrap of SFN. And what spoils it: messages found, written again, added.

use super::cast::{L2, Phy, Stage, Timing};
use super::message::{self, Part};
use super::model::Model;
use super::packer::{self, Head, Way};
use super::settings::Dialect;
use super::{Frame, Inputs, Lane, Settings, packet};
use std::sync::LazyLock;

pub const CONFIG: &str = include_str!("stage.yaml");

/// Lanes and peers of the stage.
pub const TO_L2: usize = 0;
pub const TO_A: usize = 1;
pub const TO_B: usize = 2;

/// A little before SFN wraps.
pub const FIRST: i64 = 1023 * 20 + 5;
pub const START: u64 = 1_795_220_728_000_000_000;
pub const SLOT_NS: u64 = 500_000;
/// Slots of the run: phy-b is made active at `COMMANDED`, phy-a again at `BACK`, until it dies at `DEATH`.
pub const COMMANDED: u64 = 20;
pub const BACK: u64 = 60;
pub const DEATH: u64 = 120;
pub const SLOTS: u64 = 160;

pub const TIMING: Timing = Timing {
    mu: 1,
    first: FIRST,
    start: START,
    ahead: 4,
};

pub fn at(slots: u64) -> u64 {
    START + slots * SLOT_NS
}

pub fn play(dialect: Dialect) -> Inputs {
    let mut settings = Settings::parse(CONFIG).unwrap();
    settings
        .peers
        .iter_mut()
        .for_each(|peer| peer.dialect = dialect);
    let mut l2 = L2::new(&settings.peers[0], TIMING, 1);
    (l2.segment, l2.largest) = (3_000, 4_000);
    let mut phys: Vec<Phy> = (1..3u64)
        .map(|seed| Phy::new(&settings.peers[seed as usize], TIMING, seed))
        .collect();
    phys.iter_mut()
        .for_each(|phy| (phy.slowest, phy.jitter) = (6, 30_000));
    phys[0].dies = at(DEATH) + 77_000;
    let commands = vec![(at(COMMANDED) + 1, 3, 1), (at(BACK) + 1, 6, 0)];
    let mut model = Model::new(&settings, TIMING, commands);
    let mut stage = Stage::new(l2, phys);
    stage.play(&mut model, at(SLOTS));
    Inputs {
        settings,
        ingress: stage.ingress,
        egress: stage.egress,
        switches: model.switches,
        slack_ns: 40_000,
        ..Inputs::default()
    }
}

/// To phy-b and back, then phy-a dies.
pub fn run() -> Inputs {
    static RUN: LazyLock<Inputs> = LazyLock::new(|| play(Dialect::Oai));
    RUN.clone()
}

/// A message of one frame.
pub struct Single {
    /// Its place in the lane.
    pub frame: usize,
    /// When it was there.
    pub at: u64,
    /// What its header says.
    pub head: Head,
    /// All of a message or a segment.
    pub part: Part,
    /// Its part of the body.
    pub body: Vec<u8>,
}

impl Single {
    pub fn slot(&self) -> i64 {
        let point = message::point(self.head.id, &self.body, Dialect::Oai).unwrap();
        TIMING.lift(point, self.at)
    }

    pub fn is_null(&self) -> bool {
        self.body.len() < 10
    }
}

pub fn singles(frames: &[Frame]) -> Vec<Single> {
    let read = |(frame, content): (usize, &Frame)| {
        let frames = vec![content.clone()];
        let lane = Lane {
            port: String::new(),
            frames,
        };
        let datagram = packet::read(&lane).datagrams.pop()?;
        let piece = message::piece(&datagram.payload, Dialect::Oai).ok()?;
        let head = Head {
            dialect: Dialect::Oai,
            phy_id: piece.phy_id,
            id: piece.id,
            sequence: piece.sequence,
            timestamp: piece.timestamp?,
        };
        let (part, body) = (piece.part, piece.body.to_vec());
        Some(Single {
            frame,
            at: content.at_ns,
            head,
            part,
            body,
        })
    };
    frames.iter().enumerate().filter_map(read).collect()
}

/// The first single message to a peer that is like this.
#[track_caller]
pub fn find(run: &Inputs, to: usize, like: impl Fn(&Single) -> bool) -> Single {
    let singles = singles(&run.egress[to].frames);
    let mut whole = singles
        .into_iter()
        .filter(|single| single.part == Part::Whole);
    whole.find(|single| like(single)).unwrap()
}

pub fn packed(run: &Inputs, to: usize, head: Head, body: &[u8]) -> Vec<u8> {
    let datagram = packer::datagrams(head, body, 65_000).remove(0);
    packer::frames(&run.settings.peers[to], Way::To, &datagram, 9, 9_000).remove(0)
}

/// Writes a message again, with something else in it.
pub fn rewrite(run: &mut Inputs, to: usize, mut single: Single, edit: impl Fn(&mut Single)) {
    edit(&mut single);
    let bytes = packed(run, to, single.head, &single.body);
    run.egress[to].frames[single.frame].bytes = bytes;
}

/// One more message to a peer.
pub fn insert(run: &mut Inputs, to: usize, at: u64, id: u16, body: &[u8]) {
    let frames = &run.egress[to].frames;
    let place = frames.partition_point(|frame| frame.at_ns <= at);
    let model = singles(&frames[..place]).pop().unwrap().head;
    let head = Head {
        id,
        sequence: model.sequence + 1,
        timestamp: 0,
        ..model
    };
    let bytes = packed(run, to, head, body);
    run.egress[to]
        .frames
        .insert(place, Frame { at_ns: at, bytes });
}

pub fn null(slot: i64, counters: usize) -> Vec<u8> {
    [&TIMING.point(slot)[..], &vec![0; counters]].concat()
}

/// The first message of this kind from a peer to the box that is like this.
#[track_caller]
pub fn came(run: &Inputs, from: usize, like: impl Fn(&Single) -> bool) -> Single {
    let mut singles = singles(&run.ingress[from].frames).into_iter();
    singles.find(|single| like(single)).unwrap()
}

/// Count of a slot of the run.
pub fn slot(number: u64) -> i64 {
    FIRST + number as i64
}
