//! `ranshift ctl` and `ranshift completion` as programs, against an API whose answers are scripted: what is
//! asked, what is shown, and the exit code.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/scripted_api.rs"]
mod scripted_api;

use scripted_api::{APPLIANCE, CELLS, EVENTS, PHYS, Reply, Request, ScriptedApi, json, problem};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

#[test]
fn cells_are_a_table_for_people() {
    let shown = ctl(&["cells"]);
    let expected = "\
CELL    RU    SLOT ON AIR            ARMED  WHO MAY SPEAK
cell-1  ru-1  1,234,567 (SFN 288.7)  du-2   du-1 active, by start since slot 0
cell-2  ru-2  1,234,567 (SFN 288.7)  -      du-3 and du-4 sharing, by command since slot 1,230,000; du-4 active from slot 1,234,800
cell-3  ru-3  1,234,567 (SFN 288.7)  -      du-2 active, by failover since slot 1,230,744
";
    assert_eq!(shown.text(), expected);
    assert_eq!(shown.code(), 0);
}

#[test]
fn members_are_a_table_for_people() {
    let expected = "\
CELL    MEMBER  ROLE     IN STEP  LIVENESS       HEARD  MARGIN  PRB USE
cell-1  du-1    active   yes      ok        212 us ago  258 us     61 %
cell-1  du-2    standby  yes      ok        198 us ago  261 us     22 %
cell-2  du-3    sharing  yes      ok        231 us ago  250 us     18 %
cell-2  du-4    sharing  yes      ok        341 us ago  120 us      9 %
cell-3  du-5    fenced   no       lost      1.91 s ago       -        -
cell-3  du-2    active   yes      ok        188 us ago  255 us     40 %
";
    assert_eq!(ctl(&["members"]).text(), expected);
}

#[test]
fn the_documentation_shows_what_the_commands_print() {
    let page = include_str!("../docs/console.md");
    let examples = page.split("$ ranshift ctl ").skip(1);
    let mut shown = 0;
    for example in examples {
        let (command, output) = example.split_once('\n').unwrap();
        let arguments: Vec<&str> = command.split(' ').collect();
        let printed = ctl(&arguments).text();
        assert!(
            output.starts_with(&printed) && !printed.is_empty(),
            "{command}\n{printed}"
        );
        shown += 1;
    }
    assert_eq!(shown, 4);
}

#[test]
fn with_json_the_answer_of_the_api_is_unchanged() {
    for (question, answer) in [
        ("cells", CELLS),
        ("members", CELLS),
        ("status", APPLIANCE),
        ("events", EVENTS),
    ] {
        assert_eq!(ctl(&["--json", question]).text(), answer, "{question}");
        assert_eq!(ctl(&[question, "--json"]).text(), answer, "{question}");
    }
}

#[test]
fn health_is_an_exit_code() {
    let well = ScriptedApi::start(|request| {
        assert_eq!(request.line, "GET /healthz");
        json("{\"status\": \"ok\", \"silent_ms\": 12.4}")
    });
    let well = Run::of(&well, &["health"]);
    assert_eq!(well.text(), "every lcore answers, the last 12 ms ago\n");
    assert_eq!(well.code(), 0);
    let ill = ScriptedApi::start(|_| problem(503, "lcore_silent", "an lcore is silent"));
    assert_eq!(Run::of(&ill, &["health"]).code(), 1);
}

#[test]
fn the_status_says_whether_the_ledger_balances() {
    let text = ctl(&["status"]).text();
    assert!(
        text.contains(
            "up 3 h 12 min, term 4\nledger balanced: received 21,034,123 + originated 20"
        ),
        "{text}"
    );
    assert!(
        text.contains("dropped: 1,020,311 not_active, 3,011 fenced, 30 late"),
        "{text}"
    );
    assert!(
        text.contains(
            "0         2  pause  34 %           412        41 us  15,034,123  cell-1, cell-2"
        ),
        "{text}"
    );
}

#[test]
fn events_are_shown_with_their_causes() {
    let text = ctl(&["events"]).text();
    assert!(
        text.contains("cell-3  1230731  failover    failover decided: du-2 waits"),
        "{text}"
    );
}

