//! Messages that come in pieces: segments of OAI, fragments of IPv4, both, in any order, with loss, duplicates and
//! contradictions. What leaves is read and put together by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/p7.rs"]
mod p7;

#[path = "support/fapi_bench.rs"]
mod fapi_bench;

use fapi_bench::{Bench, Edit, Left, UNLIMITED};
use p7::{L2, PHY_A, body, datagrams, fragments};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use ranshift::dataplane::verdict::DropReason;
use std::collections::BTreeMap;

const TX_DATA: u16 = 0x84;
const RX_DATA: u16 = 0x85;

/// What PHY A is sent of `frames` of the L2.
fn ask(bench: &mut Bench, frames: &[Vec<u8>]) -> Vec<Left> {
    let mut left = bench.receive_all(L2, frames);
    left.retain(|one| one.port == 1);
    left
}

#[test]
fn segments_leave_as_they_were_cut_when_all_are_there() {
    let mut bench = Bench::running(PLAIN);
    let body = body(4000);
    let frames = datagrams(L2, TX_DATA, 7, &body, SEGMENT, 1);
    let before = bench.ledger();
    assert_eq!(ask(&mut bench, &frames[..2]), []);
    assert_eq!(bench.ledger().held, 2);
    let left = ask(&mut bench, &frames[2..]);
    assert_eq!(whole(&left), body);
    let cut: Vec<_> = left
        .iter()
        .map(|one| (one.body.len(), one.timestamp))
        .collect();
    assert_eq!(cut, [(1434, 100), (1434, 101), (1132, 102)]);
    let after = bench.ledger();
    let made = (after.copied - before.copied, after.merged, after.held);
    assert_eq!(made, (1, 0, 0), "nothing but the NULL of the other");
}

#[test]
fn the_other_phy_is_given_one_null_of_it() {
    let mut bench = Bench::running(PLAIN);
    let frames = datagrams(L2, TX_DATA, 7, &body(4000), SEGMENT, 1);
    let left = bench.receive_all(L2, &frames);
    let to_b: Vec<_> = left.iter().filter(|one| one.port == 2).collect();
    assert_eq!(to_b.len(), 1);
    assert_eq!((to_b[0].message, &to_b[0].body[..]), (TX_DATA, &[0; 6][..]));
}

#[test]
fn a_datagram_in_fragments_leaves_in_segments_that_fit() {
    let mut bench = Bench::running(PLAIN);
    let body = body(4001);
    let frames = fragments(&datagrams(L2, TX_DATA, 7, &body, 65_000, 1)[0], 1480, 9);
    assert_eq!(frames.len(), 3);
    let left = ask(&mut bench, &frames);
    assert_eq!(whole(&left), body);
    assert!(left.iter().all(|one| one.timestamp == 100));
    let lens: Vec<_> = left.iter().map(|one| one.body.len()).collect();
    assert_eq!(lens, [1434, 1434, 1133]);
}

#[test]
fn segments_in_fragments_leave_as_one_message() {
    let mut bench = Bench::running(PLAIN);
    let body = body(100_000);
    let segments = datagrams(L2, TX_DATA, 7, &body, 65_000, 1);
    let cut = |(segment, id): (&Vec<u8>, u16)| fragments(segment, 1480, id);
    let frames: Vec<_> = segments.iter().zip(0..).flat_map(cut).collect();
    assert_eq!(whole(&ask(&mut bench, &frames)), body);
    assert_eq!(bench.ledger().held, 0);
}

#[test]
fn a_larger_segment_size_joins_what_came_in_small_pieces() {
    let mut bench = Bench::running(&[
        PLAIN[0],
        ("mtu: 1500", "mtu: 9000"),
        ("segment: 1452", "segment: 4000"),
    ]);
    let body = body(6000);
    let frames = datagrams(L2, TX_DATA, 7, &body, 1000, 1);
    let left = ask(&mut bench, &frames);
    assert_eq!(whole(&left), body);
    assert_eq!(left.len(), 7, "pieces that fit stay as they are");
    let frames = fragments(&datagrams(L2, TX_DATA, 8, &body, 65_000, 1)[0], 1480, 3);
    let left = ask(&mut bench, &frames);
    assert_eq!(whole(&left), body);
    assert_eq!(left.len(), 2);
}

#[test]
fn pieces_come_in_any_order() {
    let body = body(7000);
    let segments = datagrams(L2, TX_DATA, 7, &body, SEGMENT, 1);
    let cut = fragments(&datagrams(L2, TX_DATA, 7, &body, 65_000, 1)[0], 1480, 9);
    for pieces in [segments, cut] {
        for turn in 0..pieces.len() {
            let mut turned = pieces.clone();
            turned.rotate_left(turn);
            turned.reverse();
            assert_eq!(
                whole(&ask(&mut Bench::running(PLAIN), &turned)),
                body,
                "{turn}"
            );
        }
    }
}

