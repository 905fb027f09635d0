//! What enters the appliance: capture files merged in order of time, split over ingress ports,
//! cut frames restored to their length on the wire.
//!
//! Order is total, so that a replay of the split captures equals a replay of the file they were split
//! from: time, then port, then input, then frame. A stamp that steps back within one capture is held at
//! the latest stamp before it, and counted: virtual time never goes backwards.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::path::PathBuf;

use crate::ran::{Instant, MacAddr, PortId, VlanStack};
use crate::wire::ethernet::Ethernet;

use super::capture::{CaptureError, CaptureReader, Record};
use super::frame::{Origin, ReplayFrame};

/// A frame about to be received.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// On which port.
    pub port: PortId,
    /// The frame.
    pub frame: ReplayFrame,
}

/// Whatever gives arrivals in order of time.
pub trait Arrivals {
    /// When the next frame arrives; `None` after the last.
    fn next_at(&mut self) -> Result<Option<Instant>, InputError>;

    /// The next frame.
    fn take(&mut self) -> Result<Option<Arrival>, InputError>;
}

/// One capture file and where its frames enter.
#[derive(Clone, Debug)]
pub struct Input {
    /// What the index calls it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Where its frames enter.
    pub route: Route,
    /// Frames for these ports are left out: another input stands in for them.
    pub overridden: Vec<PortId>,
}

/// Where the frames of a capture enter.
#[derive(Clone, Debug)]
pub enum Route {
    /// All on one port.
    Port(PortId),
    /// By the first rule that matches.
    Split(Vec<Rule>, Otherwise),
}

/// Frames of one sender enter on one port.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Source MAC address.
    pub source: MacAddr,
    /// VLAN ids; `None` matches any.
    pub vlan: Option<VlanStack>,
    /// The port.
    pub port: PortId,
}

/// Frames that match no rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Otherwise {
    /// The replay ends with an error.
    Refuse,
    /// Left out and counted.
    Drop,
    /// They enter here.
    Port(PortId),
}

/// What was noticed while reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InputCounts {
    /// Frames read from captures.
    pub frames: u64,
    /// Frames cut by a snap length and restored.
    pub restored: u64,
    /// Frames that no rule wanted.
    pub left_out: u64,
    /// Stamps that stepped back within a capture.
    pub steps_back: u64,
}

/// Why no further frame can be read.
#[derive(Debug)]
pub enum InputError {
    /// The capture is bad.
    Capture(CaptureError),
    /// A frame matches no rule of its split.
    Unmatched {
        /// The capture.
        file: String,
        /// The frame, from 1.
        frame: u64,
        /// Its sender; `None` if it is shorter than an Ethernet header.
        source: Option<(MacAddr, VlanStack)>,
    },
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, frame, source) = match self {
            Self::Capture(error) => return error.fmt(f),
            Self::Unmatched {
                file,
                frame,
                source,
            } => (file, frame, source),
        };
        write!(f, "{file}: no split rule matches frame {frame} ")?;
        match source {
            Some((mac, vlans)) => write!(f, "(source {mac}, VLAN {vlans})")?,
            None => f.write_str("(shorter than an Ethernet header)")?,
        }
        f.write_str("; add a rule, or `otherwise: drop`")
    }
}

impl std::error::Error for InputError {}

impl From<CaptureError> for InputError {
    fn from(error: CaptureError) -> Self {
        Self::Capture(error)
    }
}

/// All inputs, merged.
pub struct Merge {
    captures: Vec<Capture>,
    pending: BinaryHeap<Reverse<Pending>>,
    counts: InputCounts,
}

struct Capture {
    input: Input,
    reader: CaptureReader,
    position: usize,
    latest: Instant,
    head: Option<Arrival>,
}

struct Pending {
    arrival: Arrival,
    position: usize,
    frame: u64,
}

impl Merge {
    /// Opens all captures; inputs of which every port is overridden are not opened.
    pub fn open(inputs: &[Input]) -> Result<Self, InputError> {
        let mut captures = Vec::new();
        for (position, input) in inputs.iter().enumerate() {
            if !input.is_wanted() {
                continue;
            }
            captures.push(Capture {
                reader: CaptureReader::open(&input.path)?,
                input: input.clone(),
                position,
                latest: Instant(0),
                head: None,
            });
        }
        let mut merge = Self {
            captures,
            pending: BinaryHeap::new(),
            counts: InputCounts::default(),
        };
        for capture in &mut merge.captures {
            capture.advance(&mut merge.counts)?;
        }
        Ok(merge)
    }

