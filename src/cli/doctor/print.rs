//! Findings as text for a terminal at three in the morning, and as JSON.
//!
//! Mildest first: what matters most is what the terminal shows when the command has ended.

use super::finding::{Finding, Level};
use super::{Diagnosis, Exit};
use rustix::termios::tcgetwinsize;
use std::io::{self, Write};

/// One JSON object.
pub(super) fn json(out: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let report = serde_json::json!({
        "config": diagnosis.config,
        "starts": diagnosis.exit() == Exit::Done,
        "fails": diagnosis.count(Level::Fails),
        "warnings": diagnosis.count(Level::Warning),
        "findings": diagnosis.findings,
    });
    writeln!(out, "{report:#}")
}

/// Text as wide as the terminal.
pub(super) fn text(out: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let width = tcgetwinsize(io::stdout()).map_or(USUAL_WIDTH, |size| usize::from(size.ws_col));
    write(out, diagnosis, width.clamp(NARROWEST, WIDEST))
}

pub(super) fn write(out: &mut dyn Write, diagnosis: &Diagnosis, width: usize) -> io::Result<()> {
    for finding in &diagnosis.findings {
        print(out, finding, width)?;
    }
    writeln!(out)?;
    let (fails, warnings) = (
        diagnosis.count(Level::Fails),
        diagnosis.count(Level::Warning),
    );
    let subject = match &diagnosis.config {
        Some(config) => format!("`ranshift run -c {}`", config.display()),
        None => "`ranshift run` (no configuration looked at, give one with -c)".to_owned(),
    };
    let verdict = match fails {
        0 => format!("{subject}: nothing stands in its way"),
        1 => format!("{subject} would not start: see FAILS above"),
        many => format!("{subject} would not start for {many} reasons: see FAILS above"),
    };
    let beside = match warnings {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        many => format!("; {many} warnings"),
    };
    wrapped(out, "", &format!("{verdict}{beside}."), width)
}

fn print(out: &mut dyn Write, finding: &Finding, width: usize) -> io::Result<()> {
    let word = match finding.level {
        Level::Ok => "ok",
        Level::Note => "note",
        Level::Warning => "WARNING",
        Level::Fails => "FAILS",
    };
    if finding.level == Level::Ok {
        return wrapped(
            out,
            &format!("{word:<9}"),
            &format!("{}: {}", finding.check, finding.found),
            width,
        );
    }
    writeln!(out)?;
    wrapped(
        out,
        &format!("{word:<9}"),
        &format!("{}: {}", finding.check, finding.found),
        width,
    )?;
    for source in &finding.read {
        wrapped(out, "    read   ", source, width)?;
    }
    if !finding.why.is_empty() {
        wrapped(out, "    why    ", &finding.why, width)?;
    }
    // Commands are never broken: they are copied.
    for command in &finding.advice {
        writeln!(out, "    do     {command}")?;
    }
    Ok(())
}

/// Writes `text` behind `label`, further lines under its first word.
fn wrapped(out: &mut dyn Write, label: &str, text: &str, width: usize) -> io::Result<()> {
    let indent = " ".repeat(label.chars().count());
    let mut line = label.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            writeln!(out, "{line}")?;
            line.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(out, "{line}")
}

/// Columns when nobody says.
const USUAL_WIDTH: usize = 100;
const NARROWEST: usize = 60;
const WIDEST: usize = 120;
