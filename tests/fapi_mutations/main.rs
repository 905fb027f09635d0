//! Malformed input through the whole FAPI journey: every message that OAI's library packed, at every truncation
//! and under thousands of seeded mutations, from the L2, the active PHY and the standby, in every dialect and
//! between dialects. Never a panic; every frame ends in the ledger; what leaves is judged by code of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod forge;
mod judge;
#[path = "../support/nfapi.rs"]
mod nfapi;
mod oai_arrays;
#[path = "../support/p7.rs"]
mod p7;
mod stage;

use forge::{Message, datagrams, header_len, mutated, seal};
use nfapi::{Vector, named, vectors};
use p7::{L2, PHY_A, PHY_B, Place, frame};
use rand_pcg::Pcg32;
use ranshift::dataplane::verdict::DropReason;
use ranshift::wire::nfapi::Dialect;
use stage::{Stage, Terms};

const OVERFLOW: &str = "tx_data_230k_overflow.hex";
use Dialect::{FapiBig, FapiLittle, OaiNfapi, Scf225v2};

/// Peers of one dialect, and peers of different ones.
const PAIRS: [(Dialect, Dialect); 9] = [
    (OaiNfapi, OaiNfapi),
    (Scf225v2, Scf225v2),
    (FapiBig, FapiBig),
    (FapiLittle, FapiLittle),
    (OaiNfapi, Scf225v2),
    (Scf225v2, OaiNfapi),
    (FapiBig, OaiNfapi),
    (OaiNfapi, FapiBig),
    (FapiBig, Scf225v2),
];

/// A vector as one of the peers would send it.
struct Sample {
    name: String,
    /// In which it was packed.
    own: Dialect,
    point: (u16, u16),
    from_l2: bool,
    /// What it is, where it is a message.
    message: Message,
    datagrams: Vec<Vec<u8>>,
}

/// Every vector in `dialect`: where its own is another, its body under this header.
fn samples(dialect: Dialect) -> Vec<Sample> {
    let order = |dialect| dialect == FapiLittle;
    let fitting = |vector: &Vector| match vector.dialect == dialect {
        true => true,
        // The plain ones are in the manifest in both orders.
        false => order(vector.dialect) == order(dialect) && vector.is_p7(),
    };
    let all = vectors();
    all.iter()
        .filter(|vector| fitting(vector))
        .map(|vector| sample(vector, dialect))
        .collect()
}

fn sample(vector: &Vector, dialect: Dialect) -> Sample {
    let header = match vector.is_p5() {
        true => 10,
        false => header_len(vector.dialect),
    };
    let body: Vec<u8> = vector
        .datagrams
        .iter()
        .flat_map(|datagram| datagram[header..].to_vec())
        .collect();
    let message = Message {
        phy: 1,
        id: match (
            vector.message.0,
            vector.dialect == OaiNfapi && dialect != OaiNfapi,
        ) {
            // Node sync changes places.
            (id @ (0x180 | 0x181), true) => id ^ 1,
            (id, _) => id,
        },
        sequence: vector.number("sequence").unwrap_or(0) as u16,
        body,
    };
    let slot = |key| vector.number(key).map(|value| value as u16);
    Sample {
        name: vector.file.clone(),
        own: vector.dialect,
        point: slot("sfn").zip(slot("slot")).unwrap_or((10, 16)),
        from_l2: matches!(
            vector.told["direction"].as_str(),
            Some("vnf->pnf" | "l2->phy")
        ),
        // Plain ones name no PHY.
        datagrams: match vector.dialect == dialect && dialect == OaiNfapi {
            true => vector.datagrams.clone(),
            false => datagrams(dialect, &message, 1452),
        },
        message,
    }
}

impl Sample {
    /// Those who send it, and after them who should not.
    fn senders(&self) -> [Place; 3] {
        match self.from_l2 {
            true => [L2, PHY_A, PHY_B],
            false => [PHY_A, PHY_B, L2],
        }
    }

    /// Its frames, each datagram in one.
    fn frames(&self, from: Place) -> Vec<Vec<u8>> {
        self.datagrams.iter().map(|pdu| frame(from, pdu)).collect()
    }
}

fn terms((l2, phys): (Dialect, Dialect), limits: bool, check: bool) -> Terms {
    Terms {
        l2,
        phys,
        limits,
        check,
    }
}

