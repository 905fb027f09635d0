//! What the lcores last said of each cell: events as they come, put right by every observation, since an event may be
//! lost.

use crate::dataplane::mailbox::{Event, EventKind, Mode};
use crate::dataplane::observation::CellObservation;
use crate::planes::role::Role;
use crate::ran::{Duration, Instant, MemberId, SlotCount};

/// One cell.
#[derive(Clone, Debug)]
pub(super) struct CellFacts {
    /// An observation has come.
    pub(super) seen: bool,
    /// Of the last word, by the lcore's clock.
    pub(super) at: Instant,
    /// The slot on air then.
    pub(super) slot: SlotCount,
    /// Who may speak.
    pub(super) mode: Mode,
    /// Since this slot.
    pub(super) since: SlotCount,
    /// The change that is to come.
    pub(super) next: Option<(SlotCount, Mode)>,
    /// The first standby of the armed plan.
    pub(super) armed: Option<MemberId>,
    /// A failover that waits for this member.
    pub(super) waiting_for: Option<MemberId>,
    /// Members described control symbols differently.
    pub(super) mismatch: bool,
    /// By `MemberId`.
    pub(super) members: Vec<MemberFacts>,
}

/// One member of a cell.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct MemberFacts {
    pub(super) in_step: bool,
    pub(super) lost: bool,
    pub(super) fenced: bool,
    /// The lcore would take it; `None` if it has not said so.
    pub(super) ready: Option<bool>,
    /// Its PHY was started and answers.
    pub(super) phy: Option<bool>,
    /// When its last frame came, by the lcore's clock.
    pub(super) heard: Option<Instant>,
    /// By how much it is early, on the mean.
    pub(super) margin: Option<Duration>,
}

impl CellFacts {
    /// At the start: `active` speaks, `assumed` are taken as in step.
    pub(super) fn new(active: MemberId, armed: Option<MemberId>, assumed: &[bool]) -> Self {
        let member = |assumed: &bool| MemberFacts {
            in_step: *assumed,
            ..MemberFacts::default()
        };
        Self {
            seen: false,
            at: Instant(0),
            slot: SlotCount(0),
            mode: Mode::Single(active),
            since: SlotCount(0),
            next: None,
            armed,
            waiting_for: None,
            mismatch: false,
            members: assumed.iter().map(member).collect(),
        }
    }

    /// The mode when everything scheduled has taken effect, as far as known.
    pub(super) fn last_mode(&self) -> Mode {
        self.next.map_or(self.mode, |(_, mode)| mode)
    }

    /// `member` speaks alone and nothing else is to come.
    pub(super) fn settled_on(&self, member: MemberId) -> bool {
        let alone = Mode::Single(member);
        self.mode == alone && self.last_mode() == alone && self.waiting_for.is_none()
    }

    pub(super) fn member(&self, member: MemberId) -> MemberFacts {
        self.members
            .get(member.index())
            .copied()
            .unwrap_or_default()
    }

    /// It cannot speak.
    pub(super) fn is_gone(&self, member: MemberId) -> bool {
        let member = self.member(member);
        member.fenced || member.lost
    }

    /// The lcore would take it, as far as known.
    pub(super) fn is_ready(&self, member: MemberId) -> bool {
        let facts = self.member(member);
        let good = facts.in_step && !facts.lost && !facts.fenced && facts.phy != Some(false);
        facts.ready.unwrap_or(good) && !facts.fenced && !facts.lost
    }

    /// When `slot` is on air, from what was on air last.
    pub(super) fn air(&self, slot: SlotCount, length: Duration) -> Instant {
        let ahead = slot.since(self.slot);
        self.at
            .offset(ahead.saturating_mul(length.as_nanos() as i64))
    }

    /// Takes what an event says.
    pub(super) fn hear(&mut self, event: &Event) {
        self.at = event.at;
        if event.slot > SlotCount(0) {
            self.slot = event.slot;
        }
        match event.kind {
            EventKind::Mode { mode, boundary, .. } => {
                self.mode = mode;
                self.since = boundary;
                self.next = self.next.filter(|(from, _)| *from > boundary);
                self.waiting_for = None;
            }
            EventKind::Failover { to, .. } => {
                self.waiting_for = Some(to);
                self.next = None;
            }
            EventKind::CplaneMismatch { .. } => self.mismatch = true,
            EventKind::InStep { member } => self.change(member, |facts| facts.in_step = true),
            EventKind::OutOfStep { member } => self.change(member, |facts| facts.in_step = false),
            EventKind::Lost { member, .. } => self.change(member, |facts| facts.lost = true),
            EventKind::StallEnded { member, .. } => self.change(member, |facts| facts.lost = false),
            EventKind::Fenced { member, .. } => self.change(member, |facts| facts.fenced = true),
            EventKind::Readmitted { member } => self.change(member, |facts| facts.fenced = false),
            _ => {}
        }
    }

    /// What the lcore said of readiness does not hold after a change of what it follows from.
    fn change(&mut self, member: MemberId, change: impl FnOnce(&mut MemberFacts)) {
        if let Some(facts) = self.members.get_mut(member.index()) {
            change(facts);
            facts.ready = None;
        }
    }

    /// Takes what the lcore said of itself at `at`; false if events told of what came after.
    pub(super) fn observe(&mut self, at: Instant, seen: &CellObservation) -> bool {
        let behind = self.at.nanos_since(at);
        // Further behind than a parcel ever is: the clock was set back.
        if behind > 0 && behind < STEP_NS {
            return false;
        }
        self.seen = true;
        self.at = at;
        self.slot = seen.slot.unwrap_or_default();
        self.mode = seen.mode;
        self.since = seen.since;
        self.next = seen.next_mode;
        self.armed = seen.armed;
        self.waiting_for = seen.waiting_for;
        for (facts, seen) in self.members.iter_mut().zip(seen.members.iter().flatten()) {
            *facts = MemberFacts {
                in_step: seen.in_step,
                lost: seen.lost,
                fenced: seen.role == Role::Fenced,
                ready: Some(seen.ready),
                phy: seen.phy.map(|phy| phy.running && !phy.lost),
                heard: (seen.last_heard > Instant(0)).then_some(seen.last_heard),
                margin: seen
                    .margins
                    .mean_ns()
                    .map(|mean| Duration::from_nanos(mean as u64)),
            };
        }
        true
    }
}

/// One second.
const STEP_NS: i64 = 1_000_000_000;
