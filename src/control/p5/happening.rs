//! What people are told of P5: who came and went, who refused what, what was not understood.

use crate::control::p5::settings::Settings;
use crate::control::tidings::{Severity, Tiding};
use crate::ran::{Instant, MemberId};
use crate::wire::WireError;
use crate::wire::nfapi::indication::ErrorCode;
use crate::wire::nfapi::{Dialect, MessageId, PhyId};
use serde_json::json;
use std::io;
use std::net::IpAddr;

/// Something that happened on one of the connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happening {
    /// The PHY; `None`: the L2.
    pub member: Option<MemberId>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It is connected.
    Connected,
    /// It cannot be reached; more attempts follow.
    Unreachable(io::ErrorKind),
    /// Somebody who is no member of the group connected, and was disconnected.
    Stranger(IpAddr),
    /// Its connection ended.
    Gone,
    /// The appliance ended its connection.
    Closed(Reason),
    /// It answered with an error code.
    Refused(MessageId, ErrorCode),
    /// The L2 was given this member's refusal, though others did not refuse.
    RefusalGiven(MessageId, ErrorCode),
    /// It has not answered in time.
    Silent(MessageId),
    /// Nobody whose answer counts has answered the L2 in time.
    Unanswered(MessageId),
    /// It was brought to where the L2 has brought the others.
    Rebuilt,
    /// It is running.
    Started,
    /// It stopped on its own.
    Stopped,
    /// ERROR.indication of a member that is not active. Kept from the L2.
    Error,
    /// A message that nothing asked for, or of a member that may not speak. Dropped.
    Unexpected(MessageId),
    /// A message to or from a PHY that is not configured. Dropped.
    UnknownPhy(MessageId, PhyId),
    /// A message that should carry a P7 address, and does not, so that its reader must have it configured.
    NoAddress(MessageId),
    /// A request was recorded that a returning member will not be given: there are too many.
    Forgotten(MessageId),
}

/// Why the appliance ends a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// What it sent cannot be read.
    Malformed(WireError),
    /// It sends faster than it is answered.
    TooManyRequests,
    /// It did not stop when it was told to.
    NotStopped,
    /// It does not read what it is sent.
    NotReading,
    /// It is connected anew.
    Replaced,
}

impl Happening {
    /// As an event.
    pub fn tiding(&self, at: Instant, settings: &Settings) -> Tiding {
        let peer = match self.what {
            What::Stranger(address) => address.to_string(),
            _ => self
                .member
                .map_or("the L2", |member| settings.name(member))
                .to_owned(),
        };
        Tiding {
            at,
            kind: self.what.kind(),
            severity: self.what.severity(),
            message: format!("{}: {peer} {}", settings.cell, self.words(settings.dialect)),
            details: json!({
                "cell": settings.cell,
                "member": self.member.map(|member| settings.name(member)),
            }),
        }
    }

    /// The predicate of the sentence whose subject is the peer.
    fn words(&self, dialect: Dialect) -> String {
        let name = |message: &MessageId| message.name(dialect);
        match &self.what {
            What::Connected => "is connected".to_owned(),
            What::Unreachable(kind) => format!("cannot be reached yet: {kind}"),
            What::Stranger(_) => "is no PHY of this cell, and was disconnected".to_owned(),
            What::Gone => "has ended its connection".to_owned(),
            What::Closed(reason) => format!("is disconnected: {}", reason.words()),
            What::Refused(message, error) => {
                format!("refused {}: {} ({})", name(message), error.0, error.name())
            }
            What::RefusalGiven(message, error) => format!(
                "alone decided what the L2 is told of {}: {} ({})",
                name(message),
                error.0,
                error.name()
            ),
            What::Silent(message) => format!("has not answered {} in time", name(message)),
            What::Unanswered(message) => {
                format!("waits for an answer to {}", name(message))
            }
            What::Rebuilt => "was brought to the state of the others".to_owned(),
            What::Started => "is running".to_owned(),
            What::Stopped => "stopped on its own".to_owned(),
            What::Error => "sent ERROR.indication, which is kept from the L2".to_owned(),
            What::Unexpected(message) => {
                format!("sent {}, which is dropped", name(message))
            }
            What::UnknownPhy(message, phy) => format!(
                "sent {} for PHY_ID {}, which is not configured",
                name(message),
                phy.0
            ),
            What::NoAddress(message) => format!(
                "sent {} without a P7 address: the reader must have that of the appliance configured",
                name(message)
            ),
            What::Forgotten(message) => format!(
                "sent more than is recorded: a member that returns is not given an old {}",
                name(message)
            ),
        }
    }
}

impl What {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Connected | Self::Gone | Self::Closed(_) | Self::Rebuilt | Self::Started => {
                "p5_connection"
            }
            Self::Refused(..) | Self::RefusalGiven(..) => "p5_refused",
            _ => "p5_trouble",
        }
    }

    const fn severity(&self) -> Severity {
        match self {
            Self::Connected | Self::Rebuilt | Self::Started | Self::NoAddress(_) => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

impl Reason {
    fn words(&self) -> String {
        match self {
            Self::Malformed(error) => format!("what it sent cannot be read ({error})"),
            Self::TooManyRequests => "it sends faster than it is answered".to_owned(),
            Self::NotStopped => "it did not stop when told to".to_owned(),
            Self::NotReading => "it does not read what it is sent".to_owned(),
            Self::Replaced => "it has connected anew".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::p5::settings::{Answer, example};

    fn told(member: Option<u8>, what: What) -> Tiding {
        let settings = example(2, Answer::Active, Dialect::OaiNfapi);
        let member = member.map(MemberId);
        Happening { member, what }.tiding(Instant(7), &settings)
    }

    #[test]
    fn a_refusal_names_cell_phy_message_and_error() {
        let what = What::Refused(MessageId::CONFIG_REQUEST, ErrorCode(2));
        let tiding = told(Some(1), what);
        let expected = "cell-1: phy-1 refused CONFIG.request: 2 (INVALID_CONFIG)";
        assert_eq!(tiding.message, expected);
        assert_eq!(tiding.details, json!({"cell": "cell-1", "member": "phy-1"}));
        assert_eq!(tiding.severity, Severity::Warning);
    }

    #[test]
    fn a_stranger_is_named_by_its_address() {
        let tiding = told(None, What::Stranger([192, 0, 2, 9].into()));
        let expected = "cell-1: 192.0.2.9 is no PHY of this cell, and was disconnected";
        assert_eq!(tiding.message, expected);
    }

    #[test]
    fn every_kind_is_one_that_control_has() {
        let message = MessageId::START_REQUEST;
        for what in [
            What::Connected,
            What::Refused(message, ErrorCode(1)),
            What::Silent(message),
        ] {
            assert!(crate::control::tidings::KINDS.contains(&what.kind()));
        }
    }
}
