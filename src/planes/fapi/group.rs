//! Who gets what of each request, and which indication reaches the L2: one group of PHYs, as its L2 sees one.
//!
//! The role of a member is that of its cell (`planes::role`), so that fronthaul and FAPI of a PHY move at
//! one slot. Each request goes full to the one that owns its slot and as NULL, once, to every other running
//! member, one that is fenced included: it stays alive until it is readmitted, and has nothing to send on air.
//! What the L2 leaves out is made up from the clock, as a PHY without requests may fail. Indications are
//! admitted by the slot inside them, of a former owner for the depth of its pipeline.

use crate::planes::fapi::Request;
use crate::planes::fapi::book::{Book, Forgotten};
use crate::planes::fapi::ticker::{Tick, Ticker, TickerRules};
use crate::planes::fapi::uplink::Uplink;
use crate::planes::role::{Mode, Roles, Silenced};
use crate::ran::{Duration, Instant, MemberId, SlotCount};
use serde::{Deserialize, Serialize};

/// Most members of a group.
const MEMBERS: usize = 8;

/// Slots kept of what was given: well beyond any L2's lead and any PHY's pipeline.
const SLOTS: usize = 128;

/// How far a message's slot may lie from the slot on air.
const WINDOW: i64 = SLOTS as i64 / 2;

/// Slots after the last that was indicated of which an L2 may ask: it schedules what is indicated, or a little more
/// by a timer of its own. A stray request far ahead would hold every switch, and with it a failover, until then.
const LEAD: i64 = 8;

/// SLOT.indications in a row of whoever the L2 follows, too far from its clock, that begin it anew: the PHY was
/// restarted, or stood still for longer than can be filled.
const STRAYS: u8 = 32;

/// What is configured, the same for all members of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupRules {
    /// The L2's clock.
    pub ticker: TickerRules,
    /// Slots during which a former owner's indications are still admitted.
    pub pipeline: u32,
    /// Before a slot is on air: when a member that has no request for it is given a NULL one.
    pub null_deadline: Duration,
    /// Whether the active member is given those, too.
    pub active_nulls: bool,
    /// Missing SLOT.indications in a row that mean loss.
    pub confirm: u32,
}

/// Where a request goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Given {
    /// As it is.
    pub full: MemberId,
    /// As NULL: bit n for member n.
    pub nulls: u8,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestDrop {
    /// Its slot is too far from the one on air, or ahead of the one indicated.
    OutOfStep,
    /// The owner of its slot is fenced: the slot is lost.
    Fenced,
    /// The owner of its slot is not running.
    NotRunning,
    /// It says nothing, and the owner of its slot has been given that request.
    Repeated,
}

/// NULL requests that are due because the L2 sent none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NullDue {
    /// The slot.
    pub slot: SlotCount,
    /// Which request.
    pub request: Request,
    /// For whom: bit n for member n.
    pub members: u8,
}

/// Why an indication does not reach the L2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IndicationDrop {
    /// The member may not speak for that slot.
    Silenced(Silenced),
    /// The slot was indicated already, by this member or another.
    Repeated,
    /// Its slot is too far from the one on air.
    OutOfStep,
}

impl From<Silenced> for IndicationDrop {
    fn from(silenced: Silenced) -> Self {
        Self::Silenced(silenced)
    }
}

/// What a SLOT.indication makes of the L2's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotAdmitted {
    /// Indications to make up before it, from this slot on.
    pub fill_from: Option<SlotCount>,
}

/// The state of one group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    book: Book,
    ticker: Ticker,
    uplink: Uplink,
    /// Bit n: member n has been started and answers.
    running: u8,
    /// Bit n: member n has missed so many indications that it is lost.
    lost: u8,
    /// Arrival of the last SLOT.indication, by member.
    heard: [Instant; MEMBERS],
    /// Newest slot of which anybody was given anything.
    newest: SlotCount,
    /// Slots up to this one are supplied with NULL requests.
    supplied: SlotCount,
    /// Indications in a row that were too far from the L2's clock.
    strays: u8,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            book: Book::new(SLOTS),
            ticker: Ticker::default(),
            uplink: Uplink::new(SLOTS),
            running: 0,
            lost: 0,
            heard: [Instant::NEVER; MEMBERS],
            newest: SlotCount(0),
            supplied: SlotCount(0),
            strays: 0,
        }
    }
}