#[test]
fn a_message_of_a_phy_in_pieces_reaches_the_l2_while_one_of_the_l2_is_open() {
    let mut bench = Bench::running(PLAIN);
    let (down, up) = (body(4000), body(3000));
    let down_frames = datagrams(L2, TX_DATA, 7, &down, SEGMENT, 1);
    let up_frames = datagrams(PHY_A, RX_DATA, 7, &up, SEGMENT, 1);
    assert_eq!(ask(&mut bench, &down_frames[..1]), []);
    assert_eq!(whole(&bench.receive_all(PHY_A, &up_frames)), up);
    assert_eq!(whole(&ask(&mut bench, &down_frames[1..])), down);
}

#[test]
fn a_piece_that_comes_twice_counts_once() {
    let mut bench = Bench::running(PLAIN);
    let body = body(4000);
    let frames = datagrams(L2, TX_DATA, 7, &body, SEGMENT, 1);
    assert_eq!(ask(&mut bench, &frames[..1]), []);
    let left = ask(&mut bench, &frames);
    assert_eq!(bench.dropped(DropReason::PieceDuplicate), 1);
    assert_eq!(whole(&left), body);
}

#[test]
fn pieces_that_contradict_each_other_end_their_message() {
    let mut bench = Bench::running(PLAIN);
    let frames = datagrams(L2, TX_DATA, 7, &body(4000), SEGMENT, 1);
    let mut changed = body(4000);
    changed[2000] ^= 1;
    let other = datagrams(L2, TX_DATA, 7, &changed, SEGMENT, 2);
    ask(&mut bench, &frames[..2]);
    assert_eq!(ask(&mut bench, &other[1..2]), []);
    assert_eq!(bench.dropped(DropReason::PieceConflict), 3);
    assert_eq!(bench.ledger().held, 0);
}

#[test]
fn fragments_that_overlap_end_their_datagram() {
    let mut bench = Bench::running(PLAIN);
    let datagram = &datagrams(L2, TX_DATA, 7, &body(4000), 65_000, 1)[0];
    ask(&mut bench, &fragments(datagram, 1480, 9)[..2]);
    ask(&mut bench, &fragments(datagram, 1000, 9)[1..2]);
    assert_eq!(bench.dropped(DropReason::PieceConflict), 3);
}

#[test]
fn what_waits_for_ten_milliseconds_is_given_up() {
    let mut bench = Bench::running(PLAIN);
    let frames = datagrams(L2, TX_DATA, 7, &body(4000), SEGMENT, 1);
    ask(&mut bench, &frames[..2]);
    bench.wait(9_999_999);
    assert_eq!(bench.ledger().held, 2);
    bench.wait(1);
    assert_eq!(bench.dropped(DropReason::PieceExpired), 2);
    assert_eq!(bench.ledger().held, 0);
}

#[test]
fn a_flood_of_first_pieces_is_bounded_for_its_sender_alone() {
    let mut bench = Bench::running(PLAIN);
    for id in 0..1000 {
        let cut = fragments(
            &datagrams(L2, TX_DATA, 7, &body(4000), 65_000, 1)[0],
            1480,
            id,
        );
        bench.receive(L2, &cut[0]);
    }
    assert_eq!(bench.ledger().held, 16);
    assert_eq!(bench.dropped(DropReason::PieceLimit), 984);
    let up = body(3000);
    let frames = datagrams(PHY_A, RX_DATA, 7, &up, SEGMENT, 1);
    assert_eq!(whole(&bench.receive_all(PHY_A, &frames)), up);
}

#[test]
fn damage_in_any_fragment_ends_the_datagram() {
    let datagram = &datagrams(L2, TX_DATA, 7, &body(4000), 65_000, 1)[0];
    for (number, at) in [(0, 70), (1, 100), (2, 40)] {
        let mut bench = Bench::running(PLAIN);
        let mut frames = fragments(datagram, 1480, 9);
        frames[number][at] ^= 1;
        assert_eq!(ask(&mut bench, &frames), []);
        assert_eq!(bench.dropped(DropReason::IpMalformed), 3, "{number}");
    }
}

#[test]
fn a_checksum_of_oai_is_led_over_all_fragments() {
    let mut bench = Bench::running(PLAIN);
    let mut frames = fragments(
        &datagrams(L2, TX_DATA, 7, &body(4000), 65_000, 1)[0],
        1480,
        9,
    );
    frames[0][40..42].fill(0); // no UDP checksum
    frames[2][40] ^= 1;
    assert_eq!(ask(&mut bench, &frames), []);
    assert_eq!(bench.dropped(DropReason::P7Checksum), 3);
}

#[test]
fn a_datagram_shorter_or_longer_than_its_header_says_is_refused() {
    for more in [false, true] {
        let mut bench = Bench::running(PLAIN);
        let mut frames = fragments(
            &datagrams(L2, TX_DATA, 7, &body(4000), 65_000, 1)[0],
            1480,
            9,
        );
        let len = frames[2].len();
        let total = u16::from_be_bytes([frames[2][16], frames[2][17]]);
        match more {
            true => frames[2].push(0),
            false => frames[2].truncate(len - 1),
        }
        let total = if more { total + 1 } else { total - 1 };
        frames[2][16..18].copy_from_slice(&total.to_be_bytes());
        assert_eq!(ask(&mut bench, &frames), []);
        assert_eq!(bench.dropped(DropReason::IpMalformed), 3);
    }
}

