//! Starts the log as the configuration says.

use crate::config::model::{Log, LogFormat, LogLevel};
use crate::telemetry::log::{self, Format, Level};

/// Before anything that may have something to say. The error says what to do.
pub(super) fn start(wanted: Log) -> Result<(), String> {
    let format = wanted.format.map(|format| match format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
        LogFormat::Journald => Format::Journald,
    });
    let level = match wanted.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    log::start(format, level)
}
