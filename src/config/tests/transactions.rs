//! Servers, transactions and drivers.

use super::*;
use crate::config::model::Driver;
use crate::ran::Duration;

/// An edit that adds lines before the bridge.
fn with(lines: &str) -> String {
    format!("{lines}\nbridge:  ")
}

fn given(lines: &str) -> Config {
    accepted(&[("bridge:  ", &with(lines))])
}

fn wrong(lines: &str, key: &str, what: &str) {
    refused(&[("bridge:  ", &with(lines))], key, what);
}

#[test]
fn without_a_word_about_them_transactions_are_as_documented() {
    let config = accepted(&[]);
    let of = &config.transactions;
    assert!(config.servers.is_empty() && of.journal.is_none() && !of.switch_at_deadline);
    assert_eq!((of.parallel, of.lead), (2, Duration::from_millis(20)));
    assert_eq!(config.drivers.ues, Driver::Manual);
}

#[test]
fn a_server_is_known_by_what_it_carries() {
    let config = given("servers: {left: {dus: [du-1]}, right: {dus: [du-2]}}");
    let names: Vec<_> = config
        .servers
        .iter()
        .map(|one| (one.name.as_str(), one.dus.clone()))
        .collect();
    assert_eq!(names, [("left", vec![0]), ("right", vec![1])]);
}

#[test]
fn a_du_runs_on_one_server() {
    wrong(
        "servers: {left: {dus: [du-1]}, right: {dus: [du-1]}}",
        "servers.right",
        "server left",
    );
}

#[test]
fn a_server_names_dus_that_there_are() {
    wrong(
        "servers: {left: {dus: [du-3]}}",
        "servers.left.dus[0]",
        "names no DU",
    );
}

#[test]
fn a_server_that_carries_nothing_is_refused() {
    wrong("servers: {left: {}}", "servers.left", "carries nothing");
}

#[test]
fn a_driver_is_a_webhook_a_command_or_a_person() {
    let config = given(
        "drivers: {member: {command: [/bin/true, x], timeout: 1s}, pattern: {webhook: 'http://127.0.0.1:1/p'}}",
    );
    let timeout = Duration::from_millis(1000);
    let argv = vec!["/bin/true".to_owned(), "x".to_owned()];
    assert_eq!(config.drivers.member, Driver::Command { argv, timeout });
    let timeout = Duration::from_millis(2000);
    let url = "http://127.0.0.1:1/p".to_owned();
    assert_eq!(config.drivers.pattern, Driver::Webhook { url, timeout });
}

#[test]
fn a_driver_that_is_nothing_or_two_things_is_refused() {
    wrong(
        "drivers: {member: nobody}",
        "drivers.member",
        "is no driver",
    );
    wrong(
        "drivers: {member: {timeout: 1s}}",
        "drivers.member",
        "webhook or command",
    );
    let both = "drivers: {member: {command: [/bin/true], webhook: 'http://127.0.0.1/x'}}";
    wrong(both, "drivers.member", "webhook or command");
}

#[test]
fn a_program_is_named_by_its_absolute_path_and_a_url_is_plain_http() {
    wrong(
        "drivers: {member: {command: [true]}}",
        "drivers.member.command",
        "absolute path",
    );
    wrong(
        "drivers: {member: {webhook: 'https://localhost/'}}",
        "drivers.member.webhook",
        "can be called",
    );
}

#[test]
fn a_deadline_is_neither_nothing_nor_forever() {
    let to = |value: &str| {
        with(&format!(
            "transactions: {{deadlines: {{switching: {value}}}}}"
        ))
    };
    accepted(&[("bridge:  ", &to("1ms"))]);
    accepted(&[("bridge:  ", &to("60s"))]);
    for value in ["0ms", "61s"] {
        refused(
            &[("bridge:  ", &to(value))],
            "transactions.deadlines.switching",
            "out of range",
        );
    }
}
