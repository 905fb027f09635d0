//! One association: which verification tags its ends answer to now.
//!
//! Tags are candidates from INIT and INIT ACK and become valid with COOKIE ACK or the first SACK that carries
//! them, so that the old ones hold while a restart is under way (RFC 9260 5.2). Joined in the middle, they are
//! those of the common headers. A tag that contradicts a valid one is believed once the other end acknowledges
//! data that were sent under it, and counted until then. A packet whose length or checksum is wrong never comes
//! here.

use super::path::{Addresses, Path};
use super::{End, Ends};
use crate::ran::Instant;
use crate::wire::sctp::{Chunk, ChunkType, Chunks, Init, Sctp};

/// Answers to one INIT that are remembered: each INIT ACK may give another tag.
const ANSWERS: usize = 4;
/// TSNs this far behind the acknowledged one are of the same association.
const WINDOW: u32 = 1 << 16;

/// What one packet has told, beside itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Its first tag is known.
    Up {
        /// From the middle: its handshake was not seen.
        joined: bool,
    },
    /// Both tags are others now.
    Restarted,
    /// It is over.
    Ended {
        /// Who said so.
        by: End,
        /// By SHUTDOWN COMPLETE, else by ABORT.
        graceful: bool,
    },
    /// The fixed side goes on with what was aborted.
    Disproved,
    /// A tag that contradicts the valid one, or an end that nobody could have said: not believed.
    Conflict,
}

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Nothing valid is known.
    #[default]
    Unknown,
    /// A tag is valid.
    Open,
    /// It has ended.
    Ended,
    /// It was aborted here, and packets from this instant on disprove that.
    Aborted(Instant),
}

/// An INIT, and what it was answered with.
#[derive(Clone, Copy, Debug, Default)]
struct Handshake {
    tag: u32,
    answers: [u32; ANSWERS],
    answered: usize,
    echoed: Option<u32>,
    addresses: Ends<Addresses>,
}

impl Handshake {
    const fn of(tag: u32) -> Self {
        Self {
            tag,
            answers: [0; ANSWERS],
            answered: 0,
            echoed: None,
            addresses: Ends {
                member: Addresses::NONE,
                fixed: Addresses::NONE,
            },
        }
    }

    fn answer(&mut self, tag: u32) {
        if self.has_answer(tag) {
            return;
        }
        if let Some(answer) = self.answers.get_mut(self.answered % ANSWERS) {
            *answer = tag;
        }
        self.answered += 1;
    }

    fn has_answer(&self, tag: u32) -> bool {
        tag != 0 && self.answers.contains(&tag)
    }

    /// The tag of whoever answered: the one that was echoed, or the last that was given.
    fn answerer(&self) -> Option<u32> {
        let last = self.answered.checked_sub(1)?;
        let last = self.answers.get(last % ANSWERS).copied();
        self.echoed.or(last)
    }
}

/// A tag that contradicts the valid one.
#[derive(Clone, Copy, Debug)]
struct Rival {
    tag: u32,
    /// Of the last data that were sent under it.
    tsn: Option<u32>,
}

/// What is known of an association.
#[derive(Clone, Copy, Debug)]
pub struct Association {
    ports: Ends<u16>,
    addresses: Ends<Addresses>,
    paths: Ends<Option<Path>>,
    /// The tag that each end chose.
    tags: Ends<Option<u32>>,
    /// Those that were valid when it ended.
    former: Ends<Option<u32>>,
    /// By who sent INIT.
    handshakes: Ends<Option<Handshake>>,
    rivals: Ends<Option<Rival>>,
    /// The TSN of the last data that each end sent under a valid tag.
    sent: Ends<Option<u32>>,
    /// The cumulative TSN that each end acknowledged last.
    acknowledged: Ends<Option<u32>>,
    phase: Phase,
    heard: Instant,
}

impl Association {
    /// Between these ports, met now; nothing more is known.
    pub fn new(now: Instant, ports: Ends<u16>) -> Self {
        Self {
            ports,
            addresses: Ends::default(),
            paths: Ends::default(),
            tags: Ends::default(),
            former: Ends::default(),
            handshakes: Ends::default(),
            rivals: Ends::default(),
            sent: Ends::default(),
            acknowledged: Ends::default(),
            phase: Phase::Unknown,
            heard: now,
        }
    }