#[test]
fn an_accepted_migration_says_from_which_slot_and_when() {
    let run = ctl(&["migrate", "cell-1", "--to", "du-2", "--in-slots", "40"]);
    assert_eq!(run.asked[0].line, "POST /api/v1/cells/cell-1/migrate");
    assert_eq!(
        run.body(),
        json!({"to": "du-2", "boundary": {"in_slots": 40}})
    );
    // The boundary lies in the past of this machine's clock.
    let expected = "cell-1: du-2 is active from slot 1,234,607 (SFN 290.7), on air now\n";
    assert_eq!((run.text().as_str(), run.code()), (expected, 0));
}

#[test]
fn every_command_asks_what_the_api_reads() {
    let commands: [(&[&str], &str, Value); 9] = [
        (&["failover", "cell-1"], "failover", json!({"to": null})),
        (
            &["failover", "cell-1", "--to", "du-2"],
            "failover",
            json!({"to": "du-2"}),
        ),
        (
            &["fence", "cell-1", "du-2"],
            "fence",
            json!({"member": "du-2"}),
        ),
        (
            &["readmit", "cell-1", "du-2"],
            "readmit",
            json!({"member": "du-2"}),
        ),
        (&["arm", "cell-1", "none"], "arm", json!({"standby": null})),
        (
            &["mode", "cell-1", "single", "du-2", "--slot", "9"],
            "mode",
            json!({"mode": "single", "active": "du-2", "boundary": {"slot": 9}}),
        ),
        (
            &["mode", "cell-1", "shared", "du-1", "du-2"],
            "mode",
            json!({"mode": "shared", "source": "du-1", "destination": "du-2", "boundary": "next"}),
        ),
        (
            &["pattern", "cell-1", "SSDD", "--sfn", "12.3"],
            "pattern",
            json!({"slots": "SSDD", "boundary": {"sfn": "12.3"}}),
        ),
        (
            &[
                "migrate",
                "cell-1",
                "--to",
                "du-2",
                "--at",
                "2026-11-21T11:20:10.5Z",
            ],
            "migrate",
            json!({"to": "du-2", "boundary": {"at_ns": 1_795_260_010_500_000_000u64}}),
        ),
    ];
    for (arguments, verb, body) in commands {
        let run = ctl(arguments);
        assert_eq!(
            run.asked[0].line,
            format!("POST /api/v1/cells/cell-1/{verb}")
        );
        assert_eq!(run.body(), body, "{arguments:?}");
        assert_eq!(run.code(), 0, "{arguments:?}: {}", run.complaint());
    }
}

#[test]
fn a_refusal_is_told_in_words_and_ends_with_code_1() {
    let run = ctl(&["migrate", "cell-1", "--to", "du-9"]);
    assert_eq!(run.code(), 1);
    assert_eq!(
        run.complaint(),
        "ranshift: refused: cell-1 has no member du-9; see /api/v1/cells/cell-1\n"
    );
    assert_eq!(run.text(), "");
}

#[test]
fn without_a_token_it_says_how_to_give_one() {
    let api = ScriptedApi::start(|_| problem(401, "no_token", "a token is needed"));
    let run = Run::of(&api, &["cells"]);
    assert_eq!(run.code(), 1);
    assert!(
        run.complaint()
            .contains("--token-file or RANSHIFT_TOKEN_FILE"),
        "{}",
        run.complaint()
    );
}

#[test]
fn the_token_of_the_file_is_sent() {
    let file = scratch("ctl-token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let run = ctl(&["cells", "--token-file", file.to_str().unwrap()]);
    let headers = &run.asked[0].headers;
    assert!(
        headers.contains(&"authorization: Bearer s3cret".to_owned()),
        "{headers:?}"
    );
}

#[test]
fn a_difference_is_shown_line_by_line() {
    let file = scratch("ctl-apply.yaml");
    std::fs::write(&file, "ports: {}\n").unwrap();
    let run = ctl(&["apply", file.to_str().unwrap(), "--dry-run"]);
    assert_eq!(run.asked[0].line, "PUT /api/v1/config?dry_run=true");
    assert_eq!(run.asked[0].body, "ports: {}\n");
    let expected = "\
~ cell cell-1: late_tolerance 10ms -> 5ms
+ cell cell-4: added ru-4
2 changes; nothing was applied (--dry-run)
";
    assert_eq!(run.text(), expected);
}

#[test]
fn a_refused_configuration_shows_every_problem() {
    let file = scratch("ctl-refused.yaml");
    std::fs::write(&file, "prots: {}\n").unwrap();
    let run = ctl(&["apply", file.to_str().unwrap()]);
    assert_eq!(run.code(), 1);
    let expected = "ranshift: refused: 2 problems\n  line 1: prots: did you mean ports?\n  line 1: ports is missing\n";
    assert_eq!(run.complaint(), expected);
}

#[test]
fn an_appliance_that_is_not_there_is_named_with_what_to_do() {
    let output = ranshift(&["ctl", "--api", "unix:/nowhere/api.sock", "status"]);
    assert_eq!(output.status.code(), Some(3));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("no answer from unix:/nowhere/api.sock"),
        "{complaint}"
    );
    assert!(
        complaint.contains("`ranshift run -c CONFIG`"),
        "{complaint}"
    );
}

