//! What a capture holds, gathered frame by frame; nothing is judged before the end.

use std::collections::BTreeMap;

use super::compression::Evidence;
use super::flow::{Domain, Flow, FlowKey};
use super::message::{Message, Outer, RadioMessage, Reading};
use super::nfapi;
use super::numbers::Numbers;
use super::pattern::SlotUse;
use crate::dataplane::verdict::DropReason;
use crate::ran::{Instant, MacAddr, Plane};
use crate::replay::capture::{MAX_FRAME, Record};
use crate::wire::ecpri::MessageType;
use crate::wire::{Fault, Layer, WireError};

/// A capture, counted.
pub(super) struct Analysis<'k> {
    reading: Reading<'k>,
    scratch: Vec<u8>,
    pub(super) frames: u64,
    /// Bytes on the wire, without FCS.
    pub(super) bytes: u64,
    /// Frames shortened by a snap length.
    pub(super) cut: u64,
    pub(super) first: Option<Instant>,
    pub(super) last: Instant,
    previous: Instant,
    /// Frames stamped before the one in front of them.
    pub(super) backwards: u64,
    pub(super) ethertypes: BTreeMap<u16, u64>,
    pub(super) other_messages: BTreeMap<u8, u64>,
    pub(super) continuations: u64,
    pub(super) malformed: Malformed,
    pub(super) flows: BTreeMap<FlowKey, Flow>,
    pub(super) domains: BTreeMap<Domain, Numbers>,
    pub(super) pairs: BTreeMap<Pair, PairUse>,
    pub(super) nfapi: nfapi::Messages,
}

/// A DU and the RU that it serves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Pair {
    pub(super) du: MacAddr,
    pub(super) ru: MacAddr,
}

/// What a pair did.
#[derive(Default)]
pub(super) struct PairUse {
    pub(super) slots: SlotUse,
    /// By channel.
    pub(super) samples: BTreeMap<Channel, Evidence>,
}

/// Samples that share a compression.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Channel {
    Downlink,
    Uplink,
    Prach,
}

/// Messages that could not be read.
#[derive(Default)]
pub(super) struct Malformed {
    pub(super) reasons: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub(super) first: Vec<Refusal>,
}

/// One of them.
pub(super) struct Refusal {
    /// Frame number, from 1.
    pub(super) frame: u64,
    pub(super) error: WireError,
    /// The frame was cut so short that its headers may be whole on the wire.
    pub(super) cut: bool,
}

impl Refusal {
    /// The word that the appliance counts such a frame under, or that it was cut.
    pub(super) fn reason(&self) -> &'static str {
        match self.cut {
            true => "cut_in_headers",
            false => {
                nfapi::reason(self.error).unwrap_or_else(|| DropReason::from(self.error).label())
            }
        }
    }
}

impl<'k> Analysis<'k> {
    /// Of a capture that is yet to be read.
    pub(super) fn new(reading: Reading<'k>) -> Self {
        Self {
            reading,
            scratch: Vec::new(),
            frames: 0,
            bytes: 0,
            cut: 0,
            first: None,
            last: Instant(0),
            previous: Instant(0),
            backwards: 0,
            ethertypes: BTreeMap::new(),
            other_messages: BTreeMap::new(),
            continuations: 0,
            malformed: Malformed::default(),
            flows: BTreeMap::new(),
            domains: BTreeMap::new(),
            pairs: BTreeMap::new(),
            nfapi: nfapi::Messages::new(),
        }
    }

    /// Counts one frame.
    pub(super) fn record(&mut self, record: &Record<'_>) {
        self.frames += 1;
        self.bytes += u64::from(record.original_len);
        self.cut += u64::from(record.is_cut());
        self.backwards += u64::from(record.at < self.previous);
        self.previous = record.at;
        self.last = self.last.max(record.at);
        self.first = Some(self.first.map_or(record.at, |first| first.min(record.at)));
        let mut frame = std::mem::take(&mut self.scratch);
        restore(record, &mut frame);
        if let Err(error) = self.frame(record, &frame) {
            self.malformed.count(record, error);
        }
        self.scratch = frame;
    }

