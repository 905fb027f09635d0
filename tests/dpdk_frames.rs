//! Frames in DPDK buffers, over rings that give back what was sent: heads, departures, copies, leftovers.
//! One EAL serves the process; its ports go from test to test under a lock.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

use ranshift::dataplane::frame_io::{BURST, FrameIo};
use ranshift::dataplane::outbox::{Outbox, Part};
use ranshift::dataplane::verdict::Departure;
use ranshift::dpdk::burst::Ports;
use ranshift::dpdk::eal::{self, Eal, Memory};
use ranshift::dpdk::mbuf::Mbuf;
use ranshift::dpdk::mempool::PoolSize;
use ranshift::dpdk::port::PortPlan;
use ranshift::ran::PortId;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

const RING: PortId = PortId(0);
const OTHER_RING: PortId = PortId(1);
const SINK: PortId = PortId(2);

#[test]
fn a_frame_sent_into_a_ring_comes_back_with_its_bytes() {
    let mut ports = ports();
    let mut frames = vec![frame(&ports, &counting(1400))];
    ports.transmit(RING, &mut frames);
    assert!(frames.is_empty());
    let back = received(&mut ports, RING);
    assert_eq!(back.len(), 1);
    assert_eq!(bytes(&back[0]), counting(1400));
    drop(back);
    assert_nothing_in_use(&ports);
}

#[test]
fn the_head_shows_headroom_and_an_edit_stays() {
    let ports = ports();
    let mut frame = frame(&ports, &counting(64));
    let (head, info) = Ports::head(&mut frame, RING);
    assert_eq!((info.start, info.len, head.len()), (128, 64, 192));
    head[130] = 0xaa;
    assert_eq!(bytes(&frame)[2], 0xaa);
}

#[test]
fn a_header_that_grew_or_shrank_moves_the_first_byte() {
    let ports = ports();
    let mut frame = frame(&ports, &counting(64));
    assert!(Ports::depart(&mut frame, departure(124, 0)));
    assert_eq!(frame.frame_len(), 68);
    assert_eq!(bytes(&frame)[4..], counting(64));
    assert!(Ports::depart(&mut frame, departure(132, 0)));
    assert_eq!(bytes(&frame), counting(64)[4..]);
}

#[test]
fn padding_appends_zeroes() {
    let ports = ports();
    let mut frame = frame(&ports, &counting(64));
    assert!(Ports::depart(&mut frame, departure(132, 4)));
    assert_eq!(bytes(&frame), [&counting(64)[4..], &[0; 4]].concat());
}

#[test]
fn a_departure_beyond_the_frame_or_without_room_is_refused() {
    let ports = ports();
    let mut short = frame(&ports, &counting(64));
    assert!(!Ports::depart(&mut short, departure(193, 0)));
    // A buffer takes a frame of 9026 bytes, rounded up to what NICs count.
    let mut full = frame(&ports, &vec![0; 9 * 1024]);
    assert!(Ports::depart(&mut full, departure(128, 0)));
    assert!(!Ports::depart(&mut full, departure(128, 1)));
}

#[test]
fn a_small_copy_has_its_own_head_and_is_one_segment() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(100))];
    let copy = built(&mut ports, &mut sources, OTHER_RING, b"head", 4..100, 0);
    assert_eq!(copy.segments(), 1);
    assert_eq!(bytes(&copy), [b"head", &counting(100)[4..]].concat());
}

#[test]
fn a_large_copy_shares_the_payload_of_its_source() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(7680))];
    let copy = built(&mut ports, &mut sources, OTHER_RING, b"heads", 4..7680, 0);
    assert_eq!(copy.segments(), 2);
    assert_eq!(bytes(&copy), [b"heads", &counting(7680)[4..]].concat());
    assert!(
        Ports::head(&mut sources[0], RING).0.is_empty(),
        "a shared source must not be rewritten"
    );
    drop(copy);
    assert!(
        !Ports::head(&mut sources[0], RING).0.is_empty(),
        "it is alone again"
    );
}

#[test]
fn a_source_freed_first_leaves_the_copy_whole() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(7680))];
    let copy = built(&mut ports, &mut sources, RING, b"head", 4..7680, 0);
    sources.clear();
    ports.transmit(RING, &mut vec![copy]);
    let back = received(&mut ports, RING);
    assert_eq!(back[0].segments(), 2);
    assert_eq!(bytes(&back[0])[4..], counting(7680)[4..]);
    drop(back);
    assert_nothing_in_use(&ports);
}

#[test]
fn a_copy_of_a_chain_takes_a_range_across_its_segments() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(5000))];
    let chain = built(&mut ports, &mut sources, RING, b"0123456789", 10..5000, 0);
    let copy = built(&mut ports, &mut [chain], RING, b"abcd", 4..5000, 0);
    assert_eq!(copy.segments(), 3);
    assert_eq!(
        bytes(&copy),
        [b"abcd456789", &counting(5000)[10..]].concat()
    );
}