    /// Where it stands.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The ports of its ends.
    pub const fn ports(&self) -> Ends<u16> {
        self.ports
    }

    /// The tags of its ends.
    pub const fn tags(&self) -> Ends<Option<u32>> {
        self.tags
    }

    /// When a packet of it was last believed, or it was met.
    pub const fn heard(&self) -> Instant {
        self.heard
    }

    /// True if a handshake is under way.
    pub const fn is_beginning(&self) -> bool {
        self.handshakes.member.is_some() || self.handshakes.fixed.is_some()
    }

    /// True if a packet from `from` between these ports and addresses is of it.
    pub fn is_between(&self, from: End, path: &Path, ports: Ends<u16>) -> bool {
        self.ports == ports
            && self.addresses.of(from).contains(path.source)
            && self.addresses.of(from.other()).contains(path.destination)
    }

    /// True if a packet from `from` under `tag` between these ports can only be of it, whatever its addresses.
    pub fn answers_to(&self, from: End, tag: u32, ports: Ends<u16>) -> bool {
        self.ports == ports && *self.tags.of(from.other()) == Some(tag)
    }

    /// The addresses of a packet from `from` belong to its ends.
    pub fn note_addresses(&mut self, from: End, path: &Path) {
        self.addresses.of_mut(from).add(path.source);
        self.addresses.of_mut(from.other()).add(path.destination);
    }

    /// How packets get to `to`: as they got there, or back from where its own came.
    pub fn path_to(&self, to: End) -> Option<Path> {
        let direct = *self.paths.of(to.other());
        direct.or_else(|| self.paths.of(to).map(Path::reversed))
    }

    /// With which tag an ABORT reaches `to`, and whether that is reflected: its own tag, else that of the other
    /// end (RFC 9260 8.5.1).
    pub fn reach(&self, to: End) -> Option<(u32, bool)> {
        let (own, others) = match self.phase {
            Phase::Open => (self.tags.of(to), self.tags.of(to.other())),
            Phase::Aborted(_) => (self.former.of(to), self.former.of(to.other())),
            Phase::Unknown | Phase::Ended => return None,
        };
        let own = own.map(|tag| (tag, false));
        own.or_else(|| others.map(|tag| (tag, true)))
    }

