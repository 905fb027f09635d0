//! What a cell keeps beside its numbers, as bytes: who may speak in which slots, who owns them while
//! sharing, the failover plan, the slot clock of a cell without GPS time.
//!
//! Little endian, no padding, lists by their length. Anything that cannot be is no record.

use crate::dataplane::lcore_state::CellState;
use crate::dataplane::mailbox::MAX_MEMBERS;
use crate::planes::fronthaul::pattern::{PatternBits, PatternSwitch};
use crate::planes::role::{Cause, Mode, NOBODY, Roles, Span};
use crate::ran::{Instant, MemberId, SlotCount};

/// Longest record: eight spans and eight patterns to come.
pub const LONGEST: usize = 640;

/// What is kept of one cell.
#[derive(Clone, Debug)]
pub struct Record {
    /// When it was written.
    pub at: Instant,
    /// Term of the tables, or of the last command obeyed if that is later.
    pub term: u64,
    /// Instant of SlotCount 0, of a cell that counts slots by headers.
    pub origin: Option<Instant>,
    /// Spans up to this slot have been announced.
    pub announced: SlotCount,
    /// Who may speak.
    pub roles: Roles,
    /// Who owns which slot; `None` if slots are not counted as before.
    pub pattern: Option<PatternSwitch>,
    /// After an owner-wins mismatch: the slot from which C-plane is split.
    pub split_from: Option<SlotCount>,
    /// Members in step, bit n for member n.
    pub in_step: u8,
    /// Pooled members assigned to the cell, bit n for member n.
    pub assigned: u8,
    /// The armed plan.
    pub standby: [Option<MemberId>; MAX_MEMBERS],
    /// A failover that waits for its first C-plane after this slot.
    pub waiting: Option<(MemberId, SlotCount)>,
    /// When the last failover took effect.
    pub last_failover: Option<Instant>,
}

impl Record {
    /// What is to be kept of `cell`. `counted` if its slots are counted by headers.
    pub fn of((at, term): (Instant, u64), cell: &CellState, counted: bool, assigned: u8) -> Self {
        Self {
            at,
            term,
            origin: cell.clock.filter(|_| counted).map(|clock| clock.origin()),
            announced: cell.announced,
            roles: cell.roles.clone(),
            pattern: Some(cell.pattern),
            split_from: cell.split_from,
            in_step: cell.in_step,
            assigned,
            standby: cell.failover.standby,
            waiting: cell.failover.waiting,
            last_failover: cell.failover.last,
        }
    }

    /// The same where slots are counted anew: who speaks in the end, speaks.
    pub fn without_time(&self) -> Self {
        let start = Span {
            from: SlotCount(0),
            mode: self.roles.final_mode(),
            cause: Cause::Start,
        };
        let roles = Roles::restored([start], self.roles.fenced());
        Self {
            origin: None,
            announced: SlotCount(0),
            roles: roles.unwrap_or_else(|| self.roles.clone()),
            pattern: None,
            split_from: None,
            waiting: None,
            ..self.clone()
        }
    }

    /// As bytes; returns how many.
    pub fn encode(&self, buffer: &mut [u8; LONGEST]) -> usize {
        let mut out = Writer { buffer, at: 0 };
        out.u64(self.at.0);
        out.u64(self.term);
        out.option(self.origin.map(|origin| origin.0));
        out.u64(self.announced.0);
        out.u8(self.roles.fenced());
        out.u8(self.roles.spans().count() as u8);
        for span in self.roles.spans() {
            out.span(span);
        }
        out.u8(u8::from(self.pattern.is_some()));
        if let Some(pattern) = &self.pattern {
            out.pattern(pattern.settled());
            out.u8(pattern.unsettled().count() as u8);
            for (from, bits) in pattern.unsettled() {
                out.u64(from.0);
                out.pattern(bits);
            }
        }
        out.option(self.split_from.map(|slot| slot.0));
        out.u8(self.in_step);
        out.u8(self.assigned);
        for standby in self.standby {
            out.u8(standby.map_or(NONE, |member| member.0));
        }
        out.u8(self.waiting.map_or(NONE, |(member, _)| member.0));
        out.u64(self.waiting.map_or(0, |(_, slot)| slot.0));
        out.option(self.last_failover.map(|at| at.0));
        out.at
    }

