//! Commands in, events out, and the trait of whoever decides beside the lcore.
//!
//! Queues are bounded: control waits, lcores count what they could not say.

use crossbeam_queue::ArrayQueue;
use serde::{Deserialize, Serialize};

use crate::dataplane::observation::Observation;
use crate::dataplane::recorder::{Recording, Trigger};
use crate::dataplane::replacement::Replacement;
pub use crate::planes::{
    evidence::Signal,
    fronthaul::pattern::{MAX_PATTERN, PatternBits},
    fronthaul::usage::MAX_MEMBERS,
    liveness::DueClass,
    midhaul::End,
    role::{Cause, Mode},
};
use crate::ran::{CellId, Instant, MemberId, SlotCount, StreamId};

/// Parcels under way in each direction at most.
const PARCELS: usize = 8;

/// Commands one way and events the other, between one lcore and control; shared by both threads. Full
/// queues never block: control keeps a command and offers it again, the lcore counts the event it lost.
/// What is large travels as a parcel that control allocates, the lcore fills or uses, and control frees.
#[derive(Debug)]
pub struct Mailbox {
    /// Written by control, read by the lcore.
    commands: ArrayQueue<Command>,
    /// Written by the lcore, read by control.
    events: ArrayQueue<Event>,
    /// Written by control, read by the lcore.
    orders: ArrayQueue<Parcel>,
    /// Written by the lcore, read by control. Has room for every order, so that none is lost.
    returns: ArrayQueue<Parcel>,
}

/// What travels to the lcore and back again.
#[derive(Debug)]
pub enum Parcel {
    /// To be filled with what the lcore knows.
    Observation(Box<Observation>),
    /// Tables and state to be put in force; comes back with the retired ones.
    Replacement(Box<Replacement>),
    /// To be changed for what the flight recorder holds of a cell.
    Recording(Box<Recording>),
    /// From the lcore: the recording of a cell is to be fetched, or it needs memory for one.
    RecordingDue {
        /// The cell.
        cell: CellId,
        /// What happened.
        trigger: Trigger,
    },
}

impl Mailbox {
    /// Room for so many commands and events.
    pub fn new(commands: usize, events: usize) -> Self {
        Self {
            commands: ArrayQueue::new(commands.max(1)),
            events: ArrayQueue::new(events.max(1)),
            orders: ArrayQueue::new(PARCELS),
            returns: ArrayQueue::new(PARCELS),
        }
    }

    /// Control's side: gives the parcel back if the lcore has not taken the last ones yet.
    pub fn order(&self, parcel: Parcel) -> Result<(), Parcel> {
        self.orders.push(parcel)
    }

    /// Control's side: the next parcel that came back.
    pub fn collect(&self) -> Option<Parcel> {
        self.returns.pop()
    }

    /// The lcore's side: the next parcel, if the way back has room for it.
    #[inline]
    pub fn unpack(&self) -> Option<Parcel> {
        if self.returns.is_full() {
            return None;
        }
        self.orders.pop()
    }

    /// The lcore's side: true if a parcel can be sent back.
    #[inline]
    pub fn has_way_back(&self) -> bool {
        !self.returns.is_full()
    }

    /// The lcore's side: sends a parcel back; gives it back if control is behind.
    pub fn send_back(&self, parcel: Parcel) -> Result<(), Parcel> {
        self.returns.push(parcel)
    }

    /// Control's side: false if the lcore has not taken the last commands yet.
    pub fn post(&self, command: Command) -> bool {
        self.commands.push(command).is_ok()
    }

    /// Control's side: the next event.
    pub fn hear(&self) -> Option<Event> {
        self.events.pop()
    }

    /// The lcore's side: the next command.
    #[inline]
    pub fn take(&self) -> Option<Command> {
        self.commands.pop()
    }

    /// The lcore's side: false if control is behind and the event is lost.
    #[inline]
    pub fn say(&self, event: Event) -> bool {
        self.events.push(event).is_ok()
    }
}

/// A change to one cell at a boundary.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Command {
    /// Named again in the event that answers it.
    pub id: u32,
    /// Monotonic: an lcore refuses a command older than what it holds.
    pub term: u64,
    /// The cell.
    pub cell: CellId,
    /// When it applies.
    pub boundary: Boundary,
    /// What applies.
    pub action: Action,
}

/// When a command applies; the answer names the slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// The first slot of which nothing has been sent to the RU yet.
    Next,
    /// This many slots after the slot now on air.
    InSlots(u32),
    /// A slot of the cell.
    Slot(SlotCount),
    /// The next time this SFN and slot come around.
    Sfn {
        /// 0..=1023; needs GPS time.
        sfn: u16,
        /// Slot in frame.
        slot: u16,
    },
    /// The first slot on air at or after this instant.
    At(Instant),
}