    /// True if it is what would be missed: both tags are known.
    pub const fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Open) && self.tags.member.is_some() && self.tags.fixed.is_some()
    }

    /// It is ended from here; packets from `silent_from` on disprove that.
    pub fn abort(&mut self, silent_from: Instant) {
        self.close(Phase::Aborted(silent_from));
    }

    /// A packet from `from` whose length and checksum are right.
    pub fn hear(
        &mut self,
        now: Instant,
        from: End,
        sctp: &Sctp<'_>,
        chunks: Chunks<'_>,
        path: &Path,
    ) -> Option<Told> {
        let tag = sctp.tag();
        if let Some(end) = chunks.clone().find(ends) {
            return self.end(from, tag, &end);
        }
        let first = chunks.clone().next()?;
        let told = match first.kind {
            ChunkType::INIT => return self.init(from, tag, &first, &chunks, path),
            ChunkType::INIT_ACK => return self.init_ack(from, tag, &first, path),
            ChunkType::COOKIE_ECHO if self.echo(from, tag) => None,
            ChunkType::COOKIE_ACK if self.begins(from, tag) => self.commit(from.other(), None),
            _ => self.common(now, from, tag, &chunks),
        };
        if *self.tags.of(from.other()) == Some(tag) {
            self.heard = now;
            self.note_addresses(from, path);
            *self.paths.of_mut(from) = Some(*path);
        }
        for chunk in chunks {
            self.count(from, tag, &chunk);
        }
        told
    }

    fn init(
        &mut self,
        from: End,
        tag: u32,
        chunk: &Chunk<'_>,
        chunks: &Chunks<'_>,
        path: &Path,
    ) -> Option<Told> {
        let alone = chunks.clone().nth(1).is_none();
        let Some((init, parameters)) = Init::parse(chunk.value).ok().filter(|_| alone && tag == 0)
        else {
            return Some(Told::Conflict);
        };
        let place = self.handshakes.of_mut(from);
        if place.is_some_and(|known| known.tag == init.tag()) {
            return None;
        }
        let mut handshake = Handshake::of(init.tag());
        handshake.addresses.of_mut(from).add(path.source);
        for address in parameters.addresses() {
            handshake.addresses.of_mut(from).add(address);
        }
        *place = Some(handshake);
        None
    }

    /// An answer to an INIT that was not seen makes a candidate, too: nothing is valid by it.
    fn init_ack(&mut self, from: End, tag: u32, chunk: &Chunk<'_>, path: &Path) -> Option<Told> {
        let Some((init, parameters)) = Init::parse(chunk.value).ok().filter(|_| tag != 0) else {
            return Some(Told::Conflict);
        };
        let place = self.handshakes.of_mut(from.other());
        let handshake = place.get_or_insert(Handshake::of(tag));
        if handshake.tag != tag {
            return Some(Told::Conflict);
        }
        handshake.answer(init.tag());
        handshake.addresses.of_mut(from).add(path.source);
        for address in parameters.addresses() {
            handshake.addresses.of_mut(from).add(address);
        }
        None
    }

    /// COOKIE ECHO from whoever began: says which of the answers counts.
    fn echo(&mut self, from: End, tag: u32) -> bool {
        let handshake = self.handshakes.of_mut(from).as_mut();
        let Some(handshake) = handshake.filter(|known| known.has_answer(tag)) else {
            return false;
        };
        handshake.echoed = Some(tag);
        true
    }

    /// True if `tag` is that of the INIT that `from` answers.
    fn begins(&self, from: End, tag: u32) -> bool {
        let handshake = self.handshakes.of(from.other());
        handshake.is_some_and(|known| known.tag == tag)
    }

    /// What `initiator` began is valid, and the old tags are not.
    fn commit(&mut self, initiator: End, answerer: Option<u32>) -> Option<Told> {
        let handshake = self.handshakes.of_mut(initiator).take()?;
        let tag = Some(handshake.tag);
        let tags = Ends::seen_from(initiator, tag, answerer.or(handshake.answerer()));
        let (before, was) = (self.tags, self.phase);
        if before == tags {
            return None;
        }
        self.tags = tags;
        self.handshakes = Ends::default();
        self.renew();
        self.addresses = handshake.addresses;
        Some(match was {
            Phase::Open => Told::Restarted,
            _ => Told::Up { joined: false },
        })
    }

    /// TSNs, and what was believed of them, are those of the former tags.
    fn renew(&mut self) {
        self.phase = Phase::Open;
        self.former = Ends::default();
        self.rivals = Ends::default();
        self.sent = Ends::default();
        self.acknowledged = Ends::default();
    }

    /// A packet that is neither handshake nor end.
    fn common(&mut self, now: Instant, from: End, tag: u32, chunks: &Chunks<'_>) -> Option<Told> {
        let to = from.other();
        if *self.tags.of(to) == Some(tag) {
            return None;
        }
        let mut acks = chunks.clone().filter(|chunk| chunk.kind == ChunkType::SACK);
        let acks = acks.next();
        if self.begins(from, tag) {
            return acks.and_then(|_| self.commit(to, None));
        }
        let answered = self.handshakes.of(from);
        if answered.is_some_and(|known| known.has_answer(tag)) {
            return acks.and_then(|_| self.commit(from, Some(tag)));
        }
        if tag == 0 {
            return Some(Told::Conflict);
        }
        if matches!((self.phase, from), (Phase::Aborted(_), End::Fixed)) {
            // Nothing has begun since: its member is fenced.
            self.former.member.get_or_insert(tag);
        }
        if *self.former.of(to) == Some(tag) {
            return self.is_disproved(now, from).then_some(Told::Disproved);
        }
        let restarted = acks.and_then(|ack| self.believe(from, tag, &ack));
        if restarted.is_some() {
            return restarted;
        }
        if self.tags.of(to).is_some() {
            self.rival(to, tag, chunks);
            return Some(Told::Conflict);
        }
        let is_first = self.tags.of(from).is_none();
        *self.tags.of_mut(to) = Some(tag);
        if is_first {
            self.renew();
        }
        is_first.then_some(Told::Up { joined: true })
    }

    const fn is_disproved(&self, now: Instant, from: End) -> bool {
        match self.phase {
            Phase::Aborted(silent_from) => matches!(from, End::Fixed) && now.0 >= silent_from.0,
            _ => false,
        }
    }

    fn rival(&mut self, to: End, tag: u32, chunks: &Chunks<'_>) {
        let tsn = chunks.clone().filter(is_data).filter_map(|data| data.tsn());
        let place = self.rivals.of_mut(to);
        let before = place.filter(|known| known.tag == tag);
        *place = Some(Rival {
            tag,
            tsn: tsn.last().or(before.and_then(|known| known.tsn)),
        });
    }

    /// An acknowledgement from `from`, under a tag of the other end that is itself not valid: if it
    /// acknowledges what was sent under a rival tag and nothing that was sent under the valid one, both are
    /// those of an association whose handshake was missed.
    fn believe(&mut self, from: End, tag: u32, ack: &Chunk<'_>) -> Option<Told> {
        if !self.proves(from, ack.tsn()?) {
            return None;
        }
        let rival = *self.rivals.of(from);
        self.tags = Ends::seen_from(from, rival.map(|rival| rival.tag), Some(tag));
        self.handshakes = Ends::default();
        self.renew();
        Some(Told::Restarted)
    }

    fn proves(&self, from: End, acknowledged: u32) -> bool {
        let covers = |by: u32, tsn: u32| by.wrapping_sub(tsn) < WINDOW;
        let before = *self.acknowledged.of(from);
        let is_new = |tsn: u32| {
            covers(acknowledged, tsn) && before.is_none_or(|before| !covers(before, tsn))
        };
        let rival = self.rivals.of(from).and_then(|rival| rival.tsn);
        let valid = *self.sent.of(from.other());
        rival.is_some_and(is_new) && !valid.is_some_and(is_new)
    }

    /// TSNs under valid tags.
    fn count(&mut self, from: End, tag: u32, chunk: &Chunk<'_>) {
        if *self.tags.of(from.other()) != Some(tag) {
            return;
        }
        if is_data(chunk) {
            *self.sent.of_mut(from) = chunk.tsn();
        }
        if chunk.kind != ChunkType::SACK {
            return;
        }
        let Some(acknowledged) = chunk.tsn() else {
            return;
        };
        // Only the end that the data went to has another tag: that of whoever acknowledges stays.
        if self.proves(from, acknowledged)
            && let Some(rival) = self.rivals.of_mut(from).take()
        {
            *self.tags.of_mut(from) = Some(rival.tag);
        }
        *self.acknowledged.of_mut(from) = Some(acknowledged);
    }

    /// ABORT or SHUTDOWN COMPLETE: believed under the receiver's tag, or reflected under the sender's.
    fn end(&mut self, from: End, tag: u32, chunk: &Chunk<'_>) -> Option<Told> {
        let whose = match chunk.is_reflected() {
            true => from,
            false => from.other(),
        };
        if *self.tags.of(whose) == Some(tag) && tag != 0 {
            self.close(Phase::Ended);
            let graceful = chunk.kind == ChunkType::SHUTDOWN_COMPLETE;
            return Some(Told::Ended { by: from, graceful });
        }
        let begun = self.handshakes.of_mut(from.other());
        if !chunk.is_reflected() && begun.is_some_and(|known| known.tag == tag) {
            *begun = None;
            return None;
        }
        match *self.former.of(whose) == Some(tag) {
            true => None,
            false => Some(Told::Conflict),
        }
    }

    fn close(&mut self, phase: Phase) {
        self.former = self.tags;
        self.tags = Ends::default();
        self.rivals = Ends::default();
        self.phase = phase;
    }
}

fn ends(chunk: &Chunk<'_>) -> bool {
    matches!(chunk.kind, ChunkType::ABORT | ChunkType::SHUTDOWN_COMPLETE)
}

fn is_data(chunk: &Chunk<'_>) -> bool {
    matches!(chunk.kind, ChunkType::DATA | ChunkType::I_DATA)
}