    /// From bytes, for a cell of `members` members; `None` if they say what cannot be.
    pub fn decode(bytes: &[u8], members: usize) -> Option<Self> {
        let mut input = Reader { bytes, members };
        let record = input.record()?;
        input.bytes.is_empty().then_some(record)
    }
}

/// Stands for nobody where a member is written.
const NONE: u8 = u8::MAX;

struct Writer<'a> {
    buffer: &'a mut [u8; LONGEST],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(self.at..self.at + bytes.len()) {
            place.copy_from_slice(bytes);
            self.at += bytes.len();
        }
    }

    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn option(&mut self, value: Option<u64>) {
        self.u8(u8::from(value.is_some()));
        self.u64(value.unwrap_or(0));
    }

    fn span(&mut self, span: &Span) {
        self.u64(span.from.0);
        let (one, other) = match span.mode {
            Mode::Single(active) => (active.0, NONE),
            Mode::Shared {
                source,
                destination,
            } => (source.0, destination.0),
        };
        let cause = match span.cause {
            Cause::Start => 0,
            Cause::Command => 1,
            Cause::Failover => 2,
        };
        self.bytes(&[one, other, cause]);
    }

    fn pattern(&mut self, pattern: PatternBits) {
        let (words, period) = pattern.words();
        for word in words {
            self.u64(word);
        }
        self.u8(period);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    members: usize,
}

impl Reader<'_> {
    fn record(&mut self) -> Option<Record> {
        Some(Record {
            at: Instant(self.u64()?),
            term: self.u64()?,
            origin: self.option()?.map(Instant),
            announced: SlotCount(self.u64()?),
            roles: self.roles()?,
            pattern: match self.u8()? {
                0 => None,
                _ => Some(self.patterns()?),
            },
            split_from: self.option()?.map(SlotCount),
            in_step: self.u8()?,
            assigned: self.u8()?,
            standby: self.standby()?,
            waiting: self.waiting()?,
            last_failover: self.option()?.map(Instant),
        })
    }

    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        let (first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u64::from_le_bytes(*first))
    }

    fn option(&mut self) -> Option<Option<u64>> {
        let there = self.u8()? != 0;
        let value = self.u64()?;
        Some(there.then_some(value))
    }

    fn member(&mut self) -> Option<Option<MemberId>> {
        match self.u8()? {
            NONE => Some(None),
            member if usize::from(member) < self.members || member == NOBODY.0 => {
                Some(Some(MemberId(member)))
            }
            _ => None,
        }
    }

    fn roles(&mut self) -> Option<Roles> {
        let fenced = self.u8()?;
        let mut spans = [None; 8];
        for place in spans.get_mut(..usize::from(self.u8()?))? {
            *place = Some(self.span()?);
        }
        Roles::restored(spans.into_iter().flatten(), fenced)
    }

    fn span(&mut self) -> Option<Span> {
        let from = SlotCount(self.u64()?);
        let mode = match (self.member()??, self.member()?) {
            (active, None) => Mode::Single(active),
            (source, Some(destination)) => Mode::Shared {
                source,
                destination,
            },
        };
        let cause = match self.u8()? {
            0 => Cause::Start,
            1 => Cause::Command,
            2 => Cause::Failover,
            _ => return None,
        };
        Some(Span { from, mode, cause })
    }

    fn patterns(&mut self) -> Option<PatternSwitch> {
        let mut switch = PatternSwitch::new(self.pattern()?);
        for _ in 0..self.u8()? {
            let from = SlotCount(self.u64()?);
            if !switch.schedule(from, self.pattern()?) {
                return None;
            }
        }
        Some(switch)
    }

    fn pattern(&mut self) -> Option<PatternBits> {
        let words = [self.u64()?, self.u64()?, self.u64()?];
        PatternBits::from_words(words, self.u8()?)
    }

    fn standby(&mut self) -> Option<[Option<MemberId>; MAX_MEMBERS]> {
        let mut standby = [None; MAX_MEMBERS];
        for place in &mut standby {
            *place = self.member()?;
        }
        Some(standby)
    }

    fn waiting(&mut self) -> Option<Option<(MemberId, SlotCount)>> {
        let member = self.member()?;
        let slot = SlotCount(self.u64()?);
        Some(member.map(|member| (member, slot)))
    }
}
