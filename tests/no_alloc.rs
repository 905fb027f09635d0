//! Heap allocations in the journey, counted: none for a frame, whatever becomes of it.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a counting allocator is unsafe by its trait; a test stops at the first surprise"
)]

#[path = "support/allocations.rs"]
mod allocations;
#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/nfapi.rs"]
mod nfapi;
#[path = "support/p7.rs"]
mod p7;

use allocations::{ALLOCATIONS, RELEASES};
use appliance::*;
use ranshift::control::compile::compile;
use ranshift::control::replace::replacements;
use ranshift::dataplane::commands::obey;
use ranshift::dataplane::frame_io::{BURST, FrameInfo, FrameIo, HEADROOM};
use ranshift::dataplane::journey::decide;
use ranshift::dataplane::lcore_state::LcoreState;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Mailbox, Parcel};
use ranshift::dataplane::observation::{Load, Observation};
use ranshift::dataplane::outbox::{Outbox, Part};
use ranshift::dataplane::recorder::{Recorder, Recording, Settings, Trigger};
use ranshift::dataplane::replacement::Outcome;
use ranshift::dataplane::ticks::tick;
use ranshift::dataplane::verdict::{Departure, Verdict};
use ranshift::dataplane::worker::{Clock, Unobserved, Worker};
use ranshift::ran::Direction::{Downlink, Uplink};
use ranshift::ran::{CellId, Instant, MemberId, PortId};
use ranshift::replay::frame::ReplayFrame;
use ranshift::wire::nfapi::limits::Limits;
use ranshift::wire::nfapi::null::{self, Null};
use ranshift::wire::nfapi::segment::Segments;
use ranshift::wire::nfapi::{Check, Datagram, Dialect, Header, PhyId, describe, header, slot};
use ranshift::wire::oran::emit::ControlSection;
use ranshift::{config, control};
use std::collections::VecDeque;
use std::mem::swap;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

const SHARING: &str = "
    liveness: {history: 2}
    failover: {standby: [du-b]}
    sharing: {control_symbols: [0, 1], source_ports: {0: 0}, destination_ports: {0: 1}, pattern: SD}";

/// Frames of every kind, for slots from `first` on.
fn traffic(first: i64) -> Vec<(u8, Vec<u8>)> {
    let whole = [ControlSection::whole(0, 14)];
    let narrow = [ControlSection {
        num_prb: 9,
        ..ControlSection::whole(2, 14)
    }];
    let mut frames = Vec::new();
    for n in first..first + 20 {
        let slot = START.offset(n);
        frames.push((1, FROM_A.control(Downlink, at(0, n as u8, slot, 0), &whole)));
        frames.push((
            2,
            FROM_B.control(Downlink, at(16, n as u8, slot, 0), &whole),
        ));
        frames.push((1, FROM_A.control(Uplink, at(0, n as u8, slot, 0), &whole)));
        frames.push((2, FROM_B.control(Uplink, at(16, n as u8, slot, 0), &narrow)));
        for symbol in 0..14 {
            frames.push((1, FROM_A.user(Downlink, at(0, symbol, slot, symbol))));
            frames.push((2, FROM_B.user(Downlink, at(16, symbol, slot, symbol))));
            frames.push((0, FROM_RU.user(Uplink, at(0, symbol, slot, symbol))));
        }
        frames.push((0, FROM_RU.frame(&[0x10, 7, 0, 4, 1, 2, 3, 4])));
        frames.push((1, FROM_A.frame(&[0x10, 99, 0, 0])));
        frames.push((1, vec![0; 9]));
    }
    frames
}

#[test]
fn deciding_a_frame_never_allocates() {
    decide_all(None);
}

#[test]
fn recording_a_frame_and_giving_a_recording_away_never_allocates() {
    let settings = Settings {
        frames: 100,
        snap: 144,
    };
    decide_all(Some(settings));
}

