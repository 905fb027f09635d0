use super::image::succession;
use super::*;
use crate::dataplane::live_state::record::Record;
use crate::dataplane::tables::CELL_NAME;
use crate::planes::fronthaul::pattern::{PatternBits, PatternSwitch};
use crate::planes::role::{Cause, Mode, Roles, Span};
use crate::ran::{MemberId, SlotCount};

fn record(active: u8) -> Record {
    let spans = [
        Span {
            from: SlotCount(0),
            mode: Mode::Single(MemberId(active)),
            cause: Cause::Start,
        },
        Span {
            from: SlotCount(5000),
            mode: Mode::Shared {
                source: MemberId(active),
                destination: MemberId(1 - active),
            },
            cause: Cause::Command,
        },
    ];
    let mut pattern = PatternSwitch::new(PatternBits::SOURCE);
    let destination = PatternBits::new(&[false, true, true]).unwrap();
    assert!(pattern.schedule(SlotCount(6000), destination));
    Record {
        at: Instant(1_000_000),
        term: 7,
        origin: Some(Instant(u64::MAX - 3)),
        announced: SlotCount(4000),
        roles: Roles::restored(spans, 0b10).unwrap(),
        pattern: Some(pattern),
        split_from: Some(SlotCount(9)),
        in_step: 0b11,
        assigned: 0b10,
        standby: [Some(MemberId(1)), None, None, None, None, None, None, None],
        waiting: Some((MemberId(1), SlotCount(44))),
        last_failover: Some(Instant(55)),
    }
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut buffer = [0; LONGEST];
    let len = record.encode(&mut buffer);
    buffer[..len].to_vec()
}

fn apply(place: &mut [u8; PLACE], stores: impl Iterator<Item = (usize, u8)>) {
    stores.for_each(|(at, byte)| place[at] = byte);
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let bytes = encoded(&record(1));
    let read = Record::decode(&bytes, 2).unwrap();
    assert_eq!(encoded(&read), bytes);
    assert_eq!(read.roles.mode(SlotCount(4999)), Mode::Single(MemberId(1)));
    assert!(read.roles.is_fenced(MemberId(1)));
}

#[test]
fn the_longest_record_fits() {
    let mut full = record(0);
    let span = |n: u64| Span {
        from: SlotCount(n),
        mode: Mode::Single(MemberId(0)),
        cause: Cause::Command,
    };
    full.roles = Roles::restored((0..8).map(span), 0).unwrap();
    let mut pattern = PatternSwitch::new(PatternBits::SOURCE);
    for n in 1..=8 {
        assert!(pattern.schedule(SlotCount(n), PatternBits::SOURCE));
    }
    full.pattern = Some(pattern);
    let bytes = encoded(&full);
    assert!(bytes.len() < LONGEST && RECORD_HEAD + bytes.len() <= RECORD);
    assert!(Record::decode(&bytes, 2).is_some());
}

#[test]
fn a_record_cut_anywhere_or_of_a_member_too_many_is_none() {
    let bytes = encoded(&record(1));
    for len in 0..bytes.len() {
        assert!(Record::decode(&bytes[..len], 2).is_none(), "{len}");
    }
    assert!(Record::decode(&bytes, 1).is_none());
}

#[test]
fn death_between_any_two_stores_leaves_the_old_record_or_the_new_one() {
    let (old, new) = (encoded(&record(0)), encoded(&record(1)));
    for first in 1..4 {
        let mut place = [0; PLACE];
        apply(&mut place, stores(first, &new));
        apply(&mut place, stores(first + 1, &old));
        let all = stores(first + 2, &new).count();
        for stored in 0..=all {
            let mut torn = place;
            apply(&mut torn, stores(first + 2, &new).take(stored));
            let (generation, read) = newest(&torn, 2).unwrap();
            let expected = if generation == first + 2 { &new } else { &old };
            assert_eq!(&encoded(&read), expected, "{stored} of {all}");
            assert!(
                stored == all
                    || generation == first + 1
                    || torn[RECORDS..] == place_with(&place, first + 2, &new)[RECORDS..]
            );
        }
    }
}

fn place_with(place: &[u8; PLACE], generation: u64, payload: &[u8]) -> [u8; PLACE] {
    let mut whole = *place;
    apply(&mut whole, stores(generation, payload));
    whole
}

#[test]
fn one_wrong_bit_anywhere_in_the_newer_record_brings_back_the_older() {
    let mut place = [0; PLACE];
    apply(&mut place, stores(1, &encoded(&record(0))));
    apply(&mut place, stores(2, &encoded(&record(1))));
    for (at, _) in stores(2, &encoded(&record(1))) {
        for bit in 0..8 {
            let mut damaged = place;
            damaged[at] ^= 1 << bit;
            assert_eq!(newest(&damaged, 2).unwrap().0, 1, "byte {at}");
        }
    }
}

#[test]
fn a_file_of_anything_else_is_ignored_with_its_reason() {
    let tables = Tables::new(1, no_policy(), Vec::new());
    let mut tables = tables;
    tables.places = 4;
    let whole = succession(&[], &tables, Instant(5));
    assert!(whole.ignored.is_empty());
    let mut foreign = whole.bytes.clone();
    foreign[8] += 1;
    let mut damaged = whole.bytes.clone();
    damaged[20] ^= 1;
    let cut = whole.bytes[..whole.bytes.len() - 1].to_vec();
    for (bytes, word) in [
        (b"hello".to_vec(), "short"),
        (vec![0; 5000], "no live state"),
        (foreign, "version"),
        (damaged, "damaged"),
        (cut, "cut"),
    ] {
        let found = succession(&bytes, &tables, Instant(5));
        assert_eq!(found.bytes, whole.bytes);
        assert!(
            found.ignored.len() == 1 && found.ignored[0].contains(word),
            "{:?}",
            found.ignored
        );
    }
}

#[test]
fn places_are_whole_cache_lines() {
    for offset in [HEADER, PLACE, NUMBERS, RECORDS, RECORD] {
        assert_eq!(offset % 64, 0);
    }
    assert_eq!(KEY, CELL_NAME + 1 + 32);
    const { assert!(KEY <= NUMBERS) };
}

const fn no_policy() -> crate::dataplane::tables::Policy {
    crate::dataplane::tables::Policy {
        lenient_size: false,
        reserved_types: false,
        vendor_types: false,
        ptp: false,
        link_local: false,
        other: false,
    }
}
