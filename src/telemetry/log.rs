//! The log of control threads: lines for people, JSON lines, or the journal. Lcores never log.
//!
//! An event of a cell is one entry with its fields apart, so that a search for a cell or a member finds
//! all of it and nothing else. Nothing of a request but its route and outcome is ever written here.

use serde_json::Value;
use std::io::{self, IsTerminal};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// Severity of entries, for `start`.
pub use tracing::Level;

/// Form of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A line for people.
    Text,
    /// A line that is one JSON object.
    Json,
    /// Fields of journald.
    Journald,
}

/// What happened, as the API tells it too.
#[derive(Clone, Copy, Debug)]
pub struct Happening<'a> {
    /// Kind.
    pub event: &'a str,
    /// `info`, `warning` or `critical`.
    pub severity: &'a str,
    /// The cell, if it concerns one.
    pub cell: Option<&'a str>,
    /// The slot on air then.
    pub slot: Option<u64>,
    /// One sentence.
    pub message: &'a str,
    /// The same in fields.
    pub details: &'a Value,
}

/// Starts the log on standard error or in the journal. Without `format` it is the journal if systemd
/// connected standard error to it, else text. RUST_LOG wins over `level`. The error says what to do.
pub fn start(format: Option<Format>, level: Level) -> Result<(), String> {
    let filter = filter(std::env::var("RUST_LOG").ok().as_deref(), level)?;
    let in_journal = format.is_none() && stderr_is_the_journal();
    let layer = match format {
        Some(Format::Journald) => journal()
            .map_err(|error| format!("log: no journal to write to ({error}): use format: text"))?,
        None if in_journal => journal().unwrap_or_else(|_| lines(Format::Text, io::stderr)),
        Some(format) => lines(format, io::stderr),
        None => lines(Format::Text, io::stderr),
    };
    let started = tracing_subscriber::registry().with(layer).with(filter);
    started.try_init().map_err(|error| format!("log: {error}"))
}

/// Writes one event of a cell or of the appliance.
pub fn happened(what: &Happening<'_>) {
    let field = |names: &[&str]| {
        let found = names.iter().find_map(|name| what.details.get(*name));
        found.and_then(Value::as_str)
    };
    let event = what.event;
    let cell = what.cell;
    let member = field(&["member", "from", "active", "source", "refused"]);
    let slot = what.slot;
    let cause = field(&["cause", "why", "class"]);
    let command = what.details.get("command").and_then(Value::as_u64);
    let by = field(&["by"]);
    let message = what.message;
    match what.severity {
        "critical" => {
            tracing::error!(target: "ranshift", event, cell, member, slot, cause, command, by, "{message}");
        }
        "warning" => {
            tracing::warn!(target: "ranshift", event, cell, member, slot, cause, command, by, "{message}");
        }
        _ => {
            tracing::info!(target: "ranshift", event, cell, member, slot, cause, command, by, "{message}");
        }
    }
}

fn filter(environment: Option<&str>, level: Level) -> Result<EnvFilter, String> {
    let wanted = environment.filter(|wanted| !wanted.is_empty());
    match wanted {
        Some(wanted) => EnvFilter::try_new(wanted).map_err(|error| format!("RUST_LOG: {error}")),
        None => Ok(EnvFilter::new(level.as_str())),
    }
}

type Boxed<S> = Box<dyn Layer<S> + Send + Sync>;

fn lines<S, W>(format: Format, writer: W) -> Boxed<S>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    match format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text | Format::Journald => {
            let colours = io::stderr().is_terminal();
            lines.with_target(false).with_ansi(colours).boxed()
        }
    }
}

fn journal() -> io::Result<Boxed<Registry>> {
    let journal = tracing_journald::layer()?;
    let named = journal.with_field_prefix(Some("RANSHIFT".to_owned()));
    Ok(named.with_syslog_identifier("ranshift".to_owned()).boxed())
}

/// systemd names the device and inode of the stream that it connected; whoever redirected standard
/// error since then wants lines.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|found| stream == format!("{}:{}", found.st_dev, found.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, level: Level, what: &Happening<'_>) -> String {
        let paper = Paper::default();
        let writer = paper.clone();
        let layer = lines(format, move || writer.clone());
        let subscriber = tracing_subscriber::registry()
            .with(layer)
            .with(filter(None, level).unwrap());
        tracing::subscriber::with_default(subscriber, || happened(what));
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_one_json_object_with_cell_member_slot_and_cause_apart() {
        let details = json!({"member": "du-1", "cause": "failover"});
        let what = Happening {
            event: "fenced",
            severity: "warning",
            cell: Some("cell-1"),
            slot: Some(77),
            message: "du-1 is fenced, by failover",
            details: &details,
        };
        let line = written(Format::Json, Level::INFO, &what);
        let entry: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(entry["level"], "WARN");
        assert_eq!(entry["message"], "du-1 is fenced, by failover");
        assert_eq!(
            (&entry["event"], &entry["cell"]),
            (&json!("fenced"), &json!("cell-1"))
        );
        assert_eq!(
            (&entry["member"], &entry["slot"]),
            (&json!("du-1"), &json!(77))
        );
        assert_eq!(entry["cause"], "failover");
        assert!(entry.get("command").is_none());
    }

    #[test]
    fn what_is_less_severe_than_the_level_is_not_written() {
        let what = Happening {
            event: "in_step",
            severity: "info",
            cell: Some("cell-1"),
            slot: None,
            message: "du-1 is in step",
            details: &Value::Null,
        };
        assert_eq!(written(Format::Text, Level::WARN, &what), "");
        let line = written(Format::Text, Level::INFO, &what);
        assert!(
            line.contains("INFO du-1 is in step event=\"in_step\" cell=\"cell-1\""),
            "{line}"
        );
    }

    #[test]
    fn the_environment_wins_over_the_configuration_and_must_be_understood() {
        let chosen = filter(Some("error"), Level::DEBUG).unwrap();
        assert_eq!(chosen.to_string(), "error");
        assert_eq!(filter(Some(""), Level::INFO).unwrap().to_string(), "info");
        assert!(filter(Some("a=b=c"), Level::INFO).is_err());
    }
}