fn decide_all(settings: Option<Settings>) {
    let config = config::parse(&two_dus(SHARING), "test.yaml")
        .unwrap_or_else(|p| panic!("{p}"))
        .config;
    let tables = compile(&config, 1);
    let mut lcore = LcoreState::new(&tables, 100_000);
    let mut outbox = Outbox::new(4096, 1 << 20);
    let recorder = settings.map(|settings| Recorder::new(&tables, settings, |_| true));
    let mut recorder = recorder.unwrap_or_default();
    let mut recording =
        settings.and_then(|s| Recording::new(&tables, s, CellId(0), Trigger::Command));
    let mut frames: Vec<(u8, Vec<u8>)> = traffic(0)
        .into_iter()
        .chain(traffic(20))
        .map(|(port, frame)| (port, [vec![0; HEADROOM], frame].concat()))
        .collect();
    let share = Command {
        id: 1,
        term: 1,
        cell: CellId(0),
        boundary: Boundary::InSlots(5),
        action: Action::Share {
            source: MemberId(0),
            destination: MemberId(1),
        },
    };
    let middle = frames.len() / 2;
    let mut fates = [0u64; 4];
    let before = ALLOCATIONS.get();
    for (n, (port, frame)) in frames.iter_mut().enumerate() {
        let now = clock().air(START.offset(n as i64 / 50), 0);
        recorder.begin(now, &lcore);
        if n == middle / 2 {
            obey(now, &tables, &mut lcore, &share);
            recorder.commanded(now, &share, &lcore);
        }
        if n == middle
            && let Some(recording) = &mut recording
        {
            recorder.hand_over(now, &tables, &lcore, recording);
        }
        if lcore.next_deadline() <= now {
            recorder.ticking(now, &lcore.deadlines);
            tick(now, &tables, &mut lcore);
            recorder.ticked(now, &lcore);
        }
        let info = FrameInfo {
            port: PortId(*port),
            start: HEADROOM as u16,
            len: (frame.len() - HEADROOM) as u32,
        };
        if n % 32 == 0 {
            outbox.clear();
        }
        recorder.stage(frame, info, &outbox);
        let verdict = decide(frame, info, now, &tables, &mut lcore, &mut outbox);
        recorder.decided(now, (frame, info), &lcore, verdict, &outbox);
        let kind = match verdict {
            Verdict::Forward(_) => 0,
            Verdict::Fanout(_) => 1,
            Verdict::Replace => 2,
            Verdict::Hold | Verdict::Drop(_) => 3,
        };
        fates[kind] += 1;
    }
    let allocated = ALLOCATIONS.get() - before;
    assert!(fates.iter().all(|count| *count > 0), "{fates:?}");
    assert_eq!(allocated, 0, "{} frames", middle * 2);
    assert!(recording.is_none_or(|recording| recording.taken.is_some()));
}

#[test]
fn replacing_tables_neither_allocates_nor_frees() {
    let parse = |text: &str| {
        let loaded = config::parse(text, "test.yaml");
        loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .config
    };
    let old = parse(&two_dus(SHARING));
    let mut changed = old.clone();
    changed.cells[0].liveness.confirm = 7;
    changed.cells[0].sharing.pattern_lead = 30;
    let mut alone = old.clone();
    alone.cells[0].members.remove(0);
    alone.cells[0].failover.standby.clear();
    let memory = (0..1 << 17).map(|_| AtomicU8::new(0));
    let memory = Box::leak(memory.collect::<Vec<_>>().into_boxed_slice());
    let mut tables = Arc::new(compile(&old, 1));
    let mut lcore = LcoreState::new(&tables, 100);
    let mut now = clock().air(START, 0);
    lcore.remember_in(memory, now, &tables);
    let mut recorder = control::recordings::recorder(&old, &tables, |_| true);
    let mut before = &old;
    for (term, next) in [&changed, &old, &alone, &old].into_iter().enumerate() {
        let mut all = replacements((before, &tables), next, term as u64 + 2).unwrap();
        before = next;
        let counts = (ALLOCATIONS.get(), RELEASES.get());
        lcore.replace(now, &mut tables, &mut all[0]);
        lcore.save(now, &tables);
        swap(&mut recorder, &mut all[0].recorder);
        recorder.follow(&mut all[0].recorder, &lcore, Some);
        recorder.begin(now, &lcore);
        assert_eq!((ALLOCATIONS.get(), RELEASES.get()), counts, "{term}");
        assert_eq!(all[0].outcome, Outcome::Done);
        now = now.offset(1_000_000);
    }
}

#[test]
fn telling_control_what_it_sees_never_allocates() {
    let loaded = config::parse(&two_dus(SHARING), "test.yaml");
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    let tables = Arc::new(compile(&loaded.config, 1));
    let now = clock().air(START, 0);
    let mailbox = Mailbox::new(4, 64);
    let mut worker: Worker<ReplayFrame> = Worker::new(Arc::clone(&tables), Clock::Burst);
    worker.tick(now);
    for _ in 0..3 {
        let empty = Box::new(Observation::with_room(&tables, &tables));
        assert!(mailbox.order(Parcel::Observation(empty)).is_ok());
        let counts = (ALLOCATIONS.get(), RELEASES.get());
        for _ in 0..10 {
            worker.exchange(now, &mailbox, Load::default());
        }
        assert_eq!((ALLOCATIONS.get(), RELEASES.get()), counts);
        let Some(Parcel::Observation(told)) = mailbox.collect() else {
            panic!("nothing was told");
        };
        assert_eq!(told.cells.len(), tables.cells.len());
        assert_eq!(told.counters.peers.len(), tables.peers.len());
    }
}

