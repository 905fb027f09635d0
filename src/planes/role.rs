//! Member, role, switch at a slot, who may speak: the one rule that all planes share.
//!
//! Who may speak is a function of the slot that a frame belongs to, never of when it arrived: a
//! timeline of modes, each from a boundary slot on. Several speakers on disjoint resources are allowed
//! (`Mode::Shared`, told apart by the fronthaul plane), two on one never.

use crate::ran::{Duration, Instant, MemberId, SlotClock, SlotCount};
use serde::{Deserialize, Serialize};

/// Who may speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One member.
    Single(MemberId),
    /// Two members share the RU.
    Shared {
        /// Where the cell comes from.
        source: MemberId,
        /// Where it goes.
        destination: MemberId,
    },
}

impl Mode {
    /// True if `member` speaks in this mode.
    pub fn includes(self, member: MemberId) -> bool {
        match self {
            Self::Single(active) => active == member,
            Self::Shared {
                source,
                destination,
            } => source == member || destination == member,
        }
    }

    /// The member that owns the carrier: the active one, while sharing the source.
    pub const fn carrier_owner(self) -> MemberId {
        match self {
            Self::Single(active) => active,
            Self::Shared { source, .. } => source,
        }
    }
}

/// Why a mode or role changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// As configured at the start.
    Start,
    /// By a command (planned).
    Command,
    /// By the armed plan (unplanned).
    Failover,
}

/// What a member is to its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Speaks for the group.
    Active,
    /// Speaks beside the active member during a migration.
    Sharing,
    /// Hears everything, says nothing.
    Standby,
    /// May not speak until readmitted.
    Fenced,
}

/// One mode and the slot from which it holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// First slot.
    pub from: SlotCount,
    /// The mode.
    pub mode: Mode,
    /// Why.
    pub cause: Cause,
}

/// Why a member may not speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silenced {
    /// It is fenced.
    Fenced,
    /// The slot belongs to others.
    NotActive,
    /// The slot belongs to a former owner and the time for late frames is over.
    Late,
}

/// No member of any group: owns the slots of one that has left it.
pub const NOBODY: MemberId = MemberId(u8::MAX - 1);

/// The spans a group remembers and has scheduled.
const SPANS: usize = 8;

/// No room for another change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyChanges;

/// Roles of one group over slots.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Roles {
    spans: [Span; SPANS],
    len: usize,
    fenced: u8,
}

impl Roles {
    /// `mode` from the first slot on.
    pub const fn new(mode: Mode) -> Self {
        let start = Span {
            from: SlotCount(0),
            mode,
            cause: Cause::Start,
        };
        Self {
            spans: [start; SPANS],
            len: 1,
            fenced: 0,
        }
    }

    /// False if read from somewhere and not something that `schedule` and `forget_before` leave.
    pub fn is_sound(&self) -> bool {
        (1..=SPANS).contains(&self.len)
    }

    /// The span that holds `slot`.
    #[inline]
    pub fn span(&self, slot: SlotCount) -> &Span {
        let [first, ..] = &self.spans;
        self.spans
            .iter()
            .take(self.len)
            .rev()
            .find(|span| span.from <= slot)
            .unwrap_or(first)
    }

    /// The mode of `slot`.
    #[inline]
    pub fn mode(&self, slot: SlotCount) -> Mode {
        self.span(slot).mode
    }

    /// The mode that will hold once every change has taken effect.
    pub fn final_mode(&self) -> Mode {
        self.mode(SlotCount(u64::MAX))
    }

    /// The one rule: may `member` speak in `slot`, and in which mode. Slots before the boundary of the
    /// span on air are admitted until `tolerance` after that boundary's air time.
    #[inline]
    pub fn may_speak(
        &self,
        member: MemberId,
        slot: SlotCount,
        now: Instant,
        clock: &SlotClock,
        tolerance: Duration,
    ) -> Result<Mode, Silenced> {
        if self.is_fenced(member) {
            return Err(Silenced::Fenced);
        }
        if self.len == 1 {
            let [only, ..] = &self.spans;
            return Self::within(only.mode, member);
        }
        let span = self.span(slot);
        let mode = Self::within(span.mode, member)?;
        let next = self
            .spans
            .iter()
            .take(self.len)
            .find(|later| later.from > slot);
        match next {
            Some(next) if now > clock.air(next.from, 0).after(tolerance) => Err(Silenced::Late),
            _ => Ok(mode),
        }
    }

    /// From `from` on `mode` holds; changes scheduled at or after `from` are forgotten.
    pub fn schedule(
        &mut self,
        from: SlotCount,
        mode: Mode,
        cause: Cause,
    ) -> Result<(), TooManyChanges> {
        while self.len > 1 && self.last().from >= from {
            self.len -= 1;
        }
        let span = Span { from, mode, cause };
        let slot = self.spans.get_mut(self.len).ok_or(TooManyChanges)?;
        *slot = span;
        self.len += 1;
        Ok(())
    }

