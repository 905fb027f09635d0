//! Holds the output of a replay against what must never happen, from the output's own bytes.
//!
//! Towards an RU: one DU per (eAxC, frame epoch, slot, symbol), told by the source MAC on ingress; where
//! the box numbers, +1 without gap or repeat; elsewhere every message keeps its number. The checker in
//! `tests/` says more and shares no code with this.

use std::collections::{BTreeMap, HashMap};

use crate::ran::{Direction, EaxcId, MacAddr, Plane, PortId, SequenceNumber, VlanStack};

use super::frame::{Kind, ReplayFrame};
use super::mark::Mark;

/// One configured peer, by `PeerId`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerAddress {
    /// The port it is reached through.
    pub port: PortId,
    /// Its MAC address.
    pub mac: MacAddr,
    /// The eAxC ids on which the box numbers messages towards it: those of the cells of this RU that
    /// have two or more members. On all others messages keep their sender's number.
    pub numbered: Vec<EaxcId>,
}

/// How often a rule was broken, and how for the first time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Finding {
    /// How often.
    pub violations: u64,
    /// The first in words.
    pub first: Option<String>,
}

/// The judge of one run.
#[derive(Debug, Default)]
pub struct Judge {
    peers: Vec<PeerAddress>,
    sent: Vec<u64>,
    output: u64,
    speakers: BTreeMap<Resource, MacAddr>,
    epochs: HashMap<usize, u64>,
    numbers: HashMap<Domain, SequenceNumber>,
    one_du_per_symbol: Finding,
    sequence: Finding,
    ledger: Finding,
}

/// What one DU may speak on. The epoch leads, so that old ones are cut off in one piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Resource {
    epoch: u64,
    peer: usize,
    vlans: u32,
    plane: Plane,
    eaxc: EaxcId,
    symbol: [u8; 4],
}

type Domain = (usize, VlanStack, EaxcId, Plane, Direction);

impl Judge {
    /// A judge of frames towards `peers`, by `PeerId`.
    pub fn new(peers: Vec<PeerAddress>) -> Self {
        Self {
            sent: vec![0; peers.len()],
            peers,
            ..Self::default()
        }
    }

    /// Frames sent to each peer, by `PeerId`.
    pub fn sent(&self) -> &[u64] {
        &self.sent
    }

    /// Two DUs on one symbol of one eAxC of an RU.
    pub fn one_du_per_symbol(&self) -> &Finding {
        &self.one_du_per_symbol
    }

    /// Numbers that are not what they must be.
    pub fn sequence(&self) -> &Finding {
        &self.sequence
    }

    /// Moments at which the ledger did not balance.
    pub fn ledger(&self) -> &Finding {
        &self.ledger
    }

    /// The ledger's balance between two bursts.
    pub fn balance(&mut self, balance: i128) {
        if balance != 0 {
            let output = self.output;
            self.ledger
                .add(|| format!("balance {balance} after output frame {output}"));
        }
    }

    /// A frame left on `port`.
    pub fn frame(&mut self, port: PortId, frame: &ReplayFrame) {
        self.output += 1;
        let Some(destination) = frame.bytes().first_chunk::<6>().copied() else {
            return;
        };
        let is_peer = |peer: &PeerAddress| peer.port == port && peer.mac.0 == destination;
        let Some(peer) = self.peers.iter().position(is_peer) else {
            return;
        };
        if let Some(sent) = self.sent.get_mut(peer) {
            *sent += 1;
        }
        let (Some(mark), Some(received)) = (Mark::read(frame.bytes()), frame.received) else {
            return;
        };
        self.speaker(peer, &mark, received.source);
        let numbered = self
            .peers
            .get(peer)
            .is_some_and(|peer| peer.numbered.contains(&mark.eaxc));
        if numbered {
            self.own_number(peer, &mark);
        } else if frame.kind != Kind::Part {
            // A part of a concatenation has a number of its own, which `received` does not tell.
            self.kept_number(&mark, &received);
        }
    }

    fn speaker(&mut self, peer: usize, mark: &Mark, source: MacAddr) {
        if mark.direction != Direction::Downlink {
            return;
        }
        let [frame, ..] = mark.symbol;
        let latest = self.epochs.entry(peer).or_insert(EPOCH_START);
        let epoch =
            latest.saturating_add_signed(i64::from(frame.wrapping_sub(*latest as u8) as i8));
        if epoch > *latest {
            *latest = epoch;
            let kept = self
                .speakers
                .split_off(&Resource::first_of(epoch.saturating_sub(KEPT_FRAMES)));
            self.speakers = kept;
        }
        let resource = Resource {
            epoch,
            peer,
            vlans: mark.vlans.key(),
            plane: mark.plane,
            eaxc: mark.eaxc,
            symbol: mark.symbol,
        };
        let holder = *self.speakers.entry(resource).or_insert(source);
        if holder != source {
            let output = self.output;
            self.one_du_per_symbol.add(|| {
                format!(
                    "output frame {output}: {source} on eAxC {} symbol {:?}, where {holder} has spoken",
                    mark.eaxc, mark.symbol
                )
            });
        }
    }

