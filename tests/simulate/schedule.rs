//! Schedules: what happens when, drawn from a seed, cut down when it fails, told as a story.

use crate::world::{Broken, CELLS, SENDERS, Stage, World};
use rand_pcg::Pcg32;
use rand_pcg::rand_core::Rng;
use ranshift::dataplane::mailbox::Action;
use ranshift::ran::MemberId;
use std::fmt::Write;

/// How the drivers of a schedule are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// They do what they are told, or say so.
    Prompt,
    /// Only just in time.
    Slow,
    /// They never answer.
    Silent,
    /// They always fail.
    Failing,
    /// They never come to an end.
    NeverReady,
}

/// Something that happens.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Fault {
    Silence { sender: usize, slots: u64 },
    Server { side: usize, slots: u64 },
    Blocked { slots: u64 },
    Late { slots: u64 },
    Deaf { slots: u64 },
    Unseen { slots: u64 },
    ClockStep { ms: i64 },
    Kill,
    Move { cells: u8, side: usize, share: bool },
    Drain { side: usize },
    Abort,
    Command { cell: usize, action: Action },
}

/// A seed, and what it means.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) seed: u64,
    pub(crate) manner: Manner,
    pub(crate) faults: Vec<(u64, Fault)>,
}

impl Schedule {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut random = Pcg32::new(seed, 0x5eed);
        let mut below = |n: u32| random.next_u32() % n;
        let manner = match below(8) {
            0 => Manner::Slow,
            1 => Manner::Silent,
            2 => Manner::Failing,
            3 => Manner::NeverReady,
            _ => Manner::Prompt,
        };
        let mut faults = Vec::new();
        for _ in 0..2 + below(5) {
            let at = WARM + u64::from(below(BUSY));
            let slots = u64::from(1 + below(40));
            let side = below(2) as usize;
            let cell = below(CELLS as u32) as usize;
            let member = MemberId(below(3) as u8);
            let fault = match below(20) {
                0..=5 => Fault::Move {
                    cells: 1 + below(7) as u8,
                    side: below(5) as usize / 2,
                    share: below(3) == 0,
                },
                6 | 7 => Fault::Drain { side },
                8 => Fault::Abort,
                9 | 10 => Fault::Silence {
                    sender: below(SENDERS as u32) as usize,
                    slots: if below(2) == 0 { slots } else { FOREVER },
                },
                11 => Fault::Server {
                    side,
                    slots: if below(2) == 0 { slots } else { FOREVER },
                },
                12 => Fault::Blocked { slots },
                13 => Fault::Late { slots },
                14 => Fault::Deaf { slots },
                15 => Fault::Unseen { slots },
                16 => Fault::ClockStep {
                    ms: i64::from(below(4000)) - 2000,
                },
                17 => Fault::Kill,
                18 => Fault::Command {
                    cell,
                    action: Action::Readmit { member },
                },
                _ => Fault::Command {
                    cell,
                    action: match below(4) {
                        0 => Action::Fence { member },
                        1 => Action::Switch { to: member },
                        2 => Action::FailOver { to: None },
                        _ => Action::Arm {
                            standby: Some(member),
                        },
                    },
                },
            };
            faults.push((at, fault));
        }
        faults.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            manner,
            faults,
        }
    }

    /// What was found, and how many transactions ended.
    pub(crate) fn play(&self, stage: &Stage, broken: Broken) -> (Vec<String>, [usize; 3]) {
        let (world, found) = self.run(stage, broken);
        (found, world.judge.ended)
    }

    fn run<'s>(&self, stage: &'s Stage, broken: Broken) -> (World<'s>, Vec<String>) {
        let mut world = World::new(stage, self.manner, broken);
        let mut faults = self.faults.iter().peekable();
        let end = self.faults.last().map_or(WARM, |(at, _)| *at);
        for slot in 0..end + AFTER {
            while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= slot) {
                world.suffer(fault);
            }
            world.step();
            if slot > end + QUIET && !world.open() || !world.judge.found.is_empty() {
                break;
            }
        }
        let mut found = world.judge.found.clone();
        if found.is_empty() && world.open() {
            found.push(format!(
                "a transaction is still open {AFTER} slots after the last thing that happened"
            ));
        }
        (world, found)
    }

    /// The shortest schedule that still fails, by leaving things out one by one.
    pub(crate) fn cut_down(&self, stage: &Stage, broken: Broken) -> Self {
        let mut least = self.clone();
        let mut index = 0;
        while index < least.faults.len() {
            let mut shorter = least.clone();
            shorter.faults.remove(index);
            match shorter.play(stage, broken).0.is_empty() {
                true => index += 1,
                false => least = shorter,
            }
        }
        let mut simple = least.clone();
        simple.manner = Manner::Prompt;
        if !simple.play(stage, broken).0.is_empty() {
            least = simple;
        }
        least
    }

    /// What happened, in the order in which it did.
    pub(crate) fn story(&self, stage: &Stage, broken: Broken) -> String {
        let (world, found) = self.run(stage, broken);
        let mut text = format!("seed {}, drivers {:?}\n", self.seed, self.manner);
        for (slot, fault) in &self.faults {
            let _ = writeln!(text, "  slot {slot}: {fault:?}");
        }
        for transaction in world.journal.values() {
            let _ = writeln!(
                text,
                "transaction {} {:?} is {}",
                transaction.id,
                transaction.cause,
                transaction.phase.word()
            );
            for step in &transaction.story {
                let cell = step.cell.as_deref().unwrap_or("-");
                let at = step.at.0 / 1_000 % 10_000_000;
                let _ = writeln!(
                    text,
                    "  {at:>8} us {:<11} {cell}: {}",
                    step.phase.word(),
                    step.what
                );
            }
        }
        for what in found {
            let _ = writeln!(text, "VIOLATED: {what}");
        }
        text
    }
}

/// Slots before anything happens: everybody is heard, everything observed.
const WARM: u64 = 21;

/// Slots in which things happen.
const BUSY: u32 = 120;

/// Slots after the last of them in which every transaction must have ended.
const AFTER: u64 = 2_500;

/// Slots that are looked at after the last of them at least.
const QUIET: u64 = 20;

/// Longer than any schedule.
const FOREVER: u64 = 1 << 40;