    /// Forgets spans that ended before the slot `oldest`.
    pub fn forget_before(&mut self, oldest: SlotCount) {
        while self.len > 1 && self.spans.get(1).is_some_and(|next| next.from <= oldest) {
            self.spans.rotate_left(1);
            self.len -= 1;
        }
    }

    /// A timeline that was: its spans in order, and bit n set if member n is fenced. `None` unless the
    /// slots rise and there is room.
    pub fn restored(spans: impl IntoIterator<Item = Span>, fenced: u8) -> Option<Self> {
        let mut spans = spans.into_iter();
        let first = spans.next()?;
        let mut roles = Self {
            spans: [first; SPANS],
            len: 1,
            fenced,
        };
        for span in spans {
            if span.from <= roles.last().from {
                return None;
            }
            roles.schedule(span.from, span.mode, span.cause).ok()?;
        }
        Some(roles)
    }

    /// Who is fenced: bit n for member n.
    pub const fn fenced(&self) -> u8 {
        self.fenced
    }

    /// The same timeline under other members' numbers, given by `now_called`; `NOBODY` for who has left.
    /// Of two that share the one who stays speaks alone; changes after `current` to nobody are dropped.
    pub fn renamed(
        &self,
        current: SlotCount,
        now_called: impl Fn(MemberId) -> Option<MemberId>,
    ) -> Self {
        let rename = |mode: Mode| match mode {
            Mode::Single(active) => Mode::Single(now_called(active).unwrap_or(NOBODY)),
            Mode::Shared {
                source,
                destination,
            } => match (now_called(source), now_called(destination)) {
                (Some(source), Some(destination)) => Mode::Shared {
                    source,
                    destination,
                },
                (one, other) => Mode::Single(one.or(other).unwrap_or(NOBODY)),
            },
        };
        let mut renamed = Self {
            len: 0,
            ..self.clone()
        };
        for span in self.spans() {
            let mode = rename(span.mode);
            if mode == Mode::Single(NOBODY) && span.from > current && renamed.len > 0 {
                continue;
            }
            if let Some(place) = renamed.spans.get_mut(renamed.len) {
                *place = Span { mode, ..*span };
                renamed.len += 1;
            }
        }
        let fenced = (0..8)
            .map(MemberId)
            .filter(|member| self.is_fenced(*member));
        renamed.fenced = fenced
            .filter_map(now_called)
            .fold(0, |bits, member| bits | 1 << (member.0 & 7));
        renamed
    }

    /// True if the mode of `slot`, or one that follows it, includes `member`, fenced or not.
    pub fn holds(&self, member: MemberId, slot: SlotCount) -> bool {
        let from = self.span(slot).from;
        self.spans()
            .any(|span| span.from >= from && span.mode.includes(member))
    }

