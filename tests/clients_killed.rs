//! Control clients of the real program die by SIGKILL: consoles that listen, a client within a PUT of a
//! configuration. The appliance goes on, the next client is answered, and a configuration is in force as
//! a whole or not at all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test of processes: it waits by the clock, and stops at the first surprise"
)]

#[path = "support/process.rs"]
mod process;

use process::{Folder, PATIENCE, Process};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn more_followers_of_events_than_may_connect_are_killed_and_the_next_client_is_answered() {
    let folder = Folder::new("followers");
    let mut appliance = Process::start(&folder.0, &folder.0.join("live.state"));
    for round in 0..2 * MOST_CONNECTIONS {
        let told = folder.0.join("told");
        let mut follower = ctl(&appliance, &["events", "--follow", "--last", "1"])
            .stdout(fs::File::create(&told).unwrap())
            .spawn()
            .unwrap();
        // An event that comes while it listens shows that it does.
        let mut fenced = round % 2 == 1;
        wait_until(|| {
            fenced = !fenced;
            fence(&appliance, fenced);
            lines(&told) > 1
        });
        kill(&mut follower);
        let _ = fence(&appliance, false);
    }
    assert_goes_on(&mut appliance);
}

/// `top` in a pseudo terminal, and the process that holds the other end of it.
fn screen(folder: &Folder, appliance: &Process) -> (Child, Pid) {
    let screen = folder.0.join("screen");
    let address = address(appliance);
    let top = format!("stty rows 40 columns 120; exec {RANSHIFT} top --api {address}");
    let terminal = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", &top])
        .arg(&screen)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| fs::read(&screen).is_ok_and(|shown| contains(&shown, b"cell-1")));
    let children = format!("/proc/{0}/task/{0}/children", terminal.id());
    let top = fs::read_to_string(children).unwrap();
    (
        terminal,
        Pid::from_raw(top.trim().parse().unwrap()).unwrap(),
    )
}

#[test]
fn a_killed_live_screen_leaves_the_appliance_to_the_next_client() {
    let folder = Folder::new("screen");
    let mut appliance = Process::start(&folder.0, &folder.0.join("live.state"));
    let (mut terminal, top) = screen(&folder, &appliance);
    kill_process(top, Signal::KILL).unwrap();
    terminal.wait().unwrap();
    assert_goes_on(&mut appliance);
}

#[test]
fn a_live_screen_ends_with_its_terminal() {
    let folder = Folder::new("terminal");
    let appliance = Process::start(&folder.0, &folder.0.join("live.state"));
    let (mut terminal, top) = screen(&folder, &appliance);
    kill(&mut terminal);
    let status = format!("/proc/{}", top.as_raw_nonzero());
    wait_until(|| !Path::new(&status).exists());
}

#[test]
fn a_live_screen_in_the_background_says_how_to_start_it_instead_of_being_stopped_for_good() {
    let folder = Folder::new("background");
    let screen = folder.0.join("screen");
    // Of a shell that waits for it, `timeout` makes a job in the background.
    let top = format!("timeout 20 {RANSHIFT} top --api unix:/nowhere/api.sock; exit $?");
    let status = Command::new("script")
        .args(["--quiet", "--flush", "--return", "--command", &top])
        .arg(&screen)
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let shown = fs::read(&screen).unwrap();
    let told = String::from_utf8_lossy(&shown);
    assert_eq!(status.code(), Some(2), "{told}");
    assert!(told.contains("timeout --foreground"), "{told}");
}

#[test]
fn a_put_that_ends_before_its_body_does_changes_nothing() {
    let folder = Folder::new("half-put");
    let mut appliance = Process::start(&folder.0, &folder.0.join("live.state"));
    let before = in_force(&appliance);
    let request = put(&other(&before.text));
    let head = request.find("\r\n\r\n").unwrap() + 4;
    let body = request.len() - head;
    for length in [
        1,
        head - 2,
        head,
        head + 1,
        head + body / 2,
        request.len() - 1,
    ] {
        let mut stream = UnixStream::connect(&appliance.socket).unwrap();
        stream.write_all(&request.as_bytes()[..length]).unwrap();
        drop(stream);
        assert_eq!(
            in_force(&appliance),
            before,
            "{length} bytes of {}",
            request.len()
        );
    }
    let answer = appliance.ask("GET", "/api/v1/events", "");
    assert!(!answer.contains("\"applied\""), "{answer}");
    assert_goes_on(&mut appliance);
}

