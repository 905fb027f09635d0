//! One finding: what is so, where that was read, why it matters, and what to do.

use serde::Serialize;

/// How much a finding matters, mildest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// `run` starts, and something will be worse than it could be.
    Warning,
    /// `run` would not start.
    Fails,
}

/// What was found out about one thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Finding {
    /// The thing, one word or more joined by `-`.
    pub(super) check: &'static str,
    /// How much it matters.
    pub(super) level: Level,
    /// What is so, in one sentence.
    pub(super) found: String,
    /// Where it was read and what was there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) read: Vec<String>,
    /// What comes of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) why: String,
    /// Commands, each with what it is for behind a `#` where that is not plain.
    #[serde(rename = "do", skip_serializing_if = "Vec::is_empty")]
    pub(super) advice: Vec<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, found)
    }

    pub(super) fn note(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Level::Note, found)
    }

    pub(super) fn warning(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Level::Warning, found)
    }

    pub(super) fn fails(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Level::Fails, found)
    }

    pub(super) fn new(check: &'static str, level: Level, found: impl Into<String>) -> Self {
        Self {
            check,
            level,
            found: found.into(),
            read: Vec::new(),
            why: String::new(),
            advice: Vec::new(),
        }
    }

    /// With one more source: `PATH: what it says`.
    pub(super) fn read(mut self, source: impl Into<String>) -> Self {
        self.read.push(source.into());
        self
    }

    /// With the consequence.
    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// With one more command.
    pub(super) fn advise(mut self, command: impl Into<String>) -> Self {
        self.advice.push(command.into());
        self
    }
}