impl Group {
    /// `member` was started (START.response) or stopped.
    pub fn set_running(&mut self, member: MemberId, running: bool) {
        self.running &= !bit(member);
        self.lost &= !bit(member);
        if running {
            self.running |= bit(member);
        }
        if let Some(heard) = self.heard.get_mut(member.index()) {
            *heard = Instant::NEVER;
        }
    }

    /// True from START.response to STOP.
    pub const fn is_running(&self, member: MemberId) -> bool {
        self.running & bit(member) != 0
    }

    /// `member` runs, and is known to be gone before it is missed; false if it is not, or was lost before.
    pub fn lose(&mut self, member: MemberId) -> bool {
        let lost = self.running & !self.lost & bit(member) != 0;
        if lost {
            self.lost |= bit(member);
        }
        lost
    }

    /// True after loss, until heard again.
    pub const fn is_lost(&self, member: MemberId) -> bool {
        self.lost & bit(member) != 0
    }

    /// Becomes `other`, of the same shape, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        let Self {
            book,
            ticker,
            uplink,
            running,
            lost,
            heard,
            newest,
            supplied,
            strays,
        } = other;
        self.book.copy_from(book);
        self.ticker.clone_from(ticker);
        self.uplink.copy_from(uplink);
        self.running = *running;
        self.lost = *lost;
        self.heard = *heard;
        self.newest = *newest;
        self.supplied = *supplied;
        self.strays = *strays;
    }

    /// True if `copy_from` may be called with `other`.
    pub fn has_shape_of(&self, other: &Self) -> bool {
        self.book.has_shape_of(&other.book) && self.uplink.has_shape_of(&other.uplink)
    }

    /// Arrival of the last SLOT.indication of `member`; `NEVER` before the first.
    pub fn heard(&self, member: MemberId) -> Instant {
        let heard = self.heard.get(member.index());
        heard.copied().unwrap_or(Instant::NEVER)
    }

    /// The first slot of which nothing has been given to anybody: the earliest boundary of a switch.
    pub const fn next_boundary(&self) -> SlotCount {
        self.newest.offset(1)
    }

    /// The L2's clock.
    pub const fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    /// Uplink that the L2 waits for.
    pub const fn uplink(&mut self) -> &mut Uplink {
        &mut self.uplink
    }

    /// The L2 sent `request` for `slot`.
    pub fn request(
        &mut self,
        roles: &Roles,
        request: Request,
        slot: SlotCount,
        now: Instant,
    ) -> Result<Given, RequestDrop> {
        if !self.is_near(slot, now) || self.is_early(slot) {
            return Err(RequestDrop::OutOfStep);
        }
        let full = owner(roles, slot);
        if roles.is_fenced(full) {
            return Err(RequestDrop::Fenced);
        }
        if !self.is_running(full) {
            return Err(RequestDrop::NotRunning);
        }
        let others = self.running & !bit(full);
        let forgotten = |Forgotten| RequestDrop::OutOfStep;
        self.book
            .give(slot, request, bit(full))
            .map_err(forgotten)?;
        let nulls = self.book.give(slot, request, others).map_err(forgotten)?;
        self.newest = self.newest.max(slot);
        Ok(Given { full, nulls })
    }

    /// The L2 sent `request` for `slot`, without a PDU: another half of this controller may have been late with
    /// it, and the slot clock not.
    pub fn null_request(
        &mut self,
        roles: &Roles,
        request: Request,
        slot: SlotCount,
        now: Instant,
    ) -> Result<Given, RequestDrop> {
        match self.book.given(slot, request) & bit(owner(roles, slot)) {
            0 => self.request(roles, request, slot, now),
            _ => Err(RequestDrop::Repeated),
        }
    }

    /// The NULL requests that are due at `now`. Call again until there are none.
    pub fn null_due(&mut self, rules: &GroupRules, roles: &Roles, now: Instant) -> Option<NullDue> {
        let clock = *self.ticker.clock()?;
        let due = clock.slot_at(now.after(rules.null_deadline));
        // After a pause the slots that have passed are nobody's concern any more.
        let on_air = clock.slot_at(now);
        self.supplied = self.supplied.max(on_air.offset(-1));
        while self.supplied < due {
            let slot = self.supplied.offset(1);
            let mut members = self.running;
            if !rules.active_nulls {
                members &= !bit(owner(roles, slot));
            }
            for request in Request::EVERY_SLOT {
                let members = self.book.give(slot, request, members).unwrap_or(0);
                if members != 0 {
                    self.newest = self.newest.max(slot);
                    return Some(NullDue {
                        slot,
                        request,
                        members,
                    });
                }
            }
            self.supplied = slot;
        }
        None
    }

    /// `member` sent SLOT.indication for `slot`.
    pub fn slot_indicated(
        &mut self,
        rules: &GroupRules,
        roles: &Roles,
        member: MemberId,
        slot: SlotCount,
        now: Instant,
    ) -> Result<SlotAdmitted, IndicationDrop> {
        let before = self.heard(member);
        if let Some(heard) = self.heard.get_mut(member.index()) {
            *heard = now;
        }
        // What a host kept back for long comes at once: that tells of a stall, not of another clock.
        let half_slot = rules.ticker.numerology.slot_duration().as_nanos() as i64 / 2;
        let paced = before == Instant::NEVER || now.nanos_since(before) >= half_slot;
        self.lost &= !bit(member);
        speaks(roles, member, slot)?;
        if self.ticker.clock().is_none() {
            // Slots that were never indicated are nobody's; nor are those of another clock.
            let ahead = self.newest.since(slot);
            if self.newest != SlotCount(0) && !(-WINDOW..=LEAD).contains(&ahead) {
                self.forget(slot);
            }
            self.supplied = slot.offset(-1);
        }
        let tick = self.ticker.heard(&rules.ticker, slot, now);
        let strays = std::mem::take(&mut self.strays);
        match tick {
            Tick::Forward => Ok(SlotAdmitted { fill_from: None }),
            Tick::FillThenForward { from } => Ok(SlotAdmitted {
                fill_from: Some(from),
            }),
            Tick::Repeated => Err(IndicationDrop::Repeated),
            Tick::OutOfStep if strays + u8::from(paced) < STRAYS => {
                self.strays = strays + u8::from(paced);
                Err(IndicationDrop::OutOfStep)
            }
            Tick::OutOfStep => {
                self.begin_anew(rules, slot, now);
                Ok(SlotAdmitted { fill_from: None })
            }
        }
    }

    /// The L2's clock goes on at `slot`; what was given of other slots is forgotten.
    fn begin_anew(&mut self, rules: &GroupRules, slot: SlotCount, now: Instant) {
        self.ticker.set(&rules.ticker, slot, now);
        self.forget(slot);
        self.supplied = self.newest;
    }

    /// What was given and asked by another clock, of which `slot` is none.
    fn forget(&mut self, slot: SlotCount) {
        self.book.clear();
        self.uplink.clear();
        self.newest = slot.offset(-1);
    }

    /// The slot whose SLOT.indication is to be made up at `now`. Call again until there is none.
    pub fn slot_due(&mut self, rules: &GroupRules, now: Instant) -> Option<SlotCount> {
        self.ticker.make_up(&rules.ticker, now)
    }

    /// `member` sent another indication, of `slot`.
    pub fn indicated(
        &self,
        rules: &GroupRules,
        roles: &Roles,
        member: MemberId,
        slot: SlotCount,
        now: Instant,
    ) -> Result<(), IndicationDrop> {
        if !self.is_near(slot, now) {
            return Err(IndicationDrop::OutOfStep);
        }
        if let Some(clock) = self.ticker.clock() {
            let slot_nanos = rules.ticker.numerology.slot_duration().as_nanos();
            let depth = Duration::from_nanos(u64::from(rules.pipeline) * slot_nanos);
            roles.may_speak(member, slot, now, clock, depth)?;
        }
        speaks(roles, member, slot)?;
        Ok(())
    }

    /// The running member that has missed `confirm` SLOT.indications at `now` and is not yet lost; it then
    /// is. Call again until there is none.
    pub fn lost_member(&mut self, rules: &GroupRules, now: Instant) -> Option<MemberId> {
        let members = (0..MEMBERS as u8).map(MemberId);
        let mut silent = members.filter(|member| {
            self.running & !self.lost & bit(*member) != 0 && self.silent_from(rules, *member) <= now
        });
        let member = silent.next()?;
        self.lost |= bit(member);
        Some(member)
    }

    /// True if `member` was heard before and has let a SLOT.indication pass by `now` that it owed: it may be lost
    /// with the one that it would take over from.
    pub fn misses(&self, rules: &GroupRules, member: MemberId, now: Instant) -> bool {
        let slot = rules.ticker.numerology.slot_duration();
        self.heard(member).after(slot).after(rules.ticker.grace) <= now
    }

    /// When any of `null_due`, `slot_due` and `lost_member` has something to do.
    pub fn deadline(&self, rules: &GroupRules) -> Instant {
        let nulls = self.ticker.clock().map_or(Instant::NEVER, |clock| {
            let air = clock.air(self.supplied.offset(1), 0);
            air.before(rules.null_deadline)
        });
        let members = (0..MEMBERS as u8).map(MemberId);
        let silence = members
            .filter(|member| self.running & !self.lost & bit(*member) != 0)
            .map(|member| self.silent_from(rules, member));
        silence
            .chain([nulls, self.ticker.deadline(&rules.ticker)])
            .min()
            .unwrap_or(Instant::NEVER)
    }

    fn silent_from(&self, rules: &GroupRules, member: MemberId) -> Instant {
        let heard = self.heard.get(member.index()).copied();
        let slots = u64::from(rules.confirm.max(1));
        let slot = rules.ticker.numerology.slot_duration().as_nanos();
        let patience = Duration::from_nanos(slots * slot);
        let from = heard.unwrap_or(Instant::NEVER);
        from.after(patience).after(rules.ticker.grace)
    }

    /// True if `slot` is further ahead than an L2 asks.
    fn is_early(&self, slot: SlotCount) -> bool {
        self.ticker.clock().is_some() && slot.since(self.ticker.next()) >= LEAD
    }

    /// True if `slot` may be one of this cell's now; any is before the first SLOT.indication.
    pub fn is_near(&self, slot: SlotCount, now: Instant) -> bool {
        self.ticker
            .clock()
            .is_none_or(|clock| slot.since(clock.slot_at(now)).abs() <= WINDOW)
    }
}

/// The one that speaks for `slot`. Two PHYs never share one, so a fronthaul migration's source stands for both.
fn owner(roles: &Roles, slot: SlotCount) -> MemberId {
    match roles.mode(slot) {
        Mode::Single(active) => active,
        Mode::Shared { source, .. } => source,
    }
}

fn speaks(roles: &Roles, member: MemberId, slot: SlotCount) -> Result<(), Silenced> {
    if roles.is_fenced(member) {
        return Err(Silenced::Fenced);
    }
    match owner(roles, slot) == member {
        true => Ok(()),
        false => Err(Silenced::NotActive),
    }
}

const fn bit(member: MemberId) -> u8 {
    1 << (member.0 & 7)
}

#[cfg(test)]
mod tests;