#[test]
fn a_large_copy_with_padding_is_a_full_copy() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(1500))];
    let copy = built(&mut ports, &mut sources, RING, b"head", 4..1500, 4);
    assert_eq!(copy.segments(), 1);
    assert_eq!(copy.frame_len(), 1504);
    assert_eq!(bytes(&copy)[1500..], [0; 4]);
}

#[test]
fn a_part_beyond_its_source_is_not_built_and_leaks_nothing() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(1500))];
    let mut outbox = Outbox::new(4, 64);
    outbox.push(RING, &[b"head"], 10..1501, 0).unwrap();
    outbox.push(RING, &[b"head"], 1400..1600, 0).unwrap();
    outbox.begin(7);
    outbox.push(RING, &[b"head"], 0..4, 0).unwrap();
    let mut out = Vec::new();
    ports.build(&mut sources, outbox.parts(), outbox.arena(), &mut out);
    assert_eq!(out.len(), 3);
    assert!(out.iter().all(Option::is_none));
    sources.clear();
    assert_nothing_in_use(&ports);
}

#[test]
fn one_call_builds_more_parts_than_one_batch_takes() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(1500))];
    let mut outbox = Outbox::new(200, 4096);
    for part in 0..200u8 {
        outbox.push(RING, &[&[part]], 1..1500, 0).unwrap();
    }
    let mut out = Vec::new();
    ports.build(&mut sources, outbox.parts(), outbox.arena(), &mut out);
    for (part, frame) in out.iter().enumerate() {
        assert_eq!(bytes(frame.as_ref().unwrap())[0], part as u8);
    }
    drop((out, sources));
    assert_nothing_in_use(&ports);
}

#[test]
fn parts_that_join_share_the_payload_of_their_sources_in_one_frame() {
    let mut ports = ports();
    let mut sources = vec![
        frame(&ports, &counting(1500)),
        frame(&ports, &counting(900)),
    ];
    let mut outbox = Outbox::new(4, 64);
    outbox.push(RING, &[b"head"], 42..1500, 0).unwrap();
    outbox.join(1, 50..900).unwrap();
    outbox.push(OTHER_RING, &[b"next"], 0..200, 0).unwrap();
    let mut out = Vec::new();
    ports.build(&mut sources, outbox.parts(), outbox.arena(), &mut out);
    assert_eq!(out.len(), 2);
    let joined = out[0].as_ref().unwrap();
    assert_eq!(joined.segments(), 3);
    let expected = [b"head", &counting(1500)[42..], &counting(900)[50..]].concat();
    assert_eq!(bytes(joined), expected);
    drop((out, sources));
    assert_nothing_in_use(&ports);
}

#[test]
fn many_small_parts_are_copied_into_one_buffer() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(1500))];
    let mut outbox = Outbox::new(200, 64);
    outbox.push(RING, &[b"head"], 0..0, 0).unwrap();
    for at in 0..100 {
        outbox.join(0, at * 10..at * 10 + 10).unwrap();
    }
    let mut out = Vec::new();
    ports.build(&mut sources, outbox.parts(), outbox.arena(), &mut out);
    let joined = out[0].as_ref().unwrap();
    assert_eq!((out.len(), joined.segments()), (1, 1));
    assert_eq!(bytes(joined), [b"head", &counting(1000)[..]].concat());
    drop((out, sources));
    assert_nothing_in_use(&ports);
}

#[test]
fn a_frame_one_of_whose_parts_reaches_beyond_its_source_is_not_built_and_leaks_nothing() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(1500))];
    let mut outbox = Outbox::new(4, 64);
    outbox.push(RING, &[b"head"], 0..1500, 0).unwrap();
    outbox.join(0, 1000..1501).unwrap();
    outbox.join(7, 0..4).unwrap();
    outbox.push(RING, &[b"next"], 0..1500, 0).unwrap();
    let mut out = Vec::new();
    ports.build(&mut sources, outbox.parts(), outbox.arena(), &mut out);
    assert!(out[0].is_none() && out[1].is_some());
    drop((out, sources));
    assert_nothing_in_use(&ports);
}

#[test]
fn an_empty_pool_is_none_and_not_a_leak() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(7680))];
    let part = Part {
        source: 0,
        port: RING,
        head: 0..4,
        tail: 4..7680,
        pad: 0,
        joins: false,
        urgent: true,
    };
    let parts = vec![part; 9000];
    let mut out = Vec::new();
    ports.build(&mut sources, &parts, b"head", &mut out);
    assert_eq!(out.len(), 9000);
    let built = out.iter().flatten().count();
    assert!(
        (8191 - 512..=8191).contains(&built),
        "{built}: all but what an lcore's cache keeps"
    );
    drop((out, sources));
    assert_nothing_in_use(&ports);
}

