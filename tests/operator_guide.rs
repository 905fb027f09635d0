//! What the operator guide tells people to type: each command of ranshift exists with its options, those
//! that move a cell are accepted in the order written, each piece of configuration is in the example that
//! the tests check, each alarm has its line.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says so when it is wrong"
)]

#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/served.rs"]
mod served;

use appliance::{FROM_A, FROM_B, at, clock};
use ranshift::ran::{Direction, Instant, PortId};
use ranshift::wire::oran::emit::ControlSection;
use served::Served;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_command_of_the_guide_is_one_of_the_program() {
    let mut helps = BTreeMap::new();
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        judge(&command, &mut helps);
    }
}

/// Where a DU has to be readmitted or armed first, the guide says so in the right place.
#[test]
fn commands_that_move_a_cell_are_accepted_in_the_order_written() {
    for (title, count) in [
        ("The first migration", 3),
        ("Upgrade a DU", 4),
        ("Failover drill", 6),
    ] {
        let served = Served::new();
        *served.arriving.lock().unwrap() = Some(both_speak);
        let commands = commands_under(title);
        assert!(commands.len() >= count, "{title}: {commands:?}");
        for command in commands {
            let here = command.replace("du-1", "du-a").replace("du-2", "du-b");
            let output = Command::new(env!("CARGO_BIN_EXE_ranshift"))
                .args(here.split_whitespace().skip(1))
                .env("RANSHIFT_API", format!("http://{}", served.address()))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{title}: {command}: {said}");
            // As a person would: on with the next one when this one holds.
            served.wait_until(|served| {
                let cell = served.get("/api/v1/cells/cell-1").json();
                let status = &cell["status"];
                status["next_mode"].is_null() && status["waiting_for"].is_null()
            });
        }
    }
}

