//! Associations told by typed packets, in the order in which they pass.

use super::End;
use super::association::{Phase, Told};
use super::path::Path;
use super::watcher::{COPIES, Heard, MOST_ASSOCIATIONS, Watcher};
use crate::ran::{Duration, Instant};
use crate::wire::sctp::{ChunkType, Sctp};
use proptest::prelude::*;
use std::net::IpAddr;

const DU: u32 = 0xdddd_0001;
const CU: u32 = 0xcccc_0001;
const DU_PORT: u16 = 40_000;
const CU_PORT: u16 = 38_472;
const DU_ADDRESS: [u8; 4] = [10, 30, 0, 11];
const CU_ADDRESS: [u8; 4] = [10, 30, 0, 1];

use End::{Fixed, Member};

/// A watcher, and the time.
struct Bench {
    watcher: Watcher,
    now: Instant,
    du_port: u16,
    addresses: ([u8; 4], [u8; 4]),
}

/// A chunk to write.
type Written = (ChunkType, u8, Vec<u8>);

impl Bench {
    fn new() -> Self {
        Self {
            watcher: Watcher::default(),
            now: Instant(1_000_000_000),
            du_port: DU_PORT,
            addresses: (DU_ADDRESS, CU_ADDRESS),
        }
    }

    /// One whose association began before its eyes.
    fn established() -> Self {
        let mut bench = Self::new();
        bench.handshake(DU, CU);
        bench
    }

    fn pass(&mut self, from: End, tag: u32, chunks: &[Written]) -> Heard {
        self.now = self.now.after(Duration::from_micros(10));
        let (member, fixed) = self.addresses;
        let (ports, addresses) = match from {
            Member => ((self.du_port, CU_PORT), (member, fixed)),
            Fixed => ((CU_PORT, self.du_port), (fixed, member)),
        };
        let bytes = packet(ports, tag, chunks);
        let (sctp, chunks) = Sctp::parse(&bytes).unwrap();
        let path = Path::new(&[0; 14], (addresses.0.into(), addresses.1.into()), None).unwrap();
        self.watcher.hear(self.now, from, (&sctp, chunks), &path)
    }

    /// What one packet told of its association.
    fn hear(&mut self, from: End, tag: u32, chunks: &[Written]) -> Option<Told> {
        match self.pass(from, tag, chunks) {
            Heard::At(_, told) => told,
            Heard::Unwatched => panic!("the table is full"),
        }
    }

    /// The four packets that begin an association.
    fn handshake(&mut self, du: u32, cu: u32) -> Option<Told> {
        assert_eq!(self.hear(Member, 0, &[init(du)]), None);
        assert_eq!(self.hear(Fixed, du, &[init_ack(cu)]), None);
        assert_eq!(self.hear(Member, cu, &[echo()]), None);
        self.hear(Fixed, du, &[cookie_ack()])
    }

    fn tags(&self) -> (Option<u32>, Option<u32>) {
        let tags = self.watcher.associations()[0].tags();
        (tags.member, tags.fixed)
    }

    fn phase(&self) -> Phase {
        self.watcher.associations()[0].phase()
    }

    /// How the CU is told: tag and T bit.
    fn told_to_cu(&mut self) -> Option<(u32, bool)> {
        self.watcher.abort(self.now);
        let notice = self.watcher.notice(0, Fixed)?;
        Some((notice.tag, notice.reflected))
    }
}

