//! Who may not use the API is told so, and the others are served all the same: hosts, origins, tokens,
//! roles, sizes, forms, slow clients, too many of them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

#[path = "support/served.rs"]
mod served;

use ranshift::config;
use served::{Answer, CELL, Served, request, scratch};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const MIGRATE: &str = "/api/v1/cells/cell-1/migrate";
const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_path_a_method_a_cell_and_a_member_that_do_not_exist_are_problems() {
    let served = Served::new();
    for (method, path, status, word) in [
        ("GET", "/api/v1/nonesuch", 404, "not_found"),
        ("GET", "/api/v1/cells/nonesuch", 404, "not_found"),
        (
            "GET",
            "/api/v1/cells/cell-1/members/nobody",
            404,
            "not_found",
        ),
        ("GET", "/api/v1/events?cell=nonesuch", 404, "not_found"),
        ("GET", "/api/v1/events?limit=many", 400, "bad_request"),
        ("GET", "/api/v1/events?colour=red", 400, "bad_request"),
        ("GET", "/api/v1/cells/%ff", 400, "bad_request"),
        ("DELETE", "/api/v1/cells", 405, "method_not_allowed"),
        ("PUT", MIGRATE, 405, "method_not_allowed"),
    ] {
        let answer = served.ask(method, path, &[], "");
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, word),
            "{path}"
        );
    }
    let answer = served.ask("DELETE", "/api/v1/cells", &[], "");
    assert!(answer.head.contains("allow: get"), "{answer:?}");
}

#[test]
fn a_body_that_is_not_what_is_expected_says_where() {
    let served = Served::new();
    for (body, status, said) in [
        ("{", 400, "EOF"),
        ("{]", 400, "column 2"),
        ("[]", 422, "invalid"),
        ("{}", 422, "missing field `to`"),
        ("{\"to\": 7}", 422, "expected a string"),
        (
            "{\"to\": \"du-b\", \"boundry\": \"next\"}",
            422,
            "unknown field `boundry`",
        ),
        (
            "{\"to\": \"du-b\", \"boundary\": \"soon\"}",
            422,
            "unknown variant `soon`",
        ),
        (
            "{\"to\": \"du-b\", \"boundary\": {\"sfn\": \"12\"}}",
            422,
            "SFN.SLOT",
        ),
        (
            "{\"to\": \"du-b\", \"boundary\": {\"in_slots\": -1}}",
            422,
            "invalid value",
        ),
    ] {
        let answer = served.post(MIGRATE, body);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, "bad_body"),
            "{body}"
        );
        assert!(answer.body.contains(said), "{body}: {answer:?}");
    }
    let pattern = served.post("/api/v1/cells/cell-1/pattern", "{\"slots\": \"SXD\"}");
    assert_eq!(
        (pattern.status, pattern.problem().as_str()),
        (422, "bad_body")
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = served.ask("POST", MIGRATE, &form, "to=du-b");
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (415, "bad_body")
    );
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let served = Served::new();
    let body = " ".repeat(17 << 10);
    let answer = served.post(MIGRATE, &body);
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "too_large")
    );
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn on_loopback_a_foreign_host_name_and_a_foreign_origin_are_refused() {
    let served = Served::new();
    let foreign = [("host", "rebound.example.org:8470")];
    let answer = served.ask("GET", "/api/v1/cells", &foreign, "");
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (403, "foreign_host")
    );
    let page = [JSON, ("origin", "http://example.org")];
    let answer = served.ask("POST", MIGRATE, &page, "{\"to\": \"du-b\"}");
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (403, "foreign_origin")
    );
    let own = [JSON, ("origin", "http://localhost")];
    let answer = served.ask("POST", MIGRATE, &own, "{\"to\": \"du-b\"}");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.head.contains("access-control"), "{answer:?}");
}

const SECRETS: &str = "ann operate correct-horse-battery\nbob read another-long-secret\n";

fn with_tokens(api: &str) -> Served {
    let dir = scratch();
    tokens(&dir, SECRETS, 0o600);
    Served::start(&dir, api).unwrap()
}

