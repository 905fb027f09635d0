//! What survives the process: egress numbers, roles, slot counts and open switches, in memory that a
//! killed process leaves behind (a file on tmpfs), written by plain stores.
//!
//! A header, then one place a cell, whole cache lines: its name and what its state hangs on, one byte for the next
//! number of each counter, and two records, of which the newer valid one counts. A number is stored
//! before its frame can leave, a record before a frame can leave under new roles: whatever the instant of
//! death, the file is never behind the radio. A record is written over the older of the two, so a death
//! within leaves the newer. Cells of several lcores share the memory and no cache line.

pub mod image;
pub mod record;

use crate::dataplane::lcore_state::{CellState, LcoreState, PoolState};
use crate::dataplane::mailbox::EventKind;
use crate::dataplane::midhaul;
use crate::dataplane::tables::{CellTables, Tables};
use crate::planes::fronthaul::cplane::digest;
use crate::ran::{CellId, Duration, Instant, Plane, SequenceNumber, SlotClock, StreamId};
use record::{LONGEST, Record};
use std::sync::atomic::{AtomicU8, Ordering, compiler_fence};

/// The memory: shared by the lcores, each byte written by one.
pub type Memory = &'static [AtomicU8];

/// Bytes before the first place.
pub const HEADER: usize = 64;
/// Bytes of one cell's place, a multiple of a cache line.
pub const PLACE: usize = 2048;

/// Name, three digests and their checksum.
const KEY: usize = 96;
const NUMBERS: usize = 128;
/// Two bytes a counter, two counters a stream.
const NUMBERS_LEN: usize = 256;
const RECORDS: usize = NUMBERS + NUMBERS_LEN;
const RECORD: usize = (PLACE - RECORDS) / 2;
/// Generation, checksum, length.
const RECORD_HEAD: usize = 18;
/// Says that a counter has begun.
const BEGUN: u8 = 0xb5;

/// How often a record of a cell that counts slots by headers is written at most.
const REFRESH_HEADERS: Duration = Duration::from_millis(100);
/// The same with GPS time: only so that the record's age is known.
const REFRESH: Duration = Duration::from_millis(5_000);

/// Places of a file made for `cells` cells: with room for as many to be added.
pub const fn places(cells: usize) -> usize {
    let most = if cells < 16 { 16 } else { cells };
    2 * most.next_power_of_two()
}

/// One lcore's hand on the memory.
#[derive(Debug)]
pub struct LiveState {
    memory: Memory,
    /// Cells whose record is behind; capacity for all.
    unsaved: Vec<CellId>,
    /// Whose age is looked at next.
    next: usize,
}

/// Where a cell stands in the memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saved {
    /// Offset of its numbers; 0 if it has no place.
    numbers: u32,
    generation: u64,
    at: Instant,
    unsaved: bool,
}

impl LiveState {
    /// Without memory: everything is forgotten. Room for `cells` cells.
    pub fn new(cells: usize) -> Self {
        Self {
            memory: &[],
            unsaved: Vec::with_capacity(cells),
            next: 0,
        }
    }

    /// The next message of this counter gets `next`: stored before the one before it can leave.
    #[inline]
    pub fn number(&self, saved: &Saved, stream: StreamId, plane: Plane, next: SequenceNumber) {
        if saved.numbers == 0 {
            return;
        }
        let at = saved.numbers as usize + counter(stream, plane);
        if let Some([number, begun]) = self.memory.get(at..at + 2) {
            number.store(next.0, Ordering::Relaxed);
            begun.store(BEGUN, Ordering::Relaxed);
        }
    }

    /// Tables were replaced: the memory stays.
    pub(super) const fn take_memory(&mut self, old: &Self) {
        self.memory = old.memory;
    }

    /// True if some record is behind.
    #[inline]
    pub const fn is_behind(&self) -> bool {
        !self.unsaved.is_empty()
    }
}

impl LcoreState {
    /// Goes on from what `memory` holds of the cells in `tables`, and writes there from now on. The
    /// image in it is of these tables.
    pub fn remember_in(&mut self, memory: Memory, now: Instant, tables: &Tables) {
        self.live.memory = memory;
        let me = self.me;
        for (index, (cell, rules)) in self.cells.iter_mut().zip(&tables.cells).enumerate() {
            let id = CellId(index as u16);
            if me.is_some_and(|me| tables.owners.of_cell(id) != me) {
                continue;
            }
            let base = HEADER + rules.place as usize * PLACE;
            let Some(place) = memory.get(base..base + PLACE) else {
                continue;
            };
            cell.saved.numbers = (base + NUMBERS) as u32;
            let bytes = read(place);
            if !image::is_of(&bytes, &rules.identity) {
                continue;
            }
            cell.restore_numbers(&bytes, rules);
            if let Some((generation, record)) = newest(&bytes, rules.members.len()) {
                cell.saved.generation = generation;
                cell.restore(now, rules, &record);
                restore_pool(&mut self.pool, rules, &record, id);
            }
        }
        for index in 0..self.cells.len() {
            self.refresh_deadline(tables, CellId(index as u16));
        }
        midhaul::restore(now, tables, self);
    }

