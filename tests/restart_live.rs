//! The appliance is killed under traffic, after a migration, and started again with the same configuration
//! and live state. Judged on what witnesses captured at the far ends of the cables, and by the RU's own
//! counters: numbers go on, none comes twice, none is skipped that was not lost.
//!
//! How long that took is printed and fails nothing. A host that loses frames elsewhere cannot break a claim
//! here, since each gap is held against the frames that were really lost in it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test of processes: it waits by the clock, and stops at the first surprise"
)]

#[path = "checker/mod.rs"]
mod checker;
#[path = "support/lab.rs"]
mod lab;

use checker::{Frame, Inputs, Report, Scenario, Settings, live, packet};
use lab::{Lab, RANSHIFT, now_ns};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn numbers_at_the_ru_go_on_when_the_appliance_is_killed_and_started_again_under_traffic() {
    for attempt in 0..TRIES {
        let played = Played::new(attempt);
        // Numbers that happen to be the DU's own would begin anew unnoticed.
        if played.offsets().any(|offset| offset != 0) {
            return accept(&played);
        }
    }
    panic!("the appliance never had to change a number, {TRIES} times");
}

fn accept(played: &Played) {
    let seams = seams(&played.inputs, played.death);
    println!("{}", played.figures(&seams));
    assert_eq!(seams.len(), COUNTERS, "counters that go on: {seams:#?}");
    assert_eq!(broken(&seams), None);
    assert_eq!(skipped(&played.inputs), None);
    played.assert_radio();
    for (what, step) in [("a number twice", 255), ("numbers skipped", 100)] {
        let mut spoiled = played.inputs.clone();
        renumber(&mut spoiled, played.death, step);
        let seams = self::seams(&spoiled, played.death);
        assert!(broken(&seams).is_some(), "{what} is not noticed");
    }
}

/// When the first process was killed, and when the kernel had taken it down: it sent nothing any more, and
/// its successor nothing yet.
#[derive(Clone, Copy)]
struct Death {
    killed_ns: u64,
    over_ns: u64,
}

/// What numbers count apart: eAxC id at the RU, eCPRI type, and whether it is downlink.
type Counter = (u16, u8, bool);

/// The last number of a counter before the death and the first after it.
#[derive(PartialEq, Debug)]
struct Seam {
    counter: Counter,
    /// When the two frames reached the RU.
    at_ns: (u64, u64),
    /// Numbers between them.
    gap: u8,
    /// Frames that the DU sent between them and that the first process may have taken.
    lost_in_flight: usize,
    /// All that it sent between them.
    lost: usize,
}

/// One seam for each counter that was heard on both sides of the death.
fn seams(inputs: &Inputs, death: Death) -> Vec<Seam> {
    let sent = sent(inputs);
    let mut seams = Vec::new();
    for (counter, heard) in heard(inputs) {
        let cut = heard.partition_point(|frame| frame.at_ns <= death.over_ns);
        let (Some(before), Some(after)) = (heard[..cut].last(), heard.get(cut)) else {
            continue;
        };
        let between = between(&sent, before, after);
        let last = death.killed_ns + LAST_BREATH;
        let in_flight = between.iter().filter(|frame| frame.at_ns <= last);
        seams.push(Seam {
            counter,
            at_ns: (before.at_ns, after.at_ns),
            gap: gap(before, after),
            lost_in_flight: in_flight.count(),
            lost: between.len(),
        });
    }
    seams
}

/// A seam whose gap is larger than what was lost in flight: numbers that came twice look so too.
fn broken(seams: &[Seam]) -> Option<&Seam> {
    let mut seams = seams.iter();
    seams.find(|seam| usize::from(seam.gap) > seam.lost_in_flight)
}