fn tokens(dir: &std::path::Path, text: &str, mode: u32) {
    let file = dir.join("tokens");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn with_tokens_nothing_is_open_but_health_and_a_role_allows_what_it_says() {
    let served = with_tokens("api: {listen: '127.0.0.1:0', tokens: DIR/tokens}");
    let body = "{\"to\": \"du-b\"}";
    let with = |token: &str, method, path| {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![JSON];
        if !token.is_empty() {
            headers.push(("authorization", &authorization));
        }
        let body = if method == "POST" { body } else { "" };
        served.ask(method, path, &headers, body)
    };
    let cells = "/api/v1/cells";
    for token in ["", "wrong", "correct-horse-batterz", "ann"] {
        let answer = with(token, "GET", cells);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (401, "token"),
            "{token}"
        );
        assert!(
            answer.head.contains("www-authenticate: bearer"),
            "{answer:?}"
        );
        assert_eq!(with(token, "POST", MIGRATE).status, 401, "{token}");
    }
    assert_eq!(with("", "GET", "/healthz").status, 200);
    assert_eq!(with("another-long-secret", "GET", cells).status, 200);
    let answer = with("another-long-secret", "POST", MIGRATE);
    assert_eq!((answer.status, answer.problem().as_str()), (403, "role"));
    assert_eq!(with("correct-horse-battery", "GET", cells).status, 200);
    assert_eq!(with("correct-horse-battery", "POST", MIGRATE).status, 200);
    let events = with("another-long-secret", "GET", "/api/v1/events").json();
    let mut events = events.as_array().unwrap().iter();
    let accepted = events.find(|event| event["event"] == "accepted").unwrap();
    assert_eq!(accepted["details"]["by"], "ann");
}

#[test]
fn tokens_that_anybody_can_read_stop_the_start() {
    let dir = scratch();
    tokens(&dir, SECRETS, 0o644);
    let api = "api: {listen: '127.0.0.1:0', tokens: DIR/tokens}";
    let why = Served::start(&dir, api).err().unwrap().to_string();
    assert!(why.contains("chmod 640"), "{why}");
    assert!(!why.contains("horse"), "{why}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_port_in_use_stops_the_start_and_says_what_to_do() {
    let served = Served::new();
    let dir = scratch();
    let api = format!("api: {{listen: '{}'}}", served.address());
    let why = Served::start(&dir, &api).err().unwrap().to_string();
    assert!(why.contains(&served.address().to_string()), "{why}");
    assert!(why.contains("is another appliance running?"), "{why}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn more_requests_than_the_rate_are_refused_for_a_moment() {
    let served = Served::with("api: {listen: '127.0.0.1:0', rate: 1}");
    let answers: Vec<_> = (0..6).map(|_| served.get("/healthz")).collect();
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.problem(), "rate");
    assert!(refused.head.contains("retry-after: 1"), "{refused:?}");
    served.wait_until(|served| served.get("/healthz").status == 200);
}

#[test]
fn more_connections_than_allowed_are_told_so_and_those_that_are_open_go_on() {
    let served = Served::with("api: {listen: '127.0.0.1:0', connections: 2, rate: 100000}");
    let mut open = following(&served);
    let silent = served.connect();
    let answer = served.get("/healthz");
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (503, "overloaded")
    );
    drop(silent);
    served.wait_until(|served| served.get("/healthz").status == 200);
    served.post("/api/v1/cells/cell-1/fence", "{\"member\": \"du-b\"}");
    let mut more = [0; 64];
    assert!(open.read(&mut more).unwrap() > 0);
}

/// A stream of events that has begun.
fn following(served: &Served) -> std::net::TcpStream {
    let mut connection = served.connect();
    let stream = request("GET", "/api/v1/events/stream", &[], "");
    connection.write_all(stream.as_bytes()).unwrap();
    let mut head = [0; 15];
    connection.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    connection
}

#[test]
fn streams_leave_half_of_the_connections_to_questions() {
    let served = Served::with("api: {listen: '127.0.0.1:0', connections: 4, rate: 100000}");
    let mut open = vec![following(&served), following(&served)];
    let refused = served.get("/api/v1/events/stream");
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (503, "overloaded")
    );
    assert!(refused.body.contains("events?after"), "{refused:?}");
    assert_eq!(served.get("/healthz").status, 200);
    open.pop();
    served.wait_until(|served| {
        let mut connection = served.connect();
        let stream = request("GET", "/api/v1/events/stream", &[], "");
        connection.write_all(stream.as_bytes()).unwrap();
        let mut head = [0; 12];
        connection.read_exact(&mut head).unwrap();
        &head == b"HTTP/1.1 200"
    });
}

#[test]
fn who_takes_every_connection_of_the_port_is_told_of_by_the_console_and_does_not_close_the_socket()
{
    let api = "api: {listen: '127.0.0.1:0', socket: DIR/api.sock, connections: 4, rate: 100000}";
    let served = Served::with(api);
    let ctl = |api: String| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_ranshift"));
        program
            .args(["ctl", "--api", &api, "cells"])
            .output()
            .unwrap()
    };
    let held: Vec<_> = (0..4).map(|_| served.connect()).collect();
    let told = ctl(format!("http://{}", served.address()));
    let words = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1), "{words}");
    assert!(words.contains("raise api.connections"), "{words}");
    let socket = format!("unix:{}", served.dir.join("api.sock").display());
    assert_eq!(ctl(socket).status.code(), Some(0));
    drop(held);
}