    /// Something of `cell` has changed that a restart must find.
    #[inline]
    pub(super) fn changed(&mut self, cell: CellId, kind: &EventKind) {
        // Told often and changing nothing that is kept.
        let passing = matches!(
            kind,
            EventKind::PrbUse { .. } | EventKind::Conflict { .. } | EventKind::PtpSeen
        );
        let Some(state) = self.cells.get_mut(cell.index()).filter(|_| !passing) else {
            return;
        };
        if state.saved.numbers != 0 && !state.saved.unsaved {
            state.saved.unsaved = true;
            self.live.unsaved.push(cell);
        }
    }

    /// Writes the records that are behind: before any frame leaves and any event is told.
    pub fn save(&mut self, now: Instant, tables: &Tables) {
        while let Some(cell) = self.live.unsaved.pop() {
            self.save_cell(now, tables, cell);
        }
        compiler_fence(Ordering::Release);
    }

    /// Writes the record of one of its cells in turn if it has become old.
    pub fn refresh(&mut self, now: Instant, tables: &Tables) {
        if self.live.memory.is_empty() || self.cells.is_empty() {
            return;
        }
        self.live.next = (self.live.next + 1) % self.cells.len();
        let index = self.live.next;
        let (Some(state), Some(rules)) = (self.cells.get(index), tables.cells.get(index)) else {
            return;
        };
        let every = match rules.gps {
            Some(_) => REFRESH,
            None => REFRESH_HEADERS,
        };
        let cell = CellId(index as u16);
        if now >= state.saved.at.after(every) && self.owns(tables, cell) {
            self.save_cell(now, tables, cell);
        }
    }

    /// A cell has left: what its place holds is nobody's, and is not found if the cell comes back.
    pub(super) fn forget_place(&self, rules: &CellTables) {
        let base = HEADER + rules.place as usize * PLACE;
        if let Some(length) = self.live.memory.get(base) {
            length.store(0, Ordering::Relaxed);
        }
    }

    /// Gives each cell that `carry` says is new or changed in its streams a place of its own in the memory.
    pub(super) fn settle(&mut self, now: Instant, tables: &Tables, cell: CellId) {
        let (Some(state), Some(rules)) = (self.cells.get_mut(cell.index()), tables.cell(cell))
        else {
            return;
        };
        let base = HEADER + rules.place as usize * PLACE;
        let Some(place) = self.live.memory.get(base..base + PLACE) else {
            state.saved.numbers = 0;
            return;
        };
        // Nobody's until it is whole.
        if let Some(length) = place.first() {
            length.store(0, Ordering::Relaxed);
        }
        compiler_fence(Ordering::Release);
        for byte in place.iter().skip(1) {
            byte.store(0, Ordering::Relaxed);
        }
        state.saved = Saved {
            numbers: (base + NUMBERS) as u32,
            ..Saved::default()
        };
        for index in 0..rules.streams.len() as u8 {
            for plane in [Plane::Control, Plane::User] {
                if let Some(next) = state.renumber.next(StreamId(index), plane) {
                    self.live.number(&state.saved, StreamId(index), plane, next);
                }
            }
        }
        self.save_cell(now, tables, cell);
        compiler_fence(Ordering::Release);
        // The length comes last: without it there is no name.
        let key = image::key(&rules.identity);
        for (place, byte) in place.iter().zip(key).rev() {
            place.store(byte, Ordering::Relaxed);
        }
    }

    fn save_cell(&mut self, now: Instant, tables: &Tables, cell: CellId) {
        let (Some(state), Some(rules)) = (self.cells.get_mut(cell.index()), tables.cell(cell))
        else {
            return;
        };
        state.saved.unsaved = false;
        if state.saved.numbers == 0 {
            return;
        }
        state.saved.at = now;
        state.saved.generation += 1;
        let assigned = assigned(&self.pool, rules, cell);
        let term = state.term.max(tables.term);
        let record = Record::of((now, term), state, rules.gps.is_none(), assigned);
        let mut buffer = [0; LONGEST];
        let len = record.encode(&mut buffer);
        let payload = buffer.get(..len).unwrap_or_default();
        let base = state.saved.numbers as usize - NUMBERS;
        for (offset, byte) in stores(state.saved.generation, payload) {
            if let Some(place) = self.live.memory.get(base + offset) {
                place.store(byte, Ordering::Relaxed);
            }
        }
    }
}

