//! The associations between one member and the fixed side: a bounded table, and how each end of them is told
//! that the other is gone.
//!
//! ABORT is not acknowledged, so it goes three times; a packet of the fixed side under the former tag, later than
//! the last of them, disproves that it was heard, and it goes again.

use super::association::{Association, Phase, Told};
use super::path::Path;
use super::{End, Ends};
use crate::ran::{Duration, Instant};
use crate::wire::sctp::{Chunks, Sctp};

/// Most associations of a pair.
pub const MOST_ASSOCIATIONS: usize = 8;
/// When copies of an ABORT go, counted from the decision.
pub const COPIES: [Duration; 3] = [
    Duration::from_millis(0),
    Duration::from_millis(1),
    Duration::from_millis(10),
];

/// An ABORT to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Who is told.
    pub to: End,
    /// Verification tag.
    pub tag: u32,
    /// The T bit.
    pub reflected: bool,
    /// SCTP ports of the ends.
    pub ports: Ends<u16>,
    /// How it gets there.
    pub path: Path,
}

/// What one packet has told, and of which of the associations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Something, or nothing, of the association at this place.
    At(usize, Option<Told>),
    /// The table is full of associations that live.
    Unwatched,
}

/// The associations of one pair. Allocates when it is made.
#[derive(Clone, Debug)]
pub struct Watcher {
    associations: Vec<Association>,
    /// When the last abort was decided, and copies of it that have gone.
    aborting: Option<(Instant, usize)>,
}

impl Default for Watcher {
    fn default() -> Self {
        Self {
            associations: Vec::with_capacity(MOST_ASSOCIATIONS),
            aborting: None,
        }
    }
}

impl Watcher {
    /// A packet from `from` whose length and checksum are right.
    pub fn hear(
        &mut self,
        now: Instant,
        from: End,
        (sctp, chunks): (&Sctp<'_>, Chunks<'_>),
        path: &Path,
    ) -> Heard {
        let ports = Ends::seen_from(from, sctp.source_port(), sctp.destination_port());
        let Some(place) = self.place(now, from, sctp.tag(), ports, path) else {
            return Heard::Unwatched;
        };
        let association = self.associations.get_mut(place);
        let told = association.and_then(|known| known.hear(now, from, sctp, chunks, path));
        Heard::At(place, told)
    }

    /// True if a packet from `from` is of an association whose addresses INIT has told, or an earlier packet.
    pub fn knows(&self, from: End, path: &Path, ports: Ends<u16>) -> bool {
        let mut known = self.associations.iter();
        known.any(|association| association.is_between(from, path, ports))
    }

    /// All that are remembered.
    pub fn associations(&self) -> &[Association] {
        &self.associations
    }

    /// The member is gone: what is open is ended from here. Returns how many; none means that no tag is known
    /// with which anybody could be told.
    pub fn abort(&mut self, now: Instant) -> usize {
        let [.., last] = COPIES;
        let mut ended = 0;
        for association in &mut self.associations {
            if association.phase() == Phase::Open {
                association.abort(now.after(last).offset(1));
                ended += 1;
            }
        }
        if ended > 0 {
            self.aborting = Some((now, 0));
        }
        ended
    }

    /// When the next copy is due.
    pub fn deadline(&self) -> Instant {
        let next = self.aborting.and_then(|(at, gone)| {
            let delay = COPIES.get(gone)?;
            Some(at.after(*delay))
        });
        next.unwrap_or(Instant::NEVER)
    }

    /// Which copy is due by `now`, counted from 0; it counts as gone.
    pub fn copy_due(&mut self, now: Instant) -> Option<usize> {
        if now < self.deadline() {
            return None;
        }
        let (_, gone) = self.aborting.as_mut()?;
        let copy = *gone;
        *gone += 1;
        Some(copy)
    }

    /// How `end` of the association at `place` is told, if that was ended from here.
    pub fn notice(&self, place: usize, to: End) -> Option<Notice> {
        let association = self.associations.get(place)?;
        if !matches!(association.phase(), Phase::Aborted(_)) {
            return None;
        }
        let (tag, reflected) = association.reach(to)?;
        Some(Notice {
            to,
            tag,
            reflected,
            ports: association.ports(),
            path: association.path_to(to)?,
        })
    }

    /// The member may speak again: what goes on of what was aborted is learned as if it had never been seen.
    pub fn readmit(&mut self) {
        self.aborting = None;
        self.associations
            .retain(|known| !matches!(known.phase(), Phase::Aborted(_)));
    }

    /// The place of the association of a packet, which may be new.
    fn place(
        &mut self,
        now: Instant,
        from: End,
        tag: u32,
        ports: Ends<u16>,
        path: &Path,
    ) -> Option<usize> {
        let mut known = self.associations.iter();
        if let Some(place) = known.position(|known| known.is_between(from, path, ports)) {
            return Some(place);
        }
        // Tags are those of the association, whatever the path.
        let mut known = self.associations.iter();
        if let Some(place) = known.position(|known| known.answers_to(from, tag, ports)) {
            return Some(place);
        }
        if self.associations.len() == MOST_ASSOCIATIONS {
            self.give_up_one()?;
        }
        let mut association = Association::new(now, ports);
        association.note_addresses(from, path);
        self.associations.push(association);
        Some(self.associations.len() - 1)
    }

    /// Forgets what would be missed least; nothing that lives.
    fn give_up_one(&mut self) -> Option<()> {
        let ranked = self.associations.iter().enumerate();
        let ranked = ranked.filter_map(|(place, known)| Some((rank(known)?, known.heard(), place)));
        let (_, _, place) = ranked.min()?;
        self.associations.swap_remove(place);
        Some(())
    }
}

const fn rank(known: &Association) -> Option<u8> {
    match known.phase() {
        Phase::Unknown | Phase::Ended if !known.is_beginning() => Some(0),
        Phase::Unknown | Phase::Ended => Some(1),
        Phase::Open if !known.is_complete() => Some(2),
        Phase::Open | Phase::Aborted(_) => None,
    }
}