#[test]
fn reading_cutting_and_answering_nfapi_never_allocates() {
    let vectors = nfapi::vectors();
    let mut datagrams = 0;
    let before = ALLOCATIONS.get();
    for vector in vectors.iter().filter(|vector| vector.is_p7()) {
        for datagram in &vector.datagrams {
            look(datagram, vector.dialect);
            datagrams += 1;
        }
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert_eq!(datagrams, 388);
}

#[test]
fn holding_and_sending_on_messages_in_pieces_never_allocates() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/two-phys.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.replace("limits: oai", "limits: none");
    let loaded = config::parse(&text, file).unwrap_or_else(|problems| panic!("{problems}"));
    let tables = Arc::new(compile(&loaded.config, 1));
    let mut worker = Worker::new(tables, Clock::Burst);
    let mut io = Frames::default();
    let mut now = clock().air(START, 0);
    for phy in [p7::PHY_A, p7::PHY_B] {
        let tick = p7::datagrams(phy, 0x82, 0, &[0; 4], 1452, 0).remove(0);
        io.offer(phy, &[tick]);
        worker.poll(&mut io, PortId(phy.port), now, &mut Unobserved);
    }
    let mut allocated = 0;
    for round in 0..40u8 {
        let (down, up) = (p7::body(20_000), p7::body(3_000));
        let whole = p7::datagrams(p7::L2, 0x84, round, &down, 65_000, 1).remove(0);
        let cut = p7::fragments(&whole, 1480, u16::from(round));
        let mut segments = p7::datagrams(p7::L2, 0x84, round | 0x80, &down, 1452, 1);
        segments.remove(usize::from(round % 3));
        io.offer(p7::L2, &cut);
        io.offer(p7::L2, &segments);
        io.offer(
            p7::PHY_A,
            &p7::datagrams(p7::PHY_A, 0x85, round, &up, 1452, 1),
        );
        let before = ALLOCATIONS.get();
        for port in [0, 0, 1].map(PortId) {
            worker.poll(&mut io, port, now, &mut Unobserved);
        }
        now = now.offset(100_000);
        worker.tick(now);
        allocated += ALLOCATIONS.get() - before;
    }
    let ledger = worker.counters().ledger;
    assert!(ledger.sent > 100 && ledger.held > 0, "{ledger:?}");
    assert_eq!(allocated, 0);
}

/// Ports that give what was offered and take everything. Nothing is built: that is a backend's own.
#[derive(Default)]
struct Frames(VecDeque<(u8, Vec<u8>)>);

impl Frames {
    fn offer(&mut self, from: p7::Place, frames: &[Vec<u8>]) {
        for frame in frames {
            let mut buffer = vec![0; HEADROOM];
            buffer.extend_from_slice(frame);
            self.0.push_back((from.port, buffer));
        }
    }
}

impl FrameIo for Frames {
    type Frame = Vec<u8>;

    fn receive(&mut self, port: PortId, into: &mut Vec<Vec<u8>>) {
        for _ in 0..BURST {
            let Some((_, frame)) = self.0.pop_front_if(|(at, _)| *at == port.0) else {
                return;
            };
            into.push(frame);
        }
    }

    fn head(frame: &mut Vec<u8>, port: PortId) -> (&mut [u8], FrameInfo) {
        let info = FrameInfo {
            port,
            start: HEADROOM as u16,
            len: (frame.len() - HEADROOM) as u32,
        };
        (frame, info)
    }

    fn stamp(_: &Vec<u8>) -> Option<Instant> {
        None
    }

    fn depart(_: &mut Vec<u8>, _: Departure) -> bool {
        true
    }

    fn build(
        &mut self,
        _: &mut [Vec<u8>],
        parts: &[Part],
        _: &[u8],
        out: &mut Vec<Option<Vec<u8>>>,
    ) {
        let frames = parts.iter().filter(|part| !part.joins);
        out.extend(frames.map(|_| Some(Vec::new())));
    }

    fn transmit(&mut self, _: PortId, frames: &mut Vec<Vec<u8>>) -> u64 {
        frames.clear();
        0
    }
}

/// What an lcore does with a datagram: read, walk, cut anew, and the NULL in its place.
fn look(datagram: &[u8], dialect: Dialect) {
    let (view, body) = Datagram::parse(datagram, dialect, Check::Verify).unwrap();
    let head = view.head.unwrap();
    let encoding = dialect.encoding();
    let limits = Limits::OAI.exceeds(head.message, encoding, body);
    let fault = describe::fault(&view, dialect, encoding);
    assert!(!view.is_whole() || (limits, fault) == (None, None));
    let mut room = [0; 32];
    for segment in Segments::new(Dialect::Scf225v2, 7, body.len(), 512).unwrap() {
        let header = Header {
            head,
            piece: segment.piece,
            timestamp: view.timestamp,
        };
        let piece = &body[segment.range];
        header.emit(Dialect::Scf225v2, &[piece], &mut room).unwrap();
    }
    room[..18].copy_from_slice(&datagram[..18]);
    header::set_number_and_phy(&mut room, dialect, 9, PhyId(2)).unwrap();
    if let (true, Ok((point, _))) = (view.piece.is_first(), slot::parse(body, encoding.order)) {
        let null = Null {
            message: head.message,
            phy: head.phy,
            sequence: 9,
            timestamp: 0,
        };
        let made = null.datagram(dialect, encoding, point).is_ok();
        assert_eq!(made, null::len(head.message).is_some());
    }
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    let boxed = std::hint::black_box(Box::new(5));
    assert_eq!(ALLOCATIONS.get() - before, 1, "{boxed}");
}
