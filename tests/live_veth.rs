//! The appliance live: kernel peers on raw sockets at both ends of veth, jumbo frames, VLAN tags, real time.
//! A migration and a failover, judged by the checker on what witnesses captured at every peer.
//!
//! Wall time fails nothing here. Frames that the kernel lost on the way, or that a peer was given its turn
//! too late to send, are the host's: such a run proves nothing and is made again, and figures are printed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says so when it is wrong; its peers run by the time of day"
)]

#[path = "checker/mod.rs"]
mod checker;
#[path = "support/lab.rs"]
mod lab;

use checker::{Inputs, Report, Rule, Scenario, Settings, judge, live};
use lab::{Lab, now_ns};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

#[test]
fn a_migration_and_a_failover_between_kernel_peers_please_the_checker() {
    let mut troubles = Vec::new();
    for attempt in 0..TRIES {
        let played = Played::new(attempt);
        match played.trouble() {
            None => return accept(&played),
            Some(trouble) => troubles.push(trouble),
        }
    }
    panic!("this host did not keep up, {TRIES} times: {troubles:#?}");
}

fn accept(played: &Played) {
    let inputs = played.inputs();
    println!("{}", played.figures());
    let verdict = judge(&inputs);
    assert!(verdict.holds(), "{verdict}");
    for rule in [Rule::Owner, Rule::Speakers, Rule::Uplink, Rule::Sequence] {
        assert!(verdict.examined(rule) > 1_000, "{}", rule.name());
    }
    assert!(jumbo(&inputs, 7680) > 100, "no jumbo frames");
    assert_eq!(played.names("mode"), ["du-a", "du-b", "du-a"]);
    assert!(played.outage_ns() > 0, "nobody died");
    assert!(
        played.detection_ns() <= LARGEST_DETECTION + played.gap_ns(),
        "{}",
        played.figures()
    );
    for (what, rule, spoil) in SPOILINGS {
        let mut spoiled = inputs.clone();
        spoil(&mut spoiled);
        live::relink(&mut spoiled);
        let verdict = judge(&spoiled);
        assert!(verdict.breaks(*rule), "{what}:\n{verdict}");
    }
}

/// How the captures are spoiled, and the rule that must be named.
type Spoiling = (&'static str, Rule, fn(&mut Inputs));

const SPOILINGS: &[Spoiling] = &[
    ("a frame that the RU never got", Rule::Delivered, |run| {
        let at = middle(run);
        to_ru(run).remove(at);
    }),
    ("a payload byte changed", Rule::Link, |run| {
        let at = middle(run);
        to_ru(run)[at].bytes[PAYLOAD] ^= 1;
    }),
    ("a sequence number repeated", Rule::Sequence, |run| {
        let at = middle(run);
        let number = &mut to_ru(run)[at].bytes[SEQUENCE];
        *number = number.wrapping_sub(1);
    }),
    ("another VLAN", Rule::Addresses, |run| {
        let at = middle(run);
        to_ru(run)[at].bytes[VLAN] ^= 1;
    }),
    ("an uplink copy missing", Rule::Uplink, |run| {
        let frames = &mut lane(&mut run.egress, "du-a-side");
        let middle = frames.len() / 4;
        frames.remove(middle);
    }),
    (
        "a frame of the DU that was not to speak",
        Rule::Owner,
        |run| {
            let header = to_ru(run)[0].bytes[..18].to_vec();
            let frames = lane(&mut run.ingress, "du-b-side");
            let stray = frames[100..].iter().find(|frame| frame.bytes.len() > 7_000);
            let mut stray = stray.unwrap().clone();
            stray.bytes[..18].copy_from_slice(&header);
            stray.bytes[EAXC] &= 0x0f;
            stray.at_ns += 1_000_000;
            let frames = to_ru(run);
            let at = frames.partition_point(|frame| frame.at_ns <= stray.at_ns);
            frames.insert(at, stray);
        },
    ),
    ("the switch told a slot later", Rule::Boundary, |run| {
        for migration in &mut run.report.migrations {
            migration.boundary += 1;
        }
        run.report.events.clear();
    }),
];

fn lane<'a>(lanes: &'a mut [checker::Lane], port: &str) -> &'a mut Vec<checker::Frame> {
    let mut lanes = lanes.iter_mut();
    &mut lanes.find(|lane| lane.port == port).unwrap().frames
}

fn to_ru(run: &mut Inputs) -> &mut Vec<checker::Frame> {
    lane(&mut run.egress, "ru-side")
}

/// A jumbo frame of the first DU, while it speaks.
fn middle(run: &mut Inputs) -> usize {
    let frames = to_ru(run);
    let quarter = frames.len() / 4;
    let is_jumbo = |frame: &checker::Frame| frame.bytes.len() > 7_000;
    quarter + frames[quarter..].iter().position(is_jumbo).unwrap()
}

