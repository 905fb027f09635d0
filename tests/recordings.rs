//! Flight recordings: whatever went through the worker, a recording of it says the same of every frame
//! when it is replayed, and does not when a byte of it was changed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/happenings.rs"]
mod happenings;
#[path = "support/virtual_run.rs"]
mod virtual_run;

use appliance::*;
use happenings::{command, conflict, happen};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use ranshift::config::model::Cell;
use ranshift::config::{self, Config};
use ranshift::control::compile::compile;
use ranshift::control::replace::replacements;
use ranshift::dataplane::frame_io::FrameInfo;
use ranshift::dataplane::mailbox::{Action, Boundary, Command, Event, PatternBits};
use ranshift::dataplane::recorder::{
    Entered, Recorder, Recording, Ring, Segment, Settings, Trigger,
};
use ranshift::dataplane::replacement::Replacement;
use ranshift::dataplane::run_record::{CellNames, Names, Trace};
use ranshift::dataplane::tables::Tables;
use ranshift::dataplane::verdict::{DropReason, Verdict};
use ranshift::dataplane::worker::{Clock, Observer, Worker};
use ranshift::lab::{Life, Plan};
use ranshift::ran::Direction::Downlink;
use ranshift::ran::{CellId, Duration, Instant, MemberId};
use ranshift::replay::recording::{Comparison, Follower, Misfit, perform};
use ranshift::telemetry::recording::{Store, load};
use ranshift::wire::oran::emit::ControlSection;
use std::sync::Arc;
use virtual_run::{VirtualRun, cells};

/// Nobody follows, or whoever counts drops.
#[derive(Default)]
struct Drops(Vec<DropReason>);

impl Observer for Drops {
    fn verdict(&mut self, _: Instant, _: FrameInfo, _: &Trace, verdict: Verdict) {
        if let Verdict::Drop(reason) = verdict {
            self.0.push(reason);
        }
    }
}

impl Follower for Drops {
    fn event(&mut self, _: &Event) {}
}

fn replay(tables: &Tables, ring: &Ring) -> Comparison {
    perform(tables, ring, &mut Drops::default()).unwrap()
}

fn assert_same(found: &Comparison) {
    assert_eq!(found.differences, 0, "{:#?}", found.first);
}

fn parse(text: &str) -> Config {
    let loaded = config::parse(text, "test.yaml");
    loaded.unwrap_or_else(|all| panic!("{all}")).config
}

/// Takes what `worker` has recorded of `cell`.
fn take<F>(worker: &mut Worker<F>, settings: Settings, cell: u16) -> Recording {
    let tables = worker.tables().clone();
    let mut recording = Recording::new(&tables, settings, CellId(cell), Trigger::Command).unwrap();
    worker.hand_over(Instant(1), &mut recording);
    assert!(recording.taken.is_some());
    recording
}

const BODY: &str = "    numerology: 1
    carrier_prbs: 24
    eaxc: {downlink: [0, 1], uplink: [0, 1], prach: [4]}
    compression: {downlink: {method: bfp, width: 9, header: dynamic}, uplink: {method: bfp, width: 9, header: dynamic}}
    time: {source: TIME}
    periods: {tdd: 10}
    transmit_window_end: {downlink_control: 80us, uplink_control: 80us, downlink_user: 40us}
    liveness: {history: 4, confirm: 1}
    sharing: {control_symbols: [0, 1], source_ports: {0: 0}, destination_ports: {0: 1}, pattern: SSSSSDDDDD, cplane: CPLANE}";

const SNAP: u16 = 144;

fn recorded(mut run: VirtualRun, settings: Settings) -> VirtualRun {
    let tables = Arc::new(compile(&run.config, 1));
    let recorder = Recorder::new(&tables, settings, |_| true);
    run.worker = Worker::new(tables, Clock::Stamps).recorded_by(recorder);
    run
}