/// What a command changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// From the boundary only `to` may speak.
    Switch {
        /// The new active member.
        to: MemberId,
    },
    /// From the boundary two members share the RU.
    Share {
        /// Active until now.
        source: MemberId,
        /// Where the cell is going.
        destination: MemberId,
    },
    /// From the boundary slots are owned by this pattern.
    Pattern(PatternBits),
    /// As if the active member were lost now: it is fenced, and the standby takes over from the first
    /// slot that it begins after this.
    FailOver {
        /// Who takes over; `None`: whom the armed plan would take.
        to: Option<MemberId>,
    },
    /// The member may not speak, at once.
    Fence {
        /// The member.
        member: MemberId,
    },
    /// The member may take part again, as a standby.
    Readmit {
        /// The member.
        member: MemberId,
    },
    /// The member's PHY was started, or stopped: what P5 says.
    Phy {
        /// The member.
        member: MemberId,
        /// From START to STOP.
        runs: bool,
    },
    /// The member's PHY ran and does no longer, though nobody stopped it: what P5 says. It is lost.
    PhyGone {
        /// The member.
        member: MemberId,
    },
    /// The failover plan: who takes over, or nobody.
    Arm {
        /// The standby.
        standby: Option<MemberId>,
    },
}

/// Something an operator or a controller may want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// Term of the tables in force then: what the indices in it mean.
    #[serde(default)]
    pub term: u64,
    /// In which cell.
    pub cell: CellId,
    /// The slot on air then.
    pub slot: SlotCount,
    /// What.
    pub kind: EventKind,
}

/// The kinds of event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A command will apply at this slot.
    Accepted {
        /// The command.
        command: u32,
        /// From this slot.
        boundary: SlotCount,
    },
    /// A command was refused.
    Refused {
        /// The command.
        command: u32,
        /// Why.
        why: Refusal,
    },
    /// Who may speak from `boundary`: its first slot is on air or its first frame has been sent.
    Mode {
        /// The mode.
        mode: Mode,
        /// From this slot.
        boundary: SlotCount,
        /// Planned, or by failover.
        cause: Cause,
    },
    /// A slot pattern applies.
    Pattern {
        /// The pattern.
        pattern: PatternBits,
        /// From this slot.
        boundary: SlotCount,
    },
    /// A member's frames are within the step window.
    InStep {
        /// The member.
        member: MemberId,
    },
    /// A member has had no frame within the step window for the configured time.
    OutOfStep {
        /// The member.
        member: MemberId,
    },
    /// A due slot closed empty.
    DueMissed {
        /// The member.
        member: MemberId,
        /// Which of its classes was due.
        class: DueClass,
        /// The slot.
        due_slot: SlotCount,
        /// When it was due.
        due_at: Instant,
        /// How many due slots in a row are empty now.
        run: u32,
    },
    /// A member was heard again after `run` empty due slots.
    StallEnded {
        /// The member.
        member: MemberId,
        /// Due slots that stayed empty.
        run: u32,
    },
    /// A member is silent on a plane: `confirm` due slots in a row stayed empty, or SLOT.indications.
    Lost {
        /// The member.
        member: MemberId,
        /// Its last valid frame.
        last_heard: Instant,
        /// Due instant of the first of the empty slots.
        due_at: Instant,
        /// On which plane.
        #[serde(default)]
        signal: Signal,
    },
    /// A member may not speak any more.
    Fenced {
        /// The member.
        member: MemberId,
        /// By command or failover.
        cause: Cause,
    },
    /// A fenced member is a standby again.
    Readmitted {
        /// The member.
        member: MemberId,
    },
    /// The armed plan has been decided: waiting for the standby's first C-plane of a slot.
    Failover {
        /// The lost member.
        from: MemberId,
        /// The standby.
        to: MemberId,
        /// Last valid frame of the lost member.
        last_heard: Instant,
        /// Due instant of the slot that decided.
        due_at: Instant,
    },
    /// The active member is lost and nobody can take over.
    FailoverImpossible {
        /// The lost member.
        from: MemberId,
        /// Why.
        why: Refusal,
    },
    /// Two members on one eAxC and symbol: the later was dropped. Told once a slot.
    Conflict {
        /// The RU-side stream.
        stream: StreamId,
        /// The slot.
        on: SlotCount,
        /// The symbol.
        symbol: u8,
        /// Who had spoken.
        holder: MemberId,
        /// Who was dropped.
        refused: MemberId,
    },
    /// Owner-wins does not hold: members describe control symbols differently; splitting instead.
    CplaneMismatch {
        /// The member whose description differs.
        member: MemberId,
        /// The slot.
        on: SlotCount,
    },
    /// Downlink PRB-symbols that each member announced or used in one slot, dropped frames included.
    PrbUse {
        /// The slot.
        on: SlotCount,
        /// By member.
        used: [u32; MAX_MEMBERS],
    },
    /// PTP goes through the data path, which ruins its accuracy.
    PtpSeen,
    /// A pooled member was assigned to this cell (or let go).
    Assigned {
        /// The member.
        member: MemberId,
        /// To this cell, or to none.
        assigned: bool,
    },
    /// The cell is new, or its configuration has changed, under tables of this term.
    Replaced {
        /// The term.
        term: u64,
        /// True if the cell was not there before.
        new: bool,
    },
    /// Something about the midhaul associations of a DU.
    Association {
        /// The DU.
        member: MemberId,
        /// What.
        what: AssociationEvent,
    },
    /// The active member is silent on a plane, but not on as many as the failover waits for.
    Unconfirmed {
        /// The member.
        member: MemberId,
        /// Silent on so many that count.
        silent: u8,
        /// Lost once it is silent on so many.
        needed: u8,
    },
}

