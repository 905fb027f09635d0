//! The section `log`.

use super::{accepted, refused};
use crate::config::model::{LogFormat, LogLevel};

const BRIDGE: &str = "\nbridge:";

fn with(section: &str) -> String {
    format!("\nlog: {section}\nbridge:")
}

#[test]
fn without_the_section_the_form_follows_whoever_started_the_process() {
    let log = accepted(&[]).log;
    assert_eq!((log.format, log.level), (None, LogLevel::Info));
}

#[test]
fn form_and_level_are_words() {
    let log = accepted(&[(BRIDGE, &with("{format: json, level: warn}"))]).log;
    assert_eq!(log.format, Some(LogFormat::Json));
    assert_eq!(log.level, LogLevel::Warn);
    refused(
        &[(BRIDGE, &with("{format: xml}"))],
        "log.format",
        "not a known word",
    );
    refused(
        &[(BRIDGE, &with("{level: loud}"))],
        "log.level",
        "not a known word",
    );
}
