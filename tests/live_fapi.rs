//! The FAPI plane live: an L2 and two PHYs as processes on veth, P5 over TCP, slots of 1 ms. A planned migration,
//! the death of the active PHY, its return, and a cable that is cut; judged by what the peers wrote down.
//!
//! Wall time fails nothing here. What goes wrong while the host kept a peer or the appliance from its turn, as
//! their own reports tell, proves nothing: such a run is made again, and if none is better the test says that it
//! has shown nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says so when it is wrong; its peers run by the time of day"
)]

#[path = "support/lab.rs"]
mod lab;

use lab::Lab;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn an_l2_notices_neither_a_migration_nor_a_death_nor_the_return_of_its_phys() {
    let mut troubles = Vec::new();
    for attempt in 0..TRIES {
        let played = Played::new(attempt);
        let faults = played.faults();
        println!("{}", played.figures());
        if faults.is_empty() {
            return;
        }
        troubles.push((faults, played.trouble()));
    }
    // One try without a stall that anybody noticed may be the host's doing all the same, two are not.
    let unexplained = troubles.iter().filter(|(_, trouble)| trouble.is_none());
    assert!(unexplained.count() < 2, "{troubles:#?}");
    println!("NOT SHOWN: this host did not keep up, {TRIES} times: {troubles:#?}");
}

/// What the peers had written at one moment.
struct Moment {
    l2: Value,
    phy_a: Value,
    phy_b: Value,
    made_up: u64,
}

/// A lab that has been up, and is down.
struct Played {
    directory: PathBuf,
    /// What could not be done, if the story broke off.
    broken: Option<String>,
    boundary: u64,
    moments: Vec<Moment>,
    events: Vec<Value>,
    cell: Value,
}

/// Of `Played::moments`.
const STEADY: usize = 0;
const MIGRATED: usize = 1;
const KILLED: usize = 2;
const BACK: usize = 3;
const CUT: usize = 4;

impl Played {
    fn new(attempt: u32) -> Self {
        let name = format!("ranshift-live-fapi-{}-{attempt}", std::process::id());
        let lab = Lab(std::env::temp_dir().join(name));
        let mut played = Self {
            directory: lab.0.clone(),
            broken: None,
            boundary: 0,
            moments: Vec::new(),
            events: Vec::new(),
            cell: Value::Null,
        };
        lab.run(&["up", "--fapi", "--capture", "1"]);
        played.broken = played.play(&lab).err();
        played.events = events(&lab);
        played.cell = lab.ask("GET", "/api/v1/cells/cell-1", "");
        lab.run(&["down", "--keep"]);
        played
    }

    /// Everything between up and down.
    fn play(&mut self, lab: &Lab) -> Result<(), String> {
        until("slots flow", || indications(lab) > SPELL)?;
        self.take(lab);
        let migrate = json!({"to": "phy-b", "boundary": {"in_slots": 40}});
        self.boundary = lab.post("migrate", &migrate)["boundary_slot"]
            .as_u64()
            .unwrap();
        go_on(lab)?;
        self.take(lab);
        lab.post("arm", &json!({"standby": "phy-a"}));
        lab.run(&["kill", "phy-b"]);
        until("phy-a takes over", || failovers(lab) == 1)?;
        go_on(lab)?;
        self.take(lab);
        lab.run(&["start", "phy-b"]);
        until("phy-b is started by P5", || {
            report(lab, "phy-b")["p5"]["starts"] == 1
        })?;
        lab.post("readmit", &json!({"member": "phy-b"}));
        lab.post("arm", &json!({"standby": "phy-b"}));
        go_on(lab)?;
        self.take(lab);
        lab.run(&["cut", "phy-a"]);
        until("phy-b takes over", || failovers(lab) == 2)?;
        go_on(lab)?;
        self.take(lab);
        Ok(())
    }

    fn take(&mut self, lab: &Lab) {
        let metrics = lab.try_ask("GET", "/metrics", "").unwrap();
        let mut made_up = metrics.lines().filter_map(|line| {
            line.strip_prefix("ranshift_cell_fapi_made_up_slots_total{cell=\"cell-1\"} ")
        });
        self.moments.push(Moment {
            l2: report(lab, "l2-1"),
            phy_a: report(lab, "phy-a"),
            phy_b: report(lab, "phy-b"),
            made_up: made_up.next().unwrap().parse().unwrap(),
        });
    }

