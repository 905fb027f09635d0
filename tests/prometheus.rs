//! A real Prometheus scrapes a running appliance: the target is up, samples are there, every rule and
//! every query of the board evaluates.
//!
//! Needs Debian's package `prometheus`; without it the test fails and says so. Nothing here depends on
//! how long anything takes, up to a generous limit after which something is broken.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test of processes: it waits by the clock, and stops at the first surprise"
)]

#[path = "support/process.rs"]
mod process;

use process::on_silent_ports;
use ranshift::telemetry::registry;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn prometheus_scrapes_a_running_appliance_and_evaluates_every_rule_and_query() {
    let folder = scratch();
    let (api, web) = (free_address(), free_address());
    let config = folder.join("appliance.yaml");
    fs::write(&config, appliance(api, &folder)).unwrap();
    let mut ranshift = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    ranshift.args(["run", "-c"]).arg(&config);
    let mut ranshift = Running::start(ranshift, "ranshift");
    wait_for("the appliance's API", || {
        ranshift.still_runs();
        get(api, "/metrics").filter(|page| page.contains("ranshift_build_info"))
    });
    let mut prometheus = Running::start(prometheus(&folder, api, web), "prometheus");
    wait_for("the target to be up", || {
        ranshift.still_runs();
        prometheus.still_runs();
        let up = query(
            web,
            "up{job=\"ranshift\"} == 1 and on () ranshift_lcore_reported_timestamp_seconds > 0",
        )?;
        up["data"]["result"]
            .as_array()
            .filter(|series| !series.is_empty())
            .map(Vec::len)
    });
    for metric in registry::metrics().filter(|metric| is_there_when_idle(metric.name)) {
        let name = match metric.kind {
            registry::Kind::Histogram => format!("{}_count", metric.name),
            _ => metric.name.to_owned(),
        };
        let count = query(web, &format!("count({name})")).unwrap();
        let found = !count["data"]["result"].as_array().unwrap().is_empty();
        assert!(found, "{name} has no sample in Prometheus");
    }
    every_query_of_the_board_is_answered(web);
    wait_for("all rules to be evaluated", || {
        every_rule_is_healthy(web).then_some(())
    });
}

fn every_query_of_the_board_is_answered(web: SocketAddr) {
    let board: Value = serde_json::from_str(&registry::board()).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut asked = 0;
    for expr in targets.map(|target| target["expr"].as_str().unwrap()) {
        let expr = expr
            .replace("$__rate_interval", "1m")
            .replace("$instance", ".*");
        let answer = query(web, &expr).unwrap();
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        asked += 1;
    }
    assert!(asked > 10);
}

/// False while a rule has not been evaluated yet; an error ends the test.
fn every_rule_is_healthy(web: SocketAddr) -> bool {
    let rules = json(web, "/api/v1/rules").unwrap();
    let rules = rules["data"]["groups"][0]["rules"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(
        rules.len(),
        registry::metrics()
            .map(|metric| metric.alerts.len())
            .sum::<usize>()
    );
    for rule in &rules {
        assert_ne!(rule["health"], "err", "{rule}");
    }
    rules.iter().all(|rule| rule["health"] == "ok")
}

/// Without traffic, measurements and requests these have nothing to show.
fn is_there_when_idle(name: &str) -> bool {
    ![
        "ranshift_cell_slot",
        "ranshift_member_heard_timestamp_seconds",
        "ranshift_lcore_cycles_per_frame",
    ]
    .contains(&name)
}

fn appliance(api: SocketAddr, folder: &Path) -> String {
    let (text, state) = (on_silent_ports(), folder.join("live.state"));
    let state = state.display();
    let f1 = "    f1: {port: du-1-side, cu: cu-1, addresses: [10.30.0.11]}\n    attachment:";
    let text = text.replacen("    attachment:", f1, 1);
    let cus = "cus: {cu-1: {port: ru-side, addresses: [10.30.0.1]}}\ncells:";
    let text = text.replacen("cells:", cus, 1);
    format!("{text}\napi: {{listen: \"{api}\"}}\nstate: {{file: {state}}}\n")
}

fn prometheus(folder: &Path, api: SocketAddr, web: SocketAddr) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = fs::read_to_string(root.join("deploy/prometheus/prometheus.yml")).unwrap();
    let rules = root.join("deploy/prometheus/rules.yml");
    let text = example
        .replace("15s", "1s")
        .replace("127.0.0.1:8470", &api.to_string())
        .replace("rules.yml", rules.to_str().unwrap());
    assert_ne!(text, example);
    let config = folder.join("prometheus.yml");
    fs::write(&config, text).unwrap();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address={web}"))
        .arg("--log.level=warn");
    command
}

/// A process that ends with the test; its output is shown if it ends earlier.
struct Running {
    child: Child,
    name: &'static str,
    said: PathBuf,
}

impl Running {
    fn start(mut command: Command, name: &'static str) -> Self {
        let said = scratch().join(format!("{name}.log"));
        let log = fs::File::create(&said).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{name}: {error}; install Debian's package prometheus (`make setup` does)")
        });
        Self { child, name, said }
    }

    fn still_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let said = fs::read_to_string(&self.said).unwrap_or_default();
            panic!("{} ended with {status}:\n{said}", self.name);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < PATIENCE, "waited in vain for {what}");
        sleep(Duration::from_millis(200));
    }
}

fn query(web: SocketAddr, expr: &str) -> Option<Value> {
    let encoded: String = expr.bytes().map(|byte| format!("%{byte:02x}")).collect();
    json(web, &format!("/api/v1/query?query={encoded}"))
}

fn json(web: SocketAddr, path: &str) -> Option<Value> {
    serde_json::from_str(&get(web, path)?).ok()
}

/// The body of an answer; `None` if nobody answers yet.
fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn scratch() -> PathBuf {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("prometheus-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Far more than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
