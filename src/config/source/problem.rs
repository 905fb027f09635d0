//! What is wrong with a file: every problem with its place, the value found and what would be accepted.

use serde::Serialize;
use std::fmt;

/// A place in a file, both counted from 1; line 0 means the file as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct Mark {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One thing that is wrong, or (as a warning) probably not meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub mark: Mark,
    /// Dotted path of the key, empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// The value found, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What would be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
}

impl Problem {
    /// A problem without value or remedy: both can be added.
    pub(in crate::config) fn new(mark: Mark, key: &str, what: impl Into<String>) -> Self {
        Self {
            mark,
            key: key.to_owned(),
            what: what.into(),
            found: None,
            accepted: None,
        }
    }

    pub(in crate::config) fn found(self, found: impl Into<String>) -> Self {
        Self {
            found: Some(found.into()),
            ..self
        }
    }

    pub(in crate::config) fn accepted(self, accepted: impl Into<String>) -> Self {
        Self {
            accepted: Some(accepted.into()),
            ..self
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if let Some(found) = &self.found {
            write!(f, " (found {found})")?;
        }
        if let Some(accepted) = &self.accepted {
            write!(f, "; accepted: {accepted}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with one file, in order of place. `Display` gives one line each,
/// `file:line:column: key: what is wrong (found VALUE); accepted: ...`, and a count.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problems {
    /// The file, as named by the caller.
    pub file: String,
    /// Never empty.
    pub problems: Vec<Problem>,
    /// What is probably not meant, beside the problems.
    pub warnings: Vec<Problem>,
}

impl Problems {
    /// A file that could not even be read.
    pub(in crate::config) fn whole(file: &str, problem: Problem) -> Self {
        Self {
            file: file.to_owned(),
            problems: vec![problem],
            warnings: Vec::new(),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{}{problem}", place(&self.file, problem.mark))?;
        }
        for warning in &self.warnings {
            writeln!(f, "{}warning: {warning}", place(&self.file, warning.mark))?;
        }
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{}: {count} problem{plural}", self.file)
    }
}

impl std::error::Error for Problems {}

/// `file:line:column: `, or `file: ` for the file as a whole.
pub fn place(file: &str, mark: Mark) -> String {
    if mark.line == 0 {
        return format!("{file}: ");
    }
    format!("{file}:{}:{}: ", mark.line, mark.column)
}

/// Collects problems while a file is read.
#[derive(Debug, Default)]
pub(in crate::config) struct Diagnosis {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    /// Problems beyond `MOST`, counted only.
    beyond: usize,
}

impl Diagnosis {
    pub(in crate::config) fn refuse(&mut self, problem: Problem) {
        if self.problems.len() < MOST {
            self.problems.push(problem);
            return;
        }
        self.beyond += 1;
    }

    pub(in crate::config) fn warn(&mut self, warning: Problem) {
        if self.warnings.len() < MOST {
            self.warnings.push(warning);
        }
    }

    /// The value and the warnings if nothing was refused, else everything that was.
    pub(in crate::config) fn conclude<T>(
        mut self,
        file: &str,
        value: Option<T>,
    ) -> Result<(T, Vec<Problem>), Problems> {
        self.problems.sort_by_key(|problem| problem.mark);
        self.warnings.sort_by_key(|warning| warning.mark);
        if self.beyond > 0 {
            let what = format!("has {} more problems, not shown", self.beyond);
            self.problems.push(Problem::new(Mark::default(), "", what));
        }
        if self.problems.is_empty() {
            if let Some(value) = value {
                return Ok((value, self.warnings));
            }
            self.problems.push(Problem::new(
                Mark::default(),
                "",
                "nothing could be read from the file",
            ));
        }
        Err(Problems {
            file: file.to_owned(),
            problems: self.problems,
            warnings: self.warnings,
        })
    }
}

/// Problems that are kept: far more than anyone reads, so that a file of nothing but mistakes stays cheap.
const MOST: usize = 1000;
