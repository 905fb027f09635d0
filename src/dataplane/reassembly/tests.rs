use super::*;
use proptest::prelude::*;

const NOW: Instant = Instant(1_000);
const KEY: Key = Key(1, 2);

/// A frame is its bytes.
type Frames = Reassembly<Vec<u8>>;

fn limits() -> Limits {
    Limits {
        units: 4,
        bytes: 1_000,
        age: Duration::from_millis(10),
    }
}

fn reassembly() -> Frames {
    let room = Room {
        units: 8,
        frames: 32,
        senders: 2,
    };
    Reassembly::new(room, limits())
}

fn place(at: u32, extent: u32, last: bool) -> Place {
    Place {
        key: KEY,
        sender: 0,
        at,
        extent,
        last,
        digest: 0,
    }
}

/// Offers `bytes` behind a header of two bytes, at a byte offset.
fn offer(
    frames: &mut Frames,
    at: u32,
    bytes: &[u8],
    last: bool,
) -> Result<Option<UnitId>, Refused> {
    let place = place(at, bytes.len() as u32, last);
    offer_at(frames, place, bytes)
}

fn offer_at(frames: &mut Frames, place: Place, bytes: &[u8]) -> Result<Option<UnitId>, Refused> {
    let frame = [&[0xff, 0xff], bytes].concat();
    let range = (2, frame.len() as u32);
    frames
        .offer(place, frame, range, NOW)
        .map_err(|(_, refused)| refused)
}

fn content(frames: &Frames, unit: UnitId) -> Vec<u8> {
    let mut bytes = Vec::new();
    for stretch in frames.stretches(unit) {
        let frame = frames.frame(stretch.frame).unwrap();
        bytes.extend_from_slice(&frame[stretch.from as usize..stretch.to as usize]);
    }
    bytes
}

fn taken(frames: &mut Frames, unit: UnitId) -> usize {
    let mut count = 0;
    frames.take(unit, |_| count += 1);
    count
}

#[test]
fn one_piece_that_is_all_is_complete_at_once() {
    let mut frames = reassembly();
    let unit = offer(&mut frames, 0, b"all", true).unwrap().unwrap();
    assert_eq!(content(&frames, unit), b"all");
    assert_eq!(taken(&mut frames, unit), 1);
    assert_eq!(frames.held(), 0);
}

#[test]
fn pieces_that_come_in_any_order_are_put_in_order() {
    let mut frames = reassembly();
    assert_eq!(offer(&mut frames, 6, b"ghi", true), Ok(None));
    assert_eq!(offer(&mut frames, 0, b"abc", false), Ok(None));
    let unit = offer(&mut frames, 3, b"def", false).unwrap().unwrap();
    assert_eq!(content(&frames, unit), b"abcdefghi");
    assert_eq!(frames.held(), 3);
}

#[test]
fn numbered_segments_are_complete_when_every_number_to_the_last_is_there() {
    let mut frames = reassembly();
    assert_eq!(
        offer_at(&mut frames, place(1, 1, true), b"second"),
        Ok(None)
    );
    let unit = offer_at(&mut frames, place(0, 1, false), b"first, ").unwrap();
    assert_eq!(content(&frames, unit.unwrap()), b"first, second");
}

#[test]
fn the_same_piece_again_is_a_duplicate_and_given_back() {
    let mut frames = reassembly();
    offer(&mut frames, 0, b"abc", false).unwrap();
    let again = frames.offer(place(0, 3, false), b"abc".to_vec(), (0, 3), NOW);
    assert_eq!(again, Err((b"abc".to_vec(), Refused::Duplicate)));
    assert_eq!(frames.held(), 1);
}

#[test]
fn a_duplicate_with_another_digest_is_a_conflict() {
    let mut frames = reassembly();
    offer(&mut frames, 0, b"abc", false).unwrap();
    let other = Place {
        digest: 1,
        ..place(0, 3, false)
    };
    let told = offer_at(&mut frames, other, b"xyz");
    assert!(matches!(told, Err(Refused::Conflict(_))), "{told:?}");
}

