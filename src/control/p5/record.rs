//! The requests of the L2, as far as they make the state of a PHY, and those still to be answered.
//!
//! One list serves both: a request is sent to a member when the member's walk comes to it, whether that is now
//! or, for a member that returns, an hour later. What is kept is what brings a PHY from nothing to where the L2
//! has brought the others: what the L2 was told failed goes, START goes with STOP, and of requests that say the
//! same only the last stays. CONFIG.requests that differ all stay, in order: a later one may hold few TLVs.

use crate::ran::{Instant, MemberId};
use crate::wire::nfapi::indication::ErrorCode;
use crate::wire::nfapi::{MessageId, PhyId};

/// A set of members.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Members(u8);

impl Members {
    pub(super) const fn has(self, member: MemberId) -> bool {
        self.0 >> member.0 & 1 == 1
    }

    pub(super) const fn insert(&mut self, member: MemberId) {
        self.0 |= 1 << member.0;
    }

    pub(super) const fn remove(&mut self, member: MemberId) {
        self.0 &= !(1 << member.0);
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<MemberId> for Members {
    fn from_iter<I: IntoIterator<Item = MemberId>>(members: I) -> Self {
        let mut set = Self::default();
        members.into_iter().for_each(|member| set.insert(member));
        set
    }
}

/// A request as the L2 wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) message: MessageId,
    /// On the L2's side; 0 for PNF messages.
    pub(super) phy: PhyId,
    pub(super) body: Vec<u8>,
}

/// What a member answered.
#[derive(Clone, Debug)]
pub(super) struct Response {
    pub(super) member: MemberId,
    pub(super) error: ErrorCode,
    pub(super) message: MessageId,
    pub(super) phy: PhyId,
    pub(super) body: Vec<u8>,
}

/// An answer that is owed to the L2.
#[derive(Debug)]
pub(super) struct Owed {
    /// Whose answers are waited for.
    pub(super) awaited: Members,
    /// In the order they came, one a member.
    pub(super) responses: Vec<Response>,
    /// How long they are waited for.
    pub(super) until: Instant,
    /// That time is over: the first answer that counts is given.
    pub(super) overdue: bool,
}

/// A request in the record.
#[derive(Debug)]
pub(super) struct Entry {
    /// Grows along the record; members count by it how far they are.
    pub(super) serial: u64,
    pub(super) request: Request,
    /// Who is still to be sent it, kept or not.
    pub(super) to: Members,
    /// A member that returns is given it.
    pub(super) kept: bool,
    /// `None`: the L2 has its answer, or is gone, or never asked.
    pub(super) owed: Option<Owed>,
    /// The appliance itself says it, to bring a member to a stop.
    pub(super) own: bool,
}

impl Entry {
    /// True if it is to be sent to a member that has not come to it yet.
    pub(super) const fn is_for(&self, member: MemberId) -> bool {
        self.kept || self.to.has(member)
    }
}

/// There is no room, and nothing to forget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Full;

/// The list.
#[derive(Debug, Default)]
pub(super) struct Record {
    entries: Vec<Entry>,
    newest: u64,
}

impl Record {
    /// Adds a request that is sent to `to`, and says which old one had to be forgotten for it.
    pub(super) fn push(
        &mut self,
        request: Request,
        to: Members,
        owed: Option<Owed>,
    ) -> Result<Option<MessageId>, Full> {
        let forgotten = self.make_room(request.body.len())?;
        match request.message {
            MessageId::STOP_REQUEST => self.forget(|entry| {
                entry.message == MessageId::START_REQUEST && entry.phy == request.phy
            }),
            MessageId::PNF_STOP_REQUEST => self.forget(|entry| !makes_a_pnf(entry.message)),
            _ => {}
        }
        self.newest += 1;
        self.entries.push(Entry {
            serial: self.newest,
            kept: makes_state(request.message),
            own: owed.is_none(),
            request,
            to,
            owed,
        });
        self.prune();
        Ok(forgotten)
    }

    /// Serial of the last request.
    pub(super) const fn newest(&self) -> u64 {
        self.newest
    }

    /// What `member` is to be sent next, having come as far as `done`.
    pub(super) fn next(&self, member: MemberId, done: u64) -> Option<&Entry> {
        self.rest(member, done).next()
    }

    /// What `member` is to be sent, having come as far as `done`.
    pub(super) fn rest(&self, member: MemberId, done: u64) -> impl Iterator<Item = &Entry> {
        let behind = move |entry: &&Entry| entry.serial > done && entry.is_for(member);
        self.entries.iter().filter(behind)
    }

