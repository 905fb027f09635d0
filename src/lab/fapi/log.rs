//! What an emulated L2 or PHY noticed: counts, and of each kind of fault the first few with slot and time.

use crate::ran::{Instant, SlotCount};
use crate::wire::nfapi::MessageId;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A kind of fault: how often, over which slots, and the first few.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Faults {
    /// How many.
    pub count: u64,
    /// Lowest and highest slot that was touched, unwrapped.
    pub slots: Option<(u64, u64)>,
    /// The first few.
    pub first: Vec<Fault>,
}

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Message by the standard.
    pub message: Cow<'static, str>,
    /// Slot that it is about, unwrapped.
    pub slot: u64,
    /// When it was noticed.
    pub at_ns: u64,
}

impl Faults {
    pub(super) fn note(&mut self, message: &'static str, slot: SlotCount, now: Instant) {
        self.count += 1;
        let (low, high) = self.slots.unwrap_or((slot.0, slot.0));
        self.slots = Some((low.min(slot.0), high.max(slot.0)));
        if self.first.len() < KEPT {
            self.first.push(Fault {
                message: Cow::Borrowed(message),
                slot: slot.0,
                at_ns: now.0,
            });
        }
    }
}

/// Requests by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Requests {
    /// DL_TTI.
    pub dl_tti: u64,
    /// UL_TTI.
    pub ul_tti: u64,
    /// UL_DCI.
    pub ul_dci: u64,
    /// TX_DATA.
    pub tx_data: u64,
}

impl Requests {
    pub(super) const fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::DlTti => &mut self.dl_tti,
            Kind::UlTti => &mut self.ul_tti,
            Kind::UlDci => &mut self.ul_dci,
            Kind::TxData => &mut self.tx_data,
        }
    }
}

/// Answers by kind: blocks of CRC and RX_DATA, messages of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Answers {
    /// Transport blocks that were decoded, or could not be.
    pub crc: u64,
    /// Of those, the ones that could not be decoded.
    pub failed_crc: u64,
    /// Transport blocks delivered.
    pub rx_data: u64,
    /// UCI.indication.
    pub uci: u64,
    /// RACH.indication.
    pub rach: u64,
}

/// The four requests of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    DlTti,
    UlTti,
    UlDci,
    TxData,
}

impl Kind {
    pub(super) const fn of(message: MessageId) -> Option<Self> {
        match message {
            MessageId::DL_TTI_REQUEST => Some(Self::DlTti),
            MessageId::UL_TTI_REQUEST => Some(Self::UlTti),
            MessageId::UL_DCI_REQUEST => Some(Self::UlDci),
            MessageId::TX_DATA_REQUEST => Some(Self::TxData),
            _ => None,
        }
    }

    pub(super) const fn message(self) -> MessageId {
        match self {
            Self::DlTti => MessageId::DL_TTI_REQUEST,
            Self::UlTti => MessageId::UL_TTI_REQUEST,
            Self::UlDci => MessageId::UL_DCI_REQUEST,
            Self::TxData => MessageId::TX_DATA_REQUEST,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::DlTti => "DL_TTI.request",
            Self::UlTti => "UL_TTI.request",
            Self::UlDci => "UL_DCI.request",
            Self::TxData => "TX_DATA.request",
        }
    }
}

/// Faults of a kind that are kept whole.
const KEPT: usize = 8;