    fn own_number(&mut self, peer: usize, mark: &Mark) {
        let domain = (peer, mark.vlans, mark.eaxc, mark.plane, mark.direction);
        let Some(last) = self.numbers.insert(domain, mark.sequence) else {
            return;
        };
        if mark.sequence != last.next() {
            let output = self.output;
            self.sequence.add(|| {
                format!(
                    "output frame {output}: number {} after {} on eAxC {} ({:?}, {:?})",
                    mark.sequence.0, last.0, mark.eaxc, mark.plane, mark.direction
                )
            });
        }
    }

    fn kept_number(&mut self, mark: &Mark, received: &Mark) {
        if mark.sequence != received.sequence {
            let output = self.output;
            self.sequence.add(|| {
                format!(
                    "output frame {output}: number {} was {} on ingress",
                    mark.sequence.0, received.sequence.0
                )
            });
        }
    }
}

impl Finding {
    fn add(&mut self, words: impl FnOnce() -> String) {
        self.violations += 1;
        self.first.get_or_insert_with(words);
    }
}

impl Resource {
    const fn first_of(epoch: u64) -> Self {
        Self {
            epoch,
            peer: 0,
            vlans: 0,
            plane: Plane::Control,
            eaxc: EaxcId(0),
            symbol: [0; 4],
        }
    }
}

/// Epochs count radio frames from here, so that the first may be followed by an earlier one.
const EPOCH_START: u64 = 1 << 32;

/// Radio frames (10 ms) for which a speaker is remembered.
const KEPT_FRAMES: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::Instant;

    const RU: MacAddr = MacAddr([2, 0xa0, 0, 0, 0, 1]);
    const DU: [MacAddr; 2] = [
        MacAddr([2, 0xd0, 0, 0, 0, 1]),
        MacAddr([2, 0xd0, 0, 0, 0, 2]),
    ];

    /// A DL U-plane frame of `du` with a sequence number, frameId and symbolId.
    fn frame(du: MacAddr, sequence: u8, frame: u8, symbol: u8) -> ReplayFrame {
        let ecpri = [0x10, 0, 0, 12, 0, 5, sequence, 0x80];
        let radio = [0x90, frame, 0x20, symbol, 0, 0, 0, 1];
        let bytes = [&RU.0[..], &du.0, &[0xae, 0xfe], &ecpri, &radio].concat();
        ReplayFrame::new(&bytes, bytes.len(), None, Instant(0))
    }

    fn judge(numbered: &[EaxcId]) -> Judge {
        let (port, numbered) = (PortId(0), numbered.to_vec());
        Judge::new(vec![PeerAddress {
            port,
            mac: RU,
            numbered,
        }])
    }

    #[test]
    fn two_dus_on_one_symbol_are_found() {
        let mut judge = judge(&[EaxcId(5)]);
        for (du, sequence, symbol) in [(0, 1, 0), (0, 2, 1), (1, 3, 1), (1, 4, 2)] {
            judge.frame(PortId(0), &frame(DU[du], sequence, 9, symbol));
        }
        assert_eq!(judge.one_du_per_symbol().violations, 1);
        assert!(
            judge
                .one_du_per_symbol()
                .first
                .as_ref()
                .unwrap()
                .contains("output frame 3")
        );
        assert_eq!(judge.sent(), [4]);
    }

    #[test]
    fn the_same_symbol_of_the_next_frame_wrap_is_another() {
        let mut judge = judge(&[EaxcId(5)]);
        for (number, frame_id) in (0..=256u32).enumerate() {
            let du = DU[usize::from(frame_id == 256)];
            judge.frame(PortId(0), &frame(du, number as u8, frame_id as u8, 0));
        }
        assert_eq!(judge.one_du_per_symbol(), &Finding::default());
        assert_eq!(judge.sequence(), &Finding::default());
    }

    #[test]
    fn a_gap_or_a_repeat_in_the_box_numbers_is_found() {
        let mut judge = judge(&[EaxcId(5)]);
        for (symbol, sequence) in [254, 255, 0, 0, 2].into_iter().enumerate() {
            judge.frame(PortId(0), &frame(DU[0], sequence, 9, symbol as u8));
        }
        assert_eq!(judge.sequence().violations, 2);
    }

    #[test]
    fn a_message_that_passes_through_keeps_its_number() {
        let mut judge = judge(&[]);
        let mut changed = frame(DU[0], 7, 9, 0);
        judge.frame(PortId(0), &changed);
        assert_eq!(judge.sequence().violations, 0);
        changed.bytes_mut()[20] = 8;
        judge.frame(PortId(0), &changed);
        assert_eq!(judge.sequence().violations, 1);
    }
}