/// Three cells: the first migrates through shared mode, the second loses its DU, the third does nothing.
fn story(time: &str, cplane: &str, milliseconds: u64, settings: Settings) -> VirtualRun {
    let body = BODY.replace("TIME", time).replace("CPLANE", cplane);
    let config = cells(3, &body);
    let mut plan = Plan {
        duration: Duration::from_millis(milliseconds),
        seed: milliseconds,
        ..Plan::new(&config)
    };
    let at = |ms| plan.start.after(Duration::from_millis(ms));
    let until = at(70);
    let times = [at(20), at(40), at(60)];
    plan.dus[2].lives = vec![Life {
        until,
        ..Life::WHOLE
    }];
    let mut run = recorded(VirtualRun::new(config, plan), settings);
    let (source, destination) = (MemberId(0), MemberId(1));
    let share = Action::Share {
        source,
        destination,
    };
    run.at(times[0], Boundary::Next, share);
    let pattern = PatternBits::new(&[true, false, true]).unwrap();
    run.at(times[1], Boundary::Next, Action::Pattern(pattern));
    run.at(
        times[2],
        Boundary::InSlots(9),
        Action::Switch { to: destination },
    );
    run.run(|_| {}, |_| {});
    run
}

#[test]
fn a_migration_and_a_failover_are_replayed_to_the_same_verdicts() {
    let settings = Settings {
        frames: 40_000,
        snap: SNAP,
    };
    for (time, cplane) in [("gps", "split"), ("headers", "owner_wins")] {
        let mut run = story(time, cplane, 110, settings);
        let tables = run.worker.tables().clone();
        for cell in 0..3 {
            let recording = take(&mut run.worker, settings, cell);
            let found = replay(&tables, &recording.ring);
            assert_same(&found);
            assert!(found.frames > 3_000, "{}", found.frames);
            if cell == 1 {
                assert_eq!(recording.trigger, Trigger::Failover);
            }
        }
    }
}

#[test]
fn a_ring_that_has_wrapped_begins_in_the_middle_and_reaches_each_snapshot() {
    let settings = Settings {
        frames: 700,
        snap: SNAP,
    };
    for milliseconds in [23, 37, 45, 58, 66, 74, 99] {
        let mut run = story("gps", "split", milliseconds, settings);
        let tables = run.worker.tables().clone();
        for cell in 0..3 {
            let recording = take(&mut run.worker, settings, cell);
            assert_eq!(recording.ring.segments().count(), 4);
            let found = replay(&tables, &recording.ring);
            assert_same(&found);
            assert_eq!(found.states, 3);
            assert!(found.frames >= 700, "{}", found.frames);
        }
    }
}

#[test]
fn after_a_failover_the_ring_stands_still_until_it_is_fetched() {
    let settings = Settings {
        frames: 900,
        snap: SNAP,
    };
    let mut run = story("gps", "split", 120, settings);
    let due = run.worker.recording_due(Instant(0));
    assert_eq!(due, Some((CellId(1), Trigger::Failover)));
    assert_eq!(run.worker.recording_due(Instant(1_000_000_000)), None);
    let again = run.worker.recording_due(Instant(1_000_000_001));
    assert_eq!(again, due, "nobody came");
    let tables = run.worker.tables().clone();
    let recording = take(&mut run.worker, settings, 1);
    let entries = recording.ring.segments().flat_map(Segment::entries);
    let events: Vec<&str> = entries
        .filter_map(|entered| match entered {
            Entered::Event(event) => Some(event.kind.label()),
            _ => None,
        })
        .collect();
    assert!(events.contains(&"failover"), "{events:?}");
    assert!(
        events.contains(&"mode"),
        "the standby's first slot: {events:?}"
    );
    assert_same(&replay(&tables, &recording.ring));
}

