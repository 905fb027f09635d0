use super::*;
use crate::lab::fapi::traffic::{Traffic, Work};
use crate::wire::nfapi::Dialect;

const MU_1: Numerology = Numerology::new(1).unwrap();
const START: Instant = Instant(1_000_000_000);
const SLOT: u64 = 500_000;

fn plan() -> PhyPlan {
    PhyPlan {
        jitter: Duration::from_nanos(0),
        ..PhyPlan::oai(MU_1, START, 1)
    }
}

/// The middle of the slot before the one that is on air `slot` slots after the start.
fn before(slot: u64) -> Instant {
    Instant(START.0 + slot * SLOT - SLOT / 2)
}

/// Speaks to a PHY by hand.
struct Hand {
    contents: Contents,
    voice: Voice,
    phy: Phy,
}

impl Hand {
    fn of(plan: PhyPlan) -> Self {
        Self {
            contents: Contents::of(Dialect::OaiNfapi),
            voice: Voice::new(plan.terms),
            phy: Phy::new(plan),
        }
    }

    fn null(&mut self, kind: Kind, slot: u64, now: Instant) {
        self.request(kind, slot, &Work::default(), now);
    }

    fn request(&mut self, kind: Kind, slot: u64, work: &Work, now: Instant) {
        let point = SlotPoint::of(SlotCount(slot), MU_1);
        let body = match kind {
            Kind::DlTti => self.contents.dl_tti(point, work.downlink),
            Kind::UlTti => self.contents.ul_tti(point, &work.uplink),
            Kind::UlDci => self.contents.ul_dci(point, work.grants),
            Kind::TxData => self.contents.tx_data(point, &work.payloads),
        };
        let mut out = Vec::new();
        self.voice.say(kind.message(), 0, &body, &mut out).unwrap();
        for datagram in out {
            self.phy.receive(now, &datagram);
        }
    }

    /// What the PHY sends until `now`.
    fn ids(&mut self, now: Instant) -> Vec<(MessageId, u64)> {
        let mut out = Vec::new();
        self.phy.tick(now, &mut out);
        let mut ear = Ear::new(Terms::OAI);
        let messages = out.iter().filter_map(|datagram| ear.hear(now, datagram));
        messages
            .map(|message| {
                let (point, _) =
                    slot::parse(&message.body, Dialect::OaiNfapi.encoding().order).unwrap();
                (
                    message.id,
                    u64::from(point.sfn) * 20 + u64::from(point.slot),
                )
            })
            .collect()
    }
}

fn busy(slot: u64) -> Work {
    let traffic = Traffic {
        busy: 1.0,
        ..Traffic::new(1)
    };
    traffic.work(SlotCount(slot), MU_1)
}

#[test]
fn every_slot_is_indicated_ahead_of_the_air() {
    let mut hand = Hand::of(plan());
    let ids = hand.ids(before(3));
    let named: Vec<u64> = ids.iter().map(|(_, slot)| *slot).collect();
    assert_eq!(named, [4, 5, 6]);
}

#[test]
fn jitter_delays_and_never_advances() {
    let jitter = Duration::from_micros(100);
    let phy = Phy::new(PhyPlan { jitter, ..plan() });
    for slot in 0..100 {
        let late = phy
            .due(SlotCount(slot))
            .nanos_since(Instant(START.0 + slot * SLOT));
        assert!((0..=100_000).contains(&late), "{late}");
    }
}

#[test]
fn an_uplink_slot_is_answered_after_the_pipeline() {
    let mut hand = Hand::of(plan());
    let work = busy(19);
    hand.request(Kind::UlTti, 19, &work, before(16));
    let answers = |ids: Vec<(MessageId, u64)>| {
        ids.into_iter()
            .filter(|(id, _)| *id != MessageId::SLOT_INDICATION)
            .collect::<Vec<_>>()
    };
    assert_eq!(answers(hand.ids(before(23))), []);
    let answered = answers(hand.ids(before(24)));
    assert!(answered.contains(&(MessageId::CRC_INDICATION, 19)));
    assert!(answered.contains(&(MessageId::RX_DATA_INDICATION, 19)));
}

