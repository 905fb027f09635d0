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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::lab::{Generator, LeadProfile, Life, Plan, Tdd};
    use crate::ran::Duration;

    /// The air of a cell whose only DU lives as `changes` say: milliseconds, and whether it starts.
    fn air(changes: &[(u64, bool)]) -> AirReport {
        let text = include_str!("../../../configs/lab.yaml");
        let config = config::parse(text, "lab.yaml").unwrap().config;
        let mut plan = Plan::new(&config);
        plan.duration = Duration::from_millis(60);
        plan.open_loop = false;
        plan.tdd = vec![Tdd::of_period(1)];
        let after = |ms| plan.start.after(Duration::from_millis(ms));
        let changes = changes.iter().map(|(ms, starts)| (after(*ms), *starts));
        plan.dus[0].lives = Life::from_changes(changes);
        plan.dus[0].leads = LeadProfile::named("steady").unwrap();
        plan.dus[1].lives.clear();
        let end = after(150);
        let mut radio = RadioUnit::new(&config, 0, &plan).unwrap();
        let mut air = Air::new(CellId(0), "cell-1", vec!["du-a".to_owned()]);
        let mut generator = Generator::new(&config, plan).unwrap();
        while let Some(frame) = generator.next_frame() {
            air.settle(&radio, frame.at);
            radio.receive(frame.at, frame.bytes, frame.original_len);
        }
        // Slots behind the end of the plan are silent: the last outage is not over.
        air.settle(&radio, end);
        air.report().clone()
    }

    #[test]
    fn a_du_that_was_away_leaves_the_symbols_of_that_time_silent() {
        let report = air(&[(20, false), (30, true)]);
        let away = &report.outages[0];
        let length = away.until_ns.unwrap() - away.from_ns;
        assert!((9_000_000..=12_000_000).contains(&length), "{away:?}");
        assert!((126..=168).contains(&away.symbols), "{away:?}");
        assert_eq!(report.outages.len(), 2);
        assert_eq!(report.outages[1].until_ns, None);
        let symbols: u64 = report.outages.iter().map(|outage| outage.symbols).sum();
        assert_eq!(report.silent + report.partial, symbols);
    }

    #[test]
    fn a_du_that_speaks_always_is_heard_from_its_first_symbol_on() {
        let report = air(&[]);
        assert_eq!(report.speakers.len(), 1);
        assert_eq!(report.speakers[0].symbol, 0);
        assert_eq!(report.speakers[0].du, "du-a");
        assert_eq!(report.outages.len(), 1, "{:?}", report.outages);
    }
}