/// What happened to midhaul associations of a DU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssociationEvent {
    /// One is up: it could be aborted.
    Up {
        /// Met in the middle; else its handshake was seen.
        joined: bool,
    },
    /// One began anew between the same ends: no failure.
    Restarted,
    /// One has ended.
    Ended {
        /// Who ended it.
        by: End,
        /// By SHUTDOWN, else by ABORT.
        graceful: bool,
    },
    /// The DU is gone: its CU was told.
    Aborted {
        /// How many associations ended thus.
        associations: u8,
    },
    /// The CU went on with an association after it was told: told again.
    Disproved,
    /// The DU is gone, and no tag is known with which its CU could be told.
    TagsUnknown,
    /// The DU is gone, and its CU is not to be told.
    Lost,
}

/// Why a command or failover cannot be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Its term is older than the cell's.
    StaleTerm,
    /// Frames of the boundary's slot have been sent already, or dropped of the one who is to speak.
    BoundaryPassed,
    /// The cell has no slot count yet.
    NoSlotYet,
    /// No such member.
    UnknownMember,
    /// The member is fenced.
    Fenced,
    /// The member is not in step.
    NotInStep,
    /// A pooled member serves another cell.
    Assigned,
    /// No standby is armed.
    NotArmed,
    /// The last failover was too recent.
    Damped,
    /// The active member cannot be fenced or shared with itself.
    IsActive,
    /// Too many changes are pending.
    Busy,
    /// SFN needs GPS time, or the value is out of range.
    NoSfn,
    /// The source of a migration must be the active member.
    NotActive,
    /// A pattern must be published `pattern_lead` slots before it applies.
    TooSoon,
    /// Only a fenced member can be readmitted.
    NotFenced,
    /// A failover has been decided and waits for its member to begin a slot.
    FailoverWaits,
    /// The pooled member was given to a cell of higher priority before it had begun to speak.
    Outranked,
}

/// Whoever decides beside the lcore: the controller, a scenario, a test. Implemented without I/O.
pub trait Director {
    /// Told of each event in order; pushes commands.
    fn on_event(&mut self, now: Instant, event: &Event, commands: &mut Vec<Command>);

    /// Told that time went on; pushes commands. Whoever waits for nothing but events needs none of this.
    fn on_tick(&mut self, _now: Instant, _commands: &mut Vec<Command>) {}

    /// When it wants to be told next; `Instant::NEVER` if not at all.
    fn next_tick(&self) -> Instant {
        Instant::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: u64) -> Event {
        Event {
            at: Instant(at),
            term: 0,
            cell: CellId(0),
            slot: SlotCount(0),
            kind: EventKind::PtpSeen,
        }
    }

    #[test]
    fn a_full_mailbox_refuses_and_keeps_what_it_has_in_order() {
        let mailbox = Mailbox::new(1, 2);
        assert!(mailbox.say(event(1)) && mailbox.say(event(2)));
        assert!(!mailbox.say(event(3)));
        assert_eq!(mailbox.hear(), Some(event(1)));
        assert!(mailbox.say(event(4)));
        assert_eq!(
            (mailbox.hear(), mailbox.hear()),
            (Some(event(2)), Some(event(4)))
        );
        let command = Command {
            id: 1,
            term: 1,
            cell: CellId(0),
            boundary: Boundary::Next,
            action: Action::Arm { standby: None },
        };
        assert!(mailbox.post(command));
        assert!(!mailbox.post(command));
        assert_eq!((mailbox.take(), mailbox.take()), (Some(command), None));
    }
}