#[test]
fn a_pooled_backup_and_its_cells_are_recorded_together() {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/pooled-backup.yaml"),
    );
    let quick = "    liveness: {history: 1}\n    failover:";
    let text = text.unwrap().replace("    failover:", quick);
    let config = parse(&text);
    let cells = config.cells.len();
    let mut plan = Plan {
        duration: Duration::from_millis(60),
        seed: 5,
        ..Plan::new(&config)
    };
    let until = plan.start.after(Duration::from_millis(45));
    plan.dus[0].lives = vec![Life {
        until,
        ..Life::WHOLE
    }];
    plan.dus.last_mut().unwrap().serves = Some(vec![CellId(0)]);
    let settings = Settings {
        frames: 6_000,
        snap: SNAP,
    };
    let mut run = recorded(VirtualRun::new(config, plan), settings);
    run.run(|_| {}, |_| {});
    let tables = run.worker.tables().clone();
    let recording = take(&mut run.worker, settings, cells as u16 - 1);
    assert_eq!(recording.ring.bundle().cells.len(), cells);
    assert_eq!(recording.trigger, Trigger::Failover);
    let found = replay(&tables, &recording.ring);
    assert_same(&found);
    assert!(found.events > 0);
}

const SHARING: &str = "
    liveness: {history: 2}
    failover: {standby: [du-b]}
    sharing: {control_symbols: [0, 1], source_ports: {0: 0}, destination_ports: {0: 1}, pattern: SD}";

const CONFLICTS: &str = "
    sharing: {control_symbols: [0, 1], source_ports: {0: 0}, destination_ports: {0: 1}, pattern: SD}";

fn bench(settings: Settings) -> Appliance {
    with_recorder(Appliance::new(&two_dus(SHARING)), settings)
}

fn with_recorder(mut appliance: Appliance, settings: Settings) -> Appliance {
    let tables = Arc::new(appliance.worker.tables().clone());
    let recorder = Recorder::new(&tables, settings, |_| true);
    appliance.worker = Worker::new(tables, Clock::Stamps).recorded_by(recorder);
    appliance
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(3),
        ..ProptestConfig::with_cases(60)
    })]

    #[test]
    fn whatever_happens_is_replayed_to_the_same_verdicts(
        happenings in proptest::collection::vec(
            (0u8..14, any::<u8>(), -3i64..4, 0u8..14, any::<u8>()), 1..1500),
        frames in 30u32..600,
    ) {
        let settings = Settings { frames, snap: SNAP };
        let mut appliance = bench(settings);
        for (step, what) in happenings.iter().enumerate() {
            happen(&mut appliance, step as u64, *what);
        }
        let tables = appliance.worker.tables().clone();
        let recording = take(&mut appliance.worker, settings, 0);
        let found = replay(&tables, &recording.ring);
        prop_assert_eq!(found.differences, 0, "{:#?}", found.first);
    }
}

/// A short recording in shared mode.
fn sample() -> (Tables, Recording) {
    let settings = Settings {
        frames: 2_000,
        snap: SNAP,
    };
    let mut appliance = bench(settings);
    for n in 0..600u64 {
        let kind = [2, 3, 0, 1, 6, 4, 5][n as usize % 7];
        happen(&mut appliance, n, (kind, n as u8, 1, (n % 14) as u8, 0));
        if n == 50 {
            happen(&mut appliance, n, (12, 0, 0, 0, 0));
        }
    }
    let tables = appliance.worker.tables().clone();
    let recording = take(&mut appliance.worker, settings, 0);
    (tables, recording)
}

/// The same ring with its entries put through `change`.
fn changed(ring: &Ring, mut change: impl FnMut(usize, &mut Vec<u8>)) -> Ring {
    let mut number = 0;
    let copied = ring.segments().map(|segment| {
        let mut copy = Segment::to_fill(segment.snapshot.clone(), segment.len(), 1 << 20);
        for entered in segment.entries() {
            match entered {
                Entered::Frame(record, kept) => {
                    let mut kept = kept.to_vec();
                    change(number, &mut kept);
                    number += 1;
                    copy.push_frame(*record, &kept, &[]);
                }
                Entered::Tick(now) => copy.push_tick(now),
                Entered::Command(now, command) => copy.push_command(now, command),
                Entered::Event(event) => copy.push_event(event),
            }
        }
        copy
    });
    Ring::of(copied.collect())
}

