//! An L2 like OAI's VNF: it has no clock, schedules a slot when SLOT.indication names it, and sends nothing
//! where there is nothing to do (an L2 like srsRAN's MAC sends both TTI requests all the same).
//!
//! Sans I/O: datagrams and the time come in, datagrams go out. It writes down every slot that was left out,
//! named twice or out of order, and what became of each transport block that it asked for. SCF 222 clause 2.

use super::contents::{Contents, Uplink};
use super::datagram::{Ear, EarReport, Message, Terms, Voice};
use super::debts::{DebtReport, Debts};
use super::draws::{Purpose, draws};
use super::log::{Faults, Requests};
use super::requests::{Made, requests};
use super::traffic::Traffic;
use crate::ran::{Duration, Instant, Numerology, SlotCount, SlotPoint};
use crate::wire::nfapi::{MessageId, indication, slot};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How an L2 behaves.
#[derive(Clone, PartialEq, Debug)]
pub struct L2Plan {
    /// What it agreed on with its PHY.
    pub terms: Terms,
    /// Of the cell.
    pub numerology: Numerology,
    /// What it has to do.
    pub traffic: Traffic,
    /// Whether DL_TTI and UL_TTI are sent in slots without work too.
    pub empty_requests: bool,
    /// Longest time from SLOT.indication to the requests.
    pub thinking: Duration,
    /// Answers of a slot are missing when the slot so many later is indicated.
    pub patience: u32,
}

impl L2Plan {
    /// Like OAI's VNF.
    pub fn oai(numerology: Numerology, seed: u64) -> Self {
        Self {
            terms: Terms::OAI,
            numerology,
            traffic: Traffic::new(seed),
            empty_requests: false,
            thinking: Duration::from_micros(100),
            patience: 16,
        }
    }
}

/// What an L2 noticed. Slots are unwrapped: they count on from the first indication's SFN and slot.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct L2Report {
    /// SLOT.indications heard.
    pub indications: u64,
    /// First and last slot indicated.
    pub slots: Option<(u64, u64)>,
    /// Slots that were left out.
    pub left_out: Faults,
    /// Slots that were named again or after a later one.
    pub out_of_order: Faults,
    /// Longest time between two indications.
    pub longest_pause_ns: u64,
    /// Requests sent, with work.
    pub requests: Requests,
    /// Requests sent without work.
    pub empty_requests: Requests,
    /// What was answered.
    pub answers: DebtReport,
    /// Messages that no PHY should send, and indications that name no slot of the cell.
    pub strange: u64,
    /// Messages that the dialect could not say.
    pub unsaid: u64,
    /// What the network did to what was heard.
    pub network: EarReport,
}

/// An L2.
#[derive(Clone, Debug)]
pub struct L2 {
    plan: L2Plan,
    contents: Contents,
    voice: Voice,
    ear: Ear,
    last: Option<(SlotCount, Instant)>,
    /// Where SFN 0 slot 0 was, for the timestamp.
    origin: Instant,
    due: VecDeque<(Instant, SlotCount)>,
    debts: Debts,
    report: L2Report,
}

impl L2 {
    /// One that has heard nothing yet.
    pub fn new(plan: L2Plan) -> Self {
        Self {
            contents: Contents::of(plan.terms.dialect),
            voice: Voice::new(plan.terms),
            ear: Ear::new(plan.terms),
            last: None,
            origin: Instant(0),
            due: VecDeque::new(),
            debts: Debts::default(),
            report: L2Report::default(),
            plan,
        }
    }

