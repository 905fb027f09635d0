//! Hostile clients beside the dataplane: garbage, bodies that are too large or no JSON, wrong tokens, requests
//! that never end, readers that do not read, floods of connections, in turns with quiet.
//!
//! The latency of frames in both is printed side by side, measured by the load of the soak with the poll loop
//! as its clock. What fails is no figure: a frame that is lost, a client that is served what it may not have or
//! is not told why, an honest one that is not answered.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says so when it is wrong, and it waits by the clock"
)]

mod clients;
#[path = "../soak/figures.rs"]
mod figures;
#[path = "../soak/rig.rs"]
mod rig;

use clients::{Crowd, Target};
use figures::Latency;
use rig::{Load, Rig, Running};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn hostile_clients_are_refused_and_no_frame_is_lost_beside_them() {
    let Some(rig) = Rig::new("hostile") else {
        eprintln!("hostile: left out, it needs a core to poll and one for the clients");
        return;
    };
    let target = target(&rig);
    let mut appliance = rig.appliance(&config(&target), Load::Polled(STREAMS));
    let polling = rig.on_the_core(&appliance);
    assert_eq!(
        polling.len(),
        1,
        "only the poll loop may be there: {polling:?}"
    );
    rig.stand_aside();
    appliance.prefer();
    let mut phases = Phases::default();
    let crowd = Crowd::gather(&target);
    for _ in 0..rounds() {
        phases.quiet.add(&measure(&mut appliance));
        crowd.let_loose();
        phases.hostile.add(&measure(&mut appliance));
        crowd.call_back();
        phases.answered_after = phases.answered_after.max(honest(&target));
    }
    let told = crowd.dismiss();
    clients::assert_refusals(&target);
    let ended = appliance.stop_load();
    // One report interval of the lcores, so that what they say is of after the load.
    sleep(Duration::from_secs(1));
    let balance = target.read("/api/v1/appliance")["ledger"]["balance"].clone();
    let report = appliance.finish();
    print!("{told}");
    phases.print();
    told.assert_none_served();
    assert_eq!(balance, 0, "the ledger");
    assert_nothing_lost(&ended, &report);
}

/// Frames of all phases of a kind, and the longest that an honest client waited after a hostile one.
#[derive(Default)]
struct Phases {
    quiet: Latency,
    hostile: Latency,
    answered_after: Duration,
}

impl Phases {
    fn print(&self) {
        let heads = PARTS.map(|(name, _)| format!("{name:>10}")).concat();
        println!("{:<18}{heads}{:>12}", "latency, us", "frames");
        for (name, latency) in [("quiet", &self.quiet), ("hostile", &self.hostile)] {
            let parts = PARTS.map(|(_, part)| format!("{:>10.2}", latency.below_us(part)));
            println!("{name:<18}{}{:>12}", parts.concat(), latency.frames());
        }
        println!(
            "an honest client was answered within {} ms of the end of a hostile phase",
            self.answered_after.as_millis()
        );
    }
}

/// One phase, after a moment in which the last one ends.
fn measure(appliance: &mut Running) -> Latency {
    sleep(BETWEEN);
    let before = appliance.figures();
    sleep(PHASE);
    appliance.assert_alive();
    appliance.figures().since(&before)
}

/// How long an honest client has to ask again until it is answered.
fn honest(target: &Target) -> Duration {
    let began = Instant::now();
    while target.honest().is_none_or(|answer| answer.status != 200) {
        assert!(
            began.elapsed() < PATIENCE,
            "an honest client is not answered"
        );
        sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

fn assert_nothing_lost(ended: &figures::Figures, report: &Value) {
    let counter = |name: &str| report["counters"][name].as_u64().unwrap_or_default();
    let fed: u64 = ended.fed.iter().sum();
    let drained: u64 = ended.drained.iter().sum();
    let made = counter("ledger.copied") + counter("ledger.originated");
    assert_eq!(counter("ledger.received"), fed, "{:#}", report["counters"]);
    assert_eq!(counter("ledger.dropped"), 0, "{:#}", report["counters"]);
    assert_eq!(counter("ledger.sent"), fed + made, "nothing is lost");
    assert_eq!(drained, counter("ledger.sent"), "what was sent came out");
    assert_eq!(ended.gaps, 0, "sequence numbers run on");
    assert_eq!(ended.buffers, 0, "buffers that did not come back");
}

/// The API on a port that was free a moment ago, with a token for whoever operates.
fn target(rig: &Rig) -> Target {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let tokens = rig.file("tokens");
    fs::write(&tokens, format!("ann operate {}\n", clients::SECRET)).unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    Target::new(listener.local_addr().unwrap(), tokens)
}

/// As an operator who cares for latency would have it: the poll loop never rests.
fn config(target: &Target) -> String {
    format!(
        "{}lcores: {{idle: spin}}\napi: {{listen: \"{}\", tokens: \"{}\"}}\n",
        rig::config("10s", false),
        target.address(),
        target.tokens().display()
    )
}

/// Pairs of phases: HOSTILE_SECONDS long all together, or a few.
fn rounds() -> u64 {
    let seconds = std::env::var("HOSTILE_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    (seconds * 500 / PHASE.as_millis() as u64).max(1)
}

/// Of 8 eAxC in each cell: so few that the poll loop has time left, or its queue would be what is measured.
const STREAMS: usize = 2;
const PHASE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(50);
/// After this something is broken.
const PATIENCE: Duration = Duration::from_secs(60);

const PARTS: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];