/// Anywhere else: a gap between two frames of one DU that is larger than what was lost between them.
fn skipped(inputs: &Inputs) -> Option<(Counter, u64, u8, usize)> {
    let sent = sent(inputs);
    for (counter, heard) in heard(inputs) {
        for pair in heard
            .windows(2)
            .filter(|pair| pair[0].input == pair[1].input)
        {
            let lost = between(&sent, pair[0], pair[1]).len();
            let gap = gap(pair[0], pair[1]);
            if usize::from(gap) > lost {
                return Some((counter, pair[1].at_ns, gap, lost));
            }
        }
    }
    None
}

/// Frames of the counters that a DU numbers itself, by input and that counter, in order of sending.
type Sent<'a> = BTreeMap<(u32, Counter), Vec<&'a Frame>>;

fn sent(inputs: &Inputs) -> Sent<'_> {
    let mut sent = Sent::new();
    for frame in inputs.ingress.iter().flat_map(|lane| &lane.frames) {
        if let Some((counter, _)) = numbered(frame) {
            sent.entry((frame.input, counter)).or_default().push(frame);
        }
    }
    sent
}

/// What the DU of both frames sent on their counter between them.
fn between<'a>(sent: &Sent<'a>, before: &Frame, after: &Frame) -> Vec<&'a Frame> {
    let own = |frames: &&Vec<&Frame>| frames.iter().any(|frame| frame.number == after.number);
    let of_input = sent.iter().filter(|((input, _), _)| *input == after.input);
    let frames = of_input.map(|(_, frames)| frames).find(own);
    let frames = frames.map(Vec::as_slice).unwrap_or_default();
    let frames = frames.iter();
    frames
        .filter(|frame| before.number < frame.number && frame.number < after.number)
        .copied()
        .collect()
}

/// What reached the RU by counter; frames whose input is unknown are the test's own mistake.
fn heard(inputs: &Inputs) -> BTreeMap<Counter, Vec<&Frame>> {
    let mut heard: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let lanes = inputs.egress.iter().filter(|lane| lane.port == "ru-side");
    for frame in lanes.flat_map(|lane| &lane.frames) {
        let Some((counter, _)) = numbered(frame) else {
            continue;
        };
        assert_ne!(frame.input, checker::ORIGINATED, "a frame that nobody sent");
        heard.entry(counter).or_default().push(frame);
    }
    heard
}

fn numbered(frame: &Frame) -> Option<(Counter, u8)> {
    let packet = packet::dissect(&frame.bytes, false)?;
    let message = packet.messages.first()?;
    let (stream, radio) = (message.stream?, message.radio?);
    Some(((stream.eaxc, message.kind, radio.downlink), stream.sequence))
}

fn gap(before: &Frame, after: &Frame) -> u8 {
    let number = |frame| numbered(frame).unwrap().1;
    number(after).wrapping_sub(number(before)).wrapping_sub(1)
}

/// Adds `step` to every number that the RU heard after the death.
fn renumber(inputs: &mut Inputs, death: Death, step: u8) {
    let lanes = inputs.egress.iter_mut();
    for frame in lanes.flat_map(|lane| &mut lane.frames) {
        if frame.at_ns > death.over_ns {
            frame.bytes[SEQUENCE] = frame.bytes[SEQUENCE].wrapping_add(step);
        }
    }
}

/// A lab whose appliance was killed and started again, and is down.
struct Played {
    directory: PathBuf,
    inputs: Inputs,
    death: Death,
    /// From the start of the second process to its first answer about roles.
    back: Duration,
    radio: Value,
}

