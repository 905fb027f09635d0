//! A PHY like OAI's PNF: SLOT.indication in every slot, for a slot that is `ahead` of the one on air, and
//! answers to what an UL_TTI.request asks, `pipeline` slots after its slot.
//!
//! Sans I/O. It acts on what comes in time only, and writes down which requests came full, NULL, twice, late
//! or never. One that is told to dies of missing DL_TTI and UL_TTI, as a real one may. SCF 222 clause 2.

use super::contents::{Block, Contents, Uplink, asked};
use super::datagram::{Ear, EarReport, Message, Terms, Voice};
use super::draws::{Purpose, draws};
use super::log::{Answers, Faults, Kind, Requests};
use crate::ran::{CyclicPrefix, Duration, Instant, Numerology, SlotClock, SlotCount, SlotPoint};
use crate::wire::nfapi::request::TxData;
use crate::wire::nfapi::{MessageId, slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a PHY behaves.
#[derive(Clone, PartialEq, Debug)]
pub struct PhyPlan {
    /// What it agreed on with its L2.
    pub terms: Terms,
    /// Of the cell.
    pub numerology: Numerology,
    /// Seed of jitter and of blocks that cannot be decoded.
    pub seed: u64,
    /// When `first` is on air.
    pub start: Instant,
    /// The slot on air at `start`, as this PHY counts.
    pub first: SlotCount,
    /// Slots from the one on air to the one that is indicated.
    pub ahead: u32,
    /// Slots from the one on air to its answers.
    pub pipeline: u32,
    /// What it sends is late by up to this; below one slot.
    pub jitter: Duration,
    /// Requests for slots further ahead are refused.
    pub window: u32,
    /// Share of transport blocks that cannot be decoded.
    pub failing: f64,
    /// Dies after so many slots in a row without DL_TTI or UL_TTI, once it has been given any.
    pub fails_after: Option<u32>,
}

impl PhyPlan {
    /// Like OAI's PNF, with slot 0 on air at `start`.
    pub fn oai(numerology: Numerology, start: Instant, seed: u64) -> Self {
        Self {
            terms: Terms::OAI,
            numerology,
            seed,
            start,
            first: SlotCount(0),
            ahead: 2 * numerology.slots_per_subframe(),
            pipeline: 4,
            jitter: Duration::from_micros(20),
            window: 30,
            failing: 0.0,
            fails_after: None,
        }
    }
}

/// What a PHY noticed. Slots count on from the first of its plan.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PhyReport {
    /// SLOT.indications sent.
    pub indications: u64,
    /// Requests with PDUs.
    pub full: Requests,
    /// Requests without.
    pub null: Requests,
    /// First and last slot for which a request with PDUs came in time.
    pub full_slots: Option<(u64, u64)>,
    /// Slots without DL_TTI or UL_TTI when they came on air, once a request had come.
    pub missing: Faults,
    /// A second request of a kind for a slot.
    pub doubled: Faults,
    /// Requests for a slot on air or past.
    pub late: Faults,
    /// Requests for a slot beyond the window.
    pub early: Faults,
    /// Slots whose PDSCH PDUs and payloads are not as many.
    pub unmatched: Faults,
    /// Messages that no L2 should send, and requests that cannot be read.
    pub strange: u64,
    /// What it answered.
    pub answers: Answers,
    /// The slot in which it died of missing requests.
    pub died: Option<u64>,
    /// What the network did to what was heard.
    pub network: EarReport,
}

/// A PHY.
#[derive(Clone, Debug)]
pub struct Phy {
    plan: PhyPlan,
    clock: SlotClock,
    contents: Contents,
    voice: Voice,
    ear: Ear,
    alive: bool,
    /// The slot that comes on air next.
    next: SlotCount,
    /// The first slot of which anything was asked.
    begun: Option<SlotCount>,
    hungry: u32,
    pages: BTreeMap<SlotCount, Page>,
    report: PhyReport,
}

/// What came for one slot.
#[derive(Clone, Debug, Default)]
struct Page {
    dl_tti: bool,
    ul_tti: bool,
    ul_dci: bool,
    tx_data: bool,
    shared: u8,
    payloads: u16,
    uplink: Uplink,
}

