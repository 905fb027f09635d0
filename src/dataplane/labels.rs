//! The words for events, roles, causes and refusals: the same in reports, API, metrics and log.

use crate::dataplane::mailbox::{AssociationEvent, Cause, DueClass, EventKind, Refusal};
use crate::dataplane::observation::Role;

impl EventKind {
    /// Every word of `label`, in order of declaration.
    pub const LABELS: [&'static str; 21] = [
        "accepted",
        "refused",
        "mode",
        "pattern",
        "in_step",
        "out_of_step",
        "due_missed",
        "stall_ended",
        "lost",
        "fenced",
        "readmitted",
        "failover",
        "failover_impossible",
        "conflict",
        "cplane_mismatch",
        "prb_use",
        "ptp_seen",
        "assigned",
        "replaced",
        "association",
        "unconfirmed",
    ];

    /// Position in `LABELS`.
    pub const fn index(&self) -> usize {
        match self {
            Self::Accepted { .. } => 0,
            Self::Refused { .. } => 1,
            Self::Mode { .. } => 2,
            Self::Pattern { .. } => 3,
            Self::InStep { .. } => 4,
            Self::OutOfStep { .. } => 5,
            Self::DueMissed { .. } => 6,
            Self::StallEnded { .. } => 7,
            Self::Lost { .. } => 8,
            Self::Fenced { .. } => 9,
            Self::Readmitted { .. } => 10,
            Self::Failover { .. } => 11,
            Self::FailoverImpossible { .. } => 12,
            Self::Conflict { .. } => 13,
            Self::CplaneMismatch { .. } => 14,
            Self::PrbUse { .. } => 15,
            Self::PtpSeen => 16,
            Self::Assigned { .. } => 17,
            Self::Replaced { .. } => 18,
            Self::Association { .. } => 19,
            Self::Unconfirmed { .. } => 20,
        }
    }

    /// The word for it.
    pub fn label(&self) -> &'static str {
        Self::LABELS.get(self.index()).copied().unwrap_or_default()
    }
}

impl AssociationEvent {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up { joined: false } => "up",
            Self::Up { joined: true } => "joined",
            Self::Restarted => "restarted",
            Self::Ended { graceful: true, .. } => "shut_down",
            Self::Ended {
                graceful: false, ..
            } => "ended",
            Self::Aborted { .. } => "aborted",
            Self::Disproved => "abort_disproved",
            Self::TagsUnknown => "tags_unknown",
            Self::Lost => "lost",
        }
    }
}

impl Refusal {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::StaleTerm => "stale_term",
            Self::BoundaryPassed => "boundary_passed",
            Self::NoSlotYet => "no_slot_yet",
            Self::UnknownMember => "unknown_member",
            Self::Fenced => "fenced",
            Self::NotInStep => "not_in_step",
            Self::Assigned => "assigned",
            Self::NotArmed => "not_armed",
            Self::Damped => "damped",
            Self::IsActive => "is_active",
            Self::Busy => "busy",
            Self::NoSfn => "no_sfn",
            Self::NotActive => "not_active",
            Self::TooSoon => "too_soon",
            Self::NotFenced => "not_fenced",
            Self::FailoverWaits => "failover_waits",
            Self::Outranked => "outranked",
        }
    }
}

impl Cause {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Command => "command",
            Self::Failover => "failover",
        }
    }
}

impl DueClass {
    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DownlinkControl => "downlink_control",
            Self::UplinkControl => "uplink_control",
            Self::DownlinkUser => "downlink_user",
        }
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Active, Self::Sharing, Self::Standby, Self::Fenced];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Sharing => "sharing",
            Self::Standby => "standby",
            Self::Fenced => "fenced",
        }
    }
}
