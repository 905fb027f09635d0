//! `ctl apply`, `ctl config`: the configuration in force, and a new one with what it changes.

use super::Console;
use crate::cli::client::Trouble;
use crate::cli::text::{Ink, clean};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

#[derive(Deserialize)]
struct Applied {
    dry_run: bool,
    term: u64,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    object: String,
    change: String,
    #[serde(default)]
    from: Value,
    #[serde(default)]
    to: Value,
}

#[derive(Deserialize)]
struct InForce {
    text: String,
}

impl Console<'_> {
    pub(super) fn config(&mut self) -> Result<(), Trouble> {
        if self.as_json("/api/v1/config")? {
            return Ok(());
        }
        let in_force: InForce = self.client.read("/api/v1/config")?;
        self.verbatim(&in_force.text)
    }

    pub(super) fn apply(&mut self, file: &Path, dry_run: bool) -> Result<(), Trouble> {
        let text = std::fs::read(file)
            .map_err(|error| Trouble::Usage(format!("{}: {error}", file.display())))?;
        let answer = self
            .client
            .replace(&format!("/api/v1/config?dry_run={dry_run}"), text)?;
        if self.json {
            return self.verbatim(&String::from_utf8_lossy(&answer));
        }
        let applied: Applied = self.client.understand(&answer)?;
        for change in &applied.changes {
            let (ink, line) = change.told();
            writeln!(self.out, "{}", self.paper.paint(ink, &line))?;
        }
        let number = applied.changes.len();
        let changes = match number {
            0 => "nothing changes".to_owned(),
            1 => "1 change".to_owned(),
            _ => format!("{number} changes"),
        };
        let term = applied.term;
        let words = match applied.dry_run {
            true => format!("{changes}; nothing was applied (--dry-run)"),
            false if number == 0 => format!("{changes}; term {term} is in force"),
            false => format!("{changes} in force, term {term}"),
        };
        Ok(writeln!(self.out, "{words}")?)
    }
}

impl Change {
    fn told(&self) -> (Ink, String) {
        let (from, to) = (shown(&self.from), shown(&self.to));
        let object = &self.object;
        let (ink, line) = match (from.is_empty(), to.is_empty()) {
            (true, false) => (Ink::Good, format!("+ {object}: {} {to}", self.change)),
            (false, true) => (Ink::Bad, format!("- {object}: {} {from}", self.change)),
            (false, false) => (
                Ink::Warning,
                format!("~ {object}: {} {from} -> {to}", self.change),
            ),
            (true, true) => (Ink::Warning, format!("~ {object}: {}", self.change)),
        };
        (ink, clean(&line))
    }
}

/// A value as it would be written in the file.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(from: Value, to: Value) -> String {
        let change = Change {
            object: "cell cell-1".into(),
            change: "late_tolerance".into(),
            from,
            to,
        };
        change.told().1
    }

    #[test]
    fn a_change_shows_what_was_and_what_will_be() {
        assert_eq!(
            told(json!("10ms"), json!("5ms")),
            "~ cell cell-1: late_tolerance 10ms -> 5ms"
        );
        assert_eq!(
            told(Value::Null, json!(7)),
            "+ cell cell-1: late_tolerance 7"
        );
        assert_eq!(
            told(json!([1, 2]), Value::Null),
            "- cell cell-1: late_tolerance [1,2]"
        );
    }
}