fn packet(ports: (u16, u16), tag: u32, chunks: &[Written]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(ports.0.to_be_bytes());
    out.extend(ports.1.to_be_bytes());
    out.extend(tag.to_be_bytes());
    out.extend([0; 4]);
    for (kind, flags, value) in chunks {
        out.extend([kind.0, *flags]);
        out.extend((4 + value.len() as u16).to_be_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn with_tag(kind: ChunkType, tag: u32, addresses: &[[u8; 4]]) -> Written {
    let mut value = tag.to_be_bytes().to_vec();
    value.extend([0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1]);
    for address in addresses {
        value.extend([0, 5, 0, 8]);
        value.extend(address);
    }
    (kind, 0, value)
}

fn init(tag: u32) -> Written {
    with_tag(ChunkType::INIT, tag, &[])
}

fn init_ack(tag: u32) -> Written {
    with_tag(ChunkType::INIT_ACK, tag, &[])
}

fn echo() -> Written {
    (ChunkType::COOKIE_ECHO, 0, vec![1, 2, 3, 4])
}

fn cookie_ack() -> Written {
    (ChunkType::COOKIE_ACK, 0, vec![])
}

fn data(tsn: u32) -> Written {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend([0, 0, 0, 0, 0, 0, 0, 62, 1, 2, 3]);
    (ChunkType::DATA, 3, value)
}

fn sack(tsn: u32) -> Written {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend([0, 0, 4, 0, 0, 0, 0, 0]);
    (ChunkType::SACK, 0, value)
}

fn heartbeat() -> Written {
    (ChunkType::HEARTBEAT, 0, vec![0, 1, 0, 8, 1, 2, 3, 4])
}

fn heartbeat_ack() -> Written {
    (ChunkType::HEARTBEAT_ACK, 0, vec![0, 1, 0, 8, 1, 2, 3, 4])
}

fn abort(reflected: bool) -> Written {
    (ChunkType::ABORT, u8::from(reflected), vec![])
}

#[test]
fn a_handshake_gives_both_tags_when_the_cookie_is_accepted() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU)]);
    bench.hear(Member, CU, &[echo()]);
    assert_eq!(bench.tags(), (None, None));
    let told = bench.hear(Fixed, DU, &[cookie_ack()]);
    assert_eq!(told, Some(Told::Up { joined: false }));
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn a_handshake_may_be_accepted_by_the_first_sack_that_carries_its_tags() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU)]);
    let told = bench.hear(Fixed, DU, &[sack(1)]);
    assert_eq!(told, Some(Told::Up { joined: false }));
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn data_behind_the_cookie_is_of_the_same_association() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU)]);
    assert_eq!(bench.hear(Member, CU, &[echo(), data(1)]), None);
    let told = bench.hear(Fixed, DU, &[cookie_ack(), sack(1), data(9)]);
    assert_eq!(told, Some(Told::Up { joined: false }));
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn of_several_answers_to_one_init_the_echoed_one_counts() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU)]);
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU + 1)]);
    bench.hear(Member, CU, &[echo()]);
    bench.hear(Fixed, DU, &[cookie_ack()]);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn the_fixed_side_may_begin_too_and_both_at_once() {
    let mut bench = Bench::new();
    bench.hear(Fixed, 0, &[init(CU)]);
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Member, CU, &[init_ack(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU)]);
    bench.hear(Member, CU, &[echo()]);
    bench.hear(Fixed, DU, &[echo()]);
    bench.hear(Fixed, DU, &[cookie_ack()]);
    assert_eq!(bench.hear(Member, CU, &[cookie_ack()]), None);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn an_init_answer_under_another_tag_is_no_answer() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    assert_eq!(
        bench.hear(Fixed, DU ^ 1, &[init_ack(CU)]),
        Some(Told::Conflict)
    );
    bench.hear(Fixed, DU, &[cookie_ack()]);
    assert_eq!(bench.tags(), (Some(DU), None));
}

#[test]
fn an_init_that_is_not_alone_or_carries_a_tag_is_not_believed() {
    let mut bench = Bench::new();
    let told = bench.hear(Member, 0, &[init(DU), data(1)]);
    assert_eq!(told, Some(Told::Conflict));
    assert_eq!(bench.hear(Member, 7, &[init(DU)]), Some(Told::Conflict));
    assert!(!bench.watcher.associations()[0].is_beginning());
}

#[test]
fn a_loaded_association_is_joined_by_one_exchange() {
    let mut bench = Bench::new();
    let told = bench.hear(Member, CU, &[sack(5), data(9)]);
    assert_eq!(told, Some(Told::Up { joined: true }));
    assert_eq!(bench.tags(), (None, Some(CU)));
    assert_eq!(bench.hear(Fixed, DU, &[sack(9)]), None);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn an_idle_association_is_joined_by_a_heartbeat_and_its_answer() {
    let mut bench = Bench::new();
    bench.hear(Fixed, DU, &[heartbeat()]);
    bench.hear(Member, CU, &[heartbeat_ack()]);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn nothing_is_learned_from_an_end() {
    for reflected in [false, true] {
        let mut bench = Bench::new();
        let told = bench.hear(Member, CU, &[abort(reflected)]);
        assert_eq!(told, Some(Told::Conflict));
        assert_eq!(bench.tags(), (None, None));
    }
}

#[test]
fn tag_0_is_not_learned() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear(Member, 0, &[heartbeat()]), Some(Told::Conflict));
    assert_eq!(bench.tags(), (None, None));
}

