//! Everything that one DU can say in one cell: the bodies of its messages, made once.

use super::body::{ControlBody, Used, UserBody, UserFormat, ud_comp_hdr};
use super::plan::{DuPlan, Load};
use super::radio_cell::Asked;
use super::random::Random;
use super::style::Style;
use crate::config::model::Cell;
use crate::ran::Direction;
use std::ops::Range;

/// Bodies by number, and which numbers make up a slot.
#[derive(Debug)]
pub(super) struct Repertoire {
    style: Style,
    control: Vec<ControlBody>,
    /// What each body of `control` asks of the RU; empty for downlink.
    requests: Vec<Vec<Asked>>,
    control_ranges: Vec<((Direction, u8), Range<usize>)>,
    prach: usize,
    user: Vec<UserBody>,
    /// Two for each symbol group: without and with the SSB.
    user_ranges: Vec<Range<usize>>,
}

impl Repertoire {
    pub(super) fn new(plan: &DuPlan, cell: &Cell, format: UserFormat, random: &mut Random) -> Self {
        let mut made = Self {
            style: plan.style,
            control: Vec::new(),
            requests: Vec::new(),
            control_ranges: Vec::new(),
            prach: 0,
            user: Vec::new(),
            user_ranges: Vec::new(),
        };
        made.add_control_bodies(cell);
        made.add_user_bodies(plan.load, format, random);
        made
    }

    /// The messages that describe a slot with `symbols` symbols of `direction`.
    pub(super) fn control_of(&self, direction: Direction, symbols: u8) -> Range<usize> {
        let key = (direction, symbols);
        let found = self.control_ranges.iter().find(|(of, _)| *of == key);
        found.map_or(0..0, |(_, range)| range.clone())
    }

    /// The PRACH request.
    pub(super) const fn prach(&self) -> usize {
        self.prach
    }

    /// The messages that carry a downlink symbol, with the SSB's PRBs in use where it is on air.
    pub(super) fn user_of(&self, symbol: u8, broadcast: bool) -> Range<usize> {
        let ssb = broadcast && SSB_SYMBOLS.contains(&symbol);
        let place = 2 * self.style.group(symbol) + usize::from(ssb);
        self.user_ranges.get(place).map_or(0..0, Range::clone)
    }

    /// A C-plane body by number.
    pub(super) fn control(&self, number: usize) -> Option<&ControlBody> {
        self.control.get(number)
    }

    /// A U-plane body by number.
    pub(super) fn user(&self, number: usize) -> Option<&UserBody> {
        self.user.get(number)
    }

    /// What a UL C-plane body asks of the RU.
    pub(super) fn asked(&self, number: usize) -> &[Asked] {
        self.requests.get(number).map_or(&[], Vec::as_slice)
    }

    fn add_control_bodies(&mut self, cell: &Cell) {
        let symbols = cell.prefix.symbols_per_slot();
        let carrier = cell.carrier_prbs;
        let header = ud_comp_hdr(cell.uplink_compression);
        for count in 1..=symbols {
            let downlink = ControlBody::section_type_1(self.style, carrier, (0, count), 0);
            self.add_control((Direction::Downlink, count), downlink, Vec::new());
            let part = (symbols - count, count);
            let uplink = ControlBody::section_type_1(self.style, carrier, part, header);
            let messages = self.style.messages(carrier, part.0, part.1);
            let requests = messages
                .iter()
                .map(|message| Asked::of(message.start_symbol, &message.sections));
            self.add_control((Direction::Uplink, count), uplink, requests.collect());
        }
        self.prach = self.control.len();
        let mu = cell.numerology.mu();
        self.control.push(ControlBody::prach(carrier, mu, header));
        self.requests.push(vec![Asked::prach(carrier)]);
    }

    fn add_control(
        &mut self,
        key: (Direction, u8),
        bodies: Vec<ControlBody>,
        requests: Vec<Vec<Asked>>,
    ) {
        let from = self.control.len();
        self.control.extend(bodies);
        self.requests.extend(requests);
        self.requests.resize(self.control.len(), Vec::new());
        self.control_ranges.push((key, from..self.control.len()));
    }

    fn add_user_bodies(&mut self, load: Load, format: UserFormat, random: &mut Random) {
        let percent = match load {
            Load::Busy(percent) => percent.min(100),
            Load::Idle => 0,
        };
        let data = Used {
            first: 0,
            end: (u32::from(format.carrier) * u32::from(percent) / 100) as u16,
        };
        let first = format.carrier.saturating_sub(SSB_PRBS) / 2;
        let ssb = Used {
            first: if data.end > first { 0 } else { first },
            end: data.end.max(first + SSB_PRBS),
        };
        for group in 0..self.style.group_count() {
            let spans = self.style.spans(format.carrier, group);
            for used in [data, ssb] {
                let from = self.user.len();
                let packets = UserBody::packets(&spans, format, used, random);
                self.user.extend(packets);
                self.user_ranges.push(from..self.user.len());
            }
        }
    }
}

/// An SSB of 20 PRBs in the first candidate position of cases A and C.
const SSB_SYMBOLS: Range<u8> = 2..6;
const SSB_PRBS: u16 = 20;