impl Page {
    const fn of(&mut self, kind: Kind) -> &mut bool {
        match kind {
            Kind::DlTti => &mut self.dl_tti,
            Kind::UlTti => &mut self.ul_tti,
            Kind::UlDci => &mut self.ul_dci,
            Kind::TxData => &mut self.tx_data,
        }
    }
}

impl Phy {
    /// One that begins at the start of its plan.
    pub fn new(plan: PhyPlan) -> Self {
        let prefix = CyclicPrefix::Normal;
        Self {
            clock: SlotClock::anchored(plan.numerology, prefix, plan.first, plan.start),
            contents: Contents::of(plan.terms.dialect),
            voice: Voice::new(plan.terms),
            ear: Ear::new(plan.terms),
            alive: true,
            next: plan.first,
            begun: None,
            hungry: 0,
            pages: BTreeMap::new(),
            report: PhyReport::default(),
            plan,
        }
    }

    /// A datagram came.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        if !self.alive {
            return;
        }
        let Some(Message { id, body }) = self.ear.hear(now, datagram) else {
            return;
        };
        let order = self.contents.encoding().order;
        let point = slot::parse(&body, order).map(|(point, _)| point).ok();
        let point = point.filter(|point| slot::is_in_frame(*point, self.plan.numerology));
        let taken = match (Kind::of(id), point) {
            (Some(kind), Some(point)) => self.requested(kind, point, &body, now),
            _ => None,
        };
        if taken.is_none() {
            self.report.strange += 1;
        }
    }

    /// When it has something to send.
    pub fn next_at(&self) -> Instant {
        match self.alive {
            true => self.due(self.next),
            false => Instant::NEVER,
        }
    }

    /// Appends what it sends until `now`, as datagrams.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        while self.alive && self.due(self.next) <= now {
            let slot = self.next;
            self.next = slot.offset(1);
            self.on_air(slot, now);
            if self.alive {
                self.indicate(slot, out);
                self.answer(slot, out);
            }
        }
    }

    /// It is silent and deaf from now on.
    pub fn kill(&mut self) {
        self.alive = false;
    }

    /// It begins anew: with the slot that comes on air next, and nothing of before.
    pub fn restart(&mut self, now: Instant) {
        self.alive = true;
        self.next = self.clock.slot_at(now).offset(1);
        self.begun = None;
        self.hungry = 0;
        self.pages.clear();
        self.voice = Voice::new(self.plan.terms);
    }

    /// False after `kill`, and after it died of missing requests.
    pub const fn is_alive(&self) -> bool {
        self.alive
    }

    /// The slot that comes on air next, as it counts.
    pub const fn next_slot(&self) -> SlotCount {
        self.next
    }

    /// What it noticed so far.
    pub fn report(&self) -> PhyReport {
        PhyReport {
            network: self.ear.report(),
            ..self.report.clone()
        }
    }

    fn due(&self, slot: SlotCount) -> Instant {
        let mut random = draws(self.plan.seed, slot, Purpose::Jitter);
        let late = random.below(self.plan.jitter.as_nanos() + 1);
        self.clock.air(slot, 0).after(Duration::from_nanos(late))
    }

    /// `None` if the request cannot be read.
    fn requested(&mut self, kind: Kind, point: SlotPoint, body: &[u8], now: Instant) -> Option<()> {
        let encoding = self.contents.encoding();
        let slot = point.nearest(self.next, self.plan.numerology);
        let (mut shared, mut payloads, mut uplink) = (0, 0, Uplink::default());
        let full = match kind {
            Kind::TxData => {
                let (request, _) = TxData::parse(body, encoding).ok()?;
                payloads = request.number_of_pdus();
                request.pdus().all(|pdu| pdu.is_ok()).then_some(())?;
                payloads > 0
            }
            _ => {
                (shared, uplink) = asked(body, kind.message(), encoding)?;
                body.get(slot::SLOT_LEN).is_some_and(|pdus| *pdus > 0)
            }
        };
        let counted = match full {
            true => &mut self.report.full,
            false => &mut self.report.null,
        };
        *counted.of(kind) += 1;
        if self.clock.air(slot, 0) <= now {
            self.report.late.note(kind.name(), slot, now);
            return Some(());
        }
        let on_air = self.clock.slot_at(now);
        if slot.since(on_air) > i64::from(self.plan.window) {
            self.report.early.note(kind.name(), slot, now);
            return Some(());
        }
        let begun = self.begun.unwrap_or(slot);
        self.begun = Some(begun.min(slot));
        let page = self.pages.entry(slot).or_default();
        if std::mem::replace(page.of(kind), true) {
            self.report.doubled.note(kind.name(), slot, now);
            return Some(());
        }
        page.shared += shared;
        page.payloads += payloads;
        if kind == Kind::UlTti {
            page.uplink = uplink;
        }
        if full {
            let (first, last) = self.report.full_slots.unwrap_or((slot.0, slot.0));
            self.report.full_slots = Some((first.min(slot.0), last.max(slot.0)));
        }
        Some(())
    }

    /// The slot has begun: what has not come is missing.
    fn on_air(&mut self, slot: SlotCount, now: Instant) {
        if self.begun.is_none_or(|begun| slot < begun) {
            return;
        }
        let page = self.pages.entry(slot).or_default();
        let (dl_tti, ul_tti) = (page.dl_tti, page.ul_tti);
        let matched = u16::from(page.shared) == page.payloads;
        for (came, kind) in [(dl_tti, Kind::DlTti), (ul_tti, Kind::UlTti)] {
            if !came {
                self.report.missing.note(kind.name(), slot, now);
            }
        }
        if !matched {
            self.report.unmatched.note(Kind::TxData.name(), slot, now);
        }
        self.hungry = match dl_tti && ul_tti {
            true => 0,
            false => self.hungry + 1,
        };
        if self
            .plan
            .fails_after
            .is_some_and(|most| self.hungry >= most)
        {
            self.alive = false;
            self.report.died = Some(slot.0);
        }
    }

    fn indicate(&mut self, slot: SlotCount, out: &mut Vec<Vec<u8>>) {
        let named = slot.offset(i64::from(self.plan.ahead));
        let body = self
            .contents
            .slot(SlotPoint::of(named, self.plan.numerology));
        self.say(MessageId::SLOT_INDICATION, &body, out);
        self.report.indications += 1;
    }

    /// What was received in the slot that is through the pipeline.
    fn answer(&mut self, on_air: SlotCount, out: &mut Vec<Vec<u8>>) {
        let slot = on_air.offset(-i64::from(self.plan.pipeline));
        let Some(Page { uplink, .. }) = self.pages.remove(&slot) else {
            return;
        };
        let point = SlotPoint::of(slot, self.plan.numerology);
        let mut random = draws(self.plan.seed, slot, Purpose::Failing);
        let blocks: Vec<(Block, bool)> = uplink
            .blocks
            .iter()
            .map(|block| (*block, random.share() >= self.plan.failing))
            .collect();
        let decoded = blocks.iter().filter(|(_, decoded)| *decoded);
        let decoded: Vec<Block> = decoded.map(|(block, _)| *block).collect();
        let answers = &mut self.report.answers;
        answers.crc += blocks.len() as u64;
        answers.failed_crc += (blocks.len() - decoded.len()) as u64;
        answers.rx_data += decoded.len() as u64;
        answers.uci += u64::from(uplink.controls > 0);
        answers.rach += u64::from(uplink.random_access);
        if !decoded.is_empty() {
            let body = self.contents.rx_data(point, &decoded);
            self.say(MessageId::RX_DATA_INDICATION, &body, out);
        }
        if !blocks.is_empty() {
            let body = self.contents.crc(point, &blocks);
            self.say(MessageId::CRC_INDICATION, &body, out);
        }
        if uplink.controls > 0 {
            let body = self.contents.uci(point, uplink.controls);
            self.say(MessageId::UCI_INDICATION, &body, out);
        }
        if uplink.random_access {
            let body = self.contents.rach(point);
            self.say(MessageId::RACH_INDICATION, &body, out);
        }
    }

    /// The PNF of OAI leaves the timestamp 0.
    fn say(&mut self, id: MessageId, body: &[u8], out: &mut Vec<Vec<u8>>) {
        if self.voice.say(id, 0, body, out).is_err() {
            self.report.strange += 1;
        }
    }
}

#[cfg(test)]
mod tests;