#[test]
fn an_abort_is_believed_under_the_tags_of_the_standard_only() {
    // Tag, T bit, whether the CU would accept it of the DU: reference section 5, a wrong checksum apart.
    let rows = [
        (CU, false, true),
        (DU, true, true),
        (CU ^ 1, false, false),
        (0, false, false),
        (CU, true, false),
        (DU, false, false),
    ];
    for (tag, reflected, ends) in rows {
        let mut bench = Bench::established();
        let told = bench.hear(Member, tag, &[abort(reflected)]);
        let ended = Told::Ended {
            by: Member,
            graceful: false,
        };
        let expected = if ends { ended } else { Told::Conflict };
        assert_eq!(told, Some(expected), "{tag:x} {reflected}");
        assert_eq!(bench.phase() == Phase::Ended, ends, "{tag:x} {reflected}");
    }
}

#[test]
fn a_shutdown_ends_with_its_last_packet() {
    let mut bench = Bench::established();
    let shutdown = (ChunkType::SHUTDOWN, 0, vec![0, 0, 0, 1]);
    assert_eq!(bench.hear(Member, CU, &[shutdown]), None);
    let answer = (ChunkType::SHUTDOWN_ACK, 0, vec![]);
    assert_eq!(bench.hear(Fixed, DU, &[answer]), None);
    let complete = (ChunkType::SHUTDOWN_COMPLETE, 0, vec![]);
    let ended = Told::Ended {
        by: Member,
        graceful: true,
    };
    assert_eq!(bench.hear(Member, CU, &[complete]), Some(ended));
    assert_eq!(bench.watcher.abort(bench.now), 0);
}

#[test]
fn old_packets_of_an_ended_association_do_not_open_it_again() {
    let mut bench = Bench::established();
    bench.hear(Fixed, DU, &[abort(false)]);
    assert_eq!(bench.hear(Member, CU, &[data(4)]), None);
    assert_eq!(bench.phase(), Phase::Ended);
    let told = bench.handshake(DU + 1, CU + 1);
    assert_eq!(told, Some(Told::Up { joined: false }));
}

#[test]
fn a_refused_init_is_no_candidate_any_more() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    assert_eq!(bench.hear(Fixed, DU, &[abort(false)]), None);
    assert!(!bench.watcher.associations()[0].is_beginning());
}

#[test]
fn while_a_restart_is_under_way_the_old_tags_hold() {
    let mut bench = Bench::established();
    bench.hear(Member, 0, &[init(DU + 1)]);
    bench.hear(Fixed, DU + 1, &[init_ack(CU + 1)]);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
    assert_eq!(bench.hear(Fixed, DU, &[data(3)]), None);
    assert_eq!(bench.told_to_cu(), Some((CU, false)));
}

#[test]
fn after_a_restart_the_new_tags_hold_and_the_old_are_forgotten() {
    let mut bench = Bench::established();
    assert_eq!(bench.handshake(DU + 1, CU + 1), Some(Told::Restarted));
    assert_eq!(bench.tags(), (Some(DU + 1), Some(CU + 1)));
    let told = bench.hear(Member, CU, &[abort(false)]);
    assert_eq!(told, Some(Told::Conflict));
    assert_eq!(bench.told_to_cu(), Some((CU + 1, false)));
}