#[test]
fn what_a_full_ring_does_not_take_stays_with_the_caller() {
    let mut ports = ports();
    let mut frames: Vec<_> = (0..1100).map(|_| frame(&ports, &counting(64))).collect();
    ports.transmit(RING, &mut frames);
    assert_eq!(frames.len(), 1100 - 1023, "a ring of 1024 holds 1023");
    frames.clear();
    while !received(&mut ports, RING).is_empty() {}
    assert_nothing_in_use(&ports);
}

#[test]
fn a_sink_takes_everything() {
    let mut ports = ports();
    let mut sources = vec![frame(&ports, &counting(7680))];
    let copy = built(&mut ports, &mut sources, SINK, b"head", 4..7680, 0);
    sources.push(copy);
    ports.transmit(SINK, &mut sources);
    assert!(sources.is_empty());
    assert_nothing_in_use(&ports);
}

#[test]
fn nothing_is_received_beyond_the_room_offered() {
    let mut ports = ports();
    let mut frames = Vec::new();
    ports.receive(SINK, &mut frames);
    assert!(frames.is_empty());
}

#[test]
fn frames_of_a_null_port_come_in_bursts_and_carry_no_stamp() {
    let mut ports = ports();
    let frames = received(&mut ports, SINK);
    assert_eq!(frames.len(), BURST);
    assert!(frames.iter().all(|frame| Ports::stamp(frame).is_none()));
}

#[test]
fn a_second_start_of_eal_is_refused() {
    let _ports = ports();
    let error = Eal::start(&[]).unwrap_err().to_string();
    assert!(error.contains("already"), "{error}");
}

#[test]
fn the_last_buffers_of_a_pool_are_for_c_plane() {
    let mut ports = ports();
    let pool = &ports.pools().frames;
    let mut taken = Vec::new();
    while let Some(frame) = Mbuf::from_bytes(pool, &[0; 64]) {
        taken.push(frame);
    }
    // Fewer than the reserve, more than one burst needs.
    taken.truncate(taken.len() - 100);
    let mut sources: Vec<Mbuf> = taken.drain(..1).collect();
    let mut outbox = Outbox::new(2, 64);
    outbox.push(RING, &[b"user"], 0..8, 0).unwrap();
    outbox.push(RING, &[b"control"], 0..8, 0).unwrap();
    outbox.hurry(1);
    let mut out = Vec::new();
    ports.build(&mut sources, outbox.parts(), outbox.arena(), &mut out);
    assert!(out[0].is_none() && out[1].is_some());
    drop((taken, sources, out));
    assert_nothing_in_use(&ports);
}

fn ports() -> MutexGuard<'static, Ports> {
    static PORTS: OnceLock<Mutex<Ports>> = OnceLock::new();
    PORTS
        .get_or_init(|| Mutex::new(start()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn start() -> Ports {
    let plans = ["net_ring0", "net_ring1", "net_null0"].map(|device| PortPlan {
        name: format!("{device}-side"),
        device: device.to_owned(),
        mtu: 9000,
        ..PortPlan::default()
    });
    let size = PoolSize::of(&plans, 1);
    let memory = Memory::Plain(size.mebibytes());
    let mut arguments = eal::arguments(&[eal::last_core().unwrap()], memory, false);
    arguments.extend(plans.iter().map(PortPlan::eal_argument));
    let eal = Eal::start(&arguments).unwrap();
    Ports::start(&eal, &plans, size).unwrap()
}

fn counting(len: usize) -> Vec<u8> {
    (0..len).map(|byte| (byte % 251) as u8).collect()
}

fn frame(ports: &Ports, bytes: &[u8]) -> Mbuf {
    Mbuf::from_bytes(&ports.pools().frames, bytes).unwrap()
}

fn bytes(frame: &Mbuf) -> Vec<u8> {
    let mut bytes = vec![0; frame.frame_len() as usize];
    assert!(frame.read(0, &mut bytes));
    bytes
}

fn departure(start: u16, pad: u8) -> Departure {
    Departure {
        port: RING,
        start,
        pad,
    }
}

fn received(ports: &mut Ports, port: PortId) -> Vec<Mbuf> {
    let mut frames = Vec::with_capacity(BURST);
    ports.receive(port, &mut frames);
    frames
}

fn built(
    ports: &mut Ports,
    sources: &mut [Mbuf],
    port: PortId,
    head: &[u8],
    tail: Range<u32>,
    pad: u8,
) -> Mbuf {
    let mut outbox = Outbox::new(1, 64);
    outbox.push(port, &[head], tail, pad).unwrap();
    let mut out = Vec::new();
    ports.build(sources, outbox.parts(), outbox.arena(), &mut out);
    out.pop().flatten().unwrap()
}

fn assert_nothing_in_use(ports: &Ports) {
    for pool in ports.pools().all() {
        assert_eq!(pool.in_use(), 0, "{}", pool.name());
    }
}