#[test]
fn a_message_of_more_segments_than_can_be_numbered_is_refused() {
    let mut bench = Bench::running(PLAIN);
    let longest = 128 * 1434;
    for (len, refused) in [(longest, false), (longest + 1, true)] {
        let segments = datagrams(L2, TX_DATA, 7, &body(len), 65_000, 1);
        let cut = |(segment, id): (&Vec<u8>, u16)| fragments(segment, 1480, id);
        let frames: Vec<_> = segments.iter().zip(0..).flat_map(cut).collect();
        let left = ask(&mut bench, &frames);
        assert_eq!(left.is_empty(), refused);
        assert_eq!(bench.ledger().held, 0);
    }
    assert_eq!(bench.dropped(DropReason::NotRepresentable), 125);
}

#[test]
fn a_message_that_cannot_be_said_leaves_no_gap_in_the_numbers() {
    let mut bench = Bench::running(PLAIN);
    let small = |sequence| datagrams(L2, TX_DATA, sequence, &body(100), SEGMENT, 1);
    let before = ask(&mut bench, &small(1));
    let segments = datagrams(L2, TX_DATA, 2, &body(128 * 1434 + 1), 65_000, 1);
    let cut = |(segment, id): (&Vec<u8>, u16)| fragments(segment, 1480, id);
    let frames: Vec<_> = segments.iter().zip(0..).flat_map(cut).collect();
    assert_eq!(ask(&mut bench, &frames), []);
    let after = ask(&mut bench, &small(3));
    assert_eq!(after[0].sequence, before[0].sequence + 1);
}

#[test]
fn a_phy_that_counts_elsewhere_is_told_its_own_slot_however_the_message_is_cut() {
    let elsewhere = ("phy-a: {}", "phy-a: {slot_offset: 7}");
    let mut bench = Bench::running(&[
        PLAIN[0],
        elsewhere,
        ("l2-side: {mtu: 1500", "l2-side: {mtu: 9000"),
    ]);
    let body = body(5000);
    let mut told = body.clone();
    told[..4].copy_from_slice(&[0, 0, 0, 7]);
    let whole_frame = datagrams(L2, TX_DATA, 1, &body, 8000, 1);
    let in_segments = datagrams(L2, TX_DATA, 2, &body, SEGMENT, 1);
    let in_fragments = fragments(&datagrams(L2, TX_DATA, 3, &body, 65_000, 1)[0], 1480, 9);
    for frames in [whole_frame, in_segments, in_fragments] {
        assert_eq!(
            whole(&ask(&mut bench, &frames)),
            told,
            "{} frames",
            frames.len()
        );
    }
}

#[test]
fn loss_duplicates_and_disorder_leave_right_messages_and_counted_frames() {
    let mut random = Pcg32::new(4, 1);
    let mut bench = Bench::running(PLAIN);
    let mut sent = BTreeMap::new();
    let mut frames = Vec::new();
    for sequence in 0..60u8 {
        let body = body(2000 + 900 * usize::from(sequence % 7));
        let cut = match sequence % 2 {
            0 => datagrams(L2, TX_DATA, sequence, &body, SEGMENT, 1),
            _ => {
                let datagram = &datagrams(L2, TX_DATA, sequence, &body, 65_000, 1)[0];
                fragments(datagram, 1480, u16::from(sequence))
            }
        };
        sent.insert(body.len(), body);
        frames.extend(cut);
    }
    for at in 0..frames.len() {
        let other = (at + random.next_u32() as usize % 4).min(frames.len() - 1);
        frames.swap(at, other);
    }
    let mut left = Vec::new();
    for frame in &frames {
        let copies = match random.next_u32() % 100 {
            0..2 => 0,
            2..7 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            left.extend(ask(&mut bench, std::slice::from_ref(frame)));
        }
        bench.wait(20_000);
    }
    bench.wait(20_000_000);
    assert_eq!(bench.ledger().held, 0);
    let mut messages: BTreeMap<u8, Vec<Left>> = BTreeMap::new();
    for one in left {
        messages.entry(one.sequence).or_default().push(one);
    }
    assert!((30..60).contains(&messages.len()), "{}", messages.len());
    for pieces in messages.values() {
        let body = whole(pieces);
        assert_eq!(sent.get(&body.len()), Some(&body));
    }
}

/// Limits off, so that bodies may be anything; both sides as OAI cuts by default at MTU 1500.
const PLAIN: &[Edit<'_>] = &[UNLIMITED];
const SEGMENT: usize = 1452;

/// The body of one message, from pieces in order.
fn whole(pieces: &[Left]) -> Vec<u8> {
    let last = pieces.len() - 1;
    for (number, piece) in pieces.iter().enumerate() {
        assert_eq!(usize::from(piece.number), number);
        assert_eq!(piece.more, number < last);
        assert_eq!(piece.sequence, pieces[0].sequence);
    }
    pieces.iter().flat_map(|piece| piece.body.clone()).collect()
}