#[test]
fn a_forged_init_changes_nothing() {
    let mut bench = Bench::established();
    bench.hear(Member, 0, &[init(DU)]);
    bench.hear(Fixed, DU, &[init_ack(CU + 1)]);
    // Under the tag that is valid anyway: says nothing of the forged one.
    assert_eq!(bench.hear(Fixed, DU, &[sack(1)]), None);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn of_two_tags_without_a_handshake_the_acknowledged_one_is_kept() {
    let mut bench = Bench::established();
    bench.hear(Member, CU, &[data(10)]);
    bench.hear(Fixed, DU, &[sack(10)]);
    assert_eq!(
        bench.hear(Member, CU ^ 9, &[data(11)]),
        Some(Told::Conflict)
    );
    bench.hear(Member, CU, &[data(11)]);
    bench.hear(Fixed, DU, &[sack(11)]);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn a_restart_whose_handshake_was_missed_is_believed_when_its_data_are_acknowledged() {
    let mut bench = Bench::established();
    bench.hear(Member, CU, &[data(10)]);
    bench.hear(Fixed, DU, &[sack(10)]);
    let told = bench.hear(Member, CU + 1, &[data(0x9000_0000)]);
    assert_eq!(told, Some(Told::Conflict));
    let told = bench.hear(Fixed, DU + 1, &[sack(0x9000_0000)]);
    assert_eq!(told, Some(Told::Restarted));
    assert_eq!(bench.tags(), (Some(DU + 1), Some(CU + 1)));
}

#[test]
fn a_tag_learned_from_a_forgery_gives_way_to_the_acknowledged_one() {
    let mut bench = Bench::new();
    bench.hear(Member, 0xbad, &[heartbeat()]);
    bench.hear(Fixed, DU, &[heartbeat()]);
    assert_eq!(bench.hear(Member, CU, &[data(10)]), Some(Told::Conflict));
    bench.hear(Fixed, DU, &[sack(10)]);
    assert_eq!(bench.tags(), (Some(DU), Some(CU)));
}

#[test]
fn the_cu_is_told_under_its_own_tag_or_else_reflected() {
    assert_eq!(Bench::established().told_to_cu(), Some((CU, false)));
    let mut one = Bench::new();
    one.hear(Fixed, DU, &[data(1)]);
    assert_eq!(one.told_to_cu(), Some((DU, true)));
    let mut other = Bench::new();
    other.hear(Member, CU, &[data(1)]);
    assert_eq!(other.told_to_cu(), Some((CU, false)));
}

#[test]
fn the_du_is_told_with_the_roles_swapped() {
    let mut bench = Bench::established();
    bench.watcher.abort(bench.now);
    let notice = bench.watcher.notice(0, Member).unwrap();
    assert_eq!((notice.tag, notice.reflected), (DU, false));
    assert_eq!(notice.path.destination, IpAddr::from(DU_ADDRESS));
}

#[test]
fn without_a_tag_nobody_can_be_told() {
    let mut bench = Bench::new();
    bench.hear(Member, 0, &[init(DU)]);
    assert_eq!(bench.watcher.abort(bench.now), 0);
    assert_eq!(bench.watcher.deadline(), Instant::NEVER);
    assert_eq!(bench.watcher.notice(0, Fixed), None);
}

#[test]
fn three_copies_go_at_their_times() {
    let mut bench = Bench::established();
    let at = bench.now;
    assert_eq!(bench.watcher.abort(at), 1);
    for (copy, delay) in COPIES.into_iter().enumerate() {
        assert_eq!(bench.watcher.deadline(), at.after(delay));
        assert_eq!(bench.watcher.copy_due(at.after(delay).offset(-1)), None);
        assert_eq!(bench.watcher.copy_due(at.after(delay)), Some(copy));
        assert_eq!(bench.watcher.notice(0, Fixed).unwrap().tag, CU);
    }
    assert_eq!(bench.watcher.deadline(), Instant::NEVER);
}

#[test]
fn a_later_packet_of_the_cu_under_the_former_tag_disproves_the_abort() {
    let mut bench = Bench::established();
    bench.watcher.abort(bench.now);
    assert_eq!(bench.hear(Fixed, DU, &[data(3)]), None);
    bench.now = bench.now.after(Duration::from_millis(11));
    assert_eq!(bench.hear(Member, CU, &[data(3)]), None);
    assert_eq!(bench.hear(Fixed, DU, &[data(3)]), Some(Told::Disproved));
}

#[test]
fn an_end_by_the_cu_does_not_disprove_the_abort() {
    let mut bench = Bench::established();
    bench.watcher.abort(bench.now);
    bench.now = bench.now.after(Duration::from_millis(11));
    assert_eq!(bench.hear(Fixed, CU, &[abort(true)]), None);
    assert_eq!(bench.hear(Fixed, DU, &[abort(false)]), None);
}

#[test]
fn a_tag_of_the_du_that_was_never_seen_disproves_the_abort_too() {
    let mut bench = Bench::new();
    bench.hear(Member, CU, &[data(1)]);
    bench.watcher.abort(bench.now);
    bench.now = bench.now.after(Duration::from_millis(11));
    assert_eq!(bench.hear(Fixed, DU, &[heartbeat()]), Some(Told::Disproved));
}

#[test]
fn what_goes_on_after_a_readmission_is_learned_again() {
    let mut bench = Bench::established();
    bench.watcher.abort(bench.now);
    bench.watcher.readmit();
    assert_eq!(bench.watcher.deadline(), Instant::NEVER);
    let told = bench.hear(Member, CU, &[data(3)]);
    assert_eq!(told, Some(Told::Up { joined: true }));
}

#[test]
fn every_association_of_the_pair_is_ended_and_each_under_its_own_tag() {
    let mut bench = Bench::established();
    bench.du_port = DU_PORT + 1;
    bench.handshake(DU + 7, CU + 7);
    assert_eq!(bench.watcher.abort(bench.now), 2);
    let tags: Vec<_> = (0..2)
        .map(|place| bench.watcher.notice(place, Fixed).unwrap().tag)
        .collect();
    assert_eq!(tags, [CU, CU + 7]);
}

#[test]
fn the_same_ports_between_other_addresses_are_another_association() {
    let mut bench = Bench::established();
    bench.addresses.0 = [10, 30, 0, 12];
    bench.handshake(DU + 7, CU + 7);
    assert_eq!(bench.watcher.associations().len(), 2);
}

#[test]
fn addresses_that_init_tells_are_of_the_same_association() {
    let mut bench = Bench::new();
    let second = [10, 31, 0, 11];
    bench.hear(Member, 0, &[with_tag(ChunkType::INIT, DU, &[second])]);
    bench.hear(
        Fixed,
        DU,
        &[with_tag(ChunkType::INIT_ACK, CU, &[[10, 31, 0, 1]])],
    );
    bench.hear(Member, CU, &[echo()]);
    bench.hear(Fixed, DU, &[cookie_ack()]);
    bench.addresses = (second, [10, 31, 0, 1]);
    assert_eq!(bench.hear(Member, CU, &[heartbeat()]), None);
    assert_eq!(bench.watcher.associations().len(), 1);
    assert_eq!(bench.watcher.abort(bench.now), 1);
    assert_eq!(
        bench.watcher.notice(0, Fixed).unwrap().path.source,
        IpAddr::from(second)
    );
}

#[test]
fn a_tag_is_known_on_any_path() {
    let mut bench = Bench::new();
    bench.hear(Member, CU, &[data(1)]);
    bench.hear(Fixed, DU, &[sack(1)]);
    bench.addresses.0 = [10, 31, 0, 11];
    assert_eq!(bench.hear(Member, CU, &[data(2)]), None);
    assert_eq!(bench.watcher.associations().len(), 1);
}

#[test]
fn a_packet_that_is_not_believed_does_not_move_the_path() {
    let mut bench = Bench::established();
    bench.hear(Member, CU, &[data(1)]);
    let before = bench.watcher.associations()[0].path_to(Fixed);
    bench.addresses.0 = DU_ADDRESS;
    bench.hear(Member, CU ^ 1, &[data(2)]);
    assert_eq!(bench.watcher.associations()[0].path_to(Fixed), before);
}

#[test]
fn the_way_to_the_cu_is_back_from_where_it_came_if_the_du_was_never_heard() {
    let mut bench = Bench::new();
    bench.hear(Fixed, DU, &[data(1)]);
    let path = bench.watcher.associations()[0].path_to(Fixed).unwrap();
    assert_eq!(
        (path.source, path.destination),
        (DU_ADDRESS.into(), CU_ADDRESS.into())
    );
}

#[test]
fn a_flood_of_beginnings_does_not_push_out_what_lives() {
    let mut bench = Bench::established();
    for port in 0..100 {
        bench.du_port = 50_000 + port;
        bench.hear(Member, 0, &[init(7)]);
    }
    assert_eq!(bench.watcher.associations().len(), MOST_ASSOCIATIONS);
    assert_eq!(bench.watcher.abort(bench.now), 1);
}

#[test]
fn a_full_table_of_what_lives_watches_no_more() {
    let mut bench = Bench::new();
    for port in 0..MOST_ASSOCIATIONS as u16 {
        bench.du_port = 50_000 + port;
        bench.handshake(DU, CU);
    }
    bench.du_port = 60_000;
    assert_eq!(bench.pass(Member, 0, &[init(7)]), Heard::Unwatched);
}

proptest! {
    #[test]
    fn whatever_passes_the_tags_stay_those_of_who_acknowledges(
        packets in proptest::collection::vec(
            (any::<bool>(), 0u8..20, 0u32..4, 0u32..8, any::<bool>()), 0..60),
    ) {
        // Forged packets of any kind from the DU's side, none under a tag that is valid: what the CU says stays
        // true, and the association is never taken for another one.
        let mut bench = Bench::established();
        bench.hear(Member, CU, &[data(1)]);
        bench.hear(Fixed, DU, &[sack(1)]);
        for (bundled, kind, tag, tsn, reflected) in packets {
            let mut chunk = data(tsn);
            chunk.0 = ChunkType(kind);
            chunk.1 = u8::from(reflected);
            let mut chunks = vec![chunk];
            if bundled {
                chunks.push(sack(tsn));
            }
            bench.pass(Member, tag, &chunks);
            bench.hear(Fixed, DU, &[sack(1)]);
        }
        prop_assert_eq!(bench.tags(), (Some(DU), Some(CU)));
        prop_assert_eq!(bench.told_to_cu(), Some((CU, false)));
    }
}