impl Played {
    fn new(attempt: u32) -> Self {
        let directory =
            std::env::temp_dir().join(format!("rs-restart-{}-{attempt}", std::process::id()));
        let lab = Lab(directory.join("lab"));
        fs::create_dir_all(&directory).unwrap();
        let config = directory.join("config.yaml");
        let state = directory.join("live.state");
        let (state, socket) = (state.display(), lab.0.join("api.sock"));
        let text = format!(
            "{CONFIGURATION}state: {{file: \"{state}\"}}\n\
             api: {{listen: none, socket: \"{}\", rate: 100000}}\n",
            socket.display()
        );
        fs::write(&config, text).unwrap();
        lab.up(&config);
        sleep(SPELL);
        lab.post(
            "migrate",
            &json!({"to": "du-b", "boundary": {"in_slots": 100}}),
        );
        wait_until(|| role(&lab, "du-b").as_deref() == Some("active"));
        sleep(SPELL);
        let death = kill(&lab);
        let began = Instant::now();
        let mut second = Second::start(&lab, &directory);
        wait_until(|| role(&lab, "du-b").is_some() || second.is_over());
        let back = began.elapsed();
        assert_eq!(
            role(&lab, "du-b").as_deref(),
            Some("active"),
            "{}",
            second.said()
        );
        sleep(SPELL);
        second.finish();
        lab.run(&["down", "--keep"]);
        let radio = fs::read_to_string(lab.0.join("ru-1.json")).unwrap();
        Self {
            inputs: inputs(&lab.0),
            directory,
            death,
            back,
            radio: serde_json::from_str(&radio).unwrap(),
        }
    }

    /// By how much the RU's numbers differ from those that the DU gave, at the last frame before the death.
    fn offsets(&self) -> impl Iterator<Item = u8> {
        let by_name: BTreeMap<(u32, u64), u8> = sent(&self.inputs)
            .values()
            .flatten()
            .filter_map(|frame| Some(((frame.input, frame.number), numbered(frame)?.1)))
            .collect();
        let heard = heard(&self.inputs).into_values();
        heard.filter_map(move |heard| {
            let before = heard
                .iter()
                .rfind(|frame| frame.at_ns <= self.death.over_ns)?;
            let given = by_name.get(&(before.input, before.number))?;
            Some(numbered(before)?.1.wrapping_sub(*given))
        })
    }

    /// The RU itself: no number twice, one speaker after the other, and du-a not again.
    fn assert_radio(&self) {
        let speakers = self.radio["air"][0]["speakers"].as_array().unwrap().iter();
        let speakers: Vec<_> = speakers
            .map(|change| change["du"].as_str().unwrap())
            .collect();
        assert_eq!(speakers, ["du-a", "du-b"]);
        for stream in self.radio["radio"]["streams"].as_array().unwrap() {
            assert_eq!(stream["two_senders"], 0, "{stream:#}");
            for plane in ["control", "user"] {
                assert_eq!(stream[plane]["duplicates"], 0, "{plane}: {stream:#}");
            }
        }
    }