/// Why a vector, undamaged, does not arrive; `None` if it does.
fn refusal((l2, phys): (Dialect, Dialect), sample: &Sample) -> Option<&'static str> {
    let plain = |dialect| matches!(dialect, FapiBig | FapiLittle);
    let (from, to) = if sample.from_l2 {
        (l2, phys)
    } else {
        (phys, l2)
    };
    let len = sample.message.body.len();
    match sample.message.id {
        _ if sample.name.starts_with("p5_") => Some("p7_malformed"),
        // The stage has begun with it.
        0x82 => Some("slot_repeated"),
        0x00..=0x06 if !plain(to) => Some("not_representable"),
        0x07 if to == OaiNfapi => Some("not_representable"),
        _ if plain(from) && len > 65_000 => Some("p7_malformed"),
        _ if from == OaiNfapi && sample.name == OVERFLOW => Some("piece_conflict"),
        _ if plain(to) && len > 8900 => Some("not_representable"),
        _ if to == OaiNfapi && sample.name == OVERFLOW => Some("not_representable"),
        _ => None,
    }
}

#[test]
fn every_vector_reaches_who_it_is_for_in_every_pair_of_dialects() {
    let mut passed = 0;
    for pair in PAIRS {
        let terms = terms(pair, false, true);
        for from in [L2, PHY_A] {
            for sample in samples(terms.of(from)) {
                if sample.senders()[0].port != from.port {
                    continue;
                }
                let mut stage = Stage::new(terms, sample.point);
                let left = stage.feed(from, &sample.frames(from));
                let reasons = stage.reasons();
                match refusal(pair, &sample) {
                    None => assert!(left > 0, "{} {pair:?}: {reasons:?}", sample.name),
                    Some(reason) => assert!(
                        left == 0 && reasons.iter().any(|(label, _)| *label == reason),
                        "{} {pair:?}: {reasons:?}",
                        sample.name
                    ),
                }
                passed += usize::from(left > 0);
            }
        }
    }
    assert!(passed > 300, "{passed}");
}

#[test]
fn nothing_of_what_oai_packed_is_beyond_the_arrays_of_oai() {
    for phys in [OaiNfapi, FapiBig] {
        let terms = terms((phys, phys), true, true);
        for sample in samples(phys).iter().filter(|sample| sample.from_l2) {
            let mut stage = Stage::new(terms, sample.point);
            stage.feed(L2, &sample.frames(L2));
            assert_eq!(stage.dropped(DropReason::P7Limits), 0, "{}", sample.name);
        }
    }
}

#[test]
fn the_message_of_159_segments_is_refused_with_its_reason() {
    let sample = sample(&named(OVERFLOW.trim_end_matches(".hex")), OaiNfapi);
    let mut stage = Stage::new(terms((OaiNfapi, OaiNfapi), true, true), sample.point);
    let frames = sample.frames(L2);
    assert_eq!((frames.len(), stage.feed(L2, &frames)), (159, 0));
    // The numbers start again at 0: what says so, and all that it contradicts, is given up.
    assert_eq!(stage.dropped(DropReason::PieceConflict), 129);
    stage.wait();
    assert_eq!(stage.dropped(DropReason::PieceExpired), 30);
}

#[test]
fn a_message_that_needs_more_than_128_segments_of_oai_is_not_said_to_oai() {
    let sample = sample(&named(OVERFLOW.trim_end_matches(".hex")), Scf225v2);
    for (phys, refused) in [(Scf225v2, 0), (OaiNfapi, sample.datagrams.len() as u64)] {
        let mut stage = Stage::new(terms((Scf225v2, phys), false, true), sample.point);
        let left = stage.feed(L2, &sample.frames(L2));
        assert_eq!(stage.dropped(DropReason::NotRepresentable), refused);
        // The standby was sent its NULL or not: the number of the next tells that none is missing.
        let next = Message {
            id: 0x80,
            sequence: sample.message.sequence + 1,
            body: [&sample.message.body[..4], &[0; 2]].concat(),
            ..sample.message.clone()
        };
        let next = datagrams(Scf225v2, &next, 1452).remove(0);
        assert!(stage.feed(L2, &[frame(L2, &next)]) > 0);
        assert_eq!(left > 100, refused == 0);
    }
}

