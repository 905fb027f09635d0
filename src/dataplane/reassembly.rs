//! Pieces put together without copying: IPv4 fragments to datagrams, datagrams to FAPI messages.
//!
//! What is put together is a list of stretches, ranges of frames that are held until all are there. The same
//! store serves every level: a datagram of fragments becomes one piece of a message, its stretches moved.
//! Everything is allocated at the start and bounded, for each sender and in all; nothing is ever believed
//! of a length that has not arrived.

mod pool;

use crate::ran::{Duration, Instant};
use pool::{List, NONE, Pool};

/// Of what a piece is a part: made by the caller so that two senders never share one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Key(pub u64, pub u64);

/// Bytes of a held frame, counted from its first byte as received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// The frame.
    pub frame: FrameId,
    /// First byte.
    pub from: u32,
    /// Behind the last byte.
    pub to: u32,
}

/// A held frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameId(u16);

/// Something whose pieces are being collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitId(u16);

/// Where a piece belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Of which unit.
    pub key: Key,
    /// Whose: limits are counted by it.
    pub sender: u16,
    /// Its place: a byte offset, or the number of a segment.
    pub at: u32,
    /// How many places it takes: its bytes, or 1.
    pub extent: u32,
    /// Nothing follows it.
    pub last: bool,
    /// A digest of its content, where there is one: a piece that comes again must be the same.
    pub digest: u32,
}

/// What a sender may have open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Units at once.
    pub units: u16,
    /// Bytes held.
    pub bytes: u32,
    /// From the first piece of a unit to its last.
    pub age: Duration,
}

/// Why a piece is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The same piece is there already.
    Duplicate,
    /// It contradicts what is there: other content, an overlap, a second end, or lies beyond the end. The
    /// unit is not to be trusted; give it up.
    Conflict(UnitId),
    /// The sender has as much open as it may.
    Limit,
    /// No frame, piece or unit is free.
    Full,
}

#[derive(Clone, Copy, Debug, Default)]
struct Unit {
    key: Key,
    sender: u16,
    used: bool,
    first: Instant,
    bytes: u32,
    covered: u32,
    end: Option<u32>,
    pieces: List,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    at: u32,
    extent: u32,
    digest: u32,
    stretches: List,
}

/// Collects pieces of frames `F`.
#[derive(Debug)]
pub struct Reassembly<F> {
    limits: Limits,
    units: Vec<Unit>,
    pieces: Pool<Piece>,
    stretches: Pool<Stretch>,
    frames: Vec<Option<F>>,
    free_frames: Vec<u16>,
    /// By sender: units open and bytes held.
    open: Vec<(u16, u32)>,
}

/// Room that is allocated at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Units at once, of all senders.
    pub units: u16,
    /// Frames held at once; below 65535.
    pub frames: u16,
    /// Senders.
    pub senders: u16,
}

impl<F> Reassembly<F> {
    /// With nothing in it.
    pub fn new(room: Room, limits: Limits) -> Self {
        let frames = room.frames.min(NONE - 1);
        let nothing = Stretch {
            frame: FrameId(0),
            from: 0,
            to: 0,
        };
        let piece = Piece {
            at: 0,
            extent: 0,
            digest: 0,
            stretches: List::default(),
        };
        Self {
            limits,
            units: vec![Unit::default(); usize::from(room.units)],
            pieces: Pool::new(frames, piece),
            stretches: Pool::new(frames, nothing),
            frames: (0..frames).map(|_| None).collect(),
            free_frames: (0..frames).rev().collect(),
            open: vec![(0, 0); usize::from(room.senders)],
        }
    }

    /// Frames held.
    pub fn held(&self) -> usize {
        self.frames.len() - self.free_frames.len()
    }

    /// Takes the bytes `from..to` of `frame` as a piece; gives the frame back if not. `Some` names the unit
    /// that is complete with it.
    pub fn offer(
        &mut self,
        place: Place,
        frame: F,
        (from, to): (u32, u32),
        now: Instant,
    ) -> Result<Option<UnitId>, (F, Refused)> {
        let bytes = to.saturating_sub(from);
        if self.pieces.left == 0 || self.stretches.left == 0 || self.free_frames.is_empty() {
            return Err((frame, Refused::Full));
        }
        let unit = match self.admit(&place, bytes, now) {
            Ok(unit) => unit,
            Err(refused) => return Err((frame, refused)),
        };
        let Some(id) = self.free_frames.pop() else {
            return Err((frame, Refused::Full));
        };
        if let Some(held) = self.frames.get_mut(usize::from(id)) {
            *held = Some(frame);
        }
        let mut stretches = List::default();
        let stretch = Stretch {
            frame: FrameId(id),
            from,
            to,
        };
        self.stretches.append(&mut stretches, stretch);
        Ok(self.insert(unit, &place, bytes, stretches))
    }