    /// What was noticed so far.
    pub fn counts(&self) -> InputCounts {
        self.counts
    }

    /// Bytes of capture files read so far.
    pub fn bytes_read(&self) -> u64 {
        self.captures.iter().map(|c| c.reader.offset()).sum()
    }

    /// Moves every frame stamped no later than the earliest one into `pending`, which orders them.
    fn settle(&mut self) -> Result<(), InputError> {
        let heads = self.captures.iter().filter_map(|c| c.head.as_ref());
        let waiting = self.pending.peek().map(|Reverse(first)| first.arrival.at);
        let Some(earliest) = heads.map(|head| head.at).chain(waiting).min() else {
            return Ok(());
        };
        for capture in &mut self.captures {
            while let Some(arrival) = capture.head.take_if(|head| head.at <= earliest) {
                let frame = arrival.frame.origin.map_or(0, |origin| origin.frame);
                self.pending.push(Reverse(Pending {
                    arrival,
                    position: capture.position,
                    frame,
                }));
                capture.advance(&mut self.counts)?;
            }
        }
        Ok(())
    }
}

impl Arrivals for Merge {
    fn next_at(&mut self) -> Result<Option<Instant>, InputError> {
        self.settle()?;
        Ok(self.pending.peek().map(|Reverse(first)| first.arrival.at))
    }

    fn take(&mut self) -> Result<Option<Arrival>, InputError> {
        self.settle()?;
        Ok(self.pending.pop().map(|Reverse(first)| first.arrival))
    }
}

impl Input {
    fn is_wanted(&self) -> bool {
        let wanted = |port: &PortId| !self.overridden.contains(port);
        match &self.route {
            Route::Port(port) => wanted(port),
            Route::Split(rules, otherwise) => {
                rules.iter().any(|rule| wanted(&rule.port))
                    || matches!(otherwise, Otherwise::Port(port) if wanted(port))
            }
        }
    }

    /// The port on which `record` enters; `None` if it is left out.
    fn port_of(&self, record: &Record<'_>) -> Result<Option<PortId>, InputError> {
        let (rules, otherwise) = match &self.route {
            Route::Port(port) => return Ok(Some(*port)),
            Route::Split(rules, otherwise) => (rules, otherwise),
        };
        let sender = sender(record.data);
        let matching = |rule: &&Rule| {
            sender.is_some_and(|(source, vlans)| {
                rule.source == source && rule.vlan.is_none_or(|wanted| wanted == vlans)
            })
        };
        let port = match (rules.iter().find(matching), otherwise) {
            (Some(rule), _) => rule.port,
            (None, Otherwise::Port(port)) => *port,
            (None, Otherwise::Drop) => return Ok(None),
            (None, Otherwise::Refuse) => {
                return Err(InputError::Unmatched {
                    file: self.name.clone(),
                    frame: record.number,
                    source: sender,
                });
            }
        };
        Ok((!self.overridden.contains(&port)).then_some(port))
    }
}

impl Capture {
    /// Reads on to the next frame that enters.
    fn advance(&mut self, counts: &mut InputCounts) -> Result<(), InputError> {
        while let Some(record) = self.reader.next_frame()? {
            counts.frames += 1;
            counts.steps_back += u64::from(record.at < self.latest);
            self.latest = self.latest.max(record.at);
            let Some(port) = self.input.port_of(&record)? else {
                counts.left_out += 1;
                continue;
            };
            counts.restored += u64::from(record.is_cut());
            let origin = Origin {
                input: self.position,
                frame: record.number,
            };
            let length = record.original_len as usize;
            self.head = Some(Arrival {
                at: self.latest,
                port,
                frame: ReplayFrame::new(record.data, length, Some(origin), self.latest),
            });
            return Ok(());
        }
        Ok(())
    }
}