    /// Spans in order; the first has held since before anything else.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().take(self.len)
    }

    /// True if `member` may not speak whatever the slot.
    #[inline]
    pub const fn is_fenced(&self, member: MemberId) -> bool {
        self.fenced >> (member.0 & 7) & 1 == 1
    }

    /// Fences `member`.
    pub const fn fence(&mut self, member: MemberId) {
        self.fenced |= 1 << (member.0 & 7);
    }

    /// Lets `member` take part again.
    pub const fn readmit(&mut self, member: MemberId) {
        self.fenced &= !(1 << (member.0 & 7));
    }

    /// The role of `member` in `slot`.
    pub fn role(&self, member: MemberId, slot: SlotCount) -> Role {
        if self.is_fenced(member) {
            return Role::Fenced;
        }
        match self.mode(slot) {
            Mode::Single(active) if active == member => Role::Active,
            Mode::Shared { source, .. } if source == member => Role::Active,
            Mode::Shared { destination, .. } if destination == member => Role::Sharing,
            _ => Role::Standby,
        }
    }

    fn last(&self) -> &Span {
        let [first, ..] = &self.spans;
        self.spans.get(self.len - 1).unwrap_or(first)
    }

    #[inline]
    fn within(mode: Mode, member: MemberId) -> Result<Mode, Silenced> {
        if mode.includes(member) {
            return Ok(mode);
        }
        Err(Silenced::NotActive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ran::{CyclicPrefix, Numerology};
    use proptest::prelude::*;

    const A: MemberId = MemberId(0);
    const B: MemberId = MemberId(1);
    const TOLERANCE: Duration = Duration::from_millis(10);

    fn clock() -> SlotClock {
        SlotClock::anchored(
            Numerology::new(1).unwrap(),
            CyclicPrefix::Normal,
            SlotCount(1000),
            Instant(1_000_000_000_000),
        )
    }

    fn speak(roles: &Roles, member: MemberId, slot: u64, now: Instant) -> Result<Mode, Silenced> {
        roles.may_speak(member, SlotCount(slot), now, &clock(), TOLERANCE)
    }

    #[test]
    fn a_switch_admits_the_old_owner_before_its_slot_and_the_new_one_from_it() {
        let mut roles = Roles::new(Mode::Single(A));
        roles
            .schedule(SlotCount(1000), Mode::Single(B), Cause::Command)
            .unwrap();
        let now = clock().air(SlotCount(1000), 0);
        assert!(speak(&roles, A, 999, now).is_ok());
        assert_eq!(speak(&roles, A, 1000, now), Err(Silenced::NotActive));
        assert_eq!(speak(&roles, B, 999, now), Err(Silenced::NotActive));
        assert!(speak(&roles, B, 1000, now).is_ok());
    }

    #[test]
    fn the_old_owner_is_late_once_the_tolerance_has_passed() {
        let mut roles = Roles::new(Mode::Single(A));
        roles
            .schedule(SlotCount(1000), Mode::Single(B), Cause::Command)
            .unwrap();
        let edge = clock().air(SlotCount(1000), 0).after(TOLERANCE);
        assert!(speak(&roles, A, 999, edge).is_ok());
        assert_eq!(speak(&roles, A, 999, edge.offset(1)), Err(Silenced::Late));
        assert!(speak(&roles, B, 1000, edge.offset(1)).is_ok());
    }

    #[test]
    fn a_fenced_member_may_not_speak_in_any_slot() {
        let mut roles = Roles::new(Mode::Single(A));
        roles.fence(A);
        assert_eq!(speak(&roles, A, 5, Instant(0)), Err(Silenced::Fenced));
        roles.readmit(A);
        assert!(speak(&roles, A, 5, Instant(0)).is_ok());
    }

    #[test]
    fn a_change_at_an_earlier_slot_replaces_the_later_one() {
        let mut roles = Roles::new(Mode::Single(A));
        roles
            .schedule(SlotCount(2000), Mode::Single(B), Cause::Command)
            .unwrap();
        roles
            .schedule(SlotCount(1500), Mode::Single(A), Cause::Failover)
            .unwrap();
        assert_eq!(roles.mode(SlotCount(2500)), Mode::Single(A));
    }

    #[test]
    fn too_many_pending_changes_are_refused() {
        let mut roles = Roles::new(Mode::Single(A));
        for n in 1..SPANS as u64 {
            roles
                .schedule(SlotCount(n * 10), Mode::Single(B), Cause::Command)
                .unwrap();
        }
        let next = roles.schedule(SlotCount(9999), Mode::Single(A), Cause::Command);
        assert_eq!(next, Err(TooManyChanges));
        roles.forget_before(SlotCount(30));
        assert!(
            roles
                .schedule(SlotCount(9999), Mode::Single(A), Cause::Command)
                .is_ok()
        );
    }

    #[test]
    fn under_other_numbers_the_timeline_is_the_same_without_who_has_left() {
        let mut roles = Roles::new(Mode::Single(A));
        let shared = Mode::Shared {
            source: A,
            destination: B,
        };
        roles
            .schedule(SlotCount(10), shared, Cause::Command)
            .unwrap();
        let single = Mode::Single(A);
        roles
            .schedule(SlotCount(20), single, Cause::Command)
            .unwrap();
        roles.fence(MemberId(2));
        let swapped = |member: MemberId| Some(MemberId([1, 0, 2][member.index()]));
        let other = roles.renamed(SlotCount(5), swapped);
        assert_eq!(other.mode(SlotCount(25)), Mode::Single(B));
        assert!(other.is_fenced(MemberId(2)) && !other.is_fenced(A));
        let left = roles.renamed(SlotCount(5), |member| (member == B).then_some(A));
        assert_eq!(left.mode(SlotCount(5)), Mode::Single(NOBODY));
        assert_eq!(left.mode(SlotCount(25)), Mode::Single(A));
    }

    proptest! {
        #[test]
        fn no_slot_ever_has_two_single_speakers(
            changes in proptest::collection::vec((1u64..3000, 0u8..4), 0..7),
            slot in 0u64..3000,
        ) {
            let mut roles = Roles::new(Mode::Single(A));
            for (from, member) in changes {
                roles.schedule(SlotCount(from), Mode::Single(MemberId(member)), Cause::Command).unwrap();
            }
            let now = Instant(0);
            let speakers = (0..4).filter(|m| speak(&roles, MemberId(*m), slot, now).is_ok()).count();
            prop_assert_eq!(speakers, 1);
        }
    }
}
