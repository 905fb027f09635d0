//! How far one PHY has come along the record.

use crate::ran::Instant;
use crate::wire::nfapi::{Dialect, MessageId};

/// Whether a PHY can be spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Link {
    /// No connection.
    #[default]
    Absent,
    /// Connected; it has yet to say PNF_READY.
    Connected,
    /// Requests are answered.
    Ready,
}

/// The answer that a PHY owes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Place of the request in the record; it may have left it.
    pub(super) serial: u64,
    pub(super) message: MessageId,
    /// The appliance asked on its own.
    pub(super) own: bool,
    pub(super) until: Instant,
    /// That time is over, and people were told.
    pub(super) overdue: bool,
}

/// One PHY.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) link: Link,
    /// Sequence number of the next message to it.
    pub(super) sequence: u8,
    /// Place of the last request that it answered.
    pub(super) done: u64,
    pub(super) asked: Option<Asked>,
    /// It was sent START since its last STOP.
    pub(super) started: bool,
    /// It was sent PNF_START since its last PNF_STOP.
    pub(super) pnf_started: bool,
    /// It has answered START, and was not stopped since.
    pub(super) runs: bool,
    /// The lcores know it as running.
    pub(super) running: bool,
    /// What it refused first, and where that was: it will not run as the others do.
    pub(super) refused: Option<(MessageId, u64)>,
    /// It is on its way to where the others are.
    pub(super) rebuilding: bool,
    /// Body of its PNF_READY.
    pub(super) greeting: Option<Vec<u8>>,
    /// Messages that were dropped.
    pub(super) strays: u32,
}

impl Member {
    /// A PHY that has just connected.
    pub(super) fn connected(dialect: Dialect) -> Self {
        let link = match dialect {
            // A PNF of SCF 225 opens with PNF_READY; OAI's waits for PNF_PARAM.
            Dialect::Scf225v2 => Link::Connected,
            _ => Link::Ready,
        };
        Self {
            link,
            ..Self::default()
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.link == Link::Ready
    }

    /// What being asked `message` makes of it, before it answers.
    pub(super) fn note_request(&mut self, message: MessageId) {
        match message {
            MessageId::START_REQUEST => self.started = true,
            MessageId::PNF_START_REQUEST => self.pnf_started = true,
            MessageId::STOP_REQUEST => (self.started, self.runs) = (false, false),
            MessageId::PNF_STOP_REQUEST => {
                self.note_request(MessageId::STOP_REQUEST);
                self.pnf_started = false;
            }
            _ => {}
        }
    }

    /// Its answer to the request at `serial`.
    pub(super) fn note_answer(&mut self, message: MessageId, serial: u64, refused: bool) {
        let stops = matches!(
            message,
            MessageId::STOP_REQUEST | MessageId::PNF_STOP_REQUEST
        );
        match refused {
            true if stops => {}
            true => {
                self.started &= message != MessageId::START_REQUEST || self.runs;
                self.pnf_started &= message != MessageId::PNF_START_REQUEST;
                self.refused.get_or_insert((message, serial));
            }
            false => {
                self.runs |= message == MessageId::START_REQUEST;
                let again = self.refused.is_some_and(|(first, _)| first == message);
                self.refused = self.refused.filter(|_| !again);
            }
        }
    }
}

/// True if `response` is an answer to `request`. SCF 222 answers STOP by STOP.indication, OAI by STOP.response.
pub(super) const fn answers(response: MessageId, request: MessageId) -> bool {
    matches!(
        (request, response),
        (MessageId::PARAM_REQUEST, MessageId::PARAM_RESPONSE)
            | (MessageId::CONFIG_REQUEST, MessageId::CONFIG_RESPONSE)
            | (MessageId::START_REQUEST, MessageId::START_RESPONSE)
            | (
                MessageId::STOP_REQUEST,
                MessageId::STOP_RESPONSE | MessageId::STOP_INDICATION
            )
            | (MessageId::PNF_PARAM_REQUEST, MessageId::PNF_PARAM_RESPONSE)
            | (
                MessageId::PNF_CONFIG_REQUEST,
                MessageId::PNF_CONFIG_RESPONSE
            )
            | (MessageId::PNF_START_REQUEST, MessageId::PNF_START_RESPONSE)
            | (MessageId::PNF_STOP_REQUEST, MessageId::PNF_STOP_RESPONSE)
    )
}

/// True for requests, all of which are answered.
pub(super) const fn is_request(message: MessageId) -> bool {
    matches!(
        message,
        MessageId::PARAM_REQUEST
            | MessageId::CONFIG_REQUEST
            | MessageId::START_REQUEST
            | MessageId::STOP_REQUEST
            | MessageId::PNF_PARAM_REQUEST
            | MessageId::PNF_CONFIG_REQUEST
            | MessageId::PNF_START_REQUEST
            | MessageId::PNF_STOP_REQUEST
    )
}
