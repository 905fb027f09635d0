//! The emulated RU: it answers what reaches it, and its counts show what a box does wrong.
//!
//! A box of three lines stands between the DUs and the RU here: it rewrites nothing, so DU 1, whose
//! addresses and eAxC ids are those that the RU knows, is heard as it speaks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/lab_config.rs"]
mod lab_config;

use ranshift::config::{self, Config};
use ranshift::lab::{
    Class, Generator, LeadProfile, Life, Plan, RadioReport, RadioTiming, RadioUnit, Sender,
    StreamReport,
};
use ranshift::ran::{Duration, Instant};
use std::collections::BTreeMap;

/// One frame on its way to the RU.
struct Passed {
    at: Instant,
    bytes: Vec<u8>,
    sender: Sender,
    class: Class,
}

fn edited(edits: &[(&str, &str)]) -> Config {
    let text = lab_config::edited(edits);
    config::parse(&text, "edited.yaml").unwrap().config
}

fn config() -> Config {
    edited(&[])
}

fn plan(config: &Config) -> Plan {
    let mut plan = Plan::new(config);
    plan.duration = Duration::from_millis(50);
    plan.open_loop = false;
    for du in &mut plan.dus {
        du.leads = LeadProfile::named("steady").unwrap();
    }
    plan.dus[1].lives.clear();
    plan
}

/// What DUs send.
fn sent(config: &Config, plan: &Plan) -> Vec<Passed> {
    let mut generator = Generator::new(config, plan.clone()).unwrap();
    let mut all = Vec::new();
    while let Some(frame) = generator.next_frame() {
        all.push(Passed {
            at: frame.at,
            bytes: frame.bytes.to_vec(),
            sender: frame.sender,
            class: frame.class,
        });
    }
    all
}

/// What the RU notices about `frames`, and how many answers of each class it gives.
fn hear(config: &Config, plan: &Plan, frames: &[Passed]) -> (RadioReport, BTreeMap<Class, usize>) {
    let mut radio = RadioUnit::new(config, 0, plan).unwrap();
    for frame in frames {
        radio.receive(frame.at, &frame.bytes, frame.bytes.len());
    }
    let report = radio.report();
    let mut answers = BTreeMap::new();
    let mut last = Instant(0);
    while let Some(at) = radio.next_at() {
        assert!(at >= last);
        last = at;
        let answer = radio.pop().unwrap();
        assert_eq!(answer.port, config.rus[0].port);
        *answers.entry(answer.class).or_default() += 1;
    }
    (report, answers)
}

fn total(report: &RadioReport, of: fn(&StreamReport) -> u64) -> u64 {
    report.streams.iter().map(of).sum()
}

/// DU 2 speaking with the addresses and eAxC ids of DU 1: what a box lets through by mistake.
fn twins() -> Config {
    edited(&[
        ("mac: 02:d0:00:00:00:02", "mac: 02:d0:00:00:00:01"),
        (
            "{downlink: [16, 17, 18, 19], uplink: [16, 17, 18, 19], prach: [20, 21, 22, 23]}",
            "{downlink: [0, 1, 2, 3], uplink: [0, 1, 2, 3], prach: [4, 5, 6, 7]}",
        ),
    ])
}

#[test]
fn one_request_gives_one_answer() {
    let config = config();
    let plan = plan(&config);
    let (report, answers) = hear(&config, &plan, &sent(&config, &plan));
    assert_eq!(answers[&Class::UplinkUser], 10 * 3 * 14 * 4);
    assert_eq!(answers[&Class::PrachUser], 5 * 12 * 4);
    assert_eq!(total(&report, |stream| stream.repeated_requests), 0);
}

#[test]
fn two_identical_requests_give_two_answers() {
    let config = config();
    let plan = plan(&config);
    let mut frames = sent(&config, &plan);
    let doubled = frames
        .iter()
        .position(|frame| frame.class == Class::UplinkControl);
    let doubled = doubled.unwrap();
    let copy = Passed {
        at: frames[doubled].at,
        bytes: frames[doubled].bytes.clone(),
        ..frames[doubled]
    };
    frames.insert(doubled, copy);
    let (report, answers) = hear(&config, &plan, &frames);
    assert_eq!(answers[&Class::UplinkUser], 10 * 3 * 14 * 4 + 14);
    assert_eq!(total(&report, |stream| stream.repeated_requests), 1);
    assert_eq!(total(&report, |stream| stream.control.duplicates), 1);
}

