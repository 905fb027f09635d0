//! Frames that wait for others: fragments until their datagram is whole, datagrams until their message is.
//!
//! The journey says of what a frame is a piece; here it is kept, put in its place, and given up when its time
//! is over or another piece contradicts it. Every frame that is held is counted so, and leaves with its message
//! or with a reason.

use crate::dataplane::counters::Counters;
use crate::dataplane::frame_io::FrameInfo;
use crate::dataplane::reassembly::{Limits, Place, Reassembly, Refused, Room, Stretch, UnitId};
use crate::dataplane::verdict::DropReason;
use crate::ran::{Duration, Instant, PeerId};

/// Where a frame belongs, as the journey found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Of what, and where in it.
    pub place: Place,
    /// Its bytes, counted from the first of the frame as received.
    pub bytes: (u32, u32),
    /// A fragment of a datagram; else a datagram that holds a part of a message.
    pub fragment: bool,
}

/// The frames that one lcore holds.
#[derive(Debug)]
pub(super) struct Holding<F> {
    store: Reassembly<F>,
    /// Nothing is given up before this instant.
    expires: Instant,
    /// Scratch: where the bytes of a unit lie.
    stretches: Vec<Stretch>,
}

impl<F> Holding<F> {
    /// With nothing in it.
    pub(super) fn new() -> Self {
        Self {
            store: Reassembly::new(ROOM, LIMITS),
            expires: Instant::NEVER,
            stretches: Vec::with_capacity(usize::from(ROOM.frames)),
        }
    }

    /// Frames that wait.
    pub(super) fn held(&self) -> u64 {
        self.store.held() as u64
    }

    /// When `expire` has something to do, or earlier.
    #[inline]
    pub(super) const fn deadline(&self) -> Instant {
        self.expires
    }

    /// Takes `frame`; names the unit that is whole with it.
    pub(super) fn hold(
        &mut self,
        frame: F,
        piece: &Piece,
        now: Instant,
        counters: &mut Counters,
    ) -> Option<UnitId> {
        let peer = peer(&piece.place);
        match self.store.offer(piece.place, frame, piece.bytes, now) {
            Ok(whole) => {
                counters.ledger.held += 1;
                self.expires = self.expires.min(now.after(LIMITS.age));
                whole
            }
            Err((_, refused)) => {
                counters.count_drop(reason(refused), peer);
                self.mistrust(refused, peer, counters);
                None
            }
        }
    }

    /// A whole datagram goes, without its first `skip` bytes, to its place in a message; names the message if
    /// it is whole with it.
    pub(super) fn promote(
        &mut self,
        datagram: UnitId,
        skip: u32,
        place: Place,
        now: Instant,
        counters: &mut Counters,
    ) -> Option<UnitId> {
        match self.store.promote(datagram, skip, place, now) {
            Ok(whole) => whole,
            Err(refused) => {
                let peer = peer(&place);
                self.give_up(datagram, reason(refused), peer, counters);
                self.mistrust(refused, peer, counters);
                None
            }
        }
    }

    /// Shows the bytes of a unit in order; `view` is how a backend shows a frame.
    pub(super) fn show(
        &mut self,
        unit: UnitId,
        view: impl Fn(&mut F) -> (&mut [u8], FrameInfo),
        mut see: impl FnMut(&[u8]),
    ) {
        self.stretches.clear();
        self.stretches.extend(self.store.stretches(unit));
        for stretch in &self.stretches {
            let Some(frame) = self.store.frame_mut(stretch.frame) else {
                continue;
            };
            let (head, info) = view(frame);
            let start = usize::from(info.start);
            let range = start + stretch.from as usize..start + stretch.to as usize;
            see(head.get(range).unwrap_or_default());
        }
    }

    /// The frame that holds the first byte of a unit, where that is in it, and how many bytes there are in all.
    pub(super) fn first(&mut self, unit: UnitId) -> Option<(&mut F, u32, u32)> {
        let len = self.store.len(unit);
        let first = self.store.stretches(unit).next()?;
        let frame = self.store.frame_mut(first.frame)?;
        Some((frame, first.from, len))
    }

    /// The frames of a whole unit in order, and where its bytes lie in each.
    pub(super) fn release(
        &mut self,
        unit: UnitId,
        frames: &mut Vec<F>,
        bytes: &mut Vec<(u32, u32)>,
        counters: &mut Counters,
    ) {
        bytes.extend(self.store.stretches(unit).map(|held| (held.from, held.to)));
        self.store.take(unit, |frame| {
            counters.ledger.held -= 1;
            frames.push(frame);
        });
    }

    /// Ends a unit with all its frames.
    pub(super) fn give_up(
        &mut self,
        unit: UnitId,
        reason: DropReason,
        peer: Option<PeerId>,
        counters: &mut Counters,
    ) {
        self.store.take(unit, |_| {
            counters.ledger.held -= 1;
            counters.count_drop(reason, peer);
        });
    }

    /// Gives up what has waited too long.
    #[cold]
    pub(super) fn expire(&mut self, now: Instant, counters: &mut Counters) {
        while let Some(unit) = self.store.expired(now) {
            let peer = self.store.sender(unit).map(PeerId);
            self.give_up(unit, DropReason::PieceExpired, peer, counters);
        }
        self.expires = self.store.deadline();
    }

    /// Gives up everything: peers are others from now on.
    pub(super) fn clear(&mut self, counters: &mut Counters) {
        self.expire(Instant::NEVER, counters);
    }

    /// What a piece contradicts is not to be believed either.
    fn mistrust(&mut self, refused: Refused, peer: Option<PeerId>, counters: &mut Counters) {
        if let Refused::Conflict(unit) = refused {
            self.give_up(unit, DropReason::PieceConflict, peer, counters);
        }
    }
}

fn peer(place: &Place) -> Option<PeerId> {
    Some(PeerId(place.sender))
}

const fn reason(refused: Refused) -> DropReason {
    match refused {
        Refused::Duplicate => DropReason::PieceDuplicate,
        Refused::Conflict(_) => DropReason::PieceConflict,
        Refused::Limit | Refused::Full => DropReason::PieceLimit,
    }
}

/// Fewer frames than buffers that are left over beside those of ports: what is held starves no port.
const ROOM: Room = Room {
    units: 128,
    frames: 1024,
    senders: 4096,
};

/// The largest message that OAI can send in datagrams of 1472 bytes, several times over. OAI's receivers wait
/// 10 ms.
const LIMITS: Limits = Limits {
    units: 16,
    bytes: 1 << 20,
    age: Duration::from_millis(10),
};
