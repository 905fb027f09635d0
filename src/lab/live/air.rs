//! Which downlink symbols of one cell reached the RU, and from whom: the outage as the radio sees it.
//!
//! A slot is judged `PATIENCE` after its air time, so that a host that stalls is not taken for silence;
//! whether a symbol came in its window is counted elsewhere.

use super::super::mark::Sender;
use super::super::radio_unit::RadioUnit;
use super::report::{AirReport, Outage, SpeakerChange};
use crate::ran::{CellId, Instant, SlotCount};

/// The air of one cell.
pub(super) struct Air {
    cell: CellId,
    dus: Vec<String>,
    next: Option<SlotCount>,
    speaker: Option<u16>,
    open: bool,
    report: AirReport,
}

impl Air {
    /// `dus` are the names by position in the configuration.
    pub(super) fn new(cell: CellId, name: &str, dus: Vec<String>) -> Self {
        Self {
            cell,
            dus,
            next: None,
            speaker: None,
            open: false,
            report: AirReport {
                cell: name.to_owned(),
                ..AirReport::default()
            },
        }
    }

    /// Judges the slots that began `PATIENCE` slots before `now`. Nothing is judged before the first downlink.
    pub(super) fn settle(&mut self, radio: &RadioUnit, now: Instant) {
        loop {
            let Some(slot) = self.next.or_else(|| radio.first_spoken(self.cell)) else {
                return;
            };
            let given_up = radio.air(self.cell, slot.offset(PATIENCE), 0);
            if given_up.is_none_or(|given_up| given_up > now) {
                return;
            }
            self.judge(radio, slot);
            self.next = Some(slot.offset(1));
        }
    }

    pub(super) fn report(&self) -> &AirReport {
        &self.report
    }

    fn judge(&mut self, radio: &RadioUnit, slot: SlotCount) {
        self.report.slots += 1;
        for (symbol, spoken) in (0..).zip(radio.spoken(self.cell, slot)) {
            let at = radio.air(self.cell, slot, symbol).unwrap_or_default();
            self.report.symbols += 1;
            self.report.silent += u64::from(spoken.streams == 0);
            self.report.partial += u64::from(spoken.streams > 0 && !spoken.whole);
            match spoken.whole {
                true => self.close(at),
                false => self.extend(slot, symbol, at),
            }
            if let Some(Sender::Du(du)) = spoken.sender {
                self.heard(du, slot, symbol, at);
            }
        }
    }

    fn extend(&mut self, slot: SlotCount, symbol: u8, at: Instant) {
        if !self.open {
            self.open = true;
            if self.report.outages.len() < KEPT {
                self.report.outages.push(Outage {
                    slot: slot.0,
                    symbol,
                    symbols: 0,
                    from_ns: at.0,
                    until_ns: None,
                });
            }
        }
        let last = self.report.outages.last_mut();
        if let Some(outage) = last.filter(|outage| outage.until_ns.is_none()) {
            outage.symbols += 1;
        }
    }

    fn close(&mut self, at: Instant) {
        if !self.open {
            return;
        }
        self.open = false;
        let last = self.report.outages.last_mut();
        if let Some(outage) = last.filter(|outage| outage.until_ns.is_none()) {
            outage.until_ns = Some(at.0);
        }
    }

    fn heard(&mut self, du: u16, slot: SlotCount, symbol: u8, at: Instant) {
        if self.speaker == Some(du) {
            return;
        }
        self.speaker = Some(du);
        if self.report.speakers.len() < KEPT {
            let name = self.dus.get(usize::from(du)).cloned();
            self.report.speakers.push(SpeakerChange {
                slot: slot.0,
                symbol,
                at_ns: at.0,
                du: name.unwrap_or_default(),
            });
        }
    }
}

/// Slots that a symbol may be late before it counts as silent; an RU remembers 64.
const PATIENCE: i64 = 40;
/// Outages and changes that are told one by one.
const KEPT: usize = 256;