#[test]
fn a_copy_of_a_recording_is_as_good_and_one_changed_byte_of_a_frame_is_found() {
    let (tables, recording) = sample();
    let copy = changed(&recording.ring, |_, _| {});
    assert_same(&replay(&tables, &copy));
    // Source MAC, eAxC, sequence number, frameId: each decides or leaves.
    for place in [11, 23, 24, 27] {
        let one = changed(&recording.ring, |number, kept| {
            if number == 200 && kept.len() > place {
                kept[place] ^= 1;
            }
        });
        let found = replay(&tables, &one);
        assert!(found.differences > 0, "byte {place}");
    }
}

#[test]
fn a_changed_state_is_found() {
    let (tables, recording) = sample();
    let segment = recording.ring.segments().next().unwrap();
    let mut other = segment.clone();
    other.snapshot.cells[0].state.roles.fence(MemberId(0));
    let found = replay(&tables, &Ring::of(vec![other]));
    assert!(found.differences > 0);
}

#[test]
fn a_recording_of_other_tables_is_refused() {
    let (_, recording) = sample();
    let config = cells(1, &BODY.replace("TIME", "gps").replace("CPLANE", "split"));
    let tables = compile(&config, 1);
    let refused = perform(&tables, &recording.ring, &mut Drops::default());
    assert_eq!(refused.unwrap_err(), Misfit);
}

#[test]
fn without_a_recorder_or_under_another_term_nothing_is_handed_over() {
    let settings = Settings {
        frames: 64,
        snap: SNAP,
    };
    let mut plain = Appliance::new(&two_dus(SHARING));
    let tables = plain.worker.tables().clone();
    let mut recording = Recording::new(&tables, settings, CellId(0), Trigger::Command).unwrap();
    plain.worker.hand_over(Instant(1), &mut recording);
    assert!(recording.taken.is_none());
    let mut bench = bench(settings);
    happen(&mut bench, 0, (2, 0, 0, 0, 0));
    let mut later = tables;
    later.term = 2;
    let mut recording = Recording::new(&later, settings, CellId(0), Trigger::Command).unwrap();
    bench.worker.hand_over(Instant(1), &mut recording);
    assert!(recording.taken.is_none());
    assert!(Recording::new(&later, settings, CellId(7), Trigger::Command).is_none());
}

#[test]
fn conflicts_in_a_row_are_recorded_once_whatever_is_put_in_force_meanwhile() {
    let settings = Settings {
        frames: 200,
        snap: SNAP,
    };
    let mut config = parse(&two_dus(CONFLICTS));
    config.cells[0].sharing.destination_ports = vec![(0, 0)];
    let mut appliance = conflicting(settings);
    let mut due = Vec::new();
    for n in 3..200 {
        let slot = START.offset(n);
        appliance.go_to(slot);
        conflict(&mut appliance, slot);
        let now = clock().air(slot, 0);
        if let Some(told) = appliance.worker.recording_due(now) {
            due.push(told);
            take(&mut appliance.worker, settings, 0);
        }
        if n % 50 == 0 {
            let (next, mut replacement) = other_tables(&config, &appliance.worker, settings);
            appliance.worker.replace(now, &mut replacement);
            config = next;
        }
    }
    assert!(appliance.dropped(DropReason::Conflict) > 100);
    assert_eq!(due, [(CellId(0), Trigger::Conflict)]);
}