    /// Everything that is not as it must be.
    fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.broken.iter().cloned().collect();
        if self.moments.len() <= CUT {
            return faults;
        }
        let mut must = |holds: bool, what: &str| {
            if !holds {
                faults.push(what.to_owned());
            }
        };
        let [steady, migrated, killed, back, cut] =
            [STEADY, MIGRATED, KILLED, BACK, CUT].map(|moment| &self.moments[moment]);
        let of_l2 = |moment: &Moment, key: &str| number(&moment.l2["l2"][key]["count"]);
        must(of_l2(cut, "left_out") == 0, "a slot was left out");
        must(
            of_l2(cut, "out_of_order") == 0,
            "a slot came twice or out of order",
        );
        let missing = |moment: &Moment| number(&moment.l2["l2"]["answers"]["missing"]["count"]);
        must(
            missing(migrated) == missing(steady),
            "the migration lost transport blocks",
        );
        let unheard = |key: &str| number(&cut.l2["l2"]["answers"][key]["count"]);
        must(unheard("doubled") == 0, "an answer came twice");
        must(unheard("unasked") == 0, "an answer was not asked for");
        let spans = [&migrated.phy_a, &migrated.phy_b].map(|phy| &phy["phy"]["full_slots"]);
        let [last, first] = [number(&spans[0][1]), number(&spans[1][0])];
        must(last < first, "both PHYs had work of one slot");
        let from_boundary = (first + CYCLE - self.boundary % CYCLE) % CYCLE;
        must(from_boundary < 40, "phy-b had no work from the boundary on");
        let p5 = |phy: &Value, key: &str| number(&phy["p5"][key]);
        must(
            (p5(&cut.l2, "connections"), p5(&cut.l2, "answered")) == (1, 6),
            "the L2 heard of a PHY's return over P5",
        );
        for (peer, report) in [
            ("l2-1", &cut.l2),
            ("phy-a", &cut.phy_a),
            ("phy-b", &cut.phy_b),
        ] {
            let wrong = ["refused", "misdirected", "strange"].map(|key| p5(report, key));
            must(wrong == [0; 3], &format!("P5 of {peer}: {}", report["p5"]));
        }
        must(
            p5(&back.phy_b, "answered") == 6,
            "phy-b was not started again",
        );
        let nulls = |moment: &Moment| number(&moment.phy_b["phy"]["null"]["dl_tti"]);
        must(
            nulls(back) > 100,
            "phy-b was given no NULL requests after its return",
        );
        let requests = |moment: &Moment| number(&moment.phy_a["phy"]["full"]["dl_tti"]);
        must(
            requests(killed) > requests(migrated),
            "phy-a had no work after the death of phy-b",
        );
        let made_up = cut.made_up - back.made_up;
        must(made_up >= CONFIRM, "slots of a silent PHY were not made up");
        let takers = ["phy-a", "phy-b"];
        let to = self
            .of_kind("failover")
            .map(|event| event["details"]["to"].clone());
        must(to.eq(takers), "not two failovers, to phy-a and to phy-b");
        let roles = self.cell["status"]["members"]
            .as_array()
            .into_iter()
            .flatten();
        let roles: Vec<&Value> = roles.map(|member| &member["role"]).collect();
        must(
            roles == ["fenced", "active"],
            "not phy-b alone is active at the end",
        );
        faults
    }

    /// What the host did to the peers and the appliance, if anything.
    fn trouble(&self) -> Option<String> {
        let peers = ["l2-1", "phy-a", "phy-b"].map(|peer| self.file(peer));
        let before = self.moments.iter().map(|moment| &moment.phy_b);
        let peers: Vec<&Value> = peers.iter().chain(before).collect();
        let sum = |of: &dyn Fn(&Value) -> u64| peers.iter().map(|peer| of(peer)).sum::<u64>();
        let stalls = sum(&|peer| number(&peer["stalls"]["count"]));
        let lost = sum(&|peer| number(&peer["given_up"]) + number(&peer["overrun"]));
        let gap = self.gap_ms();
        (stalls + lost > 0 || gap > LONGEST_GAP_MS).then(|| {
            format!("{stalls} stalls of peers, {lost} frames lost, the appliance stalled for {gap:.1} ms")
        })
    }

    /// The longest that the poll loop was kept from looking.
    fn gap_ms(&self) -> f64 {
        let report = self.file("appliance");
        let lcores = report["lcores"].as_array().into_iter().flatten();
        let gaps = lcores.filter_map(|lcore| lcore["longest_gap_us"].as_f64());
        gaps.fold(0.0, f64::max) / 1e3
    }

    fn file(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.directory.join(format!("{name}.json")));
        serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default()
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        let events = self.events.iter();
        events.filter(move |event| event["event"] == kind)
    }

    fn figures(&self) -> String {
        let l2 = self.file("l2-1");
        let answers = &l2["l2"]["answers"];
        let made_up: Vec<u64> = self.moments.iter().map(|moment| moment.made_up).collect();
        format!(
            "{} slots indicated, made up by then {made_up:?}; {} of {} transport blocks delivered; longest pause of \
             the L2's clock {:.1} ms; {}",
            l2["l2"]["indications"],
            answers["paid"]["rx_data"],
            answers["owed"]["rx_data"],
            number(&l2["l2"]["longest_pause_ns"]) as f64 / 1e6,
            self.trouble().unwrap_or_else(|| "no stall".to_owned()),
        )
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What a peer last wrote; null while it has written nothing.
fn report(lab: &Lab, peer: &str) -> Value {
    let text = fs::read_to_string(lab.0.join(format!("{peer}.json")));
    serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default()
}

fn indications(lab: &Lab) -> u64 {
    number(&report(lab, "l2-1")["l2"]["indications"])
}

/// Waits until the L2 has heard of so many more slots, and has judged the answers of earlier ones.
fn go_on(lab: &Lab) -> Result<(), String> {
    let before = indications(lab);
    until("the L2's clock goes on", || {
        indications(lab) > before + SPELL
    })
}

fn events(lab: &Lab) -> Vec<Value> {
    let events = lab.ask("GET", "/api/v1/events?limit=1000", "");
    events.as_array().unwrap().clone()
}

fn failovers(lab: &Lab) -> usize {
    let events = events(lab);
    events
        .iter()
        .filter(|event| event["event"] == "failover")
        .count()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn until(what: &str, holds: impl Fn() -> bool) -> Result<(), String> {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if holds() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("waited in vain until {what}"))
}

const TRIES: u32 = 4;
const LIMIT: Duration = Duration::from_secs(30);
/// Slots between two acts: more than the L2 waits for an answer, and than the damping of failovers.
const SPELL: u64 = 1_200;
/// `confirm` of the configuration.
const CONFIRM: u64 = 200;
/// Slots until SFN and slot are the same again.
const CYCLE: u64 = 10_240;
/// A stall of the appliance that its peers notice.
const LONGEST_GAP_MS: f64 = 5.0;
