//! What a change of owner cost on the FAPI plane, and what the L2 was told of the whole run: counted from the
//! messages that were exchanged.

use super::Change;
use crate::dataplane::mailbox::Mode;
use crate::dataplane::run_record::{CellRecord, Exchange, ExchangeEnd, ExchangeKind};
use crate::ran::SlotCount;

/// FAPI messages around one change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct FapiAudit {
    /// Requests that the owner of their slot was given, for slots before the boundary, back to the change before.
    pub(crate) given_before: u64,
    /// The same for slots from the boundary on, up to the next change.
    pub(crate) given_after: u64,
    /// Requests that somebody else was given.
    pub(crate) strangers_given: u64,
    /// Requests that nobody was given.
    pub(crate) dropped: u64,
    /// What the L2 was told of the slots next to the boundary.
    pub(crate) told: Told,
}

/// SLOT.indications that reached the L2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Told {
    /// Slots that it was told.
    pub(crate) slots: u64,
    /// Those made up among them.
    pub(crate) made_up: u64,
    /// Slots between the first and the last that it was never told.
    pub(crate) missing: u64,
    /// SLOT.indications of a slot that it had been told already.
    pub(crate) repeated: u64,
}

impl FapiAudit {
    /// True if the owners were given every request, and nobody else any.
    pub(crate) const fn is_clean(&self) -> bool {
        self.strangers_given == 0 && self.dropped == 0
    }
}

impl Told {
    /// Of the slots of `exchanges`, which stand in order of slot.
    pub(crate) fn of(exchanges: &[Exchange]) -> Self {
        let mut told = Self::default();
        let mut last: Option<SlotCount> = None;
        let indications = exchanges.iter().filter(|e| {
            e.kind() == ExchangeKind::Slot && !matches!(e.end, ExchangeEnd::Dropped(_))
        });
        for indication in indications {
            let step = last.map_or(1, |last| indication.slot.since(last));
            told.slots += u64::from(step > 0);
            told.missing += (step - 1).max(0) as u64;
            told.repeated += u64::from(indication.messages - u32::from(step > 0));
            told.made_up += u64::from(indication.end == ExchangeEnd::MadeUp);
            last = Some(indication.slot);
        }
        told
    }
}

/// The audit of `change`, from the one before it to the one after it.
pub(super) fn audit(
    timeline: &CellRecord,
    change: &Change,
    from: Option<SlotCount>,
    until: Option<SlotCount>,
) -> Option<FapiAudit> {
    if timeline.exchanges.is_empty() {
        return None;
    }
    let boundary = change.boundary;
    let near = between(timeline, boundary.offset(-AROUND), boundary.offset(AROUND));
    let mut audit = FapiAudit {
        told: Told::of(near),
        ..FapiAudit::default()
    };
    let before = between(timeline, from.unwrap_or_default(), boundary);
    let after = between(timeline, boundary, until.unwrap_or(SlotCount(u64::MAX)));
    for (exchanges, mode, is_before) in [
        (before, change.before, true),
        (after, Some(change.mode), false),
    ] {
        for exchange in exchanges {
            audit.count(exchange, mode, is_before);
        }
    }
    Some(audit)
}

impl FapiAudit {
    fn count(&mut self, exchange: &Exchange, mode: Option<Mode>, is_before: bool) {
        if exchange.kind() != ExchangeKind::Request {
            return;
        }
        // Two PHYs never share: of two that share the RU, the source has the requests.
        let owner = match mode {
            Some(Mode::Single(owner) | Mode::Shared { source: owner, .. }) => Some(owner),
            None => return,
        };
        let messages = u64::from(exchange.messages);
        match exchange.end {
            ExchangeEnd::Passed if exchange.member != owner => self.strangers_given += messages,
            ExchangeEnd::Passed if is_before => self.given_before += messages,
            ExchangeEnd::Passed => self.given_after += messages,
            ExchangeEnd::Dropped(_) => self.dropped += messages,
            ExchangeEnd::Null | ExchangeEnd::MadeUp => {}
        }
    }
}

fn between(timeline: &CellRecord, from: SlotCount, until: SlotCount) -> &[Exchange] {
    let all = &timeline.exchanges;
    let start = all.partition_point(|e| e.slot < from);
    let end = all.partition_point(|e| e.slot < until);
    all.get(start..end.max(start)).unwrap_or(&[])
}

/// Slots to either side of a boundary in which the L2's clock is looked at: more are never made up at once.
pub(crate) const AROUND: i64 = 32;