#[test]
fn an_appliance_without_room_is_understood_though_it_speaks_before_it_is_asked() {
    let refusal = problem(503, "overloaded", "Too many connections are open.").body;
    let said = format!(
        "HTTP/1.1 503 x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{refusal}",
        refusal.len()
    );
    let run = told(said);
    let words = String::from_utf8(run.stderr).unwrap();
    assert_eq!(words, "ranshift: refused: Too many connections are open.\n");
    assert_eq!(run.status.code(), Some(1));
}

#[test]
fn a_connection_that_is_closed_at_once_says_what_may_be_full() {
    let run = told(String::new());
    let words = String::from_utf8(run.stderr).unwrap();
    assert!(words.contains("(api.connections)"), "{words}");
    assert_eq!(run.status.code(), Some(3));
}

/// `ctl cells` at a server that says this to everybody and closes.
fn told(said: String) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(said.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    ranshift_at(&url, &["ctl", "cells"])
}

#[test]
fn a_token_is_not_sent_where_anybody_could_read_it() {
    let file = scratch("ctl-exposed-token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let file = file.to_str().unwrap();
    let api = "http://192.0.2.1:8470";
    let output = ranshift(&["ctl", "--api", api, "--token-file", file, "cells"]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("https://HOST:PORT"), "{words}");
}

#[test]
fn only_a_refusal_for_its_role_asks_for_another_token() {
    for (kind, asks) in [("role", true), ("foreign_host", false)] {
        let api = ScriptedApi::start(move |_| problem(403, kind, "no"));
        let words = Run::of(&api, &["cells"]).complaint();
        assert_eq!(words.contains("role operate"), asks, "{words}");
    }
}

#[test]
fn a_server_that_is_no_appliance_is_not_believed() {
    let api = ScriptedApi::start(|_| Reply {
        status: 500,
        kind: "text/html",
        ..json("<h1>x</h1>")
    });
    let run = Run::of(&api, &["cells"]);
    assert_eq!(run.code(), 3);
    let api = ScriptedApi::start(|_| json("{\"hello\": 1}"));
    assert_eq!(Run::of(&api, &["cells"]).code(), 3);
}

#[test]
fn recordings_are_a_table_and_one_is_fetched_as_a_folder() {
    let expected = "\
RECORDING                         CELL    TRIGGER   FRAMES    KIB
20261121T110512Z-cell-1-failover  cell-1  failover  21,034  1,025
";
    assert_eq!(ctl(&["recordings"]).text(), expected);
    let out = scratch("fetched");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).unwrap();
    let name = "20261121T110512Z-cell-1-failover";
    let arguments = ["recordings", name, "--out", out.to_str().unwrap()];
    let run = ctl(&arguments);
    assert_eq!(run.code(), 0, "{}", run.complaint());
    let folder = out.join(name);
    let shown = run.text();
    assert!(shown.contains("replay --recording"), "{shown}");
    assert_eq!(
        std::fs::read_to_string(folder.join("log.jsonl")).unwrap(),
        "the log"
    );
    let again = ctl(&arguments);
    assert_eq!(again.code(), 3, "nothing is written over");
    assert!(again.complaint().contains(name), "{}", again.complaint());
    std::fs::remove_dir_all(out).unwrap();
}

