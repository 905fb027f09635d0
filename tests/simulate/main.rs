//! Seeded schedules of deaths, delays, losses, kills and commands against the real controller and the real worker in
//! virtual time. `make simulate` plays many; here are as many as a test may take, and what the simulator would find.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a simulator that stops at the first surprise and says how long it took"
)]

mod judge;
mod schedule;
mod world;

use schedule::Schedule;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;
use world::{Broken, Stage};

/// The first schedule that fails, cut down, and how many transactions ended.
fn play(seeds: std::ops::Range<u64>, broken: Broken) -> (Option<Schedule>, [usize; 3]) {
    let next = AtomicU64::new(seeds.start);
    let failed = AtomicU64::new(u64::MAX);
    let ended = [const { AtomicUsize::new(0) }; 3];
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let stage = Stage::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || seed > failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let (found, ends) = Schedule::drawn(seed).play(&stage, broken);
                    for (sum, ends) in ended.iter().zip(ends) {
                        sum.fetch_add(ends, Ordering::Relaxed);
                    }
                    if !found.is_empty() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = Some(failed.load(Ordering::Relaxed)).filter(|seed| *seed != u64::MAX);
    let stage = Stage::new();
    let cut = failed.map(|seed| Schedule::drawn(seed).cut_down(&stage, broken));
    (cut, ended.map(AtomicUsize::into_inner))
}

#[test]
fn no_schedule_has_two_speakers_or_ends_half() {
    let schedules = std::env::var("SCHEDULES")
        .ok()
        .and_then(|text| text.parse().ok());
    let schedules = schedules.unwrap_or(200);
    let start = Instant::now();
    let (failed, ended) = play(0..schedules, Broken::Nothing);
    let took = start.elapsed().as_secs_f64();
    let [done, back, stuck] = ended;
    println!(
        "{schedules} schedules in {took:.1} s: {done} transactions done, {back} rolled back, {stuck} failed"
    );
    if let Some(failed) = failed {
        panic!("\n{}", failed.story(&Stage::new(), Broken::Nothing));
    }
    let least = schedules as usize / 20;
    assert!(
        ended.iter().all(|ends| *ends > least),
        "{ended:?} show too little"
    );
}

#[test]
fn a_command_that_is_answered_and_not_obeyed_is_found() {
    let (failed, _) = play(0..500, Broken::UndoIsSwallowed);
    let failed = failed.expect("a schedule that shows it");
    assert!(failed.faults.len() <= 3, "{failed:?}");
}

#[test]
fn a_standby_that_speaks_is_found() {
    let (failed, _) = play(0..20, Broken::StandbySpeaks);
    let story = failed
        .expect("a schedule that shows it")
        .story(&Stage::new(), Broken::StandbySpeaks);
    assert!(story.contains("VIOLATED: slot"), "{story}");
}

#[test]
fn the_same_seed_is_the_same_story() {
    let stage = Stage::new();
    for seed in 0..5 {
        let schedule = Schedule::drawn(seed);
        let stories = [(); 2].map(|()| schedule.story(&stage, Broken::Nothing));
        assert_eq!(stories[0], stories[1]);
    }
}