    pub(super) fn entry_mut(&mut self, serial: u64) -> Option<&mut Entry> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| entry.serial == serial)
    }

    /// Requests whose answer is owed to the L2.
    pub(super) fn owed(&self) -> Vec<u64> {
        let owed = self.entries.iter().filter(|entry| entry.owed.is_some());
        owed.map(|entry| entry.serial).collect()
    }

    /// When the first answer that is waited for is overdue.
    pub(super) fn due(&self) -> Option<Instant> {
        let owed = self.entries.iter().filter_map(|entry| entry.owed.as_ref());
        owed.filter(|owed| !owed.overdue)
            .map(|owed| owed.until)
            .min()
    }

    /// The L2 was told that the request succeeded: what it replaces goes.
    pub(super) fn succeeded(&mut self, serial: u64) {
        let Some(at) = self.entries.iter().position(|entry| entry.serial == serial) else {
            return;
        };
        let (before, from) = self.entries.split_at_mut(at);
        let Some(this) = from.first_mut() else {
            return;
        };
        let same = |entry: &&mut Entry| {
            entry.kept
                && entry.request.message == this.request.message
                && entry.request.phy == this.request.phy
        };
        let mut same = before.iter_mut().filter(same);
        match this.request.message {
            // Asked once is enough, and a PHY may refuse it later on.
            MessageId::PNF_PARAM_REQUEST | MessageId::PARAM_REQUEST => {
                this.kept &= same.next().is_none();
            }
            MessageId::CONFIG_REQUEST => same
                .filter(|entry| entry.request.body == this.request.body)
                .for_each(|entry| entry.kept = false),
            _ => same.for_each(|entry| entry.kept = false),
        }
        self.prune();
    }

    /// The L2 was told that the request failed.
    pub(super) fn failed(&mut self, serial: u64) {
        if let Some(entry) = self.entry_mut(serial) {
            entry.kept = false;
        }
        self.prune();
    }

    /// A member is gone: nobody waits for it.
    pub(super) fn leave(&mut self, member: MemberId) {
        for entry in &mut self.entries {
            entry.to.remove(member);
            if let Some(owed) = &mut entry.owed {
                owed.awaited.remove(member);
            }
        }
        self.prune();
    }

    /// The L2 is gone: nobody is to be answered.
    pub(super) fn release(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.owed = None);
        self.prune();
    }

    /// The L2 begins anew.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Drops what nobody needs any more.
    pub(super) fn prune(&mut self) {
        let needed = |entry: &Entry| entry.kept || entry.owed.is_some() || !entry.to.is_empty();
        self.entries.retain(needed);
    }

    fn forget(&mut self, which: impl Fn(&Request) -> bool) {
        let gone = self.entries.iter_mut();
        gone.filter(|entry| which(&entry.request))
            .for_each(|entry| entry.kept = false);
    }

    /// Makes room for a request with so long a body: the oldest CONFIG but the first goes that every PHY has,
    /// as an L2 may configure a running PHY as often as it likes.
    fn make_room(&mut self, len: usize) -> Result<Option<MessageId>, Full> {
        let bytes = self.entries.iter().map(|entry| entry.request.body.len());
        if self.entries.len() < ENTRIES && bytes.sum::<usize>() + len <= BYTES {
            return Ok(None);
        }
        let configs = self.entries.iter().enumerate().filter(|(_, entry)| {
            let settled = entry.owed.is_none() && entry.to.is_empty();
            entry.request.message == MessageId::CONFIG_REQUEST && settled
        });
        let second = configs.map(|(at, _)| at).nth(1).ok_or(Full)?;
        let gone = self.entries.remove(second);
        Ok(Some(gone.request.message))
    }
}

/// True for requests that a PHY must have had to be where it is.
const fn makes_state(message: MessageId) -> bool {
    !matches!(
        message,
        MessageId::STOP_REQUEST | MessageId::PNF_STOP_REQUEST
    )
}

/// True for what a PNF that was stopped still knows.
const fn makes_a_pnf(message: MessageId) -> bool {
    matches!(
        message,
        MessageId::PNF_PARAM_REQUEST | MessageId::PNF_CONFIG_REQUEST
    )
}