    fn frame(&mut self, record: &Record<'_>, frame: &[u8]) -> Result<(), WireError> {
        let outer = self.reading.outer(frame)?;
        if record.data.len() < outer.pdu_at {
            return Err(CUT_HEADER);
        }
        *self.ethertypes.entry(outer.ethertype).or_default() += 1;
        let Some(pdu) = outer.pdu else {
            return match self.reading.0.nfapi {
                Some(nfapi) => nfapi::count(&mut self.nfapi, nfapi, frame, record.is_cut()),
                None => Ok(()),
            };
        };
        let mut messages = self.reading.messages(pdu).peekable();
        let mut alone = true;
        while let Some(message) = messages.next() {
            alone &= messages.peek().is_none();
            match message {
                Ok(Message::Radio(message)) => self.message(record, &outer, &message, alone)?,
                Ok(Message::Continuation) => self.continuations += 1,
                Ok(Message::Other(kind)) => self.other(kind),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn other(&mut self, kind: MessageType) {
        *self.other_messages.entry(kind.code()).or_default() += 1;
    }

    fn message(
        &mut self,
        record: &Record<'_>,
        outer: &Outer<'_>,
        message: &RadioMessage<'_>,
        alone: bool,
    ) -> Result<(), WireError> {
        let kept = record.data.len().checked_sub(outer.pdu_at + message.at);
        let captured = kept.ok_or(CUT_HEADER)?;
        let symbols = message.symbols(captured)?;
        let key = FlowKey::of(outer, message);
        let bytes = match alone {
            true => record.original_len,
            false => message.len,
        };
        let flow = self.flows.entry(key);
        flow.or_insert_with(|| Flow::starting_with(message)).record(
            message,
            record,
            u64::from(bytes),
        );
        self.domains
            .entry(Domain::of(&key))
            .and_modify(|numbers| numbers.record(message.sequence, record.number))
            .or_insert(Numbers::starting_at(message.sequence));
        let pair = Pair {
            du: key.du(),
            ru: key.ru(),
        };
        let pair = self.pairs.entry(pair).or_default();
        pair.slots.record(message, symbols);
        if message.plane == Plane::User && message.whole {
            let evidence = pair.samples.entry(Channel::of(&key)).or_default();
            evidence.record(message.body, captured);
        }
        Ok(())
    }

    /// Nanoseconds from the first frame to the last.
    pub(super) fn span_ns(&self) -> u64 {
        self.last.0 - self.first.map_or(self.last.0, |first| first.0)
    }
}

impl Malformed {
    fn count(&mut self, record: &Record<'_>, error: WireError) {
        let refusal = Refusal {
            frame: record.number,
            error,
            cut: record.is_cut() && record.data.len() < LONGEST_HEADERS,
        };
        *self.reasons.entry(refusal.reason()).or_default() += 1;
        if self.first.len() < LISTED {
            self.first.push(refusal);
        }
    }
}

impl Channel {
    fn of(key: &FlowKey) -> Self {
        match (key.uplink, key.is_prach()) {
            (false, _) => Self::Downlink,
            (true, false) => Self::Uplink,
            (true, true) => Self::Prach,
        }
    }
}

/// The frame with its length on the wire: what a snap length cut off reads as zero.
pub(super) fn restore(record: &Record<'_>, frame: &mut Vec<u8>) {
    frame.clear();
    frame.extend_from_slice(record.data);
    frame.resize(record.original_len.min(MAX_FRAME) as usize, 0);
}

/// A header behind the snap length, which reads as zeros.
const CUT_HEADER: WireError = WireError {
    layer: Layer::Ethernet,
    fault: Fault::Truncated,
};
/// Malformed messages listed one by one; the rest is counted only.
const LISTED: usize = 100;
/// Ethernet with two tags, IPv6, UDP, eCPRI and a section of type 3.
const LONGEST_HEADERS: usize = 22 + 40 + 8 + 8 + 12 + 12;