#[test]
fn whoever_puts_a_configuration_and_dies_at_any_time_leaves_the_old_one_or_the_new_one() {
    let folder = Folder::new("killed-put");
    let mut appliance = Process::start(&folder.0, &folder.0.join("live.state"));
    let first = in_force(&appliance).text;
    let texts = [other(&first), first];
    let mut taken = 0;
    for (round, delay) in DELAYS.into_iter().enumerate() {
        let before = in_force(&appliance).text;
        let after = texts.iter().find(|text| **text != before).unwrap();
        let file = folder.0.join("other.yaml");
        fs::write(&file, after).unwrap();
        match delay {
            Some(delay) => {
                let file = file.to_str().unwrap();
                let mut client = ctl(&appliance, &["apply", file]).spawn().unwrap();
                sleep(delay);
                kill(&mut client);
            }
            // Everything is said, and nobody waits for the answer.
            None => {
                let mut stream = UnixStream::connect(&appliance.socket).unwrap();
                stream.write_all(put(after).as_bytes()).unwrap();
            }
        }
        let now = settled(&appliance);
        assert!(texts.contains(&now.text), "round {round}: {}", now.text);
        let lead = if now.text == texts[0] { LEAD } else { 20 };
        assert_eq!(now.pattern_lead, lead, "round {round}");
        taken += usize::from(now.text == *after);
    }
    println!(
        "{taken} of {} were in force, the others had not been said in full",
        DELAYS.len()
    );
    assert_goes_on(&mut appliance);
}

/// The configuration in force, and what a cell says of it.
#[derive(PartialEq, Eq, Debug)]
struct InForce {
    term: u64,
    text: String,
    pattern_lead: u64,
}

fn in_force(appliance: &Process) -> InForce {
    let config = object(appliance, "/api/v1/config");
    let cell = object(appliance, "/api/v1/cells/cell-1");
    InForce {
        term: config["term"].as_u64().unwrap(),
        text: config["text"].as_str().unwrap().to_owned(),
        pattern_lead: cell["spec"]["pattern_lead"].as_u64().unwrap(),
    }
}

/// The same when nothing is under way: a dry run waits for whoever applies.
fn settled(appliance: &Process) -> InForce {
    let text = in_force(appliance).text;
    let answer = appliance.ask("PUT", "/api/v1/config?dry_run=true", &text);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    in_force(appliance)
}

fn object(appliance: &Process, path: &str) -> Value {
    let answer = appliance.ask("GET", path, "");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

/// A configuration that differs in one setting.
fn other(text: &str) -> String {
    let other = text.replace("pattern_lead: 20", &format!("pattern_lead: {LEAD}"));
    assert_ne!(other, text);
    other
}

fn put(text: &str) -> String {
    format!(
        "PUT /api/v1/config HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/yaml\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

/// It runs, answers, and obeys: a configuration is taken and a command is.
fn assert_goes_on(appliance: &mut Process) {
    assert_eq!(
        appliance.child.try_wait().unwrap(),
        None,
        "{}",
        appliance.said()
    );
    let text = in_force(appliance).text;
    let next = match text.contains("pattern_lead: 20") {
        true => other(&text),
        false => text.replace(&format!("pattern_lead: {LEAD}"), "pattern_lead: 20"),
    };
    let answer = appliance.ask("PUT", "/api/v1/config", &next);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(in_force(appliance).text, next);
    let answer = fence(appliance, true);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn fence(appliance: &Process, fenced: bool) -> String {
    let what = if fenced { "fence" } else { "readmit" };
    let path = format!("/api/v1/cells/cell-1/{what}");
    appliance.ask("POST", &path, "{\"member\": \"du-2\"}")
}

fn ctl(appliance: &Process, arguments: &[&str]) -> Command {
    let mut command = Command::new(RANSHIFT);
    command
        .args(["ctl", "--api", &address(appliance)])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn address(appliance: &Process) -> String {
    format!("unix:{}", appliance.socket.display())
}

fn kill(client: &mut Child) {
    client.kill().unwrap();
    client.wait().unwrap();
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap_or_default().lines().count()
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it does not happen");
        sleep(Duration::from_millis(10));
    }
}

const RANSHIFT: &str = env!("CARGO_BIN_EXE_ranshift");
/// As in the configuration of `process`.
const MOST_CONNECTIONS: usize = 8;
const LEAD: u64 = 44;

/// From the start of a client to its death; `None`: it has said everything and goes.
const DELAYS: [Option<Duration>; 20] = {
    let mut delays = [None; 20];
    let mut at = 0;
    while at < 16 {
        delays[at] = Some(Duration::from_millis(at as u64));
        at += 1;
    }
    delays
};