impl CellState {
    fn restore_numbers(&mut self, place: &[u8; PLACE], rules: &CellTables) {
        for index in 0..rules.streams.len() as u8 {
            for plane in [Plane::Control, Plane::User] {
                let at = NUMBERS + counter(StreamId(index), plane);
                if let Some([number, BEGUN]) = place.get(at..at + 2) {
                    let number = SequenceNumber(*number);
                    self.renumber.restore(StreamId(index), plane, number);
                }
            }
        }
    }

    /// Roles, patterns and plan as they were; nobody is lost until heard and silent again.
    fn restore(&mut self, now: Instant, rules: &CellTables, record: &Record) {
        self.term = record.term;
        self.roles = record.roles.clone();
        self.announced = record.announced;
        self.pattern = record.pattern.unwrap_or(self.pattern);
        self.split_from = record.split_from;
        if let (None, Some(origin)) = (rules.gps, record.origin) {
            let clock = SlotClock::with_origin(rules.numerology, rules.prefix, origin);
            self.clock = Some(clock);
        }
        self.in_step |= record.in_step;
        for member in &mut self.members {
            member.in_step_at = now;
        }
        self.failover.standby = record.standby;
        self.failover.waiting = record.waiting;
        self.failover.last = record.last_failover;
        if self
            .roles
            .is_fenced(self.roles.final_mode().carrier_owner())
        {
            self.failover.stranded = true;
            self.failover.retry_at = now;
        }
    }
}

/// The newer valid record of a place, and its generation.
fn newest(place: &[u8; PLACE], members: usize) -> Option<(u64, Record)> {
    let half = |which: usize| {
        let start = RECORDS + which * RECORD;
        let bytes = place.get(start..start + RECORD)?;
        let (generation, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let payload = rest.get(..usize::from(u16::from_le_bytes(*len)))?;
        let valid = u64::from_le_bytes(*checksum) == digest(&[generation, len, payload]);
        let record = valid.then(|| Record::decode(payload, members)).flatten()?;
        Some((u64::from_le_bytes(*generation), record))
    };
    match (half(0), half(1)) {
        (Some(one), Some(other)) if one.0 > other.0 => Some(one),
        (one, other) => other.or(one),
    }
}

/// Every store that writes a record, in order: offset in its place, and byte. Those of a prefix of it
/// leave the other record as it was.
fn stores(generation: u64, payload: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let start = RECORDS + (generation % 2) as usize * RECORD;
    let generation = generation.to_le_bytes();
    let len = (payload.len() as u16).to_le_bytes();
    let checksum = digest(&[&generation, &len, payload]).to_le_bytes();
    let head = generation.into_iter().chain(checksum).chain(len);
    let head = head.enumerate().map(move |(at, byte)| (start + at, byte));
    let payload = payload.iter().enumerate();
    let payload = payload.map(move |(at, byte)| (start + RECORD_HEAD + at, *byte));
    head.chain(payload)
}

const fn counter(stream: StreamId, plane: Plane) -> usize {
    2 * (2 * stream.index() + matches!(plane, Plane::User) as usize)
}

fn read(place: &[AtomicU8]) -> [u8; PLACE] {
    let mut bytes = [0; PLACE];
    for (byte, stored) in bytes.iter_mut().zip(place) {
        *byte = stored.load(Ordering::Relaxed);
    }
    bytes
}

fn assigned(pool: &[PoolState], rules: &CellTables, cell: CellId) -> u8 {
    let members = rules.members.iter().enumerate();
    let here = members.filter(|(_, member)| {
        let pool = pool.get(member.peer.index());
        member.pooled && pool.is_some_and(|pool| pool.assigned == Some(cell))
    });
    here.fold(0, |bits, (index, _)| bits | 1 << (index & 7))
}

/// A pooled member serves the cell that had it, and no other that would have it at a start.
fn restore_pool(pool: &mut [PoolState], rules: &CellTables, record: &Record, cell: CellId) {
    for (index, member) in rules
        .members
        .iter()
        .enumerate()
        .filter(|(_, member)| member.pooled)
    {
        let Some(pool) = pool.get_mut(member.peer.index()) else {
            continue;
        };
        if record.assigned >> index & 1 == 1 {
            pool.assigned = Some(cell);
        } else if pool.assigned == Some(cell) {
            pool.assigned = None;
        }
    }
}

#[cfg(test)]
mod tests;