    /// Takes a complete unit, without its first `skip` bytes, as a piece of another; the lower unit is no
    /// more. If it is refused, it still is, to be given up.
    pub fn promote(
        &mut self,
        lower: UnitId,
        skip: u32,
        place: Place,
        now: Instant,
    ) -> Result<Option<UnitId>, Refused> {
        if self.pieces.left == 0 {
            return Err(Refused::Full);
        }
        let bytes = self.len(lower).saturating_sub(skip);
        let held = self.unit(lower).map_or(0, |unit| unit.bytes);
        // Its bytes are not counted twice while it moves.
        self.count(lower, -1, -i64::from(held));
        let unit = match self.admit(&place, bytes, now) {
            Ok(unit) => unit,
            Err(refused) => {
                self.count(lower, 1, i64::from(held));
                return Err(refused);
            }
        };
        self.count(lower, 1, i64::from(held));
        let mut stretches = self.join(lower);
        self.trim(&mut stretches, skip);
        self.forget(lower);
        Ok(self.insert(unit, &place, bytes, stretches))
    }

    /// The stretches of a unit in order.
    pub fn stretches(&self, unit: UnitId) -> impl Iterator<Item = Stretch> + '_ {
        let pieces = self.unit(unit).map(|unit| unit.pieces).unwrap_or_default();
        self.pieces
            .iter(pieces)
            .flat_map(|piece| self.stretches.iter(piece.stretches).copied())
    }

    /// Bytes of a unit that are there.
    pub fn len(&self, unit: UnitId) -> u32 {
        self.stretches(unit)
            .map(|stretch| stretch.to - stretch.from)
            .sum()
    }

    /// Whose a unit is.
    pub fn sender(&self, unit: UnitId) -> Option<u16> {
        self.unit(unit).map(|unit| unit.sender)
    }

    /// A held frame.
    pub fn frame(&self, id: FrameId) -> Option<&F> {
        self.frames.get(usize::from(id.0))?.as_ref()
    }

    /// The same, to be read through a backend that wants it so.
    pub fn frame_mut(&mut self, id: FrameId) -> Option<&mut F> {
        self.frames.get_mut(usize::from(id.0))?.as_mut()
    }

    /// Ends a unit: its frames in order, each once.
    pub fn take(&mut self, unit: UnitId, mut give: impl FnMut(F)) {
        let stretches = self.join(unit);
        self.forget(unit);
        let mut next = stretches.head;
        while let Some((stretch, after)) = self.stretches.node(next) {
            self.stretches.release(next);
            next = after;
            let id = stretch.frame.0;
            let frame = self.frames.get_mut(usize::from(id));
            if let Some(frame) = frame.and_then(Option::take) {
                self.free_frames.push(id);
                give(frame);
            }
        }
    }

    /// A unit whose time is over: to be taken. Call again until there is none.
    pub fn expired(&self, now: Instant) -> Option<UnitId> {
        let mut units = self.units.iter().zip(0..);
        let over = |unit: &Unit| unit.used && unit.first.after(self.limits.age) <= now;
        units
            .find(|(unit, _)| over(unit))
            .map(|(_, index)| UnitId(index))
    }

    /// When `expired` has something to say.
    pub fn deadline(&self) -> Instant {
        let open = self.units.iter().filter(|unit| unit.used);
        open.map(|unit| unit.first.after(self.limits.age))
            .min()
            .unwrap_or(Instant::NEVER)
    }

    /// The unit that a piece belongs to, opened if there is none yet and there may be.
    fn admit(&mut self, place: &Place, bytes: u32, now: Instant) -> Result<UnitId, Refused> {
        let (units, held) = self
            .open
            .get(usize::from(place.sender))
            .copied()
            .ok_or(Refused::Limit)?;
        let known = self
            .units
            .iter()
            .position(|unit| unit.used && unit.key == place.key && unit.sender == place.sender);
        if let Some(index) = known {
            let id = UnitId(index as u16);
            self.fits(id, place)?;
            if held.saturating_add(bytes) > self.limits.bytes {
                return Err(Refused::Limit);
            }
            return Ok(id);
        }
        if units >= self.limits.units || held.saturating_add(bytes) > self.limits.bytes {
            return Err(Refused::Limit);
        }
        let free = self.units.iter().position(|unit| !unit.used);
        let id = UnitId(free.ok_or(Refused::Full)? as u16);
        if let Some(unit) = self.units.get_mut(usize::from(id.0)) {
            *unit = Unit {
                key: place.key,
                sender: place.sender,
                used: true,
                first: now,
                ..Unit::default()
            };
        }
        self.count(id, 1, 0);
        Ok(id)
    }

    /// That a piece does not contradict what is there.
    fn fits(&self, id: UnitId, place: &Place) -> Result<(), Refused> {
        let conflict = Err(Refused::Conflict(id));
        let Some(unit) = self.unit(id) else {
            return Ok(());
        };
        let Some(end) = place.at.checked_add(place.extent) else {
            return conflict;
        };
        for piece in self.pieces.iter(unit.pieces) {
            if piece.at == place.at && piece.extent == place.extent {
                let same_end = !place.last || unit.end == Some(end);
                return match piece.digest == place.digest && same_end {
                    true => Err(Refused::Duplicate),
                    false => conflict,
                };
            }
            if piece.at < end && place.at < piece.at.saturating_add(piece.extent) {
                return conflict;
            }
            if place.last && piece.at >= end {
                return conflict;
            }
        }
        match unit.end {
            Some(known) if place.last || end > known => conflict,
            _ => Ok(()),
        }
    }

    /// Puts a piece in its place; the unit if it is then complete.
    fn insert(&mut self, id: UnitId, place: &Place, bytes: u32, stretches: List) -> Option<UnitId> {
        let piece = Piece {
            at: place.at,
            extent: place.extent,
            digest: place.digest,
            stretches,
        };
        let mut pieces = self.unit(id)?.pieces;
        self.pieces
            .insert_before(&mut pieces, piece, |there| there.at > place.at);
        self.count(id, 0, i64::from(bytes));
        let unit = self.units.get_mut(usize::from(id.0))?;
        unit.pieces = pieces;
        unit.bytes = unit.bytes.saturating_add(bytes);
        unit.covered = unit.covered.saturating_add(place.extent);
        if place.last {
            unit.end = Some(place.at.saturating_add(place.extent));
        }
        (unit.end == Some(unit.covered)).then_some(id)
    }

    /// All stretches of a unit in one chain; its pieces are released.
    fn join(&mut self, id: UnitId) -> List {
        let mut joined = List::default();
        let mut next = self.unit(id).map_or(NONE, |unit| unit.pieces.head);
        while let Some((piece, after)) = self.pieces.node(next) {
            self.pieces.release(next);
            self.stretches.concatenate(&mut joined, piece.stretches);
            next = after;
        }
        if let Some(unit) = self.units.get_mut(usize::from(id.0)) {
            unit.pieces = List::default();
        }
        joined
    }

    /// Leaves out the first `skip` bytes; a frame of which nothing is left stays with its empty stretch.
    fn trim(&mut self, stretches: &mut List, mut skip: u32) {
        let mut next = stretches.head;
        while skip > 0
            && let Some((stretch, after)) = self.stretches.node_mut(next)
        {
            let less = skip.min(stretch.to - stretch.from);
            stretch.from += less;
            skip -= less;
            next = after;
        }
    }

    fn forget(&mut self, id: UnitId) {
        let held = self.unit(id).map_or(0, |unit| unit.bytes);
        self.count(id, -1, -i64::from(held));
        if let Some(unit) = self.units.get_mut(usize::from(id.0)) {
            *unit = Unit::default();
        }
    }

    fn count(&mut self, id: UnitId, units: i16, bytes: i64) {
        let Some(unit) = self.unit(id).filter(|unit| unit.used) else {
            return;
        };
        let sender = usize::from(unit.sender);
        if let Some((open, held)) = self.open.get_mut(sender) {
            *open = open.saturating_add_signed(units);
            *held = (i64::from(*held) + bytes).clamp(0, i64::from(u32::MAX)) as u32;
        }
    }

    fn unit(&self, id: UnitId) -> Option<&Unit> {
        self.units.get(usize::from(id.0))
    }
}

#[cfg(test)]
mod tests;