    /// A datagram came.
    pub fn receive(&mut self, now: Instant, datagram: &[u8]) {
        let Some(Message { id, body }) = self.ear.hear(now, datagram) else {
            return;
        };
        let encoding = self.contents.encoding();
        let point = slot::parse(&body, encoding.order).map(|(point, _)| point);
        let in_cell = |point: &SlotPoint| slot::is_in_frame(*point, self.plan.numerology);
        let Some(point) = point.ok().filter(in_cell) else {
            self.report.strange += 1;
            return;
        };
        match id {
            MessageId::SLOT_INDICATION => match indication::slot_indication(&body, encoding) {
                Ok(point) => self.indicated(point, now),
                Err(_) => self.report.strange += 1,
            },
            MessageId::CRC_INDICATION
            | MessageId::RX_DATA_INDICATION
            | MessageId::UCI_INDICATION
            | MessageId::RACH_INDICATION => {
                let slot = self.unwrapped(point);
                self.debts.answered(id, &body, encoding, (slot, now));
            }
            _ => self.report.strange += 1,
        }
    }

    /// When it has something to send.
    pub fn next_at(&self) -> Instant {
        self.due.front().map_or(Instant::NEVER, |(at, _)| *at)
    }

    /// Appends what it sends until `now`, as datagrams.
    pub fn tick(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        while let Some((at, slot)) = self.due.front().copied()
            && at <= now
        {
            self.due.pop_front();
            self.schedule(slot, now, out);
        }
    }

    /// What it noticed so far.
    pub fn report(&self) -> L2Report {
        L2Report {
            answers: self.debts.report().clone(),
            network: self.ear.report(),
            ..self.report.clone()
        }
    }

    fn indicated(&mut self, point: SlotPoint, now: Instant) {
        let slot = self.unwrapped(point);
        self.report.indications += 1;
        let Some((last, heard)) = self.last else {
            let frames = slot.0 * self.plan.numerology.slot_duration().as_nanos();
            self.origin = Instant(now.0.wrapping_sub(frames));
            self.take(slot, now);
            return;
        };
        let step = slot.since(last);
        if step <= 0 {
            self.report.out_of_order.note(SLOT, slot, now);
            return;
        }
        for missing in 1..step.min(MOST_LEFT_OUT) {
            self.report.left_out.note(SLOT, last.offset(missing), now);
        }
        let pause = now.nanos_since(heard).max(0) as u64;
        self.report.longest_pause_ns = self.report.longest_pause_ns.max(pause);
        self.take(slot, now);
    }

    fn take(&mut self, slot: SlotCount, now: Instant) {
        let first = self.report.slots.map_or(slot.0, |(first, _)| first);
        self.report.slots = Some((first, slot.0));
        self.last = Some((slot, now));
        let mut random = draws(self.plan.traffic.seed, slot, Purpose::Thinking);
        let thinking = random.below(self.plan.thinking.as_nanos() + 1);
        let ready = now.after(Duration::from_nanos(thinking));
        let before = self.due.back().map_or(ready, |(at, _)| *at);
        self.due.push_back((ready.max(before), slot));
        let closed = slot.offset(-i64::from(self.plan.patience));
        self.debts.close(closed, now);
    }

    fn schedule(&mut self, slot: SlotCount, now: Instant, out: &mut Vec<Vec<u8>>) {
        let work = self.plan.traffic.work(slot, self.plan.numerology);
        if work.uplink != Uplink::default() {
            self.debts.owe(slot, &work.uplink);
        }
        let point = SlotPoint::of(slot, self.plan.numerology);
        let always = self.plan.empty_requests;
        for made in requests(&self.contents, point, &work, always) {
            self.send(&made, now, out);
        }
    }

    fn send(&mut self, made: &Made, now: Instant, out: &mut Vec<Vec<u8>>) {
        let micros = now.nanos_since(self.origin).max(0) as u64 / 1_000;
        let timestamp = (micros % CLOCK_PERIOD_US) as u32;
        let id = made.kind.message();
        if self.voice.say(id, timestamp, &made.body, out).is_err() {
            self.report.unsaid += 1;
            return;
        }
        let counted = match made.has_work {
            true => &mut self.report.requests,
            false => &mut self.report.empty_requests,
        };
        *counted.of(made.kind) += 1;
    }

