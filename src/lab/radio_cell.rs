//! One cell of an emulated RU: the answers to one request, their numbers and their times.
//!
//! The RU sends uplink only on request: every symbol that the request covers, in as many packets as the
//! MTU demands, on the request's own section ids, addressed to the one DU that the RU knows.

use super::body::{PRACH_PRBS, PRACH_SYMBOLS, Used, UserBody, UserFormat};
use super::leads::Class;
use super::link::{Address, Link};
use super::mark::{Mark, Sender};
use super::member::{GAP_JITTER, on_wire};
use super::plan::{Plan, PlanError, RadioTiming};
use super::random::{Losses, Random};
use super::schedule::{Planned, Schedule};
use super::style::{ControlSection, Span};
use super::timing::CellTiming;
use crate::config::model::{Cell, Config};
use crate::ran::{Direction, EaxcId, Instant, SlotCount, StreamId};
use std::ops::Range;

/// One section of a request: which PRBs under which id, and the symbols, bit n for symbol n.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub span: Span,
    pub symbols: u16,
}

/// A request as the RU understands it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub stream: StreamId,
    pub slot: SlotCount,
    pub filter_index: u8,
    pub asked: &'a [Asked],
}

/// One cell of an RU.
#[derive(Debug)]
pub(super) struct RadioCell {
    pub timing: CellTiming,
    pub ru: u16,
    position: u32,
    link: Link,
    eaxcs: Vec<EaxcId>,
    format: UserFormat,
    answering: RadioTiming,
    bodies: Vec<UserBody>,
    answers: Vec<(Vec<Asked>, Vec<Range<usize>>)>,
    streams: Vec<Stream>,
    random: Random,
    losses: Losses,
    serial: u64,
}

#[derive(Clone, Debug)]
struct Stream {
    sequence: u8,
    free_at: Instant,
    /// Symbols answered, by slot modulo the length.
    answered: [(SlotCount, u16); REMEMBERED],
}

impl RadioCell {
    pub(super) fn new(
        config: &Config,
        plan: &Plan,
        timing: &CellTiming,
        cell: &Cell,
    ) -> Result<Self, PlanError> {
        let at = cell.ru.ok_or(PlanError::Size)?;
        let ru = config.rus.get(at).ok_or(PlanError::Size)?;
        let mtu = config
            .ports
            .get(ru.port.index())
            .map_or(1500, |port| port.mtu);
        let link = Link::user(ru);
        let format = UserFormat::of(
            cell.carrier_prbs,
            cell.uplink_compression,
            mtu,
            &link,
            plan.snap,
        );
        if !format.fits() {
            return Err(PlanError::Mtu(ru.name.clone()));
        }
        let lists = [
            &cell.streams.downlink,
            &cell.streams.uplink,
            &cell.streams.prach,
        ];
        let eaxcs: Vec<EaxcId> = lists.into_iter().flatten().copied().collect();
        let mut random = Random::of(plan.seed, RADIO | at as u16, timing.id.0);
        let streams = eaxcs.iter().map(|_| Stream::new(random.next() as u8));
        Ok(Self {
            timing: timing.clone(),
            ru: at as u16,
            position: u32::from(timing.id.0),
            link,
            format,
            answering: plan.radio,
            bodies: Vec::new(),
            answers: Vec::new(),
            streams: streams.collect(),
            eaxcs,
            losses: Losses::new(plan.radio_loss, &mut random),
            random,
            serial: 0,
        })
    }

    /// Plans the answer to a request that came at `now`. With `once`, symbols answered before are left
    /// out, as if a box had let through one request only.
    pub(super) fn answer(
        &mut self,
        request: Request<'_>,
        now: Instant,
        once: bool,
        schedule: &mut Schedule,
    ) {
        let ranges = self.ranges(request.asked);
        for (symbol, range) in (0..SYMBOLS).zip(ranges) {
            if range.is_empty() || self.is_repeated(request, symbol) && once {
                continue;
            }
            let target = self.target(request.slot, symbol, now);
            for body in range {
                self.plan_packet(request, symbol, body, target, schedule);
            }
        }
    }

    /// Writes a planned answer and returns its length on the wire.
    pub(super) fn write(
        &mut self,
        frame: &Planned,
        snap: usize,
        out: &mut Vec<u8>,
    ) -> (usize, &Link) {
        let address = Address {
            eaxc: self
                .eaxcs
                .get(usize::from(frame.stream.0))
                .copied()
                .unwrap_or_default(),
            sequence: frame.sequence,
            direction: Direction::Uplink,
            filter_index: frame.filter_index,
            slot: frame.slot,
            numerology: self.timing.numerology(),
            symbol: frame.symbol,
        };
        let mark = Mark {
            sender: Sender::Ru(self.ru),
            cell: self.timing.id,
            stream: frame.stream,
            serial: self.serial,
        };
        self.serial += 1;
        out.clear();
        let Some(body) = self.bodies.get(frame.body as usize) else {
            return (0, &self.link);
        };
        (
            self.link.user_frame(address, body, mark, snap, out),
            &self.link,
        )
    }