#[test]
fn wrong_usage_ends_with_code_2_and_asks_nothing() {
    for arguments in [
        &["migrate", "cell-1"][..],
        &["migrate", "cell-1", "--to", "du-2", "--next", "--slot", "4"],
        &["pattern", "cell-1", "SXD"],
        &["cells", "--api", "ftp://localhost"],
        &["apply", "no-such-file.yaml"],
    ] {
        let run = ctl(arguments);
        assert_eq!(run.code(), 2, "{arguments:?}");
        assert!(run.asked.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_shell_gets_its_completion() {
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef ranshift"),
        ("fish", "complete -c ranshift"),
    ] {
        let output = ranshift(&["completion", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains(word), "{shell}");
        assert!(
            script.contains("migrate") && script.contains("in-slots"),
            "{shell}"
        );
    }
}

#[test]
fn bash_accepts_its_completion() {
    let script = ranshift(&["completion", "bash"]).stdout;
    let script = format!(
        "{}\nCOMP_WORDS=(ranshift ctl mig); COMP_CWORD=2; _ranshift ranshift mig ctl; echo \"${{COMPREPLY[@]}}\"",
        String::from_utf8(script).unwrap()
    );
    let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "migrate\n");
}

struct Run {
    output: Output,
    asked: Vec<Request>,
}

impl Run {
    fn of(api: &ScriptedApi, arguments: &[&str]) -> Self {
        let url = api.url();
        let output = ranshift_at(&url, &[&["ctl"], arguments].concat());
        Self {
            output,
            asked: api.asked(),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn complaint(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    fn body(&self) -> Value {
        serde_json::from_str(&self.asked[0].body).unwrap()
    }
}

fn ctl(arguments: &[&str]) -> Run {
    Run::of(&ScriptedApi::start(answer), arguments)
}

fn answer(request: &Request) -> Reply {
    let cells: Vec<Value> = serde_json::from_str(CELLS).unwrap();
    let accepted =
        json!({"command": 7, "cell": "cell-1", "boundary_slot": 1_234_607, "boundary_ns": 1_000});
    match request.line.as_str() {
        "GET /api/v1/cells" => json(CELLS),
        "GET /api/v1/cells/cell-1" => json(cells[0].to_string()),
        "GET /api/v1/cells/cell-4" => json(PHYS),
        "GET /api/v1/appliance" => json(APPLIANCE),
        "GET /api/v1/events?limit=20" => json(EVENTS),
        "GET /api/v1/recordings" => json(json!([recording()]).to_string()),
        "GET /api/v1/recordings/20261121T110512Z-cell-1-failover" => json(recording().to_string()),
        "GET /api/v1/recordings/20261121T110512Z-cell-1-failover/log.jsonl" => json("the log"),
        "PUT /api/v1/config?dry_run=true" => json(
            json!({"dry_run": true, "term": 5, "changes": [
                {"object": "cell cell-1", "change": "late_tolerance", "from": "10ms", "to": "5ms"},
                {"object": "cell cell-4", "change": "added", "from": null, "to": "ru-4"},
            ]})
            .to_string(),
        ),
        "PUT /api/v1/config?dry_run=false" => {
            let mut refusal = problem(422, "configuration", "2 problems");
            let mut body: Value = serde_json::from_str(&refusal.body).unwrap();
            body["problems"] = json!([
                "line 1: prots: did you mean ports?",
                "line 1: ports is missing"
            ]);
            refusal.body = body.to_string();
            refusal
        }
        line if line.starts_with("POST /api/v1/cells/cell-1/") && request.body.contains("du-9") => {
            problem(
                404,
                "unknown_member",
                "cell-1 has no member du-9; see /api/v1/cells/cell-1",
            )
        }
        line if line.starts_with("POST /api/v1/cells/cell-1/") => json(accepted.to_string()),
        _ => problem(404, "not_found", "there is no such page"),
    }
}

fn recording() -> Value {
    json!({
        "name": "20261121T110512Z-cell-1-failover", "cell": "cell-1", "trigger": "failover",
        "taken_ns": 1_795_259_112_000_000_000u64, "term": 4, "cells": ["cell-1"], "frames": 21_034,
        "files": [{"name": "log.jsonl", "bytes": 1_048_577}],
    })
}

fn ranshift(arguments: &[&str]) -> Output {
    ranshift_at("http://127.0.0.1:1", arguments)
}

fn ranshift_at(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ranshift"));
    command
        .env("RANSHIFT_API", url)
        .env_remove("RANSHIFT_TOKEN_FILE");
    command.args(arguments).output().unwrap()
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}
