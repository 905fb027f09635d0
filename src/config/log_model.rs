//! The log as it is meant.

/// The log of `run`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Log {
    /// Form of an entry; `None`: journald if systemd started the process, else text.
    pub format: Option<LogFormat>,
    /// Least severity that is logged.
    pub level: LogLevel,
}

/// Form of a log entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A line that is one JSON object.
    Json,
    /// Fields of journald.
    Journald,
}

/// Severity of a log entry, worst first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// Errors.
    Error,
    /// Warnings too.
    Warn,
    /// What happens to cells and members too.
    Info,
    /// Everything.
    Debug,
}