    fn plan_packet(
        &mut self,
        request: Request<'_>,
        symbol: u8,
        body: usize,
        target: Instant,
        schedule: &mut Schedule,
    ) {
        let most = match self.answering {
            RadioTiming::OnAir(_) => ANTENNA_JITTER,
            RadioTiming::AtOnce(_) => GAP_JITTER,
        };
        let gap = self.random.below(most) as i64;
        let bytes = self.bodies.get(body).map_or(0, |body| body.len);
        let Some(stream) = self.streams.get_mut(usize::from(request.stream.0)) else {
            return;
        };
        let at = target.max(stream.free_at).offset(gap);
        stream.free_at = at.offset(on_wire(bytes));
        let sequence = stream.sequence;
        stream.sequence = sequence.wrapping_add(1);
        let is_prach = request.filter_index != 0;
        schedule.push(Planned {
            at,
            order: 0,
            sender: self.position,
            class: if is_prach {
                Class::PrachUser
            } else {
                Class::UplinkUser
            },
            stream: request.stream,
            slot: request.slot,
            symbol,
            body: body as u32,
            sequence,
            filter_index: request.filter_index,
            lost: self.losses.next(&mut self.random),
        });
    }

    /// When the answer for a symbol would leave, were nothing ahead of it.
    fn target(&self, slot: SlotCount, symbol: u8, now: Instant) -> Instant {
        let ready = now.offset(TURNAROUND);
        match self.answering {
            RadioTiming::OnAir(after) => {
                let end = self.timing.clock.air(slot, symbol + 1);
                ready.max(end.after(after))
            }
            RadioTiming::AtOnce(after) => now.after(after),
        }
    }

    /// The bodies of each symbol of a request, made at the first request of its kind.
    fn ranges(&mut self, asked: &[Asked]) -> Vec<Range<usize>> {
        let known = self.answers.iter().find(|(of, _)| of == asked);
        if let Some((_, ranges)) = known {
            return ranges.clone();
        }
        if self.answers.len() >= MOST_KINDS {
            return Vec::new();
        }
        let ranges = self.make_bodies(asked);
        self.answers.push((asked.to_vec(), ranges.clone()));
        ranges
    }

    fn make_bodies(&mut self, asked: &[Asked]) -> Vec<Range<usize>> {
        let used = Used {
            first: 0,
            end: self.format.carrier,
        };
        let mut made: Vec<(Vec<Span>, Range<usize>)> = Vec::new();
        let mut ranges = Vec::new();
        for symbol in 0..SYMBOLS {
            let covering = asked
                .iter()
                .filter(|asked| asked.symbols & 1 << symbol != 0);
            let spans: Vec<Span> = covering.map(|asked| asked.span).collect();
            let known = made.iter().find(|(of, _)| *of == spans);
            let range = known.map(|(_, range)| range.clone()).unwrap_or_else(|| {
                let from = self.bodies.len();
                let packets = UserBody::packets(&spans, self.format, used, &mut self.random);
                self.bodies.extend(packets);
                from..self.bodies.len()
            });
            made.push((spans, range.clone()));
            ranges.push(range);
        }
        ranges
    }

    /// Remembers that `symbol` was asked for; true if it had been before.
    fn is_repeated(&mut self, request: Request<'_>, symbol: u8) -> bool {
        let Some(stream) = self.streams.get_mut(usize::from(request.stream.0)) else {
            return true;
        };
        let place = request.slot.position(REMEMBERED as u32) as usize;
        let Some((slot, symbols)) = stream.answered.get_mut(place) else {
            return true;
        };
        if *slot != request.slot {
            (*slot, *symbols) = (request.slot, 0);
        }
        let repeated = *symbols & 1 << symbol != 0;
        *symbols |= 1 << symbol;
        repeated
    }
}

impl Stream {
    const fn new(sequence: u8) -> Self {
        Self {
            sequence,
            free_at: Instant(0),
            answered: [(SlotCount(u64::MAX), 0); REMEMBERED],
        }
    }
}

impl Asked {
    /// What a message from `start` asks for. Sections of one id (repeated with another reMask) are
    /// answered once.
    pub(super) fn of(start: u8, sections: &[ControlSection]) -> Vec<Self> {
        let mut asked = Vec::new();
        for section in sections {
            let wanted = Self {
                span: section.span,
                symbols: symbols(start, section.symbols),
            };
            if !asked.contains(&wanted) {
                asked.push(wanted);
            }
        }
        asked
    }

    /// What the PRACH request asks for.
    pub(super) fn prach(carrier: u16) -> Self {
        Self {
            span: Span::new(0, 0, PRACH_PRBS.min(carrier), 0),
            symbols: symbols(0, PRACH_SYMBOLS),
        }
    }
}

const fn symbols(start: u8, count: u8) -> u16 {
    (((1u32 << count) - 1) << start) as u16
}

/// Symbols of a slot; with the extended prefix the last two are never asked for.
const SYMBOLS: u8 = 14;
/// Within this many nanoseconds an RU sends one symbol of all its antennas, in no fixed order.
const ANTENNA_JITTER: u64 = 4_000;
/// Slots of which an RU remembers what it answered.
const REMEMBERED: usize = 64;
/// Kinds of requests that an RU learns; more are not answered.
const MOST_KINDS: usize = 256;
/// From a request to the first answer, nanoseconds.
const TURNAROUND: i64 = 30_000;
/// Keeps the random streams of RUs apart from those of DUs.
const RADIO: u16 = 0x8000;