#[test]
fn an_overlap_is_a_conflict() {
    let mut frames = reassembly();
    offer(&mut frames, 4, b"efgh", false).unwrap();
    for (at, bytes) in [
        (2, &b"xxx"[..]),
        (4, b"x"),
        (5, b"x"),
        (7, b"xx"),
        (0, b"xxxxxxxxxx"),
    ] {
        let told = offer(&mut frames, at, bytes, false);
        assert!(matches!(told, Err(Refused::Conflict(_))), "{at}: {told:?}");
    }
}

#[test]
fn two_ends_and_what_lies_behind_the_end_are_conflicts() {
    let mut frames = reassembly();
    offer(&mut frames, 4, b"efgh", true).unwrap();
    for (at, last) in [(0, true), (8, true), (8, false)] {
        let told = offer(&mut frames, at, b"xx", last);
        assert!(matches!(told, Err(Refused::Conflict(_))), "{at}: {told:?}");
    }
}

#[test]
fn an_end_before_what_is_there_is_a_conflict() {
    let mut frames = reassembly();
    offer(&mut frames, 8, b"ij", false).unwrap();
    let told = offer(&mut frames, 0, b"abcd", true);
    assert!(matches!(told, Err(Refused::Conflict(_))), "{told:?}");
}

#[test]
fn a_place_beyond_what_can_be_counted_is_a_conflict() {
    let mut frames = reassembly();
    offer(&mut frames, 0, b"a", false).unwrap();
    let far = place(u32::MAX, 2, true);
    let told = offer_at(&mut frames, far, b"bc");
    assert!(matches!(told, Err(Refused::Conflict(_))), "{told:?}");
}

#[test]
fn a_unit_given_up_leaves_nothing() {
    let mut frames = reassembly();
    offer(&mut frames, 0, b"abc", false).unwrap();
    let Err(Refused::Conflict(unit)) = offer(&mut frames, 1, b"x", false) else {
        panic!("no conflict");
    };
    assert_eq!(taken(&mut frames, unit), 1);
    assert_eq!(frames.held(), 0);
    assert_eq!(offer(&mut frames, 0, b"new", false), Ok(None));
}

#[test]
fn one_sender_s_flood_leaves_room_for_another() {
    let mut frames = reassembly();
    let of = |sender, n| Place {
        key: Key(9, n),
        sender,
        ..place(0, 1, false)
    };
    for n in 0..4 {
        assert_eq!(offer_at(&mut frames, of(0, n), b"x"), Ok(None));
    }
    assert_eq!(offer_at(&mut frames, of(0, 4), b"x"), Err(Refused::Limit));
    assert_eq!(offer_at(&mut frames, of(1, 4), b"x"), Ok(None));
    assert_eq!(offer_at(&mut frames, of(7, 4), b"x"), Err(Refused::Limit));
}

#[test]
fn a_sender_holds_no_more_bytes_than_it_may() {
    let mut frames = reassembly();
    assert_eq!(offer(&mut frames, 0, &[1; 600], false), Ok(None));
    assert_eq!(
        offer(&mut frames, 600, &[1; 600], false),
        Err(Refused::Limit)
    );
    assert_eq!(offer(&mut frames, 600, &[1; 300], false), Ok(None));
}

#[test]
fn what_is_over_in_time_is_named_once_and_room_is_free_again() {
    let mut frames = reassembly();
    offer(&mut frames, 0, b"abc", false).unwrap();
    let end = NOW.after(limits().age);
    assert_eq!(frames.deadline(), end);
    assert_eq!(frames.expired(end.offset(-1)), None);
    let unit = frames.expired(end).unwrap();
    assert_eq!(taken(&mut frames, unit), 1);
    assert_eq!(
        (frames.expired(end), frames.deadline()),
        (None, Instant::NEVER)
    );
}