impl Pending {
    fn key(&self) -> (Instant, PortId, usize, u64) {
        let Arrival { at, port, .. } = self.arrival;
        (at, port, self.position, self.frame)
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pending {}

/// Source MAC and VLAN ids. A frame with more tags than are read counts as untagged.
pub(super) fn sender(frame: &[u8]) -> Option<(MacAddr, VlanStack)> {
    let source = frame.get(6..12)?.first_chunk::<6>().copied()?;
    let vlans = Ethernet::parse(frame).map_or(VlanStack::NONE, |(ethernet, _)| ethernet.vlans());
    Some((MacAddr(source), vlans))
}

#[cfg(test)]
mod tests {
    use super::super::capture::CaptureWriter;
    use super::*;

    const DU: MacAddr = MacAddr([2, 0xd0, 0, 0, 0, 1]);
    const RU: MacAddr = MacAddr([2, 0xa0, 0, 0, 0, 1]);

    fn frame_of(source: MacAddr, tag: u8) -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 9][..], &source.0, &[0x88, 0xb5, tag]].concat()
    }

    fn capture(name: &str, frames: &[(u64, Vec<u8>)]) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("ranshift-{name}-{}.pcap", std::process::id()));
        let mut writer = CaptureWriter::create(&path).unwrap();
        for (at, bytes) in frames {
            writer.write(Instant(*at), bytes, 20).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    fn input(path: PathBuf, route: Route) -> Input {
        let name = "x.pcap".into();
        Input {
            name,
            path,
            route,
            overridden: Vec::new(),
        }
    }

    fn split(otherwise: Otherwise) -> Route {
        let rule = |source, port| Rule {
            source,
            vlan: None,
            port: PortId(port),
        };
        Route::Split(vec![rule(DU, 1), rule(RU, 0)], otherwise)
    }

    fn order(inputs: &[Input]) -> Vec<(u64, u8, u8)> {
        let mut merge = Merge::open(inputs).unwrap();
        let mut seen = Vec::new();
        while let Some(arrival) = merge.take().unwrap() {
            seen.push((arrival.at.0, arrival.port.0, arrival.frame.bytes()[14]));
        }
        seen
    }

    #[test]
    fn frames_of_one_instant_come_in_order_of_port_then_of_frame() {
        let frames = [(DU, 1), (RU, 2), (DU, 3)].map(|(mac, tag)| (5, frame_of(mac, tag)));
        let path = capture("ties", &frames);
        let seen = order(&[input(path, split(Otherwise::Refuse))]);
        assert_eq!(seen, [(5, 0, 2), (5, 1, 1), (5, 1, 3)]);
    }

    #[test]
    fn a_stamp_that_steps_back_is_held_and_counted() {
        let path = capture("back", &[(9, frame_of(DU, 1)), (7, frame_of(DU, 2))]);
        let mut merge = Merge::open(&[input(path, Route::Port(PortId(0)))]).unwrap();
        merge.take().unwrap();
        assert_eq!(merge.take().unwrap().unwrap().at, Instant(9));
        assert_eq!(merge.counts().steps_back, 1);
        assert_eq!(merge.counts().restored, 2);
    }

    #[test]
    fn a_frame_that_matches_no_rule_is_named() {
        let stranger = MacAddr([2, 0, 0, 0, 0, 5]);
        let path = capture(
            "stranger",
            &[(1, frame_of(DU, 0)), (2, frame_of(stranger, 0))],
        );
        let mut merge = Merge::open(&[input(path.clone(), split(Otherwise::Refuse))]).unwrap();
        let error = merge.take().unwrap_err().to_string();
        assert!(
            error.contains("frame 2 (source 02:00:00:00:00:05, VLAN untagged)"),
            "{error}"
        );
        assert_eq!(order(&[input(path, split(Otherwise::Drop))]).len(), 1);
    }

    #[test]
    fn an_overridden_port_takes_nothing_from_a_split() {
        let frames = [(1, frame_of(DU, 1)), (2, frame_of(RU, 2))];
        let mut replaced = input(capture("override", &frames), split(Otherwise::Refuse));
        replaced.overridden = vec![PortId(1)];
        assert_eq!(order(&[replaced.clone()]), [(2, 0, 2)]);
        replaced.overridden.push(PortId(0));
        replaced.path = "nowhere.pcap".into();
        assert!(order(&[replaced]).is_empty());
    }
}