#[test]
fn a_clean_downlink_leaves_nothing_to_complain_about() {
    let config = config();
    let plan = plan(&config);
    let frames = sent(&config, &plan);
    let (report, _) = hear(&config, &plan, &frames);
    let heard = total(&report, |stream| stream.control.frames + stream.user.frames);
    assert_eq!(heard, frames.len() as u64);
    for stream in &report.streams {
        for plane in [stream.control, stream.user] {
            assert_eq!(
                (plane.missing, plane.duplicates, plane.reordered),
                (0, 0, 0)
            );
            assert_eq!((plane.early, plane.late), (0, 0));
        }
        assert_eq!(
            (stream.two_senders, stream.uncovered, stream.unmarked),
            (0, 0, 0)
        );
    }
    assert_eq!(
        (report.malformed, report.misaddressed, report.unknown_stream),
        (0, 0, 0)
    );
}

#[test]
fn a_lost_frame_is_missed_once() {
    let config = config();
    let plan = plan(&config);
    let mut frames = sent(&config, &plan);
    let numbered = frames.iter().enumerate();
    let mut user = numbered.filter(|(_, frame)| frame.class == Class::DownlinkUser);
    let (lost, _) = user.nth(400).unwrap();
    frames.remove(lost);
    let (report, _) = hear(&config, &plan, &frames);
    assert_eq!(total(&report, |stream| stream.user.missing), 1);
}

#[test]
fn u_plane_without_its_c_plane_is_uncovered() {
    let config = config();
    let plan = plan(&config);
    let mut frames = sent(&config, &plan);
    let first = frames
        .iter()
        .position(|frame| frame.class == Class::DownlinkControl);
    frames.remove(first.unwrap());
    let (report, _) = hear(&config, &plan, &frames);
    assert_eq!(total(&report, |stream| stream.uncovered), 14);
}

#[test]
fn two_dus_on_one_symbol_are_told_apart_by_their_marks() {
    let config = twins();
    let mut plan = plan(&config);
    plan.dus[1].lives = vec![Life::WHOLE];
    let frames = sent(&config, &plan);
    let user = frames
        .iter()
        .filter(|frame| frame.class == Class::DownlinkUser);
    let of_du_2 = user.filter(|frame| frame.sender == Sender::Du(1)).count();
    let (report, _) = hear(&config, &plan, &frames);
    assert!(of_du_2 > 1_000);
    assert_eq!(total(&report, |stream| stream.two_senders), of_du_2 as u64);
}

#[test]
fn a_frame_for_another_address_is_not_answered() {
    let config = config();
    let mut plan = plan(&config);
    plan.dus[1].lives = vec![Life::WHOLE];
    plan.dus[0].lives.clear();
    let frames = sent(&config, &plan);
    let (report, answers) = hear(&config, &plan, &frames);
    assert_eq!(report.misaddressed, frames.len() as u64);
    assert!(answers.is_empty());
}

#[test]
fn a_late_frame_is_late_and_answered_still() {
    let config = config();
    let plan = plan(&config);
    let mut frames = sent(&config, &plan);
    for frame in &mut frames {
        frame.at = frame.at.after(Duration::from_millis(2));
    }
    let (report, answers) = hear(&config, &plan, &frames);
    let heard = total(&report, |stream| stream.control.frames);
    assert_eq!(total(&report, |stream| stream.control.late), heard);
    assert_eq!(answers[&Class::UplinkUser], 10 * 3 * 14 * 4);
}

#[test]
fn a_damaged_frame_is_malformed_and_nothing_more() {
    let config = config();
    let plan = plan(&config);
    let mut frames = sent(&config, &plan);
    for frame in &mut frames {
        frame.bytes.truncate(30);
    }
    let (report, answers) = hear(&config, &plan, &frames);
    assert_eq!(report.malformed, frames.len() as u64);
    assert!(answers.is_empty());
}

#[test]
fn frames_cut_by_a_snap_length_are_heard_as_well() {
    let config = config();
    let mut plan = plan(&config);
    plan.snap = Some(1);
    plan.radio = RadioTiming::AtOnce(Duration::from_micros(30));
    let mut generator = Generator::new(&config, plan.clone()).unwrap();
    let mut radio = RadioUnit::new(&config, 0, &plan).unwrap();
    while let Some(frame) = generator.next_frame() {
        radio.receive(frame.at, frame.bytes, frame.original_len);
    }
    let report = radio.report();
    assert_eq!(
        (report.malformed, total(&report, |stream| stream.unmarked)),
        (0, 0)
    );
    assert!(radio.next_at().is_some());
}
