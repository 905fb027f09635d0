//! The checker on what `ranshift replay` really wrote: two DU processes of one cell, a migration, a death
//! and a failover. It accepts the output, and refuses it after each way of spoiling it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code, on captures of this repository"
)]

#[path = "checker/mod.rs"]
mod checker;

#[path = "support/replayed.rs"]
mod replayed;

use checker::files::{Paths, load};
use checker::{Frame, Inputs, Rule, judge};
use replayed::{Replayed, with_section};
use std::sync::LazyLock;

/// Offsets in frames with one tag, which all of this capture have.
const VLAN: usize = 15;
const MESSAGE: usize = 19;
const EAXC: usize = 23;
const SEQUENCE: usize = 24;
const DIRECTION: usize = 26;
const PAYLOAD: usize = 60;

static REPLAYED: LazyLock<Inputs> = LazyLock::new(|| replayed("two-du-failover"));

fn replayed(name: &str) -> Inputs {
    let replayed = Replayed::new(name);
    let paths = Paths {
        config: replayed.config.clone(),
        scenario: replayed.scenario.clone(),
        ingress: replayed.ingress.clone(),
        out: replayed.out.clone(),
    };
    let mut inputs = load(&paths, false).unwrap();
    if std::fs::read_to_string(&replayed.config)
        .unwrap()
        .contains("\nl2s:")
    {
        leave_the_other_plane_out(&mut inputs);
    }
    inputs
}

/// P7, which has a judge of its own. The counters are of both planes, a member that sends nothing here is in step
/// by its SLOT.indications, and one that is lost was last heard on the plane that lost it.
fn leave_the_other_plane_out(run: &mut Inputs) {
    for lane in run.ingress.iter_mut().chain(&mut run.egress) {
        lane.frames.retain(|frame| frame.bytes[12..14] != [8, 0]);
    }
    run.report.counters.clear();
    for failover in &mut run.report.failovers {
        failover.last_heard = None;
    }
    let cells = run.settings.cells.iter_mut();
    for member in cells.flat_map(|cell| &mut cell.members) {
        member.assume_in_step = true;
    }
}

fn lane<'a>(lanes: &'a mut [checker::Lane], port: &str) -> &'a mut Vec<Frame> {
    &mut lanes
        .iter_mut()
        .find(|lane| lane.port == port)
        .unwrap()
        .frames
}

fn is_downlink_user(frame: &Frame) -> bool {
    frame.bytes[MESSAGE] == 0 && frame.bytes[DIRECTION] & 0x80 != 0
}

/// A downlink U-plane frame in the middle of the RU's egress.
fn sent(run: &mut Inputs) -> &mut Frame {
    let frames = lane(&mut run.egress, "ru-side");
    let half = frames.len() / 2;
    frames[half..]
        .iter_mut()
        .find(|frame| is_downlink_user(frame))
        .unwrap()
}

/// A downlink U-plane frame of a DU that was dropped, sent after all; taken `part` quarters into the capture.
fn smuggle(run: &mut Inputs, port: &str, part: usize) {
    let egress = lane(&mut run.egress, "ru-side");
    let used: Vec<_> = egress.iter().map(|frame| frame.number).collect();
    let header = egress[0].bytes[..18].to_vec();
    let ingress = lane(&mut run.ingress, port);
    let from = ingress.len() * part / 4;
    let dropped = ingress[from..]
        .iter()
        .find(|f| is_downlink_user(f) && !used.contains(&f.number));
    let mut frame = dropped.unwrap().clone();
    frame.bytes[..18].copy_from_slice(&header);
    let egress = lane(&mut run.egress, "ru-side");
    let at = egress.partition_point(|sent| sent.at_ns <= frame.at_ns);
    egress.insert(at, frame);
}

/// The dead DU's last frame, as if it had come after the failover was decided.
fn delay_the_dead(run: &mut Inputs) {
    let late = run.report.failovers[0].detected + 1_000;
    let last = lane(&mut run.ingress, "du-1-side").last_mut().unwrap();
    last.at_ns = late;
    let number = last.number;
    let egress = lane(&mut run.egress, "ru-side");
    egress
        .iter_mut()
        .find(|frame| frame.number == number)
        .unwrap()
        .at_ns = late;
}