fn jumbo(run: &Inputs, len: usize) -> usize {
    let frames = run.egress.iter().flat_map(|lane| &lane.frames);
    frames.filter(|frame| frame.bytes.len() >= len).count()
}

/// A lab that has been up, and is down.
struct Played {
    directory: PathBuf,
    config: String,
    accepted: Value,
    commanded_ns: u64,
    killed_ns: u64,
    events: Vec<Value>,
    report: Value,
}

impl Played {
    fn new(attempt: u32) -> Self {
        let directory = std::env::temp_dir().join(format!("rs-{}-{attempt}", std::process::id()));
        let lab = Lab(directory.join("lab"));
        fs::create_dir_all(&directory).unwrap();
        let config = directory.join("config.yaml");
        fs::write(&config, CONFIGURATION).unwrap();
        lab.up(&config);
        thread::sleep(SPELL);
        let commanded_ns = now_ns();
        let migrate = json!({"to": "du-b", "boundary": {"in_slots": 100}});
        let accepted = lab.post("migrate", &migrate);
        thread::sleep(SPELL);
        lab.post("arm", &json!({"standby": "du-a"}));
        let killed_ns = now_ns();
        lab.run(&["kill", "du-b"]);
        thread::sleep(SPELL);
        let events = lab.ask("GET", "/api/v1/events?limit=1000", "");
        lab.run(&["down", "--keep"]);
        let report = fs::read_to_string(lab.0.join("appliance.json")).unwrap();
        Self {
            config: fs::read_to_string(lab.0.join("config.yaml")).unwrap(),
            directory: lab.0.clone(),
            accepted,
            commanded_ns,
            killed_ns,
            events: events.as_array().unwrap().clone(),
            report: serde_json::from_str(&report).unwrap(),
        }
    }

    /// What the host broke, if anything.
    fn trouble(&self) -> Option<String> {
        let peers = ["ru-1", "du-a", "du-b"].map(|peer| self.file(peer));
        let ports = ["ru-side", "du-a-side", "du-b-side"].map(|port| self.file(port));
        let sum = |reports: &[Value], key: &str| -> u64 {
            reports
                .iter()
                .filter_map(|report| report[key].as_u64())
                .sum()
        };
        let given_up = sum(&peers, "given_up");
        let overrun = sum(&peers, "overrun") + sum(&ports, "overrun");
        let counters = self.report["counters"].as_object().unwrap();
        let missing = |(name, count): (&String, &Value)| {
            let lost = name.starts_with("peers.") && name.ends_with(".missing");
            lost.then(|| count.as_u64()).flatten()
        };
        let missing: u64 = counters.iter().filter_map(missing).sum();
        let stalls = self.of_kind("failover").count() != 1;
        (given_up + overrun + missing > 0 || stalls).then(|| {
            format!(
                "{given_up} frames not sent in time, {overrun} found a full socket, {missing} lost before the \
                 appliance; {} failovers; {}",
                self.of_kind("failover").count(),
                self.figures()
            )
        })
    }