#[test]
fn a_client_that_never_finishes_its_headers_or_its_body_is_cut_off_while_others_are_served() {
    let served = Served::new();
    let mut silent = served.connect();
    silent
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: loc")
        .unwrap();
    let mut half = served.connect();
    let head = "POST /api/v1/cells/cell-1/migrate HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{";
    half.write_all(head.as_bytes()).unwrap();
    assert_eq!(served.get("/healthz").status, 200);
    let answer = Answer::read(half);
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (408, "too_slow")
    );
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn bytes_that_are_no_http_end_their_own_connection_only() {
    let served = Served::new();
    for bytes in [
        &b"\x16\x03\x01\x00\xa5\x01\x00"[..],
        b"hello\r\n\r\n",
        &[0; 4096],
    ] {
        let mut connection = served.connect();
        connection.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
    let mut large = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n".to_owned();
    large.push_str(&format!("x: {}\r\n\r\n", "y".repeat(100 << 10)));
    let mut connection = served.connect();
    let _ = connection.write_all(large.as_bytes());
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn a_unix_socket_serves_its_owner_and_group_and_is_gone_at_the_end() {
    let served = Served::with("api: {listen: none, socket: DIR/api.sock}");
    let path = served.dir.join("api.sock");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let mut stream = UnixStream::connect(&path).unwrap();
    let asked = request("GET", "/api/v1/appliance", &[("host", "anything")], "");
    stream.write_all(asked.as_bytes()).unwrap();
    assert_eq!(Answer::read(stream).json()["term"], 3);
    drop(served);
    assert!(!path.exists());
}

#[test]
fn a_socket_that_a_dead_process_left_is_taken_and_one_that_answers_is_not() {
    let dir = scratch();
    let api = "api: {listen: none, socket: DIR/api.sock}";
    drop(UnixListener::bind(dir.join("api.sock")).unwrap());
    let served = Served::start(&dir, api).unwrap();
    let other = scratch();
    std::os::unix::fs::symlink(dir.join("api.sock"), other.join("link")).unwrap();
    let why = Served::start(&dir, api).err().unwrap().to_string();
    assert!(why.contains("another process answers there"), "{why}");
    fs::write(other.join("api.sock"), "no socket").unwrap();
    let why = Served::start(&other, api).err().unwrap().to_string();
    assert!(why.contains("no socket"), "{why}");
    drop(served);
    fs::remove_dir_all(other).unwrap();
}

#[test]
fn beyond_loopback_there_must_be_tls_and_tokens() {
    for api in [
        "api: {listen: '0.0.0.0:8470'}",
        "api: {listen: '[::]:8470', tokens: /etc/tokens}",
        "api: {listen: '10.0.0.1:8470', tls: {certificate: c.pem, key: k.pem}}",
    ] {
        let problems = config::parse(&format!("{CELL}{api}\n"), "c.yaml").unwrap_err();
        assert_eq!(problems.problems[0].key, "api.listen", "{api}");
        let line = CELL.lines().count() + 1;
        assert_eq!(problems.problems[0].mark.line, line, "{api}");
    }
    let whole = "api: {listen: '0.0.0.0:8470', tokens: t, tls: {certificate: c.pem, key: k.pem}}";
    assert!(config::parse(&format!("{CELL}{whole}\n"), "c.yaml").is_ok());
}

#[test]
fn tls_serves_who_trusts_the_certificate_and_has_a_token() {
    let names = vec!["appliance.example".to_owned()];
    let issued = rcgen::generate_simple_self_signed(names).unwrap();
    let dir = scratch();
    tokens(&dir, SECRETS, 0o640);
    fs::write(dir.join("c.pem"), issued.cert.pem()).unwrap();
    fs::write(dir.join("k.pem"), issued.signing_key.serialize_pem()).unwrap();
    let api = "api: {listen: '0.0.0.0:0', tokens: DIR/tokens, tls: {certificate: DIR/c.pem, key: DIR/k.pem}}";
    let served = Served::start(&dir, api).unwrap();
    let port = served.address().port();
    let mut trusted = RootCertStore::empty();
    trusted.add(issued.cert.der().clone()).unwrap();
    let client = ClientConfig::builder()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let client = Arc::new(client);
    let ask = |headers: &[(&str, &str)]| {
        let name = ServerName::try_from("appliance.example").unwrap();
        let session = ClientConnection::new(Arc::clone(&client), name).unwrap();
        let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        let headers = [&[("host", "localhost")], headers].concat();
        let asked = request("GET", "/api/v1/cells", &headers, "");
        stream.write_all(asked.as_bytes()).unwrap();
        Answer::read(stream)
    };
    assert_eq!(ask(&[]).status, 401);
    let token = ("authorization", "Bearer another-long-secret");
    assert_eq!(ask(&[token]).json()[0]["cell"], "cell-1");
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let asked = request("GET", "/healthz", &[], "");
    plain.write_all(asked.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}