/// In shared mode, with both port maps leading to one antenna port, which the file's own checks refuse.
fn conflicting(settings: Settings) -> Appliance {
    let overlapping = Appliance::with(&two_dus(CONFLICTS), |config| {
        config.cells[0].sharing.destination_ports = vec![(0, 0)];
    });
    let mut appliance = with_recorder(overlapping, settings);
    let whole = [ControlSection::whole(0, 14)];
    appliance.go_to(START);
    appliance.receive(1, &FROM_A.control(Downlink, at(0, 0, START, 0), &whole));
    appliance.receive(2, &FROM_B.control(Downlink, at(16, 0, START, 0), &whole));
    command(&mut appliance, 0);
    appliance
}

#[test]
fn commands_are_part_of_a_recording() {
    let (_, recording) = sample();
    let entries = recording.ring.segments().flat_map(Segment::entries);
    let commands: Vec<Command> = entries
        .filter_map(|entered| match entered {
            Entered::Command(_, command) => Some(*command),
            _ => None,
        })
        .collect();
    assert_eq!(commands.len(), 1);
}

#[test]
fn what_the_last_frame_caused_is_recorded_before_the_ring_stands_still() {
    for frames in 60..90 {
        let settings = Settings { frames, snap: SNAP };
        let mut appliance = conflicting(settings);
        for n in 3..60 {
            let slot = START.offset(n);
            appliance.go_to(slot);
            conflict(&mut appliance, slot);
        }
        let tables = appliance.worker.tables().clone();
        let recording = take(&mut appliance.worker, settings, 0);
        assert_eq!(recording.trigger, Trigger::Conflict);
        assert_same(&replay(&tables, &recording.ring));
    }
}

/// Tables in which a member must be missed more often to be lost.
fn other_tables<F>(old: &Config, worker: &Worker<F>, settings: Settings) -> (Config, Replacement) {
    changed_tables(old, worker, settings, |cell| cell.liveness.confirm += 4)
}

/// Tables of cells that have changed, and the recorder that is to follow.
fn changed_tables<F>(
    old: &Config,
    worker: &Worker<F>,
    settings: Settings,
    change: impl Fn(&mut Cell),
) -> (Config, Replacement) {
    let mut new = old.clone();
    new.cells.iter_mut().for_each(change);
    let term = worker.tables().term + 1;
    let mut all = replacements((old, worker.tables()), &new, term).unwrap();
    let mut replacement = all.remove(0);
    replacement.recorder = Recorder::hollow(&replacement.tables, settings, |_| true);
    (new, replacement)
}

#[test]
fn under_other_tables_a_recording_begins_anew_and_is_replayed_under_them() {
    let settings = Settings {
        frames: 4_000,
        snap: SNAP,
    };
    let mut config = parse(&two_dus(SHARING));
    let mut appliance = bench(settings);
    let mut step = 0;
    for term in 2..5 {
        for n in 0..300 {
            let kind = [2, 3, 0, 1, 6, 4, 5][n % 7];
            happen(&mut appliance, step, (kind, n as u8, 1, (n % 14) as u8, 0));
            step += 1;
        }
        let now = clock().air(START.offset((step as i64 - 1) / 20), 0);
        let (next, mut replacement) = other_tables(&config, &appliance.worker, settings);
        appliance.worker.replace(now, &mut replacement);
        config = next;
        assert_eq!(appliance.worker.tables().term, term);
        assert_eq!(replacement.recorder.into_pending(now, 1).count(), 0);
        for n in 0..200 {
            happen(&mut appliance, step, (n % 14, n, 1, n % 14, n));
            step += 1;
        }
        let tables = appliance.worker.tables().clone();
        let recording = take(&mut appliance.worker, settings, 0);
        assert_eq!(recording.term, term);
        let first = recording.ring.segments().next().unwrap();
        assert!(first.snapshot.at >= now, "nothing of the time before");
        let found = replay(&tables, &recording.ring);
        assert_same(&found);
        assert!(found.frames > 100, "{}", found.frames);
    }
}