    fn file(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.directory.join(format!("{name}.json"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events
            .iter()
            .filter(move |event| event["event"] == kind)
    }

    fn names<'a>(&'a self, kind: &'a str) -> Vec<&'a str> {
        let events = self.of_kind(kind);
        events
            .filter_map(|event| event["details"]["active"].as_str())
            .collect()
    }

    /// From when the dead DU was due to the decision.
    fn detection_ns(&self) -> u64 {
        let Some(event) = self.of_kind("failover").next() else {
            return 0;
        };
        let due = event["details"]["due_ns"].as_u64().unwrap();
        event["at_ns"].as_u64().unwrap().saturating_sub(due)
    }

    /// The longest that the poll loop was kept from looking.
    fn gap_ns(&self) -> u64 {
        let lcores = self.report["lcores"].as_array().into_iter().flatten();
        let gaps = lcores.filter_map(|lcore| lcore["longest_gap_us"].as_f64());
        (gaps.fold(0.0, f64::max) * 1e3) as u64
    }

    /// The longest silence that the RU heard after the death.
    fn outage_ns(&self) -> u64 {
        let ru = self.file("ru-1");
        let outages = ru["air"][0]["outages"].as_array().unwrap();
        let after = outages
            .iter()
            .filter(|outage| outage["from_ns"].as_u64().unwrap() + 100_000_000 > self.killed_ns);
        let lengths = after.filter_map(|outage| {
            Some(
                outage["until_ns"]
                    .as_u64()?
                    .saturating_sub(outage["from_ns"].as_u64()?),
            )
        });
        lengths.max().unwrap_or(0)
    }

    fn figures(&self) -> String {
        let millis = |ns: u64| ns as f64 / 1e6;
        format!(
            "due to detection {:.2} ms, less the loop's own longest gap of {:.2} ms: {:.2} ms; outage at the RU {:.2} ms",
            millis(self.detection_ns()),
            millis(self.gap_ns()),
            millis(self.detection_ns().saturating_sub(self.gap_ns())),
            millis(self.outage_ns()),
        )
    }

    fn inputs(&self) -> Inputs {
        let settings = Settings::parse(&self.config).unwrap();
        let report = Report::from_value(&self.claims()).unwrap();
        let mut inputs = live::load(
            settings,
            Scenario::default(),
            report,
            &self.directory,
            SLACK_NS,
        )
        .unwrap();
        let frames = inputs.ingress.iter().flat_map(|lane| lane.frames.first());
        let first = frames.map(|frame| frame.at_ns).min().unwrap();
        let after = |ns: u64| format!("{}ns", ns - first);
        let (boundary, armed) = (&self.accepted["boundary_slot"], self.killed_ns - 1_000_000);
        let scenario = json!({"actions": [
            {"at": after(self.commanded_ns), "migrate":
                {"cell": "cell-1", "to": "du-b", "boundary": {"slot": boundary}}},
            {"at": after(armed), "arm": {"cell": "cell-1", "standby": "du-a"}},
        ]});
        inputs.scenario = Scenario::parse(&scenario.to_string()).unwrap();
        inputs
    }

    /// What the appliance said of itself, in the words of a replay's report.
    fn claims(&self) -> Value {
        let boundary = |event: &Value| event["details"]["boundary_slot"].clone();
        let modes = self.of_kind("mode").map(|event| {
            json!({
                "at_ns": event["at_ns"], "cell": event["cell"], "slot": event["slot"], "kind": "mode",
                "mode": event["details"]["active"], "boundary": boundary(event),
                "cause": event["details"]["cause"],
            })
        });
        let fenced = self.of_kind("fenced").map(|event| {
            json!({
                "at_ns": event["at_ns"], "cell": event["cell"], "slot": event["slot"], "kind": "fenced",
                "member": event["details"]["member"],
            })
        });
        let taken_over = |failover: &Value| {
            let mut modes = self.of_kind("mode");
            let next = modes.find(|mode| mode["id"].as_u64() > failover["id"].as_u64());
            next.map(boundary)
        };
        let failovers = self.of_kind("failover").map(|event| {
            json!({
                "cell": event["cell"], "from": event["details"]["from"], "to": event["details"]["to"],
                "last_heard_ns": event["details"]["last_heard_ns"], "detected_ns": event["at_ns"],
                "boundary_slot": taken_over(event),
            })
        });
        json!({
            "counters": self.report["counters"],
            "events": modes.chain(fenced).collect::<Vec<_>>(),
            "failovers": failovers.collect::<Vec<_>>(),
            "migrations": [{
                "cell": "cell-1", "from": "du-a", "to": "du-b", "commanded_ns": self.commanded_ns,
                "boundary_slot": self.accepted["boundary_slot"],
            }],
        })
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.directory.parent().unwrap());
    }
}

/// Offsets in jumbo frames with one tag.
const VLAN: usize = 15;
const EAXC: usize = 23;
const SEQUENCE: usize = 24;
const PAYLOAD: usize = 4_000;

const TRIES: u32 = 4;
const SPELL: Duration = Duration::from_millis(1_200);
/// How long after it was sent a frame may have been heard by the appliance: a host that stalls.
const SLACK_NS: u64 = 200_000_000;
/// From due to decided, less the loop's own longest gap: `grace` and `confirm` slots of 1 ms, and the 10 ms
/// of slack that any bound on a shared machine needs.
const LARGEST_DETECTION: u64 = 64_000_000;

/// 273 PRBs of 28 bytes make U-plane frames of 7680 bytes. What a host that stalls may break is wide.
const CONFIGURATION: &str = r#"
ports:
  ru-side: {mtu: 9000, device: "net_af_packet0,iface=ru,blocksz=65536,framesz=16384,framecnt=80"}
  du-a-side: {mtu: 9000, device: "net_af_packet1,iface=du-a,blocksz=65536,framesz=16384,framecnt=80"}
  du-b-side: {mtu: 9000, device: "net_af_packet2,iface=du-b,blocksz=65536,framesz=16384,framecnt=80"}
rus:
  ru-1: {port: ru-side, mac: "02:a0:00:00:00:01", facing: "02:d0:00:00:00:01", vlan: 100}
dus:
  du-a: {port: du-a-side, mac: "02:d0:00:00:00:01", facing: "02:a0:00:00:00:01", vlan: 101, attachment: dedicated}
  du-b: {port: du-b-side, mac: "02:d0:00:00:00:02", facing: "02:a0:00:00:00:01", vlan: 102, attachment: dedicated}
cells:
  cell-1:
    ru: ru-1
    numerology: 0
    carrier_prbs: 273
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
    liveness: {enabled: true, history: 20, confirm: 2, grace: 50ms}
    failover: {standby: [du-b], damping: 500ms}
"#;