fn control_behind_user(run: &mut Inputs) {
    let frames = lane(&mut run.egress, "ru-side");
    let is_control =
        |frame: &Frame| frame.bytes[MESSAGE] == 2 && frame.bytes[DIRECTION] & 0x80 != 0;
    let control = frames.iter().position(is_control).unwrap();
    let eaxc = frames[control].bytes[EAXC];
    let covered = |frame: &Frame| is_downlink_user(frame) && frame.bytes[EAXC] == eaxc;
    let user = frames[control..].iter().position(covered).unwrap() + control;
    let moved = frames.remove(control);
    frames.insert(user, moved);
}

fn repeat(run: &mut Inputs) {
    let again = sent(run).clone();
    let frames = lane(&mut run.egress, "ru-side");
    let at = frames.iter().position(|frame| *frame == again).unwrap();
    frames.insert(at, again);
}

fn lose(run: &mut Inputs) {
    let lost = sent(run).clone();
    lane(&mut run.egress, "ru-side").retain(|frame| *frame != lost);
}

/// How the output is spoiled, and the rule that must be named.
type Spoiling = (&'static str, Rule, fn(&mut Inputs));

const SPOILINGS: &[Spoiling] = &[
    ("two DUs on one symbol", Rule::Speakers, |run| {
        smuggle(run, "du-1-side", 0)
    }),
    ("a frame lost", Rule::Delivered, lose),
    ("a frame doubled", Rule::Once, repeat),
    ("a sequence number repeated", Rule::Sequence, |run| {
        let number = &mut sent(run).bytes[SEQUENCE];
        *number = number.wrapping_sub(1);
    }),
    ("another destination MAC", Rule::Addresses, |run| {
        sent(run).bytes[5] ^= 1
    }),
    ("another source MAC", Rule::Addresses, |run| {
        sent(run).bytes[11] ^= 2
    }),
    ("another VLAN", Rule::Addresses, |run| {
        sent(run).bytes[VLAN] ^= 1
    }),
    ("another eAxC", Rule::Addresses, |run| {
        sent(run).bytes[EAXC] ^= 1
    }),
    ("a payload byte changed", Rule::Link, |run| {
        sent(run).bytes[PAYLOAD] ^= 1
    }),
    (
        "C-plane behind its U-plane",
        Rule::ControlFirst,
        control_behind_user,
    ),
    ("a frame of the fenced DU", Rule::Fence, delay_the_dead),
    ("a frame of the old owner", Rule::Owner, |run| {
        smuggle(run, "du-2-side", 1)
    }),
    ("an uplink copy missing", Rule::Uplink, |run| {
        lane(&mut run.egress, "du-1-side").remove(100);
    }),
    ("an uplink copy renumbered", Rule::Sequence, |run| {
        lane(&mut run.egress, "du-2-side")[100].bytes[SEQUENCE] ^= 4;
    }),
    ("another input in the index", Rule::Link, |run| {
        sent(run).number += 9
    }),
    ("the ledger off by one", Rule::Ledger, |run| {
        *run.report.counters.get_mut("ledger.copied").unwrap() += 1;
    }),
    ("the switch told a slot later", Rule::Boundary, |run| {
        for migration in &mut run.report.migrations {
            migration.boundary += 1;
        }
        run.report
            .events
            .retain(|event| !matches!(event.what, checker::report::Happening::Mode(..)));
    }),
];

#[test]
fn the_output_of_the_demo_is_accepted() {
    let verdict = judge(&REPLAYED);
    assert!(verdict.holds(), "{verdict}");
    for rule in Rule::ALL.iter().filter(|rule| **rule != Rule::Answers) {
        assert!(
            verdict.examined(*rule) > 0,
            "{} examined nothing",
            rule.name()
        );
    }
}

#[test]
fn the_output_of_every_fixture_is_accepted() {
    let mut judged = 0;
    // Fixtures of PHYs alone have no fronthaul to judge.
    for name in with_section("rus") {
        let verdict = judge(&replayed(&name));
        assert!(verdict.holds(), "{name}:\n{verdict}");
        judged += verdict.frames;
    }
    assert!(judged > 100_000, "only {judged} frames were judged");
}

#[test]
fn the_output_of_the_demo_is_refused_after_each_way_of_spoiling_it() {
    for (what, rule, spoil) in SPOILINGS {
        let mut run = REPLAYED.clone();
        spoil(&mut run);
        let verdict = judge(&run);
        assert!(
            verdict.breaks(*rule),
            "{what}: {} was not named:\n{verdict}",
            rule.name()
        );
    }
}