/// Three ways to end early: the frame is cut off, the datagram under true lengths of IPv4 and UDP, and under a true
/// length of P7 as well, so that the body itself ends early.
#[test]
fn every_vector_at_every_truncation_ends_counted() {
    let mut cuts = 0;
    for dialect in [OaiNfapi, Scf225v2, FapiBig, FapiLittle] {
        let terms = terms((dialect, dialect), true, true);
        for sample in samples(dialect) {
            let mut stage = Stage::new(terms, sample.point);
            for (number, pdu) in sample.datagrams.iter().enumerate() {
                // The pieces between are alike, and so are messages under another header behind it.
                let ends = number < 2 || number + 1 == sample.datagrams.len();
                let step = match (ends && dialect == sample.own, pdu.len() > 2000) {
                    (true, false) => 1,
                    (true, true) => 97,
                    (false, _) => 211,
                };
                cuts += truncate(&mut stage, &sample, pdu, step);
            }
            stage.wait();
        }
    }
    assert!(cuts > 50_000, "{cuts}");
}

/// One datagram at every `step`th length, and at each in its headers; from whoever sends it, now and then from
/// whoever does not. Returns how many were fed.
fn truncate(stage: &mut Stage, sample: &Sample, pdu: &[u8], step: usize) -> usize {
    let [from, others @ ..] = sample.senders();
    let whole = frame(from, pdu);
    let mut cuts = 0;
    for len in (0..whole.len()).filter(|len| *len < 64 || len.is_multiple_of(step)) {
        stage.feed(from, &[whole[..len].to_vec()]);
        cuts += 1;
    }
    // Behind the first PDUs of a body there are more of the kind.
    let inside = |len: usize| len < 300 || len.is_multiple_of(5);
    let stepped = |len: usize| len.is_multiple_of(step) && inside(len);
    for len in (0..pdu.len()).filter(|len| *len < 64 || stepped(*len)) {
        let mut cut = pdu[..len].to_vec();
        stage.feed(from, &[frame(from, &cut)]);
        seal(stage.dialect(from), &mut cut);
        let others = others.iter().filter(|_| len.is_multiple_of(7));
        for from in [from].iter().chain(others) {
            stage.feed(*from, &[frame(*from, &cut)]);
            cuts += 1;
        }
    }
    cuts
}

/// Messages of one side in a row, each damaged somehow, under `terms`.
fn damage_all(terms: Terms, rounds: usize) {
    let mut sent = 0;
    for from in [L2, PHY_A, PHY_B] {
        let dialect = terms.of(from);
        let samples = samples(dialect);
        let others: Vec<_> = samples.iter().map(|one| one.datagrams[0].clone()).collect();
        for (number, sample) in samples.iter().enumerate() {
            let seed = (number as u64) << 8 | u64::from(from.port);
            let mut random = Pcg32::new(seed, 0x4fa9_1000);
            // A long one costs as much as a hundred short ones.
            let size: usize = sample.datagrams.iter().map(Vec::len).sum();
            let rounds = (rounds * 2000 / (2000 + size)).max(2);
            let mut stage = Stage::new(terms, sample.point);
            for round in 0..rounds {
                if round % 50 == 49 {
                    stage.wait();
                    stage = Stage::new(terms, sample.point);
                }
                let frames = mutated(from, dialect, &sample.datagrams, &others, &mut random);
                sent += stage.feed(from, &frames);
            }
            stage.wait();
        }
    }
    assert!(sent > 100, "nothing came through: {terms:?}");
}

#[test]
fn mutations_between_peers_of_oai() {
    damage_all(terms((OaiNfapi, OaiNfapi), true, true), ROUNDS);
    damage_all(terms((OaiNfapi, OaiNfapi), false, false), ROUNDS);
}

#[test]
fn mutations_between_peers_of_scf_225() {
    damage_all(terms((Scf225v2, Scf225v2), false, true), ROUNDS);
}

#[test]
fn mutations_between_peers_of_plain_fapi() {
    damage_all(terms((FapiBig, FapiBig), true, true), ROUNDS);
    damage_all(terms((FapiLittle, FapiLittle), false, true), ROUNDS);
}

#[test]
fn mutations_between_peers_of_different_dialects() {
    for (l2, phys) in PAIRS.into_iter().filter(|(l2, phys)| l2 != phys) {
        damage_all(terms((l2, phys), true, true), ROUNDS / 4);
    }
}

/// Mutations of a short message under one set of terms.
const ROUNDS: usize = 120;