#[test]
fn a_null_request_is_not_answered() {
    let mut hand = Hand::of(plan());
    hand.null(Kind::UlTti, 19, before(16));
    let ids = hand.ids(before(40));
    assert!(ids.iter().all(|(id, _)| *id == MessageId::SLOT_INDICATION));
    assert_eq!(hand.phy.report().null.ul_tti, 1);
}

#[test]
fn a_request_for_a_slot_on_air_is_late_and_not_answered() {
    let mut hand = Hand::of(plan());
    hand.request(Kind::UlTti, 19, &busy(19), Instant(START.0 + 19 * SLOT));
    let ids = hand.ids(before(40));
    assert!(ids.iter().all(|(id, _)| *id == MessageId::SLOT_INDICATION));
    assert_eq!(hand.phy.report().late.count, 1);
}

#[test]
fn a_request_beyond_the_window_is_early() {
    let mut hand = Hand::of(plan());
    hand.null(Kind::DlTti, 30, Instant(START.0));
    hand.null(Kind::DlTti, 31, Instant(START.0));
    assert_eq!(hand.phy.report().early.slots, Some((31, 31)));
}

#[test]
fn a_second_request_for_a_slot_is_doubled() {
    let mut hand = Hand::of(plan());
    hand.null(Kind::DlTti, 5, before(1));
    hand.null(Kind::UlTti, 5, before(1));
    hand.null(Kind::DlTti, 5, before(2));
    let doubled = hand.phy.report().doubled;
    assert_eq!((doubled.count, doubled.slots), (1, Some((5, 5))));
}

#[test]
fn a_slot_without_requests_is_missing_once_any_came() {
    let mut hand = Hand::of(plan());
    hand.null(Kind::DlTti, 5, before(1));
    hand.ids(before(8));
    let missing = hand.phy.report().missing;
    assert_eq!((missing.count, missing.slots), (5, Some((5, 7))));
}

#[test]
fn a_pdsch_without_its_payload_is_unmatched() {
    let mut hand = Hand::of(plan());
    let work = busy(3);
    hand.request(Kind::DlTti, 3, &work, before(1));
    hand.request(Kind::DlTti, 4, &work, before(1));
    hand.request(Kind::TxData, 4, &work, before(1));
    hand.ids(before(6));
    assert_eq!(hand.phy.report().unmatched.slots, Some((3, 3)));
}

#[test]
fn one_that_is_told_to_dies_of_missing_requests() {
    let mut hand = Hand::of(PhyPlan {
        fails_after: Some(3),
        ..plan()
    });
    hand.null(Kind::DlTti, 5, before(1));
    hand.null(Kind::UlTti, 5, before(1));
    let last = hand.ids(before(20)).last().copied();
    assert_eq!(hand.phy.report().died, Some(8));
    assert_eq!(last, Some((MessageId::SLOT_INDICATION, 11)));
    assert_eq!(hand.phy.next_at(), Instant::NEVER);
}

#[test]
fn one_that_starts_again_goes_on_with_the_slot_on_air() {
    let mut hand = Hand::of(plan());
    hand.ids(before(3));
    hand.phy.kill();
    assert_eq!(hand.ids(before(9)), []);
    hand.phy.restart(before(9));
    let ids = hand.ids(before(10));
    assert_eq!(ids, [(MessageId::SLOT_INDICATION, 13)]);
}

#[test]
fn blocks_that_cannot_be_decoded_are_not_delivered() {
    let mut hand = Hand::of(PhyPlan {
        failing: 1.0,
        ..plan()
    });
    hand.request(Kind::UlTti, 19, &busy(19), before(16));
    let ids = hand.ids(before(24));
    assert!(ids.contains(&(MessageId::CRC_INDICATION, 19)));
    assert!(!ids.contains(&(MessageId::RX_DATA_INDICATION, 19)));
}