#[test]
fn without_a_free_frame_a_piece_is_given_back() {
    let room = Room {
        units: 8,
        frames: 2,
        senders: 1,
    };
    let mut frames = Reassembly::new(room, limits());
    for at in 0..2 {
        assert_eq!(offer(&mut frames, at, b"x", false), Ok(None));
    }
    assert_eq!(offer(&mut frames, 2, b"x", true), Err(Refused::Full));
}

#[test]
fn fragments_of_datagrams_become_pieces_of_a_message_without_their_headers() {
    let mut frames = reassembly();
    let of = |number, at, bytes: &[u8], last| Place {
        key: Key(5, number),
        ..place(at, bytes.len() as u32, last)
    };
    let whole = |frames: &mut Frames, number, first: &[u8], second: &[u8]| {
        let middle = first.len() as u32;
        assert_eq!(
            offer_at(frames, of(number, 0, first, false), first),
            Ok(None)
        );
        let last = of(number, middle, second, true);
        offer_at(frames, last, second).unwrap().unwrap()
    };
    let upper = whole(&mut frames, 1, b"HEADERde", b"f");
    assert_eq!(frames.promote(upper, 6, place(1, 1, true), NOW), Ok(None));
    // A header longer than the first fragment.
    let lower = whole(&mut frames, 2, b"HEAD", b"ERabc");
    let message = frames.promote(lower, 6, place(0, 1, false), NOW);
    let message = message.unwrap().unwrap();
    assert_eq!(content(&frames, message), b"abcdef");
    assert_eq!(taken(&mut frames, message), 4);
    assert_eq!(frames.held(), 0);
}

#[test]
fn a_refused_promotion_leaves_the_datagram_to_be_given_up() {
    let mut frames = reassembly();
    offer_at(&mut frames, place(0, 1, false), b"first").unwrap();
    let key = Key(5, 5);
    let datagram = Place {
        key,
        ..place(0, 5, true)
    };
    let lower = offer_at(&mut frames, datagram, b"other").unwrap().unwrap();
    let told = frames.promote(lower, 0, place(0, 1, false), NOW);
    assert_eq!(told, Err(Refused::Duplicate));
    assert_eq!(taken(&mut frames, lower), 1);
    assert_eq!(frames.held(), 1);
}

proptest! {
    /// Whatever comes in whatever order, often twice: what is complete is what was cut, and every frame
    /// that went in comes out once.
    #[test]
    fn what_was_cut_is_put_together_and_no_frame_is_lost(
        cuts in proptest::collection::vec(1usize..40, 1..12),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let total: usize = cuts.iter().sum();
        let message: Vec<u8> = (0..total).map(|n| n as u8).collect();
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in &cuts {
            pieces.push((at, at + cut));
            at += cut;
        }
        let mut frames = reassembly();
        let (mut in_it, mut out) = (0, 0);
        let whole = (0..pieces.len()).collect::<Vec<_>>();
        let drawn = order.iter().map(|index| index.index(pieces.len()));
        let mut complete = None;
        for index in drawn.chain(whole) {
            let (from, to) = pieces[index];
            match offer(&mut frames, from as u32, &message[from..to], to == total) {
                Ok(done) => {
                    in_it += 1;
                    complete = done;
                }
                Err(refused) => prop_assert_eq!(refused, Refused::Duplicate),
            }
            if complete.is_some() {
                break;
            }
        }
        let unit = complete.unwrap();
        prop_assert_eq!(content(&frames, unit), message);
        out += taken(&mut frames, unit);
        prop_assert_eq!(in_it, out);
        prop_assert_eq!(frames.held(), 0);
        prop_assert_eq!(frames.pieces.left, 32);
        prop_assert_eq!(frames.stretches.left, 32);
        prop_assert_eq!(&frames.open, &vec![(0, 0), (0, 0)]);
    }
}