/// Requests in the record. A start takes six.
const ENTRIES: usize = 64;
/// Bytes of all their bodies. A CONFIG.request of OAI has 5 kB.
const BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const PHY: PhyId = PhyId(1);

    fn record(requests: &[(MessageId, &[u8])]) -> Record {
        let mut record = Record::default();
        for (message, body) in requests {
            push(&mut record, *message, body).unwrap();
            record.succeeded(record.newest());
            record.release();
        }
        record
    }

    fn push(
        record: &mut Record,
        message: MessageId,
        body: &[u8],
    ) -> Result<Option<MessageId>, Full> {
        let request = Request {
            message,
            phy: PHY,
            body: body.to_vec(),
        };
        let owed = Owed {
            awaited: Members::default(),
            responses: Vec::new(),
            until: Instant(0),
            overdue: false,
        };
        record.push(request, Members::default(), Some(owed))
    }

    fn kept(record: &Record) -> Vec<(MessageId, &[u8])> {
        let rest = record.rest(MemberId(0), 0);
        rest.map(|entry| (entry.request.message, &entry.request.body[..]))
            .collect()
    }

    const PARAM: (MessageId, &[u8]) = (MessageId::PARAM_REQUEST, &[]);
    const CONFIG: (MessageId, &[u8]) = (MessageId::CONFIG_REQUEST, &[1]);
    const OTHER: (MessageId, &[u8]) = (MessageId::CONFIG_REQUEST, &[2]);
    const START: (MessageId, &[u8]) = (MessageId::START_REQUEST, &[]);
    const STOP: (MessageId, &[u8]) = (MessageId::STOP_REQUEST, &[]);
    const PNF_CONFIG: (MessageId, &[u8]) = (MessageId::PNF_CONFIG_REQUEST, &[3]);
    const PNF_START: (MessageId, &[u8]) = (MessageId::PNF_START_REQUEST, &[]);
    const PNF_STOP: (MessageId, &[u8]) = (MessageId::PNF_STOP_REQUEST, &[]);

    #[test]
    fn what_starts_a_phy_is_kept_in_order() {
        let start = [PNF_CONFIG, PNF_START, PARAM, CONFIG, START];
        assert_eq!(kept(&record(&start)), start);
    }

    #[test]
    fn a_stop_takes_the_start_with_it_and_leaves_the_configuration() {
        let record = record(&[PNF_CONFIG, PNF_START, CONFIG, START, STOP]);
        assert_eq!(kept(&record), [PNF_CONFIG, PNF_START, CONFIG]);
    }

    #[test]
    fn a_stop_of_the_pnf_leaves_what_made_the_pnf() {
        let record = record(&[PNF_CONFIG, PNF_START, PARAM, CONFIG, START, STOP, PNF_STOP]);
        assert_eq!(kept(&record), [PNF_CONFIG]);
    }

    #[test]
    fn configurations_that_differ_all_stay() {
        let record = record(&[CONFIG, START, OTHER]);
        assert_eq!(kept(&record), [CONFIG, START, OTHER]);
    }

    #[test]
    fn a_configuration_that_is_repeated_moves_to_the_end() {
        let record = record(&[CONFIG, OTHER, CONFIG]);
        assert_eq!(kept(&record), [OTHER, CONFIG]);
    }

    #[test]
    fn starting_and_stopping_for_ever_does_not_grow_the_record() {
        let round = [PARAM, CONFIG, START, STOP];
        let record = record(&round.repeat(100));
        assert_eq!(kept(&record), [PARAM, CONFIG]);
    }

    #[test]
    fn what_failed_is_not_kept() {
        let mut record = record(&[CONFIG]);
        push(&mut record, OTHER.0, OTHER.1).unwrap();
        record.failed(record.newest());
        record.release();
        assert_eq!(kept(&record), [CONFIG]);
    }

    #[test]
    fn of_too_many_configurations_the_first_and_the_newest_stay() {
        let mut record = Record::default();
        for number in 0..100u8 {
            push(&mut record, CONFIG.0, &[number]).unwrap();
            record.release();
        }
        let found = kept(&record);
        assert_eq!(found.len(), ENTRIES);
        assert_eq!(found[0].1, [0]);
        assert_eq!(found[1].1, [100 - ENTRIES as u8 + 1]);
    }

    #[test]
    fn requests_that_nobody_answers_are_bounded() {
        let mut record = Record::default();
        for _ in 0..ENTRIES {
            push(&mut record, PARAM.0, PARAM.1).unwrap();
        }
        assert_eq!(push(&mut record, PARAM.0, PARAM.1), Err(Full));
    }
}
