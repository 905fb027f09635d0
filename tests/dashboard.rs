//! The dashboard in headless Chromium: what it shows, what its buttons send, and that it asks nobody but
//! the appliance. With RANSHIFT_REGENERATE set, the picture in the documentation is taken anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "clippy's exemption for tests does not reach helper functions of an integration test"
)]

#[path = "support/browser.rs"]
mod browser;
#[path = "support/scripted_api.rs"]
mod scripted_api;

use browser::Browser;
use ranshift::telemetry::page::{HEADERS, PARTS};
use scripted_api::{APPLIANCE, CELLS, EVENTS, PHYS, Reply, Request, ScriptedApi, json, problem};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SHOWN: &str = "document.querySelectorAll('article').length === 3";

#[test]
fn the_page_shows_cells_and_the_first_sentence_is_what_is_wrong() {
    let api = Scripted::start(Script::default());
    let mut browser = Browser::open("shows", 1280, 1360);
    browser.go(&api.url());
    browser.until(SHOWN);
    let verdict = browser.value("document.getElementById('verdict').textContent");
    assert_eq!(
        verdict,
        "cell-3: served by du-2 since a failover. du-5 is fenced: repair it, then readmit it."
    );
    let cards =
        browser.value("[...document.querySelectorAll('article .who')].map(p => p.textContent)");
    let expected = [
        "du-1 active",
        "du-3 and du-4 sharing → du-4 active from slot 1,234,800",
        "du-2 active",
    ];
    assert_eq!(cards, json!(expected));
    let roles = browser.value(
        "[...document.querySelectorAll('article svg')].map(s => s.getAttribute('aria-label'))",
    );
    assert_eq!(roles[2], "ru-3: du-5 fenced, du-2 active");
    browser.until("document.querySelectorAll('#events li').length === 5");
    browser.until("document.querySelector('#drops').textContent.includes('20.5 k/s')");
    quiet(&mut browser, &api);
    picture(&mut browser);
}

#[test]
fn a_cell_of_phys_is_shown_with_its_l2_and_a_phy_that_does_not_run_is_told_of() {
    let api = Scripted::start(Script {
        phys: true,
        ..Script::default()
    });
    let mut browser = Browser::open("phys", 1280, 900);
    browser.go(&api.url());
    browser.until("document.querySelectorAll('article').length === 1");
    let verdict = browser.value("document.getElementById('verdict').textContent");
    assert_eq!(
        verdict,
        "cell-4: the PHY of phy-a is not running: l2-1 is not served."
    );
    let slot = browser.value("document.querySelector('article .slot').textContent");
    assert_eq!(
        slot,
        "slot 348,287 · SFN 6.7 · l2-1 told up to SFN 6.11, 2 slots made up · phy-b armed"
    );
    let drawn = browser.value("document.querySelector('article svg').textContent");
    let drawn = drawn.as_str().unwrap();
    assert!(
        drawn.contains("L2") && drawn.contains("PHY not running"),
        "{drawn}"
    );
    assert!(!drawn.contains("RU"), "{drawn}");
    quiet(&mut browser, &api);
}

#[test]
fn a_click_on_migrate_sends_the_command_and_the_new_active_member_is_shown() {
    let api = Scripted::start(Script::default());
    let mut browser = Browser::open("migrate", 1280, 900);
    browser.go(&api.url());
    browser.until(SHOWN);
    browser.value("document.querySelector('[data-cell=cell-1] [data-verb=migrate]').click()");
    let question = browser.value("document.getElementById('question').textContent");
    assert_eq!(question, "Migrate cell-1 to du-2?");
    assert!(
        api.commands().is_empty(),
        "nothing is sent before the answer"
    );
    browser.value("document.getElementById('yes').click()");
    browser
        .until("document.querySelector('[data-cell=cell-1] .who').textContent === 'du-2 active'");
    assert_eq!(
        api.commands(),
        [(
            "/api/v1/cells/cell-1/migrate".to_owned(),
            json!({"to": "du-2"})
        )]
    );
    let said = browser.value("document.getElementById('said').textContent");
    assert_eq!(said, "cell-1: du-2 is active from slot 1,234,607.");
    quiet(&mut browser, &api);
}