    fn figures(&self, seams: &[Seam]) -> String {
        let outages = seams.iter().map(|seam| seam.at_ns.1 - seam.at_ns.0);
        let most = |value: fn(&Seam) -> usize| seams.iter().map(value).max().unwrap_or(0);
        format!(
            "killed under traffic: roles back {} ms after the start, {:.1} ms without frames at the RU; for \
             each of {} counters at most {} numbers skipped, {} frames lost in flight, {} lost in all",
            self.back.as_millis(),
            outages.max().unwrap_or(0) as f64 / 1e6,
            seams.len(),
            most(|seam| usize::from(seam.gap)),
            most(|seam| seam.lost_in_flight),
            most(|seam| seam.lost),
        )
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The captures of a lab that is down, each frame that reached a peer with the one that was sent.
fn inputs(lab: &Path) -> Inputs {
    let config = fs::read_to_string(lab.join("config.yaml")).unwrap();
    let settings = Settings::parse(&config).unwrap();
    let (scenario, report) = (Scenario::default(), Report::default());
    live::load(settings, scenario, report, lab, 0).unwrap()
}

/// Kills the appliance of the lab and waits until nothing of it is left.
fn kill(lab: &Lab) -> Death {
    let pid = state(lab)["appliance"]["pid"].as_i64().unwrap() as i32;
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    let killed_ns = now_ns();
    wait_until(|| !Path::new(&format!("/proc/{pid}")).exists());
    Death {
        killed_ns,
        over_ns: now_ns(),
    }
}

fn state(lab: &Lab) -> Value {
    serde_json::from_slice(&fs::read(lab.0.join("state.json")).unwrap()).unwrap()
}

/// The role of a member of the cell as an lcore has reported it.
fn role(lab: &Lab, member: &str) -> Option<String> {
    let answer = lab.try_ask("GET", "/api/v1/cells/cell-1", "")?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let cell: Value = serde_json::from_str(body).ok()?;
    cell["status"]["at_ns"].as_u64().filter(|at| *at > 0)?;
    let mut members = cell["status"]["members"].as_array()?.iter();
    let found = members.find(|one| one["member"] == member)?;
    Some(found["role"].as_str()?.to_owned())
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it does not happen");
        sleep(Duration::from_millis(2));
    }
}

/// The appliance started again, in the namespace of the lab.
struct Second {
    child: Child,
    log: PathBuf,
}

impl Second {
    fn start(lab: &Lab, directory: &Path) -> Self {
        let state = state(lab);
        let log = directory.join("second.log");
        let mut command = Command::new("nsenter");
        command.args(["-t", &state["stage"]["pid"].to_string(), "-n"]);
        if state["user_namespace"] == true {
            command.args(["-U", "--preserve-credentials"]);
        }
        lift_memory_lock();
        let child = command
            .args([RANSHIFT, "run", "--config"])
            .arg(lab.0.join("config.yaml"))
            .env("XDG_RUNTIME_DIR", &lab.0)
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn finish(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.said());
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The rings of net_af_packet are locked memory: as much of it as this user may have, as `lab up` does.
fn lift_memory_lock() {
    let maximum = getrlimit(Resource::Memlock).maximum;
    for maximum in [None, maximum] {
        let limit = Rlimit {
            current: maximum,
            maximum,
        };
        if setrlimit(Resource::Memlock, limit).is_ok() {
            return;
        }
    }
}

/// Offset in a frame with one tag.
const SEQUENCE: usize = 24;
const TRIES: u32 = 4;
/// After this something is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const SPELL: Duration = Duration::from_millis(700);
/// C- and U-plane of two downlink eAxC, C-plane of one uplink eAxC.
const COUNTERS: usize = 5;
/// How long after the signal a frame may still have been taken by the dying process: the slack that any
/// bound on a shared machine needs.
const LAST_BREATH: u64 = 10_000_000;

/// Liveness off: a host that stalls is no reason to fail over, and nothing but the restart is judged.
const CONFIGURATION: &str = r#"
ports:
  ru-side: {mtu: 1500, device: "net_af_packet0,iface=ru,blocksz=65536,framesz=2048,framecnt=512"}
  du-a-side: {mtu: 1500, device: "net_af_packet1,iface=du-a,blocksz=65536,framesz=2048,framecnt=512"}
  du-b-side: {mtu: 1500, device: "net_af_packet2,iface=du-b,blocksz=65536,framesz=2048,framecnt=512"}
rus:
  ru-1: {port: ru-side, mac: "02:a0:00:00:00:01", facing: "02:d0:00:00:00:01", vlan: 100}
dus:
  du-a: {port: du-a-side, mac: "02:d0:00:00:00:01", facing: "02:a0:00:00:00:01", vlan: 101, attachment: dedicated}
  du-b: {port: du-b-side, mac: "02:d0:00:00:00:02", facing: "02:a0:00:00:00:01", vlan: 102, attachment: dedicated}
cells:
  cell-1:
    ru: ru-1
    numerology: 0
    carrier_prbs: 25
    eaxc_bits: [4, 4, 4, 4]
    eaxc: {downlink: [0, 1], uplink: [0], prach: [4]}
    compression:
      downlink: {method: bfp, width: 9, header: dynamic}
      uplink: {method: bfp, width: 9, header: dynamic}
    time: {source: gps, alpha: 0, beta: 0}
    step_window: 500ms
    step_memory: 2s
    late_tolerance: 500ms
    largest_lead: 4ms
    periods: {tdd: 1}
    active: du-a
    members:
      du-a: {}
      du-b: {eaxc: {downlink: [16, 17], uplink: [16], prach: [20]}}
    liveness: {enabled: false}
"#;