#[test]
fn a_failover_that_nobody_fetched_before_its_tables_were_retired_comes_back_with_them() {
    let settings = Settings {
        frames: 40_000,
        snap: SNAP,
    };
    let mut run = story("gps", "split", 110, settings);
    let before = run.worker.tables().clone();
    let now = Instant(run.worker.next_deadline().0);
    let (_, mut replacement) = other_tables(&run.config, &run.worker, settings);
    run.worker.replace(now, &mut replacement);
    let mut pending = replacement.recorder.into_pending(now, before.term);
    let recording = pending.find(|one| one.cell == CellId(1)).unwrap();
    assert_eq!((recording.trigger, recording.term), (Trigger::Failover, 1));
    let found = replay(&before, &recording.ring);
    assert_same(&found);
    assert!(found.frames > 3_000, "{}", found.frames);
    let needs_memory = run.worker.recording_due(now);
    assert_eq!(needs_memory, Some((CellId(0), Trigger::Command)));
}

#[test]
fn a_cell_of_another_shape_is_recorded_again_when_control_has_brought_memory() {
    let settings = Settings {
        frames: 4_000,
        snap: SNAP,
    };
    let config = parse(&two_dus(SHARING));
    let mut appliance = bench(settings);
    happen(&mut appliance, 0, (2, 0, 1, 0, 0));
    let longer = |cell: &mut Cell| cell.late_tolerance = Duration::from_millis(300);
    let (_, mut replacement) = changed_tables(&config, &appliance.worker, settings, longer);
    let now = clock().air(START, 0);
    appliance.worker.replace(now, &mut replacement);
    let tables = appliance.worker.tables().clone();
    let due = appliance.worker.recording_due(now);
    assert_eq!(due, Some((CellId(0), Trigger::Command)));
    let mut memory = Recording::new(&tables, settings, CellId(0), Trigger::Command).unwrap();
    appliance.worker.hand_over(now, &mut memory);
    assert!(memory.taken.is_none(), "there was nothing to take");
    assert_eq!(appliance.worker.recording_due(Instant::NEVER), None);
    for n in 0..300u64 {
        happen(&mut appliance, 20 + n, ((n % 14) as u8, n as u8, 1, 0, 0));
    }
    let recording = take(&mut appliance.worker, settings, 0);
    let found = replay(&tables, &recording.ring);
    assert_same(&found);
    assert!(found.frames > 200, "{}", found.frames);
}

#[test]
fn the_store_keeps_as_many_recordings_and_bytes_as_it_is_told_and_always_the_last() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("recordings-store");
    let _ = std::fs::remove_dir_all(&directory);
    let (tables, mut recording) = sample();
    let names = Names {
        ports: ["ru", "a", "b"].map(str::to_owned).to_vec(),
        cells: vec![CellNames {
            name: "cell-1".to_owned(),
            ..CellNames::default()
        }],
        ..Names::default()
    };
    let mut write = |store: &Store, at: u64| {
        recording.taken = Some(Instant(at));
        store.write(&recording, &names, "config").unwrap()
    };
    let three = Store::new(&directory, 3, u64::MAX);
    let written: Vec<_> = (1..6).map(|at| write(&three, at)).collect();
    let kept = |store: &Store| -> Vec<String> {
        let kept = store.list().into_iter();
        kept.map(|recording| recording.name).collect()
    };
    assert_eq!(kept(&three), written[2..]);
    let size: u64 = three.list()[0].files.iter().map(|(_, bytes)| bytes).sum();
    let two = Store::new(&directory, 3, size * 5 / 2);
    let sixth = write(&two, 6);
    assert_eq!(kept(&two), [written[4].clone(), sixth]);
    let tiny = Store::new(&directory, 3, 1);
    let seventh = write(&tiny, 7);
    assert_eq!(kept(&tiny), std::slice::from_ref(&seventh));
    let loaded = load(&directory.join(seventh)).unwrap();
    assert_same(&replay(&tables, &loaded.ring));
    std::fs::remove_dir_all(directory).unwrap();
}