    /// The slot nearest to the last one; the first counts from its own SFN 0.
    fn unwrapped(&self, point: SlotPoint) -> SlotCount {
        let last = self.last.map_or(SlotCount(0), |(last, _)| last);
        if self.last.is_some() {
            return point.nearest(last, self.plan.numerology);
        }
        let frame = u64::from(self.plan.numerology.slots_per_frame());
        SlotCount(u64::from(point.sfn) * frame + u64::from(point.slot))
    }
}

const SLOT: &str = "SLOT.indication";
/// Timestamps wrap after 1024 frames.
const CLOCK_PERIOD_US: u64 = 10_240_000;
/// Slots noted of one gap.
const MOST_LEFT_OUT: i64 = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::nfapi::{Dialect, PhyId};

    const MU_1: Numerology = Numerology::new(1).unwrap();

    fn plan() -> L2Plan {
        let mut plan = L2Plan::oai(MU_1, 5);
        plan.traffic.busy = 1.0;
        plan
    }

    /// Names these slots, half a millisecond apart, and returns what the L2 sends.
    fn told(l2: &mut L2, slots: &[u64]) -> Vec<Vec<u8>> {
        let contents = Contents::of(Dialect::OaiNfapi);
        let mut voice = Voice::new(Terms::OAI);
        let (mut datagrams, mut out) = (Vec::new(), Vec::new());
        for slot in slots {
            let body = contents.slot(SlotPoint::of(SlotCount(*slot), MU_1));
            voice
                .say(MessageId::SLOT_INDICATION, 0, &body, &mut datagrams)
                .unwrap();
        }
        for (n, datagram) in datagrams.iter().enumerate() {
            let now = Instant(n as u64 * 500_000);
            l2.receive(now, datagram);
            let at = l2.next_at();
            l2.tick(at, &mut out);
        }
        out
    }

    #[test]
    fn nothing_is_sent_before_a_slot_is_indicated() {
        let mut l2 = L2::new(plan());
        let mut out = Vec::new();
        l2.tick(Instant(u64::MAX - 1), &mut out);
        assert_eq!((out.len(), l2.next_at()), (0, Instant::NEVER));
    }

    #[test]
    fn a_slot_that_is_left_out_is_noted() {
        let mut l2 = L2::new(plan());
        told(&mut l2, &[7, 8, 11]);
        let left_out = l2.report().left_out;
        assert_eq!((left_out.count, left_out.slots), (2, Some((9, 10))));
    }

    #[test]
    fn a_slot_that_is_named_twice_is_scheduled_once() {
        let mut l2 = L2::new(plan());
        let once = told(&mut L2::new(plan()), &[7, 8]);
        let twice = told(&mut l2, &[7, 7, 8]);
        assert_eq!(once.len(), twice.len());
        assert_eq!(l2.report().out_of_order.count, 1);
    }

    #[test]
    fn the_frame_number_wraps_without_a_gap() {
        let mut l2 = L2::new(plan());
        told(&mut l2, &[20_479, 20_480, 20_481]);
        let report = l2.report();
        assert_eq!(report.slots, Some((20_479, 20_481)));
        assert_eq!((report.left_out.count, report.out_of_order.count), (0, 0));
    }

    #[test]
    fn an_idle_l2_like_oais_is_silent() {
        let mut plan = plan();
        plan.traffic.busy = 0.0;
        let sent = told(&mut L2::new(plan.clone()), &[2, 3, 4]);
        assert!(sent.is_empty());
        plan.empty_requests = true;
        let sent = told(&mut L2::new(plan), &[2, 3, 4]);
        assert_eq!(sent.len(), 6);
    }

    #[test]
    fn what_another_phy_says_is_not_heard() {
        let mut l2 = L2::new(L2Plan {
            terms: Terms {
                phy: PhyId(2),
                ..Terms::OAI
            },
            ..plan()
        });
        told(&mut l2, &[1]);
        assert_eq!(l2.report().network.misaddressed, 1);
    }
}