#[test]
fn the_keyboard_alone_fails_over_or_thinks_better_of_it() {
    let api = Scripted::start(Script::default());
    let mut browser = Browser::open("keyboard", 1280, 900);
    browser.go(&api.url());
    browser.until(SHOWN);
    browser.value("document.querySelector('[data-cell=cell-1] [data-verb=failover]').focus()");
    browser.press("Enter", 13, "\r");
    browser.until("document.getElementById('ask').open");
    // The first choice is the harmless one.
    browser.press("Enter", 13, "\r");
    browser.until("!document.getElementById('ask').open");
    assert!(api.commands().is_empty());
    browser.press("Enter", 13, "\r");
    browser.until("document.getElementById('ask').open");
    browser.press("Tab", 9, "");
    browser.press("Enter", 13, "\r");
    browser.until("!document.getElementById('said').hidden");
    assert_eq!(
        api.commands(),
        [("/api/v1/cells/cell-1/failover".to_owned(), json!({}))]
    );
}

#[test]
fn names_and_messages_are_text_and_never_markup() {
    let script = Script {
        name: "<img src=x onerror=\"document.title='taken'\">",
        ..Script::default()
    };
    let api = Scripted::start(script);
    let mut browser = Browser::open("markup", 1280, 900);
    browser.go(&api.url());
    browser.until(SHOWN);
    browser.until("document.querySelectorAll('#events li').length === 5");
    let first = browser.value("document.querySelector('article h3').textContent");
    assert_eq!(first, script.name);
    assert_eq!(
        browser.value("document.images.length + document.title"),
        "0ranshift"
    );
    quiet(&mut browser, &api);
}

#[test]
fn a_token_is_asked_for_and_one_that_may_only_read_cannot_command() {
    let api = Scripted::start(Script {
        token: Some("reader"),
        ..Script::default()
    });
    let mut browser = Browser::open("token", 1280, 900);
    browser.go(&api.url());
    browser.until("document.getElementById('verdict').textContent.includes('wants a token')");
    browser.value("document.getElementById('token').value = 'reader'; document.querySelector('#access button').click()");
    browser.until(SHOWN);
    browser.value("document.querySelector('[data-cell=cell-1] [data-verb=migrate]').click(); document.getElementById('yes').click()");
    browser.until("document.querySelector('[data-verb=migrate]').disabled");
    let said = browser.value("document.getElementById('said').textContent");
    assert_eq!(said, "cell-1: refused: This token may read.");
    assert_eq!(browser.value("localStorage.length + document.cookie"), "0");
}

#[test]
fn an_appliance_without_cells_and_one_that_is_gone_are_told_of() {
    let api = Scripted::start(Script {
        cells: 0,
        ..Script::default()
    });
    let mut browser = Browser::open("empty", 390, 800);
    browser.go(&api.url());
    browser.until(
        "document.getElementById('verdict').textContent.startsWith('No cells are configured')",
    );
    api.script.lock().unwrap().gone = true;
    browser.until("document.getElementById('verdict').textContent.startsWith('No answer since')");
    api.script.lock().unwrap().gone = false;
    browser.until("document.getElementById('verdict').textContent.startsWith('No cells')");
    let overflow = browser
        .value("document.documentElement.scrollWidth <= document.documentElement.clientWidth");
    assert_eq!(
        overflow,
        json!(true),
        "a narrow screen does not scroll sideways"
    );
}

/// Nothing was asked of anybody else, and the console has nothing to say.
fn quiet(browser: &mut Browser, api: &Scripted) {
    let here = [api.url(), "data:".to_owned(), "about:blank".to_owned()];
    for url in browser.requested() {
        assert!(
            here.iter().any(|here| url.starts_with(here.as_str())),
            "{url}"
        );
    }
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// The page as the documentation shows it.
fn picture(browser: &mut Browser) {
    let png = browser.picture();
    assert!(png.len() > 20_000, "the picture is empty");
    if std::env::var_os("RANSHIFT_REGENERATE").is_none() {
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/dashboard.png");
    let file = std::fs::File::create(file).unwrap();
    let mut decode = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(file)
        .spawn()
        .unwrap();
    std::io::Write::write_all(decode.stdin.as_mut().unwrap(), png.as_bytes()).unwrap();
    drop(decode.stdin.take());
    assert!(decode.wait().unwrap().success());
}

/// How the scripted appliance behaves.
#[derive(Clone, Copy)]
struct Script {
    cells: usize,
    /// Of the first cell.
    name: &'static str,
    token: Option<&'static str>,
    gone: bool,
    migrated: bool,
    /// A cell of PHYs, and no other; its active PHY does not run.
    phys: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            cells: 3,
            name: "cell-1",
            token: None,
            gone: false,
            migrated: false,
            phys: false,
        }
    }
}