#[test]
fn the_capture_of_the_guide_plays_with_its_scenario_and_its_configuration() {
    let guide = guide();
    let (_, rest) = guide.split_once("cat > scenario.yaml <<'END'\n").unwrap();
    let (scenario, rest) = rest.split_once("\nEND\n").unwrap();
    let command = rest.lines().next().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = served::scratch();
    fs::write(folder.join("scenario.yaml"), scenario).unwrap();
    let capture = "pcap-fixtures/captures/two_du_same_cell_du1_stops_headers.pcap";
    fs::copy(root.join(capture), folder.join("fronthaul.pcap")).unwrap();
    let config = root.join("configs/nic.yaml");
    let command = command.replace("/etc/ranshift/ranshift.yaml", config.to_str().unwrap());
    let output = Command::new(env!("CARGO_BIN_EXE_ranshift"))
        .args(command.split_whitespace().skip(1))
        .current_dir(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{command}: {said}");
    // Both directions are carried: nobody of the configuration is unknown.
    assert!(!said.contains("unknown_peer"), "{said}");
    assert!(folder.join("out/report.html").is_file());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_target_of_make_in_the_guide_exists() {
    let makefile = file("Makefile");
    let guide = guide();
    let targets = guide
        .split("make ")
        .skip(1)
        .filter_map(|rest| rest.split(['`', '\n', ' ', ',']).next());
    for target in targets.filter(|target| target.bytes().all(|byte| byte.is_ascii_lowercase())) {
        assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
    }
}

#[test]
fn every_piece_of_configuration_is_in_the_example() {
    let example = file("configs/nic.yaml");
    let blocks = blocks("yaml");
    assert!(blocks.len() >= 5);
    for block in blocks {
        // Comments and empty lines between pieces are the example's own.
        for piece in block.split("\n\n") {
            assert!(
                example.contains(piece.trim_end()),
                "not in configs/nic.yaml:\n{piece}"
            );
        }
    }
}

#[test]
fn every_key_of_the_guide_is_in_the_reference() {
    let reference = file("docs/configuration.md");
    for (section, key) in keys() {
        assert!(reference.contains(&format!("`{key}`")), "{section}.{key}");
    }
}

#[test]
fn every_alarm_has_its_line_and_every_line_its_alarm() {
    let rules = file("deploy/prometheus/rules.yml");
    let named = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alarms: BTreeSet<_> = named.map(str::to_owned).collect();
    let guide = guide();
    let rows = guide
        .lines()
        .filter_map(|line| line.strip_prefix("| Ranshift"));
    let explained: BTreeSet<_> = rows
        .map(|row| format!("Ranshift{}", row.split(' ').next().unwrap()))
        .collect();
    assert_eq!(explained, alarms);
}

#[test]
fn every_drop_reason_of_the_guide_exists() {
    let reasons = file("docs/drop-reasons.md");
    for reason in ["unknown_peer", "unknown_eaxc", "out_of_step", "not_active"] {
        assert!(guide().contains(reason), "{reason}");
        assert!(reasons.contains(&format!("| `{reason}` |")), "{reason}");
    }
}

/// Asks the program itself: the words name a subcommand, and its help knows the options.
fn judge(command: &str, helps: &mut BTreeMap<Vec<String>, Option<String>>) {
    let words: Vec<&str> = command.split_whitespace().skip(1).collect();
    let mut path: Vec<String> = Vec::new();
    let mut help = help_of(&path, helps).unwrap();
    // Options before the subcommand and their values are no part of its name.
    for word in words.iter().take_while(|word| !word.starts_with('-')) {
        let longer: Vec<String> = path.iter().cloned().chain([(*word).to_owned()]).collect();
        let Some(found) = help_of(&longer, helps) else {
            break;
        };
        (path, help) = (longer, found);
    }
    assert!(!path.is_empty(), "{command}");
    for option in words.iter().filter(|word| word.starts_with('-')) {
        let known = help
            .split([' ', ',', '\n', '='])
            .any(|word| word == *option);
        assert!(
            known,
            "{command}: {option} is not in the help of {}",
            path.join(" ")
        );
    }
}

/// What `ranshift WORDS --help` says; `None` if there is no such subcommand.
fn help_of(path: &[String], helps: &mut BTreeMap<Vec<String>, Option<String>>) -> Option<String> {
    if let Some(known) = helps.get(path) {
        return known.clone();
    }
    let (last, parents) = match path {
        [] => (None, path),
        [parents @ .., last] => (Some(last), parents),
    };
    // `--help` behind an argument is answered too: only what the parent lists is a subcommand.
    let listed = match last {
        None => true,
        Some(last) => help_of(parents, helps)?
            .split("Commands:")
            .nth(1)
            .is_some_and(|list| {
                list.lines()
                    .any(|line| line.split_whitespace().next() == Some(last))
            }),
    };
    let help = listed.then(|| {
        let output = Command::new(env!("CARGO_BIN_EXE_ranshift"))
            .args(path)
            .arg("--help")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    });
    helps.insert(path.to_vec(), help.clone());
    help
}

/// Commands of ranshift in blocks and in the text, what is after a `#` left out.
fn commands() -> Vec<String> {
    let guide = guide();
    let in_blocks = blocks("sh").join("\n");
    let lines = in_blocks
        .lines()
        .map(|line| line.split('#').next().unwrap().trim().to_owned());
    let in_text = guide.split('`').skip(1).step_by(2).map(str::to_owned);
    let all = lines
        .chain(in_text)
        .map(|line| line.replace("runuser -u ranshift -- ", ""));
    all.filter(|line| line.starts_with("ranshift ")).collect()
}

/// C-plane of both DUs for the slot after the next: half a millisecond ahead at least.
fn both_speak(now: Instant) -> Vec<(PortId, Vec<u8>)> {
    let slot = clock().slot_at(now).offset(2);
    let whole = [ControlSection::whole(0, 14)];
    let message = |eaxc| at(eaxc, slot.0 as u8, slot, 0);
    vec![
        (
            PortId(1),
            FROM_A.control(Direction::Downlink, message(0), &whole),
        ),
        (
            PortId(2),
            FROM_B.control(Direction::Downlink, message(16), &whole),
        ),
    ]
}

/// Commands of `ranshift ctl` under a heading, in order, those that only follow or repeat left out.
fn commands_under(title: &str) -> Vec<String> {
    let guide = guide();
    let (_, rest) = guide.split_once(&format!("\n### {title}\n")).unwrap();
    let section = rest.split("\n#").next().unwrap();
    let lines = section.lines().flat_map(|line| {
        let whole = line.starts_with("ranshift ").then(|| line.to_owned());
        let within = line.split('`').skip(1).step_by(2).map(str::to_owned);
        // A numbered step names the command that it is, and maybe another way.
        let steps = line.starts_with(|first: char| first.is_ascii_digit());
        whole
            .into_iter()
            .chain(within.filter(move |_| steps).take(1))
    });
    lines
        .filter(|line| line.starts_with("ranshift ctl "))
        .collect()
}

/// `section.key` of the configuration in the text.
fn keys() -> Vec<(String, String)> {
    let guide = guide();
    let words = guide.split('`').skip(1).step_by(2);
    let keys = words.filter_map(|word| word.split_once('.'));
    let plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let sections = [
        "api", "bridge", "failover", "lcores", "liveness", "sharing", "state", "recorder", "log",
    ];
    keys.filter(|(section, key)| sections.contains(section) && plain(key))
        .map(|(section, key)| (section.to_owned(), key.to_owned()))
        .collect()
}

fn blocks(kind: &str) -> Vec<String> {
    let guide = guide();
    let fence = format!("\n```{kind}\n");
    let opened = guide.split(&fence).skip(1);
    opened
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

fn guide() -> String {
    file("docs/operator-guide.md")
}

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