struct Scripted {
    api: ScriptedApi,
    script: std::sync::Arc<Mutex<Script>>,
}

impl Scripted {
    fn start(script: Script) -> Self {
        let script = std::sync::Arc::new(Mutex::new(script));
        let shared = std::sync::Arc::clone(&script);
        let turn = AtomicU64::new(0);
        let api =
            ScriptedApi::start(move |request| answer(request, &mut shared.lock().unwrap(), &turn));
        Self { api, script }
    }

    fn url(&self) -> String {
        self.api.url()
    }

    /// Paths and bodies of the commands so far.
    fn commands(&self) -> Vec<(String, Value)> {
        let asked = self.api.asked().into_iter();
        let posts = asked.filter_map(|request| {
            let path = request.line.strip_prefix("POST ")?.to_owned();
            Some((path, serde_json::from_str(&request.body).unwrap()))
        });
        posts.collect()
    }
}

fn answer(request: &Request, script: &mut Script, turn: &AtomicU64) -> Reply {
    let (method, path) = request.line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    if let Some(part) = PARTS.iter().find(|part| part.path == path) {
        let headers = HEADERS
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        return Reply {
            kind: part.content_type,
            headers: headers.collect(),
            ..json(part.body)
        };
    }
    if script.gone {
        return Reply {
            status: 0,
            ..json("")
        };
    }
    if let Some(token) = script.token {
        if !request
            .headers
            .iter()
            .any(|header| header.ends_with(&format!("Bearer {token}")))
        {
            return problem(401, "token", "A token is needed.");
        }
        if method == "POST" {
            return problem(403, "role", "This token may read.");
        }
    }
    match path {
        "/api/v1/appliance" => json(appliance(turn.fetch_add(1, Ordering::Relaxed)).to_string()),
        "/api/v1/cells" => json(cells(script).to_string()),
        "/api/v1/events" => json(EVENTS.replace("\"cell-1\"", &json!(script.name).to_string())),
        "/api/v1/events/stream" => Reply {
            kind: "text/event-stream",
            ..json(":\n\n")
        },
        path if method == "POST" && path.ends_with("/migrate") => {
            script.migrated = true;
            accepted()
        }
        _ if method == "POST" => accepted(),
        _ => problem(404, "not_found", "there is no such page"),
    }
}

fn accepted() -> Reply {
    json(
        json!({"command": 7, "cell": "cell-1", "boundary_slot": 1_234_607, "boundary_ns": 1_000})
            .to_string(),
    )
}

/// The counters of the appliance grow by the same rate from one look to the next.
fn appliance(turn: u64) -> Value {
    let mut appliance: Value = serde_json::from_str(APPLIANCE).unwrap();
    let mut grow = |pointer: &str, by: u64| {
        let value = appliance.pointer_mut(pointer).unwrap();
        *value = json!(value.as_u64().unwrap() + turn * by);
    };
    grow("/at_ns", 1_000_000_000);
    grow("/drops/not_active", 20_480);
    for port in 0..3 {
        grow(&format!("/ports/{port}/received"), 40_960);
        grow(&format!("/ports/{port}/received_bytes"), 12_000_000);
        grow(&format!("/ports/{port}/sent"), 81_920);
        grow(&format!("/ports/{port}/sent_bytes"), 320_000_000);
    }
    appliance
}

fn cells(script: &Script) -> Value {
    let mut cells: Vec<Value> = serde_json::from_str(CELLS).unwrap();
    if script.phys {
        let mut cell: Value = serde_json::from_str(PHYS).unwrap();
        cell["status"]["fapi"]["phys"][0]["running"] = json!(false);
        return json!([cell]);
    }
    cells.truncate(script.cells);
    if let Some(first) = cells.first_mut() {
        first["cell"] = json!(script.name);
        if script.migrated {
            first["status"]["mode"]["active"] = json!("du-2");
            first["status"]["members"][0]["role"] = json!("standby");
            first["status"]["members"][1]["role"] = json!("active");
        }
    }
    json!(cells)
}
